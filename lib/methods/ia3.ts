/**
 * (IA)³: learned vectors rescale inner activations (Liu et al. 2022, section 3.3).
 *   attention: softmax(Q (l_k ⊙ K)ᵀ/√d) (l_v ⊙ V);  feed-forward: W_down (l_ff ⊙ (silu(W_gate x) ⊙ W_up x))
 * So k_proj and v_proj are scaled at their output, down_proj at its input. All vectors start at 1. The paper's targets are the
 * default; PEFT's for qwen2 are q, v and down.
 */
import { TunelabError } from "../errors";
import { tf } from "../tensor";
import type { Method } from "./method";
import { matches, matchSites, type Targets } from "./targets";

export interface Ia3Options {
  targets?: Targets;
  /** Those of the targets that are scaled at their input. */
  feedForward?: readonly string[];
}

export const ia3Name = (site: string): string => `${site}.ia3_l`;

export function ia3({ targets = ["k_proj", "v_proj", "down_proj"], feedForward }: Ia3Options = {}): Method {
  const wanted = targets === "all-linear" ? ["down_proj"] : targets;
  const inputs = feedForward ?? wanted.filter((t) => matches(t, "down_proj"));
  if (targets !== "all-linear") {
    const stray = inputs.filter((f) => !targets.some((t) => matches(t, f) || matches(f, t)));
    if (stray.length) throw new TunelabError(`IA3: feedForward names ${stray.join(", ")}, which targets do not; add them to targets (${targets.join(", ")}), or leave them out.`);
  }
  const atInput = (site: string) => inputs.some((t) => matches(site, t));
  return {
    name: "ia3",
    settings: { targets, feedForward: inputs },
    learningRate: 3e-3,

    init: (base) => Object.fromEntries(matchSites(base, targets).map(({ name, out, into }) => [ia3Name(name), atInput(name) ? tf.ones([1, into]) : tf.ones([out, 1])])),

    // [1, in] scales the input, [out, 1] the output: the shape says which, also for a single layer's names.
    wrap: (trained) => (site, x, next) => {
      const l = trained[ia3Name(site)];
      if (!l) return next(x);
      const vector = tf.reshape(l, [1, l.size]);
      return l.shape[0] === 1 && l.size > 1 ? next(tf.mul(x, vector)) : tf.mul(next(x), vector);
    },

    merge: (base, trained) =>
      Object.fromEntries(Object.entries(base).map(([name, w]) => {
        const l = trained[ia3Name(name.replace(/\.(weight|bias)$/, ""))];
        const scaled = l && (name.endsWith(".weight") || l.shape[0] !== 1);
        return [name, scaled ? tf.tidy(() => tf.mul(w, name.endsWith(".bias") ? tf.reshape(l, [l.size]) : l)) : w.clone()];
      })),
  };
}
