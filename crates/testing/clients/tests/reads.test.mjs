// The rest of what clients read: simulation, headers, accounts, local signing, traces, the OP node's methods, on the wire.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  concat,
  encodeAbiParameters,
  encodeFunctionData,
  hexToBigInt,
  keccak256,
  numberToHex,
  recoverMessageAddress,
  recoverTypedDataAddress,
  sha256,
  toHex,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { accountOf, artifact, PREDEPLOYS, PREINSTALLS, target } from "../lib/target.mjs";
import { call, failure, privileged, receiptOf } from "../lib/rpc.mjs";
import { Sender } from "../lib/sender.mjs";

const Counter = artifact("Counter");
const Failures = artifact("Failures");
const sender = new Sender("behaviour");
const ZERO_HASH = `0x${"00".repeat(32)}`;
const NUMBER = encodeFunctionData({ abi: Counter.abi, functionName: "number" });
const INCREMENT = encodeFunctionData({ abi: Counter.abi, functionName: "increment" });
const setNumber = (value) => encodeFunctionData({ abi: Counter.abi, functionName: "setNumber", args: [value] });

let counter;
let deployed;
before(async () => {
  counter = await sender.deploy(Counter, encodeAbiParameters([{ type: "uint256" }], [100n]));
  deployed = await call("eth_blockNumber");
});

