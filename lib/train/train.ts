/**
 * The one training loop: any method × any objective × any optimizer.
 * It can be stopped (what was learned is kept) and resumed (bit for bit), and ends by itself when the loss is no number.
 */
import { StoppedError, stoppable } from "../course/stop";
import { NonFiniteError, TunelabError } from "../errors";
import type { Adapter, Method } from "../methods/method";
import { modelHash, type GradientPass, type Model } from "../model";
import { baseOnly, sft } from "../objectives";
import type { Loss, Objective } from "../objectives/objective";
import { adamw } from "../optimizers/adamw";
import type { LossScale } from "../optimizers/loss-scale";
import type { Optimizer } from "../optimizers/optimizer";
import { dispose, hash, key, mapParams, tf, type Params, type Precision } from "../tensor";
import { batchSource, type Source } from "./batches";
import type { EvaluationRecord, History, StepRecord } from "./history";
import { openLog } from "./log";
import { reporter } from "./report";
import { schedule as makeSchedule, type ScheduleName } from "./schedule";
import { checkpoints, loadState, removeUnfinished, saveState, type RunState } from "./state";
import { notes, stepper, type Trainable } from "./step";

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
  /** Peak learning rate; default: the method's own (a tenth of it for DPO, GRPO and PPO). */
  learningRate?: number;
  schedule?: ScheduleName;
  /** Steps of linear rise at the beginning; default 5 % of all. */
  warmup?: number;
  /** Largest global norm of the gradient; 0 = no clipping. */
  clip?: number;
  /** Gradient checkpointing: layers are computed again in the backward pass instead of kept; less memory, about a third more work. */
  recompute?: boolean;
  /** Of the inputs of matrix products: "bfloat16" or "half" is faster on GPUs that have units for it; sums and weights stay float32. */
  precision?: Precision;
  /** Multiplies the loss while its gradient is taken, for gradients that underflow in "half" (see loss-scale.ts): `staticScale(…)`, `dynamicScale()`. */
  lossScale?: LossScale;
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

/** A gradient that overflows even at this scale is no matter of scaling. */
const SMALLEST_SCALE = 2 ** -24;
export const PRECISIONS: readonly Precision[] = ["float32", "bfloat16", "half"];

let last: Run | undefined;
/** The run of the most recent train() in this process, also after Stop: a notebook loses the names declared in a stopped cell. */
export function lastRun(): Run {
  if (!last) throw new TunelabError("Nothing has been trained yet in this kernel; run a cell with train() first.");
  return last;
}

const whole = (name: string, value: number, min = 1): number => {
  if (!Number.isInteger(value) || value < min) throw new TunelabError(`${name} is ${value}; it must be a whole number of at least ${min}.`);
  return value;
};
const above0 = (name: string, value: number): void => {
  if (!(value > 0 && Number.isFinite(Math.fround(value)))) throw new TunelabError(`${name} is ${value}; it must be a positive number.`);
};

/** Any method × any objective × any optimizer, on examples that are there from the beginning. */
export async function train<Example = import("../objectives").Example, Batch extends { weight: number } = import("../objectives").SftBatch>({ data: { train: examples, validation }, ...options }: TrainOptions<Example, Batch>): Promise<Run> {
  const { objective = sft() as unknown as Objective<Example, Batch> } = options;
  if (examples.length === 0) throw new TunelabError("train: data.train is empty; give at least one example.");
  return trainFrom<Example, Batch>({
    ...options, objective,
    source: (batchSize, seed) => ({ ...batchSource(examples, objective.length, batchSize, seed), fingerprint: () => `${examples.reduce((h, example) => hash(JSON.stringify(example), h), 0)}` }),
    evaluate: validation?.length ? (trained, loss, tick) => evaluateLoss(loss, trained, objective, validation, options.batchSize ?? BATCH_SIZE, tick) : undefined,
  });
}
const BATCH_SIZE = 8;

/** What the loop takes: where batches come from, and how to evaluate what is trained. */
export interface LoopOptions<Example, Batch extends { weight: number }> extends Omit<TrainOptions<Example, Batch>, "data" | "objective"> {
  objective: Objective<Example, Batch>;
  source: (batchSize: number, seed: number) => Source<Example>;
  evaluate?: (trained: Params, loss: Loss<Batch>, tick: () => Promise<void>) => Promise<Omit<EvaluationRecord, "step">>;
}

