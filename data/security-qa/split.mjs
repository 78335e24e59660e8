// Splits the security question-answer set into train, validation and test, and renews card.json and the
// generated tables of README.md.
//
//   node data/security-qa/split.mjs
//
// Pools the records that lie in the six files, groups those about one subject (subjects.json, and near
// duplicates), deals whole groups to the splits and writes everything back. The result depends on the records
// alone, so running it twice changes nothing. To add or correct a record, edit it in both languages under the
// same id, in any split, and run this.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const LANGUAGES = ["en", "zh"], SPLITS = ["train", "validation", "test"];
/** Two records at least this similar (Jaccard index of character 3-grams) in one language are never split apart. */
const MAX_JACCARD = { en: 0.27, zh: 0.1 };
/** Share of each topic that goes to validation, and the same again to test. */
const HELD_OUT = 0.1;

const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const fileOf = (language, split) => `${language}/${split}.jsonl`;

/** All records of one language, by id, whatever split they lie in now. */
function pool(language) {
  const lines = SPLITS.flatMap((split) => readFileSync(join(here, fileOf(language, split)), "utf8").split("\n"));
  const records = new Map();
  for (const record of lines.filter(Boolean).map((line) => JSON.parse(line))) {
    if (records.has(record.id)) throw new Error(`${language}: two records have the id ${record.id}; give one a new id`);
    records.set(record.id, record);
  }
  return records;
}

/** Character 3-grams of question and answer in lower case; what is no letter or digit is one space (none in Chinese). */
function grams({ question, answer }, language) {
  const plain = `${question} ${answer}`.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, language === "zh" ? "" : " ").trim();
  const text = [...plain];
  return new Set(text.slice(2).map((last, i) => text[i] + text[i + 1] + last));
}

function jaccard(a, b) {
  let common = 0;
  for (const gram of a) if (b.has(gram)) common++;
  return common / (a.size + b.size - common);
}

/** Ids in groups that must not be split apart: connected components (union-find) of "same subject or too similar". */
function groupsOf(ids, records) {
  const parent = new Map(ids.map((id) => [id, id]));
  const root = (id) => (parent.get(id) === id ? id : root(parent.get(id)));
  const unite = (a, b) => parent.set(root(a), root(b));
  for (const subject of JSON.parse(readFileSync(join(here, "subjects.json"), "utf8")).subjects) {
    const [first, ...rest] = ids.filter((id) => new RegExp(subject, "i").test(records.en.get(id).question));
    for (const id of rest) unite(id, first);
  }
  for (const language of LANGUAGES) {
    const sets = ids.map((id) => grams(records[language].get(id), language));
    for (let i = 0; i < ids.length; i++)
      for (let j = 0; j < i; j++) if (jaccard(sets[i], sets[j]) >= MAX_JACCARD[language]) unite(ids[i], ids[j]);
  }
  const groups = new Map();
  for (const id of ids) groups.set(root(id), [...(groups.get(root(id)) ?? []), id]);
  return [...groups.values()];
}

/**
 * Deals groups in an order fixed by the hash of their first id: to test while no topic in the group exceeds its
 * quota there, else to validation by the same rule, else to train. Returns the split of every id.
 */
function deal(groups, topicOf) {
  const sizes = count(groups.flat().map(topicOf));
  const quota = new Map([...sizes].map(([topic, n]) => [topic, Math.round(n * HELD_OUT)]));
  const filled = { test: new Map(), validation: new Map() };
  const splitOf = new Map();
  const key = (group) => sha256([...group].sort()[0]);
  for (const group of [...groups].sort((a, b) => (key(a) < key(b) ? -1 : 1))) {
    const wanted = count(group.map(topicOf));
    const fits = (split) => [...wanted].every(([t, n]) => (filled[split].get(t) ?? 0) + n <= quota.get(t));
    const split = ["test", "validation"].find(fits) ?? "train";
    for (const id of group) splitOf.set(id, split);
    if (split !== "train") for (const [t, n] of wanted) filled[split].set(t, (filled[split].get(t) ?? 0) + n);
  }
  return splitOf;
}

