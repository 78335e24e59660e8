// Augmentation: how much each operation changes is what was asked for, nothing else changes, and seeds repeat.
import assert from "node:assert/strict";
import { test } from "node:test";
import { augment, deleteWords, insertSynonyms, joinWords, replaceSynonyms, swapWords, SYNONYMS, synonymsOf } from "tunelab/text";
import { Random } from "tunelab/tensor";
import { userError } from "../support/compare";

const EN = "the attacker sent many malicious packets to the server , and the firewall blocked the request .".split(" ");
const ZH = ["攻击者", "向", "服务器", "发送", "大量", "恶意", "流量", "，", "防火墙", "已", "阻断", "。"];
const draws = <T>(n: number, f: (random: Random) => T) => Array.from({ length: n }, (_, i) => f(new Random(i, "test")));
const changed = (a: string[], b: string[]) => a.filter((w, i) => w !== b[i]).length;
const sorted = (words: string[]) => [...words].sort();

test("synonym replacement changes exactly n words, each for one of its synonyms", () => {
  for (const words of [EN, ZH]) for (const n of [1, 3]) for (const out of draws(50, (r) => replaceSynonyms(words, n, r))) {
    assert.equal(out.length, words.length);
    assert.equal(changed(out, words), n);
    out.forEach((w, i) => w !== words[i] && assert.ok(SYNONYMS.get(words[i])!.includes(w), `${words[i]} → ${w}`));
  }
  assert.deepEqual(replaceSynonyms(["x", "y"], 2, new Random(0, "")), ["x", "y"]);
  for (const out of draws(20, (r) => replaceSynonyms(EN, 99, r, SYNONYMS, new Set(["attacker", "malicious"])))) assert.deepEqual([out[1], out[4]], ["attacker", "malicious"]);
  assert.equal(new Set(draws(60, (r) => replaceSynonyms(["detect"], 1, r)[0])).size, 2, "all synonyms get their turn");
});
test("insertion puts in exactly n synonyms and keeps the order of the rest", () => {
  for (const out of draws(50, (r) => insertSynonyms(ZH, 2, r))) {
    assert.equal(out.length, ZH.length + 2);
    const rest = [...out];
    for (const w of ZH) { const i = rest.indexOf(w); assert.ok(i >= 0); rest.splice(i, 1); }
    for (const w of rest) assert.ok(ZH.some((z) => SYNONYMS.get(z)?.includes(w)), w);
  }
  assert.deepEqual(insertSynonyms(["x"], 3, new Random(0, "")), ["x"]);
});
test("a swap exchanges two words; marks stay", () => {
  for (const words of [EN, ZH]) for (const out of draws(50, (r) => swapWords(words, 1, r))) {
    assert.deepEqual(sorted(out), sorted(words));
    assert.ok([0, 2].includes(changed(out, words)), "0 where both words are the same");
    words.forEach((w, i) => /^[,.，。]$/.test(w) && assert.equal(out[i], w));
  }
  assert.deepEqual(swapWords(["a"], 5, new Random(0, "")), ["a"]);
});
test("deletion takes the stated share, never the marks, the protected or the last word", () => {
  for (const rate of [0.1, 0.4]) {
    const words = EN.filter((w) => /\w/.test(w)).length, n = 2000, gone = draws(n, (r) => EN.length - deleteWords(EN, rate, r).length).reduce((a, b) => a + b) / (n * words);
    assert.ok(Math.abs(gone - rate) < 4 * Math.sqrt((rate * (1 - rate)) / (n * words)), `${gone} for ${rate}`);
  }
  for (const out of draws(30, (r) => deleteWords(EN, 0.9, r, new Set(["malicious"])))) { assert.ok(out.includes("malicious") && out.includes(",") && out.includes(".")); }
  for (const out of draws(30, (r) => deleteWords(["a", "b", "，"], 1, r))) assert.ok(out.length === 2 && out[1] === "，");
  assert.deepEqual(deleteWords(["，"], 1, new Random(0, "")), ["，"]);
});
test("augment: operations in turn, the number of changes follows the rate, seeds repeat and differ", () => {
  const out = augment(EN, { copies: 8, rates: { replace: 0.2, insert: 0.2, swap: 0.2, delete: 0.2 }, seed: 1 });
  assert.deepEqual(out.map((a) => a.operation), ["replace", "insert", "swap", "delete", "replace", "insert", "swap", "delete"]);
  const n = Math.round(0.2 * 15);
  assert.equal(changed(out[0].words, EN), n);
  assert.equal(out[1].words.length, EN.length + n);
  assert.deepEqual(out, augment(EN, { copies: 8, rates: { replace: 0.2, insert: 0.2, swap: 0.2, delete: 0.2 }, seed: 1 }));
  assert.notDeepEqual(augment(EN, { seed: 1 }), augment(EN, { seed: 2 }));
  assert.deepEqual(augment(ZH, { copies: 2, rates: { insert: 0, swap: 0, delete: 0 } }).map((a) => a.operation), ["replace", "replace"]);
  assert.deepEqual(augment(["，"]), []);
  assert.throws(() => augment(EN, { rates: { swap: 2 } }), userError("rates.swap is 2"));
  assert.throws(() => augment(EN, { rates: { swop: 0.1 } as never }), userError("rates.swop"));
  assert.throws(() => augment(EN, { rates: { replace: 0, insert: 0, swap: 0, delete: 0 } }), userError("all rates are 0"));
});
test("the thesaurus is symmetric, has the textbook's pairs, and names no word as its own synonym", () => {
  for (const [word, list] of SYNONYMS) for (const other of list) { assert.notEqual(other, word); assert.ok(SYNONYMS.get(other)!.includes(word)); }
  assert.ok(SYNONYMS.get("高兴")!.includes("快乐") && SYNONYMS.get("DDoS")!.includes("分布式拒绝服务"));
  assert.deepEqual([...synonymsOf([["a", "b"], ["a", "c"]]).get("a")!], ["b", "c"]);
});
test("words become text as the languages write it", () => {
  assert.equal(joinWords(ZH), "攻击者向服务器发送大量恶意流量，防火墙已阻断。");
  assert.equal(joinWords(EN), "the attacker sent many malicious packets to the server, and the firewall blocked the request.");
  assert.equal(joinWords(["使用", "SQL", "injection", "攻击", "(", "x", ")", "y"]), "使用SQL injection攻击(x) y");
});
