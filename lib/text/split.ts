/**
 * Splits of a data set that keep the shares of the labels and leak nothing: near duplicates (and whatever else belongs together, such as
 * translations of one record) stay in one split.
 */
import { TunelabError } from "../errors";
import { Random } from "../tensor/random";
import { findDuplicates, jaccard, shingles } from "./duplicates";
import { joined } from "./groups";

export interface SplitOptions<T> {
  /** What is compared for near duplicates. */
  text: (record: T) => string;
  /** Label whose shares are kept, e.g. the class; without it all records are alike. */
  label?: (record: T) => string;
  /** Records with the same group stay together too. */
  group?: (record: T) => string;
  /** Shares by name; they must add up to 1. Default train 0.8, validation 0.1, test 0.1. */
  fractions?: Readonly<Record<string, number>>;
  /** Jaccard similarity of character shingles from which two records stay together, default 0.5; shingle size, default 4. */
  threshold?: number;
  size?: number;
  seed?: number;
}
export interface Split<T> {
  splits: Record<string, T[]>;
  /** counts[label][split]. */
  counts: Record<string, Record<string, number>>;
  /** How many groups of two and more had to stay together, and the size of the largest. */
  groups: number;
  largestGroup: number;
}

/** Splits records. Large groups are placed first, each where its labels are most wanted; ties fall by the seed. Order inside a split is that of the records. */
export function stratifiedSplit<T>(records: readonly T[], { text, label = () => "", group, fractions = { train: 0.8, validation: 0.1, test: 0.1 }, threshold = 0.5, size = 4, seed = 0 }: SplitOptions<T>): Split<T> {
  const names = Object.keys(fractions), total = Object.values(fractions).reduce((a, b) => a + b, 0);
  if (!Object.values(fractions).every((f) => f > 0) || Math.abs(total - 1) > 1e-9) throw new TunelabError(`stratifiedSplit: the fractions are ${JSON.stringify(fractions)}; give positive shares that add up to 1.`);
  const pairs = findDuplicates(records.map(text), { threshold, size, seed }).groups.flatMap(([a, ...rest]) => rest.map((b): [number, number] => [a, b]));
  const first = new Map<string, number>();
  if (group) for (const [i, record] of records.entries()) { const g = group(record), before = first.get(g); if (before === undefined) first.set(g, i); else pairs.push([before, i]); }
  const labels = records.map(label), sizes = new Map<string, number>();
  for (const l of labels) sizes.set(l, (sizes.get(l) ?? 0) + 1);
  const wanted = new Map([...sizes].map(([l, n]) => [l, names.map((name) => fractions[name] * n)]));
  const groups = joined(records.length, pairs), order = new Random(seed, "split").shuffle(groups).sort((a, b) => b.length - a.length);
  const place = new Int32Array(records.length);
  for (const members of order) {
    // the split in which these labels are furthest below their share once the group is there
    const inside = new Map<string, number>();
    for (const i of members) inside.set(labels[i], (inside.get(labels[i]) ?? 0) + 1);
    const left = names.map((name, s) => [...inside].reduce((sum, [l, n]) => sum + (n * (wanted.get(l)![s] - n)) / (fractions[name] * sizes.get(l)!), 0));
    const best = left.indexOf(Math.max(...left));
    for (const i of members) { place[i] = best; wanted.get(labels[i])![best]--; }
  }
  const splits = Object.fromEntries(names.map((name, s) => [name, records.filter((_, i) => place[i] === s)]));
  const empty = names.find((name) => splits[name].length === 0);
  if (empty) throw new TunelabError(`stratifiedSplit: nothing is left for ${empty}: ${records.length} records form ${groups.length} groups of near duplicates, the largest of ${order[0]?.length ?? 0}. Raise threshold, or give more records.`);
  const counts: Split<T>["counts"] = {};
  for (const [i, l] of labels.entries()) (counts[l] ??= Object.fromEntries(names.map((n) => [n, 0])))[names[place[i]]]++;
  const together = groups.filter((g) => g.length > 1);
  return { splits, counts, groups: together.length, largestGroup: Math.max(0, ...together.map((g) => g.length)) };
}

/** The most similar pair of texts from two different lists, by comparing all: proof that a split does not leak. O(n²). */
export function largestOverlap(splits: Readonly<Record<string, readonly string[]>>, size = 4): { jaccard: number; a: string; b: string; splits: [string, string] } | undefined {
  const sets = Object.entries(splits).map(([name, texts]) => ({ name, items: texts.map((text) => ({ text, set: shingles(text, size) })) }));
  let most: ReturnType<typeof largestOverlap>;
  for (const [i, x] of sets.entries())
    for (const y of sets.slice(i + 1))
      for (const p of x.items)
        for (const q of y.items) {
          const bound = Math.min(p.set.size, q.set.size) / Math.max(p.set.size, q.set.size, 1);
          if (most && bound <= most.jaccard) continue;
          const similarity = jaccard(p.set, q.set);
          if (!most || similarity > most.jaccard) most = { jaccard: similarity, a: p.text, b: q.text, splits: [x.name, y.name] };
        }
  return most;
}
