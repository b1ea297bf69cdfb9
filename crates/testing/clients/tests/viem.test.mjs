// viem, as an application uses it: transactions, contracts, events over WebSocket, EIP-7702, proofs, simulation.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  BaseError,
  ContractFunctionRevertedError,
  decodeEventLog,
  encodeFunctionData,
  getAddress,
  getContract,
  hashMessage,
  http,
  InsufficientFundsError,
  keccak256,
  NonceTooLowError,
  parseEther,
  parseGwei,
  toHex,
} from "viem";
import { generatePrivateKey, nonceManager, privateKeyToAccount } from "viem/accounts";
import { artifact, PREINSTALLS, target } from "../lib/target.mjs";
import { until } from "../lib/rpc.mjs";
import { verifyProof } from "../lib/proof.mjs";
import { publicClient, socketClient, walletClient } from "../lib/viem.mjs";

const Counter = artifact("Counter");
const Token = artifact("Token");
const Failures = artifact("Failures");
const BatchAccount = artifact("BatchAccount");

const client = publicClient();
const wallet = walletClient("viem");
const fresh = () => privateKeyToAccount(generatePrivateKey());

async function mined(hash) {
  const receipt = await client.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success");
  return receipt;
}

async function deploy({ abi, bytecode }, args) {
  const receipt = await mined(await wallet.deployContract({ abi, bytecode, args }));
  return { address: getAddress(receipt.contractAddress), receipt };
}

