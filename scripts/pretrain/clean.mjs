// Which paragraphs are sentences of the wanted language, and which have been seen before.

const han = /\p{Script=Han}/gu, letters = /\p{L}/gu;
const count = (text, pattern) => text.match(pattern)?.length ?? 0;

/** "zh", "en", or nothing where a paragraph is neither (a table, code, a list of names, another language). */
export function languageOf(text) {
  const h = count(text, han), l = count(text, letters), latin = count(text, /[A-Za-z]/g);
  if (l < 0.55 * text.replace(/\s/g, "").length) return undefined;
  if (h >= 0.3 * l) return h >= 8 ? "zh" : undefined;
  if (h === 0 && latin >= 0.97 * l) return text.split(/\s+/).length >= 6 ? "en" : undefined;
  return undefined;
}

/** Boilerplate: navigation, notices, and lines that are mostly names, numbers or addresses. */
const BOILERPLATE = /^(prev|next|up|home|上一页|下一页|上一级|起始页|table of contents|copyright|版权)|all rights reserved|creative commons|\bGFDL\b|free software foundation|无障碍|please support us|请支持我们|https?:\S+\s*$/i;
export function cleaned(text) {
  const t = text.normalize("NFC").replace(/[\u0000-\u0008\u000b-\u001f\u007f\u00ad\u200b-\u200f\u2028\u2029\ufeff\ufffd]/g, "").replace(/\p{Surrogate}/gu, "").trim();
  if (t.length > 6000 || BOILERPLATE.test(t)) return "";
  if (/(\S)\1{7,}/.test(t) || /[{}|\\]{2,}|[=;]{3,}/.test(t)) return "";
  return t;
}

/** Letters and digits only, lower case: what two copies of a paragraph have in common. */
const skeleton = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

function fnv(text, from, to) {
  let h = 0x811c9dc5;
  for (let i = from; i < to; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/**
 * Tells whether a paragraph is new: not equal to an earlier one, and none of its MinHash bands either (Broder 1997; 8-character shingles,
 * 5 bands of 4 hashes: paragraphs of Jaccard similarity 0.8 are caught with probability 0.93, of 0.4 with 0.12).
 */
export function novelty() {
  const exact = new Set(), bands = Array.from({ length: 5 }, () => new Set());
  const seeds = Uint32Array.from({ length: 20 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) | 1);
  return (text) => {
    const bare = skeleton(text);
    if (exact.has(bare)) return false;
    exact.add(bare);
    const least = new Uint32Array(20).fill(0xffffffff), n = Math.min(bare.length, 1200);
    for (let i = 0; i + 8 <= Math.max(n, 8); i++) {
      const h = fnv(bare, i, Math.min(i + 8, bare.length));
      for (let k = 0; k < 20; k++) { const v = Math.imul(h ^ (h >>> 15), seeds[k]) >>> 0; if (v < least[k]) least[k] = v; }
    }
    const keys = bands.map((_, b) => `${least[4 * b]},${least[4 * b + 1]},${least[4 * b + 2]},${least[4 * b + 3]}`);
    const seen = keys.some((key, b) => bands[b].has(key));
    keys.forEach((key, b) => bands[b].add(key));
    return !seen;
  };
}
