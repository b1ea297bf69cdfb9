// A chain under steady load for a long time: `openledger dev` with its L1, and a verifier that has L1 alone. Called by
// scripts/soak.sh, which sets OPENLEDGER_BIN: `soak.mjs --seconds N --rate TRANSACTIONS_A_SECOND`.
//
// Prints a line of figures now and then. Fails if a transaction is lost, if the verifier's chain is another, if the safe
// head falls behind, or if memory grows in the second half by more than a quarter and MEMORY_SLACK.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { parseGwei } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const { values } = parseArgs({ options: { seconds: { type: "string" }, rate: { type: "string" } } });
const [seconds, rate] = [Number(values.seconds), Number(values.rate)];
assert.ok(seconds > 0 && rate > 0, "soak.mjs --seconds N --rate N");

/** How long anything is waited for. */
const PATIENCE_MS = 120_000;
/** Seconds that the safe head may be behind the newest block: batches are posted every 2 s, on a busy machine. */
const SAFE_LAG_MAX = 60;
/** Bytes of memory that may come in the second half whatever there was. */
const MEMORY_SLACK = 64 << 20;
const REPORTS = 20;

const work = mkdtempSync(join(tmpdir(), "openledger-soak-"));
const running = new Set();

function start(name, args) {
  const child = spawn(process.env.OPENLEDGER_BIN, args, { stdio: ["ignore", "pipe", "pipe"] });
  const stream = createWriteStream(join(work, `${name}.log`));
  child.stdout.pipe(stream, { end: false });
  child.stderr.pipe(stream, { end: false });
  child.exited = new Promise((resolve) => child.on("close", resolve));
  child.exited.then(() => running.delete(child));
  running.add(child);
  return child;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function call(url, method, params = []) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function until(what, look) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    for (const child of running) if (child.exitCode !== null) throw new Error(`a node ended: see ${work}`);
    const found = await look().catch(() => undefined);
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}: see ${work}`);
    await sleep(100);
  }
}

const memory = (child) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) * 1024;

function diskUse(directory) {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    // Files come and go while it is read.
    if (entry.isDirectory()) bytes += diskUse(path);
    else bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

async function run() {
  const ports = await Promise.all(Array.from({ length: 5 }, freePort));
  const data = join(work, "dev");
  const flags = ["--http.port", ports[0], "--privileged.port", ports[1], "--l1.port", ports[2]].map(String);
  const node = start("dev", ["dev", "--data-dir", data, ...flags]);
  const devFile = join(data, "dev.json");
  const url = `http://127.0.0.1:${ports[0]}`;
  await until("the node", async () => existsSync(devFile) && (await call(url, "eth_blockNumber")));
  const dev = JSON.parse(readFileSync(devFile, "utf8"));
  const verifierData = join(work, "verifier");
  const verifierPorts = ["--http.port", ports[3], "--privileged.port", ports[4]].map(String);
  const l1 = ["--l1.rpc-url", dev.l1Url, "--l1.block-time", "2"];
  const verifier = start("verifier", ["verifier", ...l1, "--chain", data, "--data-dir", verifierData, ...verifierPorts]);
  const verifierUrl = `http://127.0.0.1:${ports[3]}`;
  await until("the verifier", () => call(verifierUrl, "eth_chainId"));

  const accounts = dev.accounts.slice(1, 6).map(({ privateKey }) => ({ wallet: privateKeyToAccount(privateKey), nonce: 0 }));
  const sent = [];
  const began = Date.now();
  const reports = [];
  let told = 0;
  while (Date.now() - began < seconds * 1_000) {
    const due = Math.floor(((Date.now() - began) / 1_000) * rate);
    while (sent.length < due) {
      const account = accounts[sent.length % accounts.length];
      const transaction = await account.wallet.signTransaction({
        type: "eip1559",
        chainId: dev.chainId,
        nonce: account.nonce++,
        gas: 21_000n,
        maxFeePerGas: parseGwei("10"),
        maxPriorityFeePerGas: parseGwei("0.001"),
        to: accounts[(sent.length + 1) % accounts.length].wallet.address,
        value: 1n,
      });
      sent.push(await call(url, "eth_sendRawTransaction", [transaction]));
    }
    if ((Date.now() - began) / (seconds * 1_000) >= told / REPORTS) {
      told += 1;
      const status = await call(url, "optimism_syncStatus");
      const lag = status.unsafe_l2.timestamp - status.safe_l2.timestamp;
      const report = { memory: memory(node), verifierMemory: memory(verifier), lag };
      reports.push(report);
      console.log(
        `${Math.round((Date.now() - began) / 1_000)} s: ${sent.length} sent, block ${status.unsafe_l2.number}, safe ${lag} s behind, ` +
          `node ${megabytes(report.memory)}, verifier ${megabytes(report.verifierMemory)}, disk ${megabytes(diskUse(data))}`,
      );
    }
    await sleep(20);
  }

  // The last ones are in a block after the newest of this moment.
  const receipts = [];
  for (const hash of sent) {
    receipts.push(await until(`the receipt of ${hash}`, () => call(url, "eth_getTransactionReceipt", [hash])));
  }
  const head = Math.max(...receipts.map(({ blockNumber }) => Number(blockNumber)));
  await until("the verifier's head", async () => Number(await call(verifierUrl, "eth_blockNumber")) >= head);
  for (const ours of receipts) {
    const theirs = await call(verifierUrl, "eth_getTransactionReceipt", [ours.transactionHash]);
    assert.equal(theirs?.blockHash, ours.blockHash, `${ours.transactionHash} on the verifier`);
  }
  const number = `0x${head.toString(16)}`;
  const [ours, theirs] = await Promise.all([url, verifierUrl].map((at) => call(at, "optimism_outputAtBlock", [number])));
  assert.equal(theirs.outputRoot, ours.outputRoot, `output root of block ${head}`);
  const lags = reports.map(({ lag }) => lag);
  assert.ok(Math.max(...lags) <= SAFE_LAG_MAX, `the safe head was ${Math.max(...lags)} s behind`);
  const half = reports[Math.floor(reports.length / 2)];
  for (const name of ["memory", "verifierMemory"]) {
    const [before, after] = [half[name], reports.at(-1)[name]];
    assert.ok(after <= before * 1.25 + MEMORY_SLACK, `${name} went from ${megabytes(before)} to ${megabytes(after)}`);
  }
  console.log(`${sent.length} transactions, all on the verifier in the same blocks; block ${head} has the same output root`);
}

let code = 0;
try {
  await run();
} catch (error) {
  console.error(`soak: ${error.message}`);
  code = 1;
}
for (const child of running) child.kill("SIGTERM");
await Promise.race([Promise.all([...running].map((child) => child.exited)), sleep(20_000)]);
for (const child of running) child.kill("SIGKILL");
if (code === 0) rmSync(work, { recursive: true, force: true });
else console.error(`soak: logs are in ${work}`);
process.exit(code);
