/**
 * What a chat template does to the answers that are to be learned. Two things go wrong silently elsewhere: a template without
 * `{% generation %}` markers gives a mask of zeros where a trainer relies on them (here targets are found by comparing texts, so none are
 * needed), and templates of reasoning models delete what stands between <think> and </think>, so that it is never learned.
 */
import type { ChatMessage, Tokenizer } from "../model";

export interface TemplateReport {
  template: boolean;
  /** It marks the assistant's parts with {% generation %}, which other trainers need for masks. */
  generationMarkers: boolean;
  /** The text with the answer begins with the prompt's text: else the answer cannot be told apart. */
  promptIsPrefix: boolean;
  /** A turn stays as it was when later ones follow: needed to learn all answers of a conversation at once. */
  turnsStay: boolean;
  /** The reasoning of the last answer, and of earlier ones, is still there. */
  keepsReasoning: boolean;
  keepsEarlierReasoning: boolean;
  /** An answer is closed by an end token of the tokenizer. */
  endsAnswers: boolean;
  /** What follows from all that, one sentence each; empty where nothing is wrong. */
  problems: string[];
}

/** The template's source, or "" where there is none. */
function source({ files }: Tokenizer): string {
  if (files["chat_template.jinja"] !== undefined) return files["chat_template.jinja"];
  try {
    const found = (JSON.parse(files["tokenizer_config.json"] ?? "{}") as { chat_template?: unknown }).chat_template;
    if (typeof found === "string") return found;
    if (Array.isArray(found)) return String((found.find((t) => t?.name === "default") ?? found[0])?.template ?? "");
  } catch { /* loading it has said so */ }
  return "";
}

/** Tries a tokenizer's chat template on small conversations. */
export function checkTemplate(tokenizer: Tokenizer): TemplateReport {
  if (!tokenizer.hasChatTemplate)
    return { template: false, generationMarkers: false, promptIsPrefix: true, turnsStay: true, keepsReasoning: true, keepsEarlierReasoning: true, endsAnswers: false, problems: ['The tokenizer has no chat template: records are written in the plain form (template "plain").'] };
  const user = (content: string): ChatMessage => ({ role: "user", content }), said = (content: string): ChatMessage => ({ role: "assistant", content });
  const chat = (messages: ChatMessage[], addGenerationPrompt = false): string => { try { return tokenizer.chat(messages, { addGenerationPrompt }); } catch { return ""; } };
  const ask = [user("question one")], answered = [...ask, said("answer one")], two = [...answered, user("question two"), said("answer two")];
  const prompt = chat(ask, true), full = chat(answered), both = chat(two), thought = [...ask, said("<think>\nreasoning one\n</think>\n\nanswer one")];
  const report = {
    template: true,
    generationMarkers: /\{%[-+]?\s*generation\s*[-+]?%\}/.test(source(tokenizer)),
    promptIsPrefix: !!prompt && full.startsWith(prompt),
    turnsStay: !!both && [prompt, chat([...answered, user("question two")], true)].every((p) => p && both.startsWith(p)),
    keepsReasoning: chat(thought).includes("reasoning one"),
    keepsEarlierReasoning: chat([...thought, user("question two"), said("answer two")]).includes("reasoning one"),
    endsAnswers: tokenizer.encode(full.slice(full.lastIndexOf("answer one"))).some((id) => tokenizer.eos.includes(id)),
  };
  const problems = [
    !report.promptIsPrefix && 'The template writes the prompt differently when the answer follows, so the answer\'s tokens cannot be told apart; use template "plain".',
    !report.turnsStay && 'The template rewrites earlier turns when later ones follow; learn the last answer of a conversation only (loss "answer").',
    !report.keepsReasoning && 'The template deletes the reasoning between <think> and </think> from answers, so it could not be learned; records with it are refused. Use a template that keeps it, or template "plain".',
    report.keepsReasoning && !report.keepsEarlierReasoning && "The template deletes the reasoning of earlier turns and keeps the last one's.",
    !report.generationMarkers && "The template has no {% generation %} markers: trainers that rely on them learn nothing from it. Here it does not matter.",
    !report.endsAnswers && "The template does not close an answer with an end token; it is added, so that answers learn to end.",
  ].filter((problem) => problem !== false);
  return { ...report, problems };
}
