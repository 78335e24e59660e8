// Section 3.2.5 of the course: what fine-tuning is worth. Metrics, costs and one score, on the course model and SmolLM2-135M.
// Build both languages with: npm run notebooks -- 3.2.5-value
// %% [markdown] lang="zh"
// # 3.2.5 微调技术价值：提升了多少，花了多少，值不值？
//
// “微调以后效果更好”这句话要回答三个问题才算数：**好多少**（用什么指标，误差多大）？**训练花了什么**（时间、稳定性）？**用起来要什么**（内存、存储、推理速度、能耗）？
// 本节把教材的三个维度逐一测量，再合成一个分数，并检查这个分数会不会骗人。
//
// 大部分实验用课程自带的 600 万参数双语小模型，问答部分用 SmolLM2-135M。需要约 3.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.2.5 The value of fine-tuning: how much better, at what cost, and is it worth it?
//
// "It is better after fine-tuning" has to answer three questions: **how much** better (by which metric, with what error)? **What did training take** (time, stability)? **What does using it take** (memory, storage, speed, energy)?
// This section measures the book's three dimensions one by one, joins them into a score, and then checks whether that score can mislead.
//
// Most experiments use the course's own bilingual model of 6 million parameters, the questions and answers use SmolLM2-135M. It needs about 3.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { courseFile, courseModel, budget, table, show, lineChart, barChart, heatmap, t } from "tunelab";

