/** A text as its tokens, with some of them marked: what a model reads and what it is trained on. */
import { html, showHtml } from "./html";

export interface Token { text: string; marked: boolean }

/** Shows tokens in a row; marked ones are coloured and underlined, so that colour is not the only sign. */
export function showTokens(tokens: readonly Token[], legend: { marked: string; plain: string }): void {
  const visible = (text: string) => text.replaceAll("\n", "↵").replaceAll(" ", "·");
  const style = (marked: boolean) => `padding:1px 2px;margin:1px;border-radius:3px;display:inline-block;${marked ? "background:#cfe8ff;border-bottom:2px solid #0072B2" : "background:#eeeeee;color:#444444"}`;
  const span = ({ text, marked }: Token) => html`<span style="${style(marked)}">${visible(text)}</span>`;
  const key = html`<p>${span({ text: legend.plain, marked: false })} ${span({ text: legend.marked, marked: true })}</p>`;
  showHtml(html`<div style="line-height:1.9;font-family:monospace">${tokens.map(span)}</div>${key}`, tokens.map(({ text, marked }) => (marked ? `[${visible(text)}]` : visible(text))).join(" "));
}
