/**
 * Curvature matrices of a loss as linear operators, exact, over all batches one after the other:
 *   hessian            H = ∇²L                       Hv = ∇⟨∇L, v⟩                       (Pearlmutter 1994)
 *   gauss-newton       G = (1/W) Σ w_i J_iᵀ (∇²ℓ_i) J_i                                   (Schraudolph 2002)
 *   empirical-fisher   F̂ = (1/W) Σ w_i J_iᵀ r_i r_iᵀ J_i,  r_i = ∇ℓ(z_i) at the data's label
 *   true-fisher        F = the same with labels drawn from the model; its mean over draws is G for the cross-entropy
 * J_i = ∂z_i/∂θ; a row i is one target token. Jv comes from two reverse passes: ⟨u, Jv⟩ is linear in u, its gradient is Jv.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { count, hash, jit, mapParams, Random, tf, type Params, type Tree } from "../tensor";
import type { LinearOperator } from "./operator";
import { lossOf, tensorsOf, type Data, type Problem } from "./problem";
import type { Vector } from "./vector";

export const CURVATURES = ["hessian", "gauss-newton", "empirical-fisher", "true-fisher"] as const;
export type CurvatureKind = (typeof CURVATURES)[number];

export interface Curvature extends LinearOperator {
  kind: CurvatureKind;
  /** Number of batches that a product runs over. */
  batches: number;
  /** The same matrix of some batches only: for the noise between mini-batches. Shares the compiled programs. */
  on(batches: readonly number[]): Curvature;
  /** Frees the compiled programs; also those of `on`. */
  dispose(): void;
}
export interface CurvatureOptions {
  kind?: CurvatureKind;
  /** false: run operation by operation. */
  compiled?: boolean;
  /** Draws of labels for each row, and their seed: true-fisher. */
  draws?: number;
  seed?: number;
}

/** Gradients by `xs`; zeros where y does not depend on one of them (tf.grads throws there). */
function gradientsOf(f: (xs: Tensor[]) => Tensor, xs: Tensor[], dy?: Tensor): Tensor[] {
  const { grads } = tf.engine().gradients(() => tf.tidy(() => f(xs)), xs, dy as never, true);
  return grads.map((g, i) => (g as Tensor | undefined) ?? tf.zerosLike(xs[i]));
}
const inner = (a: readonly Tensor[], b: readonly Tensor[]): Scalar => tf.addN(a.map((t, i) => tf.sum(tf.mul(t, b[i])))) as Scalar;

/** Flat vector [dim] ↔ tensors, in the order of the map. */
const split = (v: Tensor, like: readonly Tensor[]): Tensor[] => {
  let at = 0;
  return like.map((t) => { const piece = tf.reshape(tf.slice(v as never, [at], [t.size]), t.shape); at += t.size; return piece; });
};
const join = (ts: readonly Tensor[]): Tensor => tf.concat(ts.map((t) => tf.reshape(t, [t.size])));

export const toVector = (params: Params): Float64Array => {
  const out = new Float64Array(count(params));
  let at = 0;
  for (const t of Object.values(params)) { out.set(t.dataSync() as Float32Array, at); at += t.size; }
  return out;
};
/** Tensors from a flat vector, shaped and named like `like`. */
export const toParams = (v: Vector, like: Params): Params => {
  let at = 0;
  return mapParams(like, (t) => { const piece = Float32Array.from(v.subarray(at, at + t.size)); at += t.size; return tf.tensor(piece, t.shape); });
};

type Product = (v: Tensor, params: Params, fixed: Params, data: Data, noise: Tensor | null) => Tensor;

/** v ↦ Av on one batch; a pure function of tensors. */
export function batchProduct(problem: Problem, kind: CurvatureKind): Product {
  const names = Object.keys(problem.params); // in this order, which a compiled call need not keep
  return (v, params, fixed, data, noise) => {
    const xs = names.map((n) => params[n]), vs = split(v, xs);
    const outputs = (xs: Tensor[]) => problem.outputs(Object.fromEntries(names.map((n, i) => [n, xs[i]])), data, fixed);
    if (kind === "hessian") {
      const gradient = (xs: Tensor[]) => gradientsOf((xs) => lossOf(problem, outputs(xs), data), xs);
      return join(gradientsOf((xs) => inner(gradient(xs), vs), xs));
    }
    const z = outputs(xs);
    const [Jv] = gradientsOf(([u]) => inner(gradientsOf((xs) => tf.sum(tf.mul(outputs(xs), u)), xs), vs), [tf.zerosLike(z)]);
    let middle: Tensor;
    if (kind === "gauss-newton") {
      const slope = ([z]: Tensor[]) => gradientsOf(([z]) => lossOf(problem, z, data), [z]);
      [middle] = gradientsOf(([z]) => inner(slope([z]), [Jv]), [z]);
    } else {
      const labelled = noise ? problem.drawn!(z, data, noise) : data, w = problem.weights?.(data);
      const [r] = gradientsOf(([z]) => tf.sum(problem.losses(z, labelled)), [z]);
      const along = tf.sum(tf.mul(r, Jv), -1), share = w ? tf.div(w, tf.sum(w)) : tf.fill([z.shape[0]], 1 / z.shape[0]);
      middle = tf.mul(r, tf.expandDims(tf.mul(along, share), 1));
    }
    return join(gradientsOf((xs) => tf.sum(tf.mul(outputs(xs), middle)), xs));
  };
}

