// Section 3.4.3 of the course: full fine-tuning with LOMO from data to answers. Cosine with warm-up, resuming bit for bit; the listing audited.
// Build both languages with: npm run notebooks -- 3.4.3-full
// %% [markdown] lang="zh"
// # 3.4.3 全参数微调示例：把每一个参数都训练一遍
//
// 上一节的 LOMO 让全参数微调不再保存梯度。本节用它走完一个完整的例子：数据与掩码 → 学习率的曲线 → 训练 → **中断与恢复** → 保存 → 训练前后的回答；先用课程模型，再用 SmolLM2-135M。
// 然后审查书上的代码清单：它真的是这样训练的吗？每一处都照样做一遍，与改正后的并排测量。
//
// 需要的资源：约 3.5 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en"
// # 3.4.3 Full fine-tuning, an example: train every parameter
//
// With LOMO of the last section full fine-tuning stores no gradients. Here it goes through a whole example: data and mask → the curve of the learning rate → training → **interruption and resumption** → saving → answers before and after; first on the course model, then on SmolLM2-135M.
// Then the book's listing is audited: does it really train that way? Each point is done as listed, and measured beside the corrected one.
//
// It needs about 3.5 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const model = await tl.load(tl.courseModel()), machine = await tl.backend(), { tokenizer } = model;
const read = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const trainRecords = await read("train"), testRecords = await read("test");
console.log(`${machine.name}: ${machine.why}`);
console.log(`${tl.count(model.params).toLocaleString("en-US")} ${t({ zh: "个参数；问答", en: "parameters; questions and answers" })} ${trainRecords.length} / ${testRecords.length}`);
// %% [markdown] lang="zh" tags=["claim:erratum/13"]
// ## 1. 三个要素：环境、数据、超参数
//
// 书上从三件事开始：训练环境、数据的格式、超参数和训练策略。环境首先是内存：权重、梯度、优化器状态各占每个参数几个字节（3.4.2 测过），乘以参数个数，不含激活值：
//
// | | 权重 + 梯度 + 状态 | 6 百万 | 1.35 亿 | 15 亿 |
// |---|---|---|---|---|
// | AdamW，FP32 | 4 + 4 + 8 字节 | 0.10 GB | 2.2 GB | 28 GB |
// | LOMO，FP32 | 4 + 0 + 0 字节 | 0.02 GB | 0.5 GB | 7.1 GB |
//
// 软件环境：Python 的做法是一个虚拟环境。书上创建的环境叫 `lomo -env`（多了一个空格），激活的却是 `deepseek -env`：两行的名字不同，照抄会失败。应当是同一个名字：`conda create -n lomo-env python=3.12`，`conda activate lomo-env`。本课程的环境由 `npm run setup` 建好。
// %% [markdown] lang="en" tags=["claim:erratum/13"]
// ## 1. Three things: environment, data, hyper-parameters
//
// The book begins with three: the environment, the format of the data, hyper-parameters and strategy. Environment means memory first: weights, gradients and optimizer state take so many bytes a parameter (measured in 3.4.2), times the parameters, without activations:
//
// | | weights + gradients + state | 6 million | 135 million | 1.5 billion |
// |---|---|---|---|---|
// | AdamW, FP32 | 4 + 4 + 8 bytes | 0.10 GB | 2.2 GB | 28 GB |
// | LOMO, FP32 | 4 + 0 + 0 bytes | 0.02 GB | 0.5 GB | 7.1 GB |
//
// As for software, Python takes a virtual environment. The book creates one called `lomo -env` (with a space too many) and activates `deepseek -env`: the two lines have different names, and copied as they are they fail. One name is meant: `conda create -n lomo-env python=3.12`, `conda activate lomo-env`. This course's environment is made by `npm run setup`.
// %% [markdown] lang="zh" tags=["claim:erratum/9"]
// ## 2. 数据：哪些词元参与损失？
//
// 清单把一问一答写成 `问:{q}\n答:{a}<eos>`，补到 512，令 `pad = eos`、`labels = input_ids`。此后有两种可能：
//
// * 用 `DataCollatorForLanguageModeling`（本节的清单）：它把所有等于 `pad` 的标签遮住。`pad` 就是 `eos`，所以**真正的结束符也被遮住**；问题却参与损失。
// * 自己写的循环（后面几节的清单）：没有人遮住填充，**损失的大部分是填充**。
//
// 下面是同一个样本的三种掩码（上色的参与损失）：正确的、本节清单的、自写循环的（只画到第 40 个词元）。
// %% [markdown] lang="en" tags=["claim:erratum/9"]
// ## 2. The data: which tokens count in the loss?
//
// The listing writes question and answer as `问:{q}\n答:{a}<eos>`, fills up to 512, and sets `pad = eos` and `labels = input_ids`. Then one of two things happens:
//
// * with `DataCollatorForLanguageModeling` (this section's listing) all labels that equal `pad` are masked. `pad` is `eos`, so **the true end token is masked too**; the question counts, however.
// * in loops of one's own (listings of later sections) nobody masks the padding, and **most of the loss is padding**.
//
// Below are three masks of one example (coloured tokens count): the right one, this listing's, that of the loops (drawn up to token 40).
// %%
const eos = tokenizer.eos[0], right = tl.encodeExamples(tokenizer, trainRecords, { template: "plain" }), padded = (ids: ArrayLike<number>, to: number) => Int32Array.from({ length: Math.max(to, ids.length) }, (_, i) => ids[i] ?? eos);
/** labels = input_ids, filled up with eos; with the collator what equals eos is masked, without it everything counts. The first token is predicted from nothing. */
const asListed = (e: tl.Example, collator: boolean, to: number): tl.Example => { const ids = padded(e.ids, to); return { ids, target: Uint8Array.from(ids, (id, i) => (i > 0 && !(collator && id === eos) ? 1 : 0)) }; };
const picture = (e: tl.Example) => tl.showTokens(Array.from(e.ids.slice(0, 40), (id, i) => ({ text: tokenizer.decode([id]), marked: e.target[i] === 1 })), { plain: t({ zh: "不参与", en: "does not count" }), marked: t({ zh: "参与损失", en: "counts in the loss" }) });
const one = right[0];
[one, asListed(one, true, one.ids.length + 8), asListed(one, false, 512)].forEach(picture);
const shares = ([["right", (e: tl.Example) => e], ["collator", (e: tl.Example) => asListed(e, true, 512)], ["loop", (e: tl.Example) => asListed(e, false, 512)]] as const).map(([, make]) => {
  const all = right.map((e) => ({ e, made: make(e) })), sum = (f: (e: tl.Example, i: number) => boolean) => all.reduce((n, { e, made }) => n + made.target.reduce((m, v, i) => m + (v && f(e, i) ? 1 : 0), 0), 0);
  return [sum((e, i) => i < e.target.indexOf(1)), sum((e, i) => e.target[i] === 1 && i < e.ids.length - 1), sum((e, i) => i === e.ids.length - 1), sum((e, i) => i >= e.ids.length)];
});
const maskNames = [t({ zh: "正确", en: "right" }), t({ zh: "清单：整理器", en: "listing: collator" }), t({ zh: "清单：自写循环", en: "listings: own loop" })], partNames = [t({ zh: "问题", en: "question" }), t({ zh: "答案", en: "answer" }), t({ zh: "结束符", en: "end token" }), t({ zh: "填充", en: "padding" })];
await show(barChart({
  title: t({ zh: "目标词元由什么组成（补到 512）", en: "What the target tokens are (filled up to 512)" }), x: { title: t({ zh: "掩码", en: "mask" }) }, y: { title: t({ zh: "占目标词元的 %", en: "% of the target tokens" }) },
  series: partNames.map((name, k) => ({ name, x: maskNames, y: shares.map((s) => (100 * s[k]) / s.reduce((a, b) => a + b)) })), alt: maskNames.map((name, m) => `${name}: ${partNames.map((part, k) => `${part} ${((100 * shares[m][k]) / shares[m].reduce((a, b) => a + b)).toFixed(1)} %`).join(", ")}`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 3. 学习率：预热与余弦
//
// $$\eta(k)=\eta_{\max}\cdot\begin{cases}k/W & k<W\\ \tfrac12\left(1+\cos\pi\frac{k-W}{K-W}\right) & k\ge W\end{cases}$$
//
// $K$ 是总步数，$W$ 是预热步数（清单取 10 %）。公式与 `get_cosine_schedule_with_warmup` 相同。`train()` 的默认就是余弦，预热 5 %。
// %% [markdown] lang="en"
// ## 3. The learning rate: warm-up and cosine
//
// $$\eta(k)=\eta_{\max}\cdot\begin{cases}k/W & k<W\\ \tfrac12\left(1+\cos\pi\frac{k-W}{K-W}\right) & k\ge W\end{cases}$$
//
// $K$ is the number of steps, $W$ those of the warm-up (10 % in the listing). The formula is that of `get_cosine_schedule_with_warmup`. A cosine, with 5 % of warm-up, is `train()`'s default.
// %%
const BATCH = 16, steps = budget(Math.ceil((2 * right.length) / BATCH), 4), warmup = Math.ceil(steps / 10), peak = 0.3, factor = tl.schedule("cosine", steps, warmup), stepNumbers = Array.from({ length: steps }, (_, k) => k);
await show(lineChart({
  title: t({ zh: `余弦，预热 ${warmup} 步，共 ${steps} 步`, en: `Cosine with ${warmup} of ${steps} steps of warm-up` }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "学习率", en: "learning rate" }) },
  series: [{ name: "η", x: stepNumbers, y: stepNumbers.map((k) => peak * factor(k)) }], alt: [0, warmup, Math.floor(steps / 2), steps - 1].map((k) => `${k}: ${(peak * factor(k)).toFixed(3)}`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 4. 用 LOMO 训练
//
// 反向传播经过一层，就更新一层：$p\leftarrow p-\eta\,g$。按范数裁剪需要先做一遍只求范数的反向传播。清单的 `gradient_checkpointing=True` 在这里是 `recompute: true`：数字不变，激活值不保存。每 5 步存一个检查点。
// %% [markdown] lang="en"
// ## 4. Training with LOMO
//
// As the backward pass comes through a layer, that layer is updated: $p\leftarrow p-\eta\,g$. Clipping by the norm takes a backward pass before it that only finds the norm. The listing's `gradient_checkpointing=True` is `recompute: true` here: the same numbers, activations are not kept. A checkpoint is written every 5 steps.
// %%
import * as fs from "fs";
const runs = `${courseFile(".")}/runs/full-lomo`, validation = tl.encodeExamples(tokenizer, testRecords, { template: "plain" });
fs.rmSync(runs, { recursive: true, force: true });
const plan = { model, method: tl.full(), optimizer: tl.lomo(), data: { train: right, validation }, steps, warmup, batchSize: BATCH, learningRate: peak, clip: 1, recompute: true, evaluateEvery: Math.ceil(steps / 4), saveEvery: budget(5, 1), seed: 0 } as const;
const whole = await tl.train({ ...plan, folder: `${runs}/whole` }), lastLoss = (run: tl.Run) => run.history.evaluations[run.history.evaluations.length - 1].loss;
console.log(whole.message, whole.history.evaluations.map((e) => `${e.step}: ${e.loss.toFixed(3)}`).join(", "));
// %% [markdown] lang="zh"
// ### 中断与恢复
//
// 现在再跑一次，中途“断电”：第 `cut` 步之后抛出一个错误。为了模拟最坏的情形，我们还删掉了出错时抢救出来的检查点，只留下更早的。然后用 `resume: true` 继续，与没有中断的那一次**逐位**比较：每一步的损失，以及最后的每一个参数。
// %% [markdown] lang="en"
// ### Interruption and resumption
//
// We run it again, and "the power fails": an error is thrown after step `cut`. To make it as bad as can be we also delete the checkpoint that was saved on the way out, so that only an earlier one is left. Then `resume: true` goes on, and we compare with the uninterrupted run **bit for bit**: the loss of every step, and every parameter at the end.
// %%
const cut = Math.max(2, Math.floor(steps / 2)), broken = { ...plan, folder: `${runs}/broken`, display: false };
let failure = "";
try { await tl.train({ ...broken, onStep: ({ step }) => { if (step === cut) throw new Error("power failure"); } }); } catch (error) { failure = (error as Error).message; }
const newest = tl.checkpoints(broken.folder).pop()!;
fs.rmSync(newest.path, { recursive: true });
const from = tl.checkpoints(broken.folder).map((c) => c.step), resumed = await tl.train({ ...broken, resume: true });
const bitsApart = (a: tl.Params, b: tl.Params) => Object.keys(a).reduce((n, name) => { const x = new Int32Array(Float32Array.from(a[name].dataSync()).buffer), y = new Int32Array(Float32Array.from(b[name].dataSync()).buffer); return n + x.reduce((m, v, i) => m + (v === y[i] ? 0 : 1), 0); }, 0);
const lossesApart = whole.history.steps.filter((r, i) => r.loss !== resumed.history.steps[i].loss).length, parametersApart = bitsApart(whole.trained, resumed.trained);
console.log(t({ zh: `在第 ${cut} 步中断（${failure}），删掉检查点 ${newest.step}，从第 ${from[from.length - 1] ?? 0} 步恢复`, en: `interrupted at step ${cut} (${failure}); checkpoint ${newest.step} deleted, resumed from step ${from[from.length - 1] ?? 0}` }));
console.log(t({ zh: `不同的损失：${lossesApart} / ${steps}；不同的参数：${parametersApart} / ${tl.count(whole.trained)}：`, en: `losses that differ: ${lossesApart} of ${steps}; parameters that differ: ${parametersApart} of ${tl.count(whole.trained)}: ` }) + (lossesApart + parametersApart === 0 ? t({ zh: "逐位相同", en: "the same bit for bit" }) : t({ zh: "不相同！", en: "not the same!" })));
// %% [markdown] lang="zh"
// 能做到逐位相同，是因为数据的次序、丢弃（dropout）的随机数只取决于种子和步数，检查点又保存了其余的一切。检查点有多大？LOMO 没有优化器状态；AdamW 有两个平均值，检查点是三倍。
// %% [markdown] lang="en"
// It is the same because the order of the data and the random numbers of dropout depend on seed and step only, and the checkpoint holds everything else. How large is it? LOMO has no optimizer state; AdamW has two averages, and a checkpoint three times as large.
// %%
tl.dispose(resumed.trained);
const { path: checkpoint } = tl.checkpoints(`${runs}/whole`).pop()!, adamFolder = `${runs}/adamw`, adam = await tl.train({ ...plan, optimizer: tl.adamw(), steps: 1, warmup: 0, learningRate: 3e-4, evaluateEvery: 0, folder: adamFolder, data: { train: right }, display: false });
tl.dispose(adam.trained);
table([["LOMO", checkpoint], ["AdamW", tl.checkpoints(adamFolder).pop()!.path]].flatMap(([name, folder]) => fs.readdirSync(folder).map((file) => ({ [t({ zh: "优化器", en: "optimizer" })]: name, [t({ zh: "文件", en: "file" })]: file, MB: (fs.statSync(`${folder}/${file}`).size / 1e6).toFixed(2) }))));
// %% [markdown] lang="zh"
// ## 5. 保存整个模型
//
// 全参数微调的结果是一个完整的模型。保存为 transformers 能读的文件夹，再读回来，输出应当相同（16 位保存有舍入，所以这里用 F32）。
// %% [markdown] lang="en"
// ## 5. Saving the whole model
//
// What full fine-tuning makes is a complete model. We save it as a folder that transformers reads, and read it back: outputs should be the same (16 bits would round, so F32 here).
// %%
const savedModel = `${runs}/model`;
tl.save({ ...model, params: whole.trained }, savedModel, { dtype: "F32" });
const loaded = await tl.load(savedModel), probe = { ids: Int32Array.from(tokenizer.encode(tl.promptText(tokenizer, [{ role: "user", content: testRecords[0].question }], { template: "plain" }))), batch: 1 };
console.log("max |Δlogit| =", tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(tl.logits({ ...model, params: whole.trained }, probe), tl.logits(loaded, probe)))).dataSync()[0]));
table(fs.readdirSync(savedModel).map((file) => ({ [t({ zh: "文件", en: "file" })]: file, MB: (fs.statSync(`${savedModel}/${file}`).size / 1e6).toFixed(2) })));
tl.dispose(loaded.params);
// %% [markdown] lang="zh" tags=["claim:erratum/11"]
// ## 6. 代码清单审查
//
// ### 6.1 清单的训练器从不调用 `fused_backward`
//
// LOMO 的作者要求这样用：`optimizer.fused_backward(loss, lr)`，要裁剪就先调用 `grad_norm(loss)`，没有 `loss.backward()`，也没有 `optimizer.step()`。清单却把 `Lomo(model, lr=1e-4)` 交给标准的 `Trainer`，它只会 `loss.backward()` 和 `step()`。照原样运行（transformers 5.23、accelerate 1.15、lomo-optim 0.1.1、课程模型），没有报错，损失也打印出来。可是实际发生的是：
//
// 1. LOMO 的**钩子**在 `loss.backward()` 里照样更新参数，用的是构造时的学习率：$10^{-4}$，常数。**预热和余弦从未起作用**：调度器改的是另一个变量。
// 2. **每个小批次**之后都更新；`gradient_accumulation_steps=4` 只是把每次的梯度缩小。累积与 LOMO 不相容：梯度已经用掉，没有东西可以累积。
// 3. **没有裁剪**；`weight_decay` 也没有传进去。
// 4. 反向传播里最后就绪的参数（词嵌入）要到**下一次**反向传播才更新；优化器步之后 `zero_grad` 把它剩下的梯度丢掉：每 4 次丢 1 次；不累积的话，词嵌入永远不动。
//
// `tl.lomoHooks` 逐条照做；测试里它的损失与参数和 Python 中真实运行的 `Trainer` + `lomo-optim` 相同（相对误差 $10^{-5}$ 以内）。
// %% [markdown] lang="en" tags=["claim:erratum/11"]
// ## 6. Listing audit
//
// ### 6.1 The listing's trainer never calls `fused_backward`
//
// LOMO's authors want it used so: `optimizer.fused_backward(loss, lr)`, after `grad_norm(loss)` where gradients are clipped, without `loss.backward()` or `optimizer.step()`. The listing gives `Lomo(model, lr=1e-4)` to the stock `Trainer`, which knows `loss.backward()` and `step()` only. Run as it is (transformers 5.23, accelerate 1.15, lomo-optim 0.1.1, the course model) it raises no error and prints losses. But what happens is this:
//
// 1. LOMO's **hooks** do update inside `loss.backward()`, at the rate of the constructor: $10^{-4}$, constant. **Warm-up and cosine never act**: the scheduler changes another variable.
// 2. Weights move after **every micro-batch**; `gradient_accumulation_steps=4` only makes each gradient smaller. Accumulation is incompatible with LOMO: gradients are used up, and nothing is left to accumulate.
// 3. **Nothing is clipped**, and `weight_decay` is not passed on.
// 4. The parameter that is ready last in the backward pass (the embedding) is updated in the **next** backward pass only; after an optimizer step `zero_grad` throws away what is left of its gradient: one in 4; without accumulation the embedding would never move.
//
// `tl.lomoHooks` does all of this; in the tests its losses and parameters are those of the real `Trainer` with `lomo-optim` in Python (within $10^{-5}$, relative).
// %%
const listedData = right.map((e) => asListed(e, true, e.ids.length)), passes = budget(4 * Math.ceil((2 * right.length) / 16), 4);
const hooks = (learningRate: number, accumulate: number) => tl.lomoHooks(model, tl.batchSource(listedData, (e) => e.ids.length, 4, 0).at, { learningRate, accumulate, passes });
const asListedRun = await hooks(1e-4, 4), smoothed = asListedRun.losses.map((_, i) => tl.mean(asListedRun.losses.slice(Math.max(0, i - 7), i + 1)));
await show(lineChart({
  title: t({ zh: "照清单训练：损失（8 个小批次的平均）", en: "As listed: the loss (mean of 8 micro-batches)" }), x: { title: t({ zh: "小批次", en: "micro-batch" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: [{ name: "", x: smoothed.map((_, i) => i + 1), y: smoothed }], alt: `${smoothed[0].toFixed(3)} → ${smoothed[smoothed.length - 1].toFixed(3)}`,
}));
// %% [markdown] lang="zh"
// 同样的数据看两遍，测试集上**答案**（连同结束符）的损失：未训练；照清单；照清单但学习率提到 0.1；照清单但不累积；改正后（本节第 4 部分：一个批次 16 个样本代替累积，裁剪，预热与余弦，正确的掩码）；以及 AdamW。
// 照清单的三行用清单的掩码，最后两行用正确的；掩码单独的影响在 6.3 测量。都只有一个种子，所以只看大的差别。本库拒绝把 LOMO 与累积一起用，并说明原因。
// %% [markdown] lang="en"
// The data seen twice; loss of the **answers** (with their end token) on the test set: untrained; as listed; as listed, but at a rate of 0.1; as listed, but without accumulation; corrected (part 4 above: a batch of 16 in place of accumulation, clipping, warm-up and cosine, the right mask); and AdamW.
// The three rows as listed have the listing's mask, the last two the right one; what the mask alone does is measured in 6.3. There is one seed each, so look at large differences only. This library refuses LOMO with accumulation, and says why.
// %%
const answerLoss = async (trained: tl.Params) => (await tl.evaluate({ ...model, params: { ...model.params, ...trained } }, validation, { batchSize: BATCH })).loss;
const audit: { what: string; loss: number; embedding: number }[] = [], EMBEDDING = "model.embed_tokens.weight", moved = (trained: tl.Params) => tl.tf.tidy(() => tl.tf.norm(tl.tf.sub(trained[EMBEDDING], model.params[EMBEDDING])).dataSync()[0]);
audit.push({ what: t({ zh: "未训练", en: "untrained" }), loss: await answerLoss({}), embedding: 0 });
for (const [what, rate, accumulate] of [[t({ zh: "照清单，0.0001", en: "as listed, 0.0001" }), 1e-4, 4], [t({ zh: "照清单，0.1", en: "as listed, 0.1" }), 0.1, 4], [t({ zh: "不累积，0.1", en: "no accumulation, 0.1" }), 0.1, 1]] as const) {
  const { trained } = rate === 1e-4 ? asListedRun : await hooks(rate, accumulate);
  audit.push({ what, loss: await answerLoss(trained), embedding: moved(trained) });
  tl.dispose(trained);
}
audit.push({ what: t({ zh: "改正（LOMO）", en: "corrected (LOMO)" }), loss: lastLoss(whole), embedding: moved(whole.trained) });
const adamRun = await tl.train({ ...plan, optimizer: tl.adamw(), learningRate: 3e-4, evaluateEvery: 0, display: false });
audit.push({ what: "AdamW, 0.0003", loss: lastLoss(adamRun), embedding: moved(adamRun.trained) });
tl.dispose(adamRun.trained);
try { await tl.train({ ...plan, accumulate: 4, display: false }); } catch (error) { console.log(t({ zh: "本库：", en: "this library: " }) + (error as Error).message); }
// %%
await show(barChart({
  title: t({ zh: "测试集上答案的损失降低了多少", en: "How much the loss of the answers fell (test set)" }), x: { title: t({ zh: "怎样训练", en: "training" }) }, y: { title: t({ zh: "降低的损失（纳特/词元）", en: "fall of the loss (nats per token)" }) }, horizontal: true,
  series: [{ name: "", x: audit.slice(1).map((a) => a.what), y: audit.slice(1).map((a) => audit[0].loss - a.loss) }], alt: audit.map((a) => `${a.what}: ${a.loss.toFixed(3)}`).join("; "),
}));
table(audit.map(({ what, loss, embedding }) => ({ "": what, [t({ zh: "测试损失", en: "test loss" })]: loss.toFixed(4), [t({ zh: "词嵌入移动的距离", en: "how far the embedding moved" })]: embedding.toFixed(4) })));
const [untrained, listed, , single, corrected] = audit, gained = (untrained.loss - listed.loss) / (untrained.loss - corrected.loss);
console.log(t({ zh: `照清单训练得到改正后收益的 ${(100 * gained).toFixed(1)} %：`, en: `as listed, training gains ${(100 * gained).toFixed(1)} % of what the corrected one does: ` }) + (gained < 0.05 ? t({ zh: "程序跑完了，却几乎没有训练。对没有动量、也没有自适应的 LOMO 来说 10⁻⁴ 太小了。", en: "the program runs to its end and hardly trains. For LOMO, which has no momentum and does not adapt, 10⁻⁴ is too small." }) : gained < 0.8 ? t({ zh: "比改正后的差得多", en: "much less than the corrected one" }) : t({ zh: "在这里两者相近", en: "here they are alike" })));
console.log(single.embedding === 0 ? t({ zh: "不累积时词嵌入一步也没有动：第 4 条得到证实", en: "without accumulation the embedding has not moved at all: point 4 is confirmed" }) : t({ zh: "不累积时词嵌入也动了：第 4 条不成立", en: "without accumulation the embedding moved: point 4 does not hold" }));
// %% [markdown] lang="zh"
// ### 6.2 FP16 的权重
//
// 清单以 FP16 加载权重，LOMO 把更新后的值舍入回 FP16。$\eta g$ 比相邻两个 FP16 数距离的一半还小时，更新就丢了（3.4.2）。用 `storedIn("half", …)` 训练几步，数一数有多少权重动过：
// %% [markdown] lang="en"
// ### 6.2 Weights in FP16
//
// The listing loads its weights in FP16, and LOMO rounds what it has updated back to FP16. Where $\eta g$ is less than half the distance of two neighbouring FP16 numbers, the update is lost (3.4.2). We train a few steps with `storedIn("half", …)` and count the weights that moved:
// %%
const movedShare = (trained: tl.Params) => tl.tf.tidy(() => Object.entries(trained).reduce((n, [name, p]) => n + tl.tf.sum(tl.tf.cast(tl.tf.notEqual(p, tl.rounded(model.params[name], "half")), "float32")).dataSync()[0], 0) / tl.count(trained));
const fp16Rows = [];
for (const rate of [1e-4, 0.1]) {
  const run = await tl.train({ ...plan, optimizer: tl.storedIn("half", tl.lomo()), steps: budget(4, 1), warmup: 0, schedule: "constant", learningRate: rate, evaluateEvery: 0, data: { train: right }, display: false });
  fp16Rows.push({ [t({ zh: "学习率", en: "learning rate" })]: rate, [t({ zh: "动过的权重 %", en: "weights that moved, %" })]: (100 * movedShare(run.trained)).toFixed(2) });
  tl.dispose(run.trained);
}
table(fp16Rows, t({ zh: "权重保存为 FP16，4 步", en: "Weights kept in FP16, 4 steps" }));
// %% [markdown] lang="zh" tags=["claim:erratum/9"]
// ### 6.3 掩码
//
// 同一个正确的训练循环，只换掩码：正确的；结束符被遮住（本节清单的整理器）；填充也算（自写循环；为省时间这里补到 96，补到 512 只会更糟）。看测试集上答案的损失、结束符的损失，以及多少回答会自己结束。
// %% [markdown] lang="en" tags=["claim:erratum/9"]
// ### 6.3 The mask
//
// The same, right training loop; only the mask differs: the right one; the end token masked (this listing's collator); padding counted (loops of one's own; filled up to 96 here to save time, 512 can only be worse). We look at the loss of the answers on the test set, at that of the end tokens, and at how many answers end by themselves.
// %%
const loopData = right.filter((e) => e.ids.length <= 96).map((e) => asListed(e, false, 96)), maskRuns: [string, tl.Params][] = [[maskNames[0], whole.trained]];
for (const [name, data] of [[maskNames[1], listedData], [maskNames[2], loopData]] as const) maskRuns.push([name, (await tl.train({ ...plan, data: { train: data }, evaluateEvery: 0, display: false })).trained]);
const endOnly = validation.map((e) => ({ ids: e.ids, target: e.target.map((_, i) => (i === e.ids.length - 1 ? 1 : 0)) })), asked = testRecords.slice(0, budget(24, 2)), plainPrompts = asked.map(({ question }) => tl.promptText(tokenizer, [{ role: "user", content: question }], { template: "plain" }));
const maskRows: Record<string, string>[] = [], ended: number[] = [];
for (const [name, trained] of [[t({ zh: "未训练", en: "untrained" }), model.params] as [string, tl.Params], ...maskRuns]) {
  const now = { ...model, params: trained }, answers = await tl.generateAll(now, plainPrompts, { maxNewTokens: budget(64, 4) }), [content, end] = [await tl.evaluate(now, validation, { batchSize: BATCH }), await tl.evaluate(now, endOnly, { batchSize: BATCH })];
  ended.push(answers.filter((a) => a.stoppedBy === "eos").length / answers.length);
  maskRows.push({ [t({ zh: "掩码", en: "mask" })]: name, [t({ zh: "答案的损失", en: "loss of the answers" })]: content.loss.toFixed(3), [t({ zh: "结束符的损失", en: "loss of the end token" })]: end.loss.toFixed(3), [t({ zh: "自己结束 %", en: "end by themselves, %" })]: (100 * ended[ended.length - 1]).toFixed(0), [t({ zh: "平均长度", en: "mean length" })]: tl.mean(answers.map((a) => a.ids.length)).toFixed(1), [asked[0].question]: answers[0].text.slice(0, 40) });
}
table(maskRows);
const [endedBefore, endedRight, endedCollator, endedLoop] = ended, percent = (x: number) => `${(100 * x).toFixed(0)} %`;
console.log(t({ zh: `结束符被遮住：${percent(endedCollator)} 的回答自己结束（训练前 ${percent(endedBefore)}，正确的掩码 ${percent(endedRight)}）：`, en: `end token masked: ${percent(endedCollator)} of the answers end by themselves (before ${percent(endedBefore)}, right mask ${percent(endedRight)}): ` }) + (endedRight - endedCollator > 0.2 ? t({ zh: "模型没有学会停", en: "the model has not learned to stop" }) : t({ zh: "这一次看不出明显的害处", en: "no clear harm this time" })));
console.log(t({ zh: `填充也算：${percent(endedLoop)} 自己结束：`, en: `padding counted: ${percent(endedLoop)} end by themselves: ` }) + (endedRight - endedLoop > 0.2 ? t({ zh: "结束符虽然参与损失，训练却大半花在填充上", en: "the end token counts, but most of the training went into padding" }) : t({ zh: "结束符参与损失，所以也学会了停", en: "the end token counts, so stopping was learned, too" })));
maskRuns.forEach(([, trained]) => tl.dispose(trained));
// %% [markdown] lang="zh"
// ## 7. SmolLM2-135M：1.35 亿个参数全部训练
//
// 同样的做法用在真实的模型上：英文安全问答，聊天模板，正确的掩码。用 AdamW 时张量的峰值约 4 GB（`docs/performance.md`），LOMO 少得多：量一量。
// %% [markdown] lang="en"
// ## 7. SmolLM2-135M: all of 135 million parameters
//
// The same on a real model: security questions in English, its chat template, the right mask. With AdamW the peak of tensors is about 4 GB (`docs/performance.md`); with LOMO it is much less: we measure it.
// %%
const smol = await tl.load(courseFile("models/SmolLM2-135M-Instruct")), security = async (split: string) => tl.loadRecords<{ question: string; answer: string }>(courseFile(`data/security-qa/en/${split}.jsonl`));
const smolTrain = tl.encodeExamples(smol.tokenizer, await security("train")).filter((e) => e.ids.length <= 96), smolTest = await security("test"), smolTestSet = tl.encodeExamples(smol.tokenizer, smolTest).slice(0, budget(16, 2));
const questions = smolTest.slice(0, budget(3, 1)), smolPrompts = questions.map(({ question }) => tl.promptText(smol.tokenizer, [{ role: "user", content: question }]));
const before = await tl.generate(smol, smolPrompts, { maxNewTokens: budget(48, 4) }), lossBefore = (await tl.evaluate(smol, smolTestSet)).loss;
// %%
const { result: smolRun, addedBytes } = await tl.peakTensorBytes(() => tl.train({ model: smol, method: tl.full(), optimizer: tl.lomo(), data: { train: smolTrain }, steps: budget(20, 1), warmup: 2, batchSize: budget(4, 2), learningRate: 0.1, clip: 1, recompute: true, seed: 1 }));
const after = await tl.generate({ ...smol, params: smolRun.trained }, smolPrompts, { maxNewTokens: budget(48, 4) }), lossAfter = (await tl.evaluate({ ...smol, params: smolRun.trained }, smolTestSet)).loss;
table(questions.map(({ question, answer }, i) => ({ [t({ zh: "问", en: "question" })]: question, [t({ zh: "训练前", en: "before" })]: before[i].text, [t({ zh: "训练后", en: "after" })]: after[i].text, [t({ zh: "参考", en: "reference" })]: answer })));
console.log(t({ zh: `测试损失 ${lossBefore.toFixed(3)} → ${lossAfter.toFixed(3)}；底座之外的张量最多 ${(addedBytes / 1e9).toFixed(2)} GB（权重的副本占 ${((4 * tl.count(smol.params)) / 1e9).toFixed(2)} GB）`, en: `test loss ${lossBefore.toFixed(3)} → ${lossAfter.toFixed(3)}; tensors beside the base at most ${(addedBytes / 1e9).toFixed(2)} GB (of which the copy of the weights is ${((4 * tl.count(smol.params)) / 1e9).toFixed(2)} GB)` }));
console.log(lossAfter < lossBefore - 0.05 ? t({ zh: "损失下降：学到了答案的样子。事实仍会出错，请逐条核对。", en: "The loss fell: it learned what answers look like. Facts can still be wrong: check each." }) : lossAfter > lossBefore + 0.05 ? t({ zh: "损失上升：学习率太大。", en: "The loss rose: the learning rate is too large." }) : t({ zh: "损失几乎没变：步数太少，或学习率太小。", en: "The loss hardly changed: too few steps, or too small a rate." }));
tl.dispose(smolRun.trained);
// %% [markdown] lang="zh"
// 生成时也要小心：清单用 `max_length=100`，它**包括**问题的词元，长的回答会被切断；这里用的是 `maxNewTokens`。清单用温度 0.7 抽样，每次结果不同；比较训练前后应当用贪心解码，或者固定种子。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.4.3/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.4.3/1")` 给解答。
//
// 1. 余弦，$K=100$ 步，预热 $W=10$ 步，峰值 0.1。第 40 步（从 0 数）的学习率是多少？
// 2. 360 条数据，`per_device_train_batch_size=4`，`gradient_accumulation_steps=4`，2 轮。照清单运行，LOMO 的钩子一共更新（绝大多数）参数多少次？
// 3. 写一个函数 `(ids, start, eos) => number[]`：返回标签。下标小于 `start` 的是问题；从 `start` 起的第一个 `eos` 是真正的结束符，它后面的都是填充。不参与损失的写 −100；没有 `eos`（被切断的样本）就保留到最后。
// %% [markdown] lang="en"
// In generation, too, some care is needed: the listing sets `max_length=100`, which **includes** the question's tokens, so that long answers are cut; `maxNewTokens` does not. It also draws at temperature 0.7, with another result each time; to compare before and after, decode greedily or fix the seed.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.4.3/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.4.3/1")` the solution.
//
// 1. A cosine with $K=100$ steps, $W=10$ of warm-up and a peak of 0.1. What is the rate at step 40 (counted from 0)?
// 2. 360 records, `per_device_train_batch_size=4`, `gradient_accumulation_steps=4`, 2 epochs. Run as listed, how many times do LOMO's hooks update (nearly all) parameters?
// 3. Write a function `(ids, start, eos) => number[]` that returns labels. Indices below `start` are the question; the first `eos` from `start` on is the true end token, and all after it is padding. What does not count becomes −100; without an `eos` (an example that was cut) everything to the end is kept.
// %%
tl.check("3.4.3/1", undefined);
tl.check("3.4.3/2", undefined);
tl.check("3.4.3/3", undefined);
