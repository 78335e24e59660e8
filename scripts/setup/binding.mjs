// Step: the Node addon of @tensorflow/tfjs-node-gpu with the additions of native/binding.cc, compiled against the libtensorflow
// of the wheel in `.venv` instead of the old one that the package would download. One addon serves CPU and GPU. It names the
// wheel's own folder as its library path (relative, so the checkout can move): from there the CUDA wheel finds NVIDIA's
// libraries beside it.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { lastLines, logFile } from "./command.mjs";
import { at, childEnvironment } from "./paths.mjs";
import { filesUnder, hashOf, stampHolds, writeStamp } from "./stamps.mjs";
import { hasGPU, installedTensorFlow, whyNotNative } from "./tensorflow.mjs";

const step = "native-binding";
const packageFolder = at("node_modules", "@tensorflow", "tfjs-node-gpu");
const sources = join(packageFolder, "binding");
const additions = at("native");
const target = join(packageFolder, "lib", "napi-v8", "tfjs_binding.node");
const slower = "WebAssembly will be used: everything works, 5-10 times slower";

/** The compiler's arguments, without the output file. */
function compilerArguments({ folder }) {
  const mac = process.platform === "darwin";
  const library = (name) => join(folder, mac ? `lib${name}.2.dylib` : `lib${name}.so.2`);
  const origin = mac ? "@loader_path" : "$ORIGIN";
  return [
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", "-DBUILDING_NODE_EXTENSION"],
    ...[at("node_modules", "node-api-headers", "include"), join(folder, "include"), packageFolder, sources].flatMap((f) => ["-I", f]),
    ...[join(sources, "tfjs_backend.cc"), join(additions, "binding.cc")], // the latter includes tfjs_binding.cc
    ...[library("tensorflow_cc"), library("tensorflow_framework")],
    `-Wl,-rpath,${origin}/${relative(dirname(target), folder)}`,
    ...(mac ? ["-undefined", "dynamic_lookup"] : []),
  ];
}

function keyOf(tensorflow) {
  const code = [sources, additions].flatMap((folder) => filesUnder(folder, (name) => /\.(cc|h)$/.test(name)));
  code.push(fileURLToPath(import.meta.url)); // the compiler's options
  const place = relative(dirname(target), tensorflow.folder);
  return hashOf(tensorflow.version, place, process.platform, process.arch, "napi8", ...code.map((file) => ({ file })));
}

/** The addon itself fits every Node, but it was tried on this one. */
const tested = (key) => hashOf(key, process.versions.modules);

/** The C++ compiler as [command, ...arguments]: $CXX (conda sets it), g++, c++ or clang++. */
function findCompiler() {
  const candidates = [process.env.CXX, "g++", "c++", "clang++"].filter(Boolean).map((line) => line.trim().split(/\s+/));
  return candidates.find(([command, ...rest]) => spawnSync(command, [...rest, "--version"]).status === 0);
}

/** Starts the library's backend in a process of its own (it could crash) and multiplies two matrices: { device } or { problem }. */
function tryBinding() {
  const code = `
    const { backend, tf } = require("tunelab/tensor");
    backend().then(({ name, why }) => {
      if (!name.startsWith("native")) throw new Error(why);
      const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).arraySync();
      if (String(product) !== "19,22,43,50") throw new Error("wrong product " + product);
      console.log("device:" + (name === "native-gpu" ? "NVIDIA GPU" : "CPU"));
    });`;
  const env = childEnvironment({ TF_CPP_MIN_LOG_LEVEL: "3" });
  const child = spawnSync(process.execPath, ["-e", code], { cwd: at(), env, encoding: "utf8", timeout: 180_000 });
  const device = /^device:(.*)$/m.exec(child.stdout)?.[1];
  if (child.status === 0 && device) return { device };
  const message = /^\w*Error: .*$/m.exec(child.stderr)?.[0] ?? child.stderr.trim().split("\n").at(-1);
  return { problem: child.signal ? `signal ${child.signal}` : message || `exit code ${child.status}` };
}

export default {
  name: "native binding",
  repair: `rm -rf .cache/binding && npm run setup`,
  done() {
    if (whyNotNative()) return "not needed: no native TensorFlow";
    const tensorflow = installedTensorFlow();
    return tensorflow !== undefined && stampHolds(step, tested(keyOf(tensorflow)));
  },
  async run(report) {
    const withoutIt = (reason) => {
      rmSync(target, { force: true }); // an addon that does not work must not be found by the library
      report.say(`${reason}. ${slower}.`);
      return "fallback to WebAssembly";
    };
    const tensorflow = installedTensorFlow();
    const key = keyOf(tensorflow);
    const compiled = at(".cache", "binding", `${key.slice(0, 16)}.node`); // survives `npm ci`, which empties node_modules
    if (!existsSync(compiled)) {
      const compiler = findCompiler();
      if (!compiler) return withoutIt("No C++ compiler (on Debian and Ubuntu: apt-get install g++)");
      mkdirSync(dirname(compiled), { recursive: true });
      const partial = `${compiled}.partial`;
      try {
        const [command, ...rest] = compiler;
        await report.run(command, [...rest, ...compilerArguments(tensorflow), "-o", partial], { failure: `${command} failed` });
      } catch (error) {
        const cause = lastLines(logFile(step), 30).find((line) => /error/i.test(line)) ?? error.message;
        return withoutIt(`The native binding does not compile: ${cause.trim()} (see .cache/setup/${step}.log)`);
      }
      renameSync(partial, compiled);
    }
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(compiled, `${target}.partial`);
    renameSync(`${target}.partial`, target);
    const { device, problem } = tryBinding();
    if (problem) {
      rmSync(compiled); // should the file be damaged
      return withoutIt(`Native TensorFlow does not run here (TUNELAB_BACKEND=wasm leaves this step out): ${problem}`);
    }
    if (hasGPU() && device === "CPU") report.say("The NVIDIA driver lists a GPU, but TensorFlow cannot use it: is the driver up to date?");
    writeStamp(step, tested(key), [target]);
    return `${tensorflow.version} on ${device}`;
  },
};
