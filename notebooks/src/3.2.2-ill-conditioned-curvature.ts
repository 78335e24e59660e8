// Section 3.2.2 of the course: the Hessian's spectrum, condition numbers and what they do to optimizers, on the course model.
// Build both languages with: npm run notebooks -- 3.2.2-ill-conditioned-curvature
// %% [markdown] lang="zh" tags=["claim:3.2.2/few-large", "claim:3.2.2/condition-number"]
// # 3.2.2 病态曲率分析：同一个步长，为什么对有的方向太大，对有的方向太小？
//
// 书上说：损失的黑塞矩阵有“少数大特征值和大量接近零的特征值”，“条件数通常超过 $10^4$”，所以梯度下降又慢又不稳。这些话能测出来吗？用哪个条件数？
// 本节在课程自带的 600 万参数模型上，不写出黑塞矩阵（它有几十万亿个元素），量出它两端的特征值、整个谱、迹和条件数，再看梯度下降和 Adam 在这样的曲率上怎么走，以及微调前后、LoRA 的参数里有什么不同。
//
// 需要的资源：约 5 GB 内存；2 核 CPU 上约 3 分钟。为了省时间，曲率只对 8 条短问答计算；随机向量和步数都少，所以结果带误差棒。
// %% [markdown] lang="en" tags=["claim:3.2.2/few-large", "claim:3.2.2/condition-number"]
// # 3.2.2 Ill-conditioned curvature: why is one step too long for some directions and too short for others?
//
// The book says that the Hessian of the loss has "few large eigenvalues and very many near zero", that its condition number "usually exceeds $10^4$", and that this makes gradient descent slow and unstable. Can that be measured? Which condition number is meant?
// Here we take the course's own model of 6 million parameters and, without ever writing its Hessian down (it has tens of trillions of entries), measure the eigenvalues at both ends, the whole spectrum, the trace and condition numbers. Then we watch how gradient descent and Adam move on such curvature, and what changes after fine-tuning and among LoRA's parameters.
//
// It needs about 5 GB of memory and, on 2 CPU cores, about 3 minutes. To save time the curvature is that of 8 short questions and answers, with few random vectors and few steps; so results carry error bars.
// %%
import * as tl from "tunelab";
import { courseFile, courseModel, budget, table, show, lineChart, barChart, t } from "tunelab";

