/** The course's exercises: checked answers, hints of three levels, solutions. Questions stand in the notebooks, answers in answers/. */
import { TunelabError } from "../errors";
import { ANSWERS } from "./answers";
import type { Exercise } from "./answers/exercise";
import { t } from "./language";

function named(name: string): Exercise {
  const exercise = Object.hasOwn(ANSWERS, name) ? ANSWERS[name] : undefined;
  if (!exercise) throw new TunelabError(`There is no exercise "${name}"; choose from ${Object.keys(ANSWERS).join(", ")}.`);
  return exercise;
}
const label = (name: string): string => t({ zh: `练习 ${name}`, en: `Exercise ${name}` });

/**
 * Checks the answer to an exercise, e.g. check("3.6.2/1", 40960): a number, a list or a function, as the question asks. Undefined or NaN is
 * "not answered yet", never right. A wrong answer gets what is known about its mistake, else the first hint.
 */
export function check(name: string, given?: unknown): void {
  const { right, mistakes, hints } = named(name);
  if (given === undefined || Number.isNaN(given)) return console.log(`${label(name)}: ${t({ zh: "还没有作答", en: "not answered yet" })}`);
  if (right(given)) return console.log(`${label(name)}: ✓ ${t({ zh: "正确", en: "right" })}`);
  console.log(`${label(name)}: ✗ ${t(mistakes.find((m) => m.shows(given))?.say ?? hints[0])}`);
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
