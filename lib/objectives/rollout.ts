/** Rollouts: what a policy wrote and what it earned, as GRPO and PPO learn from it; and PPO's clipped ratio, which both share. */
import type { Tensor } from "@tensorflow/tfjs";
import type { Method } from "../methods/method";
import { mean } from "../metrics/bootstrap";
import type { Model } from "../model";
import { exp, relu, tf, type Params } from "../tensor";
import type { Example } from "./examples";
import type { Objective } from "./objective";
import { collateSft, type SftBatch } from "./sft";

/** One answer that was drawn, before it is judged. Its tokens are the targets of the example. */
export interface Drawn extends Example {
  /** log π_old of each token of the answer, when it was drawn. */
  old: number[];
  /** log π_ref of each, the adapter off. */
  reference: number[];
  reward: number;
}
/** The same with what the loss needs, a number for each token of the answer. */
export interface Rollout extends Drawn {
  advantages: number[];
  /** PPO: V(s_t) when it was drawn, and the return that the value is fitted to. */
  values?: number[];
  returns?: number[];
}

export interface RolloutBatch extends SftBatch {
  /** By target, padded with 0 like `rows` [N]. */
  old: Float32Array;
  reference: Float32Array;
  advantages: Float32Array;
  values: Float32Array;
  returns: Float32Array;
}

export function collateRollouts(rollouts: readonly Rollout[]): RolloutBatch {
  const batch = collateSft(rollouts);
  const column = (name: "old" | "reference" | "advantages" | "values" | "returns"): Float32Array => {
    const out = new Float32Array(batch.rows.length);
    out.set(rollouts.flatMap((r) => r[name] ?? Array<number>(r.old.length).fill(0)));
    return out;
  };
  return { ...batch, old: column("old"), reference: column("reference"), advantages: column("advantages"), values: column("values"), returns: column("returns") };
}

/** What turns judged answers into rollouts, between drawing them and learning from them. */
export interface Preparation {
  rollouts: Rollout[];
  /** Means over the round, to be logged. */
  metrics: Record<string, number>;
  /** What the next round needs to know (an adapted coefficient); plain JSON. */
  state: unknown;
}
/** An objective that learns from what the policy itself writes. */
export interface PolicyObjective extends Objective<Rollout, RolloutBatch> {
  /** Divides the logits, in drawing and in the loss. */
  temperature: number;
  /** Made once for a run. `drawn` lie group by group (`group` answers to each prompt); `state` is that of the round before. */
  prepare(model: Pick<Model, "config" | "params">, method: Method, batchSize: number): (drawn: readonly Drawn[], group: number, trained: Params, state: unknown, tick: () => Promise<void>) => Promise<Preparation>;
}

/** min(a, b) and min(max(x, low), high) with right second derivatives; at a tie the gradient is a's, at an end x's slope is 0. */
export const minimum = (a: Tensor, b: Tensor): Tensor => tf.sub(a, relu(tf.sub(a, b)));
export const between = (x: Tensor, low: Tensor | number, high: Tensor | number): Tensor => tf.sub(tf.add(x, relu(tf.sub(low, x))), relu(tf.sub(x, high)));

/**
 * PPO's surrogate for each token (Schulman et al. 2017, eq. 7): min(ρ A, clip(ρ, 1 − ε, 1 + ε) A), ρ = π_θ / π_old; all [n].
 * `clipped`: 1 where the clip holds the gradient back.
 */
export function clippedSurrogate(logs: Tensor, old: Tensor, advantages: Tensor, clip: number): { surrogate: Tensor; clipped: Tensor } {
  const ratio = exp(tf.sub(logs, old)), free = tf.mul(ratio, advantages), held = tf.mul(between(ratio, 1 - clip, 1 + clip), advantages);
  return { surrogate: minimum(free, held), clipped: tf.cast(tf.less(held, free), "float32") };
}

/** Mean over the answers of Σ_t (log π_old − log π_ref): an estimate of KL(π ‖ π_ref) of whole answers (k1), nats. */
export const referenceKl = (drawn: readonly Drawn[]): number => mean(drawn.map((d) => d.old.reduce((sum, v, t) => sum + v - d.reference[t], 0)));
