/** Short error messages in a notebook: what went wrong and where in the student's or this library's code, no kernel internals. */
import { relative } from "path";
import { inspect } from "util";
import { TunelabError } from "../errors";
import { StoppedError, closeTensorScopes } from "./stop";

const INTERNAL = /node:|[\\/]tslab[\\/]|[\\/]commander[\\/]|\(<anonymous>\)/;
const CELL = /evalmachine\.<anonymous>(:\d+:\d+)?/;
const FILE = /(?:file:\/\/)?(\/[^():]+|[A-Za-z]:\\[^():]+)/;

/** Frames worth reading, with paths relative to the notebook; positions in a cell are those of compiled code, so they go. */
function shortFrames(stack: string): string[] {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const own = frames.filter((frame) => !INTERNAL.test(frame));
  const short = own.map((frame) => frame.replace(CELL, "this cell").replace(FILE, (_, path: string) => relative(process.cwd(), path)));
  return short.filter((frame) => !/at (async )?this cell$/.test(frame)); // the cell as a whole says nothing
}

/** An error as a notebook shows it. Errors that a user can act on need no stack; others keep the frames that are not the kernel's. */
export function shortError(error: Error & { code?: string }): string {
  if (error.code === "ERR_SCRIPT_EXECUTION_INTERRUPTED") {
    closeTensorScopes();
    return "Stopped.";
  }
  if (error instanceof StoppedError || error.message === "Interrupted asynchronously") return "Stopped.";
  const head = `${error.name}: ${error.message}`;
  if (error instanceof TunelabError) return head;
  const cause = error.cause instanceof Error ? `\nbecause of ${shortError(error.cause)}` : "";
  return [head, ...shortFrames(error.stack ?? "")].join("\n") + cause;
}

/** Makes console.error of this process print errors by shortError. For a notebook kernel only. */
export function installShortErrors(): void {
  Object.defineProperty(Error.prototype, inspect.custom, {
    configurable: true,
    writable: true,
    enumerable: false,
    value(this: Error) {
      return shortError(this);
    },
  });
}
