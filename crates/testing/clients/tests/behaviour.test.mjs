// What clients depend on without saying so: docs/spec/rpc.md, "Sealed, preconfirmed, pending" and "Errors", on the wire.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { encodeAbiParameters, encodeFunctionData, hexToBigInt, keccak256, numberToHex, toHex } from "viem";
import { artifact, PREDEPLOYS, PREINSTALLS, target } from "../lib/target.mjs";
import { call, failure, receiptOf, Socket, until } from "../lib/rpc.mjs";
import { Sender } from "../lib/sender.mjs";

const Counter = artifact("Counter");
const Failures = artifact("Failures");
const sender = new Sender("behaviour");
const ZERO_HASH = `0x${"00".repeat(32)}`;
const NUMBER = encodeFunctionData({ abi: Counter.abi, functionName: "number" });
const INCREMENT = encodeFunctionData({ abi: Counter.abi, functionName: "increment" });
const setNumber = (value) => encodeFunctionData({ abi: Counter.abi, functionName: "setNumber", args: [value] });
const shout = (count) => encodeFunctionData({ abi: Counter.abi, functionName: "shout", args: [count] });

let counter;
let deployed;
before(async () => {
  counter = await sender.deploy(Counter, encodeAbiParameters([{ type: "uint256" }], [100n]));
  deployed = await call("eth_blockNumber");
});

