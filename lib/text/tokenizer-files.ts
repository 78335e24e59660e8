/** Vocabularies written as the files of a Hugging Face folder, which Python's tokenizers and transformers.js load. */
import { QWEN2_WORDS, type Bpe } from "./bpe";
import { LONGEST_SPELLED, CONTINUATION, UNKNOWN_TOKEN, type WordPiece } from "./wordpiece";

/** ChatML with the mark that tells transformers which tokens are the assistant's. */
export const CHATML =
  "{%- for message in messages %}{%- if message.role == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}" +
  "{%- else %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}";

const added = (content: string, id: number) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
const vocabulary = (tokens: readonly string[]) => Object.fromEntries(tokens.map((t, i) => [t, i]));

/** tokenizer.json of a byte-level BPE vocabulary. */
export function bpeTokenizerJson({ tokens, merges, special }: Bpe): string {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  return JSON.stringify({
    version: "1.0", truncation: null, padding: null, added_tokens: special.map((t) => added(t, tokens.indexOf(t))),
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Split", pattern: { Regex: QWEN2_WORDS }, behavior: "Isolated", invert: false }, byteLevel] },
    post_processor: null, decoder: { ...byteLevel, add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false,
      vocab: vocabulary(tokens), merges,
    },
  }, null, 1);
}

/** tokenizer.json of a WordPiece vocabulary. */
export function wordPieceTokenizerJson({ tokens, special, lowercase }: WordPiece): string {
  return JSON.stringify({
    version: "1.0", truncation: null, padding: null, added_tokens: special.map((t) => added(t, tokens.indexOf(t))),
    normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
    pre_tokenizer: { type: "BertPreTokenizer" }, post_processor: null, decoder: { type: "WordPiece", prefix: CONTINUATION, cleanup: false },
    model: { type: "WordPiece", unk_token: UNKNOWN_TOKEN, continuing_subword_prefix: CONTINUATION, max_input_chars_per_word: LONGEST_SPELLED, vocab: vocabulary(tokens) },
  }, null, 1);
}

export interface TokenizerConfig { eos: string; pad: string; maxLength: number; chatTemplate?: string }
/** tokenizer_config.json for transformers. */
export const tokenizerConfigJson = ({ eos, pad, maxLength, chatTemplate }: TokenizerConfig): string => JSON.stringify({
  tokenizer_class: "PreTrainedTokenizerFast", clean_up_tokenization_spaces: false, add_prefix_space: false,
  eos_token: eos, pad_token: pad, model_max_length: maxLength, ...(chatTemplate && { chat_template: chatTemplate }),
}, null, 1);
