/**
 * The index of a critical point: how many directions curve downwards (Dauphin et al. 2014). Counted from the spectral density,
 * n · ∫_{λ<−ε} φ, with its uncertainty; converged negative Ritz values give a lower bound that is certain.
 */
import { TunelabError } from "../errors";
import { spectralSum, type DensityState } from "./density";
import type { EigenResult } from "./lanczos";
import type { Interval } from "./statistics";

export interface SaddleIndex {
  /** Numbers of eigenvalues below −threshold, within ± threshold, above threshold. */
  negative: Interval; flat: Interval; positive: Interval;
  /** Negative eigenvalues that are certain: residual bounds keep them below −threshold. */
  atLeast: number;
  threshold: number;
  /** A negative direction is certain; none was seen at all; or the numbers do not decide. */
  verdict: "saddle" | "no negative curvature seen" | "undecided";
  /** Norm of the gradient, if given: an index belongs to a critical point. */
  gradientNorm?: number;
}
/** threshold: what counts as zero, in the unit of the eigenvalues. */
export function saddleIndex(density: DensityState, threshold: number, { ends, gradientNorm }: { ends?: Pick<EigenResult, "smallest">; gradientNorm?: number } = {}): SaddleIndex {
  if (!(threshold >= 0)) throw new TunelabError(`saddleIndex: threshold is ${threshold}; it must be 0 or more.`);
  const part = (f: (l: number) => boolean): Interval => { const { mean, error } = spectralSum(density, (l) => (f(l) ? 1 : 0)); return { mean, error }; };
  const negative = part((l) => l < -threshold), atLeast = (ends?.smallest ?? []).filter((e) => e.value + e.residual < -threshold).length;
  return {
    negative, flat: part((l) => Math.abs(l) <= threshold), positive: part((l) => l > threshold), atLeast, threshold, gradientNorm,
    verdict: atLeast > 0 || negative.mean - negative.error > 0 ? "saddle" : negative.mean === 0 ? "no negative curvature seen" : "undecided",
  };
}
/** The same from all eigenvalues. */
export const indexOf = (eigenvalues: ArrayLike<number>, threshold = 0): { negative: number; flat: number; positive: number } => {
  const values = Array.from(eigenvalues), negative = values.filter((l) => l < -threshold).length, positive = values.filter((l) => l > threshold).length;
  return { negative, positive, flat: values.length - negative - positive };
};
