// npm run api: docs/api/ from the library's docstrings (TypeDoc, Markdown): a page a folder of lib/, with the head comment of each file, and
// symbols.json, which says where each name is to be found. With --check: says whether docs/api is what the sources give, and writes nothing.
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, ReflectionKind } from "typedoc";

const root = fileURLToPath(new URL("..", import.meta.url)), committed = join(root, "docs", "api"), check = process.argv.includes("--check");
const MODULES = ["tensor", "model", "methods", "objectives", "optimizers", "train", "theory", "text", "metrics", "course"];
const HEAD = /^\/\*\*([^]*?)\*\//;

/** What a file's head comment says, as one paragraph a blank line apart; equations keep their lines. */
function head(file) {
  const found = HEAD.exec(readFileSync(file, "utf8"));
  return found ? found[1].split("\n").map((line) => line.replace(/^ \* ?/, "").trimEnd()).join("\n").trim() : "";
}
/** The list of a folder's files with their heads, which TypeDoc leaves out. */
function files(module) {
  const folder = join(root, "lib", module), names = readdirSync(folder).filter((name) => name.endsWith(".ts") && name !== "index.ts").sort();
  return names.map((name) => `### [${module}/${name}](../../lib/${module}/${name})\n\n\`\`\`text\n${head(join(folder, name))}\n\`\`\`\n`).join("\n");
}

/** GitHub's names of headings are in small letters, JupyterLab's are not, and links follow GitHub: an anchor before each name serves both. */
const anchored = (text) => text.replace(/^### (\w+)(\(\))?$/gm, (heading, name) => `<a id="${name.toLowerCase()}"></a>\n\n${heading}`);

const out = mkdtempSync(join(tmpdir(), "tunelab-api-"));
try {
  process.chdir(root);
  const app = await Application.bootstrapWithPlugins({
    name: "Tunelab", entryPoints: MODULES.map((m) => `lib/${m}/index.ts`), tsconfig: "lib/tsconfig.json", plugin: ["typedoc-plugin-markdown"], out, readme: "none", router: "module",
    hidePageHeader: true, hideBreadcrumbs: true, disableSources: false, sourceLinkTemplate: "../../{path}", disableGit: true, excludeExternals: true, excludePrivate: true,
    useCodeBlocks: true, parametersFormat: "table", interfacePropertiesFormat: "table", logLevel: "Error",
  });
  const project = await app.convert();
  if (!project) throw new Error("TypeDoc found errors");
  const symbols = {};
  for (const module of project.children) for (const child of module.children ?? []) {
    if (child.kindOf(ReflectionKind.Reference) || !child.sources?.length) continue;
    symbols[child.name] = { module: module.name, file: child.sources[0].fileName.replace(/^(?!lib\/)/, "lib/") };
  }
  for (const reflection of Object.values(project.reflections)) delete reflection.sources; // line numbers would change with every edit
  app.options.setValue("disableSources", true);
  await app.generateOutputs(project);
  for (const module of MODULES) {
    const page = join(out, `${module}.md`), text = readFileSync(page, "utf8");
    writeFileSync(page, anchored(text).replace(/^(# .*\n)/, (title) => `${title}\n## Files\n\n${files(module)}`));
  }
  const byName = Object.fromEntries(Object.entries(symbols).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(out, "symbols.json"), JSON.stringify(byName, null, 1) + "\n");
  const made = readdirSync(out).sort(), read = (folder, name) => { try { return readFileSync(join(folder, name), "utf8"); } catch { return ""; } };
  if (check) {
    const old = made.filter((name) => read(out, name) !== read(committed, name));
    console.log(old.length ? `docs/api is older than the library (${old.join(", ")}): run \`npm run api\`` : "docs/api: what the library's docstrings say");
    process.exitCode = old.length ? 1 : 0;
  } else {
    rmSync(committed, { recursive: true, force: true });
    cpSync(out, committed, { recursive: true });
    console.log(`docs/api: ${made.length} files, ${Object.keys(byName).length} names`);
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
