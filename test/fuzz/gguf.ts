/** GGUF for the fuzzer: a writer for tiny models, and a walk over a sound file that says where its numbers and texts lie. */

type Value = [type: number, value: unknown];
export const U32 = (v: number): Value => [4, v], F32 = (v: number): Value => [6, v], TEXT = (v: string): Value => [8, v], TRUE: Value = [7, 1];
export const LIST = (of: number, values: readonly unknown[]): Value => [9, [of, values]];

const u32 = (v: number) => { const b = Buffer.alloc(4); b.writeUInt32LE(v); return b; };
const u64 = (v: number) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(v)); return b; };
const f32 = (v: number) => { const b = Buffer.alloc(4); b.writeFloatLE(v); return b; };
const string = (s: string) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);
function encoded([type, value]: Value): Buffer {
  if (type === 8) return string(value as string);
  if (type === 6) return f32(value as number);
  if (type === 7) return Buffer.of(value as number);
  if (type === 9) { const [of, list] = value as [number, unknown[]]; return Buffer.concat([u32(of), u64(list.length), ...list.map((v) => encoded([of, v]))]); }
  return u32(value as number);
}

/** A GGUF file of version 3; tensors in F32, shapes as Hugging Face has them. */
export function writeGguf(metadata: Record<string, Value>, tensors: Record<string, { shape: number[]; data: Float32Array }>): Buffer {
  const infos: Buffer[] = [], data: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data: values }] of Object.entries(tensors)) {
    infos.push(string(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(0), u64(offset));
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength), padded = Buffer.alloc(Math.ceil(bytes.length / 32) * 32);
    bytes.copy(padded);
    data.push(padded);
    offset += padded.length;
  }
  const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(Object.keys(tensors).length), u64(Object.keys(metadata).length), ...Object.entries(metadata).flatMap(([k, v]) => [string(k), u32(v[0]), encoded(v)]), ...infos]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), ...data]);
}

/** An integer of `width` bytes, or a text: 8 bytes of length at `at`, then `width` bytes. */
export interface Field { kind: "integer" | "text"; at: number; width: number }
const WIDTH: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const known = new Map<string, Field[]>();

/** Where the header's fields lie; throws where the file is not sound. */
export function ggufFields(bytes: Uint8Array): Field[] {
  const name = `${bytes.length} ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1", 24, 200)}`, before = known.get(name);
  if (before) return before;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), fields: Field[] = [];
  let at = 4;
  const integer = (width: number): number => {
    if (!(at + width <= bytes.length)) throw new Error("not sound");
    fields.push({ kind: "integer", at, width });
    const value = width === 8 ? Number(view.getBigUint64(at, true)) : width === 4 ? view.getUint32(at, true) : 0;
    at += width;
    return value;
  };
  const texts = () => { const length = Number(view.getBigUint64(at, true)); fields.push({ kind: "text", at, width: length }, { kind: "integer", at, width: 8 }); at += 8 + length; if (at > bytes.length) throw new Error("not sound"); };
  const value = (type: number): void => {
    if (type === 8) return texts();
    if (type !== 9) { integer(WIDTH[type]); return; }
    const of = integer(4), n = integer(8);
    for (let i = 0; i < n; i++) value(of);
  };
  integer(4);
  const tensors = integer(8), entries = integer(8);
  for (let i = 0; i < entries; i++) { texts(); value(integer(4)); }
  for (let i = 0; i < tensors; i++) { texts(); const rank = integer(4); for (let d = 0; d < rank; d++) integer(8); integer(4); integer(8); }
  if (known.size > 50) known.clear();
  known.set(name, fields);
  return fields;
}
