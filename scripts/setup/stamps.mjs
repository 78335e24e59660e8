// What set-up remembers between runs, under .cache/setup/:
//   <step>.json        the inputs' hash and the size and time of each file made from them
//   <step>.unfinished  a step began and did not end: whatever it left behind does not count
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root, state } from "./paths.mjs";

/** SHA-256 (hex) over strings and over the contents of files given as { file }. */
export function hashOf(...inputs) {
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(input?.file ? readFileSync(input.file) : String(input)).update("\0");
  return hash.digest("hex");
}

/** All files under a folder whose name passes the test, sorted; folders named in `skip` are left out. */
export function filesUnder(folder, test, skip = []) {
  const files = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !skip.includes(entry.name)) files.push(...filesUnder(path, test, skip));
    else if (entry.isFile() && test(entry.name)) files.push(path);
  }
  return files.sort();
}

const stampFile = (step) => join(state, `${step}.json`);
const sign = (file) => {
  const { size, mtimeMs } = statSync(file);
  return `${size} ${mtimeMs}`;
};

/** Remembers that `files` were made from the inputs hashed in `key`. */
export function writeStamp(step, key, files) {
  const made = Object.fromEntries(files.map((file) => [relative(root, file), sign(file)]));
  writeFileAtomically(stampFile(step), JSON.stringify({ key, made }, null, 1));
}

/** True when the inputs are the same as at writeStamp and every file it named is still there, unchanged in size and time. */
export function stampHolds(step, key) {
  try {
    const stamp = JSON.parse(readFileSync(stampFile(step), "utf8"));
    return stamp.key === key && Object.entries(stamp.made).every(([file, signature]) => sign(join(root, file)) === signature);
  } catch {
    return false; // no stamp, a damaged stamp, or a file that is gone
  }
}

const mark = (step) => join(state, `${step}.unfinished`);
export const isUnfinished = (step) => existsSync(mark(step));
export const markUnfinished = (step) => writeFileSync(mark(step), "");
export const markFinished = (step) => rmSync(mark(step), { force: true });

/** Writes a whole file or nothing: under another name first, then renamed. */
export function writeFileAtomically(file, data) {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  writeFileSync(partial, data);
  renameSync(partial, file);
}
