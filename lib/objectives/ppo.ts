/**
 * Proximal policy optimisation from a reward model or a programmatic reward (Schulman et al. 2017; Ziegler et al. 2019; Ouyang et al. 2022).
 * What is maximised is E[r(x, y)] − β KL(π_θ ‖ π_ref): the KL term belongs to it, and enters the reward of every token,
 *   r_t = − β (log π_old(y_t) − log π_ref(y_t)) + [t last] r(x, y).
 * A value head V on the same layers says what is still to come; generalised advantage estimation (Schulman et al. 2016, eq. 16):
 *   δ_t = r_t + γ V_{t+1} − V_t,  A_t = Σ_k (γλ)^k δ_{t+k},  returns R_t = A_t + V_t;  A is then whitened (mean 0, variance 1).
 *   L = − E min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) + c · ½ E max((V − R)², (clip(V, V_old ± ε_v) − R)²),  E over tokens.
 * β is fixed, or adapted to a target KL (Ziegler et al. 2019, section 2.2): β ← β (1 + K clip(KL/target − 1, −0.2, 0.2)) after each round.
 */
import type { Scalar } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { relu, tf, weightedMean } from "../tensor";
import type { Drawn } from "./rollout";
import { batchesByLength, policy } from "./log-probabilities";
import { between, clippedSurrogate, collateRollouts, referenceKl, type PolicyObjective } from "./rollout";
import { headStart, scalarHead, splitHead, VALUE } from "./scalar-head";
import { collateSft } from "./sft";
import { trunk } from "./trunk";

export interface PpoOptions {
  /** ε of the ratio's clip, ε_v of the value's, c the value loss's weight. */
  clip?: number;
  valueClip?: number;
  valueWeight?: number;
  /** γ and λ. */
  discount?: number;
  lambda?: number;
  /** β; with `klTarget` (nats an answer) the one to begin with. */
  klCoefficient?: number;
  klTarget?: number;
  /** K, how fast β is adapted. */
  klRate?: number;
  /** Advantages of a round to mean 0 and variance 1. */
  whiten?: boolean;
  temperature?: number;
}

/** Generalised advantages and returns of one answer: rewards and values of its tokens; after the last token nothing comes. */
export function generalizedAdvantages(rewards: readonly number[], values: readonly number[], discount = 1, lambda = 0.95): { advantages: number[]; returns: number[] } {
  const advantages: number[] = Array(rewards.length);
  for (let t = rewards.length - 1, later = 0; t >= 0; t--) {
    const delta = rewards[t] + discount * (values[t + 1] ?? 0) - values[t];
    advantages[t] = later = delta + discount * lambda * later;
  }
  return { advantages, returns: advantages.map((a, t) => a + values[t]) };
}

/** All numbers to mean 0 and variance 1, rows kept. */
export function whitened(rows: readonly (readonly number[])[]): number[][] {
  const all = rows.flat(), mean = all.reduce((a, b) => a + b, 0) / all.length, variance = all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length;
  return rows.map((row) => row.map((v) => (v - mean) / Math.sqrt(variance + 1e-8)));
}

/** The reward of every token: the KL penalty, and the answer's own reward at its last token. */
export const tokenRewards = ({ old, reference, reward }: Drawn, klCoefficient: number): number[] =>
  old.map((v, t) => -klCoefficient * (v - reference[t]) + (t === old.length - 1 ? reward : 0));

/** β after a round whose answers were `kl` nats away from the reference. */
export const adaptedCoefficient = (coefficient: number, kl: number, target: number, rate: number): number =>
  coefficient * (1 + rate * Math.min(0.2, Math.max(-0.2, kl / target - 1)));

