/**
 * The trace of a symmetric operator from products with random vectors, with a 95 % t-interval:
 *   Hutchinson (1990)  tr A ≈ mean of ωᵀAω;  Rademacher ω: variance 2(‖A‖_F² − Σ a_ii²) a sample
 *   Hutch++ (Meyer, Musco, Musco & Woodruff 2021)  exact on the range of a sketch AΩ, Hutchinson on what is left
 *   XTrace (Epperly, Tropp & Webber 2024)  every vector serves sketch and estimate, by leaving one out at a time
 * All stop when the interval is narrow enough, never because the running mean moved little: that can happen anywhere.
 */
import { inverse, Matrix } from "ml-matrix";
import { t } from "../course";
import { TunelabError } from "../errors";
import type { LinearOperator } from "./operator";
import { interval, narrow, type Interval } from "./statistics";
import { dot, orthogonalise, probe, scaled, subtract, dots, type ProbeKind, type Vector } from "./vector";
import { untilStopped, work, type Status, type WorkOptions } from "./work";

export interface TraceOptions extends WorkOptions {
  /** Stop once the interval's half width is below tolerance · |trace|. */
  tolerance?: number;
  /** Products at most. */
  maxProducts?: number;
  seed?: number;
}
export interface TraceResult<S> {
  trace: number;
  /** Half the width of the 95 % interval. */
  error: number;
  products: number;
  /** The interval is as narrow as was asked for. */
  converged: boolean;
  status: Status;
  state: S;
}

/** Fewer samples give no variance to rely on. */
const FEWEST = 10;
const check = (who: string, A: LinearOperator, { tolerance = 0.05, maxProducts = 300 }: TraceOptions): void => {
  if (!(tolerance > 0)) throw new TunelabError(`${who}: tolerance is ${tolerance}; it must be above 0.`);
  if (!(Number.isInteger(maxProducts) && maxProducts >= 2)) throw new TunelabError(`${who}: maxProducts is ${maxProducts}; it must be a whole number of at least 2.`);
  if (A.dim < 1) throw new TunelabError(`${who}: the operator is empty.`);
};
const belongs = (who: string, A: LinearOperator, state: { dim: number; seed: number } | undefined, seed: number): void => {
  if (state && (state.dim !== A.dim || state.seed !== seed)) throw new TunelabError(`${who}: the state was made with dimension ${state.dim} and seed ${state.seed}, not ${A.dim} and ${seed}; use the same, or start anew.`);
};

export interface HutchinsonState { dim: number; seed: number; samples: number[] }
/** Hutchinson's estimator. */
export async function hutchinson(A: LinearOperator, options: TraceOptions & { kind?: ProbeKind; state?: HutchinsonState } = {}): Promise<TraceResult<HutchinsonState>> {
  check("hutchinson", A, options);
  belongs("hutchinson", A, options.state, options.seed ?? 0);
  const { tolerance = 0.05, maxProducts = 300, seed = 0, kind = "rademacher", display } = options, samples = [...(options.state?.samples ?? [])];
  const w = work(maxProducts, t({ zh: "迹", en: "trace" }), { display });
  const status = await untilStopped(async () => {
    while (samples.length < maxProducts && !(samples.length >= FEWEST && narrow(interval(samples), tolerance))) {
      await w.tick();
      const omega = probe(A.dim, seed, samples.length, kind);
      samples.push(dot(omega, await A.apply(omega, w.tick)));
      w.at(samples.length);
    }
  });
  w.done();
  const { mean, error } = samples.length ? interval(samples) : { mean: NaN, error: Infinity };
  return { trace: mean, error, products: samples.length, converged: samples.length >= FEWEST && narrow({ mean, error }, tolerance), status, state: { dim: A.dim, seed, samples } };
}

