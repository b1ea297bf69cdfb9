// The whole economy, step by step: data, review, a model, an adapter, paid calls, settlement, claims. Every sum is computed
// here too, and must be the chain's to the wei.
import { formatEther, parseEther } from "viem";
import { connect } from "./chain.js";
import { epochSettlement } from "./contracts.js";
import { contribute, createDatanet, registerValidators, review, type Contribution } from "./datanet.js";
import { feesOf, prompts, registerWorker, request, useChannel, type Books } from "./inference.js";
import { makeBase, makeTable } from "./model.js";
import { proposeModel, registerAdapter, release, trainAdapter } from "./release.js";
import { claimable, claimForAll, settleEpoch, takeRewards, type Settled } from "./settlement.js";
import { ensure, makeWorld, ROLES, type Ledger, type World } from "./world.js";

const ROWS = 6;
const CALLS = 48;
/** What everybody needs: stakes, bonds, gas. */
const LEAST = parseEther("200");

/** Runs it against a node with the local chain's accounts. Throws if a sum isn't right. */
export async function journey(rpcUrl: string, log: (line: string) => void = () => {}): Promise<Ledger> {
  const world = makeWorld(await connect(rpcUrl), log);
  const { chain, as, ledger } = world;
  for (const name of ROLES) {
    const balance = await chain.client.getBalance({ address: as[name].address });
    ensure(balance >= LEAST, `${name} has OPEN: a chain with ${ROLES.length} accounts (openledger dev --accounts 16)`);
  }
  await registerValidators(world);
  await registerWorker(world);
  // A chain on which this ran before: nobody is owed anything when it begins.
  const rewardsBefore = await takeRewards(world, false);
  await claimForAll(world);

  // Six people contribute: dan sends noise, fay a copy of what ana has.
  const datanet = await createDatanet(world);
  const model = await proposeModel(world, datanet, 4);
  const seed = (await chain.client.getBlock()).number ?? 0n;
  const contributions: Contribution[] = [
    { who: "ana", csv: makeTable(seed * 8n, [0, 1], ROWS) },
    { who: "ben", csv: makeTable(seed * 8n + 1n, [1, 2], ROWS) },
    { who: "cleo", csv: makeTable(seed * 8n + 2n, [2, 0], ROWS) },
    { who: "dan", csv: makeNoise(seed * 8n + 3n) },
    { who: "eva", csv: makeTable(seed * 8n + 4n, [3], 2 * ROWS) },
  ];
  contributions.push({ who: "fay", csv: contributions[0].csv });
  await contribute(world, datanet, contributions);
  const noise = contributions[3].csv;
  const accepted = await review(world, datanet, contributions, (csv) => (csv === noise ? 10 : 80));

  const base = makeBase(1612n);
  const baseId = await release(world, model, base, ["ana", "ben", "eva"]);
  const { adapter: weights, set } = await trainAdapter(world, datanet, base, accepted);
  const adapter = await registerAdapter(world, datanet, baseId, set, weights);

  const books: Books = new Map();
  const served = { base, adapter: weights, set };
  const [first, ...others] = prompts(seed, CALLS + 1);
  const paying = [
    await request(world, adapter, served, first, books),
    await useChannel(world, adapter, served, others, books),
  ];
  await chain.untilBlock((await chain.client.getBlock()).number ?? 0n);
  const fees = await feesOf(world, paying);

  // Both joined one epoch, unless one ended just between them.
  const settled: Settled = { adapter, set, books, accepted, running: new Map() };
  const epochs = [...new Set(fees.map(({ epoch }) => epoch))];
  for (const epoch of epochs) {
    await settleEpoch(
      world,
      settled,
      epoch,
      fees.filter((fee) => fee.epoch === epoch),
    );
  }
  const rewardsLeft = (await takeRewards(world, true)) - rewardsBefore;
  const [carried] = await chain.client.readContract({ ...epochSettlement, functionName: "carriedOf", args: [adapter] });

  const spent = fees.reduce((sum, { price, platformFees }) => sum + price + platformFees, 0n);
  const earned = ledger.total(undefined, "earned");
  ensure(spent === earned + rewardsLeft + carried, "what was paid is what was earned, and what is carried over");
  log(`${formatEther(spent)} OPEN were paid, ${formatEther(carried)} of them are carried over to the next epoch`);
  await claim(world);
  return ledger;
}

/** Claims for everybody; each gets what was computed here. */
async function claim(world: World) {
  const { chain, as, ledger } = world;
  const balances = () => Promise.all(ROLES.map((name) => chain.client.getBalance({ address: as[name].address })));
  for (const name of ROLES) {
    ensure((await claimable(world, name)) === ledger.total(name), `${name} is owed what was computed here`);
  }
  const before = await balances();
  await claimForAll(world);
  const after = await balances();
  ROLES.forEach((name, i) => {
    // The council pays for the transaction.
    if (name === "council") return;
    ensure(after[i] - before[i] === ledger.total(name), `${name} got what was owed`);
  });
}

/** A table that says nothing: its points are of no kind. */
function makeNoise(seed: bigint): string {
  const [header, ...rows] = makeTable(seed, [7], 2 * ROWS)
    .trim()
    .split("\n");
  return [header, ...rows.map((row, i) => row.replace(/,7$/, `,${i % 4}`)), ""].join("\n");
}
