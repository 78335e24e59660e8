// Section 3.1.1 of the course: what fine-tuning is, why it is done, and the three kinds. Prompting against fine-tuning, measured on SmolLM2-135M.
// Build both languages with: npm run notebooks -- 3.1.1-basic-concepts
// %% [markdown] lang="zh"
// # 3.1.1 大模型微调的基本概念：写提示词，还是改参数？
//
// 一个读过很多文字的模型，要让它在**你的**领域里答得好，可以把例子写进提示词，也可以把例子变成参数。哪个好？哪个贵？
// 教材给出微调的三个理由：从零训练太贵；提示词太长会增加推理成本，还可能被截断；提示工程效果不佳时，微调能做得更好。本节逐一测量，再把第 3 章的所有方法归进三类，并从真实的形状算出每种方法训练多少个数。
//
// 需要的资源：课程模型（6 百万参数）和 SmolLM2-135M，约 3 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en"
// # 3.1.1 What fine-tuning is: write a prompt, or change the parameters?
//
// A model has read a lot. To make it answer well in **your** field you can write examples into its prompt, or turn them into parameters. Which is better, and which costs more?
// The book gives three reasons for fine-tuning: training from scratch is too dear; long prompts make inference dearer and may be cut; and where prompting does not do well enough, fine-tuning can. We measure each, then sort all methods of chapter 3 into three classes and compute from real shapes how many numbers each trains.
//
// It needs the course model (6 million parameters) and SmolLM2-135M, about 3 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as fs from "fs";
import * as tl from "tunelab";
import { budget, courseFile, courseModel, table, show, lineChart, dotChart, t } from "tunelab";

