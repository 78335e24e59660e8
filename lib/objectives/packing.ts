/**
 * Packing. For pre-training (as in GPT-2 and after): documents, each closed by an end token, as one stream cut into rows of equal length.
 * For fine-tuning (Krell et al. 2021): whole examples side by side in a row; attention is block-diagonal and positions begin anew, so that
 * none sees another, and loss and gradients are those of the examples apart, without their padding.
 */
import { TunelabError } from "../errors";
import type { Example } from "./examples";

/**
 * Rows of `length` tokens in which every token but the first is a target; what is left at the end fills no row and is dropped.
 * No token is padding. A row may begin within a document and go on with others: attention reaches across the end tokens.
 */
export function packDocuments(documents: Iterable<readonly number[]>, length: number, end: number): Example[] {
  if (!(Number.isInteger(length) && length > 1)) throw new TunelabError(`packDocuments: length is ${length}; it must be a whole number of tokens, at least 2.`);
  const rows: Example[] = [], target = new Uint8Array(length).fill(1, 1);
  let row = new Int32Array(length), filled = 0;
  const put = (id: number) => {
    row[filled++] = id;
    if (filled === length) { rows.push({ ids: row, target }); row = new Int32Array(length); filled = 0; }
  };
  for (const document of documents) { for (const id of document) put(id); put(end); }
  return rows;
}

/** Examples in rows of at most `length` tokens, the longest first into the first row that has room. None is cut: a longer one is refused. */
export function packExamples(examples: readonly Example[], length: number): Example[] {
  if (!(Number.isInteger(length) && length > 1)) throw new TunelabError(`packExamples: length is ${length}; it must be a whole number of tokens, at least 2.`);
  const long = examples.findIndex((e) => e.ids.length > length), packed = examples.findIndex((e) => e.segments);
  if (long >= 0) throw new TunelabError(`packExamples: example ${long + 1} has ${examples[long].ids.length} tokens, more than a row's ${length}; raise length, or cut it (maxLength).`);
  if (packed >= 0) throw new TunelabError(`packExamples: example ${packed + 1} is packed already; pack examples once.`);
  const rows: { examples: Example[]; room: number }[] = [];
  for (const example of [...examples].sort((a, b) => b.ids.length - a.ids.length)) {
    let row = rows.find((r) => r.room >= example.ids.length);
    if (!row) rows.push((row = { examples: [], room: length }));
    row.examples.push(example);
    row.room -= example.ids.length;
  }
  return rows.map(({ examples }) => {
    const join = (f: (e: Example, i: number) => ArrayLike<number>) => examples.flatMap((e, i) => Array.from(f(e, i)));
    // What begins an example is predicted by nothing: the token before it belongs to another.
    return { ids: Int32Array.from(join((e) => e.ids)), target: Uint8Array.from(join((e) => e.target.map((v, t) => (t ? v : 0)))), segments: Int32Array.from(join((e, i) => e.ids.map(() => i))) };
  });
}
