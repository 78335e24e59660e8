// Section 3.6.2 of the course: LoRA on SmolLM2-135M, with the data set security-qa.
// Build both languages with: npm run notebooks -- 3.6.2-lora
// %% [markdown] lang="zh"
// # 3.6.2 LoRA：只训练 0.3 % 的参数，模型的回答会变吗？
//
// 一个有 1.35 亿参数的语言模型，如果只训练其中几十万个新加的数，回答会不会真的改变？训练完以后，这些改变占多大地方，结构是什么样的？
// 本节在你的机器上用 SmolLM2-135M 做完整的实验：加载模型 → 看数据 → 训练前的回答 → 用 LoRA 训练 → 训练后的回答 → 改变秩 → 分解更新矩阵 → 合并与保存。
// 最后用小得多的课程模型做要反复训练的实验：与全参数微调比较，α 与目标矩阵，$r=\min(d,k)$ 的说法，一个批次里的多个 LoRA，以及代码清单的审查。
//
// 需要的资源：约 3 GB 内存；2 核 CPU 上约 5 分钟。
// %% [markdown] lang="en"
// # 3.6.2 LoRA: train 0.3 % of the numbers. Does the model answer differently?
//
// Take a language model of 135 million parameters and train only a few hundred thousand numbers beside it. Do its answers really change? And what does that change look like, how large is it, what is its structure?
// Here you run the whole experiment on your machine with SmolLM2-135M: load the model → look at the data → answers before → train with LoRA → answers after → change the rank → take the update apart → merge and save.
// At the end, the much smaller course model serves for what takes many runs: against full fine-tuning, α and targets, the claim about $r=\min(d,k)$, several LoRAs in one batch, and an audit of the listing.
//
// It needs about 3 GB of memory and, on 2 CPU cores, about 5 minutes.
// %%
import * as tl from "tunelab";
import { courseFile, budget, table, show, lineChart, barChart, heatmap, t } from "tunelab";

