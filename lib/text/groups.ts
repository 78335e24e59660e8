/** Connected components by union-find. */

/** Groups of the numbers 0 … n − 1 that pairs join, each in rising order, singles included. */
export function joined(n: number, pairs: Iterable<readonly [number, number]>): number[][] {
  const parent = Int32Array.from({ length: n }, (_, i) => i);
  const root = (i: number): number => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const [a, b] of pairs) {
    const x = root(a), y = root(b);
    parent[Math.max(x, y)] = Math.min(x, y);
  }
  const groups = new Map<number, number[]>();
  for (let i = 0; i < n; i++) { const r = root(i), g = groups.get(r); if (g) g.push(i); else groups.set(r, [i]); }
  return [...groups.values()];
}
