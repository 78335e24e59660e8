/** The notebook builder: one source, one run, two languages; failures that tslab hides are found; outdated notebooks are noticed. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

const script = (name: string) => import(pathToFileURL(resolve("scripts/notebooks", name)).href);
const folder = mkdtempSync(resolve("notebooks", "tmp-"));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "src"));
const write = (name: string, text: string) => writeFileSync(join(folder, "src", `${name}.ts`), text);
const notebook = (language: string, name: string) => readFileSync(join(folder, language, `${name}.ipynb`), "utf8");

const GOOD = `// A source for the builder's test.
// %% [markdown] lang="zh"
// # 损失
//
// 一句话。
// %% [markdown] lang="en"
// # Loss
//
// One sentence.
// %%
import { lineChart, progress, show, t, table } from "tunelab/course";

const name = t({ zh: "训练损失", en: "training loss" });
const series = [{ name, x: [1, 2, 3], y: [3, 2, 1] }];
await show(lineChart({ title: name, x: { title: "step" }, y: { title: "nats" }, series, alt: \`\${name}: 3 → 1\` }));
// %%
table([{ [name]: 1.5 }]);
const bar = progress(2, "steps");
bar.update(1);
bar.done();
console.log(process.cwd());
// %% tags=["raises-exception"]
function refuse(): never { throw new RangeError("on purpose"); }
refuse();
// %%
console.log("goes on");
`;

test("both notebooks come from one run, each in its language", { timeout: 120_000 }, async () => {
  const { build, typeCheck } = await script("build.mjs");
  const { checkNotebooks } = await script("check.mjs");
  write("good", GOOD);
  await typeCheck([join(folder, "src", "good.ts")]);
  const seen: number[] = [];
  await build(folder, "good", { onCell: (i: number) => seen.push(i) });
  assert.deepEqual(seen, [0, 1, 2, 3]);
  const [zh, en] = ["zh", "en"].map((language) => JSON.parse(notebook(language, "good")));
  assert.deepEqual([zh.cells.length, en.cells.length], [5, 5]);
  assert.equal(en.cells[0].source.join(""), "# Loss\n\nOne sentence.");

  const [zhFigure, enFigure] = [zh, en].map(({ cells }) => cells[1].outputs[0].data);
  assert.equal(zhFigure["application/vnd.plotly.v1+json"].layout.title.text, "训练损失");
  assert.equal(enFigure["application/vnd.plotly.v1+json"].layout.meta.alt, "training loss: 3 → 1");
  assert.deepEqual(Object.keys(zhFigure).sort(), ["application/vnd.plotly.v1+json", "image/png", "text/plain"]);
  assert.ok(zhFigure["image/png"].startsWith("iVBOR") && zhFigure["image/png"] !== enFigure["image/png"]);
  assert.equal([zhFigure["text/plain"]].flat().join(""), "训练损失: 3 → 1");
  assert.doesNotMatch(JSON.stringify(en.cells.map((cell: any) => cell.outputs)), /[\uE000-\uE002]|训练/);

  assert.match(zh.cells[2].outputs[0].data["text/html"].join(""), /<th scope="col">训练损失<\/th>.*<td>1\.5<\/td>/);
  assert.match(zh.cells[2].outputs[1].data["text/html"].join(""), /<progress max="2" value="1" aria-label="steps">/);
  assert.equal(zh.cells[2].outputs.length, 3, "each display stands once, with its last content");
  assert.match(zh.cells[2].outputs[2].text.join(""), /^notebooks\/tmp-\w+\/zh\n$/); // not this machine's path
  assert.match(zh.cells[3].outputs[0].text.join(""), /^RangeError: on purpose\n {4}at refuse \(this cell\)\n/);
  assert.deepEqual(zh.cells.slice(1).map((cell: any) => cell.execution_count), [1, 2, 3, 4]);
  assert.deepEqual(checkNotebooks(folder), []);
});

test("a notebook that does not match its source is reported, with the remedy", async () => {
  const { checkNotebooks } = await script("check.mjs");
  const path = join(folder, "en", "good.ipynb");
  const built = notebook("en", "good");
  writeFileSync(path, built.replace("One sentence.", "Another sentence."));
  assert.deepEqual(checkNotebooks(folder), ["en/good.ipynb was edited by hand; edit the source instead: run `npm run notebooks -- good`"]);
  writeFileSync(path, built.replace('"execution_count": 2', '"execution_count": null'));
  assert.match(checkNotebooks(folder)[0], /en\/good\.ipynb holds cells that were not run/);
  writeFileSync(path, built);
  write("good", GOOD.replace("goes on", "goes further"));
  const remedy = "run `npm run notebooks -- good`";
  assert.deepEqual(checkNotebooks(folder), ["zh", "en"].map((language) => `${language}/good.ipynb is older than its source: ${remedy}`));
  write("good", GOOD);
  write("other", GOOD.replace("// # Loss", "// ## Loss"));
  assert.deepEqual(checkNotebooks(folder), ['src/other.ts: heading 1 is "#" in Chinese and "##" in English']);
  write("other", GOOD);
  assert.match(checkNotebooks(folder).join("\n"), /zh\/other\.ipynb is missing.*\nen\/other\.ipynb is missing/);
  rmSync(join(folder, "src", "other.ts"));
  writeFileSync(join(folder, "zh", "gone.ipynb"), "{}");
  assert.deepEqual(checkNotebooks(folder), ["zh/gone.ipynb has no source src/gone.ts: delete it"]);
  rmSync(join(folder, "zh", "gone.ipynb"));
});

/** Ways to fail, each with what the message must say. The kernel answers "ok" to the first two. */
const FAILURES: [name: string, code: string, message: RegExp][] = [
  ["forgotten", `void Promise.reject(new Error("nobody waits"));`, /forgotten\.ts:1: UnhandledPromiseRejection: Error: nobody waits/],
  ["warns", `console.warn("something is odd");`, /warns\.ts:1: something is odd/],
  ["throws", `console.log(1);\n// %%\nthrow new RangeError("too far");`, /throws\.ts:3: .*RangeError: too far/s],
  ["types", `const text: string = 1 as unknown as { a: number };`, /types\.ts:1: 1:7 - Type .* is not assignable to type 'string'/],
  ["passes", `console.log("fine");`, /passes\.ts:1: the kernel answered "ok", not "error"/],
  ["path", `console.log(${JSON.stringify(join(homedir(), "secret"))});`, /path\.ts:1: an output shows a path of this machine/],
];
for (const [name, code, message] of FAILURES) {
  test(`a failing run is found and changes nothing: ${name}`, { timeout: 60_000 }, async () => {
    const { build } = await script("build.mjs");
    mkdirSync(join(folder, "zh"), { recursive: true });
    writeFileSync(join(folder, "zh", `${name}.ipynb`), "as before");
    write(name, `// %%${name === "passes" ? ' tags=["raises-exception"]' : ""}\n${code}\n`);
    await assert.rejects(build(folder, name), { message });
    assert.equal(notebook("zh", name), "as before");
    assert.deepEqual(readdirSync(join(folder, "zh")).filter((file) => file.endsWith(".new")), []);
  });
}

