/** TOWARD WHAT: the interface of every training objective. */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import type { GradientPass, Model } from "../model";
import type { Params } from "../tensor";

/** What training, Hessians and landscapes all take: trained tensors and a batch → mean loss. `key` seeds dropout, in training only. */
export type Loss<Batch> = (trained: Params, batch: Batch, key?: Tensor) => Scalar;

export interface Objective<Example, Batch extends { weight: number }> {
  name: string;
  /** Number of tokens of an example: batches are made of examples of like length. */
  length(example: Example): number;
  /** One batch from examples, as plain arrays; its `weight` is what the mean in the loss runs over (target tokens, pairs, …). */
  collate(examples: readonly Example[]): Batch;
  /** The loss as a function of what is trained. `pass` says how gradients go through the layers. */
  loss(model: Pick<Model, "config" | "params">, method: Method, pass?: GradientPass): Loss<Batch>;
}
