/**
 * The one place that chooses where tensors are computed: native GPU → native CPU → WebAssembly → plain JavaScript.
 * Everything else takes `tf` from here and never imports a backend package itself.
 */
import type * as TensorFlow from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { useCompileCache } from "./jit/cache";

export type BackendName = "native-gpu" | "native-cpu" | "wasm" | "cpu";
export interface BackendReport {
  name: BackendName;
  /** Why this one and not a faster one, in one line. */
  why: string;
}

const asked = process.env.TUNELAB_BACKEND;
if (asked && !["native", "wasm", "cpu"].includes(asked))
  throw new TunelabError(`TUNELAB_BACKEND=${asked} is unknown; set it to native, wasm or cpu, or leave it out.`);

// Before the native library is loaded: it reads these once.
process.env.TF_CPP_MIN_LOG_LEVEL ??= "3";
process.env.TF_ENABLE_ONEDNN_OPTS ??= "0";

// The package still calls these, which Node 23 removed.
const util = require("node:util");
util.isNullOrUndefined ??= (value: unknown) => value == null;
util.isArray ??= Array.isArray;

function loadNative(): { tf?: typeof TensorFlow; why: string } {
  if (asked && asked !== "native") return { why: `TUNELAB_BACKEND=${asked} asks for it` };
  try {
    useCompileCache(require.resolve("@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node"));
  } catch { /* without a binding there is nothing to cache for; loading says what is wrong */ }
  try {
    return { tf: require("@tensorflow/tfjs-node-gpu"), why: "native TensorFlow is linked" };
  } catch (error) {
    const reason = String((error as Error).message).split("\n")[0];
    if (asked === "native")
      throw new TunelabError(`TUNELAB_BACKEND=native, but native TensorFlow does not load (${reason}). Run \`npm run setup\`.`);
    return { why: `native TensorFlow does not load (${reason}); \`npm run setup\` builds it, and is 5-10x faster` };
  }
}

const native = loadNative();
/** TensorFlow.js on the chosen backend. */
export const tf: typeof TensorFlow = native.tf ?? require("@tensorflow/tfjs");

let report: Promise<BackendReport> | undefined;
/** Starts the backend (once) and says which one it is, and why. Await it before the first tensor. */
export function backend(): Promise<BackendReport> {
  return (report ??= start());
}

async function start(): Promise<BackendReport> {
  if (native.tf) {
    await tf.ready();
    const gpu = (tf.backend() as unknown as NativeBackend).isUsingGpuDevice;
    return gpu
      ? { name: "native-gpu", why: "an NVIDIA GPU and its TensorFlow libraries were found" }
      : { name: "native-cpu", why: `${native.why}; it sees no NVIDIA GPU` };
  }
  if (asked !== "cpu") {
    try {
      const wasm = require("@tensorflow/tfjs-backend-wasm");
      const folder = require("node:path").dirname(require.resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm"));
      wasm.setWasmPaths(`${folder}/`);
      if (await tf.setBackend("wasm")) return { name: "wasm", why: native.why };
    } catch (error) {
      native.why += `; WebAssembly does not start (${(error as Error).message})`;
    }
  }
  await tf.setBackend("cpu");
  return { name: "cpu", why: native.why };
}

/** A tensor as the native binding describes it: its id, shape and TensorFlow type number. */
export interface TensorHandle { id: number; shape: number[]; dtype: number }
export interface OpAttribute { name: string; type: number; value: unknown }
/** What this library uses of the native binding. */
export interface Binding {
  executeOp(name: string, attributes: readonly OpAttribute[], inputs: number[], outputs: number): TensorHandle[];
  createTensor(shape: number[], dtype: number, values: ArrayBufferView): number;
  tensorDataSync(id: number): unknown;
  /** Added by native/binding.cc; missing where the package's own binding is used. */
  createFunction?(name: string, graph: Uint8Array, inputs: string[], outputs: string[]): void;
  deleteFunction?(name: string): void;
  createFilled?(shape: number[], fill: (memory: ArrayBuffer) => void): number;
  readonly [constant: `TF_${string}`]: number;
}
/** What this library uses of the native backend beyond the public interface of TensorFlow.js. */
export interface NativeBackend {
  isUsingGpuDevice: boolean;
  binding: Binding;
  getInputTensorIds(tensors: readonly TensorFlow.Tensor[]): number[];
  createOutputTensor(handle: TensorHandle): TensorFlow.Tensor;
  getDTypeInteger(dtype: string): number;
  executeMultipleOutputs(op: string, attributes: readonly OpAttribute[], inputs: readonly TensorFlow.Tensor[], outputs: number): TensorFlow.Tensor[];
  /** Values of new tensors wait in JavaScript until an operation needs them; then `values` becomes null. */
  tensorMap: { get(dataId: object): { values: unknown } };
  write(values: unknown, shape: number[], dtype: string): object;
  readSync(dataId: object): unknown;
  executeSingleOutput(op: string, attributes: readonly OpAttribute[], inputs: readonly TensorFlow.Tensor[]): TensorFlow.Tensor;
}
/** The native backend, or undefined on WebAssembly and plain JavaScript. */
export const nativeBackend = (): NativeBackend | undefined =>
  tf.getBackend() === "tensorflow" ? (tf.backend() as unknown as NativeBackend) : undefined;

/**
 * A float32 tensor whose values `fill` writes. Natively it writes into TensorFlow's own memory, so that a model that is read from a
 * file never exists twice; elsewhere into an array that the tensor takes over. The array must not be kept.
 */
export function filledTensor(shape: number[], fill: (values: Float32Array) => void): TensorFlow.Tensor {
  const backend = nativeBackend();
  if (backend?.binding.createFilled) {
    const id = backend.binding.createFilled(shape, (memory) => fill(new Float32Array(memory)));
    return backend.createOutputTensor({ id, shape, dtype: backend.binding.TF_FLOAT });
  }
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  fill(values);
  const t = tf.tensor(values, shape, "float32");
  backend?.getInputTensorIds([t]); // handed over now, not at the first use: until then both have it
  return t;
}
