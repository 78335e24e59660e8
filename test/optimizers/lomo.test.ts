// LOMO and AdaLOMO: whole runs of the authors' own code (losses, norms, parameters), updates inside the backward pass, one table of errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { full, lora, type Method } from "tunelab/methods";
import { sft, type Objective } from "tunelab/objectives";
import { adalomo, lomo, type Optimizer } from "tunelab/optimizers";
import { disposeTrainable, fusedStepper, lomoHooks, train } from "tunelab/train";
import { dispose, mapParams, tf } from "tunelab/tensor";
import { close, userError } from "../support/compare";
import { readJson, tinyModel, withJit } from "../support/fixtures";
import { examples, step, trainable } from "../support/training";

const RUNS: Record<string, { optimizer: () => Optimizer; clip: number }> = {
  lomo: { optimizer: () => lomo(), clip: 1 },
  "lomo-value": { optimizer: () => lomo({ clipValue: 0.02, weightDecay: 0.1 }), clip: 0 },
  adalomo: { optimizer: () => adalomo(), clip: 0 },
  "adalomo-clipped": { optimizer: () => adalomo({ weightDecay: 0.05 }), clip: 1 },
};
type Batch = { inputIds: number[][]; attentionMask: number[][]; labels: number[][] };
const examplesOf = ({ inputIds, attentionMask, labels }: Batch) => inputIds.map((ids, i) => {
  const n = attentionMask[i].reduce((a, b) => a + b, 0);
  return { ids: Int32Array.from(ids.slice(0, n)), target: Uint8Array.from(labels[i].slice(0, n), (l) => (l >= 0 ? 1 : 0)) };
});

for (const name of ["qwen2-tied", "llama"])
  for (const { lr, accumulate, losses: expected, sums } of readJson("lomo", `listed-${name}.json`).runs)
    test(`${name}: the listing's stock Trainer with the authors' code, ${accumulate} micro-batches a step`, async (t) => {
      const { batches } = readJson("lora", `train-${name}`, "trajectory.json") as { batches: Batch[] }, model = await tinyModel(name), tensors = tf.memory().numTensors;
      const { trained, losses } = await lomoHooks(model, (k) => examplesOf(batches[k % batches.length]), { learningRate: lr, accumulate, passes: expected.length, display: false });
      t.diagnostic(`largest relative difference of a loss ${close(losses.map((l, i) => l / expected[i]), losses.map(() => 1), 1e-5, "losses (relative)").toExponential(1)}`);
      for (const [n, [, squares]] of Object.entries(sums as Record<string, number[]>)) close([tf.tidy(() => tf.sum(tf.square(trained[n])).dataSync()[0]) / squares], [1], 1e-5, n);
      if (accumulate === 1) assert.deepEqual(trained["model.embed_tokens.weight"].dataSync(), model.params["model.embed_tokens.weight"].dataSync(), "the embedding never moves");
      dispose(trained);
      assert.equal(tf.memory().numTensors, tensors);
      dispose(model.params);
    });

for (const name of ["qwen2-tied", "llama"])
  for (const [kind, { optimizer: make, clip }] of Object.entries(RUNS))
    for (const compiled of [true, false])
      test(`${name}, ${kind}, ${compiled ? "compiled" : "eager"}: 20 steps of the authors' code`, (t) => withJit(compiled, async () => {
        const expected = readJson("lomo", `${name}.json`).runs[kind], { batches } = readJson("lora", `train-${name}`, "trajectory.json") as { batches: Batch[] };
        const model = await tinyModel(name), method = full(), optimizer = make(), objective = sft(), stepper = fusedStepper(objective, model, method, optimizer);
        const base = mapParams(model.params, (p) => [...p.dataSync()]), tensors = tf.memory().numTensors;
        let now = trainable(method.init(model.params, model.config, 0), optimizer);
        const held = tf.memory().numTensors, losses: number[] = [], norms: number[] = [];
        for (let s = 0; s < expected.losses.length; s++) {
          const batch = objective.collate(examplesOf(batches[s % batches.length])), measured = clip ? stepper.measure(now, batch) : undefined;
          const moved = stepper.move(now, batch, expected.lr, measured && { norm: measured.norm, max: clip });
          assert.equal(moved.failure, undefined);
          if (measured) { norms.push(measured.norm); close([measured.loss], [moved.loss], 1e-6 * measured.loss, "both passes"); }
          losses.push(moved.loss);
          now = moved.next;
          assert.equal(tf.memory().numTensors, held, `tensors after step ${s + 1}`);
        }
        const a = close(losses.map((l, i) => l / expected.losses[i]), losses.map(() => 1), 1e-3, "losses (relative)");
        if (clip) close(norms.map((n, i) => n / expected.norms[i]), norms.map(() => 1), 1e-3, "norms (relative)");
        for (const [n, [, squares]] of Object.entries(expected.sums as Record<string, number[]>)) close([tf.tidy(() => tf.sum(tf.square(now.trained[n])).dataSync()[0]) / squares], [1], 2e-3, n);
        t.diagnostic(`largest relative difference of a loss ${a.toExponential(1)}`);
        for (const [n, p] of Object.entries(model.params)) assert.deepEqual([...p.dataSync()], base[n], "the base is untouched");
        disposeTrainable(now);
        assert.equal(tf.memory().numTensors, tensors);
        dispose(model.params);
      }));

