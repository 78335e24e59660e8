/** From token ids to logits: positions, masks and batching around the decoder of transformer.ts. */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { takeRows, tf } from "../tensor";
import type { ModelConfig } from "./config";
import { ropeTables } from "./rope";
import { extraPositions } from "../methods/method";
import { embedded, encoded, outside, throughLayers, type Surroundings, type View } from "./layers";
import { head } from "./transformer";
import { placeInputs } from "./virtual";

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
  /** How many tokens of each row are its prompt (default all), for methods that put virtual tokens at its end. */
  context?: ArrayLike<number>;
  /** Several texts in one row: which of them each token belongs to. Each sees itself only, and its positions begin anew. */
  segments?: ArrayLike<number>;
}

/**
 * An id outside the vocabulary would be read from beyond the embedding: an error on one backend, wrong numbers on another.
 * The ids −1 to −virtual are the method's.
 */
export function checkIds(ids: ArrayLike<number>, { vocabSize }: ModelConfig, what: string, virtual = 0): void {
  for (let i = 0; i < ids.length; i++)
    if (!(Number.isInteger(ids[i]) && ids[i] >= -virtual && ids[i] < vocabSize))
      throw new TunelabError(`${what}: token id ${ids[i]} at position ${i} is not in the model's vocabulary (0 to ${vocabSize - 1}); use the tokenizer that belongs to this model.`);
}
/** A sequence may be as long as the positions that the model was made for; `extra` of them the method takes. */
export function checkLength(tokens: number, { maxPositions }: ModelConfig, extra = 0): void {
  const length = tokens + extra;
  if (length > maxPositions && extra) throw new TunelabError(`A sequence of ${tokens} tokens and the method's ${extra} are more than the ${maxPositions} positions of this model; shorten the sequence to ${Math.max(0, maxPositions - extra)} (maxLength), or the prefix or prompt.`);
  if (length > maxPositions) throw new TunelabError(`A sequence of ${length} tokens is longer than the ${maxPositions} positions of this model; shorten it (maxLength).`);
}

/** Rotary tables and mask of a full forward pass without past, behind `prefix` positions that every token sees. */
export function surroundings(config: ModelConfig, { ids, batch, attend, segments }: Inputs, prefix = 0): Surroundings {
  if (segments) return blockDiagonal(config, segments, batch, prefix);
  const T = ids.length / batch, positions = attend ? positionsOf(attend, batch) : Array.from({ length: T }, (_, t) => t);
  const tables = ropeTables(config.rope, config.headDim, Array.from(positions, (t) => t + prefix));
  const shape = [attend ? batch : 1, 1, T, config.headDim];
  const mask = attend ? tf.maximum(tf.add(causalMask(T, prefix), paddingMask(behindOnes(attend, batch, prefix), batch)), HIDDEN) : causalMask(T, prefix);
  return { batch, mask, rope: { cos: tf.reshape(tables.cos, shape), sin: tf.reshape(tables.sin, shape) } };
}

/** The same for rows of several texts: the mask [B, 1, 1, T, prefix + T] is block-diagonal. */
function blockDiagonal(config: ModelConfig, segments: ArrayLike<number>, batch: number, prefix: number): Surroundings {
  const T = segments.length / batch, S = prefix + T, mask = new Float32Array(batch * T * S).fill(HIDDEN), positions = new Int32Array(batch * T);
  for (let b = 0; b < batch; b++)
    for (let t = 0, first = 0; t < T; t++) {
      if (t > 0 && segments[b * T + t] !== segments[b * T + t - 1]) first = t;
      const row = (b * T + t) * S;
      mask.fill(0, row, row + prefix).fill(0, row + prefix + first, row + prefix + t + 1);
      positions[b * T + t] = prefix + t - first;
    }
  const tables = ropeTables(config.rope, config.headDim, positions), shape = [batch, 1, T, config.headDim];
  return { batch, mask: tf.tensor(mask, [batch, 1, 1, T, S]), rope: { cos: tf.reshape(tables.cos, shape), sin: tf.reshape(tables.sin, shape) } };
}

/** Marks of each row behind `n` ones. */
const behindOnes = (attend: ArrayLike<number>, batch: number, n: number): number[] =>
  Array.from({ length: batch }, (_, b) => [...Array<number>(n).fill(1), ...Array.from(attend).slice((b * attend.length) / batch, ((b + 1) * attend.length) / batch)]).flat();

/** Hidden states from which what follows each given token is predicted, before the final norm: [B·T, H]. The method's own tokens are put in, and left out again. */
export function hiddenStates(view: View, inputs: Inputs): Tensor {
  if (inputs.segments && view.method?.virtual) throw new TunelabError(`Method "${view.method.name}" puts tokens of its own into a row, which packed rows have no place for; train it on examples that are not packed.`);
  const seen = encoded(view), { inputs: placed, rows } = placeInputs(view.method, inputs);
  const x = throughLayers(seen, embedded(seen, tf.tensor1d(placed.ids, "int32")), surroundings(view.config, placed, view.method?.prefix?.count));
  return rows ? takeRows(x, tf.tensor1d(rows, "int32")) : x;
}

/** Logits of every position: [B, T, vocabulary]. Throws where the inputs are not whole rows of known ids within the model's positions. */
export function logits(view: View, inputs: Inputs): Tensor {
  const { ids, batch, attend } = inputs;
  if (!ids.length || ids.length % batch) throw new TunelabError(`${ids.length} token ids are not ${batch} rows of equal length; pad them, and mark the padding in "attend".`);
  if (attend && attend.length !== ids.length) throw new TunelabError(`"attend" marks ${attend.length} tokens, but there are ${ids.length}; give one mark a token.`);
  const own = view.method?.virtual?.count ?? 0, inside = ids.some((id) => id < 0);
  checkIds(ids, view.config, "Inputs", own);
  checkLength(ids.length / batch, view.config, inside ? view.method?.prefix?.count : extraPositions(view.method));
  return tf.tidy(() => {
    const seen = encoded(view), { params, wrap } = outside(seen), { config } = view;
    return tf.reshape(head(hiddenStates(seen, inputs), params, config, wrap), [inputs.batch, inputs.ids.length / inputs.batch, config.vocabSize]);
  });
}
