/**
 * `jit(f)`: f compiled by XLA. The first call with a signature (structure, shapes and types of the arguments) runs f
 * once and records it; later calls run the compiled program. f must be pure: tensors in, tensors out.
 */
import { nativeBackend, tf } from "../backend";
import { compile, handleOf, type Graph } from "./graph";
import { distinct, idsOf, needed, record, recording } from "./record";
import { flatten, unflatten, type Tree } from "./tree";

export interface Jitted<A extends readonly Tree[], R extends Tree> {
  (...args: A): R;
  /** Number of programs compiled so far: one a signature. */
  readonly programs: number;
  /** Frees the compiled programs. */
  dispose(): void;
}

/** True where functions are compiled: native TensorFlow with this library's binding. Elsewhere jit(f) just calls f. */
export const compiles = (): boolean => typeof nativeBackend()?.binding.createFunction === "function" && process.env.TUNELAB_JIT !== "0";

export function jit<A extends readonly Tree[], R extends Tree>(f: (...args: A) => R): Jitted<A, R> {
  const cache = new Map<string, { graph: Graph; result: R }>();
  const call = (...args: A): R => {
    if (!compiles() || recording() || tf.engine().state.gradientDepth > 0) return f(...args);
    const { tensors, signature } = flatten(args), ids = idsOf(tensors);
    // The first call, too, answers with the compiled program: it gives the same bits as every later one.
    if (!cache.has(signature)) tf.tidy(() => {
      const traced = distinct(args as readonly Tree[]) as unknown as A, tensors = flatten(traced).tensors, ids = idsOf(tensors);
      const { result: { result, outputIds }, ops, constants } = record(() => {
        const result = f(...traced);
        return { result, outputIds: idsOf(flatten(result).tensors) };
      });
      const graph = compile(needed(ops, outputIds), tensors.map((t, i) => handleOf(ids[i], t)), outputIds, constants);
      cache.set(signature, { graph, result });
    });
    const { graph, result } = cache.get(signature)!;
    return unflatten(result, graph.call(ids));
  };
  return Object.defineProperties(Object.assign(call, { dispose: () => { cache.forEach(({ graph }) => graph.dispose()); cache.clear(); } }), {
    programs: { get: () => cache.size },
  }) as Jitted<A, R>;
}
