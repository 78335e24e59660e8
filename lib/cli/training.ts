/** What finetune and align share: the options of the loop, and what is kept of a run. */
import * as path from "node:path";
import { TunelabError } from "../errors";
import { projectDiff, type Adapter } from "../methods";
import { save, type Model } from "../model";
import { adalomo, adam, adamw, dynamicScale, lomo, sgd, staticScale, type LossScale, type Optimizer } from "../optimizers";
import { PRECISIONS, SCHEDULES, type Run } from "../train";
import type { Arguments, Flag } from "./arguments";
import { result } from "./common";

const OPTIMIZERS: Readonly<Record<string, () => Optimizer>> = { adamw: () => adamw(), adam: () => adam(), sgd: () => sgd(), lomo: () => lomo(), adalomo: () => adalomo() };
const lossScale = (args: Arguments): LossScale | undefined =>
  args.text("loss-scale") === "dynamic" ? dynamicScale() : args.text("loss-scale") === undefined ? undefined : staticScale(args.number("loss-scale")!);

export const TRAINING_FLAGS: Readonly<Record<string, Flag>> = {
  out: { value: "DIR", help: "run folder: checkpoints, logs, and the adapter in DIR/adapter", required: true },
  validation: { value: "FILE", help: "records to evaluate on, in the same form" },
  "batch-size": { value: "N", help: "examples in one pass", default: "8" },
  accumulate: { value: "N", help: "passes per optimizer step", default: "1" },
  "learning-rate": { value: "X", help: "peak learning rate (default: the method's own, 1e-3 for lora)" },
  optimizer: { value: "NAME", help: `${Object.keys(OPTIMIZERS).join(", ")} (the last two update each layer inside its backward pass)`, default: "adamw" },
  precision: { value: "NAME", help: `of the inputs of matrix products: ${PRECISIONS.join(", ")}; weights and sums stay float32`, default: "float32" },
  "loss-scale": { value: "X", help: 'a number, or "dynamic": against gradients that underflow with --precision half' },
  schedule: { value: "NAME", help: `${SCHEDULES.join(", ")} (cosine)` },
  warmup: { value: "N", help: "steps of linear rise (default 5 % of all)" },
  clip: { value: "X", help: "largest gradient norm, 0 = off", default: "1" },
  "evaluate-every": { value: "N", help: "evaluate on --validation every N steps, 0 = at the start and end", default: "0" },
  "save-every": { value: "N", help: "checkpoint every N steps", default: "50" },
  seed: { value: "N", help: "seed of everything random", default: "0" },
  resume: { help: "go on from the newest checkpoint in --out" },
  merge: { help: "also write the merged model to DIR/merged" },
};

export const trainingOptions = (args: Arguments) => ({
  batchSize: args.number("batch-size"), accumulate: args.number("accumulate"), learningRate: args.number("learning-rate"), schedule: args.choice("schedule", SCHEDULES), warmup: args.number("warmup"), clip: args.number("clip"),
  optimizer: OPTIMIZERS[args.choice("optimizer", Object.keys(OPTIMIZERS))!](), precision: args.choice("precision", PRECISIONS), lossScale: lossScale(args),
  evaluateEvery: args.number("evaluate-every"), saveEvery: args.number("save-every"), seed: args.number("seed"), folder: args.need("out"), resume: args.has("resume"),
});

/** What is saved of a run: a difference that learned to be sparse as far as the budget allows. */
export function keptOf(run: Run, model: Model, args: Arguments): Adapter {
  const density = args.number("density");
  return run.method.name === "diff-pruning" ? projectDiff(run, model.params, density === undefined ? {} : { density }) : run;
}

/** Writes the merged model if it is asked for, prints the outcome, and gives the exit code. */
export function finished(run: Run, kept: Adapter, model: Model, found: Record<string, unknown>, args: Arguments): number {
  const merged = args.has("merge") ? path.join(args.need("out"), "merged") : undefined;
  if (merged) save({ ...model, params: kept.method.merge!(model.params, kept.trained) }, merged);
  const last = run.history.steps.at(-1);
  result({ status: run.status, message: run.message, steps: last?.step ?? 0, loss: last?.loss, metrics: last?.metrics, validation: run.history.evaluations.at(-1), ...found, merged }, args);
  if (run.status === "non-finite") throw new TunelabError(run.message);
  return run.status === "stopped" ? 130 : 0;
}