const model = await tl.load(courseModel());
const machine = await tl.backend();
console.log(`${machine.name}: ${machine.why}`);
console.log(t({ zh: "课程模型的参数个数", en: "parameters of the course model" }), tl.count(model.params).toLocaleString("en-US"));
// %% [markdown] lang="zh"
// ## 1. 性能增益：分类
//
// 任务：把中英文安全告警分到五类。为了让模型“说出”类别，每一类用一个字母作答；五个字母的概率归一化，取最大的一个。
//
// 只看准确率不够。对每一类 $c$ 数三个数：判对的 $TP$、误报的 $FP$、漏报的 $FN$：
//
// $$P=\frac{TP}{TP+FP},\qquad R=\frac{TP}{TP+FN},\qquad F_1=\frac{2PR}{P+R}$$
//
// 宏平均把各类的 $F_1$ 直接平均，小类与大类同样重要；每条只有一个类别时，微平均 $F_1$ 就等于准确率。命名实体识别也用 $P$、$R$、$F_1$，只是数的是找出的实体（3.3.2 里识别个人信息就是这样）。
//
// 测试集有两个：`test` 与训练数据相似；`hard` 是**边缘案例**（换了说法、混合信号、否定句）。
// %% [markdown] lang="en"
// ## 1. Performance: classification
//
// The task: sort security alerts, Chinese and English, into five classes. To let the model "say" a class, each class is answered by a letter; the probabilities of the five letters are scaled to add up to 1, and the largest wins.
//
// Accuracy alone is not enough. For each class $c$ count three things, the right ones $TP$, the false alarms $FP$, the misses $FN$:
//
// $$P=\frac{TP}{TP+FP},\qquad R=\frac{TP}{TP+FN},\qquad F_1=\frac{2PR}{P+R}$$
//
// The macro average takes the mean of the classes' $F_1$, so that a small class weighs as much as a large one; where each item has one class, the micro average of $F_1$ is the accuracy. Named entity recognition uses $P$, $R$ and $F_1$ too, counting entities found (as 3.3.2 does for personal data).
//
// There are two test sets: `test` is like the training data; `hard` holds **edge cases** (other words, mixed signals, negations).
// %%
interface Alert { text: string; label: string }
const CLASSES = ["benign", "denial-of-service", "malware", "phishing", "sql-injection"], LETTERS = ["A", "B", "C", "D", "E"];
const read = async (split: string) => (await Promise.all(["zh", "en"].map((l) => tl.loadRecords<Alert>(courseFile(`data/security-alerts/${l}/${split}.jsonl`))))).flat();
const isShort = ({ text, label }: Alert) => CLASSES.includes(label) && model.tokenizer.encode(text).length <= 52; // few lengths: less to compile
const [trainAll, testAlerts, hardAlerts] = (await Promise.all(["train", "test", "hard"].map(read))).map((rows) => rows.filter(isShort));
const trainAlerts = trainAll.slice(0, 16 * Math.floor(trainAll.length / 16));
const trainSet = tl.encodeExamples(model.tokenizer, trainAlerts.map(({ text, label }) => ({ prompt: text, completion: LETTERS[CLASSES.indexOf(label)] })));
table([trainAlerts[0], testAlerts[1], hardAlerts[0], hardAlerts[3]].map((r, i) => ({ [t({ zh: "来自", en: "from" })]: ["train", "test", "hard", "hard"][i], text: r.text, label: r.label })));
console.log("train / test / hard:", trainAlerts.length, testAlerts.length, hardAlerts.length);
// %% [markdown] lang="zh"
// 先看不微调时的模型，再做一次全参数微调。`classify` 给出每条告警的类别和概率。
// %% [markdown] lang="en"
// First the model as it is, then after full fine-tuning. `classify` gives the class of each alert, and its probability.
// %%
const askModel = async (alerts: Alert[], adapter?: tl.Adapter) => {
  const prompts = alerts.map(({ text }) => tl.promptText(model.tokenizer, [{ role: "user", content: text }]));
  return (await tl.classify(model, prompts, LETTERS, { adapter })).map(({ label, confidence }) => ({ label: CLASSES[LETTERS.indexOf(label)], confidence }));
};
const report = (alerts: Alert[], said: { label: string }[]) => tl.classificationReport(alerts.map((a) => a.label), said.map((s) => s.label), { classes: CLASSES });
const baseSaid = await askModel(testAlerts), baseReport = report(testAlerts, baseSaid);
const steps = budget(100, 4), common = { model, data: { train: trainSet }, steps, batchSize: 16 };
const fullMethod = tl.full();
const first = await tl.train({ ...common, method: fullMethod, learningRate: 1e-3, seed: 1 });
const fullSaid = await askModel(testAlerts, first), fullReport = report(testAlerts, fullSaid);
// %%
const matrix = heatmap({
  title: t({ zh: "全参数微调后的混淆矩阵（test）", en: "Confusion matrix after full fine-tuning (test)" }), x: { title: t({ zh: "判为", en: "predicted class" }) }, y: { title: "" },
  xs: CLASSES, ys: CLASSES, z: fullReport.confusion, zTitle: t({ zh: "条数", en: "alerts" }),
  alt: `${t({ zh: "对角线上（判对）", en: "on the diagonal (right)" })}: ${CLASSES.map((c, i) => `${c} ${fullReport.confusion[i][i]}/${fullReport.perClass[c].support}`).join("; ")}`,
});
Object.assign(matrix.data[0], { texttemplate: "%{z}" });
const sideways = { text: t({ zh: "实为", en: "true class" }), xref: "paper", x: 0, xshift: -135, yref: "paper", y: 0.5, textangle: -90, showarrow: false, font: { size: 14 } };
Object.assign(matrix.layout!, { margin: { l: 160, r: 20, t: 50, b: 60 }, font: { ...(matrix.layout!.font as object), size: 12 }, annotations: [sideways] }); // long class names
Object.assign(matrix.layout!.yaxis as object, { autorange: "reversed", automargin: false });
await show(matrix);
table(CLASSES.map((c) => {
  const { precision, recall, f1, support } = fullReport.perClass[c];
  return { [t({ zh: "类", en: "class" })]: c, [t({ zh: "精确率", en: "precision" })]: precision, [t({ zh: "召回率", en: "recall" })]: recall, F1: f1, [t({ zh: "微调前 F1", en: "F1 before" })]: baseReport.perClass[c].f1, [t({ zh: "条数", en: "alerts" })]: support };
}), t({ zh: "每一类的分数", en: "Scores of each class" }));
// %% [markdown] lang="zh"
// ### 增益有多可靠？与谁相比？
//
// 测试集只有一百多条，换一批告警分数会变。自助法（bootstrap）从测试集有放回地重抽 2000 次，给出 95 % 区间；比较两个系统时成对重抽，因为题目的难易对两者相同。
//
// “提升”还要有参照：**瞎猜**、**未微调的模型**、以及一个几毫秒就能训练好的**朴素贝叶斯**词袋分类器。如果微调连它都比不过，就不值得。
// %% [markdown] lang="en"
// ### How sure is the gain, and over what?
//
// There are little more than a hundred test alerts; with others the score would differ. The bootstrap draws 2000 test sets from ours, with replacement, and gives a 95 % interval; two systems are compared on the same draws, because the difficulty of an alert is common to both.
//
// A gain also needs a reference: **guessing**, **the model as it was**, and a **naive Bayes** classifier on bags of tokens that trains in milliseconds. Fine-tuning that does not beat it is not worth its cost.
// %%
const tokensOf = ({ text }: Alert) => model.tokenizer.encode(text.toLowerCase()).map(String);
const bayes = tl.naiveBayes(trainAlerts.map(tokensOf), trainAlerts.map((a) => a.label));
const bayesSaid = (alerts: Alert[]) => alerts.map((a) => ({ label: bayes.classify(tokensOf(a)) }));
const hits = (alerts: Alert[], said: { label: string }[]) => alerts.map((a, i) => Number(a.label === said[i].label));
const guess = Math.max(...CLASSES.map((c) => testAlerts.filter((a) => a.label === c).length)) / testAlerts.length;
const answers = {
  [t({ zh: "未微调", en: "before" })]: [baseSaid, await askModel(hardAlerts)], [t({ zh: "全参数微调", en: "full fine-tuning" })]: [fullSaid, await askModel(hardAlerts, first)],
  [t({ zh: "朴素贝叶斯", en: "naive Bayes" })]: [bayesSaid(testAlerts), bayesSaid(hardAlerts)],
};
const scored = Object.entries(answers).map(([system, [test, hard]]) => ({ system, test: tl.bootstrapInterval(hits(testAlerts, test), tl.mean), hard: tl.bootstrapInterval(hits(hardAlerts, hard), tl.mean) }));
await show(barChart({
  title: t({ zh: "准确率与 95 % 自助区间（取一半长度）", en: "Accuracy, error bars: half the 95 % bootstrap interval" }), x: { title: t({ zh: "系统", en: "system" }) }, y: { title: t({ zh: "准确率", en: "accuracy" }) },
  series: (["test", "hard"] as const).map((set) => ({ name: set, x: scored.map((s) => s.system), y: scored.map((s) => s[set].estimate), error: scored.map((s) => (s[set].high - s[set].low) / 2) })),
  alt: scored.map((s) => `${s.system}: test ${s.test.estimate.toFixed(2)} [${s.test.low.toFixed(2)}, ${s.test.high.toFixed(2)}], hard ${s.hard.estimate.toFixed(2)} [${s.hard.low.toFixed(2)}, ${s.hard.high.toFixed(2)}]`).join("; "),
}));
// %%
const judge = ({ estimate, low, high }: { estimate: number; low: number; high: number }, better: string, worse: string) =>
  `${(100 * estimate).toFixed(1)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]: ${low > 0 ? better : high < 0 ? worse : t({ zh: "区间含 0，不能下结论", en: "the interval holds 0, so nothing can be concluded" })}`;
