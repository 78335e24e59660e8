/** tunelab info: the machine's backend and, if asked, what a model folder or an adapter holds. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { openSafetensors, parameterShapes, readConfig } from "../model";
import { backend } from "../tensor";
import { Arguments, type Command } from "./arguments";
import { MODEL_FLAGS, result } from "./common";

/** The config of an adapter folder, of whatever kind. */
function readAdapterConfig(folder: string): Record<string, unknown> {
  const file = path.join(folder, "adapter_config.json");
  if (!fs.existsSync(file)) throw new TunelabError(`${folder}: holds no adapter_config.json; give an adapter folder as \`tunelab finetune\` or PEFT writes it.`);
  try { return JSON.parse(fs.readFileSync(file, "utf8")); }
  catch (error) { throw new TunelabError(`${file}: is not valid JSON (${(error as Error).message}); copy the adapter again.`); }
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

export const info: Command = {
  summary: "which backend computes, and what a model or adapter holds",
  flags: { model: { ...MODEL_FLAGS.model, required: false }, adapter: MODEL_FLAGS.adapter },
  examples: ["tunelab info", "tunelab info --model models/SmolLM2-135M-Instruct --adapter runs/first/adapter"],
  async run(args: Arguments) {
    const { name, why } = await backend(), found: Record<string, unknown> = { backend: name, why, node: process.version };
    const folder = args.text("model"), adapter = args.text("adapter");
    if (folder) {
      const { source, ...config } = readConfig(folder);
      found.model = { ...config, parameters: Object.values(parameterShapes({ source, ...config })).reduce((sum, shape) => sum + size(shape), 0) };
    }
    if (adapter) {
      const config = readAdapterConfig(adapter);
      const weights = openSafetensors(path.join(adapter, "adapter_model.safetensors"));
      found.adapter = { type: config.peft_type, rank: config.r, alpha: config.lora_alpha, targets: config.target_modules, base: config.base_model_name_or_path,
        tensors: weights.tensors.size, parameters: [...weights.tensors.values()].reduce((sum, t) => sum + size(t.shape), 0) };
      weights.close();
    }
    result(found, args);
    return 0;
  },
};
