// npm start: set-up, then JupyterLab on this machine only, with a token. Further arguments go to JupyterLab:
//   npm start -- --no-browser --port 8890
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setup } from "./setup/index.mjs";
import { at, childEnvironment, root, venvPython } from "./setup/paths.mjs";

if (!(await setup())) process.exit(1);

// The course's contents, in the reader's language: TUNELAB_LANG, else the system's.
const { TUNELAB_LANG, LC_ALL, LC_MESSAGES, LANG } = process.env;
const language = /^zh/i.test(TUNELAB_LANG || LC_ALL || LC_MESSAGES || LANG || "") ? "zh" : "en";
const first = [`notebooks/${language}/index.ipynb`, "notebooks/README.md", "notebooks"].find((place) => existsSync(at(...place.split("/"))));
const options = [
  "--ServerApp.ip=127.0.0.1",
  `--ServerApp.root_dir=${root}`,
  `--LabApp.default_url=/lab/tree/${first}`,
  "--MappingKernelManager.default_kernel_name=tslab",
  "--LabApp.extension_manager=readonly", // its other mode asks a package index
  "--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e8", // bytes/s; figures that redraw live exceed the usual 1e6
];
if (process.getuid() === 0) options.push("--allow-root"); // in a container one is root, and JupyterLab would refuse

// A process group of its own: Ctrl-C reaches JupyterLab once, as the signal on which it shuts its kernels down unasked.
const jupyter = spawn(venvPython, ["-m", "jupyterlab", ...options, ...process.argv.slice(2)], {
  cwd: root,
  env: childEnvironment({ JUPYTER_PREFER_ENV_PATH: "1" }), // .venv's kernel and settings before the user's own
  stdio: ["ignore", "inherit", "inherit"],
  detached: true,
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => jupyter.kill("SIGTERM"));
jupyter.on("exit", (code) => process.exit(code ?? 1));
