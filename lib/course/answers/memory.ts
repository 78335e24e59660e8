/** Answers to the exercises of section 3.4.2. */
import { code, number, type Exercise } from "./exercise";

export const MEMORY: Readonly<Record<string, Exercise>> = {
  "3.4.2/1": number(16 * 1.5, {
    tolerance: 1e-9,
    hints: [
      { zh: "数一数每个参数要存几份、每份几个字节", en: "count the copies of each parameter, and the bytes of each copy" },
      { zh: "FP16 权重和 FP16 梯度各 2 字节；主副本和 AdamW 的两个平均值各 4 字节", en: "half weights and half gradients take 2 bytes each; the master copy and AdamW's two averages 4 each" },
      { zh: "(2 + 2 + 4 + 4 + 4) × 1.5", en: "(2 + 2 + 4 + 4 + 4) × 1.5" },
    ],
    solution: { zh: "每个参数 2 + 2 + 4 + 4 + 4 = 16 字节，15 亿个参数是 24 GB（10⁹ 字节），还没有算激活值。", en: "Each parameter takes 2 + 2 + 4 + 4 + 4 = 16 bytes; 1.5 billion of them take 24 GB (10⁹ bytes), without activations." },
    mistakes: [
      { value: 18, say: { zh: "少了 4 个字节：FP32 主副本和两个平均值一个都不能少", en: "4 bytes are missing: the float32 master copy and both averages all count" } },
      { value: 3, say: { zh: "这只是 FP16 权重；训练还要梯度、主副本和优化器状态", en: "that is the half weights alone; training needs gradients, master copy and optimizer state too" } },
      { value: 6, say: { zh: "只算了权重和梯度（或只算了主副本），还有优化器状态", en: "that counts weights and gradients (or the master copy) only; there is the optimizer's state" } },
    ],
  }),
  "3.4.2/2": number(16, {
    hints: [
      { zh: "FP16 最小的正数是 2⁻²⁴；比它的一半大的数才不会舍入成 0", en: "half's smallest positive number is 2⁻²⁴; what is larger than half of it does not round to 0" },
      { zh: "恰好是一半的数也会舍入成 0（取偶），所以 s · 2⁻²⁸ 要更大", en: "exactly half of it rounds to 0 as well (ties to even), so s · 2⁻²⁸ must be larger" },
      { zh: "s = 2ᵏ，s · 2⁻²⁸ ≥ 2⁻²⁴", en: "s = 2ᵏ with s · 2⁻²⁸ ≥ 2⁻²⁴" },
    ],
    solution: { zh: "2⁻²⁸ · s ≥ 2⁻²⁴ 即 s ≥ 2⁴ = 16。s = 8 时 2⁻²⁵ 恰好在 0 与 2⁻²⁴ 的正中，取偶舍入成 0。", en: "2⁻²⁸ · s ≥ 2⁻²⁴ means s ≥ 2⁴ = 16. With s = 8 the result 2⁻²⁵ lies exactly between 0 and 2⁻²⁴, and the tie goes to 0." },
    mistakes: [
      { value: 8, say: { zh: "2⁻²⁵ 恰好在 0 与 2⁻²⁴ 的正中，取偶舍入成 0", en: "2⁻²⁵ lies exactly between 0 and 2⁻²⁴; ties go to the even one, which is 0" } },
      { value: 16384, say: { zh: "你用的是最小的规格化数 2⁻¹⁴；次规格化数一直到 2⁻²⁴", en: "you used the smallest normal number 2⁻¹⁴; subnormal ones go down to 2⁻²⁴" } },
      { value: 4, say: { zh: "那是 2 的指数；题目问的是 s 本身", en: "that is the exponent of 2; the question asks for s itself" } },
    ],
  }),
  "3.4.2/3": code([
    { given: [8, [true, true, false, true, true, true]], want: [8, 8, 4, 4, 4, 8] },
    { given: [2, [false, false, true, true, true]], want: [1, 0.5, 0.5, 0.5, 1] },
    { given: [1, [true, true, true, true, true, true, true]], want: [1, 1, 2, 2, 2, 4, 4] },
  ], {
    hints: [
      { zh: "记两个数：现在的倍率，和连续几个好的步", en: "keep two numbers: the scale, and the good steps in a row" },
      { zh: "坏的一步：倍率减半，计数清零；好的一步：计数加一，到 3 时倍率加倍、计数清零", en: "a bad step halves the scale and clears the count; a good one adds to the count, and at 3 the scale doubles and the count is cleared" },
      { zh: "good ? (++n === 3 && (s *= 2, n = 0)) : (s /= 2, n = 0); 每步把 s 放进结果", en: "good ? (++n === 3 && (s *= 2, n = 0)) : (s /= 2, n = 0); push s after each step" },
    ],
    solution: {
      zh: "(s, steps) => { let n = 0; return steps.map((good) => { if (!good) { s /= 2; n = 0; } else if (++n === 3) { s *= 2; n = 0; } return s; }); }",
      en: "(s, steps) => { let n = 0; return steps.map((good) => { if (!good) { s /= 2; n = 0; } else if (++n === 3) { s *= 2; n = 0; } return s; }); }",
    },
    mistakes: [
      { shows: (f) => String(f(1, [true, true, true, true])) === "1,1,2,4", say: { zh: "加倍以后计数也要清零", en: "the count starts again after a doubling, too" } },
      { shows: (f) => String(f(8, [true, true, false, true])) === "8,8,4,8", say: { zh: "坏的一步以后计数要清零", en: "a bad step clears the count" } },
      { shows: (f) => String(f(8, [false])) === "8", say: { zh: "坏的一步立刻把倍率减半", en: "a bad step halves the scale at once" } },
    ],
  }),
};
