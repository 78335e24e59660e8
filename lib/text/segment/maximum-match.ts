/** Maximum matching: always take the longest word of the lexicon, from the left, from the right, or both and choose (Liang 1987). */
import { fromAtoms, type Lexicon, type Segmenter } from "./segmenter";

/** "bidirectional" takes the cut with fewer words, then that with fewer single units, then the backward one. */
export function maximumMatch(lexicon: Lexicon, { direction = "forward" }: { direction?: "forward" | "backward" | "bidirectional" } = {}): Segmenter {
  const known = (units: string[], from: number, to: number) => lexicon.counts.has(units.slice(from, to).join("").toLowerCase());
  const forward = (units: string[]): number[] => {
    const out: number[] = [];
    for (let at = 0; at < units.length; at += out.at(-1)!) {
      let n = Math.min(lexicon.longest, units.length - at);
      while (n > 1 && !known(units, at, at + n)) n--;
      out.push(n);
    }
    return out;
  };
  const backward = (units: string[]): number[] => {
    const out: number[] = [];
    for (let end = units.length; end > 0; end -= out[0]) {
      let n = Math.min(lexicon.longest, end);
      while (n > 1 && !known(units, end - n, end)) n--;
      out.unshift(n);
    }
    return out;
  };
  const singles = (lengths: number[]) => lengths.filter((n) => n === 1).length;
  const both = (units: string[]): number[] => {
    const f = forward(units), b = backward(units);
    return (f.length - b.length || singles(f) - singles(b)) < 0 ? f : b;
  };
  return fromAtoms({ forward, backward, bidirectional: both }[direction]);
}
