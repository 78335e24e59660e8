/**
 * A folder in memory that the library's file calls see under ROOT, so that a fuzzed input costs microseconds and touches no disk.
 * It also watches: paths outside the folder are refused and remembered, and files that stay open are counted.
 */
import fs from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";

export type Files = Readonly<Record<string, Uint8Array>>;
export const ROOT = path.resolve("/fuzzed-input");

const FIRST = 1 << 28; // descriptors that no real file has
const missing = (where: string): Error => Object.assign(new Error(`ENOENT: no such file or directory, open '${where}'`), { code: "ENOENT" });

export class MemoryFolder {
  /** Paths outside the folder that were asked for while it was in use. */
  readonly outside: string[] = [];
  /** Files in it that were opened or read. */
  readonly read = new Set<string>();
  #files: Files = {};
  #open = new Map<number, Uint8Array>();
  #next = FIRST;
  #active = false;
  readonly #real = { ...fs };

  constructor() {
    const real = this.#real as any, patched = fs as any;
    for (const [name, fake] of Object.entries(this.#fakes())) patched[name] = (...given: any[]) => (this.#active ? fake(...given) : real[name](...given));
    // Nothing that reads may write.
    for (const name of ["writeFileSync", "appendFileSync", "mkdirSync", "renameSync", "rmSync", "unlinkSync", "readFile", "open", "createWriteStream"])
      patched[name] = (...given: any[]) => { if (this.#active) { this.outside.push(`${name} ${given[0]}`); throw missing(String(given[0])); } return real[name](...given); };
  }

  /** Runs `f` with these files in the folder; afterwards `left` says how many files it left open. */
  async with<T>(files: Files, f: () => T | Promise<T>): Promise<T> {
    this.#files = files; this.#open.clear(); this.outside.length = 0; this.read.clear(); this.#next = FIRST;
    this.#active = true;
    try { return await f(); } finally { this.#active = false; }
  }
  get left(): number { return this.#open.size; }
  /** The real write, for the one who watches. */
  get writeSync(): typeof fs.writeSync { return this.#real.writeSync; }

  #name(where: unknown): string | undefined {
    const full = path.resolve(String(where));
    if (full === ROOT) return "";
    if (full.startsWith(ROOT + path.sep)) return full.slice(ROOT.length + 1);
    this.outside.push(String(where));
    return undefined;
  }
  #bytes(where: unknown): Uint8Array | undefined {
    if (String(where).includes("\0")) throw Object.assign(new TypeError("The argument 'path' must be a string without null bytes."), { code: "ERR_INVALID_ARG_VALUE" });
    const name = this.#name(where);
    return name !== undefined && Object.hasOwn(this.#files, name) ? this.#files[name] : undefined;
  }

  #fakes(): Record<string, (...given: any[]) => unknown> {
    const need = (where: unknown): Uint8Array => (this.#bytes(where) && this.read.add(path.basename(String(where))), this.#bytes(where)) ?? (() => { throw missing(String(where)); })();
    const stat = (size: number, folder: boolean) => ({ size, isDirectory: () => folder, isFile: () => !folder });
    return {
      existsSync: (where) => { try { return this.#name(where) === "" || this.#bytes(where) !== undefined; } catch { return false; } },
      statSync: (where, options) => {
        if (this.#name(where) === "") return stat(0, true);
        const bytes = this.#bytes(where);
        if (!bytes && options?.throwIfNoEntry === false) return undefined;
        if (!bytes) throw missing(String(where));
        return stat(bytes.length, false);
      },
      readdirSync: (where) => { if (this.#name(where) !== "") throw missing(String(where)); return Object.keys(this.#files); },
      readFileSync: (where, encoding) => { const b = Buffer.from(need(where)); return encoding ? b.toString(encoding.encoding ?? encoding) : b; },
      openSync: (where) => { const bytes = need(where); this.#open.set(++this.#next, bytes); return this.#next; },
      fstatSync: (descriptor) => stat(this.#open.get(descriptor)!.length, false),
      readSync: (descriptor, into: Uint8Array, offset: number, length: number, position: number | null) => {
        const bytes = this.#open.get(descriptor)!, from = position ?? this.#at.get(descriptor) ?? 0, piece = bytes.subarray(from, from + length);
        into.set(piece, offset);
        if (position === null) this.#at.set(descriptor, from + piece.length);
        return piece.length;
      },
      closeSync: (descriptor) => { if (!this.#open.delete(descriptor)) throw new Error("EBADF: closed twice"); this.#at.delete(descriptor); },
      createReadStream: (where) => { const bytes = need(where), cut = bytes.length >> 1; return Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)].filter((b) => b.length).map((b) => Buffer.from(b))); },
    };
  }
  #at = new Map<number, number>();
}
