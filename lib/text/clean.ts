/**
 * Cleaning of raw text, one step a function: wrongly read encodings, HTML, entities, URLs, e-mail addresses, special characters, symbols, widths, Unicode form,
 * repeats, white space. Each takes a text and returns a text; `clean` runs several and says what each of them changed.
 */
import { Parser } from "htmlparser2";
import { TunelabError } from "../errors";

/** What Windows-1252 has at 0x80 to 0x9f; where it has nothing, Latin-1's control characters stand. */
const WINDOWS = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";
const BYTES = new Map(Array.from(WINDOWS, (c, i) => [c, 0x80 + i]));
const HIGH = String.raw`\x80-\xff${WINDOWS}`;
const HIGH_RUN = new RegExp(`[${HIGH}]{2,}`, "g"), BYTE_RUN = new RegExp(`[\\x20-\\x7e${HIGH}]+`, "g"), HIGHS = new RegExp(`[${HIGH}]`, "g");
/** The text whose bytes were read as Latin-1 or Windows-1252, or undefined where they are none. */
function decoded(run: string, encoding: "utf-8" | "gbk"): string | undefined {
  try { return new TextDecoder(encoding, { fatal: true }).decode(Uint8Array.from(run, (c) => BYTES.get(c) ?? c.charCodeAt(0))); } catch { return undefined; }
}

/** Text in UTF-8 or GBK that was read as Latin-1 put right: `cafÃ©` → `café`, `ÍøÂç°²È«` → `网络安全`. What was lost on the way (`锟斤拷`, U+FFFD) cannot be. */
export function repairMojibake(text: string): string {
  const utf8 = text.replace(HIGH_RUN, (run) => decoded(run, "utf-8") ?? run);
  // in GBK the second byte may be an ASCII letter; so many accented letters in a row are not Latin text
  return utf8.replace(BYTE_RUN, (run) => {
    const high = run.match(HIGHS)?.length ?? 0, chinese = high >= 6 && high > run.length / 2 ? decoded(run, "gbk") : undefined;
    const foreign = chinese?.match(/[^\x00-\x7f]/gu) ?? [];
    return chinese && foreign.filter((c) => /\p{Script=Han}/u.test(c)).length > foreign.length / 2 ? chinese : run;
  });
}

/** Elements whose content is not text for a reader. */
const UNREAD = new Set(["script", "style", "noscript", "template", "svg", "iframe", "object", "head", "select", "textarea"]);
/** Elements that begin and end a line. */
const BLOCKS = new Set("address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody td tfoot th thead tr ul title".split(" "));

/** What stands around the content of a page, by element or by what its class, id or role says. */
const AROUND = new Set("nav aside footer menu form button dialog".split(" "));
const AROUND_NAME = /(?:^|[\s_-])(?:nav|navbar|navigation|menu|footer|sidebar|aside|ads?|advert\w*|banner|sponsor\w*|promo\w*|cookies?|consent|share|sharing|social|related|recommend\w*|breadcrumbs?|pager|pagination|copyright|popup|modal|subscribe|newsletter|toolbar)(?:$|[\s_-])/i;

/**
 * The text of HTML: tags and comments go, so do scripts, styles and hidden elements with their content; block elements begin a new line.
 * Entities stay. `main` also drops what its markup calls navigation, advertising, footers and the like.
 */
export function stripHtml(text: string, { main = false }: { main?: boolean } = {}): string {
  let out = "", dropping = 0; // elements open since one was dropped
  const edge = (name: string) => { if (BLOCKS.has(name) && out && !out.endsWith("\n")) out += "\n"; };
  const dropped = (name: string, a: Record<string, string>): boolean =>
    UNREAD.has(name) || "hidden" in a || /display\s*:\s*none|visibility\s*:\s*hidden/i.test(a.style ?? "") ||
    (main && name !== "body" && name !== "html" && (AROUND.has(name) || [a.class, a.id, a.role].some((x) => x !== undefined && AROUND_NAME.test(x))));
  const parser = new Parser({
    onopentag(name, attributes) { if (dropping || dropped(name, attributes)) dropping++; edge(name); },
    onclosetag(name) { if (dropping) dropping--; edge(name); },
    ontext(piece) { if (!dropping) out += piece; },
  }, { decodeEntities: false, recognizeCDATA: true });
  parser.write(text);
  parser.end();
  return out;
}