/** The curvature matrix of a problem. Its products are means over the batches, each counted by its weight. */
export function curvature(problem: Problem, { kind = "hessian", compiled = true, draws = 1, seed = 0 }: CurvatureOptions = {}): Curvature {
  if (!CURVATURES.includes(kind)) throw new TunelabError(`curvature: there is no kind "${kind}"; choose from ${CURVATURES.join(", ")}.`);
  if (kind === "true-fisher" && !problem.drawn) throw new TunelabError("curvature: the true Fisher matrix needs labels drawn from the model, which this problem cannot draw; use gauss-newton, which is its mean for the cross-entropy.");
  if (kind !== "hessian" && problem.compiled === false) throw new TunelabError(`curvature: this objective shows one number for a batch, not its rows, so there is no ${kind} matrix of it; use kind "hessian".`);
  const dim = count(problem.params), product = batchProduct(problem, kind), use = compiled && problem.compiled !== false;
  const program = jit(product as unknown as (...args: Tree[]) => Tree) as unknown as Product & { dispose(): void };
  const run: Product = use ? program : product;
  const rounds = kind === "true-fisher" ? draws : 1;

  const over = (chosen: readonly number[]): Curvature => {
    const total = chosen.reduce((s, i) => s + problem.batches[i].weight, 0);
    return {
      dim, kind, rounding: 2 ** -23, batches: chosen.length,
      async apply(v, tick) {
        if (v.length !== dim) throw new TunelabError(`curvature: the vector has ${v.length} entries, the parameters ${dim}.`);
        const sum = new Float64Array(dim), narrow = v instanceof Float32Array ? v : Float32Array.from(v);
        for (const i of chosen) for (let round = 0; round < rounds; round++) {
          await tick?.();
          const batch = problem.batches[i], share = batch.weight / total / rounds;
          const result = tf.tidy(() => {
            const data = tensorsOf(batch), rows = kind === "true-fisher" ? noiseFor(problem, data, hash(`${i}.${round}`, seed)) : null;
            return run(tf.tensor1d(narrow), problem.params, problem.fixed, data, rows);
          });
          const values = result.dataSync();
          result.dispose();
          for (let k = 0; k < dim; k++) sum[k] += share * values[k];
        }
        return sum;
      },
      on: (part) => {
        const wrong = part.find((i) => !(Number.isInteger(i) && i >= 0 && i < chosen.length));
        if (!part.length || wrong !== undefined) throw new TunelabError(`curvature.on: ${part.length ? `there is no batch ${wrong}` : "no batch is named"}; name some of 0 to ${chosen.length - 1}.`);
        return over(part.map((i) => chosen[i]));
      },
      dispose: () => program.dispose(),
    };
  };
  return over(problem.batches.map((_, i) => i));
}

/** Uniform numbers in (0, 1), one a row; the same for the same batch and draw, so that the operator stays one matrix. */
function noiseFor(problem: Problem, data: Data, seed: number): Tensor {
  const n = problem.weights ? problem.weights(data).size : problem.outputs(problem.params, data, problem.fixed).shape[0], random = new Random(seed, "labels");
  return tf.tensor1d(Float32Array.from({ length: n }, () => random.uniform()));
}

type ValueAndGradient = (params: Params, fixed: Params, data: Data) => Tensor;
export interface LossAndGradient {
  /** Mean loss over all batches and its gradient as a flat vector, at parameters of the problem's names and shapes. */
  at(params: Params, tick?: () => Promise<void>): Promise<{ loss: number; gradient: Float64Array }>;
  dispose(): void;
}
/** Loss and gradient as one compiled program, for many points. */
export function lossAndGradient(problem: Problem, { compiled = true }: { compiled?: boolean } = {}): LossAndGradient {
  const names = Object.keys(problem.params);
  const both: ValueAndGradient = (params, fixed, data) => {
    const xs = names.map((n) => params[n]);
    const { value, grads } = tf.engine().gradients(() => lossOf(problem, problem.outputs(Object.fromEntries(names.map((n, i) => [n, xs[i]])), data, fixed), data), xs, undefined as never, true);
    return join([tf.reshape(value, [1]), ...grads.map((g, i) => (g as Tensor | undefined) ?? tf.zerosLike(xs[i]))]);
  };
  const program = jit(both as unknown as (...args: Tree[]) => Tree) as unknown as ValueAndGradient & { dispose(): void }, run = compiled && problem.compiled !== false ? program : both;
  const total = problem.batches.reduce((s, b) => s + b.weight, 0);
  return {
    dispose: () => program.dispose(),
    async at(params, tick) {
      const sum = new Float64Array(count(problem.params));
      let loss = 0;
      for (const batch of problem.batches) {
        await tick?.();
        const result = tf.tidy(() => run(params, problem.fixed, tensorsOf(batch))), values = result.dataSync(), share = batch.weight / total;
        result.dispose();
        loss += share * values[0];
        for (let k = 0; k < sum.length; k++) sum[k] += share * values[k + 1];
      }
      return { loss, gradient: sum };
    },
  };
}
/** Loss and gradient at the problem's own parameters. */
export async function gradient(problem: Problem, options: { compiled?: boolean; tick?: () => Promise<void> } = {}): Promise<{ loss: number; gradient: Float64Array }> {
  const program = lossAndGradient(problem, options);
  try { return await program.at(problem.params, options.tick); } finally { program.dispose(); }
}
