/** tunelab align: train an adapter on preferences or on rewards, with checkpoints, and save it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { progress, stoppable } from "../course";
import { TunelabError } from "../errors";
import { saveAdapter } from "../methods";
import { modelHash, writeText, type Model } from "../model";
import {
  dpo, encodePreferences, encodePrompts, evaluateReward, grpo, loadRewardModel, modelReward, ppo, preferenceOf, reward as rewardModel, rewardScorer, saveRewardModel, VERIFIABLE_TASKS, verifiableReward, withReference,
  type PreferencePair, type Reward, type VerifiableTask,
} from "../objectives";
import { hash } from "../tensor";
import { loadRecords } from "../text";
import { reinforce, SCHEDULES, train, type Run } from "../train";
import { UsageError, type Arguments, type Command, type Flag } from "./arguments";
import { EXAMPLE_FLAGS, exampleOptions, loadModel, MODEL_FLAGS, result } from "./common";
import { checkMethod, chooseMethod, METHOD_FLAGS } from "./methods";
import { finished, keptOf, TRAINING_FLAGS, trainingOptions } from "./training";

/** Options of each method beside those that all have. */
const ROLLOUT = ["prompts", "group", "updates", "rounds", "max-tokens", "temperature", "top-p", "reward", "format-reward", "ratio-clip"], PASSES = ["steps", "epochs"];
const OPTIONS = {
  dpo: [...PASSES, "beta", "loss", "label-smoothing"], reward: PASSES,
  grpo: [...ROLLOUT, "beta"], ppo: [...ROLLOUT, "kl-coefficient", "kl-target", "value-weight", "lambda"],
} as const;
type Name = keyof typeof OPTIONS;
const NAMES = Object.keys(OPTIONS) as Name[];
const of = (option: string) => NAMES.filter((name) => (OPTIONS[name] as readonly string[]).includes(option)).join(", ");

const { method: tune, ...METHOD_OPTIONS } = METHOD_FLAGS;
const OWN_FLAGS: Record<string, Flag> = Object.fromEntries(Object.entries({
  steps: { value: "N", help: "optimizer steps (instead of --epochs)" }, epochs: { value: "N", help: "passes over the data (1)" },
  beta: { value: "X", help: "price of leaving the reference (dpo 0.1, grpo 0.04)" }, loss: { value: "NAME", help: "sigmoid or ipo (sigmoid)" }, "label-smoothing": { value: "X", help: "probability that a preference is the wrong way round (0)" },
  rounds: { value: "N", help: "rounds of answering and learning (20)" }, prompts: { value: "N", help: "prompts of a round (8)" }, group: { value: "N", help: "answers to each prompt (8)" }, updates: { value: "N", help: "passes over a round's answers (1)" },
  "max-tokens": { value: "N", help: "longest answer in tokens (64)" }, temperature: { value: "X", help: "of drawing and of the loss (1)" }, "top-p": { value: "X", help: "draw from the most probable that make up X (1)" },
  reward: { value: "NAME", help: "verifiable (by the record's task and answer), or the folder of a reward model made with the same --model and --adapter (verifiable)" }, "format-reward": { value: "X", help: "with verifiable: what the form Answer: … earns (0)" },
  "ratio-clip": { value: "X", help: "clip of the probability ratio (0.2)" }, "kl-coefficient": { value: "X", help: "price of a nat of KL (0.05)" }, "kl-target": { value: "X", help: "nats an answer that the price is adapted to (none)" },
  "value-weight": { value: "X", help: "weight of the value loss (0.1)" }, lambda: { value: "X", help: "of the advantages (0.95)" },
}).map(([name, flag]) => [name, { ...flag, help: `${of(name)}: ${flag.help}` }]));

interface Setting { name: Name; model: Model; args: Arguments; common: ReturnType<typeof trainingOptions> }

