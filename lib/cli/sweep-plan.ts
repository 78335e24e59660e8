/** A sweep on disk: which runs there are (sweep.json), and how far each is (runs/ID). Whoever sees the folder can take one. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { processRuns, writeText } from "../model";
import { hash } from "../tensor";
import { interval } from "../theory/statistics";
import { parse, UsageError, type Arguments } from "./arguments";
import { finetune } from "./finetune";
import { checkMethod } from "./methods";

export interface PlannedRun {
  id: string;
  /** Options that differ between the runs. */
  settings: Record<string, string>;
  /** All options of finetune but --out. */
  argv: string[];
}
export interface Plan {
  /** Options that all runs share. */
  base: Record<string, string | true>;
  grid: Record<string, string[]>;
  seeds: number;
  runs: PlannedRun[];
}
export interface Outcome {
  status: "done" | "failed";
  /** Why it failed. */
  message?: string;
  loss?: number;
  validation?: { loss: number; perplexity?: number };
  steps?: number;
  seconds: number;
  host: string;
}

/** Options of finetune that a sweep sets itself. */
const OWN = ["out", "resume", "seed"];
export const SHARED_FLAGS = Object.fromEntries(Object.entries(finetune.flags).filter(([name]) => !OWN.includes(name)));

/** "rank=2,8 learning-rate=1e-3,3e-3" → values by option. Values that hold commas are separated by |. */
export function parseGrid(text: string): Record<string, string[]> {
  const grid: Record<string, string[]> = {};
  for (const part of text.trim().split(/\s+/)) {
    const [, name, list] = /^(?:--)?([\w-]+)=(.+)$/.exec(part) ?? [], values = list?.split(list.includes("|") ? "|" : ",").filter(Boolean);
    if (!values?.length) throw new UsageError(`--grid ${part}: write OPTION=VALUE,VALUE with spaces between options (rank=2,8 learning-rate=1e-3,3e-3).`);
    if (!SHARED_FLAGS[name]?.value) throw new UsageError(`--grid ${name}: ${name === "seed" ? "seeds are counted by --seeds" : "is no option of finetune that takes a value"}; choose from ${Object.keys(SHARED_FLAGS).filter((n) => SHARED_FLAGS[n].value).join(", ")}.`);
    if (grid[name] || new Set(values).size < values.length) throw new UsageError(`--grid ${part}: ${grid[name] ? `${name} is there twice` : "a value is there twice"}; name each once.`);
    grid[name] = values;
  }
  return grid;
}

/** Every combination of the grid with every seed; each is checked as finetune would. */
export function planOf(args: Arguments, grid: Record<string, string[]>, seeds: number): Plan {
  const base = Object.fromEntries(Object.entries(SHARED_FLAGS).filter(([name]) => args.has(name) && !grid[name]).map(([name, { value }]) => [name, value ? args.text(name)! : (true as const)])) as Plan["base"];
  const points = Object.entries(grid).reduce<Record<string, string>[]>((all, [name, values]) => all.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))), [{}]);
  const runs = points.flatMap((point) => Array.from({ length: seeds }, (_, seed): PlannedRun => {
    const settings = { ...point, seed: `${seed}` }, argv = Object.entries<string | true>({ ...base, ...settings }).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}=${value}`]));
    return { id: idOf(settings), settings, argv };
  }));
  for (const run of runs) {
    try { checkMethod(parse(finetune, [...run.argv, "--out=."])); }
    catch (error) { throw new UsageError(`--grid, run ${described(run.settings)}: ${(error as Error).message}`); }
  }
  return { base, grid, seeds, runs };
}

export const described = (settings: Record<string, string>): string => Object.entries(settings).map(([name, value]) => `${name}=${value}`).join(" ");
/** A folder's name that says what is in it, and stays the same when the grid grows. */
function idOf(settings: Record<string, string>): string {
  const text = described(settings), readable = text.replace(/[^\w.=-]+/g, "_").slice(0, 80);
  return `${readable}-${(hash(text) >>> 0).toString(16).padStart(8, "0")}`;
}

const planFile = (folder: string) => path.join(folder, "sweep.json");
export function readPlan(folder: string): Plan {
  const file = planFile(folder);
  if (!fs.existsSync(file)) throw new TunelabError(`${folder}: holds no sweep.json; make it with \`tunelab sweep plan\`.`);
  try {
    const plan = JSON.parse(fs.readFileSync(file, "utf8")) as Plan;
    if (Array.isArray(plan.runs) && plan.runs.every((r) => typeof r.id === "string" && path.basename(r.id) === r.id && Array.isArray(r.argv))) return plan;
    throw new Error("it has no list of runs");
  } catch (error) { throw new TunelabError(`${file}: is not readable (${(error as Error).message}); plan the sweep anew in another folder.`); }
}

