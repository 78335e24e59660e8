/**
 * Rotary position embeddings (Su et al. 2021) and the rescalings that config files name:
 * linear (Chen et al. 2023), llama3 (frequency bands, Meta 2024) and yarn (Peng et al. 2023).
 */
import type { Tensor } from "@tensorflow/tfjs";
import { tf } from "../tensor";
import { shown } from "../shown";

export interface RopeConfig {
  theta: number;
  scaling:
    | { type: "default" }
    | { type: "linear"; factor: number }
    | { type: "llama3"; factor: number; lowFrequencyFactor: number; highFrequencyFactor: number; originalMaxPositions: number }
    | { type: "yarn"; factor: number; betaFast: number; betaSlow: number; originalMaxPositions: number; attentionFactor: number; truncate: boolean };
}

/** Reads `rope_theta` + `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5). */
export function parseRope(source: Record<string, unknown>, maxPositions: number, fail: (what: string) => never): RopeConfig {
  const spelled = (source.rope_parameters ?? source.rope_scaling ?? {}) as Record<string, unknown>;
  if (typeof spelled !== "object" || Array.isArray(spelled)) return fail(`"rope_scaling" must be an object.`);
  const number = (name: string, fallback?: unknown): number => {
    const value = spelled[name] ?? fallback;
    // beyond these bounds frequencies overflow, and no model has them
    return typeof value === "number" && value >= 1e-9 && value <= 1e15 ? value : fail(`rope parameter "${name}" is ${shown(value)}; a positive number is needed (1e-9 to 1e15).`);
  };
  const theta = number("rope_theta", source.rope_theta ?? 10000);
  const type = (spelled.rope_type ?? spelled.type ?? "default") as string;
  const originalMaxPositions = () => number("original_max_position_embeddings", source.original_max_position_embeddings ?? maxPositions);
  switch (type) {
    case "default": return { theta, scaling: { type } };
    case "linear": return { theta, scaling: { type, factor: number("factor") } };
    case "llama3": {
      const lowFrequencyFactor = number("low_freq_factor"), highFrequencyFactor = number("high_freq_factor");
      if (lowFrequencyFactor >= highFrequencyFactor) return fail(`rope parameter "low_freq_factor" ${lowFrequencyFactor} is not below "high_freq_factor" ${highFrequencyFactor}; copy both from the model's page.`);
      return { theta, scaling: { type, factor: number("factor"), lowFrequencyFactor, highFrequencyFactor, originalMaxPositions: originalMaxPositions() } };
    }
    case "yarn": {
      if (spelled.mscale != null || spelled.mscale_all_dim != null) return fail(`yarn with "mscale" is not supported.`);
      const factor = number("factor");
      return {
        theta,
        scaling: {
          type, factor, originalMaxPositions: originalMaxPositions(), betaFast: number("beta_fast", 32), betaSlow: number("beta_slow", 1),
          attentionFactor: number("attention_factor", factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1), truncate: (spelled.truncate ?? true) === true,
        },
      };
    }
    default: return fail(`rope type ${shown(type)} is not supported; supported are default, linear, llama3, yarn.`);
  }
}

/** Angular frequencies [headDim / 2] in radians a position. */
export function ropeFrequencies({ theta, scaling }: RopeConfig, headDim: number): Float64Array {
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  switch (scaling.type) {
    case "default": return plain;
    case "linear": return plain.map((f) => f / scaling.factor);
    case "llama3": {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions: original } = scaling;
      return plain.map((f) => {
        const turns = (original * f) / (2 * Math.PI); // full turns within the original context
        if (turns < low) return f / factor;
        if (turns > high) return f;
        const smooth = (turns - low) / (high - low);
        return (1 - smooth) * (f / factor) + smooth * f;
      });
    }
    case "yarn": {
      const { factor, betaFast, betaSlow, originalMaxPositions: original, truncate } = scaling;
      // index of the dimension that makes `turns` full turns within the original context
      const dimension = (turns: number) => (headDim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
      const round = (f: (x: number) => number, x: number) => (truncate ? f(x) : x);
      const low = Math.max(round(Math.floor, dimension(betaFast)), 0), high = Math.min(round(Math.ceil, dimension(betaSlow)), headDim - 1);
      const span = high === low ? 0.001 : high - low;
      return plain.map((f, i) => {
        const interpolate = Math.min(Math.max((i - low) / span, 0), 1);
        return (f / factor) * interpolate + f * (1 - interpolate);
      });
    }
  }
}

export interface RopeTables { cos: Tensor; sin: Tensor }
/** cos and sin of every position's angles: positions [n] → two tensors [n, headDim], each half repeated. */
export function ropeTables(rope: RopeConfig, headDim: number, positions: ArrayLike<number>): RopeTables {
  const frequencies = ropeFrequencies(rope, headDim), half = headDim / 2;
  const scale = rope.scaling.type === "yarn" ? rope.scaling.attentionFactor : 1;
  const cos = new Float32Array(positions.length * headDim), sin = new Float32Array(positions.length * headDim);
  for (let p = 0; p < positions.length; p++)
    for (let i = 0; i < half; i++) {
      const angle = positions[p] * frequencies[i], at = p * headDim + i;
      cos[at] = cos[at + half] = scale * Math.cos(angle);
      sin[at] = sin[at + half] = scale * Math.sin(angle);
    }
  const shape: [number, number] = [positions.length, headDim];
  return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
}

/** Rotates x [..., headDim] by tables that broadcast to it ("rotate half" convention of Hugging Face). */
export function rotate(x: Tensor, { cos, sin }: RopeTables): Tensor {
  const [a, b] = tf.split(x, 2, -1);
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(b), a], -1), sin));
}
