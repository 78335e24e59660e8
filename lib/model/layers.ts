/**
 * A model as a fine-tuning method sees it, layer by layer. All layers are one function of their own parameters, so that it
 * is compiled once and used for each: parameters of layer N are handed to it under the names of layer 0.
 */
import type { Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import { compiledBlock, foldIn, fusedBlock, jit, tf, type BlockOptions, type FusedBlock, type Params, type Tree } from "../tensor";
import type { ModelConfig } from "./config";
import { embed, head, layer, noWrap, type KeyValues, type Wrap } from "./transformer";
import type { RopeTables } from "./rope";

/** Base weights and, if there is one, the method on them with what it trains. */
export interface View {
  params: Params;
  config: ModelConfig;
  method?: Method;
  trained?: Params;
  /** Seeds dropout; given in training only. */
  key?: Tensor;
  /** `trained` is what the method's encoder made (see `encoded`). */
  encoded?: boolean;
  /** How gradients pass through the layers; given in training only. */
  pass?: GradientPass;
}

/** How a backward pass goes through the layers. */
export interface GradientPass extends BlockOptions {
  /** Uses the gradients of each layer's trained tensors in the layer's own backward program, so that they are never held (LOMO). */
  fused?: {
    /** Compiled into the backward program: trained tensors (names of layer 0), their gradients, `extra(layer)` → what `receive` gets. */
    use: (trained: Params, gradients: Params, extra: Tree) => Tree;
    extra: (layer: number) => Tree;
    receive: (layer: number, result: Tree) => void;
    /** A zero that the loss is differentiated by, so that the pass reaches the lowest layer even where nothing below it is trained. */
    anchor: Tensor;
  };
}

/** The view with what the model sees of the trained tensors: the output of the method's encoder, where it has one. */
export const encoded = (view: View): View =>
  view.encoded || !view.method?.encode ? view : { ...view, trained: view.method.encode(view.trained ?? {}, view.params), encoded: true };

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

/** The base's parameters by layer, each with the method's constants beside them. */
export function baseParts({ params, config, method }: Pick<View, "params" | "config" | "method">): Parts {
  const base = parts(params, config.layers);
  if (!method?.constants) return base;
  const own = parts(method.constants, config.layers);
  return { layers: base.layers.map((layer, l) => ({ ...layer, ...own.layers[l] })), rest: { ...base.rest, ...own.rest } };
}

/** Weights and wrap of one part of the model under the method. */
export function applied({ method, key }: View, base: Params, trained: Params, part: string): { params: Params; wrap: Wrap } {
  const own = key && foldIn(key, part);
  return { params: method?.weights?.(base, trained, own) ?? base, wrap: method?.wrap?.(trained, own) ?? noWrap };
}

/** Puts the method's prefix, the same for every row, before a layer's own keys and values. */
function behindPrefix({ method, config }: Pick<View, "method" | "config">, trained: Params, batch: number): (fresh: KeyValues) => KeyValues {
  if (!method?.prefix) return (fresh) => fresh;
  const { keys, values } = method.prefix.keyValues(trained), each = tf.ones([batch, 1, 1, 1]);
  const heads = (rows: Tensor) => tf.transpose(tf.reshape(rows, [1, rows.shape[0], config.keyValueHeads, config.headDim]), [0, 2, 1, 3]); // [1, kvHeads, n, d]
  const join = (prefix: Tensor, own: Tensor) => tf.concat([tf.mul(heads(prefix), each), own], 2); // [B, kvHeads, n + T, d]
  return (fresh) => ({ keys: join(keys, fresh.keys), values: join(values, fresh.values) });
}

/** Parameters and code outside the layers: embedding, final norm, head. */
export function outside(view: View): { params: Params; wrap: Wrap } {
  return applied(view, baseParts(view).rest, parts(view.trained ?? {}, view.config.layers).rest, "outside");
}

/** Token embeddings under the method: ids int32 [n] → [n, H]. */
export function embedded(view: View, ids: Tensor): Tensor {
  const { params, wrap } = outside(view);
  return embed(params, ids, wrap);
}

export interface Surroundings { batch: number; rope: RopeTables; mask: Tensor }
type Others = { base: Params; key: Tensor | null; rope: { cos: Tensor; sin: Tensor }; mask: Tensor; batch: number };
type LayerFunction = (x: Tensor, trained: Params, others: Others) => Tensor;
type Block = (d: { x: Tensor; trained: Params }, o: Others) => Tensor;

const layerOf = ({ config, method }: View): LayerFunction => (x, trained, { base, key, rope, mask, batch }) => {
  const { params, wrap } = applied({ params: base, config, method, key: key ?? undefined }, base, trained, "layer");
  return layer(x, params, { config, batch, rope, mask, wrap }, behindPrefix({ method, config }, trained, batch));
};

/** One compiled layer for each combination of architecture, method and options. */
const blocks = perOption<string, Block>();
const blockOf = (view: View): Block => {
  const { recompute = "cheap", precision = "float32" } = view.pass ?? {};
  return blocks(`${recompute} ${precision}`, view.config, view.method, () => {
    const run = layerOf(view);
    return compiledBlock(({ x, trained }: { x: Tensor; trained: Params }, others: Others) => run(x, trained, others), { recompute, precision }) as Block;
  });
};

type Fused = NonNullable<GradientPass["fused"]>;
const fusedBlocks = new WeakMap<Fused["use"], Made<FusedBlock<Params, Others, Tree, Tree>>>();
function fusedBlockOf(view: View, { use }: Fused): FusedBlock<Params, Others, Tree, Tree> {
  if (!fusedBlocks.has(use)) fusedBlocks.set(use, new WeakMap());
  return perMethod(fusedBlocks.get(use)!, view.config, view.method, () => fusedBlock(layerOf(view) as never, use as never, view.pass));
}

/** All layers, without the final norm: rows [B·T, H] → [B·T, H]. */
export function throughLayers(view: View, x: Tensor, { batch, rope, mask }: Surroundings): Tensor {
  const count = view.config.layers, base = baseParts(view).layers, trained = parts(view.trained ?? {}, count).layers, fused = view.pass?.fused;
  if (fused) x = tf.add(x, fused.anchor);
  for (let l = 0; l < count; l++) {
    const others: Others = { base: base[l], key: view.key ? foldIn(view.key, String(l)) : null, rope: { ...rope }, mask, batch };
    x = fused && Object.keys(trained[l]).length
      ? fusedBlockOf(view, fused)(x, trained[l], others, fused.extra(l), (result) => fused.receive(l, result))
      : blockOf(view)({ x, trained: trained[l] }, others);
  }
  return x;
}

interface Cached { x: Tensor; keys: Tensor; values: Tensor }
type CachedLayer = (x: Tensor, parts: { base: Params; trained: Params }, s: { batch: number; rope: { cos: Tensor; sin: Tensor }; mask: Tensor }, past: { keys: Tensor; values: Tensor; here: Tensor } | null, slots: number) => Cached;
const cachedLayers: Made<CachedLayer> = new WeakMap();

/** One layer that keeps its keys and values in `slots` slots: a prompt fills the first, a later token the one marked by `here`. */
function cachedLayerOf({ config, method }: View): CachedLayer {
  return perMethod(cachedLayers, config, method, () => {
    const run: CachedLayer = (x, { base, trained }, surroundings, past, slots) => {
      const { params, wrap } = applied({ params: base, config, method }, base, trained, "layer");
      let cache!: KeyValues;
      const put = (old: Tensor, fresh: Tensor, here: Tensor) => tf.add(tf.mul(old, tf.sub(1, here)), tf.mul(fresh, here));
      const y = layer(x, params, { config, wrap, ...surroundings }, (own) => {
        const pad = (t: Tensor) => tf.pad(t, [[0, 0], [0, 0], [0, slots - t.shape[2]!], [0, 0]]);
        const fresh = past ? own : behindPrefix({ method, config }, trained, surroundings.batch)(own);
        cache = past ? { keys: put(past.keys, fresh.keys, past.here), values: put(past.values, fresh.values, past.here) } : { keys: pad(fresh.keys), values: pad(fresh.values) };
        return past ? cache : fresh;
      });
      return { x: y, ...cache };
    };
    const step = jit(run as never) as unknown as CachedLayer;
    // A prompt has a length of its own and is read once: compiling it would cost more than it saves. What a layer needed meanwhile is freed at its end.
    return (x, parts, surroundings, past, slots) => (past ? step(x, parts, surroundings, past, slots) : tf.tidy(() => ({ ...run(x, parts, surroundings, past, slots) })));
  });
}

/** All layers with their cache, for generation; never differentiated. Returns the rows and each layer's new cache. */
export function throughLayersCached(view: View, x: Tensor, { batch, rope, mask }: Surroundings, slots: number, step?: { past: readonly KeyValues[]; here: Tensor }): { x: Tensor; cache: KeyValues[] } {
  const count = view.config.layers, base = baseParts(view).layers, trained = parts(view.trained ?? {}, count).layers, run = cachedLayerOf(view), cache: KeyValues[] = [];
  for (let l = 0; l < count; l++) {
    const { keys, values, ...rest } = run(x, { base: base[l], trained: trained[l] }, { batch, rope: { ...rope }, mask }, step ? { ...step.past[l], here: step.here } : null, slots);
    cache.push({ keys, values });
    x = rest.x;
  }
  return { x, cache };
}

type Head = (x: Tensor, parts: { base: Params; trained: Params }) => Tensor;
const heads: Made<Head> = new WeakMap();
/** Final norm and output head, compiled: rows [n, H] → logits [n, vocabulary]. For generation; never differentiated. */
export function headOf(view: View): (x: Tensor) => Tensor {
  const { config, method } = view;
  const run = perMethod(heads, config, method, () => jit(((x: Tensor, { base, trained }: { base: Params; trained: Params }) => {
    const { params, wrap } = applied({ params: base, config, method }, base, trained, "outside");
    return head(x, params, config, wrap);
  }) as never) as unknown as Head);
  return (x) => run(x, { base: baseParts(view).rest, trained: parts(view.trained ?? {}, config.layers).rest });
}

/** Compiled functions by architecture and method; they go when those do. */
type Made<T> = WeakMap<ModelConfig, WeakMap<object, T>>;
/** What `make` makes, once for each combination of architecture and method. */
function perMethod<T>(known: Made<T>, config: ModelConfig, method: Method | undefined, make: () => T): T {
  let byMethod = known.get(config);
  if (!byMethod) known.set(config, (byMethod = new WeakMap()));
  let made = byMethod.get(method ?? noMethod);
  if (!made) byMethod.set(method ?? noMethod, (made = make()));
  return made;
}
const noMethod = {};

/** Remembers what `make` makes, once for each combination of option, architecture and method. */
export function perOption<O, T>(): (option: O, config: ModelConfig, method: Method | undefined, make: () => T) => T {
  const known = new Map<O, Made<T>>();
  return (option, config, method, make) => {
    if (!known.has(option)) known.set(option, new WeakMap());
    return perMethod(known.get(option)!, config, method, make);
  };
}
