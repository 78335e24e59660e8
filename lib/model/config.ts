/**
 * The architecture of a model, read from a Hugging Face config.json, and the shape of every parameter that follows from it.
 * Covers the decoder family of `llama`, `qwen2` and `qwen3`: pre-norm, rotary positions, gated MLP, grouped-query attention.
 */
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { parseRope, type RopeConfig } from "./rope";

export const ARCHITECTURES = ["llama", "qwen2", "qwen3"] as const;
export interface ModelConfig {
  architecture: (typeof ARCHITECTURES)[number];
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  headDim: number;
  vocabSize: number;
  maxPositions: number;
  rmsNormEps: number;
  rope: RopeConfig;
  /** The output head shares the embedding's matrix. */
  tied: boolean;
  /** Biases on q, k, v; on o; on the MLP's three matrices. */
  biases: { queryKeyValue: boolean; output: boolean; mlp: boolean };
  /** RMS norm of queries and keys per head (qwen3). */
  queryKeyNorm: boolean;
  /** config.json as it was read, so that saving loses nothing. */
  source: Readonly<Record<string, unknown>>;
}

/** Reads a parsed config.json. `path` is named in errors. */
export function parseConfig(json: unknown, path: string): ModelConfig {
  const fail = (what: string): never => { throw new TunelabError(`${path}: ${what}`); };
  if (typeof json !== "object" || json === null || Array.isArray(json)) return fail("is not a JSON object; it must be a Hugging Face config.json.");
  const source = json as Record<string, unknown>;
  const architecture = ARCHITECTURES.find((a) => a === source.model_type)
    ?? fail(`model_type ${shown(source.model_type)} is not supported; use a model of type ${ARCHITECTURES.join(", ")}.`);
  const integer = (name: string, fallback?: number, most = 2 ** 24): number => {
    const value = source[name] ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > most)
      return fail(`"${name}" is ${shown(value)}; a whole number from 1 to ${most} is needed.`);
    return value;
  };
  const yes = (name: string, fallback: boolean) => (source[name] ?? fallback) === true;

  const hiddenSize = integer("hidden_size"), heads = integer("num_attention_heads");
  const keyValueHeads = integer("num_key_value_heads", heads);
  if (heads % keyValueHeads) fail(`"num_attention_heads" ${heads} is not a multiple of "num_key_value_heads" ${keyValueHeads}.`);
  if (source.head_dim == null && hiddenSize % heads) fail(`"hidden_size" ${hiddenSize} is not a multiple of "num_attention_heads" ${heads}, and there is no "head_dim".`);
  const headDim = integer("head_dim", architecture === "qwen3" ? 128 : hiddenSize / heads);
  if (headDim % 2) fail(`head dimension ${headDim} is odd; rotary positions need an even one.`);
  if ((source.hidden_act ?? "silu") !== "silu") fail(`"hidden_act" ${shown(source.hidden_act)} is not supported; only "silu" is.`);
  if (yes("use_sliding_window", false)) fail(`"use_sliding_window" is not supported; set it to false if texts stay within the window.`);
  const rmsNormEps = source.rms_norm_eps ?? 1e-6;
  if (typeof rmsNormEps !== "number" || !(rmsNormEps > 0 && rmsNormEps < 1)) fail(`"rms_norm_eps" is ${shown(rmsNormEps)}; a small positive number is needed.`);
  const maxPositions = integer("max_position_embeddings", 32768);
  const attentionBias = yes("attention_bias", false);
  return {
    architecture, hiddenSize, heads, keyValueHeads, headDim, maxPositions, source,
    intermediateSize: integer("intermediate_size"),
    layers: integer("num_hidden_layers", undefined, 1000),
    vocabSize: integer("vocab_size"),
    rmsNormEps: rmsNormEps as number,
    rope: parseRope(source, maxPositions, fail),
    tied: yes("tie_word_embeddings", false),
    biases: { queryKeyValue: architecture === "qwen2" || attentionBias, output: architecture !== "qwen2" && attentionBias, mlp: architecture === "llama" && yes("mlp_bias", false) },
    queryKeyNorm: architecture === "qwen3",
  };
}

/** Shape of every parameter, by Hugging Face name. The head is absent where it is tied to the embedding. */
export function parameterShapes(config: ModelConfig): Record<string, number[]> {
  const { hiddenSize: h, intermediateSize: f, headDim, biases } = config;
  const q = config.heads * headDim, kv = config.keyValueHeads * headDim;
  const shapes: Record<string, number[]> = { "model.embed_tokens.weight": [config.vocabSize, h] };
  for (let layer = 0; layer < config.layers; layer++) {
    const linear = (name: string, out: number, into: number, bias: boolean) => {
      shapes[`model.layers.${layer}.${name}.weight`] = [out, into];
      if (bias) shapes[`model.layers.${layer}.${name}.bias`] = [out];
    };
    const norm = (name: string, size: number) => { shapes[`model.layers.${layer}.${name}.weight`] = [size]; };
    norm("input_layernorm", h);
    linear("self_attn.q_proj", q, h, biases.queryKeyValue);
    linear("self_attn.k_proj", kv, h, biases.queryKeyValue);
    linear("self_attn.v_proj", kv, h, biases.queryKeyValue);
    linear("self_attn.o_proj", h, q, biases.output);
    if (config.queryKeyNorm) { norm("self_attn.q_norm", headDim); norm("self_attn.k_norm", headDim); }
    norm("post_attention_layernorm", h);
    linear("mlp.gate_proj", f, h, biases.mlp);
    linear("mlp.up_proj", f, h, biases.mlp);
    linear("mlp.down_proj", h, f, biases.mlp);
  }
  shapes["model.norm.weight"] = [h];
  if (!config.tied) shapes["lm_head.weight"] = [config.vocabSize, h];
  return shapes;
}

/** Sites that hold a matrix, in the order in which a layer uses them: what LoRA and its kin can be put on. */
export const LINEAR_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const;
