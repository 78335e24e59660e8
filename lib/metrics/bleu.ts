/**
 * BLEU (Papineni et al. 2002) with the numbers of sacreBLEU 2 (Post 2018): its tokenizers 13a and zh, exponential smoothing
 * (Chen & Cherry 2014, method 3), clipped counts over several references, brevity penalty by the closest reference length.
 *   BLEU = BP · exp(1/N Σ log p_n),  BP = min(1, exp(1 − r/c)),  in percent
 */
import { TunelabError } from "../errors";

const ORDERS = 4;
const noCounts = (): Stats => ({ hypothesis: 0, reference: 0, matches: Array(ORDERS).fill(0), totals: Array(ORDERS).fill(0) });

export interface BleuOptions {
  /** "13a": mteval-v13a, for languages with spaces. "zh": each Chinese character is a token, the rest as in 13a. */
  tokenizer?: "13a" | "zh";
}

export interface Bleu {
  /** In percent, 0 to 100. */
  score: number;
  /** Smoothed precision of 1- to 4-grams, in percent. */
  precisions: number[];
  brevityPenalty: number;
  /** Tokens of the hypotheses, and of the references closest to them in length. */
  hypothesisLength: number;
  referenceLength: number;
  /** Matching and all n-grams of the hypotheses, by order. */
  matches: number[];
  totals: number[];
}

/** BLEU of a whole test set: counts are added up over all segments. `references[i]` is one reference of hypothesis i, or a list of them. */
export function corpusBleu(hypotheses: readonly string[], references: readonly (string | readonly string[])[], { tokenizer = "13a" }: BleuOptions = {}): Bleu {
  if (hypotheses.length !== references.length || hypotheses.length === 0)
    throw new TunelabError(`corpusBleu: ${hypotheses.length} hypotheses and ${references.length} entries of references; give at least one, and the references of hypothesis i at place i.`);
  const stats = noCounts();
  for (const [i, hypothesis] of hypotheses.entries()) addSegment(stats, hypothesis, references[i], tokenizer, `corpusBleu: hypothesis ${i}`);
  return score(stats, false);
}

/** BLEU of one segment. As sacreBLEU's sentence_bleu it only counts the orders that the segment is long enough for. */
export function sentenceBleu(hypothesis: string, references: string | readonly string[], { tokenizer = "13a" }: BleuOptions = {}): Bleu {
  const stats = noCounts();
  addSegment(stats, hypothesis, references, tokenizer, "sentenceBleu");
  return score(stats, true);
}

interface Stats { hypothesis: number; reference: number; matches: number[]; totals: number[] }

function addSegment(stats: Stats, hypothesis: string, references: string | readonly string[], tokenizer: "13a" | "zh", where: string): void {
  const refs = (typeof references === "string" ? [references] : references).map((r) => bleuTokens(r, tokenizer)), tokens = bleuTokens(hypothesis, tokenizer);
  if (refs.length === 0) throw new TunelabError(`${where} has no reference; give at least one.`);
  stats.hypothesis += tokens.length;
  stats.reference += refs.map((r) => r.length).reduce((best, n) => {
    const a = Math.abs(n - tokens.length), b = Math.abs(best - tokens.length);
    return a < b || (a === b && n < best) ? n : best;
  });
  for (let n = 1; n <= ORDERS; n++) {
    const allowed = new Map<string, number>();
    for (const r of refs) for (const [gram, count] of ngramCounts(r, n)) allowed.set(gram, Math.max(count, allowed.get(gram) ?? 0));
    for (const [gram, count] of ngramCounts(tokens, n)) {
      stats.totals[n - 1] += count;
      stats.matches[n - 1] += Math.min(count, allowed.get(gram) ?? 0);
    }
  }
}

function score({ hypothesis, reference, matches, totals }: Stats, effectiveOrder: boolean): Bleu {
  const brevityPenalty = hypothesis >= reference ? 1 : hypothesis > 0 ? Math.exp(1 - reference / hypothesis) : 0;
  const precisions = Array(ORDERS).fill(0) as number[];
  const result = { score: 0, precisions, brevityPenalty, hypothesisLength: hypothesis, referenceLength: reference, matches, totals };
  if (!matches.some((m) => m > 0)) return result;
  let smooth = 1, orders = ORDERS;
  for (let n = 0; n < ORDERS && totals[n] > 0; n++) {
    if (effectiveOrder) orders = n + 1;
    precisions[n] = matches[n] > 0 ? (100 * matches[n]) / totals[n] : 100 / ((smooth *= 2) * totals[n]);
  }
  // an order without any n-gram makes the score 0: log 0
  return { ...result, score: brevityPenalty * Math.exp(precisions.slice(0, orders).reduce((s, p) => s + Math.log(p), 0) / orders) };
}

/** Counts of the n-grams of a list of tokens; a gram's key is its tokens with U+0000 between them. */
export function ngramCounts(tokens: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    const gram = tokens.slice(i, i + n).join("\0");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** Python's white space (str.split), which is not JavaScript's \s. */
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const END_SPACE = new RegExp(`[${SPACE}]+$`), BEGIN_SPACE = new RegExp(`^[${SPACE}]+`), SPACES = new RegExp(`[${SPACE}]+`);

/**
 * What sacreBLEU's zh takes for a Chinese character. Two of its ranges are written with five-digit escapes of four-digit form, so that
 * they mean U+2001 to U+2A6D (dashes, quotation marks, arrows …) and U+2F81 to U+2FA1, and extension B is not in it; kept, for equal scores.
 */
const CHINESE = /[\u2001-\u2a6d\u2e80-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef]/g;

/** The tokens that sacreBLEU counts. */
export function bleuTokens(text: string, tokenizer: "13a" | "zh"): string[] {
  let line = text.replace(END_SPACE, "");
  if (tokenizer === "zh") line = line.replace(BEGIN_SPACE, "").replace(CHINESE, " $& ");
  else if (tokenizer === "13a") line = ` ${line.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ").replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">")} `;
  else throw new TunelabError(`BLEU: the tokenizer ${JSON.stringify(tokenizer)} is unknown; give "13a" or "zh".`);
  return line
    .replace(/([{-~[-` -&(-+:-@/])/gu, " $1 ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/gu, "$1 $2 ")
    .split(SPACES).filter(Boolean);
}