/** The loop itself. */
export async function trainFrom<Example, Batch extends { weight: number }>(options: LoopOptions<Example, Batch>): Promise<Run> {
  const {
    model, method, objective, evaluate, optimizer = adamw(), epochs = 1, batchSize = BATCH_SIZE, accumulate = 1,
    learningRate = (method.learningRate ?? 1e-3) * (objective.rateFactor ?? 1), schedule = "cosine", clip = 1, seed = 0, evaluateEvery = 0, folder, saveEvery = 50, resume = false, display = true, recompute = false, precision = "float32", lossScale, onStep,
  } = options;
  whole("train: batchSize", batchSize); whole("train: accumulate", accumulate); whole("train: saveEvery", saveEvery);
  whole("train: evaluateEvery", evaluateEvery, 0); whole("train: warmup", options.warmup ?? 0, 0);
  if (!Number.isSafeInteger(seed)) throw new TunelabError(`train: seed is ${seed}; it must be a whole number.`);
  above0("train: learningRate", learningRate); above0("train: epochs", epochs);
  if (!(clip >= 0)) throw new TunelabError(`train: clip is ${clip}; it must be 0 (off) or more.`);
  if (!PRECISIONS.includes(precision)) throw new TunelabError(`train: precision "${precision}" is unknown; choose from ${PRECISIONS.join(", ")}.`);
  if (optimizer.fused && accumulate > 1) throw new TunelabError(`train: optimizer "${optimizer.name}" uses each gradient at once, so gradients cannot be accumulated; raise batchSize instead of accumulate, or choose another optimizer.`);
  if (optimizer.fused && lossScale && !clip) throw new TunelabError(`train: with optimizer "${optimizer.name}" an overflow must be known before the first layer moves; set clip, whose pass finds it, or leave lossScale out.`);
  await new Promise(setImmediate); // from here on a notebook's Stop can no longer cut into the middle of a tensor operation

  const source = options.source(batchSize, seed);
  const steps = whole("train: steps", options.steps ?? Math.ceil((epochs * source.perEpoch) / accumulate));
  const rate = makeSchedule(schedule, steps, options.warmup ?? Math.ceil(steps * 0.05));
  const { warmup } = options;
  const settings = { method: method.name, ...method.settings, optimizer: [optimizer.name, optimizer.settings], objective: objective.settings ? [objective.name, objective.settings] : objective.name, steps, batchSize, accumulate, learningRate, schedule, warmup, clip, seed, ...(precision === "float32" ? {} : { precision }), ...(lossScale ? { lossScale: [lossScale.name, lossScale.settings] } : {}) };
  const fingerprint = `${JSON.stringify(settings)} data:${source.fingerprint()} model:${modelHash(model)}`;
  const pass: GradientPass = { recompute: recompute ? "all" : "cheap", precision }, loss = objective.loss(model, method, pass), { penalty } = method;
  if (optimizer.fused && (method.encode || penalty || method.rateFactor))
    throw new TunelabError(`train: optimizer "${optimizer.name}" updates each layer as the gradient passes it, but method "${method.name}" ${method.encode ? "trains tensors that the layers do not see themselves (an encoder, a subspace)" : "adds a penalty, or has learning rates of its own"}; use another optimizer, such as adamw.`);
  const trainingLoss: typeof loss = penalty ? (trained, batch, key, note) => tf.add(loss(trained, batch, key, note), penalty(trained)) : loss;
  const begin = stepper({ loss: trainingLoss, objective, model, method, optimizer, clip, pass });

  const begun = start(options, optimizer, fingerprint, seed), { history } = begun;
  source.restore?.(begun.source);
  if (folder) removeUnfinished(folder);
  let { step } = begun, scaling = begun.lossScale ?? lossScale?.init(), now: Trainable = { trained: begun.trained, state: begun.optimizer };
  /** The parameters before the latest update, until a finite loss has shown that the update was sound. */
  let before: Params | undefined;
  const log = folder ? openLog(folder, history) : undefined, show = reporter({ model, method, trained: now.trained, steps, enabled: display, nats: objective.perplexity, rewards: source.measured !== undefined });
  const run: Run = (last = { method, trained: now.trained, history, status: "running", message: "" });
  const progress = () => `${step} ${history.evaluations.length}`;
  let saved = progress();
  const checkpoint = () => {
    if (!folder || step === 0 || saved === progress()) return;
    saveState(folder, { step, trained: now.trained, optimizer: now.state, history, lossScale: scaling, fingerprint, source: source.state?.() });
    saved = progress();
  };
  const validate = async () => {
    if (!evaluate || history.evaluations.at(-1)?.step === step) return;
    const record: EvaluationRecord = { step, ...(await evaluate(now.trained, loss, tick)) };
    history.evaluations.push(record); log?.evaluation(record); show.evaluation(history);
  };
  const tick = stoppable();
  let failure: unknown;
  /** False once parameters were taken back: the optimizer's state is a step ahead of them, and going on would end in the same place. */
  let resumable = true;
  /** Ends a run in which step + 1 met numbers that are none: the latest update is undone, if it can be. */
  const takeBack = (what: string): void => {
    const bad = step + 1;
    if (before) {
      dispose(now.trained);
      now = { trained: before, state: now.state };
      before = undefined;
      run.trained = now.trained;
      resumable = false;
      step--;
      history.steps.pop();
      if (history.evaluations.at(-1)?.step === step + 1) history.evaluations.pop();
    }
    run.status = "non-finite";
    run.message = `Step ${bad}: ${what}; stopped with the state after step ${step}${step === 0 || !optimizer.fused ? ", the last known to be good" : " (updates of a fused optimizer cannot be taken back; an earlier checkpoint may be better)"}. Lower the learning rate (now ${learningRate}) or check the data.`;
  };
  try {
    for (;;) {
      // Here, not at the end of a step: so a run that was stopped while it evaluated makes up for it when it is resumed.
      if (step === 0 || step === steps || (evaluateEvery && step % evaluateEvery === 0)) await validate();
      if (step >= steps) break;
      await tick();
      const began = performance.now();
      const batches: Batch[] = [], measured: Record<string, number> = {};
      for (let i = 0; i < accumulate; i++) {
        const n = step * accumulate + i;
        batches.push(objective.collate(await source.at(n, now.trained, tick)));
        Object.assign(measured, source.measured?.(n));
      }
      const scale = scaling?.scale, attempt = begin(now, batches, (i) => key(hash(`step${step}.${i}`, seed)), scale);
      const overflow = scaling !== undefined && Number.isFinite(attempt.loss) && !Number.isFinite(attempt.norm) && scaling.scale >= SMALLEST_SCALE;
      if (attempt.loss !== undefined && !overflow && !(Number.isFinite(attempt.loss) && Number.isFinite(attempt.norm))) {
        attempt.drop();
        takeBack(`the loss is ${attempt.loss} and the gradient's norm ${attempt.norm}`);
        break;
      }
      // Now, not before the loss: so the state that is saved is known to be good.
      if (step % saveEvery === 0) checkpoint();
      if (before) dispose(before);
      before = undefined;
      const learningRateNow = learningRate * rate(step), previous = now.trained;
      if (overflow) attempt.drop();
      else {
        now = attempt.apply(learningRateNow);
        if (!optimizer.fused) before = previous;
        run.trained = now.trained;
      }
      if (scaling) scaling = lossScale!.next(scaling, !overflow);
      if (attempt.failure) throw attempt.failure;
      if (!overflow && !(Number.isFinite(attempt.loss) && Number.isFinite(attempt.norm))) {
        run.status = "non-finite";
        run.message = `Step ${step + 1}: the loss is ${attempt.loss} and the gradient's norm ${attempt.norm}; stopped. Layers with a gradient that is no number were left as they were. Lower the learning rate (now ${learningRate}), clip by norm, or check the data.`;
        break;
      }
      step++;
      const seconds = (performance.now() - began) / 1000, tokens = batches.reduce((n, b) => n + tokensOf(b), 0);
      const record: StepRecord = {
        step, epoch: (step * accumulate) / source.perEpoch, loss: attempt.loss!, ...(attempt.metrics || Object.keys(measured).length ? { metrics: { ...attempt.metrics, ...measured } } : {}), learningRate: learningRateNow, gradientNorm: overflow ? Infinity : attempt.norm!,
        tokensPerSecond: tokens / seconds, seconds, memory: process.memoryUsage.rss(),
        ...(scale === undefined ? {} : { lossScale: scale, skipped: overflow }),
      };
      history.steps.push(record); log?.step(record); show.step(history); onStep?.(record);
    }
    if (run.status === "running") { run.status = "done"; run.message = `Done: ${steps} steps${leftOut(history)}.`; }
  } catch (error) {
    if (error instanceof NonFiniteError) takeBack("the model's own answers are no numbers any more");
    else {
      run.status = "stopped";
      run.message = error instanceof StoppedError
        ? `Stopped after step ${step} of ${steps}; what was learned is kept (lastRun()${folder ? `, or resume from ${folder}` : ""}).`
        : `Stopped after step ${step} of ${steps} by an error: ${(error as Error).message ?? error}`;
      if (!(error instanceof StoppedError)) failure = error;
    }
  }
  try { if (resumable) checkpoint(); } catch (error) { failure ??= error; }
  if (before) dispose(before);
  disposeState(now.state);
  log?.flush();
  await show.done(run);
  if (failure) throw failure;
  return run;
}

