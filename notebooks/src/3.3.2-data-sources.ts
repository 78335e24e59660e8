// Section 3.3.2 of the course: data cards, licences, domains, leaks, anonymisation, annotation; measured on the project's own data sets.
// Build both languages with: npm run notebooks -- 3.3.2-data-sources
// %% [markdown] lang="zh"
// # 3.3.2 数据的来源与收集：这份数据能用吗？
//
// 拿到一份数据，先问四个问题：它是什么、有没有被改过？许可证允许做什么？里面有没有个人信息？标签可信吗？
// 本节逐个回答，而且每个回答都由程序算出来：核对数据卡，检查许可证，测量领域差异和泄漏，给自动匿名化打分，计算标注员之间的一致性。
//
// 需要的资源：不到 1 GB 内存；2 核 CPU 上约 1 分钟；不用任何语言模型。
// %% [markdown] lang="en"
// # 3.3.2 Sources and collection of data: may I use this?
//
// Before using a data set, ask four questions. What is it, and has it been changed? What does its licence allow? Does it hold personal data? Can its labels be trusted?
// Here each question is answered by a program: we hold data against their cards, check licences, measure differences of domain and leaks, score automatic anonymisation, and compute how far annotators agree.
//
// It needs less than 1 GB of memory and, on 2 CPU cores, about 1 minute; no language model is used.
// %%
import * as tl from "tunelab";
import * as fs from "fs";
import { courseFile, budget, table, show, lineChart, barChart, heatmap, t } from "tunelab";

