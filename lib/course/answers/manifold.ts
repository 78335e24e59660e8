/** Answers to the exercises of section 3.2.3. */
import { code, number, type Exercise } from "./exercise";

export const MANIFOLD: Readonly<Record<string, Exercise>> = {
  "3.2.3/1": number(180 / Math.PI / 100, {
    tolerance: 0.02,
    hints: [
      { zh: "夹角余弦的标准差是 1/√D", en: "the cosine's standard deviation is 1/√D" },
      { zh: "在 90° 附近，余弦变化 x，夹角就变化 x 弧度", en: "near 90°, a change of the cosine by x is a change of the angle by x radians" },
      { zh: "(1/√10000) × 180/π", en: "(1/√10000) × 180/π" },
    ],
    solution: { zh: "1/√10000 = 0.01 弧度，0.01 × 180/π = 0.573°。", en: "1/√10000 = 0.01 radians, and 0.01 × 180/π = 0.573°." },
    mistakes: [
      { value: 0.01, say: { zh: "这是弧度，还要换成度", en: "that is in radians; turn it into degrees" } },
      { value: 18 / Math.PI / 1000, say: { zh: "是 1/√D，不是 1/D", en: "it is 1/√D, not 1/D" } },
      { value: 90, say: { zh: "90° 是平均值，不是标准差", en: "90° is the mean, not the standard deviation" } },
    ],
  }),
  "3.2.3/2": number(100 * Math.cos((80 * Math.PI) / 180), {
    tolerance: 0.01,
    hints: [
      { zh: "先算 cos 80°", en: "first compute cos 80°" },
      { zh: "再除以标准差 1/√D", en: "then divide by the standard deviation 1/√D" },
      { zh: "0.1736 × √10000", en: "0.1736 × √10000" },
    ],
    solution: { zh: "cos 80° = 0.1736，标准差 0.01，所以是 17.4 个标准差：80° 在这里是很强的相关。", en: "cos 80° = 0.1736 and the standard deviation is 0.01, so 17.4 of them: 80° means strongly related here." },
    mistakes: [
      { value: Math.cos((80 * Math.PI) / 180), say: { zh: "这是余弦本身，还没有除以标准差", en: "that is the cosine itself, not yet divided by the standard deviation" } },
      { value: 1e4 * Math.cos((80 * Math.PI) / 180), say: { zh: "标准差是 1/√D，不是 1/D", en: "the standard deviation is 1/√D, not 1/D" } },
      { value: 100 * Math.cos(80), say: { zh: "Math.cos 的参数是弧度", en: "Math.cos takes radians" } },
    ],
  }),
  "3.2.3/3": number(3, {
    hints: [
      { zh: "‖ΔW‖_F² 是奇异值的平方和", en: "‖ΔW‖_F² is the sum of the squares of the singular values" },
      { zh: "平方是 16、4、4、1，总和 25", en: "the squares are 16, 4, 4, 1, and their sum is 25" },
      { zh: "16、20、24、25：从第几个起不小于 22.5？", en: "16, 20, 24, 25: from which one on is it at least 22.5?" },
    ],
    solution: { zh: "平方和 25 的 90 % 是 22.5；前两个只有 20，前三个有 24，所以是 3。", en: "90 % of the sum of squares 25 is 22.5; the first two hold 20, the first three 24, so it is 3." },
    mistakes: [
      { value: 4, say: { zh: "能量是奇异值的平方，不是奇异值本身", en: "energy is the square of a singular value, not the value itself" } },
      { value: 2, say: { zh: "前两个占 20/25 = 80 %，还不够", en: "the first two hold 20/25 = 80 %, which is not enough" } },
      { value: 1, say: { zh: "第一个只占 16/25 = 64 %", en: "the first one holds 16/25 = 64 % only" } },
    ],
  }),
  "3.2.3/4": code([
    { given: [1.9, 1.95, 2], want: "holds" },
    { given: [1, 1.9, 2], want: "rank" },
    { given: [1, 1.2, 2], want: "other" },
    { given: [1.8, 1.2, 2], want: "holds" },
    { given: [2.5, 2.6, 2], want: "holds" },
  ], {
    hints: [
      { zh: "先看低秩，再看高秩", en: "look at the low rank first, then at the high one" },
      { zh: "比较的是效果：x >= 0.9 * full", en: "what is compared is the gain: x >= 0.9 * full" },
      { zh: "low >= 0.9 * full ? \"holds\" : high >= 0.9 * full ? \"rank\" : …", en: "low >= 0.9 * full ? \"holds\" : high >= 0.9 * full ? \"rank\" : …" },
    ],
    solution: {
      zh: "(low, high, full) => low >= 0.9 * full ? \"holds\" : high >= 0.9 * full ? \"rank\" : \"other\"。参数是下降量。",
      en: "(low, high, full) => low >= 0.9 * full ? \"holds\" : high >= 0.9 * full ? \"rank\" : \"other\". The arguments are falls.",
    },
    mistakes: [
      { shows: (f) => f(1.9, 1.95, 2) === "rank", say: { zh: "低秩已经够了：先检查它", en: "the low rank is enough here: check it first" } },
      { shows: (f) => f(1, 1.2, 2) === "rank", say: { zh: "高秩也没有达到 90 %：原因不在秩", en: "the high rank does not reach 90 % either: rank is not the reason" } },
      { shows: (f) => f(1, 1.9, 2) === "holds", say: { zh: "成立与否只看低秩；高秩够了而低秩不够，正是失效", en: "whether it holds depends on the low rank; enough at the high rank and not at the low one is just how it fails" } },
    ],
  }),
};
