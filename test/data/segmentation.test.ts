// data/segmentation: the card tells the truth, lines are well formed, the word list is that of train, the classic ambiguities are there, nothing leaks.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, linesOf, mostAlike, type Card } from "./support";

const SET = "segmentation";
const card = cardOf<Card & { separation: { ngram: number; maxJaccard: number } }>(SET);
const train = linesOf(SET, "train.txt"), held = linesOf(SET, "test.txt"), raw = (line: string) => line.replace(/ /g, "");

test("the card is true", () => checkCard(SET));

test("lines are words separated by single spaces, each sentence once", () => {
  assert.ok(train.length + held.length >= 400);
  assertUnique([...train, ...held].map((line) => raw(line)), "sentence");
  for (const line of [...train, ...held]) {
    assert.match(line, /^\S+(?: \S+)+$/u, line);
    for (const word of line.split(" ")) {
      assert.ok(Array.from(word).length <= 4 || !/^\p{Script=Han}+$/u.test(word) || ["发展中国家"].includes(word), `${word} in ${line}`);
      assert.match(word, /^(?:[\p{Script=Han}A-Za-z0-9_./%:-]+|[，。？！、：；“”（）])$/u, `${word} in ${line}`);
    }
  }
});

test("the word list is derived from train", () => {
  assert.equal(spawnSync(process.execPath, ["data/segmentation/words.mjs", "--check"]).status, 0);
  assert.deepEqual(linesOf(SET, "words.txt").map((line) => line.split("\t")[0]).sort(), [...new Set(train.flatMap((line) => line.split(" ")))].sort());
});

test("the classic ambiguities occur, some in both readings", () => {
  const text = [...train, ...held].join("\n");
  for (const reading of ["结合 成 分子", "研究 生命", "研究生 命", "乒乓球拍 卖 完 了", "乒乓球 拍卖 完 了", "南京市 长江 大桥", "市长 江大桥", "的确 切", "的 确切", "中 将", "中将", "才 能", "才能", "学生会 组织", "学生 会 组织"])
    assert.ok(text.includes(reading), reading);
});

test("no test sentence resembles a train sentence", () => {
  const { similarity, pair } = mostAlike(train.map(raw), held.map(raw), card.separation.ngram);
  assert.ok(card.separation.maxJaccard <= 0.3 && similarity < card.separation.maxJaccard, `${similarity}: ${pair.join(" <> ")}`);
});
