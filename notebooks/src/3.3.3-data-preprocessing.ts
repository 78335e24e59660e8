// Section 3.3.3 of the course: cleaning, stop words, segmentation, encodings, augmentation; measured on the project's own data sets.
// Build both languages with: npm run notebooks -- 3.3.3-data-preprocessing
// %% [markdown] lang="zh"
// # 3.3.3 数据预处理：每一步到底有多大用？
//
// 清洗、去停用词、分词、编码、增强：书上说每一步都“提高模型的效果”。真的吗？提高多少？会不会有害？
// 本节把每一步都放到带标准答案的数据上测量：70 个脏网页、458 个人工分词的句子、每种语言 2574 条安全告警。凡是有随机性的结果都给出区间；区间包含 0 时，我们说“看不出差别”。
//
// 需要的资源：不到 2 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.3.3 Data preprocessing: what is each step really good for?
//
// Cleaning, stop words, segmentation, encoding, augmentation: the book says that every step "improves the model". Does it? By how much? Can it do harm?
// Here every step is measured on data with known answers: 70 dirty web pages, 458 sentences segmented by hand, 2574 security alerts in each language. Where there is chance there is an interval; where it holds 0 we say "no difference seen".
//
// It needs less than 2 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { courseFile, budget, table, show, lineChart, barChart, heatmap, scatterChart, t } from "tunelab";

type Page = { id: string; raw: string; clean: string; duplicateOf?: string };
type Alert = { text: string; label: string };
const pages = await tl.loadRecords<Page>(courseFile("data/dirty-pages/pages.jsonl"));
const alerts = (language: string, split: string) => tl.loadRecords<Alert>(courseFile(`data/security-alerts/${language}/${split}.jsonl`));
/** Says what an interval of a difference shows: above 0, below 0, or neither. */
const judge = ({ low, high }: { low: number; high: number }, words: { more: string; less: string; open: string }) => (low > 0 ? words.more : high < 0 ? words.less : words.open);
const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
console.log(t({ zh: "网页", en: "pages" }), pages.length);
// %% [markdown] lang="zh"
// ## 1. 文本清洗
//
// ### 1.1 一页网页，一步一步
//
// 清洗是一串小函数：每个函数输入文本，输出文本。`tl.clean` 依次运行它们，并记下每一步改了什么。红色带删除线的被删掉，绿色带下划线的是新加的；看不见的字符显示为 ⟨编码⟩。
// %% [markdown] lang="en"
// ## 1. Cleaning
//
// ### 1.1 One page, step by step
//
// Cleaning is a chain of small functions from text to text. `tl.clean` runs them in turn and notes what each one changed. Red and struck through was removed, green and underlined was added; characters that cannot be seen appear as ⟨code⟩.
// %%
const rules = { ...tl.CLEANING, html: (text: string) => tl.stripHtml(text, { main: true }) };
const firstPage = tl.clean(pages[0].raw, rules);
for (const { step, before, after } of firstPage.changes) tl.showDiff(tl.textDiff(before, after), step);
console.log(firstPage.text === pages[0].clean ? t({ zh: "与人工清洗的结果相同", en: "the same as what a careful person kept" }) : t({ zh: "与人工清洗的结果不同", en: "not what a careful person kept" }));
// %% [markdown] lang="zh"
// ### 1.2 七十页：每一步有多大贡献？
//
// 每页都有一份人工清洗的正文。用字符级 F1 打分：清洗结果与正文的公共字符，占结果的比例是精确率，占正文的比例是召回率。
// 下面从原文开始，一步一步加上去。每一条都包含它上面的所有步骤；误差棒是对网页做自助抽样（bootstrap）得到的 95 % 区间。
// %% [markdown] lang="en"
// ### 1.2 Seventy pages: what does each step contribute?
//
// For every page there is the text that a careful person would keep. The score is F1 over characters: those that result and kept text have in common, as a share of the result (precision) and of the kept text (recall).
// We begin with the raw pages and add one step after the other. Each bar includes all steps above it; error bars are 95 % bootstrap intervals over the pages.
// %%
const length = (text: string) => [...text].length;
function pageF1(found: string, gold: string): number {
  if (!found && !gold) return 1; // rightly nothing
  const common = tl.textDiff(found, gold).filter(({ kind }) => kind === "same").reduce((n, piece) => n + length(piece.text), 0);
  return tl.precisionRecallF1(common, length(found), length(gold)).f1;
}
const stepNames = Object.keys(rules) as (keyof typeof rules)[];
const stages = [[], ...stepNames.map((_, i) => stepNames.slice(0, i + 1))].map((names) => {
  const chosen = Object.fromEntries(names.map((name) => [name, rules[name]]));
  return { name: names.at(-1) ?? t({ zh: "原文", en: "raw" }), texts: pages.map((page) => tl.clean(page.raw, chosen).text) };
});
const stageScores = stages.map(({ texts }) => texts.map((text, i) => pageF1(text, pages[i].clean)));
const stageF1 = stageScores.map((scores) => tl.bootstrapInterval(scores, tl.mean));
// %%
await show(barChart({
  title: t({ zh: "清洗：每加一步之后的字符 F1", en: "Cleaning: character F1 after each further step" }), x: { title: t({ zh: "最后加上的步骤", en: "step added last" }) }, y: { title: "F1" }, horizontal: true,
  series: [{ name: "F1", x: stages.map(({ name }) => name), y: stageF1.map((s) => s.estimate), error: stageF1.map((s) => (s.high - s.low) / 2) }],
  alt: stages.map(({ name }, i) => `${name}: ${stageF1[i].estimate.toFixed(3)}`).join("; "),
}));
const cleaningGain = tl.pairedDifference(stageScores[0], stageScores.at(-1)!, tl.mean);
console.log(`ΔF1 = ${cleaningGain.estimate.toFixed(3)} [${cleaningGain.low.toFixed(3)}, ${cleaningGain.high.toFixed(3)}]`);
const gains = stageF1.map((s, i) => (i ? s.estimate - stageF1[i - 1].estimate : 0)), bestStep = gains.indexOf(Math.max(...gains)), worstStep = gains.indexOf(Math.min(...gains));
console.log(t({ zh: `贡献最大的一步：${stages[bestStep].name}（+${gains[bestStep].toFixed(3)}）`, en: `the step that adds most: ${stages[bestStep].name} (+${gains[bestStep].toFixed(3)})` }));
console.log(gains[worstStep] < 0 ? t({ zh: `使 F1 下降的一步：${stages[worstStep].name}（${gains[worstStep].toFixed(3)}）`, en: `a step that lowers F1: ${stages[worstStep].name} (${gains[worstStep].toFixed(3)})` }) : t({ zh: "没有哪一步使 F1 下降", en: "no step lowers F1" }));
// %% [markdown] lang="zh"
// ### 1.3 顺序与取舍
//
// 顺序很重要。一页教程里写着 `x &lt; y`：如果先解码实体、再删标签，`<` 就会被当成标签的开头。去掉网址和邮箱也是取舍：句子离不开它们时，应当换成占位符。该清洗什么取决于任务：命名实体识别要留住大小写、数字和地址；情感分析要留住感叹号和否定词；分类只需要与类别有关的内容。
// 对大模型来说，清洗还省钱：下面用课程模型的分词器数一数清洗前后的词元数。
// %% [markdown] lang="en"
// ### 1.3 Order, and what to give up
//
// Order matters. One page of a tutorial says `x &lt; y`: decode entities first and strip tags then, and `<` is taken for the beginning of a tag. Removing URLs and addresses is a choice, too: where the sentence needs them, a placeholder is better. What to clean depends on the task: recognising named entities needs capitals, digits and addresses; sentiment needs exclamation marks and negations; classification needs only what bears on the class.
// For a large model cleaning also saves money: we count tokens before and after with the course model's tokenizer.
// %%
const tutorial = "<p>if a&lt;b and b&gt;c then a&lt;c</p>";
const rightOrder = tl.clean(tutorial, ["html", "entities"]).text, wrongOrder = tl.clean(tutorial, ["entities", "html"]).text;
table([{ [t({ zh: "顺序", en: "order" })]: "html → entities", [t({ zh: "结果", en: "result" })]: rightOrder }, { [t({ zh: "顺序", en: "order" })]: "entities → html", [t({ zh: "结果", en: "result" })]: wrongOrder }]);
const model = await tl.load(tl.courseModel());
const tokensOf = (texts: string[]) => texts.reduce((n, text) => n + model.tokenizer.encode(text).length, 0);
const rawTokens = tokensOf(pages.map((p) => p.raw)), cleanTokens = tokensOf(stages.at(-1)!.texts);
console.log(t({ zh: `词元：${rawTokens} → ${cleanTokens}，省下 ${percent(1 - cleanTokens / rawTokens)}`, en: `tokens: ${rawTokens} → ${cleanTokens}, ${percent(1 - cleanTokens / rawTokens)} saved` }));
// %% [markdown] lang="zh"
// ### 1.4 重复的网页
//
// 完全相同的文本比较一下就能找到；近似重复要比较字符四元组集合的 Jaccard 系数 $|A\cap B|/|A\cup B|$。MinHash 为每个集合算一个短签名，只把签名有一段相同的对拿去细比，所以不必比较所有的对。
// 数据里标出了哪些页是重复的，于是可以给“清洗前去重”和“清洗后去重”打分。
// %% [markdown] lang="en"
// ### 1.4 Duplicate pages
//
// Equal texts are found by comparing them; near duplicates by the Jaccard index $|A\cap B|/|A\cup B|$ of their sets of four-character runs. MinHash gives each set a short signature, and only pairs whose signatures share a band are compared at all.
// The data set says which pages are duplicates, so we can score removing duplicates before and after cleaning.
// %%
const isDuplicate = new Set(pages.flatMap((p, i) => (p.duplicateOf ? [i] : [])));
const duplicateScore = (name: string, texts: string[]) => {
  const { groups, candidates, pairs } = tl.findDuplicates(texts, { threshold: 0.7 }), removed = groups.flatMap(([, ...rest]) => rest);
  const { precision, recall, f1 } = tl.precisionRecallF1(removed.filter((i) => isDuplicate.has(i)).length, removed.length, isDuplicate.size);
  return { [t({ zh: "文本", en: "texts" })]: name, precision, recall, F1: f1, [t({ zh: "细比的对", en: "pairs compared" })]: candidates, [t({ zh: "全部的对", en: "all pairs" })]: pairs };
};
table([duplicateScore(t({ zh: "清洗前", en: "raw" }), pages.map((p) => p.raw)), duplicateScore(t({ zh: "清洗后", en: "cleaned" }), stages.at(-1)!.texts)]);
// %% [markdown] lang="zh"
// ### 1.5 停用词
//
// 停用词是出现很多、意义很少的词。**静态**停用词表是现成的（“的”“是”“在”，the、is、and）；**动态**停用词从语料中算出来，例如出现在很多文档里的词。
// 但“常见”不等于“没有意义”。下面对每个常见的词算它与告警类别的互信息 $I=\sum_{w,c}p(w,c)\log_2\frac{p(w,c)}{p(w)p(c)}$：这个词出现与否，告诉我们多少关于类别的信息。
// 标 ✓ 的词在库的领域例外表里（error、warning、alert、登录、攻击……），不会被当作停用词。
// %% [markdown] lang="en"
// ### 1.5 Stop words
//
// Stop words are frequent and say little. **Static** lists are ready-made (the, is, and; 的, 是, 在); **dynamic** ones are computed from a corpus, for example the words that occur in many documents.
// But frequent does not mean meaningless. For each frequent word we compute its mutual information with the class of the alert, $I=\sum_{w,c}p(w,c)\log_2\frac{p(w,c)}{p(w)p(c)}$: what its presence tells about the class.
// Words marked ✓ are among the library's exceptions for the domain (error, warning, alert, login, 攻击 …) and are never stop words.
// %%
const zhCut = tl.mixedSegmenter(tl.jiebaSegmenter());
const cutters = { zh: zhCut, en: (text: string) => text.match(/[\p{L}\p{N}_]+/gu) ?? [] };
const wordsIn = (language: "zh" | "en", text: string) => cutters[language](text).map((w) => w.toLowerCase()).filter((w) => /\p{L}/u.test(w));
const corpus = async (language: "zh" | "en") => {
  const read = async (...splits: string[]) => (await Promise.all(splits.map((s) => alerts(language, s)))).flat().map(({ text, label }) => ({ words: wordsIn(language, text), label }));
  return { language, train: await read("train"), test: await read("validation", "test"), hard: await read("hard") };
};
const corpora = [await corpus("zh"), await corpus("en")];
console.log(corpora.map((c) => `${c.language}: ${c.train.length} / ${c.test.length} / ${c.hard.length}`).join(", "));
// %%
function information(word: string, items: { words: string[]; label: string }[]): number {
  const has = items.map(({ words }) => words.includes(word)), n = items.length;
  const joint = new Map<string, number>(), share = (test: (i: number) => boolean) => items.filter((_, i) => test(i)).length / n;
  items.forEach(({ label }, i) => joint.set(`${has[i]} ${label}`, (joint.get(`${has[i]} ${label}`) ?? 0) + 1 / n));
  return [...joint].reduce((sum, [key, p]) => { const [h, c] = key.split(" "); return sum + p * Math.log2(p / (share((i) => String(has[i]) === h) * share((i) => items[i].label === c))); }, 0);
}
for (const { language, train } of corpora) {
  const frequent = tl.dynamicStopWords(train.map((r) => r.words), { least: 0, most: 14, keep: new Set() });
  table(frequent.map(({ word, documentFrequency }) => ({
    [t({ zh: "词", en: "word" })]: word, [t({ zh: "文档频率", en: "document frequency" })]: documentFrequency, [t({ zh: "互信息（比特）", en: "information (bits)" })]: information(word, train),
    [t({ zh: "静态表", en: "static list" })]: tl.STOP_WORDS[language].has(word) ? "✓" : "", [t({ zh: "领域例外", en: "exception" })]: tl.SECURITY_TERMS.has(word) ? "✓" : "",
  })), `${t({ zh: "最常见的词", en: "the most frequent words" })} (${language})`);
}
// %%
const informative = corpora.flatMap(({ language, train }) => tl.dynamicStopWords(train.map((r) => r.words), { least: 0.01, keep: new Set() })
  .filter(({ word }) => tl.SECURITY_TERMS.has(word) !== tl.STOP_WORDS[language].has(word)).map(({ word }) => ({ bits: information(word, train), term: tl.SECURITY_TERMS.has(word) })));