describe("sealed and preconfirmed", () => {
  test("a receipt before sealing comes from sendRawTransactionSync and getBlockReceipts(pending) alone", async () => {
    // The block may be sealed between two calls, so this looks until it has seen the open block.
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const raw = await sender.sign({ to: counter, data: INCREMENT, gas: 100_000n });
      const receipt = await call("eth_sendRawTransactionSync", [raw]);
      const [pendingReceipts, byHash, pendingCount, latestCount, sealedReceipt, logs, head] = await Promise.all([
        call("eth_getBlockReceipts", ["pending"]),
        call("eth_getTransactionByHash", [receipt.transactionHash]),
        call("eth_getTransactionCount", [sender.address, "pending"]),
        call("eth_getTransactionCount", [sender.address, "latest"]),
        call("eth_getTransactionReceipt", [receipt.transactionHash]),
        call("eth_getLogs", [{ address: counter, fromBlock: receipt.blockNumber, toBlock: "latest" }]),
        call("eth_blockNumber"),
      ]);
      if (hexToBigInt(head) >= hexToBigInt(receipt.blockNumber)) {
        await receiptOf(receipt.transactionHash);
        continue;
      }
      assert.equal(receipt.preconfirmed, true);
      assert.equal(receipt.blockHash, ZERO_HASH);
      assert.equal(receipt.status, "0x1");
      assert.equal(receipt.logs.length, 1);
      assert.equal(sealedReceipt, null, "eth_getTransactionReceipt speaks of sealed blocks only");
      assert.deepEqual(logs, [], "eth_getLogs speaks of sealed blocks only");
      assert.deepEqual(
        pendingReceipts.find(({ transactionHash }) => transactionHash === receipt.transactionHash),
        receipt,
      );
      assert.equal(byHash.hash, receipt.transactionHash);
      assert.equal(byHash.blockNumber, null, "clients take a transaction with a block number for mined");
      assert.equal(hexToBigInt(pendingCount), hexToBigInt(latestCount) + 1n);

      const sealed = await receiptOf(receipt.transactionHash);
      assert.notEqual(sealed.blockHash, ZERO_HASH);
      assert.ok(!("preconfirmed" in sealed));
      // The promise is kept: the same place, result and cost.
      const { preconfirmed, blockHash, logs: promised, ...rest } = receipt;
      const { blockHash: sealedHash, logs: kept, ...sealedRest } = sealed;
      assert.deepEqual(sealedRest, rest);
      const place = ({ address, topics, data, logIndex }) => ({ address, topics, data, logIndex });
      assert.deepEqual(kept.map(place), promised.map(place));
      return;
    }
    assert.fail("no attempt saw the open block");
  });

  test("pending is the preconfirmed state", async () => {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const before = hexToBigInt(await call("eth_call", [{ to: counter, data: NUMBER }, "pending"]));
      const receipt = await call("eth_sendRawTransactionSync", [
        await sender.sign({ to: counter, data: INCREMENT, gas: 100_000n }),
      ]);
      const [pending, latest, block, head] = await Promise.all([
        call("eth_call", [{ to: counter, data: NUMBER }, "pending"]),
        call("eth_call", [{ to: counter, data: NUMBER }, "latest"]),
        call("eth_getBlockByNumber", ["pending", false]),
        call("eth_blockNumber"),
      ]);
      await receiptOf(receipt.transactionHash);
      if (hexToBigInt(head) >= hexToBigInt(receipt.blockNumber)) continue;
      assert.equal(hexToBigInt(pending), before + 1n);
      assert.equal(hexToBigInt(latest), before);
      assert.equal(block.number, receipt.blockNumber);
      assert.ok(block.transactions.includes(receipt.transactionHash));
      return;
    }
    assert.fail("no attempt saw the open block");
  });

  test("newHeads and logs arrive once the block is sealed, and it can be read at once", async () => {
    const socket = await Socket.open();
    try {
      const heads = await socket.call("eth_subscribe", ["newHeads"]);
      const logs = await socket.call("eth_subscribe", ["logs", { address: counter }]);
      const hash = await sender.send({ to: counter, data: INCREMENT, gas: 100_000n });
      const [log] = await until(
        () => socket.of(logs),
        (list) => list.length > 0,
        { what: "the log" },
      );
      assert.equal(log.transactionHash, hash);
      assert.equal(log.removed, false);
      const receipt = await call("eth_getTransactionReceipt", [hash]);
      assert.equal(receipt.blockHash, log.blockHash);
      const head = await until(() => socket.of(heads).find(({ hash }) => hash === log.blockHash), Boolean, {
        what: "the head",
      });
      const block = await call("eth_getBlockByHash", [head.hash, false]);
      for (const [field, value] of Object.entries(head)) assert.deepEqual(value, block[field], field);
      assert.equal(await socket.call("eth_unsubscribe", [heads]), true);
      assert.notEqual(await socket.call("eth_unsubscribe", [heads]).catch(() => false), true);
    } finally {
      socket.close();
    }
  });

  test("newPendingTransactions sends hashes, or whole transactions for true", async () => {
    const socket = await Socket.open();
    try {
      const hashes = await socket.call("eth_subscribe", ["newPendingTransactions"]);
      const whole = await socket.call("eth_subscribe", ["newPendingTransactions", true]);
      const hash = await sender.send();
      await until(() => socket.of(hashes).includes(hash), Boolean, { what: "the hash" });
      const transaction = await until(
        () => socket.of(whole).find((transaction) => transaction.hash === hash),
        Boolean,
        { what: "the transaction" },
      );
      assert.equal(transaction.from.toLowerCase(), sender.address.toLowerCase());
      await receiptOf(hash);
    } finally {
      socket.close();
    }
  });

  test("the subscription preconfirmations sends each receipt as it is executed, in order", async () => {
    const socket = await Socket.open();
    try {
      const subscription = await socket.call("eth_subscribe", ["preconfirmations"]);
      const receipts = [];
      for (let at = 0; at < 3; at += 1) receipts.push(await call("eth_sendRawTransactionSync", [await sender.sign()]));
      const own = () =>
        socket.of(subscription).filter(({ from }) => from.toLowerCase() === sender.address.toLowerCase());
      const sent = await until(own, ({ length }) => length >= 3, { timeoutMs: 1_000, what: "three preconfirmations" });
      assert.deepEqual(
        sent.map(({ transactionHash }) => transactionHash),
        receipts.map(({ transactionHash }) => transactionHash),
      );
      for (const receipt of sent) {
        assert.equal(receipt.preconfirmed, true);
        assert.equal(receipt.blockHash, ZERO_HASH);
      }
    } finally {
      socket.close();
    }
  });

  test("a failed transaction is preconfirmed as failed", async () => {
    const failures = await sender.deploy(Failures);
    const data = encodeFunctionData({ abi: Failures.abi, functionName: "failWithReason" });
    const receipt = await call("eth_sendRawTransactionSync", [await sender.sign({ to: failures, data, gas: 60_000n })]);
    assert.equal(receipt.status, "0x0");
    assert.equal((await receiptOf(receipt.transactionHash)).status, "0x0");
  });
});

