// Several adapters of different kinds on one base: each row of a mixed batch is what its adapter gives alone; switching, removing; prompt ensembles; the table.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { adapter, AdapterSet, bitfit, fish, ia3, lora, prefix, prompt, promptEnsemble, pTuning, saveAdapter, type Adapter, type Method } from "tunelab/methods";
import { generate, logits, type Model } from "tunelab/model";
import { trainableLine, trainableTable } from "tunelab/train";
import { dispose, tf } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { temporary, tinyModel, withJit } from "../support/fixtures";
import { examples, randomLike } from "../support/training";

let model: Model;
const folder = temporary();
before(async () => { model = await tinyModel("qwen2-tied"); });

async function make(method: Method | Promise<Method>, scale = 0.2): Promise<Adapter> {
  const m = await method, start = m.init(model.params, model.config, 2), noise = randomLike(start, scale, 5);
  const trained = Object.fromEntries(Object.entries(start).map(([n, p]) => [n, tf.tidy(() => tf.add(p, noise[n]))]));
  [start, noise].forEach(dispose);
  return { method: m, trained };
}
const KINDS: Record<string, () => Method | Promise<Method>> = {
  lora: () => lora(), ia3: () => ia3(), bitfit: () => bitfit(), adapter: () => adapter({ reduction: 4 }), prefix: () => prefix({ tokens: 3 }), prompt: () => prompt({ tokens: 4 }),
  "p-tuning": () => pTuning({ places: [["end", 2]], hidden: 4 }), fish: () => fish(model, examples(112), { density: 0.02, display: false }),
};
const NAMES = ["prompt", undefined, "lora", "fish", "prefix", "lora", "bitfit", "ia3", "adapter", "p-tuning", undefined];

test("each row of a mixed batch is what its adapter gives alone", () => withJit(false, async () => {
  const set = new AdapterSet(model), before = tf.memory().numTensors;
  for (const [name, method] of Object.entries(KINDS)) set.add(name, await make(method()));
  const rows = NAMES.map((_, b) => [5 + b, 6, 7 + b, 80, 9]), all = set.logits({ ids: Int32Array.from(rows.flat()), batch: rows.length }, NAMES), mixed = all.arraySync() as number[][][];
  all.dispose();
  for (const [b, name] of NAMES.entries()) {
    const alone = logits({ ...model, ...(name && set.get(name)) }, { ids: Int32Array.from(rows[b]), batch: 1 });
    close(mixed[b], (alone.arraySync() as number[][][])[0], 1e-5, `row ${b} (${name})`);
    alone.dispose();
  }
  const distinct = new Set(NAMES.map((_, b) => b).filter((b) => NAMES.indexOf(NAMES[b]) === b).map((b) => mixed[b][4].map((v) => v.toFixed(2)).join()));
  assert.equal(distinct.size, 9, "no two adapters do the same");
  Object.keys(KINDS).forEach((name) => set.remove(name));
  assert.equal(tf.memory().numTensors, before, "removing frees everything");
}));

test("mixed generation, compiled, answers each prompt as its adapter does alone", async () => {
  const set = new AdapterSet(model), names = ["prefix", "lora", undefined, "prompt", "lora"], prompts = [[5, 6, 7], [20, 21], [5, 6, 7], [9, 10, 11, 12], [5, 6, 7]];
  for (const name of ["prefix", "lora", "prompt"]) set.add(name, await make(KINDS[name]()));
  const before = tf.memory().numTensors, mixed = await set.generate(prompts, { adapters: names, maxNewTokens: 5 });
  for (const [i, name] of names.entries()) {
    set.use(name);
    assert.deepEqual((await set.generate([prompts[i]], { maxNewTokens: 5 }))[0].ids, mixed[i].ids, `${i}: ${name}`);
  }
  assert.notDeepEqual(mixed[0].ids, mixed[2].ids);
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual(set.list().map(({ name, active }) => [name, active]), [["prefix", false], ["lora", true], ["prompt", false]]);
  set.remove("lora");
  assert.equal(set.get(), undefined, "the base answers after the active adapter is gone");
  ["prefix", "prompt"].forEach((name) => set.remove(name));
});

