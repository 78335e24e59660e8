import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { TunelabError } from "tunelab";
import { loadTokenizer, tokenizerFromFiles } from "tunelab/model";

const FIXTURES = "test/fixtures/tokenizer";
/** Asserts a TunelabError whose message begins with `start`. */
const userError = (start: string, message: RegExp) => (e: Error) => {
  assert.ok(e instanceof TunelabError && e.message.startsWith(start), String(e));
  assert.match(e.message, message);
  return true;
};
let folder: string;
before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-")); });
after(() => fs.rmSync(folder, { recursive: true, force: true }));

for (const kind of ["gpt-2", "smollm", "qwen2", "llama-bpe"])
  test(`${kind}: ids, texts and chats are those of Python's transformers`, async () => {
    const where = `${FIXTURES}/${kind}`, expected = JSON.parse(fs.readFileSync(`${where}/expected.json`, "utf8"));
    const tokenizer = await loadTokenizer(where);
    for (const [i, text] of expected.texts.entries()) {
      const shown = JSON.stringify(text);
      assert.deepEqual(tokenizer.encode(text), expected.ids[i], shown);
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: true }), expected.marked[i], shown);
      assert.equal(tokenizer.decode(expected.ids[i]), expected.decoded[i], shown);
      assert.equal(tokenizer.decode(expected.ids[i], { skipSpecialTokens: true }), expected.plain[i], shown);
    }
    const { bos, pad, size, eos } = tokenizer;
    assert.deepEqual({ bos, pad, size }, { bos: expected.bos, pad: expected.pad, size: expected.size });
    // the tokenizer's own end first; then the one that generation_config.json or config.json adds
    const ends = kind === "gpt-2" ? ["<|im_end|>"] : ["<|im_end|>", "<|endoftext|>"];
    assert.deepEqual(eos.map((id) => tokenizer.token(id)), ends);
    assert.equal(tokenizer.hasChatTemplate, expected.chat !== null);
    if (expected.chat !== null) {
      assert.equal(tokenizer.chat(expected.messages), expected.chat);
      assert.equal(tokenizer.chat(expected.messages, { addGenerationPrompt: true }), expected.prompt);
    } else assert.throws(() => tokenizer.chat(expected.messages), userError(where, /the tokenizer has no chat template/));
  });

test("the files come back unchanged, and make the same tokenizer", async () => {
  const where = `${FIXTURES}/qwen2`, tokenizer = await loadTokenizer(where);
  const names = ["chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];
  assert.deepEqual(Object.keys(tokenizer.files).sort(), names);
  for (const [name, text] of Object.entries(tokenizer.files)) assert.equal(text, fs.readFileSync(`${where}/${name}`, "utf8"));
  const again = await tokenizerFromFiles(tokenizer.files), text = "网络安全 in 2024\n";
  assert.deepEqual(again.encode(text), tokenizer.encode(text));
  assert.deepEqual(again.eos, tokenizer.eos);
  assert.ok(!("config.json" in (await loadTokenizer(`${FIXTURES}/smollm`)).files));
});

test("spaces before punctuation stay when text is decoded", async () => {
  const tokenizer = await loadTokenizer(`${FIXTURES}/llama-bpe`); // its config asks to clean them up
  const text = "a , b . c ! it 's";
  assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
});

test("tokens by id", async () => {
  const tokenizer = await loadTokenizer(`${FIXTURES}/smollm`);
  assert.equal(tokenizer.token(1), "<|im_start|>");
  assert.equal(tokenizer.decode([]), "");
  assert.throws(() => tokenizer.token(401), /There is no token 401; the vocabulary has ids 0 to 400/);
});

test("a template that refuses the messages says why", async () => {
  const tokenizer = await loadTokenizer(`${FIXTURES}/llama-bpe`);
  const robot = [{ role: "robot", content: "x" }];
  assert.throws(() => tokenizer.chat(robot), userError(FIXTURES, /refuses these messages \(unknown role robot\)/));
});

test("refuses folders without a usable tokenizer.json", async () => {
  const json = fs.readFileSync(`${FIXTURES}/smollm/tokenizer.json`, "utf8");
  const refuses = async (files: Record<string, string>, message: RegExp) => {
    fs.rmSync(folder, { recursive: true });
    fs.mkdirSync(folder);
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
    await assert.rejects(loadTokenizer(folder), userError(folder, message));
  };
  await refuses({ "vocab.json": "{}" }, /holds no tokenizer.json; copy it .*save_pretrained/);
  await refuses({ "tokenizer.json": json.slice(0, 1000) }, /tokenizer.json: is not valid JSON/);
  await refuses({ "tokenizer.json": "[]" }, /tokenizer.json: is not a JSON object/);
  await refuses({ "tokenizer.json": "{}" }, /tokenizer.json: cannot be used/);
  const magic = JSON.stringify({ ...JSON.parse(json), model: { type: "Magic", vocab: {} } });
  await refuses({ "tokenizer.json": magic }, /tokenizer.json: cannot be used .*"fast" tokenizer/);
  await refuses({ "tokenizer.json": json, "tokenizer_config.json": "{" }, /tokenizer_config.json: is not valid JSON/);
  await refuses({ "tokenizer.json": json, "generation_config.json": "null" }, /generation_config.json: is not a JSON object/);
});
