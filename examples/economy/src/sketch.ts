// From gradients to the int8 rows and queries of a SKETCH set: docs/spec/precompiles.md, Projection. The native command
// `openledger attribution sketch` does it for real models.
import { bytesToHex, concat, numberToHex, type Hex } from "viem";
import { splitmix64 } from "./bytes.js";

export const DIM = 64;
const LIMIT = 127;
const I32 = 2 ** 31;
/** Entries that a row of median norm has, about: as large as leaves few beyond the limit. */
const ENTRY = 30;
/** Rounding may leave a scaled row above the cap: then it is scaled by this again. */
const AGAIN = 0.995;

/** How a set's gradients are projected; fixed before its seed is drawn. */
export interface Projection {
  fracBits: number;
  shift: number;
  normCap2: number;
}

/** Chooses them: the cap lies below the norms of most rows, as a set of kind 0 asks for, so that no row counts for much more. */
export function chooseProjection(gradients: number[][]): Projection {
  const fracBits = 20;
  const norms = gradients.map((g) => Math.sqrt(g.reduce((sum, value) => sum + value * value, 0))).sort((a, b) => a - b);
  const at = (part: number) => norms[Math.floor(part * norms.length)] * 2 ** fracBits;
  const shift = Math.max(0, Math.round(Math.log2(at(0.5) / ENTRY)));
  return { fracBits, shift, normCap2: Math.round(DIM * (at(0.35) / 2 ** shift) ** 2) };
}

/** Projects a gradient to `DIM` entries within ±127. */
export function project(gradient: number[], { fracBits, shift }: Projection, seed: bigint): Int8Array {
  const fixed = gradient.map((value) => clamp(roundHalfEven(value * 2 ** fracBits), -I32, I32 - 1));
  return Int8Array.from(sums(fixed, seed), (sum) => clamp(roundHalfAway(sum / 2 ** shift), -LIMIT, LIMIT));
}

/** The same for a row, which is scaled to the cap if it is above. */
export function projectRow(gradient: number[], projection: Projection, seed: bigint): Int8Array {
  const { normCap2 } = projection;
  let row = project(gradient, projection, seed);
  if (norm2(row) <= normCap2) return row;
  // Without the limit: projected so that no entry reaches it.
  let shift = projection.shift;
  let wide = row;
  while (wide.some((entry) => Math.abs(entry) === LIMIT))
    wide = project(gradient, { ...projection, shift: ++shift }, seed);
  let factor = Math.sqrt(normCap2 / (norm2(wide) * 4 ** (shift - projection.shift)));
  for (;;) {
    row = project(
      gradient.map((value) => value * factor),
      projection,
      seed,
    );
    if (norm2(row) <= normCap2) return row;
    factor *= AGAIN;
  }
}

/** A row as `appendRows` takes it: `u32be cluster ‖ u16be label ‖ entries`. */
export const record = (cluster: number, label: number, row: Int8Array): Hex =>
  concat([numberToHex(cluster, { size: 4 }), numberToHex(label, { size: 2 }), toHex(row)]);

export const toHex = (vector: Int8Array): Hex =>
  bytesToHex(new Uint8Array(vector.buffer, vector.byteOffset, vector.length));

/** Coordinate i counts in entry j with the sign that bit j of word i says. All sums are below 2^53. */
function sums(fixed: number[], seed: bigint): number[] {
  const out = new Array<number>(DIM).fill(0);
  fixed.forEach((value, i) => {
    const word = splitmix64(seed, BigInt(i));
    for (let j = 0; j < DIM; j++) out[j] += (word >> BigInt(j)) & 1n ? -value : value;
  });
  return out;
}

const norm2 = (row: Int8Array) => row.reduce((sum, entry) => sum + entry * entry, 0);
const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));
const roundHalfAway = (value: number) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