const modelFolder = courseFile("models/SmolLM2-135M-Instruct");
const model = await tl.load(modelFolder);
const machine = await tl.backend();
console.log(`${machine.name}: ${machine.why}`);
console.log(t({ zh: "参数", en: "parameters" }), tl.count(model.params).toLocaleString("en-US"));
// %% [markdown] lang="zh"
// ## 1. 想法
//
// 微调把每个权重矩阵 $W_0\in\mathbb{R}^{d\times k}$ 变成 $W_0+\Delta W$。LoRA（Hu 等，2021）不直接学 $\Delta W$，而是学它的两个窄因子：
//
// $$h = W_0x + \Delta W x = W_0x + \frac{\alpha}{r}\,BAx,\qquad B\in\mathbb{R}^{d\times r},\ A\in\mathbb{R}^{r\times k},\ r\ll\min(d,k)$$
//
// $W_0$ 不动。$A$ 随机初始化，$B$ 从 0 开始，所以训练的第 0 步模型与原来完全相同。下面是一层里每个矩阵的真实形状，以及 $r=8$ 时 LoRA 要学多少个数。
// %% [markdown] lang="en"
// ## 1. The idea
//
// Fine-tuning turns each weight matrix $W_0\in\mathbb{R}^{d\times k}$ into $W_0+\Delta W$. LoRA (Hu et al. 2021) does not learn $\Delta W$ itself, but two narrow factors of it:
//
// $$h = W_0x + \Delta W x = W_0x + \frac{\alpha}{r}\,BAx,\qquad B\in\mathbb{R}^{d\times r},\ A\in\mathbb{R}^{r\times k},\ r\ll\min(d,k)$$
//
// $W_0$ stays as it is. $A$ starts random and $B$ starts at 0, so at step 0 the model is exactly what it was. Below are the real shapes of the matrices in one layer, and how many numbers LoRA learns for each with $r=8$.
// %%
const r = 8;
const firstLayer = tl.matchSites(model.params, "all-linear").filter((site) => site.name.includes(".layers.0."));
table(firstLayer.map(({ name, out, into }) => ({
  site: name.replace("model.layers.0.", ""), W: `${out} × ${into}`, "W size": out * into, A: `${r} × ${into}`, B: `${out} × ${r}`,
  "LoRA size": r * (out + into), "LoRA / W (%)": (100 * r * (out + into)) / (out * into),
})), t({ zh: "一层中的矩阵与秩为 8 的 LoRA", en: "The matrices of one layer, and LoRA of rank 8" }));
// %% [markdown] lang="zh"
// ## 2. 数据
//
// 数据集 `security-qa`：本课程自己写的 450 个网络安全问答，分成训练、验证、测试三部分。这个模型主要学过英语，所以这里用英文部分；中文部分问题相同。
//
// 只有**答案**（包括结束符）参与损失；问题只是上下文。下面用颜色标出参与损失的词元。
// %% [markdown] lang="en"
// ## 2. The data
//
// The data set `security-qa`: 450 questions and answers on network security, written for this course, split into training, validation and test. This model has read mostly English, so we take the English half; the Chinese half asks the same questions.
//
// Only the **answer** (with its end mark) counts in the loss; the question is context. Tokens that count are coloured below.
// %%
const records = async (split: string) => tl.loadRecords<{ question: string; answer: string }>(courseFile(`data/security-qa/en/${split}.jsonl`));
const [trainRecords, validationRecords, testRecords] = [await records("train"), await records("validation"), await records("test")];
const trainSet = tl.encodeExamples(model.tokenizer, trainRecords);
const validationSet = tl.encodeExamples(model.tokenizer, validationRecords);
console.log(t({ zh: "训练 / 验证 / 测试", en: "train / validation / test" }), trainRecords.length, validationRecords.length, testRecords.length);
const sampleExample = trainSet[0];
tl.showTokens(Array.from(sampleExample.ids, (id, i) => ({ text: model.tokenizer.decode([id]), marked: sampleExample.target[i] === 1 })), {
  plain: t({ zh: "只是上下文", en: "context only" }), marked: t({ zh: "参与损失", en: "counts in the loss" }),
});
// %% [markdown] lang="zh"
// ## 3. 训练前的回答
//
// 三个测试集里的问题，贪心解码（每次取概率最大的词元），最多 64 个词元。
// %% [markdown] lang="en"
// ## 3. The answers before
//
// Three questions from the test set, decoded greedily (always the most probable token), at most 64 tokens.
// %%
const questions = testRecords.slice(0, 3);
const prompts = questions.map(({ question }) => tl.promptText(model.tokenizer, [{ role: "user", content: question }]));
const answersBefore = await tl.generate(model, prompts, { maxNewTokens: budget(64, 8) });
const lossBefore = await tl.evaluate(model, validationSet.slice(0, budget(44, 4)));
table(questions.map(({ question }, i) => ({ question, before: answersBefore[i].text, "stopped by": answersBefore[i].stoppedBy })));
console.log(t({ zh: "验证损失（纳特/词元）", en: "validation loss (nats per token)" }), lossBefore.loss.toFixed(3));
// %% [markdown] lang="zh"
// ## 4. 训练
//
// 图随训练实时更新。按 ■（Stop）可以随时停下：已经学到的不会丢，`tl.lastRun()` 会把它还给你。
// 学习率先线性升高（预热），再按余弦降到 0；优化器是 AdamW。
// %% [markdown] lang="en"
// ## 4. Training
//
// The figure is drawn while training goes on. Press ■ (Stop) at any time: what was learned is kept, and `tl.lastRun()` gives it to you.
// The learning rate rises linearly (warm-up) and then falls to 0 along a cosine; the optimizer is AdamW.
// %%
const method = tl.lora({ rank: 8, alpha: 16, targets: ["q_proj", "v_proj"] });
const run = await tl.train({
  model, method, data: { train: trainSet, validation: validationSet.slice(0, budget(44, 4)) },
  steps: budget(60, 3), batchSize: budget(4, 2), learningRate: 2e-3, evaluateEvery: budget(20, 2), seed: 1,
});
console.log(run.message);
// %% [markdown] lang="zh"
// ## 5. 训练后的回答
//
// 同样的问题，同样的解码方法。注意两件事：回答的**形式**（长短、会不会自己结束）和**内容**（对不对）。小模型很快学会形式；事实仍会出错，请逐条核对。
// %% [markdown] lang="en"
// ## 5. The answers after
//
// The same questions, decoded in the same way. Watch two things: the **form** of the answers (length, whether they end by themselves) and their **content** (are they right?). A small model learns the form quickly; it still gets facts wrong, so check each one.
// %%
const answersAfter = await tl.generate(model, prompts, { maxNewTokens: budget(64, 8), adapter: run });
table(questions.map(({ question, answer }, i) => ({ question, before: answersBefore[i].text, after: answersAfter[i].text, reference: answer })));
const lossAfter = run.history.evaluations[run.history.evaluations.length - 1];
console.log(t({ zh: "验证损失：训练前 / 后", en: "validation loss before / after" }), lossBefore.loss.toFixed(3), "→", lossAfter.loss.toFixed(3));
console.log(t({ zh: "困惑度：训练前 / 后", en: "perplexity before / after" }), lossBefore.perplexity.toFixed(1), "→", Math.exp(lossAfter.loss).toFixed(1));
// %% [markdown] lang="zh"
// ## 6. 秩有多重要？
//
// 秩 1、4、16，每个用两个随机种子各训练几步，看验证损失。误差棒是两次之间的半差。如果误差棒比秩之间的差别还大，这个实验就**不能**说哪个秩更好。
// 注意这里比较的是什么：$\alpha/r$ 固定、步数很少时，秩大的 LoRA 每步走得更远，所以图上看到的主要是学得**快慢**，不是最终能学到多好。想比较后者，把 `sweepSteps` 调大到损失不再下降。
// %% [markdown] lang="en"
// ## 6. How much does the rank matter?
//
// Ranks 1, 4 and 16, each trained for a few steps with two random seeds; we look at the validation loss. The error bars are half the difference between the two. Where they are larger than the differences between ranks, this experiment can **not** tell which rank is better.
// Mind what is compared: with $\alpha/r$ fixed and few steps, LoRA of a higher rank moves further in each step, so the figure shows mostly how **fast** it learns, not how well it can learn in the end. To compare that, raise `sweepSteps` until the loss falls no more.
// %%
const sweepSteps = budget(12, 1), ranks = budget(1, 0) ? [1, 4, 16] : [1, 4], seeds = [1, 2], sweepValidation = validationSet.slice(0, budget(16, 2));
const sweepLoss: number[][] = [];
for (const rank of ranks) {
  const losses: number[] = [];
  for (const seed of seeds) {
    const data = { train: trainSet, validation: sweepValidation }, sweepMethod = tl.lora({ rank, alpha: 2 * rank });
    const { history } = await tl.train({ model, method: sweepMethod, data, steps: sweepSteps, batchSize: 2, learningRate: 2e-3, seed, display: false });
    losses.push(history.evaluations[history.evaluations.length - 1].loss);
  }
  sweepLoss.push(losses);
}
// %%
const sweepMean = sweepLoss.map((l) => (l[0] + l[1]) / 2), sweepError = sweepLoss.map((l) => Math.abs(l[0] - l[1]) / 2);
await show(lineChart({
  title: t({ zh: "秩与验证损失", en: "Rank and validation loss" }), x: { title: t({ zh: "秩", en: "rank" }) },
  y: { title: t({ zh: "验证损失（纳特/词元）", en: "validation loss (nats per token)" }) },
  series: [{ name: "LoRA", x: ranks.map((rank) => `r = ${rank}`), y: sweepMean, error: sweepError }],
  alt: ranks.map((rank, i) => `r=${rank}: ${sweepMean[i].toFixed(3)} ± ${sweepError[i].toFixed(3)}`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 7. 更新矩阵里有什么？
//
// $\Delta W=\frac{\alpha}{r}BA$ 的秩最多是 8，但 8 个方向用得一样多吗？对每一层的 `v_proj` 做奇异值分解，把奇异值除以最大的一个。
// 作为对照，取同样形状的随机 $A$、$B$：如果训练没有挑出特殊的方向，两条线应当重合。
// %% [markdown] lang="en"
// ## 7. What is in the update?
//
// $\Delta W=\frac{\alpha}{r}BA$ has rank 8 at most, but are all 8 directions used alike? We take the singular values of the update of each layer's `v_proj`, divided by the largest.
// For comparison we take random $A$ and $B$ of the same shapes: had training picked no special directions, the two lines would coincide.
// %%
const relative = (s: Float32Array) => Array.from(s.slice(0, 8), (v) => v / s[0]);
const product = (B: tl.Params[string], A: tl.Params[string]) => {
  const delta = tl.tf.matMul(B as never, A as never), values = tl.singularValues(delta);
  delta.dispose();
  return relative(values);
};
const layers = Array.from({ length: model.config.layers }, (_, l) => `model.layers.${l}.self_attn.v_proj`);
const learned = layers.map((site) => product(run.trained[`${site}.lora_B.weight`], run.trained[`${site}.lora_A.weight`]));
const atRandom = layers.map((_, l) => product(tl.tf.randomNormal([192, 8], 0, 1, "float32", l), tl.tf.randomNormal([8, 576], 0, 1, "float32", 99 + l)));
// %%
const meanOf = (rows: number[][]) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
const spreadOf = (rows: number[][]) => meanOf(rows).map((m, i) => Math.sqrt(rows.reduce((sum, row) => sum + (row[i] - m) ** 2, 0) / rows.length));
const index = [1, 2, 3, 4, 5, 6, 7, 8];
await show(lineChart({
  title: t({ zh: "v_proj 更新的奇异值（30 层的平均）", en: "Singular values of the v_proj updates (mean of 30 layers)" }),
  x: { title: t({ zh: "第几个奇异值", en: "index of the singular value" }) }, y: { title: "σᵢ / σ₁" },
  series: [
    { name: t({ zh: "学到的", en: "learned" }), x: index, y: meanOf(learned), error: spreadOf(learned) },
    { name: t({ zh: "随机的", en: "random" }), x: index, y: meanOf(atRandom), error: spreadOf(atRandom) },
  ],
  alt: `σ₂/σ₁ ${t({ zh: "学到的", en: "learned" })} ${meanOf(learned)[1].toFixed(2)}, ${t({ zh: "随机的", en: "random" })} ${meanOf(atRandom)[1].toFixed(2)}`,
}));
await show(heatmap({
  title: t({ zh: "每一层更新的奇异值", en: "Singular values of the update, layer by layer" }), x: { title: t({ zh: "第几个奇异值", en: "index of the singular value" }) },
  y: { title: t({ zh: "层", en: "layer" }) }, xs: index, z: learned, zTitle: "σᵢ / σ₁", alt: t({ zh: "各层奇异值之比的热图", en: "heat map of singular value ratios by layer" }),
}));
// %% [markdown] lang="zh"
// ## 8. 与书上的说法对照
//
// * “LoRA 只训练约 0.1 % 的参数”：这取决于模型和目标矩阵。下表从形状算出几种选择的真实比例。
// * “当 $r=k$ 时，LoRA 等同于全参数微调”：需要更正。$r=\min(d,k)$ 时 $BA$ **能够表示**任何 $\Delta W$，但要学的数反而更多，而且对 $A$、$B$ 做梯度下降与直接对 $W$ 做梯度下降不是同一条路（第 12 节测量）。
// %% [markdown] lang="en"
// ## 8. Held against the book
//
// * "LoRA trains about 0.1 % of the parameters": that depends on the model and on the matrices chosen. The table computes the real shares from the shapes.
// * "With $r=k$ LoRA equals full fine-tuning": this needs a correction. With $r=\min(d,k)$ the product $BA$ **can express** every $\Delta W$, but there are more numbers to learn than in $W$ itself, and gradient descent on $A$ and $B$ does not take the same path as on $W$ (measured in part 12).
// %%
const total = tl.count(model.params);
const share = (rank: number, targets: tl.Targets) => tl.matchSites(model.params, targets).reduce((n, s) => n + Math.min(rank, s.out, s.into) * (s.out + s.into), 0);
table([1, 8, 64, 576].flatMap((rank) => ([["q_proj", "v_proj"], "all-linear"] as tl.Targets[]).map((targets) => ({
  rank, targets: typeof targets === "string" ? targets : targets.join(", "), trained: share(rank, targets), "of the model (%)": (100 * share(rank, targets)) / total,
}))));
// %% [markdown] lang="zh"
// ## 9. 合并
//
// 训练完以后，可以把更新加进权重：$W=W_0+\frac{\alpha}{r}BA$，推理时就没有任何额外的计算。合并前后的输出应当只差浮点误差。
// %% [markdown] lang="en"
// ## 9. Merging
//
// After training the update can be added to the weights: $W=W_0+\frac{\alpha}{r}BA$, and inference then costs nothing extra. Outputs before and after merging should differ by rounding only.
// %%
const merged = method.merge!(model.params, run.trained);
const mergeIds = { ids: Int32Array.from(model.tokenizer.encode(prompts[0])), batch: 1 };
const apart = tl.logits({ params: model.params, config: model.config, method, trained: run.trained }, mergeIds);
const together = tl.logits({ params: merged, config: model.config }, mergeIds);
console.log("max |Δlogit| =", tl.tf.max(tl.tf.abs(tl.tf.sub(apart, together))).dataSync()[0].toExponential(1));
tl.dispose(merged);
// %% [markdown] lang="zh"
// ## 10. 保存，在 Python 里使用
//
// 适配器按 Hugging Face PEFT 的格式保存：一个配置文件，一个 safetensors 文件，不到 2 MB。在 Python 里：
//
// ```python
// from transformers import AutoModelForCausalLM
// from peft import PeftModel
// base = AutoModelForCausalLM.from_pretrained("models/SmolLM2-135M-Instruct")
// model = PeftModel.from_pretrained(base, "runs/lora-security-qa")
// ```
// %% [markdown] lang="en"
// ## 10. Save it, use it in Python
//
// The adapter is saved in the format of Hugging Face PEFT: one configuration file and one safetensors file, less than 2 MB. In Python:
//
// ```python
// from transformers import AutoModelForCausalLM
// from peft import PeftModel
// base = AutoModelForCausalLM.from_pretrained("models/SmolLM2-135M-Instruct")
// model = PeftModel.from_pretrained(base, "runs/lora-security-qa")
// ```
// %%
import * as fs from "fs";
const adapterFolder = `${courseFile(".")}/runs/lora-security-qa`;
tl.saveAdapter(adapterFolder, run, model);
table(fs.readdirSync(adapterFolder).map((file) => ({ file, bytes: fs.statSync(`${adapterFolder}/${file}`).size })));
const loaded = tl.loadAdapter(adapterFolder, model);
const [again] = await tl.generate(model, [prompts[0]], { maxNewTokens: budget(64, 8), adapter: loaded });
console.log(t({ zh: "读回后回答相同：", en: "the same answer after reading it back:" }), again.text === answersAfter[0].text);
// %% [markdown] lang="zh"
// ## 11. 与全参数微调比较；α 与目标矩阵
//
// 从这里起用课程模型（6 百万参数），每次训练只要几秒，所以可以多用几个种子。先看 LoRA 坐在哪里：一次真实的前向传播，第 0 层。
// 然后同样的数据和步数：全参数；秩 1、8、64（所有线性层）；只在 q、v 上；以及 α 减半或加倍。学习率是事先选定的：全参数、三种秩和 q、v 上的 LoRA（α = 16）各试几个值，取在留出数据的另一半上最好的一个；α = 8 和 32 用 α = 16 的学习率，好看出 α 的作用。
// %% [markdown] lang="en"
// ## 11. Against full fine-tuning; α and targets
//
// From here on we take the course model (6 million parameters), on which a run takes seconds, so that several seeds are possible. First where LoRA sits: one real forward pass, layer 0.
// Then the same data and steps: full; ranks 1, 8 and 64 (all linear maps); on q and v only; and α halved or doubled. Learning rates were chosen beforehand: for full, the three ranks and LoRA on q and v (α = 16) the one that did best among a few on the other half of the held-out data; α = 8 and 32 keep the rate of α = 16, to show what α does.
// %%
const small = await tl.load(tl.courseModel()), smallIds = { ids: Int32Array.from(small.tokenizer.encode("什么是防火墙？")), batch: 1 };
const readPairs = async (language: string, split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/${language}/${split}.jsonl`))).map((p) => ({ question: p.prompt, answer: p.chosen }));
const smallTrain = tl.encodeExamples(small.tokenizer, await readPairs("zh", "train")), smallTest = tl.encodeExamples(small.tokenizer, (await readPairs("zh", "test")).filter((_, i) => i % 2 === 1)).slice(0, budget(33, 8));
const sited = tl.lora({ rank: 8, targets: ["q_proj", "v_proj"] });
tl.showSites(tl.traceSites(small, { method: sited, trained: sited.init(small.params, small.config, 0) }, smallIds), t({ zh: "q、v 上的 LoRA", en: "LoRA on q and v" }));
// %%
const smallSeeds = budget(1, 0) ? [0, 1, 2] : [0, 1], smallBase = (await tl.evaluate(small, smallTest)).loss;
const fitSmall = (how: tl.Method, learningRate: number, seed: number, more: object = {}) => tl.train({ model: small, method: how, data: { train: smallTrain, validation: smallTest }, steps: budget(48, 3), batchSize: 8, learningRate, seed, display: false, ...more });
const finalLoss = (done: tl.Run) => done.history.evaluations[done.history.evaluations.length - 1].loss;
const arms: Record<string, [how: tl.Method, learningRate: number]> = { [t({ zh: "全参数", en: "full" })]: [tl.full(), 4e-4] };
for (const rank of [1, 8, 64]) arms[`r=${rank}, ${t({ zh: "全部", en: "all" })}`] = [tl.lora({ rank, alpha: 2 * rank, targets: "all-linear" }), rank > 8 ? 3e-3 : 1e-2];
for (const alpha of [8, 16, 32]) arms[`r=8, α=${alpha}, q v`] = [tl.lora({ rank: 8, alpha }), 1e-2];
const armLoss: Record<string, number[]> = {}, armCount: Record<string, number> = {};
for (const [name, [how, learningRate]] of Object.entries(arms))
  for (const seed of smallSeeds) {
    const done = await fitSmall(how, learningRate, seed);
    (armLoss[name] ??= []).push(finalLoss(done));
    armCount[name] = tl.trainableCount(done);
    tl.dispose(done.trained);
  }
// %%
const armNames = Object.keys(arms), armIntervals = armNames.map((name) => tl.interval(armLoss[name])), [fullArm] = armNames;
await show(barChart({
  title: t({ zh: `课程模型：比训练前（${smallBase.toFixed(2)}）下降多少（95 % 区间）`, en: `Course model: how far below the start (${smallBase.toFixed(2)}) (95 % intervals)` }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: t({ zh: "测试损失的下降（纳特/词元）", en: "fall of the test loss (nats per token)" }) },
  series: [{ name: "Δ", x: armNames, y: armIntervals.map((i) => smallBase - i.mean), error: armIntervals.map((i) => i.error) }], horizontal: true, alt: armNames.map((name, i) => `${name}: ${(smallBase - armIntervals[i].mean).toFixed(3)}`).join("; "),
}));
const gapTo = (name: string, other = fullArm) => tl.interval(armLoss[name].map((l, i) => l - armLoss[other][i])), inWords = ({ mean, error }: tl.Interval) => `${mean.toFixed(3)} ± ${error.toFixed(3)}: ${mean > error ? t({ zh: "更差", en: "worse" }) : mean < -error ? t({ zh: "更好", en: "better" }) : t({ zh: "看不出差别", en: "no difference can be seen" })}`;
table(armNames.map((name) => ({ [t({ zh: "方法", en: "method" })]: name, [t({ zh: "训练的数", en: "trained" })]: armCount[name], "%": (100 * armCount[name]) / tl.count(small.params), [t({ zh: "学习率", en: "learning rate" })]: arms[name][1], [t({ zh: "减全参数（成对，95 %）", en: "minus full (in pairs, 95 %)" })]: name === fullArm ? "" : inWords(gapTo(name)) })));
console.log(t({ zh: `低秩假说：r=1 减 r=64（所有线性层）${inWords(gapTo(armNames[1], armNames[3]))}`, en: `The low-rank hypothesis: r=1 minus r=64 (all linear maps) ${inWords(gapTo(armNames[1], armNames[3]))}` }));
// %% [markdown] lang="zh"
// 低秩假说说的是：适配一个任务所需的更新，在少数几个方向上。它在任务与预训练相近时容易成立；任务需要很多新知识（新的语言、大量事实）时，小的秩会不够，那时增大 $r$ 仍能降低损失。上面的比较说的只是这个模型、这份数据、这么多步。
//
// ## 12. $r=\min(d,k)$：等同于全参数微调吗？
//
// 课程模型的 `q_proj` 是 256 × 256，取 $r=256$、$\alpha=r$，于是 $\Delta W=BA$。先看**表达能力**：任取一个 $\Delta W$，令 $B=\Delta W$、$A=I$。
// 再看**训练**：只训练 `q_proj`，一次直接训练 $W$，一次训练 $B$、$A$，数据与顺序相同，比较两个 $\Delta W$ 的方向（余弦）。对照：直接训练两次，只是学习率不同。
// %% [markdown] lang="en"
// The low-rank hypothesis says that the update which a task needs lies in few directions. It holds easily where the task is near to pre-training; where much is new (another language, many facts) a small rank is not enough, and a larger $r$ goes on lowering the loss. The comparison above speaks of this model, these data and so many steps only.
//
// ## 12. $r=\min(d,k)$: is it full fine-tuning?
//
// `q_proj` of the course model is 256 × 256; with $r=256$ and $\alpha=r$, $\Delta W=BA$. First **what it can express**: for any $\Delta W$ take $B=\Delta W$, $A=I$.
// Then **training**: `q_proj` alone is trained, once $W$ directly, once $B$ and $A$, on the same data in the same order, and the directions of both $\Delta W$ are compared (cosine). For comparison, direct training twice, at two learning rates.
// %%
const qNames = Object.keys(small.params).filter((name) => name.endsWith("q_proj.weight")), direct = tl.full({ parameters: qNames }), wide = tl.lora({ rank: 256, alpha: 256, targets: ["q_proj"] });
const anyUpdate = tl.tf.randomNormal([256, 256], 0, 0.01, "float32", 5), factors = Object.fromEntries(qNames.flatMap((name) => [[name.replace(".weight", ".lora_A.weight"), tl.tf.eye(256)], [name.replace(".weight", ".lora_B.weight"), anyUpdate]])) as tl.Params;
const expressed = wide.merge!(small.params, factors);
console.log(t({ zh: "任意 ΔW：max |W₀ + BA − (W₀ + ΔW)| =", en: "any ΔW: max |W₀ + BA − (W₀ + ΔW)| =" }), tl.tf.max(tl.tf.abs(tl.tf.sub(expressed[qNames[0]], tl.tf.add(small.params[qNames[0]], anyUpdate)))).dataSync()[0].toExponential(1));
console.log(t({ zh: "要学的数", en: "numbers to learn" }), `${(qNames.length * 256 * 256).toLocaleString("en-US")} (W), ${(qNames.length * 2 * 256 * 256).toLocaleString("en-US")} (A, B)`);
// %%
const updateOf = (how: tl.Method, done: tl.Run): number[] => { const now = how.merge!(small.params, done.trained); return qNames.flatMap((name) => Array.from(tl.tf.sub(now[name], small.params[name]).dataSync())); };
const cosine = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0) / Math.sqrt(a.reduce((sum, v) => sum + v * v, 0) * b.reduce((sum, v) => sum + v * v, 0));
const likeness: Record<string, unknown>[] = [];
for (const steps of [1, budget(48, 3)]) {
  const runsOf = [];
  for (const [how, learningRate] of [[direct, 1e-3], [direct, 3e-3], [wide, 1e-3], [wide, 3e-3]] as const) { const done = await fitSmall(how, learningRate, 0, { steps, schedule: "constant", warmup: 0 }); runsOf.push({ update: updateOf(how, done), loss: finalLoss(done) }); tl.dispose(done.trained); }
  likeness.push({ [t({ zh: "步数", en: "steps" })]: steps, [t({ zh: "余弦：W 与 W（两个学习率）", en: "cosine: W and W (two rates)" })]: cosine(runsOf[0].update, runsOf[1].update).toFixed(3), [t({ zh: "余弦：W 与 BA（学习率 1e-3）", en: "cosine: W and BA (rate 1e-3)" })]: cosine(runsOf[0].update, runsOf[2].update).toFixed(3), [t({ zh: "余弦：W 与 BA（学习率 3e-3）", en: "cosine: W and BA (rate 3e-3)" })]: cosine(runsOf[0].update, runsOf[3].update).toFixed(3), [t({ zh: "测试损失：W / BA（1e-3）", en: "test loss: W / BA (1e-3)" })]: `${runsOf[0].loss.toFixed(3)} / ${runsOf[2].loss.toFixed(3)}` });
}
table(likeness);
// %% [markdown] lang="zh"
// 若两者等同，余弦应当是 1。第一步就不是：$B=0$ 时 $A$ 的梯度为 0，只有 $B$ 动，$\Delta W$ 是 $B$ 的更新乘以随机的 $A$。所以“表达能力相同”不等于“训练相同”。
//
// ## 13. 一个底座，一个批次，多个 LoRA
// %% [markdown] lang="en"
// Were the two the same, the cosine would be 1. It is not from the first step on: with $B=0$ the gradient of $A$ is 0, only $B$ moves, and $\Delta W$ is the update of $B$ times the random $A$. So "it can express the same" is not "it trains the same".
//
// ## 13. One base, one batch, several LoRAs
// %%
const chinese = await fitSmall(sited, 3e-3, 0, { steps: budget(24, 2) }), englishOne = await fitSmall(tl.lora({ targets: "all-linear" }), 3e-3, 0, { steps: budget(24, 2), data: { train: tl.encodeExamples(small.tokenizer, await readPairs("en", "train")) } });
const served = new tl.AdapterSet(small);
served.add("zh", chinese);
served.add("en", englishOne);
const rowsOf = ["zh", undefined, "en"], oneBatch = served.logits({ ids: Int32Array.from(rowsOf.flatMap(() => [...smallIds.ids])), batch: 3 }, rowsOf), byRow = tl.tf.split(oneBatch, 3, 0);
const apartFrom = (x: tl.Params[string], y: tl.Params[string]) => tl.tf.max(tl.tf.abs(tl.tf.sub(x, y))).dataSync()[0];
table(rowsOf.map((name, i) => ({ [t({ zh: "行", en: "row" })]: i + 1, LoRA: name ?? "–", [t({ zh: "与单独计算之差", en: "difference to alone" })]: apartFrom(byRow[i], tl.logits({ ...small, ...(name && served.get(name)) }, smallIds)).toExponential(1), [t({ zh: "与原模型之差", en: "difference to the base" })]: apartFrom(byRow[i], tl.logits(small, smallIds)).toFixed(3) })));
["zh", "en"].forEach((name) => served.remove(name));
// %% [markdown] lang="zh"
// ## 14. 代码清单审查
//
// 清单打印的和注释写的，与它真正做的不一样：
//
// | 清单说 | 实际 |
// |---|---|
// | “使用的优化器: SGD (全参数微调)” | `Trainer` 默认的 AdamW；只训练 LoRA |
// | “以 FP32 精度加载模型” | `torch_dtype = torch.float16` |
// | `fp16 = True` | 训练的权重若也是 FP16，PyTorch 会报错 `Attempting to unscale FP16 gradients.`；新的 PEFT（0.21）默认把 LoRA 的权重转成 FP32，所以能跑，旧版本或全参数微调则不能 |
// | 标签等于输入，`pad = eos` | 填充被遮住，连同真正的结束符：模型学不会停（见 3.7.1） |
//
// 这些差别有多大？同样的 LoRA（$r=8$，$\alpha=32$，学习率 3e-4，都是清单的设置），换优化器，换保存权重的格式：
// %% [markdown] lang="en"
// ## 14. Listing audit
//
// What the listing prints and comments is not what it does:
//
// | the listing says | in truth |
// |---|---|
// | "optimizer: SGD (full fine-tuning)" | AdamW, the default of `Trainer`; LoRA alone is trained |
// | "load the model in FP32" | `torch_dtype = torch.float16` |
// | `fp16 = True` | where the trained weights are FP16 too, PyTorch fails with `Attempting to unscale FP16 gradients.`; new versions of PEFT (0.21) make LoRA's weights FP32, so it runs, older ones and full fine-tuning do not |
// | inputs as labels, `pad = eos` | padding is masked, and the true end token with it: the model never learns to stop (see 3.7.1) |
//
// How much do these matter? The same LoRA ($r=8$, $\alpha=32$, rate 3e-4, all as in the listing), with another optimizer, and with weights kept in another format:
// %%
const asListed = tl.lora({ rank: 8, alpha: 32 }), beginning = asListed.init(small.params, small.config, 0), optimizersTried = { "AdamW, FP32": tl.adamw(), "AdamW, FP16": tl.storedIn("half", tl.adamw()), "SGD, FP32": tl.sgd() }, audited: Record<string, unknown>[] = [], falls: number[] = [];
for (const [name, optimizer] of Object.entries(optimizersTried)) {
  const done = await fitSmall(asListed, 3e-4, 0, { optimizer }), from = (p: tl.Params[string]) => (name.endsWith("FP16") ? tl.rounded(p, "half") : p);
  const movedShare = (part: string) => { const all = Object.keys(beginning).filter((one) => one.includes(part)); return (100 * all.reduce((sum, one) => sum + tl.tf.sum(tl.tf.cast(tl.tf.notEqual(done.trained[one], from(beginning[one])), "float32")).dataSync()[0], 0)) / all.reduce((sum, one) => sum + beginning[one].size, 0); };
  falls.push(smallBase - finalLoss(done));
  audited.push({ [t({ zh: "优化器，格式", en: "optimizer, format" })]: name, [t({ zh: "A 中动过的 %", en: "of A moved, %" })]: movedShare("lora_A").toFixed(1), [t({ zh: "B 中动过的 %", en: "of B moved, %" })]: movedShare("lora_B").toFixed(1), [t({ zh: "测试损失", en: "test loss" })]: finalLoss(done).toFixed(3), [t({ zh: "比训练前下降", en: "fell by" })]: falls[falls.length - 1].toFixed(3) });
  tl.dispose(done.trained);
}
table(audited);
console.log(t({ zh: `若真的用清单打印的 SGD（同样的学习率），损失只下降 ${falls[2].toFixed(3)}，AdamW 是 ${falls[0].toFixed(3)}；权重保存为 FP16 时是 ${falls[1].toFixed(3)}。`, en: `With SGD, as the listing prints (at the same rate), the loss would fall by ${falls[2].toFixed(3)}, with AdamW by ${falls[0].toFixed(3)}; with weights kept in FP16 by ${falls[1].toFixed(3)}.` }));
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.6.2/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.6.2/1")` 给解答。
//
// 1. 一个矩阵是 2048 × 512，LoRA 的秩为 16。要学多少个数？
// 2. 秩 $r$ 多大时，这个矩阵上 $A$、$B$ 的总个数开始超过矩阵本身？（最小的整数 $r$）
// 3. 本节用 `rank: 8, alpha: 16`。把秩改成 32 而让 $\alpha/r$ 不变，`alpha` 应当是多少？
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.6.2/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.6.2/1")` the solution.
//
// 1. A matrix is 2048 × 512, and LoRA's rank is 16. How many numbers are learned?
// 2. From which rank $r$ on do $A$ and $B$ of this matrix hold more numbers than the matrix itself? (the smallest whole $r$)
// 3. This section used `rank: 8, alpha: 16`. With rank 32 and the same $\alpha/r$, what is `alpha`?
// %%
tl.check("3.6.2/1", undefined);
tl.check("3.6.2/2", undefined);
tl.check("3.6.2/3", undefined);