const machine = await tl.backend();
const course = await tl.load(courseModel());
console.log(`${machine.name}: ${machine.why}`);
console.log(t({ zh: "课程模型的参数", en: "parameters of the course model" }), tl.count(course.params).toLocaleString("en-US"));
// %% [markdown] lang="zh"
// ## 1. 微调是什么；第一个理由：从零训练太贵
//
// 微调从预训练得到的参数 $\theta_{\mathrm{p}}$ 出发，用领域数据 $D$ 继续训练：
//
// $$\theta^{*}=\arg\min_{\theta}\ \mathbb{E}_{(x,y)\sim D}\left[-\log P(y\mid x;\theta)\right],\qquad \theta_{0}=\theta_{\mathrm{p}}$$
//
// 公式里只有起点 $\theta_0$ 与“从零训练”不同。起点值多少？同样的 265 个中文问答、同样的步数，一次从课程模型出发，一次从随机参数出发。从零训练适合更大的学习率，所以给它两个，取好的一个。
// %% [markdown] lang="en"
// ## 1. What fine-tuning is; the first reason: training from scratch is too dear
//
// Fine-tuning starts from the pre-trained parameters $\theta_{\mathrm{p}}$ and goes on with data $D$ of the field:
//
// $$\theta^{*}=\arg\min_{\theta}\ \mathbb{E}_{(x,y)\sim D}\left[-\log P(y\mid x;\theta)\right],\qquad \theta_{0}=\theta_{\mathrm{p}}$$
//
// Only the start $\theta_0$ distinguishes this from "training from scratch". What is the start worth? The same 265 Chinese questions and answers and the same steps, once from the course model, once from random parameters. Training from scratch takes higher learning rates, so it gets two and we keep the better.
// %%
const preferred = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map((r) => ({ question: r.prompt, answer: r.chosen }));
const courseTrain = tl.encodeExamples(course.tokenizer, await preferred("train")), courseTest = tl.encodeExamples(course.tokenizer, await preferred("test"));
const scratch = { ...course, params: tl.initialParams(course.config, 0) }, fitSteps = budget(60, 4);
const learn = async (from: tl.Model, learningRate: number) => {
  const start = await tl.evaluate(from, courseTest);
  const run = await tl.train({ model: from, method: tl.full(), data: { train: courseTrain, validation: courseTest }, steps: fitSteps, batchSize: 8, learningRate, evaluateEvery: Math.ceil(fitSteps / 4), display: false });
  tl.dispose(run.trained);
  return [{ step: 0, loss: start.loss }, ...run.history.evaluations];
};
const fromPretrained = await learn(course, 4e-4), tries = [await learn(scratch, 1e-3), await learn(scratch, 4e-3)];
const counted = (k: number) => t({ zh: `${k} 个例子`, en: `${k} example${k === 1 ? "" : "s"}` }), last = <T,>(x: readonly T[]) => x[x.length - 1], fromScratch = last(tries[0]).loss < last(tries[1]).loss ? tries[0] : tries[1];
// %%
await show(lineChart({
  title: t({ zh: "同样的数据和步数，不同的起点", en: "The same data and steps, different starts" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" }) },
  series: [[t({ zh: "从预训练模型出发（微调）", en: "from the pre-trained model (fine-tuning)" }), fromPretrained], [t({ zh: "从随机参数出发（从零训练）", en: "from random parameters (from scratch)" }), fromScratch]].map(([name, curve]) => ({ name: name as string, x: (curve as typeof fromScratch).map((e) => e.step), y: (curve as typeof fromScratch).map((e) => e.loss) })),
  alt: `${t({ zh: "微调", en: "fine-tuning" })} ${fromPretrained[0].loss.toFixed(2)} → ${last(fromPretrained).loss.toFixed(2)}; ${t({ zh: "从零", en: "from scratch" })} ${fromScratch[0].loss.toFixed(2)} → ${last(fromScratch).loss.toFixed(2)}`,
}));
const { training } = JSON.parse(fs.readFileSync(`${courseModel()}/measured.json`, "utf8")), tuned = fitSteps * 8 * tl.mean(courseTrain.map((e) => e.ids.length));
console.log(t({ zh: `微调读了约 ${Math.round(tuned).toLocaleString("en-US")} 个词元，预训练读了 ${training.tokens.toLocaleString("en-US")} 个：${(training.tokens / tuned).toFixed(0)} 倍。`, en: `Fine-tuning read about ${Math.round(tuned).toLocaleString("en-US")} tokens, pre-training ${training.tokens.toLocaleString("en-US")}: ${(training.tokens / tuned).toFixed(0)} times as many. ` })
  + (last(fromScratch).loss > fromPretrained[0].loss ? t({ zh: "从零训练到最后，还不如一步都没有微调的预训练模型。", en: "At its end, training from scratch is still behind the pre-trained model that was not fine-tuned at all." }) : last(fromScratch).loss > last(fromPretrained).loss ? t({ zh: "从零训练赶上了未微调的模型，没有赶上微调后的。", en: "Training from scratch passed the model that was not fine-tuned, but not the fine-tuned one." }) : t({ zh: "这一次从零训练不比微调差。", en: "This time training from scratch is no worse than fine-tuning." })));
tl.dispose(scratch.params);
// %% [markdown] lang="zh"
// ## 2. 第二个理由：提示词越长，每次查询越贵
//
// 下面换成 SmolLM2-135M 和网络安全问答（英文）。**零样本**：只给问题。**少样本**：问题前面先放 $k$ 组“问—答”当例子，模型的参数一个也不变（上下文学习）。**微调**：把例子变成 LoRA 的参数，提问时仍然只给问题。
//
// 同一批测试问题，看三件事：正确答案的损失、回答、每次查询要付多少提示词元。例子是随机抽的，所以每个 $k$ 抽三次；微调用两个种子。
// %% [markdown] lang="en"
// ## 2. The second reason: the longer the prompt, the dearer each query
//
// Now SmolLM2-135M and questions on network security (in English). **Zero-shot**: the question alone. **Few-shot**: $k$ pairs of question and answer come first as examples, and no parameter changes (in-context learning). **Fine-tuned**: the examples become parameters of LoRA, and the prompt is the question alone again.
//
// On the same test questions we look at three things: the loss of the right answer, the answers, and how many prompt tokens each query pays for. Examples are drawn at random, so each $k$ is drawn three times; fine-tuning gets two seeds.
// %%
const smol = await tl.load(courseFile("models/SmolLM2-135M-Instruct"));
interface Question { question: string; answer: string }
const questions = async (split: string) => tl.loadRecords<Question>(courseFile(`data/security-qa/en/${split}.jsonl`));
const pool = await questions("train"), asked = (await questions("test")).slice(0, budget(16, 2));
const turn = (r: Question) => [{ role: "user", content: r.question }, { role: "assistant", content: r.answer }];
const drawn = (k: number, draw: number) => new tl.Random(draw, "examples").shuffle(pool).slice(0, k);
const withExamples = (demos: Question[], to = asked) => tl.encodeExamples(smol.tokenizer, to.map((r) => ({ messages: [...demos.flatMap(turn), ...turn(r)] })));
const targets = (e: tl.Example) => e.target.reduce((a, b) => a + b, 0), promptTokens = (e: tl.Example) => e.ids.length - targets(e);
const lossPerQuestion = async (examples: tl.Example[], adapter?: tl.Adapter) => (await tl.completionLogProbabilities(smol, examples, { adapter, batchSize: 4 })).map((logP, i) => -logP / targets(examples[i]));
console.log(tl.promptText(smol.tokenizer, [...drawn(1, 0).flatMap(turn), { role: "user", content: asked[0].question }]));
// %%
const COUNTS = budget(1, 0) ? [0, 1, 2, 4] : [0, 1], prompting: { k: number; loss: number[]; tokens: number }[] = [];
const drawing = tl.progress(3 * COUNTS.length - 2, t({ zh: "提示词", en: "prompts" }));
for (const k of COUNTS)
  for (const draw of k ? [0, 1, 2] : [0]) {
    const examples = withExamples(drawn(k, draw));
    prompting.push({ k, loss: await lossPerQuestion(examples), tokens: tl.mean(examples.map(promptTokens)) });
    drawing.update(prompting.length);
  }
drawing.done();
// %% [markdown] lang="zh"
// 再微调：LoRA，秩 8，每步 4 个问答。`trainTokens` 记下训练一共读了多少词元，后面算成本用。
// %% [markdown] lang="en"
// Now fine-tuning: LoRA of rank 8, 4 questions a step. `trainTokens` keeps how many tokens training reads; the costs need it.
// %%
const poolSet = tl.encodeExamples(smol.tokenizer, pool), loraSteps = budget(30, 2), seeds = budget(1, 0) ? [0, 1] : [0];
const runs: tl.Run[] = [], tunedLoss: number[][] = [];
for (const seed of seeds) {
  runs.push(await tl.train({ model: smol, method: tl.lora({ rank: 8 }), data: { train: poolSet }, steps: loraSteps, batchSize: 4, learningRate: 2e-3, seed, display: seed === 0 }));
  tunedLoss.push(await lossPerQuestion(withExamples([]), runs[seed]));
}
const trainTokens = loraSteps * 4 * tl.mean(poolSet.map((e) => e.ids.length)), zeroTokens = prompting[0].tokens;
const averaged = (rows: number[][]) => rows[0].map((_, q) => tl.mean(rows.map((row) => row[q])));
const ofCount = (k: number) => prompting.filter((p) => p.k === k), standardError = (x: number[]) => tl.bootstrapInterval(x, tl.mean).standardError;
// %%
const points = COUNTS.map((k) => ({ k, tokens: tl.mean(ofCount(k).map((p) => p.tokens)), each: averaged(ofCount(k).map((p) => p.loss)) })), tunedEach = averaged(tunedLoss);
await show(lineChart({
  title: t({ zh: "每次查询付多少提示词元，换来多低的损失", en: "Prompt tokens paid per query, and the loss they buy" }), x: { title: t({ zh: "每次查询的提示词元数", en: "prompt tokens per query" }) }, y: { title: t({ zh: "正确答案的损失（纳特/词元）", en: "loss of the right answer (nats per token)" }) },
  series: [{ name: t({ zh: `提示词里 ${COUNTS.join("、")} 个例子`, en: `${COUNTS.join(", ")} examples in the prompt` }), x: points.map((p) => p.tokens), y: points.map((p) => tl.mean(p.each)), error: points.map((p) => standardError(p.each)) }, { name: t({ zh: "微调，没有例子", en: "fine-tuned, no example" }), x: [zeroTokens], y: [tl.mean(tunedEach)], error: [standardError(tunedEach)] }],
  alt: `${points.map((p) => `k = ${p.k}: ${p.tokens.toFixed(0)} ${t({ zh: "词元", en: "tokens" })}, ${tl.mean(p.each).toFixed(2)}`).join("; ")}; ${t({ zh: "微调", en: "fine-tuned" })}: ${zeroTokens.toFixed(0)}, ${tl.mean(tunedEach).toFixed(2)}`,
}));
table([...points.map((p) => ({ [t({ zh: "做法", en: "way" })]: counted(p.k), [t({ zh: "提示词元/查询", en: "prompt tokens a query" })]: p.tokens, [t({ zh: "损失", en: "loss" })]: tl.mean(p.each), [t({ zh: "± 换例子（抽样的标准差）", en: "± examples (deviation over draws)" })]: p.k ? Math.sqrt(tl.mean(ofCount(p.k).map((d) => (tl.mean(d.loss) - tl.mean(p.each)) ** 2)) * 1.5).toFixed(3) : "" })), { [t({ zh: "做法", en: "way" })]: t({ zh: "微调", en: "fine-tuned" }), [t({ zh: "提示词元/查询", en: "prompt tokens a query" })]: zeroTokens, [t({ zh: "损失", en: "loss" })]: tl.mean(tunedEach), [t({ zh: "± 换例子（抽样的标准差）", en: "± examples (deviation over draws)" })]: "" }], t({ zh: `${asked.length} 个测试问题的平均（误差棒：问题之间的标准误）`, en: `Means over ${asked.length} test questions (error bars: standard error over questions)` }));
// %% [markdown] lang="zh"
// 注意表的最后一列：**抽到哪几个例子**也影响结果。上下文学习对例子的选择敏感；微调读的例子多得多，单个例子的影响就小。
//
// ### 提示词太长会怎样：截断
//
// 模型的输入长度有上限。超过时，多数程序从一头截断。取 4 个例子的提示词，只许用一半的长度，看从哪一头截更糟；答案不截，因为要算它的损失。
// %% [markdown] lang="en"
// Mind the last column: **which examples** are drawn matters, too. In-context learning is sensitive to the choice; fine-tuning reads many more examples, so that a single one matters less.
//
// ### When the prompt is too long: truncation
//
// A model's input has a limit, and most programs cut at one end what exceeds it. We take the prompt with the most examples and allow half of its length: which end is worse to lose? The answer is not cut, because its loss is what we measure.
// %%
const longest = withExamples(drawn(last(COUNTS), 0)), half = (e: tl.Example) => Math.round(promptTokens(e) / 2);
const cut = (e: tl.Example, from: number, to: number): tl.Example => { const c = promptTokens(e), keep = (x: ArrayLike<number>) => [...Array.from(x).slice(from, to), ...Array.from(x).slice(c)]; return { ids: Int32Array.from(keep(e.ids)), target: Uint8Array.from(keep(e.target)) }; };
const CUTS = { [t({ zh: "不截断", en: "not cut" })]: longest, [t({ zh: "截掉前一半（丢例子）", en: "first half cut (examples lost)" })]: longest.map((e) => cut(e, promptTokens(e) - half(e), promptTokens(e))), [t({ zh: "截掉后一半（丢问题）", en: "second half cut (question lost)" })]: longest.map((e) => cut(e, 0, half(e))) };
const cutLoss: Record<string, number> = {};
for (const [name, examples] of Object.entries(CUTS)) cutLoss[name] = tl.mean(await lossPerQuestion(examples));
table(Object.entries(CUTS).map(([name, examples]) => ({ [t({ zh: "提示词", en: "prompt" })]: name, [t({ zh: "词元", en: "tokens" })]: tl.mean(examples.map(promptTokens)), [t({ zh: "损失", en: "loss" })]: cutLoss[name] })));
const perExample = (last(points).tokens - zeroTokens) / last(COUNTS), window = smol.config.maxPositions;
console.log(t({ zh: `这个模型最多 ${window} 个词元：每个例子约 ${perExample.toFixed(0)} 个，提示词最多放下 ${Math.floor((window - zeroTokens - 64) / perExample)} 个例子；微调读了 ${Math.min(pool.length, 4 * loraSteps)} 个，还可以更多，不受窗口限制。`, en: `This model takes at most ${window} tokens: at about ${perExample.toFixed(0)} an example a prompt holds ${Math.floor((window - zeroTokens - 64) / perExample)} of them at most; fine-tuning read ${Math.min(pool.length, 4 * loraSteps)}, and could read more: the window does not bound it.` }));
// %% [markdown] lang="zh"
// ## 3. 第三个理由：效果
//
// 损失低不等于回答好。让三者真的回答，与参考答案比重合（ROUGE-L，95 % 自助区间），并看回答会不会自己结束。三个问题的回答也列出来；小模型的事实并不可靠，请自己判断。
// %% [markdown] lang="en"
// ## 3. The third reason: how well it does
//
// A low loss is not yet a good answer. We let all three answer, compare with the references (ROUGE-L, 95 % bootstrap interval) and see whether the answers end by themselves. The answers to three questions are shown, too; a small model's facts cannot be trusted, so judge for yourself.
// %%
const spoken = asked.slice(0, budget(8, 2)), few = drawn(last(COUNTS), 0), answerTo = (demos: Question[], adapter?: tl.Adapter) => tl.generate(smol, spoken.map((r) => tl.promptText(smol.tokenizer, [...demos.flatMap(turn), { role: "user", content: r.question }])), { adapter, maxNewTokens: budget(48, 6) });
const said = { [t({ zh: "零样本", en: "zero-shot" })]: await answerTo([]), [counted(few.length)]: await answerTo(few), [t({ zh: "微调", en: "fine-tuned" })]: await answerTo([], runs[0]) };
table(spoken.slice(0, 3).map((r, i) => ({ [t({ zh: "问题", en: "question" })]: r.question, ...Object.fromEntries(Object.entries(said).map(([name, all]) => [name, all[i].text])), [t({ zh: "参考", en: "reference" })]: r.answer })));
const overlap = (all: { text: string }[]) => tl.bootstrapInterval(spoken.map((r, i) => tl.rouge(r.answer, all[i].text).rougeL.f1), tl.mean);
table(Object.entries(said).map(([name, all]) => { const o = overlap(all); return { [t({ zh: "做法", en: "way" })]: name, "ROUGE-L": o.estimate, "95 %": `[${o.low.toFixed(3)}, ${o.high.toFixed(3)}]`, [t({ zh: "自己结束 %", en: "end by themselves, %" })]: Math.round((100 * all.filter((a) => a.stoppedBy === "eos").length) / all.length), [t({ zh: "平均词元数", en: "mean tokens" })]: tl.mean(all.map((a) => a.ids.length)) }; }));
// %% [markdown] lang="zh"
// ## 4. 什么时候回本？
//
// 一个参数为 $N$ 的模型，读一个词元约要 $2N$ 次浮点运算。LoRA 训练一个词元约 $4N$ 次（前向 $2N$，对激活求梯度 $2N$）。设训练读了 $T$ 个词元，例子使每次查询多读 $\Delta$ 个词元，则查询 $q$ 次以后微调更省：
//
// $$4N\,T< 2N\,\Delta\,q\quad\Longleftrightarrow\quad q>\frac{2T}{\Delta}$$
// %% [markdown] lang="en"
// ## 4. When does it pay?
//
// A model of $N$ parameters takes about $2N$ floating-point operations to read a token. Training LoRA takes about $4N$ a token ($2N$ forward, $2N$ for the gradients of activations). If training reads $T$ tokens, and the examples make each query longer by $\Delta$ tokens, fine-tuning is cheaper after $q$ queries:
//
// $$4N\,T< 2N\,\Delta\,q\quad\Longleftrightarrow\quad q>\frac{2T}{\Delta}$$
// %%
const size = tl.count(smol.params), extra = last(points).tokens - zeroTokens, breakEven = (2 * trainTokens) / extra, upTo = [0, breakEven, 3 * breakEven];
const tera = (tokens: number) => (2 * size * tokens) / 1e12, prices = [...points.map((p) => ({ name: counted(p.k), once: 0, each: p.tokens })), { name: t({ zh: "微调", en: "fine-tuned" }), once: 2 * trainTokens, each: zeroTokens }];
await show(lineChart({
  title: t({ zh: "总运算量：训练一次，再查询", en: "Total work: training once, then the queries" }), x: { title: t({ zh: "查询次数", en: "queries" }) }, y: { title: t({ zh: "运算量（万亿次）", en: "operations (10¹²)" }) },
  series: prices.map((p) => ({ name: p.name, x: upTo, y: upTo.map((q) => tera(p.once + q * p.each)) })),
  alt: t({ zh: `微调与 ${last(COUNTS)} 个例子的线在 ${breakEven.toFixed(0)} 次查询处相交`, en: `the lines of fine-tuning and of ${last(COUNTS)} examples cross at ${breakEven.toFixed(0)} queries` }),
}));
console.log(t({ zh: `训练读了 ${Math.round(trainTokens).toLocaleString("en-US")} 个词元，例子每次多读 ${extra.toFixed(0)} 个：${Math.ceil(breakEven)} 次查询以后，微调比 ${last(COUNTS)} 个例子省。`, en: `Training read ${Math.round(trainTokens).toLocaleString("en-US")} tokens, the examples add ${extra.toFixed(0)} to each query: after ${Math.ceil(breakEven)} queries fine-tuning costs less work than ${last(COUNTS)} examples in the prompt.` }));
// %% [markdown] lang="zh"
// ### 公平一点：例子可以缓存
//
// 例子每次都一样，它们的键和值可以只算一次，存下来反复用。这正是前缀（3.6.3 节）：`tl.prefix({ start: 例子的词元 })` 在训练之前就等于这段提示词。测一测：损失应当不变，时间应当接近零样本；代价换成了内存。
// %% [markdown] lang="en"
// ### To be fair: examples can be cached
//
// The examples are the same in every query, so their keys and values can be computed once and kept. That is what a prefix is (section 3.6.3): before any training `tl.prefix({ start: tokens of the examples })` equals that prompt. We measure: the loss should be the same, the time near that of zero-shot; the price is memory instead.
// %%
const common = longest[0].ids.findIndex((id, i) => longest.some((e) => e.ids[i] !== id)), head = Array.from(longest[0].ids.slice(0, common));
const cacheMethod = tl.prefix({ start: head }), cached: tl.Adapter = { method: cacheMethod, trained: cacheMethod.init(smol.params, smol.config, 0) };
const tail = longest.map((e) => ({ ids: e.ids.slice(common), target: e.target.slice(common) })), one = spoken.length > 2 ? 4 : 1;
const timed = async (examples: tl.Example[], adapter?: tl.Adapter) => { const seconds: number[] = []; for (let i = 0; i <= budget(3, 1); i++) { const began = performance.now(); await tl.completionLogProbabilities(smol, examples.slice(0, one), { adapter, batchSize: one }); if (i) seconds.push((performance.now() - began) / 1000 / one); } return Math.min(...seconds); };
const cachedLoss = tl.mean(await lossPerQuestion(tail, cached)), speed = { zero: await timed(withExamples([])), full: await timed(longest), cached: await timed(tail, cached), tuned: await timed(withExamples([]), runs[0]) }, bytes = (a: tl.Adapter) => 4 * tl.trainableCount(a);
table([[t({ zh: "零样本", en: "zero-shot" }), speed.zero, tl.mean(points[0].each), 0], [t({ zh: "例子，每次重读", en: "examples, read anew" }), speed.full, cutLoss[Object.keys(CUTS)[0]], 0], [t({ zh: "例子，缓存", en: "examples, cached" }), speed.cached, cachedLoss, bytes(cached)], [t({ zh: "微调（未合并）", en: "fine-tuned (not merged)" }), speed.tuned, tl.mean(tunedLoss[0]), bytes(runs[0])]].map(([name, seconds, loss, more]) => ({ [t({ zh: "做法", en: "way" })]: name, [t({ zh: "秒/查询（读提示和答案）", en: "seconds a query (prompt and answer read)" })]: seconds, [t({ zh: "损失", en: "loss" })]: loss, [t({ zh: "另占内存（MB）", en: "extra memory (MB)" })]: (more as number) / 1e6 })));
tl.dispose(cached.trained);
// %% [markdown] lang="zh"
// ## 5. 与书上的说法对照
//
// “与提示相比，微调效果更好，而且每次查询更便宜。”下面的句子由本次的数字算出：同一批问题上成对比较，微调（两个种子的平均）减去损失最低的提示做法（三次抽样的平均）。
// %% [markdown] lang="en"
// ## 5. Held against the book
//
// "Fine-tuning does better than prompting, at less cost per query." The sentences below are computed from this run: fine-tuning (mean of the seeds) minus the prompt with the lowest loss (mean of its draws), in pairs on the same questions.
// %%
const bestPrompt = points.reduce((a, b) => (tl.mean(b.each) < tl.mean(a.each) ? b : a)), difference = tl.pairedDifference(bestPrompt.each, tunedEach, tl.mean);
const outcome = difference.high < 0 ? t({ zh: "微调更好", en: "fine-tuning is better" }) : difference.low > 0 ? t({ zh: "提示更好", en: "prompting is better" }) : t({ zh: "区间含 0，分不出高下", en: "the interval holds 0: undecided" });
console.log(t({ zh: `效果（损失之差，对手是 ${bestPrompt.k} 个例子）：`, en: `Quality (difference of losses, against ${bestPrompt.k} examples): ` }) + `${difference.estimate.toFixed(3)} [${difference.low.toFixed(3)}, ${difference.high.toFixed(3)}]: ${outcome}`);
const f1Of = (all: { text: string }[]) => spoken.map((r, i) => tl.rouge(r.answer, all[i].text).rougeL.f1), [, fewSaid, tunedSaid] = Object.values(said), rougeGain = tl.pairedDifference(f1Of(fewSaid), f1Of(tunedSaid), tl.mean);
console.log(t({ zh: `回答（ROUGE-L 之差，${spoken.length} 个问题）：`, en: `Answers (difference of ROUGE-L, ${spoken.length} questions): ` }) + `${rougeGain.estimate.toFixed(3)} [${rougeGain.low.toFixed(3)}, ${rougeGain.high.toFixed(3)}]: ${rougeGain.low > 0 ? t({ zh: "微调的更接近参考", en: "those of fine-tuning are closer to the references" }) : rougeGain.high < 0 ? t({ zh: "提示的更接近参考", en: "those of the prompt are closer to the references" }) : t({ zh: "分不出哪种更接近参考；损失降低不等于答案更对", en: "neither is reliably closer to the references; a lower loss is not yet a righter answer" })}`);
const ratio = bestPrompt.tokens / zeroTokens;
console.log(t({ zh: `成本：提示的词元是微调的 ${ratio.toFixed(1)} 倍，时间是 ${(speed.full / speed.tuned).toFixed(1)} 倍：`, en: `Cost: the prompt has ${ratio.toFixed(1)} times the tokens of the fine-tuned query, and takes ${(speed.full / speed.tuned).toFixed(1)} times as long: ` }) + (ratio > 1 && speed.full > 1.1 * speed.tuned ? t({ zh: "每次查询微调更便宜", en: "a query is cheaper after fine-tuning" }) : t({ zh: "看不出微调更便宜", en: "no saving to be seen" })));
console.log((Math.abs(cachedLoss - cutLoss[Object.keys(CUTS)[0]]) < 1e-3 ? t({ zh: "缓存不改变损失", en: "Caching leaves the loss as it is" }) : t({ zh: "缓存改变了损失（不应如此）", en: "Caching changed the loss (it should not)" })) + t({ zh: `，并把例子的时间降到重读的 ${(100 * speed.cached / speed.full).toFixed(0)} %；所以“更便宜”有前提：例子每次重读，而且查询超过 ${Math.ceil(breakEven)} 次。`, en: `, and brings the examples' time down to ${(100 * speed.cached / speed.full).toFixed(0)} % of reading anew; so "cheaper" presupposes that examples are read anew each time, and more than ${Math.ceil(breakEven)} queries.` }));
runs.forEach((r) => tl.dispose(r.trained));
// %% [markdown] lang="zh"
// 这个比较的范围：一个 1.35 亿参数的模型、一个任务、很少的训练步数。大得多的模型上下文学习的能力强得多，例子可能更有用；结论不能直接搬过去，方法可以。
//
// ## 6. 微调技术的三类
//
// 教材按“训练多少、改不改原模型的参数”分三类：**全参数微调**（3.4 节）、**部分参数微调**（3.5 节，只改一部分原有参数）、**新增参数微调**（3.6 节，原参数冻结，只训练新加的）。
// 下面把本章的每一种方法放进去，并从三个模型的**真实形状**算出训练多少个数：课程模型（B）、SmolLM2-135M（S），以及教材用的 1.5B 模型（形状已知即可，不必加载）。
// %% [markdown] lang="en"
// The scope of this comparison: a model of 135 million parameters, one task, few training steps. Much larger models are far better at learning in context, and examples may help them more; the conclusion does not carry over by itself, the method does.
//
// ## 6. Three classes of fine-tuning
//
// The book sorts by how much is trained and whether the model's own parameters change: **full** (section 3.4), **partial** (3.5: a part of the model's own parameters changes), **added** (3.6: those are frozen, and only new ones are trained).
// Here is every method of the chapter in its class, with how many numbers it trains, computed from the **real shapes** of three models: the course model (B), SmolLM2-135M (S), and the book's 1.5B model (its shapes are enough, it is not loaded).
// %%
const big = tl.parseConfig({ model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936 }, "1.5B");
const [FULL, PARTIAL, ADDED] = [t({ zh: "全参数", en: "full" }), t({ zh: "部分", en: "partial" }), t({ zh: "新增", en: "added" })];
type Config = typeof big; const by = (method: tl.Method) => (c: Config) => tl.trainableByShape(c, method), part = (density: number) => (c: Config) => Math.round(density * tl.parametersByShape(c, "layers"));
const KINDS: { kind: string; name: string; section: string; trained: (c: Config) => number; what: string }[] = [
  { kind: FULL, name: t({ zh: "全参数微调", en: "full fine-tuning" }), section: "3.4.3", trained: by(tl.full()), what: t({ zh: "所有参数", en: "all parameters" }) },
  { kind: FULL, name: t({ zh: "Diff Pruning，训练时", en: "diff pruning, in training" }), section: "3.4.1", trained: by(tl.diffPruning()), what: t({ zh: "各层每个条目一个差和一个门", en: "a difference and a gate for each entry of the layers" }) },
  { kind: FULL, name: t({ zh: "Diff Pruning，保存的", en: "diff pruning, stored" }), section: "3.4.1", trained: part(0.005), what: t({ zh: "最大的 0.5 % 的差", en: "the largest 0.5 % of the differences" }) },
  { kind: PARTIAL, name: "BitFit", section: "3.5.1", trained: (c) => (c.biases.queryKeyValue ? tl.trainableByShape(c, tl.bitfit()) : NaN), what: t({ zh: "偏置（S 没有偏置）", en: "biases (S has none)" }) },
  { kind: PARTIAL, name: "FISH mask", section: "3.5.2", trained: part(0.005), what: t({ zh: "费舍尔信息最大的 0.5 %", en: "the 0.5 % with most Fisher information" }) },
  { kind: ADDED, name: t({ zh: "Adapter，串联 /16", en: "adapter, sequential /16" }), section: "3.6.1", trained: by(tl.adapter()), what: t({ zh: "每层两个瓶颈网络", en: "two bottlenecks a layer" }) },
  { kind: ADDED, name: t({ zh: "Adapter，并联 /16", en: "adapter, parallel /16" }), section: "3.1.2", trained: by(tl.adapter({ form: "parallel", reduction: 16 })), what: t({ zh: "前馈层旁边一个瓶颈网络", en: "a bottleneck beside the feed-forward layer" }) },
  { kind: ADDED, name: t({ zh: "LoRA，q 和 v，秩 8", en: "LoRA, q and v, rank 8" }), section: "3.6.2", trained: by(tl.lora()), what: t({ zh: "两个矩阵的低秩更新", en: "updates of two matrices, of low rank" }) },
  { kind: ADDED, name: t({ zh: "LoRA，所有线性层，秩 8", en: "LoRA, all linear, rank 8" }), section: "3.6.2", trained: by(tl.lora({ targets: "all-linear" })), what: t({ zh: "七个矩阵的低秩更新", en: "updates of seven matrices, of low rank" }) },
  { kind: ADDED, name: "(IA)³", section: "3.1.2", trained: by(tl.ia3()), what: t({ zh: "键、值、前馈激活的缩放向量", en: "vectors that scale keys, values, feed-forward activations" }) },
  { kind: ADDED, name: t({ zh: "Prefix，20 个", en: "prefix, 20 tokens" }), section: "3.6.3", trained: by(tl.prefix()), what: t({ zh: "每层 20 个键和值", en: "20 keys and values in every layer" }) },
  { kind: ADDED, name: t({ zh: "Prompt，20 个", en: "prompt, 20 tokens" }), section: "3.6.4", trained: by(tl.prompt()), what: t({ zh: "20 个输入嵌入", en: "20 embeddings of the input" }) },
  { kind: ADDED, name: t({ zh: "P-tuning，LSTM", en: "P-tuning, LSTM" }), section: "3.6.5", trained: by(tl.pTuning()), what: t({ zh: "20 个嵌入和产生它们的编码器", en: "20 embeddings and the encoder that makes them" }) },
];
// %%
const MODELS: Record<string, Config> = { [t({ zh: "B（课程模型）", en: "B (course model)" })]: course.config, "S (135M)": smol.config, "1.5B": big }, all = Object.values(MODELS).map((c) => tl.parametersByShape(c));
const trainedOf = KINDS.map((k) => Object.values(MODELS).map((c) => k.trained(c))), shareOf = (k: number, m: number) => (100 * trainedOf[k][m]) / all[m], whole = (n: number) => (Number.isNaN(n) ? "–" : n.toLocaleString("en-US"));
table(KINDS.map(({ kind, name, section, what }, k) => ({ [t({ zh: "类", en: "class" })]: kind, [t({ zh: "方法", en: "method" })]: name, [t({ zh: "节", en: "section" })]: section, [t({ zh: "训练什么", en: "what is trained" })]: what, ...Object.fromEntries(Object.keys(MODELS).map((name, m) => [name, whole(trainedOf[k][m])])) })), t({ zh: "每种方法训练的数", en: "Numbers that each method trains" }));
await show(dotChart({
  title: t({ zh: "训练的数占全部参数的百分比（对数刻度）", en: "Trained numbers in percent of all parameters (log scale)" }), x: { title: t({ zh: "类 · 方法", en: "class · method" }) }, y: { title: t({ zh: "占全部参数的 %", en: "% of all parameters" }), log: true },
  series: Object.keys(MODELS).map((name, m) => ({ name, x: KINDS.map((k) => `${k.kind} · ${k.name}`), y: KINDS.map((_, k) => shareOf(k, m)) })),
  alt: KINDS.map(({ name }, k) => `${name}: ${all.map((_, m) => (Number.isNaN(shareOf(k, m)) ? "–" : Number(shareOf(k, m).toPrecision(2)))).join(" / ")} %`).join("; "),
}));
// %% [markdown] lang="zh"
// 看图时注意三点：
//
// * 从左到右跨好几个数量级，所以横轴是对数刻度；超过 100 % 的是训练时给每个条目再加一个“门”的 Diff Pruning。**训练多少**与**保存多少**是两回事。
// * 同一种方法，模型越大，占的比例通常越小：低秩更新和提示只随宽度增长，而权重矩阵随宽度的平方增长。“LoRA 只训练 0.1 %”这样的说法必须带上模型。
// * 类别说的是**改了什么**，不是训练了多少：P-tuning 的编码器使它训练的数比有些“更重”的方法还多，但训练完只留下 20 个嵌入。
//
// LOMO、AdaLOMO（3.4.2 节）不在图里：它们是优化器，决定**怎样**更新，而不是更新什么；混合精度也一样。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.1.1/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.1.1/1")` 给解答。
//
// 1. 提示词里有 4 个例子，每个 90 个词元，问题 30 个词元（其他忽略）。它的词元数是只给问题时的多少倍？
// 2. 全参数微调读了 50 000 个词元，每个约 $6N$ 次运算；例子使每次查询多读 300 个词元，每个约 $2N$ 次。多少次查询以后微调回本？
// 3. 上下文窗口 8192 个词元，要给问题和回答留 1024 个。每个例子 120 个词元，最多放几个例子？
// 4. 写一个函数 `(total, changed, added) => "full" | "partial" | "added"`：原模型共 `total` 个参数，其中 `changed` 个被改变，另外新增 `added` 个。按第 6 节的三类归类。
// 5. （动手）把 `COUNTS` 改成 `[0, 1, 2, 4, 8]`，或把 `loraSteps` 改成 8 再重跑：第 5 节的句子哪里变了？
// %% [markdown] lang="en"
// Three things to see in the figure:
//
// * It spans many powers of ten, hence the logarithmic axis; what exceeds 100 % is diff pruning, which in training adds a "gate" to each entry. **How much is trained** and **how much is stored** are two questions.
// * The larger the model, the smaller a method's share, as a rule: low-rank updates and prompts grow with the width, matrices with its square. "LoRA trains 0.1 %" means nothing without the model.
// * The class says **what is changed**, not how much is trained: P-tuning's encoder makes it train more numbers than some "heavier" methods, but only 20 embeddings are kept.
//
// LOMO and AdaLOMO (section 3.4.2) are not in the figure: they are optimizers and decide **how** to update, not what; so is mixed precision.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.1.1/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.1.1/1")` the solution.
//
// 1. A prompt holds 4 examples of 90 tokens each and a question of 30 tokens (ignore the rest). How many times the tokens of the question alone is that?
// 2. Full fine-tuning read 50 000 tokens at about $6N$ operations each; the examples add 300 tokens to each query, at about $2N$ each. After how many queries does fine-tuning pay?
// 3. The context window has 8192 tokens, of which 1024 must be kept for question and answer. At 120 tokens an example, how many examples fit at most?
// 4. Write a function `(total, changed, added) => "full" | "partial" | "added"`: the model has `total` parameters, of which `changed` are changed, and `added` new ones are added. Give the class of section 6.
// 5. (hands on) Set `COUNTS` to `[0, 1, 2, 4, 8]`, or `loraSteps` to 8, and run again: which sentences of section 5 change?
// %%
tl.check("3.1.1/1", undefined);
tl.check("3.1.1/2", undefined);
tl.check("3.1.1/3", undefined);
tl.check("3.1.1/4", undefined);
