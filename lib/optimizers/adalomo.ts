/**
 * AdaLOMO (Lv et al. 2023b, algorithm 1): LOMO with an adaptive rate for every entry, from a second moment that a matrix keeps as
 * row and column means only (Adafactor, Shazeer & Stern 2018).
 *   r ← β r + (1−β) mean_cols(g² + ε₁),  c ← β c + (1−β) mean_rows(g² + ε₁),  β = 1 − t^(−0.8)
 *   u = g / √(r cᵀ / mean(r));  u ← u / max(1, RMS(u) / d);  p ← p − lr · max(ε₂, RMS(p)) · u      (grouped normalisation)
 * Vectors keep their full second moment.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { tf } from "../tensor";
import type { Optimizer } from "./optimizer";

export interface AdaLomoOptions {
  /** ε₁ is added to squared gradients, ε₂ is the least RMS of a parameter that its rate is scaled by. */
  eps?: readonly [number, number];
  /** d: updates of larger RMS are scaled down to it. */
  clipThreshold?: number;
  /** Exponent of the decay. */
  decay?: number;
  weightDecay?: number;
}

const rms = (x: Tensor): Tensor => tf.sqrt(tf.mean(tf.square(x)));

export function adalomo({ eps: [eps1, eps2] = [1e-30, 1e-3], clipThreshold = 1, decay = 0.8, weightDecay = 0 }: AdaLomoOptions = {}): Optimizer {
  return {
    name: "adalomo",
    settings: { eps: [eps1, eps2], clipThreshold, decay, weightDecay },
    fused: true,
    init: (p) => ({ t: tf.scalar(0), ...(p.rank > 1 ? { row: tf.zeros(p.shape.slice(0, -1)), column: tf.zeros([...p.shape.slice(0, -2), p.shape.at(-1)!]) } : { square: tf.zerosLike(p) }) }),
    step(p, g, state, learningRate: Scalar) {
      const t = tf.add(state.t, 1), beta = tf.sub(1, tf.pow(t, -decay)), squares = tf.add(tf.square(g), eps1);
      const average = (old: Tensor, value: Tensor) => tf.add(tf.mul(beta, old), tf.mul(tf.sub(1, beta), value));
      let u: Tensor, next: Record<string, Tensor>;
      if (p.rank > 1) {
        const row = average(state.row, tf.mean(squares, -1)), column = average(state.column, tf.mean(squares, -2));
        const perRow = tf.rsqrt(tf.div(row, tf.mean(row, -1, true)));
        u = tf.mul(tf.mul(tf.expandDims(perRow, -1), tf.expandDims(tf.rsqrt(column), -2)), g);
        next = { row, column };
      } else {
        const square = average(state.square, squares);
        u = tf.mul(tf.rsqrt(square), g);
        next = { square };
      }
      u = tf.div(u, tf.maximum(tf.div(rms(u), clipThreshold), 1));
      const rate = tf.mul(learningRate, tf.maximum(rms(p), eps2));
      const decayed = weightDecay ? tf.mul(p, tf.sub(1, tf.mul(rate, weightDecay))) : p;
      return { p: tf.sub(decayed, tf.mul(rate, u)), state: { t, ...next } };
    },
  };
}
