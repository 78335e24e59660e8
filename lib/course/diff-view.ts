/** What changed in a text, for reading: removed pieces struck through, added ones underlined. */
import type { DiffPiece } from "../text/diff";
import { html, showHtml } from "./html";

const STYLES: Record<DiffPiece["kind"], string> = {
  same: "", removed: "background:#fde2d9;color:#8a3000;text-decoration:line-through", added: "background:#d9f2e6;color:#00563c;text-decoration:underline",
};

/** Shows the pieces of textDiff; control and zero-width characters by their code, line ends as ↵. In plain text: [-removed-]{+added+}. */
export function showDiff(pieces: readonly DiffPiece[], caption = ""): void {
  const hidden = (c: string) => `\u27e8${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  const visible = (text: string) => text.replace(/\r?\n/g, "↵\n").replace(/(?!\n)[\p{Cc}\p{Cf}\u3000\u00a0]/gu, hidden);
  const body = pieces.map(({ kind, text }) => html`<span style="${STYLES[kind]}">${visible(text)}</span>`);
  const mark = { same: ["", ""], removed: ["[-", "-]"], added: ["{+", "+}"] };
  const plain = pieces.map(({ kind, text }) => mark[kind][0] + visible(text) + mark[kind][1]).join("");
  showHtml(html`<p><b>${caption}</b></p><div style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6">${body}</div>`, (caption && `${caption}\n`) + plain);
}
