// Loss scaling: the scales of torch.amp.GradScaler, and training that is the same where nothing under- or overflows.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import { full } from "tunelab/methods";
import { sft } from "tunelab/objectives";
import { adamw, dynamicScale, lomo, sgd, staticScale } from "tunelab/optimizers";
import { accumulate, train, type TrainOptions } from "tunelab/train";
import { compiles, dispose, tf } from "tunelab/tensor";
import type { Model } from "tunelab/model";
import { close, userError } from "../support/compare";
import { readJson, tinyModel, withJit } from "../support/fixtures";
import { examples } from "../support/training";

let model: Model;
before(async () => { model = await tinyModel("qwen2-tied"); });

for (const [name, { options: o, outcomes, scales, moved }] of Object.entries(readJson("loss-scale.json").cases as Record<string, any>))
  test(`dynamic scale, ${name}: step for step that of torch.amp.GradScaler`, () => {
    const scaler = dynamicScale({ initial: o.init_scale, growth: o.growth_factor, backoff: o.backoff_factor, interval: o.growth_interval });
    let state = scaler.init();
    assert.deepEqual([...outcomes].map((c) => (state = scaler.next(state, c === "g")).scale), scales);
    assert.deepEqual([...outcomes].map((c) => c === "g"), moved);
  });

test("a static scale stays; impossible settings are refused", () => {
  const fixed = staticScale(128);
  assert.deepEqual(fixed.next(fixed.next(fixed.init(), false), true), { scale: 128, good: 0 });
  assert.throws(() => staticScale(0), userError("scale is 0"));
  assert.throws(() => dynamicScale({ growth: 1 }), userError("growth is 1"));
  assert.throws(() => dynamicScale({ backoff: 1 }), userError("backoff is 1"));
  assert.throws(() => dynamicScale({ interval: 0.5 }), userError("interval is 0.5"));
});

const quick = (options: Partial<TrainOptions<any, any>>) => withJit(false, () =>
  train({ model, method: full(), data: { train: examples(model.config.vocabSize, 6) }, steps: 6, batchSize: 3, learningRate: 1e-2, display: false, ...options }));

for (const [name, optimizer] of [["adamw", () => adamw()], ["lomo", () => lomo()]] as const)
  test(`${name}: in float32 a scale of 1024 changes nothing but rounding`, async () => {
    const plain = await quick({ optimizer: optimizer() }), scaled = await quick({ optimizer: optimizer(), lossScale: staticScale(1024) });
    close(scaled.history.steps.map((r) => r.loss / plain.history.steps.find((p) => p.step === r.step)!.loss), Array(6).fill(1), 1e-5, "losses (relative)");
    close(scaled.history.steps.map((r, i) => r.gradientNorm / plain.history.steps[i].gradientNorm), Array(6).fill(1), 1e-4, "norms (relative)");
    assert.deepEqual(scaled.history.steps.map((r) => [r.lossScale, r.skipped]), Array(6).fill([1024, false]));
    [plain, scaled].forEach((run) => dispose(run.trained));
  });

test("steps that overflow move nothing and halve the scale, until it fits; the run says how many they were", async () => {
  const before = tf.memory().numTensors, run = await quick({ lossScale: dynamicScale({ initial: 2 ** 127, backoff: 2 ** -40, interval: 2 }), steps: 8 });
  const { steps } = run.history, left = steps.filter((r) => r.skipped).length;
  assert.ok(left >= 1 && left < 8 && steps[0].skipped && !steps.at(-1)!.skipped);
  assert.equal(run.status, "done");
  assert.match(run.message, new RegExp(`of which ${left} moved nothing`));
  const untouched = await quick({ lossScale: staticScale(2 ** 127), steps: 2 });
  for (const [n, p] of Object.entries(untouched.trained)) assert.deepEqual([...p.dataSync()], [...model.params[n].dataSync()], n);
  [run, untouched].forEach((r) => dispose(r.trained));
  assert.equal(tf.memory().numTensors, before);
});

test("a stopped run goes on with its scale, bit for bit", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-scale-")), lossScale = dynamicScale({ initial: 2 ** 127, backoff: 2 ** -40, interval: 2 });
  const whole = await quick({ lossScale, steps: 8 });
  const parts = path.join(folder, "run");
  for (const until of [2, 5, 8]) {
    const run = await quick({ lossScale, steps: 8, folder: parts, resume: true, saveEvery: 1, onStep: (r) => { if (r.step === until && until < 8) process.emit("SIGINT" as never); } });
    if (until < 8) { assert.equal(run.status, "stopped"); dispose(run.trained); continue; }
    const picked = (h: typeof run.history) => h.steps.map(({ loss, gradientNorm, lossScale, skipped }) => ({ loss, gradientNorm, lossScale, skipped }));
    assert.deepEqual(picked(run.history), picked(whole.history));
    for (const [n, p] of Object.entries(whole.trained)) assert.deepEqual([...run.trained[n].dataSync()], [...p.dataSync()], n);
    [run, whole].forEach((r) => dispose(r.trained));
  }
  fs.rmSync(folder, { recursive: true });
});

test("with half products, small gradients vanish without scaling and are right with it", async (t) => {
  await withJit(true, async () => {
    if (!compiles()) return t.skip("nothing is compiled on this backend");
    const objective = sft(), method = full(), batch = objective.collate(examples(model.config.vocabSize)), trained = method.init(model.params, model.config, 0);
    // A loss of 1e-9 of the usual size: what reaches the products is below half's smallest number.
    const faint = (loss: ReturnType<typeof objective.loss>): typeof loss => (p, b, k) => tf.mul(loss(p, b, k), 1e-9);
    const exact = accumulate(faint(objective.loss(model, method)), trained, [batch]), half = faint(objective.loss(model, method, { precision: "half" }));
    const lost = accumulate(half, trained, [batch]), kept = accumulate(half, trained, [batch], undefined, 2 ** 30);
    const name = "model.layers.0.mlp.down_proj.weight", g = (x: typeof exact) => [...x.gradients[name].dataSync()], norm = (x: number[]) => Math.hypot(...x);
    assert.equal(norm(g(lost)), 0);
    const difference = norm(g(kept).map((v, i) => v - g(exact)[i])) / norm(g(exact));
    t.diagnostic(`relative error of the scaled gradient ${difference.toExponential(1)}`);
    assert.ok(difference < 5e-3, `${difference}`); // half has 11 bits
    [exact, lost, kept].forEach((x) => dispose(x.gradients));
    dispose(trained);
  });
});

test("LOMO with loss scaling needs the pass that clipping takes", async () => {
  await assert.rejects(quick({ optimizer: lomo(), clip: 0, lossScale: dynamicScale() }), userError("lomo", "set clip"));
  const run = await quick({ optimizer: sgd(), clip: 0, lossScale: dynamicScale() });
  assert.equal(run.status, "done");
  dispose(run.trained);
});
