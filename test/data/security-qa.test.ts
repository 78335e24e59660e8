// data/security-qa: the card tells the truth, English and Chinese are parallel, and nothing leaks between the splits.
// The similarity is computed here anew, not by data/security-qa/split.mjs, so that a mistake there cannot hide itself.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Pair { id: string; topic: string; question: string; answer: string }
interface Range { min: number; median: number; max: number }
type Split = "train" | "validation" | "test";
type Language = "en" | "zh";
interface Card {
  licence: string;
  source: string;
  languages: Language[];
  fields: Record<string, string>;
  topicNames: Record<string, string>;
  topics: Record<string, Record<Split, number>>;
  characters: Record<Language, Record<"question" | "answer", Range>>;
  separation: { ngram: number; maxJaccard: Record<Language, number>; subjects: string };
  splits: Record<string, { records: number; sha256: string }>;
}

const FOLDER = join("data", "security-qa");
const LANGUAGES: Language[] = ["en", "zh"];
const SPLITS: Split[] = ["train", "validation", "test"];
/** Characters that an answer may have: long enough to say something, short enough to train on in seconds. */
const ANSWER_LENGTH: Record<Language, [number, number]> = { en: [60, 320], zh: [20, 120] };
const QUESTION_LENGTH: Record<Language, [number, number]> = { en: [12, 180], zh: [5, 80] };

const read = (path: string) => readFileSync(join(FOLDER, path), "utf8");
const card = JSON.parse(read("card.json")) as Card;
const load = (language: Language, split: Split) =>
  read(`${language}/${split}.jsonl`).trimEnd().split("\n").map((line) => JSON.parse(line) as Pair);
const data = Object.fromEntries(
  LANGUAGES.map((language) => [language, Object.fromEntries(SPLITS.map((split) => [split, load(language, split)]))]),
) as Record<Language, Record<Split, Pair[]>>;
const all = (language: Language) => SPLITS.flatMap((split) => data[language][split]);

/** Letters and digits only, lower case; words stay apart in English, Chinese has no gaps. */
function plain(text: string, language: Language): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, language === "en" ? " " : "").trim();
}

function ngrams(text: string, n: number): Set<string> {
  const characters = Array.from(text);
  const grams = new Set<string>();
  for (let i = 0; i + n <= characters.length; i++) grams.add(characters.slice(i, i + n).join(""));
  return grams;
}

function jaccard(a: Set<string>, b: Set<string>): number {
  const common = [...a].filter((gram) => b.has(gram)).length;
  return common / (a.size + b.size - common);
}

test("files have the checksums and counts that card.json and the README state", () => {
  const readme = read("README.md");
  assert.deepEqual(Object.keys(card.splits).sort(), LANGUAGES.flatMap((l) => SPLITS.map((s) => `${l}/${s}.jsonl`)).sort());
  for (const [file, { records, sha256 }] of Object.entries(card.splits)) {
    const bytes = readFileSync(join(FOLDER, file));
    assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256, `${file}: run node data/security-qa/split.mjs`);
    assert.equal(bytes.toString("utf8").split("\n").length - 1, records, file);
    assert.ok(readme.includes(`| \`${file}\` | \`${sha256}\` | ${records} |`), `README.md lacks the row of ${file}`);
  }
  assert.equal(card.licence, "CC-BY-4.0");
  assert.match(card.source, /Written for this project/);
  assert.deepEqual([...card.languages].sort(), LANGUAGES);
});

test("each language has at least 400 records, parallel by id, topic and split", () => {
  for (const split of SPLITS) {
    const keys = (language: Language) => data[language][split].map(({ id, topic }) => `${id} ${topic}`);
    assert.deepEqual(keys("zh"), keys("en"), split);
  }
  const ids = all("en").map(({ id }) => id);
  assert.ok(ids.length >= 400, `${ids.length} records`);
  assert.equal(new Set(ids).size, ids.length, "an id occurs twice");
});

