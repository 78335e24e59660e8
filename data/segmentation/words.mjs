// The word list of the training sentences: word, tab, count; most frequent first, then by code point.
//
//   node data/segmentation/words.mjs            writes words.txt and renews card.json
//   node data/segmentation/words.mjs --check    writes nothing, exits with 1 if words.txt would change
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { renew } from "../card.mjs";

const here = dirname(fileURLToPath(import.meta.url)), path = join(here, "words.txt"), counts = new Map();
for (const word of readFileSync(join(here, "train.txt"), "utf8").split(/\s+/).filter(Boolean)) counts.set(word, (counts.get(word) ?? 0) + 1);
const list = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([word, n]) => `${word}\t${n}\n`).join("");
if (process.argv.includes("--check")) process.exitCode = readFileSync(path, "utf8") === list ? 0 : 1;
else { writeFileSync(path, list); renew("segmentation"); }
