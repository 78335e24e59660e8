// Loading and saving whole models: what comes back is what went out, errors name the file, and nothing saved before is harmed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { load, logits, openSafetensors, save, writeText, type Model } from "tunelab/model";
import { dispose, tf } from "tunelab/tensor";
import { close, leaksNothing, userError, values } from "../support/compare";
import { fixture, MODELS, readJson, smallTokenizer, temporary, tinyModel } from "../support/fixtures";

const folder = temporary();
const GGUF = fixture("gguf", "llama.gguf");
const python = process.env.TUNELAB_PYTHON;
const IDS = { ids: Int32Array.from([5, 6, 7, 80, 9, 10, 11, 12]), batch: 2 };
const run = (model: Model) => { const t = logits(model, IDS), all = Float32Array.from(t.dataSync()); t.dispose(); return all; };
const free = (model: Model) => dispose(model.params);
/** Names and bytes of all files in a folder. */
const snapshot = (where: string) => Object.fromEntries(fs.readdirSync(where).sort().map((n) => [n, fs.readFileSync(path.join(where, n)).toString("base64")]));

/** A complete model folder with a tokenizer, made of a GGUF file. */
async function modelFolder(): Promise<string> {
  const where = folder("model"), model = await load(GGUF);
  save(model, where);
  free(model);
  return where;
}

test("a GGUF file and the folder saved from it are the same model", async () => {
  const original = await load(GGUF), where = folder("out"), expected = run(original);
  save(original, where);
  const again = await load(where);
  assert.deepEqual(values(again.params), values(original.params));
  assert.deepEqual(Object.keys(again.params), Object.keys(original.params));
  assert.deepEqual(run(again), expected);
  assert.deepEqual(again.tokenizer.encode("防火墙 and ports"), original.tokenizer.encode("防火墙 and ports"));
  assert.deepEqual(again.tokenizer.eos, original.tokenizer.eos);
  const { source: a, ...one } = again.config, { source: b, ...two } = original.config;
  assert.deepEqual(one, two);
  assert.equal(again.path, where);
  [original, again].forEach(free);
});

for (const [dtype, torch, rounding, tolerance] of [["F32", "float32", 0, 0], ["F16", "float16", 2 ** -11, 0.02], ["BF16", "bfloat16", 2 ** -8, 0.2]] as const)
  test(`saved as ${dtype}: every weight comes back, rounded once`, async (t) => {
    const original = await tinyModel("llama", await smallTokenizer("smollm")), where = folder("half"), expected = run(original);
    save(original, where, { dtype });
    const file = openSafetensors(path.join(where, "model.safetensors"));
    assert.deepEqual([...new Set([...file.tensors.values()].map((s) => s.dtype))], [dtype]);
    assert.equal(file.metadata.format, "pt");
    file.close();
    const again = await load(where);
    assert.equal(again.config.source.torch_dtype, torch);
    let changed = 0;
    for (const [name, p] of Object.entries(original.params)) {
      const kept = again.params[name].dataSync();
      p.dataSync().forEach((w, i) => {
        assert.ok(Math.abs(kept[i] - w) <= rounding * Math.abs(w) + 2 ** -25 * Math.sign(rounding), `${name}[${i}]: ${w} became ${kept[i]}`);
        if (kept[i] !== w) changed++;
      });
    }
    assert.equal(changed > 0, rounding > 0);
    t.diagnostic(`max |Δlogit| ${close(run(again), expected, tolerance, "logits").toExponential(1)}`);
    [original, again].forEach(free);
  });

test("config.json keeps what this library does not read, and names one dtype", async () => {
  const tiny = await tinyModel("qwen2-untied", await smallTokenizer("qwen2")), where = folder("kept");
  save(tiny, where, { dtype: "BF16" });
  const saved = JSON.parse(fs.readFileSync(path.join(where, "config.json"), "utf8")), before = readJson("models", "qwen2-untied", "config.json");
  assert.equal(before.dtype, "float32"); // the spelling of transformers 5, which must not contradict ours
  delete before.dtype;
  assert.deepEqual(saved, { ...before, torch_dtype: "bfloat16" });
  for (const [name, text] of Object.entries(tiny.tokenizer.files)) assert.equal(fs.readFileSync(path.join(where, name), "utf8"), text, name);
  free(tiny);
});

test("loading reports its progress, tensor by tensor", async () => {
  const seen: number[][] = [], model = await load(await modelFolder(), { onProgress: (done, total) => seen.push([done, total]) }), n = Object.keys(model.params).length;
  assert.deepEqual(seen, Array.from({ length: n }, (_, i) => [i + 1, n]));
  free(model);
});

test("a model that cannot be written leaves the one that was there, and nothing beside it", async () => {
  const where = await modelFolder(), before = snapshot(where), model = await load(where);
  const huge = { ...model, params: { ...model.params, "model.norm.weight": tf.fill([32], 1e6) } };
  assert.throws(() => save(huge, where, { dtype: "F16" }), userError("model.safetensors", "model.norm.weight", "65504", "BF16 or F32"));
  assert.deepEqual(snapshot(where), before);
  fs.mkdirSync(path.join(where, "dir"));
  assert.throws(() => writeText(path.join(where, "dir"), "x"), userError(path.join(where, "dir"), "cannot be written", "unharmed"));
  assert.deepEqual(fs.readdirSync(where).sort(), [...Object.keys(before), "dir"].sort());
  free(model);
});

