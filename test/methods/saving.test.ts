// Every kind of adapter on disk: what PEFT wrote is read right, ours come back and look as PEFT writes them, damage is refused by name.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { loadAdapter, saveAdapter, trainableCount, type Adapter } from "tunelab/methods";
import { logits, openSafetensors, writeSafetensors, type Model } from "tunelab/model";
import { dispose, tf } from "tunelab/tensor";
import { close, leaksNothing, realRows, userError } from "../support/compare";
import { fixture, readJson, temporary, tinyModel, withJit } from "../support/fixtures";
import { randomLike } from "../support/training";
import { METHODS } from "./cases";

const python = process.env.TUNELAB_PYTHON, adaptersPython = process.env.TUNELAB_ADAPTERS_PYTHON, folder = temporary();
const CONFIG = "adapter_config.json", WEIGHTS = "adapter_model.safetensors", HUB_WEIGHTS = "adapter.safetensors";
const FROM_PEFT = ["ia3", "ia3-llama", "prompt", "p-tuning-lstm", "p-tuning-mlp", "prefix", "prefix-mlp", "dora"];
const models: Record<string, Model> = {};
before(async () => { process.env.TUNELAB_JIT = "0"; for (const name of ["llama", "qwen2-tied"]) models[name] = await tinyModel(name); });

const free = ({ method, trained }: Adapter) => { dispose(trained); dispose(method.constants ?? {}); };
const INPUT_IDS = [[5, 6, 7, 8, 9, 10], [11, 12, 13, 2, 2, 2]], MASK = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]];
const run = (model: Model, adapter?: Adapter): number[][][] => realRows(logits({ ...model, ...adapter }, { ids: Int32Array.from(INPUT_IDS.flat()), batch: 2, attend: MASK.flat() }), MASK);
const tensorsOf = (file: string) => {
  const opened = openSafetensors(file), tensors = Object.fromEntries([...opened.tensors].map(([n, t]) => [n, { shape: [...t.shape], dtype: t.dtype, values: [...t.read()] }] as const).sort());
  opened.close();
  return tensors;
};

for (const name of FROM_PEFT)
  test(`${name}, saved by PEFT: its logits, and saved again its tensors and settings`, (t) => {
    const e = readJson("methods", name, "trajectory.json"), model = models[e.base], theirs = fixture("methods", name), adapter = loadAdapter(theirs, model), where = folder("saved");
    const inputs = { ids: Int32Array.from(e.inputIds.flat()), batch: 2, attend: e.attentionMask.flat() };
    t.diagnostic(`max |Δlogit| ${close(realRows(logits({ ...model, ...adapter }, inputs), e.attentionMask), e.logits, 1e-4, "logits").toExponential(1)}`);
    saveAdapter(where, adapter, model);
    assert.deepEqual(fs.readdirSync(where).sort(), [CONFIG, WEIGHTS]);
    assert.deepEqual(tensorsOf(path.join(where, WEIGHTS)), tensorsOf(path.join(theirs, WEIGHTS)));
    const ours = JSON.parse(fs.readFileSync(path.join(where, CONFIG), "utf8")), peft = readJson("methods", name, CONFIG);
    for (const key of Object.keys(ours)) {
      assert.ok(key in peft, `${key} is a field of PEFT's`);
      if (key.endsWith("_modules") && ours[key]) assert.deepEqual([...ours[key]].sort(), [...peft[key]].sort(), key);
      else if (key === "base_model_name_or_path") assert.equal(ours[key], path.basename(model.path));
      else if (!/^encoder_|^prefix_projection/.test(key)) assert.deepEqual(ours[key], peft[key], key); // the encoder is gone
    }
    free(adapter);
  });

