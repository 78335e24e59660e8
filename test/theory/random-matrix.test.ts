// Marchenko-Pastur, Tracy-Widom, spikes: closed forms, SciPy's integrals, and simulated matrices.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { backend, Random, singularValues, tf } from "tunelab/tensor";
import { debiasCovariance, debiasSum, edgePValue, eigenvalues, fitMarchenkoPastur, johnstone, marchenkoPasturCdf, marchenkoPasturDensity, marchenkoPasturEdges, marchenkoPasturQuantile, matrixOperator, spikedCovariance, spikedSum, tracyWidomCdf, tracyWidomQuantile } from "tunelab/theory";
import { close, userError } from "../support/compare";
import { expected } from "./support";

before(async () => { await backend(); });

/** Eigenvalues of XXᵀ/n, X [p, n] normal, rows scaled by √scales. */
function sample(p: number, n: number, seed: number, scales: (i: number) => number = () => 1): Float64Array {
  const random = new Random(seed, "wishart"), x = Float32Array.from({ length: p * n }, (_, k) => Math.sqrt(scales(Math.floor(k / n)) / n) * random.normal());
  const t = tf.tensor2d(x, [p, n]), s = singularValues(t);
  t.dispose();
  return Float64Array.from({ length: p }, (_, i) => (i < s.length ? s[i] ** 2 : 0));
}

for (const { gamma, sigma2, x, density, cdf } of expected.marchenkoPastur as { gamma: number; sigma2: number; x: number[]; density: number[]; cdf: number[] }[])
  test(`Marchenko-Pastur, γ = ${gamma}, σ² = ${sigma2}: SciPy's numbers, edges, total mass, quantiles`, () => {
    close(x.map((t) => marchenkoPasturDensity(t, gamma, sigma2)), density, 1e-8);
    close(x.map((t) => marchenkoPasturCdf(t, gamma, sigma2)), cdf, 1e-6);
    close(marchenkoPasturEdges(gamma, sigma2), [sigma2 * (1 - Math.sqrt(gamma)) ** 2, sigma2 * (1 + Math.sqrt(gamma)) ** 2], 1e-12);
    close([marchenkoPasturCdf(marchenkoPasturEdges(gamma, sigma2)[1] * (1 - 1e-9), gamma, sigma2), marchenkoPasturCdf(100, gamma, sigma2)], [1, 1], 1e-6);
    close(x.map((t) => marchenkoPasturQuantile(marchenkoPasturCdf(t, gamma, sigma2), gamma, sigma2)), x, 1e-5);
    assert.equal(marchenkoPasturDensity(100, gamma, sigma2), 0);
  });

test("Tracy-Widom: known mean, variance and quantiles of F₁", () => {
  close([0.5, 0.9, 0.95, 0.99].map(tracyWidomQuantile), [-1.26857, 0.45014, 0.97931, 2.02345], 1e-3);
  let mean = 0, square = 0;
  for (let x = -8; x < 6; x += 0.01) { const p = tracyWidomCdf(x + 0.01) - tracyWidomCdf(x), c = x + 0.005; mean += p * c; square += p * c * c; }
  close([mean, square - mean * mean], [-1.2065336, 1.6077810], 1e-3);
});

test("the edge test keeps its level on noise, and sees a spike", () => {
  const p = 40, n = 100, values = Array.from({ length: 200 }, (_, seed) => edgePValue(sample(p, n, seed)[0], p, n));
  for (const level of [0.1, 0.5]) { const rate = values.filter((v) => v < level).length / 200; assert.ok(Math.abs(rate - level) < 3 * Math.sqrt((level * (1 - level)) / 200) + 0.02, `level ${level}: ${rate}`); }
  assert.ok(edgePValue(sample(p, n, 1, (i) => (i ? 1 : 5))[0], p, n) < 1e-6);
  const { centre, scale } = johnstone(40, 100, 2);
  close([centre / 2, scale / 2], [johnstone(40, 100).centre, johnstone(40, 100).scale], 1e-12);
});

test("fit: variance, edges, and the spikes among noise, for wide and tall matrices", () => {
  for (const [p, n] of [[150, 400], [300, 200]]) {
    const fit = fitMarchenkoPastur(sample(p, n, 7, (i) => 0.5 * ([12, 8, 6][i] ?? 1)), n), gamma = p / n;
    assert.ok(Math.abs(fit.sigma2 / 0.5 - 1) < 0.05, `${fit.sigma2}`);
    assert.equal(fit.spikes.length, 3);
    assert.ok(fit.distance < 0.05);
    fit.spikes.forEach((s, i) => { const known = 0.5 * [12, 8, 6][i]; assert.ok(Math.abs(s.population / known - 1) < 0.35 && s.pValue < 0.01 && s.alignment > 0.3, JSON.stringify(s)); });
    assert.equal(fit.gamma, gamma);
  }
  const noise = Array.from({ length: 30 }, (_, seed) => fitMarchenkoPastur(sample(100, 300, seed + 50), 300, 0.01).spikes.length);
  assert.ok(noise.filter((k) => k > 0).length <= 3, `spikes in noise: ${noise}`);
});

test("de-biasing undoes the push outwards; below the threshold there is nothing to undo", () => {
  for (const gamma of [0.2, 1, 2.5]) for (const factor of [1.3, 2, 6]) {
    const ell = 2 * (1 + Math.sqrt(gamma) * factor);
    close([debiasCovariance(spikedCovariance(ell, gamma, 2), gamma, 2).population], [ell], 1e-9);
    const theta = (gamma + Math.sqrt(gamma)) * factor;
    close([debiasSum(spikedSum(theta, gamma), gamma)!], [theta], 1e-9);
  }
  assert.deepEqual(debiasCovariance(spikedCovariance(2.2, 1, 2), 1, 2), { population: 2, alignment: 0 });
  assert.equal(debiasSum(spikedSum(1.5, 1), 1), undefined);
});

test("diag(5, 4, 3, 0 …) + ZZᵀ/n: bulk edge 4, outliers 6.25, 5.33, 4.5, also in a simulated matrix", async () => {
  close([5, 4, 3].map((t) => spikedSum(t, 1)), [6.25, 16 / 3, 4.5], 1e-12);
  close([spikedSum(2, 1), marchenkoPasturEdges(1)[1]], [4, 4], 1e-12);
  const n = 500, random = new Random(3, "Z"), Z = tf.tensor2d(Float32Array.from({ length: n * n }, () => random.normal()), [n, n]);
  const rows = tf.tidy(() => tf.div(tf.matMul(Z, Z, false, true), n).arraySync() as number[][]);
  Z.dispose();
  const A = matrixOperator(rows.map((r, i) => r.map((v, j) => (i === j ? v + ([5, 4, 3][i] ?? 0) : (v + rows[j][i]) / 2))));
  const { largest } = await eigenvalues(A, { largest: 4, tolerance: 1e-4, maxSteps: 300 });
  largest.slice(0, 3).forEach((e, i) => assert.ok(Math.abs(e.value - [6.25, 16 / 3, 4.5][i]) < 0.3, `${e.value}`));
  assert.ok(Math.abs(largest[3].value - 4) < 0.15, `edge ${largest[3].value}`);
});

test("bad input is said", () => {
  assert.throws(() => marchenkoPasturEdges(0), userError("γ = p/n is 0"));
  assert.throws(() => marchenkoPasturDensity(1, 0.5, -1), userError("σ² is -1"));
  assert.throws(() => fitMarchenkoPastur([1, 2], 5), userError("at least 10"));
  assert.throws(() => fitMarchenkoPastur([5, ...new Array(20).fill(0)], 50), userError("low rank"));
});
