/** tunelab info: the machine's backend and, if asked, what a model folder or an adapter holds. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { readAdapterConfig } from "../methods";
import { openSafetensors, parameterShapes, readConfig } from "../model";
import { backend } from "../tensor";
import { Arguments, type Command } from "./arguments";
import { MODEL_FLAGS, result } from "./common";

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
      const { config, file } = readAdapterConfig(adapter);
      const name = fs.readdirSync(adapter).find((f) => f.endsWith(".safetensors"));
      if (!name) throw new TunelabError(`${adapter}: holds ${path.basename(file)}, but no .safetensors file; copy the adapter again.`);
      const weights = openSafetensors(path.join(adapter, name)), scalars = [...weights.tensors.values()].filter((t) => t.dtype !== "I32");
      found.adapter = { type: config.peft_type ?? config.method ?? "adapter", rank: config.r, alpha: config.lora_alpha, targets: config.target_modules, tokens: config.num_virtual_tokens,
        settings: config.settings ?? config.config, base: config.base_model_name_or_path ?? config.base ?? config.model_name,
        tensors: weights.tensors.size, parameters: scalars.reduce((sum, t) => sum + size(t.shape), 0), bytes: fs.statSync(path.join(adapter, name)).size };
      weights.close();
    }
    result(found, args);
    return 0;
  },
};
