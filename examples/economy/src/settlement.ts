// Settlement of an epoch: the draws, a proposal with its witnesses, its payment, and the same payment computed here.
import {
  encodeAbiParameters,
  hexToBytes,
  keccak256,
  parseAbiParameters,
  parseEventLogs,
  stringToHex,
  type Hex,
} from "viem";
import type { Call, Sibling } from "./calls.js";
import { claimVault, epochScoring, epochSettlement, inferenceRouter, validatorStaking } from "./contracts.js";
import { OWNER_BPS, VALIDATOR, type Contribution } from "./datanet.js";
import { WORKER, type Books, type Fee } from "./inference.js";
import { BASE_BPS, type SketchSet } from "./release.js";
import { Ridge, type Witness } from "./ridge.js";
import { ensure, only, ROLES, VALIDATORS, type World } from "./world.js";

const DRAWS = 16;
/** Blocks from the one that closes an epoch to the one whose hash is its seed. */
const SEED_DELAY = 2n;
const BPS = 10_000n;
const UNITS = 10n ** 18n;
const NOTHING: Draw = { requestId: `0x${"00".repeat(32)}`, price: 0n, sketches: [], proof: [] };
/** Clusters that one call of `finalize` pays: more than the example has. */
const PAGE = 64n;

/** What a proposal is encoded as: docs/spec/protocol.md, Settlement of an epoch. */
const SCORES = parseAbiParameters([
  "Scores scores",
  "struct Scores { Draw[] draws; Witnesses[] witnesses; }",
  "struct Draw { bytes32 requestId; uint128 price; bytes[] sketches; Sibling[] proof; }",
  "struct Sibling { bytes32 hash; uint128 sum; bool isLeft; }",
  "struct Witnesses { bytes[] x; uint8[] shift; }",
]);
const RESULT = parseAbiParameters([
  "Result result",
  "struct Result { uint32[] clusters; int128[] sums; uint64[] shares; }",
]);

interface Draw {
  requestId: Hex;
  price: bigint;
  sketches: readonly Hex[];
  proof: readonly Sibling[];
}
interface Result {
  clusters: readonly number[];
  sums: readonly bigint[];
  shares: readonly bigint[];
}

/** An adapter with one sketch set, and what is needed to settle its epochs. */
export interface Settled {
  adapter: bigint;
  set: SketchSet;
  books: Books;
  accepted: Required<Contribution>[];
  /** Each cluster's running score and its maximum, over the epochs that were settled. */
  running: Map<number, { score: bigint; best: bigint }>;
}

/** Closes an epoch, if nobody did, and settles it for an adapter. */
export async function settleEpoch(world: World, settled: Settled, epoch: bigint, fees: Fee[]) {
  const { chain, as, log } = world;
  const { adapter } = settled;
  await closeEpoch(world, epoch);
  const { scores, shown } = await makeScores(world, settled, epoch);
  // The chain itself says what follows from them: a proposal that it wouldn't agree with would cost its bond.
  const [isValid, result] = await chain.client.readContract({
    ...epochScoring,
    functionName: "compute",
    args: [epoch, adapter, 0, scores, 0n],
  });
  ensure(isValid, "every draw is the fee log's, and every witness is accepted");
  const hashes = [keccak256(encodeAbiParameters(RESULT, [result]))];
  const bond = await parameter(world, "proposalBond");
  await as.proposer.send(epochSettlement, "propose", [epoch, adapter, scores, hashes], { value: bond });
  world.ledger.owe("proposer", "bond", bond, `bond of a proposal for epoch ${epoch}`);
  log(`epoch ${epoch}: a proposal stands, with ${shown} of ${DRAWS} draws scored`);

  await chain.untilTime(async () => (await settlementOf(world, epoch, adapter)).deadline + 1);
  const receipt = await as.proposer.send(epochSettlement, "finalize", [epoch, adapter, hashes, result, PAGE]);
  const { pool, paid } = await settlementOf(world, epoch, adapter);
  const expected = await expect(world, settled, epoch, fees, result, pool);
  const logs = parseEventLogs({ abi: epochSettlement.abi, logs: receipt.logs, eventName: "ClusterPaid" });
  ensure(paid === expected, "contributors were paid what was computed here");
  ensure(logs.reduce((sum, { args }) => sum + args.paid, 0n) === paid, "the events say the same");
  log(`epoch ${epoch}: paid`);

  // What the worker was held for is its own now.
  await as.worker.send(inferenceRouter, "release", [epoch, adapter, as.worker.address]);
}

/** Brings what stakers earned into the vault. Returns what division left over. */
export async function takeRewards({ chain, as, ledger }: World, count: boolean): Promise<bigint> {
  const operators = [...VALIDATORS.map((name) => [name, VALIDATOR] as const), ["worker", WORKER] as const];
  for (const [name, role] of operators) {
    const { address } = as[name];
    const receipt = await as.proposer.send(validatorStaking, "claimRewards", [role, address, address]);
    const logs = parseEventLogs({ abi: validatorStaking.abi, logs: receipt.logs, eventName: "RewardsClaimed" });
    const amount = logs.reduce((sum, { args }) => sum + args.amount, 0n);
    if (count) ledger.owe(name, "earned", amount, "reward of stake");
  }
  const [, rewards] = await chain.client.readContract({ ...validatorStaking, functionName: "holdings" });
  return rewards;
}

/** Claims for everybody who is owed something. Anyone may; the OPEN goes to whom it is owed. */
export async function claimForAll({ as }: World) {
  await as.council.send(claimVault, "claimForMany", [ROLES.map((name) => as[name].address)]);
}

