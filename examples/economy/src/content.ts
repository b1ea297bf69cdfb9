// From a table in a file to a contribution: its canonical stream of tokens, its MinHash signature, its commitment.
import {
  concat,
  encodeAbiParameters,
  keccak256,
  numberToHex,
  parseAbiParameters,
  stringToBytes,
  stringToHex,
  type Address,
  type ContractFunctionArgs,
  type Hex,
} from "viem";
import { chunkRoot, GOLD, keccakWord, mix64 } from "./bytes.js";
import type { datanetRegistry } from "./contracts.js";

/** Tokens that are hashed together. */
const GRAM = 5;
/** Words of a signature. */
const WORDS = 32;
/** Contents are committed to by chunks of 64 KiB. */
const CHUNK_LOG2 = 16;
const EMPTY_WORD = 0xffff_ffffn;

/**
 * The canonical stream of a CSV table with a header: a token a cell, `keccak(u32be column ‖ cell)[0:4]`, row by row. Cells
 * in quotation marks are left to a CSV library.
 */
export function tableTokens(csv: string): number[] {
  if (csv.includes('"')) throw new Error("cells in quotation marks need a CSV library");
  const rows = csv.split(/\r?\n/).filter((line) => line !== "");
  return rows.slice(1).flatMap((row) =>
    row.split(",").map((cell, column) => {
      const text = cell.normalize("NFC").replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
      return keccakWord(concat([numberToHex(column, { size: 4 }), stringToHex(text)]));
    }),
  );
}

/** MinHash-32 over the stream's 5-grams: near-duplicates have many words in common. */
export function minHash(tokens: number[]): number[] {
  const minima = new Array<bigint>(WORDS).fill((1n << 64n) - 1n);
  const salts = minima.map((_, j) => mix64(BigInt(j + 1) * GOLD));
  for (let at = 0; at + GRAM <= tokens.length; at++) {
    let h = 0n;
    for (const token of tokens.slice(at, at + GRAM)) h = mix64(h ^ (BigInt(token + 1) * GOLD));
    salts.forEach((salt, j) => {
      const value = mix64(h ^ salt);
      if (value < minima[j]) minima[j] = value;
    });
  }
  return minima.map((value) => Number((value >> 32n) & EMPTY_WORD));
}

/** What `DatanetRegistry.reveal` takes: data root, salt, signature, size, tokens and URI. */
export type Content = ContractFunctionArgs<typeof datanetRegistry.abi, "nonpayable", "reveal">[2];

/** Describes a table. Who knows the salt before the reveal can tell what was committed to: draw it at random. */
export function describe(csv: string, salt: Hex, uri: string): Content {
  const bytes = stringToBytes(csv);
  const tokens = tableTokens(csv);
  return {
    dataRoot: chunkRoot(bytes, CHUNK_LOG2),
    salt,
    words: minHash(tokens) as unknown as Content["words"],
    size: BigInt(bytes.length),
    tokens: BigInt(tokens.length),
    uri,
  };
}

/** What a contributor commits to: it names him, so that nobody else can open a copy of it. */
export function commitment(space: Hex, contributor: Address, { words, dataRoot, salt }: Content): Hex {
  const signature = keccak256(concat(words.map((word) => numberToHex(word, { size: 4 }))));
  return keccak256(
    encodeAbiParameters(parseAbiParameters("bytes32, address, bytes32, bytes32, bytes32"), [
      space,
      contributor,
      signature,
      dataRoot,
      salt,
    ]),
  );
}
