/**
 * The one training loop: any method × any objective × any optimizer.
 * It can be stopped (what was learned is kept) and resumed (bit for bit), and ends by itself when the loss is no number.
 */
import { StoppedError, stoppable } from "../course/stop";
import { TunelabError } from "../errors";
import type { Adapter, Method } from "../methods/method";
import type { Model } from "../model";
import { sft } from "../objectives";
import type { Loss, Objective } from "../objectives/objective";
import { adamw } from "../optimizers/adamw";
import type { Optimizer } from "../optimizers/optimizer";
import { dispose, hash, key, mapParams, tf, type Params } from "../tensor";
import { batchSource } from "./batches";
import type { EvaluationRecord, History, StepRecord } from "./history";
import { openLog } from "./log";
import { reporter } from "./report";
import { schedule as makeSchedule, type ScheduleName } from "./schedule";
import { checkpoints, loadState, saveState, type RunState } from "./state";
import { accumulate as accumulateGradients, update } from "./step";

export interface TrainOptions<Example, Batch extends { weight: number }> {
  model: Pick<Model, "config" | "params">;
  method: Method;
  data: { train: readonly Example[]; validation?: readonly Example[] };
  /** Default: supervised fine-tuning on the answers. */
  objective?: Objective<Example, Batch>;
  optimizer?: Optimizer;
  /** Optimizer steps, or passes over the data (default: 1 epoch). */
  steps?: number;
  epochs?: number;
  /** Examples in one pass through the model; times `accumulate` = examples in one step. */
  batchSize?: number;
  accumulate?: number;
  /** Peak learning rate. */
  learningRate?: number;
  schedule?: ScheduleName;
  /** Steps of linear rise at the beginning; default 5 % of all. */
  warmup?: number;
  /** Largest global norm of the gradient; 0 = no clipping. */
  clip?: number;
  seed?: number;
  /** Evaluate on data.validation every so many steps (and at the end); 0 = only at the end. */
  evaluateEvery?: number;
  /** Folder for checkpoints and logs; none = nothing is written. */
  folder?: string;
  saveEvery?: number;
  /** Go on from the newest checkpoint in `folder`. */
  resume?: boolean;
  /** Show progress: a live figure and a bar in a notebook, a line in a terminal. */
  display?: boolean;
  onStep?: (record: StepRecord) => void;
}

/** What a run has made; usable as an adapter for generation, evaluation, saving. */
export interface Run extends Adapter {
  history: History;
  /** "done", "stopped" by the user, or "non-finite" loss: then `trained` is the last good state. */
  status: "running" | "done" | "stopped" | "non-finite";
  /** One sentence about how it ended. */
  message: string;
}

let last: Run | undefined;
/** The run of the most recent train() in this process, also after Stop: a notebook loses the names declared in a stopped cell. */
export function lastRun(): Run {
  if (!last) throw new TunelabError("Nothing has been trained yet in this kernel; run a cell with train() first.");
  return last;
}

const positive = (name: string, value: number, min = 1): number => {
  if (!Number.isInteger(value) || value < min) throw new TunelabError(`train: ${name} is ${value}; it must be a whole number of at least ${min}.`);
  return value;
};

