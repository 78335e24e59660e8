/**
 * FISH mask: only the entries with the largest Fisher information are trained (Sung, Nair & Raffel 2021, section 3).
 *   F_i = (1/N) Σ_n (∂ log p(y_n | x_n) / ∂θ_i)²   (empirical: y_n are the labels)
 * The mask is computed once, before training, from the objective's loss of single examples; then the kept entries are stored
 * and updated sparsely. Kept are the largest over all chosen tensors together, 0.5 % by default, from up to 1,024 examples.
 */
import { progress, stoppable, t } from "../course";
import { TunelabError } from "../errors";
import type { Model } from "../model";
import type { Objective } from "../objectives/objective";
import { sft } from "../objectives/sft";
import { Random, tf, type Params } from "../tensor";
import { valueAndGradients } from "../train/step";
import { full } from "./full";
import type { Method } from "./method";
import { keptOf, largest, sparse } from "./sparse";
import type { Selection } from "./targets";

export interface FishOptions<E, B extends { weight: number }> {
  /** Share of the entries of the chosen parameters that is trained. */
  density?: number;
  parameters?: Selection;
  /** Most examples that the Fisher information is averaged over; a random choice of more. */
  samples?: number;
  objective?: Objective<E, B>;
  seed?: number;
  display?: boolean;
}

/** Empirical Fisher information of every entry of the chosen parameters: the mean of squared gradients of single examples. */
export async function fisher<E = import("../objectives").Example, B extends { weight: number } = import("../objectives").SftBatch>(
  model: Pick<Model, "params" | "config">, examples: readonly E[],
  { parameters = "layers", samples = 1024, objective = sft() as unknown as Objective<E, B>, seed = 0, display = true }: FishOptions<E, B> = {},
): Promise<Record<string, Float32Array>> {
  if (!Number.isInteger(samples) || samples < 1) throw new TunelabError(`FISH: samples is ${samples}; it must be a whole number of at least 1.`);
  const chosen = new Random(seed, "fish").shuffle(examples).slice(0, samples);
  if (!chosen.length) throw new TunelabError("FISH: there are no examples; give at least one.");
  const method = full({ parameters }), loss = objective.loss(model, method), tick = stoppable();
  const trained = method.init(model.params, model.config, 0), bar = display ? progress(chosen.length, t({ zh: "费舍尔信息", en: "Fisher information" })) : undefined;
  const sums = Object.fromEntries(Object.entries(trained).map(([name, p]) => [name, new Float32Array(p.size)]));
  let used = 0;
  try {
    for (const [n, example] of chosen.entries()) {
      await tick();
      const batch = objective.collate([example]);
      if (batch.weight === 0) continue; // no target, no likelihood
      used++;
      tf.tidy(() => {
        for (const [name, g] of Object.entries(valueAndGradients(loss, trained, batch).gradients)) { const values = g.dataSync(), sum = sums[name]; for (let i = 0; i < sum.length; i++) sum[i] += values[i] * values[i]; }
      });
      bar?.update(n + 1);
    }
  } finally { Object.values(trained).forEach((p: Params[string]) => p.dispose()); }
  bar?.done();
  if (!used) throw new TunelabError("FISH: no example has a target, so there is no likelihood; give examples with an answer.");
  for (const sum of Object.values(sums)) for (let i = 0; i < sum.length; i++) sum[i] /= used;
  return sums;
}

/** Computes the mask and returns the method that trains it. Free its `constants` when done. */
export async function fish<E = import("../objectives").Example, B extends { weight: number } = import("../objectives").SftBatch>(
  model: Pick<Model, "params" | "config">, examples: readonly E[], options: FishOptions<E, B> = {},
): Promise<Method> {
  const { density = 0.005 } = options;
  keptOf(1 / Number.EPSILON, density, "FISH"); // refuses an absurd density before the work
  const scores = await fisher(model, examples, options), total = Object.values(scores).reduce((sum, s) => sum + s.length, 0);
  const kept = largest(scores, keptOf(total, density, "FISH"));
  return sparse(model.params, Object.fromEntries(Object.entries(kept).map(([name, indices]) => [name, { indices }])), { name: "fish" });
}
