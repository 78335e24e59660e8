/** Precision, recall and F1 of cut words against gold (the measure of the SIGHAN bakeoffs): a word counts if both its ends are right. */
import { TunelabError } from "../../errors";
import { precisionRecallF1 } from "../../metrics/classification";

export interface SegmentationScore {
  precision: number;
  recall: number;
  f1: number;
  /** Recall of gold words that `known` has not, and of those that it has; NaN where there are none, or no `known`. */
  unknownRecall: number;
  knownRecall: number;
}

/** Scores sentences, each as a list of words. `known`: the words of the lexicon or training data, to see what a method does with new words. */
export function scoreSegmentation(found: readonly (readonly string[])[], gold: readonly (readonly string[])[], { known }: { known?: { has(word: string): boolean } } = {}): SegmentationScore {
  if (found.length !== gold.length || gold.length === 0) throw new TunelabError(`scoreSegmentation: ${found.length} sentences against ${gold.length} of gold; give as many of each, at least one.`);
  let hits = 0, cut = 0, wanted = 0;
  const of = { known: [0, 0], unknown: [0, 0] };
  for (const [i, words] of gold.entries()) {
    const g = spans(words), f = spans(found[i]);
    if (g.text !== f.text) throw new TunelabError(`scoreSegmentation: the words of sentence ${i} are not those of the gold text: ${JSON.stringify(f.text.slice(0, 60))} against ${JSON.stringify(g.text.slice(0, 60))}; a segmenter may only cut.`);
    cut += f.at.size; wanted += g.at.size;
    for (const [at, word] of g.at) {
      const hit = Number(f.at.has(at)), group = known ? of[known.has(word) || known.has(word.toLowerCase()) ? "known" : "unknown"] : undefined;
      hits += hit;
      if (group) { group[0] += hit; group[1]++; }
    }
  }
  const { precision, recall, f1 } = precisionRecallF1(hits, cut, wanted);
  return { precision, recall, f1, unknownRecall: of.unknown[0] / of.unknown[1], knownRecall: of.known[0] / of.known[1] };
}

/** Where each word lies in the text without spaces. */
function spans(words: readonly string[]): { text: string; at: Map<string, string> } {
  const at = new Map<string, string>();
  let text = "";
  for (const word of words.map((w) => w.replace(/\s+/g, "")).filter(Boolean)) { at.set(`${text.length}-${text.length + word.length}`, word); text += word; }
  return { text, at };
}