export interface HutchPlusPlusState { dim: number; seed: number; sketch: number; /** Sketch vectors multiplied so far. */ drawn: number; basis: Vector[]; /** qᵀAq of each basis vector. */ inside: number[]; samples: number[] }
/** Hutch++ with `sketch` vectors (default a third of maxProducts); exact when the rank is at most that. */
export async function hutchPlusPlus(A: LinearOperator, options: TraceOptions & { sketch?: number; state?: HutchPlusPlusState } = {}): Promise<TraceResult<HutchPlusPlusState>> {
  check("hutchPlusPlus", A, options);
  belongs("hutchPlusPlus", A, options.state, options.seed ?? 0);
  const { tolerance = 0.05, maxProducts = 300, seed = 0, display } = options, sketch = Math.min(options.sketch ?? Math.floor(maxProducts / 3), A.dim);
  if (!(Number.isInteger(sketch) && sketch >= 1 && 2 * sketch <= maxProducts)) throw new TunelabError(`hutchPlusPlus: sketch is ${sketch}; it must be at least 1 and at most half of maxProducts (${maxProducts}).`);
  if (options.state && options.state.sketch !== sketch) throw new TunelabError(`hutchPlusPlus: the state was made with a sketch of ${options.state.sketch}, not ${sketch}; use the same, or start anew.`);
  const old = options.state, state: HutchPlusPlusState = old ? { ...old, basis: [...old.basis], inside: [...old.inside], samples: [...old.samples] } : { dim: A.dim, seed, sketch, drawn: 0, basis: [], inside: [], samples: [] };
  const w = work(maxProducts, t({ zh: "迹", en: "trace" }), { display }), products = () => state.drawn + state.inside.length + state.samples.length;
  const estimate = () => {
    const inside = state.inside.reduce((a, b) => a + b, 0);
    if (exact(state, A)) return { mean: inside, error: roundingOf(state.inside, A) };
    const rest = interval(state.samples);
    return { mean: inside + rest.mean, error: rest.error };
  };
  const status = await untilStopped(async () => {
    while (state.drawn < sketch) {
      await w.tick();
      const y = await A.apply(probe(A.dim, seed, state.drawn), w.tick);
      state.drawn++;
      const size = Math.sqrt(dot(y, y)), { length } = orthogonalise(y, state.basis);
      if (length > lostAt(A) * size) state.basis.push(scaled(y, 1 / length)); // else the range is exhausted
      w.at(products());
    }
    while (state.inside.length < state.basis.length) {
      await w.tick();
      const q = state.basis[state.inside.length];
      state.inside.push(dot(q, await A.apply(q, w.tick)));
      w.at(products());
    }
    while (!exact(state, A) && products() < maxProducts && !(state.samples.length >= FEWEST && narrow(estimate(), tolerance))) {
      await w.tick();
      const omega = probe(A.dim, seed, sketch + state.samples.length);
      subtract(omega, state.basis, dots(state.basis, omega));
      state.samples.push(dot(omega, await A.apply(omega, w.tick)));
      w.at(products());
    }
  });
  w.done();
  const finished = state.drawn === sketch && state.inside.length === state.basis.length, { mean, error } = finished && (exact(state, A) || state.samples.length) ? estimate() : { mean: NaN, error: Infinity };
  return { trace: mean, error, products: products(), converged: exact(state, A) || (state.samples.length >= FEWEST && narrow({ mean, error }, tolerance)), status, state };
}
/** A vector this much shorter after orthogonalisation is rounding error. */
const lostAt = (A: LinearOperator): number => 100 * (A.rounding ?? 2 ** -52);
/** What is left of an exact result: the rounding of its terms. */
const roundingOf = (terms: readonly number[], A: LinearOperator): number => 10 * (A.rounding ?? 2 ** -52) * terms.reduce((t, x) => t + Math.abs(x), 0);
/** The sketch met the end of the range: fewer independent directions than vectors drawn, or the whole space. */
const exact = ({ drawn, sketch, basis }: HutchPlusPlusState, A: LinearOperator): boolean => drawn === sketch && (basis.length < sketch || basis.length === A.dim);

