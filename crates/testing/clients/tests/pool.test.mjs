// The pool as clients see it: pending and queued, replacement, the txpool_ methods.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { call, failure, receiptOf } from "../lib/rpc.mjs";
import { Sender } from "../lib/sender.mjs";

const sender = new Sender("pool");
const queuedOf = (content) =>
  Object.entries(content.queued).find(([address]) => address.toLowerCase() === sender.address.toLowerCase())?.[1] ?? {};

describe("a nonce gap", () => {
  let nonce;
  let gapped;
  before(async () => {
    nonce = await sender.nonce();
    gapped = await sender.send({ nonce: nonce + 1, value: 1n });
  });

  test("queues the transaction, and txpool_ shows it", async () => {
    assert.ok(Number((await call("txpool_status")).queued) >= 1);
    const content = await call("txpool_content");
    assert.equal(queuedOf(content)[nonce + 1].hash, gapped);
    const own = await call("txpool_contentFrom", [sender.address]);
    assert.equal(own.queued[nonce + 1].hash, gapped);
    assert.deepEqual(own.pending, {});
    const inspected = await call("txpool_inspect");
    assert.match(queuedOf(inspected)[nonce + 1], /1 wei.*21000 gas/);
  });

  test("does not count as the next nonce, and the transaction is found without a block", async () => {
    assert.equal(Number(await call("eth_getTransactionCount", [sender.address, "pending"])), nonce);
    const transaction = await call("eth_getTransactionByHash", [gapped]);
    assert.equal(transaction.blockNumber, null);
    assert.equal(await call("eth_getTransactionReceipt", [gapped]), null);
  });

  test("is refused twice, and replaced only for 10 % more", async () => {
    const again = await failure("eth_sendRawTransaction", [await sender.sign({ nonce: nonce + 1, value: 1n })]);
    assert.match(again.message, /already known/);
    const fees = (percent) => ({
      maxFeePerGas: (20_000_000_000n * percent) / 100n,
      maxPriorityFeePerGas: (1_000_000_000n * percent) / 100n,
    });
    const cheap = await sender.sign({ nonce: nonce + 1, value: 2n, ...fees(109n) });
    assert.match((await failure("eth_sendRawTransaction", [cheap])).message, /replacement transaction underpriced/);
    const replaced = await sender.send({ nonce: nonce + 1, value: 3n, ...fees(110n) });
    assert.equal(await call("eth_getTransactionByHash", [gapped]), null);
    gapped = replaced;
  });

  test("closes: both are included, in order", async () => {
    const first = await sender.mined({ nonce, value: 4n });
    const second = await receiptOf(gapped);
    assert.equal(first.status, "0x1");
    assert.equal(second.status, "0x1");
    assert.ok(Number(first.blockNumber) <= Number(second.blockNumber));
    assert.deepEqual((await call("txpool_contentFrom", [sender.address])).queued, {});
  });
});
