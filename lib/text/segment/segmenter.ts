/** What all ways of cutting a text into words share: the units that none of them cuts, the lexicon, and the tags B, M, E, S. */
import { TunelabError } from "../../errors";

/** Cuts a text into words. White space separates words and belongs to none; put together, the words are the text without its spaces. */
export type Segmenter = (text: string) => string[];

/**
 * Units that are never cut: a Chinese character; a run of letters and digits with marks inside, such as `CVE-2021-44228`, `10.0.0.1:80`,
 * `TCP/IP`, `a.b@c.de`; a URL; any other single character.
 */
export const atoms = (text: string): string[] => text.match(ATOM) ?? [];
const LETTER = String.raw`(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}_])`;
const ATOM = new RegExp(String.raw`(?:https?|ftp):\/\/[\x21-\x7e]+|${LETTER}+(?:[.\-'’@:/+&=]${LETTER}+)*(?:\+\+|#|%)?|[^\s]`, "gu");

/** A segmenter from a function that groups the atoms of a piece without spaces: it returns the number of atoms of each word. */
export const fromAtoms = (group: (atoms: string[]) => number[]): Segmenter => (text) =>
  text.split(/\s+/).filter(Boolean).flatMap((piece) => {
    const units = atoms(piece);
    let at = 0;
    return group(units).map((n) => units.slice(at, (at += n)).join(""));
  });

export interface Lexicon {
  /** How often each word occurs, by the word in lower case without spaces; 1 where nothing is known. */
  counts: ReadonlyMap<string, number>;
  total: number;
  /** No word has more atoms than this. */
  longest: number;
}

/** A lexicon from words, or from pairs of word and count. Of a word that comes twice the counts are added. */
export function lexicon(words: Iterable<string | readonly [word: string, count: number]>): Lexicon {
  const counts = new Map<string, number>();
  let total = 0, longest = 1;
  for (const entry of words) {
    const [word, n] = typeof entry === "string" ? [entry, 1] : entry, key = word.replace(/\s+/g, "").toLowerCase();
    if (!key || !(n >= 0)) throw new TunelabError(`lexicon: the entry ${JSON.stringify(entry)} is no word with a count; give words, or [word, count].`);
    counts.set(key, (counts.get(key) ?? 0) + n);
    total += n;
    longest = Math.max(longest, key.length);
  }
  if (counts.size === 0) throw new TunelabError("lexicon: there are no words; give at least one.");
  return { counts, total, longest };
}

/** The lexicon of segmented sentences: their words with their counts. */
export const lexiconOf = (sentences: Iterable<readonly string[]>): Lexicon => lexicon(wordsOf(sentences));
function* wordsOf(sentences: Iterable<readonly string[]>): Generator<[string, number]> {
  for (const sentence of sentences) for (const word of sentence) if (word.trim()) yield [word, 1];
}

/** Tags of a unit in its word: begin, middle, end, single. */
export const TAGS = ["B", "M", "E", "S"] as const;
const [B, M, E, S] = [0, 1, 2, 3];
/** Which tag may follow which: a word that has begun ends before the next begins. */
export const MAY_FOLLOW: readonly (readonly boolean[])[] = [[false, true, true, false], [false, true, true, false], [true, false, false, true], [true, false, false, true]];

/** Tag numbers for words of these many units. */
export const tagsOf = (lengths: readonly number[]): number[] => lengths.flatMap((n) => (n === 1 ? [S] : [B, ...Array<number>(n - 2).fill(M), E]));
/** Units of each word, from the tags of a legal path. */
export function lengthsOf(tags: ArrayLike<number>): number[] {
  const out: number[] = [];
  for (let i = 0, begin = 0; i < tags.length; i++) if (tags[i] === E || tags[i] === S) { out.push(i + 1 - begin); begin = i + 1; }
  return out;
}

/** What a model sees of a unit: numbers are one, other runs of letters are one, the rest is itself. */
export const unitClass = (atom: string): string => (/^\p{N}[\p{N}.,:%]*$/u.test(atom) ? "<number>" : /^[\p{L}\p{M}\p{N}_]/u.test(atom) && !/^\p{Script=Han}$/u.test(atom) ? "<letters>" : atom);

export interface TaggedSentence { units: string[]; tags: number[] }
/** Training data for taggers: unit classes and tags of segmented sentences. */
export function tagged(sentences: readonly (readonly string[])[]): TaggedSentence[] {
  if (sentences.length === 0) throw new TunelabError("There are no sentences to train a segmenter on; give at least one, each as a list of words.");
  return sentences.map((words) => {
    const units = words.filter((w) => w.trim()).map((w) => atoms(w.replace(/\s+/g, "")));
    return { units: units.flat().map(unitClass), tags: tagsOf(units.map((u) => u.length)) };
  });
}
