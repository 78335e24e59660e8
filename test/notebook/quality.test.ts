/** What every committed notebook must keep: the same code and figures in both languages, no error, nothing of the machine, figures that can be read aloud. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const names = readdirSync("notebooks/src").map((file) => file.replace(/\.ts$/, ""));
const notebook = (language: string, name: string) => JSON.parse(readFileSync(join("notebooks", language, `${name}.ipynb`), "utf8")).cells as any[];
const text = (source: string | string[]): string => [source].flat().join("");
const PLOT = "application/vnd.plotly.v1+json";
/** Paths of whoever built it: homes, temporary folders, drives. */
const MACHINE = /(?<![\w.])(\/home\/\w|\/root\/|\/Users\/\w|\/tmp\/|\/work\/|[A-Z]:\\Users)/;
/** Links of JupyterLab's kind in Markdown and HTML. */
const links = (cell: any): string[] => [...text(cell.source).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to);

for (const name of names) test(`${name} keeps the course's rules`, () => {
  const [zh, en] = ["zh", "en"].map((language) => notebook(language, name));
  const code = (cells: any[]) => cells.filter((c) => c.cell_type === "code");
  assert.deepEqual(code(zh).map((c) => text(c.source)), code(en).map((c) => text(c.source)), "code cells differ by language");
  const kinds = (cells: any[]) => code(cells).map((c) => c.outputs.map((o: any) => Object.keys(o.data ?? { [o.output_type]: 0 }).sort().join()));
  assert.deepEqual(kinds(zh), kinds(en), "outputs differ by language");
  for (const [language, cells] of [["zh", zh], ["en", en]] as const) for (const cell of cells) {
    const where = `${language}, ${cell.id}`;
    if (cell.cell_type === "markdown") for (const to of links(cell)) if (!/^(https?:|#|attachment:)/.test(to)) assert.ok(existsSync(join("notebooks", language, decodeURI(to.split("#")[0]))), `${where}: the link ${to} leads nowhere`);
    assert.doesNotMatch(text(cell.source), MACHINE, where);
    if (cell.cell_type !== "code") continue;
    assert.ok(Number.isInteger(cell.execution_count), `${where}: not run`);
    const allowed = cell.metadata.tags?.includes("raises-exception");
    for (const output of cell.outputs) {
      assert.ok(allowed || output.output_type !== "error", `${where}: shows an error`);
      assert.ok(allowed || output.name !== "stderr", `${where}: wrote to stderr: ${text(output.text ?? "")}`);
      const words = JSON.stringify({ ...output, data: { ...output.data, "image/png": undefined } });
      assert.doesNotMatch(words, MACHINE, where);
      assert.doesNotMatch(words, /[\uE000-\uE002]/, `${where}: a text in two languages was not chosen`);
      const figure = output.data?.[PLOT];
      if (!figure) continue;
      const { layout } = figure, title = layout.title?.text, axes = Object.entries(layout).filter(([key]) => /^[xy]axis\d*$/.test(key)) as [string, any][];
      assert.ok(title?.trim(), `${where}: a figure without a title`);
      assert.ok(layout.meta?.alt?.trim(), `${where}: "${title}" has no text alternative`);
      assert.ok(output.data["image/png"] && text(output.data["text/plain"]).includes(layout.meta.alt.slice(0, 20)), `${where}: "${title}" has no static picture or its text is missing`);
      // names of categories say themselves what they are
      const named = (axis: string) => figure.data.some((trace: any) => typeof trace[axis]?.find?.((v: unknown) => v !== null) === "string");
      for (const [key, axis] of axes) if (axis.visible !== false && !axis.matches && !named(key[0])) assert.ok(axis.title?.text?.trim(), `${where}: "${title}" has no ${key} label`);
      const numbers = JSON.stringify(figure.data).match(/null/g)?.length ?? 0, all = figure.data.reduce((n: number, trace: any) => n + (trace.y?.length ?? trace.z?.length ?? 1), 0);
      assert.ok(all > 0 && numbers < 1e5, `${where}: "${title}" shows nothing`);
    }
  }
});
