/** The course's exercises: checked answers, hints of three levels, solutions. Questions stand in the notebooks, answers in answers/. */
import { TunelabError } from "../errors";
import { ANSWERS } from "./answers";
import type { Exercise } from "./answers/exercise";
import { remember } from "./attempts";
import { t } from "./language";

function named(name: string): Exercise {
  const exercise = Object.hasOwn(ANSWERS, name) ? ANSWERS[name] : undefined;
  if (!exercise) throw new TunelabError(`There is no exercise "${name}"; choose from ${Object.keys(ANSWERS).join(", ")}.`);
  return exercise;
}
const label = (name: string): string => t({ zh: `练习 ${name}`, en: `Exercise ${name}` });

/** Shortest text that is taken for an answer, in characters. */
const SHORTEST = 40;

/**
 * Checks the answer to an exercise, e.g. check("3.6.2/1", 40960): a number, a list, a letter, a function or a text, as the question asks. Undefined,
 * NaN or an empty text is "not answered yet", never right. A wrong answer gets what is known about its mistake, else the first hint. Of a text it is
 * said which points of the rubric it touches; whether it is right, a teacher decides. In a notebook the attempt is remembered.
 */
export function check(name: string, given?: unknown): void {
  const { right, mistakes, hints, rubric } = named(name);
  if (given === undefined || Number.isNaN(given) || given === "") return console.log(`${label(name)}: ${t({ zh: "还没有作答", en: "not answered yet" })}`);
  if (rubric) return submit(name, given, rubric, mistakes);
  if (right(given)) {
    remember({ exercise: name, verdict: "right", answer: given });
    return console.log(`${label(name)}: ✓ ${t({ zh: "正确", en: "right" })}`);
  }
  const mistake = mistakes.findIndex((m) => m.shows(given));
  remember({ exercise: name, verdict: "wrong", answer: given, ...(mistake < 0 ? {} : { mistake }) });
  console.log(`${label(name)}: ✗ ${t(mistake < 0 ? hints[0] : mistakes[mistake].say)}`);
}

function submit(name: string, given: unknown, rubric: NonNullable<Exercise["rubric"]>, mistakes: Exercise["mistakes"]): void {
  if (typeof given !== "string" || given.trim().length < SHORTEST) return console.log(`${label(name)}: ${t({ zh: `请写一段至少 ${SHORTEST} 个字的文字`, en: `write a text of at least ${SHORTEST} characters` })}`);
  const touched = rubric.filter((c) => c.touched(given)), missing = rubric.filter((c) => !c.touched(given)), mistake = mistakes.findIndex((m) => m.shows(given));
  remember({ exercise: name, verdict: "submitted", answer: given, ...(mistake < 0 ? {} : { mistake }), points: [touched.length, rubric.length] });
  console.log(`${label(name)}: ${t({ zh: `已提交，涉及 ${touched.length}/${rubric.length} 个要点（只查关键词，对错由教师评判）`, en: `submitted; it touches ${touched.length} of ${rubric.length} points (only words are looked for; your teacher judges)` })}`);
  if (mistake >= 0) console.log(`  ! ${t(mistakes[mistake].say)}`);
  for (const { name: point } of missing) console.log(`  · ${t({ zh: "还没有谈到：", en: "not yet spoken of: " })}${t(point)}`);
}

/** Shows a hint: level 1 is a nudge, level 3 nearly the answer. */
export function hint(name: string, level: 1 | 2 | 3 = 1): void {
  const { hints } = named(name);
  if (![1, 2, 3].includes(level)) throw new TunelabError(`hint: there is no level ${level}; choose 1, 2 or 3.`);
  console.log(`${label(name)}, ${t({ zh: "提示", en: "hint" })} ${level}/3: ${t(hints[level - 1])}`);
}

/** Shows the worked solution. */
export function solution(name: string): void {
  console.log(`${label(name)}, ${t({ zh: "解答：", en: "solution: " })}${t(named(name).solution)}`);
}
