/**
 * Blocks whose backward program uses the gradients of the block's weights itself, so that they never exist outside it:
 * LOMO's fused backward (Lv et al. 2023, algorithm 1) when the use is an update, its gradient-norm pass when it is Σ g².
 * Only the block's input is kept for the backward pass; the rest is computed again there.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { tf } from "../backend";
import { jit } from "./jit";
import { isolated } from "./record";
import { flatten, unflatten, type Tree } from "./tree";

/** y = f(x, weights, others); at the backward pass `receive` gets use(weights, gradients, extra), and only x gets a gradient. */
export type FusedBlock<W extends Tree, O extends Tree, E extends Tree, R extends Tree> = (x: Tensor, weights: W, others: O, extra: E, receive: (result: R) => void) => Tensor;

export function fusedBlock<W extends Tree, O extends Tree, E extends Tree, R extends Tree>(
  f: (x: Tensor, weights: W, others: O) => Tensor, use: (weights: W, gradients: W, extra: E) => R,
): FusedBlock<W, O, E, R> {
  const forward = jit(f as (...args: Tree[]) => Tensor);
  const backward = jit(((x: Tensor, dy: Tensor, weights: W, others: O, extra: E) => {
    const [dx, ...gradients] = tf.grads((x, ...w) => f(x as Tensor, unflatten(weights, w), others))([x, ...flatten(weights).tensors], dy);
    return { dx, result: use(weights, unflatten(weights, gradients), extra) };
  }) as (...args: Tree[]) => { dx: Tensor; result: R });
  return (x, weights, others, extra, receive) => {
    const apart = { weights, others, extra }, constants = flatten(apart as Tree).tensors;
    return tf.customGrad((x, save) => {
      (save as (t: Tensor[]) => void)([x as Tensor, ...constants]); // what the caller makes for one pass is gone when the gradient runs
      return {
        value: forward(x as Tensor, weights, others),
        gradFunc: (dy: Tensor, [x, ...saved]: Tensor[]) => {
          const { weights, others, extra } = unflatten(apart as Tree, saved) as typeof apart, { dx, result } = isolated(() => backward(x, dy, weights, others, extra)); // it differentiates, too
          [x, ...saved].forEach((t) => t.dispose()); // at once, not at the end of the whole pass: the weights that were replaced go with them
          receive(result);
          return dx;
        },
      };
    })(x) as Tensor;
  };
}