test("adapters come from folders too; mistakes are named", async () => {
  const set = new AdapterSet(model), where = folder("a"), one = await make(lora());
  saveAdapter(where, one, model);
  set.add("first", one);
  set.add("second", where);
  assert.throws(() => set.add("first", one), userError('"first" already'));
  assert.throws(() => set.add("", one), userError("needs a name"));
  assert.throws(() => set.use("third"), userError('no adapter "third"', "first, second"));
  assert.throws(() => set.remove("third"), userError('"third"'));
  assert.throws(() => set.logits({ ids: Int32Array.of(3, 4), batch: 2 }, ["first"]), userError("1 adapters", "2 rows"));
  await assert.rejects(generate(model, [[3], [4]], { adapters: [one] }), userError("1 adapters for 2 prompts"));
  ["first", "second"].forEach((name) => set.remove(name));
});

test("an ensemble of prompts reads one text with each of them in one batch", () => withJit(false, async () => {
  const prompts = [await make(prompt({ tokens: 3 })), await make(prompt({ tokens: 3 }), 0.5)], text = [5, 6, 7, 8], V = model.config.vocabSize;
  prompts[1].trained.prompt_embeddings.dispose();
  (prompts[1].trained as Record<string, unknown>).prompt_embeddings = tf.randomNormal([3, 32], 0, 0.5, "float32", 3);
  const ensemble = promptEnsemble(prompts), rows = ensemble.rows(text);
  assert.deepEqual(rows, [[-1, -2, -3, ...text], [-4, -5, -6, ...text]]);
  const all = logits({ ...model, ...ensemble }, { ids: Int32Array.from(rows.flat()), batch: 2 }), together = all.arraySync() as number[][][];
  all.dispose();
  for (const [i, one] of prompts.entries()) {
    const alone = logits({ ...model, ...one }, { ids: Int32Array.from(text), batch: 1 });
    close(together[i].slice(3), (alone.arraySync() as number[][][])[0], 1e-5, `prompt ${i}`);
    alone.dispose();
    const answers = await generate(model, rows, { adapter: ensemble, maxNewTokens: 3 });
    assert.deepEqual(answers[i].ids, (await generate(model, [text], { adapter: one, maxNewTokens: 3 }))[0].ids);
  }
  assert.equal(together[0][0].length, V);
  assert.throws(() => logits({ ...model, ...ensemble }, { ids: Int32Array.from(text), batch: 1 }), userError("rows"));
  assert.throws(() => logits({ ...model, ...ensemble }, { ids: Int32Array.from([-7, 5]), batch: 1 }), userError("token id -7"));
  const longer = await make(prompt({ tokens: 4 }));
  assert.throws(() => promptEnsemble([prompts[0], longer]), userError("as many tokens", "[3,32]", "[4,32]"));
  assert.throws(() => promptEnsemble([]), userError("none"));
  [longer, ensemble, ...prompts].forEach(({ trained }) => dispose(trained));
}));

test("the table says what is trained, and adds up", async () => {
  await leaksNothing(async () => {
    const one = await make(fish(model, examples(112), { density: 0.02, display: false })), rows = trainableTable(one, model), scalars = rows.map((r) => Object.values(r)[2] as number);
    assert.equal(scalars.at(-1), scalars.slice(0, -1).reduce((a, b) => a + b, 0));
    assert.match(trainableLine(one.method, one.trained, model.params), new RegExp(`fish.*${scalars.at(-1)!.toLocaleString("en-US")}`));
    [one.trained, one.method.constants!].forEach(dispose);
    const two = await make(lora({ rank: 2 }));
    assert.deepEqual(trainableTable(two, model).map((r) => Object.values(r).slice(0, 3)), [
      ["layers.*.self_attn.q_proj.lora_A.weight", 2, 128], ["layers.*.self_attn.q_proj.lora_B.weight", 2, 128],
      ["layers.*.self_attn.v_proj.lora_A.weight", 2, 128], ["layers.*.self_attn.v_proj.lora_B.weight", 2, 64], [process.env.TUNELAB_LANG === "zh" ? "合计" : Object.values(trainableTable(two, model).at(-1)!)[0], 8, 448],
    ]);
    dispose(two.trained);
  }, 1);
});
