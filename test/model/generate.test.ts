// Generation: the same tokens as transformers, alone and in a batch; stop texts, streaming, limits, adapters, and no tensor left behind.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { loadAdapter, type Adapter } from "tunelab/methods";
import { generate, load, type GenerateOptions, type Generated, type Model } from "tunelab/model";
import { dispose, tf } from "tunelab/tensor";
import { leaksNothing, userError } from "../support/compare";
import { fixture, MODELS, readJson, tinyModel, withJit } from "../support/fixtures";
import { scripted } from "../support/scripted";

/** A tiny model with a real tokenizer (byte-level BPE): 401 tokens, end token 2. */
let model: Model;
before(async () => { model = await load(fixture("gguf", "llama.gguf")); });

for (const name of MODELS)
  test(`${name}: 64 greedy tokens are those of transformers: alone, and as a left-padded batch, compiled or not`, async () => {
    const tiny = await tinyModel(name), { generations } = readJson("models", name, "expected.json");
    assert.notEqual(generations[0].promptIds.length, generations[1].promptIds.length); // so that the batch needs padding
    const options = { maxNewTokens: 64 }, prompts = generations.map((g: any) => g.promptIds), expected = generations.map((g: any) => g.newIds);
    const alone = await withJit(false, async () => [(await generate(tiny, [prompts[0]], options))[0], (await generate(tiny, [prompts[1]], options))[0]]);
    assert.deepEqual(alone.map((g) => g.ids), expected);
    for (const compiled of [true, false]) assert.deepEqual((await withJit(compiled, () => generate(tiny, prompts, options))).map((g) => g.ids), expected);
    assert.ok(alone.every((g) => g.stoppedBy === "length"));
    dispose(tiny.params);
  });

/** Lets the scripted model say `texts`, each in an answer of its own, and notes the pieces that were streamed. */
async function say(texts: (string | number[])[], options: GenerateOptions = {}): Promise<(Generated & { pieces: string[] })[]> {
  const script = texts.map((t) => (typeof t === "string" ? model.tokenizer.encode(t) : t)), pieces: string[][] = texts.map(() => []);
  const adapter = scripted(model, ...script), onText = (piece: string, i: number) => { pieces[i].push(piece); };
  const answers = await withJit(false, () => generate(model, texts.map(() => "go"), { ...options, adapter, onText }));
  return answers.map((a, i) => ({ ...a, pieces: pieces[i] }));
}

test("an answer ends with the end token, which is neither in its text nor in its ids", async () => {
  const [a] = await say(["Ports 80, 443."]);
  assert.deepEqual([a.text, a.stoppedBy, a.ids], ["Ports 80, 443.", "eos", model.tokenizer.encode("Ports 80, 443.")]);
});
test("any of several end tokens ends it", async () => {
  const two = { ...model, tokenizer: { ...model.tokenizer, eos: [2, 0] } };
  for (const id of [2, 0]) {
    const [a] = await withJit(false, () => generate(two, ["go"], { adapter: scripted(two, [35, id, 36]) }));
    assert.deepEqual([a.ids, a.stoppedBy], [[35], "eos"]);
  }
});
test("maxNewTokens ends it, and counts exactly", async () => {
  for (const n of [1, 3]) {
    const [a] = await say(["two or more tokens"], { maxNewTokens: n });
    assert.deepEqual([a.ids.length, a.stoppedBy], [n, "length"]);
    assert.equal(a.text, model.tokenizer.decode(model.tokenizer.encode("two or more tokens").slice(0, n)));
  }
});

const TEXTS = [
  "plain ASCII text, with. punctuation", "网络安全需要多层防护", "emoji 😀 and 👩‍👩‍👧‍👦 family", "é ü ñ 🇨🇳", "  spaces   and\nlines\n\n", "ends in half 😀",
];
for (const text of TEXTS)
  test(`streamed pieces of ${JSON.stringify(text)} add up to it, no character is split`, async () => {
    const tokens = model.tokenizer.encode(text).length, [a] = await say([text]);
    assert.equal(a.text, text);
    assert.equal(a.pieces.join(""), text);
    assert.ok(a.pieces.every((p) => p !== "" && !p.includes("\uFFFD") && !/\p{Surrogate}/u.test(p)));
    assert.ok(a.pieces.length > 1 && a.pieces.length <= tokens); // it is streamed, not sent at the end
  });
