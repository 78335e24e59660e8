/**
 * Power laws of learning: y = a · x^(−b), for an error y over the amount of data x (Hestness et al. 2017, "Deep learning scaling is predictable,
 * empirically"). Fitted as a straight line in log x and log y by least squares; the interval of b is that of the line's slope.
 */
import { TunelabError } from "../errors";
import { studentQuantile } from "../theory/statistics";
import { sameLength } from "./check";

export interface PowerLaw {
  /** a. */
  coefficient: number;
  /** b: twice the data divide y by 2^b. */
  exponent: number;
  /** Half the 95 % interval of b; Infinity from two points. */
  exponentError: number;
  /** Share of the variance of log y that the line explains. */
  r2: number;
  /** y at x; only to be trusted within the fitted range, and little beyond it. */
  at(x: number): number;
  /** The x at which the line has the value y. */
  inverse(y: number): number;
}

/** Fits y = a x^(−b) to points; several y at one x (seeds) are several points. All numbers positive, at least two different x. */
export function fitPowerLaw(x: readonly number[], y: readonly number[]): PowerLaw {
  sameLength("fitPowerLaw", x, y);
  for (const [i, v] of x.entries()) if (!(v > 0 && y[i] > 0 && Number.isFinite(v) && Number.isFinite(y[i]))) throw new TunelabError(`fitPowerLaw: point ${i + 1} is (${v}, ${y[i]}); logarithms need positive numbers.`);
  if (new Set(x).size < 2) throw new TunelabError("fitPowerLaw: all x are the same; give at least two different amounts.");
  const n = x.length, u = x.map(Math.log), v = y.map(Math.log), mu = sum(u) / n, mv = sum(v) / n;
  const uu = sum(u.map((a) => (a - mu) ** 2)), uv = sum(u.map((a, i) => (a - mu) * (v[i] - mv))), vv = sum(v.map((a) => (a - mv) ** 2));
  const slope = uv / uu, start = mv - slope * mu, left = sum(v.map((a, i) => (a - start - slope * u[i]) ** 2));
  return {
    coefficient: Math.exp(start), exponent: -slope, exponentError: n > 2 ? studentQuantile(0.95, n - 2) * Math.sqrt(left / (n - 2) / uu) : Infinity, r2: vv > 0 ? 1 - left / vv : 1,
    at: (x) => Math.exp(start + slope * Math.log(x)), inverse: (y) => Math.exp((Math.log(y) - start) / slope),
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
