// SGD (plain, momentum, Nesterov, dampening, decay) and Adam against torch.optim.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { adam, sgd } from "tunelab/optimizers";
import { backend, tf } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { readJson, withJit } from "../support/fixtures";
import { stepsAre, type Nested } from "./support";

before(async () => { await backend(); });

const { start, gradients, cases } = readJson("methods", "optimizers.json") as { start: Nested; gradients: Nested[]; cases: { kind: "sgd" | "adam"; options: any; after: Nested[] }[] };

for (const { kind, options, after } of cases)
  for (const compiled of [true, false])
    test(`${kind} ${JSON.stringify(options)}, ${compiled ? "compiled" : "eager"}: six steps as torch.optim`, (t) => withJit(compiled, () => {
      const { lr, betas, weight_decay: weightDecay, ...rest } = options, optimizer = kind === "sgd" ? sgd({ ...rest, weightDecay }) : adam({ eps: rest.eps, beta1: betas?.[0], beta2: betas?.[1], weightDecay });
      t.diagnostic(`max difference ${stepsAre(optimizer, lr, start, gradients, after).toExponential(1)}`);
    }));

test("plain descent has no state; a step frees what it makes but the result", async () => {
  const plain = sgd(), heavy = sgd({ momentum: 0.9 }), p = tf.tensor([1, 2]), g = tf.tensor([0.5, -0.5]), rate = tf.scalar(0.1), state = heavy.init(p);
  assert.deepEqual(plain.init(p), {});
  await leaksNothing(() => {
    const next = tf.tidy(() => heavy.step(p, g, state, rate) as never) as ReturnType<typeof heavy.step>;
    [next.p, ...Object.values(next.state)].forEach((t) => t.dispose());
    tf.tidy(() => close(plain.step(p, g, {}, rate).p.dataSync(), [0.95, 2.05], 1e-7));
  });
});

test("contradictory settings are refused", () => {
  assert.throws(() => sgd({ momentum: 1 }), userError("momentum is 1", "below 1"));
  assert.throws(() => sgd({ nesterov: true }), userError("nesterov", "momentum above 0"));
  assert.throws(() => sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 }), userError("nesterov", "dampening"));
});
