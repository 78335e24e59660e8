/** Answers to the exercises of section 3.2.5. */
import { number, type Exercise } from "./exercise";

const WHOLE = 1_777_088_000 * 2, ADAPTER = 1_089_536 * 4;

export const VALUE: Readonly<Record<string, Exercise>> = {
  "3.2.5/1": number(0.95 / 1.95, {
    tolerance: 2e-3,
    hints: [
      { zh: "先分别算“正常”和“攻击”两类的 F1，再平均", en: "find the F1 of “benign” and of “attack”, then take their mean" },
      { zh: "“攻击”一条也没有判对，F1 = 0；“正常”的精确率 0.95、召回率 1", en: "no attack is found, so its F1 is 0; “benign” has precision 0.95 and recall 1" },
      { zh: "(2 × 0.95 × 1 / (0.95 + 1) + 0) / 2 = ?", en: "(2 × 0.95 × 1 / (0.95 + 1) + 0) / 2 = ?" },
    ],
    solution: { zh: "“正常”：P = 950/1000，R = 1，F1 = 1.9/1.95 = 0.974；“攻击”：F1 = 0；宏平均 0.487。准确率却是 0.95。", en: "benign: P = 950/1000, R = 1, F1 = 1.9/1.95 = 0.974; attack: F1 = 0; the macro average is 0.487. The accuracy is 0.95." },
    mistakes: [
      { value: 0.95, say: { zh: "这是准确率（也是微平均）；宏平均给“攻击”同样的份量", en: "that is the accuracy (and the micro average); the macro average gives “attack” the same weight" } },
      { value: 1.9 / 1.95, say: { zh: "这只是“正常”一类的 F1；还要与“攻击”的 F1 平均", en: "that is the F1 of “benign” alone; take the mean with that of “attack”" } },
      { value: 0.95 * (1.9 / 1.95), say: { zh: "这是按条数加权的平均；宏平均不加权", en: "that is the average weighted by support; the macro average has no weights" } },
      { value: 0, say: { zh: "“攻击”的 F1 是 0，但“正常”的不是", en: "the F1 of “attack” is 0, but not that of “benign”" } },
    ],
  }),
  "3.2.5/2": number(100 * Math.exp(-0.5), {
    tolerance: 2e-3,
    hints: [
      { zh: "四个精确率都是 1，剩下的只有长度", en: "all four precisions are 1; what is left is the length" },
      { zh: "BP = exp(1 − r/c)，r 是参考的长度，c 是回答的长度", en: "BP = exp(1 − r/c), with r the reference's length and c the answer's" },
      { zh: "100 × exp(1 − 9/6) = ?", en: "100 × exp(1 − 9/6) = ?" },
    ],
    solution: { zh: "p₁ 到 p₄ 都是 1，BLEU = 100 × exp(1 − 9/6) = 100 × e^(−0.5) = 60.65。", en: "p₁ to p₄ are 1, so BLEU = 100 × exp(1 − 9/6) = 100 × e^(−0.5) = 60.65." },
    mistakes: [
      { value: 100, say: { zh: "精确率是 1，但回答太短要扣分", en: "the precisions are 1, but a short answer loses points" } },
      { value: 100 * (6 / 9), say: { zh: "那是长度之比；扣分是指数：exp(1 − r/c)", en: "that is the ratio of lengths; the penalty is exponential: exp(1 − r/c)" } },
      { value: 100 * Math.exp(1 - 6 / 9), say: { zh: "r 与 c 颠倒了：c 是回答的长度", en: "r and c are the wrong way round: c is the answer's length" } },
      { value: Math.exp(-0.5), say: { zh: "方法对；题目要 0 到 100 的分数", en: "the way is right; the score is asked on the scale of 0 to 100" } },
    ],
  }),
  "3.2.5/3": number((20 * WHOLE) / (WHOLE + 20 * ADAPTER), {
    tolerance: 5e-3,
    hints: [
      { zh: "16 位是 2 字节，32 位是 4 字节", en: "16 bits are 2 bytes, 32 bits are 4" },
      { zh: "分母里底座只算一次，LoRA 算 20 次", en: "below the line the base counts once, the LoRA 20 times" },
      { zh: "20 × 3.554 GB / (3.554 GB + 20 × 0.00436 GB) = ?", en: "20 × 3.554 GB / (3.554 GB + 20 × 0.00436 GB) = ?" },
    ],
    solution: { zh: "71.08 GB / 3.641 GB = 19.5 倍。分母里几乎全是只存一份的底座。", en: "71.08 GB / 3.641 GB = 19.5 times. The base, kept once, is nearly all of what is left." },
    mistakes: [
      { value: WHOLE / ADAPTER, say: { zh: "那是一个模型与一个 LoRA 之比；LoRA 离不开底座，底座也要存一份", en: "that is one model against one LoRA; a LoRA needs its base, which is stored once too" } },
      { value: 20, say: { zh: "LoRA 虽小，20 个都要算进去", en: "the LoRAs are small, but all 20 count" } },
      { value: (20 * WHOLE) / (20 * (WHOLE + ADAPTER)), say: { zh: "底座是各任务共用的，只存一份", en: "the tasks share the base: it is stored once" } },
    ],
  }),
  "3.2.5/4": number(0.8 ** 0.75, {
    tolerance: 2e-3,
    hints: [
      { zh: "先求乙在每一项上与最好者之比", en: "first find the ratio of B to the best in each criterion" },
      { zh: "增益：0.48/0.60 = 0.8；时间：乙最短，比值为 1；权重 3/4 与 1/4", en: "gain: 0.48/0.60 = 0.8; time: B is the shortest, so 1; weights 3/4 and 1/4" },
      { zh: "0.8^(3/4) × 1^(1/4) = ?", en: "0.8^(3/4) × 1^(1/4) = ?" },
    ],
    solution: { zh: "0.8^0.75 × 1 = 0.846；甲是 1 × 0.5^0.25 = 0.841，所以乙略胜。", en: "0.8^0.75 × 1 = 0.846; A has 1 × 0.5^0.25 = 0.841, so B is just ahead." },
    mistakes: [
      { value: 0.75 * 0.8 + 0.25, say: { zh: "这是算术平均；几何平均是乘方再相乘", en: "that is the arithmetic mean; the geometric mean multiplies powers" } },
      { value: 0.5 ** 0.25, say: { zh: "这是方法甲的分数", en: "that is the score of A" } },
      { value: 0.8 ** 3, say: { zh: "权重要除以总和 4", en: "the weights have to be divided by their sum, 4" } },
      { value: 0.8 ** 0.25, say: { zh: "权重用反了：增益是 3/4", en: "the weights are the wrong way round: gain has 3/4" } },
    ],
  }),
};
