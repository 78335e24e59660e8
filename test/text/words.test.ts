// Stop words, vocabularies and one-hot vectors.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { bagOfWords, dynamicStopWords, oneHot, removeStopWords, SECURITY_TERMS, STOP_WORDS, vocabulary, wordIds, wordStatistics } from "tunelab/text";
import { backend } from "tunelab/tensor";
import { close, leaksNothing, userError } from "../support/compare";

before(async () => { await backend(); });

const DOCUMENTS = ["error the disk of host a", "error the login of user", "the port of host b alert", "Error the scan of net"].map((d) => d.split(" "));
test("static lists: function words, no negation, nothing that the domain needs", () => {
  for (const w of ["the", "is", "and"]) assert.ok(STOP_WORDS.en.has(w));
  for (const w of ["的", "是", "在"]) assert.ok(STOP_WORDS.zh.has(w));
  for (const w of ["not", "no", "error", "alert"]) assert.ok(!STOP_WORDS.en.has(w));
  for (const w of ["不", "没", "告警"]) assert.ok(!STOP_WORDS.zh.has(w));
  for (const list of Object.values(STOP_WORDS)) assert.deepEqual([...list].filter((w) => SECURITY_TERMS.has(w)), []);
  assert.ok(STOP_WORDS.en.size > 100 && STOP_WORDS.zh.size > 100);
});
test("dynamic stop words: by document frequency, except the domain's", () => {
  assert.deepEqual(dynamicStopWords(DOCUMENTS, { least: 0.7 }).map((w) => w.word), ["of", "the"]);
  assert.deepEqual(dynamicStopWords(DOCUMENTS, { least: 0.7, keep: new Set() }).map((w) => w.word), ["of", "the", "error"]);
  assert.deepEqual(dynamicStopWords(DOCUMENTS, { most: 1 }).map((w) => w.word), ["of"]);
  assert.throws(() => dynamicStopWords([["a"]]), userError("1 documents"));
  assert.throws(() => dynamicStopWords(DOCUMENTS, { least: 50 }), userError("least is 50"));
});
test("entropy tells an even word from one that is frequent in a few documents", () => {
  const docs = [["a", "a", "b", "b", "b", "b"], ["a", "a", "c"], ["a", "a", "b"], ["a", "a", "1"]], by = Object.fromEntries(wordStatistics(docs).map((w) => [w.word, w]));
  const p = [0.8, 0.2], h = -p.reduce((s, x) => s + x * Math.log(x), 0) / Math.log(4);
  close([by.a.entropy, by.b.entropy, by.c.entropy, by.b.documentFrequency], [1, h, 0, 0.5], 1e-12);
  assert.deepEqual([by.b.count, by.b.documents], [5, 2]);
  assert.deepEqual(dynamicStopWords(docs, { by: "entropy" }).map((w) => w.word), ["a"]);
});
test("removing stop words keeps the domain's words and the spelling of the rest", () => {
  assert.deepEqual(removeStopWords("The Error is in THE log".split(" "), STOP_WORDS.en), ["Error", "log"]);
  assert.deepEqual(removeStopWords(["error", "x"], ["error", "x"]), ["error"]);
  assert.deepEqual(removeStopWords(["error", "x"], ["error"], { keep: new Set() }), ["x"]);
  assert.deepEqual(removeStopWords(["服务器", "的", "告警"], STOP_WORDS.zh), ["服务器", "告警"]);
});

const V = vocabulary([["b", "a", "a"], ["c", "a", "b"]]);
test("a vocabulary is ordered by count, then by name", () => {
  assert.deepEqual([V.words, V.counts], [["a", "b", "c"], [3, 2, 1]]);
  assert.deepEqual(vocabulary([["b", "a", "a"]], { least: 2 }).words, ["a"]);
  assert.deepEqual(wordIds(["c", "x", "a"], V), [2, 0]);
  assert.throws(() => vocabulary([["a"]], { least: 2 }), userError("no word occurs 2 times"));
});
test("one-hot rows: one 1, all equally far apart; unknown words as asked; bags are their sums", async () => {
  const x = oneHot(["c", "a"], V);
  assert.deepEqual(x.arraySync(), [[0, 0, 1], [1, 0, 0]]);
  x.dispose();
  assert.deepEqual(oneHot(["x", "b"], V, { unknown: "zeros" }).arraySync(), [[0, 0, 0], [0, 1, 0]]);
  assert.throws(() => oneHot(["a", "x"], V), userError('"x"', "zeros"));
  assert.deepEqual(bagOfWords([["a", "c", "a", "x"], []], V), [Float32Array.of(2, 0, 1), Float32Array.of(0, 0, 0)]);
  await leaksNothing(() => oneHot(["a"], V).dispose());
});
