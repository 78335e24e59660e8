/** tunelab probe: curvature, dimension and geometry of a model on a data file (lib/theory), as numbers and as a picture. */
import * as fs from "node:fs";
import { TunelabError } from "../errors";
import type { Figure } from "../course";
import type { Adapter } from "../methods";
import type { Model } from "../model";
import type { Example } from "../objectives";
import { dispose, tf, type Params } from "../tensor";
import {
  angleFigure, conditionNumber, curvature, CURVATURES, densityFigure, dimensionFigure, effectiveDimensionOf, eigenvalueFigure, eigenvalues, gradient, intrinsic, loadProbe, lossAt, modelProblem, negativeMass, plane, planeFigure,
  PROJECTIONS, randomDirection, roughness, saveProbe, searchDimension, slice, sliceFigure, spectralDensity, spectralRange, spectralSum, spread, toParams, updateAngles, updateFigure, updateSpectra, weightsMethod,
  type DensityState, type DimensionPoint, type LanczosState, type Status,
} from "../theory";
import { evaluate, train } from "../train";
import { Arguments, UsageError, type Command, type Flag } from "./arguments";
import { EXAMPLE_FLAGS, loadExamples, loadModel, MODEL_FLAGS, result, writeFigure } from "./common";

const DATA = { value: "FILE", help: "records, as for finetune", required: true } satisfies Flag;
const PLOT = { plot: { value: "FILE", help: "also draw a picture: a name that ends in .svg or .png" } } satisfies Record<string, Flag>;
const STATE = { state: { value: "FILE", help: "keep the state here (also of a stopped or killed run), and go on from it where it exists" } } satisfies Record<string, Flag>;
const COMMON = {
  ...MODEL_FLAGS, data: DATA,
  examples: { value: "N", help: "use the first N records", default: "32" }, "batch-size": { value: "N", help: "examples in one pass", default: "8" },
  only: { value: "NAMES", help: "only tensors whose name contains one of these, with commas" }, seed: { value: "N", help: "seed of everything random", default: "0" },
  ...PLOT, ...EXAMPLE_FLAGS,
} satisfies Record<string, Flag>;

const chosen = (args: Arguments) => { const parts = args.list("only"); return (name: string) => !parts || parts.some((p) => name.includes(p)); };
/** Wrong uses are said before a model is loaded. */
function checkFiles(args: Arguments): void {
  const plot = args.text("plot");
  if (plot && !/\.(svg|png)$/i.test(plot)) throw new UsageError(`--plot ${plot}: the name must end in .svg or .png.`);
}
async function picture(figure: () => Figure, args: Arguments): Promise<void> {
  const file = args.text("plot");
  if (file) await writeFigure(file, figure());
}
const kept = <S>(args: Arguments): S | undefined => { const file = args.text("state"); return file && fs.existsSync(file) ? loadProbe<S>(file) : undefined; };
const keep = (args: Arguments, state: object): void => { const file = args.text("state"); if (file) saveProbe(file, state); };
/** Keeps the state at the first step and then every half minute or more, so that a killed process loses little. */
function keeper(args: Arguments): (state: object) => void {
  let next = 0;
  return (state) => {
    const began = performance.now();
    if (began < next) return;
    keep(args, state);
    next = performance.now() + Math.max(30_000, 20 * (performance.now() - began)); // large states take a while to write
  };
}
const exit = (status: Status): number => (status === "stopped" ? 130 : 0);

async function start(args: Arguments): Promise<{ model: Model; adapter?: Adapter; examples: Example[] }> {
  checkFiles(args);
  const data = args.need("data"), n = args.whole("examples"), { model, adapter } = await loadModel(args);
  return { model, adapter, examples: (await loadExamples(data, model, args)).slice(0, n) };
}
const problemOf = ({ model, adapter, examples }: Awaited<ReturnType<typeof start>>, args: Arguments) => modelProblem({ model, ...adapter, examples, batchSize: args.whole("batch-size"), only: chosen(args) });
const matrix: Flag = { value: "NAME", help: CURVATURES.join(", "), default: "hessian" };

