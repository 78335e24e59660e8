// train(): it learns, counts right, says what went wrong, and leaves nothing behind. Mechanics only, so without compilation.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Scalar } from "@tensorflow/tfjs";
import { TunelabError } from "tunelab";
import { lora, type Method } from "tunelab/methods";
import { logits, type Model } from "tunelab/model";
import { sft, type Example, type Objective, type SftBatch } from "tunelab/objectives";
import { adamw, type Optimizer } from "tunelab/optimizers";
import { backend, tf, type Params } from "tunelab/tensor";
import { accumulate, evaluate, lastRun, train, type StepRecord, type TrainOptions } from "tunelab/train";
import { nativeTensors } from "../tensor/native";
import { distance, randomExamples, smallLora, tinyModel, valuesOf } from "./support";

process.env.TUNELAB_JIT = "0";
type Tiny = Pick<Model, "config" | "params">;
let model: Tiny;
before(async () => { await backend(); model = await tinyModel(); });
const userError = (...patterns: RegExp[]) => (e: unknown) => { assert.ok(e instanceof TunelabError, String((e as Error)?.stack ?? e)); patterns.forEach((p) => assert.match((e as Error).message, p)); return true; };
const quick = (options: Partial<TrainOptions<Example, SftBatch>> = {}) =>
  train({ model, method: smallLora(), data: { train: randomExamples(6) }, steps: 3, batchSize: 3, learningRate: 5e-3, display: false, ...options });

test("LoRA on all matrices memorises eight random examples: the loss falls below 0.1, and the answers come back greedily", async () => {
  const wide = await tinyModel({ hidden_size: 32, intermediate_size: 48 }), data = randomExamples(8, { shortest: 8, longest: 8 });
  // Chance is ln 416 = 6.0 nats, and the untrained model is worse. Distinct first halves determine the second halves, so memory alone suffices.
  const run = await train({ model: wide, method: lora({ rank: 8, alpha: 32, targets: "all-linear" }), data: { train: data }, steps: 40, batchSize: 8, learningRate: 1e-2, display: false });
  assert.equal(run.status, "done");
  assert.ok(run.history.steps[0].loss > 5 && run.history.steps.at(-1)!.loss < 0.1, `${run.history.steps[0].loss} → ${run.history.steps.at(-1)!.loss}`);
  for (const { ids } of data) {
    const best = tf.tidy(() => tf.argMax(logits({ ...wide, method: run.method, trained: run.trained }, { ids, batch: 1 }), -1).dataSync());
    assert.deepEqual([...ids.slice(4)], [...best.slice(3, 7)]);
  }
});

test("two batches accumulated are one of twice the size: loss, gradients and a whole step (1e-6)", async () => {
  const data = randomExamples(8, { shortest: 5, longest: 20 }), method = smallLora(), objective = sft(), loss = objective.loss(model, method), init = method.init(model.params, model.config, 0);
  const trained: Params = Object.fromEntries(Object.entries(init).map(([name, t], i) => [name, tf.tensor(Float32Array.from({ length: t.size }, (_, j) => 0.1 * Math.sin(1 + i + j)), t.shape)]));
  // Unequal shares: by target tokens, not by batches.
  const whole = accumulate(loss, trained, [objective.collate(data)]), parts = accumulate(loss, trained, [objective.collate(data.slice(0, 2)), objective.collate(data.slice(2, 7)), objective.collate(data.slice(7))]);
  assert.ok(Math.abs(whole.loss / parts.loss - 1) < 1e-6 && Math.abs(whole.norm / parts.norm - 1) < 1e-6, `${whole.loss} ${parts.loss} ${whole.norm} ${parts.norm}`);
  assert.ok(distance(valuesOf(whole.gradients), valuesOf(parts.gradients)) < 1e-6 * whole.norm);
  assert.ok(whole.norm > 0.01);
  const run = (batchSize: number, accumulate: number) => quick({ data: { train: data }, steps: 1, batchSize, accumulate, warmup: 0, optimizer: plainDescent, clip: 0 });
  const [large, small] = [await run(8, 1), await run(4, 2)];
  assert.ok(distance(valuesOf(large.trained), valuesOf(small.trained)) < 1e-6);
  assert.ok(Math.abs(large.history.steps[0].loss / small.history.steps[0].loss - 1) < 1e-6);
});
const plainDescent: Optimizer = { name: "sgd", settings: {}, init: () => ({}), step: (p, g, _state, rate) => ({ p: tf.sub(p, tf.mul(rate, g)), state: {} }) };

