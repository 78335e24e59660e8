// Formats of documentation to paragraphs of plain text: HTML (and XML pages), man pages, reStructuredText, plain text, gettext's .mo.
import { gunzipSync } from "node:zlib";

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", copy: "©", reg: "®", mdash: "—", ndash: "–", hellip: "…", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", times: "×", rarr: "→", larr: "←", bull: "•", middot: "·" };
const entity = (whole, name) => {
  if (name[0] !== "#") return ENTITIES[name] ?? whole;
  const code = name[1] === "x" || name[1] === "X" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  return code > 0 && code < 0x110000 ? String.fromCodePoint(code) : " ";
};
/** Lines of one paragraph as one: no space where two Chinese characters meet. */
const HAN = "\\p{Script=Han}\\u3000-\\u303F\\uFF00-\\uFFEF";
const BETWEEN_HAN = new RegExp(`(?<=[${HAN}])\\s+(?=[${HAN}])`, "gu");
export const joined = (text) => text.replace(/\s+/g, " ").replace(BETWEEN_HAN, "").trim();

const BLOCK = "p|div|li|ul|ol|dl|dt|dd|h[1-6]|tr|td|th|table|section|article|blockquote|hr|br|item|title|note|steps|list|terms|desc|caption|figcaption";
export function fromHtml(html) {
  return html
    .replace(/<!--[\s\S]*?-->/g, " ")
    .replace(/<(script|style|head|nav|header|footer|aside|pre|screen|code\s+style|info|links|button|svg|math)\b[\s\S]*?<\/\1\s*>/gi, "\u0001")
    .replace(/<div class="(nav(header|footer)|toc|related|sphinxsidebar|footer)"[\s\S]*?<\/div>/gi, "\u0001")
    .replace(new RegExp(`</?(${BLOCK})\\b[^>]*>`, "gi"), "\u0001")
    .replace(/<[^>]*>/g, "")
    .replace(/&(#x?[0-9a-f]+|[a-z]+);/gi, entity)
    .split("\u0001").map(joined);
}

export function fromMan(source) {
  const paragraphs = [];
  let lines = [];
  const flush = () => { paragraphs.push(joined(lines.join("\n"))); lines = []; };
  let verbatim = false;
  for (const raw of source.split("\n")) {
    if (/^[.'](nf|EX)\b/.test(raw)) { flush(); verbatim = true; continue; }
    if (/^[.'](fi|EE)\b/.test(raw)) { verbatim = false; lines = []; continue; }
    if (verbatim || /^[.']\s*\\"/.test(raw)) continue;
    const macro = /^[.']\s*([A-Za-z]+)\s*(.*)$/.exec(raw);
    if (macro && /^(B|I|BR|IR|RB|RI|BI|IB|SM|SB|Nm|Ar|Fl|Cm|Pa|Xr|Em|Sy|Dv|Va|Ev|Li|Fn)$/.test(macro[1]))
      lines.push(macro[2].replace(/"/g, "").split(/\s+/).join(/^(BR|IR|RB|RI|BI|IB)$/.test(macro[1]) ? "" : " "));
    else if (macro) flush();
    else if (raw.trim() === "") flush();
    else lines.push(raw);
  }
  flush();
  return paragraphs.map((p) => p.replace(/\\f[BIRP]|\\f\([A-Z]{2}|\\f\[[^\]]*\]|\\[,/&|^]/g, "").replace(/\\-/g, "-").replace(/\\\((bu|em|en|aq|dq|lq|rq)/g, (_, n) => ({ bu: "•", em: "—", en: "–", aq: "'", dq: '"', lq: "“", rq: "”" })[n])
    .replace(/\\e/g, "\\").replace(/\\[~ ]/g, " ").replace(/\\s[+-]?\d/g, "").trim());
}

export function fromRst(source) {
  return source.split(/\n\s*\n/).filter((block) => !/^(\s{4,}|\t|\.\. |:[A-Za-z ]+:|\+[-=]|[=-]{3,}\s|\s*\|)/.test(block.replace(/^\n+/, "")))
    .map((block) => joined(block.split("\n").filter((line) => !/^\s*([=\-~^#*+."'`_])\1{2,}\s*$/.test(line)).join("\n")
      .replace(/:[a-z:+-]+:`([^`<]*)(<[^>]*>)?`/g, "$1").replace(/`{1,2}([^`]*)`{1,2}_?/g, "$1").replace(/\*{1,2}([^*\n]+)\*{1,2}/g, "$1").replace(/::\s*$/, ":")));
}

export const fromText = (source) => source.replace(/\r/g, "").split(/\n\s*\n/).map(joined);

/** Messages of a .mo file: [English, translation] of each. */
export function fromMo(bytes) {
  const little = bytes.readUInt32LE(0) === 0x950412de, read = (at) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const n = read(8), originals = read(12), translations = read(16);
  const at = (table, i) => bytes.toString("utf8", read(table + 8 * i + 4), read(table + 8 * i + 4) + read(table + 8 * i));
  const plain = (text) => joined(text.replace(/<[^>]*>/g, "").replace(/\\n/g, " "));
  return Array.from({ length: n }, (_, i) => [at(originals, i), at(translations, i)])
    .filter(([original]) => original)
    .map(([original, translation]) => [plain(original.split("\u0004").at(-1).split("\0")[0]), plain(translation.split("\0")[0])]);
}

export const READERS = { html: fromHtml, man: fromMan, rst: fromRst, text: fromText };
export const contents = (name, bytes) => (name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
