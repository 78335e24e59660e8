/**
 * Adapters on disk. Each kind has the layout of the library that others load it with: LoRA, (IA)³, prompt, P- and prefix tuning
 * that of Hugging Face PEFT, bottleneck adapters that of adapter-hub, the rest one of this library.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { adapterHub } from "./layouts/adapter-hub";
import { AdapterFolder, CONFIGS, OWN_CONFIG, PEFT, type Base, type Layout } from "./layouts/layout";
import { own } from "./layouts/own";
import { peftIa3 } from "./layouts/peft-ia3";
import { peftLora } from "./layouts/peft-lora";
import { peftPrefix, peftPrompt, peftPTuning } from "./layouts/peft-prompts";
import type { Adapter } from "./method";

/** The first that can hold an adapter is taken. */
const LAYOUTS: readonly Layout[] = [peftLora, peftIa3, peftPrompt, peftPTuning, peftPrefix, adapterHub, own];

/** Writes an adapter folder. What an encoder made is saved, without the encoder. */
export function saveAdapter(folder: string, { method, trained }: Adapter, base: Base): void {
  const head = Object.keys(trained).find((name) => name === "score.weight" || name === "value_head.weight");
  if (head) throw new TunelabError(`${folder}: the run trained a head too ("${head}"), which an adapter has no place for; save a reward model with saveRewardModel.`);
  const layout = LAYOUTS.find((l) => l.writes({ method, trained }));
  if (!layout) throw new TunelabError(`Method "${method.name}" has no layout on disk; save the trained tensors with writeSafetensors.`);
  layout.write(folder, { method, trained }, base);
}

/** The config of an adapter folder, of whatever kind. */
export function readAdapterConfig(folder: string): AdapterFolder {
  const file = CONFIGS.map((name) => path.join(folder, name)).find((f) => fs.existsSync(f));
  if (!file) throw new TunelabError(`${folder}: holds no ${PEFT.config} and no ${OWN_CONFIG}; give an adapter folder as \`tunelab finetune\`, PEFT or adapter-hub writes it.`);
  let config: unknown;
  try { config = JSON.parse(fs.readFileSync(file, "utf8")); }
  catch (error) { throw new TunelabError(`${file}: is not valid JSON (${(error as Error).message}); copy the adapter again.`); }
  return new AdapterFolder(folder, file, typeof config === "object" && config !== null && !Array.isArray(config) ? (config as Record<string, unknown>) : {});
}

/** Reads an adapter folder written here, by PEFT or by adapter-hub, and checks every tensor against the base model. */
export function loadAdapter(folder: string, base: Base): Adapter {
  const source = readAdapterConfig(folder), layout = LAYOUTS.find((l) => l.reads(source.config, source.file));
  return (layout ?? source.fail(`peft_type ${shown(source.config.peft_type)} is not supported; supported are LORA, IA3, PROMPT_TUNING, P_TUNING, PREFIX_TUNING, and adapter-hub's bottleneck adapters.`)).read(source, base);
}
