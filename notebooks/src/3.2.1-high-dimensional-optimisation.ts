// Section 3.2.1 of the course: fine-tuning as optimisation in many dimensions, not convex, with low-loss paths, on the course model.
// Build both languages with: npm run notebooks -- 3.2.1-high-dimensional-optimisation
// %% [markdown] lang="zh" tags=["claim:3.2.1/effective-dimension", "claim:3.2.1/low-loss-path"]
// # 3.2.1 高维非凸优化：几百万维里，微调为什么找得到路？
//
// 书上说，微调是在极高维的空间里解一个非凸问题：点与点相距遥远，到处是局部极小点和鞍点；可是又有“大量低损失路径”，“有效维度仅为总维度的 0.1 %~1 %”。
// 本节把这几句话逐一变成可以测量的量：带 L2 拉力的目标函数、距离的集中、临界点的指标、两个微调结果之间的路、有效维度。
//
// 需要的资源：约 4 GB 内存；2 核 CPU 上约 3 分钟。模型是课程自带的 600 万参数双语小模型；为了省时间，损失只对 8 条短问答计算，一处只看最后一层的参数（单元格里会说明）。
// %% [markdown] lang="en" tags=["claim:3.2.1/effective-dimension", "claim:3.2.1/low-loss-path"]
// # 3.2.1 Optimisation in many dimensions, not convex: how does fine-tuning find a way among millions?
//
// The book says that fine-tuning solves a non-convex problem in a space of very many dimensions: points are far apart, local minima and saddle points are everywhere. Yet there are "many low-loss pathways", and "the effective dimension is only 0.1 % to 1 % of all".
// Here each of these sentences becomes something to measure: the objective with an L2 pull, the concentration of distances, the index of critical points, the path between two fine-tuned solutions, the effective dimension.
//
// It needs about 4 GB of memory and, on 2 CPU cores, about 3 minutes. The model is the course's own, of 6 million parameters in two languages. To save time the loss is that of 8 short questions and answers, and in one place we look at the last layer's parameters only (the cell says so).
// %%
import * as tl from "tunelab";
import { courseFile, courseModel, budget, table, show, lineChart, t } from "tunelab";

