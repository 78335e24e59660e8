/**
 * A small neural tagger (Collobert et al. 2011, window approach; Zheng et al. 2013 and Pei et al. 2014 for Chinese): embeddings of the units in a
 * window and of the two pairs around its middle, one hidden layer, scores of B, M, E, S for the unit in the middle; the best legal path by
 * Viterbi. Trained with this library's tensors and AdamW.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../../errors";
import { progress } from "../../course/progress";
import { stoppable } from "../../course/stop";
import { adamw } from "../../optimizers/adamw";
import { backend, crossEntropy, dispose, mapParams, Random, silu, takeRows, tf, type Params } from "../../tensor";
import { disposeTrainable, update, valueAndGradients } from "../../train/step";
import { fromAtoms, lengthsOf, MAY_FOLLOW, tagged, TAGS, unitClass, type Segmenter, type TaggedSentence } from "./segmenter";
import { viterbi } from "./viterbi";

export interface TaggerOptions {
  /** Units seen on each side, default 2. */
  reach?: number;
  embedding?: number;
  hidden?: number;
  epochs?: number;
  batchSize?: number;
  /** Peak rate; it falls to 0 along a line. */
  learningRate?: number;
  /** Share of the units that training hides as unknown, so that the unknown has an embedding too. */
  hide?: number;
  seed?: number;
  onEpoch?: (epoch: number, loss: number) => void;
}
export interface Tagger {
  /** embedding.weight [units and pairs, e], hidden.weight [h, sites·e], hidden.bias [h], output.weight [4, h], output.bias [4]. */
  params: Params;
  /** Row in the embedding of each unit, and of each pair of neighbours that occurs at least twice; 0 is padding, 1 the unknown. */
  ids: ReadonlyMap<string, number>;
  reach: number;
  segment: Segmenter;
  /** Frees the tensors. */
  dispose(): void;
}

const PADDING = 0, UNKNOWN = 1;
const LEGAL = MAY_FOLLOW.map((row) => row.map((ok) => (ok ? 0 : -Infinity)));
const START = TAGS.map((t) => (t === "B" || t === "S" ? 0 : -Infinity)), END = TAGS.map((t) => (t === "E" || t === "S" ? 0 : -Infinity));

/** Ids that the scores of one unit are made of: the window's and two pairs. */
const sitesOf = (reach: number): number => 2 * reach + 3;
const pair = (a: string, b: string): string => `${a}\0${b}`;

/** Scores of the tags: windows int32 [n·sites] → [n, 4]. */
function scores(p: Params, windows: Tensor, sites: number): Tensor {
  const e = p["embedding.weight"].shape[1]!;
  const x = tf.reshape(takeRows(p["embedding.weight"], windows), [-1, sites * e]);
  const h = silu(tf.add(tf.matMul(x as never, p["hidden.weight"] as never, false, true), p["hidden.bias"]));
  return tf.add(tf.matMul(h as never, p["output.weight"] as never, false, true), p["output.bias"]);
}

/** Ids around each unit, [units · sites]; `hidden` says which units, and pairs with them, count as unknown. */
function windowsOf(units: readonly string[], ids: ReadonlyMap<string, number>, reach: number, hidden: (i: number) => boolean = () => false): number[] {
  const id = (i: number) => (i < 0 || i >= units.length ? PADDING : hidden(i) ? UNKNOWN : ids.get(units[i]) ?? UNKNOWN);
  const pairId = (i: number) => (i < 0 || i + 1 >= units.length ? PADDING : hidden(i) || hidden(i + 1) ? UNKNOWN : ids.get(pair(units[i], units[i + 1])) ?? UNKNOWN);
  return units.flatMap((_, i) => [...Array.from({ length: 2 * reach + 1 }, (_, k) => id(i + k - reach)), pairId(i - 1), pairId(i)]);
}

/** Rows for units and pairs. */
function rowsFor(data: readonly TaggedSentence[]): Map<string, number> {
  const ids = new Map<string, number>(), pairs = new Map<string, number>();
  for (const { units } of data)
    for (const [i, u] of units.entries()) {
      if (!ids.has(u)) ids.set(u, ids.size + 2);
      if (i) pairs.set(pair(units[i - 1], u), (pairs.get(pair(units[i - 1], u)) ?? 0) + 1);
    }
  for (const [p, n] of pairs) if (n > 1) ids.set(p, ids.size + 2);
  return ids;
}

