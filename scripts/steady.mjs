// npm run steady -- [--steps N]: a long run of a tiny model, which must hold as many tensors at its end as after its first steps, and whose
// memory must level off. Prints one line every thousand steps.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { tsc } from "./setup/build.mjs";
import { at, root } from "./setup/paths.mjs";

const { values } = parseArgs({ options: { steps: { type: "string", default: "10000" } } }), steps = Number(values.steps);
if (!(Number.isInteger(steps) && steps >= 2000)) { console.error("--steps takes a whole number of at least 2000."); process.exit(2); }
process.chdir(root);
process.env.TF_CPP_MIN_LOG_LEVEL ??= "3";
for (const part of ["lib", "test"]) if (spawnSync(process.execPath, [tsc, "-p", part], { stdio: "inherit" }).status) process.exit(1);
const require = createRequire(import.meta.url), { steady } = require(at("test", "dist", "chaos", "steady.js"));

const folder = mkdtempSync(join(tmpdir(), "tunelab-steady-"));
try {
  const began = performance.now(), { samples, status } = await steady(steps, join(folder, "run"), Math.round(steps / 10), ({ step, tensors, rss }) => console.log(`step ${step}: ${tensors} tensors, ${(rss / 2 ** 20).toFixed(0)} MiB`));
  const seconds = (performance.now() - began) / 1000, first = samples[0], last = samples.at(-1), half = samples[Math.floor(samples.length / 2)], growth = (last.rss - half.rss) / 2 ** 20;
  console.log(`${steps} steps in ${seconds.toFixed(0)} s, ${status}; tensors ${first.tensors} → ${last.tensors}; resident memory in the second half ${growth >= 0 ? "+" : ""}${growth.toFixed(1)} MiB.`);
  mkdirSync(at(".cache", "steady"), { recursive: true });
  writeFileSync(at(".cache", "steady", "report.json"), JSON.stringify({ steps, seconds, samples }, null, 1));
  if (status !== "done" || samples.some((s) => s.tensors !== first.tensors) || growth > 64) { console.error("It is not steady."); process.exitCode = 1; }
} finally { rmSync(folder, { recursive: true, force: true }); }
