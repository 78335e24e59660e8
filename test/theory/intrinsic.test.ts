// Random subspaces: transforms and adjoints as known, the intrinsic dimension of Li et al.'s toy problem, and a method that train() trains.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { Matrix, pseudoInverse } from "ml-matrix";
import { lomo } from "tunelab/optimizers";
import { backend, count, dispose, tf, type Params } from "tunelab/tensor";
import { hadamard, inSubspace, intrinsic, projection, PROJECTIONS, searchDimension, type Projection } from "tunelab/theory";
import { evaluate, train } from "tunelab/train";
import { generate } from "tunelab/model";
import { close, leaksNothing, userError } from "../support/compare";
import { tinyModel, withJit } from "../support/fixtures";
import { distance, randomExamples, valuesOf } from "../train/support";
import { normal, numbers } from "../tensor/support";

before(async () => { await backend(); });

test("fast Walsh-Hadamard transform: the known example, H² = N·I, and rows on their own", () => tf.tidy(() => {
  close(numbers(hadamard(tf.tensor2d([[1, 0, 1, 0, 0, 1, 1, 0]]))), [4, 2, 0, -2, 0, 2, 0, 2], 0);
  for (const N of [1, 2, 16, 32, 64, 2048]) {
    const x = normal([3, N], N), y = hadamard(hadamard(x));
    close(numbers(y), numbers(tf.mul(x, N)), 1e-5 * N);
    close(numbers(hadamard(tf.slice(x as never, [1, 0], [1, N]))), numbers(tf.slice(hadamard(x) as never, [1, 0], [1, N])), 1e-4);
  }
  assert.throws(() => hadamard(tf.zeros([1, 6])), userError("6 entries", "power of 2"));
}));

/** Pᵀy by differentiation: what training uses. */
const adjoint = (P: Projection, y: Tensor): Tensor => tf.grad((phi) => tf.sum(tf.mul(P.apply(phi), y)))(tf.zeros([P.d]));
for (const kind of PROJECTIONS)
  test(`${kind}: ⟨Px, y⟩ = ⟨x, Pᵀy⟩, linear, keeps lengths on average, a pure function of the seed, frees its tensors`, async () => {
    for (const [D, d] of [[1000, 10], [700, 33], [96, 96], [5, 1]]) tf.tidy(() => {
      const P = projection(kind, D, d, 4), x = normal([d], 1), z = normal([d], 2), y = normal([D], 3), Px = P.apply(x);
      assert.deepEqual(Px.shape, [D]);
      const left = numbers(tf.sum(tf.mul(Px, y)))[0], right = numbers(tf.sum(tf.mul(x, adjoint(P, y))))[0];
      assert.ok(Math.abs(left - right) <= 1e-4 * Math.max(1, Math.abs(left)), `[${D}, ${d}]: ${left} is not ${right}`);
      close(numbers(P.apply(tf.add(tf.mul(x, 2), z))), numbers(tf.add(tf.mul(Px, 2), P.apply(z))), 1e-4);
      const again = projection(kind, D, d, 4), other = projection(kind, D, d, 5);
      assert.deepEqual(numbers(again.apply(x)), numbers(Px));
      assert.notDeepEqual(numbers(other.apply(x)), numbers(Px));
      [P, again, other].forEach((p) => p.dispose());
    });
    const ratios = Array.from({ length: 40 }, (_, seed) => tf.tidy(() => {
      const P = projection(kind, 1000, 20, seed), x = normal([20], seed + 100), r = numbers(tf.div(tf.sum(tf.square(P.apply(x))), tf.sum(tf.square(x))))[0];
      P.dispose();
      return r;
    }));
    const mean = ratios.reduce((a, b) => a + b) / ratios.length;
    assert.ok(Math.abs(mean - 1) < 0.05, `‖Px‖²/‖x‖² is ${mean} on average`);
    await leaksNothing(() => { const P = projection(kind, 100, 7); tf.tidy(() => { P.apply(tf.zeros([7])); }); P.dispose(); });
  });

/**
 * D = 1000 numbers in 10 groups; the k-th group must sum to k: 10 constraints. Performance e^{−loss} of the best point in d random
 * dimensions, found exactly: the loss is quadratic there.
 */
