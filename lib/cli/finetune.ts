/** tunelab finetune: train an adapter on a data file, with checkpoints, and save it for PEFT. */
import * as path from "node:path";
import { TunelabError } from "../errors";
import { saveAdapter } from "../methods";
import { save } from "../model";
import { train, SCHEDULES } from "../train";
import { Arguments, type Command } from "./arguments";
import { chooseMethod, EXAMPLE_FLAGS, loadExamples, loadModel, METHODS, MODEL_FLAGS, result } from "./common";

export const finetune: Command = {
  summary: "fine-tune a model on a file of records and write an adapter that PEFT loads",
  flags: {
    model: MODEL_FLAGS.model,
    data: { value: "FILE", help: ".jsonl or .json of {question, answer}, {prompt, completion}, {instruction, output} or {messages}", required: true },
    out: { value: "DIR", help: "run folder: checkpoints, logs, and the adapter in DIR/adapter", required: true },
    validation: { value: "FILE", help: "records to evaluate on, in the same form" },
    method: { value: "NAME", help: METHODS.join(", "), default: "lora" },
    rank: { value: "R", help: "rank of the update", default: "8" },
    alpha: { value: "A", help: "scale of the update", default: "16" },
    dropout: { value: "P", help: "dropout on the adapter's input", default: "0" },
    targets: { value: "NAMES", help: "modules, with commas, or all-linear", default: "q_proj,v_proj" },
    steps: { value: "N", help: "optimizer steps (instead of --epochs)" },
    epochs: { value: "N", help: "passes over the data", default: "1" },
    "batch-size": { value: "N", help: "examples in one pass", default: "8" },
    accumulate: { value: "N", help: "passes per optimizer step", default: "1" },
    "learning-rate": { value: "X", help: "peak learning rate", default: "1e-3" },
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
  ],
  async run(args: Arguments) {
    const out = args.need("out"), data = args.need("data"), method = chooseMethod(args);
    const { model } = await loadModel(args);
    const validation = args.text("validation");
    const run = await train({
      model, method,
      data: { train: await loadExamples(data, model, args), validation: validation ? await loadExamples(validation, model, args) : undefined },
      steps: args.number("steps"), epochs: args.number("epochs"), batchSize: args.number("batch-size"), accumulate: args.number("accumulate"),
      learningRate: args.number("learning-rate"), schedule: args.choice("schedule", SCHEDULES), warmup: args.number("warmup"), clip: args.number("clip"),
      evaluateEvery: args.number("evaluate-every"), saveEvery: args.number("save-every"), seed: args.number("seed"), folder: out, resume: args.has("resume"),
    });
    const adapter = path.join(out, "adapter");
    saveAdapter(adapter, run, model);
    const merged = args.has("merge") ? path.join(out, "merged") : undefined;
    if (merged) save({ ...model, params: method.merge!(model.params, run.trained) }, merged);
    const last = run.history.steps.at(-1);
    result({ status: run.status, message: run.message, steps: last?.step ?? 0, loss: last?.loss, validation: run.history.evaluations.at(-1), adapter, merged }, args);
    if (run.status === "non-finite") throw new TunelabError(run.message);
    return run.status === "stopped" ? 130 : 0;
  },
};
