// Descent on a whole loss: closed form on a quadratic, the edge 2/λ, and what must not be asked for.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { adamw, sgd } from "tunelab/optimizers";
import { backend, dispose, tf, type Params } from "tunelab/tensor";
import { descend, lossAndGradient, scalarProblem } from "tunelab/theory";
import { close, leaksNothing, userError } from "../support/compare";
import { numbers } from "../tensor/support";

before(async () => { await backend(); });

const CURVATURE = [10, 1];
/** L = ½ Σ λ_i x_i². */
const bowl = (p: Params) => tf.mul(0.5, tf.sum(tf.mul(tf.tensor1d(CURVATURE), tf.square(p.x))));
async function run(options: Omit<Parameters<typeof descend>[2], "display">) {
  const start = { x: tf.tensor1d([1, 1]) }, program = lossAndGradient(scalarProblem(start, bowl));
  try { return await descend((p) => program.at(p), start, options); } finally { program.dispose(); dispose(start); }
}

test("gradient descent on a quadratic: x_i = (1 − ηλ_i)^k, the losses before every step and at the end", async () => {
  const eta = 0.15, k = 7, { params, losses, status } = await run({ steps: k, learningRate: eta }), at = (n: number) => CURVATURE.map((l) => (1 - eta * l) ** n);
  assert.equal(status, "done");
  close(numbers(params.x), at(k), 1e-5);
  close(losses, Array.from({ length: k + 1 }, (_, n) => at(n).reduce((s, x, i) => s + 0.5 * CURVATURE[i] * x * x, 0)), 1e-5);
  dispose(params);
});

test("below η = 2/λmax the loss falls, above it grows, and a loss that is not finite ends the descent", async () => {
  for (const [eta, grows] of [[0.199, false], [0.201, true]] as const) {
    const { params, losses } = await run({ steps: 200, learningRate: eta });
    assert.equal(losses.at(-1)! > losses[100], grows, `η = ${eta}`);
    dispose(params);
  }
  const { params, losses } = await run({ steps: 500, learningRate: 1e3 });
  assert.ok(!Number.isFinite(losses.at(-1)) && losses.length < 50, `${losses.length} losses`);
  dispose(params);
});

test("with AdamW the first step has the learning rate's length in every direction, whatever the curvature", async () => {
  const { params } = await run({ steps: 1, learningRate: 0.01, optimizer: adamw({ weightDecay: 0 }) });
  close(numbers(params.x), [0.99, 0.99], 1e-5);
  dispose(params);
});

test("nothing leaks, and senseless options are refused", async () => {
  await leaksNothing(async () => dispose((await run({ steps: 3, learningRate: 0.1, optimizer: sgd({ momentum: 0.9 }) })).params));
  await assert.rejects(run({ steps: 0, learningRate: 0.1 }), userError("steps is 0"));
  await assert.rejects(run({ steps: 2, learningRate: -1 }), userError("learningRate is -1"));
});
