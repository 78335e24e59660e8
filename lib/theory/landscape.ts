/**
 * Looking at a loss along lines, planes and curves through weight space.
 *   Filter normalisation (Li, Xu, Taylor, Studer & Goldstein 2018, section 4): each filter of a random direction gets the length of
 *     the same filter of the weights, so that slices of differently scaled networks can be compared; biases and norms stay put.
 *   Trajectory PCA (ibid., section 7; Antognini & Sohl-Dickstein 2018: of a random walk, too, the first component explains
 *     6/π² = 61 %).
 *   Mode connectivity (Garipov, Izmailov, Podoprikhin, Vetrov & Wilson 2018): a quadratic Bezier curve (1−t)²a + 2t(1−t)m + t²b
 *     whose middle point m is trained to lower the mean loss along it; barrier as in Frankle et al. (2020).
 *   Roughness against scale: what is left of the loss on ±h along random directions after the best parabola.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { EigenvalueDecomposition, Matrix, solve } from "ml-matrix";
import { t } from "../course";
import { TunelabError } from "../errors";
import { adamw, type Optimizer } from "../optimizers";
import { dispose, mapParams, Random, tf, type Params } from "../tensor";
import { toParams, toVector } from "./curvature";
import { interval, type Interval } from "./statistics";
import { add, dot, norm, scaled } from "./vector";
import { untilStopped, work, type Status, type WorkOptions } from "./work";

/** The loss at given parameters. */
export type LossAt = (params: Params) => number | Promise<number>;
/** The axis of a tensor that counts its filters (units of the output); undefined: the tensor has none, and is not moved. */
export type FilterAxis = (name: string, tensor: Tensor) => number | undefined;
/** Hugging Face's matrices are [out, in] (embeddings [vocabulary, hidden], LoRA's A [r, in] and B [out, r]): filters are rows. */
export const rowFilters: FilterAxis = (_name, t) => (t.rank === 2 ? 0 : undefined);
/** TensorFlow.js's kernels end with the output, [in, out] and [height, width, in, out]: filters are along the last axis. */
export const lastAxisFilters: FilterAxis = (_name, t) => (t.rank >= 2 ? t.rank - 1 : undefined);

/** The direction with every filter scaled to the length of the same filter of `at`; tensors without filters become 0. */
export function filterNormalised(direction: Params, at: Params, axis: FilterAxis = rowFilters): Params {
  return mapParams(direction, (d, name) => tf.tidy(() => {
    const w = at[name], filters = axis(name, d);
    if (!w || w.shape.join() !== d.shape.join()) throw new TunelabError(`filterNormalised: ${name} is [${d.shape}] in the direction, ${w ? `[${w.shape}]` : "missing"} in the weights; give a direction of the same tensors.`);
    if (filters === undefined) return tf.zerosLike(d);
    const others = d.shape.map((_, i) => i).filter((i) => i !== filters), length = (x: Tensor) => tf.sqrt(tf.sum(tf.square(x), others, true));
    return tf.mul(d, tf.div(length(w), tf.add(length(d), 1e-12)));
  }));
}
/** Normal numbers, filter-normalised. */
export function randomDirection(at: Params, seed: number, axis: FilterAxis = rowFilters): Params {
  const raw = mapParams(at, (t, name) => { const random = new Random(seed, `direction ${name}`); return tf.tensor(Float32Array.from({ length: t.size }, () => random.normal()), t.shape); });
  try { return filterNormalised(raw, at, axis); } finally { dispose(raw); }
}
/** at + Σ c_i · direction_i. */
export const along = (at: Params, ...steps: readonly [Params, number][]): Params =>
  mapParams(at, (t, name) => tf.tidy(() => steps.reduce<Tensor>((sum, [d, c]) => (c && d[name] ? tf.add(sum, tf.mul(d[name], c)) : sum), t.clone())));

async function lossThere(loss: LossAt, params: Params): Promise<number> {
  try { return await loss(params); } finally { dispose(params); }
}
/** n evenly spaced numbers from −extent to extent. */
export const spread = (extent: number, n: number): number[] => {
  if (!(extent > 0 && Number.isInteger(n) && n >= 2)) throw new TunelabError(`spread: extent ${extent} in ${n} points; the extent must be above 0, and points at least 2.`);
  return Array.from({ length: n }, (_, i) => -extent + (2 * extent * i) / (n - 1));
};

