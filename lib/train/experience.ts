/** Experience: rounds of answers that the policy writes, judged and prepared for an objective. The batches of reinforcement learning. */
import { TunelabError } from "../errors";
import type { Adapter, Method } from "../methods/method";
import { mean } from "../metrics/bootstrap";
import { sampleCompletions, type Model } from "../model";
import { answerExample, baseOnly, referenceKl, tokenLogProbabilities, type Answer, type Drawn, type PolicyObjective, type Prompt, type Reward, type Rollout } from "../objectives";
import { withoutHeads } from "../objectives/scalar-head";
import { hash, Random, type Params } from "../tensor";
import { batchIndices, type Source } from "./batches";

export interface DrawOptions {
  /** Longest answer in tokens. */
  maxNewTokens?: number;
  topP?: number;
  /** Answers that are decoded together. */
  decodeBatch?: number;
}
export interface ExperienceOptions<R> extends DrawOptions {
  model: Model;
  method: Method;
  objective: PolicyObjective;
  prompts: readonly Prompt<R>[];
  reward: Reward<R>;
  /** Prompts of a round, and answers to each. */
  promptsPerRound: number;
  group: number;
  /** Passes over the answers of a round. */
  updates: number;
  /** Answers in one pass through the model. */
  batchSize: number;
  seed: number;
}

type Tick = () => Promise<void>;
type Draw<R> = (prompts: readonly Prompt<R>[], count: number, temperature: number, seed: number, trained: Params, tick: Tick) => Promise<{ drawn: Drawn[]; answers: Answer<R>[] }>;

/** A function that lets a policy answer prompts, and has the answers judged: drawn answers lie prompt by prompt. */
function drawer<R>(model: Model, method: Method, reward: Reward<R>, { maxNewTokens = 64, topP, decodeBatch = 64 }: DrawOptions, batchSize: number, temperature: number): Draw<R> {
  const ofReference = tokenLogProbabilities(model, baseOnly, { batchSize, temperature });
  return async (prompts, count, temperature, seed, trained, tick) => {
    const adapter = { method, trained: withoutHeads(trained) };
    const completions = await sampleCompletions(model, prompts.map((p) => p.ids), { adapter, count, maxNewTokens, topP, temperature, seed, batchSize: decodeBatch, tick });
    const answers = completions.flatMap((row, p) => row.map(({ ids, ended }): Answer<R> => ({ text: model.tokenizer.decode(ended ? ids.slice(0, -1) : ids, { skipSpecialTokens: true }), ids, ended, prompt: prompts[p] })));
    const rewards = await reward(answers);
    if (rewards.length !== answers.length) throw new TunelabError(`The reward function gave ${rewards.length} rewards for ${answers.length} answers; give one for each.`);
    const examples = answers.map(answerExample), references = await ofReference(examples, {}, tick), logs = completions.flat().map((c) => c.logs);
    return { answers, drawn: examples.map((e, i) => ({ ...e, old: logs[i], reference: Array.from(references[i]), reward: rewards[i] })) };
  };
}

/** Mean and its standard error. */
const estimate = (x: readonly number[]) => { const m = mean(x); return { mean: m, error: Math.sqrt(x.reduce((sum, v) => sum + (v - m) ** 2, 0) / Math.max(1, x.length - 1) / x.length) }; };

/** How answers went, on average. */
function measured<R>(drawn: readonly Drawn[], answers: readonly Answer<R>[]): { reward: number; rewardError: number; referenceKl: number; length: number; ended: number } {
  const { mean: reward, error } = estimate(drawn.map((d) => d.reward));
  return { reward, rewardError: error, referenceKl: referenceKl(drawn), length: mean(answers.map((a) => a.ids.length)), ended: mean(answers.map((a) => Number(a.ended))) };
}

