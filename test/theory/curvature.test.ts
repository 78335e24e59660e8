// Curvature products against PyTorch's double backward, against each other, and against closed forms.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { sft } from "tunelab/objectives";
import { backend, compiles, mapParams, tf, type Params } from "tunelab/tensor";
import { curvature, CURVATURES, dense, gradient, lossAndGradient, lossAt, modelProblem, scalarProblem, toParams, toVector, type CurvatureKind, type Problem } from "tunelab/theory";
import { close, leaksNothing, userError } from "../support/compare";
import { none } from "../support/training";
import { tinyModel } from "../support/fixtures";
import { examples, expected, fixtureProblem } from "./support";

before(async () => { await backend(); });
const relative = (a: Float64Array, b: Float64Array): number => Math.sqrt(a.reduce((s, x, i) => s + (x - b[i]) ** 2, 0) / b.reduce((s, x) => s + x * x, 0));

/** sin(1 + k + 10 i) for entry k of the i-th tensor, names sorted: the direction of make_theory.py. */
function direction(params: Params): Float64Array {
  const sorted = Object.keys(params).sort();
  return Float64Array.from(Object.entries(params).flatMap(([name, t]) => Array.from({ length: t.size }, (_, k) => Math.sin(1 + k + 10 * sorted.indexOf(name)))));
}
type Summary = Record<string, { norm: number; first: number[] }>;
/** Largest difference of norms and first entries, relative to the largest norm. */
function agreement(v: Float64Array, params: Params, summary: Summary): number {
  let at = 0, worst = 0;
  const scale = Math.max(...Object.values(summary).map((s) => s.norm));
  assert.deepEqual(Object.keys(params).sort(), Object.keys(summary).sort());
  for (const [name, t] of Object.entries(params)) {
    const piece = v.subarray(at, (at += t.size)), { norm, first } = summary[name];
    worst = Math.max(worst, Math.abs(Math.hypot(...piece) - norm) / scale, ...first.map((x, i) => Math.abs(piece[i] - x) / scale));
  }
  return worst;
}

const FIELD: Partial<Record<CurvatureKind, string>> = { hessian: "hessian", "gauss-newton": "gaussNewton", "empirical-fisher": "empiricalFisher" };
for (const point of ["full", "lora"] as const)
  test(`${point} parameters of a tiny Qwen2: loss, gradient and curvature products are PyTorch's, over one batch or several`, async () => {
    const problem = await fixtureProblem(point), torch = expected[point], v = direction(problem.params);
    assert.equal(v.length, torch.size);
    const g = await gradient(problem);
    close([g.loss, await lossAt(problem)], [torch.loss, torch.loss], 1e-5, "loss");
    assert.ok(agreement(g.gradient, problem.params, torch.gradient) < 1e-5);
    for (const [kind, field] of Object.entries(FIELD)) {
      const whole = curvature(problem, { kind: kind as CurvatureKind, compiled: point === "lora" || kind === "hessian" }), product = await whole.apply(v);
      const off = agreement(product, problem.params, torch[field]);
      assert.ok(off < 1e-4, `${kind} is off by ${off}`);
      whole.dispose();
      if (point === "full") continue;
      const streamed = curvature(await fixtureProblem(point, 2), { kind: kind as CurvatureKind, compiled: false });
      assert.equal(streamed.batches, 2);
      assert.ok(relative(await streamed.apply(v), product) < 1e-5, `${kind}: batches of 2, uncompiled`);
    }
  });

test("the problem's loss is the objective's, with padding and a smaller last batch", async () => {
  const model = await tinyModel("qwen2-tied"), objective = sft(), all = examples();
  const problem = modelProblem({ model, examples: all, batchSize: 3 }), batch = objective.collate(all);
  const direct = tf.tidy(() => objective.loss(model, none)({}, batch).dataSync()[0]);
  close([await lossAt(problem)], [direct], 1e-5);
  assert.deepEqual(problem.batches.map((b) => (b.data.ids as Int32Array).length), [48, 48], "one shape for all batches");
});

