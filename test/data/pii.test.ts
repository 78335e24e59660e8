// data/pii: the card tells the truth, offsets cut out what the type says, nobody real can be hit, nothing that has a valid form stays unmarked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, mostAlike, recordsOf, type Card } from "./support";

interface Span { start: number; end: number; type: string }
interface Text { id: string; text: string; spans: Span[] }
const SET = "pii", LANGUAGES = ["en", "zh"] as const, SPLITS = ["train", "test"] as const;
const card = cardOf<Card & { types: Record<string, Record<"en" | "zh", number>> }>(SET);
const load = (language: string, split: string) => recordsOf<Text>(SET, `${language}/${split}.jsonl`);
const all = (language: string) => SPLITS.flatMap((split) => load(language, split));

/** The check digit of a Chinese identity number by GB 11643-1999 (ISO 7064 MOD 11-2). */
function validIdentity(number: string): boolean {
  let remainder = 0;
  for (const digit of number.slice(0, 17)) remainder = ((remainder + Number(digit)) * 2) % 11;
  return "0123456789X"[(12 - remainder) % 11] === number[17];
}

const FORM: Record<string, RegExp> = {
  PERSON: /^[\p{Script=Han}·]{2,8}$|^(?:\p{L}[\p{L}]*)(?: \p{L}+){0,3}$/u,
  PHONE: /^(?:\+86 )?154[ -]?\d{4}[ -]?\d{4}$|^(?:010|021|0571|028)-0\d{7}$|^(?:\+1 )?\(?\d{3}\)?[ .-]555[ .-]01\d\d$|^020 7946 0\d{3}$/,
  EMAIL: /^[\w.-]+@example\.(?:com|org|net|test)$/,
  IP: /^(?:192\.0\.2|198\.51\.100|203\.0\.113|10\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+|192\.168\.\d+)\.\d+$|^2001:db8:[0-9a-f:]+$/,
  ID_NUMBER: /^(?:00|89|98|99)\d{15}[\dX]$|^(?:000|666)-\d\d-\d{4}$/,
  KEY: /^AKIA\w+EXAMPLE$|^[\w/+]+EXAMPLE$|^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$|^ghx_\w+$|^sk-example-\w+$|^-----BEGIN EXAMPLE PRIVATE KEY-----\n[\s\S]+\n-----END EXAMPLE PRIVATE KEY-----$/,
};

test("the card is true", () => {
  checkCard(SET);
  assert.deepEqual(Object.keys(card.types), Object.keys(FORM));
  for (const language of LANGUAGES)
    for (const [type, counts] of Object.entries(card.types))
      assert.equal(all(language).flatMap((r) => r.spans).filter((s) => s.type === type).length, counts[language], `${language} ${type}`);
  assert.ok(all("en").length + all("zh").length >= 250);
});

test("every span cuts out a value of its type, in order, without overlap", () => {
  for (const language of LANGUAGES)
    for (const { id, text, spans } of all(language)) {
      let last = 0;
      for (const { start, end, type } of spans) {
        assert.ok(Number.isInteger(start) && start >= last && end > start && end <= text.length, `${id}: ${start}-${end}`);
        const value = text.slice(start, end);
        assert.match(value, FORM[type], `${id}: ${type}`);
        assert.equal(value, value.trim(), id);
        if (type === "ID_NUMBER" && language === "zh") assert.ok(validIdentity(value), `${id}: ${value}`);
        last = end;
      }
    }
});

test("nothing outside the spans has the form of an e-mail, a valid identity number, a documentation address or a key", () => {
  for (const language of LANGUAGES)
    for (const { id, text, spans } of all(language)) {
      const rest = spans.reduceRight((t, { start, end }) => `${t.slice(0, start)}\u0000${t.slice(end)}`, text);
      assert.doesNotMatch(rest, /[\w.]+@[\w-]+\.\w+|AKIA|eyJ|PRIVATE KEY|555[ .-]01|(?<!\d)1[3-9]\d{9}(?!\d)|2001:db8|(?:192\.0\.2|198\.51\.100|203\.0\.113|192\.168\.\d+)\.\d+/, id);
      for (const [number] of rest.matchAll(/(?<!\d)\d{17}[\dX](?!\d)/g)) assert.ok(!validIdentity(number), `${id}: ${number} is a valid identity number`);
    }
});

test("hard negatives and characters outside the basic plane are there", () => {
  for (const language of LANGUAGES) {
    assert.ok(all(language).filter((r) => r.spans.length === 0).length >= 25, language);
    assert.ok(all(language).filter((r) => r.spans.some((s) => [...r.text.slice(0, s.start)].length !== s.start)).length >= 3, language);
  }
});

test("texts occur once and hardly alike in two splits", () => {
  for (const language of LANGUAGES) {
    assertUnique(all(language).map((r) => r.text), "text");
    assertUnique(all(language).map((r) => r.id), "id");
    const { similarity, pair } = mostAlike(load(language, "train").map((r) => r.text), load(language, "test").map((r) => r.text), 3);
    assert.ok(similarity < 0.7, `${similarity}: ${pair.join(" <> ")}`);
  }
});