export interface PolicyMeasure {
  /** Mean reward, and its standard error. */
  reward: number;
  rewardError: number;
  /** KL to the base model, nats an answer, estimated from the answers. */
  referenceKl: number;
  /** Tokens of an answer; share of answers that came to an end. */
  length: number;
  ended: number;
  answers: Answer[];
}
/** What a policy earns on prompts, and how far it is from the base model: of an adapter, or of the base itself. */
export async function measurePolicy<R>(model: Model, prompts: readonly Prompt<R>[], reward: Reward<R>, { adapter, count = 1, temperature = 1, seed = 0, batchSize = 8, tick = () => new Promise<void>(setImmediate), ...options }: DrawOptions & { adapter?: Adapter; count?: number; temperature?: number; seed?: number; batchSize?: number; tick?: Tick } = {}): Promise<PolicyMeasure> {
  const draw = drawer(model, adapter?.method ?? baseOnly, reward, options, batchSize, temperature || 1);
  const { drawn, answers } = await draw(prompts, count, temperature, seed, adapter?.trained ?? {}, tick);
  return { ...measured(drawn, answers), answers };
}

interface Round { round: number; rollouts: Rollout[]; metrics: Record<string, number>; state: unknown }
/** A round as JSON, and back: a checkpoint in the middle of a round holds it. */
const toPlain = ({ rollouts, ...rest }: Round): unknown => ({ ...rest, rollouts: rollouts.map((r) => ({ ...r, ids: [...r.ids], target: [...r.target] })) });
const fromPlain = (plain: unknown): Round => {
  const { rollouts, ...rest } = plain as Round;
  return { ...rest, rollouts: rollouts.map((r) => ({ ...r, ids: Int32Array.from(r.ids), target: Uint8Array.from(r.target) })) };
};

/** Batches of rounds: those of round r are drawn from the policy as it is when the first of them is asked for. */
export function experience<R>({ model, method, objective, prompts, reward, promptsPerRound, group, updates, batchSize, seed, ...options }: ExperienceOptions<R>): Source<Rollout> & { perRound: number } {
  for (const [name, value] of Object.entries({ promptsPerRound, group, updates, batchSize }))
    if (!Number.isInteger(value) || value < 1) throw new TunelabError(`reinforce: ${name} is ${value}; it must be a whole number of at least 1.`);
  if (promptsPerRound > prompts.length) throw new TunelabError(`reinforce: promptsPerRound is ${promptsPerRound}, but there are ${prompts.length} prompts; lower it.`);
  const perPass = Math.ceil((promptsPerRound * group) / batchSize), perRound = perPass * updates;
  const draw = drawer(model, method, reward, options, batchSize, objective.temperature), prepare = objective.prepare(model, method, batchSize);
  let current: Round | undefined, pass = -1, batches: number[][] = [], of: Round | undefined;

  /** Prompts without replacement, pass after pass over all of them. */
  const promptsOf = (round: number): Prompt<R>[] => Array.from({ length: promptsPerRound }, (_, i) => {
    const n = round * promptsPerRound + i, epoch = Math.floor(n / prompts.length);
    return new Random(seed, `prompts${epoch}`).shuffle(prompts)[n % prompts.length];
  });
  async function make(round: number, trained: Params, tick: Tick): Promise<Round> {
    const { drawn, answers } = await draw(promptsOf(round), group, objective.temperature, hash(`round${round}`, seed), trained, tick);
    const { rollouts, metrics, state } = await prepare(drawn, group, trained, current?.state, tick);
    return { round, rollouts, metrics: { ...measured(drawn, answers), ...metrics }, state };
  }
  return {
    perRound,
    perEpoch: (perRound * prompts.length) / promptsPerRound,
    async at(n, trained, tick) {
      const round = Math.floor(n / perRound), within = n % perRound, p = Math.floor(within / perPass);
      if (current?.round !== round) current = await make(round, trained, tick);
      if (of !== current || pass !== p) { of = current; pass = p; batches = batchIndices(current.rollouts.map(objective.length), batchSize, hash(`round${round}`, seed), p); }
      return batches[within % perPass].map((i) => current!.rollouts[i]);
    },
    measured: (n) => (n % perRound === 0 ? current?.metrics : undefined),
    fingerprint: () => JSON.stringify({ promptsPerRound, group, updates, ...options, prompts: prompts.reduce((h, p) => hash(JSON.stringify(p), h), 0) }),
    state: () => current && toPlain(current),
    restore: (plain) => { current = plain === undefined ? undefined : fromPlain(plain); },
  };
}
