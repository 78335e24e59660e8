// reinforce(): GRPO and PPO raise what they are paid for; a run is the same bit for bit however it was interrupted, also within a round.
import assert from "node:assert/strict";
import fs from "node:fs";
import { before, test } from "node:test";
import { full, lora } from "tunelab/methods";
import { generate, type Model } from "tunelab/model";
import { encodePrompts, grpo, modelReward, ppo, reward as rewardModel, rewardScorer, verifiableReward, VALUE, type Answer, type Prompt } from "tunelab/objectives";
import { dispose, tf } from "tunelab/tensor";
import { checkpoints, lastRun, loadState, measurePolicy, reinforce, train, type ReinforceOptions, type Run } from "tunelab/train";
import { close, userError, values } from "../support/compare";
import { smallTokenizer, temporary, tinyModel, withJit } from "../support/fixtures";
import { examples } from "../support/training";
import { untimed } from "./child";

const folder = temporary();
let model: Model;
before(async () => { model = await tinyModel("qwen2-tied"); });
const prompts: Prompt<null>[] = Array.from({ length: 6 }, (_, i) => ({ ids: [5 + i, 6, 7 + 2 * i].slice(0, 2 + (i % 2)), record: null }));
/** Pays for the share of tokens below 30. */
const low = (answers: readonly Answer<unknown>[]) => answers.map((a) => a.ids.filter((id) => id < 30).length / a.ids.length);
const options = (more: Partial<ReinforceOptions<null>> = {}): ReinforceOptions<null> => ({
  model, method: lora({ rank: 4, targets: "all-linear" }), objective: grpo(), prompts, reward: low, rounds: 3, promptsPerRound: 3, group: 4, updates: 2, batchSize: 5, maxNewTokens: 6, learningRate: 1e-2, seed: 2, display: false, ...more,
});

for (const [name, more] of [["GRPO", { objective: grpo({ beta: 0.01 }) }], ["PPO", { objective: ppo({ klCoefficient: 0.01 }), group: 4 }]] as const)
  test(`${name}: what is paid for becomes more frequent, the KL grows, and each round is logged in its first step`, () => withJit(false, async () => {
    const where = folder(name), run = await reinforce(options({ ...more, rounds: 12, promptsPerRound: 6, group: 8, updates: 2, batchSize: 24, validation: prompts, evaluateEvery: 12, folder: where })), { steps, evaluations } = run.history;
    assert.equal(run.status, "done");
    const rounds = steps.filter((r) => r.metrics!.reward !== undefined);
    assert.deepEqual(rounds.map((r) => r.step), Array.from({ length: 12 }, (_, i) => 1 + 4 * i));
    const at = rounds.map((r) => r.metrics!.reward);
    assert.ok(at[0] < 0.5 && at.at(-1)! > at[0] + 0.3, at.join(" "));
    close([rounds[0].metrics!.referenceKl], [0], 1e-4);
    assert.ok(rounds.at(-1)!.metrics!.referenceKl > 0.5);
    assert.ok(evaluations.at(-1)!.metrics!.reward > evaluations[0].metrics!.reward + 0.2);
    assert.equal(evaluations[0].loss, -evaluations[0].metrics!.reward);
    assert.ok(!(VALUE in run.trained), "the value head has served");
    const log = fs.readFileSync(`${where}/log.jsonl`, "utf8").trim().split("\n").map((l) => JSON.parse(l));
    assert.deepEqual(log.filter((r) => r.kind === "step").map((r) => r.metrics), steps.map((r) => r.metrics));
    // measured afresh, the trained policy is what the log says
    const now = await measurePolicy(model, prompts, low, { adapter: run, count: 20, maxNewTokens: 6 });
    assert.ok(now.reward > at[0] + 0.25 && Math.abs(now.rewardError) < 0.1);
    dispose(run.trained);
  }));