test("what is no model is refused with the path and a remedy", async () => {
  const where = folder();
  await assert.rejects(load(path.join(where, "nowhere")), userError(path.join(where, "nowhere"), "no such file or folder", "Hugging Face"));
  await assert.rejects(load(where), userError(where, "no config.json"));
  fs.writeFileSync(path.join(where, "weights.bin"), "x");
  await assert.rejects(load(path.join(where, "weights.bin")), userError("neither a folder nor a .gguf file", "config.json"));
  fs.writeFileSync(path.join(where, "empty.gguf"), "");
  await assert.rejects(load(path.join(where, "empty.gguf")), userError("empty.gguf", "empty"));
});

/** Changes to a good folder, and what the error must say. */
const DAMAGE: [what: string, change: (where: string) => void, ...mentions: (string | RegExp)[]][] = [
  ["no tokenizer", (w) => fs.rmSync(path.join(w, "tokenizer.json")), "tokenizer.json", "copy it"],
  ["no weights", (w) => fs.rmSync(path.join(w, "model.safetensors")), "neither model.safetensors", "download"],
  ["weights cut short", (w) => fs.truncateSync(path.join(w, "model.safetensors"), fs.statSync(path.join(w, "model.safetensors")).size - 5), "model.safetensors", "cut short", "download"],
  ["a header that was cut", (w) => fs.truncateSync(path.join(w, "model.safetensors"), 100), "model.safetensors", "header", "again"],
  ["an absurd header length", (w) => fs.writeFileSync(path.join(w, "model.safetensors"), Buffer.alloc(64, 0x7f)), "model.safetensors", "header of", "again"],
  ["a config of another size", (w) => change(w, (c) => { c.intermediate_size = 40; }), "wrong shape: model.layers.0.mlp.gate_proj.weight", "model.layers.1.mlp.down_proj.weight", "6 tensors"],
  ["a config with fewer layers", (w) => change(w, (c) => { c.num_hidden_layers = 1; }), "13 tensors", "not part of this architecture: model.layers.1."],
  ["a config with more layers", (w) => change(w, (c) => { c.num_hidden_layers = 3; }), "13 tensors", "missing: model.layers.2.mlp.down_proj.weight [32,48]"],
  ["a config of another family", (w) => change(w, (c) => { c.model_type = "qwen2"; }), "2 tensors", "not part of this architecture: model.layers.0.self_attn.o_proj.bias"],
  ["an untied config of tied weights", (w) => change(w, (c) => { c.tie_word_embeddings = false; }), "missing: lm_head.weight [401,32]"],
];
function change(where: string, f: (config: Record<string, unknown>) => void): void {
  const file = path.join(where, "config.json"), config = JSON.parse(fs.readFileSync(file, "utf8"));
  f(config);
  fs.writeFileSync(file, JSON.stringify(config));
}
for (const [what, damage, ...mentions] of DAMAGE)
  test(`refuses a folder with ${what}`, async () => {
    const where = await modelFolder();
    damage(where);
    await assert.rejects(load(where), userError(where, ...mentions));
  });

test("no tensor and no file stays open: after loading, after failing, after failing half-way", async () => {
  const where = await modelFolder(), open = () => (fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : 0);
  await leaksNothing(async () => free(await load(where)));
  await leaksNothing(async () => free(await load(GGUF)));
  const halfway = () => load(where, { onProgress: (done) => { if (done === 7) throw new Error("stop"); } });
  await leaksNothing(() => assert.rejects(halfway(), /stop/));
  await leaksNothing(() => assert.rejects(load(GGUF, { onProgress: (done) => { if (done === 7) throw new Error("stop"); } }), /stop/));
  const before = open();
  await assert.rejects(halfway());
  free(await load(where));
  change(where, (c) => { c.num_hidden_layers = 1; });
  await assert.rejects(load(where), userError("13 tensors"));
  assert.equal(open(), before);
});

test("a file that shrinks between its check and its reading is an error, and nothing leaks", async () => {
  const where = await modelFolder(), file = path.join(where, "model.safetensors"), before = tf.memory().numTensors;
  await assert.rejects(load(where, { onProgress: (done) => { if (done === 1) fs.truncateSync(file, 2000); } }), userError(file, "cut short"));
  assert.equal(tf.memory().numTensors, before);
});

for (const name of MODELS)
  test(`${name}: transformers loads what was saved, completely, and computes the same`, { skip: !python && "TUNELAB_PYTHON is not set" }, async (t) => {
    const tiny = await tinyModel(name, await smallTokenizer("qwen2")), where = folder("for-python"), expected = path.join(where, "..", "expected.json");
    save(tiny, where);
    const { cases } = readJson("models", name, "expected.json");
    const computed = cases.map(({ inputIds, attentionMask }: any) => {
      const all = logits(tiny, { ids: Int32Array.from(inputIds.flat()), batch: inputIds.length, attend: attentionMask.flat() }), rows = all.arraySync() as number[][][];
      all.dispose();
      return { inputIds, attentionMask, logits: rows.map((row, b) => row.filter((_, i) => attentionMask[b][i])) };
    });
    fs.writeFileSync(expected, JSON.stringify({ cases: computed }));
    const result = JSON.parse(execFileSync(python!, [fixture("check_model.py"), where, expected], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    assert.deepEqual({ ...result, maxAbsDiff: 0 }, { ok: true, maxAbsDiff: 0, missing: [], unexpected: [], mismatched: [] });
    t.diagnostic(`max |Δlogit| ${result.maxAbsDiff.toExponential(1)}`);
    free(tiny);
  });
