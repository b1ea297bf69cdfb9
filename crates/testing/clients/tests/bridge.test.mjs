// OPEN and an ERC-20 from L1 to L2 and back, by viem's op-stack actions as they are.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createPublicClient, createWalletClient, defineChain, http, parseAbi, parseEther, parseEventLogs } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { getL2TransactionHashes, getWithdrawals, publicActionsL1, walletActionsL1 } from "viem/op-stack";
import { accountOf, artifact, PREINSTALLS, target } from "../lib/target.mjs";
import { chain, publicClient, walletClient } from "../lib/viem.mjs";

const { contracts } = target;
const account = privateKeyToAccount(accountOf("bridge").privateKey);
const l1Chain = defineChain({
  id: target.l1ChainId,
  name: "Local L1",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [target.l1Url] } },
  contracts: { multicall3: { address: PREINSTALLS.multicall3 } },
});
const targetChain = {
  ...chain,
  sourceId: l1Chain.id,
  contracts: {
    ...chain.contracts,
    portal: { [l1Chain.id]: { address: contracts.portal } },
    disputeGameFactory: { [l1Chain.id]: { address: contracts.disputeGameFactory } },
  },
};
const l1 = createPublicClient({ chain: l1Chain, transport: http(), pollingInterval: 200 }).extend(publicActionsL1());
const l1Wallet = createWalletClient({ account, chain: l1Chain, transport: http() }).extend(walletActionsL1());
const l2 = publicClient();
const l2Wallet = walletClient("bridge");

const erc20 = parseAbi([
  "function approve(address spender, uint256 amount) returns (bool)",
  "function balanceOf(address) view returns (uint256)",
  "function totalSupply() view returns (uint256)",
]);
const portal = parseAbi([
  "function depositERC20Transaction(address to, uint256 mint, uint256 value, uint64 gasLimit, bool isCreation, bytes data)",
]);
const bridge = parseAbi([
  "function bridgeERC20(address localToken, address remoteToken, uint256 amount, uint32 minGasLimit, bytes extraData)",
]);
const factory = parseAbi([
  "function createOptimismMintableERC20(address remoteToken, string name, string symbol) returns (address)",
  "event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer)",
]);

async function l1Write(request) {
  // The portal burns gas by L1's base fee, which may fall between the estimate and the block.
  const gas = await l1.estimateContractGas({ ...request, account });
  const hash = await l1Wallet.writeContract({ ...request, gas: (gas * 3n) / 2n });
  const receipt = await l1.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success", request.functionName);
  return receipt;
}

/** Waits for the L2 transactions that an L1 receipt's deposits become. */
async function deposited(receipt) {
  const hashes = getL2TransactionHashes(receipt);
  assert.equal(hashes.length, 1);
  const l2Receipt = await l2.waitForTransactionReceipt({ hash: hashes[0], timeout: 60_000 });
  assert.equal(l2Receipt.status, "success");
  assert.equal(l2Receipt.type, "0x7e");
  return l2Receipt;
}

/** Proves and finalizes the one withdrawal of an L2 receipt. */
async function withdraw(receipt) {
  assert.equal(await l1.getWithdrawalStatus({ receipt, targetChain }), "waiting-to-prove");
  const { game, output, withdrawal } = await l1.waitToProve({ receipt, targetChain });
  // As OP's, the portal takes no proof in the second in which the game was made, and the L1 estimates gas at the time
  // of its newest block.
  while ((await l1.getBlock()).timestamp <= game.timestamp) await sleep(200);
  const proof = await l2.buildProveWithdrawal({ account, output, withdrawal });
  const proveHash = await l1Wallet.proveWithdrawal({ ...proof, account, targetChain });
  const proven = await l1.waitForTransactionReceipt({ hash: proveHash });
  assert.equal(proven.status, "success");
  await l1.waitToFinalize({ withdrawalHash: withdrawal.withdrawalHash, targetChain });
  const finalizeHash = await l1Wallet.finalizeWithdrawal({ account, targetChain, withdrawal });
  const finalized = await l1.waitForTransactionReceipt({ hash: finalizeHash });
  assert.equal(finalized.status, "success");
  assert.equal(await l1.getWithdrawalStatus({ receipt, targetChain }), "finalized");
}

