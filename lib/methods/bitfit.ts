/**
 * BitFit: only the biases are trained (Ben Zaken et al. 2022, section 3).
 *   y = W₀ x + b,  b trained from the pre-trained b₀
 * Qwen2 has biases on q, k, v; Llama and Qwen3 have none. At named modules without one a bias can be added that starts at 0:
 * an extension of the paper, which has them everywhere.
 */
import { TunelabError } from "../errors";
import { tf, type Params } from "../tensor";
import { replaced } from "./full";
import type { Method } from "./method";
import { matchSites, type Targets } from "./targets";

export interface BitFitOptions {
  /** "existing": every bias that the model has; or modules, whose missing biases are added and start at 0. */
  biases?: "existing" | Targets;
}

export function bitfit({ biases = "existing" }: BitFitOptions = {}): Method {
  return {
    name: "bitfit",
    settings: { biases },
    learningRate: 1e-3,

    init(base) {
      if (biases !== "existing")
        return Object.fromEntries(matchSites(base, biases).map(({ name, out }) => [`${name}.bias`, base[`${name}.bias`]?.clone() ?? tf.zeros([out])]));
      const names = Object.keys(base).filter((name) => name.endsWith(".bias"));
      if (!names.length) {
        const modules = [...new Set(matchSites(base, "all-linear").map(({ name }) => name.split(".").at(-1)))];
        throw new TunelabError(`BitFit: this model has no biases to train; name modules that shall get one (biases: ["q_proj", "v_proj"], or "all-linear"), of ${modules.join(", ")}.`);
      }
      return Object.fromEntries(names.map((name) => [name, base[name].clone()]));
    },

    weights: (base, trained) => ({ ...base, ...trained }),
    merge: (base: Params, trained) => replaced(base, trained, "BitFit"),
  };
}
