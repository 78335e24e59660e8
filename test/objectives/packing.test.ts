import assert from "node:assert/strict";
import { test } from "node:test";
import { packDocuments, sft } from "tunelab/objectives";
import { userError } from "../support/compare";

test("documents lie end to end in rows of one length, each closed by the end token; what fills no row is dropped", () => {
  const rows = packDocuments([[5, 6, 7], [], [8, 9], [4, 4, 4, 4]], 4, 0);
  assert.deepEqual(rows.map((r) => [...r.ids]), [[5, 6, 7, 0], [0, 8, 9, 0], [4, 4, 4, 4]]);
  for (const { target } of rows) assert.deepEqual([...target], [0, 1, 1, 1]);
  assert.deepEqual(packDocuments([[1, 2]], 4, 0), []);
  assert.throws(() => packDocuments([[1]], 1, 0), userError("packDocuments: length is 1"));
});

test("a batch of packed rows has no padding, and every token but the first of a row is a target", () => {
  const batch = sft().collate(packDocuments([Array.from({ length: 63 }, (_, i) => i + 1)], 16, 0));
  assert.equal(batch.ids.length, 64);
  assert.equal(batch.weight, 60);
  assert.deepEqual([...batch.labels.subarray(0, 15)], [...batch.ids.subarray(1, 16)]);
});
