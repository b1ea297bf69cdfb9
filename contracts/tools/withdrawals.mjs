#!/usr/bin/env node
// Derives test/L1/vectors/withdrawals.json: withdrawals, and the storage proofs by which L1 is shown them.
//
//   node tools/withdrawals.mjs          derives the file and compares it with the committed one
//   node tools/withdrawals.mjs --write  derives the file and writes it
//
// A fresh anvil runs the committed L2ToL1MessagePasser at its address. Everything in the file is what anvil answers: the fields
// and the hash of each withdrawal from the event, the proofs from eth_getProof. So neither the trie nor its proofs come from
// code of ours.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const PASSER = '0x4200000000000000000000000000000000000016';
const SENDER = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
// Proofs are taken when this many withdrawals are recorded: the tries are a leaf alone, a branch, and several levels deep.
const STAGES = [1, 3, 300];
const PORT = 18545;

const word = (value) => BigInt(value).toString(16).padStart(64, '0');
const at = (hex, i) => hex.slice(2 + 64 * i, 2 + 64 * (i + 1));

/** The native binary: the npm package's launcher can't be stopped by its process id. */
function anvilBinary() {
  const os = { linux: 'linux', darwin: 'darwin' }[process.platform] ?? 'win32';
  const arch = process.arch === 'x64' ? 'amd64' : 'arm64';
  return path.join(root, 'node_modules', '@foundry-rs', `anvil-${os}-${arch}`, 'bin', 'anvil');
}

async function rpc(method, params = []) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const response = await fetch(`http://127.0.0.1:${PORT}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { result, error } = await response.json();
  if (error !== undefined) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function waitForAnvil() {
  for (let tries = 0; tries < 100; ++tries) {
    try {
      return await rpc('eth_chainId');
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('anvil does not answer');
}

/** Calldata of initiateWithdrawal(address target, uint256 gasLimit, bytes data). */
function initiateWithdrawal(target, gasLimit, data) {
  const padded = data.padEnd(Math.ceil(data.length / 64) * 64, '0');
  return `0xc2b3e5ac${word(target)}${word(gasLimit)}${word(0x60)}${word(data.length / 2)}${padded}`;
}

/** Withdrawal number `i`: targets, values and lengths of data all differ. */
async function withdraw(i) {
  const data = Array.from({ length: (i * 7) % 100 }, (_, j) => ((i + j) % 256).toString(16).padStart(2, '0')).join('');
  const target = `0x${(0x1000 + i).toString(16).padStart(40, '0')}`;
  const hash = await rpc('eth_sendTransaction', [
    { from: SENDER, to: PASSER, value: `0x${(BigInt(i) * 1_000_000_007n).toString(16)}`, gas: '0x100000', data: initiateWithdrawal(target, 100_000 + i, data) },
  ]);
  await rpc('evm_mine', [1_700_000_001 + i]);
  const receipt = await rpc('eth_getTransactionReceipt', [hash]);
  if (receipt.status !== '0x1') throw new Error(`withdrawal ${i} failed`);
  const [log] = receipt.logs;
  // Event data: value, gasLimit, offset, withdrawalHash, length, bytes.
  const length = Number(`0x${at(log.data, 4)}`);
  return {
    nonce: log.topics[1],
    sender: `0x${log.topics[2].slice(26)}`,
    target: `0x${log.topics[3].slice(26)}`,
    value: `0x${at(log.data, 0)}`,
    gasLimit: `0x${at(log.data, 1)}`,
    data: `0x${log.data.slice(2 + 64 * 5, 2 + 64 * 5 + 2 * length)}`,
    withdrawalHash: `0x${at(log.data, 3)}`,
  };
}

async function prove(withdrawal) {
  const slot = await rpc('web3_sha3', [`${withdrawal.withdrawalHash}${word(0)}`]);
  const { storageHash, storageProof } = await rpc('eth_getProof', [PASSER, [slot], 'latest']);
  return { storageHash, proof: storageProof[0].proof };
}

async function derive() {
  const { deployedBytecode } = JSON.parse(readFileSync(path.join(root, 'artifacts', 'L2ToL1MessagePasser.json'), 'utf8'));
  await rpc('anvil_setCode', [PASSER, deployedBytecode]);
  const withdrawals = [];
  const stages = [];
  for (const count of STAGES) {
    while (withdrawals.length < count) withdrawals.push(await withdraw(withdrawals.length));
    // The first, the last, and some between: their leaves stand at different depths.
    const chosen = [...new Set([0, 1, Math.floor(count / 3), Math.floor(count / 2), count - 1])].filter((i) => i < count);
    const proven = [];
    let messagePasserStorageRoot;
    for (const i of chosen) {
      const { storageHash, proof } = await prove(withdrawals[i]);
      messagePasserStorageRoot = storageHash;
      proven.push({ ...withdrawals[i], proof });
    }
    const { stateRoot } = await rpc('eth_getBlockByNumber', ['latest', false]);
    // A block's hash would change with anvil's version: any word will do as a part of the output root.
    const latestBlockhash = await rpc('web3_sha3', [stateRoot]);
    const outputRoot = await rpc('web3_sha3', [`0x${word(0)}${stateRoot.slice(2)}${messagePasserStorageRoot.slice(2)}${latestBlockhash.slice(2)}`]);
    stages.push({ count, stateRoot, messagePasserStorageRoot, latestBlockhash, outputRoot, withdrawals: proven });
  }
  return `${JSON.stringify({ stages }, null, 1)}\n`;
}

const anvil = spawn(anvilBinary(), ['--port', String(PORT), '--no-mining', '--timestamp', '1700000000', '--gas-price', '0', '--block-base-fee-per-gas', '0'], { stdio: 'ignore' });
try {
  await waitForAnvil();
  const derived = await derive();
  const file = path.join(root, 'test', 'L1', 'vectors', 'withdrawals.json');
  if (process.argv.includes('--write')) {
    writeFileSync(file, derived);
  } else if (readFileSync(file, 'utf8') !== derived) {
    process.stderr.write('error: test/L1/vectors/withdrawals.json is not what the sources give: run node tools/withdrawals.mjs --write\n');
    process.exitCode = 1;
  }
} finally {
  anvil.kill();
}
