/** Perplexity exp(mean negative log-likelihood of a token), and what makes it comparable: bits per byte, and a baseline that knows only frequencies. */
import { TunelabError } from "../errors";

/**
 * Perplexity of a text from the losses of its tokens, in nats: exp(Σ wᵢ lᵢ / Σ wᵢ). With `weights`, entry i is the mean loss of wᵢ tokens
 * (a batch, a text). It is not the mean of the texts' own perplexities. A single number is the mean loss itself, as evaluate returns it.
 */
export function perplexity(losses: number | ArrayLike<number>, weights?: ArrayLike<number>): number {
  if (typeof losses === "number") return Math.exp(losses);
  if (losses.length === 0 || (weights && weights.length !== losses.length))
    throw new TunelabError(`perplexity: ${losses.length} losses${weights ? ` and ${weights.length} weights` : ""}; give at least one loss, and as many weights as losses.`);
  let sum = 0, total = 0;
  for (let i = 0; i < losses.length; i++) { const w = weights ? weights[i] : 1; sum += w * losses[i]; total += w; }
  if (!(total > 0)) throw new TunelabError("perplexity: the weights add up to 0; give the number of tokens of each loss.");
  return Math.exp(sum / total);
}

/** Bits that the model needs for a byte of the text (UTF-8): unlike perplexity it does not depend on the tokenizer. `nats`: the summed loss of all its tokens. */
export function bitsPerByte(nats: number, text: string): number {
  const bytes = Buffer.byteLength(text);
  if (bytes === 0) throw new TunelabError("bitsPerByte: the text is empty; give the text whose tokens the loss was summed over.");
  return nats / Math.LN2 / bytes;
}

/**
 * Perplexity of `test` under the frequencies of the tokens of `train`, each count raised by `add` (Lidstone), over `vocabularySize` tokens.
 * A language model that is not clearly below it has learned no context.
 */
export function unigramPerplexity(train: ArrayLike<number>, test: ArrayLike<number>, vocabularySize: number, add = 1): number {
  const counts = new Float64Array(vocabularySize).fill(add);
  const inside = (ids: ArrayLike<number>, name: string) => {
    if (ids.length === 0) throw new TunelabError(`unigramPerplexity: ${name} has no tokens; give at least one.`);
    for (let i = 0; i < ids.length; i++) if (!(ids[i] >= 0 && ids[i] < vocabularySize)) throw new TunelabError(`unigramPerplexity: id ${ids[i]} at place ${i} of ${name} lies outside a vocabulary of ${vocabularySize}; give the tokenizer's size.`);
  };
  inside(train, "train"); inside(test, "test");
  for (let i = 0; i < train.length; i++) counts[train[i]]++;
  const total = counts.reduce((a, b) => a + b, 0);
  let nats = 0;
  for (let i = 0; i < test.length; i++) nats -= Math.log(counts[test[i]] / total);
  return Math.exp(nats / test.length);
}
