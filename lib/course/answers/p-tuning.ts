/** Answers to the exercises of section 3.6.5. */
import { code, number, type Exercise } from "./exercise";

const IDS = [7, 8, 9, 4], ANSWER = [false, false, true, true];
const gives = (f: (...given: unknown[]) => unknown, want: number[][]): boolean => JSON.stringify(f([...IDS], [...ANSWER])) === JSON.stringify(want);

export const P_TUNING: Readonly<Record<string, Exercise>> = {
  "3.6.5/1": number(2560, {
    hints: [
      { zh: "保存的是编码器的输出，不是编码器", en: "what is stored is the encoder's output, not the encoder" },
      { zh: "输出有 n 行、d 列", en: "the output has n rows and d columns" },
      { zh: "10 × 256", en: "10 × 256" },
    ],
    solution: { zh: "编码器的输出是 10 × 256 = 2560 个数；推理只需要它们。", en: "The encoder's output holds 10 × 256 = 2560 numbers; inference needs nothing else." },
    mistakes: [
      { value: 924_672, say: { zh: "这是训练的数；编码器不必保存", en: "that is what is trained; the encoder need not be stored" } },
      { value: 924_672 + 2560, say: { zh: "输出是由编码器算出来的，有了输出就不需要编码器", en: "the output is computed by the encoder; with it the encoder is not needed" } },
      { value: 15_360, say: { zh: "P-tuning 只在输入层，不是每层一份", en: "P-tuning acts on the input only, not in every layer" } },
    ],
  }),
  "3.6.5/2": number(16, {
    hints: [
      { zh: "把序列写出来：P P P x x x x x P x …", en: "write the sequence down: P P P x x x x x P x …" },
      { zh: "前面有全部 12 个真实词元，还有别的虚拟词元", en: "all 12 real tokens stand before it, and other virtual ones" },
      { zh: "3 + 12 + 1", en: "3 + 12 + 1" },
    ],
    solution: { zh: "它前面有 3 + 1 个虚拟词元和 12 个真实词元，共 16 个，所以下标是 16。", en: "Before it stand 3 + 1 virtual and 12 real tokens, 16 in all, so its index is 16." },
    mistakes: [
      { value: 15, say: { zh: "少数了第 5 个词元后面的那一个", en: "the one behind the fifth token is missing" } },
      { value: 17, say: { zh: "下标从 0 起", en: "indices begin at 0" } },
      { value: 12, say: { zh: "前面的虚拟词元也占位置", en: "the virtual tokens before it take positions too" } },
      { value: 13, say: { zh: "最前面的 3 个也占位置", en: "the 3 in front take positions too" } },
    ],
  }),
  "3.6.5/3": code([
    { given: [IDS, ANSWER], want: [[1, 9], [2, 4]] },
    { given: [[5, 6, 7], [false, true, false]], want: [[0, 6]] },
    { given: [[5, 6], [false, false]], want: [] },
  ], {
    hints: [
      { zh: "位置 t 的 logits 预测的是下一个词元", en: "the logits at t predict the next token" },
      { zh: "要预测 ids[t]，用位置 t − 1", en: "to predict ids[t], take position t − 1" },
      { zh: "对每个 isAnswer[t] 为真的 t ≥ 1，放入 [t − 1, ids[t]]", en: "for each t ≥ 1 with isAnswer[t], add [t − 1, ids[t]]" },
    ],
    solution: {
      zh: "(ids, isAnswer) => ids.flatMap((id, t) => (t > 0 && isAnswer[t] ? [[t - 1, id]] : []))",
      en: "(ids, isAnswer) => ids.flatMap((id, t) => (t > 0 && isAnswer[t] ? [[t - 1, id]] : []))",
    },
    mistakes: [
      { shows: (f) => gives(f, [[2, 9], [3, 4]]), say: { zh: "没有错开一位：位置 t 已经看见了词元 t，这是抄写", en: "that is not shifted: position t has seen token t, so this is copying" } },
      { shows: (f) => gives(f, [[3, 9], [4, 4]]), say: { zh: "错开的方向反了", en: "that is shifted the wrong way" } },
      { shows: (f) => gives(f, [[0, 8], [1, 9], [2, 4]]), say: { zh: "问题的词元也算进去了", en: "that counts the question's tokens too" } },
      { shows: (f) => gives(f, [[2, 4]]), say: { zh: "漏了答案的第一个词元：它由问题的最后一个位置预测", en: "the answer's first token is missing: the question's last position predicts it" } },
    ],
  }),
};
