/** tunelab evaluate: loss and perplexity of the answers in a data file. */
import { evaluate as evaluateLoss } from "../train";
import { Arguments, type Command } from "./arguments";
import { EXAMPLE_FLAGS, loadExamples, loadModel, MODEL_FLAGS, result } from "./common";

export const evaluate: Command = {
  summary: "mean loss and perplexity of the answers in a file of records",
  flags: {
    ...MODEL_FLAGS,
    data: { value: "FILE", help: "records, as for finetune", required: true },
    "batch-size": { value: "N", help: "examples in one pass", default: "8" },
    ...EXAMPLE_FLAGS,
  },
  examples: ["tunelab evaluate --model models/SmolLM2-135M-Instruct --adapter runs/first/adapter --data data/security-qa/en/test.jsonl --json"],
  async run(args: Arguments) {
    const data = args.need("data"), { model, adapter } = await loadModel(args);
    const examples = await loadExamples(data, model, args);
    result({ examples: examples.length, targets: examples.reduce((n, e) => n + e.target.reduce((a, b) => a + b, 0), 0), ...(await evaluateLoss(model, examples, { adapter, batchSize: args.number("batch-size") })) }, args);
    return 0;
  },
};
