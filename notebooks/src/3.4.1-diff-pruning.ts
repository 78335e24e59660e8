// Section 3.4.1 of the course: diff pruning. Gates, sparsity against quality, many tasks on one base, difference files as versions.
// Build both languages with: npm run notebooks -- 3.4.1-diff-pruning
// %% [markdown] lang="zh"
// # 3.4.1 节省外存：每个任务只存“改了什么”，够吗？
//
// 全参数微调一个任务，就得到一个完整的新模型：20 个任务，20 份拷贝。可是新旧模型的差别也许很小。Diff Pruning（Guo 等，2021）学一个**稀疏的差值**，每个任务只存差值。
// 本节测量：差值能稀疏到什么程度？0.5 % 真的与全参数微调相当吗？省下多少外存，又多花了什么？
//
// 需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en"
// # 3.4.1 Saving storage: is it enough to keep what has changed?
//
// Full fine-tuning for one task makes a complete new model: 20 tasks, 20 copies. Yet old and new may differ by little. Diff pruning (Guo et al. 2021) learns a **sparse difference**, and only that is stored for each task.
// This section measures: how sparse can it be? Does 0.5 % really match full fine-tuning? How much storage is saved, and what does that cost elsewhere?
//
// It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, heatmap, t } from "tunelab";

const model = await tl.load(tl.courseModel()), machine = await tl.backend(), size = tl.count(model.params);
console.log(`${machine.name}: ${machine.why}`);
console.log(t({ zh: "课程模型的参数个数", en: "parameters of the course model" }), size.toLocaleString("en-US"));
// %% [markdown] lang="zh"
// ## 1. 想法：会关上的门
//
// $$\theta_\tau=\theta_0+z_\tau\odot w_\tau,\qquad \min_{w,\alpha}\ L(\theta_\tau)+\lambda\,\mathbb{E}\,\lVert z_\tau\rVert_0$$
//
// $\theta_0$ 是所有任务共用的预训练参数，$w$ 是差值，$z_i\in[0,1]$ 是第 $i$ 个参数的**门**。$\lVert z\rVert_0$ 是开着的门的个数，它不可微；于是让门成为随机变量（hard concrete，Louizos 等，2018）：
//
// $$u\sim U(0,1),\quad s=\sigma\!\left(\log u-\log(1-u)+\alpha\right),\quad z=\min\left(1,\max\left(0,\ s\,(r-l)+l\right)\right),\quad l=-1.5,\ r=1.5$$
//
// 拉伸以后再截断，所以 $z$ 有正的概率**恰好**等于 0 或 1，而中间一段对 $\alpha$ 可微。开门的概率有闭式：$P(z>0)=\sigma\!\left(\alpha-\log\frac{-l}{r}\right)$，这里等于 $\sigma(\alpha)$；期望的 $L_0$ 就是它们的和。
// 下面从库里真正的门抽样。
// %% [markdown] lang="en"
// ## 1. The idea: gates that can close
//
// $$\theta_\tau=\theta_0+z_\tau\odot w_\tau,\qquad \min_{w,\alpha}\ L(\theta_\tau)+\lambda\,\mathbb{E}\,\lVert z_\tau\rVert_0$$
//
// $\theta_0$ are the pre-trained parameters that all tasks share, $w$ is the difference, $z_i\in[0,1]$ the **gate** of parameter $i$. $\lVert z\rVert_0$, the number of open gates, has no derivative; so gates are made random (hard concrete, Louizos et al. 2018):
//
// $$u\sim U(0,1),\quad s=\sigma\!\left(\log u-\log(1-u)+\alpha\right),\quad z=\min\left(1,\max\left(0,\ s\,(r-l)+l\right)\right),\quad l=-1.5,\ r=1.5$$
//
// Stretched and then clipped, $z$ is **exactly** 0 or 1 with positive probability, and in between it is differentiable in $\alpha$. The probability of an open gate has a closed form, $P(z>0)=\sigma\!\left(\alpha-\log\frac{-l}{r}\right)$, here $\sigma(\alpha)$; the expected $L_0$ is the sum of these.
// Below we draw from the library's own gates.
// %%
const draws = budget(100_000, 20_000), sigma = (x: number) => 1 / (1 + Math.exp(-x)), w0 = "model.layers.0.weight";
/** With base 0 and difference 1 the weight that the model sees is the gate itself; without a key it is the gate that is used after training. */
const gatesAt = (alpha: number, noisy: boolean) => tl.tf.tidy(() =>
  tl.diffPruning().weights!({ [w0]: tl.tf.zeros([draws]) }, { [`${w0}.diff`]: tl.tf.ones([draws]), [`${w0}.gates`]: tl.tf.fill([draws], alpha) }, noisy ? tl.key(1) : undefined)[w0].dataSync() as Float32Array);
