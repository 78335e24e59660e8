/** What an exercise consists of, and the usual kinds: a number, a list of words, a function that is tried on cases, a choice, a text. */
import { isDeepStrictEqual } from "node:util";
import type { Language } from "../language";

export type Words = Record<Language, string>;
export interface Mistake {
  /** Whether an answer shows this mistake. */
  shows: (given: unknown) => boolean;
  say: Words;
}
export interface Exercise {
  right: (given: unknown) => boolean;
  mistakes: readonly Mistake[];
  /** From a nudge to nearly the answer. */
  hints: readonly [Words, Words, Words];
  solution: Words;
  /** Of a text: what it should speak of. It is never "right": words can be found, not understood. */
  rubric?: readonly Criterion[];
}
export interface Criterion {
  name: Words;
  touched: (text: string) => boolean;
}
interface Help { hints: Exercise["hints"]; solution: Words }

/** A number within a relative tolerance (0 = exact); known mistakes are numbers too. */
export function number(answer: number, { tolerance = 0, mistakes, ...help }: Help & { tolerance?: number; mistakes: readonly { value: number; say: Words }[] }): Exercise {
  const near = (value: number) => (given: unknown) => typeof given === "number" && Math.abs(given - value) <= tolerance * Math.abs(value);
  return { right: near(answer), mistakes: mistakes.map(({ value, say }) => ({ shows: near(value), say })), ...help };
}

/** A list, in this order; known mistakes are lists too. */
export function list(answer: readonly unknown[], { mistakes, ...help }: Help & { mistakes: readonly { value: readonly unknown[]; say: Words }[] }): Exercise {
  const same = (value: readonly unknown[]) => (given: unknown) => isDeepStrictEqual(given, value);
  return { right: same(answer), mistakes: mistakes.map(({ value, say }) => ({ shows: same(value), say })), ...help };
}

export type AnyFunction = (...given: never[]) => unknown;
export interface Case { given: readonly unknown[]; want: unknown }
/** A function with the wanted result in every case. A mistake is shown by the function itself, e.g. by what it returns in one case. */
export function code(cases: readonly Case[], { mistakes, ...help }: Help & { mistakes: readonly { shows: (f: (...given: unknown[]) => unknown) => boolean; say: Words }[] }): Exercise {
  // a function that throws has not shown this mistake, and is not right
  const ask = (test: (f: (...given: unknown[]) => unknown) => boolean) => (given: unknown) => {
    if (typeof given !== "function") return false;
    try { return test(given as (...given: unknown[]) => unknown); } catch { return false; }
  };
  // cases are copied, so that a function that changes what it is given cannot spoil them
  const right = ask((f) => cases.every(({ given, want }) => isDeepStrictEqual(f(...structuredClone(given)), want)));
  return { right, mistakes: mistakes.map(({ shows, say }) => ({ shows: ask(shows), say })), ...help };
}

/** One letter of several options, e.g. "B"; every wrong letter says what is wrong with it. */
export function choice(answer: string, { wrong, ...help }: Help & { wrong: Readonly<Record<string, Words>> }): Exercise {
  const chosen = (letter: string) => (given: unknown) => typeof given === "string" && given.trim().toUpperCase() === letter;
  return { right: chosen(answer), mistakes: Object.entries(wrong).map(([letter, say]) => ({ shows: chosen(letter), say })), ...help };
}

/** A short text, held against a rubric: of each point some expression should occur; an expression of a known misconception is answered. */
export function text(points: readonly { name: Words; any: RegExp }[], { mistakes, ...help }: Help & { mistakes: readonly { any: RegExp; say: Words }[] }): Exercise {
  const has = (any: RegExp) => (given: unknown) => typeof given === "string" && any.test(given);
  return { right: () => false, mistakes: mistakes.map(({ any, say }) => ({ shows: has(any), say })), rubric: points.map(({ name, any }) => ({ name, touched: has(any) })), ...help };
}
