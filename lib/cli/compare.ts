/** tunelab compare: fine-tuning methods on one task with one budget, over seeds; a table, a picture, JSON. */
import * as fs from "node:fs";
import * as path from "node:path";
import { barChart, progress, stoppable, t } from "../course";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import type { Adapter } from "../methods";
import { meanRouge } from "../metrics";
import { generateAll, writeText, type Model } from "../model";
import { messagesOf, promptText } from "../objectives";
import { loadRecords } from "../text";
import { compareMethods, type Compared, type ComparedRun } from "../train";
import { Arguments, UsageError, type Command } from "./arguments";
import { EXAMPLE_FLAGS, exampleOptions, loadExamples, loadModel, MODEL_FLAGS, result, writeFigure } from "./common";
import { makeMethod, METHODS } from "./methods";

const METRICS = ["loss", "exact", "rouge-l", "rouge-l-characters"] as const;

export const compare: Command = {
  summary: "train several methods on one task with one budget, over seeds, and compare quality and cost",
  flags: {
    model: MODEL_FLAGS.model,
    data: { value: "FILE", help: "records to train on, as for finetune", required: true },
    validation: { value: "FILE", help: "records that learning rates are chosen by, and losses measured on", required: true },
    test: { value: "FILE", help: "records that answers are scored on (all metrics but loss)" },
    out: { value: "DIR", help: "results.json, table.md and comparison.svg go here; runs that are in results.json already are not done again", required: true },
    methods: { value: "NAMES", help: `with commas: ${METHODS.join(", ")}`, default: METHODS.join(",") },
    metric: { value: "NAME", help: "loss (minus the validation loss), exact (share of answers equal to the reference), rouge-l (of words) or rouge-l-characters (Chinese)", default: "loss" },
    "max-new-tokens": { value: "N", help: "longest answer", default: "64" },
    steps: { value: "N", help: "optimizer steps of each run", default: "100" },
    "batch-size": { value: "N", help: "examples in one step", default: "8" },
    seeds: { value: "N", help: "number of seeds", default: "3" },
    "learning-rates": { value: "LIST", help: "candidates with commas, for each method the best on --validation (default: each method's own)" },
    ...EXAMPLE_FLAGS,
  },
  examples: [
    "tunelab compare --model data/course-model --data data/security-alerts/zh/train.jsonl --validation data/security-alerts/zh/validation.jsonl --test data/security-alerts/zh/test.jsonl --metric exact --learning-rates 3e-4,1e-3,3e-3,1e-2 --out runs/compare",
    "tunelab compare --model models/SmolLM2-135M-Instruct --data FILE --validation FILE --methods lora,ia3,bitfit --seeds 2 --out runs/compare-loss",
  ],
  async run(args: Arguments) {
    const out = args.need("out"), names = args.list("methods")!, unknown = names.filter((n) => !METHODS.includes(n)), metric = args.choice("metric", METRICS)!;
    if (unknown.length) throw new UsageError(`--methods ${unknown.join(", ")}: choose from ${METHODS.join(", ")}.`);
    if (metric !== "loss" && !args.text("test")) throw new UsageError(`--metric ${metric} scores answers: name records in --test.`);
    const rates = (args.list("learning-rates") ?? []).map((text) => {
      if (!(Number(text) > 0)) throw new UsageError(`--learning-rates ${text}: a positive number is needed.`);
      return Number(text);
    });
    const seeds = args.whole("seeds");
    const { model } = await loadModel(args), train = await loadExamples(args.need("data"), model, args), validation = await loadExamples(args.need("validation"), model, args);
    const score = metric === "loss" ? undefined : await scorer(metric, args.text("test")!, model, args);

    const file = path.join(out, "results.json"), task = { model: args.need("model"), data: args.need("data"), validation: args.need("validation"), test: args.text("test"), metric, steps: args.number("steps")!, batchSize: args.number("batch-size")! };
    fs.mkdirSync(out, { recursive: true });
    const known = readKnown(file, task), runs = [...known];
    let bar: ReturnType<typeof progress> | undefined;
    const { rows, stopped } = await compareMethods({
      model, data: { train, validation }, score, known, steps: task.steps, batchSize: task.batchSize, seeds: Array.from({ length: seeds }, (_, i) => i), learningRates: rates,
      methods: Object.fromEntries(names.map((name) => [name, () => makeMethod(name, args, model, train)])),
      onRun(run, done, total) {
        if (!known.includes(run)) { runs.push(run); writeText(file, JSON.stringify({ task, runs }, null, 1)); }
        (bar ??= progress(total, "compare")).update(done, `${run.method}, seed ${run.seed}, rate ${run.learningRate}: ${run.score === undefined ? `loss ${run.loss.toFixed(3)}` : `${metric} ${run.score.toFixed(3)}`}`);
      },
    });
    bar?.done();
    const table = markdown(rows, metric);
    writeText(path.join(out, "table.md"), table);
    writeText(file, JSON.stringify({ task, rows: rows.map(({ runs: _, ...row }) => row), runs }, null, 1));
    if (rows.length) await draw(rows, metric, path.join(out, "comparison"));
    if (!args.has("json")) console.log(`\n${table}`);
    result({ status: stopped ? "stopped" : "done", message: stopped ? "Stopped; the same command goes on." : `${rows.length} methods, ${seeds} seeds.`, results: file, ...(args.has("json") ? { rows } : {}) }, args);
    return stopped ? 130 : 0;
  },
};

