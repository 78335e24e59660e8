/** tunelab generate: answer prompts, with or without an adapter. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";
import { generate as generateText } from "../model";
import { promptText } from "../objectives";
import { stoppable, StoppedError } from "../course";
import { Arguments, type Command } from "./arguments";
import { exampleOptions, EXAMPLE_FLAGS, loadModel, MODEL_FLAGS, result } from "./common";

const { template, system } = EXAMPLE_FLAGS;
export const generate: Command = {
  summary: "answer a prompt with a model and, if given, an adapter",
  flags: {
    ...MODEL_FLAGS,
    prompt: { value: "TEXT", help: "the question; - reads it from standard input", required: true },
    raw: { help: "continue the prompt as it stands, without any template" },
    "max-tokens": { value: "N", help: "longest answer in tokens", default: "128" },
    temperature: { value: "X", help: "0 = greedy", default: "0" },
    "top-k": { value: "N", help: "sample from the N most probable, 0 = all", default: "0" },
    "top-p": { value: "X", help: "sample from the most probable that make up X", default: "1" },
    "repetition-penalty": { value: "X", help: "above 1 makes repetition less likely", default: "1" },
    stop: { value: "TEXT", help: "text that ends the answer" },
    seed: { value: "N", help: "seed of sampling", default: "0" },
    template, system,
  },
  examples: [
    'tunelab generate --model models/SmolLM2-135M-Instruct --prompt "What is phishing?"',
    'tunelab generate --model models/SmolLM2-135M-Instruct --adapter runs/first/adapter --prompt "What is phishing?" --temperature 0.7',
  ],
  async run(args: Arguments) {
    const asked = args.need("prompt"), question = asked === "-" ? fs.readFileSync(0, "utf8").trim() : asked, json = args.has("json");
    if (!question) throw new TunelabError("The prompt is empty; write the question after --prompt, or to standard input.");
    const { model, adapter } = await loadModel(args);
    const prompt = args.has("raw") ? question : promptText(model.tokenizer, [{ role: "user", content: question }], exampleOptions(args));
    try {
      const [answer] = await generateText(model, [prompt], {
        adapter, maxNewTokens: args.number("max-tokens"), temperature: args.number("temperature"), topK: args.number("top-k"), topP: args.number("top-p"),
        repetitionPenalty: args.number("repetition-penalty"), seed: args.number("seed"), stop: args.text("stop") ? [args.text("stop")!] : [],
        tick: stoppable(), onText: json ? undefined : (piece) => process.stdout.write(piece),
      });
      if (json) result({ prompt: question, ...answer }, args);
      else process.stdout.write("\n");
      return 0;
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      process.stdout.write("\n");
      return 130;
    }
  },
};
