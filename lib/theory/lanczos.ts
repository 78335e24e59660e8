/**
 * The Lanczos recurrence (Lanczos 1950; Golub & Van Loan, ch. 10): after m products AV = VT + β_m v_{m+1} e_mᵀ with V
 * orthonormal and T tridiagonal, so that eigenvalues of T (Ritz values θ_i, vectors s_i) approach those of A, the outermost
 * first, with a residual that is known: ‖A V s_i − θ_i V s_i‖ = |β_m s_mi|.
 *
 * The recurrence runs in float64 around products of any precision. Each new vector is made orthogonal to all earlier ones:
 * the three-term recurrence is one pass of Gram-Schmidt, a full pass follows, and another while a pass shortens the vector
 * noticeably. Without it orthogonality is lost once a Ritz value has converged (Paige 1971), and copies of it appear ("ghosts").
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { t } from "../course";
import { TunelabError } from "../errors";
import type { LinearOperator } from "./operator";
import { add, dot, norm, orthogonalise, probe, scaled, unit, type Vector } from "./vector";
import { untilStopped, work, type Saving, type Status, type WorkOptions } from "./work";

/** Everything that is needed to go on, bit for bit. */
export interface LanczosState {
  dim: number;
  seed: number;
  /** Diagonal of T. */
  alpha: number[];
  /** Below the diagonal; the last one, β_m, leads out of the space. 0 where the recurrence was begun anew. */
  beta: number[];
  /** v_1 … v_m. */
  basis: Vector[];
  /** v_{m+1}; absent when the space is invariant and nothing is left. */
  next?: Vector;
}
export interface LanczosOptions extends WorkOptions, Saving<LanczosState> {
  /** Products at most, counting those of `state`; never more than the dimension. */
  steps?: number;
  /** First vector; default: normal numbers from `seed`. */
  start?: Vector;
  seed?: number;
  /** Go on from here. */
  state?: LanczosState;
  /** When the space has become invariant, go on with a new random direction: finds copies of multiple eigenvalues. */
  restart?: boolean;
  /** Asked after every few steps; true ends the recurrence. */
  until?: (ritz: Ritz, state: LanczosState) => boolean;
}
export interface Ritz {
  /** θ_i, ascending. */
  values: Float64Array;
  /** |β_m s_mi|: some eigenvalue of A lies within this distance. */
  residuals: Float64Array;
  /** s_1i²: the weight of θ_i in the spectral measure of the first vector. */
  weights: Float64Array;
  /** s_i as rows. */
  vectors: Float64Array[];
}

/** Basis vectors of longer spaces are kept in float32: the product sees no more of them, and they take half the memory. */
const LONG = 2 ** 19, CHECK_EVERY = 5;
const stored = (v: Float64Array): Vector => (v.length > LONG ? Float32Array.from(v) : v);

/** Eigenvalues of the state's T, with residuals and weights. */
export function ritz({ alpha, beta }: Pick<LanczosState, "alpha" | "beta">): Ritz {
  const m = alpha.length;
  if (!m) throw new TunelabError("ritz: no step has been made yet.");
  const T = Matrix.zeros(m, m);
  for (let i = 0; i < m; i++) { T.set(i, i, alpha[i]); if (i + 1 < m) { T.set(i, i + 1, beta[i]); T.set(i + 1, i, beta[i]); } }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(T, { assumeSymmetric: true }), order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[a] - realEigenvalues[b]);
  const pick = (f: (i: number) => number) => Float64Array.from(order, f);
  return {
    values: pick((i) => realEigenvalues[i]), residuals: pick((i) => Math.abs(beta[m - 1] * eigenvectorMatrix.get(m - 1, i))), weights: pick((i) => eigenvectorMatrix.get(0, i) ** 2),
    vectors: order.map((i) => Float64Array.from(eigenvectorMatrix.getColumn(i))),
  };
}

