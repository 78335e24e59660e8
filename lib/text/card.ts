/** Data cards: what a data set is, whence it comes and what one may do with it; read, and held against the files that it speaks of. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { readRecords } from "./jsonl";

export interface DataCard {
  name: string;
  description: string;
  /** An SPDX identifier such as CC-BY-4.0. */
  licence: string;
  source: string;
  languages: string[];
  /** What each field of a record holds; a description that begins with "optional" means that records may lack it. */
  fields: Record<string, string>;
  /** By file, relative to the card's folder: records of a .jsonl file, entries of the list in a .json file, lines of any other. */
  splits: Record<string, { records: number; bytes?: number; sha256: string }>;
  /** Whatever else the card says. */
  [more: string]: unknown;
}

/** The card of a data set's folder (its card.json). Every mistake in it is listed in one error. */
export function readCard(folder: string): DataCard {
  const file = path.join(folder, "card.json");
  if (!fs.existsSync(file)) throw new TunelabError(`${file}: there is no such file; a data set needs a card with name, description, licence, source, languages, fields and splits.`);
  let card: unknown;
  try { card = JSON.parse(fs.readFileSync(file, "utf8")); }
  catch (error) { throw new TunelabError(`${file}: is not valid JSON (${(error as Error).message}); correct it.`); }
  const wrong = cardMistakes(card);
  if (wrong.length) throw new TunelabError(`${file}:\n${wrong.map((w) => `  ${w}`).join("\n")}`);
  return card as DataCard;
}

/** What is wrong with a card, in words; nothing where it is right. */
export function cardMistakes(card: unknown): string[] {
  const wrong: string[] = [], isMap = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);
  if (!isMap(card)) return ["is not a JSON object; give one with name, description, licence, source, languages, fields and splits."];
  const filled = (x: unknown) => typeof x === "string" && x.trim() !== "";
  for (const name of ["name", "description", "licence", "source"]) if (!filled(card[name])) wrong.push(`${name} is ${shown(card[name])}; give a text.`);
  if (!Array.isArray(card.languages) || card.languages.length === 0 || !card.languages.every((l) => typeof l === "string" && /^[a-z]{2,3}(-[A-Za-z0-9]+)*$/.test(l))) wrong.push(`languages is ${shown(card.languages)}; give a list of codes, like ["en", "zh"].`);
  if (!isMap(card.fields) || Object.keys(card.fields).length === 0 || !Object.values(card.fields).every(filled)) wrong.push("fields must say in words what each field of a record holds.");
  if (!isMap(card.splits) || Object.keys(card.splits).length === 0) wrong.push("splits must name the files, each with records and sha256.");
  else for (const [name, split] of Object.entries(card.splits)) {
    if (!/^[^\0]+$/.test(name)) wrong.push(`splits: ${shown(name)} is no name of a file.`);
    if (path.isAbsolute(name) || name.split(/[\\/]/).includes("..")) wrong.push(`splits: ${name} leads out of the folder.`);
    if (!isMap(split) || !Number.isInteger(split.records) || (split.records as number) < 1) wrong.push(`splits: ${name}: records must be a whole number of at least 1.`);
    if (isMap(split) && split.bytes !== undefined && !Number.isInteger(split.bytes)) wrong.push(`splits: ${name}: bytes must be a whole number, or left out.`);
    if (!isMap(split) || typeof split.sha256 !== "string" || !/^[0-9a-f]{64}$/.test(split.sha256)) wrong.push(`splits: ${name}: sha256 must be 64 hexadecimal digits in lower case.`);
  }
  return wrong;
}

export interface DataSummary { card: DataCard; records: number; bytes: number; splits: Record<string, { records: number; bytes: number }> }

/**
 * Holds a card against its files: they are there, have the checksum, the size and the number of records; and every record of a .jsonl or .json
 * file has the card's fields (optional ones may be missing) and no other. Other files are text: their lines that are not empty are counted.
 */
export async function verifyData(folder: string): Promise<DataSummary> {
  const card = readCard(folder), splits: DataSummary["splits"] = {}, wrong: string[] = [];
  for (const [name, { records, bytes, sha256 }] of Object.entries(card.splits)) {
    const file = path.join(folder, name), stat = fs.statSync(file, { throwIfNoEntry: false }), size = stat?.size;
    if (size === undefined || !stat!.isFile()) { wrong.push(`${name}: there is no such file.`); continue; }
    const found = await checksum(file), n = /\.jsonl?$/.test(name) ? await countRecords(file, name, card.fields, wrong) : await countLines(file);
    if (found !== sha256) wrong.push(`${name}: sha256 is ${found}, the card says ${sha256}; the file was changed, or the card was not.`);
    if (bytes !== undefined && size !== bytes) wrong.push(`${name}: has ${size} bytes, the card says ${bytes}.`);
    if (n !== records) wrong.push(`${name}: holds ${n} records, the card says ${records}.`);
    splits[name] = { records: n, bytes: size };
  }
  if (wrong.length) throw new TunelabError(`${path.join(folder, "card.json")}: the data is not as the card says.\n${wrong.slice(0, SHOWN).map((w) => `  ${w}`).join("\n")}${wrong.length > SHOWN ? `\n  … and ${wrong.length - SHOWN} more` : ""}`);
  const all = Object.values(splits);
  return { card, splits, records: all.reduce((s, x) => s + x.records, 0), bytes: all.reduce((s, x) => s + x.bytes, 0) };
}
async function checksum(file: string): Promise<string> {
  const digest = createHash("sha256");
  for await (const chunk of fs.createReadStream(file)) digest.update(chunk as Buffer);
  return digest.digest("hex");
}

