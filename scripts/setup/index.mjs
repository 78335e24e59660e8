// Set-up: everything that `npm start` and `npm test` need, made inside the checkout. Each step says whether it is done by
// looking at what it made; one that was killed half-way is done again. Run alone: npm run setup
import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import binding from "./binding.mjs";
import build from "./build.mjs";
import { SetupError, lastLines, logFile, runCommand, stopCommand } from "./command.mjs";
import jupyterlab from "./jupyterlab.mjs";
import jupyterSettings from "./jupyter-settings.mjs";
import { releaseLock, takeLock } from "./lock.mjs";
import model from "./model.mjs";
import npmPackages from "./npm-packages.mjs";
import { root, state } from "./paths.mjs";
import plotlyExtension from "./plotly-extension.mjs";
import pythonEnvironment from "./python-environment.mjs";
import { isUnfinished, markFinished, markUnfinished } from "./stamps.mjs";
import tensorflow from "./tensorflow.mjs";
import versions from "./versions.mjs";

/**
 * A step: { name, done(), run(report), repair }. done() gives true, false, or a sentence why the step is left out;
 * run(report) makes it and may return a detail to show; repair is the one command that helps when it fails.
 */
const steps = [
  ...[versions, npmPackages, pythonEnvironment, jupyterlab, tensorflow],
  ...[build, binding, jupyterSettings, plotlyExtension, model],
];

const say = (line) => console.log(`      ${line}`);
const seconds = (began) => `${((Date.now() - began) / 1000).toFixed(1)} s`;

async function take(step, label) {
  const id = step.name.replaceAll(" ", "-");
  const wasInterrupted = isUnfinished(id);
  const done = !wasInterrupted && (await step.done());
  if (done) return console.log(`${label}: ${done === true ? "ready" : done}`);
  const began = Date.now();
  if (step !== versions) console.log(`${label} ...`);
  rmSync(logFile(id), { force: true });
  markUnfinished(id);
  const run = (command, args, options) => runCommand(id, say, command, args, options);
  const detail = await step.run({ say, run, wasInterrupted, log: logFile(id) });
  markFinished(id);
  console.log(`${label}: ${detail ?? "done"} (${seconds(began)})`);
}

/** Runs every step in order. Resolves to true, or to false after the failure has been explained on stderr. */
export async function setup() {
  mkdirSync(state, { recursive: true });
  await takeLock(say);
  const stop = (signal) => {
    stopCommand(); // the lock stays: it names the command, should that take its time to end
    console.error("\nSet-up stopped. The same command goes on from here.");
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, stop);
  const began = Date.now();
  let step;
  try {
    for (const [i, next] of steps.entries()) await take((step = next), `[${i + 1}/${steps.length}] ${next.name}`);
    console.log(`Set-up is complete (${seconds(began)}).\n`);
    return true;
  } catch (error) {
    console.error(`\nSet-up failed at "${step.name}": ${error instanceof SetupError ? error.message : error.stack}`);
    for (const line of error.log ? lastLines(error.log, 15) : []) console.error(`    | ${line}`);
    if (error.log) console.error(`    The whole log: ${relative(root, error.log)}`);
    console.error(`    To repair: ${step.repair}`);
    return false;
  } finally {
    for (const signal of signals) process.off(signal, stop);
    releaseLock();
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.exitCode = (await setup()) ? 0 : 1;
