/** TOWARD WHAT: the interface of every training objective. */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import type { GradientPass, Model, ModelConfig } from "../model";
import type { Params } from "../tensor";

/** Receives what was measured on a batch beside the loss (margins, KL, …): scalars, means over the batch. They may be read at once. */
export type Note = (measured: Readonly<Record<string, Tensor>>) => void;

/** What training, Hessians and landscapes all take: trained tensors and a batch → mean loss. `key` seeds dropout, in training only. */
export type Loss<Batch> = (trained: Params, batch: Batch, key?: Tensor, note?: Note) => Scalar;

export interface Objective<Example, Batch extends { weight: number }> {
  name: string;
  /** Hyper-parameters, as given to the factory with defaults filled in; a run is resumed with the same only. */
  settings?: Readonly<Record<string, unknown>>;
  /** The learning rate to begin with, as a multiple of the method's own; default 1. */
  rateFactor?: number;
  /** The loss is in nats a token, so that its exponential is a perplexity. */
  perplexity?: boolean;
  /** Tensors of the objective's own that are trained beside the method's (a reward head); the method never sees them. */
  init?(config: ModelConfig, seed: number): Params;
  /** Number of tokens of an example: batches are made of examples of like length. */
  length(example: Example): number;
  /** One batch from examples, as plain arrays; its `weight` is what the mean in the loss runs over (target tokens, pairs, …). */
  collate(examples: readonly Example[]): Batch;
  /** The loss as a function of what is trained. `pass` says how gradients go through the layers. */
  loss(model: Pick<Model, "config" | "params">, method: Method, pass?: GradientPass): Loss<Batch>;
}
