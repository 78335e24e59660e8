/**
 * Sparse differences: a few entries of the weights are changed, and only these are stored, trained and saved.
 *   w = w₀ + Σ_j v_j e(i_j),  i_j fixed, v_j trained
 * What the FISH mask and diff pruning end in. All layers run one program, so the entries of a kind of tensor are padded to the
 * same number in all layers; padding points behind the tensor's end, where its value is cut off and its gradient is 0.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { addRows, hash, tf, type Params } from "../tensor";
import type { Adapter, Method } from "./method";

/** Changed entries of one tensor: flat indices, ascending, and their differences (default 0). */
export interface Entries { indices: Int32Array; values?: Float32Array }
/** By parameter name. */
export type SparseDifference = Readonly<Record<string, Entries>>;

export const valuesName = (name: string): string => `${name}.values`;
const indicesName = (name: string): string => `${name}.indices`;
const kind = (name: string): string => name.replace(/^model\.layers\.\d+\./, "model.layers.*.");

/** Number of entries of a difference. */
export const entryCount = (difference: SparseDifference): number => Object.values(difference).reduce((sum, { indices }) => sum + indices.length, 0);

/** The method that trains the given entries of the base's tensors. Free its `constants` when done. */
export function sparse(base: Params, difference: SparseDifference, { name: methodName = "sparse", learningRate = 5e-4 }: { name?: string; learningRate?: number } = {}): Method {
  const problems = Object.entries(difference).flatMap(([name, { indices, values }]) => {
    const w = base[name];
    if (!w) return [`${name} is no parameter of it`];
    if (values && values.length !== indices.length) return [`${name} has ${indices.length} indices and ${values.length} values`];
    const wrong = indices.findIndex((i, j) => i < 0 || i >= w.size || (j > 0 && i <= indices[j - 1]));
    return wrong < 0 ? [] : [`${name}: index ${indices[wrong]} is not one of 0 to ${w.size - 1}, ascending`];
  });
  if (problems.length) throw new TunelabError(`Sparse difference: it does not fit this model:\n  ${problems.slice(0, 10).join("\n  ")}\nUse the base model that it was made for.`);
  const total = entryCount(difference);
  if (!total) throw new TunelabError("Sparse difference: it holds no entry; choose a larger density.");

  // every layer has the kinds of tensors that any layer has, with as many entries as the fullest of them
  const most = new Map<string, number>();
  for (const [name, { indices }] of Object.entries(difference)) if (indices.length) most.set(kind(name), Math.max(most.get(kind(name)) ?? 0, indices.length));
  const padded = Object.keys(base).filter((name) => most.has(kind(name)));
  const constants: Params = Object.fromEntries(padded.map((name) => {
    const indices = new Int32Array(most.get(kind(name))!).fill(base[name].size);
    indices.set(difference[name]?.indices ?? []);
    return [indicesName(name), tf.tensor1d(indices, "int32")];
  }));
  const delta = (values: Tensor, indices: Tensor, w: Tensor) => tf.reshape(tf.slice(addRows(values, indices, w.size + 1), [0], [w.size]), w.shape);
  const withValues = (params: Params, indices: Params, trained: Params) => Object.fromEntries(Object.entries(params).map(([name, w]) => {
    const values = trained[valuesName(name)];
    return [name, values ? tf.add(w, delta(values, indices[indicesName(name)], w)) : w];
  }));
  return {
    name: methodName,
    settings: { entries: total, hash: Object.entries(difference).reduce((h, [name, { indices, values }]) => hash(`${name}${indices}${values ?? ""}`, h), 0) },
    learningRate,
    constants,
    sizes: Object.fromEntries(padded.map((name) => [valuesName(name), difference[name]?.indices.length ?? 0])),
    init: () => Object.fromEntries(padded.map((name) => {
      const values = new Float32Array(most.get(kind(name))!);
      values.set(difference[name]?.values ?? []);
      return [valuesName(name), tf.tensor1d(values)];
    })),
    weights: (base, trained) => withValues(base, base, trained),
    merge: (base, trained) => tf.tidy(() => Object.fromEntries(Object.entries(withValues(base, constants, trained)).map(([name, w]) => [name, trained[valuesName(name)] ? w : w.clone()]))),
  };
}

/** The entries of a sparse adapter with what it has learned, without padding. */
export function sparseDifference({ method, trained }: Adapter, base: Params): SparseDifference {
  const out: Record<string, Entries> = {};
  for (const [key, t] of Object.entries(method.constants ?? {})) {
    const name = key.replace(/\.indices$/, ""), indices = t.dataSync() as Int32Array, values = trained[valuesName(name)].dataSync() as Float32Array;
    const n = indices.indexOf(base[name].size), end = n < 0 ? indices.length : n;
    out[name] = { indices: indices.slice(0, end), values: values.slice(0, end) };
  }
  return out;
}

/** Tells whether a difference belongs to these weights: a hash of the values that it changes. */
export const changedHash = (base: Params, difference: SparseDifference): number => Object.entries(difference).filter(([, { indices }]) => indices.length).sort(([a], [b]) => (a < b ? -1 : 1)).reduce((h, [name, { indices }]) => {
  const values = base[name].dataSync();
  return hash(Array.from(indices, (i) => values[i]).join(), h);
}, 0);

/** Flat indices of the `keep` largest scores over all tensors together; of equal ones those that come first. */
export function largest(scores: Readonly<Record<string, Float32Array>>, keep: number): Record<string, Int32Array> {
  const all = Object.values(scores), every = new Float32Array(all.reduce((sum, s) => sum + s.length, 0));
  let at = 0;
  for (const s of all) { every.set(s, at); at += s.length; }
  every.sort();
  const threshold = every[every.length - keep];
  let ties = keep - all.reduce((sum, s) => sum + s.reduce((n, v) => n + (v > threshold ? 1 : 0), 0), 0);
  return Object.fromEntries(Object.entries(scores).map(([name, s]) => {
    const kept: number[] = [];
    s.forEach((v, i) => { if (v > threshold || (v === threshold && ties-- > 0)) kept.push(i); });
    return [name, Int32Array.from(kept)];
  }));
}

/** How many entries a density keeps of `total`; refuses one that keeps none or more than there are. */
export function keptOf(total: number, density: number, what: string): number {
  if (!(Number.isFinite(density) && density > 0 && density <= 1)) throw new TunelabError(`${what}: density is ${shown(density)}; it must be above 0 and at most 1 (0.005 keeps 0.5 %).`);
  const keep = Math.round(density * total);
  if (keep < 1) throw new TunelabError(`${what}: density ${density} keeps none of ${total} entries; choose at least ${(1 / total).toPrecision(2)}.`);
  return keep;
}
