// Adapters on disk: PEFT's are read right or refused, ours come back bit for bit and look as PEFT writes them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { loadAdapter, lora, saveAdapter, type Adapter, type LoraOptions } from "tunelab/methods";
import { logits, openSafetensors, writeSafetensors, type Model } from "tunelab/model";
import { sft } from "tunelab/objectives";
import { adamw } from "tunelab/optimizers";
import { count, dispose, tf } from "tunelab/tensor";
import { close, leaksNothing, realRows, userError, values } from "../support/compare";
import { fixture, readJson, temporary, tinyModel, withJit } from "../support/fixtures";
import { examples, none, step, trainable } from "../support/training";

const python = process.env.TUNELAB_PYTHON, folder = temporary();
const READABLE = ["qwen2-tied-qv", "llama-linear", "qwen2-tied-rslora", "llama-one-layer"];
const CONFIG = "adapter_config.json", WEIGHTS = "adapter_model.safetensors";
const models: Record<string, Model> = {};
before(async () => { for (const name of ["llama", "qwen2-tied", "qwen2-untied"]) models[name] = await tinyModel(name); });
const free = (a: Adapter) => dispose(a.trained);

test("every adapter that PEFT made is either read or refused", () => {
  const made = fs.readdirSync(fixture("lora")).filter((n) => fs.existsSync(fixture("lora", n, CONFIG)));
  assert.deepEqual(made.sort(), [...READABLE, "qwen2-tied-pattern"].sort());
  const before = tf.memory().numTensors;
  assert.throws(() => loadAdapter(fixture("lora", "qwen2-tied-pattern"), models["qwen2-tied"]), userError(CONFIG, "_pattern", "merge"));
  assert.equal(tf.memory().numTensors, before);
});

for (const name of READABLE)
  for (const compiled of [true, false])
    test(`${name}, ${compiled ? "compiled" : "eager"}: logits with PEFT's adapter, and merged`, (t) => withJit(compiled, () => {
      const e = readJson("lora", name, "expected.json"), model = models[e.base], adapter = loadAdapter(fixture("lora", name), model);
      assert.equal(count(adapter.trained), e.trainable);
      assert.deepEqual([...new Set(Object.keys(adapter.trained).map((n) => n.replace(/\.lora_[AB]\.weight$/, "")))].sort(), Object.keys(e.scaling).sort());
      const inputs = { ids: Int32Array.from(e.inputIds.flat()), batch: 2, attend: e.attentionMask.flat() };
      const d = close(realRows(logits({ ...model, ...adapter }, inputs), e.attentionMask), e.logits, 1e-4, "logits");
      const merged = adapter.method.merge!(model.params, adapter.trained);
      const m = close(realRows(logits({ ...model, params: merged }, inputs), e.attentionMask), e.mergedLogits, 1e-4, "merged logits");
      t.diagnostic(`max |Δlogit| ${d.toExponential(1)}, merged ${m.toExponential(1)}`);
      dispose(merged); free(adapter);
    }));

for (const name of READABLE)
  test(`${name}: saved again it has PEFT's names, shapes, numbers and settings, and loads bit for bit`, () => {
    const theirs = fixture("lora", name), { base } = readJson("lora", name, "expected.json"), model = models[base], adapter = loadAdapter(theirs, model), where = folder("saved");
    saveAdapter(where, adapter, model);
    assert.deepEqual(fs.readdirSync(where).sort(), [CONFIG, WEIGHTS]);
    const [a, b] = [where, theirs].map((f) => {
      const file = openSafetensors(path.join(f, WEIGHTS)), tensors = Object.fromEntries([...file.tensors].map(([n, t]) => [n, { shape: [...t.shape], dtype: t.dtype, values: t.read() }] as const).sort());
      file.close();
      return { tensors, metadata: file.metadata };
    });
    assert.deepEqual(a, b);
    const ours = JSON.parse(fs.readFileSync(path.join(where, CONFIG), "utf8")), peft = readJson("lora", name, CONFIG);
    for (const key of Object.keys(ours)) {
      assert.ok(key in peft, `${key} is a field of PEFT's`);
      if (key === "target_modules" && name === "llama-one-layer") assert.deepEqual(ours[key].sort(), Object.keys(readJson("lora", name, "expected.json").scaling).sort());
      else if (key === "target_modules") assert.deepEqual([...ours[key]].sort(), [...peft[key]].sort());
      else if (key === "base_model_name_or_path") assert.equal(ours[key], path.basename(model.path));
      else assert.deepEqual(ours[key], peft[key], key);
    }
    const again = loadAdapter(where, model);
    assert.deepEqual(values(again.trained), values(adapter.trained));
    assert.deepEqual(again.method.settings, adapter.method.settings);
    [adapter, again].forEach(free);
  });

