/** One optimisation step, in two halves: gradients of the batch, then the update. Every intermediate tensor is freed. */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import type { Loss } from "../objectives/objective";
import { clipByNorm, globalNorm } from "../optimizers/clip";
import type { Optimizer } from "../optimizers/optimizer";
import { dispose, mapParams, tf, type Params } from "../tensor";

/** Value and gradient of a loss by every trained tensor. */
export function valueAndGradients<B>(loss: Loss<B>, trained: Params, batch: B, key?: Tensor): { value: Scalar; gradients: Params } {
  const names = Object.keys(trained);
  const { value, grads } = tf.valueAndGrads((...tensors: Tensor[]) => loss(Object.fromEntries(names.map((n, i) => [n, tensors[i]])), batch, key))(Object.values(trained));
  return { value: value as Scalar, gradients: Object.fromEntries(names.map((n, i) => [n, grads[i]])) };
}

export interface Gradients { loss: number; norm: number; gradients: Params }

/** Mean loss and gradient over several batches, each counted by its weight: the same as over one large batch. */
export function accumulate<B extends { weight: number }>(loss: Loss<B>, trained: Params, batches: readonly B[], key?: (micro: number) => Tensor): Gradients {
  const total = batches.reduce((sum, b) => sum + b.weight, 0);
  if (!(total > 0)) throw new TunelabError("A batch has no targets, so there is no loss; leave out examples without an answer, or raise maxLength.");
  let sum: Params = {}, mean = 0;
  for (const [i, batch] of batches.entries()) {
    if (batch.weight === 0) continue; // its mean would be 0/0
    const share = batch.weight / total, before = sum;
    try {
      sum = tf.tidy(() => {
        const { value, gradients } = valueAndGradients(loss, trained, batch, key?.(i));
        mean += value.dataSync()[0] * share;
        return share === 1 ? gradients : mapParams(gradients, (g, name) => (before[name] ? tf.add(before[name], tf.mul(g, share)) : tf.mul(g, share)));
      });
    } finally { dispose(before); }
  }
  return { loss: mean, gradients: sum, norm: tf.tidy(() => globalNorm(sum).dataSync()[0]) };
}

export interface Trainable { trained: Params; state: Readonly<Record<string, Params>> }

/** New parameters and optimizer state; the old ones are left alone, the gradients are freed. `factor` gives a tensor's own multiple of the rate. */
export function update({ trained, state }: Trainable, { gradients, norm }: Gradients, optimizer: Optimizer, learningRate: number, clip?: number, factor: (name: string) => number = () => 1): Trainable {
  const next = tf.tidy(() => {
    const clipped = clip ? clipByNorm(gradients, tf.scalar(norm), clip) : gradients;
    return mapParams(trained, (p, name) => optimizer.step(p, clipped[name], state[name], tf.scalar(learningRate * factor(name))));
  });
  dispose(gradients);
  return { trained: mapParams(next as never, (n: unknown) => (n as { p: Tensor }).p), state: mapParams(next as never, (n: unknown) => (n as { state: Params }).state) };
}

/** Frees parameters and optimizer state. */
export function disposeTrainable({ trained, state }: Trainable): void {
  dispose(trained);
  Object.values(state).forEach(dispose);
}
