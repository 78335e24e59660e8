/**
 * GGUF models as Hugging Face folders: names, shapes and row order of the tensors, config.json and the tokenizer's files.
 * Follows llama.cpp's convert_hf_to_gguf.py backwards, for the architectures of config.ts.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { checkTensors } from "./check";
import { ARCHITECTURES, parseConfig } from "./config";
import { openGGUF } from "./gguf";
import { tokenizerFromMetadata } from "./gguf-tokenizer";
import { writeSafetensors, type TensorData, type TensorSource } from "./safetensors";

export interface HuggingFaceParts {
  config: Record<string, unknown>;
  /** By Hugging Face name, in Hugging Face's row order. */
  tensors: Map<string, TensorSource>;
  tokenizer: Record<string, unknown>;
  tokenizerConfig: Record<string, unknown>;
  generationConfig: Record<string, unknown>;
  /** Gives the file back; the tensors cannot be read any more. */
  close(): void;
}

/** What a GGUF file would be as a Hugging Face folder. Tensors are read when they are needed. */
export async function ggufToHuggingFace(file: string): Promise<HuggingFaceParts> {
  const gguf = await openGGUF(file), fail = (what: string): never => { throw new TunelabError(`${file}: ${what}`); };
  try {
    const config = configFrom(gguf.metadata, gguf.tensors, fail);
    const { tokenizer, tokenizerConfig, ids } = tokenizerFromMetadata(gguf.metadata, fail);
    tokenizerConfig.model_max_length = config.max_position_embeddings;
    return {
      config: { ...config, ...ids }, tensors: renamed(gguf.tensors, config, fail),
      tokenizer, tokenizerConfig, generationConfig: { ...ids }, close: gguf.close,
    };
  } catch (error) {
    gguf.close();
    throw error;
  }
}

const FOLDER = "use the model's Hugging Face folder instead";
const CLASSES: Record<string, string> = { llama: "LlamaForCausalLM", qwen2: "Qwen2ForCausalLM", qwen3: "Qwen3ForCausalLM" };

type Tensors = ReadonlyMap<string, TensorSource>;
type Fail = (what: string) => never;

function configFrom(metadata: Readonly<Record<string, unknown>>, tensors: Tensors, fail: Fail): Record<string, unknown> {
  const named = metadata["general.architecture"], architecture = ARCHITECTURES.find((a) => a === named)
    ?? fail(`the architecture ${shown(named)} is not supported; use a model of type ${ARCHITECTURES.join(", ")}.`);
  const number = (key: string, fallback?: number): number => {
    const value = metadata[`${architecture}.${key}`] ?? fallback;
    if (typeof value === "number" && value > 0) return shortest(value);
    return fail(`"${architecture}.${key}" is ${value === undefined ? "missing" : shown(value)}; a positive number is needed. `
      + `Download the file again, or ${FOLDER}.`);
  };
  if (metadata[`${architecture}.expert_count`])
    fail(`a mixture of experts is not supported; use a dense model of type ${ARCHITECTURES.join(", ")}.`);
  const hidden = number("embedding_length"), heads = number("attention.head_count");
  const layers = number("block_count");
  if (layers > tensors.size)
    fail(`"${architecture}.block_count" is ${layers}, but there are only ${tensors.size} tensors; download the file again.`);
  const headDim = number("attention.key_length", number("rope.dimension_count", hidden / heads));
  const theta = number("rope.freq_base", 10000);
  const scaling = ropeScaling(metadata, architecture, tensors.get("rope_freqs.weight"), { theta, headDim }, fail);
  return {
    architectures: [CLASSES[architecture]],
    model_type: architecture,
    hidden_size: hidden,
    intermediate_size: number("feed_forward_length"),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: number("attention.head_count_kv", heads),
    head_dim: headDim,
    hidden_act: "silu",
    max_position_embeddings: number("context_length"),
    rms_norm_eps: number("attention.layer_norm_rms_epsilon"),
    rope_theta: theta,
    ...(scaling ? { rope_scaling: scaling } : {}),
    ...(architecture === "qwen2" ? {} : { attention_bias: tensors.has("blk.0.attn_q.bias") }),
    ...(architecture === "llama" ? { mlp_bias: tensors.has("blk.0.ffn_gate.bias") } : {}),
    tie_word_embeddings: !tensors.has("output.weight"),
    vocab_size: tensors.get("token_embd.weight")?.shape[0] ?? fail(`there is no tensor "token_embd.weight"; download the file again.`),
    torch_dtype: "float32",
  };
}

