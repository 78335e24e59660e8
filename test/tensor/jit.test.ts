// lib/tensor/jit, jit(): compiled equals eager, for trees, types and signatures; errors leave everything as it was; nothing leaks.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "tunelab";
import { backend, compiledBlock, compiles, exp, foldIn, jit, key, nativeBackend, softmax, tf, uniform, type Tree } from "tunelab/tensor";
import { apart, normal, numbers } from "./support";
import { functions, nativeTensors, type Functions } from "./native";

let native: Functions | undefined;
before(async () => {
  await backend();
  if (compiles()) native = functions();
});
const needsNative = (name: string, f: () => void) => test(name, (t) => { if (!native) return t.skip("native TensorFlow only"); f(); });

/** Shapes, types and values of a tree's tensors, and its plain values. */
function plain(tree: Tree): unknown {
  if (tree instanceof tf.Tensor) return { dtype: tree.dtype, shape: tree.shape, values: numbers(tree) };
  if (Array.isArray(tree)) return tree.map(plain);
  if (tree && typeof tree === "object") return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, plain(v)]));
  return tree;
}
/** Runs f in a scope, and asserts that neither tensors nor functions are left behind. */
function leavesNothing(f: () => void): void {
  const [tensors, held] = [tf.memory().numTensors, nativeTensors()];
  const binding = nativeBackend()!.binding, made = native!.alive();
  tf.tidy(f);
  assert.equal(tf.memory().numTensors, tensors, "tensors");
  assert.equal(nativeTensors(), held, "tensors in the binding");
  assert.equal(nativeBackend()!.binding, binding, "the binding is the old one");
  assert.deepEqual(native!.alive(), made, "compiled functions");
}

needsNative("trees of tensors and plain values go in and out as in the function itself, at the first call and later", () => leavesNothing(() => {
  const f = ({ a, list }: { a: Tensor; list: [Tensor, { deep: Tensor; n: number }] }, scale: number, label: string, nothing: null) => ({
    z: tf.mul(a, scale), label, nothing, n: list[1].n, list: [tf.add(list[0], list[1].deep), { more: tf.scalar(5), flags: tf.greater(a, 0) }, [tf.argMax(a, -1)]],
  });
  const arg = () => ({ a: normal([2, 3], 1), list: [normal([3], 2), { deep: normal([2, 3], 3), n: 4 }] as [Tensor, { deep: Tensor; n: number }] });
  const compiled = jit(f), x = arg(), expected = plain(f(x, 3, "l", null) as Tree);
  for (let i = 0; i < 3; i++) assert.deepEqual(plain(compiled(x, 3, "l", null) as Tree), expected);
  assert.equal(compiled.programs, 1);
  // The order of an object's keys is no difference.
  const { a, list } = x;
  assert.deepEqual(plain(compiled({ list, a }, 3, "l", null) as Tree), expected);
  assert.equal(compiled.programs, 1);
  compiled.dispose();
}));

needsNative("each structure, shape, type and plain value has its own program", () => leavesNothing(() => {
  const f = jit((x: Tree, n?: unknown) => ({ y: tf.add((Array.isArray(x) ? x[0] : x instanceof tf.Tensor ? x : (x as { x: Tensor }).x) as Tensor, 1), n }) as unknown as Tree) as unknown as ((x: Tree, n?: unknown) => { y: Tensor; n: unknown }) & { programs: number; dispose(): void };
  const x = tf.tensor1d([1, 2]), calls: [Tree, unknown?][] = [
    [x], [tf.tensor1d([1, 2, 3])], [tf.tensor2d([[1, 2]])], [tf.tensor1d([1, 2], "int32")], [[x]], [[x, x]], [{ x }], [{ x, y: x }],
    [x, 1], [x, "1"], [x, true], [x, null], [x, "null"], [x, NaN], [x, Infinity], [x, -Infinity], [x, 0], [x, -0], [x, ""], [x, [1, 2]], [x, ["1,2"]], [x, {}], [x, []],
  ];
  for (const round of [1, 2])
    for (const [tree, n] of calls) {
      const { y, n: back } = f(tree, n), input = numbers((Array.isArray(tree) ? tree[0] : tree instanceof tf.Tensor ? tree : (tree as { x: Tensor }).x) as Tensor);
      assert.deepEqual([numbers(y), back], [input.map((v) => v + 1), n], `round ${round}`);
    }
  assert.equal(f.programs, calls.length);
  f.dispose();
}));

