// ethers 6: signing, contracts, batches, events, WebSocket, error decoding.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import {
  Contract,
  ContractFactory,
  id,
  isError,
  JsonRpcProvider,
  keccak256,
  NonceManager,
  parseEther,
  Transaction,
  Wallet,
  WebSocketProvider,
} from "ethers";
import { accountOf, artifact, target } from "../lib/target.mjs";
import { until } from "../lib/rpc.mjs";

const Counter = artifact("Counter");
const Token = artifact("Token");
const Failures = artifact("Failures");

// ethers gathers calls made within 10 ms into one HTTP batch: its default, and most of its traffic.
const provider = new JsonRpcProvider(target.rpcUrl, target.chainId, { staticNetwork: true, pollingInterval: 100 });
const wallet = new Wallet(accountOf("ethers").privateKey, provider);
after(() => provider.destroy());

const deploy = async ({ abi, bytecode }, ...args) => {
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy(...args);
  return contract.waitForDeployment();
};
const failureOf = (promise) =>
  promise.then(
    () => assert.fail("must fail"),
    (error) => error,
  );

describe("provider", () => {
  test("finds the network by itself", async () => {
    const unknown = new JsonRpcProvider(target.rpcUrl);
    assert.equal((await unknown.getNetwork()).chainId, 161299n);
    unknown.destroy();
  });

  test("sends many calls as one batch and gets every answer", async () => {
    const calls = [];
    for (let index = 0; index < 30; index += 1) {
      calls.push(provider.getBalance(target.accounts[9].address));
      calls.push(provider.getTransactionCount(target.accounts[9].address));
      calls.push(provider.getBlock(0));
    }
    const answers = await Promise.all(calls);
    assert.ok(
      answers.every((answer, at) =>
        at % 3 === 0 ? answer === parseEther("10000") : at % 3 === 1 ? answer === 0 : answer.number === 0,
      ),
    );
  });

  test("one bad call in a batch spoils only itself", async () => {
    const [number, failed, count] = await Promise.allSettled([
      provider.getBlockNumber(),
      provider.send("eth_noSuchMethod", []),
      provider.getTransactionCount(target.accounts[9].address),
    ]);
    assert.equal(number.status, "fulfilled");
    assert.equal(count.value, 0);
    assert.equal(failed.status, "rejected");
    assert.equal(failed.reason.error?.code ?? failed.reason.info?.error?.code, -32601);
  });

  test("fee data", async () => {
    const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
    assert.ok(gasPrice > 0n && maxFeePerGas > 0n && maxPriorityFeePerGas >= 0n);
  });

  test("blocks by every tag, with and without transactions", async () => {
    for (const tag of ["earliest", "finalized", "safe", "latest", "pending", 0]) {
      const block = await provider.getBlock(tag, true);
      assert.ok(block.number >= 0, tag);
      assert.equal(block.prefetchedTransactions.length, block.transactions.length);
    }
  });
});

