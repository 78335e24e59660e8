// Reading records: what real files hold, and errors that name file and line.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { TunelabError } from "tunelab";
import { loadRecords, readRecords } from "tunelab/text";
import { userError } from "../support/compare";
import { temporary } from "../support/fixtures";

const folder = temporary();
function written(content: string | Uint8Array, name = "data.jsonl"): string {
  const file = folder(name);
  fs.writeFileSync(file, content);
  return file;
}
const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((p) => Buffer.from(p as string)));
const load = (content: string | Uint8Array, options?: object) => loadRecords(written(content), options);
const A = { question: "a" }, B = { question: "b" };

test("lines end in LF, CRLF, or with the file; blank ones do not count", async () => {
  for (const text of ['{"question":"a"}\n{"question":"b"}\n', '{"question":"a"}\r\n{"question":"b"}', '\n\n{"question":"a"}\n  \t\r\n\n{"question":"b"}\n\n'])
    assert.deepEqual(await load(text), [A, B], JSON.stringify(text));
});
test("a byte-order mark is not part of the first record, nor of the second of two files put together", async () => {
  assert.deepEqual(await load('\uFEFF{"question":"a"}\n\uFEFF{"question":"b"}\n\uFEFF\n'), [A, B]);
  assert.deepEqual(await loadRecords(written('\uFEFF[{"question":"a"}]', "data.json")), [A]);
});
test("characters of several bytes survive the borders between chunks; a real U+FFFD is a character", async () => {
  const text = "网络安全😀\uFFFDé", records = Array.from({ length: 3000 }, (_, i) => ({ i, text: text.repeat(1 + (i % 5)) })); // some 200 KB
  assert.deepEqual(await load(records.map((r) => JSON.stringify(r)).join("\n")), records);
});
test("separators inside texts are no line ends", async () => {
  const record = { text: "a\u2028b\u0085c\rd\u000bе" };
  assert.deepEqual(await load(JSON.stringify(record)), [record]);
});
test("surrogate pairs are fine, also as escapes", async () => assert.deepEqual(await load('{"a":"\\ud83d\\ude00 😀 \\\\ud800"}'), [{ a: "😀 😀 \\ud800" }]));

const BAD: [what: string, line: string | number[], ...mentions: string[]][] = [
  ["broken JSON", '{"question": "a"', "not valid JSON", "correct or remove"],
  ["a trailing comma", '{"question": "a",}', "not valid JSON"],
  ["a number", "3", "not a JSON object", "{"],
  ["a list", "[1]", "not a JSON object"],
  ["null", "null", "not a JSON object"],
  ["GB18030 bytes", [0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xcd, 0xf8, 0xc2, 0xe7, 0x22, 0x7d], "not valid UTF-8", "iconv"],
  ["half a UTF-8 character", [0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xe4, 0xb8, 0x22, 0x7d], "not valid UTF-8"],
  ["an unpaired surrogate", '{"a":"x\\ud800y"}', "surrogate", "write the text again"],
  ["a reversed pair, deep inside", '{"a":[{"b":["\\ude00\\ud83d"]}]}', "surrogate"],
  ["an unpaired surrogate as a name", '{"\\udc00":1}', "surrogate"],
];
for (const [what, line, ...mentions] of BAD) {
  const content = bytes('{"question":"a"}\r\n\n', line, '\n{"question":"b"}\n');
  test(`${what}: refused with file and line, or left out and reported`, async () => {
    const file = written(content), reported: string[] = [];
    await assert.rejects(loadRecords(file), userError(`${file}:3: `, ...mentions));
    assert.deepEqual(await loadRecords(file, { bad: "skip", onBad: (m) => reported.push(m) }), [A, B]);
    assert.equal(reported.length, 1);
    userError(`${file}:3: `, ...mentions)(new TunelabError(reported[0]));
  });
}

