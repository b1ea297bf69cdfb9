#!/usr/bin/env node
// Copies what others need of forge's output, and nothing else, into a directory: one file a deployable contract, keys in a
// fixed order, so that the files only change when the code does.
'use strict';
const fs = require('fs');
const path = require('path');

const CONTRACTS = [
  'AdapterMarket',
  'AgentRegistry',
  'AnchorStateRegistry',
  'BaseFeeVault',
  'BatchInbox',
  'ClaimVault',
  'ClusterReview',
  'CodeTimelock',
  'DatanetRegistry',
  'DisputeGameFactory',
  'EpochQuestions',
  'EpochScoring',
  'EpochSettlement',
  'GasPriceOracle',
  'GOpen',
  'GovernanceExecutor',
  'Governor',
  'InferenceRouter',
  'Jury',
  'L1Block',
  'L1CrossDomainMessenger',
  'L1FeeVault',
  'L1StandardBridge',
  'L2CrossDomainMessenger',
  'L2StandardBridge',
  'L2ToL1MessagePasser',
  'ModelRegistry',
  'OPEN',
  'OperatorFeeVault',
  'OptimismMintableERC20Factory',
  'ParamTimelock',
  'Proxy',
  'ProxyAdmin',
  'Reputation',
  'RollupPortal',
  'SequencerFeeVault',
  'SystemConfig',
  'TimelockController',
  'Treasury',
  'ValidatorStaking',
  'VetoDisputeGame',
  'VoucherChannels',
  'WOPEN',
];

// Contracts that are deployed as a library has them. tools/build.sh compiles them by name.
const SOURCES = { TimelockController: 'node_modules/@openzeppelin/contracts/governance/TimelockController.sol' };

const root = path.join(__dirname, '..');
const target = process.argv[2];
if (target === undefined) {
  process.stderr.write('usage: artifacts.cjs DIRECTORY\n');
  process.exit(2);
}

/** Forge's output for a contract of ours, or of SOURCES: another contract of the same name may lie next to it. */
function compiled(contractName) {
  const out = path.join(root, 'out');
  const found = fs
    .readdirSync(out, { recursive: true })
    .filter((file) => path.basename(file) === `${contractName}.json`)
    .map((file) => JSON.parse(fs.readFileSync(path.join(out, file), 'utf8')))
    .filter(({ metadata }) => Object.keys(metadata.settings.compilationTarget)[0].startsWith(SOURCES[contractName] ?? 'src/'));
  if (found.length !== 1) throw new Error(`${found.length} contracts are called ${contractName}`);
  return found[0];
}

for (const contractName of CONTRACTS) {
  const { abi, bytecode, deployedBytecode } = compiled(contractName);
  for (const code of [bytecode, deployedBytecode]) {
    if (Object.keys(code.linkReferences ?? {}).length > 0) throw new Error(`${contractName} needs a library to be linked`);
  }
  const immutableReferences = deployedBytecode.immutableReferences ?? {};
  const artifact = {
    contractName,
    abi,
    bytecode: bytecode.object,
    deployedBytecode: deployedBytecode.object,
    ...(Object.keys(immutableReferences).length > 0 ? { immutableReferences } : {}),
  };
  const lines = Object.entries(artifact).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  fs.writeFileSync(path.join(target, `${contractName}.json`), `{${lines.join(',\n')}}\n`);
}
process.stdout.write(`contracts: wrote ${CONTRACTS.length} artifacts to ${target}\n`);
