/** One optimisation step, in two halves: gradients of the batch, then the update. Every intermediate tensor is freed. */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import type { Method } from "../methods/method";
import type { GradientPass, Model } from "../model";
import type { Loss, Note, Objective } from "../objectives/objective";
import { clipFactor, sumOfSquares } from "../optimizers/clip";
import type { Optimizer } from "../optimizers/optimizer";
import { fusedStepper } from "./fused";
import { dispose, jit, mapParams, tf, type Params } from "../tensor";

/** Value and gradient of a loss by every trained tensor; the gradient is `scale` times as large. */
export function valueAndGradients<B>(loss: Loss<B>, trained: Params, batch: B, key?: Tensor, scale = 1, note?: Note): { value: Scalar; gradients: Params } {
  const names = Object.keys(trained), f = (...tensors: Tensor[]) => loss(Object.fromEntries(names.map((n, i) => [n, tensors[i]])), batch, key, note);
  const { value, grads } = tf.valueAndGrads(f)(Object.values(trained), scale === 1 ? undefined : tf.scalar(scale));
  return { value: value as Scalar, gradients: Object.fromEntries(names.map((n, i) => [n, grads[i]])) };
}

export interface Gradients { loss: number; norm: number; gradients: Params; metrics?: Record<string, number> }

/** Collects what an objective measures, each batch by its share of the whole. */
export function notes(): { take(share: number): Note; metrics(): Record<string, number> | undefined } {
  const sums: Record<string, number> = {};
  return {
    take: (share) => (measured) => { for (const [name, t] of Object.entries(measured)) sums[name] = (sums[name] ?? 0) + share * t.dataSync()[0]; },
    metrics: () => (Object.keys(sums).length ? sums : undefined),
  };
}

/** Mean loss and gradient over several batches, each counted by its weight: the same as over one large batch. `scale`: of the loss, while its gradient is taken. */
export function accumulate<B extends { weight: number }>(loss: Loss<B>, trained: Params, batches: readonly B[], key?: (micro: number) => Tensor, scale = 1): Gradients {
  const total = batches.reduce((sum, b) => sum + b.weight, 0);
  if (!(total > 0)) throw new TunelabError("A batch has no targets, so there is no loss; leave out examples without an answer, or raise maxLength.");
  const noted = notes();
  let sum: Params = {}, mean = 0;
  for (const [i, batch] of batches.entries()) {
    if (batch.weight === 0) continue; // its mean would be 0/0
    const share = batch.weight / total, before = sum;
    try {
      sum = tf.tidy(() => {
        const { value, gradients } = valueAndGradients(loss, trained, batch, key?.(i), scale, noted.take(share)), factor = share / scale;
        mean += value.dataSync()[0] * share;
        return factor === 1 ? gradients : mapParams(gradients, (g, name) => (before[name] ? tf.add(before[name], tf.mul(g, factor)) : tf.mul(g, factor)));
      });
    } finally { dispose(before); }
  }
  return { loss: mean, gradients: sum, norm: normOf(sum), metrics: noted.metrics() };
}

const squares = jit((gradients: Tensor[]) => sumOfSquares(gradients));
/** √Σ g² over all tensors. */
const normOf = (gradients: Params): number =>
  tf.tidy(() => Math.sqrt(tf.addN(byLayer(Object.keys(gradients)).map((names) => squares(names.map((name) => gradients[name])))).dataSync()[0]));

export interface Trainable { trained: Params; state: Readonly<Record<string, Params>> }

/** One tensor's step: its new value and its optimizer state. */
export type Move = { p: Tensor; state: Params };
type Group = (tensors: { p: Tensor; g: Tensor; state: Params; learningRate: Scalar }[], factor: Tensor) => Move[];
const groups = new WeakMap<Optimizer, Group>();
/** The step of one optimizer for a list of tensors, as one compiled program. */
function groupStep(optimizer: Optimizer): Group {
  if (!groups.has(optimizer)) {
    const step: Group = (tensors, factor) => tensors.map(({ p, g, state, learningRate }) => optimizer.step(p, tf.mul(g, factor), state, learningRate));
    const compiled = jit(step as never) as unknown as Group;
    groups.set(optimizer, (...args) => tf.tidy(() => compiled(...args) as never) as unknown as Move[]);
  }
  return groups.get(optimizer)!;
}
/** Names by layer, and those outside: the tensors of all layers have the same shapes, so one program moves each layer. */
const byLayer = (names: readonly string[]): string[][] =>
  Object.values(names.reduce<Record<string, string[]>>((layers, name) => { (layers[/\.layers\.\d+\./.exec(name)?.[0] ?? ""] ??= []).push(name); return layers; }, {}));

