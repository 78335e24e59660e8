// Section 3.1.2 of the course: how fine-tuning developed. A timeline with sources, catastrophic forgetting measured, and the methods of the timeline trained side by side.
// Build both languages with: npm run notebooks -- 3.1.2-history
// %% [markdown] lang="zh" tags=["claim:3.1.2/shrinking"]
// # 3.1.2 发展历程：从全部参数到千分之一，得到了什么，失去了什么？
//
// 从 BERT 的全参数微调到今天，训练的参数占比从 100 % 降到百分之几、千分之几、万分之一。教材说这使效率提高了 10~100 倍。是**什么**的 10~100 倍：参数、存储、内存，还是时间？全参数微调真的会“灾难性遗忘”，而新方法不会吗？
// 本节先把历史排成一张可以交互的时间线（每个点都有论文），再把时间线上的主要方法在同一个模型、同一批数据上训练一遍，让这些说法接受测量。
//
// 需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en" tags=["claim:3.1.2/shrinking"]
// # 3.1.2 History: from all parameters to one in a thousand. What was won, and what was lost?
//
// From BERT's full fine-tuning until today the share of parameters that is trained fell from 100 % to a few in a hundred, in a thousand, in ten thousand. The book says that this made fine-tuning 10 to 100 times more efficient. Of **what** is that: parameters, storage, memory, or time? And does full fine-tuning really "forget catastrophically", and do the newer methods not?
// We first lay the history out as a timeline that you can explore (with a paper for each point), then train its main methods on one model with the same data, and let these claims meet measurement.
//
// It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, courseModel, table, show, lineChart, barChart, dotChart, scatterChart, timelineChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(courseModel());
const BRANCHES: Record<tl.Branch, string> = { full: t({ zh: "全参数", en: "full" }), selected: t({ zh: "部分参数", en: "partial" }), adapter: t({ zh: "适配器", en: "adapters" }), prompt: t({ zh: "提示", en: "prompts" }), "low-rank": t({ zh: "低秩", en: "low rank" }) };
const branches = Object.keys(BRANCHES) as tl.Branch[], milestonesOf = (branch: tl.Branch) => tl.MILESTONES.filter((m) => m.branch === branch);
await show(timelineChart({
  title: t({ zh: "微调方法的时间线（指向一个点，看论文和想法）", en: "A timeline of fine-tuning (point at an event for paper and idea)" }), x: { title: t({ zh: "年（预印本首次公开）", en: "year (first preprint)" }) }, y: { title: t({ zh: "路线", en: "branch" }) },
  lanes: branches.map((branch) => ({ name: BRANCHES[branch], events: milestonesOf(branch).map((m) => ({ at: tl.dateOf(m), label: m.name, note: `${m.name}: ${tl.sourceOf(m)}<br>${t(m.idea)}` })) })),
  alt: branches.map((branch) => `${BRANCHES[branch]}: ${milestonesOf(branch).map((m) => `${m.name} ${m.year}`).join(", ")}`).join("; "),
}));
console.log(`${machine.name}: ${machine.why}`);
// %%
table(tl.MILESTONES.map((m) => ({ [t({ zh: "时间", en: "date" })]: `${m.year}-${String(m.month).padStart(2, "0")}`, [t({ zh: "方法", en: "method" })]: m.name, [t({ zh: "路线", en: "branch" })]: BRANCHES[m.branch], [t({ zh: "想法", en: "idea" })]: t(m.idea), [t({ zh: "出处", en: "source" })]: tl.sourceOf(m), [t({ zh: "论文报告的训练占比", en: "share trained, as reported" })]: m.reported ? `${m.reported.percent} % (${m.reported.of})` : "" })), t({ zh: "时间线上的论文（占比引自论文，不是本课程测的）", en: "The papers of the timeline (shares are quoted from them, not measured here)" }));
// %% [markdown] lang="zh"
// ## 1. 技术萌芽期（2017—2018 年）
//
// ### 1) Transformer 与 2) BERT
//
// Transformer（2017）给出架构；BERT（2018 年 10 月）确立“预训练—微调”：先用遮蔽语言模型（MLM）和下一句预测（NSP）在无标注文本上预训练，再加一个输出层，用标注数据更新**全部**参数。本课程的模型是另一支（GPT 一支）：预训练任务是预测下一个词元，所以微调不用加输出层。
//
// 教材在这里有两处需要更正，可以当场验证。
//
// **BERT-base 是 12 层，不是 24 层**（1.1 亿个参数是对的）。从形状数一数：词表 30 522，宽 768，前馈 3072，最长 512。
// %% [markdown] lang="en"
// ## 1. Beginnings (2017 to 2018)
//
// ### 1) The Transformer, 2) BERT
//
// The Transformer (2017) is the architecture; BERT (October 2018) established "pre-train, then fine-tune": first masked language modelling (MLM) and next-sentence prediction (NSP) on unlabelled text, then an output layer is added and **all** parameters are updated on labelled data. The models of this course are of the other family (GPT's): they were pre-trained to predict the next token, so fine-tuning needs no new output layer.
//
// Two things in the book need a correction here, and both can be checked on the spot.
//
// **BERT-base has 12 layers, not 24** (its 110 million parameters are right). Count from the shapes: vocabulary 30 522, width 768, feed-forward 3072, at most 512 positions.
// %%
const bertSize = (layers: number, d = 768, f = 3072) => (30522 + 512 + 2) * d + 2 * d + layers * (4 * (d * d + d) + (d * f + f) + (f * d + d) + 4 * d) + (d * d + d); // embeddings, layers, pooler
table([12, 24].map((layers) => ({ [t({ zh: "层数", en: "layers" })]: layers, [t({ zh: "参数", en: "parameters" })]: bertSize(layers).toLocaleString("en-US"), [t({ zh: "百万", en: "millions" })]: bertSize(layers) / 1e6 })));
// %% [markdown] lang="zh"
// **BERT 学到的向量与上下文有关。** 教材说是“与上下文无关的语义向量”，那是 Word2Vec（见 3.3.3 节）；BERT 的意义正在于同一个词在不同句子里得到不同的向量。课程模型也是 Transformer，可以看到同样的事：同一个词元，输入嵌入完全一样，经过各层以后就不同了。
// %% [markdown] lang="en"
// **The vectors that BERT learns depend on the context.** The book calls them independent of it; that is Word2Vec (section 3.3.3). BERT's very point is that a word has another vector in another sentence. The course model is a Transformer, too, and shows the same: one token, whose input embedding is always the same, differs once the layers have read its sentence.
// %%
const sentences = ["Press the Enter key.", "Never send anyone your private key."], encoded = sentences.map((s) => model.tokenizer.encode(s));
const word = encoded[0].filter((id) => encoded[1].includes(id) && /[a-z]/.test(model.tokenizer.decode([id]))).pop()!;
const vectors = encoded.map((ids) => { const h = tl.hiddenStates(model, { ids: Int32Array.from(ids), batch: 1 }), all = h.dataSync(), d = model.config.hiddenSize, at = ids.lastIndexOf(word); h.dispose(); return Array.from(all.slice(at * d, (at + 1) * d)); });
const dot = (a: number[], b: number[]) => a.reduce((s, v, i) => s + v * b[i], 0), cosine = dot(vectors[0], vectors[1]) / Math.sqrt(dot(vectors[0], vectors[0]) * dot(vectors[1], vectors[1]));
console.log(t({ zh: `词元“${model.tokenizer.decode([word]).trim()}”在两句话里：输入嵌入的余弦 1（同一行），最后一层的余弦 ${cosine.toFixed(3)}`, en: `the token "${model.tokenizer.decode([word]).trim()}" in both sentences: cosine of the input embeddings 1 (the same row), of the last layer ${cosine.toFixed(3)}` }) + (cosine < 0.99 ? t({ zh: "：向量随上下文而变。", en: ": the vector changes with its context." }) : t({ zh: "：这两句里几乎没有变。", en: ": hardly any change in these two." })));
// %% [markdown] lang="zh"
// ### 这一阶段的三个特点
//
// * **整体性调节**：所有参数用同一个损失、同样对待。本库里是 `tl.full()`。
// * **粗粒度控制**：统一的学习率，或逐层衰减（ULMFiT，2018：离输出越远，学习率越小）。本库里，方法的 `rateFactor` 给每个张量一个倍数；下面 $0.8^{\text{离顶层的层数}}$ 也参加比较。
// * **数据密集**：要很多标注数据。3.3.1 节的学习曲线专门测量这一点。
//
// ### 挑战一：计算成本
//
// 全参数微调（FP32，AdamW）每个参数要存权重、梯度和两个平均值：$4+4+8=16$ 字节，激活值另算。
// %% [markdown] lang="en"
// ### Three marks of that time
//
// * **Everything alike**: all parameters get the same loss and the same treatment. Here that is `tl.full()`.
// * **Coarse control**: one learning rate, or one that decays layer by layer (ULMFiT 2018: the further from the output, the smaller). Here a method's `rateFactor` gives each tensor a multiple; $0.8^{\text{layers from the top}}$ takes part in the comparison below.
// * **Hungry for data**: it needs many labelled examples. The learning curve of section 3.3.1 measures that.
//
// ### First challenge: cost
//
// Full fine-tuning (float32, AdamW) keeps weight, gradient and two averages of each parameter: $4+4+8=16$ bytes, activations apart.
// %%
const SIZES = { [t({ zh: "课程模型", en: "course model" })]: tl.count(model.params), "BERT-base": bertSize(12), [t({ zh: "教材的 1.5B", en: "the book's 1.5B" })]: 1_777_088_000, "GPT-3": 175e9 }, CARD = 12e9; // TITAN Xp: 12 GB
table(Object.entries(SIZES).map(([name, n]) => ({ [t({ zh: "模型", en: "model" })]: name, [t({ zh: "参数", en: "parameters" })]: n.toLocaleString("en-US"), [t({ zh: "权重 + 梯度 + 优化器（GB）", en: "weights + gradients + optimizer (GB)" })]: (16 * n) / 1e9, [t({ zh: "TITAN Xp（12 GB）张数", en: "TITAN Xp cards (12 GB)" })]: (16 * n) / CARD })));
console.log(16 * bertSize(12) < CARD ? t({ zh: `BERT-base 的状态只占一张 12 GB 卡的 ${((1600 * bertSize(12)) / CARD).toFixed(0)} %；多张卡是为了激活值、更大的批和速度，不是因为放不下。`, en: `BERT-base's state takes ${((1600 * bertSize(12)) / CARD).toFixed(0)} % of one 12 GB card; more cards serve activations, larger batches and speed, not because it would not fit.` }) : "");
// %% [markdown] lang="zh"
// ### 挑战二：灾难性遗忘，和后来的方法一起测
//
// 任务：用中文问答（`preferences` 里的问题和好的回答，课程模型没见过）微调。同时看三样**没有训练**的东西：通用中文、通用英文（`general`），以及**英文**问答（跨任务）。
//
// $$\text{学到}=L_{\text{任务}}^{\text{前}}-L_{\text{任务}}^{\text{后}},\qquad \text{遗忘}=L_{\text{通用}}^{\text{后}}-L_{\text{通用}}^{\text{前}}$$
//
// 遗忘与学得多猛有关，所以全参数和 LoRA 各用三个学习率（选定值的 ¼、1、4 倍），三个种子。学习率事先在测试集的一半上粗选，这里的分数用**另一半**。
// %% [markdown] lang="en"
// ### Second challenge: catastrophic forgetting, measured together with the methods that came later
//
// The task: fine-tune on Chinese questions and answers (the questions and good answers of `preferences`, which the course model has not seen). We watch three things that are **not** trained: general Chinese, general English (`general`), and **English** questions and answers (another task).
//
// $$\text{learned}=L_{\text{task}}^{\text{before}}-L_{\text{task}}^{\text{after}},\qquad \text{forgotten}=L_{\text{general}}^{\text{after}}-L_{\text{general}}^{\text{before}}$$
//
// Forgetting depends on how hard one trains, so full and LoRA get three learning rates each (¼, 1 and 4 times the chosen one), with three seeds. The rates were chosen beforehand, coarsely, on one half of the test set; scores here are from the **other half**.
// %%
const answersOf = async (l: string, split: string) => tl.encodeExamples(model.tokenizer, (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/${l}/${split}.jsonl`))).map((r) => ({ question: r.prompt, answer: r.chosen })));
const train = await answersOf("zh", "train"), otherHalf = (x: tl.Example[]) => x.filter((_, i) => i % 2 === 1).slice(0, budget(40, 4)), task = otherHalf(await answersOf("zh", "test")), english = otherHalf(await answersOf("en", "test"));
const generalOf = async (l: string) => tl.packDocuments((await tl.loadRecords<{ text: string }>(courseFile(`data/general/${l}/test.jsonl`))).map((r) => model.tokenizer.encode(r.text)), 128, model.tokenizer.eos[0]).slice(0, budget(16, 2));
const general = { zh: await generalOf("zh"), en: await generalOf("en") };
interface Losses { zh: number; en: number; english: number }
const lossesOf = async (adapter?: tl.Adapter): Promise<Losses> => { const loss = async (data: tl.Example[]) => (await tl.evaluate(model, data, { adapter })).loss; return { zh: await loss(general.zh), en: await loss(general.en), english: await loss(english) }; };
const before = { task: (await tl.evaluate(model, task)).loss, ...(await lossesOf()) };
table([{ [t({ zh: "微调前的损失：任务", en: "loss before: task" })]: before.task, [t({ zh: "通用中文", en: "general Chinese" })]: before.zh, [t({ zh: "通用英文", en: "general English" })]: before.en, [t({ zh: "英文问答", en: "English questions" })]: before.english }]);
// %%
const at = (method: tl.Method, learningRate: number) => () => ({ ...method, learningRate }), layersBelowTop = (name: string) => { const l = /layers\.(\d+)\./.exec(name); return l ? model.config.layers - 1 - Number(l[1]) : name.includes("embed") ? model.config.layers : 0; };
const layered: tl.Method = { ...tl.full(), rateFactor: (name) => 0.8 ** layersBelowTop(name) };
const instruction = model.tokenizer.encode("请简明、准确地回答下面的问题。"), FULL = t({ zh: "全参数", en: "full" }), PARALLEL = t({ zh: "Adapter，并联", en: "adapter, parallel" }), LAYERED = t({ zh: "全参数，逐层衰减", en: "full, layered rates" });
const STRENGTHS = budget(1, 0) ? [0.25, 1, 4] : [1], strong = (name: string, s: number) => (s === 1 ? name : `${name} ×${s}`);
const strengths = Object.fromEntries(STRENGTHS.flatMap((s) => [[strong(FULL, s), at(tl.full(), 4e-4 * s)], [strong("LoRA", s), at(tl.lora({ targets: "all-linear" }), 5e-3 * s)]]));
const LATER = { [LAYERED]: at(layered, 2e-3), [t({ zh: "Adapter，串联", en: "adapter, sequential" })]: at(tl.adapter(), 5e-3), [PARALLEL]: at(tl.adapter({ form: "parallel", reduction: 16 }), 3e-3), Prefix: at(tl.prefix({ start: instruction }), 5e-2), Prompt: at(tl.prompt({ start: instruction, tokens: instruction.length }), 3e-2), "P-tuning": at(tl.pTuning({ tokens: instruction.length, encoder: "mlp" }), 3e-3), "(IA)³": at(tl.ia3(), 1e-1) };
const compared: Record<string, () => tl.Method> = { ...strengths, ...Object.fromEntries(Object.entries(LATER).slice(0, budget(9, 3))) };
// %%
const seeds = budget(1, 0) ? [0, 1, 2] : [0], kept: Losses[] = [], working = tl.progress(Object.keys(compared).length * seeds.length, t({ zh: "训练和评估", en: "training and evaluation" }));
const { rows } = await tl.compareMethods({
  model, methods: compared, data: { train, validation: task }, steps: budget(32, 2), batchSize: 8, seeds,
  score: async (adapter) => { const found = await lossesOf(adapter); kept.push(found); return -(found.zh + found.en) / 2; },
  onRun: (run, done) => working.update(done, run.method),
});
working.done();
const resultsOf = (name: string) => { const m = rows.findIndex((r) => r.method === name), runs = rows[m].runs; return runs.map((r, s) => { const k = kept[m * seeds.length + s]; return { learned: before.task - r.loss, zh: k.zh - before.zh, en: k.en - before.en, english: k.english - before.english, forgotten: (k.zh + k.en - before.zh - before.en) / 2 }; }); };
type Result = ReturnType<typeof resultsOf>[number];
const each = (name: string, what: keyof Result) => resultsOf(name).map((r) => r[what]), mean = (name: string, what: keyof Result) => tl.mean(each(name, what)), half = (x: number[]) => (x.length > 1 ? tl.interval(x).error : 0), shown = (name: string, what: keyof Result) => `${mean(name, what).toFixed(3)} ± ${half(each(name, what)).toFixed(3)}`;
// %%
const versus = (a: string, b: string, what: keyof Result) => tl.interval(each(a, what).map((v, s) => v - each(b, what)[s]));
const less = (d: tl.Interval, more: string, fewer: string) => `${d.mean.toFixed(3)} ± ${d.error.toFixed(3)}: ${d.mean > d.error ? more : d.mean < -d.error ? fewer : t({ zh: "看不出差别", en: "no difference to be seen" })}`;
const strongNames = (name: string) => STRENGTHS.map((s) => strong(name, s)), tradeOff = lineChart({
  title: t({ zh: "学到多少，忘了多少（学习率的 ¼、1、4 倍）", en: "Learned and forgotten (¼, 1 and 4 times the learning rate)" }), x: { title: t({ zh: "学到：任务损失的下降（纳特/词元）", en: "learned: fall of the task's loss (nats per token)" }) }, y: { title: t({ zh: "遗忘：通用损失的上升", en: "forgotten: rise of the general loss" }) },
  series: [FULL, "LoRA"].map((name) => ({ name, x: strongNames(name).map((n) => mean(n, "learned")), y: strongNames(name).map((n) => mean(n, "forgotten")), error: strongNames(name).map((n) => half(each(n, "forgotten"))) })),
  alt: [FULL, "LoRA"].map((name) => `${name}: ${STRENGTHS.map((s) => `×${s}: ${mean(strong(name, s), "learned").toFixed(2)}, ${mean(strong(name, s), "forgotten").toFixed(2)}`).join("; ")}`).join(" | "),
});
tradeOff.data.forEach((trace, i) => Object.assign(trace, { mode: "lines+markers+text", text: STRENGTHS.map((s) => `×${s === 0.25 ? "¼" : s}`), textposition: i ? "bottom left" : "top right", textfont: { size: 12 } }));
await show(tradeOff);
if (STRENGTHS.includes(4)) for (const name of [FULL, "LoRA"]) { const d = versus(strong(name, 4), name, "learned"); console.log(t({ zh: `${name}，学习率 ×4 与 ×1 之差，学到`, en: `${name}, rate ×4 minus ×1, learned` }), less(d, t({ zh: "学得更多", en: "learns more" }), t({ zh: "学得更少：学习率过大，忘掉的没有换来什么", en: "learns less: the rate is too high, and what is forgotten buys nothing" }))); }
const names = rows.map((r) => r.method), atOwnRate = names.filter((n) => !n.includes("×"));
await show(dotChart({
  title: t({ zh: "只学了中文问答，通用文本的损失变了多少", en: "Only Chinese answers were trained: change of the general loss" }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: t({ zh: "损失的变化（纳特/词元；95 % 区间）", en: "change of loss (nats per token; 95 % interval)" }) },
  series: (["zh", "en"] as const).map((l) => ({ name: l === "zh" ? t({ zh: "通用中文", en: "general Chinese" }) : t({ zh: "通用英文", en: "general English" }), x: atOwnRate, y: atOwnRate.map((n) => mean(n, l)), error: atOwnRate.map((n) => half(each(n, l))) })),
  alt: atOwnRate.map((n) => `${n}: ${mean(n, "zh").toFixed(2)} / ${mean(n, "en").toFixed(2)}`).join("; "),
}));
// %%
table(names.map((n) => ({ [t({ zh: "方法", en: "method" })]: n, [t({ zh: "学到", en: "learned" })]: shown(n, "learned"), [t({ zh: "遗忘（中）", en: "forgotten (zh)" })]: shown(n, "zh"), [t({ zh: "遗忘（英）", en: "forgotten (en)" })]: shown(n, "en"), [t({ zh: "英文问答的变化", en: "English questions" })]: shown(n, "english") })), t({ zh: `${seeds.length} 个种子的平均和 95 % t 区间；变化为正 = 变差`, en: `Means of ${seeds.length} seeds with 95 % t-intervals; positive changes are for the worse` }));
console.log(t({ zh: "全参数微调：", en: "Full fine-tuning: " }) + (["zh", "en"] as const).map((l) => `${l}: ${less(tl.interval(each(FULL, l)), t({ zh: "遗忘了", en: "forgets" }), t({ zh: "反而变好", en: "even gains" }))}`).join("; "));
for (const what of ["learned", "forgotten"] as const) console.log(t(what === "learned" ? { zh: "学到：全参数 − LoRA（成对）", en: "learned: full − LoRA (in pairs)" } : { zh: "遗忘：全参数 − LoRA（成对）", en: "forgotten: full − LoRA (in pairs)" }), less(versus(FULL, "LoRA", what), t({ zh: "全参数更多", en: "more by full" }), t({ zh: "LoRA 更多", en: "more by LoRA" })));
const [worst] = [...atOwnRate].sort((a, b) => mean(b, "en") - mean(a, "en")), ahead = worst === FULL ? undefined : versus(worst, FULL, "en");
console.log(t({ zh: `英文忘得最多的（各用自己的学习率）：${worst}`, en: `Most English is forgotten (each at its own rate) by: ${worst}` }) + (!ahead ? "" : t({ zh: `；比全参数多 `, en: `; more than full by ` }) + less(ahead, t({ zh: "确实更多", en: "truly more" }), t({ zh: "更少", en: "less" }))));
if (ahead && ahead.mean > ahead.error && worst !== LAYERED) console.log(t({ zh: "它冻结了原模型的全部参数。冻结参数不等于不遗忘：要紧的是函数变了多少。", en: "It leaves all of the model's parameters frozen. Frozen parameters are no insurance against forgetting: what counts is how far the function moves." }));
// %% [markdown] lang="zh"
// 读这些数时注意：
//
// * “遗忘”取决于微调数据与旧知识的关系：微调用的是中文，通用中文与它同语言，可能不降反升；英文没有出现在微调数据里。
// * 两条曲线要**在学到同样多的地方**比较：如果 LoRA 忘得少，也可能只是因为学得少。Biderman 等（2024）在大模型上的结论是“LoRA 学得少，忘得也少”。
// * 这里的小模型本来就没有很多可忘的；变化的大小不能搬到大模型上，做法可以。
// %% [markdown] lang="en"
// Reading these numbers, mind:
//
// * Forgetting depends on how the new data relate to the old knowledge: the training data are Chinese, so general Chinese may even gain; English does not occur in them.
// * Compare the two curves **where they have learned as much**: if LoRA forgets less, that may be merely because it learns less. On large models Biderman et al. (2024) found that "LoRA learns less and forgets less".
// * This small model has little to forget. The sizes do not carry over to large models; the way to measure does.
// %% [markdown] lang="zh"
// ## 2. 效率革命期（2019 年至今）
//
// ### 1) 适配器微调
//
// 串联的适配器（Houlsby 等，2019）接在子层后面，并联的（He 等，2022）放在旁边，$x$ 是子层的输入，$h$ 是子层的输出：
//
// $$\text{串联}:\ h+W_{\uparrow}f(W_{\downarrow}h)\qquad\qquad \text{并联}:\ h+s\,W_{\uparrow}f(W_{\downarrow}x)$$
//
// “动态适配器”如 AdapterDrop 在训练或推理时去掉一部分层的适配器，换取速度。
//
// ### 2) 软提示微调
//
// 硬提示是词，软提示是可以求导的向量。Prompt Tuning 只在**输入**前加嵌入；P-tuning 用编码器（LSTM 或 MLP）产生它们，位置可以在任何地方；Prefix Tuning 在**每一层**的注意力前加键和值（教材说“在输入的前缀位置”，论文不止于此，见 3.6.3 节）。上面三者都从同一句硬提示“请简明、准确地回答下面的问题。”的长度出发，Prefix 和 Prompt 还从它的内容出发。
//
// ### 3) 低秩矩阵分解
//
// LoRA：$W=W_0+\frac{\alpha}{r}BA$，见 3.6.2 节。
//
// 前面的比较里已经都训练过了。下表是教材几句话的核对：
// %% [markdown] lang="en"
// ## 2. The revolution of efficiency (since 2019)
//
// ### 1) Adapters
//
// Sequential adapters (Houlsby et al. 2019) stand behind a sublayer, parallel ones (He et al. 2022) beside it; $x$ goes into the sublayer, $h$ comes out of it:
//
// $$\text{sequential}:\ h+W_{\uparrow}f(W_{\downarrow}h)\qquad\qquad \text{parallel}:\ h+s\,W_{\uparrow}f(W_{\downarrow}x)$$
//
// "Dynamic adapters" such as AdapterDrop leave out the adapters of some layers in training or inference, for speed.
//
// ### 2) Soft prompts
//
// A hard prompt is words, a soft one is vectors with gradients. Prompt tuning adds embeddings in front of the **input** only; P-tuning makes them with an encoder (LSTM or MLP) and puts them anywhere; prefix tuning adds keys and values in **every layer's** attention (the book says "at the front of the input"; the paper goes further, see 3.6.3). Above, all three had the length of one hard prompt, "Answer the following question briefly and precisely." in Chinese, and prefix and prompt also began as its content.
//
// ### 3) Low rank
//
// LoRA: $W=W_0+\frac{\alpha}{r}BA$, see 3.6.2.
//
// All of them were trained in the comparison above. A few sentences of the book against its numbers:
// %%
const CLAIMS: [string, string, string][] = [[t({ zh: "并联比串联进一步优化（学到：并联 − 串联）", en: "parallel adapters improve on sequential ones (learned: parallel − sequential)" }), PARALLEL, t({ zh: "Adapter，串联", en: "adapter, sequential" })], [t({ zh: "P-tuning 甚至超越全参数（学到：P-tuning − 全参数）", en: "P-tuning even surpasses full fine-tuning (learned: P-tuning − full)" }), "P-tuning", FULL], [t({ zh: "分层学习率优于统一学习率（学到：逐层 − 统一）", en: "layered rates beat one rate (learned: layered − one)" }), LAYERED, FULL]];
for (const [claim, a, b] of CLAIMS) if (names.includes(a) && names.includes(b)) console.log(`${claim}: ${less(versus(a, b, "learned"), t({ zh: "这里成立", en: "holds here" }), t({ zh: "这里相反", en: "the contrary here" }))}`);
// %% [markdown] lang="zh"
// ### (IA)³ 学的不是学习率
//
// 教材说 (IA)³ “对不同参数采用不同的学习率，用学习率向量对键值参数进行缩放”。论文里没有学习率向量，也没有“重要性感知”：它学三个**缩放向量** $l_k,l_v,l_{ff}$，乘在激活上，原来的权重冻结：
//
// $$\operatorname{softmax}\!\Big(\frac{Q\,(l_k\odot K)^{\top}}{\sqrt d}\Big)(l_v\odot V),\qquad W_{\text{down}}\,(l_{ff}\odot u)$$
//
// $u$ 是前馈层的内部激活。这可以检验：若学的是缩放，合并后的权重与原权重之比在 $W_k$ 的**每一行内是同一个数** $l_i$；若只是各行学习率不同的梯度下降，$W'_{ij}=W_{ij}-\eta_i g_{ij}$，行内之比就各不相同。
// %% [markdown] lang="en"
// ### (IA)³ does not learn learning rates
//
// The book says that (IA)³ "uses different learning rates for different parameters, and scales keys and values by a vector of learning rates". There is no such vector in the paper, and no "awareness of importance" either: it learns three **scaling vectors** $l_k,l_v,l_{ff}$ that multiply activations, while the weights are frozen:
//
// $$\operatorname{softmax}\!\Big(\frac{Q\,(l_k\odot K)^{\top}}{\sqrt d}\Big)(l_v\odot V),\qquad W_{\text{down}}\,(l_{ff}\odot u)$$
//
// $u$ is the inner activation of the feed-forward layer. That can be tested: if it is scaling, the ratio of merged to original weight is **one number $l_i$ in each row** of $W_k$; if it were gradient descent with a learning rate for each row, $W'_{ij}=W_{ij}-\eta_i g_{ij}$, the ratios within a row would differ.
// %%
const trainOne = (method: tl.Method) => tl.train({ model, method, data: { train }, steps: budget(32, 2), batchSize: 8, seed: 0, display: false });
const scaled = await trainOne({ ...tl.ia3(), learningRate: 1e-1 }), byGradient = await trainOne({ ...tl.full({ parameters: ["k_proj"] }), learningRate: 4e-4 });
const site = `model.layers.${model.config.layers - 1}.self_attn.k_proj.weight`, [outSize, inSize] = model.params[site].shape as [number, number];
const withinRows = (run: tl.Run) => { const merged = run.method.merge!(model.params, run.trained), a = merged[site].dataSync(), b = model.params[site].dataSync(); tl.dispose(merged); return tl.mean(Array.from({ length: outSize }, (_, i) => { const r = Array.from({ length: inSize }, (_, j) => a[i * inSize + j] / b[i * inSize + j]).filter(Number.isFinite); return tl.quantile(r, 0.75) - tl.quantile(r, 0.25); })); };
const [spreadScaled, spreadGradient] = [withinRows(scaled), withinRows(byGradient)];
table([["(IA)³", spreadScaled], [t({ zh: "对 k_proj 做梯度下降", en: "gradient descent on k_proj" }), spreadGradient]].map(([name, spread]) => ({ [t({ zh: "训练", en: "training" })]: name, [t({ zh: "W′/W 在一行内的四分位距（各行平均）", en: "interquartile range of W′/W within a row (mean of rows)" })]: (spread as number).toExponential(1) })));
console.log(spreadScaled < 1e-5 && spreadGradient > 100 * spreadScaled ? t({ zh: "(IA)³ 的每一行都乘了同一个数（只差浮点舍入），梯度下降不是这样：它学的是缩放，不是学习率。", en: "Each row of (IA)³ was multiplied by one number (up to rounding); with gradient descent it was not: (IA)³ learns a scaling, not a learning rate." }) : t({ zh: "这次看不出分别；训练的步数可能太少。", en: "No distinction this time; perhaps too few steps." }));
// %%
const KINDS = { k_proj: "self_attn.k_proj", v_proj: "self_attn.v_proj", down_proj: "mlp.down_proj" }, layerNumbers = Array.from({ length: model.config.layers }, (_, l) => l);
const learnedScale = (place: string, l: number) => Array.from(scaled.trained[`model.layers.${l}.${place}.ia3_l`].dataSync()), deviation = (x: number[]) => Math.sqrt(tl.mean(x.map((v) => (v - 1) ** 2)));
await show(lineChart({
  title: t({ zh: "(IA)³ 学到的缩放离 1 有多远", en: "How far from 1 are the scales that (IA)³ learned" }), x: { title: t({ zh: "层", en: "layer" }) }, y: { title: t({ zh: "l − 1 的均方根", en: "root mean square of l − 1" }) },
  series: Object.entries(KINDS).map(([name, place]) => ({ name, x: layerNumbers, y: layerNumbers.map((l) => deviation(learnedScale(place, l))) })),
  alt: Object.entries(KINDS).map(([name, place]) => `${name}: ${layerNumbers.map((l) => deviation(learnedScale(place, l)).toFixed(2)).join(", ")}`).join("; "),
}));
tl.dispose(byGradient.trained);
// %% [markdown] lang="zh"
// ## 3. 训练占比随年份怎样变化？
//
// 论文报告的占比来自不同的模型，不能直接比。这里把每种方法用本库的默认设置放在**同一个** 1.5B 模型上，从形状算出占比（模型不必加载），再按年份画出来。
// %% [markdown] lang="en"
// ## 3. How did the trained share change with the years?
//
// The shares that papers report are of different models, so they cannot be compared. Here each method, with this library's defaults, is put on **one** model of 1.5B, its share is computed from the shapes (the model is not loaded), and drawn against the year.
// %%
const big = tl.parseConfig({ model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936 }, "1.5B");
const counted: Record<string, (c: typeof big) => number> = {
  ...Object.fromEntries(["BERT", "GPT", "LOMO"].map((name) => [name, (c: typeof big) => tl.parametersByShape(c)])), ...Object.fromEntries(["Diff pruning", "FISH mask"].map((name) => [name, (c: typeof big) => Math.round(0.005 * tl.parametersByShape(c, "layers"))])),
  ...Object.fromEntries(Object.entries({ Adapter: tl.adapter(), "Prefix tuning": tl.prefix(), "P-tuning": tl.pTuning(), "Prompt tuning": tl.prompt(), LoRA: tl.lora(), BitFit: tl.bitfit(), "Parallel adapter": tl.adapter({ form: "parallel", reduction: 16 }), "(IA)³": tl.ia3(), QLoRA: tl.lora({ targets: "all-linear" }) }).map(([name, method]) => [name, (c: typeof big) => tl.trainableByShape(c, method)])),
};
const percent = (name: string, c: typeof big) => (100 * counted[name](c)) / tl.parametersByShape(c), dated = tl.MILESTONES.filter((m) => counted[m.name]).map((m) => ({ ...m, share: percent(m.name, big) }));
await show(scatterChart({
  title: t({ zh: "训练占比与年份（同一个 1.5B 模型，从形状计算）", en: "Trained share against year (one 1.5B model, from shapes)" }), x: { title: t({ zh: "年", en: "year" }) }, y: { title: t({ zh: "训练的数占全部参数的 %（对数刻度）", en: "trained, % of all parameters (log scale)" }), log: true, ticks: [0.001, 0.01, 0.1, 1, 10, 100] }, equal: false,
  groups: branches.map((branch) => { const own = dated.filter((m) => m.branch === branch); return { name: BRANCHES[branch], x: own.map(tl.dateOf), y: own.map((m) => m.share), labels: own.map((m) => m.name), notes: own.map((m) => `${m.name}, ${tl.sourceOf(m)}<br>${m.share.toPrecision(2)} %`) }; }),
  alt: dated.map((m) => `${m.name} ${m.year}: ${Number(m.share.toPrecision(2))} %`).join("; "),
}));
const smallestIn = (from: number, to: number) => dated.filter((m) => m.year >= from && m.year <= to).sort((a, b) => a.share - b.share)[0], [first, middle, later] = [smallestIn(2018, 2019), smallestIn(2020, 2021), smallestIn(2022, 2024)];
console.log([first, middle, later].map((m) => `${m.name} (${m.year}) ${Number(m.share.toPrecision(2))} %`).join(" → ") + (later.share < middle.share ? t({ zh: "：一直在变小。", en: ": ever smaller." }) : t({ zh: "：到 2021 年为止变小，以后没有更小；后来的工作转向别的目标（内存、效果、量化），全参数也以 LOMO 的形式回来了。", en: ": smaller until 2021, then no more; later work turned to other ends (memory, quality, quantisation), and full fine-tuning came back as LOMO." })));
// %% [markdown] lang="zh" tags=["claim:3.1.2/shrinking", "claim:3.1.2/parameters", "claim:3.1.2/memory", "claim:3.1.2/time"]
// ## 4. 与书上的说法对照：0.1 %、0.01 %、10~100 倍
// %% [markdown] lang="en" tags=["claim:3.1.2/shrinking", "claim:3.1.2/parameters", "claim:3.1.2/memory", "claim:3.1.2/time"]
// ## 4. Held against the book: 0.1 %, 0.01 %, 10 to 100 times
// %%
const near = (share: number, claim: number) => (share > 2 * claim ? t({ zh: `比书上大 ${(share / claim).toFixed(1)} 倍`, en: `${(share / claim).toFixed(1)} times the book's` }) : share < claim / 2 ? t({ zh: `只有书上的 ${Number((share / claim).toPrecision(2))}`, en: `${Number((share / claim).toPrecision(2))} of the book's` }) : t({ zh: "与书上相当", en: "about the book's" }));
table(([["LoRA", 0.1], ["Prompt tuning", 0.01]] as [string, number][]).flatMap(([name, claim]) => [[t({ zh: "课程模型", en: "course model" }), model.config], ["1.5B", big]].map(([which, c]) => { const share = percent(name, c as typeof big); return { [t({ zh: "方法", en: "method" })]: name, [t({ zh: "模型", en: "model" })]: which, [t({ zh: "书上 %", en: "the book, %" })]: claim, [t({ zh: "算出 %", en: "computed, %" })]: share, "": near(share, claim) }; })), t({ zh: "占比取决于模型的大小和设置，不是方法的常数", en: "The share depends on the model's size and on settings; it is no constant of the method" }));
const times = (x: number) => (x >= 10 ? Math.round(x).toLocaleString("en-US") : x.toPrecision(2));
const reference = rows.find((r) => r.method === FULL)!, peft = rows.filter((r) => !r.method.includes("×") && r.method !== FULL && r.method !== LAYERED);
const RATIOS = { trainable: t({ zh: "训练的参数", en: "trained numbers" }), stored: t({ zh: "保存的字节", en: "stored bytes" }), peakBytes: t({ zh: "训练时的张量内存", en: "tensor memory in training" }), secondsPerStep: t({ zh: "每步时间", en: "time a step" }) }, measures = Object.keys(RATIOS) as (keyof typeof RATIOS)[];
table(peft.map((r) => ({ [t({ zh: "全参数 ÷ 方法", en: "full ÷ method" })]: r.method, ...Object.fromEntries(measures.map((m) => [RATIOS[m], times(reference[m] / r[m])])) })), t({ zh: "便宜多少倍（本次测量；时间不含首次编译）", en: "How many times cheaper (measured in this run; time without compilation)" }));
for (const m of measures) {
  const ratios = peft.map((r) => reference[m] / r[m]), reached = ratios.filter((x) => x >= 10).length, beyond = ratios.filter((x) => x > 100).length;
  console.log(`${RATIOS[m]}: ${times(Math.min(...ratios))} – ${times(Math.max(...ratios))} ×; ` + (reached === ratios.length ? t({ zh: `全部达到 10 倍，其中 ${beyond} 种超过 100 倍：书上的说法在这一项成立`, en: `all reach 10 times, ${beyond} of them more than 100: here the book's claim holds` }) : reached ? t({ zh: `${ratios.length} 种方法中 ${reached} 种达到 10 倍`, en: `${reached} of ${ratios.length} methods reach 10 times` }) : t({ zh: "没有一种达到 10 倍：书上的说法在这一项不成立", en: "none reaches 10 times: here the book's claim does not hold" })));
}
// %% [markdown] lang="zh"
// 参数少并不等于快：前向和反向仍要走完整个模型，省下的只是对权重求梯度（3.2.5 节推出至多 1.5 倍）。内存省下的是梯度、优化器状态和参数副本，激活值还在。
//
// ### 新的挑战：推理变慢？跨任务？
//
// 教材最后说，参数高效的方法推理时有额外开销，跨任务泛化也不足。测一测生成一个词元的时间（轮流测，取各轮中最快的，因为机器上别的工作只会使时间变长；“合并”应当与原模型一样，是对照），再看英文问答的损失变化（前面的表的最后一列）。
// %% [markdown] lang="en"
// Fewer parameters are not more speed: forward and backward still go through the whole model, and only the gradients of weights are saved (at most 1.5 times, section 3.2.5). Memory saves gradients, optimizer state and copies; activations stay.
//
// ### New challenges: slower inference? Other tasks?
//
// The book ends by saying that parameter-efficient methods cost extra at inference, and generalise badly to other tasks. We measure the time of generating a token (cases in turn; of all rounds the fastest, because other work on the machine only ever adds time; "merged" should be as the base and is the control), and look at the change of loss on English questions (last column of the table above).
// %%
const merged = { ...model, params: scaled.method.merge!(model.params, scaled.trained) }, fresh = (method: tl.Method): tl.Adapter => ({ method, trained: method.init(model.params, model.config, 0) });
const CASES: [string, tl.Model, tl.Adapter | undefined][] = [[t({ zh: "原模型", en: "base" }), model, undefined], [t({ zh: "(IA)³ 合并（对照）", en: "(IA)³ merged (control)" }), merged, undefined], ["(IA)³", model, scaled], ["LoRA", model, fresh(tl.lora({ targets: "all-linear" }))], [PARALLEL, model, fresh(tl.adapter({ form: "parallel", reduction: 16 }))], ["Prefix", model, fresh(tl.prefix({ start: instruction }))]].slice(0, budget(6, 3)) as never;
const endless = { ...model.tokenizer, eos: [] }, newTokens = budget(48, 6), milliseconds: number[][] = CASES.map(() => []);
for (let round = 0; round <= budget(24, 1); round++) for (let k = 0; k < CASES.length; k++) {
  const i = (k + round) % CASES.length, [, which, adapter] = CASES[i]; // another case first in each round
  const began = performance.now();
  await tl.generate({ ...which, tokenizer: endless }, ["The file system"], { adapter, maxNewTokens: newTokens });
  if (round) milliseconds[i].push((performance.now() - began) / newTokens); // the first round compiles
}
const fastest = milliseconds.map((x) => Math.min(...x)), overhead = fastest.map((ms) => ms / fastest[0]); // other work on the machine only ever adds time
const speedChart = barChart({
  title: t({ zh: "生成一个词元的时间（各轮中最快；误差棒到下四分位数）", en: "Time per generated token (fastest round; bar to lower quartile)" }), x: { title: t({ zh: "情形", en: "case" }) }, y: { title: t({ zh: "毫秒/词元", en: "ms per token" }) }, horizontal: true,
  series: [{ name: "", x: CASES.map(([name]) => name), y: fastest, error: milliseconds.map((x, i) => tl.quantile(x, 0.25) - fastest[i]) }],
  alt: CASES.map(([name], i) => `${name}: ${fastest[i].toFixed(2)} ms, ×${overhead[i].toFixed(2)}`).join("; "),
});
Object.assign(speedChart.data[0].error_x as object, { symmetric: false, arrayminus: fastest.map(() => 0) }); // nothing is faster than the fastest
await show(speedChart);
// %%
const control = overhead[1], steady = Math.abs(control - 1) < 0.05, slower = CASES.filter((_, i) => i > 1 && overhead[i] > Math.max(1, control) + 0.05);
console.log(t({ zh: `对照与原模型之比 ${control.toFixed(2)}（应为 1）：`, en: `control to base: ${control.toFixed(2)} (should be 1): ` }) + (!steady ? t({ zh: "测量受到干扰，不能下结论；请在机器空闲时重跑", en: "the measurement was disturbed and nothing can be concluded; run it again on an idle machine" }) : slower.length ? t({ zh: `未合并时变慢 5 % 以上的有 ${slower.map(([name]) => name).join("、")}；能合并的（LoRA、(IA)³）合并以后没有开销`, en: `slower by more than 5 % while kept apart: ${slower.map(([name]) => name).join(", ")}; what can be merged (LoRA, (IA)³) costs nothing once it is` }) : t({ zh: "没有一种慢 5 % 以上", en: "none is slower by more than 5 %" })));
const transfer = atOwnRate.map((n) => ({ n, d: tl.interval(each(n, "english")) })), helped = transfer.filter(({ d }) => d.mean < -d.error), harmed = transfer.filter(({ d }) => d.mean > d.error);
const list = (x: { n: string }[]) => x.map(({ n }) => n).join(t({ zh: "、", en: ", " })) || t({ zh: "无", en: "none" });
console.log(t({ zh: `只用中文训练，英文问答可靠变好的：${list(helped)}；可靠变差的：${list(harmed)}。`, en: `Trained on Chinese alone, English questions reliably improve with: ${list(helped)}; they reliably get worse with: ${list(harmed)}. ` }) + (helped.some(({ n }) => n === FULL) === helped.some(({ n }) => n !== FULL && n !== LAYERED) ? t({ zh: "在这个任务上，参数高效的方法与全参数微调没有这样的分别。", en: "On this task no such line runs between parameter-efficient methods and full fine-tuning." }) : helped.some(({ n }) => n === FULL) ? t({ zh: "这里只有全参数微调迁移了。", en: "Here only full fine-tuning carries over." }) : t({ zh: "这里迁移的是参数高效的方法，而不是全参数微调。", en: "Here parameter-efficient methods carry over, and full fine-tuning does not." })));
CASES.slice(3).forEach(([, , adapter]) => tl.dispose(adapter!.trained)); tl.dispose(merged.params); tl.dispose(scaled.trained);
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.1.2/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.1.2/1")` 给解答。
//
// 1. 在 BERT-base（宽 768）的每一层放两个串联适配器，瓶颈宽 50，不计偏置。一共训练多少个数？
// 2. 某个权重 $w=1.5$，它所在的行学到 $l=1.5$。训练 $l$ 的学习率是 $\eta=0.02$，$w$ 的梯度是 $g=1$。(IA)³ 合并以后，这个权重是多少？
// 3. 写一个函数 `(before, after) => number`，两个参数都是 `[任务损失, 通用损失]`：返回“遗忘 ÷ 学到”。通用损失没有变差时遗忘算 0；没有学到东西时返回 `NaN`；结果四舍五入到 6 位小数。
// 4. 1.5B 模型共 1 777 088 000 个参数，LoRA 训练 1 089 536 个。另一种方法训练的数只有 LoRA 的十分之一。它训练的数比全参数少多少倍（取整）？
// 5. （动手）把 `instruction` 换成与任务无关的一句话，或把 `STRENGTHS` 改成 `[1, 16]`：Prefix 的结果、LoRA 的曲线怎样变？
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.1.2/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.1.2/1")` the solution.
//
// 1. Two sequential adapters with a bottleneck of 50 go into each layer of BERT-base (width 768); biases do not count. How many numbers are trained in all?
// 2. A weight is $w=1.5$, and its row has learned $l=1.5$. The learning rate of $l$ was $\eta=0.02$, and the gradient of $w$ is $g=1$. What is this weight once (IA)³ is merged?
// 3. Write a function `(before, after) => number`, both arguments being `[task loss, general loss]`: return forgotten ÷ learned. Where the general loss did not get worse, forgotten counts as 0; where nothing was learned, return `NaN`; round the result to 6 decimals.
// 4. A 1.5B model has 1 777 088 000 parameters, and LoRA trains 1 089 536. Another method trains a tenth of LoRA's numbers. By what factor are they fewer than all parameters (a whole number)?
// 5. (hands on) Make `instruction` a sentence that has nothing to do with the task, or `STRENGTHS` `[1, 16]`: what becomes of prefix, and of LoRA's curve?
// %%
tl.check("3.1.2/1", undefined);
tl.check("3.1.2/2", undefined);
tl.check("3.1.2/3", undefined);
tl.check("3.1.2/4", undefined);
