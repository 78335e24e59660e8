// What the tests of the data sets share: reading, the checks that every card must pass, and similarity between splits.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Card {
  name: string;
  licence: string;
  source: string;
  limits: string;
  fields: Record<string, string>;
  splits: Record<string, { records: number; bytes: number; sha256: string }>;
}

export const read = (set: string, file: string) => readFileSync(join("data", set, file), "utf8");
export const cardOf = <C extends Card>(set: string) => JSON.parse(read(set, "card.json")) as C;
export const linesOf = (set: string, file: string) => read(set, file).split("\n").filter(Boolean);
export const recordsOf = <R>(set: string, file: string) => linesOf(set, file).map((line) => JSON.parse(line) as R);

/** Licence, source, size, counts and checksums are those of the card, and every JSONL record has exactly the card's fields. */
export function checkCard(set: string): void {
  const card = cardOf(set);
  assert.equal(card.name, set);
  assert.equal(card.licence, "CC-BY-4.0");
  assert.match(card.source, /written for this project/i);
  assert.ok(card.limits.length > 40, "the card states no limits");
  let total = 0;
  for (const [file, { records, bytes, sha256 }] of Object.entries(card.splits)) {
    const content = readFileSync(join("data", set, file));
    total += content.length;
    assert.equal(content.length, bytes, file);
    assert.equal(createHash("sha256").update(content).digest("hex"), sha256, `${file}: run node data/card.mjs ${set}`);
    assert.equal(linesOf(set, file).length, records, file);
    if (!file.endsWith(".jsonl")) continue;
    const fields = Object.keys(card.fields);
    for (const record of recordsOf<Record<string, unknown>>(set, file)) {
      const where = `${set}/${file} ${String(record.id)}`;
      for (const key of Object.keys(record)) assert.ok(fields.includes(key), `${where}: unknown field ${key}`);
      for (const key of fields)
        assert.ok(key in record || card.fields[key].includes("optional"), `${where}: field ${key} is missing`);
    }
  }
  assert.ok(total <= 1.5 * 2 ** 20, `${set}: ${total} bytes`);
}

export function assertUnique(values: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const value of values) {
    assert.ok(!seen.has(value), `${what} occurs twice: ${value.slice(0, 80)}`);
    seen.add(value);
  }
}

export function ngrams(text: string, n: number): string[] {
  const characters = Array.from(text.toLowerCase());
  return [...new Set(characters.slice(n - 1).map((_, i) => characters.slice(i, i + n).join("")))];
}

/** The pair of texts, one of each list, with the largest Jaccard index of character n-grams; by an inverted index, so that large lists are quick. */
export function mostAlike(a: readonly string[], b: readonly string[], n: number): { similarity: number; pair: [string, string] } {
  const index = new Map<string, number[]>(), sizes = a.map((text, i) => {
    const grams = ngrams(text, n);
    for (const gram of grams) {
      const list = index.get(gram);
      if (list) list.push(i); else index.set(gram, [i]);
    }
    return grams.length;
  });
  let similarity = 0, pair: [string, string] = ["", ""];
  for (const text of b) {
    const grams = ngrams(text, n), common = new Uint32Array(a.length);
    for (const gram of grams) for (const i of index.get(gram) ?? []) common[i]++;
    common.forEach((c, i) => {
      const s = c / (grams.length + sizes[i] - c);
      if (s > similarity) [similarity, pair] = [s, [a[i], text]];
    });
  }
  return { similarity, pair };
}