const meanBits = (items: typeof informative, term: boolean) => { const chosen = items.filter((x) => x.term === term); return chosen.length ? tl.mean(chosen.map((x) => x.bits)) : NaN; };
const termBits = tl.bootstrapInterval(informative, (items) => meanBits(items, true) - meanBits(items, false), { samples: 500 });
console.log(t({ zh: `至少出现在 1 % 的告警里的词：领域词平均 ${meanBits(informative, true).toFixed(3)} 比特，静态停用词 ${meanBits(informative, false).toFixed(3)} 比特`, en: `words in at least 1 % of the alerts: domain terms ${meanBits(informative, true).toFixed(3)} bits on average, static stop words ${meanBits(informative, false).toFixed(3)}` }));
console.log(judge(termBits, { more: t({ zh: "领域词携带更多信息：不应随意去除，书上说得对", en: "domain terms tell more: the book is right not to drop them" }), less: t({ zh: "领域词携带的信息反而更少", en: "domain terms tell even less" }), open: t({ zh: "看不出差别", en: "no difference seen" }) }));
// %% [markdown] lang="zh"
// 去掉停用词，分类真的更准吗？用朴素贝叶斯（在词袋上，毫秒级）训练，每种处理都用同一批测试告警，比较它与“不去停用词”的**配对**差。`hard` 是换了说法的困难集。
// 表里有 12 个比较：即使停用词毫无影响，12 个 95 % 区间里也平均有 0.6 个会碰巧不含 0。
// %% [markdown] lang="en"
// Does classification really get better without stop words? We train naive Bayes (on bags of words, in milliseconds) and look at the **paired** difference to keeping everything, on the same test alerts. `hard` is the split of paraphrases.
// There are 12 comparisons: even if stop words did nothing, 0.6 of twelve 95 % intervals would miss 0 by chance.
// %%
const filters: { name: string; of: (c: (typeof corpora)[number]) => (words: string[]) => string[] }[] = [
  { name: t({ zh: "不去停用词", en: "all words" }), of: () => (words) => words },
  { name: t({ zh: "静态表", en: "static list" }), of: (c) => (words) => tl.removeStopWords(words, tl.STOP_WORDS[c.language]) },
  ...[true, false].map((keep) => ({
    name: t({ zh: `动态（≥ 2 % 的文档），${keep ? "有" : "无"}例外`, en: `dynamic (≥ 2 % of documents), ${keep ? "with" : "without"} exceptions` }),
    of: (c: (typeof corpora)[number]) => {
      const options = { keep: keep ? tl.SECURITY_TERMS : new Set<string>() }, stop = tl.dynamicStopWords(c.train.map((r) => r.words), { least: 0.02, ...options }).map((w) => w.word);
      return (words: string[]) => tl.removeStopWords(words, stop, options);
    },
  })),
];
const stopResults = corpora.flatMap((c) => (["test", "hard"] as const).flatMap((split) => {
  const hits = filters.map(({ of }) => { const f = of(c), nb = tl.naiveBayes(c.train.map((r) => f(r.words)), c.train.map((r) => r.label)); return c[split].map((r) => Number(nb.classify(f(r.words)) === r.label)); });
  return hits.map((h, i) => ({ language: c.language, split, name: filters[i].name, accuracy: tl.mean(h), difference: tl.pairedDifference(hits[0], h, tl.mean) }));
}));
// %%
const betterWorse = { more: t({ zh: "更准", en: "better" }), less: t({ zh: "更差", en: "worse" }), open: t({ zh: "看不出差别", en: "no difference seen" }) };
table(stopResults.map(({ language, split, name, accuracy, difference }) => ({
  [t({ zh: "数据", en: "data" })]: `${language} ${split}`, [t({ zh: "处理", en: "treatment" })]: name, [t({ zh: "准确率", en: "accuracy" })]: accuracy,
  [t({ zh: "与不去停用词之差（95 %）", en: "difference to all words (95 %)" })]: name === filters[0].name ? "" : `${difference.estimate.toFixed(3)} [${difference.low.toFixed(3)}, ${difference.high.toFixed(3)}]`,
  [t({ zh: "结论", en: "verdict" })]: name === filters[0].name ? "" : judge(difference, betterWorse),
})), t({ zh: "去停用词之后的分类准确率", en: "Accuracy after removing stop words" }));
// %% [markdown] lang="zh"
// 大模型又如何？语言模型学的是完整的句子，停用词正是句子的骨架。下面是课程模型在安全问答的答案上的损失（纳特/词元），保留与删除停用词各一次。
// 损失若升高，说明删去停用词的文本离模型学过的语言更远：停用词表属于词袋一类的模型，微调大模型时一般**不要**删。
// %% [markdown] lang="en"
// And a large model? A language model has learned whole sentences, and stop words are their frame. Below is the course model's loss (nats per token) on answers of the security Q&A, with and without stop words.
// If it rises, text without stop words is further from the language that the model has learned: stop lists belong to models over bags of words, and to fine-tune a large model one usually does **not** remove stop words.
// %%
const answersZh = (await tl.loadRecords<{ question: string; answer: string }>(courseFile("data/security-qa/zh/test.jsonl"))).slice(0, budget(24, 8));
const lossOf = async (change: (answer: string) => string) => {
  const out: number[] = [];
  for (const { question, answer } of answersZh) out.push((await tl.evaluate(model, tl.encodeExamples(model.tokenizer, [{ question, answer: change(answer) }]))).loss);
  return out;
};
const whole = await lossOf((a) => a), stripped = await lossOf((a) => tl.joinWords(tl.removeStopWords(zhCut(a), tl.STOP_WORDS.zh)));
const strange = tl.pairedDifference(whole, stripped, tl.mean);
console.log(`${tl.mean(whole).toFixed(3)} → ${tl.mean(stripped).toFixed(3)}, Δ = ${strange.estimate.toFixed(3)} [${strange.low.toFixed(3)}, ${strange.high.toFixed(3)}]`);
console.log(judge(strange, { more: t({ zh: "删去停用词后，句子对语言模型更难预测", en: "without stop words the sentences are harder to predict" }), less: t({ zh: "删去停用词后，句子反而更容易预测", en: "without stop words the sentences are easier to predict" }), open: betterWorse.open }));
// %% [markdown] lang="zh"
// ## 2. 分词
//
// 中文的词之间没有空格。所有分词方法都回答同一个问题：切在哪里？数据：353 个训练句、105 个测试句，人工切分。
//
// ### 2.1 基于规则：最大匹配与最小切分
//
// **最大匹配**从左（正向）或从右（逆向）每次取词典里最长的词；双向匹配取词数较少的一个。**最小切分**在所有可能的词构成的图里找最短路径；给每条边加上 $-\log p(w)$，就得到最可能的切分。词典用 jieba 的约 35 万词。
// %% [markdown] lang="en"
// ## 2. Segmentation
//
// Chinese has no spaces between words. All methods answer one question: where to cut? Data: 353 training and 105 test sentences, cut by hand.
//
// ### 2.1 Rules: maximum matching and minimum cut
//
// **Maximum matching** always takes the longest word of a lexicon, from the left (forward) or the right (backward); both ways: the cut with fewer words. **Minimum cut** finds the shortest path through the graph of all possible words; with $-\log p(w)$ on each edge, the most probable cut. The lexicon is jieba's, about 350,000 words.
// %%
import * as fs from "fs";
const segmented = (name: string) => fs.readFileSync(courseFile(`data/segmentation/${name}.txt`), "utf8").trim().split("\n").map((line) => line.split(" "));
const [segTrain, segTest] = [segmented("train"), segmented("test")];
const bigLexicon = tl.jiebaLexicon(), smallLexicon = tl.lexiconOf(segTrain), seenWords = new Set(segTrain.flat());
const ruleBased: Record<string, tl.Segmenter> = {
  [t({ zh: "正向最大匹配", en: "forward matching" })]: tl.maximumMatch(bigLexicon), [t({ zh: "逆向最大匹配", en: "backward matching" })]: tl.maximumMatch(bigLexicon, { direction: "backward" }),
  [t({ zh: "双向最大匹配", en: "both ways" })]: tl.maximumMatch(bigLexicon, { direction: "bidirectional" }),
  [t({ zh: "最小切分", en: "minimum cut" })]: tl.minimumCut(bigLexicon), [t({ zh: "最小切分，−log p", en: "minimum cut, −log p" })]: tl.minimumCut(bigLexicon, { costs: "unigram" }),
};
table(["研究生命起源", "南京市长江大桥", "乒乓球拍卖完了"].map((text) => ({ [t({ zh: "句子", en: "sentence" })]: text, ...Object.fromEntries(Object.entries(ruleBased).map(([name, cut]) => [name, cut(text).join(" / ")])) })));
// %% [markdown] lang="zh"
// ### 2.2 基于统计：隐马尔可夫模型
//
// 给每个字一个标签：词首 B、词中 M、词尾 E、单字词 S。隐马尔可夫模型在训练句上数出“标签到标签”和“标签到字”的概率，再用维特比算法找概率最大的标签序列。它不需要词典，所以能切出从没见过的词。
// %% [markdown] lang="en"
// ### 2.2 Statistics: a hidden Markov model
//
// Each character gets a tag: B begins a word, M is inside, E ends it, S is a word by itself. The model counts, on the training sentences, the probabilities from tag to tag and from tag to character; Viterbi's algorithm finds the most probable tags. It needs no lexicon, so it can cut out words that it has never seen.
// %%
const hmm = tl.trainHmm(segTrain);
await show(heatmap({
  title: t({ zh: "标签转移概率", en: "Transition probabilities of the tags" }), x: { title: t({ zh: "下一个标签", en: "next tag" }) }, y: { title: t({ zh: "当前标签", en: "tag" }) },
  xs: [...tl.TAGS], ys: [...tl.TAGS].reverse(), z: hmm.transition.map((row) => row.map(Math.exp)).reverse(), zTitle: "P",
  alt: tl.TAGS.flatMap((a, i) => tl.TAGS.flatMap((b, j) => (Number.isFinite(hmm.transition[i][j]) ? [`${a}→${b} ${Math.exp(hmm.transition[i][j]).toFixed(2)}`] : []))).join(", "),
}));
// %% [markdown] lang="zh"
// ### 2.3 基于深度学习：神经标注器
//
// 同样的四个标签，但由一个小神经网络打分：它看前后各两个字和两个字对的嵌入，经过一个隐藏层。就在这里训练。
// %% [markdown] lang="en"
// ### 2.3 Deep learning: a neural tagger
//
// The same four tags, now scored by a small neural network: it sees embeddings of two characters on each side and of two pairs, through one hidden layer. It is trained right here.
// %%
const taggerLoss: number[] = [];
const tagger = await tl.trainTagger(segTrain, { epochs: budget(12, 3), onEpoch: (_, loss) => void taggerLoss.push(loss) });
await show(lineChart({
  title: t({ zh: "神经标注器的训练", en: "Training the tagger" }), x: { title: t({ zh: "轮", en: "epoch" }) }, y: { title: t({ zh: "损失（纳特/字）", en: "loss (nats per character)" }) },
  series: [{ name: "loss", x: taggerLoss.map((_, i) => i + 1), y: taggerLoss }], alt: `${taggerLoss[0].toFixed(3)} → ${taggerLoss.at(-1)!.toFixed(3)}`,
}));
// %% [markdown] lang="zh"
// ### 2.4 jieba 与中英混合
//
// jieba 把词典、最大概率路径和处理未登录词的隐马尔可夫模型结合在一起，这正是书上建议的“规则加统计”。第一行是书上的例句。
// 网络安全文本里中英混杂，还有“SQL 注入”“CVE-2021-44228”这样的术语：`mixedSegmenter` 先用规则保住术语、编号和地址，再把剩下的中文交给 jieba。最后一行是英文：按空格切，标点会粘在词上。
// %% [markdown] lang="en"
// ### 2.4 jieba, and mixed Chinese and English
//
// jieba combines a lexicon, the most probable path, and a hidden Markov model for unknown words: just the "rules plus statistics" that the book recommends. The first line is the book's sentence.
// Security texts mix Chinese and English and hold terms like SQL注入 and CVE-2021-44228: `mixedSegmenter` first keeps terms, identifiers and addresses by rules and leaves the rest of the Chinese to jieba. The last line is English: cut at spaces, and the marks stick to the words.
// %%
const jieba = tl.jiebaSegmenter(), mixed = tl.mixedSegmenter(jieba, { terms: ["SQL注入", "DDoS攻击", "零日漏洞", "勒索软件"] });
table(["自然语言处理是人工智能领域的一个重要方向", "WAF拦截了来自10.0.0.8:8080的SQL注入，CVE-2021-44228尚未修补", "DDoS攻击与勒索软件利用了零日漏洞", "Don't open invoice.pdf, it's malware."].map((text) => ({
  [t({ zh: "句子", en: "sentence" })]: text, [t({ zh: "按空格", en: "by spaces" })]: text.split(" ").join(" / "), jieba: jieba(text).join(" / "), [t({ zh: "混合", en: "mixed" })]: mixed(text).join(" / "),
})));
// %% [markdown] lang="zh"
// ### 2.5 打分
//
// 一个词两端都切对才算对。“未登录词”是训练句里没有出现过的词：每种方法能找回多少？前两种方法只有训练句的词典，与隐马尔可夫模型、神经标注器公平比较；后面几种用了 jieba 的大词典。
// %% [markdown] lang="en"
// ### 2.5 Scores
//
// A word counts if both its ends are right. Unknown words are those that the training sentences lack: how many does each method find? The first two have only the lexicon of the training sentences, a fair comparison with the Markov model and the tagger; the others have jieba's large lexicon.
// %%
const methods: Record<string, tl.Segmenter> = {
  [t({ zh: "正向匹配，小词典", en: "forward, small lexicon" })]: tl.maximumMatch(smallLexicon), [t({ zh: "最小切分，小词典", en: "min. cut, small lexicon" })]: tl.minimumCut(smallLexicon),
  [t({ zh: "隐马尔可夫", en: "Markov model" })]: tl.hmmSegmenter(hmm), [t({ zh: "神经标注器", en: "neural tagger" })]: tagger.segment,
  [t({ zh: "正向匹配，大词典", en: "forward, large lexicon" })]: tl.maximumMatch(bigLexicon), [t({ zh: "最小切分 −log p", en: "min. cut −log p" })]: tl.minimumCut(bigLexicon, { costs: "unigram" }),
  jieba, [t({ zh: "jieba + 训练词", en: "jieba + training words" })]: tl.jiebaSegmenter({ words: [...seenWords].filter((w) => w.length > 1) }),
};
const cuts = Object.values(methods).map((cut) => segTest.map((words) => cut(words.join(""))));
const segScore = (found: string[][], gold = segTest) => tl.scoreSegmentation(found, gold, { known: seenWords });
const segF1 = cuts.map((found) => tl.bootstrapInterval(segTest.map((gold, i) => ({ gold, found: found[i] })), (items) => segScore(items.map((x) => x.found), items.map((x) => x.gold)).f1, { samples: budget(300, 50) }));
table(Object.keys(methods).map((name, i) => { const { precision, recall, f1, unknownRecall, knownRecall } = segScore(cuts[i]); return { [t({ zh: "方法", en: "method" })]: name, P: precision, R: recall, F1: f1, [t({ zh: "R（已知词）", en: "R, known words" })]: knownRecall, [t({ zh: "R（未登录词）", en: "R, unknown words" })]: unknownRecall }; }));
// %%
await show(barChart({
  title: t({ zh: "分词的 F1（95 % 区间）", en: "Segmentation: F1 (95 % intervals)" }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: "F1" }, horizontal: true,
  series: [{ name: "F1", x: Object.keys(methods), y: segF1.map((s) => s.estimate), error: segF1.map((s) => (s.high - s.low) / 2) }],
  alt: Object.keys(methods).map((name, i) => `${name}: ${segF1[i].estimate.toFixed(3)}`).join("; "),
}));
const compareCuts = (a: number, b: number, score: (s: tl.SegmentationScore) => number) => tl.pairedDifference(segTest.map((gold, i) => ({ gold, found: cuts[a][i] })), segTest.map((gold, i) => ({ gold, found: cuts[b][i] })), (items) => score(segScore(items.map((x) => x.found), items.map((x) => x.gold))), { samples: budget(300, 50) });
const unknownGain = compareCuts(0, 2, (s) => s.unknownRecall), neuralGain = compareCuts(2, 3, (s) => s.f1), combinedGain = compareCuts(6, 7, (s) => s.f1);
// %% [markdown] lang="zh"
// 与书上的三个说法对照：规则方法“难以处理未登录词”；深度学习方法“越来越流行”（更好吗？）；规则与统计“可以结合使用”。
// %% [markdown] lang="en"
// Three statements of the book held against this: rules "can hardly deal with unknown words"; deep learning is "more and more popular" (is it better?); rules and statistics "can be combined".
// %%
const gap = ({ estimate, low, high }: tl.BootstrapInterval) => `${estimate.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
const column = { claim: t({ zh: "比较", en: "comparison" }), difference: t({ zh: "差（95 %）", en: "difference (95 %)" }), verdict: t({ zh: "结论", en: "verdict" }) };
table([
  { [column.claim]: t({ zh: "未登录词召回率：隐马尔可夫 − 最大匹配（同样的训练数据）", en: "recall of unknown words: Markov model − maximum matching (same training data)" }), [column.difference]: gap(unknownGain), [column.verdict]: judge(unknownGain, { more: t({ zh: "统计方法找回更多", en: "statistics finds more" }), less: t({ zh: "规则方法找回更多", en: "rules find more" }), open: betterWorse.open }) },
  { [column.claim]: t({ zh: "F1：神经标注器 − 隐马尔可夫", en: "F1: neural tagger − Markov model" }), [column.difference]: gap(neuralGain), [column.verdict]: judge(neuralGain, betterWorse) },
  { [column.claim]: t({ zh: "F1：jieba 加训练词 − jieba", en: "F1: jieba with the training words − jieba" }), [column.difference]: gap(combinedGain), [column.verdict]: judge(combinedGain, betterWorse) },
]);
// %% [markdown] lang="zh"
// 注意：大词典的分数不只反映方法好坏，也反映词典与本数据的切分**规范**是否一致（例如“不能”是一个词还是两个词）。353 句的训练集很小，神经方法的优势通常要在大得多的语料上才显现。
// %% [markdown] lang="en"
// Mind that the scores with the large lexicon tell not only how good a method is, but also whether the lexicon's **convention** is that of this data set (is 不能 one word or two?). And 353 sentences are few: neural methods usually show their strength with far more text.
// %% [markdown] lang="zh"
// ## 3. 编码
//
// ### 3.1 独热（one-hot）
//
// 词表有多少个词，向量就有多少维；每个词只有一个 1。任何两个不同的词都一样远：夹角余弦是 0，距离是 $\sqrt2$。所以独热向量里没有“意思”。
// %% [markdown] lang="en"
// ## 3. Encoding
//
// ### 3.1 One-hot
//
// As many dimensions as the vocabulary has words; each word has a single 1. Any two words are equally far apart: cosine 0, distance $\sqrt2$. So one-hot vectors hold no meaning.
// %%
const zhTexts = [...(await alerts("zh", "train")).map((r) => r.text), ...(await tl.loadRecords<{ question: string; answer: string }>(courseFile("data/security-qa/zh/train.jsonl"))).flatMap((r) => [r.question, r.answer]), ...(await tl.loadRecords<{ text: string }>(courseFile("data/general/zh/train.jsonl"))).map((r) => r.text)];
const enTexts = [...(await alerts("en", "train")).map((r) => r.text), ...(await tl.loadRecords<{ question: string; answer: string }>(courseFile("data/security-qa/en/train.jsonl"))).flatMap((r) => [r.question, r.answer]), ...(await tl.loadRecords<{ text: string }>(courseFile("data/general/en/train.jsonl"))).map((r) => r.text)];
const sentencesOf = (language: "zh" | "en", texts: string[]) => texts.map((text) => tl.removeStopWords(wordsIn(language, text).filter((w) => !/\d/.test(w)), tl.STOP_WORDS[language]));
const sentences = { zh: sentencesOf("zh", zhTexts), en: sentencesOf("en", enTexts) };
const words = { zh: tl.vocabulary(sentences.zh, { least: 4 }), en: tl.vocabulary(sentences.en, { least: 4 }) };
const threeHot = tl.oneHot(["密码", "口令", "端口"].filter((w) => words.zh.ids.has(w)), words.zh), hotRows = threeHot.arraySync() as number[][];
console.log(t({ zh: "形状", en: "shape" }), threeHot.shape, t({ zh: "余弦", en: "cosine" }), tl.cosine(hotRows[0], hotRows[1]), t({ zh: "距离", en: "distance" }), Math.hypot(...hotRows[0].map((x, i) => x - hotRows[1][i])).toFixed(4));
// %% [markdown] lang="zh"
// ### 3.2 Word2Vec
//
// 一个词的意思看它的邻居。Word2Vec（skip-gram，负采样）由中心词预测上下文（另一种形式 CBOW 由上下文预测中心词）：让中心词 $c$ 的向量与真邻居 $o$ 的点积大，与随机抽来的词 $n_k$ 的点积小：
//
// $$\mathcal L=-\log\sigma(v_c\cdot u_o)-\sum_{k=1}^{K}\log\sigma(-v_c\cdot u_{n_k})$$
//
// 在告警、问答和通用文本上现场训练，中文和英文各一个模型，50 维。
// %% [markdown] lang="en"
// ### 3.2 Word2Vec
//
// A word is known by the company it keeps. Word2Vec (skip-gram with negative sampling) predicts the context from the word in the centre (the other form, CBOW, predicts the centre from its context): it makes the product of the centre's vector $c$ with a true neighbour $o$ large, and with words $n_k$ drawn at random small:
//
// $$\mathcal L=-\log\sigma(v_c\cdot u_o)-\sum_{k=1}^{K}\log\sigma(-v_c\cdot u_{n_k})$$
//
// We train it here on the alerts, the Q&A and the general texts, one model for Chinese and one for English, in 50 dimensions.
// %%
const skipLoss: Record<"zh" | "en", number[]> = { zh: [], en: [] };
const learnVectors = (language: "zh" | "en") => tl.word2vec(sentences[language], { dimensions: 50, window: 5, epochs: budget(15, 2), least: 4, learningRate: 0.05, seed: 1, onEpoch: (_, loss) => void skipLoss[language].push(loss) });
const skipGram = { zh: await learnVectors("zh"), en: await learnVectors("en") };
await show(lineChart({
  title: t({ zh: "Word2Vec 的训练", en: "Training Word2Vec" }), x: { title: t({ zh: "轮", en: "epoch" }) }, y: { title: t({ zh: "损失（纳特/词对）", en: "loss (nats per pair)" }) },
  series: (["zh", "en"] as const).map((l) => ({ name: l, x: skipLoss[l].map((_, i) => i + 1), y: skipLoss[l] })), alt: (["zh", "en"] as const).map((l) => `${l}: ${skipLoss[l][0].toFixed(2)} → ${skipLoss[l].at(-1)!.toFixed(2)}`).join("; "),
}));
// %% [markdown] lang="zh"
// ### 3.3 GloVe
//
// GloVe 先数出所有词对在窗口内共同出现的次数 $x_{ij}$，再让两个向量的点积逼近 $\log x_{ij}$：$\sum_{ij}f(x_{ij})\,(w_i\cdot v_j+b_i+c_j-\log x_{ij})^2$。同样的语料，同样的维度。
//
// 下面是最近的邻居，以及投影到两个主方向上的“词地图”。图只显示了方差的一部分（标题里有比例），近处的词不一定真近。
// %% [markdown] lang="en"
// ### 3.3 GloVe
//
// GloVe first counts how often $x_{ij}$ two words occur together in a window, then makes the product of two vectors approach $\log x_{ij}$: $\sum_{ij}f(x_{ij})\,(w_i\cdot v_j+b_i+c_j-\log x_{ij})^2$. Same texts, same dimensions.
//
// Below are nearest neighbours, and maps of words on the two main directions. A map shows only part of the variance (the title says how much), so what looks near need not be near.
// %%
const learnGlove = (language: "zh" | "en") => tl.glove(sentences[language], { dimensions: 50, window: 8, epochs: budget(30, 3), least: 4, seed: 1 });
const gloveVectors = { zh: await learnGlove("zh"), en: await learnGlove("en") };
const neighbours = (v: tl.WordVectors, word: string) => tl.nearestWords(v, word, 5).map((n) => `${n.word} ${n.similarity.toFixed(2)}`).join(", ");
const probes = { zh: ["证书", "密码", "登录", "蠕虫", "ddos"], en: ["certificate", "password", "login", "worm", "scan"] };
table((["zh", "en"] as const).flatMap((l) => probes[l].filter((w) => words[l].ids.has(w)).map((word) => ({ [t({ zh: "词", en: "word" })]: word, Word2Vec: neighbours(skipGram[l], word), GloVe: neighbours(gloveVectors[l], word) }))));
// %%
const themes = {
  zh: { [t({ zh: "账户", en: "accounts" })]: ["登录", "密码", "账户", "用户", "口令"], [t({ zh: "网络", en: "network" })]: ["端口", "扫描", "流量", "带宽", "连接"], [t({ zh: "密码学", en: "cryptography" })]: ["证书", "密钥", "加密", "签名", "哈希"], [t({ zh: "日常", en: "daily life" })]: ["盐", "味道", "豆腐", "春天", "孩子"] },
  en: { [t({ zh: "账户", en: "accounts" })]: ["login", "password", "account", "user", "credentials"], [t({ zh: "网络", en: "network" })]: ["port", "scan", "traffic", "bandwidth", "packets"], [t({ zh: "密码学", en: "cryptography" })]: ["certificate", "key", "encryption", "signature", "hash"], [t({ zh: "日常", en: "daily life" })]: ["water", "bread", "ball", "birds", "winter"] },
};
for (const [name, vectors] of Object.entries({ Word2Vec: skipGram, GloVe: gloveVectors })) for (const l of ["zh", "en"] as const) {
  const chosen = Object.entries(themes[l]).map(([theme, list]) => ({ theme, list: list.filter((w) => words[l].ids.has(w)) }));
  const map = tl.wordMap(vectors[l], chosen.flatMap((c) => c.list)), at = new Map(map.words.map((w, i) => [w, i]));
  await show(scatterChart({
    title: t({ zh: `${name}，${l === "zh" ? "中文" : "英文"}（${percent(map.explained)} 的方差）`, en: `${name}, ${l === "zh" ? "Chinese" : "English"} (${percent(map.explained)} of the variance)` }), x: { title: t({ zh: "主方向 1", en: "direction 1" }) }, y: { title: t({ zh: "主方向 2", en: "direction 2" }) },
    groups: chosen.map(({ theme, list }) => ({ name: theme, labels: list, x: list.map((w) => map.x[at.get(w)!]), y: list.map((w) => map.y[at.get(w)!]) })),
    alt: chosen.map(({ theme, list }) => `${theme}: ${list.map((w) => `${w} (${map.x[at.get(w)!].toFixed(2)}, ${map.y[at.get(w)!].toFixed(2)})`).join(", ")}`).join("; "),
  }));
}
// %% [markdown] lang="zh"
// **词向量真的“捕捉语义”吗？** 拿增强用的同义词表来考它：同义词之间的余弦应当高于随便两个词。表里每个组只取词表中有的词；区间来自对同义词对的自助抽样。
// %% [markdown] lang="en"
// **Do vectors really "capture meaning"?** We examine them with the thesaurus used for augmentation: synonyms should have a higher cosine than any two words. Only words of the vocabulary count; intervals are bootstrapped over the pairs of synonyms.
// %%
const synonymTest = (["zh", "en"] as const).flatMap((l) => {
  const pairs = [...tl.SYNONYMS].flatMap(([a, others]) => others.filter((b) => a < b && words[l].ids.has(a) && words[l].ids.has(b)).map((b) => [a, b] as const));
  const draw = new tl.Random(1, "pairs"), any = Array.from({ length: 2000 }, () => [0, 0].map(() => words[l].words[draw.integer(words[l].words.length)])).filter(([a, b]) => a !== b);
  return Object.entries({ "Word2Vec": skipGram[l], GloVe: gloveVectors[l] }).map(([name, v]) => {
    const chance = tl.mean(any.map(([a, b]) => tl.wordSimilarity(v, a, b)));
    return { language: l, name, pairs: pairs.length, chance, excess: tl.bootstrapInterval(pairs.map(([a, b]) => tl.wordSimilarity(v, a, b) - chance), tl.mean) };
  });
});
table(synonymTest.map(({ language, name, pairs, chance, excess }) => ({
  [t({ zh: "语言", en: "language" })]: language, [t({ zh: "方法", en: "method" })]: name, [t({ zh: "同义词对", en: "pairs of synonyms" })]: pairs, [t({ zh: "随机词对的余弦", en: "cosine of any two" })]: chance,
  [t({ zh: "同义词高出（95 %）", en: "synonyms exceed by (95 %)" })]: gap(excess), [column.verdict]: judge(excess, { more: t({ zh: "捕捉到了", en: "captured" }), less: t({ zh: "反而更远", en: "further apart" }), open: betterWorse.open }),
})));
// %% [markdown] lang="zh"
// **类比**：书上说词向量能捕捉类比。能自动检查的一种是英文单复数：attack 之于 attacks，正如 server 之于 servers。取 $v_b-v_a+v_c$ 最近的 5 个词，看其中有没有正确答案；随便猜的话，命中率是 5 除以词数。
// %% [markdown] lang="en"
// **Analogies**: the book says that vectors capture them. One kind can be tested automatically, English plurals: attack is to attacks as server is to servers. We take the 5 words nearest to $v_b-v_a+v_c$ and see whether the right one is among them; guessing would hit in 5 of as many cases as there are words.
// %%
const plurals = words.en.words.filter((w) => w.length > 3 && words.en.ids.has(`${w}s`)), quizDraw = new tl.Random(2, "analogy");
const quiz = Array.from({ length: budget(200, 20) }, () => [0, 0].map(() => plurals[quizDraw.integer(plurals.length)])).filter(([a, b]) => a !== b);
const guessing = 5 / words.en.words.length;
table(Object.entries({ "Word2Vec": skipGram.en, GloVe: gloveVectors.en }).map(([name, v]) => {
  const hits = tl.bootstrapInterval(quiz.map(([a, b]) => Number(tl.analogy(v, a, `${a}s`, b).some((n) => n.word === `${b}s`))), tl.mean);
  const over = { low: hits.low - guessing, high: hits.high - guessing };
  return { [t({ zh: "方法", en: "method" })]: name, [t({ zh: "题数", en: "questions" })]: quiz.length, [t({ zh: "命中（95 %）", en: "hits (95 %)" })]: gap(hits), [t({ zh: "随便猜", en: "guessing" })]: guessing, [column.verdict]: judge(over, { more: t({ zh: "比猜强", en: "better than guessing" }), less: t({ zh: "比猜差", en: "worse than guessing" }), open: betterWorse.open }) };
}));
// %% [markdown] lang="zh"
// 注意语料只有几万个词：邻居更多地反映“出现在同一种告警里”，而不是“意思相同”。常用的词向量是在几十亿词上训练的；Python 里可以用 Gensim 训练，用 spaCy 读取。
// %% [markdown] lang="en"
// Mind that there are only some ten thousand words of text: neighbours mean "occurs in the same kind of alert" rather than "means the same". The vectors in common use were trained on billions of words; in Python, Gensim trains them and spaCy reads them.
// %% [markdown] lang="zh"
// ### 3.4 子词：WordPiece（BERT）与 BPE（GPT、Qwen）
//
// 词级的词表遇到新词只能记作“未知”。子词方法从字符（或字节）开始，一次次合并成更长的片段：BPE 合并**最频繁**的一对；WordPiece 合并 $\frac{f(ab)}{f(a)f(b)}$ 最大的一对。新词被拆成认识的片段；字节级 BPE 没有“未知”。
// %% [markdown] lang="en"
// ### 3.4 Subwords: WordPiece (BERT) and BPE (GPT, Qwen)
//
// A vocabulary of words can only call a new word "unknown". Subword methods start from characters (or bytes) and join them, again and again, to longer pieces: BPE joins the **most frequent** pair, WordPiece the pair with the largest $\frac{f(ab)}{f(a)f(b)}$. A new word falls into known pieces; BPE on bytes knows no "unknown".
// %%
const bothTexts = [...zhTexts, ...enTexts], newTexts = [...(await alerts("zh", "hard")), ...(await alerts("en", "hard"))].map((r) => r.text);
const pieces = tl.trainWordPiece(bothTexts, { vocabSize: budget(5000, 4200), minFrequency: 2 });
const wordPiece = tl.wordPieceEncoder(pieces), unknownId = pieces.tokens.indexOf("[UNK]");
const bpeSizes = budget(1, 0) ? [500, 1000, 2000, 4000, 8000] : [500, 1000];
const bpes = bpeSizes.map((vocabSize) => tl.trainBpe(bothTexts, { vocabSize })), bpeEncoders = bpes.map(tl.bpeEncoder);
const strangeText = "Log4Shell 漏洞 CVE-2021-44228 被利用，xworkbot 木马回连";
tl.showTokens(wordPiece.encode(strangeText).map((id) => ({ text: pieces.tokens[id], marked: id === unknownId })), { plain: "WordPiece", marked: t({ zh: "未知", en: "unknown" }) });
tl.showTokens(bpeEncoders.at(-1)!.encode(strangeText).map((id) => ({ text: bpeEncoders.at(-1)!.decode([id]), marked: bpeEncoders.at(-1)!.decode([id]).includes("\ufffd") })), { plain: "BPE", marked: t({ zh: "一个汉字的部分字节", en: "part of a character's bytes" }) });
// %%
const wordLevel = tl.vocabulary(bothTexts.map((x) => x.match(/\p{Script=Han}+|[\p{L}\p{N}_]+/gu) ?? [])), newWords = newTexts.flatMap((x) => x.match(/\p{Script=Han}+|[\p{L}\p{N}_]+/gu) ?? []);
const newPieces = newTexts.flatMap((x) => wordPiece.encode(x)), newCharacters = newTexts.reduce((n, x) => n + length(x), 0);
table([
  { [t({ zh: "编码", en: "encoding" })]: t({ zh: "整词（不分词）", en: "whole words (unsegmented)" }), [t({ zh: "词表", en: "vocabulary" })]: wordLevel.words.length, [t({ zh: "未知（%）", en: "unknown (%)" })]: (100 * newWords.filter((w) => !wordLevel.ids.has(w)).length) / newWords.length },
  { [t({ zh: "编码", en: "encoding" })]: "WordPiece", [t({ zh: "词表", en: "vocabulary" })]: pieces.tokens.length, [t({ zh: "未知（%）", en: "unknown (%)" })]: (100 * newPieces.filter((id) => id === unknownId).length) / newPieces.length },
  { [t({ zh: "编码", en: "encoding" })]: "BPE", [t({ zh: "词表", en: "vocabulary" })]: bpes.at(-1)!.tokens.length, [t({ zh: "未知（%）", en: "unknown (%)" })]: 100 * Number(newTexts.some((x) => bpeEncoders.at(-1)!.decode(bpeEncoders.at(-1)!.encode(x)) !== x.normalize("NFC"))) },
], t({ zh: "困难集里的新文本", en: "New texts, of the hard split" }));
const tokensPerCharacter = bpeEncoders.map((e) => newTexts.reduce((n, x) => n + e.encode(x).length, 0) / newCharacters);
await show(lineChart({
  title: t({ zh: "词表越大，序列越短", en: "A larger vocabulary makes sequences shorter" }), x: { title: t({ zh: "BPE 词表的大小", en: "size of the BPE vocabulary" }) }, y: { title: t({ zh: "词元数/字符数", en: "tokens per character" }) },
  series: [{ name: "BPE", x: bpeSizes.map((n) => `${n / 1000}k`), y: tokensPerCharacter }], alt: bpeSizes.map((n, i) => `${n}: ${tokensPerCharacter[i].toFixed(2)}`).join("; "),
}));
// %% [markdown] lang="zh"
// `tl.bpeTokenizerJson` 和 `tl.wordPieceTokenizerJson` 把它们写成 Python 的 tokenizers 能读的 `tokenizer.json`。**编码要与模型配套**：微调 BERT 用它自己的 WordPiece，微调 Qwen 用它自己的 BPE，不能自己另造一个。书上建议的“词嵌入加 BERT 编码”是把两种向量拼起来作特征，适合自己搭的小模型；微调大模型时用不到。
//
// ### 3.5 维度与范围
//
// 词向量的维度必须等于模型输入的维度：下面打印出课程模型嵌入矩阵的形状 [词元数, 维度]，上面那些 50 维的向量接不上。范围也要合适：把课程模型的嵌入乘以一个倍数，看第一步的损失和梯度范数。
// %% [markdown] lang="en"
// `tl.bpeTokenizerJson` and `tl.wordPieceTokenizerJson` write them as a `tokenizer.json` that Python's tokenizers read. **The encoding belongs to the model**: to fine-tune BERT take its own WordPiece, for Qwen its own BPE; do not make another. What the book suggests, word vectors together with BERT, means joining both vectors as features of a small model of one's own; fine-tuning a large model has no use for it.
//
// ### 3.5 Dimension and range
//
// A vector must have the dimension of the model's input: below is the shape [tokens, dimensions] of the course model's embedding, and the vectors of 50 numbers from above do not fit. Their range matters as well: we multiply the course model's embedding and look at loss and gradient of the first step.
// %%
const embeddingName = "model.embed_tokens.weight", embedding = model.params[embeddingName];
console.log(t({ zh: "嵌入矩阵的形状", en: "shape of the embedding" }), embedding.shape);
const qaRecords = await tl.loadRecords(courseFile("data/security-qa/zh/train.jsonl"));
const qaExamples = tl.encodeExamples(model.tokenizer, qaRecords.slice(0, 8));
const factors = [0.1, 0.3, 1, 3, 10, 30], firstSteps: tl.StepRecord[] = [];
for (const factor of factors) {
  const params = { ...model.params, [embeddingName]: tl.tf.mul(embedding, factor) };
  const { history, trained } = await tl.train({ model: { ...model, params }, method: tl.full(), data: { train: qaExamples }, steps: 1, batchSize: 8, display: false });
  firstSteps.push(history.steps[0]);
  tl.dispose(trained);
  params[embeddingName].dispose();
}
await show(lineChart({
  title: t({ zh: "嵌入的范围与第一步的梯度", en: "Range of the embedding and gradient of the first step" }), x: { title: t({ zh: "嵌入的倍数", en: "factor of the embedding" }) }, y: { title: t({ zh: "损失（纳特/词元）；梯度范数", en: "loss (nats per token); gradient norm" }), log: true },
  series: [{ name: t({ zh: "梯度范数", en: "gradient norm" }), x: factors.map((f) => `×${f}`), y: firstSteps.map((s) => s.gradientNorm) }, { name: t({ zh: "损失", en: "loss" }), x: factors.map((f) => `×${f}`), y: firstSteps.map((s) => s.loss) }],
  alt: factors.map((f, i) => `×${f}: ‖g‖ ${firstSteps[i].gradientNorm.toPrecision(3)}, ${t({ zh: "损失", en: "loss" })} ${firstSteps[i].loss.toPrecision(3)}`).join("; "),
}));
const growth = firstSteps.at(-1)!.gradientNorm / firstSteps[2].gradientNorm;
console.log(growth > 10 ? t({ zh: `嵌入放大 30 倍，梯度放大 ${growth.toFixed(0)} 倍：范围不当会使梯度爆炸`, en: `30 times the embedding gives ${growth.toFixed(0)} times the gradient: a wrong range makes gradients explode` }) : growth < 0.1 ? t({ zh: `嵌入放大 30 倍，梯度缩小到 ${percent(growth)}`, en: `30 times the embedding leaves ${percent(growth)} of the gradient` }) : t({ zh: `嵌入放大 30 倍，梯度变为 ${growth.toFixed(1)} 倍：这个模型的归一化层（RMSNorm）挡住了大部分影响`, en: `30 times the embedding gives ${growth.toFixed(1)} times the gradient: this model's normalisation (RMSNorm) absorbs most of it` }));
// %% [markdown] lang="zh"
// ## 4. 数据增强
//
// ### 4.1 四种操作
//
// EDA（Wei 与 Zou，2019）有四种操作：同义词替换、随机插入（插入同义词）、随机交换、随机删除。强度 $\alpha$ 决定改动多少：前三种改动 $n=\max(1,\mathrm{round}(\alpha\cdot\text{词数}))$ 处，删除则让每个词以概率 $\alpha$ 消失。
// 先看书上的例子：DDoS → 分布式拒绝服务，SQL注入 → SQL注入攻击，高兴 → 快乐。同义词要慎选：`tl.augment` 的 `protect` 可以保护承载标签的词，不让它们被替换或删除。
// %% [markdown] lang="en"
// ## 4. Augmentation
//
// ### 4.1 Four operations
//
// EDA (Wei & Zou 2019) has four: synonym replacement, random insertion (of synonyms), random swap and random deletion. The rate $\alpha$ says how much changes: $n=\max(1,\mathrm{round}(\alpha\cdot\text{words}))$ places for the first three; deletion removes each word with probability $\alpha$.
// The book's examples first: DDoS → 分布式拒绝服务, SQL注入 → SQL注入攻击, 高兴 → 快乐. Choose synonyms with care: `protect` of `tl.augment` keeps words that carry the label from being replaced or deleted.
// %%
console.log(["DDoS", "SQL注入", "高兴"].map((w) => `${w} → ${tl.SYNONYMS.get(w)?.join(" / ")}`).join("; "));
const samples = { zh: ["攻击者", "向", "服务器", "发送", "大量", "恶意", "流量", "，", "防火墙", "已", "阻断", "连接", "。"], en: "the attacker sent many malicious packets to the server , and the firewall blocked the connection .".split(" ") };
for (const sample of Object.values(samples)) for (const { words: variant, operation } of tl.augment(sample, { copies: 4, rates: { replace: 0.2, insert: 0.2, swap: 0.2, delete: 0.2 }, seed: 3 }))
  tl.showDiff(tl.textDiff(tl.joinWords(sample), tl.joinWords(variant)), operation);
