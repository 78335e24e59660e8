/** Answers to the exercises of section 3.3.2. */
import { code, list, number, type Case, type Exercise } from "./exercise";

const CASES: readonly Case[] = [
  { given: ["00:1A:2b:3C:4d:5E joined, ff:ee:dd:cc:bb:aa left"], want: "<MAC_1> joined, <MAC_2> left" },
  { given: ["aa:bb:cc:dd:ee:ff, 00:11:22:33:44:55, again aa:bb:cc:dd:ee:ff"], want: "<MAC_1>, <MAC_2>, again <MAC_1>" },
  { given: ["aa:bb:cc:dd:ee:ff and AA:BB:CC:DD:EE:FF"], want: "<MAC_1> and <MAC_1>" },
  { given: ["at 12:30:45 nothing was seen"], want: "at 12:30:45 nothing was seen" },
];
const gives = (k: number, want: string) => (f: (...given: unknown[]) => unknown) => f(...CASES[k].given) === want;

export const DATA_SOURCES: Readonly<Record<string, Exercise>> = {
  "3.3.2/1": number(0.4, {
    tolerance: 1e-3,
    hints: [
      { zh: "先算一致的比例，再算碰巧一致的比例", en: "first the observed agreement, then the agreement by chance" },
      { zh: "A 标“攻击”的占 50 %，B 占 60 %", en: "A says attack for 50 %, B for 60 %" },
      { zh: "pₑ = 0.5 × 0.6 + 0.5 × 0.4；κ = (0.7 − pₑ) / (1 − pₑ)", en: "pₑ = 0.5 × 0.6 + 0.5 × 0.4; κ = (0.7 − pₑ) / (1 − pₑ)" },
    ],
    solution: { zh: "pₒ = 0.4 + 0.3 = 0.7，pₑ = 0.5 × 0.6 + 0.5 × 0.4 = 0.5，κ = 0.2 / 0.5 = 0.4。", en: "pₒ = 0.4 + 0.3 = 0.7, pₑ = 0.5 × 0.6 + 0.5 × 0.4 = 0.5, κ = 0.2 / 0.5 = 0.4." },
    mistakes: [
      { value: 0.7, say: { zh: "这是一致的比例，还没有扣除碰巧", en: "that is the observed agreement; chance is not taken off yet" } },
      { value: 0.5, say: { zh: "这是碰巧一致的比例", en: "that is the agreement by chance" } },
      { value: 0.2, say: { zh: "还要除以 1 − pₑ", en: "divide by 1 − pₑ as well" } },
      { value: 2 / 7, say: { zh: "除数是 1 − pₑ，不是 pₒ", en: "divide by 1 − pₑ, not by pₒ" } },
    ],
  }),
  "3.3.2/2": list(["CC0-1.0", "CC-BY-4.0"], {
    hints: [
      { zh: "三个要求，一个一个排除", en: "three demands: strike out by one after the other" },
      { zh: "NC 是非商用，ND 是不许修改，SA 是相同方式共享", en: "NC is non-commercial, ND is no derivatives, SA is share alike" },
      { zh: "剩下的两个都不带 NC、ND、SA", en: "the two that remain have none of NC, ND, SA" },
    ],
    solution: { zh: "NC 禁止商用，ND 禁止修改，SA 要求派生数据用同样的许可证；留下 CC0-1.0 和 CC-BY-4.0（后者要署名）。", en: "NC forbids commercial use, ND changes, and SA wants derived data under the same licence; CC0-1.0 and CC-BY-4.0 remain (the latter wants attribution)." },
    mistakes: [
      { value: ["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"], say: { zh: "SA 就是相同方式共享", en: "SA is share alike" } },
      { value: ["CC0-1.0", "CC-BY-4.0", "CC-BY-ND-4.0"], say: { zh: "ND 不许修改", en: "ND allows no changes" } },
      { value: ["CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0"], say: { zh: "NC 不许商用", en: "NC allows no commercial use" } },
      { value: ["CC0-1.0"], say: { zh: "署名是可以做到的：还有一个", en: "attribution can be given: there is one more" } },
    ],
  }),
  "3.3.2/3": code(CASES, {
    hints: [
      { zh: "用 text.replace(正则, 函数)，正则带 g 和 i", en: "use text.replace(expression, function), the expression with g and i" },
      { zh: "用一个 Map 记住每个（小写的）地址的编号", en: "remember the number of each address (in lower case) in a Map" },
      { zh: "正则：/\\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\\b/gi；编号：Map 里没有就是 size + 1", en: "the expression: /\\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\\b/gi; the number: size + 1 if the Map has none" },
    ],
    solution: {
      zh: "(text) => { const seen = new Map(); return text.replace(/\\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\\b/gi, (mac) => { const key = mac.toLowerCase(); if (!seen.has(key)) seen.set(key, seen.size + 1); return `<MAC_${seen.get(key)}>`; }); }",
      en: "(text) => { const seen = new Map(); return text.replace(/\\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\\b/gi, (mac) => { const key = mac.toLowerCase(); if (!seen.has(key)) seen.set(key, seen.size + 1); return `<MAC_${seen.get(key)}>`; }); }",
    },
    mistakes: [
      { shows: gives(1, "<MAC_1>, <MAC_1>, again <MAC_1>"), say: { zh: "不同的地址要用不同的编号", en: "different addresses need different numbers" } },
      { shows: gives(1, "<MAC_1>, <MAC_2>, again <MAC_3>"), say: { zh: "同一个地址要用同一个编号", en: "the same address needs the same number" } },
      { shows: gives(2, "<MAC_1> and <MAC_2>"), say: { zh: "AA 与 aa 是同一个地址", en: "AA and aa are the same address" } },
      { shows: gives(0, "<MAC_1> joined, ff:ee:dd:cc:bb:aa left"), say: { zh: "只换了第一个：正则要带 g", en: "only the first was replaced: the expression needs g" } },
      { shows: (f) => f(...CASES[3].given) !== CASES[3].want, say: { zh: "12:30:45 是时间：MAC 地址有六段", en: "12:30:45 is a time: a MAC address has six parts" } },
    ],
  }),
  "3.3.2/4": number(0.9 ** 5, {
    tolerance: 1e-2,
    hints: [
      { zh: "五处都要遮住", en: "all five must be hidden" },
      { zh: "互相独立：概率相乘", en: "independent: multiply" },
      { zh: "0.9 的 5 次方", en: "0.9 to the power of 5" },
    ],
    solution: { zh: "0.9⁵ ≈ 0.59：每处召回率 0.9 听起来不错，可是四成的文本会泄漏。", en: "0.9⁵ ≈ 0.59: a recall of 0.9 sounds good, but four texts in ten leak something." },
    mistakes: [
      { value: 0.9, say: { zh: "这只是一处的概率", en: "that is for one piece only" } },
      { value: 1 - 0.9 ** 5, say: { zh: "这是至少泄漏一处的概率", en: "that is the probability that something leaks" } },
      { value: 0.5, say: { zh: "每处漏掉 0.1，但概率不是相减", en: "each is missed with 0.1, but probabilities do not subtract" } },
      { value: 4.5, say: { zh: "这是平均遮住的处数", en: "that is how many are hidden on average" } },
    ],
  }),
};
