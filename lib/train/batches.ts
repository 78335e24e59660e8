/**
 * Batches of examples of like length, in random order: little padding, and every epoch another mixture.
 * A pure function of seed and epoch, so that a resumed run sees exactly what an uninterrupted one would have seen.
 */
import { Random, type Params } from "../tensor";

/** Where the batches of a run come from. */
export interface Source<E> {
  /** Batches in one pass over the data; need not be whole. */
  perEpoch: number;
  /** The examples of batch n (from 0); `trained` is the present state, for a source that has the policy make them. */
  at(n: number, trained: Params, tick: () => Promise<void>): readonly E[] | Promise<readonly E[]>;
  /** What was measured in making them, for the batch in which it was made. */
  measured?(n: number): Record<string, number> | undefined;
  /** Tells data apart: a run is resumed on the same only. */
  fingerprint(): string;
  /** What a checkpoint has to hold to go on in the middle, as plain JSON. */
  state?(): unknown;
  restore?(state: unknown): void;
}

/** Examples are sorted by length within windows of this many batches. */
const WINDOW = 16;

/** Indices of the examples in each batch of one epoch; the last batch may be smaller. */
export function batchIndices(lengths: readonly number[], batchSize: number, seed: number, epoch: number): number[][] {
  const random = new Random(seed, `epoch${epoch}`);
  const order = random.shuffle(lengths.map((_, i) => i)), batches: number[][] = [];
  for (let at = 0; at < order.length; at += WINDOW * batchSize) {
    const window = order.slice(at, at + WINDOW * batchSize).sort((a, b) => lengths[a] - lengths[b]);
    for (let i = 0; i < window.length; i += batchSize) batches.push(window.slice(i, i + batchSize));
  }
  return random.shuffle(batches);
}

/** The batch of a given step (from 0), across epochs. */
export function batchSource<E>(examples: readonly E[], length: (e: E) => number, batchSize: number, seed: number): { at(step: number): E[]; perEpoch: number } {
  const lengths = examples.map(length), perEpoch = Math.ceil(examples.length / batchSize);
  let epoch = -1, current: number[][] = [];
  return {
    perEpoch,
    at(step) {
      const wanted = Math.floor(step / perEpoch);
      if (wanted !== epoch) { epoch = wanted; current = batchIndices(lengths, batchSize, seed, epoch); }
      return current[step % perEpoch].map((i) => examples[i]);
    },
  };
}
