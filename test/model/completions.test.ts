// Rollouts: rows of different prompts in one batch draw what each alone would draw, with the log-probabilities that the model gives them.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { lora, prefix, type Adapter } from "tunelab/methods";
import { generate, logits, sampleCompletions, type Completion, type Model } from "tunelab/model";
import { tokenLogProbabilities, type Example } from "tunelab/objectives";
import { dispose, tf } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { tinyModel, withJit } from "../support/fixtures";
import { randomLike } from "../support/training";

let model: Model, adapter: Adapter;
before(async () => {
  model = await tinyModel("qwen2-tied");
  const method = lora({ targets: "all-linear" }), start = method.init(model.params, model.config, 0);
  adapter = { method, trained: randomLike(start) };
  dispose(start);
});
const PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [12, 13], [14, 15, 16, 17, 18], [20]];
const ids = (found: Completion[][]) => found.map((row) => row.map((c) => c.ids));

for (const compiled of [true, false])
  test(`log-probabilities of drawn tokens are those of a forward pass over the whole text (1e-4), ${compiled ? "compiled" : "eager"}`, () => withJit(compiled, async () => {
    for (const [a, temperature] of [[undefined, 1], [adapter, 1.7]] as const) {
      const found = await sampleCompletions(model, PROMPTS, { adapter: a, count: 3, maxNewTokens: 9, temperature, batchSize: 5, seed: 4 });
      assert.deepEqual(found.map((row) => row.length), [3, 3, 3, 3]);
      const all = found.flatMap((row, p) => row.map((c): Example => ({ ids: Int32Array.from([...PROMPTS[p], ...c.ids]), target: Uint8Array.from([...PROMPTS[p].map(() => 0), ...c.ids.map(() => 1)]) })));
      const expected = await tokenLogProbabilities(model, a?.method, { temperature })(all, a?.trained);
      close(found.flat().map((c) => c.logs), expected.map((x) => [...x]), 1e-4);
    }
  }));

test("what a row draws depends on the seed and its place only, not on its neighbours", () => withJit(false, async () => {
  const draw = (batchSize: number, seed = 1) => sampleCompletions(model, PROMPTS, { adapter, count: 4, maxNewTokens: 8, batchSize, seed }).then(ids);
  const one = await draw(1);
  for (const size of [3, 16, 100]) assert.deepEqual(await draw(size), one, `batches of ${size}`);
  assert.notDeepEqual(await draw(16, 2), one);
  assert.ok(new Set(one[0].map(String)).size > 1, "samples of one prompt differ");
  assert.deepEqual((await sampleCompletions(model, PROMPTS.slice(0, 2), { adapter, count: 4, maxNewTokens: 8, seed: 1 }).then(ids)), one.slice(0, 2));
}));

test("greedy completions are generate's, and end with the end token", () => withJit(false, async () => {
  const prefixed: Adapter = { method: prefix({ tokens: 3, start: "random" }), trained: {} };
  prefixed.trained = prefixed.method.init(model.params, model.config, 0);
  for (const a of [undefined, adapter, prefixed]) {
    const found = await sampleCompletions(model, PROMPTS, { adapter: a, temperature: 0, maxNewTokens: 20, batchSize: 3 }), expected = await generate(model, PROMPTS, { adapter: a, maxNewTokens: 20 });
    found.forEach(([c], i) => {
      assert.deepEqual(c.ended ? c.ids.slice(0, -1) : c.ids, expected[i].ids);
      assert.equal(c.ended, expected[i].stoppedBy === "eos");
      if (c.ended) assert.equal(c.ids.at(-1), model.tokenizer.eos[0]);
    });
  }
}));

test("an end token ends a row and nothing after it is kept", () => withJit(false, async () => {
  const ends: Model = { ...model, tokenizer: { ...model.tokenizer, eos: Array.from({ length: 56 }, (_, i) => 2 * i) } }; // half of all tokens end
  for (const [c] of await sampleCompletions(ends, Array.from({ length: 12 }, (_, i) => [3 + i]), { maxNewTokens: 12, batchSize: 4 })) {
    assert.deepEqual(c.ids.map((id) => id % 2 === 0), c.ids.map((_, i) => c.ended && i === c.ids.length - 1));
    assert.equal(c.logs.length, c.ids.length);
  }
}));