for (const name of ["hub-double-seq", "hub-seq", "hub-par"])
  test(`${name}, saved by adapter-hub's library: its logits, and saved again its tensors and settings`, (t) => {
    const e = readJson("methods", name, "expected.json"), model = models[e.base], theirs = fixture("methods", name), adapter = loadAdapter(theirs, model), where = folder("saved");
    const inputs = { ids: Int32Array.from(e.inputIds.flat()), batch: 2, attend: e.attentionMask.flat() };
    t.diagnostic(`max |Δlogit| ${close(realRows(logits({ ...model, ...adapter }, inputs), e.attentionMask), e.logits, 1e-4, "logits").toExponential(1)}`);
    saveAdapter(where, adapter, model);
    const ours = JSON.parse(fs.readFileSync(path.join(where, CONFIG), "utf8")), hub = readJson("methods", name, CONFIG);
    for (const [key, value] of Object.entries(ours.config)) if (key !== "architecture" && key !== "init_weights") assert.deepEqual(value, hub.config[key], key); // null where it is absent; how one of ours would start
    const named = Object.entries(tensorsOf(path.join(theirs, HUB_WEIGHTS))).map(([n, tensor]) => [n.replace(".made.", `.${ours.name}.`), tensor]);
    assert.deepEqual(tensorsOf(path.join(where, HUB_WEIGHTS)), Object.fromEntries(named.sort()));
    free(adapter);
  });

