// DPO and the reward model: losses and gradients as TRL's own code gives them, closed forms, and what is refused.
import assert from "node:assert/strict";
import fs from "node:fs";
import { before, test } from "node:test";
import { lora, saveAdapter, type Adapter } from "tunelab/methods";
import type { Model } from "tunelab/model";
import { dpo, encodePreferences, evaluateReward, loadRewardModel, preferenceOf, reward, rewardQuality, rewardScorer, saveRewardModel, SCORE, withReference, type PreferencePair } from "tunelab/objectives";
import { lomo } from "tunelab/optimizers";
import { dispose, tf } from "tunelab/tensor";
import { evaluateLoss, train } from "tunelab/train";
import { close, leaksNothing, userError } from "../support/compare";
import { smallTokenizer, temporary, withJit } from "../support/fixtures";
import { examples } from "../support/training";
import { compare, expected, headOf, pairs, setting } from "./support";

const folder = temporary();
let s: { model: Model; adapter: Adapter };
before(async () => { s = await setting(); });

for (const compiled of [true, false]) {
  const how = compiled ? "compiled" : "eager";
  test(`DPO, conservative DPO and IPO: loss, rewards and gradients as TRL's (1e-5, relative), ${how}`, (t) => withJit(compiled, () => {
    const { metrics, worst } = compare(dpo({ beta: 0.3 }), s, pairs(), "sigmoid"), trl = expected.cases.sigmoid.metrics;
    close([metrics.chosenReward, metrics.rejectedReward, metrics.margin, metrics.accuracy], [trl.chosen, trl.rejected, trl.margins, trl.accuracies], 1e-5);
    t.diagnostic(`loss ${worst.loss.toExponential(1)}, gradient ${worst.gradient.toExponential(1)}`);
    compare(dpo({ beta: 0.3, labelSmoothing: 0.2 }), s, pairs(), "conservative");
    compare(dpo({ beta: 0.3, loss: "ipo" }), s, pairs(), "ipo");
  }));
  test(`reward model: loss, scores and gradients, the head's too, as TRL's (1e-5, relative), ${how}`, (t) => withJit(compiled, async () => {
    const head = headOf(SCORE), { metrics, worst } = compare(reward(), s, pairs(), "reward", head), { scores } = expected.cases.reward;
    t.diagnostic(`loss ${worst.loss.toExponential(1)}, gradient ${worst.gradient.toExponential(1)}`);
    const found = await rewardScorer(s.model, { method: s.adapter.method, trained: { ...s.adapter.trained, ...head } }, { batchSize: 2 })([...pairs().map((p) => p.chosen), ...pairs().map((p) => p.rejected)]);
    close(found, scores, 1e-5);
    close([metrics.margin], [scores.slice(0, 3).reduce((a, v, i) => a + (v - scores[3 + i]) / 3, 0)], 1e-5);
    dispose(head);
  }));
}

test("the reference is the base with the adapter off: cached sums are those of the fixture", async () => {
  const cached = await withReference(s.model, pairs().map(({ chosen, rejected }) => ({ chosen, rejected })), { batchSize: 4 });
  close([...cached.map((p) => p.reference!.chosen), ...cached.map((p) => p.reference!.rejected)], expected.reference, 1e-4);
});

test("before any training the policy is the reference: DPO's loss is ln 2, IPO's 1/(4β²), a reward model's ln 2", () => withJit(false, async () => {
  const method = lora(), trained = method.init(s.model.params, s.model.config, 0), data = await withReference(s.model, pairs());
  const at = async (objective: ReturnType<typeof dpo>) => (await evaluateLoss(objective.loss(s.model, method), trained, objective, data, 3, async () => {})).loss;
  close([await at(dpo()), await at(dpo({ labelSmoothing: 0.3 })), await at(dpo({ loss: "ipo", beta: 0.5 }))], [Math.LN2, Math.LN2, 1], 1e-6);
  const objective = reward(), head = objective.init!(s.model.config, 0);
  close([(await evaluateLoss(objective.loss(s.model, method), { ...trained, ...head }, objective, data, 3, async () => {})).loss], [Math.LN2], 1e-6);
  [trained, head].forEach(dispose);
}));

/** Pairs of random answers to random prompts. */
const randomPairs = (n: number): PreferencePair[] => { const made = examples(112, 2 * n, 8); return Array.from({ length: n }, (_, i) => ({ chosen: made[i], rejected: made[n + i] })); };

test("trained, DPO orders pairs and raises the margin; the run logs it, and stays resumable with the same β only", () => withJit(false, async () => {
  const data = await withReference(s.model, randomPairs(6)), where = folder("dpo");
  const options = { model: s.model, method: lora({ rank: 4, targets: "all-linear" as const }), data: { train: data, validation: data }, objective: dpo({ beta: 0.5 }), steps: 25, batchSize: 3, learningRate: 1e-2, display: false, folder: where };
  const run = await train(options), [first, last] = run.history.evaluations;
  close([first.loss, first.metrics!.margin], [Math.LN2, 0], 1e-5);
  assert.ok(last.loss < 0.35 && last.metrics!.accuracy === 1 && last.metrics!.margin > 1, JSON.stringify(last));
  assert.equal(last.perplexity, undefined, "not a loss in nats a token");
  assert.ok(Math.abs(last.metrics!.margin - (last.metrics!.chosenReward - last.metrics!.rejectedReward)) < 1e-4);
  const logged = fs.readFileSync(`${where}/log.jsonl`, "utf8").trim().split("\n").map((l) => JSON.parse(l)).filter((r) => r.kind === "step");
  assert.deepEqual(logged.map((r) => r.metrics), run.history.steps.map((r) => r.metrics));
  await assert.rejects(train({ ...options, objective: dpo({ beta: 0.4 }), resume: true }), userError("other settings"));
  dispose(run.trained);
}));

