/** The course's exercises: what is right, what is a known mistake, and what helps. Questions stand in the notebooks. */
import { TunelabError } from "../errors";
import { t, type Language } from "./language";

type Words = Record<Language, string>;
interface NumberExercise {
  answer: number;
  /** Largest allowed relative difference; 0 = exact. */
  tolerance: number;
  hint: Words;
  /** Values that show a known mistake, with what to say about it. */
  mistakes: { value: number; say: Words }[];
}

const EXERCISES: Record<string, NumberExercise> = {
  "3.6.2/1": {
    answer: 16 * (2048 + 512), tolerance: 0, hint: { zh: "A 是 r × 512，B 是 2048 × r", en: "A is r × 512, B is 2048 × r" },
    mistakes: [
      { value: 2048 * 512, say: { zh: "这是整个矩阵的大小", en: "that is the size of the whole matrix" } },
      { value: 16 * 16 * 2048 * 512, say: { zh: "A 与 B 的个数是相加，不是相乘", en: "the sizes of A and B are added, not multiplied" } },
      { value: 16 * 512, say: { zh: "这只是 A；还有 B", en: "that is A alone; there is B too" } },
    ],
  },
  "3.6.2/2": {
    answer: 410, tolerance: 0, hint: { zh: "解 r (2048 + 512) > 2048 · 512", en: "solve r (2048 + 512) > 2048 · 512" },
    mistakes: [
      { value: 512, say: { zh: "那是能表示任何更新的秩；个数更早就超过了", en: "that rank can express every update; the count is passed earlier" } },
      { value: 409, say: { zh: "差一点：这时还没有超过", en: "nearly: at this rank it is not passed yet" } },
      { value: 409.6, say: { zh: "秩是整数", en: "a rank is a whole number" } },
    ],
  },
  "3.6.2/3": {
    answer: 64, tolerance: 0, hint: { zh: "α/r 是更新的倍率", en: "α/r scales the update" },
    mistakes: [
      { value: 16, say: { zh: "那样 α/r 会变小", en: "then α/r would become smaller" } },
      { value: 4, say: { zh: "α 与 r 同比例变化，不是反比", en: "α goes with r, not against it" } },
      { value: 32, say: { zh: "那样 α/r = 1，而本节是 2", en: "then α/r = 1, but this section used 2" } },
    ],
  },
};

/** Checks the answer to an exercise, e.g. check("3.6.2/1", 40960). Undefined or NaN is "not answered yet", never right. */
export function check(name: string, given?: number): void {
  const exercise = EXERCISES[name];
  if (!exercise) throw new TunelabError(`There is no exercise "${name}"; choose from ${Object.keys(EXERCISES).join(", ")}.`);
  const near = (value: number) => Math.abs((given as number) - value) <= exercise.tolerance * Math.abs(value);
  const label = t({ zh: `练习 ${name}`, en: `Exercise ${name}` });
  if (given === undefined || Number.isNaN(given)) return console.log(`${label}: ${t({ zh: "还没有作答", en: "not answered yet" })}`);
  if (near(exercise.answer)) return console.log(`${label}: ✓ ${t({ zh: "正确", en: "right" })}`);
  console.log(`${label}: ✗ ${t(exercise.mistakes.find((m) => near(m.value))?.say ?? exercise.hint)}`);
}
