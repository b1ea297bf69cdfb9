#!/usr/bin/env node
// Writes test/precompiles/vectors/*.json: the vectors of the native precompiles, ../precompiles/vectors, in a shape that forge's
// cheatcodes read. Everything is a list of numbers in strings, or of hex; lists in lists become lists side by side. Files are
// apart since the cheatcodes read a whole file for each member.
//
//   node tools/precompile-vectors.mjs          compares with the committed files
//   node tools/precompile-vectors.mjs --write  writes them
//   node tools/precompile-vectors.mjs FOLDER OUT  writes them to folder OUT, from FOLDER's vectors
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [first, second] = process.argv.slice(2);
const other = second !== undefined;
const target = other ? second : path.join(root, 'test/precompiles/vectors');
const folder = other ? first : path.join(root, '../precompiles/vectors');
// Integers that a double doesn't hold become strings.
const source = (name) =>
  JSON.parse(readFileSync(path.join(folder, name), 'utf8').replace(/(?<=[:[,]\s*)-?\d{16,}(?=\s*[,\]}])/g, '"$&"'));
const golden = source('golden.json');
const more = source('span_split.json');
const sketches = source('sketch.json');
const lora = source('lora.json');

const both = (section) => [...(golden[section] ?? []), ...(more[section] ?? [])];
const text = (values) => values.map(String);
const hex = (values) => values.map((value) => '0x' + value);

const reference = {
  split: both('split').map((c) => ({ total: c.total, s: c.scores, minBps: c.min_bps, topK: c.top_k, out: c.out })),
  gate: both('gate').map((c) => ({ sum: c.sum, sumSq: c.sum_sq, z: c.z, out: c.out })),
  kgram: both('kgram').map((c) => ({ tokens: text(c.tokens), k: c.k, salt: String(c.salt), hashes: c.hashes, winnow: text(c.winnow8) })),
  winnow: more.winnow.map((c) => ({ hashes: text(c.hashes), w: c.w, out: text(c.out) })),
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

const sketch = {
  project: [...golden.project, ...sketches.project_sparse].map((c) => ({
    t: text(c.t),
    dim: c.D,
    seed: String(c.seed),
    sparsity: c.sparsity ?? 0,
    shift: c.shift,
    out: text(c.out),
  })),
  // `rejected` is the number of the query that is refused, or that of the queries.
  batch: sketches.batch.map((c) => ({
    dim: c.D,
    rows: text(c.rows),
    clusters: text(c.clusters),
    lambda: String(c.lambda_),
    q: text(c.q.flat()),
    x: text(c.x.flat()),
    shift: text(c.shift),
    rejected: c.result.rejected ?? c.q.length,
    cluster: text(c.result.cluster ?? []),
    sum: c.result.sum ?? [],
    sumSq: c.result.sumSq ?? [],
  })),
  seed: sketches.seed.map((c) => ({ blockHash: '0x' + c.block_hash, setId: c.set_id, seed: c.seed })),
  space: [sketches.space].map((c) => ({
    registry: '0x' + c.registry,
    datanet: '0x' + c.datanet,
    space: '0x' + c.space,
    commitIds: hex(c.commit_ids),
    contributor: '0x' + c.contributor,
    tokens: text(c.tokens),
    mh: text(c.mh),
    dataRoot: '0x' + c.data_root,
    salt: '0x' + c.salt,
    commitment: '0x' + c.commitment,
    bands: hex(c.band_slots),
  })),
  // Those that are revealed.
  clustering: [sketches.clustering].map((c) => ({
    words: text(c.signatures.filter((mh) => mh !== null).flat()),
    cluster: text(c.assigned.filter((one) => one !== null).map(([cluster]) => cluster)),
    isNew: c.assigned.filter((one) => one !== null).map(([, isNew]) => String(Number(isNew))),
  })),
};

// What golden.json's header belongs to.
const adapters = [
  ...lora.adapter,
  {
    prefix: 'base_model.model.model.layers.',
    modules: [['self_attn.q_proj', 16, 16], ['self_attn.v_proj', 16, 8]],
    mask: 3,
    layer_from: 0,
    layer_to: 2,
    rank: 4,
    dtype: 2,
    data_len: golden.safetensors.data_len,
    header_hex: golden.safetensors.header_hex,
    revert: null,
  },
];

const registry = {
  // Nodes 1 to n; `edges` are triples of child, parent, relBps; `weights` triples of node, datanet, weightBps.
  lineage: lora.lineage.map((c) => {
    const ids = Object.keys(c.dag);
    const paid = Object.keys(c.pay).sort((a, b) => a - b);
    return {
      base: ids.map((id) => String(c.dag[id].base || id)),
      absBps: ids.map((id) => String(c.dag[id].abs)),
      edges: ids.flatMap((id) => c.dag[id].parents.flatMap(([parent, bps]) => text([id, parent, bps]))),
      weights: ids.flatMap((id) => c.dag[id].weights.flatMap(([datanet, bps]) => [id, String(BigInt('0x' + datanet)), String(bps)])),
      start: c.start,
      total: c.total,
      paidIds: paid,
      paid: paid.map((id) => c.pay[id]),
      datanets: c.datanets.map(([datanet]) => '0x' + datanet),
      ppm: text(c.datanets.map(([, ppm]) => ppm)),
    };
  }),
  // `revert` is empty if the header is well-formed.
  header: lora.header.map((c) => ({ header: '0x' + c.header_hex, tensors: c.tensors ?? 0, revert: '0x' + (c.revert ?? '') })),
  adapter: adapters.map((c) => {
    const targets = c.modules.map((module, index) => [index, ...module]).filter(([index]) => ((c.mask >> index) & 1) === 1);
    return {
      prefix: c.prefix,
      modules: text(targets.map(([index]) => index)),
      paths: targets.map(([, name]) => name),
      inDims: text(targets.map(([, , dim]) => dim)),
      outDims: text(targets.map(([, , , dim]) => dim)),
      layerFrom: c.layer_from,
      layerTo: c.layer_to,
      rank: c.rank,
      dtype: c.dtype,
      dataLen: c.data_len,
      header: '0x' + c.header_hex,
      revert: '0x' + (c.revert ?? ''),
    };
  }),
  signature: lora.signature.map((c) => ({
    chainId: c.chain_id,
    adapterHash: '0x' + c.adapter_hash,
    headerHash: '0x' + c.header_hash,
    nonce: c.nonce,
    deadline: c.deadline,
    digest: '0x' + c.digest,
  })),
};

const all = {};
for (const [name, sections] of Object.entries({ reference, sketch, lora: registry })) {
  const lines = Object.entries(sections).map(([section, cases]) => `"${section}":[\n${cases.map((c) => JSON.stringify(c)).join(',\n')}\n]`);
  const counts = Object.fromEntries(Object.entries(sections).map(([section, cases]) => [section, cases.length]));
  const json = `{"counts":${JSON.stringify(counts)},\n${lines.join(',\n')}\n}\n`;
  const file = path.join(target, `${name}.json`);
  if (other || first === '--write') {
    writeFileSync(file, json);
  } else if (readFileSync(file, 'utf8') !== json) {
    process.stderr.write(`error: test/precompiles/vectors/${name}.json differs: run tools/precompile-vectors.mjs --write\n`);
    process.exit(1);
  }
  Object.assign(all, counts);
}
console.log(JSON.stringify(all));
