/**
 * The fast Walsh-Hadamard transform, differentiable: H_N is the Kronecker product of small Hadamard matrices, so that a few
 * small matrix products take the place of the log₂ N rounds of additions (Fino & Algazi 1976).
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { tf } from "../tensor";

const RADIX = 32;

/** Walsh-Hadamard transform of every row, not normalised (H² = N·I): [b, N] → [b, N], N a power of 2. */
export function hadamard(x: Tensor): Tensor {
  const [b, N] = x.shape as [number, number];
  if (N < 1 || (N & (N - 1)) !== 0) throw new TunelabError(`hadamard: rows have ${N} entries; the number must be a power of 2.`);
  // Multiply the last axis by a small matrix, and turn the axes on by one.
  let y = x;
  for (let left = N; left > 1; ) {
    const f = Math.min(left, RADIX);
    y = tf.matMul(tf.reshape(y, [(b * N) / f, f]) as never, hadamardMatrix(f) as never);
    y = tf.reshape(tf.transpose(tf.reshape(y, [b, N / f, f]), [0, 2, 1]), [b, N]);
    left /= f;
  }
  return y;
}
const hadamardMatrix = (n: number): Tensor => {
  const odd = (k: number): boolean => { let c = false; for (; k; k &= k - 1) c = !c; return c; };
  return tf.tensor2d(Float32Array.from({ length: n * n }, (_, k) => (odd(Math.floor(k / n) & k % n) ? -1 : 1)), [n, n]);
};