/** Writes a plan; a folder that has one already may get more or other runs, but of the same base, so that their results compare. */
export function writePlan(folder: string, plan: Plan): void {
  if (fs.existsSync(planFile(folder))) {
    const old = readPlan(folder).base, other = [...new Set([...Object.keys(old), ...Object.keys(plan.base)])].filter((name) => old[name] !== plan.base[name]);
    if (other.length) throw new TunelabError(`${folder} holds a sweep with other settings (${other.map((name) => `--${name} ${old[name] ?? "varied or absent"}, now ${plan.base[name] ?? "varied or absent"}`).join("; ")}); choose another --out.`);
  }
  fs.mkdirSync(folder, { recursive: true });
  writeText(planFile(folder), JSON.stringify(plan, null, 1));
}

export const runFolder = (folder: string, id: string): string => path.join(folder, "runs", id);
const outcomeFile = (folder: string, id: string) => path.join(runFolder(folder, id), "result.json");
/** What became of a run; undefined = nothing yet (also where a write was cut off). */
export function outcomeOf(folder: string, id: string): Outcome | undefined {
  try { return JSON.parse(fs.readFileSync(outcomeFile(folder, id), "utf8")) as Outcome; } catch { return undefined; }
}
export const writeOutcome = (folder: string, id: string, outcome: Outcome): void => writeText(outcomeFile(folder, id), JSON.stringify(outcome, null, 1));

/**
 * Takes a run, so that no other process does it at the same time; gives what releases it, or who has it. A claim of this machine counts
 * no more when its process, and the one that `also` adds, are gone.
 */
export function claim(folder: string, id: string): { also(pid: number): void; release(): void } | { holder: string } {
  const file = path.join(runFolder(folder, id), "claim"), me = `${os.hostname()} ${process.pid}`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (let tries = 0; tries < 2; tries++) {
    try {
      fs.writeFileSync(file, me, { flag: "wx" });
      return { also: (pid) => writeText(file, `${me} ${pid}`), release: () => fs.rmSync(file, { force: true }) };
    } catch (error) { if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; }
    const holder = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "", [host, ...pids] = holder.split(" ");
    if (host !== os.hostname() || pids.some((pid) => processRuns(Number(pid)))) return { holder: `${holder || "another process"} (if that is gone, delete ${file})` };
    fs.rmSync(file, { force: true });
  }
  return { holder: "another process" };
}

export interface Row {
  settings: Record<string, string>;
  seeds: number;
  /** Validation loss where there is validation data, else the last training loss: mean over the seeds that are done. */
  loss?: number;
  /** Half-width of the 95 % t-interval over seeds; undefined with fewer than two. */
  error?: number;
  seconds?: number;
  failed: string[];
  missing: number;
}
/** A row for each combination, best first; those without a result last. */
export function rowsOf(plan: Plan, outcome: (id: string) => Outcome | undefined): Row[] {
  const points = new Map<string, PlannedRun[]>();
  for (const run of plan.runs) {
    const { seed: _, ...settings } = run.settings, point = JSON.stringify(settings);
    points.set(point, [...(points.get(point) ?? []), run]);
  }
  const rows = [...points].map(([point, runs]): Row => {
    const all = runs.map((run) => outcome(run.id)), done = all.filter((o) => o?.status === "done"), losses = done.map((o) => o!.validation?.loss ?? o!.loss).filter((loss) => loss !== undefined);
    const found = losses.length > 1 ? interval(losses) : undefined;
    return {
      settings: JSON.parse(point), seeds: done.length, loss: found?.mean ?? losses[0], error: found?.error, seconds: done.length ? done.reduce((s, o) => s + o!.seconds, 0) / done.length : undefined,
      failed: runs.flatMap((run, i) => (all[i]?.status === "failed" ? [`${described(run.settings)}: ${all[i]!.message}`] : [])), missing: all.filter((o) => !o).length,
    };
  });
  return rows.sort((a, b) => (a.loss ?? Infinity) - (b.loss ?? Infinity));
}

export function markdown(plan: Plan, rows: readonly Row[]): string {
  const names = Object.keys(plan.grid), number = (x: number | undefined, digits: number) => (x === undefined ? "–" : x.toFixed(digits));
  return [
    `| ${[...names, `${plan.base.validation || plan.grid.validation ? "validation" : "training"} loss`, "seeds", "seconds a run"].join(" | ")} |`, `|${"---|".repeat(names.length + 3)}`,
    ...rows.map((r) => `| ${[...names.map((name) => r.settings[name].replaceAll("|", "\\|")), `${number(r.loss, 4)}${r.error === undefined ? "" : ` ± ${r.error.toFixed(4)}`}`, `${r.seeds} of ${plan.seeds}`, number(r.seconds, 0)].join(" | ")} |`),
    "", "Means over seeds, ± half of the 95 % t-interval. Runs that share a machine slow each other down: the times are no measurement.",
    ...rows.flatMap((r) => r.failed).map((f) => `\nFailed: ${f}`), "",
  ].join("\n");
}
