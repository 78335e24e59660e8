// Step: Node and Python are there and new enough.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./command.mjs";
import { childEnvironment, venv, venvPython } from "./paths.mjs";

const oldestNode = 20;
const oldestPython = 10; // 3.10: the oldest with wheels of everything in requirements/
const newestTensorFlowPython = 13; // 3.13: the newest with a wheel of TensorFlow 2.21

/** Python 3.x of `.venv` as x, or undefined before there is one. */
export function venvPythonMinor() {
  const settings = join(venv, "pyvenv.cfg");
  if (!existsSync(venvPython) || !existsSync(settings)) return undefined;
  const version = /^version(?:_info)? *= *3\.(\d+)/m.exec(readFileSync(settings, "utf8"));
  return version ? Number(version[1]) : undefined;
}

/** Asks one command what Python it is: { command, minor } or { problem }. */
function probe(command) {
  const code = "import sys; print(*sys.version_info[:2]); import venv, ensurepip";
  const { stdout, error } = spawnSync(command, ["-c", code], { encoding: "utf8", env: childEnvironment() });
  if (error) return { problem: `${command}: not found` };
  const [, major, minor] = /^(\d+) (\d+)/.exec(stdout) ?? [];
  if (!major) return { problem: `${command}: does not start` };
  if (Number(major) !== 3 || Number(minor) < oldestPython) return { problem: `${command}: is Python ${major}.${minor}` };
  const usable = spawnSync(command, ["-c", "import venv, ensurepip"], { env: childEnvironment() }).status === 0;
  if (!usable) return { problem: `${command}: lacks venv (on Debian and Ubuntu: apt-get install python3-venv)` };
  return { command, minor: Number(minor) };
}

/** The Python that `.venv` is made from: $PYTHON, else the active conda environment's, else the first suitable on the PATH. */
export function findPython() {
  const asked = process.env.PYTHON;
  const conda = process.env.CONDA_PREFIX && join(process.env.CONDA_PREFIX, "bin", "python");
  const usual = ["python3", "python", "python3.13", "python3.12", "python3.11", "python3.10"];
  const problems = [];
  let tooNew;
  for (const command of asked ? [asked] : conda && existsSync(conda) ? [conda] : usual) {
    const found = probe(command);
    if (found.problem) problems.push(found.problem);
    else if (found.minor <= newestTensorFlowPython) return found;
    else tooNew ??= found;
  }
  if (tooNew) return tooNew;
  throw new SetupError(
    `Python 3.${oldestPython} or newer with venv is needed, and was not found:\n      ${problems.join("\n      ")}\n` +
      "    Install it, or name one: PYTHON=/path/to/python3 npm start",
  );
}

export default {
  name: "versions",
  repair: "npm start, once that is installed",
  done: () => false, // cheap, and what it looks at lies outside the checkout
  run() {
    if (process.platform === "win32") throw new SetupError("Windows itself is not supported: run this inside WSL 2 (Ubuntu).");
    const node = process.versions.node;
    if (Number(node.split(".")[0]) < oldestNode)
      throw new SetupError(`Node ${oldestNode} or newer is needed; this is Node ${node}. Install a current Node LTS.`);
    return `Node ${node}, Python 3.${venvPythonMinor() ?? findPython().minor}`;
  },
};
