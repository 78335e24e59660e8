/**
 * Several adapters, of any kinds, on one base model: add them under names, choose which one answers, ask with several at
 * once, remove them. The base's weights are shared and never changed.
 */
import { TunelabError } from "../errors";
import { byAdapter, generate, logits, type Generated, type GenerateOptions, type Inputs, type Model } from "../model";
import { dispose, takeRows, tf } from "../tensor";
import type { Tensor } from "@tensorflow/tfjs";
import { trainableCount, type Adapter } from "./method";
import { loadAdapter } from "./saving";

export class AdapterSet {
  private adapters = new Map<string, Adapter>();
  private current?: string;

  constructor(readonly model: Model) {}

  /** Names and what they stand for. */
  list(): { name: string; method: string; trainable: number; active: boolean }[] {
    return [...this.adapters].map(([name, adapter]) => ({ name, method: adapter.method.name, trainable: trainableCount(adapter), active: name === this.current }));
  }

  /** Adds an adapter, or reads one from its folder. From now on it is the hub's: `remove` frees its tensors. */
  add(name: string, adapter: Adapter | string): void {
    if (!name || this.adapters.has(name)) throw new TunelabError(name ? `There is an adapter "${name}" already; remove it first, or choose another name.` : "An adapter needs a name.");
    this.adapters.set(name, typeof adapter === "string" ? loadAdapter(adapter, this.model) : adapter);
  }

  /** Which adapter answers from now on; none = the base model. */
  use(name?: string): void {
    if (name !== undefined) this.get(name);
    this.current = name;
  }

  /** Takes an adapter off and frees its tensors. */
  remove(name: string): void {
    const { method, trained } = this.get(name)!;
    dispose(trained);
    dispose(method.constants ?? {});
    this.adapters.delete(name);
    if (this.current === name) this.current = undefined;
  }

  /** The adapter of a name, or the one in use; undefined = the base model. */
  get(name = this.current): Adapter | undefined {
    if (name === undefined) return undefined;
    const adapter = this.adapters.get(name);
    if (!adapter) throw new TunelabError(`There is no adapter "${name}"; there are ${[...this.adapters.keys()].join(", ") || "none"}.`);
    return adapter;
  }

  /** Answers; `adapters` names one for each prompt (undefined: the base model), default the one in use for all. */
  generate(prompts: readonly (string | readonly number[])[], { adapters, ...options }: Omit<GenerateOptions, "adapter" | "adapters"> & { adapters?: readonly (string | undefined)[] } = {}): Promise<Generated[]> {
    return generate(this.model, prompts, { ...options, ...(adapters ? { adapters: this.named(adapters, prompts.length) } : { adapter: this.get() }) });
  }

  /** Logits [B, T, vocabulary] of a batch, with an adapter for each row. */
  logits(inputs: Inputs, names: readonly (string | undefined)[]): Tensor {
    const { ids, batch, attend, context } = inputs, T = ids.length / batch, groups = byAdapter(this.named(names, batch));
    return tf.tidy(() => {
      const of = <A extends ArrayLike<number>>(rows: number[], all: A, width: number) => rows.flatMap((r) => Array.from(all).slice(r * width, (r + 1) * width));
      const parts = [...groups].map(([adapter, rows]) => logits({ ...this.model, ...adapter },
        { ids: Int32Array.from(of(rows, ids, T)), batch: rows.length, attend: attend && of(rows, attend, T), context: context && of(rows, context, 1) }));
      // rows come out adapter by adapter; back to the order of the batch
      const order = [...groups.values()].flat(), place = Int32Array.from(order, (_, row) => order.indexOf(row)), all = tf.concat(parts, 0);
      return tf.reshape(takeRows(tf.reshape(all, [batch, -1]), tf.tensor1d(place, "int32")), all.shape);
    });
  }

  private named(names: readonly (string | undefined)[], rows: number): (Adapter | undefined)[] {
    if (names.length !== rows) throw new TunelabError(`${names.length} adapters are named for ${rows} rows; name one for each, undefined for the base model.`);
    return names.map((name) => (name === undefined ? undefined : this.get(name)));
  }
}
