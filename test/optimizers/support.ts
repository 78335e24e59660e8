// An optimizer against the steps that torch.optim took with the same gradients.
import type { Scalar } from "@tensorflow/tfjs";
import type { Optimizer } from "tunelab/optimizers";
import { jit, mapParams, tf, type Params } from "tunelab/tensor";
import { close } from "../support/compare";

/** Values of named tensors as nested lists. */
export type Nested = Readonly<Record<string, any>>;
const tensors = (n: Nested): Params => Object.fromEntries(Object.entries(n).map(([name, v]) => [name, tf.tensor(v)]));

/** Takes a step for each of `gradients` and asserts what comes after each to 1e-6; gives the largest difference. */
export function stepsAre(optimizer: Optimizer, rate: number, start: Nested, gradients: readonly Nested[], after: readonly Nested[]): number {
  const step = jit(optimizer.step as never) as unknown as Optimizer["step"] & { dispose(): void }, differences: number[] = [];
  tf.tidy(() => {
    let p = tensors(start), state = mapParams(p, (x) => optimizer.init(x));
    for (const [s, expected] of after.entries()) {
      const g = tensors(gradients[s]), next = mapParams(p, (x, name) => step(x, g[name], state[name], tf.scalar(rate) as Scalar));
      p = mapParams(next as never, (n: any) => n.p);
      state = mapParams(next as never, (n: any) => n.state);
      for (const name of Object.keys(expected)) differences.push(close(p[name].dataSync(), expected[name].flat(Infinity), 1e-6, `${name} after step ${s + 1}`));
    }
  });
  step.dispose();
  return Math.max(...differences);
}
