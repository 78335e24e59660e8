/** Choosing the next token from logits: the same processors in the same order as Python transformers. */
import { NonFiniteError, TunelabError } from "../errors";
import type { Random } from "../tensor";

export interface Sampling {
  /** 0 = greedy: always the most probable token. */
  temperature?: number;
  /** Keep only the k most probable tokens; 0 = all. */
  topK?: number;
  /** Keep the smallest set of most probable tokens whose probability reaches p; 1 = all. */
  topP?: number;
  /** > 1 makes tokens that already occurred less likely (Keskar et al. 2019, CTRL). */
  repetitionPenalty?: number;
}

export function checkSampling({ temperature = 0, topK = 0, topP = 1, repetitionPenalty = 1 }: Sampling): void {
  if (!(Number.isFinite(temperature) && temperature >= 0)) throw new TunelabError(`temperature is ${temperature}; it must be a number, 0 (greedy) or more.`);
  if (!(Number.isInteger(topK) && topK >= 0)) throw new TunelabError(`topK is ${topK}; it must be a whole number, 0 for no limit.`);
  if (!(topP > 0 && topP <= 1)) throw new TunelabError(`topP is ${topP}; it must be above 0 and at most 1.`);
  if (!(Number.isFinite(repetitionPenalty) && repetitionPenalty > 0)) throw new TunelabError(`repetitionPenalty is ${repetitionPenalty}; it must be a number above 0 (1 changes nothing).`);
}

/** Logits after repetition penalty, temperature, top-k, top-p, in that order; excluded tokens are −∞. */
export function processLogits(logits: Float32Array, seen: Iterable<number>, { temperature = 0, topK = 0, topP = 1, repetitionPenalty = 1 }: Sampling): Float32Array {
  const out = logits.slice();
  if (repetitionPenalty !== 1)
    for (const id of new Set(seen)) out[id] = out[id] < 0 ? out[id] * repetitionPenalty : out[id] / repetitionPenalty;
  if (temperature === 0) return out;
  if (temperature !== 1) for (let i = 0; i < out.length; i++) out[i] /= temperature;
  if (topK > 0 && topK < out.length) {
    const threshold = out.slice().sort()[out.length - topK];
    for (let i = 0; i < out.length; i++) if (out[i] < threshold) out[i] = -Infinity;
  }
  if (topP < 1) {
    const order = Array.from(out.keys()).filter((i) => out[i] > -Infinity).sort((a, b) => out[b] - out[a]);
    const weights = order.map((i) => Math.exp(out[i] - out[order[0]])), total = weights.reduce((a, b) => a + b, 0);
    let mass = 0;
    order.forEach((i, rank) => { if (rank > 0 && mass >= topP * total) out[i] = -Infinity; mass += weights[rank]; });
  }
  return out;
}

export function argmax(x: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
  return best;
}

/** Next token id from one row of logits. Logits that are no numbers (weights or an adapter gone wrong) are an error, not token 0. */
export function sample(logits: Float32Array, seen: Iterable<number>, options: Sampling, random: Random): number {
  const scores = processLogits(logits, seen, options), best = argmax(scores);
  if (!Number.isFinite(scores[best]) || scores.some(Number.isNaN))
    throw new NonFiniteError("The model's logits are not finite; its weights or the adapter's are damaged, or training with too high a learning rate ruined them.");
  if (!options.temperature) return best;
  const weights = scores.map((s) => Math.exp(s - scores[best]));
  let u = random.uniform() * weights.reduce((a, b) => a + b, 0);
  for (let i = 0; i < weights.length; i++) if ((u -= weights[i]) < 0) return i;
  return best;
}
