// lib/tensor: maps of tensors, and singular values.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { TunelabError } from "tunelab";
import { backend, count, dispose, filledTensor, mapParams, nativeBackend, singularValues, tf, toArrays } from "tunelab/tensor";
import { normal } from "./support";

before(async () => { await backend(); });

test("count, mapParams, toArrays and dispose", () => {
  const before = tf.memory().numTensors, params = { a: tf.tensor2d([[1, 2, 3], [4, 5, 6]]), b: tf.scalar(7) };
  assert.equal(count(params), 7);
  assert.equal(count({}), 0);
  assert.deepEqual(mapParams(params, (t, name) => `${name}${t.shape}`), { a: "a2,3", b: "b" });
  const arrays = toArrays(params);
  dispose(params);
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual(arrays, { a: { shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) }, b: { shape: [], data: Float32Array.from([7]) } }, "the values outlive the tensors");
});

test("a tensor filled in place: the values that were written, any shape, and nothing left when writing fails", () => {
  const before = tf.memory().numTensors;
  for (const shape of [[2, 3], [], [4], [0, 3]]) {
    let kept: Float32Array = new Float32Array();
    const size = shape.reduce((a, b) => a * b, 1), t = filledTensor(shape, (values) => { kept = values; values.forEach((_, i) => { values[i] = i + 0.5; }); });
    assert.deepEqual([t.shape, t.dtype, [...t.dataSync()]], [shape, "float32", Array.from({ length: size }, (_, i) => i + 0.5)]);
    const doubled = tf.mul(t, 2);
    assert.deepEqual([...doubled.dataSync()], Array.from({ length: size }, (_, i) => 2 * i + 1));
    dispose({ t, doubled });
    if (nativeBackend()?.binding.createFilled) assert.equal(kept.length, 0, "TensorFlow's memory is out of reach afterwards");
  }
  assert.throws(() => filledTensor([3], () => { throw new RangeError("cut short"); }), RangeError);
  assert.equal(tf.memory().numTensors, before);
});

test("singular values: known ones, any shape, and the sum of squares is the Frobenius norm", () => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const close = (a: ArrayLike<number>, b: number[]) => assert.ok(a.length === b.length && b.every((v, i) => Math.abs(v - a[i]) < 1e-5), `${[...Array.from(a)]}`);
    close(singularValues(tf.tensor2d([[0, 2], [-3, 0], [0, 0]])), [3, 2]);
    close(singularValues(tf.outerProduct(tf.tensor1d([1, 2, 2]), tf.tensor1d([3, 4])) as never), [15, 0]);
    for (const shape of [[7, 4], [4, 7]]) {
      const x = normal(shape, 5), s = [...singularValues(x)];
      assert.equal(s.length, 4);
      assert.deepEqual(s, [...s].sort((a, b) => b - a));
      assert.ok(Math.abs(s.reduce((sum, v) => sum + v * v, 0) - tf.sum(tf.square(x)).dataSync()[0]) < 1e-4);
    }
    assert.throws(() => singularValues(tf.ones([2, 2, 2])), (e) => e instanceof TunelabError && /matrix/.test(e.message));
  });
  assert.equal(tf.memory().numTensors, before, "nothing is left");
});
