// npm run fuzz -- [--count N] [--seed N] [--target NAME]: mutated inputs for every parser of the library (test/fuzz). A worker process of
// bounded memory does the work; it is watched, and started again behind an input that kills or stops it. Only TunelabErrors may come out.
import { fork, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tsc } from "./setup/build.mjs";
import { at, childEnvironment, root } from "./setup/paths.mjs";

const HEAP = 512, RESIDENT = 1024; // MiB of a worker
const STUCK = 20; // seconds of processor time for one input; where they are not known, six times as many by the clock
/** Seconds of processor time that a process has used (Linux); undefined elsewhere. */
function processorSeconds(pid) {
  try { const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" "); return (Number(f[11]) + Number(f[12])) / 100; } catch { return undefined; }
}
const { values } = parseArgs({ options: { count: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" }, target: { type: "string", default: "" } } });
const count = Number(values.count), seed = Number(values.seed);
if (!(Number.isInteger(count) && count > 0 && Number.isInteger(seed))) { console.error("--count and --seed take whole numbers."); process.exit(2); }

for (const part of ["lib", "test"]) if (spawnSync(process.execPath, [tsc, "-p", part], { cwd: root, stdio: "inherit" }).status) process.exit(1);
const folder = at(".cache", "fuzz"), status = join(folder, "status");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const total = {}, kinds = new Set(), findings = [], began = performance.now();
let done = 0, rss = 0, told = 0;
function found(n, target, message) {
  findings.push({ seed, n, target, message });
  console.log(`\nFINDING, input ${n} of seed ${seed} (${target}): ${message.split("\n").slice(0, 3).join(" | ").slice(0, 400)}`);
}
function tell(force) {
  if (!force && performance.now() - told < 5000) return;
  told = performance.now();
  const seconds = (told - began) / 1000;
  console.log(`${done.toLocaleString("en-US")} of ${count.toLocaleString("en-US")} inputs, ${Math.round(done / seconds)} a second, ${Math.round(seconds)} s; ${kinds.size} kinds of refusal; ${findings.length} findings; worker ${Math.round(rss / 2 ** 20)} MiB`);
}

/** Runs inputs from `from` on; gives the number behind the one at which the worker ended. */
const work = (from) => new Promise((resolve) => {
  writeFileSync(status, Buffer.alloc(8));
  const env = { ...childEnvironment({ TF_CPP_MIN_LOG_LEVEL: "3" }), TUNELAB_JIT: "0" };
  const worker = fork(at("test", "dist", "fuzz", "worker.js"), [seed, from, count, status, values.target].map(String), { cwd: root, env, execArgv: [`--max-old-space-size=${HEAP}`], stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let errors = "", last = -1, since = 0, stuck = false, ended = false;
  worker.stderr.on("data", (d) => { errors = (errors + d).slice(-4000); });
  worker.on("message", (m) => {
    if (m.finding !== undefined) return found(m.finding, m.target, m.message);
    done += m.done; rss = m.rss;
    for (const kind of m.kinds) kinds.add(kind);
    for (const [target, c] of Object.entries(m.counts)) for (const [outcome, n] of Object.entries(c)) (total[target] ??= { accepted: 0, refused: 0, finding: 0 })[outcome] += n;
    if (rss > RESIDENT * 2 ** 20) { found(at0(), "all", `the worker's memory grew to ${Math.round(rss / 2 ** 20)} MiB`); worker.kill("SIGKILL"); }
    tell();
  });
  const at0 = () => { const b = readFileSync(status); return b.length === 8 ? b.readDoubleLE() : 0; };
  const watch = setInterval(() => {
    const n = at0();
    const now = processorSeconds(worker.pid) ?? performance.now() / 6000;
    if (n !== last) { last = n; since = now; }
    else if (now - since > STUCK && !ended) { stuck = true; worker.kill("SIGKILL"); }
  }, 500);
  worker.on("close", (code, signal) => {
    ended = true;
    clearInterval(watch);
    if (code === 0) return resolve(count);
    const n = at0();
    if (!n && from === 0 && /not accepted/.test(errors)) { console.error(errors); process.exit(1); }
    found(n, "?", stuck ? `no end after ${STUCK} s of processor time` : `the process ended (${signal ?? code}): ${errors.trim().split("\n").find((l) => /Error|FATAL/.test(l)) ?? errors.slice(-300)}`);
    done += ((n - from) % 1000) + 1; // those since the last report
    resolve(n + 1);
  });
});

for (let from = 0; from < count; ) from = await work(from);
tell(true);
console.log("\n| target | accepted | refused | findings |\n|---|---:|---:|---:|");
for (const [target, { accepted, refused, finding }] of Object.entries(total).sort()) console.log(`| ${target} | ${accepted.toLocaleString("en-US")} | ${refused.toLocaleString("en-US")} | ${finding} |`);
writeFileSync(join(folder, "report.json"), JSON.stringify({ seed, count, seconds: (performance.now() - began) / 1000, kinds: [...kinds].sort(), total, findings }, null, 1));
if (findings.length) console.log(`\n${findings.length} findings, in .cache/fuzz/report.json. To have the files of one: node test/dist/fuzz/save.js ${seed} N FOLDER${values.target && ` ${values.target}`}`);
process.exit(findings.length ? 1 : 0);