/** What the vault owes somebody. */
export const claimable = ({ chain, as }: World, name: (typeof ROLES)[number]) =>
  chain.client.readContract({ ...claimVault, functionName: "claimable", args: [as[name].address] });

async function closeEpoch({ chain, as }: World, epoch: bigint) {
  const read = { ...inferenceRouter, args: [epoch] } as const;
  const closedAt = () => chain.client.readContract({ ...read, functionName: "closedAt" });
  await chain.untilTime(() => chain.client.readContract({ ...read, functionName: "endsAt" }));
  if ((await closedAt())[0] === 0n) await as.proposer.send(inferenceRouter, "closeEpoch", []);
  const [closed] = await closedAt();
  await chain.untilBlock(closed + SEED_DELAY);
  const seed = await chain.client.readContract({ ...epochSettlement, functionName: "seedOf", args: [epoch] });
  if (BigInt(seed) === 0n) await as.proposer.send(epochSettlement, "drawSeed", [epoch]);
}

/** The draws as the worker's books have them, with a witness for each. */
async function makeScores({ chain }: World, { adapter, set, books }: Settled, epoch: bigint) {
  const ridge = new Ridge(set.rows, Number(set.lambda));
  const draws: Draw[] = [];
  const witnesses: (Witness | undefined)[] = [];
  for (let i = 0; i < DRAWS; i++) {
    const offset = await chain.client.readContract({
      ...epochScoring,
      functionName: "drawOffset",
      args: [epoch, adapter, BigInt(i)],
    });
    const [entry, start] = await chain.client.readContract({
      ...inferenceRouter,
      functionName: "entryAt",
      args: [epoch, adapter, offset],
    });
    const book = books.get(entry.root);
    ensure(book !== undefined, "the worker has shown the calls");
    const place = placeOf(book.calls, entry.paidBefore + offset - start);
    const { requestId, price, sketches } = book.calls[place];
    const witness = ridge.witness(new Int8Array(hexToBytes(sketches[0]).buffer));
    witnesses.push(witness);
    draws.push(witness ? { requestId, price, sketches, proof: book.proofs[place] } : NOTHING);
  }
  const x = witnesses.map((witness) => witness?.x ?? "0x");
  const shift = witnesses.map((witness) => witness?.shift ?? 0);
  const scores = encodeAbiParameters(SCORES, [{ draws, witnesses: [{ x, shift }] }]);
  return { scores, shown: witnesses.filter(Boolean).length };
}

/** The call that covers a wei of a channel's tree. */
function placeOf(calls: Call[], wei: bigint): number {
  let end = 0n;
  return calls.findIndex(({ price }) => (end += price) > wei);
}

/** Who gets what of an epoch, in integers as the contracts have them. Returns what the contributors get. */
async function expect(world: World, settled: Settled, epoch: bigint, fees: Fee[], result: Result, pool: bigint) {
  const { chain, ledger } = world;
  const split = await chain.client.readContract({ ...inferenceRouter, functionName: "splitOf", args: [epoch] });
  const sum = (of: (fee: Fee) => bigint) => fees.reduce((total, fee) => total + of(fee), 0n);
  // Each price is divided by itself, all parts but the contributors' rounded down.
  const part = (bps: number) => sum(({ price }) => (price * BigInt(bps)) / BPS);
  const [platform, model, adapters, stakers] = [split.platform, split.model, split.adapters, split.stakers].map(part);
  const contributors = sum(({ price }) => price) - platform - model - adapters - stakers;
  ensure(pool >= contributors, "the pool is this epoch's part, and what was carried to it");

  const toBase = (adapters * BigInt(BASE_BPS)) / BPS;
  const reward = (stakers * (await parameter(world, "proposerBps"))) / BPS;
  ledger.owe("worker", "earned", platform + sum((fee) => fee.platformFees), `platform's part of epoch ${epoch}`);
  ledger.owe("modeller", "earned", model + toBase, `royalties of epoch ${epoch}`);
  ledger.owe("developer", "earned", adapters - toBase, `royalties of epoch ${epoch}`);
  ledger.owe("proposer", "earned", reward, `reward of a proposal for epoch ${epoch}`);

  let paid = 0n;
  result.clusters.forEach((cluster, c) => {
    const earned = (pool * result.shares[c]) / UNITS;
    const amount = raise(settled.running, cluster, result.sums[c], earned);
    const { who } = only(settled.accepted.filter((contribution) => contribution.cluster === cluster));
    const toOwner = (amount * OWNER_BPS) / BPS;
    ledger.owe(who, "earned", amount - toOwner, `cluster ${cluster}, ${percent(result.shares[c])} of epoch ${epoch}`);
    ledger.owe("owner", "earned", toOwner, `a tenth of cluster ${cluster}`);
    paid += amount;
  });
  return paid;
}

/** Of what a cluster earned, the part by which its running score rose above its earlier maximum. */
function raise(running: Settled["running"], cluster: number, sum: bigint, earned: bigint): bigint {
  const { score, best } = running.get(cluster) ?? { score: 0n, best: 0n };
  const now = score + sum;
  running.set(cluster, { score: now, best: now > best ? now : best });
  return now > best ? (earned * (now - best)) / sum : 0n;
}

const percent = (share: bigint) => `${(Number((share * 10_000n) / UNITS) / 100).toFixed(2)} %`;

const settlementOf = ({ chain }: World, epoch: bigint, adapter: bigint) =>
  chain.client.readContract({ ...epochSettlement, functionName: "settlementOf", args: [epoch, adapter] });

const parameter = ({ chain }: World, name: string) =>
  chain.client.readContract({
    ...epochSettlement,
    functionName: "parameter",
    args: [stringToHex(name, { size: 32 })],
  });
