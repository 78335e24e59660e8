/**
 * Is an update of low rank? Singular values of ΔW, ranks read off them, and what noise alone would give.
 *   effective rank  exp(−Σ p_i ln p_i), p_i = σ_i/Σσ (Roy & Vetterli 2007);  stable rank  ‖ΔW‖_F²/σ_1²
 *   ΔW = θuvᵀ + noise of variance 1/n, [m, n], c = m/n:  seen at √((1 + θ²)(c + θ²))/θ if θ > c^¼, else lost in the bulk, whose
 *   edge is 1 + √c (Benaych-Georges & Nadakuditi 2012)
 *   subspace overlap  φ(A, B, i, j) = ‖U_A,iᵀ U_B,j‖_F² / min(i, j) (Hu et al. 2021, eq. 4); of random subspaces max(i, j)/n
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { svd, singularValues, tf, type Params } from "../tensor";
import { marchenkoPasturQuantile } from "./random-matrix";

/** Where a signal of strength θ is seen among singular values, noise of variance 1/n, c = m/n. */
export const spikedSingular = (theta: number, c: number): number => (theta > c ** 0.25 ? Math.sqrt((1 + theta ** 2) * (c + theta ** 2)) / theta : 1 + Math.sqrt(c));
/** Back: θ, and the squared cosines of left and right singular vectors with the true ones. Undefined within the bulk. */
export function debiasSingular(observed: number, c: number): { theta: number; left: number; right: number } | undefined {
  if (!(observed > 1 + Math.sqrt(c))) return undefined;
  const b = observed ** 2 - 1 - c, t2 = (b + Math.sqrt(b * b - 4 * c)) / 2;
  return { theta: Math.sqrt(t2), left: 1 - (c * (1 + t2)) / (t2 * (t2 + c)), right: 1 - (c + t2) / (t2 * (t2 + 1)) };
}

/** exp of the entropy of the normalised singular values. 0 for a zero matrix. */
export function effectiveRank(singular: ArrayLike<number>): number {
  const s = Array.from(singular), total = s.reduce((a, b) => a + b, 0);
  return total > 0 ? Math.exp(-s.reduce((h, x) => (x > 0 ? h + (x / total) * Math.log(x / total) : h), 0)) : 0;
}
/** ‖·‖_F² / σ_1². 0 for a zero matrix. */
export function stableRank(singular: ArrayLike<number>): number {
  const s = Array.from(singular), top = Math.max(...s);
  return top > 0 ? s.reduce((t, x) => t + (x / top) ** 2, 0) : 0;
}
/** The fewest singular values that hold this part of ‖·‖_F². */
export function energyRank(singular: ArrayLike<number>, part = 0.9): number {
  const s = Array.from(singular).sort((a, b) => b - a), total = s.reduce((t, x) => t + x * x, 0);
  let sum = 0, k = 0;
  while (k < s.length && sum < part * total * (1 - 1e-9)) sum += s[k++] ** 2;
  return k;
}

export interface UpdateSpectrum {
  shape: [number, number];
  /** ‖ΔW‖_F. */
  norm: number;
  singular: Float32Array;
  effectiveRank: number;
  stableRank: number;
  /** Singular values that hold 90 % of ‖ΔW‖_F². */
  rank90: number;
  noise: {
    /** Standard deviation of the noise's entries, from the median singular value (Gavish & Donoho 2014): an upper bound where the signal is broad. */
    deviation: number;
    /** Singular values above this are no noise: √n · deviation · (1 + √c). */
    edge: number;
    /** How many lie above it, and the strengths behind them in the unit of `singular`. */
    signals: number;
    strengths: number[];
  };
}
/**
 * Everything about one update ΔW [m, n]. `magnitude`: root mean square of the weights that it is the difference of; their
 * float32 rounding is noise, too.
 */
export function updateSpectrum(delta: Tensor, magnitude = 0): UpdateSpectrum {
  if (delta.rank !== 2) throw new TunelabError(`updateSpectrum: the update has shape [${delta.shape}]; a matrix is needed.`);
  const singular = singularValues(delta), shape = delta.shape as [number, number], [m, n] = [Math.min(...shape), Math.max(...shape)], c = m / n, k = singular.length;
  const median = (singular[Math.floor((k - 1) / 2)] + singular[Math.floor(k / 2)]) / 2;
  // Below this, singular values are float32's rounding: of the decomposition, and of entries with an error of up to 2⁻²³ |w|.
  const floor = 2 ** -23 * Math.max(n * (singular[0] || 0), 2 * magnitude * (Math.sqrt(m) + Math.sqrt(n))), scale = median > floor ? median / Math.sqrt(marchenkoPasturQuantile(0.5, c)) : 0, edge = scale ? scale * (1 + Math.sqrt(c)) : floor;
  const above = Array.from(singular).filter((s) => s > edge);
  return {
    shape, singular, norm: Math.hypot(...singular), effectiveRank: effectiveRank(singular), stableRank: stableRank(singular), rank90: energyRank(singular),
    noise: { deviation: scale / Math.sqrt(n), edge, signals: above.length, strengths: above.map((s) => (scale ? scale * debiasSingular(s / scale, c)!.theta : s)) },
  };
}
/** Of every matrix that differs between two sets of weights, by name. */
export function updateSpectra(before: Params, after: Params, only: (name: string) => boolean = () => true): Record<string, UpdateSpectrum> {
  const out: Record<string, UpdateSpectrum> = {};
  for (const [name, w] of Object.entries(after)) {
    const old = before[name];
    if (w.rank !== 2 || !only(name)) continue;
    if (!old || old.shape.join() !== w.shape.join()) throw new TunelabError(`updateSpectra: ${name} is [${w.shape}] after, ${old ? `[${old.shape}]` : "missing"} before; give two states of one model.`);
    tf.tidy(() => {
      const delta = tf.sub(w, old);
      if (tf.sum(tf.square(delta)).dataSync()[0] > 0) out[name] = updateSpectrum(delta, Math.sqrt(tf.mean(tf.square(w)).dataSync()[0]));
    });
  }
  if (!Object.keys(out).length) throw new TunelabError("updateSpectra: no matrix differs between the two, so there is no update; compare with weights after training.");
  return out;
}

export interface Overlap {
  /** Between 0 (orthogonal) and 1 (one contains the other). */
  overlap: number;
  /** What random subspaces have on average. */
  random: number;
}
/** Overlap of the spans of the i leading singular vectors of A and the j leading ones of B, left (outputs) or right (inputs). */
export function subspaceOverlap(A: Tensor, B: Tensor, i: number, j = i, side: "left" | "right" = "left"): Overlap {
  const n = side === "left" ? A.shape[0] : A.shape[1]!, most = Math.min(...A.shape, ...B.shape);
  if (A.rank !== 2 || B.rank !== 2 || (side === "left" ? B.shape[0] : B.shape[1]) !== n) throw new TunelabError(`subspaceOverlap: [${A.shape}] and [${B.shape}] have no common ${side} space.`);
  for (const k of [i, j]) if (!(Number.isInteger(k) && k >= 1 && k <= most)) throw new TunelabError(`subspaceOverlap: ${k} directions are asked for; choose 1 to ${most}.`);
  const sum = tf.tidy(() => {
    const lead = (X: Tensor, k: number) => { const { U, V } = svd(X), basis = side === "left" ? U : V; return tf.slice(basis as never, [0, 0], [n, k]); };
    return tf.sum(tf.square(tf.matMul(lead(A, i) as never, lead(B, j) as never, true, false))).dataSync()[0];
  });
  return { overlap: sum / Math.min(i, j), random: Math.max(i, j) / n };
}
