/** Every notebook of the course runs from its source, on a reduced budget: each cell, without an error and without a word on stderr. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = resolve("notebooks"), sources = readdirSync(join(folder, "src")).filter((file) => file.endsWith(".ts"));
const out = mkdtempSync(join(tmpdir(), "tunelab-reduced-"));
after(() => rmSync(out, { recursive: true, force: true }));

test("every notebook on a reduced budget", { timeout: 19 * 60_000 }, async (suite) => {
  const { build, typeCheck } = await import(pathToFileURL(resolve("scripts/notebooks/build.mjs")).href);
  await suite.test("sources are well typed", () => typeCheck(sources.map((file) => join(folder, "src", file))));
  for (const file of sources) await suite.test(basename(file, ".ts"), { timeout: 5 * 60_000 }, () => build(folder, basename(file, ".ts"), { quick: true, out }));
});
