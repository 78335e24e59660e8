/** tunelab progress: a student's standing, and the report to hand in. tunelab class: what a teacher reads out of a folder of reports. */
import { attempts, classReport, progressFile, readReports, report, sections, exercisesOf, standings, t } from "../course";
import { tableText } from "../course/table";
import { writeText } from "../model";
import type { Arguments, Command } from "./arguments";

export const progress: Command = {
  summary: "a student's exercises: how they stand, and a report for the teacher",
  flags: {
    student: { value: "NAME", help: "name or number of the student: writes a report" },
    out: { value: "FILE", help: "where the report goes", default: "progress-report.json" },
    file: { value: "FILE", help: "record of attempts; default: the course's progress/answers.jsonl" },
  },
  examples: ["tunelab progress", "tunelab progress --student 20260001 --out 20260001.json"],
  async run(args: Arguments) {
    const file = args.text("file") ?? progressFile();
    if (args.text("student") !== undefined) {
      const made = report(args.text("student")!, file), out = args.need("out");
      writeText(out, `${JSON.stringify(made, null, 1)}\n`);
      if (args.has("json")) process.stdout.write(`${JSON.stringify(made)}\n`);
      else console.log(`${out}: ${Object.keys(made.exercises).length} exercises of ${made.student}`);
      return 0;
    }
    const { attempts: list, damaged } = attempts(file), standing = standings(list);
    if (args.has("json")) process.stdout.write(`${JSON.stringify({ file, damaged, exercises: Object.fromEntries(standing) })}\n`);
    else {
      const rows = sections().flatMap(({ name, title }) => exercisesOf(name).map((exercise) => ({ section: t(title), exercise, standing: standing.get(exercise)?.verdict ?? "not answered", tries: standing.get(exercise)?.tries ?? 0 })));
      console.log(`${tableText(rows)}\n${file}: ${list.length} attempts${damaged ? `, ${damaged} damaged lines left out` : ""}`);
    }
    return 0;
  },
};

export const classCommand: Command = {
  summary: "a class: standing by student and by exercise, frequent mistakes, texts to read",
  flags: { reports: { value: "DIR", help: "folder of students' reports (tunelab progress --student)", required: true } },
  examples: ["tunelab class --reports reports", "tunelab class --reports reports --json > class.json"],
  async run(args: Arguments) {
    const found = classReport(readReports(args.need("reports")));
    if (args.has("json")) { process.stdout.write(`${JSON.stringify(found)}\n`); return 0; }
    console.log(tableText(found.students));
    console.log(`\n${tableText(found.exercises.filter((e) => e.right + e.wrong + e.submitted).map(({ mistake, ...e }) => ({ ...e, "frequent mistake": mistake ? `${mistake.students} × ${t(mistake.say)}` : "" })))}`);
    for (const { exercise, student, points, text } of found.texts) console.log(`\n${exercise}, ${student}${points ? ` (${points[0]}/${points[1]} points)` : ""}:\n${text}`);
    return 0;
  },
};
