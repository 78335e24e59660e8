// Step: JupyterLab's renderer for figures: lab/plotly-extension with plotly.js beside it, copied into `.venv`.
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { at, venv } from "./paths.mjs";
import { filesUnder } from "./stamps.mjs";

const source = at("lab", "plotly-extension");
const target = join(venv, "share", "jupyter", "labextensions", "tunelab-plotly");

/** [from, to below the extension] of every file of it. */
function parts() {
  const own = filesUnder(source, () => true).map((file) => [file, relative(source, file)]);
  return [...own, [at("node_modules", "plotly.js-dist-min", "plotly.min.js"), join("static", "plotly.min.js")]];
}
const same = (a, b) => existsSync(b) && readFileSync(a).equals(readFileSync(b));

export default {
  name: "figures in JupyterLab",
  repair: "rm -rf .venv/share/jupyter/labextensions/tunelab-plotly && npm run setup",
  done() {
    if (!existsSync(source)) return "left out: lab/plotly-extension is not in this checkout, so figures show only as pictures";
    return parts().every(([from, to]) => same(from, join(target, to)));
  },
  run() {
    const partial = `${target}.partial`;
    rmSync(partial, { recursive: true, force: true });
    for (const [from, to] of parts()) {
      mkdirSync(dirname(join(partial, to)), { recursive: true });
      cpSync(from, join(partial, to));
    }
    rmSync(target, { recursive: true, force: true });
    renameSync(partial, target);
  },
};