/** Trains a tagger on segmented sentences. */
export async function trainTagger(sentences: readonly (readonly string[])[], { reach = 2, embedding = 48, hidden = 128, epochs = 12, batchSize = 256, learningRate = 1e-2, hide = 0.2, seed = 0, onEpoch }: TaggerOptions = {}): Promise<Tagger> {
  const data = tagged(sentences);
  for (const [name, value] of Object.entries({ embedding, hidden, epochs, batchSize })) if (!Number.isInteger(value) || value < 1) throw new TunelabError(`trainTagger: ${name} is ${value}; give a whole number of at least 1.`);
  await backend();
  const ids = rowsFor(data), sites = sitesOf(reach), optimizer = adamw({ weightDecay: 0 }), tick = stoppable();
  let at = { trained: initial(ids.size + 2, embedding, hidden, sites, seed), state: {} as Readonly<Record<string, Params>> };
  at = { ...at, state: mapParams(at.trained, (p) => optimizer.init(p)) };
  const bar = progress(epochs, "tagger");
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const random = new Random(seed, `tagger epoch ${epoch}`), { windows, tags } = examples(data, ids, reach, hide, random), order = random.shuffle(tags.map((_, i) => i));
      let total = 0;
      for (let from = 0; from < order.length; from += batchSize) {
        await tick();
        const batch = order.slice(from, from + batchSize), rate = learningRate * (1 - (epoch + from / order.length) / epochs);
        const { loss, gradients } = tf.tidy(() => {
          const x = tf.tensor1d(batch.flatMap((i) => windows.slice(i * sites, (i + 1) * sites)), "int32"), y = tf.tensor1d(batch.map((i) => tags[i]), "int32");
          const { value, gradients } = valueAndGradients((p: Params) => tf.mean(crossEntropy(scores(p, x, sites), y)) as Scalar, at.trained, undefined);
          return { loss: value.dataSync()[0], gradients };
        });
        const next = update(at, { loss, norm: 0, gradients }, optimizer, rate);
        disposeTrainable(at);
        at = next;
        total += loss * batch.length;
      }
      bar.update(epoch + 1, `loss ${(total / order.length).toFixed(3)}`);
      onEpoch?.(epoch, total / order.length);
    }
  } catch (error) { dispose(at.trained); throw error; }
  finally { Object.values(at.state).forEach(dispose); }
  bar.done();
  const params = at.trained;
  return { params, ids, reach, segment: taggerSegmenter({ params, ids, reach }), dispose: () => dispose(params) };
}

/** The segmenter of a trained tagger. */
export const taggerSegmenter = ({ params, ids, reach }: Pick<Tagger, "params" | "ids" | "reach">): Segmenter =>
  fromAtoms((units) => {
    const windows = windowsOf(units.map(unitClass), ids, reach);
    const x = tf.tidy(() => scores(params, tf.tensor1d(windows, "int32"), sitesOf(reach))), rows = x.arraySync() as number[][];
    x.dispose();
    return lengthsOf(viterbi(START, LEGAL, rows, END)); // the softmax's sum is the same for all tags of a unit, so it plays no part
  });

function initial(units: number, embedding: number, hidden: number, sites: number, seed: number): Params {
  const draw = (name: string, shape: number[], scale: number) => {
    const random = new Random(seed, `tagger ${name}`);
    return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => scale * random.normal()), shape);
  };
  return {
    "embedding.weight": draw("embedding", [units, embedding], 0.5),
    "hidden.weight": draw("hidden", [hidden, sites * embedding], Math.sqrt(1 / (sites * embedding))), "hidden.bias": tf.zeros([hidden]),
    "output.weight": draw("output", [TAGS.length, hidden], Math.sqrt(1 / hidden)), "output.bias": tf.zeros([TAGS.length]),
  };
}

function examples(data: readonly TaggedSentence[], ids: ReadonlyMap<string, number>, reach: number, hide: number, random: Random): { windows: number[]; tags: number[] } {
  const windows: number[] = [], tags: number[] = [];
  for (const sentence of data) {
    const hidden = sentence.units.map(() => random.uniform() < hide);
    for (const id of windowsOf(sentence.units, ids, reach, (i) => hidden[i])) windows.push(id);
    for (const tag of sentence.tags) tags.push(tag);
  }
  return { windows, tags };
}
