// The course model's folder, from the newest checkpoint: weights in F16, tokenizer, manifest of the corpus, measurements, curve and model card.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkpoints, dispose, figureToPng, generate, initialParams, lineChart, load, loadState, parseConfig, save, sft, tf, tokenizerFromFiles } from "tunelab";
import { writeCard } from "./card.mjs";
import { CONFIG, LENGTH } from "./model.mjs";

const BATCH = 8, NATS_PER_BIT = Math.log(2);
// Chosen before the first run; every answer is printed as it came, the first one drawn.
const BEGINNINGS = ["防火墙是", "要更改文件的权限，", "很久以前，", "The file system", "To change the password,", "A long time ago, the king"];
const QUESTIONS = ["什么是钓鱼攻击？", "What is a firewall?", "请翻译成英文：门被锁住了。"];

/** The newest checkpoint: of the decay phase that goes furthest, or of the stable phase where there is none. */
function newest(cache) {
  const stable = checkpoints(join(cache, "stable")).at(-1);
  const decays = readdirSync(cache).flatMap((name) => { const m = /^decay-(\d+)$/.exec(name), c = m && checkpoints(join(cache, name)).at(-1); return c ? [{ path: c.path, from: +m[1], step: +m[1] + c.step }] : []; });
  const all = [...(stable ? [{ path: stable.path, from: stable.step, step: stable.step }] : []), ...decays].sort((a, b) => a.from - b.from || a.step - b.step);
  if (!all.length) throw new Error(`${cache} holds no checkpoint; run npm run pretrain first.`);
  return decays.length ? all.filter((c) => c.path.includes("decay-")).at(-1) : all.at(-1);
}

/** Of rows: nats a token, and bits a byte and a character of their text; under the model and under `unigram`. */
function measure({ config, params }, rows, encoder, unigram) {
  const objective = sft(), loss = objective.loss({ config, params }, { name: "none", settings: {}, init: () => ({}) });
  let nats = 0, baseline = 0, tokens = 0, bytes = 0, characters = 0;
  for (let i = 0; i < rows.length; i += BATCH) {
    const some = rows.slice(i, i + BATCH), batch = objective.collate(some);
    nats += batch.weight * tf.tidy(() => loss({}, batch).dataSync()[0]);
    for (const { ids } of some) {
      const targets = [...ids.subarray(1)], text = encoder.decode(targets).replaceAll("<|endoftext|>", "");
      tokens += targets.length; bytes += Buffer.byteLength(text); characters += [...text].length;
      for (const id of targets) baseline -= unigram[id];
    }
  }
  const of = (n) => ({ natsPerToken: n / tokens, perplexity: Math.exp(n / tokens), bitsPerByte: n / NATS_PER_BIT / bytes, bitsPerCharacter: n / NATS_PER_BIT / characters });
  return { tokens, bytes, characters, model: of(nats), unigram: of(baseline) };
}

/** Log probability of each token by its frequency in the training text of the language, with one added. */
function unigramOf(counts) {
  const total = counts.reduce((a, b) => a + b + 1, 0);
  return counts.map((n) => Math.log((n + 1) / total));
}

const jsonLines = (file) => readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));

/** Losses of training (means of 50 steps) and on held-out text, by step; the phases put behind each other. */
function curve(cache, { from, step }, histories) {
  const losses = histories.flatMap(({ offset, history }) => history.steps.map((r) => [offset + r.step, r.loss])), means = [], held = new Map();
  for (let i = 0; i + 50 <= losses.length; i += 50) means.push([losses[i + 49][0], losses.slice(i, i + 50).reduce((a, [, l]) => a + l, 0) / 50]);
  for (const r of jsonLines(join(cache, "held-out.jsonl"))) if (r.step <= step && (r.phase === "stable" ? r.step <= from : r.phase === `decay-${from}`)) held.set(r.step, r);
  return { train: means, heldOut: [...held.values()].sort((a, b) => a.step - b.step).map(({ step, zh, en }) => [step, zh, en]) };
}

