// Section 3.3.1 of the course: quality, diversity and amount of training data, measured on the course model with security-alerts.
// Build both languages with: npm run notebooks -- 3.3.1-data
// %% [markdown] lang="zh"
// # 3.3.1 数据准备的重要性：质量、多样性、规模，哪一个更要紧？
//
// 同一个模型、同一种训练方法、同样的步数，只改变**训练数据**：标签错一些、内容缺一半、格式不统一、全是相似的句子、数量少一些……效果差多少？
// 本节把教材关于数据的三条说法变成可以测的实验：每个条件都真的训练一遍，用两个随机种子，在同一套干净的测试集上打分。
//
// 模型是课程自带的 600 万参数双语小模型。需要约 2 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.3.1 The importance of data: quality, diversity, amount. Which matters most?
//
// The same model, the same way of training, the same number of steps; only the **training data** change: some labels wrong, half of the content missing, formats mixed, sentences all alike, fewer of them … How much worse does it get?
// This section turns the book's three statements on data into experiments: each condition is really trained, with two random seeds, and scored on the same clean test sets.
//
// The model is the course's own bilingual one of 6 million parameters. It needs about 2 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { courseFile, courseModel, budget, table, show, lineChart, barChart, t } from "tunelab";

const model = await tl.load(courseModel());
const machine = await tl.backend();
console.log(`${machine.name}: ${machine.why}`);
// %% [markdown] lang="zh"
// ## 0. 实验的“量具”
//
// 任务：把中英文安全告警分到五类，用字母 A–E 作答。`test` 与训练数据相似，`hard` 是换了说法的边缘案例；两者始终是干净的。
//
// 为了快，只训练词嵌入（小模型预训练少，词的特征主要在这里学，见 3.2.5）；步数固定，所以数据少时每条看的遍数就多。每次训练报告三个数：test 和 hard 的准确率，以及留出损失 $-\frac1N\sum\log p(\text{正确类})$。
// %% [markdown] lang="en"
// ## 0. The measuring instrument
//
// The task: sort security alerts, Chinese and English, into five classes, answered by the letters A–E. `test` is like the training data, `hard` holds edge cases in other words; both are clean throughout.
//
// To be quick, only the embedding is trained (this small model has read little, so features of words are mostly learned there; see 3.2.5). The number of steps is fixed, so with fewer alerts each is seen more often. Each training run reports three numbers: accuracy on test and on hard, and the held-out loss $-\frac1N\sum\log p(\text{right class})$.
// %%
interface Alert { text: string; label: string; language: string }
const CLASSES = ["benign", "denial-of-service", "malware", "phishing", "sql-injection"], LETTERS = ["A", "B", "C", "D", "E"], DIGITS = ["1", "2", "3", "4", "5"];
const read = async (split: string) => (await Promise.all(["zh", "en"].map(async (language) => (await tl.loadRecords<Alert>(courseFile(`data/security-alerts/${language}/${split}.jsonl`))).map((r) => ({ ...r, language }))))).flat();
const isShort = ({ text, label }: Alert) => CLASSES.includes(label) && model.tokenizer.encode(text).length <= 52; // few lengths: less to compile
const shuffled = <T,>(items: T[], seed: number) => new tl.Random(seed, "order").shuffle([...items]);
const [everything, testAll, hardAll] = (await Promise.all(["train", "test", "hard"].map(read))).map((rows) => shuffled(rows.filter(isShort), 1));
const [testAlerts, hardAlerts] = [testAll, hardAll].map((rows) => rows.slice(0, budget(rows.length, 16)));
const clean = everything.slice(0, 16 * Math.floor(everything.length / 16));
console.log("train / test / hard:", clean.length, testAlerts.length, hardAlerts.length);
table(clean.slice(0, 3).map(({ language, label, text }) => ({ language, label, text })));
// %%
const method = tl.full({ parameters: ["model.embed_tokens.weight"] }), seeds = budget(1, 0) ? [1, 2] : [1], steps = budget(60, 2);
const answerOf = ({ label }: Alert) => LETTERS[CLASSES.indexOf(label)];
const trainOn = (alerts: Alert[], seed: number, answer = answerOf) => tl.train({
  model, method, data: { train: tl.encodeExamples(model.tokenizer, alerts.map((a) => ({ prompt: a.text, completion: answer(a) }))) },
  steps, batchSize: 16, learningRate: 1e-2, seed, display: false,
});
const askModel = (alerts: Alert[], adapter: tl.Adapter, words = LETTERS) =>
  tl.classify(model, alerts.map(({ text }) => tl.promptText(model.tokenizer, [{ role: "user", content: text }])), words, { adapter });
