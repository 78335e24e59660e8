// Personal data: every kind found in what was written for it and not in what looks like it; placeholders; scores by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { anonymiser, findPersonal, isIdentityNumber, loadRecords, scoreSpans, type PersonalSpan } from "tunelab/text";
import { close, userError } from "../support/compare";

/** `[PHONE 138…]` in a text marks what should be found. */
function labelled(marked: string): { text: string; spans: PersonalSpan[] } {
  const spans: PersonalSpan[] = [];
  let text = "", rest = marked;
  for (let m; (m = /\[([A-Z_]+) ([^\]]*)\]/.exec(rest)); rest = rest.slice(m.index + m[0].length)) {
    text += rest.slice(0, m.index);
    spans.push({ start: text.length, end: text.length + m[2].length, type: m[1] as PersonalSpan["type"] });
    text += m[2];
  }
  return { text: text + rest, spans };
}
const shown = (text: string, spans: readonly PersonalSpan[]) => spans.map((s) => `${s.type} ${text.slice(s.start, s.end)}`);

const JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJl-_x", ID = "11010519491231002X"; // the standard's own example number
const CLEAR: Record<string, string[]> = {
  telephones: ["手机[PHONE 13800138000]，座机[PHONE 010-88886666-123]，热线[PHONE 400-123-4567]", "call [PHONE +86 138-0013-8000] or [PHONE (212) 555-0100] or [PHONE +1 303 555 0100] or [PHONE +49 30 1234567]", "office [PHONE 020 7946 0000]."],
  "no telephones": ["订单 20261124064712345，金额 1380013800013", "ISBN 978-7-302-12345-6, 1700000000 s, 10.15.7.1380013", "2026-11-24 06:47:12, 555-0100"],
  "e-mail": ["写信给[EMAIL a.b+c@mail.example.com.cn]，谢谢", "<[EMAIL x_y@example.org]>;[EMAIL z@a-b.io]."],
  "no e-mail": ["@everyone user@ a@b x@localhost"],
  addresses: ["src=[IP 10.0.0.1]:80 dst=[IP 203.0.113.7]/32", "[IP 2001:db8::1] 与 [IP fe80::1:2] 和 [IP ::ffff:192.0.2.1]", "访问[IP 1.2.3.4]失败"],
  "no addresses": ["版本 3.6.2.1，v10.2.3.4，300.1.1.1，1.2.3，1.2.3.4.5", "12:30:45 aa:bb:cc:dd:ee:ff std::vector a::b", "See section 3.6.2.1 of 1.1.2.3"],
  "identity numbers": [`身份证[ID_NUMBER ${ID}]，流水号440304199001010000`, "SSN [ID_NUMBER 666-12-3456]"],
  "no identity numbers": ["110105194912310021 11010519491331002X 订单11010519491231002X5 1234-12-3456"],
  keys: [`AKIA: [KEY AKIAIOSFODNN7EXAMPLE], Bearer [KEY ${JWT}]`, "aws_secret_access_key = [KEY wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY]", "[KEY -----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA=\n-----END RSA PRIVATE KEY-----] end", "[KEY ghp_abcdefghijklmnopqrstuvwxyz0123456789] [KEY sk-abcdefghijklmnop1234]", "password=[KEY Tr0ub4dor&3x]; 密码：[KEY Passw0rd!!]，再见", "[KEY -----BEGIN PRIVATE KEY-----\ncut off]"],
  "no keys": ["d41d8cd98f00b204e9800998ecf8427e 9fceb02d0ae598e95dc970b74767f19372d61af8", "token: expired, password is wrong, API_KEY=", "550e8400-e29b-41d4-a716-446655440000 AKIA sk-1"],
  "Chinese names": ["联系人：[PERSON 张伟]，经办人[PERSON 王晓燕]已登记", "[PERSON 李娜]女士您好", "由[PERSON 欧阳明远]负责", "工单由[PERSON 陈思齐]处理，[PERSON 陈思齐]已回复"],
  "no Chinese names": ["高危漏洞已修复，马上处理", "王府井和张家口都是地名", "时间安全，方法正确，任务完成", "防火墙阻断了连接，程序异常"],
  "English names": ["Contact: [PERSON Alice Johnson], please.", "Dear Ms [PERSON Okafor], thanks", "signed by [PERSON Michael O'Brien] today", "Would [PERSON Julia Stein] and [PERSON Ahmed Farouk] stay?", "[PERSON Wojciech Nowak] reported a call."],
  "no English names": ["Paris Street and Jordan Creek are places.", "The Windows Server was patched; Cross Site Scripting is old.", "Will may mark the rose in May."],
};
for (const [kind, texts] of Object.entries(CLEAR))
  test(`found exactly: ${kind}`, () => { for (const t of texts.map(labelled)) assert.deepEqual(shown(t.text, findPersonal(t.text)), shown(t.text, t.spans), t.text); });

