// viem's op-stack extension on L2: data fees, operator fees, deposits as blocks show them, and withdrawals begun.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeAbiParameters, encodeFunctionData, keccak256, parseAbi, parseEther, serializeTransaction } from "viem";
import { getWithdrawals } from "viem/op-stack";
import { artifact, PREDEPLOYS } from "../lib/target.mjs";
import { verifyProof } from "../lib/proof.mjs";
import { publicClient, walletClient } from "../lib/viem.mjs";

const client = publicClient();
const wallet = walletClient("viem");
const to = "0x00000000000000000000000000000000000a11ce";

const oracle = {
  address: PREDEPLOYS.gasPriceOracle,
  abi: parseAbi([
    "function getL1Fee(bytes) view returns (uint256)",
    "function getL1FeeUpperBound(uint256) view returns (uint256)",
    "function getL1GasUsed(bytes) view returns (uint256)",
    "function l1BaseFee() view returns (uint256)",
    "function blobBaseFee() view returns (uint256)",
    "function baseFeeScalar() view returns (uint32)",
    "function blobBaseFeeScalar() view returns (uint32)",
    "function getOperatorFee(uint256) view returns (uint256)",
    "function isEcotone() view returns (bool)",
    "function isFjord() view returns (bool)",
    "function isIsthmus() view returns (bool)",
  ]),
};
const l1Block = {
  address: PREDEPLOYS.l1Block,
  abi: parseAbi([
    "function number() view returns (uint64)",
    "function timestamp() view returns (uint64)",
    "function basefee() view returns (uint256)",
    "function hash() view returns (bytes32)",
    "function sequenceNumber() view returns (uint64)",
    "function batcherHash() view returns (bytes32)",
  ]),
};

describe("fees", () => {
  test("the oracle's estimates are what the receipt says", async () => {
    const request = await wallet.prepareTransactionRequest({ to, value: 1n });
    const l1Fee = await client.estimateL1Fee(request);
    assert.ok(l1Fee > 0n);
    assert.ok((await client.estimateL1Gas(request)) > 0n);
    assert.ok((await client.getL1BaseFee()) > 0n);
    const operatorFee = await client.estimateOperatorFee(request);
    const total = await client.estimateTotalFee({ account: wallet.account, to, value: 1n });
    assert.ok(total >= l1Fee + operatorFee + 21_000n);
    assert.ok((await client.estimateTotalGas({ account: wallet.account, to, value: 1n })) > 21_000n);

    const serializedTransaction = await wallet.signTransaction(request);
    const hash = await wallet.sendRawTransaction({ serializedTransaction });
    const receipt = await client.waitForTransactionReceipt({ hash });
    const at = { blockNumber: receipt.blockNumber };
    // The oracle adds the signature's size to an unsigned transaction; the receipt's fee is of the signed bytes.
    const unsigned = serializeTransaction(request);
    const quoted = await client.readContract({ ...oracle, ...at, functionName: "getL1Fee", args: [unsigned] });
    const deviation = Number(quoted - receipt.l1Fee) / Number(receipt.l1Fee);
    assert.ok(Math.abs(deviation) < 0.1, `quoted ${quoted}, paid ${receipt.l1Fee}`);
    const bound = await client.readContract({
      ...oracle,
      ...at,
      functionName: "getL1FeeUpperBound",
      args: [BigInt(unsigned.length / 2 - 1)],
    });
    assert.ok(bound >= receipt.l1Fee);
    assert.equal(await client.readContract({ ...oracle, ...at, functionName: "l1BaseFee" }), receipt.l1GasPrice);
  });

  test("contract writes are estimated too", async () => {
    const { abi, bytecode } = artifact("Counter");
    const hash = await wallet.deployContract({ abi, bytecode, args: [1n] });
    const { contractAddress: address } = await client.waitForTransactionReceipt({ hash });
    const write = { address, abi, functionName: "setNumber", args: [2n], account: wallet.account };
    assert.ok((await client.estimateContractL1Fee(write)) > 0n);
    assert.ok((await client.estimateContractL1Gas(write)) > 0n);
    assert.ok((await client.estimateContractTotalFee(write)) > (await client.estimateContractL1Fee(write)));
    assert.ok((await client.estimateContractTotalGas(write)) > 21_000n);
  });

  test("the oracle says which forks are active", async () => {
    for (const functionName of ["isEcotone", "isFjord", "isIsthmus"]) {
      assert.equal(await client.readContract({ ...oracle, functionName }), true, functionName);
    }
  });
});