function count(items) {
  const counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** Puts `text` between the README's lines `<!-- name -->` and `<!-- /name -->`. */
function fill(readme, name, text) {
  return readme.replace(new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`), (_, a, b) => `${a}${text}\n${b}`);
}

function lengthsOf(records) {
  return Object.fromEntries(["question", "answer"].map((field) => {
    const sorted = records.map((r) => [...r[field]].length).sort((a, b) => a - b);
    return [field, { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1] }];
  }));
}

const records = Object.fromEntries(LANGUAGES.map((language) => [language, pool(language)]));
const ids = [...records.en.keys()].sort();
const topicOf = (id) => records.en.get(id).topic;
const card = JSON.parse(readFileSync(join(here, "card.json"), "utf8"));
for (const id of ids) {
  if (records.zh.get(id)?.topic !== topicOf(id)) throw new Error(`${id}: missing in zh, or the topics differ; make both the same`);
  if (!card.topicNames[topicOf(id)]) throw new Error(`card.json: topicNames lacks a Chinese name for "${topicOf(id)}" (${id})`);
}
if (records.zh.size !== ids.length) throw new Error("zh has records that en lacks; write them in both languages");
const splitOf = deal(groupsOf(ids, records), topicOf);

const files = {};
for (const language of LANGUAGES)
  for (const split of SPLITS) {
    const lines = ids.filter((id) => splitOf.get(id) === split).map((id) => JSON.stringify(records[language].get(id)) + "\n");
    writeFileSync(join(here, fileOf(language, split)), lines.join(""));
    files[fileOf(language, split)] = { records: lines.length, sha256: sha256(lines.join("")) };
  }

card.topics = {};
for (const topic of [...new Set(ids.map(topicOf))].sort()) {
  const of = ids.filter((id) => topicOf(id) === topic);
  card.topics[topic] = Object.fromEntries(SPLITS.map((split) => [split, of.filter((id) => splitOf.get(id) === split).length]));
}
card.characters = Object.fromEntries(LANGUAGES.map((language) => [language, lengthsOf([...records[language].values()])]));
card.separation = { ngram: 3, maxJaccard: MAX_JACCARD, subjects: "subjects.json" };
card.splits = files;
writeFileSync(join(here, "card.json"), JSON.stringify(card, null, 2) + "\n");

/** A Markdown table; every column but the first `labels` is of numbers, so it is aligned to the right. */
const table = (labels, header, rows) =>
  [header, header.map((_, i) => (i < labels ? "---" : "---:")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const bySplit = SPLITS.map((split) => files[fileOf("en", split)].records);
let readme = readFileSync(join(here, "README.md"), "utf8");
readme = fill(readme, "sizes", table(1, ["topic 主题", "train 训练", "validation 验证", "test 测试", "total 合计"], [
  ...Object.entries(card.topics).map(([topic, n]) =>
    [`${topic} ${card.topicNames[topic]}`, n.train, n.validation, n.test, n.train + n.validation + n.test]),
  ["**total 合计**", ...bySplit, ids.length],
]));
readme = fill(readme, "lengths", table(2, ["language 语言", "field 字段", "min 最短", "median 中位数", "max 最长"],
  LANGUAGES.flatMap((l) => Object.entries(card.characters[l]).map(([field, n]) => [l, field, n.min, n.median, n.max]))));
readme = fill(readme, "checksums", table(2, ["file 文件", "sha256", "records 条数"],
  Object.entries(files).map(([file, f]) => [`\`${file}\``, `\`${f.sha256}\``, f.records])));
writeFileSync(join(here, "README.md"), readme);
console.log(SPLITS.map((split, i) => `${split} ${bySplit[i]}`).join(", "));
