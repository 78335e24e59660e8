/**
 * LOMO: low-memory optimisation (Lv et al. 2023, algorithm 1).
 *   p ← p − lr · g   inside the backward pass of p's own layer: no gradient outlives its layer, and there is no state.
 * The gradient's norm, for clipping, takes a first backward pass that updates nothing (section 3.3); `clipValue` clips each entry
 * instead, in one pass.
 */
import { TunelabError } from "../errors";
import { tf } from "../tensor";
import type { Optimizer } from "./optimizer";

export interface LomoOptions {
  /** Decoupled: p ← (1 − lr · weightDecay) p first. */
  weightDecay?: number;
  /** Entries of the gradient are clipped to [−clipValue, clipValue]; 0 = not. */
  clipValue?: number;
}

export function lomo({ weightDecay = 0, clipValue = 0 }: LomoOptions = {}): Optimizer {
  if (!(weightDecay >= 0)) throw new TunelabError(`LOMO: weightDecay is ${weightDecay}; it must be 0 or more.`);
  if (!(clipValue >= 0)) throw new TunelabError(`LOMO: clipValue is ${clipValue}; it must be 0 (off) or more.`);
  return {
    name: "lomo",
    settings: { weightDecay, clipValue },
    fused: true,
    init: () => ({}),
    step(p, g, _state, learningRate) {
      const clipped = clipValue ? tf.clipByValue(g, -clipValue, clipValue) : g;
      const decayed = weightDecay ? tf.mul(p, tf.sub(1, tf.mul(learningRate, weightDecay))) : p;
      return { p: tf.sub(decayed, tf.mul(learningRate, clipped)), state: {} };
    },
  };
}