describe("EIP-7966", () => {
  test("a nonce gap is refused with the nonce that is expected", async () => {
    const nonce = await sender.nonce();
    const error = await failure("eth_sendRawTransactionSync", [await sender.sign({ nonce: nonce + 5 })]);
    assert.equal(error.code, 6);
    assert.equal(hexToBigInt(error.data), BigInt(nonce));
  });

  test("a timeout parameter is accepted, and a bad transaction fails as in eth_sendRawTransaction", async () => {
    const receipt = await call("eth_sendRawTransactionSync", [await sender.sign(), 1000]);
    assert.equal(receipt.status, "0x1");
    const error = await failure("eth_sendRawTransactionSync", [await sender.sign({ nonce: 0 })]);
    assert.equal(error.code, -32000);
    assert.match(error.message, /nonce too low/);
  });
});

describe("block parameters", () => {
  const withBlock = (params) =>
    [
      ["eth_getBalance", [target.accounts[9].address]],
      ["eth_getCode", [counter]],
      ["eth_getTransactionCount", [target.accounts[9].address]],
      ["eth_getStorageAt", [PREDEPLOYS.wrappedOpen, "0x0"]],
      ["eth_call", [{ to: PREINSTALLS.multicall3, data: "0x3408e470" }]],
      ["eth_estimateGas", [{ from: sender.address, to: target.accounts[9].address, value: "0x1" }]],
      ["eth_createAccessList", [{ from: sender.address, to: counter, data: NUMBER }]],
      ["eth_getAccountInfo", [target.accounts[9].address]],
      ["eth_getAccount", [target.accounts[9].address]],
    ].map(([method, args]) => [method, [...args, ...params]]);

  test("a missing one means latest", async () => {
    for (const [at, [method, params]] of withBlock([]).entries()) {
      const [, explicit] = withBlock(["latest"])[at];
      assert.deepEqual(await call(method, params), await call(method, explicit), method);
    }
    const proof = await call("eth_getProof", [target.accounts[9].address, []]);
    assert.equal(hexToBigInt(proof.balance), 10_000n * 10n ** 18n);
  });

  test("numbers, tags and EIP-1898 objects are all taken", async () => {
    const block = await call("eth_getBlockByNumber", [deployed, false]);
    const forms = [
      deployed,
      { blockNumber: deployed },
      { blockHash: block.hash },
      { blockHash: block.hash, requireCanonical: true },
      { blockHash: block.hash, requireCanonical: false },
      "latest",
      "pending",
    ];
    for (const form of forms) {
      for (const [method, params] of withBlock([form])) await call(method, params);
    }
    for (const form of ["earliest", "safe", "finalized"]) {
      await call("eth_getBalance", [sender.address, form]);
      await call("eth_getBlockReceipts", [form]);
    }
    // Storage at the block named, not at latest.
    const value = await call("eth_call", [{ to: counter, data: NUMBER }, { blockHash: block.hash }]);
    assert.equal(hexToBigInt(value), 100n);
  });

  test("an unknown block is an error for state, and null for blocks", async () => {
    for (const block of ["0xffffffff", { blockHash: `0x${"ab".repeat(32)}` }]) {
      const error = await failure("eth_getBalance", [sender.address, block]);
      assert.equal(error.code, -32001, JSON.stringify(block));
      assert.match(error.message, /header .*not found/);
    }
    assert.equal(await call("eth_getBlockByNumber", ["0xffffffff", false]), null);
    assert.equal(await call("eth_getBlockByHash", [`0x${"ab".repeat(32)}`, false]), null);
    assert.equal(await call("eth_getBlockReceipts", ["0xffffffff"]), null);
    assert.equal(await call("eth_getTransactionByHash", [`0x${"ab".repeat(32)}`]), null);
    assert.equal(await call("eth_getTransactionReceipt", [`0x${"ab".repeat(32)}`]), null);
    assert.equal(await call("eth_getTransactionByBlockNumberAndIndex", [deployed, "0xffff"]), null);
  });
});

