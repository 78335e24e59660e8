// node scripts/align-curves.mjs [--rounds 24] [--seeds 3] [--draw]: do DPO, GRPO and PPO raise what they are meant to raise?
// On the course model and three tasks of data/verifiable, after a short supervised warm start. Each run that is done is kept in
// docs/alignment.json, and is not done again; from it come docs/pictures/alignment.png and the tables of docs/alignment.md (--draw: these only).
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  answerReward, courseModel, dispose, dpo, encodeExamples, encodePreferences, encodePrompts, figureToPng, full, grpo, interval, load, loadRecords, lora, measurePolicy, ppo, reinforce, train, verifiableReward, withReference,
} from "tunelab";

const root = fileURLToPath(new URL("..", import.meta.url)), kept = join(root, "docs/alignment.json"), page = join(root, "docs/alignment.md");
const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "24" }, seeds: { type: "string", default: "3" }, draw: { type: "boolean", default: false } } });
const TASKS = ["ipv4-private", "http-status-class", "cvss-band"], ROUNDS = Number(flags.rounds), SEEDS = Number(flags.seeds), LONGEST = 8;
const { training } = JSON.parse(readFileSync(join(root, "data/course-model/measured.json"), "utf8"));
const settings = { modelSteps: training.steps, tasks: TASKS, warmSteps: 60, rounds: ROUNDS, answers: 128, learningRate: 1e-3, dpoSteps: 60, dpoBeta: 0.5 };
const say = (...x) => console.log(new Date().toISOString().slice(11, 19), ...x);

async function work() {
  const base = await load(courseModel()), reward = verifiableReward();
  const records = async (split) => (await loadRecords(join(root, `data/verifiable/en/${split}.jsonl`))).filter((r) => TASKS.includes(r.task)), [taught, held] = [await records("train"), await records("test")];
  const examples = encodeExamples(base.tokenizer, taught.map((r) => ({ prompt: r.prompt, completion: r.answer })));
  const warm = await train({ model: base, method: full(), data: { train: examples }, steps: settings.warmSteps, batchSize: 16, learningRate: 5e-4, display: false });
  const model = { ...base, params: warm.method.merge(base.params, warm.trained) }, prompts = encodePrompts(model.tokenizer, taught), heldPrompts = encodePrompts(model.tokenizer, held);
  const drawing = { maxNewTokens: LONGEST, batchSize: 64, decodeBatch: 64 }, plain = ({ answers: _, ...rest }) => rest;
  const measure = async (adapter, seed) => ({
    train: plain(await measurePolicy(model, prompts, reward, { adapter, count: 4, seed: 1000 + seed, ...drawing })), test: plain(await measurePolicy(model, heldPrompts, reward, { adapter, count: 16, seed: 1000 + seed, ...drawing })),
  });
  let found = existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : undefined;
  if (JSON.stringify(found?.settings) !== JSON.stringify(settings)) found = { settings, prompts: prompts.length, heldPrompts: heldPrompts.length, runs: [] };
  found.warm ??= await measure(undefined, 0);
  const write = () => writeFileSync(kept, `${JSON.stringify(found, (_key, v) => (typeof v === "number" ? Number(v.toPrecision(5)) : v))}\n`);
  write();
  say("warm start", JSON.stringify(found.warm));

  /** Right and wrong answers of the warm model itself: the first of each, the task's own answer where none was right. */
  async function pairs(records, prompts, seed) {
    const { answers } = await measurePolicy(model, prompts, reward, { count: 8, seed: 500 + seed, ...drawing }), made = [];
    records.forEach((r, i) => {
      const own = answers.slice(8 * i, 8 * i + 8).filter((a) => a.ended && a.text.trim()), right = reward(own), wrong = own.find((_, k) => !right[k]);
      if (wrong) made.push({ prompt: r.prompt, chosen: own.find((_, k) => right[k])?.text ?? r.answer, rejected: wrong.text });
    });
    return withReference(model, encodePreferences(model.tokenizer, made), { batchSize: 32 });
  }
  const methods = {
    GRPO: (common) => reinforce({ ...common, prompts, reward, objective: grpo({ beta: 0.04 }), rounds: ROUNDS, promptsPerRound: 16, group: 8, batchSize: 64, maxNewTokens: LONGEST }),
    PPO: (common) => reinforce({ ...common, prompts, reward, objective: ppo({ klCoefficient: 0.02, valueWeight: 0.5 }), rounds: ROUNDS, promptsPerRound: 64, group: 2, batchSize: 64, maxNewTokens: LONGEST }),
    DPO: async (common) => train({ ...common, data: { train: await pairs(taught, prompts, common.seed), validation: await pairs(held, heldPrompts, common.seed) }, objective: dpo({ beta: settings.dpoBeta }), steps: settings.dpoSteps, batchSize: 16, evaluateEvery: 10 }),
  };
  for (let seed = 0; seed < SEEDS; seed++) for (const [name, run] of Object.entries(methods)) {
    if (found.runs.some((r) => r.method === name && r.seed === seed)) continue;
    const began = performance.now(), result = await run({ model, method: lora({ rank: 8, targets: "all-linear" }), learningRate: settings.learningRate, seed, display: false });
    if (result.status !== "done") throw new Error(`${name}, seed ${seed}: ${result.message}`);
    const seconds = (performance.now() - began) / 1000, steps = result.history.steps.map(({ step, loss, metrics }) => ({ step, loss, metrics }));
    found.runs.push({ method: name, seed, seconds, after: await measure(result, seed), steps: name === "DPO" ? steps : steps.filter((r) => r.metrics.reward !== undefined), evaluations: result.history.evaluations });
    write();
    say(name, seed, `${seconds.toFixed(0)} s`, JSON.stringify(found.runs.at(-1).after));
    dispose(result.trained);
  }
}

