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
const MAC = /\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi;
/** Replaces MAC addresses, numbered by what `key` makes of each. */
const hidden = (key: (mac: string, at: number) => unknown, expression = MAC) => (text: string) => { const seen = new Map<unknown, number>(); return text.replace(expression, (mac, at: number) => { const k = key(mac, at); if (!seen.has(k)) seen.set(k, seen.size + 1); return `<MAC_${seen.get(k)}>`; }); };
/** Dynamic loss scaling; the count of good steps is cleared after a doubling, after a bad step, or not. */
const scaling = (interval: number, afterDoubling: boolean, afterBad: boolean) => (s: number, steps: boolean[]) => {
  let n = 0;
  return steps.map((good) => { if (!good) { s /= 2; if (afterBad) n = 0; } else if (++n >= interval) { s *= 2; if (afterDoubling) n = 0; } return s; });
};
/** Early stopping, `early` evaluations too soon; `take` says what is returned. */
const stopEarly = (take: (found: { best: number; at: number }) => number, early: number) => (losses: number[], patience: number) => {
  let best = 0, at = 0;
  for (at = 1; at < losses.length; at++) { if (losses[at] < losses[best]) best = at; else if (at - best >= patience - early) break; }
  return take({ best, at });
};
type Labelled = { text: string; label: string }[];
const conflicts = (records: Labelled) => records.map((r) => r.text).filter((x, i, all) => all.indexOf(x) === i && new Set(records.filter((r) => r.text === x).map((r) => r.label)).size > 1);
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
  "3.2.3/1": { right: 0.573, wrong: [0.01, 0.00573, 90] },
  "3.2.3/2": { right: 17.4, wrong: [0.1736, 1736, -11.04] },
  "3.2.3/3": { right: 3, wrong: [4, 2, 1] },
  "3.2.3/4": {
    right: (low: number, high: number, full: number) => (low >= 0.9 * full ? "holds" : high >= 0.9 * full ? "rank" : "other"),
    wrong: [
      (_low: number, high: number, full: number) => (high >= 0.9 * full ? "rank" : "other"), (low: number, _high: number, full: number) => (low >= 0.9 * full ? "holds" : "rank"),
      (low: number, high: number, full: number) => (Math.max(low, high) >= 0.9 * full ? "holds" : "other"),
    ],
  },
  "3.2.4/1": { right: 0.0225, wrong: [0.015625, 0.09, 0.0025, 0.015] },
  "3.2.4/2": { right: 5, wrong: [3, 7, 25, 1] },
  "3.2.4/3": { right: 8e-6, wrong: [8e-4, 8e-5, 0.008] },
  "3.2.4/4": {
    right: (l: number[]) => Math.max(...l.map((x, i) => x - ((1 - i / (l.length - 1)) * l[0] + (i / (l.length - 1)) * l[l.length - 1]))),
    wrong: [(l: number[]) => Math.max(...l) - Math.min(...l), (l: number[]) => Math.max(...l) - l[0], (l: number[]) => Math.max(...l) - Math.max(l[0], l[l.length - 1])],
  },
  "3.2.5/1": { right: 0.487, wrong: [0.95, 0.974, 0.9256, 0] },
  "3.2.5/2": { right: 60.65, wrong: [100, 66.67, 139.6, 0.6065] },
  "3.2.5/3": { right: 19.5, wrong: [815.5, 20, 0.9988] },
  "3.2.5/4": { right: 0.846, wrong: [0.85, 0.841, 0.512, 0.9457] },
  "3.3.1/1": { right: 1600, wrong: [800, 700, 600] },
  "3.3.1/2": { right: 0.725, wrong: [0.72, 0.74, 0.7, 0.9] },
  "3.3.1/3": {
    right: conflicts,
    wrong: [
      (r: Labelled) => [...new Set(r.map((x) => x.text).filter((x, i, all) => all.indexOf(x) < i))],
      (r: Labelled) => r.filter((x, i) => i > 0 && x.text === r[i - 1].text && x.label !== r[i - 1].label).map((x) => x.text),
      (r: Labelled) => r.filter((x) => r.some((y) => y.text === x.text && y.label !== x.label)).map((x) => x.text),
      (r: Labelled) => conflicts(r).sort(),
    ],
  },
  "3.3.2/1": { right: 0.4, wrong: [0.7, 0.5, 0.2, 2 / 7] },
  "3.3.2/2": { right: ["CC0-1.0", "CC-BY-4.0"], wrong: ["CC-BY-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-4.0"].map((l) => ["CC0-1.0", "CC-BY-4.0", l] as string[]).concat([["CC0-1.0"]]) },
  "3.3.2/3": {
    right: hidden((mac) => mac.toLowerCase()),
    wrong: [hidden(() => 0), hidden((_, at) => at), hidden((mac) => mac), hidden((mac) => mac.toLowerCase(), /\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/i), hidden((mac) => mac.toLowerCase(), /\b(?:[0-9a-f]{2}:)+[0-9a-f]{2}\b/gi)],
  },
  "3.3.2/4": { right: 0.59049, wrong: [0.9, 0.40951, 0.5, 4.5] },
  "3.3.3/1": { right: 0.429, wrong: [0.6, 0.3, 5 / 7, 2.333] },
  "3.3.3/2": { right: ["研究生", "命", "起源"], wrong: [["研究", "生命", "起源"], ["研究生", "命起源"], ["研究", "生", "命", "起源"], ["研究生", "生命", "起源"]] },
  "3.3.3/3": {
    right: (words: string[], s: Set<string>, k: Set<string>) => removeStopWords(words, s, { keep: k }),
    wrong: [stop((w, s) => !s.has(w.toLowerCase())), stop((w, s, k) => k.has(w) || !s.has(w)), (words: string[], s: Set<string>, k: Set<string>) => words.map((w) => w.toLowerCase()).filter((w) => k.has(w) || !s.has(w)), stop((w, s) => s.has(w.toLowerCase()))],
  },
  "3.3.3/4": { right: 0.0148, wrong: [0.985, 0.9, 1e-40, 36] },
  "3.4.2/1": { right: 24, wrong: [18, 3, 6] },
  "3.4.2/2": { right: 16, wrong: [8, 16384, 4] },
  "3.4.2/3": { right: scaling(3, true, true), wrong: [scaling(3, false, true), scaling(3, true, false), (s: number, steps: boolean[]) => steps.map(() => s)] },
  "3.5.1/1": { right: 27648, wrong: [64512, 1152, 24576] },
  "3.5.1/2": { right: 0.003, wrong: [0.006, 1e-4, 0.0015] },
  "3.5.1/3": {
    right: (names: string[]) => names.filter((n) => /(^|\.)bias$/.test(n)),
    wrong: [(names: string[]) => names.filter((n) => n.includes("bias")), (names: string[]) => names.filter((n) => n.endsWith("bias")), (names: string[]) => names.filter((n) => n.endsWith(".bias"))],
  },
  "3.5.1/4": { right: 75, wrong: [0.75, 25, 50] },
  "3.5.2/1": { right: 0.055, wrong: [0.0025, 0.2, 0.22] },
  "3.5.2/2": { right: 71.08, wrong: [35.54, 14216.7, 0.07108] },
  "3.5.2/3": {
    right: (a: number[], b: number[]) => a.filter((i) => b.includes(i)).length / a.length,
    wrong: [
      (a: number[], b: number[]) => a.filter((i) => b.includes(i)).length / new Set([...a, ...b]).size, (a: number[], b: number[]) => a.filter((i) => b.includes(i)).length,
      (a: number[], b: number[]) => a.filter((x, i) => b[i] === x).length / a.length,
    ],
  },
  "3.5.3/1": { right: 160, wrong: [625, 32, 155] },
  "3.5.3/2": { right: 0.000977, wrong: [0.00195, 0.000488, 2.98e-8] },
  "3.5.3/3": {
    right: (ids: number[], pad: number) => ids.map((id) => (id === pad ? -100 : id)),
    wrong: [
      (ids: number[], pad: number) => ids.map((id, i) => (id === pad && ids.indexOf(pad) < i ? -100 : id)), (ids: number[], pad: number) => ids.map((id, i) => (ids.slice(i).every((x) => x === pad) ? -100 : id)),
      (ids: number[], pad: number) => ids.filter((id) => id !== pad),
    ],
  },
  "3.5.3/4": {
    right: (prompt: number[], answer: number[], eos: number) => ({ ids: [...prompt, ...answer, eos], labels: [...prompt.map(() => -100), ...answer, eos] }),
    wrong: [
      (prompt: number[], answer: number[]) => ({ ids: [...prompt, ...answer], labels: [...prompt.map(() => -100), ...answer] }),
      (prompt: number[], answer: number[], eos: number) => ({ ids: [...prompt, ...answer, eos], labels: [...prompt, ...answer, eos] }),
      (prompt: number[], answer: number[], eos: number) => ({ ids: [...prompt, ...answer, eos], labels: [...prompt.map(() => -100), ...answer, -100] }),
    ],
  },
  "3.7.1/1": { right: 1.5, wrong: [2.1, 0.75, 4.5] },
  "3.7.1/2": { right: 75, wrong: [25, 0.75, 300] },
  "3.7.1/3": {
    right: stopEarly(({ best }) => best, 0),
    wrong: [(l: number[]) => l.indexOf(Math.min(...l)), stopEarly(({ at }) => at, 0), stopEarly(({ best }) => best, 1)],
  },
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
