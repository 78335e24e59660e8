// Naive Bayes: the example of Manning, Raghavan & Schütze (2008), "Introduction to Information Retrieval", table 13.1, with its published numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { naiveBayes } from "tunelab/text";
import { close, userError } from "../support/compare";

const TEXTS = ["Chinese Beijing Chinese", "Chinese Chinese Shanghai", "Chinese Macao", "Tokyo Japan Chinese"].map((t) => t.split(" "));
const model = naiveBayes(TEXTS, ["china", "china", "china", "other"]);

test("the textbook's example: P(china, d5) ∝ 3/4 (3/7)³ 1/14 1/14, P(other, d5) ∝ 1/4 (2/9)³ 2/9 2/9", () => {
  const d5 = "Chinese Chinese Chinese Tokyo Japan".split(" ");
  close(model.scores(d5).map(Math.exp), [(3 / 4) * (3 / 7) ** 3 / 14 ** 2, (1 / 4) * (2 / 9) ** 5], 1e-12);
  assert.equal(model.classify(d5), "china");
  assert.equal(model.classify(["Tokyo", "Japan"]), "other");
});
test("words never seen say nothing; nothing at all gives the more frequent class", () => {
  assert.deepEqual(model.scores(["Chinese", "Paris"]), model.scores(["Chinese"]));
  assert.equal(model.classify([]), "china");
  close(model.scores([]).map(Math.exp), [3 / 4, 1 / 4], 1e-12);
});
test("mistakes of the user are named", () => {
  assert.throws(() => naiveBayes(TEXTS, ["a"]), userError(/4 texts and 1 labels/));
  assert.throws(() => naiveBayes([], []), userError(/at least one/));
  assert.throws(() => naiveBayes(TEXTS, ["a", "a", "b", "b"], { added: 0 }), userError(/added is 0/));
});
