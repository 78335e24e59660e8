/** tunelab sweep: finetune over a grid of options and seeds, on this machine or on the workers of a Ray cluster, and one table of all. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { progress } from "../course";
import { writeText } from "../model";
import { UsageError, type Arguments, type Command } from "./arguments";
import { result } from "./common";
import { claim, described, markdown, outcomeOf, parseGrid, planOf, readPlan, rowsOf, runFolder, SHARED_FLAGS, writeOutcome, writePlan, type Outcome, type PlannedRun } from "./sweep-plan";

const RAY = path.join(__dirname, "..", "..", "recipes", "ray"), CLI = path.join(__dirname, "..", "cli.js");
const OUT = { value: "DIR", help: "folder of the sweep", required: true };

const plan: Command = {
  summary: "write down the runs of a grid, and a Ray job that does them",
  flags: {
    grid: { value: "TEXT", help: 'options of finetune and their values: "rank=2,8 learning-rate=1e-3,3e-3"; | between values that hold commas', required: true },
    seeds: { value: "N", help: "runs of each combination, with seeds 0 to N−1", default: "1" },
    ...Object.fromEntries(Object.entries(SHARED_FLAGS).map(([name, flag]) => [name, { ...flag, required: false }])), // any of them may be in the grid instead
    out: OUT,
  },
  examples: ['tunelab sweep plan --model data/course-model --data data/security-qa/zh/train.jsonl --validation data/security-qa/zh/validation.jsonl --steps 60 --grid "rank=2,8 learning-rate=1e-3,3e-3" --seeds 3 --out runs/sweep'],
  async run(args) {
    const out = args.need("out"), made = planOf(args, parseGrid(args.need("grid")), args.whole("seeds"));
    writePlan(out, made);
    for (const file of ["ray_sweep.py", "requirements.txt"]) fs.copyFileSync(path.join(RAY, file), path.join(out, file));
    result({ status: "done", runs: made.runs.length, done: made.runs.filter(({ id }) => outcomeOf(out, id)?.status === "done").length, here: `npx tunelab sweep run --out ${out} --workers N`, ray: `python ${path.join(out, "ray_sweep.py")} --workers N` }, args);
    return 0;
  },
};

/** One run in a process of its own; `stop` ends it as Ctrl-C would, and the next call goes on from its checkpoint. */
function start(out: string, run: PlannedRun): { pid?: number; ended: Promise<Outcome | "stopped">; stop(): void } {
  const folder = runFolder(out, run.id), began = performance.now(), log = fs.openSync(path.join(folder, "log.txt"), "a");
  // a group of its own: Ctrl-C reaches it once, through `stop`
  const child = spawn(process.execPath, [CLI, "finetune", ...run.argv, "--out", path.join(folder, "train"), "--resume", "--json"], { stdio: ["ignore", "pipe", log], detached: true });
  fs.closeSync(log);
  let text = "", stopping = false;
  child.stdout!.setEncoding("utf8").on("data", (piece: string) => { text += piece; });
  const ended = new Promise<Outcome | "stopped">((settle) => {
    const end = (code: number | null, why?: string) => {
      if (code === 130 || stopping) return settle("stopped");
      const common = { seconds: (performance.now() - began) / 1000, host: os.hostname() };
      try {
        if (code !== 0) throw new Error();
        const { loss, validation, steps } = JSON.parse(text.trim().split("\n").at(-1)!);
        settle({ status: "done", loss, validation, steps, ...common });
      } catch {
        const last = fs.readFileSync(path.join(folder, "log.txt"), "utf8").trim().split("\n").findLast((line) => line.startsWith("tunelab: "));
        settle({ status: "failed", message: why ?? last?.slice("tunelab: ".length) ?? `exit code ${code}; see ${path.join(folder, "log.txt")}`, ...common });
      }
    };
    child.on("error", (error) => end(1, error.message));
    child.on("close", (code, signal) => end(code, signal ? `ended by ${signal} (out of memory?)` : undefined));
  });
  return { pid: child.pid, ended, stop: () => { stopping = true; child.kill("SIGINT"); } };
}