test("a character that never becomes whole is sent at the end, as its replacement", async () => {
  const half = model.tokenizer.encode("ab😀").slice(0, -1), [a] = await say([half]);
  assert.match(a.text, /^ab\uFFFD+$/);
  assert.equal(a.pieces.join(""), a.text);
  assert.ok(a.pieces.slice(0, -1).every((p) => !p.includes("\uFFFD")));
});

const STOPS: [what: string, says: string, stop: string[], text: string][] = [
  ["a stop text in one token's reach", "one two three", ["two"], "one "],
  ["a stop text across many tokens", "one\n\nQuestion: two", ["\n\nQuestion:"], "one"],
  ["the first of several", "alpha beta gamma", ["gamma", "beta", "delta"], "alpha "],
  ["the one that begins first", "abcdef", ["cdef", "bcd"], "a"],
  ["one that begins another", "a STOP b", ["STOP HERE", "STOP"], "a "],
  ["a stop text at the very beginning", "END of it", ["END"], ""],
  ["Chinese, of several tokens a character", "答案是防火墙。问:下一个", ["问:"], "答案是防火墙。"],
  ["an ASCII beginning before a character of several tokens", "x a中 y", ["a中"], "x "],
  ["an emoji", "so 😀 it ends", ["😀"], "so "],
  ["none, though it looked like one for a while", "almost STO but no", ["STOP"], "almost STO but no"],
  ["none, though the text ends with its beginning", "ends in STO", ["STOP"], "ends in STO"],
];
for (const [what, says, stop, text] of STOPS)
  test(`stops at ${what}`, async () => {
    const [a] = await say([says], { stop });
    assert.equal(a.text, text);
    assert.equal(a.pieces.join(""), text);
    assert.equal(a.stoppedBy, text === says ? "eos" : "stop");
    if (text !== says) assert.ok(says.startsWith(model.tokenizer.decode(a.ids).replace(/\uFFFD+$/, "")), "it stopped at once");
  });

test("answers in a batch end each at their own place", async () => {
  const answers = await say(["short", "a longer answer that goes on", "has a STOP inside"], { stop: ["STOP"], maxNewTokens: 12 });
  assert.deepEqual(answers.map((a) => a.stoppedBy), ["eos", "length", "stop"]);
  assert.deepEqual([answers[0].text, answers[2].text], ["short", "has a "]);
  assert.equal(answers[1].ids.length, 12);
  answers.forEach((a) => assert.equal(a.pieces.join(""), a.text));
});

test("a row that has ended changes nothing for the others", async () => {
  const tiny = await tinyModel("llama"), { generations } = readJson("models", "llama", "expected.json");
  const [a, b] = generations;
  const ended = { ...tiny, tokenizer: { ...tiny.tokenizer, eos: [a.newIds.find((id: number) => !b.newIds.includes(id))] } };
  const [first, second] = await generate(ended, [a.promptIds, b.promptIds], { maxNewTokens: 64 });
  assert.deepEqual([first.stoppedBy, first.ids], ["eos", a.newIds.slice(0, a.newIds.indexOf(ended.tokenizer.eos[0]))]);
  assert.deepEqual(second.ids, b.newIds);
});

test("sampling: the seed decides, and prompts of a batch draw for themselves", async () => {
  const ids = async (seed: number | undefined, prompts = ["go"]) => (await generate(model, prompts, { temperature: 1.5, seed, maxNewTokens: 24 })).map((g) => g.ids);
  const [one] = await ids(1);
  assert.deepEqual((await ids(1))[0], one);
  assert.notDeepEqual((await ids(2))[0], one);
  const [a, b] = await ids(1, ["go", "go"]);
  assert.deepEqual(a, one);
  assert.notDeepEqual(a, b);
});

test("the repetition penalty counts the prompt and the answer so far", async () => {
  const plain = (await generate(model, ["the the the"], { maxNewTokens: 20 }))[0].ids;
  assert.ok(new Set(plain).size < plain.length, "without penalty it repeats itself");
  const prompts = Array.from({ length: 9 }, (_, i) => Array.from({ length: 45 }, (_, j) => 10 + ((i * 41 + j * 7) % 390)));
  const repeats = async (repetitionPenalty: number) => (await generate(model, prompts, { maxNewTokens: 1, repetitionPenalty })).filter(({ ids }, i) => prompts[i].includes(ids[0])).length;
  assert.ok((await repeats(1)) > 0, "without penalty it repeats a token of some prompt");
  assert.equal(await repeats(1e6), 0);
  const prompt = model.tokenizer.encode("the the the"), [strict] = await generate(model, [prompt], { maxNewTokens: 20, repetitionPenalty: 1e6 });
  assert.equal(new Set([...prompt, ...strict.ids]).size, new Set(prompt).size + strict.ids.length);
});

