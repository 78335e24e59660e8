/** How many numbers a method trains, from the architecture alone: no weights are needed, so it can be asked of models too large to load. */
import { TunelabError } from "../errors";
import { parameterShapes, type ModelConfig } from "../model/config";
import { count, tf, type Params } from "../tensor";
import type { Method } from "./method";
import { selectParameters, type Selection } from "./targets";

/** Names, shapes and sizes stand for the base; biases are real zeros, because methods copy them. Use it inside tf.tidy. */
const outline = (config: ModelConfig): Params => Object.fromEntries(Object.entries(parameterShapes(config)).map(([name, shape]) =>
  [name, name.endsWith(".bias") ? tf.zeros(shape) : { shape, rank: shape.length, size: shape.reduce((a, b) => a * b, 1) }])) as unknown as Params;

/** Number of scalars in the chosen parameters of a model of this architecture: "all", those of the "layers", or of modules. */
export function parametersByShape(config: ModelConfig, selection: Selection = "all"): number {
  return tf.tidy(() => { const base = outline(config); return selectParameters(base, selection).reduce((sum, name) => sum + base[name].size, 0); });
}

/**
 * Number of scalars that the method trains on a model of this architecture. Methods that are made for given weights (FISH mask and other sparse
 * ones) cannot be asked: there it is density × parametersByShape.
 */
export function trainableByShape(config: ModelConfig, { name, settings, init }: Method): number {
  const { parameters, structure, tokens, start } = settings as { parameters: Selection; structure?: string; tokens: number; start?: unknown };
  if (settings.entries !== undefined || settings.dora) throw new TunelabError(`trainableByShape: method "${name}" begins from the weights themselves; make it for a loaded model and take trainableCount.`);
  if (name === "full") return parametersByShape(config, parameters);
  if (name === "prompt") return tokens * config.hiddenSize;
  if (name === "prefix" && start !== "random") return 2 * config.layers * tokens * config.keyValueHeads * config.headDim;
  return tf.tidy(() => {
    const base = outline(config);
    if (name !== "diff-pruning") return count(init(base, config, 0));
    const shared = ({ shape }: { shape: number[] }) => (structure === "none" ? 0 : structure === "row" && shape.length === 2 ? shape[0] : 1);
    return selectParameters(base, parameters).reduce((sum, of) => sum + 2 * base[of].size + shared(base[of]), 0);
  });
}