/** `&lt;` → `<`, `&#20013;` → `中`, `&nbsp;` → U+00A0, all names of HTML5. Not twice: `&amp;lt;` becomes `&lt;`. */
export function decodeEntities(text: string): string {
  let out = "";
  const parser = new Parser({ ontext(piece) { out += piece; } }, { decodeEntities: true });
  parser.write(text.replaceAll("<", "&lt;")); // so that nothing in the text is a tag
  parser.end();
  return out;
}

const URL_PATTERN = /(?:\b(?:https?|hxxps?|ftp|file|wss?):\/\/|\bwww\.)[^\s<>"'`{}|\\^\p{Script=Han}\u3000-\u303f\uff00-\uffef“”‘’]+/giu;
const EMAIL_PATTERN = /(?<![\w.+%-])[\w.+%-]+@(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z]{2,}(?![a-z\d-])/gi;

/** URLs (also `www.…` and defanged `hxxp://…`) replaced; punctuation that ends the sentence stays. */
export const replaceUrls = (text: string, by = ""): string => text.replace(URL_PATTERN, (url) => by + url.slice(urlEnd(url)));

/** Where a URL ends: before punctuation, and before closing brackets that it did not open. */
function urlEnd(url: string): number {
  const surplus: Record<string, number> = { ")": url.split(")").length - url.split("(").length, "]": url.split("]").length - url.split("[").length };
  let end = url.length;
  for (; end > 0; end--) {
    const last = url[end - 1];
    if (surplus[last] > 0) surplus[last]--;
    else if (!/[.,;:!?'*_~]/.test(last)) break;
  }
  return end;
}

/** E-mail addresses replaced. */
export const replaceEmails = (text: string, by = ""): string => text.replace(EMAIL_PATTERN, () => by);

/** Characters that nobody sees: terminal colours, control characters except tab and line ends, soft hyphens, zero-width and direction marks, byte-order marks, private use, U+FFFD, unpaired surrogates. */
export const removeControls = (text: string): string =>
  text
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g, "")
    // zero-width joiners hold emoji and several scripts together, so they stay
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd]|\p{Co}|\p{Cs}/gu, "");