const run: Command = {
  summary: "do the runs that are not done yet, several at a time; more than one such process may share the work",
  flags: { out: OUT, workers: { value: "N", help: "runs at the same time", default: "1" }, only: { value: "ID", help: "only this run of the plan (for job systems)" } },
  examples: ["tunelab sweep run --out runs/sweep --workers 2"],
  async run(args) {
    const out = args.need("out"), { runs } = readPlan(out), only = args.text("only"), workers = args.whole("workers");
    if (only !== undefined && !runs.some(({ id }) => id === only)) throw new UsageError(`--only ${only}: the plan has no such run; its runs are ${runs.map(({ id }) => id).join(", ")}.`);
    const waiting = runs.filter(({ id }) => (only === undefined || id === only) && outcomeOf(out, id)?.status !== "done"), total = waiting.length, bar = progress(total, "sweep");
    const going = new Set<ReturnType<typeof start>>(), failures: string[] = [], elsewhere: string[] = [];
    let done = 0, stopped = false;
    const interrupt = () => { stopped = true; going.forEach((g) => g.stop()); };
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
    const worker = async () => {
      for (let next = waiting.shift(); next && !stopped; next = waiting.shift()) {
        const taken = claim(out, next.id);
        if ("holder" in taken) { elsewhere.push(`${described(next.settings)}: taken by ${taken.holder}`); continue; }
        try {
          if (outcomeOf(out, next.id)?.status === "done") continue; // another process was quicker
          const started = start(out, next);
          going.add(started);
          if (started.pid) taken.also(started.pid);
          const outcome = await started.ended;
          going.delete(started);
          if (outcome === "stopped") { stopped = true; continue; }
          writeOutcome(out, next.id, outcome);
          if (outcome.status === "failed") failures.push(`${described(next.settings)}: ${outcome.message}`);
          bar.update(++done, `${described(next.settings)}: ${outcome.status === "done" ? `loss ${(outcome.validation?.loss ?? outcome.loss)?.toFixed(3)}` : "failed"}`);
        } finally { taken.release(); }
      }
    };
    try { await Promise.all(Array.from({ length: workers }, worker)); }
    finally { for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt); }
    bar.done();
    if (only === undefined) collect(out);
    const left = elsewhere.length ? { elsewhere } : {};
    result({ status: stopped ? "stopped" : failures.length ? "failed" : "done", done, of: total, ...(failures.length ? { failures } : {}), ...left, ...(only === undefined ? { table: path.join(out, "table.md") } : {}), ...(stopped ? { message: "Stopped; the same command goes on." } : {}) }, args);
    return stopped ? 130 : failures.length ? 1 : 0;
  },
};

/** Writes table.md and results.json of what is done so far. */
function collect(out: string) {
  const made = readPlan(out), rows = rowsOf(made, (id) => outcomeOf(out, id)), text = markdown(made, rows);
  writeText(path.join(out, "table.md"), text);
  writeText(path.join(out, "results.json"), JSON.stringify({ base: made.base, rows, runs: made.runs.map(({ id, settings }) => ({ id, settings, ...outcomeOf(out, id) })) }, null, 1));
  return { rows, text };
}

const table: Command = {
  summary: "collect the results of all runs in one table",
  flags: { out: OUT },
  examples: ["tunelab sweep table --out runs/sweep"],
  async run(args: Arguments) {
    const out = args.need("out"), { rows, text } = collect(out), missing = rows.reduce((n, r) => n + r.missing, 0), failed = rows.reduce((n, r) => n + r.failed.length, 0);
    if (!args.has("json")) console.log(text);
    result({ status: missing || failed ? "incomplete" : "done", missing, failed, table: path.join(out, "table.md"), results: path.join(out, "results.json"), ...(args.has("json") ? { rows } : {}) }, args);
    return 0;
  },
};

const kinds = { plan, run, table };
export const sweep: Command = {
  summary: "fine-tune over a grid of options and seeds, here or on a Ray cluster: plan, run, table",
  flags: {}, kinds, examples: [...plan.examples, ...run.examples, "python runs/sweep/ray_sweep.py --workers 2"],
  run: async () => { throw new UsageError(`sweep needs a kind: ${Object.keys(kinds).join(", ")}.`); },
};
