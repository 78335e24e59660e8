// config.json: both spellings of transformers, the shapes that follow from it, and errors that name the field and the remedy.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { checkTensors, openShards, parameterShapes, parseConfig, readConfig, ropeFrequencies } from "tunelab/model";
import { close, userError } from "../support/compare";
import { fixture, MODELS, readJson, temporary } from "../support/fixtures";

const folder = temporary();
const LLAMA = {
  model_type: "llama", hidden_size: 48, intermediate_size: 88, num_hidden_layers: 2, num_attention_heads: 6, num_key_value_heads: 3, vocab_size: 104,
  max_position_embeddings: 256, rms_norm_eps: 1e-5, rope_theta: 500000, tie_word_embeddings: false,
};
const parse = (changes: Record<string, unknown>) => parseConfig({ ...LLAMA, ...changes }, "config.json");
const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

for (const name of MODELS)
  test(`${name}: shapes are exactly those of the file, and as many numbers as Python counts`, () => {
    const where = fixture("models", name), config = readConfig(where), shapes = parameterShapes(config), { tensors, close: end } = openShards(where);
    assert.deepEqual(Object.fromEntries([...tensors].map(([n, t]) => [n, [...t.shape]]).sort()), Object.fromEntries(Object.entries(shapes).sort()));
    assert.deepEqual(checkTensors(tensors, config, where), Object.keys(shapes));
    assert.equal(Object.values(shapes).reduce((sum, s) => sum + size(s), 0), readJson("models", name, "expected.json").parameters);
    end();
  });

test("DeepSeek-R1-Distill-Qwen-1.5B has 1,777,088,000 parameters", () => {
  const shapes = parameterShapes(parseConfig({
    model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936,
    max_position_embeddings: 131072, rms_norm_eps: 1e-6, rope_theta: 10000, tie_word_embeddings: false, use_sliding_window: false, sliding_window: 4096,
  }, "config.json"));
  assert.equal(Object.values(shapes).reduce((sum, s) => sum + size(s), 0), 1_777_088_000);
});

test("transformers 4 and 5 spell the same model", () => {
  const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };
  const old = parse({ rope_theta: 1e4, rope_scaling: llama3 }), now = parse({ rope_theta: undefined, rope_parameters: { ...llama3, rope_theta: 1e4 } });
  assert.deepEqual(old.rope, now.rope);
  assert.equal(old.rope.theta, 1e4);
  assert.deepEqual(parse({ rope_scaling: { type: "linear", factor: 4 } }).rope.scaling, parse({ rope_parameters: { rope_type: "linear", factor: 4 } }).rope.scaling);
  assert.equal(parse({ rope_scaling: { type: "linear", factor: 4 }, rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 5 } }).rope.theta, 5); // the newer one counts
  for (const nothing of [undefined, null, {}, { rope_type: "default" }]) assert.deepEqual(parse({ rope_scaling: nothing }).rope, { theta: 500000, scaling: { type: "default" } });
});

test("what a config leaves out has the value that transformers gives it", () => {
  const { model_type, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, vocab_size } = LLAMA;
  const bare = parseConfig({ model_type, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, vocab_size }, "config.json");
  assert.deepEqual(
    [bare.keyValueHeads, bare.headDim, bare.rmsNormEps, bare.rope.theta, bare.tied, bare.biases, bare.queryKeyNorm],
    [6, 8, 1e-6, 10000, false, { queryKeyValue: false, output: false, mlp: false }, false],
  );
  assert.equal(parseConfig({ ...LLAMA, model_type: "qwen3", head_dim: undefined }, "config.json").headDim, 128);
  assert.deepEqual(parse({ attention_bias: true, mlp_bias: true }).biases, { queryKeyValue: true, output: true, mlp: true });
  assert.deepEqual(parse({ model_type: "qwen2" }).biases, { queryKeyValue: true, output: false, mlp: false });
  assert.deepEqual(parse({ model_type: "qwen2", attention_bias: true }).biases.output, false); // qwen2 never has one there
  assert.deepEqual(parse({ model_type: "qwen3", head_dim: 8, attention_bias: true, mlp_bias: true }).biases, { queryKeyValue: true, output: true, mlp: false });
  assert.deepEqual(parse({ num_key_value_heads: null, head_dim: null }).keyValueHeads, 6);
});

