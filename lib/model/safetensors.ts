/**
 * Tensors on disk in the safetensors format (https://github.com/huggingface/safetensors): a JSON header with every
 * tensor's dtype, shape and byte range, then the bytes. A header is checked in full before any tensor is read.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { ByteFile } from "./byte-file";
import { pickleIn, WHY_NO_PICKLE } from "./pickle";
import { decode, DTYPE_BYTES, type Dtype } from "./dtype";

export type { Dtype } from "./dtype";
export * from "./safetensors-write";

/** A tensor that is read when it is needed. */
export interface TensorSource {
  shape: number[];
  /** As stored: a safetensors dtype or a GGML type. */
  dtype: string;
  /** The values as float32, row after row; written to `into` where that is given. */
  read(into?: Float32Array): Float32Array;
  /** The values of an I32 tensor, exactly: float32 has not all integers above 2^24. */
  integers?(): Int32Array;
}

export interface SafetensorsFile {
  path: string;
  tensors: Map<string, TensorSource>;
  metadata: Record<string, string>;
  /** Gives the file back; its tensors cannot be read any more. */
  close(): void;
}

/** As the reference implementation; the header of a model with 10,000 tensors takes about 1 MB. */
const MAX_HEADER = 100_000_000;
const AGAIN = "the file is damaged or not safetensors; download or save it again";

/** Opens a file and checks its header. Throws a TunelabError that names the file, the tensor and the remedy. */
export function openSafetensors(file: string): SafetensorsFile {
  const bytes = new ByteFile(file, "safetensors");
  try {
    const { header, dataStart } = readHeader(bytes);
    const metadata = parseMetadata(header, bytes), ranges: [begin: number, end: number, name: string][] = [];
    const tensors = new Map<string, TensorSource>();
    for (const [name, entry] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      const { dtype, shape, begin, end } = parseEntry(name, entry, bytes);
      ranges.push([begin, end, name]);
      const size = shape.reduce((a, b) => a * b, 1), width = DTYPE_BYTES[dtype];
      tensors.set(name, {
        shape, dtype,
        read: (into = new Float32Array(size)) => bytes.decode(dataStart + begin, width, 1, into, (part, out) => decode(dtype, part, out)),
        ...(dtype === "I32" ? { integers: () => new Int32Array(bytes.read(dataStart + begin, end - begin).buffer) } : {}),
      });
    }
    checkRanges(ranges, bytes.size - dataStart, bytes);
    return { path: file, tensors, metadata, close: () => bytes.close() };
  } catch (error) {
    bytes.close();
    throw error;
  }
}

function readHeader(file: ByteFile): { header: Record<string, unknown>; dataStart: number } {
  if (file.size < 8) file.fail(`has ${file.size} bytes; a safetensors file begins with an 8-byte header length: ${AGAIN}.`);
  const length = Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
  if (length > MAX_HEADER) file.fail(`the first 8 bytes announce a header of ${length} bytes (at most ${MAX_HEADER} can be): ${AGAIN}.`);
  if (length > file.size - 8) file.fail(`the header should have ${length} bytes, but only ${file.size - 8} follow: ${AGAIN}.`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.read(8, length)));
  } catch (error) {
    file.fail(`the header (bytes 8 to ${8 + length}) is not JSON (${(error as Error).message.slice(0, 120)}): ${AGAIN}.`);
  }
  if (!isObject(header)) file.fail(`the header is not a JSON object: ${AGAIN}.`);
  return { header, dataStart: 8 + length };
}

function parseMetadata(header: Record<string, unknown>, file: ByteFile): Record<string, string> {
  const metadata = header.__metadata__ ?? {};
  if (!isObject(metadata) || Object.values(metadata).some((v) => typeof v !== "string"))
    file.fail(`"__metadata__" in the header is not a map of texts: ${AGAIN}.`);
  return metadata as Record<string, string>;
}

function parseEntry(name: string, entry: unknown, file: ByteFile): { dtype: Dtype; shape: number[]; begin: number; end: number } {
  const fail = (what: string): never => file.fail(`tensor "${name}" ${what}`);
  if (!isObject(entry)) return fail(`is not described by an object: ${AGAIN}.`);
  const { dtype, shape, data_offsets: range } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype))
    return fail(`has dtype ${shown(dtype)}; supported are ${Object.keys(DTYPE_BYTES).join(", ")}. Save it as one of these.`);
  if (!isSizes(shape)) return fail(`has shape ${shown(shape)}; a list of whole numbers is needed: ${AGAIN}.`);
  if (!isSizes(range) || range.length !== 2)
    return fail(`has data_offsets ${shown(range)}; two whole numbers are needed: ${AGAIN}.`);
  const needed = shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[dtype as Dtype], [begin, end] = range;
  if (end - begin !== needed)
    return fail(`has ${end - begin} bytes (data_offsets ${begin} to ${end}), but ${dtype} [${shape}] takes ${needed}: ${AGAIN}.`);
  return { dtype: dtype as Dtype, shape, begin, end };
}

