/** The most probable sequence of states (Viterbi 1967), in logarithms. */

/**
 * Scores: start [states], transition [states][states] (from, to), emission [time][states], end [states] (default 0); −Infinity forbids.
 * Returns one state for each time; the first of several equal ones.
 */
export function viterbi(start: ArrayLike<number>, transition: readonly ArrayLike<number>[], emission: readonly ArrayLike<number>[], end?: ArrayLike<number>): Int32Array {
  const states = start.length, T = emission.length, path = new Int32Array(T);
  if (T === 0) return path;
  let score = Float64Array.from({ length: states }, (_, s) => start[s] + emission[0][s]);
  const from = Array.from({ length: T }, () => new Int32Array(states));
  for (let t = 1; t < T; t++) {
    const next = new Float64Array(states);
    for (let s = 0; s < states; s++) {
      let best = 0;
      for (let p = 1; p < states; p++) if (score[p] + transition[p][s] > score[best] + transition[best][s]) best = p;
      from[t][s] = best;
      next[s] = score[best] + transition[best][s] + emission[t][s];
    }
    score = next;
  }
  const last = score.map((x, s) => x + (end ? end[s] : 0));
  path[T - 1] = last.indexOf(Math.max(...last));
  for (let t = T - 1; t > 0; t--) path[t - 1] = from[t][path[t]];
  return path;
}