describe("eth_simulateV1", () => {
  test("blocks build on each other, with overrides and transfers as logs", async () => {
    const rich = "0x000000000000000000000000000000000000c0de";
    const [first, second] = await call("eth_simulateV1", [
      {
        blockStateCalls: [
          {
            stateOverrides: { [rich]: { balance: "0xde0b6b3a7640000" } },
            calls: [{ from: rich, to: counter, value: "0x0", data: setNumber(55n) }],
          },
          {
            blockOverrides: { baseFeePerGas: "0x9" },
            calls: [
              { from: rich, to: sender.address, value: "0x5" },
              { to: counter, data: NUMBER },
            ],
          },
        ],
        traceTransfers: true,
      },
      "latest",
    ]);
    assert.equal(first.calls[0].status, "0x1");
    assert.equal(first.calls[0].logs.length, 1);
    assert.equal(second.parentHash, first.hash);
    assert.equal(second.baseFeePerGas, "0x9");
    const [transfer] = second.calls[0].logs;
    assert.equal(transfer.address.toLowerCase(), "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    assert.equal(hexToBigInt(transfer.data), 5n);
    assert.equal(hexToBigInt(second.calls[1].returnData), 55n);
  });

  test("failures of a call are in its result, failures of the request are errors", async () => {
    const failures = await sender.deploy(Failures);
    const data = encodeFunctionData({ abi: Failures.abi, functionName: "failWithReason" });
    const [block] = await call("eth_simulateV1", [{ blockStateCalls: [{ calls: [{ to: failures, data }] }] }]);
    assert.equal(block.calls[0].status, "0x0");
    assert.equal(block.calls[0].error.code, 3);
    assert.match(block.calls[0].error.message, /^execution reverted/);
    const code = async (payload) => (await failure("eth_simulateV1", [payload, "latest"])).code;
    const used = { from: sender.address, to: counter, nonce: "0x0" };
    assert.equal(await code({ blockStateCalls: [{ calls: [used] }], validation: true }), -38010);
    const backwards = [{ blockOverrides: { number: "0xfffff0" } }, { blockOverrides: { number: "0xffff00" } }];
    assert.equal(await code({ blockStateCalls: backwards }), -38020);
    const earlier = [{ blockOverrides: { time: "0xfffffff0" } }, { blockOverrides: { time: "0xffffff00" } }];
    assert.equal(await code({ blockStateCalls: earlier }), -38021);
    const poor = { from: "0x00000000000000000000000000000000deadbeef", to: counter, value: "0x1" };
    assert.equal(await code({ blockStateCalls: [{ calls: [poor] }] }), -38014);
    assert.equal(await code({ blockStateCalls: Array.from({ length: 257 }, () => ({})) }), -38026);
  });
});

describe("other reads", () => {
  test("access lists", async () => {
    const result = await call("eth_createAccessList", [{ from: sender.address, to: counter, data: setNumber(3n) }]);
    assert.deepEqual(
      result.accessList.map(({ address, storageKeys }) => [address.toLowerCase(), storageKeys]),
      [[counter.toLowerCase(), [ZERO_HASH]]],
    );
    assert.ok(hexToBigInt(result.gasUsed) > 21_000n);
  });

  test("headers, counts, raw transactions and uncles", async () => {
    const receipt = await sender.mined();
    const { blockHash, blockNumber, transactionHash, transactionIndex } = receipt;
    const block = await call("eth_getBlockByHash", [blockHash, true]);
    const header = await call("eth_getHeaderByHash", [blockHash]);
    assert.deepEqual(await call("eth_getHeaderByNumber", [blockNumber]), header);
    for (const [field, value] of Object.entries(header)) assert.deepEqual(value, block[field], field);
    assert.equal(await call("eth_getBlockTransactionCountByHash", [blockHash]), numberToHex(block.transactions.length));
    assert.equal(
      await call("eth_getBlockTransactionCountByNumber", [blockNumber]),
      numberToHex(block.transactions.length),
    );
    const raw = await call("eth_getRawTransactionByHash", [transactionHash]);
    assert.equal(keccak256(raw), transactionHash);
    assert.equal(await call("eth_getRawTransactionByBlockHashAndIndex", [blockHash, transactionIndex]), raw);
    assert.equal(await call("eth_getRawTransactionByBlockNumberAndIndex", [blockNumber, transactionIndex]), raw);
    assert.equal(await call("eth_getUncleCountByBlockHash", [blockHash]), "0x0");
    assert.equal(await call("eth_getUncleCountByBlockNumber", [blockNumber]), "0x0");
    // A deposit has a raw form too.
    const deposit = await call("eth_getRawTransactionByBlockNumberAndIndex", [blockNumber, "0x0"]);
    assert.equal(deposit.slice(0, 4), "0x7e");
    assert.equal(keccak256(deposit), block.transactions[0].hash);
  });

  test("a header is what Isthmus says", async () => {
    const block = await call("eth_getBlockByNumber", ["latest", false]);
    assert.equal(block.requestsHash, sha256("0x"));
    assert.equal(block.miner.toLowerCase(), PREDEPLOYS.sequencerFeeVault.toLowerCase());
    assert.match(block.extraData, /^0x00[0-9a-f]{16}$/, "Holocene: version 0, denominator, elasticity");
    assert.equal(hexToBigInt(block.gasLimit), 60_000_000n);
    assert.equal(block.blobGasUsed, "0x0");
    assert.equal(block.excessBlobGas, "0x0");
    assert.equal(block.nonce, "0x0000000000000000");
    assert.equal(block.difficulty, "0x0");
    const parent = await call("eth_getBlockByHash", [block.parentHash, false]);
    assert.equal(Number(block.timestamp), Number(parent.timestamp) + 1);
    const proof = await call("eth_getProof", [PREDEPLOYS.messagePasser, [], block.number]);
    assert.equal(block.withdrawalsRoot, proof.storageHash);
  });

  test("accounts in one answer", async () => {
    const [info, account, balance, code] = await Promise.all([
      call("eth_getAccountInfo", [counter, deployed]),
      call("eth_getAccount", [counter, deployed]),
      call("eth_getBalance", [counter, deployed]),
      call("eth_getCode", [counter, deployed]),
    ]);
    assert.deepEqual(info, { balance, nonce: "0x1", code });
    const proof = await call("eth_getProof", [counter, [], deployed]);
    assert.deepEqual(account, { balance, nonce: "0x1", codeHash: keccak256(code), storageRoot: proof.storageHash });
  });

  test("eth_getStorageAt takes short and long slots", async () => {
    const [short, long, digit] = await Promise.all(
      ["0x0", ZERO_HASH, "0x00"].map((slot) => call("eth_getStorageAt", [counter, slot, deployed])),
    );
    assert.equal(hexToBigInt(short), 100n);
    assert.equal(short.length, 66);
    assert.deepEqual([long, digit], [short, short]);
    const proofs = await call("eth_getProof", [counter, ["0x0", ZERO_HASH], deployed]);
    assert.deepEqual(
      proofs.storageProof.map(({ value }) => value),
      ["0x64", "0x64"],
    );
  });

  test("eth_fillTransaction fills what a wallet leaves out", async () => {
    const { tx } = await call("eth_fillTransaction", [{ from: sender.address, to: counter, data: setNumber(1n) }]);
    assert.equal(Number(tx.nonce), await sender.nonce());
    assert.ok(hexToBigInt(tx.gas) > 21_000n);
    assert.ok(hexToBigInt(tx.maxFeePerGas) > 0n);
    assert.equal(Number(tx.chainId), target.chainId);
  });

  test("eth_callMany runs calls on one state", async () => {
    const transactions = [
      { to: counter, data: INCREMENT },
      { to: counter, data: NUMBER },
    ];
    const [[first, second]] = await call("eth_callMany", [[{ transactions }], { blockNumber: deployed }]);
    assert.equal(hexToBigInt(first.value), 101n);
    assert.equal(hexToBigInt(second.value), 101n);
  });

  test("the node about itself", async () => {
    assert.equal(await call("eth_syncing"), false);
    assert.equal(await call("net_peerCount"), "0x0");
    assert.equal(await call("web3_sha3", ["0x68656c6c6f"]), keccak256("0x68656c6c6f"));
    const config = await call("eth_config");
    assert.equal(Number(config.current.chainId), target.chainId);
    assert.equal((await call("rpc_modules")).eth, "1.0");
    assert.equal(await call("eth_blobBaseFee"), "0x1");
  });

  test("wallets' contracts and the predeploys are there from genesis", async () => {
    for (const [name, address] of [...Object.entries(PREINSTALLS), ...Object.entries(PREDEPLOYS)]) {
      const code = await call("eth_getCode", [address, "earliest"]);
      assert.ok(code.length > 2, `${name} at ${address}`);
    }
    // The CREATE2 deployer deploys; the address is that of EIP-1014.
    const salt = keccak256(toHex(`${Date.now()}`));
    const initcode = concat([Counter.bytecode, encodeAbiParameters([{ type: "uint256" }], [5n])]);
    const receipt = await sender.mined({
      to: PREINSTALLS.create2Deployer,
      data: concat([salt, initcode]),
      gas: 1_000_000n,
    });
    assert.equal(receipt.status, "0x1");
    const digest = keccak256(concat(["0xff", PREINSTALLS.create2Deployer, salt, keccak256(initcode)]));
    assert.equal(await call("eth_getCode", [`0x${digest.slice(26)}`]), Counter.deployedBytecode);
  });

  test("system calls: EIP-2935 gives a parent's hash, EIP-4788 the beacon root", async () => {
    const block = await call("eth_getBlockByNumber", ["latest", false]);
    const parent = numberToHex(Number(block.number) - 1, { size: 32 });
    assert.equal(
      await call("eth_call", [{ to: PREINSTALLS.historyStorage, data: parent }, block.number]),
      block.parentHash,
    );
    const data = numberToHex(Number(block.timestamp), { size: 32 });
    const root = await call("eth_call", [{ to: PREINSTALLS.beaconRoots, data }, block.number]);
    assert.equal(root, block.parentBeaconBlockRoot);
  });
});

describe("local accounts", () => {
  test("are listed, sign and send", async () => {
    const accounts = await call("eth_accounts");
    assert.deepEqual(
      accounts.map((address) => address.toLowerCase()),
      target.accounts.map(({ address }) => address.toLowerCase()),
    );
    const { address } = accountOf("behaviour");
    const message = "0x68656c6c6f";
    for (const [method, params] of [
      ["personal_sign", [message, address]],
      ["eth_sign", [address, message]],
    ]) {
      const signature = await call(method, params);
      assert.equal(await recoverMessageAddress({ message: { raw: message }, signature }), address, method);
    }
    const typed = {
      domain: { name: "Test", chainId: target.chainId },
      types: {
        EIP712Domain: [
          { name: "name", type: "string" },
          { name: "chainId", type: "uint256" },
        ],
        Note: [{ name: "text", type: "string" }],
      },
      primaryType: "Note",
      message: { text: "hello" },
    };
    const signature = await call("eth_signTypedData_v4", [address, typed]);
    assert.equal(await recoverTypedDataAddress({ ...typed, signature }), address);
    const hash = await call("eth_sendTransaction", [{ from: address, to: target.accounts[8].address, value: "0x1" }]);
    assert.equal((await receiptOf(hash)).status, "0x1");
  });

  test("an account that the node doesn't hold can't send", async () => {
    const unknown = "0x00000000000000000000000000000000deadbeef";
    const error = await failure("eth_sendTransaction", [{ from: unknown, to: unknown, value: "0x0" }]);
    assert.match(error.message, /unknown account|no signer|not.*(held|available)/i);
  });
});

describe("traces", () => {
  let receipt;
  before(async () => (receipt = await sender.mined({ to: counter, data: setNumber(123n), gas: 100_000n, value: 0n })));
  const trace = (options) => privileged("debug_traceTransaction", [receipt.transactionHash, options]);

  test("callTracer", async () => {
    const frame = await trace({ tracer: "callTracer", tracerConfig: { withLog: true } });
    assert.equal(frame.type, "CALL");
    assert.equal(frame.from.toLowerCase(), sender.address.toLowerCase());
    assert.equal(frame.to.toLowerCase(), counter.toLowerCase());
    assert.equal(frame.input, setNumber(123n));
    assert.equal(frame.gasUsed, receipt.gasUsed);
    assert.equal(frame.logs.length, 1);
  });

  test("prestateTracer, also as a difference", async () => {
    const prestate = await trace({ tracer: "prestateTracer" });
    const entry = Object.entries(prestate).find(([address]) => address.toLowerCase() === counter.toLowerCase())[1];
    assert.equal(entry.code, Counter.deployedBytecode);
    const { pre, post } = await trace({ tracer: "prestateTracer", tracerConfig: { diffMode: true } });
    const changed = Object.entries(post).find(([address]) => address.toLowerCase() === counter.toLowerCase())[1];
    assert.equal(hexToBigInt(changed.storage[ZERO_HASH]), 123n);
    const nonces = [pre, post].map(
      (side) =>
        Object.entries(side).find(([address]) => address.toLowerCase() === sender.address.toLowerCase())[1].nonce,
    );
    assert.equal(nonces[1], nonces[0] + 1);
  });

  test("4byteTracer and struct logs", async () => {
    const selectors = await trace({ tracer: "4byteTracer" });
    assert.deepEqual(selectors, { [`${setNumber(0n).slice(0, 10)}-32`]: 1 });
    const steps = await trace({ disableStorage: true });
    assert.equal(steps.failed, false);
    assert.equal(BigInt(steps.gas), hexToBigInt(receipt.gasUsed));
    assert.ok(steps.structLogs.some(({ op }) => op === "SSTORE"));
    assert.ok(steps.structLogs.every(({ storage }) => storage === undefined));
  });

  test("calls and blocks", async () => {
    const frame = await privileged("debug_traceCall", [
      { to: counter, data: NUMBER },
      "latest",
      { tracer: "callTracer" },
    ]);
    assert.equal(frame.output.length, 66);
    const byNumber = await privileged("debug_traceBlockByNumber", [receipt.blockNumber, { tracer: "callTracer" }]);
    const byHash = await privileged("debug_traceBlockByHash", [receipt.blockHash, { tracer: "callTracer" }]);
    assert.deepEqual(byHash, byNumber);
    const block = await call("eth_getBlockByHash", [receipt.blockHash, false]);
    assert.deepEqual(
      byNumber.map(({ txHash }) => txHash),
      block.transactions,
    );
  });

  test("raw header, block, receipts and transaction", async () => {
    const header = await privileged("debug_getRawHeader", [receipt.blockNumber]);
    assert.equal(keccak256(header), receipt.blockHash);
    const block = await privileged("debug_getRawBlock", [receipt.blockNumber]);
    assert.ok(block.includes(header.slice(2)));
    const receipts = await privileged("debug_getRawReceipts", [receipt.blockNumber]);
    assert.equal(receipts[0].slice(0, 4), "0x7e");
    assert.equal(receipts[Number(receipt.transactionIndex)].slice(0, 4), "0x02");
    const raw = await privileged("debug_getRawTransaction", [receipt.transactionHash]);
    assert.equal(keccak256(raw), receipt.transactionHash);
  });

  test("a block's witness holds its parent's root and the code that ran", async () => {
    const witness = await privileged("debug_executionWitness", [receipt.blockNumber]);
    const block = await call("eth_getBlockByHash", [receipt.blockHash, false]);
    const parent = await call("eth_getBlockByHash", [block.parentHash, false]);
    assert.ok(witness.state.some((node) => keccak256(node) === parent.stateRoot));
    assert.ok(witness.codes.includes(Counter.deployedBytecode));
  });
});

describe("transactions of an address", () => {
  const search = (method, params) => privileged(`ots_searchTransactions${method}`, params);
  const hashes = ({ txs }) => txs.map(({ hash }) => hash);

  test("a contract's, from its creation on, in pages of complete blocks", async () => {
    const creation = await search("After", [counter, 0, 1]);
    assert.equal(creation.lastPage, true);
    assert.equal(creation.txs.length, 1);
    assert.equal(creation.receipts[0].contractAddress.toLowerCase(), counter.toLowerCase());
    const { number, timestamp } = await call("eth_getBlockByNumber", [creation.txs[0].blockNumber, false]);
    assert.equal(creation.receipts[0].timestamp, timestamp);

    const { transactionHash, blockNumber } = await sender.mined({
      to: counter,
      data: setNumber(7n),
      gas: 100_000n,
      value: 0n,
    });
    const newest = await search("Before", [counter, 0, 1]);
    assert.deepEqual(hashes(newest), [transactionHash]);
    assert.deepEqual([newest.firstPage, newest.lastPage], [true, false]);
    assert.deepEqual(newest.txs[0], await call("eth_getTransactionByHash", [transactionHash]));
    const older = await search("Before", [counter, Number(blockNumber), 1_000]);
    assert.deepEqual([older.firstPage, older.lastPage], [false, true]);
    assert.equal(hashes(older).at(-1), creation.txs[0].hash);
    const newer = await search("After", [counter, Number(number), 1_000]);
    assert.deepEqual([newer.firstPage, newer.lastPage], [true, false]);
    assert.deepEqual(hashes(newer), [transactionHash, ...hashes(older).slice(0, -1)]);
    const bySender = await search("Before", [sender.address, 0, 1]);
    assert.ok(hashes(bySender).includes(transactionHash));
  });

  test("none", async () => {
    const nobody = "0x00000000000000000000000000000000deadbeef";
    const nothing = { txs: [], receipts: [], firstPage: true, lastPage: true };
    assert.deepEqual(await search("Before", [nobody, 0, 25]), nothing);
    assert.deepEqual(await search("After", [nobody, 0, 25]), nothing);
  });
});

describe("OP node's methods", () => {
  test("an output root is the hash of its parts", async () => {
    const number = await call("eth_blockNumber");
    const output = await call("optimism_outputAtBlock", [number]);
    const block = await call("eth_getBlockByNumber", [number, false]);
    assert.equal(output.stateRoot, block.stateRoot);
    assert.equal(output.withdrawalStorageRoot, block.withdrawalsRoot);
    assert.equal(output.blockRef.hash, block.hash);
    assert.equal(output.outputRoot, keccak256(concat([ZERO_HASH, block.stateRoot, block.withdrawalsRoot, block.hash])));
  });

  test("heads are ordered, and the rollup is this one", async () => {
    const status = await call("optimism_syncStatus");
    assert.ok(status.finalized_l2.number <= status.safe_l2.number);
    assert.ok(status.safe_l2.number <= status.unsafe_l2.number);
    assert.ok(status.unsafe_l2.l1origin.number <= status.head_l1.number);
    const rollup = await call("optimism_rollupConfig");
    assert.equal(rollup.l2_chain_id, target.chainId);
    assert.equal(rollup.block_time, 1);
    assert.equal(typeof (await call("optimism_version")), "string");
  });
});

describe("insufficient funds", () => {
  test("the message says how much of the cost is L1 fee", async () => {
    // Enough for value and gas at the price given, and not for the L1 fee: "send max" of a wallet that doesn't know it.
    const poor = privateKeyToAccount(generatePrivateKey());
    const maxFeePerGas = 10_000_000_000n;
    await sender.mined({ to: poor.address, value: 21_000n * maxFeePerGas + 5n });
    const raw = await poor.signTransaction({
      type: "eip1559",
      chainId: target.chainId,
      nonce: 0,
      to: sender.address,
      value: 5n,
      gas: 21_000n,
      maxFeePerGas,
      maxPriorityFeePerGas: 0n,
    });
    const error = await failure("eth_sendRawTransaction", [raw]);
    assert.equal(error.code, -32000);
    assert.match(error.message, /insufficient funds for gas \* price \+ value/);
    assert.match(error.message, /L1 fee \d+/);
  });
});
