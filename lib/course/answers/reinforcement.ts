/** Answers to the exercises of section 3.7.2. */
import { code, number, type Exercise } from "./exercise";

type Surrogate = (ratio: number, advantage: number, epsilon: number) => unknown;
const gives = (f: (...given: unknown[]) => unknown, ratio: number, advantage: number, want: number): boolean => (f as Surrogate)(ratio, advantage, 0.25) === want;

export const REINFORCEMENT: Readonly<Record<string, Exercise>> = {
  "3.7.2/1": number(1.5, {
    tolerance: 1e-3,
    hints: [
      { zh: "优势 = (奖励 − 组内均值) / 组内标准差", en: "advantage = (reward − mean of the group) / standard deviation of the group" },
      { zh: "均值 0.25；样本标准差除以 n − 1 = 3", en: "the mean is 0.25; a sample's standard deviation divides by n − 1 = 3" },
      { zh: "标准差 = √((0.75² + 3 × 0.25²) / 3) = 0.5", en: "the standard deviation is √((0.75² + 3 × 0.25²) / 3) = 0.5" },
    ],
    solution: { zh: "均值 0.25，样本标准差 √(0.75/3) = 0.5，优势 (1 − 0.25)/0.5 = 1.5；三个错的各是 −0.5，和为 0。", en: "Mean 0.25, sample standard deviation √(0.75/3) = 0.5, advantage (1 − 0.25)/0.5 = 1.5; the three wrong ones have −0.5 each, and the sum is 0." },
    mistakes: [
      { value: 0.75, say: { zh: "只减了均值；还要除以标准差", en: "that only subtracts the mean; divide by the standard deviation, too" } },
      { value: Math.sqrt(3), say: { zh: "标准差除的是 n；这里按样本标准差，除以 n − 1", en: "your standard deviation divides by n; a sample's divides by n − 1" } },
      { value: 1, say: { zh: "那是奖励本身；优势是与同组其他回答相比", en: "that is the reward itself; an advantage compares it with the rest of its group" } },
      { value: -0.5, say: { zh: "那是答错的回答的优势", en: "that is the advantage of a wrong answer" } },
    ],
  }),
  "3.7.2/2": number(Math.log1p(Math.exp(-0.6)), {
    tolerance: 2e-3,
    hints: [
      { zh: "先算 Δ：两个对数比之差", en: "first Δ, the difference of the two log-ratios" },
      { zh: "Δ = 0.4 − (−0.8) = 1.2；损失是 −log σ(βΔ)", en: "Δ = 0.4 − (−0.8) = 1.2; the loss is −log σ(βΔ)" },
      { zh: "−log σ(0.6) = ln(1 + e^(−0.6))", en: "−log σ(0.6) = ln(1 + e^(−0.6))" },
    ],
    solution: { zh: "Δ = 1.2，βΔ = 0.6，−log σ(0.6) = ln(1 + e^(−0.6)) = 0.437；没有训练时是 ln 2 = 0.693。", en: "Δ = 1.2, βΔ = 0.6, −log σ(0.6) = ln(1 + e^(−0.6)) = 0.437; before training it is ln 2 = 0.693." },
    mistakes: [
      { value: -1.2, say: { zh: "这是书上的公式 −Δ：缺 σ 和 β，没有下界", en: "that is the book's formula, −Δ: without σ and β it has no lower bound" } },
      { value: Math.log1p(Math.exp(-1.2)), say: { zh: "忘了 β", en: "β is missing" } },
      { value: 1 / (1 + Math.exp(-0.6)), say: { zh: "这是 σ(βΔ)，即偏好的概率；损失是它的负对数", en: "that is σ(βΔ), the preference's probability; the loss is its negative logarithm" } },
      { value: Math.log1p(Math.exp(0.6)), say: { zh: "两个回答弄反了：Δ 应当是好的减差的", en: "the answers are the wrong way round: Δ is chosen minus rejected" } },
    ],
  }),
  "3.7.2/3": code([
    { given: [1.5, 1, 0.25], want: 1.25 }, { given: [1.5, -1, 0.25], want: -1.5 }, { given: [0.5, 1, 0.25], want: 0.5 },
    { given: [0.5, -1, 0.25], want: -0.75 }, { given: [1, 2, 0.25], want: 2 }, { given: [1.125, 2, 0.125], want: 2.25 },
  ], {
    hints: [
      { zh: "先把比值截到 [1 − ε, 1 + ε]，再与没有截的比较", en: "first clip the ratio to [1 − ε, 1 + ε], then compare with the one that is not clipped" },
      { zh: "两个都乘以优势，取小的", en: "multiply both by the advantage, and take the smaller" },
      { zh: "Math.min(r * A, Math.min(Math.max(r, 1 - e), 1 + e) * A)", en: "Math.min(r * A, Math.min(Math.max(r, 1 - e), 1 + e) * A)" },
    ],
    solution: { zh: "(r, A, e) => Math.min(r * A, Math.min(Math.max(r, 1 - e), 1 + e) * A)", en: "(r, A, e) => Math.min(r * A, Math.min(Math.max(r, 1 - e), 1 + e) * A)" },
    mistakes: [
      { shows: (f) => gives(f, 1.5, 1, 1.5) && gives(f, 0.5, -1, -0.5), say: { zh: "这是 max，或者没有截断：好处没有封顶", en: "that is the maximum, or no clipping at all: the gain is without a limit" } },
      { shows: (f) => gives(f, 1.5, -1, -1.25), say: { zh: "只截断，没有取 min：坏的回答变得更可能时，惩罚也被截掉了", en: "that clips without the minimum: when a bad answer becomes more likely, its penalty is cut off, too" } },
      { shows: (f) => gives(f, 1.5, -1, 1.5) || gives(f, 1.5, -1, 1.25), say: { zh: "优势的符号丢了", en: "the sign of the advantage is lost" } },
      { shows: (f) => gives(f, 1.5, 1, 1.25) && gives(f, 0.5, -1, -0.5), say: { zh: "下面的界 1 − ε 忘了", en: "the lower limit, 1 − ε, is missing" } },
    ],
  }),
  "3.7.2/4": number((0.2 * Math.E ** 2) / (0.8 + 0.2 * Math.E ** 2), {
    tolerance: 2e-3,
    hints: [
      { zh: "最优策略 ∝ π_ref · exp(r/β)，再归一", en: "the best policy is ∝ π_ref · exp(r/β), then normalised" },
      { zh: "第三个：0.2 · e²；前两个：0.5 与 0.3", en: "the third: 0.2 · e²; the others: 0.5 and 0.3" },
      { zh: "0.2 e² / (0.8 + 0.2 e²)", en: "0.2 e² / (0.8 + 0.2 e²)" },
    ],
    solution: { zh: "r/β = 2，权重 0.5、0.3、0.2e² = 1.478，第三个的概率 1.478/2.278 = 0.649：不是 1，因为离开参考要付代价。", en: "r/β = 2, weights 0.5, 0.3, 0.2e² = 1.478, so the third has 1.478/2.278 = 0.649: not 1, because leaving the reference has a price." },
    mistakes: [
      { value: 1, say: { zh: "没有 KL 项才会全押在最好的回答上", en: "all on the best answer is right only without the KL term" } },
      { value: (0.2 * Math.exp(0.5)) / (0.8 + 0.2 * Math.exp(0.5)), say: { zh: "奖励要除以 β，不是乘", en: "divide the reward by β; you multiplied" } },
      { value: Math.E ** 2 / (2 + Math.E ** 2), say: { zh: "忘了参考策略：exp(r/β) 要乘以 π_ref", en: "the reference is missing: multiply exp(r/β) by π_ref" } },
      { value: 0.2 * Math.E ** 2, say: { zh: "还没有归一：概率之和应当是 1", en: "not normalised yet: probabilities add up to 1" } },
    ],
  }),
};