/** Counts records; those that cannot be read, or have other fields than `fields`, are put down in `wrong`. */
async function countRecords(file: string, name: string, fields: Readonly<Record<string, string>>, wrong: string[]): Promise<number> {
  const known = Object.keys(fields), needed = known.filter((f) => !/^optional\b/i.test(fields[f]));
  let n = 0;
  for await (const record of readRecords(file, { bad: "skip", onBad: (message) => wrong.push(message) })) {
    n++;
    const missing = needed.filter((f) => !(f in record)), unknown = Object.keys(record).filter((f) => !known.includes(f));
    if (missing.length || unknown.length) wrong.push(`${name}, record ${n}: ${[missing.length && `lacks ${missing.join(", ")}`, unknown.length && `has ${unknown.join(", ")}, which the card does not describe`].filter(Boolean).join(", ")}.`);
  }
  return n;
}

async function countLines(file: string): Promise<number> {
  let n = 0;
  for await (const line of createInterface({ input: fs.createReadStream(file), crlfDelay: Infinity })) if (line.trim()) n++;
  return n;
}

/** Mistakes that one error lists. */
const SHOWN = 10;

export interface LicenceTerms {
  /** What must be kept in mind; not legal advice. */
  commercial: boolean;
  changes: boolean;
  attribution: boolean;
  /** Derived data must carry the same licence. */
  shareAlike: boolean;
}
const terms = (commercial: boolean, changes: boolean, attribution: boolean, shareAlike: boolean): LicenceTerms => ({ commercial, changes, attribution, shareAlike });
const LICENCES: Readonly<Record<string, LicenceTerms>> = {
  "CC0-1.0": terms(true, true, false, false), "PDDL-1.0": terms(true, true, false, false), "Unlicense": terms(true, true, false, false),
  "CC-BY-4.0": terms(true, true, true, false), "CC-BY-3.0": terms(true, true, true, false), "ODC-By-1.0": terms(true, true, true, false), "CDLA-Permissive-2.0": terms(true, true, true, false),
  "CC-BY-SA-4.0": terms(true, true, true, true), "CC-BY-SA-3.0": terms(true, true, true, true), "ODbL-1.0": terms(true, true, true, true), "GFDL-1.3-or-later": terms(true, true, true, true),
  "CC-BY-NC-4.0": terms(false, true, true, false), "CC-BY-NC-SA-4.0": terms(false, true, true, true), "CC-BY-ND-4.0": terms(true, false, true, false), "CC-BY-NC-ND-4.0": terms(false, false, true, false),
  "MIT": terms(true, true, true, false), "Apache-2.0": terms(true, true, true, false), "BSD-2-Clause": terms(true, true, true, false), "BSD-3-Clause": terms(true, true, true, false),
};

/** What a licence (SPDX identifier) allows and asks for, or undefined where it is not known here: then read it. */
export const licenceTerms = (licence: string): LicenceTerms | undefined => (Object.hasOwn(LICENCES, licence) ? LICENCES[licence] : undefined);

export interface CombinedTerms {
  /** What holds for the whole: the strictest of the parts, as far as they are known here. */
  terms: LicenceTerms;
  /** Licences that are not known here. */
  unknown: string[];
  /** Two or more licences that each want derived data under themselves: the parts cannot be published as one. */
  conflict: string[];
}
/** Terms of a mixture of data under several licences (SPDX identifiers). A share-alike licence in another version of itself counts as another licence. */
export function combinedTerms(licences: Iterable<string>): CombinedTerms {
  const all = [...new Set(licences)], known = all.flatMap((name) => { const terms = licenceTerms(name); return terms ? [{ name, terms }] : []; });
  if (all.length === 0) throw new TunelabError("combinedTerms: there are no licences; give at least one SPDX identifier.");
  const every = (name: keyof LicenceTerms) => known.every((k) => k.terms[name]), some = (name: keyof LicenceTerms) => known.some((k) => k.terms[name]);
  const alike = known.filter((k) => k.terms.shareAlike).map((k) => k.name);
  return {
    terms: { commercial: every("commercial"), changes: every("changes"), attribution: some("attribution"), shareAlike: some("shareAlike") },
    unknown: all.filter((name) => !licenceTerms(name)), conflict: alike.length > 1 ? alike : [],
  };
}
