// Section 3.4.2 of the course: 16-bit numbers bit by bit, mixed precision, loss scaling; LOMO and AdaLOMO, with their memory measured.
// Build both languages with: npm run notebooks -- 3.4.2-memory
// %% [markdown] lang="zh"
// # 3.4.2 节省内存：少一半位数，不存梯度，训练还对吗？
//
// 全参数微调的内存花在哪里？权重、梯度、优化器状态、激活值。本节测试两条省内存的路：**混合精度**（每个数用 16 位）和 **LOMO**（梯度一算出来就用掉，从不保存）。
// 每一步都问同一个问题：省下来了多少，数字还对不对？
//
// 需要的资源：课程模型（6 百万参数），约 1.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.4.2 Saving memory: half the bits, no stored gradients. Is training still right?
//
// Where does the memory of full fine-tuning go? Weights, gradients, optimizer state, activations. This section tries two ways to save it: **mixed precision** (16 bits for a number) and **LOMO** (a gradient is used as soon as it is known, and never stored).
// At each step we ask the same: how much is saved, and are the numbers still right?
//
// It needs the course model (6 million parameters), about 1.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const records = await tl.loadRecords<{ question: string; answer: string }>(courseFile("data/security-qa/zh/train.jsonl"));
const examples = tl.encodeExamples(model.tokenizer, records), trainSet = examples.slice(0, 256), checkSet = examples.slice(256, 288);
console.log(`${machine.name}; ${tl.count(model.params).toLocaleString("en-US")} ${t({ zh: "个参数", en: "parameters" })}; ${trainSet.length} + ${checkSet.length} ${t({ zh: "个样本", en: "examples" })}`);
// %% [markdown] lang="zh"
// ## 1. 混合精度训练
//
// ### 1.1 一个数的位
//
// FP32 有 8 位指数、23 位尾数；FP16（half）5 位指数、10 位尾数；BF16 保留 FP32 的指数，只留 7 位尾数。位数决定两件事：尾数决定**精度**，指数决定**范围**。
// 下面的舍入与 numpy（FP16）和 PyTorch（BF16）逐位相同。看三处：0.1 的误差；65520 在 FP16 中变成无穷；$2^{-26}$ 在 FP16 中变成 0（下溢）。
// %% [markdown] lang="en"
// ## 1. Mixed precision training
//
// ### 1.1 The bits of a number
//
// FP32 has 8 bits of exponent and 23 of fraction; FP16 (half) has 5 and 10; BF16 keeps FP32's exponent and only 7 bits of fraction. Two things follow: the fraction gives the **precision**, the exponent the **range**.
// The rounding below is bit for bit that of numpy (FP16) and PyTorch (BF16). Look at three places: the error of 0.1; 65520 becomes infinite in FP16; $2^{-26}$ becomes 0 in FP16 (underflow).
// %%
const numbers: [string, number][] = [["0.1", 0.1], ["1 + 2⁻¹⁰", 1 + 2 ** -10], ["1 + 2⁻¹¹", 1 + 2 ** -11], ["65504", 65504], ["65520", 65520], ["2⁻²⁴", 2 ** -24], ["2⁻²⁶", 2 ** -26]];
table(numbers.flatMap(([name, x]) => (["float32", "half", "bfloat16"] as const).map((format) => {
  const { sign, exponent, fraction, value } = tl.bitsOf(x, format);
  return { x: name, format, bits: `${sign} ${exponent} ${fraction}`, value, [t({ zh: "相对误差", en: "relative error" })]: Math.abs(value / x - 1).toExponential(1) };
})));
// %% [markdown] lang="zh"
// ### 1.2 维护 FP32 主副本：为什么
//
// 一个权重等于 1，每步更新 $10^{-4}$，共 200 步。1 左边的下一个 FP16 数是 $1-2^{-11}\approx 1-4.9\times10^{-4}$：每次更新都不到这个距离的一半，于是每一步都被舍入掉，权重**一步也不动**。
// FP32 的权重（“主副本”）会把小的更新累积起来。
// %% [markdown] lang="en"
// ### 1.2 A master copy in FP32: why
//
// A weight of 1 is updated by $10^{-4}$ in each of 200 steps. The next FP16 number below 1 is $1-2^{-11}\approx 1-4.9\times10^{-4}$: each update is less than half of that distance, so each is rounded away and the weight **never moves**.
// A weight in FP32 (the "master copy") adds small updates up.
// %%
function walk(optimizer: tl.Optimizer, rate = 1e-4): number[] {
  const values = [1];
  tl.tf.tidy(() => {
    let at: { p: tl.Params[string]; state: tl.Params } = { p: tl.tf.tensor1d([1]), state: {} };
    for (let i = 0; i < 200; i++) { at = optimizer.step(at.p, tl.tf.tensor1d([1]), at.state, tl.tf.scalar(rate)); values.push(at.p.dataSync()[0]); }
  });
  return values;
}
const walks = { "FP32": walk(tl.sgd()), "FP16": walk(tl.storedIn("half", tl.sgd())), "BF16": walk(tl.storedIn("bfloat16", tl.sgd())) };
await show(lineChart({
  title: t({ zh: "一个权重，200 次 10⁻⁴ 的更新", en: "One weight, 200 updates of 10⁻⁴" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "权重", en: "weight" }) },
  series: Object.entries(walks).map(([name, y]) => ({ name, x: y.map((_, i) => i), y })), alt: Object.entries(walks).map(([name, y]) => `${name}: ${y[200].toFixed(4)}`).join("; "),
}));
// %% [markdown] lang="zh"
// 真实的模型呢？用 AdamW、学习率 $5\times10^{-5}$ 全参数微调课程模型，权重分别保存为 FP32、FP16、BF16。数一数有多少权重真的动过（与按同样格式舍入的起点相比）。
// %% [markdown] lang="en"
// And a real model? We fine-tune all of the course model with AdamW at a learning rate of $5\times10^{-5}$, its weights kept in FP32, FP16 or BF16, and count how many of them have moved at all (from the start, rounded to the same format).
// %%
const storages = { FP32: tl.adamw({ weightDecay: 0 }), FP16: tl.storedIn("half", tl.adamw({ weightDecay: 0 })), BF16: tl.storedIn("bfloat16", tl.adamw({ weightDecay: 0 })) };
const storageRuns: Record<string, { moved: number; loss: number }> = {};
const stored = { FP32: (p: tl.Params[string]) => p, FP16: (p: tl.Params[string]) => tl.rounded(p, "half"), BF16: (p: tl.Params[string]) => tl.rounded(p, "bfloat16") };
const movedShare = (trained: tl.Params, storage: keyof typeof stored) => tl.tf.tidy(() => Object.entries(trained).reduce((n, [name, p]) => n + tl.tf.sum(tl.tf.cast(tl.tf.notEqual(p, stored[storage](model.params[name])), "float32")).dataSync()[0], 0) / tl.count(trained));
for (const [name, optimizer] of Object.entries(storages)) {
  const run = await tl.train({ model, method: tl.full(), optimizer, data: { train: trainSet, validation: checkSet }, steps: budget(24, 2), batchSize: 8, learningRate: 5e-5, schedule: "constant", display: false });
  storageRuns[name] = { moved: movedShare(run.trained, name as keyof typeof stored), loss: run.history.evaluations[run.history.evaluations.length - 1].loss };
  tl.dispose(run.trained);
}
table(Object.entries(storageRuns).map(([storage, { moved, loss }]) => ({ [t({ zh: "权重保存为", en: "weights kept in" })]: storage, [t({ zh: "动过的权重 %", en: "weights that moved, %" })]: (100 * moved).toFixed(1), [t({ zh: "验证损失", en: "validation loss" })]: loss.toFixed(4) })));
// %% [markdown] lang="zh"
// 停在原地的权重，它们的更新全被舍入掉了。混合精度因此保留一份 FP32 主副本，只在做矩阵乘法时用 16 位。
// 在本库里，`train()` 的权重始终是 FP32 主副本；`precision: "half"` 只把每次矩阵乘法的输入舍入到 16 位。
// %% [markdown] lang="en"
// Of weights that stayed where they were, all updates were rounded away. Mixed precision therefore keeps a master copy in FP32 and uses 16 bits in matrix products only.
// In this library the weights of `train()` are always the FP32 master copy; `precision: "half"` rounds only the inputs of each matrix product to 16 bits.
// %% [markdown] lang="zh"
// ### 1.3 损失缩放
//
// FP16 最小的正数是 $2^{-24}\approx6\times10^{-8}$。下面是课程模型一个批次的全部梯度：横轴是 $\log_2|g|$，纵轴是落在那里的比例。左边的部分在 FP16 中会变成 0。
// 损失乘以 $s$，所有梯度也乘以 $s$，整张图向右移 $\log_2 s$；更新之前再除回去。$s$ 太大时右端会溢出。
// %% [markdown] lang="en"
// ### 1.3 Loss scaling
//
// The smallest positive number of FP16 is $2^{-24}\approx6\times10^{-8}$. Below are all gradients of the course model for one batch: $\log_2|g|$ against the share that lies there. The part on the left becomes 0 in FP16.
// Multiply the loss by $s$ and all gradients are $s$ times as large: the picture moves right by $\log_2 s$; before the update they are divided again. With $s$ too large the right end overflows.
// %%
const objective = tl.sft(), full = tl.full(), start = full.init(model.params, model.config, 0), batch = objective.collate(trainSet.slice(0, 8));
const exact = tl.accumulate(objective.loss(model, full), start, [batch]);
const exactValues = Object.values(exact.gradients).map((g) => g.dataSync() as Float32Array), entries = exactValues.reduce((n, g) => n + g.length, 0);
const logBins = new Map<number, number>();
for (const values of exactValues) for (const g of values) if (g !== 0) { const b = Math.floor(Math.log2(Math.abs(g))); logBins.set(b, (logBins.get(b) ?? 0) + 1 / entries); }
const exponents = [...logBins.keys()].sort((a, b) => a - b).filter((b) => b >= -44);
// %%
const lostAt = (s: number) => exactValues.reduce((n, values) => { const r = tl.roundTo(values.map((g) => g * s), "half"); return n + values.reduce((m, g, i) => m + (g !== 0 && r[i] === 0 ? 1 : 0), 0); }, 0) / entries;
const overAt = (s: number) => exactValues.reduce((n, values) => n + tl.roundTo(values.map((g) => g * s), "half").reduce((m, r) => m + (Number.isFinite(r) ? 0 : 1), 0), 0);
await show(barChart({
  title: t({ zh: "梯度的大小（FP16 的最小正数在 −24）", en: "Size of the gradients (FP16's smallest positive number is at −24)" }), x: { title: "log₂ |g|" }, y: { title: t({ zh: "占全部梯度的比例", en: "share of all gradients" }) },
  series: [{ name: "g", x: exponents, y: exponents.map((b) => logBins.get(b)!) }], alt: `${t({ zh: "小于 2⁻²⁵ 的比例", en: "share below 2⁻²⁵" })} ${(100 * lostAt(1)).toFixed(2)} %`,
}));
table([0, 8, 16, 24].map((k) => ({ s: `2^${k}`, [t({ zh: "变成 0 的非零梯度 %", en: "non-zero gradients that become 0, %" })]: (100 * lostAt(2 ** k)).toFixed(3), [t({ zh: "变成无穷的个数", en: "gradients that become infinite" })]: overAt(2 ** k) })));
// %% [markdown] lang="zh"
// 上面只舍入了最后的梯度。真正的 FP16 训练里，误差信号在反向传播的每一次矩阵乘法中都要经过 16 位。用 `precision: "half"` 真实地算一遍，量出整个梯度的相对误差随 $s$ 的变化：
// 左边是下溢，右边一旦溢出，梯度就不再是有限的数（图中没有点）。
// %% [markdown] lang="en"
// That rounded the finished gradients only. In real FP16 training the error signal passes through 16 bits in every matrix product of the backward pass. We compute it with `precision: "half"` and measure the relative error of the whole gradient against $s$:
// underflow on the left; on the right, once something overflows, the gradient is no finite number (no point is drawn).
// %%
const halfLoss = objective.loss(model, full, { precision: "half" }), powers = budget(1, 0) ? [-16, -12, -8, -4, 0, 4, 8, 12, 16, 20] : [-8, 8, 20];
const distance = (a: Float32Array[], b: Float32Array[]) => Math.sqrt(a.reduce((s, x, i) => s + x.reduce((q, v, j) => q + (v - b[i][j]) ** 2, 0), 0) / b.reduce((s, x) => s + x.reduce((q, v) => q + v * v, 0), 0));
const gradientErrors = powers.map((k) => {
  const { gradients, norm } = tl.accumulate(halfLoss, start, [batch], undefined, 2 ** k);
  const error = Number.isFinite(norm) ? distance(Object.values(gradients).map((g) => g.dataSync() as Float32Array), exactValues) : NaN;
  tl.dispose(gradients);
  return error;
});
await show(lineChart({
  title: t({ zh: "FP16 矩阵乘法的梯度误差", en: "Error of the gradient with FP16 products" }), x: { title: "log₂ s" }, y: { title: t({ zh: "相对误差（对 FP32）", en: "relative error (to FP32)" }), log: true },
  series: [{ name: "half", x: powers.filter((_, i) => Number.isFinite(gradientErrors[i])), y: gradientErrors.filter(Number.isFinite) }], alt: powers.map((k, i) => `2^${k}: ${Number.isFinite(gradientErrors[i]) ? gradientErrors[i].toExponential(1) : t({ zh: "溢出", en: "overflow" })}`).join("; "),
}));
// %% [markdown] lang="zh"
// 怎样选 $s$？**动态缩放**自己找：一步的梯度溢出，就丢掉这一步并把 $s$ 减半；连续若干步都好，就加倍。下面从一个明显太大的 $s$ 开始（间隔取 8 步，好让图上看得见；PyTorch 的默认是 2000）。
// %% [markdown] lang="en"
// How to choose $s$? **Dynamic scaling** finds it: where a step's gradient overflows, the step is left out and $s$ is halved; after a number of good steps in a row it is doubled. We begin with an $s$ that is clearly too large (the interval is 8 steps, so that the figure shows it; PyTorch's default is 2000).
// %%
const scaledRun = await tl.train({
  model, method: tl.full(), data: { train: trainSet, validation: checkSet }, steps: budget(40, 4), batchSize: 8, learningRate: 3e-4, precision: "half", lossScale: tl.dynamicScale({ initial: 2 ** 24, interval: 8 }), display: false,
});
const scales = scaledRun.history.steps, skipped = scales.filter((r) => r.skipped).length;
const scaleChart = lineChart({
  title: t({ zh: "动态损失缩放", en: "Dynamic loss scaling" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: "log₂ s" },
  series: [{ name: "s", x: scales.map((r) => r.step), y: scales.map((r) => Math.log2(r.lossScale!)) }, { name: t({ zh: "丢掉的步", en: "steps left out" }), x: scales.filter((r) => r.skipped).map((r) => r.step), y: scales.filter((r) => r.skipped).map((r) => Math.log2(r.lossScale!)) }],
  alt: `${skipped} / ${scales.length} ${t({ zh: "步被丢掉，最后", en: "steps left out, last" })} s = 2^${Math.log2(scales[scales.length - 1].lossScale!)}`,
});
Object.assign(scaleChart.data[1], { mode: "markers" }); // single steps, no line between them
await show(scaleChart);
console.log(scaledRun.message);
tl.dispose(scaledRun.trained);
// %% [markdown] lang="zh"
// ### 1.4 算术精度累积
//
// 点积 $\sum_i a_ib_i$：乘法用 FP16，和用什么累加？若和也是 FP16，和越大，每次加法丢掉的就越多。用 FP32 累加，误差不随长度明显增长。（平均 8 次随机抽取，误差棒为标准误。）
// %% [markdown] lang="en"
// ### 1.4 Accumulation in higher precision
//
// A dot product $\sum_i a_ib_i$: products in FP16, but in what is the sum kept? If in FP16 too, each addition loses more as the sum grows. With the sum in FP32 the error hardly grows with the length. (Means of 8 random draws; error bars are standard errors.)
// %%
const lengths = [16, 64, 256, 1024, 4096], draws = 8, half = (x: number) => tl.roundTo([x], "half")[0];
function dotErrors(n: number, seed: number): [number, number] {
  const random = new tl.Random(seed, `dot${n}`), a = tl.roundTo(Array.from({ length: n }, () => random.uniform()), "half"), b = tl.roundTo(Array.from({ length: n }, () => random.uniform()), "half");
  let right = 0, inHalf = 0, inSingle = 0;
  for (let i = 0; i < n; i++) { right += a[i] * b[i]; inHalf = half(inHalf + half(a[i] * b[i])); inSingle = Math.fround(inSingle + half(a[i] * b[i])); }
  return [Math.abs(inHalf / right - 1), Math.abs(inSingle / right - 1)];
}
const dots = lengths.map((n) => Array.from({ length: draws }, (_, seed) => dotErrors(n, seed)));
const average = (x: number[]) => x.reduce((a, b) => a + b, 0) / x.length, standardError = (x: number[]) => Math.sqrt(average(x.map((v) => (v - average(x)) ** 2)) / (x.length - 1));
await show(lineChart({
  title: t({ zh: "点积的误差：和用 FP16 还是 FP32", en: "Error of a dot product: sum in FP16 or FP32" }), x: { title: t({ zh: "长度 n", en: "length n" }), log: true }, y: { title: t({ zh: "相对误差", en: "relative error" }), log: true },
  series: [0, 1].map((k) => ({ name: k ? "FP32" : "FP16", x: lengths, y: dots.map((d) => average(d.map((e) => e[k]))), error: dots.map((d) => standardError(d.map((e) => e[k]))) })),
  alt: lengths.map((n, i) => `n=${n}: FP16 ${average(dots[i].map((e) => e[0])).toExponential(1)}, FP32 ${average(dots[i].map((e) => e[1])).toExponential(1)}`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 2. 内存优化：LOMO 与 AdaLOMO
//
// 通常先算出全部梯度，再更新全部参数，所以梯度和权重一样大。LOMO（Lv 等，2023）把两步合成一步：反向传播经过一层，就立刻更新这一层，$p \leftarrow p-\eta\,g$，梯度随即丢掉；梯度的存储从 $O(n)$ 变成一层的大小。
// 代价：没有动量；要按范数裁剪，就得先做一遍只求范数的反向传播。AdaLOMO 加上自适应学习率，二阶矩只存每个矩阵的行和与列和（$r\,c^\top/\sum r$），几乎不占内存。
//
// 先按形状计算（不含激活值），再在课程模型上实测。
// %% [markdown] lang="en"
// ## 2. Memory optimisation: LOMO and AdaLOMO
//
// Usually all gradients are computed first and all parameters updated then, so gradients take as much as the weights. LOMO (Lv et al. 2023) makes one step of the two: when the backward pass has come through a layer, that layer is updated, $p \leftarrow p-\eta\,g$, and its gradient thrown away; storage for gradients falls from $O(n)$ to one layer.
// The price: no momentum; and clipping by norm takes a first backward pass that only finds the norm. AdaLOMO adds adaptive rates, and keeps of the second moment only the sums of each matrix's rows and columns ($r\,c^\top/\sum r$), which is next to nothing.
//
// First computed from shapes (without activations), then measured on the course model.
// %%
const bytesPerParameter: Record<string, [weights: number, gradients: number, state: number]> = { "AdamW, FP32": [4, 4, 8], "AdamW, mixed": [2 + 4, 2, 8], "SGD, FP32": [4, 4, 0], "LOMO, FP32": [4, 0, 0], "LOMO, FP16": [2, 0, 0] };
const sizes = { [t({ zh: "课程模型", en: "course model" })]: tl.count(model.params), "SmolLM2-135M": 134_515_008, "DeepSeek-R1-Distill-Qwen-1.5B": 1_777_088_000 };
table(Object.entries(bytesPerParameter).map(([name, parts]) => ({
  [t({ zh: "方案", en: "scheme" })]: name, [t({ zh: "权重 + 梯度 + 状态，字节/参数", en: "weights + gradients + state, bytes a parameter" })]: parts.join(" + "),
  ...Object.fromEntries(Object.entries(sizes).map(([who, n]) => [`${who} (GB)`, ((n * parts.reduce((a, b) => a + b)) / 1e9).toFixed(n > 1e9 ? 1 : 3)])),
})), t({ zh: "按形状计算，不含激活值", en: "From the shapes, without activations" }));
// %%
const optimizers = { AdamW: () => tl.adamw(), SGD: () => tl.sgd(), LOMO: () => tl.lomo(), AdaLOMO: () => tl.adalomo() }, rates = { AdamW: 3e-4, SGD: 0.1, LOMO: 0.1, AdaLOMO: 1e-2 };
const memory: Record<string, { first: number; later: number; losses: number[]; validation: number }> = {};
for (const [name, make] of Object.entries(optimizers)) {
  const setting = { model, method: tl.full(), optimizer: make(), data: { train: trainSet, validation: checkSet }, batchSize: 8, learningRate: rates[name as "SGD"], display: false } as const;
  const first = await tl.peakTensorBytes(() => tl.train({ ...setting, steps: 1 })); // programs are traced here
  tl.dispose(first.result.trained);
  const later = await tl.peakTensorBytes(() => tl.train({ ...setting, optimizer: setting.optimizer, method: first.result.method, steps: budget(40, 3) }));
  const { steps, evaluations } = later.result.history;
  memory[name] = { first: first.addedBytes, later: later.addedBytes, losses: steps.map((r) => r.loss), validation: evaluations[evaluations.length - 1].loss };
  tl.dispose(later.result.trained);
}
// %%
const names = Object.keys(memory), megabytes = (bytes: number) => bytes / 1e6;
await show(barChart({
  title: t({ zh: "全参数微调课程模型：基座之外同时存在的张量", en: "Full fine-tuning of the course model: tensors beside the base at once" }), x: { title: t({ zh: "优化器", en: "optimizer" }) }, y: { title: "MB" },
  series: [{ name: t({ zh: "实测峰值", en: "measured peak" }), x: names, y: names.map((n) => megabytes(memory[n].later)) }, { name: t({ zh: "其中权重副本（计算）", en: "of that the weights' copy (computed)" }), x: names, y: names.map(() => megabytes(4 * tl.count(model.params))) }],
  alt: names.map((n) => `${n}: ${megabytes(memory[n].later).toFixed(0)} MB`).join("; "),
}));
const ratio = memory.LOMO.later / memory.AdamW.later;
console.log(t({ zh: `LOMO 的峰值是 AdamW 的 ${(100 * ratio).toFixed(0)} %`, en: `LOMO's peak is ${(100 * ratio).toFixed(0)} % of AdamW's` }));
// %% [markdown] lang="zh" tags=["claim:3.4.2/lomo-memory"]
// 峰值里还有激活值和词表大小的 logits，它们与优化器无关；模型越大，权重、梯度和状态所占的份额越大。本库为了不改动基座，训练的是权重的一份副本。SmolLM2-135M 的同一张表（每个优化器单独一个进程，含进程峰值）在 `docs/performance.md`，用 `node bench/memory.mjs` 重算。
//
// **与书上的说法对照。** “LOMO 能够将内存使用量降低到标准方法的 10.8 %”：这是论文摘要里的数字，基准是混合精度的 AdamW，而且同时用了激活重计算等技术。只看权重、梯度和状态，按每个参数的字节数算出来是：
// %% [markdown] lang="en" tags=["claim:3.4.2/lomo-memory"]
// The peak also holds activations and logits as wide as the vocabulary, which have nothing to do with the optimizer; the larger the model, the larger the part of weights, gradients and state. So as not to touch the base, this library trains a copy of the weights. The same table for SmolLM2-135M (each optimizer in a process of its own, with the process's peak) is in `docs/performance.md`; `node bench/memory.mjs` makes it anew.
//
// **Held against the book.** "LOMO lowers memory to 10.8 % of the standard way": that is the number of the paper's abstract; its baseline is AdamW in mixed precision, and activations are recomputed and other savings used at the same time. For weights, gradients and state alone, the bytes a parameter give:
// %%
const sum = (name: string) => bytesPerParameter[name].reduce((a, b) => a + b), computed = (100 * sum("LOMO, FP16")) / sum("AdamW, mixed"), sameBits = (100 * sum("LOMO, FP32")) / sum("AdamW, FP32");
console.log(t({ zh: `FP16 的 LOMO / 混合精度 AdamW：${computed.toFixed(1)} %；都用 FP32：${sameBits.toFixed(1)} %；本机实测（课程模型，FP32，含激活值）：${(100 * ratio).toFixed(1)} %`, en: `LOMO in FP16 / AdamW in mixed precision: ${computed.toFixed(1)} %; both in FP32: ${sameBits.toFixed(1)} %; measured here (course model, FP32, with activations): ${(100 * ratio).toFixed(1)} %` }));
console.log(Math.abs(computed - 10.8) < 3 ? t({ zh: "10.8 % 与“FP16 的 LOMO 对混合精度 AdamW”相近；换一个基准，它就不成立。", en: "10.8 % is near \"LOMO in FP16 against AdamW in mixed precision\"; against another baseline it does not hold." }) : t({ zh: "10.8 % 与这里算出的任何一个比例都不接近。", en: "10.8 % is near none of the ratios computed here." }));
// %% [markdown] lang="zh"
// 省内存换来了什么代价？同样的步数，四个优化器各用一个合适的学习率（这里没有为每一个仔细搜索：曲线说明它们**都能学**，不说明谁最好）。
// %% [markdown] lang="en"
// And what does saving cost? The same number of steps, each optimizer at a fitting learning rate (none was searched for carefully: the curves show that all of them **learn**, not which is best).
// %%
const smooth = (y: number[]) => y.map((_, i) => average(y.slice(Math.max(0, i - 4), i + 1)));
await show(lineChart({
  title: t({ zh: "训练损失（5 步平均）", en: "Training loss (mean of 5 steps)" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: names.map((name) => ({ name, x: memory[name].losses.map((_, i) => i + 1), y: smooth(memory[name].losses) })), alt: names.map((n) => `${n}: ${memory[n].validation.toFixed(2)}`).join("; "),
}));
table(names.map((name) => ({ [t({ zh: "优化器", en: "optimizer" })]: name, [t({ zh: "学习率", en: "learning rate" })]: rates[name as "SGD"], [t({ zh: "验证损失", en: "validation loss" })]: memory[name].validation.toFixed(3), [t({ zh: "峰值 MB（第一步 / 之后）", en: "peak MB (first step / later)" })]: `${megabytes(memory[name].first).toFixed(0)} / ${megabytes(memory[name].later).toFixed(0)}` })));
tl.dispose(exact.gradients);
tl.dispose(start);
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.4.2/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.4.2/1")` 给解答。
//
// 1. 用混合精度的 AdamW 全参数微调 15 亿参数的模型：FP16 权重与梯度、FP32 主副本、FP32 的两个平均值，一共多少 GB（$10^9$ 字节）？
// 2. 一个梯度等于 $2^{-28}$。损失缩放的倍率 $s$ 取 2 的幂，最小取多少，它在 FP16 中才不会变成 0？
// 3. 写一个函数 `(s, steps) => number[]`：动态缩放，从倍率 `s` 开始，`steps` 是每一步的梯度是否有限；溢出时减半，连续 3 个好的步之后加倍。返回每一步**之后**的倍率。
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.4.2/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.4.2/1")` the solution.
//
// 1. Full fine-tuning of 1.5 billion parameters with AdamW in mixed precision: weights and gradients in FP16, a master copy in FP32, two averages in FP32. How many GB ($10^9$ bytes) in all?
// 2. A gradient is $2^{-28}$. Which is the smallest power of two for the loss scale $s$ with which it does not become 0 in FP16?
// 3. Write a function `(s, steps) => number[]`: dynamic scaling from scale `s` on; `steps` says of each step whether its gradient was finite. An overflow halves the scale, 3 good steps in a row double it. Return the scale **after** each step.
// %%
tl.check("3.4.2/1", undefined);
tl.check("3.4.2/2", undefined);
tl.check("3.4.2/3", undefined);