/** Runs the recurrence. A Stop ends it with status "stopped"; `state` goes on from there. */
export async function lanczos(A: LinearOperator, options: LanczosOptions = {}): Promise<{ state: LanczosState; status: Status }> {
  const { steps = 100, seed = 0, restart = false, until } = options, most = Math.min(steps, A.dim), w = work(most, t({ zh: "Lanczos 迭代", en: "lanczos" }), options);
  if (!(Number.isInteger(steps) && steps > 0)) throw new TunelabError(`lanczos: steps is ${steps}; it must be a whole number of at least 1.`);
  for (const v of [options.start, options.state?.basis[0]]) if (v && v.length !== A.dim) throw new TunelabError(`lanczos: the first vector has ${v.length} entries, but the operator ${A.dim} rows; a state belongs to the operator that it was made with.`);
  const state: LanczosState = options.state
    ? { ...options.state, alpha: [...options.state.alpha], beta: [...options.state.beta], basis: [...options.state.basis] }
    : { dim: A.dim, seed, alpha: [], beta: [], basis: [], next: stored(unit(options.start ?? probe(A.dim, seed, 0, "gaussian"), "lanczos: the first vector")) };
  const { alpha, beta, basis } = state;
  const scale = () => alpha.reduce((s, a, i) => Math.max(s, Math.abs(a), beta[i] ?? 0), 0);
  const status = await untilStopped(async () => {
    if (options.state && basis.length) await sameOperator(A, state, scale(), w.tick);
    while (alpha.length < most && state.next) {
      await w.tick();
      const v = state.next, j = basis.length, r = await A.apply(v, w.tick);
      let a = dot(v, r);
      add(r, v, -a);
      if (j && beta[j - 1]) add(r, basis[j - 1], -beta[j - 1]);
      basis.push(v);
      const { coefficients, length } = orthogonalise(r, basis);
      a += coefficients[j];
      if (!Number.isFinite(a) || !Number.isFinite(length)) { basis.pop(); throw new TunelabError(`lanczos: product ${j + 1} is not finite; look for a loss or gradient that is not finite.`); }
      alpha.push(a);
      const invariant = length <= 4 * (A.rounding ?? 2 ** -52) * Math.max(scale(), Number.MIN_VALUE) || basis.length === A.dim;
      beta.push(invariant ? 0 : length);
      state.next = invariant ? (restart ? freshDirection(state) : undefined) : stored(scaled(r, 1 / length));
      const check = until !== undefined && alpha.length % CHECK_EVERY === 0;
      w.at(alpha.length);
      options.save?.(state);
      if (check && until!(ritz(state), state)) break;
    }
  });
  w.done();
  return { state, status };
}

/** A random unit vector orthogonal to the basis; none where the basis spans everything. */
function freshDirection({ dim, seed, basis }: LanczosState): Vector | undefined {
  if (basis.length >= dim) return undefined;
  for (let attempt = 0; attempt < 3; attempt++) {
    const v = probe(dim, seed, 1 + basis.length + 1000 * attempt, "gaussian");
    if (orthogonalise(v, basis).length > 1e-8) { orthogonalise(v, basis); return stored(unit(v)); }
  }
  return undefined;
}
/** One product, held against what the state remembers: going on with another matrix would be neither's spectrum. */
async function sameOperator(A: LinearOperator, { alpha, basis }: LanczosState, scale: number, tick: () => Promise<void>): Promise<void> {
  const last = basis.length - 1, now = dot(basis[last], await A.apply(basis[last], tick));
  if (!(Math.abs(now - alpha[last]) <= 1e-4 * scale)) throw new TunelabError(`lanczos: the state was made with another operator: its last diagonal entry is ${alpha[last]}, this operator gives ${now}. Use the same model, data and parameters, or start anew.`);
}

/** Ritz vectors V s_i, unit length, for the chosen rows of `ritz`. */
export const ritzVectors = ({ basis, dim }: LanczosState, chosen: readonly Float64Array[]): Float64Array[] =>
  chosen.map((s) => basis.reduce<Float64Array>((y, v, j) => add(y, v, s[j]), new Float64Array(dim)));