/** How many steps overflowed under loss scaling, if any did. */
const leftOut = ({ steps }: History): string => {
  const n = steps.filter((r) => r.skipped).length;
  return n ? `, of which ${n} moved nothing because the scaled gradient overflowed` : "";
};

/** Ids a batch passes through the model, padding included. */
const tokensOf = (batch: object): number => ("ids" in batch ? (batch.ids as ArrayLike<number>).length : 0);
const disposeState = (state: Readonly<Record<string, Params>>) => Object.values(state).forEach(dispose);

/** Step 0, or the newest readable checkpoint. */
function start(options: Pick<LoopOptions<never, never>, "model" | "method" | "folder" | "resume"> & { objective: Pick<Objective<never, never>, "init"> }, optimizer: Optimizer, fingerprint: string, seed: number): RunState {
  const { model, method, objective, folder, resume } = options, found = folder ? checkpoints(folder) : [];
  if (found.length && !resume)
    throw new TunelabError(`${folder} already holds a run (${found.length} checkpoints, the newest at step ${found.at(-1)!.step}); resume it (resume: true) or choose another folder.`);
  let unreadable: unknown;
  for (const { path } of found.reverse()) {
    let state: RunState;
    try { state = loadState(path); } catch (error) { unreadable ??= error; continue; }
    if (state.fingerprint !== fingerprint)
      throw new TunelabError(`${path} was made with other settings or data, so going on would be neither run. Checkpoint: ${state.fingerprint}. Now: ${fingerprint}. Use the same settings, or another folder.`);
    checkOptimizer(state, optimizer, path);
    return state;
  }
  if (unreadable) throw unreadable;
  const trained = { ...method.init(model.params, model.config, seed), ...objective.init?.(model.config, seed) };
  if (!Object.keys(trained).length) throw new TunelabError(`train: method "${method.name}" has no tensor to train on this model; choose other targets, or another method.`);
  return { step: 0, trained, optimizer: mapParams(trained, (p) => optimizer.init(p)), history: { steps: [], evaluations: [] }, fingerprint };
}

