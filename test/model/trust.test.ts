// Models, adapters and data that others made: their files reach nothing outside their folder, run no code, and cannot hang the program.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { loadAdapter, lora, saveAdapter } from "tunelab/methods";
import { load, openShards, readConfig, save, tokenizerFromFiles } from "tunelab/model";
import { backend, dispose, tf } from "tunelab/tensor";
import { saveState, train } from "tunelab/train";
import { base, CORPUS } from "../fuzz/corpus";
import { MemoryFolder, ROOT, type Files } from "../fuzz/memory";
import { userError } from "../support/compare";
import { temporary } from "../support/fixtures";
import { randomExamples, smallLora, tinyModel } from "../train/support";

const { within, range } = require(path.resolve("lib/dist/model/limits.js")) as typeof import("../../lib/dist/model/limits");
const folder = temporary(), json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const read = (...parts: string[]): Record<string, Uint8Array> => { const at = path.join(CORPUS, ...parts); return Object.fromEntries(fs.readdirSync(at).map((name) => [name, fs.readFileSync(path.join(at, name))])); };
const changed = (files: Files, name: string, change: object): Files => ({ ...files, [name]: json({ ...JSON.parse(Buffer.from(files[name]).toString()), ...change }) });
const OUTSIDE = ["../secret.safetensors", "../../etc/passwd", "/etc/passwd", "sub/model.safetensors", "..", "C:\\x.safetensors", "a\u0000.safetensors", "file:///etc/passwd", "https://example.org/x.safetensors"];
let memory: MemoryFolder;
before(async () => {
  await backend();
  dispose((await load(path.join(CORPUS, "model", "tiny"))).params); // what is loaded at first use is loaded now
  memory = new MemoryFolder();
});

test("an index of shards names files of its own folder only", async () => {
  const files = read("shards", "two");
  for (const where of OUTSIDE) {
    const index = JSON.parse(Buffer.from(files["model.safetensors.index.json"]).toString());
    index.weight_map.a = where;
    await memory.with({ ...files, "model.safetensors.index.json": json(index) }, () => assert.throws(() => openShards(ROOT), userError(ROOT)));
    assert.deepEqual(memory.outside, [], where);
  }
});