export function ppo({ clip = 0.2, valueClip = 0.2, valueWeight = 0.1, discount = 1, lambda = 0.95, klCoefficient = 0.05, klTarget, klRate = 0.1, whiten = true, temperature = 1 }: PpoOptions = {}): PolicyObjective {
  const check = (name: string, value: number, fits: boolean, what: string) => { if (!fits || !Number.isFinite(value)) throw new TunelabError(`PPO: ${name} is ${value}; it must ${what}.`); };
  check("clip", clip, clip > 0 && clip < 1, "lie between 0 and 1");
  check("valueClip", valueClip, valueClip > 0, "be a number above 0");
  for (const [name, value] of Object.entries({ valueWeight, klCoefficient, klRate })) check(name, value, value >= 0, "be a number of at least 0");
  for (const [name, value] of Object.entries({ discount, lambda })) check(name, value, value >= 0 && value <= 1, "lie between 0 and 1");
  if (klTarget !== undefined) check("klTarget", klTarget, klTarget > 0, "be a number above 0");
  return {
    name: "ppo",
    settings: { clip, valueClip, valueWeight, discount, lambda, klCoefficient, klRate, whiten, temperature, ...(klTarget === undefined ? {} : { klTarget }) },
    rateFactor: 0.1,
    temperature,
    init: (config) => headStart(VALUE, config),
    length: (rollout) => rollout.ids.length,
    collate: collateRollouts,

    prepare(model, method, batchSize) {
      const run = trunk(model, method), head = scalarHead(model, method);
      return async (drawn, _group, trained, state, tick) => {
        const bad = drawn.findIndex((d) => !Number.isFinite(d.reward));
        if (bad >= 0) throw new TunelabError(`PPO: reward ${bad + 1} is ${drawn[bad].reward}; the reward function must give finite numbers.`);
        const coefficient = (state as { klCoefficient: number } | undefined)?.klCoefficient ?? klCoefficient, values: number[][] = Array(drawn.length), { weight, own } = splitHead(VALUE, trained);
        for (const indices of batchesByLength(drawn, batchSize)) {
          await tick();
          const batch = collateSft(indices.map((i) => drawn[i])), found = tf.tidy(() => { const { x, outside } = run(own, batch); return head(x, weight, outside, batch.rows); }), all = found.dataSync();
          found.dispose();
          let at = 0;
          for (const i of indices) { values[i] = Array.from(all.subarray(at, at + drawn[i].old.length)); at += drawn[i].old.length; }
        }
        const made = drawn.map((d, i) => generalizedAdvantages(tokenRewards(d, coefficient), values[i], discount, lambda)), kl = referenceKl(drawn);
        const advantages = whiten ? whitened(made.map((m) => m.advantages)) : made.map((m) => m.advantages);
        return {
          rollouts: drawn.map((d, i) => ({ ...d, advantages: advantages[i], values: values[i], returns: made[i].returns })),
          metrics: { referenceKl: kl, klCoefficient: coefficient },
          state: { klCoefficient: klTarget === undefined ? coefficient : adaptedCoefficient(coefficient, kl, klTarget, klRate) },
        };
      };
    },

    loss(model, method, pass) {
      const run = policy(model, method, { pass, temperature }), head = scalarHead(model, method, pass?.precision);
      return (trained, batch, key, note) => {
        const { weight, own } = splitHead(VALUE, trained), { x, outside, logs } = run(own, batch, key), weights = tf.tensor1d(batch.weights);
        const old = tf.tensor1d(batch.old), { surrogate, clipped } = clippedSurrogate(logs, old, tf.tensor1d(batch.advantages), clip);
        const value = head(x, weight, outside, batch.rows), before = tf.tensor1d(batch.values), returns = tf.tensor1d(batch.returns);
        const held = between(value, tf.sub(before, valueClip), tf.add(before, valueClip)), free = tf.square(tf.sub(value, returns));
        const worse = tf.add(free, relu(tf.sub(tf.square(tf.sub(held, returns)), free))); // max of the two
        const policyLoss = tf.neg(weightedMean(surrogate, weights)), valueLoss = tf.mul(weightedMean(worse, weights), 0.5);
        note?.({ policyLoss, valueLoss, clipped: weightedMean(clipped, weights), entropy: tf.neg(weightedMean(logs, weights)), updateKl: tf.mul(weightedMean(tf.square(tf.sub(logs, old)), weights), 0.5) });
        return tf.add(policyLoss, tf.mul(valueLoss, valueWeight)) as Scalar;
      };
    },
  };
}
