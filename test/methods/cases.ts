// What the contract test runs over: every method in its main forms, and settings that must be refused.
import { adapter, bitfit, diffPruning, fish, full, ia3, lora, matchSites, prefix, projectDiff, prompt, pTuning, sparse, type Method } from "tunelab/methods";
import type { Model } from "tunelab/model";
import { count, dispose } from "tunelab/tensor";
import { examples, randomLike } from "../support/training";

export interface Case {
  what: string;
  make(model: Model): Method | Promise<Method>;
  bases?: readonly ("qwen2-tied" | "llama")[];
  /** How near to the base it starts; undefined where it promises nothing. */
  starts?: number;
  /** Trained numbers in closed form. */
  count(model: Model): number;
  merges?: boolean;
  /** Learning rate at which eight steps lower the loss. */
  rate?: number;
  /** Step of the central difference. */
  h?: number;
  /** Relative error that kinks (ReLU, open and closed gates) leave in the central difference. */
  kinks?: number;
  /** Its gradient leaves something out on purpose, and is no slope. */
  constantNorm?: boolean;
  /** On the 1.5B shape. */
  large?: { method(): Method; expected: number };
}
const sizes = ({ config: c }: Model) => ({ H: c.hiddenSize, F: c.intermediateSize, L: c.layers, q: c.heads * c.headDim, kv: c.keyValueHeads * c.headDim });

