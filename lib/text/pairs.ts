/** Pairs of neighbouring symbols in counted words, kept up to date while pairs are joined: what BPE and WordPiece both train on. */

/** Two symbols as one number; symbols stay below 2²⁰. */
export const SHIFT = 2 ** 20;

export class Pairs {
  /** How often each pair occurs, and the words (in order) in which it has occurred. */
  readonly counts = new Map<number, { count: number; words: number[] }>();
  private symbols: Int32Array;
  private starts: Int32Array;
  private lengths: Int32Array;

  /** Words as rows of symbols, each occurring `frequency` times. */
  constructor(words: readonly ArrayLike<number>[], private frequency: readonly number[]) {
    this.lengths = Int32Array.from(words, (w) => w.length);
    this.starts = new Int32Array(words.length);
    this.symbols = new Int32Array(this.lengths.reduce((a, b) => a + b, 0));
    let at = 0;
    words.forEach((word, w) => { this.starts[w] = at; this.symbols.set(word, at); at += word.length; });
    for (let w = 0; w < words.length; w++)
      for (let i = 1; i < words[w].length; i++) this.add(words[w][i - 1] * SHIFT + words[w][i], frequency[w], w);
  }
  /** The symbols of a word as they are now. */
  word(w: number): Int32Array { return this.symbols.subarray(this.starts[w], this.starts[w] + this.lengths[w]); }

  private add(pair: number, count: number, word: number): void {
    const p = this.counts.get(pair);
    if (!p) this.counts.set(pair, { count, words: [word] });
    else { p.count += count; if (count > 0 && p.words.at(-1) !== word) p.words.push(word); }
  }

  /** Writes `id` for a pair everywhere, from left to right. Returns how often, and the pairs that have become more frequent. */
  join(pair: number, id: number): { joined: number; raised: Set<number> } {
    const { symbols, starts, lengths, frequency } = this, left = Math.floor(pair / SHIFT), right = pair % SHIFT, raised = new Set<number>();
    let joined = 0;
    for (const w of this.counts.get(pair)!.words) {
      const from = starts[w], end = from + lengths[w], f = frequency[w];
      const lower = (a: number, b: number) => this.add(a * SHIFT + b, -f, w), raise = (a: number, b: number) => { this.add(a * SHIFT + b, f, w); raised.add(a * SHIFT + b); };
      let out = from;
      for (let i = from; i < end; i++) {
        if (i + 1 < end && symbols[i] === left && symbols[i + 1] === right) {
          if (out > from) { lower(symbols[out - 1], left); raise(symbols[out - 1], id); }
          if (i + 2 < end) { lower(right, symbols[i + 2]); raise(id, symbols[i + 2]); }
          symbols[out++] = id;
          joined += f;
          i++;
        } else symbols[out++] = symbols[i];
      }
      lengths[w] = out - from;
    }
    this.counts.delete(pair);
    return { joined, raised };
  }
}
