/** Answers to the exercises of section 3.1.1. */
import { code, number, type Exercise } from "./exercise";

export const BASIC_CONCEPTS: Readonly<Record<string, Exercise>> = {
  "3.1.1/1": number(13, {
    tolerance: 1e-9,
    hints: [
      { zh: "少样本提示词里既有例子，也有问题本身", en: "a few-shot prompt holds the examples, and the question itself" },
      { zh: "分子是 4 × 90 + 30，分母是 30", en: "4 × 90 + 30 on top, 30 below" },
      { zh: "390 / 30", en: "390 / 30" },
    ],
    solution: { zh: "(4 × 90 + 30) / 30 = 390 / 30 = 13：每次查询都要付 13 倍的提示词元。", en: "(4 × 90 + 30) / 30 = 390 / 30 = 13: every query pays for 13 times as many prompt tokens." },
    mistakes: [
      { value: 12, say: { zh: "少样本提示词的末尾还有问题本身", en: "the question itself stands at the end of the few-shot prompt, too" } },
      { value: 390, say: { zh: "那是词元数；题目问的是倍数", en: "that is the number of tokens; the question asks for the ratio" } },
      { value: 4, say: { zh: "那是例子的个数；要比较的是词元数", en: "that is the number of examples; compare numbers of tokens" } },
    ],
  }),
  "3.1.1/2": number(500, {
    tolerance: 1e-9,
    hints: [
      { zh: "训练一次的总运算量，除以每次查询多出的运算量", en: "all operations of the training, divided by the extra operations of one query" },
      { zh: "训练是 6N × 50 000；每次查询多 2N × 300", en: "training takes 6N × 50,000; each query takes 2N × 300 more" },
      { zh: "6 × 50 000 / (2 × 300)，N 约掉", en: "6 × 50,000 / (2 × 300); N cancels" },
    ],
    solution: { zh: "6N × 50 000 / (2N × 300) = 500 次查询以后，微调更省。", en: "6N × 50,000 / (2N × 300) = 500 queries; from then on fine-tuning is cheaper." },
    mistakes: [
      { value: 50_000 / 300, say: { zh: "训练一个词元要 6N，推理一个词元只要 2N；这两个系数不能省", en: "training takes 6N a token, inference only 2N; these factors count" } },
      { value: (2 * 50_000) / (6 * 300), say: { zh: "系数反了：6N 属于训练，2N 属于推理", en: "the factors are the wrong way round: 6N belongs to training, 2N to inference" } },
      { value: 1000, say: { zh: "推理的系数 2N 漏掉了", en: "inference's factor 2N is missing" } },
    ],
  }),
  "3.1.1/3": number(59, {
    hints: [
      { zh: "先从窗口里留出问题和回答的位置", en: "first leave room in the window for question and answer" },
      { zh: "8192 − 1024 = 7168 个词元可以放例子", en: "8192 − 1024 = 7168 tokens are left for examples" },
      { zh: "7168 / 120 的整数部分", en: "the whole part of 7168 / 120" },
    ],
    solution: { zh: "⌊(8192 − 1024) / 120⌋ = ⌊59.73⌋ = 59。第 60 个例子会被截断，或把问题挤出去。", en: "⌊(8192 − 1024) / 120⌋ = ⌊59.73⌋ = 59. A 60th example would be cut, or push out the question." },
    mistakes: [
      { value: 60, say: { zh: "第 60 个放不完整；要向下取整", en: "the 60th does not fit whole; round down" } },
      { value: 68, say: { zh: "忘了给问题和回答留位置", en: "no room is left for question and answer" } },
      { value: 7168 / 120, say: { zh: "例子的个数是整数", en: "the number of examples is whole" } },
    ],
  }),
  "3.1.1/4": code([
    { given: [1000, 1000, 0], want: "full" },
    { given: [1000, 1, 0], want: "partial" },
    { given: [1000, 999, 0], want: "partial" },
    { given: [1000, 0, 5], want: "added" },
    { given: [1000, 0, 2000], want: "added" },
  ], {
    hints: [
      { zh: "先看原模型的参数有没有变，再看变了多少", en: "look first whether parameters of the model itself change, then how many" },
      { zh: "一个都没变、只加了新的：added；全都变：full；其余：partial", en: "none changes and new ones are added: added; all change: full; else: partial" },
      { zh: "changed === 0 ? \"added\" : changed === total ? … : …", en: 'changed === 0 ? "added" : changed === total ? … : …' },
    ],
    solution: {
      zh: "(total, changed, added) => (changed === 0 ? \"added\" : changed === total ? \"full\" : \"partial\")。分类看的是改了什么，不是训练了多少：新增的参数可以比原模型还多。",
      en: '(total, changed, added) => (changed === 0 ? "added" : changed === total ? "full" : "partial"). The class says what is changed, not how much is trained: more may be added than the model had.',
    },
    mistakes: [
      { shows: (f) => f(1000, 999, 0) === "full", say: { zh: "变了 999 个、没变 1 个，仍然是部分参数微调", en: "999 changed and 1 did not: that is still a part" } },
      { shows: (f) => f(1000, 0, 2000) === "full", say: { zh: "加了多少都是新增：原模型的参数一个也没变", en: "however many are added, none of the model's own has changed" } },
      { shows: (f) => f(1000, 0, 5) === "partial", say: { zh: "训练的数少，不等于部分参数微调；这里原模型没有变", en: "few trained numbers do not make it partial: here the model itself is unchanged" } },
    ],
  }),
};
