/**
 * Effective dimension N_eff(z) = Σ_i λ_i / (λ_i + z) (MacKay 1992; Maddox, Benton & Wilson 2020): how many directions the data
 * determine against a prior of precision z. Defined for λ ≥ 0 (Gauss-Newton, Fisher); of a Hessian, negative curvature counts
 * as 0, and negativeMass (condition.ts) says how much that leaves out.
 */
import { TunelabError } from "../errors";
import { spectralSum, type DensityState } from "./density";
import type { Interval } from "./statistics";

const share = (z: number) => (lambda: number): number => (lambda > 0 ? lambda / (lambda + z) : 0);
const positive = (z: number): void => { if (!(z > 0)) throw new TunelabError(`effectiveDimension: z is ${z}; it must be above 0, in the unit of the eigenvalues.`); };

/** From all eigenvalues. */
export function effectiveDimension(eigenvalues: ArrayLike<number>, z: number): number {
  positive(z);
  return Array.from(eigenvalues).map(share(z)).reduce((a, b) => a + b, 0);
}
/** From a spectral density, with 95 % intervals over random vectors and over groups of mini-batches. */
export function effectiveDimensionOf(density: DensityState, z: number): Interval & { batchError: number } {
  positive(z);
  return spectralSum(density, share(z));
}
