/** Reading records from JSONL (one JSON object a line) or JSON (a list of objects), with errors that name file and line. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";

/** Longest line that is read, in bytes; a longer one is not a record but a wrong file. */
const LONGEST_LINE = 16 * 2 ** 20;

export interface ReadOptions<T> {
  /** Turns a parsed record into what the caller wants; its errors are reported with file and line. */
  parse?: (record: unknown, where: string) => T;
  /** Fields that every record must have with something in them: not null, not "" or white space, no empty list. */
  filled?: readonly string[];
  /** "refuse" (default) ends at the first bad record; "skip" leaves it out and reports it to onBad. */
  bad?: "refuse" | "skip";
  onBad?: (message: string) => void;
}

/** Records one after another, in bounded memory for JSONL. */
export async function* readRecords<T = Record<string, unknown>>(file: string, { parse = (r) => r as T, filled = [], bad = "refuse", onBad }: ReadOptions<T> = {}): AsyncGenerator<T> {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) throw new TunelabError(`${file}: there is no such file.`);
  if (!stat.isFile()) throw new TunelabError(`${file}: is not a file; give a .jsonl or .json file.`);
  function* checked(read: () => unknown, where: string): Generator<T> {
    let record: T;
    try {
      const value = read();
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TunelabError(`${where}: is not a JSON object; each record must be one, like {"question": …, "answer": …}.`);
      if (!wellFormed(value)) throw new TunelabError(`${where}: holds half of a character (an unpaired surrogate, \\ud800 to \\udfff); write the text again from its source.`);
      const empty = filled.find((name) => isEmpty((value as Record<string, unknown>)[name]));
      if (empty !== undefined) throw new TunelabError(`${where}: the field ${JSON.stringify(empty)} is ${empty in value ? "empty" : "missing"}; fill it in, or leave the record out.`);
      record = parse(value, where);
    } catch (error) {
      if (!(error instanceof TunelabError) || bad === "refuse") throw error;
      onBad?.(error.message);
      return;
    }
    yield record;
  }
  if (file.endsWith(".json")) {
    const list = parseBytes(fs.readFileSync(file), file);
    if (!Array.isArray(list)) throw new TunelabError(`${file}: must hold a list of records; one record a line belongs into a .jsonl file.`);
    for (const [i, record] of list.entries()) yield* checked(() => record, `${file}, record ${i + 1}`);
    return;
  }
  let number = 0;
  const tooLong = (message: string) => { if (bad === "refuse") throw new TunelabError(message); onBad?.(message); };
  for await (const line of lines(file, tooLong)) {
    const where = `${file}:${++number}`;
    // the beginning tells for all but blank lines, so that a long line is not turned into text twice
    if (!BLANK.test(line.toString("latin1", 0, 64)) || !BLANK.test(line.toString("latin1"))) yield* checked(() => parseBytes(line, where), where);
  }
}

/** Nothing but white space, or a byte-order mark. */
const BLANK = /^(\xEF\xBB\xBF)?\s*$/;

const isEmpty = (x: unknown): boolean => x === undefined || x === null || (typeof x === "string" ? x.trim() === "" : Array.isArray(x) && x.length === 0);

/** JSON from UTF-8 bytes; a byte-order mark at their beginning is no part of it. */
function parseBytes(bytes: Uint8Array, where: string): unknown {
  let text: string;
  try { text = new TextDecoder("utf-8", { fatal: true }).decode(bytes); }
  catch { throw new TunelabError(`${where}: is not valid UTF-8; convert the file, e.g. iconv -f ${/^\xff\xfe|^\xfe\xff/.test(Buffer.from(bytes.subarray(0, 2)).toString("latin1")) ? "UTF-16" : "GB18030"} -t UTF-8.`); }
  try { return JSON.parse(text); }
  catch (error) { throw new TunelabError(`${where}: is not valid JSON (${(error as Error).message}); correct or remove it.`); }
}

/** No text in the value holds half of a character, which no tokenizer could encode. Works without recursion, however deep the value is. */
function wellFormed(value: unknown): boolean {
  const open = [value];
  while (open.length) {
    const v = open.pop();
    if (typeof v === "string" && /\p{Surrogate}/u.test(v)) return false;
    if (typeof v === "object" && v !== null) for (const [name, inner] of Object.entries(v)) open.push(name, inner);
  }
  return true;
}

/** All records of a file, in memory. */
export async function loadRecords<T = Record<string, unknown>>(file: string, options?: ReadOptions<T>): Promise<T[]> {
  const records: T[] = [];
  for await (const record of readRecords(file, options)) records.push(record);
  if (records.length === 0) throw new TunelabError(`${file}: holds no records; give at least one.`);
  return records;
}

/**
 * Lines of a file, as bytes. Where no line ends for too long, `onLong` is told (and may throw) instead of filling the memory; if it returns,
 * the line is left out, and stands as an empty one for the count.
 */
async function* lines(file: string, onLong: (message: string) => void): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [], length = 0, number = 1;
  const keep = (piece: Buffer) => {
    if (length <= LONGEST_LINE && length + piece.length > LONGEST_LINE) {
      begun = [];
      onLong(`${file}:${number}: is a line of more than ${LONGEST_LINE} bytes; is this really JSONL, one record a line?`);
    }
    if ((length += piece.length) <= LONGEST_LINE) begun.push(piece);
  };
  for await (const chunk of fs.createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end; (end = chunk.indexOf("\n", from)) >= 0; from = end + 1) {
      keep(chunk.subarray(from, end));
      yield Buffer.concat(begun);
      begun = []; length = 0; number++;
    }
    keep(chunk.subarray(from));
  }
  if (length) yield Buffer.concat(begun);
}
