/** What prompt tuning and P-tuning share: a trained matrix whose rows stand in for tokens (model/virtual.ts places them). */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import type { ModelConfig } from "../model/config";
import type { Wrap } from "../model/transformer";
import { takeRows, tf } from "../tensor";

/** The matrix [tokens, hidden] in what the model sees: PEFT's name for it. */
export const EMBEDDINGS = "prompt_embeddings";

/** The embedding with rows of `matrix` where ids are negative. */
export const embedVirtual = (matrix: Tensor): Wrap => (site, ids, next) => {
  if (site !== "model.embed_tokens") return next(ids);
  const real = tf.cast(tf.greaterEqual(ids, 0), "int32"), virtual = tf.sub(1, real);
  const rowOf = (indices: Tensor) => tf.cast(indices, "int32");
  const share = tf.expandDims(tf.cast(real, "float32"), 1); // [n, 1]
  const theirs = tf.mul(next(rowOf(tf.mul(ids, real))), share);
  const ours = tf.mul(takeRows(matrix, rowOf(tf.mul(tf.sub(tf.neg(ids), 1), virtual))), tf.sub(1, share));
  return tf.add(theirs, ours);
};

/** Refuses counts that are no count, and sequences that leave no room for text. */
export function checkCount(what: string, tokens: number, config?: Pick<ModelConfig, "maxPositions">): void {
  if (!Number.isInteger(tokens) || tokens < 1) throw new TunelabError(`${what}: tokens is ${shown(tokens)}; it must be a whole number of at least 1.`);
  if (config && tokens >= config.maxPositions)
    throw new TunelabError(`${what}: ${tokens} tokens leave no room for text in the model's ${config.maxPositions} positions; choose at most ${config.maxPositions - 1}, better far fewer.`);
}
