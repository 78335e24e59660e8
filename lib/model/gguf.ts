/**
 * GGUF files, versions 2 and 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata and tensors.
 * A parser of its own rather than @huggingface/gguf, which pads a truncated local file with zeros and reads on, cuts a text
 * that ends on the border of two chunks, and names neither the place nor the tensor in its errors.
 * Nothing is allocated on the word of the file alone: every count and length is first held against the bytes that are there.
 */
import { ByteFile } from "./byte-file";
import { GGML_TYPES, OTHER_GGML_TYPES, type GgmlType } from "./gguf-quants";
import type { TensorSource } from "./safetensors";
import { shown } from "../shown";

export interface GGUF {
  path: string;
  /** Numbers, booleans, texts and arrays of these; 64-bit integers beyond 2^53 as bigint. */
  metadata: Record<string, unknown>;
  /** By their names in the file; shapes in the order of Hugging Face: [out, in]. */
  tensors: Map<string, TensorSource>;
  close(): void;
}

/** Far above real files (a 256,000-token vocabulary with merges takes 15 MB), far below what hurts. */
const MAX_HEADER = 2 ** 28, MAX_STRING = 2 ** 24, MAX_ARRAY = 2 ** 24, MAX_ENTRIES = 2 ** 16, MAX_NAME = 1024, MAX_NESTING = 4;
const AGAIN = "the file is cut short or damaged; download it again";

