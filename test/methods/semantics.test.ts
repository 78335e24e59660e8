// What each method is, beyond the common contract: its paper's definition, in closed form or against a plain computation.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { bitfit, diffPruning, fish, fisher, full, ia3, lora, prefix, projectDiff, prompt, pTuning, sparseDifference, type Method } from "tunelab/methods";
import { logits, placeIds, placeInputs, save, type Model } from "tunelab/model";
import { sft } from "tunelab/objectives";
import { lomo, sgd } from "tunelab/optimizers";
import { train, valueAndGradients } from "tunelab/train";
import { dispose, key, tf, type Params } from "tunelab/tensor";
import { close, userError, values } from "../support/compare";
import { temporary, tinyModel, withJit } from "../support/fixtures";
import { examples, lossAndGradients, step, trainable } from "../support/training";

let llama: Model, qwen: Model;
const folder = temporary();
before(async () => { llama = await tinyModel("llama"); qwen = await tinyModel("qwen2-tied"); });

const last = (model: Model, ids: number[], from: number, adapter?: { method: Method; trained: Params }): number[][] => {
  const t = logits({ ...model, ...adapter }, { ids: Int32Array.from(ids), batch: 1 }), rows = (t.arraySync() as number[][][])[0];
  t.dispose();
  return rows.slice(from);
};

test("a prefix that starts as a prompt is that prompt; a prompt of a text's tokens is that text", () => withJit(false, () => {
  const text = [10, 11, 12, 13], rest = [20, 21, 22];
  for (const [method, d] of [[prefix({ start: text }), 2e-5], [prompt({ tokens: 4, start: text }), 1e-6], [pTuning({ tokens: 4, encoder: "none" }), undefined]] as const)
    for (const model of [llama, qwen]) {
      const trained = method.init(model.params, model.config, 0), with_ = last(model, rest, 0, { method, trained });
      if (d !== undefined) close(with_, last(model, [...text, ...rest], 4), d, method.name);
      dispose(trained);
    }
  const cut = prefix({ tokens: 2, start: text }), trained = cut.init(llama.params, llama.config, 0);
  close(last(llama, rest, 0, { method: cut, trained }), last(llama, [10, 11, ...rest], 2), 2e-5, "the first two");
  dispose(trained);
}));