/** What viem says of a failed contract call. */
async function revertOf(promise) {
  const error = await promise.then(
    () => assert.fail("must revert"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof BaseError, String(error));
  const revert = error.walk((inner) => inner instanceof ContractFunctionRevertedError);
  assert.ok(revert, error.message);
  return revert;
}

describe("chain", () => {
  test("names itself", async () => {
    assert.equal(await client.getChainId(), 161299);
    assert.ok((await client.getBlockNumber()) >= 0n);
    assert.match(await client.request({ method: "web3_clientVersion" }), /\S+\/\S+/);
    assert.equal(await client.request({ method: "net_version" }), "161299");
    assert.equal(await client.request({ method: "net_listening" }), true);
  });

  test("gives the local accounts 10,000 OPEN each", async () => {
    assert.equal(await client.getBalance({ address: target.accounts[9].address }), parseEther("10000"));
  });

  test("knows the block tags", async () => {
    const [earliest, finalized, safe, latest, pending] = await Promise.all(
      ["earliest", "finalized", "safe", "latest", "pending"].map((blockTag) => client.getBlock({ blockTag })),
    );
    assert.equal(earliest.number, 0n);
    assert.ok(finalized.number <= safe.number && safe.number <= latest.number);
    assert.ok(pending.number >= latest.number);
    assert.equal((await client.getBlock({ blockHash: latest.hash })).number, latest.number);
  });
});

describe("transactions", () => {
  test("a transfer moves its value, and costs the sender gas, L1 fee and operator fee to the wei", async () => {
    const recipient = fresh().address;
    const value = parseEther("1.234567890123456789");
    const before = await client.getBalance({ address: wallet.account.address });
    const receipt = await mined(await wallet.sendTransaction({ to: recipient, value }));
    assert.equal(receipt.type, "eip1559");
    assert.equal(receipt.gasUsed, 21_000n);
    assert.equal(await client.getBalance({ address: recipient }), value);
    const operatorFee =
      (receipt.gasUsed * BigInt(receipt.operatorFeeScalar ?? 0)) / 1_000_000n +
      BigInt(receipt.operatorFeeConstant ?? 0);
    const cost = value + receipt.gasUsed * receipt.effectiveGasPrice + receipt.l1Fee + operatorFee;
    assert.ok(receipt.l1Fee > 0n, "a transaction pays for its data on L1");
    assert.equal(await client.getBalance({ address: wallet.account.address }), before - cost);
  });

  test("legacy and access-list transactions are accepted", async () => {
    const to = fresh().address;
    const gasPrice = (await client.getGasPrice()) * 2n;
    const legacy = await mined(await wallet.sendTransaction({ type: "legacy", to, value: 1n, gasPrice }));
    assert.equal(legacy.type, "legacy");
    const accessList = [{ address: PREINSTALLS.multicall3, storageKeys: [toHex(0, { size: 32 })] }];
    const listed = await mined(await wallet.sendTransaction({ type: "eip2930", to, value: 1n, gasPrice, accessList }));
    assert.equal(listed.type, "eip2930");
    const transaction = await client.getTransaction({ hash: listed.transactionHash });
    assert.deepEqual(
      transaction.accessList,
      accessList.map((entry) => ({ ...entry, address: entry.address.toLowerCase() })),
    );
  });

  test("a transaction is found by hash, by place and raw", async () => {
    const serializedTransaction = await wallet.signTransaction(
      await wallet.prepareTransactionRequest({ to: fresh().address, value: 5n }),
    );
    const hash = await wallet.sendRawTransaction({ serializedTransaction });
    assert.equal(hash, keccak256(serializedTransaction));
    const receipt = await mined(hash);
    const byHash = await client.getTransaction({ hash });
    const byPlace = await client.getTransaction({ blockHash: receipt.blockHash, index: receipt.transactionIndex });
    const byNumber = await client.getTransaction({ blockNumber: receipt.blockNumber, index: receipt.transactionIndex });
    assert.deepEqual(byPlace, byHash);
    assert.deepEqual(byNumber, byHash);
    assert.equal(byHash.blockHash, receipt.blockHash);
    assert.equal(
      await client.request({ method: "eth_getRawTransactionByHash", params: [hash] }),
      serializedTransaction,
    );
    const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
    assert.deepEqual(block.transactions[receipt.transactionIndex], byHash);
    assert.equal(await client.getBlockTransactionCount({ blockHash: receipt.blockHash }), block.transactions.length);
    assert.ok((await client.getTransactionConfirmations({ hash })) >= 1n);
  });

  test("twenty transactions at once, by viem's nonce manager over a batching transport", async () => {
    const account = privateKeyToAccount(target.accounts[0].privateKey, { nonceManager });
    const batching = http(target.rpcUrl, { batch: { wait: 5 } });
    const sender = walletClient(account, batching);
    const recipient = fresh().address;
    const hashes = await Promise.all(
      Array.from({ length: 20 }, () => sender.sendTransaction({ to: recipient, value: 3n, gas: 21_000n })),
    );
    await Promise.all(hashes.map(mined));
    assert.equal(await client.getBalance({ address: recipient }), 60n);
  });

  test("sendRawTransactionSync answers with the receipt, at once", async () => {
    const request = await wallet.prepareTransactionRequest({ to: fresh().address, value: 7n });
    const serializedTransaction = await wallet.signTransaction(request);
    const started = performance.now();
    const receipt = await wallet.sendRawTransactionSync({ serializedTransaction });
    assert.ok(performance.now() - started < 900, "a preconfirmation does not wait for a block");
    assert.equal(receipt.status, "success");
    assert.equal(receipt.transactionHash, keccak256(serializedTransaction));
    const sealed = await mined(receipt.transactionHash);
    assert.equal(sealed.blockNumber, receipt.blockNumber);
    assert.equal(sealed.transactionIndex, receipt.transactionIndex);
    assert.notEqual(BigInt(sealed.blockHash), 0n);
  });

  test("sendTransactionSync and writeContractSync do the same", async () => {
    const receipt = await wallet.sendTransactionSync({ to: fresh().address, value: 8n });
    assert.equal(receipt.status, "success");
    await mined(receipt.transactionHash);
    const { address } = await deploy(Counter, [0n]);
    const written = await wallet.writeContractSync({ address, abi: Counter.abi, functionName: "increment" });
    assert.equal(written.status, "success");
    assert.equal(written.logs.length, 1);
  });

  test("errors of a refused transaction are viem's own classes", async () => {
    const is = (expected) => (error) => {
      assert.ok(
        error.walk((inner) => inner instanceof expected),
        error.message,
      );
      return true;
    };
    const request = { to: wallet.account.address, gas: 21_000n };
    await assert.rejects(wallet.sendTransaction({ ...request, nonce: 0 }), is(NonceTooLowError));
    const poor = walletClient(fresh());
    await assert.rejects(poor.sendTransaction({ ...request, value: parseEther("1") }), is(InsufficientFundsError));
  });
});

describe("contracts", () => {
  test("deploy, read, simulate, write", async () => {
    const { address, receipt } = await deploy(Counter, [41n]);
    assert.equal(await client.getCode({ address }), Counter.deployedBytecode);
    const event = decodeEventLog({ abi: Counter.abi, ...receipt.logs[0] });
    assert.deepEqual(event.args, { by: wallet.account.address, number: 41n, why: "constructed" });
    const counter = getContract({ address, abi: Counter.abi, client: { public: client, wallet } });
    assert.equal(await counter.read.number(), 41n);
    const { result, request } = await client.simulateContract({
      address,
      abi: Counter.abi,
      functionName: "increment",
      account: wallet.account,
    });
    assert.equal(result, 42n);
    await mined(await wallet.writeContract(request));
    assert.equal(await counter.read.number(), 42n);
    assert.equal(BigInt(await client.getStorageAt({ address, slot: "0x0" })), 42n);
    // The state of an older block is still there.
    assert.equal(await counter.read.number({ blockNumber: receipt.blockNumber }), 41n);
  });

  test("several reads in one call, through Multicall3", async () => {
    const { address: token } = await deploy(Token, [parseEther("1000")]);
    const { address: failures } = await deploy(Failures);
    const results = await client.multicall({
      contracts: [
        { address: token, abi: Token.abi, functionName: "symbol" },
        { address: token, abi: Token.abi, functionName: "balanceOf", args: [wallet.account.address] },
        { address: failures, abi: Failures.abi, functionName: "failWithReason" },
      ],
    });
    assert.deepEqual(
      results.slice(0, 2).map(({ result }) => result),
      ["CTT", parseEther("1000")],
    );
    assert.equal(results[2].status, "failure");
    // The same through eth_call batching: many reads, one request.
    const batched = publicClient(http(target.rpcUrl, { batch: true }));
    const balances = await Promise.all(
      target.accounts.map(({ address }) =>
        batched.readContract({ address: token, abi: Token.abi, functionName: "balanceOf", args: [address] }),
      ),
    );
    assert.equal(
      balances.reduce((sum, balance) => sum + balance, 0n),
      parseEther("1000"),
    );
  });

  test("reverts are decoded: custom error, reason, panic, no data, invalid opcode", async () => {
    const { address } = await deploy(Failures);
    const simulate = (functionName, args) =>
      revertOf(client.simulateContract({ address, abi: Failures.abi, functionName, args, account: wallet.account }));
    const custom = await simulate("failWithCustomError", [77n]);
    assert.equal(custom.data.errorName, "Refused");
    assert.deepEqual(custom.data.args, [wallet.account.address, 77n, "because"]);
    assert.equal((await simulate("failWithReason")).reason, "the reason given");
    const panic = await simulate("failWithPanic", [0n]);
    assert.equal(panic.data.errorName, "Panic");
    assert.deepEqual(panic.data.args, [18n]);
    const inside = await simulate("failInside");
    assert.deepEqual(inside.data.args, [getAddress(address), 7n, "because"]);
    assert.equal((await simulate("failSilently")).data, undefined);
  });

  test("a token's custom error reaches the caller of estimateGas and writeContract", async () => {
    const { address } = await deploy(Token, [10n]);
    const request = { address, abi: Token.abi, functionName: "transfer", args: [fresh().address, 11n] };
    const estimate = await revertOf(client.estimateContractGas({ ...request, account: wallet.account }));
    assert.deepEqual(estimate.data.args, [wallet.account.address, 10n, 11n]);
    const write = await wallet.writeContract(request).then(assert.fail, (error) => error);
    assert.match(write.message, /execution reverted|InsufficientBalance/i);
    // Sent all the same, it is included and fails.
    const receipt = await client.waitForTransactionReceipt({
      hash: await wallet.writeContract({ ...request, gas: 100_000n }),
    });
    assert.equal(receipt.status, "reverted");
    assert.equal(receipt.logs.length, 0);
    assert.ok(receipt.gasUsed < 100_000n);
  });

  test("logs: by range, by block hash, by topic, and through filters", async () => {
    const { address, receipt } = await deploy(Counter, [0n]);
    const filter = await client.createContractEventFilter({
      address,
      abi: Counter.abi,
      eventName: "NumberChanged",
      fromBlock: receipt.blockNumber,
    });
    const shout = await mined(
      await wallet.writeContract({ address, abi: Counter.abi, functionName: "shout", args: [5n] }),
    );
    const set = await mined(
      await wallet.writeContract({ address, abi: Counter.abi, functionName: "setNumber", args: [9n] }),
    );
    const events = await client.getContractEvents({ address, abi: Counter.abi, fromBlock: receipt.blockNumber });
    assert.equal(events.length, 7);
    assert.deepEqual(
      events.map(({ args }) => args.why),
      ["constructed", ...Array(5).fill("shouted"), "set"],
    );
    const byTopic = await client.getContractEvents({
      address,
      abi: Counter.abi,
      eventName: "NumberChanged",
      args: { number: 9n },
      fromBlock: receipt.blockNumber,
      toBlock: "latest",
    });
    assert.deepEqual(
      byTopic.map(({ transactionHash }) => transactionHash),
      [set.transactionHash],
    );
    const byHash = await client.getLogs({ address, blockHash: shout.blockHash });
    const inShout = byHash.filter(({ transactionHash }) => transactionHash === shout.transactionHash);
    assert.deepEqual(
      inShout.map(({ logIndex }) => logIndex),
      shout.logs.map(({ logIndex }) => logIndex),
    );
    // Changes are what came since the filter was made; the filter's logs are all in its range.
    assert.deepEqual(
      (await client.getFilterChanges({ filter })).map(({ args }) => args.why),
      [...Array(5).fill("shouted"), "set"],
    );
    assert.deepEqual(await client.getFilterChanges({ filter }), []);
    assert.equal((await client.getFilterLogs({ filter })).length, 7);
    assert.equal(await client.uninstallFilter({ filter }), true);
    assert.equal(await client.uninstallFilter({ filter }), false);
    await assert.rejects(client.getFilterChanges({ filter }), /filter not found/i);
  });
});

describe("WebSocket", () => {
  let socket;
  before(() => (socket = socketClient()));
  after(async () => (await socket.transport.getRpcClient()).close());

  test("contract events arrive as blocks are sealed", async () => {
    const { address } = await deploy(Counter, [0n]);
    const seen = [];
    const unwatch = socket.watchContractEvent({
      address,
      abi: Counter.abi,
      eventName: "NumberChanged",
      onLogs: (logs) => seen.push(...logs),
      onError: (error) => assert.fail(error),
    });
    await socket.getBlockNumber();
    const receipts = [];
    for (const number of [10n, 11n]) {
      const hash = await wallet.writeContract({ address, abi: Counter.abi, functionName: "setNumber", args: [number] });
      receipts.push(await mined(hash));
    }
    await until(
      () => seen.length,
      (length) => length >= 2,
      { what: "two events" },
    );
    unwatch();
    assert.deepEqual(
      seen.map(({ args }) => args.number),
      [10n, 11n],
    );
    assert.deepEqual(
      seen.map(({ blockHash }) => blockHash),
      receipts.map(({ blockHash }) => blockHash),
    );
  });

  test("blocks arrive in order, each the child of the last", async () => {
    const blocks = [];
    const unwatch = socket.watchBlocks({ onBlock: (block) => blocks.push(block), emitMissed: false });
    await until(
      () => blocks.length,
      (length) => length >= 3,
      { what: "three blocks" },
    );
    unwatch();
    for (const [index, block] of blocks.slice(1).entries()) assert.equal(block.parentHash, blocks[index].hash);
  });

  test("pending transactions are announced", async () => {
    const hashes = [];
    const unwatch = socket.watchPendingTransactions({ onTransactions: (list) => hashes.push(...list) });
    await socket.getBlockNumber();
    const hash = await wallet.sendTransaction({ to: fresh().address, value: 1n });
    await until(() => hashes.includes(hash), Boolean, { what: "the transaction's announcement" });
    unwatch();
    await mined(hash);
  });

  test("calls and transactions go over it too", async () => {
    assert.equal(await socket.getChainId(), 161299);
    const hash = await wallet.sendTransaction({ to: fresh().address, value: 2n });
    assert.equal((await socket.waitForTransactionReceipt({ hash })).status, "success");
  });
});

describe("EIP-7702", () => {
  test("an account delegates to code, acts by it, and takes the delegation back", async () => {
    const { address: code } = await deploy(BatchAccount);
    const { address: counter } = await deploy(Counter, [0n]);
    const owner = fresh();
    const ownerWallet = walletClient(owner);
    await mined(await wallet.sendTransaction({ to: owner.address, value: parseEther("1") }));

    // Another account pays for the delegation.
    const authorization = await ownerWallet.signAuthorization({ contractAddress: code });
    const sponsored = await mined(
      await wallet.sendTransaction({ authorizationList: [authorization], to: owner.address, value: 0n }),
    );
    assert.equal(sponsored.type, "eip7702");
    assert.equal(await client.getCode({ address: owner.address }), `0xef0100${code.slice(2).toLowerCase()}`);
    assert.equal(await client.getDelegation({ address: owner.address }), code);
    const transaction = await client.getTransaction({ hash: sponsored.transactionHash });
    assert.equal(transaction.authorizationList.length, 1);
    assert.equal(getAddress(transaction.authorizationList[0].address), code);

    // The account calls itself: two calls in one transaction.
    const increment = encodeFunctionData({ abi: Counter.abi, functionName: "increment" });
    const calls = Array(2).fill({ target: counter, value: 0n, data: increment });
    const receipt = await mined(
      await ownerWallet.writeContract({
        address: owner.address,
        abi: BatchAccount.abi,
        functionName: "execute",
        args: [calls],
      }),
    );
    assert.equal(receipt.logs.length, 3);
    assert.equal(await client.readContract({ address: counter, abi: Counter.abi, functionName: "number" }), 2n);

    // The account itself sends the authorization that clears it: its nonce counts the sending transaction.
    const clearing = await ownerWallet.signAuthorization({
      contractAddress: "0x0000000000000000000000000000000000000000",
      executor: "self",
    });
    await mined(await ownerWallet.sendTransaction({ authorizationList: [clearing], to: owner.address }));
    assert.equal(await client.getCode({ address: owner.address }), undefined);
  });
});

describe("fees", () => {
  test("estimates agree with the chain", async () => {
    const block = await client.getBlock();
    const fees = await client.estimateFeesPerGas();
    assert.ok(fees.maxFeePerGas >= block.baseFeePerGas);
    assert.ok(fees.maxPriorityFeePerGas >= 0n);
    assert.equal(typeof (await client.estimateMaxPriorityFeePerGas()), "bigint");
    assert.ok((await client.getGasPrice()) >= block.baseFeePerGas / 2n);
    assert.ok((await client.getBlobBaseFee()) >= 0n);
    assert.equal(await client.estimateGas({ account: wallet.account, to: fresh().address, value: 1n }), 21_000n);
  });

  test("fee history has the shape that wallets read", async () => {
    await until(
      () => client.getBlockNumber(),
      (number) => number >= 4n,
      { what: "four blocks" },
    );
    const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 50, 90] });
    assert.equal(history.baseFeePerGas.length, 5);
    assert.equal(history.gasUsedRatio.length, 4);
    assert.equal(history.reward.length, 4);
    assert.ok(history.reward.every((rewards) => rewards.length === 3 && rewards[0] <= rewards[2]));
    const block = await client.getBlock({ blockNumber: history.oldestBlock });
    assert.equal(history.baseFeePerGas[0], block.baseFeePerGas);
  });

  test("prepareTransactionRequest fills in what a wallet shows", async () => {
    const request = await wallet.prepareTransactionRequest({ to: fresh().address, value: parseGwei("1") });
    assert.equal(request.chainId, 161299);
    assert.equal(request.type, "eip1559");
    assert.equal(request.gas, 21_000n);
    assert.ok(request.maxFeePerGas > 0n);
  });
});