test("the type check covers all cells of a source as one module", { timeout: 60_000 }, async () => {
  const { typeCheck } = await script("build.mjs");
  write("twice", `// %%\nconst rank = 8;\n// %%\nconst rank = 16;\n`);
  await assert.rejects(typeCheck([join(folder, "src", "twice.ts")]), /twice\.ts\(2,7\): .*Cannot redeclare .*'rank'/);
  write("call", `// %%\nimport { show } from "tunelab/course";\nawait show({ data: [] });\n`);
  await assert.rejects(typeCheck([join(folder, "src", "call.ts")]), /call\.ts\(3,12\).*'alt' is missing/s);
});

test("what the format does not allow is refused with file and line", async () => {
  const { parseSource } = await script("source.mjs");
  const refuse = (text: string, message: RegExp) => assert.throws(() => parseSource(text, "a.ts"), { message });
  refuse(`import x from "y";\n// %%\n`, /^a\.ts:1: code before the first "\/\/ %%"/);
  refuse(`// %% [markdown] lang="fr"\n// x\n`, /^a\.ts:1: lang="fr"/);
  refuse(`// %% lang="zh"\nlet x = 1;\n`, /^a\.ts:1: lang="zh"; only markdown cells/);
  refuse(`// %%\n1;\n// %% [markdown]\n// fine\nlet x = 1;\n`, /^a\.ts:5: a line of a markdown cell must start with "\/\/"/);
  refuse(`// %% [raw]\n// x\n`, /^a\.ts:1: cannot read/);
  refuse(`// only a header\n`, /^a\.ts: no cell/);
});
