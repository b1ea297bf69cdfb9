// The operator's side of a settled chain, run when no other test needs blocks: heads that follow L1, and the sequencer
// stopped and started.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, failure, privileged, receiptOf, until } from "../lib/rpc.mjs";
import { target } from "../lib/target.mjs";
import { Sender } from "../lib/sender.mjs";

const sender = new Sender("behaviour");
const number = async (tag) => Number((await call("eth_getBlockByNumber", [tag, false])).number);

describe("heads", () => {
  test("safe follows the batches on L1, finalized follows L1's finality", async () => {
    const safe = await until(
      () => number("safe"),
      (value) => value > 0,
      { timeoutMs: 60_000, what: "a safe block" },
    );
    const finalized = await until(
      () => number("finalized"),
      (value) => value > 0,
      {
        timeoutMs: 60_000,
        what: "a finalized block",
      },
    );
    assert.ok(finalized <= (await number("safe")));
    assert.ok(safe <= (await number("latest")));
    const status = await call("optimism_syncStatus");
    assert.ok(status.safe_l2.number > 0);
    const at = await call("optimism_safeHeadAtL1Block", [`0x${status.head_l1.number.toString(16)}`]);
    assert.ok(at.safeHead.number > 0);
  });
});

describe("sequencer", () => {
  test("stops on request and goes on from the head that is named", async () => {
    assert.equal(await privileged("admin_sequencerActive"), true);
    const stopped = await privileged("admin_stopSequencer");
    assert.equal(await privileged("admin_sequencerActive"), false);
    const head = await call("eth_getBlockByNumber", ["latest", false]);
    assert.equal(head.hash, stopped);
    await sleep(2_500);
    assert.equal((await call("eth_getBlockByNumber", ["latest", false])).hash, stopped, "no block while it is stopped");
    const hash = await sender.send();
    assert.equal(await call("eth_getTransactionReceipt", [hash]), null);
    await failure("admin_startSequencer", [`0x${"ab".repeat(32)}`], { url: target.privilegedUrl });
    assert.equal(await privileged("admin_sequencerActive"), false, "another head than the node's is refused");
    await privileged("admin_startSequencer", [stopped]);
    assert.equal(await privileged("admin_sequencerActive"), true);
    // What came meanwhile is included.
    const receipt = await receiptOf(hash);
    assert.equal(receipt.status, "0x1");
    assert.equal(
      (await call("eth_getBlockByNumber", [`0x${(Number(head.number) + 1).toString(16)}`, false])).parentHash,
      stopped,
    );
  });

  test("limits on data availability are taken, and lifted", async () => {
    assert.equal(await privileged("miner_setMaxDASize", ["0x1", "0x1"]), true);
    try {
      const hash = await sender.send();
      await sleep(2_500);
      assert.equal(
        await call("eth_getTransactionReceipt", [hash]),
        null,
        "no block takes a transaction of more than 1 byte",
      );
      await privileged("miner_setMaxDASize", ["0x0", "0x0"]);
      assert.equal((await receiptOf(hash)).status, "0x1");
    } finally {
      await privileged("miner_setMaxDASize", ["0x0", "0x0"]);
    }
  });
});
