/**
 * Tokenizers and chat templates, through @huggingface/transformers and from local files only.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { PreTrainedTokenizer } from "@huggingface/transformers" with { "resolution-mode": "import" };
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { range, within } from "./limits";

export interface ChatMessage { role: string; content: string }

export interface Tokenizer {
  /** Ids of a text. Special tokens spelled out in it are recognised; begin and end tokens are added only on request. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** The text of ids, spaces as they are. Special tokens stay unless `skipSpecialTokens`. */
  decode(ids: number[], options?: { skipSpecialTokens?: boolean }): string;
  /** A conversation as the text that the model was trained on. Throws a TunelabError if the model has no chat template. */
  chat(messages: ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
  hasChatTemplate: boolean;
  bos?: number;
  /** Ids that end a text: the tokenizer's own first, then those of the generation config. */
  eos: number[];
  pad: number;
  /** Largest id + 1. */
  size: number;
  /** The text of the files that it was made of, to save them back unchanged. */
  files: Record<string, string>;
  /** The token of an id, in the vocabulary's spelling. Throws a RangeError for an id that does not exist. */
  token(id: number): string;
}

/** What belongs to a tokenizer in a model folder; only the first is needed. */
const FILES = [
  "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja", "special_tokens_map.json",
  "added_tokens.json", "vocab.json", "merges.txt",
];
/** A template comes with a model that others made: it may not hang the program. */
const TEMPLATE_SECONDS = 5;
/** Put before a template; the empty text keeps a line break at its beginning. */
const BOUNDED = '{% set range = bounded_range %}{{ "" }}';
/** Read for its end tokens where there is no generation_config.json; not one of the tokenizer's files. */
const MODEL_CONFIG = "config.json";

/** Largest id; the largest vocabularies have 300,000 tokens. */
const MAX_ID = 2 ** 22;
/** An id in a tokenizer.json that is none, if there is one: the library below would take it, and make lists of that length. */
function strangeId({ model, added_tokens: added }: Record<string, any>): unknown {
  const vocab = model?.vocab, ids = [...(typeof vocab === "object" && vocab !== null && !Array.isArray(vocab) ? Object.values(vocab) : []), ...(Array.isArray(added) ? added.map((t) => t?.id) : [])];
  return ids.find((id) => !(Number.isInteger(id) && id >= 0 && id <= MAX_ID));
}

/** Reads the tokenizer of a model folder. Nothing is downloaded. */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  if (!fs.existsSync(path.join(folder, "tokenizer.json")))
    throw new TunelabError(`${folder}: holds no tokenizer.json; copy it from the model's page, or make it in Python: `
      + `AutoTokenizer.from_pretrained("${folder}").save_pretrained("${folder}")`);
  const present = [...FILES, MODEL_CONFIG].filter((name) => fs.existsSync(path.join(folder, name)));
  return build(Object.fromEntries(present.map((name) => [name, fs.readFileSync(path.join(folder, name), "utf8")])), folder);
}

/** The same from the files' texts by name, "tokenizer.json" at least. */
export async function tokenizerFromFiles(files: Record<string, string>): Promise<Tokenizer> {
  return build(files, "the tokenizer's files");
}

async function build({ [MODEL_CONFIG]: model = "{}", ...files }: Record<string, string>, where: string): Promise<Tokenizer> {
  const { env, PreTrainedTokenizer } = await import("@huggingface/transformers"); // here, because it takes a third of a second
  env.allowRemoteModels = false;
  const fail = (name: string, what: string): never => { throw new TunelabError(`${path.join(where, name)}: ${what}`); };
  const parse = (name: string, text: string): Record<string, any> => {
    let json: unknown;
    try { json = JSON.parse(text); }
    catch (error) { fail(name, `is not valid JSON (${(error as Error).message}); download it again.`); }
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
    return fail(name, "is not a JSON object; download it again.");
  };
  const json = parse("tokenizer.json", files["tokenizer.json"] ?? "");
  const config = parse("tokenizer_config.json", files["tokenizer_config.json"] ?? "{}");
  if (files["chat_template.jinja"] !== undefined) config.chat_template = files["chat_template.jinja"];
  const generationConfig = "generation_config.json";
  const generation = generationConfig in files ? parse(generationConfig, files[generationConfig]) : parse(MODEL_CONFIG, model);

  const strange = strangeId(json);
  if (strange !== undefined) fail("tokenizer.json", `holds the token id ${shown(strange)}; ids are whole numbers from 0 to ${MAX_ID}. Download it again.`);
  let inner: PreTrainedTokenizer, vocab: Map<string, number>;
  try {
    inner = new PreTrainedTokenizer(json, config);
    vocab = inner.get_vocab();
    if (!inner.encode("a").every(Number.isInteger)) throw new Error("it gives no ids"); // as an unknown model type would
  } catch (error) {
    return fail("tokenizer.json", `cannot be used (${(error as Error).message}); it and tokenizer_config.json must be those of a `
      + `Hugging Face "fast" tokenizer.`);
  }
  const tokens: string[] = [];
  for (const [token, id] of vocab) {
    if (typeof token !== "string" || !Number.isInteger(id)) fail("tokenizer.json", `holds the token ${shown(token)} with the id ${shown(id)}; a text and a whole number are needed. Download it again.`);
    tokens[id] = token;
  }
  const template = (): string => {
    const source: unknown = inner.get_chat_template();
    if (typeof source !== "string") throw new Error("it is no text");
    return source;
  };
  const isId = (id: unknown): id is number => Number.isInteger(id) && (id as number) in tokens;
  const eos = [...new Set([inner.eos_token_id, generation.eos_token_id].flat())].filter(isId);
  return {
    encode(text, { addSpecialTokens = false } = {}) {
      const ids = inner.encode(text, { add_special_tokens: addSpecialTokens });
      return ids.every(Number.isInteger) ? ids : fail("tokenizer.json", "has no token for a part of this text, and no unknown token that is in its vocabulary; download it again.");
    },
    // clean_up_tokenization_spaces would drop spaces before punctuation: not what the model wrote
    decode: (ids, { skipSpecialTokens = false } = {}) =>
      ids.length ? inner.decode(ids, { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false }) : "",
    chat(messages, { addGenerationPrompt = false } = {}) {
      if (!inner.chat_template)
        throw new TunelabError(`${where}: the tokenizer has no chat template; use a model trained for chat, or plain text for messages.`);
      const options = { tokenize: false, add_generation_prompt: addGenerationPrompt };
      let text: unknown;
      try { text = within(TEMPLATE_SECONDS, () => inner.apply_chat_template(messages as never, { ...options, chat_template: BOUNDED + template(), bounded_range: range } as never)); }
      catch (error) { throw new TunelabError(`${where}: the chat template refuses these messages (${(error as Error).message.slice(0, 500)}).`); }
      if (typeof text === "string") return text;
      throw new TunelabError(`${where}: the chat template gives no text; use template "plain", or the template of the model's page.`);
    },
    hasChatTemplate: !!inner.chat_template,
    bos: isId(inner.bos_token_id) ? inner.bos_token_id : undefined,
    eos,
    pad: isId(inner.pad_token_id) ? inner.pad_token_id : eos[0] ?? 0,
    size: tokens.length,
    files,
    token(id) {
      if (!isId(id)) throw new RangeError(`There is no token ${id}; the vocabulary has ids 0 to ${tokens.length - 1}.`);
      return tokens[id];
    },
  };
}
