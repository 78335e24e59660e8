// lib/tensor/backend.ts: which backend is chosen, why, and that training gives the same on each. Each choice needs a process of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const TRAIN = `
const { train, evaluate } = require("tunelab/train"), { generate } = require("tunelab/model"), { backend, tf, compiles, uniform, key, singularValues } = require("tunelab/tensor");
const { tinyModel, randomExamples, smallLora, valuesOf } = require("./test/dist/train/support.js");
(async () => {
  const report = await backend(), model = await tinyModel(), data = randomExamples(6), before = tf.memory().numTensors;
  const run = await train({ model, method: smallLora(), data: { train: data, validation: data }, steps: 4, batchSize: 3, learningRate: 5e-3, schedule: "constant", warmup: 0, display: false });
  const adapter = { method: run.method, trained: run.trained }, after = await evaluate(model, data, { adapter });
  const tensors = tf.memory().numTensors - before - Object.keys(run.trained).length, random = [...uniform([1000], key(3)).dataSync()];
  console.log(JSON.stringify({ report, compiles: compiles(), backend: tf.getBackend(), losses: run.history.steps.map((r) => r.loss), evaluations: run.history.evaluations, after, trained: valuesOf(run.trained), tensors,
    random: [Math.min(...random) >= 0, Math.max(...random) < 1], singular: [...singularValues(tf.tensor2d([[0, 2], [-3, 0], [0, 0]]))] }));
})();`;
interface Result {
  report: { name: string; why: string }; compiles: boolean; backend: string; losses: number[]; evaluations: { loss: number }[]; after: { loss: number }; trained: Record<string, number[]>; tensors: number; random: boolean[]; singular: number[];
}
/** Runs JavaScript in a child; `without`: packages that cannot be loaded there. */
function child(code: string, env: Record<string, string> = {}, without: string[] = []) {
  const block = `const { _load } = require("node:module"); require("node:module")._load = function (name, ...rest) {
    if (${JSON.stringify(without)}.includes(name)) throw new Error("Cannot find module '" + name + "'\\nRequire stack: …"); return _load.call(this, name, ...rest); };`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["-e", block + code], { encoding: "utf8", env: { ...process.env, TUNELAB_BACKEND: "", ...env } });
  return { stdout, stderr, status };
}
function trained(env: Record<string, string>, without: string[] = []): Result {
  const { stdout, stderr, status } = child(TRAIN, env, without);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}
const WITHOUT_NATIVE = ["@tensorflow/tfjs-node-gpu"];
let native: Result;

test("native is the first choice, compiles, and says whether it sees a GPU", () => {
  native = trained({ TUNELAB_BACKEND: "native" });
  assert.equal(native.backend, "tensorflow");
  assert.match(native.report.name, /^native-(cpu|gpu)$/);
  assert.match(native.report.why, native.report.name === "native-gpu" ? /NVIDIA GPU .* found/ : /sees no NVIDIA GPU/);
  assert.equal(native.compiles, true);
  assert.ok(native.losses[3] < native.losses[0]);
});

const same = (other: Result, tolerance: number): void => {
  other.losses.forEach((l, i) => assert.ok(Math.abs(l - native.losses[i]) < tolerance, `step ${i + 1}: loss ${l}, native ${native.losses[i]}`));
  other.evaluations.forEach((e, i) => assert.ok(Math.abs(e.loss - native.evaluations[i].loss) < tolerance));
  assert.ok(Math.abs(other.after.loss - native.after.loss) < tolerance);
  assert.deepEqual(Object.keys(other.trained), Object.keys(native.trained));
  for (const [name, values] of Object.entries(other.trained)) values.forEach((v, i) => assert.ok(Math.abs(v - native.trained[name][i]) < 1e-3, `${name}[${i}]: ${v}, native ${native.trained[name][i]}`));
  assert.equal(other.tensors, native.tensors);
  assert.deepEqual(other.random, [true, true]);
  other.singular.forEach((v, i) => assert.ok(Math.abs(v - native.singular[i]) < 1e-5));
};
for (const name of ["wasm", "cpu"])
  test(`TUNELAB_BACKEND=${name}: is taken, does not compile, trains to the same numbers`, () => {
    const other = trained({ TUNELAB_BACKEND: name });
    assert.deepEqual([other.report.name, other.backend, other.compiles], [name, name, false]);
    assert.match(other.report.why, new RegExp(`^TUNELAB_BACKEND=${name} asks for it$`));
    same(other, 2e-4);
  });

test("TUNELAB_JIT=0: native without compilation trains to the same numbers", () => {
  const eager = trained({ TUNELAB_BACKEND: "native", TUNELAB_JIT: "0" });
  assert.deepEqual([eager.backend, eager.compiles], ["tensorflow", false]);
  same(eager, 2e-4);
});

const REPORT = `require("tunelab/tensor").backend().then((r) => console.log(JSON.stringify(r)));`;
test("where native does not load, WebAssembly takes over, and where that fails plain JavaScript; each says why and what helps", () => {
  const wasm = JSON.parse(child(REPORT, {}, WITHOUT_NATIVE).stdout.trim().split("\n").at(-1)!);
  assert.equal(wasm.name, "wasm");
  assert.match(wasm.why, /^native TensorFlow does not load \(Cannot find module '@tensorflow\/tfjs-node-gpu'\); `npm run setup` builds it/);
  assert.doesNotMatch(wasm.why, /\n|Require stack/, "one line");
  const cpu = JSON.parse(child(REPORT, {}, [...WITHOUT_NATIVE, "@tensorflow/tfjs-backend-wasm"]).stdout.trim().split("\n").at(-1)!);
  assert.equal(cpu.name, "cpu");
  assert.match(cpu.why, /npm run setup.*WebAssembly does not start/);
});

test("a backend that was asked for and is not there, or is unknown, is an error with the remedy", () => {
  const missing = child(REPORT, { TUNELAB_BACKEND: "native" }, WITHOUT_NATIVE);
  assert.notEqual(missing.status, 0);
  assert.match(missing.stderr, /TunelabError: TUNELAB_BACKEND=native, but native TensorFlow does not load .*npm run setup/);
  const unknown = child(REPORT, { TUNELAB_BACKEND: "tpu" });
  assert.notEqual(unknown.status, 0);
  assert.match(unknown.stderr, /TUNELAB_BACKEND=tpu is unknown; set it to native, wasm or cpu/);
});
