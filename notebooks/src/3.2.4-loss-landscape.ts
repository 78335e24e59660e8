// Section 3.2.4 of the course: the loss landscape at several scales. Basins, slices with filter normalisation, roughness against scale,
// Marchenko-Pastur fits, and the same slices for full fine-tuning, LoRA and adapters.
// Build both languages with: npm run notebooks -- 3.2.4-loss-landscape
// %% [markdown] lang="zh"
// # 3.2.4 损失景观的多尺度特性：远看是盆地，近看是噪声吗？
//
// 损失是几百万个参数的函数，谁也看不见它的全貌。但可以切片：沿一条直线或在一个平面上算损失。书上说，大尺度上有多个极小值盆地，小尺度上是噪声主导的高频振荡。两句话都可以检验，关键是分清：**振荡属于损失本身，还是属于我们测损失的方法？**
//
// 需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.2.4 The loss landscape at several scales: basins from afar, noise close up?
//
// The loss is a function of millions of parameters, and nobody can see all of it. But one can cut slices: compute the loss along a line or on a plane. The book says that there are many basins at a large scale, and high-frequency oscillation dominated by noise at a small one. Both can be tested; what matters is whether **the oscillation belongs to the loss itself or to how we measure it**.
//
// It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, heatmap, t } from "tunelab";