export const METHODS: Case[] = [
  { what: "LoRA", make: () => lora({ rank: 3, targets: "all-linear" }), starts: 0, merges: true, count: (m) => matchSites(m.params, "all-linear").reduce((n, s) => n + 3 * (s.out + s.into), 0), large: { method: () => lora({ rank: 8 }), expected: 1_089_536 } },
  { what: "DoRA", bases: ["llama"], make: () => lora({ rank: 3, targets: ["q_proj", "mlp.up_proj"], dora: true }), starts: 2e-5, merges: true, constantNorm: true, count: (m) => { const { H, F, q, L } = sizes(m); return L * (3 * (q + H) + q + 3 * (F + H) + F); } },
  { what: "full", make: () => full(), starts: 0, merges: true, rate: 1e-3, h: 2e-4, count: (m) => count(m.params) },
  { what: "full, two modules", bases: ["llama"], make: () => full({ parameters: ["mlp", "lm_head", "embed_tokens"].slice(0, 1).concat("embed_tokens") }), starts: 0, merges: true, rate: 1e-3, h: 2e-4, count: (m) => { const { H, F, L } = sizes(m); return 3 * H * F * L + m.config.vocabSize * H; } },
  { what: "BitFit", bases: ["qwen2-tied"], make: () => bitfit(), starts: 0, merges: true, count: (m) => { const { q, kv, L } = sizes(m); return L * (q + 2 * kv); }, large: { method: () => bitfit(), expected: 57_344 } },
  { what: "BitFit with added biases", bases: ["llama"], make: () => bitfit({ biases: ["o_proj", "q_proj", "down_proj"] }), starts: 0, merges: true, count: (m) => { const { q, H, L } = sizes(m); return L * (q + 2 * H); } },
  { what: "IA3", make: () => ia3(), starts: 0, merges: true, count: (m) => { const { kv, F, L } = sizes(m); return L * (2 * kv + F); }, large: { method: () => ia3(), expected: 265_216 } },
  { what: "IA3 on all linear maps", bases: ["qwen2-tied"], make: () => ia3({ targets: "all-linear", feedForward: ["up_proj"] }), starts: 0, merges: true, count: (m) => { const { q, kv, H, F, L } = sizes(m); return L * (q + 2 * kv + H + F + H + H); } },
  { what: "prompt tuning", make: () => prompt({ tokens: 4 }), count: (m) => 4 * m.config.hiddenSize, large: { method: () => prompt({ tokens: 20, start: "random" }), expected: 30_720 } },
  { what: "prompt tuning from a text", bases: ["llama"], make: () => prompt({ tokens: 5, start: [40, 41, 42] }), count: (m) => 5 * m.config.hiddenSize },
  { what: "P-tuning, LSTM", make: () => pTuning({ places: [["start", 2], ["end", 2]], hidden: 8 }), h: 3e-4, kinks: 0.03, rate: 5e-3, count: (m) => { const { H } = sizes(m), h = 8; return 4 * H + 2 * (4 * h * (H + h + 2) + 4 * h * (3 * h + 2)) + 16 * 17 + H * 17; } },
  { what: "P-tuning, MLP", bases: ["qwen2-tied"], make: () => pTuning({ places: [[1, 3]], encoder: "mlp", hidden: 12 }), h: 3e-4, kinks: 0.03, rate: 5e-3, count: (m) => { const { H } = sizes(m); return 3 * H + 12 * (H + 1) + 12 * 13 + H * 13; } },
  { what: "P-tuning in front", bases: ["llama"], make: () => pTuning({ tokens: 3, encoder: "mlp", hidden: 8 }), h: 3e-4, kinks: 0.03, rate: 5e-3, count: (m) => { const { H } = sizes(m); return 3 * H + 8 * (H + 1) + 8 * 9 + H * 9; } },
  { what: "prefix tuning", make: () => prefix({ tokens: 3 }), count: (m) => { const { kv, L } = sizes(m); return 3 * L * 2 * kv; }, large: { method: () => prefix({ tokens: 20 }), expected: 286_720 } },
  { what: "prefix tuning, MLP", bases: ["llama"], make: () => prefix({ tokens: 3, encoder: "mlp", hidden: 10 }), rate: 5e-3, count: (m) => { const { kv, L } = sizes(m); return 3 * kv + 10 * (kv + 1) + 2 * L * kv * 11; } },
  { what: "prefix tuning from a prompt", bases: ["qwen2-tied"], make: () => prefix({ start: [30, 31, 32, 33] }), count: (m) => { const { kv, L } = sizes(m); return 4 * L * 2 * kv; } },
  { what: "adapter, sequential", make: () => adapter({ reduction: 4 }), h: 3e-4, kinks: 0.03, starts: 0.05, count: (m) => { const { H, L } = sizes(m), w = H / 4; return 2 * L * (2 * H * w + w + H); }, large: { method: () => adapter({ after: ["feed-forward"] }), expected: 8_303_232 } },
  { what: "adapter, Pfeiffer", bases: ["qwen2-tied"], make: () => adapter({ form: "pfeiffer", reduction: 8, activation: "silu" }), starts: 0.05, count: (m) => { const { H, L } = sizes(m), w = H / 8; return L * (2 * H * w + w + H); } },
  { what: "adapter, parallel", bases: ["llama"], make: () => adapter({ form: "parallel", activation: "silu" }), starts: 0, count: (m) => { const { H, L } = sizes(m), w = H / 2; return L * (2 * H * w + w + H); } },
  { what: "FISH mask", make: (m) => fish(m, examples(m.config.vocabSize), { density: 0.02, display: false }), starts: 0, merges: true, count: (m) => Math.round(0.02 * inLayers(m)) },
  { what: "FISH mask on all parameters", bases: ["qwen2-tied"], make: (m) => fish(m, examples(m.config.vocabSize), { density: 0.01, parameters: "all", samples: 2, display: false }), starts: 0, merges: true, count: (m) => Math.round(0.01 * count(m.params)) },
  { what: "diff pruning", make: () => diffPruning(), starts: 0, merges: true, rate: 2e-3, count: (m) => 2 * inLayers(m) },
  { what: "diff pruning, half-open gates, one more a tensor", bases: ["qwen2-tied"], make: () => diffPruning({ alpha: 0.2, structure: "tensor", parameters: ["mlp"] }), kinks: 0.03, h: 3e-4, starts: 0, merges: true, rate: 5e-3, count: (m) => { const { H, F, L } = sizes(m); return 6 * H * F * L + 3 * L; } },
  { what: "diff pruning, one more gate a row", bases: ["llama"], make: () => diffPruning({ alpha: 0.2, structure: "row", parameters: ["q_proj", "norm"] }), kinks: 0.03, h: 3e-4, starts: 0, merges: true, rate: 5e-3, count: (m) => { const { H, q, L } = sizes(m); return L * (2 * q * H + q) + 2 * H + 1; } },
  { what: "diff pruning, projected", bases: ["llama"], make: projected, starts: 0.2, merges: true, count: (m) => Math.round(0.05 * inLayers(m)) },
];

function inLayers({ params }: Model): number { return Object.entries(params).reduce((n, [name, w]) => n + (name.startsWith("model.layers.") ? w.size : 0), 0); }
function projected(m: Model): Method {
  const method = diffPruning(), start = method.init(m.params, m.config, 0), trained = randomLike(start, 1e-3, 4);
  for (const name of Object.keys(trained)) if (name.endsWith("gates")) { trained[name].dispose(); (trained as Record<string, unknown>)[name] = start[name].clone(); }
  const adapter = projectDiff({ method, trained }, m.params, { density: 0.05 });
  [start, trained, adapter.trained].forEach(dispose);
  return adapter.method;
}