/**
 * New parameters and optimizer state. The old parameters are left alone; old state and gradients are freed as they are used up.
 * `rateFactor` gives a tensor's learning rate as a multiple of the common one.
 */
export function update({ trained, state }: Trainable, { gradients, norm }: Gradients, optimizer: Optimizer, learningRate: number, clip = 0, rateFactor: (name: string) => number = () => 1): Trainable {
  const step = groupStep(optimizer), moved: Record<string, Move> = {}, inOrder = Object.keys(trained);
  const factor = tf.scalar(clip ? clipFactor(norm, clip) : 1), rates = new Map<number, Scalar>();
  const rateOf = (name: string): Scalar => {
    const rate = learningRate * rateFactor(name);
    if (!rates.has(rate)) rates.set(rate, tf.scalar(rate));
    return rates.get(rate)!;
  };
  for (const names of byLayer(inOrder)) {
    const moves = step(names.map((name) => ({ p: trained[name], g: gradients[name], state: state[name], learningRate: rateOf(name) })), factor);
    names.forEach((name, i) => { moved[name] = moves[i]; gradients[name].dispose(); dispose(state[name]); });
  }
  factor.dispose(); rates.forEach((rate) => rate.dispose());
  return { trained: Object.fromEntries(inOrder.map((name) => [name, moved[name].p])), state: Object.fromEntries(inOrder.map((name) => [name, moved[name].state])) };
}

/** A step that has begun: its loss is known (for a fused optimizer without clipping only after `apply`), the update is still to come. */
export interface Attempt {
  loss?: number;
  norm?: number;
  /** What the objective measured beside the loss; nothing with a fused optimizer. */
  metrics?: Record<string, number>;
  failure?: unknown;
  /** The update. A fused optimizer frees the old parameters, others leave them alone. */
  apply(learningRate: number): Trainable;
  /** Frees what was computed, where there will be no update. */
  drop(): void;
}
type Setting<E, B extends { weight: number }> = { loss: Loss<B>; objective: Objective<E, B>; model: Pick<Model, "config" | "params">; method: Method; optimizer: Optimizer; clip: number; pass?: GradientPass };

/** Begins steps: all gradients first, or, with a fused optimizer, layer by layer. `scale`: see loss-scale.ts. */
export function stepper<E, B extends { weight: number }>({ loss, objective, model, method, optimizer, clip, pass }: Setting<E, B>): (now: Trainable, batches: readonly B[], key: (micro: number) => Tensor, scale?: number) => Attempt {
  if (!optimizer.fused)
    return (now, batches, key, scale) => {
      const gradients = accumulate(loss, now.trained, batches, key, scale);
      return { loss: gradients.loss, norm: gradients.norm, metrics: gradients.metrics, apply: (rate) => update(now, gradients, optimizer, rate, clip, method.rateFactor), drop: () => dispose(gradients.gradients) };
    };
  const fused = fusedStepper(objective, model, method, optimizer, pass);
  return (now, [batch], keyOf, scale) => {
    const key = () => keyOf(0), attempt: Attempt = {
      ...(clip ? fused.measure(now, batch, key, scale) : {}),
      apply(rate) {
        const { next, ...rest } = fused.move(now, batch, rate, clip ? { norm: attempt.norm!, max: clip } : undefined, key, scale);
        Object.assign(attempt, clip ? { failure: rest.failure } : rest); // the norm before clipping is the one to report
        return next;
      },
      drop() {},
    };
    return attempt;
  };
}

/** Frees parameters and optimizer state. */
export function disposeTrainable({ trained, state }: Trainable): void {
  dispose(trained);
  Object.values(state).forEach(dispose);
}
