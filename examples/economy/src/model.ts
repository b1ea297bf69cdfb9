// A model small enough to be trained while one watches: it tells which of four kinds a point with eight features is of. The
// base is a matrix of four rows and eight columns; an adapter adds alpha/rank · B·A to it (LoRA), and only A and B are trained.
import { random } from "./bytes.js";

export const FEATURES = 8;
export const KINDS = 4;
export const RANK = 2;
export const ALPHA = 4;
const SCALE = ALPHA / RANK;
const STEPS = 150;
const RATE = 0.1;

/** A point and its kind. */
export interface Example {
  x: number[];
  kind: number;
}

/** What is trained, in the order of the tensors' names: lora_A, RANK rows of FEATURES; lora_B, KINDS rows of RANK. */
export interface Adapter {
  a: number[];
  b: number[];
}

/** Points of some kinds, `count` of each, as a CSV table. A kind's points are about a centre of its own. */
export function makeTable(seed: bigint, kinds: number[], count: number): string {
  const { normal } = random(seed);
  const names = [...Array(FEATURES).keys()].map((i) => `x${i}`);
  const rows = [...Array(count).keys()].flatMap(() => kinds.map((kind) => [...point(kind, normal), kind].join(",")));
  return [[...names, "kind"].join(","), ...rows, ""].join("\n");
}

/** A point of a kind, to three decimals. */
export const point = (kind: number, normal: () => number): string[] =>
  [...Array(FEATURES).keys()].map((i) => ((Math.floor(i / 2) === kind ? 1.5 : 0) + normal()).toFixed(3));

/** The examples in a table that `makeTable` wrote. */
export function readTable(csv: string): Example[] {
  const rows = csv.trim().split("\n").slice(1);
  return rows.map((row) => {
    const cells = row.split(",").map(Number);
    return { x: cells.slice(0, FEATURES), kind: cells[FEATURES] };
  });
}

/** The base's weights, KINDS rows of FEATURES. */
export function makeBase(seed: bigint): number[] {
  const { normal } = random(seed);
  return Array.from({ length: KINDS * FEATURES }, () => 0.1 * normal());
}

/** How likely each kind is. */
export function predict(base: number[], { a, b }: Adapter, x: number[]): number[] {
  const inner = innerOf(a, x);
  const logits = [...Array(KINDS).keys()].map((o) => {
    const plain = x.reduce((sum, value, i) => sum + base[o * FEATURES + i] * value, 0);
    return plain + SCALE * inner.reduce((sum, value, r) => sum + b[o * RANK + r] * value, 0);
  });
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The gradient of an example's loss (−log of its kind's likelihood) by the adapter's parameters, lora_A first. */
export function gradient(base: number[], adapter: Adapter, { x, kind }: Example): number[] {
  const inner = innerOf(adapter.a, x);
  const error = predict(base, adapter, x).map((likelihood, o) => likelihood - (o === kind ? 1 : 0));
  const byA = [...Array(RANK).keys()].flatMap((r) => {
    const back = error.reduce((sum, e, o) => sum + e * adapter.b[o * RANK + r], 0);
    return x.map((value) => SCALE * back * value);
  });
  const byB = error.flatMap((e) => inner.map((value) => SCALE * e * value));
  return [...byA, ...byB];
}

/** Trains an adapter by gradient descent; B begins with zeros, so that the adapter begins as nothing. */
export function train(base: number[], examples: Example[], seed: bigint): Adapter {
  const { normal } = random(seed);
  const adapter: Adapter = {
    a: Array.from({ length: RANK * FEATURES }, () => 0.3 * normal()),
    b: new Array<number>(KINDS * RANK).fill(0),
  };
  for (let step = 0; step < STEPS; step++) {
    const gradients = examples.map((example) => gradient(base, adapter, example));
    const mean = gradients[0].map((_, i) => gradients.reduce((sum, g) => sum + g[i], 0) / examples.length);
    adapter.a = adapter.a.map((value, i) => value - RATE * mean[i]);
    adapter.b = adapter.b.map((value, i) => value - RATE * mean[RANK * FEATURES + i]);
  }
  return adapter;
}

const innerOf = (a: number[], x: number[]): number[] =>
  [...Array(RANK).keys()].map((r) => x.reduce((sum, value, i) => sum + a[r * FEATURES + i] * value, 0));
