/**
 * Time of a Hessian-vector product (compiled and not), of the ten largest eigenvalues and of a spectral density, of the course model
 * (6 million parameters) on 8 examples of at most 64 tokens. The product beside PyTorch's double backward is the case hv-6M of npm run bench.
 *   node bench/curvature.mjs [--rounds N] [--spectrum]
 */
import { parseArgs } from "node:util";
import * as tl from "tunelab";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, spectrum: { type: "boolean" } } });
const rounds = Number(values.rounds), seconds = async (f) => { const began = performance.now(); const result = await f(); return [(performance.now() - began) / 1000, result]; };
const median = (x) => [...x].sort((a, b) => a - b)[x.length >> 1], show = (x) => `${median(x).toFixed(3)} s (${Math.min(...x).toFixed(3)} to ${Math.max(...x).toFixed(3)})`;

await tl.backend();
const model = await tl.load(tl.courseModel());
const records = await tl.loadRecords(tl.courseFile("data/security-qa/zh/train.jsonl"));
const examples = tl.encodeExamples(model.tokenizer, records).slice(0, 8).map(({ ids, target, ...rest }) => ({ ...rest, ids: ids.slice(0, 64), target: target.slice(0, 64) }));
const problem = tl.modelProblem({ model, examples }), H = tl.curvature(problem), plain = tl.curvature(problem, { compiled: false }), v = tl.probe(H.dim, 0, 0);
console.log(`${H.dim} parameters`);

const [first] = await seconds(() => H.apply(v));
const ours = [], eager = [];
await plain.apply(v);
for (let i = 0; i < rounds; i++) {
  ours.push((await seconds(() => H.apply(v)))[0]);
  eager.push((await seconds(() => plain.apply(v)))[0]);
}
console.log(`compiled ${show(ours)}, first call with tracing and compilation ${first.toFixed(1)} s\nnot compiled ${show(eager)}`);

if (values.spectrum) {
  const [a, top] = await seconds(() => tl.eigenvalues(H, { largest: 10, tolerance: 1e-2, maxSteps: 100 }));
  console.log(`10 largest eigenvalues ${a.toFixed(1)} s, ${top.steps} products, converged: ${top.converged}: ${top.largest.map((e) => e.value.toPrecision(4)).join(" ")}`);
  const [b, density] = await seconds(() => tl.spectralDensity(H, { steps: 40, probes: 2, known: top.state }));
  console.log(`density (2 vectors, 40 steps, the first of them known) ${b.toFixed(1)} s, range ${tl.spectralRange(density).map((x) => x.toPrecision(4)).join(" to ")}; together ${(a + b).toFixed(1)} s, and ${first.toFixed(1)} s for compilation`);
}
