/**
 * One optimisation step whose updates happen inside the backward pass, layer by layer (LOMO, Lv et al. 2023).
 * What lies outside the layers (embedding, final norm, head) is updated after it, from gradients of its own.
 */
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import type { Method } from "../methods/method";
import type { GradientPass, Model } from "../model";
import { partition } from "../model/layers";
import type { Loss, Objective } from "../objectives/objective";
import { clipFactor, sumOfSquares } from "../optimizers/clip";
import type { Optimizer } from "../optimizers/optimizer";
import { dispose, jit, mapParams, tf, type Params, type Tree } from "../tensor";
import type { Move, Trainable } from "./step";

type Moves = Record<string, Move>;

/** Loss and gradient norm of a batch; or, with the update, what was moved. `scale` multiplies the loss while its gradient is taken. */
export interface FusedStepper<Batch> {
  /** A pass that updates nothing. */
  measure(now: Trainable, batch: Batch, key?: () => Tensor, scale?: number): { loss: number; norm: number };
  /**
   * A pass with updates; gradients are scaled by min(1, max / norm). Each tensor of `now` is freed when it is replaced. After a
   * `failure` in the middle, `next` holds what was moved and what was not.
   */
  move(now: Trainable, batch: Batch, learningRate: number, clip?: { norm: number; max: number }, key?: () => Tensor, scale?: number): { loss: number; norm: number; next: Trainable; failure?: unknown };
}

export function fusedStepper<E, B extends { weight: number }>(objective: Objective<E, B>, model: Pick<Model, "config" | "params">, method: Method, optimizer: Optimizer, options: GradientPass = {}): FusedStepper<B> {
  const count = model.config.layers;
  type Extra = { state: Record<string, Params>; factor: Tensor; learningRate: Tensor };
  /** A gradient that is not finite moves nothing: what the pass has moved before can no longer be taken back. */
  const updateAll = (trained: Params, gradients: Params, { state, factor, learningRate }: Extra): { moves: Moves; squares: Tensor } => {
    const squares = sumOfSquares(Object.values(gradients)), good = tf.isFinite(squares);
    const moves = mapParams(trained, (p, name) => tf.tidy(() => {
      const old = state[name] ?? {}, move = optimizer.step(p, tf.mul(gradients[name], factor), old, learningRate as Scalar);
      return { p: tf.where(good, move.p, p), state: mapParams(move.state, (t, key) => tf.where(good, t, old[key])) } as never;
    }) as Move);
    return { moves, squares };
  };
  // Compiled, too: the embedding is the largest tensor of all, and its gradient, square and update would exist side by side.
  const moveOutside = jit(updateAll as never) as unknown as typeof updateAll, squaresOutside = jit((gradients: Tensor[]) => sumOfSquares(gradients));
  const measuring = passOf((_trained, gradients) => sumOfSquares(Object.values(gradients)));
  const moving = passOf((trained, gradients, extra) => updateAll(trained, gradients, extra as unknown as Extra) as unknown as Tree);

  /** A backward pass that uses gradients by `use`, with the loss that goes through it. */
  function passOf(use: NonNullable<GradientPass["fused"]>["use"]) {
    const fused = { use, extra: (_layer: number): Tree => null, receive: (_layer: number, _result: Tree) => {}, anchor: undefined as unknown as Tensor };
    return { fused, loss: objective.loss(model, method, { ...options, fused }) };
  }

  function run(pass: { fused: NonNullable<GradientPass["fused"]>; loss: Loss<B> }, trained: Params, batch: B, key: (() => Tensor) | undefined, scale: number, extra: (layer: number) => Tree, receive: (layer: number, result: Tree) => void) {
    const outside = partition(trained, count).rest, names = Object.keys(outside), seen = new Set<number>();
    pass.fused.extra = extra;
    pass.fused.receive = (layer, result) => {
      if (seen.has(layer)) throw new TunelabError(`Optimizer "${optimizer.name}" updates each layer as the gradient passes it, but objective "${objective.name}" runs the model more than once a step; use another optimizer, such as adamw.`);
      seen.add(layer);
      receive(layer, result);
    };
    const { value, grads } = tf.valueAndGrads((anchor, ...tensors) => {
      pass.fused.anchor = anchor;
      return pass.loss({ ...trained, ...Object.fromEntries(names.map((name, i) => [name, tensors[i]])) }, batch, key?.());
    })([tf.scalar(0), ...Object.values(outside)], scale === 1 ? undefined : tf.scalar(scale));
    return { loss: value.dataSync()[0], outside, gradients: Object.fromEntries(names.map((name, i) => [name, grads[i + 1]])) };
  }
  const root = (squares: readonly Tensor[]): number => Math.sqrt(tf.addN(squares as Tensor[]).dataSync()[0]);

  return {
    measure(now, batch, key, scale = 1) {
      let measured!: { loss: number; norm: number };
      tf.tidy(() => {
        const squares: Tensor[] = [];
        const { loss, gradients } = run(measuring, now.trained, batch, key, scale, () => null, (_layer, result) => squares.push(tf.keep(result as Tensor)));
        measured = { loss, norm: root([...squares, ...(Object.keys(gradients).length ? [squaresOutside(Object.values(gradients))] : [])]) / scale };
        squares.forEach((t) => t.dispose());
      });
      return measured;
    },
    move(now, batch, learningRate, clip, key, scale = 1) {
      const trained: Record<string, Tensor> = { ...now.trained }, state: Record<string, Params> = { ...now.state }, squares: Tensor[] = [];
      const replace = (moves: Moves, nameOf: (name: string) => string) => {
        for (const [local, move] of Object.entries(moves)) {
          const name = nameOf(local);
          trained[name].dispose();
          dispose(state[name]);
          trained[name] = tf.keep(move.p);
          state[name] = mapParams(move.state, (t) => tf.keep(t));
        }
      };
      const result = { loss: NaN, norm: NaN, next: { trained, state }, failure: undefined as unknown };
      try {
        tf.tidy(() => {
          const common = { factor: tf.scalar((clip ? clipFactor(clip.norm, clip.max) : 1) / scale), learningRate: tf.scalar(learningRate) };
          const extra = (layer: number) => {
            const start = `model.layers.${layer}.`, own = Object.entries(state).filter(([name]) => name.startsWith(start));
            return { state: Object.fromEntries(own.map(([name, s]) => [`model.layers.0.${name.slice(start.length)}`, s])), ...common };
          };
          const { loss, outside, gradients } = run(moving, now.trained, batch, key, scale, extra, (layer, result) => {
            const { moves, squares: s } = result as unknown as ReturnType<typeof updateAll>;
            replace(moves, (name) => name.replace("model.layers.0.", `model.layers.${layer}.`));
            squares.push(tf.keep(s));
          });
          if (Object.keys(outside).length) {
            const last = moveOutside(outside, gradients, { state: Object.fromEntries(Object.keys(outside).map((name) => [name, state[name]])), ...common });
            replace(last.moves, (name) => name);
            squares.push(tf.keep(last.squares));
          }
          Object.assign(result, { loss, norm: root(squares) / scale });
        });
      } catch (error) {
        result.failure = error;
      } finally { squares.forEach((t) => t.dispose()); }
      return result;
    },
  };
}
