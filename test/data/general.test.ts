// data/general: the card tells the truth, paragraphs have the promised length and language, nothing leaks, and none is about security.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, mostAlike, recordsOf, type Card } from "./support";

interface Paragraph { id: string; topic: string; text: string }
const SET = "general", LANGUAGES = ["en", "zh"] as const, SPLITS = ["train", "test"] as const;
const card = cardOf<Card & { topics: Record<string, number> }>(SET);
const load = (language: string, split: string) => recordsOf<Paragraph>(SET, `${language}/${split}.jsonl`);
const all = (language: string) => SPLITS.flatMap((split) => load(language, split));

test("the card is true", () => {
  checkCard(SET);
  for (const language of LANGUAGES) {
    assert.ok(all(language).length >= 150);
    for (const [topic, count] of Object.entries(card.topics)) {
      assert.equal(all(language).filter((r) => r.topic === topic).length, count, `${language} ${topic}`);
      for (const split of SPLITS) assert.ok(load(language, split).some((r) => r.topic === topic), `${language} ${split} ${topic}`);
    }
  }
});

test("paragraphs are whole sentences of their language, of the promised length", () => {
  for (const language of LANGUAGES)
    for (const { id, text } of all(language)) {
      assert.equal(text, text.trim(), id);
      assert.doesNotMatch(text, /[\n\r\t\uFFFD]| {2}/u, id);
      if (language === "en") {
        assert.match(text, /^[A-Z][\x20-\x7eàâäçéèêëîïôöûüá]*[.]$/u, id);
        const words = text.split(" ").length;
        assert.ok(words >= 50 && words <= 150, `${id}: ${words} words`);
      } else {
        assert.match(text, /^\p{Script=Han}[^a-z]*。$/u, id);
        assert.ok(text.length >= 60 && text.length <= 200, `${id}: ${text.length} characters`);
      }
      assert.doesNotMatch(text, /\b(?:firewall|malware|hacker|phishing|encrypt|password)|防火墙|恶意软件|黑客|钓鱼网站|加密算法/i, id);
    }
});

test("texts occur once, and no test paragraph resembles a train paragraph", () => {
  for (const language of LANGUAGES) {
    assertUnique(all(language).map((r) => r.id), "id");
    assertUnique(all(language).map((r) => r.text), "text");
    const { similarity, pair } = mostAlike(load(language, "train").map((r) => r.text), load(language, "test").map((r) => r.text), 3);
    assert.ok(similarity < 0.3, `${language} ${similarity}: ${pair.join(" <> ")}`);
  }
});
