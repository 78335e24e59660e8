/**
 * A model as a fine-tuning method sees it, layer by layer. All layers are one function of their own parameters, so that it
 * is compiled once and used for each: parameters of layer N are handed to it under the names of layer 0.
 */
import type { Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import { compiledBlock, foldIn, type Params } from "../tensor";
import type { ModelConfig } from "./config";
import { embed, layer, noWrap, type KeyValues, type Wrap } from "./transformer";
import type { RopeTables } from "./rope";

/** Base weights and, if there is one, the method on them with what it trains. */
export interface View {
  params: Params;
  config: ModelConfig;
  method?: Method;
  trained?: Params;
  /** Seeds dropout; given in training only. */
  key?: Tensor;
}

export interface Parts { layers: Params[]; rest: Params }
const LAYER = /^model\.layers\.(\d+)\./;
/** Parameters by layer, renamed to layer 0, and those outside the layers. */
export function partition(params: Params, count: number): Parts {
  const layers = Array.from({ length: count }, (): Record<string, Tensor> => ({})), rest: Record<string, Tensor> = {};
  for (const [name, t] of Object.entries(params)) {
    const match = LAYER.exec(name);
    if (match) layers[+match[1]][`model.layers.0.${name.slice(match[0].length)}`] = t;
    else rest[name] = t;
  }
  return { layers, rest };
}
const partitions = new WeakMap<Params, Parts>();
function parts(params: Params, count: number): Parts {
  if (!partitions.has(params)) partitions.set(params, partition(params, count));
  return partitions.get(params)!;
}

/** Weights and wrap of one part of the model under the method. */
export function applied({ method, key }: View, base: Params, trained: Params, part: string): { params: Params; wrap: Wrap } {
  return { params: method?.weights?.(base, trained) ?? base, wrap: method?.wrap?.(trained, key && foldIn(key, part)) ?? noWrap };
}

/** Parameters and code outside the layers: embedding, final norm, head. */
export function outside(view: View): { params: Params; wrap: Wrap } {
  return applied(view, parts(view.params, view.config.layers).rest, parts(view.trained ?? {}, view.config.layers).rest, "outside");
}

/** Token embeddings under the method: ids int32 [n] → [n, H]. */
export function embedded(view: View, ids: Tensor): Tensor {
  const { params, wrap } = outside(view);
  return embed(params, ids, wrap);
}

export interface Surroundings { batch: number; rope: RopeTables; mask: Tensor }
type Others = { base: Params; key: Tensor | null; rope: { cos: Tensor; sin: Tensor }; mask: Tensor; batch: number };
type Block = (d: { x: Tensor; trained: Params }, o: Others) => Tensor;

/** One compiled layer for each combination of architecture and method. */
const blocks = new WeakMap<ModelConfig, WeakMap<object, Block>>();
const noMethod = {};
function blockOf({ config, method }: View): Block {
  let byMethod = blocks.get(config);
  if (!byMethod) blocks.set(config, (byMethod = new WeakMap()));
  let block = byMethod.get(method ?? noMethod);
  if (!block) {
    block = compiledBlock(({ x, trained }: { x: Tensor; trained: Params }, { base, key, rope, mask, batch }: Others) => {
      const { params, wrap } = applied({ params: base, config, method, key: key ?? undefined }, base, trained, "layer");
      return layer(x, params, { config, batch, rope, mask, wrap });
    }) as Block;
    byMethod.set(method ?? noMethod, block);
  }
  return block;
}

/** All layers, without the final norm: rows [B·T, H] → [B·T, H]. */
export function throughLayers(view: View, x: Tensor, { batch, rope, mask }: Surroundings): Tensor {
  const count = view.config.layers, base = parts(view.params, count).layers, trained = parts(view.trained ?? {}, count).layers, block = blockOf(view);
  for (let l = 0; l < count; l++)
    x = block({ x, trained: trained[l] }, { base: base[l], key: view.key ? foldIn(view.key, String(l)) : null, rope: { ...rope }, mask, batch });
  return x;
}

/** The same with keys and values of earlier positions, for generation; never differentiated. */
export function throughLayersWithPast(view: View, x: Tensor, surroundings: Surroundings, past: readonly (KeyValues | undefined)[], onKeyValues: (layer: number, kv: KeyValues) => void): Tensor {
  const count = view.config.layers, base = parts(view.params, count).layers, trained = parts(view.trained ?? {}, count).layers;
  for (let l = 0; l < count; l++) {
    const { params, wrap } = applied(view, base[l], trained[l], "layer");
    x = layer(x, params, { config: view.config, wrap, ...surroundings }, past[l], (kv) => onKeyValues(l, kv));
  }
  return x;
}
