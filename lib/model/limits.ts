/**
 * Limits for chat templates, which come with a model that others made. They are interpreted (@huggingface/jinja), not run as JavaScript, and
 * see nothing but the messages and the tokenizer's settings; what is left to them is to take all time and memory.
 */
import * as vm from "node:vm";
import { TunelabError } from "../errors";

const context = vm.createContext({}), script = new vm.Script("work()");

/** What `work` gives; cut off with an error after so many seconds. It must not be used inside itself. */
export function within<T>(seconds: number, work: () => T): T {
  context.work = work;
  try { return script.runInContext(context, { timeout: seconds * 1000 }) as T; }
  catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new TunelabError(`it was cut off after ${seconds} s`);
  } finally { delete context.work; }
}

const MOST = 100_000;
/** Jinja's range(stop) or range(start, stop, step), of bounded length. */
export function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop], n = Math.max(0, Math.ceil((to - from) / step));
  if (!(n <= MOST)) throw new TunelabError(`range of ${n} numbers; at most ${MOST} are allowed`);
  return Array.from({ length: n }, (_, i) => from + i * step);
}
