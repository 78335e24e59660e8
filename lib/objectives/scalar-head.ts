/**
 * A head that gives one number for a position: w · norm(h), h the last layer's output, norm the model's final norm, w [1, H] trained from 0.
 * With it a language model is a reward model (`score.weight`, as transformers names it) or has a value function (`value_head.weight`).
 */
import type { Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import { applied, baseParts, perOption, type Model, type ModelConfig } from "../model";
import { compiledBlock, rmsNorm, takeRows, tf, type Params, type Precision } from "../tensor";

export const SCORE = "score.weight", VALUE = "value_head.weight";

/** The head at step 0: every score is 0. */
export const headStart = (name: string, { hiddenSize }: ModelConfig): Params => ({ [name]: tf.zeros([1, hiddenSize]) });

/** The head, and what the method trains. */
export function splitHead(name: string, trained: Params): { weight: Tensor; own: Params } {
  const { [name]: weight, ...own } = trained;
  return { weight, own };
}

/** What the method trains, without any head. */
export function withoutHeads(trained: Params): Params {
  const { [SCORE]: _score, [VALUE]: _value, ...own } = trained;
  return own;
}

type Score = (d: { x: Tensor; weight: Tensor; outside: Params }, o: { base: Params; rows: Tensor }) => Tensor;
const heads = perOption<Precision, Score>();
const scoreOf = (config: ModelConfig, method: Method, precision: Precision = "float32"): Score =>
  heads(precision, config, method, () => compiledBlock(
    ({ x, weight, outside }, { base, rows }) => {
      const { params } = applied({ params: base, config, method }, base, outside, "outside");
      return tf.reshape(tf.matMul(rmsNorm(takeRows(x, rows), params["model.norm.weight"], config.rmsNormEps) as never, weight as never, false, true), [-1]);
    },
    { precision },
  ));

/** (hidden states [m, H], head [1, H], trained tensors outside the layers, rows [n]) → scores [n]. */
export function scalarHead({ config, params }: Pick<Model, "config" | "params">, method: Method, precision?: Precision): (x: Tensor, weight: Tensor, outside: Params, rows: ArrayLike<number>) => Tensor {
  // Only the norm's: a matrix of the vocabulary's size would be carried along as an argument.
  const ofNorm = (params: Params): Params => Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith("model.norm.")));
  const base = ofNorm(baseParts({ params, config, method }).rest), score = scoreOf(config, method, precision);
  return (x, weight, outside, rows) => score({ x, weight, outside: ofNorm(outside) }, { base, rows: tf.tensor1d(Int32Array.from(rows), "int32") });
}