export interface Line { x: number[]; loss: number[]; status: Status }
/** Loss at at + x·direction. */
export async function slice(loss: LossAt, at: Params, direction: Params, x: readonly number[], options: WorkOptions = {}): Promise<Line> {
  const values: number[] = [], w = work(x.length, t({ zh: "切片", en: "slice" }), options);
  const status = await untilStopped(async () => { for (const c of x) { await w.tick(); values.push(await lossThere(loss, along(at, [direction, c]))); w.at(values.length); } });
  w.done();
  return { x: x.slice(0, values.length), loss: values, status };
}
export interface Plane { x: number[]; y: number[]; /** loss[row of y][column of x]. */ loss: number[][]; status: Status }
/** Loss on a plane; rows that Stop cut short are left out. */
export async function plane(loss: LossAt, at: Params, [dx, dy]: readonly [Params, Params], x: readonly number[], y: readonly number[] = x, options: WorkOptions = {}): Promise<Plane> {
  const rows: number[][] = [], w = work(x.length * y.length, t({ zh: "平面切片", en: "plane" }), options);
  const status = await untilStopped(async () => {
    for (const b of y) {
      const row: number[] = [];
      for (const a of x) { await w.tick(); row.push(await lossThere(loss, along(at, [dx, a], [dy, b]))); w.at(rows.length * x.length + row.length); }
      rows.push(row);
    }
  });
  w.done();
  return { x: [...x], y: y.slice(0, rows.length), loss: rows, status };
}

export interface Trajectory {
  /** Part of the variance along each component, largest first. */
  explained: number[];
  /** Unit vectors of the leading components. */
  directions: Float64Array[];
  /** Each point in these directions, from the last one. */
  coordinates: number[][];
}
/** Principal components of the points of a run, from their Gram matrix. */
export function trajectoryPCA(points: readonly Params[], components = 2): Trajectory {
  const T = points.length;
  if (T < 3 || components < 1 || components > T - 1) throw new TunelabError(`trajectoryPCA: ${components} components of ${T} points; give at least 3 points and ask for fewer components than points.`);
  const vectors = points.map(toVector), mean = new Float64Array(vectors[0].length);
  vectors.forEach((v) => add(mean, v, 1 / T));
  vectors.forEach((v) => add(v, mean, -1));
  const gram = new Matrix(vectors.map((a) => vectors.map((b) => dot(a, b)))), { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b] - realEigenvalues[a]), total = realEigenvalues.reduce((s, l) => s + Math.max(l, 0), 0);
  if (!(total > 0)) throw new TunelabError("trajectoryPCA: all points are the same; give points of a run that moved.");
  const directions = order.slice(0, components).map((i) => { const d = vectors.reduce((s, v, t) => add(s, v, eigenvectorMatrix.get(t, i)), new Float64Array(mean.length)); return scaled(d, 1 / (norm(d) || 1)); });
  return { explained: order.map((i) => Math.max(realEigenvalues[i], 0) / total), directions, coordinates: vectors.map((v) => directions.map((d) => dot(v, d) - dot(vectors[T - 1], d))) };
}

/** Largest rise of a path over the straight line between its ends' losses. */
export const barrier = (t: readonly number[], loss: readonly number[]): number => Math.max(...loss.map((l, i) => l - ((1 - t[i]) * loss[0] + t[i] * loss.at(-1)!)));
export interface Path { t: number[]; loss: number[]; barrier: number; status: Status }
async function path(loss: LossAt, at: (t: number) => Params, points: number, options: WorkOptions): Promise<Path> {
  if (!(Number.isInteger(points) && points >= 3)) throw new TunelabError(`A path needs at least 3 points; ${points} were asked for.`);
  const ts: number[] = [], values: number[] = [], w = work(points, t({ zh: "路径", en: "path" }), options);
  const status = await untilStopped(async () => { for (let i = 0; i < points; i++) { await w.tick(); values.push(await lossThere(loss, at(i / (points - 1)))); ts.push(i / (points - 1)); w.at(ts.length); } });
  w.done();
  return { t: ts, loss: values, barrier: status === "done" ? barrier(ts, values) : NaN, status };
}
/** Loss on the straight line from a to b. */
export const linearPath = (loss: LossAt, a: Params, b: Params, points = 21, options: WorkOptions = {}): Promise<Path> =>
  path(loss, (t) => mapParams(a, (x, name) => tf.tidy(() => tf.add(tf.mul(x, 1 - t), tf.mul(b[name], t)))), points, options);

/** The point t of the quadratic Bezier curve from a over m to b. */
export const bezier = (a: Params, m: Params, b: Params, t: number): Params =>
  mapParams(a, (x, name) => tf.tidy(() => tf.addN([tf.mul(x, (1 - t) ** 2), tf.mul(m[name], 2 * t * (1 - t)), tf.mul(b[name], t * t)])));
export const bezierPath = (loss: LossAt, a: Params, m: Params, b: Params, points = 21, options: WorkOptions = {}): Promise<Path> => path(loss, (t) => bezier(a, m, b, t), points, options);

