// Checks eth_getProof answers: walks the Merkle Patricia proof from the root, so that a wrong node, value or path fails.
import { fromRlp, hexToBytes, keccak256, toRlp } from "viem";

const nibblesOf = (hex) =>
  hex
    .slice(2)
    .split("")
    .map((digit) => parseInt(digit, 16));

/**
 * The value that `proof` proves at `keccak256(key)` under `root`: RLP bytes, or null if it proves absence.
 * Throws if the proof proves neither.
 */
export function provenValue(root, key, proof) {
  const path = nibblesOf(keccak256(key));
  let reference = root;
  let depth = 0;
  for (const [index, encoded] of proof.entries()) {
    // A node shorter than 32 bytes stands in its parent as it is; the proof lists it all the same.
    const inline = typeof reference !== "string";
    if (!inline && keccak256(encoded) !== reference) throw new Error(`node ${index} does not hash to ${reference}`);
    if (inline && toRlp(reference) !== encoded) throw new Error(`node ${index} is not the one inside its parent`);
    const node = fromRlp(encoded, "hex");
    if (node.length === 17) {
      if (depth === path.length) return node[16] === "0x" ? null : node[16];
      reference = node[path[depth]];
      depth += 1;
    } else {
      const nibbles = nibblesOf(node[0]);
      const leaf = nibbles[0] >= 2;
      const partial = nibbles.slice(nibbles[0] % 2 === 1 ? 1 : 2);
      if (partial.some((nibble, at) => path[depth + at] !== nibble)) return null;
      depth += partial.length;
      if (leaf) return node[1];
      reference = node[1];
    }
    if (reference === "0x") return null;
  }
  if (proof.length === 0 && root === keccak256("0x80")) return null;
  throw new Error("the proof ends before the value");
}

const quantity = (value) => (BigInt(value) === 0n ? "0x" : toBytesHex(BigInt(value)));
function toBytesHex(value) {
  const hex = value.toString(16);
  return `0x${hex.length % 2 ? "0" : ""}${hex}`;
}

/** Throws unless `answer` (of eth_getProof, raw) is proved under `stateRoot`, account and each storage value. */
export function verifyProof(stateRoot, answer) {
  const account = provenValue(stateRoot, answer.address, answer.accountProof);
  const claimed = toRlp([quantity(answer.nonce), quantity(answer.balance), answer.storageHash, answer.codeHash]);
  const empty = BigInt(answer.nonce) === 0n && BigInt(answer.balance) === 0n;
  if (account !== claimed && !(account === null && empty)) {
    throw new Error(`the account proof proves ${account}, the answer says ${claimed}`);
  }
  for (const { key, value, proof } of answer.storageProof) {
    const slot = `0x${BigInt(key).toString(16).padStart(64, "0")}`;
    const proven = provenValue(answer.storageHash, slot, proof);
    const decoded = proven === null ? 0n : BigInt(fromRlp(hexToBytes(proven), "hex") || "0x0");
    if (decoded !== BigInt(value)) throw new Error(`slot ${key}: proved ${decoded}, answered ${value}`);
  }
}
