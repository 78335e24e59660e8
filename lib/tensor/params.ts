/** Flat maps of tensors by Hugging Face parameter name: the one shape in which weights travel through the library. */
import type { Tensor } from "@tensorflow/tfjs";

/** Tensors by Hugging Face parameter name. Never mutated. */
export type Params = Readonly<Record<string, Tensor>>;

/** Number of scalars in all tensors together. */
export const count = (params: Params): number => Object.values(params).reduce((sum, t) => sum + t.size, 0);

/** The same names, each tensor replaced by `f(tensor, name)`. */
export const mapParams = <T>(params: Params, f: (t: Tensor, name: string) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(params).map(([name, t]) => [name, f(t, name)]));

/** Frees all tensors of the map. */
export const dispose = (params: Params): void => Object.values(params).forEach((t) => t.dispose());

/** Copies the values out to memory that tensor clean-up does not touch, e.g. before writing a file. */
export const toArrays = (params: Params): Record<string, { shape: number[]; data: Float32Array }> =>
  mapParams(params, (t) => ({ shape: t.shape, data: t.dataSync() as Float32Array }));
