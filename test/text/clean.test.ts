// Cleaning: each step on what it is for and on what it must leave alone, the pipeline's report, and diffs that add up.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as text from "tunelab/text";
import { Random } from "tunelab/tensor";
import { userError } from "../support/compare";

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const GBK = latin1(Uint8Array.of(0xcd, 0xf8, 0xc2, 0xe7, 0xb0, 0xb2, 0xc8, 0xab, 0x84, 0x59)); // 网络安全刌: the last byte is an ASCII letter
const CASES: [step: (t: string) => string, name: string, ...cases: [before: string, after: string][]][] = [
  [text.repairMojibake, "repairMojibake",
    [latin1(Buffer.from("数据备份，三份副本。")), "数据备份，三份副本。"], ["cafÃ© isnâ€™t safe â€“ really", "café isn’t safe – really"], [`<p>${GBK}</p>`, `<p>${GBK}</p>`.replace(GBK, "网络安全刌")],
    ["naïve café, Ünïcödé Ångström déjà vu", "naïve café, Ünïcödé Ångström déjà vu"], ["“quoted” – €5…", "“quoted” – €5…"], ["网络 é 安全", "网络 é 安全"], ["锟斤拷 \ufffd", "锟斤拷 \ufffd"]],
  [(t) => text.stripHtml(t), "stripHtml",
    ["<p>Hello <b>bold</b> world</p><p>two</p>", "Hello bold world\ntwo\n"], ["a<br/>b<br>c", "a\nb\nc"],
    ["<div onclick='x()'>1<script>alert('<p>no</p>')</script><style>p{}</style>2</div>", "12\n"], ["<!-- gone -->kept<!-- a > b -->", "kept"],
    ["if a < b and 5 > 3, x<-y", "if a < b and 5 > 3, x<-y"], ["src <10.0.0.1> port", "src <10.0.0.1> port"], ["<P CLASS=x>上<i>传</i>", "上传\n"],
    ["<a href=\"http://x.y/?a=1&b=2\">link</a>", "link"], ["&lt;b&gt; stays &amp;", "&lt;b&gt; stays &amp;"], ["<div>a<span style='display: none'>no<br><b>no</b></span><p hidden>no</p>b</div>", "a\nb\n"], ["<x><![CDATA[<p>inner</p>]]></x>", "<p>inner</p>"], ["unclosed <b>bold <i", "unclosed bold "], ["<scr<script>x</script>ipt>y", "xipt>y"]],
  [(t) => text.stripHtml(t, { main: true }), "stripHtml main",
    ["<nav>Home</nav><div class='main-content'><p>kept</p></div><div class=\"nav\"><a>x</a><br><p>y</p></div><p>too</p><div id=page-footer>(c)</div>", "kept\ntoo\n"], ["<p class='shared navy adsorbed'>kept</p>", "kept\n"], ["<body class='nav'><p>kept</p></body>", "kept\n"]],
  [text.decodeEntities, "decodeEntities", ["&lt;b&gt; &amp;lt; &quot;x&#39; &#20013;&#x6587; &nbsp;&hellip;", "<b> &lt; \"x' 中文 \u00a0…"], ["a < b & c <p>", "a < b & c <p>"], ["AT&T &unknown; &#xD800;", "AT&T &unknown; \ufffd"]],
  [text.replaceUrls, "replaceUrls",
    ["see http://a.b/c?d=e&f=g#h, then", "see , then"], ["访问https://a.com/b查看", "访问查看"], ["详见http://a.cn/x。谢谢", "详见。谢谢"], ["(www.a.com/x_(y))", "()"], ["(https://a.com/b).", "()."], ["hxxp://evil[.]com/x", ""],
    ["HTTPS://A.COM", ""], ["ratio 3://x, C:\\dir, a.com stays", "ratio 3://x, C:\\dir, a.com stays"], ["ftp://f.org/a;b!", "!"]],
  [text.replaceEmails, "replaceEmails", ["write to a.b+c@d-e.com.cn, please", "write to , please"], ["邮箱zhang@例.com、li@qq.com。", "邮箱zhang@例.com、。"], ["user@host @name a@b", "user@host @name a@b"]],
  [text.removeControls, "removeControls", ["\x1b[31mred\x1b[0m\x07 a\tb\nc\0", "red a\tb\nc"], ["a\u200bb\u00adc\u202ed\u2066e\ufefff\ue000g\ufffdh\ud800i", "abcdefghi"], ["👨‍👩‍👧 नि", "👨‍👩‍👧 नि"], ["\x1b]0;title\x07text", "text"]],
  [text.removeSymbols, "removeSymbols", ["★高危★ ⚠️告警🔥🔥 👨‍👩‍👧!", "高危 告警 !"], ["© 2024 #1 * → ≤ ± € 5%", "© 2024 #1 * → ≤ ± € 5%"], ["🇨🇳中国■□◆", "中国"]],
  [text.toHalfWidth, "toHalfWidth", ["ＳＱＬ　１２３，（注入）！", "SQL 123，（注入）！"]],
  [(t) => text.toHalfWidth(t, { punctuation: true }), "toHalfWidth with punctuation", ["Ａ，（１）。", "A,(1)。"]],
  [text.toFullWidthPunctuation, "toFullWidthPunctuation", ["你好,世界!a,b 1.5 完.", "你好，世界！a,b 1.5 完。"], ["文件.txt 版本:1", "文件.txt 版本：1"]],
  [text.normalizeUnicode, "normalizeUnicode", ["ﬁle ①㎏ Ａ…，（x）：", "file 1kg A...，（x）："], ["e\u0301", "é"], ["ｶﾞ", "ガ"]],
  [(t) => text.normalizeUnicode(t, "NFC"), "normalizeUnicode NFC", ["e\u0301 ﬁ①", "é ﬁ①"]],
  [text.squeezeRepeats, "squeezeRepeats", ["危险！！！！ what???? ......", "危险！ what? ..."], ["啊啊啊啊啊啊啊 aaaaaaaaa 1000000 10.0.0.0", "啊啊啊 aaa 1000000 10.0.0.0"], ["a -- b", "a -- b"]],
  [text.normalizeSpace, "normalizeSpace", [" a \t b\u00a0\u3000c \r\n\r\n\r\n\n d\u2028e ", "a b c\n\nd\ne"]],
];
for (const [step, name, ...cases] of CASES)
  test(name, () => { for (const [before, after] of cases) { assert.equal(step(before), after, before); if (name !== "decodeEntities" && !before.includes("CDATA")) assert.equal(step(after), after, `once is enough: ${after}`); } });