test("LOMO on LoRA's matrices, with dropout, is the plain update of the same gradients", async () => {
  const model = await tinyModel("qwen2-tied"), method = lora({ rank: 4, dropout: 0.2 }), objective = sft(), batch = objective.collate(examples(model.config.vocabSize)), optimizer = lomo();
  const plain = step(trainable(method.init(model.params, model.config, 1), optimizer), objective.loss(model, method), batch, optimizer, 0.5);
  const { next } = fusedStepper(objective, model, method, optimizer).move(trainable(method.init(model.params, model.config, 1), optimizer), batch, 0.5);
  for (const [n, p] of Object.entries(plain.next.trained)) close(next.trained[n].dataSync(), p.dataSync(), 1e-6, n);
});

test("a gradient that is no number moves nothing, and train() stops with finite weights", async () => {
  const model = await tinyModel("llama"), huge = { ...model, params: { ...model.params, "model.norm.weight": tf.fill([model.config.hiddenSize], 3e38) } };
  for (const clip of [0, 1]) {
    const run = await train({ model: huge, method: full(), optimizer: lomo(), data: { train: examples(model.config.vocabSize, 4) }, steps: 3, batchSize: 2, clip, display: false, learningRate: 0.1, warmup: 0 });
    assert.equal(run.status, "non-finite");
    assert.equal(run.history.steps.length, 0);
    for (const p of Object.values(run.trained)) assert.ok(p.dataSync().every(Number.isFinite));
  }
});

test("train() with LOMO: history, evaluation and recomputation as with any optimizer", async () => {
  const model = await tinyModel("qwen2-untied"), data = { train: examples(model.config.vocabSize, 8), validation: examples(model.config.vocabSize, 2, 9, 5) };
  const run = (optimizer: Optimizer, recompute = false) => train({ model, method: full(), optimizer, data, steps: 6, batchSize: 4, learningRate: 0.05, display: false, recompute });
  const plainly: Optimizer = { ...lomo(), fused: false };
  const [fused, plain, again] = [await run(lomo()), await run(plainly), await run(plainly, true)];
  assert.deepEqual([fused.status, fused.history.steps.length, fused.history.evaluations.length], ["done", 6, 2]);
  for (const other of [plain, again]) {
    close(fused.history.steps.map((r) => r.loss), other.history.steps.map((r) => r.loss), 1e-5);
    close(fused.history.steps.map((r) => r.gradientNorm), other.history.steps.map((r) => r.gradientNorm), 1e-4);
    for (const [n, p] of Object.entries(fused.trained)) close(p.dataSync(), other.trained[n].dataSync(), 1e-5, n);
  }
});

test("what LOMO cannot do is refused with the reason", async () => {
  const model = await tinyModel("llama"), data = { train: examples(model.config.vocabSize, 4) }, options = { model, method: full(), data, steps: 1, display: false };
  await assert.rejects(train({ ...options, optimizer: lomo(), accumulate: 2 }), userError("lomo", "cannot be accumulated", "batchSize"));
  const twice: Objective<never, never> = { ...(sft() as never as Objective<never, never>), name: "twice", loss: (m, method: Method, pass) => { const l = sft().loss(m, method, pass); return ((t: never, b: never, k: never) => tf.add(l(t, b, k), l(t, b, k))) as never; } };
  await assert.rejects(train({ ...options, objective: twice as never, optimizer: lomo() }), userError("lomo", '"twice"', "more than once"));
  assert.throws(() => lomo({ clipValue: -1 }), userError("clipValue"));
  assert.throws(() => lomo({ weightDecay: NaN }), userError("weightDecay"));
});
