// Whole LoRA training runs: losses, gradient norms and final tensors of PEFT + PyTorch, step by step.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lora } from "tunelab/methods";
import { openSafetensors } from "tunelab/model";
import { sft } from "tunelab/objectives";
import { adamw } from "tunelab/optimizers";
import { disposeTrainable } from "tunelab/train";
import { dispose, tf } from "tunelab/tensor";
import { close } from "../support/compare";
import { fixture, readJson, readTensors, tinyModel, withJit } from "../support/fixtures";
import { step, trainable } from "../support/training";

const PREFIX = "base_model.model.";
const tensorsOf = (...parts: string[]) => { const file = openSafetensors(fixture("lora", ...parts)), t = readTensors(file.tensors, PREFIX); file.close(); return t; };

for (const name of ["qwen2-tied", "llama"])
  for (const kind of ["clipped", "plain"])
    for (const compiled of [true, false])
      test(`${name}, ${kind}, ${compiled ? "compiled" : "eager"}: the run of PEFT`, (t) => withJit(compiled, async () => {
        const folder = `train-${name}`, e = readJson("lora", folder, "trajectory.json"), run = e.runs[kind], model = await tinyModel(e.base);
        const method = lora({ rank: e.r, alpha: e.alpha, targets: e.targetModules }), optimizer = adamw({ beta1: e.beta1, beta2: e.beta2, eps: e.eps, weightDecay: run.weightDecay });
        const objective = sft(), loss = objective.loss(model, method), base = tf.memory().numTensors;
        let at = trainable(tensorsOf(folder, "init.safetensors"), optimizer);
        const tensors = tf.memory().numTensors, losses: number[] = [], norms: number[] = [];
        for (let s = 0; s < run.steps; s++) {
          const { inputIds, attentionMask, labels } = e.batches[s % e.batches.length];
          const examples = inputIds.map((ids: number[], i: number) => {
            const n = attentionMask[i].reduce((a: number, b: number) => a + b, 0);
            return { ids: Int32Array.from(ids.slice(0, n)), target: Uint8Array.from(labels[i].slice(0, n), (l: number) => (l >= 0 ? 1 : 0)) };
          });
          const done = step(at, loss, objective.collate(examples), optimizer, e.lr, run.clip ?? 0);
          losses.push(done.loss); norms.push(done.norm);
          at = done.next;
          assert.equal(tf.memory().numTensors, tensors, `tensors after step ${s + 1}`);
        }
        const a = close(losses, run.lossPerStep, 1e-4, "losses"), b = close(norms, run.gradNormPerStep, 1e-3, "norms"), end = tensorsOf(folder, `${kind}.safetensors`);
        assert.deepEqual(Object.keys(at.trained).sort(), Object.keys(end).sort());
        const c = Math.max(...Object.keys(end).map((n) => close(at.trained[n].dataSync(), end[n].dataSync(), 5e-5, n)));
        t.diagnostic(`max difference of losses ${a.toExponential(1)}, norms ${b.toExponential(1)}, tensors ${c.toExponential(1)}`);
        if (run.clip) assert.ok(run.gradNormPerStep.some((n: number) => n > run.clip) && run.gradNormPerStep.some((n: number) => n < run.clip));
        disposeTrainable(at); dispose(end);
        assert.equal(tf.memory().numTensors, base);
      }));
