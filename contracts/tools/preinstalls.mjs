#!/usr/bin/env node
// Derives artifacts/preinstalls.json: the well-known contracts that stand on L2 from genesis, at the addresses that they have
// on every chain.
//
//   node tools/preinstalls.mjs          derives the file and compares it with the committed one
//   node tools/preinstalls.mjs --write  derives the file and writes it
//
// Nothing is taken on trust where the address can prove it. Creation code comes from pinned packages and is deployed on a
// fresh anvil in the canonical way: by the one transaction that the keyless signer of that address signed, or by CREATE2
// with the canonical salt. If code appears at the canonical address, it is the canonical code. Code, nonce, storage and
// immutables are then read back. Create2Deployer's address is an ordinary account's and proves nothing: its
// code is compared with the code hash of the OP Stack's own forced deployment.
//
// It needs npm's client, tar, and the two Rust crates in cargo's registry (any build of the workspace brings them).
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const CHAIN_ID = 1612;

const PACKAGES = {
  'account-abstraction-0.7': ['@account-abstraction/contracts@0.7.0', 'sha512-Bt/66ilu3u8I9+vFZ9fTd+cWs55fdb9J5YKfrhsrFafH1drkzwuCSL/xEot1GGyXXNJLQuXbMRztQPyelNbY1A=='],
  'account-abstraction-0.8': ['@account-abstraction/contracts@0.8.0', 'sha512-8krPx/gpnoT+5xAroagVCbeA7FbUigMZWXFKKPm+oghyr29Dksssdx5sI7xGv9212i4JPaDDUGFk58dpuwVgHA=='],
  bedrock: ['@eth-optimism/contracts-bedrock@0.17.3', 'sha512-cHPO7ntWeOBDLO7ZFFSZGI1D7CDqf4loRbRVJrFIsqLEz+hysWIqA0e3dv2GnrjVeuYePBfI2NTBEG4uwz9bQQ=='],
  'test-helpers': ['@openzeppelin/test-helpers@0.5.16', 'sha512-T1EvspSfH1qQO/sgGlskLfYVBbqzJR23SZzYl/6B2JnT4EhThcI85UpvDk0BkLWKaDScQTabGHt4GzHW+3SfZg=='],
  'v4-periphery': ['@uniswap/v4-periphery@1.0.3', 'sha512-JxLL0Djv9XcMvI2PatEnWrCrxuEaYNVhHxstndBOP+aJfh1XLg5ec8SDZ0xyoVfg2ElJTvuKpBgnu90bNValsg=='],
  'solc-0.8.17': ['solc@0.8.17', 'sha512-Dtidk2XtTTmkB3IKdyeg6wLYopJnBVxdoykN8oP8VY3PQjN16BScYoUJTXFm2OP7P0hXNAqWiJNmmfuELtLf8g=='],
};

// ---- sources of code ------------------------------------------------------------------------------------------------------

const work = mkdtempSync(path.join(tmpdir(), 'preinstalls-'));

/** Downloads the packages, checks them against their pinned digests, and unpacks them. */
function fetchPackages() {
  for (const [name, [spec, integrity]] of Object.entries(PACKAGES)) {
    const dir = path.join(work, name);
    mkdirSync(dir);
    const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', work, spec], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    const tarball = path.join(work, path.basename(packed.filename).replace(/^@/, '').replace('/', '-'));
    const digest = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (digest !== integrity) throw new Error(`${spec}: digest is ${digest}, expected ${integrity}`);
    execFileSync('tar', ['xzf', tarball, '-C', dir, '--strip-components=1']);
  }
}

const packageFile = (name, file) => readFileSync(path.join(work, name, file), 'utf8');

/** Source text of a file of a Rust crate in cargo's registry. */
function crateFile(crate, file) {
  const registry = path.join(process.env.CARGO_HOME ?? path.join(homedir(), '.cargo'), 'registry', 'src');
  for (const index of existsSync(registry) ? readdirSync(registry) : []) {
    const candidate = path.join(registry, index, crate, file);
    if (existsSync(candidate)) return readFileSync(candidate, 'utf8');
  }
  throw new Error(`${crate} is not in cargo's registry: build the workspace first, or run cargo fetch`);
}

