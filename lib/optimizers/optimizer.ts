/** HOW parameters move: the interface of every optimizer, one tensor at a time (so that a fused backward pass can use it early). */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { Params } from "../tensor";

export interface Optimizer {
  name: string;
  settings: Readonly<Record<string, unknown>>;
  /** Updates each layer inside its own backward pass (train() then needs no memory for gradients, and takes one batch a step). */
  fused?: boolean;
  /** State of one tensor before the first step. */
  init(p: Tensor): Params;
  /** One step: parameter, its gradient, its state, learning rate → new parameter and state. Inputs are left alone. */
  step(p: Tensor, g: Tensor, state: Params, learningRate: Scalar): { p: Tensor; state: Params };
}
