/** Mutations of files: of bytes, and of what the bytes mean (JSON, safetensors, GGUF, JSONL, templates). Pure functions of a Random. */
import type { Random } from "tunelab/tensor";
import { ggufFields } from "./gguf";
import { bent, mutateJson, WORDS } from "./json";
import type { Files } from "./memory";

const pick = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)];
const decoder = new TextDecoder(), text = (b: Uint8Array) => decoder.decode(b), bytesOf = (s: string): Uint8Array => Buffer.from(s);
const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);
const BIG = [0n, 1n, 2n, 3n, 7n, 8n, 16n, 31n, 255n, 256n, 65535n, 2n ** 20n, 2n ** 24n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n];

/** An integer of `width` bytes, or a neighbour of the one that is there. */
function setInteger(bytes: Uint8Array, at: number, width: number, random: Random): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), mask = (1n << BigInt(8 * width)) - 1n;
  let now = 0n;
  for (let i = width - 1; i >= 0; i--) now = (now << 8n) | BigInt(view.getUint8(at + i));
  let value = (random.integer(2) ? pick(random, BIG) : now + pick(random, [1n, -1n, 4n, 8n, -8n, 32n, now])) & mask;
  for (let i = 0; i < width; i++, value >>= 8n) view.setUint8(at + i, Number(value & 255n));
}

/** Changes that need no understanding. */
export function mutateBytes(given: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(given), n = bytes.length;
  if (!n) return bytesOf(pick(random, ["\0", "{", "GGUF", "\xff"]));
  // most meaning lies at the beginning
  const place = () => (random.integer(3) ? random.integer(Math.min(n, 200)) : random.integer(n)), at = place(), to = Math.min(n, at + 1 + random.integer(16));
  switch (random.integer(11)) {
    case 0: bytes[at] ^= 1 << random.integer(8); return bytes;
    case 1: bytes[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x0a]); return bytes;
    case 2: return bytes.subarray(0, random.integer(3) ? random.integer(n) : Math.max(0, n - 1 - random.integer(8)));
    case 3: return join(bytes.subarray(0, at), bytes.subarray(to));
    case 4: return join(bytes.subarray(0, at), pick(random, [Uint8Array.of(0), Uint8Array.of(0xff, 0xfe), Uint8Array.of(0xc0, 0x80), Uint8Array.of(0xed, 0xa0, 0x80), new Uint8Array(64), bytesOf(pick(random, WORDS))]), bytes.subarray(at));
    case 5: return join(bytes.subarray(0, to), bytes.subarray(at)); // a piece twice
    case 6: return join(bytes, bytes.subarray(at, to), new Uint8Array(random.integer(40)));
    case 7: { const from = place(); bytes.copyWithin(at, from, Math.min(n, from + 16)); return bytes; }
    case 8: for (let i = at; i < to; i++) bytes[i] = random.integer(256); return bytes;
    case 9: { const width = Math.min(pick(random, [1, 2, 4, 8]), n); setInteger(bytes, Math.min(at, n - width), width, random); return bytes; }
    default: return pick(random, [new Uint8Array(0), bytes.subarray(0, 8), new Uint8Array(16), bytesOf("{}"), bytesOf("null"), bytesOf("[]"), bytesOf("﻿{}")]);
  }
}

/** A file that is [prefix][8 bytes: length][JSON][data]: safetensors (no prefix), and the state of a probe. */
function mutateHeaded(bytes: Uint8Array, prefix: number, random: Random): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(prefix, true)), data = bytes.subarray(prefix + 8 + length);
  const json = text(bytes.subarray(prefix + 8, prefix + 8 + length));
  const built = (header: string, body: Uint8Array, announced?: bigint) => {
    const h = Buffer.from(header), head = Buffer.alloc(8);
    head.writeBigUInt64LE(announced ?? BigInt(h.length));
    return join(bytes.subarray(0, prefix), head, h, body);
  };
  switch (random.integer(6)) {
    case 0: return built(json, data, pick(random, [...BIG, BigInt(length) + 1n, BigInt(length) - 1n, BigInt(bytes.length)]));
    case 1: return built(json, mutateBytes(data, random));
    case 2: case 3: return built(mutateJson(json, random), data);
    case 4: return built(mutateJson(json, random), mutateBytes(data, random));
    default: return prefix ? built(mutateJson(json, random, 1), data) : relaid(JSON.parse(json), data, random, built);
  }
}

