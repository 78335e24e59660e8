/**
 * Diff pruning: a difference to the base that learns to be sparse (Guo, Rush & Kim 2021, section 3).
 *   θ = θ₀ + z ⊙ w,  minimise L(θ) + λ E‖z‖₀
 * with hard concrete gates (Louizos et al. 2018): u ~ U(0, 1), s = σ(log u − log(1−u) + α), z = min(1, max(0, s (r−l) + l)),
 * l = −1.5, r = 1.5, E‖z‖₀ = Σ σ(α − log(−l/r)). Structured gates multiply those of a whole tensor, or of each of its rows, with
 * one more. After training, `projectDiff` keeps the largest differences that a budget allows.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { clampUnit, foldIn, sigmoid, tf, uniform, type Params } from "../tensor";
import type { Adapter, Method } from "./method";
import { keptOf, largest, sparse, type SparseDifference } from "./sparse";
import { selectParameters, type Selection } from "./targets";

export interface DiffPruningOptions {
  parameters?: Selection;
  /** Gates that entries share, beside their own. */
  structure?: "none" | "tensor" | "row";
  /** λ, the price of one open gate. */
  penalty?: number;
  /** α at the start; 5 is an open gate. */
  alpha?: number;
  /** Learning rate of the gates as a multiple of that of the differences (the paper's 0.1 beside 1e-5). */
  gateRate?: number;
}

const LOW = -1.5, HIGH = 1.5, SHIFT = Math.log(-LOW / HIGH);
const names = (name: string) => ({ diff: `${name}.diff`, gates: `${name}.gates`, shared: `${name}.shared_gates` });

/** z of gates α: a sample with a key, else what σ(α) gives. */
function gate(alpha: Tensor, key?: Tensor): Tensor {
  if (!key) return stretch(sigmoid(alpha));
  const u = tf.add(tf.mul(uniform(alpha.shape, key), 1 - 2e-4), 1e-4); // away from 0 and 1, whose logarithms are not finite
  return stretch(sigmoid(tf.add(tf.sub(tf.log(u), tf.log(tf.sub(1, u))), alpha)));
}
const stretch = (s: Tensor): Tensor => clampUnit(tf.add(tf.mul(s, HIGH - LOW), LOW));

/** z ⊙ w of one parameter. */
function difference(name: string, trained: Params, key?: Tensor): Tensor | undefined {
  const { diff, gates, shared } = names(name);
  if (!trained[diff]) return undefined;
  const open = tf.mul(trained[diff], gate(trained[gates], key && foldIn(key, gates)));
  return trained[shared] ? tf.mul(open, gate(trained[shared], key && foldIn(key, shared))) : open;
}

export function diffPruning({ parameters = "layers", structure = "none", penalty = 1.25e-7, alpha = 5, gateRate = 1e4 }: DiffPruningOptions = {}): Method {
  if (!["none", "tensor", "row"].includes(structure)) throw new TunelabError(`Diff pruning: structure ${shown(structure)} is unknown; choose from none, tensor, row.`);
  if (!(Number.isFinite(penalty) && penalty >= 0)) throw new TunelabError(`Diff pruning: penalty is ${shown(penalty)}; it must be a number of at least 0.`);
  if (!Number.isFinite(alpha)) throw new TunelabError(`Diff pruning: alpha is ${shown(alpha)}; it must be a number.`);
  if (!(Number.isFinite(gateRate) && gateRate > 0)) throw new TunelabError(`Diff pruning: gateRate is ${shown(gateRate)}; it must be a number above 0.`);
  const changed = (base: Params, trained: Params, key?: Tensor) =>
    Object.fromEntries(Object.entries(base).map(([name, w]) => { const d = difference(name, trained, key); return [name, d ? tf.add(w, d) : w]; }));
  return {
    name: "diff-pruning",
    settings: { parameters, structure, penalty, alpha, gateRate },
    learningRate: 1e-5,

    init: (base) => Object.fromEntries(selectParameters(base, parameters).flatMap((name) => {
      const { shape } = base[name], { diff, gates, shared } = names(name), row = structure === "row" && shape.length === 2;
      return [
        [diff, tf.zeros(shape)], [gates, tf.fill(shape, alpha)],
        ...(structure === "none" ? [] : [[shared, tf.fill(row ? [shape[0], 1] : [1], alpha)]]),
      ];
    })) as Params,

    weights: changed,
    rateFactor: (name) => (/\.(shared_)?gates$/.test(name) ? gateRate : 1),

    /** λ times the expected number of entries whose gates are open. */
    penalty(trained) {
      const open = (alpha: Tensor) => sigmoid(tf.sub(alpha, SHIFT));
      const sums = Object.keys(trained).filter((name) => name.endsWith(".gates")).map((name) => {
        const shared = trained[name.replace(/gates$/, "shared_gates")];
        return tf.sum(shared ? tf.mul(open(trained[name]), open(shared)) : open(trained[name]));
      });
      return tf.mul(tf.addN(sums), penalty) as Scalar;
    },

    merge: (base, trained) => tf.tidy(() => Object.fromEntries(Object.entries(changed(base, trained)).map(([name, w]) => [name, w === base[name] ? w.clone() : w]))),
  };
}

/**
 * The sparse adapter that keeps the `density` largest differences |z ⊙ w| of all that were trained (the projection on the L0
 * ball, section 3.3). It holds these entries only: one such file per task on one base. It can be trained on, its entries fixed.
 */
export function projectDiff({ method, trained }: Adapter, base: Params, { density = 0.005 } = {}): Adapter {
  if (method.name !== "diff-pruning") throw new TunelabError(`projectDiff: the adapter is one of ${method.name}; it must be one of diff-pruning that was not projected yet.`);
  const found = Object.keys(trained).filter((name) => name.endsWith(".diff")).map((name) => name.slice(0, -".diff".length));
  const values = Object.fromEntries(found.map((name) => [name, tf.tidy(() => difference(name, trained)!.dataSync() as Float32Array)]));
  const total = Object.values(values).reduce((sum, v) => sum + v.length, 0), keep = keptOf(total, density, "Diff pruning");
  const kept = largest(Object.fromEntries(Object.entries(values).map(([name, v]) => [name, v.map(Math.abs)])), keep);
  const entries: SparseDifference = Object.fromEntries(Object.entries(kept).map(([name, indices]) => [name, { indices, values: Float32Array.from(indices, (i) => values[name][i]) }]));
  const sparseMethod = sparse(base, entries, { name: "sparse-diff", learningRate: 1e-5 });
  return { method: sparseMethod, trained: sparseMethod.init(base, undefined as never, 0) };
}
