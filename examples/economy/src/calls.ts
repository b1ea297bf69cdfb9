// The calls of a channel: their names, the Merkle sum tree over them, and the vouchers that pay for them.
import {
  encodeAbiParameters,
  hexToBigInt,
  keccak256,
  numberToHex,
  parseAbiParameters,
  type Address,
  type Hex,
} from "viem";
import { hash } from "./bytes.js";
import { inferenceRouter, voucherChannels } from "./contracts.js";

/** A call, as the epoch's fee log names it. */
export interface Call {
  requestId: Hex;
  price: bigint;
  /** One for each of the adapter's sketch sets. */
  sketches: Hex[];
}

/** What stands beside the way from a leaf to the root. */
export interface Sibling {
  hash: Hex;
  sum: bigint;
  isLeft: boolean;
}

export const requestIdOf = (chainId: number, payer: Address, nonce: bigint): Hex =>
  keccak256(
    encodeAbiParameters(parseAbiParameters("uint256, address, address, uint256"), [
      BigInt(chainId),
      inferenceRouter.address,
      payer,
      nonce,
    ]),
  );

/** The nonce of a channel's call, from 1, which binds prompt and output to its id. */
export const callNonce = (channel: Hex, number: number, promptHash: Hex, outputHash: Hex): bigint =>
  hexToBigInt(
    keccak256(
      encodeAbiParameters(parseAbiParameters("bytes32, uint256, bytes32, bytes32"), [
        channel,
        BigInt(number),
        promptHash,
        outputHash,
      ]),
    ),
  );

export const sketchHash = (sketches: Hex[]): Hex =>
  keccak256(encodeAbiParameters(parseAbiParameters("bytes[]"), [sketches]));

export const leafHash = ({ requestId, price, sketches }: Call): Hex =>
  hash(
    "0x00",
    encodeAbiParameters(parseAbiParameters("bytes32, uint128, bytes32"), [requestId, price, sketchHash(sketches)]),
  );

/** The sum tree over some calls: its root, the sum of the prices, and each leaf's proof. */
export function sumTree(calls: Call[]) {
  const proofs: Sibling[][] = calls.map(() => []);
  // Each node knows the leaves below it, to whose proofs its sibling belongs.
  let level = calls.map((call, i) => ({ hash: leafHash(call), sum: call.price, leaves: [i] }));
  while (level.length > 1) {
    const next: typeof level = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (right === undefined) {
        next.push(left);
        continue;
      }
      for (const leaf of left.leaves) proofs[leaf].push({ hash: right.hash, sum: right.sum, isLeft: false });
      for (const leaf of right.leaves) proofs[leaf].push({ hash: left.hash, sum: left.sum, isLeft: true });
      const sum = (value: bigint) => numberToHex(value, { size: 32 });
      next.push({
        hash: hash("0x01", left.hash, sum(left.sum), right.hash, sum(right.sum)),
        sum: left.sum + right.sum,
        leaves: [...left.leaves, ...right.leaves],
      });
    }
    level = next;
  }
  return { root: level[0].hash, sum: level[0].sum, proofs };
}

/** What a payer signs: all that it owes for a channel's calls so far. */
export const voucherTypes = {
  Voucher: [
    { name: "channel", type: "bytes32" },
    { name: "payer", type: "address" },
    { name: "payee", type: "address" },
    { name: "cumulative", type: "uint256" },
    { name: "count", type: "uint64" },
    { name: "leavesRoot", type: "bytes32" },
    { name: "expiry", type: "uint64" },
  ],
} as const;

export const voucherDomain = (chainId: number) =>
  ({ name: "VoucherChannels", version: "1", chainId, verifyingContract: voucherChannels.address }) as const;
