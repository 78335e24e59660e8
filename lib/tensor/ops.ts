/**
 * Differentiable operations that TensorFlow.js has, but whose second derivatives it gets silently wrong or lacks:
 * its gradients use the saved *output*, whose own dependence on the input is lost when gradients are nested.
 * Here every gradient saves the input and recomputes, so that nesting is right at any depth.
 */
import type { Tensor, Scalar } from "@tensorflow/tfjs";
import { tf } from "./backend";

type Gradient = (dy: Tensor, x: Tensor) => Tensor;
/** A one-input operation with a gradient written in terms of its input. */
const withGradient = (forward: (x: Tensor) => Tensor, gradient: Gradient) => (x: Tensor): Tensor =>
  tf.customGrad((x, save) => {
    (save as (t: Tensor[]) => void)([x as Tensor]);
    return { value: forward(x as Tensor), gradFunc: (dy: Tensor, [x]: Tensor[]) => gradient(dy, x) };
  })(x) as Tensor;

/** eˣ, elementwise. */
export const exp: (x: Tensor) => Tensor = withGradient((x) => tf.exp(x), (dy, x) => tf.mul(dy, exp(x)));

/** 1 / (1 + e⁻ˣ), elementwise. */
export const sigmoid: (x: Tensor) => Tensor = withGradient(
  (x) => tf.sigmoid(x),
  (dy, x) => { const y = sigmoid(x); return tf.mul(dy, tf.mul(y, tf.sub(1, y))); },
);

/** x · sigmoid(x), elementwise (Elfwing et al. 2017; "swish"). */
export const silu = (x: Tensor): Tensor => tf.mul(x, sigmoid(x));

/** Softmax over the last axis. */
export const softmax: (x: Tensor) => Tensor = withGradient(
  (x) => tf.softmax(x),
  (dy, x) => { const y = softmax(x), g = tf.mul(dy, y); return tf.sub(g, tf.mul(tf.sum(g, -1, true), y)); },
);

/** log Σ eˣ over the last axis; [..., n] → [...]. */
export const logSumExp: (x: Tensor) => Tensor = withGradient(
  (x) => { const top = tf.max(x, -1, true); return tf.add(tf.log(tf.sum(tf.exp(tf.sub(x, top)), -1)), tf.squeeze(top, [-1])); },
  (dy, x) => tf.mul(tf.expandDims(dy, -1), softmax(x)),
);

/**
 * −log softmax(logits)[label] of each row, in nats: logits [n, vocabulary], labels int32 [n] → [n].
 * A label outside the vocabulary gives the row's logSumExp; check labels before they get here.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const picked = tf.sum(tf.mul(logits, tf.oneHot(labels as never, logits.shape.at(-1)!)), -1);
  return tf.sub(logSumExp(logits), picked);
}

/** Mean of `values` under `weights` (both [n]); weight 0 leaves an entry out. */
export const weightedMean = (values: Tensor, weights: Tensor): Scalar =>
  tf.div(tf.sum(tf.mul(values, weights)), tf.sum(weights)) as Scalar;

/** Root-mean-square normalisation over the last axis times `weight` (Zhang & Sennrich 2019): [..., n], [n] → [..., n]. */
export const rmsNorm = (x: Tensor, weight: Tensor, eps: number): Tensor =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))), weight);
