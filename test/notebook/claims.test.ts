/** The ledger of claims says what the built notebooks say, and no notebook states a number of the chapter's without an entry in it. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const script = (name: string) => import(pathToFileURL(resolve("scripts", name)).href);
const ledger = () => JSON.parse(readFileSync("data/claims.json", "utf8"));
const sources = async () => {
  const { parseSource } = await script("notebooks/source.mjs");
  return readdirSync("notebooks/src").map((file) => ({ name: file.replace(/\.ts$/, ""), cells: parseSource(readFileSync(resolve("notebooks/src", file), "utf8"), file) }));
};

test("every claim is what its notebook prints, in both languages", async () => {
  const { problems } = await script("claims.mjs");
  assert.deepEqual(problems(ledger()), []);
});

test("a verdict that changed, a line that is gone, an entry without a source are found", async () => {
  const { problems } = await script("claims.mjs"), good = ledger(), first = good.claims[0];
  const changed = (claim: object) => problems({ claims: [{ ...first, ...claim }], errata: [] }).join("\n");
  assert.match(changed({ found: { zh: "别的", en: "something else" } }), /now says ".*"; the ledger "something else".*read the verdict again/);
  assert.match(changed({ from: "没有这一行" }), /prints no line that begins with/);
  assert.match(changed({ notebook: "9.9-none" }), /no notebook 9\.9-none/);
  assert.match(changed({ kind: "true" }), /none of measured/);
  assert.match(changed({ kind: "cited", source: { zh: "论文", en: "a paper" } }), /needs its paper and year/);
});

test("no notebook states a number of the chapter's without a tag that names its claim", async () => {
  const { untagged } = await script("claims.mjs");
  assert.deepEqual(untagged(await sources(), ledger()), []);
  const cell = (text: string, tags?: string[]) => [{ name: "x", cells: [{ kind: "markdown", line: 1, text, tags }] }];
  assert.equal(untagged(cell("教材说有效维度是 0.1 %～1 %。"), { claims: [] }).length, 1);
  assert.equal(untagged(cell("The chapter says that it takes 10.8 % of the memory."), { claims: [] }).length, 1);
  assert.deepEqual(untagged(cell("教材说有效维度是 0.1 %～1 %。", ["claim:a/b"]), { claims: [{ id: "a/b" }] }), []);
  assert.match(untagged(cell("words", ["claim:a/c"]), { claims: [] })[0], /no claim "a\/c"/);
  assert.deepEqual(untagged(cell("The chapter says so (3.2.1).\nIt is 5 % here."), { claims: [] }), []);
});