test("names of other models in configs are never opened", async () => {
  const model = base(), adapter = read("adapter", "lora"), whole = read("model", "tiny");
  for (const where of OUTSIDE) {
    await memory.with(changed(adapter, "adapter_config.json", { base_model_name_or_path: where, tokenizer_name_or_path: where, auto_mapping: { parent_library: where } }), () => dispose(loadAdapter(ROOT, model).trained));
    assert.deepEqual(memory.outside, [], where);
    const named = changed(changed(whole, "config.json", { _name_or_path: where, auto_map: { AutoModelForCausalLM: "modeling_x.Model", AutoConfig: where } }), "tokenizer_config.json", { name_or_path: where, tokenizer_file: where, auto_map: { AutoTokenizer: ["tokenization_x.T", null] } });
    await memory.with({ ...named, "modeling_x.py": Buffer.from("raise SystemExit"), "tokenization_x.py": Buffer.from("raise SystemExit") }, async () => dispose((await load(ROOT)).params));
    assert.deepEqual(memory.outside, [], where);
    assert.deepEqual([...memory.read].sort(), ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"], "no code was read");
  }
  // an adapter that is saved names its base without the path
  const saved = folder("adapter"), method = lora({ rank: 1 });
  saveAdapter(saved, { method, trained: method.init(model.params, model.config, 0) }, { ...model, path: "/home/someone/models/tiny" });
  assert.equal(JSON.parse(fs.readFileSync(path.join(saved, "adapter_config.json"), "utf8")).base_model_name_or_path, "tiny");
});

test("a model that needs code of its own is refused", async () => {
  await memory.with(changed(read("config", "llama"), "config.json", { model_type: "own", auto_map: { AutoConfig: "configuration_x.C" } }), () => assert.throws(() => readConfig(ROOT), userError(ROOT, /model_type "own" is not supported/)));
});

test("saving replaces links instead of writing through them", async () => {
  const at = folder("run"), outside = folder("outside"), secret = path.join(outside, "secret");
  fs.mkdirSync(at); fs.mkdirSync(outside); fs.writeFileSync(secret, "mine");
  const model = await tinyModel(), link = (name: string, to = secret) => { fs.mkdirSync(path.dirname(path.join(at, name)), { recursive: true }); fs.symlinkSync(to, path.join(at, name)); };
  for (const name of ["log.jsonl", "adapter/adapter_config.json", "adapter/adapter_model.safetensors", "model/model.safetensors", "model/config.json"]) link(name);
  link("checkpoint-1", outside); // the oldest, which makes room for newer ones
  const state = (step: number) => ({ step, trained: { a: tf.scalar(step) }, optimizer: { a: {} }, history: { steps: [], evaluations: [] }, fingerprint: "" });
  for (const step of [2, 3]) saveState(at, state(step) as never);
  assert.ok(!fs.existsSync(path.join(at, "checkpoint-1")));
  for (const step of [2, 3]) fs.rmSync(path.join(at, `checkpoint-${step}`), { recursive: true });
  const run = await train({ model, method: smallLora(), data: { train: randomExamples(4) }, steps: 1, folder: at, display: false });
  saveAdapter(path.join(at, "adapter"), run, { ...model, path: "x" });
  save({ ...model, path: "x", tokenizer: { files: {} } } as never, path.join(at, "model"));
  assert.equal(fs.readFileSync(secret, "utf8"), "mine");
  assert.deepEqual(fs.readdirSync(outside), ["secret"]);
  assert.ok(fs.lstatSync(path.join(at, "model/model.safetensors")).isFile() && fs.lstatSync(path.join(at, "log.jsonl")).isFile());
  for (const name of ["../x.json", "/tmp/x.json", "..", "a/b.json"])
    assert.throws(() => save({ ...model, path: "x", tokenizer: { files: { [name]: "{}" } } } as never, path.join(at, "model")), userError(/no plain name of a file/));
});

test("pickle files are refused, with the reason and what to do", async () => {
  const at = folder("adapter"), bin = folder("model.bin");
  fs.cpSync(path.join(CORPUS, "adapter", "lora"), at, { recursive: true });
  fs.renameSync(path.join(at, "adapter_model.safetensors"), path.join(at, "adapter_model.bin"));
  assert.throws(() => loadAdapter(at, base()), userError(at, /adapter_model\.bin, a pickle file, which can run any code/, /save_pretrained\(.*safe_serialization=True/));
  fs.writeFileSync(bin, "x");
  await assert.rejects(load(bin), userError(bin, /pickle file, which can run any code/, /safetensors/));
});

test("chat templates reach nothing but messages and settings", async () => {
  const attempts = [
    "{{ ''.constructor.constructor('globalThis.pwned = 1')() }}", "{{ messages.constructor.constructor('globalThis.pwned = 1')() }}", "{{ range.constructor('globalThis.pwned = 1')() }}", "{{ bounded_range['constructor']('globalThis.pwned = 1')() }}",
    "{{ raise_exception.constructor('globalThis.pwned = 1')() }}", "{{ messages[0]['__proto__']['polluted'] }}", "{% set messages.__proto__ = 1 %}", "{% set ns = namespace() %}{% set ns.__proto__ = messages[0] %}{% set ns.constructor = 1 %}{{ ns.x }}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__ }}", "{{ process.env.HOME }}", "{{ globalThis }}", "{{ require('fs') }}", "{% include '/etc/passwd' %}", "{% import '/etc/passwd' as x %}{{ x }}", "{% extends '/etc/passwd' %}", "{{ messages | attr('constructor') }}", "{{ messages | map(attribute='constructor') | list }}",
  ];
  const files = Object.fromEntries(Object.entries(read("template", "jinja")).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));
  for (const attempt of attempts) {
    const tokenizer = await tokenizerFromFiles({ ...files, "chat_template.jinja": attempt });
    let text = "";
    try { text = tokenizer.chat([{ role: "user", content: "x" }]); } catch (error) { userError()(error); }
    assert.doesNotMatch(text, /root:|native code|function|object Object|uid=/, attempt);
    if (process.env.HOME) assert.ok(!text.includes(process.env.HOME), attempt);
  }
  assert.equal((globalThis as any).pwned, undefined);
  assert.deepEqual(Object.keys(Object.prototype), []);
});

test("a template without end is cut off, and range is bounded", async () => {
  const began = process.cpuUsage();
  assert.throws(() => within(0.2, () => { for (;;); }), userError(/cut off after 0.2 s/));
  assert.ok(process.cpuUsage(began).user < 5e6);
  assert.equal(within(5, () => 7), 7); // and goes on working
  assert.throws(() => within(5, () => { throw new RangeError("own"); }), RangeError);
  assert.deepEqual([range(4), range(2, 8, 3), range(8, 2, -3), range(3, 1), range(0)], [[0, 1, 2, 3], [2, 5], [8, 5], [], []]); // as Python's
  for (const [a, b, c] of [[1e9], [0, 1e9], [0, 1, 1e-9], [0, 5, 0], [NaN]]) assert.throws(() => range(a, b, c), userError(/at most 100000/));
  const files = read("template", "jinja"), chat = async (template: string) => (await tokenizerFromFiles({ "tokenizer.json": Buffer.from(files["tokenizer.json"]).toString(), "chat_template.jinja": template })).chat([{ role: "user", content: "x" }]);
  assert.equal(await chat("\n{% for i in range(2, 8, 3) %}{{ i }},{% endfor %}"), "\n2,5,");
  assert.equal(await chat("{%- for i in range(3) %}{{ i }}{%- endfor %}"), "012");
  await assert.rejects(chat("{% for i in range(1000000000) %}x{% endfor %}"), userError(/range of 1000000000 numbers/));
});

test("a shard may be a link, as in the cache of Hugging Face, but only to tensors", async () => {
  const at = folder("linked"), store = folder("blobs");
  fs.mkdirSync(at); fs.mkdirSync(store);
  const files = read("shards", "two");
  Object.entries(files).forEach(([name, bytes], i) => { fs.writeFileSync(path.join(store, `${i}`), bytes); fs.symlinkSync(path.join(store, `${i}`), path.join(at, name)); });
  openShards(at).close();
  const [shard] = Object.keys(files).filter((name) => name.endsWith(".safetensors"));
  fs.writeFileSync(path.join(store, "text"), "a secret text that is long enough");
  fs.rmSync(path.join(at, shard));
  fs.symlinkSync(path.join(store, "text"), path.join(at, shard));
  assert.throws(() => openShards(at), (error: Error) => userError(shard)(error) && !error.message.includes("secret"));
});
