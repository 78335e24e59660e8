// data/security-alerts: the card tells the truth, the generator gives these files, both languages are parallel, nothing leaks between the splits.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, mostAlike, read, recordsOf, type Card } from "./support";

interface Alert { id: string; text: string; label: string }
type Split = "train" | "validation" | "test" | "hard";
interface AlertCard extends Card { labels: Record<string, string>; perLabel: Record<Split, number>; separation: { ngram: number; maxJaccard: number } }

const SET = "security-alerts", LANGUAGES = ["en", "zh"] as const, SPLITS: Split[] = ["train", "validation", "test", "hard"];
const card = cardOf<AlertCard>(SET);
const load = (language: string, split: string) => recordsOf<Alert>(SET, `${language}/${split}.jsonl`);
const all = (language: string) => SPLITS.flatMap((split) => load(language, split));

test("the card is true", () => checkCard(SET));

test("the generator gives exactly these files", () => {
  const { status, stderr } = spawnSync(process.execPath, ["data/security-alerts/make.mjs", "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("labels are balanced, ids parallel, texts unique", () => {
  const labels = Object.keys(card.labels);
  assert.ok(labels.length >= 10);
  for (const language of LANGUAGES) {
    assert.ok(all(language).length >= 2200);
    assertUnique(all(language).map((r) => r.id), `${language} id`);
    assertUnique(all(language).map((r) => r.text), `${language} text`);
    for (const split of SPLITS)
      for (const label of labels)
        assert.equal(load(language, split).filter((r) => r.label === label).length, card.perLabel[split], `${language} ${split} ${label}`);
  }
  for (const split of SPLITS)
    assert.deepEqual(load("zh", split).map((r) => `${r.id} ${r.label}`), load("en", split).map((r) => `${r.id} ${r.label}`));
});

test("no slot is left open, no field is broken, addresses are private or of the documentation ranges", () => {
  for (const language of LANGUAGES)
    for (const { id, text } of all(language)) {
      assert.doesNotMatch(text, /\[\[|\$\{|\$(ip|lan|host|user|n{1,3}|port|dom|rule)\b|undefined|[\r\n\uFFFD]/i, `${language} ${id}: ${text}`);
      assert.ok(text.length >= 15 && text.length <= 420, `${language} ${id}: ${text.length}`);
      for (const [address] of text.matchAll(/(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])/g))
        assert.match(address, /^(192\.0\.2|198\.51\.100|203\.0\.113|10\.\d+\.\d+|172\.(1[6-9]|2\d|3[01])\.\d+|192\.168\.\d+|0\.0\.0)\.\d+$/, `${language} ${id}: ${address}`);
    }
});

test("no word gives a label away in most of its examples", () => {
  for (const label of Object.keys(card.labels)) {
    const train = load("en", "train"), own = train.filter((r) => r.label === label), others = train.filter((r) => r.label !== label);
    const words = (r: Alert) => new Set(r.text.toLowerCase().match(/[a-z_]{3,}/g) ?? []);
    const ownSets = own.map(words), otherSets = others.map(words);
    for (const word of new Set(ownSets.flatMap((s) => [...s]))) {
      const share = ownSets.filter((s) => s.has(word)).length / own.length;
      if (share > 0.5) assert.ok(otherSets.filter((s) => s.has(word)).length > 0.05 * others.length, `"${word}" is in ${share} of ${label} and hardly elsewhere`);
    }
  }
});

test("records of different splits are not near duplicates, and hard has templates of its own", () => {
  const { ngram, maxJaccard } = card.separation;
  assert.ok(maxJaccard <= 0.75, "the stated threshold was loosened");
  for (const language of LANGUAGES)
    SPLITS.forEach((split, i) => {
      for (const other of SPLITS.slice(0, i)) {
        const { similarity, pair } = mostAlike(load(language, other).map((r) => r.text), load(language, split).map((r) => r.text), ngram);
        assert.ok(similarity < maxJaccard, `${language} ${other}/${split} ${similarity}: ${pair.join(" <> ")}`);
      }
    });
  for (const label of Object.keys(card.labels)) {
    const [usual, hard] = read(SET, `templates/${label}.txt`).split("--- hard\n").map((part) => part.split("\n").filter(Boolean));
    for (const [lines, least] of [[usual, 25], [hard, 6]] as const) {
      const byLanguage = LANGUAGES.map((l) => lines.filter((line) => line.startsWith(`${l} `)).length);
      assert.ok(byLanguage.every((n) => n >= least && 2 * n === lines.length), `${label}: ${byLanguage}`);
    }
    assertUnique([...usual, ...hard], `${label} template`);
  }
});
