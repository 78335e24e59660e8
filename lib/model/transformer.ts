/**
 * The decoder itself (Llama / Qwen2 / Qwen3), as pure functions over a flat map of parameters.
 * Hidden states are rows [B·T, H]: every matrix product is then one plain 2-D product.
 *
 * A fine-tuning method may put code around any named module ("site") through `wrap`: the embedding, each linear map,
 * `…self_attn` and `…mlp` (rows in, rows out), `…attention_block` and `…mlp_block` (the same with norm and residual), each
 * whole layer, the head.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { rmsNorm, silu, softmax, takeRows, tf, type Params } from "../tensor";
import type { ModelConfig } from "./config";
import { rotate, type RopeTables } from "./rope";

/** Code around one named module; `next(x)` is what the base model would have done. */
export type Wrap = (site: string, x: Tensor, next: (x: Tensor) => Tensor) => Tensor;
export const noWrap: Wrap = (_site, x, next) => next(x);

/** Keys and values of one layer so far, [B, kvHeads, S, headDim] each; keys after rotation. */
export interface KeyValues { keys: Tensor; values: Tensor }

/** What is common to all layers of one forward pass. */
export interface Context {
  config: ModelConfig;
  batch: number;
  /** Rotary tables of the new positions, broadcastable to [B, heads, T, headDim]. */
  rope: RopeTables;
  /** 0 where a query may look, very negative where not; broadcastable to [B, 1, 1, T, S]. */
  mask: Tensor;
  wrap: Wrap;
}

/** y = x Wᵀ + b, with W as stored: [out, in]. */
const linear = (x: Tensor, weight: Tensor, bias?: Tensor): Tensor => {
  const y = tf.matMul(x as never, weight as never, false, true);
  return bias ? tf.add(y, bias) : y;
};

/**
 * One transformer layer: x [B·T, H] → [B·T, H]. All layers are the same function: `params` and sites carry the names of
 * layer 0 (see layers.ts). `extend` receives the keys and values of x and returns those to attend to, e.g. with earlier ones.
 */
export function layer(x: Tensor, params: Params, context: Context, extend: (fresh: KeyValues) => KeyValues = (fresh) => fresh): Tensor {
  const { config, wrap } = context, eps = config.rmsNormEps, at = "model.layers.0";
  const project = (name: string, x: Tensor) => wrap(`${at}.${name}`, x, (x) => linear(x, params[`${at}.${name}.weight`], params[`${at}.${name}.bias`]));

  const attention = (x: Tensor): Tensor => {
    const { batch } = context, { heads, keyValueHeads: groups, headDim } = config, T = x.shape[0] / batch;
    const split = (x: Tensor, heads: number) => tf.transpose(tf.reshape(x, [batch, T, heads, headDim]), [0, 2, 1, 3]); // [B, heads, T, d]
    let q = split(project("self_attn.q_proj", x), heads);
    let k = split(project("self_attn.k_proj", x), groups);
    const v = split(project("self_attn.v_proj", x), groups);
    if (config.queryKeyNorm) {
      q = rmsNorm(q, params[`${at}.self_attn.q_norm.weight`], eps);
      k = rmsNorm(k, params[`${at}.self_attn.k_norm.weight`], eps);
    }
    q = rotate(q, context.rope);
    k = rotate(k, context.rope);
    const { keys, values } = extend({ keys: k, values: v });
    // Grouped queries: the heads of one group are stacked as rows, so keys and values are never repeated.
    const perGroup = heads / groups, S = keys.shape[2]!;
    const rows = tf.reshape(tf.mul(q, headDim ** -0.5), [batch, groups, perGroup * T, headDim]);
    const scores = tf.reshape(tf.matMul(rows as never, keys as never, false, true), [batch, groups, perGroup, T, S]);
    const weights = tf.reshape(softmax(tf.add(scores, context.mask)), [batch, groups, perGroup * T, S]);
    const mixed = tf.reshape(tf.matMul(weights as never, values as never), [batch, heads, T, headDim]);
    return project("self_attn.o_proj", tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * T, heads * headDim]));
  };
  const mlp = (x: Tensor): Tensor =>
    project("mlp.down_proj", tf.mul(silu(project("mlp.gate_proj", x)), project("mlp.up_proj", x)));

  return wrap(at, x, (x) => {
    const h = wrap(`${at}.attention_block`, x, (x) => tf.add(x, wrap(`${at}.self_attn`, rmsNorm(x, params[`${at}.input_layernorm.weight`], eps), attention)));
    return wrap(`${at}.mlp_block`, h, (h) => tf.add(h, wrap(`${at}.mlp`, rmsNorm(h, params[`${at}.post_attention_layernorm.weight`], eps), mlp)));
  });
}

/** Token embeddings: int32 ids [n] → rows [n, H]. */
export const embed = (params: Params, ids: Tensor, wrap: Wrap = noWrap): Tensor =>
  wrap("model.embed_tokens", ids, (ids) => takeRows(params["model.embed_tokens.weight"], ids));

/** Final norm and output head: rows [n, H] → logits [n, vocabulary]. */
export function head(x: Tensor, params: Params, config: ModelConfig, wrap: Wrap = noWrap): Tensor {
  const matrix = params["lm_head.weight"] ?? params["model.embed_tokens.weight"];
  return wrap("lm_head", rmsNorm(x, params["model.norm.weight"], config.rmsNormEps), (x) => linear(x, matrix));
}
