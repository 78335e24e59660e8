// Which operations of TensorFlow.js may be called directly in lib/: those whose second derivatives are right. All others belong into lib/tensor/ops.ts.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs";
import ts from "typescript";
import { backend, compiles, jit, tf } from "tunelab/tensor";
import { differences, hessianVector, normal, numbers, relative, type Scalar } from "./support";

before(async () => { await backend(); });

/** One function for each operation that lib/ may call where it differentiates; its Hessian must be right. */
const SAFE: Record<string, (x: Tensor, y: Tensor) => Tensor> = {
  add: (x, y) => tf.add(x, y), addN: (x, y) => tf.addN([x, y, x]), sub: (x, y) => tf.sub(x, y), mul: (x, y) => tf.mul(x, y), div: (x, y) => tf.div(x, tf.add(2, tf.square(y))),
  neg: (x) => tf.neg(x), square: (x) => tf.square(x), sqrt: (x) => tf.sqrt(tf.add(1, tf.square(x))), rsqrt: (x) => tf.rsqrt(tf.add(1, tf.square(x))),
  abs: (x) => tf.abs(tf.add(x, 10)), log: (x) => tf.log(tf.add(2, tf.square(x))),
  sum: (x) => tf.sum(x, -1), mean: (x) => tf.mean(x, 0), matMul: (x, y) => tf.matMul(x as never, y as never, false, true),
  reshape: (x) => tf.reshape(x, [4, 3]), transpose: (x, y) => tf.mul(tf.transpose(x, [1, 0]), tf.reshape(y, [4, 3])), concat: (x, y) => tf.concat([x, y], -1), split: (x) => tf.mul(...(tf.split(x, 2, -1) as [Tensor, Tensor])),
  slice: (x) => tf.slice(x as never, [1, 0], [2, 3]), expandDims: (x) => tf.expandDims(x, 1), squeeze: (x) => tf.squeeze(tf.expandDims(x, 1), [1]), cast: (x) => tf.cast(x, "float32"), stack: (x, y) => tf.stack([x, y]),
  pad: (x) => tf.pad(x, [[1, 0], [0, 2]]),
};
/** Not mathematics on what is trained: making tensors, memory, the tape, comparisons (their gradient is zero), kernels' names. */
const NEUTRAL = [
  "tensor", "tensor1d", "tensor2d", "scalar", "zeros", "ones", "zerosLike", "onesLike", "fill", "oneHot", "range", "tidy", "keep", "dispose", "memory", "engine", "ready", "backend", "setBackend", "getBackend",
  "getKernel", "customGrad", "grad", "grads", "valueAndGrads", "greaterEqual", "greater", "less", "lessEqual", "equal", "argMax", "env",
];
/** Wrong second derivatives, or none (each is proved below). */
const WRONG: Record<string, (x: Tensor) => Tensor> = {
  softmax: (x) => tf.softmax(x), logSoftmax: (x) => tf.logSoftmax(x), sigmoid: (x) => tf.sigmoid(x), exp: (x) => tf.exp(x), tanh: (x) => tf.tanh(x), elu: (x) => tf.elu(x),
  maximum: (x) => tf.maximum(x, 0.5), minimum: (x) => tf.minimum(x, 0.5), max: (x) => tf.max(x, -1), min: (x) => tf.min(x, -1), logSumExp: (x) => tf.logSumExp(x, -1), clipByValue: (x) => tf.clipByValue(x, -1, 1),
};
/** Places where nothing is differentiated: masks, clipping, updates. */
const WITHOUT_GRADIENT: Record<string, string[]> = {
  "lib/model/forward.ts": ["maximum"], "lib/model/decoder.ts": ["maximum"], "lib/model/classify.ts": ["softmax", "gather"],
  "lib/optimizers/adamw.ts": ["expm1"], "lib/optimizers/formats.ts": ["where", "isFinite", "round", "sign"], "lib/optimizers/lomo.ts": ["clipByValue"], "lib/optimizers/adalomo.ts": ["pow", "maximum"], "lib/train/fused.ts": ["isFinite", "where"],
  "lib/theory/problem.ts": ["cumsum", "minimum"], // labels are drawn, not differentiated
};
/** Read values back (cannot be recorded), or draw numbers without a key (the same in every call once recorded). */
const OTHER = ["gather", "gatherND", "where", "booleanMaskAsync", "dropout", "randomUniform", "randomNormal", "truncatedNormal", "multinomial", "rand", "selu", "softplus", "gelu", "prelu", "leakyRelu", "relu6", "prod", "cumprod"];

const curved = (f: (x: Tensor, y: Tensor) => Tensor): Scalar => (x, y) => { const z = f(x, y); return tf.sum(tf.mul(z, tf.add(z, tf.square(z)))); };