const model = await tl.load(courseModel()), n = tl.count(model.params);
const readShort = async (split: string) => (await Promise.all(["zh", "en"].map((l) => tl.loadRecords<{ question: string; answer: string }>(courseFile(`data/security-qa/${l}/${split}.jsonl`))))).flatMap((rows) => tl.encodeExamples(model.tokenizer, rows).filter((e) => e.ids.length <= 68));
const trainSet = await readShort("train"), heldOut = (await readShort("validation")).slice(0, 8);
const every = Math.floor(trainSet.length / 8), examples = trainSet.filter((_, i) => i % every === 0).slice(0, 8);
console.log(t({ zh: "参数 n =", en: "parameters n =" }), n.toLocaleString("en-US"), t({ zh: "；短样本（训练 / 验证）", en: "; short examples (training / validation)" }), trainSet.length, heldOut.length);
// %% [markdown] lang="zh"
// ## 1. 参数空间的维度灾难
//
// 在 $d$ 维空间里取 30 个随机点，看两两之间的距离：最远的比最近的远多少？维数越高，所有点都差不多远，“邻近的点”就失去了意义。误差棒来自 5 个随机种子（95 % 区间）。
// %% [markdown] lang="en"
// ## 1. The curse of dimensionality
//
// Take 30 random points in $d$ dimensions and look at the distances between them: how much farther is the farthest pair than the nearest? The more dimensions, the more equal all distances, and "nearby points" lose their meaning. The error bars come from 5 random seeds (95 % intervals).
// %%
const DIMENSIONS = budget(1, 0) ? [2, 10, 100, 1000, 10_000] : [2, 100];
const contrast = (d: number, seed: number) => {
  const points = Array.from({ length: 30 }, (_, i) => tl.probe(d, seed, i, "gaussian")), distances = points.flatMap((a, i) => points.slice(0, i).map((b) => Math.sqrt(a.reduce((s, x, k) => s + (x - b[k]) ** 2, 0))));
  return Math.max(...distances) / Math.min(...distances) - 1;
};
const concentration = DIMENSIONS.map((d) => tl.interval([1, 2, 3, 4, 5].map((seed) => contrast(d, seed))));
await show(lineChart({
  title: t({ zh: "最远的一对比最近的一对远多少", en: "How much farther the farthest pair is than the nearest" }), x: { title: t({ zh: "维数 d", en: "dimension d" }), log: true }, y: { title: t({ zh: "最远 / 最近 − 1", en: "farthest / nearest − 1" }), log: true },
  series: [{ name: t({ zh: "30 个随机点", en: "30 random points" }), x: DIMENSIONS, y: concentration.map((c) => c.mean), error: concentration.map((c) => Math.min(c.error, 0.9 * c.mean)) }],
  alt: DIMENSIONS.map((d, i) => `d = ${d}: ${concentration[i].mean.toPrecision(2)} ± ${concentration[i].error.toPrecision(1)}`).join("; "),
}));
// %%
function logGamma(x: number): number { return x < 8 ? logGamma(x + 1) - Math.log(x) : (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3); }
const pairs = [1, 2, 3, 4, 5].map((i) => tl.angle(tl.probe(n, 3, 2 * i, "gaussian"), tl.probe(n, 3, 2 * i + 1, "gaussian")));
console.log(t({ zh: "本模型的参数空间里，5 对随机方向的夹角（度）：", en: "angles of 5 pairs of random directions in this model's parameter space (degrees):" }), pairs.map((p) => p.degrees.toFixed(3)).join(", "));
console.log(t({ zh: "理论：95 % 落在", en: "theory: 95 % lie within" }), pairs[0].random.map((d) => d.toFixed(3)).join(" – "));
table([2, 10, 100, 1000].map((d) => ({ d, [t({ zh: "每维 10 个取值，格点数", en: "10 values a dimension: grid points" })]: `10^${d}`, [t({ zh: "单位立方体里内切球占的体积", en: "part of the unit cube in its inscribed ball" })]: `10^${((d / 2) * Math.log10(Math.PI) - d * Math.log10(2) - logGamma(d / 2 + 1) / Math.LN10).toFixed(1)}` })));
// %% [markdown] lang="zh" tags=["claim:erratum/2"]
// 两处说明：
//
// * 书上说，100 亿个参数各取 10 个值，有 $10^{100}$ 种组合。应当是 $10^{10^{10}}$：指数本身就是一百亿。
// * 但微调**不是**在格点上搜索。梯度一次给出所有方向的斜率，代价只与 $n$ 成正比。下面就看它在这个空间里走几步能降多少。
//
// ### 目标函数：式（3.1）
//
// $$\min_\theta\ \mathbb E\,[L(f_\theta(x),y)]+\lambda\lVert\theta-\theta_p\rVert^2$$
//
// $\theta_p$ 是预训练的权重，第二项把参数拉回去（L2-SP）。用 Adam 走同样多步，比较四种拉力：训练样本、未见过的样本、一般文本（遗忘）的损失，以及走了多远。
// %% [markdown] lang="en" tags=["claim:erratum/2"]
// Two remarks:
//
// * The book says that 10 values for each of 10 billion parameters make $10^{100}$ combinations. It should be $10^{10^{10}}$: the exponent itself is ten billion.
// * But fine-tuning does **not** search a grid. A gradient gives the slope in all directions at once, at a cost that grows with $n$ only. See how far down it gets in this space in a few steps.
//
// ### The objective: equation (3.1)
//
// $$\min_\theta\ \mathbb E\,[L(f_\theta(x),y)]+\lambda\lVert\theta-\theta_p\rVert^2$$
//
// $\theta_p$ are the pre-trained weights, and the second term pulls back to them (L2-SP). With equally many steps of Adam we compare four strengths: the loss on training examples, on unused ones and on general text (forgetting), and how far the weights went.
// %%
const problem = tl.modelProblem({ model, examples, batchSize: 4 }), unseen = tl.modelProblem({ model, examples: heldOut, batchSize: 4 });
const texts = (await Promise.all(["zh", "en"].map((l) => tl.loadRecords<{ text: string }>(courseFile(`data/general/${l}/test.jsonl`))))).flatMap((rows) => rows.slice(0, 4));
const general = tl.modelProblem({ model, examples: tl.packDocuments(texts.map(({ text }) => model.tokenizer.encode(text).slice(0, 64)), 64, model.tokenizer.eos[0]).slice(0, 8), batchSize: 4 });
const slope = tl.lossAndGradient(problem), anchor = tl.toVector(problem.params);
const away = (params: tl.Params) => tl.toVector(params).map((x, i) => x - anchor[i]), square = (v: Float64Array) => v.reduce((s, x) => s + x * x, 0);
const pulled = (strength: number) => async (params: tl.Params) => {
  const { loss, gradient } = await slope.at(params), delta = away(params);
  return { loss: loss + strength * square(delta), gradient: gradient.map((g, i) => g + 2 * strength * delta[i]) };
};
// %%
const STRENGTHS = budget(1, 0) ? [0, 0.003, 0.03, 0.3] : [0, 0.3], pullRows: { strength: number; distance: number; train: number; held: number; general: number }[] = [];
for (const strength of STRENGTHS) {
  const { params } = await tl.descend(pulled(strength), problem.params, { steps: budget(12, 2), learningRate: 5e-4, optimizer: tl.adamw({ weightDecay: 0 }) });
  pullRows.push({ strength, distance: Math.sqrt(square(away(params))), train: await tl.lossAt(problem, params), held: await tl.lossAt(unseen, params), general: await tl.lossAt(general, params) });
  tl.dispose(params);
}
const atStart = { train: await tl.lossAt(problem), held: await tl.lossAt(unseen), general: await tl.lossAt(general) };
await show(lineChart({
  title: t({ zh: "拉力与损失的变化", en: "The pull and the change of loss" }), x: { title: "λ" }, y: { title: t({ zh: "损失的变化（纳特/词元）", en: "change of the loss (nats per token)" }) },
  series: (["train", "held", "general"] as const).map((set, i) => ({ name: [t({ zh: "训练样本", en: "training examples" }), t({ zh: "未见过的样本", en: "unused examples" }), t({ zh: "一般文本", en: "general text" })][i], x: pullRows.map((r) => `λ = ${r.strength}`), y: pullRows.map((r) => r[set] - atStart[set]) })),
  alt: pullRows.map((r) => `λ = ${r.strength}: ${(r.train - atStart.train).toFixed(2)}, ${(r.held - atStart.held).toFixed(2)}, ${(r.general - atStart.general).toFixed(2)}`).join("; "),
}));
table(pullRows.map(({ strength, distance, ...losses }) => ({ "λ": strength, "‖θ − θₚ‖": distance, [t({ zh: "占 ‖θₚ‖ 的 %", en: "% of ‖θₚ‖" })]: (100 * distance) / Math.sqrt(square(anchor)), ...losses })));
const [free, tight] = [pullRows[0], pullRows[pullRows.length - 1]];
console.log(t({ zh: `最强的拉力把距离缩到 ${(100 * tight.distance / free.distance).toFixed(0)} %；训练损失少降 ${(tight.train - free.train).toFixed(2)}，一般文本的损失`, en: `The strongest pull cuts the distance to ${(100 * tight.distance / free.distance).toFixed(0)} %; the training loss falls ${(tight.train - free.train).toFixed(2)} less, and the loss on general text is ` }) + (tight.general < free.general - 0.02 ? t({ zh: "较低：忘得少。", en: "lower: less is forgotten." }) : tight.general > free.general + 0.02 ? t({ zh: "反而较高。", en: "higher, though." }) : t({ zh: "差不多。", en: "about the same." })));
// %% [markdown] lang="zh"
// ## 2. 非凸优化的复杂性
//
// ### 临界点的指标与损失
//
// 梯度为 0 的点叫临界点；**指标**是黑塞矩阵负特征值的个数：0 是极小点，其余是鞍点。先看一个能全部算出来的非凸问题：用 $UV^\top$ 逼近 $A=\mathrm{diag}(4,3,2,1)$，$L=\frac12\lVert UV^\top-A\rVert^2$，32 个参数。
// 任选 $A$ 的几个奇异方向保留下来，就得到一个临界点，共 16 个。对每一个算梯度的长度、损失，和 32 个特征值里负的个数。
// %% [markdown] lang="en"
// ## 2. What non-convex means
//
// ### Index of critical points against loss
//
// A point of zero gradient is critical; its **index** is the number of negative eigenvalues of the Hessian: 0 is a minimum, all others are saddles. First a non-convex problem that can be worked out in full: approximate $A=\mathrm{diag}(4,3,2,1)$ by $UV^\top$, $L=\frac12\lVert UV^\top-A\rVert^2$, 32 parameters.
// Keep any choice of the singular directions of $A$, and you have a critical point: 16 of them. For each we compute the gradient's length, the loss, and how many of its 32 eigenvalues are negative.
// %%
const SIGMA = budget(1, 0) ? [4, 3, 2, 1] : [4, 2], side = SIGMA.length, diagonal = (f: (i: number) => number) => tl.tf.tensor2d(SIGMA.flatMap((_, i) => SIGMA.map((_, j) => (i === j ? f(i) : 0))), [side, side]);
const critical: { kept: string; loss: number; slope: number; index: number }[] = [], target = diagonal((i) => SIGMA[i]);
for (let choice = 0; choice < 2 ** side; choice++) {
  const root = (i: number) => (choice & (1 << i) ? Math.sqrt(SIGMA[i]) : 0), toy = { U: diagonal(root), V: diagonal(root) };
  const toyProblem = tl.scalarProblem(toy, (p) => tl.tf.mul(0.5, tl.tf.sum(tl.tf.square(tl.tf.sub(tl.tf.matMul(p.U as never, p.V as never, false, true), target)))));
  const curve = tl.curvature(toyProblem, { compiled: false }), axes = Array.from({ length: curve.dim }, (_, i) => Float64Array.from({ length: curve.dim }, (_, j) => Number(i === j)));
  const { loss, gradient } = await tl.gradient(toyProblem, { compiled: false });
  critical.push({ kept: SIGMA.filter((_, i) => choice & (1 << i)).join(", ") || "–", loss, slope: Math.sqrt(square(gradient)), index: tl.indexOf(await tl.restricted(curve, axes), 1e-4).negative });
  curve.dispose(); tl.dispose(toy);
}
// %%
const cloud = lineChart({
  title: t({ zh: "每个临界点：损失与负方向的个数", en: "Each critical point: loss and number of downward directions" }), x: { title: t({ zh: "负特征值的个数（指标）", en: "negative eigenvalues (index)" }) }, y: { title: t({ zh: "损失", en: "loss" }) },
  series: [{ name: t({ zh: "临界点", en: "critical point" }), x: critical.map((c) => c.index), y: critical.map((c) => c.loss) }],
  alt: critical.map((c) => `${c.kept}: ${c.index}, ${c.loss.toFixed(1)}`).join("; "),
});
cloud.data[0].mode = "markers";
await show(cloud);
const minima = critical.filter((c) => c.index === 0), ordered = critical.flatMap((a) => critical.filter((b) => b.loss > a.loss).map((b) => Math.sign(b.index - a.index)));
console.log(t({ zh: "最长的梯度", en: "longest gradient" }), Math.max(...critical.map((c) => c.slope)).toExponential(1), t({ zh: `；${critical.length} 个临界点中极小点 ${minima.length} 个，损失`, en: `; of ${critical.length} critical points ${minima.length} is a minimum, its loss` }), minima.map((c) => c.loss.toFixed(2)).join(", "));
console.log(t({ zh: "损失较高的一个指标也较大的点对：", en: "pairs in which the point of higher loss has the higher index:" }), `${ordered.filter((o) => o > 0).length} / ${ordered.length}`, t({ zh: "；较小的：", en: "; the lower index:" }), ordered.filter((o) => o < 0).length);
// %% [markdown] lang="zh"
// 书上强调局部极小点。这个例子里没有一个坏的局部极小点：其余的全是鞍点，总有路往下走，而且损失越高，往下的方向越多。对随机的高维函数也有同样的结论（Dauphin 等，2014）。真实的网络没有这样的定理，只能去测。
//
// ### 真实模型：微调前后的负曲率
//
// 下面只看**最后一层**的参数（省时间）。一个点是不是鞍点，要同时看梯度和指标：梯度不接近 0 就还不是临界点。“确定的”负特征值是 Lanczos 的残差界保证的；总个数来自谱密度，带 95 % 误差。
//
// 先做两次全参数微调：数据相同，只有打乱的顺序不同。第 3 节还要用它们。
// %% [markdown] lang="en"
// The book stresses local minima. In this example there is no bad one: all other critical points are saddles with a way down, and the higher the loss, the more ways. For random functions in many dimensions it is the same (Dauphin et al. 2014). For real networks there is no such theorem, so measure.
//
// ### A real model: negative curvature before and after fine-tuning
//
// Below we take the parameters of the **last layer** only (to save time). Whether a point is a saddle takes both gradient and index: with a gradient that is not near 0 it is not critical yet. "Certain" negative eigenvalues are those that the residual bounds of Lanczos guarantee; their whole number comes from the spectral density, with a 95 % error.
//
// First two full fine-tunings: the same data, only shuffled differently. Part 3 needs them, too.
// %%
const tunedWith = async (seed: number) => tl.train({ model, method: tl.full(), data: { train: trainSet }, steps: budget(50, 2), batchSize: 4, learningRate: 5e-4, evaluateEvery: 0, seed, display: seed === 1 });
const [first, second] = [await tunedWith(1), await tunedWith(2)];
const sorted = (params: tl.Params): tl.Params => Object.fromEntries(Object.keys(problem.params).map((name) => [name, params[name]]));
const [a, b] = [sorted(first.trained), sorted(second.trained)], [moveA, moveB] = [away(a), away(b)];
const ends = [{ train: await tl.lossAt(problem, a), held: await tl.lossAt(unseen, a) }, { train: await tl.lossAt(problem, b), held: await tl.lossAt(unseen, b) }];
console.log(t({ zh: "损失（训练 / 未见过）：微调前", en: "loss (training / unused): before" }), atStart.train.toFixed(2), "/", atStart.held.toFixed(2), ends.map((e, i) => `; ${t({ zh: "种子", en: "seed" })} ${i + 1}: ${e.train.toFixed(2)} / ${e.held.toFixed(2)}`).join(""));
// %%
const lastLayer = (params: tl.Params) => tl.modelProblem({ model: { ...model, params }, examples, batchSize: 4, only: (name) => name.includes(`layers.${model.config.layers - 1}.`) });
const indices: (tl.SaddleIndex & { when: string; dim: number; lowest: number; highest: number })[] = [];
for (const [when, params] of [[t({ zh: "预训练", en: "pre-trained" }), problem.params], [t({ zh: "微调后（种子 1）", en: "fine-tuned (seed 1)" }), a]] as [string, tl.Params][]) {
  const part = lastLayer(params), H = tl.curvature(part), found = await tl.eigenvalues(H, { largest: 2, smallest: 5, tolerance: 0.05, maxSteps: budget(26, 4), seed: 1 });
  const density = await tl.spectralDensity(H, { steps: budget(20, 3), probes: budget(3, 2), known: found.state, seed: 1 });
  const gradientNorm = Math.sqrt(square((await tl.gradient(part, { compiled: false })).gradient)), top = found.largest[0].value;
  indices.push({ when, dim: H.dim, lowest: found.smallest[0].value, highest: top, ...tl.saddleIndex(density, top / 50, { ends: found, gradientNorm }) });
  H.dispose();
}
table(indices.map((s) => ({
  [t({ zh: "时刻", en: "when" })]: s.when, [t({ zh: "参数", en: "parameters" })]: s.dim, "‖∇L‖": s.gradientNorm, "λ₁": s.highest, "λₙ": s.lowest, [t({ zh: "确定的负特征值 ≥", en: "certainly negative ≥" })]: s.atLeast,
  [t({ zh: "低于 −λ₁/50 的个数", en: "number below −λ₁/50" })]: Math.round(s.negative.mean), "± 95 %": Math.round(s.negative.error), [t({ zh: "高于 λ₁/50 的个数", en: "number above λ₁/50" })]: Math.round(s.positive.mean),
})));
for (const s of indices) console.log(`${s.when}: ${s.atLeast > 0 ? t({ zh: `至少 ${s.atLeast} 个方向向下弯，损失在这里不是凸的。`, en: `at least ${s.atLeast} directions bend downwards; the loss is not convex here.` }) : t({ zh: "没有确定的负曲率。", en: "no certain negative curvature." })}`);
console.log(t({ zh: `式（3.1）的拉力给每个特征值加上 2λ。要让这一层在预训练的点上变成凸的，需要 λ ≥ ${(-indices[0].lowest / 2).toFixed(2)}。`, en: `The pull of (3.1) adds 2λ to every eigenvalue. For this layer to be convex at the pre-trained point it takes λ ≥ ${(-indices[0].lowest / 2).toFixed(2)}.` }));
// %% [markdown] lang="zh" tags=["claim:3.2.1/starts"]
// ### 走到不同的地方？
//
// 书上说，不同的起点会收敛到不同的极小点，性能可能差异很大。这里起点相同（预训练权重），只有数据的顺序不同。两次微调的位移有多长，夹角多大？随机方向的夹角是 90°。（书上还说非凸会使损失突然升高或振荡：那是步长与曲率的问题，见 3.2.2 第 4 节。）
// %% [markdown] lang="en" tags=["claim:3.2.1/starts"]
// ### To different places?
//
// The book says that different starting points lead to different minima, which may perform very differently. Here the start is the same (the pre-trained weights), only the order of the data differs. How long are the two moves, and what is the angle between them? Random directions are at 90°. (The book also says that non-convexity makes the loss jump or oscillate: that is a matter of step length and curvature, see part 4 of 3.2.2.)
// %%
const between = tl.angle(moveA, moveB), apart = Math.sqrt(square(moveA.map((x, i) => x - moveB[i]))), heldGap = Math.abs(ends[0].held - ends[1].held), gain = atStart.held - Math.max(ends[0].held, ends[1].held);
table([{ [t({ zh: "位移 1", en: "move 1" })]: Math.sqrt(square(moveA)), [t({ zh: "位移 2", en: "move 2" })]: Math.sqrt(square(moveB)), [t({ zh: "两个终点的距离", en: "distance of the ends" })]: apart, [t({ zh: "夹角（度）", en: "angle (degrees)" })]: between.degrees, [t({ zh: "随机方向 95 %", en: "random directions, 95 %" })]: between.random.map((d) => d.toFixed(2)).join(" – ") }]);
console.log(t({ zh: `终点不同；未见过的样本上，损失相差 ${heldGap.toFixed(3)}，`, en: `The ends differ, and their losses on unused examples differ by ${heldGap.toFixed(3)}; ` }) + (gain <= 0 ? t({ zh: "而且至少有一次没有改善。", en: "and at least one did not improve." }) : heldGap < 0.2 * gain ? t({ zh: "远小于微调带来的改善：从同一个预训练点出发，结果很稳定。", en: "much less than fine-tuning improved them: from one pre-trained point the outcome is stable." }) : t({ zh: "与微调的改善相比不算小。", en: "not small beside the improvement." })));
// %% [markdown] lang="zh"
// ## 3. 参数空间中的低损失路径
//
// ### 两个微调结果之间
//
// 凸函数在两点之间不会高过连线。沿直线 $(1-t)\theta_1+t\theta_2$ 看损失，高出两端连线的最大值叫**势垒**。
//
// 再造一个对照：把 $\theta_2$ 每一层前馈网络的 704 个隐藏单元重新排列。函数一点没变，损失完全相同，但在参数空间里已经是另一个遥远的点。它与 $\theta_1$ 之间的直线呢？如果高了，能不能绕过去？
// 绕路用二次 Bezier 曲线 $(1-t)^2\theta_1+2t(1-t)\,m+t^2\theta_2$，训练中间点 $m$，让曲线上的平均损失变小（Garipov 等，2018）。$m$ 用全部短训练样本训练，每步 4 条；势垒在前面的 8 条和没有用过的 8 条上各量一次。
// 判断标准：势垒小于微调所降损失的十分之一，就算低损失路径。
// %% [markdown] lang="en"
// ## 3. Low-loss paths in parameter space
//
// ### Between two fine-tuned solutions
//
// Between two points a convex function never rises above the straight line of its values. Along $(1-t)\theta_1+t\theta_2$ the largest rise above it is the **barrier**.
//
// For comparison: permute the 704 hidden units of each feed-forward layer of $\theta_2$. The function is the same, so is the loss, yet in parameter space it is another point, far away. What about the straight line from $\theta_1$ to it? If it is high, is there a way round?
// The way round is a quadratic Bezier curve, $(1-t)^2\theta_1+2t(1-t)\,m+t^2\theta_2$, whose middle point $m$ is trained so that the mean loss along it falls (Garipov et al. 2018). It is trained on all short training examples, 4 a step; the barrier is measured on the 8 examples from before and on 8 that were not used.
// We call a path low in loss where its barrier is less than a tenth of what fine-tuning took off the loss.
// %%
const permuted = (params: tl.Params): tl.Params => Object.fromEntries(Object.entries(params).map(([name, w]) => {
  const order = new tl.Random(5, name.replace(/\.mlp\..*/, "")).shuffle(Array.from({ length: model.config.intermediateSize }, (_, i) => i));
  return [name, name.includes(".mlp.") ? tl.tf.gather(w, order, name.includes("down_proj") ? 1 : 0) : w.clone()];
}));
const c = permuted(b), lossHere = async (params: tl.Params) => tl.lossAt(problem, params), points = budget(11, 3);
console.log(t({ zh: "重新排列前后的损失", en: "loss before and after permuting" }), ends[1].train.toFixed(5), (await lossHere(c)).toFixed(5), t({ zh: "；距离 ‖θ₁ − θ₂‖ 与 ‖θ₁ − 重排的 θ₂‖", en: "; distances ‖θ₁ − θ₂‖ and ‖θ₁ − permuted θ₂‖" }), apart.toFixed(1), Math.sqrt(square(away(c).map((x, i) => x - moveA[i]))).toFixed(1));
const straight = await tl.linearPath(lossHere, a, b, points), far = await tl.linearPath(lossHere, a, c, points);
const all = tl.modelProblem({ model, examples: trainSet, batchSize: 4 }), turn = [all.batches[0]], draw = new tl.Random(1, "turns"), slopeOfAll = tl.lossAndGradient({ ...all, batches: turn });
const onNext = (params: tl.Params) => { turn[0] = all.batches[Math.floor(draw.uniform() * (all.batches.length - 1))]; return slopeOfAll.at(params); }; // one batch a step, one program for all
const bent = await tl.connect(onNext, a, c, { steps: budget(50, 2), learningRate: 1e-3, samples: 2, seed: 1 });
const curve = await tl.bezierPath(lossHere, a, bent.middle, c, points);
const unused = async (params: tl.Params) => tl.lossAt(unseen, params);
const unusedBarriers = [(await tl.linearPath(unused, a, b, points)).barrier, (await tl.linearPath(unused, a, c, points)).barrier, (await tl.bezierPath(unused, a, bent.middle, c, points)).barrier];
// %%
const PATHS: [string, tl.Path][] = [[t({ zh: "直线，θ₁ 到 θ₂", en: "straight, θ₁ to θ₂" }), straight], [t({ zh: "直线，θ₁ 到重排的 θ₂", en: "straight, θ₁ to permuted θ₂" }), far], [t({ zh: "Bezier 曲线，θ₁ 到重排的 θ₂", en: "Bezier curve, θ₁ to permuted θ₂" }), curve]];
await show(lineChart({
  title: t({ zh: "两个解之间的损失", en: "Loss between two solutions" }), x: { title: t({ zh: "路上的位置 t", en: "position t on the path" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: PATHS.map(([name, path]) => ({ name, x: path.t, y: path.loss })), alt: PATHS.map(([name, path]) => `${name}: ${path.loss.map((l) => l.toFixed(2)).join(" ")}`).join("; "),
}));
table(PATHS.map(([name, path], i) => ({ [t({ zh: "路径", en: "path" })]: name, [t({ zh: "势垒（这 8 条样本）", en: "barrier (these 8 examples)" })]: path.barrier, [t({ zh: "势垒（未用过的 8 条）", en: "barrier (8 unused ones)" })]: unusedBarriers[i] })), t({ zh: "势垒，纳特/词元", en: "Barriers, nats per token" }));
const descent = atStart.train - Math.max(ends[0].train, ends[1].train), low = (path: tl.Path) => path.barrier < 0.1 * descent;
console.log(t({ zh: "“存在低损失路径”：从同一个预训练点出发的两个解之间，直线", en: "\"There are low-loss paths\": between two solutions from one pre-trained point the straight line " }) + (low(straight) ? t({ zh: "就是低损失路径。", en: "is one." }) : t({ zh: "不是低损失路径。", en: "is not one." })));
console.log((far.barrier > 0.01 ? t({ zh: "与重排的解之间直线有势垒：损失不是凸的。", en: "To the permuted solution the straight line has a barrier: the loss is not convex. " }) : t({ zh: "与重排的解之间直线没有势垒。", en: "To the permuted solution the straight line has no barrier. " }))
  + (low(curve) && unusedBarriers[2] < 0.7 * unusedBarriers[1] ? t({ zh: "训练过的曲线绕过去了，", en: "The trained curve goes round it; " }) : curve.barrier < 0.7 * far.barrier ? t({ zh: "训练过的曲线只绕过去一部分：", en: "The trained curve goes round it in part: " }) : t({ zh: "这样短的训练没有找到绕路：", en: "Training this short has not found a way round: " }))
  + t({ zh: `它的势垒与直线之比，这 8 条样本上 ${(curve.barrier / far.barrier).toFixed(2)}，未用过的样本上 ${(unusedBarriers[2] / unusedBarriers[1]).toFixed(2)}。`, en: `its barrier over the line's is ${(curve.barrier / far.barrier).toFixed(2)} on these 8 examples, ${(unusedBarriers[2] / unusedBarriers[1]).toFixed(2)} on unused ones.` }));
// %% [markdown] lang="zh" tags=["claim:3.2.1/effective-dimension"]
// ### 有效维度
//
// $$N_{\text{eff}}(z)=\sum_i\frac{\lambda_i}{\lambda_i+z}$$
//
// 数的是“数据比先验更能决定”的方向：$\lambda_i\gg z$ 的算 1，$\lambda_i\ll z$ 的算 0。$z$ 是先验的精度；式（3.1）的拉力对应 $z=2\lambda$。它要求 $\lambda_i\ge0$，所以用 Gauss-Newton 矩阵（黑塞矩阵里不含负曲率的那部分），这里是全部 $n$ 个参数。误差棒来自随机向量（95 %）。
// 书上说有效维度是总维度的 0.1 %~1 %，但没有说 $z$ 是多少。
// %% [markdown] lang="en" tags=["claim:3.2.1/effective-dimension"]
// ### Effective dimension
//
// $$N_{\text{eff}}(z)=\sum_i\frac{\lambda_i}{\lambda_i+z}$$
//
// This counts the directions that "the data decide more than the prior": 1 for $\lambda_i\gg z$, 0 for $\lambda_i\ll z$. $z$ is the prior's precision; the pull of (3.1) means $z=2\lambda$. It needs $\lambda_i\ge0$, so we take the Gauss-Newton matrix (the part of the Hessian without negative curvature), here of all $n$ parameters. The error bars come from random vectors (95 %).
// The book says that the effective dimension is 0.1 % to 1 % of all, but not for which $z$.
// %%
slope.dispose(); slopeOfAll.dispose(); [bent.middle, c].forEach(tl.dispose);
const effective: { when: string; top: number; density: tl.Density }[] = [];
for (const [when, params] of [[t({ zh: "预训练", en: "pre-trained" }), problem.params], [t({ zh: "微调后", en: "fine-tuned" }), a]] as [string, tl.Params][]) {
  const G = tl.curvature({ ...problem, params }, { kind: "gauss-newton" }), density = await tl.spectralDensity(G, { steps: budget(20, 3), probes: budget(3, 2), seed: 1 });
  effective.push({ when, top: tl.spectralRange(density)[1], density });
  G.dispose();
}
const RATIOS = Array.from({ length: 13 }, (_, i) => 10 ** (-4 + i / 3)), percent = (e: (typeof effective)[0], ratio: number) => { const { mean, error } = tl.effectiveDimensionOf(e.density, ratio * e.top); return { mean: (100 * mean) / n, error: (100 * error) / n }; };
// %%
await show(lineChart({
  title: t({ zh: "有效维度占总维度的百分比", en: "Effective dimension, in % of all" }), x: { title: "z / λ₁", log: true }, y: { title: "N_eff / n (%)", log: true },
  series: [...effective.map((e) => ({ name: e.when, x: RATIOS, y: RATIOS.map((r) => percent(e, r).mean), error: RATIOS.map((r) => Math.min(percent(e, r).error, 0.9 * percent(e, r).mean)) })), ...[0.1, 1].map((p) => ({ name: `${p} %`, x: [RATIOS[0], RATIOS[12]], y: [p, p] }))],
  alt: effective.map((e) => `${e.when}: ${[0, 3, 6, 9, 12].map((i) => `z/λ₁ = ${RATIOS[i].toPrecision(1)}: ${percent(e, RATIOS[i]).mean.toPrecision(2)} %`).join(", ")}`).join("; "),
}));
const fine = Array.from({ length: 600 }, (_, i) => 10 ** (-5 + i / 100)), inside = effective.map((e) => fine.filter((r) => { const { mean } = percent(e, r); return mean >= 0.1 && mean <= 1; }));
effective.forEach(({ when }, i) => console.log(`${when}: ${inside[i].length ? t({ zh: `z 在 ${inside[i][0].toPrecision(2)} λ₁ 到 ${inside[i][inside[i].length - 1].toPrecision(2)} λ₁ 之间时，有效维度是 0.1 %~1 %；`, en: `for z from ${inside[i][0].toPrecision(2)} λ₁ to ${inside[i][inside[i].length - 1].toPrecision(2)} λ₁ the effective dimension is 0.1 % to 1 %; ` }) : t({ zh: "没有 z 使它落在 0.1 %~1 %；", en: "for no z is it 0.1 % to 1 %; " })}z = λ₁/10: ${percent(effective[i], 0.1).mean.toPrecision(2)} %, λ₁/1000: ${percent(effective[i], 0.001).mean.toPrecision(2)} %`));
const spread = percent(effective[0], 1e-3).mean / percent(effective[0], 0.1).mean;
console.log(t({ zh: `z 差 100 倍，有效维度差 ${spread.toFixed(0)} 倍。`, en: `A factor of 100 in z is a factor of ${spread.toFixed(0)} in the effective dimension. ` }) + (spread > 5 ? t({ zh: "所以“0.1 %~1 %”只有连同 z 一起才有意义。", en: "So \"0.1 % to 1 %\" means something only together with z." }) : t({ zh: "它对 z 不敏感。", en: "It hardly depends on z." })));
// %% [markdown] lang="zh" tags=["claim:3.2.1/effective-dimension"]
// ### 约束
//
// 少数方向起作用，所以可以只在一个小的子集或子空间里找解：稀疏约束（只动几个参数）、低秩约束（LoRA）等。下表从形状算出几种约束各留下多少自由度。与书上的 0.1 %~1 % 相比，有的多，有的少。个数之外更要紧的是**哪些**方向有用，那要由方法来选：这是后面几节的题目。
// %% [markdown] lang="en" tags=["claim:3.2.1/effective-dimension"]
// ### Constraints
//
// Since few directions matter, one may look for a solution in a small subset or subspace: sparse constraints (move a few parameters), low-rank constraints (LoRA), and so on. The table computes from the shapes how much freedom some constraints leave. Some are above the book's 0.1 % to 1 %, some below. More than their number it matters **which** directions are useful, and that is for the method to choose: the subject of later sections.
// %%
const CONSTRAINED: [string, tl.Method][] = [[t({ zh: "无约束", en: "none" }), tl.full()], [t({ zh: "低秩：LoRA，秩 8，全部线性层", en: "low rank: LoRA of rank 8, all linear layers" }), tl.lora({ rank: 8, targets: "all-linear" })], [t({ zh: "低秩：LoRA，秩 1，q 和 v", en: "low rank: LoRA of rank 1, q and v" }), tl.lora({ rank: 1 })], [t({ zh: "只动偏置：BitFit", en: "biases only: BitFit" }), tl.bitfit()], [t({ zh: "随机子空间，1000 维", en: "random subspace of 1000 dimensions" }), tl.intrinsic({ dimension: 1000 })]];
table(CONSTRAINED.map(([constraint, method]) => {
  const trained = method.init(model.params, model.config, 1), size = tl.count(trained);
  tl.dispose(trained);
  return { [t({ zh: "约束", en: "constraint" })]: constraint, [t({ zh: "自由度", en: "free numbers" })]: size, "% n": (100 * size) / n };
}));
// %% [markdown] lang="zh"
// ## 小结
//
// * 高维里随机点、随机方向都彼此“一样远”；但梯度不是搜索，几步就能把损失降下来。
// * 式（3.1）的拉力在“学得多”和“走得远、忘得多”之间取舍；它给每个特征值加 $2\lambda$。
// * 非凸可以**证明**：负特征值，或两个解之间的势垒。非凸不等于难：高处的临界点多半是鞍点。
// * 低损失路径与有效维度都能测；有效维度必须连同 $z$ 一起报告。
//
// ## 练习
//
// 用你的答案代替 `undefined` 再运行。需要时用 `tl.hint("3.2.1/1", 1)`（1 到 3 级）和 `tl.solution("3.2.1/1")`。
//
// 1. $10^{10}$ 个参数，每个 10 种取值，共有 $10^x$ 种组合。$x$ 是多少？
// 2. 特征值是 10、4、1 和许多 0。$z=1$ 时有效维度是多少？（三位小数）
// 3. 某点的黑塞矩阵最小特征值是 −3。目标函数加上 $\lambda\lVert\theta-\theta_p\rVert^2$，$\lambda$ 至少要多大，在这一点上才没有负曲率？
// 4. 路径上 $t=0,\frac14,\frac12,\frac34,1$ 处的损失是 1、2、5、2、3。势垒（相对于两端损失的连线）是多少？
// 5. （动手）把第 3 节 `connect` 的 `steps` 加到 300：曲线的势垒还剩多少？未用过的样本上呢？
// %% [markdown] lang="en"
// ## Summary
//
// * In many dimensions random points, and random directions, are all equally far apart; but a gradient is no search, and lowers the loss in a few steps.
// * The pull of (3.1) trades learning more against going far and forgetting more; it adds $2\lambda$ to every eigenvalue.
// * That a loss is not convex can be **proved**: by a negative eigenvalue, or by a barrier between two solutions. Not convex does not mean hard: critical points high up are mostly saddles.
// * Low-loss paths and the effective dimension can both be measured; the latter must be reported with its $z$.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. For help: `tl.hint("3.2.1/1", 1)` (levels 1 to 3) and `tl.solution("3.2.1/1")`.
//
// 1. $10^{10}$ parameters, 10 values each, make $10^x$ combinations. What is $x$?
// 2. The eigenvalues are 10, 4, 1 and many zeros. What is the effective dimension for $z=1$? (three decimals)
// 3. At some point the smallest eigenvalue of the Hessian is −3. With $\lambda\lVert\theta-\theta_p\rVert^2$ added to the objective, how large must $\lambda$ at least be so that no curvature is negative there?
// 4. On a path the losses at $t=0,\frac14,\frac12,\frac34,1$ are 1, 2, 5, 2, 3. What is the barrier (above the line between the losses of the ends)?
// 5. (To do) Raise `steps` of `connect` in part 3 to 300: how much of the curve's barrier is left, and how much on the unused examples?
// %%
tl.check("3.2.1/1", undefined);
tl.check("3.2.1/2", undefined);
tl.check("3.2.1/3", undefined);
tl.check("3.2.1/4", undefined);
