/**
 * Reinforcement learning: rounds of (the policy answers prompts → the answers are judged → a few passes of updates over them), with the loop,
 * checkpoints, logs and Stop of train(). Any method × `grpo()` or `ppo()` × any optimizer; the reference is the base model.
 */
import { TunelabError } from "../errors";
import type { Model } from "../model";
import type { PolicyObjective, Prompt, Reward, Rollout, RolloutBatch } from "../objectives";
import { withoutHeads } from "../objectives/scalar-head";
import { experience, measurePolicy, type DrawOptions } from "./experience";
import { trainFrom, type Run, type TrainOptions } from "./train";

export interface ReinforceOptions<R> extends DrawOptions, Omit<TrainOptions<Rollout, RolloutBatch>, "data" | "objective" | "steps" | "epochs"> {
  model: Model;
  objective: PolicyObjective;
  prompts: readonly Prompt<R>[];
  reward: Reward<R>;
  /** Prompts on which reward and KL are measured, one answer each, every `evaluateEvery` steps and at the beginning and end. */
  validation?: readonly Prompt<R>[];
  /** Rounds of answering and learning. */
  rounds: number;
  /** Prompts of a round (8), and answers to each (8; PPO needs no more than 1). */
  promptsPerRound?: number;
  group?: number;
  /** Passes over the answers of a round (1). */
  updates?: number;
}

/** Trains a policy by what its own answers earn. `batchSize` counts answers; the learning rate is constant by default. */
export async function reinforce<R>({ prompts, reward, validation, rounds, promptsPerRound = 8, group = 8, updates = 1, maxNewTokens, topP, decodeBatch, schedule = "constant", warmup = 0, ...options }: ReinforceOptions<R>): Promise<Run> {
  const { model, method, objective, batchSize = 8, accumulate = 1, seed = 0 } = options, drawing = { maxNewTokens, topP, decodeBatch };
  if (!Number.isInteger(rounds) || rounds < 1) throw new TunelabError(`reinforce: rounds is ${rounds}; it must be a whole number of at least 1.`);
  const source = experience({ model, method, objective, prompts, reward, promptsPerRound, group, updates, batchSize, seed, ...drawing });
  const run = await trainFrom<Rollout, RolloutBatch>({
    ...options, schedule, warmup, batchSize, steps: Math.ceil((rounds * source.perRound) / accumulate), source: () => source,
    evaluate: validation?.length ? async (trained, _loss, tick) => {
      const { answers: _answers, ...metrics } = await measurePolicy(model, validation, reward, { adapter: { method, trained }, temperature: objective.temperature, seed, batchSize, tick, ...drawing });
      return { loss: -metrics.reward, metrics };
    } : undefined,
  });
  const own = withoutHeads(run.trained);
  Object.entries(run.trained).forEach(([name, t]) => { if (!own[name]) t.dispose(); });
  run.trained = own; // the value head has served
  return run;
}