test("records before a bad one arrive before it", async () => {
  const seen: unknown[] = [];
  await assert.rejects(async () => { for await (const r of readRecords(written('{"question":"a"}\nx\n'))) seen.push(r); }, TunelabError);
  assert.deepEqual(seen, [A]);
});
test("a parser's refusals get the place; its defects stay defects", async () => {
  const file = written('{"question":"a"}\n{"question":"b"}\n'), parse = (r: any, where: string) => { if (r.question === "b") throw new TunelabError(`${where}: no b`); return r.question; };
  await assert.rejects(loadRecords(file, { parse }), userError(`${file}:2: no b`));
  assert.deepEqual(await loadRecords(file, { parse, bad: "skip" }), ["a"]);
  const broken = () => { throw new TypeError("a defect"); };
  for (const bad of ["refuse", "skip"] as const) await assert.rejects(loadRecords(file, { parse: broken, bad }), TypeError);
});
test("a .json file is a list, and errors count its records", async () => {
  const file = written('[{"question":"a"}, 3, {"question":"b"}]', "data.json");
  await assert.rejects(loadRecords(file), userError(`${file}, record 2: is not a JSON object`));
  assert.deepEqual(await loadRecords(file, { bad: "skip" }), [A, B]);
  await assert.rejects(loadRecords(written('{"question":"a"}', "data.json")), userError("data.json", "list of records", ".jsonl"));
  await assert.rejects(loadRecords(written("[", "data.json")), userError("data.json", "not valid JSON"));
  await assert.rejects(loadRecords(written(bytes('[{"a":"', [0xff], '"}]'), "data.json")), userError("data.json", "not valid UTF-8"));
});
test("no file, no records", async () => {
  await assert.rejects(loadRecords(folder("none.jsonl")), userError("none.jsonl", "no such file"));
  await assert.rejects(loadRecords(folder()), userError("not a file", ".jsonl"));
  for (const text of ["", "\n \n", "\uFEFF"]) await assert.rejects(load(text), userError("data.jsonl", "holds no records"));
  await assert.rejects(load("x\ny\n", { bad: "skip" }), userError("holds no records"));
});
test("a line without end is refused by its number, in bounded memory and time", async () => {
  const file = written('{"question":"a"}\n'), began = performance.now();
  fs.appendFileSync(file, Buffer.alloc(40 * 2 ** 20, "x"));
  await assert.rejects(loadRecords(file), userError(`${file}:2: `, "16777216", "JSONL"));
  assert.ok(performance.now() - began < 5000);
  // a long line, and many lines that are longer together, are no such line
  const long = { text: "y".repeat(15 * 2 ** 20) }, many = Array.from({ length: 20 }, (_, i) => ({ i, text: "z".repeat(2 ** 20 - i) }));
  assert.deepEqual(await load(`${JSON.stringify(long)}\n`), [long]);
  assert.deepEqual(await load(many.map((r) => JSON.stringify(r)).join("\n")), many);
});
test("a line that is too long is left out where that is asked for, and the lines behind it keep their numbers", async () => {
  const reported: string[] = [], file = written(`{"question":"a"}\n${"x".repeat(40 * 2 ** 20)}\nx\n{"question":"b"}\n`);
  assert.deepEqual(await loadRecords(file, { bad: "skip", onBad: (m) => reported.push(m) }), [A, B]);
  assert.equal(reported.length, 2);
  userError(`${file}:2: is a line of more than 16777216 bytes`)(new TunelabError(reported[0]));
  userError(`${file}:3: is not valid JSON`)(new TunelabError(reported[1]));
  assert.deepEqual(await loadRecords(written(`{"question":"a"}\n${"x".repeat(17 * 2 ** 20)}`), { bad: "skip" }), [A], "without an end");
});
test("a record nested without end is a record or an error, never a crash", async () => {
  const deep = 200_000;
  await loadRecords(written(`{"a":${"[".repeat(deep)}${"]".repeat(deep)}}\n`)).then((r) => assert.equal(r.length, 1), userError("data.jsonl:1: "));
});
test("a reader that stops early closes the file", { skip: !fs.existsSync("/proc/self/fd") && "needs /proc" }, async () => {
  const file = written('{"question":"a"}\n'.repeat(50_000)), open = () => fs.readdirSync("/proc/self/fd").length, before = open();
  for (let i = 0; i < 5; i++) for await (const r of readRecords(file)) { assert.deepEqual(r, A); break; }
  await new Promise((done) => setTimeout(done, 50));
  assert.equal(open(), before);
});
test("fields that must be filled: empty and missing ones are named, refused or skipped", async () => {
  const filled = ["question", "answer"], good = '{"question":"a","answer":0,"more":""}';
  for (const [line, ...mentions] of [['{"question":"a"}', '"answer" is missing'], ['{"question":" \\n","answer":"b"}', '"question" is empty'], ['{"question":"a","answer":null}', '"answer" is empty'], ['{"question":[],"answer":"b"}', '"question" is empty']]) {
    const file = written(`${good}\n${line}\n`), reported: string[] = [];
    await assert.rejects(loadRecords(file, { filled }), userError(`${file}:2: `, ...mentions, "leave the record out"));
    assert.equal((await loadRecords(file, { filled, bad: "skip", onBad: (m) => reported.push(m) })).length, 1);
    assert.equal(reported.length, 1);
    assert.equal((await loadRecords(file)).length, 2, "not asked for");
  }
});
test("mixed encodings: each line is judged by itself, and UTF-16 is called by its name", async () => {
  const gb = [0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xcd, 0xf8, 0x22, 0x7d, 0x0a], reported: string[] = [];
  assert.equal((await loadRecords(written(bytes('{"a":"网"}\n', gb, '{"a":"络"}\n', gb)), { bad: "skip", onBad: (m) => reported.push(m) })).length, 2);
  assert.deepEqual(reported.map((m) => /:(\d+): is not valid UTF-8/.exec(m)![1]), ["2", "4"]);
  await assert.rejects(load(Buffer.from('\uFEFF{"a":1}\n', "utf16le")), userError("data.jsonl:1: ", "UTF-16"));
});
test("a blank line may be long, and a record may begin behind many spaces", async () => {
  assert.deepEqual(await load(`${" ".repeat(5000)}\n${" ".repeat(5000)}{"question":"a"}\n`), [A]);
});
test("a file larger than the heap streams through it: 160 MB under a limit of 64 MB, long lines and bad ones among them", async () => {
  const file = folder("large.jsonl"), out = fs.openSync(file, "w"), record = JSON.stringify({ question: "什么是网络钓鱼？", answer: "网络安全".repeat(60) });
  const block = `${record}\n`.repeat(4000), long = JSON.stringify({ question: "q", answer: "长".repeat(3.4e6) }); // 10 MB
  let size = 0, blocks = 0;
  for (; size < 160 * 2 ** 20; blocks++) size += fs.writeSync(out, block) + fs.writeSync(out, "x\n");
  fs.writeSync(out, `${long}\n`);
  fs.closeSync(out);
  const script = `
    const { readRecords } = require("tunelab/text");
    (async () => {
      const before = process.memoryUsage.rss();
      let records = 0, bad = 0, characters = 0, most = 0;
      for await (const r of readRecords(${JSON.stringify(file)}, { filled: ["question", "answer"], bad: "skip", onBad: () => bad++ })) { records++; characters += r.answer.length; if (records % 1000 === 0) most = Math.max(most, process.memoryUsage.rss()); }
      console.log(JSON.stringify({ records, bad, characters, added: most - before }));
    })();`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--max-old-space-size=64", "-e", script], { env: { ...process.env, NODE_V8_COVERAGE: "" } });
  const found = JSON.parse(stdout);
  assert.deepEqual([found.records, found.bad, found.characters], [4000 * blocks + 1, blocks, 4000 * blocks * 240 + 3.4e6]);
  assert.ok(found.added < 120 * 2 ** 20, `${found.added} bytes more than before, for a file of ${size}`);
});
