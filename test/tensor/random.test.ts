// lib/tensor/random.ts: the same key gives the same numbers, other keys give others, and the numbers are spread as they should be.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { backend, dropout, foldIn, hash, jit, key, nativeBackend, Random, tf, uniform } from "tunelab/tensor";

before(async () => { await backend(); });
const numbers = (t: Tensor) => [...t.dataSync()];
const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length;
const correlation = (x: readonly number[], y: readonly number[]) => {
  const a = mean(x), b = mean(y), cov = mean(x.map((v, i) => (v - a) * (y[i] - b)));
  return cov / Math.sqrt(mean(x.map((v) => (v - a) ** 2)) * mean(y.map((v) => (v - b) ** 2)));
};
/** χ² of counts in equal bins: bins − 1 on average, with a standard deviation of √(2 (bins − 1)). */
function chiSquare(values: readonly number[], bins: number): number {
  const counts = new Array<number>(bins).fill(0), expected = values.length / bins;
  for (const v of values) counts[Math.floor(v * bins)]++;
  return counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
}
const evenlySpread = (values: readonly number[], what: string) => {
  assert.ok(values.every((v) => v >= 0 && v < 1), `${what}: in [0, 1)`);
  const chi = chiSquare(values, 64);
  assert.ok(chi > 63 - 5 * 11.2 && chi < 63 + 5 * 11.2, `${what}: χ² of 64 bins is ${chi}, not near 63`);
  assert.ok(Math.abs(correlation(values.slice(1), values.slice(0, -1))) < 5 / Math.sqrt(values.length), `${what}: neighbours are independent`);
};

test("a stream is a pure function of seed and purpose", () => {
  const take = (r: Random) => Array.from({ length: 100 }, () => r.uniform());
  assert.deepEqual(take(new Random(7, "a")), take(new Random(7, "a")));
  const streams = [new Random(7, "a"), new Random(8, "a"), new Random(7, "b"), new Random(7), new Random(-7, "a"), new Random(0), new Random(2 ** 31, "a")].map(take);
  streams.forEach((x, i) => streams.slice(i + 1).forEach((y) => assert.equal(x.filter((v) => y.includes(v)).length, 0)));
  // Known answers: another machine, and a later version, must go on giving these, or runs could not be resumed.
  const r = new Random(1, "known");
  assert.deepEqual([r.integer(1000), r.integer(1000), r.integer(1000), hash("tunelab", 3)], KNOWN);
});
const KNOWN = [757, 175, 105, 3197800885]; // xoshiro128**, FNV-1a and murmur3 worked out apart from this library

test("uniform, integer, normal and shuffle are spread as they should be", () => {
  const r = new Random(3, "spread"), n = 40_000;
  evenlySpread(Array.from({ length: n }, () => r.uniform()), "uniform");
  evenlySpread(Array.from({ length: n }, () => (r.integer(64) + 0.5) / 64), "integer");
  const z = Array.from({ length: n }, () => r.normal());
  assert.ok(Math.abs(mean(z)) < 5 / Math.sqrt(n) && Math.abs(mean(z.map((v) => v * v)) - 1) < 5 * Math.sqrt(2 / n) && Math.abs(mean(z.map((v) => v ** 4)) - 3) < 5 * Math.sqrt(96 / n));
  const counts: Record<string, number> = {}, items = [1, 2, 3, 4], given = [...items];
  for (let i = 0; i < 24_000; i++) { const s = r.shuffle(items).join(); counts[s] = (counts[s] ?? 0) + 1; }
  assert.deepEqual(items, given, "the input is left as it is");
  assert.equal(Object.keys(counts).length, 24);
  for (const [order, c] of Object.entries(counts)) assert.ok(Math.abs(c - 1000) < 5 * Math.sqrt(1000), `${order}: ${c}`);
});

test("uniform tensors: a pure function of key and shape, eager or compiled, evenly spread", () => tf.tidy(() => {
  const k = key(11), values = numbers(uniform([200, 100], k));
  assert.deepEqual(numbers(uniform([200, 100], key(11))), values);
  evenlySpread(values, "uniform tensor");
  assert.deepEqual(uniform([2, 3, 4], k).shape, [2, 3, 4]);
  assert.deepEqual(uniform([], k).shape, []);
  const compiled = jit((k: Tensor) => uniform([200, 100], foldIn(k, "site")));
  for (const seed of [11, 12, 11, -5, 2 ** 31 - 1]) assert.deepEqual(numbers(compiled(key(seed))), numbers(uniform([200, 100], foldIn(key(seed), "site"))), `seed ${seed}`);
  compiled.dispose();
}));

test("uniform tensors: bit for bit the hash lowbias32 of index and key, and neighbours are independent", { skip: !nativeBackend() && "only where TensorFlow is native" }, () => tf.tidy(() => {
  const mix = (x: number) => { x ^= x >>> 16; x = Math.imul(x, 0x7feb352d); x ^= x >>> 15; x = Math.imul(x, 0x846ca68b); return x ^ (x >>> 16); };
  for (const seed of [0, 7, -3]) {
    const k = foldIn(key(seed), "site"), [a, b] = numbers(k), values = numbers(uniform([50, 80], k));
    assert.deepEqual(values, Array.from({ length: 4000 }, (_, i) => (mix((mix(mix(i) ^ a) + b) | 0) & (2 ** 23 - 1)) * 2 ** -23), `seed ${seed}`);
    for (const lag of [1, 2, 64, 80]) assert.ok(Math.abs(correlation(values.slice(lag), values.slice(0, -lag))) < 5 / Math.sqrt(4000 - lag), `seed ${seed}, lag ${lag}`);
  }
}));

test("sub-streams are independent of each other and of the order of calls, and the order of folding matters", () => tf.tidy(() => {
  const k = key(5), draw = (key: Tensor) => numbers(uniform([4000], key));
  const keys: Record<string, Tensor> = {
    k, other: key(6), a: foldIn(k, "a"), b: foldIn(k, "b"), ab: foldIn(foldIn(k, "a"), "b"), ba: foldIn(foldIn(k, "b"), "a"), aa: foldIn(foldIn(k, "a"), "a"), A: foldIn(key(6), "a"),
  };
  const streams = Object.entries(keys).map(([name, k]) => [name, draw(k)] as const);
  for (const [i, [m, x]] of streams.entries())
    for (const [n, y] of streams.slice(i + 1)) assert.ok(Math.abs(correlation(x, y)) < 5 / Math.sqrt(x.length), `${m} and ${n} are correlated`);
  assert.deepEqual(draw(foldIn(k, "a")), streams[2][1]);
}));

test("dropout keeps 1 − rate of the entries, scales them, keeps the mean, and its gradient goes through the same mask", () => tf.tidy(() => {
  const x = tf.ones([100, 100]), k = key(2), y = numbers(dropout(x, 0.3, k));
  assert.deepEqual([...new Set(y.map((v) => v.toFixed(6)))].sort(), ["0.000000", (1 / 0.7).toFixed(6)]);
  const kept = y.filter((v) => v > 0).length / y.length;
  assert.ok(Math.abs(kept - 0.7) < 5 * Math.sqrt(0.21 / y.length), `${kept} are kept`);
  assert.deepEqual(numbers(tf.grad((x) => tf.sum(dropout(x as Tensor, 0.3, k)))(x)), y);
  assert.equal(dropout(x, 0, k), x);
  assert.notDeepEqual(numbers(dropout(x, 0.3, key(3))), y);
}));
