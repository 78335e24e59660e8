/**
 * Messages to the notebook. tslab's public `display` sends one mime type a message; its writer of the running cell
 * takes a whole mime bundle with a display id, which is what figures with a text alternative need.
 * Found in the module cache, not required: outside a kernel nothing of tslab is loaded, inside it is the kernel's own copy.
 */
import { randomBytes } from "crypto";

/** Mime type to content; binary content is base64. */
export type MimeBundle = Record<string, unknown>;
type Write = (content: { data: MimeBundle; metadata: object; transient: object }, update: boolean) => void;

const kernelFile = Object.keys(require.cache).find((file) => /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(file));
const kernel = kernelFile === undefined ? undefined : (require.cache[kernelFile]!.exports as { lastWriteDisplayData: Write | null });

/** True in a notebook: a tslab kernel that is running, or has run, a cell. */
export function inKernel(): boolean {
  return !!kernel?.lastWriteDisplayData;
}

/** One output of a cell that can be replaced in place. */
export class Display {
  private readonly id = randomBytes(8).toString("hex");
  private shown = false;

  /** Shows the bundle, or puts it in the place of the one shown before. */
  write(data: MimeBundle): void {
    if (!kernel?.lastWriteDisplayData) throw new Error("Display.write: not in a notebook; ask inKernel() first");
    kernel.lastWriteDisplayData({ data, metadata: {}, transient: { display_id: this.id } }, this.shown);
    this.shown = true;
  }
}
