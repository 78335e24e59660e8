/** Every notebook of the course runs from its first cell to its last, on reduced budgets; what is committed is not touched. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

const script = (name: string) => import(pathToFileURL(resolve("scripts/notebooks", name)).href);
const out = mkdtempSync(join(tmpdir(), "tunelab-quick-"));
after(() => rmSync(out, { recursive: true, force: true }));
const course = JSON.parse(readFileSync("notebooks/course.json", "utf8")) as { name: string }[];

// Two at a time: much of a short run is one thread's work (types, traces, compilation).
describe("on reduced budgets", { concurrency: 2 }, () => {
  for (const { name } of course) it(`${name} runs`, { timeout: 900_000 }, async () => {
    const { build } = await script("build.mjs");
    let cells = 0;
    await build(resolve("notebooks"), name, { quick: true, out, onCell: () => cells++ });
    assert.ok(cells > 0);
    for (const language of ["zh", "en"]) assert.ok(JSON.parse(readFileSync(join(out, language, `${name}.ipynb`), "utf8")).cells.length > cells);
  });
});