test("a compiled program takes other parameters than those it was made with", async () => {
  const problem = await fixtureProblem("full"), program = lossAndGradient(problem), moved = mapParams(problem.params, (t) => tf.mul(t, 1.1));
  await program.at(problem.params);
  const [a, b] = [await program.at(moved), await gradient({ ...problem, params: moved }, { compiled: false })];
  close([a.loss, await lossAt(problem, moved)], [b.loss, b.loss], 1e-4);
  assert.ok(relative(a.gradient, b.gradient) < 1e-4);
  program.dispose();
});

test("one program serves all batches of a problem, and products leave no tensor behind", async (t) => {
  const problem = await fixtureProblem("lora", 2), H = curvature(problem), v = direction(problem.params);
  await leaksNothing(() => H.apply(v));
  await leaksNothing(() => gradient(problem));
  H.dispose();
  if (!compiles()) t.diagnostic("not compiled here");
});

test("a subset of the parameters is the corresponding block of the whole", async () => {
  const model = await tinyModel("qwen2-tied"), all = examples(), only = (name: string) => name.includes("layers.1.mlp.up_proj") || name === "model.norm.weight";
  const part = modelProblem({ model, examples: all, only }), whole = modelProblem({ model, examples: all });
  assert.deepEqual(Object.keys(part.params).length, 2);
  const v = direction(part.params), H = curvature(part, { compiled: false }), W = curvature(whole, { compiled: false });
  const padded = new Float64Array(W.dim), places: number[] = [];
  let at = 0;
  for (const [name, t] of Object.entries(whole.params)) { if (name in part.params) for (let k = 0; k < t.size; k++) places.push(at + k); at += t.size; }
  places.forEach((p, i) => { padded[p] = v[i]; });
  const block = await W.apply(padded);
  assert.ok(relative(await H.apply(v), Float64Array.from(places, (p) => block[p])) < 1e-4);
});

test("batches on their own: their weighted mean is the whole", async () => {
  const problem = await fixtureProblem("lora", 2), H = curvature(problem), v = direction(problem.params), weights = problem.batches.map((b) => b.weight), total = weights[0] + weights[1];
  const [a, b] = [await H.on([0]).apply(v), await H.on([1]).apply(v)];
  assert.ok(relative(a.map((x, i) => (weights[0] * x + weights[1] * b[i]) / total), await H.apply(v)) < 1e-5);
  assert.throws(() => H.on([2]), userError("there is no batch 2", "0 to 1"));
  H.dispose();
});

test("the true Fisher matrix: its mean over draws of labels is the Gauss-Newton matrix", async () => {
  const problem = await fixtureProblem("lora"), v = direction(problem.params), G = curvature(problem, { kind: "gauss-newton" });
  const F = curvature(problem, { kind: "true-fisher", draws: 400, seed: 1 }), exact = await G.apply(v), drawn = await F.apply(v);
  const error = relative(drawn, exact);
  assert.ok(error < 0.2, `400 draws are off by ${error}`);
  const few = relative(await curvature(problem, { kind: "true-fisher", draws: 25, seed: 1 }).apply(v), exact);
  assert.ok(few > 1.8 * error, `16 times fewer draws: ${few} against ${error}, not about 4 times as far`);
  G.dispose(); F.dispose();
});

/** Linear regression: L = |Xw − y|²/N as rows. */
function regression(): { problem: Problem; X: number[][] } {
  const X = [[1, 2, 0], [0, 1, -1], [2, 0, 1], [1, 1, 1], [0.5, -1, 2]], y = [1, 0, 2, -1, 0.5];
  return {
    X,
    problem: {
      params: { w: tf.tensor1d([0.3, -0.2, 0.1]) }, fixed: { X: tf.tensor2d(X), y: tf.tensor1d(y) }, batches: [{ data: {}, weight: 1 }],
      outputs: ({ w }, _data, { X, y }) => tf.sub(tf.matMul(X as never, tf.reshape(w, [3, 1])), tf.reshape(y, [5, 1])), losses: (z) => tf.sum(tf.square(z), -1),
    },
  };
}
test("linear regression: H = G = (2/N)XᵀX", async () => {
  const { problem, X } = regression(), known = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (2 / 5) * X.reduce((s, x) => s + x[i] * x[j], 0)));
  for (const kind of ["hessian", "gauss-newton"] as const) {
    const A = curvature(problem, { kind }), found = await dense(A);
    close(found.map((r) => [...r]), known, 1e-6, kind);
    A.dispose();
  }
});

