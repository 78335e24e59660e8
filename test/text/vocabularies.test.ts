import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { TunelabError } from "tunelab";
import { tokenizerFromFiles } from "tunelab/model";
import { bpeEncoder, bpeTokenizerJson, bpeWords, CHATML, tokenizerConfigJson, trainBpe, trainWordPiece, wordPieceEncoder, wordPieceTokenizerJson, type SubwordEncoder } from "tunelab/text";

interface Expected { corpus: string[]; tokenizer: { model: { vocab: Record<string, number>; merges: [string, string][] } }; texts: string[]; ids: number[][]; decoded: string[] }
const read = (name: string) => JSON.parse(fs.readFileSync(`test/fixtures/text/${name}.json`, "utf8"));
const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], size = (e: Expected) => Object.keys(e.tokenizer.model.vocab).length;

/** Ids and texts of our own encoder, and of transformers.js with the file that we write, against Python's. */
async function agrees(expected: Expected, encoder: SubwordEncoder, json: string, config: string, differs: RegExp) {
  assert.deepEqual(JSON.parse(json), expected.tokenizer, "the file is the one that Python writes");
  const js = await tokenizerFromFiles({ "tokenizer.json": json, "tokenizer_config.json": config });
  for (const [i, text] of expected.texts.entries()) {
    const shown = JSON.stringify(text);
    assert.deepEqual(encoder.encode(text), expected.ids[i], shown);
    assert.equal(encoder.decode(expected.ids[i]), expected.decoded[i], shown);
    if (!differs.test(text)) assert.deepEqual(js.encode(text), expected.ids[i], `transformers.js, ${shown}`);
  }
  return js;
}

test("BPE: joins, file, ids and texts are those of Python's tokenizers", async () => {
  const expected: Expected = read("bpe"), bpe = trainBpe(expected.corpus, { vocabSize: size(expected), special: SPECIAL });
  assert.deepEqual(bpe.merges, expected.tokenizer.model.merges);
  const config = tokenizerConfigJson({ eos: "<|im_end|>", pad: "<|endoftext|>", maxLength: 64, chatTemplate: CHATML });
  // U+0085 is white space to Unicode and Python, U+FEFF to JavaScript
  const js = await agrees(expected, bpeEncoder(bpe), bpeTokenizerJson(bpe), config, /[\u0085\ufeff]/);
  const messages = [{ role: "system", content: "S" }, { role: "user", content: " 你好" }, { role: "assistant", content: "Hi." }];
  const chat = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n 你好<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n";
  assert.equal(js.chat(messages), chat);
  assert.equal(js.chat(messages.slice(0, 2), { addGenerationPrompt: true }), chat.slice(0, chat.indexOf("Hi.")));
  assert.deepEqual(js.eos, [2]);
});

test("BPE: any text comes back in its NFC form, and a long word does not take long", () => {
  const encoder = bpeEncoder(trainBpe(["ab ab abc 网络安全"], { vocabSize: 262 }));
  for (const text of ["", "e\u0301", "x\u0000\uffff😀\ufeff", "网络 安全\r\n\t ", "ab".repeat(50_000)])
    assert.equal(encoder.decode(encoder.encode(text)), text.normalize("NFC"));
  assert.equal(bpeWords(" a  b\n\n c1'll").join("|"), " a| | b|\n\n| c|1|'ll");
});

test("BPE: what cannot be trained is refused", () => {
  assert.throws(() => trainBpe(["a"], { vocabSize: 258, special: SPECIAL }), (e: Error) => e instanceof TunelabError && /at least 259/.test(e.message));
  assert.throws(() => trainBpe([""], { vocabSize: 300 }), /no words/);
  assert.throws(() => bpeEncoder(trainBpe(["a"], { vocabSize: 256 })).decode([256]), /Token id 256/);
  assert.equal(trainBpe(["ab ab cd"], { vocabSize: 300, minFrequency: 2 }).merges.length, 1); // then no pair is left that occurs twice
});

for (const kind of ["cased", "uncased"] as const)
  test(`WordPiece, ${kind}: vocabulary, file, ids and texts are those of the course's algorithm under Python's tokenizers`, async () => {
    const expected: Expected = read("wordpiece")[kind], piece = trainWordPiece(expected.corpus, { vocabSize: size(expected), lowercase: kind === "uncased" });
    // transformers.js leaves Chinese characters beyond U+FFFF in one word
    const config = JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast", unk_token: "[UNK]", pad_token: "[PAD]" });
    await agrees(expected, wordPieceEncoder(piece), wordPieceTokenizerJson(piece), config, /[\u0085\ufeff\u{20000}-\u{2ffff}]/u);
  });

test("WordPiece: the vocabulary of the course's own example", () => {
  const { corpus, tokens } = read("wordpiece").example;
  assert.deepEqual(trainWordPiece(corpus, { vocabSize: 70 }).tokens, tokens);
  assert.throws(() => trainWordPiece(corpus, { vocabSize: 20 }), /at least/);
  assert.throws(() => trainWordPiece(corpus, { vocabSize: 70, special: [] }), /\[UNK\]/);
});
