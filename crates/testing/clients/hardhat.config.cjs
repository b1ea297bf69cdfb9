// Hardhat against the node under test. The compiler is npm's solc, so that nothing is downloaded; build products go to
// the folder that run.sh names in CLIENTS_BUILD.
require("@nomicfoundation/hardhat-ethers");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");

const target = JSON.parse(readFileSync(process.env.CLIENTS_TARGET, "utf8"));
const build = process.env.CLIENTS_BUILD;
// Each suite sends from an account of its own: see lib/target.mjs.
const HARDHAT_ACCOUNT = 3;

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async ({ solcVersion }) => {
  const longVersion = require("solc").version();
  if (!longVersion.startsWith(solcVersion)) throw new Error(`npm's solc is ${longVersion}, not ${solcVersion}`);
  return { compilerPath: require.resolve("solc/soljson.js"), isSolcJs: true, version: solcVersion, longVersion };
});

module.exports = {
  solidity: {
    version: "0.8.37",
    settings: {
      evmVersion: "prague",
      optimizer: { enabled: true, runs: 200 },
      metadata: { appendCBOR: false, bytecodeHash: "none" },
    },
  },
  defaultNetwork: "openledger",
  networks: {
    openledger: {
      url: target.rpcUrl,
      chainId: target.chainId,
      accounts: [target.accounts[HARDHAT_ACCOUNT].privateKey],
    },
    // The accounts that the node itself holds, by eth_accounts and eth_sendTransaction.
    remote: { url: target.rpcUrl, chainId: target.chainId, accounts: "remote" },
  },
  paths: {
    sources: join(__dirname, "contracts"),
    tests: join(__dirname, "tests", "hardhat"),
    cache: join(build, "hardhat-cache"),
    artifacts: join(build, "hardhat-artifacts"),
  },
  mocha: { timeout: 30_000 },
};
