/**
 * Differentiable operations that TensorFlow.js has, but whose second derivatives it gets silently wrong or lacks:
 * its gradients use the saved *output*, whose own dependence on the input is lost when gradients are nested.
 * Here every gradient saves the input and recomputes, so that nesting is right at any depth.
 */
import type { Tensor, Scalar } from "@tensorflow/tfjs";
import { nativeBackend, tf } from "./backend";

/**
 * An operation differentiable in x, its gradient written in terms of x. `constants` are not differentiated, but saved with x:
 * the gradient runs when all other tensors of the forward pass are gone. What either makes on its way is freed at once.
 */
const withGradient = <C extends Tensor[]>(forward: (x: Tensor, ...constants: C) => Tensor, gradient: (dy: Tensor, x: Tensor, ...constants: C) => Tensor) =>
  (x: Tensor, ...constants: C): Tensor =>
    tf.customGrad((x, save) => {
      (save as (t: Tensor[]) => void)([x as Tensor, ...constants]);
      return { value: tf.tidy(() => forward(x as Tensor, ...constants)), gradFunc: (dy: Tensor, [x, ...constants]: Tensor[]) => tf.tidy(() => gradient(dy, x, ...(constants as C))) };
    })(x) as Tensor;

/** eˣ, elementwise. */
export const exp: (x: Tensor) => Tensor = withGradient((x) => tf.exp(x), (dy, x) => tf.mul(dy, exp(x)));

/** 1 / (1 + e⁻ˣ), elementwise. */
export const sigmoid: (x: Tensor) => Tensor = withGradient(
  (x) => tf.sigmoid(x),
  (dy, x) => { const y = sigmoid(x); return tf.mul(dy, tf.mul(y, tf.sub(1, y))); },
);

/** log(1 + eˣ), elementwise; −softplus(−x) is the logarithm of sigmoid(x). */
export const softplus: (x: Tensor) => Tensor = withGradient((x) => tf.softplus(x), (dy, x) => tf.mul(dy, sigmoid(x)));

/** x · sigmoid(x), elementwise (Elfwing et al. 2017; "swish"). */
export const silu = (x: Tensor): Tensor => tf.mul(x, sigmoid(x));

/** Hyperbolic tangent, elementwise. */
export const tanh: (x: Tensor) => Tensor = withGradient((x) => tf.tanh(x), (dy, x) => tf.mul(dy, tf.sub(1, tf.square(tanh(x)))));

/** 1 where x > 0, else 0; its slope is 0 everywhere, and not missing as that of tfjs's comparisons. */
const positive: (x: Tensor) => Tensor = withGradient((x) => tf.cast(tf.greater(x, 0), "float32"), (dy) => tf.zerosLike(dy));

/** max(x, 0), elementwise; slope 0 at 0. */
export const relu: (x: Tensor) => Tensor = withGradient((x) => tf.relu(x), (dy, x) => tf.mul(dy, positive(x)));

/** min(1, max(0, x)), elementwise; slope 0 at and beyond the ends. */
export const clampUnit: (x: Tensor) => Tensor = withGradient(
  (x) => tf.clipByValue(x, 0, 1),
  (dy, x) => tf.mul(dy, tf.mul(positive(x), positive(tf.sub(1, x)))),
);

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
export const crossEntropy: (logits: Tensor, labels: Tensor) => Tensor = withGradient(
  (x, labels) => tf.sub(logSumExp(x), tf.sum(tf.mul(x, chosen(x, labels)), -1)),
  (dy, x, labels) => tf.mul(tf.expandDims(dy, -1), tf.sub(softmax(x), chosen(x, labels))),
);
const chosen = (x: Tensor, labels: Tensor): Tensor => tf.oneHot(labels as never, x.shape.at(-1)!);

/** Mean of `values` under `weights` (both [n]); weight 0 leaves an entry out. */
export const weightedMean = (values: Tensor, weights: Tensor): Scalar =>
  tf.div(tf.sum(tf.mul(values, weights)), tf.sum(weights)) as Scalar;

/** Root-mean-square normalisation over the last axis times `weight` (Zhang & Sennrich 2019): [..., n], [n] → [..., n]. */
export const rmsNorm = (x: Tensor, weight: Tensor, eps: number): Tensor =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))), weight);

/**
 * Rows of a matrix by index: x [n, m], indices int32 [k] → [k, m]. Unlike tf.gather it does not read the indices back to
 * check them (so it can be recorded, and costs no round trip); an index outside [0, n) is the caller's mistake.
 */
export function takeRows(x: Tensor, indices: Tensor): Tensor {
  const n = x.shape[0];
  return withGradient(gatherRows, (dy, _x, indices) => addRows(dy, indices, n))(x, indices);
}

/** The transpose of takeRows: rows [k, m] are added up at their indices → [n, m]. */
export const addRows = (rows: Tensor, indices: Tensor, n: number): Tensor =>
  withGradient((rows, indices) => sumRows(rows, indices, n), (dy, _rows, indices) => takeRows(dy, indices))(rows, indices);

/** WebAssembly has only the second kernel; it, too, adds up rows of the same index. */
const sumRows = (rows: Tensor, indices: Tensor, n: number): Tensor =>
  tf.getKernel("UnsortedSegmentSum", tf.getBackend())
    ? tf.unsortedSegmentSum(rows, indices as never, n)
    : tf.scatterND(tf.expandDims(indices, -1), rows, [n, ...rows.shape.slice(1)]);

function gatherRows(x: Tensor, indices: Tensor): Tensor {
  const native = nativeBackend();
  if (!native) return tf.gather(x, indices as never);
  const { TF_ATTR_TYPE: type, TF_INT32, TF_ATTR_INT } = native.binding;
  return native.executeSingleOutput("GatherV2", [
    { name: "Tparams", type, value: native.getDTypeInteger(x.dtype) }, { name: "Tindices", type, value: TF_INT32 }, { name: "Taxis", type, value: TF_INT32 },
    { name: "batch_dims", type: TF_ATTR_INT, value: 0 },
  ], [x, indices, tf.scalar(0, "int32")]);
}
