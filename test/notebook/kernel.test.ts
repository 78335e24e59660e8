// The kernel outlives a package that is installed, or a library that is compiled, while it runs (lab/kernel/tslab-fixes.cjs).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "tunelab-kernel-")));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Types and package.json of a package change together, and a file is added; then cells are converted with what is new. */
const SCRIPT = `
const { writeFileSync } = require("node:fs"), { setTimeout: sleep } = require("node:timers/promises");
const { createConverter } = require(${JSON.stringify(resolve("node_modules/tslab/dist/converter.js"))});
const write = (version) => {
  writeFileSync("node_modules/a/index.d.ts", "export const x" + version + ": number;");
  writeFileSync("node_modules/a/package.json", JSON.stringify({ name: "a", types: "index.d.ts", version: version + ".0.0" }));
  writeFileSync("node_modules/a/more" + version + ".d.ts", "export {};");
};
const convert = (cell) => converter.convert("", cell).diagnostics.map((d) => d.messageText);
write(0);
const converter = createConverter(), found = [convert("import * as a from 'a'; const y = a.x0;")];
(async () => {
  for (const version of [1, 2]) {
    write(version);
    await sleep(1500);
    found.push(convert("import * as a from 'a'; const y = a.x" + version + ";"), convert("import * as a from 'a'; const y = a.x0;"));
  }
  console.log(JSON.stringify(found));
  converter.close();
  process.exit();
})();
`;

test("packages that change while the kernel runs are seen, and do not end it", { timeout: 60_000 }, () => {
  mkdirSync(join(folder, "node_modules", "a"), { recursive: true });
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--require", resolve("lab/kernel/tslab-fixes.cjs"), "-e", SCRIPT], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout).map((messages: string[]) => messages.map((m) => m.match(/'x0' does not exist/)?.[0])), [[], [], ["'x0' does not exist"], [], ["'x0' does not exist"]]);
});