export interface ConnectOptions extends WorkOptions {
  steps?: number;
  learningRate?: number;
  /** Points t in each step: one in each of as many equal parts of [0, 1]; their number is what smooths the gradient. */
  samples?: number;
  optimizer?: Optimizer;
  seed?: number;
  /** Go on from a middle point; default: halfway, moved a little so that a curve can leave the line. */
  middle?: Params;
}
/** Trains the middle point of a Bezier curve between a and b. `gradient` gives the flat gradient at given parameters. */
export async function connect(gradient: (params: Params) => Promise<{ loss: number; gradient: Float64Array }>, a: Params, b: Params, options: ConnectOptions = {}): Promise<{ middle: Params; losses: number[]; status: Status }> {
  const { steps = 200, learningRate = 1e-2, samples = 1, optimizer = adamw({ weightDecay: 0 }), seed = 0 } = options, random = new Random(seed, "bezier"), losses: number[] = [];
  if (Object.keys(a).some((n) => b[n]?.shape.join() !== a[n].shape.join())) throw new TunelabError("connect: the ends do not hold the same tensors; give two states of one model.");
  const from = toVector(a), to = toVector(b), size = norm(add(to.slice(), from, -1)) / Math.sqrt(from.length);
  if (!(size > 0)) throw new TunelabError("connect: both ends are the same point; give two different ones.");
  let middle = options.middle ? mapParams(options.middle, (t) => t.clone()) : toParams(from.map((x, i) => (x + to[i]) / 2 + 0.01 * size * random.normal()), a), state = mapParams(middle, (t) => optimizer.init(t) as never) as unknown as Record<string, Params>;
  const w = work(steps, t({ zh: "连接曲线", en: "connect" }), options);
  const status = await untilStopped(async () => {
    for (let step = 0; step < steps; step++) {
      const sum = toVector(a).fill(0);
      let mean = 0;
      for (let i = 0; i < samples; i++) {
        await w.tick();
        const t = (i + random.uniform()) / samples, here = bezier(a, middle, b, t), g = await gradient(here).finally(() => dispose(here));
        add(sum, g.gradient, (2 * t * (1 - t)) / samples);
        mean += g.loss / samples;
      }
      losses.push(mean);
      const next = tf.tidy(() => { const g = toParams(sum, a), rate = tf.scalar(learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps))); return mapParams(middle, (p, n) => optimizer.step(p, g[n], state[n], rate) as never); }) as unknown as Record<string, { p: Tensor; state: Params }>;
      dispose(middle);
      Object.values(state).forEach(dispose);
      middle = mapParams(next as never, (x) => (x as unknown as { p: Tensor }).p);
      state = mapParams(next as never, (x) => (x as unknown as { state: Params }).state);
      w.at(losses.length, mean.toPrecision(4));
    }
  });
  w.done();
  Object.values(state).forEach(dispose);
  return { middle, losses, status };
}

export interface Roughness {
  /** h, in lengths of the weights where directions are filter-normalised. */
  scale: number;
  /** Root mean square of loss minus best parabola on [−h, h], mean over directions with its interval. */
  rough: Interval;
  /** Root mean square of loss minus its mean there: what there is to see at this scale. */
  rise: Interval;
}
/** Root mean square distance of y from its best parabola in x. */
export function parabolaResidual(x: readonly number[], y: readonly number[]): number {
  const top = Math.max(...x.map(Math.abs)), design = new Matrix(x.map((v) => [1, v / top, (v / top) ** 2])), fit = design.mmul(solve(design, Matrix.columnVector([...y]), true)).to1DArray();
  return Math.sqrt(y.reduce((s, v, i) => s + (v - fit[i]) ** 2, 0) / y.length);
}
/** Roughness at several scales, over random filter-normalised directions. A smooth loss falls as h³ or faster; noise stays. */
export async function roughness(loss: LossAt, at: Params, scales: readonly number[], { directions = 3, points = 11, seed = 0, axis = rowFilters, display }: WorkOptions & { directions?: number; points?: number; seed?: number; axis?: FilterAxis } = {}): Promise<{ scales: Roughness[]; status: Status }> {
  if (points < 5 || directions < 1 || !scales.length || scales.some((h) => !(h > 0))) throw new TunelabError(`roughness: scales ${scales.join(", ")}, ${points} points, ${directions} directions; scales must be above 0, points at least 5, directions at least 1.`);
  const w = work(scales.length * directions * points, t({ zh: "粗糙度", en: "roughness" }), { display }), found: Roughness[] = [];
  let n = 0;
  const status = await untilStopped(async () => {
    for (const h of scales) {
      const rough: number[] = [], rise: number[] = [], x = spread(h, points);
      for (let d = 0; d < directions; d++) {
        const direction = randomDirection(at, seed + d, axis), y: number[] = [];
        try { for (const c of x) { await w.tick(); y.push(await lossThere(loss, along(at, [direction, c]))); w.at(++n); } } finally { dispose(direction); }
        const mean = y.reduce((a, b) => a + b) / y.length;
        rough.push(parabolaResidual(x, y));
        rise.push(Math.sqrt(y.reduce((s, v) => s + (v - mean) ** 2, 0) / y.length));
      }
      found.push({ scale: h, rough: interval(rough), rise: interval(rise) });
    }
  });
  w.done();
  return { scales: found, status };
}
