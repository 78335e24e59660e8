/** Reading records from JSONL (one JSON object a line) or JSON (a list of objects), with errors that name file and line. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";

/** Longest line that is read, in characters; a longer one is not a record but a wrong file. */
const LONGEST_LINE = 16 * 2 ** 20;

export interface ReadOptions<T> {
  /** Turns a parsed record into what the caller wants; its errors are reported with file and line. */
  parse?: (record: unknown, where: string) => T;
  /** "refuse" (default) ends at the first bad record; "skip" leaves it out and reports it to onBad. */
  bad?: "refuse" | "skip";
  onBad?: (message: string) => void;
}

/** Records one after another, in bounded memory for JSONL. */
export async function* readRecords<T = Record<string, unknown>>(file: string, { parse = (r) => r as T, bad = "refuse", onBad }: ReadOptions<T> = {}): AsyncGenerator<T> {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) throw new TunelabError(`${file}: there is no such file.`);
  if (!stat.isFile()) throw new TunelabError(`${file}: is not a file; give a .jsonl or .json file.`);
  function* checked(value: () => unknown, where: string): Generator<T> {
    let record: T;
    try {
      const parsed = value();
      if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new TunelabError(`${where}: is not a JSON object.`);
      record = parse(parsed, where);
    } catch (error) {
      const message = error instanceof TunelabError ? error.message : `${where}: is not valid JSON (${(error as Error).message}).`;
      if (bad === "refuse") throw new TunelabError(message);
      onBad?.(message);
      return;
    }
    yield record;
  }
  if (file.endsWith(".json")) {
    let list: unknown;
    try { list = JSON.parse(fs.readFileSync(file, "utf8")); }
    catch (error) { throw new TunelabError(`${file}: is not valid JSON (${(error as Error).message}).`); }
    if (!Array.isArray(list)) throw new TunelabError(`${file}: must hold a list of records; one record a line belongs into a .jsonl file.`);
    for (const [i, record] of list.entries()) yield* checked(() => record, `${file}, record ${i + 1}`);
    return;
  }
  let number = 0;
  for await (const line of lines(file)) {
    const where = `${file}:${++number}`, text = number === 1 ? line.replace(/^\uFEFF/, "") : line;
    if (text.trim() === "") continue;
    yield* checked(() => {
      if (text.includes("\uFFFD")) throw new TunelabError(`${where}: is not valid UTF-8; convert the file, e.g. iconv -f GB18030 -t UTF-8.`);
      return JSON.parse(text);
    }, where);
  }
}

/** All records of a file, in memory. */
export async function loadRecords<T = Record<string, unknown>>(file: string, options?: ReadOptions<T>): Promise<T[]> {
  const records: T[] = [];
  for await (const record of readRecords(file, options)) records.push(record);
  if (records.length === 0) throw new TunelabError(`${file}: holds no records; give at least one.`);
  return records;
}

/** Lines of a file; ends with an error, instead of filling the memory, where no line ends for too long. */
async function* lines(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of fs.createReadStream(file, { encoding: "utf8" }) as AsyncIterable<string>) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    if (rest.length > LONGEST_LINE) throw new TunelabError(`${file}: has a line of more than ${LONGEST_LINE} characters; is it really JSONL?`);
    yield* parts;
  }
  if (rest) yield rest;
}
