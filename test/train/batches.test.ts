// Batches of an epoch, and learning-rate schedules.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { TunelabError } from "tunelab";
import { Random } from "tunelab/tensor";
import { batchIndices, batchSource, schedule, SCHEDULES } from "tunelab/train";

const random = new Random(1, "lengths");
const lengths = Array.from({ length: 1003 }, () => 10 + Math.floor(random.uniform() ** 3 * 400));

test("every example is in exactly one batch of an epoch, and all batches but one are full", () => {
  for (const [n, size] of [[1003, 8], [1000, 8], [5, 8], [1, 1], [129, 128], [17, 1]]) {
    const batches = batchIndices(lengths.slice(0, n), size, 0, 0);
    assert.deepEqual(batches.flat().sort((a, b) => a - b), Array.from({ length: n }, (_, i) => i));
    assert.equal(batches.length, Math.ceil(n / size));
    assert.ok(batches.filter((b) => b.length !== size).length <= 1);
  }
});

test("batches are a pure function of seed and epoch, and differ between them", () => {
  const of = (seed: number, epoch: number) => JSON.stringify(batchIndices(lengths, 8, seed, epoch));
  assert.equal(of(1, 2), of(1, 2));
  assert.equal(new Set([of(1, 2), of(1, 3), of(2, 2), of(2, 3), of(0, 0)]).size, 5);
  // Not the same groups in another order: other mixtures.
  const groups = (epoch: number) => batchIndices(lengths, 8, 0, epoch).map((b) => [...b].sort().join());
  assert.equal(groups(0).filter((g) => groups(1).includes(g)).length, 0);
});

test("little is padding, though batches come in random order", () => {
  const padding = (batches: number[][]) => {
    let padded = 0, real = 0;
    for (const b of batches) { const longest = Math.max(...b.map((i) => lengths[i])); for (const i of b) { padded += longest - lengths[i]; real += lengths[i]; } }
    return padded / (real + padded);
  };
  const naive = Array.from({ length: 126 }, (_, b) => lengths.slice(8 * b, 8 * b + 8).map((_, i) => 8 * b + i)), batches = batchIndices(lengths, 8, 0, 0);
  assert.ok(padding(naive) > 0.5, "in the order of the file most would be padding");
  assert.ok(padding(batches) < 0.12, `${padding(batches)} is padding`);
  const mean = batches.map((b) => b.reduce((sum, i) => sum + lengths[i], 0) / b.length);
  const rises = mean.filter((m, i) => i && m > mean[i - 1]).length / mean.length;
  assert.ok(rises > 0.35 && rises < 0.65, "not from short to long");
});

test("a source gives the batch of any step, in any order of asking, across epochs", () => {
  const items = lengths.slice(0, 20).map((length, i) => ({ length, i })), source = () => batchSource(items, (e) => e.length, 8, 5);
  assert.equal(source().perEpoch, 3);
  const forward = source(), straight = Array.from({ length: 9 }, (_, s) => forward.at(s));
  for (const s of [8, 0, 4, 4, 7, 1]) assert.deepEqual(source().at(s), straight[s]);
  const back = source();
  for (const s of [8, 0, 4]) assert.deepEqual(back.at(s), straight[s]);
  for (const epoch of [0, 1, 2]) assert.deepEqual(straight.slice(3 * epoch, 3 * epoch + 3).flat().map((e) => e.i).sort((a, b) => a - b), items.map((e) => e.i));
  assert.notDeepEqual(straight.slice(0, 3), straight.slice(3, 6));
});

test("learning-rate factors are those of transformers' schedules", () => {
  const { cases } = JSON.parse(fs.readFileSync("test/fixtures/lora/schedules.json", "utf8"));
  assert.ok(cases.length >= 4);
  for (const { kind, warmupSteps, totalSteps, factors } of cases) {
    const rate = schedule(kind, totalSteps, warmupSteps);
    factors.forEach((f: number, s: number) => assert.ok(Math.abs(rate(s) - f) < 1e-8, `${kind}, warm-up ${warmupSteps}, step ${s}: ${rate(s)} instead of ${f}`));
  }
  const constant = schedule("constant", 10, 4);
  assert.deepEqual([0, 1, 2, 3, 4, 9, 100].map(constant), [0, 0.25, 0.5, 0.75, 1, 1, 1]);
  assert.throws(() => schedule("wave" as never, 10), (e) => e instanceof TunelabError && e.message.includes("wave") && SCHEDULES.every((s) => (e as Error).message.includes(s)));
});
