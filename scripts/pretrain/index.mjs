// npm run pretrain -- [--steps N] [--decay N] [--export] [--cache FOLDER]: trains the course model, data/course-model.
//
// Fetches openly licensed text from Debian's packages, makes the corpus and the tokenizer, and trains with this library's own train().
// The learning rate is constant for four fifths of the steps (or all but --decay) and then falls to 0 (warm-up, stable, decay: Hu et al. 2024): unlike a
// cosine, the first part does not depend on the number of steps, so it can be prolonged, or ended early by asking for fewer steps.
// Everything lies in .cache/pretrain; stop it at any time (Ctrl-C), run it again and it goes on. --export writes the newest checkpoint
// to data/course-model, also while a run goes on.
import { appendFileSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adamw, backend, checkpoints, dispose, full, initialParams, lastRun, loadRecords, loadState, parseConfig, sft, StoppedError, tf, train } from "tunelab";
import { buildCorpus } from "./corpus.mjs";
import { CONFIG, DECAY_LENGTH, LENGTH, makeRows, makeTokenizer } from "./model.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: flags } = parseArgs({
  options: { steps: { type: "string", default: "8000" }, decay: { type: "string" }, cache: { type: "string", default: join(root, ".cache/pretrain") }, export: { type: "boolean", default: false } },
});
const steps = Number(flags.steps), decay = Number(flags.decay ?? Math.round(steps / 5)), stable = steps - decay, cache = resolve(flags.cache), stableFolder = join(cache, "stable");
if (![steps, decay, stable].every((n) => Number.isInteger(n) && n > 0)) { console.error("usage: npm run pretrain -- [--steps N] [--decay N] [--export] [--cache FOLDER]"); process.exit(2); }
const say = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);

const BATCH = 8, PEAK = 1.5e-3, WARMUP = 100, EVALUATE_EVERY = 100, EVALUATED_ROWS = 32;

const corpus = buildCorpus(cache, say);
const records = (await Promise.all(["en", "zh"].map((l) => loadRecords(join(root, `data/security-qa/${l}/train.jsonl`))))).flat();
const tokenizer = makeTokenizer(corpus, records, cache, say);
const rows = await makeRows(corpus, records, tokenizer);
say(`${rows.train.length} rows of ${LENGTH} tokens to train on; held out: ${rows.heldOut.zh.length} zh, ${rows.heldOut.en.length} en`);

if (flags.export) {
  const { exportModel } = await import("./export.mjs");
  await exportModel({ cache, corpus, rows, tokenizer, root, say });
  process.exit(0);
}

await backend();
const config = parseConfig(CONFIG, "scripts/pretrain/model.mjs"), method = full(), objective = sft();
const newest = (folder) => checkpoints(folder).at(-1);

/** Mean loss over rows, in nats a token. */
function mean(loss, trained, examples) {
  let sum = 0;
  for (let i = 0; i < examples.length; i += BATCH) { const batch = objective.collate(examples.slice(i, i + BATCH)); sum += batch.weight * tf.tidy(() => loss(trained, batch).dataSync()[0]); }
  return sum / (examples.length * (LENGTH - 1));
}

/** One phase, from `params`, to its end or to step `until`; counts its steps from `offset` on. */
async function phase({ params, folder, offset = 0, until = Infinity, ...options }) {
  const model = { config, params }, loss = objective.loss(model, method);
  mkdirSync(folder, { recursive: true });
  const run = await train({
    model, method, objective, optimizer: adamw({ beta2: 0.95, weightDecay: 0.05 }), clip: 1,
    learningRate: PEAK, folder, saveEvery: 100, resume: true, display: false, ...options,
    onStep(r) {
      const step = offset + r.step, shown = `step ${step}: loss ${r.loss.toFixed(3)}, norm ${r.gradientNorm.toFixed(2)}, ${Math.round(r.tokensPerSecond)} tokens/s, ${(r.memory / 1e9).toFixed(1)} GB`;
      if (r.step % 20 === 0) say(shown);
      if (r.step % EVALUATE_EVERY === 0 || r.step === 1 || r.step === options.steps) {
        const held = Object.fromEntries(["zh", "en"].map((l) => [l, mean(loss, lastRun().trained, rows.heldOut[l].slice(0, EVALUATED_ROWS))]));
        appendFileSync(join(cache, "held-out.jsonl"), `${JSON.stringify({ step, phase: basename(folder), ...held })}\n`);
        say(`held out: zh ${held.zh.toFixed(3)}, en ${held.en.toFixed(3)} nats a token`);
      }
      if (r.step >= until) throw new StoppedError();
    },
  });
  say(run.message);
  dispose(run.trained);
  dispose(params);
  if (run.status !== "done" && run.history.steps.length < until) process.exit(130);
}

if ((newest(stableFolder)?.step ?? 0) < stable) {
  say(`constant learning rate up to step ${stable}`);
  await phase({ params: initialParams(config, 0), folder: stableFolder, data: { train: rows.train }, batchSize: BATCH, steps: 1_000_000, until: stable, schedule: "constant", warmup: WARMUP, seed: 0 });
}
const from = newest(stableFolder).step, { trained, optimizer } = loadState(newest(stableFolder).path);
Object.values(optimizer).forEach(dispose);
say(`falling learning rate, ${decay} steps from step ${from}`);
await phase({ params: trained, folder: join(cache, `decay-${from}`), offset: from, data: { train: rows.longer }, batchSize: (BATCH * LENGTH) / DECAY_LENGTH, steps: decay, schedule: "linear", warmup: 20, seed: 1 });