const WIDTH: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
/** A sound file with other tensors: renamed, dropped, doubled, of another shape or type, with other numbers in them. */
function relaid(header: Record<string, any>, data: Uint8Array, random: Random, built: (header: string, data: Uint8Array) => Uint8Array): Uint8Array {
  const { __metadata__, ...tensors } = header;
  let list = Object.entries(tensors).map(([name, t]) => ({ name, dtype: t.dtype as string, shape: [...t.shape] as number[], bytes: data.subarray(t.data_offsets[0], t.data_offsets[1]) }));
  const fill = (t: (typeof list)[number]) => { // as many bytes as the shape needs; what is there, repeated
    const size = t.shape.reduce((a, b) => a * b, 1) * WIDTH[t.dtype];
    if (!(size <= 4096)) { t.shape = [1]; return fill(t); }
    const from = t.bytes.length ? t.bytes : Uint8Array.of(1);
    t.bytes = Uint8Array.from({ length: size }, (_, i) => from[i % from.length]);
  };
  for (let n = 1 + random.integer(2); n > 0 && list.length; n--) {
    const t = pick(random, list), i = random.integer(t.shape.length || 1);
    switch (random.integer(9)) {
      case 0: t.name = random.integer(2) ? bent(t.name, random) : pick(random, WORDS); break;
      case 1: list = list.filter((x) => x !== t); break;
      case 2: list.push({ ...t, shape: [...t.shape], name: bent(t.name, random) }); break;
      case 3: t.shape = pick(random, [[...t.shape].reverse(), [...t.shape, 1], [1, ...t.shape], t.shape.slice(1), [], [0], [0, ...t.shape], t.shape.with(i, (t.shape[i] ?? 1) + 1), t.shape.with(i, Math.max(0, (t.shape[i] ?? 1) - 1)), t.shape.with(i, 2 ** 31)].filter((s) => s.every((x) => x !== undefined))); break;
      case 4: t.dtype = pick(random, Object.keys(WIDTH)); break;
      case 5: t.bytes = Uint8Array.from(t.bytes, () => random.integer(256)); break;
      case 6: t.bytes = Uint8Array.from(t.bytes, () => pick(random, [0, 255, 127, 128])); break;
      case 7: t.name = pick(random, WORDS) + t.name.replace(/^.*?(\.[a-z]+)?$/, "$1"); break;
      default: { const u = pick(random, list); [t.bytes, u.bytes, t.shape, u.shape] = [u.bytes, t.bytes, u.shape, t.shape]; }
    }
  }
  list.forEach(fill);
  let at = 0;
  // JSON.stringify would drop a second key of the same name and move "__proto__": written by hand
  const lines = list.map((t) => `${JSON.stringify(t.name)}:${JSON.stringify({ dtype: t.dtype, shape: t.shape, data_offsets: [at, (at += t.bytes.length)] })}`);
  if (__metadata__) lines.unshift(`"__metadata__":${JSON.stringify(__metadata__)}`);
  return built(`{${lines.join()}}`, join(...list.map((t) => t.bytes)));
}

function mutateGguf(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = ggufFields(bytes), out = Uint8Array.from(bytes);
  for (let n = 1 + random.integer(3); n > 0; n--) {
    const field = pick(random, fields);
    if (field.kind === "integer") { setInteger(out, field.at, field.width, random); continue; }
    // a text: other letters of the same number, or another text with its length before it (which ends the series of changes)
    if (random.integer(2)) { for (let i = field.at + 8; i < field.at + 8 + field.width; i++) if (!random.integer(4)) out[i] = pick(random, [0, 0xff, 0x20, 0x2e, 0x61, out[i] ^ 1]); continue; }
    const fresh = Buffer.from(random.integer(2) ? pick(random, WORDS) : bent(text(bytes.subarray(field.at + 8, field.at + 8 + field.width)), random)), head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(fresh.length));
    return join(out.subarray(0, field.at), head, fresh, out.subarray(field.at + 8 + field.width));
  }
  return out;
}

