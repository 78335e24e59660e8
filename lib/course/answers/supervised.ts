/** Answers to the exercises of section 3.7.1. */
import { code, number, type Exercise } from "./exercise";

export const SUPERVISED: Readonly<Record<string, Exercise>> = {
  "3.7.1/1": number((0.5 + 1 + 3) / 3, {
    tolerance: 1e-3,
    hints: [
      { zh: "只有答案的词元参与平均", en: "only the answer's tokens take part in the mean" },
      { zh: "答案是最后三个词元（包括结束符）", en: "the answer is the last three tokens, the end mark included" },
      { zh: "(0.5 + 1.0 + 3.0) / 3", en: "(0.5 + 1.0 + 3.0) / 3" },
    ],
    solution: { zh: "目标词元是最后三个，平均负对数概率是 4.5 / 3 = 1.5。", en: "The last three tokens are targets; their mean negative log-probability is 4.5 / 3 = 1.5." },
    mistakes: [
      { value: (4 + 2 + 0.5 + 1 + 3) / 5, say: { zh: "问题的词元也算进去了；它们只是上下文", en: "that counts the question's tokens too; they are only context" } },
      { value: (0.5 + 1) / 2, say: { zh: "结束符也是目标：不学它，模型就不会停", en: "the end mark is a target too: without it the model never learns to stop" } },
      { value: 4.5, say: { zh: "要除以目标词元的个数", en: "divide by the number of target tokens" } },
    ],
  }),
  "3.7.1/2": number(75, {
    tolerance: 1e-9,
    hints: [
      { zh: "先算一共处理多少个位置，其中多少是真的词元", en: "first count all positions, then those that hold a real token" },
      { zh: "4 × 512 = 2048 个位置，512 个真的词元", en: "4 × 512 = 2048 positions, 512 real tokens" },
      { zh: "1 − 512 / 2048", en: "1 − 512 / 2048" },
    ],
    solution: { zh: "填充占 1 − 512/2048 = 75 %：四分之三的计算白做了。", en: "Padding takes 1 − 512/2048 = 75 %: three quarters of the work are for nothing." },
    mistakes: [
      { value: 25, say: { zh: "那是真的词元所占的比例", en: "that is the share of real tokens" } },
      { value: 0.75, say: { zh: "题目要的是百分数", en: "the question asks for percent" } },
      { value: 300, say: { zh: "那是填充与真的词元之比；题目要的是占全部的百分比", en: "that is padding to real tokens; the question asks for its part of all" } },
    ],
  }),
  "3.7.1/3": code([
    { given: [[3, 2, 1.5, 1.6, 1.7, 1.2], 2], want: 2 },
    { given: [[3, 2, 1, 0.5], 1], want: 3 },
    { given: [[1, 2, 0.5], 1], want: 0 },
    { given: [[2, 2, 2, 1], 3], want: 3 },
  ], {
    hints: [
      { zh: "记住到现在为止最好的一次在哪里，以及之后过了几次", en: "keep where the best one so far is, and how many came after it" },
      { zh: "没有变好的次数达到 patience 就停；相等不算变好", en: "stop when `patience` evaluations in a row were no better; equal is not better" },
      { zh: "从 1 起循环：if (l[i] < l[best]) best = i; else if (i − best >= patience) break; 最后 return best", en: "for (i …) { if (l[i] < l[best]) best = i; else if (i − best >= patience) break; } return best" },
    ],
    solution: {
      zh: "(losses, patience) => { let best = 0; for (let i = 1; i < losses.length; i++) { if (losses[i] < losses[best]) best = i; else if (i - best >= patience) break; } return best; }",
      en: "(losses, patience) => { let best = 0; for (let i = 1; i < losses.length; i++) { if (losses[i] < losses[best]) best = i; else if (i - best >= patience) break; } return best; }",
    },
    mistakes: [
      { shows: (f) => f([3, 2, 1.5, 1.6, 1.7, 1.2], 2) === 5, say: { zh: "这是全程最小的一次；提前停止在看到它之前就停了", en: "that is the least of all; early stopping has stopped before it is seen" } },
      { shows: (f) => f([3, 2, 1.5, 1.6, 1.7, 1.2], 2) === 4, say: { zh: "这是停下的那一次；要的是停下时最好的那一次", en: "that is where it stops; wanted is the best one until then" } },
      { shows: (f) => f([2, 2, 2, 1], 3) === 0, say: { zh: "第 3 次之后才满 3 次没有变好；次数数早了一次", en: "three evaluations without an improvement are only complete after the last one; you count one too early" } },
    ],
  }),
};