describe("calls that fail", () => {
  let failures;
  before(async () => (failures = await sender.deploy(Failures)));
  const data = (functionName, args) => encodeFunctionData({ abi: Failures.abi, functionName, args });

  for (const method of ["eth_call", "eth_estimateGas"]) {
    test(`${method}: a revert is code 3 with the data`, async () => {
      const reason = await failure(method, [{ to: failures, data: data("failWithReason") }]);
      assert.equal(reason.code, 3);
      assert.equal(reason.message, "execution reverted: the reason given");
      assert.equal(reason.data.slice(0, 10), "0x08c379a0");
      const custom = await failure(method, [
        { from: sender.address, to: failures, data: data("failWithCustomError", [9n]) },
      ]);
      assert.equal(custom.code, 3);
      assert.match(custom.message, /^execution reverted/);
      assert.equal(custom.data.length, 2 + 2 * (4 + 32 * 5));
      const panic = await failure(method, [{ to: failures, data: data("failWithPanic", [0n]) }]);
      assert.equal(panic.code, 3);
      assert.match(panic.message, /^execution reverted/);
      assert.equal(panic.data, `0x4e487b71${"12".padStart(64, "0")}`);
      const silent = await failure(method, [{ to: failures, data: data("failSilently") }]);
      assert.equal(silent.code, 3);
      assert.equal(silent.data, "0x");
    });
  }

  test("a halt is not a revert", async () => {
    const invalid = await failure("eth_call", [{ to: failures, data: data("failByInvalidOpcode") }]);
    assert.equal(invalid.code, -32000);
    assert.match(invalid.message, /invalid opcode/i);
    const starved = await failure("eth_call", [{ to: failures, data: data("burnGas"), gas: toHex(100_000) }]);
    assert.equal(starved.code, -32000);
    assert.match(starved.message, /out of gas/i);
  });

  test("balances are checked only where a price or value is given", async () => {
    const poor = "0x00000000000000000000000000000000deadbeef";
    await call("eth_call", [{ from: poor, to: counter, data: NUMBER }]);
    const error = await failure("eth_call", [{ from: poor, to: counter, data: INCREMENT, value: "0x1" }]);
    assert.match(error.message, /insufficient funds/);
    const estimate = await failure("eth_estimateGas", [{ from: poor, to: counter, value: "0x1" }]);
    assert.match(estimate.message, /insufficient funds/);
  });

  test("an estimate is enough, and hardly more", async () => {
    const gas = await call("eth_estimateGas", [{ from: sender.address, to: counter, data: setNumber(7n) }]);
    const receipt = await sender.mined({ to: counter, data: setNumber(7n), gas: hexToBigInt(gas) });
    assert.equal(receipt.status, "0x1");
    const used = hexToBigInt(receipt.gasUsed);
    assert.ok(hexToBigInt(gas) <= (used * 110n) / 100n, `estimated ${hexToBigInt(gas)}, used ${used}`);
  });
});

describe("filters", () => {
  test("logs, blocks and pending transactions by polling; each change once", async () => {
    const logs = await call("eth_newFilter", [{ address: counter }]);
    const blocks = await call("eth_newBlockFilter");
    const pending = await call("eth_newPendingTransactionFilter");
    const receipt = await sender.mined({ to: counter, data: setNumber(1n), gas: 100_000n });
    const changes = await call("eth_getFilterChanges", [logs]);
    assert.deepEqual(
      changes.map(({ transactionHash }) => transactionHash),
      [receipt.transactionHash],
    );
    assert.deepEqual(await call("eth_getFilterChanges", [logs]), []);
    assert.ok((await call("eth_getFilterChanges", [blocks])).includes(receipt.blockHash));
    assert.ok((await call("eth_getFilterChanges", [pending])).includes(receipt.transactionHash));
    for (const filter of [logs, blocks, pending]) {
      assert.equal(await call("eth_uninstallFilter", [filter]), true);
      assert.equal(await call("eth_uninstallFilter", [filter]), false);
      const error = await failure("eth_getFilterChanges", [filter]);
      assert.equal(error.code, -32000);
      assert.match(error.message, /filter not found/);
    }
  });

  test("getFilterLogs answers all of a log filter's range, and refuses a block filter", async () => {
    const filter = await call("eth_newFilter", [{ address: counter, fromBlock: deployed }]);
    const expected = await call("eth_getLogs", [{ address: counter, fromBlock: deployed }]);
    assert.deepEqual(await call("eth_getFilterLogs", [filter]), expected);
    const blocks = await call("eth_newBlockFilter");
    assert.match((await failure("eth_getFilterLogs", [blocks])).message, /filter/);
  });
});

