// node scripts/pretrain/check.mjs [--alerts FOLDER] [--only questions|alerts] [--write]: is the course model useful? Fine-tunes it on the project's own data.
// TUNELAB_QUICK=1 shows only that it runs.
// --write puts the results into the model's card.
// Questions: mean loss of the answers, before and after. Alerts: the label, written out as the answer to the alert, on test and hard.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { budget, courseModel, encodeExamples, evaluate, full, generate, generateAll, load, loadRecords, promptText, train } from "tunelab";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: flags } = parseArgs({ options: { alerts: { type: "string", default: join(root, "data/security-alerts") }, only: { type: "string" }, write: { type: "boolean", default: false } } });
const model = await load(courseModel()), { tokenizer } = model;
const read = async (folder, split) => (await Promise.all(["zh", "en"].map((l) => loadRecords(join(folder, l, `${split}.jsonl`))))).flat();
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(0)} s`;
const maxLength = model.config.maxPositions, found = {}, EPOCHS = budget(4, 0.1);

if (flags.only !== "alerts") {
  const folder = join(root, "data/security-qa"), data = Object.fromEntries(await Promise.all(["train", "validation", "test"].map(async (s) => [s, encodeExamples(tokenizer, await read(folder, s), { maxLength })])));
  const began = performance.now(), before = [await evaluate(model, data.validation), await evaluate(model, data.test)];
  const run = await train({ model, method: full(), data, epochs: EPOCHS, batchSize: 8, learningRate: 3e-4, evaluateEvery: 90, display: false });
  const after = [await evaluate(model, data.validation, { adapter: run }), await evaluate(model, data.test, { adapter: run })];
  found.questions = { epochs: EPOCHS, validation: [before[0].loss, after[0].loss], test: [before[1].loss, after[1].loss] };
  console.log(`questions (${data.train.length} to train on, ${seconds(began)}): answer loss on validation ${before[0].loss.toFixed(3)} → ${after[0].loss.toFixed(3)}, on test ${before[1].loss.toFixed(3)} → ${after[1].loss.toFixed(3)}`);
  console.log(`  while training: ${run.history.evaluations.map((e) => `${e.step}: ${e.loss.toFixed(3)}`).join(", ")}`);
  for (const question of ["什么是钓鱼攻击？", "What is a firewall?"]) {
    const [answer] = await generate(model, [promptText(tokenizer, [{ role: "user", content: question }])], { adapter: run, maxNewTokens: 60 });
    console.log(`  ${question} ${answer.text}`);
  }
}

if (flags.only !== "questions") {
  const turn = ({ text, label }) => ({ prompt: text, completion: label }), began = performance.now();
  const data = encodeExamples(tokenizer, (await read(flags.alerts, "train")).map(turn), { maxLength });
  const run = await train({ model, method: full(), data: { train: data }, epochs: EPOCHS, batchSize: 16, learningRate: 5e-4, display: false });
  console.log(`alerts: trained on ${data.length} in ${seconds(began)}, loss ${run.history.steps.slice(-20).reduce((s, r) => s + r.loss / 20, 0).toFixed(4)}`);
  found.alerts = { epochs: EPOCHS, test: {}, hard: {} };
  for (const split of ["test", "hard"]) for (const language of ["zh", "en"]) {
    const records = (await loadRecords(join(flags.alerts, language, `${split}.jsonl`))).slice(0, budget(Infinity, 33)), prompts = records.map((r) => promptText(tokenizer, [{ role: "user", content: r.text }]));
    const answers = await generateAll(model, prompts, { adapter: run, maxNewTokens: 12 }), right = answers.filter((a, i) => a.text.trim() === records[i].label).length;
    found.alerts[split][language] = { right, of: records.length };
    console.log(`  ${split}, ${language}: ${right} of ${records.length} right, ${((100 * right) / records.length).toFixed(1)} %`);
  }
}

if (flags.write && found.questions && found.alerts) {
  const { writeCard } = await import("./card.mjs");
  writeFileSync(join(root, "data/course-model/fine-tuned.json"), `${JSON.stringify(found, null, 1)}\n`);
  writeCard(join(root, "data/course-model"));
}