test("text without personal data stays as it is: 450 questions with answers in each language have next to nothing in them", async () => {
  for (const [language, most] of [["zh", 12], ["en", 5]] as const) {
    const found: string[] = [];
    for (const split of ["train", "validation", "test"])
      for (const { question, answer } of await loadRecords<{ question: string; answer: string }>(`data/security-qa/${language}/${split}.jsonl`)) { const text = `${question} ${answer}`; found.push(...shown(text, findPersonal(text))); }
    assert.ok(found.length <= most, found.join(", "));
    assert.deepEqual(found.filter((f) => !f.startsWith("PERSON")), ["IP 0.0.0.0"]);
  }
});
test("data/pii, the part that the rules were not written on: all but names is found, and most names", async () => {
  for (const [language, names] of [["zh", 0.8], ["en", 0.7]] as const) {
    const texts = await loadRecords<{ text: string; spans: PersonalSpan[] }>(`data/pii/${language}/test.jsonl`), found = texts.map((t) => findPersonal(t.text)), gold = texts.map((t) => t.spans);
    const { byType } = scoreSpans(found, gold, { match: "overlap" });
    for (const [type, s] of Object.entries(byType)) type === "PERSON" ? assert.ok(s.recall >= names && s.precision >= 0.9, `${language} names: ${JSON.stringify(s)}`) : assert.ok(s.recall === 1 && s.precision >= 0.9, `${language} ${type}: ${JSON.stringify(s)}`);
    assert.ok(scoreSpans(found, gold).all.f1 >= 0.85);
  }
});
test("identity numbers: the check character decides, and the date must exist", () => {
  assert.ok(isIdentityNumber(ID) && isIdentityNumber(ID.toLowerCase()));
  for (let d = 0; d < 10; d++) assert.ok(!isIdentityNumber(ID.slice(0, 17) + d));
  // any single wrong digit is noticed
  for (let i = 0; i < 17; i++) for (let d = 0; d < 10; d++) if (Number(ID[i]) !== d) assert.ok(!isIdentityNumber(ID.slice(0, i) + d + ID.slice(i + 1)));
  for (const bad of ["110105194902300024", "11010519491231002", "x"]) assert.ok(!isIdentityNumber(bad));
});
test("only the wanted types, in the order of the text", () => {
  const text = `${ID} a@b.cn 10.0.0.1`;
  assert.deepEqual(findPersonal(text, { types: ["IP", "EMAIL"] }).map((s) => s.type), ["EMAIL", "IP"]);
});

test("placeholders are consistent within and across texts, however a value is written", () => {
  const hide = anonymiser();
  assert.equal(hide("联系人：张伟，电话13800138000，邮箱A@b.cn；张伟再拨+86 138-0013-8000").text, "联系人：<PERSON_1>，电话<PHONE_1>，邮箱<EMAIL_1>；<PERSON_1>再拨<PHONE_1>");
  assert.equal(hide("由张伟处理，抄送a@B.cn和c@d.cn，来自10.0.0.1").text, "由<PERSON_1>处理，抄送<EMAIL_1>和<EMAIL_2>，来自<IP_1>");
  assert.deepEqual([...hide.originals], [["<PERSON_1>", "张伟"], ["<PHONE_1>", "13800138000"], ["<EMAIL_1>", "A@b.cn"], ["<EMAIL_2>", "c@d.cn"], ["<IP_1>", "10.0.0.1"]]);
  assert.equal(anonymiser({ types: ["IP"] })("张伟 10.0.0.1 a@b.cn").text, "张伟 <IP_1> a@b.cn");
});
test("placeholders: one's own spans, old placeholders of other tools, spans that put the text together again", () => {
  const hide = anonymiser();
  assert.equal(hide("abcdef", [{ start: 4, end: 6, type: "KEY" }, { start: 0, end: 2, type: "PERSON" }]).text, "<PERSON_1>cd<KEY_1>");
  assert.equal(anonymiser()("<IP_3> 10.0.0.1").text, "<IP_3> <IP_4>");
  const text = "手机13800138000，来自10.0.0.1", { text: out, spans } = anonymiser()(text);
  let back = out;
  for (const s of spans) back = back.replace(s.placeholder, text.slice(s.start, s.end));
  assert.equal(back, text);
});
test("scores: exact and overlapping, by type and over all", () => {
  const gold: PersonalSpan[][] = [[{ start: 0, end: 2, type: "PERSON" }, { start: 5, end: 9, type: "IP" }], [{ start: 0, end: 3, type: "IP" }]];
  const found: PersonalSpan[][] = [[{ start: 0, end: 3, type: "PERSON" }, { start: 5, end: 9, type: "IP" }, { start: 10, end: 12, type: "IP" }], []];
  const exact = scoreSpans(found, gold), overlap = scoreSpans(found, gold, { match: "overlap" });
  close([exact.all.precision, exact.all.recall, exact.byType.IP.precision, exact.byType.IP.recall, exact.byType.PERSON.f1], [1 / 3, 1 / 3, 1 / 2, 1 / 2, 0], 1e-12);
  close([overlap.all.precision, overlap.all.recall, overlap.byType.PERSON.f1], [2 / 3, 2 / 3, 1], 1e-12);
  assert.throws(() => scoreSpans([[]], []), userError("1 texts against gold of 0"));
});
test("nothing crashes or crosses: spans lie in the text, apart, whatever comes", () => {
  for (const text of ["", "😀 张伟\ud800", "1".repeat(5000), ":".repeat(5000), "a@".repeat(3000), "张".repeat(3000), "-----BEGIN PRIVATE KEY-----".repeat(50), "1.".repeat(3000), "Aa ".repeat(2000)]) {
    let end = 0;
    for (const s of findPersonal(text)) { assert.ok(s.start >= end && s.end > s.start && s.end <= text.length); end = s.end; }
  }
});
