/** Answers to the exercises of section 3.2.2. */
import { number, type Exercise } from "./exercise";

const DEGREES = (Math.acos(101 / Math.sqrt(10001 * 2)) * 180) / Math.PI;

export const CURVATURE: Readonly<Record<string, Exercise>> = {
  "3.2.2/1": number(0.02, {
    tolerance: 1e-6,
    hints: [
      { zh: "每步把距离乘以 1 − ηλ；绝对值要小于 1", en: "a step multiplies the distance by 1 − ηλ; its absolute value must be below 1" },
      { zh: "两个特征值都要满足 |1 − ηλ| < 1，哪个更苛刻？", en: "both eigenvalues must have |1 − ηλ| < 1; which demands more?" },
      { zh: "1 − 100 η > −1", en: "1 − 100 η > −1" },
    ],
    solution: { zh: "|1 − 100η| < 1 即 η < 2/100 = 0.02；λ = 1 只要求 η < 2。", en: "|1 − 100η| < 1 means η < 2/100 = 0.02; λ = 1 demands only η < 2." },
    mistakes: [
      { value: 0.01, say: { zh: "1/λmax 一步就到陡方向的谷底，但还可以更大", en: "1/λmax reaches the bottom of the steep direction in one step, but η may be larger" } },
      { value: 2, say: { zh: "这是平坦方向的界限；陡的方向早就发散了", en: "that is the limit of the flat direction; the steep one has diverged long before" } },
      { value: 2 / 101, say: { zh: "这是收敛最快的步长 2/(λmax + λmin)，不是界限", en: "that is the fastest step, 2/(λmax + λmin), not the limit" } },
      { value: 1, say: { zh: "η = 1 时陡方向每步乘以 −99", en: "with η = 1 the steep direction is multiplied by −99 each step" } },
    ],
  }),
  "3.2.2/2": number(Math.log(100) / Math.log((1e4 + 1) / (1e4 - 1)), {
    tolerance: 5e-3,
    hints: [
      { zh: "解 qᵏ = 1/100，q = (κ−1)/(κ+1)", en: "solve qᵏ = 1/100 with q = (κ−1)/(κ+1)" },
      { zh: "κ 很大时 −ln q ≈ 2/κ", en: "for large κ, −ln q ≈ 2/κ" },
      { zh: "k ≈ (κ/2) · ln 100", en: "k ≈ (κ/2) · ln 100" },
    ],
    solution: { zh: "k = ln 100 / ln((κ+1)/(κ−1)) ≈ (κ/2) ln 100 ≈ 5000 × 4.605 ≈ 23026。", en: "k = ln 100 / ln((κ+1)/(κ−1)) ≈ (κ/2) ln 100 ≈ 5000 × 4.605 ≈ 23026." },
    mistakes: [
      { value: 1e4, say: { zh: "κ 只给出数量级；还要乘以 ln 100 / 2", en: "κ is the order of magnitude only; multiply by ln 100 / 2" } },
      { value: 1e4 * Math.log(100), say: { zh: "这是步长取 1/λmax 时；最好的步长快一倍", en: "that is for the step 1/λmax; the best one is twice as fast" } },
      { value: 5e3 * Math.log(10), say: { zh: "这只缩小到 1/10", en: "that reaches a tenth only" } },
      { value: 5e3, say: { zh: "还要乘以 ln 100：要缩小到 1/100", en: "multiply by ln 100: the error is to fall to 1/100" } },
    ],
  }),
  "3.2.2/3": number(DEGREES, {
    tolerance: 5e-3,
    hints: [
      { zh: "梯度是 (100·1, 1·1)，指向最低点的方向是 (−1, −1)", en: "the gradient is (100·1, 1·1), the way to the minimum (−1, −1)" },
      { zh: "夹角的余弦：cos φ = ⟨a, b⟩ / (‖a‖ ‖b‖)", en: "cos φ = ⟨a, b⟩ / (‖a‖ ‖b‖)" },
      { zh: "cos φ = 101 / (√10001 · √2)", en: "cos φ = 101 / (√10001 · √2)" },
    ],
    solution: { zh: "cos φ = (100 + 1)/(√10001 · √2) = 0.7141，φ ≈ 44.4°。", en: "cos φ = (100 + 1)/(√10001 · √2) = 0.7141, φ ≈ 44.4°." },
    mistakes: [
      { value: 101 / Math.sqrt(20002), say: { zh: "这是余弦；再求角度", en: "that is the cosine; the angle is asked for" } },
      { value: (DEGREES * Math.PI) / 180, say: { zh: "这是弧度；题目要度", en: "that is in radians; degrees are asked for" } },
      { value: 180 - DEGREES, say: { zh: "要用负梯度：它指向下", en: "take −gradient: it points down" } },
      { value: 90 - DEGREES, say: { zh: "这是余角", en: "that is the complement" } },
      { value: (Math.atan(0.01) * 180) / Math.PI, say: { zh: "这是梯度与 x 轴的夹角", en: "that is the gradient's angle to the x axis" } },
    ],
  }),
  "3.2.2/4": number(500_000, {
    tolerance: 1e-3,
    hints: [
      { zh: "特征值都不是负的，所以大的那些加起来不能超过迹", en: "no eigenvalue is negative, so the large ones cannot add up to more than the trace" },
      { zh: "每个大于 12/10⁴ = 0.0012，总和不超过 600", en: "each is above 12/10⁴ = 0.0012, together at most 600" },
      { zh: "600 / 0.0012", en: "600 / 0.0012" },
    ],
    solution: { zh: "k 个大于 0.0012 的特征值之和大于 0.0012 k，又不超过 600，所以 k < 500 000（Markov 不等式）。至少 550 万个方向比 λ₁ 平坦一万倍。", en: "k eigenvalues above 0.0012 add up to more than 0.0012 k, and to 600 at most, so k < 500 000 (Markov's inequality). At least 5.5 million directions are ten thousand times flatter than λ₁." },
    mistakes: [
      { value: 50, say: { zh: "这是 600/12：大小达到 λ₁ 的最多个数", en: "that is 600/12: how many can be as large as λ₁" } },
      { value: 5_500_000, say: { zh: "这是至少有多少个不超过界限；题目问的是超过的", en: "that is how many at least are not above; the question is about those above" } },
      { value: 1 / 12, say: { zh: "这是比例；题目要个数", en: "that is the fraction; the number is asked for" } },
      { value: 6_000_000, say: { zh: "用上迹：它限制了大特征值的个数", en: "use the trace: it limits how many can be large" } },
    ],
  }),
};
