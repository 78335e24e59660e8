// npm run bench -- [case…] [--rounds N] [--write]
// Tunelab against PyTorch (PEFT, transformers), eager and compiled, on the same work in the same run: three processes live side
// by side, and take turns step by step, so that a change of the machine's speed meets all of them. Ratios are taken round by round.
// --write: docs/performance.md and its picture are made anew from the results of all cases in .cache/bench/results.json; nothing is
// measured again unless cases are named.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CASES } from "./cases.mjs";
import { modelFolder, neededFlops, vocabularyOf } from "./models.mjs";
import { write } from "./report.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const RESULTS = here("../.cache/bench/results.json");
const python = process.env.TUNELAB_PYTHON;
const args = process.argv.slice(2), flag = (name) => args.includes(name), rounds = flag("--rounds") ? Number(args[args.indexOf("--rounds") + 1]) : 7;
const wanted = args.filter((a, i) => !a.startsWith("--") && args[i - 1] !== "--rounds"), unknown = wanted.filter((name) => !CASES[name]);
if (unknown.length || !(rounds >= 1)) fail(`usage: npm run bench -- [case…] [--rounds N] [--write]\ncases: ${Object.keys(CASES).join(" ")}`);
const measured = wanted.length || !flag("--write");
if (measured && !python) fail("Name a Python with test/fixtures/requirements.txt in TUNELAB_PYTHON, to compare with.");
function fail(message) { console.error(message); process.exit(2); }

const median = (x) => { const s = [...x].sort((a, b) => a - b), n = s.length; return n % 2 ? s[(n - 1) / 2] : (s[n / 2 - 1] + s[n / 2]) / 2; };

/** A worker process: `ask` sends a request and waits for its answer. */
function start(command, argv) {
  const child = spawn(command, argv, { stdio: ["pipe", "pipe", process.env.BENCH_VERBOSE ? "inherit" : "ignore"], cwd: here("..") });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) return { error: "the process ended (out of memory?)" };
      return JSON.parse(value);
    },
    end: () => new Promise((gone) => { child.once("exit", gone); child.stdin.end(); child.kill(); }),
  };
}
const WORKERS = {
  tunelab: () => start(process.execPath, [here("worker.mjs")]),
  eager: () => start(python, [here("worker.py"), "eager"]),
  compile: () => start(python, [here("worker.py"), "compile"]),
};

async function measure(name) {
  const { only = Object.keys(WORKERS), ...spec } = CASES[name], request = { ...spec, folder: await modelFolder(spec.model), vocabulary: vocabularyOf(spec.model) };
  const sides = {};
  try {
    for (const side of only) {
      const worker = WORKERS[side](), { flops } = await worker.ask({ peak: 2048 }), ready = await worker.ask({ prepare: { ...request, kind: spec.kind[side] ?? spec.kind } });
      sides[side] = { worker, flops, ...ready, all: [], rounds: [] };
      console.log(`${name}: ${side} ${ready.error ? `failed: ${ready.error}` : `ready, first run ${ready.cold.toFixed(1)} s, value ${ready.first}`}`);
    }
    const going = Object.values(sides).filter((s) => !s.error);
    if (!spec.long) for (const s of going) await s.worker.ask({ run: 2 }); // warm-up
    for (const s of going) s.each = spec.long ? 1 : Math.max(1, Math.min(20, Math.round(1.5 / median((await s.worker.ask({ run: 1 })).seconds))));
    for (let round = 0; round < rounds; round++)
      for (const s of going) {
        const { seconds, peak, loss } = await s.worker.ask({ run: s.each });
        Object.assign(s, { peak, loss });
        s.all.push(...seconds);
        s.rounds.push(median(seconds));
      }
  } finally { for (const s of Object.values(sides)) await s.worker.end(); }
  const base = sides.tunelab, result = { name, ...spec, date: new Date().toISOString().slice(0, 10), sides: {} };
  for (const [side, s] of Object.entries(sides)) {
    if (s.error) { result.sides[side] = { error: s.error }; continue; }
    const ratios = base.rounds.map((t, i) => t / s.rounds[i]);
    result.sides[side] = { median: median(s.all), min: Math.min(...s.all), max: Math.max(...s.all), cold: s.cold, peak: s.peak, first: s.first, productPeak: s.flops, achieved: neededFlops(spec) && neededFlops(spec) / median(s.all), ratio: median(ratios), ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios) };
  }
  for (const [side, s] of Object.entries(result.sides))
    if (!s.error) console.log(`  ${side.padEnd(8)} ${(s.median * 1000).toFixed(1).padStart(9)} ms (${(s.min * 1000).toFixed(1)} to ${(s.max * 1000).toFixed(1)}), peak ${(s.peak / 1e9).toFixed(2)} GB${s.achieved ? `, ${(s.achieved / 1e9).toFixed(0)} of ${(s.productPeak / 1e9).toFixed(0)} GFLOP/s` : ""}${side === "tunelab" ? "" : `, tunelab/${side} ${s.ratio.toFixed(2)} (${s.ratioMin.toFixed(2)} to ${s.ratioMax.toFixed(2)})`}`);
  return result;
}

const known = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")) : {};
mkdirSync(dirname(RESULTS), { recursive: true });
for (const name of wanted.length ? wanted : measured ? Object.keys(CASES) : []) {
  known[name] = await measure(name);
  writeFileSync(RESULTS, JSON.stringify({ ...known, [name]: { ...known[name], cpu: `${cpus().length} × ${cpus()[0].model.trim()}` } }, null, 1));
}
if (flag("--write") && !existsSync(RESULTS)) fail("There are no results yet; run npm run bench first.");
if (flag("--write")) await write(JSON.parse(readFileSync(RESULTS, "utf8")));