/** The first hex string after `marker` in `text`. */
function hexAfter(text, marker) {
  const match = text.slice(text.indexOf(marker)).match(/"(?:0x)?([0-9a-fA-F]{40,})"/);
  if (!text.includes(marker) || match === null) throw new Error(`no code after ${marker}`);
  return `0x${match[1]}`;
}

/** Compiles Permit2 as its authors did: solc 0.8.17, by way of IR, 1,000,000 runs, no metadata hash. */
function permit2CreationCode() {
  const wrapper = require(path.join(path.dirname(require.resolve('solc/package.json')), 'wrapper.js'));
  const compiler = wrapper(require(path.join(work, 'solc-0.8.17', 'soljson.js')));
  const sources = {};
  const add = (name) => {
    if (sources[name] !== undefined) return;
    const content = packageFile('v4-periphery', `lib/permit2/${name}`);
    sources[name] = { content };
    for (const [, imported] of content.matchAll(/import\s+(?:[^"';]*from\s+)?["']([^"']+)["']/g)) {
      add(imported.startsWith('.') ? path.posix.join(path.posix.dirname(name), imported) : `lib/${imported}`);
    }
  };
  add('src/Permit2.sol');
  const settings = {
    remappings: ['solmate/=lib/solmate/'],
    viaIR: true,
    evmVersion: 'london',
    optimizer: { enabled: true, runs: 1_000_000 },
    metadata: { bytecodeHash: 'none' },
    outputSelection: { 'src/Permit2.sol': { Permit2: ['evm.bytecode.object'] } },
  };
  const output = JSON.parse(compiler.compile(JSON.stringify({ language: 'Solidity', sources, settings })));
  return `0x${output.contracts['src/Permit2.sol'].Permit2.evm.bytecode.object}`;
}

// ---- a chain to deploy on -------------------------------------------------------------------------------------------------

let url;
let anvil;

async function rpc(method, ...params) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error !== undefined) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function startAnvil() {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const binary = path.join(root, 'node_modules', '@foundry-rs', `anvil-${platform}`, 'bin', 'anvil');
  const args = ['--port', '0', '--chain-id', `${CHAIN_ID}`, '--hardfork', 'prague', '--disable-default-create2-deployer'];
  anvil = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  url = await new Promise((resolve, reject) => {
    let text = '';
    anvil.once('exit', (code) => reject(new Error(`anvil ended with ${code}`)));
    anvil.stdout.on('data', (chunk) => {
      text += chunk;
      const match = text.match(/Listening on ([\d.:]+)/);
      if (match !== null) resolve(`http://${match[1]}`);
    });
  });
}

/** RLP of a hex string, or of a list. */
function rlp(item) {
  const header = (length, offset) => {
    if (length < 56) return Buffer.from([offset + length]);
    const size = Buffer.from(evenHex(length.toString(16)), 'hex');
    return Buffer.concat([Buffer.from([offset + 55 + size.length]), size]);
  };
  if (Array.isArray(item)) {
    const body = Buffer.concat(item.map(rlp));
    return Buffer.concat([header(body.length, 0xc0), body]);
  }
  const bytes = Buffer.from(item.slice(2), 'hex');
  return bytes.length === 1 && bytes[0] < 0x80 ? bytes : Buffer.concat([header(bytes.length, 0x80), bytes]);
}

const evenHex = (digits) => (digits.length % 2 === 0 ? digits : `0${digits}`);
const integer = (value) => (BigInt(value) === 0n ? '0x' : `0x${evenHex(BigInt(value).toString(16))}`);

/** Sends the one transaction of a keyless account: its signature is made up, and the account is whoever it recovers to. */
async function deployKeyless({ sender, gasPrice, gasLimit, data, v, r, s }) {
  const fields = [integer(0), integer(gasPrice), integer(gasLimit), '0x', integer(0), data, integer(v), integer(r), integer(s)];
  await sendSigned({ sender, raw: `0x${rlp(fields).toString('hex')}` });
}

async function sendSigned({ sender, raw }) {
  await rpc('anvil_setBalance', sender, integer(10n ** 19n));
  await succeeded(await rpc('eth_sendRawTransaction', raw));
}

async function deployCreate2({ salt, data }) {
  const [from] = await rpc('eth_accounts');
  const input = `${salt}${data.slice(2)}`;
  await succeeded(await rpc('eth_sendTransaction', { from, to: DETERMINISTIC_DEPLOYER, data: input, gas: integer(15_000_000) }));
}

async function succeeded(hash) {
  for (;;) {
    const receipt = await rpc('eth_getTransactionReceipt', hash);
    if (receipt?.status === '0x1') return;
    if (receipt !== null) throw new Error(`transaction ${hash} failed`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The accounts as they were right after their deployment, by address. */
const deployed = new Map();

/** Deploys, insists that code appears at every one of `addresses`, and notes these accounts. */
async function expectCode(deploy, parameters, ...addresses) {
  for (const address of addresses) {
    if ((await rpc('eth_getCode', address, 'latest')) !== '0x') await rpc('anvil_setCode', address, '0x');
  }
  await deploy(parameters);
  for (const address of addresses) {
    if ((await rpc('eth_getCode', address, 'latest')) === '0x') throw new Error(`no code appeared at ${address}`);
    await note(address);
  }
}

async function note(address) {
  const { accounts } = JSON.parse(gunzipSync(Buffer.from((await rpc('anvil_dumpState')).slice(2), 'hex')).toString());
  deployed.set(address, accounts[address.toLowerCase()]);
}

// ---- the contracts --------------------------------------------------------------------------------------------------------

const DETERMINISTIC_DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C';
const REPEATED = (pattern) => `0x${pattern.repeat(64 / pattern.length)}`;
const GWEI = 10n ** 9n;

const PREINSTALLS = [
  ['Multicall3', '0xcA11bde05977b3631167028862bE2a173976CA11'],
  ['DeterministicDeploymentProxy', DETERMINISTIC_DEPLOYER],
  ['Create2Deployer', '0x13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2'],
  ['Permit2', '0x000000000022D473030F116dDEE9F6B43aC78BA3'],
  ['EntryPointV07', '0x0000000071727De22E5E9d8BAf0edAc6f37da032'],
  ['SenderCreatorV07', '0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C'],
  ['EntryPointV08', '0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108'],
  ['SenderCreatorV08', '0x449ED7C3e6Fee6a97311d4b55475DF59C44AdD33'],
  ['ERC1820Registry', '0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24'],
  ['BeaconRoots', '0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02'],
  ['HistoryStorage', '0x0000F90827F1C53a10cb7A02335B175320002935'],
];
const addressOf = (name) => PREINSTALLS.find(([candidate]) => candidate === name)[1];

async function deployAll() {
  const bedrock = packageFile('bedrock', 'src/libraries/Preinstalls.sol');
  const eip4788 = crateFile('alloy-eips-2.5.0', 'src/eip4788.rs');
  const eip2935 = crateFile('alloy-eips-2.5.0', 'src/eip2935.rs');
  const canyon = crateFile('alloy-op-evm-0.32.0', 'src/block/canyon.rs');

  await expectCode(deployKeyless, {
    sender: '0x3fab184622dc19b6109349b94811493bf2a45362',
    gasPrice: 100n * GWEI,
    gasLimit: 100_000,
    data: `0x604580600e600039806000f350fe${hexAfter(bedrock, 'DeterministicDeploymentProxyCode =').slice(2)}`,
    v: 27,
    r: REPEATED('2'),
    s: REPEATED('2'),
  }, DETERMINISTIC_DEPLOYER);

  await expectCode(deployKeyless, {
    sender: '0x05f32B3cC3888453ff71B01135B34FF8e41263F2',
    gasPrice: 100n * GWEI,
    gasLimit: 1_000_000,
    data: `0x608060405234801561001057600080fd5b50610ee0806100206000396000f3fe${hexAfter(bedrock, 'MultiCall3Code =').slice(2)}`,
    v: 28,
    r: '0xedce47092c0f398cebf3ffc267f05c8e7076e3b89445e0fe50f6332273d4569b',
    s: '0x1b0b9d000e19b24c5869b0fc3b22b0d6fa47cd63316875cbbd577d76e6fde086',
  }, addressOf('Multicall3'));

  const helpers = packageFile('test-helpers', 'src/data.js').replaceAll("'", '"');
  await expectCode(sendSigned, {
    sender: '0xa990077c3205cbDf861e17Fa532eeB069cE9fF96',
    raw: hexAfter(helpers, 'ERC1820_REGISTRY_DEPLOY_TX ='),
  }, addressOf('ERC1820Registry'));

  await expectCode(deployKeyless, {
    sender: '0x0B799C86a49DEeb90402691F1041aa3AF2d3C875',
    gasPrice: 1000n * GWEI,
    gasLimit: 250_000,
    data: `0x60618060095f395ff3${hexAfter(eip4788, 'BEACON_ROOTS_CODE').slice(2)}`,
    v: 27,
    r: 0x539,
    s: 0x1b9b6eb1f0,
  }, addressOf('BeaconRoots'));

  await expectCode(deployKeyless, {
    sender: '0x3462413Af4609098e1E27A490f554f260213D685',
    gasPrice: 1000n * GWEI,
    gasLimit: 250_000,
    data: `0x60538060095f395ff3${hexAfter(eip2935, 'HISTORY_STORAGE_CODE').slice(2)}`,
    v: 27,
    r: 0x539,
    s: '0xaa12693182426612186309f02cfe8a80a0000',
  }, addressOf('HistoryStorage'));

  await expectCode(deployCreate2, {
    salt: '0x0000000000000000000000000000000000000000d3af2663da51c10215000000',
    data: permit2CreationCode(),
  }, addressOf('Permit2'));

  await expectCode(deployCreate2, {
    salt: '0x90d8084deab30c2a37c45e8d47f49f2f7965183cb6990a98943ef94940681de3',
    data: JSON.parse(packageFile('account-abstraction-0.7', 'artifacts/EntryPoint.json')).bytecode,
  }, addressOf('EntryPointV07'), addressOf('SenderCreatorV07'));

  await expectCode(deployCreate2, {
    salt: '0x0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9',
    data: JSON.parse(packageFile('account-abstraction-0.8', 'artifacts/EntryPoint.json')).bytecode,
  }, addressOf('EntryPointV08'), addressOf('SenderCreatorV08'));

  const create2Deployer = hexAfter(canyon, 'CREATE_2_DEPLOYER_BYTECODE');
  const codeHash = await rpc('web3_sha3', create2Deployer);
  if (codeHash !== hexAfter(canyon, 'CREATE_2_DEPLOYER_CODEHASH')) throw new Error(`Create2Deployer: code hash is ${codeHash}`);
  await rpc('anvil_setCode', addressOf('Create2Deployer'), create2Deployer);
  await rpc('anvil_setNonce', addressOf('Create2Deployer'), '0x1');
  await note(addressOf('Create2Deployer'));
}

/** The deployed accounts as the file has them. */
function entries() {
  const word = (value) => `0x${BigInt(value).toString(16).padStart(64, '0')}`;
  return PREINSTALLS.map(([name, address]) => {
    const account = deployed.get(address);
    const storage = Object.entries(account.storage).map(([slot, value]) => [word(slot), word(value)]).sort();
    return {
      name,
      address,
      code: account.code,
      nonce: Number(account.nonce),
      ...(storage.length > 0 ? { storage: Object.fromEntries(storage) } : {}),
    };
  });
}

// ---- run ------------------------------------------------------------------------------------------------------------------

try {
  fetchPackages();
  await startAnvil();
  await deployAll();
  const text = `[\n${entries().map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`;
  const committed = path.join(root, 'artifacts', 'preinstalls.json');
  if (process.argv.includes('--write')) {
    writeFileSync(committed, text);
    console.log(`contracts: wrote ${PREINSTALLS.length} preinstalls`);
  } else if (readFileSync(committed, 'utf8') === text) {
    console.log('contracts: preinstalls match their packages');
  } else {
    console.error('error: artifacts/preinstalls.json is not what the packages give');
    process.exitCode = 1;
  }
} finally {
  anvil?.removeAllListeners('exit');
  anvil?.kill();
  rmSync(work, { recursive: true, force: true });
}
