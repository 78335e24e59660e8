// Word2Vec and GloVe: steps and losses against numpy in double precision, then that they learn what a made-up language means.
import assert from "node:assert/strict";
import { test } from "node:test";
import { analogy, cooccurrences, cosine, glove, gloveLoss, gloveStart, gloveSweep, nearestWords, skipGramStep, vectorOf, vocabulary, word2vec, wordMap, wordSimilarity, type WordVectors } from "tunelab/text";
import { Random } from "tunelab/tensor";
import { close, userError } from "../support/compare";
import { readJson } from "../support/fixtures";

const W = readJson("text", "word2vec.json"), G = readJson("text", "glove.json");
test("skip-gram: loss and step are numpy's; a negative that is the context is passed over", () => {
  const d = 5, inputs = Float64Array.from(W.centre), outputs = Float64Array.from([W.context, ...W.negatives].flat());
  close([skipGramStep(inputs, 0, outputs, 0, [1, 0, 2, 3], d, W.rate)], [W.loss], 1e-12);
  close(inputs, W.next.centre, 1e-12);
  close(outputs, [W.next.context, ...W.next.negatives].flat(), 1e-12);
});
test("skip-gram: the step is the gradient (central differences), also where σ is saturated", () => {
  for (const scale of [1, 20]) {
    const random = new Random(scale, "w2v"), d = 4, x = Float64Array.from({ length: 3 * d }, () => scale * random.normal()), h = 1e-6;
    const loss = (v: Float64Array) => skipGramStep(v.slice(0, d), 0, v.slice(d), 0, [1], d, 0);
    const numeric = Array.from(x, (_, i) => { const [a, b] = [1, -1].map((s) => { const y = x.slice(); y[i] += s * h; return loss(y); }); return (a - b) / (2 * h); });
    const inputs = x.slice(0, d), outputs = x.slice(d);
    skipGramStep(inputs, 0, outputs, 0, [1], d, 1);
    close([...inputs, ...outputs].map((v, i) => x[i] - v), numeric, 1e-5 * scale);
    assert.ok(Number.isFinite(loss(x)));
  }
});

const state = () => ({ dimensions: G.dimensions, words: Float64Array.from(G.start[0].flat()), contexts: Float64Array.from(G.start[1].flat()), wordSquares: new Float64Array(16).fill(1), contextSquares: new Float64Array(16).fill(1) });
test("GloVe: five sweeps of AdaGrad give numpy's losses and vectors", () => {
  const s = state(), weights = { xMax: G.xMax, alpha: G.alpha };
  for (const expected of G.losses) { close([gloveLoss(s, G.cells, weights)], [expected], 1e-12); gloveSweep(s, G.cells, G.rate, weights); }
  close(s.words, G.words.flat(), 1e-12);
  close(s.contexts, G.contexts.flat(), 1e-12);
});
test("GloVe by hand: at zero J = Σ f(x) log² x, and with enough dimensions it can become 0", () => {
  const zero = { ...state(), words: new Float64Array(16), contexts: new Float64Array(16) };
  close([gloveLoss(zero, [[0, 1, 4], [1, 2, 200]], { xMax: 100, alpha: 0.75 })], [0.04 ** 0.75 * Math.log(4) ** 2 + Math.log(200) ** 2], 1e-12);
  const s = gloveStart(4, 4, 1);
  for (let i = 0; i < 4000; i++) gloveSweep(s, G.cells, 0.2, { xMax: G.xMax });
  assert.ok(gloveLoss(s, G.cells, { xMax: G.xMax }) < 1e-6, `${gloveLoss(s, G.cells, { xMax: G.xMax })}`);
});
test("co-occurrences count 1 / distance, both ways, within the window, over gaps", () => {
  const sentences = [["a", "b", "rare", "a"], ["b"]], v = vocabulary(sentences, { least: 2 });
  assert.deepEqual(v.words, ["a", "b"]);
  assert.deepEqual(cooccurrences(sentences, v, 2), [[0, 1, 1.5], [1, 0, 1.5]]);
  assert.deepEqual(cooccurrences(sentences, v, 3), [[0, 0, 2 / 3], [0, 1, 1.5], [1, 0, 1.5]]);
});

