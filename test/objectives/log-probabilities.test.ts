// log π(y|x): against logits taken one example at a time, with the adapter on and off; twice differentiable; compiled and eager alike.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import { lora, prompt, pTuning, type Adapter, type Method } from "tunelab/methods";
import { logits, type Model } from "tunelab/model";
import { baseOnly, collateSft, completionLogProbabilities, policy, sumByExample, targetCounts, tokenLogProbabilities, type Example } from "tunelab/objectives";
import { dispose, tf, type Params } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";
import { tinyModel, withJit } from "../support/fixtures";
import { examples, randomLike } from "../support/training";
import { differences, hessianVector, numbers, relative } from "../tensor/support";

let model: Model, data: Example[];
before(async () => { model = await tinyModel("qwen2-tied"); data = [...examples(112, 3, 9), ...examples(112, 2, 24, 1)].reverse(); });

/** log p of every target in float64, from the logits of each example alone. */
const byHand = (adapter?: Adapter, temperature = 1): Promise<number[][]> => withJit(false, () => data.map(({ ids, target }) => {
  const t = logits({ ...model, ...adapter }, { ids, batch: 1, context: [target.indexOf(1)] }), [rows] = t.arraySync() as number[][][];
  t.dispose();
  return [...ids].flatMap((id, i) => {
    if (!target[i]) return [];
    const row = rows[i - 1].map((v) => v / temperature), top = Math.max(...row);
    return [row[id] - top - Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0))];
  });
}));
const moved = (method: Method): Adapter => { const start = method.init(model.params, model.config, 0), trained = randomLike(start); dispose(start); return { method, trained }; };

for (const compiled of [true, false])
  test(`of every target token, adapter on and off, in batches of any size, ${compiled ? "compiled" : "eager"} (2e-5)`, () => withJit(compiled, async () => {
    for (const adapter of [undefined, moved(lora({ targets: "all-linear" })), moved(prompt({ tokens: 3, start: "random" })), moved(pTuning({ tokens: 3, encoder: "mlp", hidden: 8 }))])
      for (const [batchSize, temperature] of compiled ? [[5, 0.7] as const] : [[2, 1] as const, [5, 0.7] as const]) {
        const expected = await byHand(adapter, temperature), found = await tokenLogProbabilities(model, adapter?.method, { batchSize, temperature })(data, adapter?.trained);
        assert.deepEqual(found.map((x) => x.length), expected.map((x) => x.length));
        close(found.map((x) => [...x]), expected, 2e-5, adapter?.method.name);
        const sums = await completionLogProbabilities(model, data, { adapter, batchSize, temperature });
        close(sums, expected.map((x) => x.reduce((a, b) => a + b, 0)), 1e-4);
      }
  }));

test("an adapter that does nothing yet is the reference, bit for bit", async () => {
  const method = lora(), trained = method.init(model.params, model.config, 0); // B is 0
  assert.deepEqual(await tokenLogProbabilities(model, method)(data, trained), await tokenLogProbabilities(model)(data));
});

test("sums and counts by example leave padding out", () => {
  const batch = collateSft(data), logs = tf.tidy(() => policy(model, baseOnly)({}, batch).logs), sums = tf.tidy(() => sumByExample(logs, batch).dataSync());
  assert.equal(logs.shape[0], batch.rows.length);
  let at = 0;
  data.forEach(({ target }, b) => {
    const n = target.reduce((a, v) => a + v, 0), part = [...logs.dataSync().subarray(at, at + n)];
    close([sums[b]], [part.reduce((a, v) => a + v, 0)], 1e-5);
    assert.equal(targetCounts(batch)[b], n);
    at += n;
  });
  assert.ok([...logs.dataSync().subarray(at)].every((v) => v === 0));
  logs.dispose();
});

test("second derivatives of a curved function of the sums are central differences of the gradient (1e-3)", () => withJit(false, () => {
  const { method, trained } = moved(lora({ rank: 2 })), names = Object.keys(trained), batch = collateSft(data.slice(0, 2)), run = policy(model, method);
  const L = (...xs: Tensor[]) => { const p: Params = Object.fromEntries(names.map((n, i) => [n, xs[i]])); return tf.sum(tf.square(sumByExample(run(p, batch).logs, batch))); };
  tf.tidy(() => {
    const xs = Object.values(trained), v = Object.values(randomLike(trained, 0.08, 3)), hv = hessianVector(L, xs, v).flatMap(numbers);
    const measured = differences((xs) => tf.grads((...xs) => L(...(xs as Tensor[])))(xs), xs, v);
    assert.ok(relative(hv, measured) <= 1e-3, `${relative(hv, measured)}`);
  });
}));

test("bad batches are refused, nothing is left behind", async () => {
  await assert.rejects(completionLogProbabilities(model, [{ ids: Int32Array.from([5, 112]), target: Uint8Array.from([0, 1]) }]), userError("token id 112"));
  await assert.rejects(completionLogProbabilities(model, data, { batchSize: 0 }), userError("batchSize is 0"));
  assert.throws(() => policy(model, baseOnly, { temperature: 0 }), userError("temperature is 0"));
  const measure = tokenLogProbabilities(model);
  await leaksNothing(() => measure(data));
});