const ARRAY = 9;
const SCALARS: Readonly<Record<number, { bytes: number; read(view: DataView, at: number): unknown }>> = {
  0: { bytes: 1, read: (v, at) => v.getUint8(at) },
  1: { bytes: 1, read: (v, at) => v.getInt8(at) },
  2: { bytes: 2, read: (v, at) => v.getUint16(at, true) },
  3: { bytes: 2, read: (v, at) => v.getInt16(at, true) },
  4: { bytes: 4, read: (v, at) => v.getUint32(at, true) },
  5: { bytes: 4, read: (v, at) => v.getInt32(at, true) },
  6: { bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  7: { bytes: 1, read: (v, at) => v.getUint8(at) !== 0 },
  10: { bytes: 8, read: (v, at) => narrow(v.getBigUint64(at, true)) },
  11: { bytes: 8, read: (v, at) => narrow(v.getBigInt64(at, true)) },
  12: { bytes: 8, read: (v, at) => v.getFloat64(at, true) },
};
const STRING = 8;
const narrow = (n: bigint): number | bigint => (n >= -(2n ** 53n) && n <= 2n ** 53n ? Number(n) : n);

/** Reads forward through the header, a window at a time. */
class Cursor {
  position = 0;
  /** What is being read, for errors. */
  place = "the file header";
  #window = new DataView(new ArrayBuffer(0));
  #start = 0;
  readonly #text = new TextDecoder();

  constructor(readonly file: ByteFile) {}

  fail(what: string): never { return this.file.fail(`${this.place} (byte ${this.position}): ${what}`); }

  /** Bytes that may still belong to the header. */
  get left(): number { return Math.min(this.file.size, MAX_HEADER) - this.position; }

  /** Moves past `length` bytes and returns where they lie in the window. */
  #take(length: number): number {
    if (length > this.left) {
      if (this.position + length > this.file.size)
        this.fail(`${length} more bytes are needed, but the file ends at byte ${this.file.size}; it is cut short: download it again.`);
      this.fail(`the metadata is longer than ${MAX_HEADER} bytes; ${AGAIN}.`);
    }
    if (this.position + length > this.#start + this.#window.byteLength) {
      this.#start = this.position;
      const size = Math.min(this.file.size - this.position, Math.max(length, 2 ** 20));
      this.#window = new DataView(this.file.read(this.position, size).buffer);
    }
    const at = this.position - this.#start;
    this.position += length;
    return at;
  }

  scalar(type: number): unknown {
    const at = this.#take(SCALARS[type].bytes);
    return SCALARS[type].read(this.#window, at);
  }

  uint32(): number { return this.scalar(4) as number; }

  /** An unsigned 64-bit number that must not exceed `most`. */
  count(what: string, most: number): number {
    const n = this.scalar(10) as number | bigint;
    if (n > most) this.fail(`${what} is ${n}, more than the ${most} that are possible here; ${AGAIN}.`);
    return n as number;
  }

  string(most = MAX_STRING): string {
    const length = this.count("the length of a text", Math.min(most, this.left)), at = this.#take(length);
    return this.#text.decode(new Uint8Array(this.#window.buffer, at, length));
  }

  value(type: number, nesting = 0): unknown {
    if (type === STRING) return this.string();
    if (type !== ARRAY) return SCALARS[type] ? this.scalar(type) : this.fail(`value type ${type} does not exist; ${AGAIN}.`);
    if (nesting === MAX_NESTING) this.fail(`arrays are nested more than ${MAX_NESTING} deep; ${AGAIN}.`);
    const of = this.uint32(), smallest = of === STRING ? 8 : of === ARRAY ? 12 : SCALARS[of]?.bytes;
    if (!smallest) this.fail(`array elements of type ${of} do not exist; ${AGAIN}.`);
    const length = this.count("the length of an array", Math.min(MAX_ARRAY, Math.floor(this.left / smallest)));
    const values: unknown[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(of, nesting + 1));
    return values;
  }
}

/** Opens a GGUF file and checks metadata and tensor table. Throws a TunelabError that names the file, the place and the remedy. */
export async function openGGUF(path: string): Promise<GGUF> {
  const file = new ByteFile(path, "GGUF");
  try {
    const cursor = new Cursor(file), { tensorCount, metadataCount } = readPreamble(cursor);
    const metadata = readMetadata(cursor, metadataCount);
    const infos = readTensorInfos(cursor, tensorCount);
    return { path, metadata, tensors: placeTensors(infos, cursor.position, metadata, file), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readPreamble(cursor: Cursor): { tensorCount: number; metadataCount: number } {
  const { file } = cursor;
  if (file.size < 24) file.fail(`has ${file.size} bytes, less than the header of a GGUF file; download it again.`);
  const magic = Buffer.from(file.read(0, 4)).toString("latin1");
  if (magic !== "GGUF")
    file.fail(`begins with ${shown(magic)}, not with "GGUF": it is not a GGUF file, or a failed download; download it again.`);
  cursor.position = 4;
  const version = cursor.uint32();
  if (version && !(version & 0xffff))
    file.fail("is a big-endian GGUF file; only little-endian ones are supported. Convert it with Python's gguf-convert-endian.");
  if (version !== 2 && version !== 3)
    file.fail(`is GGUF version ${version}; versions 2 and 3 are supported. Convert the model again with a current llama.cpp.`);
  // the least that an entry can take: 24 bytes a tensor, 13 a metadata entry
  const tensorCount = cursor.count("the number of tensors", Math.min(MAX_ENTRIES, Math.floor(cursor.left / 24)));
  const metadataCount = cursor.count("the number of metadata entries", Math.min(MAX_ENTRIES, Math.floor(cursor.left / 13)));
  return { tensorCount, metadataCount };
}

function readMetadata(cursor: Cursor, count: number): Record<string, unknown> {
  const entries = new Map<string, unknown>();
  for (let i = 0; i < count; i++) {
    cursor.place = `metadata entry ${i + 1} of ${count}`;
    const key = cursor.string(MAX_NAME) || cursor.fail(`its key is empty; ${AGAIN}.`);
    cursor.place += ` "${key}"`;
    if (entries.has(key)) cursor.fail(`this key is there twice; ${AGAIN}.`);
    entries.set(key, cursor.value(cursor.uint32()));
  }
  return Object.fromEntries(entries);
}

interface TensorInfo { name: string; shape: number[]; type: GgmlType; offset: number; bytes: number }

function readTensorInfos(cursor: Cursor, count: number): TensorInfo[] {
  const infos: TensorInfo[] = [], names = new Set<string>();
  for (let i = 0; i < count; i++) {
    cursor.place = `tensor ${i + 1} of ${count}`;
    const name = cursor.string(MAX_NAME) || cursor.fail(`its name is empty; ${AGAIN}.`);
    cursor.place += ` "${name}"`;
    if (names.has(name)) cursor.fail(`this name is there twice; ${AGAIN}.`);
    names.add(name);
    const rank = cursor.uint32();
    if (rank < 1 || rank > 4) cursor.fail(`has ${rank} dimensions; 1 to 4 are possible: ${AGAIN}.`);
    const shape = Array.from({ length: rank }, () => cursor.count("a dimension", 2 ** 40)); // fastest dimension first
    if (shape.includes(0)) cursor.fail(`has shape [${shape}], with no element; ${AGAIN}.`);
    const number = cursor.uint32(), type = GGML_TYPES.get(number);
    if (!type) {
      const other = OTHER_GGML_TYPES[number], known = [...GGML_TYPES.values()].map((t) => t.name).join(", ");
      if (!other) return cursor.fail(`has type ${number}, which does not exist; ${AGAIN}.`);
      return cursor.fail(`is stored as ${other}, which is not supported; use a file in one of ${known}, such as the model's Q8_0 file.`);
    }
    if (shape[0] % type.blockValues)
      cursor.fail(`rows of ${shape[0]} values cannot be cut into blocks of ${type.blockValues} (${type.name}); ${AGAIN}.`);
    const bytes = shape.reduce((a, b) => a * b, 1) / type.blockValues * type.blockBytes;
    infos.push({ name, shape: shape.reverse(), type, offset: cursor.count("the offset", Number.MAX_SAFE_INTEGER), bytes });
  }
  return infos;
}

/** Checks where the tensors lie: aligned, inside the file, not on top of each other. */
function placeTensors(
  infos: TensorInfo[], headerEnd: number, metadata: Record<string, unknown>, file: ByteFile,
): Map<string, TensorSource> {
  const alignment = metadata["general.alignment"] ?? 32;
  if (typeof alignment !== "number" || !Number.isInteger(alignment) || alignment < 8 || alignment % 8 || alignment > 2 ** 20)
    file.fail(`"general.alignment" is ${shown(alignment)}; a multiple of 8 is needed: ${AGAIN}.`);
  const dataStart = Math.ceil(headerEnd / alignment) * alignment;
  let end = dataStart, before = "";
  for (const { name, offset, bytes } of [...infos].sort((a, b) => a.offset - b.offset)) {
    const start = dataStart + offset;
    if (offset % alignment)
      file.fail(`tensor "${name}" begins at data byte ${offset}, which is not a multiple of the alignment ${alignment}; ${AGAIN}.`);
    if (start < end) file.fail(`tensor "${name}" (from byte ${start}) overlaps tensor "${before}" (up to byte ${end}); ${AGAIN}.`);
    if (start + bytes > file.size)
      file.fail(`tensor "${name}" takes bytes ${start} to ${start + bytes}, but the file ends at byte ${file.size}; it is cut short: `
        + "download it again.");
    end = start + bytes;
    before = name;
  }
  return new Map(infos.map(({ name, shape, type, offset }) => [name, {
    shape, dtype: type.name,
    read: (into = new Float32Array(shape.reduce((a, b) => a * b, 1))) => file.decode(dataStart + offset, type.blockBytes, type.blockValues, into, type.decode),
  }]));
}
