// AdamW and clipping against torch.optim.AdamW and clip_grad_norm_; learning-rate schedules against transformers.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Scalar } from "@tensorflow/tfjs";
import { adamw, clipFactor, sumOfSquares } from "tunelab/optimizers";
import { schedule } from "tunelab/train";
import { backend, dispose, jit, mapParams, tf, type Params } from "tunelab/tensor";
import { close, leaksNothing, userError, values } from "../support/compare";
import { readJson, withJit } from "../support/fixtures";

before(async () => { await backend(); });

type Nested = Record<"vector" | "matrix" | "cube", any>;
const { start, gradients, cases } = readJson("lora", "adamw.json") as { start: Nested; gradients: Nested[]; cases: { options: any; after: Nested[] }[] };
const tensors = (n: Nested): Params => Object.fromEntries(Object.entries(n).map(([name, v]) => [name, tf.tensor(v)]));

for (const [i, { options, after }] of cases.entries())
  for (const compiled of [true, false])
    test(`case ${i} (${JSON.stringify(options)}), ${compiled ? "compiled" : "eager"}: five steps as torch.optim.AdamW`, (t) => withJit(compiled, () => {
      const { lr, ...rest } = options, optimizer = adamw(rest), step = jit(optimizer.step as never) as unknown as typeof optimizer.step, d: number[] = [];
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
      step && (step as never as { dispose?(): void }).dispose?.();
    }));

test("a step leaves its inputs alone, and frees what it makes but the result", async () => {
  const optimizer = adamw(), p = tf.tensor([1, 2]), g = tf.tensor([0.5, -0.5]), state = optimizer.init(p), rate = tf.scalar(0.1) as Scalar;
  await leaksNothing(() => {
    const next = tf.tidy(() => optimizer.step(p, g, state, rate) as never) as ReturnType<typeof optimizer.step>;
    assert.deepEqual([...p.dataSync(), ...g.dataSync()], [1, 2, 0.5, -0.5]);
    assert.deepEqual(values(state), { m: [0, 0], v: [0, 0], t: [0] });
    next.p.dispose(); dispose(next.state);
  });
});

test("the first step has the size of the learning rate, whatever the gradient's; decay is apart from it", () => {
  const move = (g: number, weightDecay: number, p = 2) => tf.tidy(() => {
    const optimizer = adamw({ weightDecay }), x = tf.tensor([p]);
    return optimizer.step(x, tf.tensor([g]), optimizer.init(x), tf.scalar(0.01)).p.dataSync()[0] - p;
  });
  close([move(1e-3, 0), move(-5, 0), move(1e4, 0)], [-0.01, 0.01, -0.01], 1e-6);
  close([move(0, 0.5), move(3, 0.5)], [-0.01 * 0.5 * 2, -0.01 * 0.5 * 2 - 0.01], 1e-6);
});

test("clipping scales by max / (norm + 1e-6), and only downwards", () => {
  const squared = tf.tidy(() => sumOfSquares([tf.tensor([3, 0]), tf.tensor([[4]])]).dataSync()[0]);
  close([squared], [25], 1e-5);
  close([clipFactor(5, 1)], [1 / 5.000001], 1e-9);
  assert.deepEqual([clipFactor(5, 6), clipFactor(0, 1)], [1, 1]);
});

test("schedules are those of transformers", () => {
  const { cases } = readJson("lora", "schedules.json") as { cases: { kind: "cosine" | "linear"; warmupSteps: number; totalSteps: number; factors: number[] }[] };
  assert.equal(cases.length, 4);
  for (const { kind, warmupSteps, totalSteps, factors } of cases) {
    const factor = schedule(kind, totalSteps, warmupSteps);
    close(factors.map((_, s) => factor(s)), factors, 1e-8, `${kind} with ${warmupSteps} steps of warm-up`);
  }
  const constant = schedule("constant", 10, 2);
  assert.deepEqual([0, 1, 2, 9].map(constant), [0, 0.5, 1, 1]);
  assert.throws(() => schedule("cosin" as never, 10), userError('"cosin"', "constant, linear, cosine"));
});
