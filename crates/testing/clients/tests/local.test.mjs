// An unsettled chain (`openledger dev` with --no-batcher, --instant or --manual): the methods that local tools rely on to
// move time, state and blocks. CLIENTS_TARGET's `flags` say how the node was started.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createTestClient,
  encodeFunctionData,
  hexToBigInt,
  http,
  numberToHex,
  parseEther,
  publicActions,
  walletActions,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { artifact, target } from "../lib/target.mjs";
import { call, failure, receiptOf, until } from "../lib/rpc.mjs";
import { chain } from "../lib/viem.mjs";
import { Sender } from "../lib/sender.mjs";

const Counter = artifact("Counter");
const mode = ["--instant", "--manual"].find((flag) => target.flags.includes(flag)) ?? "--no-batcher";
const sender = new Sender("behaviour");
const fresh = () => privateKeyToAccount(generatePrivateKey()).address;
const latest = () => call("eth_getBlockByNumber", ["latest", false]);
const NUMBER = encodeFunctionData({ abi: Counter.abi, functionName: "number" });

if (mode === "--manual") {
  // The tests below wait for receipts, so someone has to mine.
  let miner;
  before(async () => {
    const first = await latest();
    const hash = await sender.send();
    await sleep(1500);
    assert.deepEqual(await latest(), first, "nothing is sealed that nobody asks for");
    assert.equal(await call("eth_getTransactionReceipt", [hash]), null);
    assert.equal(await call("evm_mine"), "0x0");
    assert.equal((await receiptOf(hash)).blockNumber, numberToHex(Number(first.number) + 1));
    miner = setInterval(() => call("evm_mine").catch(() => {}), 200);
  });
  after(() => clearInterval(miner));
} else if (mode === "--instant") {
  describe("instant blocks", () => {
    test("each transaction is a block of its own, sealed before the answer is read", async () => {
      const before = Number(await call("eth_blockNumber"));
      const hash = await sender.send();
      const receipt = await until(() => call("eth_getTransactionReceipt", [hash]), Boolean, { timeoutMs: 1000 });
      assert.equal(Number(receipt.blockNumber), before + 1);
      const second = await receiptOf(await sender.send());
      assert.equal(Number(second.blockNumber), before + 2);
    });

    test("no transactions, no blocks; timestamps never go back", async () => {
      const before = await latest();
      await sleep(1500);
      assert.equal((await latest()).number, before.number);
      const receipt = await receiptOf(await sender.send());
      const block = await call("eth_getBlockByHash", [receipt.blockHash, false]);
      assert.ok(Number(block.timestamp) >= Number(before.timestamp));
    });
  });
} else {
  describe("time and blocks", () => {
    test("evm_mine seals a block, also with a timestamp", async () => {
      const before = await latest();
      await call("evm_mine");
      const mined = await latest();
      assert.ok(Number(mined.number) > Number(before.number));
      const time = Number(mined.timestamp) + 1000;
      await call("evm_mine", [{ timestamp: time }]);
      const jumped = await until(latest, ({ timestamp }) => Number(timestamp) >= time, { what: "the jump" });
      assert.ok(Number(jumped.timestamp) >= time);
    });

    test("evm_increaseTime moves the blocks that follow", async () => {
      const before = await latest();
      await call("evm_increaseTime", [numberToHex(86_400)]);
      await call("evm_mine");
      const after = await latest();
      assert.ok(Number(after.timestamp) >= Number(before.timestamp) + 86_400);
      // As a number too: ethers and Hardhat send it so.
      await call("evm_increaseTime", [10]);
    });

    test("evm_setNextBlockTimestamp sets exactly one, and not one in the past", async () => {
      const before = Number((await latest()).timestamp);
      const time = before + 500;
      await call("evm_setNextBlockTimestamp", [numberToHex(time)]);
      await call("evm_mine");
      const head = await latest();
      const blocks = [head, await call("eth_getBlockByHash", [head.parentHash, false])];
      assert.ok(blocks.some(({ timestamp }) => Number(timestamp) === time));
      const error = await failure("evm_setNextBlockTimestamp", [numberToHex(before)]);
      assert.match(error.message, /timestamp|time/i);
    });

    test("hardhat_mine and anvil_mine seal several", async () => {
      const before = Number(await call("eth_blockNumber"));
      await call("hardhat_mine", ["0x5"]);
      const after = Number(await call("eth_blockNumber"));
      assert.ok(after >= before + 5);
      await call("anvil_mine", ["0x2", "0x64"]);
      assert.ok(Number(await call("eth_blockNumber")) >= after + 2);
    });

    test("automine and interval can be switched", async () => {
      await call("evm_setIntervalMining", [0]);
      try {
        const before = await call("eth_blockNumber");
        await sleep(1500);
        assert.equal(await call("eth_blockNumber"), before, "no interval, no blocks");
        await call("evm_setAutomine", [true]);
        const receipt = await receiptOf(await sender.send());
        assert.equal(Number(receipt.blockNumber), Number(before) + 1);
        await call("evm_setAutomine", [false]);
        const hash = await sender.send();
        await sleep(300);
        assert.equal(await call("eth_getTransactionReceipt", [hash]), null);
        await call("evm_mine");
        assert.equal((await receiptOf(hash)).status, "0x1");
      } finally {
        await call("evm_setIntervalMining", [1]);
      }
      const before = Number(await call("eth_blockNumber"));
      await until(
        () => call("eth_blockNumber"),
        (number) => Number(number) > before,
        { what: "the interval again" },
      );
    });
  });
}

