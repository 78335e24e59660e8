/**
 * Methods that no other library keeps on disk: tunelab_adapter.json + tunelab_adapter.safetensors. BitFit and full fine-tuning keep
 * the trained tensors under the base's names; sparse differences (FISH mask, projected diff pruning) indices (I32) and values, and a hash of
 * the base's values that they change, because a base of the same shapes with other weights would give nonsense without an error;
 * diff pruning differences and gates; P-tuning with tokens elsewhere than in front its tokens and their places.
 */
import * as path from "node:path";
import { dispose, tf, toArrays, type Params } from "../../tensor";
import { bitfit } from "../bitfit";
import { diffPruning } from "../diff-pruning";
import { full } from "../full";
import type { Adapter, Method } from "../method";
import { pTuning, type Place } from "../p-tuning";
import { changedHash, sparse, sparseDifference, valuesName } from "../sparse";
import { exactly, OWN_CONFIG, writeFolder, type AdapterFolder, type Base, type Layout } from "./layout";
import { shown } from "../../shown";

const WEIGHTS = "tunelab_adapter.safetensors", INDICES = ".indices";

/** Methods that their settings describe, with what they train under its own names. */
const PLAIN: Record<string, (settings: never) => Method> = { full, bitfit, "diff-pruning": diffPruning };
const SPARSE = ["fish", "sparse-diff", "sparse"];

export const own: Layout = {
  writes: ({ method: { name } }) => Object.hasOwn(PLAIN, name) || SPARSE.includes(name) || name === "p-tuning",
  write(folder, adapter, base) {
    const { method, trained } = adapter, isSparse = SPARSE.includes(method.name);
    const config = { method: method.name, settings: method.settings, base: path.basename(path.resolve(base.path)), ...(isSparse ? { changes: changedHash(base.params, sparseDifference(adapter, base.params)) } : {}) };
    tf.tidy(() => writeFolder(folder, [WEIGHTS, isSparse ? entries(adapter, base.params) : method.encode?.(trained, base.params) ?? trained], [OWN_CONFIG, config]));
  },

  reads: (_config, file) => path.basename(file) === OWN_CONFIG,
  read(source, base) {
    const { method: name, settings } = source.config;
    if (typeof settings !== "object" || settings === null || Array.isArray(settings)) return source.fail(`"settings" is ${shown(settings)}; an object is needed. Copy the adapter again.`);
    if (SPARSE.includes(name as string)) return readSparse(source, base, name as string);
    if (name === "p-tuning") {
      const method = source.made(() => pTuning({ places: (settings as { places: Place[] }).places, encoder: "none" }));
      return { method, trained: source.tensors(WEIGHTS, base, exactly({ prompt_embeddings: { name: "prompt_embeddings", shape: [method.virtual!.count, base.config.hiddenSize] } })) };
    }
    if (typeof name !== "string" || !Object.hasOwn(PLAIN, name)) return source.fail(`method ${shown(name)} is unknown; known are ${[...Object.keys(PLAIN), ...SPARSE, "p-tuning"].join(", ")}.`);
    // what the method would train on this base is what the file must hold
    const { method, start } = source.made(() => { const method = PLAIN[name](settings as never); return { method, start: method.init(base.params, base.config, 0) }; });
    try { return { method, trained: source.tensors(WEIGHTS, base, exactly(Object.fromEntries(Object.entries(start).map(([key, { shape }]) => [key, { name: key, shape }])))) }; }
    finally { dispose(start); }
  },
};

const entries = (adapter: Adapter, base: Params): Params => Object.fromEntries(Object.entries(sparseDifference(adapter, base)).filter(([, { indices }]) => indices.length).flatMap(([name, { indices, values }]) =>
  [[name + INDICES, tf.tensor1d(indices, "int32")], [valuesName(name), tf.tensor1d(values!)]]));

function readSparse(source: AdapterFolder, base: Base, name: string): Adapter {
  const tensors = source.tensors(WEIGHTS, base, (found, problems) => {
    for (const [key, { shape, dtype }] of found) {
      const parameter = key.replace(/\.(indices|values)$/, ""), w = Object.hasOwn(base.params, parameter) ? base.params[parameter] : undefined, other = key.endsWith(INDICES) ? valuesName(parameter) : parameter + INDICES;
      if (!w || parameter === key) problems.push(`${key} belongs to no parameter of the base model`);
      else if (found.get(other)?.shape.join() !== shape.join() || shape.length !== 1) problems.push(`${key} [${shape}] has no counterpart of its length`);
      else if ((dtype === "I32") !== key.endsWith(INDICES)) problems.push(`${key} is ${dtype}`);
    }
    return Object.fromEntries([...found.keys()].map((key) => [key, key]));
  });
  try {
    const arrays = toArrays(tensors), names = Object.keys(arrays).filter((key) => key.endsWith(INDICES)).map((key) => key.slice(0, -INDICES.length));
    const difference = Object.fromEntries(names.map((n) => [n, { indices: Int32Array.from(arrays[n + INDICES].data), values: arrays[valuesName(n)].data }]));
    const method = source.made(() => sparse(base.params, difference, { name })), { changes } = source.config; // files of before have no hash
    if (changes !== undefined && changes !== changedHash(base.params, difference)) {
      dispose(method.constants!);
      return source.fail(`the values that it changes are others in this base model (${base.path}) than in the one it was made for (${source.config.base}); load that one, as it was before anything was merged into it.`);
    }
    return { method, trained: method.init(base.params, base.config, 0) };
  } finally { dispose(tensors); }
}