test("virtual tokens stand where they are wanted, in rows with padding on either side", () => {
  const method = pTuning({ places: [["end", 1], ["start", 2], [1, 1]], encoder: "none" });
  assert.deepEqual(placeIds(method, [5, 6, 7], 2), [-1, -2, 5, -3, 6, -4, 7]);
  assert.deepEqual(placeIds(method, [5, 6, 7]), [-1, -2, 5, -3, 6, 7, -4]);
  assert.deepEqual(placeIds(method, [5]), [-1, -2, 5, -3, -4], "a place beyond the prompt is its end");
  assert.deepEqual(placeIds(method, [-1, 5]), [-1, 5], "placed already");
  assert.deepEqual(placeIds(lora(), [5, 6]), [5, 6]);
  const { inputs, rows } = placeInputs(method, { ids: Int32Array.from([0, 5, 6, 7, 8, 0]), batch: 2, attend: [0, 1, 1, 1, 1, 0], context: [1, 2] });
  assert.deepEqual([...inputs.ids], [0, -1, -2, 5, -3, -4, 6, -1, -2, 7, -3, 8, -4, 0]);
  assert.deepEqual(inputs.attend, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
  assert.deepEqual([...rows!], [2, 5, 6, 10, 12, 13], "each where the next given token is predicted");
});

test("the Fisher information is the mean of squared gradients of single examples; the mask keeps the largest", () => withJit(false, async () => {
  const data = examples(104, 4), scores = await fisher(llama, data, { parameters: ["q_proj", "down_proj"], display: false }), expected: Record<string, number[]> = {};
  for (const example of data) for (const [name, g] of Object.entries(lossAndGradients(llama, full({ parameters: ["q_proj", "down_proj"] }), scoresBase(scores), [example]).gradients)) expected[name] = g.map((v, i) => (expected[name]?.[i] ?? 0) + (v * v) / data.length);
  for (const name of Object.keys(scores)) close(scores[name], expected[name], 1e-6 * Math.max(...expected[name]), name);
  const method = await fish(llama, data, { parameters: ["q_proj", "down_proj"], density: 0.01, display: false }), trained = method.init(llama.params, llama.config, 0);
  const kept = Object.entries(sparseDifference({ method, trained }, llama.params)).flatMap(([name, { indices }]) => [...indices].map((i) => scores[name][i])), all = Object.values(scores).flatMap((s) => [...s]).sort((a, b) => b - a);
  assert.deepEqual(kept.sort((a, b) => b - a), all.slice(0, Math.round(0.01 * all.length)));
  [trained, method.constants!].forEach(dispose);
}));
const scoresBase = (scores: Record<string, unknown>): Params => Object.fromEntries(Object.keys(scores).map((name) => [name, llama.params[name]]));

for (const compiled of [true, false])
  test(`sparse updates equal masked full fine-tuning, ${compiled ? "compiled" : "eager"}`, () => withJit(compiled, async () => {
    const data = examples(104, 4), parameters = ["k_proj", "mlp", "norm"], method = await fish(llama, data, { parameters, density: 0.02, display: false });
    const objective = sft(), optimizer = sgd({ momentum: 0.9 }), batch = objective.collate(data), whole = full({ parameters }), loss = objective.loss(llama, whole), sparseLoss = objective.loss(llama, method);
    let a = trainable(method.init(llama.params, llama.config, 0), optimizer);
    const kept = sparseDifference({ method, trained: a.trained }, llama.params), start = whole.init(llama.params, llama.config, 0);
    const masks: Params = Object.fromEntries(Object.entries(start).map(([name, p]) => { const m = new Float32Array(p.size); kept[name]?.indices.forEach((i) => { m[i] = 1; }); return [name, tf.tensor(m, p.shape)]; }));
    let b = trainable(start, optimizer);
    for (let s = 0; s < 5; s++) {
      a = step(a, sparseLoss, batch, optimizer, 0.05).next;
      const now = b;
      b = tf.tidy(() => {
        const { gradients } = valueAndGradients(loss, now.trained, batch), next = Object.entries(now.trained).map(([n, p]) => [n, optimizer.step(p, tf.mul(gradients[n], masks[n]), now.state[n], tf.scalar(0.05))] as const);
        return { trained: Object.fromEntries(next.map(([n, r]) => [n, r.p])), state: Object.fromEntries(next.map(([n, r]) => [n, r.state])) };
      });
      [now.trained, ...Object.values(now.state)].forEach(dispose);
    }
    const merged = method.merge!(llama.params, a.trained);
    for (const [name, p] of Object.entries(b.trained)) close(merged[name].dataSync(), p.dataSync(), 2e-6, name);
    assert.ok(Object.values(kept).some(({ indices }, i) => indices.length && i), "something moved");
    [merged, masks, method.constants!, a.trained, ...Object.values(a.state), b.trained, ...Object.values(b.state)].forEach(dispose);
  }));

test("diff pruning: the penalty in closed form, gates that are open with probability σ(α)", () => withJit(false, () => {
  const sigma = (a: number) => 1 / (1 + Math.exp(-a)), price = (method: Method): number => { const t = method.init(llama.params, llama.config, 0), p = tf.tidy(() => method.penalty!(t).dataSync()[0]); dispose(t); return p; };
  const n = 2 * 48 * 48;
  close([price(diffPruning({ parameters: ["q_proj"], penalty: 1e-3 }))], [1e-3 * n * sigma(5)], 5e-5);
  close([price(diffPruning({ parameters: ["q_proj"], penalty: 1e-3, alpha: 0.5, structure: "row" }))], [1e-3 * n * sigma(0.5) ** 2], 5e-5);
  for (const alpha of [-1, 0, 2]) {
    // w₀ = 0 and w = 1: the weight that the model sees is z itself
    const size = 20000, name = "model.layers.0.q.weight", method = diffPruning({ alpha }), trained = { [`${name}.diff`]: tf.ones([size]), [`${name}.gates`]: tf.fill([size], alpha) }, base = { [name]: tf.zeros([size]) }, k = key(3);
    const z = tf.tidy(() => method.weights!(base, trained, k)[name].dataSync()), fixed = tf.tidy(() => method.weights!(base, trained)[name].dataSync());
    const share = (f: (v: number) => boolean) => z.filter(f).length / size;
    // z > 0 iff s > 1/2, z = 1 iff s ≥ 5/6, and P(s > c) = σ(α − log(c / (1 − c)))
    close([share((v) => v > 0), share((v) => v === 1)], [sigma(alpha), sigma(alpha - Math.log(5))], 0.015, "shares"); // 4 standard deviations
    close([fixed[0]], [Math.min(1, Math.max(0, 3 * sigma(alpha) - 1.5))], 1e-6, "without a key");
    [trained, base].forEach(dispose); k.dispose();
  }
}));

test("diff pruning in train(): the penalty is in the loss, gates have their own rate; the projection keeps the largest", async () => {
  const data = examples(104, 4), method = diffPruning({ parameters: ["v_proj"], penalty: 0.01, alpha: 0.3, gateRate: 50 }), before = tf.memory().numTensors;
  const options = { model: llama, method, data: { train: data, validation: data }, steps: 1, batchSize: 4, learningRate: 1e-3, warmup: 0, clip: 0, optimizer: sgd(), schedule: "constant" as const, display: false };
  const start = method.init(llama.params, llama.config, 0), price = tf.tidy(() => method.penalty!(start).dataSync()[0]), run = await train(options), [first] = run.history.steps, [plain] = run.history.evaluations;
  // at the start w = 0, so noise in the gates changes nothing
  close([first.loss - plain.loss], [price], 1e-4, "penalty");
  const moved = Object.entries(run.trained).find(([name]) => name.endsWith(".gates"))!, slope = 0.01 * (1 / (1 + Math.exp(-0.3))) * (1 - 1 / (1 + Math.exp(-0.3)));
  close([...moved[1].dataSync()].slice(0, 9), Array(9).fill(0.3 - 1e-3 * 50 * slope), 1e-6, "gates move by gateRate times the rate");
  const small = projectDiff(run, llama.params, { density: 0.05 }), d = sparseDifference(small, llama.params), z = Math.max(0, Math.min(1, 3 / (1 + Math.exp(-(0.3 - 0.05 * slope))) - 1.5));
  const all = Object.entries(run.trained).filter(([n]) => n.endsWith(".diff")).flatMap(([, t]) => [...t.dataSync()]).map((v) => Math.abs(v * z)).sort((a, b) => b - a), kept = Object.values(d).flatMap(({ values }) => [...values!]).map(Math.abs).sort((a, b) => b - a);
  assert.equal(kept.length, Math.round(0.05 * all.length));
  close(kept, all.slice(0, kept.length), 1e-6, "largest differences");
  [start, run.trained, small.trained, small.method.constants!].forEach(dispose);
  assert.equal(tf.memory().numTensors, before);
});

for (const [what, make] of [["prompt tuning", () => prompt({ tokens: 3 })], ["P-tuning", () => pTuning({ tokens: 3, hidden: 4 })], ["prefix tuning", () => prefix({ tokens: 3 })], ["diff pruning", () => diffPruning({ parameters: ["v_proj"] })], ["IA3", () => ia3()]] as const)
  test(`${what}: a run that goes on from a checkpoint ends where an uninterrupted one does`, async () => {
    const data = examples(104, 6), method = make(), options = { model: llama, method, data: { train: data }, steps: 4, batchSize: 3, learningRate: 1e-2, display: false, saveEvery: 2 }, where = folder("run");
    const whole = await train({ ...options, folder: where });
    fs.rmSync(path.join(where, "checkpoint-4"), { recursive: true });
    const again = await train({ ...options, folder: where, resume: true });
    assert.deepEqual(values(again.trained), values(whole.trained));
    [whole, again].forEach(({ trained }) => dispose(trained));
  });

test("biases that the architecture has no place for are not lost in silence", () => {
  const method = bitfit({ biases: ["o_proj"] }), trained = method.init(llama.params, llama.config, 0), merged = method.merge!(llama.params, trained), where = folder("model");
  assert.throws(() => save({ ...llama, params: merged }, where), userError("self_attn.o_proj.bias", "save the adapter"));
  assert.ok(!fs.existsSync(where));
  [trained, merged].forEach(dispose);
});

test("a fused optimizer refuses methods whose gradient it cannot use layer by layer, and takes the others", async () => {
  const options = { model: llama, data: { train: examples(104, 2) }, steps: 1, batchSize: 2, optimizer: lomo(), display: false };
  await assert.rejects(train({ ...options, method: prefix({ tokens: 2, encoder: "mlp" }) }), userError("lomo", "encoder", "adamw"));
  await assert.rejects(train({ ...options, method: diffPruning({ parameters: ["v_proj"] }) }), userError("lomo", "penalty", "adamw"));
  for (const method of [prefix({ tokens: 2 }), ia3()]) {
    const run = await train({ ...options, method });
    assert.equal(run.status, "done");
    dispose(run.trained);
  }
});
