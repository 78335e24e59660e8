/** What a teacher sees of a class: the reports that students exported (`tunelab progress --student`), joined by student and by exercise. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { ANSWERS } from "./answers";
import type { Words } from "./answers/exercise";
import { REPORT_FORMAT, tally, VERDICTS, type Report } from "./attempts";

/** Reads every .json of a folder; what is not a report is refused by name. Of several by one student the newest counts. */
export function readReports(folder: string): Report[] {
  const files = fs.existsSync(folder) && fs.statSync(folder).isDirectory() ? fs.readdirSync(folder).filter((f) => f.endsWith(".json")).sort() : [];
  if (!files.length) throw new TunelabError(`${folder}: holds no .json file; collect there what students exported with \`tunelab progress --student NAME --out FILE\`.`);
  const newest = new Map<string, Report>();
  for (const file of files) {
    const where = path.join(folder, file);
    let value: Report;
    try { value = JSON.parse(fs.readFileSync(where, "utf8")) as Report; } catch (error) { throw new TunelabError(`${where}: is not valid JSON (${(error as Error).message}); ask for the file again.`); }
    const exercises = value?.exercises;
    const good = value?.format === REPORT_FORMAT && typeof value.student === "string" && typeof exercises === "object" && exercises !== null
      && Object.values(exercises).every((s) => VERDICTS.includes(s?.verdict) && Number.isInteger(s.tries) && Array.isArray(s.mistakes));
    if (!good) throw new TunelabError(`${where}: is no progress report of this course (format ${REPORT_FORMAT}); ask the student to export again.`);
    const before = newest.get(value.student);
    if (!before || before.exported < value.exported) newest.set(value.student, value);
  }
  return [...newest.values()].sort((a, b) => a.student.localeCompare(b.student));
}

export interface ClassReport {
  students: { student: string; right: number; submitted: number; wrong: number; open: number; tries: number; exported: string }[];
  exercises: {
    exercise: string; right: number; submitted: number; wrong: number; open: number;
    /** Attempts for each student who tried. */
    tries: number;
    /** The mistake that most students made, if any was recognised. */
    mistake?: { students: number; say: Words };
  }[];
  /** Texts to be read, by exercise. */
  texts: { exercise: string; student: string; points?: [number, number]; text: string }[];
}
/** Counts by student and by exercise over all exercises of the course. */
export function classReport(reports: readonly Report[]): ClassReport {
  const names = Object.keys(ANSWERS), known = (r: Report, e: string) => (Object.hasOwn(r.exercises, e) ? r.exercises[e] : undefined);
  return {
    students: reports.map((r) => ({ student: r.student, ...tally(names.map((e) => known(r, e)?.verdict)), tries: names.reduce((n, e) => n + (known(r, e)?.tries ?? 0), 0), exported: r.exported })),
    exercises: names.map((exercise) => {
      const standing = reports.map((r) => known(r, exercise)), tried = standing.filter((s) => s !== undefined), { mistakes } = ANSWERS[exercise];
      const made = mistakes.map((m, i) => ({ students: tried.filter((s) => s.mistakes.includes(i)).length, say: m.say })).sort((a, b) => b.students - a.students)[0];
      return { exercise, ...tally(standing.map((s) => s?.verdict)), tries: tried.length ? tried.reduce((n, s) => n + s.tries, 0) / tried.length : 0, ...(made?.students ? { mistake: made } : {}) };
    }),
    texts: names.filter((e) => ANSWERS[e].rubric).flatMap((exercise) => reports.flatMap((r) => {
      const s = known(r, exercise);
      return s?.verdict === "submitted" ? [{ exercise, student: r.student, points: s.points, text: String(s.answer) }] : [];
    })),
  };
}
