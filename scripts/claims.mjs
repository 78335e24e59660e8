// The ledger of claims, data/claims.json, held against the built notebooks. `found` of a claim is the line that its notebook printed, beginning with
// `from` in the Chinese notebook. node scripts/claims.mjs: says what is wrong; --write: takes the lines over (then read each verdict again: `kind` is ours).
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url)), FILE = join(root, "data", "claims.json");
const KINDS = ["measured", "qualified", "refuted", "undecided", "cited"];
/** Markdown that speaks of what the chapter claims. */
const CLAIMING = /教材|书上|the (chapter|book)\b/i;

const cells = (language, name) => JSON.parse(readFileSync(join(root, "notebooks", language, `${name}.ipynb`), "utf8")).cells.filter((cell) => cell.cell_type === "code");
/** What each code cell printed, line by line. */
const printed = (language, name) => cells(language, name).map(({ outputs }) => outputs.filter((o) => o.output_type === "stream" && o.name === "stdout").flatMap((o) => [o.text].flat().join("").split("\n")));

/** The line in both languages: the same line of the same cell. */
function line(name, from) {
  const zh = printed("zh", name), cell = zh.findIndex((lines) => lines.some((l) => l.startsWith(from)));
  if (cell < 0) return undefined;
  const at = zh[cell].findIndex((l) => l.startsWith(from));
  return { zh: zh[cell][at].trim(), en: printed("en", name)[cell][at].trim() };
}

/** All that is wrong with the ledger, as sentences. */
export function problems({ claims, errata }) {
  const found = [], say = (id, what) => found.push(`${id}: ${what}`), both = (x) => x && typeof x.zh === "string" && typeof x.en === "string" && x.zh && x.en;
  for (const c of claims) {
    if (claims.filter((d) => d.id === c.id).length > 1) say(c.id, "stands twice");
    if (!KINDS.includes(c.kind)) say(c.id, `kind "${c.kind}" is none of ${KINDS.join(", ")}`);
    if (!both(c.claim) || !both(c.source)) say(c.id, "claim and source need both languages");
    if (c.kind === "cited") { if (!/\d{4}/.test(c.source?.en ?? "")) say(c.id, "a cited number needs its paper and year"); continue; }
    if (!c.notebook || !existsSync(join(root, "notebooks", "zh", `${c.notebook}.ipynb`))) { say(c.id, `there is no notebook ${c.notebook}`); continue; }
    const now = line(c.notebook, c.from);
    if (!now) say(c.id, `${c.notebook} prints no line that begins with "${c.from}"`);
    else if (now.zh !== c.found?.zh || now.en !== c.found?.en) say(c.id, `${c.notebook} now says "${now.en}"; the ledger "${c.found?.en}": run \`node scripts/claims.mjs --write\` and read the verdict again`);
  }
  for (const [i, e] of errata.entries()) {
    if (!both(e.printed) || !both(e.right)) say(`erratum ${i + 1}`, "needs both languages");
    if (e.notebook && !existsSync(join(root, "notebooks", "zh", `${e.notebook}.ipynb`))) say(`erratum ${i + 1}`, `there is no notebook ${e.notebook}`);
  }
  return found;
}

/** Markdown cells that state a number as the chapter's without being tagged `claim:ID` (or `claim:erratum/N`) with an entry of the ledger, and tags without one. */
export function untagged(sources, { claims, errata = [] }) {
  const found = [], ids = new Set([...claims.map((c) => c.id), ...errata.map((_, i) => `erratum/${i + 1}`)]);
  for (const { name, cells } of sources) for (const cell of cells.filter((c) => c.kind === "markdown")) {
    const tags = (cell.tags ?? []).filter((tag) => tag.startsWith("claim:")).map((tag) => tag.slice(6));
    found.push(...tags.filter((id) => !ids.has(id)).map((id) => `notebooks/src/${name}.ts:${cell.line}: the ledger has no claim "${id}"`));
    const lines = cell.text.split("\n").filter((line) => CLAIMING.test(line) && /\d\s*(%|倍|×|°| times\b)|10\^/.test(line));
    if (lines.length && !tags.length) found.push(`notebooks/src/${name}.ts:${cell.line}: states a number of the chapter without a tag "claim:…": ${lines[0].trim().slice(0, 80)}`);
  }
  return found;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const ledger = JSON.parse(readFileSync(FILE, "utf8"));
  if (process.argv.includes("--write")) {
    for (const c of ledger.claims) if (c.notebook && c.from) { const now = line(c.notebook, c.from); if (now) c.found = now; }
    writeFileSync(FILE, JSON.stringify(ledger, null, 1) + "\n");
  }
  const found = problems(ledger);
  console.log(found.length ? found.join("\n") : `claims: ${ledger.claims.length}, all as their notebooks print them; ${ledger.errata.length} errata`);
  process.exitCode = found.length ? 1 : 0;
}
