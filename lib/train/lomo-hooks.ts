/**
 * LOMO under a trainer that knows only `loss.backward()` and `step()`, as the listing of section 3.4.3 runs it: to measure what that does. Its authors'
 * code (lomo-optim 0.1.1) updates in hooks of the backward pass, so every micro-batch moves the weights, at the constant rate of the constructor
 * and unclipped. A hook moves the gradients that are there already: the embedding's, which is ready last, waits for the next backward pass, and
 * what is left of it after a step is thrown away (`zero_grad`). Use `lomo()` for training.
 */
import { progress, stoppable, t } from "../course";
import { TunelabError } from "../errors";
import { full } from "../methods/full";
import type { Model } from "../model";
import { sft, type Example } from "../objectives";
import { dispose, tf, type Params } from "../tensor";
import { accumulate as gradientsOf } from "./step";

const LAST = "model.embed_tokens.weight";

export interface LomoHooksOptions {
  learningRate: number;
  /** Micro-batches between two calls of `step()`: the trainer divides the loss of each by the targets of all of them. */
  accumulate: number;
  /** Backward passes in all. */
  passes: number;
  display?: boolean;
}

/** Trains all parameters; `batchAt(k)` gives the examples of pass k, from 0. Returns them, and the mean loss of each pass before its update. */
export async function lomoHooks(model: Pick<Model, "config" | "params">, batchAt: (k: number) => readonly Example[], { learningRate, accumulate, passes, display = true }: LomoHooksOptions): Promise<{ trained: Params; losses: number[] }> {
  for (const [name, value] of Object.entries({ accumulate, passes })) if (!Number.isInteger(value) || value < 1) throw new TunelabError(`lomoHooks: ${name} is ${value}; it must be a whole number of at least 1.`);
  const method = full(), objective = sft(), loss = objective.loss(model, method), tick = stoppable(), bar = display ? progress(passes, t({ zh: "照清单训练", en: "training as listed" })) : undefined, losses: number[] = [];
  let trained = method.init(model.params, model.config, 0), late: Params[string] | undefined;
  for (let k = 0; k < passes; k++) {
    await tick();
    const first = k - (k % accumulate), together = Array.from({ length: Math.min(accumulate, passes - first) }, (_, i) => objective.collate(batchAt(first + i)));
    const batch = together[k - first], share = batch.weight / together.reduce((n, b) => n + b.weight, 0), before = trained, waited = late;
    const { loss: value, gradients } = gradientsOf(loss, before, [batch]);
    trained = tf.tidy(() => Object.fromEntries(Object.entries(before).map(([name, p]) => {
      const g = name === LAST ? waited : tf.mul(gradients[name], share);
      return [name, g ? tf.sub(p, tf.mul(g, learningRate)) : p.clone()];
    })));
    late = k + 1 < first + together.length ? tf.tidy(() => tf.mul(gradients[LAST], share)) : undefined;
    [before, gradients].forEach(dispose);
    waited?.dispose();
    losses.push(value);
    bar?.update(k + 1);
  }
  late?.dispose();
  bar?.done();
  return { trained, losses };
}
