/** What Python computed, and the tiny models that it computed with (test/fixtures/README.md). */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { backend, tf, type Params } from "tunelab/tensor";
import { loadTokenizer, openShards, parameterShapes, readConfig, type Model, type TensorSource, type Tokenizer } from "tunelab/model";

export const FIXTURES = path.join("test", "fixtures");
export const fixture = (...parts: string[]): string => path.join(FIXTURES, ...parts);
/** A JSON fixture; the README states its shape. */
export const readJson = (...parts: string[]): any => JSON.parse(fs.readFileSync(fixture(...parts), "utf8"));

/** Names of the nine random models. */
export const MODELS = fs.readdirSync(fixture("models")).sort();

/** The tiny models come without tokenizer; their special ids are begin 0, end 1, padding 2. */
const noTokenizer: Tokenizer = {
  encode: () => { throw new Error("a tiny model has no tokenizer"); }, decode: () => "", chat: () => "", hasChatTemplate: false,
  bos: 0, eos: [1], pad: 2, size: 0, files: {}, token: () => "",
};

/** Tensors of a safetensors file or folder as they are, under names without `prefix`. */
export function readTensors(tensors: ReadonlyMap<string, TensorSource>, prefix = ""): Params {
  return Object.fromEntries([...tensors].map(([name, t]) => [name.replace(prefix, ""), tf.tensor(t.read(), t.shape)]));
}

/** A tiny model by its name under fixtures/models. */
export async function tinyModel(name: string, tokenizer: Tokenizer = noTokenizer): Promise<Model> {
  await backend();
  const where = fixture("models", name), config = readConfig(where), shards = openShards(where), read = readTensors(shards.tensors);
  shards.close();
  return { config, params: Object.fromEntries(Object.keys(parameterShapes(config)).map((n) => [n, read[n]])), tokenizer, path: where };
}

/** One of the four small tokenizers: gpt-2 (no chat template), llama-bpe, qwen2, smollm. */
export const smallTokenizer = (kind: string): Promise<Tokenizer> => loadTokenizer(fixture("tokenizer", kind));

/** A function that makes new folders; all are removed when the file's tests have ended. */
export function temporary(): (name?: string) => string {
  const made: string[] = [];
  after(() => made.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));
  return (name = "") => {
    made.push(fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-test-")));
    return path.join(made.at(-1)!, name);
  };
}

/** Runs `f` as compiled code or, with `on` false, as plain TensorFlow.js. */
export async function withJit<T>(on: boolean, f: () => T | Promise<T>): Promise<T> {
  const before = process.env.TUNELAB_JIT;
  if (on) delete process.env.TUNELAB_JIT; else process.env.TUNELAB_JIT = "0";
  try { return await f(); }
  finally { if (before === undefined) delete process.env.TUNELAB_JIT; else process.env.TUNELAB_JIT = before; }
}
