// An adapter as a safetensors file, and as the registry LORA takes it: docs/spec/precompiles.md.
import {
  bytesToHex,
  concat,
  concatBytes,
  encodeAbiParameters,
  keccak256,
  parseAbiParameters,
  stringToHex,
  type Address,
  type Hex,
} from "viem";
import { chunkRoot } from "./bytes.js";
import { ALPHA, FEATURES, KINDS, RANK, type Adapter } from "./model.js";

/** Before the layer's number in a tensor's name. */
const PREFIX = "model.layers.";
const MODULE = "classifier";
/** The data is committed to by chunks of 4 KiB, the least. */
const CHUNK_LOG2 = 12;
/** Headers are padded with spaces, so that the data is aligned. */
const ALIGNMENT = 8;

/** What the model's base is in the registry. */
export const describeBase = (name: string, configHash: Hex, licence: Hex) => ({
  nameHash: keccak256(stringToHex(name)),
  configHash,
  namePrefix: stringToHex(PREFIX),
  layers: 1,
  modules: [{ path: stringToHex(MODULE), inDim: FEATURES, outDim: KINDS }],
  licence,
  absBps: 0,
});

/** A safetensors file: `header` with its length in front, then `data`. */
export function safetensors({ a, b }: Adapter): { header: Hex; data: Uint8Array } {
  const bytesOf = (values: number[]) => new Uint8Array(new Float32Array(values).buffer);
  const data = concatBytes([bytesOf(a), bytesOf(b)]);
  const tensor = (shape: number[], from: number, to: number) => ({ dtype: "F32", shape, data_offsets: [from, to] });
  const json = JSON.stringify({
    [`${PREFIX}0.${MODULE}.lora_A.weight`]: tensor([RANK, FEATURES], 0, 4 * a.length),
    [`${PREFIX}0.${MODULE}.lora_B.weight`]: tensor([KINDS, RANK], 4 * a.length, data.length),
  });
  const padded = json.padEnd(Math.ceil(json.length / ALIGNMENT) * ALIGNMENT);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  return { header: concat([bytesToHex(length), stringToHex(padded)]), data };
}

/** What the registry records of an adapter, the file's header, and the commitment that comes two blocks before. */
export function describeAdapter(
  file: { header: Hex; data: Uint8Array },
  developer: Address,
  salt: Hex,
  terms: { base: bigint; baseBps: number; space: Hex; sketchSet: bigint; licence: Hex },
) {
  const headerHash = keccak256(file.header);
  const dataRoot = chunkRoot(file.data, CHUNK_LOG2);
  const commitment = keccak256(
    encodeAbiParameters(parseAbiParameters("address, bytes32, bytes32, bytes32"), [
      developer,
      headerHash,
      dataRoot,
      salt,
    ]),
  );
  const adapter = {
    base: terms.base,
    rank: RANK,
    alpha: ALPHA,
    moduleMask: 1,
    layerFrom: 0,
    layerTo: 1,
    dtype: 0,
    headerHash,
    dataRoot,
    dataLen: BigInt(file.data.length),
    chunkLog2: CHUNK_LOG2,
    train: [{ datanet: terms.space, sketchSet: terms.sketchSet, spanIndex: 0n, weightBps: 10_000 }],
    parents: [{ id: terms.base, relBps: terms.baseBps }],
    licence: terms.licence,
    absBps: 0,
    developer,
    version: 1,
    supersedes: 0n,
  } as const;
  return { adapter, commitment };
}
