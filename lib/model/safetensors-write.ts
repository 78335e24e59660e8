/** Writing safetensors files (see safetensors.ts): one rename, no half-written file under the real name. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";
import { partialOf } from "./partial";
import { DTYPE_BYTES, toBfloat16, toHalf, type Dtype } from "./dtype";

export interface TensorData {
  shape: readonly number[];
  /** The values; a function is called when its turn has come, so that a large model need not be in memory at once. */
  data: Float32Array | Int32Array | (() => Float32Array | Int32Array);
  /** I32 for Int32Array and F32 for everything else, where absent. */
  dtype?: "F32" | "F16" | "BF16" | "I32";
}

const PIECE = 2 ** 20;

/**
 * Writes tensors to a file that appears, complete, under its name by one rename: on any error (a full disk, say) what was
 * there before is unharmed. The same tensors give the same bytes. Finite values that F16 cannot hold are an error.
 */
export function writeSafetensors(
  file: string, tensors: Readonly<Record<string, TensorData>>, metadata: Readonly<Record<string, string>> = {},
): void {
  // 4-byte dtypes first, so that every tensor is aligned; then by name
  const entries = Object.entries(tensors)
    .map(([name, t]) => ({ name, ...t, dtype: t.dtype ?? (t.data instanceof Int32Array ? "I32" : "F32") as Dtype }))
    .sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || (a.name < b.name ? -1 : 1));
  const header: Record<string, unknown> = Object.keys(metadata).length ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const { name, shape, dtype } of entries) {
    if (name === "__metadata__") throw new TunelabError(`${file}: no tensor can be called "__metadata__"; rename it.`);
    const end = offset + shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header)), padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);

  const partial = partialOf(file);
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(partial, "w");
    writeAll(descriptor, padded);
    for (const { name, shape, dtype, data } of entries) {
      const values = typeof data === "function" ? data() : data, size = shape.reduce((a, b) => a * b, 1);
      if (values.length !== size)
        throw new TunelabError(`${file}: tensor "${name}" [${shape}] needs ${size} values, but ${values.length} were given.`);
      for (let i = 0; i < size; i += PIECE) writeAll(descriptor, encode(values.subarray(i, i + PIECE), dtype, name, file));
    }
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
    descriptor = undefined;
    fs.renameSync(partial, file);
  } catch (error) {
    if (descriptor !== undefined) fs.closeSync(descriptor);
    fs.rmSync(partial, { force: true });
    if (error instanceof TunelabError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (!code) throw error;
    const remedy = code === "ENOSPC" || code === "EDQUOT" ? `the disk is full; ${Math.ceil(offset / 1e6)} MB are needed`
      : "check that the folder exists and may be written to";
    throw new TunelabError(`${file}: cannot be written (${(error as Error).message}); ${remedy}. What was there before is unharmed.`);
  }
}

function encode(values: Float32Array | Int32Array, dtype: Dtype, name: string, file: string): Uint8Array {
  let out: Float32Array | Int32Array | Uint16Array;
  if (dtype === "I32") out = values instanceof Int32Array ? values : Int32Array.from(values);
  else {
    const floats = values instanceof Float32Array ? values : Float32Array.from(values);
    out = dtype === "F32" ? floats : dtype === "F16" ? toHalf(floats) : toBfloat16(floats);
    for (let i = 0; dtype === "F16" && i < floats.length; i++)
      if ((out[i] & 0x7fff) === 0x7c00 && Number.isFinite(floats[i]))
        throw new TunelabError(`${file}: tensor "${name}" holds ${floats[i]}, and F16 ends at 65504; write it as BF16 or F32.`);
  }
  return new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done);
}
