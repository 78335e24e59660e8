// Renews the file table (records, bytes, sha256) in the card.json of data sets.
//
//   node data/card.mjs <set> …
//
// The files listed are those that the card already names under "splits"; a new one is added there by hand with {}.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const data = dirname(fileURLToPath(import.meta.url));

/** Number of records: lines of JSONL and text files, the length of the one array in JSON files. */
export function measure(path) {
  const bytes = readFileSync(path), text = bytes.toString("utf8");
  const records = path.endsWith(".json") ? JSON.parse(text).length : text.split("\n").filter(Boolean).length;
  return { records, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

export function renew(set) {
  const path = join(data, set, "card.json"), card = JSON.parse(readFileSync(path, "utf8"));
  for (const file of Object.keys(card.splits)) card.splits[file] = measure(join(data, set, file));
  writeFileSync(path, JSON.stringify(card, null, 2) + "\n");
  return card;
}

/**
 * Writes what a generator made, { language: { split: records } }, as JSONL and renews the card. With --check on the command
 * line it writes nothing and sets the exit status to 1 if a file would change.
 */
export function writeSplits(set, languages) {
  const check = process.argv.includes("--check");
  for (const [language, splits] of Object.entries(languages)) {
    mkdirSync(join(data, set, language), { recursive: true });
    for (const [split, records] of Object.entries(splits)) {
      const path = join(data, set, language, `${split}.jsonl`), text = records.map((record) => JSON.stringify(record) + "\n").join("");
      if (!check) writeFileSync(path, text);
      else if (readFileSync(path, "utf8") !== text) {
        console.error(`${path} is not what its generator makes`);
        process.exitCode = 1;
      }
    }
  }
  if (!check) renew(set);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const set of process.argv.slice(2)) console.log(set, renew(set).splits);
