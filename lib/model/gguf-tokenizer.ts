/**
 * tokenizer.json and tokenizer_config.json out of a GGUF file's metadata, for byte-level BPE ("gpt2" in GGUF's words).
 * GGUF keeps tokens, merges and the name of the rule that splits text into words; the rules themselves are written out here,
 * as the models' own tokenizer.json have them.
 */
import { shown } from "../shown";

const FOLDER = "Use the model's Hugging Face folder instead.", AGAIN = "download the file again";
/** llama.cpp's token types that matter here. */
const CONTROL = 3, USER_DEFINED = 4;

const byteLevel = (splits: boolean) => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: splits });
const split = (regex: string) => ({ type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false });
const sequence = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });
/** Contractions, words with one leading sign, numbers of the given length, signs, line breaks, spaces. */
const words = (number: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${number}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

interface Rule { normalizer: object | null; preTokenizer: object; ignoreMerges?: boolean; addBos?: boolean }
const gpt2: Rule = { normalizer: null, preTokenizer: byteLevel(true) };
/** Digits stand alone. Not the pre-tokenizer "Digits", which JavaScript and Rust understand differently beyond 0-9. */
const smollm: Rule = { normalizer: null, preTokenizer: sequence(split("\\p{N}"), byteLevel(true)) };
const qwen2: Rule = { normalizer: { type: "NFC" }, preTokenizer: sequence(split(words("\\p{N}")), byteLevel(false)) };
const llama3: Rule = {
  normalizer: null, preTokenizer: sequence(split(words("\\p{N}{1,3}")), byteLevel(false)), ignoreMerges: true, addBos: true,
};
const RULES: ReadonlyMap<unknown, Rule> = new Map(Object.entries({
  "gpt-2": gpt2, smollm, qwen2, "deepseek-r1-qwen": qwen2, "llama-bpe": llama3, llama3, "llama-v3": llama3,
}));

export interface GgufTokenizer {
  tokenizer: Record<string, unknown>;
  tokenizerConfig: Record<string, unknown>;
  /** Ids of special tokens, with Hugging Face's names: bos_token_id, eos_token_id (one or several), pad_token_id. */
  ids: { bos_token_id?: number; eos_token_id?: number | number[]; pad_token_id?: number };
}

/** Rebuilds the two files. `fail` throws an error that begins with the path. */
export function tokenizerFromMetadata(metadata: Readonly<Record<string, unknown>>, fail: (what: string) => never): GgufTokenizer {
  const get = (key: string) => metadata[`tokenizer.ggml.${key}`];
  const model = get("model"), pre = get("pre"), rule = RULES.get(pre);
  if (model !== "gpt2")
    return fail(`the tokenizer is of kind ${shown(model)}; only byte-level BPE ("gpt2") is supported. ${FOLDER}`);
  if (!rule)
    return fail(`the tokenizer splits words by the rule ${shown(pre)}; known are ${[...RULES.keys()].join(", ")}. ${FOLDER}`);
  const texts = (key: string): string[] => {
    const list = get(key);
    if (Array.isArray(list) && list.length && list.every((t) => typeof t === "string")) return list;
    return fail(`"tokenizer.ggml.${key}" is not a list of texts; ${AGAIN}.`);
  };
  const tokens = texts("tokens"), types = get("token_type") ?? [], vocab = new Map(tokens.map((token, id) => [token, id]));
  if (!Array.isArray(types) || (types.length && types.length !== tokens.length))
    return fail(`"tokenizer.ggml.token_type" does not have one entry for each of the ${tokens.length} tokens; ${AGAIN}.`);
  if (vocab.size !== tokens.length) return fail(`"tokenizer.ggml.tokens" holds ${tokens.length - vocab.size} tokens twice; ${AGAIN}.`);
  const merges = texts("merges").map((merge, i) => {
    const pair = merge.split(" ");
    if (pair.length !== 2 || ![...pair, pair.join("")].every((part) => vocab.has(part)))
      fail(`merge ${i} of the tokenizer, ${shown(merge)}, does not join two tokens to a third; ${AGAIN}.`);
    return pair;
  });
  const id = (key: string): number | undefined => {
    const value = get(key);
    if (value === undefined) return undefined;
    if (Number.isInteger(value) && (value as number) in tokens) return value as number;
    return fail(`"tokenizer.ggml.${key}" is ${shown(value)}, but there are ${tokens.length} tokens; ${AGAIN}.`);
  };
  const bos = id("bos_token_id"), eos = id("eos_token_id"), eot = id("eot_token_id");
  const pad = id("padding_token_id") ?? eos, unknown = id("unknown_token_id");

  const special = tokens.flatMap((content, i) => types[i] === CONTROL || types[i] === USER_DEFINED
    ? [{ id: i, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: types[i] === CONTROL }] : []);
  const first = (get("add_bos_token") ?? rule.addBos) === true ? bos : undefined, last = get("add_eos_token") === true ? eos : undefined;
  const named = (name: string, i: number | undefined) => (i === undefined ? {} : { [name]: tokens[i] });
  return {
    tokenizer: {
      version: "1.0", truncation: null, padding: null, added_tokens: special,
      normalizer: rule.normalizer, pre_tokenizer: rule.preTokenizer, post_processor: surround(tokens, first, last),
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
        fuse_unk: false, byte_fallback: false, ignore_merges: rule.ignoreMerges ?? false, vocab: Object.fromEntries(vocab), merges,
      },
    },
    tokenizerConfig: {
      tokenizer_class: "PreTrainedTokenizerFast", clean_up_tokenization_spaces: false,
      ...named("bos_token", bos), ...named("eos_token", eos), ...named("pad_token", pad), ...named("unk_token", unknown),
      ...(typeof metadata["tokenizer.chat_template"] === "string" ? { chat_template: metadata["tokenizer.chat_template"] } : {}),
    },
    ids: {
      ...(bos === undefined ? {} : { bos_token_id: bos }),
      ...(eos === undefined ? {} : { eos_token_id: eot === undefined || eot === eos ? eos : [eos, eot] }),
      ...(pad === undefined ? {} : { pad_token_id: pad }),
    },
  };
}

/** The post-processor that puts the begin and end tokens around a text, where the model wants that. */
function surround(tokens: string[], first?: number, last?: number): object | null {
  if (first === undefined && last === undefined) return null;
  const mark = (i: number | undefined, type_id: number) => (i === undefined ? [] : [{ SpecialToken: { id: tokens[i], type_id } }]);
  const text = (id: string, type_id: number) => [...mark(first, type_id), { Sequence: { id, type_id } }, ...mark(last, type_id)];
  const used = [first, last].filter((i): i is number => i !== undefined);
  return {
    type: "TemplateProcessing", single: text("A", 0), pair: [...text("A", 0), ...text("B", 1)],
    special_tokens: Object.fromEntries(used.map((i) => [tokens[i], { id: tokens[i], ids: [i], tokens: [tokens[i]] }])),
  };
}
