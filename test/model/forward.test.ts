// Logits of the nine tiny models are those of Python transformers, compiled and not, with padding on either side.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { backend, compiles } from "tunelab/tensor";
import { causalMask, logits, paddingMask, positionsOf, type Model } from "tunelab/model";
import { close, leaksNothing, realRows, userError } from "../support/compare";
import { MODELS, readJson, tinyModel, withJit } from "../support/fixtures";

const TOLERANCE = 1e-4;
const loaded = new Map<string, Model>();
before(async () => { for (const name of MODELS) loaded.set(name, await tinyModel(name)); });

test("there are nine models, and native TensorFlow runs them compiled", async () => {
  assert.equal(MODELS.length, 9);
  assert.equal(await withJit(true, compiles), (await backend()).name.startsWith("native"));
  assert.equal(await withJit(false, compiles), false);
});

for (const compiled of [true, false])
  for (const name of MODELS)
    test(`${name}, ${compiled ? "compiled" : "eager"}: logits with left and right padding`, async (t) => withJit(compiled, () => {
      const model = loaded.get(name)!, { cases } = readJson("models", name, "expected.json");
      assert.deepEqual(cases.map((c: any) => c.padding).sort(), ["left", "right"]);
      for (const { padding, inputIds, attentionMask, positionIds, logits: expected } of cases) {
        const inputs = { ids: Int32Array.from(inputIds.flat()), batch: inputIds.length }, attend = attentionMask.flat();
        const d = close(realRows(logits(model, { ...inputs, attend }), attentionMask), expected, TOLERANCE, `${padding} padding`);
        t.diagnostic(`${padding}: max |Δlogit| ${d.toExponential(1)}`);
        // what is right of a token is hidden by causality alone
        if (padding === "right") close(realRows(logits(model, inputs), attentionMask), expected, TOLERANCE, "right padding without marks");
        const positions = positionsOf(attend, inputs.batch);
        attend.forEach((a: number, i: number) => a && assert.equal(positions[i], positionIds.flat()[i]));
      }
    }));

test("what stands at padding changes no real logit at all", () => {
  const model = loaded.get("llama")!, mask = [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]];
  const rows = (pad: number) => realRows(logits(model, { ids: Int32Array.from([pad, pad, 5, 6, 7, 8, 9, 10, 11, 12, pad, pad]), batch: 2, attend: mask.flat() }), mask);
  assert.deepEqual(rows(2), rows(99));
});

test("a token sees nothing that comes after it", () => {
  const model = loaded.get("qwen3")!, row = (last: number) => {
    const all = logits(model, { ids: Int32Array.from([4, 5, 6, last]), batch: 1 });
    const values = all.arraySync() as number[][][];
    all.dispose();
    return values[0];
  };
  const a = row(7), b = row(70);
  assert.deepEqual(a.slice(0, 3), b.slice(0, 3));
  assert.notDeepEqual(a[3], b[3]);
});

test("positions and masks", () => {
  assert.deepEqual([...positionsOf([0, 0, 1, 1, 1, 1, 1, 0], 2)], [0, 0, 0, 1, 0, 1, 2, 2]);
  const shown = (t: import("@tensorflow/tfjs").Tensor) => { const a = Array.from(t.dataSync(), (v) => (v === 0 ? 0 : v <= -1e8 && Number.isFinite(v) ? 1 : NaN)); t.dispose(); return a; };
  assert.deepEqual(shown(causalMask(3)), [0, 1, 1, 0, 0, 1, 0, 0, 0]);
  assert.deepEqual(shown(causalMask(2, 2)), [0, 0, 0, 1, 0, 0, 0, 0]);
  assert.deepEqual(causalMask(2, 3).shape, [1, 1, 1, 2, 5]);
  const padding = paddingMask([0, 1, 1, 1, 1, 0], 2);
  assert.deepEqual(padding.shape, [2, 1, 1, 1, 3]);
  assert.deepEqual(shown(padding), [1, 0, 0, 0, 0, 1]);
});

test("inputs that no model could take are refused with a remedy", () => {
  const model = loaded.get("qwen2-tied")!, run = (ids: number[], batch = 1, attend?: number[]) => logits(model, { ids: Int32Array.from(ids), batch, attend });
  assert.throws(() => run([5, 112]), userError("token id 112 at position 1", "0 to 111", "tokenizer"));
  assert.throws(() => run([-1]), userError("token id -1"));
  assert.throws(() => run([]), userError("0 token ids"));
  assert.throws(() => run([1, 2, 3], 2), userError("3 token ids are not 2 rows", "pad"));
  assert.throws(() => run([1, 2, 3, 4], 2, [1, 1]), userError('"attend" marks 2', "4"));
  assert.throws(() => run(Array(257).fill(5)), userError("257 tokens", "256 positions", "shorten"));
  run(Array(256).fill(5)).dispose();
});

test("no tensor is left behind, also where the inputs are refused", async () => {
  const model = loaded.get("llama-rope3")!;
  await leaksNothing(() => {
    logits(model, { ids: Int32Array.from([5, 6, 7, 8]), batch: 2, attend: [0, 1, 1, 1] }).dispose();
    assert.throws(() => logits(model, { ids: Int32Array.from([5, 600]), batch: 1 }));
  });
});
