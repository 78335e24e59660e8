/** Word vectors: similarity, neighbours, analogies, maps. */
import { TunelabError } from "../errors";
import { svd, tf } from "../tensor";
import type { Vocabulary } from "./onehot";

export interface WordVectors {
  vocabulary: Vocabulary;
  dimensions: number;
  /** [words, dimensions], row after row in the order of the vocabulary. */
  vectors: Float32Array;
}

/** The vector of a word: a view, not a copy. */
export function vectorOf(v: WordVectors, word: string): Float32Array {
  const id = v.vocabulary.ids.get(word);
  if (id === undefined) throw new TunelabError(`There is no vector for ${JSON.stringify(word)}: it is not among the ${v.vocabulary.words.length} words that were frequent enough.`);
  return v.vectors.subarray(id * v.dimensions, (id + 1) * v.dimensions);
}

/** Cosine of the angle between two vectors, in [−1, 1]; 0 where one is 0. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) { ab += a[i] * b[i]; aa += a[i] * a[i]; bb += b[i] * b[i]; }
  return aa && bb ? ab / Math.sqrt(aa * bb) : 0;
}

/** Cosine of the vectors of two words. */
export const wordSimilarity = (v: WordVectors, a: string, b: string): number => cosine(vectorOf(v, a), vectorOf(v, b));

export interface Neighbour { word: string; similarity: number }
/** The words nearest to a word or to a vector by cosine, nearest first; the word itself, and those in `without`, left out. */
export function nearestWords(v: WordVectors, to: string | ArrayLike<number>, count = 10, without: readonly string[] = []): Neighbour[] {
  const vector = typeof to === "string" ? vectorOf(v, to) : to, out = new Set([...without, ...(typeof to === "string" ? [to] : [])]);
  return v.vocabulary.words
    .filter((word) => !out.has(word))
    .map((word) => ({ word, similarity: cosine(vector, vectorOf(v, word)) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, count);
}

/** What is to c as b is to a: the words nearest to b − a + c, of unit vectors (Mikolov et al. 2013). */
export function analogy(v: WordVectors, a: string, b: string, c: string, count = 5): Neighbour[] {
  const [x, y, z] = [a, b, c].map((word) => { const w = vectorOf(v, word), norm = Math.hypot(...w) || 1; return Array.from(w, (t) => t / norm); });
  return nearestWords(v, y.map((t, i) => t - x[i] + z[i]), count, [a, b, c]);
}

export interface WordMap {
  words: string[];
  x: number[];
  y: number[];
  /** Share of the words' variance that the two directions show. */
  explained: number;
}
/** Words in the plane of the two directions in which their unit vectors differ most (principal components). */
export function wordMap(v: WordVectors, words: readonly string[]): WordMap {
  if (words.length < 3) throw new TunelabError(`wordMap: ${words.length} words; give at least three, or there is no plane to choose.`);
  const unit = words.map((word) => { const w = vectorOf(v, word), norm = Math.hypot(...w) || 1; return Array.from(w, (t) => t / norm); });
  const mean = unit[0].map((_, k) => unit.reduce((sum, row) => sum + row[k], 0) / unit.length);
  const pca = tf.tensor2d(unit.map((row) => row.map((t, k) => t - mean[k]))), { U, s, V } = svd(pca), rows = U.arraySync() as number[][], total = s.reduce((sum, x) => sum + x * x, 0);
  for (const t of [pca, U, V]) t.dispose();
  return { words: [...words], x: rows.map((r) => r[0] * s[0]), y: rows.map((r) => r[1] * s[1]), explained: total ? (s[0] ** 2 + s[1] ** 2) / total : 1 };
}
