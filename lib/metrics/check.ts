/** Checks that several metrics share. */
import { TunelabError } from "../errors";

/** Two lists of one length, not empty; `name` is that of the function that was called. */
export function sameLength(name: string, a: ArrayLike<unknown>, b: ArrayLike<unknown>): void {
  if (a.length !== b.length) throw new TunelabError(`${name}: ${a.length} against ${b.length} items; give both lists in the same order, one entry for each item.`);
  if (a.length === 0) throw new TunelabError(`${name}: the lists are empty; give at least one item.`);
}
