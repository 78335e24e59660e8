/**
 * Linear operators: all that the probes of this folder see of a matrix is its product with a vector. Here: the interface, and
 * operators made of matrices and of one another. The curvature of a loss is in curvature.ts.
 */
import { TunelabError } from "../errors";
import { type Vector } from "./vector";

export interface LinearOperator {
  /** The matrix is square, dim × dim, and symmetric. */
  readonly dim: number;
  /** Relative rounding error of a product: 2⁻²³ where it is computed in float32; 2⁻⁵² if absent. */
  readonly rounding?: number;
  /** A·v, a new vector. `tick` is awaited between pieces of work; it throws when the user has asked to stop. */
  apply(v: Vector, tick?: () => Promise<void>): Promise<Float64Array>;
}

/** A symmetric matrix given by its rows. */
export function matrixOperator(rows: readonly ArrayLike<number>[]): LinearOperator {
  const dim = rows.length;
  rows.forEach((row, i) => { if (row.length !== dim) throw new TunelabError(`matrixOperator: row ${i} has ${row.length} entries, but there are ${dim} rows; give a square matrix.`); });
  const flat = Float64Array.from({ length: dim * dim }, (_, k) => rows[Math.floor(k / dim)][k % dim]);
  for (let i = 0; i < dim; i++) for (let j = 0; j < i; j++) {
    const a = flat[i * dim + j], b = flat[j * dim + i];
    if (!(Math.abs(a - b) <= 1e-8 * Math.max(1, Math.abs(a)))) throw new TunelabError(`matrixOperator: entry (${i}, ${j}) is ${a}, but (${j}, ${i}) is ${b}; give a symmetric matrix.`);
  }
  return {
    dim,
    async apply(v) {
      const out = new Float64Array(dim);
      for (let i = 0; i < dim; i++) {
        let sum = 0;
        for (let j = 0, at = i * dim; j < dim; j++) sum += flat[at + j] * v[j];
        out[i] = sum;
      }
      return out;
    },
  };
}
/** The diagonal matrix of these entries. */
export const diagonalOperator = (entries: ArrayLike<number>): LinearOperator => ({ dim: entries.length, apply: async (v) => Float64Array.from(v, (x, i) => x * entries[i]) });

/** A + shift·I. */
export const shiftedOperator = (a: LinearOperator, shift: number): LinearOperator => ({
  dim: a.dim, rounding: a.rounding,
  async apply(v, tick) { const out = await a.apply(v, tick); for (let i = 0; i < out.length; i++) out[i] += shift * v[i]; return out; },
});

/** All entries of A, by dim products: for small matrices and tests. Rows of float64, made symmetric. */
export async function dense(a: LinearOperator, limit = 4096): Promise<Float64Array[]> {
  if (a.dim > limit) throw new TunelabError(`dense: the operator has ${a.dim} rows, more than ${limit}; use lanczos or spectralDensity.`);
  const columns: Float64Array[] = [];
  for (let i = 0; i < a.dim; i++) { const e = new Float64Array(a.dim); e[i] = 1; columns.push(await a.apply(e)); }
  return columns.map((_, i) => Float64Array.from({ length: a.dim }, (_, j) => (columns[i][j] + columns[j][i]) / 2));
}