// %% [markdown] lang="zh"
// ### 4.2 标签还对吗？
//
// 增强的前提是标签不变。用一个在**全部**训练告警上训练好的朴素贝叶斯分类器来检查：把测试告警按不同强度改动，它还认得出原来的类别吗？每种操作单独测量。
// 朴素贝叶斯看不见词序，所以交换对它毫无影响：这条水平线是一个提醒，“检查器”看不见的破坏，检查不出来。
// %% [markdown] lang="en"
// ### 4.2 Is the label still right?
//
// Augmentation assumes that the label stays true. We test it with naive Bayes trained on **all** training alerts: when the test alerts are changed at several rates, does it still recognise the class? Each operation by itself.
// Naive Bayes cannot see the order of words, so swapping changes nothing for it. That flat line is a reminder: damage that the examiner cannot see is not found.
// %%
const alphas = [0, 0.1, 0.2, 0.3, 0.5], operations = ["replace", "insert", "swap", "delete"] as const, enCorpus = corpora[1];
const examiner = tl.naiveBayes(enCorpus.train.map((r) => r.words), enCorpus.train.map((r) => r.label));
const examined = operations.map((operation) => alphas.map((alpha) => tl.bootstrapInterval(enCorpus.test.map((r) => {
  const rates = { replace: 0, insert: 0, swap: 0, delete: 0, [operation]: alpha };
  const changed = alpha && r.words.length ? tl.augment(r.words, { copies: 1, rates, seed: 1 })[0].words : r.words;
  return Number(examiner.classify(changed) === r.label);
}), tl.mean, { samples: 500 })));
await show(lineChart({
  title: t({ zh: "改动之后还能认出类别的比例（英文告警）", en: "Share whose class is still recognised (English alerts)" }), x: { title: "α" }, y: { title: t({ zh: "准确率", en: "accuracy" }) },
  series: operations.map((operation, i) => ({ name: operation, x: alphas, y: examined[i].map((e) => e.estimate), error: examined[i].map((e) => (e.high - e.low) / 2) })),
  alt: operations.map((operation, i) => `${operation}: ${examined[i].map((e, k) => `α=${alphas[k]} ${e.estimate.toFixed(3)}`).join(", ")}`).join("; "),
}));
// %% [markdown] lang="zh"
// ### 4.3 增强能提高准确率吗？先用词袋
//
// 每类取 $n$ 条训练告警，每条加 4 份增强的副本（$\alpha=0.1$）。每个 $n$ 换 10 次随机子集；同一子集有无增强各训练一次，图中是**配对**差与 95 % 区间（t 分布）。
// %% [markdown] lang="en"
// ### 4.3 Does it raise accuracy? First with bags of words
//
// We take $n$ training alerts of each class and add 4 augmented copies of each ($\alpha=0.1$). Every $n$ has 10 random subsets, each trained with and without augmentation; the figure shows the **paired** difference and its 95 % interval (Student's t).
// %%
const classes = [...new Set(enCorpus.train.map((r) => r.label))].sort(), sizes = [2, 5, 10, 20, 40, 80], subsets = budget(10, 3);
const accuracyOf = (c: (typeof corpora)[number], data: { words: string[]; label: string }[]) => { const nb = tl.naiveBayes(data.map((r) => r.words), data.map((r) => r.label)); return tl.accuracy(c.test.map((r) => r.label), c.test.map((r) => nb.classify(r.words))); };
const augmentGain = corpora.map((c) => sizes.map((size) => tl.interval(Array.from({ length: subsets }, (_, seed) => {
  const random = new tl.Random(seed, "subset"), chosen = classes.flatMap((k) => random.shuffle(c.train.filter((r) => r.label === k)).slice(0, size));
  const more = chosen.flatMap((r) => [r, ...tl.augment(r.words, { copies: 4, seed }).map((v) => ({ words: v.words, label: r.label }))]);
  return accuracyOf(c, more) - accuracyOf(c, chosen);
}))));
await show(lineChart({
  title: t({ zh: "增强带来的准确率变化（朴素贝叶斯）", en: "Change of accuracy by augmentation (naive Bayes)" }), x: { title: t({ zh: "每类的训练告警数", en: "training alerts per class" }) }, y: { title: t({ zh: "准确率之差", en: "difference of accuracy" }) },
  series: corpora.map((c, i) => ({ name: c.language, x: sizes.map((n) => `n = ${n}`), y: augmentGain[i].map((g) => g.mean), error: augmentGain[i].map((g) => g.error) })),
  alt: corpora.map((c, i) => `${c.language}: ${augmentGain[i].map((g, k) => `n=${sizes[k]} ${g.mean.toFixed(3)} ± ${g.error.toFixed(3)}`).join(", ")}`).join("; "),
}));
// %%
const around = ({ mean, error }: tl.Interval) => ({ low: mean - error, high: mean + error });
const helped = corpora.flatMap((c, i) => sizes.filter((_, k) => around(augmentGain[i][k]).low > 0).map((n) => `${c.language} n=${n}`)), harmed = corpora.flatMap((c, i) => sizes.filter((_, k) => around(augmentGain[i][k]).high < 0).map((n) => `${c.language} n=${n}`));
console.log(t({ zh: "更准：", en: "better: " }) + (helped.join(", ") || "–"), t({ zh: "更差：", en: "worse: " }) + (harmed.join(", ") || "–"));
const largestGain = Math.max(...augmentGain.flat().map((g) => g.mean));
console.log(t({ zh: `最大的平均变化：${(100 * largestGain).toFixed(1)} 个百分点`, en: `largest mean change: ${(100 * largestGain).toFixed(1)} percentage points` }));
// %% [markdown] lang="zh"
// ### 4.4 再用语言模型
//
// 现在全参数微调课程模型（约 600 万参数）：给它看一条中文告警，让它回答类别的字母。160 条训练告警（只取较短的，训练快些），三种做法，训练步数相同，各用 3 个随机种子：不增强；$\alpha=0.1$；$\alpha=0.5$。
// 步数相同意味着计算量相同：有增强时，每条原文被看到的次数只有五分之一。
// %% [markdown] lang="en"
// ### 4.4 Then with a language model
//
// Now we fine-tune all parameters of the course model (about 6 million): it reads a Chinese alert and answers with the letter of the class. 160 training alerts (short ones, to be quick), three treatments with the same number of steps and 3 random seeds each: no augmentation, $\alpha=0.1$, $\alpha=0.5$.
// The same number of steps means the same amount of computing: with augmentation each original is seen only a fifth as often.
// %%
const letterOf = (label: string) => String.fromCharCode(65 + classes.indexOf(label));
const asExample = (text: string, label: string) => tl.encodeExample(model.tokenizer, [{ role: "user", content: text }, { role: "assistant", content: letterOf(label) }])!;
const isShort = ({ text, label }: Alert) => asExample(text, label).ids.length <= 56;
const shortTrain = (await alerts("zh", "train")).filter(isShort), shortTest = [...(await alerts("zh", "test")), ...(await alerts("zh", "validation"))].filter(isShort);
const askText = shortTest.map(({ text }) => tl.promptText(model.tokenizer, [{ role: "user", content: text }]));
async function tunedAccuracy(alpha: number, seed: number): Promise<number> {
  const chosen = new tl.Random(seed, "short").shuffle(shortTrain).slice(0, budget(160, 32)), rates = { replace: alpha, insert: alpha, swap: alpha, delete: alpha };
  const more = (text: string) => (alpha ? tl.augment(zhCut(text), { copies: 4, rates, seed }).map((v) => tl.joinWords(v.words)) : []);
  const examples = chosen.flatMap(({ text, label }) => [text, ...more(text)].map((x) => asExample(x, label)));
  const tuned = await tl.train({ model, method: tl.full(), data: { train: examples }, steps: budget(80, 4), batchSize: 16, learningRate: 5e-4, seed, display: false });
  const answers = await tl.generate(model, askText.slice(0, budget(1000, 16)), { adapter: tuned, maxNewTokens: 1 });
  tl.dispose(tuned.trained);
  return tl.mean(answers.map((a, i) => Number(a.text.trim() === letterOf(shortTest[i].label))));
}
// %%
const treatments = [0, 0.1, 0.5], tuneSeeds = budget(3, 2), tuneBar = tl.progress(treatments.length * tuneSeeds, "EDA");
const tuneAccuracy: number[][] = treatments.map(() => []), tick = tl.stoppable(); // so that Stop ends the whole series
for (let seed = 1; seed <= tuneSeeds; seed++) for (const [i, alpha] of treatments.entries()) {
  await tick();
  tuneAccuracy[i].push(await tunedAccuracy(alpha, seed));
  tuneBar.update((seed - 1) * treatments.length + i + 1);
}
tuneBar.done();
const tuneMeans = tuneAccuracy.map((a) => tl.interval(a)), treatmentNames = treatments.map((a) => (a ? `α = ${a}` : t({ zh: "不增强", en: "none" })));
await show(barChart({
  title: t({ zh: "课程模型的准确率（3 个种子，95 % 区间）", en: "Accuracy of the course model (3 seeds, 95 % intervals)" }), x: { title: t({ zh: "增强", en: "augmentation" }) }, y: { title: t({ zh: "准确率", en: "accuracy" }) },
  series: [{ name: "accuracy", x: treatmentNames, y: tuneMeans.map((m) => m.mean), error: tuneMeans.map((m) => m.error) }], alt: treatmentNames.map((n, i) => `${n}: ${tuneMeans[i].mean.toFixed(3)} ± ${tuneMeans[i].error.toFixed(3)}`).join("; "),
}));
table(treatments.slice(1).map((_, k) => {
  const difference = tl.interval(tuneAccuracy[k + 1].map((a, i) => a - tuneAccuracy[0][i]));
  return { [t({ zh: "增强", en: "augmentation" })]: treatmentNames[k + 1], [t({ zh: "与不增强之差（95 %）", en: "difference to none (95 %)" })]: `${difference.mean.toFixed(3)} ± ${difference.error.toFixed(3)}`, [column.verdict]: judge(around(difference), betterWorse) };
}));
// %% [markdown] lang="zh"
// 书上说增强“提高模型的泛化能力”，也说强度要通过实验来定。上面两个实验给出的正是这样的回答：结论要看模型、数据量和强度，以各自的输出为准。把 `steps` 调到 300 再跑一次，看结论是否改变。
//
// ## 5. 小结：每一步的结论
//
// 下表全部由本次运行的数字得出。
// %% [markdown] lang="en"
// The book says that augmentation "improves generalisation", and that its rate must be found by experiment. The two experiments answer in that spirit: the verdict depends on model, data and rate, and stands in their outputs. Raise `steps` to 300 and see whether the verdict changes.
//
// ## 5. Summary: the verdict on each step
//
// Everything in this table is computed from this very run.
// %%
const stopVerdicts = stopResults.filter((r) => r.name !== filters[0].name).map((r) => judge(r.difference, betterWorse)), tally = (verdict: string) => stopVerdicts.filter((v) => v === verdict).length;
const step = t({ zh: "步骤", en: "step" }), measured = t({ zh: "测到的", en: "measured" });
table([
  { [step]: t({ zh: "清洗", en: "cleaning" }), [measured]: `ΔF1 ${gap(cleaningGain)}`, [column.verdict]: judge(cleaningGain, betterWorse) },
  { [step]: t({ zh: "去停用词（朴素贝叶斯，12 个比较）", en: "stop words (naive Bayes, 12 comparisons)" }), [measured]: t({ zh: `更准 ${tally(betterWorse.more)}，更差 ${tally(betterWorse.less)}，看不出差别 ${tally(betterWorse.open)}`, en: `better ${tally(betterWorse.more)}, worse ${tally(betterWorse.less)}, no difference seen ${tally(betterWorse.open)}` }), [column.verdict]: tally(betterWorse.more) > 6 ? betterWorse.more : tally(betterWorse.less) > 6 ? betterWorse.less : t({ zh: "视情况而定", en: "it depends" }) },
  { [step]: t({ zh: "去停用词（语言模型的损失）", en: "stop words (loss of a language model)" }), [measured]: `Δ ${gap(strange)}`, [column.verdict]: judge(strange, { more: betterWorse.less, less: betterWorse.more, open: betterWorse.open }) },
  { [step]: t({ zh: "统计分词找未登录词", en: "statistics for unknown words" }), [measured]: `ΔR ${gap(unknownGain)}`, [column.verdict]: judge(unknownGain, betterWorse) },
  ...synonymTest.map(({ language, name, excess }) => ({ [step]: `${name} (${language})`, [measured]: `Δcos ${gap(excess)}`, [column.verdict]: judge(excess, { more: t({ zh: "捕捉到语义", en: "captures meaning" }), less: t({ zh: "没有捕捉到", en: "does not" }), open: betterWorse.open }) })),
  ...treatments.slice(1).map((alpha, k) => { const d = tl.interval(tuneAccuracy[k + 1].map((a, i) => a - tuneAccuracy[0][i])); return { [step]: t({ zh: `增强 α = ${alpha}（课程模型）`, en: `augmentation α = ${alpha} (course model)` }), [measured]: `${d.mean.toFixed(3)} ± ${d.error.toFixed(3)}`, [column.verdict]: judge(around(d), betterWorse) }; }),
]);
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替下面单元格里的 `undefined`，再运行。需要帮助时：`tl.hint("3.3.3/1")`，还不够就 `tl.hint("3.3.3/1", 2)` 和 `tl.hint("3.3.3/1", 3)`；`tl.solution("3.3.3/1")` 给出解答。
//
// 1. “端口扫描告警”与“端口扫描报警”的**字符二元组**集合，Jaccard 系数是多少？
// 2. 词典是 {研究, 研究生, 生命, 起源}。“研究生命起源”的**正向**最大匹配结果是什么？写成词的列表，例如 `["研究", "生"]`。
// 3. 写一个函数 `(words, stop, keep) => string[]`：删去停用词（比较时不分大小写），但 `keep` 里的词永远留下；留下的词保持原样、原序。`stop` 和 `keep` 是小写词的 `Set<string>`。
// 4. 一条告警有 40 个词，随机删除的强度是 $\alpha=0.1$。副本与原文完全相同的概率是多少？
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` in the cell below and run it. For help: `tl.hint("3.3.3/1")`, and if that is not enough `tl.hint("3.3.3/1", 2)` and `tl.hint("3.3.3/1", 3)`; `tl.solution("3.3.3/1")` shows the solution.
//
// 1. What is the Jaccard index of the sets of **pairs of neighbouring characters** of 端口扫描告警 and 端口扫描报警?
// 2. The lexicon is {研究, 研究生, 生命, 起源}. What does **forward** maximum matching make of 研究生命起源? Write a list of words, like `["研究", "生"]`.
// 3. Write a function `(words, stop, keep) => string[]` that removes stop words (upper and lower case alike), but never a word of `keep`; words that stay keep their form and order. `stop` and `keep` are a `Set<string>` of words in lower case.
// 4. An alert has 40 words, and the rate of random deletion is $\alpha=0.1$. With what probability is the copy the same as the original?
// %%
tl.check("3.3.3/1", undefined);
tl.check("3.3.3/2", undefined);
tl.check("3.3.3/3", undefined);
tl.check("3.3.3/4", undefined);
