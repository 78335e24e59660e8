// data/preferences: the card tells the truth, languages are parallel, length alone does not decide, splits share no prompt.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnique, cardOf, checkCard, mostAlike, recordsOf, type Card } from "./support";

interface Pair { id: string; prompt: string; chosen: string; rejected: string; reason: string }
type Split = "train" | "test";
const SET = "preferences", LANGUAGES = ["en", "zh"] as const, SPLITS: Split[] = ["train", "test"];
const card = cardOf<Card & { reasons: Record<string, Record<Split, number>>; lengthHeuristic: { accuracy: Record<string, Record<Split, number>> } }>(SET);
const load = (language: string, split: string) => recordsOf<Pair>(SET, `${language}/${split}.jsonl`);
const all = (language: string) => SPLITS.flatMap((split) => load(language, split));

test("the card is true", () => {
  checkCard(SET);
  for (const language of LANGUAGES) {
    assert.ok(all(language).length >= 320);
    for (const split of SPLITS)
      for (const [reason, counts] of Object.entries(card.reasons))
        assert.equal(load(language, split).filter((r) => r.reason === reason).length, counts[split], `${language} ${split} ${reason}`);
  }
});

test("texts are plain, in their language, and differ", () => {
  for (const language of LANGUAGES)
    for (const { id, prompt, chosen, rejected, reason } of all(language)) {
      assert.ok(reason in card.reasons, id);
      assert.notEqual(chosen, rejected, id);
      for (const text of [prompt, chosen, rejected]) {
        assert.equal(text, text.trim(), id);
        assert.doesNotMatch(text, /[\n\r\t|\uFFFD]| {2}/u, id);
        if (language === "en") assert.doesNotMatch(text, /\p{Script=Han}/u, id);
      }
      if (language === "zh") assert.match(prompt + rejected, /\p{Script=Han}{3}/u, id);
    }
});

test("length alone does not predict the choice, and the card says how well it does", () => {
  for (const language of LANGUAGES)
    for (const split of SPLITS) {
      const pairs = load(language, split);
      const right = pairs.reduce((sum, { chosen, rejected }) => sum + (chosen.length > rejected.length ? 1 : chosen.length === rejected.length ? 0.5 : 0), 0) / pairs.length;
      assert.ok(Math.abs(right - card.lengthHeuristic.accuracy[language][split]) < 6e-4, `${language} ${split}: ${right}`);
      assert.ok(right > 0.45 && right < 0.55, `${language} ${split}: ${right}`);
    }
});

test("prompts occur once, languages are parallel, and no test prompt resembles a train prompt", () => {
  for (const language of LANGUAGES) {
    assertUnique(all(language).map((r) => r.id), "id");
    assertUnique(all(language).map((r) => r.prompt), "prompt");
    const { similarity, pair } = mostAlike(load(language, "train").map((r) => r.prompt), load(language, "test").map((r) => r.prompt), 3);
    assert.ok(similarity < 0.8, `${language} ${similarity}: ${pair.join(" <> ")}`);
    const answers = mostAlike(load(language, "train").map((r) => r.rejected), load(language, "test").map((r) => r.rejected), 3);
    assert.ok(answers.similarity < 0.6, `${language} ${answers.similarity}: ${answers.pair.join(" <> ")}`);
  }
  for (const split of SPLITS) assert.deepEqual(load("zh", split).map((r) => `${r.id} ${r.reason}`), load("en", split).map((r) => `${r.id} ${r.reason}`));
});
