// npm run chaos -- [--seed N] [--kills N]: kills training, alignment and saving at random moments, resumes, and compares with runs that were
// left alone; then, where a small file system can be mounted (root on Linux), runs on a disk that is full. The rules are test/chaos/chaos.ts's.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tsc } from "./setup/build.mjs";
import { at, root } from "./setup/paths.mjs";

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" }, kills: { type: "string", default: "100" } } });
const seed = Number(values.seed), kills = Number(values.kills);
if (!(Number.isInteger(seed) && Number.isInteger(kills) && kills > 0)) { console.error("--seed and --kills take whole numbers."); process.exit(2); }
process.chdir(root);
process.env.TF_CPP_MIN_LOG_LEVEL ??= "3";
for (const part of ["lib", "test"]) if (spawnSync(process.execPath, [tsc, "-p", part], { stdio: "inherit" }).status) process.exit(1);
const require = createRequire(import.meta.url), { Random, backend } = require(at("lib", "dist", "tensor"));
const { chaos, courseScenario, fullDisk, killSaver, tinyScenarios } = require(at("test", "dist", "chaos", "chaos.js"));

await backend();
const work = mkdtempSync(join(tmpdir(), "tunelab-chaos-")), folder = (name) => { const f = join(work, name); mkdirSync(f, { recursive: true }); return f; };
const scenarios = tinyScenarios(folder("tiny")), share = (x) => Math.max(1, Math.round(x * kills)), say = (line) => console.log(line), reports = [];
let disk;
try {
  for (const [name, scenario, n] of [["sft", scenarios.sft, share(0.45)], ["full", scenarios.full, share(0.1)], ["course", courseScenario, share(0.15)], ["dpo", scenarios.dpo, share(0.15)], ["grpo", scenarios.grpo, share(0.15)]])
    reports.push(await chaos(scenario, folder(name), n, new Random(seed, name), say));
  reports.push(await killSaver(folder("saver"), share(0.2), new Random(seed, "saver"), say));

  const place = folder("disk");
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", place]).status === 0) {
    try {
      const resize = (kib) => { if (spawnSync("mount", ["-o", `remount,size=${kib}k`, place]).status) throw new Error("the file system cannot be resized"); };
      disk = await fullDisk(scenarios.sft, place, folder("disk-work"), resize, (needed) => [16, 32, 48, 64, 80, 96, 112, 128, 160, 200, 260].filter((k) => k < needed * 1.5).concat(4 * needed), say);
    } finally { spawnSync("umount", [place]); }
  } else console.log("No file system can be mounted here (root on Linux can): the full disk is left to `npm test`, which limits the size of files instead.");
} finally { rmSync(work, { recursive: true, force: true }); }

console.log("\n| what | kills | runs that came to their end | alone, s | all, s | killed |\n|---|---:|---:|---:|---:|---|");
for (const r of reports) console.log(`| ${r.scenario} | ${r.kills} | ${r.runs || "–"} | ${Number.isFinite(r.straightSeconds) ? r.straightSeconds.toFixed(1) : "–"} | ${r.seconds.toFixed(0)} | ${Object.entries(r.moments).map(([m, n]) => `${n} ${m}`).join(", ")} |`);
console.log(`\n${reports.reduce((n, r) => n + r.kills, 0)} kills, every finished run identical; adapters of two saves mixed: ${reports.at(-1).mixed} of ${reports.at(-1).kills}.`);
if (disk) console.log(`Full disk: ${disk.errors} errors, each clear, nothing harmed, ${disk.seconds.toFixed(0)} s. For example: ${disk.messages[0]}`);
mkdirSync(at(".cache", "chaos"), { recursive: true });
writeFileSync(at(".cache", "chaos", "report.json"), JSON.stringify({ seed, reports, disk }, null, 1));
