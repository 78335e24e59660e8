/** Preference pairs: one prompt, a better and a worse answer, as token ids with the answers marked. What DPO and reward models learn from. */
import { TunelabError } from "../errors";
import type { ChatMessage, Model, Tokenizer } from "../model";
import { encodeExample, type Example, type ExampleOptions } from "./examples";
import { completionLogProbabilities, type Measuring } from "./log-probabilities";

export interface PreferencePair {
  chosen: Example;
  rejected: Example;
  /** log π_ref(y | x) of both answers, from `withReference`. */
  reference?: { chosen: number; rejected: number };
}
export interface PreferenceRecord { prompt: string | ChatMessage[]; chosen: string; rejected: string }

/** Checks a record; errors name the field. `where` is put before the message. */
export function preferenceOf(record: unknown, where = "record"): PreferenceRecord {
  const r = (record ?? {}) as Record<string, unknown>, full = (v: unknown) => typeof v === "string" && v.trim() !== "";
  for (const name of ["chosen", "rejected"])
    if (!full(r[name])) throw new TunelabError(`${where}: field "${name}" is ${r[name] === undefined ? "missing" : "not a non-empty text"}; a preference is {prompt, chosen, rejected}.`);
  const messages = r.prompt as ChatMessage[], talk = Array.isArray(messages) && messages.length > 0 && messages.every((m) => typeof m?.role === "string" && typeof m?.content === "string");
  if (!full(r.prompt) && !talk) throw new TunelabError(`${where}: field "prompt" is ${r.prompt === undefined ? "missing" : "neither a non-empty text nor a list of {role, content}"}; a preference is {prompt, chosen, rejected}.`);
  if (r.chosen === r.rejected) throw new TunelabError(`${where}: chosen and rejected are the same text, so there is nothing to prefer; leave it out.`);
  return r as unknown as PreferenceRecord;
}

/** Pairs of a data set; those of which an answer does not fit into `maxLength` are left out and counted, or cut, as `long` says. */
export function encodePreferences(tokenizer: Tokenizer, records: readonly unknown[], options: ExampleOptions = {}): PreferencePair[] & { skipped?: number } {
  if (records.length === 0) throw new TunelabError("The data set is empty; give at least one preference.");
  const pairs: PreferencePair[] & { skipped?: number } = [];
  records.forEach((record, i) => {
    const where = `record ${i + 1}`, { prompt, chosen, rejected } = preferenceOf(record, where), turns = typeof prompt === "string" ? [{ role: "user", content: prompt }] : prompt;
    const encode = (content: string) => encodeExample(tokenizer, [...turns, { role: "assistant", content }], options, where);
    const pair = { chosen: encode(chosen), rejected: encode(rejected) };
    if (pair.chosen && pair.rejected) pairs.push(pair as PreferencePair);
  });
  if (pairs.length === 0) throw new TunelabError(`All ${records.length} preferences are longer than maxLength ${options.maxLength}; raise it.`);
  pairs.skipped = records.length - pairs.length;
  return pairs;
}

/** The same pairs with the reference's log-probabilities, computed once: those of the base model, the adapter off. */
export async function withReference(model: Pick<Model, "config" | "params">, pairs: readonly PreferencePair[], options: Measuring = {}): Promise<PreferencePair[]> {
  const sums = await completionLogProbabilities(model, pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]), options);
  return pairs.map(({ chosen, rejected }, i) => ({ chosen, rejected, reference: { chosen: sums[2 * i], rejected: sums[2 * i + 1] } }));
}
