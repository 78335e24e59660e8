// Spectral density by stochastic Lanczos quadrature: exact where it must be, its intervals honest, and what is read off it.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { backend, tf } from "tunelab/tensor";
import { curvature, densityCurve, effectiveDimension, effectiveDimensionOf, scalarProblem, spectralDensity, spectralRange, spectralSum, studentQuantile, type DensityState, type LinearOperator, type Problem } from "tunelab/theory";
import { close, userError } from "../support/compare";
import { expected, fixtureProblem, laplacian, laplacianValues, spectrumOperator } from "./support";

before(async () => { await backend(); });
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);

test("Student's t quantiles are SciPy's", () => {
  for (const [df, t] of Object.entries(expected.student as Record<string, number>)) assert.ok(Math.abs(studentQuantile(0.95, +df) - t) < 1e-7 * t, df);
});

test("the smoothed curve integrates to 1 and is the closed form's, within its error bars", async () => {
  const n = 400, d = await spectralDensity(laplacian(n), { steps: 80, probes: 10, seed: 1 }), c = densityCurve(d, { points: 300, width: 0.1 }), h = c.x[1] - c.x[0];
  close([sum(c.density) * h], [1], 1e-6);
  const truth = c.x.map((t) => sum(laplacianValues(n).map((l) => Math.exp(-0.5 * ((t - l) / 0.1) ** 2))) / (n * 0.1 * Math.sqrt(2 * Math.PI)));
  const outside = truth.filter((y, i) => Math.abs(y - c.density[i]) > 1.5 * c.probeError[i] + 1e-3).length;
  assert.ok(outside < 0.03 * truth.length, `${outside} of ${truth.length} points lie outside`);
  assert.ok(c.batchError.every(Number.isNaN), "no groups of batches were asked for");
  for (const p of d.probes) close([sum(p.weights)], [1], 1e-10);
  const [low, high] = spectralRange(d);
  assert.ok(low >= 0 && high <= 4);
});

test("the number of steps decides the moments, whatever the smoothing: Σλ and Σλ² of each vector are exact from two steps on", async () => {
  const spectrum = [3, 1, -2, 0.5, 0, 7], A = spectrumOperator(spectrum);
  const [few, all] = [await spectralDensity(A, { steps: 2, probes: 5 }), await spectralDensity(A, { steps: 6, probes: 5 })];
  for (const f of [(l: number) => l, (l: number) => l * l, (l: number) => l ** 3]) close([spectralSum(few, f).mean], [spectralSum(all, f).mean], 1e-9);
});

test("95 % intervals of sums over the spectrum cover the truth in 90 to 99 % of 200 seeds", async () => {
  const n = 40, spectrum = Array.from({ length: n }, (_, i) => 10 * Math.exp(-i / 5) - 0.5), A = spectrumOperator(spectrum, 1);
  const sums: [string, (l: number) => number][] = [["trace", (l) => l], ["effective dimension", (l) => (l > 0 ? l / (l + 1) : 0)], ["index", (l) => (l < 0 ? 1 : 0)]], hits = sums.map(() => 0);
  for (let seed = 0; seed < 200; seed++) {
    const d = await spectralDensity(A, { steps: 30, probes: 10, seed });
    sums.forEach(([, f], i) => { const s = spectralSum(d, f); if (Math.abs(s.mean - sum(spectrum.map(f))) <= s.error) hits[i]++; });
  }
  sums.forEach(([name], i) => assert.ok(hits[i] >= 180 && hits[i] <= 198, `${name}: ${hits[i]} of 200`));
});

/** Many batches whose Hessians are c_b·I: known mean, known spread. */
const scattered = (scales: number[]): Problem => ({
  ...scalarProblem({ w: tf.ones([20]) }, () => tf.scalar(0)), batches: scales.map((c) => ({ data: { c: Float32Array.of(c) }, weight: 1 })),
  outputs: ({ w }, { c }) => tf.reshape(tf.mul(tf.sum(tf.square(w)), tf.mul(c, 0.5)), [1, 1]),
});
test("the data's error bars are told apart from those of the random vectors", async () => {
  const scales = [1, 2, 3, 4, 5, 6, 7, 8], H = curvature(scattered(scales)), d = await spectralDensity(H, { steps: 5, probes: 4, groups: 4 }), trace = spectralSum(d, (l) => l);
  close([trace.mean], [20 * 4.5], 1e-3);
  assert.ok(trace.error < 1e-3, "every vector sees c·I");
  // groups {1,5} {2,6} {3,7} {4,8}: means 3, 4, 5, 6
  close([trace.batchError], [20 * studentQuantile(0.95, 3) * Math.sqrt(5 / 3 / 4)], 1e-2);
  await assert.rejects(spectralDensity(H, { groups: 9 }), userError("groups is 9", "8 batches"));
  await assert.rejects(spectralDensity(laplacian(4), { groups: 2 }), userError("1 batches"));
  H.dispose();
});

test("95 % intervals over groups of mini-batches cover the mean of all data in 90 to 99 % of 200 draws", async () => {
  let hits = 0;
  const { Random } = await import("tunelab/tensor");
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed, "batches"), H = curvature(scattered(Array.from({ length: 6 }, () => 3 + random.normal())), { compiled: false });
    const s = spectralSum(await spectralDensity(H, { steps: 2, probes: 1, groups: 6 }), (l) => l);
    if (Math.abs(s.mean - 60) <= s.batchError) hits++;
  }
  assert.ok(hits >= 180 && hits <= 198, `${hits} of 200`);
});

