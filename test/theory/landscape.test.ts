// Slices, filter normalisation, trajectories, paths between solutions, roughness: closed forms, and one real model.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { backend, dispose, mapParams, Random, tf, type Params } from "tunelab/tensor";
import { along, barrier, bezierPath, connect, filterNormalised, gradient, lastAxisFilters, linearPath, lossAndGradient, lossAt, parabolaResidual, plane, randomDirection, roughness, rowFilters, scalarProblem, slice, spread, trajectoryPCA, type FilterAxis } from "tunelab/theory";
import { close, leaksNothing, userError } from "../support/compare";
import { normal, numbers } from "../tensor/support";
import { fixtureProblem } from "./support";

before(async () => { await backend(); });

/** L = (‖w‖² − 1)²: a ring of minima. */
const ring = (p: Params) => tf.square(tf.sub(tf.sum(tf.square(p.w)), 1));
const ringLoss = (p: Params): number => tf.tidy(() => ring(p).dataSync()[0]);
const ends = () => ({ a: { w: tf.tensor1d([1, 0]) }, b: { w: tf.tensor1d([-1, 0]) } });

test("L = (‖w‖² − 1)² between (±1, 0): linear barrier exactly 1; the mean-optimal Bezier curve peaks at 0.049", async () => {
  const { a, b } = ends(), line = await linearPath(ringLoss, a, b);
  close([line.barrier, line.loss[10]], [1, 1], 1e-6);
  const program = lossAndGradient(scalarProblem(a, ring)), { middle, losses, status } = await connect((p) => program.at(p), a, b, { steps: 250, learningRate: 0.05, samples: 16, seed: 1 });
  program.dispose();
  assert.equal(status, "done");
  const curve = await bezierPath(ringLoss, a, middle, b, 101), peak = Math.max(...curve.loss);
  assert.ok(Math.abs(peak - 0.049) < 0.002, `peak ${peak}`);
  assert.ok(Math.abs(numbers(middle.w)[0]) < 0.01 && losses.at(-1)! < losses[0]);
  close([barrier([0, 0.5, 1], [1, 5, 2])], [3.5], 1e-12);
  await leaksNothing(async () => dispose((await connect(async () => ({ loss: 0, gradient: Float64Array.of(0, 0) }), a, b, { steps: 2 })).middle));
});

test("filter normalisation: every filter gets the length of the weights' filter, along the right axis", () => {
  const lengths = (t: Params["w"], axis: number) => numbers(tf.tidy(() => tf.sqrt(tf.sum(tf.square(t), t.shape.map((_, i) => i).filter((i) => i !== axis)))));
  for (const [shape, axis, which] of [[[5, 3], 0, rowFilters], [[3, 5], 1, lastAxisFilters], [[2, 2, 3, 4], 3, lastAxisFilters]] as [number[], number, FilterAxis][]) {
    const at = { w: normal(shape, 1, 3), bias: normal([4], 2) }, d = filterNormalised({ w: normal(shape, 5), bias: normal([4], 6) }, at, which);
    close(lengths(d.w, axis), lengths(at.w, axis), 1e-4, `[${shape}]`);
    assert.deepEqual(numbers(d.bias), [0, 0, 0, 0], "biases stay put");
  }
  assert.throws(() => filterNormalised({ w: normal([2, 2], 1) }, { w: normal([2, 3], 1) }), userError("[2,2]", "[2,3]"));
});

test("filter normalisation makes slices independent of the weights' scale, where the loss is", async () => {
  // Two linear layers: (cW₁, W₂/c) is the same function.
  const x = normal([8, 3], 1), loss = (p: Params): number => tf.tidy(() => tf.mean(tf.square(tf.matMul(tf.matMul(x as never, p.a as never, false, true), p.b as never, false, true))).dataSync()[0]);
  const a = normal([4, 3], 2), b = normal([2, 4], 3), at = { a, b }, other = { a: tf.mul(a, 10), b: tf.mul(b, 0.1) }, direction = randomDirection(at, 4), grid = spread(1, 7);
  const same = filterNormalised(direction, other), [one, two] = [await slice(loss, at, direction, grid), await slice(loss, other, same, grid)];
  close(two.loss, one.loss, 1e-3);
});

