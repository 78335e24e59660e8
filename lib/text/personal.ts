/** Personal and secret data in text: names, telephone numbers, e-mail and IP addresses, identity numbers, keys; and how well they are found. */
import * as net from "node:net";
import { precisionRecallF1, type ClassScores } from "../metrics/classification";
import { TunelabError } from "../errors";
import { chineseNames, englishNames } from "./names";

export type PersonalType = "PERSON" | "PHONE" | "EMAIL" | "IP" | "ID_NUMBER" | "KEY";
export interface PersonalSpan {
  /** Where it stands in the text, in UTF-16 code units; `end` is behind it. */
  start: number;
  end: number;
  type: PersonalType;
}

const FACTORS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/** Whether 18 characters are a Chinese identity number (GB 11643-1999): a date of birth that exists, and the right check character (ISO 7064, MOD 11-2). */
export function isIdentityNumber(text: string): boolean {
  const parts = /^\d{6}((?:18|19|20)\d\d)(\d\d)(\d\d)\d{3}[\dXx]$/.exec(text);
  if (!parts) return false;
  const [year, month, day] = parts.slice(1).map(Number), date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || month === 0) return false;
  return "10X98765432"[FACTORS.reduce((sum, f, i) => sum + f * Number(text[i]), 0) % 11] === text[17].toUpperCase();
}

/** Version and section numbers look like addresses; what stands before them tells. */
const VERSION = /(?:版本|版|章节|章|节|固件|升级到|v|ver|version|release|system|firmware|section|chapter|upgrade to|anything after|build)[\s为是号.:：]*$/i;
const ADDRESS = /(?:\bip|地址|address|addr|host|主机|server|服务器|src|dst|source|destination|源|目的|来自|访问|from|to|at|ping|gateway|dns)[\s为是=:：]*$/i;
function isAddress(found: string, before: string): boolean {
  if (!net.isIPv4(found) || VERSION.test(before)) return false;
  const parts = found.split(".").map(Number);
  // four small numbers are a version or a section more often than an address
  return ![10, 127, 0].includes(parts[0]) && parts.every((n) => n < 20) && new Set(parts).size > 1 ? ADDRESS.test(before) : true;
}

const mixed = (value: string): boolean => /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value);

