/** The course's own pages: its sections with what each needs, a student's progress, and the ledger of claims. Data: notebooks/course.json, data/claims.json. */
import * as fs from "node:fs";
import { ANSWERS } from "./answers";
import type { Words } from "./answers/exercise";
import { attempts, progressFile, standings, tally, type Standing } from "./attempts";
import { html, showHtml, type Html } from "./html";
import { t } from "./language";
import { courseFile } from "./place";
import { tableText } from "./table";

export interface Section {
  /** Of the notebook, without .ipynb. */
  name: string;
  title: Words;
  /** "none", "course", "SmolLM2", or several with commas. */
  model: string;
  /** On two CPU cores. */
  minutes: number;
  /** GB. */
  memory: number;
}
/** The sections in the order of the course. */
export const sections = (): Section[] => JSON.parse(fs.readFileSync(courseFile("notebooks/course.json"), "utf8")) as Section[];

/** Names of the exercises that a section asks, e.g. of "3.6.2-lora". Those of the chapter's end are "thinking/…" and "practice/…". */
export function exercisesOf(section: string): string[] {
  const own = section === "exercises" ? ["thinking", "practice"] : [section.split("-")[0]];
  return Object.keys(ANSWERS).filter((name) => own.includes(name.split("/")[0]));
}

const MODELS: Record<string, Words> = { none: { zh: "无", en: "none" }, course: { zh: "课程模型", en: "course model" }, SmolLM2: { zh: "SmolLM2-135M", en: "SmolLM2-135M" } };
const MARK: Record<Standing["verdict"] | "open", string> = { right: "✓", wrong: "✗", submitted: "✎", open: "·" };

/** One row a section: link, model, time, memory, and how its exercises stand. */
export function showContents(): void {
  const standing = standings(attempts().attempts);
  const rows = sections().filter(({ name }) => name !== "index").map(({ name, title, model, minutes, memory }) => {
    const exercises = exercisesOf(name), marks = exercises.map((e) => MARK[standing.get(e)?.verdict ?? "open"]).join(" ");
    return { name, title: t(title), model: model.split(", ").map((m) => t(MODELS[m])).join(", "), minutes, memory, marks, done: exercises.filter((e) => standing.get(e)?.verdict === "right").length, of: exercises.length };
  });
  const head = [t({ zh: "章节", en: "section" }), t({ zh: "模型", en: "model" }), t({ zh: "时间（2 核）", en: "time (2 cores)" }), t({ zh: "内存", en: "memory" }), t({ zh: "练习", en: "exercises" })];
  const legend = t({ zh: "练习：✓ 正确　✗ 还不对　✎ 已提交，由教师评判　· 还没有作答", en: "Exercises: ✓ right, ✗ not right yet, ✎ submitted (your teacher judges), · not answered yet" });
  const body = rows.map((r) => html`<tr><td><a href="${r.name}.ipynb">${r.title}</a></td><td>${r.model}</td><td>${r.minutes} min</td><td>${r.memory} GB</td><td>${r.marks} ${r.of ? html`<small>${r.done}/${r.of}</small>` : ""}</td></tr>`);
  const text = tableText(rows.map((r) => ({ [head[0]]: r.title, [head[1]]: r.model, [head[2]]: `${r.minutes} min`, [head[3]]: `${r.memory} GB`, [head[4]]: r.of ? `${r.marks} ${r.done}/${r.of}` : "" })));
  showHtml(html`<table><caption>${legend}</caption><thead><tr>${head.map((h) => html`<th scope="col">${h}</th>`)}</tr></thead><tbody>${body}</tbody></table>`, `${legend}\n${text}`);
}

