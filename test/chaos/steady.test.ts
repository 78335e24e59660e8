// 200 steps with validation and checkpoints hold as many tensors at the end as at the beginning (npm run steady: 10,000).
import assert from "node:assert/strict";
import { test } from "node:test";
import { backend } from "tunelab/tensor";
import { temporary } from "../support/fixtures";
import { steady } from "./steady";

const folder = temporary();
test("as many tensors after 200 steps as after 20", async () => {
  await backend();
  const { samples, status } = await steady(200, folder("run"), 20);
  assert.equal(status, "done");
  assert.deepEqual(samples.map((s) => s.step), Array.from({ length: 10 }, (_, i) => 20 * i + 19));
  assert.deepEqual([...new Set(samples.map((s) => s.tensors))].length, 1, samples.map((s) => s.tensors).join());
});
