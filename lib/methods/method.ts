/** WHAT is trained: the interface that every fine-tuning method implements. */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { ModelConfig } from "../model/config";
import type { KeyValues, Wrap } from "../model/transformer";
import type { Params } from "../tensor";

export interface Method {
  name: string;
  /** Hyper-parameters, as given to the factory with defaults filled in. */
  settings: Readonly<Record<string, unknown>>;
  /** Peak learning rate to begin with; what train() takes if none is given. */
  learningRate?: number;
  /** Trained tensors at step 0, a pure function of base, architecture and seed. */
  init(base: Params, config: ModelConfig, seed: number): Params;
  /** Tensors that belong to the method and are not trained; `weights` and `wrap` find them in what they get of the base. */
  constants?: Params;
  /**
   * The tensors that the model sees, where those are made, over the whole map, from others that are trained in their stead (an
   * encoder of a prompt, a random subspace): new tensors, differentiable in `trained`. Everything below gets them; saved adapters
   * hold them, without the encoder.
   */
  encode?(trained: Params, base: Params): Params;
  /** The weights that the forward pass sees; default: the base's. `key` seeds noise and is given in training only. */
  weights?(base: Params, trained: Params, key?: Tensor): Params;
  /** Code at named sites; default: none. `key` seeds dropout and is given in training only. */
  wrap?(trained: Params, key?: Tensor): Wrap;
  /**
   * Trained tokens in the sequence (ids −1 to −count; see model/virtual.ts), and how many of a row's `context` prompt tokens
   * stand before each. Without `before`, rows have to hold them already.
   */
  virtual?: { count: number; before?(context: number): readonly number[] };
  /** Keys and values, [count, keyValueHeads · headDim] each, in front of a layer's own; keys as after rotation. Real tokens start at position `count`. */
  prefix?: { count: number; keyValues(trained: Params): KeyValues };
  /** What training adds to the loss. */
  penalty?(trained: Params): Scalar;
  /** The learning rate of one trained tensor as a multiple of the run's; default 1. */
  rateFactor?(name: string): number;
  /** Number of trained scalars by tensor, where padding makes a tensor hold more. */
  sizes?: Readonly<Record<string, number>>;
  /** Plain weights with the same outputs. */
  merge?(base: Params, trained: Params): Params;
}

/** A method together with what it has learned: what generation, evaluation and saving take. */
export interface Adapter { method: Method; trained: Params }

/** Number of scalars that an adapter trains. */
export const trainableCount = ({ method: { sizes }, trained }: Adapter): number => Object.entries(trained).reduce((sum, [name, t]) => sum + (sizes?.[name] ?? t.size), 0);

/** Positions that the method takes up beside a row's own tokens. */
export const extraPositions = (method?: Method): number => (method?.virtual?.before ? method.virtual.count : 0) + (method?.prefix?.count ?? 0);
