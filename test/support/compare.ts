/** Comparing numbers, errors and memory. */
import assert from "node:assert/strict";
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "tunelab";
import { tf, type Params } from "tunelab/tensor";

type Numbers = ArrayLike<number> | readonly Numbers[];
const flat = (x: Numbers): number[] => (Array.isArray(x) ? x : Array.from(x as ArrayLike<number>)).flat(Infinity) as number[];

/** Largest |a − b|; NaN if any number is none, an assertion if the counts differ. */
export function maxDifference(a: Numbers, b: Numbers): number {
  const x = flat(a), y = flat(b);
  assert.equal(x.length, y.length, "as many numbers");
  assert.ok(x.length > 0, "there is something to compare");
  let most = 0;
  for (let i = 0; i < x.length; i++) { const d = Math.abs(x[i] - y[i]); if (!(d <= most)) most = d; if (Number.isNaN(d)) return NaN; }
  return most;
}

/** Asserts |a − b| ≤ tolerance everywhere; gives the largest difference. */
export function close(actual: Numbers, expected: Numbers, tolerance: number, what = "values"): number {
  const d = maxDifference(actual, expected);
  assert.ok(d <= tolerance, `${what} differ by ${d}, more than ${tolerance}`);
  return d;
}

/** Values of a map of tensors, copied. */
export const values = (params: Params): Record<string, number[]> => Object.fromEntries(Object.entries(params).map(([name, t]) => [name, Array.from(t.dataSync())]));

/** Logits [B, T, V] at real positions only: [B][real position][V]; the tensor is freed. */
export function realRows(logits: Tensor, mask: number[][]): number[][][] {
  const all = logits.arraySync() as number[][][];
  logits.dispose();
  return all.map((row, b) => row.filter((_, t) => mask[b][t]));
}

/** A predicate for assert.throws and rejects: a TunelabError whose message matches every pattern. */
export const userError = (...patterns: (RegExp | string)[]) => (error: unknown): true => {
  assert.ok(error instanceof TunelabError, `not a TunelabError: ${(error as Error)?.stack ?? error}`);
  for (const p of patterns) typeof p === "string" ? assert.ok(error.message.includes(p), `${JSON.stringify(error.message)} does not mention ${p}`) : assert.match(error.message, p);
  return true;
};

/** Asserts that `f`, run once to warm up and then `times` times, leaves as many tensors as it found. */
export async function leaksNothing(f: () => unknown, times = 3): Promise<void> {
  await f();
  const before = tf.memory().numTensors;
  for (let i = 0; i < times; i++) { await f(); assert.equal(tf.memory().numTensors, before, `tensors after run ${i + 1}`); }
}
