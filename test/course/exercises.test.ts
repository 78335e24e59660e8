/** Exercises: every answer is right, every known mistake is recognised as itself, help comes in three levels and both languages. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { check, hint, solution } from "tunelab/course";
import { removeStopWords } from "tunelab/text";
import { answers } from "./internal";
import { userError } from "../support/compare";

function said(work: () => void): string {
  const log = mock.method(console, "log", () => undefined);
  try { work(); } finally { log.mock.restore(); }
  return log.mock.calls.map((call) => call.arguments.join(" ")).join("\n");
}

const stop = (f: (w: string, stop: Set<string>, keep: Set<string>) => boolean) => (words: string[], s: Set<string>, k: Set<string>) => words.filter((w) => f(w, s, k));
/** Right answers, and one answer for each known mistake in its order. */
const GIVEN: Record<string, { right: unknown; wrong: unknown[] }> = {
  "3.2.1/1": { right: 1e10, wrong: [100, 11, 20, 10] },
  "3.2.1/2": { right: 2.209, wrong: [3, 15, 2, 0.791] },
  "3.2.1/3": { right: 1.5, wrong: [3, 6, -1.5, 0] },
  "3.2.1/4": { right: 3, wrong: [5, 4, 2, 2.4] },
  "3.2.2/1": { right: 0.02, wrong: [0.01, 2, 2 / 101, 1] },
  "3.2.2/2": { right: 23026, wrong: [10_000, 46_052, 11_513, 5000] },
  "3.2.2/3": { right: 44.4, wrong: [0.714, 0.775, 135.6, 45.6, 0.573] },
  "3.2.2/4": { right: 500_000, wrong: [50, 5_500_000, 0.08333, 6_000_000] },
  "3.3.3/1": { right: 0.429, wrong: [0.6, 0.3, 5 / 7, 2.333] },
  "3.3.3/2": { right: ["研究生", "命", "起源"], wrong: [["研究", "生命", "起源"], ["研究生", "命起源"], ["研究", "生", "命", "起源"], ["研究生", "生命", "起源"]] },
  "3.3.3/3": {
    right: (words: string[], s: Set<string>, k: Set<string>) => removeStopWords(words, s, { keep: k }),
    wrong: [stop((w, s) => !s.has(w.toLowerCase())), stop((w, s, k) => k.has(w) || !s.has(w)), (words: string[], s: Set<string>, k: Set<string>) => words.map((w) => w.toLowerCase()).filter((w) => k.has(w) || !s.has(w)), stop((w, s) => s.has(w.toLowerCase()))],
  },
  "3.3.3/4": { right: 0.0148, wrong: [0.985, 0.9, 1e-40, 36] },
  "3.6.2/1": { right: 40960, wrong: [1048576, 268435456, 8192] },
  "3.6.2/2": { right: 410, wrong: [512, 409, 409.6] },
  "3.6.2/3": { right: 64, wrong: [16, 4, 32] },
};

test("right answers are right; each known mistake gets its own words", () => {
  assert.deepEqual(Object.keys(answers.ANSWERS).sort(), Object.keys(GIVEN).sort());
  for (const [name, { right, wrong }] of Object.entries(GIVEN)) {
    const { mistakes } = answers.ANSWERS[name];
    assert.match(said(() => check(name, right)), /✓/, name);
    assert.ok(wrong.length >= 3 && wrong.length === mistakes.length, name);
    wrong.forEach((w, i) => assert.ok(said(() => check(name, w)).endsWith(`✗ ${mistakes[i].say.en}`), `${name}, mistake ${i}: ${said(() => check(name, w))}`));
    for (const nothing of [undefined, NaN]) assert.match(said(() => check(name, nothing)), /not answered yet/);
  }
});
test("an answer that is neither gets the first hint, whatever it is", () => {
  for (const name of Object.keys(GIVEN)) for (const odd of [null, "?", -12345, [], {}, () => { throw new Error("mine"); }])
    assert.ok(said(() => check(name, odd)).endsWith(`✗ ${answers.ANSWERS[name].hints[0].en}`), `${name}, ${String(odd)}`);
});
test("three hints, a solution, in both languages", () => {
  for (const [name, { hints, solution: worked }] of Object.entries(answers.ANSWERS)) {
    assert.equal(new Set(hints.map((h) => h.en)).size, 3, name);
    for (const words of [...hints, worked]) assert.ok(words.en && /\p{Script=Han}|\d/u.test(words.zh), name);
    for (const level of [1, 2, 3] as const) assert.ok(said(() => hint(name, level)).endsWith(`hint ${level}/3: ${hints[level - 1].en}`));
    assert.ok(said(() => solution(name)).endsWith(worked.en));
  }
  assert.throws(() => hint("3.6.2/1", 4 as 3), userError(/level 4.*1, 2 or 3/));
  assert.throws(() => check("9.9.9/9", 1), userError(/no exercise "9.9.9\/9".*3\.6\.2\/1/));
});
