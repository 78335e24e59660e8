/**
 * Spectral density by stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017; Ghorbani, Krishnan & Xiao 2019):
 *   φ(t) = (1/n) Σ_i δ(t − λ_i) ≈ (1/k) Σ_l Σ_i s_1i² N(t; θ_i, σ²),
 * θ_i and s_1i² from m Lanczos steps on the l-th random unit vector. The raw nodes (θ_i, s_1i²) are Gauss quadrature: moments
 * up to 2m − 1 are those of the vector's spectral measure; only the smoothing is a choice. Two noises are told apart: that of
 * the k random vectors, and that of the data, from the same vector on groups of mini-batches.
 */
import { StoppedError, t } from "../course";
import { TunelabError } from "../errors";
import type { Curvature } from "./curvature";
import { lanczos, ritz, type LanczosState } from "./lanczos";
import type { LinearOperator } from "./operator";
import { interval, type Interval } from "./statistics";
import { probe, type ProbeKind } from "./vector";
import { untilStopped, work, type Saving, type Status, type WorkOptions } from "./work";

/** Gauss nodes of one random vector: values ascending, weights that sum to 1. */
export interface Nodes { values: Float64Array; weights: Float64Array }
export interface DensityState {
  dim: number; steps: number; seed: number; kind: ProbeKind;
  /** One for each random vector, over all data. */
  probes: Nodes[];
  /** The first vector again, over each group of mini-batches. */
  groups: Nodes[];
  /** The recurrence that Stop cut off. */
  current?: LanczosState;
}
export interface Density extends DensityState { status: Status; state: DensityState }
export interface DensityOptions extends WorkOptions, Saving<DensityState> {
  /** Lanczos steps for each vector, m. */
  steps?: number;
  /** Random vectors, k. */
  probes?: number;
  /** Groups of mini-batches for the data's error bars; 0: none. Costs as many products over all data as one more vector. */
  groups?: number;
  seed?: number;
  kind?: ProbeKind;
  state?: DensityState;
  /** A Lanczos run from the same seed, such as that of eigenvalues(): its steps are those of the first vector: they are not made again, and a shorter run is gone on with. */
  known?: LanczosState;
}

export async function spectralDensity(A: LinearOperator | Curvature, options: DensityOptions = {}): Promise<Density> {
  const { steps = 80, probes = 10, groups = 0, seed = 0, kind = "gaussian", display } = options, m = Math.min(steps, A.dim);
  for (const [name, n, least] of [["steps", steps, 1], ["probes", probes, 1], ["groups", groups, 0]] as const)
    if (!(Number.isInteger(n) && n >= least)) throw new TunelabError(`spectralDensity: ${name} is ${n}; it must be a whole number of at least ${least}.`);
  const batches = "on" in A ? A.batches : 1;
  if (groups === 1 || groups > batches) throw new TunelabError(`spectralDensity: groups is ${groups}, but the operator runs over ${batches} batches; choose 0, or 2 to ${batches}.`);
  const old = options.state;
  if (old && (old.dim !== A.dim || old.steps !== m || old.seed !== seed || old.kind !== kind)) throw new TunelabError(`spectralDensity: the state was made with dimension ${old.dim}, ${old.steps} steps, seed ${old.seed}, kind ${old.kind}, not ${A.dim}, ${m}, ${seed}, ${kind}; use the same settings, or start anew.`);
  const state: DensityState = old ? { ...old, probes: [...old.probes], groups: [...old.groups] } : { dim: A.dim, steps: m, seed, kind, probes: [], groups: [] };
  const { known } = options;
  if (known && !state.probes.length && !state.current && kind === "gaussian" && known.dim === A.dim && known.seed === seed && known.beta.slice(0, m - 1).every((b) => b > 0)) {
    if (known.alpha.length < m) state.current = known; // begun: go on from there
    else {
      const { values, weights } = ritz({ alpha: known.alpha.slice(0, m), beta: known.beta.slice(0, m) });
      state.probes.push({ values, weights });
    }
  }
  const w = work(probes + groups, t({ zh: "谱密度", en: "spectral density" }), { display });
  const nodes = async (B: LinearOperator, index: number): Promise<Nodes> => {
    const run = await lanczos(B, { steps: m, start: probe(A.dim, seed, index, kind), state: state.current, display: false, save: options.save && ((current) => options.save!({ ...state, current })) });
    state.current = run.state;
    await w.tick(); // a Stop inside the recurrence reaches this loop here, too
    if (run.status === "stopped") throw new StoppedError();
    const { values, weights } = ritz(run.state);
    state.current = undefined;
    return { values, weights };
  };
  const status = await untilStopped(async () => {
    while (state.probes.length < probes) { await w.tick(); state.probes.push(await nodes(A, state.probes.length)); w.at(state.probes.length); }
    while (state.groups.length < groups) {
      await w.tick();
      const g = state.groups.length, part = Array.from({ length: batches }, (_, i) => i).filter((i) => i % groups === g);
      state.groups.push(await nodes((A as Curvature).on(part), 0));
      w.at(probes + state.groups.length);
    }
  });
  w.done();
  return { ...state, status, state };
}