const compare = (set: 0 | 1, a: string, b: string) => { const alerts = set ? hardAlerts : testAlerts; return tl.pairedDifference(hits(alerts, answers[a][set]), hits(alerts, answers[b][set]), tl.mean); };
const [before, after, plain] = Object.keys(answers), points = t({ zh: "个百分点", en: "percentage points" });
console.log(t({ zh: "总是猜最大的类：准确率", en: "always the largest class: accuracy" }), guess.toFixed(3));
console.log(`test, ${after} − ${before} (${points}):`, judge(compare(0, before, after), t({ zh: "微调有增益", en: "fine-tuning helps" }), t({ zh: "微调有害", en: "fine-tuning harms" })));
console.log(`test, ${after} − ${plain} (${points}):`, judge(compare(0, plain, after), t({ zh: "胜过朴素贝叶斯", en: "it beats naive Bayes" }), t({ zh: "不如朴素贝叶斯：这个小模型在这里不值得微调", en: "naive Bayes is better: here it does not pay to fine-tune this small model" })));
console.log(`hard, ${after} − ${before} (${points}):`, judge(compare(1, before, after), t({ zh: "边缘案例也有增益", en: "edge cases gain too" }), t({ zh: "边缘案例变差", en: "edge cases get worse" })));
// %% [markdown] lang="zh"
// ### 概率可信吗？
//
// 模型说“九成把握”时，是不是真的对九成？把测试告警按把握分组：点在对角线上就是**校准**好的，在线下就是过于自信。这对“低于 80 % 转人工”之类的规则很要紧。
// %% [markdown] lang="en"
// ### Can its probabilities be trusted?
//
// When the model is "90 % sure", is it right nine times out of ten? Group the test alerts by confidence: points on the diagonal are well **calibrated**, below it the model is too sure. This matters for rules such as "below 80 % a person decides".
// %%
const calibrated = tl.calibration(fullSaid.map((s) => s.confidence), hits(testAlerts, fullSaid).map(Boolean), { bins: 5 }), filled = calibrated.bins.filter((b) => b.count > 0);
await show(lineChart({
  title: t({ zh: "把握与准确率（±1 标准误）", en: "Confidence and accuracy (± 1 standard error)" }), x: { title: t({ zh: "平均把握", en: "mean confidence" }) }, y: { title: t({ zh: "准确率", en: "accuracy" }) },
  series: [
    { name: t({ zh: "微调后的模型", en: "fine-tuned model" }), x: filled.map((b) => b.confidence), y: filled.map((b) => b.accuracy), error: filled.map((b) => Math.sqrt((b.accuracy * (1 - b.accuracy)) / b.count)) },
    { name: t({ zh: "完全校准", en: "perfect" }), x: [0.2, 1], y: [0.2, 1] },
  ],
  alt: filled.map((b) => `${b.confidence.toFixed(2)} → ${b.accuracy.toFixed(2)} (${b.count})`).join("; "),
}));
const surplus = tl.mean(fullSaid.map((s) => s.confidence)) - fullReport.accuracy;
console.log(t({ zh: "期望校准误差", en: "expected calibration error" }), calibrated.expected.toFixed(3) + (surplus > 0.02 ? t({ zh: "；总体过于自信", en: "; on the whole too sure" }) : surplus < -0.02 ? t({ zh: "；总体过于谨慎", en: "; on the whole too careful" }) : t({ zh: "；总体把握得当", en: "; on the whole about right" })));
// %% [markdown] lang="zh"
// ## 2. 性能增益：问答
//
// 自由文本没有唯一的正确答案，常用与参考答案的**重合程度**打分：
//
// $$\text{BLEU}=\min\!\left(1,e^{1-r/c}\right)\exp\Big(\tfrac14\sum_{n=1}^{4}\log p_n\Big)$$
//
// $p_n$ 是回答中的 $n$ 元组有多少出现在参考里，$c$、$r$ 是回答和参考的长度（太短要扣分）。ROUGE 反过来更看重召回：ROUGE-L 看最长公共子序列。这里的分数与 sacreBLEU、rouge-score 在 $10^{-6}$ 以内相同（测试里逐条核对）。中文要先切成字：BLEU 用 `tokenizer: "zh"`，ROUGE 用 `units: "characters"`。
// %% [markdown] lang="en"
// ## 2. Performance: questions and answers
//
// Free text has no single right answer; it is usually scored by its **overlap** with a reference:
//
// $$\text{BLEU}=\min\!\left(1,e^{1-r/c}\right)\exp\Big(\tfrac14\sum_{n=1}^{4}\log p_n\Big)$$
//
// $p_n$ is the share of the answer's $n$-grams that occur in the reference, $c$ and $r$ the lengths of answer and reference (too short costs points). ROUGE looks more at recall; ROUGE-L takes the longest common subsequence. The scores here are those of sacreBLEU and rouge-score to $10^{-6}$ (the tests compare them). Chinese has to be cut into characters first: `tokenizer: "zh"` for BLEU, `units: "characters"` for ROUGE.
// %%
const reference = "防火墙按规则放行或阻断网络流量。";
table(["防火墙按规则放行或阻断网络流量。", "防火墙按照规则阻断或放行流量。", "防火墙不按规则放行或阻断网络流量。", "防火墙"].map((said) => ({
  [t({ zh: "回答", en: "answer" })]: said, BLEU: tl.sentenceBleu(said, reference, { tokenizer: "zh" }).score, [t({ zh: "过短扣分", en: "brevity penalty" })]: tl.sentenceBleu(said, reference, { tokenizer: "zh" }).brevityPenalty,
  "ROUGE-1 F1": tl.rouge(reference, said, { units: "characters" }).rouge1.f1, "ROUGE-2 F1": tl.rouge(reference, said, { units: "characters" }).rouge2.f1, "ROUGE-L F1": tl.rouge(reference, said, { units: "characters" }).rougeL.f1,
})), t({ zh: "参考：", en: "Reference: " }) + reference);
// %% [markdown] lang="zh"
// 看第三行：多了一个“不”字，意思完全相反，分数却很高。第二行意思正确，分数反而低。**BLEU 和 ROUGE 量的是字面重合，不是对错。**
//
// 现在用真实的模型：SmolLM2-135M 在安全问答上做 LoRA 微调，看回答与参考的重合、领域知识（安全答案的损失）和代价（一般文本的损失，即遗忘）。
// %% [markdown] lang="en"
// Look at the third line: one character more, 不 (not), turns the meaning round, yet it scores high. The second line is right and scores lower. **BLEU and ROUGE measure overlap of words, not truth.**
//
// Now a real model: SmolLM2-135M is fine-tuned with LoRA on the security questions. We look at overlap with the references, at knowledge of the field (loss on security answers), and at its price (loss on general text: forgetting).
// %%
const smol = await tl.load(courseFile("models/SmolLM2-135M-Instruct"));
interface Question { question: string; answer: string }
const questions = async (split: string) => tl.loadRecords<Question>(courseFile(`data/security-qa/en/${split}.jsonl`));
const asked = (await questions("test")).slice(0, budget(16, 2)), askedSet = tl.encodeExamples(smol.tokenizer, asked);
const general = (await tl.loadRecords<{ text: string }>(courseFile("data/general/en/test.jsonl"))).slice(0, budget(8, 2));
const generalSet = tl.packDocuments(general.map(({ text }) => smol.tokenizer.encode(text)), 64, smol.tokenizer.eos[0]);
const ask = (adapter?: tl.Adapter) => tl.generate(smol, asked.map(({ question }) => tl.promptText(smol.tokenizer, [{ role: "user", content: question }])), { maxNewTokens: budget(48, 6), adapter });
const losses = async (adapter?: tl.Adapter) => ({ security: (await tl.evaluate(smol, askedSet, { adapter, batchSize: 4 })).loss, general: (await tl.evaluate(smol, generalSet, { adapter, batchSize: 4 })).loss });
const answersBefore = await ask(), lossesBefore = await losses();
const qaRun = await tl.train({ model: smol, method: tl.lora({ rank: 8 }), data: { train: tl.encodeExamples(smol.tokenizer, await questions("train")) }, steps: budget(30, 2), batchSize: 4, learningRate: 2e-3, seed: 1 });
const answersAfter = await ask(qaRun), lossesAfter = await losses(qaRun);
// %%
table(asked.slice(0, 3).map(({ question, answer }, i) => ({ question, before: answersBefore[i].text, after: answersAfter[i].text, reference: answer })));
const pairs = (said: { text: string }[]) => asked.map(({ answer }, i) => ({ said: said[i].text, answer }));
type Pair = ReturnType<typeof pairs>[number];
const METRICS: Record<string, (items: Pair[]) => number> = {
  BLEU: (items) => tl.corpusBleu(items.map((p) => p.said), items.map((p) => p.answer)).score,
  ...Object.fromEntries((["rouge1", "rouge2", "rougeL"] as const).map((kind) => [`ROUGE-${kind.slice(5)} F1 × 100`, (items: Pair[]) => 100 * tl.meanRouge(items.map((p) => p.answer), items.map((p) => p.said))[kind].f1])),
};
const overlaps = Object.entries(METRICS).map(([metric, of]) => ({ metric, of, ...tl.pairedDifference(pairs(answersBefore), pairs(answersAfter), of, { samples: 500 }) }));
table(overlaps.map(({ metric, of, estimate, low, high }) => {
  return { metric, before: of(pairs(answersBefore)), after: of(pairs(answersAfter)), [t({ zh: "差", en: "difference" })]: estimate, "95 %": `[${low.toFixed(2)}, ${high.toFixed(2)}]`, [t({ zh: "结论", en: "verdict" })]: low > 0 ? t({ zh: "提高", en: "higher" }) : high < 0 ? t({ zh: "降低", en: "lower" }) : t({ zh: "分不清", en: "cannot tell" }) };
}), t({ zh: "与参考答案的重合", en: "Overlap with the reference answers" }));
const longer = (said: { text: string }[]) => tl.mean(said.map(({ text }) => text.split(/\s+/).length));
console.log(t({ zh: "平均词数：训练前、训练后、参考", en: "mean number of words: before, after, reference" }), longer(answersBefore).toFixed(0), longer(answersAfter).toFixed(0), longer(asked.map(({ answer }) => ({ text: answer }))).toFixed(0));
// %% [markdown] lang="zh"
// 重合若提高，可能是知识多了，也可能只是**长度和口气**更像参考了；重合若没有提高，也不等于什么都没学到。请对照上面的平均词数和三个回答判断，再看下表：安全答案上的损失反映领域知识，一般文本上的损失反映代价。
// %% [markdown] lang="en"
// More overlap, if there is any, may mean more knowledge, or only a **length and tone** closer to the references; and no more overlap does not mean that nothing was learned. Judge by the mean numbers of words and the three answers above, then see the table below: the loss on security answers speaks of knowledge of the field, that on general text of its price.
// %%
table((["security", "general"] as const).map((kind) => ({
  [t({ zh: "文本", en: "text" })]: kind === "security" ? t({ zh: "安全答案（测试集）", en: "security answers (test)" }) : t({ zh: "一般文本", en: "general text" }),
  before: lossesBefore[kind], after: lossesAfter[kind], [t({ zh: "困惑度之比", en: "ratio of perplexities" })]: Math.exp(lossesAfter[kind] - lossesBefore[kind]),
})), t({ zh: "损失（纳特/词元）", en: "Loss (nats per token)" }));
const forgot = lossesAfter.general - lossesBefore.general, learned = lossesBefore.security - lossesAfter.security;
console.log((learned > 0.02 ? t({ zh: "领域内学到了东西", en: "Something of the field was learned" }) : t({ zh: "领域内没有学到东西", en: "Nothing of the field was learned" })) + (forgot > 0.02 ? t({ zh: "，代价是一般文本上变差（遗忘）", en: ", at the price of general text (forgetting)" }) : forgot < -0.02 ? t({ zh: "，一般文本也变好", en: ", and general text gained too" }) : t({ zh: "，一般文本几乎不变", en: ", and general text hardly changed" })));
const higher = overlaps.filter(({ low }) => low > 0).length;
console.log(learned > 0.02 && higher === 0 ? t({ zh: "损失降了，重合却没有可靠的提高：两类指标看的不是一回事。", en: "The loss fell, but overlap did not reliably rise: the two kinds of metric do not see the same." }) : t({ zh: `四个重合指标中有 ${higher} 个可靠地提高。`, en: `Of the four metrics of overlap ${higher} rose reliably.` }));
// %% [markdown] lang="zh"
// ## 3. 训练效率
//
// 回到分类任务，比较四种微调方法：**全参数**、只训练**词嵌入**（模型的四分之一）、**LoRA**（所有线性层，秩 8）、**BitFit**（只训练偏置）。数据、步数、批大小都相同，每种两个随机种子，交替进行，这样机器忙闲的变化对各方法大致公平。
//
// 记录：训练时间（不含首次编译：取每步时间的中位数 × 步数）、步与步之间占用的张量内存（参数副本与优化器状态）、保存后的字节数。能耗 = 时间 × 功率；功率没有测，按 15 W 估算，你可以改。“数据需求”另有一节：3.3.1 的学习曲线。
// %% [markdown] lang="en"
// ## 3. Training efficiency
//
// Back to the alerts, with four ways to fine-tune: **full**, the **embedding** alone (a quarter of the model), **LoRA** (all linear layers, rank 8), **BitFit** (biases only). Data, steps and batches are the same, with two random seeds each, taken in turns, so that a change of the machine's load meets all methods about alike.
//
// We record the training time (without compilation: the median time of a step × steps), the memory of tensors held between steps (trained copies and the optimizer's state), and the bytes on disk. Energy = time × power; power was not measured but assumed to be 15 W, which you may change. The need of data has a section of its own: the learning curve of 3.3.1.
// %%
import * as fs from "fs";
const WATTS = 15, seeds = [1, 2], out = `${courseFile(".")}/runs/value`;
const METHODS: { name: string; method: tl.Method; rate: number }[] = [
  { name: t({ zh: "全参数", en: "full" }), method: fullMethod, rate: 1e-3 }, { name: t({ zh: "词嵌入", en: "embedding" }), method: tl.full({ parameters: ["model.embed_tokens.weight"] }), rate: 1e-2 },
  { name: "LoRA", method: tl.lora({ rank: 8, targets: "all-linear" }), rate: 5e-3 }, { name: "BitFit", method: tl.bitfit(), rate: 3e-2 },
];
const median = (values: number[]) => tl.quantile(values, 0.5), MB = 1e6;
const measure = async ({ method, rate }: (typeof METHODS)[number], seed: number) => {
  const held = tl.tf.memory().numBytes, bytes: number[] = [];
  const { result: run, cost } = await tl.measureCost(() => tl.train({ ...common, method, learningRate: rate, seed, display: false, onStep: () => { bytes.push(tl.tf.memory().numBytes - held); } }), { watts: WATTS });
  const test = hits(testAlerts, await askModel(testAlerts, run)), hard = hits(hardAlerts, await askModel(hardAlerts, run));
  return { run, cost, test, hard, stepSeconds: median(run.history.steps.map((s) => s.seconds)), heldMB: median(bytes) / MB };
};
// %%
const measured: Awaited<ReturnType<typeof measure>>[][] = METHODS.map(() => []);
const work = tl.progress(METHODS.length * seeds.length, t({ zh: "四种方法，两个种子", en: "four methods, two seeds" }));
for (const [s, seed] of seeds.entries()) for (const [m, method] of METHODS.entries()) {
  measured[m].push(await measure(method, seed));
  work.update(s * METHODS.length + m + 1, method.name);
}
work.done();
// %%
const smooth = (losses: number[], width = 10) => losses.map((_, i) => tl.mean(losses.slice(Math.max(0, i - width + 1), i + 1)));
await show(lineChart({
  title: t({ zh: "损失与训练时间（第一个种子，10 步平均）", en: "Loss against training time (first seed, mean of 10 steps)" }), x: { title: t({ zh: "训练时间（秒，不含编译）", en: "training time (seconds, without compilation)" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: METHODS.map(({ name }, m) => { const { run, stepSeconds } = measured[m][0]; return { name, x: run.history.steps.map((r) => r.step * stepSeconds), y: smooth(run.history.steps.map((r) => r.loss)) }; }),
  alt: METHODS.map(({ name }, m) => `${name}: ${smooth(measured[m][0].run.history.steps.map((r) => r.loss)).at(-1)!.toFixed(2)} ${t({ zh: "，用时（秒）", en: "after seconds:" })} ${(measured[m][0].stepSeconds * steps).toFixed(1)}`).join("; "),
}));
const stored = METHODS.map(({ name }, m) => { const folder = `${out}/${m}`; fs.rmSync(folder, { recursive: true, force: true }); tl.saveAdapter(folder, measured[m][0].run, model); return tl.storedBytes(folder) / MB; });
const share = (m: number) => (100 * tl.trainableCount(measured[m][0].run)) / tl.count(model.params), over = <K,>(m: number, of: (r: (typeof measured)[0][0]) => K) => measured[m].map(of);
const testAccuracy = METHODS.map((_, m) => over(m, (r) => tl.mean(r.test))), hardAccuracy = METHODS.map((_, m) => over(m, (r) => tl.mean(r.hard)));
const seconds = METHODS.map((_, m) => median(over(m, (r) => r.stepSeconds)) * steps), heldMB = METHODS.map((_, m) => median(over(m, (r) => r.heldMB)));
table(METHODS.map(({ name }, m) => ({
  [t({ zh: "方法", en: "method" })]: name, [t({ zh: "训练 %", en: "trained %" })]: share(m), "test": tl.mean(testAccuracy[m]), [t({ zh: "± 种子", en: "± seeds" })]: Math.abs(testAccuracy[m][0] - testAccuracy[m][1]) / 2, "hard": tl.mean(hardAccuracy[m]),
  [t({ zh: "时间（秒）", en: "time (s)" })]: seconds[m], [t({ zh: "含编译（秒）", en: "with compilation (s)" })]: measured[m][0].cost.seconds, [t({ zh: "能耗（Wh）", en: "energy (Wh)" })]: tl.wattHours(seconds[m], WATTS), [t({ zh: "张量（MB）", en: "tensors (MB)" })]: heldMB[m], [t({ zh: "存储（MB）", en: "stored (MB)" })]: stored[m],
})), t({ zh: "四种方法的得与失（两个种子的平均）", en: "Gains and costs of four methods (means of two seeds)" }));
// %% [markdown] lang="zh"
// **稳定性**看两处：损失曲线是否平稳下降，以及两个种子的分数差（“± 种子”）是否远小于方法之间的差别。
//
// 如果某种方法的准确率停在瞎猜附近，不要急着说它没用：参数高效微调**借用**预训练学到的特征，而这个小模型预训练时读得很少，冻结的词嵌入里可能还没有这些词的好特征。表中“词嵌入”一行正好检验这个解释：它也只训练一部分参数，但训练的正是可能缺的那部分。预训练充分的大模型情况不同（见 3.6 节）。
//
// ### 与书上的说法对照
// %% [markdown] lang="en"
// **Stability** shows in two places: does the loss fall steadily, and is the difference between seeds ("± seeds") much smaller than that between methods?
//
// If a method's accuracy stays near guessing, do not call it useless yet: parameter-efficient methods **borrow** features from pre-training, and this small model has read little; its frozen embedding may lack good features of these words. The row "embedding" tests this explanation: it too trains only a part of the parameters, but the very part that may be missing. Large models that were pre-trained well behave differently (see 3.6).
//
// ### Held against the book
// %%
const best = (values: number[], by: "max" | "min") => METHODS[values.indexOf(Math[by](...values))].name, meanTest = testAccuracy.map((a) => tl.mean(a));
const seedNoise = Math.max(...testAccuracy.map((a) => Math.abs(a[0] - a[1]))), second = [...meanTest].sort((a, b) => b - a)[1];
console.log(t({ zh: "“全参数微调性能最好”：本次最好的是", en: "\"Full fine-tuning performs best\": here the best is" }), best(meanTest, "max") + (Math.max(...meanTest) - second > seedNoise ? t({ zh: "，领先超过种子之间的差别", en: ", by more than seeds differ" }) : t({ zh: "，但领先不超过种子之间的差别，分不出高下", en: ", but by no more than seeds differ: undecided" })));
console.log(t({ zh: "“时间和资源消耗最高”：本次最慢的是", en: "\"It takes most time and resources\": here the slowest is" }), best(seconds, "max") + t({ zh: "；张量内存最多的是", en: "; most memory of tensors:" }), best(heldMB, "max"));
for (const m of [1, 2, 3]) {
  const lost = meanTest[0] - meanTest[m];
  console.log(t({ zh: `“可能牺牲性能，但显著降低成本”：${METHODS[m].name} 的准确率`, en: `"Some performance may be lost, but costs fall a lot": ${METHODS[m].name}'s accuracy is ` }) + (lost > seedNoise ? t({ zh: `低 ${(100 * lost).toFixed(0)} 个百分点`, en: `${(100 * lost).toFixed(0)} points lower` }) : lost < -seedNoise ? t({ zh: `高 ${(-100 * lost).toFixed(0)} 个百分点`, en: `${(-100 * lost).toFixed(0)} points higher` }) : t({ zh: "与全参数分不出高下", en: "not distinguishable from full" })) + t({ zh: `；时间 ${(seconds[m] / seconds[0]).toFixed(2)}，张量 ${(heldMB[m] / heldMB[0]).toPrecision(2)}，存储 ${(stored[m] / stored[0]).toPrecision(2)}（全参数 = 1）`, en: `; time ${(seconds[m] / seconds[0]).toFixed(2)}, tensors ${(heldMB[m] / heldMB[0]).toPrecision(2)}, storage ${(stored[m] / stored[0]).toPrecision(2)} (full = 1)` }));
}
const speedUp = seconds[0] / seconds[2];
console.log(t({ zh: "“从三百多小时到三十几小时（约 10 倍）”：这里 LoRA 每步比全参数快", en: "\"From over three hundred hours to some thirty (about 10 times)\": here a step of LoRA is faster than a full one by" }), `${speedUp.toFixed(2)} ×;`, speedUp >= 8 ? t({ zh: "与书上相当", en: "as the book says" }) : speedUp > 1.1 ? t({ zh: "方向一致，但远不到 10 倍", en: "the same direction, but far from 10 times" }) : t({ zh: "看不出加速", en: "no gain in time to be seen" }));
// %% [markdown] lang="zh" tags=["claim:3.2.5/ten-times"]
// 为什么在一台机器上不会有 10 倍？每个词元的前向约 $2N$ 次浮点运算；反向要 $2N$ 次求激活的梯度、$2N$ 次求权重的梯度。LoRA 省掉的只是最后一项，所以矩阵乘法至多从 $6N$ 降到 $4N$：**1.5 倍**（优化器更新再省一点）。
// 书上的 10 倍来自别处：优化器状态不再占内存，175B 模型因此用更少的显卡、更少的通信、更大的批。它是系统的收益，不是运算量的收益。
// %% [markdown] lang="en" tags=["claim:3.2.5/ten-times"]
// Why can it not be 10 times on one machine? A forward pass takes about $2N$ operations a token; backward takes $2N$ for the gradients of activations and $2N$ for those of weights. LoRA saves the last part alone, so matrix products fall from $6N$ to $4N$ at best: **1.5 times** (and the optimizer's update a little more).
// The book's 10 times must come from elsewhere: with no optimizer state for 175B parameters one needs fewer cards, less communication, and can take larger batches. It is a gain of the system, not of arithmetic.
// %% [markdown] lang="zh"
// ## 4. 资源消耗：部署与推理
//
// 训练只做一次，推理要做千万次。未合并的适配器在每个线性层多做两次小的矩阵乘法；合并以后与原模型完全一样。下面测每秒生成的词元数，三种情形轮流各测几次。
// %% [markdown] lang="en"
// ## 4. Resources: deployment and inference
//
// Training happens once, inference a million times. An adapter that is not merged adds two small products to each linear layer; merged, the model costs exactly what it did. We measure tokens per second of generation, three cases in turn, several times each.
// %%
const loraRun = measured[2][0].run, mergedModel = { ...model, params: loraRun.method.merge!(model.params, loraRun.trained) };
const CASES: [string, tl.Model, tl.Adapter | undefined][] = [[t({ zh: "原模型", en: "base model" }), model, undefined], [t({ zh: "LoRA 未合并", en: "LoRA, apart" }), model, loraRun], [t({ zh: "LoRA 已合并", en: "LoRA, merged" }), mergedModel, undefined]];
const endless = { ...model.tokenizer, eos: [] }, newTokens = budget(64, 8), rates: number[][] = CASES.map(() => []);
for (let round = 0; round <= budget(7, 1); round++) for (const [i, [, which, adapter]] of CASES.entries()) {
  const began = performance.now();
  await tl.generate({ ...which, tokenizer: endless }, ["The file system"], { adapter, maxNewTokens: newTokens });
  if (round > 0) rates[i].push(newTokens / ((performance.now() - began) / 1000)); // the first round compiles
}
tl.dispose(mergedModel.params);
await show(barChart({
  title: t({ zh: "推理速度（中位数，误差棒为四分位距的一半）", en: "Speed of inference (median; bars: half the interquartile range)" }), x: { title: t({ zh: "情形", en: "case" }) }, y: { title: t({ zh: "词元/秒", en: "tokens per second" }) },
  series: [{ name: "", x: CASES.map(([name]) => name), y: rates.map(median), error: rates.map((r) => (tl.quantile(r, 0.75) - tl.quantile(r, 0.25)) / 2) }],
  alt: CASES.map(([name], i) => `${name}: ${median(rates[i]).toFixed(0)}`).join("; "),
}));
/** Ratio of two cases round by round: median and quartiles, so that a busy machine meets both. */
const against = (a: number, b: number) => { const each = rates[a].map((rate, k) => rate / rates[b][k]); return { middle: median(each), low: tl.quantile(each, 0.25), high: tl.quantile(each, 0.75) }; };
const quartiles = ({ middle, low, high }: ReturnType<typeof against>) => `${middle.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
const apart = against(1, 2), control = against(2, 0), calm = control.low < 1 && control.high > 1 && control.high - control.low < 0.3;
console.log(t({ zh: "每轮之比（中位数和四分位数）：未合并 / 已合并", en: "ratios round by round (median and quartiles): apart / merged" }), quartiles(apart), t({ zh: "，已合并 / 原模型（应为 1）", en: ", merged / base (should be 1)" }), quartiles(control));
console.log(!calm ? t({ zh: "对照偏离 1 或起伏太大：测量受到了干扰，这次不能下结论，请在机器空闲时重跑。", en: "The control is off 1 or too unsteady: the measurement was disturbed, so nothing can be concluded; run it again on an idle machine." }) : apart.high < 1 ? t({ zh: "未合并的适配器慢得看得出来。", en: "The adapter kept apart is visibly slower." }) : t({ zh: "差别看不出来。", en: "No difference can be seen." }));
const big = 1_777_088_000, loraBig = 1_089_536, tasks = 20; // the 1.5B Qwen2 of the chapter; docs/library.md
console.log(t({ zh: "存储，1.5B 模型，20 个任务（GB）：每任务一个完整模型（16 位）", en: "storage, 1.5B model, 20 tasks (GB): a whole model for each (16 bits)" }), ((tasks * big * 2) / 1e9).toFixed(1) + t({ zh: "；一个底座加 20 个 LoRA（32 位）", en: "; one base and 20 LoRAs (32 bits)" }), ((big * 2 + tasks * loraBig * 4) / 1e9).toFixed(2));
// %% [markdown] lang="zh"
// ## 5. 综合评估
//
// 把各项合成一个分数，要先回答两个问题：**单位不同怎么合**？**各占多少权重**？
// 这里用加权几何平均：每项取与最好者之比 $q_{ic}\in[0,1]$，再取 $S_i=\prod_c q_{ic}^{\,w_c/\sum w}$。名次与单位无关，也不会因为多比较一种方法而改变。权重是价值判断，必须写明。
//
// 性能这一项用**增益**（test 准确率 − 猜最大类的准确率，不低于 0），不用准确率：瞎猜也有两成多的准确率，那不是微调的功劳。推理速度：只有 LoRA 未合并时不同。
// %% [markdown] lang="en"
// ## 5. All together
//
// To join everything into one score, two questions come first: **how are different units joined**, and **with what weights**?
// Here it is a weighted geometric mean: each criterion is the ratio to the best, $q_{ic}\in[0,1]$, and $S_i=\prod_c q_{ic}^{\,w_c/\sum w}$. The ranking depends neither on units nor on which other methods are compared. Weights are a judgement of value; they must be stated.
//
// For performance we take the **gain** (accuracy on test − accuracy of guessing the largest class, at least 0), not the accuracy: guessing is right in more than a fifth of the cases too, which is not fine-tuning's merit. Speed of inference differs for LoRA only, where it is kept apart.
// %%
const CRITERIA = { gain: "higher", trainSeconds: "lower", tensorMB: "lower", storedMB: "lower", tokensPerSecond: "higher" } as const;
const NAMES: Record<keyof typeof CRITERIA, string> = { gain: t({ zh: "性能增益", en: "gain" }), trainSeconds: t({ zh: "训练时间", en: "training time" }), tensorMB: t({ zh: "训练内存", en: "training memory" }), storedMB: t({ zh: "存储", en: "storage" }), tokensPerSecond: t({ zh: "推理速度", en: "inference" }) };
const keys = Object.keys(CRITERIA) as (keyof typeof CRITERIA)[];
const values = Object.fromEntries(METHODS.map(({ name }, m) => [name, { gain: Math.max(0, meanTest[m] - guess), trainSeconds: seconds[m], tensorMB: heldMB[m], storedMB: stored[m], tokensPerSecond: median(rates[m === 2 ? 1 : 0]) }]));
const scoreWith = (weights: number[]) => tl.efficiencyScore(values, Object.fromEntries(keys.map((key, i) => [key, { weight: weights[i], better: CRITERIA[key] }])));
const parts = scoreWith([1, 1, 1, 1, 1]), onRing = (ratioToBest: number) => Math.log10(Math.max(ratioToBest, 1e-4)); // ratios span powers of ten
await show({
  data: METHODS.map(({ name }, m) => ({ type: "scatterpolar", name, r: [...keys, keys[0]].map((key) => onRing(parts[name].parts[key])), theta: [...keys, keys[0]].map((key) => NAMES[key]), line: { dash: ["solid", "dash", "dot", "dashdot"][m], color: ["#0072B2", "#D55E00", "#009E73", "#CC79A7"][m] }, marker: { symbol: ["circle", "square", "diamond", "triangle-up"][m] } })),
  layout: { title: { text: t({ zh: "各项与最好者之比（对数刻度，外圈 = 最好）", en: "Each criterion as a ratio to the best (log scale, rim = best)" }), x: 0.02 }, height: 460, margin: { t: 80, b: 50 }, polar: { radialaxis: { range: [-4.3, 0], angle: 90, tickangle: 90, tickvals: [-4, -3, -2, -1, 0], ticktext: ["≤ 0.0001", "0.001", "0.01", "0.1", "1"] } }, font: { size: 14, family: "system-ui, Arial, 'Noto Sans CJK SC', sans-serif" } },
  alt: METHODS.map(({ name }) => `${name}: ${keys.map((key) => `${NAMES[key]} ${parts[name].parts[key].toPrecision(2)}`).join(", ")}`).join("; "),
});
// %%
const SCENARIOS: Record<string, number[]> = { // gain, training time, training memory, storage, inference
  [t({ zh: "移动设备", en: "mobile device" })]: [2, 1, 2, 4, 2], [t({ zh: "实时响应", en: "real time" })]: [2, 2, 1, 1, 4], [t({ zh: "医疗、法律", en: "medicine, law" })]: [16, 1, 1, 1, 1],
};
table(Object.entries(SCENARIOS).map(([scenario, weights]) => ({ [t({ zh: "场景", en: "scenario" })]: scenario, ...Object.fromEntries(keys.map((key, i) => [NAMES[key], weights[i]])) })), t({ zh: "权重（改成你自己的）", en: "Weights (put in your own)" }));
await show(barChart({
  title: t({ zh: "三个场景的综合分", en: "Scores in three scenarios" }), x: { title: t({ zh: "场景", en: "scenario" }) }, y: { title: t({ zh: "综合分（1 = 每项都最好）", en: "score (1 = best in everything)" }) },
  series: METHODS.map(({ name }) => ({ name, x: Object.keys(SCENARIOS), y: Object.values(SCENARIOS).map((weights) => scoreWith(weights)[name].score) })),
  alt: Object.entries(SCENARIOS).map(([scenario, weights]) => `${scenario}: ${METHODS.map(({ name }) => `${name} ${scoreWith(weights)[name].score.toFixed(2)}`).join(", ")}`).join("; "),
}));
// %% [markdown] lang="zh"
// ### 权重说了算吗？
//
// 让性能增益的权重从 0 变到 0.95，其余四项平分剩下的。曲线相交的地方，“最值得的方法”就换人。特别看最左边：只看成本时，哪一种方法得分最高，它学会任务了吗？
// %% [markdown] lang="en"
// ### Do the weights decide?
//
// Let the weight of gain run from 0 to 0.95; the other four share the rest. Where curves cross, "the best value" changes hands. Look at the left end above all: with costs only, which method scores highest, and did it learn the task?
// %%
const weightsOfGain = Array.from({ length: 20 }, (_, i) => i / 20), sweep = weightsOfGain.map((w) => scoreWith([w, ...Array(4).fill((1 - w) / 4)]));
await show(lineChart({
  title: t({ zh: "综合分随性能权重的变化", en: "Score against the weight of performance" }), x: { title: t({ zh: "性能增益的权重", en: "weight of the gain" }) }, y: { title: t({ zh: "综合分", en: "score" }) },
  series: METHODS.map(({ name }) => ({ name, x: weightsOfGain, y: sweep.map((s) => s[name].score) })),
  alt: METHODS.map(({ name }) => `${name}: ${[0, 10, 19].map((i) => `${weightsOfGain[i]} → ${sweep[i][name].score.toFixed(2)}`).join(", ")}`).join("; "),
}));
const winner = (s: (typeof sweep)[0]) => METHODS.map(({ name }) => name).sort((a, b) => s[b].score - s[a].score)[0];
const changes = sweep.flatMap((s, i) => (i === 0 || winner(s) !== winner(sweep[i - 1]) ? [`${t({ zh: "从", en: "from" })} ${weightsOfGain[i].toFixed(2)}: ${winner(s)}`] : []));
console.log(t({ zh: "得分最高者，按性能的权重：", en: "highest score, by the weight of performance: " }) + changes.join("; "));
const frugal = winner(sweep[0]), frugalGain = values[frugal].gain;
console.log(t({ zh: "只看成本时胜出：", en: "With costs only the winner is " }) + frugal + (frugalGain < 0.1 ? t({ zh: "，而它几乎没有学会任务。所以先定性能的下限，再在达标的方法里比成本。", en: ", which has hardly learned the task. So first set a minimum of performance, then compare costs among the methods that reach it." }) : t({ zh: "，它也学会了任务。", en: ", and it has learned the task too." })));
// %% [markdown] lang="zh"
// ## 小结
//
// * 报告增益时同时给出：指标、区间、参照（瞎猜、未微调、简单基线）、边缘案例。
// * BLEU、ROUGE 只量字面重合；用来比较同一任务上的两个系统，不用来判断对错。
// * 时间、内存、存储、推理分开测；“快 10 倍”要问清楚是运算、内存还是系统的 10 倍。
// * 综合分取决于权重：写明权重，先设性能下限，再看换一组权重结论变不变。
//
// ## 练习
//
// 用你的答案代替 `undefined` 再运行。需要时用 `tl.hint("3.2.5/1", 1)`（1 到 3 级）和 `tl.solution("3.2.5/1")`。
//
// 1. 1000 条告警里 50 条是攻击，其余正常。一个“分类器”全部判为正常。它的宏平均 $F_1$ 是多少（保留三位小数）？
// 2. 参考有 9 个词元，回答只有 6 个，而且每个 $n$ 元组都在参考里出现。BLEU 是多少（0 到 100）？
// 3. 20 个任务，1.5B 模型（1 777 088 000 个参数，16 位），每个任务的 LoRA 有 1 089 536 个参数（32 位）。“每任务一个完整模型”占的存储是“一个底座加 20 个 LoRA”的多少倍？
// 4. 方法甲：增益 0.60，训练 100 秒；方法乙：增益 0.48，训练 50 秒。权重 增益 : 时间 = 3 : 1。方法乙的综合分（加权几何平均）是多少？
// 5. （动手）把 LoRA 的 `steps` 加到 300，或换成 `tl.adapter()`，重跑第 3 节：图和结论哪里变了？
// %% [markdown] lang="en"
// ## Summary
//
// * With a gain report: the metric, an interval, references (guessing, the model as it was, a simple baseline), edge cases.
// * BLEU and ROUGE measure overlap of words; use them to compare two systems on one task, not to judge truth.
// * Measure time, memory, storage and inference apart; of "10 times faster" ask whether it is arithmetic, memory or the whole system.
// * A joint score depends on its weights: state them, set a minimum of performance first, and see whether other weights change the conclusion.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. For help: `tl.hint("3.2.5/1", 1)` (levels 1 to 3) and `tl.solution("3.2.5/1")`.
//
// 1. Of 1000 alerts 50 are attacks, the others benign. A "classifier" calls all of them benign. What is its macro average of $F_1$ (three decimals)?
// 2. The reference has 9 tokens, the answer only 6, and all its $n$-grams occur in the reference. What is BLEU (0 to 100)?
// 3. 20 tasks, a 1.5B model (1 777 088 000 parameters, 16 bits), and for each task a LoRA of 1 089 536 parameters (32 bits). How many times the storage of "one base and 20 LoRAs" does "a whole model for each task" take?
// 4. Method A: gain 0.60, 100 seconds of training; method B: gain 0.48, 50 seconds. Weights gain : time = 3 : 1. What is the score of B (weighted geometric mean)?
// 5. (hands on) Raise LoRA's `steps` to 300, or take `tl.adapter()` instead, and run section 3 again: what changes in the figures and in the conclusions?
// %%
tl.check("3.2.5/1", undefined);
tl.check("3.2.5/2", undefined);
tl.check("3.2.5/3", undefined);
tl.check("3.2.5/4", undefined);