needsNative("int32 and bool tensors, scalars and empty tensors keep their types", () => leavesNothing(() => {
  const f = (i: Tensor, b: Tensor, s: Tensor, e: Tensor) => [tf.add(i, tf.scalar(2, "int32")), tf.logicalNot(b), tf.mul(s, 2), tf.concat([e, e]), tf.cast(b, "float32"), tf.oneHot(i as never, 4), tf.tensor1d([true, false], "bool")];
  const compiled = jit(f), args = [tf.tensor1d([0, -3, 2], "int32"), tf.tensor1d([true, false], "bool"), tf.scalar(1.5), tf.tensor2d([], [0, 3])] as const;
  for (let i = 0; i < 2; i++) assert.deepEqual(plain(compiled(...args)), plain(f(...args)));
  compiled.dispose();
}));

needsNative("first and second derivatives, compiled, are those of eager execution", () => leavesNothing(() => {
  const L = (w: Tensor, x: Tensor) => tf.sum(tf.square(tf.matMul(softmax(tf.matMul(x as never, w as never)) as never, w as never, false, true)));
  const f = (w: Tensor, x: Tensor, v: Tensor) => {
    const gradient = (w: Tensor) => tf.grad((w) => L(w as Tensor, x))(w);
    return { value: L(w, x), g: gradient(w), hv: tf.grad((w) => tf.sum(tf.mul(gradient(w as Tensor), v)))(w) };
  };
  const compiled = jit(f), args = [normal([4, 5], 1), normal([3, 4], 2), normal([4, 5], 3)] as const, expected = f(...args), found = compiled(...args);
  for (const name of ["value", "g", "hv"] as const) assert.ok(apart(numbers(found[name]), numbers(expected[name])) < 1e-5, name);
  compiled.dispose();
}));

needsNative("keyed random numbers are those of eager execution for the same key, and differ from key to key", () => leavesNothing(() => {
  const f = (k: Tensor, x: Tensor) => tf.add(x, uniform([50], foldIn(k, "here"))), compiled = jit(f), x = tf.zeros([50]), seen = new Set<number>();
  for (const seed of [1, 2, 3, 1]) {
    assert.deepEqual(numbers(compiled(key(seed), x)), numbers(f(key(seed), x)));
    numbers(compiled(key(seed), x)).forEach((v) => seen.add(v));
  }
  assert.ok(seen.size > 140, "three keys, three times 50 numbers");
  compiled.dispose();
}));

needsNative("the first call gives the same bits as later ones, and results that are arguments or occur twice are tensors of their own", () => leavesNothing(() => {
  const f = jit((x: Tensor) => { const y = tf.sum(exp(x)); return { x, y, again: y }; }), x = normal([1000], 4), first = f(x), second = f(x);
  assert.deepEqual(plain(second), plain(first));
  first.x.dispose(); first.y.dispose();
  assert.deepEqual([x.isDisposed, first.again.isDisposed, second.x.isDisposed], [false, false, false]);
  assert.equal(numbers(first.again)[0], numbers(second.y)[0]);
  f.dispose();
}));

needsNative("equal constants are one node of the graph, and a filled one takes no room", () => leavesNothing(() => {
  const f = jit((x: Tensor) => { for (let i = 0; i < 30; i++) x = tf.add(tf.mul(x, 1.5), tf.tensor1d([1, 2, 3])); return tf.add(x, tf.sum(tf.fill([1000, 1000], 0.25))); });
  const x = tf.tensor1d([1, 2, 3]), y = f(x), graph = native!.last();
  assert.ok(graph.constants <= 6, `${graph.constants} constants`);
  assert.ok(graph.bytes < 20_000, `${graph.bytes} bytes`);
  const expected = [1, 2, 3].map((n) => { let v = n; for (let i = 0; i < 30; i++) v = v * 1.5 + n; return v + 250_000; });
  assert.ok(apart(numbers(y), expected) < 1e-5);
  f.dispose();
}));

