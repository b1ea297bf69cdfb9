// Paid calls: a request with escrow, and a channel whose calls are paid for by vouchers, settled in one transaction.
import { keccak256, parseEther, parseEventLogs, recoverTypedDataAddress, stringToHex, type Hex } from "viem";
import { random } from "./bytes.js";
import {
  callNonce,
  leafHash,
  requestIdOf,
  sketchHash,
  sumTree,
  voucherDomain,
  voucherTypes,
  type Call,
  type Sibling,
} from "./calls.js";
import { adapterMarket, inferenceRouter, validatorStaking, voucherChannels } from "./contracts.js";
import { newSalt } from "./datanet.js";
import { FEATURES, gradient, KINDS, point, predict, type Adapter } from "./model.js";
import type { SketchSet } from "./release.js";
import { project, toHex } from "./sketch.js";
import { ensure, only, type World } from "./world.js";

/** `IValidatorStaking.Role`. */
export const WORKER = 1;
const TOKENS_IN = FEATURES;
const TOKENS_OUT = 1;
/** What the payer of a request allows, most of which isn't used. */
const TOKENS_OUT_MAX = 4;
const PLATFORM_FEE = parseEther("0.001");
const LOCK = parseEther("5");
const VOUCHER_SECONDS = 3600n;
/** More than these calls need, whether or not an epoch ends just before them. */
const FEE_GAS = 1_000_000n;

/** What answers: the base, the adapter's weights, and the set that its queries are sketched for. */
export interface Served {
  base: number[];
  adapter: Adapter;
  set: SketchSet;
}

/** The part of an epoch's fee log that came from one transaction. */
export interface Fee {
  epoch: bigint;
  price: bigint;
  platformFees: bigint;
}

/** What the worker keeps: the calls behind each root in the fee log, with their proofs; it shows them to who proposes. */
export type Books = Map<Hex, { calls: Call[]; proofs: Sibling[][] }>;

interface Answer {
  promptHash: Hex;
  outputHash: Hex;
  sketches: Hex[];
}

/** Puts up a worker's stake, unless there is one, and says what it asks for a request. */
export async function registerWorker({ chain, as }: World) {
  const worker = as.worker.address;
  const active = await chain.client.readContract({
    ...validatorStaking,
    functionName: "isActive",
    args: [WORKER, worker],
  });
  if (!active) {
    const least = stringToHex("workerStakeMin", { size: 32 });
    const value = await chain.client.readContract({ ...validatorStaking, functionName: "parameter", args: [least] });
    await as.worker.send(validatorStaking, "register", [WORKER, 0], { value });
  }
  await as.worker.send(inferenceRouter, "setPlatformFee", [worker, PLATFORM_FEE]);
}

/** Prompts of all kinds in turn. */
export function prompts(seed: bigint, count: number): string[] {
  const { normal } = random(seed);
  return [...Array(count).keys()].map((i) => point(i % KINDS, normal).join(","));
}

/** One call with its own escrow: asked for, answered, what wasn't used given back. Returns the transaction that paid. */
export async function request(
  world: World,
  adapter: bigint,
  served: Served,
  prompt: string,
  books: Books,
): Promise<Hex> {
  const { chain, as, ledger, log } = world;
  const [most, platformFee] = await chain.client.readContract({
    ...inferenceRouter,
    functionName: "quote",
    args: [adapter, as.worker.address, TOKENS_IN, TOKENS_OUT_MAX],
  });
  const { promptHash, outputHash, sketches } = answer(served, prompt);
  const nonce = BigInt(newSalt());
  await as.payer.send(
    inferenceRouter,
    "request",
    [adapter, as.worker.address, TOKENS_IN, TOKENS_OUT_MAX, promptHash, nonce],
    { value: most + platformFee },
  );
  const requestId = requestIdOf(chain.client.chain.id, as.payer.address, nonce);
  const receipt = await as.worker.send(
    inferenceRouter,
    "fulfil",
    [requestId, TOKENS_OUT, outputHash, sketchHash(sketches)],
    { gas: FEE_GAS },
  );
  const logs = parseEventLogs({ abi: inferenceRouter.abi, logs: receipt.logs, eventName: "Fulfilled" });
  const call = { requestId, price: only(logs).args.price, sketches };
  books.set(leafHash(call), { calls: [call], proofs: [[]] });
  ledger.owe("payer", "change", most - call.price, "tokens that a request didn't use");
  log("a request is fulfilled");
  return receipt.transactionHash;
}

