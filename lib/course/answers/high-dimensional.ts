/** Answers to the exercises of section 3.2.1. */
import { number, type Exercise } from "./exercise";

export const HIGH_DIMENSIONAL: Readonly<Record<string, Exercise>> = {
  "3.2.1/1": number(1e10, {
    hints: [
      { zh: "两个参数有 10 × 10 = 10² 种组合", en: "two parameters make 10 × 10 = 10² combinations" },
      { zh: "k 个参数有 10ᵏ 种", en: "k parameters make 10ᵏ" },
      { zh: "k = 10¹⁰", en: "k = 10¹⁰" },
    ],
    solution: { zh: "每个参数乘上一个 10，共 10¹⁰ 个，所以是 10 的 10¹⁰ 次方：x = 10¹⁰ = 1e10。", en: "Each parameter multiplies by 10, and there are 10¹⁰ of them: 10 to the power of 10¹⁰, so x = 10¹⁰ = 1e10." },
    mistakes: [
      { value: 100, say: { zh: "这是教材上的数；那只够 100 个参数", en: "that is the book's number; it would do for 100 parameters" } },
      { value: 11, say: { zh: "组合数是相乘，不是 10 × 10¹⁰", en: "combinations multiply; it is not 10 × 10¹⁰" } },
      { value: 20, say: { zh: "不是 10¹⁰ 的平方", en: "it is not the square of 10¹⁰" } },
      { value: 10, say: { zh: "这是 10¹⁰ 的指数，不是组合数的指数", en: "that is the exponent of 10¹⁰, not of the number of combinations" } },
    ],
  }),
  "3.2.1/2": number(10 / 11 + 4 / 5 + 1 / 2, {
    tolerance: 1e-3,
    hints: [
      { zh: "每个特征值贡献 λ/(λ + z)，0 贡献 0", en: "each eigenvalue gives λ/(λ + z), a zero gives 0" },
      { zh: "10/11 + 4/5 + …", en: "10/11 + 4/5 + …" },
      { zh: "10/11 + 4/5 + 1/2", en: "10/11 + 4/5 + 1/2" },
    ],
    solution: { zh: "10/11 + 4/5 + 1/2 = 0.909 + 0.8 + 0.5 = 2.209。", en: "10/11 + 4/5 + 1/2 = 0.909 + 0.8 + 0.5 = 2.209." },
    mistakes: [
      { value: 3, say: { zh: "这是非零特征值的个数，即 z → 0 的极限", en: "that is how many are not zero, the limit for z → 0" } },
      { value: 15, say: { zh: "这是迹", en: "that is the trace" } },
      { value: 2, say: { zh: "这是大于 z 的个数；有效维度是平滑的计数", en: "that is how many exceed z; the effective dimension counts smoothly" } },
      { value: 1 / 11 + 1 / 5 + 1 / 2, say: { zh: "分子是 λ，不是 z", en: "the numerator is λ, not z" } },
    ],
  }),
  "3.2.1/3": number(1.5, {
    tolerance: 1e-6,
    hints: [
      { zh: "λ‖θ − θₚ‖² 的黑塞矩阵是什么？", en: "what is the Hessian of λ‖θ − θₚ‖²?" },
      { zh: "它是 2λ 乘单位矩阵，每个特征值都加上 2λ", en: "it is 2λ times the identity: every eigenvalue gains 2λ" },
      { zh: "−3 + 2λ ≥ 0", en: "−3 + 2λ ≥ 0" },
    ],
    solution: { zh: "特征值变成 λᵢ + 2λ，最小的是 −3 + 2λ ≥ 0，所以 λ ≥ 1.5。", en: "The eigenvalues become λᵢ + 2λ; the smallest is −3 + 2λ ≥ 0, so λ ≥ 1.5." },
    mistakes: [
      { value: 3, say: { zh: "平方的二阶导数是 2", en: "the second derivative of a square is 2" } },
      { value: 6, say: { zh: "要除以 2，不是乘以 2", en: "divide by 2, do not multiply" } },
      { value: -1.5, say: { zh: "负的 λ 会推开，不是拉回", en: "a negative λ pushes away" } },
      { value: 0, say: { zh: "不加拉力时还有负曲率 −3", en: "without the pull the curvature −3 is still there" } },
    ],
  }),
  "3.2.1/4": number(3, {
    hints: [
      { zh: "先写出连线在每个 t 的值", en: "first write the line's value at each t" },
      { zh: "连线从 1 到 3：1、1.5、2、2.5、3", en: "the line runs from 1 to 3: 1, 1.5, 2, 2.5, 3" },
      { zh: "最大的差在 t = 1/2", en: "the largest difference is at t = 1/2" },
    ],
    solution: { zh: "连线在 t = 1/2 处是 2，损失是 5，高出 3；别处最多高 0.5。", en: "At t = 1/2 the line is at 2 and the loss at 5: a rise of 3; elsewhere it is 0.5 at most." },
    mistakes: [
      { value: 5, say: { zh: "这是最大的损失；还要减去连线", en: "that is the largest loss; take the line off" } },
      { value: 4, say: { zh: "减的是起点；应当减连线在 t = 1/2 的值", en: "that takes the start off; take the line's value at t = 1/2" } },
      { value: 2, say: { zh: "减的是较高的一端；有人这样定义，本节用连线", en: "that takes the higher end off; some define it so, but here it is the line" } },
      { value: 2.4, say: { zh: "减的是平均损失", en: "that takes the mean loss off" } },
    ],
  }),
};
