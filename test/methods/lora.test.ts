// LoRA keeps the contract of every method: where it starts, what it trains, its gradient, and that merging equals wrapping.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { lora, matchSites, type LoraOptions, type Method, type Targets } from "tunelab/methods";
import { hiddenStates, logits, noWrap, parameterShapes, parseConfig, type Model } from "tunelab/model";
import { sft } from "tunelab/objectives";
import { count, dispose, key, tf, type Params } from "tunelab/tensor";
import { close, leaksNothing, userError, values } from "../support/compare";
import { tinyModel, withJit } from "../support/fixtures";
import { examples, lossAndGradients, none, randomLike } from "../support/training";

let llama: Model, qwen: Model;
before(async () => { llama = await tinyModel("llama"); qwen = await tinyModel("qwen2-tied"); });

const ALL: Targets = "all-linear";
const IDS = { ids: Int32Array.from([5, 6, 7, 80, 9, 10, 11, 12]), batch: 2 };
const run = (model: Model, method?: Method, trained?: Params) => { const t = logits({ ...model, method, trained }, IDS), all = [...t.dataSync()]; t.dispose(); return all; };

test("of a 1.5B Qwen2, q and v with rank 8 train 1,089,536 numbers", () => {
  const config = parseConfig({
    model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936,
  }, "config.json");
  // names and shapes are all that LoRA asks of the base
  const base = Object.fromEntries(Object.entries(parameterShapes(config)).map(([name, shape]) => [name, { shape, rank: shape.length }])) as unknown as Params;
  const trained = lora({ rank: 8 }).init(base, config, 0);
  assert.equal(count(trained), 1_089_536);
  assert.equal(Object.keys(trained).length, 28 * 2 * 2);
  dispose(trained);
  const all = matchSites(base, ALL).reduce((sum, s) => sum + 8 * (s.out + s.into), 0);
  assert.equal(all, 28 * 8 * (3072 + 2 * 1792 + 3072 + 3 * (1536 + 8960))); // q, k, v, o, and the MLP's three
});

test("A is uniform within ±1/√in, B is zero; seed and site decide", () => {
  const method = lora({ rank: 16, targets: ALL }), trained = method.init(llama.params, llama.config, 7), again = method.init(llama.params, llama.config, 7), other = method.init(llama.params, llama.config, 8);
  const a = values(trained);
  assert.deepEqual(values(again), a);
  const spread: number[] = [];
  for (const [name, x] of Object.entries(a)) {
    if (name.endsWith("lora_B.weight")) { assert.ok(x.every((v) => v === 0), name); continue; }
    const bound = 1 / Math.sqrt(trained[name].shape[1]!);
    assert.ok(x.every((v) => Math.abs(v) <= bound), name);
    spread.push(...x.map((v) => v / bound));
    assert.notDeepEqual([...other[name].dataSync()], x, name);
  }
  const mean = spread.reduce((s, v) => s + v, 0) / spread.length, variance = spread.reduce((s, v) => s + v * v, 0) / spread.length;
  close([mean, variance], [0, 1 / 3], 0.02, "mean and variance of U(−1, 1)"); // 12,800 numbers: 4 standard deviations
  const [first, second] = [0, 1].map((l) => a[`model.layers.${l}.self_attn.q_proj.lora_A.weight`]);
  assert.notDeepEqual(first, second);
  [trained, again, other].forEach(dispose);
});

for (const compiled of [true, false])
  test(`before the first step the model is exactly the base, ${compiled ? "compiled" : "eager"}`, () => withJit(compiled, () => {
    for (const model of [llama, qwen]) {
      const method = lora({ targets: ALL, dropout: 0.5 }), trained = method.init(model.params, model.config, 0);
      assert.deepEqual(run(model, method, trained), run(model));
      dispose(trained);
    }
  }));

test("wrapping, merging, differentiating leave the base as it was", () => withJit(false, () => {
  const base = values(llama.params), method = lora({ targets: ALL }), start = method.init(llama.params, llama.config, 0), trained = randomLike(start);
  run(llama, method, trained);
  lossAndGradients(llama, method, trained, examples(104));
  const merged = method.merge!(llama.params, trained);
  dispose(merged);
  assert.deepEqual(values(llama.params), base);
  [start, trained].forEach(dispose);
}));