/** Opens a channel, makes calls of which each is paid for by a voucher, and settles the last voucher, in the transaction returned. */
export async function useChannel(
  world: World,
  adapter: bigint,
  served: Served,
  asked: string[],
  books: Books,
): Promise<Hex> {
  const { chain, as, ledger, log } = world;
  const chainId = chain.client.chain.id;
  const [payer, payee] = [as.payer.address, as.worker.address];
  const opened = await as.payer.send(voucherChannels, "openChannel", [payee, adapter, PLATFORM_FEE, newSalt()], {
    value: LOCK,
  });
  const { args } = only(parseEventLogs({ abi: voucherChannels.abi, logs: opened.logs, eventName: "ChannelOpened" }));
  const price = await chain.client.readContract({
    ...adapterMarket,
    functionName: "quote",
    args: [adapter, BigInt(TOKENS_IN), BigInt(TOKENS_OUT)],
  });
  const { timestamp } = await chain.client.getBlock();

  const calls: Call[] = [];
  let newest: { voucher: Awaited<ReturnType<typeof nextVoucher>>; signature: Hex } | undefined;
  const nextVoucher = async () => ({
    channel: args.channel,
    payer,
    payee,
    cumulative: BigInt(calls.length) * (price + PLATFORM_FEE),
    count: BigInt(calls.length),
    leavesRoot: sumTree(calls).root,
    expiry: timestamp + VOUCHER_SECONDS,
  });
  for (const prompt of asked) {
    const { promptHash, outputHash, sketches } = answer(served, prompt);
    const nonce = callNonce(args.channel, calls.length + 1, promptHash, outputHash);
    calls.push({ requestId: requestIdOf(chainId, payer, nonce), price, sketches });
    // The payer signs; the worker looks at it before it answers, and keeps the newest. None of it is on chain.
    const typed = { domain: voucherDomain(chainId), types: voucherTypes, primaryType: "Voucher" } as const;
    const voucher = await nextVoucher();
    const signature = await as.payer.signTypedData({ ...typed, message: voucher });
    const signer = await recoverTypedDataAddress({ ...typed, message: voucher, signature });
    ensure(signer === payer && voucher.cumulative <= LOCK, "the voucher is the payer's, and within the lock");
    newest = { voucher, signature };
  }
  ensure(newest !== undefined, "there was a call");

  const receipt = await as.worker.send(voucherChannels, "settle", [newest.voucher, newest.signature], { gas: FEE_GAS });
  const { root, proofs } = sumTree(calls);
  books.set(root, { calls, proofs });
  await as.worker.send(voucherChannels, "closeChannel", [args.channel]);
  ledger.owe("payer", "change", LOCK - newest.voucher.cumulative, "what a channel's calls didn't use");
  log(`${calls.length} calls of a channel are settled by one voucher`);
  return receipt.transactionHash;
}

/** What the model says, and the query's sketch: the gradient of that answer's loss. */
function answer({ base, adapter, set }: Served, prompt: string): Answer {
  const x = prompt.split(",").map(Number);
  const likelihoods = predict(base, adapter, x);
  const kind = likelihoods.indexOf(Math.max(...likelihoods));
  const query = project(gradient(base, adapter, { x, kind }), set.projection, set.seed);
  return {
    promptHash: keccak256(stringToHex(prompt)),
    outputHash: keccak256(stringToHex(`kind ${kind}`)),
    sketches: [toHex(query)],
  };
}

/** What transactions left in the fee logs; they have to be sealed. */
export const feesOf = ({ chain }: World, transactions: Hex[]): Promise<Fee[]> =>
  Promise.all(
    transactions.map(async (hash) => {
      const { logs } = await chain.client.getTransactionReceipt({ hash });
      const recorded = parseEventLogs({ abi: inferenceRouter.abi, logs, eventName: "FeeRecorded" });
      const { epoch, price, platformFees } = only(recorded).args;
      return { epoch, price, platformFees };
    }),
  );
