/** Small networks whose output is trained in the stead of a method's own tensors: linear maps and an LSTM, as torch.nn computes and starts them. */
import type { Tensor } from "@tensorflow/tfjs";
import { Random, sigmoid, tanh, tf, type Params } from "../tensor";

/** Numbers of a shape, each by one call of `draw`. */
export const drawn = (shape: number[], draw: () => number): Tensor => tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw), shape);

/** Standard normal numbers [rows, columns]: torch.nn.Embedding's start. */
export const normalRows = (seed: number, name: string, shape: number[]): Tensor => { const random = new Random(seed, name); return drawn(shape, () => random.normal()); };

/** y = x Wᵀ + b: rows [n, in] → [n, out]. */
export const linear = (x: Tensor, params: Params, name: string): Tensor =>
  tf.add(tf.matMul(x as never, params[`${name}.weight`] as never, false, true), params[`${name}.bias`]);

/** Its tensors at step 0, U(±1/√in). */
export function linearStart(name: string, into: number, out: number, seed: number): Params {
  const random = new Random(seed, name), bound = 1 / Math.sqrt(into), draw = () => (2 * random.uniform() - 1) * bound;
  return { [`${name}.weight`]: drawn([out, into], draw), [`${name}.bias`]: drawn([out], draw) };
}

const DIRECTIONS = ["", "_reverse"] as const;

/**
 * Bidirectional LSTM over the rows of x [n, in] → [n, 2·hidden] (Hochreiter & Schmidhuber 1997; gates i, f, g, o stacked).
 *   c ← σ(f) c + σ(i) tanh(g),  h ← σ(o) tanh(c)
 */
export function lstm(x: Tensor, params: Params, name: string, layers: number): Tensor {
  const n = x.shape[0];
  for (let l = 0; l < layers; l++) {
    const outputs = DIRECTIONS.map((direction) => {
      const of = (kind: string) => params[`${name}.${kind}_l${l}${direction}`], hidden = of("weight_hh").shape[1]!;
      const inputs = tf.add(tf.matMul(x as never, of("weight_ih") as never, false, true), tf.add(of("bias_ih"), of("bias_hh"))); // [n, 4·hidden]
      let h: Tensor = tf.zeros([1, hidden]), c: Tensor = tf.zeros([1, hidden]);
      const rows: Tensor[] = [], order = Array.from({ length: n }, (_, t) => (direction ? n - 1 - t : t));
      for (const t of order) {
        const gates = tf.add(tf.slice(inputs as never, [t, 0], [1, 4 * hidden]), tf.matMul(h as never, of("weight_hh") as never, false, true));
        const [i, f, g, o] = tf.split(gates, 4, 1);
        c = tf.add(tf.mul(sigmoid(f), c), tf.mul(sigmoid(i), tanh(g)));
        rows[t] = h = tf.mul(sigmoid(o), tanh(c));
      }
      return tf.concat(rows, 0);
    });
    x = tf.concat(outputs, 1);
  }
  return x;
}

/** Its tensors at step 0, U(±1/√hidden). */
export function lstmStart(name: string, into: number, hidden: number, layers: number, seed: number): Params {
  const random = new Random(seed, name), bound = 1 / Math.sqrt(hidden), out: Record<string, Tensor> = {};
  for (let l = 0; l < layers; l++)
    for (const direction of DIRECTIONS)
      for (const [kind, shape] of [["weight_ih", [4 * hidden, l ? 2 * hidden : into]], ["weight_hh", [4 * hidden, hidden]], ["bias_ih", [4 * hidden]], ["bias_hh", [4 * hidden]]] as const)
        out[`${name}.${kind}_l${l}${direction}`] = drawn([...shape], () => (2 * random.uniform() - 1) * bound);
  return out;
}
