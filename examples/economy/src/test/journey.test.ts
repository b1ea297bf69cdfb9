import assert from "node:assert/strict";
import { test } from "node:test";
import { journey } from "../journey.js";

test("the whole economy, every sum to the wei", async () => {
  const url = process.env.OPENLEDGER_RPC_URL;
  assert.ok(url, "OPENLEDGER_RPC_URL is not set");
  const ledger = await journey(url);
  for (const name of ["owner", "modeller", "developer", "worker", "proposer", "vera", "vito", "vlad"] as const) {
    assert.ok(ledger.total(name, "earned") > 0n, `${name} earned`);
  }
  const contributors = ["ana", "ben", "cleo", "eva"] as const;
  assert.ok(
    contributors.some((name) => ledger.total(name, "earned") > 0n),
    "contributors earned",
  );
  // A duplicate earns nothing and loses nothing; noise loses its bond, too.
  assert.equal(ledger.total("fay", "earned"), 0n);
  assert.ok(ledger.total("fay", "bond") > 0n);
  assert.equal(ledger.total("dan"), 0n);
});
