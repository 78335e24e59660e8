// Step: the TensorFlow wheel in `.venv`. It brings libtensorflow and its headers; Python never imports it, so its Python
// dependencies stay out (--no-deps). With an NVIDIA GPU the wheel with CUDA and NVIDIA's libraries are taken instead: they
// find each other through the library paths inside the wheels, so no LD_LIBRARY_PATH is needed.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { at, sitePackages } from "./paths.mjs";
import { isWhole, lockedPackages, pipInstall, removePackages } from "./pip.mjs";
import { venvPythonMinor } from "./versions.mjs";

const slower = "WebAssembly will be used: everything works, 5-10 times slower";
const { platform, arch } = process;

/** Why native TensorFlow is not to be had here, as a sentence; undefined where it is. */
export function whyNotNative() {
  const asked = process.env.TUNELAB_BACKEND;
  if (asked === "wasm" || asked === "cpu") return `TUNELAB_BACKEND=${asked}: native TensorFlow is left out`;
  const glibc = platform !== "linux" || process.report.getReport().header.glibcVersionRuntime;
  const wheels = (platform === "linux" && ["x64", "arm64"].includes(arch)) || (platform === "darwin" && arch === "arm64");
  if (!wheels || !glibc) return `no TensorFlow wheel for ${platform} ${arch}${glibc ? "" : " without glibc"}. ${slower}`;
  const minor = venvPythonMinor();
  if (minor < 10 || minor > 13)
    return `no TensorFlow wheel for Python 3.${minor}. ${slower} (or, for Python 3.12: rm -rf .venv && PYTHON=python3.12 npm start)`;
  return undefined;
}

let gpu;
/** True when the NVIDIA driver lists a GPU on a system that the CUDA wheel is made for. */
export function hasGPU() {
  const ask = () => /^GPU \d/m.test(spawnSync("nvidia-smi", ["-L"], { encoding: "utf8", timeout: 30_000 }).stdout ?? "");
  return (gpu ??= platform === "linux" && arch === "x64" && ask());
}

function wanted() {
  const lock = at("requirements", hasGPU() ? "tensorflow-gpu.txt" : "tensorflow-cpu.txt");
  const cpuOnly = platform === "linux" && arch === "x64" && !hasGPU();
  const other = cpuOnly ? "tensorflow" : "tensorflow_cpu"; // two packages with the same files: only one can be there
  const packages = lockedPackages(lock).filter(({ name }) => name !== other);
  return { lock, packages, other };
}

/** { folder, version } of the installed wheel's package `tensorflow`, or undefined. */
export function installedTensorFlow() {
  const folder = sitePackages() && join(sitePackages(), "tensorflow");
  if (!folder || !existsSync(folder)) return undefined;
  const { name, version } = wanted().packages.find((entry) => entry.name.startsWith("tensorflow"));
  return { folder, version: `${name} ${version}` };
}

export default {
  name: "TensorFlow",
  repair: "rm -rf .venv && npm run setup",
  done() {
    const reason = whyNotNative();
    if (reason) return reason;
    const { packages, other } = wanted();
    return packages.every(({ name, version }) => isWhole(name, version)) && !packages.some(({ version }) => isWhole(other, version));
  },
  async run(report) {
    const { lock, packages } = wanted();
    removePackages(/^(tensorflow|tensorflow(_cpu)?-.*\.dist-info|nvidia|nvidia_.*\.dist-info)$/);
    // --no-compile: Python never imports it, so 10,000 byte-code files would be for nothing.
    await pipInstall(report, lock, "--no-deps", "--no-compile");
    return packages.map(({ name, version }) => `${name} ${version}`).find((line) => line.startsWith("tensorflow"));
  },
};
