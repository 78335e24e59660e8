/** From token ids to logits: positions, masks and batching around the decoder of transformer.ts. */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { tf } from "../tensor";
import type { ModelConfig } from "./config";
import { ropeTables } from "./rope";
import { embedded, outside, throughLayers, type Surroundings, type View } from "./layers";
import { head } from "./transformer";

/** Finite, so that a row which may look nowhere (padding) gives a harmless average and never NaN. */
const HIDDEN = -1e9;

/** Additive causal mask [1, 1, 1, T, past + T]. */
export function causalMask(T: number, past = 0): Tensor {
  const S = past + T, mask = new Float32Array(T * S);
  for (let t = 0; t < T; t++) mask.fill(HIDDEN, t * S + past + t + 1, (t + 1) * S);
  return tf.tensor(mask, [1, 1, 1, T, S]);
}

/** Additive mask [B, 1, 1, 1, S] that hides padding; `attend` is 1 for real tokens, row after row. */
export const paddingMask = (attend: ArrayLike<number>, batch: number): Tensor =>
  tf.tensor(Float32Array.from(attend, (a) => (a ? 0 : HIDDEN)), [batch, 1, 1, 1, attend.length / batch]);

/** Positions that count real tokens only (left padding then changes nothing): cumulative sum − 1, 0 for leading padding. */
export function positionsOf(attend: ArrayLike<number>, batch: number): Int32Array {
  const T = attend.length / batch, positions = new Int32Array(attend.length);
  for (let b = 0; b < batch; b++)
    for (let t = 0, n = 0; t < T; t++) { if (attend[b * T + t]) n++; positions[b * T + t] = Math.max(n - 1, 0); }
  return positions;
}

/** Ids of a batch of equally long rows, with optional padding marks. */
export interface Inputs {
  ids: Int32Array;
  batch: number;
  /** 1 for real tokens, 0 for padding, as long as `ids`; needed for left padding only: a causal mask already hides what is right of a token. */
  attend?: ArrayLike<number>;
}

/** An id outside the vocabulary would be read from beyond the embedding: an error on one backend, wrong numbers on another. */
export function checkIds(ids: ArrayLike<number>, { vocabSize }: ModelConfig, what: string): void {
  for (let i = 0; i < ids.length; i++)
    if (!(Number.isInteger(ids[i]) && ids[i] >= 0 && ids[i] < vocabSize))
      throw new TunelabError(`${what}: token id ${ids[i]} at position ${i} is not in the model's vocabulary (0 to ${vocabSize - 1}); use the tokenizer that belongs to this model.`);
}
/** A sequence may be as long as the positions that the model was made for. */
export function checkLength(length: number, { maxPositions }: ModelConfig): void {
  if (length > maxPositions) throw new TunelabError(`A sequence of ${length} tokens is longer than the ${maxPositions} positions of this model; shorten it (maxLength).`);
}

/** Rotary tables and mask of a full forward pass without past. */
export function surroundings(config: ModelConfig, { ids, batch, attend }: Inputs): Surroundings {
  const T = ids.length / batch;
  const tables = ropeTables(config.rope, config.headDim, attend ? positionsOf(attend, batch) : Array.from({ length: T }, (_, t) => t));
  const shape = [attend ? batch : 1, 1, T, config.headDim];
  const mask = attend ? tf.maximum(tf.add(causalMask(T), paddingMask(attend, batch)), HIDDEN) : causalMask(T);
  return { batch, mask, rope: { cos: tf.reshape(tables.cos, shape), sin: tf.reshape(tables.sin, shape) } };
}

/** Hidden states before the final norm: [B·T, H]. */
export const hiddenStates = (view: View, inputs: Inputs): Tensor =>
  throughLayers(view, embedded(view, tf.tensor1d(inputs.ids, "int32")), surroundings(view.config, inputs));

/** Logits of every position: [B, T, vocabulary]. Throws where the inputs are not whole rows of known ids within the model's positions. */
export function logits(view: View, inputs: Inputs): Tensor {
  const { ids, batch, attend } = inputs;
  if (!ids.length || ids.length % batch) throw new TunelabError(`${ids.length} token ids are not ${batch} rows of equal length; pad them, and mark the padding in "attend".`);
  if (attend && attend.length !== ids.length) throw new TunelabError(`"attend" marks ${attend.length} tokens, but there are ${ids.length}; give one mark a token.`);
  checkIds(ids, view.config, "Inputs");
  checkLength(ids.length / batch, view.config);
  return tf.tidy(() => {
    const { params, wrap } = outside(view), { config } = view;
    return tf.reshape(head(hiddenStates(view, inputs), params, config, wrap), [inputs.batch, inputs.ids.length / inputs.batch, config.vocabSize]);
  });
}
