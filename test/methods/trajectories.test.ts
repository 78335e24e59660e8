// Twenty steps from the same start as PEFT and torch: the same losses, and the same model in the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { adapter, bitfit, ia3, lora, prefix, prompt, pTuning, type Method } from "tunelab/methods";
import { logits, openSafetensors } from "tunelab/model";
import { sft } from "tunelab/objectives";
import { adamw } from "tunelab/optimizers";
import { count, dispose, tf } from "tunelab/tensor";
import { close, realRows } from "../support/compare";
import { fixture, readJson, readTensors, tinyModel, withJit } from "../support/fixtures";
import { step, trainable } from "../support/training";

const METHODS: Record<string, Method> = {
  ia3: ia3(), "ia3-llama": ia3({ targets: ["q_proj", "v_proj", "up_proj", "down_proj"] }), prompt: prompt({ tokens: 4 }),
  "p-tuning-lstm": pTuning({ tokens: 3, hidden: 6 }), "p-tuning-mlp": pTuning({ tokens: 3, encoder: "mlp", hidden: 8 }),
  prefix: prefix({ tokens: 3 }), "prefix-mlp": prefix({ tokens: 3, encoder: "mlp", hidden: 6 }), bitfit: bitfit(),
  "adapter-sequential": adapter({ reduction: 4 }), "adapter-pfeiffer": adapter({ form: "pfeiffer", reduction: 4 }), "adapter-parallel": adapter({ form: "parallel", reduction: 4 }),
  dora: lora({ rank: 3, alpha: 6, targets: ["q_proj", "v_proj", "down_proj"], dora: true }),
};

for (const [name, method] of Object.entries(METHODS))
  for (const compiled of [true, false])
    test(`${name}, ${compiled ? "compiled" : "eager"}: the run of PEFT`, (t) => withJit(compiled, async () => {
      const e = readJson("methods", name, "trajectory.json"), model = await tinyModel(e.base), before = tf.memory().numTensors;
      const file = openSafetensors(fixture("methods", name, "start.safetensors")), start = readTensors(file.tensors);
      file.close();
      const own = method.init(model.params, model.config, 0);
      assert.deepEqual(Object.entries(own).map(([n, p]) => [n, p.shape]).sort(), Object.entries(start).map(([n, p]) => [n, p.shape]).sort(), "names and shapes");
      assert.equal(count(own), e.trainable);
      dispose(own);
      const optimizer = adamw({ beta1: e.beta1, beta2: e.beta2, eps: e.eps, weightDecay: e.weightDecay }), objective = sft(), loss = objective.loss(model, method), losses: number[] = [];
      let at = trainable(start, optimizer);
      for (const [s] of e.lossPerStep.entries()) {
        const { inputIds, attentionMask, labels } = e.batches[s % e.batches.length];
        const examples = inputIds.map((ids: number[], i: number) => {
          const n = attentionMask[i].reduce((a: number, b: number) => a + b, 0);
          return { ids: Int32Array.from(ids.slice(0, n)), target: Uint8Array.from(labels[i].slice(0, n), (l: number) => (l >= 0 ? 1 : 0)) };
        });
        const done = step(at, loss, objective.collate(examples), optimizer, e.lr);
        losses.push(done.loss);
        at = done.next;
      }
      const relative = close(losses.map((l, s) => l / e.lossPerStep[s]), losses.map(() => 1), 2e-6, "losses, relative");
      const inputs = { ids: Int32Array.from(e.inputIds.flat()), batch: 2, attend: e.attentionMask.flat() };
      const d = close(realRows(logits({ ...model, method, trained: at.trained }, inputs), e.attentionMask), e.logits, 1e-4, "logits after training");
      t.diagnostic(`losses ${relative.toExponential(1)} relative, logits after 20 steps ${d.toExponential(1)}`);
      [at.trained, ...Object.values(at.state)].forEach(dispose);
      assert.equal(tf.memory().numTensors, before);
      dispose(model.params);
    }));
