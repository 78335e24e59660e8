// npm run pretrain -- [--steps N] [--export] [--cache FOLDER]: trains the course model, data/course-model.
//
// Fetches openly licensed text from Debian's packages, makes the corpus and the tokenizer, and trains with this library's own train().
// Everything lies in .cache/pretrain; run it again after an interruption and it goes on. The number of steps sets the learning rate's
// course, so a run with another number is another run: it goes to a folder of its own. --export writes the newest checkpoint of the run
// to data/course-model, also while the run still goes on.
import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adamw, backend, full, initialParams, lastRun, loadRecords, parseConfig, sft, tf, train } from "tunelab";
import { buildCorpus } from "./corpus.mjs";
import { CONFIG, LENGTH, makeRows, makeTokenizer } from "./model.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: flags } = parseArgs({
  options: { steps: { type: "string", default: "1500" }, cache: { type: "string", default: join(root, ".cache/pretrain") }, export: { type: "boolean", default: false } },
});
const steps = Number(flags.steps), cache = resolve(flags.cache), folder = join(cache, `run-${steps}`);
if (!Number.isInteger(steps) || steps < 1) { console.error("usage: npm run pretrain -- [--steps N] [--export] [--cache FOLDER]"); process.exit(2); }
const say = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);

const BATCH = Number(process.env.BATCH ?? 16), PEAK = 2e-3, EVALUATE_EVERY = 50, EVALUATED_ROWS = 32;

const corpus = buildCorpus(cache, say);
const records = (await Promise.all(["en", "zh"].map((l) => loadRecords(join(root, `data/security-qa/${l}/train.jsonl`))))).flat();
const tokenizer = makeTokenizer(corpus, records, cache, say);
const rows = await makeRows(corpus, records, tokenizer);
say(`${rows.train.length} rows of ${LENGTH} tokens to train on; held out: ${rows.heldOut.zh.length} zh, ${rows.heldOut.en.length} en`);

if (flags.export) {
  const { exportModel } = await import("./export.mjs");
  await exportModel({ folder, corpus, rows, tokenizer, root, say });
  process.exit(0);
}

const { kind } = await backend();
const config = parseConfig(CONFIG, "scripts/pretrain/model.mjs"), params = initialParams(config, 0);
const model = { config, params }, method = full(), objective = sft(), loss = objective.loss(model, method);
const mean = (examples) => {
  let sum = 0;
  for (let i = 0; i < examples.length; i += BATCH) { const batch = objective.collate(examples.slice(i, i + BATCH)); sum += batch.weight * tf.tidy(() => loss(lastRun().trained, batch).dataSync()[0]); }
  return sum / (examples.length * (LENGTH - 1));
};
mkdirSync(folder, { recursive: true });
say(`${steps} steps of ${BATCH} rows on the ${kind} backend, in ${folder}`);
await train({
  model, method, objective, optimizer: adamw({ beta2: 0.95, weightDecay: 0.05 }), data: { train: rows.train }, steps, batchSize: BATCH,
  learningRate: PEAK, schedule: "cosine", warmup: Math.min(100, Math.ceil(steps / 10)), clip: 1, seed: 0, folder, saveEvery: 25, resume: true, display: false,
  onStep(r) {
    if (r.step % 10 === 0) say(`step ${r.step}: loss ${r.loss.toFixed(3)}, norm ${r.gradientNorm.toFixed(2)}, ${Math.round(r.tokensPerSecond)} tokens/s, ${(r.memory / 1e9).toFixed(1)} GB`);
    if (r.step % EVALUATE_EVERY && r.step !== steps && r.step !== 1) return;
    const record = { step: r.step, zh: mean(rows.heldOut.zh.slice(0, EVALUATED_ROWS)), en: mean(rows.heldOut.en.slice(0, EVALUATED_ROWS)) };
    appendFileSync(join(folder, "held-out.jsonl"), `${JSON.stringify(record)}\n`);
    say(`held out: zh ${record.zh.toFixed(3)}, en ${record.en.toFixed(3)} nats a token`);
  },
});
say(lastRun().message);
