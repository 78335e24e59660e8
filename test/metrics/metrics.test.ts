// Classification and calibration against scikit-learn and numpy; bootstrap, perplexity and cost against closed forms.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { backend, tf } from "tunelab/tensor";
import { accuracy, bitsPerByte, bootstrapInterval, calibration, classificationReport, corpusBleu, efficiencyScore, fitPowerLaw, mean, measureCost, pairedDifference, peakTensorBytes, perplexity, quantile, storedBytes, unigramPerplexity, wattHours } from "tunelab/metrics";
import * as everything from "tunelab";
import { close, userError } from "../support/compare";
import { readJson, temporary } from "../support/fixtures";

const F = readJson("metrics", "classification.json");
const folder = temporary();

test("classification: scikit-learn's numbers, with a class that is never true", () => {
  const r = classificationReport(F.actual, F.predicted);
  assert.deepEqual([r.classes, r.confusion], [F.classes, F.confusion]);
  close([r.accuracy, accuracy(F.actual, F.predicted), r.micro.f1], [F.accuracy, F.accuracy, F.accuracy], 1e-12);
  for (const [name, s] of Object.entries(r.perClass)) close([s.precision, s.recall, s.f1, s.support], F.perClass[name], 1e-12, name);
  for (const kind of ["micro", "macro", "weighted"] as const) close([r[kind].precision, r[kind].recall, r[kind].f1], F.means[kind], 1e-12, kind);
});
test("classification by hand: order of the classes, unknown ones refused", () => {
  const r = classificationReport(["a", "a", "b"], ["a", "b", "b"], { classes: ["b", "a", "c"] });
  assert.deepEqual(r.confusion, [[1, 0, 0], [1, 1, 0], [0, 0, 0]]);
  assert.deepEqual(r.perClass.a, { precision: 1, recall: 0.5, f1: 2 / 3, support: 2 });
  assert.deepEqual(r.perClass.c, { precision: 0, recall: 0, f1: 0, support: 0 });
  assert.throws(() => classificationReport(["a"], ["z"], { classes: ["a"] }), userError("item 0", '"z"'));
  assert.throws(() => classificationReport(["a"], []), userError("1 against 0"));
  assert.throws(() => classificationReport([], []), userError("empty"));
});
test("calibration: numpy's numbers; borders belong to the bin below", () => {
  const c = calibration(F.calibration.confidence, F.calibration.right);
  close([c.expected, c.maximum], [F.calibration.expected, F.calibration.maximum], 1e-12);
  assert.equal(c.bins.reduce((n, b) => n + b.count, 0), F.calibration.confidence.length);
  for (let k = 0; k <= 10; k++) assert.equal(calibration([k / 10], [true]).bins.findIndex((b) => b.count), Math.max(0, k - 1), `${k / 10}`);
  assert.ok(Math.abs(calibration([0.8, 0.8, 0.8, 0.8, 0.8], [true, true, true, true, false]).expected) < 1e-12);
  assert.throws(() => calibration([1.2], [true]), userError("item 0", "1.2"));
});
test("perplexity: weighted by tokens; a uniform model has the size of its vocabulary; bits do not depend on the tokens", () => {
  assert.equal(perplexity(Math.log(50)), Math.exp(Math.log(50)));
  close([perplexity([Math.log(8), Math.log(2)]), perplexity([1, 3], [3, 1]), perplexity(new Float32Array([2]))], [4, Math.exp(1.5), Math.exp(2)], 1e-9);
  close([bitsPerByte(6 * 8 * Math.LN2, "网络")], [8], 1e-12);
  close([unigramPerplexity([0, 0, 0, 1], [0, 1], 2, 0)], [1 / Math.sqrt(0.75 * 0.25)], 1e-12);
  close([unigramPerplexity([0, 0, 0, 1], [0, 1, 2], 3)], [(4 / 7 * 2 / 7 * 1 / 7) ** (-1 / 3)], 1e-12);
  assert.throws(() => unigramPerplexity([5], [0], 2), userError("id 5", "train"));
  assert.throws(() => perplexity([]), userError("0 losses"));
});
test("quantiles are numpy's", () => { close(F.quantiles.q.map((q: number) => quantile(F.quantiles.values, q)), F.quantiles.expected, 1e-12); });
test("bootstrap: the mean's interval is the normal one for many items, and repeats with its seed", () => {
  const values = Array.from({ length: 400 }, (_, i) => i % 10), se = Math.sqrt(8.25 / 400);
  const i = bootstrapInterval(values, mean, { samples: 4000, seed: 1 });
  assert.equal(i.estimate, 4.5);
  close([i.low, i.high, i.standardError], [4.5 - 1.96 * se, 4.5 + 1.96 * se, se], 0.03);
  assert.deepEqual(bootstrapInterval(values, mean, { samples: 50, seed: 1 }), bootstrapInterval(values, mean, { samples: 50, seed: 1 }));
  assert.notDeepEqual(bootstrapInterval(values, mean, { samples: 50, seed: 1 }), bootstrapInterval(values, mean, { samples: 50, seed: 2 }));
  // two items: the resampled mean is 0, ½, 1 with probabilities ¼, ½, ¼
  close([bootstrapInterval([0, 1], mean, { samples: 20_000 }).standardError], [Math.sqrt(1 / 8)], 0.01);
});
test("bootstrap: pairs are drawn together, so what both share does not widen the difference", () => {
  const a = Array.from({ length: 50 }, (_, i) => i), b = a.map((x) => x + 1), d = pairedDifference(a, b, mean, { samples: 500 });
  close([d.estimate, d.low, d.high], [1, 1, 1], 1e-9);
  assert.equal(d.doubt, 0);
  assert.ok(bootstrapInterval(a, mean, { samples: 500 }).standardError > 1);
  assert.equal(pairedDifference(a, a, mean, { samples: 10 }).doubt, 1);
  const score = bootstrapInterval([["a b c d", "a b c d"], ["a b c e", "a b c d"]], (items) => corpusBleu(items.map((x) => x[0]), items.map((x) => x[1])).score, { samples: 100 });
  assert.ok(score.low < score.estimate && score.high > score.estimate);
  assert.throws(() => pairedDifference([1], [1, 2], mean), userError("1 against 2"));
  assert.throws(() => bootstrapInterval([], mean), userError("no items"));
  assert.throws(() => bootstrapInterval([1], mean, { confidence: 95 }), userError("confidence is 95", "0.95"));
});
test("cost: time, memory that is really taken, energy; failures come through", async () => {
  const { result, cost } = await measureCost(async () => {
    const held = Buffer.alloc(96 * 2 ** 20, 1);
    await new Promise((done) => setTimeout(done, 60));
    return held.length;
  }, { watts: 30 });
  assert.equal(result, 96 * 2 ** 20);
  assert.ok(cost.seconds >= 0.055 && cost.addedBytes > 80 * 2 ** 20 && cost.addedBytes < 400 * 2 ** 20, JSON.stringify(cost));
  assert.equal(cost.wattHours, wattHours(cost.seconds, 30));
  assert.equal(wattHours(7200, 50), 100);
  assert.equal((await measureCost(() => 1)).cost.wattHours, undefined);
  await assert.rejects(measureCost(() => { throw new RangeError("x"); }), RangeError);
  await assert.rejects(measureCost(() => 1, { watts: -1 }), userError("watts is -1"));
});
test("peak of tensor bytes: what exists at once beyond the start, clones counted once", async () => {
  await backend();
  const held = tf.ones([1000]);
  const { result, addedBytes } = await peakTensorBytes(async () => {
    tf.tidy(() => { const a = tf.ones([300]), b = a.clone(); tf.add(a, b); }); // 2 × 1200 bytes
    await null;
    held.dispose();
    return tf.zeros([250]); // 1000 bytes, but 4000 fewer than at the start
  });
  assert.equal(addedBytes, 2400);
  assert.equal((await peakTensorBytes(() => result.clone())).addedBytes, 0);
  tf.disposeVariables();
  result.dispose();
});

