// Builds notebooks from sources: each source is type-checked, run once, and written in both languages.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { lastCell } from "./contents.mjs";
import { inLanguage, notebookJson, withoutMachine } from "./outputs.mjs";
import { LANGUAGES, NotebookError, cellsFor, checkHeadings, parseSource, sourceHash, toNotebook } from "./source.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");
const RUNNER = fileURLToPath(new URL("run.py", import.meta.url));
const SECONDS_PER_CELL = { quick: 900, full: 7200 };

/** The Python of the Jupyter that is used: .venv's, or the one beside TUNELAB_JUPYTER. */
const python = () => join(process.env.TUNELAB_JUPYTER ? dirname(process.env.TUNELAB_JUPYTER) : join(root, ".venv", "bin"), "python");

/** Resolves with the child's exit code and what it wrote to the given streams; rejects when it cannot start. */
function finished(child, streams) {
  let text = "";
  for (const stream of streams) stream.on("data", (part) => (text += part));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, text }));
  });
}

/**
 * Type-checks sources with the project's TypeScript, all cells of a source as one module: so top-level names are unique in it.
 * @throws NotebookError with the compiler's messages
 */
export async function typeCheck(files) {
  const modules = "--module esnext --moduleResolution bundler --moduleDetection force";
  const options = `--noEmit --strict --skipLibCheck --target es2022 --lib es2023 --types node ${modules}`.split(" ");
  const args = [join(root, "node_modules/typescript/bin/tsc"), ...options, ...files];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const { code, text } = await finished(child, [child.stdout, child.stderr]);
  if (code !== 0) throw new NotebookError(`type errors:\n${text.trim()}`);
}

/** Runs the code cells in `folder`; resolves with the outputs of each. `onCell(i, n)` is called before each one. */
async function run(cells, { file, folder, quick, onCell }) {
  const work = mkdtempSync(join(tmpdir(), "tunelab-notebook-"));
  try {
    const [source, target] = [join(work, "source.ipynb"), join(work, "executed.ipynb")];
    writeFileSync(source, JSON.stringify(toNotebook(cells)));
    const env = { ...process.env, TUNELAB_STATIC: "1", TUNELAB_LANG: "both", ...(quick && { TUNELAB_QUICK: "1" }) };
    const limit = String(quick ? SECONDS_PER_CELL.quick : SECONDS_PER_CELL.full);
    const child = spawn(python(), [RUNNER, source, target, folder, limit], { env, stdio: ["ignore", "pipe", "pipe"] });
    let failure, strays = ""; // a kernel that dies writes to the runner's output too
    createInterface({ input: child.stdout }).on("line", (line) => {
      let message;
      try { message = JSON.parse(line); } catch { strays += `${line}\n`; return; }
      if (message.message === undefined) onCell(message.cell, message.of);
      else failure = new NotebookError(`${file}:${cells[message.failed].line}: ${message.message}\n\n${cells[message.failed].text}`);
    });
    const { code, text } = await finished(child, [child.stderr]).catch((error) => {
      throw new NotebookError(`${python()} cannot be started (${error.message}): run \`npm run setup\``);
    });
    if (failure) throw failure;
    if (code !== 0) throw new NotebookError(`${file}: the runner failed:\n${(strays + text).trim().split("\n").slice(-15).join("\n")}`);
    return JSON.parse(readFileSync(target, "utf8")).cells.map((cell) => cell.outputs);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Outputs of both languages from the notebooks that are there. @throws NotebookError where their code is not the source's, or was not run */
function outputsBefore(folder, name, code, file) {
  return LANGUAGES.map((language) => {
    const path = join(folder, language, `${name}.ipynb`), old = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).cells.filter((cell) => cell.cell_type === "code") : [];
    const same = old.length === code.length && old.every((cell, i) => [cell.source].flat().join("") === code[i].text && Number.isInteger(cell.execution_count));
    if (!same) throw new NotebookError(`${file}: its code was changed since ${language}/${name}.ipynb was run; build it without --text`);
    return old.map((cell) => cell.outputs);
  });
}

/**
 * Builds <folder>/zh/<name>.ipynb and en/<name>.ipynb from src/<name>.ts. Both are replaced only when all went well.
 * `quick`: reduced budgets (TUNELAB_QUICK=1). `text`: words and links only, keeping the outputs of code that has not changed.
 * `out`: write there instead of into `folder`.
 * @throws NotebookError naming file, line and what was wrong
 */
export async function build(folder, name, { quick = false, text: textOnly = false, out = folder, onCell = () => {} } = {}) {
  const path = join(folder, "src", `${name}.ts`);
  const file = relative(root, path);
  const text = readFileSync(path, "utf8");
  const cells = parseSource(text, file);
  checkHeadings(cells, file);
  const code = cells.filter(({ kind }) => kind === "code");
  const fresh = async () => {
    const runIn = join(folder, LANGUAGES[0]); // as deep as the notebooks will lie, so that relative paths hold
    mkdirSync(runIn, { recursive: true });
    const raw = await run(code, { file, folder: runIn, quick, onCell });
    const clean = raw.map((outputs, i) => withoutMachine(outputs, root, `${file}:${code[i].line}`));
    return LANGUAGES.map((language) => clean.map((cellOutputs) => inLanguage(cellOutputs, language)));
  };
  const outputs = textOnly ? outputsBefore(folder, name, code, file) : await fresh();
  const written = LANGUAGES.map((language, i) => {
    const tunelab = { source: `src/${name}.ts`, sha256: sourceHash(text) };
    const target = join(out, language, `${name}.ipynb`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.new`, notebookJson(toNotebook([...cellsFor(cells, language), ...lastCell(folder, name, language, cells)], { outputs: outputs[i], tunelab })));
    return target;
  });
  for (const target of written) renameSync(`${target}.new`, target);
  return written;
}