test("an accumulated batch without targets counts for nothing; a step without any is an error", async () => {
  const data = randomExamples(2), bare = { ids: data[0].ids, target: new Uint8Array(data[0].ids.length) }, method = smallLora(), objective = sft(), loss = objective.loss(model, method);
  const trained = method.init(model.params, model.config, 0), one = accumulate(loss, trained, [objective.collate(data)]), two = accumulate(loss, trained, [objective.collate([bare]), objective.collate(data)]);
  assert.equal(one.loss, two.loss);
  assert.equal(distance(valuesOf(one.gradients), valuesOf(two.gradients)), 0);
  await assert.rejects(quick({ data: { train: [bare] } }), userError(/no targets/));
  await assert.rejects(evaluate(model, [bare]), userError(/no example has a target/));
  assert.equal((await evaluate(model, [...data, bare], { batchSize: 1 })).loss, (await evaluate(model, data, { batchSize: 1 })).loss);
});

test("validation and evaluate give the mean over all target tokens, as computed by hand from the logits", async () => {
  const data = randomExamples(7, { shortest: 4, longest: 20 }), run = await quick({ data: { train: data, validation: data } });
  const byHand = (adapter?: { method: Method; trained: Params }) => {
    let sum = 0, n = 0;
    for (const { ids, target } of data) {
      const rows = tf.tidy(() => logits({ ...model, ...adapter }, { ids, batch: 1 }).arraySync()) as number[][][];
      for (let t = 1; t < ids.length; t++) if (target[t]) { const row = rows[0][t - 1]; sum += Math.log(row.reduce((s, v) => s + Math.exp(v), 0)) - row[ids[t]]; n++; }
    }
    return sum / n;
  };
  const near = (found: { loss: number; perplexity?: number }, expected: number) => { assert.ok(Math.abs(found.loss - expected) < 1e-5, `${found.loss}, by hand ${expected}`); assert.equal(found.perplexity, Math.exp(found.loss)); };
  assert.deepEqual(run.history.evaluations.map((e) => e.step), [0, 3]);
  near(run.history.evaluations[0], byHand());
  near(run.history.evaluations[1], byHand(run));
  for (const batchSize of [1, 3, 100]) { near(await evaluate(model, data, { batchSize }), byHand()); near(await evaluate(model, data, { adapter: run, batchSize }), byHand(run)); }
  await assert.rejects(evaluate(model, []), userError(/no examples/));
  for (const batchSize of [0, -1, 1.5, NaN]) await assert.rejects(evaluate(model, data, { batchSize }), userError(/batchSize/));
});

test("evaluateEvery: at the start, every so many steps and at the end, once each", async () => {
  const data = randomExamples(6), steps = async (evaluateEvery: number, steps: number) => (await quick({ data: { train: data, validation: data.slice(0, 2) }, evaluateEvery, steps })).history.evaluations.map((e) => e.step);
  assert.deepEqual(await steps(2, 5), [0, 2, 4, 5]);
  assert.deepEqual(await steps(2, 4), [0, 2, 4]);
  assert.deepEqual(await steps(0, 4), [0, 4]);
  assert.deepEqual((await quick({ data: { train: data, validation: [] }, evaluateEvery: 1 })).history.evaluations, []);
});

