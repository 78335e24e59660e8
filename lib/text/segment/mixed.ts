/** Text in which Chinese and English are mixed, and terms that must stay whole: terms first, then runs of letters, then the Chinese between them. */
import { atoms, fromAtoms, lexicon, type Segmenter } from "./segmenter";
import { maximumMatch } from "./maximum-match";

/**
 * Wraps a segmenter for Chinese. `terms` (such as SQL注入, DDoS攻击, 零日漏洞; upper and lower case alike) are found by forward maximum matching
 * and kept; identifiers, addresses and numbers stay whole; `chinese` gets only the runs of Chinese characters that are left.
 */
export function mixedSegmenter(chinese: Segmenter, { terms = [] }: { terms?: Iterable<string> } = {}): Segmenter {
  const list = [...terms], known = list.length ? lexicon(list) : undefined;
  const byTerms = known ? maximumMatch(known) : fromAtoms((units) => units.map(() => 1));
  return (text) => {
    const out: string[] = [];
    // a run of Chinese characters never crosses a space
    for (const piece of text.split(/\s+/).filter(Boolean)) {
      let run = "";
      const flush = () => { if (run) out.push(...chinese(run)); run = ""; };
      for (const word of byTerms(piece)) {
        if (!known?.counts.has(word.toLowerCase()) && atoms(word).length === 1 && /^\p{Script=Han}$/u.test(word)) run += word;
        else { flush(); out.push(word); }
      }
      flush();
    }
    return out;
  };
}