const model = await tl.load(courseModel());
const n = tl.count(model.params);
console.log(t({ zh: "参数个数 n =", en: "parameters n =" }), n.toLocaleString("en-US"));
console.log(t({ zh: "黑塞矩阵 n × n，32 位，要占（TB）", en: "the Hessian, n × n in 32 bits, would take (TB)" }), ((4 * n * n) / 1e12).toFixed(0));
// %% [markdown] lang="zh"
// ## 1. 想法：条件数与步数
//
// 在一点附近，损失由梯度 $g$ 和黑塞矩阵 $H$ 决定：
//
// $$L(\theta+\delta)\approx L(\theta)+g^\top\delta+\tfrac12\,\delta^\top H\,\delta,\qquad \kappa=\frac{\lambda_{\max}}{\lambda_{\min}}$$
//
// 沿特征向量 $v_i$，梯度下降每步把到最低点的距离乘以 $1-\eta\lambda_i$。最陡的方向要求 $\eta<2/\lambda_{\max}$，最平的方向因此走得很慢。
// 先看一个二维的碗 $\tfrac12(\kappa x^2+y^2)$：用最好的步长 $\eta=2/(\lambda_{\max}+\lambda_{\min})$，距离缩小到百分之一要多少步？梯度又偏离指向最低点的方向多少？
// %% [markdown] lang="en"
// ## 1. The idea: condition number and number of steps
//
// Near a point the loss is given by its gradient $g$ and its Hessian $H$:
//
// $$L(\theta+\delta)\approx L(\theta)+g^\top\delta+\tfrac12\,\delta^\top H\,\delta,\qquad \kappa=\frac{\lambda_{\max}}{\lambda_{\min}}$$
//
// Along an eigenvector $v_i$ a step of gradient descent multiplies the distance to the minimum by $1-\eta\lambda_i$. The steepest direction demands $\eta<2/\lambda_{\max}$, so the flattest one is slow.
// First a bowl in two dimensions, $\tfrac12(\kappa x^2+y^2)$: with the best step, $\eta=2/(\lambda_{\max}+\lambda_{\min})$, how many steps until the distance is a hundredth? And how far does the gradient point away from the minimum?
// %%
const KAPPAS = [2, 10, 100, 1000, 10_000];
const bowl = KAPPAS.map((kappa) => {
  const eta = 2 / (kappa + 1);
  let x = 1, y = 1, steps = 0;
  for (; Math.hypot(x, y) > 0.01 * Math.SQRT2; steps++) { x -= eta * kappa * x; y -= eta * y; }
  return { kappa, steps, degrees: tl.angle(Float64Array.of(kappa, 1), Float64Array.of(1, 1)).degrees }; // gradient and way to the minimum at (1, 1)
});
await show(lineChart({
  title: t({ zh: "梯度下降缩小到百分之一所需的步数", en: "Steps of gradient descent to a hundredth of the distance" }), x: { title: t({ zh: "条件数 κ", en: "condition number κ" }), log: true }, y: { title: t({ zh: "步数", en: "steps" }), log: true },
  series: [{ name: t({ zh: "实际运行", en: "run" }), x: KAPPAS, y: bowl.map((b) => b.steps) }, { name: "½ κ ln 100", x: KAPPAS, y: KAPPAS.map((k) => 0.5 * k * Math.log(100)) }],
  alt: bowl.map((b) => `κ = ${b.kappa}: ${b.steps}`).join("; "),
}));
table(bowl.map(({ kappa, steps, degrees }) => ({ "κ": kappa, [t({ zh: "步数", en: "steps" })]: steps, [t({ zh: "偏离（度）", en: "off by (degrees)" })]: degrees })));
// %% [markdown] lang="zh"
// 步数与 $\kappa$ 成正比。“偏离”是在 (1, 1) 处负梯度与指向最低点的方向的夹角。书上把 $\kappa>10$ 就叫病态；从图上看，10 只要二十几步，一万才是真正的麻烦。夹角也要小心理解：负梯度永远是**当地**下降最快的方向，它偏离的是“指向最低点”的方向。
//
// ## 2. 黑塞矩阵分析：真实模型的谱
//
// 不能写出 $H$，但可以算 $H$ 与任何向量的乘积：$Hv=\nabla\langle\nabla L,v\rangle$，代价是几次反向传播（Pearlmutter 1994）。先用梯度的差分核对它：$Hv\approx\frac{g(\theta+\varepsilon v)-g(\theta-\varepsilon v)}{2\varepsilon}$。
// %% [markdown] lang="en"
// The number of steps goes with $\kappa$. "Off by" is the angle at (1, 1) between −gradient and the way to the minimum. The book calls $\kappa>10$ ill-conditioned; by the figure 10 takes some twenty steps, and ten thousand is the real trouble. Read the angle with care, too: −gradient is always the way down that is steepest **here**; what it misses is the way to the minimum.
//
// ## 2. The Hessian: the spectrum of a real model
//
// $H$ cannot be written down, but its product with any vector can be had: $Hv=\nabla\langle\nabla L,v\rangle$, for a few backward passes (Pearlmutter 1994). First we check it by differences of gradients: $Hv\approx\frac{g(\theta+\varepsilon v)-g(\theta-\varepsilon v)}{2\varepsilon}$.
// %%
const readShort = async (split: string) => (await Promise.all(["zh", "en"].map((l) => tl.loadRecords<{ question: string; answer: string }>(courseFile(`data/security-qa/${l}/${split}.jsonl`))))).flatMap((rows) => tl.encodeExamples(model.tokenizer, rows).filter((e) => e.ids.length <= 68));
const [trainSet, heldOut] = [await readShort("train"), (await readShort("validation")).slice(0, 8)];
const every = Math.floor(trainSet.length / 8), examples = trainSet.filter((_, i) => i % every === 0).slice(0, 8);
const problem = tl.modelProblem({ model, examples, batchSize: 2 }); // the loss of 8 examples in 4 batches, at the pre-trained weights
const H = tl.curvature(problem), slope = tl.lossAndGradient(problem);
const unitVector = tl.probe(n, 1, 0, "gaussian").map((x) => x / Math.sqrt(n)), direction = tl.toParams(unitVector, problem.params), eps = 0.05;
const [ahead, behind] = [tl.along(problem.params, [direction, eps]), tl.along(problem.params, [direction, -eps])];
const [gAhead, gBehind] = [(await slope.at(ahead)).gradient, (await slope.at(behind)).gradient], here = await slope.at(problem.params);
const product = await H.apply(unitVector), differences = gAhead.map((g, i) => (g - gBehind[i]) / (2 * eps));
console.log(t({ zh: "短样本（训练 / 验证）", en: "short examples (training / validation)" }), trainSet.length, heldOut.length, t({ zh: "；损失", en: "; loss" }), here.loss.toFixed(3));
console.log(t({ zh: "Hv 与差分的夹角余弦", en: "cosine of Hv and the differences" }), tl.angle(product, differences).cosine.toFixed(5));
[direction, ahead, behind].forEach(tl.dispose);
// %% [markdown] lang="zh"
// ### 两端的特征值
//
// Lanczos 迭代只用乘积 $Hv$，最先找到的就是最外面的特征值；每个值都带一个残差，真正的特征值一定在这个距离之内。
// %% [markdown] lang="en"
// ### The eigenvalues at both ends
//
// The Lanczos recurrence needs products $Hv$ only, and finds the outermost eigenvalues first; each comes with a residual, and a true eigenvalue lies within that distance.
// %%
const lanczosSteps = budget(30, 6);
const top = await tl.eigenvalues(H, { largest: 10, smallest: 2, tolerance: 0.05, maxSteps: lanczosSteps, vectors: true, seed: 1 });
await show(tl.eigenvalueFigure(top));
const lambda1 = top.largest[0].value, bottom = top.smallest[0].value;
console.log(t({ zh: "λ₁ =", en: "λ₁ =" }), lambda1.toFixed(2), t({ zh: "，最小的 =", en: ", the smallest =" }), bottom.toFixed(2), t({ zh: "；乘积次数", en: "; products" }), top.steps, t({ zh: "，收敛的个数", en: ", converged" }), [...top.largest, ...top.smallest].filter((e) => e.converged).length);
console.log(bottom + top.smallest[0].residual < 0
  ? t({ zh: "有确定的负特征值：沿这个方向损失向下弯，所以这里不是局部极小点，H 也不正定。", en: "A negative eigenvalue is certain: along it the loss bends downwards, so this is no local minimum, and H is not positive definite." })
  : t({ zh: "没有看到确定的负特征值。", en: "No negative eigenvalue is certain." }));
