/**
 * From recorded operations to a compiled function: writes a TensorFlow GraphDef, turns it into a function of the eager
 * context, and calls it with `_XlaMustCompile`, so that XLA compiles it as one program at the first call.
 */
import { createHash } from "node:crypto";
import type { Tensor } from "@tensorflow/tfjs";
import { TunelabError } from "../../errors";
import { nativeBackend, type OpAttribute, type TensorHandle } from "../backend";
import { clearCompileCache } from "./cache";
import { CAPTURED, type Constant, type RecordedOp } from "./record";

/** A tensor's id, shape and TensorFlow type number. */
export type Handle = Pick<TensorHandle, "id" | "shape" | "dtype">;

/** A compiled function: tensor ids in, tensors out. */
export interface Graph {
  call(ids: readonly number[]): Tensor[];
  /** Number of operations, for reports. */
  size: number;
  dispose(): void;
}

// Messages of TensorFlow's protocol buffers, as the package itself ships them.
type Message = Record<string, (...args: unknown[]) => Message> & { serializeBinary(): Uint8Array };
interface MessageType { new (): Message; readonly [nested: string]: MessageType }
const messages = (): Record<string, MessageType> => require("@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js");

const TYPE_ATTRIBUTE = (dtype: number) => attribute((a) => a.setType(dtype));
function attribute(set: (a: Message) => void): Message {
  const a = new (messages().AttrValue)();
  set(a);
  return a;
}
function shapeMessage(shape: readonly number[]): Message {
  const pb = messages(), message = new pb.TensorShape();
  for (const size of shape) { const d = new pb.TensorShape.Dim(); d.setSize(size); message.addDim(d); }
  return message;
}
function constantMessage({ dtype, shape, values }: Constant): Message {
  const message = new (messages().Tensor)();
  message.setDtype(dtype);
  message.setTensorShape(shapeMessage(shape));
  message.setTensorContent(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return attribute((a) => a.setTensor(message));
}
function attributeMessage({ name, type, value }: OpAttribute, op: string): Message {
  const t = nativeBackend()!.binding;
  return attribute((a) => {
    switch (type) {
      case t.TF_ATTR_TYPE: return a.setType(value);
      case t.TF_ATTR_FLOAT: return a.setF(value);
      case t.TF_ATTR_BOOL: return a.setB(value);
      case t.TF_ATTR_STRING: return a.setS(Buffer.from(value as string));
      case t.TF_ATTR_INT: {
        if (!Array.isArray(value)) return a.setI(value);
        const list = new (messages().AttrValue.ListValue)();
        list.setIList(value);
        return a.setList(list);
      }
      default: throw new TunelabError(`jit: attribute ${name} of operation ${op} has a kind that is not supported (${type}).`);
    }
  });
}

/**
 * Element type of the inputs of matrix products in a compiled program. Sums are accumulated and results kept in float32, so that
 * only the products lose digits: bfloat16 has 8 significant bits, half 11 but a range of 6e-8 to 65,504.
 */
export type Precision = "float32" | "bfloat16" | "half";
/** TensorFlow's type numbers, which the binding does not name. */
const TYPE_NUMBER = { bfloat16: 14, half: 19 } as const;

/** Functions in the eager context by name: equal graphs share one, which lives as long as someone uses it. */
const users = new Map<string, number>();

/** Compiles `ops` to a function from `inputs` to `outputs` (ids). */
export function compile(ops: readonly RecordedOp[], inputs: readonly Handle[], outputs: readonly number[], constants: ReadonlyMap<number, Constant>, precision: Precision = "float32"): Graph {
  const graph = new (messages().GraphDef)(), names = new Map<number, string>(), shared = new Map<string, string>();
  const add = (name: string, op: string, from: readonly string[], attributes: readonly (readonly [string, Message])[]) => {
    const node = new (messages().NodeDef)();
    node.setName(name); node.setOp(op); node.setInputList(from);
    const map = node.getAttrMap();
    for (const [key, value] of attributes) map.set(key, value);
    graph.addNode(node);
  };
  const INT32 = nativeBackend()!.binding.TF_INT32;
  const literal = (c: Constant): string => {
    const key = `${c.dtype}|${c.shape}|${Buffer.from(c.values.buffer, c.values.byteOffset, c.values.byteLength).toString("base64")}`;
    if (!shared.has(key)) {
      shared.set(key, `c${shared.size}`);
      add(shared.get(key)!, "Const", [], [["dtype", TYPE_ATTRIBUTE(c.dtype)], ["value", constantMessage(c)]]);
    }
    return shared.get(key)!;
  };
  const filled = (c: Constant): string => {
    const key = `fill|${c.dtype}|${c.shape}|${(c.values as Float32Array)[0]}`;
    if (!shared.has(key)) {
      const dims = literal({ shape: [c.shape.length], dtype: INT32, values: Int32Array.from(c.shape) }), value = literal({ ...c, shape: [], fill: false });
      shared.set(key, `c${shared.size}`);
      add(shared.get(key)!, "Fill", [dims, value], [["T", TYPE_ATTRIBUTE(c.dtype)], ["index_type", TYPE_ATTRIBUTE(INT32)]]);
    }
    return shared.get(key)!;
  };
  const constant = (id: number): string => {
    const c = constants.get(id);
    if (!c) throw new TunelabError(CAPTURED);
    return c.fill ? filled(c) : literal(c);
  };
  const ref = (id: number): string => names.get(id) ?? constant(id);

  const FLOAT = nativeBackend()!.binding.TF_FLOAT, reduced = new Map<number, string>();
  /** An input in the reduced type, converted once however often it is used. */
  const convert = (id: number): string => {
    if (!reduced.has(id)) {
      reduced.set(id, `r${reduced.size}`);
      add(reduced.get(id)!, "Cast", [ref(id)], [["SrcT", TYPE_ATTRIBUTE(FLOAT)], ["DstT", TYPE_ATTRIBUTE(TYPE_NUMBER[precision as "half"])]]);
    }
    return reduced.get(id)!;
  };
  const reducedProduct = (name: string, op: RecordedOp, attributes: readonly (readonly [string, Message])[]): void => {
    const type = TYPE_ATTRIBUTE(TYPE_NUMBER[precision as "half"]), kept = attributes.filter(([key]) => key !== "T");
    add(name, "BatchMatMulV3", op.inputs.map(convert), [...kept, ["Ta", type], ["Tb", type], ["Tout", TYPE_ATTRIBUTE(FLOAT)]]);
  };

  inputs.forEach(({ id, shape, dtype }, i) => {
    add(`x${i}`, "Placeholder", [], [["dtype", TYPE_ATTRIBUTE(dtype)], ["shape", attribute((a) => a.setShape(shapeMessage(shape)))]]);
    names.set(id, `x${i}`);
  });
  const dtypes = new Map<number, number>([...inputs.map((h) => [h.id, h.dtype] as const), ...[...constants].map(([id, c]) => [id, c.dtype] as const)]);
  ops.forEach((op, i) => {
    const attributes = op.attributes.map((a) => [a.name, attributeMessage(a, op.name)] as const);
    // The one operation whose element type the package leaves to eager execution to infer.
    if (op.name === "ExpandDims") attributes.push(["T", TYPE_ATTRIBUTE(dtypes.get(op.inputs[0])!)]);
    if (precision !== "float32" && op.name === "BatchMatMulV2") reducedProduct(`n${i}`, op, attributes);
    else add(`n${i}`, op.name, op.inputs.map(ref), attributes);
    op.outputs.forEach((o, k) => { names.set(o.id, k ? `n${i}:${k}` : `n${i}`); dtypes.set(o.id, o.dtype); });
  });
  // An output may be an input or occur twice; a function's results must be distinct nodes.
  const results = outputs.map((id, i) => { add(`y${i}`, "Identity", [ref(id)], [["T", TYPE_ATTRIBUTE(dtypes.get(id)!)]]); return `y${i}`; });

  const bytes = graph.serializeBinary(), arity = inputs.map((_, i) => `x${i}`);
  let name = `tunelab_${createHash("sha256").update(bytes).update(String(outputs.length)).digest("hex").slice(0, 24)}`;
  const { binding } = nativeBackend()!;
  const acquire = () => { if (!users.get(name)) binding.createFunction!(name, bytes, arity, results); users.set(name, (users.get(name) ?? 0) + 1); };
  const release = () => { const left = users.get(name)! - 1; users.set(name, left); if (left === 0) binding.deleteFunction!(name); };
  acquire();
  let ran = false;
  const attributes: OpAttribute[] = [{ name: "_XlaMustCompile", type: binding.TF_ATTR_BOOL, value: true }];
  return {
    size: ops.length,
    call: (ids) => {
      const backend = nativeBackend()!, run = () => backend.binding.executeOp(name, attributes, [...ids], results.length);
      let handles: TensorHandle[];
      // XLA compiles at the first call, and takes the program from its cache on disk if it can.
      try { handles = run(); } catch (error) {
        if (ran || !clearCompileCache()) throw error;
        release();
        name += "_again"; // TensorFlow remembers by name that the compilation failed
        acquire();
        handles = run();
      }
      ran = true;
      return handles.map((handle) => backend.createOutputTensor(handle));
    },
    dispose: release,
  };
}

/** Handle of a tensor. */
export const handleOf = (id: number, t: Tensor): Handle => ({ id, shape: t.shape, dtype: nativeBackend()!.getDTypeInteger(t.dtype) });
