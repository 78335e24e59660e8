// lib/tensor/jit, compiledBlock(): forward and backward programs give what eager differentiation gives, at every depth of nesting.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { lora } from "tunelab/methods";
import { sft } from "tunelab/objectives";
import { backend, compiledBlock, compiles, dropout, foldIn, fusedBlock, jit, key, rmsNorm, silu, softmax, takeRows, tf, type Params } from "tunelab/tensor";
import { valueAndGradients } from "tunelab/train";
import { randomExamples, tinyModel } from "../train/support";
import { functions, nativeTensors, type Functions } from "./native";
import { apart, differences, normal, numbers, relative } from "./support";

let native: Functions | undefined;
before(async () => {
  await backend();
  if (compiles()) native = functions();
});
const needsNative = (name: string, f: () => void) => test(name, (t) => { if (!native) return t.skip("native TensorFlow only"); f(); });

type Weights = { x: Tensor; w: Tensor; more: [Tensor] };
type Others = { scale: Tensor; rows: Tensor; key: Tensor | null; rate: number };
/** Uses arguments in many ways: in the forward pass only, in the backward only through residuals, several times, as integers. */
const layer = ({ x, w, more: [g] }: Weights, { scale, rows, key, rate }: Others): Tensor => {
  const h = silu(tf.matMul(rmsNorm(x, g, 1e-5) as never, w as never)), a = softmax(tf.mul(h, scale));
  return tf.add(x, tf.matMul((key ? dropout(a, rate, key) : takeRows(a, rows)) as never, w as never, false, true));
};
const weights = (): Weights => ({ x: normal([6, 4], 1), w: normal([4, 5], 2, 0.5), more: [normal([4], 3)] });
const others = (k: Tensor | null = null): Others => ({ scale: tf.scalar(1.3), rows: tf.tensor1d([5, 0, 2, 2, 4, 1], "int32"), key: k, rate: 0.25 });
type Block = typeof layer;
/** Three layers with the same weights, the last result squared: the loss of a small network. */
const network = (block: Block, d: Weights, o: Others): Scalar => {
  let x = d.x;
  for (let i = 0; i < 3; i++) x = block({ ...d, x }, { ...o, key: o.key && foldIn(o.key, String(i)) });
  return tf.sum(tf.square(x)) as Scalar;
};
const list = ({ x, w, more }: Weights) => [x, w, ...more];
const gradient = (block: Block, o: Others) => (xs: Tensor[]) => tf.grads((x, w, g) => network(block, { x: x as Tensor, w: w as Tensor, more: [g as Tensor] }, o))(xs);
const hessianVector = (block: Block, o: Others, xs: Tensor[], v: Tensor[]) =>
  tf.grads((...xs) => tf.addN(gradient(block, o)(xs as Tensor[]).map((g, i) => tf.sum(tf.mul(g, v[i])))))(xs);

needsNative("value and gradients of stacked blocks are those of the plain function; one block is compiled once", () => tf.tidy(() => {
  for (const k of [null, key(3)]) {
    const block = compiledBlock(layer), d = weights(), o = others(k), before = native!.alive().length;
    const expected = [network(layer, d, o), ...gradient(layer, o)(list(d))].map(numbers);
    const found = () => [network(block, d, o), ...gradient(block, o)(list(d))].map(numbers);
    for (let round = 0; round < 2; round++) found().forEach((values, i) => assert.ok(apart(values, expected[i]) < 2e-5, `${k ? "dropout, " : ""}round ${round}, output ${i}`));
    assert.equal(native!.alive().length - before, 3, "forward, forward with residuals, backward");
  }
}));

needsNative("another shape is another program, and new values of the same shape are not frozen", () => tf.tidy(() => {
  const block = compiledBlock(({ x }: { x: Tensor }, { c }: { c: Tensor }) => tf.mul(tf.square(x), c)), g = (x: Tensor, c: Tensor) => numbers(tf.grad((x) => tf.sum(block({ x: x as Tensor }, { c })))(x));
  assert.deepEqual(g(tf.tensor1d([1, 2]), tf.scalar(3)), [6, 12]);
  assert.deepEqual(g(tf.tensor1d([3, 4]), tf.scalar(5)), [30, 40]);
  assert.deepEqual(g(tf.tensor1d([1, 2, 3]), tf.scalar(1)), [2, 4, 6]);
}));

