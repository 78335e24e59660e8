/** A student's progress is added to and never lost; reports and the class are counted right; the course's data agree with its notebooks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, beforeEach, mock, test } from "node:test";
import { attempts, check, classReport, exercisesOf, readReports, report, sections, showContents, showProgress, standings } from "tunelab/course";
import { userError } from "../support/compare";

const folder = mkdtempSync(join(tmpdir(), "tunelab-progress-")), file = join(folder, "deep", "answers.jsonl");
after(() => rmSync(folder, { recursive: true, force: true }));
const tunelab = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((done) => execFile(process.execPath, [resolve("lib/dist/cli.js"), ...args], (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, stdout, stderr })));
const said = (work: () => void): string => {
  const log = mock.method(console, "log", () => undefined);
  try { work(); } finally { log.mock.restore(); }
  return log.mock.calls.map((call) => call.arguments.join(" ")).join("\n");
};
beforeEach(() => { process.env.TUNELAB_PROGRESS = file; rmSync(join(folder, "deep"), { recursive: true, force: true }); });
after(() => { delete process.env.TUNELAB_PROGRESS; });

test("attempts are kept in order, with their mistakes; not answered is no attempt", () => {
  for (const answer of [undefined, NaN, 1048576, 7, 40960, 5]) said(() => check("3.6.2/1", answer));
  const f = (s: number) => s;
  said(() => check("3.4.2/3", f));
  const { attempts: list, damaged } = attempts();
  assert.deepEqual(list.map(({ exercise, verdict, mistake }) => [exercise, verdict, mistake]), [["3.6.2/1", "wrong", 0], ["3.6.2/1", "wrong", undefined], ["3.6.2/1", "right", undefined], ["3.6.2/1", "wrong", undefined], ["3.4.2/3", "wrong", 2]]);
  assert.equal(damaged, 0);
  assert.equal(list[4].answer, String(f), "a function is kept as its source");
  const lora = standings(list).get("3.6.2/1")!;
  assert.deepEqual([lora.verdict, lora.tries, lora.mistakes, lora.answer], ["right", 4, [0], 40960], "right once is right");
});

test("a line that a crash cut off costs only itself", () => {
  said(() => check("3.6.2/1", 40960));
  appendFileSync(file, '{"time":"2026-01-01T00:00:00Z","exercise":"3.6.2/2","verd');
  said(() => check("3.6.2/3", 64));
  appendFileSync(file, "null\n[]\n{\"exercise\":1}\n");
  const { attempts: list, damaged } = attempts();
  assert.deepEqual(list.map((a) => a.exercise), ["3.6.2/1", "3.6.2/3"]);
  assert.equal(damaged, 4);
});

test("progress that cannot be written is said, and the check still counts", () => {
  writeFileSync(join(folder, "deep"), "a file where a folder should be");
  assert.match(said(() => check("3.6.2/1", 40960)), /could not be saved[^]*✓/);
  rmSync(join(folder, "deep"));
});

test("a report is the standing of every exercise that was tried; a class counts them", async () => {
  const reports = join(folder, "reports");
  mkdirSync(reports, { recursive: true });
  const student = (name: string, answers: [string, unknown][], out = name) => {
    process.env.TUNELAB_PROGRESS = join(folder, `${out}.jsonl`);
    for (const [exercise, answer] of answers) said(() => check(exercise, answer));
    writeFileSync(join(reports, `${out}.json`), JSON.stringify(report(name)));
  };
  const essay = "Each layer gets keys and values; the MLP is dropped, loss on the answer, from a real prompt.";
  student("甲", [["3.6.2/1", 1048576], ["3.6.2/1", 40960], ["practice/5", essay]]);
  student("乙", [["3.6.2/1", 1048576]]);
  student("丙", [], "old");
  await new Promise((done) => setTimeout(done, 5));
  student("丙", [["3.6.2/2", 410]], "new");
  const found = classReport(readReports(reports)), of = (name: string) => found.students.find((s) => s.student === name)!;
  assert.equal(found.students.length, 3, "the newer report of one student counts");
  assert.deepEqual([of("甲").right, of("甲").submitted, of("甲").wrong, of("甲").tries], [1, 1, 0, 3]);
  assert.deepEqual([of("乙").right, of("乙").wrong], [0, 1]);
  assert.equal(of("丙").right, 1);
  const lora = found.exercises.find((e) => e.exercise === "3.6.2/1")!;
  assert.deepEqual([lora.right, lora.wrong, lora.submitted, lora.open, lora.tries, lora.mistake?.students], [1, 1, 0, 1, 1.5, 2]);
  assert.match(lora.mistake!.say.en, /size of the whole matrix/);
  assert.deepEqual(found.texts.map((t) => [t.exercise, t.student, t.text]), [["practice/5", "甲", essay]]);
  const printed = await tunelab("class", "--reports", reports);
  assert.equal(printed.code, 0, printed.stderr);
  assert.match(printed.stdout, /3\.6\.2\/1/);
  assert.match(printed.stdout, /2 × that is the size of the whole matrix/);
  assert.deepEqual(JSON.parse((await tunelab("class", "--reports", reports, "--json")).stdout), JSON.parse(JSON.stringify(found)));

  writeFileSync(join(reports, "other.json"), JSON.stringify({ format: "x" }));
  assert.throws(() => readReports(reports), userError(/other\.json: is no progress report/));
  writeFileSync(join(reports, "other.json"), "{");
  assert.throws(() => readReports(reports), userError(/other\.json: is not valid JSON/));
  assert.throws(() => readReports(join(folder, "nowhere")), userError(/no \.json file/));
  assert.throws(() => report("  "), userError(/name or number is empty/));
});

test("tunelab progress shows every exercise and writes the report", async () => {
  said(() => check("3.6.2/1", 40960));
  const table = await tunelab("progress", "--file", file);
  assert.match(table.stdout, /3\.6\.2\/1\s+right\s+1/);
  assert.match(table.stdout, /thinking\/5\s+not answered/);
  const out = join(folder, "report.json"), made = await tunelab("progress", "--file", file, "--student", "20260001", "--out", out);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(JSON.parse(readFileSync(out, "utf8")).exercises["3.6.2/1"].verdict, "right");
});

test("every section of the course has a notebook, and every notebook at least three exercises that it asks", () => {
  const sources = readdirSync("notebooks/src").map((f) => f.replace(/\.ts$/, ""));
  assert.deepEqual(sections().map((s) => s.name).sort(), sources.sort());
  for (const { name } of sections()) {
    const asked = exercisesOf(name), text = readFileSync(resolve("notebooks/src", `${name}.ts`), "utf8");
    if (name !== "index") assert.ok(asked.length >= 3, `${name}: ${asked.length} exercises`);
    for (const exercise of asked) assert.ok(text.includes(`check("${exercise}"`), `${name} does not ask ${exercise}`);
    assert.ok(existsSync(`notebooks/zh/${name}.ipynb`));
  }
});

test("the index shows what was answered; nothing unanswered is shown as done", () => {
  said(() => check("3.6.2/1", 40960));
  said(() => check("3.6.2/2", 1));
  assert.match(said(showContents), /3\.6\.2 LoRA.*✓ ✗ ·.* 1\/3/);
  assert.match(said(showProgress), /exercises: 1 right, 0 submitted, 1 not right yet, \d+ not answered yet/);
});