/** The shortest decimal that is the same float32: 1e-5 where the file's float32 reads 9.999999747378752e-6. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (short === value || (!Number.isInteger(value) && Math.fround(short) === value)) return short;
  }
  return value;
}

/** config.json's rope_scaling. llama3's four numbers are not in the file, only the divisors that follow from them. */
function ropeScaling(
  metadata: Readonly<Record<string, unknown>>, architecture: string, divisors: TensorSource | undefined,
  { theta, headDim }: { theta: number; headDim: number }, fail: Fail,
): object | undefined {
  const get = (key: string) => metadata[`${architecture}.rope.scaling.${key}`];
  if (divisors) {
    const given = divisors.shape.join() === `${headDim / 2}` ? [...divisors.read()] : [], factor = Math.max(...given);
    const matches = (divisor: number, i: number) => Math.abs(divisor / llama3Divisor(theta ** (-2 * i / headDim), factor) - 1) < 1e-3;
    const fits = given.length > 0 && given.every(matches);
    if (!fits) return fail(`"rope_freqs.weight" rescales positions in a way other than Llama 3's; ${FOLDER}.`);
    return { rope_type: "llama3", factor, ...LLAMA3 };
  }
  switch (get("type") ?? "none") {
    case "none": return undefined;
    case "linear": return { rope_type: "linear", factor: get("factor") };
    case "yarn": return { rope_type: "yarn", factor: get("factor"), original_max_position_embeddings: get("original_context_length") };
    default: return fail(`the rope scaling ${shown(get("type"))} is not supported; ${FOLDER}.`);
  }
}

/** The same in all Llama 3.1, 3.2 and 3.3 models. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/** By what Llama 3 divides the angular frequency: 1 for the fast ones, `factor` for the slow ones, a blend between. */
function llama3Divisor(frequency: number, factor: number): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = LLAMA3;
  const turns = (context * frequency) / (2 * Math.PI), blend = (turns - low) / (high - low);
  return turns > high ? 1 : turns < low ? factor : 1 / ((1 - blend) / factor + blend);
}

const GLOBAL: Record<string, string> = { token_embd: "model.embed_tokens", output_norm: "model.norm", output: "lm_head" };
const IN_LAYER: Record<string, string> = {
  attn_norm: "input_layernorm", ffn_norm: "post_attention_layernorm",
  attn_q: "self_attn.q_proj", attn_k: "self_attn.k_proj", attn_v: "self_attn.v_proj", attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm", attn_k_norm: "self_attn.k_norm",
  ffn_gate: "mlp.gate_proj", ffn_up: "mlp.up_proj", ffn_down: "mlp.down_proj",
};

/** What a map holds under a name that a file gives: nothing of what every object has. */
const own = (map: Record<string, string>, name: string): string | undefined => (Object.hasOwn(map, name) ? map[name] : undefined);

