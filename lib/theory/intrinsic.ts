/**
 * Intrinsic dimension by random subspaces (Li, Farkhoor, Liu & Yosinski 2018; Aghajanyan, Zettlemoyer & Gupta 2020):
 *   θ = θ₀ + P·φ,  P [D, d] random and fixed, E‖Pφ‖² = ‖φ‖², and only φ ∈ ℝᵈ is trained.
 * d90 is the smallest d that reaches 90 % of what training everything reaches. P is
 *   dense     normal entries, columns of length 1
 *   sparse    each row of P has few entries ±c: on average √D a column (Li, Hastie & Church 2006)
 *   fastfood  blocks H G Π H B, H Walsh-Hadamard, B signs, Π a permutation, G normal (Le, Sarlós & Smola 2013): memory O(D)
 * All are compositions of linear operations, so that their gradients are the true adjoints.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { t } from "../course";
import { TunelabError } from "../errors";
import type { Method } from "../methods/method";
import { addRows, count, mapParams, Random, takeRows, tf, type Params } from "../tensor";
import { hadamard } from "./hadamard";
import { untilStopped, work, type Saving, type Status, type WorkOptions } from "./work";

export const PROJECTIONS = ["dense", "sparse", "fastfood"] as const;
export type ProjectionKind = (typeof PROJECTIONS)[number];
export interface Projection {
  kind: ProjectionKind;
  D: number;
  d: number;
  /** P·φ: [d] → [D], differentiable. */
  apply(phi: Tensor): Tensor;
  dispose(): void;
}

/** A dense matrix larger than this (1 GB) belongs to fastfood. */
const LARGEST_DENSE = 2 ** 28;

/** A random projection, a pure function of its arguments. */
export function projection(kind: ProjectionKind, D: number, d: number, seed = 0): Projection {
  if (!PROJECTIONS.includes(kind)) throw new TunelabError(`projection: there is no kind "${kind}"; choose from ${PROJECTIONS.join(", ")}.`);
  if (!(Number.isInteger(d) && d >= 1 && Number.isInteger(D) && d <= D)) throw new TunelabError(`projection: ${d} dimensions in a space of ${D}; d must be a whole number from 1 to D.`);
  if (kind === "dense" && D * d > LARGEST_DENSE) throw new TunelabError(`projection: a dense matrix [${D}, ${d}] would take ${((4 * D * d) / 1e9).toFixed(1)} GB; use "fastfood".`);
  const made = { dense, sparse, fastfood }[kind](D, d, new Random(seed, `projection ${kind} ${D} ${d}`));
  return { kind, D, d, apply: made.apply, dispose: () => made.tensors.forEach((t) => t.dispose()) };
}
type Made = { apply(phi: Tensor): Tensor; tensors: Tensor[] };
/** Tensors that outlive the scope in which the first forward pass makes them. */
const kept = (t: Tensor): Tensor => tf.keep(t);

function dense(D: number, d: number, random: Random): Made {
  const P = new Float32Array(D * d), squares = new Float64Array(d);
  for (let k = 0; k < P.length; k++) { P[k] = random.normal(); squares[k % d] += P[k] ** 2; }
  for (let k = 0; k < P.length; k++) P[k] /= Math.sqrt(squares[k % d]);
  const matrix = kept(tf.tensor2d(P, [D, d]));
  return { tensors: [matrix], apply: (phi) => tf.reshape(tf.matMul(matrix as never, tf.reshape(phi, [d, 1])), [D]) };
}

function sparse(D: number, d: number, random: Random): Made {
  // Each column takes about √D rows; at least enough that every row of θ can move.
  const each = Math.max(Math.ceil(Math.sqrt(D)), Math.ceil(D / d)), n = each * d, rows = new Int32Array(n), columns = new Int32Array(n), values = new Float32Array(n);
  let order: number[] = [];
  for (let k = 0; k < n; k++) {
    if (!order.length) order = random.shuffle(Array.from({ length: D }, (_, i) => i)); // rows are dealt out evenly
    rows[k] = order.pop()!;
    columns[k] = Math.floor(k / each);
    values[k] = (random.uniform() < 0.5 ? -1 : 1) / Math.sqrt(each);
  }
  const r = kept(tf.tensor1d(rows, "int32")), c = kept(tf.tensor1d(columns, "int32")), v = kept(tf.tensor2d(values, [n, 1]));
  return { tensors: [r, c, v], apply: (phi) => tf.reshape(addRows(tf.mul(takeRows(tf.reshape(phi, [d, 1]), c), v), r, D), [D]) };
}

function fastfood(D: number, d: number, random: Random): Made {
  const width = 2 ** Math.ceil(Math.log2(d)), blocks = Math.ceil(D / width), n = blocks * width;
  const signs = Float32Array.from({ length: n }, () => (random.uniform() < 0.5 ? -1 : 1)), normal = new Float32Array(n), order = new Int32Array(n);
  for (let b = 0; b < blocks; b++) {
    order.set(random.shuffle(Array.from({ length: width }, (_, i) => b * width + i)), b * width);
    let square = 0;
    for (let i = 0; i < width; i++) { normal[b * width + i] = random.normal(); square += normal[b * width + i] ** 2; }
    // ‖H G Π H B φ‖² = width² ‖φ‖² · (mean of G²): each block then gives its share of ‖φ‖²
    for (let i = 0; i < width; i++) normal[b * width + i] *= Math.sqrt(width / square) / (width * Math.sqrt(D / width));
  }
  const B = kept(tf.tensor2d(signs, [blocks, width])), G = kept(tf.tensor2d(normal, [blocks, width])), Pi = kept(tf.tensor1d(order, "int32"));
  return {
    tensors: [B, G, Pi],
    apply(phi) {
      const x = width === d ? phi : tf.concat([phi, tf.zeros([width - d])]);
      const mixed = hadamard(tf.mul(B, tf.reshape(x, [1, width])));
      const moved = tf.reshape(takeRows(tf.reshape(mixed, [n, 1]), Pi), [blocks, width]);
      return tf.slice(tf.reshape(hadamard(tf.mul(moved, G)), [n]) as never, [0], [D]);
    },
  };
}