const hessian: Command = {
  summary: "largest and smallest eigenvalues of the curvature, and condition numbers",
  flags: {
    ...COMMON, matrix, ...STATE, largest: { value: "K", help: "eigenvalues at the top", default: "10" }, smallest: { value: "K", help: "eigenvalues at the bottom", default: "2" },
    tolerance: { value: "X", help: "residual of a value that counts as found, relative", default: "1e-2" }, "max-steps": { value: "N", help: "products at most", default: "100" },
  },
  examples: ["tunelab probe hessian --model DIR --data FILE --adapter runs/first/adapter --json", "tunelab probe hessian --model DIR --data FILE --only layers.0.mlp --plot eigenvalues.svg"],
  async run(args) {
    const kind = args.choice("matrix", CURVATURES), setting = await start(args), H = curvature(problemOf(setting, args), { kind, seed: args.number("seed") });
    const r = await eigenvalues(H, { largest: args.whole("largest", 0), smallest: args.whole("smallest", 0), tolerance: args.number("tolerance"), maxSteps: args.whole("max-steps"), seed: args.number("seed"), state: kept<LanczosState>(args), save: keeper(args) });
    keep(args, r.state);
    const sound = r.largest.filter((e) => e.converged && e.value - e.residual > 0).length, prefix = r.largest.findIndex((e) => !(e.converged && e.value - e.residual > 0)), k = prefix < 0 ? sound : prefix;
    if (r.largest.length || r.smallest.length) await picture(() => eigenvalueFigure(r), args);
    result({
      status: r.status, matrix: kind, dimension: H.dim, batches: H.batches, steps: r.steps, converged: r.converged,
      largest: r.largest, smallest: r.smallest, condition: k > 1 ? { ...conditionNumber(r, k), k } : undefined, plot: args.text("plot"),
    }, args);
    return exit(r.status);
  },
};

const density: Command = {
  summary: "spectral density of the curvature with error bars, trace, negative mass, effective dimension",
  flags: {
    ...COMMON, matrix, ...STATE, steps: { value: "N", help: "Lanczos steps a vector", default: "40" }, probes: { value: "N", help: "random vectors", default: "4" },
    groups: { value: "N", help: "groups of mini-batches for the data's error bars, 0 = none", default: "0" }, z: { value: "X", help: "prior precision of the effective dimension (default: 1e-3 of the largest eigenvalue)" },
  },
  examples: ["tunelab probe density --model DIR --data FILE --adapter runs/first/adapter --plot density.png --json"],
  async run(args) {
    const kind = args.choice("matrix", CURVATURES), setting = await start(args), H = curvature(problemOf(setting, args), { kind, seed: args.number("seed") });
    const d = await spectralDensity(H, { steps: args.whole("steps"), probes: args.whole("probes"), groups: args.whole("groups", 0), seed: args.number("seed"), state: kept<DensityState>(args), save: keeper(args) });
    keep(args, d.state);
    if (!d.probes.length) { result({ status: d.status, dimension: H.dim, probes: 0 }, args); return exit(d.status); }
    const [low, high] = spectralRange(d), z = args.number("z") ?? 1e-3 * Math.max(Math.abs(low), Math.abs(high));
    await picture(() => densityFigure(d), args);
    result({
      status: d.status, matrix: kind, dimension: H.dim, batches: H.batches, probes: d.probes.length, steps: d.steps, range: [low, high], trace: spectralSum(d, (l) => l),
      negative: negativeMass(d, 1e-6 * Math.max(Math.abs(low), Math.abs(high))), effectiveDimension: { z, ...effectiveDimensionOf(d, z) }, nodes: d.probes.map((p) => ({ values: [...p.values], weights: [...p.weights] })), plot: args.text("plot"),
    }, args);
    return exit(d.status);
  },
};

const lowrank: Command = {
  summary: "singular values, ranks and noise threshold of what an adapter changes",
  flags: { ...MODEL_FLAGS, only: COMMON.only, ...PLOT, data: { value: "FILE", help: "not needed here; taken so that all probes are called alike" } },
  examples: ["tunelab probe lowrank --model DIR --adapter runs/first/adapter --plot ranks.svg --json"],
  async run(args) {
    checkFiles(args);
    args.need("adapter");
    const { model, adapter } = await loadModel(args), merged = adapter!.method.merge!(model.params, adapter!.trained), spectra = updateSpectra(model.params, merged, chosen(args));
    await picture(() => updateFigure(spectra), args);
    result({ matrices: Object.fromEntries(Object.entries(spectra).map(([name, s]) => [name, { ...s, singular: [...s.singular] }])), plot: args.text("plot") }, args);
    return 0;
  },
};