export async function exportModel({ cache, corpus, rows, tokenizer, root, say }) {
  const out = join(root, "data/course-model"), checkpoint = newest(cache), state = loadState(checkpoint.path);
  Object.values(state.optimizer).forEach(dispose);
  const histories = [{ offset: 0, history: state.history }];
  if (checkpoint.step > checkpoint.from) { // the stable phase before it
    const stable = loadState(checkpoints(join(cache, "stable")).at(-1).path); // which may have gone on since
    [stable.trained, ...Object.values(stable.optimizer)].forEach(dispose);
    histories[0].offset = checkpoint.from;
    histories.unshift({ offset: 0, history: { steps: stable.history.steps.slice(0, checkpoint.from) } });
  }
  mkdirSync(out, { recursive: true });
  const config = parseConfig(CONFIG, "config");
  save({ config, params: state.trained, tokenizer: await tokenizerFromFiles(tokenizer.files), path: out }, out, { dtype: "F16" });
  dispose(state.trained);

  const model = await load(out), untrained = { config: model.config, params: initialParams(config, 0) }, quality = {};
  for (const language of ["zh", "en"]) {
    const unigram = unigramOf(rows.counts[language]);
    quality[language] = measure(model, rows.heldOut[language], tokenizer.encoder, unigram);
    quality[language].untrained = measure(untrained, rows.heldOut[language].slice(0, 32), tokenizer.encoder, unigram).model;
    say(`${language}: perplexity ${quality[language].model.perplexity.toFixed(1)}, unigram ${quality[language].unigram.perplexity.toFixed(0)}`);
  }
  const samples = [];
  for (const prompt of BEGINNINGS) {
    const [greedy] = await generate(model, [prompt], { maxNewTokens: 40 }), [drawn] = await generate(model, [prompt], { maxNewTokens: 40, temperature: 0.8, topP: 0.9, seed: 0 });
    samples.push({ prompt, greedy: greedy.text, drawn: drawn.text });
  }
  for (const prompt of QUESTIONS) {
    const chat = model.tokenizer.chat([{ role: "user", content: prompt }], { addGenerationPrompt: true });
    samples.push({ prompt, chat: true, greedy: (await generate(model, [chat], { maxNewTokens: 60 }))[0].text, drawn: (await generate(model, [chat], { maxNewTokens: 60, temperature: 0.8, topP: 0.9, seed: 0 }))[0].text });
  }
  const measured = curve(cache, checkpoint, histories), last = measured.heldOut.at(-1);
  const figure = lineChart({
    title: "Pre-training of the course model", x: { title: "step" }, y: { title: "loss (nats per token)" },
    alt: `Loss by step: held-out Chinese ends at ${last[1].toFixed(2)}, held-out English at ${last[2].toFixed(2)}`,
    series: [
      { name: "training, mean of 50 steps", x: measured.train.map((r) => r[0]), y: measured.train.map((r) => r[1]) },
      { name: "held-out Chinese", x: measured.heldOut.map((r) => r[0]), y: measured.heldOut.map((r) => r[1]) },
      { name: "held-out English", x: measured.heldOut.map((r) => r[0]), y: measured.heldOut.map((r) => r[2]) },
    ],
  });
  writeFileSync(join(out, "training-curve.png"), await figureToPng(figure, { scale: 2 }));
  const { from, step } = checkpoint;
  const training = { steps: step, stable: from, decay: step - from, tokens: step * BATCH * LENGTH, corpusTokens: rows.train.length * LENGTH };
  writeFileSync(join(out, "corpus.json"), `${JSON.stringify(corpus.manifest, null, 1)}\n`);
  writeFileSync(join(out, "measured.json"), `${JSON.stringify({ training, heldOut: quality, curve: measured, samples }, null, 1)}\n`);
  rmSync(join(out, "fine-tuned.json"), { force: true }); // it belongs to the weights before
  writeCard(out);
  say(`${out}: step ${step}, ${(statSync(join(out, "model.safetensors")).size / 1e6).toFixed(2)} MB`);
  dispose(model.params);
  dispose(untrained.params);
}
