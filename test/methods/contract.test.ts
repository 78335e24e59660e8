// The contract that every method keeps: start, gradient, count, merge, base untouched, saving, memory, compilation, generation.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { generate, logits, parameterShapes, parseConfig, type Model } from "tunelab/model";
import { sft } from "tunelab/objectives";
import { adamw } from "tunelab/optimizers";
import { count, dispose, tf, type Params } from "tunelab/tensor";
import { trainableCount, type Adapter, type Method } from "tunelab/methods";
import { close, userError, values } from "../support/compare";
import { tinyModel, withJit } from "../support/fixtures";
import { examples, lossAndGradients, randomLike, step, trainable } from "../support/training";
import { IMPOSSIBLE, METHODS, type Case } from "./cases";

const BASES = ["qwen2-tied", "llama"] as const;
const models: Record<string, Model> = {};
before(async () => { for (const name of BASES) models[name] = await tinyModel(name); });

const IDS = { ids: Int32Array.from([5, 6, 7, 80, 9, 10, 11, 12]), batch: 2 };
const run = (model: Model, adapter?: Partial<Adapter>): number[] => { const t = logits({ ...model, ...adapter }, IDS), all = [...t.dataSync()]; t.dispose(); return all; };

/** Trained tensors away from their start, so that the method does something and nothing hides behind a zero. */
function moved(start: Params): Params {
  const noise = randomLike(start, 0.1, 3), out = Object.fromEntries(Object.entries(start).map(([name, p]) => [name, tf.tidy(() => tf.add(p, noise[name]))]));
  dispose(noise);
  return out;
}
interface Made { method: Method; start: Params; trained: Params }
/** One of each: its compiled programs serve all tests of the case. */
const made = new Map<string, Made>();
async function begin({ what, make }: Case, base: string): Promise<Made> {
  const key = `${what} on ${base}`, model = models[base];
  if (!made.has(key)) {
    const method = await make(model), start = method.init(model.params, model.config, 1);
    made.set(key, { method, start, trained: moved(start) });
  }
  return made.get(key)!;
}

