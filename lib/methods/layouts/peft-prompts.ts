/**
 * Prompt tuning, P-tuning and prefix tuning as Hugging Face PEFT keeps them: one tensor `prompt_embeddings`, without the encoder
 * that made it. [n, hidden] for tokens; [n, layers·2·size] with columns K₀, V₀, K₁, V₁, … for a prefix.
 */
import { dispose, tf, type Params } from "../../tensor";
import type { Adapter } from "../method";
import { pTuning, type Place } from "../p-tuning";
import { prefix, prefixNames, splitPrefix } from "../prefix";
import { prompt } from "../prompt";
import { EMBEDDINGS } from "../virtual";
import { exactly, PEFT, peftFields, writeFolder, type AdapterFolder, type Base, type Layout } from "./layout";
import { shown } from "../../shown";

const UNSUPPORTED: Record<string, (value: unknown) => boolean> = { modules_to_save: (v) => (v as unknown[])?.length > 0, num_transformer_submodules: (v) => v !== 1 };

/** What the model sees of an adapter, in one matrix; `use` may read it. */
function withMatrix(matrix: (seen: Params) => Params[string], { method, trained }: Adapter, base: Base, use: (tensors: Params) => void): void {
  tf.tidy(() => use({ [EMBEDDINGS]: matrix(method.encode?.(trained, base.params) ?? trained) }));
}
const tokens = (source: AdapterFolder, base: Base): number => {
  source.refuse(UNSUPPORTED);
  const n = source.number("num_virtual_tokens");
  source.made(() => prompt({ tokens: n }));
  if (n >= base.config.maxPositions) source.fail(`"num_virtual_tokens" ${n} leaves no room in the base model's ${base.config.maxPositions} positions; use the base model that it was trained on.`);
  return n;
};
const rows = (source: AdapterFolder, base: Base, n: number, width: number): Params =>
  source.tensors(PEFT.weights, base, exactly({ [EMBEDDINGS]: { name: EMBEDDINGS, shape: [n, width] } }));
const fields = (type: string, base: Base, n: number) => ({ ...peftFields(type, base), num_virtual_tokens: n, num_layers: base.config.layers, num_transformer_submodules: 1 });

export const peftPrompt: Layout = {
  writes: ({ method }) => method.name === "prompt",
  write: (folder, adapter, base) => withMatrix((seen) => seen[EMBEDDINGS], adapter, base, (tensors) => writeFolder(folder, [PEFT.weights, tensors], [PEFT.config, {
    ...fields("PROMPT_TUNING", base, tensors[EMBEDDINGS].shape[0]), token_dim: base.config.hiddenSize, num_attention_heads: base.config.heads,
    prompt_tuning_init: "RANDOM", prompt_tuning_init_text: null, tokenizer_name_or_path: null,
  }])),
  reads: (config) => config.peft_type === "PROMPT_TUNING",
  read(source, base) {
    const n = tokens(source, base);
    return { trained: rows(source, base, n, base.config.hiddenSize), method: prompt({ tokens: n }) };
  },
};

export const peftPTuning: Layout = {
  // PEFT puts its tokens in front
  writes: ({ method }) => method.name === "p-tuning" && (method.settings.places as Place[]).every(([at]) => at === "start" || at === 0),
  write: (folder, adapter, base) => withMatrix((seen) => seen[EMBEDDINGS], adapter, base, (tensors) => writeFolder(folder, [PEFT.weights, tensors], [PEFT.config, {
    ...fields("P_TUNING", base, tensors[EMBEDDINGS].shape[0]), token_dim: base.config.hiddenSize, num_attention_heads: base.config.heads,
    encoder_reparameterization_type: adapter.method.settings.encoder === "lstm" ? "LSTM" : "MLP", encoder_hidden_size: adapter.method.settings.hidden ?? base.config.hiddenSize, encoder_num_layers: 2, encoder_dropout: 0,
  }])),
  reads: (config) => config.peft_type === "P_TUNING",
  read(source, base) {
    const n = tokens(source, base);
    return { trained: rows(source, base, n, base.config.hiddenSize), method: pTuning({ tokens: n, encoder: "none" }) };
  },
};

export const peftPrefix: Layout = {
  writes: ({ method }) => method.name === "prefix",
  write: (folder, adapter, base) => {
    const { layers, keyValueHeads, headDim } = base.config;
    const columns = (seen: Params) => tf.concat(Array.from({ length: layers }, (_, l) => prefixNames(l)).flatMap(({ keys, values }) => [seen[keys], seen[values]]), 1);
    withMatrix(columns, adapter, base, (tensors) => writeFolder(folder, [PEFT.weights, tensors], [PEFT.config, {
      ...fields("PREFIX_TUNING", base, tensors[EMBEDDINGS].shape[0]), token_dim: keyValueHeads * headDim, num_attention_heads: keyValueHeads,
      prefix_projection: false, encoder_hidden_size: null,
    }]));
  },
  reads: (config) => config.peft_type === "PREFIX_TUNING",
  read(source, base) {
    const n = tokens(source, base), { layers, keyValueHeads, headDim } = base.config, size = keyValueHeads * headDim;
    const all = rows(source, base, n, layers * 2 * size);
    try {
      for (const [name, value] of [["num_layers", layers], ["token_dim", size], ["num_attention_heads", keyValueHeads]] as const)
        if (source.config[name] != null && source.config[name] !== value) source.fail(`"${name}" is ${shown(source.config[name])}, the base model needs ${value}; use the base model that it was trained on.`);
      return { trained: tf.tidy(() => splitPrefix(all[EMBEDDINGS], size)), method: prefix({ tokens: n }) };
    } finally { dispose(all); }
  },
};
