/**
 * Bottleneck adapters: small networks beside or behind the sublayers.
 *   A(h) = s · (W_up f(W_down h + b_down) + b_up),  W_down [d/r, d]
 *   sequential: y = h + A(h), h the sublayer's output before the residual is added (Houlsby et al. 2019, section 2.1)
 *   pfeiffer:   y = z + A(z), z the residual stream behind the sublayer (Pfeiffer et al. 2020)
 *   parallel:   y = z + A(x), x the residual stream before the sublayer (He et al. 2022, table 1), s = 4, W_up starts at 0
 * Sequential ones start near the identity: normal weights of deviation 0.01, cut at two deviations.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { Random, relu, silu, tf } from "../tensor";
import { drawn, linear } from "./encoder";
import type { Method } from "./method";

export interface BottleneckOptions {
  form?: "sequential" | "pfeiffer" | "parallel";
  /** The bottleneck is hiddenSize / reduction wide. Default 16; parallel 2. */
  reduction?: number;
  /** Behind which sublayers; default both for sequential, the feed-forward one for the others. */
  after?: readonly ("attention" | "feed-forward")[];
  /** f. */
  activation?: "relu" | "silu";
  /** s; default 1, parallel 4. */
  scale?: number;
}

/** Names of an adapter's tensors, as adapter-hub has them without the adapter's own name. */
export const ADAPTER_SITES = { attention: "attention_adapters", "feed-forward": "output_adapters" } as const;

export function adapter({
  form = "sequential", reduction = form === "parallel" ? 2 : 16, after = form === "sequential" ? ["attention", "feed-forward"] : ["feed-forward"],
  activation = "relu", scale = form === "parallel" ? 4 : 1,
}: BottleneckOptions = {}): Method {
  const choose = (name: string, value: unknown, choices: readonly string[]) => {
    if (!choices.includes(value as string)) throw new TunelabError(`Adapter: ${name} "${value}" is unknown; choose from ${choices.join(", ")}.`);
  };
  choose("form", form, ["sequential", "pfeiffer", "parallel"]);
  choose("activation", activation, ["relu", "silu"]);
  after.forEach((place) => choose("place", place, Object.keys(ADAPTER_SITES)));
  if (!after.length || new Set(after).size !== after.length) throw new TunelabError(`Adapter: after is [${after.join(", ")}]; name "attention", "feed-forward", or each once.`);
  if (!(reduction >= 1 && Number.isFinite(reduction))) throw new TunelabError(`Adapter: reduction is ${reduction}; it must be a number of at least 1.`);
  if (!Number.isFinite(scale)) throw new TunelabError(`Adapter: scale is ${scale}; it must be a number.`);
  const f = activation === "relu" ? relu : silu;
  return {
    name: "adapter",
    settings: { form, reduction, after, activation, scale },
    learningRate: 1e-3,

    init(_base, config, seed) {
      const width = Math.floor(config.hiddenSize / reduction), trained: Record<string, Tensor> = {};
      if (width < 1) throw new TunelabError(`Adapter: a reduction by ${reduction} leaves nothing of the model's ${config.hiddenSize} dimensions; choose at most ${config.hiddenSize}.`);
      for (let l = 0; l < config.layers; l++)
        for (const place of after) {
          const at = `model.layers.${l}.${ADAPTER_SITES[place]}`, random = new Random(seed, at);
          const cut = (): number => { const x = random.normal(); return Math.abs(x) <= 2 ? 0.01 * x : cut(); };
          const bound = 1 / Math.sqrt(config.hiddenSize), down = form === "parallel" ? () => (2 * random.uniform() - 1) * bound : cut;
          trained[`${at}.adapter_down.0.weight`] = drawn([width, config.hiddenSize], down);
          trained[`${at}.adapter_down.0.bias`] = tf.zeros([width]);
          trained[`${at}.adapter_up.weight`] = form === "parallel" ? tf.zeros([config.hiddenSize, width]) : drawn([config.hiddenSize, width], cut);
          trained[`${at}.adapter_up.bias`] = tf.zeros([config.hiddenSize]);
        }
      return trained;
    },

    wrap: (trained) => (site, x, next) => {
      const [, layer, part] = /^(model\.layers\.\d+)\.(self_attn|mlp|attention_block|mlp_block)$/.exec(site) ?? [];
      if (!part || part.endsWith("_block") === (form === "sequential")) return next(x);
      const at = `${layer}.${ADAPTER_SITES[part === "mlp" || part === "mlp_block" ? "feed-forward" : "attention"]}`;
      if (!trained[`${at}.adapter_up.weight`]) return next(x);
      const A = (h: Tensor) => tf.mul(linear(f(linear(h, trained, `${at}.adapter_down.0`)), trained, `${at}.adapter_up`), scale);
      const y = next(x);
      return tf.add(y, A(form === "parallel" ? x : y));
    },
  };
}