for (const c of METHODS)
  for (const base of c.bases ?? BASES) {
    const on = `${c.what} on ${base}`;

    test(`${on}: the start, the count, the base`, () => withJit(false, async (): Promise<void> => {
      const model = models[base], { method, start, trained } = await begin(c, base), original = values(model.params), plain = run(model);
      const first = run(model, { method, trained: start }), second = run(model, { method, trained });
      if (c.starts !== undefined) close(first, plain, c.starts, "start and base");
      else assert.ok(first.every(Number.isFinite));
      assert.ok(plain.some((v, i) => Math.abs(v - second[i]) > 1e-3), "moved, it does something");
      assert.equal(trainableCount({ method, trained: start }), c.count(model), "closed-form count");
      const again = method.init(model.params, model.config, 1);
      assert.deepEqual(values(again), values(start), "the start is a function of the seed");
      dispose(again);
      assert.deepEqual(values(model.params), original, "the base is untouched");
    }));

    test(`${on}: merging equals wrapping`, { skip: !c.merges && "it has no plain weights" }, (t) => withJit(false, async (): Promise<void> => {
      const model = models[base], made = await begin(c, base), merged = made.method.merge!(model.params, made.trained);
      t.diagnostic(`max |Δlogit| ${close(run({ ...model, params: merged }), run(model, made), 2e-5, "merged and wrapped").toExponential(1)}`);
      dispose(merged);
    }));

    test(`${on}: the gradient is the slope of the loss; compiled equals eager`, async (t) => {
      const model = models[base], { method, trained } = await begin(c, base), batch = examples(model.config.vocabSize), direction = randomLike(trained, 1, 2), objective = sft();
      const eager = await withJit(false, () => lossAndGradients(model, method, trained, batch));
      const slope = await withJit(false, () => {
        const loss = objective.loss(model, method), collated = objective.collate(batch), h = c.h ?? 1e-3;
        const at = (h: number) => tf.tidy(() => loss(Object.fromEntries(Object.entries(trained).map(([n, p]) => [n, tf.add(p, tf.mul(direction[n], h))])), collated).dataSync()[0]);
        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      });
      const along = (gradients: Record<string, number[]>) => Object.entries(gradients).reduce((sum, [n, g]) => { const d = direction[n].dataSync(); return sum + g.reduce((s, v, i) => s + v * d[i], 0); }, 0);
      const predicted = along(eager.gradients);
      t.diagnostic(`slope ${slope.toFixed(5)}, gradient ${predicted.toFixed(5)}`);
      assert.ok(Math.abs(predicted) > 1e-3, "a direction that matters");
      if (!c.constantNorm) assert.ok(Math.abs(slope - predicted) <= (c.kinks ?? 2e-3) * Math.abs(predicted) + (c.kinks ? 8e-3 : 2e-3), `slope ${slope}, gradient ${predicted}`);
      const compiled = await withJit(true, () => lossAndGradients(model, method, trained, batch));
      close([compiled.loss / eager.loss], [1], 1e-5, "loss, relative");
      for (const [n, g] of Object.entries(eager.gradients)) close(compiled.gradients[n], g, 1e-5 * Math.max(1, ...g.map(Math.abs)), `gradient of ${n}`);
      dispose(direction);
    });

    test(`${on}: steps of training leave no tensor and lower the loss`, () => withJit(true, async (): Promise<void> => {
      const model = models[base], { method } = await begin(c, base), optimizer = adamw(), objective = sft(), loss = objective.loss(model, method), batch = objective.collate(examples(model.config.vocabSize));
      const before = tf.memory().numTensors, losses: number[] = [];
      let at = trainable(method.init(model.params, model.config, 1), optimizer);
      const during = tf.memory().numTensors;
      for (let s = 0; s < 8; s++) {
        const done = step(at, loss, batch, optimizer, c.rate ?? 0.02);
        losses.push(done.loss); at = done.next;
        assert.equal(tf.memory().numTensors, during, `tensors after step ${s + 1}`);
      }
      assert.ok(losses.at(-1)! < losses[0], `${losses}`);
      [at.trained, ...Object.values(at.state)].forEach(dispose);
      assert.equal(tf.memory().numTensors, before);
    }));

    test(`${on}: cached generation equals the full forward pass, alone and in a padded batch`, async () => {
      const model = models[base], { method, trained } = await begin(c, base), adapter = { method, trained }, prompts = [[5, 6, 7], [20, 21, 22, 23, 24]];
      const before = tf.memory().numTensors;
      // compiled on one base: each compilation takes longer than all the rest
      const generated = await withJit(base === (c.bases?.[0] ?? "qwen2-tied"), () => generate(model, prompts, { adapter, maxNewTokens: 6 }));
      await withJit(false, () => {
        for (const [i, prompt] of prompts.entries()) {
          const full = [...prompt];
          for (const id of generated[i].ids) {
            const all = logits({ ...model, ...adapter }, { ids: Int32Array.from(full), batch: 1, context: [prompt.length] }), last = Array.from(all.dataSync()).slice(-model.config.vocabSize);
            all.dispose();
            const best = Math.max(...last);
            assert.ok(best - last[id] < 1e-3, `prompt ${i}: token ${full.length} is ${id}, ${best - last[id]} below the best`);
            full.push(id);
          }
          assert.ok(generated[i].ids.length > 0);
        }
      });
      assert.equal(tf.memory().numTensors, before, "generation leaves no tensor");
    });
  }

test("what is contradictory or impossible is refused, with the reason and a way out", async () => {
  for (const [what, f, ...mentions] of IMPOSSIBLE) {
    const before = tf.memory().numTensors;
    await assert.rejects(async () => f(models), userError(...mentions), what);
    assert.equal(tf.memory().numTensors, before, `${what}: leaves no tensor`);
  }
});

const SHAPE_1_5B = { model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936 };
test("trained numbers of a 1.5B Qwen2, from its shapes alone", () => {
  const config = parseConfig(SHAPE_1_5B, "config.json");
  for (const c of METHODS.filter((c) => c.large)) {
    const { method, expected } = c.large!;
    tf.tidy(() => {
      // biases are cloned by those who train them; of all others names and shapes are enough
      const base = Object.fromEntries(Object.entries(parameterShapes(config)).map(([n, shape]) => [n, n.endsWith(".bias") ? tf.zeros(shape) : { shape, rank: shape.length }])) as unknown as Params;
      assert.equal(count(method().init(base, config, 0)), expected, c.what);
    });
  }
});

after(() => {
  for (const { method, start, trained } of made.values()) [start, trained, method.constants ?? {}].forEach(dispose);
  Object.values(models).forEach(({ params }) => dispose(params));
});
