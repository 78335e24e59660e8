// A tiny model, its folder and examples, shared by the tests of train() and the command line.
import fs from "node:fs";
import path from "node:path";
import type { Model } from "tunelab/model";
import { parameterShapes, parseConfig, writeSafetensors } from "tunelab/model";
import { lora, type Method } from "tunelab/methods";
import type { Example } from "tunelab/objectives";
import { Random, backend, tf, type Params } from "tunelab/tensor";

/** Qwen2 with every part that matters (biases, grouped queries), as small as it goes. */
export const CONFIG = {
  architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", vocab_size: 416, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2,
  num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 128, rms_norm_eps: 1e-6, rope_theta: 10000, tie_word_embeddings: true,
  hidden_act: "silu", torch_dtype: "float32", bos_token_id: 1, eos_token_id: 2,
};

function weights(seed: number, overrides = {}): Record<string, { shape: number[]; data: Float32Array }> {
  const shapes = parameterShapes(parseConfig({ ...CONFIG, ...overrides }, "config.json"));
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => {
    // Long embeddings, so that the tied head can be sure of a token: the norm before it bounds the logits.
    const random = new Random(seed, name), scale = shape.length === 1 ? 0.1 : name.includes("embed") ? 0.5 : shape[1] ** -0.5, centre = name.includes("norm") ? 1 : 0;
    return [name, { shape: [...shape], data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => centre + scale * random.normal()) }];
  }));
}

/** The model without a tokenizer, in memory. */
export async function tinyModel({ seed = 1, ...overrides }: { seed?: number } & Partial<typeof CONFIG> = {}): Promise<Pick<Model, "config" | "params">> {
  await backend();
  const params: Params = Object.fromEntries(Object.entries(weights(seed, overrides)).map(([name, { shape, data }]) => [name, tf.tensor(data, shape)]));
  return { config: parseConfig({ ...CONFIG, ...overrides }, "config.json"), params };
}

/** The same as a Hugging Face folder with a small byte-level tokenizer and chat template. */
export function writeTinyFolder(folder: string, seed = 1, overrides = {}): string {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) fs.copyFileSync(path.join("test/fixtures/tokenizer/smollm", name), path.join(folder, name));
  fs.writeFileSync(path.join(folder, "config.json"), JSON.stringify({ ...CONFIG, ...overrides }));
  writeSafetensors(path.join(folder, "model.safetensors"), weights(seed, overrides), { format: "pt" });
  return folder;
}

/** Examples of random ids and lengths (`shortest` to `longest`); the second half of each is the target. */
export function randomExamples(n: number, { seed = 5, vocabulary = 50, shortest = 6, longest = 14 } = {}): Example[] {
  const random = new Random(seed, "examples");
  return Array.from({ length: n }, () => {
    const length = shortest + random.integer(longest - shortest + 1);
    return { ids: Int32Array.from({ length }, () => 3 + random.integer(vocabulary)), target: Uint8Array.from({ length }, (_, i) => (i >= length / 2 ? 1 : 0)) };
  });
}

export const smallLora = (): Method => lora({ rank: 2, alpha: 8, targets: "all-linear" });

/** Values of a map of tensors, copied. */
export const valuesOf = (params: Params): Record<string, number[]> => Object.fromEntries(Object.entries(params).map(([name, t]) => [name, [...t.dataSync()]]));

/** How far two maps of values are apart, at most. */
export function distance(a: Record<string, number[]>, b: Record<string, number[]>): number {
  if (Object.keys(a).join() !== Object.keys(b).join()) return Infinity;
  return Math.max(...Object.entries(a).flatMap(([name, x]) => x.map((v, i) => Math.abs(v - b[name][i]))));
}
