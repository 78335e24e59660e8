// What the native binding holds: tensors, and the compiled functions that jit makes and frees.
import { nativeBackend, type Binding } from "tunelab/tensor";

/** Tensors in the binding; they may outlive those of TensorFlow.js if ids are dropped. */
export const nativeTensors = (): number => (nativeBackend()!.binding as Binding & { getNumOfTensors(): number }).getNumOfTensors();

export interface Functions {
  /** Names of the functions in TensorFlow's context. */
  alive(): string[];
  /** Size of the last graph that was made, and how many of its nodes are constants. */
  last(): { bytes: number; constants: number };
}
/** Watches functions being made and freed from now on. */
export function functions(): Functions {
  const backend = nativeBackend()!, { binding } = backend, names = new Set<string>();
  let graph = new Uint8Array();
  const watched: Partial<Binding> = {
    createFunction(name, bytes, ...rest) {
      binding.createFunction!(name, bytes, ...rest);
      if (names.has(name)) throw new Error(`${name} is made twice`);
      names.add(name);
      graph = Uint8Array.from(bytes);
    },
    deleteFunction(name) {
      if (!names.delete(name)) throw new Error(`${name} is not there`);
      binding.deleteFunction!(name);
    },
  };
  backend.binding = Object.create(binding, Object.getOwnPropertyDescriptors(watched)); // the binding itself is read-only
  const { GraphDef } = require("@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js");
  return {
    alive: () => [...names].sort(),
    last: () => ({ bytes: graph.byteLength, constants: GraphDef.deserializeBinary(graph).getNodeList().filter((n: { getOp(): string }) => n.getOp() === "Const").length }),
  };
}
