/** Do the tensors of a checkpoint fit the architecture that its config names? */
import { TunelabError } from "../errors";
import { parameterShapes, type ModelConfig } from "./config";

/** Buffers that older checkpoints carry along and that follow from the config. */
const DERIVED = /\.(rotary_emb\.inv_freq|masked_bias|attn\.bias)$/;

/** Checks names and shapes against the architecture; one error names every missing, extra and mis-shaped tensor. */
export function checkTensors(tensors: ReadonlyMap<string, { shape: readonly number[] }>, config: ModelConfig, where: string): string[] {
  const expected = parameterShapes(config), problems: string[] = [];
  for (const [name, shape] of Object.entries(expected)) {
    const found = tensors.get(name);
    if (!found) problems.push(`missing: ${name} [${shape}]`);
    else if (found.shape.join() !== shape.join()) problems.push(`wrong shape: ${name} is [${found.shape}], config.json implies [${shape}]`);
  }
  for (const name of tensors.keys())
    if (!Object.hasOwn(expected, name) && !DERIVED.test(name) && !(config.tied && name === "lm_head.weight")) problems.push(`not part of this architecture: ${name}`);
  if (problems.length) {
    const shown = problems.slice(0, 40).join("\n  "), more = problems.length > 40 ? `\n  … and ${problems.length - 40} more` : "";
    throw new TunelabError(`${where}: ${problems.length} tensors do not fit config.json (${config.architecture}, ${config.layers} layers):\n  ${shown}${more}\nUse the config.json that belongs to these weights, or download the folder again.`);
  }
  return Object.keys(expected);
}
