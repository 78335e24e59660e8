// Data cards: the repository's own one holds, and each way in which a card or its data can be wrong is named.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { cardMistakes, combinedTerms, licenceTerms, readCard, verifyData } from "tunelab/text";
import { userError } from "../support/compare";
import { temporary } from "../support/fixtures";

const folder = temporary();
const GOOD = { name: "x", description: "d", licence: "CC-BY-4.0", source: "s", languages: ["en", "zh-Hans"], fields: { id: "number", text: "a text" }, splits: {} };
const LINES = '{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n';
function dataSet(change: (card: any) => void = () => {}, lines = LINES): string {
  const at = folder("set"), card: any = structuredClone(GOOD);
  fs.mkdirSync(at);
  fs.writeFileSync(path.join(at, "train.jsonl"), lines);
  card.splits["train.jsonl"] = { records: 2, sha256: createHash("sha256").update(lines).digest("hex") };
  change(card);
  fs.writeFileSync(path.join(at, "card.json"), JSON.stringify(card));
  return at;
}

test("the course's own data is as its card says", async () => {
  const { card, records, bytes, splits } = await verifyData("data/security-qa");
  assert.equal(card.licence, "CC-BY-4.0");
  assert.equal(records, 900);
  assert.equal(bytes, Object.keys(card.splits).reduce((n, f) => n + fs.statSync(path.join("data/security-qa", f)).size, 0));
  assert.deepEqual(splits["en/test.jsonl"].records, 47);
});
test("all data sets of the repository are as their cards say, under a licence whose terms are known", async () => {
  const sets = fs.readdirSync("data").filter((name) => fs.existsSync(path.join("data", name, "card.json")));
  assert.ok(sets.length >= 9);
  for (const name of sets) { const { card, records } = await verifyData(path.join("data", name)); assert.ok(records > 0 && licenceTerms(card.licence), name); }
});
test("a good set passes", async () => { assert.deepEqual((await verifyData(dataSet())).splits, { "train.jsonl": { records: 2, bytes: LINES.length } }); });
for (const [what, change, ...mentions] of [
  ["a missing licence", (c: any) => delete c.licence, "licence is undefined"], ["an empty source", (c: any) => (c.source = " "), 'source is " "'], ["languages as text", (c: any) => (c.languages = "en"), 'languages is "en"'],
  ["no fields", (c: any) => (c.fields = {}), "fields must say"], ["no splits", (c: any) => (c.splits = {}), "splits must name"], ["a bad count", (c: any) => (c.splits["train.jsonl"].records = 0), "train.jsonl: records"],
  ["a bad checksum", (c: any) => (c.splits["train.jsonl"].sha256 = "AB"), "64 hexadecimal"], ["a path out of the folder", (c: any) => (c.splits["../x"] = c.splits["train.jsonl"]), "../x leads out"],
  ["several mistakes at once", (c: any) => { c.name = 3; c.description = ""; }, "name is 3", 'description is ""'],
] as [string, (c: any) => void, ...string[]][]) test(`refused: ${what}`, () => { assert.throws(() => readCard(dataSet(change)), userError("card.json", ...mentions)); });
test("refused: no card, no JSON, no object", () => {
  const at = folder("none");
  fs.mkdirSync(at);
  assert.throws(() => readCard(at), userError("no such file", "licence"));
  fs.writeFileSync(path.join(at, "card.json"), "{");
  assert.throws(() => readCard(at), userError("not valid JSON"));
  assert.deepEqual(cardMistakes([]).length, 1);
});
test("data that is not as the card says: every difference is listed", async () => {
  const at = dataSet();
  fs.appendFileSync(path.join(at, "train.jsonl"), '{"id":3,"body":"c"}\nx\n');
  await assert.rejects(verifyData(at), userError("sha256 is", "record 3: lacks text, has body", "train.jsonl:4: is not valid JSON", "holds 3 records, the card says 2"));
  await assert.rejects(verifyData(dataSet((c) => (c.splits["no.jsonl"] = { records: 1, sha256: "0".repeat(64) }))), userError("no.jsonl: there is no such file"));
  const many = '{"id":1}\n'.repeat(50);
  await assert.rejects(verifyData(dataSet(() => {}, many)), userError("and 41 more"));
});
test("fields that the card calls optional may be missing", async () => {
  assert.equal((await verifyData(dataSet((c) => { c.fields.note = "optional: a remark"; }))).records, 2);
  await assert.rejects(verifyData(dataSet((c) => { c.fields.note = "a remark"; })), userError("record 1: lacks note"));
});
test("text files are counted by lines, .json files by entries; bytes are held against the card if it states them", async () => {
  const at = dataSet((c) => { c.fields.line = "a line"; }), card = JSON.parse(fs.readFileSync(path.join(at, "card.json"), "utf8")), add = (name: string, content: string, entry: object) => {
    fs.writeFileSync(path.join(at, name), content);
    card.splits = { [name]: { sha256: createHash("sha256").update(content).digest("hex"), ...entry } };
    fs.writeFileSync(path.join(at, "card.json"), JSON.stringify(card));
  };
  add("words.txt", "a b\n\nc\r\nd", { records: 3, bytes: 9 });
  assert.deepEqual((await verifyData(at)).splits, { "words.txt": { records: 3, bytes: 9 } });
  add("list.json", '[{"id":1,"text":"a","line":"b"}]', { records: 1 });
  assert.equal((await verifyData(at)).records, 1);
  add("words.txt", "a\n", { records: 1, bytes: 3 });
  await assert.rejects(verifyData(at), userError("words.txt: has 2 bytes, the card says 3"));
});
test("licences: what they ask for, unknown ones stay unknown", () => {
  assert.deepEqual(licenceTerms("CC-BY-SA-4.0"), { commercial: true, changes: true, attribution: true, shareAlike: true });
  assert.equal(licenceTerms("CC-BY-NC-4.0")!.commercial, false);
  for (const name of ["my own", "constructor"]) assert.equal(licenceTerms(name), undefined);
});
test("a mixture has the strictest terms; two share-alike licences contradict each other, unknown ones are named", () => {
  assert.deepEqual(combinedTerms(["CC0-1.0", "CC-BY-4.0", "CC-BY-4.0"]), { terms: { commercial: true, changes: true, attribution: true, shareAlike: false }, unknown: [], conflict: [] });
  assert.deepEqual(combinedTerms(["CC-BY-NC-4.0", "CC-BY-SA-4.0"]).terms, { commercial: false, changes: true, attribution: true, shareAlike: true });
  assert.equal(combinedTerms(["CC0-1.0", "CC-BY-ND-4.0"]).terms.changes, false);
  assert.deepEqual(combinedTerms(["CC-BY-SA-4.0", "ODbL-1.0", "CC-BY-4.0"]).conflict, ["CC-BY-SA-4.0", "ODbL-1.0"]);
  assert.deepEqual(combinedTerms(["CC-BY-SA-4.0", "CC-BY-SA-4.0"]).conflict, []);
  assert.deepEqual(combinedTerms(["mine", "MIT"]).unknown, ["mine"]);
  assert.throws(() => combinedTerms([]), userError("no licences"));
});
