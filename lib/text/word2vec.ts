/**
 * Word2Vec: skip-gram with negative sampling (Mikolov et al. 2013, "Distributed Representations of Words and Phrases", eq. 4):
 *   loss = −log σ(c·o) − Σ log σ(−c·n),  c the centre's vector, o the context word's, n those of words drawn from counts^0.75
 * with random window sizes, subsampling of frequent words (eq. 5 in the form of the authors' program), and a rate that falls along a line.
 */
import { TunelabError } from "../errors";
import { progress } from "../course/progress";
import { stoppable } from "../course/stop";
import { Random } from "../tensor/random";
import { vocabulary, wordIds, type Vocabulary } from "./onehot";
import type { WordVectors } from "./vectors";

export interface Word2VecOptions {
  dimensions?: number;
  /** Words on each side of the centre that may be its context; each centre draws its own from 1 to this. */
  window?: number;
  negatives?: number;
  epochs?: number;
  learningRate?: number;
  /** Words that occur less often get no vector. */
  least?: number;
  /** Threshold of subsampling; 0 keeps every occurrence, which suits small texts. */
  subsample?: number;
  seed?: number;
  /** Mean loss of a pair, after each epoch. */
  onEpoch?: (epoch: number, loss: number) => void;
}

type Floats = Float32Array | Float64Array;

/**
 * One step for one pair, in place: rows `centre` of `inputs`, and `context` and `negatives` of `outputs` ([words, dimensions] each) go
 * down the gradient. A negative that is the context itself is passed over. Returns the loss before the step, in nats.
 */
export function skipGramStep(inputs: Floats, centre: number, outputs: Floats, context: number, negatives: ArrayLike<number>, dimensions: number, rate: number): number {
  const c = centre * dimensions, gradient = new Float64Array(dimensions);
  let loss = 0;
  for (let k = -1; k < negatives.length; k++) {
    const word = k < 0 ? context : negatives[k];
    if (k >= 0 && word === context) continue;
    const o = word * dimensions;
    let dot = 0;
    for (let i = 0; i < dimensions; i++) dot += inputs[c + i] * outputs[o + i];
    const signed = k < 0 ? dot : -dot, p = 1 / (1 + Math.exp(-dot)), g = k < 0 ? p - 1 : p; // d loss / d dot
    loss += signed > 0 ? Math.log1p(Math.exp(-signed)) : Math.log1p(Math.exp(signed)) - signed; // −log σ(signed)
    for (let i = 0; i < dimensions; i++) { gradient[i] += g * outputs[o + i]; outputs[o + i] -= rate * g * inputs[c + i]; }
  }
  for (let i = 0; i < dimensions; i++) inputs[c + i] -= rate * gradient[i];
  return loss;
}

/** Learns a vector for each word of sentences (lists of words). */
export async function word2vec(sentences: readonly (readonly string[])[], { dimensions = 50, window = 5, negatives = 5, epochs = 5, learningRate = 0.025, least = 2, subsample = 1e-3, seed = 0, onEpoch }: Word2VecOptions = {}): Promise<WordVectors> {
  for (const [name, value] of Object.entries({ dimensions, window, negatives, epochs })) if (!Number.isInteger(value) || value < 1) throw new TunelabError(`word2vec: ${name} is ${value}; give a whole number of at least 1.`);
  const words = vocabulary(sentences, { least }), size = words.words.length, texts = sentences.map((s) => wordIds(s, words));
  const start = new Random(seed, "word2vec start");
  const inputs = Float32Array.from({ length: size * dimensions }, () => (start.uniform() - 0.5) / dimensions), outputs = new Float32Array(size * dimensions);
  const draw = sampler(words), keep = keeping(words, subsample), tick = stoppable(), total = epochs * texts.length, bar = progress(total, "word2vec");
  for (let epoch = 0, done = 0; epoch < epochs; epoch++) {
    const random = new Random(seed, `word2vec epoch ${epoch}`);
    let loss = 0, pairs = 0;
    for (const ids of texts) {
      if (done % 256 === 0) { await tick(); bar.update(done, pairs ? `loss ${(loss / pairs).toFixed(3)}` : ""); }
      const rate = learningRate * Math.max(1e-4, 1 - done++ / total), kept = ids.filter((id) => random.uniform() < keep[id]);
      for (const [at, centre] of kept.entries()) {
        const reach = 1 + random.integer(window);
        for (let j = Math.max(0, at - reach); j <= Math.min(kept.length - 1, at + reach); j++) {
          if (j === at) continue;
          loss += skipGramStep(inputs, centre, outputs, kept[j], Array.from({ length: negatives }, () => draw(random)), dimensions, rate);
          pairs++;
        }
      }
    }
    if (pairs === 0) throw new TunelabError("word2vec: no word has a neighbour; give longer sentences, a smaller least, or subsample: 0.");
    onEpoch?.(epoch, loss / pairs);
  }
  bar.update(total);
  bar.done();
  return { vocabulary: words, dimensions, vectors: inputs };
}

/** Draws ids with probability ∝ count^0.75. */
function sampler({ counts }: Vocabulary): (random: Random) => number {
  const sums = new Float64Array(counts.length);
  counts.forEach((n, i) => { sums[i] = (i ? sums[i - 1] : 0) + n ** 0.75; });
  return (random) => {
    const x = random.uniform() * sums[sums.length - 1];
    let low = 0, high = sums.length - 1;
    while (low < high) { const middle = (low + high) >> 1; if (sums[middle] > x) high = middle; else low = middle + 1; }
    return low;
  };
}

/** Probability of keeping an occurrence: (√(f/t) + 1)·t/f, f the word's share of all words. */
function keeping({ counts }: Vocabulary, threshold: number): Float64Array {
  const total = counts.reduce((a, b) => a + b, 0);
  return Float64Array.from(counts, (n) => (threshold > 0 ? Math.min(1, (Math.sqrt(n / total / threshold) + 1) * ((threshold * total) / n)) : 1));
}
