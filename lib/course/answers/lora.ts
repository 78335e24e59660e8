/** Answers to the exercises of section 3.6.2. */
import { number, type Exercise } from "./exercise";

export const LORA: Readonly<Record<string, Exercise>> = {
  "3.6.2/1": number(16 * (2048 + 512), {
    hints: [
      { zh: "A 是 r × 512，B 是 2048 × r", en: "A is r × 512, B is 2048 × r" },
      { zh: "把两个矩阵的元素个数加起来", en: "add the sizes of the two matrices" },
      { zh: "16 × 512 + 2048 × 16 = ?", en: "16 × 512 + 2048 × 16 = ?" },
    ],
    solution: { zh: "A 有 16 × 512 = 8192 个数，B 有 2048 × 16 = 32768 个数，共 40960 个。", en: "A holds 16 × 512 = 8192 numbers, B 2048 × 16 = 32768, together 40960." },
    mistakes: [
      { value: 2048 * 512, say: { zh: "这是整个矩阵的大小", en: "that is the size of the whole matrix" } },
      { value: 16 * 16 * 2048 * 512, say: { zh: "A 与 B 的个数是相加，不是相乘", en: "the sizes of A and B are added, not multiplied" } },
      { value: 16 * 512, say: { zh: "这只是 A；还有 B", en: "that is A alone; there is B too" } },
    ],
  }),
  "3.6.2/2": number(410, {
    hints: [
      { zh: "解 r (2048 + 512) > 2048 · 512", en: "solve r (2048 + 512) > 2048 · 512" },
      { zh: "两边除以 2560", en: "divide both sides by 2560" },
      { zh: "r > 409.6，取最小的整数", en: "r > 409.6; take the smallest whole number" },
    ],
    solution: { zh: "r × 2560 > 1048576 即 r > 409.6，最小的整数是 410。", en: "r × 2560 > 1048576 means r > 409.6; the smallest whole number is 410." },
    mistakes: [
      { value: 512, say: { zh: "那是能表示任何更新的秩；个数更早就超过了", en: "that rank can express every update; the count is passed earlier" } },
      { value: 409, say: { zh: "差一点：这时还没有超过", en: "nearly: at this rank it is not passed yet" } },
      { value: 409.6, say: { zh: "秩是整数", en: "a rank is a whole number" } },
    ],
  }),
  "3.6.2/3": number(64, {
    hints: [
      { zh: "α/r 是更新的倍率", en: "α/r scales the update" },
      { zh: "本节的 α/r = 16/8", en: "in this section α/r = 16/8" },
      { zh: "α/32 = 2", en: "α/32 = 2" },
    ],
    solution: { zh: "α/r = 16/8 = 2，所以 r = 32 时 α = 2 × 32 = 64。", en: "α/r = 16/8 = 2, so with r = 32 it takes α = 2 × 32 = 64." },
    mistakes: [
      { value: 16, say: { zh: "那样 α/r 会变小", en: "then α/r would become smaller" } },
      { value: 4, say: { zh: "α 与 r 同比例变化，不是反比", en: "α goes with r, not against it" } },
      { value: 32, say: { zh: "那样 α/r = 1，而本节是 2", en: "then α/r = 1, but this section used 2" } },
    ],
  }),
};
