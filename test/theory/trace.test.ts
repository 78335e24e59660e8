// Trace estimators: exact where theory says so, variances as known, intervals honest, stopping by the interval alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hutchinson, hutchPlusPlus, matrixOperator, xtrace, type LinearOperator } from "tunelab/theory";
import { close, userError } from "../support/compare";
import { indefinite, laplacian, spectrumOperator, traceOf } from "./support";

const ESTIMATORS = { hutchinson, hutchPlusPlus, xtrace } as const;

test("Hutchinson with ±1 vectors: mean tr A, variance 2(‖A‖² − Σ aᵢᵢ²)", async () => {
  const rows = indefinite(12, 1), { state } = await hutchinson(matrixOperator(rows), { maxProducts: 8000, tolerance: 1e-9, display: false }), { samples } = state;
  const mean = samples.reduce((a, b) => a + b) / samples.length, variance = samples.reduce((s, x) => s + (x - mean) ** 2, 0) / (samples.length - 1);
  const known = 2 * (rows.flat().reduce((s, a) => s + a * a, 0) - rows.reduce((s, r, i) => s + r[i] ** 2, 0));
  assert.ok(Math.abs(mean - traceOf(rows)) < 4 * Math.sqrt(known / samples.length));
  assert.ok(Math.abs(variance / known - 1) < 0.08, `${variance} is not ${known}`);
  const diagonal = await hutchinson({ dim: 50, apply: async (v) => Float64Array.from(v, (x, i) => x * i) }, { tolerance: 1e-9 });
  close([diagonal.trace, diagonal.error, diagonal.products], [1225, 0, 10], 1e-9, "a diagonal matrix has no variance");
});

test("Hutch++ is exact when the rank is at most a third of the products, XTrace when it is at most half", async () => {
  for (const [rank, f] of [[6, hutchPlusPlus], [10, hutchPlusPlus], [14, xtrace]] as const) {
    const A = spectrumOperator(Array.from({ length: 60 }, (_, i) => (i < rank ? (i % 3 ? 5 - i : 7) : 0)), 2), r = await f(A, { maxProducts: 30, tolerance: 1e-6 });
    const known = Array.from({ length: rank }, (_, i) => (i % 3 ? 5 - i : 7)).reduce((a, b) => a + b, 0);
    close([r.trace], [known], 1e-8, `${f.name}, rank ${rank}`);
    assert.ok(r.error < 1e-6 && r.products <= 30);
  }
  const nothing: LinearOperator = { dim: 5, apply: async () => new Float64Array(5) };
  for (const f of Object.values(ESTIMATORS)) { const r = await f(nothing, { maxProducts: 12 }); close([r.trace, r.error], [0, 0], 0, f.name); }
});

test("a decaying spectrum: at equal cost Hutch++ and XTrace are much closer than Hutchinson", async () => {
  const spectrum = Array.from({ length: 200 }, (_, i) => 1 / (1 + i) ** 2), A = spectrumOperator(spectrum, 1), known = spectrum.reduce((a, b) => a + b), error: Record<string, number> = {};
  for (const [name, f] of Object.entries(ESTIMATORS)) {
    const errors = await Promise.all(Array.from({ length: 20 }, async (_, seed) => Math.abs((await f(A, { maxProducts: 60, tolerance: 1e-9, seed })).trace - known)));
    error[name] = errors.sort((a, b) => a - b)[10];
  }
  assert.ok(error.hutchPlusPlus < 0.1 * error.hutchinson && error.xtrace < 0.8 * error.hutchPlusPlus, JSON.stringify(error));
});

for (const [name, f] of Object.entries(ESTIMATORS))
  test(`${name}: 95 % intervals cover the truth in 90 to 99 % of 200 seeds, of a fixed size and when stopped by tolerance`, async () => {
    const rows = indefinite(60, 3), A = matrixOperator(rows.map((r, i) => r.map((x, j) => x + (i === j ? 12 : 0)))), known = traceOf(rows) + 720;
    for (const options of [{ maxProducts: 24, tolerance: 1e-9 }, { maxProducts: 100, tolerance: 0.05, sketch: 8 }]) {
      let hits = 0;
      for (let seed = 0; seed < 200; seed++) { const r = await f(A, { ...options, seed }); if (Math.abs(r.trace - known) <= r.error) hits++; }
      assert.ok(hits >= 180 && hits <= 198, `${JSON.stringify(options)}: ${hits} of 200`);
    }
  });

test("known traces; a trace near zero is never called converged by its relative width", async () => {
  for (const f of Object.values(ESTIMATORS)) { const r = await f(laplacian(80), { tolerance: 0.02, maxProducts: 400 }); assert.ok(r.converged && Math.abs(r.trace - 160) < 2 * r.error + 1e-9, `${f.name}: ${r.trace} ± ${r.error}`); }
  const balanced = await hutchinson(spectrumOperator(Array.from({ length: 40 }, (_, i) => (i % 2 ? 1 : -1))), { maxProducts: 100 });
  assert.ok(!balanced.converged && Math.abs(balanced.trace) < balanced.error * 2);
});

test("stopped and resumed is the same as uninterrupted", async () => {
  const A = matrixOperator(indefinite(20, 5));
  for (const f of Object.values(ESTIMATORS)) for (const at of [3, 9, 17]) {
    const whole = await f(A, { maxProducts: 30, tolerance: 1e-9 });
    let products = 0;
    const cut = await f({ dim: 20, async apply(v) { if (++products === at) process.emit("SIGINT"); return A.apply(v); } }, { maxProducts: 30, tolerance: 1e-9 });
    assert.equal(cut.status, "stopped");
    const rest = await f(A, { maxProducts: 30, tolerance: 1e-9, state: cut.state as never });
    assert.deepEqual([rest.trace, rest.error, rest.products], [whole.trace, whole.error, whole.products], f.name);
    await assert.rejects(f(A, { seed: 4, state: cut.state as never }), userError("seed 0"));
  }
});

test("bad input is said", async () => {
  for (const f of Object.values(ESTIMATORS)) {
    await assert.rejects(f(laplacian(4), { tolerance: 0 }), userError("tolerance is 0"));
    await assert.rejects(f(laplacian(4), { maxProducts: 1 }), userError("maxProducts is 1"));
  }
  await assert.rejects(hutchPlusPlus(laplacian(9), { maxProducts: 10, sketch: 8 }), userError("sketch is 8"));
  assert.throws(() => matrixOperator([[1, 2], [3, 4]]), userError("symmetric"));
  assert.throws(() => matrixOperator([[1, 2]]), userError("square"));
});
