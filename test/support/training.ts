/** Small pieces of training that several tests share. */
import type { Method } from "tunelab/methods";
import { sft, type Example } from "tunelab/objectives";
import { valueAndGradients } from "tunelab/train";
import { Random, tf, type Params } from "tunelab/tensor";
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
