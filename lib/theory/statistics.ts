/** Intervals from few samples: Student's t, exactly, for whole degrees of freedom (Abramowitz & Stegun 26.7.3-4). */

/** P(|T| ≤ t) for `df` degrees of freedom. */
export function studentCentral(t: number, df: number): number {
  const theta = Math.atan(t / Math.sqrt(df)), cos2 = Math.cos(theta) ** 2, odd = df % 2 === 1;
  if (df === 1) return (2 * theta) / Math.PI;
  let term = odd ? Math.cos(theta) : 1, sum = term;
  for (let k = odd ? 3 : 2; k <= df - 2; k += 2) { term *= (cos2 * (k - 1)) / k; sum += term; }
  return odd ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum;
}
/** t with P(|T| ≤ t) = level. */
export function studentQuantile(level: number, df: number): number {
  let low = 0, high = 2;
  while (studentCentral(high, df) < level) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-12 * high; i++) { const middle = (low + high) / 2; if (studentCentral(middle, df) < level) low = middle; else high = middle; }
  return (low + high) / 2;
}

export interface Interval {
  mean: number;
  /** Half the width of the interval; Infinity from one sample. */
  error: number;
}
/** Mean of samples with its t-interval. */
export function interval(samples: readonly number[], level = 0.95): Interval {
  const n = samples.length, mean = samples.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean, error: Infinity };
  const variance = samples.reduce((s, x) => s + (x - mean) ** 2, 0) / (n - 1);
  return { mean, error: studentQuantile(level, n - 1) * Math.sqrt(variance / n) };
}
/** Whether an estimate is known to within tolerance · |mean|: the one reason to stop sampling. */
export const narrow = (estimate: Interval, tolerance: number): boolean => estimate.error <= tolerance * Math.abs(estimate.mean);