test("tokens are drawn as often as their probabilities say; top-p keeps the nucleus", () => withJit(false, async () => {
  const n = 3000, prompt = PROMPTS[0], row = tf.tidy(() => logits({ ...model }, { ids: Int32Array.from(prompt), batch: 1 }).arraySync() as number[][][])[0].at(-1)!.map((v) => v / 0.5);
  const top = Math.max(...row), total = row.reduce((s, v) => s + Math.exp(v - top), 0), p = row.map((v) => Math.exp(v - top) / total);
  const counts = new Array(p.length).fill(0);
  for (const c of (await sampleCompletions(model, [prompt], { count: n, maxNewTokens: 1, temperature: 0.5, batchSize: 500 }))[0]) counts[c.ids[0]]++;
  // χ² with 111 degrees of freedom (rare tokens put together): mean f, deviation √(2f); five deviations leave no chance to chance
  const common = p.flatMap((v, i) => (v * n >= 5 ? [i] : [])), rest = 1 - common.reduce((s, i) => s + p[i], 0), restCount = n - common.reduce((s, i) => s + counts[i], 0);
  const chi = common.reduce((s, i) => s + (counts[i] - n * p[i]) ** 2 / (n * p[i]), rest > 0 ? (restCount - n * rest) ** 2 / (n * rest) : 0);
  assert.ok(common.length > 3 && chi < common.length + 5 * Math.sqrt(2 * common.length), `χ² ${chi} of ${common.length}`);
  const order = p.map((_, i) => i).sort((a, b) => p[b] - p[a]), nucleus = new Set<number>();
  for (let i = 0, mass = 0; mass < 0.6; i++) { nucleus.add(order[i]); mass += p[order[i]]; }
  const cut = (await sampleCompletions(model, [prompt], { count: 300, maxNewTokens: 1, temperature: 0.5, topP: 0.6, batchSize: 300 }))[0];
  assert.ok(cut.every((c) => nucleus.has(c.ids[0])));
  cut.forEach((c) => close(c.logs, [Math.log(p[c.ids[0]])], 1e-4)); // of the whole distribution, not of the nucleus
}));

test("memory is that of one batch, however many rows there are", () => withJit(false, async () => {
  const most = async (count: number) => {
    let peak = 0;
    await sampleCompletions(model, PROMPTS, { count, maxNewTokens: 4, batchSize: 4, tick: async () => { peak = Math.max(peak, tf.memory().numBytes); } });
    return peak;
  };
  assert.equal(await most(12), await most(3));
}));

test("nothing is left behind, also where it is stopped; wrong input is refused", () => withJit(false, async () => {
  await leaksNothing(() => sampleCompletions(model, PROMPTS, { adapter, count: 2, maxNewTokens: 4, batchSize: 3 }));
  const before = tf.memory().numTensors;
  let n = 0;
  await assert.rejects(sampleCompletions(model, PROMPTS, { maxNewTokens: 8, batchSize: 2, tick: async () => { if (++n === 5) throw new Error("stop"); } }), /stop/);
  assert.equal(tf.memory().numTensors, before);
  const done: number[] = [];
  await sampleCompletions(model, PROMPTS, { maxNewTokens: 1, batchSize: 2, tick: async (d) => { done.push(d); } });
  assert.deepEqual(done, [0, 2]);
  for (const [options, ...mentions] of [[{ count: 0 }, "count is 0"], [{ maxNewTokens: 1.5 }, "maxNewTokens is 1.5"], [{ batchSize: -1 }, "batchSize is -1"], [{ temperature: -1 }, "temperature is -1"], [{ topP: 0 }, "topP is 0"], [{ maxNewTokens: 500 }, "Prompt 1 has 7 tokens", "256 positions"]] as [object, ...string[]][])
    await assert.rejects(sampleCompletions(model, PROMPTS, options), userError(...mentions));
  await assert.rejects(sampleCompletions(model, [[5], []]), userError("Prompt 2 is empty"));
  await assert.rejects(sampleCompletions(model, [[500]]), userError("token id 500"));
}));