/** A few real steps of training, so that nothing is zero. */
function trained(model: Model, options: LoraOptions, steps = 4): Adapter {
  const method = lora(options), objective = sft(), optimizer = adamw(), loss = objective.loss(model, method), batch = objective.collate(examples(model.config.vocabSize, 4, 9));
  let at = trainable(method.init(model.params, model.config, 3), optimizer);
  for (let s = 0; s < steps; s++) at = step(at, loss, batch, optimizer, 0.05).next;
  Object.values(at.state).forEach(dispose);
  return { method, trained: at.trained };
}
const OURS: [string, string, LoraOptions][] = [
  ["q and v", "qwen2-tied", {}], ["all linear maps", "llama", { targets: "all-linear", rank: 4, dropout: 0.1 }],
  ["rsLoRA on dotted ends", "qwen2-untied", { targets: ["mlp.down_proj", "self_attn.o_proj"], rsLoRA: true, alpha: 7, rank: 5 }],
  ["one matrix by its whole name", "llama", { targets: ["model.layers.1.mlp.up_proj"], rank: 2 }],
];
for (const [what, base, options] of OURS)
  test(`trained here on ${what}: comes back bit for bit, with the same logits`, () => withJit(false, () => {
    const model = models[base], adapter = trained(model, options), where = folder("adapter");
    saveAdapter(where, adapter, model);
    const again = loadAdapter(where, model), inputs = { ids: Int32Array.from([5, 6, 7, 8]), batch: 1 };
    assert.deepEqual(values(again.trained), values(adapter.trained));
    const { targets, ...settings } = adapter.method.settings, { targets: found, ...loaded } = again.method.settings;
    assert.deepEqual(loaded, settings);
    if (targets !== "all-linear") assert.deepEqual(found, targets); else assert.equal((found as string[]).length, 14);
    const run = (a?: Adapter) => { const t = logits({ ...model, ...a }, inputs), all = [...t.dataSync()]; t.dispose(); return all; };
    assert.deepEqual(run(again), run(adapter));
    assert.notDeepEqual(run(), run(adapter));
    [adapter, again].forEach(free);
  }));

for (const [what, base, options] of OURS)
  test(`trained here on ${what}: PEFT loads it completely and computes the same`, { skip: !python && "TUNELAB_PYTHON is not set" }, (t) => {
    const model = models[base], adapter = trained(model, options), where = folder("adapter"), expected = path.join(where, "..", "expected.json");
    saveAdapter(where, adapter, model);
    const inputIds = [[5, 6, 7, 8, 9, 10], [11, 12, 13, 2, 2, 2]], attentionMask = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]];
    const rows = realRows(logits({ ...model, ...adapter }, { ids: Int32Array.from(inputIds.flat()), batch: 2, attend: attentionMask.flat() }), attentionMask);
    fs.writeFileSync(expected, JSON.stringify({ inputIds, attentionMask, logits: rows }));
    const result = JSON.parse(execFileSync(python!, [fixture("check_peft.py"), where, model.path, expected], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    assert.deepEqual({ ...result, maxAbsDiff: 0 }, { ok: true, maxAbsDiff: 0, missing: [], unexpected: [] });
    t.diagnostic(`max |Δlogit| ${result.maxAbsDiff.toExponential(1)}`);
    free(adapter);
  });

