/**
 * AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2; the form of torch.optim.AdamW).
 *   m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − lr·λ·p − lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { tf } from "../tensor";
import type { Optimizer } from "./optimizer";

export interface AdamWOptions { beta1?: number; beta2?: number; eps?: number; weightDecay?: number }

export function adamw({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0.01 }: AdamWOptions = {}): Optimizer {
  // 1 − βᵗ = −expm1(t ln β): float32 loses the leading digits of the plain form while t is small.
  const correction = (beta: number, t: Tensor) => tf.neg(tf.expm1(tf.mul(t, Math.log(beta))));
  const average = (beta: number, old: Tensor, value: Tensor) => tf.add(tf.mul(old, beta), tf.mul(value, 1 - beta));
  return {
    name: "adamw",
    settings: { beta1, beta2, eps, weightDecay },
    init: (p) => ({ m: tf.zerosLike(p), v: tf.zerosLike(p), t: tf.scalar(0) }),
    step(p, g, state, learningRate: Scalar) {
      const t = tf.add(state.t, 1), m = average(beta1, state.m, g), v = average(beta2, state.v, tf.square(g));
      const denominator = tf.add(tf.sqrt(tf.div(v, correction(beta2, t))), eps);
      const decayed = weightDecay ? tf.mul(p, tf.sub(1, tf.mul(learningRate, weightDecay))) : p;
      const update = tf.div(tf.div(m, correction(beta1, t)), denominator);
      return { p: tf.sub(decayed, tf.mul(learningRate, update)), state: { m, v, t } };
    },
  };
}
