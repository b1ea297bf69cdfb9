// From data to something that can be paid for: a model's stages, the rows of a sketch set, and an adapter in the market.
import { bytesToHex, concat, keccak256, parseEther, parseEventLogs, stringToHex } from "viem";
import { merkleRoot } from "./bytes.js";
import { adapterMarket, gOpen, loraPrecompile, modelRegistry, sketchPrecompile } from "./contracts.js";
import { describe } from "./content.js";
import { LICENCE, newSalt, type Contribution, type Datanet } from "./datanet.js";
import { describeAdapter, describeBase, safetensors } from "./lora.js";
import { gradient, readTable, train, type Adapter } from "./model.js";
import { chooseProjection, DIM, projectRow, record, type Projection } from "./sketch.js";
import { ensure, only, type Role, type World } from "./world.js";

const STAGE_LIVE = 5;
const NAME = "points";
const GATHER_SECONDS = 600;
const TUNE_SECONDS = 600;
const FEEDBACK_SECONDS = 10;
const VOTES = parseEther("20");
/** A sketch set's seed is drawn two blocks after it was opened; an adapter registered two after the commitment. */
const BLOCKS_BETWEEN = 2n;
/** The base gets a tenth of what flows into the adapter. */
export const BASE_BPS = 1000;
export const PRICE_IN = parseEther("2");
export const PRICE_OUT = parseEther("10");

/** A sealed set, with what a worker needs to sketch queries and a proposer to solve for them. */
export interface SketchSet {
  id: bigint;
  seed: bigint;
  lambda: bigint;
  projection: Projection;
  rows: Int8Array[];
}

/** Proposes a model over a Datanet, which the council approves. */
export async function proposeModel({ chain, as, log }: World, datanet: Datanet, clusters: number): Promise<bigint> {
  const hash = (what: string) => keccak256(stringToHex(what));
  const stake = await chain.client.readContract({
    ...modelRegistry,
    functionName: "parameter",
    args: [stringToHex("stake", { size: 32 })],
  });
  const proposal = {
    purpose: hash("tells points apart"),
    architecture: hash("a matrix of four rows and eight columns"),
    base: hash("seed 1612"),
    useCase: hash("an example"),
    datanets: [datanet.id],
    clusters,
    gatherSeconds: GATHER_SECONDS,
    tuneSeconds: TUNE_SECONDS,
    feedbackSeconds: FEEDBACK_SECONDS,
  };
  const receipt = await as.modeller.send(modelRegistry, "propose", [proposal, "ipfs://model"], { value: stake });
  const { args } = only(parseEventLogs({ abi: modelRegistry.abi, logs: receipt.logs, eventName: "ModelProposed" }));
  await as.council.send(modelRegistry, "decide", [args.model, true]);
  log(`model ${args.model} is proposed and approved: it wants ${clusters} accepted clusters`);
  return args.model;
}

/** Brings a model from gathering to live: the base is registered, voters judge it by signatures. Returns the base's id. */
export async function release(world: World, model: bigint, base: number[], voters: Role[]): Promise<bigint> {
  const { chain, as, ledger, log } = world;
  await as.modeller.send(modelRegistry, "beginTuning", [model]);
  // Votes count as they were the second before feedback begins.
  for (const name of voters) await as[name].send(gOpen, "deposit", [], { value: VOTES });
  const { number } = await chain.client.getBlock();
  await chain.untilBlock((number ?? 0n) + 1n);

  const { proposal, stake } = await modelAt(world, model);
  const artefact = keccak256(bytesToHex(new Uint8Array(new Float64Array(base).buffer)));
  const described = describeBase(NAME, proposal.architecture, LICENCE);
  const receipt = await as.modeller.send(modelRegistry, "submitArtefact", [model, artefact, described, "ipfs://base"]);
  const { args } = only(parseEventLogs({ abi: modelRegistry.abi, logs: receipt.logs, eventName: "ArtefactSubmitted" }));

  const domain = { name: "ModelRegistry", version: "1", verifyingContract: modelRegistry.address } as const;
  const types = {
    Feedback: [
      { name: "model", type: "uint256" },
      { name: "score", type: "uint8" },
    ],
  } as const;
  for (const [i, name] of voters.entries()) {
    const score = 70 + i;
    // The voter only signs; anyone brings it.
    const signature = await as[name].signTypedData({
      domain: { ...domain, chainId: chain.client.chain.id },
      types,
      primaryType: "Feedback",
      message: { model, score },
    });
    await as.developer.send(modelRegistry, "giveFeedback", [model, as[name].address, score, signature]);
  }
  await chain.untilTime(async () => (await modelAt(world, model)).until + 1);
  await as.developer.send(modelRegistry, "conclude", [model]);
  const { stage } = await modelAt(world, model);
  ensure(stage === STAGE_LIVE, "the model is live");
  ledger.owe("modeller", "bond", stake, `stake of model ${model}`);
  log(`model ${model} is live, its base has the id ${args.base}`);
  return args.base;
}

