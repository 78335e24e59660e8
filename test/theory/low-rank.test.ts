// Ranks of updates and angles between directions: NumPy's numbers, known thresholds, random nulls.
import assert from "node:assert/strict";
import path from "node:path";
import { before, test } from "node:test";
import { loadAdapter } from "tunelab/methods";
import { backend, svd, tf } from "tunelab/tensor";
import { angle, debiasSingular, effectiveRank, energyRank, probe, shareInSpan, spikedSingular, stableRank, subspaceOverlap, transport, updateAngles, updateSpectra, updateSpectrum } from "tunelab/theory";
import { close, userError } from "../support/compare";
import { fixture, tinyModel } from "../support/fixtures";
import { normal, numbers } from "../tensor/support";
import { expected } from "./support";

before(async () => { await backend(); });

test("the update of a PEFT adapter, and a matrix of noise: NumPy's singular values and ranks", async () => {
  const model = await tinyModel("qwen2-tied"), adapter = loadAdapter(path.join(fixture("lora"), "qwen2-tied-qv"), model), merged = adapter.method.merge!(model.params, adapter.trained);
  const spectra = updateSpectra(model.params, merged), found = spectra[expected.update.name];
  assert.deepEqual(Object.keys(spectra).map((n) => n.split(".").slice(-2)[0]), ["q_proj", "v_proj", "q_proj", "v_proj"]);
  close(Array.from(found.singular).slice(0, 8), expected.update.singular, 1e-5);
  close([found.effectiveRank, found.stableRank], [expected.update.effectiveRank, expected.update.stableRank], 1e-4);
  assert.equal(found.noise.signals, 4, "rank 4, the rest is rounding");
  const noise = updateSpectrum(tf.tensor2d(expected.noise.matrix));
  close(Array.from(noise.singular).slice(0, 8), expected.noise.singular, 3e-5);
  close([noise.effectiveRank, noise.stableRank], [expected.noise.effectiveRank, expected.noise.stableRank], 1e-4);
});

test("ranks as known", () => {
  close([effectiveRank([2, 2, 2, 0]), stableRank([2, 2, 2, 0]), effectiveRank([0]), stableRank([0, 0])], [3, 3, 0, 0], 1e-12);
  assert.deepEqual([energyRank([3, 1, 0]), energyRank([3, 1, 0], 0.95), energyRank([1, 1, 1, 1], 0.5)], [1, 2, 2]);
});

const noisy = (m: number, n: number, theta: number, seed: number) => tf.tidy(() => {
  const u = tf.tensor2d(Float32Array.from(probe(m, seed, 1)), [m, 1]), v = tf.tensor2d(Float32Array.from(probe(n, seed, 2)), [1, n]);
  return tf.add(tf.mul(tf.matMul(u, v), theta / Math.sqrt(m * n)), normal([m, n], seed, 1 / Math.sqrt(n)));
});
test("a signal in noise is seen iff θ > c^¼, at √((1 + θ²)(c + θ²))/θ, and its strength is recovered", () => {
  const m = 200, n = 400, c = m / n, threshold = c ** 0.25;
  close([spikedSingular(threshold, c), spikedSingular(threshold * (1 + 1e-9), c)], [1 + Math.sqrt(c), 1 + Math.sqrt(c)], 1e-6);
  for (const theta of [1.5, 3]) {
    close([debiasSingular(spikedSingular(theta, c), c)!.theta], [theta], 1e-9);
    const X = noisy(m, n, theta, 5), r = updateSpectrum(X);
    assert.ok(Math.abs(r.singular[0] - spikedSingular(theta, c)) < 0.08, `${r.singular[0]}`);
    assert.ok(Math.abs(r.noise.deviation * Math.sqrt(n) - 1) < 0.03 && Math.abs(r.noise.strengths[0] - theta) < 0.12, JSON.stringify(r.noise));
    const { U } = svd(X), cosine = Math.abs(numbers(tf.slice(U as never, [0, 0], [m, 1])).reduce((s, x, i) => s + (x * probe(m, 5, 1)[i]) / Math.sqrt(m), 0));
    assert.ok(Math.abs(cosine ** 2 - debiasSingular(spikedSingular(theta, c), c)!.left) < 0.08);
  }
  assert.equal(debiasSingular(1 + Math.sqrt(c), c), undefined);
  const lost = updateSpectrum(noisy(m, n, 0.6 * threshold, 6));
  assert.ok(lost.singular[0] < 1.03 * lost.noise.edge, "below the threshold it drowns");
});

test("singular vectors: x = U diag(s) Vᵀ with orthonormal columns, wide and tall", () => tf.tidy(() => {
  for (const shape of [[5, 9], [9, 5], [4, 4]] as [number, number][]) {
    const x = normal(shape, 3), { U, s, V } = svd(x), k = Math.min(...shape), eye = Array.from({ length: k * k }, (_, i) => +(i % (k + 1) === 0));
    close(numbers(tf.matMul(tf.mul(U, tf.tensor1d(s)) as never, V as never, false, true)), numbers(x), 1e-5);
    for (const M of [U, V]) close(numbers(tf.matMul(M as never, M as never, true, false)), eye, 1e-5);
  }
  assert.throws(() => svd(tf.zeros([3])), userError("a matrix is needed"));
}));

