/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016; on bytes: Radford et al. 2019), as GPT-2 and Qwen2 use it.
 * A text is normalised (NFC) and cut into words (Qwen2's expression); a word is the sequence of its UTF-8 bytes, each written as
 * one visible character. Training joins the most frequent pair of neighbours, again and again; encoding repeats the joins in that order.
 */
import { TunelabError } from "../errors";
import { Heap } from "./heap";
import { Pairs, SHIFT } from "./pairs";

export interface Bpe {
  /** Tokens by id, spelled with the byte alphabet: the special tokens first, then the 256 bytes, then one for each join. */
  tokens: readonly string[];
  /** Pairs of tokens in the order in which they are joined. */
  merges: readonly (readonly [string, string])[];
  /** Tokens that stand for themselves and are never cut. */
  special: readonly string[];
}

/** Qwen2's expression for words, as tokenizer.json names it; JavaScript's form of it below. */
export const QWEN2_WORDS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
/** White space is Unicode's, as in Python's tokenizers; JavaScript's \s differs in U+0085 and U+FEFF. */
const WORD = new RegExp(
  QWEN2_WORDS.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])")
    .replaceAll(String.raw`[^\s`, String.raw`[^\p{White_Space}`).replaceAll(String.raw`\s`, String.raw`\p{White_Space}`).replaceAll(String.raw`\S`, String.raw`\P{White_Space}`), "gu");

/** The words of a text, which joined together give its NFC form. */
export const bpeWords = (text: string): string[] => text.normalize("NFC").match(WORD) ?? [];

/** One visible character for each byte: itself where it is one, else from U+0100 on (GPT-2's bytes_to_unicode). */
const BYTE_CHARACTERS: readonly string[] = (() => {
  let next = 256;
  const visible = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(visible(b) ? b : next++));
})();
const BYTES = new Map(BYTE_CHARACTERS.map((c, b) => [c, b]));
const utf8 = new TextEncoder();
const spelled = (word: string): string => Array.from(utf8.encode(word), (b) => BYTE_CHARACTERS[b]).join("");

export interface BpeOptions {
  /** Number of tokens, special ones and the 256 bytes included. */
  vocabSize: number;
  special?: readonly string[];
  /** A pair is joined only if it occurs at least so often. */
  minFrequency?: number;
  /** Called now and then with the number of tokens so far. */
  onProgress?: (done: number, total: number) => void;
}