const folders = fs.readdirSync(courseFile("data")).filter((name) => fs.existsSync(`${courseFile("data")}/${name}/card.json`));
const sets: tl.DataSummary[] = [];
for (const name of folders) sets.push(await tl.verifyData(courseFile(`data/${name}`)));
table(sets.map(({ card, records, bytes }) => ({
  [t({ zh: "数据集", en: "data set" })]: card.name, [t({ zh: "记录", en: "records" })]: records, KB: Math.round(bytes / 1000), [t({ zh: "语言", en: "languages" })]: card.languages.join(", "), [t({ zh: "许可证", en: "licence" })]: card.licence,
})), t({ zh: "课程的数据集，全部与数据卡相符", en: "The course's data sets, all as their cards say" }));
// %%
await show(barChart({
  title: t({ zh: "课程数据集的规模", en: "Size of the course's data sets" }), x: { title: t({ zh: "数据集", en: "data set" }) }, y: { title: t({ zh: "记录数", en: "records" }) }, horizontal: true,
  series: [{ name: "records", x: sets.map((s) => s.card.name), y: sets.map((s) => s.records) }], alt: sets.map((s) => `${s.card.name}: ${s.records}`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 1. 公开数据
//
// Hugging Face、ModelScope、Kaggle、Google Dataset Search 上有成千上万个数据集：情感分析有 SST-2、IMDB，命名实体识别有 CoNLL-2003、OntoNotes，入侵检测有 CIC-IDS2017。省时省力，但要先检查。
//
// ### 1.1 数据卡：它是什么，有没有被改过
//
// 数据卡写明名称、说明、许可证、来源、语言、字段，以及每个文件的记录数和 SHA-256 校验和。上面的 `tl.verifyData` 已经逐一核对。现在复制一份 `annotation`，偷偷改掉一条记录，看核对会怎么说；再看一张写错的卡片。
// %% [markdown] lang="en"
// ## 1. Public data
//
// Hugging Face, ModelScope, Kaggle and Google Dataset Search offer thousands of data sets: SST-2 and IMDB for sentiment, CoNLL-2003 and OntoNotes for named entities, CIC-IDS2017 for intrusions. They save time, but look before you use them.
//
// ### 1.1 The card: what it is, and whether it was changed
//
// A card states name, description, licence, source, languages, fields, and for each file the number of records and the SHA-256 checksum. `tl.verifyData` above has checked them all. Now we copy `annotation`, secretly change one record, and see what the check says; then a card with mistakes.
// %%
const copy = `${courseFile(".")}/runs/tampered`;
fs.rmSync(copy, { recursive: true, force: true });
fs.cpSync(courseFile("data/annotation"), copy, { recursive: true });
fs.writeFileSync(`${copy}/items.jsonl`, fs.readFileSync(`${copy}/items.jsonl`, "utf8").replace('"gold":"incident"', '"gold":"suspicious"'));
try { await tl.verifyData(copy); } catch (error) { console.log((error as Error).message.split("\n").slice(1).join("\n").trim()); }
fs.rmSync(copy, { recursive: true });
for (const mistake of tl.cardMistakes({ name: "alerts", description: " ", source: "web", languages: ["Chinese"], fields: {}, splits: { "../train.jsonl": { records: 0, sha256: "abc" } } })) console.log("•", mistake);
// %% [markdown] lang="zh"
// ### 1.2 许可证：允许做什么
//
// 数据有版权。四个问题：能否商用？能否修改？要不要署名？派生的数据要不要用同样的许可证（相同方式共享）？混合几份数据时，最严的条件对整体生效；两种不同的“相同方式共享”许可证通常互相冲突。下表帮助记忆，不是法律意见。
// %% [markdown] lang="en"
// ### 1.2 The licence: what is allowed
//
// Data has copyright. Four questions: commercial use? changes? attribution? must derived data carry the same licence (share alike)? In a mixture the strictest condition holds for the whole; two different share-alike licences usually contradict each other. The table helps to remember; it is no legal advice.
// %%
const yes = (x: boolean) => (x ? "✓" : "✗");
const termColumns = ({ commercial, changes, attribution, shareAlike }: tl.LicenceTerms) => ({
  [t({ zh: "可商用", en: "commercial" })]: yes(commercial), [t({ zh: "可修改", en: "changes" })]: yes(changes), [t({ zh: "须署名", en: "attribution" })]: yes(attribution), [t({ zh: "相同方式共享", en: "share alike" })]: yes(shareAlike),
});
table(["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "ODbL-1.0", "Apache-2.0"].map((licence) => ({ [t({ zh: "许可证", en: "licence" })]: licence, ...termColumns(tl.licenceTerms(licence)!) })));
const mixtures = [sets.map((s) => s.card.licence), ["CC-BY-4.0", "CC-BY-NC-4.0"], ["CC-BY-4.0", "CC-BY-SA-4.0"], ["CC-BY-SA-4.0", "ODbL-1.0"], ["CC-BY-4.0", "Custom-1.0"]];
table(mixtures.map((licences) => { const { terms, unknown, conflict } = tl.combinedTerms(licences); return { [t({ zh: "混合", en: "mixture" })]: [...new Set(licences)].join(" + "), ...(unknown.length ? {} : termColumns(terms)), [t({ zh: "问题", en: "problem" })]: conflict.length ? t({ zh: `冲突：${conflict.join("、")}`, en: `conflict: ${conflict.join(", ")}` }) : unknown.length ? t({ zh: `请阅读：${unknown.join("、")}`, en: `read it: ${unknown.join(", ")}` }) : "" }; }));
// %% [markdown] lang="zh"
// 真实语料的许可证远没有这么整齐。课程模型的预训练语料来自 Debian 的文档包，下面按许可证统计。表里没有的许可证，程序无法替你读。
// %% [markdown] lang="en"
// Licences of real corpora are less tidy. The course model was pre-trained on documentation packages of Debian; below is its text by licence. What is not in the table, no program reads for you.
// %%
type Source = { package: string; licence: string; zh: { bytes: number }; en: { bytes: number } };
const corpusPackages = (JSON.parse(fs.readFileSync(courseFile("data/course-model/corpus.json"), "utf8")) as { packages: Source[] }).packages;
const licencesFound = [...new Set(corpusPackages.map((p) => p.licence))].map((licence) => ({ licence, megabytes: corpusPackages.filter((p) => p.licence === licence).reduce((n, p) => n + (p.zh.bytes + p.en.bytes) / 1e6, 0) })).sort((a, b) => b.megabytes - a.megabytes);
table(licencesFound.map(({ licence, megabytes }) => ({ [t({ zh: "许可证", en: "licence" })]: licence, MB: megabytes, [t({ zh: "在表中", en: "in the table" })]: yes(tl.licenceTerms(licence) !== undefined) })));
const knownShare = licencesFound.filter((l) => tl.licenceTerms(l.licence)).reduce((n, l) => n + l.megabytes, 0) / licencesFound.reduce((n, l) => n + l.megabytes, 0);
console.log(t({ zh: `按字节计，${(100 * knownShare).toFixed(0)} % 的文本的许可证在表中，其余要由人来读`, en: `by bytes, the licence of ${(100 * knownShare).toFixed(0)} % of the text is in the table; the rest must be read by a person` }));
// %% [markdown] lang="zh"
// ### 1.3 适用性：领域有多远
//
// 数据要与任务“格式和分布相似”。怎么量？比较两份文本的词频分布 $p$、$q$ 的 Jensen-Shannon 散度（比特，0 为相同，1 为没有共同的词），其中 $m=(p+q)/2$：
//
// $$\mathrm{JS}=\tfrac12\sum_w p_w\log_2\frac{p_w}{m_w}+\tfrac12\sum_w q_w\log_2\frac{q_w}{m_w}$$
//
// 每份数据取同样多的词，否则小数据看起来总是更远；对角线是同一份数据的两半，它就是“相同”的样子。
// %% [markdown] lang="en"
// ### 1.3 Does it fit: how far is the domain
//
// "Format and distribution should resemble the application." How to measure it? By the Jensen-Shannon divergence of the word frequencies $p$ and $q$ of two texts (in bits: 0 the same, 1 no word in common), with $m=(p+q)/2$:
//
// $$\mathrm{JS}=\tfrac12\sum_w p_w\log_2\frac{p_w}{m_w}+\tfrac12\sum_w q_w\log_2\frac{q_w}{m_w}$$
//
// We take as many words of each, or small sets would always look further away; the diagonal compares two halves of one set: that is what "the same" looks like.
// %%
const cutWords = { zh: tl.mixedSegmenter(tl.jiebaSegmenter()), en: (text: string) => text.match(/[\p{L}\p{N}_]+/gu) ?? [] };
const wordsIn = (language: "zh" | "en", text: string) => cutWords[language](text).map((w) => w.toLowerCase()).filter((w) => /\p{L}/u.test(w));
function divergence(a: string[], b: string[]): number {
  const share = (list: string[]) => { const out = new Map<string, number>(); for (const w of list) out.set(w, (out.get(w) ?? 0) + 1 / list.length); return out; };
  const p = share(a), q = share(b), half = (x: Map<string, number>, y: Map<string, number>) => [...x].reduce((sum, [w, f]) => sum + (f / 2) * Math.log2(f / ((f + (y.get(w) ?? 0)) / 2)), 0);
  return half(p, q) + half(q, p);
}
const textFiles: [string, string, (r: any) => string][] = [["general", "general/zh/train", (r) => r.text], ["security-qa", "security-qa/zh/train", (r) => r.question + r.answer], ["preferences", "preferences/zh/train", (r) => r.prompt + r.chosen], ["alerts", "security-alerts/zh/train", (r) => r.text], ["alerts, hard", "security-alerts/zh/hard", (r) => r.text]];
const shuffledWords: string[][] = [];
for (const [, file, textOf] of textFiles) shuffledWords.push(new tl.Random(1, "domains").shuffle(await tl.loadRecords<any>(courseFile(`data/${file}.jsonl`))).flatMap((r) => wordsIn("zh", textOf(r))).slice(0, 4000));
const distances = shuffledWords.map((a, i) => shuffledWords.map((b, j) => divergence(a.slice(0, 2000), i === j ? b.slice(2000) : b.slice(0, 2000))));
// %%
const fileNames = textFiles.map(([name]) => name);
await show(heatmap({
  title: t({ zh: "数据集之间的词频差异（中文，2000 个词）", en: "Divergence of word frequencies (Chinese, 2000 words)" }), x: { title: t({ zh: "数据集", en: "data set" }) }, y: { title: t({ zh: "数据集", en: "data set" }) },
  xs: fileNames, ys: [...fileNames].reverse(), z: [...distances].reverse(), zTitle: "JS", alt: distances.flatMap((row, i) => row.slice(0, i + 1).map((d, j) => `${fileNames[i]} – ${fileNames[j]}: ${d.toFixed(2)}`)).join("; "),
}));
const toAlerts = distances[3].map((d, i) => ({ name: fileNames[i], d })).filter((x) => x.name !== "alerts").sort((a, b) => a.d - b.d);
console.log(t({ zh: `离告警最近的是 ${toAlerts[0].name}，最远的是 ${toAlerts.at(-1)!.name}`, en: `nearest to the alerts is ${toAlerts[0].name}, furthest ${toAlerts.at(-1)!.name}` }));
// %% [markdown] lang="zh"
// 书上说：公开数据与应用场景“不完全匹配，导致表现不达预期”。检验：朴素贝叶斯在训练告警上训练，`test` 与训练集出自同样的模板，`hard` 换了说法。
// 书上的补救办法有三条：去除噪声、合并数据、数据增强。第一条和第三条在 3.3.3 里测量；这里检验合并：训练集加上半个 `hard`，在另一半上测试，随机分半 10 次。
// %% [markdown] lang="en"
// The book says that public data may "not match the application, so that results disappoint". The test: naive Bayes is trained on the training alerts; `test` comes from the same templates, `hard` is worded differently.
// The book names three remedies: removing noise, merging data, augmentation. The first and the third are measured in 3.3.3; here is a test of merging: the training set plus half of `hard`, tested on the other half, for 10 random halves.
// %%
type Item = { words: string[]; label: string; text: string };
const judge = ({ low, high }: { low: number; high: number }, words: { more: string; less: string; open: string }) => (low > 0 ? words.more : high < 0 ? words.less : words.open);
const betterWorse = { more: t({ zh: "更高", en: "higher" }), less: t({ zh: "更低", en: "lower" }), open: t({ zh: "看不出差别", en: "no difference seen" }) };
const around = ({ mean, error }: tl.Interval) => ({ low: mean - error, high: mean + error });
const readAlerts = async (language: "zh" | "en", split: string): Promise<Item[]> => (await tl.loadRecords<{ text: string; label: string }>(courseFile(`data/security-alerts/${language}/${split}.jsonl`))).map((r) => ({ ...r, words: wordsIn(language, r.text) }));
const alerts = { zh: { train: await readAlerts("zh", "train"), test: await readAlerts("zh", "test"), hard: await readAlerts("zh", "hard") }, en: { train: await readAlerts("en", "train"), test: await readAlerts("en", "test"), hard: await readAlerts("en", "hard") } };
const hits = (train: Item[], test: Item[]) => { const nb = tl.naiveBayes(train.map((r) => r.words), train.map((r) => r.label)); return test.map((r) => Number(nb.classify(r.words) === r.label)); };
const domain = (["zh", "en"] as const).map((l) => {
  const { train, test, hard } = alerts[l], tagged = [...hits(train, test).map((hit) => ({ hit, from: "test" })), ...hits(train, hard).map((hit) => ({ hit, from: "hard" }))];
  const share = (items: typeof tagged, from: string) => tl.mean(items.filter((x) => x.from === from).map((x) => x.hit));
  const drop = tl.bootstrapInterval(tagged, (items) => share(items, "hard") - share(items, "test"), { samples: 500 });
  const merged = tl.interval(Array.from({ length: budget(10, 4) }, (_, seed) => { const mixed = new tl.Random(seed, "halves").shuffle(hard), half = mixed.length / 2; return tl.mean(hits([...train, ...mixed.slice(half)], mixed.slice(0, half))) - tl.mean(hits(train, mixed.slice(0, half))); }));
  return { language: l, test: share(tagged, "test"), hard: share(tagged, "hard"), drop, merged };
});
const gap = ({ estimate, low, high }: tl.BootstrapInterval) => `${estimate.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
table(domain.map(({ language, test, hard, drop, merged }) => ({
  [t({ zh: "语言", en: "language" })]: language, test, hard, "hard − test": gap(drop), [t({ zh: "结论", en: "verdict" })]: judge(drop, betterWorse), [t({ zh: "合并半个 hard 之后", en: "with half of hard merged" })]: `${merged.mean >= 0 ? "+" : ""}${merged.mean.toFixed(3)} ± ${merged.error.toFixed(3)}`, [t({ zh: "合并的结论", en: "verdict on merging" })]: judge(around(merged), betterWorse),
})));
// %% [markdown] lang="zh"
// ### 1.4 合并的陷阱：泄漏
//
// 从网上合并来的数据充满近似重复。随机切分会把同一条的两个版本分到训练集和测试集，于是测试分数虚高。`tl.stratifiedSplit` 让近似重复（字符四元组 Jaccard ≥ 0.5）留在同一边。同样的告警，两种切分，5 个种子：
// %% [markdown] lang="en"
// ### 1.4 A trap in merging: leaks
//
// Data merged from the web is full of near duplicates. A random split puts one version into training and the other into the test, and the score is too good. `tl.stratifiedSplit` keeps near duplicates (Jaccard ≥ 0.5 over runs of four characters) on one side. The same alerts, two ways to split, 5 seeds:
// %%
const leaks: { language: string; random: number[]; apart: number[] }[] = [];
for (const language of ["zh", "en"] as const) {
  const all = [...alerts[language].train, ...alerts[language].test], random: number[] = [], apart: number[] = [], bar = tl.progress(5, language);
  for (let seed = 1; seed <= budget(5, 2); seed++) {
    const { splits } = tl.stratifiedSplit(all, { text: (r) => r.text, label: (r) => r.label, fractions: { train: 0.8, test: 0.2 }, threshold: 0.5, seed });
    const mixed = new tl.Random(seed, "random split").shuffle(all), n = splits.train.length;
    apart.push(tl.mean(hits(splits.train, splits.test)));
    random.push(tl.mean(hits(mixed.slice(0, n), mixed.slice(n))));
    bar.update(seed);
  }
  bar.done();
  leaks.push({ language, random, apart });
}
// %%
const leakNames = [t({ zh: "随机切分", en: "random split" }), t({ zh: "近似重复在同一边", en: "near duplicates together" })];
await show(barChart({
  title: t({ zh: "同一份数据，两种切分的测试准确率", en: "One data set, two splits: test accuracy" }), x: { title: t({ zh: "语言", en: "language" }) }, y: { title: t({ zh: "准确率", en: "accuracy" }) },
  series: [leaks.map((l) => tl.interval(l.random)), leaks.map((l) => tl.interval(l.apart))].map((v, i) => ({ name: leakNames[i], x: leaks.map((l) => l.language), y: v.map((x) => x.mean), error: v.map((x) => x.error) })),
  alt: leaks.map((l) => `${l.language}: ${tl.mean(l.random).toFixed(3)} / ${tl.mean(l.apart).toFixed(3)}`).join("; "),
}));
const inflation = leaks.map((l) => tl.interval(l.random.map((r, i) => r - l.apart[i])));
leaks.forEach((l, i) => console.log(l.language, `${inflation[i].mean.toFixed(3)} ± ${inflation[i].error.toFixed(3)}:`, judge(around(inflation[i]), { more: t({ zh: "随机切分的分数虚高", en: "the random split's score is too good" }), less: t({ zh: "随机切分的分数反而低", en: "the random split's score is lower" }), open: betterWorse.open })));
// %% [markdown] lang="zh"
// 读这张图要小心：差别不全是泄漏。大组优先放进训练集，留给测试集的孤立条目本来就难一些，所以真相在两个数之间。
//
// ## 2. 垂直领域数据
//
// 公开数据不够时，就自己收集：网页、用户内容、专业数据库；网络安全里主要是防火墙、路由器等设备的日志。要注意两件事：**版权**（有的内容不能商用，见 1.2）和**隐私**（含个人信息的，要匿名化，或取得当事人许可）。
//
// ### 2.1 收集来的文件总有坏行
//
// 下面写一个“刚收集到的”文件：有一行不是 JSON，一行缺字段，一行只有空格，一行是 GBK 编码，一行含半个字符。`tl.readRecords` 按文件和行号报告每一处，而不是悄悄丢掉。
// %% [markdown] lang="en"
// Read this figure with care: not all of the difference is leaking. Large groups are placed first, in training, and the single items left to the test are somewhat harder, so the truth lies between the two numbers.
//
// ## 2. Data of one's own domain
//
// Where public data is not enough one collects: web pages, users' contributions, professional databases; in network security mostly logs of firewalls, routers and other devices. Mind two things: **copyright** (some content may not be used commercially, see 1.2) and **privacy** (personal data must be made anonymous, or used with the consent of those concerned).
//
// ### 2.1 What was collected always has bad lines
//
// We write a file "just collected": one line is no JSON, one lacks a field, one holds only blanks, one is in GBK, one has half a character. `tl.readRecords` reports each by file and line instead of dropping it silently.
// %%
const collected = `${courseFile(".")}/runs/collected.jsonl`;
fs.mkdirSync(`${courseFile(".")}/runs`, { recursive: true });
const goodLine = '{"text":"src=198.51.100.7 action=deny","label":"port-scan"}\n';
fs.writeFileSync(collected, Buffer.concat([Buffer.from(goodLine), Buffer.from('{"text":"truncated\n{"label":"benign"}\n{"text":"  ","label":"benign"}\n{"text":"'), Buffer.from([0xb6, 0xcb, 0xbf, 0xda]), Buffer.from('","label":"xss"}\n{"text":"half \\ud83d","label":"xss"}\n'), Buffer.from(goodLine)]));
const badLines: string[] = [];
const kept = await tl.loadRecords(collected, { filled: ["text", "label"], bad: "skip", onBad: (message) => void badLines.push(message.slice(message.indexOf("collected.jsonl"))) });
for (const line of badLines) console.log("•", line);
console.log(t({ zh: `留下 ${kept.length} 条，跳过 ${badLines.length} 条`, en: `${kept.length} records kept, ${badLines.length} skipped` }));
// %% [markdown] lang="zh"
// ### 2.2 匿名化
//
// 日志和工单里有姓名、电话、邮箱、IP、身份证号和密钥。`tl.anonymiser` 把它们换成占位符；同一个人、同一个地址在所有文本里是同一个占位符，所以“谁与谁通信”这样的结构还在，而名字没有了。
// %% [markdown] lang="en"
// ### 2.2 Anonymisation
//
// Logs and tickets hold names, telephone numbers, e-mail and IP addresses, identity numbers and keys. `tl.anonymiser` turns them into placeholders; the same person or address has the same placeholder in all texts, so structures like "who talked to whom" remain while names are gone.
// %%
type Marked = { id: string; text: string; spans: tl.PersonalSpan[] };
const pii = async (l: string, split: string) => tl.loadRecords<Marked>(courseFile(`data/pii/${l}/${split}.jsonl`));
const personal = { zh: { train: await pii("zh", "train"), test: await pii("zh", "test") }, en: { train: await pii("en", "train"), test: await pii("en", "test") } };
const hide = tl.anonymiser();
const story = ["系统管理员李承泽于 2026-03-12 从10.56.217.200登录。", "李承泽的邮箱是 li.cz@example.com，固件版本 10.2.3.4。", "Contact: Julia Stein, julia.stein@example.org, +44 20 7946 0123.", "Julia Stein logged in from 10.56.217.200."];
table(story.map((text) => ({ [t({ zh: "原文", en: "original" })]: text, [t({ zh: "匿名化之后", en: "anonymised" })]: hide(text).text })));
// %% [markdown] lang="zh"
// 对应表 `hide.originals` 能把一切还原，必须单独保管或干脆销毁。注意“版本 10.2.3.4”没有被当成 IP 地址。
//
// 规则是在 `train` 部分上调出来的，所以要在 `test` 上打分。召回率比精确率更要紧：漏掉一个名字，就泄漏了一个人。
// %% [markdown] lang="en"
// The table `hide.originals` undoes everything: keep it apart, or destroy it. Note that version 10.2.3.4 was not taken for an address.
//
// The rules were tuned on the `train` part, so the score that counts is that on `test`. Recall matters more than precision: a name that is missed is a person exposed.
// %%
const types: tl.PersonalType[] = ["PERSON", "PHONE", "EMAIL", "IP", "ID_NUMBER", "KEY"];
const spanScores = (items: Marked[], match: "exact" | "overlap" = "exact") => tl.scoreSpans(items.map((r) => tl.findPersonal(r.text)), items.map((r) => r.spans), { match });
table((["zh", "en"] as const).flatMap((l) => (["train", "test"] as const).map((split) => { const { all } = spanScores(personal[l][split]), { PERSON } = spanScores(personal[l][split]).byType; return { [t({ zh: "数据", en: "data" })]: `${l} ${split}`, P: all.precision, R: all.recall, F1: all.f1, [t({ zh: "R（只算姓名）", en: "R, names only" })]: PERSON.recall }; })));
const recalls = (["zh", "en"] as const).map((l) => types.map((type) => {
  const scored = personal[l].test.map(({ text, spans }) => ({ found: tl.findPersonal(text), spans })), recallOf = (items: typeof scored) => tl.scoreSpans(items.map((x) => x.found), items.map((x) => x.spans)).byType[type]?.recall ?? NaN;
  return tl.bootstrapInterval(scored.filter((x) => x.spans.some((s) => s.type === type)), recallOf, { samples: 300 });
}));
// %%
await show(barChart({
  title: t({ zh: "匿名化的召回率（测试集，95 % 区间）", en: "Recall of anonymisation (test split, 95 % intervals)" }), x: { title: t({ zh: "类型", en: "type" }) }, y: { title: t({ zh: "召回率", en: "recall" }) },
  series: (["zh", "en"] as const).map((l, i) => ({ name: l, x: types, y: recalls[i].map((r) => r.estimate), error: recalls[i].map((r) => (r.high - r.low) / 2) })),
  alt: (["zh", "en"] as const).map((l, i) => `${l}: ${types.map((type, k) => `${type} ${recalls[i][k].estimate.toFixed(2)}`).join(", ")}`).join("; "),
}));
const complete = (["zh", "en"] as const).flatMap((l, i) => types.map((type, k) => ({ l, type, recall: recalls[i][k].estimate, n: personal[l].test.flatMap((r) => r.spans).filter((s) => s.type === type).length }))).filter((x) => x.recall === 1);
table(complete.map(({ l, type, n }) => ({ [t({ zh: "语言", en: "language" })]: l, [t({ zh: "类型", en: "type" })]: type, [t({ zh: "测试集里的处数", en: "pieces in the test split" })]: n, [t({ zh: "召回率可能低到（95 %）", en: "recall may be as low as (95 %)" })]: 0.05 ** (1 / n) })), t({ zh: "一处不漏的类型", en: "Types of which none was missed" }));
// %% [markdown] lang="zh"
// 自助抽样的区间在 1.00 处没有宽度，但这不等于“永远不漏”：$n$ 处全找到时，真实召回率 $r$ 仍可能低到 $r^n=0.05$，见上表。
// 而且一条文本往往有几处个人信息：要紧的是**整条**都遮住了没有。
// %% [markdown] lang="en"
// At 1.00 a bootstrap interval has no width, but that does not mean "never misses": when all of $n$ pieces were found, the true recall $r$ may still be as low as $r^n=0.05$, see the table.
// And a text often holds several pieces: what matters is whether the **whole** text is hidden.
// %%
const hidden = (["zh", "en"] as const).map((l) => {
  const withData = personal[l].test.filter((r) => r.spans.length), covered = withData.map(({ text, spans }) => { const found = tl.findPersonal(text); return Number(spans.every((s) => Array.from({ length: s.end - s.start }, (_, i) => s.start + i).every((at) => found.some((f) => f.start <= at && at < f.end)))); });
  return { language: l, texts: withData.length, safe: tl.bootstrapInterval(covered, tl.mean) };
});
for (const { language, texts, safe } of hidden) console.log(language, t({ zh: `${texts} 条含个人信息的文本，全部遮住的占`, en: `${texts} texts with personal data, wholly hidden:` }), gap(safe));
const exposed = hidden.filter(({ safe }) => safe.estimate < 1).map((h) => h.language);
console.log(exposed.length ? t({ zh: `${exposed.join("、")} 有遗漏：只靠规则匿名化还不能直接发布，需要人工复核`, en: `something is left in ${exposed.join(", ")}: rules alone are not enough to publish; a person must check` }) : t({ zh: "测试集上没有遗漏；但区间说明，更大的数据里仍可能有", en: "nothing is left in the test split; larger data may still hold some, as the interval says" }));
// %% [markdown] lang="zh"
// ### 2.3 匿名化损失了什么？
//
// 换成占位符之后，数据还有用吗？把告警匿名化，再训练同样的分类器，看同一批测试告警上的配对差。
// %% [markdown] lang="en"
// ### 2.3 What does anonymisation cost?
//
// Is the data still useful with placeholders? We anonymise the alerts, train the same classifier, and look at the paired difference on the same test alerts.
// %%
const cost: { language: string; before: number; after: number; difference: tl.PairedDifference }[] = [];
for (const l of ["zh", "en"] as const) {
  const cover = tl.anonymiser(), anonymised = (items: Item[]) => items.map((r) => ({ ...r, words: wordsIn(l, cover(r.text).text.replace(/<([A-Z_]+)_\d+>/g, " $1 ")) }));
  const before = hits(alerts[l].train, alerts[l].test), after = hits(anonymised(alerts[l].train), anonymised(alerts[l].test));
  cost.push({ language: l, before: tl.mean(before), after: tl.mean(after), difference: tl.pairedDifference(before, after, tl.mean) });
}
table(cost.map(({ language, before, after, difference }) => ({ [t({ zh: "语言", en: "language" })]: language, [t({ zh: "原文", en: "original" })]: before, [t({ zh: "匿名化", en: "anonymised" })]: after, [t({ zh: "差（95 %）", en: "difference (95 %)" })]: gap(difference), [t({ zh: "结论", en: "verdict" })]: judge(difference, betterWorse) })));
// %% [markdown] lang="zh"
// ## 3. 数据标注
//
// 标注的步骤：写指南 → 选工具（如 Label Studio、doccano）→ 找懂行的人 → 监控并纠错。数据集 `annotation` 有 208 条报告，由 A、B 两人标注，部分由第三人 C 标注，最后按指南裁定（gold）。
// 老实说明：这些“标注员”是虚构的，标签是为练习编写的。
//
// ### 3.1 A 和 B 在哪里不同
// %% [markdown] lang="en"
// ## 3. Annotation
//
// The steps: write a guideline → choose a tool (such as Label Studio or doccano) → find people who know the subject → watch and correct. The data set `annotation` has 208 reports, labelled by A and B, some by a third person C, and settled by the guideline in the end (gold).
// To be honest: these "annotators" are invented; the labels were written for the exercise.
//
// ### 3.1 Where A and B differ
// %%
type Report = { text: { zh: string; en: string }; labels: { A: string; B: string; C?: string }; gold: string; cause?: string };
const reports = await tl.loadRecords<Report>(courseFile("data/annotation/items.jsonl")), labels = ["false-alarm", "suspicious", "incident", "request"];
const [byA, byB, gold] = [reports.map((r) => r.labels.A), reports.map((r) => r.labels.B), reports.map((r) => r.gold)];
const crossed = labels.map((a) => labels.map((b) => reports.filter((r) => r.labels.A === a && r.labels.B === b).length));
await show(heatmap({
  title: t({ zh: "A 与 B 的标签", en: "Labels of A and of B" }), x: { title: "B" }, y: { title: "A" }, xs: labels, ys: [...labels].reverse(), z: [...crossed].reverse(), zTitle: t({ zh: "条数", en: "items" }),
  alt: crossed.flatMap((row, i) => row.flatMap((n, j) => (n ? [`A ${labels[i]}, B ${labels[j]}: ${n}`] : []))).join("; "),
}));
const oneOf = (given: string[], name: string) => given.map((l) => (l === name ? 1 : 0));
table(labels.map((name) => ({ [t({ zh: "标签", en: "label" })]: name, A: byA.filter((l) => l === name).length, B: byB.filter((l) => l === name).length, gold: gold.filter((l) => l === name).length, [t({ zh: "κ（此标签对其余）", en: "κ, this label against the rest" })]: tl.cohenKappa(oneOf(byA, name), oneOf(byB, name)) })), t({ zh: "各标签的条数与一致性", en: "Items and agreement by label" }));
// %% [markdown] lang="zh"
// 各类都有足够的条目吗？κ 最低的标签，就是指南最该写清楚的地方。两人为什么不同，数据里记了原因：
// %% [markdown] lang="en"
// Has each label enough items? The label with the lowest κ is where the guideline needs most work. Why the two differ is noted in the data:
// %%
const causes = [...new Set(reports.flatMap((r) => r.cause ?? []))];
table(causes.map((cause) => { const hit = reports.filter((r) => r.cause === cause); return { [t({ zh: "原因", en: "cause" })]: cause, [t({ zh: "条数", en: "items" })]: hit.length, [t({ zh: "例子", en: "example" })]: t(hit[0].text), A: hit[0].labels.A, B: hit[0].labels.B, gold: hit[0].gold }; }));
// %% [markdown] lang="zh"
// ### 3.2 一致性：扣除碰巧
//
// 两人一致的比例 $p_o$ 会骗人：碰巧也会一致。Cohen 的 $\kappa=\frac{p_o-p_e}{1-p_e}$ 扣除碰巧一致的 $p_e=\sum_c P_A(c)P_B(c)$；1 是完全一致，0 是碰巧的水平。
// 标签有轻重顺序时，可以用加权 κ，差得远扣得多（这里只算 误报 < 可疑 < 事件）。Krippendorff 的 α 允许有人缺标；Fleiss 的 κ 用于每条都有同样多人标注的情形。区间来自对条目的自助抽样。
// %% [markdown] lang="en"
// ### 3.2 Agreement, corrected for chance
//
// The share $p_o$ of equal labels deceives: people agree by chance, too. Cohen's $\kappa=\frac{p_o-p_e}{1-p_e}$ takes off the agreement by chance, $p_e=\sum_c P_A(c)P_B(c)$; 1 is full agreement, 0 what chance gives.
// Where labels have an order, weighted κ punishes large differences more (here only false-alarm < suspicious < incident). Krippendorff's α allows missing labels; Fleiss' κ is for items that all have the same number of labels. Intervals are bootstrapped over the items.
// %%
const order = ["false-alarm", "suspicious", "incident"], ordered = (items: Report[]) => items.filter((r) => order.includes(r.labels.A) && order.includes(r.labels.B));
const pair = (items: Report[]) => [items.map((r) => r.labels.A), items.map((r) => r.labels.B)] as const;
const measures: [string, Report[], (items: Report[]) => number][] = [
  [t({ zh: "一致的比例 A, B", en: "observed agreement A, B" }), reports, (items) => tl.accuracy(...pair(items))],
  ["Cohen κ A, B", reports, (items) => tl.cohenKappa(...pair(items))],
  [t({ zh: "线性加权 κ（有序标签）", en: "linearly weighted κ (ordered labels)" }), ordered(reports), (items) => tl.cohenKappa(...pair(items), { weights: "linear", categories: order })],
  ["Krippendorff α A, B, C", reports, (items) => tl.krippendorffAlpha(items.map((r) => [r.labels.A, r.labels.B, r.labels.C]))],
  ["Fleiss κ A, B, C", reports.filter((r) => r.labels.C), (items) => tl.fleissKappa(items.map((r) => [r.labels.A, r.labels.B, r.labels.C]))],
];
const agreement = measures.map(([name, items, measure]) => ({ name, items: items.length, value: tl.bootstrapInterval(items, measure, { samples: budget(500, 100) }) }));
table(agreement.map(({ name, items, value }) => ({ [t({ zh: "度量", en: "measure" })]: name, [t({ zh: "条数", en: "items" })]: items, [t({ zh: "值（95 %）", en: "value (95 %)" })]: gap(value) })));
const kappaAB = agreement[1].value, alpha = agreement[3].value, usual = 0.667;
console.log(judge({ low: alpha.low - usual, high: alpha.high - usual }, { more: t({ zh: `α 高于 ${usual}：按 Krippendorff 的惯例，可以得出初步结论`, en: `α is above ${usual}: by Krippendorff's custom tentative conclusions may be drawn` }), less: t({ zh: `α 低于 ${usual}：按 Krippendorff 的惯例，这样的标签还不可靠，应修改指南再标`, en: `α is below ${usual}: by Krippendorff's custom such labels are not reliable; improve the guideline and label again` }), open: t({ zh: `α 的区间含 ${usual}：标得还不够多，无法判断是否达到惯用的门槛`, en: `the interval of α holds ${usual}: too few items to say whether the customary threshold is reached` }) }));
// %% [markdown] lang="zh"
// ### 3.3 κ 也会骗人：类别不平衡
//
// 模拟两个同样仔细的人：各自独立，每条有 90 % 的把握标对“有害/无害”。改变有害的比例：一致的比例几乎不变，κ 却大变。所以 κ 只能在类别比例相近的任务之间比较。“κ，公式”由概率直接算出，“κ，模拟”是对 2000 条模拟标签用 `tl.cohenKappa` 算出来的。
// %% [markdown] lang="en"
// ### 3.3 κ deceives, too: unbalanced classes
//
// We simulate two equally careful people who label "harmful or not", each right in 90 % of the cases, independently. When the share of harmful items changes, observed agreement hardly does, but κ does a lot. So compare κ only between tasks with like shares. "κ, formula" follows from the probabilities; "κ, simulated" is `tl.cohenKappa` of 2000 simulated labels.
// %%
const shares = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5], careful = 0.9, people = new tl.Random(1, "annotators");
const label = (truth: number) => (people.uniform() < careful ? truth : 1 - truth);
const simulated = shares.map((share) => { const truth = Array.from({ length: 2000 }, (_, i) => Number(i < share * 2000)), a = truth.map(label), b = truth.map(label); return { agree: tl.accuracy(a, b), kappa: tl.cohenKappa(a, b) }; });
const formula = shares.map((share) => { const q = share * careful + (1 - share) * (1 - careful), chance = q * q + (1 - q) * (1 - q); return (careful ** 2 + (1 - careful) ** 2 - chance) / (1 - chance); });
await show(lineChart({
  title: t({ zh: "同样仔细的两个人：一致的比例与 κ", en: "Two equally careful people: agreement and κ" }), x: { title: t({ zh: "“有害”的比例", en: "share of harmful items" }) }, y: { title: t({ zh: "一致性", en: "agreement" }) },
  series: [{ name: t({ zh: "一致的比例", en: "observed" }), x: shares, y: simulated.map((s) => s.agree) }, { name: t({ zh: "κ，模拟", en: "κ, simulated" }), x: shares, y: simulated.map((s) => s.kappa) }, { name: t({ zh: "κ，公式", en: "κ, formula" }), x: shares, y: formula }],
  alt: shares.map((s, i) => `${s}: ${simulated[i].agree.toFixed(2)}, κ ${simulated[i].kappa.toFixed(2)} (${formula[i].toFixed(2)})`).join("; "),
}));
// %% [markdown] lang="zh" tags=["claim:3.3.2/enough"]
// ### 3.4 要标多少条？
//
// 书上说标注的数据量“应足够大”。对一致性来说，多大才够？从 208 条里有放回地抽 $n$ 条，抽 200 次，看 κ 的估计有多散：误差棒是标准差。
// %% [markdown] lang="en" tags=["claim:3.3.2/enough"]
// ### 3.4 How many items?
//
// The book says that enough must be labelled. How much is enough to know the agreement? We draw $n$ of the 208 items with replacement, 200 times, and see how far the estimates of κ scatter: error bars are standard deviations.
// %%
const counts = [20, 40, 80, 160], drawItems = new tl.Random(1, "how many"), draws = budget(200, 30);
const kappas = counts.map((n) => Array.from({ length: draws }, () => tl.cohenKappa(...pair(Array.from({ length: n }, () => reports[drawItems.integer(reports.length)])))));
const scatter = kappas.map((values) => { const m = tl.mean(values); return Math.sqrt(tl.mean(values.map((v) => (v - m) ** 2))); });
await show(lineChart({
  title: t({ zh: "条数与 κ 的把握", en: "How well κ is known" }), x: { title: t({ zh: "标注的条数", en: "labelled items" }) }, y: { title: "κ (A, B)" },
  series: [{ name: "κ", x: counts, y: kappas.map(tl.mean), error: scatter }], alt: counts.map((n, i) => `n=${n}: ${tl.mean(kappas[i]).toFixed(2)} ± ${scatter[i].toFixed(2)}`).join("; "),
}));
const needed = Math.ceil((kappaAB.standardError * 1.96 / 0.05) ** 2 * reports.length);
console.log(t({ zh: `要使 κ 的 95 % 区间为 ±0.05，约需 ${needed} 条`, en: `for a 95 % interval of ±0.05, κ needs about ${needed} items` }));
// %% [markdown] lang="zh"
// ### 3.5 裁定
//
// 不同的标签要变成一个。全体一致的直接采用；过半数的采用多数；其余交给裁定人。多数票对吗？与按指南裁定的 gold 比较。
// %% [markdown] lang="en"
// ### 3.5 Adjudication
//
// Different labels must become one. Where all agree that is it; else the majority; else a person decides. Is the majority right? We compare with gold, decided by the guideline.
// %%
const settled = tl.adjudicate(reports.map((r) => [r.labels.A, r.labels.B, r.labels.C]), (item) => gold[item]);
const trusted: [string, (string | number | undefined)[]][] = [["A", byA], ["B", byB], [t({ zh: "多数票", en: "majority" }), settled.map((s) => s.label)]];
table(trusted.map(([name, given]) => ({ [t({ zh: "谁", en: "who" })]: name, [t({ zh: "与 gold 一致（95 %）", en: "equal to gold (95 %)" })]: gap(tl.bootstrapInterval(given.map((g, i) => Number(g === gold[i])), tl.mean)) })));
table([...new Set(settled.map((s) => s.how))].map((how) => { const at = settled.flatMap((s, i) => (s.how === how ? [i] : [])); return { [t({ zh: "如何裁定", en: "how" })]: how, [t({ zh: "条数", en: "items" })]: at.length, [t({ zh: "与 gold 不同", en: "not gold" })]: at.filter((i) => settled[i].label !== gold[i]).length }; }));
const fooled = settled.flatMap((s, i) => (s.how === "majority" && s.label !== gold[i] ? [i] : []));
for (const i of fooled) console.log(t(reports[i].text), `→ ${t({ zh: "多数", en: "majority" })} ${settled[i].label}, gold ${gold[i]}`);
// %% [markdown] lang="zh"
// ### 3.6 标签的质量影响模型吗？
//
// 十折交叉验证：用 A 的、B 的或裁定后的标签训练朴素贝叶斯，都对照 gold 打分。208 条很少，看看区间能不能分出高下。
// %% [markdown] lang="en"
// ### 3.6 Does the quality of labels reach the model?
//
// Tenfold cross-validation: naive Bayes is trained on A's, B's or the adjudicated labels, and always scored against gold. 208 items are few; see whether the intervals can tell them apart.
// %%
const foldOf = new tl.Random(1, "folds").shuffle(reports.map((_, i) => i % 10)), reportWords = reports.map((r) => [...wordsIn("zh", r.text.zh), ...wordsIn("en", r.text.en)]);
const crossValidated = (given: readonly string[]) => {
  const models = Array.from({ length: 10 }, (_, fold) => { const inside = reports.flatMap((_, i) => (foldOf[i] === fold ? [] : [i])); return tl.naiveBayes(inside.map((i) => reportWords[i]), inside.map((i) => given[i])); });
  return reports.map((_, i) => Number(models[foldOf[i]].classify(reportWords[i]) === gold[i]));
};
const adjudicated = crossValidated(settled.map((s) => String(s.label)));
const labelEffect = ([["A", byA], ["B", byB]] as const).map(([name, given]) => ({ name, accuracy: tl.mean(crossValidated(given)), difference: tl.pairedDifference(crossValidated(given), adjudicated, tl.mean) }));
console.log(t({ zh: "裁定后的标签：准确率", en: "adjudicated labels: accuracy" }), tl.mean(adjudicated).toFixed(3));
table(labelEffect.map(({ name, accuracy, difference }) => ({ [t({ zh: "训练标签", en: "training labels" })]: name, [t({ zh: "准确率", en: "accuracy" })]: accuracy, [t({ zh: "裁定后 − 此（95 %）", en: "adjudicated − these (95 %)" })]: gap(difference), [t({ zh: "裁定后", en: "adjudicated" })]: judge(difference, betterWorse) })));
// %% [markdown] lang="zh"
// ## 4. 与书上的说法对照
//
// 下表全部由本次运行的数字得出。
// %% [markdown] lang="en"
// ## 4. Held against the book
//
// Everything in this table is computed from this very run.
// %%
const [claim, found, verdict] = [t({ zh: "说法", en: "statement" }), t({ zh: "测到的", en: "measured" }), t({ zh: "结论", en: "verdict" })];
const supported = { more: t({ zh: "成立", en: "holds" }), less: t({ zh: "相反", en: "the contrary" }), open: betterWorse.open }, flipped = { more: supported.less, less: supported.more, open: supported.open };
table([
  ...domain.map(({ language, drop }) => ({ [claim]: t({ zh: `领域不匹配使表现下降（${language}）`, en: `a domain that does not match lowers the result (${language})` }), [found]: gap(drop), [verdict]: judge(drop, flipped) })),
  ...domain.map(({ language, merged }) => ({ [claim]: t({ zh: `合并数据有帮助（${language}）`, en: `merging data helps (${language})` }), [found]: `${merged.mean.toFixed(3)} ± ${merged.error.toFixed(3)}`, [verdict]: judge(around(merged), supported) })),
  ...cost.map(({ language, difference }) => ({ [claim]: t({ zh: `匿名化损害效果（${language}）`, en: `anonymisation lowers the result (${language})` }), [found]: gap(difference), [verdict]: judge(difference, flipped) })),
  ...labelEffect.map(({ name, difference }) => ({ [claim]: t({ zh: `标注质量影响模型（裁定后 − ${name}）`, en: `the quality of labels reaches the model (adjudicated − ${name})` }), [found]: gap(difference), [verdict]: judge(difference, supported) })),
]);
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替下面单元格里的 `undefined`，再运行。需要帮助时：`tl.hint("3.3.2/1")`，还不够就 `tl.hint("3.3.2/1", 2)` 和 `tl.hint("3.3.2/1", 3)`；`tl.solution("3.3.2/1")` 给出解答。
//
// 1. 100 条数据，两人都标“攻击”的 40 条，都标“正常”的 30 条；A 标“攻击”而 B 标“正常”的 10 条，相反的 20 条。Cohen κ 是多少？
// 2. 要做一个商用、会修改数据、且不想被“相同方式共享”约束的产品。从 `["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0"]` 中选出可用的，按这个顺序写成列表。
// 3. 写一个函数 `(text) => string`，把 MAC 地址（如 `00:1A:2b:3C:4d:5E`）换成 `<MAC_1>`、`<MAC_2>`……：按首次出现编号，同一地址（不分大小写）用同一占位符。
// 4. 一条文本有 5 处个人信息，匿名化对每处的召回率是 0.9，互相独立。全部遮住的概率是多少？
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` in the cell below and run it. For help: `tl.hint("3.3.2/1")`, and if that is not enough `tl.hint("3.3.2/1", 2)` and `tl.hint("3.3.2/1", 3)`; `tl.solution("3.3.2/1")` shows the solution.
//
// 1. Of 100 items both say "attack" for 40 and "normal" for 30; A says "attack" and B "normal" for 10, the other way round for 20. What is Cohen's κ?
// 2. You build a commercial product, will change the data, and do not want to be bound by share-alike. Which of `["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0"]` can you use? Write a list in this order.
// 3. Write a function `(text) => string` that replaces MAC addresses (such as `00:1A:2b:3C:4d:5E`) by `<MAC_1>`, `<MAC_2>` …, numbered as they first occur; the same address (upper and lower case alike) has the same placeholder.
// 4. A text holds 5 pieces of personal data; anonymisation finds each with recall 0.9, independently. With what probability are all of them hidden?
// %%
tl.check("3.3.2/1", undefined);
tl.check("3.3.2/2", undefined);
tl.check("3.3.2/3", undefined);
tl.check("3.3.2/4", undefined);
