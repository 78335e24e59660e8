// Eigenvalues by Lanczos: closed forms, SciPy's eigsh on the tiny model's Hessian, orthogonality, ghosts, resuming, Stop.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import { backend } from "tunelab/tensor";
import { conditionNumber, curvature, diagonalOperator, eigenvalues, lanczos, loadProbe, negativeMass, orthonormality, restricted, ritz, saddleIndex, saveProbe, shiftedOperator, spectralDensity, indexOf, type LanczosState, type LinearOperator } from "tunelab/theory";
import { close, userError } from "../support/compare";
import { expected, fixtureProblem, laplacian, laplacianValues, rotation, spectrumOperator } from "./support";

before(async () => { await backend(); });
const values = (list: { value: number }[]) => list.map((e) => e.value);
const graded = (n: number) => Array.from({ length: n }, (_, i) => 1000 * 0.8 ** i);

test("1-D Laplacian: both ends, trace and condition number are the closed forms", async () => {
  const n = 60, known = laplacianValues(n), r = await eigenvalues(laplacian(n), { largest: 5, smallest: 5, tolerance: 1e-10, maxSteps: n });
  assert.ok(r.converged);
  close(values(r.largest), known.slice(-5).reverse(), 1e-10);
  close(values(r.smallest), known.slice(0, 5), 1e-10);
  const all = await eigenvalues(laplacian(n), { largest: n, tolerance: 1e-10, maxSteps: n });
  close([conditionNumber(all).number], [1 / Math.tan(Math.PI / (2 * (n + 1))) ** 2], 1e-8);
  close([values(all.largest).reduce((a, b) => a + b)], [2 * n], 1e-9);
});

test("moments: e₁ᵀTᵏe₁ = vᵀAᵏv for k ≤ 2m − 1, and not beyond", async () => {
  const n = 40, A = spectrumOperator(Array.from({ length: n }, (_, i) => Math.sin(3 * i) + 0.02 * i), 2), m = 6, { state } = await lanczos(A, { steps: m, seed: 5 }), r = ritz(state);
  let v = Float64Array.from(state.basis[0]);
  const first = v, moments: number[] = [];
  for (let k = 0; k <= 2 * m; k++) { moments.push(first.reduce((s, x, i) => s + x * v[i], 0)); v = await A.apply(v) as Float64Array<ArrayBuffer>; }
  const quadrature = moments.map((_, k) => r.values.reduce((s, t, i) => s + r.weights[i] * t ** k, 0));
  close(quadrature.slice(0, 2 * m), moments.slice(0, 2 * m), 1e-12);
  assert.ok(Math.abs(quadrature[2 * m] - moments[2 * m]) > 1e-9, "a Gauss rule is exact to degree 2m − 1 only");
});

test("m = 200: max |VᵀV − I| ≤ 1e-10 and no ghosts, also where the product is float32", async () => {
  const n = 500, spectrum = graded(n);
  for (const rounding of [undefined, 2 ** -23]) {
    const Q = rotation(n, 3), exact = diagonalOperator(spectrum);
    const A: LinearOperator = rounding ? { dim: n, rounding, apply: async (v) => Float64Array.from(Float32Array.from(await exact.apply(Float32Array.from(v)))) } : exact;
    const { state } = await lanczos(A, { steps: 200, start: Q[0], restart: true }), r = ritz(state);
    assert.ok(orthonormality(state.basis) <= 1e-10, `${orthonormality(state.basis)}`);
    const top = [...r.values].reverse().slice(0, 20);
    close(top, spectrum.slice(0, 20), 1e-3 + (rounding ? 1e-3 : 0), "the twenty largest, each once");
  }
});

test("residuals bound the error, and a value counts as found only when |β s| is below tolerance · |θ|", async () => {
  const n = 300, spectrum = Array.from({ length: n }, (_, i) => i / n), A = diagonalOperator(spectrum), r = await eigenvalues(A, { largest: 3, tolerance: 1e-4, maxSteps: 12 });
  assert.equal(r.converged, false);
  for (const e of r.largest) {
    assert.ok(Math.min(...spectrum.map((s) => Math.abs(s - e.value))) <= e.residual + 1e-12);
    assert.equal(e.converged, e.residual <= 1e-4 * e.value);
  }
  assert.throws(() => conditionNumber(r), userError("has not converged", "maxSteps"));
});

test("the Hessian of a tiny Qwen2: both ends are SciPy's eigsh, for all weights and for LoRA's", async () => {
  for (const point of ["lora", "full"] as const) {
    const H = curvature(await fixtureProblem(point), { compiled: point === "full" }), r = await eigenvalues(H, { largest: 5, smallest: 3, tolerance: 1e-4, maxSteps: 160, vectors: point === "lora" });
    assert.ok(r.converged, `${point}: ${r.steps} steps`);
    const scale = Math.abs(expected[point].smallest[0]);
    close(values(r.largest), expected[point].largest, 1e-4 * scale, point);
    close(values(r.smallest), expected[point].smallest, 1e-4 * scale, point);
    for (const e of point === "lora" ? r.largest : []) {
      const Av = await H.apply(e.vector!), off = Math.sqrt(Av.reduce((s, x, i) => s + (x - e.value * e.vector![i]) ** 2, 0));
      assert.ok(off < 2e-4 * e.value + 1e-3, `A v − λ v is ${off}`);
    }
    H.dispose();
  }
});

