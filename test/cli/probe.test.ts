/** tunelab probe: every kind on a tiny model, as numbers and as a picture; wrong use, Stop and going on. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { load } from "tunelab/model";
import { loadAdapter, lora, saveAdapter } from "tunelab/methods";
import { encodeExamples } from "tunelab/objectives";
import { curvature, dense, gradient, loadProbe, lossAt, modelProblem, type DensityState } from "tunelab/theory";
import { evaluate, train } from "tunelab/train";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { close } from "../support/compare";
import { writeTinyFolder } from "../train/support";

const CLI = resolve("lib/dist/cli.js"), folder = mkdtempSync(join(tmpdir(), "tunelab-probe-")), model = join(folder, "model"), adapter = join(folder, "adapter"), data = join(folder, "data.jsonl");
after(() => rmSync(folder, { recursive: true, force: true }));
const records = Array.from({ length: 4 }, (_, i) => ({ question: `What is ${i}?`, answer: `It is ${i}.` }));
before(async () => {
  writeTinyFolder(model);
  writeFileSync(data, records.map((r) => `${JSON.stringify(r)}\n`).join(""));
  const loaded = await load(model), examples = encodeExamples(loaded.tokenizer, records);
  const run = await train({ model: loaded, method: lora({ rank: 2, targets: ["q_proj"] }), data: { train: examples }, steps: 3, batchSize: 4, learningRate: 1e-2, display: false });
  saveAdapter(adapter, run, loaded);
});

interface Outcome { code: number; out: string; err: string }
const probe = (...args: string[]): Promise<Outcome> => new Promise((done) => execFile(process.execPath, [CLI, "probe", ...args], { maxBuffer: 1e8 }, (error, out, err) => done({ code: error ? Number(error.code) : 0, out, err })));
const json = async (...args: string[]): Promise<any> => { const { code, out, err } = await probe(...args, "--json"); assert.equal(code, 0, err); return JSON.parse(out); };
const on = ["--model", model, "--data", data, "--adapter", adapter];
const picture = (file: string): void => { const bytes = readFileSync(file); assert.ok(file.endsWith(".svg") ? bytes.toString().startsWith("<svg") : bytes.subarray(1, 4).toString() === "PNG", file); assert.ok(bytes.length > 2000); };
const problem = async (withAdapter = true) => { const loaded = await load(model), examples = encodeExamples(loaded.tokenizer, records); return modelProblem({ model: loaded, ...(withAdapter ? loadAdapter(adapter, loaded) : {}), examples }); };

test("every kind explains itself; wrong use ends with 2 and says what is right", async () => {
  const all = await probe("--help");
  assert.equal(all.code, 0);
  for (const kind of ["hessian", "density", "intrinsic", "lowrank", "landscape", "angle"]) {
    assert.match(all.out, new RegExp(`\\n  ${kind} `));
    if (!["hessian", "lowrank"].includes(kind)) continue;
    const { code, out } = await probe(kind, "--help");
    assert.equal(code, 0);
    assert.match(out, new RegExp(`tunelab probe ${kind}: [^]*--model DIR[^]*--plot FILE[^]*--json[^]*Examples:\n  tunelab probe ${kind}`));
  }
  for (const [args, message] of [
    [[], /probe needs a kind: hessian/], [["magic"], /no such kind; choose from hessian/], [["lowrank", "--model", model], /--adapter is needed/],
    [["landscape", "--model", model, "--data", data, "--extent", "0"], /--extent 0/], [["hessian", ...on, "--plot", "x.gif"], /must end in \.svg or \.png/],
    [["hessian", ...on, "--largest", "1.5"], /--largest 1\.5: a whole number/], [["landscape", ...on, "--scales", "1,x"], /--scales 1,x/],
  ] as [string[], RegExp][]) {
    const { code, out, err } = await probe(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(out + err, message);
    assert.doesNotMatch(err, /\n\s+at /);
  }
});

test("bad input ends with 1 and names file and remedy", async () => {
  for (const [args, message] of [
    [["hessian", ...on, "--only", "nothing"], /no tensor is left/],
    [["landscape", "--model", model, "--data", data, "--points", "2", "--directions", "1", "--plot", join(folder, "none", "x.svg")], /none.x\.svg: the picture cannot be written/],
  ] as [string[], RegExp][]) {
    const { code, err } = await probe(...args);
    assert.equal(code, 1, args.join(" "));
    assert.match(err, message);
    assert.doesNotMatch(err, /\n\s+at /);
  }
});

test("hessian and density: the numbers are those of the whole matrix, with pictures", async () => {
  const H = curvature(await problem(), { compiled: false }), rows = (await dense(H)).map((r) => [...r]), exact = new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true }).realEigenvalues.sort((a, b) => b - a);
  const svg = join(folder, "eigenvalues.svg"), h = await json("hessian", ...on, "--largest", "3", "--smallest", "1", "--tolerance", "1e-4", "--plot", svg);
  assert.deepEqual([h.status, h.dimension, h.converged], ["done", rows.length, true]);
  const scale = Math.max(Math.abs(exact[0]), Math.abs(exact.at(-1)!));
  close(h.largest.map((e: { value: number }) => e.value), exact.slice(0, 3), 1e-3 * scale);
  close(h.smallest.map((e: { value: number }) => e.value), exact.slice(-1), 1e-3 * scale);
  if (h.condition) close([h.condition.number], [h.largest[0].value / h.largest[h.condition.k - 1].value], 1e-6);
  picture(svg);
  const png = join(folder, "density.png"), d = await json("density", ...on, "--probes", "6", "--steps", "20", "--batch-size", "2", "--groups", "2", "--plot", png);
  assert.ok(Math.abs(d.trace.mean - exact.reduce((a, b) => a + b)) < 2 * d.trace.error, JSON.stringify(d.trace));
  assert.ok(d.trace.batchError > 0 && d.nodes.length === 6 && d.effectiveDimension.mean > 0 && d.effectiveDimension.mean < rows.length);
  picture(png);
});

test("Stop ends with 130 and keeps the state; the next call goes on from it", async () => {
  const state = join(folder, "density.probe"), args = ["density", ...on, "--steps", "10", "--state", state, "--json"];
  const child = spawn(process.execPath, [CLI, "probe", ...args, "--probes", "100000"], { stdio: ["ignore", "ignore", "inherit"] }), ended = new Promise<number | null>((done) => child.on("exit", (code) => done(code)));
  while (!existsSync(state)) { assert.equal(child.exitCode, null, "it ended before it could be stopped"); await new Promise((next) => setTimeout(next, 20)); }
  await new Promise((next) => setTimeout(next, 300));
  child.kill("SIGINT");
  assert.equal(await ended, 130);
  const { probes } = loadProbe<DensityState>(state);
  const more = await json(...args, "--probes", `${probes.length + 1}`);
  assert.equal(more.probes, probes.length + 1);
  assert.deepEqual(more.nodes.slice(0, -1), probes.map((p) => ({ values: [...p.values], weights: [...p.weights] })));
});

test("lowrank and angle: ranks and directions of the adapter's update", async () => {
  const svg = join(folder, "ranks.svg"), { matrices } = await json("lowrank", "--model", model, "--adapter", adapter, "--plot", svg), spectra = Object.values(matrices) as { shape: number[]; noise: { signals: number }; effectiveRank: number }[];
  assert.equal(spectra.length, 2);
  for (const s of spectra) { assert.deepEqual(s.shape, [16, 16]); assert.equal(s.noise.signals, 2, "LoRA of rank 2"); assert.ok(s.effectiveRank > 1 && s.effectiveRank <= 2.01); }
  picture(svg);
  const a = await json("angle", ...on, "--plot", join(folder, "angles.png")), g = await gradient(await problem(false), { compiled: false });
  close([a.loss], [g.loss], 1e-4);
  assert.ok(a.all.degrees < 90, `trained on this loss, the update goes down: ${a.all.degrees}°`);
  assert.equal(a.all.dimension, 2 * 256);
  close([(a.all.random[1] - a.all.random[0]) / 2], [(1.96 / Math.sqrt(512)) * (180 / Math.PI)], 0.05);
  picture(join(folder, "angles.png"));
});

test("landscape: lines, a plane, roughness; in the middle stands the loss", async () => {
  const l = await json("landscape", ...on, "--points", "5", "--directions", "2", "--scales", "0.1,1", "--plot", join(folder, "lines.svg")), here = await lossAt(await problem());
  assert.deepEqual([l.lines.length, l.lines[0].x], [2, [-1, -0.5, 0, 0.5, 1]]);
  close([l.loss, l.lines[0].loss[2], l.lines[1].loss[2]], [here, here, here], 1e-4);
  assert.deepEqual(l.roughness.map((r: { scale: number }) => r.scale), [0.1, 1]);
  picture(join(folder, "lines.svg"));
  const p = await json("landscape", "--model", model, "--data", data, "--points", "3", "--plane", "--extent", "0.5", "--plot", join(folder, "plane.png"));
  close([p.plane.loss[1][1]], [p.loss], 1e-4);
  picture(join(folder, "plane.png"));
});

test("intrinsic: a dimension is found between training nothing and everything, and a state saves the work", async () => {
  const state = join(folder, "search.probe"), args = ["intrinsic", "--model", model, "--data", data, "--train-steps", "6", "--from", "4", "--to", "64", "--resolution", "4", "--fraction", "0.3", "--state", state, "--plot", join(folder, "d.svg")];
  const r = await json(...args), loaded = await load(model);
  assert.ok(r.full < r.base, `${r.full} is not below ${r.base}`);
  close([r.base], [(await evaluate(loaded, encodeExamples(loaded.tokenizer, records))).loss], 1e-4);
  close([r.threshold], [0.3 * (r.base - r.full)], 1e-6);
  assert.ok(r.points.length >= 1 && (r.d === undefined || r.points.find((p: { d: number }) => p.d === r.d).value >= r.threshold));
  picture(join(folder, "d.svg"));
  assert.deepEqual((await json(...args)).points, r.points);
  const other = await probe(...args, "--train-steps", "7", "--json");
  assert.equal(other.code, 1);
  assert.match(other.err, /made with other settings/);
});
