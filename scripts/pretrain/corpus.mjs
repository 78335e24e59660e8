// The corpus: documents of both languages, cleaned, without duplicates, balanced, and split by document. Its text stays in the cache.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleaned, languageOf, novelty } from "./clean.mjs";
import { contents, fromMo, READERS } from "./extract.mjs";
import { fetchPackages, filesBelow } from "./packages.mjs";
import { SOURCES } from "./sources.mjs";

const MESSAGES_A_DOCUMENT = 40, LONGEST = 30_000, SHORTEST = 200;
const digest = (text) => createHash("sha256").update(text).digest();

/** All paragraphs of a source as documents { id, language, package, paragraphs }. */
function documentsOf(source, folder) {
  const documents = [];
  for (const file of filesBelow(folder).filter((f) => source.files.test(`/${f}`))) {
    const bytes = contents(file, readFileSync(join(folder, file))), id = `${source.package}/${file.split("/").slice(2).join("/")}`;
    if (source.format === "mo") {
      const messages = fromMo(bytes);
      for (let i = 0; i < messages.length; i += MESSAGES_A_DOCUMENT) {
        const some = messages.slice(i, i + MESSAGES_A_DOCUMENT), group = `${id}#${i / MESSAGES_A_DOCUMENT}`;
        // Both languages of a message belong to one group, so that neither is held out without the other.
        documents.push({ id: group, language: "en", package: source.package, paragraphs: some.map(([en]) => en) });
        documents.push({ id: group, language: "zh", package: source.package, paragraphs: some.map(([, zh]) => zh), pairs: some });
      }
    } else documents.push({ id, language: source.language, package: source.package, paragraphs: READERS[source.format](bytes.toString("utf8")) });
  }
  return documents;
}

/** A document's group: chapters of one book and language go together only where they are one file. */
const heldOut = (id, percent) => digest(`held-out ${id}`).readUInt32BE(0) / 2 ** 32 < percent / 100;

/** Builds the corpus once; → { train, heldOut: [{ id, language, package, text }], pairs: [[en, zh]], manifest }. */
export function buildCorpus(cache, say, { heldOutPercent = 2 } = {}) {
  const file = join(cache, "corpus.json");
  if (existsSync(file)) return licensed(JSON.parse(readFileSync(file, "utf8")));
  const names = [...new Set(SOURCES.map((s) => s.package))], packages = fetchPackages(names, cache, say);
  const isNew = novelty(), kept = [], pairs = [];
  for (const source of SOURCES) {
    const before = kept.length;
    for (const document of documentsOf(source, packages[source.package].folder)) {
      const ok = document.paragraphs.map(cleaned).map((p) => (p && languageOf(p) === document.language && isNew(p) ? p : ""));
      const held = heldOut(document.id, heldOutPercent);
      if (!held) document.pairs?.forEach(([en, zh], i) => { if (ok[i] && en.length > 30 && en.length < 400 && languageOf(en) === "en") pairs.push([en, zh]); });
      let text = "";
      const push = () => { if (text.length >= (document.language === "zh" ? SHORTEST / 3 : SHORTEST)) kept.push({ id: document.id, language: document.language, package: document.package, share: source.share ?? 1, held, text }); text = ""; };
      for (const p of ok) { if (!p) continue; text += (text && "\n") + p; if (text.length > LONGEST) push(); }
      push();
    }
    say(`${source.package} (${source.language ?? "en, zh"}): ${kept.length - before} documents`);
  }
  const corpus = balanced(kept, packages);
  corpus.pairs = pairs;
  mkdirSync(cache, { recursive: true });
  writeFileSync(file, JSON.stringify(corpus));
  return licensed(corpus);
}

/** The licence stands with the sources, not in the cache. */
function licensed(corpus) {
  for (const p of corpus.manifest.packages) p.licence = SOURCES.find((s) => s.package === p.package).licence;
  return corpus;
}

/** Caps packages at their share, and the larger language at the size of the smaller (Chinese counts 3 bytes a character, and says more with it). */
function balanced(documents, packages) {
  const inOrder = [...documents].sort((a, b) => digest(a.id + a.text.slice(0, 50)).compare(digest(b.id + b.text.slice(0, 50))));
  const bytes = (d) => Buffer.byteLength(d.text), sum = (list) => list.reduce((n, d) => n + bytes(d), 0);
  const capped = (list) => {
    const total = sum(list), used = {};
    return list.filter((d) => { const u = used[d.package] ?? 0; if (u > d.share * total) return false; used[d.package] = u + bytes(d); return true; });
  };
  const sides = { zh: capped(inOrder.filter((d) => d.language === "zh")), en: capped(inOrder.filter((d) => d.language === "en")) };
  const most = { zh: Infinity, en: 0.9 * sum(sides.zh) };
  for (const language of ["zh", "en"]) {
    let used = 0;
    sides[language] = sides[language].filter((d) => (used += bytes(d)) <= most[language]);
  }
  const all = [...sides.zh, ...sides.en].map(({ share: _, ...d }) => d), train = all.filter((d) => !d.held), heldOut = all.filter((d) => d.held);
  const row = (source) => {
    const of = (list, language) => list.filter((d) => d.package === source && d.language === language);
    const size = (list) => ({ documents: list.length, bytes: sum(list) });
    return { package: source, version: packages[source].version, sha256: packages[source].sha256, zh: size(of(train, "zh")), en: size(of(train, "en")), heldOut: { zh: size(of(heldOut, "zh")), en: size(of(heldOut, "en")) } };
  };
  const names = [...new Set(SOURCES.map((s) => s.package))];
  const total = (list) => ({ zh: sum(list.filter((d) => d.language === "zh")), en: sum(list.filter((d) => d.language === "en")) });
  const sha256 = createHash("sha256").update(all.map((d) => d.text).join("\0")).digest("hex");
  return { train, heldOut, manifest: { distribution: "Debian 12 (bookworm), main", bytes: { train: total(train), heldOut: total(heldOut) }, sha256, packages: names.map(row) } };
}
