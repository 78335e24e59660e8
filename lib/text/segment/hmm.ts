/**
 * A hidden Markov model of the tags B, M, E, S (Rabiner 1989), counted on segmented sentences: P(tag | tag before) and P(unit | tag), with
 * added counts for what was not seen. The words it cuts need not be in any lexicon.
 */
import { fromAtoms, lengthsOf, MAY_FOLLOW, tagged, TAGS, unitClass, type Segmenter } from "./segmenter";
import { viterbi } from "./viterbi";

export interface Hmm {
  /** log P(first tag) [4]; log P(tag | tag before) [4][4], rows are the tags before; log P(end | last tag) is 0 for E and S. */
  start: number[];
  transition: number[][];
  /** log P(unit | tag) [4], by unit; `unknown` for units that were never seen. */
  emission: ReadonlyMap<string, number[]>;
  unknown: number[];
}

const END = TAGS.map((t) => (t === "E" || t === "S" ? 0 : -Infinity));

/** Counts a model. `added` is what each legal transition, and each unit under each tag, counts beyond what was seen. */
export function trainHmm(sentences: readonly (readonly string[])[], { added = 0.1 }: { added?: number } = {}): Hmm {
  const data = tagged(sentences), n = TAGS.length;
  const start = TAGS.map((t) => (t === "B" || t === "S" ? added : 0)), transition = MAY_FOLLOW.map((row) => row.map((ok) => (ok ? added : 0)));
  const units = new Map<string, number[]>(), totals: number[] = Array(n).fill(0);
  for (const { units: seen, tags } of data)
    for (const [i, tag] of tags.entries()) {
      if (i === 0) start[tag]++; else transition[tags[i - 1]][tag]++;
      const counts = units.get(seen[i]) ?? Array<number>(n).fill(0);
      counts[tag]++; totals[tag]++;
      units.set(seen[i], counts);
    }
  const log = (row: number[]) => { const sum = row.reduce((a, b) => a + b, 0); return row.map((x) => Math.log(x / sum)); };
  // the unseen unit is one more in the vocabulary
  const probability = (count: number, tag: number) => Math.log((count + added) / (totals[tag] + added * (units.size + 1)));
  return {
    start: log(start), transition: transition.map(log), unknown: totals.map((_, t) => probability(0, t)),
    emission: new Map([...units].map(([u, counts]) => [u, counts.map(probability)])),
  };
}

/** The segmenter of a model: the most probable tags. */
export const hmmSegmenter = (hmm: Hmm): Segmenter =>
  fromAtoms((units) => lengthsOf(viterbi(hmm.start, hmm.transition, units.map((u) => hmm.emission.get(unitClass(u)) ?? hmm.unknown), END)));