needsNative("blocks whose results or gradients are arguments or constants", () => tf.tidy(() => {
  const x = tf.tensor1d([1, 2]), y = tf.tensor1d([3, 5]);
  const cases: [string, (d: { x: Tensor; y: Tensor }, o: null) => Tensor][] = [
    ["sum", ({ x, y }) => tf.add(x, y)], ["same twice", ({ x, y }) => tf.add(tf.add(x, x), tf.mul(y, 0))], ["slice", ({ x, y }) => tf.concat([tf.slice(x as never, 0, 1) as Tensor, tf.neg(y)])],
    ["constants", ({ x, y }) => tf.sub(tf.mul(tf.tensor1d([2, 3]), x), tf.mul(y, tf.scalar(4)))], ["scalar result", ({ x, y }) => tf.sum(tf.mul(x, y))],
  ];
  for (const [what, f] of cases) {
    const block = compiledBlock(f), dy = tf.onesLike(f({ x, y }, null)), g = (f: typeof block) => tf.grads((x, y) => f({ x: x as Tensor, y: y as Tensor }, null))([x, y], dy).map(numbers);
    assert.deepEqual([numbers(block({ x, y }, null)), ...g(block)], [numbers(f({ x, y }, null)), ...g(f)], what);
  }
}));

needsNative("second derivatives through blocks are right: as of the plain function, and as central differences", () => tf.tidy(() => {
  const block = compiledBlock(layer), d = weights(), o = others(), v = [normal([6, 4], 7), normal([4, 5], 8), normal([4], 9)];
  gradient(block, o)(list(d)); // compiled before, so that the compiled program could be taken by mistake
  const hv = hessianVector(block, o, list(d), v).flatMap(numbers), plain = hessianVector(layer, o, list(d), v).flatMap(numbers);
  assert.ok(relative(hv, plain) < 1e-5, `${relative(hv, plain)} from the plain function`);
  const measured = differences((xs) => gradient(block, o)(xs), list(d), v, 0.005);
  assert.ok(relative(hv, measured) < 1e-3, `${relative(hv, measured)} from central differences`);
  const compiled = jit((xs: Tensor[], v: Tensor[], o: { scale: Tensor; rows: Tensor }) => hessianVector(block, { ...o, key: null, rate: 0 }, xs, v));
  assert.ok(relative(compiled(list(d), v, { scale: o.scale, rows: o.rows }).flatMap(numbers), plain) < 1e-5, "compiled as a whole");
  compiled.dispose();
}));

needsNative("inside a custom gradient's forward pass a block can be compiled for the first time", () => tf.tidy(() => {
  const block = compiledBlock(({ x }: { x: Tensor }, _: null) => tf.square(x));
  const f = (x: Tensor) => tf.customGrad((x) => ({ value: block({ x: x as Tensor }, null), gradFunc: (dy: Tensor) => tf.mul(dy, 100) }))(x);
  const x = tf.tensor1d([2, 3]);
  assert.deepEqual(numbers(tf.grad((x) => f(x as Tensor))(x)), [100, 100]);
  assert.deepEqual(numbers(tf.grad((x) => block({ x: x as Tensor }, null))(x)), [4, 6]);
}));

needsNative("an error in a block, or a tensor that it captures, leaves nothing behind", () => {
  const [tensors, held, made] = [tf.memory().numTensors, nativeTensors(), native!.alive()];
  tf.tidy(() => {
    const x = tf.tensor1d([1, 2]), outside = tf.tensor1d([3, 4]);
    const failing = compiledBlock(({ x }: { x: Tensor }, _: null): Tensor => { tf.square(x); throw new RangeError("mine"); });
    assert.throws(() => failing({ x }, null), RangeError);
    assert.throws(() => tf.grad((x) => failing({ x: x as Tensor }, null))(x), RangeError);
    tf.engine().state.gradientDepth = 0; // tfjs itself does not close its tape after an error
    tf.engine().state.activeTape = null as never;
    const capturing = compiledBlock(({ x }: { x: Tensor }, _: null): Tensor => tf.mul(x, outside));
    assert.throws(() => capturing({ x }, null), /pass it as an argument/);
  });
  assert.deepEqual([tf.memory().numTensors, nativeTensors(), native!.alive()], [tensors, held, made]);
});

needsNative("300 passes leave no tensor behind", () => {
  const block = compiledBlock(layer), d = weights(), o = others(), pass = () => tf.tidy(() => { gradient(block, o)(list(d)); });
  for (let i = 0; i < 5; i++) pass();
  const [tensors, held] = [tf.memory().numTensors, nativeTensors()];
  for (let i = 0; i < 300; i++) pass();
  assert.deepEqual([tf.memory().numTensors, nativeTensors()], [tensors, held]);
  [...list(d), o.scale, o.rows].forEach((t) => t.dispose());
});