// %% [markdown] lang="zh"
// ### 整个谱
//
// 随机 Lanczos 求积（SLQ）：从一个随机向量出发走 $m$ 步，得到 $m$ 个节点和权重，权重就是“在这附近有百分之几的特征值”。虚线是 95 % 的上限：一条来自随机向量的不同，一条来自小批量的不同。纵轴是对数。
// %% [markdown] lang="en"
// ### The whole spectrum
//
// Stochastic Lanczos quadrature (SLQ): $m$ steps from a random vector give $m$ nodes and weights, and a weight says what part of the eigenvalues lies near its node. The broken lines are upper 95 % limits: one for the choice of random vectors, one for the choice of mini-batches. The y axis is logarithmic.
// %%
const density = await tl.spectralDensity(H, { steps: budget(20, 4), probes: budget(3, 2), groups: budget(4, 2), known: top.state, seed: 1 });
top.state.basis.length = 0; // frees the Lanczos vectors, nearly 1 GB
await show(tl.densityFigure(density));
// %%
const parts = [10, 20, 50].map((k) => ({ k, above: tl.spectralSum(density, (l) => (Math.abs(l) > lambda1 / k ? 1 : 0)) }));
table(parts.map(({ k, above }) => ({
  [t({ zh: "界限", en: "threshold" })]: `λ₁ / ${k}`, [t({ zh: "|λ| 超过它的特征值个数", en: "eigenvalues with |λ| above it" })]: Math.round(above.mean), [t({ zh: "± （随机向量，95 %）", en: "± (random vectors, 95 %)" })]: Math.round(above.error),
  [t({ zh: "± （小批量，95 %）", en: "± (mini-batches, 95 %)" })]: Math.round(above.batchError), [t({ zh: "占 n 的 %", en: "% of n" })]: (100 * above.mean) / n,
})));
const large = (parts[0].above.mean + Math.max(parts[0].above.error, parts[0].above.batchError || 0)) / n; // the larger of the two errors
console.log(t({ zh: "“少数大特征值，大量接近零”：", en: "\"Few large, very many near zero\": " }) + (large < 0.01
  ? t({ zh: `成立。超过 λ₁/10 的连误差在内不到全部的 ${(100 * large).toPrecision(1)} %。`, en: `it holds. With its error, the part above λ₁/10 is at most ${(100 * large).toPrecision(1)} % of all.` })
  : parts[0].above.mean / n < 0.01 ? t({ zh: "平均值支持，但误差太大，还不能下结论。", en: "the mean supports it, but the error is too large to conclude." }) : t({ zh: "这次没有得到支持。", en: "it is not supported here." })));
