/**
 * Words that differ between the Chinese and the English notebook.
 *
 * A notebook's source is run once for both languages, so that both show the same measurement. During that run
 * (TUNELAB_LANG=both) `t` returns both texts between private-use characters, which survive JSON and HTML; the builder
 * (scripts/notebooks) keeps one of them in each notebook. So a reader sees one language, and nothing is computed twice.
 * A student's own run returns plain text: the language of TUNELAB_LANG, else of the folder (notebooks/zh, notebooks/en),
 * else English.
 */
import { basename } from "path";

export type Language = "zh" | "en";

const [OPEN, BETWEEN, CLOSE] = ["\uE000", "\uE001", "\uE002"];
const MARKED = /\uE000([^\uE000-\uE002]*)\uE001([^\uE000-\uE002]*)\uE002/g;

/** The language to show now; "both" only while the builder runs. */
export function language(): Language | "both" {
  const chosen = process.env.TUNELAB_LANG || basename(process.cwd());
  return chosen === "zh" || chosen === "both" ? chosen : "en";
}

/** `t({ zh: "损失", en: "loss" })`: one text in the reader's language. Only for showing: do not measure or parse it. */
export function t(text: Record<Language, string>): string {
  const now = language();
  return now === "both" ? OPEN + text.zh + BETWEEN + text.en + CLOSE : text[now];
}

/** A text with every `t` of a build run replaced by one language; `t` inside `t` too. */
export function pick(text: string, wanted: Language): string {
  for (let before = ""; before !== text; ) {
    before = text;
    text = text.replace(MARKED, (_, zh: string, en: string) => (wanted === "zh" ? zh : en));
  }
  return text;
}
