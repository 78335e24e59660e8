// Makes the security alerts from the templates and the banks; the same files every time.
//
//   node data/security-alerts/make.mjs            writes en/ and zh/ and renews card.json
//   node data/security-alerts/make.mjs --check    writes nothing, exits with 1 if a file would change
//
// templates/<label>.txt holds pairs of lines, `en …` and `zh …`, that say the same. In a template `$name` or `${name}` is a slot of banks.mjs
// (a digit after the name asks for a second value), `[[a|b]]` a choice, `$$` a dollar sign. The first 25 templates of a
// label may be used in every split but hard, the others before the line `--- hard` in validation and test only, those after it in hard only.
// A record has the same label, template, slot values and choices in both languages under its id; the noise is drawn for each language.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSplits } from "../card.mjs";
import { BANKS } from "./banks.mjs";
import { noisy } from "./noise.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const SEED = 3, LANGUAGES = ["en", "zh"];
/** Records of each label, in the order in which the splits are drawn: what is held out comes first. */
const SIZES = { test: 30, validation: 20, hard: 24, train: 160 };
const TRAIN_TEMPLATES = 25;
/** The first hard templates avoid the words of their label and are used once each; the others share the rest of the hard split. */
const INDIRECT = 6;
/** Share of validation and test that comes from templates never used in train. */
const UNSEEN = 0.15;
/** Records of two splits are less alike than this: Jaccard index of the character 4-grams, in lower case. */
const MAX_JACCARD = 0.75;

/** Random numbers from a text: every draw hashes it again, so that a value depends on its name alone, not on the order of drawing. */
function source(...key) {
  let calls = 0;
  const next = () => createHash("sha256").update([SEED, ...key, calls++].join("/")).digest().readUInt32LE(0) / 2 ** 32;
  const int = (least, most) => least + Math.floor(next() * (most - least + 1));
  return { next, int, pick: (array) => array[int(0, array.length - 1)] };
}

function templatesOf(label) {
  const [usual, hard] = readFileSync(join(here, "templates", `${label}.txt`), "utf8").split("--- hard\n").map((part) => {
    const lines = part.split("\n").filter(Boolean), pairs = [];
    for (let i = 0; i < lines.length; i += 2) {
      if (!lines[i].startsWith("en ") || !lines[i + 1]?.startsWith("zh ")) throw new Error(`${label}: a template lacks its other language: ${lines[i]}`);
      pairs.push({ en: lines[i].slice(3), zh: lines[i + 1].slice(3) });
    }
    return pairs;
  });
  return { usual, hard };
}

/** The template with choices and slots filled for one record. */
function fill(template, language, key) {
  let choices = 0;
  const chosen = template.replace(/\[\[(.*?)\]\](?!\])/g, (_, list) => {
    const options = list.split("|");
    return options[source(...key, "choice", choices++).int(0, options.length - 1)];
  });
  return chosen.replace(/\$\$|\$(?:\{([a-z]+)(\d?)\}|([a-z]+)(\d?))(\.(?:7z|php|zip|c|png)\b)?/g, (whole, a, aDigit, b, bDigit, extension = "") => {
    if (whole === "$$") return "$";
    const name = a ?? b, bank = BANKS[name + (aDigit ?? bDigit)] ?? BANKS[name];
    if (!bank) throw new Error(`no bank for ${whole} in: ${template}`);
    let value = bank(source(...key, name, aDigit ?? bDigit));
    if (Array.isArray(value)) value = value[LANGUAGES.indexOf(language)];
    return (name === "file" && extension ? value.replace(/\.\w+$/, "") : value) + extension;
  });
}

function grams(text) {
  const characters = [...text.toLowerCase()], found = new Set();
  for (let i = 0; i + 4 <= characters.length; i++) found.add(characters.slice(i, i + 4).join(""));
  return found;
}
function jaccard(a, b) {
  let common = 0;
  for (const gram of a) if (b.has(gram)) common++;
  return common / (a.size + b.size - common);
}

/** All records, by language and split. */
function make() {
  const labels = readdirSync(join(here, "templates")).map((file) => file.replace(".txt", "")).sort();
  const result = Object.fromEntries(LANGUAGES.map((l) => [l, Object.fromEntries(Object.keys(SIZES).map((s) => [s, []]))]));
  const texts = { en: new Set(), zh: new Set() };
  for (const label of labels) {
    const { usual, hard } = templatesOf(label), taken = [];
    for (const [split, size] of Object.entries(SIZES))
      for (let k = 0; k < size; k++) {
        const unseen = (split === "test" || split === "validation") && k < size * UNSEEN;
        const from = split === "hard" ? (k < INDIRECT ? hard.slice(k, k + 1) : hard.slice(INDIRECT)) : unseen ? usual.slice(TRAIN_TEMPLATES) : usual.slice(0, TRAIN_TEMPLATES);
        let made;
        for (let attempt = 0; attempt < 400 && !made; attempt++) {
          const key = [label, split, k, attempt], template = from[(k + Math.floor(attempt / 8)) % from.length];
          const record = Object.fromEntries(LANGUAGES.map((l) => [l, noisy(fill(template[l], l, key), l, source(...key, "noise", l), split !== "hard")]));
          if (LANGUAGES.some((l) => texts[l].has(record[l]))) continue;
          const sets = Object.fromEntries(LANGUAGES.map((l) => [l, grams(record[l])]));
          // Templates of different labels hardly resemble one another; the test compares all pairs all the same.
          const clash = taken.some((other) => other.split !== split && LANGUAGES.some((l) => jaccard(sets[l], other.sets[l]) >= MAX_JACCARD));
          if (!clash) made = { record, sets };
        }
        if (!made && split === "hard") continue;  // templates without slots give few different texts
        if (!made) throw new Error(`${label}: no ${split} record ${k} unlike the others; add slots or choices to its templates`);
        taken.push({ split, sets: made.sets });
        for (const l of LANGUAGES) { texts[l].add(made.record[l]); result[l][split].push({ text: made.record[l], label }); }
      }
  }
  // One order for both languages, in which the labels are mixed; ids run through the splits.
  let id = 0;
  for (const split of ["train", "validation", "test", "hard"]) {
    const order = result.en[split].map((_, i) => i).map((i) => [source("order", split, i).next(), i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
    for (const i of order) {
      id++;
      for (const l of LANGUAGES) result[l][split][i] = { id: `alert-${String(id).padStart(5, "0")}`, ...result[l][split][i] };
    }
    for (const l of LANGUAGES) result[l][split] = order.map((i) => result[l][split][i]);
  }
  return result;
}

writeSplits("security-alerts", make());
