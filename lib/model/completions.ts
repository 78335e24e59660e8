/**
 * Rollouts: many sampled completions of many prompts, for reinforcement learning. Each prompt is read once for all its samples; the cache
 * is of one batch only, so memory does not grow with their number. What row i draws depends on the seed and i alone.
 */
import { TunelabError } from "../errors";
import { extraPositions, type Adapter } from "../methods/method";
import { Random } from "../tensor";
import type { Model } from "./checkpoint";
import { Decoder } from "./decoder";
import { checkIds } from "./forward";
import { checkSampling, sample, type Sampling } from "./sampling";

export interface Completion {
  /** Drawn tokens, the end token included. */
  ids: number[];
  /** Log-probability of each under softmax(logits / temperature), before top-k and top-p cut it. */
  logs: number[];
  /** It came to an end token; otherwise it was cut at `maxNewTokens`. */
  ended: boolean;
}
export interface CompletionOptions extends Pick<Sampling, "temperature" | "topK" | "topP"> {
  adapter?: Adapter;
  /** Completions of each prompt. */
  count?: number;
  maxNewTokens?: number;
  /** Rows that are decoded together. */
  batchSize?: number;
  seed?: number;
  /** Awaited before each token, with the number of completions that are done; throw from it to stop. */
  tick?: (done: number) => Promise<void>;
}

/** Completions of each prompt (token ids): [prompt][count]. Temperature 0 is greedy. */
export async function sampleCompletions(model: Model, prompts: readonly (readonly number[])[], options: CompletionOptions = {}): Promise<Completion[][]> {
  const { adapter, count = 1, maxNewTokens = 64, batchSize = 32, seed = 0, temperature = 1, tick = () => new Promise<void>(setImmediate) } = options;
  checkSampling({ ...options, temperature });
  for (const [name, value] of Object.entries({ count, maxNewTokens, batchSize }))
    if (!Number.isInteger(value) || value < 1) throw new TunelabError(`sampleCompletions: ${name} is ${value}; it must be a whole number of at least 1.`);
  prompts.forEach((ids, i) => {
    if (!ids.length) throw new TunelabError(`Prompt ${i + 1} is empty; give it at least one token.`);
    checkIds(ids, model.config, `Prompt ${i + 1}`);
    const length = ids.length + maxNewTokens + extraPositions(adapter?.method);
    if (length > model.config.maxPositions) throw new TunelabError(`Prompt ${i + 1} has ${ids.length} tokens; with ${maxNewTokens} new ones they exceed the model's ${model.config.maxPositions} positions. Shorten one of them.`);
  });
  const rows = prompts.flatMap((_, p) => Array.from({ length: count }, (_, k): Row => ({ prompt: p, random: new Random(seed, `completion${p}.${k}`), made: { ids: [], logs: [], ended: false } })));
  // Of like length, so that little is padding; the order of a prompt's rows stays.
  const order = [...rows].sort((a, b) => prompts[a.prompt].length - prompts[b.prompt].length || a.prompt - b.prompt);
  const longest = Math.max(...prompts.map((ids) => ids.length)) + maxNewTokens;
  for (let at = 0; at < order.length; at += batchSize) {
    const batch = order.slice(at, at + batchSize);
    await decode(model, prompts, batch, { ...options, temperature }, longest, maxNewTokens, Math.min(batchSize, order.length), () => tick(at));
  }
  return prompts.map((_, p) => rows.slice(p * count, (p + 1) * count).map((row) => row.made));
}
interface Row { prompt: number; random: Random; made: Completion }

/** Decodes one batch. A batch that is not full is filled with copies, whose results are dropped: so all have one shape, compiled once. */
async function decode(model: Model, prompts: readonly (readonly number[])[], batch: readonly Row[], options: CompletionOptions, longest: number, maxNewTokens: number, width: number, tick: () => Promise<void>): Promise<void> {
  const { eos, pad } = model.tokenizer, asked = [...new Set(batch.map((row) => row.prompt))];
  const decoder = new Decoder(model, asked.map((p) => prompts[p]), longest, options.adapter);
  try {
    await tick();
    const first = decoder.prefill(), from = batch.map((row) => asked.indexOf(row.prompt));
    decoder.choose(Array.from({ length: width }, (_, i) => from[i] ?? from[0]));
    let logits = from.map((p) => first[p]);
    for (let n = 0; n < maxNewTokens; n++) {
      if (n > 0) {
        await tick();
        logits = decoder.advance(Array.from({ length: width }, (_, i) => { const row = batch[i]; return row && !row.made.ended ? row.made.ids.at(-1)! : pad; }));
      }
      batch.forEach(({ random, made }, i) => {
        if (made.ended) return;
        const id = sample(logits[i], [], options, random);
        made.ids.push(id);
        made.logs.push(logProbability(logits[i], id, options.temperature || 1));
        made.ended = eos.includes(id);
      });
      if (batch.every((row) => row.made.ended)) break;
    }
  } finally {
    decoder.dispose();
  }
}

/** log softmax(logits / temperature)[id]. */
function logProbability(logits: Float32Array, id: number, temperature: number): number {
  let top = -Infinity, sum = 0;
  for (let i = 0; i < logits.length; i++) if (logits[i] > top) top = logits[i];
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] - top) / temperature);
  return (logits[id] - top) / temperature - Math.log(sum);
}
