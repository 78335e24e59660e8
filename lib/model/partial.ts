/**
 * Files that appear complete or not at all: each is written beside its place, under a name with this process's number, and renamed. What
 * belongs together is written first and renamed at the end, so that an error (a full disk, say) leaves all of the old files.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";

/** Does a process of this number run? One that was killed may have left something half-written. */
export function processRuns(pid: number): boolean {
  try { process.kill(pid, 0); return true; }
  catch (error) { return (error as NodeJS.ErrnoException).code !== "ESRCH"; }
}

/** Where a file is written until it is complete. What killed processes left of the same file is removed. */
export function partialOf(file: string): string {
  const folder = path.dirname(file), begin = `${path.basename(file)}.`;
  let names: string[];
  try { names = fs.readdirSync(folder); } catch { names = []; } // writing will say what is wrong
  for (const name of names) {
    const pid = name.startsWith(begin) ? /^(\d+)\.partial(\.\d+\.partial)?$/.exec(name.slice(begin.length))?.[1] : undefined;
    if (pid && !processRuns(+pid)) fs.rmSync(path.join(folder, name), { force: true });
  }
  return `${file}.${process.pid}.partial`;
}

/** Makes a folder; a TunelabError says why it cannot be made. */
export function makeFolder(folder: string): void {
  try { fs.mkdirSync(folder, { recursive: true }); }
  catch (error) { throw new TunelabError(`${folder}: the folder cannot be made (${(error as Error).message}); choose another place.`); }
}

/**
 * Replaces files of a folder together. Each writer gets the name to write to, and what it throws ends all: then the old files are as they
 * were. A process that is killed between two of the last renames leaves some new and some old ones, each complete.
 */
export function replaceFiles(folder: string, writers: Readonly<Record<string, (file: string) => void>>): void {
  const stray = Object.keys(writers).find((name) => name !== path.basename(name) || name === "." || name === ".." || /[\\\0]/.test(name));
  if (stray !== undefined) throw new TunelabError(`${folder}: "${stray}" is no plain name of a file, and could lie outside the folder; rename it.`);
  makeFolder(folder);
  const files = Object.keys(writers).map((name) => ({ name, file: path.join(folder, name), partial: partialOf(path.join(folder, name)) }));
  try {
    for (const { name, partial } of files) writers[name](partial);
    for (const { file, partial } of files) fs.renameSync(partial, file);
  } catch (error) {
    for (const { partial } of files) fs.rmSync(partial, { force: true });
    const plain = (message: string) => files.reduce((m, { partial, file }) => m.replaceAll(partial, file), message);
    if (error instanceof TunelabError) throw new TunelabError(plain(error.message));
    throw new TunelabError(`${folder}: cannot be written (${plain((error as Error).message)}); what was there before is unharmed.`);
  }
}

/** Writes a text file: a reader sees the old one or the new one, never half of it. */
export function writeText(file: string, text: string): void {
  const partial = partialOf(file);
  try {
    fs.writeFileSync(partial, text, { flush: true });
    fs.renameSync(partial, file);
  } catch (error) {
    fs.rmSync(partial, { force: true });
    throw new TunelabError(`${file}: cannot be written (${(error as Error).message}); what was there before is unharmed.`);
  }
}
