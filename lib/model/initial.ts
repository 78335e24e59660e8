/** Weights of an untrained model, as GPT-2 drew them (Radford et al. 2019, section 2.3) and Qwen2's code does with `initializer_range`. */
import { Random, tf, type Params } from "../tensor";
import { parameterShapes, type ModelConfig } from "./config";

/**
 * Matrices from N(0, deviation²), those that write into the residual stream (o_proj, down_proj) smaller by 1/√(2·layers), norms 1, biases 0.
 * A pure function of architecture and seed.
 */
export function initialParams(config: ModelConfig, seed: number, deviation = 0.02): Params {
  const residual = deviation / Math.sqrt(2 * config.layers);
  return Object.fromEntries(Object.entries(parameterShapes(config)).map(([name, shape]) => {
    if (name.endsWith("norm.weight")) return [name, tf.ones(shape)];
    if (name.endsWith(".bias")) return [name, tf.zeros(shape)];
    const random = new Random(seed, name), scale = /(o_proj|down_proj)\.weight$/.test(name) ? residual : deviation;
    return [name, tf.tensor(Float32Array.from({ length: shape[0] * shape[1] }, () => scale * random.normal()), shape)];
  }));
}
