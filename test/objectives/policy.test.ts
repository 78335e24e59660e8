// GRPO and PPO: losses and gradients as TRL's, advantages and returns in closed form, the clip, the penalties.
import assert from "node:assert/strict";
import { before, mock, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { lora, type Adapter } from "tunelab/methods";
import type { Model } from "tunelab/model";
import { adaptedCoefficient, clippedSurrogate, generalizedAdvantages, groupAdvantages, grpo, ownersOf, policy, ppo, referenceKl, targetCounts, tokenRewards, VALUE, whitened, type Drawn, type Rollout } from "tunelab/objectives";
import { dispose, tf, type Params } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { withJit } from "../support/fixtures";
import { differences, hessianVector, numbers, relative } from "../tensor/support";
import { compare, example, expected, headOf, setting } from "./support";

let s: { model: Model; adapter: Adapter };
before(async () => { s = await setting(); });
const drawn = (): Drawn[] => expected.rollouts.map((row, i) => ({ ...example(row), old: expected.old[i], reference: expected.rolloutReference[i], reward: expected.rewards[i] }));
const ofGroups = (): Rollout[] => drawn().map((d, i) => ({ ...d, advantages: d.old.map(() => expected.groupAdvantages[i]) }));
const ofGae = (): Rollout[] => drawn().map((d, i) => ({ ...d, advantages: expected.gae.advantages[i], values: expected.gae.values[i], returns: expected.gae.returns[i] }));

for (const compiled of [true, false]) {
  const how = compiled ? "compiled" : "eager";
  test(`GRPO: loss, KL, clipped share and gradients as TRL's (1e-5, relative), ${how}`, (t) => withJit(compiled, () => {
    const { metrics, worst } = compare(grpo({ beta: 0.08, clip: 0.2 }), s, ofGroups(), "grpo"), trl = expected.cases.grpo.metrics;
    t.diagnostic(`loss ${worst.loss.toExponential(1)}, gradient ${worst.gradient.toExponential(1)}`);
    close([metrics.kl, metrics.clipped], [trl.kl, trl.clipped], 1e-5);
  }));
  test(`PPO: policy and value loss and gradients as TRL's formulas (1e-5, relative), ${how}`, (t) => withJit(compiled, () => {
    const head = headOf(VALUE), { metrics, worst } = compare(ppo({ clip: 0.2, valueClip: 0.25, valueWeight: 0.1 }), s, ofGae(), "ppo", head);
    t.diagnostic(`loss ${worst.loss.toExponential(1)}, gradient ${worst.gradient.toExponential(1)}`);
    close([metrics.policyLoss, metrics.valueLoss], [expected.cases.ppo.policy, expected.cases.ppo.value], 1e-5);
    dispose(head);
  }));
}

test("group advantages are TRL's, and by hand: 0 and 1 twice each are ±1/σ; equal rewards give 0 and are counted", () => {
  close(groupAdvantages(expected.rewards, expected.group).advantages, expected.groupAdvantages, 1e-8);
  const { advantages, flat } = groupAdvantages([0, 1, 0, 1, 3, 3, 3, 3], 4), a = 0.5 / (Math.sqrt(1 / 3) + 1e-4);
  close(advantages, [-a, a, -a, a, 0, 0, 0, 0], 1e-12);
  assert.equal(flat, 1);
  close([groupAdvantages([0.1, 0.1, 0.1], 3).advantages], [[0, 0, 0]], 0); // a mean that rounds makes no difference of nothing
  assert.throws(() => groupAdvantages([1, 2, 3], 2), userError("3 rewards are not groups of 2"));
  assert.throws(() => groupAdvantages([1], 1), userError("at least 2 answers"));
  assert.throws(() => groupAdvantages([1, NaN], 2), userError("reward 2 is NaN"));
});

test("token rewards, advantages and returns are TRL's", () => {
  const { gae } = expected, rewards = drawn().map((d) => tokenRewards(d, gae.kl)), made = rewards.map((r, i) => generalizedAdvantages(r, gae.values[i], gae.gamma, gae.lambda));
  close(rewards, gae.rewards, 1e-8);
  close(made.map((m) => m.returns), gae.returns, 1e-8);
  close(whitened(made.map((m) => m.advantages)), gae.advantages, 1e-8);
});

test("generalised advantages in closed form", () => {
  const r = [0.5, -1, 2, 0.25], v = [0.3, 0.1, -0.7, 0.9], γ = 0.9, n = r.length, next = (t: number) => v[t + 1] ?? 0;
  const sum = (f: (k: number) => number, from: number) => Array.from({ length: n - from }, (_, k) => f(from + k)).reduce((a, b) => a + b, 0);
  // λ = 0: one step of temporal difference. λ = 1: the discounted return minus the value.
  close(generalizedAdvantages(r, v, γ, 0).advantages, r.map((x, t) => x + γ * next(t) - v[t]), 1e-12);
  close(generalizedAdvantages(r, v, γ, 1).advantages, r.map((_, t) => sum((k) => γ ** (k - t) * r[k], t) - v[t]), 1e-12);
  close(generalizedAdvantages(r, v, γ, 1).returns, r.map((_, t) => sum((k) => γ ** (k - t) * r[k], t)), 1e-12);
  // In between: the sum of discounted differences; values that know the future leave no advantage.
  close(generalizedAdvantages(r, v, γ, 0.6).advantages, r.map((_, t) => sum((k) => (γ * 0.6) ** (k - t) * (r[k] + γ * next(k) - v[k]), t)), 1e-12);
  close(generalizedAdvantages(r, r.map((_, t) => sum((k) => γ ** (k - t) * r[k], t)), γ, 0.95).advantages, [0, 0, 0, 0], 1e-12);
  const w = whitened([[1, 2], [3], [4, 10]]).flat();
  close([w.reduce((a, b) => a + b, 0), w.reduce((a, b) => a + b * b, 0) / 5], [0, 1], 1e-8);
});

test("the coefficient rises with too much KL, falls with too little, by at most a fifth of the rate", () => {
  close([adaptedCoefficient(0.1, 6, 6, 0.1), adaptedCoefficient(0.1, 6.6, 6, 0.1), adaptedCoefficient(0.1, 100, 6, 0.1), adaptedCoefficient(0.1, 0, 6, 0.5)], [0.1, 0.101, 0.102, 0.09], 1e-12);
});

test("the clipped surrogate by hand, its slopes, and its second derivatives (1e-3)", () => tf.tidy(() => {
  const ratios = [0.5, 0.9, 1, 1.1, 1.5], at = (A: number) => { const { surrogate, clipped } = clippedSurrogate(tf.log(tf.tensor1d(ratios)), tf.zeros([5]), tf.fill([5], A), 0.2); return [numbers(surrogate), numbers(clipped)]; };
  close(at(2), [[1, 1.8, 2, 2.2, 2.4], [0, 0, 0, 0, 1]], 1e-6);
  close(at(-2), [[-1.6, -1.8, -2, -2.2, -3], [1, 0, 0, 0, 0]], 1e-6);
  const slope = (A: number) => numbers(tf.grad((l) => clippedSurrogate(l as Tensor, tf.zeros([5]), tf.fill([5], A), 0.2).surrogate)(tf.log(tf.tensor1d(ratios))));
  close([slope(2), slope(-2)], [[1, 1.8, 2, 2.2, 0], [0, -1.8, -2, -2.2, -3]], 1e-5); // ρA where the clip does not hold it back
  const xs = [tf.log(tf.tensor1d([0.5, 0.9, 1.05, 1.1, 1.5]))], v = [tf.tensor1d([0.1, -0.2, 0.1, 0.3, 0.2])], L = (l: Tensor) => tf.sum(tf.square(clippedSurrogate(l, tf.zeros([5]), tf.tensor1d([1, -2, 3, 1, -1]), 0.2).surrogate));
  assert.ok(relative(hessianVector(L as never, xs, v).flatMap(numbers), differences(([l]) => [tf.grad((l) => L(l as Tensor))(l)], xs, v, 0.02)) < 1e-3);
}));

test("where the policy is the old one and the reference, GRPO's loss is minus the mean advantage, and its gradient that of REINFORCE", () => withJit(false, () => {
  const { model } = s, method = lora({ rank: 2 }), start = method.init(model.params, model.config, 0);
  const now = expected.rolloutReference, rollouts = ofGroups().map((r, i) => ({ ...r, old: now[i], reference: now[i] })), objective = grpo({ beta: 0.5 }), loss = objective.loss(model, method);
  const batch = objective.collate(rollouts), metrics: Record<string, number> = {};
  const value = tf.tidy(() => loss(start, batch, undefined, (m) => { for (const [n, t] of Object.entries(m)) metrics[n] = t.dataSync()[0]; }).dataSync()[0]);
  close([value, metrics.kl, metrics.clipped], [-expected.groupAdvantages.reduce((a, b) => a + b, 0) / 6, 0, 0], 1e-5); // advantages sum to 0 in each group: a loss that starts at 0 learns all the same
  const run = policy(model, method), counts = targetCounts(batch), share = batch.weights.map((w, i) => (w * batch.advantages[i]) / (counts[ownersOf(batch)[i]] * 6)), named = (x: readonly unknown[]) => Object.fromEntries(Object.keys(start).map((n, i) => [n, x[i]])) as Params;
  tf.tidy(() => {
    const g = tf.grads((...x) => loss(named(x), batch))(Object.values(start)).flatMap(numbers), plain = tf.grads((...x) => tf.neg(tf.sum(tf.mul(run(named(x), batch).logs, tf.tensor1d(share)))))(Object.values(start)).flatMap(numbers);
    assert.ok(Math.hypot(...g) > 1e-2 && relative(g, plain) < 1e-5, `${relative(g, plain)}`);
  });
  dispose(start);
}));

test("preparing a round: GRPO counts flat groups and warns once; PPO values, whitens, adapts", () => withJit(false, async () => {
  const tick = async () => {}, warn = mock.method(console, "warn", () => {});
  try {
    const prepare = grpo().prepare(s.model, s.adapter.method, 4), flat = drawn().map((d) => ({ ...d, reward: 1 }));
    const { rollouts, metrics } = await prepare(drawn(), 3, s.adapter.trained, undefined, tick);
    close(rollouts.map((r) => r.advantages), expected.rollouts.map((row, i) => Array(row.ids.length - row.first).fill(expected.groupAdvantages[i])), 1e-8);
    close([metrics.flatGroups, metrics.referenceKl], [0, referenceKl(drawn())], 1e-12);
    assert.equal(warn.mock.callCount(), 0);
    for (let i = 0; i < 2; i++) assert.equal((await prepare(flat, 3, s.adapter.trained, undefined, tick)).metrics.flatGroups, 1);
    assert.equal(warn.mock.callCount(), 1);
    assert.match(String(warn.mock.calls[0].arguments[0]), /all 2 groups .* earned the same .*larger groups/);
  } finally { warn.mock.restore(); }
  const head = headOf(VALUE), trained = { ...s.adapter.trained, ...head }, prepare = ppo({ klCoefficient: 0.1, klTarget: 1e-3, discount: 0.97, lambda: 0.9 }).prepare(s.model, s.adapter.method, 4);
  const { rollouts, metrics, state } = await prepare(drawn(), 3, trained, undefined, tick);
  for (const [i, r] of rollouts.entries()) close(r.returns!, generalizedAdvantages(tokenRewards(drawn()[i], 0.1), r.values!, 0.97, 0.9).returns, 1e-9);
  assert.ok(new Set(rollouts.flatMap((r) => r.values!)).size > 20, "values differ");
  assert.deepEqual([metrics.klCoefficient, state], [0.1, { klCoefficient: adaptedCoefficient(0.1, referenceKl(drawn()), 1e-3, 0.1) }]);
  assert.equal((await prepare(drawn(), 3, trained, state, tick)).metrics.klCoefficient, (state as { klCoefficient: number }).klCoefficient);
  const zero = { ...s.adapter.trained, ...ppo().init!(s.model.config, 0) };
  assert.ok((await prepare(drawn(), 3, zero, undefined, tick)).rollouts.every((r) => r.values!.every((v) => v === 0)), "a head at its start says 0");
  await leaksNothing(() => prepare(drawn(), 3, trained, undefined, tick));
  await assert.rejects(prepare(drawn().map((d) => ({ ...d, reward: Infinity })), 3, trained, undefined, tick), userError("reward 1 is Infinity"));
}));

test("wrong options are refused", () => {
  for (const [make, message] of [[() => grpo({ clip: 0 }), "clip is 0"], [() => grpo({ beta: -1 }), "beta is -1"], [() => ppo({ clip: 1 }), "clip is 1"], [() => ppo({ valueClip: 0 }), "valueClip is 0"], [() => ppo({ lambda: 1.1 }), "lambda is 1.1"], [() => ppo({ klTarget: 0 }), "klTarget is 0"], [() => ppo({ klCoefficient: NaN }), "klCoefficient is NaN"]] as const)
    assert.throws(make, userError(message));
});
