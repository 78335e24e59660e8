// The course's own model, data/course-model: Python's transformers computes the same with it, and it is better than its baselines.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { courseModel } from "tunelab/course";
import { generate, initialParams, load, logits, type Model } from "tunelab/model";
import { packDocuments, sft } from "tunelab/objectives";
import { loadRecords } from "tunelab/text";
import { count, dispose, tf } from "tunelab/tensor";
import { close } from "../support/compare";
import { fixture, readJson, temporary } from "../support/fixtures";

const expected = readJson("course-model", "expected.json") as {
  parameters: number; columns: number[]; messages: { role: string; content: string }[]; chat: string; chatIds: number[];
  texts: { text: string; ids: number[]; logits: number[][]; logSumExp: number[]; new: number[]; newText: string }[];
};
const folder = path.join("data", "course-model"), python = process.env.TUNELAB_PYTHON, temporaryFile = temporary();
let model: Model;
before(async () => { model = await load(courseModel()); });
after(() => dispose(model.params));

test("it is as large as its card says, and as what Python loads", () => {
  assert.equal(count(model.params), 5_966_080);
  assert.equal(expected.parameters, 5_966_080);
  assert.ok(fs.statSync(path.join(folder, "model.safetensors")).size <= 12_000_000);
  assert.equal(model.tokenizer.size, model.config.vocabSize);
});

test("ids, chats and logits are those of transformers", () => {
  for (const { text, ids, logits: rows, logSumExp } of expected.texts) {
    assert.deepEqual(model.tokenizer.encode(text), ids, JSON.stringify(text));
    const y = logits(model, { ids: Int32Array.from(ids), batch: 1 }), all = y.arraySync() as number[][][];
    y.dispose();
    close(all[0].map((row) => expected.columns.map((c) => row[c])), rows, 1e-4, text);
    close(all[0].map((row) => Math.log(row.reduce((s, x) => s + Math.exp(x), 0))), logSumExp, 1e-4, text);
  }
  assert.equal(model.tokenizer.chat(expected.messages), expected.chat);
  assert.deepEqual(model.tokenizer.encode(expected.chat), expected.chatIds);
});

test("greedy continuations are those of transformers", async () => {
  for (const { ids, new: wanted, newText } of expected.texts) {
    // Python went on behind an end token; here it ends the text.
    const end = wanted.findIndex((id) => model.tokenizer.eos.includes(id)), upTo = end < 0 ? wanted : wanted.slice(0, end);
    const [{ ids: got, text }] = await generate(model, [ids], { maxNewTokens: wanted.length || 1 });
    assert.deepEqual(got.slice(0, upTo.length), upTo);
    if (end < 0 && got.length === wanted.length) assert.equal(text, newText);
  }
});

for (const language of ["zh", "en"])
  test(`${language}: on questions that no training has seen it is better than by frequency, and than untrained`, async () => {
    const texts = async (split: string) => (await loadRecords<{ question: string; answer: string }>(`data/security-qa/${language}/${split}.jsonl`)).map((r) => model.tokenizer.encode(`${r.question}\n${r.answer}`));
    const rows = packDocuments(await texts("test"), 128, model.tokenizer.pad), objective = sft(), batch = objective.collate(rows);
    const none = { name: "none", settings: {}, init: () => ({}) }, untrained = { config: model.config, params: initialParams(model.config, 0) };
    const loss = (m: Pick<Model, "config" | "params">) => tf.tidy(() => objective.loss(m, none)({}, batch).dataSync()[0]);
    // frequencies of the training questions, one added: the same subject and style
    const seen = new Float64Array(model.config.vocabSize).fill(1);
    for (const ids of await texts("train")) for (const id of ids) seen[id]++;
    const total = seen.reduce((a, b) => a + b, 0), targets = rows.flatMap((r) => [...r.ids.subarray(1)]);
    const unigram = -targets.reduce((s, id) => s + Math.log(seen[id] / total), 0) / targets.length;
    const [trained, start] = [loss(model), loss(untrained)];
    dispose(untrained.params);
    assert.ok(trained < unigram - 0.8, `perplexity ${Math.exp(trained).toFixed(0)}, by frequency ${Math.exp(unigram).toFixed(0)}`);
    assert.ok(trained < start - 2, `loss ${trained}, untrained ${start}`);
  });

test("the manifest names every source with version, licence, checksum and size", () => {
  const { packages, bytes } = JSON.parse(fs.readFileSync(path.join(folder, "corpus.json"), "utf8"));
  assert.ok(packages.length > 40 && bytes.train.zh > 1e7 && bytes.train.en > 1e7);
  for (const p of packages) {
    assert.match(p.sha256, /^[0-9a-f]{64}$/, p.package);
    assert.ok(p.version && p.licence && p.zh.bytes + p.en.bytes > 0, p.package);
  }
});

test("transformers loads the folder completely and computes the same", { skip: !python && "TUNELAB_PYTHON is not set" }, () => {
  const file = temporaryFile("expected.json"), { ids } = expected.texts[0], y = logits(model, { ids: Int32Array.from(ids), batch: 1 });
  fs.writeFileSync(file, JSON.stringify({ inputIds: [ids], logits: y.arraySync() }));
  y.dispose();
  const result = JSON.parse(execFileSync(python!, [fixture("check_model.py"), folder, file], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  assert.deepEqual({ ...result, maxAbsDiff: 0 }, { ok: true, maxAbsDiff: 0, missing: [], unexpected: [], mismatched: [] });
});