describe("logs", () => {
  let receipt;
  const [topic] = [keccak256(toHex("NumberChanged(address,uint256,string)"))];
  before(async () => (receipt = await sender.mined({ to: counter, data: shout(4n), gas: 200_000n })));

  test("topics match by place, with null and alternatives", async () => {
    const range = { fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber, address: counter };
    const count = async (topics, rest = range) => (await call("eth_getLogs", [{ ...rest, topics }])).length;
    assert.equal(await count([]), 4);
    assert.equal(await count([topic]), 4);
    assert.equal(await count([null, null, numberToHex(2, { size: 32 })]), 1);
    assert.equal(await count([topic, null, [numberToHex(1, { size: 32 }), numberToHex(3, { size: 32 })]]), 2);
    assert.equal(await count([ZERO_HASH]), 0);
    assert.equal(await count([[topic, ZERO_HASH]], { ...range, address: [counter, PREDEPLOYS.wrappedOpen] }), 4);
    assert.equal(await count([topic], { blockHash: receipt.blockHash, address: counter }), 4);
    assert.equal((await count([topic], { fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber })) >= 4, true);
  });

  test("log places in a block are consecutive, and agree with receipts", async () => {
    const receipts = await call("eth_getBlockReceipts", [receipt.blockNumber]);
    const indexes = receipts.flatMap(({ logs }) => logs.map(({ logIndex }) => Number(logIndex)));
    assert.deepEqual(
      indexes,
      indexes.map((_, index) => index),
    );
    let cumulative = 0n;
    for (const [index, entry] of receipts.entries()) {
      cumulative += hexToBigInt(entry.gasUsed);
      assert.equal(hexToBigInt(entry.cumulativeGasUsed), cumulative);
      assert.equal(Number(entry.transactionIndex), index);
      assert.deepEqual(await call("eth_getTransactionReceipt", [entry.transactionHash]), entry);
    }
    const logs = await call("eth_getLogs", [{ blockHash: receipt.blockHash }]);
    assert.deepEqual(
      logs,
      receipts.flatMap(({ logs }) => logs),
    );
  });
});

describe("fee history", () => {
  before(() =>
    until(
      () => call("eth_blockNumber"),
      (number) => Number(number) >= 5,
      { what: "five blocks" },
    ),
  );

  test("one base fee more than blocks, rewards by percentile", async () => {
    const history = await call("eth_feeHistory", ["0x3", "latest", [0, 50.5, 100]]);
    assert.equal(history.baseFeePerGas.length, 4);
    assert.equal(history.gasUsedRatio.length, 3);
    assert.equal(history.reward.length, 3);
    assert.ok(history.reward.every((rewards) => rewards.length === 3));
    assert.ok(history.gasUsedRatio.every((ratio) => ratio >= 0 && ratio <= 1));
    const oldest = await call("eth_getBlockByNumber", [history.oldestBlock, false]);
    assert.equal(oldest.baseFeePerGas, history.baseFeePerGas[0]);
    const child = await call("eth_getBlockByNumber", [numberToHex(Number(history.oldestBlock) + 1), false]);
    assert.equal(child.baseFeePerGas, history.baseFeePerGas[1]);
  });

  test("without percentiles there are no rewards; the count is lowered to what there is", async () => {
    const history = await call("eth_feeHistory", ["0x2", "latest", []]);
    assert.ok(
      history.reward === undefined ||
        history.reward === null ||
        history.reward.length === 0 ||
        history.reward.every(({ length }) => length === 0),
    );
    const long = await call("eth_feeHistory", ["0xfffff", "0x2", null]);
    assert.equal(long.oldestBlock, "0x0");
    assert.equal(long.gasUsedRatio.length, 3);
    // Some clients send the count as a number.
    assert.equal((await call("eth_feeHistory", [2, "latest", []])).gasUsedRatio.length, 2);
    const pending = await call("eth_feeHistory", ["0x1", "pending", []]);
    assert.ok(pending.gasUsedRatio.length >= 1);
  });

  test("percentiles must ascend within 0 and 100, and the block exist", async () => {
    for (const percentiles of [[50, 10], [101], [-1], Array(101).fill(1)]) {
      assert.equal((await failure("eth_feeHistory", ["0x1", "latest", percentiles])).code, -32602, String(percentiles));
    }
    const future = await failure("eth_feeHistory", ["0x1", "0xffffffff", []]);
    assert.match(future.message, /block/);
  });
});