const SHAPES: [string, LoraOptions][] = [
  ["q, v", {}], ["all linear maps", { targets: ALL, rank: 3, alpha: 5 }], ["rsLoRA", { targets: ["o_proj", "mlp.down_proj"], rsLoRA: true, rank: 9 }],
  ["one matrix", { targets: ["model.layers.1.mlp.up_proj"], alpha: -2 }], ["full rank", { targets: ["k_proj"], rank: 16 }],
];
for (const [what, options] of SHAPES)
  test(`${what}: merging equals wrapping`, (t) => {
    const method = lora(options), start = method.init(qwen.params, qwen.config, 0), trained = randomLike(start, 0.2), merged = method.merge!(qwen.params, trained);
    assert.deepEqual(Object.keys(merged), Object.keys(qwen.params));
    const wrapped = run(qwen, method, trained), base = run(qwen), plain = run({ ...qwen, params: merged });
    assert.ok(base.some((v, i) => Math.abs(v - wrapped[i]) > 0.05), "the adapter does something");
    t.diagnostic(`max |Δlogit| ${close(plain, wrapped, 2e-5).toExponential(1)}`);
    // and the update is α/r (α/√r) times BA, nothing else
    const site = Object.keys(start)[0].replace(".lora_A.weight", ""), { rank = 8, alpha = 16, rsLoRA = false } = options, scale = alpha / (rsLoRA ? Math.sqrt(rank) : rank);
    const delta = tf.tidy(() => tf.sub(merged[`${site}.weight`], qwen.params[`${site}.weight`]).dataSync());
    const A = trained[`${site}.lora_A.weight`].arraySync() as number[][], B = trained[`${site}.lora_B.weight`].arraySync() as number[][];
    close(delta, B.map((row) => A[0].map((_, j) => scale * row.reduce((sum, b, r) => sum + b * A[r][j], 0))), 1e-5, "update");
    const untouched = Object.keys(merged).filter((n) => !(n.replace(/weight$/, "lora_A.weight") in start));
    for (const n of untouched) assert.deepEqual(merged[n].dataSync(), qwen.params[n].dataSync(), n);
    [start, trained, merged].forEach(dispose);
  });

for (const compiled of [true, false])
  test(`the gradient is the slope of the loss, ${compiled ? "compiled" : "eager"}`, (t) => withJit(compiled, () => {
    const method = lora({ targets: ALL, rank: 4 }), start = method.init(llama.params, llama.config, 0), trained = randomLike(start, 0.1, 1), direction = randomLike(start, 1, 2), batch = examples(104);
    const { gradients } = lossAndGradients(llama, method, trained, batch), objective = sft(), loss = objective.loss(llama, method), collated = objective.collate(batch);
    const at = (h: number) => tf.tidy(() => loss(Object.fromEntries(Object.entries(trained).map(([n, p]) => [n, tf.add(p, tf.mul(direction[n], h))])), collated).dataSync()[0]);
    const h = 1e-3, slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h); // fourth-order central difference
    const predicted = Object.entries(gradients).reduce((sum, [n, g]) => { const d = direction[n].dataSync(); return sum + g.reduce((s, v, i) => s + v * d[i], 0); }, 0);
    t.diagnostic(`slope ${slope.toFixed(5)}, gradient ${predicted.toFixed(5)}`);
    assert.ok(Math.abs(predicted) > 0.1, "a direction that matters");
    assert.ok(Math.abs(slope - predicted) <= 1e-3 * Math.abs(predicted) + 2e-3, `slope ${slope}, gradient ${predicted}`);
    for (const [n, g] of Object.entries(gradients)) assert.ok(g.some((v) => v !== 0), `${n} gets a gradient`);
    [start, trained, direction].forEach(dispose);
  }));

test("compiled and eager give the same loss and gradients", async () => {
  const method = lora({ targets: ALL }), start = method.init(qwen.params, qwen.config, 0), trained = randomLike(start), batch = examples(112);
  const [a, b] = [await withJit(true, () => lossAndGradients(qwen, method, trained, batch)), await withJit(false, () => lossAndGradients(qwen, method, trained, batch))];
  close([a.loss], [b.loss], 1e-5);
  for (const n of Object.keys(start)) close(a.gradients[n], b.gradients[n], 1e-5, n);
  [start, trained].forEach(dispose);
});

test("values that make no sense are refused by name", () => {
  for (const [options, ...mentions] of [
    [{ rank: 0 }, "rank is 0", "at least 1"], [{ rank: 1.5 }, "rank is 1.5"], [{ rank: NaN }, "rank is NaN"], [{ alpha: NaN }, "alpha is NaN"], [{ alpha: Infinity }, "alpha"],
    [{ dropout: 1 }, "dropout is 1", "below 1"], [{ dropout: -0.1 }, "dropout is -0.1"], [{ dropout: NaN }, "dropout is NaN"],
  ] as [LoraOptions, ...string[]][]) assert.throws(() => lora(options), userError("LoRA", ...mentions));
});

test("a rank larger than a matrix can have is refused, one as large is not, and nothing leaks", () => {
  const before = tf.memory().numTensors;
  assert.throws(() => lora({ rank: 17, targets: ["q_proj", "k_proj"] }).init(qwen.params, qwen.config, 0), userError("rank 17", "16", "k_proj [16, 32]", "at most 16"));
  assert.equal(tf.memory().numTensors, before);
  dispose(lora({ rank: 16, targets: ["k_proj"] }).init(qwen.params, qwen.config, 0));
});