test("copies of an eigenvalue are found by beginning anew", async () => {
  const A = spectrumOperator([5, 5, 5, 2, 2, 1, 0, 0, 0, -1, -1, -3]), r = await eigenvalues(A, { largest: 5, smallest: 3, tolerance: 1e-8 });
  close(values(r.largest), [5, 5, 5, 2, 2], 1e-9);
  close(values(r.smallest), [-3, -1, -1], 1e-9);
});

test("stopped and resumed, also through a file, a run is the same bit for bit", async () => {
  const A = spectrumOperator(graded(80), 1), whole = (await lanczos(A, { steps: 30, seed: 2 })).state, half = (await lanczos(A, { steps: 13, seed: 2 })).state;
  const file = path.join(os.tmpdir(), `tunelab-lanczos-${process.pid}.probe`);
  saveProbe(file, half);
  const again = (await lanczos(A, { steps: 30, state: loadProbe<LanczosState>(file) })).state;
  fs.rmSync(file);
  assert.deepEqual(again, whole);
  assert.equal(half.alpha.length, 13, "the state that was given is left as it was");
  await assert.rejects(lanczos(shiftedOperator(A, 1), { steps: 30, state: half }), userError("another operator"));
  await assert.rejects(lanczos(spectrumOperator([1, 2]), { state: half }), userError("80 entries", "2 rows"));
});

test("Stop ends the recurrence after a whole step, with a state to go on from", async () => {
  const A = spectrumOperator(graded(60), 1), whole = (await lanczos(A, { steps: 20, seed: 2 })).state;
  let products = 0;
  const slow: LinearOperator = { dim: 60, async apply(v) { if (++products === 8) process.emit("SIGINT"); return A.apply(v); } };
  const { state, status } = await lanczos(slow, { steps: 20, seed: 2 });
  assert.equal(status, "stopped");
  assert.equal(state.alpha.length, 8);
  assert.deepEqual((await lanczos(A, { steps: 20, state })).state, whole);
});

test("condition on a stated subspace: leading eigenvectors, or directions of one's own", async () => {
  const spectrum = [100, 50, 10, 1, 0.1, 0, -5], A = spectrumOperator(spectrum), r = await eigenvalues(A, { largest: 5, tolerance: 1e-10, vectors: true });
  close([conditionNumber(r, 3).number], [10], 1e-8);
  const { number, low, high, subspace } = conditionNumber(r);
  close([number], [1000], 1e-5);
  assert.ok(low <= number && number <= high);
  assert.equal(subspace, "the 5 leading eigenvectors");
  close([...(await restricted(A, r.largest.map((e) => e.vector!)))], spectrum.slice(0, 5), 1e-8);
  await assert.rejects(restricted(A, [r.largest[0].vector!, r.largest[0].vector!]), userError("direction 1", "leave it out"));
  const below = await eigenvalues(A, { largest: 7, tolerance: 1e-10 });
  assert.throws(() => conditionNumber(below, 7), userError("not above 0", "smaller k"));
});

test("negative mass and the index of a saddle", async () => {
  const spectrum = [4, 3, 2, 1, 0, 0, 0, 0, -1, -2], A = spectrumOperator(spectrum), density = await spectralDensity(A, { steps: 10, probes: 60, seed: 1 });
  const n = negativeMass(density, 1e-6);
  assert.ok(Math.abs(n.mass - 3 / 13) < 0.06 && Math.abs(n.fraction.mean - 0.2) < n.fraction.error, JSON.stringify(n));
  const s = saddleIndex(density, 1e-6, { ends: await eigenvalues(A, { largest: 0, smallest: 3, tolerance: 1e-8 }), gradientNorm: 0 });
  assert.equal(s.atLeast, 2);
  assert.equal(s.verdict, "saddle");
  for (const [part, known] of [["negative", 2], ["flat", 4], ["positive", 4]] as const) assert.ok(Math.abs(s[part].mean - known) <= s[part].error, `${part}: ${s[part].mean} ± ${s[part].error}`);
  assert.deepEqual(indexOf(spectrum, 1e-6), { negative: 2, flat: 4, positive: 4 });
  assert.equal(saddleIndex(await spectralDensity(spectrumOperator([1, 2, 3]), { steps: 3, probes: 4 }), 1e-9).verdict, "no negative curvature seen");
});

test("bad input is said", async () => {
  const A = laplacian(5);
  await assert.rejects(lanczos(A, { steps: 0 }), userError("steps is 0"));
  await assert.rejects(lanczos(A, { start: new Float64Array(5) }), userError("length is 0", "direction"));
  await assert.rejects(lanczos({ dim: 3, apply: async () => Float64Array.of(NaN, 0, 0) }), userError("not finite"));
  await assert.rejects(eigenvalues(A, { largest: -1 }), userError("largest is -1"));
  assert.throws(() => loadProbe(path.join(os.tmpdir(), "no-such.probe")), userError("no-such.probe", "start again"));
  const file = path.join(os.tmpdir(), `tunelab-broken-${process.pid}.probe`), state = { a: Float64Array.of(1, 2, 3), b: [Float32Array.of(4)], c: NaN, d: -Infinity, e: "x" };
  saveProbe(file, state);
  assert.deepEqual(loadProbe(file), state);
  const bytes = fs.readFileSync(file);
  for (const part of [bytes.subarray(0, -1), bytes.subarray(0, 30), bytes.subarray(0, 5), Buffer.from("something else entirely")]) { fs.writeFileSync(file, part); assert.throws(() => loadProbe(file), userError("not a readable probe state")); }
  fs.rmSync(file);
  assert.throws(() => saveProbe(path.join(os.tmpdir(), "no", "such", "folder.probe"), state), userError("cannot be written"));
});
