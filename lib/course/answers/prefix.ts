/** Answers to the exercises of section 3.6.3. */
import { code, number, type Exercise } from "./exercise";

export const PREFIX: Readonly<Record<string, Exercise>> = {
  "3.6.3/1": number(2 * 20 * 28 * 256, {
    hints: [
      { zh: "每层的键和值都有前缀，宽度是键值头的总宽", en: "every layer has a prefix of keys and one of values, as wide as all key-value heads together" },
      { zh: "k = 2 × 128 = 256，公式是 2nLk", en: "k = 2 × 128 = 256; the formula is 2nLk" },
      { zh: "2 × 20 × 28 × 256", en: "2 × 20 × 28 × 256" },
    ],
    solution: { zh: "2nLk = 2 × 20 × 28 × 256 = 286720，是全部参数的 0.016 %。", en: "2nLk = 2 × 20 × 28 × 256 = 286720, which is 0.016 % of all parameters." },
    mistakes: [
      { value: 20 * 28 * 256, say: { zh: "键和值各有一份", en: "keys and values have one each" } },
      { value: 2 * 20 * 28 * 1536, say: { zh: "键和值的宽度是 2 × 128 = 256，不是 d", en: "keys and values are 2 × 128 = 256 wide, not d" } },
      { value: 20 * 1536, say: { zh: "那是输入嵌入前缀；K/V 前缀在每一层都有", en: "that is a prefix of input embeddings; the K/V prefix is in every layer" } },
      { value: 2 * 20 * 256, say: { zh: "这是一层的；有 28 层", en: "that is one layer; there are 28" } },
    ],
  }),
  "3.6.3/2": number((2 * 28 * 256) / 1536, {
    tolerance: 1e-3,
    hints: [
      { zh: "两个数都与 n 成正比，n 会约掉", en: "both grow with n, so n cancels" },
      { zh: "2Lk 比 d", en: "2Lk to d" },
      { zh: "2 × 28 × 256 / 1536", en: "2 × 28 × 256 / 1536" },
    ],
    solution: { zh: "2Lk/d = 14336/1536 ≈ 9.33 倍。键值头少（分组查询）的模型，这个倍数小于 2L = 56。", en: "2Lk/d = 14336/1536, about 9.33. With few key-value heads (grouped queries) it is less than 2L = 56." },
    mistakes: [
      { value: 56, say: { zh: "键和值的宽度不是 d：这个模型只有 2 个键值头", en: "keys and values are not d wide: this model has 2 key-value heads only" } },
      { value: 1536 / (2 * 28 * 256), say: { zh: "倒过来了", en: "the other way round" } },
      { value: (28 * 256) / 1536, say: { zh: "键和值各有一份", en: "keys and values have one each" } },
    ],
  }),
  "3.6.3/3": number(62, {
    hints: [
      { zh: "前缀、问题和回答共用这些位置", en: "prefix, question and answer share the positions" },
      { zh: "n + 300 + 150 ≤ 512", en: "n + 300 + 150 ≤ 512" },
      { zh: "512 − 450", en: "512 − 450" },
    ],
    solution: { zh: "512 − 300 − 150 = 62。更长的前缀会挤掉问题或回答。", en: "512 − 300 − 150 = 62. A longer one would push out question or answer." },
    mistakes: [
      { value: 212, say: { zh: "回答也要占位置", en: "the answer takes positions as well" } },
      { value: 362, say: { zh: "问题也要占位置", en: "the question takes positions as well" } },
      { value: 61, say: { zh: "恰好占满 512 个位置是可以的", en: "all 512 positions may be used" } },
    ],
  }),
  "3.6.3/4": code([
    { given: [2, 3], want: [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]] },
    { given: [0, 2], want: [[1, 0], [1, 1]] },
    { given: [3, 1], want: [[1, 1, 1, 1]] },
  ], {
    hints: [
      { zh: "前缀在最前面：每个文字词元都能看见整个前缀", en: "the prefix comes first: every text token sees all of it" },
      { zh: "文字部分是因果的：第 t 个词元看见第 0 到第 t 个", en: "the text is causal: token t sees tokens 0 to t" },
      { zh: "第 t 行第 j 列是 1，当且仅当 j ≤ n + t", en: "row t, column j is 1 exactly where j ≤ n + t" },
    ],
    solution: {
      zh: "(n, T) => Array.from({ length: T }, (_, t) => Array.from({ length: n + T }, (_, j) => (j <= n + t ? 1 : 0)))",
      en: "(n, T) => Array.from({ length: T }, (_, t) => Array.from({ length: n + T }, (_, j) => (j <= n + t ? 1 : 0)))",
    },
    mistakes: [
      { shows: (f) => String(f(2, 3)) === "1,0,0,0,0,1,1,0,0,0,1,1,1,0,0", say: { zh: "前缀不是因果的：第一个词元就能看见整个前缀", en: "the prefix is not hidden step by step: the first token sees all of it" } },
      { shows: (f) => String(f(2, 3)) === "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", say: { zh: "文字不能看见后面的文字", en: "text must not see the text that follows" } },
      { shows: (f) => String(f(2, 3)) === "1,1,0,0,0,1,1,1,0,0,1,1,1,1,0", say: { zh: "每个词元也能看见自己", en: "each token sees itself, too" } },
    ],
  }),
};
