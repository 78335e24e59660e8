/** What every long probe does between two products: show progress once it takes more than two seconds, and listen for Stop. */
import { progress, stoppable, StoppedError, type Progress } from "../course";

export interface WorkOptions {
  /** Show progress; default true. */
  display?: boolean;
}
/** For probes whose state grows over a long time: `save` gets it after every step, to be written now and then. It must not keep it unwritten. */
export interface Saving<S> { save?: (state: S) => void }
/** "stopped": the user ended it; what was computed is kept, and `state` goes on from there. */
export type Status = "done" | "stopped";

const PATIENCE_MS = 2000;

/** `const w = work(total, "lanczos", options)`; `await w.tick()` between products; `w.at(n, note)`; `w.done()`. */
export function work(total: number, label: string, { display = true }: WorkOptions = {}) {
  const began = performance.now(), tick = stoppable();
  let bar: Progress | undefined;
  return {
    tick,
    at(n: number, note = ""): void {
      if (!bar && display && performance.now() - began > PATIENCE_MS) bar = progress(total, label, began);
      bar?.update(n, note);
    },
    done(note?: string): void { bar?.done(note); },
  };
}

/** Runs a loop; a Stop ends it with "stopped" instead of an error. */
export async function untilStopped(run: () => Promise<void>): Promise<Status> {
  try { await run(); return "done"; } catch (error) { if (error instanceof StoppedError) return "stopped"; throw error; }
}
