// data/dirty-pages: the card tells the truth, the clean texts are clean and come from the raw ones, the promised kinds of dirt are there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, mostAlike, recordsOf, type Card } from "./support";

interface Page { id: string; raw: string; clean: string; duplicateOf?: string; duplicate?: "exact" | "near" }
const SET = "dirty-pages";
const card = cardOf<Card & { counts: Record<string, number> }>(SET);
const pages = recordsOf<Page>(SET, "pages.jsonl"), byId = new Map(pages.map((p) => [p.id, p]));

test("the card is true", () => {
  checkCard(SET);
  const count = (keep: (p: Page) => boolean) => pages.filter(keep).length;
  assert.deepEqual(card.counts, {
    records: pages.length, zh: count((p) => p.id.includes("-zh-")), en: count((p) => p.id.includes("-en-")), exact: count((p) => p.duplicate === "exact"),
    near: count((p) => p.duplicate === "near"), empty: count((p) => p.clean === ""),
  });
  assert.ok(pages.length >= 60);
  assertUnique(pages.map((p) => p.id), "id");
});

test("clean texts hold no dirt", () => {
  for (const { id, clean } of pages) {
    assert.equal(clean, clean.trim(), id);
    assert.doesNotMatch(clean, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\ufeff\ufffd]|\n\n|  /u, `${id}: control characters, blank lines or double blanks`);
    assert.doesNotMatch(clean, /<\/?[a-z]+[ >]|&(?:nbsp|amp|quot|copy|#\d+);|https?:|utm_|\w@\w+\.\w|锟/i, `${id}: markup or addresses`);
    assert.doesNotMatch(clean, /[\uff01-\uff5e](?<![！（），：；？])/u, `${id}: full-width letters or digits`);
  }
});

test("nothing in a clean text is invented: its letters and digits come from the raw one, in order", () => {
  const letters = (text: string) => text.normalize("NFKC").replace(/[^\p{L}\p{N}\p{M}]/gu, "").normalize("NFC");
  const decodings = (raw: string) => [raw, ...["utf-8", "gbk"].map((encoding) => {
    try { return new TextDecoder(encoding, { fatal: true }).decode(Buffer.from(raw, "latin1")); } catch { return ""; }
  })].map((text) => text.replace(/&#(\d+);/g, (_, n: string) => String.fromCodePoint(Number(n))).replace(/&[lg]t;|&amp;lt;|&nbsp;|&shy;|&emsp;/g, (e) => (e === "&amp;lt;" ? "lt" : "")));
  for (const { id, raw, clean } of pages) {
    const wanted = letters(clean.replace(/\[(?:URL|EMAIL)\]/g, ""));
    const found = decodings(raw).some((text) => {
      const have = letters(text);
      let at = 0;
      for (const character of wanted) { at = have.indexOf(character, at) + 1; if (at === 0) return false; }
      return true;
    });
    assert.ok(found, id);
  }
});

test("duplicates are what they are said to be, and nothing else is one", () => {
  for (const { id, raw, clean, duplicate, duplicateOf } of pages) {
    assert.equal(duplicate === undefined, duplicateOf === undefined, id);
    if (duplicateOf === undefined) continue;
    const first = byId.get(duplicateOf);
    assert.ok(first && pages.indexOf(first) < pages.findIndex((p) => p.id === id), id);
    assert.equal(raw === first.raw, duplicate === "exact", id);
    if (duplicate === "exact") assert.equal(clean, first.clean, id);
    else assert.ok(mostAlike([clean], [first.clean], 3).similarity > 0.6, id);
  }
  const originals = pages.filter((p) => p.duplicateOf === undefined && p.clean);
  assertUnique(originals.map((p) => p.clean), "clean text");
  originals.forEach((page, i) => {
    const { similarity, pair } = mostAlike(originals.slice(0, i).map((p) => p.clean), [page.clean], 3);
    assert.ok(similarity < 0.75, `${page.id} ${similarity}: ${pair.join(" <> ")}`);
  });
});

test("the promised kinds of dirt occur in both languages", () => {
  for (const language of ["zh", "en"]) {
    const raw = pages.filter((p) => p.id.includes(`-${language}-`)).map((p) => p.raw).join("\n");
    for (const [what, pattern] of Object.entries({ script: /<script/, style: /<style|style=/, entity: /&(?:nbsp|amp|ldquo|#\d+);/, tracking: /utm_|spm=|\?from=|\?id=/, "e-mail": /\w@\w+\.\w/, control: /[\u0000-\u0008\u001b]/, mojibake: /[ÃâåæçÂ][\u0080-\u00bf]/, table: /<table/ }))
      assert.match(raw, pattern, `${language}: ${what}`);
  }
  assert.match(pages.map((p) => p.raw).join(""), /[０-９][０-９]/u);
});
