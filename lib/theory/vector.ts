/**
 * Flat vectors in float64 JavaScript arrays: what the recurrences of this folder compute with, whatever the precision of the
 * matrix-vector products in between. Basis vectors of long spaces may be float32: they are then what the product was given.
 */
import { TunelabError } from "../errors";
import { Random } from "../tensor";

export type Vector = Float64Array | Float32Array;

/** Σ a_i b_i. */
export function dot(a: Vector, b: Vector): number {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, i = 0;
  for (const end = a.length - 3; i < end; i += 4) { s0 += a[i] * b[i]; s1 += a[i + 1] * b[i + 1]; s2 += a[i + 2] * b[i + 2]; s3 += a[i + 3] * b[i + 3]; }
  for (; i < a.length; i++) s0 += a[i] * b[i];
  return s0 + s1 + (s2 + s3);
}
/** ‖a‖₂. */
export const norm = (a: Vector): number => Math.sqrt(dot(a, a));
/** y ← y + c·x. */
export function add(y: Float64Array, x: Vector, c = 1): Float64Array {
  for (let i = 0; i < y.length; i++) y[i] += c * x[i];
  return y;
}
/** c·x as a new vector. */
export function scaled(x: Vector, c: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let i = 0; i < y.length; i++) y[i] = c * x[i];
  return y;
}

/** Inner products of w with every vector of `basis`, four at a time: w is then read a quarter as often. */
export function dots(basis: readonly Vector[], w: Float64Array): Float64Array {
  const out = new Float64Array(basis.length);
  let j = 0;
  for (; j + 4 <= basis.length; j += 4) {
    const a = basis[j], b = basis[j + 1], c = basis[j + 2], d = basis[j + 3];
    let p = 0, q = 0, r = 0, s = 0;
    for (let i = 0; i < w.length; i++) { const x = w[i]; p += a[i] * x; q += b[i] * x; r += c[i] * x; s += d[i] * x; }
    out[j] = p; out[j + 1] = q; out[j + 2] = r; out[j + 3] = s;
  }
  for (; j < basis.length; j++) out[j] = dot(basis[j], w);
  return out;
}
/** w ← w − Σ_j coefficients_j · basis_j. */
export function subtract(w: Float64Array, basis: readonly Vector[], coefficients: ArrayLike<number>): void {
  let j = 0;
  for (; j + 4 <= basis.length; j += 4) {
    const a = basis[j], b = basis[j + 1], c = basis[j + 2], d = basis[j + 3], p = coefficients[j], q = coefficients[j + 1], r = coefficients[j + 2], s = coefficients[j + 3];
    for (let i = 0; i < w.length; i++) w[i] -= p * a[i] + q * b[i] + (r * c[i] + s * d[i]);
  }
  for (; j < basis.length; j++) add(w, basis[j], -coefficients[j]);
}
/**
 * Makes w orthogonal to an orthonormal basis, in place: Gram-Schmidt, repeated while a pass shortens w noticeably ("twice is
 * enough": Daniel, Gragg, Kaufman & Stewart 1976). Returns what was taken out, Vᵀw, and the length that is left.
 */
export function orthogonalise(w: Float64Array, basis: readonly Vector[]): { coefficients: Float64Array; length: number } {
  const coefficients = new Float64Array(basis.length);
  let length = norm(w);
  for (let pass = 0; pass < 4 && basis.length; pass++) {
    const before = length, c = dots(basis, w);
    subtract(w, basis, c);
    add(coefficients, c);
    length = norm(w);
    if (length > Math.SQRT1_2 * before || length === 0) break;
  }
  return { coefficients, length };
}

export type ProbeKind = "rademacher" | "gaussian";
/** A random vector with E[zzᵀ] = I: entries ±1, or standard normal. The same seed and index give the same vector. */
export function probe(dim: number, seed: number, index: number, kind: ProbeKind = "rademacher"): Float64Array {
  const random = new Random(seed, `probe${index}`), out = new Float64Array(dim);
  if (kind === "rademacher") for (let i = 0; i < dim; i++) out[i] = random.uniform() < 0.5 ? -1 : 1;
  else for (let i = 0; i < dim; i++) out[i] = random.normal();
  return out;
}
/** x / ‖x‖ as a new vector. Throws for a vector that has no direction. */
export function unit(x: Vector, what = "vector"): Float64Array {
  const length = norm(x);
  if (!(length > 0 && Number.isFinite(length))) throw new TunelabError(`${what}: its length is ${length}, so it has no direction; give one that is finite and not zero.`);
  return scaled(x, 1 / length);
}
