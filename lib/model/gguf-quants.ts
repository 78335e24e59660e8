/**
 * GGML's tensor types and their decoding to float32, equal to the last bit to Python's gguf.quants (and ggml-quants.c):
 * scales have 11 significant bits and what they are multiplied with has few, so that inner products are exact in float32 too,
 * and the one rounding is that of the result.
 */
import { fromBfloat16, fromHalf, HALF_VALUES } from "./dtype";

/** How the rows of a tensor are cut into blocks, and how whole blocks are decoded. */
export interface GgmlType {
  name: string;
  blockValues: number;
  blockBytes: number;
  /** `bytes` starts at a multiple of 4 in its buffer. */
  decode(bytes: Uint8Array, out: Float32Array): void;
}

const words = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
const half = (bytes: Uint8Array, at: number) => HALF_VALUES[bytes[at] | (bytes[at + 1] << 8)];
const signed = (byte: number) => (byte << 24) >> 24;

/** 32 values: scale, 32 signed bytes. */
function q8_0(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, o = 0; o < out.length; at += 34, o += 32) {
    const d = half(bytes, at);
    for (let i = 0; i < 32; i++) out[o + i] = d * signed(bytes[at + 2 + i]);
  }
}

/** 32 values: scale, 16 bytes with values i and i + 16 in the low and high four bits; 8 stands for zero. */
function q4_0(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, o = 0; o < out.length; at += 18, o += 32) {
    const d = half(bytes, at);
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 2 + i];
      out[o + i] = d * ((q & 15) - 8);
      out[o + i + 16] = d * ((q >> 4) - 8);
    }
  }
}

/** 32 values: scale, minimum, 16 bytes as in Q4_0. */
function q4_1(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, o = 0; o < out.length; at += 20, o += 32) {
    const d = half(bytes, at), m = half(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 4 + i];
      out[o + i] = d * (q & 15) + m;
      out[o + i + 16] = d * (q >> 4) + m;
    }
  }
}

/** 256 values: scale, scale of minima, 8 six-bit scales and 8 six-bit minima in 12 bytes, 128 bytes of 4-bit values. */
function q4_k(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, o = 0; o < out.length; at += 144, o += 256) {
    const d = half(bytes, at), dmin = half(bytes, at + 2), s = at + 4;
    for (let group = 0; group < 8; group++) {
      // groups 0-3 have their six bits in one byte; of groups 4-7 the upper two bits sit on top of those
      const j = group & 3, low = group < 4;
      const scale = low ? bytes[s + j] & 63 : (bytes[s + 8 + j] & 15) | ((bytes[s + j] >> 2) & 48);
      const min = low ? bytes[s + 4 + j] & 63 : (bytes[s + 8 + j] >> 4) | ((bytes[s + 4 + j] >> 2) & 48);
      const ds = d * scale, dm = dmin * min;
      const q = at + 16 + (group >> 1) * 32, shift = (group & 1) * 4;
      for (let i = 0; i < 32; i++) out[o + group * 32 + i] = ds * ((bytes[q + i] >> shift) & 15) - dm;
    }
  }
}

/** 256 values: 128 bytes with the lower four bits, 64 with the upper two, 16 signed scales, scale; 32 stands for zero. */
function q6_k(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, o = 0; o < out.length; at += 210, o += 256) {
    const d = half(bytes, at + 208);
    for (let group = 0; group < 8; group++) {
      const half = group >> 2, quarter = group & 3;
      const ql = at + half * 64 + (quarter & 1) * 32, lowShift = (quarter >> 1) * 4;
      const qh = at + 128 + half * 32, highShift = quarter * 2;
      for (let i = 0; i < 32; i++) {
        const scale = d * signed(bytes[at + 192 + group * 2 + (i >> 4)]);
        out[o + group * 32 + i] = scale * ((((bytes[ql + i] >> lowShift) & 15) | (((bytes[qh + i] >> highShift) & 3) << 4)) - 32);
      }
    }
  }
}

const type = (name: string, blockValues: number, blockBytes: number, decode: GgmlType["decode"]): GgmlType =>
  ({ name, blockValues, blockBytes, decode });

/** The types that can be read, by their number in the file. */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map([
  [0, type("F32", 1, 4, (bytes, out) => out.set(new Float32Array(bytes.buffer, bytes.byteOffset, out.length)))],
  [1, type("F16", 1, 2, (bytes, out) => fromHalf(words(bytes), out))],
  [2, type("Q4_0", 32, 18, q4_0)],
  [3, type("Q4_1", 32, 20, q4_1)],
  [8, type("Q8_0", 32, 34, q8_0)],
  [12, type("Q4_K", 256, 144, q4_k)],
  [14, type("Q6_K", 256, 210, q6_k)],
  [30, type("BF16", 1, 2, (bytes, out) => fromBfloat16(words(bytes), out))],
]);

/** Names of the types that cannot be read, for the error message. */
export const OTHER_GGML_TYPES: Readonly<Record<number, string>> = {
  6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
  19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
  29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
};