describe("deposits", () => {
  test("the first transaction of every block is the L1 attributes deposit", async () => {
    const latest = await client.getBlockNumber();
    for (const blockNumber of [1n, latest]) {
      const block = await client.getBlock({ blockNumber, includeTransactions: true });
      const [attributes] = block.transactions;
      assert.equal(attributes.type, "deposit");
      assert.equal(attributes.typeHex, "0x7e");
      assert.equal(attributes.from.toLowerCase(), "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
      assert.equal(attributes.to.toLowerCase(), PREDEPLOYS.l1Block.toLowerCase());
      assert.match(attributes.sourceHash, /^0x[0-9a-f]{64}$/);
      assert.equal(attributes.isSystemTx, false);
      const receipt = await client.getTransactionReceipt({ hash: attributes.hash });
      assert.equal(receipt.status, "success");
      // viem names the type in transactions only.
      assert.equal(receipt.type, "0x7e");
      // Isthmus form: selector and 172 bytes, tightly packed.
      assert.equal(attributes.input.length, 2 + 2 * 176);
      assert.equal(attributes.input.slice(0, 10), "0x098999be");
    }
  });

  test("L1Block holds the origin that the deposit wrote", async () => {
    const block = await client.getBlock({ includeTransactions: true });
    const read = (functionName) => client.readContract({ ...l1Block, functionName, blockNumber: block.number });
    const input = block.transactions[0].input.slice(10);
    const field = (from, bytes) => BigInt(`0x${input.slice(2 * from, 2 * (from + bytes))}`);
    assert.equal(await read("sequenceNumber"), field(8, 8));
    assert.equal(await read("timestamp"), field(16, 8));
    assert.equal(await read("number"), field(24, 8));
    assert.equal(await read("basefee"), field(32, 32));
    assert.equal(BigInt(await read("hash")), field(96, 32));
    assert.ok(block.timestamp >= (await read("timestamp")), "a block is never older than its origin");
  });
});

describe("withdrawals", () => {
  test("initiateWithdrawal burns on L2 and leaves a provable message", async () => {
    // What viem's buildInitiateWithdrawal makes; that action asks an L1 for the gas of the call there.
    const request = { gas: 21_000n, to, value: parseEther("0.5"), data: "0x" };
    const estimate = await client.estimateInitiateWithdrawalGas({ account: wallet.account, request });
    assert.ok(estimate > 21_000n);
    const hash = await wallet.initiateWithdrawal({ request });
    const receipt = await client.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, "success");
    const [withdrawal] = getWithdrawals(receipt);
    assert.equal(withdrawal.value, parseEther("0.5"));
    assert.equal(withdrawal.sender, wallet.account.address);
    // What proves it on L1: the message's slot in the message passer, whose storage root is in the header.
    const slot = keccak256(
      encodeAbiParameters([{ type: "bytes32" }, { type: "uint256" }], [withdrawal.withdrawalHash, 0n]),
    );
    const block = await client.getBlock({ blockNumber: receipt.blockNumber });
    const proof = await client.request({
      method: "eth_getProof",
      params: [PREDEPLOYS.messagePasser, [slot], `0x${receipt.blockNumber.toString(16)}`],
    });
    verifyProof(block.stateRoot, proof);
    assert.equal(BigInt(proof.storageProof[0].value), 1n);
    assert.equal(proof.storageHash, block.withdrawalsRoot);
    const sent = await client.readContract({
      address: PREDEPLOYS.messagePasser,
      abi: parseAbi(["function sentMessages(bytes32) view returns (bool)"]),
      functionName: "sentMessages",
      args: [withdrawal.withdrawalHash],
    });
    assert.equal(sent, true);
  });

  test("wrapped OPEN wraps one to one", async () => {
    const abi = parseAbi([
      "function deposit() payable",
      "function withdraw(uint256)",
      "function balanceOf(address) view returns (uint256)",
    ]);
    const write = async (functionName, args, value) => {
      const data = encodeFunctionData({ abi, functionName, args });
      const hash = await wallet.sendTransaction({ to: PREDEPLOYS.wrappedOpen, data, value });
      const { status } = await client.waitForTransactionReceipt({ hash });
      assert.equal(status, "success");
    };
    const balance = () =>
      client.readContract({
        address: PREDEPLOYS.wrappedOpen,
        abi,
        functionName: "balanceOf",
        args: [wallet.account.address],
      });
    const before = await balance();
    await write("deposit", [], 1000n);
    assert.equal(await balance(), before + 1000n);
    await write("withdraw", [400n], 0n);
    assert.equal(await balance(), before + 600n);
  });
});
