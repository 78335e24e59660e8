/** Loading a model from a Hugging Face folder or a GGUF file, and saving it back as a folder that Python transformers loads. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { backend, filledTensor, type Params } from "../tensor";
import { checkTensors } from "./check";
import { parameterShapes, parseConfig, type ModelConfig } from "./config";
import { ggufToHuggingFace } from "./convert";
import { replaceFiles, writeText } from "./partial";
import { isPickle, WHY_NO_PICKLE } from "./pickle";
import { openShards, writeSafetensors, type TensorSource } from "./safetensors";
import { loadTokenizer, tokenizerFromFiles, type Tokenizer } from "./tokenizer";

export interface Model {
  config: ModelConfig;
  params: Params;
  tokenizer: Tokenizer;
  /** Folder or file it was read from. */
  path: string;
}

export interface LoadOptions { onProgress?: (done: number, total: number) => void }

/** Reads config, weights (as float32) and tokenizer. Nothing is downloaded. */
export async function load(where: string, { onProgress }: LoadOptions = {}): Promise<Model> {
  await backend();
  const stat = fs.statSync(where, { throwIfNoEntry: false });
  if (!stat) throw new TunelabError(`${where}: there is no such file or folder; give a Hugging Face model folder or a .gguf file.`);
  if (!stat.isDirectory() && isPickle(where)) throw new TunelabError(`${where}: is neither a folder nor a .gguf file, but ${WHY_NO_PICKLE}; give the folder that holds config.json, with its weights as safetensors.`);
  if (!stat.isDirectory() && !where.endsWith(".gguf")) throw new TunelabError(`${where}: is neither a folder nor a .gguf file; give the folder that holds config.json.`);
  if (!stat.isDirectory()) {
    const parts = await ggufToHuggingFace(where), config = parseConfig(parts.config, where);
    const files = { "tokenizer.json": JSON.stringify(parts.tokenizer), "tokenizer_config.json": JSON.stringify(parts.tokenizerConfig), "generation_config.json": JSON.stringify(parts.generationConfig) };
    try {
      const tokenizer = await tokenizerFromFiles(files); // first: if it fails, no weights have to be freed
      return { config, params: await readTensors(parts.tensors, config, where, onProgress), tokenizer, path: where };
    } finally { parts.close(); }
  }
  const config = readConfig(where);
  const tokenizer = await loadTokenizer(where), shards = openShards(where);
  try {
    return { config, params: await readTensors(shards.tensors, config, where, onProgress), tokenizer, path: where };
  } finally { shards.close(); }
}

/** The architecture of a model folder, without its weights. */
export function readConfig(folder: string): ModelConfig {
  const file = path.join(folder, "config.json");
  if (!fs.existsSync(file)) throw new TunelabError(`${folder}: holds no config.json; give a Hugging Face model folder.`);
  let json: unknown;
  try { json = JSON.parse(fs.readFileSync(file, "utf8")); }
  catch (error) { throw new TunelabError(`${file}: is not valid JSON (${(error as Error).message}); download it again.`); }
  return parseConfig(json, file);
}

async function readTensors(tensors: ReadonlyMap<string, TensorSource>, config: ModelConfig, where: string, onProgress?: LoadOptions["onProgress"]): Promise<Params> {
  const names = checkTensors(tensors, config, where), params: Record<string, Params[string]> = {};
  try {
    for (const [i, name] of names.entries()) {
      const source = tensors.get(name)!;
      params[name] = filledTensor(source.shape, (values) => source.read(values));
      onProgress?.(i + 1, names.length);
      if (i % 16 === 15) await new Promise(setImmediate); // lets a notebook show progress, and Stop be heard
    }
  } catch (error) {
    Object.values(params).forEach((t) => t.dispose());
    throw error;
  }
  return params;
}

export interface SaveOptions { dtype?: "F32" | "F16" | "BF16" }
const TORCH_NAME = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/** Writes config.json, model.safetensors and the tokenizer's files. The old files are replaced when all new ones are complete. */
export function save(model: Model, folder: string, { dtype = "F32" }: SaveOptions = {}): void {
  const shapes = parameterShapes(model.config), extra = Object.keys(model.params).filter((name) => !Object.hasOwn(shapes, name));
  if (extra.length)
    throw new TunelabError(`${folder}: a ${model.config.architecture} folder has no place for ${extra.slice(0, 5).join(", ")}${extra.length > 5 ? ` and ${extra.length - 5} more` : ""}, and would lose them; save the adapter instead.`);
  const tensors = Object.fromEntries(Object.keys(shapes).map((name) => {
    const t = model.params[name];
    return [name, { shape: t.shape, data: t.dataSync() as Float32Array, dtype }];
  }));
  const { dtype: _old, ...rest } = model.config.source;
  const config = { ...rest, torch_dtype: TORCH_NAME[dtype] };
  const texts = { ...model.tokenizer.files, "config.json": JSON.stringify(config, null, 2) };
  replaceFiles(folder, {
    "model.safetensors": (file) => writeSafetensors(file, tensors, { format: "pt" }),
    ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, (file: string) => writeText(file, text)])),
  });
}
