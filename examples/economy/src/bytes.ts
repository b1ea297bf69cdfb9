// The arithmetic and the hashes that the precompiles and their callers share: docs/spec/precompiles.md.
import { bytesToHex, concat, hexToBytes, keccak256, numberToHex, type Hex } from "viem";

const MASK = (1n << 64n) - 1n;
export const GOLD = 0x9e3779b97f4a7c15n;

/** The finaliser of splitmix64. */
export function mix64(value: bigint): bigint {
  let z = value & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

/** Word `n` of splitmix64. */
export const splitmix64 = (seed: bigint, n: bigint): bigint => mix64(seed + (n + 1n) * GOLD);

/** keccak256 over hex parts put behind one another. */
export const hash = (...parts: Hex[]): Hex => keccak256(concat(parts));

/** The precompiles' Merkle form: leaf `keccak(0x00 ‖ u64be i ‖ item)`, node `keccak(0x01 ‖ left ‖ right)`, an odd node rises. */
export function merkleRoot(items: Hex[]): Hex {
  if (items.length === 0) throw new Error("a tree of nothing has no root");
  let level = items.map((item, i) => hash("0x00", numberToHex(i, { size: 8 }), item));
  while (level.length > 1) {
    const next: Hex[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) next.push(hash("0x01", level[i], level[i + 1]));
    if (level.length % 2 === 1) next.push(level[level.length - 1]);
    level = next;
  }
  return level[0];
}

/** The Merkle root over the chunks of some data, of 2^`log2` bytes each. */
export function chunkRoot(data: Uint8Array, log2: number): Hex {
  const chunks: Hex[] = [];
  for (let at = 0; at === 0 || at < data.length; at += 2 ** log2) {
    chunks.push(bytesToHex(data.subarray(at, at + 2 ** log2)));
  }
  return merkleRoot(chunks);
}

/** The first four bytes of keccak256, as a number. */
export const keccakWord = (data: Hex): number => new DataView(hexToBytes(keccak256(data)).buffer).getUint32(0);

/** Numbers of 32 bits that follow from a seed: what the example's data is made of. */
export function random(seed: bigint) {
  let n = 0n;
  const next = () => Number(splitmix64(seed, n++) >> 11n) / 2 ** 53;
  return {
    /** Uniform within 0 and 1. */
    next,
    /** Normal, with mean 0 and deviation 1 (Box and Muller). */
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}