/** The optimizer's state must be what this optimizer keeps of these tensors. */
function checkOptimizer({ trained, optimizer: states }: RunState, optimizer: Optimizer, where: string): void {
  for (const [name, p] of Object.entries(trained)) {
    const fresh = optimizer.init(p), shapes = (s: Params) => Object.entries(s).map(([k, t]) => `${k} [${t.shape}]`).sort().join(", "), [needed, found] = [shapes(fresh), shapes(states[name])];
    dispose(fresh);
    if (needed !== found) throw new TunelabError(`${where}: of ${name} the optimizer "${optimizer.name}" needs ${needed || "no state"}, but the checkpoint holds ${found || "none"}; resume from an earlier checkpoint, or delete this one.`);
  }
}

/** Mean loss over examples, and what the objective measures, each example by its weight. */
export async function evaluateLoss<E, B extends { weight: number }>(loss: Loss<B>, trained: Params, objective: Objective<E, B>, examples: readonly E[], batchSize: number, tick: () => Promise<void>) {
  whole("evaluate: batchSize", batchSize);
  const sorted = [...examples].sort((a, b) => objective.length(a) - objective.length(b));
  const noted = notes();
  let sum = 0, weight = 0;
  for (let i = 0; i < sorted.length; i += batchSize) {
    await tick();
    const batch = objective.collate(sorted.slice(i, i + batchSize));
    if (batch.weight === 0) continue;
    sum += batch.weight * tf.tidy(() => loss(trained, batch, undefined, noted.take(batch.weight)).dataSync()[0]);
    weight += batch.weight;
  }
  if (weight === 0) throw new TunelabError("evaluate: no example has a target, so there is no loss; give examples with an answer.");
  const measured = noted.metrics(), metrics = measured && Object.fromEntries(Object.entries(measured).map(([name, v]) => [name, v / weight]));
  return { loss: sum / weight, ...(objective.perplexity ? { perplexity: Math.exp(sum / weight) } : {}), ...(metrics ? { metrics } : {}) };
}

/** Mean loss over examples: of an adapter, or of the base model alone. */
export async function evaluate(model: Pick<Model, "config" | "params">, examples: readonly import("../objectives").Example[], { adapter, batchSize = 8 }: { adapter?: Adapter; batchSize?: number } = {}): Promise<{ loss: number; perplexity: number }> {
  if (examples.length === 0) throw new TunelabError("evaluate: there are no examples; give at least one.");
  const objective = sft(), { loss } = await evaluateLoss(objective.loss(model, adapter?.method ?? baseOnly), adapter?.trained ?? {}, objective, examples, batchSize, stoppable());
  return { loss, perplexity: Math.exp(loss) };
}