/** Emoji, dingbats, boxes, stars and the like. Currency, mathematical signs and arrows stay. */
export const removeSymbols = (text: string): string =>
  text.replace(/(?![#*\d©®™])(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|[\u2500-\u27bf\u2b00-\u2bff\u3004\u3012\u3013\u3020])[\ufe0e\ufe0f\u200d\u{1f3fb}-\u{1f3ff}]*/gu, "").replace(/[\u20e3\ufe0e\ufe0f]/gu, "");

/** Full-width letters, digits and spaces → half-width. Full-width punctuation is right in Chinese text and stays, unless `punctuation` is true. */
export const toHalfWidth = (text: string, { punctuation = false }: { punctuation?: boolean } = {}): string =>
  text.replace(punctuation ? /[\uff01-\uff5e\u3000]/g : /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]/g, (c) => (c === "\u3000" ? " " : String.fromCharCode(c.charCodeAt(0) - 0xfee0)));

/** ASCII punctuation after a Chinese character → full-width: `你好,世界` → `你好，世界`. */
export const toFullWidthPunctuation = (text: string): string =>
  text.replace(/(?<=\p{Script=Han})[,;:!?]|(?<=\p{Script=Han})\.(?!\w)/gu, (c) => (c === "." ? "。" : String.fromCharCode(c.charCodeAt(0) + 0xfee0)));

/**
 * A Unicode normalisation form. NFC only puts letters and accents together. NFKC also replaces look-alikes (`ﬁ` → `fi`, `①` → `1`,
 * `㎏` → `kg`, `Ａ` → `A`, `…` → `...`), which loses the difference; the full-width punctuation of Chinese, ！（），：；？, stays.
 */
export const normalizeUnicode = (text: string, form: "NFC" | "NFKC" = "NFKC"): string =>
  form === "NFC" ? text.normalize("NFC") : text.replace(/[^！（），：；？]+/g, (piece) => piece.normalize("NFKC"));

/** The same punctuation mark three times or more → once (an ellipsis of dots stays one), the same character six times or more → three times. */
export const squeezeRepeats = (text: string): string =>
  text.replace(/\.{3,}/g, "...").replace(/([!?,;:~！？，；：。、～])\1{2,}/gu, "$1").replace(/([^\s\d.])\1{5,}/gu, "$1$1$1");

/** All kinds of space → one space, none at the ends of lines; at most one empty line; none at both ends of the text. */
export const normalizeSpace = (text: string): string =>
  text.replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n").replace(/[^\S\n]+/gu, " ").replace(/ ?\n ?/g, "\n").replace(/\n{3,}/g, "\n\n").trim();

export type CleaningStep = (text: string) => string;

/** The steps of `clean` by name, in the order in which they make sense: what is decoded late must not be taken for a tag. */
export const CLEANING: Readonly<Record<string, CleaningStep>> = {
  encoding: repairMojibake, html: (text) => stripHtml(text), entities: decodeEntities, urls: replaceUrls, emails: replaceEmails, controls: removeControls, symbols: removeSymbols,
  width: toHalfWidth, unicode: normalizeUnicode, repeats: squeezeRepeats, space: normalizeSpace,
};

export interface CleaningChange {
  step: string;
  before: string;
  after: string;
}

/** Runs steps one after the other: names of CLEANING (default: all of them), or steps of your own by name. `changes` lists the steps that changed something. */
export function clean(text: string, steps: readonly string[] | Readonly<Record<string, CleaningStep>> = CLEANING): { text: string; changes: CleaningChange[] } {
  const chosen = Array.isArray(steps) ? steps.map((name) => [name, named(name)] as const) : Object.entries(steps as Record<string, CleaningStep>);
  const changes: CleaningChange[] = [];
  let now = text;
  for (const [step, f] of chosen) {
    const after = f(now);
    if (after !== now) changes.push({ step, before: now, after });
    now = after;
  }
  return { text: now, changes };
}
function named(name: string): CleaningStep {
  const step = Object.hasOwn(CLEANING, name) ? CLEANING[name] : undefined;
  if (!step) throw new TunelabError(`clean: there is no step ${JSON.stringify(name)}; the steps are ${Object.keys(CLEANING).join(", ")}.`);
  return step;
}

export interface CleaningReport {
  texts: string[];
  /** For each step: how many texts it changed, and the characters (code points) of all texts before and after it. */
  steps: { step: string; changed: number; charactersBefore: number; charactersAfter: number }[];
  /** Places in `texts` where nothing is left. */
  empty: number[];
}

/** Cleans many texts, and adds up what each step did. */
export function cleanAll(texts: readonly string[], steps?: Parameters<typeof clean>[1]): CleaningReport {
  const chosen = steps ?? CLEANING, order = Array.isArray(chosen) ? (chosen as string[]) : Object.keys(chosen);
  const table = order.map((step) => ({ step, changed: 0, charactersBefore: 0, charactersAfter: 0 }));
  const length = (s: string) => { let n = 0; for (const _ of s) n++; return n; };
  const cleaned = texts.map((original) => {
    const { text, changes } = clean(original, chosen), by = new Map(changes.map((c) => [c.step, c]));
    let now = length(original);
    for (const row of table) {
      const change = by.get(row.step);
      row.charactersBefore += now;
      if (change) { row.changed++; now = length(change.after); }
      row.charactersAfter += now;
    }
    return text;
  });
  return { texts: cleaned, steps: table, empty: cleaned.flatMap((text, i) => (text === "" ? [i] : [])) };
}
