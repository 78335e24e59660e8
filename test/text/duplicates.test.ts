// Duplicates: MinHash estimates Jaccard as the theory says, hashing finds what comparing all pairs finds, and splits leak nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bandsFor, findDuplicates, jaccard, largestOverlap, minHash, plainText, shingles, signatureSimilarity, stratifiedSplit } from "tunelab/text";
import { Random } from "tunelab/tensor";
import { close, userError } from "../support/compare";

test("shingles ignore case, width, spaces and marks", () => {
  assert.equal(plainText("  ＳＱＬ 注 入, Attack!! "), "sql注入attack");
  assert.deepEqual([...shingles("网络安全", 2)], ["网络", "络安", "安全"]);
  assert.deepEqual([...shingles("ab", 4)], ["ab"]);
  assert.equal(shingles("!!", 4).size, 0);
  assert.equal(jaccard(new Set([1, 2, 3]), new Set([2, 3, 4])), 0.5);
  assert.equal(jaccard(new Set(), new Set()), 1);
});

/** Two sets of `n` shingles with a given similarity. */
function sets(similarity: number, n: number, tag: number): [Set<string>, Set<string>] {
  const common = Math.round((2 * n * similarity) / (1 + similarity)), own = n - common;
  const a = Array.from({ length: common }, (_, i) => `c${tag}-${i}`), rest = (x: string) => Array.from({ length: own }, (_, i) => `${x}${tag}-${i}`);
  return [new Set([...a, ...rest("a")]), new Set([...a, ...rest("b")])];
}
test("signatures agree as often as the sets are similar: no bias, and the spread of the theory", () => {
  for (const wanted of [0.2, 0.5, 0.8]) {
    const errors = Array.from({ length: 60 }, (_, tag) => {
      const [a, b] = sets(wanted, 80, tag);
      return signatureSimilarity(minHash(a, 128, tag), minHash(b, 128, tag)) - jaccard(a, b);
    });
    const mean = errors.reduce((x, y) => x + y) / 60, sd = Math.sqrt(errors.reduce((s, e) => s + e * e, 0) / 60), theory = Math.sqrt((wanted * (1 - wanted)) / 128);
    assert.ok(Math.abs(mean) < (4 * theory) / Math.sqrt(60), `mean error ${mean} at ${wanted}`);
    assert.ok(sd > 0.7 * theory && sd < 1.35 * theory, `spread ${sd} against ${theory}`);
  }
  assert.throws(() => signatureSimilarity(minHash(new Set(["a"]), 8), minHash(new Set(["a"]), 16)), userError("8 and 16"));
});
test("bands find a pair at the threshold with 99 %, and use as many rows as that allows", () => {
  for (const threshold of [0.3, 0.5, 0.7, 0.9]) {
    const { bands, rows } = bandsFor(threshold, 128), found = (r: number) => 1 - (1 - threshold ** r) ** Math.floor(128 / r);
    assert.ok(bands * rows <= 128 && found(rows) >= 0.99 && found(rows + 1) < 0.99, `${threshold}: ${bands} × ${rows}`);
  }
});

