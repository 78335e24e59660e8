// What happens to an alert on its way to the analyst: log headers, ticket trailers, typing mistakes, truncation, capitals,
// repeated fields, full-width characters. Nothing here depends on the label.
import { BANKS } from "./banks.mjs";

const HEADERS = [
  (r) => `<${r.int(110, 190)}>${r.pick(["Jan", "Mar", "May", "Jul", "Sep", "Nov"])} ${r.int(10, 28)} ${BANKS.time(r)} ${BANKS.host(r)} `,
  (r) => `${BANKS.date(r)}T${String(r.int(0, 23)).padStart(2, "0")}:${r.int(10, 59)}:${r.int(10, 59)}Z ${BANKS.host(r)} `,
  (r) => `[${BANKS.prod(r)}] sev=${r.int(1, 10)} `, (r) => `${BANKS.prod(r)}|${r.int(1, 9)}.${r.int(0, 9)}|${BANKS.rule(r)}|${r.int(1, 10)}| `,
  (r) => `#${BANKS.rule(r)} ${BANKS.time(r)} `, (r) => `ts=${r.int(1767225600, 1798761600)} `,
];
const WORDED_HEADERS = {
  en: [() => "ALERT: ", (r) => `[${r.pick(["P1", "P2", "P3", "P4"])}] `, () => "FW: ", (r) => `Ticket ${BANKS.rule(r)}: `, (r) => `${BANKS.user(r)} wrote: `],
  zh: [() => "【告警】", (r) => `【${r.pick(["高", "中", "低"])}】`, () => "转发：", (r) => `工单 ${BANKS.rule(r)}：`, (r) => `${BANKS.user(r)} 记录：`],
};
const TRAILERS = {
  en: [(r) => ` | status=${r.pick(["new", "open", "assigned"])} owner=${BANKS.user(r)}`, (r) => ` (seen ${r.int(2, 40)}x)`, (r) => ` -- see ${BANKS.rule(r)}`, () => " Please check.",
    (r) => ` host_owner=${BANKS.user(r)} site=${r.pick(["HZ", "SH", "LYO", "BRE"])}`],
  zh: [(r) => ` | status=${r.pick(["新建", "处理中", "已分派"])} owner=${BANKS.user(r)}`, (r) => `（重复 ${r.int(2, 40)} 次）`, (r) => ` ——参见 ${BANKS.rule(r)}`, () => " 请核查。",
    (r) => ` 责任人=${BANKS.user(r)} 站点=${r.pick(["杭州", "上海", "成都", "里昂"])}`],
};
/** Usual slips of Chinese input methods: the same sound, another character. */
const HOMOPHONES = { 登录: "登陆", 账户: "帐户", 口令: "口另", 端口: "端囗", 请求: "请球", 来源: "来原", 发现: "发线", 记录: "纪录", 连接: "链接", 用户: "用沪", 邮件: "油件", 数据: "数剧", 文件: "文见", 测试: "侧试" };

function typo(text, language, r) {
  if (language === "zh") {
    const possible = Object.keys(HOMOPHONES).filter((word) => text.includes(word));
    if (possible.length) { const word = r.pick(possible); return text.replace(word, HOMOPHONES[word]); }
  }
  const places = [...text.matchAll(/[a-z]{5,}/g)];
  if (!places.length) return text;
  const place = r.pick(places), at = place.index + r.int(1, place[0].length - 3), [a, b] = [text[at], text[at + 1]];
  return text.slice(0, at) + r.pick([b + a, a, a + a + b]) + text.slice(at + 2);
}
const fullWidth = (text) => text.replace(/[0-9A-Za-z:=]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0));
function repeatedField(text) {
  const field = /\b\w+=[\w.-]+/.exec(text);
  return field ? `${text} ${field[0]}` : text;
}
/** Cut as a fixed-length field or a short message would cut it; never inside a character. */
function cut(text, r) {
  const characters = [...text], keep = Math.max(40, Math.floor(characters.length * (0.62 + 0.3 * r.next())));
  return keep >= characters.length ? text : characters.slice(0, keep).join("").trimEnd() + r.pick(["…", "...", "", " [truncated]"]);
}

/** `text` after its way through the tools; `mayCut` is false where the last words decide the label. */
export function noisy(text, language, r, mayCut) {
  let out = text;
  if (r.next() < 0.15) out = typo(out, language, r);
  if (r.next() < 0.15) out += r.pick(TRAILERS[language])(r);
  if (r.next() < 0.05) out = repeatedField(out);
  if (mayCut && r.next() < 0.14) out = cut(out, r);
  if (r.next() < 0.05) out = r.pick([(t) => t.toUpperCase(), (t) => t.toLowerCase()])(out);
  if (language === "zh" && r.next() < 0.08) out = fullWidth(out);
  if (r.next() < 0.04) out = out.replace(/ /g, r.pick(["  ", "\t"]));
  if (r.next() < 0.4) out = r.pick(r.next() < 0.7 ? HEADERS : WORDED_HEADERS[language])(r) + out;
  return out.trim();
}
