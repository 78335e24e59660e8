/** Answers to the exercises of section 3.4.1. */
import { code, number, type Exercise } from "./exercise";

const run = (f: (...given: unknown[]) => unknown, values: number[], k: number): string => String(f(values, k));

export const DIFF_PRUNING: Readonly<Record<string, Exercise>> = {
  "3.4.1/1": number(71.08352, {
    tolerance: 2e-3,
    hints: [
      { zh: "先算差值有多少项，再乘每一项的字节数", en: "first the number of entries, then the bytes of each" },
      { zh: "项数是 0.005 × 1 777 088 000；每一项 4 + 4 字节", en: "there are 0.005 × 1 777 088 000 entries; each takes 4 + 4 bytes" },
      { zh: "0.005 × 1777.088 × 8", en: "0.005 × 1777.088 × 8" },
    ],
    solution: { zh: "0.005 × 1 777 088 000 = 8 885 440 项，每项 8 字节，约 71.1 MB；完整拷贝（16 位）是 3554 MB。", en: "0.005 × 1 777 088 000 = 8,885,440 entries of 8 bytes: about 71.1 MB; a complete copy (16 bits) takes 3554 MB." },
    mistakes: [
      { value: 35.54176, say: { zh: "只算了值；每一项的位置也要存", en: "that counts the values only; the place of each entry is stored, too" } },
      { value: 17.77088, say: { zh: "这是 0.5 % 的 16 位拷贝；差值还要存位置，值是 32 位", en: "that is 0.5 % of a copy of 16 bits; a difference stores places too, and values of 32 bits" } },
      { value: 7108.352, say: { zh: "0.5 % 是 0.005，不是 0.5", en: "0.5 % is 0.005, not 0.5" } },
    ],
  }),
  "3.4.1/2": number(25, {
    tolerance: 1e-9,
    hints: [
      { zh: "设密度为 d，模型有 n 个参数，写出两边的字节数", en: "let d be the density and n the parameters, and write down the bytes of both" },
      { zh: "8 d n = 2 n", en: "8 d n = 2 n" },
      { zh: "d = 2 / 8，题目要百分数", en: "d = 2 / 8; the question asks for per cent" },
    ],
    solution: { zh: "8 d n = 2 n，d = 25 %。超过四分之一，不如存完整的拷贝。", en: "8 d n = 2 n gives d = 25 %. Beyond a quarter a complete copy is smaller." },
    mistakes: [
      { value: 0.25, say: { zh: "数是对的，但题目要百分数", en: "the number is right, but the question asks for per cent" } },
      { value: 50, say: { zh: "每一项是 8 字节：位置也算", en: "an entry takes 8 bytes: its place counts, too" } },
      { value: 400, say: { zh: "比反了：密度不会超过 100 %", en: "the ratio is upside down: a density is at most 100 %" } },
    ],
  }),
  "3.4.1/3": number(0.731, {
    tolerance: 1e-3,
    hints: [
      { zh: "开门的概率是 σ(α − log(−l/r))，这里 −l/r = 1", en: "an open gate has probability σ(α − log(−l/r)), and here −l/r = 1" },
      { zh: "恰好为 0 就是没有开：1 − σ(−1)", en: "exactly 0 means not open: 1 − σ(−1)" },
      { zh: "1 − 1/(1 + e)", en: "1 − 1/(1 + e)" },
    ],
    solution: { zh: "P(z > 0) = σ(−1) = 0.269，所以 P(z = 0) = 0.731。", en: "P(z > 0) = σ(−1) = 0.269, so P(z = 0) = 0.731." },
    mistakes: [
      { value: 0.2689, say: { zh: "这是门开着（z > 0）的概率", en: "that is the probability of an open gate (z > 0)" } },
      { value: 0.0685, say: { zh: "这是 z 恰好为 1 的概率", en: "that is the probability that z is exactly 1" } },
      { value: 1, say: { zh: "没有噪声时 z 确实是 0；训练中有噪声，门有时会开", en: "without noise z is 0 indeed; in training there is noise, and the gate opens at times" } },
    ],
  }),
  "3.4.1/4": code([
    { given: [[0.1, -3, 2, 0.5], 2], want: [0, -3, 2, 0] },
    { given: [[1, -1, 1], 2], want: [1, -1, 0] },
    { given: [[4, -2], 2], want: [4, -2] },
    { given: [[-5, 1, 4], 1], want: [-5, 0, 0] },
  ], {
    hints: [
      { zh: "按绝对值从大到小排下标，取前 k 个", en: "sort the indices by size, largest first, and take k of them" },
      { zh: "数组的 sort 是稳定的：相等时保持原来的先后；不要改动 values 本身", en: "an array's sort is stable: equal ones keep their order; do not change values itself" },
      { zh: "const kept = new Set(values.map((_, i) => i).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, k)); 再 map", en: "const kept = new Set(values.map((_, i) => i).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, k)); then map" },
    ],
    solution: {
      zh: "(values, k) => { const kept = new Set(values.map((_, i) => i).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, k)); return values.map((v, i) => (kept.has(i) ? v : 0)); }",
      en: "(values, k) => { const kept = new Set(values.map((_, i) => i).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, k)); return values.map((v, i) => (kept.has(i) ? v : 0)); }",
    },
    mistakes: [
      { shows: (f) => run(f, [0.1, -3, 2, 0.5], 2) === "0,0,2,0.5", say: { zh: "负的差值也可以很大：按绝对值比", en: "a negative difference can be large as well: compare sizes" } },
      { shows: (f) => run(f, [0.1, -3, 2, 0.5], 2) === "-3,2", say: { zh: "位置要保留：其余的写成 0，不要删掉", en: "keep the places: the others become 0, they are not removed" } },
      { shows: (f) => run(f, [1, -1, 1], 2) === "1,-1,1", say: { zh: "按门槛比大小，相等的就会多留；只能留 k 个", en: "comparing with a threshold keeps too many of equal size; exactly k are kept" } },
      { shows: (f) => run(f, [0.1, -3, 2, 0.5], 2) === "0.1,0,0,0.5", say: { zh: "反了：这样留下的是最小的", en: "the other way round: this keeps the smallest" } },
    ],
  }),
};
