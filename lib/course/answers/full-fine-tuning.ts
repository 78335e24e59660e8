/** Answers to the exercises of section 3.4.3. */
import { code, number, type Exercise } from "./exercise";

const labelled = (f: (...given: unknown[]) => unknown): string => String(f([5, 6, 7, 8, 2, 2, 2], 2, 2));

export const FULL_FINE_TUNING: Readonly<Record<string, Exercise>> = {
  "3.4.3/1": number(0.075, {
    tolerance: 1e-6,
    hints: [
      { zh: "余弦从预热结束时开始，不从第 0 步开始", en: "the cosine begins when the warm-up ends, not at step 0" },
      { zh: "进度 = (40 − 10) / (100 − 10) = 1/3", en: "progress = (40 − 10) / (100 − 10) = 1/3" },
      { zh: "0.1 × ½ (1 + cos(π/3))", en: "0.1 × ½ (1 + cos(π/3))" },
    ],
    solution: { zh: "进度 1/3，½(1 + cos 60°) = 0.75，所以学习率是 0.075。", en: "Progress is 1/3, ½(1 + cos 60°) = 0.75, so the rate is 0.075." },
    mistakes: [
      { value: 0.1 * 0.5 * (1 + Math.cos(0.4 * Math.PI)), say: { zh: "你把进度算成了 40/100；预热的 10 步不算在余弦里", en: "you took 40/100 as progress; the 10 steps of warm-up are not part of the cosine" } },
      { value: 0.1 * (2 / 3), say: { zh: "这是线性下降；题目是余弦", en: "that is a linear decay; the question asks for a cosine" } },
      { value: 0.04, say: { zh: "这是还在预热时的公式；第 40 步早已过了预热", en: "that is the formula of the warm-up, which is long over at step 40" } },
    ],
  }),
  "3.4.3/2": number(180, {
    hints: [
      { zh: "钩子在什么时候更新参数：每次反向传播，还是每个优化器步？", en: "when do the hooks move weights: in each backward pass, or in each step of the optimizer?" },
      { zh: "每次反向传播都更新；每一轮有 360 / 4 次反向传播", en: "in each backward pass, of which an epoch has 360 / 4" },
      { zh: "360 / 4 × 2", en: "360 / 4 × 2" },
    ],
    solution: { zh: "每个小批次反向传播一次，钩子就更新一次：每轮 90 次，两轮 180 次。累积没有起作用。", en: "Each micro-batch has a backward pass, and its hooks update once: 90 an epoch, 180 in two. Accumulation does nothing." },
    mistakes: [
      { value: 45, say: { zh: "这是累积起作用时的步数；LOMO 的钩子不等累积", en: "that would be the steps if accumulation worked; LOMO's hooks do not wait for it" } },
      { value: 46, say: { zh: "这是 Trainer 数的优化器步（每轮进一）；钩子每个小批次都更新", en: "those are the optimizer steps that Trainer counts (rounded up each epoch); hooks update in every micro-batch" } },
      { value: 44, say: { zh: "这是清单里调度器算出的步数；钩子每个小批次都更新", en: "those are the steps that the listing's scheduler computes; hooks update in every micro-batch" } },
      { value: 90, say: { zh: "这是一轮；共有两轮", en: "that is one epoch; there are two" } },
    ],
  }),
  "3.4.3/3": code([
    { given: [[5, 6, 7, 8, 2, 2, 2], 2, 2], want: [-100, -100, 7, 8, 2, -100, -100] },
    { given: [[9, 4, 2], 1, 2], want: [-100, 4, 2] },
    { given: [[3, 2, 8, 2, 2], 2, 2], want: [-100, -100, 8, 2, -100] },
    { given: [[3, 4, 5], 1, 2], want: [-100, 4, 5] },
  ], {
    hints: [
      { zh: "三段：问题、答案连同第一个结束符、后面的填充", en: "three parts: the question, the answer with its first end token, the padding after it" },
      { zh: "从 start 起找第一个 eos：ids.indexOf(eos, start)", en: "look for the first eos from start on: ids.indexOf(eos, start)" },
      { zh: "const end = ids.indexOf(eos, start); ids.map((id, i) => i < start || (end >= 0 && i > end) ? -100 : id)", en: "const end = ids.indexOf(eos, start); ids.map((id, i) => i < start || (end >= 0 && i > end) ? -100 : id)" },
    ],
    solution: {
      zh: "(ids, start, eos) => { const end = ids.indexOf(eos, start); return ids.map((id, i) => (i < start || (end >= 0 && i > end) ? -100 : id)); }",
      en: "(ids, start, eos) => { const end = ids.indexOf(eos, start); return ids.map((id, i) => (i < start || (end >= 0 && i > end) ? -100 : id)); }",
    },
    mistakes: [
      { shows: (f) => labelled(f) === "5,6,7,8,-100,-100,-100" || labelled(f) === "-100,-100,7,8,-100,-100,-100", say: { zh: "遮住了所有等于填充符的标签，结束符也被遮住：模型学不会停", en: "all labels that equal the padding token are masked, the end token too: the model does not learn to stop" } },
      { shows: (f) => labelled(f) === "5,6,7,8,2,2,2" || labelled(f) === "-100,-100,7,8,2,2,2", say: { zh: "填充还是目标：损失大部分是在预测填充", en: "padding is still a target: most of the loss is predicting padding" } },
      { shows: (f) => labelled(f) === "5,6,7,8,2,-100,-100", say: { zh: "结束符对了；问题也要遮住", en: "the end token is right; the question is to be masked, too" } },
    ],
  }),
};
