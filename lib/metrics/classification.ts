/**
 * Scores of a classifier: accuracy, precision, recall, F1 (per class, micro, macro, weighted), confusion matrix; and calibration
 * (Guo et al. 2017, eq. 3: expected calibration error). The numbers are those of scikit-learn's
 * `precision_recall_fscore_support(zero_division=0)`: a score whose denominator is 0 is 0.
 */
import { TunelabError } from "../errors";
import { sameLength } from "./check";

export interface ClassScores {
  precision: number;
  recall: number;
  /** Harmonic mean of precision and recall. */
  f1: number;
  /** Number of items whose true class this is. */
  support: number;
}

export interface ClassificationReport {
  /** Share of items whose prediction is right, in [0, 1]. */
  accuracy: number;
  classes: string[];
  perClass: Record<string, ClassScores>;
  /** Over all decisions together; equal to the accuracy where each item has one class. */
  micro: ClassScores;
  /** Mean of the classes, each counted once. */
  macro: ClassScores;
  /** Mean of the classes, each counted by its support. */
  weighted: ClassScores;
  /** confusion[i][j]: how many items of class i were predicted as class j, in the order of `classes`. */
  confusion: number[][];
}

/** Precision, recall and F1 from counts: `hits` of `predicted` items are right, `support` were there to be found. */
export function precisionRecallF1(hits: number, predicted: number, support: number): ClassScores {
  const precision = predicted ? hits / predicted : 0, recall = support ? hits / support : 0;
  return { precision, recall, f1: predicted + support ? (2 * hits) / (predicted + support) : 0, support };
}

/**
 * Compares predicted with true classes, item by item. `classes` gives the order (default: sorted) and has to hold every class that occurs;
 * a class that never occurs counts as 0 in the macro mean, as in scikit-learn.
 */
export function classificationReport(actual: readonly string[], predicted: readonly string[], { classes }: { classes?: readonly string[] } = {}): ClassificationReport {
  sameLength("classificationReport", actual, predicted);
  const names = classes ? [...classes] : [...new Set([...actual, ...predicted])].sort();
  const index = new Map(names.map((name, i) => [name, i]));
  if (index.size < names.length) throw new TunelabError("classificationReport: classes names a class twice; give each once.");
  const confusion = names.map(() => names.map(() => 0));
  for (const [n, label] of actual.entries()) {
    const i = index.get(label), j = index.get(predicted[n]);
    if (i === undefined || j === undefined) throw new TunelabError(`classificationReport: item ${n} has the class ${JSON.stringify(i === undefined ? label : predicted[n])}, which classes lacks; add it, or leave classes out.`);
    confusion[i][j]++;
  }
  const support = confusion.map(sum), guessed = names.map((_, j) => sum(confusion.map((row) => row[j]))), hits = names.map((_, i) => confusion[i][i]);
  const each = names.map((_, i) => precisionRecallF1(hits[i], guessed[i], support[i]));
  const mean = (weights: number[]): ClassScores => {
    const total = sum(weights), of = (pick: (s: ClassScores) => number) => sum(each.map((s, i) => (weights[i] / total) * pick(s)));
    return { precision: of((s) => s.precision), recall: of((s) => s.recall), f1: of((s) => s.f1), support: actual.length };
  };
  return {
    accuracy: sum(hits) / actual.length, classes: names, perClass: Object.fromEntries(names.map((name, i) => [name, each[i]])),
    micro: precisionRecallF1(sum(hits), sum(guessed), sum(support)), macro: mean(names.map(() => 1)), weighted: mean(support), confusion,
  };
}

/** Share of equal items, in [0, 1]. */
export function accuracy(actual: readonly unknown[], predicted: readonly unknown[]): number {
  sameLength("accuracy", actual, predicted);
  return actual.filter((a, i) => a === predicted[i]).length / actual.length;
}

export interface ReliabilityBin {
  /** Confidences in (from, to]; the first bin holds 0 too. */
  from: number;
  to: number;
  count: number;
  /** Mean confidence and share of right answers of the items in the bin; NaN where it is empty. */
  confidence: number;
  accuracy: number;
}
export interface Calibration {
  bins: ReliabilityBin[];
  /** Σ (count / n) · |accuracy − confidence|. */
  expected: number;
  /** The largest |accuracy − confidence| of a bin. */
  maximum: number;
}

/** Does a confidence of 80 % mean right in 80 % of the cases? `confidence[i]` in [0, 1] is that of the class that was chosen, `right[i]` whether it was right. */
export function calibration(confidence: readonly number[], right: readonly boolean[], { bins = 10 }: { bins?: number } = {}): Calibration {
  sameLength("calibration", confidence, right);
  if (!Number.isInteger(bins) || bins < 1) throw new TunelabError(`calibration: bins is ${bins}; give a whole number of at least 1.`);
  const count = new Float64Array(bins), sumConfidence = new Float64Array(bins), hits = new Float64Array(bins);
  for (const [i, p] of confidence.entries()) {
    if (!(p >= 0 && p <= 1)) throw new TunelabError(`calibration: the confidence of item ${i} is ${p}; give a probability in [0, 1].`);
    let bin = Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1));
    // the borders are the numbers k / bins themselves, which p * bins may miss by a rounding
    if (bin > 0 && p <= bin / bins) bin--;
    else if (bin < bins - 1 && p > (bin + 1) / bins) bin++;
    count[bin]++; sumConfidence[bin] += p; hits[bin] += Number(right[i]);
  }
  const table = Array.from({ length: bins }, (_, b) => ({ from: b / bins, to: (b + 1) / bins, count: count[b], confidence: sumConfidence[b] / count[b], accuracy: hits[b] / count[b] }));
  const gaps = table.map((b) => (b.count ? Math.abs(b.accuracy - b.confidence) : 0));
  return { bins: table, expected: sum(gaps.map((g, b) => (g * count[b]) / confidence.length)), maximum: Math.max(...gaps) };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
