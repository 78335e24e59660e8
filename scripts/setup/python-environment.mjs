// Step: `.venv`, an empty Python environment with pip.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { sitePackages, venv, venvPython } from "./paths.mjs";
import { isWhole } from "./pip.mjs";
import { findPython } from "./versions.mjs";

function hasPip() {
  const site = sitePackages();
  const info = site && existsSync(site) && readdirSync(site).find((entry) => /^pip-.*\.dist-info$/.test(entry));
  return Boolean(info) && isWhole(...info.replace(/\.dist-info$/, "").split("-"));
}

export default {
  name: "Python environment",
  repair: "rm -rf .venv && npm run setup",
  // existsSync follows the link: it is false when the Python that `.venv` was made from is gone.
  done: () => existsSync(venvPython) && existsSync(join(venv, "pyvenv.cfg")) && hasPip(),
  async run(report) {
    await report.run(findPython().command, ["-m", "venv", "--clear", venv], { failure: "Python could not make .venv" });
  },
};
