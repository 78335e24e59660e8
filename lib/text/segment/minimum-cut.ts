/**
 * Minimum cut: the shortest path through the lattice of all words of the lexicon that lie in the text. With cost 1 for each word it is the
 * cut into the fewest words; with −log p(word) the most probable one of a unigram model.
 */
import { atoms, fromAtoms, type Lexicon, type Segmenter } from "./segmenter";

export interface Edge {
  /** Units between which the word lies. */
  from: number;
  to: number;
  word: string;
  /** 1, or −log p(word) in nats. */
  cost: number;
  /** Whether the lexicon has it; single units are edges in any case. */
  known: boolean;
}
export type Costs = "words" | "unigram";

/** Count of a unit outside the lexicon, so that it has a probability. */
const UNKNOWN_COUNT = 0.5;

/** All edges of a text without spaces, in the order of their beginnings, shorter ones first. */
export const wordLattice = (text: string, lexicon: Lexicon, costs: Costs = "words"): Edge[] => edges(atoms(text), lexicon, costs);

function edges(units: string[], { counts, total, longest }: Lexicon, costs: Costs): Edge[] {
  const out: Edge[] = [];
  for (let from = 0; from < units.length; from++)
    for (let to = from + 1, word = ""; to <= Math.min(units.length, from + longest); to++) {
      word += units[to - 1];
      const count = counts.get(word.toLowerCase());
      if (count === undefined && to > from + 1) continue;
      out.push({ from, to, word, known: count !== undefined, cost: costs === "words" ? 1 : Math.log(total) - Math.log(Math.max(count ?? 0, UNKNOWN_COUNT)) });
    }
  return out;
}

/** Of paths with the same cost that with fewer single units counts as shorter, then that whose last words are longer. */
export function minimumCut(lexicon: Lexicon, { costs = "words" }: { costs?: Costs } = {}): Segmenter {
  return fromAtoms((units) => {
    const best = Array.from({ length: units.length + 1 }, (_, i) => ({ cost: i ? Infinity : 0, singles: 0, from: -1 }));
    // edges come by their beginnings, so when one is taken the best way to its beginning is known
    for (const { from, to, cost } of edges(units, lexicon, costs)) {
      const way = { cost: best[from].cost + cost, singles: best[from].singles + Number(to === from + 1), from }, old = best[to];
      const shorter = way.cost < old.cost - 1e-12 || (way.cost <= old.cost + 1e-12 && way.singles < old.singles);
      if (shorter) best[to] = way;
    }
    const lengths: number[] = [];
    for (let at = units.length; at > 0; at = best[at].from) lengths.unshift(at - best[at].from);
    return lengths;
  });
}
