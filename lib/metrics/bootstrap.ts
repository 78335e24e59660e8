/**
 * Bootstrap intervals (Efron & Tibshirani 1993, ch. 13: percentile method): how far a score would move with another test set of the
 * same size. For two systems on the same items the items are drawn together (paired; Koehn 2004), because their difficulty is common to both.
 */
import { TunelabError } from "../errors";
import { Random } from "../tensor/random";

export interface BootstrapOptions {
  /** Number of resamples, default 2000. */
  samples?: number;
  /** Share of the resamples inside the interval, default 0.95. */
  confidence?: number;
  seed?: number;
}
export interface BootstrapInterval {
  /** The statistic of the items themselves. */
  estimate: number;
  low: number;
  high: number;
  /** Standard deviation over the resamples. */
  standardError: number;
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** BootstrapInterval of a statistic of items; the items may be anything, e.g. pairs of texts with `corpusBleu` as the statistic. */
export function bootstrapInterval<T>(items: readonly T[], statistic: (items: T[]) => number, { samples = 2000, confidence = 0.95, seed = 0 }: BootstrapOptions = {}): BootstrapInterval {
  check("bootstrapInterval", items.length, samples, confidence);
  const random = new Random(seed, "bootstrap");
  return interval(statistic([...items]), Array.from({ length: samples }, () => statistic(items.map(() => items[random.integer(items.length)]))), confidence);
}

export interface PairedDifference extends BootstrapInterval {
  /** Share of the resamples in which the difference has not the sign of the estimate: small where the sign can be trusted. */
  doubt: number;
}

/** BootstrapInterval of statistic(b) − statistic(a), where a[i] and b[i] belong to the same item of the test set. */
export function pairedDifference<T>(a: readonly T[], b: readonly T[], statistic: (items: T[]) => number, { samples = 2000, confidence = 0.95, seed = 0 }: BootstrapOptions = {}): PairedDifference {
  if (a.length !== b.length) throw new TunelabError(`pairedDifference: ${a.length} against ${b.length} items; both systems must have answered the same items, in the same order.`);
  check("pairedDifference", a.length, samples, confidence);
  const random = new Random(seed, "bootstrap");
  const differences = Array.from({ length: samples }, () => {
    const drawn = a.map(() => random.integer(a.length));
    return statistic(drawn.map((i) => b[i])) - statistic(drawn.map((i) => a[i]));
  });
  const estimate = statistic([...b]) - statistic([...a]);
  return { ...interval(estimate, differences, confidence), doubt: differences.filter((d) => !(d * estimate > 0)).length / samples };
}

function check(name: string, items: number, samples: number, confidence: number): void {
  if (items === 0) throw new TunelabError(`${name}: there are no items; give the scores of at least one.`);
  if (!Number.isInteger(samples) || samples < 1) throw new TunelabError(`${name}: samples is ${samples}; give a whole number, e.g. 2000.`);
  if (!(confidence > 0 && confidence < 1)) throw new TunelabError(`${name}: confidence is ${confidence}; give a share between 0 and 1, e.g. 0.95.`);
}

function interval(estimate: number, values: number[], confidence: number): BootstrapInterval {
  const centre = mean(values), spread = Math.sqrt(values.reduce((s, v) => s + (v - centre) ** 2, 0) / Math.max(1, values.length - 1));
  return { estimate, low: quantile(values, (1 - confidence) / 2), high: quantile(values, (1 + confidence) / 2), standardError: spread };
}

/** The q-quantile of values, with linear interpolation between neighbours (numpy's default). */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0 || !(q >= 0 && q <= 1)) throw new TunelabError(`quantile: ${values.length} values and q = ${q}; give at least one value, and q in [0, 1].`);
  const sorted = [...values].sort((x, y) => x - y), at = q * (sorted.length - 1), below = Math.floor(at);
  return sorted[below] + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}