function renamed(tensors: Tensors, config: Record<string, unknown>, fail: Fail): Map<string, TensorSource> {
  const heads: Record<string, unknown> = { attn_q: config.num_attention_heads, attn_k: config.num_key_value_heads };
  const result = new Map<string, TensorSource>(), unknown: string[] = [];
  for (const [name, source] of tensors) {
    if (name === "rope_freqs.weight") continue; // went into the config
    const [, layer, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
    const target = layer === undefined ? own(GLOBAL, part) : own(IN_LAYER, part) && `model.layers.${+layer}.${IN_LAYER[part]}`;
    if (!target) { unknown.push(name); continue; }
    const permuted = config.model_type === "llama" && Object.hasOwn(heads, part);
    result.set(`${target}.${kind}`, permuted ? { ...source, read: (into) => unpermute(source, heads[part] as number, name, fail, into) } : source);
  }
  if (unknown.length) {
    const names = unknown.slice(0, 20).join(", ") + (unknown.length > 20 ? ", …" : "");
    fail(`${unknown.length} tensors are not part of ${config.model_type}: ${names}. If this is not a damaged file, ${FOLDER}.`);
  }
  return result;
}

/**
 * llama.cpp rotates neighbouring rows of llama's q and k, Hugging Face rotates the first half of a head against the second:
 * row 2i + j of a head in the file is row j·(headDim / 2) + i here. (The qwen architectures keep Hugging Face's order.)
 */
function unpermute(source: TensorSource, heads: number, name: string, fail: Fail, to?: Float32Array): Float32Array {
  const from = source.read(), [rows, width = 1] = source.shape, half = rows / heads / 2;
  if (!Number.isInteger(half))
    fail(`tensor "${name}" has ${rows} rows, which ${heads} heads of even size cannot share; download the file again.`);
  to ??= new Float32Array(from.length);
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < half; i++)
      for (let j = 0; j < 2; j++) {
        const source = head * 2 * half + 2 * i + j, target = head * 2 * half + j * half + i;
        to.set(from.subarray(source * width, (source + 1) * width), target * width);
      }
  return to;
}

export interface ConvertOptions {
  /** How weights are stored; F16 holds every value of the quantised types to 11 bits. */
  dtype?: "F32" | "F16" | "BF16";
  /** Called after each tensor. */
  onProgress?: (done: number, total: number) => void;
}

const TORCH_NAME = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/**
 * Writes a GGUF model as a Hugging Face folder, which appears, complete, under its name by one rename.
 * A folder with something in it is left alone, and is an error.
 */
export async function convertGGUF(ggufPath: string, outFolder: string, { dtype = "F16", onProgress }: ConvertOptions = {}): Promise<void> {
  if (fs.existsSync(outFolder) && !(fs.statSync(outFolder).isDirectory() && fs.readdirSync(outFolder).length === 0))
    throw new TunelabError(`${outFolder}: exists already; delete it, or choose another name.`);
  const parts = await ggufToHuggingFace(ggufPath), partial = `${path.resolve(outFolder)}.partial`;
  try {
    const names = checkTensors(parts.tensors, parseConfig(parts.config, ggufPath), ggufPath);
    fs.rmSync(partial, { recursive: true, force: true }); // of a conversion that was stopped
    fs.mkdirSync(partial, { recursive: true });
    let done = 0;
    const tensors: Record<string, TensorData> = {};
    for (const name of names) {
      const { shape, read } = parts.tensors.get(name)!;
      tensors[name] = { shape, dtype, data: () => { onProgress?.(done++, names.length); return read(); } };
    }
    writeSafetensors(path.join(partial, "model.safetensors"), tensors, { format: "pt" });
    onProgress?.(done, names.length);
    const files = {
      "config.json": { ...parts.config, torch_dtype: TORCH_NAME[dtype] }, "generation_config.json": parts.generationConfig,
      "tokenizer.json": parts.tokenizer, "tokenizer_config.json": parts.tokenizerConfig,
    };
    for (const [name, json] of Object.entries(files)) fs.writeFileSync(path.join(partial, name), JSON.stringify(json, null, 2) + "\n");
    fs.rmSync(outFolder, { recursive: true, force: true });
    fs.renameSync(partial, outFolder);
  } catch (error) {
    fs.rmSync(partial, { recursive: true, force: true });
    if (error instanceof TunelabError || !(error as NodeJS.ErrnoException).code) throw error;
    throw new TunelabError(`${outFolder}: cannot be written (${(error as Error).message}); free some space or choose another place.`);
  } finally {
    parts.close();
  }
}