function toy(kind: (typeof PROJECTIONS)[number], d: number): number {
  const P = projection(kind, 1000, d, 1), base: Params = { theta: tf.zeros([1000]) };
  const sums = (phi: number[]): number[] => tf.tidy(() => numbers(tf.sum(tf.reshape(inSubspace(base, P, tf.tensor1d(phi)).theta, [10, 100]), 1)));
  const columns = Array.from({ length: d }, (_, j) => sums(Array.from({ length: d }, (_, i) => +(i === j)))), goal = Array.from({ length: 10 }, (_, k) => k + 1);
  const phi = pseudoInverse(new Matrix(columns).transpose()).mmul(Matrix.columnVector(goal)).to1DArray(), reached = sums(phi);
  P.dispose(); dispose(base);
  return Math.exp(-goal.reduce((s, g, k) => s + (reached[k] - g) ** 2, 0));
}
for (const kind of PROJECTIONS)
  test(`1000 parameters under 10 constraints have intrinsic dimension 10: ${kind}`, async () => {
    const r = await searchDimension({ measure: async (d) => toy(kind, d), full: 1, to: 64, from: 4, resolution: 1.01, display: false });
    assert.equal(r.d, 10, JSON.stringify(r.points));
    assert.equal(r.above, 9);
  });

test("the search: bracket, threshold between training nothing and everything, known points are not measured again", async () => {
  let calls = 0;
  const measure = async (d: number) => { calls++; return 0.2 + 0.8 * (1 - Math.exp(-d / 100)); }, exact = 100 * Math.log(10);
  const r = await searchDimension({ measure, full: 1, none: 0.2, to: 4096, resolution: 1.02 });
  assert.ok(r.d! >= exact && r.above! < exact && r.d! / r.above! <= 1.021, `${r.above} to ${r.d}, exact ${exact}`);
  const before = calls, again = await searchDimension({ measure, full: 1, none: 0.2, to: 4096, resolution: 1.02, points: r.points });
  assert.equal(calls, before);
  assert.equal(again.d, r.d);
  const never = await searchDimension({ measure: async () => 0.1, full: 1, to: 20 });
  assert.deepEqual([never.d, never.above, never.points.map((p) => p.d)], [undefined, 20, [1, 2, 4, 8, 16, 20]]);
  await assert.rejects(searchDimension({ measure, full: 0.2, none: 0.2, to: 3 }), userError("nothing to compare with"));
  const stopped = await searchDimension({ measure: async (d) => { if (d === 4) process.emit("SIGINT"); return 0; }, full: 1, to: 64 });
  assert.deepEqual([stopped.status, stopped.points.map((p) => p.d)], ["stopped", [1, 2]], "what Stop cut short does not count");
});

test("as a method: train() trains d scalars, evaluation and generation see them, merging gives the same weights, a second run the same numbers", () => withJit(false, async () => {
  const model = await tinyModel("qwen2-tied"), data = randomExamples(8, { vocabulary: 100 }), options = { model, data: { train: data, validation: data }, steps: 8, batchSize: 4, learningRate: 0.5, schedule: "constant" as const, display: false, seed: 3 };
  const method = intrinsic({ dimension: 50 });
  const run = await train({ ...options, method });
  assert.equal(count(run.trained), 50);
  const [first, last] = [run.history.evaluations[0].loss, run.history.evaluations.at(-1)!.loss];
  assert.ok(last < first - 0.05, `${first} → ${last}`);
  close([(await evaluate(model, data, { adapter: run })).loss], [last], 1e-5);
  const merged = { ...model, params: method.merge!(model.params, run.trained) };
  close([(await evaluate(merged, data)).loss], [last], 1e-4);
  const [a] = await generate(model, [[5, 6, 7]], { adapter: run, maxNewTokens: 6 }), [b] = await generate(merged, [[5, 6, 7]], { maxNewTokens: 6 });
  assert.deepEqual(a.ids, b.ids);
  const again = await train({ ...options, method: intrinsic({ dimension: 50 }) });
  assert.equal(distance(valuesOf(run.trained), valuesOf(again.trained)), 0);
  const some = await train({ ...options, steps: 2, method: intrinsic({ dimension: 5, projection: "sparse", only: (n) => n.includes("mlp") }) }), changed = some.method.merge!(model.params, some.trained);
  for (const [name, t] of Object.entries(changed)) assert.equal(distance({ t: [...t.dataSync()] }, { t: [...model.params[name].dataSync()] }) > 0, name.includes("mlp"), name);
  await assert.rejects(train({ ...options, method, optimizer: lomo() }), userError("trains tensors that the layers do not see", "updates each layer"));
  await assert.rejects(train({ ...options, method: intrinsic({ dimension: 1e6 }) }), userError("dimension is 1000000"));
}));

test("bad input is said", () => {
  assert.throws(() => projection("dense", 10, 11), userError("11 dimensions in a space of 10"));
  assert.throws(() => projection("dense", 2 ** 22, 2 ** 10), userError("fastfood"));
  assert.throws(() => projection("magic" as never, 10, 1), userError("magic", "dense, sparse, fastfood"));
});