/** Texts of random words, every third followed by a copy with some words changed. */
function corpus(n: number): string[] {
  const random = new Random(1, "corpus"), word = () => `w${random.integer(3000)}`, out: string[] = [];
  while (out.length < n) {
    const words = Array.from({ length: 30 }, word);
    out.push(words.join(" "));
    if (out.length % 3 === 0) { const copy = [...words]; for (let k = 1 + random.integer(8); k > 0; k--) copy[random.integer(30)] = word(); out.push(copy.join(" ")); }
  }
  return out.slice(0, n);
}
test("near duplicates: those that comparing all pairs finds, with a fraction of the comparisons", () => {
  const texts = corpus(300), threshold = 0.6, d = findDuplicates(texts, { threshold }), s = texts.map((t) => shingles(t));
  const truth: string[] = [];
  for (let a = 0; a < texts.length; a++) for (let b = a + 1; b < texts.length; b++) if (jaccard(s[a], s[b]) >= threshold) truth.push(`${a}-${b}`);
  const found = d.near.map(({ a, b }) => `${a}-${b}`);
  assert.ok(truth.length >= 30, `${truth.length} pairs to find`);
  assert.deepEqual(found.filter((p) => !truth.includes(p)), [], "nothing below the threshold");
  assert.ok(truth.filter((p) => found.includes(p)).length >= 0.97 * truth.length, `${found.length} of ${truth.length}`);
  assert.ok(d.candidates < d.pairs / 10, `${d.candidates} of ${d.pairs} pairs compared`);
  close(d.near.map((p) => p.jaccard), d.near.map(({ a, b }) => jaccard(s[a], s[b])), 0);
});
test("exact duplicates are exact; groups hang together over both kinds", () => {
  const long = "the firewall blocked a packet from an unknown host", texts = [long, "other text entirely, about phishing", long, `${long}!`, "other", "", "", "!!"];
  const d = findDuplicates(texts);
  assert.deepEqual(d.exact, [[0, 2], [5, 6]]);
  assert.deepEqual(d.near, [{ a: 0, b: 3, jaccard: 1 }]);
  assert.deepEqual(d.groups, [[0, 2, 3], [5, 6]]);
  assert.deepEqual(findDuplicates([]).near, []);
  assert.throws(() => findDuplicates(["a"], { threshold: 70 }), userError("threshold is 70", "0.7"));
});

const LABELS = ["ddos", "phishing", "worm"];
const records = corpus(300).map((text, i) => ({ text, label: i < 200 ? LABELS[0] : LABELS[1 + (i % 2)], id: Math.floor(i / 2) }));
test("a split keeps labels in proportion, near duplicates together, and everything once", () => {
  const { splits, counts, groups } = stratifiedSplit(records, { text: (r) => r.text, label: (r) => r.label, threshold: 0.5, seed: 7 });
  assert.deepEqual([...splits.train, ...splits.validation, ...splits.test].sort((a, b) => records.indexOf(a) - records.indexOf(b)), records);
  for (const label of LABELS) {
    const all = Object.values(counts[label]).reduce((a, b) => a + b);
    assert.equal(all, records.filter((r) => r.label === label).length);
    for (const [name, share] of [["train", 0.8], ["validation", 0.1], ["test", 0.1]] as const) assert.ok(Math.abs(counts[label][name] - share * all) <= 2, `${label} in ${name}: ${counts[label][name]} of ${all}`);
  }
  assert.ok(groups > 20);
  const overlap = largestOverlap(Object.fromEntries(Object.entries(splits).map(([n, s]) => [n, s.map((r) => r.text)])));
  assert.ok(overlap!.jaccard < 0.5, `${overlap!.jaccard}: ${overlap!.a} | ${overlap!.b}`);
  // what a split that looks only at labels would have done
  const careless = stratifiedSplit(records, { text: (r) => String(records.indexOf(r)).padStart(9, "0123"), label: (r) => r.label, threshold: 1, seed: 7 });
  assert.ok(largestOverlap(Object.fromEntries(Object.entries(careless.splits).map(([n, s]) => [n, s.map((r) => r.text)])))!.jaccard > 0.6);
});
test("a split repeats with its seed, keeps given groups together, and says when it cannot be made", () => {
  const options = { text: (r: { text: string }) => r.text, group: (r: { id: number }) => String(r.id), seed: 2 }, ids = (s: { splits: Record<string, typeof records> }) => s.splits.test.map((r) => records.indexOf(r));
  const a = stratifiedSplit(records, options);
  assert.deepEqual(ids(a), ids(stratifiedSplit(records, options)));
  assert.notDeepEqual(ids(a), ids(stratifiedSplit(records, { ...options, seed: 3 })));
  for (const r of records) assert.equal(Object.values(a.splits).filter((s) => s.some((x) => x.id === r.id)).length, 1);
  assert.throws(() => stratifiedSplit(records, { ...options, fractions: { train: 0.9, test: 0.2 } }), userError('"test":0.2', "add up to 1"));
  assert.throws(() => stratifiedSplit([records[0], records[0], records[0]], options), userError("nothing is left for validation", "near duplicates"));
});
