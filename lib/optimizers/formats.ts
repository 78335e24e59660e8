/**
 * 16-bit number formats of training (IEEE 754 binary16, "half"; bfloat16, the upper half of a float32): rounding to nearest, ties to even,
 * bit for bit that of numpy and PyTorch, with subnormals and infinities. TensorFlow.js has no 16-bit tensors: a rounded number stays a
 * float32 that the format has, so what is shown is what 16 bits do to the numbers, not the memory that they save.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from "../model/dtype";
import { nativeBackend, tf } from "../tensor";

export type Format = "half" | "bfloat16";
/** Bits of exponent and of fraction (without the leading 1). */
export const FORMATS = { float32: { exponent: 8, fraction: 23 }, half: { exponent: 5, fraction: 10 }, bfloat16: { exponent: 8, fraction: 7 } } as const;

/** Each number rounded to the format. */
export function roundTo(values: ArrayLike<number>, format: Format): Float32Array {
  const source = Float32Array.from(values), out = new Float32Array(source.length);
  if (format === "half") fromHalf(toHalf(source), out);
  else fromBfloat16(toBfloat16(source), out);
  return out;
}

/** The bits of a number in a format, after rounding: sign, exponent and fraction. */
export function bitsOf(value: number, format: keyof typeof FORMATS): { sign: string; exponent: string; fraction: string; value: number } {
  const { exponent, fraction } = FORMATS[format], source = Float32Array.of(value);
  const bits = format === "half" ? toHalf(source)[0] : format === "bfloat16" ? toBfloat16(source)[0] : new Uint32Array(source.buffer)[0];
  const text = bits.toString(2).padStart(1 + exponent + fraction, "0");
  return { sign: text[0], exponent: text.slice(1, 1 + exponent), fraction: text.slice(1 + exponent), value: format === "float32" ? source[0] : roundTo([value], format)[0] };
}

/** The tensor rounded to the format, entry by entry. Not differentiable: for weights after an update. */
export function rounded(x: Tensor, format: Format): Tensor {
  const native = nativeBackend();
  if (!native) return tf.tensor(roundTo(x.dataSync(), format), x.shape);
  // In integers, because XLA drops pairs of conversions that it takes for excess precision.
  const { TF_ATTR_TYPE: type, TF_FLOAT, TF_INT32 } = native.binding, T = [{ name: "T", type, value: TF_INT32 }];
  const cast = (t: Tensor, from: number, to: number) => native.executeSingleOutput("Bitcast", [{ name: "T", type, value: from }, { name: "type", type, value: to }], [t]);
  const op = (name: string, a: Tensor, b: number) => native.executeSingleOutput(name, T, [a, tf.scalar(b, "int32")]);
  const dropped = FORMATS.float32.fraction - FORMATS[format].fraction; // bits
  return tf.tidy(() => {
    const bits = cast(x, TF_FLOAT, TF_INT32), even = op("BitwiseAnd", op("RightShift", bits, dropped), 1);
    const nearest = op("BitwiseAnd", tf.add(tf.add(bits, tf.scalar(2 ** (dropped - 1) - 1, "int32")), even), -(2 ** dropped));
    const magnitude = tf.abs(x), normal = tf.where(tf.isFinite(x), cast(nearest, TF_INT32, TF_FLOAT), x);
    if (format === "bfloat16") return normal;
    // Below 2⁻¹⁴ half's numbers are 2⁻²⁴ apart (round() takes ties to even); from 65,520 on the nearest one is infinite.
    const small = tf.mul(tf.round(tf.mul(x, 2 ** 24)), 2 ** -24), large = tf.mul(tf.sign(x), Infinity);
    return tf.where(tf.less(magnitude, 2 ** -14), small, tf.where(tf.greaterEqual(magnitude, 65520), large, normal));
  });
}
