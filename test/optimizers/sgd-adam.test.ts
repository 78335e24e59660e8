// SGD (plain, momentum, Nesterov, dampening, decay) and Adam against torch.optim.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { adam, sgd } from "tunelab/optimizers";
import { backend, jit, mapParams, tf, type Params } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { readJson, withJit } from "../support/fixtures";

before(async () => { await backend(); });

type Nested = Record<"vector" | "matrix", any>;
const { start, gradients, cases } = readJson("methods", "optimizers.json") as { start: Nested; gradients: Nested[]; cases: { kind: "sgd" | "adam"; options: any; after: Nested[] }[] };
const tensors = (n: Nested): Params => Object.fromEntries(Object.entries(n).map(([name, v]) => [name, tf.tensor(v)]));

for (const { kind, options, after } of cases)
  for (const compiled of [true, false])
    test(`${kind} ${JSON.stringify(options)}, ${compiled ? "compiled" : "eager"}: six steps as torch.optim`, (t) => withJit(compiled, () => {
      const { lr, betas, weight_decay: weightDecay, ...rest } = options, optimizer = kind === "sgd" ? sgd({ ...rest, weightDecay }) : adam({ eps: rest.eps, beta1: betas?.[0], beta2: betas?.[1], weightDecay });
      const step = jit(optimizer.step as never) as unknown as typeof optimizer.step, d: number[] = [];
      tf.tidy(() => {
        let p = tensors(start), state = mapParams(p, (x) => optimizer.init(x));
        for (const [s, expected] of after.entries()) {
          const g = tensors(gradients[s]), next = mapParams(p, (x, name) => step(x, g[name], state[name], tf.scalar(lr)));
          p = mapParams(next as never, (n: any) => n.p);
          state = mapParams(next as never, (n: any) => n.state);
          for (const name of Object.keys(expected)) d.push(close(p[name].dataSync(), (expected as any)[name].flat(Infinity), 1e-6, `${name} after step ${s + 1}`));
        }
      });
      t.diagnostic(`max difference ${Math.max(...d).toExponential(1)}`);
      (step as never as { dispose?(): void }).dispose?.();
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
