#!/usr/bin/env node
// Checks every crate that the workspace is built from on this platform, offline: its licence is one that deny.toml allows, it comes from
// the registry that deny.toml allows or from this repository, and the crates that must exist once exist once.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const deny = readFileSync(path.join(root, 'deny.toml'), 'utf8');

/** The strings of an array in deny.toml. */
function list(section, key) {
  const body = deny.split(`[${section}]`)[1]?.split(/^\[/m)[0] ?? '';
  const array = body.match(new RegExp(`^${key} = \\[([^\\]]*)\\]`, 'm'));
  if (!array) throw new Error(`deny.toml: no ${key} in [${section}]`);
  return [...array[1].matchAll(/"([^"]+)"/g)].map(([, value]) => value);
}

const allowed = new Set(list('licenses', 'allow'));
const registries = new Set(list('sources', 'allow-registry'));

/** Whether an SPDX expression can be satisfied by the allowed licences. */
function satisfiable(expression) {
  // Cargo's old form of OR is a slash.
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const or = () => {
    let value = and();
    while (tokens[at] === 'OR') {
      at += 1;
      value = and() || value;
    }
    return value;
  };
  const and = () => {
    let value = term();
    while (tokens[at] === 'AND') {
      at += 1;
      value = term() && value;
    }
    return value;
  };
  const term = () => {
    if (tokens[at] === '(') {
      at += 1;
      const value = or();
      at += 1;
      return value;
    }
    // "or any later version" includes the version itself.
    let name = tokens[at++].replace(/\+$/, '');
    if (tokens[at] === 'WITH') {
      name = `${name} WITH ${tokens[at + 1]}`;
      at += 2;
    }
    return allowed.has(name);
  };
  return or();
}

const cargo = (...args) =>
  execFileSync('cargo', [...args, '--offline', '--locked'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 30 });
// What is built on this machine: the lock file also names crates of other platforms and of features that nobody asks for.
const built = new Set(
  cargo('tree', '--workspace', '--edges', 'normal,build,dev', '--prefix', 'none', '--format', '{p}')
    .split('\n')
    .map((line) => line.match(/^(\S+) v(\S+)/))
    .filter(Boolean)
    .map(([, name, version]) => `${name} ${version}`),
);
const platform = execFileSync('rustc', ['-vV'], { encoding: 'utf8' }).match(/^host: (.*)$/m)[1];
const packages = JSON.parse(cargo('metadata', '--format-version', '1', '--filter-platform', platform)).packages.filter(
  ({ name, version }) => built.has(`${name} ${version}`),
);
const findings = [];
const versions = new Map();
for (const { name, version, license, license_file: file, source } of packages) {
  const crate = `${name} ${version}`;
  if (source === null) continue;
  if (!registries.has(source.replace(/^registry\+/, ''))) findings.push(`${crate}: source ${source} is not allowed`);
  if (license ? !satisfiable(license) : true) findings.push(`${crate}: licence ${license ?? file ?? 'none'} is not allowed`);
  versions.set(name, [...(versions.get(name) ?? []), version]);
}
// Two versions of one of these are two different sets of types, or a second EVM.
const single = /^(revm|op-revm|op-alloy|alloy-(consensus|eips|evm|op-evm|primitives|rlp|sol-types|trie|rpc-types|network))(-|$)/;
for (const [name, found] of versions) {
  if (single.test(name) && found.length > 1) findings.push(`${name}: ${found.join(' and ')}, but one version is allowed`);
}
if (findings.length > 0) {
  console.error(findings.join('\n'));
  process.exit(1);
}
console.log(`dependencies: ${packages.length} crates, licences, sources and single versions are as deny.toml says`);