test("softmax regression: H = G = Σ (diag p − ppᵀ) ⊗ xxᵀ / N, and F̂ = Σ (p − y)(p − y)ᵀ ⊗ xxᵀ / N", async () => {
  const { crossEntropy } = await import("tunelab/tensor"), X = [[1, 2], [-1, 0.5], [0.3, -0.7]], labels = [2, 0, 1], W = [[0.1, -0.2], [0.4, 0.3], [-0.5, 0.2]];
  const problem: Problem = {
    params: { W: tf.tensor2d(W) }, fixed: { X: tf.tensor2d(X) }, batches: [{ data: { labels: Int32Array.from(labels) }, weight: 3 }],
    outputs: ({ W }, _d, { X }) => tf.matMul(X as never, W as never, false, true), losses: (z, { labels }) => crossEntropy(z, labels as never),
  };
  const p = X.map((x) => { const e = W.map((w) => Math.exp(w[0] * x[0] + w[1] * x[1])), s = e.reduce((a, b) => a + b); return e.map((v) => v / s); });
  const entry = (middle: (n: number, a: number, b: number) => number) => Array.from({ length: 6 }, (_, r) => Array.from({ length: 6 }, (_, c) => {
    const [a, i, b, j] = [r >> 1, r & 1, c >> 1, c & 1];
    return X.reduce((s, x, n) => s + (middle(n, a, b) * x[i] * x[j]) / 3, 0);
  }));
  const covariance = entry((n, a, b) => (a === b ? p[n][a] : 0) - p[n][a] * p[n][b]), residual = (n: number, a: number) => p[n][a] - (labels[n] === a ? 1 : 0);
  for (const [kind, known] of [["hessian", covariance], ["gauss-newton", covariance], ["empirical-fisher", entry((n, a, b) => residual(n, a) * residual(n, b))]] as const) {
    const A = curvature(problem, { kind });
    close((await dense(A)).map((r) => [...r]), known, 1e-6, kind);
    A.dispose();
  }
});

test("a loss that a parameter does not enter, or enters linearly, has zero curvature there instead of an error", async () => {
  const problem = scalarProblem({ a: tf.scalar(2), b: tf.scalar(3), c: tf.scalar(1) }, ({ a, b }) => tf.add(tf.mul(tf.square(a), a), b)), H = curvature(problem);
  close((await dense(H)).map((r) => [...r]), [[12, 0, 0], [0, 0, 0], [0, 0, 0]], 1e-5);
  H.dispose();
});

test("other objectives than SFT: the Hessian is there, what needs rows says why not", async () => {
  const model = await tinyModel("qwen2-tied"), objective = { ...sft(), name: "mine" }, problem = modelProblem({ model, examples: examples(), objective, only: (n) => n === "model.norm.weight" });
  const known = modelProblem({ model, examples: examples(), only: (n) => n === "model.norm.weight" }), v = direction(problem.params);
  assert.ok(relative(await curvature(problem).apply(v), await curvature(known, { compiled: false }).apply(v)) < 1e-4);
  assert.throws(() => curvature(problem, { kind: "gauss-newton" }), userError("no gauss-newton matrix", "hessian"));
});

test("vectors and tensors go into each other; wrong input is said", async () => {
  const params = { a: tf.tensor2d([[1, 2], [3, 4]]), b: tf.tensor1d([5]) }, v = toVector(params);
  assert.deepEqual([...v], [1, 2, 3, 4, 5]);
  assert.deepEqual(mapParams(toParams(v, params), (t) => t.arraySync()), mapParams(params, (t) => t.arraySync()));
  const problem = regression().problem;
  await assert.rejects(curvature(problem).apply(new Float64Array(2)), userError("2 entries", "3"));
  assert.throws(() => curvature(problem, { kind: "magic" as never }), userError("magic", CURVATURES[0]));
  assert.throws(() => curvature(problem, { kind: "true-fisher" }), userError("gauss-newton"));
  const model = await tinyModel("qwen2-tied");
  assert.throws(() => modelProblem({ model, examples: [] }), userError("no examples"));
  assert.throws(() => modelProblem({ model, examples: examples(), only: () => false }), userError("only"));
});