const alphas = [-2, 0, 2], samples = alphas.map((alpha) => gatesAt(alpha, true)), shareOf = (z: Float32Array, f: (v: number) => boolean) => z.reduce((n, v) => n + (f(v) ? 1 : 0), 0) / z.length;
const inside = Array.from({ length: 10 }, (_, i) => [i / 10, (i + 1) / 10]), places = ["z = 0", ...inside.map(([a, b]) => `${a}–${b}`), "z = 1"];
const histogram = (z: Float32Array) => [shareOf(z, (v) => v === 0), ...inside.map(([a, b]) => shareOf(z, (v) => v > 0 && v < 1 && v >= a && v < b)), shareOf(z, (v) => v === 1)];
await show(barChart({
  title: t({ zh: "门的分布：两端各有一个尖峰", en: "Distribution of a gate: a spike at either end" }), x: { title: "z" }, y: { title: t({ zh: "概率", en: "probability" }) },
  series: alphas.map((alpha, i) => ({ name: `α = ${alpha}`, x: places, y: histogram(samples[i]) })), alt: alphas.map((alpha, i) => `α=${alpha}: P(z=0) ${shareOf(samples[i], (v) => v === 0).toFixed(3)}, P(z=1) ${shareOf(samples[i], (v) => v === 1).toFixed(3)}`).join("; "),
}));
table(alphas.map((alpha, i) => ({
  α: alpha, [t({ zh: "P(z=0)，公式", en: "P(z=0), formula" })]: (1 - sigma(alpha)).toFixed(4), [t({ zh: "抽样", en: "drawn" })]: shareOf(samples[i], (v) => v === 0).toFixed(4),
  [t({ zh: "P(z=1)，公式", en: "P(z=1), formula" })]: sigma(alpha - Math.log(5)).toFixed(4), [t({ zh: "抽样 ", en: "drawn " })]: shareOf(samples[i], (v) => v === 1).toFixed(4), [t({ zh: "训练后用的 z（无噪声）", en: "z used after training (no noise)" })]: gatesAt(alpha, false)[0].toFixed(3),
})), `n = ${draws.toLocaleString("en-US")}`);
// %% [markdown] lang="zh"
// ## 2. 任务
//
// 把中英文安全告警分到五类，每一类用一个字母作答（与 3.2.5 相同）。在没见过的测试告警上看两个数：准确率，和损失 $-\log p(\text{正确的类})$（五个字母归一化，瞎猜是 $\ln 5\approx1.61$）。
// 所有参数都可以改，包括词嵌入。先做全参数微调，三个种子，作为对照；步数等于后面“训练差值 + 固定位置再训练”的总和。
// %% [markdown] lang="en"
// ## 2. The task
//
// Sort security alerts, Chinese and English, into five classes, each answered by a letter (as in 3.2.5). On test alerts that were never seen we look at two numbers: accuracy, and the loss $-\log p(\text{right class})$ (over the five letters; guessing gives $\ln 5\approx1.61$).
// All parameters may change, the embedding too. First full fine-tuning with three seeds, for comparison; it gets as many steps as learning a difference and training it on will take together.
// %%
interface Alert { text: string; label: string }
const CLASSES = ["benign", "denial-of-service", "malware", "phishing", "sql-injection"], LETTERS = ["A", "B", "C", "D", "E"], letterOf = (a: Alert) => LETTERS[CLASSES.indexOf(a.label)];
const read = async (split: string) => (await Promise.all(["zh", "en"].map((l) => tl.loadRecords<Alert>(courseFile(`data/security-alerts/${l}/${split}.jsonl`))))).flat().filter(({ label }) => CLASSES.includes(label));
const encode = (alerts: Alert[]) => tl.encodeExamples(model.tokenizer, alerts.map((a) => ({ prompt: a.text, completion: letterOf(a) })));
const fits = (length: number, tokens: number) => length > tokens - 16 && length <= tokens; // batches are padded to multiples of 16: one length, one program to compile
const [alerts, testAlerts] = (await Promise.all(["train", "test"].map(read))).map((all) => { const encoded = encode(all); return all.filter((_, i) => fits(encoded[i].ids.length, 64)); }), alertSet = encode(alerts);
const testPrompts = testAlerts.map(({ text }) => tl.promptText(model.tokenizer, [{ role: "user", content: text }]));
/** Of plain weights, so that one compiled program serves all. */
const judge = async (params: tl.Params) => {
  const said = await tl.classify({ ...model, params }, testPrompts, LETTERS), right = testAlerts.map((a) => LETTERS.indexOf(letterOf(a)));
  return { loss: tl.mean(said.map((s, i) => -Math.log(s.probabilities[right[i]]))), accuracy: tl.mean(said.map((s, i) => Number(s.label === LETTERS[right[i]]))) };
};
const judged = async (adapter: tl.Adapter) => { const merged = adapter.method.merge!(model.params, adapter.trained), found = await judge(merged); tl.dispose(merged); return found; };
console.log(`${alertSet.length} / ${testAlerts.length} ${t({ zh: "条告警（训练 / 测试）", en: "alerts (train / test)" })}`);
// %%
const steps = budget(40, 2), more = budget(20, 2), seeds = budget(1, 0) ? [0, 1, 2] : [0], common = { model, batchSize: 8, display: false } as const, fullMethod = tl.full();
const baseScore = await judge(model.params), fullRuns: tl.Run[] = [], fullScores: Awaited<ReturnType<typeof judge>>[] = [];
let fullBytes = 0;
for (const seed of seeds) {
  const { result, addedBytes } = await tl.peakTensorBytes(() => tl.train({ ...common, method: fullMethod, data: { train: alertSet }, steps: steps + more, learningRate: 1e-3, seed }));
  fullRuns.push(result); fullBytes = addedBytes;
  fullScores.push(await judged(result));
}
table([{ "": t({ zh: "未微调", en: "before" }), accuracy: baseScore.accuracy.toFixed(3), loss: baseScore.loss.toFixed(3) }, ...seeds.map((seed, i) => ({ "": `${t({ zh: "全参数，种子", en: "full, seed" })} ${seed}`, accuracy: fullScores[i].accuracy.toFixed(3), loss: fullScores[i].loss.toFixed(3) }))]);
// %% [markdown] lang="zh"
// ## 3. λ：门什么时候关上？
//
// 现在训练差值和门。门从 $\alpha=5$（开着）出发，$\lambda$ 是每一扇开着的门的价钱，推着 $\alpha$ 向下；损失的梯度把有用的门留住。$\alpha\le0$ 的门在训练之后恰好为 0。
// （这里步数很少，所以门的学习率要大：`gateRate: 300` 是差值学习率的 300 倍。论文用几千步。）
// %% [markdown] lang="en"
// ## 3. λ: when do gates close?
//
// Now we train differences and gates. Gates start at $\alpha=5$ (open); $\lambda$ is the price of an open gate and pushes $\alpha$ down, while the gradient of the loss holds those that are useful. Gates with $\alpha\le0$ are exactly 0 after training.
// (Steps are few here, so gates need a large rate: `gateRate: 300` is 300 times that of the differences. The paper trains for thousands of steps.)
// %%
const LAMBDA = 1e-5, pruning = (options: tl.DiffPruningOptions = {}) => tl.diffPruning({ parameters: "all", penalty: LAMBDA, gateRate: 300, ...options }), usual = pruning();
const prune = (seed: number, method = usual, data: readonly tl.Example[] = alertSet) => tl.train({ ...common, method, data: { train: data }, steps, learningRate: 1e-3, seed });
const openShare = (run: tl.Adapter) => { // share of entries whose gates, their own and the shared one, are open without noise
  let open = 0, all = 0;
  for (const [name, own] of Object.entries(run.trained)) {
    if (!/\.gates$/.test(name)) continue;
    const shared = run.trained[name.replace(/gates$/, "shared_gates")];
    open += tl.tf.tidy(() => tl.tf.sum(tl.tf.cast(shared ? tl.tf.logicalAnd(tl.tf.greater(own, 0), tl.tf.greater(shared, 0)) : tl.tf.greater(own, 0), "float32")).dataSync()[0]);
    all += own.size;
  }
  return open / all;
};
const { result: firstDiff, addedBytes: diffBytes } = await tl.peakTensorBytes(() => prune(seeds[0]));
const diffRuns = [firstDiff];
for (const seed of seeds.slice(1)) diffRuns.push(await prune(seed));
// %%
const lambdas = budget(1, 0) ? [0, LAMBDA, 1e-4] : [LAMBDA], lambdaRows: { λ: number; open: number; loss: number; accuracy: number }[] = [];
for (const λ of lambdas) {
  const run = λ === LAMBDA ? diffRuns[0] : await prune(seeds[0], pruning({ penalty: λ }));
  lambdaRows.push({ λ, open: openShare(run), ...(await judged(run)) });
  if (run !== diffRuns[0]) tl.dispose(run.trained);
}
await show(lineChart({
  title: t({ zh: "λ 越大，开着的门越少（种子 0）", en: "The larger λ, the fewer gates stay open (seed 0)" }), x: { title: "λ" }, y: { title: t({ zh: "开着的门（%）", en: "open gates (%)" }) },
  series: [{ name: t({ zh: "开着", en: "open" }), x: lambdaRows.map((r) => `λ = ${r.λ.toExponential(0)}`), y: lambdaRows.map((r) => 100 * r.open) }], alt: lambdaRows.map((r) => `λ=${r.λ.toExponential(0)}: ${(100 * r.open).toFixed(1)} %`).join("; "),
}));
table(lambdaRows.map((r) => ({ λ: r.λ.toExponential(0), [t({ zh: "开着的门 %", en: "open gates, %" })]: (100 * r.open).toFixed(2), [t({ zh: "测试损失", en: "test loss" })]: r.loss.toFixed(3), [t({ zh: "准确率", en: "accuracy" })]: r.accuracy.toFixed(3) })));
// %% [markdown] lang="zh"
// ## 4. 稀疏与性能：投影到预算
//
// 只靠 $\lambda$ 很难得到恰好想要的稀疏度。论文的办法是**投影**：训练以后只留 $|z\odot w|$ 最大的一部分（预算），其余归零。`tl.projectDiff` 就做这件事。
// 对照：把全参数微调的差 $\theta_{\text{full}}-\theta_0$ 也按大小裁剪到同样的预算。如果门真的选出了更重要的位置，Diff Pruning 的线应当更好。误差棒是三个种子的标准误。
// %% [markdown] lang="en"
// ## 4. Sparsity against quality: projection to a budget
//
// With $\lambda$ alone it is hard to hit a wanted sparsity. The paper **projects**: after training only the largest part of $|z\odot w|$ (the budget) is kept, the rest is 0. That is `tl.projectDiff`.
// For comparison we cut the difference of full fine-tuning, $\theta_{\text{full}}-\theta_0$, to the same budgets by size. If gates really pick the more important places, diff pruning's line should be the better one. Error bars are standard errors over the seeds.
// %%
/** A full run in the form of a difference with open gates, so that it can be projected as well. */
const asDiff = (run: tl.Run): tl.Adapter => ({ method: tl.diffPruning({ parameters: "all" }), trained: Object.fromEntries(Object.entries(run.trained).flatMap(([name, w]) => [[`${name}.diff`, tl.tf.sub(w, model.params[name])], [`${name}.gates`, tl.tf.fill(w.shape, 9)]])) });
const densities = budget(1, 0) ? [0.2, 0.05, 0.005] : [0.05, 0.005], kept: Record<"diff" | "full", tl.Adapter[]> = { diff: [], full: [] };
const curve: Record<"diff" | "full", { loss: number[]; accuracy: number[] }[]> = { diff: [], full: [] }, bar = tl.progress(2 * seeds.length * densities.length, t({ zh: "投影", en: "projecting" }));
let projected = 0;
for (const kind of ["diff", "full"] as const) for (const [s] of seeds.entries()) {
  const whole = kind === "diff" ? diffRuns[s] : asDiff(fullRuns[s]);
  for (const [d, density] of densities.entries()) {
    const small = tl.projectDiff(whole, model.params, { density }), found = await judged(small), at = (curve[kind][d] ??= { loss: [], accuracy: [] });
    at.loss.push(found.loss); at.accuracy.push(found.accuracy); bar.update(++projected);
    if (kind === "diff" && density === 0.005) kept.diff.push(small); else { tl.dispose(small.trained); tl.dispose(small.method.constants!); }
  }
  if (kind === "full") tl.dispose(whole.trained);
}
bar.done();
// %%
const standardError = (x: number[]) => (x.length > 1 ? tl.interval(x).error / tl.studentQuantile(0.95, x.length - 1) : 0), line = (x: number[]) => densities.map(() => tl.mean(x));
for (const [what, name] of [["loss", t({ zh: "测试损失（纳特/告警）", en: "test loss (nats per alert)" })], ["accuracy", t({ zh: "测试准确率", en: "test accuracy" })]] as const)
  await show(lineChart({
    title: what === "loss" ? t({ zh: "留下多少差值，损失如何", en: "How much of the difference is kept, and the loss" }) : t({ zh: "留下多少差值，准确率如何", en: "How much of the difference is kept, and the accuracy" }), x: { title: t({ zh: "留下的参数（%）", en: "parameters kept (%)" }), log: true, ticks: densities.map((d) => 100 * d) }, y: { title: name },
    series: [
      { name: "Diff Pruning", x: densities.map((d) => 100 * d), y: curve.diff.map((p) => tl.mean(p[what])), error: curve.diff.map((p) => standardError(p[what])) },
      { name: t({ zh: "全参数的差，按大小裁剪", en: "full difference, cut by size" }), x: densities.map((d) => 100 * d), y: curve.full.map((p) => tl.mean(p[what])), error: curve.full.map((p) => standardError(p[what])) },
      { name: t({ zh: "全参数微调", en: "full fine-tuning" }), x: densities.map((d) => 100 * d), y: line(fullScores.map((s) => s[what])) }, { name: t({ zh: "未微调", en: "before" }), x: densities.map((d) => 100 * d), y: line([baseScore[what]]) },
    ],
    alt: densities.map((d, i) => `${100 * d} %: Diff Pruning ${tl.mean(curve.diff[i][what]).toFixed(3)}, ${t({ zh: "裁剪", en: "cut" })} ${tl.mean(curve.full[i][what]).toFixed(3)}`).join("; "),
  }));
