/**
 * Descent on the whole loss, without the noise of mini-batches: what an optimizer does to a given curvature. On a quadratic
 * with eigenvalue λ gradient descent multiplies the distance along that eigenvector by 1 − ηλ a step: it grows beyond η = 2/λ.
 */
import type { Tensor } from "@tensorflow/tfjs";
import { t } from "../course";
import { TunelabError } from "../errors";
import { sgd, type Optimizer } from "../optimizers";
import { dispose, mapParams, tf, type Params } from "../tensor";
import { toParams } from "./curvature";
import { untilStopped, work, type Status, type WorkOptions } from "./work";

export interface DescentOptions extends WorkOptions {
  steps: number;
  learningRate: number;
  /** Default: plain gradient descent. */
  optimizer?: Optimizer;
}
export interface Descent {
  /** Where it ended: yours to dispose. */
  params: Params;
  /** Loss before each step, and at the end. A loss that is no longer finite ends the descent. */
  losses: number[];
  status: Status;
}
/** Moves `start` along −gradient; `gradient` gives loss and flat gradient at given parameters, e.g. lossAndGradient(problem).at. */
export async function descend(gradient: (params: Params) => Promise<{ loss: number; gradient: Float64Array }>, start: Params, { steps, learningRate, optimizer = sgd(), display }: DescentOptions): Promise<Descent> {
  if (!(Number.isInteger(steps) && steps >= 1)) throw new TunelabError(`descend: steps is ${steps}; it must be a whole number of at least 1.`);
  if (!(learningRate > 0)) throw new TunelabError(`descend: learningRate is ${learningRate}; it must be above 0.`);
  let params = mapParams(start, (p) => p.clone()), state = mapParams(params, (p) => optimizer.init(p) as never) as unknown as Record<string, Params>;
  const losses: number[] = [], w = work(steps, optimizer.name, { display }), rate = tf.scalar(learningRate);
  const status = await untilStopped(async () => {
    for (let step = 0; step <= steps; step++) {
      await w.tick();
      const here = await gradient(params);
      losses.push(here.loss);
      if (step === steps || !Number.isFinite(here.loss)) return;
      const next = tf.tidy(() => { const g = toParams(here.gradient, params); return mapParams(params, (p, n) => optimizer.step(p, g[n], state[n], rate) as never); }) as unknown as Record<string, { p: Tensor; state: Params }>;
      dispose(params);
      Object.values(state).forEach(dispose);
      params = mapParams(next as never, (x) => (x as unknown as { p: Tensor }).p);
      state = mapParams(next as never, (x) => (x as unknown as { state: Params }).state);
      w.at(step + 1, `${t({ zh: "损失", en: "loss" })} ${here.loss.toPrecision(4)}`);
    }
  });
  w.done();
  rate.dispose();
  Object.values(state).forEach(dispose);
  return { params, losses, status };
}
