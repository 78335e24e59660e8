/** Text generation with a key-value cache: greedy or sampled, one prompt or a batch, streamed as it comes. */
import { TunelabError } from "../errors";
import type { Adapter } from "../methods/method";
import { dispose, Random, tf } from "../tensor";
import type { Model } from "./checkpoint";
import { Decoder } from "./decoder";
import { checkIds } from "./forward";
import { checkSampling, sample, type Sampling } from "./sampling";

export interface GenerateOptions extends Sampling {
  /** Longest answer in tokens. */
  maxNewTokens?: number;
  /** Texts that end an answer; they are not part of it. */
  stop?: readonly string[];
  seed?: number;
  /** Answer with a fine-tuned adapter on the model. */
  adapter?: Adapter;
  /** Receives text as it is made: the new piece and the index of its prompt. */
  onText?: (piece: string, index: number) => void;
  /** Awaited before each token; throw from it to stop. */
  tick?: () => Promise<void>;
}
export interface Generated { text: string; ids: number[]; stoppedBy: "eos" | "stop" | "length" }

/** Answers to one prompt or several. Prompts are complete texts (see promptText for chat templates) or token ids. */
export async function generate(model: Model, prompts: readonly (string | readonly number[])[], options: GenerateOptions = {}): Promise<Generated[]> {
  const { maxNewTokens = 128, stop = [], seed = 0, adapter, onText, tick = () => new Promise<void>(setImmediate) } = options;
  checkSampling(options);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) throw new TunelabError(`maxNewTokens is ${maxNewTokens}; it must be a whole number of at least 1.`);
  if (stop.some((text) => !text)) throw new TunelabError("A stop text is empty, which would end every answer at once; leave it out.");
  const encoded = prompts.map((p) => (typeof p === "string" ? model.tokenizer.encode(p) : [...p]));
  const empty = encoded.findIndex((ids) => ids.length === 0);
  if (prompts.length === 0 || empty >= 0) throw new TunelabError(prompts.length === 0 ? "No prompt is given." : `Prompt ${empty + 1} is empty; give it at least one token.`);
  encoded.forEach((ids, i) => checkIds(ids, model.config, `Prompt ${i + 1}`));
  const longest = Math.max(...encoded.map((ids) => ids.length));
  if (longest + maxNewTokens > model.config.maxPositions)
    throw new TunelabError(`A prompt of ${longest} tokens and ${maxNewTokens} new ones exceed the model's ${model.config.maxPositions} positions; shorten one of them.`);

  const rows = encoded.map((ids, i) => new Row(model, ids, stop, new Random(seed, `generate${i}`), (piece) => onText?.(piece, i)));
  const spread = adapter?.method.expand && tf.tidy(() => adapter.method.expand!(model.params, adapter.trained));
  const decoder = new Decoder(model, encoded, longest + maxNewTokens, spread ? { method: adapter!.method, trained: spread } : adapter);
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
    if (spread) dispose(spread);
  }
  return rows.map((row) => row.finish());
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