/** Log-probabilities of the reference, computed once and kept in the run's folder. */
async function referenced(model: Model, pairs: PreferencePair[], file: string): Promise<PreferencePair[]> {
  const key = `${modelHash(model)} ${hash(JSON.stringify(pairs))}`;
  try {
    const found = JSON.parse(fs.readFileSync(file, "utf8")) as { key: string; reference: NonNullable<PreferencePair["reference"]>[] };
    if (found.key === key) return pairs.map((pair, i) => ({ ...pair, reference: found.reference[i] }));
  } catch { /* not there yet, or damaged: computed again */ }
  const bar = progress(2 * pairs.length, "reference"), stop = stoppable();
  const made = await withReference(model, pairs, { tick: async (done) => { bar.update(done); await stop(); } });
  bar.done();
  fs.mkdirSync(path.dirname(file), { recursive: true });
  writeText(file, JSON.stringify({ key, reference: made.map((p) => p.reference) }));
  return made;
}

async function fromPreferences({ name, model, args, common }: Setting): Promise<{ run: Run; found: Record<string, unknown> }> {
  const options = exampleOptions(args), limit = options.maxLength ?? model.config.maxPositions;
  const read = async (file: string) => encodePreferences(model.tokenizer, await loadRecords(file, { parse: preferenceOf }), { ...options, maxLength: limit, long: options.maxLength === undefined ? "refuse" : "truncate" });
  let pairs: PreferencePair[] = await read(args.need("data")), validation = args.text("validation") ? ((await read(args.text("validation")!)) as PreferencePair[]) : undefined;
  const method = await chooseMethod(args, model, pairs.map((p) => p.chosen), "tune"), objective = name === "dpo" ? dpo({ beta: args.number("beta"), loss: args.choice("loss", ["sigmoid", "ipo"]), labelSmoothing: args.number("label-smoothing") }) : rewardModel();
  if (name === "dpo") {
    const file = (of: string) => path.join(common.folder, `reference-${of}.json`);
    pairs = await referenced(model, pairs, file("data"));
    validation = validation && (await referenced(model, validation, file("validation")));
  }
  const run = await train<PreferencePair, never>({ model, method, data: { train: pairs, validation }, objective: objective as never, steps: args.number("steps"), epochs: args.number("epochs"), ...common });
  return { run, found: name === "reward" && validation ? { quality: await evaluateReward(model, run, validation, { batchSize: common.batchSize }) } : {} };
}

async function fromRewards({ name, model, args, common }: Setting, judge: () => Reward<never>): Promise<{ run: Run; found: Record<string, unknown> }> {
  const { template, system } = exampleOptions(args), read = async (file: string) => encodePrompts(model.tokenizer, await loadRecords(file), { template, system });
  const prompts = await read(args.need("data")), validation = args.text("validation") ? await read(args.text("validation")!) : undefined;
  if ((args.text("reward") ?? "verifiable") === "verifiable") {
    const wrong = prompts.findIndex(({ record }) => !VERIFIABLE_TASKS.includes((record as Partial<VerifiableTask>).task!) || typeof (record as Partial<VerifiableTask>).answer !== "string");
    if (wrong >= 0) throw new TunelabError(`${args.need("data")}: record ${wrong + 1} cannot be judged; --reward verifiable needs {task, prompt, answer}, task one of ${VERIFIABLE_TASKS.join(", ")}. Or give --reward the folder of a reward model.`);
  }
  const sampling = { temperature: args.number("temperature"), clip: args.number("ratio-clip") };
  const objective = name === "grpo" ? grpo({ ...sampling, beta: args.number("beta") })
    : ppo({ ...sampling, klCoefficient: args.number("kl-coefficient"), klTarget: args.number("kl-target"), valueWeight: args.number("value-weight"), lambda: args.number("lambda") });
  const run = await reinforce<never>({
    model, method: await chooseMethod(args, model, [], "tune"), objective, prompts: prompts as never, validation: validation as never, reward: judge(), rounds: args.number("rounds") ?? 20, promptsPerRound: args.number("prompts"), group: args.number("group"),
    updates: args.number("updates"), maxNewTokens: args.number("max-tokens"), topP: args.number("top-p"), ...common,
  });
  return { run, found: { round: run.history.steps.findLast((r) => r.metrics?.reward !== undefined)?.metrics } };
}

