/**
 * Classification with a language model: each class has a token that the model would say after the prompt (a verbalizer; Schick & Schütze 2021,
 * section 3.1), and the probabilities of these tokens are scaled to add up to 1:
 *   p(class | prompt) = exp(l_class) / Σ_k exp(l_k),  l the logits of the next token
 * One forward pass, no generation; and unlike free text the answer is always one of the classes.
 */
import { TunelabError } from "../errors";
import { stoppable } from "../course/stop";
import { extraPositions, type Adapter } from "../methods/method";
import { takeRows, tf } from "../tensor";
import type { Model } from "./checkpoint";
import { checkIds, checkLength, hiddenStates } from "./forward";
import { encoded, outside } from "./layers";
import { head } from "./transformer";

export interface Classified {
  /** The most probable class. */
  label: string;
  /** Its probability. */
  confidence: number;
  /** Of every class, in the order given. */
  probabilities: number[];
}

const LENGTH_STEP = 16;

/** The class of each prompt (complete texts, see promptText, or token ids). A class is told by its text's first token, so classes must differ there. */
export async function classify(model: Model, prompts: readonly (string | readonly number[])[], classes: readonly string[], { adapter, batchSize = 16 }: { adapter?: Adapter; batchSize?: number } = {}): Promise<Classified[]> {
  const { tokenizer, params, config } = model, first = classes.map((text) => tokenizer.encode(text)[0]);
  const twice = first.findIndex((id, i) => id === undefined || first.indexOf(id) < i);
  if (classes.length < 2 || twice >= 0)
    throw new TunelabError(classes.length < 2 ? "classify: give at least two classes." : `classify: the class ${JSON.stringify(classes[twice])} ${first[twice] === undefined ? "has no token" : `begins with the same token as ${JSON.stringify(classes[first.indexOf(first[twice])])}`}; name classes that begin with tokens of their own, such as A, B, C.`);
  if (!Number.isInteger(batchSize) || batchSize < 1) throw new TunelabError(`classify: batchSize is ${batchSize}; it must be a whole number of at least 1.`);
  const rows = prompts.map((p) => (typeof p === "string" ? tokenizer.encode(p) : [...p]));
  rows.forEach((ids, i) => {
    if (ids.length === 0) throw new TunelabError(`classify: prompt ${i + 1} is empty; give it at least one token.`);
    checkIds(ids, config, `Prompt ${i + 1}`, adapter?.method.virtual?.count);
    checkLength(ids.length, config, extraPositions(adapter?.method));
  });
  const order = rows.map((_, i) => i).sort((a, b) => rows[a].length - rows[b].length), found = Array<Classified>(rows.length), tick = stoppable();
  for (let at = 0; at < order.length; at += batchSize) {
    await tick();
    const members = order.slice(at, at + batchSize);
    // rounded up, and a last batch filled up, because each shape of a batch is compiled
    const filled = Array.from({ length: batchSize }, (_, b) => rows[members[Math.min(b, members.length - 1)]]), longest = filled.at(-1)!.length;
    const T = Math.min(Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP, config.maxPositions - extraPositions(adapter?.method)), ids = new Int32Array(batchSize * T);
    filled.forEach((row, b) => ids.set(row, b * T));
    const chosen = tf.tidy(() => {
      const view = encoded({ params, config, method: adapter?.method, trained: adapter?.trained ?? {} }), x = hiddenStates(view, { ids, batch: batchSize, context: filled.map((row) => row.length) });
      const { params: own, wrap } = outside(view), last = filled.map((row, b) => b * T + row.length - 1);
      const all = head(takeRows(x, tf.tensor1d(last, "int32")), own, config, wrap);
      return tf.softmax(tf.gather(all, tf.tensor1d(first, "int32"), 1)).arraySync() as number[][];
    });
    members.forEach((i, b) => {
      const probabilities = chosen[b], confidence = Math.max(...probabilities);
      found[i] = { label: classes[probabilities.indexOf(confidence)], confidence, probabilities };
    });
  }
  return found;
}
