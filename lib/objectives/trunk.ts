/** The model up to its head, which all objectives share: hidden states of a batch, under a method. */
import type { Tensor } from "@tensorflow/tfjs";
import { extraPositions, type Method } from "../methods/method";
import { checkIds, checkLength, encoded, hiddenStates, partition, type GradientPass, type Model } from "../model";
import type { Params } from "../tensor";
import type { SftBatch } from "./sft";

export type Base = Pick<Model, "config" | "params">;

/** Token ids of a batch, and which of them are targets; `weight` is left to the objective. */
export type TokenBatch = Omit<SftBatch, "weight">;

export interface Hidden {
  /** Hidden states [B·T, H] from which the next tokens are predicted. */
  x: Tensor;
  /** What the model sees of the trained tensors outside the layers. */
  outside: Params;
}
/** The layers under a method, differentiable in `trained`. */
export const trunk = ({ config, params }: Base, method: Method, pass?: GradientPass) => (trained: Params, batch: TokenBatch, key?: Tensor): Hidden => {
  checkIds(batch.ids, config, "Batch");
  checkLength(batch.longest, config, extraPositions(method));
  const view = encoded({ params, config, method, trained, key, pass });
  return { x: hiddenStates(view, batch), outside: partition(view.trained!, config.layers).rest };
};
