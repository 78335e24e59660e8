/**
 * Duplicates: exact ones by their text, near ones by MinHash and locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman & Ullman,
 * Mining of Massive Datasets, ch. 3). Every pair that hashing proposes is checked against the true Jaccard similarity of its shingles.
 */
import { TunelabError } from "../errors";
import { hash, Random } from "../tensor/random";
import { joined } from "./groups";

/** Letters and digits in lower case, widths unified, one space between words, none beside Chinese characters. */
export const plainText = (text: string): string =>
  text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").replace(/(?<=\p{Script=Han}) | (?=\p{Script=Han})/gu, "").trim();

/** The set of all runs of `size` characters of the plain text; a shorter text is one shingle. */
export function shingles(text: string, size = 4): Set<string> {
  const characters = Array.from(plainText(text)), out = new Set<string>();
  if (characters.length > 0 && characters.length < size) out.add(characters.join(""));
  for (let i = 0; i + size <= characters.length; i++) out.add(characters.slice(i, i + size).join(""));
  return out;
}

/** |A ∩ B| / |A ∪ B|; two empty sets are equal. */
export function jaccard<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  let common = 0;
  for (const x of a.size < b.size ? a : b) if (a.has(x) && b.has(x)) common++;
  return a.size + b.size === 0 ? 1 : common / (a.size + b.size - common);
}

/** For each of `permutations` random orders of all shingles the smallest number in the set: uint32 [permutations]. Two signatures agree at a place with probability jaccard. */
export function minHash(set: ReadonlySet<string>, permutations = 128, seed = 0): Uint32Array {
  const random = new Random(seed, "minhash"), out = new Uint32Array(permutations).fill(0xffffffff), hashes = Uint32Array.from(set, (s) => hash(s, seed));
  for (let p = 0; p < permutations; p++) {
    const multiply = random.integer(2 ** 31) * 2 + 1, add = random.integer(2 ** 32);
    let least = 0xffffffff;
    for (const h of hashes) {
      let x = (Math.imul(h, multiply) + add) >>> 0; // a permutation of the 32-bit numbers, mixed by murmur's finaliser
      x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
      x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
      x = (x ^ (x >>> 16)) >>> 0;
      if (x < least) least = x;
    }
    out[p] = least;
  }
  return out;
}

/** The share of places at which two signatures agree: an estimate of jaccard with standard deviation √(s(1 − s)/permutations). */
export function signatureSimilarity(a: Uint32Array, b: Uint32Array): number {
  if (a.length !== b.length) throw new TunelabError(`signatureSimilarity: signatures of ${a.length} and ${b.length} numbers; make both with the same permutations and seed.`);
  return a.reduce((n, x, i) => n + Number(x === b[i]), 0) / a.length;
}

/**
 * How to cut a signature into bands of rows. A pair of similarity s shares a band with probability 1 − (1 − s^rows)^bands; `rows` is the
 * largest for which a pair exactly at the threshold is found with at least this probability.
 */
export function bandsFor(threshold: number, permutations: number, found = 0.99): { bands: number; rows: number } {
  for (let rows = permutations; rows > 1; rows--) {
    const bands = Math.floor(permutations / rows);
    if (1 - (1 - threshold ** rows) ** bands >= found) return { bands, rows };
  }
  return { bands: permutations, rows: 1 };
}

export interface DuplicateOptions {
  /** Pairs of at least this Jaccard similarity are near duplicates, default 0.7. */
  threshold?: number;
  /** Characters in a shingle, default 4. */
  size?: number;
  permutations?: number;
  seed?: number;
}
export interface Duplicates {
  /** Places of texts that are the same, character by character; only groups of two and more. */
  exact: number[][];
  /** Pairs a < b of different texts whose true similarity reaches the threshold, most similar first. Of texts that are the same only the first is named. */
  near: { a: number; b: number; jaccard: number }[];
  /** Places that hang together over `exact` and `near`; only groups of two and more. */
  groups: number[][];
  /** Pairs that hashing proposed, of how many there are: all others were never compared. */
  candidates: number;
  pairs: number;
}

/** Exact and near duplicates among texts. Texts without letters or digits are duplicates only of texts with the same characters. */
export function findDuplicates(texts: readonly string[], { threshold = 0.7, size = 4, permutations = 128, seed = 0 }: DuplicateOptions = {}): Duplicates {
  if (!(threshold > 0 && threshold <= 1)) throw new TunelabError(`findDuplicates: threshold is ${threshold}; give a similarity in (0, 1], e.g. 0.7.`);
  const same = new Map<string, number[]>();
  for (const [i, text] of texts.entries()) push(same, text, i);
  const exact = [...same.values()].filter((g) => g.length > 1);
  // one of each group of equal texts stands for all
  const firsts = [...same.values()].map((g) => g[0]), sets = firsts.map((i) => shingles(texts[i], size)), { bands, rows } = bandsFor(threshold, permutations);
  const proposed = new Set<number>();
  const buckets: Map<string, number[]>[] = Array.from({ length: bands }, () => new Map());
  for (const [n, set] of sets.entries()) {
    if (set.size === 0) continue;
    const signature = minHash(set, permutations, seed);
    for (const [b, bucket] of buckets.entries()) {
      const band = signature.subarray(b * rows, (b + 1) * rows).join();
      for (const m of bucket.get(band) ?? []) proposed.add(m * sets.length + n);
      push(bucket, band, n);
    }
  }
  const near: Duplicates["near"] = [];
  for (const code of proposed) {
    const m = Math.floor(code / sets.length), n = code % sets.length, similarity = jaccard(sets[m], sets[n]); // m < n
    if (similarity >= threshold) near.push({ a: firsts[m], b: firsts[n], jaccard: similarity });
  }
  near.sort((x, y) => y.jaccard - x.jaccard || x.a - y.a || x.b - y.b);
  return { exact, near, groups: joined(texts.length, [...exact.flatMap(([a, ...rest]) => rest.map((b): [number, number] => [a, b])), ...near.map(({ a, b }): [number, number] => [a, b])]).filter((g) => g.length > 1), candidates: proposed.size, pairs: (sets.length * (sets.length - 1)) / 2 };
}

function push<K>(map: Map<K, number[]>, key: K, value: number): void {
  const list = map.get(key);
  if (list) list.push(value); else map.set(key, [value]);
}
