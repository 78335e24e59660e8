/** Answers to the exercises of section 3.2.4. */
import { code, number, type Exercise } from "./exercise";

export const LANDSCAPE: Readonly<Record<string, Exercise>> = {
  "3.2.4/1": number(0.0225, {
    tolerance: 1e-6,
    hints: [
      { zh: "上界是 σ²(1 + √γ)²", en: "the upper edge is σ²(1 + √γ)²" },
      { zh: "γ = p/n = 256/1024", en: "γ = p/n = 256/1024" },
      { zh: "0.01 × (1 + 0.5)²", en: "0.01 × (1 + 0.5)²" },
    ],
    solution: { zh: "γ = 0.25，√γ = 0.5，0.01 × 1.5² = 0.0225。", en: "γ = 0.25, √γ = 0.5, and 0.01 × 1.5² = 0.0225." },
    mistakes: [
      { value: 0.015625, say: { zh: "括号里是 √γ，不是 γ", en: "it is √γ in the bracket, not γ" } },
      { value: 0.09, say: { zh: "γ = p/n，不是 n/p", en: "γ is p/n, not n/p" } },
      { value: 0.0025, say: { zh: "这是下界", en: "that is the lower edge" } },
      { value: 0.015, say: { zh: "括号还要平方", en: "the bracket is squared" } },
    ],
  }),
  "3.2.4/2": number(5, {
    tolerance: 1e-9,
    hints: [
      { zh: "归一化只改变长度，不改变方向", en: "normalisation changes the length, not the direction" },
      { zh: "这一行的长度要变成 ‖(3, 4)‖", en: "the row gets the length ‖(3, 4)‖" },
      { zh: "(1, 0) × 5 / 1", en: "(1, 0) × 5 / 1" },
    ],
    solution: { zh: "‖(3, 4)‖ = 5，‖(1, 0)‖ = 1，所以变成 (5, 0)。", en: "‖(3, 4)‖ = 5 and ‖(1, 0)‖ = 1, so it becomes (5, 0)." },
    mistakes: [
      { value: 3, say: { zh: "不是逐个元素归一化，是按整行的长度", en: "not entry by entry: by the length of the whole row" } },
      { value: 7, say: { zh: "长度是平方和的平方根，不是绝对值之和", en: "length is the root of the sum of squares, not the sum of absolute values" } },
      { value: 25, say: { zh: "这是长度的平方", en: "that is the square of the length" } },
      { value: 1, say: { zh: "还没有归一化：这一行要与权重的同一行一样长", en: "not normalised yet: the row becomes as long as that row of the weights" } },
    ],
  }),
  "3.2.4/3": number(8e-6, {
    tolerance: 1e-6,
    hints: [
      { zh: "h 缩小到十分之一", en: "h becomes a tenth" },
      { zh: "h³ 缩小到千分之一", en: "h³ becomes a thousandth" },
      { zh: "0.008 / 1000", en: "0.008 / 1000" },
    ],
    solution: { zh: "(0.01/0.1)³ = 10⁻³，0.008 × 10⁻³ = 8 × 10⁻⁶。", en: "(0.01/0.1)³ = 10⁻³, and 0.008 × 10⁻³ = 8 × 10⁻⁶." },
    mistakes: [
      { value: 8e-4, say: { zh: "这是按 h 变化", en: "that goes like h" } },
      { value: 8e-5, say: { zh: "这是按 h² 变化", en: "that goes like h²" } },
      { value: 0.008, say: { zh: "不随 h 变化的是噪声，不是光滑的函数", en: "what stays the same is noise, not a smooth function" } },
    ],
  }),
  "3.2.4/4": code([
    { given: [[1, 2, 1]], want: 1 },
    { given: [[0, 1, 2]], want: 0 },
    { given: [[2, 2, 0]], want: 1 },
    { given: [[1, 0, 1]], want: 0 },
    { given: [[0, 3, 2, 3, 4]], want: 2 },
  ], {
    hints: [
      { zh: "第 i 个点的 t = i / (n − 1)", en: "at point i, t = i / (n − 1)" },
      { zh: "连线上的损失是 (1 − t) · 第一个 + t · 最后一个", en: "on the line the loss is (1 − t) · first + t · last" },
      { zh: "Math.max(...losses.map((l, i) => l − 连线))", en: "Math.max(...losses.map((l, i) => l − line))" },
    ],
    solution: {
      zh: "(losses) => { const n = losses.length - 1; return Math.max(...losses.map((l, i) => l - ((1 - i / n) * losses[0] + (i / n) * losses[n]))); }",
      en: "(losses) => { const n = losses.length - 1; return Math.max(...losses.map((l, i) => l - ((1 - i / n) * losses[0] + (i / n) * losses[n]))); }",
    },
    mistakes: [
      { shows: (f) => f([1, 0, 1]) === 1, say: { zh: "最大减最小把低谷也算成了势垒", en: "largest minus smallest takes a valley for a barrier" } },
      { shows: (f) => f([0, 1, 2]) === 2, say: { zh: "与起点比较，终点较高时就会算错；要与连线比较", en: "held against the first point it goes wrong where the last is higher; compare with the line" } },
      { shows: (f) => f([2, 2, 0]) === 0, say: { zh: "与较高的一端比较会漏掉势垒；要与连线比较", en: "held against the higher end a barrier is missed; compare with the line" } },
    ],
  }),
};
