/** Vocabularies, and the simplest encoding: one-hot vectors, in which every two words are equally far apart; bags of words are their sums. */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { tf } from "../tensor/backend";

export interface Vocabulary {
  /** Words by id, most frequent first, ties in the order of code units. */
  words: string[];
  /** How often each occurs. */
  counts: number[];
  ids: ReadonlyMap<string, number>;
}

/** The words of sentences that occur at least `least` times. */
export function vocabulary(sentences: Iterable<readonly string[]>, { least = 1 }: { least?: number } = {}): Vocabulary {
  const counts = new Map<string, number>();
  for (const sentence of sentences) for (const word of sentence) counts.set(word, (counts.get(word) ?? 0) + 1);
  const kept = [...counts].filter(([, n]) => n >= least).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  if (kept.length === 0) throw new TunelabError(`vocabulary: no word occurs ${least} times or more; give more text, or a smaller least.`);
  return { words: kept.map(([w]) => w), counts: kept.map(([, n]) => n), ids: new Map(kept.map(([w], i) => [w, i])) };
}

/** Ids of the words of the vocabulary; others are left out. */
export const wordIds = (words: readonly string[], { ids }: Vocabulary): number[] => words.flatMap((word) => ids.get(word) ?? []);

/** One row for each word: float32 [words, vocabulary]. A word outside the vocabulary gives a row of zeros with `unknown: "zeros"`, else an error. */
export function oneHot(words: readonly string[], vocabulary: Vocabulary, { unknown = "refuse" }: { unknown?: "refuse" | "zeros" } = {}): Tensor {
  const ids = words.map((word) => vocabulary.ids.get(word) ?? -1), missing = ids.indexOf(-1);
  if (missing >= 0 && unknown === "refuse") throw new TunelabError(`oneHot: ${JSON.stringify(words[missing])} is not in the vocabulary of ${vocabulary.words.length} words; leave it out, or pass unknown: "zeros".`);
  return tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(ids, "int32"), vocabulary.words.length), "float32"));
}

/** How often each word of the vocabulary occurs in each text: [texts][vocabulary]. */
export const bagOfWords = (texts: readonly (readonly string[])[], vocabulary: Vocabulary): Float32Array[] =>
  texts.map((words) => {
    const bag = new Float32Array(vocabulary.words.length);
    for (const id of wordIds(words, vocabulary)) bag[id]++;
    return bag;
  });
