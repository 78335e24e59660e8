/** The committed API reference says what the docstrings say, and names what the library exports. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

test("docs/api is what the library's docstrings give", { timeout: 180_000 }, () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["scripts/api.mjs", "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
});

test("every function that the library exports has its place in it", async () => {
  const symbols = JSON.parse(readFileSync("docs/api/symbols.json", "utf8")) as Record<string, { module: string; file: string }>;
  const missing = Object.entries(await import("tunelab")).filter(([name, value]) => typeof value === "function" && name !== "default" && !Object.hasOwn(symbols, name)).map(([name]) => name);
  assert.deepEqual(missing.sort(), ["NonFiniteError", "TunelabError"]); // lib/errors.ts belongs to no folder
  for (const { module, file } of Object.values(symbols)) assert.ok(existsSync(file) && existsSync(`docs/api/${module}.md`), file);
});
