#!/usr/bin/env node
// Writes test/precompiles/vectors/reference.json: the vectors of the native precompiles, ../precompiles/vectors, in a shape
// that forge's cheatcodes read. Everything is a list of numbers in strings, or of hex; lists in lists become lists side by side.
//
//   node tools/precompile-vectors.mjs          compares with the committed file
//   node tools/precompile-vectors.mjs --write  writes it
//   node tools/precompile-vectors.mjs FOLDER OUT  writes OUT from FOLDER's golden.json and span_split.json
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [first, second] = process.argv.slice(2);
const other = second !== undefined;
const target = other ? second : path.join(root, 'test/precompiles/vectors/reference.json');
const folder = other ? first : path.join(root, '../precompiles/vectors');
const source = (name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8'));
const golden = source('golden.json');
const more = source('span_split.json');

const both = (section) => [...(golden[section] ?? []), ...(more[section] ?? [])];
const text = (values) => values.map(String);
const hex = (values) => values.map((value) => '0x' + value);

const sections = {
  split: both('split').map((c) => ({ total: c.total, s: c.scores, minBps: c.min_bps, topK: c.top_k, out: c.out })),
  gate: both('gate').map((c) => ({ sum: c.sum, sumSq: c.sum_sq, z: c.z, out: c.out })),
  kgram: both('kgram').map((c) => ({ tokens: text(c.tokens), k: c.k, salt: String(c.salt), hashes: c.hashes, winnow: text(c.winnow8) })),
  span: both('span').map((c) => ({
    tokens: text(c.tokens),
    // An entry's 16 bytes as a number.
    entries: c.index.map(([fp, cluster, locus]) => String((BigInt(fp) << 80n) | (BigInt(cluster) << 48n) | BigInt(locus))),
    k: c.k,
    w: c.w,
    dfCap: c.df_cap,
    minSpan: c.min_span,
    salt: String(c.salt ?? 0),
    cluster: Object.keys(c.scores).sort((a, b) => a - b),
    tokensWon: text(Object.keys(c.scores).sort((a, b) => a - b).map((cluster) => c.scores[cluster])),
    covered: c.covered,
  })),
  minhash: golden.minhash.map((c) => ({ tokens: text(c.tokens), out: text(c.out) })),
  merkle: golden.merkle.proofs.map((c) => ({
    root: '0x' + golden.merkle.root,
    leaves: golden.merkle.n,
    index: c.index,
    chunk: '0x' + c.chunk,
    proof: hex(c.proof),
  })),
  ridge: golden.ridge.map((c) => ({
    rows: text(c.rows),
    q: text(c.q),
    x: text(c.x),
    lambda: String(c.lambda_),
    shift: c.shift,
    tolerance: c.tol_inv,
    scores: text(c.scores),
    accepted: c.ok,
  })),
  knn: golden.knn.map((c) => ({ rows: text(c.rows), labels: text(c.labels), q: text(c.q), label: c.yq, K: c.K, out: text(c.out) })),
  // Nodes 1 to n; `edges` are triples of child, parent, relBps.
  royalty: golden.royalty.cases.map((c) => {
    const ids = Object.keys(golden.royalty.dag);
    return {
      absBps: ids.map((id) => String(golden.royalty.dag[id].abs)),
      edges: ids.flatMap((id) => golden.royalty.dag[id].parents.flatMap(([parent, bps]) => text([id, parent, bps]))),
      start: c.start,
      total: c.total,
      paid: ids.map((id) => c.pay[id] ?? '0'),
    };
  }),
};

const lines = Object.entries(sections).map(
  ([name, cases]) => `"${name}":[\n${cases.map((c) => JSON.stringify(c)).join(',\n')}\n]`,
);
const counts = Object.fromEntries(Object.entries(sections).map(([name, cases]) => [name, cases.length]));
const json = `{"counts":${JSON.stringify(counts)},\n${lines.join(',\n')}\n}\n`;

if (other || first === '--write') {
  writeFileSync(target, json);
} else if (readFileSync(target, 'utf8') !== json) {
  process.stderr.write('error: test/precompiles/vectors/reference.json differs: run tools/precompile-vectors.mjs --write\n');
  process.exit(1);
}
console.log(JSON.stringify(counts));
