/**
 * Decoding with a key-value cache of fixed size: every step has the same shapes, so one compiled layer serves all of them.
 * Prompts are padded on the left; cache slot t holds position t of the padded sequences.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { extraPositions, type Adapter } from "../methods/method";
import { dispose, takeRows, tf, type Params } from "../tensor";
import type { Model } from "./checkpoint";
import { causalMask, paddingMask, positionsOf } from "./forward";
import { embedded, encoded, headOf, throughLayersCached, type View } from "./layers";
import { ropeTables } from "./rope";
import type { KeyValues } from "./transformer";
import { placeIds } from "./virtual";

/** The cache is a multiple of this many slots long, so that few different shapes are compiled. */
const SLOT_STEP = 64;

export class Decoder {
  private cache: KeyValues[] = [];
  /** 1 where a slot holds a real token, [B][slots]. */
  private attend: Uint8Array[];
  private filled: number;
  private slots: number;
  private view: View;
  private prompts: readonly (readonly number[])[];
  /** Slots that the method's prefix takes, the first of all. */
  private prefix: number;
  /** What the method's encoder made, once for all steps. */
  private made: Params = {};

  /** `longestSequence` counts a row's own tokens, without those that the method adds. */
  constructor(private model: Model, prompts: readonly (readonly number[])[], longestSequence: number, adapter?: Adapter) {
    this.prompts = prompts.map((ids) => placeIds(adapter?.method, ids));
    this.prefix = adapter?.method.prefix?.count ?? 0;
    this.filled = this.prefix + Math.max(...this.prompts.map((ids) => ids.length));
    this.slots = Math.ceil((longestSequence + extraPositions(adapter?.method)) / SLOT_STEP) * SLOT_STEP;
    this.attend = this.prompts.map((ids) => new Uint8Array(this.slots).fill(1, 0, this.prefix).fill(1, this.filled - ids.length, this.filled));
    const view: View = { params: model.params, config: model.config, ...adapter };
    if (adapter?.method.encode) this.made = tf.tidy(() => encoded(view).trained!);
    this.view = adapter?.method.encode ? { ...view, trained: this.made, encoded: true } : view;
  }

  /** Reads the prompts; logits of the token that follows each. */
  prefill(): Float32Array[] {
    const { prefix } = this, width = this.filled - prefix, pad = this.model.tokenizer.pad, batch = this.prompts.length;
    const ids = this.prompts.flatMap((row) => [...Array<number>(width - row.length).fill(pad), ...row]);
    const attend = this.attend.flatMap((row) => [...row.subarray(0, this.filled)]);
    const positions = positionsOf(attend, batch).filter((_, i) => i % this.filled >= prefix);
    return this.run(ids, positions, () => tf.maximum(tf.add(causalMask(width, prefix), paddingMask(attend, batch)), -1e9),
      (x, rope, mask) => throughLayersCached(this.view, x, { batch, rope, mask }, this.slots));
  }

  /** Reads one more token of each sequence; logits of the next. */
  advance(next: readonly number[]): Float32Array[] {
    const slot = this.filled++, batch = next.length;
    this.attend.forEach((row) => { row[slot] = 1; });
    const positions = this.attend.map((row) => row.reduce((a, b) => a + b, 0) - 1);
    return this.run(next, positions, () => paddingMask(this.attend.flatMap((row) => [...row]), batch), (x, rope, mask) => {
      const here = new Float32Array(this.slots);
      here[slot] = 1;
      return throughLayersCached(this.view, x, { batch, rope, mask }, this.slots, { past: this.cache, here: tf.tensor(here, [1, 1, this.slots, 1]) });
    });
  }

  /** Goes on with these rows, in this order; a row may be taken several times (samples of one prompt) or not at all. */
  choose(rows: readonly number[]): void {
    const index = tf.tensor1d(Int32Array.from(rows), "int32");
    const taken = (t: Tensor) => { const [, ...rest] = t.shape; return tf.tidy(() => tf.reshape(takeRows(tf.reshape(t, [t.shape[0], -1]), index), [rows.length, ...rest])); };
    const next = this.cache.map(({ keys, values }) => ({ keys: taken(keys), values: taken(values) }));
    index.dispose();
    this.freeCache();
    this.cache = next;
    this.attend = rows.map((r) => this.attend[r].slice());
    this.prompts = rows.map((r) => this.prompts[r]);
  }

  private run(ids: readonly number[], positions: ArrayLike<number>, mask: () => Tensor, layers: (x: Tensor, rope: { cos: Tensor; sin: Tensor }, mask: Tensor) => { x: Tensor; cache: KeyValues[] }): Float32Array[] {
    const { config } = this.model, batch = this.prompts.length, T = ids.length / batch;
    let flat!: Float32Array, next!: KeyValues[]; // not returned from tidy: it would search the array for tensors, entry by entry
    tf.tidy(() => {
      const tables = ropeTables(config.rope, config.headDim, positions), shape = [batch, 1, T, config.headDim];
      const rope = { cos: tf.reshape(tables.cos, shape), sin: tf.reshape(tables.sin, shape) };
      const { x, cache } = layers(embedded(this.view, tf.tensor1d([...ids], "int32")), rope, mask());
      const last = takeRows(x, tf.tensor1d(this.prompts.map((_, b) => b * T + T - 1), "int32"));
      flat = headOf(this.view)(last).dataSync() as Float32Array;
      next = cache.map(({ keys, values }) => ({ keys: tf.keep(keys), values: tf.keep(values) }));
    });
    this.freeCache();
    this.cache = next;
    return this.prompts.map((_, b) => flat.subarray(b * config.vocabSize, (b + 1) * config.vocabSize));
  }

  dispose(): void {
    this.freeCache();
    dispose(this.made);
    this.made = {};
  }

  private freeCache(): void {
    for (const { keys, values } of this.cache) { keys.dispose(); values.dispose(); }
    this.cache = [];
  }
}
