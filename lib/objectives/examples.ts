/**
 * From records (question and answer, prompt and completion, chat messages) to token ids with the targets marked.
 * Only the answer is a target, up to and including the end-of-sequence token; the prompt is context.
 */
import { TunelabError } from "../errors";
import type { ChatMessage, Tokenizer } from "../model/tokenizer";

export interface Example {
  ids: Int32Array;
  /** 1 where a token is a target of the loss, 0 where it is context. Same length as ids. */
  target: Uint8Array;
}
export type TextRecord =
  | { question: string; answer: string }
  | { prompt: string; completion: string }
  | { instruction: string; input?: string; output: string }
  | { text: string; label: string }
  | { messages: ChatMessage[] };

export interface ExampleOptions {
  /** "chat": the tokenizer's template (default where it has one); "plain": 问:…\n答:… as in the chapter's listings. */
  template?: "chat" | "plain";
  /** A system message put before every conversation that has none. */
  system?: string;
  /** Longest sequence in tokens; longer ones are cut from the end (`long: "truncate"`), refused or left out. */
  maxLength?: number;
  long?: "truncate" | "refuse" | "skip";
  /** Which tokens are targets: the answer only, or every token. */
  loss?: "answer" | "all";
}

/** The conversation of a record; errors name the field that is missing. `where` is put before the message. */
export function messagesOf(record: unknown, where = "record"): ChatMessage[] {
  const r = (record ?? {}) as Record<string, unknown>;
  const text = (name: string): string => {
    const value = r[name];
    if (typeof value !== "string" || value.trim() === "")
      throw new TunelabError(`${where}: field "${name}" is ${value === undefined ? "missing" : value === "" ? "empty" : "not a non-empty text"}; every record needs one.`);
    return value;
  };
  const turn = (user: string, assistant: string) => [{ role: "user", content: user }, { role: "assistant", content: assistant }];
  if ("messages" in r) {
    const messages = r.messages as ChatMessage[];
    const good = Array.isArray(messages) && messages.length > 1 && messages.every((m) => typeof m?.role === "string" && typeof m?.content === "string");
    if (!good || messages.at(-1)!.role !== "assistant" || !messages.at(-1)!.content.trim())
      throw new TunelabError(`${where}: "messages" must be a list of {role, content} that ends with a non-empty assistant message.`);
    return messages;
  }
  if ("question" in r) return turn(text("question"), text("answer"));
  if ("prompt" in r) return turn(text("prompt"), text("completion"));
  if ("instruction" in r) return turn(r.input ? `${text("instruction")}\n\n${text("input")}` : text("instruction"), text("output"));
  if ("text" in r && "label" in r) return turn(text("text"), text("label"));
  throw new TunelabError(`${where}: has none of the known fields; use {question, answer}, {prompt, completion}, {instruction, output}, {text, label} or {messages}.`);
}

/** Prompt text that a model is asked with: everything up to where its answer begins. */
export function promptText(tokenizer: Tokenizer, messages: ChatMessage[], { template, system }: ExampleOptions = {}): string {
  const conversation = withSystem(messages, system);
  if ((template ?? (tokenizer.hasChatTemplate ? "chat" : "plain")) === "plain")
    return `${conversation.map((m) => `${PLAIN[m.role] ?? "问:"}${m.content}\n`).join("")}答:`;
  return tokenizer.chat(conversation, { addGenerationPrompt: true });
}
/** What stands before each message in the plain template. */
const PLAIN: Readonly<Record<string, string>> = { system: "", user: "问:", assistant: "答:" };
const withSystem = (messages: ChatMessage[], system?: string): ChatMessage[] =>
  system !== undefined && messages[0]?.role !== "system" ? [{ role: "system", content: system }, ...messages] : messages;

/** Token ids and targets of one conversation that ends with an assistant message. */
export function encodeExample(tokenizer: Tokenizer, messages: ChatMessage[], options: ExampleOptions = {}, where = "record"): Example | undefined {
  const { maxLength, long = "truncate", loss = "answer" } = options;
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength > 1))
    throw new TunelabError(`maxLength is ${maxLength}; it must be a whole number of tokens, at least 2.`);
  if (tokenizer.eos.length === 0)
    throw new TunelabError("The tokenizer has no end-of-sequence token, so no answer could learn to end; name one as eos_token in tokenizer_config.json.");
  const prompt = promptText(tokenizer, messages.slice(0, -1), options);
  const plain = (options.template ?? (tokenizer.hasChatTemplate ? "chat" : "plain")) === "plain";
  const full = plain ? prompt + messages.at(-1)!.content : tokenizer.chat(withSystem(messages, options.system));
  if (!full.startsWith(prompt))
    throw new TunelabError(`${where}: the chat template changes the prompt when the answer is added, so the answer's tokens cannot be told apart; use template "plain".`);
  const context = tokenizer.encode(prompt), answer = tokenizer.encode(full.slice(prompt.length));
  // Nothing after the end of the answer is learned: the first end token closes it, and is added where the template has none.
  const end = answer.findIndex((id) => tokenizer.eos.includes(id));
  const ids = [...context, ...(end >= 0 ? answer.slice(0, end + 1) : [...answer, tokenizer.eos[0]])];
  if (maxLength !== undefined && ids.length > maxLength) {
    if (long === "refuse") throw new TunelabError(`${where}: ${ids.length} tokens are more than maxLength ${maxLength}; shorten the record or choose long: "truncate" or "skip".`);
    if (long === "skip" || context.length >= maxLength) return undefined;
    ids.length = maxLength;
  }
  const target = Uint8Array.from(ids, (_, i) => (loss === "all" ? (i > 0 ? 1 : 0) : i >= context.length ? 1 : 0));
  return { ids: Int32Array.from(ids), target };
}

/** All records of a data set; those left out for their length are counted. */
export function encodeExamples(tokenizer: Tokenizer, records: readonly unknown[], options: ExampleOptions = {}): Example[] & { skipped?: number } {
  if (records.length === 0) throw new TunelabError("The data set is empty; give at least one record.");
  const examples = records.map((r, i) => encodeExample(tokenizer, messagesOf(r, `record ${i + 1}`), options, `record ${i + 1}`));
  const kept: Example[] & { skipped?: number } = examples.filter((e): e is Example => e !== undefined);
  if (kept.length === 0) throw new TunelabError(`All ${records.length} records are longer than maxLength ${options.maxLength}; raise it.`);
  kept.skipped = records.length - kept.length;
  return kept;
}
