// Segmentation: the textbook's examples by hand, exact algorithms against brute force, trained ones on held-out sentences.
import assert from "node:assert/strict";
import fs from "node:fs";
import { before, test } from "node:test";
import { atoms, hmmSegmenter, jiebaLexicon, jiebaSegmenter, jiebaTags, joinWords, lexicon, lexiconOf, loadRecords, maximumMatch, minimumCut, mixedSegmenter, scoreSegmentation, trainHmm, trainTagger, viterbi, wordLattice, type Segmenter } from "tunelab/text";
import { backend, Random, tf } from "tunelab/tensor";
import { close, userError } from "../support/compare";

before(async () => { await backend(); });
const cut = (s: Segmenter, text: string) => s(text).join("/");
const L = lexicon(["研究", "研究生", "生命", "起源", "结婚", "和尚", "尚未", "和", "的", "南京", "南京市", "市长", "长江", "大桥", "长江大桥", "SQL 注入", "DDoS", "攻击", "零日漏洞"]);

test("units: identifiers, addresses, URLs and numbers are whole; Chinese characters and marks are single", () => {
  assert.deepEqual(atoms("攻击者用CVE-2021-44228打10.0.0.1:8080，C++/C# 5.5%𠮷"), ["攻", "击", "者", "用", "CVE-2021-44228", "打", "10.0.0.1:8080", "，", "C++", "/", "C#", "5.5%", "𠮷"]);
  assert.deepEqual(atoms("访问https://a.b/c?d=e再看a.b@c.de，don't"), ["访", "问", "https://a.b/c?d=e", "再", "看", "a.b@c.de", "，", "don't"]);
});
test("maximum match: forward and backward differ on the classical ambiguity, both ways takes the better", () => {
  const text = "研究生命的起源";
  assert.equal(cut(maximumMatch(L), text), "研究生/命/的/起源");
  assert.equal(cut(maximumMatch(L, { direction: "backward" }), text), "研究/生命/的/起源");
  assert.equal(cut(maximumMatch(L, { direction: "bidirectional" }), text), "研究/生命/的/起源");
  assert.equal(cut(maximumMatch(L), "结婚的和尚未结婚的"), "结婚/的/和尚/未/结婚/的");
  assert.equal(cut(maximumMatch(L, { direction: "backward" }), "结婚的和尚未结婚的"), "结婚/的/和/尚未/结婚/的");
});
test("dictionary methods take mixed words, upper and lower case, and leave no space", () => {
  for (const s of [maximumMatch(L), maximumMatch(L, { direction: "backward" }), minimumCut(L)]) assert.equal(cut(s, " 防ddos攻击 与sql注入 "), "防/ddos/攻击/与/sql注入");
  assert.deepEqual(maximumMatch(L)("  "), []);
});

const M = lexicon([["a", 10], ["b", 5], ["c", 1], ["ab", 8], ["bc", 9], ["cd", 2], ["abc", 1], ["d", 3], ["bcd", 1]].map(([w, n]) => [[...(w as string)].map((x) => "甲乙丙丁"["abcd".indexOf(x)]).join(""), n as number]));
/** All ways to cut units into words of the lexicon and single units. */
function* ways(units: string[]): Generator<string[]> {
  if (units.length === 0) yield [];
  for (let n = 1; n <= units.length; n++) {
    const word = units.slice(0, n).join("");
    if (n === 1 || M.counts.has(word)) for (const rest of ways(units.slice(n))) yield [word, ...rest];
  }
}
test("minimum cut is the best of all cuts, by number of words and by probability", () => {
  const random = new Random(1, "cuts");
  for (let i = 0; i < 60; i++) {
    const text = Array.from({ length: 1 + random.integer(7) }, () => "甲乙丙丁戊"[random.integer(5)]).join(""), all = [...ways([...text])];
    assert.equal(minimumCut(M)(text).length, Math.min(...all.map((w) => w.length)), text);
    const nats = (words: string[]) => words.reduce((s, w) => s - Math.log(Math.max(M.counts.get(w) ?? 0, 0.5) / M.total), 0);
    close([nats(minimumCut(M, { costs: "unigram" })(text))], [Math.min(...all.map(nats))], 1e-9);
  }
  assert.equal(cut(minimumCut(L), "南京市长江大桥"), "南京市/长江大桥");
});
test("the lattice has every word of the lexicon and every single unit", () => {
  const edges = wordLattice("甲乙戊", M, "unigram");
  assert.deepEqual(edges.map((e) => [e.from, e.to, e.word, e.known]), [[0, 1, "甲", true], [0, 2, "甲乙", true], [1, 2, "乙", true], [2, 3, "戊", false]]);
  close(edges.map((e) => e.cost), [10, 8, 5, 0.5].map((n) => Math.log(M.total / n)), 1e-12);
});

