// What this example computes by itself, against the vectors of the native code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hexToString, type Hex } from "viem";
import { minHash, tableTokens } from "../content.js";
import { DIM, project } from "../sketch.js";

const vectors = (name: string) =>
  JSON.parse(
    // Seeds may be above 2^53.
    readFileSync(new URL(`../../../../precompiles/vectors/${name}.json`, import.meta.url), "utf8").replaceAll(
      /"seed": (\d+)/g,
      '"seed": "$1"',
    ),
  );

test("signatures", () => {
  const cases = vectors("golden").minhash.filter(({ k, n }: { k: number; n: number }) => k === 5 && n === 32);
  assert.ok(cases.length > 0);
  for (const { tokens, out } of cases) assert.deepEqual(minHash(tokens), out);
});

test("projections", () => {
  const cases = vectors("golden").project.filter(({ D }: { D: number }) => D === DIM);
  assert.ok(cases.length > 0);
  for (const { t, seed, shift, out } of cases) {
    assert.deepEqual([...project(t, { fracBits: 0, shift, normCap2: 0 }, BigInt(seed))], out);
  }
});

test("tables", () => {
  let compared = 0;
  for (const { file, tabs, header, tokens } of vectors("streams").stream_table) {
    const text = hexToString(`0x${file}` as Hex);
    if (tokens === null || tabs || !header || text.includes('"')) continue;
    assert.deepEqual(tableTokens(text), tokens);
    compared += 1;
  }
  assert.ok(compared > 0);
});
