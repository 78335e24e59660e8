/** Batches of preference pairs: what DPO and reward models share. */
import type { Tensor } from "@tensorflow/tfjs";
import { tf } from "../tensor";
import type { PreferencePair } from "./preferences";
import { collateSft, type SftBatch } from "./sft";

/** Rows of chosen answers, then those of rejected ones, in the same order; `weight` counts pairs. */
export function collatePairs(pairs: readonly PreferencePair[]): SftBatch {
  return { ...collateSft([...pairs.map((p) => p.chosen), ...pairs.map((p) => p.rejected)]), weight: pairs.length };
}
export const pairLength = ({ chosen, rejected }: PreferencePair): number => Math.max(chosen.ids.length, rejected.ids.length);

/** [2n] → chosen [n], rejected [n]. */
export function halves(x: Tensor): [Tensor, Tensor] {
  const n = x.shape[0] / 2;
  return [tf.slice(x as never, [0], [n]), tf.slice(x as never, [n], [n])];
}
/** Share of entries that are above 0. */
export const sharePositive = (x: Tensor): Tensor => tf.mean(tf.cast(tf.greater(x, 0), "float32"));