densities.forEach((d, i) => {
  const { mean: m, error: e } = tl.interval(curve.diff[i].accuracy.map((a, s) => a - curve.full[i].accuracy[s]));
  console.log(`${100 * d} %: Diff Pruning − ${t({ zh: "裁剪", en: "cut" })} = ${(100 * m).toFixed(1)} ± ${(100 * e).toFixed(1)} ${t({ zh: "个百分点（95 %）", en: "points (95 %)" })}: ` + (m - e > 0 ? t({ zh: "门选的更好", en: "the gates choose better" }) : m + e < 0 ? t({ zh: "按大小裁剪更好", en: "cutting by size is better" }) : t({ zh: "不能下结论", en: "nothing can be concluded" })));
});
// %% [markdown] lang="zh"
// ### 固定位置，再训练几步
//
// 投影扔掉了许多小的差值，剩下的没有机会补偿。论文因此在投影之后固定位置，继续训练留下的值。稀疏的差值本身就是一种方法（`small.method`），可以直接交给 `train()`。
//
// 还要一个对照：**随机**选 0.5 % 的位置，训练同样的总步数。如果随机的也一样好，门就白学了。
// %% [markdown] lang="en"
// ### The places fixed, some more steps
//
// The projection throws away many small differences, and what is left had no chance to make up for them. So the paper fixes the places after the projection and trains the kept values on. A sparse difference is itself a method (`small.method`) that `train()` takes.
//
// One more control: 0.5 % of places chosen at **random**, trained for the same number of steps in all. If random places do as well, the gates have learned nothing.
// %%
const retrain = (method: tl.Method, seed: number, n: number, data: readonly tl.Example[] = alertSet) => tl.train({ ...common, method, data: { train: data }, steps: n, learningRate: 3e-2, seed });
/** A number of places drawn from all tensors alike. */
const randomPlaces = (share: number, seed: number): tl.SparseDifference => {
  const random = new tl.Random(seed, "places");
  return Object.fromEntries(Object.entries(model.params).map(([name, p]) => { const chosen = new Set<number>(); while (chosen.size < Math.round(share * p.size)) chosen.add(random.integer(p.size)); return [name, { indices: Int32Array.from(chosen).sort() }]; }));
};
const half = { trainedOn: [] as tl.Run[], diff: [] as typeof fullScores, random: [] as typeof fullScores };
for (const [s, seed] of seeds.entries()) {
  const again = await retrain(kept.diff[s].method, seed + 10, more), anywhere = await retrain(tl.sparse(model.params, randomPlaces(0.005, seed)), seed, steps + more);
  half.trainedOn.push(again); half.diff.push(await judged(again)); half.random.push(await judged(anywhere));
  tl.dispose(anywhere.trained); tl.dispose(anywhere.method.constants!);
}
// %% [markdown] lang="zh" tags=["claim:3.4.1/half-percent"]
// ### 与书上的说法对照：“只用 0.5 % 的参数，与全参数微调相当”
//
// 三个种子成对相减（同一种子的全参数 − 0.5 %），给出 95 % 的 $t$ 区间。区间不含 0 才说有差别；含 0 但很宽，只能说**不知道**。
// %% [markdown] lang="en" tags=["claim:3.4.1/half-percent"]
// ### Held against the book: "0.5 % of the parameters match full fine-tuning"
//
// Seeds are subtracted in pairs (full − 0.5 % of the same seed), with the 95 % $t$-interval. Only an interval without 0 shows a difference; one that holds 0 but is wide means **unknown**.
// %%
const halfPoint = densities.indexOf(0.005), groups: [string, number[], number[]][] = [
  [t({ zh: "全参数（100 %）", en: "full (100 %)" }), fullScores.map((s) => s.accuracy), fullScores.map((s) => s.loss)], [t({ zh: "0.5 %，只投影", en: "0.5 %, projected" }), curve.diff[halfPoint].accuracy, curve.diff[halfPoint].loss],
  [t({ zh: "0.5 %，投影后再训练", en: "0.5 %, trained on" }), half.diff.map((s) => s.accuracy), half.diff.map((s) => s.loss)], [t({ zh: "0.5 %，随机位置", en: "0.5 %, random places" }), half.random.map((s) => s.accuracy), half.random.map((s) => s.loss)],
];
await show(barChart({
  title: t({ zh: "0.5 % 的参数（误差棒：种子间的标准误）", en: "0.5 % of the parameters (bars: standard error over seeds)" }), x: { title: t({ zh: "训练了什么", en: "what was trained" }) }, y: { title: t({ zh: "测试准确率", en: "test accuracy" }) }, horizontal: true,
  series: [{ name: "", x: groups.map(([name]) => name), y: groups.map(([, a]) => tl.mean(a)), error: groups.map(([, a]) => standardError(a)) }], alt: groups.map(([name, a, l]) => `${name}: ${tl.mean(a).toFixed(3)} (${t({ zh: "损失", en: "loss" })} ${tl.mean(l).toFixed(3)})`).join("; "),
}));
const gap = (which: number, than: number) => tl.interval(groups[than][1].map((a, i) => a - groups[which][1][i])), points = (x: number) => (100 * x).toFixed(1);
const verdict = ({ mean: m, error: e }: { mean: number; error: number }, less: string, same: string, better: string) => `${points(m)} ± ${points(e)}: ${m - e > 0 ? less : m + e < 0 ? better : e < 0.05 ? same : t({ zh: "区间太宽，不能下结论", en: "the interval is too wide to conclude anything" })}`;
console.log(t({ zh: "准确率差（百分点），全参数 − 0.5 % 再训练：", en: "accuracy (points), full − 0.5 % trained on: " }) + verdict(gap(2, 0), t({ zh: "0.5 % 在这里达不到全参数微调", en: "0.5 % does not reach full fine-tuning here" }), t({ zh: "看不出差别，与书上的说法相符", en: "no difference can be seen, as the book says" }), t({ zh: "0.5 % 在这里更好", en: "0.5 % is better here" })));
console.log(t({ zh: "门选的位置 − 随机位置：", en: "places of the gates − random places: " }) + verdict(gap(3, 2), t({ zh: "门选的位置更好", en: "the gates' places are better" }), t({ zh: "看不出差别", en: "no difference can be seen" }), t({ zh: "随机位置更好", en: "random places are better" })));
const recovered = (tl.mean(groups[2][1]) - baseScore.accuracy) / (tl.mean(groups[0][1]) - baseScore.accuracy);
console.log(t({ zh: `0.5 % 的参数得到了全参数微调增益的 ${(100 * recovered).toFixed(0)} %`, en: `0.5 % of the parameters give ${(100 * recovered).toFixed(0)} % of full fine-tuning's gain` }));
// %% [markdown] lang="zh"
// 论文的数字（GLUE，BERT-large，3.4 亿参数，结构化的门）里 0.5 % 的差值与全参数微调的平均分只差零点几分。参数越多，0.5 % 也越多：BERT-large 是 170 万个，课程模型只有 3 万个。
//
// ### 结构化的门
//
// 有用的位置往往成片。结构化版本给整个张量（或每一行）再加一扇共用的门，两扇门相乘；共用的门一关，整片归零。只用一个种子，所以下面也打印不带结构时三个种子之间的差距：比它小的差别说明不了什么。
// %% [markdown] lang="en"
// In the paper's numbers (GLUE, BERT-large, 340 million parameters, structured gates) a difference of 0.5 % comes within a fraction of a point of full fine-tuning's average. The more parameters, the more is 0.5 %: 1.7 million in BERT-large, 30 thousand in the course model.
//
// ### Structured gates
//
// Useful places often lie together. The structured version gives a whole tensor (or each row) one more gate that is shared, and multiplies the two; when it closes, the whole piece is 0. There is one seed only, so the spread of the unstructured version over its seeds is printed too: smaller differences say nothing.
// %%
const fivePoint = densities.indexOf(0.05), structureRows: { structure: string; pieces: string; open: number; accuracy: number }[] = [{ structure: "none", pieces: "–", open: openShare(diffRuns[0]), accuracy: curve.diff[fivePoint].accuracy[0] }];
for (const structure of (["tensor", "row"] as const).slice(budget(0, 1))) {
  const run = await prune(seeds[0], pruning({ structure })), small = tl.projectDiff(run, model.params, { density: 0.05 }), shared = Object.entries(run.trained).filter(([name]) => name.endsWith(".shared_gates")).flatMap(([, a]) => [...a.dataSync()]);
  structureRows.push({ structure, pieces: `${shared.filter((a) => a <= 0).length} / ${shared.length}`, open: openShare(run), accuracy: (await judged(small)).accuracy });
  tl.dispose(run.trained); tl.dispose(small.trained); tl.dispose(small.method.constants!);
}
table(structureRows.map(({ structure, pieces, open, accuracy }) => ({ [t({ zh: "共用的门", en: "shared gates" })]: structure, [t({ zh: "关上的整片", en: "pieces closed" })]: pieces, [t({ zh: "开着的位置 %", en: "open places, %" })]: (100 * open).toFixed(2), [t({ zh: "投影到 5 % 的准确率", en: "accuracy projected to 5 %" })]: accuracy.toFixed(3) })));
const spread = Math.max(...curve.diff[fivePoint].accuracy) - Math.min(...curve.diff[fivePoint].accuracy), best = structureRows.slice(1).reduce((a, b) => (b.accuracy > a.accuracy ? b : a)), lead = best.accuracy - tl.mean(curve.diff[fivePoint].accuracy);
console.log(t({ zh: `不带结构：${seeds.length} 个种子相差 ${points(spread)} 个百分点；“${best.structure}”比它们的平均 ${lead >= 0 ? "高" : "低"} ${points(Math.abs(lead))}：`, en: `without structure ${seeds.length} seeds differ by ${points(spread)} points; "${best.structure}" is ${points(Math.abs(lead))} ${lead >= 0 ? "above" : "below"} their mean: ` }) + (Math.abs(lead) <= spread || seeds.length < 2 ? t({ zh: "没有超过种子间的差距，看不出差别", en: "within the spread of seeds: no difference can be seen" }) : t({ zh: "超过种子间的差距，但只有一个种子，还不能下结论", en: "beyond the spread of seeds, but from one seed: not yet a conclusion" })));
// %% [markdown] lang="zh"
// ## 5. 用处
//
// ### 5.1 多任务学习：一个底座，许多差值
//
// 再学两个任务，都是可以核对答案的短题：地址（网段、私有地址、子网大小）和分级（CVSS 等级、HTTP 状态码、端口）。每个任务一个 0.5 % 的差值；对照是每个任务一份全参数拷贝。表中是各任务测试集上答案的损失（纳特/词元）：每一列里，本任务的差值应当是各差值和底座中最小的。
// %% [markdown] lang="en"
// ## 5. What it is good for
//
// ### 5.1 Many tasks: one base, many differences
//
// We learn two more tasks, short questions whose answers can be checked: addresses (networks, private addresses, sizes of subnets) and grades (CVSS bands, HTTP status codes, ports). Each task gets a difference of 0.5 %; for comparison, each gets a full copy. The table has the loss of the answers on each task's test set (nats per token): in each column the task's own difference should be the smallest of the differences and the base.
// %%
const sets: Record<string, { train: tl.Example[]; test: tl.Example[]; ask: string }> = { [t({ zh: "告警", en: "alerts" })]: { train: alertSet, test: encode(testAlerts), ask: testAlerts[0].text } };
interface Checkable { task: string; prompt: string; answer: string }
const encodeShort = (r: Checkable) => tl.encodeExamples(model.tokenizer, [{ prompt: r.prompt, completion: r.answer }])[0];
for (const [name, kinds] of [[t({ zh: "地址", en: "addresses" }), ["cidr-membership", "ipv4-private", "subnet-size"]], [t({ zh: "分级", en: "grades" }), ["cvss-band", "http-status-class", "port-service"]]].slice(budget(0, 1)) as [string, string[]][]) {
  const [train, test] = await Promise.all(["train", "test"].map(async (split) => (await tl.loadRecords<Checkable>(courseFile(`data/verifiable/zh/${split}.jsonl`))).filter((r) => kinds.includes(r.task) && fits(encodeShort(r).ids.length, 48))));
  sets[name] = { train: train.map(encodeShort), test: test.map(encodeShort), ask: test[0].prompt };
}
const tasks = Object.keys(sets), diffs: tl.Run[] = [half.trainedOn[0]], copies: tl.Run[] = [fullRuns[0]];
for (const task of tasks.slice(1)) {
  const run = await prune(0, usual, sets[task].train), small = tl.projectDiff(run, model.params, { density: 0.005 });
  tl.dispose(run.trained);
  diffs.push(await retrain(small.method, 10, more, sets[task].train));
  copies.push(await tl.train({ ...common, method: fullMethod, data: { train: sets[task].train }, steps: steps + more, learningRate: 1e-3, seed: 0 }));
}
// %%
const lossOf = async (params: tl.Params, task: string) => (await tl.evaluate({ ...model, params }, sets[task].test, { batchSize: 16 })).loss;
const lossesOf = async (adapter?: tl.Adapter) => { const params = adapter ? adapter.method.merge!(model.params, adapter.trained) : model.params, found: number[] = []; for (const task of tasks) found.push(await lossOf(params, task)); if (adapter) tl.dispose(params); return found; };
const cross: number[][] = [await lossesOf()];
for (const diff of diffs) cross.push(await lossesOf(diff));
const own: number[] = [];
for (const [i, copy] of copies.entries()) own.push((await lossesOf(copy))[i]);
const crossRows = [t({ zh: "底座", en: "base" }), ...tasks.map((task) => `${t({ zh: "差值：", en: "difference: " })}${task}`), t({ zh: "各自的全参数拷贝", en: "full copy of its own" })];
const crossFigure = heatmap({
  title: t({ zh: "哪个差值在哪个任务上（损失）", en: "Which difference on which task (loss)" }), x: { title: t({ zh: "任务", en: "task" }) }, y: { title: t({ zh: "用的参数", en: "weights" }) },
  xs: tasks, ys: crossRows, z: [...cross, own], zTitle: t({ zh: "损失", en: "loss" }), alt: crossRows.map((name, i) => `${name}: ${[...cross, own][i].map((x) => x.toFixed(2)).join(", ")}`).join("; "),
});
Object.assign(crossFigure.layout!.yaxis as object, { autorange: "reversed" });
await show(crossFigure);
table(crossRows.map((name, i) => ({ [t({ zh: "用的参数", en: "weights" })]: name, ...Object.fromEntries(tasks.map((task, k) => [task, [...cross, own][i][k].toFixed(3)])) })));
const fitting = tasks.filter((_, k) => cross.every((row, i) => i === k + 1 || row[k] > cross[k + 1][k])).length;
console.log(t({ zh: `${fitting} / ${tasks.length} 个任务上，本任务的差值最好`, en: `on ${fitting} of ${tasks.length} tasks its own difference is the best` }) + (fitting === tasks.length ? t({ zh: "：差值各管各的任务", en: ": each difference serves its own task" }) : t({ zh: "：有的差值在自己的任务上没有学好", en: ": some difference has not learned its own task well" })));
// %% [markdown] lang="zh"
// 差值之间互不相干，可以在**同一批**里各用各的：底座只有一份。
// %% [markdown] lang="en"
// Differences have nothing to do with each other, and rows of **one batch** can each use their own: there is one base only.
// %%
const shelf = new tl.AdapterSet(model), slugs = ["alerts", "addresses", "grades"].filter((_, i) => i !== 1 || tasks.length > 2);
diffs.forEach((diff, i) => shelf.add(slugs[i], diff));
const mixed = await shelf.generate(tasks.map((task) => tl.promptText(model.tokenizer, [{ role: "user", content: sets[task].ask }])), { adapters: slugs, maxNewTokens: budget(24, 4) });
table(tasks.map((task, i) => ({ [t({ zh: "差值", en: "difference" })]: slugs[i], [t({ zh: "问", en: "asked" })]: sets[task].ask.slice(0, 60), [t({ zh: "答", en: "answer" })]: mixed[i].text.slice(0, 60) })));
// %% [markdown] lang="zh"
// **外存。** 把差值存成文件（每一项：4 字节的位置 + 4 字节的值），量真实的字节数，与完整的拷贝（16 位，每个参数 2 字节）比。
// %% [markdown] lang="en"
// **Storage.** We save the differences (each entry: 4 bytes of place and 4 of value) and measure real bytes, against complete copies (16 bits, 2 bytes a parameter).
// %%
import * as fs from "fs";
const folder = `${courseFile(".")}/runs/diff-files`;
fs.rmSync(folder, { recursive: true, force: true });
diffs.forEach((diff, i) => tl.saveAdapter(`${folder}/${slugs[i]}`, diff, model));
const diffFile = tl.mean(slugs.map((slug) => tl.storedBytes(`${folder}/${slug}`))), copyFile = tl.storedBytes(`${tl.courseModel()}/model.safetensors`), counts = [1, 2, 5, 10, 15, 20], mb = (x: number) => x / 1e6;
await show(lineChart({
  title: t({ zh: "外存：底座 + 差值，还是每任务一份拷贝", en: "Storage: base and differences, or a copy for each task" }), x: { title: t({ zh: "任务数", en: "tasks" }) }, y: { title: "MB" },
  series: [{ name: t({ zh: "完整拷贝", en: "complete copies" }), x: counts, y: counts.map((n) => mb(n * copyFile)) }, { name: t({ zh: "底座 + 差值", en: "base + differences" }), x: counts, y: counts.map((n) => mb(copyFile + n * diffFile)) }],
  alt: counts.map((n) => `${n}: ${mb(n * copyFile).toFixed(0)} / ${mb(copyFile + n * diffFile).toFixed(1)} MB`).join("; "),
}));
const onePointFive = 1_777_088_000, crossing = copyFile / (copyFile - diffFile);
console.log(t({ zh: `一个差值 ${mb(diffFile).toFixed(2)} MB，是拷贝（${mb(copyFile).toFixed(1)} MB）的 ${((100 * diffFile) / copyFile).toFixed(1)} %，不是 0.5 %：位置也要存，值是 32 位`, en: `a difference takes ${mb(diffFile).toFixed(2)} MB, ${((100 * diffFile) / copyFile).toFixed(1)} % of a copy (${mb(copyFile).toFixed(1)} MB), not 0.5 %: places are stored too, and values have 32 bits` }));
console.log(t({ zh: `从第 ${Math.floor(crossing) + 1} 个任务起更省。15 亿参数的模型、20 个任务（按形状计算）：`, en: `It pays from task ${Math.floor(crossing) + 1} on. A model of 1.5B parameters and 20 tasks (computed from the shapes): ` }) + `${((20 * 2 * onePointFive) / 1e9).toFixed(1)} GB / ${((2 * onePointFive + 20 * 0.005 * 8 * onePointFive) / 1e9).toFixed(1)} GB`);
// %% [markdown] lang="zh"
// ### 5.2 在线学习：任务一个接一个来
//
// 差值从不改动底座，所以后来的任务不可能伤到前面的。若没有差值，只有一个模型接着往下训练呢？在告警分类的全参数模型上继续学第二个任务，再回头看告警。
// %% [markdown] lang="en"
// ### 5.2 Online learning: tasks come one after another
//
// A difference never touches the base, so later tasks cannot harm earlier ones. And without differences, with one model that is trained on and on? We go on from the full model for alerts with the second task, and then look at the alerts again.
// %%
const afterAlerts = copies[0].method.merge!(model.params, copies[0].trained), sequential = await tl.train({ ...common, model: { ...model, params: afterAlerts }, method: fullMethod, data: { train: sets[tasks[1]].train }, steps: steps + more, learningRate: 1e-3, seed: 0 });
const stage: [string, number, number][] = [[t({ zh: "一个模型，学完告警", en: "one model, after alerts" }), fullScores[0].accuracy, await lossOf(afterAlerts, tasks[1])], [t({ zh: "同一个模型，又学了短题", en: "the same model, after questions too" }), (await judge(sequential.trained)).accuracy, await lossOf(sequential.trained, tasks[1])], [t({ zh: "底座 + 各自的差值", en: "base + a difference for each" }), half.diff[0].accuracy, cross[2][1]]];
table(stage.map(([name, accuracy, loss]) => ({ "": name, [t({ zh: "告警准确率", en: "accuracy on alerts" })]: accuracy.toFixed(3), [`${tasks[1]}, ${t({ zh: "损失", en: "loss" })}`]: loss.toFixed(3) })));
const forgotten = stage[0][1] - stage[1][1];
console.log(forgotten > 0.05 ? t({ zh: `接着训练使告警准确率下降了 ${points(forgotten)} 个百分点：遗忘。差值的那一行不受影响。`, en: `Training on cost ${points(forgotten)} points of accuracy on alerts: forgetting. The row of differences is untouched.` }) : t({ zh: `接着训练只使告警准确率变化了 ${points(-forgotten)} 个百分点：这一次几乎没有遗忘。`, en: `Training on changed accuracy on alerts by ${points(-forgotten)} points only: hardly any forgetting this time.` }));
tl.dispose(afterAlerts); tl.dispose(sequential.trained); [...fullRuns, ...copies.slice(1)].forEach((run) => tl.dispose(run.trained));
// %% [markdown] lang="zh"
// ### 5.3 资源受限环境：省的是外存，不是训练内存
//
// 部署时每个任务只要下载一个小文件。可是**训练**时每个参数有差值和门两个数，各有梯度和 AdamW 的两个平均值。测量训练时底座之外的张量峰值和每步时间：
// %% [markdown] lang="en"
// ### 5.3 Few resources: storage is saved, not memory for training
//
// A device downloads one small file for each task. But in **training** each parameter has two numbers, difference and gate, each with a gradient and AdamW's two averages. We measure the peak of tensors beside the base, and the time of a step:
// %%
const stepTime = (run: tl.Run) => 1000 * tl.quantile(run.history.steps.slice(Math.min(2, run.history.steps.length - 1)).map((r) => r.seconds), 0.5);
table([[t({ zh: "全参数微调", en: "full fine-tuning" }), fullBytes, stepTime(fullRuns[0])], ["Diff Pruning", diffBytes, stepTime(diffRuns[0])], [t({ zh: "位置固定后", en: "places fixed" }), NaN, stepTime(half.trainedOn[0])]].map(([name, bytes, ms]) => ({ "": name, [t({ zh: "训练张量峰值 MB", en: "peak of tensors in training, MB" })]: Number.isFinite(bytes) ? mb(bytes as number).toFixed(0) : "–", [t({ zh: "每步毫秒（中位数）", en: "ms a step (median)" })]: (ms as number).toFixed(0) })));
console.log(t({ zh: `Diff Pruning 训练时的张量是全参数微调的 ${(diffBytes / fullBytes).toFixed(1)} 倍`, en: `in training, diff pruning holds ${(diffBytes / fullBytes).toFixed(1)} times the tensors of full fine-tuning` }));
diffRuns.forEach((run) => tl.dispose(run.trained));
// %% [markdown] lang="zh"
// ### 5.4 模型版本控制
//
// 差值像源代码的补丁：**应用**、**撤销**、**核对底座**。先从文件读回并应用，再看两种撤销：原地减去差值，或者放回原来的值。
// %% [markdown] lang="en"
// ### 5.4 Versions of a model
//
// A difference is like a patch of source code: it is **applied**, **undone**, and **checked against its base**. We read one back from its file and apply it, and then undo it in two ways: by subtracting in place, and by putting the old values back.
// %%
const v1 = tl.loadAdapter(`${folder}/alerts`, model), patch = tl.sparseDifference(v1, model.params), applied = v1.method.merge!(model.params, v1.trained);
let patched = 0, astray = 0, farthest = 0, stillWrong = 0;
for (const [name, { indices, values }] of Object.entries(patch)) {
  const old = model.params[name].dataSync() as Float32Array, subtracted = Float32Array.from(applied[name].dataSync()), putBack = Float32Array.from(subtracted);
  indices.forEach((place, j) => { subtracted[place] = subtracted[place] - values![j]; putBack[place] = old[place]; });
  patched += indices.length;
  old.forEach((value, i) => { const off = Math.abs(subtracted[i] - value); if (off) astray++; farthest = Math.max(farthest, off); if (putBack[i] !== value) stillWrong++; });
}
console.log(t({ zh: `改动 ${patched} 处；原地减去差值后有 ${astray} 处（${((100 * astray) / patched).toFixed(0)} %）不能逐位复原，最大误差 ${farthest.toExponential(1)}`, en: `${patched} places changed; after subtracting in place ${astray} of them (${((100 * astray) / patched).toFixed(0)} %) do not come back bit for bit, by ${farthest.toExponential(1)} at most` }));
console.log(t({ zh: `放回底座的值：整个模型中不同的参数 ${stillWrong} 个`, en: `putting the base's values back: ${stillWrong} parameters of the whole model differ` }));
// %% [markdown] lang="zh"
// 浮点加法不可逆，所以撤销要靠底座的值，不要靠减法。本库从不改动底座：不用差值就是撤销。
//
// 第二版：在第一版的基础上再训练（位置不变，只改值）。每一版都是对**同一个底座**的差值，版本之间可以随意切换。
// %% [markdown] lang="en"
// Addition of floating-point numbers cannot be undone by subtraction; undoing needs the base's values. This library never changes the base: not using a difference is undoing it.
//
// Version 2 is trained on from version 1 (same places, other values). Each version is a difference to the **same base**, so one can go to and fro between them.
// %%
const v2 = await retrain(v1.method, 99, more), versions: [string, string, tl.Adapter | undefined][] = [["v0", t({ zh: "底座", en: "base" }), undefined], ["v1", t({ zh: "差值，0.5 %", en: "difference, 0.5 %" }), v1], ["v2", t({ zh: "从 v1 再训练", en: "trained on from v1" }), v2]];
tl.saveAdapter(`${folder}/alerts-v2`, v2, model);
const versionRows = [];
for (const [version, what, adapter] of versions) versionRows.push({ [t({ zh: "版本", en: "version" })]: version, [t({ zh: "内容", en: "what" })]: what, [t({ zh: "字节", en: "bytes" })]: adapter ? tl.storedBytes(`${folder}/${version === "v1" ? "alerts" : "alerts-v2"}`) : copyFile, [t({ zh: "告警准确率", en: "accuracy on alerts" })]: (adapter ? await judged(adapter) : await judge(model.params)).accuracy.toFixed(3) });
table(versionRows);
// %% [markdown] lang="zh"
// 差值用在别的底座上毫无意义，却不会报错：形状是对的。所以文件里记着它改动的那些值的指纹，读入时核对。常见的失误：把差值应用在已经合并过它的模型上。
// %% [markdown] lang="en"
// On another base a difference makes no sense, and yet nothing fails: the shapes fit. So the file holds a fingerprint of the values that it changes, and loading checks it. A common slip: applying a difference to a model into which it was merged already.
// %%
try { tl.loadAdapter(`${folder}/alerts`, { ...model, params: applied }); } catch (error) { console.log((error as Error).message.replace(/^.*runs\//, "runs/")); }
const twice = v1.method.merge!(applied, v1.trained), onceOnly = await judge(applied), doubled = await judge(twice);
console.log(t({ zh: `若不核对而应用两次：损失 ${onceOnly.loss.toFixed(3)} → ${doubled.loss.toFixed(3)}`, en: `applied twice, without a check: loss ${onceOnly.loss.toFixed(3)} → ${doubled.loss.toFixed(3)}` }));
[twice, applied].forEach((p) => tl.dispose(p));
// %% [markdown] lang="zh"
// ## 6. 局限
//
// ### 6.1 计算开销
//
// 切换任务有两种办法：把差值**合并**进一份权重（切换时付一次），或每次前向计算时**当场加上**（每次都付）。测量两者。训练的开销已见 5.3。
// %% [markdown] lang="en"
// ## 6. Limits
//
// ### 6.1 Computation
//
// Tasks can be switched in two ways: **merge** the difference into a copy of the weights (paid once a switch), or **add it in** at each forward pass (paid every time). We measure both. What training costs was seen in 5.3.
// %%
const clock = async (work: () => unknown) => { const times: number[] = []; for (let i = 0; i <= budget(5, 1); i++) { const began = performance.now(); await work(); if (i) times.push(performance.now() - began); } return tl.quantile(times, 0.5); };
const fewPrompts = testPrompts.slice(0, 16), mergeTime = await clock(() => tl.dispose(v1.method.merge!(model.params, v1.trained))), plainTime = await clock(() => tl.classify(model, fewPrompts, LETTERS)), addedTime = await clock(() => tl.classify(model, fewPrompts, LETTERS, { adapter: v1 }));
table([[t({ zh: "合并一个差值（一次切换）", en: "merge a difference (one switch)" }), mergeTime], [t({ zh: "16 条告警，合并后（等于底座）", en: "16 alerts, merged (as the base)" }), plainTime], [t({ zh: "16 条告警，当场加上差值", en: "16 alerts, difference added in" }), addedTime]].map(([what, ms]) => ({ "": what, "ms": (ms as number).toFixed(1) })));
console.log(addedTime > plainTime * 1.05 ? t({ zh: `当场加上每批多花 ${(addedTime - plainTime).toFixed(1)} 毫秒；合并一次相当于 ${(mergeTime / (addedTime - plainTime)).toFixed(1)} 批的额外时间：换得更勤就不要合并`, en: `adding in costs ${(addedTime - plainTime).toFixed(1)} ms more a batch; a merge is worth ${(mergeTime / (addedTime - plainTime)).toFixed(1)} batches of that: whoever switches more often should not merge` }) : t({ zh: "这一次看不出当场加上差值的开销", en: "this time adding in shows no cost" }));
// %% [markdown] lang="zh"
// ### 6.2 稀疏性与性能的权衡
//
// 第 4 节的曲线就是这个权衡：预算越小，丢掉的越多；再训练能补回一部分。预算应当由验证集决定，而不是照抄 0.5 %。
//
// ### 6.3 超参数
//
// $\lambda$ 的作用见第 3 节。书上的“近似参数 $\sigma$”是什么？在 hard concrete 里起近似作用的是拉伸区间 $(l,r)$（和温度，这里为 1）；$\sigma$ 是 sigmoid 函数。区间越宽，落在中间（既不是 0 也不是 1）的概率越小，门越像开关，可是有梯度的机会也越少。下表由闭式算出，$\alpha=0$：
// %% [markdown] lang="en"
// ### 6.2 Sparsity against performance
//
// The curves of part 4 are this trade: the smaller the budget, the more is lost; training on wins some of it back. A budget should be chosen on validation data, not copied as 0.5 %.
//
// ### 6.3 Hyper-parameters
//
// What $\lambda$ does was seen in part 3. And the book's "approximation parameter $\sigma$"? What approximates in hard concrete is the stretch $(l,r)$ (and a temperature, here 1); $\sigma$ is the sigmoid function. The wider the stretch, the less probable is a value in between (neither 0 nor 1): gates are more like switches, but have a gradient less often. The table is computed in closed form, for $\alpha=0$:
// %%
const stretches: [number, number][] = [[-0.1, 1.1], [-0.5, 1.5], [-1.5, 1.5], [-3, 4]];
table(stretches.map(([l, r]) => { const shut = sigma(Math.log(-l / (r))), ones = 1 - sigma(Math.log((1 - l) / (r - 1))); return { "(l, r)": `(${l}, ${r})`, "P(z = 0)": shut.toFixed(3), "P(0 < z < 1)": (1 - shut - ones).toFixed(3), "P(z = 1)": ones.toFixed(3) }; }));
slugs.forEach((slug) => shelf.remove(slug));
// %% [markdown] lang="zh"
// ## 小结
//
// * Diff Pruning 学“改哪里”和“改多少”；投影到预算以后，固定位置再训练。
// * 存的是差值：从第二个任务起省外存，互不遗忘，像补丁一样可以应用、撤销、核对。
// * 训练比全参数微调更费内存和时间；“0.5 % 与全参数相当”取决于模型和任务，要用自己的数据、多个种子去量。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.4.1/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.4.1/1")` 给解答。
//
// 1. 15 亿参数的模型（取 1 777 088 000 个），差值留 0.5 %，每一项存 4 字节的位置和 4 字节的值。一个任务的差值是多少 MB（$10^6$ 字节）？
// 2. 完整拷贝每个参数 2 字节，差值每一项 8 字节。差值留到百分之几时，它与完整拷贝一样大？
// 3. 一扇门的 $\alpha=-1$（$l=-1.5$，$r=1.5$）。训练中它恰好为 0 的概率是多少（三位小数）？
// 4. 写一个函数 `(values, k) => number[]`：留下绝对值最大的 `k` 个，其余为 0，位置不变（绝对值相等时留前面的）。
// %% [markdown] lang="en"
// ## Summary
//
// * Diff pruning learns where to change and by how much; after the projection to a budget the places are fixed and trained on.
// * What is stored is the difference: it saves storage from the second task on, nothing is forgotten, and like a patch it can be applied, undone and checked.
// * Training takes more memory and time than full fine-tuning; whether 0.5 % matches it depends on model and task: measure on your own data, over seeds.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.4.1/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.4.1/1")` the solution.
//
// 1. A model of 1.5B parameters (take 1 777 088 000), a difference that keeps 0.5 %, 4 bytes of place and 4 of value for each entry. How many MB ($10^6$ bytes) does a task's difference take?
// 2. A complete copy takes 2 bytes a parameter, a difference 8 bytes an entry. At which density, in percent, is the difference as large as the copy?
// 3. A gate has $\alpha=-1$ ($l=-1.5$, $r=1.5$). What is the probability that it is exactly 0 in training (three decimals)?
// 4. Write a function `(values, k) => number[]`: keep the `k` values that are largest in size, the others are 0, in their places (of equal sizes the first is kept).
// %%
tl.check("3.4.1/1", undefined);
tl.check("3.4.1/2", undefined);
tl.check("3.4.1/3", undefined);
tl.check("3.4.1/4", undefined);
