/** WHAT is trained: the interface that every fine-tuning method implements. */
import type { Tensor } from "@tensorflow/tfjs";
import type { ModelConfig } from "../model/config";
import type { Wrap } from "../model/transformer";
import type { Params } from "../tensor";

export interface Method {
  name: string;
  /** Hyper-parameters, as given to the factory with defaults filled in. */
  settings: Readonly<Record<string, unknown>>;
  /** Trained tensors at step 0, a pure function of base, architecture and seed. */
  init(base: Params, config: ModelConfig, seed: number): Params;
  /** From what is trained to what `weights` and `wrap` see, once a pass over the whole map: for methods whose tensors belong to no single layer. */
  expand?(base: Params, trained: Params): Params;
  /** The weights that the forward pass sees; default: the base's. */
  weights?(base: Params, trained: Params): Params;
  /** Code at named sites; default: none. `key` seeds dropout and is given in training only. */
  wrap?(trained: Params, key?: Tensor): Wrap;
  /** Plain weights with the same outputs. */
  merge?(base: Params, trained: Params): Params;
}

/** A method together with what it has learned: what generation, evaluation and saving take. */
export interface Adapter { method: Method; trained: Params }
