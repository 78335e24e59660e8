/** Small pieces of training that several tests share. */
import type { Method } from "tunelab/methods";
import { sft, type Example } from "tunelab/objectives";
import { accumulate, disposeTrainable, update, valueAndGradients, type Trainable } from "tunelab/train";
import type { Loss } from "tunelab/objectives";
import type { Optimizer } from "tunelab/optimizers";
import { mapParams, Random, tf, type Params } from "tunelab/tensor";
import type { Model } from "tunelab/model";

/** The base model alone. */
export const none: Method = { name: "none", settings: {}, init: () => ({}) };

/** Random examples: `count` rows of `length` ids, the last third of each the answer. */
export function examples(vocabSize: number, count = 3, length = 9, seed = 0): Example[] {
  const random = new Random(seed, "examples");
  return Array.from({ length: count }, (_, i) => {
    const n = length + i; // unequal, so that a batch is padded
    return { ids: Int32Array.from({ length: n }, () => 3 + random.integer(vocabSize - 3)), target: Uint8Array.from({ length: n }, (_, t) => (t >= (2 * n) / 3 ? 1 : 0)) };
  });
}

/** The same names and shapes, filled with normal numbers: LoRA's B is then no longer zero. */
export function randomLike(params: Params, scale = 0.1, seed = 0): Params {
  return Object.fromEntries(Object.entries(params).map(([name, p]) => {
    const random = new Random(seed, name);
    return [name, tf.tensor(Float32Array.from({ length: p.size }, () => scale * random.normal()), p.shape)];
  }));
}

/** Parameters with the optimizer's state before the first step. */
export const trainable = (trained: Params, optimizer: Optimizer): Trainable => ({ trained, state: mapParams(trained, (p) => optimizer.init(p)) });

/** One step of training on one batch; what was there before is freed. */
export function step<B extends { weight: number }>(at: Trainable, loss: Loss<B>, batch: B, optimizer: Optimizer, rate: number, clip = 0): { next: Trainable; loss: number; norm: number } {
  const g = accumulate(loss, at.trained, [batch]), next = update(at, g, optimizer, rate, clip);
  disposeTrainable(at);
  return { next, loss: g.loss, norm: g.norm };
}

/** Loss of a batch and its gradients, as plain numbers. */
export function lossAndGradients(model: Model, method: Method, trained: Params, batch: Example[]): { loss: number; gradients: Record<string, number[]> } {
  const objective = sft(), gradients: Record<string, number[]> = {};
  let loss = 0;
  tf.tidy(() => {
    const result = valueAndGradients(objective.loss(model, method), trained, objective.collate(batch));
    loss = result.value.dataSync()[0];
    for (const [name, g] of Object.entries(result.gradients)) gradients[name] = [...g.dataSync()];
  });
  return { loss, gradients };
}
