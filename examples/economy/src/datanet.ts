// A Datanet: created, contributed to by commit, reveal and settle, reviewed by validators.
import {
  encodeAbiParameters,
  keccak256,
  parseAbiParameters,
  parseEther,
  parseEventLogs,
  stringToHex,
  zeroAddress,
  zeroHash,
  type Hex,
} from "viem";
import { generatePrivateKey } from "viem/accounts";
import { clusterReview, datanetRegistry, validatorStaking } from "./contracts.js";
import { commitment, describe, type Content } from "./content.js";
import { ensure, only, roleOf, VALIDATORS, type Role, type World } from "./world.js";

/** `IDatanetRegistry.DataType`, `Access`, `ContributionStatus`, `Outcome`, and `IValidatorStaking.Role`. */
const TABLE = 1;
const PUBLIC = 0;
const CLUSTERED = 4;
const ACCEPTED = 1;
export const VALIDATOR = 0;

/** Reveals are taken from two blocks after the commitment on, settlement from 51 blocks. */
const REVEAL_AFTER = 2n;
const SETTLE_AFTER = 51n;

export const OWNER_BPS = 1000n;
export const LICENCE = keccak256(stringToHex("CC-BY-4.0"));
const ADAPTER_LICENCE = keccak256(stringToHex("Apache-2.0"));
const CONTRIBUTION_BOND = parseEther("0.05");
/** Whose stake is below the least can't be drawn; `parameter` says how much that is. */
const VALIDATOR_STAKE = parseEther("100");

export interface Datanet {
  id: bigint;
  space: Hex;
}

/** A contribution, as its contributor keeps it. */
export interface Contribution {
  who: Role;
  csv: string;
  /** The cluster that it began; a duplicate has none. */
  cluster?: number;
}

/** A random word: what nobody may guess before it is revealed. */
export const newSalt = (): Hex => generatePrivateKey();

/** Makes whoever reviews a validator, unless he is one already. */
export async function registerValidators({ chain, as, log }: World) {
  for (const name of VALIDATORS) {
    const registered = await chain.client.readContract({
      ...validatorStaking,
      functionName: "isActive",
      args: [VALIDATOR, as[name].address],
    });
    if (registered) continue;
    await as[name].send(validatorStaking, "register", [VALIDATOR, 0], { value: VALIDATOR_STAKE });
    log(`${name} is a validator`);
  }
}

/** Creates a Datanet of tables that anybody may contribute to. */
export async function createDatanet({ chain, as, log }: World): Promise<Datanet> {
  const bond = await chain.client.readContract({
    ...datanetRegistry,
    functionName: "parameter",
    args: [stringToHex("datanetBond", { size: 32 })],
  });
  const terms = {
    dataType: TABLE,
    access: PUBLIC,
    ownerBps: Number(OWNER_BPS),
    contributionBond: CONTRIBUTION_BOND,
    licence: LICENCE,
    allowRoot: zeroHash,
    checker: zeroAddress,
    adapterLicences: [ADAPTER_LICENCE],
    reviewers: [],
  };
  const receipt = await as.owner.send(datanetRegistry, "create", [terms, "ipfs://points"], { value: bond });
  const { args } = only(parseEventLogs({ abi: datanetRegistry.abi, logs: receipt.logs, eventName: "DatanetCreated" }));
  log(`Datanet ${args.datanet}: tables of points, a tenth of what they earn is the owner's`);
  return { id: args.datanet, space: args.space };
}

