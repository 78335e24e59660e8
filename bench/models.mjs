// Random models of stated shapes as Hugging Face folders under .cache/bench/models: both workers load the same one.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url)), folder = join(root, ".cache", "bench", "models");
const qwen2 = (c) => ({ model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], hidden_act: "silu", rms_norm_eps: 1e-6, rope_theta: 10000, use_sliding_window: false, max_position_embeddings: 4096, torch_dtype: "float32", bos_token_id: 0, eos_token_id: 1, ...c });

/** Shapes: of the course model, and of DeepSeek-R1-Distill-Qwen-1.5B with two of its 28 layers. */
const SHAPES = {
  "6M": qwen2({ hidden_size: 256, intermediate_size: 704, num_hidden_layers: 6, num_attention_heads: 4, num_key_value_heads: 2, vocab_size: 6400, tie_word_embeddings: true }),
  "1.5B-2-layers": qwen2({ hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 2, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936, tie_word_embeddings: false }),
};
const SMOLLM2 = { hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3, vocab_size: 49152 };

/**
 * Floating-point operations of the matrix products that a case cannot do without: layers on every token, the head where there is a
 * target; gradients by inputs, and by weights where those are trained; LOMO's first pass. Undefined where that is not so simple.
 */
export function neededFlops({ kind, model, method, optimizer, batch, length, targets }) {
  if (!["step", "forward"].includes(kind)) return undefined;
  const c = SHAPES[model] ?? SMOLLM2, h = c.hidden_size, d = h / c.num_attention_heads, tokens = batch * length;
  const perToken = c.num_hidden_layers * (2 * h * (2 * h + 2 * c.num_key_value_heads * d + 3 * c.intermediate_size) + 4 * length * h);
  const forward = tokens * perToken + (targets === undefined ? tokens : batch * targets) * 2 * h * c.vocab_size;
  return kind === "forward" ? forward : forward * (method === "full" ? 3 : 2) * (optimizer === "lomo" ? 2 : 1);
}
export const vocabularyOf = (name) => SHAPES[name]?.vocab_size ?? 49152;

/** Folder of a model; a random one is made on first use. Its tokenizer is that of no language: benchmarks work on ids. */
export async function modelFolder(name) {
  if (!SHAPES[name]) return join(root, "models", "SmolLM2-135M-Instruct");
  const target = join(folder, name);
  if (existsSync(target)) return target;
  const { Random, parameterShapes, parseConfig, writeSafetensors } = await import("tunelab");
  const partial = `${target}.partial`, shapes = parameterShapes(parseConfig(SHAPES[name], name));
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  // Cheap uniform numbers of the right spread: a billion Gaussian ones would take minutes.
  const weights = (tensor, shape) => {
    const random = new Random(0, tensor), size = shape.reduce((a, b) => a * b, 1), scale = tensor.includes("embed") ? 0.05 : 1.7 / Math.sqrt(shape.at(-1));
    if (tensor.includes("norm")) return new Float32Array(size).fill(1);
    const block = Float32Array.from({ length: Math.min(size, 1 << 20) }, () => scale * (2 * random.uniform() - 1)), all = new Float32Array(size);
    for (let i = 0; i < size; i += block.length) all.set(block.subarray(0, Math.min(block.length, size - i)), i);
    return all;
  };
  writeSafetensors(join(partial, "model.safetensors"), Object.fromEntries(Object.entries(shapes).map(([tensor, shape]) => [tensor, { shape, dtype: "F32", data: () => weights(tensor, shape) }])), { format: "pt" });
  writeFileSync(join(partial, "config.json"), JSON.stringify(SHAPES[name]));
  const vocabulary = Object.fromEntries(Array.from({ length: SHAPES[name].vocab_size }, (_, i) => [`t${i}`, i]));
  writeFileSync(join(partial, "tokenizer.json"), JSON.stringify({ version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" }, post_processor: null, decoder: null, model: { type: "WordLevel", vocab: { ...vocabulary, a: 2 }, unk_token: "t0" } }));
  writeFileSync(join(partial, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast", eos_token: "t1", pad_token: "t0" }));
  renameSync(partial, target);
  return target;
}
