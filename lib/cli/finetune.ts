/** tunelab finetune: train an adapter on a data file, with checkpoints, and save it. */
import * as path from "node:path";
import { saveAdapter, trainableCount } from "../methods";
import { evaluate, train } from "../train";
import { Arguments, type Command } from "./arguments";
import { EXAMPLE_FLAGS, loadExamples, loadModel, MODEL_FLAGS, result } from "./common";
import { checkMethod, chooseMethod, METHOD_FLAGS } from "./methods";
import { finished, keptOf, TRAINING_FLAGS, trainingOptions } from "./training";

export const finetune: Command = {
  summary: "fine-tune a model on a file of records and write an adapter (where PEFT has the method, one that it loads)",
  flags: {
    model: MODEL_FLAGS.model,
    data: { value: "FILE", help: ".jsonl or .json of {question, answer}, {prompt, completion}, {instruction, output}, {text, label} or {messages}", required: true },
    ...METHOD_FLAGS,
    steps: { value: "N", help: "optimizer steps (instead of --epochs)" },
    epochs: { value: "N", help: "passes over the data", default: "1" },
    ...TRAINING_FLAGS,
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
    const run = await train({ model, method, data: { train: examples, validation }, steps: args.number("steps"), epochs: args.number("epochs"), ...trainingOptions(args) });
    const adapter = path.join(out, "adapter"), kept = keptOf(run, model, args);
    saveAdapter(adapter, kept, model);
    const projected = kept === run ? undefined : { entries: trainableCount(kept), ...(validation ? await evaluate(model, validation, { adapter: kept, batchSize: args.number("batch-size") }) : {}) };
    return finished(run, kept, model, { projected, adapter }, args);
  },
};
