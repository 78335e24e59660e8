/**
 * Agreement between annotators, corrected for chance: Cohen's kappa (1960; weighted 1968), Fleiss' kappa (1971), Krippendorff's alpha
 * (2011, "Computing Krippendorff's Alpha-Reliability"), and adjudication of what they disagree on. 1 is full agreement, 0 what chance gives.
 */
import { TunelabError } from "../errors";
import { sameLength } from "../metrics/check";

/** A label, or nothing where the annotator gave none. */
export type Rating = string | number | null | undefined;

/**
 * Cohen's kappa of two annotators: 1 − Σ w·observed / Σ w·expected, with w = 1 off the diagonal; "linear" and "quadratic" weigh the
 * distance of the categories in the order of `categories` (default: numbers by size, else sorted). Items that one of them left out do not count.
 */
export function cohenKappa(a: readonly Rating[], b: readonly Rating[], { weights, categories }: { weights?: "linear" | "quadratic"; categories?: readonly (string | number)[] } = {}): number {
  sameLength("cohenKappa", a, b);
  const pairs = a.map((x, i) => [x, b[i]] as const).filter((p): p is [string | number, string | number] => p[0] != null && p[1] != null);
  if (pairs.length === 0) throw new TunelabError("cohenKappa: no item has a label of both; give items that both annotators labelled.");
  const order = categories ?? sortedValues(pairs.flat()), index = new Map(order.map((c, i) => [c, i])), k = order.length;
  const observed = new Float64Array(k * k), rows = new Float64Array(k), columns = new Float64Array(k);
  for (const [x, y] of pairs) {
    const i = index.get(x), j = index.get(y);
    if (i === undefined || j === undefined) throw new TunelabError(`cohenKappa: the label ${JSON.stringify(i === undefined ? x : y)} is not among the categories; add it.`);
    observed[i * k + j]++; rows[i]++; columns[j]++;
  }
  const weight = (i: number, j: number) => (weights === "quadratic" ? (i - j) ** 2 : weights === "linear" ? Math.abs(i - j) : Number(i !== j));
  let disagreement = 0, chance = 0;
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) { disagreement += weight(i, j) * observed[i * k + j]; chance += (weight(i, j) * rows[i] * columns[j]) / pairs.length; }
  return ratio(disagreement, chance);
}

/** Fleiss' kappa: items × annotators, every item labelled by the same number of annotators (not always the same persons). */
export function fleissKappa(ratings: readonly (readonly Rating[])[]): number {
  const n = ratings[0]?.length ?? 0;
  for (const [i, row] of ratings.entries())
    if (row.length !== n || n < 2 || row.some((x) => x == null)) throw new TunelabError(`fleissKappa: item ${i} has ${row.filter((x) => x != null).length} labels, the first has ${n}; every item needs the same number, at least two. Where labels are missing take krippendorffAlpha.`);
  if (ratings.length === 0) throw new TunelabError("fleissKappa: there are no items; give at least one.");
  const totals = new Map<Rating, number>();
  let agreeing = 0;
  for (const row of ratings) {
    const counts = new Map<Rating, number>();
    for (const x of row) { counts.set(x, (counts.get(x) ?? 0) + 1); totals.set(x, (totals.get(x) ?? 0) + 1); }
    for (const c of counts.values()) agreeing += (c * (c - 1)) / (n * (n - 1));
  }
  const observed = agreeing / ratings.length, chance = [...totals.values()].reduce((sum, c) => sum + (c / (n * ratings.length)) ** 2, 0);
  return ratio(1 - observed, 1 - chance);
}

export type Metric = "nominal" | "ordinal" | "interval";

/**
 * Krippendorff's alpha = 1 − D_observed / D_expected: items × annotators, null where a label is missing; items with fewer than two labels
 * say nothing and do not count. "nominal": labels are equal or not; "ordinal": numbers whose order counts; "interval": numbers whose distance counts.
 */
export function krippendorffAlpha(ratings: readonly (readonly Rating[])[], { metric = "nominal" }: { metric?: Metric } = {}): number {
  const units = ratings.map((row) => row.filter((x): x is string | number => x != null)).filter((row) => row.length > 1);
  if (units.length === 0) throw new TunelabError("krippendorffAlpha: no item has two labels; give items that several annotators labelled.");
  if (metric !== "nominal") for (const x of units.flat()) if (typeof x !== "number") throw new TunelabError(`krippendorffAlpha: ${JSON.stringify(x)} is no number, as ${metric} needs; give numbers, or take "nominal".`);
  const values = sortedValues(units.flat()), index = new Map(values.map((v, i) => [v, i])), k = values.length;
  // coincidences [k, k]: each pair of labels of an item counts 1 / (labels of the item − 1)
  const coincidences = new Float64Array(k * k), totals = new Float64Array(k);
  for (const row of units)
    for (const [i, x] of row.entries())
      for (const [j, y] of row.entries()) if (i !== j) { coincidences[index.get(x)! * k + index.get(y)!] += 1 / (row.length - 1); totals[index.get(x)!] += 1 / (row.length - 1); }
  const n = totals.reduce((a, b) => a + b, 0);
  const difference = (c: number, d: number): number => {
    if (metric === "nominal") return Number(c !== d);
    if (metric === "interval") return ((values[c] as number) - (values[d] as number)) ** 2;
    const [low, high] = [Math.min(c, d), Math.max(c, d)];
    return (totals.slice(low, high + 1).reduce((a, b) => a + b, 0) - (totals[c] + totals[d]) / 2) ** 2;
  };
  let observed = 0, expected = 0;
  for (let c = 0; c < k; c++) for (let d = 0; d < k; d++) { observed += coincidences[c * k + d] * difference(c, d); expected += (totals[c] * totals[d] * difference(c, d)) / (n - 1); }
  return ratio(observed, expected);
}

/** 1 − a/b; where chance allows no disagreement (one label only) agreement is full by convention. */
const ratio = (disagreement: number, chance: number): number => (chance === 0 ? 1 : 1 - disagreement / chance);

function sortedValues(values: readonly (string | number)[]): (string | number)[] {
  return [...new Set(values)].sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1));
}

export interface Adjudicated {
  /** The label that stands; undefined where it is open. */
  label?: string | number;
  how: "agreed" | "majority" | "adjudicated" | "open";
  /** What was given, with its count, most frequent first. */
  votes: { label: string | number; count: number }[];
}

/** One label for each item: where all agree, that; else the label of more than half; else what `decide` says, e.g. a third person (undefined leaves it open). */
export function adjudicate(ratings: readonly (readonly Rating[])[], decide?: (item: number, votes: Adjudicated["votes"]) => string | number | undefined): Adjudicated[] {
  return ratings.map((row, item) => {
    const counts = new Map<string | number, number>();
    for (const x of row) if (x != null) counts.set(x, (counts.get(x) ?? 0) + 1);
    const votes = [...counts].map(([label, count]) => ({ label, count })).sort((a, b) => b.count - a.count), given = votes.reduce((n, v) => n + v.count, 0);
    if (votes.length === 1) return { label: votes[0].label, how: "agreed", votes };
    if (votes.length && votes[0].count > given / 2) return { label: votes[0].label, how: "majority", votes };
    const label = decide?.(item, votes);
    return label === undefined ? { how: "open", votes } : { label, how: "adjudicated", votes };
  });
}