test("subspace overlap: 1 with itself, the random level between strangers, 0 between orthogonal ones", () => {
  const A = normal([60, 40], 1), B = normal([60, 40], 2);
  close([subspaceOverlap(A, A, 5).overlap, subspaceOverlap(A, A, 3, 8).overlap, subspaceOverlap(A, A, 5, 5, "right").overlap], [1, 1, 1], 1e-4);
  const pairs = Array.from({ length: 60 }, (_, seed) => subspaceOverlap(normal([60, 10], seed + 10), normal([60, 10], seed + 500), 4, 8)), mean = pairs.reduce((s, p) => s + p.overlap, 0) / pairs.length;
  assert.equal(pairs[0].random, 8 / 60);
  assert.ok(Math.abs(mean - 8 / 60) < 0.015, `${mean}`);
  const left = tf.concat([normal([30, 10], 1), tf.zeros([30, 10])], 0), right = tf.concat([tf.zeros([30, 10]), normal([30, 10], 2)], 0);
  close([subspaceOverlap(left, right, 4).overlap], [0], 1e-6);
  assert.throws(() => subspaceOverlap(A, normal([50, 40], 1), 2), userError("no common left space"));
  assert.throws(() => subspaceOverlap(A, B, 41), userError("41 directions", "1 to 40"));
  assert.throws(() => updateSpectra({ w: A }, { w: A }), userError("no matrix differs"));
});

test("angles: known ones, and two random directions have a cosine of standard deviation 1/√D", () => {
  close([angle(Float64Array.of(1, 0), Float64Array.of(1, 1)).degrees, angle(Float64Array.of(1, 0), Float64Array.of(-2, 0)).degrees], [45, 180], 1e-6);
  for (const D of [10, 1000]) {
    const cosines = Array.from({ length: 400 }, (_, i) => angle(probe(D, 1, i, "gaussian"), probe(D, 2, i, "gaussian"))), sd = Math.sqrt(cosines.reduce((s, a) => s + a.cosine ** 2, 0) / 400);
    assert.ok(Math.abs(sd * Math.sqrt(D) - 1) < 0.12, `${sd}`);
    const outside = cosines.filter((a) => a.degrees < a.random[0] || a.degrees > a.random[1]).length;
    assert.ok(outside > 4 && outside < 40, `${outside} of 400 outside of 95 %`);
    close([cosines[0].deviations], [cosines[0].cosine * Math.sqrt(D)], 1e-12);
  }
  assert.throws(() => angle(Float64Array.of(0, 0), Float64Array.of(1, 0)), userError("no direction"));
  assert.throws(() => angle(Float64Array.of(1), Float64Array.of(1, 0)), userError("1 and 2 entries"));
});

test("an update along −gradient is at 0°, one against it at 180°, whole and tensor by tensor", () => {
  const gradient = { a: tf.tensor1d([1, 2]), b: tf.tensor1d([3]) }, down = { a: tf.tensor1d([-1, -2]), b: tf.tensor1d([-3]) };
  close([updateAngles(down, gradient).all.degrees, updateAngles(gradient, gradient).all.degrees], [0, 180], 1e-4);
  const mixed = updateAngles({ a: tf.tensor1d([-1, -2]), b: tf.tensor1d([3]) }, gradient);
  close([mixed.tensors.a.degrees, mixed.tensors.b.degrees], [0, 180], 1e-4);
  assert.deepEqual(Object.keys(updateAngles({ a: tf.zeros([2]), b: tf.tensor1d([1]) }, gradient).tensors), ["b"]);
  assert.throws(() => updateAngles({ c: tf.zeros([1]) }, gradient), userError("c has no gradient"));
});

test("share in a span: of random vectors k/D, with the stated spread; transport keeps lengths and angles", () => {
  const D = 200, k = 20, directions = Array.from({ length: k }, (_, i) => probe(D, 3, i, "gaussian")), shares = Array.from({ length: 300 }, (_, i) => shareInSpan(probe(D, 4, i, "gaussian"), directions));
  const mean = shares.reduce((s, x) => s + x.inside, 0) / 300, sd = Math.sqrt(shares.reduce((s, x) => s + (x.inside - mean) ** 2, 0) / 300);
  assert.ok(Math.abs(mean - k / D) < 0.006 && Math.abs(sd / shares[0].deviation - 1) < 0.15, `${mean}, ${sd} against ${shares[0].deviation}`);
  close([shareInSpan(directions[3], [...directions, directions[0]]).inside, shareInSpan(directions[3], [...directions, directions[0]]).k], [1, k], 1e-9);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((s, x, i) => s + x * b[i], 0), from = probe(6, 1, 1, "gaussian"), to = probe(6, 1, 2, "gaussian"), tangent = (i: number) => { const v = probe(6, 1, i, "gaussian"), c = dot(v, from) / dot(from, from); return v.map((x, j) => x - c * from[j]); };
  const [a, b] = [tangent(3), tangent(4)], [A, B] = [transport(a, from, to), transport(b, from, to)];
  close([dot(A, to), dot(A, A), dot(A, B)], [0, dot(a, a), dot(a, b)], 1e-9);
  close([...transport(a, from, from)], [...a], 1e-9);
  assert.throws(() => transport(a, from, from.map((x) => -x)), userError("opposite"));
});