test("the history is what happened: steps, epochs, learning rates, gradient norms; onStep sees each record", async () => {
  const seen: StepRecord[] = [], run = await quick({ data: { train: randomExamples(10) }, steps: undefined, epochs: 2, batchSize: 3, accumulate: 2, schedule: "linear", warmup: 1, learningRate: 0.01, onStep: (r) => seen.push({ ...r }) });
  assert.deepEqual(seen, run.history.steps);
  assert.deepEqual(seen.map((r) => r.step), [1, 2, 3, 4]); // 10 examples are 4 batches: 2 epochs of 2 steps
  assert.deepEqual(seen.map((r) => r.epoch), [0.5, 1, 1.5, 2]);
  seen.forEach((r, i) => assert.ok(Math.abs(r.learningRate - [0, 0.01, 0.02 / 3, 0.01 / 3][i]) < 1e-12, `${r.learningRate}`));
  for (const r of seen) assert.ok(r.seconds > 0 && r.tokensPerSecond > 0 && r.memory > 1e7 && r.gradientNorm > 0);
  assert.match(run.message, /4 steps/);
});

test("without warm-up given, 5 % of the steps are warm-up; clipping limits the update", async () => {
  const rates = (await quick({ steps: 40, schedule: "constant", learningRate: 1e-6 })).history.steps.map((r) => r.learningRate);
  assert.deepEqual(rates.slice(0, 3), [0, 5e-7, 1e-6]);
  const moved = async (clip: number) => {
    const run = await quick({ steps: 1, warmup: 0, learningRate: 1, optimizer: plainDescent, clip }), start = smallLora().init(model.params, model.config, 0);
    return { norm: run.history.steps[0].gradientNorm, by: Math.hypot(...Object.entries(valuesOf(run.trained)).flatMap(([name, v]) => v.map((x, i) => x - start[name].dataSync()[i]))) };
  };
  const free = await moved(0), clipped = await moved(0.01);
  assert.ok(Math.abs(free.by / free.norm - 1) < 1e-3 && Math.abs(clipped.by / 0.01 - 1) < 1e-3, JSON.stringify({ free, clipped }));
  assert.equal(clipped.norm, free.norm, "the norm in the history is the one before clipping");
});

test("the seed decides initial weights, order and dropout, and nothing else does", async () => {
  const data = randomExamples(12), values = async (seed: number, dropout = 0.3) => valuesOf((await quick({ data: { train: data }, seed, steps: 4, method: lora({ rank: 2, dropout }) })).trained);
  const [a, again, other, without] = [await values(1), await values(1), await values(2), await values(1, 0)];
  assert.equal(distance(a, again), 0);
  assert.ok(distance(a, other) > 1e-3 && distance(a, without) > 1e-4);
});

test("the number of tensors is constant over 50 steps, and a run leaves its trained tensors only", async () => {
  const counts: number[] = [], held: number[] = [], before = tf.memory().numTensors, data = randomExamples(12);
  const run = await quick({ data: { train: data, validation: data.slice(0, 4) }, steps: 50, accumulate: 2, evaluateEvery: 5, method: lora({ rank: 2, dropout: 0.1 }), onStep: () => { counts.push(tf.memory().numTensors); held.push(nativeTensors()); } });
  assert.equal(new Set(counts.slice(2)).size, 1, counts.join());
  assert.equal(new Set(held.slice(2)).size, 1, held.join());
  assert.equal(tf.memory().numTensors - before, Object.keys(run.trained).length);
});

/** SFT whose loss is multiplied by `factor(n)` at the n-th call of a training step. */
function disturbed(factor: (call: number) => number): Objective<Example, SftBatch> {
  const inner = sft();
  let call = 0;
  return { ...inner, name: "disturbed", loss: (m, method) => { const loss = inner.loss(m, method); return (trained, batch, key) => tf.mul(loss(trained, batch, key), key ? factor(++call) : 1) as Scalar; } };
}
const finite = (params: Params) => Object.values(valuesOf(params)).flat().every(Number.isFinite);

