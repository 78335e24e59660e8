/** Where each method sits, as a pass through the model shows it: against what its paper says. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { adapter, ia3, lora, prefix, prompt, pTuning, traceSites, type Method } from "tunelab/methods";
import type { Model } from "tunelab/model";
import { dispose } from "tunelab/tensor";
import { tinyModel, withJit } from "../support/fixtures";

let model: Model;
before(async () => { model = await tinyModel("qwen2-tied"); });

const SITS: Record<string, { make: () => Method; at: string[] }> = {
  lora: { make: () => lora(), at: ["self_attn.q_proj", "self_attn.v_proj"] },
  ia3: { make: () => ia3(), at: ["self_attn.k_proj", "self_attn.v_proj", "mlp.down_proj"] },
  "sequential adapter": { make: () => adapter({ reduction: 4 }), at: ["self_attn", "mlp"] },
  "pfeiffer adapter": { make: () => adapter({ form: "pfeiffer", reduction: 4 }), at: ["mlp_block"] },
  "parallel adapter": { make: () => adapter({ form: "parallel", after: ["attention", "feed-forward"] }), at: ["attention_block", "mlp_block"] },
  prefix: { make: () => prefix({ tokens: 3 }), at: ["self_attn"] },
  prompt: { make: () => prompt({ tokens: 4 }), at: ["model.embed_tokens"] },
  "p-tuning": { make: () => pTuning({ tokens: 4, encoder: "none" }), at: ["model.embed_tokens"] },
};
for (const [name, { make, at }] of Object.entries(SITS))
  for (const compiled of [false, true])
    test(`${name}, ${compiled ? "compiled" : "uncompiled"}`, () => withJit(compiled, async () => {
      const method = make(), trained = method.init(model.params, model.config, 0);
      const sites = traceSites(model, { method, trained }, { ids: Int32Array.from([5, 6, 7, 8, 9]), batch: 1 });
      const short = (site: string) => site.replace("model.layers.0.", "");
      assert.deepEqual(sites.filter((s) => Object.keys(s.trained).length).map((s) => short(s.site)), at);
      const read = sites.flatMap((s) => Object.keys(s.trained)), inFirst = Object.keys(trained).filter((n) => !n.includes(".layers.") || n.includes(".layers.0."));
      assert.deepEqual(read.sort(), inFirst.sort(), "every trained tensor of the first layer, each once");
      for (const s of sites) for (const [tensor, shape] of Object.entries(s.trained)) assert.deepEqual(shape, trained[tensor].shape);
      const shown = Object.fromEntries(sites.map((s) => [short(s.site), s])), { hiddenSize: H, intermediateSize: F, vocabSize: V } = model.config, T = 5 + (method.virtual?.count ?? 0);
      assert.deepEqual(sites.slice(0, 4).map((s) => [short(s.site), s.depth]), [["model.embed_tokens", 0], ["model.layers.0", 0], ["attention_block", 1], ["self_attn", 2]]);
      assert.deepEqual([shown["model.embed_tokens"].input, shown["mlp.gate_proj"].output, shown["mlp"].output, shown["lm_head"].output], [[T], [T, F], [T, H], [T - (method.virtual?.count ?? 0), V]]);
      assert.equal(sites.length, 1 + (1 + 2 + 2 + 7) + 1, "embedding; layer, blocks, sublayers, linear maps; head");
      dispose(trained);
    }));