class Interrupted extends Error {}
const outcome = (run: Run) => ({ trained: values(run.trained), history: untimed(run.history) });
const stateOf = (where: string) => { const { step, trained, optimizer, history, source } = loadState(checkpoints(where).at(-1)!.path); return { step, trained: values(trained), optimizer: Object.values(optimizer).map(values), history: untimed(history), source }; };

for (const compiled of [false, true])
  test(`interrupted at any step, also within a round, and resumed, it is the uninterrupted run bit for bit, ${compiled ? "compiled" : "eager"}`, () => withJit(compiled, async () => {
    // 12 answers in batches of 5 are 3 steps a pass, 6 a round
    for (const objective of compiled ? [grpo()] : [ppo({ klTarget: 0.01, klRate: 0.5 })]) {
      const make = (where: string, more = {}) => options({ objective, maxNewTokens: 4, folder: where, saveEvery: 4, validation: prompts.slice(0, 2), evaluateEvery: 5, ...more });
      const whole = folder(`${objective.name}${compiled}`), straight = outcome(await reinforce(make(whole)));
      assert.equal(straight.history.steps.length, 18);
      if (objective.name === "ppo") assert.equal(new Set(straight.history.steps.flatMap((r) => r.metrics!.klCoefficient ?? [])).size, 3, "the coefficient is adapted");
      for (const stops of compiled ? [[8]] : [[1], [2, 9], [6], [17]]) {
        const where = folder(`${objective.name}${compiled}${stops}`);
        for (const [i, stop] of stops.entries()) await assert.rejects(reinforce(make(where, { resume: i > 0, onStep: ({ step }: { step: number }) => { if (step === stop) throw new Interrupted(); } })), Interrupted);
        assert.deepEqual(outcome(await reinforce(make(where, { resume: true }))), straight, `ended at ${stops}`);
        assert.deepEqual(stateOf(where), stateOf(whole));
      }
    }
  }));

test("stopped while answers are drawn, it keeps what was learned and goes on as if nothing had been", () => withJit(false, async () => {
  const straight = outcome(await reinforce(options())), where = folder("stop");
  let rounds = 0;
  const run = await reinforce(options({ folder: where, reward: (answers) => { if (++rounds === 2) process.kill(process.pid, "SIGINT"); return low(answers); } }));
  assert.equal(run.status, "stopped");
  assert.match(run.message, /Stopped after step 6 of 18.*resume from/);
  assert.deepEqual(outcome(await reinforce(options({ folder: where, resume: true }))), straight);
}));

test("a run is resumed with the same prompts and settings only; nothing is left behind", () => withJit(false, async () => {
  const where = folder("settings"), before = tf.memory().numTensors, free = await reinforce(options({ rounds: 1, objective: ppo(), validation: prompts.slice(0, 2) }));
  assert.equal(tf.memory().numTensors - before, Object.keys(free.trained).length);
  const run = await reinforce(options({ folder: where, rounds: 1, objective: ppo() }));
  for (const more of [{ prompts: prompts.map((p) => ({ ...p, ids: [...p.ids, 9] })) }, { group: 2 }, { maxNewTokens: 5 }, { objective: ppo({ klCoefficient: 0.1 }) }, { updates: 1 }])
    await assert.rejects(reinforce(options({ folder: where, rounds: 1, objective: ppo(), ...more, resume: true })), userError("other settings or data"));
  [free.trained, run.trained].forEach(dispose);
}));

test("every method and optimizer that the loop knows: full fine-tuning, accumulated batches", () => withJit(false, async () => {
  const whole = await reinforce(options({ method: full({ parameters: "layers" }), rounds: 1, updates: 1, batchSize: 12, learningRate: 1e-3 })), parts = await reinforce(options({ method: full({ parameters: "layers" }), rounds: 1, updates: 1, batchSize: 4, accumulate: 3, learningRate: 1e-3 }));
  close([parts.history.steps[0].loss, parts.history.steps[0].gradientNorm], [whole.history.steps[0].loss, whole.history.steps[0].gradientNorm], 1e-4);
  [whole.trained, parts.trained].forEach(dispose);
}));

