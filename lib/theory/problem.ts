/**
 * A loss at a point, in the form that second derivatives take: outputs z = f(θ, batch), row losses ℓ(z_i), and the mean over
 * all batches L(θ) = Σ_i w_i ℓ(z_i) / Σ w_i. Everything enters as an argument (parameters, base weights, batch), so that a
 * whole Hessian-vector product can be compiled as one program and serve every batch.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { extraPositions, type Method } from "../methods/method";
import { checkIds, checkLength, embedded, head, outside, placeInputs, surroundings, throughLayers, type Model, type ModelConfig } from "../model";
import { sft, type Example, type Objective, type SftBatch } from "../objectives";
import { crossEntropy, softmax, tf, takeRows, type Params } from "../tensor";

/** One batch: plain arrays that become tensors when they are used, and the weight of its mean in the whole. */
export interface ProblemBatch { data: Readonly<Record<string, Int32Array | Float32Array | number>>; weight: number }
/** A batch as tensors; numbers stay numbers, and are part of the program. */
export type Data = Readonly<Record<string, Tensor | number>>;

export interface Problem {
  /** θ: the tensors that are differentiated. */
  params: Params;
  /** Tensors that are not, such as the base model's weights. */
  fixed: Params;
  batches: readonly ProblemBatch[];
  /** z [N, K] of one batch. */
  outputs(params: Params, data: Data, fixed: Params): Tensor;
  /** ℓ of every row: z [N, K] → [N]. */
  losses(z: Tensor, data: Data): Tensor;
  /** w_i ≥ 0 [N]; absent: all rows count 1. */
  weights?(data: Data): Tensor;
  /** The same batch with labels drawn from the model's own distribution: for the true Fisher matrix. `noise` [N] is uniform in (0, 1). */
  drawn?(z: Tensor, data: Data, noise: Tensor): Data;
  /** False where the loss reads values back while it runs, so that it cannot be compiled. */
  compiled?: boolean;
}

/** Mean loss of one batch, a scalar tensor. */
export function lossOf(problem: Problem, z: Tensor, data: Data): Scalar {
  const losses = problem.losses(z, data), w = problem.weights?.(data);
  return (w ? tf.div(tf.sum(tf.mul(losses, w)), tf.sum(w)) : tf.mean(losses)) as Scalar;
}

/** The batch's arrays as tensors. Call inside tf.tidy. */
export const tensorsOf = ({ data }: ProblemBatch): Data =>
  Object.fromEntries(Object.entries(data).map(([name, v]) => [name, typeof v === "number" ? v : v instanceof Int32Array ? tf.tensor1d(v, "int32") : tf.tensor1d(v)]));

/** A problem from a scalar function of the parameters: toys, and losses that need no batch. */
export const scalarProblem = (params: Params, loss: (params: Params) => Tensor): Problem => ({
  params, fixed: {}, batches: [{ data: {}, weight: 1 }], outputs: (p) => tf.reshape(loss(p), [1, 1]), losses: (z) => tf.reshape(z, [-1]),
});

export interface ModelProblem<E, B extends { weight: number }> {
  model: Pick<Model, "config" | "params">;
  /** With `trained`: the point is an adapter's. Absent: the model's own weights. */
  method?: Method;
  trained?: Params;
  examples: readonly E[];
  batchSize?: number;
  /** Which tensors are differentiated, by Hugging Face name; absent: all that are trained (without a method: all weights). */
  only?: (name: string) => boolean;
  objective?: Objective<E, B>;
}

/** Weights themselves as what is trained: those of `names` stand in for the base's. */
export const weightsMethod = (names: readonly string[]): Method => ({
  name: "weights", settings: { names: names.length },
  init: (base) => Object.fromEntries(names.map((n) => [n, base[n].clone()])),
  weights: (base, trained) => ({ ...base, ...trained }),
  merge: (base, trained) => Object.fromEntries(Object.entries(base).map(([n, t]) => [n, (trained[n] ?? t).clone()])),
});

/**
 * The loss of a model over examples, as a problem. All batches have one shape, so that one program serves them. Other
 * objectives than supervised fine-tuning work too, but uncompiled and for the Hessian only: their rows are not seen.
 */