/** Scores of one trained model: hits on test and hard, loss on test. */
const score = async (run: tl.Adapter) => {
  const [onTest, onHard] = [await askModel(testAlerts, run), await askModel(hardAlerts, run)], hit = (alerts: Alert[], said: tl.Classified[]) => alerts.map((a, i) => Number(said[i].label === answerOf(a)));
  return { test: hit(testAlerts, onTest), hard: hit(hardAlerts, onHard), loss: tl.mean(testAlerts.map((a, i) => -Math.log(Math.max(1e-12, onTest[i].probabilities[CLASSES.indexOf(a.label)])))) };
};
// %%
type Scores = Awaited<ReturnType<typeof score>>;
const half = (values: number[]) => (Math.max(...values) - Math.min(...values)) / 2;
/** Trains on what `make` gives for each seed; means over seeds, and half the distance between them. `look` sees each trained model. */
const study = async (name: string, make: (seed: number) => Alert[], answer = answerOf, look = async (_run: tl.Run, _seed: number) => {}) => {
  const runs: Scores[] = [];
  for (const seed of seeds) { const run = await trainOn(make(seed), seed, answer); runs.push(await score(run)); await look(run, seed); tl.dispose(run.trained); }
  const test = runs.map((r) => tl.mean(r.test)), hard = runs.map((r) => tl.mean(r.hard)), loss = runs.map((r) => r.loss);
  const items = testAlerts.map((_, i) => tl.mean(runs.map((r) => r.test[i]))); // each test alert: share of seeds that got it right
  return { name, n: make(seeds[0]).length, runs, items, test: tl.mean(test), testError: half(test), hard: tl.mean(hard), hardError: half(hard), loss: tl.mean(loss), lossError: half(loss) };
};
type Study = Awaited<ReturnType<typeof study>>;
const COLUMNS = { condition: t({ zh: "条件", en: "condition" }), n: t({ zh: "条数", en: "alerts" }), seeds: t({ zh: "± 种子", en: "± seeds" }), loss: t({ zh: "留出损失", en: "held-out loss" }) };
const row = (s: Study) => ({ [COLUMNS.condition]: s.name, [COLUMNS.n]: s.n, test: s.test, [COLUMNS.seeds]: s.testError, hard: s.hard, [COLUMNS.loss]: s.loss });
/** b against a on the same test alerts: difference in percentage points, interval, verdict. */
const versus = (a: Study, b: Study) => {
  const { estimate, low, high } = tl.pairedDifference(a.items, b.items, tl.mean);
  const verdict = low > 0 ? t({ zh: "后者更好", en: "the second is better" }) : high < 0 ? t({ zh: "前者更好", en: "the first is better" }) : t({ zh: "分不出高下", en: "undecided" });
  return `${a.name} → ${b.name}: ${(100 * estimate).toFixed(1)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}] ${t({ zh: "个百分点", en: "points" })}: ${verdict}`;
};
// %% [markdown] lang="zh"
// ## 1. 质量：准确性
//
// 把训练集里一部分标签随机改成别的类，模拟标错。错 40 % 时，正确的标签仍然占多数，理想的学习者可以把错误平均掉；有限的数据做得到吗？
// %% [markdown] lang="en"
// ## 1. Quality: accuracy
//
// A share of the training labels is changed to another class at random, as mistakes in labelling do. With 40 % wrong the right labels are still the majority, so an ideal learner could average the errors out; can it be done with limited data?
// %%
const flip = (alerts: Alert[], share: number, seed: number) => {
  const random = new tl.Random(seed, "flip");
  return alerts.map((a) => (random.uniform() < share ? { ...a, label: CLASSES[(CLASSES.indexOf(a.label) + 1 + random.integer(CLASSES.length - 1)) % CLASSES.length] } : a));
};
/** How unlikely a model finds the labels that it was trained on, −log p, by seed: for the search below. */
const surprise = new Map<number, number[]>();
const surprised = async (run: tl.Run, seed: number) => {
  const given = flip(clean, 0.2, seed), said = await askModel(given, run);
  surprise.set(seed, given.map((a, i) => -Math.log(said[i].probabilities[CLASSES.indexOf(a.label)])));
};
const SHARES = budget(1, 0) ? [0, 0.2, 0.4, 0.6] : [0, 0.2, 0.4], noisy: Study[] = [], noiseBar = tl.progress(SHARES.length, t({ zh: "标签噪声", en: "label noise" }));
for (const share of SHARES) {
  noisy.push(await study(share ? `${t({ zh: "错标", en: "wrong labels" })} ${100 * share} %` : t({ zh: "干净", en: "clean" }), (seed) => flip(clean, share, seed), answerOf, share === 0.2 ? surprised : undefined));
  noiseBar.update(noisy.length);
}
noiseBar.done();
const cleanStudy = noisy[0];
// %%
const accuracy = t({ zh: "准确率", en: "accuracy" });
await show(lineChart({
  title: t({ zh: "错标的比例与准确率（误差棒：种子之间）", en: "Share of wrong labels and accuracy (bars: between seeds)" }), x: { title: t({ zh: "错标的比例（%）", en: "wrong labels (%)" }) }, y: { title: accuracy },
  series: [
    { name: "test", x: SHARES.map((s) => 100 * s), y: noisy.map((s) => s.test), error: noisy.map((s) => s.testError) }, { name: "hard", x: SHARES.map((s) => 100 * s), y: noisy.map((s) => s.hard), error: noisy.map((s) => s.hardError) },
    { name: t({ zh: "瞎猜", en: "guessing" }), x: [0, 100 * SHARES.at(-1)!], y: [0.2, 0.2] },
  ],
  alt: noisy.map((s) => `${s.name}: test ${s.test.toFixed(2)} ± ${s.testError.toFixed(2)}, hard ${s.hard.toFixed(2)}`).join("; "),
}));
table(noisy.map(row));
for (const s of noisy.slice(1)) console.log(versus(cleanStudy, s));
// %% [markdown] lang="zh"
// ### 质量：完整性与一致性
//
// 两种常见的毛病：**不完整**，正文只剩前一半；**不一致**，一半记录按 A–E 标，另一半按 1–5 标（两批标注员各用一套规范）。不一致时再看一个数：允许十种答案时，模型有多少次用字母作答。
// %% [markdown] lang="en"
// ### Quality: completeness and consistency
//
// Two common faults: **incomplete**, only the first half of each text is left; **inconsistent**, half of the records are labelled A–E, the others 1–5 (two groups of annotators, two guidelines). For the latter one more number: allowed all ten answers, how often does the model answer with a letter?
// %%
const halved = await study(t({ zh: "正文只留一半", en: "half of the text" }), () => clean.map((a) => ({ ...a, text: a.text.slice(0, Math.ceil(a.text.length / 2)) })));
const mixedAnswer = (a: Alert) => (tl.hash(a.text) % 2 ? answerOf(a) : DIGITS[CLASSES.indexOf(a.label)]);
const free: string[] = []; // answers of both seeds where letters and digits are allowed
const askFreely = async (run: tl.Run) => { free.push(...(await askModel(testAlerts, run, [...LETTERS, ...DIGITS])).map((s) => s.label)); };
const inconsistent = await study(t({ zh: "两套答案格式", en: "two formats of answers" }), () => clean, mixedAnswer, askFreely);
table([cleanStudy, halved, inconsistent].map(row), t({ zh: "完整性与一致性", en: "Completeness and consistency" }));
for (const s of [halved, inconsistent]) console.log(versus(cleanStudy, s));
const exact = tl.mean(free.map((f, i) => Number(f === answerOf(testAlerts[i % testAlerts.length])))), letters = tl.mean(free.map((f) => Number(LETTERS.includes(f))));
console.log(t({ zh: "两套格式，十种答案都允许时：用字母作答", en: "two formats, all ten answers allowed: answers with a letter" }), `${(100 * letters).toFixed(0)} %` + t({ zh: "；类别和格式都对", en: "; class and format right" }), `${(100 * exact).toFixed(0)} %`);
// %% [markdown] lang="zh"
// ### 模型自己能找出标错的吗？
//
// 错标的样本与其余数据“说法不一”，训练后模型给它的标签的概率往往低。按 $-\log p(\text{所给标签})$ 从大到小排，看最前面的 $k$ 条里有多少真是错的（$k$ = 错标的总数）；再把它们删掉，重新训练。
// %% [markdown] lang="en"
// ### Can the model find the wrong labels itself?
//
// A wrongly labelled record contradicts the rest of the data, so after training the model often gives its label a low probability. Sort by $-\log p(\text{the label given})$, largest first, and see how many of the first $k$ are really wrong ($k$ = number of wrong labels); then remove them and train again.
// %%
const suspects = (seed: number) => {
  const given = flip(clean, 0.2, seed), wrong = given.map((a, i) => a.label !== clean[i].label), k = wrong.filter(Boolean).length, doubt = surprise.get(seed)!;
  const first = given.map((_, i) => i).sort((a, b) => doubt[b] - doubt[a]).slice(0, k), gone = new Set(first), kept = given.filter((_, i) => !gone.has(i));
  return { found: first.filter((i) => wrong[i]).length, k, kept: kept.slice(0, 16 * Math.floor(kept.length / 16)) };
};
const searched = new Map(seeds.map((seed) => [seed, suspects(seed)]));
const noisy20 = noisy[SHARES.indexOf(0.2)], repaired = await study(t({ zh: "删掉可疑的", en: "suspects removed" }), (seed) => searched.get(seed)!.kept);
for (const [seed, { found, k }] of searched) console.log(`seed ${seed}: ${found} / ${k} = ${((100 * found) / k).toFixed(0)} % ${t({ zh: "真是错的；随便抽只有约 20 %", en: "are really wrong; drawn at random about 20 %" })}`);
table([cleanStudy, noisy20, repaired].map(row));
console.log(versus(noisy20, repaired));
// %% [markdown] lang="zh"
// ## 2. 多样性
//
// 数量相同（192 条），多样性不同，重复的条件只有 48 条不同的告警：
//
// * **多样**：中英文都有，随机抽取；
// * **只有中文**：测试集里英文占一半左右；
// * **相似**：每类每种语言里，优先取彼此相似的（字符四元组的 Jaccard 系数 ≥ 0.3 的成组记录）；
// * **重复**：48 条各抄四遍。
//
// “不同的四元组”数一数训练集里出现过多少种四个字符的片段，是多样性的一个粗略尺度。
// %% [markdown] lang="en"
// ## 2. Diversity
//
// The same number of records (192), of different diversity; in the last condition only 48 are different:
//
// * **diverse**: both languages, drawn at random;
// * **Chinese only**: about half of the test alerts are English;
// * **alike**: within each class and language, records that resemble each other come first (groups with a Jaccard index of character 4-grams ≥ 0.3);
// * **copies**: 48 records, four times each.
//
// "Different 4-grams" counts the pieces of four characters that occur in the training set, a rough measure of diversity.
// %%
const chinese = clean.filter((a) => a.language === "zh");
const cells = ["zh", "en"].flatMap((language) => CLASSES.map((label) => clean.filter((a) => a.language === language && a.label === label)));
const alikeFirst = (cell: Alert[]) => {
  const groups = tl.findDuplicates(cell.map((a) => a.text), { threshold: 0.3 }).groups.sort((a, b) => b.length - a.length).flat(), inside = new Set(groups);
  return [...groups, ...cell.map((_, i) => i).filter((i) => !inside.has(i))].map((i) => cell[i]);
};
const copies = (alerts: Alert[], times: number) => Array.from({ length: times }, () => alerts).flat();
const SETS: [string, Alert[]][] = [
  [t({ zh: "多样", en: "diverse" }), clean.slice(0, 192)], [t({ zh: "只有中文", en: "Chinese only" }), chinese.slice(0, 192)],
  [t({ zh: "相似", en: "alike" }), shuffled(cells.flatMap((cell) => alikeFirst(cell).slice(0, 20)), 1).slice(0, 192)], [t({ zh: "重复", en: "copies" }), copies(clean.slice(0, 48), 4)],
];
const varied: Study[] = [], variedBar = tl.progress(SETS.length, t({ zh: "多样性", en: "diversity" }));
for (const [name, alerts] of SETS) { varied.push(await study(name, () => alerts)); variedBar.update(varied.length); }
variedBar.done();
// %%
const of = (language: string, s: Study) => tl.mean(s.items.filter((_, i) => testAlerts[i].language === language));
await show(barChart({
  title: t({ zh: "192 条训练数据，多样性不同（误差棒：种子之间）", en: "192 records of different diversity (bars: between seeds)" }), x: { title: t({ zh: "训练数据", en: "training data" }) }, y: { title: accuracy },
  series: [{ name: "test", x: varied.map((s) => s.name), y: varied.map((s) => s.test), error: varied.map((s) => s.testError) }, { name: "hard", x: varied.map((s) => s.name), y: varied.map((s) => s.hard), error: varied.map((s) => s.hardError) }],
  alt: varied.map((s) => `${s.name}: test ${s.test.toFixed(2)}, hard ${s.hard.toFixed(2)}`).join("; "),
}));
const pieces = (alerts: Alert[]) => new Set(alerts.flatMap(({ text }) => [...tl.shingles(text)])).size;
table(varied.map((s, i) => ({ ...row(s), [t({ zh: "test 中文", en: "test, Chinese" })]: of("zh", s), [t({ zh: "test 英文", en: "test, English" })]: of("en", s), [t({ zh: "不同的四元组", en: "different 4-grams" })]: pieces(SETS[i][1]) })));
for (const s of varied.slice(1)) console.log(versus(s, varied[0]));
const [zhOnly, ownZh] = [of("zh", varied[1]), of("zh", varied[0])];
console.log(t({ zh: "“只有中文”与“多样”相比，在中文告警上：", en: "On Chinese alerts the Chinese-only set, against the diverse one, is " }) + (zhOnly - ownZh > 0.03 ? t({ zh: "更好（中文样本更多），代价在英文上", en: "better (it holds more Chinese), and pays in English" }) : zhOnly - ownZh < -0.03 ? t({ zh: "更差", en: "worse" }) : t({ zh: "差不多", en: "about equal" })) + ` (${zhOnly.toFixed(2)} / ${ownZh.toFixed(2)})`);
// %% [markdown] lang="zh"
// ## 3. 规模
//
// 干净的数据取 48 条到全部，步数不变（48 条抄四遍与 48 条多看几遍是一回事，所以直接用第 2 节的结果）。许多任务上，留出误差随数据量按**幂律**下降（Hestness 等，2017）：
//
// $$L(n)\approx a\,n^{-b}$$
//
// 在双对数坐标里是一条直线，斜率 $-b$；数据每翻一倍，$L$ 除以 $2^b$。
// %% [markdown] lang="en"
// ## 3. Amount
//
// From 48 clean records to all of them, with the same number of steps (48 records copied four times are 48 records seen more often, so that result of section 2 is taken). On many tasks the held-out error falls with the amount of data by a **power law** (Hestness et al. 2017):
//
// $$L(n)\approx a\,n^{-b}$$
//
// On logarithmic axes that is a straight line of slope $-b$; doubling the data divides $L$ by $2^b$.
// %%
const SIZES = budget(1, 0) ? [48, 96, 192, 384] : [48, 192], scaled: Study[] = [], scaleBar = tl.progress(SIZES.length, t({ zh: "规模", en: "amount" }));
for (const n of SIZES) {
  const known = n === 192 ? varied[0] : n === 48 ? varied[3] : undefined; // trained in section 2: 48 records copied are 48 records seen more often
  scaled.push(known ? { ...known, name: `${n}`, n } : await study(`${n}`, () => clean.slice(0, n)));
  scaleBar.update(scaled.length);
}
scaled.push({ ...cleanStudy, name: `${clean.length}` }); // trained in section 1
scaleBar.done();
const points = scaled.flatMap((s) => s.runs.map((r) => ({ n: s.n, loss: r.loss, error: 1 - tl.mean(r.test) }))).filter((p) => p.error > 0);
const lossLaw = tl.fitPowerLaw(points.map((p) => p.n), points.map((p) => p.loss)), errorLaw = tl.fitPowerLaw(points.map((p) => p.n), points.map((p) => p.error));
// %%
const sizes = scaled.map((s) => s.n);
await show(lineChart({
  title: t({ zh: "数据量与留出损失（双对数；误差棒：种子之间）", en: "Amount of data and held-out loss (bars: between seeds)" }), x: { title: t({ zh: "训练告警（条）", en: "training alerts" }), log: true, ticks: sizes }, y: { title: t({ zh: "留出损失（纳特/条）", en: "held-out loss (nats per alert)" }), log: true, ticks: [0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4] },
  series: [{ name: t({ zh: "测量", en: "measured" }), x: sizes, y: scaled.map((s) => s.loss), error: scaled.map((s) => s.lossError) }, { name: t({ zh: "幂律", en: "power law" }), x: sizes, y: sizes.map(lossLaw.at) }],
  alt: `${scaled.map((s) => `${s.n}: ${s.loss.toFixed(2)}`).join("; ")}; b = ${lossLaw.exponent.toFixed(2)} ± ${lossLaw.exponentError.toFixed(2)}`,
}));
table(scaled.map(row));
const lawText = (what: string, law: tl.PowerLaw) => `${what}: b = ${law.exponent.toFixed(2)} ± ${law.exponentError.toFixed(2)}, R² = ${law.r2.toFixed(2)}; ${t({ zh: "翻一倍除以", en: "doubling divides by" })} ${(2 ** law.exponent).toFixed(2)}`;
console.log(lawText(t({ zh: "留出损失", en: "held-out loss" }), lossLaw));
console.log(lawText(t({ zh: "错误率", en: "error rate" }), errorLaw));
console.log(lossLaw.exponent - lossLaw.exponentError > 0 ? t({ zh: "数据越多越好：指数的 95 % 区间在 0 以上。", en: "More data help: the 95 % interval of the exponent lies above 0." }) : t({ zh: "指数的区间含 0：这次看不出规模的作用。", en: "The exponent's interval holds 0: no effect of the amount can be seen here." }));
const target = Math.min(...scaled.map((s) => 1 - s.test)) / 2;
console.log(t({ zh: "错误率再减半，按幂律约需告警（条；外推，只作数量级参考）：", en: "to halve the error once more the law asks for about so many alerts (an extrapolation, good for its order of magnitude only):" }), Number(errorLaw.inverse(target).toPrecision(2)));
// %% [markdown] lang="zh"
// 教材说数据多也要更多计算。这里步数固定，所以看不到：要让更多的数据也被看同样多遍，时间就与数据量成正比。
//
// ## 4. 与书上的说法对照：质量与数量
//
// “即使规模较小，如果质量高、多样性好，也可以获得较好的效果”。把它变成一个数：**全部数据但有错标**，相当于多少条**干净**的？在干净数据的学习曲线上找准确率相同的点（在 $\log n$ 上线性插值）。
// %% [markdown] lang="en"
// The book says that more data also need more computing. Steps are fixed here, so this does not show: to have more data seen as many times, time grows in proportion.
//
// ## 4. Held against the book: quality and quantity
//
// "Even a smaller set gives good results if its quality and diversity are high." As a number: how many **clean** alerts are **all alerts with wrong labels** worth? We look for the same accuracy on the learning curve of clean data (linear interpolation in $\log n$).
// %%
const worth = (accuracyWanted: number): string => {
  const at = scaled.findIndex((s) => s.test >= accuracyWanted);
  if (at < 0) return `≥ ${scaled.at(-1)!.n}`;
  if (at === 0) return `≤ ${scaled[0].n}`;
  const [a, b] = [scaled[at - 1], scaled[at]], part = (accuracyWanted - a.test) / (b.test - a.test);
  return String(Math.round(Math.exp(Math.log(a.n) + part * Math.log(b.n / a.n))));
};
table([...noisy.slice(1), halved, inconsistent, repaired].map((s) => ({ [COLUMNS.condition]: s.name, [COLUMNS.n]: s.n, test: s.test, [t({ zh: "相当于多少条干净的", en: "worth so many clean ones" })]: worth(s.test) })));
const small = scaled.find((s) => s.n === 192)!, worst40 = noisy[SHARES.indexOf(0.4)];
console.log(versus({ ...worst40, name: `${worst40.n}, ${worst40.name}` }, { ...small, name: t({ zh: "192 条干净的", en: "192 clean ones" }) }));
const againstBook = tl.pairedDifference(worst40.items, small.items, tl.mean);
console.log(t({ zh: "“质量重于数量”：", en: "\"Quality beats quantity\": " }) + (againstBook.low > 0 ? t({ zh: "在这个对比里成立。", en: "holds in this comparison." }) : againstBook.high < 0 ? t({ zh: "在这个对比里不成立：数量占了上风。", en: "does not hold in this comparison: quantity wins." }) : t({ zh: "这次分不出来。", en: "cannot be decided here." })));
// %% [markdown] lang="zh"
// ## 小结
//
// * 先量再说：同样的模型和步数，只改数据，就能知道某种毛病值多少条数据。
// * 错标、缺内容、格式不统一是三种不同的毛病，代价不同；“删可疑样本”能否挽回一部分，要看上面的区间。
// * 多样性要与将来的输入相比：没见过的语言和说法，加再多同类数据也学不到。
// * 规模按幂律起作用：收益递减。翻倍之前，先问能不能把错误减半。
//
// 这些结论来自一个很小的模型和模板生成的告警；方法可以照搬，数字不能。
//
// ## 练习
//
// 用你的答案代替 `undefined` 再运行。需要时用 `tl.hint("3.3.1/1", 1)`（1 到 3 级）和 `tl.solution("3.3.1/1")`。
//
// 1. 某任务 100 条数据时错误率 0.32，400 条时 0.16。按幂律，要降到 0.08 需要多少条？
// 2. 五类任务。测试集里有 20 % 的标签是错的（均匀地错成其余四类之一）。模型真实准确率是 0.90，错的预测也均匀地落在其余四类。在这个测试集上测得的准确率，期望是多少（保留三位小数）？
// 3. 写一个函数 `conflicts(records)`：`records` 是 `{ text, label }` 的列表，返回**文本相同但标签不同**的文本，每个一次，按第一次出现的先后。
// 4. （动手）在第 2 节加一个条件：中文 96 条加英文 96 条，但缺一整类。总准确率掉多少？那一类的召回率是多少？
// %% [markdown] lang="en"
// ## Summary
//
// * Measure first: with the model and the steps fixed, changing the data alone tells how many records a fault is worth.
// * Wrong labels, missing content and mixed formats are three different faults with different prices; whether removing suspects wins back a part of it is what the interval above says.
// * Diversity has to be judged against the inputs to come: a language or wording never seen is not learned from more of the same.
// * The amount works by a power law, with diminishing returns. Before doubling the data, ask whether its errors can be halved.
//
// These conclusions come from a very small model and from alerts made of templates; the method carries over, the numbers do not.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. For help: `tl.hint("3.3.1/1", 1)` (levels 1 to 3) and `tl.solution("3.3.1/1")`.
//
// 1. A task has an error rate of 0.32 with 100 records and 0.16 with 400. By a power law, how many records does 0.08 need?
// 2. Five classes. In the test set 20 % of the labels are wrong (each changed to one of the other four, evenly). The model's true accuracy is 0.90, and its wrong predictions too fall evenly on the other four classes. What accuracy will this test set show, in expectation (three decimals)?
// 3. Write a function `conflicts(records)`: `records` is a list of `{ text, label }`; it returns the texts that occur **with different labels**, each once, in the order of their first occurrence.
// 4. (hands on) Add a condition to section 2: 96 Chinese and 96 English alerts, but one whole class missing. How much accuracy is lost? What is the recall of that class?
// %%
tl.check("3.3.1/1", undefined);
tl.check("3.3.1/2", undefined);
tl.check("3.3.1/3", undefined);