export const align: Command = {
  summary: "align a model with preferences (dpo, reward) or rewards of its own answers (grpo, ppo), and write an adapter",
  flags: {
    model: MODEL_FLAGS.model,
    data: { value: "FILE", help: "dpo, reward: {prompt, chosen, rejected}; grpo, ppo: {prompt}, with {task, answer} for --reward verifiable", required: true },
    method: { value: "NAME", help: NAMES.join(", "), required: true },
    adapter: { value: "DIR", help: "adapter that is merged into the model first (of supervised fine-tuning); the reference is the merged model" },
    tune: { ...tune, help: `what is trained: ${tune.help}` },
    ...METHOD_OPTIONS, ...OWN_FLAGS,
    ...TRAINING_FLAGS,
    "batch-size": { ...TRAINING_FLAGS["batch-size"], help: "pairs or answers in one pass" },
    "learning-rate": { value: "X", help: "peak learning rate (default: the method's own, a tenth of it for dpo, grpo, ppo)" },
    schedule: { value: "NAME", help: `${SCHEDULES.join(", ")} (dpo, reward cosine; grpo, ppo constant)` },
    warmup: { value: "N", help: "steps of linear rise (dpo, reward 5 % of all; grpo, ppo 0)" },
    ...EXAMPLE_FLAGS,
  },
  examples: [
    "tunelab align --method dpo --model DIR --adapter runs/sft/adapter --data data/preferences/en/train.jsonl --out runs/dpo",
    "tunelab align --method reward --model DIR --data data/preferences/en/train.jsonl --validation data/preferences/en/test.jsonl --out runs/reward --json",
    "tunelab align --method grpo --model DIR --data data/verifiable/en/train.jsonl --rounds 50 --out runs/grpo",
    "tunelab align --method ppo --model DIR --data data/preferences/en/train.jsonl --reward runs/reward/adapter --group 1 --prompts 64 --out runs/ppo",
  ],
  async run(args) {
    const name = args.choice("method", NAMES)!, own = OPTIONS[name] as readonly string[], stray = Object.keys(OWN_FLAGS).filter((flag) => args.has(flag) && !own.includes(flag));
    if (stray.length) throw new UsageError(`${stray.map((flag) => `--${flag}`).join(", ")}: no option of ${name}, which has ${own.map((o) => `--${o}`).join(", ")}.`);
    checkMethod(args, "tune");
    if (name === "reward" && args.has("merge")) throw new UsageError("--merge: a reward model's head has no place in a merged model; leave it out.");
    const { model: base, adapter } = await loadModel(args);
    if (adapter && !adapter.method.merge) throw new TunelabError(`--adapter: ${adapter.method.name} has no plain weights to merge into the model; begin with an adapter of lora or another that merges.`);
    const model = adapter ? { ...base, params: adapter.method.merge!(base.params, adapter.trained) } : base, setting: Setting = { name, model, args, common: trainingOptions(args) };
    const asked = args.text("reward") ?? "verifiable";
    const judge = (): Reward<never> => (asked === "verifiable" ? (verifiableReward({ format: args.number("format-reward") }) as Reward<never>) : modelReward(rewardScorer(model, loadRewardModel(asked, model))));
    const { run, found } = name === "dpo" || name === "reward" ? await fromPreferences(setting) : await fromRewards(setting, judge), folder = path.join(setting.common.folder, "adapter");
    const kept = keptOf(run, model, args);
    if (name === "reward") saveRewardModel(folder, run, model); else saveAdapter(folder, kept, model);
    return finished(run, kept, model, { ...found, adapter: folder }, args);
  },
};
