/**
 * The seeds of the fuzzer, test/fixtures/fuzz/<target>/<case>/: small files as the library writes them (GGUF, which it only reads,
 * is written by gguf.ts). Made by `node test/dist/fuzz/corpus.js` from the checkout's root; the same every time.
 */
import fs from "node:fs";
import path from "node:path";
import * as tl from "tunelab";
import { Random, tf, type Params } from "tunelab/tensor";
import { F32, LIST, TEXT, TRUE, U32, writeGguf } from "./gguf";

export const CORPUS = path.join("test", "fixtures", "fuzz");
const QWEN2 = {
  architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", vocab_size: 24, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 2, num_attention_heads: 2,
  num_key_value_heads: 1, max_position_embeddings: 64, rms_norm_eps: 1e-6, rope_theta: 10000, tie_word_embeddings: true, hidden_act: "silu", torch_dtype: "float32", bos_token_id: 1, eos_token_id: 2,
};
const numbers = (name: string, shape: readonly number[], seed = 1) => { const r = new Random(seed, name); return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.round(r.normal() * 64) / 64); };

/** The base model that adapters and checkpoints of the corpus belong to. */
export function base(): { config: tl.ModelConfig; params: Params; path: string } {
  const config = tl.parseConfig(QWEN2, "config.json");
  return { config, params: Object.fromEntries(Object.entries(tl.parameterShapes(config)).map(([name, shape]) => [name, tf.tensor(numbers(name, shape), shape)])), path: "models/tiny" };
}
export const examples = (n = 4): tl.Example[] => Array.from({ length: n }, (_, i) => ({ ids: Int32Array.from([1, 3 + i, 4, 5 + i, 6, 2]), target: Uint8Array.from([0, 0, 0, 1, 1, 1]) }));
/** Adapters by case; those that draw at random have numbers in all tensors. */
async function adapters(model: ReturnType<typeof base>): Promise<Record<string, tl.Adapter>> {
  const made = (method: tl.Method): tl.Adapter => {
    const start = method.init(model.params, model.config, 0), indices = new Set(Object.keys(start).filter((name) => name.endsWith("indices")));
    return { method, trained: Object.fromEntries(Object.entries(start).map(([name, t]) => [name, indices.has(name) ? t : tf.tensor(numbers(name, t.shape, 2), t.shape)])) };
  };
  const fish = await tl.fish(model as never, examples(), { density: 0.02, samples: 4 });
  return {
    lora: made(tl.lora({ rank: 2 })), dora: made(tl.lora({ rank: 2, dora: true, targets: ["k_proj"] })), ia3: made(tl.ia3()), prompt: made(tl.prompt({ tokens: 3 })),
    "p-tuning": made(tl.pTuning({ tokens: 3, encoder: "none" })), "p-tuning-places": made(tl.pTuning({ places: [["start", 1], ["end", 2], [1, 1]], encoder: "none" })), prefix: made(tl.prefix({ tokens: 3, encoder: "none" } as never)),
    adapter: made(tl.adapter({ reduction: 4 })), bitfit: made(tl.bitfit()), full: made(tl.full({ parameters: ["norm"] })), fish: { method: fish, trained: fish.init(model.params, model.config, 0) },
    "diff-pruning": made(tl.diffPruning({ parameters: ["k_proj"], structure: "row" })), "sparse-diff": tl.projectDiff(made(tl.diffPruning({ parameters: ["k_proj"] })), model.params, { density: 0.05 }),
  };
}

const jsonl = (...records: unknown[]) => records.map((r) => JSON.stringify(r)).join("\n") + "\n";
const TEXTS = ["What is phishing? A false message that asks for a password.", "什么是防火墙？它按规则放行或拦截流量。", "the firewall blocks the traffic, the log says so"];

