import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, mock, test } from "node:test";
import { TunelabError } from "tunelab";
import { openSafetensors, openShards, writeSafetensors } from "tunelab/model";

const fixture = JSON.parse(fs.readFileSync("test/fixtures/gguf/dtypes.json", "utf8"));
let folder: string;
before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-")); });
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => path.join(folder, name);
const put = (name: string, ...parts: Uint8Array[]) => { fs.writeFileSync(at(name), Buffer.concat(parts)); return at(name); };
const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
/** Asserts a TunelabError whose message begins with `start`. */
const userError = (start: string, message: RegExp) => (e: Error) => {
  assert.ok(e instanceof TunelabError && e.message.startsWith(start), String(e));
  assert.match(e.message, message);
  return true;
};
/** Length and header of a safetensors file; a text is used as it is. */
function head(header: unknown, length?: number | bigint): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header)), size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length ?? json.length));
  return Buffer.concat([size, json]);
}
const one = (dtype: string, n: number, bytes: number) => head({ x: { dtype, shape: [n], data_offsets: [0, bytes] } });
const readOne = (file: string) => { const f = openSafetensors(file); try { return f.tensors.get("x")!.read(); } finally { f.close(); } };
const sha = (values: Float32Array) => createHash("sha256").update(bytesOf(values)).digest("hex");

test("float16 and bfloat16 are rounded as numpy and PyTorch do", () => {
  const data = new Float32Array(Uint32Array.from(fixture.float32).buffer), n = data.length;
  for (const [dtype, name] of [["BF16", "bfloat16"], ["F16", "float16"]] as const) {
    // F16 cannot hold what numpy turns to infinity; the writer refuses that, see below
    const keep = [...data.keys()].filter((i) => dtype === "BF16" || !Number.isFinite(data[i]) || (fixture.float16[i] & 0x7fff) !== 0x7c00);
    assert.ok(keep.length > n / 2);
    writeSafetensors(at("rounded"), { x: { shape: [keep.length], data: Float32Array.from(keep, (i) => data[i]), dtype } });
    const stored = fs.readFileSync(at("rounded")).subarray(-2 * keep.length);
    assert.deepEqual(Array.from(keep, (_, i) => stored.readUInt16LE(2 * i)), keep.map((i) => fixture[name][i]), dtype);
  }
});

test("all 65,536 float16 and bfloat16 values are read as numpy and PyTorch read them", () => {
  for (const dtype of ["F16", "BF16"]) {
    const values = readOne(put("all", one(dtype, 65536, 131072), bytesOf(Uint16Array.from({ length: 65536 }, (_, i) => i))));
    assert.equal(values.filter(Number.isNaN).length, fixture.nans[dtype], dtype);
    assert.equal(sha(values.map((v) => (Number.isNaN(v) ? 0 : v))), fixture.widened[dtype], dtype);
  }
});

test("every dtype becomes float32", () => {
  const cases: [string, ArrayBufferView, number[]][] = [
    ["F64", Float64Array.of(0.1, -1e300, 1e-320), [Math.fround(0.1), -Infinity, 0]],
    ["F32", Float32Array.of(0.5, -Infinity), [0.5, -Infinity]],
    ["I64", BigInt64Array.of(-3n, 2n ** 40n), [-3, 2 ** 40]],
    ["I32", Int32Array.of(-3, 70000), [-3, 70000]],
    ["I16", Int16Array.of(-3, 300), [-3, 300]],
    ["I8", Int8Array.of(-3, 127), [-3, 127]],
    ["U8", Uint8Array.of(3, 255), [3, 255]],
    ["BOOL", Uint8Array.of(0, 1, 1), [0, 1, 1]],
  ];
  for (const [dtype, data, expected] of cases) {
    const n = expected.length;
    assert.deepEqual([...readOne(put("dtype", one(dtype, n, data.byteLength), bytesOf(data)))], expected, dtype);
  }
});

test("what is written is read back; the bytes do not depend on the order of names, and are aligned", () => {
  const tensors = {
    "b.half": { shape: [3], data: Float32Array.of(1, -2, 0.5), dtype: "F16" as const },
    a: { shape: [2, 2], data: Float32Array.of(1, 2, 3, Math.fround(0.1)) },
    step: { shape: [], data: Int32Array.of(70001) },
    none: { shape: [0, 4], data: () => new Float32Array(0), dtype: "F32" as const },
  };
  writeSafetensors(at("one"), tensors, { format: "pt" });
  writeSafetensors(at("two"), Object.fromEntries(Object.entries(tensors).reverse()), { format: "pt" });
  const bytes = fs.readFileSync(at("one"));
  assert.deepEqual(fs.readFileSync(at("two")), bytes);
  assert.equal(bytes.readBigUInt64LE() % 8n, 0n);
  const file = openSafetensors(at("one"));
  assert.deepEqual(file.metadata, { format: "pt" });
  assert.deepEqual([...file.tensors].map(([name, t]) => [name, t.dtype, t.shape, [...t.read()]]), [
    ["a", "F32", [2, 2], [1, 2, 3, Math.fround(0.1)]], ["none", "F32", [0, 4], []],
    ["step", "I32", [], [70001]], ["b.half", "F16", [3], [1, -2, 0.5]],
  ]);
  file.close();
  assert.throws(() => file.tensors.get("a")!.read(), /was closed/);
});