for (const [name, f] of Object.entries(SAFE))
  test(`tf.${name} is twice differentiable, eager and compiled`, () => tf.tidy(() => {
    const xs = [normal([3, 4], 1), normal([3, 4], 2)], v = [normal([3, 4], 3), normal([3, 4], 4)];
    const n = f.length, L: Scalar = (...t) => curved(f)(t[0], t[1] ?? xs[1]); // only the inputs that f takes are differentiated
    const hv = hessianVector(L, xs.slice(0, n), v.slice(0, n)), flat = hv.flatMap(numbers);
    const measured = differences((t) => tf.grads((...t) => L(...(t as Tensor[])))(t), xs.slice(0, n), v.slice(0, n));
    assert.ok(relative(flat, measured) <= 1e-3, `Hv is off by ${relative(flat, measured)}`);
    if (!compiles()) return;
    const compiled = jit((xs: Tensor[], v: Tensor[]) => hessianVector(curved(f.length === 1 ? (x) => f(x, x) : f), xs, v));
    assert.ok(relative(compiled(xs.slice(0, n), v.slice(0, n)).flatMap(numbers), flat) <= 1e-5, "compiled");
    compiled.dispose();
  }));

for (const [name, f] of Object.entries(WRONG))
  test(`tf.${name} is not: that is why it is not to be called directly`, () => tf.tidy(() => {
    const xs = [normal([3, 4], 1)], v = [normal([3, 4], 3)], L: Scalar = (x) => curved(f)(x, x);
    let error: number;
    try { error = relative(hessianVector(L, xs, v).flatMap(numbers), differences((t) => tf.grads((x) => L(x as Tensor))(t), xs, v)); } catch { error = Infinity; }
    assert.ok(error > 1e-2, `its second derivatives are right (${error}); tfjs has changed, so move it to SAFE`);
  }));

/** Direct uses of operations in a source text: `tf.name`, `const { name } = tf`, and the chained `x.name()` of the forbidden ones. */
function offences(file: string, text: string): string[] {
  const found: string[] = [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true), allowed = new Set([...Object.keys(SAFE), ...NEUTRAL, ...(WITHOUT_GRADIENT[file.split(path.sep).join("/")] ?? [])]), forbidden = new Set([...Object.keys(WRONG), ...OTHER]);
  const report = (node: ts.Node, name: string) => found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: tf.${name}`);
  const walk = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && /@tensorflow\/tfjs/.test(node.moduleSpecifier.getText()) && !node.importClause?.isTypeOnly && !file.startsWith(path.join("lib", "tensor"))) report(node, "import");
    if (ts.isPropertyAccessExpression(node)) {
      const name = node.name.text, of = node.expression.getText();
      if (of === "tf" && ts.isIdentifier(node.expression) && !ts.isTypeNode(node.parent) && !allowed.has(name)) report(node, name);
      // tensors as objects: x.exp()
      else if (of !== "tf" && of !== "Math" && forbidden.has(name) && ts.isCallExpression(node.parent) && node.parent.expression === node && !/^(this|random|ops)$/.test(of)) report(node, `${name} (as a method)`);
    }
    if (ts.isVariableDeclaration(node) && node.initializer?.getText() === "tf" && ts.isObjectBindingPattern(node.name))
      for (const e of node.name.elements) { const name = (e.propertyName ?? e.name).getText(); if (!allowed.has(name)) report(node, name); }
    ts.forEachChild(node, walk);
  };
  walk(source);
  return found;
}

const EXEMPT = path.join("lib", "tensor", "ops.ts");
test("lib/ calls no other operation directly", () => {
  const files = fs.readdirSync("lib", { recursive: true, encoding: "utf8" }).map((name) => path.join("lib", name)).filter((f) => f.endsWith(".ts") && !/(^|[/\\])(dist|node_modules)[/\\]/.test(f) && f !== EXEMPT);
  assert.ok(files.length > 40 && files.some((f) => f.includes("transformer")));
  const found = files.flatMap((f) => offences(f, fs.readFileSync(f, "utf8")));
  assert.deepEqual(found, [], `${found.join("\n")}\nUse the operation of lib/tensor/ops.ts, add one there, or prove it twice differentiable in SAFE of this test.`);
});

test("the check finds what it is there to find", () => {
  for (const name of [...Object.keys(WRONG), ...OTHER]) {
    assert.equal(offences("lib/methods/x.ts", `const y = tf.${name}(x);`).length, 1, name);
    assert.equal(offences("lib/methods/x.ts", `const y = x.${name}();`).length, 1, `x.${name}()`);
    assert.equal(offences("lib/methods/x.ts", `const { ${name}: f } = tf;`).length, 1, `destructured ${name}`);
  }
  assert.equal(offences("lib/methods/x.ts", `import * as tf from "@tensorflow/tfjs";`).length, 1);
  assert.equal(offences("lib/methods/x.ts", `tf.bogus(x); exp(x); Math.exp(1); softmax(x); tf.add(x, y); let t: tf.Tensor;`).length, 1);
});