test("replacements are the caller's", () => {
  assert.equal(text.replaceUrls("a http://b.c.", "<URL>"), "a <URL>.");
  assert.equal(text.replaceEmails("a b@c.de.", "$&"), "a $&.");
});

const PAGE = "<html><head><title>t</title>Ã©<script>x</script></head><body><p>&#39640;危漏洞ＣＶＥ！！！！</p>\n\n\n<p>con\u200btact:&nbsp;soc@corp.cn http://corp.cn/a ⚠️</p></body></html>";
test("clean runs all steps and lists those that changed something, each from where the last ended", () => {
  const { text: out, changes } = text.clean(PAGE);
  assert.equal(out, "高危漏洞CVE！\n\ncontact:");
  assert.deepEqual(changes.map((c) => c.step), Object.keys(text.CLEANING));
  assert.equal(changes[0].before, PAGE);
  changes.slice(1).forEach((c, i) => assert.equal(c.before, changes[i].after));
  assert.equal(changes.at(-1)!.after, out);
  assert.deepEqual(text.clean("plain"), { text: "plain", changes: [] });
});
test("clean takes steps by name or one's own, and refuses unknown names", () => {
  assert.equal(text.clean("<b>A</b>  ", ["space"]).text, "<b>A</b>");
  assert.equal(text.clean("<b>A</b>", { html: text.stripHtml, lower: (t) => t.toLowerCase() }).text, "a");
  for (const name of ["spaces", "constructor"]) assert.throws(() => text.clean("a", [name]), userError(name, "html, entities, urls"));
});
test("cleanAll adds up, in characters as a reader counts them", () => {
  const r = text.cleanAll(["𠮷<br>", "🔥", "plain"], ["html", "symbols", "space"]);
  assert.deepEqual(r.texts, ["𠮷", "", "plain"]);
  assert.deepEqual(r.empty, [1]);
  assert.deepEqual(r.steps, [{ step: "html", changed: 1, charactersBefore: 11, charactersAfter: 8 }, { step: "symbols", changed: 1, charactersBefore: 8, charactersAfter: 7 }, { step: "space", changed: 1, charactersBefore: 7, charactersAfter: 6 }]);
});
test("no step throws, loses order or takes long, whatever comes", () => {
  const random = new Random(3, "fuzz"), alphabet = [..."<>&;/!-\"'ab1. \n\t@:高，！！\u0000\u200b\ud800\udc00\ufeff", "<script>", "</p>", "&lt;", "http://", "a@b.cn", "🔥", "&#x"];
  for (let i = 0; i < 300; i++) {
    const t = Array.from({ length: random.integer(60) }, () => alphabet[random.integer(alphabet.length)]).join("");
    const { text: out } = text.clean(t);
    assert.equal(typeof out, "string");
    assert.equal(out, out.trim());
  }
});
test("no step is quadratic: a million characters of anything", { timeout: 120_000 }, () => {
  for (const [piece, n] of [["<", 1e6], ["a@", 5e5], ["a.", 5e5], ["&", 1e6], [" ", 1e6], ["!", 1e6], ["🔥", 5e5], ["\n ", 5e5], ["ab", 5e5]] as const) text.clean(piece.repeat(n));
  for (const piece of ["(", ")", ".", ")."]) text.clean(`http://${piece.repeat(5e5)}`);
});

test("a diff's pieces give both texts back, and name what changed", () => {
  assert.deepEqual(text.textDiff("the <b>old</b> rule 网络安全", "the old rules 网安全"), [
    { kind: "same", text: "the " }, { kind: "removed", text: "<b>" }, { kind: "same", text: "old" }, { kind: "removed", text: "</b>" }, { kind: "same", text: " " },
    { kind: "removed", text: "rule" }, { kind: "added", text: "rules" }, { kind: "same", text: " 网" }, { kind: "removed", text: "络" }, { kind: "same", text: "安全" }]);
  const random = new Random(4, "diff"), words = ["a", "b", " ", "网", "络", "。", "\n", "é1"];
  for (let i = 0; i < 200; i++) {
    const [x, y] = [0, 1].map(() => Array.from({ length: random.integer(25) }, () => words[random.integer(words.length)]).join(""));
    const d = text.textDiff(x, y), without = (kind: string) => d.filter((p) => p.kind !== kind).map((p) => p.text).join("");
    assert.equal(without("added"), x);
    assert.equal(without("removed"), y);
  }
  const long = text.textDiff("a ".repeat(4000) + "x", "b ".repeat(4000) + "x");
  assert.deepEqual(long.map((p) => p.kind), ["removed", "added", "same"].slice(0, long.length));
});
