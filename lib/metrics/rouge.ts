/**
 * ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) with the numbers of Google's rouge-score: n-gram overlap, and longest common subsequence of
 * the whole text. Its tokenizer keeps only a-z and 0-9, so Chinese text has no tokens at all: `units: "characters"` counts each
 * Chinese character as a token instead.
 */
import { TunelabError } from "../errors";
import { ngramCounts } from "./bleu";
import { porterStem } from "./porter";

export interface RougeOptions {
  /** "words" (default): rouge-score's tokenizer. "characters": each Han character is a token, and each run of a-z and 0-9. */
  units?: "words" | "characters";
  /** Words longer than three letters are reduced to their Porter stem (rouge-score's use_stemmer). */
  stemmer?: boolean;
}
export interface RougeScore { precision: number; recall: number; f1: number }
export interface Rouge { rouge1: RougeScore; rouge2: RougeScore; rougeL: RougeScore }

/** ROUGE of one prediction against one reference, each number in [0, 1]. */
export function rouge(reference: string, prediction: string, options: RougeOptions = {}): Rouge {
  const wanted = rougeTokens(reference, options), found = rougeTokens(prediction, options);
  return { rouge1: overlap(wanted, found, 1), rouge2: overlap(wanted, found, 2), rougeL: scored(longestCommonSubsequence(wanted, found), found.length, wanted.length) };
}

/** Mean of each number over the texts of a test set (rouge-score's aggregate without its intervals; for those see bootstrapInterval). */
export function meanRouge(references: readonly string[], predictions: readonly string[], options: RougeOptions = {}): Rouge {
  if (references.length !== predictions.length || references.length === 0)
    throw new TunelabError(`meanRouge: ${references.length} references and ${predictions.length} predictions; give as many of each, at least one.`);
  const each = references.map((reference, i) => rouge(reference, predictions[i], options));
  const mean = (kind: keyof Rouge, part: keyof RougeScore) => each.reduce((sum, r) => sum + r[kind][part], 0) / each.length;
  const all = (kind: keyof Rouge): RougeScore => ({ precision: mean(kind, "precision"), recall: mean(kind, "recall"), f1: mean(kind, "f1") });
  return { rouge1: all("rouge1"), rouge2: all("rouge2"), rougeL: all("rougeL") };
}

/** The tokens that are counted. */
export function rougeTokens(text: string, { units = "words", stemmer = false }: RougeOptions = {}): string[] {
  if (units !== "words" && units !== "characters") throw new TunelabError(`ROUGE: units is ${JSON.stringify(units)}; give "words" or "characters".`);
  const tokens = text.toLowerCase().match(units === "words" ? /[a-z0-9]+/g : /[a-z0-9]+|\p{Script=Han}/gu) ?? [];
  return stemmer ? tokens.map((token) => (token.length > 3 ? porterStem(token) : token)) : tokens;
}

function scored(hits: number, found: number, wanted: number): RougeScore {
  const precision = hits / Math.max(found, 1), recall = hits / Math.max(wanted, 1);
  return { precision, recall, f1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

function overlap(wanted: readonly string[], found: readonly string[], n: number): RougeScore {
  const there = ngramCounts(found, n);
  let hits = 0;
  for (const [gram, count] of ngramCounts(wanted, n)) hits += Math.min(count, there.get(gram) ?? 0);
  return scored(hits, Math.max(found.length - n + 1, 0), Math.max(wanted.length - n + 1, 0));
}

/** Length of the longest common subsequence, by dynamic programming in two rows. */
function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const token of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 0; j < b.length; j++) next[j + 1] = token === b[j] ? row[j] + 1 : Math.max(row[j + 1], next[j]);
    row = next;
  }
  return row[b.length];
}
