/** Counts from shapes alone are those of the trained tensors themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { adapter, bitfit, diffPruning, full, ia3, lora, parametersByShape, prefix, prompt, pTuning, sparse, trainableByShape, type Method } from "tunelab/methods";
import { parseConfig } from "tunelab/model";
import { count, dispose, tf } from "tunelab/tensor";
import { userError } from "../support/compare";
import { tinyModel } from "../support/fixtures";

const METHODS: Record<string, Method> = {
  full: full(), "full, layers": full({ parameters: "layers" }), "full, norms": full({ parameters: ["norm"] }), diff: diffPruning(), "diff, tensors": diffPruning({ structure: "tensor" }), "diff, rows": diffPruning({ structure: "row" }),
  bitfit: bitfit(), "bitfit, added": bitfit({ biases: "all-linear" }), lora: lora({ rank: 2, targets: "all-linear" }), ia3: ia3(), adapter: adapter(), parallel: adapter({ form: "parallel" }),
  prefix: prefix(), "prefix, from a text": prefix({ start: [5, 6, 7] }), "prefix, mlp": prefix({ encoder: "mlp", hidden: 8 }), prompt: prompt(), "p-tuning": pTuning(), "p-tuning, mlp": pTuning({ encoder: "mlp" }),
};

test("every method's count, for two architectures", async () => {
  for (const name of ["qwen2-tied", "llama"]) {
    const model = await tinyModel(name), tensors = tf.memory().numTensors;
    assert.equal(parametersByShape(model.config), count(model.params));
    for (const [what, method] of Object.entries(METHODS)) {
      if (what === "bitfit" && name !== "qwen2-tied") continue; // no biases there
      const trained = method.init(model.params, model.config, 0);
      assert.equal(trainableByShape(model.config, method), count(trained), `${name}, ${what}`);
      dispose(trained);
    }
    assert.equal(tf.memory().numTensors, tensors, "no tensor is left");
    dispose(model.params);
  }
});

test("what begins from weights is refused, with a way out", async () => {
  const { params, config } = await tinyModel("llama"), mask = sparse(params, { "model.norm.weight": { indices: Int32Array.of(1) } });
  for (const method of [mask, lora({ dora: true })]) assert.throws(() => trainableByShape(config, method), userError(/begins from the weights.*trainableCount/));
  [params, mask.constants!].forEach(dispose);
});

test("a 1.5B Qwen2, which is never loaded", () => {
  const config = parseConfig({ model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936 }, "config.json");
  assert.equal(trainableByShape(config, full()), 1_777_088_000);
  assert.equal(trainableByShape(config, lora()), 1_089_536);
  assert.equal(trainableByShape(config, ia3()), 265_216);
  assert.equal(trainableByShape(config, bitfit()), 57_344);
  assert.equal(trainableByShape(config, diffPruning()), 2 * (1_777_088_000 - 2 * 151936 * 1536 - 1536)); // entries and gates of the layers, without embedding, head and last norm
});
