/** What several commands share: loading a model with progress, reading the data, choosing a method. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";
import { loadAdapter, type Adapter } from "../methods";
import { load, type Model } from "../model";
import { encodeExamples, messagesOf, type Example } from "../objectives";
import { figureToPng, figureToSvg, progress, type Figure } from "../course";
import { loadRecords } from "../text";
import type { Arguments, Flag } from "./arguments";

export const MODEL_FLAGS = {
  model: { value: "DIR", help: "Hugging Face model folder, or a .gguf file", required: true },
  adapter: { value: "DIR", help: "adapter folder of any kind to put on the model" },
} satisfies Record<string, Flag>;
export const EXAMPLE_FLAGS = {
  template: { value: "NAME", help: "chat (the tokenizer's template) or plain (问:…\\n答:…)" },
  system: { value: "TEXT", help: "system message for every conversation" },
  "max-length": { value: "N", help: "longest sequence in tokens; longer ones are cut" },
} satisfies Record<string, Flag>;

export async function loadModel(args: Arguments): Promise<{ model: Model; adapter?: Adapter }> {
  let bar: ReturnType<typeof progress> | undefined;
  const model = await load(args.need("model"), { onProgress: (n, total) => (bar ??= progress(total, "load")).update(n) });
  bar?.done();
  return { model, adapter: args.text("adapter") ? loadAdapter(args.text("adapter")!, model) : undefined };
}

export const exampleOptions = (args: Arguments) => ({
  template: args.choice("template", ["chat", "plain"]), system: args.text("system"), maxLength: args.number("max-length"),
});

/** The same with a limit: the model's own, beyond which records are refused, or the one that is asked for, at which they are cut. */
export function exampleLimit(args: Arguments, model: Model) {
  const options = exampleOptions(args), limit = options.maxLength ?? model.config.maxPositions;
  if (limit > model.config.maxPositions) throw new TunelabError(`--max-length ${limit} is more than the model's ${model.config.maxPositions} positions.`);
  return { ...options, maxLength: limit, long: options.maxLength === undefined ? "refuse" as const : "truncate" as const };
}

export async function loadExamples(file: string, model: Model, args: Arguments): Promise<Example[]> {
  const records = await loadRecords(file, { parse: (r, where) => { messagesOf(r, where); return r; } });
  return encodeExamples(model.tokenizer, records, exampleLimit(args, model));
}

/** The outcome: JSON on standard output with --json, otherwise a line an item. */
export function result(value: Record<string, unknown>, args: Arguments): void {
  if (args.has("json")) process.stdout.write(`${JSON.stringify(value)}\n`);
  else for (const [name, v] of Object.entries(value)) if (v !== undefined) console.log(`${name}: ${typeof v === "object" ? JSON.stringify(v) : v}`);
}

/** Writes a figure as the ending of the file says: .svg, or else .png. */
export async function writeFigure(file: string, figure: Figure): Promise<void> {
  const content = /\.svg$/i.test(file) ? await figureToSvg(figure) : await figureToPng(figure, { scale: 2 });
  try { fs.writeFileSync(file, content); } catch (error) { throw new TunelabError(`${file}: the picture cannot be written (${(error as Error).message}); choose a folder that exists.`); }
}