test("biases and norms are among the shapes", () => {
  const names = (changes: object) => Object.keys(parameterShapes(parse({ num_hidden_layers: 1, ...changes }))).map((n) => n.replace("model.layers.0.", ""));
  const biases = names({ attention_bias: true, mlp_bias: true }).filter((n) => n.endsWith(".bias"));
  assert.deepEqual(biases, ["self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias", "self_attn.o_proj.bias", "mlp.gate_proj.bias", "mlp.up_proj.bias", "mlp.down_proj.bias"]);
  assert.deepEqual(names({ model_type: "qwen3", head_dim: 8 }).filter((n) => /[qk]_norm/.test(n)), ["self_attn.q_norm.weight", "self_attn.k_norm.weight"]);
  assert.ok(names({ tie_word_embeddings: true }).every((n) => n !== "lm_head.weight"));
});

test("rotary frequencies are those of the papers' formulas", () => {
  const f = (scaling: unknown, theta = 10000) => Array.from(ropeFrequencies({ theta, scaling } as never, 8));
  close(f({ type: "default" }), [1, 0.1, 0.01, 0.001], 1e-15);
  close(f({ type: "linear", factor: 4 }), [0.25, 0.025, 0.0025, 0.00025], 1e-15);
  // llama3, original context 628 = 2π·100: turns 100, 10, 1, 0.1; below 1 stretched, above 10 kept
  const original = 200 * Math.PI, llama3 = f({ type: "llama3", factor: 4, lowFrequencyFactor: 0.5, highFrequencyFactor: 5, originalMaxPositions: original });
  close(llama3, [1, 0.1, (1 - 0.5 / 4.5) * 0.01 / 4 + (0.5 / 4.5) * 0.01, 0.00025], 1e-12);
  // yarn truncates the ends of its ramp to whole dimensions: 32 turns lie in dimension 0.99 → 0, 1 turn in 2 → 2
  const yarn = f({ type: "yarn", factor: 4, betaFast: 100 / 10 ** 0.99, betaSlow: 1.05, originalMaxPositions: original, attentionFactor: 1, truncate: true });
  close(yarn, [1, 0.1 * (0.5 + 0.5 / 4), 0.0025, 0.00025], 1e-12);
});

const BAD: [what: string, change: Record<string, unknown>, ...mentions: (string | RegExp)[]][] = [
  ["an unknown architecture", { model_type: "mixtral" }, 'model_type "mixtral"', "llama, qwen2, qwen3"],
  ["no architecture", { model_type: undefined }, "model_type undefined", "llama"],
  ["a missing size", { hidden_size: undefined }, '"hidden_size" is undefined', "whole number"],
  ["a negative size", { intermediate_size: -1 }, '"intermediate_size" is -1', "from 1"],
  ["a fraction", { vocab_size: 10.5 }, '"vocab_size" is 10.5'],
  ["a text for a number", { num_attention_heads: "6" }, '"num_attention_heads" is "6"'],
  ["an absurd number of layers", { num_hidden_layers: 1e9 }, '"num_hidden_layers" is 1000000000', "1000"],
  ["an absurd vocabulary", { vocab_size: 2 ** 40 }, '"vocab_size"', "16777216"],
  ["heads that do not divide", { num_key_value_heads: 4 }, '"num_attention_heads" 6', '"num_key_value_heads" 4'],
  ["a hidden size that heads do not divide", { hidden_size: 50 }, '"hidden_size" 50', '"head_dim"'],
  ["an odd head", { head_dim: 7 }, "head dimension 7 is odd"],
  ["another activation", { hidden_act: "gelu" }, '"hidden_act" "gelu"', '"silu"'],
  ["sliding windows", { use_sliding_window: true }, '"use_sliding_window"', "false"],
  ["an epsilon of zero", { rms_norm_eps: 0 }, '"rms_norm_eps" is 0', "positive"],
  ["a text as epsilon", { rms_norm_eps: "1e-5" }, '"rms_norm_eps" is "1e-5"'],
  ["an unknown rope", { rope_scaling: { rope_type: "dynamic", factor: 2 } }, 'rope type "dynamic"', "default, linear, llama3, yarn"],
  ["a rope that is a list", { rope_scaling: [1] }, '"rope_scaling" must be an object'],
  ["a rope without factor", { rope_scaling: { type: "linear" } }, '"factor" is undefined', "positive"],
  ["a negative theta", { rope_theta: -1 }, '"rope_theta" is -1'],
  ["an infinite factor", { rope_scaling: { type: "linear", factor: Infinity } }, '"factor"'],
  ["llama3 bands that cross", { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 } }, '"low_freq_factor" 4', '"high_freq_factor" 4'],
  ["yarn with mscale", { rope_scaling: { rope_type: "yarn", factor: 4, mscale: 0.7 } }, "mscale"],
];
for (const [what, change, ...mentions] of BAD)
  test(`refuses ${what}`, () => { assert.throws(() => parse(change), userError(/^config\.json: /, ...mentions)); });