/** The student's progress: how many exercises are right, submitted, wrong, open; where the record lies. */
export function showProgress(): void {
  const { attempts: list, damaged } = attempts(), standing = standings(list), all = sections().flatMap(({ name }) => exercisesOf(name));
  const { right, submitted, wrong, open } = tally(all.map((e) => standing.get(e)?.verdict));
  const words = t({ zh: `${all.length} 道练习：${right} 道正确，${submitted} 道已提交，${wrong} 道还不对，${open} 道还没有作答。`, en: `${all.length} exercises: ${right} right, ${submitted} submitted, ${wrong} not right yet, ${open} not answered yet.` });
  const part = (n: number) => `${((100 * n) / Math.max(all.length, 1)).toFixed(1)}%`;
  const bar = (n: number, colour: string): Html => html`<span style="display:inline-block;height:12px;width:${part(n)};background:${colour}"></span>`;
  const kept = list.length ? t({ zh: `记录在 ${progressFile()}（${list.length} 次作答${damaged ? `，${damaged} 行损坏` : ""}）。`, en: `Kept in ${progressFile()} (${list.length} attempts${damaged ? `, ${damaged} damaged lines` : ""}).` }) : "";
  showHtml(html`<p>${words} ${kept}</p><div role="img" aria-label="${words}" style="max-width:600px;background:#ddd;line-height:0">${bar(right, "#2a7d3f")}${bar(submitted, "#3b6fb6")}${bar(wrong, "#b3402b")}</div>`, `${words} ${kept}`);
}

export type ClaimKind = "measured" | "cited" | "qualified" | "refuted" | "undecided";
export interface Claim {
  id: string;
  /** Section of the chapter that makes it. */
  section: string;
  claim: Words;
  /** measured: holds here. qualified: holds with a condition, or in part. refuted: does not hold here. undecided: the runs cannot tell. cited: taken from a paper, not measured. */
  kind: ClaimKind;
  /** Where it is measured, and what stands there: the line of the built notebook that begins with `from`. */
  notebook?: string;
  from?: Words;
  found?: Words;
  /** Model, seeds and other conditions of the measurement; or the paper. */
  source: Words;
}
/** All claims of the chapter that the course has looked at. */
export const claims = (): Claim[] => (JSON.parse(fs.readFileSync(courseFile("data/claims.json"), "utf8")) as { claims: Claim[] }).claims;
export interface Erratum { section: string; printed: Words; right: Words; notebook?: string }
/** What the printed chapter gets wrong. */
export const errata = (): Erratum[] => (JSON.parse(fs.readFileSync(courseFile("data/claims.json"), "utf8")) as { errata: Erratum[] }).errata;

const KINDS: Record<ClaimKind, Words> = {
  measured: { zh: "实测成立", en: "holds, measured" }, qualified: { zh: "有条件地成立", en: "qualified" }, refuted: { zh: "实测不成立", en: "does not hold here" },
  undecided: { zh: "不能判定", en: "undecided" }, cited: { zh: "引用", en: "cited" },
};
const notebookLink = (name: string | undefined): Html | string => (name ? html`<a href="${name}.ipynb">${name.split("-")[0]}</a>` : "");
function wide(head: string[], rows: (Html | string)[][], text: string): void {
  showHtml(html`<table style="text-align:left"><thead><tr>${head.map((h) => html`<th scope="col" style="text-align:left">${h}</th>`)}</tr></thead><tbody>${rows.map((r) => html`<tr>${r.map((c) => html`<td style="text-align:left;vertical-align:top;max-width:420px;white-space:normal">${c}</td>`)}</tr>`)}</tbody></table>`, text);
}
/** The ledger: each claim, how it stands, what was measured, under which conditions, and where. */
export function showClaims(): void {
  const list = claims(), head = [t({ zh: "节", en: "section" }), t({ zh: "教材的说法", en: "claim" }), t({ zh: "结论", en: "standing" }), t({ zh: "依据", en: "evidence" }), t({ zh: "条件或出处", en: "conditions or source" }), t({ zh: "笔记本", en: "notebook" })];
  const cells = list.map((c) => [c.section, t(c.claim), t(KINDS[c.kind]), c.found ? t(c.found) : "", t(c.source)]);
  wide(head, cells.map((r, i) => [...r, notebookLink(list[i].notebook)]), cells.map((r) => r.filter(Boolean).join(" · ")).join("\n"));
}
/** Errata: what is printed, what is right, and the notebook that shows it. */
export function showErrata(): void {
  const list = errata(), head = [t({ zh: "节", en: "section" }), t({ zh: "印出来的", en: "printed" }), t({ zh: "应为", en: "right" }), t({ zh: "笔记本", en: "notebook" })];
  const cells = list.map((e) => [e.section, t(e.printed), t(e.right)]);
  wide(head, cells.map((r, i) => [...r, notebookLink(list[i].notebook)]), cells.map((r) => r.join(" · ")).join("\n"));
}
