// What TRL and PyTorch computed for the alignment objectives, and how it is compared.
import assert from "node:assert/strict";
import { loadAdapter, type Adapter } from "tunelab/methods";
import type { Model } from "tunelab/model";
import type { Example, Objective } from "tunelab/objectives";
import { valueAndGradients } from "tunelab/train";
import { tf, type Params } from "tunelab/tensor";
import { fixture, readJson, tinyModel } from "../support/fixtures";

interface Row { ids: number[]; first: number }
interface Case { loss: number; gradient: Record<string, { norm: number; first: number[]; along: number[] }>; metrics: Record<string, number>; scores: number[]; policy: number; value: number }
export const expected: {
  pairs: { chosen: Row; rejected: Row }[]; reference: number[]; head: number[]; rollouts: Row[]; rewards: number[]; group: number; groupAdvantages: number[]; old: number[][]; rolloutReference: number[][];
  gae: { kl: number; gamma: number; lambda: number; values: number[][]; rewards: number[][]; advantages: number[][]; returns: number[][] }; cases: Record<string, Case>;
} = readJson("alignment", "alignment.json");

export const example = ({ ids, first }: Row): Example => ({ ids: Int32Array.from(ids), target: Uint8Array.from(ids, (_, t) => (t >= first ? 1 : 0)) });
export const pairs = () => expected.pairs.map(({ chosen, rejected }, i) => ({
  chosen: example(chosen), rejected: example(rejected), reference: { chosen: expected.reference[i], rejected: expected.reference[expected.pairs.length + i] },
}));

/** The model and adapter that the fixture was made with. */
export async function setting(): Promise<{ model: Model; adapter: Adapter }> {
  const model = await tinyModel("qwen2-tied");
  return { model, adapter: loadAdapter(fixture("lora", "qwen2-tied-qv"), model) };
}
export const headOf = (name: string): Params => ({ [name]: tf.tensor(expected.head, [1, expected.head.length]) });

/** Loss, measurements and every gradient of a batch against a case of the fixture; the largest relative differences. */
export function compare<E, B extends { weight: number }>(objective: Objective<E, B>, { model, adapter }: { model: Model; adapter: Adapter }, examples: readonly E[], name: string, extra: Params = {}, tolerance = 1e-5): { metrics: Record<string, number>; worst: { loss: number; gradient: number } } {
  const { loss, gradient } = expected.cases[name], metrics: Record<string, number> = {}, trained = { ...adapter.trained, ...extra }, worst = { loss: 0, gradient: 0 };
  tf.tidy(() => {
    const { value, gradients } = valueAndGradients(objective.loss(model, adapter.method), trained, objective.collate(examples), undefined, 1, (measured) => { for (const [n, t] of Object.entries(measured)) metrics[n] = t.dataSync()[0]; });
    worst.loss = Math.abs(value.dataSync()[0] / loss - 1);
    assert.ok(worst.loss <= tolerance, `${name}: loss ${value.dataSync()[0]}, TRL's ${loss}`);
    assert.deepEqual(Object.keys(gradients).sort(), Object.keys(gradient).sort());
    for (const [n, g] of Object.entries(gradients)) {
      const { norm, first, along } = gradient[n], values = [...g.dataSync()], size = Math.sqrt(values.length);
      const projections = along.map((_, k) => values.reduce((sum, v, i) => sum + v * Math.sin((k + 1) * (1 + i)), 0));
      // relative to the gradient's norm; a projection is on a vector of length √(n/2)
      const off = Math.max(Math.abs(Math.hypot(...values) - norm), ...first.map((v, i) => Math.abs(v - values[i])), ...along.map((v, k) => Math.abs(v - projections[k]) / size)) / norm;
      worst.gradient = Math.max(worst.gradient, off);
      assert.ok(off <= tolerance, `${name}: gradient of ${n} is off by ${off}`);
    }
  });
  return { metrics, worst };
}
