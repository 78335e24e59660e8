// Derivatives of small functions of several tensors, in three ways: by tfjs, by tfjs twice, and by central differences.
import type { Tensor } from "@tensorflow/tfjs";
import { Random, tf } from "tunelab/tensor";

export type Scalar = (...xs: Tensor[]) => Tensor;
export const numbers = (t: Tensor): number[] => [...t.dataSync()];
export const normal = (shape: number[], seed: number, scale = 1): Tensor => {
  const random = new Random(seed, "normal");
  return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => scale * random.normal()), shape);
};

export const gradients = (f: Scalar, xs: Tensor[]): Tensor[] => tf.grads((...x) => tf.sum(f(...(x as Tensor[]))))(xs);
const along = (a: readonly Tensor[], b: readonly Tensor[]): Tensor => tf.addN(a.map((t, i) => tf.sum(tf.mul(t, b[i]))));
/** Hessian of f times v. */
export const hessianVector = (f: Scalar, xs: Tensor[], v: Tensor[]): Tensor[] => tf.grads((...x) => along(gradients(f, x as Tensor[]), v))(xs);

const shifted = (xs: Tensor[], v: Tensor[], by: number): Tensor[] => xs.map((x, i) => tf.add(x, tf.mul(v[i], by)));
/** Change of the numbers `f(xs)` along v, by central differences with Richardson's extrapolation (error O(h⁴)). */
export function differences(f: (xs: Tensor[]) => Tensor[], xs: Tensor[], v: Tensor[], h = 0.02): number[] {
  const at = (by: number) => tf.tidy(() => f(shifted(xs, v, by))).map((t) => { const values = numbers(t); t.dispose(); return values; }).flat();
  const slope = (h: number) => { const right = at(h), left = at(-h); return right.map((r, i) => (r - left[i]) / (2 * h)); };
  const [coarse, fine] = [slope(2 * h), slope(h)];
  return fine.map((value, i) => (4 * value - coarse[i]) / 3);
}

/** ‖a − b‖ / ‖b‖. */
export function relative(a: readonly number[], b: readonly number[]): number {
  const norm = (x: readonly number[]) => Math.hypot(...x);
  return norm(a.map((v, i) => v - b[i])) / Math.max(norm(b), 1e-12);
}
/** Largest |a − b| over max(1, |b|). */
export const apart = (a: readonly number[], b: readonly number[]): number => (a.length === b.length ? Math.max(...a.map((v, i) => Math.abs(v - b[i]) / Math.max(1, Math.abs(b[i])))) : Infinity);
