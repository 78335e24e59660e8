import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { initialParams, parseConfig } from "tunelab/model";
import { backend, dispose, type Params } from "tunelab/tensor";

const config = parseConfig({ model_type: "qwen2", vocab_size: 500, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 8, num_attention_heads: 4, num_key_value_heads: 2, tie_word_embeddings: true }, "test");
let params: Params;
before(async () => { await backend(); params = initialParams(config, 1); });
after(() => dispose(params));
const numbers = (name: string) => [...params[name].dataSync()];

test("matrices are normal with deviation 0.02, those that write into the residual stream with 0.02/√16", () => {
  for (const [name, deviation] of [["model.embed_tokens.weight", 0.02], ["model.layers.3.self_attn.q_proj.weight", 0.02], ["model.layers.3.self_attn.o_proj.weight", 0.005], ["model.layers.7.mlp.down_proj.weight", 0.005]] as const) {
    const x = numbers(name), n = x.length, mean = x.reduce((a, b) => a + b, 0) / n, variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / n, fourth = x.reduce((a, b) => a + (b - mean) ** 4, 0) / n;
    // four standard errors: of a mean σ/√n, of a deviation σ/√2n, of a kurtosis √(24/n)
    assert.ok(Math.abs(mean) < (4 * deviation) / Math.sqrt(n), name);
    assert.ok(Math.abs(Math.sqrt(variance) / deviation - 1) < 4 / Math.sqrt(2 * n), name);
    assert.ok(Math.abs(fourth / variance ** 2 - 3) < 4 * Math.sqrt(24 / n), name);
  }
});

test("norms are 1, biases 0, and the same seed gives the same weights whatever the others are", () => {
  assert.ok(numbers("model.layers.0.input_layernorm.weight").every((x) => x === 1) && numbers("model.norm.weight").every((x) => x === 1));
  assert.ok(numbers("model.layers.0.self_attn.k_proj.bias").every((x) => x === 0));
  const again = initialParams(config, 1), other = initialParams(config, 2), name = "model.layers.5.mlp.up_proj.weight";
  assert.deepEqual([...again[name].dataSync()], numbers(name));
  assert.notDeepEqual([...other[name].dataSync()], numbers(name));
  dispose(again); dispose(other);
});