test("the reward head is trained with the method, saved beside the adapter, read back; fused optimizers train it too", () => withJit(false, async () => {
  const data = randomPairs(6), method = lora({ rank: 2 }), options = { model: s.model, method, data: { train: data }, objective: reward(), steps: 25, batchSize: 6, learningRate: 1e-2, display: false };
  const run = await train(options), quality = await evaluateReward(s.model, run, data);
  close([run.history.steps[0].loss], [Math.LN2], 1e-6);
  assert.ok(quality.accuracy === 1 && quality.loss < 0.2, JSON.stringify(quality));
  const where = folder("rm");
  saveRewardModel(where, run, s.model);
  assert.deepEqual(fs.readdirSync(where).sort(), ["adapter_config.json", "adapter_model.safetensors", "score.safetensors"]);
  const back = loadRewardModel(where, s.model);
  assert.deepEqual(await rewardScorer(s.model, back)(data.map((p) => p.chosen)), await rewardScorer(s.model, run)(data.map((p) => p.chosen)));
  fs.rmSync(`${where}/score.safetensors`);
  assert.throws(() => loadRewardModel(where, s.model), userError("no score.safetensors"));
  assert.throws(() => rewardScorer(s.model, s.adapter), userError("no reward head"));
  assert.throws(() => saveRewardModel(where, s.adapter, s.model), userError("no reward head"));
  assert.throws(() => saveAdapter(where, run, s.model), userError('"score.weight"', "saveRewardModel"));
  const fused = await train({ ...options, optimizer: lomo(), learningRate: 0.5, clip: 1 });
  assert.ok(fused.history.steps.at(-1)!.loss < 0.6, `${fused.history.steps.at(-1)!.loss}`);
  [run.trained, back.trained, fused.trained].forEach(dispose);
}));

test("quality of a reward model, by hand: accuracy, loss, calibration; a tie is not right", () => {
  const margins = [Math.log(4), -Math.log(4), 0, Math.log(4)], { accuracy, loss, calibration } = rewardQuality(margins, margins.map(() => 0), 5);
  assert.equal(accuracy, 0.5);
  close([loss], [(2 * -Math.log(0.8) - Math.log(0.2) + Math.LN2) / 4], 1e-12);
  // three predictions of 80 % with two right, one of 50 % that is wrong
  close([calibration.expected], [(3 / 4) * Math.abs(2 / 3 - 0.8) + (1 / 4) * 0.5], 1e-12);
});

test("records become pairs; what is wrong is named with its place", async () => {
  const tokenizer = await smallTokenizer("smollm"), record = { prompt: "q", chosen: "yes", rejected: "no, " + "never ".repeat(20) };
  const [pair] = encodePreferences(tokenizer, [record]), text = (e: { ids: Int32Array; target: Uint8Array }) => tokenizer.decode([...e.ids].filter((_, i) => e.target[i]));
  assert.deepEqual([text(pair.chosen), text(pair.rejected)], ["yes<|im_end|>", `${record.rejected}<|im_end|>`]);
  const talk = encodePreferences(tokenizer, [{ ...record, prompt: [{ role: "user", content: "q" }] }])[0];
  assert.deepEqual(talk, pair);
  assert.equal(encodePreferences(tokenizer, [record, { ...record, rejected: "no" }], { maxLength: 30, long: "skip" }).skipped, 1);
  assert.throws(() => encodePreferences(tokenizer, [record], { maxLength: 30, long: "skip" }), userError("All 1 preferences"));
  assert.throws(() => encodePreferences(tokenizer, []), userError("data set is empty"));
  for (const [wrong, ...mentions] of [[{ prompt: "q", chosen: "a" }, '"rejected" is missing'], [{ prompt: "", chosen: "a", rejected: "b" }, '"prompt" is neither'], [{ chosen: "a", rejected: "b" }, '"prompt" is missing'], [{ prompt: "q", chosen: 1, rejected: "b" }, '"chosen" is not'], [{ prompt: "q", chosen: "a", rejected: "a" }, "the same text"], [null, '"chosen" is missing'], [{ prompt: [{}], chosen: "a", rejected: "b" }, '"prompt"']] as [unknown, string][])
    assert.throws(() => preferenceOf(wrong, "f.jsonl:3"), userError(/^f\.jsonl:3: /, ...mentions));
});

test("wrong options, and pairs without reference, are refused; nothing is left behind", () => withJit(false, async () => {
  assert.throws(() => dpo({ beta: 0 }), userError("beta is 0"));
  assert.throws(() => dpo({ loss: "hinge" as never }), userError('loss "hinge"'));
  assert.throws(() => dpo({ labelSmoothing: 0.5 }), userError("labelSmoothing is 0.5"));
  assert.throws(() => dpo({ loss: "ipo", labelSmoothing: 0.1 }), userError("IPO has none"));
  assert.throws(() => dpo().collate(randomPairs(1)), userError("withReference"));
  const objective = dpo(), loss = objective.loss(s.model, s.adapter.method), batch = objective.collate(pairs());
  await leaksNothing(() => tf.tidy(() => loss(s.adapter.trained, batch).dataSync()));
}));
