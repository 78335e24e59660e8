// A notebook's source: one TypeScript file in Jupytext's percent format, for both languages.
//   // %% [markdown] lang="zh"     words for the Chinese notebook (lang="en": for the English one; without lang: for both)
//   // %% tags=["raises-exception"] a code cell, shared; the tag says that it shows an error on purpose
import { createHash } from "node:crypto";

export const LANGUAGES = ["zh", "en"];

/** A source, or a notebook made from it, breaks a rule; the message names file and line. */
export class NotebookError extends Error {}

function parseMarker(line, where) {
  const [, markdown, rest] = /^\/\/ %%( \[markdown\])?(.*)$/.exec(line);
  const fields = Object.fromEntries([...rest.matchAll(/ (\w+)=("[^"]*"|\[[^\]]*\])/g)].map(([, key, value]) => [key, JSON.parse(value)]));
  const { lang, tags, ...unknown } = fields;
  const understood = rest.replace(/ \w+=("[^"]*"|\[[^\]]*\])/g, "").trim() === "" && Object.keys(unknown).length === 0;
  if (!understood) throw new NotebookError(`${where}: cannot read "${line}"; a cell may carry lang="zh|en" and tags=["…"]`);
  if (lang !== undefined && (!markdown || !LANGUAGES.includes(lang))) {
    throw new NotebookError(`${where}: lang="${lang}"; only markdown cells have a language, "zh" or "en"`);
  }
  return { kind: markdown ? "markdown" : "code", lang, tags };
}

function uncomment(line, where) {
  if (line.trim() === "") return "";
  const text = /^\/\/ ?(.*)$/.exec(line);
  if (!text) throw new NotebookError(`${where}: a line of a markdown cell must start with "//"`);
  return text[1];
}

/**
 * The cells of a source, in order: { kind, lang, tags, text, line }. What stands before the first marker is the file's header.
 * @throws NotebookError naming `file` and line
 */
export function parseSource(text, file) {
  const cells = [];
  text.split(/\r?\n/).forEach((line, i) => {
    const where = `${file}:${i + 1}`;
    if (line.startsWith("// %%")) cells.push({ ...parseMarker(line, where), line: i + 1, lines: [] });
    else if (cells.length) cells.at(-1).lines.push(cells.at(-1).kind === "markdown" ? uncomment(line, where) : line);
    else if (line.trim() && !line.startsWith("//")) throw new NotebookError(`${where}: code before the first "// %%"`);
  });
  if (!cells.length) throw new NotebookError(`${file}: no cell; a cell starts with "// %%"`);
  return cells.map(({ lines, ...cell }) => ({ ...cell, text: lines.join("\n").replace(/^\s*\n|\s+$/g, "") }));
}

/** What one language's reader sees. */
export const cellsFor = (cells, language) => cells.filter(({ lang }) => lang === undefined || lang === language);

/** Levels and number of headings are the same in both languages, so that neither lacks a section. */
export function checkHeadings(cells, file) {
  const outline = (language) => {
    const markdown = cellsFor(cells, language).filter(({ kind }) => kind === "markdown");
    const words = markdown.map(({ text }) => text.replace(/^```[^]*?^```/gm, "")); // a # in a listing is no heading
    return words.join("\n").split("\n").flatMap((line) => /^(#{1,6}) /.exec(line)?.[1] ?? []);
  };
  const [zh, en] = LANGUAGES.map(outline);
  const at = Array.from({ length: Math.max(zh.length, en.length) }).findIndex((_, i) => zh[i] !== en[i]);
  if (at >= 0) {
    throw new NotebookError(`${file}: heading ${at + 1} is "${zh[at] ?? "missing"}" in Chinese and "${en[at] ?? "missing"}" in English`);
  }
}

/** Identifies a source's content; line ends do not count. */
export const sourceHash = (text) => createHash("sha256").update(text.replace(/\r\n/g, "\n")).digest("hex");

const toLines = (text) => text.split(/(?<=\n)/);

/** The Jupyter notebook of one language. `outputs[i]` belongs to the i-th code cell; without it cells have not been run. */
export function toNotebook(cells, { outputs, tunelab } = {}) {
  let code = 0;
  return {
    cells: cells.map(({ kind, tags, text }, i) => {
      const cell = { cell_type: kind, id: `cell-${i + 1}`, metadata: tags ? { tags } : {}, source: toLines(text) };
      if (kind === "markdown") return cell;
      code++;
      return { ...cell, execution_count: outputs ? code : null, outputs: outputs?.[code - 1] ?? [] };
    }),
    metadata: {
      kernelspec: { display_name: "TypeScript (Tunelab)", language: "typescript", name: "tslab" },
      language_info: { file_extension: ".ts", mimetype: "text/typescript", name: "typescript" },
      ...(tunelab && { tunelab }),
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}