/** Largest and smallest node. */
export function spectralRange({ probes }: DensityState): [number, number] {
  if (!probes.length) throw new TunelabError("spectralRange: no random vector has been finished yet.");
  return [Math.min(...probes.map((p) => p.values[0])), Math.max(...probes.map((p) => p.values.at(-1)!))];
}

export interface DensityCurve {
  x: Float64Array;
  /** Smoothed density, integral 1. */
  density: Float64Array;
  /** Half widths of 95 % intervals: over random vectors, and over groups of mini-batches (scaled to all data). NaN where there are fewer than two. */
  probeError: Float64Array;
  batchError: Float64Array;
  /** Standard deviation of the Gaussians. */
  width: number;
}
/** The smoothed density on a grid. `width`: σ in units of the eigenvalues; default 1 % of the range. */
export function densityCurve(density: DensityState, { points = 400, width, x }: { points?: number; width?: number; x?: ArrayLike<number> } = {}): DensityCurve {
  const [low, high] = spectralRange(density), sigma = width ?? Math.max(0.01 * (high - low), 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300));
  if (!(sigma > 0)) throw new TunelabError(`densityCurve: width is ${width}; it must be above 0.`);
  const grid = x ? Float64Array.from(x as ArrayLike<number>) : Float64Array.from({ length: points }, (_, i) => low - 5 * sigma + ((high - low + 10 * sigma) * i) / (points - 1));
  const smooth = ({ values, weights }: Nodes): Float64Array => grid.map((t) => values.reduce((s, v, i) => s + weights[i] * Math.exp(-0.5 * ((t - v) / sigma) ** 2), 0) / (sigma * Math.sqrt(2 * Math.PI)));
  const spread = (curves: Float64Array[]): Float64Array => grid.map((_, i) => (curves.length < 2 ? NaN : interval(curves.map((c) => c[i])).error));
  const curves = density.probes.map(smooth);
  return { x: grid, width: sigma, density: grid.map((_, i) => curves.reduce((s, c) => s + c[i], 0) / curves.length), probeError: spread(curves), batchError: spread(density.groups.map(smooth)) };
}

/** Σ_i f(λ_i) over the whole spectrum, from the nodes, with 95 % intervals over vectors and over groups of mini-batches. */
export function spectralSum(density: DensityState, f: (lambda: number) => number): Interval & { batchError: number } {
  const sum = ({ values, weights }: Nodes) => density.dim * values.reduce((s, v, i) => s + weights[i] * f(v), 0);
  if (!density.probes.length) throw new TunelabError("spectralSum: no random vector has been finished yet.");
  return { ...interval(density.probes.map(sum)), batchError: density.groups.length < 2 ? NaN : interval(density.groups.map(sum)).error };
}
