// From records to token ids: exactly the answer and its end token are targets, whatever the record's form and the template.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { encodeExample, encodeExamples, messagesOf, promptText, type ExampleOptions } from "tunelab/objectives";
import { tokenizerFromFiles, type Tokenizer } from "tunelab/model";
import { userError } from "../support/compare";
import { smallTokenizer } from "../support/fixtures";

const kinds = ["smollm", "qwen2", "llama-bpe", "gpt-2"];
const tokenizers: Record<string, Tokenizer> = {};
before(async () => { for (const kind of kinds) tokenizers[kind] = await smallTokenizer(kind); });

const QUESTION = "什么是防火墙?", ANSWER = "A filter, 过滤流量。";
const MESSAGES = [{ role: "user", content: QUESTION }, { role: "assistant", content: ANSWER }];
const user = `<|im_start|>user\n${QUESTION}<|im_end|>\n<|im_start|>assistant\n`;
/** What each tokenizer's template puts before the answer. */
const PROMPT: Record<string, string> = { smollm: user, qwen2: user, "llama-bpe": `<|im_start|><user>${QUESTION}<|im_end|><assistant>`, "gpt-2": `问:${QUESTION}\n答:` };

for (const kind of kinds)
  for (const template of [undefined, "plain"] as const)
    test(`${kind}, ${template ?? "its own"} template: the answer and its end are the targets, the prompt is not`, () => {
      const tokenizer = tokenizers[kind], prompt = template ? PROMPT["gpt-2"] : PROMPT[kind], { ids, target } = encodeExample(tokenizer, MESSAGES, { template })!;
      assert.equal(promptText(tokenizer, MESSAGES.slice(0, -1), { template }), prompt);
      const context = tokenizer.encode(prompt), answer = tokenizer.encode(ANSWER);
      assert.deepEqual([...ids], [...context, ...answer, tokenizer.eos[0]]); // and nothing after the end token, though templates write a line end
      assert.deepEqual([...target], [...context.map(() => 0), ...answer.map(() => 1), 1]);
      assert.equal(tokenizer.decode([...ids].filter((_, i) => target[i])), `${ANSWER}<|im_end|>`);
      const all = encodeExample(tokenizer, MESSAGES, { template, loss: "all" })!;
      assert.deepEqual([...all.ids], [...ids]);
      assert.deepEqual([...all.target], [...ids].map((_, i) => (i > 0 ? 1 : 0)));
    });

test("of several turns only the last answer is learned", () => {
  const turns = [{ role: "user", content: "a" }, { role: "assistant", content: "b" }, ...MESSAGES], { ids, target } = encodeExample(tokenizers.smollm, turns)!;
  assert.equal(tokenizers.smollm.decode([...ids].filter((_, i) => target[i])), `${ANSWER}<|im_end|>`);
  assert.ok(tokenizers.smollm.decode([...ids]).startsWith("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"));
});

test("a system message comes first, once, unless the conversation has its own", () => {
  const text = (messages: typeof MESSAGES, options: ExampleOptions) => promptText(tokenizers.smollm, messages, options), ask = MESSAGES.slice(0, 1), own = [{ role: "system", content: "own" }, ...ask];
  assert.equal(text(ask, { system: "Be brief." }), `<|im_start|>system\nBe brief.<|im_end|>\n${user}`);
  assert.equal(text(own, { system: "Be brief." }), `<|im_start|>system\nown<|im_end|>\n${user}`);
  assert.equal(text(ask, { system: "Be brief.", template: "plain" }), `Be brief.\n问:${QUESTION}\n答:`);
  assert.equal(text(own, { system: "Be brief.", template: "plain" }), `own\n问:${QUESTION}\n答:`);
  assert.equal(text([...MESSAGES, ...ask], { template: "plain" }), `问:${QUESTION}\n答:${ANSWER}\n问:${QUESTION}\n答:`);
  const { ids, target } = encodeExample(tokenizers.smollm, MESSAGES, { system: "Be brief." })!;
  assert.equal(tokenizers.smollm.decode([...ids].filter((_, i) => !target[i])), `<|im_start|>system\nBe brief.<|im_end|>\n${user}`);
});

test("an end token that the template does not write is added, and another one of the model's counts", async () => {
  const files = tokenizers.smollm.files, config = JSON.parse(files["tokenizer_config.json"]);
  const withTemplate = (chat_template: string) => tokenizerFromFiles({ ...files, "tokenizer_config.json": JSON.stringify({ ...config, chat_template }) });
  const bare = await withTemplate("{% for m in messages %}{{ m.role + ':' + m.content }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}");
  assert.equal(bare.decode([...encodeExample(bare, MESSAGES)!.ids]), `user:${QUESTION}assistant:${ANSWER}<|im_end|>`);
  const other = { ...bare, eos: [2, 0] }, ends = await withTemplate("{% for m in messages %}{{ m.role + ':' + m.content + '<|endoftext|>' }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}");
  assert.equal(encodeExample({ ...ends, eos: other.eos }, MESSAGES)!.ids.at(-1), 0);
});

test("a template that alters the prompt is refused, with the record's place", async () => {
  const files = tokenizers.smollm.files, config = JSON.parse(files["tokenizer_config.json"]);
  config.chat_template = "{{ messages|length }}{% for m in messages %}{{ m.content }}{% endfor %}";
  const counting = await tokenizerFromFiles({ ...files, "tokenizer_config.json": JSON.stringify(config) });
  assert.throws(() => encodeExample(counting, MESSAGES, {}, "data.jsonl:7"), userError(/^data\.jsonl:7: /, "template changes the prompt", 'template "plain"'));
  assert.ok(encodeExample(counting, MESSAGES, { template: "plain" }));
});

