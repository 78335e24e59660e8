/** Answers to the exercises of section 3.5.2. */
import { code, number, type Exercise } from "./exercise";

export const FISH: Readonly<Record<string, Exercise>> = {
  "3.5.2/1": number(0.055, {
    tolerance: 0.001,
    hints: [
      { zh: "平方在平均之前还是之后？", en: "is the square taken before the mean or after it?" },
      { zh: "逐个样本平方，再平均", en: "square example by example, then take the mean" },
      { zh: "(0.04 + 0.16 + 0.01 + 0.01) / 4", en: "(0.04 + 0.16 + 0.01 + 0.01) / 4" },
    ],
    solution: { zh: "(0.04 + 0.16 + 0.01 + 0.01) / 4 = 0.055。先平均再平方只有 0.0025：方向相反的梯度抵消了。", en: "(0.04 + 0.16 + 0.01 + 0.01) / 4 = 0.055. Averaged first and squared then it would be 0.0025 only: gradients of opposite directions cancel." },
    mistakes: [
      { value: 0.0025, say: { zh: "你先平均再平方；方向相反的梯度互相抵消了", en: "you averaged before squaring; gradients of opposite directions cancelled" } },
      { value: 0.2, say: { zh: "这是绝对值的平均；费舍尔信息用平方", en: "that is the mean of magnitudes; Fisher information takes squares" } },
      { value: 0.22, say: { zh: "这是平方和；还要除以样本数", en: "that is the sum of squares; divide by the number of examples" } },
    ],
  }),
  "3.5.2/2": number(71.08352, {
    tolerance: 0.005,
    hints: [
      { zh: "先算保留多少个数", en: "first find how many numbers are kept" },
      { zh: "1 777 088 000 × 0.005 个，每个 8 字节", en: "1 777 088 000 × 0.005 of them, 8 bytes each" },
      { zh: "8 885 440 × 8 / 10⁶", en: "8 885 440 × 8 / 10⁶" },
    ],
    solution: { zh: "8 885 440 × 8 字节 ≈ 71.1 MB；16 位的整个模型是 3554 MB，是它的 50 倍。", en: "8,885,440 × 8 bytes ≈ 71.1 MB; the whole model in 16 bits takes 3554 MB, 50 times as much." },
    mistakes: [
      { value: 35.54176, say: { zh: "只算了差值；还要存它们在哪里", en: "that is the differences alone; where they belong has to be stored, too" } },
      { value: 14216.704, say: { zh: "忘了密度：只存 0.5 % 的参数", en: "you forgot the density: 0.5 % of the parameters are stored" } },
      { value: 0.07108352, say: { zh: "题目要 MB，这是 GB", en: "the question asks for MB; that is GB" } },
    ],
  }),
  "3.5.2/3": code([
    { given: [[1, 2, 3, 4], [3, 4, 5, 6]], want: 0.5 },
    { given: [[7, 1], [1, 7]], want: 1 },
    { given: [[10, 20, 30, 40], [1, 2, 3, 40]], want: 0.25 },
  ], {
    hints: [
      { zh: "数一数 a 里有多少个也在 b 里", en: "count how many of a are in b as well" },
      { zh: "再除以掩码的大小，即 a 的长度", en: "then divide by the size of the mask, the length of a" },
      { zh: "形如 const other = new Set(b); a.filter((i) => other.has(i)).length / …", en: "const other = new Set(b); a.filter((i) => other.has(i)).length / …" },
    ],
    solution: { zh: "写成 (a, b) => { const other = new Set(b); return a.filter((i) => other.has(i)).length / a.length; }", en: "(a, b) => { const other = new Set(b); return a.filter((i) => other.has(i)).length / a.length; }" },
    mistakes: [
      { shows: (f) => f([1, 2, 3], [2, 3, 4]) === 0.5, say: { zh: "你除以了并集的大小（杰卡德系数）；第 3 节除以掩码的大小", en: "you divided by the size of the union (Jaccard); part 3 divides by the size of the mask" } },
      { shows: (f) => f([1, 2, 3, 4], [3, 4, 5, 6]) === 2, say: { zh: "这是相同的个数；题目要份额", en: "that is the number in common; the question asks for the share" } },
      { shows: (f) => f([7, 1], [1, 7]) === 0, say: { zh: "你比较了同一位置上的下标；掩码是集合，次序无关", en: "you compared indices at the same place; a mask is a set, order does not matter" } },
    ],
  }),
};