// %% [markdown] lang="zh"
// 节点有多细，看步数：$m$ 个节点分不清比“全宽 $/m$”更近的特征值，所以中间那个尖峰只说明“接近零”，说不出有多接近。下面的迹和随机方向补上这一点。
//
// ### 迹，和负的部分
//
// 迹 $\operatorname{tr}H=\sum\lambda_i$ 除以 $n$ 就是**平均特征值**。Hutchinson 用随机向量平均 $z^\top Hz$；Hutch++ 先把 $H$ 作用较大的方向精确算掉，再平均剩下的。
// %% [markdown] lang="en"
// How fine the nodes are depends on the steps: $m$ nodes cannot tell eigenvalues apart that are closer than the whole width$/m$. So the spike in the middle says "near zero" but not how near. The trace and random directions, below, do.
//
// ### The trace, and the negative part
//
// The trace $\operatorname{tr}H=\sum\lambda_i$ over $n$ is the **mean eigenvalue**. Hutchinson averages $z^\top Hz$ over random vectors; Hutch++ first takes the directions on which $H$ acts most, exactly, and averages the rest.
// %%
const plainTrace = await tl.hutchinson(H, { maxProducts: budget(10, 2), tolerance: 0.01, seed: 2 });
const trace = await tl.hutchPlusPlus(H, { maxProducts: budget(24, 6), sketch: budget(6, 2), tolerance: 0.01, seed: 3 });
const quadrature = tl.spectralSum(density, (l) => l), negative = tl.negativeMass(density, lambda1 / 100);
table([["Hutchinson", plainTrace.trace, plainTrace.error, plainTrace.products], ["Hutch++", trace.trace, trace.error, trace.products], [t({ zh: "SLQ 的节点", en: "nodes of SLQ" }), quadrature.mean, quadrature.error, density.probes.length]].map(([method, value, error, products]) => ({
  [t({ zh: "方法", en: "method" })]: method, [t({ zh: "迹", en: "trace" })]: value, "± 95 %": error, [t({ zh: "乘积（SLQ：随机向量）的个数", en: "products (SLQ: random vectors)" })]: products,
})), t({ zh: "三种估计", en: "Three estimates" }));
const meanEigenvalue = trace.trace / n;
console.log(t({ zh: "平均特征值 tr H / n =", en: "mean eigenvalue tr H / n =" }), meanEigenvalue.toExponential(1), t({ zh: "；低于 −λ₁/100 的特征值占 n 的 %：", en: "; eigenvalues below −λ₁/100, % of n:" }), (100 * negative.fraction.mean).toPrecision(2), "±", (100 * negative.fraction.error).toPrecision(2));
// %% [markdown] lang="zh"
// ## 3. 病态条件数：先说清是哪个子空间
//
// 照定义 $\kappa=\lambda_{\max}/\lambda_{\min}$ 算，最小的特征值是负的，比值就没有意义；换成“绝对值最小的”，它是零加舍入误差，比值想多大就多大。所以条件数必须说明**在哪个子空间上**：
//
// * 前 10 个特征向量张成的空间：$\lambda_1/\lambda_{10}$；
// * 最陡的方向 $v_1$ 加上几个**随机方向**：随机方向的曲率约等于平均特征值 $\operatorname{tr}H/n$，这就是一个“普通方向”的陡峭程度。
// %% [markdown] lang="en"
// ## 3. Ill-conditioned: say first on which subspace
//
// By the definition $\kappa=\lambda_{\max}/\lambda_{\min}$ the smallest eigenvalue is negative, and the ratio means nothing; with "the smallest in absolute value" it is zero plus rounding, and the ratio can be as large as you like. So a condition number must say **on which subspace**:
//
// * the span of the 10 leading eigenvectors: $\lambda_1/\lambda_{10}$;
// * the steepest direction $v_1$ and some **random directions**: their curvature is about the mean eigenvalue $\operatorname{tr}H/n$, which is how steep an ordinary direction is.
// %%
const v1 = top.largest[0].vector!, randoms = Array.from({ length: budget(6, 2) }, (_, i) => tl.probe(n, 7, i, "gaussian"));
const inSpan = await tl.restricted(H, [v1, ...randoms]), flattest = inSpan[inSpan.length - 1];
const sound = top.largest.findIndex((e) => !e.converged), leading = sound < 0 ? 10 : sound;
const few = leading > 1 ? tl.conditionNumber(top, leading).number : NaN, withRandom = flattest > 0 ? lambda1 / flattest : Infinity;
table([
  { [t({ zh: "子空间", en: "subspace" })]: t({ zh: `前 ${leading} 个特征向量`, en: `${leading} leading eigenvectors` }), "λmax": lambda1, "λmin": top.largest[Math.max(leading - 1, 0)].value, "κ": few },
  { [t({ zh: "子空间", en: "subspace" })]: t({ zh: `v₁ 和 ${randoms.length} 个随机方向`, en: `v₁ and ${randoms.length} random directions` }), "λmax": inSpan[0], "λmin": flattest, "κ": Number.isFinite(withRandom) ? withRandom : t({ zh: "无（有负曲率）", en: "none (negative curvature)" }) },
  { [t({ zh: "子空间", en: "subspace" })]: t({ zh: "全部参数", en: "all parameters" }), "λmax": lambda1, "λmin": bottom, "κ": bottom < 0 ? t({ zh: "没有意义", en: "meaningless" }) : lambda1 / bottom },
]);
console.log(t({ zh: "“条件数超过 10⁴”：", en: "\"The condition number exceeds 10⁴\": " }) + (withRandom > 1e4
  ? t({ zh: `在 v₁ 与随机方向张成的空间上成立；只看前 ${leading} 个特征向量则${few > 1e4 ? "也成立" : "不成立"}。`, en: `it holds on the span of v₁ and random directions; on the ${leading} leading eigenvectors alone it ${few > 1e4 ? "holds, too" : "does not"}.` })
  : t({ zh: "这次没有达到。", en: "it does not here." })));