/** What is tried, and what its error must mention. */
export const IMPOSSIBLE: [what: string, f: (models: Record<string, Model>) => unknown, ...mentions: (string | RegExp)[]][] = [
  ["BitFit without biases", ({ llama }) => bitfit().init(llama.params, llama.config, 0), "no biases", "q_proj", "all-linear"],
  ["DoRA with dropout", () => lora({ dora: true, dropout: 0.1 }), "dropout is 0.1", "dropout 0"],
  ["full of nothing", ({ llama }) => full({ parameters: ["bogus"] }).init(llama.params, llama.config, 0), "bogus", "self_attn.q_proj", '"layers"'],
  ["IA3 on nothing", ({ llama }) => ia3({ targets: ["fc1"], feedForward: [] }).init(llama.params, llama.config, 0), "fc1", "down_proj"],
  ["IA3 with a stray feed-forward module", () => ia3({ targets: ["k_proj"], feedForward: ["down_proj"] }), "down_proj", "targets"],
  ["a prompt of no tokens", () => prompt({ tokens: 0 }), "tokens is 0", "at least 1"],
  ["a prompt longer than the context", ({ llama }) => prompt({ tokens: 256 }).init(llama.params, llama.config, 0), "256", "at most 255"],
  ["a prompt from nowhere", () => prompt({ start: [] }), "start is []", "vocabulary"],
  ["a prompt from unknown ids", ({ llama }) => prompt({ start: [1000] }).init(llama.params, llama.config, 0), "1000", "0 to 103"],
  ["P-tuning with two counts", () => pTuning({ tokens: 3, places: [["start", 2]] }), "tokens is 3", "places hold 2"],
  ["P-tuning nowhere", () => pTuning({ places: [["middle" as never, 2]] }), "middle", '"end"'],
  ["P-tuning with half an encoder", () => pTuning({ encoder: "none", hidden: 3 }), "hidden", "no encoder"],
  ["P-tuning with an unknown encoder", () => pTuning({ encoder: "gru" as never }), "gru", "lstm, mlp, none"],
  ["a prefix longer than the context", ({ llama }) => prefix({ tokens: 300 }).init(llama.params, llama.config, 0), "300", "at most 255"],
  ["a prefix longer than its prompt", () => prefix({ tokens: 5, start: [3, 4] }), "5 tokens", "at most 2"],
  ["a prefix by a network and from a prompt", () => prefix({ start: [3, 4], encoder: "mlp" }), "mlp", '"none"'],
  ["an adapter of no width", ({ llama }) => adapter({ reduction: 100 }).init(llama.params, llama.config, 0), "reduction by 100", "at most 48"],
  ["an adapter nowhere", () => adapter({ after: [] }), "attention", "feed-forward"],
  ["a FISH mask of density 0", ({ llama }) => fish(llama, examples(104), { density: 0 }), "density is 0", "above 0"],
  ["a FISH mask that keeps nothing", ({ llama }) => fish(llama, examples(104, 1), { density: 1e-6, parameters: ["q_proj"], display: false }), "keeps none of 4608", "0.00022"],
  ["a FISH mask without examples", ({ llama }) => fish(llama, []), "no examples"],
  ["a FISH mask without targets", ({ llama }) => fish(llama, examples(104, 1).map((e) => ({ ...e, target: new Uint8Array(e.ids.length) })), { display: false }), "target"],
  ["diff pruning of unknown structure", () => diffPruning({ structure: "block" as never }), "block", "tensor"],
  ["diff pruning with a negative penalty", () => diffPruning({ penalty: -1 }), "penalty is -1"],
  ["projecting LoRA", ({ llama }) => projectDiff({ method: lora(), trained: {} }, llama.params), "lora", "diff-pruning"],
  ["a sparse difference for another model", ({ llama }) => sparse(llama.params, { "model.norm.weight": { indices: Int32Array.of(2, 48) }, "x.weight": { indices: Int32Array.of(1) } }), "index 48", "x.weight"],
  ["an empty sparse difference", ({ llama }) => sparse(llama.params, { "model.norm.weight": { indices: new Int32Array() } }), "no entry"],
  ["an adapter of unknown form", () => adapter({ form: "serial" as never }), "serial", "parallel"],
];
