// The SFT loss is −mean log p of the target tokens, computed here by hand from logits; padding contributes nothing.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { lora, type Method } from "tunelab/methods";
import { generate, load, logits, type Model } from "tunelab/model";
import { encodeExamples, sft, type Example } from "tunelab/objectives";
import { adamw } from "tunelab/optimizers";
import { accumulate, disposeTrainable } from "tunelab/train";
import { compiles, dispose, tf } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { fixture, tinyModel, withJit } from "../support/fixtures";
import { examples, lossAndGradients, none, randomLike, step, trainable } from "../support/training";

let model: Model;
before(async () => { model = await tinyModel("qwen2-tied"); });
const objective = sft();
const lossOf = (batch: readonly Example[], m = model) => tf.tidy(() => objective.loss(m, none)({}, objective.collate(batch)).dataSync()[0]);

/** −log p of each target token, in float64, from the logits of each example alone. */
const byHand = (batch: readonly Example[]): Promise<number[]> => withJit(false, () =>
  batch.flatMap(({ ids, target }) => {
    const t = logits(model, { ids, batch: 1 }), [rows] = t.arraySync() as number[][][];
    t.dispose();
    return [...ids].flatMap((id, i) => {
      if (!target[i]) return [];
      const row = rows[i - 1], top = Math.max(...row);
      return [top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0)) - row[id]];
    });
  }));
const mean = (x: number[]) => x.reduce((a, b) => a + b, 0) / x.length;

test("collating: every target once, scored one position earlier; padding has weight 0", () => {
  const batch = objective.collate([
    { ids: Int32Array.from([5, 6, 7, 8]), target: Uint8Array.from([0, 0, 1, 1]) },
    { ids: Int32Array.from([9, 10]), target: Uint8Array.from([1, 1]) }, // the first token has nothing before it
  ]);
  assert.deepEqual([batch.batch, batch.longest, batch.weight, batch.ids.length], [2, 4, 3, 32]);
  assert.deepEqual([[...batch.ids.slice(0, 5)], [...batch.ids.slice(16, 19)]], [[5, 6, 7, 8, 0], [9, 10, 0]]);
  assert.deepEqual([[...batch.rows.slice(0, 3)], [...batch.labels.slice(0, 3)]], [[1, 2, 16], [7, 8, 10]]);
  assert.deepEqual([...batch.weights], [1, 1, 1, ...Array(29).fill(0)]);
  assert.deepEqual([batch.rows.length, batch.labels.length, objective.length({ ids: Int32Array.from([1, 2, 3]), target: new Uint8Array(3) })], [32, 32, 3]);
});

for (const compiled of [true, false])
  test(`the loss is the mean of −log p over the targets of the batch, ${compiled ? "compiled" : "eager"}`, (t) => withJit(compiled, async () => {
    const batch = examples(112, 4, 7);
    t.diagnostic(`difference ${close([lossOf(batch)], [mean(await byHand(batch))], 1e-5).toExponential(1)}`);
    const all = batch.map((e) => ({ ...e, target: Uint8Array.from(e.ids, (_, i) => (i ? 1 : 0)) }));
    close([lossOf(all)], [mean(await byHand(all))], 1e-5);
    const one = batch.map((e, i) => ({ ...e, target: Uint8Array.from(e.ids, (_, t) => (i === 2 && t === 1 ? 1 : 0)) }));
    close([lossOf(one)], await byHand(one), 1e-5);
  }));

test("the composition of batches changes neither the loss nor the gradient of the whole", () => withJit(false, () => {
  const all = [...examples(112, 3, 5), ...examples(112, 2, 20, 1)], each = all.map((e) => ({ loss: lossOf([e]), n: e.target.reduce((a, b) => a + b, 0) })), total = each.reduce((s, e) => s + e.n, 0);
  close([lossOf(all)], [each.reduce((s, e) => s + (e.loss * e.n) / total, 0)], 1e-5); // short ones beside long ones: much padding
  close([lossOf([...all].reverse())], [lossOf(all)], 5e-6);
  const method = lora({ targets: "all-linear" }), start = method.init(model.params, model.config, 0), trained = randomLike(start), loss = objective.loss(model, method);
  const whole = accumulate(loss, trained, [objective.collate(all)]), parts = accumulate(loss, trained, all.map((e) => objective.collate([e])));
  close([parts.loss, parts.norm], [whole.loss, whole.norm], 1e-5);
  for (const n of Object.keys(trained)) close(parts.gradients[n].dataSync(), whole.gradients[n].dataSync(), 1e-5, n);
  [start, trained, whole.gradients, parts.gradients].forEach(dispose);
}));