for (const [name, base] of [["qwen2-tied-qv", "qwen2-tied"], ["llama-linear", "llama"], ["qwen2-tied-rslora", "qwen2-tied"], ["llama-one-layer", "llama"]])
  test(`${name}: an adapter on the model answers as the merged model does, and not as the base`, () => withJit(name === "llama-linear", async () => {
    const tiny = await tinyModel(base), adapter = loadAdapter(fixture("lora", name), tiny), merged = { ...tiny, params: adapter.method.merge!(tiny.params, adapter.trained) };
    const prompts = [[5, 6, 7, 8, 9], [40, 41, 42]], options = { maxNewTokens: 32 };
    const ids = async (m: Model, adapter?: Adapter) => (await generate(m, prompts, { ...options, adapter })).map((g) => g.ids);
    const wrapped = await ids(tiny, adapter);
    assert.deepEqual(await ids(merged), wrapped);
    assert.notDeepEqual(await ids(tiny), wrapped);
  }));

test("tick is awaited before each token, and what it throws ends the answer", async () => {
  let ticks = 0;
  const stop = async () => { if (++ticks > 3) throw new Error("enough"); };
  await assert.rejects(generate(model, ["go"], { tick: stop, maxNewTokens: 10 }), /enough/);
  assert.equal(ticks, 4);
});

test("a prompt and its answer fill the model's positions exactly, and not one more", async () => {
  const prompt = Array(250).fill(35);
  const [a] = await withJit(false, () => generate(model, [prompt], { maxNewTokens: 6, adapter: scripted(model, Array(9).fill(36)) }));
  assert.equal(a.ids.length, 6);
  await assert.rejects(generate(model, [prompt], { maxNewTokens: 7 }), userError("prompt of 250 tokens", "7 new ones", "256 positions", "shorten"));
});

test("prompts and options that make no sense are refused", async () => {
  const refuse = (prompts: (string | number[])[], options: GenerateOptions, ...mentions: string[]) => assert.rejects(generate(model, prompts, options), userError(...mentions));
  await refuse([], {}, "No prompt");
  await refuse(["a", ""], {}, "Prompt 2 is empty");
  await refuse([[]], {}, "Prompt 1 is empty");
  await refuse(["a", [3, 401]], {}, "Prompt 2", "token id 401", "0 to 400");
  await refuse([[1.5]], {}, "token id 1.5");
  for (const maxNewTokens of [0, -1, 2.5, NaN]) await refuse(["a"], { maxNewTokens }, `maxNewTokens is ${maxNewTokens}`, "whole number");
  await refuse(["a"], { stop: ["x", ""] }, "stop text is empty");
  await refuse(["a"], { topP: 2 }, "topP is 2");
});

test("damaged weights are an error, not an answer of token 0", async () => {
  const broken = { ...model, params: { ...model.params, "model.norm.weight": tf.fill([32], NaN) } };
  await assert.rejects(generate(broken, ["go"]), userError("not finite"));
});

test("no tensor is left behind: after an answer, after an error, after a broken adapter", async () => {
  await leaksNothing(() => generate(model, ["go", "go on"], { maxNewTokens: 5, temperature: 1 }));
  await leaksNothing(() => assert.rejects(generate(model, ["go"], { tick: (() => { let n = 0; return async () => { if (n++ > 2) throw new Error("stop"); }; })() })));
  const A = tf.ones([4, 7]), site = "model.layers.1.mlp.up_proj"; // fits no matrix: fails in the second layer
  const adapter: Adapter = { trained: { [site]: A }, method: { name: "broken", settings: {}, init: () => ({}), wrap: (t) => (s, x, next) => (Object.keys(t).length && s.endsWith("up_proj") ? tf.matMul(x as never, A as never) : next(x)) } };
  await leaksNothing(() => assert.rejects(generate(model, ["go"], { adapter })));
});