test("effective dimension: N_eff(cI, z = c) = n/2, and from a density what it is from all eigenvalues", async () => {
  close([effectiveDimension(new Array(10).fill(3), 3)], [5], 1e-12);
  const spectrum = Array.from({ length: 60 }, (_, i) => 20 * 0.8 ** i), exact = effectiveDimension(spectrum, 0.5), d = await spectralDensity(spectrumOperator(spectrum), { steps: 40, probes: 20, seed: 3 }), estimate = effectiveDimensionOf(d, 0.5);
  assert.ok(Math.abs(estimate.mean - exact) <= estimate.error && estimate.error < 0.2 * exact, `${estimate.mean} ± ${estimate.error}, exact ${exact}`);
  const identity: LinearOperator = { dim: 10, apply: async (v) => Float64Array.from(v, (x) => 3 * x) };
  close([effectiveDimensionOf(await spectralDensity(identity, { steps: 3, probes: 2 }), 3).mean], [5], 1e-9);
  close([effectiveDimension([-1, 0, 1], 1)], [0.5], 1e-12);
  assert.throws(() => effectiveDimension([1], 0), userError("z is 0"));
});

test("the Hessian of a tiny Qwen2 under LoRA: its density agrees with all of its eigenvalues", async () => {
  const { dense, indexOf, saddleIndex } = await import("tunelab/theory"), { EigenvalueDecomposition, Matrix } = await import("ml-matrix");
  const all = await fixtureProblem("lora"), params = Object.fromEntries(Object.entries(all.params).filter(([n]) => n.includes("layers.1"))), H = curvature({ ...all, params, fixed: { ...all.fixed, ...Object.fromEntries(Object.entries(all.params).filter(([n]) => !(n in params)).map(([n, t]) => [`trained:${n}`, t])) } });
  const exact = new EigenvalueDecomposition(new Matrix((await dense(H)).map((r) => [...r])), { assumeSymmetric: true }).realEigenvalues;
  const d = await spectralDensity(H, { steps: 60, probes: 8, seed: 2 });
  for (const f of [(l: number) => l, (l: number) => l * l, (l: number) => (l > 0 ? l / (l + 1) : 0)]) { const s = spectralSum(d, f); assert.ok(Math.abs(s.mean - sum(exact.map(f))) < 1.5 * s.error, `${s.mean} ± ${s.error}, exact ${sum(exact.map(f))}`); }
  const index = saddleIndex(d, 0.5), counted = indexOf(exact, 0.5);
  assert.ok(Math.abs(index.negative.mean - counted.negative) < 1.5 * index.negative.error);
  H.dispose();
});

test("a run of eigenvalues() from the same seed serves as the first vector", async () => {
  const { eigenvalues, lanczos } = await import("tunelab/theory"), A = spectrumOperator(Array.from({ length: 50 }, (_, i) => i * i), 7), whole = await spectralDensity(A, { steps: 12, probes: 2, seed: 5 });
  let products = 0;
  const counted: LinearOperator = { dim: 50, apply: (v) => { products++; return A.apply(v); } }, run = await eigenvalues(A, { largest: 3, tolerance: 1e-6, seed: 5 });
  assert.deepEqual((await spectralDensity(counted, { steps: 12, probes: 2, seed: 5, known: run.state })).probes, whole.probes);
  assert.equal(products, 12, "one vector of two");
  const begun = await lanczos(A, { steps: 5, seed: 5 });
  products = 0;
  assert.deepEqual((await spectralDensity(counted, { steps: 12, probes: 2, seed: 5, known: begun.state })).probes, whole.probes);
  assert.equal(products, 20, "a run of 5 steps is gone on with: 7 products, one that checks the operator, and 12 of the other vector");
  assert.deepEqual((await spectralDensity(A, { steps: 12, probes: 2, seed: 6, known: run.state })).probes, (await spectralDensity(A, { steps: 12, probes: 2, seed: 6 })).probes, "another seed is not it");
});

test("stopped and resumed is the same as uninterrupted", async () => {
  const A = spectrumOperator(Array.from({ length: 30 }, (_, i) => i), 4), whole = await spectralDensity(A, { steps: 12, probes: 3 });
  let products = 0;
  const interrupted: LinearOperator = { dim: 30, async apply(v) { if (++products === 18) process.emit("SIGINT"); return A.apply(v); } };
  const first = await spectralDensity(interrupted, { steps: 12, probes: 3 });
  assert.equal(first.status, "stopped");
  assert.equal(first.probes.length, 1);
  const rest = await spectralDensity(A, { steps: 12, probes: 3, state: JSON_(first.state) });
  assert.deepEqual(rest.probes, whole.probes);
  await assert.rejects(spectralDensity(A, { steps: 9, probes: 3, state: first.state }), userError("12 steps", "9"));
});
/** Through a file and back. */
function JSON_(state: DensityState): DensityState {
  const { saveProbe, loadProbe } = require("tunelab/theory"), file = require("node:path").join(require("node:os").tmpdir(), `tunelab-density-${process.pid}.probe`);
  saveProbe(file, state);
  return loadProbe(file);
}
