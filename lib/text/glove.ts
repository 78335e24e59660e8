/**
 * GloVe (Pennington, Socher & Manning 2014): vectors whose products give the logarithms of co-occurrence counts,
 *   J = Σ f(x_ij) (w_i·v_j + b_i + c_j − log x_ij)²,  f(x) = min(1, (x/xMax)^α)
 * minimised by AdaGrad (Duchi et al. 2011) over the cells in random order. A word's vector is w + v.
 */
import { TunelabError } from "../errors";
import { progress } from "../course/progress";
import { stoppable } from "../course/stop";
import { Random } from "../tensor/random";
import { vocabulary, type Vocabulary } from "./onehot";
import type { WordVectors } from "./vectors";

/** Word i and word j occur together x times, each time counted 1 / distance. */
export type Cell = readonly [i: number, j: number, x: number];

/** Co-occurrences within a window on both sides, sorted by i and j; words outside the vocabulary keep their places. */
export function cooccurrences(sentences: readonly (readonly string[])[], { ids, words }: Vocabulary, window = 10): Cell[] {
  const counts = new Map<number, number>(), n = words.length;
  for (const sentence of sentences) {
    const at = sentence.map((word) => ids.get(word) ?? -1);
    for (let a = 0; a < at.length; a++)
      for (let b = a + 1; b <= Math.min(at.length - 1, a + window); b++) {
        if (at[a] < 0 || at[b] < 0) continue;
        for (const key of [at[a] * n + at[b], at[b] * n + at[a]]) counts.set(key, (counts.get(key) ?? 0) + 1 / (b - a));
      }
  }
  return [...counts].sort(([a], [b]) => a - b).map(([key, x]) => [Math.floor(key / n), key % n, x]);
}

export interface GloveState {
  dimensions: number;
  /** [words, dimensions + 1] each, the bias last; and AdaGrad's sums of squared gradients, which begin with 1. */
  words: Float64Array;
  contexts: Float64Array;
  wordSquares: Float64Array;
  contextSquares: Float64Array;
}

/** Random vectors, uniform in ±0.5 / dimensions. */
export function gloveStart(size: number, dimensions: number, seed = 0): GloveState {
  const random = new Random(seed, "glove start"), length = size * (dimensions + 1), draw = () => Float64Array.from({ length }, () => (random.uniform() - 0.5) / dimensions), ones = () => new Float64Array(length).fill(1);
  return { dimensions, words: draw(), contexts: draw(), wordSquares: ones(), contextSquares: ones() };
}

export interface GloveWeights { xMax?: number; alpha?: number }
const weight = (x: number, xMax: number, alpha: number) => (x < xMax ? (x / xMax) ** alpha : 1);

/** w_i·v_j + b_i + c_j − log x. */
function difference({ dimensions: d, words, contexts }: GloveState, [i, j, x]: Cell): number {
  const a = i * (d + 1), b = j * (d + 1);
  let sum = words[a + d] + contexts[b + d] - Math.log(x);
  for (let k = 0; k < d; k++) sum += words[a + k] * contexts[b + k];
  return sum;
}

/** J. */
export const gloveLoss = (state: GloveState, cells: readonly Cell[], { xMax = 100, alpha = 0.75 }: GloveWeights = {}): number =>
  cells.reduce((sum, cell) => sum + weight(cell[2], xMax, alpha) * difference(state, cell) ** 2, 0);

/** AdaGrad over the cells in their order, in place, with half the gradient of J, as in the authors' program. Returns Σ f·difference², each before its step. */
export function gloveSweep(state: GloveState, cells: Iterable<Cell>, rate: number, { xMax = 100, alpha = 0.75 }: GloveWeights = {}): number {
  const { dimensions: d, words, contexts, wordSquares, contextSquares } = state;
  let loss = 0;
  for (const cell of cells) {
    const e = difference(state, cell), g = weight(cell[2], xMax, alpha) * e, a = cell[0] * (d + 1), b = cell[1] * (d + 1);
    loss += g * e;
    for (let k = 0; k <= d; k++) {
      const forWord = g * (k < d ? contexts[b + k] : 1), forContext = g * (k < d ? words[a + k] : 1);
      words[a + k] -= (rate * forWord) / Math.sqrt(wordSquares[a + k]);
      contexts[b + k] -= (rate * forContext) / Math.sqrt(contextSquares[b + k]);
      wordSquares[a + k] += forWord * forWord;
      contextSquares[b + k] += forContext * forContext;
    }
  }
  return loss;
}

export interface GloveOptions extends GloveWeights {
  dimensions?: number;
  window?: number;
  epochs?: number;
  learningRate?: number;
  least?: number;
  seed?: number;
  /** Mean of f·difference² over the cells, during each epoch. */
  onEpoch?: (epoch: number, loss: number) => void;
}

/** Learns a vector for each word of sentences (lists of words). xMax is 10 here: the published 100 is for billions of words. */
export async function glove(sentences: readonly (readonly string[])[], { dimensions = 50, window = 10, epochs = 25, learningRate = 0.05, least = 2, xMax = 10, alpha = 0.75, seed = 0, onEpoch }: GloveOptions = {}): Promise<WordVectors> {
  for (const [name, value] of Object.entries({ dimensions, window, epochs })) if (!Number.isInteger(value) || value < 1) throw new TunelabError(`glove: ${name} is ${value}; give a whole number of at least 1.`);
  const known = vocabulary(sentences, { least }), cells = cooccurrences(sentences, known, window);
  if (cells.length === 0) throw new TunelabError("glove: no two words occur together; give longer sentences, or a smaller least.");
  const state = gloveStart(known.words.length, dimensions, seed), tick = stoppable(), bar = progress(epochs, "glove");
  for (let epoch = 0; epoch < epochs; epoch++) {
    await tick();
    const loss = gloveSweep(state, new Random(seed, `glove epoch ${epoch}`).shuffle(cells), learningRate, { xMax, alpha }) / cells.length;
    bar.update(epoch + 1, `loss ${loss.toFixed(4)}`);
    onEpoch?.(epoch, loss);
  }
  bar.done();
  const { words, contexts } = state, vectors = new Float32Array(known.words.length * dimensions);
  for (let i = 0; i < known.words.length; i++) for (let k = 0; k < dimensions; k++) vectors[i * dimensions + k] = words[i * (dimensions + 1) + k] + contexts[i * (dimensions + 1) + k];
  return { vocabulary: known, dimensions, vectors };
}
