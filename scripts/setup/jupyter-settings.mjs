// Step: what JupyterLab of `.venv` needs to know: the TypeScript kernel, and settings that keep it off the network.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { at, venv } from "./paths.mjs";
import { writeFileAtomically } from "./stamps.mjs";

const share = join(venv, "share", "jupyter");

/** Jupyter takes the kernel's name, `tslab`, from its folder. */
const kernel = {
  // The full command: `tslab` alone would need the PATH that JupyterLab happened to be started with.
  argv: [process.execPath, "--require", at("lab", "kernel", "tslab-fixes.cjs"), at("node_modules", "tslab", "bin", "tslab"), "kernel", "--config-path", "{connection_file}"],
  display_name: "TypeScript (Tunelab)",
  language: "typescript",
  env: {
    NODE_OPTIONS: "--enable-source-maps", // errors point to the library's TypeScript
    TF_CPP_MIN_LOG_LEVEL: "3", // TensorFlow's log would land in the notebook
  },
};

const overrides = {
  "@jupyterlab/apputils-extension:notification": { checkForUpdates: false, doNotDisturbMode: false, fetchNews: "false" },
  "@jupyterlab/extensionmanager-extension:plugin": { enabled: false },
  "@jupyterlab/docmanager-extension:plugin": { defaultViewers: { markdown: "Markdown Preview" } },
};

const files = {
  [join(share, "kernels", "tslab", "kernel.json")]: kernel,
  [join(share, "lab", "settings", "overrides.json")]: overrides,
};
const text = (content) => `${JSON.stringify(content, null, 2)}\n`;

export default {
  name: "kernel and settings",
  repair: "npm run setup",
  done: () => Object.entries(files).every(([file, content]) => existsSync(file) && readFileSync(file, "utf8") === text(content)),
  run() {
    for (const [file, content] of Object.entries(files)) writeFileAtomically(file, text(content));
  },
};
