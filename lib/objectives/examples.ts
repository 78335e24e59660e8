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
  /** Several examples packed in one row: which of them each token belongs to. Same length as ids. */
  segments?: Int32Array;
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
  /** Which tokens are targets: those of the last answer, of the answers of all turns, or every token. */
  loss?: "answer" | "turns" | "all";
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
  const parts = pieces(tokenizer, messages, options, where).map(({ text, answer }) => ({ answer, tokens: tokenizer.encode(text) })), last = parts.at(-1)!.tokens, context = parts[0].tokens.length;
  const ended = (tokens: readonly number[]) => tokens.findIndex((id) => tokenizer.eos.includes(id)) + 1;
  // Nothing after the end of the last answer is kept, and nothing after an earlier one's is learned: the first end token closes it. It is added where the template has none.
  if (ended(last)) last.length = ended(last); else last.push(tokenizer.eos[0]);
  const ids = parts.flatMap((p) => p.tokens), learned = parts.flatMap(({ answer, tokens }) => tokens.map((_, t) => Number(answer && (!ended(tokens) || t < ended(tokens)))));
  if (maxLength !== undefined && ids.length > maxLength) {
    if (long === "refuse") throw new TunelabError(`${where}: ${ids.length} tokens are more than maxLength ${maxLength}; shorten the record or choose long: "truncate" or "skip".`);
    if (long === "skip" || context >= maxLength) return undefined;
    ids.length = maxLength;
  }
  return { ids: Int32Array.from(ids), target: Uint8Array.from(ids, (_, i) => (loss === "all" ? (i > 0 ? 1 : 0) : learned[i])) };
}

/** A conversation's text in pieces, context and answer in turn: one answer, the last, or with `loss` "turns" all of them. */
function pieces(tokenizer: Tokenizer, messages: ChatMessage[], options: ExampleOptions, where: string): { text: string; answer: boolean }[] {
  const plain = (options.template ?? (tokenizer.hasChatTemplate ? "chat" : "plain")) === "plain", turns = options.loss === "turns";
  const all = withSystem(messages, options.system), asked = (n: number) => promptText(tokenizer, all.slice(0, n), { template: options.template });
  const full = plain ? asked(all.length - 1) + all.at(-1)!.content : tokenizer.chat(all);
  const found: { text: string; answer: boolean }[] = [];
  let done = "";
  for (const [i, { role, content }] of all.entries()) {
    if (role !== "assistant" || (!turns && i < all.length - 1)) continue;
    const prompt = asked(i), through = i === all.length - 1 ? full : plain ? prompt + content : tokenizer.chat(all.slice(0, i + 1));
    if (!prompt.startsWith(done) || !full.startsWith(through) || !through.startsWith(prompt))
      throw new TunelabError(`${where}: the chat template changes ${i < all.length - 1 || !prompt.startsWith(done) ? "earlier turns when later ones are added, so their tokens cannot be told apart; learn the last answer only (loss \"answer\"), or" : "the prompt when the answer is added, so the answer's tokens cannot be told apart;"} use template "plain".`);
    const thought = content.includes("</think>") && content.slice(0, content.indexOf("</think>")).replace(/^\s*<think>/, "").trim();
    if (thought && !through.slice(prompt.length).includes(thought))
      throw new TunelabError(`${where}: the chat template deletes the reasoning before </think> from the answer, so it could not be learned; use a template that keeps it, template "plain", or records without reasoning.`);
    found.push({ text: prompt.slice(done.length), answer: false }, { text: through.slice(prompt.length), answer: true });
    done = through;
  }
  return found;
}

/** The texts of a conversation up to its last answer, and of that answer as the template closes it: what `encodeExample` encodes, each apart. */
export function exampleTexts(tokenizer: Tokenizer, messages: ChatMessage[], options: Omit<ExampleOptions, "loss"> = {}, where = "record"): { prompt: string; completion: string } {
  const [context, answer] = pieces(tokenizer, messages, options, where);
  return { prompt: context.text, completion: answer.text };
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
