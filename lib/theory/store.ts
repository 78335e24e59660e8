/**
 * The state of a probe in one file, to go on later bit for bit: JSON, followed by the float arrays that it mentions, as they
 * lie in memory. The file appears by one rename.
 */
import * as fs from "node:fs";
import { TunelabError } from "../errors";
import { partialOf } from "../model/partial";

const MAGIC = "tunelab probe 1\n", KINDS = { Float64Array, Float32Array } as const;
type Kind = keyof typeof KINDS;
interface Mention { $array: number; kind: Kind; length: number }

/** Writes the state that a probe returned. */
export function saveProbe(file: string, state: object): void {
  const arrays: (Float64Array | Float32Array)[] = [];
  const json = Buffer.from(JSON.stringify(state, (_key, value) => {
    if (!(value instanceof Float64Array || value instanceof Float32Array)) return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
    arrays.push(value);
    return { $array: arrays.length - 1, kind: value instanceof Float64Array ? "Float64Array" : "Float32Array", length: value.length } satisfies Mention;
  }));
  const head = Buffer.alloc(8), partial = partialOf(file);
  head.writeBigUInt64LE(BigInt(json.length));
  try {
    const out = fs.openSync(partial, "w"), write = (b: Uint8Array) => { for (let at = 0; at < b.byteLength; ) at += fs.writeSync(out, b, at, Math.min(b.byteLength - at, 2 ** 28)); };
    try { [Buffer.from(MAGIC), head, json, ...arrays.map((a) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength))].forEach(write); fs.fsyncSync(out); } finally { fs.closeSync(out); }
    fs.renameSync(partial, file);
  } catch (error) {
    fs.rmSync(partial, { force: true });
    throw new TunelabError(`${file}: the probe's state cannot be written (${(error as Error).message}); check that the folder exists and that there is space.`);
  }
}

/** Reads a state back. */
export function loadProbe<T>(file: string): T {
  const fail = (why: string): never => { throw new TunelabError(`${file}: is not a readable probe state (${why}); delete it and start again.`); };
  let descriptor: number;
  try { descriptor = fs.openSync(file, "r"); } catch (error) { return fail((error as Error).message); }
  // Piece by piece: a basis may be larger than one buffer can be.
  const read = (size: number): Uint8Array => {
    const out = new Uint8Array(size);
    for (let at = 0; at < size; ) { const n = fs.readSync(descriptor, out, at, Math.min(size - at, 2 ** 28), null); if (!n) throw new Error("it ends too early"); at += n; }
    return out;
  };
  try {
    if (Buffer.from(read(MAGIC.length)).toString() !== MAGIC) throw new Error("it does not begin as one");
    const length = Number(Buffer.from(read(8)).readBigUInt64LE()), mentions: Mention[] = [];
    if (length > fs.fstatSync(descriptor).size) throw new Error("it ends too early");
    const json = Buffer.from(read(length)).toString(), arrays: (Float64Array | Float32Array)[] = [];
    JSON.parse(json, (_key, value) => { if (value && typeof value === "object" && "$array" in value) mentions.push(value as Mention); return value; });
    let left = fs.fstatSync(descriptor).size - MAGIC.length - 8 - length;
    for (const [i, { $array, kind, length }] of mentions.sort((a, b) => a.$array - b.$array).entries()) {
      if ($array !== i || !Object.hasOwn(KINDS, kind) || !Number.isSafeInteger(length) || length < 0) throw new Error("it mentions an array in a wrong way");
      if ((left -= length * KINDS[kind].BYTES_PER_ELEMENT) < 0) throw new Error("it ends too early");
    }
    for (const { kind, length } of mentions) arrays.push(new KINDS[kind](read(length * KINDS[kind].BYTES_PER_ELEMENT).buffer as ArrayBuffer));
    return JSON.parse(json, (_key, value) => {
      if (value && typeof value === "object" && "$number" in value) return Number(value.$number);
      return value && typeof value === "object" && "$array" in value ? arrays[(value as Mention).$array] : value;
    }) as T;
  } catch (error) { return fail(error instanceof RangeError ? "its JSON is nested too deep" : (error as Error).message); } finally { fs.closeSync(descriptor); }
}
