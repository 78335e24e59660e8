/** Answers to the exercises of section 3.1.2. */
import { code, number, type Exercise } from "./exercise";

export const HISTORY: Readonly<Record<string, Exercise>> = {
  "3.1.2/1": number(1_843_200, {
    hints: [
      { zh: "每一层有两个适配器，各有两个矩阵；这里不计偏置", en: "every layer has two adapters, each with two matrices and two biases; here biases do not count" },
      { zh: "一个适配器是 2 × 768 × 50；每层 2 个，共 12 层", en: "one adapter is 2 × 768 × 50; there are 2 a layer and 12 layers" },
      { zh: "2 × 768 × 50 × 2 × 12", en: "2 × 768 × 50 × 2 × 12" },
    ],
    solution: { zh: "2 × 768 × 50 = 76 800 个一处，每层两处，12 层：76 800 × 24 = 1 843 200，约是 1.1 亿的 1.7 %。", en: "2 × 768 × 50 = 76,800 a place, two places a layer, 12 layers: 76,800 × 24 = 1,843,200, about 1.7 % of 110 million." },
    mistakes: [
      { value: 3_686_400, say: { zh: "BERT-base 是 12 层，不是 24 层", en: "BERT-base has 12 layers, not 24" } },
      { value: 921_600, say: { zh: "一个适配器有降维和升维两个矩阵，而且每层有两个适配器；你漏了其中一个 2", en: "an adapter has two matrices, down and up, and a layer has two adapters; one factor 2 is missing" } },
      { value: 76_800, say: { zh: "这只是一处的一个适配器", en: "that is one adapter in one place" } },
    ],
  }),
  "3.1.2/2": number(2.25, {
    tolerance: 1e-9,
    hints: [
      { zh: "缩放作用在 W 的每一行上；看权重变成了什么", en: "the vector scales rows of W; see what the weight becomes" },
      { zh: "合并后的权重是 l · w，不是 w − η · g", en: "the merged weight is l · w, not w − η · g" },
      { zh: "1.5 × 1.5", en: "1.5 × 1.5" },
    ],
    solution: { zh: "合并后 w′ = l · w = 1.5 × 1.5 = 2.25。l 是学到的缩放因子；学习率 η 只在训练 l 本身时出现，训练完就没有了。", en: "Merged, w′ = l · w = 1.5 × 1.5 = 2.25. l is a learned factor; the learning rate η appears only while l itself is trained, and is gone afterwards." },
    mistakes: [
      { value: 1.47, say: { zh: "这是把 l 当成学习率的倍数：w − l · η · g。(IA)³ 不是这样", en: "that takes l for a multiple of the learning rate: w − l · η · g. (IA)³ does not work so" } },
      { value: 3, say: { zh: "l 与 w 相乘，不是相加", en: "l is multiplied with w, not added to it" } },
      { value: 1.48, say: { zh: "这是一步普通的梯度下降；(IA)³ 里 w 是冻结的", en: "that is a step of plain gradient descent; in (IA)³ w is frozen" } },
      { value: 1.5, say: { zh: "w 本身不变，但合并以后的权重是 l · w", en: "w itself does not change, but the merged weight is l · w" } },
    ],
  }),
  "3.1.2/3": code([
    { given: [[4.0, 5.0], [3.0, 5.4]], want: 0.4 },
    { given: [[4.0, 5.0], [3.0, 4.8]], want: 0 },
    { given: [[4.0, 5.0], [4.5, 5.0]], want: NaN },
    { given: [[2.0, 3.0], [1.5, 3.5]], want: 1 },
  ], {
    hints: [
      { zh: "先算学到了多少、忘了多少，两者都是损失之差", en: "first: how much was learned, how much forgotten? Both are differences of losses" },
      { zh: "学到 = 任务损失前 − 后；遗忘 = 通用损失后 − 前，不小于 0；没有学到时返回 NaN", en: "learned = task loss before − after; forgotten = general loss after − before, at least 0; NaN where nothing was learned" },
      { zh: "const learned = b[0] − a[0]; return learned > 0 ? Math.max(0, a[1] − b[1]) / learned : NaN", en: "const learned = b[0] − a[0]; return learned > 0 ? Math.max(0, a[1] − b[1]) / learned : NaN" },
    ],
    solution: {
      zh: "(b, a) => { const learned = b[0] - a[0]; return learned > 0 ? Math.round(1e6 * Math.max(0, a[1] - b[1]) / learned) / 1e6 : NaN; }（四舍五入到 6 位小数，避开浮点误差）",
      en: "(b, a) => { const learned = b[0] - a[0]; return learned > 0 ? Math.round(1e6 * Math.max(0, a[1] - b[1]) / learned) / 1e6 : NaN; } (rounded to 6 places, against floating-point error)",
    },
    mistakes: [
      { shows: (f) => (f([4, 5], [3, 4.8]) as number) < 0, say: { zh: "通用文本变好不是负的遗忘：至少是 0", en: "general text that got better is no negative forgetting: at least 0" } },
      { shows: (f) => f([2, 3], [1.5, 3.5]) === 0.5, say: { zh: "要除以学到的量，不同方法才能相比", en: "divide by what was learned, so that methods can be compared" } },
      { shows: (f) => !Number.isNaN(f([4, 5], [4.5, 5])), say: { zh: "任务损失变大时什么也没学到，比值没有意义：返回 NaN", en: "where the task's loss rose nothing was learned and the ratio means nothing: return NaN" } },
    ],
  }),
  "3.1.2/4": number(16_311, {
    tolerance: 1e-4,
    hints: [
      { zh: "缩小的倍数 = 全部参数 / 训练的参数", en: "the factor is all parameters over trained ones" },
      { zh: "LoRA 是 1 777 088 000 / 1 089 536；题目里的方法训练的数再少 10 倍", en: "that of LoRA is 1,777,088,000 / 1,089,536; the question asks for ten times fewer numbers" },
      { zh: "1 777 088 000 / 108 953.6", en: "1,777,088,000 / 108,953.6" },
    ],
    solution: { zh: "1 777 088 000 / (1 089 536 / 10) ≈ 16 311 倍。参数少 16 311 倍，时间和内存却不会少这么多：前向和反向仍要走完整个模型。", en: "1,777,088,000 / (1,089,536 / 10) ≈ 16,311 times. Time and memory do not fall by as much: forward and backward still go through the whole model." },
    mistakes: [
      { value: 1631.05, say: { zh: "这是 LoRA 本身的倍数；题目里的方法参数再少 10 倍", en: "that is LoRA's own factor; the method of the question has ten times fewer" } },
      { value: 163.105, say: { zh: "参数少 10 倍，倍数是乘 10，不是除", en: "ten times fewer numbers make the factor ten times larger, not smaller" } },
      { value: 0.00613, say: { zh: "那是百分比；题目问的是倍数", en: "that is the percentage; the question asks for the factor" } },
    ],
  }),
};
