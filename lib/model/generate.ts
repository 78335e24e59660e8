/** Text generation with a key-value cache: greedy or sampled, one prompt or a batch, streamed as it comes. */
import { TunelabError } from "../errors";
import { extraPositions, type Adapter } from "../methods/method";
import { Random } from "../tensor";
import type { Model } from "./checkpoint";
import { MixedDecoder } from "./mixed-decoder";
import { checkIds } from "./forward";
import { checkSampling, sample, type Sampling } from "./sampling";

export interface GenerateOptions extends Sampling {
  /** Longest answer in tokens. */
  maxNewTokens?: number;
  /** Texts that end an answer; they are not part of it. */
  stop?: readonly string[];
  seed?: number;
  /** Answer with a fine-tuned adapter on the model; or one for each prompt, undefined for the model alone. */
  adapter?: Adapter;
  adapters?: readonly (Adapter | undefined)[];
  /** Receives text as it is made: the new piece and the index of its prompt. */
  onText?: (piece: string, index: number) => void;
  /** Awaited before each token; throw from it to stop. */
  tick?: () => Promise<void>;
}
export interface Generated { text: string; ids: number[]; stoppedBy: "eos" | "stop" | "length" }

/** Answers to one prompt or several. Prompts are complete texts (see promptText for chat templates) or token ids. */
export async function generate(model: Model, prompts: readonly (string | readonly number[])[], options: GenerateOptions = {}): Promise<Generated[]> {
  const { maxNewTokens = 128, stop = [], seed = 0, adapter, adapters = prompts.map(() => adapter), onText, tick = () => new Promise<void>(setImmediate) } = options;
  checkSampling(options);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) throw new TunelabError(`maxNewTokens is ${maxNewTokens}; it must be a whole number of at least 1.`);
  if (stop.some((text) => !text)) throw new TunelabError("A stop text is empty, which would end every answer at once; leave it out.");
  if (adapters.length !== prompts.length) throw new TunelabError(`There are ${adapters.length} adapters for ${prompts.length} prompts; give one for each, undefined for the model alone.`);
  const encoded = prompts.map((p) => (typeof p === "string" ? model.tokenizer.encode(p) : [...p]));
  const empty = encoded.findIndex((ids) => ids.length === 0);
  if (prompts.length === 0 || empty >= 0) throw new TunelabError(prompts.length === 0 ? "No prompt is given." : `Prompt ${empty + 1} is empty; give it at least one token.`);
  encoded.forEach((ids, i) => checkIds(ids, model.config, `Prompt ${i + 1}`, adapters[i]?.method.virtual?.count));
  const longest = Math.max(...encoded.map((ids) => ids.length)), extra = Math.max(...adapters.map((a) => extraPositions(a?.method)));
  if (longest + maxNewTokens + extra > model.config.maxPositions)
    throw new TunelabError(`A prompt of ${longest} tokens${extra ? `, the method's ${extra}` : ""} and ${maxNewTokens} new ones exceed the model's ${model.config.maxPositions} positions; shorten one of them.`);

  const rows = encoded.map((ids, i) => new Row(model, ids, stop, new Random(seed, `generate${i}`), (piece) => onText?.(piece, i)));
  const decoder = new MixedDecoder(model, encoded, longest + maxNewTokens, adapters);
  try {
    let next = encoded.map(() => 0);
    for (let n = 0; n < maxNewTokens; n++) {
      await tick();
      const logits = n === 0 ? decoder.prefill() : decoder.advance(next);
      next = rows.map((row, b) => row.take(logits[b], options));
      if (rows.every((row) => row.stoppedBy)) break;
    }
  } finally {
    decoder.dispose();
  }
  return rows.map((row) => row.finish());
}

/** Answers to any number of prompts, in their order, made in batches of prompts of like length (little padding, bounded memory). */
export async function generateAll(model: Model, prompts: readonly string[], { batchSize = 16, ...options }: Omit<GenerateOptions, "adapters" | "onText"> & { batchSize?: number } = {}): Promise<Generated[]> {
  if (!(Number.isInteger(batchSize) && batchSize > 0)) throw new TunelabError(`generateAll: batchSize is ${batchSize}; it must be a whole number of at least 1.`);
  const encoded = prompts.map((p) => model.tokenizer.encode(p)), order = prompts.map((_, i) => i).sort((a, b) => encoded[a].length - encoded[b].length), answers: Generated[] = new Array(prompts.length);
  for (let i = 0; i < order.length; i += batchSize) {
    const batch = order.slice(i, i + batchSize);
    (await generate(model, batch.map((k) => encoded[k]), options)).forEach((answer, k) => { answers[batch[k]] = answer; });
  }
  return answers;
}

/** One answer in the making: picks tokens, turns them into text, watches for its end. */
class Row {
  readonly ids: number[] = [];
  stoppedBy?: Generated["stoppedBy"];
  private text = "";
  private sent = 0;
  constructor(private model: Model, private prompt: readonly number[], private stop: readonly string[], private random: Random, private emit: (piece: string) => void) {}

  take(logits: Float32Array, options: Sampling): number {
    const { eos, pad } = this.model.tokenizer;
    if (this.stoppedBy) return pad;
    const id = sample(logits, [...this.prompt, ...this.ids], options, this.random);
    if (eos.includes(id)) { this.stoppedBy = "eos"; return pad; }
    this.ids.push(id);
    this.text = this.model.tokenizer.decode(this.ids);
    const hit = Math.min(...this.stop.map((s) => this.text.indexOf(s)).filter((at) => at >= 0));
    if (hit < Infinity) { this.text = this.text.slice(0, hit); this.stoppedBy = "stop"; }
    this.flush();
    return id;
  }
  /** Sends what is certain: not half a character, nor what may turn out to be the beginning of a stop text. */
  private flush(): void {
    let certain = this.text.length;
    if (!this.stoppedBy) {
      while (certain > this.sent && this.text[certain - 1] === "\uFFFD") certain--;
      const whole = this.text.slice(0, certain);
      for (const s of this.stop)
        for (let n = s.length - 1; n > 0; n--) if (whole.endsWith(s.slice(0, n))) { certain = Math.min(certain, whole.length - n); break; }
    }
    if (certain > this.sent) { this.emit(this.text.slice(this.sent, certain)); this.sent = certain; }
  }
  finish(): Generated {
    this.stoppedBy ??= "length";
    this.flush();
    return { text: this.text, ids: this.ids, stoppedBy: this.stoppedBy };
  }
}
