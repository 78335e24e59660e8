/** A model that says what a script tells it to: for tests of what happens to the tokens after they were chosen. */
import { tf } from "tunelab/tensor";
import type { Adapter } from "tunelab/methods";
import type { Model } from "tunelab/model";

/**
 * An adapter that replaces the head's logits: step n makes `script[row][n]` certain, and the end token after the script's end.
 * It counts steps, which no real method may do: run it with withJit(false), or its first step would be compiled in.
 */
export function scripted(model: Model, ...script: number[][]): Adapter {
  let step = 0;
  const end = model.tokenizer.eos[0];
  return {
    trained: {},
    method: {
      name: "script", settings: {}, init: () => ({}),
      wrap: () => (site, x, next) => {
        if (site !== "lm_head") return next(x);
        const n = step++;
        return tf.oneHot(tf.tensor1d(script.map((ids) => ids[n] ?? end), "int32"), model.config.vocabSize, 50, 0) as typeof x;
      },
    },
  };
}
