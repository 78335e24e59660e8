/**
 * What a student has answered: a line an attempt in progress/answers.jsonl of the course (TUNELAB_PROGRESS names another file). Lines are only
 * ever added, so that nothing is lost: not by a kernel that dies, a second notebook that is open, or a wrong answer after a right one.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { inKernel } from "./display";
import { t } from "./language";
import { courseFile } from "./place";

/** "submitted": a text, of which a program can only say which points it touches; a teacher decides. */
export const VERDICTS = ["right", "wrong", "submitted"] as const;
export type Verdict = (typeof VERDICTS)[number];
export interface Answered {
  /** ISO 8601. */
  time: string;
  exercise: string;
  verdict: Verdict;
  /** A number, a list or a text; a function as its source. */
  answer: unknown;
  /** Number of the recognised mistake, from 0. */
  mistake?: number;
  /** Points of the rubric that a text touches, and how many there are. */
  points?: [touched: number, all: number];
}

/** Where attempts are kept. */
export const progressFile = (): string => process.env.TUNELAB_PROGRESS || path.join(path.dirname(courseFile("notebooks")), "progress", "answers.jsonl");

/** Only a student's own work counts: not the runs in which notebooks are built or tested. */
const counts = (): boolean => !!process.env.TUNELAB_PROGRESS || (inKernel() && process.env.TUNELAB_STATIC !== "1" && process.env.TUNELAB_QUICK !== "1");

let warned = false;
/** Adds an attempt. Where it cannot be written the student is told, once; the check itself still counts. */
export function remember(attempt: Omit<Answered, "time">): void {
  if (!counts()) return;
  const answer = typeof attempt.answer === "function" ? String(attempt.answer) : attempt.answer;
  try {
    const file = progressFile();
    fs.mkdirSync(path.dirname(file), { recursive: true });
    // a line that a crash cut off must not swallow this one
    const torn = fs.existsSync(file) && !endsWithNewline(file);
    fs.appendFileSync(file, `${torn ? "\n" : ""}${JSON.stringify({ time: new Date().toISOString(), ...attempt, answer })}\n`);
  } catch (error) {
    if (!warned) console.log(t({ zh: `（进度没有保存：${(error as Error).message}）`, en: `(Your progress could not be saved: ${(error as Error).message})` }));
    warned = true;
  }
}
function endsWithNewline(file: string): boolean {
  const fd = fs.openSync(file, "r");
  try {
    const { size } = fs.fstatSync(fd), last = Buffer.alloc(1);
    return size === 0 || (fs.readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === 10);
  } finally { fs.closeSync(fd); }
}

const isAttempt = (x: unknown): x is Answered => {
  const a = x as Answered | null;
  return typeof a === "object" && a !== null && typeof a.exercise === "string" && typeof a.time === "string" && VERDICTS.includes(a.verdict);
};
/** All attempts, oldest first; lines that a crash or an editor damaged are left out and counted. */
export function attempts(file = progressFile()): { attempts: Answered[]; damaged: number } {
  if (!fs.existsSync(file)) return { attempts: [], damaged: 0 };
  const found: Answered[] = [];
  let damaged = 0;
  for (const line of fs.readFileSync(file, "utf8").split("\n")) {
    if (!line.trim()) continue;
    let value: unknown;
    try { value = JSON.parse(line); } catch { /* torn */ }
    if (isAttempt(value)) found.push(value); else damaged++;
  }
  return { attempts: found, damaged };
}

/** Where a student stands with one exercise. */
export interface Standing {
  /** Right once is right; a text is submitted; what was never answered has no standing. */
  verdict: Verdict;
  tries: number;
  /** Time of the first right (or the last) attempt. */
  time: string;
  answer: unknown;
  /** Recognised mistakes made on the way, by number. */
  mistakes: number[];
  points?: [number, number];
}
export function standings(list: readonly Answered[]): Map<string, Standing> {
  const found = new Map<string, Standing>();
  for (const { exercise, verdict, time, answer, mistake, points } of list) {
    const before = found.get(exercise), mistakes = [...(before?.mistakes ?? []), ...(mistake === undefined ? [] : [mistake])], tries = (before?.tries ?? 0) + 1;
    found.set(exercise, before?.verdict === "right" ? { ...before, tries, mistakes } : { verdict, tries, time, answer, mistakes, points });
  }
  return found;
}

/** How many verdicts there are of each kind; none = the exercise is open. */
export function tally(verdicts: readonly (Verdict | undefined)[]): Record<Verdict | "open", number> {
  const count = (wanted?: Verdict) => verdicts.filter((v) => v === wanted).length;
  return { right: count("right"), submitted: count("submitted"), wrong: count("wrong"), open: count() };
}

/** Format of what a student hands in. */
export const REPORT_FORMAT = "tunelab-progress/1";
/** What a student hands in. */
export interface Report { format: typeof REPORT_FORMAT; student: string; exported: string; damaged: number; exercises: Record<string, Standing> }
/** @throws TunelabError without a name */
export function report(student: string, file = progressFile()): Report {
  if (!student.trim()) throw new TunelabError("report: the student's name or number is empty; give one, so that the teacher knows whose work this is.");
  const { attempts: list, damaged } = attempts(file);
  return { format: REPORT_FORMAT, student: student.trim(), exported: new Date().toISOString(), damaged, exercises: Object.fromEntries(standings(list)) };
}
