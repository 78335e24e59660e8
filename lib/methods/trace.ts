/**
 * Where a method sits: the modules that one forward pass really goes through, with the shapes that they saw, and the trained
 * tensors that the method read at each. Found by watching the pass, not from what a method is called. Of methods that change
 * weights instead of adding code (BitFit, FISH, full, …) there is nothing to see.
 */
import { logits, type Inputs, type Model } from "../model";
import { noWrap, type Wrap } from "../model/transformer";
import type { Params } from "../tensor";
import type { Adapter, Method } from "./method";

export interface SiteTrace {
  /** Name of the module, e.g. "model.layers.0.self_attn.q_proj"; the layers are alike, so only layer 0 is listed. */
  site: string;
  /** How many modules it lies in. */
  depth: number;
  /** Shapes of what goes in and comes out: rows of tokens. */
  input: number[];
  output: number[];
  /** Trained tensors that the method read here, with their shapes. */
  trained: Record<string, number[]>;
}

/** The modules of embedding, layer 0 and head, from the outside in, in the order in which one pass through the model enters them. */
export function traceSites({ params, config }: Pick<Model, "params" | "config">, { method, trained }: Adapter, inputs: Inputs): SiteTrace[] {
  const found: SiteTrace[] = [], open: SiteTrace[] = [], early: Record<string, number[]> = {};
  let layers = 0;
  /** The same tensors; reading one notes it with the module that is being worked on, or, before any, with the first whose result the method changes (a prefix changes attention from within). */
  const watched = (tensors: Params): Params => new Proxy(tensors, {
    get: (all, name) => {
      const tensor = Reflect.get(all, name) as Params[string] | undefined;
      if (tensor && typeof name === "string") (open.at(-1)?.trained ?? early)[name] = tensor.shape;
      return tensor;
    },
  });
  const wrap = (own: Params, key?: Params[string]): Wrap => {
    const inner = method.wrap?.(watched(own), key) ?? noWrap;
    return (site, x, next) => {
      if (layers > 0 && /\.layers\./.test(site)) return inner(site, x, next); // uncompiled, every layer passes under the name of the first
      const here: SiteTrace = { site, depth: open.length, input: x.shape, output: [], trained: {} };
      found.push(here);
      open.push(here);
      try {
        let plain: Params[string] | undefined;
        const y = inner(site, x, (given) => (plain = next(given)));
        here.output = y.shape;
        if (y !== plain || (method.prefix && site.endsWith(".self_attn"))) for (const name of Object.keys(early)) { here.trained[name] = early[name]; delete early[name]; }
        return y;
      } finally {
        open.pop();
        if (/\.layers\.\d+$/.test(site)) layers++;
      }
    };
  };
  // a method of its own, so that nothing compiled before is used
  const seen: Method = { ...method, wrap, ...(method.prefix && { prefix: { ...method.prefix, keyValues: (own: Params) => method.prefix!.keyValues(watched(own)) } }) };
  logits({ params, config, method: seen, trained }, inputs).dispose();
  return found;
}
