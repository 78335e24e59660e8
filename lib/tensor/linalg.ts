/** Linear algebra that TensorFlow.js lacks: TensorFlow's own operations where it is native, ml-matrix elsewhere. */
import type { Tensor } from "@tensorflow/tfjs";
import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { TunelabError } from "../errors";
import { nativeBackend } from "./backend";

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