/** Trains an adapter on the accepted tables, and seals a set with a row for each example: its gradient, sketched. */
export async function trainAdapter(world: World, datanet: Datanet, base: number[], accepted: Required<Contribution>[]) {
  const { chain, as, log } = world;
  const ordered = [...accepted].sort((one, other) => one.cluster - other.cluster);
  const examples = ordered.flatMap(({ cluster, csv }) => readTable(csv).map((example) => ({ cluster, ...example })));
  const adapter = train(base, examples, 7n);
  const gradients = examples.map((example) => gradient(base, adapter, example));

  // The data is fixed before the seed is known, so that nobody fits it to the seed.
  const projection = chooseProjection(gradients);
  const dataRoot = merkleRoot(ordered.map(({ csv }) => describe(csv, newSalt(), "").dataRoot));
  const opened = await as.developer.send(sketchPrecompile, "openSet", [
    datanet.space,
    DIM,
    0,
    projection.normCap2,
    projection.fracBits,
    projection.shift,
    0,
    dataRoot,
  ]);
  const { args } = only(parseEventLogs({ abi: sketchPrecompile.abi, logs: opened.logs, eventName: "SetOpened" }));
  const id = args.setId;
  await chain.untilBlock(opened.blockNumber + BLOCKS_BETWEEN - 1n);
  await as.developer.send(sketchPrecompile, "drawSeed", [id]);
  const { seed } = await headerOf(world, id);
  const rows = gradients.map((each) => projectRow(each, projection, seed));
  const records = concat(rows.map((row, i) => record(examples[i].cluster, examples[i].kind, row)));
  await as.developer.send(sketchPrecompile, "appendRows", [id, records]);
  await as.developer.send(sketchPrecompile, "seal", [id]);
  const { lambda } = await headerOf(world, id);
  log(`an adapter is trained on ${rows.length} examples; sketch set ${id} has a row for each`);
  return { adapter, set: { id, seed, lambda, projection, rows } satisfies SketchSet };
}

/** Registers an adapter's file under a base, and lists it with prices. Returns its id. */
export async function registerAdapter(world: World, datanet: Datanet, base: bigint, set: SketchSet, adapter: Adapter) {
  const { chain, as, log } = world;
  const file = safetensors(adapter);
  const salt = newSalt();
  const terms = { base, baseBps: BASE_BPS, space: datanet.space, sketchSet: set.id, licence: LICENCE };
  const described = describeAdapter(file, as.developer.address, salt, terms);
  const committed = await as.developer.send(loraPrecompile, "commitAdapter", [described.commitment]);
  await chain.untilBlock(committed.blockNumber + BLOCKS_BETWEEN - 1n);
  const receipt = await as.developer.send(loraPrecompile, "registerAdapter", [described.adapter, file.header, salt]);
  const { args } = only(
    parseEventLogs({ abi: loraPrecompile.abi, logs: receipt.logs, eventName: "AdapterRegistered" }),
  );
  await as.developer.send(adapterMarket, "list", [args.id, PRICE_IN, PRICE_OUT, "ipfs://adapter"]);
  log(`adapter ${args.id} is registered with ${args.params} parameters, and listed`);
  return args.id;
}

const modelAt = ({ chain }: World, model: bigint) =>
  chain.client.readContract({ ...modelRegistry, functionName: "modelAt", args: [model] });

const headerOf = ({ chain }: World, id: bigint) =>
  chain.client.readContract({ ...sketchPrecompile, functionName: "header", args: [id] });
