/**
 * Compiled blocks with their own gradient: one trace records forward and backward of f, the record is split where the
 * backward begins, and the forward program hands the residuals (what the backward needs) over. A block used for every layer
 * of a network is compiled once. Inside `tf.grad` it behaves like any differentiable operation.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { tf } from "../backend";
import { compile, handleOf, type Graph, type Handle, type Precision } from "./graph";
import { compiles } from "./jit";
import { distinct, gradientsWhere, idsOf, isolated, needed, record, recording, type RecordedOp } from "./record";
import { flatten, unflatten, type Tree } from "./tree";

interface Program {
  /** y alone, for passes without gradient. */
  forward: Graph;
  /** y and residuals. */
  forwardWithResiduals: Graph;
  /** Residuals, used arguments, dy → gradients of the differentiated arguments. */
  backward: Graph;
  /** Indices of the arguments (differentiated first, then the others) that the backward uses directly. */
  usedArguments: number[];
  /** Indices of the differentiated arguments that y depends on: the others have no gradient. */
  connected: number[];
}

export interface BlockOptions {
  /**
   * What the backward program computes once more instead of keeping it: "cheap" (default) all but matrix products, which costs
   * less than writing and reading it; "all": everything, so that only the arguments are kept (gradient checkpointing, Chen et
   * al. 2016: a third more work, memory for one block instead of all).
   */
  recompute?: "cheap" | "all";
  /** Of the matrix products, forward and backward; where nothing is compiled it has no effect. */
  precision?: Precision;
}

/** f(differentiated, others) → one tensor. Gradients flow to all tensors of `differentiated`, none to `others`. */
export function compiledBlock<D extends Tree, O extends Tree>(f: (differentiated: D, others: O) => Tensor, options: BlockOptions = {}): (differentiated: D, others: O) => Tensor {
  const programs = new Map<string, Program>();

  return (differentiated, others) => {
    // Second derivatives differentiate the plain function; a compiled caller records it as part of itself.
    const depth = tf.engine().state.gradientDepth;
    if (!compiles() || recording() || depth > 1) return f(differentiated, others);
    const d = flatten(differentiated as Tree), o = flatten(others as Tree), signature = `${d.signature};${o.signature}`;
    let program = programs.get(signature);
    if (!program) programs.set(signature, (program = trace(f, differentiated, others, options)));
    const { forward, forwardWithResiduals, backward, usedArguments, connected } = program;
    const all = [...d.tensors, ...o.tensors];
    if (depth === 0 || !connected.length) return forward.call(idsOf(all))[0];
    return tf.customGrad((...inputs) => {
      const save = inputs.pop() as unknown as (tensors: Tensor[]) => void;
      const [value, ...residuals] = forwardWithResiduals.call(idsOf(all));
      save([...residuals, ...usedArguments.map((i) => all[i])]);
      return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => backward.call(idsOf([...saved, dy])) };
    })(...connected.map((i) => d.tensors[i]));
  };
}

function trace<D extends Tree, O extends Tree>(f: (d: D, o: O) => Tensor, differentiated: D, others: O, { recompute = "cheap", precision }: BlockOptions): Program {
  const count = flatten(differentiated as Tree).tensors.length;
  let program!: Program;
  tf.tidy(() => isolated(() => {
    const all = distinct([...flatten(differentiated as Tree).tensors, ...flatten(others as Tree).tensors]), argumentIds = idsOf(all);
    const d = all.slice(0, count), o = unflatten(others as Tree, all.slice(count)) as O;
    let boundary = 0, yId = -1, dy!: Handle;
    const { result: { gradientIds, connected }, ops, constants } = record((mark) => {
      // d(Σ y·dy)/dy = dy: the shape of y, and so of the argument dy, is known only when f has run.
      const gradients = gradientsWhere(() => {
        const y = f(unflatten(differentiated as Tree, d) as D, o), ones = tf.ones(y.shape);
        yId = idsOf([y])[0];
        dy = handleOf(idsOf([ones])[0], ones);
        boundary = mark();
        return tf.sum(tf.mul(y, ones));
      }, d);
      return { gradientIds: idsOf(gradients.filter((g) => g !== undefined)), connected: d.flatMap((_, i) => (gradients[i] ? [i] : [])) };
    });
    const forwardOps = ops.slice(0, boundary), gradientOps = needed(ops.slice(boundary), gradientIds);
    const { residuals, again } = partition(forwardOps, [...gradientOps.flatMap((op) => op.inputs), ...gradientIds], recompute === "all");
    const backwardOps = [...again, ...gradientOps], made = new Map(forwardOps.flatMap((op) => op.outputs.map((h) => [h.id, h] as const)));
    const used = new Set([...backwardOps.flatMap((op) => op.inputs), ...gradientIds]), usedArguments = argumentIds.flatMap((id, i) => (used.has(id) ? [i] : []));
    const handles = all.map((t, i) => handleOf(argumentIds[i], t));
    const saved = [...residuals.map((id) => made.get(id)!), ...usedArguments.map((i) => handles[i])], compiled: Graph[] = [];
    const add = (ops: readonly RecordedOp[], inputs: readonly Handle[], outputs: readonly number[]) => { const graph = compile(ops, inputs, outputs, constants, precision); compiled.push(graph); return graph; };
    try {
      program = {
        forward: add(needed(forwardOps, [yId]), handles, [yId]),
        forwardWithResiduals: add(needed(forwardOps, [yId, ...residuals]), handles, [yId, ...residuals]),
        backward: add(backwardOps, [...saved, dy], gradientIds),
        usedArguments, connected,
      };
    } catch (error) {
      compiled.forEach((graph) => graph.dispose());
      throw error;
    }
  }));
  return program;
}

/** Operations whose results are worth keeping; all others cost less to compute again than to write and read. */
const EXPENSIVE = /MatMul|Einsum|Conv/;

/**
 * What the backward pass takes from the forward pass: `residuals`, kept results of matrix products, and `again`, the cheap
 * operations that make everything else that is `wanted` from those and the arguments once more.
 */
function partition(forward: readonly RecordedOp[], wanted: Iterable<number>, keepNothing: boolean): { residuals: number[]; again: RecordedOp[] } {
  const want = new Set(wanted), residuals: number[] = [], again: RecordedOp[] = [];
  for (const op of [...forward].reverse()) {
    const results = op.outputs.filter((o) => want.has(o.id));
    if (!results.length) continue;
    if (!keepNothing && EXPENSIVE.test(op.name)) residuals.push(...results.map((o) => o.id));
    else { again.push(op); op.inputs.forEach((id) => want.add(id)); }
  }
  return { residuals, again: again.reverse() };
}
