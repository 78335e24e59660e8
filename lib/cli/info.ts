/** tunelab info: the machine's backend and, if asked, what a model folder or an adapter holds. */
import * as fs from "node:fs";
import * as path from "node:path";
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
      const config = JSON.parse(fs.readFileSync(path.join(adapter, "adapter_config.json"), "utf8"));
      const weights = openSafetensors(path.join(adapter, "adapter_model.safetensors"));
      found.adapter = { type: config.peft_type, rank: config.r, alpha: config.lora_alpha, targets: config.target_modules, base: config.base_model_name_or_path,
        tensors: weights.tensors.size, parameters: [...weights.tensors.values()].reduce((sum, t) => sum + size(t.shape), 0) };
      weights.close();
    }
    result(found, args);
    return 0;
  },
};