/** A language with four topics: words of a topic stand in the same places, between function words that all topics share. */
const TOPICS = [["病毒", "蠕虫", "木马", "virus"], ["防火墙", "网关", "路由器", "firewall"], ["密码", "口令", "令牌", "password"], ["邮件", "链接", "网址", "phishing"]];
const PARTNERS = [["感染", "主机", "传播"], ["阻断", "数据包", "规则"], ["登录", "账户", "验证"], ["点击", "诱骗", "附件"]];
function language(n: number): string[][] {
  const random = new Random(1, "language"), one = <T>(x: T[]) => x[random.integer(x.length)];
  return Array.from({ length: n }, () => { const t = random.integer(4); return [one(TOPICS[t]), one(PARTNERS[t]), one(["的", "了", "在"]), one(PARTNERS[t]), one(TOPICS[t]), one(PARTNERS[t])]; });
}
/** Mean cosine of pairs of words of one topic, and of different topics. */
function meanings(v: WordVectors): { same: number; other: number } {
  const pairs = TOPICS.flatMap((t, i) => t.flatMap((a) => TOPICS.flatMap((u, j) => u.filter((b) => a < b).map((b) => ({ same: i === j, s: wordSimilarity(v, a, b) })))));
  const mean = (same: boolean) => { const x = pairs.filter((p) => p.same === same); return x.reduce((sum, p) => sum + p.s, 0) / x.length; };
  return { same: mean(true), other: mean(false) };
}
const nearestInTopic = (v: WordVectors) => TOPICS.flatMap((t, i) => t.filter((w) => [...TOPICS[i], ...PARTNERS[i]].includes(nearestWords(v, w, 1)[0].word))).length;
test("Word2Vec: words of one topic come closer than words of different ones; the loss falls; the seed decides", async () => {
  const losses: number[] = [], options = { dimensions: 16, window: 3, epochs: 6, subsample: 0, seed: 4, learningRate: 0.05, onEpoch: (_: number, loss: number) => void losses.push(loss) };
  const v = await word2vec(language(1500), options), m = meanings(v);
  assert.ok(m.same > m.other + 0.3, JSON.stringify(m));
  assert.equal(nearestInTopic(v), 16);
  assert.ok(losses[0] < 6 * Math.LN2 && losses[5] < losses[0] - 0.2, `${losses}`);
  const small = { ...options, epochs: 1, onEpoch: undefined }, a = await word2vec(language(60), small);
  assert.deepEqual(a.vectors, (await word2vec(language(60), small)).vectors);
  assert.notDeepEqual(a.vectors, (await word2vec(language(60), { ...small, seed: 5 })).vectors);
});
test("Word2Vec: subsampling drops frequent words, least drops rare ones, and what cannot be learned is refused", async () => {
  const v = await word2vec([["a", "b", "c"], ["a", "b"]], { dimensions: 2, epochs: 1, subsample: 0 });
  assert.deepEqual(v.vocabulary.words, ["a", "b"]);
  await assert.rejects(word2vec([["a", "b"], ["a", "b"]], { subsample: 1e-12 }), userError("no word has a neighbour", "subsample: 0"));
  await assert.rejects(word2vec([["a"]], { dimensions: 0 }), userError("dimensions is 0"));
});
test("GloVe: words of one topic come closer than words of different ones; the seed decides", async () => {
  const losses: number[] = [], v = await glove(language(1500), { dimensions: 16, window: 3, epochs: 40, seed: 2, onEpoch: (_, loss) => void losses.push(loss) }), m = meanings(v);
  assert.ok(m.same > m.other + 0.1, JSON.stringify(m)); // less apart than in Word2Vec: pairs that never meet are no cells, so nothing pushes them apart
  assert.ok(nearestInTopic(v) >= 14, `${nearestInTopic(v)}`);
  assert.ok(losses[39] < losses[0] / 4, `${losses[0]} → ${losses[39]}`);
  const small = { dimensions: 3, epochs: 2 }, a = await glove(language(60), small);
  assert.deepEqual(a.vectors, (await glove(language(60), small)).vectors);
  assert.notDeepEqual(a.vectors, (await glove(language(60), { ...small, seed: 1 })).vectors);
});
test("vectors: cosine, neighbours, analogy", () => {
  const words = ["man", "woman", "king", "queen", "port"], v: WordVectors = { vocabulary: vocabulary([words]), dimensions: 3, vectors: new Float32Array(15) };
  const at: Record<string, number[]> = { man: [1, 0, 0], woman: [1, 1, 0], king: [1, 0, 1], queen: [1, 1, 1], port: [-1, 0, 0] };
  for (const w of words) vectorOf(v, w).set(at[w]);
  close([cosine([1, 0], [1, 1]), cosine([0, 0], [1, 1]), wordSimilarity(v, "man", "port")], [Math.SQRT1_2, 0, -1], 1e-7);
  assert.deepEqual(nearestWords(v, "queen", 2).map((n) => n.word), ["king", "woman"]);
  assert.equal(analogy(v, "man", "woman", "king", 1)[0].word, "queen");
  assert.throws(() => vectorOf(v, "x"), userError('"x"', "5 words"));
});
test("a map keeps the distances of unit vectors that lie in a plane, and says how much it shows of others", () => {
  const words = ["a", "b", "c", "d"], v: WordVectors = { vocabulary: vocabulary([words]), dimensions: 3, vectors: new Float32Array(12) };
  const at = [[2, 0, 0], [0, 3, 0], [-1, 0, 0], [1, 1, 0]], lengths = [2, 3, 1, Math.SQRT2];
  words.forEach((w, i) => vectorOf(v, w).set(at[i]));
  const map = wordMap(v, words);
  for (let i = 0; i < 4; i++) for (let j = 0; j < i; j++)
    close([Math.hypot(map.x[i] - map.x[j], map.y[i] - map.y[j])], [Math.hypot(...at[i].map((x, k) => x / lengths[i] - at[j][k] / lengths[j]))], 1e-6);
  close([map.explained], [1], 1e-6);
  for (const [i, w] of words.slice(0, 3).entries()) vectorOf(v, w).set([0, 1, 2].map((k) => Number(k === i)));
  vectorOf(v, "d").set([-1, 0, 0]);
  assert.ok(wordMap(v, words).explained < 1 - 1e-3);
  assert.throws(() => wordMap(v, ["a", "b"]), userError("2 words"));
});