/** What it would earn to give each task's commonest answer (of the training prompts) to every prompt of a split. */
async function guessing(split) {
  const of = async (name) => (await loadRecords(join(root, `data/verifiable/en/${name}.jsonl`))).filter((r) => TASKS.includes(r.task)), taught = await of("train");
  const counts = (task) => taught.filter((r) => r.task === task).reduce((n, r) => ({ ...n, [r.answer]: (n[r.answer] ?? 0) + 1 }), {});
  const commonest = Object.fromEntries(TASKS.map((task) => [task, Object.entries(counts(task)).sort((a, b) => b[1] - a[1])[0][0]]));
  return mean((await of(split)).map((r) => answerReward(commonest[r.task], r)));
}

const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length, spread = (x) => Math.sqrt(x.reduce((s, v) => s + (v - mean(x)) ** 2, 0) / (x.length - 1));
async function draw() {
  const found = JSON.parse(readFileSync(kept, "utf8")), of = (name) => found.runs.filter((r) => r.method === name), colours = { GRPO: "#0072B2", PPO: "#D55E00", DPO: "#009E73" };
  const symbols = { GRPO: "circle", PPO: "square", DPO: "diamond" };
  const band = (name, x, values, n, dash = "solid", label = name) => {
    const m = x.map((_, i) => mean(values.map((v) => v[i]))), s = x.map((_, i) => spread(values.map((v) => v[i]))), axes = n > 1 ? { xaxis: `x${n}`, yaxis: `y${n}` } : {};
    return [
      { ...axes, type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()], y: [...m.map((v, i) => v + s[i]), ...m.map((v, i) => v - s[i]).reverse()], fill: "toself", fillcolor: `${colours[name]}33`, line: { width: 0 }, showlegend: false },
      { ...axes, type: "scatter", mode: "lines", x, y: m, name: label, line: { color: colours[name], dash, width: 2 } },
    ];
  };
  const rounds = of("GRPO")[0].steps.map((_, i) => i), rewards = (name) => of(name).map((r) => r.steps.map((s) => s.metrics.reward)), evaluated = of("DPO")[0].evaluations.map((e) => e.step);
  const data = [
    ...["GRPO", "PPO"].flatMap((name) => band(name, rounds, rewards(name), 1)),
    ...band("DPO", evaluated, of("DPO").map((r) => r.evaluations.map((e) => e.loss)), 2, "solid", "DPO: loss"), ...band("DPO", evaluated.slice(1), of("DPO").map((r) => r.evaluations.slice(1).map((e) => e.metrics.accuracy)), 2, "dash", "DPO: accuracy"),
    ...["GRPO", "PPO"].map((name) => {
      // single rounds are noisy: means over four rounds of all seeds
      const blocks = Array.from({ length: Math.floor(rounds.length / 4) }, (_, b) => of(name).flatMap((r) => r.steps.slice(4 * b, 4 * b + 4).map((s) => s.metrics)));
      return { xaxis: "x3", yaxis: "y3", type: "scatter", mode: "lines", x: blocks.map((m) => mean(m.map((v) => v.referenceKl))), y: blocks.map((m) => mean(m.map((v) => v.reward))), line: { color: colours[name], width: 1.5, dash: "dot" }, showlegend: false };
    }),
    { xaxis: "x3", yaxis: "y3", type: "scatter", mode: "markers", x: [0], y: [found.warm.train.reward], error_y: { type: "data", array: [found.warm.train.rewardError], thickness: 1.5 }, marker: { color: "#000000", symbol: "star", size: 11 }, name: "warm start" },
    ...Object.keys(colours).map((name) => ({ xaxis: "x3", yaxis: "y3", type: "scatter", mode: "markers", x: of(name).map((r) => r.after.train.referenceKl), y: of(name).map((r) => r.after.train.reward), error_y: { type: "data", array: of(name).map((r) => r.after.train.rewardError), thickness: 1.5 }, marker: { color: colours[name], symbol: symbols[name], size: 9 }, name: `${name}, at the end` })),
  ];
  const axis = (title, more = {}) => ({ title: { text: title }, gridcolor: "#e5e5e5", zerolinecolor: "#bbbbbb", automargin: true, ...more });
  const figure = {
    data, alt: "Learning curves of DPO, GRPO and PPO",
    layout: {
      width: 1250, height: 430, font: { size: 14, color: "#222222" }, title: { text: `Aligning the course model: ${of("GRPO").length} seeds each; bands: ± one standard deviation over seeds; dotted: means of four rounds`, font: { size: 17 }, x: 0.02 },
      xaxis: axis("round of 128 answers", { domain: [0, 0.28] }), yaxis: axis("mean reward of the round"), xaxis2: axis("step", { domain: [0.37, 0.63], anchor: "y2" }), yaxis2: axis("loss, accuracy on held-out pairs", { anchor: "x2" }),
      xaxis3: axis("KL to the warm start (nats an answer)", { domain: [0.72, 1], anchor: "y3" }), yaxis3: axis("mean reward", { anchor: "x3" }), legend: { orientation: "h", y: -0.22, x: 0 }, margin: { l: 60, r: 20, t: 60, b: 90 }, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
    },
  };
  writeFileSync(join(root, "docs/pictures/alignment.png"), await figureToPng(figure, { scale: 1.5 }));

  const gain = (values) => { const { mean: m, error } = interval(values), signed = (v) => `${v < 0 ? "−" : "+"}${Math.abs(v).toFixed(3)}`; return `${signed(m)} [${signed(m - error)}, ${signed(m + error)}]`; };
  const rows = Object.keys(colours).map((name) => {
    const runs = of(name), change = (split) => runs.map((r) => r.after[split].reward - found.warm[split].reward);
    return `| ${name} | ${mean(runs.map((r) => r.after.train.reward)).toFixed(3)} | ${gain(change("train"))} | ${mean(runs.map((r) => r.after.test.reward)).toFixed(3)} | ${gain(change("test"))} | ${mean(runs.map((r) => r.after.train.referenceKl)).toFixed(2)} | ${mean(runs.map((r) => r.seconds)).toFixed(0)} |`;
  });
  const pair = (f) => of("DPO").map((r) => f(r.evaluations.at(-1)) - f(r.evaluations[0])), last = (f) => mean(of("DPO").map((r) => f(r.evaluations.at(-1)))).toFixed(3), first = (f) => Math.abs(mean(of("DPO").map((r) => f(r.evaluations[0])))).toFixed(3);
  const measured = [["loss", (e) => e.loss], ["accuracy", (e) => e.metrics.accuracy], ["margin", (e) => e.metrics.margin], ["chosen reward", (e) => e.metrics.chosenReward], ["rejected reward", (e) => e.metrics.rejectedReward]];
  const verdict = (values) => { const { mean: m, error } = interval(values); return m - error > 0 ? "rose" : m + error < 0 ? "fell" : "cannot be told from no change"; };
  const said = [
    ...["GRPO", "PPO"].map((name) => `${name}'s reward on the prompts that it is trained on ${verdict(of(name).map((r) => r.after.train.reward - found.warm.train.reward))}`),
    `DPO's loss on held-out pairs ${verdict(pair((e) => e.loss))}, the reward that it was not told of ${verdict(of("DPO").map((r) => r.after.train.reward - found.warm.train.reward))}`,
  ];
  const tables = [
    `The course model as it was after ${found.settings.modelSteps.toLocaleString("en-US")} steps of pre-training. At 95 %, over ${of("GRPO").length} seeds: ${said.join("; ")}.`, "",
    `Warm start: mean reward ${found.warm.train.reward.toFixed(3)} on the ${found.prompts} prompts that are trained on, ${found.warm.test.reward.toFixed(3)} on the ${found.heldPrompts} held-out ones (standard errors ${found.warm.train.rewardError.toFixed(3)} and ${found.warm.test.rewardError.toFixed(3)}). Always the commonest answer of the task would earn ${(await guessing("train")).toFixed(3)} and ${(await guessing("test")).toFixed(3)}.`, "",
    "| method | reward, trained prompts | change [95 %] | held-out prompts | change [95 %] | KL, nats an answer | seconds |", "|---|---:|---:|---:|---:|---:|---:|", ...rows, "",
    "DPO on held-out pairs:", "", "| | before | after | change [95 %] |", "|---|---:|---:|---:|", ...measured.map(([name, f]) => `| ${name} | ${name === "accuracy" ? "–" : first(f)} | ${last(f)} | ${name === "accuracy" ? "–" : gain(pair(f))} |`),
  ];
  const text = readFileSync(page, "utf8"), [before, rest] = text.split("<!-- numbers -->"), after = rest.split("<!-- end of numbers -->")[1];
  writeFileSync(page, `${before}<!-- numbers -->\n${tables.join("\n")}\n<!-- end of numbers -->${after}`);
  console.log(tables.join("\n"));
}

if (!flags.draw) await work();
await draw();