test("Viterbi finds the best of all paths", () => {
  const random = new Random(2, "viterbi"), draw = (n: number) => Array.from({ length: n }, () => (random.uniform() < 0.1 ? -Infinity : random.normal()));
  for (let i = 0; i < 50; i++) {
    const S = 3, T = 1 + random.integer(5), start = draw(S), end = draw(S), transition = Array.from({ length: S }, () => draw(S)), emission = Array.from({ length: T }, () => draw(S));
    const score = (p: ArrayLike<number>) => Array.from(p).reduce((sum, s, t) => sum + emission[t][s] + (t ? transition[p[t - 1]][s] : start[s]), 0) + end[p[T - 1]];
    let best = -Infinity;
    for (let code = 0; code < S ** T; code++) best = Math.max(best, score(Array.from({ length: T }, (_, t) => Math.floor(code / S ** t) % S)));
    if (best > -Infinity) close([score(viterbi(start, transition, emission, end))], [best], 1e-9);
  }
});
test("the HMM's probabilities are the counts: by hand on two sentences", () => {
  const h = trainHmm([["网络", "安全"], ["安全"]], { added: 0 }), log = Math.log;
  close([h.start[0], h.transition[0][2], h.transition[2][0], h.emission.get("安")![0], h.emission.get("网")![0], h.emission.get("全")![2]], [0, 0, 0, log(2 / 3), log(1 / 3), log(2 / 3)], 1e-12);
  assert.deepEqual([h.start[1], h.start[2], h.transition[0][3], h.transition[2][1]], [-Infinity, -Infinity, -Infinity, -Infinity]);
  const smooth = trainHmm([["网络", "安全"], ["安全"]], { added: 0.5 });
  close([smooth.start[0], smooth.unknown[1]], [log(2.5 / 3), log(0.5 / 2.5)], 1e-12); // 4 units and the unknown one
  for (const [tag] of smooth.start.entries()) close([[...smooth.emission.values(), smooth.unknown].reduce((s, e) => s + Math.exp(e[tag]), 0)], [1], 1e-12);
  assert.equal(cut(hmmSegmenter(smooth), "安全网络"), "安全/网络");
});

test("jieba: the textbook's sentence, words of one's own, tags, lexicon", () => {
  const text = "自然语言处理是人工智能领域的一个重要方向";
  assert.equal(cut(jiebaSegmenter(), text), "自然语言/处理/是/人工智能/领域/的/一个/重要/方向");
  assert.equal(cut(jiebaSegmenter({ words: ["自然语言处理", "SQL注入"] }), `${text} SQL注入`), "自然语言处理/是/人工智能/领域/的/一个/重要/方向/SQL注入");
  assert.equal(cut(jiebaSegmenter(), "SQL注入"), "SQL/注入", "other segmenters do not learn the word");
  assert.equal(jiebaTags("王小明是工程师")[0].tag, "nr");
  const big = jiebaLexicon();
  assert.ok(big.counts.size > 300_000 && big.counts.get("网络")! > 100);
  assert.equal(cut(minimumCut(big, { costs: "unigram" }), text), cut(jiebaSegmenter({ hmm: false }), text));
  assert.throws(() => jiebaSegmenter({ words: ["a b"] }), userError('"a b"', "spaces"));
});
test("mixed text: terms and identifiers stay whole, Chinese goes to the segmenter", () => {
  const seen: string[] = [], s = mixedSegmenter((t) => { seen.push(t); return jiebaSegmenter()(t); }, { terms: ["SQL注入", "零日漏洞", "DDoS"] });
  assert.equal(cut(s, "攻击者利用sql注入和零日漏洞CVE-2021-44228入侵10.0.0.1, then ran DDoS攻击。"), "攻击者/利用/sql注入/和/零日漏洞/CVE-2021-44228/入侵/10.0.0.1/,/then/ran/DDoS/攻击/。");
  assert.deepEqual(seen, ["攻击者利用", "和", "入侵", "攻击"]);
  assert.equal(cut(mixedSegmenter(jiebaSegmenter()), "the 网络安全 C++"), "the/网络安全/C++");
});

