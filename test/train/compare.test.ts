// compareMethods: same budget for all, learning rates chosen on validation data, nothing done twice, intervals over seeds.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { bitfit, diffPruning, ia3, lora, projectDiff, trainableCount } from "tunelab/methods";
import type { Model } from "tunelab/model";
import { compareMethods, evaluate, train, type ComparedRun } from "tunelab/train";
import { dispose, tf } from "tunelab/tensor";
import { interval } from "tunelab/theory";
import { close, userError } from "../support/compare";
import { tinyModel, withJit } from "../support/fixtures";
import { examples } from "../support/training";

let model: Model;
before(async () => { model = await tinyModel("qwen2-tied"); });
/** Validation is part of the training data, so that learning shows. */
const data = () => { const train = examples(112, 6, 8, 1); return { train, validation: train.slice(0, 3) }; };
const methods = { lora: () => lora({ rank: 2 }), bitfit: async () => bitfit() };

test("each run is the one that train() gives alone; rows hold means, t-intervals, counts and costs", () => withJit(false, async () => {
  const tensors = tf.memory().numTensors, seen: ComparedRun[] = [], { rows, stopped } = await compareMethods({ model, methods, data: data(), steps: 6, batchSize: 3, seeds: [3, 4], learningRates: [1e-6, 3e-2], onRun: (run) => seen.push(run) });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual([stopped, rows.map((r) => [r.method, r.learningRate, r.runs.length]), seen.length], [false, [["lora", 3e-2, 2], ["bitfit", 3e-2, 2]], 8]);
  assert.deepEqual(rows.map((r) => r.edge), ["largest", "largest"]);
  for (const row of rows) {
    const method = await methods[row.method as "lora"](), losses: number[] = [];
    for (const [i, seed] of [3, 4].entries()) {
      const run = await train({ model, method, data: { train: data().train }, steps: 6, batchSize: 3, learningRate: 3e-2, seed, display: false });
      losses.push((await evaluate(model, data().validation, { adapter: run, batchSize: 3 })).loss);
      assert.equal(row.runs[i].loss, losses[i]);
      assert.equal(row.runs[i].score, -losses[i]);
      assert.equal(row.trainable, Object.values(run.trained).reduce((n, t) => n + t.size, 0));
      dispose(run.trained);
    }
    close([row.loss, row.scoreError!], [(losses[0] + losses[1]) / 2, interval(losses).error], 1e-9, row.method);
    assert.ok(row.stored > 4 * row.trainable && row.secondsPerStep > 0 && row.peakBytes > 8 * row.trainable, JSON.stringify({ ...row, runs: 0 }));
  }
}));

test("of diff pruning the projection on its budget is judged and stored; a rate inside the range is no edge", () => withJit(false, async () => {
  const tensors = tf.memory().numTensors, options = { model, data: data(), steps: 4, batchSize: 3 }, { rows: [row] } = await compareMethods({ ...options, methods: { diff: () => diffPruning() }, seeds: [1], learningRates: [1e-6, 1e-2, 1e3] });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual([row.learningRate, row.edge], [1e-2, undefined]);
  const run = await train({ ...options, method: diffPruning(), data: { train: options.data.train }, learningRate: 1e-2, seed: 1, display: false }), kept = projectDiff(run, model.params);
  assert.equal(row.loss, (await evaluate(model, options.data.validation, { adapter: kept, batchSize: 3 })).loss);
  assert.equal(row.trainable, trainableCount(run));
  assert.ok(row.stored < 0.05 * 4 * row.trainable, `${row.stored} bytes for ${trainableCount(kept)} of ${row.trainable}`);
  [run.trained, kept.trained, kept.method.constants!].forEach(dispose);
}));

test("what is known is not done again, and a score of one's own is asked of every seed", () => withJit(false, async () => {
  let scored = 0;
  const options = { model, methods: { ia3: () => ia3() }, data: data(), steps: 2, batchSize: 3, learningRates: [1e-3], score: async () => ++scored };
  const first = await compareMethods({ ...options, seeds: [0] }), again = await compareMethods({ ...options, seeds: [0, 1], known: first.rows[0].runs });
  assert.deepEqual([scored, again.rows[0].runs.map((r) => r.score), again.rows[0].score], [2, [1, 2], 1.5]);
  assert.equal(again.rows[0].runs[0], first.rows[0].runs[0]);
  const all = await compareMethods({ ...options, methods: { ia3: () => assert.fail("made though all is known") }, seeds: [0, 1], known: again.rows[0].runs });
  assert.deepEqual(all.rows[0], again.rows[0]);
}));

test("nothing to compare, seeds given twice, no validation data, no finite loss at any rate", () => withJit(false, async () => {
  const options = { model, methods, data: data(), steps: 2, batchSize: 3 };
  await assert.rejects(compareMethods({ ...options, methods: {} }), userError("no method"));
  await assert.rejects(compareMethods({ ...options, seeds: [1, 1] }), userError("seeds are 1, 1"));
  await assert.rejects(compareMethods({ ...options, data: { ...data(), validation: [] } }), userError("no validation data"));
  await assert.rejects(compareMethods({ ...options, learningRates: [1e30, 1e35], steps: 3 }), userError("lora gave no finite loss", "smaller ones"));
}));