test("refuses what is no object", () => {
  for (const json of [null, 3, "llama", [LLAMA]]) assert.throws(() => parseConfig(json, "x/config.json"), userError(/^x\/config\.json: is not a JSON object/, "Hugging Face"));
});

test("refuses files that are missing, broken, or nested without end", () => {
  const where = folder(), file = path.join(where, "config.json");
  assert.throws(() => readConfig(where), userError(where, "holds no config.json"));
  for (const text of ["", "{", '{"a": 1,}', "\u0000"]) {
    fs.writeFileSync(file, text);
    assert.throws(() => readConfig(where), userError(file, "not valid JSON", "again"));
  }
  fs.writeFileSync(file, "[".repeat(1e6) + "]".repeat(1e6));
  assert.throws(() => readConfig(where), userError(file));
  // a value that refers to itself, as only code can make it
  const cyclic: Record<string, unknown> = { ...LLAMA };
  cyclic.self = cyclic;
  assert.equal(parseConfig(cyclic, file).layers, 2);
});

test("one error names every missing, extra and mis-shaped tensor", () => {
  const config = parse({ num_hidden_layers: 1 }), tensors = new Map(Object.entries(parameterShapes(config)).map(([n, shape]) => [n, { shape }]));
  tensors.delete("model.norm.weight");
  tensors.delete("model.layers.0.self_attn.q_proj.weight");
  tensors.set("model.layers.0.mlp.up_proj.weight", { shape: [48, 88] });
  tensors.set("model.layers.1.mlp.up_proj.weight", { shape: [88, 48] });
  tensors.set("toString", { shape: [1] });
  assert.throws(() => checkTensors(tensors, config, "some/folder"), userError(
    /^some\/folder: 5 tensors/, "missing: model.norm.weight [48]", "missing: model.layers.0.self_attn.q_proj.weight [48,48]",
    "wrong shape: model.layers.0.mlp.up_proj.weight is [48,88], config.json implies [88,48]", "not part of this architecture: model.layers.1.mlp.up_proj.weight",
    "not part of this architecture: toString", "llama, 1 layers", "download",
  ));
});

test("a long list of misfits is cut, and counted", () => {
  const config = parse({ num_hidden_layers: 100 });
  assert.throws(() => checkTensors(new Map(), config, "x"), userError(/: 903 tensors/, "… and 863 more"));
});

test("buffers of old checkpoints and the second copy of a tied head are not extra", () => {
  const config = parse({ tie_word_embeddings: true, num_hidden_layers: 1 }), tensors = new Map(Object.entries(parameterShapes(config)).map(([n, shape]) => [n, { shape }]));
  tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", { shape: [4] });
  tensors.set("lm_head.weight", { shape: [104, 48] });
  assert.equal(checkTensors(tensors, config, "x").length, tensors.size - 2);
  assert.throws(() => checkTensors(new Map([...tensors].filter(([n]) => n !== "model.embed_tokens.weight")), config, "x"), userError("missing: model.embed_tokens.weight"));
});