test("a file that Python's safetensors wrote is read", () => {
  const file = openSafetensors("test/fixtures/gguf/quants.safetensors");
  assert.deepEqual(file.metadata, { "made by": "make_gguf.py" });
  assert.deepEqual(file.tensors.get("Q4_K")!.shape, [4, 512]);
  assert.equal(file.tensors.get("F32")!.read()[512], 0);
  file.close();
});

test("a tensor behind more than 2 GiB is read without reading what is before it", { skip: process.platform === "win32" }, () => {
  const n = 2_500_000_000, a = { dtype: "U8", shape: [n], data_offsets: [0, n] }, x = { dtype: "F32", shape: [3], data_offsets: [n, n + 12] };
  const file = put("large", head({ a, x }));
  const start = fs.statSync(file).size, descriptor = fs.openSync(file, "r+"); // a sparse file: it takes no room
  fs.writeSync(descriptor, bytesOf(Float32Array.of(7, 8, 9)), 0, 12, start + n);
  fs.closeSync(descriptor);
  assert.deepEqual([...readOne(file)], [7, 8, 9]);
  fs.rmSync(file);
});

test("an error while writing leaves the old file unharmed and nothing beside it", () => {
  const file = at("safe"), names = () => fs.readdirSync(folder).filter((name) => name.startsWith("safe"));
  const big = new Float32Array(3 * 2 ** 20);
  writeSafetensors(file, { x: { shape: [1], data: Float32Array.of(42) } });
  const large = { shape: [2], data: Float32Array.of(1, 65520), dtype: "F16" as const };
  const cases: [() => void, RegExp][] = [
    [() => writeSafetensors(file, { x: { shape: [3], data: new Float32Array(2) } }), /tensor "x" \[3\] needs 3 values, but 2/],
    [
      () => writeSafetensors(file, { a: { shape: [2], data: big.subarray(0, 2) }, x: large }),
      /"x" holds 65520, and F16 ends at 65504; write it as BF16/,
    ],
    [() => writeSafetensors(file, { __metadata__: { shape: [1], data: new Float32Array(1) } }), /no tensor can be called/],
    [() => {
      const real = fs.writeSync as (...args: unknown[]) => number;
      let calls = 0;
      const full = mock.method(fs, "writeSync", (...args: unknown[]) => {
        if (++calls > 2) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
        return real(...args);
      });
      try { writeSafetensors(file, { x: { shape: [big.length], data: big } }); } finally { full.mock.restore(); }
    }, /cannot be written \(ENOSPC.*disk is full; 13 MB are needed.*unharmed/],
    [() => writeSafetensors(at("nowhere/safe"), {}), /cannot be written \(ENOENT.*check that the folder exists/],
  ];
  for (const [act, message] of cases) {
    assert.throws(act, userError(folder, message));
    assert.deepEqual([...readOne(file)], [42]);
    assert.deepEqual(names(), ["safe"]);
  }
});

const entry = (fields: object) => ({ dtype: "F32", shape: [2], data_offsets: [0, 8], ...fields });
const eight = new Uint8Array(8);
const BAD: [what: string, parts: Uint8Array[], message: RegExp][] = [
  ["an empty file", [], /is empty \(0 bytes\); download/],
  ["a few bytes", [Buffer.from("abc")], /has 3 bytes; a safetensors file begins with an 8-byte header length/],
  ["a header longer than the file", [head({}, 1000)], /should have 1000 bytes, but only 2 follow/],
  ["an absurd header length", [head({}, 2n ** 63n)], /header of 9223372036854776000 bytes \(at most 100000000/],
  ["a text file", [Buffer.from("<!DOCTYPE html><html></html>")], /the first 8 bytes announce a header/],
  ["a header that is not JSON", [head("{\"x\": ")], /header \(bytes 8 to 14\) is not JSON/],
  ["a header that is not UTF-8", [head("", 1), Uint8Array.of(255)], /is not JSON/],
  ["a header that is a list", [head([1])], /header is not a JSON object/],
  ["metadata that is not texts", [head({ __metadata__: { a: 1 } })], /"__metadata__".*is not a map of texts/],
  ["an entry that is not an object", [head({ x: 5 })], /tensor "x" is not described by an object/],
  ["an unknown dtype", [head({ x: entry({ dtype: "F8_E4M3" }) }), eight], /tensor "x" has dtype "F8_E4M3"; supported are F64, F32/],
  ["a dtype that is a property of objects", [head({ x: entry({ dtype: "constructor" }) }), eight], /has dtype "constructor"/],
  ["a negative dimension", [head({ x: entry({ shape: [-2] }) }), eight], /tensor "x" has shape \[-2\]; a list of whole numbers/],
  ["a fractional dimension", [head({ x: entry({ shape: [1.5] }) }), eight], /has shape \[1.5\]/],
  ["a huge dimension", [head({ x: entry({ shape: [1e20] }) }), eight], /has shape \[100000000000000000000\]/],
  ["dimensions whose product is huge", [head({ x: entry({ shape: [2 ** 40, 2 ** 40] }) }), eight], /has 8 bytes.*takes 4.8/],
  ["a shape that is a text", [head({ x: entry({ shape: "2" }) }), eight], /has shape "2"/],
  ["offsets that are missing", [head({ x: entry({ data_offsets: undefined }) }), eight], /has data_offsets undefined; two whole numbers/],
  ["offsets that run backwards", [head({ x: entry({ data_offsets: [8, 0] }) }), eight], /has -8 bytes/],
  ["too few bytes for the shape", [head({ x: entry({ shape: [3] }) }), eight], /has 8 bytes \(data_offsets 0 to 8\), but F32 \[3\] takes 12/],
  ["the same bytes twice", [head({ x: entry({}), y: entry({}) }), eight], /tensor "y" \(data bytes 0 to 8\) overlaps tensor "x"/],
  ["overlapping bytes", [head({ x: entry({}), y: entry({ data_offsets: [4, 12] }) }), eight, eight], /"y" .*overlaps tensor "x" \(up to 8\)/],
  ["a hole", [head({ x: entry({}), y: entry({ data_offsets: [12, 20] }) }), eight, eight, eight], /bytes 8 to 12, before tensor "y", belong to no/],
  [
    "data that is cut short", [head({ x: entry({}), y: entry({ data_offsets: [8, 16] }) }), eight],
    /tensor "y" ends at data byte 16, but only 8 are there; the file is cut short/,
  ],
  ["bytes behind the last tensor", [head({ x: entry({}) }), eight, eight], /tensors end at data byte 8, but 16 are there/],
];
for (const [what, parts, message] of BAD)
  test(`refuses ${what}`, () => {
    const file = put("bad.safetensors", ...parts);
    assert.throws(() => openSafetensors(file), userError(file, message));
  });

test("refuses what is not a file", () => {
  assert.throws(() => openSafetensors(at("missing")), /missing: there is no such file; check the path/);
  assert.throws(() => openSafetensors(folder), /is a folder; name the safetensors file in it/);
});

test("shards are put together by their index", () => {
  const { tensors, close } = openShards("test/fixtures/models/llama-sharded");
  const index = JSON.parse(fs.readFileSync("test/fixtures/models/llama-sharded/model.safetensors.index.json", "utf8"));
  assert.deepEqual([...tensors.keys()].sort(), Object.keys(index.weight_map).sort());
  assert.equal([...tensors.values()].reduce((sum, t) => sum + 2 * t.read().length, 0), index.metadata.total_size);
  close();
});

test("refuses folders whose weights are incomplete, elsewhere, or pickled", () => {
  const shards = (name: string, weight_map: unknown, files: Record<string, string[]> = {}) => {
    fs.mkdirSync(at(name));
    const index = typeof weight_map === "string" ? weight_map : JSON.stringify({ weight_map });
    fs.writeFileSync(at(`${name}/model.safetensors.index.json`), index);
    for (const [file, names] of Object.entries(files))
      writeSafetensors(at(`${name}/${file}`), Object.fromEntries(names.map((n) => [n, { shape: [1], data: new Float32Array(1) }])));
    return at(name);
  };
  const refuses = (where: string, message: RegExp) => assert.throws(() => openShards(where), userError(where, message));
  const a = "a.safetensors", b = "b.safetensors", c = "c.safetensors";
  const absent = shards("absent", { x: a, y: b, z: c }, { [b]: ["y"] });
  refuses(absent, /2 of the 3 files .* are missing:\n {2}a.safetensors\n {2}c.safetensors\nDownload/);
  const moved = shards("moved", { x: a, y: b, z: b }, { [a]: ["x", "extra"], [b]: ["y"] });
  refuses(moved, /\n {2}z is not in b.safetensors\n {2}extra is in a.safetensors, but/);
  for (const [i, escape] of ["../secret.safetensors", "/etc/x.safetensors", "a\\b.safetensors", "C:x.safetensors", 5, "model.bin"].entries())
    refuses(shards(`escape${i}`, { x: escape }), /puts "x" into .*only plain names of .safetensors files/);
  refuses(shards("broken", "{"), /index.json: is not valid JSON/);
  refuses(shards("mapless", []), /holds no "weight_map"/);
  fs.mkdirSync(at("pickle"));
  refuses(at("pickle"), /holds neither model.safetensors nor/);
  fs.writeFileSync(at("pickle/pytorch_model.bin"), "x");
  refuses(at("pickle"), /holds pytorch_model.bin, a pickle file.*Convert it in Python: .*safe_serialization=True/);
  refuses(at("no such folder"), /is not a folder/);
});
