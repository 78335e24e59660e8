/** One batch whose rows have different adapters, or none: the rows of each adapter are decoded together, step by step with the others. All share the base's weights. */
import type { Adapter } from "../methods/method";
import type { Model } from "./checkpoint";
import { Decoder } from "./decoder";

/** The rows of each adapter, in the order in which adapters first occur. */
export function byAdapter(adapters: readonly (Adapter | undefined)[]): Map<Adapter | undefined, number[]> {
  const groups = new Map<Adapter | undefined, number[]>();
  adapters.forEach((adapter, row) => groups.set(adapter, [...(groups.get(adapter) ?? []), row]));
  return groups;
}

/** As Decoder, with an adapter for each prompt. */
export class MixedDecoder {
  private parts: { rows: number[]; decoder: Decoder }[] = [];

  constructor(model: Model, prompts: readonly (readonly number[])[], longestSequence: number, private adapters: readonly (Adapter | undefined)[]) {
    try {
      for (const [adapter, rows] of byAdapter(adapters)) this.parts.push({ rows, decoder: new Decoder(model, rows.map((r) => prompts[r]), longestSequence, adapter) });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  prefill(): Float32Array[] { return this.each((decoder) => decoder.prefill()); }
  advance(next: readonly number[]): Float32Array[] { return this.each((decoder, rows) => decoder.advance(rows.map((r) => next[r]))); }
  dispose(): void { this.parts.forEach(({ decoder }) => decoder.dispose()); }

  /** What `f` gives for the rows of each part, in the order of the batch. */
  private each(f: (decoder: Decoder, rows: readonly number[]) => Float32Array[]): Float32Array[] {
    const out: Float32Array[] = Array(this.adapters.length);
    for (const { rows, decoder } of this.parts) f(decoder, rows).forEach((logits, i) => { out[rows[i]] = logits; });
    return out;
  }
}