test("context tokens and padding are no targets: only what they say to the answer counts", () => withJit(false, () => {
  const [e] = examples(112, 1, 12), changed = { ...e, target: e.target.map((v, i) => (i === 11 ? 0 : v)) };
  const last = { ids: e.ids.map((id, i) => (i === 11 ? (id === 5 ? 6 : 5) : id)), target: changed.target }; // its last token is context of nothing
  assert.equal(lossOf([last]), lossOf([changed]));
  assert.notEqual(lossOf([{ ids: last.ids, target: e.target }]), lossOf([e]));
}));

test("sequences may fill the model's positions, though the batch is padded beyond them, but not exceed them", () => withJit(false, () => {
  const short = { ...model, config: { ...model.config, maxPositions: 20 } }, make = (n: number): Example => ({ ids: new Int32Array(n).fill(5), target: new Uint8Array(n).fill(1) });
  assert.ok(lossOf([make(20)], short) > 0);
  assert.throws(() => lossOf([make(21)], short), userError("21 tokens", "20 positions", "maxLength"));
  assert.throws(() => lossOf([{ ids: Int32Array.from([5, 112]), target: Uint8Array.from([0, 1]) }]), userError("token id 112", "vocabulary"));
}));

test("a model learns the answer and its end: after training it says exactly that, and stops", () => withJit(false, async () => {
  const random = await load(fixture("gguf", "llama.gguf")), tokenizer = random.tokenizer;
  // its random embedding is so small that all tokens stay about equally likely; a larger final norm makes up for it
  const small = { ...random, params: { ...random.params, "model.norm.weight": tf.mul(random.params["model.norm.weight"], 50) } }, records = [{ question: "port 80", answer: "http" }, { question: "port 22", answer: "ssh 登录" }];
  const data = encodeExamples(tokenizer, records), method = lora({ targets: "all-linear", rank: 16 }), optimizer = adamw({ weightDecay: 0 }), loss = objective.loss(small, method), batch = objective.collate(data);
  let at = trainable(method.init(small.params, small.config, 0), optimizer), last = Infinity;
  for (let s = 0; s < 150 && last > 0.3; s++) ({ next: at, loss: last } = step(at, loss, batch, optimizer, 0.02));
  const prompts = records.map((r) => tokenizer.chat([{ role: "user", content: r.question }], { addGenerationPrompt: true }));
  const answers = await generate(small, prompts, { adapter: { method, trained: at.trained }, maxNewTokens: 20 });
  assert.deepEqual(answers.map((a) => [a.text, a.stoppedBy]), records.map((r) => [r.answer, "eos"]), `loss ${last}`);
  disposeTrainable(at);
}));

test("a second loss of the same model and method uses the head that the first one compiled", async () => {
  let traced = 0;
  const counting: Method = { ...none, wrap: () => (site, x, next) => { if (site === "lm_head") traced++; return next(x); } };
  const value = () => tf.tidy(() => objective.loss(model, counting)({}, objective.collate(examples(112))).dataSync()[0]), first = value(), once = traced;
  assert.equal(value(), first);
  if (compiles()) assert.equal(traced, once);
});

test("no tensor is left behind, also where the batch is refused", () => withJit(false, async () => {
  const method = lora(), trained = method.init(model.params, model.config, 0), batch = examples(112);
  await leaksNothing(() => {
    lossAndGradients(model, method, trained, batch);
    const g = accumulate(objective.loss(model, method), trained, [batch, batch.slice(1)].map((b) => objective.collate(b)));
    dispose(g.gradients);
    assert.throws(() => lossOf([{ ids: Int32Array.from([5, 500]), target: Uint8Array.from([0, 1]) }]));
  });
  dispose(trained);
}));