const landscape: Command = {
  summary: "loss along filter-normalised random directions, or on a plane of two, and its roughness",
  flags: {
    ...COMMON, extent: { value: "X", help: "how far to go, in lengths of the weights", default: "1" }, points: { value: "N", help: "points a line", default: "11" }, directions: { value: "N", help: "lines", default: "2" },
    plane: { help: "a plane of two directions instead of lines" }, scales: { value: "LIST", help: "also the roughness at these scales, with commas" },
  },
  examples: ["tunelab probe landscape --model DIR --data FILE --extent 0.5 --plane --plot plane.png", "tunelab probe landscape --model DIR --data FILE --scales 0.01,0.1,1 --json"],
  async run(args) {
    const extent = args.number("extent")!, points = args.whole("points", 2), n = args.whole("directions"), scales = args.list("scales")?.map(Number), seed = args.number("seed")!;
    if (!(extent > 0)) throw new UsageError(`--extent ${extent}: a number above 0 is needed.`);
    if (scales?.some((h) => !(h > 0))) throw new UsageError(`--scales ${args.text("scales")}: numbers above 0 are needed, with commas.`);
    const problem = problemOf(await start(args), args), loss = (p: Params) => lossAt(problem, p), at = problem.params, x = spread(extent, points), here = await lossAt(problem);
    let status: Status = "done";
    const found: Record<string, unknown> = { loss: here };
    if (args.has("plane")) {
      const p = await plane(loss, at, [randomDirection(at, seed), randomDirection(at, seed + 1)], x);
      status = p.status;
      if (p.loss.length) await picture(() => planeFigure(p), args);
      found.plane = { x: p.x, y: p.y, loss: p.loss };
    } else {
      const lines: { name: string; line: Awaited<ReturnType<typeof slice>> }[] = [];
      for (let i = 0; i < n && status === "done"; i++) {
        const direction = randomDirection(at, seed + i), line = await slice(loss, at, direction, x);
        dispose(direction);
        lines.push({ name: `${i + 1}`, line });
        status = line.status;
      }
      if (lines[0]?.line.loss.length) await picture(() => sliceFigure(lines), args);
      found.lines = lines.map(({ line }) => ({ x: line.x, loss: line.loss }));
    }
    if (scales && status === "done") { const r = await roughness(loss, at, scales, { seed }); status = r.status; found.roughness = r.scales; }
    result({ status, ...found, plot: args.text("plot") }, args);
    return exit(status);
  },
};

const angleCommand: Command = {
  summary: "angle of an adapter's update to the base model's negative gradient on the data",
  flags: COMMON,
  examples: ["tunelab probe angle --model DIR --adapter runs/first/adapter --data pretraining.jsonl --plot angles.svg --json"],
  async run(args) {
    args.need("adapter");
    const { model, adapter, examples } = await start(args), merged = adapter!.method.merge!(model.params, adapter!.trained), only = chosen(args);
    const update: Record<string, Params[string]> = {};
    for (const [name, w] of Object.entries(merged)) {
      const moved = tf.tidy(() => tf.sub(w, model.params[name]));
      if (only(name) && tf.tidy(() => tf.sum(tf.square(moved)).dataSync()[0]) > 0) update[name] = moved; else moved.dispose();
    }
    if (!Object.keys(update).length) throw new TunelabError("The adapter changes no weight here, so its update has no direction; give one that was trained, or other --only names.");
    const problem = modelProblem({ model, examples, batchSize: args.whole("batch-size"), only: (name) => name in update }), g = await gradient(problem), ordered = Object.fromEntries(Object.keys(problem.params).map((n) => [n, update[n]]));
    const angles = updateAngles(ordered, toParams(g.gradient, problem.params));
    await picture(() => angleFigure(angles), args);
    result({ loss: g.loss, ...angles, plot: args.text("plot") }, args);
    return 0;
  },
};