async function write(): Promise<void> {
  await tl.backend();
  fs.mkdirSync(CORPUS, { recursive: true });
  for (const name of fs.readdirSync(CORPUS)) if (name !== "regressions") fs.rmSync(path.join(CORPUS, name), { recursive: true });
  const folder = (...parts: string[]) => { const f = path.join(CORPUS, ...parts); fs.mkdirSync(f, { recursive: true }); return f; };
  const put = (where: string[], files: Record<string, string | Uint8Array>) => { const f = folder(...where); for (const [name, data] of Object.entries(files)) fs.writeFileSync(path.join(f, name), data); };
  const tensor = (name: string, shape: number[], dtype: "F32" | "F16" | "BF16" = "F32") => ({ shape, data: numbers(name, shape), dtype });

  tl.writeSafetensors(path.join(folder("safetensors", "types"), "model.safetensors"), { a: tensor("a", [3, 2]), b: tensor("b", [4], "F16"), "c.weight": tensor("c", [2, 2, 1], "BF16"), "d.indices": { shape: [3], data: Int32Array.from([1, 5, 16777217]) }, scalar: tensor("s", []), none: tensor("n", [0]) }, { format: "pt" });
  const shards = folder("shards", "two"), parts: Record<string, string> = {};
  for (const [i, names] of [["a", "b"], ["c"]].entries()) {
    const file = `model-0000${i + 1}-of-00002.safetensors`;
    tl.writeSafetensors(path.join(shards, file), Object.fromEntries(names.map((n) => [n, tensor(n, [2, 2])])));
    for (const n of names) parts[n] = file;
  }
  put(["shards", "two"], { "model.safetensors.index.json": JSON.stringify({ metadata: { total_size: 48 }, weight_map: parts }) });

  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64, beta_fast: 32 }, llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };
  for (const [name, more] of Object.entries({ qwen2: {}, yarn: { rope_scaling: yarn }, qwen3: { model_type: "qwen3", head_dim: 4, attention_bias: false }, llama: { model_type: "llama", rope_parameters: { rope_theta: 10000, ...llama3 }, mlp_bias: true, auto_map: { AutoModel: "modeling_x.Model" } } }))
    put(["config", name], { "config.json": JSON.stringify({ ...QWEN2, ...more }, null, 1) });

  const bpe = tl.trainBpe(TEXTS, { vocabSize: 270, special: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] }), wordpiece = tl.trainWordPiece(TEXTS, { vocabSize: 90 });
  const config = (chatTemplate?: string, eos = "<|im_end|>") => tl.tokenizerConfigJson({ eos, pad: eos, maxLength: 64, chatTemplate });
  const tokenizer = { "tokenizer.json": JSON.stringify(JSON.parse(tl.bpeTokenizerJson(bpe))), "tokenizer_config.json": config(tl.CHATML) };
  put(["tokenizer", "bpe"], { ...tokenizer, "generation_config.json": JSON.stringify({ bos_token_id: 0, eos_token_id: [2, 0], pad_token_id: 2 }), "special_tokens_map.json": JSON.stringify({ eos_token: "<|im_end|>" }) });
  put(["tokenizer", "wordpiece"], { "tokenizer.json": tl.wordPieceTokenizerJson(wordpiece), "tokenizer_config.json": config(undefined, "[SEP]"), "config.json": JSON.stringify({ eos_token_id: 3 }) });
  put(["template", "jinja"], { ...tokenizer, "chat_template.jinja": tl.CHATML + "{%- if messages | length > 3 %}{{ raise_exception('too many') }}{%- endif %}" });

  const model = base(), arrays = tl.toArrays(model.params);
  put(["model", "tiny"], { "config.json": JSON.stringify(QWEN2), "tokenizer.json": tl.wordPieceTokenizerJson(wordpiece), "tokenizer_config.json": config(undefined, "[SEP]") });
  tl.writeSafetensors(path.join(folder("model", "tiny"), "model.safetensors"), arrays as never, { format: "pt" });

  const gguf = (name: string) => name.replace("model.embed_tokens", "token_embd").replace("model.norm", "output_norm").replace(/^model\.layers\.(\d+)\./, "blk.$1.").replace("input_layernorm", "attn_norm").replace("post_attention_layernorm", "ffn_norm").replace(/self_attn\.([qkv])_proj/, "attn_$1").replace("self_attn.o_proj", "attn_output").replace(/mlp\.(\w+)_proj/, "ffn_$1");
  const { tokens, merges } = bpe, q = "qwen2.";
  put(["gguf", "qwen2"], { "model.gguf": writeGguf({
    "general.architecture": TEXT("qwen2"), "general.alignment": U32(32), [`${q}embedding_length`]: U32(8), [`${q}block_count`]: U32(2), [`${q}attention.head_count`]: U32(2), [`${q}attention.head_count_kv`]: U32(1), [`${q}feed_forward_length`]: U32(8),
    [`${q}context_length`]: U32(64), [`${q}attention.layer_norm_rms_epsilon`]: F32(1e-6), [`${q}rope.freq_base`]: F32(10000), [`${q}rope.scaling.type`]: TEXT("linear"), [`${q}rope.scaling.factor`]: F32(2),
    "tokenizer.ggml.model": TEXT("gpt2"), "tokenizer.ggml.pre": TEXT("qwen2"), "tokenizer.ggml.tokens": LIST(8, tokens), "tokenizer.ggml.token_type": LIST(4, tokens.map((_, i) => (i < 3 ? 3 : 1))), "tokenizer.ggml.merges": LIST(8, merges.map((m) => (Array.isArray(m) ? m.join(" ") : m))),
    "tokenizer.ggml.eos_token_id": U32(2), "tokenizer.ggml.add_bos_token": TRUE, "tokenizer.ggml.bos_token_id": U32(0), "tokenizer.chat_template": TEXT(tl.CHATML),
  }, Object.fromEntries(Object.entries(arrays).map(([name, t]) => [gguf(name), { shape: [...t.shape], data: t.data as Float32Array }]))) });

  put(["records", "questions"], { "data.jsonl": jsonl({ question: "What is a worm?", answer: "It spreads by itself." }, { question: "什么是蠕虫？", answer: "自我传播的程序。" }, { instruction: "Say yes", input: "now", output: "yes" }, { text: "x", label: "y" }) });
  put(["records", "chats"], { "data.jsonl": jsonl({ messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }] }, { prompt: "1+1?", completion: "2" }) });
  put(["records", "preferences"], { "data.jsonl": jsonl({ prompt: "Hi", chosen: "Hello", rejected: "No" }, { prompt: [{ role: "user", content: "Hi" }], chosen: "Hello", rejected: "Go" }) });
  put(["records", "list"], { "data.json": JSON.stringify([{ question: "a", answer: "b" }, { prompt: "c", completion: "d" }]) });
  const lines = jsonl({ question: "a", answer: "b" });
  put(["card", "small"], { "train.jsonl": lines, "card.json": JSON.stringify({ name: "s", description: "d", licence: "CC-BY-4.0", source: "x", languages: ["en"], fields: { question: "q", answer: "a" }, splits: { "train.jsonl": { records: 1, bytes: lines.length, sha256: (await import("node:crypto")).createHash("sha256").update(lines).digest("hex") } } }) });

  const all = await adapters(model);
  for (const [name, adapter] of Object.entries(all)) tl.saveAdapter(folder("adapter", name), adapter, model);
  tl.saveRewardModel(folder("reward", "lora"), { ...all.lora, trained: { ...all.lora.trained, "score.weight": tf.tensor(numbers("score", [1, 8]), [1, 8]) } }, model as never);

  const run = fs.mkdtempSync(path.join(fs.realpathSync(require("node:os").tmpdir()), "tunelab-corpus-")), options = { model: model as never, data: { train: examples(), validation: examples(2) }, steps: 3, batchSize: 2, evaluateEvery: 2, display: false };
  const keep = (name: string) => { const to = folder("checkpoint", name), from = tl.checkpoints(path.join(run, name)).at(-1)!.path; for (const f of fs.readdirSync(from)) fs.copyFileSync(path.join(from, f), path.join(to, f)); plainTimes(path.join(to, "state.json")); };
  await tl.train({ ...options, method: tl.lora({ rank: 1 }), folder: path.join(run, "lora"), lossScale: tl.dynamicScale() });
  await tl.train({ ...options, method: tl.bitfit(), optimizer: tl.sgd({ momentum: 0.9 }), folder: path.join(run, "bitfit") });
  const rollout = { ids: [1, 3, 4, 2], target: [0, 0, 1, 1], old: [-1, -2], reference: [-1, -2], advantage: 0.5 };
  const state = tl.loadState(tl.checkpoints(path.join(run, "lora")).at(-1)!.path);
  tl.saveState(path.join(run, "round"), { ...state, source: { round: 1, rollouts: [rollout], metrics: { reward: 0.5 }, state: null } });
  for (const name of ["lora", "bitfit", "round"]) keep(name);
  fs.rmSync(run, { recursive: true });

  tl.saveProbe(path.join(folder("probe", "lanczos"), "state.probe"), { kind: "lanczos", dim: 3, steps: 2, basis: [Float32Array.of(1, 0, 0), Float32Array.of(0, 1, 0)], alpha: Float64Array.of(1, 2), beta: [0.5], last: Infinity });
  const run1 = { method: "lora", seed: 0, learningRate: 1e-3, loss: 1.5, score: 0.5, trainable: 10, stored: 100, secondsPerStep: 0.1, peakBytes: 1000, status: "done" };
  put(["comparison", "two"], { "results.json": JSON.stringify({ task: { model: "m", steps: 3 }, runs: [run1, { ...run1, seed: 1, loss: null }] }) });
}

/** Times and memory differ from run to run; the corpus does not. */
function plainTimes(file: string): void {
  const state = JSON.parse(fs.readFileSync(file, "utf8"));
  for (const r of state.history.steps) Object.assign(r, { seconds: 0.01, tokensPerSecond: 1000, memory: 1e8 });
  fs.writeFileSync(file, JSON.stringify(state));
}

if (require.main === module) write().catch((error) => { console.error(error); process.exitCode = 1; });
