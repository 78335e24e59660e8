/**
 * Adapters on disk in the layout of Hugging Face PEFT: adapter_config.json + adapter_model.safetensors.
 * Keys are "base_model.model." + parameter name; the adapter's own name is not in them.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { openSafetensors, writeSafetensors, writeText, type Model } from "../model";
import { dispose, tf, toArrays, type Params } from "../tensor";
import { lora, loraNames, type LoraOptions } from "./lora";
import type { Adapter } from "./method";
import { matches } from "./targets";

const PREFIX = "base_model.model.";
const CONFIG = "adapter_config.json", WEIGHTS = "adapter_model.safetensors";

/** Writes an adapter folder that PEFT loads. Weights first, config last: a folder with a config is complete. */
export function saveAdapter(folder: string, { method, trained }: Adapter, base: { path: string }): void {
  if (method.name !== "lora") throw new TunelabError(`Method "${method.name}" has no PEFT layout; save the trained tensors with writeSafetensors.`);
  const s = method.settings as Required<LoraOptions>;
  fs.mkdirSync(folder, { recursive: true });
  const tensors = Object.fromEntries(Object.entries(toArrays(trained)).map(([name, t]) => [PREFIX + name, t]));
  writeSafetensors(path.join(folder, WEIGHTS), tensors, { format: "pt" });
  writeText(path.join(folder, CONFIG), JSON.stringify({
    peft_type: "LORA", task_type: "CAUSAL_LM", base_model_name_or_path: path.basename(path.resolve(base.path)),
    r: s.rank, lora_alpha: s.alpha, lora_dropout: s.dropout, target_modules: s.targets, use_rslora: s.rsLoRA,
    bias: "none", fan_in_fan_out: false, init_lora_weights: true, inference_mode: true, modules_to_save: null,
  }, null, 2));
}

/** What a PEFT LoRA config may hold that would change the outputs and is not supported here. */
const UNSUPPORTED: Record<string, (value: unknown) => boolean> = {
  bias: (v) => v !== "none", fan_in_fan_out: (v) => v === true, use_dora: (v) => v === true, modules_to_save: (v) => (v as unknown[])?.length > 0,
  rank_pattern: (v) => Object.keys(v as object).length > 0, alpha_pattern: (v) => Object.keys(v as object).length > 0,
  trainable_token_indices: (v) => v !== null, target_parameters: (v) => (v as unknown[])?.length > 0, lora_bias: (v) => v === true,
  layer_replication: (v) => v !== null, alora_invocation_tokens: (v) => v !== null, use_qalora: (v) => v === true,
  // PiSSA, OLoRA, CorDA and LoftQ begin by changing the base's weights; the others only draw A and B.
  init_lora_weights: (v) => typeof v === "string" && !["gaussian", "eva", "orthogonal"].includes(v),
};

/** Reads an adapter folder written here or by PEFT, and checks every tensor against the base model. */
export function loadAdapter(folder: string, base: Pick<Model, "params" | "path">): Adapter {
  const file = path.join(folder, CONFIG);
  if (!fs.existsSync(file)) throw new TunelabError(`${folder}: holds no ${CONFIG}; give an adapter folder as \`tunelab finetune\` or PEFT writes it.`);
  const fail = (what: string): never => { throw new TunelabError(`${file}: ${what}`); };
  let config: Record<string, unknown>;
  try { config = JSON.parse(fs.readFileSync(file, "utf8")); }
  catch (error) { return fail(`is not valid JSON (${(error as Error).message}); copy the adapter again.`); }
  if (config?.peft_type !== "LORA") fail(`peft_type ${JSON.stringify(config?.peft_type)} is not supported; supported is LORA.`);
  for (const [name, bad] of Object.entries(UNSUPPORTED))
    if (config[name] != null && bad(config[name])) fail(`"${name}": ${JSON.stringify(config[name])} is not supported; merge this adapter into its base with PEFT and load the merged model.`);

  const number = (name: string): number => {
    const value = config[name];
    return typeof value === "number" ? value : fail(`"${name}" is ${JSON.stringify(value)}; a number is needed. Copy the adapter again.`);
  };
  const rank = number("r"), alpha = number("lora_alpha"), dropout = config.lora_dropout == null ? 0 : number("lora_dropout"), rsLoRA = config.use_rslora === true;
  try { lora({ rank, alpha, dropout }); } // refuses absurd values before anything is read
  catch (error) { fail((error as Error).message); }
  // Where the config simply lists modules, every matrix of that name must have its tensors.
  const plain = Array.isArray(config.target_modules) && config.layers_to_transform == null && config.exclude_modules == null;
  const targets = plain ? (config.target_modules as string[]) : [];

  const weights = openSafetensors(path.join(folder, WEIGHTS)), trained: Record<string, Params[string]> = {}, problems: string[] = [];
  try {
    for (const [key, source] of weights.tensors) {
      const match = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(key), matrix = match && base.params[`${match[1]}.weight`];
      if (!match || !matrix || match[1] === "model.embed_tokens") { problems.push(`${key} belongs to no matrix of the base model`); continue; }
      const expected = match[2] === "A" ? [rank, matrix.shape[1]] : [matrix.shape[0], rank];
      if (source.shape.join() !== expected.join()) problems.push(`${key} is [${source.shape}], the base model needs [${expected}]`);
      else if (!weights.tensors.has(key.replace(/lora_[AB]/, match[2] === "A" ? "lora_B" : "lora_A"))) problems.push(`${key} has no counterpart`);
    }
    for (const site of plain ? Object.keys(base.params).map((name) => name.replace(/\.weight$/, "")) : [])
      if (targets.some((t) => matches(site, t)) && !weights.tensors.has(`${PREFIX}${loraNames(site).A}`)) problems.push(`${site} is targeted, but has no tensors`);
    if (!weights.tensors.size) problems.push("it holds no tensors");
    if (problems.length)
      throw new TunelabError(`${folder}: this adapter does not fit the base model ${base.path} (it was made for ${config.base_model_name_or_path ?? "an unnamed one"}):\n  ${problems.slice(0, 10).join("\n  ")}${problems.length > 10 ? `\n  … and ${problems.length - 10} more` : ""}\nUse the base model that it was trained on, or copy the adapter again.`);
    for (const [key, source] of weights.tensors) trained[key.slice(PREFIX.length)] = tf.tensor(source.read(), source.shape);
  } catch (error) {
    dispose(trained);
    throw error;
  } finally { weights.close(); }
  // A regular expression, or a choice of layers, is kept as the list of matrices that it selected.
  const sites = [...new Set(Object.keys(trained).map((name) => name.replace(/\.lora_[AB]\.weight$/, "")))];
  return { method: lora({ rank, alpha, dropout, rsLoRA, targets: plain ? targets : sites }), trained };
}
