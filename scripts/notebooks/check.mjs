// Are the notebooks in zh/ and en/ what their sources would give? Run: node scripts/notebooks/check.mjs
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LANGUAGES, NotebookError, cellsFor, checkHeadings, parseSource, sourceHash } from "./source.mjs";

function names(folder, suffix) {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(suffix)) : [];
  return files.map((file) => basename(file, suffix)).sort();
}

/** The names of a course folder's sources (src/<name>.ts). */
export const sourceNames = (folder) => names(join(folder, "src"), ".ts");

function problemsOf(notebook, cells, hash) {
  if (notebook.metadata?.tunelab?.sha256 !== hash) return ["is older than its source"];
  const text = ({ source }) => (Array.isArray(source) ? source.join("") : source);
  const same = (cell, i) => cell.cell_type === cells[i]?.kind && text(cell) === cells[i].text;
  if (notebook.cells.length !== cells.length || !notebook.cells.every(same)) return ["was edited by hand; edit the source instead"];
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  return code.every((cell) => Number.isInteger(cell.execution_count)) ? [] : ["holds cells that were not run"];
}

/**
 * All that is wrong with a course folder (src/, zh/, en/), as sentences that name the file and the remedy; empty when all is well:
 * missing, outdated, hand-edited or not executed notebooks, notebooks without a source, headings that differ by language.
 */
export function checkNotebooks(folder) {
  const problems = [];
  const sources = sourceNames(folder);
  for (const name of sources) {
    const file = join(folder, "src", `${name}.ts`);
    const text = readFileSync(file, "utf8");
    let cells;
    try {
      cells = parseSource(text, relative(folder, file));
      checkHeadings(cells, relative(folder, file));
    } catch (error) {
      if (!(error instanceof NotebookError)) throw error;
      problems.push(error.message);
      continue;
    }
    for (const language of LANGUAGES) {
      const path = join(folder, language, `${name}.ipynb`);
      const notebook = existsSync(path) && JSON.parse(readFileSync(path, "utf8"));
      const found = notebook ? problemsOf(notebook, cellsFor(cells, language), sourceHash(text)) : ["is missing"];
      problems.push(...found.map((problem) => `${language}/${name}.ipynb ${problem}: run \`npm run notebooks -- ${name}\``));
    }
  }
  for (const language of LANGUAGES) {
    const orphans = names(join(folder, language), ".ipynb").filter((name) => !sources.includes(name));
    problems.push(...orphans.map((name) => `${language}/${name}.ipynb has no source src/${name}.ts: delete it`));
  }
  return problems;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const problems = checkNotebooks(fileURLToPath(new URL("../../notebooks", import.meta.url)));
  console.log(problems.length ? problems.join("\n") : "notebooks: all built from their sources");
  process.exitCode = problems.length ? 1 : 0;
}
