#!/usr/bin/env node
// Where the state of every contract lies: plain variables and the structs of ERC-7201 namespaces, inherited ones included, with all
// structs and enums in them. storage/NAME.txt has that for each contract that keeps state. Code behind a proxy that has another layout
// than the code before it reads what isn't there.
//
//   node tools/storage-layouts.mjs          compares with the committed files
//   node tools/storage-layouts.mjs --write  writes them
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = path.join(root, 'storage');
const NAMESPACE = /@custom:storage-location erc7201:(\S+)[\s*/]+struct (\w+)/g;
process.chdir(root);
const remappings = readFileSync('remappings.txt', 'utf8').trim().split('\n').map((line) => line.split('='));

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

/** Compiles sources, by name, as far as their syntax trees and layouts need it. */
function compile(sources) {
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries([...sources].map(([name, content]) => [name, { content }])),
    settings: {
      remappings: remappings.map(([from, to]) => `${from}=${to}`),
      evmVersion: 'prague',
      outputSelection: { '*': { '*': ['storageLayout'], '': ['ast'] } },
    },
  };
  const answer = execFileSync('tools/solc', ['--standard-json'], { input: JSON.stringify(input), maxBuffer: 1 << 30 });
  const output = JSON.parse(answer);
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
  if (errors.length > 0) fail(errors[0].formattedMessage);
  return output;
}

/** Where a source that `file` imports as `name` lies. */
function resolve(name, file) {
  if (name.startsWith('.')) return path.posix.join(path.posix.dirname(file), name);
  const [from, to] = remappings.find(([from]) => name.startsWith(from)) ?? ['', ''];
  return to + name.slice(from.length);
}

/** Every definition of a kind, anywhere below an AST node. */
function* definitions(node, kind) {
  if (node === null || typeof node !== 'object') return;
  if (node.nodeType === kind) yield node;
  for (const value of Object.values(node)) yield* definitions(value, kind);
}

/** The slot of a namespace, by ERC-7201's formula. */
function slotOf(namespace) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const own = `node_modules/@foundry-rs/cast-${process.platform}-${architecture}/bin/cast`;
  return execFileSync(existsSync(own) ? own : 'cast', ['index-erc7201', namespace], { encoding: 'utf8' }).trim();
}

const files = readdirSync('src', { recursive: true })
  .filter((name) => name.endsWith('.sol'))
  .map((name) => `src/${name.split(path.sep).join('/')}`)
  .sort();
// All of src, and what it imports.
const sources = new Map();
for (const pending = [...files]; pending.length > 0; ) {
  const name = pending.pop();
  if (sources.has(name)) continue;
  const text = readFileSync(name, 'utf8');
  sources.set(name, text);
  for (const [, imported] of text.matchAll(/^import[^;"']*["']([^"']+)["'];/gm)) pending.push(resolve(imported, name));
}

// A variable of each namespace's struct in a contract of its own: the compiler gives the layout of variables only.
const namespaces = [];
let harness = '// SPDX-License-Identifier: MIT OR Apache-2.0\npragma solidity 0.8.37;\n';
for (const [file, text] of sources) {
  for (const { 1: namespace, 2: struct, index } of text.matchAll(NAMESPACE)) {
    const contract = [...text.slice(0, index).matchAll(/^(?:abstract )?contract (\w+)/gm)].at(-1)[1];
    const slot = slotOf(namespace);
    if (!text.toLowerCase().includes(slot)) {
      fail(`${contract} keeps ${namespace} elsewhere than ERC-7201 says: ${file} has no constant ${slot}`);
    }
    const name = `Layout${namespaces.length}`;
    namespaces.push({ file, contract, namespace, slot, name });
    harness += `import {${contract} as ${name}Contract} from "${file}";\n`;
    harness += `contract ${name} { ${name}Contract.${struct} private state; }\n`;
  }
}
const { sources: asts, contracts } = compile([...sources, ['Layouts.sol', harness]]);
const layouts = contracts['Layouts.sol'];

const enums = new Map();
for (const [file, { ast }] of Object.entries(asts)) {
  for (const { name, id } of definitions(ast, 'ContractDefinition')) {
    for (const space of namespaces) if (space.file === file && space.contract === name) space.id = id;
  }
  for (const found of definitions(ast, 'EnumDefinition')) {
    enums.set(found.canonicalName, found.members.map((member) => member.name).join(', '));
  }
}

/** Lines of variables, and of the structs and enums that they are made of, each once. */
function lines(variables, types, described) {
  const text = variables.map(({ slot, offset, type, label }) => `  ${slot}+${offset} ${types[type].label} ${label}`);
  const more = [];
  const visit = (id) => {
    const type = types[id];
    if (type.label.startsWith('enum ')) {
      if (described.has(type.label)) return;
      described.add(type.label);
      const members = enums.get(type.label.slice(5)) ?? fail(`${type.label} isn't known`);
      more.push(`${type.label}: ${members}`);
    }
    for (const inner of [type.key, type.value, type.base]) if (inner !== undefined) visit(inner);
    if (type.members === undefined || described.has(type.label)) return;
    described.add(type.label);
    more.push(`${type.label}, ${type.numberOfBytes} bytes`, ...lines(type.members, types, described));
  };
  for (const { type } of variables) visit(type);
  return [...text, ...more];
}

/** All of a contract's state; empty if it has none. */
function describe(contract) {
  const described = new Set();
  const own = contracts[contract.file][contract.name].storageLayout;
  const text = own.storage.length > 0 ? ['from slot 0', ...lines(own.storage, own.types, described)] : [];
  const spaces = namespaces.filter((space) => contract.linearizedBaseContracts.includes(space.id));
  for (const { namespace, slot, name } of spaces.sort((a, b) => (a.namespace < b.namespace ? -1 : 1))) {
    const { storage, types } = layouts[name].storageLayout;
    text.push(`${namespace} from slot ${slot}`, ...lines(types[storage[0].type].members, types, described));
  }
  return text;
}

const wanted = new Map();
for (const file of files) {
  for (const contract of definitions(asts[file].ast, 'ContractDefinition')) {
    if (contract.contractKind !== 'contract' || contract.abstract) continue;
    const text = describe({ ...contract, file });
    if (text.length > 0) wanted.set(`${contract.name}.txt`, `${text.join('\n')}\n`);
  }
}

if (process.argv[2] === '--write') {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, text] of wanted) writeFileSync(path.join(folder, name), text);
  console.log(`storage of ${wanted.size} contracts, ${namespaces.length} namespaces, written`);
} else {
  const committed = existsSync(folder) ? readdirSync(folder) : [];
  const differing = [...wanted].filter(([name, text]) => !committed.includes(name) || readFileSync(path.join(folder, name), 'utf8') !== text);
  const gone = committed.filter((name) => !wanted.has(name));
  if (differing.length + gone.length > 0) {
    const names = [...differing.map(([name]) => name), ...gone].map((name) => name.replace('.txt', '')).join(', ');
    fail(
      `state lies elsewhere than contracts/storage says: ${names}. Where a chain has the contract, new state goes behind the old and nothing moves; ` +
        'if that is so, or no chain has it yet, run `node contracts/tools/storage-layouts.mjs --write` and commit the difference.',
    );
  }
  console.log(`storage of ${wanted.size} contracts, ${namespaces.length} namespaces, is as committed`);
}
