/**
 * Log-probabilities of completions, the quantity that DPO, GRPO and PPO are made of:
 *   log π(y | x) = Σ_t log π(y_t | x, y_<t),  over the target tokens of an example.
 * With a method and what it trains this is the policy π_θ; with `baseOnly` the reference π_ref: the same base weights with the adapter
 * off, never a second copy. `temperature` divides the logits, as sampling does.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import type { Adapter, Method } from "../methods/method";
import { applied, baseParts, head, perOption, type GradientPass, type Model, type ModelConfig } from "../model";
import { addRows, compiledBlock, crossEntropy, takeRows, tf, type Params, type Precision } from "../tensor";
import type { Example } from "./examples";
import { collateSft } from "./sft";
import { trunk, type Base, type Hidden, type TokenBatch } from "./trunk";

/** A method that changes nothing: the base model alone. */
export const baseOnly: Method = { name: "none", settings: {}, init: () => ({}) };

/** Hidden states, and log π of every target token [N]; 0 in the places that pad N. */
export type Policy = (trained: Params, batch: TokenBatch, key?: Tensor) => Hidden & { logs: Tensor };

type Logs = (d: { x: Tensor; trained: Params }, o: { base: Params; key: Tensor | null; rows: Tensor; labels: Tensor; weights: Tensor }) => Tensor;
const heads = perOption<string, Logs>();
/** The head and the choice of the labels, compiled as one: rows with a target in, their log-probabilities out. */
const logsOf = (config: ModelConfig, method: Method, temperature: number, precision: Precision = "float32"): Logs =>
  heads(`${temperature} ${precision}`, config, method, () => compiledBlock(
    ({ x, trained }, { base, key, rows, labels, weights }) => {
      const { params, wrap } = applied({ params: base, config, method, key: key ?? undefined }, base, trained, "outside");
      const logits = head(takeRows(x, rows), params, config, wrap); // [N, V]
      return tf.mul(crossEntropy(temperature === 1 ? logits : tf.div(logits, temperature), labels), tf.neg(weights));
    },
    { precision },
  ));

/** The forward pass of one policy as a differentiable function (twice, in `trained`). */
export function policy({ config, params }: Base, method: Method, { pass, temperature = 1 }: { pass?: GradientPass; temperature?: number } = {}): Policy {
  checkTemperature(temperature);
  const { rest: base } = baseParts({ params, config, method }), through = trunk({ config, params }, method, pass), logs = logsOf(config, method, temperature, pass?.precision);
  return (trained, batch, key) => {
    const { x, outside } = through(trained, batch, key);
    const where = { rows: tf.tensor1d(batch.rows, "int32"), labels: tf.tensor1d(batch.labels, "int32"), weights: tf.tensor1d(batch.weights) };
    return { x, outside, logs: logs({ x, trained: outside }, { base, key: key ?? null, ...where }) };
  };
}

function checkTemperature(temperature: number): void {
  if (!(temperature > 0 && Number.isFinite(temperature))) throw new TunelabError(`temperature is ${temperature}; log-probabilities need a number above 0.`);
}

/** Index of the example that each target belongs to [N]. */
export const ownersOf = ({ rows, ids, batch }: TokenBatch): Int32Array => rows.map((row) => Math.floor(row / (ids.length / batch)));

/** Sums over the targets of each example: [N] → [B]. */
export const sumByExample = (values: Tensor, batch: TokenBatch): Tensor =>
  tf.reshape(addRows(tf.reshape(values, [-1, 1]), tf.tensor1d(ownersOf(batch), "int32"), batch.batch), [batch.batch]);

/** Number of targets of each example [B]. */
export function targetCounts(batch: TokenBatch): Float32Array {
  const counts = new Float32Array(batch.batch);
  ownersOf(batch).forEach((b, i) => { counts[b] += batch.weights[i]; });
  return counts;
}

export interface Measuring {
  /** Examples in one pass. */
  batchSize?: number;
  temperature?: number;
  /** Awaited before each pass; throw from it to stop. Gets the number of examples that are done. */
  tick?: (done: number) => Promise<void>;
}

/** Batches of like length, in a fixed order: indices into `examples`. */
export function* batchesByLength(examples: readonly Example[], batchSize: number): Generator<number[]> {
  if (!Number.isInteger(batchSize) || batchSize < 1) throw new TunelabError(`batchSize is ${batchSize}; it must be a whole number of at least 1.`);
  const order = examples.map((_, i) => i).sort((a, b) => examples[a].ids.length - examples[b].ids.length || a - b);
  for (let at = 0; at < order.length; at += batchSize) yield order.slice(at, at + batchSize);
}

/** A function that gives the log-probabilities of each example's target tokens, in their order. Without `method` the base model's. */
export function tokenLogProbabilities(model: Base, method: Method = baseOnly, { batchSize = 8, temperature = 1, tick: usual = () => new Promise<void>(setImmediate) }: Measuring = {}): (examples: readonly Example[], trained?: Params, tick?: Measuring["tick"]) => Promise<Float32Array[]> {
  const run = policy(model, method, { temperature });
  return async (examples, trained = {}, tick = usual) => {
    const found: Float32Array[] = Array(examples.length);
    let done = 0;
    for (const indices of batchesByLength(examples, batchSize)) {
      await tick(done);
      const batch = collateSft(indices.map((i) => examples[i])), y = tf.tidy(() => run(trained, batch).logs), values = y.dataSync();
      y.dispose();
      let at = 0; // targets lie example by example
      for (const i of indices) {
        const n = examples[i].target.reduce((sum, v, t) => sum + (t > 0 ? v : 0), 0);
        found[i] = Float32Array.from(values.subarray(at, at + n));
        at += n;
      }
      done += indices.length;
    }
    return found;
  };
}

/** log π(y | x) of each example: of an adapter, or of the base model alone. Sums are taken in float64. */
export async function completionLogProbabilities(model: Base, examples: readonly Example[], { adapter, ...options }: Measuring & { adapter?: Adapter } = {}): Promise<number[]> {
  const each = await tokenLogProbabilities(model, adapter?.method, options)(examples, adapter?.trained);
  return each.map((values) => values.reduce((sum, v) => sum + v, 0));
}
