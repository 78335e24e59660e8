// A museum of bugs that other implementations have, or had. Each is put back into the library's own code by replacing one of its
// functions; the assertion that holds for the real code must then fail. So these assertions are known to see what they are for.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { backend, tf, type Params } from "tunelab/tensor";
import { curvature, diagonalOperator, hutchinson, hutchPlusPlus, interval, lanczos, matrixOperator, orthogonalise, projection, ritz, spectralDensity, spectralSum, xtrace, type Interval, type Ritz } from "tunelab/theory";
import { normal, numbers } from "../tensor/support";
import { fixtureProblem, indefinite, internals, spectrumOperator, traceOf } from "./support";

before(async () => { await backend(); });

interface Exhibit {
  /** What is wrong with the mutant. */
  bug: string;
  /** Where in lib/dist, which export, and what it is replaced by, given the real one. */
  module: string; export: string; mutant(real: any): unknown;
  assertion(): void | Promise<void>;
}
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);

/** ⟨Px, y⟩ = ⟨x, Pᵀy⟩ with Pᵀ by differentiation. */
const adjoint = (): void => tf.tidy(() => {
  const P = projection("fastfood", 300, 20, 1), x = normal([20], 1), y = normal([300], 2), left = numbers(tf.sum(tf.mul(P.apply(x), y)))[0], back = tf.grad((phi) => tf.sum(tf.mul(P.apply(phi), y)))(tf.zeros([20]));
  P.dispose();
  assert.ok(Math.abs(left - numbers(tf.sum(tf.mul(x, back)))[0]) < 1e-4 * Math.max(1, Math.abs(left)));
});
/** Twenty leading eigenvalues once each, and an orthonormal basis. */
const noGhosts = async (): Promise<void> => {
  const spectrum = Array.from({ length: 300 }, (_, i) => 1000 * 0.7 ** i), { state } = await lanczos(diagonalOperator(spectrum), { steps: 120, start: Float64Array.from({ length: 300 }, (_, i) => 1 + Math.sin(i)) });
  const top = [...ritz(state).values].reverse().slice(0, 8);
  top.forEach((v, i) => assert.ok(Math.abs(v / spectrum[i] - 1) < 1e-6, `eigenvalue ${i}: ${v}, not ${spectrum[i]}`));
};
/** Of runs that call themselves converged, the median error is within the tolerance that was asked for. */
const honestStop = async (): Promise<void> => {
  const rows = indefinite(60, 9), A = matrixOperator(rows), known = traceOf(rows), errors: number[] = [];
  for (let seed = 0; seed < 60; seed++) { const r = await hutchinson(A, { tolerance: 0.1, maxProducts: 4000, seed }); if (r.converged) errors.push(Math.abs(r.trace / known - 1)); }
  assert.ok(errors.length > 30, `${errors.length} runs converged`);
  const median = errors.sort((a, b) => a - b)[errors.length >> 1];
  assert.ok(median < 0.1, `median error ${median}`);
};
/** Every filter of a direction has the length of the weights' filter. Through the module, so that a replaced function is used. */
const rightAxis = (): void => {
  const at: Params = { w: normal([6, 4], 1) }, d = internals("theory/landscape").filterNormalised({ w: normal([6, 4], 2) }, at) as Params, lengths = (t: Tensor) => numbers(tf.sqrt(tf.sum(tf.square(t), 1)));
  lengths(d.w).forEach((l, i) => assert.ok(Math.abs(l - lengths(at.w)[i]) < 1e-4, `filter ${i}`));
};
/** The Hessian product of a tiny Qwen2 is the change of its gradient. */
const hessianIsDerivative = async (): Promise<void> => {
  const { gradient, toParams, toVector } = await import("tunelab/theory"), problem = await fixtureProblem("lora"), v = Float64Array.from({ length: 896 }, (_, i) => Math.sin(i)), at = toVector(problem.params), h = 1e-3;
  const there = async (c: number) => (await gradient({ ...problem, params: toParams(at.map((x, i) => x + c * v[i]), problem.params) }, { compiled: false })).gradient;
  const [right, left, Hv] = [await there(h), await there(-h), await curvature(problem, { compiled: false }).apply(v)];
  const off = Math.sqrt(sum(Hv.map((x, i) => (x - (right[i] - left[i]) / (2 * h)) ** 2)) / sum(Hv.map((x) => x * x)));
  assert.ok(off < 1e-2, `off by ${off}`);
};
/** ∫ density = 1, whatever the variance. */
const integratesToOne = (): void => {
  const { marchenkoPasturDensity, marchenkoPasturEdges } = internals("theory/random-matrix");
  for (const sigma2 of [1, 0.3, 4]) {
    const [low, high] = marchenkoPasturEdges(0.5, sigma2), n = 20000, h = (high - low) / n, total = sum(Array.from({ length: n }, (_, i) => marchenkoPasturDensity(low + (i + 0.5) * h, 0.5, sigma2) * h));
    assert.ok(Math.abs(total - 1) < 1e-3, `σ² = ${sigma2}: ${total}`);
  }
};
/** Variance of Hutchinson's samples: 2(‖A‖² − Σ aᵢᵢ²). */
const knownVariance = async (): Promise<void> => {
  const rows = indefinite(10, 4).map((r, i) => r.map((x, j) => (i === j ? 3 : x))), { state } = await hutchinson(matrixOperator(rows), { tolerance: 1e-9, maxProducts: 3000, display: false }), { samples } = state, mean = sum(samples) / samples.length;
  const known = 2 * (sum(rows.flat().map((a) => a * a)) - 90), variance = sum(samples.map((x) => (x - mean) ** 2)) / (samples.length - 1);
  assert.ok(Math.abs(variance / known - 1) < 0.15, `${variance}, not ${known}`);
};
/** Intervals of each estimator cover the truth in at least 90 % of 100 seeds. */
const covers = (f: (A: ReturnType<typeof matrixOperator>, o: { maxProducts: number; tolerance: number; seed: number }) => Promise<{ trace: number; error: number }>, maxProducts = 24) => async (): Promise<void> => {
  const rows = indefinite(40, 3).map((r, i) => r.map((x, j) => (i === j ? x + 5 : x))), A = matrixOperator(rows), known = traceOf(rows);
  let hits = 0;
  for (let seed = 0; seed < 100; seed++) { const r = await f(A, { maxProducts, tolerance: 1e-9, seed }); if (Math.abs(r.trace - known) <= r.error) hits++; }
  assert.ok(hits >= 90, `${hits} of 100`);
};
/** Σλ from the spectral density is the trace; Σλ² the squared norm. */
const moments = async (): Promise<void> => {
  const spectrum = [4, 2, 1, -1, 0.5, 0, 3, -2], d = await spectralDensity(spectrumOperator(spectrum, 2), { steps: 4, probes: 200, seed: 5 });
  for (const k of [1, 2]) { const s = spectralSum(d, (l) => l ** k); assert.ok(Math.abs(s.mean - sum(spectrum.map((l) => l ** k))) < 1.5 * s.error, `Σλ^${k}: ${s.mean} ± ${s.error}`); }
};
/** Fastfood moves every weight, by about as much. */
const reachesAll = (): void => tf.tidy(() => {
  const P = projection("fastfood", 512, 64, 3), moved = Float64Array.from({ length: 512 }, () => 0);
  for (let i = 0; i < 64; i++) numbers(P.apply(tf.oneHot(tf.scalar(i, "int32"), 64) as Tensor)).forEach((v, k) => { moved[k] += v * v; });
  P.dispose();
  const mean = sum(moved) / 512;
  assert.ok(Math.abs(mean - 64 / 512) < 0.02 && moved.every((m) => m > 0.02 * mean), `mean ${mean}, least ${Math.min(...moved)}`);
});

