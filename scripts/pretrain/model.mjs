// The course model's architecture, tokenizer and training rows.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bpeEncoder, bpeTokenizerJson, CHATML, countBpeWords, packDocuments, Random, tokenizerConfigJson, tokenizerFromFiles, trainBpe } from "tunelab";

export const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], LENGTH = 256, DECAY_LENGTH = 512;

// 5,966,080 parameters: in F16 below 12 MB. A quarter is the embedding, which is also the head.
export const CONFIG = {
  architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", vocab_size: 6000, hidden_size: 256, intermediate_size: 704, num_hidden_layers: 6,
  num_attention_heads: 4, num_key_value_heads: 2, hidden_act: "silu", max_position_embeddings: 512, rms_norm_eps: 1e-6, rope_theta: 10000.0,
  tie_word_embeddings: true, attention_dropout: 0.0, initializer_range: 0.02, use_sliding_window: false, bos_token_id: 0, eos_token_id: 2, pad_token_id: 0,
};
export const GENERATION = { bos_token_id: 0, eos_token_id: [2, 0], pad_token_id: 0 };

/** The tokenizer, trained once on the corpus; → { files, encoder }. */
export function makeTokenizer(corpus, records, cache, say) {
  const file = join(cache, "bpe.json");
  let bpe;
  if (existsSync(file)) bpe = JSON.parse(readFileSync(file, "utf8"));
  else {
    const own = records.flatMap((r) => [r.question, r.answer]);
    bpe = trainBpe(countBpeWords([...corpus.train.map((d) => d.text), ...own, ...own, ...own]), { vocabSize: CONFIG.vocab_size, special: SPECIAL, onProgress: (n, all) => say(`tokenizer: ${n} of ${all} tokens`) });
    writeFileSync(file, JSON.stringify(bpe));
  }
  const json = (value) => JSON.stringify(value, null, 1);
  return {
    encoder: bpeEncoder(bpe),
    files: {
      "tokenizer.json": bpeTokenizerJson(bpe),
      "tokenizer_config.json": tokenizerConfigJson({ eos: SPECIAL[2], pad: SPECIAL[0], maxLength: CONFIG.max_position_embeddings, chatTemplate: CHATML }),
      "generation_config.json": json(GENERATION),
    },
  };
}

const TRANSLATE = {
  zh: ["把下面的英文译成中文：", "请翻译成中文：", "Translate into Chinese: "],
  en: ["把下面的中文译成英文：", "请翻译成英文：", "Translate into English: "],
};
/** Conversations: the project's own questions and answers, several times, and translations out of the corpus. */
export function conversations(corpus, records, { repeats = 4, translations = 4000 } = {}) {
  const random = new Random(0, "conversations"), turn = (user, assistant) => [{ role: "user", content: user }, { role: "assistant", content: assistant }];
  const translated = random.shuffle(corpus.pairs).slice(0, translations).map(([en, zh]) => {
    const to = random.uniform() < 0.5 ? "zh" : "en", ask = TRANSLATE[to][random.integer(3)];
    return to === "zh" ? turn(ask + en, zh) : turn(ask + zh, en);
  });
  return [...Array(repeats)].flatMap(() => records.map((r) => turn(r.question, r.answer))).concat(translated);
}

/** Rows to train on, rows held out for each language, and how often each token occurs in each language's training text. */
export async function makeRows(corpus, records, { encoder, files }) {
  const { chat } = await tokenizerFromFiles(files), end = 0, ids = (texts) => texts.map((t) => encoder.encode(t));
  const talks = conversations(corpus, records).map((messages) => chat(messages).trimEnd());
  const all = new Random(0, "order of documents").shuffle([...corpus.train.map((d) => d.text), ...talks]);
  const held = (language) => packDocuments(ids(new Random(0, "held out").shuffle(corpus.heldOut.filter((d) => d.language === language).map((d) => d.text))), LENGTH, end);
  const encoded = ids(all);
  const languageOf = new Map(corpus.train.map((d) => [d.text, d.language])), counts = { zh: new Float64Array(CONFIG.vocab_size), en: new Float64Array(CONFIG.vocab_size) };
  all.forEach((text, i) => { const c = counts[languageOf.get(text)]; if (c) for (const id of [...encoded[i], end]) c[id]++; });
  return { counts, train: packDocuments(encoded, LENGTH, end), longer: packDocuments(encoded, DECAY_LENGTH, end), heldOut: { zh: held("zh"), en: held("en") } };
}
