/**
 * Recording: run a function once while noting every TensorFlow operation that the native binding executes.
 * Intermediates are freed as in any eager run; only the notes remain, so recording needs no extra memory.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../../errors";
import { nativeBackend, tf, type Binding, type NativeBackend, type OpAttribute, type TensorHandle } from "../backend";

export interface RecordedOp { name: string; attributes: readonly OpAttribute[]; inputs: readonly number[]; outputs: readonly TensorHandle[] }
/** `fill`: all values are the same, and one is enough. */
export interface Constant { shape: number[]; dtype: number; values: ArrayBufferView; fill?: boolean }
export interface Recording {
  ops: RecordedOp[];
  /** Values that the function made itself, by tensor id. */
  constants: Map<number, Constant>;
}

/** A larger constant is a weight or a data set that should have been an argument: it would be copied into the graph. */
const LARGEST_CONSTANT = 1 << 20;

export const CAPTURED = "jit: the function uses a tensor from outside that is not among its arguments; pass it as an argument.";

let active = false;
/** True while a recording runs: compiled functions called inside it are recorded as part of it. */
export const recording = (): boolean => active;

/** Ids by which the binding knows tensors; uploads values that were still waiting in JavaScript. */
export const idsOf = (tensors: readonly Tensor[]): number[] => nativeBackend()!.getInputTensorIds(tensors);

/**
 * The tensors, each with an id of its own. Two arguments may share one (a clone is its original, a tensor may be given twice): a
 * recording could not tell them apart, and would take one for the other in later calls, where they differ.
 */
export function distinct(tensors: readonly Tensor[]): Tensor[] {
  const native = nativeBackend()!, seen = new Set<number>();
  return tensors.map((t) => {
    const [id] = idsOf([t]);
    if (!seen.has(id)) { seen.add(id); return t; }
    return native.executeSingleOutput("Identity", [{ name: "T", type: native.binding.TF_ATTR_TYPE, value: native.getDTypeInteger(t.dtype) }], [t]);
  });
}

/** Runs `f` and returns its result with the notes. `f` may call `mark()` to learn how many operations came so far. */
export function record<T>(f: (mark: () => number) => T): Recording & { result: T } {
  const backend = nativeBackend()!, binding = backend.binding;
  const ops: RecordedOp[] = [], constants = new Map<number, Constant>();
  const overrides: Partial<Binding> = {
    executeOp(name, attributes, inputs, count) {
      const outputs = binding.executeOp(name, attributes, inputs, count);
      ops.push({ name, attributes, inputs: [...inputs], outputs });
      return outputs;
    },
    createTensor(shape, dtype, values) {
      const numbers = values as Float32Array, size = numbers.byteLength ?? 0, fill = numbers.length > 16 && numbers.every((v) => v === numbers[0]);
      if (size > LARGEST_CONSTANT && !fill)
        throw new TunelabError(`jit: the function makes or captures a constant of ${size} bytes, shape [${shape}]; pass it as an argument instead.`);
      const id = binding.createTensor(shape, dtype, values);
      constants.set(id, { shape: [...shape], dtype, values: fill ? numbers.slice(0, 1) : numbers.slice(), fill });
      return id;
    },
    tensorDataSync() {
      throw new TunelabError("jit: JavaScript reads a tensor's value while the function is traced, so the trace would freeze it; compute with tensors only, or read after the call.");
    },
  };
  const { write, getInputTensorIds, readSync } = backend, made = new WeakSet<object>();
  /** A tensor from outside whose values were never used before waits in JavaScript, and would pass for a constant of f. */
  const refuseCaptured = (dataId: object): void => {
    if (backend.tensorMap.get(dataId)?.values != null && !made.has(dataId)) throw new TunelabError(CAPTURED);
  };
  const hooks: Partial<NativeBackend> = {
    binding: Object.create(binding, Object.getOwnPropertyDescriptors(overrides)),
    write(...args) { const dataId = write.apply(backend, args); made.add(dataId); return dataId; },
    getInputTensorIds(tensors) { tensors.forEach((t) => t.dataId && refuseCaptured(t.dataId)); return getInputTensorIds.call(backend, tensors); },
    readSync(dataId) { refuseCaptured(dataId); return readSync.call(backend, dataId); },
  };
  Object.assign(backend, hooks);
  active = true;
  try {
    return { result: f(() => ops.length), ops, constants };
  } finally {
    Object.assign(backend, { binding, write, getInputTensorIds, readSync });
    active = false;
  }
}

/** The operations that `outputs` depend on, in order, among those given. */
export function needed(ops: readonly RecordedOp[], outputs: Iterable<number>): RecordedOp[] {
  const want = new Set(outputs), kept: RecordedOp[] = [];
  for (let i = ops.length - 1; i >= 0; i--)
    if (ops[i].outputs.some((o) => want.has(o.id))) { kept.push(ops[i]); ops[i].inputs.forEach((id) => want.add(id)); }
  return kept.reverse();
}

/** Runs f with the gradient tape of the caller set aside. */
export function isolated<T>(f: () => T): T {
  const { state } = tf.engine(), { gradientDepth, kernelDepth, activeTape } = state;
  state.gradientDepth = state.kernelDepth = 0;
  try { return f(); } finally { Object.assign(state, { gradientDepth, kernelDepth, activeTape }); }
}

/** Gradients of y = f() by each of xs, times dy (default 1); undefined where y does not depend on x. */
export function gradientsWhere(f: () => Tensor, xs: readonly Tensor[], dy?: Tensor): (Tensor | undefined)[] {
  const engine = tf.engine();
  try { return engine.gradients(f, xs as Tensor[], dy, true).grads; } catch (error) {
    // tfjs closes its tape after an error, but does not free what the tape keeps.
    if (engine.state.gradientDepth === 0) engine.state.activeTape?.forEach(({ saved }) => saved?.forEach((t) => t.dispose()));
    throw error;
  }
}
