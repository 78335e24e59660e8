// BLEU against sacreBLEU, ROUGE against rouge-score, stems against NLTK: to 1e-6 (test/fixtures/make_metrics.py), and by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bleuTokens, corpusBleu, meanRouge, porterStem, rouge, rougeTokens, sentenceBleu, type Bleu, type Rouge } from "tunelab/metrics";
import { close, userError } from "../support/compare";
import { readJson } from "../support/fixtures";

const TOLERANCE = 1e-6;
const bleuNumbers = (b: Bleu) => [b.score, ...b.precisions, b.brevityPenalty, b.hypothesisLength, b.referenceLength, ...b.matches, ...b.totals];

for (const [n, c] of readJson("metrics", "bleu.json").cases.entries()) {
  const name = `${c.tokenizer}, set ${n} of ${c.pairs.length} segments`, options = { tokenizer: c.tokenizer };
  test(`BLEU ${name}: the tokens are sacreBLEU's`, () => c.pairs.forEach(([hypothesis]: [string], i: number) => assert.deepEqual(bleuTokens(hypothesis, c.tokenizer), c.tokens[i])));
  test(`BLEU ${name}: corpus`, () => {
    close(bleuNumbers(corpusBleu(c.pairs.map((p: [string]) => p[0]), c.pairs.map((p: [string, string[]]) => p[1]), options)), bleuNumbers(c.corpus), TOLERANCE);
  });
  test(`BLEU ${name}: each segment`, () => c.pairs.forEach(([hypothesis, references]: [string, string[]], i: number) =>
    close(bleuNumbers(sentenceBleu(hypothesis, references, options)), bleuNumbers(c.sentences[i]), TOLERANCE, hypothesis)));
}

test("BLEU by hand: Papineni's clipped unigrams, perfect and hopeless answers", () => {
  const b = sentenceBleu("the the the the the the the", ["The cat is on the mat .", "the cat is on the mat"]);
  assert.deepEqual([b.matches[0], b.totals[0]], [2, 7]);
  assert.ok(Math.abs(corpusBleu(["a b c d e"], ["a b c d e"]).score - 100) < 1e-9);
  assert.equal(corpusBleu(["a b c d"], ["w x y z"]).score, 0);
  // 3 of 4 words, both bigrams but one, …: BP = exp(1 − 5/4), precisions 1, 1, 1, 1
  assert.ok(Math.abs(corpusBleu(["a b c d"], ["a b c d e"]).score - 100 * Math.exp(-0.25)) < 1e-9);
});
test("BLEU says what is wrong", () => {
  assert.throws(() => corpusBleu(["a"], []), userError("corpusBleu: 1 hypotheses and 0"));
  assert.throws(() => corpusBleu(["a"], [[]]), userError("hypothesis 0 has no reference"));
  assert.throws(() => corpusBleu(["a"], ["b"], { tokenizer: "ja" as never }), userError('"ja"', '"13a" or "zh"'));
});

const R = readJson("metrics", "rouge.json");
const rougeNumbers = (r: Rouge) => [r.rouge1, r.rouge2, r.rougeL].flatMap((s) => [s.precision, s.recall, s.f1]);
for (const [kind, options] of Object.entries({ words: {}, stemmed: { stemmer: true }, characters: { units: "characters" as const } }))
  test(`ROUGE (${kind}) is rouge-score's`, () => R.pairs.forEach(([prediction, reference]: [string, string], i: number) =>
    close(rougeNumbers(rouge(reference, prediction, options)), rougeNumbers(R[kind][i]), TOLERANCE, prediction)));
test("ROUGE sees Chinese only by characters", () => {
  assert.deepEqual(rougeTokens("防火墙blocked 3包"), ["blocked", "3"]);
  assert.deepEqual(rougeTokens("防火墙blocked 3包，𠮷", { units: "characters" }), ["防", "火", "墙", "blocked", "3", "包", "𠮷"]);
  assert.equal(rouge("防火墙", "防火墙").rouge1.f1, 0);
  assert.equal(rouge("防火墙", "防火墙", { units: "characters" }).rouge2.f1, 1);
});
test("ROUGE-L by hand (Lin 2004, section 3.1), and the mean over texts", () => {
  // reference: police killed the gunman; the common subsequences are "police the gunman" and "the gunman"
  const one = rouge("police killed the gunman", "police kill the gunman"), two = rouge("police killed the gunman", "the gunman kill police");
  assert.deepEqual([one.rougeL.f1, two.rougeL.f1], [0.75, 0.5]);
  assert.equal(meanRouge(["police killed the gunman", "police killed the gunman"], ["police kill the gunman", "the gunman kill police"]).rougeL.f1, 0.625);
  assert.throws(() => meanRouge(["a"], []), userError("1 references and 0 predictions"));
});
test("stems are NLTK's", () => {
  for (const [word, stem] of Object.entries(R.stems)) assert.equal(porterStem(word), stem, word);
  assert.ok(Object.keys(R.stems).length > 200);
});
