// node bench/memory.mjs [--write]: memory of full fine-tuning of SmolLM2-135M by optimizer, each in a process of its own.
// --write puts the table into docs/performance.md. Nothing here is a timing, so other work on the machine does no harm.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const OPTIMIZERS = ["adamw", "sgd", "lomo", "adalomo"], BATCH = 4, LENGTH = 64, STEPS = 3;
const root = fileURLToPath(new URL("..", import.meta.url)), page = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const gigabytes = (bytes) => (bytes / 1e9).toFixed(2);

async function measure(name) {
  const tl = await import("tunelab");
  const model = await tl.load("models/SmolLM2-135M-Instruct"), random = new tl.Random(0, "memory"), weights = tl.count(model.params) * 4;
  const train = Array.from({ length: BATCH }, () => ({ ids: Int32Array.from({ length: LENGTH }, () => random.integer(model.config.vocabSize)), target: new Uint8Array(LENGTH).fill(1, 24) }));
  const states = [], optimizer = tl[name](), { init } = optimizer;
  optimizer.init = (p) => { const state = init(p); states.push(...Object.values(state).map((t) => t.size * 4)); return state; };
  const { result: { cost }, addedBytes } = await tl.peakTensorBytes(() => tl.measureCost(() =>
    tl.train({ model, method: tl.full(), optimizer, data: { train }, steps: STEPS, batchSize: BATCH, learningRate: 1e-5, clip: 1, display: false })));
  console.log(JSON.stringify({ name, weights, state: states.reduce((a, b) => a + b, 0), tensors: addedBytes, process: cost.peakBytes, by: cost.peakBy }));
}

if (process.argv[2] === "--one") await measure(process.argv[3]);
else {
  const rows = OPTIMIZERS.map((name) => {
    const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--one", name], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    if (child.status !== 0) throw new Error(`${name}: exit code ${child.status}`);
    return JSON.parse(child.stdout.trim().split("\n").at(-1));
  });
  const table = [
    "| optimizer | base weights, GB | its state, GB | most tensors beside the base at once, GB | peak of the process, GB |", "|---|---|---|---|---|",
    ...rows.map((r) => `| ${r.name} | ${gigabytes(r.weights)} | ${gigabytes(r.state)} | ${gigabytes(r.tensors)} | ${gigabytes(r.process)} |`),
  ].join("\n");
  console.log(table);
  if (process.argv.includes("--write")) {
    const text = readFileSync(page, "utf8"), [begin, end] = ["<!-- memory: begin (node bench/memory.mjs --write) -->", "<!-- memory: end -->"];
    if (!text.includes(begin)) throw new Error(`${page} has no place for the table: ${begin}`);
    writeFileSync(page, text.replace(new RegExp(`${begin.replace(/[()]/g, "\\$&")}[\\s\\S]*?${end}`), `${begin}\n${table}\n${end}`));
  }
}