/** Contributes tables: all are committed to, then revealed, then settled in the order of the commitments. */
export async function contribute(world: World, datanet: Datanet, contributions: Contribution[]) {
  const { chain, as, ledger, log } = world;
  const committed: { mine: Contribution; number: bigint; content: Content; block: bigint }[] = [];
  for (const mine of contributions) {
    const content = describe(mine.csv, newSalt(), `ipfs://points/${mine.who}`);
    const h = commitment(datanet.space, as[mine.who].address, content);
    const receipt = await as[mine.who].send(datanetRegistry, "commit", [datanet.id, h, "0x"], {
      value: CONTRIBUTION_BOND,
    });
    const logs = parseEventLogs({ abi: datanetRegistry.abi, logs: receipt.logs, eventName: "ContributionCommitted" });
    committed.push({ mine, number: only(logs).args.contribution, content, block: receipt.blockNumber });
  }
  const newest = committed[committed.length - 1].block;

  await chain.untilBlock(newest + REVEAL_AFTER - 1n);
  for (const { mine, number, content } of committed) {
    await as[mine.who].send(datanetRegistry, "reveal", [datanet.id, number, content]);
  }

  await chain.untilBlock(newest + SETTLE_AFTER - 1n);
  await as.owner.send(datanetRegistry, "settle", [datanet.id, committed.length]);
  for (const { mine, number } of committed) {
    const settled = await chain.client.readContract({
      ...datanetRegistry,
      functionName: "contributionAt",
      args: [datanet.id, number],
    });
    if (settled.status === CLUSTERED) {
      mine.cluster = settled.cluster;
      log(`${mine.who}'s table is cluster ${settled.cluster}`);
    } else {
      ledger.owe(mine.who, "bond", CONTRIBUTION_BOND, "bond of a duplicate, which owns nothing");
      log(`${mine.who}'s table is a duplicate`);
    }
  }
}

/**
 * Reviews the clusters: a panel of validators is drawn for each, commits to scores and reveals them. Returns the accepted
 * ones once nobody can appeal any more.
 */
export async function review(world: World, datanet: Datanet, made: Contribution[], scoreOf: (csv: string) => number) {
  const { chain, as, ledger, log } = world;
  const clusters = made.filter(({ cluster }) => cluster !== undefined) as Required<Contribution>[];
  for (const { cluster, csv } of clusters) {
    const { drawBlock } = await reviewOf(world, datanet, cluster);
    await chain.untilBlock(BigInt(drawBlock));
    const receipt = await as.owner.send(clusterReview, "drawPanel", [datanet.id, cluster]);
    const logs = parseEventLogs({ abi: clusterReview.abi, logs: receipt.logs, eventName: "PanelDrawn" });
    const score = scoreOf(csv);
    const votes = only(logs).args.panel.map((reviewer) => ({ reviewer, salt: newSalt() }));
    for (const { reviewer, salt } of votes) {
      const choice = keccak256(
        encodeAbiParameters(parseAbiParameters("address, uint8, bytes32"), [reviewer, score, salt]),
      );
      await as[roleOf(world, reviewer)].send(clusterReview, "commitReview", [
        datanet.id,
        cluster,
        reviewer,
        choice,
        "0x",
      ]);
    }
    for (const { reviewer, salt } of votes) {
      await as.owner.send(clusterReview, "revealReview", [datanet.id, cluster, reviewer, score, salt]);
    }
    await as.owner.send(clusterReview, "closeReview", [datanet.id, cluster]);
  }
  const accepted: Required<Contribution>[] = [];
  for (const contribution of clusters) {
    const { cluster, who } = contribution;
    await chain.untilTime(async () => (await reviewOf(world, datanet, cluster)).until + 1);
    await as.owner.send(clusterReview, "finalizeReview", [datanet.id, cluster]);
    const { outcome } = await reviewOf(world, datanet, cluster);
    if (outcome === ACCEPTED) {
      accepted.push(contribution);
      ledger.owe(who, "bond", CONTRIBUTION_BOND, `bond of cluster ${cluster}`);
    }
    log(`cluster ${cluster} is ${outcome === ACCEPTED ? "accepted" : "rejected: its bond is burnt"}`);
  }
  ensure(accepted.length > 0, "a cluster was accepted");
  return accepted;
}

const reviewOf = ({ chain }: World, datanet: Datanet, cluster: number) =>
  chain.client.readContract({ ...clusterReview, functionName: "reviewOf", args: [datanet.id, cluster] });
