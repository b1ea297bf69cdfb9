// Finds the witness that `scoreInfluence` asks for: x with (GᵀG + λI)·x ≈ 2^shift·q, G being a set's rows. The chain checks it
// by two passes over the rows; who solves needn't be trusted. For larger sets there is `openledger attribution solve`.
import { numberToHex, concat, type Hex } from "viem";

/** Largest entry of a witness. */
const RANGE = 16_383;
/** The residual may be 1/256 of the query. */
const TOLERANCE = 256;
const SHIFT_MAX = 40;
/** Passes in which single entries are improved. */
const PASSES_MAX = 200;

export interface Witness {
  x: Hex;
  shift: number;
}

/** The system of a set: GᵀG + λI, and its Cholesky factor. */
export class Ridge {
  readonly #matrix: number[][];
  readonly #factor: number[][];

  constructor(rows: Int8Array[], lambda: number) {
    const dim = rows[0].length;
    this.#matrix = Array.from({ length: dim }, (_, i) =>
      Array.from({ length: dim }, (_, j) => rows.reduce((sum, row) => sum + row[i] * row[j], i === j ? lambda : 0)),
    );
    this.#factor = cholesky(this.#matrix);
  }

  /** A witness that the chain accepts, or nothing: then the draw is left out, and counts without a score. */
  witness(q: Int8Array): Witness | undefined {
    const solution = solve(this.#factor, [...q]);
    const most = Math.max(...solution.map(Math.abs));
    if (most === 0) return undefined;
    const shift = Math.min(SHIFT_MAX, Math.floor(Math.log2(RANGE / most)));
    const x = solution.map((value) => Math.round(value * 2 ** shift));
    const target = [...q].map((value) => value * 2 ** shift);
    this.#descend(x, target);
    if (!this.#isAccepted(x, target)) return undefined;
    return { x: concat(x.map((value) => numberToHex(value, { size: 2, signed: true }))), shift };
  }

  /** target − matrix · x; all are integers below 2^53. */
  #residual(x: number[], target: number[]): number[] {
    return target.map((value, i) => value - this.#matrix[i].reduce((sum, entry, j) => sum + entry * x[j], 0));
  }

  /** Moves single entries by the integer that shortens the residual most, until none does. */
  #descend(x: number[], target: number[]) {
    const residual = this.#residual(x, target);
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      let moved = false;
      this.#matrix.forEach((column, j) => {
        const along = column.reduce((sum, entry, i) => sum + entry * residual[i], 0);
        const square = column.reduce((sum, entry) => sum + entry * entry, 0);
        const to = Math.min(RANGE, Math.max(-RANGE, x[j] + Math.round(along / square)));
        const step = to - x[j];
        if (step === 0 || step * step * square >= 2 * step * along) return;
        x[j] = to;
        column.forEach((entry, i) => (residual[i] -= step * entry));
        moved = true;
      });
      if (!moved) return;
    }
  }

  /** The chain's own test, exact. */
  #isAccepted(x: number[], target: number[]): boolean {
    const square = (values: number[]) => values.reduce((sum, value) => sum + BigInt(value) ** 2n, 0n);
    return BigInt(TOLERANCE) ** 2n * square(this.#residual(x, target)) <= square(target);
  }
}

/** The lower triangle L with L·Lᵀ = m. */
function cholesky(m: number[][]): number[][] {
  const l = m.map((row) => row.map(() => 0));
  m.forEach((row, i) => {
    for (let j = 0; j <= i; j++) {
      let sum = row[j];
      for (let k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
      l[i][j] = i === j ? Math.sqrt(sum) : sum / l[j][j];
    }
  });
  return l;
}

/** Solves L·Lᵀ·x = q. */
function solve(l: number[][], q: number[]): number[] {
  const x = [...q];
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
    x[i] /= l[i][i];
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= l[k][i] * x[k];
    x[i] /= l[i][i];
  }
  return x;
}
