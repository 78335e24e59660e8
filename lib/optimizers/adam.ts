/**
 * Adam (Kingma & Ba 2015, algorithm 1) with weight decay as an L2 penalty: the form of torch.optim.Adam.
 *   g ← g + λp,  m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)
 * The penalty goes through the moments, so that large gradients decay less: AdamW's reason to differ.
 */
import { tf } from "../tensor";
import { adamw, type AdamWOptions } from "./adamw";
import type { Optimizer } from "./optimizer";

export function adam({ weightDecay = 0, ...options }: AdamWOptions = {}): Optimizer {
  const inner = adamw({ ...options, weightDecay: 0 });
  return {
    ...inner,
    name: "adam",
    settings: { ...inner.settings, weightDecay },
    step: (p, g, state, learningRate) => inner.step(p, weightDecay ? tf.add(g, tf.mul(p, weightDecay)) : g, state, learningRate),
  };
}
