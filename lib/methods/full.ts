/**
 * Full fine-tuning: every parameter, or every one of the chosen modules, is trained itself.
 *   θ ← θ − η ∇L(θ),  from the pre-trained θ₀
 */
import { TunelabError } from "../errors";
import { tf, type Params } from "../tensor";
import type { Method } from "./method";
import { selectParameters, type Selection } from "./targets";

export interface FullOptions {
  /** Which parameters are trained; the others stay as they are. */
  parameters?: Selection;
}

export function full({ parameters = "all" }: FullOptions = {}): Method {
  return {
    name: "full",
    settings: { parameters },
    learningRate: 2e-5,
    init: (base) => Object.fromEntries(selectParameters(base, parameters).map((name) => [name, tf.add(base[name], 0)])), // real copies, which may be freed or changed apart from the base
    weights: (base, trained) => ({ ...base, ...trained }),
    merge: (base, trained) => replaced(base, trained, "full"),
  };
}

/** The base's weights with the trained ones in their place; all are new tensors. */
export function replaced(base: Params, trained: Params, what: string): Params {
  const foreign = Object.keys(trained).filter((name) => base[name] && base[name].shape.join() !== trained[name].shape.join());
  if (foreign.length) throw new TunelabError(`${what}: ${foreign.join(", ")} have another shape than in this model; use the base model that was trained.`);
  return Object.fromEntries(Object.entries({ ...base, ...trained }).map(([name, w]) => [name, w.clone()]));
}
