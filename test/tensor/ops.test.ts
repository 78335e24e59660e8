// lib/tensor/ops.ts: value, gradient and Hessian-vector product of every operation against PyTorch and central differences.
import assert from "node:assert/strict";
import fs from "node:fs";
import { resolve } from "node:path";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { backend, jit, tf } from "tunelab/tensor";
import { apart, differences, gradients, hessianVector, numbers, relative, type Scalar } from "./support";

const ops: typeof import("../../lib/dist/tensor/ops") = require(resolve("lib/dist/tensor/ops.js"));
interface Listed { shape: number[]; values: number[] }
interface Case { name: string; inputs: Listed[]; integers: number[][]; cotangent: Listed; direction: Listed[]; value: Listed; gradient: number[][]; hessianVector: number[][] }
const cases: Case[] = JSON.parse(fs.readFileSync("test/fixtures/ops/ops.json", "utf8")).cases;

/** How each operation is called with the fixture's inputs: differentiated ones, then integers. */
const CALLS: Record<string, (xs: Tensor[], integers: Tensor[]) => Tensor> = {
  exp: ([x]) => ops.exp(x), sigmoid: ([x]) => ops.sigmoid(x), softplus: ([x]) => ops.softplus(x), silu: ([x]) => ops.silu(x), tanh: ([x]) => ops.tanh(x), relu: ([x]) => ops.relu(x), clampUnit: ([x]) => ops.clampUnit(x), softmax: ([x]) => ops.softmax(x), logSumExp: ([x]) => ops.logSumExp(x),
  crossEntropy: ([x], [labels]) => ops.crossEntropy(x, labels), weightedMean: ([x, w]) => ops.weightedMean(x, w), rmsNorm: ([x, w]) => ops.rmsNorm(x, w, 1e-5),
  takeRows: ([x], [i]) => ops.takeRows(x, i), addRows: ([x], [i]) => ops.addRows(x, i, 6),
};

before(async () => { await backend(); });

test("every operation of ops.ts has a fixture and a case", () => {
  const names = Object.keys(ops).sort();
  assert.deepEqual(cases.map((c) => c.name).sort(), names);
  assert.deepEqual(Object.keys(CALLS).sort(), names);
});

for (const c of cases) {
  test(`${c.name}: value, gradient and Hv as PyTorch (1e-4), as central differences (1e-3), and the same compiled`, () => {
    const made: Tensor[] = [], keep = <T extends Tensor>(t: T): T => { made.push(t); return t; }, atStart = tf.memory().numTensors;
    const tensor = ({ shape, values }: Listed) => keep(tf.tensor(values, shape, "float32"));
    const xs = c.inputs.map(tensor), v = c.direction.map(tensor), cotangent = tensor(c.cotangent), integers = c.integers.map((i) => keep(tf.tensor1d(i, "int32")));
    const value = (xs: Tensor[], integers: Tensor[]) => CALLS[c.name](xs, integers);
    // The integers are made inside, as a loss makes its labels: they are gone when the gradient is computed.
    const L: Scalar = (...xs) => { const y = value(xs, c.integers.map((i) => tf.tensor1d(i, "int32"))); return tf.sum(tf.mul(cotangent, tf.add(y, tf.mul(0.5, tf.square(y))))); };
    const all = (xs: Tensor[]) => [value(xs, integers), ...gradients(L, xs), ...hessianVector(L, xs, v)];

    const y = keep(tf.tidy(() => value(xs, integers)));
    assert.deepEqual(y.shape, c.value.shape);
    const expected = [c.value.values, ...c.gradient, ...c.hessianVector], eager = tf.tidy(() => all(xs)).map(keep).map(numbers);
    eager.forEach((values, i) => assert.ok(apart(values, expected[i]) <= 1e-4, `output ${i}: ${values} instead of ${expected[i]}`));

    const g = eager.slice(1, 1 + xs.length).flat(), slope = differences((xs) => [L(...xs)], xs, v)[0];
    const predicted = g.reduce((sum, x, i) => sum + x * v.flatMap((t) => numbers(t))[i], 0);
    assert.ok(Math.abs(slope - predicted) <= 1e-3 * Math.max(1, Math.abs(slope)), `gradient ${predicted}, central difference ${slope}`);
    const hv = eager.slice(1 + xs.length).flat(), measured = differences((xs) => gradients(L, xs), xs, v);
    assert.ok(relative(hv, measured) <= 1e-3, `Hv is off central differences by ${relative(hv, measured)}`);

    // Both directions and the loss's own constants are arguments here: a compiled function captures nothing.
    const compiled = jit((xs: Tensor[], v: Tensor[], cotangent: Tensor, integers: Tensor[]) => {
      const L: Scalar = (...xs) => { const y = value(xs, integers); return tf.sum(tf.mul(cotangent, tf.add(y, tf.mul(0.5, tf.square(y))))); };
      return [value(xs, integers), ...gradients(L, xs), ...hessianVector(L, xs, v)];
    });
    compiled(xs, v, cotangent, integers).map(keep).map(numbers).forEach((values, i) => assert.ok(apart(values, expected[i]) <= 1e-4, `compiled output ${i}`));
    assert.equal(compiled.programs, 1);
    compiled.dispose();
    made.forEach((t) => t.dispose());
    assert.equal(tf.memory().numTensors, atStart, "no tensor is left");
  });
}

