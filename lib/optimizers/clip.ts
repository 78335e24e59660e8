/** Clipping of gradients by their global norm (Pascanu et al. 2013), as torch.nn.utils.clip_grad_norm_ does it. */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { tf } from "../tensor";

/** Σ g² over all tensors: the square of their global norm. */
export const sumOfSquares = (gradients: readonly Tensor[]): Scalar => tf.addN(gradients.map((g) => tf.tidy(() => tf.sum(tf.square(g))))) as Scalar;

/** What gradients of the global norm `norm` are multiplied by: min(1, max / (norm + 1e-6)). */
export const clipFactor = (norm: number, max: number): number => Math.min(1, max / (norm + 1e-6));
