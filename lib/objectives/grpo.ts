/**
 * Group relative policy optimisation (Shao et al. 2024, DeepSeekMath, eq. 3 and 4). For each prompt G answers are drawn from π_old; the
 * advantage of an answer, the same for all of its tokens, is its reward against its group's, no value network is needed:
 *   A_i = (r_i − mean(r)) / std(r)
 *   L = − (1/G) Σ_i (1/|y_i|) Σ_t { min(ρ A_i, clip(ρ, 1 − ε, 1 + ε) A_i) − β D_t },  ρ = π_θ(y_t) / π_old(y_t),
 *   D_t = π_ref/π_θ − log(π_ref/π_θ) − 1   (k3, an estimate of KL(π_θ ‖ π_ref) that is never negative; Schulman 2020).
 * std is that of a sample, plus 1e-4, as in TRL. A group in which all earn the same has A = 0 and teaches nothing: such groups are counted.
 */
import type { Scalar } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { mean } from "../metrics/bootstrap";
import { exp, tf, weightedMean } from "../tensor";
import { ownersOf, policy, targetCounts } from "./log-probabilities";
import { clippedSurrogate, collateRollouts, referenceKl, type PolicyObjective } from "./rollout";

export interface GrpoOptions {
  /** ε of the ratio's clip. */
  clip?: number;
  /** β, the price of leaving the reference. */
  beta?: number;
  temperature?: number;
}

/** A = (r − mean) / (std + 1e-4) within groups of `group` consecutive rewards; `flat`: groups without any difference. */
export function groupAdvantages(rewards: readonly number[], group: number): { advantages: number[]; flat: number } {
  if (!Number.isInteger(group) || group < 2 || rewards.length % group) throw new TunelabError(`GRPO: ${rewards.length} rewards are not groups of ${group}; give at least 2 answers to each prompt.`);
  const bad = rewards.findIndex((r) => !Number.isFinite(r));
  if (bad >= 0) throw new TunelabError(`GRPO: reward ${bad + 1} is ${rewards[bad]}; the reward function must give finite numbers.`);
  const advantages: number[] = [];
  let flat = 0;
  for (let at = 0; at < rewards.length; at += group) {
    const own = rewards.slice(at, at + group), centre = mean(own), std = Math.sqrt(own.reduce((sum, r) => sum + (r - centre) ** 2, 0) / (group - 1));
    if (own.every((r) => r === own[0])) { flat++; advantages.push(...own.map(() => 0)); }
    else advantages.push(...own.map((r) => (r - centre) / (std + 1e-4) + 0));
  }
  return { advantages, flat };
}

export function grpo({ clip = 0.2, beta = 0.04, temperature = 1 }: GrpoOptions = {}): PolicyObjective {
  if (!(clip > 0 && clip < 1)) throw new TunelabError(`GRPO: clip is ${clip}; it must lie between 0 and 1.`);
  if (!(beta >= 0 && Number.isFinite(beta))) throw new TunelabError(`GRPO: beta is ${beta}; it must be a number of at least 0.`);
  return {
    name: "grpo",
    settings: { clip, beta, temperature },
    rateFactor: 0.1,
    temperature,
    length: (rollout) => rollout.ids.length,
    collate: (rollouts) => ({ ...collateRollouts(rollouts), weight: rollouts.length }),

    prepare() {
      let warned = false;
      return async (drawn, group, _trained, state) => {
        const { advantages, flat } = groupAdvantages(drawn.map((d) => d.reward), group), groups = drawn.length / group;
        if (flat === groups && !warned) {
          warned = true;
          console.warn(`GRPO: in all ${groups} groups of a round every answer earned the same (${drawn[0].reward} in the first), so this round teaches nothing. Choose easier or harder prompts, larger groups, a higher temperature, or a reward with more steps.`);
        }
        return { rollouts: drawn.map((d, i) => ({ ...d, advantages: d.old.map(() => advantages[i]) })), metrics: { referenceKl: referenceKl(drawn), flatGroups: flat / groups }, state };
      };
    },

    loss(model, method, pass) {
      const run = policy(model, method, { pass, temperature });
      return (trained, batch, key, note) => {
        const { logs } = run(trained, batch, key), counts = targetCounts(batch), owners = ownersOf(batch), weights = tf.tensor1d(batch.weights);
        const share = tf.tensor1d(batch.weights.map((w, i) => w / (counts[owners[i]] * batch.batch))); // each answer counts alike, whatever its length
        const { surrogate, clipped } = clippedSurrogate(logs, tf.tensor1d(batch.old), tf.tensor1d(batch.advantages), clip);
        const away = tf.sub(tf.tensor1d(batch.reference), logs), kl = tf.sub(tf.sub(exp(away), away), 1);
        note?.({ kl: weightedMean(kl, weights), clipped: weightedMean(clipped, weights), entropy: tf.neg(weightedMean(logs, weights)) });
        return tf.neg(tf.sum(tf.mul(beta ? tf.sub(surrogate, tf.mul(kl, beta)) : surrogate, share))) as Scalar;
      };
    },
  };
}