test("a learning rate that ruins the model ends the run with numbers that are numbers", () => withJit(false, async () => {
  const run = await reinforce(options({ learningRate: 1e20, clip: 0, rounds: 5 }));
  assert.equal(run.status, "non-finite");
  assert.match(run.message, /Lower the learning rate/);
  assert.ok(Object.values(values(run.trained)).flat().every(Number.isFinite));
  assert.equal(lastRun(), run);
}));

test("prompts and rewards of records; a reward model as the judge", () => withJit(false, async () => {
  const tokenizer = await smallTokenizer("smollm"), record = { task: "service-port", prompt: "Port of SSH?", answer: "22" }, [prompt] = encodePrompts(tokenizer, [record]);
  assert.equal(tokenizer.decode(prompt.ids), "<|im_start|>user\nPort of SSH?<|im_end|>\n<|im_start|>assistant\n");
  assert.deepEqual(encodePrompts(tokenizer, [{ question: "Port of SSH?" }])[0].ids, prompt.ids);
  assert.deepEqual(encodePrompts(tokenizer, [{ messages: [{ role: "user", content: "Port of SSH?" }] }])[0].ids, prompt.ids);
  const answer = (text: string) => ({ text, ids: [], ended: true, prompt });
  assert.deepEqual(verifiableReward({ answer: 1, format: 0.25 })([answer("22"), answer("Answer: 22"), answer("Answer: 23"), answer("no")]), [1, 1.25, 0.25, 0]);
  for (const wrong of [{}, { prompt: " " }, { messages: [{ role: "assistant", content: "x" }] }, null]) assert.throws(() => encodePrompts(tokenizer, [wrong]), userError("record 1: has no prompt"));
  assert.throws(() => encodePrompts(tokenizer, []), userError("no prompts"));
  assert.throws(() => encodePrompts(tokenizer, [record], { maxLength: 3 }), userError("record 1", "more than 3"));

  // The judge prefers what it was taught to; the policy follows.
  const made = examples(112, 24, 8), below = made.map((e) => ({ ...e, ids: e.ids.map((id, t) => (e.target[t] ? 3 + (id % 27) : id)) })), above = made.map((e) => ({ ...e, ids: e.ids.map((id, t) => (e.target[t] ? 31 + (id % 80) : id)) }));
  const judge = await train({ model, method: lora({ rank: 4, targets: "all-linear" }), data: { train: below.map((chosen, i) => ({ chosen, rejected: above[i] })) }, objective: rewardModel(), steps: 40, batchSize: 12, learningRate: 1e-2, display: false });
  const run = await reinforce(options({ objective: ppo({ klCoefficient: 0.01 }), reward: modelReward(rewardScorer(model, judge)), rounds: 16, promptsPerRound: 6, group: 6, batchSize: 18 }));
  const share = async (adapter?: Run) => (await measurePolicy(model, prompts, low, { adapter, count: 20, maxNewTokens: 6 })).reward;
  assert.ok((await share(run)) > (await share()) + 0.15);
  assert.equal((await generate(model, [prompts[0].ids], { adapter: run, maxNewTokens: 2 })).length, 1);
  [judge.trained, run.trained].forEach(dispose);
}));

test("wrong options are refused", async () => {
  for (const [more, ...mentions] of [[{ rounds: 0 }, "rounds is 0"], [{ group: 0 }, "group is 0"], [{ promptsPerRound: 7 }, "promptsPerRound is 7", "6 prompts"], [{ updates: 1.5 }, "updates is 1.5"], [{ reward: () => [1] }, "1 rewards for 12 answers"], [{ group: 1 }, "at least 2 answers"]] as [object, ...string[]][])
    await assert.rejects(reinforce(options(more)), userError(...mentions));
});
