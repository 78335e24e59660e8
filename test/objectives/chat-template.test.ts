// What templates do to answers is found out and said: missing markers, deleted reasoning, rewritten turns; all turns of a conversation can be learned.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { courseModel, loadTokenizer, tokenizerFromFiles, type Tokenizer } from "tunelab";
import { checkTemplate, encodeExample } from "tunelab/objectives";
import { userError } from "../support/compare";
import { readJson, smallTokenizer } from "../support/fixtures";

let smollm: Tokenizer;
before(async () => { smollm = await smallTokenizer("smollm"); });
const withTemplate = (chat_template: string): Promise<Tokenizer> => tokenizerFromFiles({ ...smollm.files, "tokenizer_config.json": JSON.stringify({ ...JSON.parse(smollm.files["tokenizer_config.json"]), chat_template }) });
const CHATML = (content: string, extra = "") => `{% for message in messages %}{% set content = message.content %}{% if message.role == 'assistant' %}{{ '<|im_start|>assistant\\n' }}${content}{{ '<|im_end|>\\n' }}{% else %}{{ '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}${extra}{% endif %}`;
const DELETES = CHATML("{{ content.split('</think>')[-1].lstrip('\\n') }}"); // as DeepSeek-R1's
const DELETES_EARLIER = CHATML("{{ content if loop.last else content.split('</think>')[-1].lstrip('\\n') }}"); // as Qwen3's
const MARKED = CHATML("{% generation %}{{ content }}{% endgeneration %}"), FORCES = CHATML("{{ content }}", "{{ '<think>\\n' }}");

const turns = [{ role: "user", content: "one" }, { role: "assistant", content: "first" }, { role: "user", content: "two" }, { role: "assistant", content: "second" }];
const learned = (tokenizer: Tokenizer, e: { ids: Int32Array; target: Uint8Array }) => [...e.ids].map((id, i) => (e.target[i] ? tokenizer.decode([id]) : "|")).join("").replace(/\|+/g, "|");

test("templates are told apart by what they do", async () => {
  const report = async (template: string) => { const { problems, template: _t, ...rest } = checkTemplate(await withTemplate(template)); return { ...rest, problems: problems.length }; };
  const good = { generationMarkers: true, promptIsPrefix: true, turnsStay: true, keepsReasoning: true, keepsEarlierReasoning: true, endsAnswers: true, problems: 0 };
  assert.deepEqual(await report(MARKED), good);
  assert.deepEqual(await report(CHATML("{{ content }}")), { ...good, generationMarkers: false, problems: 1 });
  assert.deepEqual(await report(DELETES), { ...good, generationMarkers: false, keepsReasoning: false, keepsEarlierReasoning: false, problems: 2 });
  assert.deepEqual(await report(DELETES_EARLIER), { ...good, generationMarkers: false, keepsEarlierReasoning: false, problems: 2 });
  assert.deepEqual(await report(FORCES), { ...good, generationMarkers: false, promptIsPrefix: false, turnsStay: false, problems: 3 });
  const bare = checkTemplate(await smallTokenizer("gpt-2"));
  assert.deepEqual([bare.template, bare.problems.length], [false, 1]);
  assert.deepEqual(checkTemplate(await loadTokenizer(courseModel())).problems, [], "the course model's own");
});

test("reasoning that the template would delete is refused, with the record's place, and learned where it stays", async () => {
  const messages = [turns[0], { role: "assistant", content: "<think>\nbecause\n</think>\n\nfirst" }], deletes = await withTemplate(DELETES), keeps = await withTemplate(MARKED);
  assert.throws(() => encodeExample(deletes, messages, {}, "data.jsonl:4"), userError(/^data\.jsonl:4: /, "deletes the reasoning", 'template "plain"'));
  assert.match(learned(keeps, encodeExample(keeps, messages)!), /^\|<think>\nbecause\n<\/think>\n\nfirst<\|im_end\|>$/);
  assert.match(learned(deletes, encodeExample(deletes, messages, { template: "plain" })!), /because/);
  assert.equal(learned(deletes, encodeExample(deletes, turns)!), "|second<|im_end|>", "without reasoning there is nothing to lose");
});

test("all turns: every answer is learned to its end token, nothing between", async () => {
  for (const tokenizer of [smollm, await withTemplate(MARKED), await withTemplate(DELETES)]) {
    const all = encodeExample(tokenizer, turns, { loss: "turns" })!, last = encodeExample(tokenizer, turns)!;
    assert.deepEqual(all.ids, last.ids);
    assert.equal(learned(tokenizer, all), "|first<|im_end|>|second<|im_end|>");
    assert.equal(learned(tokenizer, last), "|second<|im_end|>");
  }
  assert.equal(learned(smollm, encodeExample(smollm, turns, { loss: "turns", template: "plain" })!), "|first|second<|im_end|>");
  assert.equal(learned(smollm, encodeExample(smollm, turns, { loss: "turns", system: "s" })!), "|first<|im_end|>|second<|im_end|>");
  const moving = await withTemplate(DELETES_EARLIER), thinking = [turns[0], { role: "assistant", content: "<think>why</think>first" }, ...turns.slice(2)];
  assert.throws(() => encodeExample(moving, thinking, { loss: "turns" }, "r:1"), userError(/^r:1: /, "changes earlier turns", 'loss "answer"'));
  assert.equal(learned(moving, encodeExample(moving, thinking)!), "|second<|im_end|>");
});

test("ids and mask of a conversation are those of transformers with a template that has markers", async () => {
  const { messages, ids, mask, template } = readJson("alignment", "chat.json"), tokenizer = await withTemplate(template), { ids: found, target } = encodeExample(tokenizer, messages, { loss: "turns" })!;
  // transformers' mask is of the marked text, which ends with the end token; what the template writes after the last one is left out here
  assert.deepEqual([...found], ids.slice(0, found.length));
  assert.deepEqual([...target], mask.slice(0, found.length));
  assert.ok(mask.slice(found.length).every((v: number) => v === 0));
});