test("a tokenizer without end token, and a template where there is none, are refused", () => {
  assert.throws(() => encodeExample({ ...tokenizers.smollm, eos: [] }, MESSAGES), userError("no end-of-sequence token", "eos_token"));
  assert.throws(() => encodeExample(tokenizers["gpt-2"], MESSAGES, { template: "chat" }), userError("no chat template"));
});

test("every form of record is the same conversation", () => {
  const user = { role: "user", content: "q" }, assistant = { role: "assistant", content: "a" };
  for (const record of [{ question: "q", answer: "a" }, { prompt: "q", completion: "a" }, { instruction: "q", output: "a" }, { instruction: "q", input: "", output: "a" }, { messages: [user, assistant] }, { id: 3, question: "q", answer: "a", topic: "x" }])
    assert.deepEqual(messagesOf(record), [user, assistant], JSON.stringify(record));
  assert.deepEqual(messagesOf({ instruction: "q", input: "x", output: "a" }), [{ role: "user", content: "q\n\nx" }, assistant]);
  const system = { role: "system", content: "s" };
  assert.deepEqual(messagesOf({ messages: [system, user, assistant] }), [system, user, assistant]);
});

const BAD: [record: unknown, ...mentions: string[]][] = [
  [{ question: "q" }, '"answer" is missing'], [{ question: "q", answer: "" }, '"answer" is empty'], [{ question: "q", answer: " \n" }, '"answer" is not a non-empty text'],
  [{ question: "q", answer: 3 }, '"answer" is not a non-empty text'], [{ question: "", answer: "a" }, '"question" is empty'], [{ question: null, answer: "a" }, '"question"'],
  [{ prompt: "q" }, '"completion" is missing'], [{ prompt: 1, completion: "a" }, '"prompt"'], [{ instruction: "q" }, '"output" is missing'], [{ instruction: "q", input: 3, output: "a" }, '"input"'],
  [{ answer: "a" }, "none of the known fields", "{question, answer}", "{messages}"], [{}, "none of the known fields"], [null, "none of the known fields"], [undefined, "none of the known fields"],
  [{ messages: [] }, '"messages"', "ends with a non-empty assistant message"], [{ messages: "hi" }, '"messages"'], [{ messages: [{ role: "assistant", content: "a" }] }, '"messages"'],
  [{ messages: [{ role: "user", content: "q" }, { role: "user", content: "r" }] }, '"messages"'], [{ messages: [{ role: "user", content: "q" }, { role: "assistant", content: " " }] }, '"messages"'],
  [{ messages: [{ role: "user", content: ["q"] }, { role: "assistant", content: "a" }] }, '"messages"'], [{ messages: [null, { role: "assistant", content: "a" }] }, '"messages"'],
];
for (const [record, ...mentions] of BAD)
  test(`refuses ${JSON.stringify(record) ?? "undefined"}, with its place`, () => {
    assert.throws(() => messagesOf(record, "f.jsonl:12"), userError(/^f\.jsonl:12: /, ...mentions));
    assert.throws(() => encodeExamples(tokenizers.smollm, [{ question: "q", answer: "a" }, record]), userError(/^record 2: /, ...mentions));
  });

test("too long: cut from the end, refused, or left out", () => {
  const tokenizer = tokenizers.smollm, whole = encodeExample(tokenizer, MESSAGES)!, context = tokenizer.encode(user).length, n = whole.ids.length;
  const encode = (maxLength: number, long?: ExampleOptions["long"]) => encodeExample(tokenizer, MESSAGES, { maxLength, long }, "d.jsonl:3");
  for (const long of [undefined, "truncate", "refuse", "skip"] as const) assert.deepEqual(encode(n, long), whole); // exactly fits
  const cut = encode(n - 3)!;
  assert.deepEqual([[...cut.ids], [...cut.target]], [[...whole.ids].slice(0, n - 3), [...whole.target].slice(0, n - 3)]);
  assert.equal(encode(context + 1)!.target.reduce((a, b) => a + b, 0), 1);
  assert.equal(encode(context), undefined, "nothing of the answer would be left");
  assert.equal(encode(n - 1, "skip"), undefined);
  assert.throws(() => encode(n - 1, "refuse"), userError(/^d\.jsonl:3: /, `${n} tokens`, `maxLength ${n - 1}`, "truncate"));
  for (const wrong of [0, 1, -5, 10.5, NaN]) assert.throws(() => encode(wrong), userError(`maxLength is ${wrong}`, "whole number"));
});

test("a data set counts what it leaves out, and may not be empty before or after", () => {
  const tokenizer = tokenizers.smollm, long = { question: "q", answer: "b".repeat(200) }, short = { question: "q", answer: "a" };
  const kept = encodeExamples(tokenizer, [long, short, long], { maxLength: 60, long: "skip" });
  assert.deepEqual([kept.length, kept.skipped], [1, 2]);
  assert.deepEqual(encodeExamples(tokenizer, [short]).skipped, 0);
  assert.throws(() => encodeExamples(tokenizer, []), userError("data set is empty", "at least one"));
  assert.throws(() => encodeExamples(tokenizer, [long, long], { maxLength: 60, long: "skip" }), userError("All 2 records", "maxLength 60", "raise"));
});