/** base + P·φ, cut into the tensors of `base`. */
export function inSubspace(base: Params, P: Projection, phi: Tensor): Params {
  const delta = P.apply(phi);
  let at = 0;
  return mapParams(base, (t) => { const piece = tf.reshape(tf.slice(delta as never, [at], [t.size]), t.shape); at += t.size; return tf.add(t, piece); });
}

export interface IntrinsicOptions {
  /** d, the number of trained scalars. */
  dimension: number;
  projection?: ProjectionKind;
  /** Which weights move; default: all. */
  only?: (name: string) => boolean;
  /** Of the projection. */
  seed?: number;
}
const PHI = "intrinsic.phi";
/** Training in a random subspace, as a method for train(). The projection is made from its seed, and need not be saved. */
export function intrinsic({ dimension, projection: kind = "fastfood", only = () => true, seed = 0 }: IntrinsicOptions): Method {
  let P: Projection | undefined;
  const chosen = (base: Params): Params => Object.fromEntries(Object.entries(base).filter(([name]) => only(name)));
  const encode = (trained: Params, base: Params): Params => {
    const moved = chosen(base), D = count(moved);
    if (P?.D !== D) { P?.dispose(); P = projection(kind, D, dimension, seed); }
    return inSubspace(moved, P, trained[PHI]);
  };
  return {
    name: "intrinsic", settings: { dimension, projection: kind, seed },
    init(base) {
      const D = count(chosen(base));
      if (!(Number.isInteger(dimension) && dimension >= 1 && dimension <= D)) throw new TunelabError(`intrinsic: dimension is ${dimension}; it must be a whole number from 1 to the ${D} weights that move.`);
      return { [PHI]: tf.zeros([dimension]) };
    },
    encode,
    weights: (base, trained) => ({ ...base, ...trained }),
    merge: (base, trained) => tf.tidy(() => { const moved = encode(trained, base); return mapParams(base, (t, name) => moved[name] ?? t.clone()); }),
  };
}

export interface DimensionPoint { d: number; value: number }
export interface DimensionSearch extends WorkOptions, Saving<DimensionPoint[]> {
  /** Performance (higher is better) of training in d random dimensions. */
  measure(d: number): Promise<number>;
  /** Performance of training everything, and of training nothing: the threshold lies between. */
  full: number;
  none?: number;
  /** Which part of the way from none to full counts as enough; 0.9 gives d90. */
  fraction?: number;
  from?: number;
  to: number;
  /** Bracket to this ratio of upper to lower dimension. */
  resolution?: number;
  /** Points measured before: they are not measured again. */
  points?: readonly DimensionPoint[];
}
export interface DimensionResult {
  /** The smallest measured d that is enough; undefined where none is. */
  d?: number;
  /** The largest smaller d that was measured and is not: the answer lies above it. */
  above?: number;
  threshold: number;
  points: DimensionPoint[];
  status: Status;
}
/**
 * Searches the smallest sufficient d: doubling from `from` until it is enough, then halving the bracket on a log scale.
 * Performance is taken to rise with d; where it is noisy, average seeds in `measure`.
 */
export async function searchDimension({ measure, full, none = 0, fraction = 0.9, from = 1, to, resolution = 1.1, points = [], display, save }: DimensionSearch): Promise<DimensionResult> {
  if (!(Number.isInteger(from) && from >= 1 && Number.isInteger(to) && to >= from)) throw new TunelabError(`searchDimension: from ${from} to ${to} is no range of whole numbers of at least 1.`);
  if (!(full > none)) throw new TunelabError(`searchDimension: training everything reaches ${full}, no more than the ${none} of training nothing; there is nothing to compare with.`);
  const threshold = none + fraction * (full - none), known = new Map(points.map((p) => [p.d, p.value])), w = work(Math.ceil(Math.log2(to / from)) + 1 + Math.ceil(Math.log2(Math.log(2) / Math.log(resolution))), t({ zh: "内在维数", en: "intrinsic dimension" }), { display });
  const listed = () => [...known].map(([d, value]) => ({ d, value })).sort((a, b) => a.d - b.d);
  let measured = 0, low: number | undefined, high: number | undefined;
  const enough = async (d: number): Promise<boolean> => {
    if (!known.has(d)) {
      await w.tick();
      const value = await measure(d);
      await w.tick(); // a measurement that Stop cut short is none
      known.set(d, value);
      save?.(listed());
    }
    w.at(++measured, `d = ${d}: ${known.get(d)!.toPrecision(3)}`);
    return known.get(d)! >= threshold;
  };
  const status = await untilStopped(async () => {
    for (let d = from; ; d = Math.min(2 * d, to)) {
      if (await enough(d)) { high = d; break; }
      low = d;
      if (d === to) return;
    }
    while (low !== undefined && high - low > 1 && high / low > resolution) {
      const middle = Math.min(Math.max(Math.round(Math.sqrt(low * high)), low + 1), high - 1);
      if (await enough(middle)) high = middle; else low = middle;
    }
  });
  w.done();
  return { d: high, above: low, threshold, status, points: listed() };
}
