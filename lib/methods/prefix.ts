/**
 * Prefix tuning: trained keys and values in front of those of every layer (Li & Liang 2021, section 4).
 *   head_i = softmax(q [P_k; K]ᵀ/√d) [P_v; V]
 * Keys stand as after rotation, and the text starts at position n, as PEFT has it. "mlp" trains the prefix through
 * P = W₂ tanh(W₁ e + b₁) + b₂ (section 4.3) and keeps only its output. A prefix that starts as the keys and values of a real
 * prompt is that prompt, and learns far better than one of random numbers.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { embedded, surroundings, throughLayersCached, type ModelConfig } from "../model";
import { compiledBlock, tanh, tf, type Params } from "../tensor";
import { linear, linearStart, normalRows } from "./encoder";
import type { Method } from "./method";
import { checkCount } from "./virtual";

export interface PrefixOptions {
  /** n, the positions in front; default 20, or as many as `start` has. */
  tokens?: number;
  /** Random, or the ids of a prompt whose keys and values the prefix begins as: tokenizer.encode("…"). */
  start?: "random" | readonly number[];
  encoder?: "none" | "mlp";
  /** Width of the MLP. */
  hidden?: number;
}

export const prefixNames = (layer: number): { keys: string; values: string } => ({ keys: `model.layers.${layer}.self_attn.prefix_keys`, values: `model.layers.${layer}.self_attn.prefix_values` });
const ENCODER = "prefix_encoder";

export function prefix({ start = "random", tokens = Array.isArray(start) ? start.length : 20, encoder = "none", hidden = 512 }: PrefixOptions = {}): Method {
  checkCount("Prefix tuning", tokens);
  if (!["none", "mlp"].includes(encoder)) throw new TunelabError(`Prefix tuning: encoder "${encoder}" is unknown; choose from none, mlp.`);
  if (!Number.isInteger(hidden) || hidden < 1) throw new TunelabError(`Prefix tuning: hidden is ${hidden}; it must be a whole number of at least 1.`);
  if (start !== "random") {
    if (!Array.isArray(start) || !start.length) throw new TunelabError(`Prefix tuning: start is ${JSON.stringify(start)}; choose "random", or the ids of a prompt: tokenizer.encode("…").`);
    if (tokens > start.length) throw new TunelabError(`Prefix tuning: ${tokens} tokens cannot start as a prompt of ${start.length}; choose at most ${start.length}, or a longer prompt.`);
    if (encoder === "mlp") throw new TunelabError('Prefix tuning: with encoder "mlp" the prefix is the output of a network, which cannot start as a given prompt; use encoder "none".');
  }

  const run = compiledBlock(({ trained }: { trained: Params }, _: null): Tensor =>
    linear(tanh(linear(trained[`${ENCODER}.embedding.weight`], trained, `${ENCODER}.transform.0`)), trained, `${ENCODER}.transform.2`)); // [n, layers·2·size]
  return {
    name: "prefix",
    settings: { tokens, start, encoder, hidden: encoder === "mlp" ? hidden : undefined },
    learningRate: 5e-3,

    init(base, config, seed) {
      checkCount("Prefix tuning", tokens, config);
      const size = config.keyValueHeads * config.headDim;
      if (encoder === "mlp")
        return {
          [`${ENCODER}.embedding.weight`]: normalRows(seed, ENCODER, [tokens, size]),
          ...linearStart(`${ENCODER}.transform.0`, size, hidden, seed), ...linearStart(`${ENCODER}.transform.2`, hidden, config.layers * 2 * size, seed),
        };
      if (start !== "random") return promptKeyValues({ params: base, config }, start.slice(0, tokens));
      return Object.fromEntries(Array.from({ length: config.layers }, (_, l) => Object.values(prefixNames(l))).flat().map((name) => [name, normalRows(seed, name, [tokens, size])]));
    },

    ...(encoder === "none" ? {} : { encode: (trained: Params) => splitPrefix(run({ trained }, null), trained[`${ENCODER}.embedding.weight`].shape[1]!) }),
    prefix: {
      count: tokens,
      keyValues: (trained) => { const { keys, values } = prefixNames(0); return { keys: trained[keys], values: trained[values] }; },
    },
  };
}

/** A prefix in one matrix [n, layers·2·size], columns K₀, V₀, K₁, V₁, …, as keys and values by layer. */
export function splitPrefix(all: Tensor, size: number): Params {
  const pieces = tf.split(all, all.shape[1]! / size, 1), out: Record<string, Tensor> = {};
  pieces.forEach((piece, i) => { const { keys, values } = prefixNames(i >> 1); out[i % 2 ? values : keys] = piece; });
  return out;
}

/** Keys (after rotation) and values of a prompt in every layer of the model, as a prefix. */
export function promptKeyValues({ params, config }: { params: Params; config: ModelConfig }, ids: readonly number[]): Params {
  const bad = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocabSize));
  if (bad !== undefined) throw new TunelabError(`Prefix tuning: start holds the id ${bad}, which is not in the model's vocabulary (0 to ${config.vocabSize - 1}).`);
  return tf.tidy(() => {
    const view = { params, config }, inputs = { ids: Int32Array.from(ids), batch: 1 }, out: Record<string, Tensor> = {};
    const { cache } = throughLayersCached(view, embedded(view, tf.tensor1d(inputs.ids, "int32")), surroundings(config, inputs), ids.length);
    const rows = (t: Tensor) => tf.reshape(tf.transpose(t, [0, 2, 1, 3]), [ids.length, config.keyValueHeads * config.headDim]); // of [1, kvHeads, n, d]
    cache.forEach((layer, l) => { const { keys, values } = prefixNames(l); out[keys] = rows(layer.keys); out[values] = rows(layer.values); });
    return out;
  });
}
