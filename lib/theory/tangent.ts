/**
 * Directions in weight space: angles between an update and a gradient, against what random directions give.
 *   Two independent random directions in ℝᴰ: the cosine has mean 0 and standard deviation 1/√D, so that in high dimension 90° is
 *   what having nothing in common looks like, and 85° may already be many standard deviations from it.
 * Comparing vectors at two points needs a parallel transport. Weight space is flat (its metric is the plain inner product), so
 * transport is the identity, and the update θ₁ − θ₀ may be held against a gradient at θ₀ as it stands. Where only directions
 * count, points lie on a sphere; `transport` moves a tangent vector along the great circle between them.
 */
import { TunelabError } from "../errors";
import { count, type Params } from "../tensor";
import { toVector } from "./curvature";
import { add, dot, dots, norm, orthogonalise, scaled, unit, type Vector } from "./vector";

export interface Angle {
  cosine: number;
  degrees: number;
  /** Dimension of the space. */
  dimension: number;
  /** Cosine in standard deviations of random directions: cosine · √D. */
  deviations: number;
  /** Angles between which 95 % of random directions lie, in degrees. */
  random: [number, number];
}
const degrees = (cosine: number): number => (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI;

/** Angle between two vectors, with the random null. */
export function angle(a: Vector, b: Vector): Angle {
  if (a.length !== b.length) throw new TunelabError(`angle: the vectors have ${a.length} and ${b.length} entries; give two of one space.`);
  const lengths = [norm(a), norm(b)];
  if (!lengths.every((l) => l > 0 && Number.isFinite(l))) throw new TunelabError(`angle: the vectors have lengths ${lengths[0]} and ${lengths[1]}; a zero or infinite one has no direction.`);
  const cosine = dot(a, b) / (lengths[0] * lengths[1]), D = a.length, sd = 1 / Math.sqrt(D);
  return { cosine, degrees: degrees(cosine), dimension: D, deviations: cosine * Math.sqrt(D), random: [degrees(1.96 * sd), degrees(-1.96 * sd)] };
}

/** Angle between an update and the way down, −gradient: of all tensors together, and of each. Below 90° the update goes down to first order. */
export function updateAngles(update: Params, gradient: Params): { all: Angle; tensors: Record<string, Angle> } {
  const names = Object.keys(update), missing = names.find((n) => gradient[n]?.size !== update[n].size);
  if (missing) throw new TunelabError(`updateAngles: ${missing} has no gradient of its size; give update and gradient of the same tensors.`);
  const pick = (p: Params, ns: string[]): Params => Object.fromEntries(ns.map((n) => [n, p[n]])), down = (ns: string[]) => scaled(toVector(pick(gradient, ns)), -1);
  const moved = names.filter((n) => norm(toVector(pick(update, [n]))) > 0 && norm(down([n])) > 0);
  return { all: angle(toVector(update), down(names)), tensors: Object.fromEntries(moved.map((n) => [n, angle(toVector(pick(update, [n])), down([n]))])) };
}

export interface Share {
  /** Part of the update's squared length that lies in the span. */
  inside: number;
  /** Mean and standard deviation of that part for a random update: k/D, √(2k(D − k)/(D²(D + 2))). */
  random: number;
  deviation: number;
  /** Dimension of the span. */
  k: number;
}
/** How much of an update lies in the span of some directions, e.g. gradients of many batches or leading eigenvectors. */
export function shareInSpan(update: Vector, directions: readonly Vector[]): Share {
  const basis: Float64Array[] = [], D = update.length;
  for (const [i, d] of directions.entries()) {
    if (d.length !== D) throw new TunelabError(`shareInSpan: direction ${i} has ${d.length} entries, the update ${D}.`);
    const w = Float64Array.from(d), size = norm(w), { length } = orthogonalise(w, basis);
    if (length > 1e-10 * size) basis.push(scaled(w, 1 / length));
  }
  const k = basis.length, u = unit(update, "shareInSpan: the update"), c = dots(basis, u);
  return { inside: dot(c, c), random: k / D, deviation: Math.sqrt((2 * k * (D - k)) / (D * D * (D + 2))), k };
}

/**
 * Parallel transport on the unit sphere along the great circle from `from` to `to`:
 *   v − ⟨v, to⟩ / (1 + ⟨from, to⟩) · (from + to)  for v tangent at `from`. Keeps lengths and angles.
 */
export function transport(v: Vector, from: Vector, to: Vector): Float64Array {
  const a = unit(from, "transport: from"), b = unit(to, "transport: to"), together = dot(a, b);
  if (v.length !== a.length || b.length !== a.length) throw new TunelabError(`transport: vectors of ${v.length}, ${a.length} and ${b.length} entries; give three of one space.`);
  if (1 + together < 1e-12) throw new TunelabError("transport: the points are opposite, so no shortest way between them is the one; go by a third point.");
  const tangent = add(Float64Array.from(v), a, -dot(v, a)), c = -dot(tangent, b) / (1 + together);
  return add(add(tangent, a, c), b, c);
}
/** The standard deviation of the cosine of two random directions, 1/√D. */
export const randomCosine = (params: Params): number => 1 / Math.sqrt(count(params));