test("slices and planes of a quadratic are what they must be; at 0 the loss itself", async () => {
  const at: Params = { w: tf.tensor2d([[1, 2], [3, 4]]) }, d1: Params = { w: tf.tensor2d([[1, 0], [0, 0]]) }, d2: Params = { w: tf.tensor2d([[0, 0], [0, 2]]) }, loss = (p: Params) => tf.tidy(() => tf.sum(tf.square(p.w)).dataSync()[0]);
  const line = await slice(loss, at, d1, spread(2, 5));
  close(line.loss, [-2, -1, 0, 1, 2].map((x) => 29 + (1 + x) ** 2), 1e-4);
  const p = await plane(loss, at, [d1, d2], [0, 1], [-1, 0, 1]);
  close(p.loss, [-1, 0, 1].map((y) => [0, 1].map((x) => (1 + x) ** 2 + 13 + (4 + 2 * y) ** 2)), 1e-4);
  await leaksNothing(async () => { await slice(loss, at, d1, [0, 1]); await plane(loss, at, [d1, d2], [0, 1]); });
  const stopped = await plane((p) => { process.emit("SIGINT"); return loss(p); }, at, [d1, d2], [0, 1]);
  assert.deepEqual([stopped.status, stopped.loss], ["stopped", []]);
  assert.throws(() => spread(0, 5), userError("extent 0"));
});

test("trajectory PCA: a straight run has one component, and a random walk 6/π² in the first", () => {
  const line = trajectoryPCA([0, 1, 2, 4].map((t) => ({ w: tf.tensor1d([t, 2 * t, 0, 1]) })));
  close([line.explained[0], Math.abs(line.coordinates[0][0]), line.coordinates[3][0]], [1, 4 * Math.sqrt(5), 0], 1e-5);
  const shares: number[] = [];
  for (let seed = 0; seed < 3; seed++) {
    const random = new Random(seed, "walk"), w = new Float32Array(4000), points: Params[] = [];
    for (let t = 0; t < 60; t++) { for (let i = 0; i < w.length; i++) w[i] += random.normal(); points.push({ w: tf.tensor1d(w.slice()) }); }
    shares.push(trajectoryPCA(points).explained[0]);
    points.forEach(dispose);
  }
  shares.forEach((s) => assert.ok(Math.abs(s - 6 / Math.PI ** 2) < 0.02, `${s}`));
  assert.throws(() => trajectoryPCA([{ w: tf.zeros([2]) }, { w: tf.zeros([2]) }]), userError("2 points"));
  assert.throws(() => trajectoryPCA([0, 0, 0].map(() => ({ w: tf.zeros([2]) }))), userError("all points are the same"));
});

test("roughness: 0 for a parabola, h³ for a cubic, the noise for noise", async () => {
  const at = { w: tf.ones([1, 50]) }, along1 = (f: (s: number) => number) => (p: Params) => f(numbers(p.w).reduce((a, b) => a + b - 1, 0) / 10), x = spread(1, 11);
  close([parabolaResidual(x, x.map((v) => 3 + v - 2 * v * v))], [0], 1e-12);
  const cubic = (await roughness(along1((s) => s ** 3), at, [0.5, 1], { directions: 2 })).scales;
  close([cubic[1].rough.mean / cubic[0].rough.mean], [8], 1e-2);
  const random = new Random(1, "noise"), noise = (await roughness(along1(() => 0.1 * random.normal()), at, [1e-3, 1], { directions: 60 })).scales;
  for (const s of noise) assert.ok(Math.abs(s.rough.mean - 0.1 * Math.sqrt(8 / 11)) < 0.012, `${s.rough.mean}`);
  await assert.rejects(roughness(() => 0, at, [0]), userError("above 0"));
});

test("on a tiny Qwen2 the slice's slope and curvature at 0 are the gradient's and the Hessian's", async () => {
  const { curvature, toVector } = await import("tunelab/theory"), problem = await fixtureProblem("lora"), loss = (p: Params) => lossAt(problem, p), direction = randomDirection(problem.params, 3), h = 0.02, d = toVector(direction);
  const { loss: y } = await slice(loss, problem.params, direction, [-h, 0, h]), g = await gradient(problem, { compiled: false }), Hd = await curvature(problem, { compiled: false }).apply(d), dot = (a: Float64Array, b: Float64Array) => a.reduce((s, x, i) => s + x * b[i], 0);
  close([y[1]], [g.loss], 1e-5);
  assert.ok(Math.abs((y[2] - y[0]) / (2 * h) / dot(g.gradient, d) - 1) < 0.05);
  assert.ok(Math.abs((y[2] - 2 * y[1] + y[0]) / h ** 2 / dot(Hd, d) - 1) < 0.1);
  const moved = along(problem.params, [direction, 0]);
  assert.deepEqual(mapParams(moved, (t) => numbers(t)), mapParams(problem.params, (t) => numbers(t)));
});
