/**
 * Programmatic rewards of the verifiable tasks (data/verifiable): is the answer right, and does it have the asked form?
 * Both are pure functions of texts, 1 or 0, to be weighted and added by the one who trains (reinforcement learning from verifiable
 * rewards, as in DeepSeekMath, arXiv 2402.03300, section 4). They are strict on purpose: a list of guesses, or the right answer
 * amid a sentence, earns nothing, since otherwise a policy learns to guess everything at once.
 */
import { TunelabError } from "../errors";

export interface VerifiableTask {
  /** Decides how answers are compared; one of `VERIFIABLE_TASKS`. */
  task: string;
  prompt: string;
  answer: string;
  /** Other answers that are right too (synonyms, the other language). */
  accept?: string[];
}

type Comparison = "name" | "number" | "yesNo" | "exact";
const COMPARISON: Record<string, Comparison> = {
  "port-service": "name", "service-port": "number", "cidr-membership": "yesNo", "hash-type": "name", "cvss-band": "name",
  "subnet-size": "number", "ipv4-private": "name", "base64-decode": "exact", "http-status-class": "name",
};
export const VERIFIABLE_TASKS: readonly string[] = Object.keys(COMPARISON);

const MARKER = /^[ \t]*(?:answer|答案)[ \t]*[:：][ \t]*(.*)$/gimu;
const YES = ["yes", "y", "true", "是", "是的", "属于", "在"], NO = ["no", "n", "false", "否", "不是", "不属于", "不在"];

/** What a completion gives as its answer: the rest of its only line "Answer: …" / "答案：…", without one the whole text; null where there are several. */
export function extractAnswer(completion: string): string | null {
  const marked = [...completion.matchAll(MARKER)];
  if (marked.length > 1) return null;
  return (marked.length ? marked[0][1] : completion).trim();
}

/** Unicode compatibility form (full-width becomes half-width), lower case, no outer quotes or final full stop, single spaces; hyphens as in the text. */
export function normalizeAnswer(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim().replace(/^["'“‘`(]+|["'”’`)。.!]+$/gu, "").trim();
}

function comparable(text: string, comparison: Comparison): string {
  if (comparison === "exact") return text.trim();
  const plain = normalizeAnswer(text);
  if (comparison === "name") return plain.replace(/[\s_-]/g, "");
  if (comparison === "yesNo") return YES.includes(plain) ? "yes" : NO.includes(plain) ? "no" : plain;
  const digits = plain.replace(/^port |^端口 ?/, "").replace(/(?<=\d)[, ](?=\d{3}(?!\d))/g, "");
  return /^\d+$/.test(digits) ? String(BigInt(digits)) : plain;
}

/** 1 if the completion's answer equals the record's answer, or one that it accepts, in the task's normal form; else 0. Throws TunelabError for an unknown task. */
export function answerReward(completion: string, record: VerifiableTask): number {
  const comparison = COMPARISON[record.task];
  if (!comparison) throw new TunelabError(`Task "${record.task}" has no reward; known tasks are ${VERIFIABLE_TASKS.join(", ")}.`);
  const given = extractAnswer(completion);
  if (given === null || given === "") return 0;
  const found = comparable(given, comparison);
  return [record.answer, ...(record.accept ?? [])].some((right) => comparable(right, comparison) === found) ? 1 : 0;
}

/** 1 if the completion ends with its only line "Answer: …" or "答案：…", not empty; else 0. Says nothing about whether the answer is right. */
export function formatReward(completion: string): number {
  const last = completion.trim().split("\n").at(-1) ?? "", marked = [...completion.matchAll(MARKER)];
  return marked.length === 1 && marked[0][1].trim() !== "" && last.trim() === marked[0][0].trim() ? 1 : 0;
}
