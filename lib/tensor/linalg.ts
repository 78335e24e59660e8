/** Linear algebra that TensorFlow.js lacks: TensorFlow's own operations where it is native, ml-matrix elsewhere. */
import type { Tensor } from "@tensorflow/tfjs";
import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { TunelabError } from "../errors";
import { nativeBackend, tf } from "./backend";

/** Singular values of a matrix [m, n], largest first: min(m, n) numbers. */
export function singularValues(x: Tensor): Float32Array {
  if (x.rank !== 2) throw new TunelabError(`singularValues: the tensor has shape [${x.shape}]; a matrix is needed.`);
  const native = nativeBackend();
  if (!native) {
    const [rows, columns] = x.shape as [number, number];
    return Float32Array.from(new SingularValueDecomposition(Matrix.from1DArray(rows, columns, x.dataSync()), { computeLeftSingularVectors: false, computeRightSingularVectors: false, autoTranspose: true }).diagonal);
  }
  const { TF_ATTR_BOOL, TF_ATTR_TYPE, TF_FLOAT } = native.binding;
  const outputs = native.executeMultipleOutputs("Svd", [
    { name: "compute_uv", type: TF_ATTR_BOOL, value: false }, { name: "full_matrices", type: TF_ATTR_BOOL, value: false }, { name: "T", type: TF_ATTR_TYPE, value: TF_FLOAT },
  ], [x], 3);
  const values = outputs[0].dataSync() as Float32Array;
  outputs.forEach((t) => t.dispose());
  return values;
}

/** Thin singular value decomposition x = U diag(s) Vᵀ of a matrix [m, n], k = min(m, n): U [m, k], s largest first, V [n, k]. */
export function svd(x: Tensor): { U: Tensor; s: Float32Array; V: Tensor } {
  if (x.rank !== 2) throw new TunelabError(`svd: the tensor has shape [${x.shape}]; a matrix is needed.`);
  const native = nativeBackend();
  if (!native) {
    const [rows, columns] = x.shape as [number, number], tall = rows >= columns;
    const { leftSingularVectors: left, rightSingularVectors: right, diagonal } = new SingularValueDecomposition(Matrix.from1DArray(rows, columns, x.dataSync()), { autoTranspose: true });
    const tensor = (m: Matrix, n: number) => tf.tensor2d(Float32Array.from(m.subMatrix(0, n - 1, 0, Math.min(rows, columns) - 1).to1DArray()), [n, Math.min(rows, columns)]);
    return { U: tensor(left, rows), s: Float32Array.from(diagonal).subarray(0, tall ? columns : rows), V: tensor(right, columns) };
  }
  const { TF_ATTR_BOOL, TF_ATTR_TYPE, TF_FLOAT } = native.binding;
  const [values, U, V] = native.executeMultipleOutputs("Svd", [
    { name: "compute_uv", type: TF_ATTR_BOOL, value: true }, { name: "full_matrices", type: TF_ATTR_BOOL, value: false }, { name: "T", type: TF_ATTR_TYPE, value: TF_FLOAT },
  ], [x], 3);
  const s = values.dataSync() as Float32Array;
  values.dispose();
  return { U, s, V };
}
