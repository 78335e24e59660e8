/** Small tables of results. */
import { html, showHtml } from "./html";

/** A number as a reader wants it: integers whole, others with 4 significant digits. */
function cellText(value: unknown): string {
  if (typeof value !== "number" || Number.isInteger(value) || !Number.isFinite(value)) return value == null ? "" : String(value);
  return String(Number(value.toPrecision(4)));
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

/** Columns of a terminal: Chinese, Japanese and full-width characters take two. */
function textWidth(text: string): number {
  return [...text].reduce((width, c) => width + (WIDE.test(c) ? 2 : 1), 0);
}

/** The rows as lines of plain text with aligned columns; numbers to the right. */
export function tableText(rows: Record<string, unknown>[]): string {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const lines = [columns, ...rows.map((row) => columns.map((name) => cellText(row[name])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => textWidth(line[i]!))));
  const numeric = columns.map((name) => rows.every((row) => row[name] == null || typeof row[name] === "number"));
  const pad = (text: string, i: number) => {
    const space = " ".repeat(widths[i]! - textWidth(text));
    return numeric[i] ? space + text : text + space;
  };
  const ruled = [lines[0]!, widths.map((width) => "-".repeat(width)), ...lines.slice(1)];
  return ruled.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}

/** Shows rows as a table: `table([{ rank: 8, loss: 1.234 }, …], "Rank sweep")`. Column names are the keys, in order of appearance. */
export function table(rows: Record<string, unknown>[], caption = ""): void {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const head = columns.map((name) => html`<th scope="col">${name}</th>`);
  const body = rows.map((row) => html`<tr>${columns.map((name) => html`<td>${cellText(row[name])}</td>`)}</tr>`);
  const top = caption ? html`<caption>${caption}</caption>` : "";
  const text = (caption && `${caption}\n`) + tableText(rows);
  showHtml(html`<table>${top}<thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`, text);
}
