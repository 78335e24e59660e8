/**
 * Easy data augmentation (Wei & Zou 2019): synonym replacement, random insertion, random swap, random deletion, on a text given as a list of
 * words, Chinese or English. The rate α says how much changes: n = max(1, round(α · words)) for the first three, a word's chance for deletion.
 */
import { TunelabError } from "../errors";
import { hash, Random } from "../tensor/random";
import { SYNONYMS, type Synonyms } from "./synonyms";

const NO_WORDS: ReadonlySet<string> = new Set();
const isWord = (word: string) => /[\p{L}\p{N}]/u.test(word);
const lookUp = (synonyms: Synonyms, word: string): readonly string[] => synonyms.get(word) ?? synonyms.get(word.toLowerCase()) ?? [];

/** `n` different places get a synonym (fewer where fewer words have one; words in `protect` stay). */
export function replaceSynonyms(words: readonly string[], n: number, random: Random, synonyms: Synonyms = SYNONYMS, protect = NO_WORDS): string[] {
  const out = [...words], places = words.flatMap((w, i) => (lookUp(synonyms, w).length && !protect.has(w) ? [i] : []));
  for (const i of random.shuffle(places).slice(0, n)) out[i] = choose(lookUp(synonyms, words[i]), random);
  return out;
}

/** `n` synonyms of words of the text are put in at random places (none where no word has one). */
export function insertSynonyms(words: readonly string[], n: number, random: Random, synonyms: Synonyms = SYNONYMS): string[] {
  const out = [...words], sources = words.filter((w) => lookUp(synonyms, w).length);
  for (let k = 0; k < n && sources.length; k++) out.splice(random.integer(out.length + 1), 0, choose(lookUp(synonyms, choose(sources, random)), random));
  return out;
}

/** `n` times two different words change places; marks stay where they are. */
export function swapWords(words: readonly string[], n: number, random: Random): string[] {
  const out = [...words], places = words.flatMap((w, i) => (isWord(w) ? [i] : []));
  for (let k = 0; k < n && places.length > 1; k++) {
    const a = random.integer(places.length), b = (a + 1 + random.integer(places.length - 1)) % places.length;
    [out[places[a]], out[places[b]]] = [out[places[b]], out[places[a]]];
  }
  return out;
}

/** Each word goes with probability `rate`; marks and words in `protect` stay, and at least one word does. */
export function deleteWords(words: readonly string[], rate: number, random: Random, protect = NO_WORDS): string[] {
  const out = words.filter((w) => !isWord(w) || protect.has(w) || random.uniform() >= rate);
  if (out.some(isWord) || !words.some(isWord)) return out;
  const kept = random.integer(words.filter(isWord).length);
  let seen = -1;
  return words.filter((w) => !isWord(w) || ++seen === kept);
}

export type EdaOperation = "replace" | "insert" | "swap" | "delete";
export interface EdaOptions {
  /** Number of new texts, default 4; they take the operations in turn. */
  copies?: number;
  /** α of each operation, default 0.1; 0 leaves the operation out. */
  rates?: Partial<Record<EdaOperation, number>>;
  synonyms?: Synonyms;
  /** Words that are neither replaced nor deleted, e.g. those that carry the label. */
  protect?: ReadonlySet<string>;
  seed?: number;
}
export interface Augmented {
  words: string[];
  operation: EdaOperation;
}

/** New variants of a text. The same text, options and seed give the same variants, in whatever order texts come. */
export function augment(words: readonly string[], { copies = 4, rates = {}, synonyms = SYNONYMS, protect = NO_WORDS, seed = 0 }: EdaOptions = {}): Augmented[] {
  const all: Record<EdaOperation, number> = { replace: 0.1, insert: 0.1, swap: 0.1, delete: 0.1, ...rates };
  for (const [name, rate] of Object.entries(all)) if (!["replace", "insert", "swap", "delete"].includes(name) || !(rate >= 0 && rate <= 1)) throw new TunelabError(`augment: rates.${name} is ${rate}; give replace, insert, swap or delete a share in [0, 1].`);
  const operations = (Object.keys(all) as EdaOperation[]).filter((name) => all[name] > 0), random = new Random(seed, `eda ${hash(words.join("\0"))}`), length = words.filter(isWord).length;
  if (operations.length === 0) throw new TunelabError("augment: all rates are 0; raise one.");
  if (length === 0) return [];
  return Array.from({ length: copies }, (_, k) => {
    const operation = operations[k % operations.length], rate = all[operation], n = Math.max(1, Math.round(rate * length));
    const apply: Record<EdaOperation, () => string[]> = {
      replace: () => replaceSynonyms(words, n, random, synonyms, protect), insert: () => insertSynonyms(words, n, random, synonyms),
      swap: () => swapWords(words, n, random), delete: () => deleteWords(words, rate, random, protect),
    };
    return { words: apply[operation](), operation };
  });
}

const choose = <T>(items: readonly T[], random: Random): T => items[random.integer(items.length)];

/** Words as text: spaces between words of letters, none around Chinese characters and before marks. */
export const joinWords = (words: readonly string[]): string =>
  words.reduce((text, word) => (text && /[\p{L}\p{N}.,;:!?)\]%](?<!\p{Script=Han})$/u.test(text) && /^[\p{L}\p{N}(\[](?<!\p{Script=Han})/u.test(word) ? `${text} ${word}` : text + word), "");