function mutateLines(bytes: Uint8Array, random: Random): Uint8Array {
  const lines = text(bytes).split("\n"), i = random.integer(lines.length), line = lines[i];
  switch (random.integer(8)) {
    case 0: lines.splice(i, 1); break;
    case 1: lines.splice(i, 0, pick(random, ["", " ", "﻿", "null", "[]", "{}", "\r", "1", line])); break;
    case 2: lines[i] = line + pick(random, ["\r", "﻿", ",", " x", line]); break;
    case 3: lines[i] = line.slice(0, random.integer(line.length + 1)); break;
    case 4: return Buffer.from(text(bytes), "utf16le");
    default: try { lines[i] = mutateJson(line, random); } catch { lines[i] = bent(line, random); }
  }
  return bytesOf(lines.join("\n"));
}

const TEMPLATE = ["{{", "}}", "{%", "%}", "{#", "#}", "{% endfor %}", "{% endif %}", "{% for m in messages %}", "{% if true %}", "{% else %}", "{{ messages[0].content }}", "{{ messages[99] }}", "{{ messages.constructor }}", "{{ ''.constructor.constructor('return process')() }}", "{{ range.constructor('return 1')() }}", "{{ range(1000000000) }}", "{% for i in range(300000) %}a{% endfor %}", "{{ raise_exception('no') }}", "{{ strftime_now('%Y') }}", "{{ bos_token }}", "{{ x | tojson }}", "{{ messages | map(attribute='role') | join }}", "{{ 'a' * 100000000 }}", "{% set x = 1 %}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ 1 // 0 }}", "{{ 1 / 0 }}", "{{ ((((1)))) }}", "{{ not }}", "{{ undefined.x.y }}", "{{ __proto__ }}", "{{ messages.__proto__.x }}", "{% include '/etc/passwd' %}", "{% import 'os' as os %}", "{% extends '/etc/passwd' %}", "\0", "((".repeat(300), "{{ 'a' | replace('', 'bb') }}"];
function mutateTemplate(source: string, random: Random): string {
  for (let n = 1 + random.integer(3); n > 0; n--) {
    const i = random.integer(source.length + 1), j = Math.min(source.length, i + random.integer(24));
    source = pick(random, [source.slice(0, i) + pick(random, TEMPLATE) + source.slice(i), source.slice(0, i) + source.slice(j), source.slice(0, j) + source.slice(i), bent(source, random), source + pick(random, TEMPLATE)]);
  }
  return source;
}

/** One file, mutated in the way that its name suggests, or as bytes. */
function mutateFile(name: string, bytes: Uint8Array, random: Random): Uint8Array {
  if (random.integer(4) === 0) return mutateBytes(bytes, random);
  try {
    if (name.endsWith(".safetensors")) return mutateHeaded(bytes, 0, random);
    if (name.endsWith(".probe")) return mutateHeaded(bytes, 16, random);
    if (name.endsWith(".gguf")) return mutateGguf(bytes, random);
    if (name.endsWith(".jsonl")) return mutateLines(bytes, random);
    if (name.endsWith(".jinja")) return bytesOf(mutateTemplate(text(bytes), random));
    if (name.endsWith(".json")) {
      const json = text(bytes);
      if (json.includes("chat_template") && random.integer(2)) { const value = JSON.parse(json); if (typeof value.chat_template === "string") return bytesOf(JSON.stringify({ ...value, chat_template: mutateTemplate(value.chat_template, random) })); }
      return bytesOf(mutateJson(json, random));
    }
  } catch { /* an earlier change has left nothing that can be understood */ }
  return mutateBytes(bytes, random);
}

/** A folder with one or more changes: usually in one file, sometimes in several; rarely a file is missing, empty, or another's. */
export function mutate(files: Files, random: Random): Files {
  const names = Object.keys(files), out: Record<string, Uint8Array> = { ...files };
  if (names.length > 1 && random.integer(40) === 0) {
    const name = pick(random, names), other = pick(random, names);
    if (random.integer(2)) delete out[name]; else out[name] = files[other];
    if (other !== name) return out;
  }
  for (let n = random.integer(4) ? 1 : 2 + random.integer(2); n > 0; n--) {
    const name = pick(random, Object.keys(out));
    out[name] = mutateFile(name, out[name], random);
  }
  return out;
}
