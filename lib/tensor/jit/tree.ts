/** Trees of tensors: nested arrays and plain objects whose leaves are tensors, or plain values that never change. */
import { Tensor } from "@tensorflow/tfjs";

export type Tree = Tensor | number | string | boolean | null | undefined | readonly Tree[] | { readonly [name: string]: Tree };

/** Tensors of a tree in a fixed order, and a text that is equal for trees of the same structure, shapes and plain values. */
export function flatten(tree: Tree): { tensors: Tensor[]; signature: string } {
  const tensors: Tensor[] = [];
  const walk = (t: Tree): string => {
    if (t instanceof Tensor) { tensors.push(t); return `${t.dtype}[${t.shape}]`; }
    if (Array.isArray(t)) return `(${t.map(walk).join(",")})`;
    if (t && typeof t === "object") return `{${Object.keys(t).sort().map((k) => `${JSON.stringify(k)}:${walk((t as Record<string, Tree>)[k])}`).join(",")}}`;
    return typeof t === "string" ? JSON.stringify(t) : Object.is(t, -0) ? "-0" : String(t); // JSON has no NaN, Infinity, undefined
  };
  return { signature: walk(tree), tensors };
}

/** A tree of the same structure with its tensors replaced, in the order of `flatten`. */
export function unflatten<T extends Tree>(tree: T, tensors: readonly Tensor[]): T {
  let next = 0;
  const walk = (t: Tree): Tree => {
    if (t instanceof Tensor) return tensors[next++];
    if (Array.isArray(t)) return t.map(walk);
    if (t && typeof t === "object") {
      const copy: Record<string, Tree> = {};
      for (const k of Object.keys(t).sort()) copy[k] = walk((t as Record<string, Tree>)[k]);
      return copy;
    }
    return t;
  };
  return walk(tree) as T;
}