export async function train<Example = import("../objectives").Example, Batch extends { weight: number } = import("../objectives").SftBatch>(options: TrainOptions<Example, Batch>): Promise<Run> {
  const {
    model, method, data, objective = sft() as unknown as Objective<Example, Batch>, optimizer = adamw(), epochs = 1, batchSize = 8, accumulate = 1,
    learningRate = 1e-3, schedule = "cosine", clip = 1, seed = 0, evaluateEvery = 0, folder, saveEvery = 50, resume = false, display = true, onStep,
  } = options;
  positive("batchSize", batchSize); positive("accumulate", accumulate); positive("saveEvery", saveEvery); positive("evaluateEvery", evaluateEvery, 0);
  if (data.train.length === 0) throw new TunelabError("train: data.train is empty; give at least one example.");
  if (!(learningRate > 0 && Number.isFinite(learningRate))) throw new TunelabError(`train: learningRate is ${learningRate}; it must be a positive number.`);
  if (!(clip >= 0)) throw new TunelabError(`train: clip is ${clip}; it must be 0 (off) or more.`);
  await new Promise(setImmediate); // from here on a notebook's Stop can no longer cut into the middle of a tensor operation

  const source = batchSource(data.train, objective.length, batchSize, seed);
  const steps = positive("steps", options.steps ?? Math.ceil((epochs * source.perEpoch) / accumulate));
  const rate = makeSchedule(schedule, steps, options.warmup ?? Math.ceil(steps * 0.05));
  const { warmup } = options;
  const settings = { method: method.name, ...method.settings, optimizer: [optimizer.name, optimizer.settings], objective: objective.name, steps, batchSize, accumulate, learningRate, schedule, warmup, clip, seed };
  const fingerprint = `${JSON.stringify(settings)} data:${hash(JSON.stringify(data.train.slice(0, 64)), data.train.length)}`;
  const loss = objective.loss(model, method);

  let { step, history, trained, optimizer: state } = start(options, optimizer, fingerprint, seed);
  const log = folder ? openLog(folder, step) : undefined, show = reporter({ model, method, trained, steps, enabled: display });
  const run: Run = (last = { method, trained, history, status: "running", message: "" });
  const checkpoint = () => folder && saveState(folder, { step, trained, optimizer: state, history, fingerprint });
  const validate = async () => {
    if (!data.validation?.length || history.evaluations.at(-1)?.step === step) return;
    const record: EvaluationRecord = { step, ...(await evaluateLoss(loss, trained, objective, data.validation, batchSize, tick)) };
    history.evaluations.push(record); log?.evaluation(record); show.evaluation(history);
  };
  const tick = stoppable();
  try {
    if (step === 0) await validate();
    while (step < steps) {
      await tick();
      const began = performance.now();
      const batches = Array.from({ length: accumulate }, (_, i) => objective.collate(source.at(step * accumulate + i)));
      const gradients = accumulateGradients(loss, trained, batches, (i) => key(hash(`step${step}.${i}`, seed)));
      if (!Number.isFinite(gradients.loss) || !Number.isFinite(gradients.norm)) {
        dispose(gradients.gradients);
        run.status = "non-finite";
        run.message = `Step ${step + 1}: the loss is ${gradients.loss} and the gradient's norm ${gradients.norm}; stopped with the state of step ${step}. Lower the learning rate (now ${learningRate}) or check the data.`;
        break;
      }
      const learningRateNow = learningRate * rate(step);
      ({ trained, state } = update({ trained, state }, gradients, optimizer, learningRateNow, clip));
      run.trained = trained;
      step++;
      const seconds = (performance.now() - began) / 1000, tokens = batches.reduce((n, b) => n + tokensOf(b), 0);
      const record: StepRecord = {
        step, epoch: (step * accumulate) / source.perEpoch, loss: gradients.loss, learningRate: learningRateNow, gradientNorm: gradients.norm,
        tokensPerSecond: tokens / seconds, seconds, memory: process.memoryUsage.rss(),
      };
      history.steps.push(record); log?.step(record); show.step(history); onStep?.(record);
      if (evaluateEvery && step % evaluateEvery === 0 && step < steps) await validate();
      if (step % saveEvery === 0 && step < steps) checkpoint();
    }
    if (run.status === "running") { await validate(); run.status = "done"; run.message = `Done: ${steps} steps.`; }
  } catch (error) {
    if (!(error instanceof StoppedError)) { run.status = "stopped"; run.message = String(error); checkpoint(); await show.done(run); throw error; }
    run.status = "stopped";
    run.message = `Stopped after step ${step} of ${steps}; what was learned is kept (lastRun()${folder ? `, or resume from ${folder}` : ""}).`;
  }
  checkpoint();
  disposeState(state);
  await show.done(run);
  return run;
}

/** Ids a batch passes through the model, padding included. */
const tokensOf = (batch: object): number => ("ids" in batch ? (batch.ids as ArrayLike<number>).length : 0);
const disposeState = (state: Readonly<Record<string, Params>>) => Object.values(state).forEach(dispose);

/** Step 0, or the newest readable checkpoint. */
function start(options: Pick<TrainOptions<unknown, { weight: number }>, "model" | "method" | "folder" | "resume">, optimizer: Optimizer, fingerprint: string, seed: number): RunState {
  const { model, method, folder, resume } = options, found = folder ? checkpoints(folder) : [];
  if (found.length && !resume)
    throw new TunelabError(`${folder} already holds a run (${found.length} checkpoints, the newest at step ${found.at(-1)!.step}); resume it (resume: true) or choose another folder.`);
  let unreadable: unknown;
  for (const { path } of found.reverse()) {
    let state: RunState;
    try { state = loadState(path); } catch (error) { unreadable ??= error; continue; }
    if (state.fingerprint !== fingerprint)
      throw new TunelabError(`${path} was made with other settings or data, so going on would be neither run. Checkpoint: ${state.fingerprint}. Now: ${fingerprint}. Use the same settings, or another folder.`);
    return state;
  }
  if (unreadable) throw unreadable;
  const trained = method.init(model.params, model.config, seed);
  return { step: 0, trained, optimizer: mapParams(trained, (p) => optimizer.init(p)), history: { steps: [], evaluations: [] }, fingerprint };
}

async function evaluateLoss<E, B extends { weight: number }>(loss: Loss<B>, trained: Params, objective: Objective<E, B>, examples: readonly E[], batchSize: number, tick: () => Promise<void>) {
  const sorted = [...examples].sort((a, b) => objective.length(a) - objective.length(b));
  let sum = 0, weight = 0;
  for (let i = 0; i < sorted.length; i += batchSize) {
    await tick();
    const batch = objective.collate(sorted.slice(i, i + batchSize));
    sum += batch.weight * tf.tidy(() => loss(trained, batch).dataSync()[0]);
    weight += batch.weight;
  }
  return { loss: sum / weight, perplexity: Math.exp(sum / weight) };
}

/** Mean loss over examples: of an adapter, or of the base model alone. */
export async function evaluate(model: Pick<Model, "config" | "params">, examples: readonly import("../objectives").Example[], { adapter, batchSize = 8 }: { adapter?: Adapter; batchSize?: number } = {}): Promise<{ loss: number; perplexity: number }> {
  if (examples.length === 0) throw new TunelabError("evaluate: there are no examples; give at least one.");
  const objective = sft(), none: Method = { name: "none", settings: {}, init: () => ({}) };
  return evaluateLoss(objective.loss(model, adapter?.method ?? none), adapter?.trained ?? {}, objective, examples, batchSize, stoppable());
}