const dimension: Command = {
  summary: "intrinsic dimension: the smallest random subspace in which training reaches 90 % of what training all weights does",
  flags: {
    model: MODEL_FLAGS.model, data: DATA, validation: { value: "FILE", help: "records to measure on (default: those of --data)" }, examples: COMMON.examples, "batch-size": COMMON["batch-size"], seed: COMMON.seed, only: COMMON.only,
    projection: { value: "NAME", help: PROJECTIONS.join(", "), default: "fastfood" }, from: { value: "D", help: "smallest dimension", default: "4" }, to: { value: "D", help: "largest dimension", default: "1024" },
    fraction: { value: "X", help: "part of the loss reduction that is enough", default: "0.9" }, resolution: { value: "X", help: "ratio to which the answer is narrowed down", default: "1.5" },
    "train-steps": { value: "N", help: "steps of each training", default: "40" }, "learning-rate": { value: "X", help: "in a subspace", default: "0.3" }, "full-learning-rate": { value: "X", help: "of all weights", default: "1e-3" },
    ...STATE, ...PLOT, ...EXAMPLE_FLAGS,
  },
  examples: ["tunelab probe intrinsic --model DIR --data FILE --to 4096 --train-steps 100 --state search.probe --plot d90.svg"],
  async run(args) {
    const projection = args.choice("projection", PROJECTIONS), seed = args.number("seed")!, steps = args.whole("train-steps"), batchSize = args.whole("batch-size"), only = chosen(args), from = args.whole("from"), to = args.whole("to", from);
    const { model, examples } = await start(args), file = args.text("validation"), held = file ? await loadExamples(file, model, args) : examples;
    const settings = JSON.stringify([projection, seed, steps, batchSize, args.text("only"), args.number("learning-rate"), args.number("full-learning-rate"), examples.length, held.length]);
    const old = kept<{ settings: string; base: number; full: number; points: DimensionPoint[] }>(args);
    if (old && old.settings !== settings) throw new TunelabError(`${args.text("state")}: was made with other settings (${old.settings}, now ${settings}); use the same, or another file.`);
    const run = async (method: Parameters<typeof train>[0]["method"], learningRate: number): Promise<{ loss: number; stopped: boolean }> => {
      const r = await train({ model, method, data: { train: examples }, steps, batchSize, learningRate, seed, display: false });
      if (r.status === "non-finite") throw new TunelabError(r.message);
      const { loss } = await evaluate(model, held, { adapter: r, batchSize });
      dispose(r.trained);
      return { loss, stopped: r.status === "stopped" };
    };
    const base = old?.base ?? (await evaluate(model, held, { batchSize })).loss, all = old ? { loss: old.full, stopped: false } : await run(weightsMethod(Object.keys(model.params).filter(only)), args.number("full-learning-rate")!);
    if (all.stopped) { result({ status: "stopped", base }, args); return 130; }
    const r = await searchDimension({ measure: async (d) => base - (await run(intrinsic({ dimension: d, projection, only, seed }), args.number("learning-rate")!)).loss, full: base - all.loss, fraction: args.number("fraction"), from, to, resolution: args.number("resolution"), points: old?.points, save: (points) => keep(args, { settings, base, full: all.loss, points }) });
    keep(args, { settings, base, full: all.loss, points: r.points });
    if (r.points.length) await picture(() => dimensionFigure(r), args);
    result({ status: r.status, d: r.d, above: r.above, base, full: all.loss, threshold: r.threshold, points: r.points, plot: args.text("plot") }, args);
    return exit(r.status);
  },
};

const kinds = { hessian, density, intrinsic: dimension, lowrank, landscape, angle: angleCommand };
export const probe: Command = {
  summary: `measure the loss around a model: ${Object.keys(kinds).join(", ")}`,
  flags: {}, kinds, examples: ["tunelab probe hessian --model DIR --data FILE --json", "tunelab probe landscape --help"],
  run: async () => { throw new UsageError(`probe needs a kind: ${Object.keys(kinds).join(", ")}.`); },
};
