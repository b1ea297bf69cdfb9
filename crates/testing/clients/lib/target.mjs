// What a test needs to know of the node that it talks to, from the file that run.sh names in CLIENTS_TARGET.
import { readFileSync } from "node:fs";

if (!process.env.CLIENTS_TARGET) throw new Error("CLIENTS_TARGET is not set: start the tests by run.sh");

/**
 * `rpcUrl`, `wsUrl`, `privilegedUrl`: through the validating proxy. `nodeUrl`, `nodeWsUrl`, `nodePrivilegedUrl`: the
 * node itself, for what a proxy would hide. `l1Url`, `chainId`, `accounts` ([{ address, privateKey }]), `contracts`: of
 * dev.json. `flags`: those that the node was started with. `directory`: its data.
 */
export const target = JSON.parse(readFileSync(process.env.CLIENTS_TARGET, "utf8"));

/** Each suite sends from accounts of its own, so that suites can run at the same time. */
export const SUITE_ACCOUNTS = {
  viem: 0,
  ethers: 1,
  web3py: 2,
  hardhat: 3,
  foundry: 4,
  behaviour: 5,
  hostile: 6,
  pool: 7,
  bridge: 8,
  untouched: 9,
  commands: 10,
};

/** The account of a suite: { address, privateKey }. */
export function accountOf(suite) {
  return target.accounts[SUITE_ACCOUNTS[suite]];
}

/** A committed artifact: { contractName, abi, bytecode, deployedBytecode }. */
export function artifact(name) {
  return JSON.parse(readFileSync(new URL(`../artifacts/${name}.json`, import.meta.url), "utf8"));
}

/** Addresses that every chain of ours has code at from genesis on. */
export const PREINSTALLS = {
  multicall3: "0xcA11bde05977b3631167028862bE2a173976CA11",
  create2Deployer: "0x4e59b44847b379578588920cA78FbF26c0B4956C",
  permit2: "0x000000000022D473030F116dDEE9F6B43aC78BA3",
  entryPoint07: "0x0000000071727De22E5E9d8BAf0edAc6f37da032",
  entryPoint08: "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108",
  erc1820Registry: "0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24",
  historyStorage: "0x0000F90827F1C53a10cb7A02335B175320002935",
  beaconRoots: "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02",
};

/** Predeploys of the OP Stack that this chain has. */
export const PREDEPLOYS = {
  wrappedOpen: "0x4200000000000000000000000000000000000006",
  gasPriceOracle: "0x420000000000000000000000000000000000000F",
  sequencerFeeVault: "0x4200000000000000000000000000000000000011",
  l1Block: "0x4200000000000000000000000000000000000015",
  messagePasser: "0x4200000000000000000000000000000000000016",
  proxyAdmin: "0x4200000000000000000000000000000000000018",
  baseFeeVault: "0x4200000000000000000000000000000000000019",
  l1FeeVault: "0x420000000000000000000000000000000000001A",
  operatorFeeVault: "0x420000000000000000000000000000000000001b",
};
