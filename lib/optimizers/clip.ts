/** Clipping of gradients by their global norm (Pascanu et al. 2013), as torch.nn.utils.clip_grad_norm_ does it. */
import type { Scalar } from "@tensorflow/tfjs";
import { mapParams, tf, type Params } from "../tensor";

/** √Σ g² over all tensors. */
export const globalNorm = (gradients: Params): Scalar =>
  tf.sqrt(tf.addN(Object.values(gradients).map((g) => tf.sum(tf.square(g))))) as Scalar;

/** Gradients scaled by min(1, max / (norm + 1e-6)). */
export const clipByNorm = (gradients: Params, norm: Scalar, max: number): Params => {
  const factor = tf.minimum(tf.div(max, tf.add(norm, 1e-6)), 1);
  return mapParams(gradients, (g) => tf.mul(g, factor));
};