export interface EigenOptions extends WorkOptions, Saving<LanczosState> {
  /** Number of eigenvalues wanted at the top, and at the bottom, of the spectrum. */
  largest?: number;
  smallest?: number;
  /** A value counts as found when its residual is below tolerance · |θ|, or below what the product's rounding allows. */
  tolerance?: number;
  maxSteps?: number;
  seed?: number;
  state?: LanczosState;
  /** Also compute eigenvectors. */
  vectors?: boolean;
}
export interface Eigenvalue { value: number; residual: number; converged: boolean; vector?: Float64Array }
export interface EigenResult {
  /** Largest first. */
  largest: Eigenvalue[];
  /** Smallest (most negative) first. */
  smallest: Eigenvalue[];
  steps: number;
  /** All that were asked for have converged. */
  converged: boolean;
  status: Status;
  state: LanczosState;
}

/** Outermost eigenvalues of a symmetric operator, with residual bounds. */
export async function eigenvalues(A: LinearOperator, { largest = 1, smallest = 0, tolerance = 1e-3, maxSteps = 200, seed = 0, state, vectors = false, display, save }: EigenOptions = {}): Promise<EigenResult> {
  for (const [name, n] of Object.entries({ largest, smallest })) if (!(Number.isInteger(n) && n >= 0)) throw new TunelabError(`eigenvalues: ${name} is ${n}; it must be a whole number.`);
  if (!(tolerance > 0)) throw new TunelabError(`eigenvalues: tolerance is ${tolerance}; it must be above 0.`);
  const top = Math.min(largest, A.dim), bottom = Math.min(smallest, A.dim);
  const chosen = (r: Ritz) => [...Array.from({ length: Math.min(top, r.values.length) }, (_, i) => r.values.length - 1 - i), ...Array.from({ length: Math.min(bottom, r.values.length) }, (_, i) => i)];
  const good = (r: Ritz, i: number) => r.residuals[i] <= Math.max(tolerance * Math.abs(r.values[i]), 4 * (A.rounding ?? 2 ** -52) * Math.max(Math.abs(r.values[0]), Math.abs(r.values.at(-1)!)));
  // Where the recurrence was begun anew, all residuals of the part before are zero: what counts is that the ends of the part
  // after it, too, are known, so that nothing still rises above what was found.
  const settled = ({ alpha, beta }: LanczosState): boolean => {
    if (beta.at(-1) === 0) return false;
    const begin = beta.lastIndexOf(0) + 1, part = ritz({ alpha: alpha.slice(begin), beta: beta.slice(begin) });
    return begin === 0 || ((!top || good(part, part.values.length - 1)) && (!bottom || good(part, 0)));
  };
  const enough = (r: Ritz, state: LanczosState) => r.values.length >= Math.max(top, bottom) && chosen(r).every((i) => good(r, i)) && settled(state);
  const run = await lanczos(A, { steps: Math.max(maxSteps, state?.alpha.length ?? 0), seed, state, restart: true, until: enough, display, save });
  if (!run.state.alpha.length) return { largest: [], smallest: [], steps: 0, converged: false, ...run };
  const r = ritz(run.state), found = chosen(r), y = vectors ? ritzVectors(run.state, found.map((i) => r.vectors[i])) : [];
  const list = found.map((i, k): Eigenvalue => ({ value: r.values[i], residual: r.residuals[i], converged: good(r, i), ...(vectors ? { vector: y[k] } : {}) })), n = Math.min(top, r.values.length);
  return { largest: list.slice(0, n), smallest: list.slice(n), steps: r.values.length, converged: list.length === top + bottom && list.every((e) => e.converged), ...run };
}
/** Largest |vᵢᵀvⱼ − δᵢⱼ| of a basis: how orthonormal it is. */
export function orthonormality(basis: readonly Vector[]): number {
  let most = 0;
  basis.forEach((v, i) => { most = Math.max(most, Math.abs(norm(v) ** 2 - 1)); for (let j = 0; j < i; j++) most = Math.max(most, Math.abs(dot(v, basis[j]))); });
  return most;
}
