/** tunelab finetune: train an adapter on a data file, with checkpoints, and save it. */
import * as path from "node:path";
import { TunelabError } from "../errors";
import { projectDiff, saveAdapter, trainableCount } from "../methods";
import { save } from "../model";
import { adalomo, adam, adamw, dynamicScale, lomo, sgd, staticScale, type LossScale, type Optimizer } from "../optimizers";
import { evaluate, PRECISIONS, train, SCHEDULES } from "../train";
import { Arguments, type Command } from "./arguments";
import { EXAMPLE_FLAGS, loadExamples, loadModel, MODEL_FLAGS, result } from "./common";
import { checkMethod, chooseMethod, METHOD_FLAGS } from "./methods";

const OPTIMIZERS: Readonly<Record<string, () => Optimizer>> = { adamw: () => adamw(), adam: () => adam(), sgd: () => sgd(), lomo: () => lomo(), adalomo: () => adalomo() };
const lossScale = (args: Arguments): LossScale | undefined =>
  args.text("loss-scale") === "dynamic" ? dynamicScale() : args.text("loss-scale") === undefined ? undefined : staticScale(args.number("loss-scale")!);

export const finetune: Command = {
  summary: "fine-tune a model on a file of records and write an adapter (where PEFT has the method, one that it loads)",
  flags: {
    model: MODEL_FLAGS.model,
    data: { value: "FILE", help: ".jsonl or .json of {question, answer}, {prompt, completion}, {instruction, output}, {text, label} or {messages}", required: true },
    out: { value: "DIR", help: "run folder: checkpoints, logs, and the adapter in DIR/adapter", required: true },
    validation: { value: "FILE", help: "records to evaluate on, in the same form" },
    ...METHOD_FLAGS,
    steps: { value: "N", help: "optimizer steps (instead of --epochs)" },
    epochs: { value: "N", help: "passes over the data", default: "1" },
    "batch-size": { value: "N", help: "examples in one pass", default: "8" },
    accumulate: { value: "N", help: "passes per optimizer step", default: "1" },
    "learning-rate": { value: "X", help: "peak learning rate (default: the method's own, 1e-3 for lora)" },
    optimizer: { value: "NAME", help: `${Object.keys(OPTIMIZERS).join(", ")} (the last two update each layer inside its backward pass)`, default: "adamw" },
    precision: { value: "NAME", help: `of the inputs of matrix products: ${PRECISIONS.join(", ")}; weights and sums stay float32`, default: "float32" },
    "loss-scale": { value: "X", help: 'a number, or "dynamic": against gradients that underflow with --precision half' },
    schedule: { value: "NAME", help: SCHEDULES.join(", "), default: "cosine" },
    warmup: { value: "N", help: "steps of linear rise (default 5 % of all)" },
    clip: { value: "X", help: "largest gradient norm, 0 = off", default: "1" },
    "evaluate-every": { value: "N", help: "evaluate on --validation every N steps, 0 = at the start and end", default: "0" },
    "save-every": { value: "N", help: "checkpoint every N steps", default: "50" },
    seed: { value: "N", help: "seed of everything random", default: "0" },
    resume: { help: "go on from the newest checkpoint in --out" },
    merge: { help: "also write the merged model to DIR/merged" },
    ...EXAMPLE_FLAGS,
  },
  examples: [
    "tunelab finetune --model models/SmolLM2-135M-Instruct --data data/security-qa/en/train.jsonl --out runs/first --steps 100",
    "tunelab finetune --model DIR --data FILE --validation FILE --evaluate-every 20 --out runs/second --rank 16 --targets all-linear",
    'tunelab finetune --model DIR --data FILE --out runs/third --method prefix --start "You are an expert on network security."',
  ],
  async run(args: Arguments) {
    const out = args.need("out"), data = args.need("data");
    checkMethod(args);
    const { model } = await loadModel(args), examples = await loadExamples(data, model, args);
    const validation = args.text("validation") ? await loadExamples(args.text("validation")!, model, args) : undefined;
    const method = await chooseMethod(args, model, examples);
    const run = await train({
      model, method, data: { train: examples, validation },
      steps: args.number("steps"), epochs: args.number("epochs"), batchSize: args.number("batch-size"), accumulate: args.number("accumulate"),
      learningRate: args.number("learning-rate"), schedule: args.choice("schedule", SCHEDULES), warmup: args.number("warmup"), clip: args.number("clip"),
      optimizer: OPTIMIZERS[args.choice("optimizer", Object.keys(OPTIMIZERS))!](), precision: args.choice("precision", PRECISIONS), lossScale: lossScale(args),
      evaluateEvery: args.number("evaluate-every"), saveEvery: args.number("save-every"), seed: args.number("seed"), folder: out, resume: args.has("resume"),
    });
    const adapter = path.join(out, "adapter"), density = args.number("density");
    // a difference that learned to be sparse is kept as far as the budget allows
    const kept = method.name === "diff-pruning" ? projectDiff(run, model.params, density === undefined ? {} : { density }) : run;
    saveAdapter(adapter, kept, model);
    const projected = kept === run ? undefined : { entries: trainableCount(kept), ...(validation ? await evaluate(model, validation, { adapter: kept, batchSize: args.number("batch-size") }) : {}) };
    const merged = args.has("merge") ? path.join(out, "merged") : undefined;
    if (merged) save({ ...model, params: kept.method.merge!(model.params, kept.trained) }, merged);
    const last = run.history.steps.at(-1);
    result({ status: run.status, message: run.message, steps: last?.step ?? 0, loss: last?.loss, validation: run.history.evaluations.at(-1), projected, adapter, merged }, args);
    if (run.status === "non-finite") throw new TunelabError(run.message);
    return run.status === "stopped" ? 130 : 0;
  },
};
