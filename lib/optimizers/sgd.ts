/**
 * Stochastic gradient descent with momentum (Polyak 1964; Nesterov as Sutskever et al. 2013; the form of torch.optim.SGD).
 *   g ← g + λp,  m ← μm + (1−τ)g  (m ← g at the first step),  p ← p − lr · (m, or g + μm for Nesterov)
 */
import { TunelabError } from "../errors";
import { tf } from "../tensor";
import type { Optimizer } from "./optimizer";

export interface SgdOptions {
  /** μ; 0 = plain gradient descent, without any state. */
  momentum?: number;
  /** τ. */
  dampening?: number;
  nesterov?: boolean;
  /** λ, added to the gradient. */
  weightDecay?: number;
}

export function sgd({ momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  if (!(momentum >= 0 && momentum < 1)) throw new TunelabError(`SGD: momentum is ${momentum}; it must be at least 0 and below 1.`);
  if (nesterov && (momentum === 0 || dampening !== 0)) throw new TunelabError("SGD: nesterov needs a momentum above 0 (0.9, say) and no dampening.");
  return {
    name: "sgd",
    settings: { momentum, dampening, nesterov, weightDecay },
    init: (p): Record<string, typeof p> => (momentum ? { m: tf.zerosLike(p), t: tf.scalar(0) } : {}),
    step(p, g, state, learningRate): ReturnType<Optimizer["step"]> {
      const gradient = weightDecay ? tf.add(g, tf.mul(p, weightDecay)) : g;
      if (!momentum) return { p: tf.sub(p, tf.mul(learningRate, gradient)), state: {} };
      // dampening spares the first step
      const share = dampening ? tf.sub(1, tf.mul(tf.cast(tf.greater(state.t, 0), "float32"), dampening)) : tf.scalar(1);
      const m = tf.add(tf.mul(state.m, momentum), tf.mul(gradient, share));
      const update = nesterov ? tf.add(gradient, tf.mul(m, momentum)) : m;
      return { p: tf.sub(p, tf.mul(learningRate, update)), state: { m, t: tf.add(state.t, 1) } };
    },
  };
}
