/** Points and lengths along SVG paths, which jsdom does not compute and plotly's contour labels need. */

type Point = [number, number];
/** How many numbers each path command takes. */
const ARGUMENTS: Record<string, number> = { M: 2, L: 2, H: 1, V: 1, C: 6, S: 4, Q: 4, T: 2, A: 7 };
const CURVE_STEPS = 8;

/** De Casteljau: the point at u of the Bezier curve with these control points. */
function bezier(points: Point[], u: number): Point {
  if (points.length === 1) return points[0]!;
  return bezier(points.slice(1).map(([x, y], i) => [points[i]![0] * (1 - u) + x * u, points[i]![1] * (1 - u) + y * u]), u);
}

/** The path's `d` as a list of points. C and Q curves are sampled; arcs and S, T curves are taken as straight. */
export function pathPoints(d: string): Point[] {
  const points: Point[] = [];
  let at: Point = [0, 0];
  let start: Point = [0, 0];
  for (const [, letter, rest] of d.matchAll(/([MLHVCSQTAZ])([^MLHVCSQTAZ]*)/gi)) {
    const command = letter!.toUpperCase();
    const numbers = (rest!.match(/-?\d*\.?\d+(?:e[-+]?\d+)?/gi) ?? []).map(Number);
    const count = ARGUMENTS[command] ?? Infinity;
    if (command === "Z") points.push((at = start));
    for (let i = 0; i + count <= numbers.length; i += count) {
      const [ox, oy] = letter === command ? [0, 0] : at;
      const args = numbers.slice(i, i + count);
      const curve: Point[] = [at];
      if (command === "C" || command === "Q") {
        for (let k = 0; k < count; k += 2) curve.push([args[k]! + ox, args[k + 1]! + oy]);
      } else if (command === "H") curve.push([args[0]! + ox, at[1]]);
      else if (command === "V") curve.push([at[0], args[0]! + oy]);
      else curve.push([args.at(-2)! + ox, args.at(-1)! + oy]);
      const steps = curve.length > 2 ? CURVE_STEPS : 1;
      for (let s = 1; s <= steps; s++) points.push(bezier(curve, s / steps));
      at = points.at(-1)!;
      if (command === "M" && i === 0) start = at;
    }
  }
  return points;
}

/** Length of the path up to each of its points. */
export function pathLengths(points: Point[]): number[] {
  let length = 0;
  return points.map(([x, y], i) => (length += i === 0 ? 0 : Math.hypot(x - points[i - 1]![0], y - points[i - 1]![1])));
}

/** The point at a distance along the path; its ends for distances beyond them. */
export function pointAt(points: Point[], distance: number): { x: number; y: number } {
  const lengths = pathLengths(points);
  const next = lengths.findIndex((length) => length >= distance);
  const i = next < 0 ? points.length - 1 : next;
  const [to, from] = [points[i] ?? [0, 0], points[i - 1] ?? points[i] ?? [0, 0]];
  const share = i > 0 && next >= 0 ? (distance - lengths[i - 1]!) / (lengths[i]! - lengths[i - 1]! || 1) : 1;
  return { x: from[0] + share * (to[0] - from[0]), y: from[1] + share * (to[1] - from[1]) };
}