test("a loss that is no number stops the run with the last state known to be good, and a message that helps", async () => {
  const good: Record<string, number[]>[] = [];
  for (const bad of [NaN, Infinity]) {
    good.length = 0;
    const before = tf.memory().numTensors;
    const run = await quick({ steps: 10, warmup: 0, objective: disturbed((n) => (n === 5 ? bad : 1)), onStep: () => good.push(valuesOf(lastRun().trained)) });
    assert.equal(run.status, "non-finite");
    assert.match(run.message, new RegExp(`Step 5: the loss is ${bad}.* after step 3.*learning rate \\(now 0\\.005\\)`));
    // The update of step 4 was never seen to give a finite loss.
    assert.deepEqual(run.history.steps.map((r) => r.step), [1, 2, 3]);
    assert.equal(distance(valuesOf(run.trained), good[2]), 0);
    assert.equal(tf.memory().numTensors - before, Object.keys(run.trained).length);
  }
  const first = await quick({ objective: disturbed(() => NaN) });
  assert.equal(first.status, "non-finite");
  assert.equal(distance(valuesOf(first.trained), valuesOf(smallLora().init(model.params, model.config, 0))), 0);
});

test("a huge learning rate stops the run too, and what it leaves is still finite and gives a finite loss", async () => {
  const data = randomExamples(6), run = await quick({ data: { train: data, validation: data }, steps: 20, learningRate: 1e30, warmup: 0, schedule: "constant" });
  assert.equal(run.status, "non-finite");
  assert.ok(finite(run.trained));
  assert.ok(Number.isFinite((await evaluate(model, data, { adapter: run })).loss));
});

test("lastRun is the most recent run, also while it goes and after an error; the error itself comes through", async () => {
  const running: string[] = [];
  const run = await quick({ onStep: () => running.push(lastRun().status) });
  assert.deepEqual(running, ["running", "running", "running"]);
  assert.equal(lastRun(), run);
  const before = tf.memory().numTensors;
  await assert.rejects(quick({ onStep: ({ step }) => { if (step === 2) throw new RangeError("mine"); } }), RangeError);
  assert.equal(lastRun().status, "stopped");
  assert.match(lastRun().message, /after step 2 .*mine/);
  assert.ok(finite(lastRun().trained));
  assert.equal(tf.memory().numTensors - before, Object.keys(lastRun().trained).length);
});

test("options that make no sense are refused, and the message names them", async () => {
  const wrong: [Partial<TrainOptions<Example, SftBatch>>, RegExp][] = [
    ...[0, -1, 1.5, NaN, Infinity].flatMap((v): [Partial<TrainOptions<Example, SftBatch>>, RegExp][] => [[{ batchSize: v }, /batchSize/], [{ accumulate: v }, /accumulate/], [{ saveEvery: v }, /saveEvery/], [{ steps: v }, /steps/]]),
    ...[0, -1, NaN, Infinity].flatMap((v): [Partial<TrainOptions<Example, SftBatch>>, RegExp][] => [[{ learningRate: v }, /learningRate/], [{ steps: undefined, epochs: v }, /epochs/]]),
    [{ evaluateEvery: -1 }, /evaluateEvery/], [{ evaluateEvery: 0.5 }, /evaluateEvery/], [{ warmup: -1 }, /warmup/], [{ warmup: NaN }, /warmup/], [{ clip: -1 }, /clip/], [{ clip: NaN }, /clip/],
    [{ seed: 0.5 }, /seed/], [{ seed: NaN }, /seed/], [{ schedule: "wave" as never }, /wave/], [{ data: { train: [] } }, /data\.train is empty/], [{ learningRate: 1e39 }, /learningRate/],
  ];
  for (const [options, pattern] of wrong) await assert.rejects(quick(options), userError(pattern), JSON.stringify(options));
});

test("tensors of the base model are left as they were", async () => {
  const before = valuesOf(model.params);
  await quick({ optimizer: adamw({ weightDecay: 0.1 }) });
  assert.equal(distance(valuesOf(model.params), before), 0);
});

test("a method that trains nothing is refused by name", async () => {
  const nothing: Method = { name: "nothing", settings: {}, init: () => ({}) };
  await assert.rejects(quick({ method: nothing }), userError(/method "nothing" has no tensor to train/));
});