/** Together the tensors cover the data exactly, as the format demands: no hole, no overlap, nothing behind the last one. */
function checkRanges(ranges: [number, number, string][], size: number, file: ByteFile): void {
  let covered = 0, before = "";
  for (const [begin, end, name] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin < covered)
      file.fail(`tensor "${name}" (data bytes ${begin} to ${end}) overlaps tensor "${before}" (up to ${covered}): ${AGAIN}.`);
    if (begin > covered) file.fail(`data bytes ${covered} to ${begin}, before tensor "${name}", belong to no tensor: ${AGAIN}.`);
    if (end > size)
      file.fail(`tensor "${name}" ends at data byte ${end}, but only ${size} are there; the file is cut short: download it again.`);
    covered = end;
    before = name;
  }
  if (covered !== size) file.fail(`the tensors end at data byte ${covered}, but ${size} are there: ${AGAIN}.`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
/** At most 40 lines, and how many more there are. */
const listed = (lines: string[]) =>
  lines.slice(0, 40).map((line) => `\n  ${line}`).join("") + (lines.length > 40 ? `\n  … and ${lines.length - 40} more` : "");

/**
 * The tensors of a model folder: model.safetensors, or the shards that model.safetensors.index.json lists.
 * One error names every missing shard and every tensor that is not where the index says.
 */
export function openShards(folder: string): { tensors: Map<string, TensorSource>; close(): void } {
  const single = path.join(folder, "model.safetensors"), index = path.join(folder, "model.safetensors.index.json");
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new TunelabError(`${folder}: is not a folder; name a Hugging Face model folder.`);
  if (fs.existsSync(single)) return openSafetensors(single);
  if (!fs.existsSync(index)) throw new TunelabError(`${folder}: ${noWeights(folder)}`);
  const shardOf = readIndex(index), files = [...new Set(shardOf.values())].sort();
  const missing = files.filter((name) => !fs.existsSync(path.join(folder, name)));
  if (missing.length) {
    const what = `${missing.length} of the ${files.length} files that ${path.basename(index)} lists are missing`;
    throw new TunelabError(`${folder}: ${what}:${listed(missing)}\nDownload them into this folder.`);
  }
  const shards = new Map<string, SafetensorsFile>(), close = () => shards.forEach((shard) => shard.close());
  try {
    for (const name of files) shards.set(name, openSafetensors(path.join(folder, name)));
    const tensors = new Map<string, TensorSource>(), problems: string[] = [];
    for (const [name, file] of shardOf) {
      const source = shards.get(file)!.tensors.get(name);
      if (source) tensors.set(name, source);
      else problems.push(`${name} is not in ${file}`);
    }
    for (const [file, shard] of shards)
      for (const name of shard.tensors.keys())
        if (shardOf.get(name) !== file) problems.push(`${name} is in ${file}, but the index does not say so`);
    if (problems.length)
      throw new TunelabError(`${index}: does not fit the files beside it:${listed(problems)}\nDownload them all again, from one place.`);
    return { tensors, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Tensor name → file name. A file name with a path in it could point anywhere, and is refused. */
function readIndex(index: string): Map<string, string> {
  let json: unknown;
  try { json = JSON.parse(fs.readFileSync(index, "utf8")); }
  catch (error) { throw new TunelabError(`${index}: is not valid JSON (${(error as Error).message}); download it again.`); }
  const map = isObject(json) ? json.weight_map : undefined;
  if (!isObject(map) || !Object.keys(map).length) throw new TunelabError(`${index}: holds no "weight_map"; download it again.`);
  for (const [name, file] of Object.entries(map))
    if (typeof file !== "string" || !/^[^/\\:]+\.safetensors$/.test(file))
      throw new TunelabError(`${index}: puts "${name}" into ${shown(file)}; only plain names of .safetensors files in the same `
        + "folder are allowed. Download it again from a source you trust.");
  return new Map(Object.entries(map as Record<string, string>));
}

function noWeights(folder: string): string {
  const pickle = pickleIn(folder);
  if (!pickle) return "holds neither model.safetensors nor model.safetensors.index.json; download the safetensors files into it.";
  return `holds ${pickle}, ${WHY_NO_PICKLE}. Convert it in Python: `
    + `AutoModelForCausalLM.from_pretrained("${folder}").save_pretrained("${folder}", safe_serialization=True)`;
}
