/** Packing for pre-training (as in GPT-2 and after): documents, each closed by an end token, as one stream cut into rows of equal length. */
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