export interface XTraceState {
  dim: number; seed: number; exhausted: boolean;
  /** Ω, and the orthonormal Q of AΩ. */
  probes: Vector[]; basis: Vector[];
  /** Columns of R = QᵀAΩ, H = QᵀAQ and W = QᵀΩ; squared lengths of Ω's columns. */
  R: Float64Array[]; H: Float64Array[]; W: Float64Array[]; sizes: number[];
}
/** XTrace: two products a vector. */
export async function xtrace(A: LinearOperator, options: TraceOptions & { state?: XTraceState } = {}): Promise<TraceResult<XTraceState>> {
  check("xtrace", A, options);
  belongs("xtrace", A, options.state, options.seed ?? 0);
  const { tolerance = 0.05, maxProducts = 300, seed = 0, display } = options, old = options.state, copy = (m: Float64Array[]) => m.map((c) => c.slice());
  const state: XTraceState = old
    ? { ...old, probes: [...old.probes], basis: [...old.basis], R: copy(old.R), H: copy(old.H), W: copy(old.W), sizes: [...old.sizes] }
    : { dim: A.dim, seed, exhausted: false, probes: [], basis: [], R: [], H: [], W: [], sizes: [] };
  const w = work(maxProducts, t({ zh: "迹", en: "trace" }), { display }), most = Math.min(Math.floor(maxProducts / 2), A.dim);
  const finished = () => state.exhausted || state.basis.length >= most || (state.basis.length >= FEWEST && narrow(xtraceEstimate(state, A), tolerance));
  const status = await untilStopped(async () => {
    while (!finished()) {
      await w.tick();
      const k = state.basis.length, omega = probe(A.dim, seed, k, "gaussian"), y = await A.apply(omega, w.tick), size = Math.sqrt(dot(y, y));
      const { coefficients, length } = orthogonalise(y, state.basis), lost = length <= lostAt(A) * size;
      const q = lost ? undefined : scaled(y, 1 / length), Aq = q && (await A.apply(q, w.tick));
      if (lost || k === A.dim - 1) state.exhausted = true; // the range lies in Q: the trace is that of H
      if (q) {
        const grow = (columns: Float64Array[], next: (i: number) => number) => columns.forEach((c, i) => { columns[i] = Float64Array.of(...c, next(i)); });
        const column = dots([...state.basis, q], Aq!);
        grow(state.R, () => 0);
        grow(state.H, (i) => column[i]);
        grow(state.W, (i) => dot(q, state.probes[i]));
        state.basis.push(q);
        state.probes.push(omega);
        state.sizes.push(dot(omega, omega));
        state.R.push(Float64Array.of(...coefficients, length));
        state.H.push(column);
        state.W.push(dots(state.basis, omega));
      }
      w.at(2 * state.basis.length);
    }
  });
  w.done();
  const { mean, error } = xtraceEstimate(state, A);
  return { trace: mean, error, products: 2 * state.basis.length, converged: state.exhausted || (state.basis.length >= FEWEST && narrow({ mean, error }, tolerance)), status, state };
}

interface Small { R: Matrix; H: Matrix; W: Matrix; sizes: readonly number[]; dim: number }
const small = ({ R, H, W, sizes, dim }: XTraceState): Small => { const m = (columns: Float64Array[]) => new Matrix(columns.map((c) => [...c])).transpose(); return { R: m(R), H: m(H), W: m(W), sizes, dim }; };
/** Columns of R⁻ᵀ, normalised: Q_iQ_iᵀ = Q(I − s_i s_iᵀ)Qᵀ projects on the sketch without vector i. */
const leftOut = (R: Matrix): Matrix => { const S = inverse(R).transpose(); return S.divRowVector(S.clone().pow(2).sum("column").map(Math.sqrt)); };

/**
 * Each vector's estimate, from the sketch that leaves it out:
 *   tr_i = tr H − sᵀHs + c · xᵀAx,  x = (I − Q_iQ_iᵀ)ω_i,  c = (n − k + 1)/‖x‖²
 */
function xtraceSamples({ R, H, W, sizes, dim }: Small): number[] {
  const k = sizes.length, S = leftOut(R), along = Matrix.mul(S, W).sum("column"); // s_iᵀw_i
  const U = Matrix.sub(W, S.clone().mulRowVector(along)), sum = (a: Matrix, b: Matrix) => Matrix.mul(a, b).sum("column");
  const sHs = sum(S, H.mmul(S)), wr = sum(W, R), ur = sum(U, R), uHu = sum(U, H.mmul(U)), uu = sum(U, U), trace = H.trace();
  return sizes.map((size, i) => trace - sHs[i] + ((dim - k + 1) / (size - uu[i])) * (wr[i] - 2 * ur[i] + uHu[i]));
}
/**
 * Mean of the samples. They are not independent: what vectors i and j have to do with one another enters both, so that the
 * variance of the mean is twice what the samples' spread says (exactly so for a mean of pair terms h(ω_i, ω_j) of mean zero).
 */
function xtraceEstimate(state: XTraceState, A: LinearOperator): Interval {
  const inside = state.H.map((h, i) => h[i]), trace = inside.reduce((a, b) => a + b, 0);
  if (state.exhausted) return { mean: trace, error: roundingOf(inside, A) };
  if (state.basis.length < 2) return { mean: NaN, error: Infinity };
  const { mean, error } = interval(xtraceSamples(small(state)));
  return { mean, error: Math.SQRT2 * error };
}