test("every topic is known, counted truly, and mostly in train", () => {
  assert.deepEqual(Object.keys(card.topics).sort(), [...new Set(all("en").map(({ topic }) => topic))].sort());
  assert.deepEqual(Object.keys(card.topics).sort(), Object.keys(card.topicNames).sort());
  for (const [topic, counts] of Object.entries(card.topics)) {
    for (const split of SPLITS)
      assert.equal(data.en[split].filter((r) => r.topic === topic).length, counts[split], `${topic} in ${split}`);
    const share = counts.train / (counts.train + counts.validation + counts.test);
    assert.ok(share >= 0.7 && share <= 0.9, `${topic}: ${share} in train`);
    assert.ok(counts.validation > 0 && counts.test > 0, `${topic} is missing from a held-out split`);
  }
});

test("fields are plain trimmed text of sensible length in the right language", () => {
  for (const language of LANGUAGES)
    for (const record of all(language)) {
      const where = `${language} ${record.id}`;
      assert.deepEqual(Object.keys(record), Object.keys(card.fields), where);
      assert.match(record.id, /^sqa-\d{4}$/, where);
      for (const field of ["question", "answer"] as const) {
        const text = record[field], length = Array.from(text).length;
        const [least, most] = (field === "question" ? QUESTION_LENGTH : ANSWER_LENGTH)[language];
        assert.equal(text, text.trim(), where);
        assert.ok(length >= least && length <= most, `${where}: ${field} of ${length} characters`);
        assert.doesNotMatch(text, /[\n\r\t`\uFFFD]|\*\*|__|\]\(|<\/?[a-z]+>|^\s*([#>*-]|\d+\.)\s|\s{2}/u, `${where}: markup in ${field}`);
        if (language === "en") assert.match(text, /^[\x20-\x7e]+$/, where);
        else assert.match(text, /\p{Script=Han}{2}/u, where);
      }
      assert.match(record.answer, language === "en" ? /[.]$/ : /。$/, `${where}: the answer breaks off`);
    }
});

test("the card's length table is true", () => {
  for (const language of LANGUAGES)
    for (const field of ["question", "answer"] as const) {
      const lengths = all(language).map((record) => Array.from(record[field]).length).sort((a, b) => a - b);
      const range: Range = { min: lengths[0], median: lengths[Math.floor(lengths.length / 2)], max: lengths[lengths.length - 1] };
      assert.deepEqual(card.characters[language][field], range, `${language} ${field}`);
    }
});

test("no question or answer occurs twice", () => {
  for (const language of LANGUAGES)
    for (const field of ["question", "answer"] as const) {
      const seen = new Map<string, string>();
      for (const record of all(language)) {
        const key = plain(record[field], language);
        assert.equal(seen.get(key), undefined, `${language}: ${record.id} repeats the ${field} of ${seen.get(key)}`);
        seen.set(key, record.id);
      }
    }
});

test("no record resembles one of another split", () => {
  const { ngram, maxJaccard } = card.separation;
  assert.ok(maxJaccard.en <= 0.27 && maxJaccard.zh <= 0.1, "the stated thresholds were loosened");
  for (const language of LANGUAGES) {
    const sets = SPLITS.map((split) =>
      data[language][split].map((r) => ({ id: r.id, grams: ngrams(plain(`${r.question} ${r.answer}`, language), ngram) })));
    for (const [a, b] of [[0, 1], [0, 2], [1, 2]])
      for (const x of sets[a])
        for (const y of sets[b]) {
          const similarity = jaccard(x.grams, y.grams);
          assert.ok(similarity < maxJaccard[language], `${language}: ${x.id} (${SPLITS[a]}) and ${y.id} (${SPLITS[b]}): ${similarity}`);
        }
  }
});

test("no subject is asked about in two splits", () => {
  const { subjects } = JSON.parse(read(card.separation.subjects)) as { subjects: string[] };
  for (const subject of subjects) {
    const pattern = new RegExp(subject, "i");
    const found = SPLITS.map((split) => data.en[split].filter((record) => pattern.test(record.question)).length);
    assert.ok(found.reduce((sum, n) => sum + n) >= 2, `/${subject}/ groups nothing: correct or remove the line`);
    assert.equal(found.filter((n) => n > 0).length, 1, `/${subject}/ in train, validation, test: ${found}`);
  }
});
