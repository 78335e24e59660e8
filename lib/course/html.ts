/** HTML for notebooks in which every inserted value is escaped: `html\`<b>${text}</b>\``. */
import { Display, inKernel } from "./display";

/** Markup that is safe to insert as it stands. Made by `html` only. */
export class Html {
  constructor(readonly markup: string) {}
}

const ENTITY: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as it must stand in HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITY[c]!);
}

function insert(value: unknown): string {
  if (value instanceof Html) return value.markup;
  return Array.isArray(value) ? value.map(insert).join("") : escapeHtml(String(value));
}

/** A template whose values are escaped; Html values and lists of them go in as they are. */
export function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  return new Html(parts.reduce((all, part, i) => all + insert(values[i - 1]) + part));
}

/** Shows markup in a notebook; `text` is what a terminal, and a reader without HTML, gets. */
export function showHtml(content: Html, text: string): void {
  if (inKernel()) new Display().write({ "text/html": content.markup, "text/plain": text });
  else console.log(text);
}
