/** Prompts to be answered by the policy itself, its answers, and what they earn. */
import { TunelabError } from "../errors";
import type { ChatMessage, Tokenizer } from "../model";
import { promptText, type Example, type ExampleOptions } from "./examples";
import { answerReward, formatReward, type VerifiableTask } from "./rewards";

export interface Prompt<R = unknown> {
  ids: number[];
  /** What the prompt was made of; the reward finds the right answer in it. */
  record: R;
}
export interface Answer<R = unknown> {
  text: string;
  /** Tokens of the answer, the end token included where it came to one. */
  ids: number[];
  ended: boolean;
  prompt: Prompt<R>;
}
/** What each answer earns. Gets all answers of a round at once. */
export type Reward<R = unknown> = (answers: readonly Answer<R>[]) => readonly number[] | Promise<readonly number[]>;

/** Prompts of records {prompt}, {question} or {messages} (whose last message is then the user's), in the template's form, up to where the answer begins. */
export function encodePrompts<R>(tokenizer: Tokenizer, records: readonly R[], { template, system, maxLength }: Pick<ExampleOptions, "template" | "system" | "maxLength"> = {}): Prompt<R>[] {
  if (records.length === 0) throw new TunelabError("There are no prompts; give at least one record.");
  return records.map((record, i) => {
    const { prompt, question, messages } = (record ?? {}) as { prompt?: unknown; question?: unknown; messages?: unknown }, given = prompt ?? question ?? messages;
    const turns = typeof given === "string" && given.trim() ? [{ role: "user", content: given }] : (given as ChatMessage[]);
    if (!Array.isArray(turns) || !turns.length || turns.some((m) => typeof m?.role !== "string" || typeof m?.content !== "string") || turns.at(-1)!.role === "assistant")
      throw new TunelabError(`record ${i + 1}: has no prompt; give {prompt} or {question} as text, or {messages} that do not end with an assistant message.`);
    const ids = tokenizer.encode(promptText(tokenizer, turns, { template, system }));
    if (maxLength !== undefined && ids.length > maxLength) throw new TunelabError(`record ${i + 1}: the prompt has ${ids.length} tokens, more than ${maxLength}; shorten it or leave it out.`);
    return { ids, record };
  });
}

/** The programmatic reward of data/verifiable: `answer` for a right answer, `format` for its form "Answer: …" as the last line. */
export function verifiableReward({ answer = 1, format = 0 }: { answer?: number; format?: number } = {}): Reward<VerifiableTask> {
  return (answers) => answers.map(({ text, prompt: { record } }) => (answer && answer * answerReward(text, record)) + (format && format * formatReward(text)));
}

/** A reward model's score of prompt and answer (`rewardScorer` makes `score`). */
export const modelReward = (score: (examples: readonly Example[]) => Promise<number[]>): Reward => (answers) => score(answers.map(answerExample));

/** Prompt and answer as one example whose targets are the answer's tokens. */
export const answerExample = ({ prompt, ids }: Pick<Answer, "prompt" | "ids">): Example => ({
  ids: Int32Array.from([...prompt.ids, ...ids]), target: Uint8Array.from({ length: prompt.ids.length + ids.length }, (_, t) => (t >= prompt.ids.length ? 1 : 0)),
});