const EXHIBITS: Exhibit[] = [
  {
    bug: "Fastfood's backward pass has a spurious 1/√N", module: "theory/hadamard", export: "hadamard", assertion: adjoint,
    mutant: (real: (x: Tensor) => Tensor) => (x: Tensor) => tf.customGrad((x) => ({ value: real(x as Tensor), gradFunc: (dy: Tensor) => tf.div(real(dy), Math.sqrt(dy.shape[1]!)) }))(x),
  },
  {
    bug: "Fastfood's projection is scaled by 1/N instead of 1/√(D·N): it hardly moves the weights", module: "theory/hadamard", export: "hadamard", assertion: reachesAll,
    mutant: (real: (x: Tensor) => Tensor) => (x: Tensor) => tf.div(real(x), Math.sqrt(x.shape[1]!)),
  },
  {
    bug: "sampling stops because the running mean moved little", module: "theory/statistics", export: "narrow", assertion: honestStop,
    mutant: () => { let last = NaN; return ({ mean }: Interval, tolerance: number) => { const still = Math.abs(mean - last) < 0.1 * tolerance * Math.abs(mean); last = mean; return still; }; },
  },
  { bug: "filters are taken along the wrong axis", module: "theory/landscape", export: "filterNormalised", assertion: rightAxis, mutant: (real) => (d: Params, at: Params) => real(d, at, () => 1) },
  {
    bug: "layer-wise normalisation passes for filter-wise", module: "theory/landscape", export: "filterNormalised", assertion: rightAxis,
    mutant: () => (d: Params, at: Params) => Object.fromEntries(Object.entries(d).map(([n, t]) => [n, tf.mul(t, tf.div(tf.sqrt(tf.sum(tf.square(at[n]))), tf.sqrt(tf.sum(tf.square(t)))))])),
  },
  {
    bug: "Lanczos without reorthogonalisation: ghosts", module: "theory/vector", export: "orthogonalise", assertion: noGhosts,
    mutant: () => (w: Float64Array, basis: unknown[]) => ({ coefficients: new Float64Array(basis.length), length: Math.sqrt(sum(w.map((x) => x * x))) }),
  },
  {
    bug: "Lanczos orthogonalises against the last two vectors only", module: "theory/vector", export: "orthogonalise", assertion: noGhosts,
    mutant: (real: typeof orthogonalise) => (w: Float64Array, basis: Float64Array[]) => { const { coefficients, length } = real(w, basis.slice(-2)), all = new Float64Array(basis.length); all.set(coefficients, Math.max(0, basis.length - 2)); return { coefficients: all, length }; },
  },
  { bug: "Hv through softmax's saved output", module: "tensor/ops", export: "softmax", assertion: hessianIsDerivative, mutant: () => (x: Tensor) => tf.softmax(x) },
  { bug: "Hv through sigmoid's saved output", module: "tensor/ops", export: "silu", assertion: hessianIsDerivative, mutant: () => (x: Tensor) => tf.mul(x, tf.sigmoid(x)) },
  {
    bug: "the Marchenko-Pastur density lacks σ² below: it integrates to σ²", module: "theory/random-matrix", export: "marchenkoPasturDensity", assertion: integratesToOne,
    mutant: (real) => (x: number, gamma: number, sigma2: number) => real(x, gamma, sigma2) * sigma2,
  },
  {
    bug: "the Marchenko-Pastur edges are σ(1 ± √γ)²", module: "theory/random-matrix", export: "marchenkoPasturEdges", assertion: integratesToOne,
    mutant: (real) => (gamma: number, sigma2: number) => real(gamma, Math.sqrt(sigma2)),
  },
  { bug: "Hutchinson's probes are normal where ±1 is stated: a larger variance", module: "theory/vector", export: "probe", assertion: knownVariance, mutant: (real) => (dim: number, seed: number, index: number) => real(dim, seed, index, "gaussian") },
  { bug: "probes have unit length, and the result is not scaled by n", module: "theory/vector", export: "probe", assertion: covers(hutchinson), mutant: (real) => (...a: unknown[]) => { const v = real(...a) as Float64Array; return v.map((x) => x / Math.sqrt(v.length)); } },
  {
    bug: "the interval is one standard error wide", module: "theory/statistics", export: "interval", assertion: covers(hutchPlusPlus),
    mutant: (real: typeof interval) => (samples: number[]) => { const { mean } = real(samples), n = samples.length; return { mean, error: Math.sqrt(sum(samples.map((x) => (x - mean) ** 2)) / (n - 1) / n) }; },
  },
  {
    bug: "XTrace's samples are taken for independent", module: "theory/statistics", export: "interval", assertion: covers(xtrace, 30),
    mutant: (real: typeof interval) => (samples: number[]) => { const { mean, error } = real(samples); return { mean, error: error / Math.SQRT2 }; },
  },
  { bug: "quadrature weights are |s₁| instead of s₁²", module: "theory/lanczos", export: "ritz", assertion: moments, mutant: (real: typeof ritz) => (state: Parameters<typeof ritz>[0]): Ritz => { const r = real(state); return { ...r, weights: r.weights.map(Math.sqrt) }; } },
  { bug: "quadrature weights are all equal", module: "theory/lanczos", export: "ritz", assertion: moments, mutant: (real: typeof ritz) => (state: Parameters<typeof ritz>[0]): Ritz => { const r = real(state); return { ...r, weights: r.weights.map(() => 1 / r.weights.length) }; } },
];
for (const { bug, module, export: name, mutant, assertion } of EXHIBITS)
  test(`caught: ${bug}`, async () => {
    const exports = internals(module), real = exports[name];
    assert.equal(typeof real, "function");
    await assertion();
    exports[name] = mutant(real);
    try { await assert.rejects(async () => { await assertion(); }, (error: unknown) => error instanceof assert.AssertionError || /not finite|range|converge/.test(String(error)), "the bug goes unnoticed"); } finally { exports[name] = real; }
    await assertion();
  });
