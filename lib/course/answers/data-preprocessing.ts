/** Answers to the exercises of section 3.3.3. */
import { code, list, number, type Case, type Exercise } from "./exercise";

const STOP = new Set(["the", "is", "error"]), KEEP = new Set(["error", "alert"]);
const CASES: readonly Case[] = [
  { given: [["The", "disk", "is", "full"], STOP, KEEP], want: ["disk", "full"] },
  { given: [["ERROR", "on", "the", "disk"], STOP, KEEP], want: ["ERROR", "on", "disk"] },
  { given: [["Alert", "is", "Error"], STOP, KEEP], want: ["Alert", "Error"] },
  { given: [[], STOP, KEEP], want: [] },
];
const gives = (f: (...given: unknown[]) => unknown, k: number) => JSON.stringify(f(...structuredClone(CASES[k].given)));

export const DATA_PREPROCESSING: Readonly<Record<string, Exercise>> = {
  "3.3.3/1": number(3 / 7, {
    tolerance: 2e-3,
    hints: [
      { zh: "先写出两个集合：每句话里所有相邻的两个字", en: "first write down both sets: all pairs of neighbouring characters of each text" },
      { zh: "Jaccard = 交集的大小 ÷ 并集的大小", en: "Jaccard = size of the intersection ÷ size of the union" },
      { zh: "每个集合有 5 个元素，共有的是 端口、口扫、扫描", en: "each set has 5 elements; common are 端口, 口扫, 扫描" },
    ],
    solution: {
      zh: "{端口, 口扫, 扫描, 描告, 告警} 与 {端口, 口扫, 扫描, 描报, 报警}：交集 3 个，并集 5 + 5 − 3 = 7 个，3/7 ≈ 0.429。",
      en: "{端口, 口扫, 扫描, 描告, 告警} and {端口, 口扫, 扫描, 描报, 报警}: 3 in common, 5 + 5 − 3 = 7 in the union, 3/7 ≈ 0.429.",
    },
    mistakes: [
      { value: 3 / 5, say: { zh: "分母是并集，不是其中一个集合", en: "divide by the union, not by one of the sets" } },
      { value: 3 / 10, say: { zh: "并集里共有的元素只算一次", en: "in the union, what is common counts once" } },
      { value: 5 / 7, say: { zh: "这是单个字的集合；这里要相邻的两个字", en: "that is for sets of single characters; take pairs of neighbours" } },
      { value: 7 / 3, say: { zh: "倒过来了：相似度不超过 1", en: "upside down: a similarity is at most 1" } },
    ],
  }),
  "3.3.3/2": list(["研究生", "命", "起源"], {
    hints: [
      { zh: "从左边开始，每次取词典里最长的词", en: "from the left, always take the longest word of the lexicon" },
      { zh: "从“研”开始，词典里有“研究”和“研究生”", en: "at 研 the lexicon has 研究 and 研究生" },
      { zh: "取了“研究生”之后，从“命”继续", en: "after 研究生 go on at 命" },
    ],
    solution: {
      zh: "“研究生”比“研究”长，先取它；从“命”开始没有更长的词，单字成词；最后是“起源”。结果“研究生 / 命 / 起源”是错的，这正是最大匹配的弱点。",
      en: "研究生 is longer than 研究 and is taken; at 命 there is no longer word, so it stands alone; then 起源. The result 研究生 / 命 / 起源 is wrong, which is just the weakness of maximum matching.",
    },
    mistakes: [
      { value: ["研究", "生命", "起源"], say: { zh: "这是逆向匹配的结果，也是正确的切分；题目问的是正向", en: "that is what backward matching gives, and the right cut; the question is about forward matching" } },
      { value: ["研究生", "命起源"], say: { zh: "“命起源”不在词典里", en: "命起源 is not in the lexicon" } },
      { value: ["研究", "生", "命", "起源"], say: { zh: "要取最长的词，不是最先遇到的词", en: "take the longest word, not the first that fits" } },
      { value: ["研究生", "生命", "起源"], say: { zh: "词不能重叠：“生”只能用一次", en: "words may not overlap: 生 is used once" } },
    ],
  }),
  "3.3.3/3": code(CASES, {
    hints: [
      { zh: "用 words.filter(…)：一个词留下，如果它不是停用词，或者它在例外表里", en: "use words.filter(…): a word stays if it is no stop word, or if it is among the exceptions" },
      { zh: "比较时用小写：word.toLowerCase()；返回时保持原样", en: "compare in lower case, word.toLowerCase(), and return the word as it was" },
      { zh: "条件是 keep.has(w.toLowerCase()) || …，还差停用词的一半", en: "the condition is keep.has(w.toLowerCase()) || …; the half on stop words is yours" },
    ],
    solution: {
      zh: "(words, stop, keep) => words.filter((w) => keep.has(w.toLowerCase()) || !stop.has(w.toLowerCase()))。库里的 tl.removeStopWords 做的就是这件事。",
      en: "(words, stop, keep) => words.filter((w) => keep.has(w.toLowerCase()) || !stop.has(w.toLowerCase())). That is what tl.removeStopWords does.",
    },
    mistakes: [
      { shows: (f) => gives(f, 1) === '["on","disk"]', say: { zh: "例外没有起作用：ERROR 被删掉了", en: "the exceptions have no effect: ERROR was removed" } },
      { shows: (f) => gives(f, 0) === '["The","disk","full"]', say: { zh: "大小写：The 也是停用词", en: "upper and lower case: The is a stop word too" } },
      { shows: (f) => gives(f, 1) === '["error","on","disk"]', say: { zh: "返回的词应保持原样，不要变成小写", en: "return the words as they were, not in lower case" } },
      { shows: (f) => gives(f, 0) === '["The","is"]', say: { zh: "反了：这是被删掉的词", en: "the other way round: these are the words to be removed" } },
    ],
  }),
  "3.3.3/4": number(0.9 ** 40, {
    tolerance: 2e-2,
    hints: [
      { zh: "先算一个词不被删除的概率", en: "first the probability that one word is not deleted" },
      { zh: "各个词独立：概率相乘", en: "words are deleted independently: multiply" },
      { zh: "0.9 的 40 次方", en: "0.9 to the power of 40" },
    ],
    solution: { zh: "每个词以概率 0.9 保留，40 个词都保留的概率是 0.9^40 ≈ 0.0148：几乎每份副本都丢了点什么。", en: "Each word stays with probability 0.9, all 40 with 0.9^40 ≈ 0.0148: nearly every copy has lost something." },
    mistakes: [
      { value: 1 - 0.9 ** 40, say: { zh: "这是至少删掉一个词的概率", en: "that is the probability that at least one word goes" } },
      { value: 0.9, say: { zh: "这只是一个词的概率", en: "that is for one word only" } },
      { value: 0.1 ** 40, say: { zh: "这是全部被删的概率", en: "that is the probability that all of them go" } },
      { value: 36, say: { zh: "这是平均留下的词数；题目问的是概率", en: "that is how many words stay on average; the question is a probability" } },
    ],
  }),
};
