// npm run notebooks -- [name…] [--quick | --text]: builds the course's notebooks; a name may be a beginning, such as 3.6.
// --quick runs with reduced budgets and writes into a temporary folder: it proves that all cells run, and changes nothing.
// --text takes over words and links of sources whose code has not changed, without running anything, and the table of notebooks/README.md.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, typeCheck } from "./build.mjs";
import { sourceNames } from "./check.mjs";
import { withTable } from "./contents.mjs";
import { NotebookError } from "./source.mjs";

const folder = fileURLToPath(new URL("../../notebooks", import.meta.url));
const flags = process.argv.slice(2).filter((arg) => arg.startsWith("-"));
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith("-"));
const quick = flags.includes("--quick"), text = flags.includes("--text");

const all = sourceNames(folder);
const names = wanted.length ? all.filter((name) => wanted.some((start) => name.startsWith(start))) : all;
const unknown = [...flags.filter((flag) => !["--quick", "--text"].includes(flag)), ...wanted.filter((start) => !all.some((name) => name.startsWith(start)))];
if (unknown.length || !names.length) {
  const what = unknown.length ? `not known: ${unknown.join(" ")}` : "there is no source in notebooks/src";
  console.error(`usage: npm run notebooks -- [name…] [--quick | --text]\n${what}\nsources: ${all.join(" ")}`);
  process.exit(2);
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(0)} s`;
const out = quick ? mkdtempSync(join(tmpdir(), "tunelab-quick-")) : folder;
const clear = process.stdout.isTTY ? "\r\x1b[K" : ""; // back to the start of the line, which is emptied
let failed = 0;

async function buildOne(name) {
  const start = performance.now();
  let at = "starting the kernel";
  let lastLine = start; // a log gets a line every 30 s, a terminal one that is rewritten
  const tell = () => {
    if (clear) process.stdout.write(`${clear}${name}: ${at}, ${seconds(start)}`);
    else if (performance.now() - lastLine > 30_000) {
      lastLine = performance.now();
      console.log(`${name}: ${at}, ${seconds(start)}`);
    }
  };
  const beat = setInterval(tell, 1000);
  try {
    await build(folder, name, { quick, text, out, onCell: (i, n) => ((at = `cell ${i + 1} of ${n}`), tell()) });
    console.log(`${clear}${name}: done in ${seconds(start)}`);
  } catch (error) {
    if (!(error instanceof NotebookError)) throw error;
    failed++;
    console.error(`${clear}${name}: FAILED after ${seconds(start)}, the notebook from before is kept\n${error.message}`);
  } finally {
    clearInterval(beat);
  }
}

try {
  await typeCheck(names.map((name) => join(folder, "src", `${name}.ts`)));
} catch (error) {
  if (!(error instanceof NotebookError)) throw error;
  console.error(error.message);
  process.exit(1);
}
for (const name of names) await buildOne(name);
const readme = join(folder, "README.md");
if (!quick) writeFileSync(readme, withTable(readFileSync(readme, "utf8"), folder));
if (quick) console.log(`written to ${out}`);
process.exitCode = failed ? 1 : 0;
