/**
 * All methods on one task with one budget: same model, data, steps and batches; what differs is what is trained. Each method is trained
 * with several seeds, at the learning rate that served it best on validation data, and scored on test data it has not seen.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { projectDiff, saveAdapter, trainableCount, type Adapter, type Method } from "../methods";
import { mean, quantile } from "../metrics/bootstrap";
import { peakTensorBytes, storedBytes } from "../metrics/cost";
import type { Model } from "../model";
import type { Example } from "../objectives";
import { count, dispose } from "../tensor";
import { interval } from "../theory/statistics";
import { evaluate, train, type TrainOptions } from "./train";

/** One training run of the comparison. */
export interface ComparedRun {
  method: string;
  seed: number;
  learningRate: number;
  /** Mean loss on the validation data after training, nats a token. */
  loss: number;
  /** What `score` gave; absent for the runs that only look for a learning rate. */
  score?: number;
  /** Scalars that were trained; of what diff pruning trains, only the projection on its budget (0.5 %) is scored and stored. */
  trainable: number;
  /** Bytes of the saved adapter's folder. */
  stored: number;
  /** Median over the steps after the first two, in which programs are compiled. */
  secondsPerStep: number;
  /** Bytes of tensors beside the base model's, at most, while training. */
  peakBytes: number;
  status: "done" | "stopped" | "non-finite";
}

/** A method's row in the table: means over seeds. */
export interface Compared {
  method: string;
  learningRate: number;
  /** The best rate was the smallest or the largest that was tried, so that a better one may lie beyond. */
  edge?: "smallest" | "largest";
  score: number;
  /** Half-width of the 95 % t-interval over seeds; undefined with one seed. */
  scoreError?: number;
  loss: number;
  trainable: number;
  /** Of the model's scalars, in percent. */
  share: number;
  stored: number;
  secondsPerStep: number;
  peakBytes: number;
  runs: ComparedRun[];
}

export interface CompareOptions {
  model: Model;
  /** By name; a method that looks at data (FISH mask) is made when its turn comes. */
  methods: Readonly<Record<string, () => Method | Promise<Method>>>;
  data: { train: readonly Example[]; validation: readonly Example[] };
  /** Of an adapter on the model, larger = better; without it the score is −loss. */
  score?: (adapter: Adapter) => Promise<number>;
  steps: number;
  batchSize?: number;
  seeds?: readonly number[];
  /** Learning rates to choose from, for each method by its validation loss with the first seed; default: the method's own. */
  learningRates?: readonly number[];
  /** Runs known already, e.g. from a file: they are not done again. */
  known?: readonly ComparedRun[];
  /** Called after each run. */
  onRun?: (run: ComparedRun, done: number, total: number) => void;
}

/** Trains and scores everything. If it is stopped, what was complete is returned, with `stopped`. */
export async function compareMethods({ model, methods, data, score, steps, batchSize = 8, seeds = [0, 1, 2], learningRates = [], known = [], onRun }: CompareOptions): Promise<{ rows: Compared[]; stopped: boolean }> {
  if (!Object.keys(methods).length) throw new TunelabError("compareMethods: no method is named; give at least one.");
  if (!seeds.length || new Set(seeds).size !== seeds.length) throw new TunelabError(`compareMethods: seeds are ${seeds.join(", ") || "missing"}; give at least one, each once.`);
  if (!data.validation.length) throw new TunelabError("compareMethods: there is no validation data; learning rates and losses are judged on it.");
  const names = Object.keys(methods), searched = learningRates.length > 1, total = names.length * (seeds.length + (searched ? learningRates.length : 0));
  let done = 0, stopped = false;
  const all = count(model.params), rows: Compared[] = [];

  async function once(name: string, method: () => Promise<Method>, seed: number, learningRate: number, scored: boolean): Promise<ComparedRun> {
    const old = known.find((r) => r.method === name && r.seed === seed && r.learningRate === learningRate && (!scored || r.score !== undefined));
    const run = old ?? (await runOnce({ model, method: await method(), data, steps, batchSize, seed, learningRate, score: scored ? score : undefined, name, scored }));
    if (run.status === "stopped") stopped = true;
    else onRun?.(run, ++done, total);
    return run;
  }

  for (const name of names) {
    let made: Method | undefined, edge: Compared["edge"];
    const method = async () => (made ??= await methods[name]()); // a Fisher mask takes minutes, and is not needed where all runs are known
    let rate = learningRates[0] ?? (await method()).learningRate ?? 1e-3;
    if (searched) {
      const tried: ComparedRun[] = [];
      for (const candidate of learningRates) {
        tried.push(await once(name, method, seeds[0], candidate, false));
        if (stopped) return { rows, stopped };
      }
      const sound = tried.filter((r) => r.status === "done");
      if (!sound.length) throw new TunelabError(`compareMethods: ${name} gave no finite loss at any of the learning rates ${learningRates.join(", ")}; add smaller ones.`);
      rate = sound.reduce((best, r) => (r.loss < best.loss ? r : best)).learningRate;
      edge = rate === Math.min(...learningRates) ? "smallest" : rate === Math.max(...learningRates) ? "largest" : undefined;
    }
    const runs: ComparedRun[] = [];
    for (const seed of seeds) {
      runs.push(await once(name, method, seed, rate, true));
      if (stopped) return { rows, stopped };
    }
    rows.push({ ...summary(name, runs, all), ...(edge ? { edge } : {}) });
  }
  return { rows, stopped };
}

interface Once extends Pick<CompareOptions, "model" | "data" | "score"> { name: string; method: Method; seed: number; learningRate: number; steps: number; batchSize: number; scored: boolean }
async function runOnce({ model, method, data, score, name, seed, learningRate, steps, batchSize, scored }: Once): Promise<ComparedRun> {
  const options: TrainOptions<any, any> = { model, method, data: { train: data.train }, steps, batchSize, learningRate, seed, display: false };
  const { result: run, addedBytes } = await peakTensorBytes(() => train(options));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-compare-")), projected = run.method.name === "diff-pruning" ? projectDiff(run, model.params) : undefined, kept = projected ?? run;
  try {
    saveAdapter(folder, kept, model);
    const status = run.status as ComparedRun["status"], complete = status === "done";
    const { loss } = complete ? await evaluate(model, data.validation, { adapter: kept, batchSize }) : { loss: NaN };
    return {
      method: name, seed, learningRate, loss, ...(scored && complete ? { score: score ? await score(kept) : -loss } : {}), trainable: trainableCount(run), stored: storedBytes(folder),
      secondsPerStep: median(run.history.steps.map((r) => r.seconds).slice(steps > 4 ? 2 : 0)), peakBytes: addedBytes, status,
    };
  } finally {
    dispose(run.trained);
    if (projected) { dispose(projected.trained); dispose(projected.method.constants ?? {}); }
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const median = (x: readonly number[]): number => (x.length ? quantile(x, 0.5) : NaN);

function summary(method: string, runs: ComparedRun[], modelSize: number): Compared {
  const { mean: score, error } = interval(runs.map((r) => r.score ?? NaN)), [{ learningRate, trainable, stored }] = runs;
  return {
    method, learningRate, score, ...(runs.length > 1 ? { scoreError: error } : {}), loss: mean(runs.map((r) => r.loss)), trainable, share: (100 * trainable) / modelSize, stored,
    secondsPerStep: median(runs.map((r) => r.secondsPerStep)), peakBytes: Math.max(...runs.map((r) => r.peakBytes)), runs,
  };
}