describe("OPEN", () => {
  const open = { address: contracts.open, abi: erc20 };
  const balance = () => l1.readContract({ ...open, functionName: "balanceOf", args: [account.address] });

  test("is deposited by approve and depositERC20Transaction", async () => {
    const amount = parseEther("25");
    const to = "0x000000000000000000000000000000000000b41e";
    const [before, had] = [await balance(), await l2.getBalance({ address: to })];
    await l1Write({ ...open, functionName: "approve", args: [contracts.portal, amount] });
    const receipt = await l1Write({
      address: contracts.portal,
      abi: portal,
      functionName: "depositERC20Transaction",
      args: [to, amount, amount, 100_000n, false, "0x"],
    });
    await deposited(receipt);
    assert.equal(await balance(), before - amount);
    assert.equal(await l2.getBalance({ address: to }), had + amount);
  });

  test("is withdrawn by initiate, prove and finalize", { timeout: 140_000 }, async () => {
    const amount = parseEther("10");
    const before = await balance();
    const request = await l1.buildInitiateWithdrawal({ account, to: account.address, value: amount });
    const hash = await l2Wallet.initiateWithdrawal({ ...request, account });
    const receipt = await l2.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, "success");
    assert.equal(getWithdrawals(receipt)[0].value, amount);
    await withdraw(receipt);
    assert.equal(await balance(), before + amount);
  });
});

test("an ERC-20 crosses both ways", { timeout: 140_000 }, async () => {
  const token = artifact("Token");
  const deployHash = await l1Wallet.deployContract({ abi: token.abi, bytecode: token.bytecode, args: [1_000_000n] });
  const { contractAddress: l1Token } = await l1.waitForTransactionReceipt({ hash: deployHash });
  const supply = await l1.readContract({
    address: l1Token,
    abi: erc20,
    functionName: "balanceOf",
    args: [account.address],
  });
  assert.ok(supply >= 1_000n);

  const createHash = await l2Wallet.writeContract({
    address: contracts.optimismMintableERC20Factory,
    abi: factory,
    functionName: "createOptimismMintableERC20",
    args: [l1Token, "Bridged token", "BRT"],
  });
  const created = await l2.waitForTransactionReceipt({ hash: createHash });
  const [event] = parseEventLogs({ abi: factory, logs: created.logs, eventName: "OptimismMintableERC20Created" });
  const l2Token = event.args.localToken;
  const l2Balance = () =>
    l2.readContract({ address: l2Token, abi: erc20, functionName: "balanceOf", args: [account.address] });

  await l1Write({ address: l1Token, abi: erc20, functionName: "approve", args: [contracts.l1StandardBridge, 1_000n] });
  const receipt = await l1Write({
    address: contracts.l1StandardBridge,
    abi: bridge,
    functionName: "bridgeERC20",
    args: [l1Token, l2Token, 1_000n, 300_000, "0x"],
  });
  await deposited(receipt);
  assert.equal(await l2Balance(), 1_000n);

  const backHash = await l2Wallet.writeContract({
    address: contracts.l2StandardBridge,
    abi: bridge,
    functionName: "bridgeERC20",
    args: [l2Token, l1Token, 400n, 300_000, "0x"],
  });
  const back = await l2.waitForTransactionReceipt({ hash: backHash });
  assert.equal(back.status, "success");
  assert.equal(await l2Balance(), 600n);
  await withdraw(back);
  const returned = await l1.readContract({
    address: l1Token,
    abi: erc20,
    functionName: "balanceOf",
    args: [account.address],
  });
  assert.equal(returned, supply - 600n);
});
