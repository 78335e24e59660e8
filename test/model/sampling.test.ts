// The choice of the next token: processors as in transformers, and draws that follow the probabilities.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "tunelab/tensor";
import { argmax, checkSampling, processLogits, sample, type Sampling } from "tunelab/model";
import { close, userError } from "../support/compare";
import { readJson } from "../support/fixtures";

interface Case {
  name: string; options: { temperature?: number; top_k?: number; top_p?: number; repetition_penalty?: number }; inputIds: number[]; logits: number[];
  stages: { processor: string; scores: (number | null)[] }[]; probabilities: number[];
}
const { cases } = readJson("models", "qwen2-tied", "processors.json") as { cases: Case[] };
/** Which of our options a processor of transformers stands for. */
const OPTION: Record<string, (o: Case["options"]) => Sampling> = {
  RepetitionPenaltyLogitsProcessor: (o) => ({ repetitionPenalty: o.repetition_penalty }), TemperatureLogitsWarper: (o) => ({ temperature: o.temperature }),
  TopKLogitsWarper: (o) => ({ topK: o.top_k }), TopPLogitsWarper: (o) => ({ topP: o.top_p }),
};
/** Temperature 1 stands for sampling as such: 0, the default, would be greedy and end before top-k. */
const SAMPLE = { temperature: 1 };

function agree(actual: Float32Array, expected: (number | null)[], what: string) {
  expected.forEach((e, i) => assert.equal(actual[i] === -Infinity, e === null, `${what}: token ${i} left out`));
  const kept = expected.flatMap((e, i) => (e === null ? [] : [i]));
  close(kept.map((i) => actual[i]), kept.map((i) => expected[i]!), 1e-5, what);
}

test("there are cases for each processor alone and for all together", () => {
  assert.deepEqual([...new Set(cases.flatMap((c) => c.stages.map((s) => s.processor)))].sort(), Object.keys(OPTION).sort());
  assert.ok(cases.some((c) => c.stages.length === 4));
});
for (const { name, options, inputIds, logits, stages, probabilities } of cases)
  test(`${name}: scores after each processor are those of transformers`, () => {
    const input = Float32Array.from(logits), untouched = input.slice();
    let sampling: Sampling = SAMPLE;
    for (const { processor, scores } of stages) {
      sampling = { ...sampling, ...OPTION[processor](options) };
      agree(processLogits(input, inputIds, sampling), scores, processor);
    }
    const last = processLogits(input, inputIds, sampling), total = last.reduce((sum, s) => sum + Math.exp(s), 0);
    close(last.map((s) => Math.exp(s) / total), probabilities, 1e-5, "probabilities");
    assert.deepEqual(input, untouched);
  });

test("greedy is the most probable token, after the repetition penalty", () => {
  const random = new Random(0), logits = Float32Array.from([0.5, 2, 1.9, -1]);
  assert.equal(sample(logits, [], {}, random), 1);
  assert.equal(sample(logits, [1], { temperature: 0, repetitionPenalty: 1.5 }, random), 2);
  assert.equal(sample(logits, [1], { temperature: 0, topK: 1, topP: 0.1 }, random), 1);
  assert.equal(argmax([1, 3, 3, 2]), 1); // the first of equals, as torch.argmax
});

test("draws have the frequencies of the probabilities, and the same seed gives the same draws", () => {
  const probabilities = [0.5, 0.3, 0.15, 0.05], logits = Float32Array.from(probabilities, Math.log), n = 20000;
  const draw = (seed: number, options: Sampling) => { const random = new Random(seed); return Array.from({ length: n }, () => sample(logits, [], options, random)); };
  const frequencies = (ids: number[]) => probabilities.map((_, i) => ids.filter((id) => id === i).length / n);
  const first = draw(1, SAMPLE);
  close(frequencies(first), probabilities, 0.015, "frequencies"); // 4 standard deviations
  assert.deepEqual(draw(1, SAMPLE), first);
  assert.notDeepEqual(draw(2, SAMPLE), first);
  const sharp = probabilities.map((p) => p ** 2), all = sharp.reduce((a, b) => a + b);
  close(frequencies(draw(3, { temperature: 0.5 })), sharp.map((p) => p / all), 0.015, "at temperature 0.5");
  close(frequencies(draw(4, { ...SAMPLE, topK: 2 })), [0.625, 0.375, 0, 0], 0.015, "top 2");
  close(frequencies(draw(5, { ...SAMPLE, topP: 0.75 })), [0.625, 0.375, 0, 0], 0.015, "top 75 %");
  close(frequencies(draw(6, { ...SAMPLE, topP: 0.01 })), [1, 0, 0, 0], 0, "at least one token stays");
});

test("values that make no sense are refused by name", () => {
  for (const [options, ...mentions] of [
    [{ temperature: -1 }, "temperature is -1", "0"], [{ temperature: NaN }, "temperature is NaN"], [{ temperature: Infinity }, "temperature is Infinity"],
    [{ topK: -1 }, "topK is -1", "whole number"], [{ topK: 1.5 }, "topK is 1.5"], [{ topP: 0 }, "topP is 0", "at most 1"], [{ topP: 1.1 }, "topP is 1.1"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty is 0", "above 0"], [{ repetitionPenalty: Infinity }, "repetitionPenalty is Infinity"],
  ] as [Sampling, ...string[]][]) assert.throws(() => checkSampling(options), userError(...mentions));
  checkSampling({});
  checkSampling({ temperature: 2, topK: 5, topP: 1, repetitionPenalty: 0.5 });
});

test("logits that are no numbers are an error, not token 0", () => {
  for (const logits of [[NaN, 1, 2], [0, 1, NaN], [1, Infinity, 0], [-Infinity, -Infinity, -Infinity]])
    for (const options of [{}, SAMPLE]) assert.throws(() => sample(Float32Array.from(logits), [], options, new Random(0)), userError("not finite", "learning rate"));
});
