/**
 * Weights stored in 16 bits without a float32 copy: what an optimizer makes is rounded after every step, so an update of less than half the
 * distance to the next number is lost (Micikevicius et al. 2018, section 3.1). To see why mixed precision keeps float32 master weights, which
 * train() always does: with `precision: "half"` only the inputs of matrix products are rounded.
 */
import { TunelabError } from "../errors";
import { rounded, type Format } from "./formats";
import type { Optimizer } from "./optimizer";

/** The optimizer, its parameters rounded to `format` after every step; its own state stays float32. */
export function storedIn(format: Format, optimizer: Optimizer): Optimizer {
  if (format !== "half" && format !== "bfloat16") throw new TunelabError(`storedIn: "${format}" is no 16-bit format; choose half or bfloat16.`);
  return {
    ...optimizer,
    name: `${optimizer.name}-${format}`,
    settings: { ...optimizer.settings, stored: format },
    step(p, g, state, learningRate) {
      const next = optimizer.step(p, g, state, learningRate);
      return { p: rounded(next.p, format), state: next.state };
    },
  };
}
