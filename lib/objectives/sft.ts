/**
 * Supervised fine-tuning: mean negative log-likelihood of the target tokens,
 *   L = − (1/N) Σ_{t ∈ targets} log p(x_t | x_<t).
 * Logits are computed only where there is a target, which for short answers saves most of the head's work.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import { applied, baseParts, head, perOption, type ModelConfig } from "../model";
import { compiledBlock, crossEntropy, takeRows, tf, weightedMean, type Params, type Precision } from "../tensor";
import type { Example } from "./examples";
import type { Objective } from "./objective";
import { trunk } from "./trunk";

export interface SftBatch {
  /** Token ids [B, T], row after row, padded on the right. */
  ids: Int32Array;
  batch: number;
  /** Tokens of the longest example, which T rounds up. */
  longest: number;
  /** Tokens of each row before its first target [B]. */
  context: Int32Array;
  /** Flat positions whose next token is a target, and those tokens; both [N], padded to a round length. */
  rows: Int32Array;
  labels: Int32Array;
  /** 1 for real targets, 0 for padding of `rows` [N]. */
  weights: Float32Array;
  /** Number of target tokens. */
  weight: number;
  /** Where rows hold several examples: which of them each token belongs to [B·T]. */
  segments?: Int32Array;
}

const roundUp = (n: number, to: number) => Math.ceil(n / to) * to;

/** Batches are padded to multiples of these, so that few different shapes occur: each is traced and compiled once. */
const LENGTH_STEP = 16;
/** A quarter of the power of two below n, 32 at least. */
const targetStep = (n: number) => Math.max(32, 2 ** (Math.floor(Math.log2(n)) - 2));

export function collateSft(examples: readonly Example[]): SftBatch {
  const longest = Math.max(...examples.map((e) => e.ids.length)), T = roundUp(longest, LENGTH_STEP);
  const ids = new Int32Array(examples.length * T), rows: number[] = [], labels: number[] = [];
  examples.forEach((e, b) => {
    ids.set(e.ids, b * T);
    for (let t = 1; t < e.ids.length; t++) if (e.target[t]) { rows.push(b * T + t - 1); labels.push(e.ids[t]); }
  });
  const N = roundUp(Math.max(rows.length, 1), targetStep(Math.max(rows.length, 1))), weights = new Float32Array(N).fill(1, 0, rows.length);
  const padded = (x: number[]) => { const out = new Int32Array(N); out.set(x); return out; };
  const context = Int32Array.from(examples, (e) => { const first = e.target.indexOf(1, 1); return first < 0 ? e.ids.length : first; });
  const segments = examples.some((e) => e.segments) ? new Int32Array(ids.length) : undefined;
  examples.forEach((e, b) => { if (e.segments) segments!.set(e.segments, b * T); });
  return { ids, batch: examples.length, longest, context, rows: padded(rows), labels: padded(labels), weights, weight: rows.length, ...(segments ? { segments } : {}) };
}

type HeadLoss = (d: { x: Tensor; trained: Params }, o: { base: Params; key: Tensor | null; rows: Tensor; labels: Tensor; weights: Tensor }) => Tensor;
const headLosses = perOption<Precision, HeadLoss>();
/** The head and the loss, compiled as one: rows with a target in, mean loss out. */
const headLossOf = (config: ModelConfig, method: Method, precision: Precision = "float32"): HeadLoss =>
  headLosses(precision, config, method, () => compiledBlock(
    ({ x, trained }, { base, key, rows, labels, weights }) => {
      const { params, wrap } = applied({ params: base, config, method, key: key ?? undefined }, base, trained, "outside");
      return weightedMean(crossEntropy(head(takeRows(x, rows), params, config, wrap), labels), weights);
    },
    { precision },
  ));

export function sft(): Objective<Example, SftBatch> {
  return {
    name: "sft",
    perplexity: true,
    length: (example) => example.ids.length,
    collate: collateSft,
    loss({ params, config }, method, pass) {
      const through = trunk({ params, config }, method, pass), headLoss = headLossOf(config, method, pass?.precision), base = baseParts({ params, config, method }).rest;
      return (trained, batch, key) => {
        const { x, outside } = through(trained, batch, key);
        return headLoss(
          { x, trained: outside },
          { base, key: key ?? null, rows: tf.tensor1d(batch.rows, "int32"), labels: tf.tensor1d(batch.labels, "int32"), weights: tf.tensor1d(batch.weights) },
        ) as Scalar;
      };
    },
  };
}
