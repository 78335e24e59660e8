/**
 * `jit(f)`: f compiled by XLA. The first call with a signature (structure, shapes and types of the arguments) runs f
 * once and records it; later calls run the compiled program. f must be pure: tensors in, tensors out.
 */
import { nativeBackend, tf } from "../backend";
import { compile, handleOf, type Graph } from "./graph";
import { distinct, idsOf, isolated, needed, record, recording } from "./record";
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

/** True where a gradient is being recorded: a compiled program would be a gap in the tape. Inside an operation with a gradient of its own nothing is recorded. */
const taping = (): boolean => { const { gradientDepth, kernelDepth } = tf.engine().state; return gradientDepth > 0 && kernelDepth === 0; };

export function jit<A extends readonly Tree[], R extends Tree>(f: (...args: A) => R): Jitted<A, R> {
  const cache = new Map<string, { graph: Graph; result: R }>();
  const call = (...args: A): R => {
    if (!compiles() || recording() || taping()) return f(...args);
    const { tensors, signature } = flatten(args), ids = idsOf(tensors);
    // The first call, too, answers with the compiled program: it gives the same bits as every later one.
    if (!cache.has(signature)) tf.tidy(() => isolated(() => {
      const own = distinct(tensors), ownIds = idsOf(own);
      const { result: { result, outputIds }, ops, constants } = record(() => {
        const result = f(...(unflatten(args, own) as A));
        return { result, outputIds: idsOf(flatten(result).tensors) };
      });
      const graph = compile(needed(ops, outputIds), own.map((t, i) => handleOf(ownIds[i], t)), outputIds, constants);
      cache.set(signature, { graph, result });
    }));
    const { graph, result } = cache.get(signature)!;
    return unflatten(result, graph.call(ids));
  };
  return Object.defineProperties(Object.assign(call, { dispose: () => { cache.forEach(({ graph }) => graph.dispose()); cache.clear(); } }), {
    programs: { get: () => cache.size },
  }) as Jitted<A, R>;
}
