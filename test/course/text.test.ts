/** Text of the course in a terminal and in HTML: languages, escaping, tables, progress, errors. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { html, language, progress, show, showDiff, showSites, t, table } from "tunelab/course";
import { errors, language as languages, table as tables } from "./internal";

function printed(work: () => void): string {
  const log = mock.method(console, "log", () => undefined);
  try {
    work();
  } finally {
    log.mock.restore();
  }
  return log.mock.calls.map((call) => call.arguments.join(" ")).join("\n");
}

test("t gives the reader's language, English by default; a build run keeps both until pick", () => {
  const word = () => t({ zh: "损失", en: "loss" });
  const before = process.env.TUNELAB_LANG;
  try {
    delete process.env.TUNELAB_LANG;
    assert.deepEqual([language(), word()], ["en", "loss"]);
    process.env.TUNELAB_LANG = "zh";
    assert.equal(word(), "损失");
    process.env.TUNELAB_LANG = "both";
    const sentence = `1. ${t({ zh: `${word()}下降`, en: `the ${word()} "falls"` })}.`;
    assert.equal(languages.pick(sentence, "zh"), "1. 损失下降.");
    assert.equal(languages.pick(sentence, "en"), '1. the loss "falls".');
    const json = JSON.stringify(html`<b>${sentence}</b>`.markup);
    assert.equal(JSON.parse(languages.pick(json, "en")), "<b>1. the loss &quot;falls&quot;.</b>");
  } finally {
    if (before === undefined) delete process.env.TUNELAB_LANG;
    else process.env.TUNELAB_LANG = before;
  }
});

test("html escapes what is inserted, but not Html", () => {
  const evil = `<img src=x onerror="alert('1')">&`;
  const escaped = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;";
  assert.equal(html`<p title="${evil}">${[html`<b>${evil}</b>`, 2]}</p>`.markup, `<p title="${escaped}"><b>${escaped}</b>2</p>`);
});

test("a table aligns numbers right and counts Chinese characters as two columns", () => {
  const text = tables.tableText([{ 方法: "低秩", loss: 1.23456 }, { 方法: "LoRA", loss: 12, note: "best" }]);
  assert.equal(text, ["方法   loss  note", "----  -----  ----", "低秩  1.235", "LoRA     12  best"].join("\n"));
  assert.match(printed(() => table([{ a: 1 }], "Caption")), /^Caption\na\n-\n1$/);
});

test("a diagram of modules: nested, with shapes, trained tensors where they are read", () => {
  const at = (site: string, depth: number, trained = {}) => ({ site, depth, input: [5, 8], output: [5, 8], trained });
  const sites = [at("model.layers.0", 0), at("model.layers.0.self_attn", 1, { "model.layers.0.self_attn.prefix_keys": [3, 4] }), at("model.layers.0.mlp", 1), at("lm_head", 0)];
  const lines = printed(() => showSites(sites, "Prefix")).split("\n");
  assert.match(lines[0], /^Prefix \(blue/);
  assert.deepEqual(lines.slice(1), ["model.layers.0: [5 × 8] → [5 × 8]", "  self_attn: [5 × 8] → [5 × 8]  [+ prefix_keys [3 × 4]]", "  mlp: [5 × 8] → [5 × 8]", "lm_head: [5 × 8] → [5 × 8]"]);
});

test("a diff marks what went and what came, and shows what cannot be seen", () => {
  const pieces = [{ kind: "same", text: "a\n" }, { kind: "removed", text: "\u200bb" }, { kind: "added", text: "c" }] as const;
  assert.equal(printed(() => showDiff(pieces, "step")), "step\na↵\n[-⟨200B⟩b-]{+c+}");
});

test("outside a notebook a figure is its text alternative", async () => {
  let shown: Promise<void>;
  assert.equal(printed(() => void (shown = show({ data: [], alt: "loss falls" }))), "loss falls");
  await shown!;
});

test("progress prints one line at the end of a short task in a log, and rewrites a line in a terminal", () => {
  const work = () => {
    const bar = progress(4, "train");
    for (let n = 1; n <= 3; n++) bar.update(n, `loss ${n}`);
    bar.done();
  };
  assert.equal(printed(work), "train 3/4 (75 %) 0:00  loss 3");
  const { isTTY } = process.stdout;
  const written: string[] = [];
  process.stdout.isTTY = true;
  const write = mock.method(process.stdout, "write", (text: string) => written.push(text) > 0);
  try {
    work();
  } finally {
    write.mock.restore();
    process.stdout.isTTY = isTTY;
  }
  assert.ok(written.every((text) => text.startsWith("\r\x1b[Ktrain ")), JSON.stringify(written));
  assert.ok(written.at(-1)!.endsWith("3/4 (75 %) 0:00  loss 3\n"));
});

test("errors in a notebook keep the frames of the student's code, with relative paths", () => {
  const error = new RangeError("rank 0", { cause: new Error("inner") });
  const own = ["at helper (evalmachine.<anonymous>:3:9)", `at check (${process.cwd()}/lib/methods/lora.ts:12:3)`];
  const kernel = ["at evalmachine.<anonymous>:9:1", "at Script.runInThisContext (node:vm:9:1)", "at execute (/x/tslab/dist/a.js:1:3)"];
  error.stack = ["RangeError: rank 0", ...own, ...kernel].join("\n    ");
  (error.cause as Error).stack = "Error: inner";
  const shown = ["RangeError: rank 0", "    at helper (this cell)", "    at check (lib/methods/lora.ts:12:3)", "because of Error: inner"];
  assert.equal(errors.shortError(error), shown.join("\n"));
});