/** Runs of an earlier, unfinished or smaller comparison of the same task. */
export function readKnown(file: string, task: object): ComparedRun[] {
  if (!fs.existsSync(file)) return [];
  let old: { task: object; runs: ComparedRun[] } | null;
  try { old = JSON.parse(fs.readFileSync(file, "utf8")); } catch (error) { throw new TunelabError(`${file}: is not readable (${(error as Error).message}); delete it, or choose another --out.`); }
  const isRun = (r: ComparedRun | null) => typeof r?.method === "string" && [r.seed, r.learningRate, r.loss ?? 0, r.score ?? 0].every((n) => typeof n === "number");
  if (!Array.isArray(old?.runs) || !old.runs.every(isRun)) throw new TunelabError(`${file}: is not the results of a comparison; delete it, or choose another --out.`);
  if (shown(old.task, Infinity) !== JSON.stringify(task)) throw new TunelabError(`${file} holds a comparison of another task (${shown(old.task, 500)}); choose another --out.`);
  return old.runs.map((r) => ({ ...r, loss: r.loss ?? NaN }));
}

/** A score of answers to the test records. */
async function scorer(metric: "exact" | "rouge-l" | "rouge-l-characters", file: string, model: Model, args: Arguments): Promise<(adapter: Adapter) => Promise<number>> {
  const conversations = await loadRecords(file, { parse: messagesOf }), options = exampleOptions(args), maxNewTokens = args.number("max-new-tokens");
  const prompts = conversations.map((m) => promptText(model.tokenizer, m.slice(0, -1), options)), references = conversations.map((m) => m.at(-1)!.content.trim());
  return async (adapter) => {
    const answers = (await generateAll(model, prompts, { adapter, maxNewTokens, tick: stoppable() })).map((a) => a.text.trim());
    return metric === "exact" ? answers.filter((a, i) => a === references[i]).length / answers.length
      : meanRouge(references, answers, { units: metric === "rouge-l" ? "words" : "characters" }).rougeL.f1;
  };
}

const withError = (row: Compared) => `${row.score.toFixed(3)}${row.scoreError === undefined ? "" : ` ± ${row.scoreError.toFixed(3)}`}`;
function markdown(rows: readonly Compared[], metric: string): string {
  const seeds = rows[0]?.runs.length ?? 0;
  return [
    `| method | ${metric} | validation loss | trained | of the model, % | stored, kB | step, ms | tensors beside the base, MB | learning rate |`, "|---|---|---|---|---|---|---|---|---|",
    ...rows.map((r) => `| ${r.method} | ${withError(r)} | ${r.loss.toFixed(3)} | ${r.trainable.toLocaleString("en-US")} | ${r.share.toPrecision(3)} | ${(r.stored / 1e3).toFixed(1)} | ${(1e3 * r.secondsPerStep).toFixed(0)} | ${(r.peakBytes / 1e6).toFixed(0)} | ${r.learningRate}${r.edge ? (r.edge === "largest" ? " ↑" : " ↓") : ""} |`),
    "", `Means over ${seeds} seed${seeds === 1 ? "" : "s, ± half of the 95 % t-interval"}. Times are of this machine.`,
    ...(rows.some((r) => r.edge) ? ["↑ ↓: the best of the rates that were tried is the largest or the smallest of them; wider --learning-rates may serve this method better."] : []), "",
  ].join("\n");
}

async function draw(rows: readonly Compared[], metric: string, base: string): Promise<void> {
  const figure = barChart({
    title: t({ zh: "同样预算下的各种方法", en: "Methods with the same budget" }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: metric === "loss" ? t({ zh: "−验证损失（纳特/词元）", en: "−validation loss (nats per token)" }) : metric },
    series: [{ name: metric, x: rows.map((r) => r.method), y: rows.map((r) => r.score), ...(rows.some((r) => r.scoreError) ? { error: rows.map((r) => r.scoreError ?? 0) } : {}) }],
    alt: rows.map((r) => `${r.method}: ${withError(r)}`).join("; "),
  });
  for (const kind of ["svg", "png"]) await writeFigure(`${base}.${kind}`, figure);
}
