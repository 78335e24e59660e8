// Matrices with known spectra, and the fixture model's loss as a problem.
import path from "node:path";
import { loadAdapter } from "tunelab/methods";
import type { Example } from "tunelab/objectives";
import { Random } from "tunelab/tensor";
import { matrixOperator, modelProblem, orthogonalise, probe, type LinearOperator, type Problem } from "tunelab/theory";
import { fixture, readJson, tinyModel } from "../support/fixtures";

/** Tridiagonal (−1, 2, −1): λ_k = 2 − 2cos(kπ/(n+1)). */
export const laplacian = (n: number): LinearOperator => ({
  dim: n, apply: async (v) => Float64Array.from({ length: n }, (_, i) => 2 * v[i] - (i ? v[i - 1] : 0) - (i + 1 < n ? v[i + 1] : 0)),
});
export const laplacianValues = (n: number): number[] => Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)));

/** A random orthonormal basis of ℝⁿ. */
export function rotation(n: number, seed = 0): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    const v = probe(n, seed, i, "gaussian");
    const { length } = orthogonalise(v, basis);
    basis.push(v.map((x) => x / length));
  }
  return basis;
}
/** Rows of QᵀDQ: a matrix with these eigenvalues and random eigenvectors. */
export function withSpectrum(values: ArrayLike<number>, seed = 0): number[][] {
  const n = values.length, Q = rotation(n, seed);
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => { let s = 0; for (let k = 0; k < n; k++) s += Q[k][i] * values[k] * Q[k][j]; return s; }));
}
export const spectrumOperator = (values: ArrayLike<number>, seed = 0): LinearOperator => matrixOperator(withSpectrum(values, seed));

/** A random symmetric matrix with eigenvalues of both signs. */
export function indefinite(n: number, seed = 0): number[][] {
  const random = new Random(seed, "indefinite"), rows = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) rows[i][j] = rows[j][i] = random.normal() + (i === j ? 1 : 0);
  return rows;
}
export const traceOf = (rows: number[][]): number => rows.reduce((s, r, i) => s + r[i], 0);

export const expected = readJson("theory", "theory.json");
export const examples = (): Example[] => (expected.rows as number[][]).map((ids, i) => ({ ids: Int32Array.from(ids), target: Uint8Array.from(ids, (_, t) => (t >= expected.firstTarget[i] ? 1 : 0)) }));

/** The SFT loss of the tiny Qwen2 at its own weights, or at a LoRA adapter of PEFT's. */
export async function fixtureProblem(kind: "full" | "lora", batchSize = 4): Promise<Problem> {
  const model = await tinyModel("qwen2-tied");
  if (kind === "full") return modelProblem({ model, examples: examples(), batchSize });
  const adapter = loadAdapter(path.join(fixture("lora"), "qwen2-tied-qv"), model);
  return modelProblem({ model, ...adapter, examples: examples(), batchSize });
}
/** The library's own modules, whose exports a test may replace: that is how known bugs are put back in. */
export const internals = (name: string): Record<string, any> => require(path.resolve("lib/dist", `${name}.js`));
