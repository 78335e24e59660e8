/**
 * WordPiece (Schuster & Nakajima 2012; as BERT applies it). A word is its characters, each but the first marked by "##". Training joins the
 * pair of the highest score
 *   freq(ab) / (freq(a) · freq(b)),
 * as Hugging Face's course describes it; encoding takes, from left to right, the longest piece of the vocabulary.
 * Python's `tokenizers.trainers.WordPieceTrainer` trains otherwise: it ranks pairs by their frequency alone, as BPE does.
 */
import { TunelabError } from "../errors";
import type { SubwordEncoder } from "./bpe";
import { Pairs, SHIFT } from "./pairs";

export interface WordPiece {
  /** Tokens by id: the special tokens first, then the characters, then one for each join. */
  tokens: readonly string[];
  special: readonly string[];
  /** Words are lower-cased and lose their accents, as in BERT's "uncased" models. */
  lowercase: boolean;
}

export interface WordPieceOptions {
  vocabSize: number;
  special?: readonly string[];
  lowercase?: boolean;
  /** A pair is joined only if it occurs at least so often: the score alone prefers the rarest characters. */
  minFrequency?: number;
  onProgress?: (done: number, total: number) => void;
}

export const UNKNOWN_TOKEN = "[UNK]", CONTINUATION = "##", LONGEST_SPELLED = 100;
const SPECIAL = ["[PAD]", UNKNOWN_TOKEN, "[CLS]", "[SEP]", "[MASK]"];

const CHINESE = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
/** ASCII's symbols count as punctuation. */
const BERT_WORD = /[!-/:-@[-`{-~\p{P}]|[^\p{White_Space}!-/:-@[-`{-~\p{P}]+/gu;

/** Words of a text as BERT cuts them: control characters removed, each Chinese character and each punctuation mark a word of its own. */
export function bertWords(text: string, lowercase = false): string[] {
  let t = text.replace(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "").replace(CHINESE, " $& ");
  if (lowercase) t = t.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
  return t.match(BERT_WORD) ?? [];
}

/** Learns a vocabulary from texts, or from their counted words. Among pairs of equal score the one that stands first in the texts is joined. */
export function trainWordPiece(source: Iterable<string> | ReadonlyMap<string, number>, { vocabSize, special = SPECIAL, lowercase = false, minFrequency = 1, onProgress }: WordPieceOptions): WordPiece {
  if (!special.includes(UNKNOWN_TOKEN)) throw new TunelabError(`trainWordPiece: special tokens ${special.join(" ")} lack ${UNKNOWN_TOKEN}, which stands for words that cannot be spelled; add it.`);
  const counts = new Map<string, number>(source instanceof Map ? (source as ReadonlyMap<string, number>) : []);
  if (!(source instanceof Map)) for (const text of source as Iterable<string>) for (const w of bertWords(text, lowercase)) counts.set(w, (counts.get(w) ?? 0) + 1);
  if (counts.size === 0) throw new TunelabError("trainWordPiece: the texts hold no words; give at least one that is not empty.");

  const spelled = [...counts.keys()].map((word) => Array.from(word, (c, i) => (i ? CONTINUATION + c : c))), frequency = [...counts.values()];
  const tokens = [...special, ...[...new Set(spelled.flat())].sort(byCodePoints)], ids = new Map(tokens.map((t, i) => [t, i]));
  if (!Number.isInteger(vocabSize) || vocabSize < tokens.length || vocabSize >= SHIFT)
    throw new TunelabError(`trainWordPiece: vocabSize is ${vocabSize}; it must be a whole number of at least ${tokens.length} (the characters of the texts, and ${special.length} special tokens).`);
  const rows = spelled.map((pieces) => pieces.map((p) => ids.get(p)!)), pairs = new Pairs(rows, frequency), often = new Float64Array(vocabSize);
  rows.forEach((row, w) => row.forEach((id) => { often[id] += frequency[w]; }));

  while (tokens.length < vocabSize) {
    let best = 0, tied: number[] = [];
    for (const [pair, { count }] of pairs.counts) {
      if (count < Math.max(minFrequency, 1)) continue;
      const score = count / (often[Math.floor(pair / SHIFT)] * often[pair % SHIFT]);
      if (score > best) { best = score; tied = [pair]; } else if (score === best) tied.push(pair);
    }
    if (!tied.length) break;
    const pair = tied.length > 1 ? firstInTexts(tied, pairs) : tied[0], left = Math.floor(pair / SHIFT), right = pair % SHIFT;
    const joined = tokens[left] + tokens[right].slice(CONTINUATION.length);
    let id = ids.get(joined);
    if (id === undefined) { id = tokens.push(joined) - 1; ids.set(joined, id); }
    const n = pairs.join(pair, id).joined;
    often[left] -= n; often[right] -= n; often[id] += n;
    if (tokens.length % 64 === 0) onProgress?.(tokens.length, vocabSize);
  }
  return { tokens, special, lowercase };
}

/** By code points, as Python sorts texts; JavaScript's order of UTF-16 units differs beyond U+FFFF. */
function byCodePoints(a: string, b: string): number {
  const x = Array.from(a, (c) => c.codePointAt(0)!), y = Array.from(b, (c) => c.codePointAt(0)!);
  const at = x.findIndex((c, i) => c !== y[i]);
  return at < 0 ? x.length - y.length : at >= y.length ? 1 : x[at] - y[at];
}

/** Of several pairs the one that occurs first: in the earliest word, and there most to the left. */
function firstInTexts(tied: readonly number[], pairs: Pairs): number {
  let word = Infinity, position = Infinity, first = tied[0];
  for (const pair of tied) {
    const { words } = pairs.counts.get(pair)!;
    for (let k = 0; k < words.length && words[k] <= word; k++) {
      const at = positionOf(pairs.word(words[k]), pair);
      if (at < 0) continue;
      if (words[k] < word || at < position) { word = words[k]; position = at; first = pair; }
      break;
    }
  }
  return first;
}
const positionOf = (symbols: Int32Array, pair: number): number => symbols.findIndex((s, i) => i + 1 < symbols.length && s * SHIFT + symbols[i + 1] === pair);

/** Applies a vocabulary. A word that it cannot spell, or of more than 100 characters, is one [UNK]; decoding puts a space between words. */
export function wordPieceEncoder({ tokens, special, lowercase }: WordPiece): SubwordEncoder {
  const ids = new Map(tokens.map((t, i) => [t, i])), unknown = ids.get(UNKNOWN_TOKEN)!;
  const ofWord = (word: string): number[] => {
    const characters = [...word], found: number[] = [];
    if (characters.length > LONGEST_SPELLED) return [unknown];
    for (let from = 0; from < characters.length; ) {
      let to = characters.length, id: number | undefined;
      for (; to > from; to--) if ((id = ids.get((from ? CONTINUATION : "") + characters.slice(from, to).join(""))) !== undefined) break;
      if (id === undefined) return [unknown];
      found.push(id);
      from = to;
    }
    return found;
  };
  const separate = special.length ? new RegExp(`(${special.map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`) : undefined;
  return {
    encode: (text) => (separate ? text.split(separate) : [text])
      .flatMap((part) => (special.includes(part) ? [ids.get(part)!] : bertWords(part, lowercase).flatMap(ofWord))),
    decode: (list) => list.map((id, i) => {
      const token = tokens[id];
      if (token === undefined) throw new TunelabError(`Token id ${id} is not in the vocabulary (0 to ${tokens.length - 1}).`);
      return i && token.startsWith(CONTINUATION) ? token.slice(CONTINUATION.length) : (i ? " " : "") + token;
    }).join(""),
  };
}
