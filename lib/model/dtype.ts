/**
 * Number formats of checkpoint files and their conversion to and from float32.
 * Rounding is to nearest, ties to even; subnormals, infinities and NaN behave as in numpy and PyTorch.
 * Multi-byte values are little-endian, as in the files and on every machine that Node runs on.
 */

/** Dtypes of safetensors that can be read, with their size in bytes. */
export const DTYPE_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type Dtype = keyof typeof DTYPE_BYTES;

/** float32 bit patterns of all 65,536 float16 values. */
const HALF_BITS = Uint32Array.from({ length: 65536 }, (_, h) => {
  const sign = (h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
  if (exponent === 31) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (!mantissa) return sign;
  const shift = Math.clz32(mantissa) - 21; // a subnormal half is a normal float32
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 1023) << 13);
});
/** All float16 values as numbers. */
export const HALF_VALUES = new Float32Array(HALF_BITS.buffer);

/** float16 bits to float32: out[i] = source[i]. Works on bits, so that the payload of a NaN stays. */
export function fromHalf(source: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < source.length; i++) bits[i] = HALF_BITS[source[i]];
}

/** bfloat16 bits to float32. */
export function fromBfloat16(source: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i] << 16;
}

/** float32 to float16 bits; values beyond 65,504 become infinite. */
export function toHalf(source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length), out = new Uint16Array(source.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (bits[i] >>> 16) & 0x8000, magnitude = bits[i] & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00 | ((magnitude >> 13) & 0x3ff); // NaN, made quiet
    else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00; // 65,520 and more rounds to infinity
    else if (magnitude >= 0x38800000) out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
    else if (magnitude <= 0x33000000) out[i] = sign; // up to half of the smallest subnormal: zero
    else {
      const shift = 126 - (magnitude >> 23), mantissa = (magnitude & 0x7fffff) | 0x800000; // 14 to 24 places
      out[i] = sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >> shift) & 1)) >> shift);
    }
  }
  return out;
}

/** float32 to bfloat16 bits. */
export function toBfloat16(source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length), out = new Uint16Array(source.length);
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i];
    out[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return out;
}

const WHOLE = { I32: Int32Array, I16: Int16Array, I8: Int8Array, U8: Uint8Array } as const;

/** Decodes little-endian bytes into float32, filling `out`. `bytes` must start at a multiple of 8 in its buffer. */
export function decode(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>, out: Float32Array): void {
  const { buffer, byteOffset } = bytes, n = out.length;
  switch (dtype) {
    case "F32": return out.set(new Float32Array(buffer, byteOffset, n));
    case "F16": return fromHalf(new Uint16Array(buffer, byteOffset, n), out);
    case "BF16": return fromBfloat16(new Uint16Array(buffer, byteOffset, n), out);
    case "F64": return out.set(new Float64Array(buffer, byteOffset, n));
    case "I64": return new BigInt64Array(buffer, byteOffset, n).forEach((value, i) => { out[i] = Number(value); });
    case "BOOL": return bytes.forEach((value, i) => { out[i] = value ? 1 : 0; });
    default: return out.set(new WHOLE[dtype](buffer, byteOffset, n));
  }
}
