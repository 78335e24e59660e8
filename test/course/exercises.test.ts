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
/** Forgotten over learned, of losses [task, general] before and after. */
const forgetting = ({ least = 0, divide = true, none = NaN }) => (before: number[], after: number[]) => {
  const learned = before[0] - after[0], lost = Math.max(least, after[1] - before[1]);
  return learned > 0 ? Math.round(1e6 * (divide ? lost / learned : lost)) / 1e6 : none;
};
const clipped = (ratio: number, epsilon: number) => Math.min(Math.max(ratio, 1 - epsilon), 1 + epsilon);
/** The k values that score highest, in their places. */
const keepLargest = (score: (v: number) => number) => (values: number[], k: number) => {
  const kept = new Set(values.map((_, i) => i).sort((a, b) => score(values[b]) - score(values[a])).slice(0, k));
  return values.map((v, i) => (kept.has(i) ? v : 0));
};
/** The class with most votes; where votes are equal, that of the order `first`, or the last of it. */
const majority = (first: (classes: string[]) => string[], takeLast = false) => (votes: string[]) => {
  const count = (c: string) => votes.filter((v) => v === c).length, order = first([...new Set(votes)]);
  return order.reduce((best, c) => (count(c) > count(best) || (takeLast && count(c) === count(best)) ? c : best));
};
/** Position and label of the tokens that `counts` allows; the position is `shift` from the token's own. */
const predicted = (shift: number, counts: (isAnswer: boolean[], t: number) => boolean) => (ids: number[], isAnswer: boolean[]) => ids.flatMap((id, t) => (t > 0 && counts(isAnswer, t) ? [[t + shift, id]] : []));
type Labelled = { text: string; label: string }[];
const conflicts = (records: Labelled) => records.map((r) => r.text).filter((x, i, all) => all.indexOf(x) === i && new Set(records.filter((r) => r.text === x).map((r) => r.label)).size > 1);
/** A sequential adapter with rows of weights: with or without its skip connection and ReLU, or with ReLU at the end. */
const bottleneck = (skip: boolean, inside: boolean, atEnd = false) => (h: number[], down: number[][], up: number[][]) => {
  const dot = (a: number[], b: number[]) => a.reduce((s, v, i) => s + v * b[i], 0), relu = (x: number) => Math.max(0, x), z = down.map((w) => (inside ? relu(dot(w, h)) : dot(w, h)));
  return up.map((w, k) => { const y = dot(w, z) + (skip ? h[k] : 0); return atEnd ? relu(y) : y; });
};
/** Who sees whom, with `sees` deciding on text token t and key j. */
const visible = (sees: (t: number, j: number, n: number) => boolean) => (n: number, T: number) => Array.from({ length: T }, (_, t) => Array.from({ length: n + T }, (_, j) => Number(sees(t, j, n))));
/** Right answers, and one answer for each known mistake in its order. */
const GIVEN: Record<string, { right: unknown; wrong: unknown[] }> = {
  "3.1.1/1": { right: 13, wrong: [12, 390, 4] },
  "3.1.1/2": { right: 500, wrong: [166.6666666667, 55.5555555556, 1000] },
  "3.1.1/3": { right: 59, wrong: [60, 68, 7168 / 120] },
  "3.1.1/4": {
    right: (total: number, changed: number) => (changed === 0 ? "added" : changed === total ? "full" : "partial"),
    wrong: [
      (total: number, changed: number) => (changed === 0 ? "added" : changed > total / 2 ? "full" : "partial"), (total: number, changed: number, added: number) => (changed + added >= total ? "full" : changed ? "partial" : "added"),
      (total: number, changed: number, added: number) => (changed === total ? "full" : (changed + added) / total < 0.5 ? "partial" : "added"),
    ],
  },
  "3.1.2/1": { right: 1_843_200, wrong: [3_686_400, 921_600, 76_800] },
  "3.1.2/2": { right: 2.25, wrong: [1.47, 3, 1.48, 1.5] },
  "3.1.2/3": { right: forgetting({}), wrong: [forgetting({ least: -Infinity }), forgetting({ divide: false }), forgetting({ none: 0 })] },
  "3.1.2/4": { right: 16311, wrong: [1631.05, 163.105, 0.00613] },
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
  "3.4.1/1": { right: 71.1, wrong: [35.54, 17.77, 7108] },
  "3.4.1/2": { right: 25, wrong: [0.25, 50, 400] },
  "3.4.1/3": { right: 0.731, wrong: [0.269, 0.0685, 1] },
  "3.4.1/4": { right: keepLargest(Math.abs), wrong: [keepLargest((v) => v), (v: number[], k: number) => keepLargest(Math.abs)(v, k).filter((x) => x), (v: number[], k: number) => v.map((x) => (Math.abs(x) >= v.map(Math.abs).sort((a, b) => b - a)[k - 1] ? x : 0)), keepLargest((v) => -Math.abs(v))] },
  "3.4.2/1": { right: 24, wrong: [18, 3, 6] },
  "3.4.2/2": { right: 16, wrong: [8, 16384, 4] },
  "3.4.2/3": { right: scaling(3, true, true), wrong: [scaling(3, false, true), scaling(3, true, false), (s: number, steps: boolean[]) => steps.map(() => s)] },
  "3.4.3/1": { right: 0.075, wrong: [0.05 * (1 + Math.cos(0.4 * Math.PI)), 0.2 / 3, 0.04] },
  "3.4.3/2": { right: 180, wrong: [45, 46, 44, 90] },
  "3.4.3/3": {
    right: (ids: number[], start: number, eos: number) => ids.map((id, i) => (i < start || (ids.indexOf(eos, start) >= 0 && i > ids.indexOf(eos, start)) ? -100 : id)),
    wrong: [(ids: number[], start: number, eos: number) => ids.map((id, i) => (i < start || id === eos ? -100 : id)), (ids: number[], start: number) => ids.map((id, i) => (i < start ? -100 : id)), (ids: number[], start: number, eos: number) => ids.map((id, i) => (i > ids.indexOf(eos, start) ? -100 : id))],
  },
  "3.6.4/1": { right: 0.00173, wrong: [30720 / 1_777_088_000, 0.01, 2000 / 1_777_088_000, 0.0484] },
  "3.6.4/2": { right: 1.44, wrong: [1.2, 0.44, 1.04] },
  "3.6.4/3": { right: majority((c) => c), wrong: [(v: string[]) => Math.max(...v.map((x) => v.filter((y) => y === x).length)), (v: string[]) => v[0], majority((c) => c.sort()), majority((c) => c, true)] },
  "3.6.5/1": { right: 2560, wrong: [924_672, 927_232, 15_360] },
  "3.6.5/2": { right: 16, wrong: [15, 17, 12, 13] },
  "3.6.5/3": { right: predicted(-1, (a, t) => a[t]), wrong: [predicted(0, (a, t) => a[t]), predicted(1, (a, t) => a[t]), predicted(-1, () => true), predicted(-1, (a, t) => a[t] && a[t - 1])] },
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
  "3.6.1/1": { right: 4173120, wrong: [4128768, 8346240, 2796416, 149040] },
  "3.6.1/2": { right: 103, wrong: [102, 207, 2891] },
  "3.6.1/3": { right: 19.1, wrong: [425.8, 20, 0.05235] },
  "3.6.1/4": { right: bottleneck(true, true), wrong: [bottleneck(false, true), bottleneck(true, false), bottleneck(true, true, true)] },
  "3.7.2/1": { right: 1.4997, wrong: [0.75, 1.732, 1, -0.5] },
  "3.7.2/2": { right: 0.4375, wrong: [-1.2, 0.2633, 0.6457, 1.0375] },
  "3.7.2/3": {
    right: (r: number, a: number, e: number) => Math.min(r * a, clipped(r, e) * a),
    wrong: [(r: number, a: number) => r * a, (r: number, a: number, e: number) => clipped(r, e) * a, (r: number, a: number, e: number) => Math.min(r * Math.abs(a), clipped(r, e) * Math.abs(a)), (r: number, a: number, e: number) => Math.min(r * a, Math.min(r, 1 + e) * a)],
  },
  "3.7.2/4": { right: 0.6488, wrong: [1, 0.2919, 0.787, 1.478] },
  "3.6.2/1": { right: 40960, wrong: [1048576, 268435456, 8192] },
  "3.6.2/2": { right: 410, wrong: [512, 409, 409.6] },
  "3.6.2/3": { right: 64, wrong: [16, 4, 32] },
  "3.6.3/1": { right: 286720, wrong: [143360, 1720320, 30720, 10240] },
  "3.6.3/2": { right: 9.33, wrong: [56, 0.10714, 4.667] },
  "3.6.3/3": { right: 62, wrong: [212, 362, 61] },
  "3.6.3/4": { right: visible((t, j, n) => j <= n + t), wrong: [visible((t, j) => j <= t), visible(() => true), visible((t, j, n) => j < n + t)] },
};