const error = (pattern: RegExp) => (e: unknown) => { assert.ok(e instanceof TunelabError, String(e)); assert.match(e.message, pattern); return true; };
needsNative("reading a value while traced is an error, whatever way it is read", () => leavesNothing(() => {
  const x = tf.tensor1d([1, 2]);
  for (const read of [(x: Tensor) => x.dataSync(), (x: Tensor) => x.arraySync(), (x: Tensor) => tf.add(x, 1).dataSync()])
    assert.throws(() => jit((x: Tensor) => { read(x); return x; })(x), error(/^jit: JavaScript reads a tensor's value while the function is traced/));
}));

needsNative("a tensor from outside is an error, used before or not, read or computed with; as an argument it is none", () => leavesNothing(() => {
  const x = tf.tensor1d([1, 2]), fresh = tf.tensor1d([3, 4]), used = tf.tensor1d([3, 4]), view = tf.tensor1d([5, 6]);
  tf.neg(used);
  for (const [what, f] of Object.entries({
    fresh: (x: Tensor) => tf.mul(x, fresh), used: (x: Tensor) => tf.mul(x, used), view: (x: Tensor) => tf.mul(x, tf.reshape(view, [2])), read: (x: Tensor) => tf.mul(x, fresh.dataSync()[0]),
    returned: () => fresh, "returned, used": () => used,
  })) for (let i = 0; i < 2; i++) assert.throws(() => jit(f)(x), error(/^jit: .*(pass it as an argument|read after the call)/), what);
  const f = jit((x: Tensor, y: Tensor) => tf.mul(x, y));
  assert.deepEqual(numbers(f(x, fresh)), [3, 8]);
  f.dispose();
}));

needsNative("a weight hidden as a constant is refused by its size", () => leavesNothing(() => {
  const big = Float32Array.from({ length: 600_000 }, (_, i) => i);
  assert.throws(() => jit((x: Tensor) => tf.add(x, tf.tensor1d(big)))(tf.scalar(1)), error(/constant of 2400000 bytes, shape \[600000\]; pass it as an argument/));
}));

needsNative("an error inside the function passes through, and the next call works", () => leavesNothing(() => {
  let fail = true;
  const f = jit((x: Tensor) => { const y = tf.tidy(() => tf.mul(exp(x), 2)); if (fail) throw new RangeError("mine"); return y; }), x = tf.tensor1d([0, 1]);
  for (let i = 0; i < 3; i++) assert.throws(() => f(x), RangeError);
  assert.equal(f.programs, 0);
  fail = false;
  assert.ok(apart(numbers(f(x)), [2, 2 * Math.E]) < 1e-6);
  f.dispose();
}));

needsNative("300 calls leave no tensor behind and the memory where it was", () => leavesNothing(() => {
  const f = jit((x: Tensor, y: { w: Tensor }) => ({ a: tf.matMul(x as never, y.w as never), b: tf.sum(x) })), x = tf.ones([256, 256]), w = tf.ones([256, 256]);
  const once = () => { const { a, b } = f(x, { w }); a.dispose(); b.dispose(); };
  for (let i = 0; i < 50; i++) once();
  const tensors = tf.memory().numTensors, held = nativeTensors(), resident = process.memoryUsage.rss();
  for (let i = 0; i < 300; i++) once();
  assert.equal(tf.memory().numTensors, tensors);
  assert.equal(nativeTensors(), held);
  const grown = (process.memoryUsage.rss() - resident) / 2 ** 20; // each call makes 0.25 MB: 75 MB in all
  assert.ok(grown < 25, `grew by ${grown.toFixed(1)} MB`);
  f.dispose();
}));

needsNative("recording keeps no intermediate alive", () => leavesNothing(() => {
  const before = nativeTensors();
  let most = 0;
  const f = jit((x: Tensor) => {
    for (let i = 0; i < 100; i++) { const y = tf.tidy(() => tf.mul(tf.add(x, 1), 0.5)); if (i) x.dispose(); x = y; most = Math.max(most, nativeTensors() - before); }
    return x;
  });
  const x = tf.ones([10]), y = f(x);
  assert.ok(most < 10, `${most} tensors of 300 are alive at once`);
  assert.ok(apart(numbers(y), numbers(x)) < 1e-6);
  f.dispose();
}));

needsNative("dispose frees each function once, one that others use stays, and a disposed jit compiles anew", () => {
  const before = native!.alive(), x = tf.tensor1d([1, 2, 3]), make = () => jit((x: Tensor) => tf.mul(x, 7)), f = make(), twin = make();
  const run = (g: typeof f) => tf.tidy(() => numbers(g(x)));
  run(f); run(twin);
  assert.equal(native!.alive().length, before.length + 1, "equal graphs are one function");
  f.dispose(); f.dispose();
  assert.deepEqual(run(twin), [7, 14, 21]);
  twin.dispose();
  assert.deepEqual(native!.alive(), before);
  assert.deepEqual(run(f), [7, 14, 21]);
  assert.equal(f.programs, 1);
  f.dispose();
  x.dispose();
  assert.deepEqual(native!.alive(), before);
});

needsNative("a jit inside a jit is one program; inside a gradient it is the plain function", () => leavesNothing(() => {
  let runs = 0;
  const inner = jit((x: Tensor) => { runs++; return exp(x); }), outer = jit((x: Tensor) => tf.mul(inner(tf.mul(x, 2)), inner(x))), x = tf.tensor1d([0, 0.5]);
  for (let i = 0; i < 3; i++) assert.ok(apart(numbers(outer(x)), [1, Math.exp(1.5)]) < 1e-6);
  assert.deepEqual([outer.programs, inner.programs, runs], [1, 0, 2]);
  const g = tf.grad((x) => tf.sum(inner(x as Tensor)))(x);
  assert.ok(apart(numbers(g), [1, Math.exp(0.5)]) < 1e-6);
  const block = compiledBlock(({ x }: { x: Tensor }, _: null) => exp(x)), withBlock = jit((x: Tensor) => tf.grad((x) => tf.sum(block({ x: x as Tensor }, null)))(x));
  assert.ok(apart(numbers(withBlock(x)), [1, Math.exp(0.5)]) < 1e-6);
  outer.dispose(); withBlock.dispose();
}));

needsNative("TUNELAB_JIT=0 calls the function itself, every time", () => leavesNothing(() => {
  let runs = 0;
  const f = jit((x: Tensor) => { runs++; return tf.add(x, x.dataSync()[0]); }), x = tf.tensor1d([1, 2]);
  process.env.TUNELAB_JIT = "0";
  try {
    assert.equal(compiles(), false);
    for (let i = 0; i < 2; i++) assert.deepEqual(numbers(f(x)), [2, 3]);
    assert.deepEqual([runs, f.programs], [2, 0]);
  } finally { delete process.env.TUNELAB_JIT; }
  assert.equal(compiles(), true);
}));

needsNative("arguments that share their values at the first call are told apart in later ones", () => tf.tidy(() => {
  const x = tf.tensor1d([1, 2]), f = jit((a: Tensor, b: Tensor) => tf.sub(tf.mul(a, 10), b));
  assert.deepEqual(numbers(f(x, x.clone())), [9, 18]);
  assert.deepEqual(numbers(f(x, tf.tensor1d([5, 6]))), [5, 14]);
  assert.deepEqual(numbers(f(tf.tensor1d([5, 6]), x)), [49, 58]);
  f.dispose();
  const block = compiledBlock(({ w }: { w: Tensor }, { base }: { base: Tensor }) => tf.mul(tf.square(w), base));
  const gradient = (w: Tensor, base: Tensor) => numbers(tf.grad((w) => tf.sum(block({ w: w as Tensor }, { base })))(w));
  assert.deepEqual(gradient(x, x.clone()), [2, 8]);
  assert.deepEqual(gradient(tf.tensor1d([3, 4]), x), [6, 16]);
  assert.deepEqual(numbers(block({ w: tf.tensor1d([3, 4]) }, { base: x })), [9, 32]);
}));