/** Words of texts and how often each occurs. Special tokens spelled out in a text are cut out of it first. */
export function countBpeWords(texts: Iterable<string>, special: readonly string[] = []): Map<string, number> {
  const counts = new Map<string, number>(), separate = splitter(special);
  for (const text of texts)
    for (const part of separate ? text.split(separate) : [text])
      if (!special.includes(part)) for (const word of bpeWords(part)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
const splitter = (special: readonly string[]): RegExp | undefined =>
  special.length ? new RegExp(`(${[...special].sort((a, b) => b.length - a.length).map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`) : undefined;

/**
 * Learns a vocabulary from texts, or from their counted words. Among pairs of equal count the one with the smaller ids comes first,
 * as in Python's `tokenizers.trainers.BpeTrainer`, whose merges these are.
 */
export function trainBpe(source: Iterable<string> | ReadonlyMap<string, number>, { vocabSize, special = [], minFrequency = 1, onProgress }: BpeOptions): Bpe {
  const counts = source instanceof Map ? (source as ReadonlyMap<string, number>) : countBpeWords(source as Iterable<string>, special);
  const tokens = [...special, ...[...BYTE_CHARACTERS].sort()], ids = new Map(tokens.map((t, i) => [t, i]));
  if (!Number.isInteger(vocabSize) || vocabSize < tokens.length || vocabSize >= SHIFT)
    throw new TunelabError(`trainBpe: vocabSize is ${vocabSize}; it must be a whole number of at least ${tokens.length} (256 bytes and ${special.length} special tokens), below ${SHIFT}.`);
  if (counts.size === 0) throw new TunelabError("trainBpe: the texts hold no words; give at least one that is not empty.");

  const idOfByte = BYTE_CHARACTERS.map((c) => ids.get(c)!);
  const pairs = new Pairs(Array.from(counts.keys(), (word) => Array.from(utf8.encode(word), (b) => idOfByte[b])), [...counts.values()]);
  const heap = new Heap<{ pair: number; count: number }>((a, b) => (a.count !== b.count ? a.count > b.count : a.pair < b.pair));
  for (const [pair, { count }] of pairs.counts) heap.push({ pair, count });
  const merges: [string, string][] = [];
  while (tokens.length < vocabSize) {
    const top = heap.pop();
    if (!top) break;
    const count = pairs.counts.get(top.pair)?.count ?? 0;
    if (count !== top.count) { if (count > 0 && count < top.count) heap.push({ pair: top.pair, count }); continue; } // an older count
    if (count < Math.max(minFrequency, 1)) break;
    const left = tokens[Math.floor(top.pair / SHIFT)], right = tokens[top.pair % SHIFT];
    let id = ids.get(left + right); // another pair may have made the same token before
    if (id === undefined) { id = tokens.push(left + right) - 1; ids.set(left + right, id); }
    merges.push([left, right]);
    for (const pair of pairs.join(top.pair, id).raised) {
      const count = pairs.counts.get(pair)?.count ?? 0;
      if (count > 0) heap.push({ pair, count });
    }
    if (merges.length % 256 === 0) onProgress?.(tokens.length, vocabSize);
  }
  return { tokens, merges, special };
}

export interface SubwordEncoder {
  /** Ids of a text; special tokens spelled out in it are recognised. */
  encode(text: string): number[];
  /** The text of ids; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string;
}

/** Applies a vocabulary. */
export function bpeEncoder({ tokens, merges, special }: Bpe): SubwordEncoder {
  const ids = new Map(tokens.map((t, i) => [t, i])), joins = new Map<number, { rank: number; id: number }>();
  merges.forEach(([a, b], rank) => joins.set(ids.get(a)! * SHIFT + ids.get(b)!, { rank, id: ids.get(a + b)! }));
  const known = new Map<string, readonly number[]>(), separate = splitter(special);
  const ofWord = (word: string): readonly number[] => {
    let found = known.get(word);
    if (!found) {
      found = join(Array.from(spelled(word), (c) => ids.get(c)!), joins);
      if (known.size < 2 ** 18) known.set(word, found);
    }
    return found;
  };
  return {
    encode(text) {
      const out: number[] = [];
      for (const part of separate ? text.split(separate) : [text])
        if (special.includes(part)) out.push(ids.get(part)!);
        else for (const word of bpeWords(part)) for (const id of ofWord(word)) out.push(id);
      return out;
    },
    decode(list) {
      let text = "", bytes: number[] = [];
      const flush = () => { text += new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes)); bytes = []; };
      for (const id of list) {
        const token = tokens[id];
        if (token === undefined) throw new TunelabError(`Token id ${id} is not in the vocabulary (0 to ${tokens.length - 1}).`);
        if (special.includes(token)) { flush(); text += token; } else for (const c of token) bytes.push(BYTES.get(c)!);
      }
      flush();
      return text;
    },
  };
}

/** Joins neighbours, the earliest learned pair first, the leftmost of equals first; O(n log n) for a word of n bytes. */
function join(symbols: number[], joins: ReadonlyMap<number, { rank: number; id: number }>): number[] {
  const n = symbols.length, next = Int32Array.from(symbols, (_, i) => i + 1), previous = Int32Array.from(symbols, (_, i) => i - 1);
  const heap = new Heap<{ at: number; rank: number; pair: number }>((a, b) => (a.rank !== b.rank ? a.rank < b.rank : a.at < b.at));
  const consider = (at: number) => {
    if (at < 0 || next[at] >= n) return;
    const pair = symbols[at] * SHIFT + symbols[next[at]], found = joins.get(pair);
    if (found) heap.push({ at, rank: found.rank, pair });
  };
  for (let i = 0; i + 1 < n; i++) consider(i);
  for (let top; (top = heap.pop()); ) {
    const { at, pair } = top, right = next[at];
    if (symbols[at] < 0 || right >= n || symbols[at] * SHIFT + symbols[right] !== pair) continue; // joined with another meanwhile
    symbols[at] = joins.get(pair)!.id;
    symbols[right] = -1;
    next[at] = next[right];
    if (next[at] < n) previous[next[at]] = at;
    consider(previous[at]);
    consider(at);
  }
  return symbols.filter((id) => id >= 0);
}
