// Section 3.6.2 of the course: LoRA on SmolLM2-135M, with the data set security-qa.
// Build both languages with: npm run notebooks -- 3.6.2-lora
// %% [markdown] lang="zh"
// # 3.6.2 LoRA：只训练 0.3 % 的参数，模型的回答会变吗？
//
// 一个有 1.35 亿参数的语言模型，如果只训练其中几十万个新加的数，回答会不会真的改变？训练完以后，这些改变占多大地方，结构是什么样的？
// 本节在你的机器上用 SmolLM2-135M 做完整的实验：加载模型 → 看数据 → 训练前的回答 → 用 LoRA 训练 → 训练后的回答 → 改变秩 → 分解更新矩阵 → 合并与保存。
//
// 需要的资源：约 3 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en"
// # 3.6.2 LoRA: train 0.3 % of the numbers. Does the model answer differently?
//
// Take a language model of 135 million parameters and train only a few hundred thousand numbers beside it. Do its answers really change? And what does that change look like, how large is it, what is its structure?
// Here you run the whole experiment on your machine with SmolLM2-135M: load the model → look at the data → answers before → train with LoRA → answers after → change the rank → take the update apart → merge and save.
//
// It needs about 3 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as tl from "tunelab";
import { courseFile, budget, table, show, lineChart, heatmap, t } from "tunelab";

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
console.log(t({ zh: "困惑度：训练前 / 后", en: "perplexity before / after" }), lossBefore.perplexity.toFixed(1), "→", lossAfter.perplexity.toFixed(1));
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
// * “当 $r=k$ 时，LoRA 等同于全参数微调”：需要更正。$r=\min(d,k)$ 时 $BA$ **能够表示**任何 $\Delta W$，但要学的数反而更多，而且对 $A$、$B$ 做梯度下降与直接对 $W$ 做梯度下降不是同一条路。
// %% [markdown] lang="en"
// ## 8. Held against the book
//
// * "LoRA trains about 0.1 % of the parameters": that depends on the model and on the matrices chosen. The table computes the real shares from the shapes.
// * "With $r=k$ LoRA equals full fine-tuning": this needs a correction. With $r=\min(d,k)$ the product $BA$ **can express** every $\Delta W$, but there are more numbers to learn than in $W$ itself, and gradient descent on $A$ and $B$ does not take the same path as on $W$.
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
// ## 练习
//
// 用你的答案代替下面单元格里的 `undefined`，再运行。
//
// 1. 一个矩阵是 2048 × 512，LoRA 的秩为 16。要学多少个数？
// 2. 秩 $r$ 多大时，这个矩阵上 $A$、$B$ 的总个数开始超过矩阵本身？（最小的整数 $r$）
// 3. 本节用 `rank: 8, alpha: 16`。把秩改成 32 而让 $\alpha/r$ 不变，`alpha` 应当是多少？
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` in the cell below and run it.
//
// 1. A matrix is 2048 × 512, and LoRA's rank is 16. How many numbers are learned?
// 2. From which rank $r$ on do $A$ and $B$ of this matrix hold more numbers than the matrix itself? (the smallest whole $r$)
// 3. This section used `rank: 8, alpha: 16`. With rank 32 and the same $\alpha/r$, what is `alpha`?
// %%
tl.check("3.6.2/1", undefined);
tl.check("3.6.2/2", undefined);
tl.check("3.6.2/3", undefined);