test("right answers are right; each known mistake gets its own words", () => {
  assert.deepEqual(Object.keys(answers.ANSWERS).filter((name) => !answers.ANSWERS[name].rubric).sort(), Object.keys(GIVEN).sort());
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

test("a text is submitted, never right: its points and misconceptions are named; a worked answer touches every point", () => {
  const texts = Object.keys(answers.ANSWERS).filter((name) => answers.ANSWERS[name].rubric);
  assert.equal(texts.length, 11);
  for (const name of texts) {
    const { rubric, mistakes, solution: worked } = answers.ANSWERS[name];
    assert.ok(mistakes.length >= 3 && rubric!.length >= 5, name);
    for (const words of [worked.zh, worked.en]) {
      assert.deepEqual(rubric!.filter((c) => !c.touched(words)).map((c) => c.name.en), [], `${name}: its own answer`);
      assert.deepEqual(mistakes.filter((m) => m.shows(words)).map((m) => m.say.en), [], `${name}: no misconception in its own answer: ${words}`);
    }
    const empty = said(() => check(name, "x".repeat(60)));
    assert.match(empty, new RegExp(`touches 0 of ${rubric!.length} points`));
    assert.doesNotMatch(empty, /✓/);
    for (const { name: point } of rubric!) assert.ok(empty.includes(point.en));
    assert.match(said(() => check(name, "too short")), /at least 40 characters/);
    assert.match(said(() => check(name, "")), /not answered yet/);
  }
  assert.match(said(() => check("thinking/5", "With r = k the higher rank is full fine-tuning, so nothing has to be compared.")), /r = min\(d, k\) is as expressive/);
});
