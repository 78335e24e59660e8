// Section 3.7.1 of the course: supervised fine-tuning. What counts in the loss, packing, early stopping; the listings' mistakes with padding and masks, measured.
// Build both languages with: npm run notebooks -- 3.7.1-supervised
// %% [markdown] lang="zh"
// # 3.7.1 监督微调：损失里到底算了什么？
//
// 监督微调只有一行公式，可是损失里算哪些词元、填充怎么处理、什么时候停，这些“小事”决定了模型学到什么。
// 本节用课程模型逐一测量：聊天模板与损失掩码 → 只算答案还是全算 → 填充与打包 → 提前停止 → 书上代码清单里的两个错误会造成什么。
//
// 数据是 `preferences` 中的问题和好的回答：课程模型预训练时读过 `security-qa` 的训练集，却没见过这些。
//
// 需要的资源：课程模型（6 百万参数），约 1.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.7.1 Supervised fine-tuning: what is in the loss?
//
// Supervised fine-tuning is one line of mathematics, but which tokens count in the loss, what becomes of padding, and when to stop decide what the model learns.
// This section measures each on the course model: chat template and loss mask → answers only, or everything → padding and packing → early stopping → what two mistakes in the book's listings lead to.
//
// The data are the questions and good answers of `preferences`: the course model read the training half of `security-qa` while it was pre-trained, but has never seen these.
//
// It needs the course model (6 million parameters), about 1.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const read = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const trainRecords = await read("train"), heldOut = await read("test"), validationRecords = heldOut.filter((_, i) => i % 2 === 0), testRecords = heldOut.filter((_, i) => i % 2 === 1);
console.log(`${machine.name}; ${trainRecords.length} / ${validationRecords.length} / ${testRecords.length} ${t({ zh: "个问答（训练 / 验证 / 测试）", en: "questions and answers (train / validation / test)" })}`);
// %% [markdown] lang="zh"
// ## 1. 公式、模板与掩码
//
// $$L_{\mathrm{SFT}}=-\frac1n\sum_{i=1}^{n}\log P(y_i\mid x_i)$$
//
// $x_i$ 是第 $i$ 个目标词元之前的全部词元，$n$ 是**目标词元**的个数，不是全部词元的个数。先看聊天模板：它把一问一答写成一段带标记的文字。各种模板有各种陷阱，`tl.checkTemplate` 逐项检查。
// %% [markdown] lang="en"
// ## 1. Formula, template, mask
//
// $$L_{\mathrm{SFT}}=-\frac1n\sum_{i=1}^{n}\log P(y_i\mid x_i)$$
//
// $x_i$ is everything before the $i$-th target token, and $n$ is the number of **target tokens**, not of all tokens. First the chat template, which writes question and answer as one marked text. Templates have their pitfalls; `tl.checkTemplate` looks for each.
// %%
const { problems, ...facts } = tl.checkTemplate(model.tokenizer);
table(Object.entries(facts).map(([what, is]) => ({ [t({ zh: "检查", en: "check" })]: what, [t({ zh: "结果", en: "result" })]: String(is) })), t({ zh: "课程模型的聊天模板", en: "The course model's chat template" }));
problems.forEach((problem) => console.log("•", problem));
// %% [markdown] lang="zh"
// 下面一个样本的每个词元。上色的参与损失：答案，和答案后面的结束符。上：只算答案（默认）；下：全部都算。
// %% [markdown] lang="en"
// Every token of one example. Coloured tokens count in the loss: the answer, and the end mark after it. First: answers only (the default); then: everything.
// %%
const answersOnly = tl.encodeExamples(model.tokenizer, trainRecords), everything = tl.encodeExamples(model.tokenizer, trainRecords, { loss: "all" });
const drawMask = ({ ids, target }: tl.Example) => tl.showTokens(Array.from(ids, (id, i) => ({ text: model.tokenizer.decode([id]), marked: target[i] === 1 })), { plain: t({ zh: "只是上下文", en: "context only" }), marked: t({ zh: "参与损失", en: "counts in the loss" }) });
drawMask(answersOnly[0]);
drawMask(everything[0]);
// %% [markdown] lang="zh"
// 公式就是这么算的吗？用模型的 logits 亲手算一遍这个样本的损失，与库的结果相比。注意**错开一位**：第 $t$ 个位置的输出预测第 $t+1$ 个词元。
// %% [markdown] lang="en"
// Is that how it is computed? We compute this example's loss by hand from the model's logits and compare. Mind the **shift by one**: the output at position $t$ predicts token $t+1$.
// %%
const one = answersOnly[0], logitsOfOne = tl.logits(model, { ids: one.ids, batch: 1 }), [rowsOfOne] = logitsOfOne.arraySync() as number[][][];
logitsOfOne.dispose();
const surprise = (row: number[], id: number) => { const top = Math.max(...row); return top + Math.log(row.reduce((s, v) => s + Math.exp(v - top), 0)) - row[id]; };
const costs = Array.from(one.ids, (id, i) => (i && one.target[i] ? surprise(rowsOfOne[i - 1], id) : NaN)).filter(Number.isFinite);
const byHand = costs.reduce((a, b) => a + b, 0) / costs.length, byLibrary = (await tl.evaluate(model, [one])).loss;
console.log(t({ zh: `亲手算 ${byHand.toFixed(6)}，库 ${byLibrary.toFixed(6)}，${costs.length} 个目标词元`, en: `by hand ${byHand.toFixed(6)}, by the library ${byLibrary.toFixed(6)}, ${costs.length} target tokens` }));
// %% [markdown] lang="zh"
// ## 2. 只算答案，还是全部都算？
//
// 同样的数据、步数、种子；唯一的差别是掩码。都用验证集上**答案**的损失来衡量。三个种子，误差棒是标准误。
// %% [markdown] lang="en"
// ## 2. Answers only, or everything?
//
// The same data, steps and seeds; only the mask differs. Both are judged by the loss of the **answers** on the validation set. Three seeds; error bars are standard errors.
// %%
const validation = tl.encodeExamples(model.tokenizer, validationRecords), test = tl.encodeExamples(model.tokenizer, testRecords), steps = budget(60, 3), seeds = budget(1, 0) ? [0, 1, 2] : [0];
const fit = (data: readonly tl.Example[], seed: number, more: object = {}) => tl.train({ model, method: tl.full(), data: { train: data, validation }, steps, batchSize: 8, learningRate: 4e-4, evaluateEvery: Math.ceil(steps / 4), seed, display: false, ...more });
const masks = { [t({ zh: "只算答案", en: "answers only" })]: answersOnly, [t({ zh: "全部都算", en: "everything" })]: everything }, curves: Record<string, number[][]> = {};
let answersRun: tl.Run | undefined;
for (const [name, data] of Object.entries(masks))
  for (const seed of seeds) {
    const run = await fit(data, seed);
    (curves[name] ??= []).push(run.history.evaluations.map((e) => e.loss));
    if (data === answersOnly && seed === 0) answersRun = run; else tl.dispose(run.trained);
  }
