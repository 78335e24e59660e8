/**
 * Direct preference optimisation (Rafailov et al. 2023, eq. 7):
 *   L = − E log σ(β Δ),  Δ = [log π_θ(y_w|x) − log π_ref(y_w|x)] − [log π_θ(y_l|x) − log π_ref(y_l|x)],
 * log π(y|x) being sums over the answer's tokens. β is the price of moving away from the reference; −log σ is what makes it a likelihood
 * (Bradley-Terry) of the preferences. With label smoothing ε a preference is taken to be wrong with that probability (Mitchell 2023,
 * conservative DPO): − (1 − ε) log σ(βΔ) − ε log σ(−βΔ).
 * IPO (Azar et al. 2023, eq. 17): L = E (Δ − 1/(2β))², which does not push a certain preference to infinity; Δ then of means over tokens,
 * as its authors compute it and TRL does.
 */
import type { Scalar } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { softplus, tf } from "../tensor";
import { policy, sumByExample, targetCounts } from "./log-probabilities";
import type { Objective } from "./objective";
import { collatePairs, halves, pairLength, sharePositive } from "./pairs";
import type { PreferencePair } from "./preferences";
import type { SftBatch } from "./sft";

export interface DpoOptions {
  /** β: how much leaving the reference costs. */
  beta?: number;
  loss?: "sigmoid" | "ipo";
  /** ε: probability that a preference is the wrong way round; for "sigmoid". */
  labelSmoothing?: number;
}

export interface PreferenceBatch extends SftBatch {
  /** log π_ref(y|x) of each row [2n]: n chosen answers, then the n rejected ones. */
  reference: Float32Array;
}

export function dpo({ beta = 0.1, loss = "sigmoid", labelSmoothing = 0 }: DpoOptions = {}): Objective<PreferencePair, PreferenceBatch> {
  if (!(beta > 0 && Number.isFinite(beta))) throw new TunelabError(`DPO: beta is ${beta}; it must be a number above 0.`);
  if (!["sigmoid", "ipo"].includes(loss)) throw new TunelabError(`DPO: loss "${loss}" is unknown; choose sigmoid or ipo.`);
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) throw new TunelabError(`DPO: labelSmoothing is ${labelSmoothing}; it must be at least 0 and below 0.5.`);
  if (labelSmoothing && loss === "ipo") throw new TunelabError(`DPO: labelSmoothing is ${labelSmoothing}, but IPO has none; leave it out, or take loss "sigmoid".`);
  return {
    name: "dpo",
    settings: { beta, loss, labelSmoothing },
    rateFactor: 0.1,
    length: pairLength,
    collate(pairs) {
      const bare = pairs.findIndex((p) => !p.reference || !Number.isFinite(p.reference.chosen + p.reference.rejected));
      if (bare >= 0) throw new TunelabError("DPO: a pair has no log-probabilities of the reference model; put withReference(model, pairs) before training.");
      return { ...collatePairs(pairs), reference: Float32Array.from([...pairs.map((p) => p.reference!.chosen), ...pairs.map((p) => p.reference!.rejected)]) };
    },
    loss(model, method, pass) {
      const run = policy(model, method, { pass });
      return (trained, batch, key, note) => {
        const sums = sumByExample(run(trained, batch, key).logs, batch), ratios = tf.sub(sums, tf.tensor1d(batch.reference)); // [2n]
        const [chosen, rejected] = halves(loss === "ipo" ? tf.div(ratios, tf.tensor1d(targetCounts(batch))) : ratios), delta = tf.sub(chosen, rejected);
        if (note) {
          const [won, lost] = halves(ratios), [logChosen, logRejected] = halves(sums), margin = tf.mul(tf.sub(won, lost), beta);
          note({
            chosenReward: tf.mul(tf.mean(won), beta), rejectedReward: tf.mul(tf.mean(lost), beta), margin: tf.mean(margin), accuracy: sharePositive(margin),
            logChosen: tf.mean(logChosen), logRejected: tf.mean(logRejected),
          });
        }
        if (loss === "ipo") return tf.mean(tf.square(tf.sub(delta, 1 / (2 * beta)))) as Scalar;
        const right = softplus(tf.mul(delta, -beta)); // −log σ(βΔ)
        return tf.mean(labelSmoothing ? tf.add(tf.mul(right, 1 - labelSmoothing), tf.mul(softplus(tf.mul(delta, beta)), labelSmoothing)) : right) as Scalar;
      };
    },
  };
}