test("targets: by module, by dotted end, by whole name, all linear; order is the model's", () => {
  const sites = (targets: Targets) => matchSites(qwen.params, targets).map((s) => s.name.replace("model.layers.", ""));
  assert.deepEqual(sites(["v_proj", "q_proj"]), ["0.self_attn.q_proj", "0.self_attn.v_proj", "1.self_attn.q_proj", "1.self_attn.v_proj"]);
  assert.deepEqual(sites(["mlp.down_proj"]), ["0.mlp.down_proj", "1.mlp.down_proj"]);
  assert.deepEqual(sites(["model.layers.1.mlp.up_proj", "q_proj"]), ["0.self_attn.q_proj", "1.self_attn.q_proj", "1.mlp.up_proj"]);
  assert.equal(sites(ALL).length, 14);
  assert.deepEqual(matchSites(qwen.params, ["k_proj"])[0], { name: "model.layers.0.self_attn.k_proj", out: 16, into: 32 });
  for (const wrong of ["proj", "query", "up", "embed_tokens", "lm_head", "input_layernorm"])
    assert.throws(() => sites(["q_proj", wrong]), userError(`is called ${wrong}`, "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"));
  assert.throws(() => sites(["foo", "bar"]), userError("foo, bar"));
  assert.throws(() => sites([]), userError("No target modules"));
});

/** What the adapter adds to zero at a site with A = B = [1], for n inputs of 1: the dropout mask times the scale. */
function mask(dropout: number, k: import("@tensorflow/tfjs").Tensor | undefined, n = 20000, site = "s"): Float32Array {
  return tf.tidy(() => {
    const one = tf.ones([1, 1]), trained = { [`${site}.lora_A.weight`]: one, [`${site}.lora_B.weight`]: one };
    return lora({ rank: 1, alpha: 3, dropout }).wrap!(trained, k)(site, tf.ones([n, 1]), (x) => { assert.ok(x.dataSync().every((v) => v === 1), "the base sees all of x"); return tf.zeros([n, 1]); }).dataSync() as Float32Array;
  });
}
test("dropout drops the stated share, scales the rest, and follows its key", () => {
  const k = key(5);
  for (const rate of [0.1, 0.5, 0.9]) {
    const m = mask(rate, k), kept = m.filter((v) => v !== 0);
    close([kept.length / m.length], [1 - rate], 0.015, "share kept"); // 4 standard deviations
    close(kept, Array(kept.length).fill(3 / (1 - rate)), 1e-4, "scale");
  }
  assert.deepEqual(mask(0.5, k), mask(0.5, k));
  assert.notDeepEqual(mask(0.5, k), tf.tidy(() => mask(0.5, key(6))));
  assert.notDeepEqual(mask(0.5, k), mask(0.5, k, 20000, "another"));
  assert.ok(mask(0.5, undefined).every((v) => v === 3), "without a key, as in evaluation, nothing is dropped");
  assert.ok(mask(0, k).every((v) => v === 3));
  k.dispose();
});

for (const compiled of [true, false])
  test(`dropout in the loss: off without a key, the same with the same key, ${compiled ? "compiled" : "eager"}`, () => withJit(compiled, () => {
    const method = lora({ targets: ALL, dropout: 0.5 }), without = lora({ targets: ALL }), start = method.init(llama.params, llama.config, 0), trained = randomLike(start, 0.3), objective = sft(), batch = objective.collate(examples(104));
    const loss = objective.loss(llama, method), value = (seed?: number) => tf.tidy(() => loss(trained, batch, seed === undefined ? undefined : key(seed)).dataSync()[0]);
    assert.equal(value(), tf.tidy(() => objective.loss(llama, without)(trained, batch).dataSync()[0]));
    assert.equal(value(1), value(1));
    assert.equal(new Set([value(), value(1), value(2), value(3)]).size, 4);
    [start, trained].forEach(dispose);
  }));

test("each layer and the head get a key of their own", () => withJit(false, () => {
  const keys: string[] = [], k = key(3);
  const method: Method = { ...none, wrap: (_, key) => { keys.push(String(key!.dataSync())); return noWrap; } };
  tf.tidy(() => { sft().loss(llama, method)({}, sft().collate(examples(104)), k); });
  assert.ok(keys.length >= llama.config.layers + 2);
  assert.equal(new Set(keys).size, llama.config.layers + 1, `one for each layer, one outside: ${keys}`);
  tf.tidy(() => { hiddenStates({ ...llama, method: { ...none, wrap: (_, key) => { assert.equal(key, undefined); return noWrap; } } }, IDS); });
  k.dispose();
}));

test("no tensor is left behind", async () => {
  const method = lora({ targets: ALL, dropout: 0.1 }), batch = examples(104);
  await leaksNothing(() => {
    const trained = method.init(llama.params, llama.config, 0), merged = method.merge!(llama.params, trained);
    run(llama, method, trained);
    lossAndGradients(llama, method, trained, batch);
    [trained, merged].forEach(dispose);
  });
});