test("stored bytes: a file, and a folder with all that is in it", () => {
  const place = folder("saved");
  fs.mkdirSync(`${place}/inner`, { recursive: true });
  fs.writeFileSync(`${place}/a`, "12345"); fs.writeFileSync(`${place}/inner/b`, "123");
  assert.deepEqual([storedBytes(`${place}/a`), storedBytes(place)], [5, 8]);
  assert.throws(() => storedBytes(`${place}/none`), userError("no such file"));
});
test("efficiency: ratios to the best, weighted; neither units nor a third candidate change the order", () => {
  const criteria = { f1: { weight: 3, better: "higher" }, seconds: { weight: 1, better: "lower" } } as const;
  const two = { lora: { f1: 0.8, seconds: 10 }, full: { f1: 0.9, seconds: 100 } }, e = efficiencyScore(two, criteria);
  close([e.lora.score, e.full.score], [(8 / 9) ** 0.75, 0.1 ** 0.25], 1e-12);
  assert.deepEqual(e.lora.parts, { f1: 0.8 / 0.9, seconds: 1 });
  const three = efficiencyScore({ ...two, slow: { f1: 0.95, seconds: 1e6 } }, criteria);
  close([three.lora.score / three.full.score], [e.lora.score / e.full.score], 1e-12);
  assert.throws(() => efficiencyScore({ a: { f1: 1, seconds: 0 } }, criteria), userError("seconds of a is 0"));
  assert.throws(() => efficiencyScore({ a: { f1: 1 } } as never, criteria), userError("seconds of a is undefined"));
});
test("the package's main entry has them too", () => { for (const name of ["corpusBleu", "rouge", "classificationReport", "bootstrapInterval", "measureCost", "perplexity"]) assert.equal(typeof (everything as never)[name], "function", name); });
test("power law: scipy's line through the logarithms; exact points give themselves back", () => {
  const P = readJson("metrics", "power-law.json"), fit = fitPowerLaw(P.x, P.y);
  for (const name of ["coefficient", "exponent", "exponentError", "r2"] as const) close([fit[name] / P[name]], [1], 1e-10, name);
  const exact = fitPowerLaw([1, 10, 100], [8, 4, 2]);
  close([exact.coefficient, exact.exponent, exact.r2, exact.at(1000), exact.inverse(4)], [8, Math.log10(2), 1, 1, 10], 1e-12);
  assert.ok(exact.exponentError < 1e-6);
  assert.deepEqual([fitPowerLaw([1, 2], [3, 2]).exponentError, fitPowerLaw([1, 2], [3, 3]).r2], [Infinity, 1]);
  assert.throws(() => fitPowerLaw([1, 2], [1, 0]), userError("point 2 is (2, 0)"));
  assert.throws(() => fitPowerLaw([2, 2], [1, 3]), userError("all x are the same"));
});
