/** Answers to the exercises of section 3.3.1. */
import { code, number, type Exercise } from "./exercise";

const same = (a: unknown, b: readonly string[]) => JSON.stringify(a) === JSON.stringify(b);
const record = (pair: string) => ({ text: pair[0], label: pair[1] });
/** "ax" is the text a with the label x. */
const records = (...pairs: string[]) => [pairs.map(record)];
const TWICE = records("ax", "ax"), MIXED = records("bx", "ax", "ay", "by", "az"), APART = records("ax", "bx", "ay");

export const DATA_IMPORTANCE: Readonly<Record<string, Exercise>> = {
  "3.3.1/1": number(1600, {
    tolerance: 1e-3,
    hints: [
      { zh: "先求指数：数据增加到 4 倍，错误减半", en: "first the exponent: four times the data halve the error" },
      { zh: "4^(−b) = 1/2，所以 b = 1/2；再减半还要 4 倍", en: "4^(−b) = 1/2, so b = 1/2; halving it again takes four times more" },
      { zh: "400 × 4 = ?", en: "400 × 4 = ?" },
    ],
    solution: { zh: "L = a n^(−b)；0.32/0.16 = 2 = 4^b，b = 0.5。从 0.16 到 0.08 再乘 4：1600 条。", en: "L = a n^(−b); 0.32/0.16 = 2 = 4^b, so b = 0.5. From 0.16 to 0.08 another factor of 4: 1600." },
    mistakes: [
      { value: 800, say: { zh: "那样是数据翻倍错误就减半（b = 1）；题中 4 倍才减半", en: "that would be b = 1, twice the data for half the error; here it takes four times" } },
      { value: 700, say: { zh: "这是按每 300 条减半的等差外推；幂律看的是倍数", en: "that adds another 300 for another half; a power law goes by factors" } },
      { value: 600, say: { zh: "这是直线外推；幂律在双对数坐标里才是直线", en: "that is a straight line; a power law is straight on logarithmic axes only" } },
    ],
  }),
  "3.3.1/2": number(0.9 * 0.8 + 0.1 * 0.2 * 0.25, {
    tolerance: 1e-3,
    hints: [
      { zh: "分两种情形：标签是对的，标签是错的", en: "two cases: the label is right, or it is wrong" },
      { zh: "标签错时，只有预测也错、而且错成同一类，才会算对", en: "where the label is wrong, only a wrong prediction of the same class counts as right" },
      { zh: "0.9 × 0.8 + 0.1 × 0.2 × 1/4 = ?", en: "0.9 × 0.8 + 0.1 × 0.2 × 1/4 = ?" },
    ],
    solution: { zh: "标签对（0.8）且预测对（0.9）：0.72；标签错（0.2）且预测错成同一类（0.1 × 1/4）：0.005；合计 0.725。好模型在脏测试集上看起来差得多。", en: "label right (0.8) and prediction right (0.9): 0.72; label wrong (0.2) and the prediction wrong in the same way (0.1 × 1/4): 0.005; together 0.725. On a dirty test set a good model looks much worse." },
    mistakes: [
      { value: 0.72, say: { zh: "还差一点：标签错、预测也错成同一类时，也会算对", en: "nearly: where label and prediction are wrong in the same way, it counts as right too" } },
      { value: 0.74, say: { zh: "两者都错时，只有 1/4 的机会错成同一类", en: "where both are wrong, they agree in one case of four only" } },
      { value: 0.7, say: { zh: "错误率不能直接相减：有的错误会碰在同一条上", en: "error rates do not simply add: some errors meet on one record" } },
      { value: 0.9, say: { zh: "测得的是与所给标签的一致，不是真实准确率", en: "what is measured is agreement with the labels given, not the true accuracy" } },
    ],
  }),
  "3.3.1/3": code(
    [{ given: APART, want: ["a"] }, { given: TWICE, want: [] }, { given: MIXED, want: ["b", "a"] }, { given: [[]], want: [] }],
    {
      hints: [
        { zh: "为每个文本记下出现过的标签", en: "for each text keep the labels that it occurs with" },
        { zh: "用 Map<文本, Set<标签>>；Map 记得插入的先后", en: "use a Map from text to a Set of labels; a Map keeps the order of insertion" },
        { zh: "最后取出 Set 的大小大于 1 的文本", en: "in the end take the texts whose Set holds more than one label" },
      ],
      solution: {
        zh: "(records) => { const seen = new Map(); for (const { text, label } of records) seen.set(text, (seen.get(text) ?? new Set()).add(label)); return [...seen].filter(([, labels]) => labels.size > 1).map(([text]) => text); }",
        en: "(records) => { const seen = new Map(); for (const { text, label } of records) seen.set(text, (seen.get(text) ?? new Set()).add(label)); return [...seen].filter(([, labels]) => labels.size > 1).map(([text]) => text); }",
      },
      mistakes: [
        { shows: (f) => same(f(...TWICE), ["a"]), say: { zh: "文本重复但标签相同，不算冲突", en: "a text that is repeated with the same label is no conflict" } },
        { shows: (f) => same(f(...APART), []), say: { zh: "相同的文本不一定挨着", en: "equal texts need not be neighbours" } },
        { shows: (f) => (f(...MIXED) as string[]).length > 2, say: { zh: "每个文本只返回一次", en: "return each text once" } },
        { shows: (f) => same(f(...MIXED), ["a", "b"]), say: { zh: "顺序应是文本第一次出现的先后，不是发现冲突的先后", en: "the order is that of the first occurrence, not that in which conflicts are noticed" } },
      ],
    },
  ),
};