const model = await tl.load(tl.courseModel());
const short = ({ ids }: tl.Example) => ids.length <= 52; // short rows are quicker
const alerts = async (split: string) => (await Promise.all(["zh", "en"].map((l) => tl.loadRecords(courseFile(`data/security-alerts/${l}/${split}.jsonl`))))).flatMap((r) => tl.encodeExamples(model.tokenizer, r)).filter(short);
const trainSet = await alerts("train"), checkSet = (await alerts("validation")).slice(0, budget(12, 4));
const inLayers = (name: string) => name.includes(".layers.");
const start: tl.Params = Object.fromEntries(Object.entries(model.params).filter(([name]) => inLayers(name)));
console.log(`${trainSet.length} + ${checkSet.length} ${t({ zh: "条告警；层内参数", en: "alerts; parameters in the layers" })} ${tl.count(start).toLocaleString("en-US")}`);
// %% [markdown] lang="zh"
// ## 0. 四个终点
//
// 从同一个预训练模型出发，微调四次：全参数两次（数据顺序不同），LoRA 一次，适配器（adapter）一次。任务是给安全告警分类。
// %% [markdown] lang="en"
// ## 0. Four places to look from
//
// From the same pre-trained model we fine-tune four times: all parameters twice (in two orders of the data), LoRA once, a bottleneck adapter once. The task is to classify security alerts.
// %%
const common = { model, data: { train: trainSet, validation: checkSet }, optimizer: tl.adamw({ weightDecay: 0 }), steps: budget(24, 3), batchSize: budget(8, 2), display: false };
const loraMethod = tl.lora({ rank: 8, alpha: 16, targets: "all-linear" }), adapterMethod = tl.adapter({ reduction: 8 });
const runA = await tl.train({ ...common, method: tl.full({ parameters: "layers" }), learningRate: 1e-3, seed: 1 });
const runB = await tl.train({ ...common, method: tl.full({ parameters: "layers" }), learningRate: 1e-3, seed: 2 });
const runLora = await tl.train({ ...common, method: loraMethod, learningRate: 5e-3, seed: 1 });
const runAdapter = await tl.train({ ...common, method: adapterMethod, learningRate: 5e-3, seed: 1 });
const ends = { [t({ zh: "全参数 A", en: "full A" })]: runA, [t({ zh: "全参数 B", en: "full B" })]: runB, LoRA: runLora, [t({ zh: "适配器", en: "adapter" })]: runAdapter };
await show(lineChart({
  title: t({ zh: "四次微调", en: "Four runs of fine-tuning" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "训练损失（纳特/词元）", en: "training loss (nats per token)" }) },
  series: Object.entries(ends).map(([name, r]) => ({ name, x: r.history.steps.map((s) => s.step), y: r.history.steps.map((s) => s.loss) })),
  alt: Object.entries(ends).map(([name, r]) => `${name}: ${r.history.evaluations[r.history.evaluations.length - 1].loss.toFixed(2)}`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 1. 全局尺度上的极小值盆地
//
// ### 1.1 经过三个点的平面
//
// 三个点确定一个平面：预训练模型 $\theta_0$，两次全参数微调的终点 $\theta_A$、$\theta_B$。在平面上 $\theta=\theta_0+x(\theta_A-\theta_0)+y(\theta_B-\theta_0)$ 的各点计算验证损失。$\theta_0$ 在 $(0,0)$，$\theta_A$ 在 $(1,0)$，$\theta_B$ 在 $(0,1)$。
// %% [markdown] lang="en"
// ## 1. Basins at the global scale
//
// ### 1.1 The plane through three points
//
// Three points span a plane: the pre-trained model $\theta_0$ and the ends $\theta_A$, $\theta_B$ of the two full fine-tunings. We compute the validation loss at the points $\theta=\theta_0+x(\theta_A-\theta_0)+y(\theta_B-\theta_0)$. $\theta_0$ lies at $(0,0)$, $\theta_A$ at $(1,0)$, $\theta_B$ at $(0,1)$.
// %%
const problem = tl.modelProblem({ model, examples: checkSet, batchSize: checkSet.length, only: inLayers });
const loss = (params: tl.Params) => tl.lossAt(problem, params);
const minus = (a: tl.Params, b: tl.Params) => tl.mapParams(b, (x, name) => tl.tf.sub(a[name], x));
const grid = Array.from({ length: budget(8, 3) }, (_, i) => -0.25 + (1.75 * i) / (budget(8, 3) - 1));
const toA = minus(runA.trained, start), toB = minus(runB.trained, start), seen = await tl.plane(loss, start, [toA, toB], grid);
await show(heatmap({
  title: t({ zh: "θ₀、θ_A、θ_B 所在平面上的损失", en: "Loss on the plane of θ₀, θ_A and θ_B" }), x: { title: t({ zh: "x（θ_A 的方向）", en: "x (towards θ_A)" }) }, y: { title: t({ zh: "y（θ_B 的方向）", en: "y (towards θ_B)" }) },
  xs: grid, ys: grid.map((v) => v.toFixed(2)), z: seen.loss, zTitle: t({ zh: "损失", en: "loss" }), alt: `${t({ zh: "损失", en: "loss" })} ${Math.min(...seen.loss.flat()).toFixed(2)} – ${Math.max(...seen.loss.flat()).toFixed(2)}`,
}));
tl.dispose(toA);
tl.dispose(toB);
// %% [markdown] lang="zh"
// ### 1.2 一个盆地还是两个？势垒
//
// 沿直线从 $\theta_A$ 走到 $\theta_B$。**势垒**：路上的损失比两端连线高出的最大值。没有势垒，两点就在同一个盆地里。
//
// 再看第三个点，它**肯定**也是好的解：把每一层前馈网络的 704 个神经元重新编号（门、上投影的行和下投影的列一起换），网络计算的函数一点不变，在参数空间里却离得很远。
// %% [markdown] lang="en"
// ### 1.2 One basin or two? The barrier
//
// Walk along the straight line from $\theta_A$ to $\theta_B$. The **barrier** is the largest rise of the loss over the line between the losses at the ends. Without a barrier both points lie in one basin.
//
// Then a third point, which is **certain** to be a good solution as well: number the 704 neurons of each feed-forward layer anew (rows of gate and up projection together with columns of the down projection). The network computes the same function, and yet it is a far-away point of parameter space.
// %%
/** The same function: neurons of each feed-forward layer in another order. */
const renumbered = (params: tl.Params): tl.Params => tl.mapParams(params, (w, name) => {
  const axis = /(gate|up)_proj/.test(name) ? 0 : name.includes("down_proj") ? 1 : undefined;
  if (axis === undefined) return w.clone();
  const order = new tl.Random(1, name.replace(/mlp.*/, "")).shuffle(Array.from({ length: w.shape[axis]! }, (_, i) => i));
  return tl.tf.gather(w, tl.tf.tensor1d(order, "int32"), axis);
});
const distance = (a: tl.Params, b: tl.Params) => { const d = minus(a, b), length = Math.sqrt(tl.toVector(d).reduce((s, v) => s + v * v, 0)); tl.dispose(d); return length; };
const copyA = renumbered(runA.trained), points = budget(9, 3);
const pathAB = await tl.linearPath(loss, runA.trained, runB.trained, points), pathCopy = await tl.linearPath(loss, runA.trained, copyA, points);
// %%
await show(lineChart({
  title: t({ zh: "沿直线从 θ_A 出发", en: "On a straight line from θ_A" }), x: { title: t({ zh: "走过的部分", en: "part of the way" }) }, y: { title: t({ zh: "验证损失（纳特/词元）", en: "validation loss (nats per token)" }) },
  series: [{ name: t({ zh: "到 θ_B", en: "to θ_B" }), x: pathAB.t, y: pathAB.loss }, { name: t({ zh: "到 θ_A 的重新编号", en: "to θ_A renumbered" }), x: pathCopy.t, y: pathCopy.loss }],
  alt: `${t({ zh: "势垒", en: "barriers" })}: ${pathAB.barrier.toFixed(3)}, ${pathCopy.barrier.toFixed(3)}`,
}));
const lossStart = await loss(start), gain = lossStart - pathAB.loss[0], small = 0.05 * gain;
table([{ name: t({ zh: "θ_A → θ_B", en: "θ_A → θ_B" }), to: runB.trained, barrier: pathAB.barrier }, { name: t({ zh: "θ_A → 重新编号", en: "θ_A → renumbered" }), to: copyA, barrier: pathCopy.barrier }].map((r) => ({ [t({ zh: "路", en: "path" })]: r.name, [t({ zh: "距离", en: "distance" })]: distance(runA.trained, r.to), [t({ zh: "势垒（纳特）", en: "barrier (nats)" })]: r.barrier, [t({ zh: "势垒 / 微调的效果 (%)", en: "barrier / gain of fine-tuning (%)" })]: (100 * r.barrier) / gain })));
console.log(pathAB.barrier < small ? t({ zh: "θ_A 与 θ_B 之间没有值得一提的势垒：两次微调落在同一个盆地里。", en: "There is no barrier worth the name between θ_A and θ_B: both runs ended in one basin." }) : t({ zh: "θ_A 与 θ_B 之间有势垒：在这条直线上看，两次微调落在不同的盆地里。", en: "There is a barrier between θ_A and θ_B: seen along this line, the runs ended in different basins." }));
console.log(pathCopy.barrier > small && Math.abs(pathCopy.loss[0] - pathCopy.loss[points - 1]) < 1e-3 ? t({ zh: "重新编号的点损失相同，直线上却隔着势垒：全局尺度上确实有许多盆地。", en: "The renumbered point has the same loss, but a barrier lies on the line to it: at the global scale there are many basins indeed." }) : t({ zh: "到重新编号的点的直线上没有显著的势垒。", en: "No considerable barrier lies on the line to the renumbered point." }));
// %% [markdown] lang="zh"
// 所以“多个盆地”要分开说。仅凭神经元的编号，盆地就有 $(704!)^6$ 个，但它们是同一个函数的副本，并不“增加泛化能力”。从同一个预训练模型出发的几次微调是否在同一个盆地，要看上面测得的势垒。
//
// ### 1.3 三个尺度的切片
//
// 沿随机方向走，步子多大才算大？Li 等（2018）的**过滤器归一化**：把方向的每一行缩放到与权重的同一行一样长。于是 1 表示“改变了与权重本身一样多”。书上的“全局、中观、微观”我们取 $h=1$、$0.1$、$0.001$。实线用固定的一组样本；虚线每次计算换一个小批量（4 个样本），就像训练时那样。固定的样本来自验证集，小批量来自训练集，所以两条线的高低不同；要看的是形状。
// %% [markdown] lang="en"
// So "many basins" means two things. By the numbering of neurons alone there are $(704!)^6$ of them, but they are copies of one function, which add nothing to generalisation. Whether several fine-tunings of one pre-trained model share a basin is what the barrier measured above says.
//
// ### 1.3 Slices at three scales
//
// Along a random direction, what is a large step? **Filter normalisation** (Li et al. 2018) scales each row of the direction to the length of the same row of the weights, so that 1 means "changed by as much as the weights themselves". For the book's global, middle and microscopic scale we take $h=1$, $0.1$ and $0.001$. The solid line uses one fixed set of examples; the dashed one takes another mini-batch (4 examples) at each point, as in training. The fixed examples are from the validation set, the mini-batches from the training set, so the lines differ in height; what counts is their shape.
// %%
const batches = Array.from({ length: budget(16, 3) }, (_, i) => tl.modelProblem({ model, examples: trainSet.slice(4 * i, 4 * i + 4), batchSize: 4, only: inLayers }));
const draw = new tl.Random(1, "batches"), noisyLoss = (params: tl.Params) => tl.lossAt(batches[Math.floor(draw.uniform() * batches.length)], params);
const direction = tl.randomDirection(runA.trained, 1), extents = [1, 0.1, 0.001], slicePoints = budget(13, 3);
for (const h of extents) {
  const exact = await tl.slice(loss, runA.trained, direction, tl.spread(h, slicePoints)), noisy = await tl.slice(noisyLoss, runA.trained, direction, tl.spread(h, slicePoints));
  await show(lineChart({
    title: t({ zh: `切片，h = ${h}`, en: `Slice, h = ${h}` }), x: { title: t({ zh: "步长（以权重长度为单位）", en: "step (in lengths of the weights)" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
    series: [{ name: t({ zh: "固定的样本", en: "fixed examples" }), x: exact.x, y: exact.loss }, { name: t({ zh: "每点换小批量", en: "new mini-batch at each point" }), x: noisy.x, y: noisy.loss }],
    alt: `${t({ zh: "固定", en: "fixed" })} ${Math.min(...exact.loss).toFixed(4)} – ${Math.max(...exact.loss).toFixed(4)}; ${t({ zh: "小批量", en: "mini-batches" })} ${Math.min(...noisy.loss).toFixed(3)} – ${Math.max(...noisy.loss).toFixed(3)}`,
  }));
}
tl.dispose(direction);
// %% [markdown] lang="zh"
// ### 1.4 随机矩阵理论：权重里有多少是噪声
//
// 独立同分布的随机矩阵 $X\in\mathbb{R}^{p\times n}$（方差 $\sigma^2$，$\gamma=p/n$），$XX^\top/n$ 的特征值服从 Marchenko-Pastur 分布，全部落在 $\sigma^2(1\pm\sqrt\gamma)^2$ 之间。超出上界的特征值（按 Tracy-Widom 分布检验，1 % 水平）是信号；最多数到总数的三分之一。图中的理论曲线按上界以内的特征值所占的比例缩放。
// 我们对中间一层（从 0 数起的第 2 层）的几个矩阵拟合：初始化的样子（对照）、预训练后的权重、微调的梯度、微调的更新。**距离**是其余特征值与理论分布的最大差（Kolmogorov-Smirnov）：接近 0 说明像噪声，大则说明整个谱都不是噪声。
// %% [markdown] lang="en"
// ### 1.4 Random matrix theory: how much of the weights is noise
//
// Let $X\in\mathbb{R}^{p\times n}$ have independent entries of variance $\sigma^2$, and $\gamma=p/n$. The eigenvalues of $XX^\top/n$ then follow the law of Marchenko and Pastur and lie within $\sigma^2(1\pm\sqrt\gamma)^2$. Those above the edge (tested by the Tracy-Widom law at the level of 1 %) are signal; at most a third of all are counted. In the figures the law is scaled to the share of the eigenvalues that are not above the edge.
// We fit some matrices of a middle layer (number 2, counted from 0): as they look at initialisation (for comparison), the pre-trained weights, the gradient of fine-tuning, the update by fine-tuning. The **distance** is the largest difference between the remaining eigenvalues' distribution and the law (Kolmogorov-Smirnov): near 0 it looks like noise; where it is large, the whole spectrum is no noise.
// %%
const gradientRows = tl.modelProblem({ model, examples: trainSet.slice(0, budget(64, 32)), batchSize: 8, only: inLayers }), gradient = tl.toParams((await tl.gradient(gradientRows)).gradient, gradientRows.params);
const eigenvaluesOf = (w: tl.Params[string]) => { const n = Math.max(...w.shape); return Array.from(tl.singularValues(w), (s) => (s * s) / n); };
const matrices = ["self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj"].map((site) => `model.layers.2.${site}.weight`);
const sources: Record<string, (name: string) => tl.Params[string]> = {
  [t({ zh: "初始化（随机）", en: "initialisation (random)" })]: (name) => tl.tf.randomNormal(model.params[name].shape, 0, 0.02, "float32", matrices.indexOf(name) + 1), [t({ zh: "预训练权重", en: "pre-trained weights" })]: (name) => model.params[name],
  [t({ zh: "微调的梯度", en: "gradient of fine-tuning" })]: (name) => gradient[name], [t({ zh: "微调的更新", en: "update by fine-tuning" })]: (name) => tl.tf.sub(runA.trained[name], model.params[name]),
};
const fits = Object.entries(sources).flatMap(([source, get]) => matrices.map((name) => { const values = eigenvaluesOf(get(name)); return { source, name, values, fit: tl.fitMarchenkoPastur(values, Math.max(...model.params[name].shape)) }; }));
table(fits.map((f) => ({ [t({ zh: "矩阵", en: "matrix" })]: f.name.replace("model.layers.2.", "").replace(".weight", ""), [t({ zh: "来源", en: "source" })]: f.source, [t({ zh: "上界之外的特征值", en: "eigenvalues above the edge" })]: `${f.fit.spikes.length} / ${f.values.length}`, [t({ zh: "最大特征值 / 上界", en: "largest / edge" })]: f.values[0] / f.fit.edges[1], [t({ zh: "距离", en: "distance" })]: f.fit.distance.toFixed(3) })));
// %%
for (const f of fits.filter((x) => x.name.includes("down_proj")).slice(0, 2)) {
  const top = Math.max(1.3 * f.fit.edges[1], Math.min(f.values[0], 4 * f.fit.edges[1])), bins = 24, width = top / bins, centres = Array.from({ length: bins }, (_, i) => (i + 0.5) * width), inside = f.values.filter((v) => v < top);
  const figure = lineChart({
    title: `down_proj, ${f.source}`, x: { title: t({ zh: "XXᵀ/n 的特征值", en: "eigenvalue of XXᵀ/n" }) }, y: { title: t({ zh: "密度", en: "density" }) },
    series: [
      { name: t({ zh: "测得", en: "measured" }), x: centres, y: centres.map((_, i) => inside.filter((v) => v >= i * width && v < (i + 1) * width).length / f.values.length / width), error: centres.map((_, i) => Math.sqrt(inside.filter((v) => v >= i * width && v < (i + 1) * width).length) / f.values.length / width) },
      { name: "Marchenko-Pastur", x: Array.from({ length: 100 }, (_, i) => ((i + 0.5) * top) / 100), y: Array.from({ length: 100 }, (_, i) => (1 - f.fit.spikes.length / f.values.length) * tl.marchenkoPasturDensity(((i + 0.5) * top) / 100, f.fit.gamma, f.fit.sigma2)) },
    ], alt: `${f.fit.spikes.length} ${t({ zh: "个特征值在上界之外", en: "eigenvalues above the edge" })}, ${t({ zh: "图外", en: "outside the figure" })}: ${f.values.length - inside.length}`,
  });
  await show(figure);
}
const meanDistance = (source: string) => fits.filter((f) => f.source === source).reduce((s, f) => s + f.fit.distance / matrices.length, 0), control = meanDistance(fits[0].source);
for (const source of Object.keys(sources).slice(1)) console.log(`${source}: ${meanDistance(source) > 3 * control ? t({ zh: "谱与噪声明显不同", en: "the spectrum is clearly not that of noise" }) : t({ zh: "除上界之外的特征值，谱像噪声", en: "but for the eigenvalues above the edge, the spectrum looks like noise" })} (${meanDistance(source).toFixed(3)}, ${t({ zh: "对照", en: "random" })} ${control.toFixed(3)})`);
// %% [markdown] lang="zh"
// ## 2. 微观尺度上的高频振荡
//
// 怎样量“振荡”？沿随机方向在 $[-h,h]$ 上取几个点，减去最合适的抛物线，剩下的均方根叫**粗糙度**。光滑的函数，粗糙度随 $h$ 至少按 $h^3$ 缩小；真正的噪声则不随 $h$ 变小。计算机里还有一个下限：损失以 float32 计算，相对精度约 $10^{-7}$，粗糙度到了这里就不再缩小。对固定的样本和随机小批量各量一遍，各沿 3 个方向。
// %% [markdown] lang="en"
// ## 2. High-frequency oscillation at the microscopic scale
//
// How to measure "oscillation"? Take some points on $[-h,h]$ along a random direction and subtract the best parabola; the root mean square of what is left is the **roughness**. For a smooth function it shrinks like $h^3$ or faster; true noise does not shrink with $h$. There is a floor in the computer, too: the loss is computed in float32, to about $10^{-7}$ of its value, and no roughness is seen below that. We measure it for the fixed examples and for random mini-batches, along 3 directions each.
// %%
const scales = budget(1, 0) ? [0.001, 0.01, 0.1, 1] : [0.01, 1], directions = budget(3, 2), roughPoints = budget(7, 5);
const roughExact = await tl.roughness(loss, runA.trained, scales, { directions, points: roughPoints, seed: 10 });
const roughNoisy = await tl.roughness(noisyLoss, runA.trained, scales, { directions, points: roughPoints, seed: 10 });
await show(lineChart({
  title: t({ zh: "粗糙度与尺度", en: "Roughness against scale" }), x: { title: t({ zh: "尺度 h（以权重长度为单位）", en: "scale h (in lengths of the weights)" }), log: true }, y: { title: t({ zh: "粗糙度（纳特）", en: "roughness (nats)" }), log: true },
  series: [{ name: t({ zh: "固定的样本", en: "fixed examples" }), x: scales, y: roughExact.scales.map((r) => r.rough.mean) }, { name: t({ zh: "随机小批量", en: "random mini-batches" }), x: scales, y: roughNoisy.scales.map((r) => r.rough.mean) }],
  alt: scales.map((h, i) => `h = ${h}: ${roughExact.scales[i].rough.mean.toExponential(1)}, ${roughNoisy.scales[i].rough.mean.toExponential(1)}`).join("; "),
}));
table(scales.map((h, i) => { const e = roughExact.scales[i], n = roughNoisy.scales[i], show95 = (x: tl.Interval) => `${x.mean.toExponential(1)} ± ${x.error.toExponential(1)}`; return { h, [t({ zh: "粗糙度，固定", en: "roughness, fixed" })]: show95(e.rough), [t({ zh: "起伏，固定", en: "rise, fixed" })]: show95(e.rise), [t({ zh: "粗糙度，小批量", en: "roughness, mini-batches" })]: show95(n.rough), [t({ zh: "起伏，小批量", en: "rise, mini-batches" })]: show95(n.rise) }; }), t({ zh: "3 个方向的平均与 95 % 区间", en: "Means of the directions with 95 % intervals" }));
// %%
const share = (r: tl.Roughness) => r.rough.mean / r.rise.mean, finest = [share(roughExact.scales[0]), share(roughNoisy.scales[0])];
console.log(t({ zh: `h = ${scales[0]} 时，粗糙度占起伏的：固定样本 ${(100 * finest[0]).toFixed(2)} %，随机小批量 ${(100 * finest[1]).toFixed(0)} %。`, en: `At h = ${scales[0]} roughness is this part of the rise: fixed examples ${(100 * finest[0]).toFixed(2)} %, random mini-batches ${(100 * finest[1]).toFixed(0)} %.` }));
console.log(finest[0] > 0.5 ? t({ zh: "损失本身在小尺度上就由振荡主导：书上的说法成立。", en: "The loss itself is dominated by oscillation at the small scale: the book's claim holds." })
  : finest[1] > 0.5 ? t({ zh: "损失本身在小尺度上是光滑的；振荡来自小批量的抽样。书上的说法要更正：噪声属于测量（每步换数据），不属于景观。", en: "The loss itself is smooth at the small scale; the oscillation comes from drawing mini-batches. The book's claim needs a correction: the noise belongs to the measurement (new data at each step), not to the landscape." })
  : t({ zh: "在这个尺度上，两者都没有被振荡主导。", en: "At this scale neither is dominated by oscillation." }));
const lossesAB = [pathAB.loss[0], pathAB.loss[points - 1]];
console.log(t({ zh: `只有数据顺序不同的两次全参数微调，验证损失 ${lossesAB.map((l) => l.toFixed(3)).join(" 与 ")}，相差是微调效果的 ${((100 * Math.abs(lossesAB[0] - lossesAB[1])) / gain).toFixed(1)} %。`, en: `Two full fine-tunings that differ in the order of the data only: validation losses ${lossesAB.map((l) => l.toFixed(3)).join(" and ")}, a difference of ${((100 * Math.abs(lossesAB[0] - lossesAB[1])) / gain).toFixed(1)} % of the gain.` }));
// %% [markdown] lang="zh"
// 小批量的噪声仍然有书上说的那些后果：它让训练不稳定，让多次运行的结果不同。办法是对付**抽样**：更大的批量、梯度累积、较小的学习率；而不是去“平滑”一个本来就光滑的函数。
//
// ## 3. 多尺度特性对微调方法的影响
//
// 全参数、LoRA、适配器训练的是不同的参数，它们各自看到的景观也不同。在各自的终点、各自的参数里切同样的片（过滤器归一化后，步长都以自己的权重为单位），量三个尺度的起伏。
// 注意能比什么：同样的**相对**步长。全参数的 1 表示整个网络的矩阵都变了，LoRA 的 1 只表示 $A$、$B$ 变了。
// %% [markdown] lang="en"
// The noise of mini-batches still does what the book says: it makes training unstable, and runs differ. The remedies deal with **sampling**: larger batches, gradient accumulation, a smaller learning rate; there is no need to smooth a function that is smooth.
//
// ## 3. What this means for methods of fine-tuning
//
// Full fine-tuning, LoRA and adapters train different parameters, and each sees a landscape of its own. We cut the same slices at the end of each, within its own parameters (filter-normalised, so that steps are in units of its own weights), and measure the rise at three scales.
// Mind what can be compared: the same **relative** step. For full fine-tuning 1 means that all matrices of the network change; for LoRA only that $A$ and $B$ do.
// %%
const views: Record<string, { at: tl.Params; loss: (p: tl.Params) => Promise<number> }> = { [t({ zh: "全参数", en: "full" })]: { at: runA.trained, loss } };
for (const [name, run] of [["LoRA", runLora], [t({ zh: "适配器", en: "adapter" }), runAdapter]] as [string, tl.Run][]) {
  const own = tl.modelProblem({ model, method: run.method, trained: run.trained, examples: checkSet, batchSize: checkSet.length });
  views[name] = { at: run.trained, loss: (p) => tl.lossAt(own, p) };
}
const lines: { name: string; line: tl.Line }[] = [], rises: Record<string, tl.Roughness[]> = {}, riseScales = [0.01, 0.1, 1];
for (const [name, view] of Object.entries(views)) {
  const own = tl.randomDirection(view.at, 1);
  lines.push({ name, line: await tl.slice(view.loss, view.at, own, tl.spread(1, budget(11, 3))) });
  tl.dispose(own);
  rises[name] = (await tl.roughness(view.loss, view.at, riseScales, { directions, points: 5, seed: 20 })).scales;
}
await show(tl.sliceFigure(lines));
// %%
await show(lineChart({
  title: t({ zh: "各方法在三个尺度上的起伏", en: "Rise at three scales, by method" }), x: { title: t({ zh: "尺度 h（以自己的权重长度为单位）", en: "scale h (in lengths of its own weights)" }), log: true }, y: { title: t({ zh: "起伏（纳特，均方根）", en: "rise (nats, root mean square)" }), log: true },
  series: Object.entries(rises).map(([name, r]) => ({ name, x: riseScales, y: r.map((s) => s.rise.mean) })),
  alt: Object.entries(rises).map(([name, r]) => `${name}: ${r.map((s) => s.rise.mean.toExponential(1)).join(", ")}`).join("; "),
}));
table(Object.entries(rises).map(([name, r]) => ({ [t({ zh: "方法", en: "method" })]: name, [t({ zh: "参数个数", en: "parameters" })]: tl.count(views[name].at), ...Object.fromEntries(r.map((s) => [`h = ${s.scale}`, `${s.rise.mean.toPrecision(2)} ± ${s.rise.error.toPrecision(2)}`])) })), t({ zh: "起伏（纳特）与 95 % 区间", en: "Rise (nats) with 95 % intervals" }));
const atOne = Object.entries(rises).map(([name, r]) => ({ name, rise: r[2].rise })), apart = atOne.slice(1).map((x) => (x.rise.mean + x.rise.error < atOne[0].rise.mean - atOne[0].rise.error ? t({ zh: "更平坦", en: "flatter" }) : x.rise.mean - x.rise.error > atOne[0].rise.mean + atOne[0].rise.error ? t({ zh: "更陡", en: "steeper" }) : t({ zh: "在误差之内分不出", en: "not to be told apart within the errors" })));
atOne.slice(1).forEach((x, i) => console.log(`h = 1, ${x.name} ${t({ zh: "与全参数相比：", en: "against full fine-tuning: " })}${apart[i]}`));
// %% [markdown] lang="zh"
// 书上说，不同方法“擅长”不同的尺度。上面的数只说明各方法的参数扰动同样比例时损失变化多少；它不能证明哪个方法因此更好。要下那样的结论，还得把起伏与最终的验证损失放在一起，对许多任务、许多种子比较。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.2.4/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.2.4/1")` 给解答。
//
// 1. $X$ 是 256 × 1024 的随机矩阵，元素方差 0.01。$XX^\top/1024$ 的特征值的上界（Marchenko-Pastur）是多少？
// 2. 权重的一行是 $(3, 4)$，随机方向的同一行是 $(1, 0)$。过滤器归一化之后，方向的第一个数是多少？
// 3. 一个光滑的损失在 $h=0.1$ 时粗糙度为 0.008，按 $h^3$ 变化。$h=0.01$ 时是多少？
// 4. 写一个函数 `(losses) => number`：路径上等距的点的损失，返回势垒（比两端连线高出的最大值）。
// %% [markdown] lang="en"
// The book says that different methods are "good at" different scales. The numbers above only say how much the loss changes when each method's parameters are disturbed by the same part of themselves; they do not prove that one is better for it. For that, one would have to hold the rise against the final validation loss over many tasks and seeds.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.2.4/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.2.4/1")` the solution.
//
// 1. $X$ is a random 256 × 1024 matrix whose entries have variance 0.01. What is the upper edge (Marchenko-Pastur) of the eigenvalues of $XX^\top/1024$?
// 2. A row of the weights is $(3, 4)$ and the same row of a random direction $(1, 0)$. What is the direction's first number after filter normalisation?
// 3. A smooth loss has a roughness of 0.008 at $h=0.1$, and it goes like $h^3$. What is it at $h=0.01$?
// 4. Write a function `(losses) => number`: from the losses at evenly spaced points of a path, return the barrier (the largest rise over the line between the ends).
// %%
tl.check("3.2.4/1", undefined);
tl.check("3.2.4/2", undefined);
tl.check("3.2.4/3", undefined);
tl.check("3.2.4/4", undefined);
