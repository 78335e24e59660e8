/**
 * Keyed random numbers: the same key gives the same numbers, always, in any order of calls.
 * In JavaScript a `Random` stream (xoshiro128**); inside a computation a key tensor and a hash of each entry's index (Wellons' lowbias32),
 * in integer operations that XLA fuses: its own stateless generator takes some 300 times as long on a CPU.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { nativeBackend, tf } from "./backend";

/** 32-bit hash of a string and a number (FNV-1a, then a murmur finaliser): names a stream by what it is for. */
export function hash(text: string, seed = 0): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A stream of pseudo-random numbers for JavaScript code: shuffles, sampling, initial weights. */
export class Random {
  private s: Uint32Array;
  constructor(seed: number, purpose = "") {
    this.s = Uint32Array.from([1, 2, 3, 4], (i) => hash(purpose + i, seed) || i);
  }
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number {
    const s = this.s, rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k));
    const result = Math.imul(rotl(Math.imul(s[1], 5), 7), 9) >>> 0, t = s[1] << 9;
    s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t; s[3] = rotl(s[3], 11);
    return result / 2 ** 32;
  }
  /** Integer in [0, n). */
  integer(n: number): number { return Math.floor(this.uniform() * n); }
  /** Standard normal (Box-Muller). */
  normal(): number { return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform()); }
  /** The same items in random order (Fisher-Yates); the input is left as it is. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) { const j = this.integer(i + 1); [out[i], out[j]] = [out[j], out[i]]; }
    return out;
  }
}

/** Key of a random stream inside a computation: int32 [2]. */
export const key = (seed: number): Tensor => tf.tensor1d([seed | 0, 0], "int32");
/** The key of a sub-stream, e.g. of one site in the network. The order of folding matters: (a, b) is another stream than (b, a). */
export const foldIn = (key: Tensor, purpose: string): Tensor =>
  tf.add(tf.mul(key, tf.tensor1d([1, 5], "int32")), tf.tensor1d([0, hash(purpose) | 0], "int32"));

/** Uniform [0, 1) numbers of a shape, multiples of 2⁻²³: a pure function of the key, eager or compiled. */
export function uniform(shape: number[], key: Tensor): Tensor {
  const native = nativeBackend();
  if (native) {
    const { TF_ATTR_TYPE: type, TF_INT32: value } = native.binding, int = (x: number) => tf.scalar(x | 0, "int32");
    const op = (name: string, a: Tensor, b: Tensor) => native.executeSingleOutput(name, [{ name: "T", value, type }], [a, b]);
    const lowBits = (x: Tensor, n: number) => op("BitwiseAnd", x, int(2 ** n - 1));
    const folded = (x: Tensor, n: number) => op("BitwiseXor", x, lowBits(op("RightShift", x, int(n)), 32 - n)); // x ^ (x >>> n)
    const mix = (x: Tensor) => folded(tf.mul(folded(tf.mul(folded(x, 16), int(0x7feb352d)), 15), int(0x846ca68b)), 16);
    return tf.tidy(() => {
      // the index is mixed before a key comes in, so that the numbers of two keys are no shifted copies of each other
      const [a, b] = tf.split(key, 2), index = tf.range(0, shape.reduce((x, y) => x * y, 1), 1, "int32");
      const bits = mix(tf.add(mix(op("BitwiseXor", mix(index), a)), b));
      return tf.reshape(tf.mul(tf.cast(lowBits(bits, 23), "float32"), 2 ** -23), shape);
    });
  }
  const [a, b] = key.dataSync();
  const random = new Random(a, String(b));
  return tf.tensor(Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, () => Math.floor(random.uniform() * 2 ** 23) * 2 ** -23), shape);
}

/** Inverted dropout (Srivastava et al. 2014): zeroes each entry with probability `rate`, scales the rest by 1/(1 − rate). */
export const dropout = (x: Tensor, rate: number, key: Tensor): Tensor =>
  rate === 0 ? x : tf.mul(x, tf.mul(tf.cast(tf.greaterEqual(uniform(x.shape, key), rate), "float32"), 1 / (1 - rate)));
