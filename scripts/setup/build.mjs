// Step: the package `tunelab` (lib/) compiled to lib/dist.
import { existsSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { at } from "./paths.mjs";
import { filesUnder, hashOf, stampHolds, writeStamp } from "./stamps.mjs";

const step = "library";
const lib = at("lib");
const buildInfo = at("lib", "dist", ".tsbuildinfo");
export const tsc = at("node_modules", "typescript", "bin", "tsc"); // not node_modules/.bin/tsc: that is the kernel's older one

const sources = () => filesUnder(lib, (name) => name.endsWith(".ts") && !name.endsWith(".d.ts"), ["dist", "node_modules"]);
const outputOf = (source) => at("lib", "dist", relative(lib, source).replace(/ts$/, "js"));
function key() {
  const inputs = [...sources(), at("lib", "tsconfig.json"), at("lib", "package.json"), at("package-lock.json")];
  return hashOf(...inputs.flatMap((file) => [relative(lib, file), { file }]));
}

export default {
  name: step,
  repair: "rm -rf lib/dist && npm run build",
  // The stamp covers tsc's own record, so a build by hand in between is noticed.
  done: () => stampHolds(step, key()) && sources().every((source) => existsSync(outputOf(source))),
  async run(report) {
    const began = key();
    // tsc writes again only what changed: without its record it writes all.
    if (report.wasInterrupted || sources().some((source) => !existsSync(outputOf(source)))) rmSync(buildInfo, { force: true });
    await report.run(process.execPath, [tsc, "-p", "lib"], { failure: "the library does not compile" });
    writeStamp(step, began, [buildInfo]);
  },
};
