// data/annotation: the card tells the truth; agreement is computed here anew.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, recordsOf, type Card } from "./support";

interface Item { id: string; text: { en: string; zh: string }; labels: Record<string, string>; gold: string; cause?: string }
const SET = "annotation";
const card = cardOf<Card & { labels: string[]; causes: Record<string, string>; agreement: Record<string, number> }>(SET);
const items = recordsOf<Item>(SET, "items.jsonl");
const close = (actual: number, stated: number) => assert.ok(Math.abs(actual - stated) < 5e-5, `${actual}, stated ${stated}`);

test("the card is true", () => checkCard(SET));

test("items are complete and unique, labels known, causes given exactly where A and B differ", () => {
  assert.ok(items.length >= 200);
  assertUnique(items.map((r) => r.id), "id");
  assertUnique(items.map((r) => r.text.en), "text");
  assertUnique(items.map((r) => r.text.zh), "text");
  for (const { id, text, labels, gold, cause } of items) {
    assert.match(text.en, /^[\x20-\x7eé]+[.?]$/, id);
    assert.match(text.zh, /^[^\n]*\p{Script=Han}{2}[^\n]*[。？]$/u, id);
    assert.ok(["A,B", "A,B,C"].includes(Object.keys(labels).join()), id);
    for (const label of [gold, ...Object.values(labels)]) assert.ok(card.labels.includes(label), `${id}: ${label}`);
    assert.equal(cause !== undefined, labels.A !== labels.B, id);
    if (cause !== undefined) assert.ok(cause in card.causes && labels.C !== undefined, id);
    else assert.equal(gold, labels.A, `${id}: both agree, yet gold differs`);
  }
  assert.ok(items.some((r) => r.labels.C && r.labels.C !== r.gold), "majority is always right");
});

test("observed agreement and Cohen's kappa of A and B", () => {
  const n = items.length, share = (who: string, label: string) => items.filter((r) => r.labels[who] === label).length / n;
  const observed = items.filter((r) => r.labels.A === r.labels.B).length / n;
  const expected = card.labels.reduce((sum, label) => sum + share("A", label) * share("B", label), 0);
  close(observed, card.agreement.observedAB);
  close((observed - expected) / (1 - expected), card.agreement.cohenKappaAB);
});

test("Krippendorff's alpha over all labels, Fleiss' kappa over the items with three", () => {
  const counts = (item: Item) => card.labels.map((label) => Object.values(item.labels).filter((l) => l === label).length);
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  // alpha = 1 - D_o / D_e with the nominal metric, by the counts of each unit (Krippendorff 2011, section B).
  const total = card.labels.map((_, k) => sum(items.map((item) => counts(item)[k]))), n = sum(total);
  const disagreement = sum(items.map((item) => { const c = counts(item), m = sum(c); return sum(c.map((v) => v * (m - v))) / (m - 1); })) / n;
  close(1 - disagreement / (sum(total.map((v) => v * (n - v))) / (n * (n - 1))), card.agreement.krippendorffAlphaNominal);
  const three = items.filter((item) => "C" in item.labels);
  const agreement = sum(three.map((item) => sum(counts(item).map((v) => v * (v - 1))) / 6)) / three.length;
  const chance = sum(card.labels.map((_, k) => (sum(three.map((item) => counts(item)[k])) / (3 * three.length)) ** 2));
  close((agreement - chance) / (1 - chance), card.agreement.fleissKappaABC);
});