describe("state", () => {
  test("snapshots go back: blocks, balances, nonces, storage, the pool", async () => {
    const counter = await sender.deploy({ bytecode: Counter.bytecode }, numberToHex(5, { size: 32 }));
    const recipient = fresh();
    const nonce = await sender.nonce();
    const head = await latest();
    const snapshot = await call("evm_snapshot");
    await sender.mined({ to: recipient, value: 77n });
    const data = encodeFunctionData({ abi: Counter.abi, functionName: "setNumber", args: [6n] });
    const gone = await sender.mined({ to: counter, data, gas: 100_000n });
    assert.equal(hexToBigInt(await call("eth_call", [{ to: counter, data: NUMBER }])), 6n);
    assert.equal(await call("evm_revert", [snapshot]), true);
    assert.equal(await call("eth_getBalance", [recipient]), "0x0");
    assert.equal(hexToBigInt(await call("eth_call", [{ to: counter, data: NUMBER }])), 5n);
    assert.equal(await sender.nonce(), nonce);
    assert.equal(await call("eth_getTransactionReceipt", [gone.transactionHash]), null);
    assert.ok(Number(await call("eth_blockNumber")) >= Number(head.number));
    // A snapshot is used once.
    const again = await call("evm_revert", [snapshot]).catch(() => false);
    assert.equal(again, false);
    await sender.mined();
  });

  for (const prefix of ["hardhat", "anvil"]) {
    test(`${prefix}_set… changes balance, code, nonce and storage`, async () => {
      const address = fresh();
      await call(`${prefix}_setBalance`, [address, numberToHex(parseEther("3"))]);
      await call(`${prefix}_setCode`, [address, Counter.deployedBytecode]);
      await call(`${prefix}_setNonce`, [address, "0x9"]);
      await call(`${prefix}_setStorageAt`, [address, numberToHex(0, { size: 32 }), numberToHex(1234, { size: 32 })]);
      assert.equal(hexToBigInt(await call("eth_getBalance", [address])), parseEther("3"));
      assert.equal(await call("eth_getCode", [address]), Counter.deployedBytecode);
      assert.equal(await call("eth_getTransactionCount", [address]), "0x9");
      assert.equal(hexToBigInt(await call("eth_call", [{ to: address, data: NUMBER }])), 1234n);
      // The chain goes on from that state.
      const data = encodeFunctionData({ abi: Counter.abi, functionName: "increment" });
      assert.equal((await sender.mined({ to: address, data, gas: 100_000n })).status, "0x1");
      assert.equal(hexToBigInt(await call("eth_call", [{ to: address, data: NUMBER }])), 1235n);
    });

    test(`${prefix}_impersonateAccount lets anyone send`, async () => {
      const address = fresh();
      await call(`${prefix}_setBalance`, [address, numberToHex(parseEther("1"))]);
      const transaction = { from: address, to: sender.address, value: "0x5" };
      await failure("eth_sendTransaction", [transaction]);
      await call(`${prefix}_impersonateAccount`, [address]);
      const receipt = await receiptOf(await call("eth_sendTransaction", [transaction]));
      assert.equal(receipt.status, "0x1");
      assert.equal(receipt.from.toLowerCase(), address.toLowerCase());
      await call(`${prefix}_stopImpersonatingAccount`, [address]);
      await failure("eth_sendTransaction", [transaction]);
    });
  }

  for (const mode of ["anvil", "hardhat"]) {
    test(`viem's test client, in its ${mode} mode`, async () => {
      const client = createTestClient({ chain, mode, transport: http(target.rpcUrl), pollingInterval: 50 })
        .extend(publicActions)
        .extend(walletActions);
      const address = fresh();
      const id = await client.snapshot();
      await client.setBalance({ address, value: parseEther("2") });
      await client.impersonateAccount({ address });
      const hash = await client.sendTransaction({ account: address, to: fresh(), value: 1n });
      assert.equal((await client.waitForTransactionReceipt({ hash })).status, "success");
      await client.stopImpersonatingAccount({ address });
      await client.setNonce({ address, nonce: 40 });
      assert.equal(await client.getTransactionCount({ address }), 40);
      await client.mine({ blocks: 3 });
      await client.revert({ id });
      assert.equal(await client.getBalance({ address }), 0n);
    });
  }
});

describe("identity and heads", () => {
  test("anvil_nodeInfo and hardhat_metadata describe the node", async () => {
    const info = await call("anvil_nodeInfo");
    assert.equal(Number(info.environment.chainId), target.chainId);
    const metadata = await call("hardhat_metadata");
    assert.equal(Number(metadata.chainId), target.chainId);
    assert.match(metadata.clientVersion, /openledger/i);
  });

  test("safe and finalized stay at genesis", async () => {
    for (const tag of ["safe", "finalized"]) {
      assert.equal((await call("eth_getBlockByNumber", [tag, false])).number, "0x0", tag);
    }
  });

  test("hardhat_reset goes back to genesis", async () => {
    await call("hardhat_reset");
    const head = Number(await call("eth_blockNumber"));
    assert.ok(head <= 1, `block ${head}`);
    assert.equal(hexToBigInt(await call("eth_getBalance", [sender.address])), parseEther("10000"));
    assert.equal((await sender.mined()).status, "0x1");
  });
});