/** A copy of a good adapter of qwen2-tied, changed. */
function damaged(change: (config: Record<string, any>, where: string) => void): string {
  const where = folder("damaged");
  fs.cpSync(fixture("lora", "qwen2-tied-qv"), where, { recursive: true });
  const config = JSON.parse(fs.readFileSync(path.join(where, CONFIG), "utf8"));
  change(config, where);
  fs.writeFileSync(path.join(where, CONFIG), JSON.stringify(config));
  return where;
}
/** The adapter's tensors under other names or shapes. */
function rewrite(where: string, f: (name: string, shape: number[]) => [string, number[]] | undefined): void {
  const file = openSafetensors(path.join(where, WEIGHTS)), tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const [name, t] of file.tensors) { const to = f(name, [...t.shape]); if (to) tensors[to[0]] = { shape: to[1], data: new Float32Array(to[1].reduce((a, b) => a * b, 1)).fill(0.1) }; }
  file.close();
  writeSafetensors(path.join(where, WEIGHTS), tensors);
}
const DAMAGE: [what: string, change: (config: Record<string, any>, where: string) => void, ...mentions: string[]][] = [
  ["no weights file", (_, w) => fs.rmSync(path.join(w, WEIGHTS)), WEIGHTS, "no such file"],
  ["weights cut short", (_, w) => fs.truncateSync(path.join(w, WEIGHTS), 900), WEIGHTS, "again"],
  ["another method", (c) => { c.peft_type = "LOHA"; }, 'peft_type "LOHA"', "LORA"],
  ["no method", (c) => { delete c.peft_type; }, "peft_type undefined"],
  ["trained biases", (c) => { c.bias = "all"; }, '"bias"', "merge"],
  ["DoRA's name, but no magnitudes", (c) => { c.use_dora = true; }, "lora_A.weight has no counterpart"],
  ["a rank pattern", (c) => { c.rank_pattern = { q_proj: 2 }; }, '"rank_pattern"'],
  ["an alpha pattern", (c) => { c.alpha_pattern = { q_proj: 2 }; }, '"alpha_pattern"'],
  ["saved modules", (c) => { c.modules_to_save = ["lm_head"]; }, '"modules_to_save"'],
  ["transposed weights", (c) => { c.fan_in_fan_out = true; }, '"fan_in_fan_out"'],
  ["an initialisation that changes the base", (c) => { c.init_lora_weights = "pissa_niter_4"; }, '"init_lora_weights"', "pissa", "merge"],
  ["repeated layers", (c) => { c.layer_replication = [[0, 1], [0, 2]]; }, '"layer_replication"'],
  ["no rank", (c) => { delete c.r; }, '"r" is undefined'],
  ["another rank", (c) => { c.r = 8; }, "lora_A.weight is [4,32], the base model needs [8,32]"],
  ["a rank of zero", (c) => { c.r = 0; }, "rank is 0"],
  ["no alpha", (c) => { delete c.lora_alpha; }, '"lora_alpha" is undefined'],
  ["a text as alpha", (c) => { c.lora_alpha = "16"; }, '"lora_alpha" is "16"'],
  ["an absurd dropout", (c) => { c.lora_dropout = 1; }, "dropout is 1"],
  ["a module without tensors", (c) => { c.target_modules.push("o_proj"); }, "model.layers.0.self_attn.o_proj is targeted, but has no tensors", "model.layers.1.self_attn.o_proj"],
  ["half a pair", (_, w) => rewrite(w, (n, s) => (n.includes("layers.0.self_attn.q_proj.lora_B") ? undefined : [n, s])), "layers.0.self_attn.q_proj.lora_A.weight has no counterpart"],
  ["names of another model", (_, w) => rewrite(w, (n, s) => [n.replace("layers.1", "layers.7"), s]), "layers.7.self_attn.q_proj.lora_A.weight belongs to no matrix"],
  ["names without PEFT's prefix", (_, w) => rewrite(w, (n, s) => [n.replace("base_model.model.", ""), s]), "belongs to no matrix"],
  ["an adapter on the embedding", (_, w) => rewrite(w, (n, s) => [n.replace(/model\.layers\.1\.self_attn\.q_proj/, "model.embed_tokens"), s]), "embed_tokens.lora_A.weight belongs to no matrix"],
  ["no tensors", (_, w) => rewrite(w, () => undefined), "it holds no tensors"],
];
for (const [what, change, ...mentions] of DAMAGE)
  test(`refuses an adapter with ${what}, and leaves no tensor`, () => {
    const where = damaged(change), before = tf.memory().numTensors;
    assert.throws(() => loadAdapter(where, models["qwen2-tied"]), userError(where, ...mentions));
    assert.equal(tf.memory().numTensors, before);
  });
test("the adapter that these were made of is good; fields that change nothing do not matter", () => {
  for (const change of [() => {}, (c: any) => { c.init_lora_weights = "gaussian"; c.lora_dropout = null; c.unknown_field = 1; }, (c: any) => { c.target_modules = "^.*\\.(q|v)_proj$"; }])
    free(loadAdapter(damaged(change), models["qwen2-tied"]));
});
test("refuses what is no adapter folder", () => {
  const where = folder();
  assert.throws(() => loadAdapter(where, models.llama), userError(where, CONFIG, "PEFT"));
  for (const text of ["{", "null", "[]", "[".repeat(1e5)]) {
    fs.writeFileSync(path.join(where, CONFIG), text);
    assert.throws(() => loadAdapter(where, models.llama), userError(path.join(where, CONFIG)));
  }
});
test("the wrong base is named, with every tensor that does not fit", () => {
  assert.throws(() => loadAdapter(fixture("lora", "llama-linear"), models["qwen2-tied"]), userError("qwen2-tied", "models/llama", "lora_A.weight is [4,48], the base model needs [4,32]", "… and 18 more"));
  assert.throws(() => loadAdapter(fixture("lora", "qwen2-tied-qv"), models.llama), userError("q_proj.lora_A.weight is [4,32], the base model needs [4,48]", "Use the base model"));
});
test("a method without a layout is not written in one", () => {
  const where = folder("none");
  assert.throws(() => saveAdapter(where, { method: none, trained: {} }, models.llama), userError('"none"', "no layout on disk"));
  assert.ok(!fs.existsSync(where));
});
test("a disk that fails in the middle of reading leaves no tensor", (t) => {
  const read = fs.readSync, before = tf.memory().numTensors;
  let reads = 0; // the header takes two, each tensor one
  t.mock.method(fs, "readSync", (...args: Parameters<typeof read>) => { if (++reads > 5) throw new Error("EIO"); return read(...args); });
  assert.throws(() => loadAdapter(fixture("lora", "qwen2-tied-qv"), models["qwen2-tied"]), /EIO/);
  assert.equal(reads, 6);
  assert.equal(tf.memory().numTensors, before);
});
test("no tensor and no file stays open over loading, saving, failing", async () => {
  const where = folder("a"), open = () => (fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : 0), before = open();
  await leaksNothing(() => {
    const adapter = loadAdapter(fixture("lora", "llama-linear"), models.llama);
    saveAdapter(where, adapter, models.llama);
    free(adapter);
    assert.throws(() => loadAdapter(where, models["qwen2-tied"]));
  });
  assert.equal(open(), before);
});
