/** Answers to the exercises of section 3.6.4. */
import { code, number, type Exercise } from "./exercise";

export const PROMPT: Readonly<Record<string, Exercise>> = {
  "3.6.4/1": number((100 * 20 * 1536) / 1_777_088_000, {
    tolerance: 0.02,
    hints: [
      { zh: "训练的只有 P，它有 n 行、d 列", en: "only P is trained; it has n rows and d columns" },
      { zh: "20 × 1536 = 30720 个数", en: "20 × 1536 = 30720 numbers" },
      { zh: "100 × 30720 / 1777088000", en: "100 × 30720 / 1777088000" },
    ],
    solution: { zh: "P 有 20 × 1536 = 30720 个数，占 100 × 30720 / 1777088000 ≈ 0.00173 %：比书上的 0.01 % 还少。", en: "P holds 20 × 1536 = 30720 numbers, 100 × 30720 / 1777088000 ≈ 0.00173 %: even less than the book's 0.01 %." },
    mistakes: [
      { value: 30720 / 1_777_088_000, say: { zh: "题目要的是百分数", en: "the question asks for percent" } },
      { value: 0.01, say: { zh: "这是书上的数；请按形状计算", en: "that is the book's number; compute it from the shapes" } },
      { value: 2000 / 1_777_088_000, say: { zh: "每个虚拟词元有 d 个数", en: "each virtual token holds d numbers" } },
      { value: (100 * 28 * 20 * 1536) / 1_777_088_000, say: { zh: "提示只在输入层，不是每层一份（那是 Prefix）", en: "the prompt is at the input only, not in every layer (that is a prefix)" } },
    ],
  }),
  "3.6.4/2": number(1.44, {
    tolerance: 1e-3,
    hints: [
      { zh: "每个位置都与每个位置有一个分数", en: "every position has a score with every position" },
      { zh: "原来 100 × 100，现在 120 × 120", en: "100 × 100 before, 120 × 120 now" },
      { zh: "(120 / 100)²", en: "(120 / 100)²" },
    ],
    solution: { zh: "(120/100)² = 1.44：位置多 20 %，注意力分数多 44 %。", en: "(120/100)² = 1.44: 20 % more positions, 44 % more attention scores." },
    mistakes: [
      { value: 1.2, say: { zh: "这是位置之比；分数是位置的平方", en: "that is the ratio of positions; scores go with its square" } },
      { value: 0.44, say: { zh: "这是增加的部分；题目要的是倍数", en: "that is the increase; the question asks for the factor" } },
      { value: 1.04, say: { zh: "20 × 20 只是虚拟词元之间的分数；它们与文本之间也有", en: "20 × 20 are the scores among virtual tokens; there are those with the text too" } },
    ],
  }),
  "3.6.4/3": code([
    { given: [["A", "B", "B"]], want: "B" },
    { given: [["B", "A", "A", "B"]], want: "B" },
    { given: [["C", "A", "B"]], want: "C" },
    { given: [["A", "B", "B", "C", "C", "C"]], want: "C" },
    { given: [["B", "A", "A"]], want: "A" },
  ], {
    hints: [
      { zh: "数一数每一类有几票，再找最多的", en: "count the votes of each class, then find the largest count" },
      { zh: "用 Map：它按最先出现的顺序排列", en: "use a Map: it keeps the order of first appearance" },
      { zh: "只在票数**严格**更多时才换人", en: "change the winner only where the count is **strictly** larger" },
    ],
    solution: {
      zh: "(votes) => { const count = new Map(); for (const v of votes) count.set(v, (count.get(v) ?? 0) + 1); let best = votes[0]; for (const [v, c] of count) if (c > count.get(best)) best = v; return best; }",
      en: "(votes) => { const count = new Map(); for (const v of votes) count.set(v, (count.get(v) ?? 0) + 1); let best = votes[0]; for (const [v, c] of count) if (c > count.get(best)) best = v; return best; }",
    },
    mistakes: [
      { shows: (f) => f(["A", "B", "B"]) === 2, say: { zh: "返回的是票数；要的是那一类", en: "that is the number of votes; wanted is the class" } },
      { shows: (f) => f(["A", "B", "B"]) === "A", say: { zh: "最先出现的不一定最多；先数票", en: "the first is not always the most frequent; count first" } },
      { shows: (f) => f(["A", "B", "B"]) === "B" && f(["C", "A", "B"]) === "A", say: { zh: "票数相同时取了字母最小的；要最先出现的", en: "where votes are equal that takes the first in the alphabet; wanted is the one that came first" } },
      { shows: (f) => f(["A", "B", "B"]) === "B" && f(["C", "A", "B"]) === "B", say: { zh: "票数相同时取了最后的；只在严格更多时才换人", en: "where votes are equal that takes the last; change only where the count is strictly larger" } },
    ],
  }),
};
