// OPEN from L1 to L2 and back by the node's own commands, as a person runs them; and what they say when used wrongly.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { createPublicClient, http, parseAbi, parseEther } from "viem";
import { accountOf, target } from "../lib/target.mjs";
import { publicClient } from "../lib/viem.mjs";

const { OPENLEDGER_BIN } = process.env;
const account = accountOf("commands");
const l1 = createPublicClient({ transport: http(target.l1Url) });
const l2 = publicClient();
const HASH = /0x[0-9a-f]{64}/;

/** Runs a command of the binary; answers { code, stdout, stderr }. */
const run = (args, env = {}) =>
  new Promise((resolve) => {
    const clean = { ...process.env, RUST_LOG: "", OPENLEDGER_CHAIN: target.directory, OPENLEDGER_KEY: account.privateKey };
    execFile(OPENLEDGER_BIN, args, { env: { ...clean, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

/** The same, on the chain behind the validating proxy; must end well. */
async function done(...args) {
  const { code, stdout, stderr } = await run([...args, "--l2.rpc-url", target.rpcUrl]);
  assert.equal(code, 0, `${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

/** The one line that a failing command says. */
async function refused(args, env) {
  const { code, stdout, stderr } = await run(args, env);
  assert.equal(code, 1, `${args.join(" ")}\n${stdout}${stderr}`);
  const lines = stderr.split("\n").filter((line) => line.startsWith("error: "));
  assert.equal(lines.length, 1, stderr);
  return lines[0];
}

const openOnL1 = (address) =>
  l1.readContract({
    address: target.contracts.open,
    abi: parseAbi(["function balanceOf(address) view returns (uint256)"]),
    functionName: "balanceOf",
    args: [address],
  });

describe("deposit", () => {
  test("by a permit, to another account", async () => {
    const to = "0x0000000000000000000000000000000000c0ffee";
    const [before, had] = [await openOnL1(account.address), await l2.getBalance({ address: to })];
    const told = await done("deposit", "--amount", "12.5", "--to", to);
    assert.match(told, /^arrived +12.5 OPEN in L2 block \d+$/m);
    assert.doesNotMatch(told, /^approved/m);
    assert.equal(await openOnL1(account.address), before - parseEther("12.5"));
    assert.equal(await l2.getBalance({ address: to }), had + parseEther("12.5"));
    const [hash] = told.match(/^L2 transaction +(0x[0-9a-f]{64})$/m).slice(1);
    assert.equal((await l2.getTransactionReceipt({ hash })).type, "0x7e");
  });

  test("by an approval, without waiting for L2", async () => {
    const told = await done("deposit", "--amount", "1", "--approve", "--no-wait");
    assert.match(told, /^approved +0x/m);
    const [hash] = told.match(/^L2 transaction +(0x[0-9a-f]{64})$/m).slice(1);
    const receipt = await l2.waitForTransactionReceipt({ hash, timeout: 60_000 });
    assert.equal(receipt.status, "success");
  });
});

test("withdraw start, prove, finalize", { timeout: 140_000 }, async () => {
  const before = await openOnL1(account.address);
  const started = await done("withdraw", "start", "--amount", "3.25");
  const hash = started.match(/^L2 transaction +(0x[0-9a-f]{64})$/m)[1];
  assert.match(started, new RegExp(`^next +openledger withdraw prove ${hash}$`, "m"));
  const step = (name) => done("withdraw", name, hash);

  const waiting = await step("status");
  assert.match(waiting, /^stage +(waits for|can be proved)/m);
  assert.match(waiting, /^next +openledger withdraw prove /m);
  assert.match(await refused(["withdraw", "finalize", hash]), /is not proved.* withdraw prove /);

  const proved = await step("prove");
  assert.match(proved, /^proved +by claim \d+ about L2 block \d+$/m);
  assert.match(await step("prove"), /^stage +proved/m);
  const maturing = await step("status");
  assert.match(maturing, /^stage +proved(; can be paid in \d+ s| and mature: can be paid)$/m);
  assert.equal(await openOnL1(account.address), before);

  const paid = await step("finalize");
  assert.match(paid, new RegExp(`^paid +3.25 OPEN to ${account.address}$`, "mi"));
  assert.equal(await openOnL1(account.address), before + parseEther("3.25"));
  assert.match(await step("status"), /^stage +paid$/m);
  assert.match(await step("finalize"), /^stage +paid$/m);
  assert.equal(await openOnL1(account.address), before + parseEther("3.25"));
});

test("fees set --dry-run says what a rate asks for", async () => {
  const told = await done("fees", "set", "--dry-run", "--open-per-eth", "7500.5", "--carrier", "calldata");
  assert.match(told, /^base fee scalar +1368 -> \d+$/m);
  assert.match(told, /^blob base fee scalar +810949 -> 0$/m);
  assert.match(told, /^call +change of the fee scalars of SystemConfig 0x/m);
  // The chain posts every L1 block, so that there is something to compare.
  assert.match(told, /^ +all +\d+-\d+ /m);
  const much = await done("fees", "set", "--dry-run", "--open-per-eth", "1000000000");
  assert.match(much, /^SATURATED +(blob )?base fee scalar would be \d+, and 4294967295 is the highest/m);
});

test("what can't be done is told in a line", async () => {
  const unknown = `0x${"11".repeat(32)}`;
  const nobody = { OPENLEDGER_KEY: `0x${"22".repeat(32)}` };
  const start = ["withdraw", "start", "--amount", "1"];
  const cases = [
    [["deposit", "--amount", "100000"], {}, /has \d+(\.\d+)? OPEN on the L1, and 100000 OPEN/],
    [["deposit", "--amount", "1", "--gas-limit", "20999"], {}, /at least 21000/],
    [["deposit", "--amount", "1"], nobody, /has 0 OPEN on the L1/],
    [["deposit", "--amount", "1"], { OPENLEDGER_KEY: "secret" }, /OPENLEDGER_KEY holds no private key/],
    [["deposit", "--amount", "1"], { OPENLEDGER_KEY: undefined }, /--key-file or OPENLEDGER_KEY/],
    [["deposit", "--amount", "1", "--l1.rpc-url", target.nodeUrl], {}, /is of another L1 than the chain's: the L1 has chain id 161299/],
    [["deposit", "--amount", "1", "--l2.rpc-url", target.l1Url], {}, /the chain has 161299/],
    [["deposit", "--amount", "1", "--chain", "/nonexistent"], {}, /\/nonexistent holds no chain/],
    [[...start, "--to", target.contracts.portal], {}, /which L1 never calls/],
    [[...start, "--to", target.contracts.open], {}, /which L1 never calls/],
    [start, nobody, /has 0 OPEN on L2/],
    [["withdraw", "status", unknown], {}, /the node knows no L2 transaction/],
    [["fees", "set", "--open-per-eth", "2"], {}, /SystemConfig is owned by 0x/],
  ];
  for (const [args, env, words] of cases) {
    const line = await refused(args, env);
    assert.match(line, words);
    // What was given as a key is never repeated.
    assert.ok(!line.includes("secret") && !HASH.test(line.replaceAll(unknown, "")), line);
  }
});