// %%
const meanOf = (x: number[]) => x.reduce((a, b) => a + b, 0) / x.length, errorOf = (x: number[]) => (x.length > 1 ? Math.sqrt(x.reduce((s, v) => s + (v - meanOf(x)) ** 2, 0) / (x.length - 1) / x.length) : 0);
const evaluatedAt = answersRun!.history.evaluations.map((e) => e.step), at = (name: string, i: number) => curves[name].map((c) => c[i]);
await show(lineChart({
  title: t({ zh: "损失里算什么：验证集上答案的损失", en: "What counts in the loss: loss of the answers on validation data" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: Object.keys(curves).map((name) => ({ name, x: evaluatedAt, y: evaluatedAt.map((_, i) => meanOf(at(name, i))), error: evaluatedAt.map((_, i) => errorOf(at(name, i))) })),
  alt: Object.keys(curves).map((name) => `${name}: ${meanOf(at(name, evaluatedAt.length - 1)).toFixed(3)}`).join("; "),
}));
const [ours, others] = Object.keys(curves).map((name) => at(name, evaluatedAt.length - 1)), gain = ours.map((v, i) => others[i] - v), sure = 2 * errorOf(gain);
console.log(t({ zh: `全部都算 − 只算答案 = ${meanOf(gain).toFixed(3)} ± ${errorOf(gain).toFixed(3)}（成对，${seeds.length} 个种子）：`, en: `everything − answers only = ${meanOf(gain).toFixed(3)} ± ${errorOf(gain).toFixed(3)} (in pairs, ${seeds.length} seeds): ` })
  + (seeds.length < 2 ? t({ zh: "种子太少，不能下结论", en: "too few seeds to say" }) : meanOf(gain) > sure ? t({ zh: "只算答案更好", en: "answers only is better" }) : meanOf(gain) < -sure ? t({ zh: "全部都算更好：问题里的词也教会了模型这个领域的语言", en: "everything is better: the questions' words teach the language of the field, too" }) : t({ zh: "看不出差别", en: "no difference can be seen" })));
// %% [markdown] lang="zh"
// ## 3. 填充与打包
//
// 一个批次里的样本长短不一，要补齐。书上的代码清单把每个样本都补到 512 个词元。另外三种办法：补到批次里最长的；把长度相近的放在一批（本库的默认）；**打包**：几个样本并排放进一行，注意力按块对角，彼此看不见。
// 先数一数：为同样的真词元，每种办法要处理多少个位置？
// %% [markdown] lang="en"
// ## 3. Padding and packing
//
// Examples of a batch differ in length and must be filled up. The book's listings fill each up to 512 tokens. Three other ways: up to the longest of the batch; batches of like length (the default here); and **packing**: several examples side by side in a row, with block-diagonal attention so that none sees another.
// First count: how many positions does each way work through for the same real tokens?
// %%
const some = answersOnly.slice(0, 240), real = some.reduce((n, e) => n + e.ids.length, 0), round16 = (n: number) => 16 * Math.ceil(n / 16), groupsOf = (x: readonly tl.Example[], n: number) => Array.from({ length: Math.ceil(x.length / n) }, (_, i) => x.slice(n * i, n * i + n));
const positions = (batches: (readonly tl.Example[])[]) => batches.reduce((n, b) => n + b.length * round16(Math.max(...b.map((e) => e.ids.length))), 0);
const byLength = [...some].sort((a, b) => a.ids.length - b.ids.length), packed = tl.packExamples(some, 256);
const ways = {
  [t({ zh: "补到 512", en: "up to 512" })]: 512 * some.length, [t({ zh: "补到批次最长", en: "longest of the batch" })]: positions(groupsOf(some, 8)),
  [t({ zh: "长度相近", en: "like length" })]: positions(groupsOf(byLength, 8)), [t({ zh: "打包到 256", en: "packed to 256" })]: positions(groupsOf(packed, 4)),
};
await show(barChart({
  title: t({ zh: `${some.length} 个样本：真词元与填充`, en: `${some.length} examples: real tokens and padding` }), x: { title: t({ zh: "办法", en: "way" }) }, y: { title: t({ zh: "位置数（千）", en: "positions (thousands)" }) },
  series: [{ name: t({ zh: "真词元", en: "real tokens" }), x: Object.keys(ways), y: Object.keys(ways).map(() => real / 1000) }, { name: t({ zh: "填充", en: "padding" }), x: Object.keys(ways), y: Object.values(ways).map((n) => (n - real) / 1000) }],
  alt: Object.entries(ways).map(([name, n]) => `${name}: ${n} (${((100 * (n - real)) / n).toFixed(0)} % ${t({ zh: "填充", en: "padding" })})`).join("; "),
}));
// %% [markdown] lang="zh"
// 打包会改变数字吗？同一批样本，打包与不打包，损失和梯度应当只差浮点舍入。再看速度：同样的真词元，每种办法各用多少时间（第一次要编译，不计）。
// %% [markdown] lang="en"
// Does packing change the numbers? For the same examples, packed or not, loss and gradient should differ by rounding only. And the speed: how long does each way take for the same real tokens (the first time, which compiles, does not count)?
// %%
const objective = tl.sft(), method = tl.lora({ rank: 8, targets: "all-linear" }), trained = method.init(model.params, model.config, 0), loss = objective.loss(model, method);
const few = some.slice(0, 16), padTo = (n: number) => few.map((e) => ({ ids: Int32Array.from([...e.ids, ...new Array(n - e.ids.length).fill(model.tokenizer.pad)]), target: Uint8Array.from([...e.target, ...new Array(n - e.target.length).fill(0)]) }));
const layouts: Record<string, (readonly tl.Example[])[]> = { [t({ zh: "补到 512", en: "up to 512" })]: groupsOf(padTo(512), 8), [t({ zh: "长度相近", en: "like length" })]: groupsOf([...few].sort((a, b) => a.ids.length - b.ids.length), 8), [t({ zh: "打包", en: "packed" })]: [tl.packExamples(few, 256)] };
const results = Object.entries(layouts).map(([name, groups]) => {
  const batches = groups.map((g) => objective.collate(g)), pass = () => tl.accumulate(loss, trained, batches), once = pass();
  tl.dispose(once.gradients);
  const times = Array.from({ length: budget(3, 1) }, () => { const began = performance.now(); tl.dispose(pass().gradients); return performance.now() - began; });
  return { name, loss: once.loss, norm: once.norm, ms: Math.min(...times) };
});
table(results.map(({ name, loss, norm, ms }) => ({ [t({ zh: "办法", en: "way" })]: name, [t({ zh: "损失", en: "loss" })]: loss.toFixed(6), [t({ zh: "梯度范数", en: "gradient norm" })]: norm.toFixed(6), [t({ zh: "毫秒", en: "ms" })]: ms.toFixed(0), [t({ zh: "相对时间", en: "relative time" })]: (ms / results[0].ms).toFixed(2) })));
tl.dispose(trained);
// %% [markdown] lang="zh"
// ## 4. 提前停止
//
// 样本少、步数多，训练损失一直降，验证损失先降后升：模型开始背题。只用 48 个样本训练，每隔几步在验证集上看一次。提前停止的规则：连续 2 次没有变好就停，取到那时为止最好的一次。
// %% [markdown] lang="en"
// ## 4. Early stopping
//
// With few examples and many steps the training loss keeps falling while the validation loss falls and then rises: the model begins to learn by heart. We train on 48 examples and look at the validation set every few steps. The rule of early stopping: stop after 2 evaluations without an improvement, and take the best until then.
// %%
const longRun = await fit(answersOnly.slice(0, 48), 0, { steps: budget(144, 6), evaluateEvery: budget(12, 2), schedule: "constant", learningRate: 5e-4 });
const seen = longRun.history.evaluations, PATIENCE = 2;
let best = 0;
for (let i = 1; i < seen.length; i++) { if (seen[i].loss < seen[best].loss) best = i; else if (i - best >= PATIENCE) break; }
const trainAt = seen.map(({ step }) => meanOf(longRun.history.steps.filter((r) => r.step > step - 12 && r.step <= Math.max(step, 1)).map((r) => r.loss)));
await show(lineChart({
  title: t({ zh: `48 个样本：训练与验证（提前停止取第 ${seen[best].step} 步）`, en: `48 examples: training and validation (early stopping takes step ${seen[best].step})` }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: [{ name: t({ zh: "训练（12 步平均）", en: "training (mean of 12 steps)" }), x: seen.map((e) => e.step), y: trainAt }, { name: t({ zh: "验证", en: "validation" }), x: seen.map((e) => e.step), y: seen.map((e) => e.loss) }],
  alt: `${t({ zh: "验证损失", en: "validation loss" })}: ${seen.map((e) => `${e.step}: ${e.loss.toFixed(2)}`).join(", ")}`,
}));
console.log(t({ zh: `第 ${seen[best].step} 步 ${seen[best].loss.toFixed(3)}，最后 ${seen[seen.length - 1].loss.toFixed(3)}：`, en: `step ${seen[best].step}: ${seen[best].loss.toFixed(3)}, last: ${seen[seen.length - 1].loss.toFixed(3)}: ` })
  + (seen[seen.length - 1].loss > seen[best].loss + 0.02 ? t({ zh: "继续训练使验证损失变差了", en: "going on made the validation loss worse" }) : t({ zh: "这里还没有明显的过拟合", en: "no clear overfitting yet" })));
tl.dispose(longRun.trained);
// %% [markdown] lang="zh"
// ## 5. 代码清单审查
//
// 书上的清单把填充符设为结束符（`pad = eos`），标签等于输入，并补到 512。这会走向两个极端：
//
// * 填充也是目标：损失的大部分是“预测填充”，数字很好看，却几乎不教答案；
// * 数据整理器把所有等于 `pad` 的标签都遮住：真正的**结束符**也被遮住，模型永远学不会停。
//
// 还有一份清单用 `response_template = "Answer:"` 找答案，而提示词写的是“答:”，于是**所有**标签都被遮住。逐一测量。
// %% [markdown] lang="en"
// ## 5. Listing audit
//
// The book's listings set the padding token to the end token (`pad = eos`), take the inputs as labels and fill up to 512. That leads to one of two extremes:
//
// * padding is a target as well: most of the loss is "predict padding", which looks fine and hardly teaches the answer;
// * the collator masks all labels that equal `pad`: the true **end token** is masked too, and the model never learns to stop.
//
// Another listing looks for the answer by `response_template = "Answer:"`, while the prompts say "答:", so **all** labels are masked. We measure each.
// %%
const shareOfPadding = 1 - meanOf(answersOnly.map((e) => e.ids.length / 512)), answerShare = meanOf(answersOnly.map((e) => e.target.reduce((a, b) => a + b, 0) / 512));
console.log(t({ zh: `补到 512、标签等于输入：${(100 * shareOfPadding).toFixed(0)} % 的目标是填充，${(100 * answerShare).toFixed(0)} % 是答案`, en: `Filled up to 512 with inputs as labels: ${(100 * shareOfPadding).toFixed(0)} % of the targets are padding, ${(100 * answerShare).toFixed(0)} % the answer` }));
const plainTexts = trainRecords.map((r) => `问:${r.question}\n答:${r.answer}`), found = plainTexts.filter((text) => text.includes("Answer:")).length;
console.log(t({ zh: `含有 "Answer:" 的样本：${found} / ${plainTexts.length}；目标词元：${found ? "有" : 0}`, en: `examples that contain "Answer:": ${found} of ${plainTexts.length}; target tokens: ${found ? "some" : 0}` }));
try { await tl.evaluate(model, answersOnly.slice(0, 8).map((e) => ({ ids: e.ids, target: new Uint8Array(e.ids.length) }))); } catch (error) { console.log(t({ zh: "本库对此的回答：", en: "what this library says to that: " }) + (error as Error).message); }
// %% [markdown] lang="zh"
// 现在用清单的格式（`问:…` 换行 `答:…`，课程模型没见过这种格式）训练两个模型，一个正确，一个遮住结束符。测试集上有多少回答会自己结束，回答有多长？
// %% [markdown] lang="en"
// Now we train two models in the listings' form (`问:…`, new line, `答:…`, which the course model has never seen), one rightly, one with its end tokens masked. How many answers to the test set end by themselves, and how long are they?
// %%
const plain = tl.encodeExamples(model.tokenizer, trainRecords, { template: "plain" }), endless = plain.map((e) => ({ ids: e.ids, target: e.target.map((v, i) => (i === e.ids.length - 1 ? 0 : v)) }));
const asked = testRecords.slice(0, budget(24, 4)), plainPrompts = asked.map(({ question }) => tl.promptText(model.tokenizer, [{ role: "user", content: question }], { template: "plain" }));
const audit = [];
for (const [name, data] of [[t({ zh: "正确", en: "right" }), plain], [t({ zh: "结束符被遮住", en: "end token masked" }), endless]] as const) {
  const run = await fit(data, 0), answers = await tl.generateAll(model, plainPrompts, { adapter: run, maxNewTokens: budget(96, 8) });
  audit.push({ [t({ zh: "掩码", en: "mask" })]: name, [t({ zh: "自己结束 %", en: "end by themselves, %" })]: ((100 * answers.filter((a) => a.stoppedBy === "eos").length) / answers.length).toFixed(0), [t({ zh: "平均长度（词元）", en: "mean length (tokens)" })]: meanOf(answers.map((a) => a.ids.length)).toFixed(1), [t({ zh: "例子", en: "example" })]: answers[0].text.slice(0, 80) });
  tl.dispose(run.trained);
}
table(audit);
// %% [markdown] lang="zh"
// ## 6. 训练前后的回答
//
// 课程模型很小，读过的文字也少：它学会了答案的**样子**，知识仍然靠不住。用损失和 ROUGE-L 衡量，而不是只看挑出来的例子。
// %% [markdown] lang="en"
// ## 6. Answers before and after
//
// The course model is small and has read little: it learns what answers **look like**, and its knowledge cannot be trusted. Judge by loss and ROUGE-L, not by chosen examples.
// %%
const prompts = asked.map(({ question }) => tl.promptText(model.tokenizer, [{ role: "user", content: question }])), outcome = [];
for (const [name, adapter] of [[t({ zh: "训练前", en: "before" }), undefined], [t({ zh: "训练后", en: "after" }), answersRun]] as const) {
  const answers = await tl.generateAll(model, prompts, { adapter, maxNewTokens: budget(96, 8) }), { loss } = await tl.evaluate(model, test, { adapter });
  outcome.push({ "": name, [t({ zh: "测试损失", en: "test loss" })]: loss.toFixed(3), "ROUGE-L": tl.meanRouge(asked.map((r) => r.answer), answers.map((a) => a.text), { units: "characters" }).rougeL.f1.toFixed(3), [asked[0].question]: answers[0].text.slice(0, 100) });
}
table(outcome);
tl.dispose(answersRun!.trained);
// %% [markdown] lang="zh"
// **与书上的说法对照。** “缺乏负反馈机制，无法‘向后看’整个生成序列”：训练时每个词元都以**正确的**前文为条件，所以损失从不评价模型自己写出的整段回答；这正是下一节强化学习要补上的。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.7.1/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.7.1/1")` 给解答。
//
// 1. 五个词元的负对数概率是 4.0、2.0、0.5、1.0、3.0。前两个是问题，后三个是答案（最后一个是结束符）。损失是多少？
// 2. 一个批次 4 个样本，共 512 个真词元，每个补到 512。填充占全部位置的百分之几？
// 3. 写一个函数 `(losses, patience) => number`：按第 4 节的规则提前停止，返回停下时最好的一次的下标（从 0 起；相等不算变好）。
// %% [markdown] lang="en"
// **Held against the book.** "It lacks negative feedback and cannot look back at the whole sequence": in training each token is conditioned on the **right** text before it, so the loss never judges a whole answer that the model wrote itself; that is what reinforcement learning, in the next section, adds.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.7.1/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.7.1/1")` the solution.
//
// 1. The negative log-probabilities of five tokens are 4.0, 2.0, 0.5, 1.0, 3.0. The first two are the question, the other three the answer (the last is the end mark). What is the loss?
// 2. A batch has 4 examples with 512 real tokens in all; each is filled up to 512. What percentage of all positions is padding?
// 3. Write a function `(losses, patience) => number`: early stopping by the rule of part 4; return the index of the best evaluation until it stops (from 0; equal is not better).
// %%
tl.check("3.7.1/1", undefined);
tl.check("3.7.1/2", undefined);
tl.check("3.7.1/3", undefined);