for (const c of METHODS)
  for (const base of c.bases ?? (["llama"] as const)) {
    const made = async (): Promise<Adapter> => {
      const model = models[base], method = await c.make(model), start = method.init(model.params, model.config, 1), noise = randomLike(start, 0.1, 3);
      const trained = Object.fromEntries(Object.entries(start).map(([n, p]) => [n, tf.tidy(() => tf.add(p, noise[n]))]));
      [start, noise].forEach(dispose);
      return { method, trained };
    };

    test(`${c.what} on ${base}: comes back with the same logits and count, and is written the same`, async () => {
      const model = models[base], adapter = await made(), where = folder("adapter"), twice = folder("twice");
      saveAdapter(where, adapter, model);
      const again = loadAdapter(where, model);
      close(run(model, again), run(model, adapter), adapter.method.encode ? 1e-6 : 0, "logits");
      if (!adapter.method.encode) assert.equal(trainableCount(again), trainableCount(adapter));
      saveAdapter(twice, again, model);
      for (const file of fs.readdirSync(where)) if (file.endsWith(".safetensors")) assert.deepEqual(tensorsOf(path.join(twice, file)), tensorsOf(path.join(where, file)));
      await leaksNothing(() => free(loadAdapter(where, model)), 1);
      [adapter, again].forEach(free);
    });

    if (c.what.startsWith("adapter,")) test(`${c.what} on ${base}: adapter-hub's library loads it completely and computes the same`, { skip: !adaptersPython && "TUNELAB_ADAPTERS_PYTHON is not set" }, async (t) => {
      const model = models[base], adapter = await made(), where = folder("adapter"), expected = path.join(where, "..", "expected.json");
      saveAdapter(where, adapter, model);
      fs.writeFileSync(expected, JSON.stringify({ inputIds: INPUT_IDS, attentionMask: MASK, logits: run(model, adapter) }));
      free(adapter);
      const result = JSON.parse(execFileSync(adaptersPython!, [fixture("check_adapter_hub.py"), where, model.path, expected], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
      assert.deepEqual({ ...result, maxAbsDiff: 0 }, { ok: true, maxAbsDiff: 0, missing: [], unexpected: [], different: [] }, JSON.stringify(result));
      t.diagnostic(`max |Δlogit| ${result.maxAbsDiff.toExponential(1)}`);
    });

    test(`${c.what} on ${base}: PEFT loads it completely and computes the same`, { skip: !python && "TUNELAB_PYTHON is not set" }, async (t) => {
      const model = models[base], adapter = await made(), where = folder("adapter"), expected = path.join(where, "..", "expected.json");
      saveAdapter(where, adapter, model);
      const rows = run(model, adapter);
      free(adapter);
      const config = fs.existsSync(path.join(where, CONFIG)) && JSON.parse(fs.readFileSync(path.join(where, CONFIG), "utf8"));
      if (!config?.peft_type) return t.skip("not PEFT's layout");
      fs.writeFileSync(expected, JSON.stringify({ inputIds: INPUT_IDS, attentionMask: MASK, logits: rows }));
      const result = JSON.parse(execFileSync(python!, [fixture("check_peft.py"), where, model.path, expected], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
      assert.deepEqual({ ...result, maxAbsDiff: 0 }, { ok: true, maxAbsDiff: 0, missing: [], unexpected: [] }, JSON.stringify(result));
      t.diagnostic(`max |Δlogit| ${result.maxAbsDiff.toExponential(1)}`);
    });
  }

/** A copy of an adapter that PEFT made, changed. */
function damaged(name: string, change: (config: Record<string, any>, where: string) => void): string {
  const where = folder("damaged");
  fs.mkdirSync(where, { recursive: true });
  for (const file of [CONFIG, WEIGHTS]) fs.copyFileSync(fixture("methods", name, file), path.join(where, file));
  const config = JSON.parse(fs.readFileSync(path.join(where, CONFIG), "utf8"));
  change(config, where);
  fs.writeFileSync(path.join(where, CONFIG), JSON.stringify(config));
  return where;
}
const weights = (where: string, tensors: Record<string, number[]>) =>
  writeSafetensors(path.join(where, WEIGHTS), Object.fromEntries(Object.entries(tensors).map(([n, shape]) => [n, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }])));
const K = "base_model.model.model.layers.0.self_attn.k_proj";
const DAMAGE: [what: string, of: string, change: (config: Record<string, any>, where: string) => void, ...mentions: string[]][] = [
  ["a vector of another width", "ia3", (_, w) => weights(w, { [`${K}.ia3_l`]: [15, 1] }), "k_proj.ia3_l is [15,1], the base model needs [16,1]", "v_proj is targeted, but has no tensor"],
  ["a vector on no matrix", "ia3", (_, w) => weights(w, { [`${K}.ia3_x`]: [16, 1] }), "belongs to no matrix"],
  ["a vector on the wrong side", "ia3", (c) => { c.feedforward_modules = ["k_proj", "down_proj"]; }, "k_proj.ia3_l is [16,1], the base model needs [1,32]"],
  ["trained modules beside it", "ia3", (c) => { c.modules_to_save = ["lm_head"]; }, '"modules_to_save"', "merge"],
  ["no tensors", "prompt", (_, w) => weights(w, {}), "prompt_embeddings [4,32] is missing", "no tensors"],
  ["another number of tokens", "prompt", (c) => { c.num_virtual_tokens = 5; }, "prompt_embeddings is [4,32], the base model needs [5,32]"],
  ["half a token", "prompt", (c) => { c.num_virtual_tokens = 1.5; }, "tokens is 1.5"],
  ["a token too many for the context", "prompt", (c) => { c.num_virtual_tokens = 1e6; }, "1000000", "256 positions"],
  ["no number of tokens", "p-tuning-lstm", (c) => { delete c.num_virtual_tokens; }, '"num_virtual_tokens" is undefined'],
  ["tensors beside the tokens", "p-tuning-lstm", (_, w) => weights(w, { prompt_embeddings: [3, 32], more: [1] }), "more does not belong"],
  ["other heads", "prefix", (c) => { c.num_attention_heads = 4; }, '"num_attention_heads" is 4', "needs 2"],
  ["another number of layers", "prefix", (_, w) => weights(w, { prompt_embeddings: [3, 96] }), "prompt_embeddings is [3,96], the base model needs [3,64]"],
  ["two submodules", "prefix", (c) => { c.num_transformer_submodules = 2; }, '"num_transformer_submodules"'],
];
for (const [what, of, change, ...mentions] of DAMAGE)
  test(`refuses ${of} with ${what}, and leaves no tensor`, () => {
    const where = damaged(of, change), before = tf.memory().numTensors;
    assert.throws(() => loadAdapter(where, models["qwen2-tied"]), userError(where, ...mentions));
    assert.equal(tf.memory().numTensors, before);
  });

test("the wrong base, of every layout", async () => {
  for (const [what, ...mentions] of [["FISH mask", "q_proj"], ["adapter, sequential", "adapter_down.0.weight is [12,48], the base model needs [8,32]"], ["diff pruning", "q_proj.weight.diff is"], ["full", "embed_tokens.weight is [104,48], the base model needs [112,32]"], ["BitFit with added biases", "bias"]] as const) {
    const c = METHODS.find((c) => c.what === what)!, model = models.llama, method = await c.make(model), trained = method.init(model.params, model.config, 0), where = folder("wrong");
    saveAdapter(where, { method, trained }, model);
    const before = tf.memory().numTensors;
    assert.throws(() => loadAdapter(where, models["qwen2-tied"]), userError(where, ...mentions), what);
    assert.equal(tf.memory().numTensors, before, what);
    free({ method, trained });
  }
});

test("a sparse difference is refused by a base of the same shapes with other values where it changes them; elsewhere they may differ", async () => {
  const model = models.llama, c = METHODS.find((c) => c.what === "FISH mask")!, method = await c.make(model), trained = method.init(model.params, model.config, 0), where = folder("other-weights");
  saveAdapter(where, { method, trained }, model);
  const name = Object.keys(method.constants!)[0].replace(".indices", ""), [index] = method.constants![`${name}.indices`].dataSync(), w = model.params[name], values = Float32Array.from(w.dataSync());
  const changed = (at: number) => { const v = values.slice(); v[at] += 1; return { ...model, params: { ...model.params, [name]: tf.tensor(v, w.shape) } }; };
  const kept = new Set(method.constants![`${name}.indices`].dataSync()), elsewhere = changed(values.findIndex((_, i) => !kept.has(i))), here = changed(index), before = tf.memory().numTensors;
  assert.throws(() => loadAdapter(where, here), userError(where, "others in this base model", "before anything was merged"));
  assert.equal(tf.memory().numTensors, before);
  free(loadAdapter(where, elsewhere));
  [here, elsewhere].forEach((m) => m.params[name].dispose());
  free({ method, trained });
});

test("indices beyond 2^24 come back exactly", () => {
  const file = path.join(folder(), "large.safetensors"), indices = Int32Array.of(1, 16_777_217, 28_311_551);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  writeSafetensors(file, { indices: { shape: [3], data: indices } });
  const opened = openSafetensors(file);
  assert.deepEqual(opened.tensors.get("indices")!.integers!(), indices);
  opened.close();
});

test("own and adapter-hub configs that make no sense are refused", async () => {
  const own = folder("own"), hub = folder("hub"), model = models.llama;
  for (const [what, where] of [["full, two modules", own], ["adapter, parallel", hub]] as const) {
    const method = await METHODS.find((c) => c.what === what)!.make(model), trained = method.init(model.params, model.config, 0);
    saveAdapter(where, { method, trained }, model);
    free({ method, trained });
  }
  const change = (where: string, name: string, f: (config: any) => void) => { const file = path.join(where, name), old = fs.readFileSync(file, "utf8"), config = JSON.parse(old); f(config); fs.writeFileSync(file, JSON.stringify(config)); return () => fs.writeFileSync(file, old); };
  for (const [where, name, f, ...mentions] of [
    [own, "tunelab_adapter.json", (c) => { c.method = "magic"; }, '"magic"', "bitfit"], [own, "tunelab_adapter.json", (c) => { c.settings = null; }, '"settings"'],
    [own, "tunelab_adapter.json", (c) => { c.settings = { parameters: ["bogus"] }; }, "bogus"],
    [hub, CONFIG, (c) => { delete c.name; }, '"name"'], [hub, CONFIG, (c) => { c.config.use_gating = true; }, '"use_gating"'], [hub, CONFIG, (c) => { c.config.non_linearity = "gelu"; }, '"gelu"', "relu"],
    [hub, CONFIG, (c) => { c.config.reduction_factor = { default: 2 }; }, '"reduction_factor"'], [hub, CONFIG, (c) => { c.config.reduction_factor = 4; }, "adapter_down.0.weight is [24,48], the base model needs [12,48]"],
    [hub, CONFIG, (c) => { c.config.mh_adapter = true; }, "attention_adapters", "is missing"], [hub, CONFIG, (c) => { c.config.output_adapter = false; }, "after is []"],
  ] as [string, string, (config: any) => void, ...string[]][]) {
    const restore = change(where, name, f), before = tf.memory().numTensors;
    assert.throws(() => loadAdapter(where, model), userError(where, ...mentions), mentions[0]);
    assert.equal(tf.memory().numTensors, before);
    restore();
  }
});
