/** Bounded reads from a local file of any size: what is asked for is read, never the whole file. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";

/** One system call reads at most this much; Node refuses 2 GiB and more. */
const MOST_PER_CALL = 2 ** 30;
/** Bytes that are decoded at a time. */
const PIECE = 2 ** 22;

export class ByteFile {
  readonly size: number;
  readonly #descriptor: number;
  #open = true;

  /** Opens a regular, non-empty file; anything else is an error that says what stands there. `kind` names the format. */
  constructor(readonly path: string, readonly kind: string) {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (!stat) this.fail("there is no such file; check the path.");
    if (stat.isDirectory()) this.fail(`is a folder; name the ${kind} file in it.`);
    if (!stat.isFile()) this.fail(`is not a regular file; name a ${kind} file.`);
    if (stat.size === 0) this.fail("is empty (0 bytes); download or copy it again.");
    this.size = stat.size;
    this.#descriptor = this.#openSync();
  }

  #openSync(): number {
    try { return fs.openSync(this.path, "r"); }
    catch (error) { return this.fail(`cannot be opened (${(error as Error).message}); check its permissions.`); }
  }

  /** Throws an error that begins with the path. */
  fail(what: string): never { throw new TunelabError(`${this.path}: ${what}`); }

  /** Fills `into` with the bytes from `offset` on. */
  readInto(into: Uint8Array, offset: number): void {
    if (!this.#open) this.fail("was closed already; open it again to read from it.");
    for (let done = 0; done < into.length;) {
      const n = fs.readSync(this.#descriptor, into, done, Math.min(into.length - done, MOST_PER_CALL), offset + done);
      if (n === 0)
        this.fail(`ends at byte ${offset + done}, before byte ${offset + into.length}: it was cut short while open; copy it again.`);
      done += n;
    }
  }

  /** The `length` bytes from `offset` on, in a buffer of their own. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    this.readInto(bytes, offset);
    return bytes;
  }

  /**
   * Decodes a long stretch piece by piece, so that memory beyond the result stays small. The stretch consists of units of
   * `unitBytes` bytes that hold `unitValues` values each; `convert` turns whole units into the values of `part`.
   */
  decode(
    offset: number, unitBytes: number, unitValues: number, out: Float32Array,
    convert: (bytes: Uint8Array<ArrayBuffer>, part: Float32Array) => void,
  ): Float32Array {
    const units = out.length / unitValues, step = Math.max(1, Math.floor(PIECE / unitBytes));
    for (let u = 0; u < units; u += step) {
      const n = Math.min(step, units - u), bytes = this.#piece(n * unitBytes);
      this.readInto(bytes, offset + u * unitBytes);
      convert(bytes, out.subarray(u * unitValues, (u + n) * unitValues));
    }
    return out;
  }

  #pieces?: Uint8Array<ArrayBuffer>;
  /** Room for one piece, the same for all: a fresh one each time would lie about until the next collection of garbage. */
  #piece(bytes: number): Uint8Array<ArrayBuffer> {
    if (!this.#pieces || this.#pieces.length < bytes) this.#pieces = new Uint8Array(Math.max(bytes, Math.min(PIECE, this.size)));
    return this.#pieces.subarray(0, bytes);
  }

  close(): void {
    if (this.#open) fs.closeSync(this.#descriptor);
    this.#open = false;
  }
}