test("scores: a word counts if both ends are right; unknown words apart; a changed text is refused", () => {
  const s = scoreSegmentation([["研究生", "命", "的", "起源"]], [["研究", "生命", "的", "起源"]], { known: new Set(["研究", "的", "起源"]) });
  assert.deepEqual(s, { precision: 0.5, recall: 0.5, f1: 0.5, unknownRecall: 0, knownRecall: 2 / 3 });
  assert.equal(scoreSegmentation([["a", " ", "b"]], [["a", "b"]]).f1, 1);
  assert.throws(() => scoreSegmentation([["ab"]], [["ac"]]), userError("sentence 0", "may only cut"));
  assert.throws(() => scoreSegmentation([], []), userError("0 sentences"));
});

// Jieba's cut of the course's Chinese answers stands in for gold: what counts here is that the methods learn from the one part and hold on the other.
const silver = async (split: string) => (await loadRecords<{ answer: string }>(`data/security-qa/zh/${split}.jsonl`)).map((r) => jiebaSegmenter()(r.answer));
test("trained methods on held-out text: HMM and tagger beat single characters by far, the tagger beats the HMM, and repeats with its seed", async () => {
  const train = await silver("train"), gold = await silver("test"), known = lexiconOf(train).counts, f1 = (s: Segmenter) => scoreSegmentation(gold.map((g) => s(g.join(""))), gold, { known });
  const before = tf.memory().numTensors, losses: number[] = [], options = { epochs: 5, onEpoch: (_: number, loss: number) => void losses.push(loss) };
  const tagger = await trainTagger(train, options);
  const all = { none: f1(atoms).f1, hmm: f1(hmmSegmenter(trainHmm(train))), match: f1(maximumMatch(lexiconOf(train))), tagger: f1(tagger.segment) };
  assert.ok(all.none < 0.45, `single characters: ${all.none}`);
  assert.ok(all.hmm.f1 > 0.84 && all.match.f1 > 0.8, JSON.stringify(all));
  assert.ok(all.tagger.f1 > all.hmm.f1 + 0.01 && all.tagger.f1 > 0.88, JSON.stringify(all));
  assert.ok(losses.length === 5 && losses[4] < losses[0] / 2, `${losses}`);
  assert.ok(all.match.unknownRecall < 0.3 && all.hmm.unknownRecall > 0.5 && all.tagger.unknownRecall > 0.5, `only models find words that they never saw: ${JSON.stringify(all)}`);
  assert.equal(tf.memory().numTensors - before, 5);
  const again = await trainTagger(train.slice(0, 40), { epochs: 2, seed: 3 }), third = await trainTagger(train.slice(0, 40), { epochs: 2, seed: 3 });
  assert.deepEqual(again.params["hidden.weight"].arraySync(), third.params["hidden.weight"].arraySync());
  for (const t of [tagger, again, third]) t.dispose();
  assert.equal(tf.memory().numTensors, before);
});
test("data/segmentation: learned methods and the large dictionary are far above the training words alone", async () => {
  const read = (name: string) => fs.readFileSync(`data/segmentation/${name}.txt`, "utf8").trim().split("\n").map((line) => line.trim().split(/\s+/)), train = read("train"), gold = read("test");
  const f1 = (s: Segmenter) => scoreSegmentation(gold.map((words) => s(joinWords(words))), gold).f1;
  const own = f1(maximumMatch(lexiconOf(train))), hmm = f1(hmmSegmenter(trainHmm(train))), jieba = f1(jiebaSegmenter());
  assert.ok(own > 0.6 && own < 0.7 && hmm > 0.77 && jieba > 0.8, `${own} ${hmm} ${jieba}`);
});
test("every method only cuts: whatever comes, its words are the text without spaces", async () => {
  const train = (await silver("validation")).slice(0, 20), tagger = await trainTagger(train, { epochs: 1, embedding: 4, hidden: 4 });
  const methods = [maximumMatch(L), maximumMatch(L, { direction: "backward" }), minimumCut(L), minimumCut(L, { costs: "unigram" }), hmmSegmenter(trainHmm(train)), tagger.segment, jiebaSegmenter(), mixedSegmenter(jiebaSegmenter(), { terms: ["SQL注入"] })];
  const random = new Random(5, "fuzz"), pieces = ["研究", "生", "命", "SQL", "注入", " ", "\n", "1.5", "%", "，", "😀", "𠮷", "é", "a-b", "http://x.y", "\u3000", "SQL注入"];
  for (let i = 0; i < 100; i++) {
    const text = Array.from({ length: random.integer(12) }, () => pieces[random.integer(pieces.length)]).join("");
    for (const [n, method] of methods.entries()) assert.equal(method(text).join(""), text.replace(/\s+/g, ""), `method ${n}: ${JSON.stringify(text)}`);
  }
  tagger.dispose();
});
