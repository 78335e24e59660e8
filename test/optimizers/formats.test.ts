// 16-bit formats: bits and rounding as numpy (half) and PyTorch (bfloat16) have them; weights stored in them lose small updates.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { adamw, bitsOf, rounded, roundTo, sgd, storedIn, type Format } from "tunelab/optimizers";
import { backend, jit, tf } from "tunelab/tensor";
import { userError } from "../support/compare";
import { readJson } from "../support/fixtures";

before(async () => { await backend(); });
const fixture = readJson("gguf", "dtypes.json") as { float32: number[]; float16: number[]; bfloat16: number[] };
const floats = new Float32Array(Uint32Array.from(fixture.float32).buffer);
const NAME = { half: "float16", bfloat16: "bfloat16" } as const, FORMATS: Format[] = ["half", "bfloat16"];
/** All values of the format's neighbourhood: every 16-bit pattern as upper half of a float32, and next to each the ends and the middle of the gap. */
const grid = Float32Array.from(new Float32Array(Uint32Array.from({ length: 65536 * 4 }, (_, i) => ((i >> 2) << 16) | [0, 0x7fff, 0x8000, 0x8001][i & 3]).buffer));
const same = (a: ArrayLike<number>, b: ArrayLike<number>, what: string) => {
  for (let i = 0; i < b.length; i++) if (!(a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i])))) assert.fail(`${what}: entry ${i} is ${a[i]}, not ${b[i]}`);
};

for (const format of FORMATS)
  test(`${format}: numbers and tensors round bit for bit as in ${format === "half" ? "numpy" : "PyTorch"}, eager and compiled`, () => {
    const bits = (x: number) => { const b = bitsOf(x, format); return parseInt(b.sign + b.exponent + b.fraction, 2); };
    floats.forEach((x, i) => { if (!Number.isNaN(x)) assert.equal(bits(x), fixture[NAME[format]][i], `${x}`); });
    for (const values of [floats, grid]) {
      const expected = roundTo(values, format), compiled = jit((x: Tensor) => rounded(x, format));
      tf.tidy(() => {
        const x = tf.tensor1d(values);
        same(rounded(x, format).dataSync(), expected, "eager");
        same(compiled(x).dataSync(), expected, "compiled");
      });
      compiled.dispose();
    }
  });

test("bits of known numbers", () => {
  assert.deepEqual(bitsOf(1, "half"), { sign: "0", exponent: "01111", fraction: "0000000000", value: 1 });
  assert.deepEqual(bitsOf(-0.1, "bfloat16"), { sign: "1", exponent: "01111011", fraction: "1001101", value: -0.10009765625 });
  assert.deepEqual(bitsOf(0.1, "float32"), { sign: "0", exponent: "01111011", fraction: "10011001100110011001101", value: Math.fround(0.1) });
  assert.equal(bitsOf(1e-8, "half").value, 0); // below half of the smallest subnormal, 2^-25
  assert.equal(bitsOf(70000, "half").value, Infinity);
});

test("weights stored in 16 bits stand still where an update is below half the distance to the next number; float32 weights move", () => {
  const run = (optimizer = sgd()) => tf.tidy(() => {
    let p: Tensor = tf.tensor1d([1]), state = optimizer.init(p);
    for (let i = 0; i < 100; i++) ({ p, state } = optimizer.step(p, tf.tensor1d([1]), state, tf.scalar(1e-4) as Scalar));
    return p.dataSync()[0];
  });
  assert.ok(Math.abs(run() - 0.99) < 1e-5);
  assert.equal(run(storedIn("half", sgd())), 1); // 1 − 2^-11 is the number below 1; half of the gap is 2.4e-4
  assert.equal(run(storedIn("bfloat16", sgd())), 1);
  assert.equal(storedIn("half", adamw()).name, "adamw-half");
  assert.throws(() => storedIn("float8" as never, adamw()), userError("float8", "half or bfloat16"));
});