test("third derivatives of exp and sigmoid are right: nesting works at any depth", () => {
  const third = (f: (x: Tensor) => Tensor) => (x: number) => tf.tidy(() => tf.grad((x) => tf.grad((x) => tf.grad((x) => f(x as Tensor))(x))(x))(tf.scalar(x)).dataSync()[0]);
  assert.ok(Math.abs(third(ops.exp)(0.7) - Math.exp(0.7)) < 1e-5);
  const s = 1 / (1 + Math.exp(-0.7)), expected = s * (1 - s) * (1 - 6 * s + 6 * s * s);
  assert.ok(Math.abs(third(ops.sigmoid)(0.7) - expected) < 1e-6);
});

test("large numbers give finite values, gradients and Hv", () => {
  const rows = tf.tensor2d([[1e4, -1e4, 0], [-1e9, 3, -1e9], [88, 89, 90], [-1e9, -1e9, -1e9]]), v = tf.onesLike(rows), labels = tf.tensor1d([0, 1, 2, 0], "int32");
  const functions: Record<string, Scalar> = {
    softmax: (x) => tf.square(ops.softmax(x)), logSumExp: (x) => ops.logSumExp(x), crossEntropy: (x) => ops.crossEntropy(x, labels), sigmoid: (x) => ops.sigmoid(x), softplus: (x) => ops.softplus(x), silu: (x) => ops.silu(x),
  };
  for (const [name, f] of Object.entries(functions))
    for (const [what, t] of [["value", f(rows)], ["gradient", gradients(f, [rows])[0]], ["Hv", hessianVector(f, [rows], [v])[0]]] as const)
      assert.ok(numbers(t).every(Number.isFinite), `${name}: ${what} ${numbers(t)}`);
  assert.deepEqual(numbers(ops.logSumExp(rows)).map((x) => +x.toFixed(3)), [10000, 3, 90.408, -1e9]);
  assert.deepEqual(numbers(ops.crossEntropy(rows, labels)).map((x) => +x.toFixed(3)), [0, 0, 0.408, 0]);
});

test("weightedMean leaves entries of weight 0 out, value and gradient", () => {
  const values = tf.tensor1d([1, 2, 300]), weights = tf.tensor1d([1, 3, 0]);
  assert.equal(ops.weightedMean(values, weights).dataSync()[0], 1.75);
  assert.deepEqual(numbers(tf.grad((x) => ops.weightedMean(x as Tensor, weights))(values)), [0.25, 0.75, 0]);
});