/** The loss of a whole transformer by its adapter, as training and Hessians take it. */
async function transformerLoss() {
  const model = await tinyModel(), method = lora({ rank: 2, alpha: 4, targets: "all-linear" }), objective = sft(), batch = objective.collate(randomExamples(3));
  const start = method.init(model.params, model.config, 1), trained: Params = Object.fromEntries(Object.entries(start).map(([n, t], i) => [n, normal(t.shape, i, 0.1)]));
  const loss = objective.loss(model, method), names = Object.keys(trained);
  const g = (xs: Tensor[]) => Object.values(valueAndGradients(loss, Object.fromEntries(names.map((n, i) => [n, xs[i]])), batch).gradients);
  return { g, xs: Object.values(trained), value: (xs: Tensor[]) => loss(Object.fromEntries(names.map((n, i) => [n, xs[i]])), batch) };
}
for (const setting of ["1", "0"])
  test(`gradient and Hv of a transformer's loss are those of central differences (TUNELAB_JIT=${setting})`, async () => {
    process.env.TUNELAB_JIT = setting;
    try {
      const { g, xs, value } = await transformerLoss(), v = xs.map((x, i) => normal(x.shape, 100 + i));
      tf.tidy(() => {
        const direction = v.flatMap(numbers), predicted = g(xs).flatMap(numbers).reduce((sum, x, i) => sum + x * direction[i], 0);
        const slope = differences((xs) => [value(xs)], xs, v, 0.003)[0];
        assert.ok(Math.abs(slope - predicted) < 1e-3 * Math.max(1, Math.abs(slope)), `slope ${slope}, gradient ${predicted}`);
        const hv = tf.grads((...xs) => tf.addN(g(xs as Tensor[]).map((g, i) => tf.sum(tf.mul(g, v[i])))))(xs).flatMap(numbers);
        const measured = differences(g, xs, v, 0.003), off = relative(hv, measured);
        assert.ok(off < 1e-3, `Hv is off by ${off}`);
      });
    } finally { delete process.env.TUNELAB_JIT; }
  });

needsNative("recompute: the same bits of value and gradient; \"all\" keeps nothing but arguments, \"cheap\" results of matrix products only", () => {
  const kept = (block: Block): number => tf.tidy(() => {
    const before = tf.memory().numBytes;
    let held = 0;
    tf.grads((x, w, g) => { const y = block({ x: x as Tensor, w: w as Tensor, more: [g as Tensor] }, others()); held = tf.memory().numBytes - before; return tf.sum(tf.square(y)); })(list(weights()));
    return held;
  });
  tf.tidy(() => {
    const cheap = compiledBlock(layer), all = compiledBlock(layer, { recompute: "all" }), o = others(), expected = gradient(layer, o)(list(weights())).map(numbers);
    for (const block of [cheap, all]) gradient(block, o)(list(weights())).forEach((g, i) => assert.ok(apart(numbers(g), expected[i]) < 2e-5));
    const least = kept(all), more = kept(cheap), products = 4 * 6 * 5; // one product of the forward pass is needed again: [6, 5] floats
    assert.equal(more - least, products);
  });
});

needsNative("arguments that the result does not depend on have no gradient, and do not disturb the others'", () => tf.tidy(() => {
  const block = compiledBlock(({ x, unused }: { x: Tensor; unused: Tensor }, { c }: { c: Tensor }) => tf.mul(tf.square(x), c)), c = tf.scalar(3), unused = tf.tensor1d([7]);
  assert.deepEqual(numbers(tf.grad((x) => tf.sum(block({ x: x as Tensor, unused }, { c })))(tf.tensor1d([1, 2]))), [6, 12]);
  const [, g] = tf.grads((x, u) => tf.add(tf.sum(block({ x: x as Tensor, unused: u as Tensor }, { c })), tf.sum(tf.square(u))))([tf.tensor1d([1, 2]), unused]);
  assert.deepEqual(numbers(g), [14]);
}));

test("a fused block hands over what was made of the gradients, and only x gets one; eager and compiled", () => {
  for (const jitted of ["1", "0"]) {
    const was = process.env.TUNELAB_JIT;
    process.env.TUNELAB_JIT = jitted;
    try {
      tf.tidy(() => {
        const block = fusedBlock((x: Tensor, { w }: { w: Tensor }, { c }: { c: Tensor }) => tf.mul(tf.mul(x, w), c), ({ w }, g: { w: Tensor }, { rate }: { rate: Tensor }) => ({ w: tf.sub(w, tf.mul(rate, g.w)) }));
        const w = tf.tensor1d([1, 2]), got: number[][] = [];
        const dx = tf.grad((x) => {
          let y = x as Tensor;
          for (const scale of [2, 3]) y = block(y, { w }, { c: tf.scalar(scale) }, { rate: tf.scalar(0.1) }, ({ w }) => got.push(numbers(w)));
          return tf.sum(y);
        })(tf.tensor1d([1, 1]));
        // y = 6 w² x. The upper layer sees 2wx, the lower passes 3w down.
        assert.deepEqual(numbers(dx), [6, 24]);
        assert.ok(apart(got.flat(), [1 - 0.1 * 3 * 2, 2 - 0.1 * 3 * 4, 1 - 0.1 * 3 * 2, 2 - 0.1 * 3 * 4]) < 1e-6, String(got));
      });
    } finally { if (was === undefined) delete process.env.TUNELAB_JIT; else process.env.TUNELAB_JIT = was; }
  }
});
