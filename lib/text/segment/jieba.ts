/** jieba (dictionary, most probable path, hidden Markov model for unknown words) through @node-rs/jieba, with its dictionary as a lexicon. */
import type { Jieba } from "@node-rs/jieba";
import { TunelabError } from "../../errors";
import { lexicon, type Lexicon, type Segmenter } from "./segmenter";

function packages(): { Jieba: typeof Jieba; dict: Uint8Array } {
  try { return { Jieba: require("@node-rs/jieba").Jieba, dict: require("@node-rs/jieba/dict").dict }; }
  catch (error) { throw new TunelabError(`jieba does not load on this machine (${(error as Error).message.split("\n")[0]}). Run \`npm run setup\`, or take one of the other segmenters.`); }
}

/** Loaded once: its dictionary is some 5 MB. */
let plain: Jieba | undefined;
const shared = (): Jieba => (plain ??= withDictionary());
function withDictionary(): Jieba {
  const { Jieba, dict } = packages();
  return Jieba.withDict(dict);
}

export interface JiebaOptions {
  /** Words of your own; they are as frequent as needed to be found. */
  words?: Iterable<string>;
  /** Whether the Markov model joins single characters into words that the dictionary lacks (default). */
  hmm?: boolean;
}

/** A segmenter by jieba. Spaces are left out. */
export function jiebaSegmenter({ words, hmm = true }: JiebaOptions = {}): Segmenter {
  let jieba = shared();
  const own = [...(words ?? [])];
  if (own.length) {
    const bad = own.find((w) => !w || /\s/.test(w));
    if (bad !== undefined) throw new TunelabError(`jiebaSegmenter: ${JSON.stringify(bad)} cannot be a word of jieba's dictionary, because it is empty or has spaces; write it without.`);
    jieba = withDictionary();
    jieba.loadDict(Buffer.from(own.map((w) => `${w} ${OWN_COUNT} n\n`).join("")));
  }
  return (text) => jieba.cut(text, hmm).filter((word) => word.trim());
}
/** About as frequent as the most frequent words, so that no other cut is more probable. */
const OWN_COUNT = 300_000;

/** Words with jieba's part-of-speech tags, such as n (noun), v (verb), nr (person), eng. */
export const jiebaTags = (text: string): { word: string; tag: string }[] => shared().tag(text, true);

/** jieba's dictionary: about 350,000 words with their counts. */
export function jiebaLexicon(): Lexicon {
  function* entries(): Generator<[string, number]> {
    for (const line of Buffer.from(packages().dict).toString("utf8").split("\n")) {
      const [word, count] = line.split(" ");
      if (count) yield [word, Number(count)];
    }
  }
  return lexicon(entries());
}