describe("wallet", () => {
  test("sends a transfer and waits for two confirmations", async () => {
    const recipient = Wallet.createRandom().address;
    const response = await wallet.sendTransaction({ to: recipient, value: parseEther("0.25") });
    const receipt = await response.wait(2);
    assert.equal(receipt.status, 1);
    assert.equal(await provider.getBalance(recipient), parseEther("0.25"));
    const found = await provider.getTransaction(response.hash);
    assert.equal(found.blockNumber, receipt.blockNumber);
    // The signature that the node shows is the one that was sent.
    assert.equal(Transaction.from(found).hash, response.hash);
    assert.equal(keccak256(Transaction.from(found).serialized), response.hash);
  });

  test("a nonce manager sends several before any is mined", async () => {
    const manager = new NonceManager(wallet);
    const responses = await Promise.all(
      Array.from({ length: 8 }, () => manager.sendTransaction({ to: wallet.address, value: 1n })),
    );
    const receipts = await Promise.all(responses.map((response) => response.wait()));
    assert.ok(receipts.every(({ status }) => status === 1));
    assert.equal(await provider.getTransactionCount(wallet.address, "pending"), responses.at(-1).nonce + 1);
  });

  test("errors have the codes that ethers knows", async () => {
    const used = { to: wallet.address, value: 1n, nonce: 0, gasLimit: 21_000n };
    assert.ok(isError(await failureOf(wallet.sendTransaction(used)), "NONCE_EXPIRED"));
    const poor = Wallet.createRandom(provider);
    const spend = { to: wallet.address, value: parseEther("1"), gasLimit: 21_000n };
    assert.ok(isError(await failureOf(poor.sendTransaction(spend)), "INSUFFICIENT_FUNDS"));
    const nonce = await provider.getTransactionCount(wallet.address, "pending");
    const fees = { maxFeePerGas: 10_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
    const gap = { to: wallet.address, gasLimit: 21_000n, nonce: nonce + 1, ...fees };
    const first = await wallet.sendTransaction({ ...gap, value: 1n });
    const replacement = await failureOf(wallet.sendTransaction({ ...gap, value: 2n }));
    assert.ok(isError(replacement, "REPLACEMENT_UNDERPRICED"), replacement.message);
    await (await wallet.sendTransaction({ ...gap, nonce, value: 3n })).wait();
    assert.equal((await first.wait()).status, 1);
  });
});

describe("contracts", () => {
  test("deploy, call, send, parse events", async () => {
    const counter = await deploy(Counter, 3n);
    assert.equal(await counter.number(), 3n);
    assert.equal(await counter.increment.staticCall(), 4n);
    const receipt = await (await counter.setNumber(8n)).wait();
    const [event] = receipt.logs;
    assert.deepEqual([...event.args], [wallet.address, 8n, "set"]);
    assert.equal(event.topics[0], id("NumberChanged(address,uint256,string)"));
    const history = await counter.queryFilter(counter.filters.NumberChanged(wallet.address));
    assert.deepEqual(
      history.map(({ args }) => args.why),
      ["constructed", "set"],
    );
    assert.equal(await provider.getCode(await counter.getAddress()), Counter.deployedBytecode);
    assert.equal(BigInt(await provider.getStorage(await counter.getAddress(), 0)), 8n);
  });

  test("listens to events by polling filters", async () => {
    const counter = await deploy(Counter, 0n);
    const seen = [];
    await counter.on("NumberChanged", (by, number) => seen.push(number));
    await (await counter.setNumber(21n)).wait();
    await until(
      () => seen.length,
      (length) => length >= 1,
      { what: "the event" },
    );
    await counter.removeAllListeners();
    assert.deepEqual(seen, [21n]);
  });

  test("decodes custom errors, reasons and panics", async () => {
    const token = await deploy(Token, 5n);
    const custom = await failureOf(token.transfer.staticCall(wallet.address, 6n));
    assert.ok(isError(custom, "CALL_EXCEPTION"));
    assert.equal(custom.revert.name, "InsufficientBalance");
    assert.deepEqual([...custom.revert.args], [wallet.address, 5n, 6n]);
    const estimate = await failureOf(token.transfer.estimateGas(wallet.address, 6n));
    assert.equal(estimate.revert?.name ?? token.interface.parseError(estimate.data).name, "InsufficientBalance");
    const failures = await deploy(Failures);
    assert.equal((await failureOf(failures.failWithReason())).reason, "the reason given");
    const panic = await failureOf(failures.failWithPanic(0n));
    assert.match(panic.reason, /division by zero|DIVIDE_BY_ZERO/i);
  });

  test("a transaction that fails on chain makes wait() throw its receipt", async () => {
    const token = await deploy(Token, 5n);
    const response = await token.transfer(wallet.address, 6n, { gasLimit: 100_000n });
    const error = await failureOf(response.wait());
    assert.ok(isError(error, "CALL_EXCEPTION"));
    assert.equal(error.receipt.status, 0);
  });
});

describe("WebSocket", () => {
  test("blocks, pending transactions and contract events", async () => {
    const socket = new WebSocketProvider(target.wsUrl, target.chainId, { staticNetwork: true });
    try {
      const blocks = [];
      const pending = [];
      const events = [];
      await socket.on("block", (number) => blocks.push(number));
      await socket.on("pending", (hash) => pending.push(hash));
      const counter = await deploy(Counter, 0n);
      const listening = new Contract(await counter.getAddress(), Counter.abi, socket);
      await listening.on("NumberChanged", (by, number, why, { log }) => events.push({ number, log }));
      // A call answered after the subscription was asked for, so that it stands when the transaction is sent.
      await socket.getBlockNumber();
      const response = await counter.setNumber(77n);
      const receipt = await response.wait();
      await until(
        () => events.length,
        (length) => length >= 1,
        { what: "the event" },
      );
      await until(() => blocks.includes(receipt.blockNumber), Boolean, { what: "the block" });
      await until(() => pending.includes(response.hash), Boolean, { what: "the announcement" });
      assert.equal(events[0].number, 77n);
      assert.equal(events[0].log.transactionHash, response.hash);
      assert.deepEqual(
        blocks,
        [...new Set(blocks)].sort((a, b) => a - b),
      );
    } finally {
      await socket.destroy();
    }
  });
});