// %% [markdown] lang="zh"
// ## 4. 优化方向的各向异性
//
// 从预训练的权重出发，沿最陡的方向、第 10 个方向和一个随机方向各走同样的长度，损失怎么变？最陡的方向上另画出**没有见过的**样本：这个方向对它们也陡吗？
// %% [markdown] lang="en"
// ## 4. Directions are not alike
//
// From the pre-trained weights we walk equally far along the steepest direction, along the 10th, and along a random one. What does the loss do? Along the steepest we also draw examples that were **not used**: is it steep for them, too?
// %%
const unseen = tl.modelProblem({ model, examples: heldOut, batchSize: 4 }), steps = tl.spread(0.6, budget(7, 3));
const WALKS: [string, ArrayLike<number>][] = [["v₁", v1], ["v₁₀", top.largest[top.largest.length - 1].vector!], [t({ zh: "随机", en: "random" }), unitVector]];
const walked: { name: string; train: tl.Line; held: tl.Line }[] = [];
for (const [name, vector] of WALKS) {
  const along = tl.toParams(Float64Array.from(vector), problem.params);
  walked.push({ name, train: await tl.slice((p) => tl.lossAt(problem, p), problem.params, along, steps), held: await tl.slice((p) => tl.lossAt(unseen, p), problem.params, along, steps) });
  tl.dispose(along);
}
await show(lineChart({
  title: t({ zh: "沿三个方向走同样的长度", en: "Equally far along three directions" }), x: { title: t({ zh: "走的长度 ‖δ‖", en: "length of the walk ‖δ‖" }) }, y: { title: t({ zh: "损失的变化（纳特/词元）", en: "change of the loss (nats per token)" }) },
  series: walked.flatMap(({ name, train, held }, i) => [[name, train], ...(i === 0 ? [[`${name}${t({ zh: "，未见过的样本", en: ", unused examples" })}`, held]] : [])] as [string, tl.Line][]).map(([name, line]) => ({ name, x: line.x, y: line.loss.map((l) => l - line.loss[(line.loss.length - 1) / 2]) })),
  alt: walked.map(({ name, train }) => `${name}: ${(train.loss[0] - train.loss[(train.loss.length - 1) / 2]).toFixed(3)} … ${(train.loss[train.loss.length - 1] - train.loss[(train.loss.length - 1) / 2]).toFixed(3)}`).join("; "),
}));
const bend = ({ x, loss }: tl.Line) => (loss[loss.length - 1] + loss[0] - 2 * loss[(loss.length - 1) / 2]) / x[0] ** 2, transfer = bend(walked[0].held) / bend(walked[0].train);
console.log(t({ zh: `v₁ 方向的平均曲率：训练样本 ${bend(walked[0].train).toFixed(2)}，未见过的样本 ${bend(walked[0].held).toFixed(2)}：`, en: `mean curvature along v₁: training examples ${bend(walked[0].train).toFixed(2)}, unused ones ${bend(walked[0].held).toFixed(2)}: ` }) + (transfer > 0.5
  ? t({ zh: "陡的方向基本是共有的。", en: "the steep direction is mostly common to both." }) : transfer > 0.1 ? t({ zh: "只有一部分是共有的，其余是这 8 条样本特有的。", en: "only a part is common; the rest belongs to these 8 examples." }) : t({ zh: "它几乎只属于这 8 条样本。", en: "it belongs almost wholly to these 8 examples." })));