export function modelProblem<E = Example, B extends { weight: number } = SftBatch>({ model, method, trained, examples, batchSize = 8, only = () => true, objective }: ModelProblem<E, B>): Problem {
  if (!examples.length) throw new TunelabError("modelProblem: there are no examples; give at least one.");
  if (!(Number.isInteger(batchSize) && batchSize > 0)) throw new TunelabError(`modelProblem: batchSize is ${batchSize}; it must be a whole number of at least 1.`);
  if (method && !trained) throw new TunelabError("modelProblem: a method without its trained tensors; give `trained` as well.");
  const all = method ? trained! : model.params, how: Method = method ? { ...method, constants: undefined } : weightsMethod(Object.keys(model.params).filter(only));
  const params = Object.fromEntries(Object.entries(all).filter(([name]) => only(name))), rest = Object.fromEntries(Object.entries(all).filter(([name]) => !(name in params)));
  if (!Object.keys(params).length) throw new TunelabError(`modelProblem: no tensor is left to differentiate; \`only\` must choose from ${Object.keys(all).slice(0, 3).join(", ")}, ….`);
  // A method's constants are found beside the base's weights; as such they are arguments, too.
  const fixed: Params = method ? { ...prefixed("base:", { ...model.params, ...method.constants }), ...prefixed("trained:", rest) } : prefixed("base:", rest);
  const split = (params: Params, fixed: Params): { base: Params; trained: Params } => {
    const trained = { ...unprefixed("trained:", fixed), ...params };
    const base = unprefixed("base:", fixed);
    return { base, trained: how.encode?.(trained, base) ?? trained };
  };
  const goal = objective ?? (sft() as unknown as Objective<E, B>);
  const sorted = [...examples].sort((a, b) => goal.length(a) - goal.length(b));
  const collated = Array.from({ length: Math.ceil(sorted.length / batchSize) }, (_, i) => goal.collate(sorted.slice(i * batchSize, (i + 1) * batchSize))).filter((b) => b.weight > 0);
  if (!collated.length) throw new TunelabError("modelProblem: no example has a target, so there is no loss; give examples with an answer.");

  if (goal.name !== "sft") {
    const known = new Map(collated.map((b, i) => [i, b]));
    return {
      params, fixed, compiled: false, batches: collated.map((b, index) => ({ data: { index }, weight: b.weight })), losses: (z) => tf.reshape(z, [-1]),
      outputs(params, data, fixed) { const { base, trained } = split(params, fixed); return tf.reshape(goal.loss({ config: model.config, params: base }, how)(trained, known.get(data.index as number)!), [1, 1]); },
    };
  }
  return { params, fixed, compiled: !how.encode, ...sftParts(model.config, how, split), batches: sameShape(collated as unknown as SftBatch[], model.config, how) };
}

const prefixed = (prefix: string, params: Params): Params => Object.fromEntries(Object.entries(params).map(([n, t]) => [prefix + n, t]));
const unprefixed = (prefix: string, params: Params): Params => Object.fromEntries(Object.entries(params).flatMap(([n, t]) => (n.startsWith(prefix) ? [[n.slice(prefix.length), t]] : [])));

/** The loss of objectives/sft.ts with batch and weights as arguments: z are the logits [N, vocabulary] where there is a target. */
function sftParts(config: ModelConfig, method: Method, split: (params: Params, fixed: Params) => { base: Params; trained: Params }): Pick<Problem, "outputs" | "losses" | "weights" | "drawn"> {
  return {
    outputs(params, data, fixed) {
      const { base, trained } = split(params, fixed), view = { params: base, config, method, trained, encoded: true }, { ids, rows, batch } = data as { ids: Tensor; rows: Tensor; batch: number };
      // Only the number of ids matters here: positions and the causal mask are the same for every batch.
      const x = throughLayers(view, embedded(view, ids), surroundings(config, { ids: new Int32Array(ids.size), batch }, method.prefix?.count));
      const { params: weights, wrap } = outside(view);
      return head(takeRows(x, rows), weights, config, wrap);
    },
    losses: (z, data) => crossEntropy(z, data.labels as Tensor),
    weights: (data) => data.weights as Tensor,
    drawn: (z, data, noise) => ({ ...data, labels: drawLabels(z, noise) }),
  };
}

/** One class of each row with the probabilities softmax(z), by inverting the cumulative distribution: z [N, K], noise [N] → int32 [N]. */
export function drawLabels(z: Tensor, noise: Tensor): Tensor {
  const p = softmax(z), K = z.shape[1]!;
  const below = tf.cast(tf.less(tf.cumsum(p, 1), tf.expandDims(noise, 1)), "float32");
  return tf.cast(tf.minimum(tf.sum(below, 1), K - 1), "int32");
}

/** Batches brought to the longest length and the most targets among them; what is added has weight 0. */
function sameShape(batches: readonly SftBatch[], config: ModelConfig, method: Method): ProblemBatch[] {
  const B = Math.max(...batches.map((b) => b.batch)), T = Math.max(...batches.map((b) => b.ids.length / b.batch)), N = Math.max(...batches.map((b) => b.rows.length));
  return batches.map((b) => {
    checkIds(b.ids, config, "Batch");
    checkLength(b.longest, config, extraPositions(method));
    const t = b.ids.length / b.batch, ids = new Int32Array(B * T);
    for (let row = 0; row < b.batch; row++) ids.set(b.ids.subarray(row * t, (row + 1) * t), row * T);
    const grow = <A extends Int32Array | Float32Array>(x: A, make: new (n: number) => A, n = N): A => { const out = new make(n); out.set(x as never); return out; };
    // The method's own tokens go among the real ones, and where something is predicted moves with them.
    const { inputs, rows: moved } = placeInputs(method, { ids, batch: B, context: grow(b.context, Int32Array, B) });
    const rows = grow(b.rows.map((r) => Math.floor(r / t) * T + (r % t)), Int32Array).map((r) => moved?.[r] ?? r);
    return { data: { ids: inputs.ids, rows, labels: grow(b.labels, Int32Array), weights: grow(b.weights, Float32Array), batch: B }, weight: b.weight };
  });
}

/** Mean loss over all batches. The problem's value at its own parameters, or at others of the same names. */
export async function lossAt(problem: Problem, params: Params = problem.params, tick?: () => Promise<void>): Promise<number> {
  const total = problem.batches.reduce((s, b) => s + b.weight, 0);
  let sum = 0;
  for (const batch of problem.batches) {
    await tick?.();
    sum += (batch.weight / total) * tf.tidy(() => { const data = tensorsOf(batch); return lossOf(problem, problem.outputs(params, data, problem.fixed), data).dataSync()[0]; });
  }
  return sum;
}
