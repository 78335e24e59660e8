/**
 * How ill-conditioned curvature is, said so that it means something. The condition number λmax/λmin of a Hessian is ill-posed:
 * its smallest eigenvalues are zero up to noise, or negative. So: λmax/λ_k on a subspace that is named (the k leading
 * eigenvectors, or the span of given directions), and, apart from it, how much of the spectrum is negative.
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { TunelabError } from "../errors";
import { spectralSum, type DensityState } from "./density";
import type { EigenResult } from "./lanczos";
import type { LinearOperator } from "./operator";
import type { Interval } from "./statistics";
import { dots, orthogonalise, scaled, type Vector } from "./vector";

export interface Condition {
  /** λ_1/λ_k. */
  number: number;
  /** Bounds from the residuals of both eigenvalues. */
  low: number;
  high: number;
  /** What the number refers to, in words. */
  subspace: string;
}
/** λ_1/λ_k on the span of the k leading eigenvectors; all k must have converged, and λ_k be above its residual. */
export function conditionNumber({ largest }: Pick<EigenResult, "largest">, k = largest.length): Condition {
  if (!(Number.isInteger(k) && k >= 1 && k <= largest.length)) throw new TunelabError(`conditionNumber: k is ${k}, but ${largest.length} eigenvalues are known; choose 1 to ${largest.length}.`);
  const first = largest[0], last = largest[k - 1], open = largest.slice(0, k).findIndex((e) => !e.converged);
  if (open >= 0) throw new TunelabError(`conditionNumber: eigenvalue ${open + 1} has not converged (residual ${largest[open].residual}); raise maxSteps.`);
  if (!(last.value - last.residual > 0)) throw new TunelabError(`conditionNumber: eigenvalue ${k} is ${last.value} ± ${last.residual}, not above 0, so there is no condition number on this subspace; choose a smaller k.`);
  return { number: first.value / last.value, low: (first.value - first.residual) / (last.value + last.residual), high: (first.value + first.residual) / (last.value - last.residual), subspace: `the ${k} leading eigenvectors` };
}

/** Eigenvalues of A restricted to a span, BᵀAB for an orthonormal basis B of it: largest first. dim products for `directions`. */
export async function restricted(A: LinearOperator, directions: readonly Vector[], tick?: () => Promise<void>): Promise<Float64Array> {
  const basis: Float64Array[] = [];
  for (const [i, d] of directions.entries()) {
    const w = Float64Array.from(d), size = Math.sqrt(w.reduce((s, x) => s + x * x, 0)), { length } = orthogonalise(w, basis);
    if (!(length > 1e-8 * size)) throw new TunelabError(`restricted: direction ${i} lies in the span of those before it; leave it out.`);
    basis.push(scaled(w, 1 / length));
  }
  const M = Matrix.zeros(basis.length, basis.length);
  for (const [j, b] of basis.entries()) (dots(basis, await A.apply(b, tick))).forEach((v, i) => { M.set(i, j, M.get(i, j) + v / 2); M.set(j, i, M.get(j, i) + v / 2); });
  return Float64Array.from(new EigenvalueDecomposition(M, { assumeSymmetric: true }).realEigenvalues).sort().reverse();
}

export interface NegativeMass {
  /** Σ_{λ<0} |λ| / Σ |λ|, between 0 and 1. */
  mass: number;
  /** Fraction of eigenvalues below −threshold. */
  fraction: Interval;
  threshold: number;
}
/** The negative part of the spectrum, from its density. Values within ± threshold count as zero. */
export function negativeMass(density: DensityState, threshold = 0): NegativeMass {
  if (!(threshold >= 0)) throw new TunelabError(`negativeMass: threshold is ${threshold}; it must be 0 or more.`);
  const negative = spectralSum(density, (l) => (l < -threshold ? -l : 0)).mean, all = spectralSum(density, Math.abs).mean, { mean, error } = spectralSum(density, (l) => (l < -threshold ? 1 : 0));
  return { mass: all ? negative / all : 0, fraction: { mean: mean / density.dim, error: error / density.dim }, threshold };
}
