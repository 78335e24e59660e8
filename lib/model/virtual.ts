/**
 * Virtual tokens: rows of a trained matrix that stand in the sequence like tokens. They have negative ids, −1 for row 0, −2 for
 * row 1, …, so that positions, masks, batches and the key-value cache treat them as any other token; only the embedding
 * tells them apart. Here they are put among a row's real tokens, where the method wants them.
 */
import { TunelabError } from "../errors";
import type { Method } from "../methods/method";
import type { Inputs } from "./forward";

export const virtualId = (row: number): number => -1 - row;

/** Ids with the method's virtual tokens among them. The first `context` ids are the prompt. Ids that hold virtual ones already stay as they are. */
export function placeIds(method: Method | undefined, ids: readonly number[], context = ids.length): number[] {
  const { virtual } = method ?? {};
  if (!virtual || ids.some((id) => id < 0)) return [...ids];
  if (!virtual.before) throw new TunelabError(`Method "${method!.name}" does not know where its tokens go; give it rows that hold them already, as its rows() makes them.`);
  const out: number[] = [], before = virtual.before(context);
  for (let i = 0, v = 0; i <= ids.length; i++) {
    while (v < before.length && (before[v] <= i || i === ids.length)) out.push(virtualId(v++));
    if (i < ids.length) out.push(ids[i]);
  }
  return out;
}

/**
 * The same for a batch. `rows`: where (flat) what follows each given token is predicted, which is right before the next given
 * one; undefined where nothing was added.
 */
export function placeInputs(method: Method | undefined, inputs: Inputs): { inputs: Inputs; rows?: Int32Array } {
  const { ids, batch, attend, context } = inputs;
  if (!method?.virtual || ids.some((id) => id < 0)) return { inputs };
  const T = ids.length / batch, placed: number[] = [], marks: number[] = [], rows: number[] = [];
  for (let b = 0; b < batch; b++) {
    const row = [...ids.subarray(b * T, (b + 1) * T)], begin = placed.length;
    const real = row.map((_, t) => !attend || !!attend[b * T + t]), first = Math.max(0, real.indexOf(true)), end = real.lastIndexOf(true) + 1;
    const middle = placeIds(method, row.slice(first, end), context?.[b] ?? end - first);
    placed.push(...row.slice(0, first), ...middle, ...row.slice(end));
    marks.push(...Array<number>(first).fill(0), ...middle.map(() => 1), ...Array<number>(T - end).fill(0));
    const given = placed.flatMap((id, at) => (at >= begin && id >= 0 ? [at] : []));
    rows.push(...given.slice(1).map((at) => at - 1), placed.length - 1);
  }
  return { inputs: { ids: Int32Array.from(placed), batch, attend: attend && marks }, rows: Int32Array.from(rows) };
}
