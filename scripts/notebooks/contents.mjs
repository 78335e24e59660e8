// The order of the course (notebooks/course.json) and what follows from it: the last cell of every notebook (back, forward, the library's code that
// it uses) and the table in notebooks/README.md.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const symbols = (root) => {
  const file = join(root, "docs", "api", "symbols.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
};
/** The sections in order: { name, title: { zh, en }, model, minutes, memory (GB) }; empty for a folder that is no course. */
export function contents(folder) {
  const file = join(folder, "course.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
}

const WORDS = { zh: { index: "目录", used: "本节用到的库代码（点名字看文档，点文件看源码）" }, en: { index: "Contents", used: "The library's code that this notebook uses (a name leads to its documentation, a file to its source)" } };

/** Names of the library that the code cells use: after `tl.`, or imported from "tunelab". */
function namesUsed(cells) {
  const code = cells.filter(({ kind }) => kind === "code").map(({ text }) => text).join("\n");
  const imported = [...code.matchAll(/import \{([^}]*)\} from "tunelab[^"]*"/g)].flatMap(([, list]) => list.split(",").map((name) => name.trim()));
  return [...new Set([...imported, ...[...code.matchAll(/\btl\.(\w+)/g)].map(([, name]) => name)])];
}

/** The cell that ends a notebook (what shows things, lib/course, is not named); nothing for one that the course does not list. */
export function lastCell(folder, name, language, cells) {
  const sections = contents(folder), at = sections.findIndex((section) => section.name === name);
  if (at < 0) return [];
  const link = (i, arrow) => (sections[i] ? [arrow(`[${sections[i].title[language]}](${sections[i].name}.ipynb)`)] : []), { index, used } = WORDS[language];
  const middle = name !== "index" && sections.some((section) => section.name === "index") ? [`[${index}](index.ipynb)`] : [];
  const line = [...link(at - 1, (text) => `← ${text}`), ...middle, ...link(at + 1, (text) => `${text} →`)].join(" · ");
  const known = symbols(fileURLToPath(new URL("../..", import.meta.url))), byFile = new Map();
  for (const symbol of namesUsed(cells)) if (Object.hasOwn(known, symbol) && known[symbol].module !== "course") byFile.set(known[symbol].file, [...(byFile.get(known[symbol].file) ?? []), symbol]);
  const list = [...byFile].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, names]) => `* [${file}](../../${file}): ${names.map((symbol) => `[\`${symbol}\`](../../docs/api/${known[symbol].module}.md#${symbol.toLowerCase()})`).join(", ")}`);
  const details = list.length ? `\n\n<details><summary>${used}</summary>\n\n${list.join("\n")}\n\n</details>` : "";
  return [{ kind: "markdown", lang: language, text: `---\n${line}${details}` }];
}

const MODELS = { none: "none · 无", course: "course model · 课程模型", SmolLM2: "SmolLM2-135M" };
/** The table of notebooks/README.md. */
export function readmeTable(folder) {
  const link = (name, language) => `[${name}.ipynb](${language}/${name}.ipynb)`;
  const rows = contents(folder).map(({ name, title, model, minutes, memory }) =>
    `| ${title.en} · ${title.zh} | ${link(name, "en")} | ${link(name, "zh")} | ${model.split(", ").map((m) => MODELS[m]).join(", ")} | ${minutes} min | ${memory} GB |`);
  return ["| section · 章节 | English | 中文 | model · 模型 | time on 2 CPU cores · 时间 | memory · 内存 |", "|---|---|---|---|---|---|", ...rows].join("\n");
}
export const withTable = (readme, folder) => readme.replace(/^\| section[^]*?\n(?!\|)/m, () => `${readmeTable(folder)}\n`);
