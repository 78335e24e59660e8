// Are the notebooks in zh/ and en/ what their sources would give? Run: node scripts/notebooks/check.mjs
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { contents, lastCell, withTable } from "./contents.mjs";
import { LANGUAGES, NotebookError, cellsFor, checkHeadings, parseSource, sourceHash } from "./source.mjs";

function names(folder, suffix) {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(suffix)) : [];
  return files.map((file) => basename(file, suffix)).sort();
}

/** The names of a course folder's sources (src/<name>.ts). */
export const sourceNames = (folder) => names(join(folder, "src"), ".ts");

function problemsOf(notebook, cells, last, hash) {
  const text = ({ source }) => (Array.isArray(source) ? source.join("") : source), all = [...cells, ...last];
  const same = (cell, i) => cell.cell_type === all[i]?.kind && text(cell) === all[i].text;
  if (notebook.metadata?.tunelab?.sha256 !== hash) return ["is older than its source: run"];
  if (!notebook.cells.slice(0, cells.length).every(same) || notebook.cells.length < cells.length) return ["was edited by hand; edit the source instead: run"];
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  if (!code.every((cell) => Number.isInteger(cell.execution_count))) return ["holds cells that were not run: run"];
  return notebook.cells.length === all.length && notebook.cells.every(same) ? [] : ["has old links in its last cell: run `npm run notebooks -- --text` or"];
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
      const found = notebook ? problemsOf(notebook, cellsFor(cells, language), lastCell(folder, name, language, cells), sourceHash(text)) : ["is missing: run"];
      problems.push(...found.map((problem) => `${language}/${name}.ipynb ${problem} \`npm run notebooks -- ${name}\``));
    }
  }
  for (const language of LANGUAGES) {
    const orphans = names(join(folder, language), ".ipynb").filter((name) => !sources.includes(name));
    problems.push(...orphans.map((name) => `${language}/${name}.ipynb has no source src/${name}.ts: delete it`));
  }
  const listed = contents(folder).map(({ name }) => name);
  if (listed.length) {
    problems.push(...sources.filter((name) => !listed.includes(name)).map((name) => `course.json does not list ${name}: add it`), ...listed.filter((name) => !sources.includes(name)).map((name) => `course.json lists ${name}, which has no source`));
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    if (withTable(readme, folder) !== readme) problems.push("README.md's table is not what course.json says: run `npm run notebooks -- --text`");
  }
  return problems;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const problems = checkNotebooks(fileURLToPath(new URL("../../notebooks", import.meta.url)));
  console.log(problems.length ? problems.join("\n") : "notebooks: all built from their sources");
  process.exitCode = problems.length ? 1 : 0;
}
