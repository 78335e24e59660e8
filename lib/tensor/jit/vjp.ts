/**
 * Compiled blocks with their own gradient: one trace records forward and backward of f, the record is split where the
 * backward begins, and the forward program hands the residuals (what the backward needs) over. A block used for every layer
 * of a network is compiled once. Inside `tf.grad` it behaves like any differentiable operation.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { tf } from "../backend";
import { compile, handleOf, type Graph } from "./graph";
import { compiles } from "./jit";
import { distinct, idsOf, needed, record, recording } from "./record";
import { flatten, type Tree } from "./tree";

interface Program {
  /** y alone, for passes without gradient. */
  forward: Graph;
  /** y and residuals. */
  forwardWithResiduals: Graph;
  /** Residuals, used arguments, dy → gradients of the differentiated arguments. */
  backward: Graph;
  /** Indices of the arguments (differentiated first, then the others) that the backward uses directly. */
  usedArguments: number[];
  /** Indices of the differentiated arguments that y depends on: the others get no gradient. */
  connected: number[];
}

/** f(differentiated, others) → one tensor. Gradients flow to all tensors of `differentiated`, none to `others`. */
export function compiledBlock<D extends Tree, O extends Tree>(f: (differentiated: D, others: O) => Tensor): (differentiated: D, others: O) => Tensor {
  const programs = new Map<string, Program>();

  return (differentiated, others) => {
    // Second derivatives differentiate the plain function; a compiled caller records it as part of itself.
    const depth = tf.engine().state.gradientDepth;
    if (!compiles() || recording() || depth > 1) return f(differentiated, others);
    const d = flatten(differentiated as Tree), o = flatten(others as Tree), signature = `${d.signature};${o.signature}`;
    let program = programs.get(signature);
    if (!program) programs.set(signature, (program = trace(f, differentiated, others)));
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

function trace<D extends Tree, O extends Tree>(f: (d: D, o: O) => Tensor, givenDifferentiated: D, givenOthers: O): Program {
  let program!: Program;
  tf.tidy(() => isolated(() => {
    const [differentiated, others] = distinct([givenDifferentiated, givenOthers] as readonly Tree[]) as unknown as [D, O];
    const d = flatten(differentiated as Tree).tensors, all = [...d, ...flatten(others as Tree).tensors], argumentIds = idsOf(all);
    const dy = tf.ones(f(differentiated, others).shape), dyId = idsOf([dy])[0];
    let boundary = 0, yId = -1, connected: number[] = [];
    const { result: gradientIds, ops, constants } = record((mark) => {
      const { grads } = tf.engine().gradients(() => {
        const y = f(differentiated, others);
        yId = idsOf([y])[0];
        boundary = mark();
        return y;
      }, d, dy, true) as { grads: (Tensor | undefined)[] };
      connected = grads.flatMap((g, i) => (g ? [i] : []));
      return idsOf(connected.map((i) => grads[i]!));
    });
    const forwardOps = ops.slice(0, boundary), backwardOps = needed(ops.slice(boundary), gradientIds);
    const made = new Map(forwardOps.flatMap((op) => op.outputs.map((h) => [h.id, h] as const)));
    const used = new Set([...backwardOps.flatMap((op) => op.inputs), ...gradientIds]);
    const residuals = [...used].filter((id) => made.has(id)), usedArguments = argumentIds.flatMap((id, i) => (used.has(id) ? [i] : []));
    const handles = all.map((t, i) => handleOf(argumentIds[i], t));
    const saved = [...residuals.map((id) => made.get(id)!), ...usedArguments.map((i) => handles[i])], compiled: Graph[] = [];
    const add = (...args: Parameters<typeof compile>) => { const graph = compile(...args); compiled.push(graph); return graph; };
    try {
      program = {
        forward: add(needed(forwardOps, [yId]), handles, [yId], constants),
        forwardWithResiduals: add(needed(forwardOps, [yId, ...residuals]), handles, [yId, ...residuals], constants),
        backward: add(backwardOps, [...saved, handleOf(dyId, dy)], gradientIds, constants),
        usedArguments, connected,
      };
    } catch (error) {
      compiled.forEach((graph) => graph.dispose());
      throw error;
    }
  }));
  return program;
}

/** Runs f with the gradient tape of the caller set aside. */
function isolated<T>(f: () => T): T {
  const { state } = tf.engine(), { gradientDepth, kernelDepth, activeTape } = state;
  state.gradientDepth = state.kernelDepth = 0;
  try { return f(); } finally { Object.assign(state, { gradientDepth, kernelDepth, activeTape }); }
}