describe("proofs and simulation", () => {
  test("getProof proves account and storage against a block's state root, also a historic one's", async () => {
    const { address, receipt } = await deploy(Counter, [1234n]);
    await mined(await wallet.writeContract({ address, abi: Counter.abi, functionName: "setNumber", args: [99n] }));
    const proof = async (blockNumber) => {
      const { stateRoot } = await client.getBlock({ blockNumber });
      const params = [address, [toHex(0, { size: 32 }), toHex(1, { size: 32 })], toHex(blockNumber)];
      const raw = await client.request({ method: "eth_getProof", params });
      verifyProof(stateRoot, raw);
      return raw;
    };
    assert.equal(BigInt((await proof(receipt.blockNumber)).storageProof[0].value), 1234n);
    assert.equal(BigInt((await proof(await client.getBlockNumber())).storageProof[0].value), 99n);
    const { storageProof, codeHash } = await client.getProof({ address, storageKeys: [toHex(0, { size: 32 })] });
    assert.equal(storageProof[0].value, 99n);
    assert.equal(codeHash, keccak256(Counter.deployedBytecode));
    // Absence is proved too.
    const { stateRoot, number } = await client.getBlock();
    const nobody = fresh().address;
    verifyProof(stateRoot, await client.request({ method: "eth_getProof", params: [nobody, [], toHex(number)] }));
  });

  test("createAccessList names what a call touches, and the call gets it", async () => {
    const { address } = await deploy(Counter, [1n]);
    const data = encodeFunctionData({ abi: Counter.abi, functionName: "setNumber", args: [2n] });
    const { accessList, gasUsed } = await client.createAccessList({ account: wallet.account, to: address, data });
    assert.deepEqual(
      accessList.map((entry) => ({ ...entry, address: getAddress(entry.address) })),
      [{ address, storageKeys: [toHex(0, { size: 32 })] }],
    );
    assert.ok(gasUsed > 21_000n);
  });

  test("simulateBlocks and simulateCalls run several blocks and calls on one state", async () => {
    const { address } = await deploy(Counter, [5n]);
    const rich = fresh().address;
    const increment = { to: address, data: encodeFunctionData({ abi: Counter.abi, functionName: "increment" }) };
    const read = { to: address, data: encodeFunctionData({ abi: Counter.abi, functionName: "number" }) };
    const blocks = await client.simulateBlocks({
      blocks: [
        { stateOverrides: [{ address: rich, balance: parseEther("5") }], calls: [{ ...increment, account: rich }] },
        { calls: [{ ...increment, account: rich }, read] },
      ],
    });
    assert.equal(blocks.length, 2);
    assert.equal(blocks[1].number, blocks[0].number + 1n);
    assert.ok(blocks.every(({ calls }) => calls.every(({ status }) => status === "success")));
    assert.equal(BigInt(blocks[1].calls[1].data), 7n);
    assert.equal(await client.readContract({ address, abi: Counter.abi, functionName: "number" }), 5n);
    const { results } = await client.simulateCalls({
      account: wallet.account,
      calls: [
        { to: address, abi: Counter.abi, functionName: "increment" },
        { to: address, abi: Counter.abi, functionName: "increment" },
      ],
    });
    assert.deepEqual(
      results.map(({ result }) => result),
      [6n, 7n],
    );
  });

  test("state overrides apply to eth_call and leave the chain alone", async () => {
    const address = fresh().address;
    const result = await client.readContract({
      address,
      abi: Counter.abi,
      functionName: "number",
      stateOverride: [
        {
          address,
          code: Counter.deployedBytecode,
          stateDiff: [{ slot: toHex(0, { size: 32 }), value: toHex(31337, { size: 32 }) }],
        },
      ],
    });
    assert.equal(result, 31337n);
    assert.equal(await client.getCode({ address }), undefined);
  });
});

describe("signatures", () => {
  test("messages and typed data are verified on the chain", async () => {
    const message = "OPEN sesame";
    const signature = await wallet.signMessage({ message });
    assert.equal(await client.verifyMessage({ address: wallet.account.address, message, signature }), true);
    assert.equal(await client.verifyMessage({ address: fresh().address, message, signature }), false);
    assert.equal(
      await client.verifyHash({ address: wallet.account.address, hash: hashMessage(message), signature }),
      true,
    );
  });
});
