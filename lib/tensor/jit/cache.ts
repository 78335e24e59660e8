/**
 * XLA's compilation cache on disk: programs compiled once are only loaded in later processes.
 * It lies in node_modules/.cache/tunelab, in a folder for each processor and library (machine code fits only where it was made),
 * and is bounded: the entries that were not used for longest go first.
 * TUNELAB_COMPILE_CACHE names another folder, or turns it off with 0.
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** Bytes that the folder may hold when a process begins: some thousand programs. */
const MOST_BYTES = 256 * 2 ** 20;

let inUse: string | undefined;

/** Turns the cache on, for the native library that is loaded next. `binding`: the file of the native binding. Without a place to write, nothing happens. */
export function useCompileCache(binding: string, most = MOST_BYTES): void {
  const asked = process.env.TUNELAB_COMPILE_CACHE, flags = process.env.TF_XLA_FLAGS ?? "";
  if (asked === "0" || flags.includes("persistent_cache")) return;
  try {
    const { size, mtimeMs } = fs.statSync(binding), machine = `${os.cpus()[0]?.model} ${os.arch()} ${size} ${mtimeMs}`;
    const home = asked ?? path.join(binding.slice(0, binding.lastIndexOf("node_modules")), "node_modules", ".cache", "tunelab");
    const folder = path.resolve(home, `xla-${createHash("sha256").update(machine).digest("hex").slice(0, 12)}`);
    if (/\s/.test(folder)) return; // the variable is split at spaces
    fs.mkdirSync(folder, { recursive: true });
    prune(folder, most);
    inUse = folder;
    process.env.TF_XLA_FLAGS = `${flags} --tf_xla_persistent_cache_directory=${folder}`.trim();
  } catch { /* a cache is no condition for work */ }
}

/** Deletes damaged entries, and the oldest ones until at most `most` bytes are left. */
export function prune(folder: string, most: number): void {
  const entries = fs.readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name), stat = fs.statSync(file, { throwIfNoEntry: false });
    return stat?.isFile() ? [{ file, size: stat.size, used: Math.max(stat.atimeMs, stat.mtimeMs) }] : [];
  }).sort((a, b) => b.used - a.used);
  let total = 0;
  for (const { file, size } of entries) if (size === 0 || (total += size) > most) fs.rmSync(file, { force: true });
}

/** Empties the folder in use, where a damaged entry has made a compilation fail. False where there was nothing to empty. */
export function clearCompileCache(): boolean {
  const files = inUse && fs.existsSync(inUse) ? fs.readdirSync(inUse) : [];
  for (const name of files) fs.rmSync(path.join(inUse!, name), { force: true });
  return files.length > 0;
}
