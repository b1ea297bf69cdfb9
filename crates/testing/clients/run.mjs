// Starts a node, the validating proxy and the client tests, in this order, for a settled chain and then for unsettled
// ones; prints a line for each step, and stops everything that it started. Called by run.sh, which sets OPENLEDGER_BIN,
// PYTHON, CAST and FORGE.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const { OPENLEDGER_BIN, PYTHON } = process.env;
const wanted = process.argv.slice(2);

const NODE_READY_MS = 60_000;
const STEP_MAX_MS = 300_000;
const STOP_MAX_MS = 15_000;

const work = mkdtempSync(join(tmpdir(), "openledger-clients-"));
mkdirSync(join(work, "build"));
const running = new Set();
const started = performance.now();
let passed = 0;
let failed = 0;

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Starts a process whose output goes to a file of the work folder. */
function start(name, command, args, env = {}) {
  const log = join(work, `${name}.log`);
  const stream = createWriteStream(log);
  const child = spawn(command, args, { cwd: here, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(stream, { end: false });
  child.stderr.pipe(stream, { end: false });
  child.log = log;
  child.exited = new Promise((resolve) => {
    child.on("error", (error) => stream.end(`${error}\n`, () => resolve(127)));
    child.on("close", (code) => stream.end(() => resolve(code ?? 1)));
  });
  running.add(child);
  child.exited.then(() => running.delete(child));
  return child;
}

/** Asks a process to end, by its id, and makes it after a while; answers its exit code. */
async function stop(child) {
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MAX_MS);
  const code = await child.exited;
  clearTimeout(late);
  return code;
}

const tail = (log, lines = 60) => readFileSync(log, "utf8").trimEnd().split("\n").slice(-lines).join("\n");

/** Ports that nothing listens on now. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer();
          server.on("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("close", () => socket.destroy());
  });

async function ask(url, method) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await response.json()).result;
}

/** Starts `openledger dev` and the proxy before it; answers { target, env, stop }. */
async function startNode(name, flags) {
  const since = performance.now();
  const data = join(work, name);
  const [http, privileged, l1] = (await freePorts(3)).map(String);
  const ports = ["--http.port", http, "--privileged.port", privileged, "--l1.port", l1];
  const args = ["dev", "--data-dir", data, ...ports, ...flags];
  const node = start(`${name}-node`, OPENLEDGER_BIN, args);
  const devFile = join(data, "dev.json");
  const ready = async () =>
    existsSync(devFile) && (await ask(`http://127.0.0.1:${http}`, "eth_blockNumber").catch(() => undefined));
  let ended = false;
  node.exited.then(() => (ended = true));
  while (!(await ready())) {
    if (ended || performance.now() - since > NODE_READY_MS) {
      throw new Error(
        `the node ${ended ? "ended" : "is not ready"}: ${OPENLEDGER_BIN} ${args.join(" ")}\n${tail(node.log)}`,
      );
    }
    await sleep(50);
  }
  const dev = JSON.parse(readFileSync(devFile, "utf8"));
  const report = join(work, `${name}-report.json`);
  const proxy = start(`${name}-proxy`, process.execPath, [
    join(here, "proxy.mjs"),
    ...["--upstream", dev.rpcUrl, "--privileged", dev.privilegedUrl, "--report", report],
  ]);
  const port = await new Promise((resolve, reject) => {
    proxy.stdout.once("data", (line) => resolve(Number(line)));
    proxy.exited.then(() => reject(new Error(`the proxy ended:\n${tail(proxy.log)}`)));
  });
  const target = {
    ...dev,
    directory: data,
    nodeUrl: dev.rpcUrl,
    nodeWsUrl: dev.wsUrl,
    nodePrivilegedUrl: dev.privilegedUrl,
    rpcUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    privilegedUrl: `http://127.0.0.1:${port}/privileged`,
    flags,
  };
  const targetFile = join(work, `${name}-target.json`);
  writeFileSync(targetFile, JSON.stringify(target, null, 2));
  console.log(`${name}: openledger dev ${flags.join(" ")} ready in ${seconds(since)}`);
  return {
    env: { CLIENTS_TARGET: targetFile, CLIENTS_BUILD: join(work, "build"), OPENLEDGER_RPC_URL: target.rpcUrl },
    async stop() {
      const violations = await stop(proxy);
      const summary = tail(proxy.log).split("\n").slice(1);
      result(`${name} schemas`, violations === 0, 1, 0, summary[0] ?? "the proxy failed");
      for (const line of summary.slice(1)) console.log(`  ${line}`);
      if (violations !== 0) console.log(`  see ${report}`);
      const ending = performance.now();
      const code = await stop(node);
      // Whatever it started has ended with it: nothing listens any more.
      const left = (await Promise.all([http, privileged, l1].map(listens))).includes(true);
      const text = `exit code ${code} in ${seconds(ending)}${left ? ", but something still listens" : ""}`;
      result(`${name} stop`, code === 0 && !left, 1, 0, text);
      if (code !== 0) console.log(tail(node.log, 20));
    },
  };
}

function result(name, ok, passes, failures, text) {
  passed += ok ? passes : passes - (failures === 0 ? 1 : 0);
  failed += ok ? 0 : Math.max(failures, 1);
  console.log(`${ok ? "ok    " : "FAILED"} ${name}: ${text}`);
}

/** What a test tool's output says of how many passed and failed. */
function countsOf(output) {
  const number = (pattern) => Number(output.match(pattern)?.[1] ?? 0);
  const run = number(/^Ran (\d+) tests? in/m);
  if (run) {
    const failures = number(/failures=(\d+)/) + number(/errors=(\d+)/);
    return { passes: run - failures, failures };
  }
  return {
    passes: number(/^ℹ pass (\d+)/m) + number(/^\s+(\d+) passing/m) + number(/^(\d+) passed, \d+ failed/m),
    failures:
      number(/^ℹ fail (\d+)/m) +
      number(/^ℹ cancelled (\d+)/m) +
      number(/^\s+(\d+) failing/m) +
      number(/^\d+ passed, (\d+) failed/m),
  };
}

/** Runs one step and prints how it went; a step that fails prints the end of its output. */
async function step([name, command, ...args], env) {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const since = performance.now();
  const child = start(name.replaceAll(/\W+/g, "-"), command, args, env);
  const late = setTimeout(() => child.kill("SIGKILL"), STEP_MAX_MS);
  const code = await child.exited;
  clearTimeout(late);
  const output = readFileSync(child.log, "utf8");
  const { passes, failures } = countsOf(output);
  const ok = code === 0 && failures === 0 && passes > 0;
  result(name, ok, passes, failures, `${passes} passed, ${failures} failed, ${seconds(since)}`);
  if (!ok) {
    const at = output.search(/^✖ failing tests:|^=====|^\s+\d+ failing/m);
    console.log((at >= 0 ? output.slice(at) : tail(child.log)).replaceAll(/^/gm, "  | "));
  }
}

/** Lanes run side by side, the steps of a lane one after another. */
const lanes = (list, env) =>
  Promise.all(
    list.map(async (steps) => {
      for (const each of steps) await step(each, env);
    }),
  );

const nodeTest = (name, file) => [name, process.execPath, "--test", "--test-reporter=spec", join(here, file)];
const hardhat = (name, network) => [
  name,
  process.execPath,
  join(here, "node_modules/hardhat/internal/cli/bootstrap.js"),
  ...["--network", network, "test"],
];
const any = (steps) => wanted.length === 0 || steps.flat().some(([name]) => wanted.includes(name));

const OFFLINE = [[nodeTest("schemas", "openrpc/schema.test.mjs"), nodeTest("artifacts", "contracts/compile.test.mjs")]];
// A lane's suites share no account with another's: lib/target.mjs.
const SETTLED = [
  [nodeTest("bridge", "tests/bridge.test.mjs")],
  [nodeTest("commands", "tests/commands.test.mjs")],
  [nodeTest("viem", "tests/viem.test.mjs"), nodeTest("viem op-stack", "tests/viem-op-stack.test.mjs")],
  [nodeTest("ethers", "tests/ethers.test.mjs"), ["foundry", "bash", join(here, "tests/foundry.sh")]],
  [
    ["web3.py", PYTHON, "-m", "unittest", "-v", join(here, "tests/web3py_test.py")],
    hardhat("hardhat", "openledger"),
    hardhat("hardhat, the node's accounts", "remote"),
  ],
  [
    nodeTest("behaviour", "tests/behaviour.test.mjs"),
    nodeTest("reads", "tests/reads.test.mjs"),
    nodeTest("pool", "tests/pool.test.mjs"),
    nodeTest("methods", "tests/methods.test.mjs"),
  ],
];
// These load the node, or stop its sequencer.
const SETTLED_ALONE = [
  [
    nodeTest("hostile", "tests/hostile.test.mjs"),
    nodeTest("refused", "tests/refused.test.mjs"),
    nodeTest("sequencer", "tests/sequencer.test.mjs"),
  ],
];
const LOCAL = [[nodeTest("local, no batcher", "tests/local.test.mjs")]];
const INSTANT = [[nodeTest("local, instant", "tests/local.test.mjs")]];
const MANUAL = [[nodeTest("local, manual", "tests/local.test.mjs")]];
// The example that applications are to copy, with packages of its own. Time stands still on its chain but where it moves it.
const ECONOMY = [[["economy", "npm", "--silent", "--prefix", join(here, "../../../examples/economy"), "test"]]];

async function main() {
  if (any(OFFLINE)) await lanes(OFFLINE, {});
  if (any([...SETTLED, ...SETTLED_ALONE])) {
    const node = await startNode("settled", ["--accounts", "11"]);
    await lanes(SETTLED, { ...node.env, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true" });
    await lanes(SETTLED_ALONE, node.env);
    await node.stop();
  }
  const unsettled = async (name, flags, list) => {
    if (!any(list)) return;
    const node = await startNode(name, flags);
    await lanes(list, node.env);
    await node.stop();
  };
  await Promise.all([
    unsettled("no-batcher", ["--no-batcher"], LOCAL),
    unsettled("instant", ["--instant"], INSTANT),
    unsettled("manual", ["--manual"], MANUAL),
    unsettled("economy", ["--manual", "--accounts", "16"], ECONOMY),
  ]);
}

async function end(code) {
  await Promise.all([...running].map(stop));
  if (code === 0) rmSync(work, { recursive: true, force: true });
  else console.log(`logs and reports: ${work}`);
  process.exit(code);
}
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => end(130));

try {
  await main();
} catch (error) {
  failed += 1;
  console.log(`FAILED ${error.message}`);
}
console.log(`client tests: ${seconds(started)}`);
console.log(`${passed} passed, ${failed} failed`);
await end(failed === 0 ? 0 : 1);