// %% [markdown] lang="zh"
// ### 梯度下降与 Adam
//
// 二次函数上，$\eta>2/\lambda_1$ 时梯度下降发散。真实的损失不是二次的，所以要试：步长取 $1/\lambda_1$ 的 1、4、16、64 倍，再与 Adam 比较。全部用同样 8 条样本的完整梯度，没有小批量噪声。
// %% [markdown] lang="en"
// ### Gradient descent and Adam
//
// On a quadratic, gradient descent diverges for $\eta>2/\lambda_1$. The real loss is no quadratic, so we try: steps of 1, 4, 16 and 64 times $1/\lambda_1$, and Adam beside them. All use the full gradient of the same 8 examples, without noise of mini-batches.
// %%
const descentSteps = budget(10, 2), FACTORS = budget(1, 0) ? [1, 4, 16, 64] : [1, 64];
const walks: { name: string; run: tl.Descent }[] = [];
for (const factor of FACTORS) walks.push({ name: t({ zh: `梯度下降，${factor}/λ₁`, en: `gradient descent, ${factor}/λ₁` }), run: await tl.descend((p) => slope.at(p), problem.params, { steps: descentSteps, learningRate: factor / lambda1 }) });
walks.push({ name: "Adam, 0.001", run: await tl.descend((p) => slope.at(p), problem.params, { steps: descentSteps, learningRate: 1e-3, optimizer: tl.adamw({ weightDecay: 0 }) }) });
await show(lineChart({
  title: t({ zh: "步长与损失", en: "Step length and loss" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: walks.map(({ name, run }) => ({ name, x: run.losses.map((_, i) => i), y: run.losses.map((l) => (l < 2 * here.loss ? l : NaN)) })),
  alt: walks.map(({ name, run }) => `${name}: ${run.losses.map((l) => l.toFixed(2)).join(" ")}`).join("; "),
}));
for (const { name, run } of walks) console.log(name.padEnd(28), t({ zh: "损失上升的步数：", en: "steps in which the loss rose:" }), run.losses.filter((l, i) => i > 0 && !(l <= run.losses[i - 1])).length, "/", run.losses.length - 1, t({ zh: "；最后", en: "; at the end" }), run.losses[run.losses.length - 1].toFixed(3));
// %% [markdown] lang="zh"
// 图中高于起点两倍的损失不画。现在看它们往**哪里**走：位移的平方长度有多少落在前 10 个陡峭方向里？$n$ 维里一个随机方向只有 $10/n$。
// %% [markdown] lang="en"
// Losses above twice the first are not drawn. Now see **where** they go: which part of the squared length of the move lies within the 10 steepest directions? For a random direction in $n$ dimensions it would be $10/n$.
// %%
const sharp = top.largest.map((e) => e.vector!), moved = ({ run }: (typeof walks)[0]) => { const start = tl.toVector(problem.params); return tl.toVector(run.params).map((x, i) => x - start[i]); };
const shares = [{ name: t({ zh: "梯度", en: "gradient" }), share: tl.shareInSpan(here.gradient, sharp) }, ...[walks[0], walks[walks.length - 1]].map((w) => ({ name: w.name, share: tl.shareInSpan(moved(w), sharp) }))];
await show(barChart({
  title: t({ zh: "位移落在 10 个最陡方向里的部分", en: "Part of each move within the 10 steepest directions" }), x: { title: t({ zh: "位移", en: "move" }) }, y: { title: t({ zh: "平方长度的 %", en: "% of the squared length" }) },
  series: [{ name: t({ zh: "测得", en: "measured" }), x: shares.map((s) => s.name), y: shares.map((s) => 100 * s.share.inside) }],
  alt: shares.map((s) => `${s.name}: ${(100 * s.share.inside).toPrecision(2)} %`).join("; "),
}));
const [gradientShare, descentShare, adamShare] = shares.map((s) => s.share.inside), chance = shares[0].share.random;
console.log(t({ zh: `随机方向：${(100 * chance).toExponential(1)} %。梯度是它的 ${Math.round(gradientShare / chance).toLocaleString("en-US")} 倍。`, en: `A random direction: ${(100 * chance).toExponential(1)} %. The gradient has ${Math.round(gradientShare / chance).toLocaleString("en-US")} times that.` }));
console.log(t({ zh: "Adam 把每个参数的步长拉平，它的位移", en: "Adam evens out the step of each parameter; its move is" }) + (adamShare < descentShare / 2 ? t({ zh: "果然离开了陡峭的方向，更多走在平坦的方向上。", en: " indeed away from the steep directions, and more along flat ones." }) : adamShare < 2 * descentShare ? t({ zh: "在陡峭方向上的部分与梯度下降差不多。", en: " about as much along the steep directions as that of gradient descent." }) : t({ zh: "这次反而更多走在陡峭的方向上。", en: " even more along the steep directions here." })));
walks.forEach(({ run }) => tl.dispose(run.params));
// %% [markdown] lang="zh"
// ## 5. 微调前后，只看一层，LoRA
//
// 同样的 8 条样本，四种情形：预训练的权重；全参数微调之后；只看最后一层的参数；LoRA 微调之后，只看 LoRA 的参数。后两种就是“换一个子空间”：特征值交错定理说，主子矩阵的 $\lambda_{\max}$ 不会超过整个矩阵的。LoRA 的参数不是原来坐标的一部分（$\Delta W=\frac{\alpha}{r}BA$ 还带倍率），所以它没有这个限制。
// %% [markdown] lang="en"
// ## 5. Before and after fine-tuning, one layer only, LoRA
//
// The same 8 examples in four cases: the pre-trained weights; after full fine-tuning; the parameters of the last layer only; after fine-tuning with LoRA, the parameters of LoRA only. The last two mean "another subspace". By Cauchy's interlacing theorem $\lambda_{\max}$ of a principal submatrix is at most that of the whole. LoRA's parameters are no part of the old coordinates ($\Delta W=\frac{\alpha}{r}BA$ with its factor), so this bound does not hold for them.
// %%
H.dispose(); slope.dispose();
const common = { model, data: { train: trainSet }, steps: budget(40, 2), batchSize: 4, evaluateEvery: 0, seed: 1 };
const fullRun = await tl.train({ ...common, method: tl.full(), learningRate: 1e-3 });
const loraRun = await tl.train({ ...common, method: tl.lora({ rank: 4 }), learningRate: 5e-3 });
// %%
const tuned = { ...problem, params: Object.fromEntries(Object.keys(problem.params).map((name) => [name, fullRun.trained[name]])) };
const lastLayer = tl.modelProblem({ model, examples, batchSize: 2, only: (name) => name.includes(`layers.${model.config.layers - 1}.`) });
const loraProblem = tl.modelProblem({ model, method: loraRun.method, trained: loraRun.trained, examples, batchSize: 2 });
const ends = async (of: tl.Problem) => {
  const A = tl.curvature(of), found = await tl.eigenvalues(A, { largest: 10, smallest: 1, tolerance: 0.05, maxSteps: budget(22, 4), seed: 1 }), sum = await tl.hutchinson(A, { maxProducts: budget(10, 2), tolerance: 0.01, seed: 2 });
  found.state.basis.length = 0;
  A.dispose();
  return { dim: A.dim, largest: found.largest.map((e) => e.value), bottom: found.smallest[0].value, trace: sum.trace, error: sum.error, loss: await tl.lossAt(of) };
};
const spectra = [
  { name: t({ zh: "预训练", en: "pre-trained" }), dim: n, largest: top.largest.map((e) => e.value), bottom, trace: trace.trace, error: trace.error, loss: here.loss },
  { name: t({ zh: "全参数微调后", en: "after full fine-tuning" }), ...(await ends(tuned)) }, { name: t({ zh: "预训练，最后一层", en: "pre-trained, last layer" }), ...(await ends(lastLayer)) }, { name: t({ zh: "LoRA 微调后，LoRA 的参数", en: "after LoRA, LoRA's parameters" }), ...(await ends(loraProblem)) },
];
// %%
await show(lineChart({
  title: t({ zh: "最大的 10 个特征值", en: "The 10 largest eigenvalues" }), x: { title: t({ zh: "序号 k", en: "rank k" }) }, y: { title: t({ zh: "λₖ（对数）", en: "λₖ (log)" }), log: true },
  series: spectra.map(({ name, largest }) => ({ name, x: largest.map((_, i) => i + 1), y: largest.map((l) => (l > 0 ? l : NaN)) })),
  alt: spectra.map(({ name, largest }) => `${name}: ${largest.map((l) => l.toPrecision(3)).join(", ")}`).join("; "),
}));
table(spectra.map(({ name, dim, largest, bottom, trace, error, loss }) => ({
  [t({ zh: "情形", en: "case" })]: name, [t({ zh: "参数", en: "parameters" })]: dim, [t({ zh: "损失", en: "loss" })]: loss, "λ₁": largest[0], "λₙ": bottom, "−λₙ/λ₁": -bottom / largest[0], [t({ zh: "迹", en: "trace" })]: trace, "± 95 %": error,
  [t({ zh: "λ₁ ÷ 平均特征值", en: "λ₁ ÷ mean eigenvalue" })]: trace - error > 0 ? largest[0] / (trace / dim) : t({ zh: "迹与 0 分不开", en: "trace not told from 0" }),
})));
const sharper = spectra[1].largest[0] / spectra[0].largest[0];
console.log(t({ zh: `全参数微调后，这 8 条训练样本上的 λ₁ 变为原来的 ${sharper.toFixed(2)} 倍：`, en: `After full fine-tuning λ₁ on these 8 training examples is ${sharper.toFixed(2)} of what it was: ` }) + (sharper > 1.2 ? t({ zh: "更陡。", en: "steeper." }) : sharper < 0.8 ? t({ zh: "更平。", en: "flatter." }) : t({ zh: "没有明显变化。", en: "no clear change." })));
const ratios = [3, 2, 0].map((k) => (spectra[k].trace - spectra[k].error > 0 ? (spectra[k].largest[0] * spectra[k].dim) / spectra[k].trace : NaN)), [loraRatio, layerRatio, allRatio] = ratios;
console.log(t({ zh: "“参数越多，条件数越大”（用 λ₁ ÷ 平均特征值衡量）：LoRA、最后一层、全部参数是", en: "\"More parameters, larger condition number\" (by λ₁ ÷ mean eigenvalue): for LoRA, the last layer, all parameters it is" }), ratios.map((r) => r.toPrecision(2)).join(", "), ratios.some(Number.isNaN) ? t({ zh: "；迹与 0 分不开，不能比较。", en: "; a trace cannot be told from 0, so there is no comparison." })
  : 1.3 * loraRatio < layerRatio && 1.3 * layerRatio < allRatio ? t({ zh: "；与书上一致。", en: "; as the book says." }) : 1.3 * loraRatio < allRatio ? t({ zh: "；LoRA 的较小，但最后一层与全部参数的次序并不明显：个数之外，还要看是哪些参数。", en: "; LoRA's is smaller, but the last layer's and that of all are not clearly in this order: besides their number it matters which parameters they are." }) : t({ zh: "；这次没有看到。", en: "; not seen here." }));
// %% [markdown] lang="zh"
// ### 与泛化的关系
//
// 书上说，过于敏感（特征值大）的方向可能意味着过拟合。损失在训练样本与未见过的样本之间的差距，是过拟合的直接度量；把它与 $\lambda_1$ 放在一起看。两个点不能证明规律，只能看这一次是否同向；而且 $\lambda_1$ 会随参数的倍率改变（Dinh 等，2017），所以“平坦就泛化好”不是定理。
// %% [markdown] lang="en"
// ### And generalisation?
//
// The book says that directions of high sensitivity (large eigenvalues) may mean overfitting. The direct measure of overfitting is the gap of the loss between training examples and unused ones; here it stands beside $\lambda_1$. Two points prove no rule, they only show whether both moved the same way this time. And $\lambda_1$ changes with the scale of parameters (Dinh et al. 2017), so "flat generalises" is no theorem.
// %%
const gaps = [{ name: spectra[0].name, train: spectra[0].loss, held: await tl.lossAt(unseen), sharpest: spectra[0].largest[0] }, { name: spectra[1].name, train: spectra[1].loss, held: await tl.lossAt(unseen, tuned.params), sharpest: spectra[1].largest[0] }];
table(gaps.map(({ name, train, held, sharpest }) => ({ [t({ zh: "情形", en: "case" })]: name, [t({ zh: "训练样本的损失", en: "loss, training examples" })]: train, [t({ zh: "未见过的样本的损失", en: "loss, unused examples" })]: held, [t({ zh: "差距", en: "gap" })]: held - train, "λ₁": sharpest })));
const gapChange = gaps[1].held - gaps[1].train - (gaps[0].held - gaps[0].train), sharpChange = Math.log(gaps[1].sharpest / gaps[0].sharpest);
console.log(Math.abs(gapChange) < 0.1 || Math.abs(sharpChange) < 0.1 ? t({ zh: "这一次，差距或 λ₁ 的变化太小，看不出关系。", en: "This time the gap or λ₁ changed too little to see a relation." })
  : gapChange > 0 === sharpChange > 0 ? t({ zh: "这一次，差距与 λ₁ 同向变化。", en: "This time the gap and λ₁ moved the same way." }) : t({ zh: "这一次，差距与 λ₁ 反向变化：单看 λ₁ 判断不了泛化。", en: "This time the gap and λ₁ moved in opposite ways: λ₁ alone does not tell generalisation." }));
// %% [markdown] lang="zh"
// ## 小结
//
// * 不写出 $H$，只用 $Hv$，就能量两端特征值（带残差）、谱（带误差棒）和迹（带区间）。
// * “条件数”必须说明子空间：特征值有负有零，$\lambda_{\max}/\lambda_{\min}$ 没有意义；与普通方向相比才有意义。
// * 梯度在少数陡峭方向上的份额是随机方向的许多倍（多少倍见第 4 节）；自适应优化器改变每个参数的步长，走法不同。
// * 换子空间（一层、LoRA）就换了曲率：这是参数高效微调改变优化难度的一条途径。
//
// ## 练习
//
// 用你的答案代替 `undefined` 再运行。需要时用 `tl.hint("3.2.2/1", 1)`（1 到 3 级）和 `tl.solution("3.2.2/1")`。
//
// 1. 二次函数的特征值是 100 和 1。梯度下降不发散的步长 $\eta$ 必须小于多少？
// 2. $\kappa=10^4$，用最好的步长，每步误差乘以 $\frac{\kappa-1}{\kappa+1}$。误差缩小到 $1/100$ 要多少步？
// 3. 特征值 100 和 1（沿 $x$ 和 $y$），在点 (1, 1)：负梯度与指向最低点的方向的夹角是多少度？
// 4. 一个 Gauss-Newton 矩阵（特征值都 ≥ 0）：$n=6\,000\,000$，迹 600，$\lambda_1=12$。**最多**有多少个特征值大于 $\lambda_1/10^4$？
// 5. （动手）把第 2 节的 `tl.curvature(problem)` 改成 `tl.curvature(problem, { kind: "gauss-newton" })`，只重跑两端的特征值：负的那端还在吗？为什么？
// %% [markdown] lang="en"
// ## Summary
//
// * Without writing $H$ down, products $Hv$ give the eigenvalues at both ends (with residuals), the spectrum (with error bars) and the trace (with an interval).
// * A "condition number" must name its subspace: eigenvalues are negative and zero, too, so $\lambda_{\max}/\lambda_{\min}$ means nothing; against an ordinary direction it does.
// * In few steep directions the gradient has many times the part of a random direction (how many: part 4); adaptive optimizers change the step of each parameter, and so the path.
// * Another subspace (a layer, LoRA) has another curvature: one way in which parameter-efficient fine-tuning changes how hard optimisation is.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. For help: `tl.hint("3.2.2/1", 1)` (levels 1 to 3) and `tl.solution("3.2.2/1")`.
//
// 1. A quadratic has the eigenvalues 100 and 1. Below which step length $\eta$ does gradient descent not diverge?
// 2. $\kappa=10^4$; with the best step the error is multiplied by $\frac{\kappa-1}{\kappa+1}$ each time. How many steps to $1/100$ of the error?
// 3. Eigenvalues 100 and 1 (along $x$ and $y$), at the point (1, 1): what is the angle, in degrees, between −gradient and the way to the minimum?
// 4. A Gauss-Newton matrix (all eigenvalues ≥ 0): $n=6\,000\,000$, trace 600, $\lambda_1=12$. How many eigenvalues **at most** are larger than $\lambda_1/10^4$?
// 5. (To do) In part 2 put `tl.curvature(problem, { kind: "gauss-newton" })` for `tl.curvature(problem)` and run the eigenvalues at both ends again: is the negative end still there? Why?
// %%
tl.check("3.2.2/1", undefined);
tl.check("3.2.2/2", undefined);
tl.check("3.2.2/3", undefined);
tl.check("3.2.2/4", undefined);
