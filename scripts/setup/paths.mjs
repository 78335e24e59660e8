// Where set-up finds and puts things. Everything lies inside the checkout, so deleting the checkout removes all of it.
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** A path inside the checkout. */
export const at = (...parts) => join(root, ...parts);

/** Logs, stamps and the lock of set-up. */
export const state = at(".cache", "setup");
export const venv = at(".venv");
export const venvPython = join(venv, "bin", "python");

/** The folder `site-packages` of `.venv`, or undefined before there is one. */
export function sitePackages() {
  const lib = join(venv, "lib");
  const python = existsSync(lib) && readdirSync(lib).find((name) => /^python3\.\d+$/.test(name));
  return python ? join(lib, python, "site-packages") : undefined;
}

/** Environment for child processes, without what would send pip or Python outside `.venv`. */
export function childEnvironment(extra = {}) {
  const env = { ...process.env, ...extra };
  for (const name of ["PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER"]) delete env[name];
  return env;
}