interface Rule { type: PersonalType; pattern: RegExp; accept?: (found: string, before: string) => boolean }
/** In the order of precedence: what one rule has found is closed to the next. A pattern's group, if it has one, is the span. */
const RULES: Rule[] = [
  { type: "KEY", pattern: /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----[^]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/dg },
  { type: "KEY", pattern: /(?<![\w-])eyJ[\w-]{6,}\.eyJ[\w-]{4,}\.[\w-]*/g },
  { type: "KEY", pattern: /(?<![\w/+-])(?:(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,20}|gh[a-z]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}|sk-[\w-]{16,}|npm_\w{30,}|ya29\.[\w-]{20,})(?![\w/+-])/g },
  { type: "KEY", pattern: /(?<![\w/+=])[A-Za-z0-9/+]{40}(?![\w/+=])/g, accept: (f, before) => mixed(f) && /(?:key|secret|token|密钥|秘钥|令牌|口令)\W{0,4}$/i.test(before) },
  { type: "KEY", pattern: /(?:passw(?:or)?d|passphrase|\bpwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|密码|口令|密钥|令牌)["']?\s*(?:[=:：]|是|为)\s*["']?(?<value>[!-~]{8,})/dgi, accept: (f) => /\d/.test(f) && /[a-z]/i.test(f) },
  { type: "EMAIL", pattern: /(?<![\w.+%-])[\w.+%-]+@(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z]{2,}(?![a-z\d-])/gi },
  { type: "IP", pattern: /(?<![\w.:])[\da-f:]*:[\da-f:]*:[\da-f:.]*[\da-f:](?![\w:])/gi, accept: (f) => net.isIPv6(f) && /\d/.test(f) && !/^\d{1,2}:\d\d:\d\d$/.test(f) },
  { type: "IP", pattern: /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/g, accept: isAddress },
  { type: "ID_NUMBER", pattern: /(?<![\dA-Za-z])\d{17}[\dXx](?![\dA-Za-z])/g, accept: isIdentityNumber },
  { type: "ID_NUMBER", pattern: /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g }, // social security number of the USA
  { type: "PHONE", pattern: /(?<![\w.+-])(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?![\w-])/g },
  { type: "PHONE", pattern: /(?<![\w.+-])(?:0\d{2,3}[- ]\d{7,8}|(?:400|800)[- ]?\d{3}[- ]?\d{4})(?:-\d{1,5})?(?![\w-])/g },
  { type: "PHONE", pattern: /(?<![\w.+(-])(?:\+?1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-]|\.\d)/g },
  { type: "PHONE", pattern: /(?<![\w.+-])0\d{2,4} \d{3,4} \d{3,4}(?![\w-])/g },
  { type: "PHONE", pattern: /(?<![\w.+-])\+\d{1,3}(?:[ -]?\(?\d{1,4}\)?){2,5}(?![\w-])/g, accept: (f) => { const n = f.replace(/\D/g, "").length; return n >= 8 && n <= 15; } },
];

/** All personal data of the wanted types (default: all), in the order of the text, without overlaps. */
export function findPersonal(text: string, { types }: { types?: readonly PersonalType[] } = {}): PersonalSpan[] {
  const spans: PersonalSpan[] = [], free = (start: number, end: number) => spans.every((s) => end <= s.start || start >= s.end);
  for (const { type, pattern, accept } of RULES)
    for (const match of text.matchAll(pattern)) {
      const value = match.groups?.value, whole = value?.replace(/["',;)\]}.]+$/, "") ?? match[0], start = value === undefined ? match.index : match.indices!.groups!.value[0];
      if (free(start, start + whole.length) && (accept?.(whole, text.slice(Math.max(0, start - 24), start)) ?? true)) spans.push({ start, end: start + whole.length, type });
    }
  const names = [...chineseNames(text), ...englishNames(text)].sort((a, b) => b.end - b.start - (a.end - a.start));
  // a name that was recognised in one place is one in all other places
  for (const { start, end } of names) if (free(start, end)) spans.push({ start, end, type: "PERSON" });
  for (const name of new Set(spans.filter((s) => s.type === "PERSON").map((s) => text.slice(s.start, s.end)).filter((n) => n.length > 1)))
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length))
      if (free(at, at + name.length) && !/[A-Za-z]/.test((text[at - 1] ?? "") + (text[at + name.length] ?? ""))) spans.push({ start: at, end: at + name.length, type: "PERSON" });
  return spans.filter((s) => !types || types.includes(s.type)).sort((a, b) => a.start - b.start);
}

export interface SpanScores {
  byType: Record<string, ClassScores>;
  all: ClassScores;
}
/**
 * Found against labelled spans of several texts. "exact": start, end and type are the same. "overlap": a span of the same type that
 * shares a character counts, each gold span once: what matters for recall is that nothing is left readable, so look at both.
 */
export function scoreSpans(found: readonly (readonly PersonalSpan[])[], gold: readonly (readonly PersonalSpan[])[], { match = "exact" }: { match?: "exact" | "overlap" } = {}): SpanScores {
  if (found.length !== gold.length || gold.length === 0) throw new TunelabError(`scoreSpans: spans of ${found.length} texts against gold of ${gold.length}; give as many of each, at least one.`);
  const counts = new Map<string, { hits: number; found: number; gold: number }>();
  const of = (type: string) => counts.get(type) ?? counts.set(type, { hits: 0, found: 0, gold: 0 }).get(type)!;
  for (const [i, wanted] of gold.entries()) {
    const open = [...found[i]];
    for (const s of open) of(s.type).found++;
    for (const g of wanted) {
      of(g.type).gold++;
      const k = open.findIndex((s) => s.type === g.type && (match === "exact" ? s.start === g.start && s.end === g.end : s.start < g.end && s.end > g.start));
      if (k >= 0) { of(g.type).hits++; open.splice(k, 1); }
    }
  }
  const total = [...counts.values()].reduce((a, b) => ({ hits: a.hits + b.hits, found: a.found + b.found, gold: a.gold + b.gold }), { hits: 0, found: 0, gold: 0 });
  const score = (c: typeof total) => precisionRecallF1(c.hits, c.found, c.gold);
  return { byType: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, c]) => [type, score(c)])), all: score(total) };
}
