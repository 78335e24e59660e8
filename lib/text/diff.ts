/** What changed between two texts, piece by piece: for showing it. Longest common subsequence of words, Chinese characters, spaces and marks. */
export interface DiffPiece {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Beyond this many cells of the table (length × length of what differs) the differing middle is shown as removed and added as a whole. */
const MOST_CELLS = 4_000_000;

/** Pieces that, without "added", give `before`, and without "removed", give `after`. */
export function textDiff(before: string, after: string): DiffPiece[] {
  const a = pieces(before), b = pieces(after);
  let begin = 0, end = 0;
  while (begin < a.length && begin < b.length && a[begin] === b[begin]) begin++;
  while (end < a.length - begin && end < b.length - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const out: DiffPiece[] = [];
  const add = (kind: DiffPiece["kind"], text: string) => {
    if (!text) return;
    const last = out.at(-1);
    if (last?.kind === kind) last.text += text; else out.push({ kind, text });
  };
  add("same", a.slice(0, begin).join(""));
  const x = a.slice(begin, a.length - end), y = b.slice(begin, b.length - end), width = y.length + 1;
  if (x.length * y.length > MOST_CELLS) { add("removed", x.join("")); add("added", y.join("")); }
  else {
    // common[i][j]: length of the longest common subsequence of x from i and y from j
    const common = new Uint32Array((x.length + 1) * width);
    for (let i = x.length - 1; i >= 0; i--)
      for (let j = y.length - 1; j >= 0; j--)
        common[i * width + j] = x[i] === y[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    for (let i = 0, j = 0; i < x.length || j < y.length; )
      if (i < x.length && j < y.length && x[i] === y[j]) { add("same", x[i++]); j++; }
      else if (j === y.length || (i < x.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) add("removed", x[i++]);
      else add("added", y[j++]);
  }
  add("same", a.slice(a.length - end).join(""));
  return out;
}

const pieces = (text: string): string[] => text.match(/[\p{L}\p{N}_](?<!\p{Script=Han})(?:[\p{L}\p{N}_](?<!\p{Script=Han}))*|\s+|[^]/gu) ?? [];
