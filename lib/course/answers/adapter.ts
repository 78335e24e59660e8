/** Answers to the exercises of section 3.6.1. */
import { code, number, type Exercise } from "./exercise";

const LISTING = 28 * (2 * 1536 * 48 + 48 + 1536), MODEL = 1_777_088_000;

export const ADAPTER: Readonly<Record<string, Exercise>> = {
  "3.6.1/1": number(LISTING, {
    hints: [
      { zh: "先求瓶颈的宽度 r = d / 32", en: "first the width of the bottleneck, r = d / 32" },
      { zh: "每处有两个矩阵和两个偏置：2dr + r + d", en: "each place has two matrices and two biases: 2dr + r + d" },
      { zh: "r = 48：28 × (2 × 1536 × 48 + 48 + 1536)", en: "r = 48: 28 × (2 × 1536 × 48 + 48 + 1536)" },
    ],
    solution: { zh: "r = 1536/32 = 48，每层 2 × 1536 × 48 + 48 + 1536 = 149040 个，28 层共 4173120 个。", en: "r = 1536/32 = 48, so 2 × 1536 × 48 + 48 + 1536 = 149040 a layer, and 4173120 in 28 layers." },
    mistakes: [
      { value: 28 * 2 * 1536 * 48, say: { zh: "漏了两个偏置", en: "the two biases are missing" } },
      { value: 2 * LISTING, say: { zh: "清单只在前馈网络之后放一个，不是两个", en: "the listing puts one in each layer, behind the feed-forward network, not two" } },
      { value: 28 * (2 * 1536 * 32 + 32 + 1536), say: { zh: "32 是压缩的倍数，不是瓶颈的宽度", en: "32 is the factor of reduction, not the width of the bottleneck" } },
      { value: 149040, say: { zh: "这是一层的；有 28 层", en: "that is one layer; there are 28" } },
    ],
  }),
  "3.6.1/2": number(103, {
    hints: [
      { zh: "一共 56 处，每处 2dr + r + d 个数", en: "there are 56 places of 2dr + r + d numbers" },
      { zh: "解 56 (3073 r + 1536) ≥ 17770880", en: "solve 56 (3073 r + 1536) ≥ 17770880" },
      { zh: "r ≥ (317337.2 − 1536) / 3073，取最小的整数", en: "r ≥ (317337.2 − 1536) / 3073; take the smallest whole number" },
    ],
    solution: { zh: "56 (3073 r + 1536) ≥ 17770880 即 r ≥ 102.77，最小的整数是 103；清单用的是 48，而且只有一处。", en: "56 (3073 r + 1536) ≥ 17770880 means r ≥ 102.77; the smallest whole number is 103. The listing has 48, and one place only." },
    mistakes: [
      { value: 102, say: { zh: "差一点：这时还不到 1 %", en: "nearly: at this width it is not 1 % yet" } },
      { value: 207, say: { zh: "这是每层一处；题目是两处", en: "that is for one place a layer; the question has two" } },
      { value: 2891, say: { zh: "漏了层数：28 层都有", en: "all 28 layers have them" } },
    ],
  }),
  "3.6.1/3": number((20 * MODEL) / (MODEL + 20 * LISTING), {
    tolerance: 3e-3,
    hints: [
      { zh: "方案二也要存一份底座", en: "plan two stores the base as well, once" },
      { zh: "方案一 20 N；方案二 N + 20 n", en: "plan one: 20 N; plan two: N + 20 n" },
      { zh: "20 × 1777088000 / (1777088000 + 20 × 4173120)", en: "20 × 1777088000 / (1777088000 + 20 × 4173120)" },
    ],
    solution: { zh: "20 N / (N + 20 n)，N = 1777088000，n = 4173120，约为 19.1 倍：Adapter 几乎不占地方，占地方的是那一份底座。", en: "20 N / (N + 20 n) with N = 1777088000 and n = 4173120 is about 19.1: adapters take next to nothing, the one base takes it all." },
    mistakes: [
      { value: MODEL / LISTING, say: { zh: "方案二的底座也要算进去", en: "plan two needs the base, too" } },
      { value: 20, say: { zh: "20 个 Adapter 也占一点地方；保留一位小数", en: "the 20 adapters take a little as well; give one decimal" } },
      { value: (MODEL + 20 * LISTING) / (20 * MODEL), say: { zh: "倒过来了：题目问方案一是方案二的多少倍", en: "the other way round: how many times plan two is plan one" } },
    ],
  }),
  "3.6.1/4": code([
    { given: [[1, 2], [[1, 0]], [[1], [1]]], want: [2, 3] },
    { given: [[1, 2], [[-1, 0]], [[1], [1]]], want: [1, 2] },
    { given: [[1, -2, 3], [[1, 1, 1], [0, 1, 0]], [[1, 5], [0, 5], [-3, 5]]], want: [3, -2, -3] },
  ], {
    hints: [
      { zh: "三步：降维，ReLU，升维；不要忘了跳接", en: "three steps: down, ReLU, up; and do not forget the skip connection" },
      { zh: "z 的第 i 个数是 max(0, Σ_j down[i][j] h[j])", en: "entry i of z is max(0, Σ_j down[i][j] h[j])" },
      { zh: "y 的第 k 个数是 h[k] + Σ_i up[k][i] z[i]", en: "entry k of y is h[k] + Σ_i up[k][i] z[i]" },
    ],
    solution: {
      zh: "(h, down, up) => { const z = down.map((w) => Math.max(0, w.reduce((s, v, j) => s + v * h[j], 0))); return up.map((w, k) => h[k] + w.reduce((s, v, i) => s + v * z[i], 0)); }",
      en: "(h, down, up) => { const z = down.map((w) => Math.max(0, w.reduce((s, v, j) => s + v * h[j], 0))); return up.map((w, k) => h[k] + w.reduce((s, v, i) => s + v * z[i], 0)); }",
    },
    mistakes: [
      { shows: (f) => String(f([1, 2], [[1, 0]], [[1], [1]])) === "1,1", say: { zh: "少了跳接：还要加上 h", en: "the skip connection is missing: add h" } },
      { shows: (f) => String(f([1, 2], [[-1, 0]], [[1], [1]])) === "0,1", say: { zh: "少了 ReLU：降维以后负数变成 0", en: "ReLU is missing: behind the down projection negative numbers become 0" } },
      { shows: (f) => String(f([1, -2, 3], [[1, 1, 1], [0, 1, 0]], [[1, 5], [0, 5], [-3, 5]])) === "3,0,0", say: { zh: "ReLU 在降维之后、升维之前，不在最后", en: "ReLU stands between the down and the up projection, not at the end" } },
    ],
  }),
};
