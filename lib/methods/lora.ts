/**
 * LoRA: low-rank adaptation (Hu et al. 2021, eq. 3).
 *   h = W₀x + (α/r) · B A x,  A [r, in] ~ U(±1/√in), B [out, r] = 0; only A and B are trained.
 * rsLoRA (Kalajdzievski 2023) scales by α/√r instead, which keeps the update's size independent of r.
 * DoRA (Liu et al. 2024, eq. 5) trains each row's length m apart from its direction: W = m ⊙ (W₀ + (α/r) B A) / ‖W₀ + (α/r) B A‖,
 * m [out] from ‖W₀‖; the norm counts as a constant in the gradient (section 4.3).
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import type { Wrap } from "../model/transformer";
import { dropout as drop, foldIn, Random, tf, type Params } from "../tensor";
import type { Method } from "./method";
import { matchSites, type Targets } from "./targets";

export interface LoraOptions {
  /** r, the rank of the update. */
  rank?: number;
  /** α, the update's scale. */
  alpha?: number;
  targets?: Targets;
  /** Probability of dropping each entry of the adapter's input while training. */
  dropout?: number;
  rsLoRA?: boolean;
  dora?: boolean;
}

export const loraNames = (site: string): { A: string; B: string; m: string } => ({ A: `${site}.lora_A.weight`, B: `${site}.lora_B.weight`, m: `${site}.lora_magnitude_vector` });

/** Length of each row of a matrix [out, in] → [out, 1]. */
const rowNorm = (w: Tensor): Tensor => tf.sqrt(tf.sum(tf.square(w), 1, true));
/** x, whose gradient is 0. */
const constant = (x: Tensor): Tensor => tf.customGrad((x) => ({ value: (x as Tensor).clone(), gradFunc: (dy: Tensor) => tf.zerosLike(dy) }))(x) as Tensor;

export function lora({ rank = 8, alpha = 16, targets = ["q_proj", "v_proj"], dropout = 0, rsLoRA = false, dora = false }: LoraOptions = {}): Method {
  if (!Number.isInteger(rank) || rank < 1) throw new TunelabError(`LoRA: rank is ${rank}; it must be a whole number of at least 1.`);
  if (!Number.isFinite(alpha)) throw new TunelabError(`LoRA: alpha is ${alpha}; it must be a number.`);
  if (!(dropout >= 0 && dropout < 1)) throw new TunelabError(`LoRA: dropout is ${dropout}; it must be at least 0 and below 1.`);
  if (dora && dropout) throw new TunelabError(`LoRA: dropout is ${dropout}, but DoRA changes the weights themselves, not what goes into them; set dropout 0, or dora false.`);
  const scale = alpha / (rsLoRA ? Math.sqrt(rank) : rank);
  /** A matrix with its update. */
  const updated = (w: Tensor, trained: Params, { A, B, m }: ReturnType<typeof loraNames>): Tensor => {
    const sum = tf.add(w, tf.mul(tf.matMul(trained[B] as never, trained[A] as never), scale));
    return dora ? tf.mul(sum, tf.div(tf.expandDims(trained[m], 1), constant(rowNorm(sum)))) : sum;
  };
  const withUpdates = (base: Params, trained: Params): Params => Object.fromEntries(Object.entries(base).map(([name, w]) => {
    const names = loraNames(name.replace(/\.weight$/, ""));
    return [name, trained[names.A] && name.endsWith(".weight") ? updated(w, trained, names) : w];
  }));
  return {
    name: "lora",
    settings: { rank, alpha, targets, dropout, rsLoRA, ...(dora ? { dora } : {}) },

    init(base, _config, seed) {
      const trained: Record<string, Params[string]> = {}, sites = matchSites(base, targets);
      const small = sites.find(({ out, into }) => rank > Math.min(out, into)), most = small && Math.min(small.out, small.into);
      if (small) throw new TunelabError(`LoRA: rank ${rank} is more than the ${most} that ${small.name} [${small.out}, ${small.into}] can have; choose at most ${most}.`);
      for (const { name, out, into } of sites) {
        const random = new Random(seed, name), bound = 1 / Math.sqrt(into);
        const { A, B, m } = loraNames(name);
        trained[A] = tf.tensor2d(Float32Array.from({ length: rank * into }, () => (2 * random.uniform() - 1) * bound), [rank, into]);
        trained[B] = tf.zeros([out, rank]);
        if (dora) trained[m] = tf.tidy(() => tf.squeeze(rowNorm(base[`${name}.weight`]), [1]));
      }
      return trained;
    },

    ...(dora ? { weights: withUpdates } : {
      wrap: (trained: Params, key?: Tensor): Wrap => (site, x, next) => {
        const names = loraNames(site), A = trained[names.A], B = trained[names.B];
        if (!A) return next(x);
        const input = key && dropout ? drop(x, dropout, foldIn(key, site)) : x;
        const low = tf.matMul(input as never, A as never, false, true); // [n, r]
        return tf.add(next(x), tf.mul(tf.matMul(low as never, B as never, false, true), scale));
      },
    }),

    merge: (base, trained) => tf.tidy(() => Object.fromEntries(Object.entries(withUpdates(base, trained)).map(([name, w]) => [name, w === base[name] ? w.clone() : w]))),
  };
}
