// npm test: set-up, then every test/**/*.test.ts, compiled, each file in a process of its own, one after the other (TensorFlow
// takes all cores anyway, and time limits in tests stay honest). Fails when a test fails and when none ran.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { findChromium, installChromium } from "./setup/chromium.mjs";
import { tsc } from "./setup/build.mjs";
import { setup } from "./setup/index.mjs";
import { at, childEnvironment, root } from "./setup/paths.mjs";
import { filesUnder } from "./setup/stamps.mjs";

const fail = (message) => {
  console.error(message);
  process.exit(1);
};
const run = (command, args, env) => spawnSync(command, args, { cwd: root, stdio: "inherit", env: childEnvironment(env) }).status === 0;

if (!(await setup())) process.exit(1);
if (!run(process.execPath, [tsc, "-p", "test"])) fail("The tests do not compile.");

// The browser test takes the browser that CHROMIUM names, and is skipped where there is none.
const chromium = findChromium() ?? installChromium();
if (!chromium && process.env.CI === "true") fail("CI needs Chromium for the browser test, and could not install it.");
if (!chromium) console.log("No Chromium found: the browser test is skipped. To have it: apt-get install chromium fonts-noto-cjk\n");

// From the sources, so that a compiled test whose source is gone does not run.
const files = filesUnder(at("test"), (name) => name.endsWith(".test.ts"), ["dist", "node_modules"]).map((source) =>
  join("test", "dist", relative(at("test"), source).replace(/ts$/, "js")),
);
if (files.length === 0) fail("No test file found under test/.");

const results = at(".cache", "test", "junit.xml");
mkdirSync(dirname(results), { recursive: true });
const began = Date.now();
const passed = run(
  process.execPath,
  [
    ...["--enable-source-maps", "--test", "--test-concurrency=1", "--test-timeout=1200000"],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...["--test-reporter=junit", `--test-reporter-destination=${results}`],
    ...files,
  ],
  { TF_CPP_MIN_LOG_LEVEL: "3", ...(chromium && { CHROMIUM: chromium }) },
);

// The runner counts a file without any test as one that passed; here only tests count.
const cases = readFileSync(results, "utf8")
  .split("<testcase ")
  .slice(1)
  .filter((text) => !/^name="[^"]*\.test\.js"/.test(text) || text.includes("<failure"));
const count = (mark) => cases.filter((text) => text.includes(mark)).length;
const [failed, skipped] = [count("<failure"), count("<skipped")];
const good = cases.length - failed - skipped;
console.log(`\nTests took ${Math.round((Date.now() - began) / 1000)} s; results: ${relative(root, results)}`);
console.log(`${good} passed, ${failed} failed, ${skipped} skipped`);
if (good === 0) fail("No test ran.");
process.exit(passed && failed === 0 ? 0 : 1);
