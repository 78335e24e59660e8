// Section 3.5.2 of the course: FISH mask. Fisher scores, their heat map, how stable a mask is, density against loss, sparse updates on disk.
// Build both languages with: npm run notebooks -- 3.5.2-fish
// %% [markdown] lang="zh"
// # 3.5.2 FISH mask：哪些参数值得训练？
//
// BitFit 事先规定训练偏置。FISH mask 让**数据**来选：给每个参数打一个重要性分数，只训练分数最高的一小部分，例如千分之五。
// 这样选出来的参数，真的比随便选的好吗？分数要用多少样本来算？换一批样本，选出来的还是同一些吗？训练之后要存什么？本节逐一测量，并核对书上的说法。
//
// 需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.5.2 FISH mask: which parameters are worth training?
//
// BitFit lays down beforehand that biases are trained. FISH mask lets the **data** choose: each parameter gets a score of importance, and only a small part with the highest scores is trained, half a percent for example.
// Are parameters chosen this way really better than any others? How many examples do the scores take? With other examples, would the same ones be chosen? And what has to be stored afterwards? This section measures each, and checks what the book says.
//
// It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, heatmap, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const read = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const trainRecords = await read("train"), heldOut = await read("test"), validationRecords = heldOut.filter((_, i) => i % 2 === 0), testRecords = heldOut.filter((_, i) => i % 2 === 1);
const encode = (records: { question: string; answer: string }[]) => tl.encodeExamples(model.tokenizer, records), trainSet = encode(trainRecords);
/** Rows of up to 128 tokens, several examples side by side (3.7.1): all batches have one shape, and each mask is compiled once. */
const packed = (examples: tl.Example[]) => { const rows = tl.packExamples(examples, 128); return rows.slice(0, budget(rows.length - (rows.length % 2), 2)); };
const trainRows = packed(trainSet), validation = packed(encode(validationRecords)), test = packed(encode(testRecords));
console.log(`${machine.name}; ${trainRecords.length} / ${validationRecords.length} / ${testRecords.length} ${t({ zh: "个中文问答，约三分之二关于网络安全（训练 / 验证 / 测试）", en: "questions and answers in Chinese, about two thirds on network security (train / validation / test)" })}`);
// %% [markdown] lang="zh"
// ## 1. 费舍尔信息
//
// 一个参数变一点，模型的预测会变多少？按二阶近似，参数变化 $\delta$ 时，输出分布的 KL 散度是 $\tfrac12\,\delta^\top F\,\delta$，$F$ 是费舍尔信息矩阵。FISH mask（Sung 等，2021）只算对角线，并用标签代替从模型抽样（经验费舍尔）：
//
// $$\hat F_i=\frac1N\sum_{n=1}^{N}\left(\frac{\partial\log p_\theta(y_n\mid x_n)}{\partial\theta_i}\right)^{2}$$
//
// 注意平方在求和**里面**：要逐个样本求梯度，再平方、平均。先平均再平方得到的是另一个东西：各样本方向相反的梯度会互相抵消。
//
// 分数在训练**之前**算一次，之后不变；书上说的“动态计算”容易误会。下面对模型各层的每一个参数算 $\hat F$，得到一张按层和矩阵平均的热图。
// %% [markdown] lang="en"
// ## 1. Fisher information
//
// If a parameter changes a little, how far do the model's predictions change? To second order, the KL divergence of the outputs for a change $\delta$ is $\tfrac12\,\delta^\top F\,\delta$, where $F$ is the Fisher information matrix. FISH mask (Sung et al. 2021) takes its diagonal alone, with the labels in place of draws from the model (the empirical Fisher):
//
// $$\hat F_i=\frac1N\sum_{n=1}^{N}\left(\frac{\partial\log p_\theta(y_n\mid x_n)}{\partial\theta_i}\right)^{2}$$
//
// Mind that the square is **inside** the sum: the gradient is taken example by example, then squared, then averaged. To average first and square then is another thing, where gradients of opposite directions cancel.
//
// The scores are computed once, **before** training, and stay; the book's word "dynamic" can mislead. Below we compute $\hat F$ for every parameter of the layers, and draw its mean by layer and matrix.
// %%
type Scores = Record<string, Float32Array>;
const shuffled = new tl.Random(0, "fish notebook").shuffle(trainSet), sampleSizes = budget(1, 0) ? [4, 16, 64] : [2, 4];
const tick = tl.progress(2 * sampleSizes.length, t({ zh: "两批互不相交的样本", en: "two disjoint sets of examples" }));
/** Scores from the first n examples of a set, for growing n: a mean of means, so that no example is computed twice. */
const growing = async (examples: readonly tl.Example[], done: number) => {
  const all: Scores[] = [];
  for (const [i, n] of sampleSizes.entries()) {
    const from = i ? sampleSizes[i - 1] : 0, fresh = await tl.fisher(model, examples.slice(from, n), { display: false }), before = all[i - 1];
    all.push(before ? Object.fromEntries(Object.entries(fresh).map(([name, f]) => [name, f.map((v, j) => (before[name][j] * from + v * (n - from)) / n)])) : fresh);
    tick.update(done + i + 1);
  }
  return all;
};
const most = sampleSizes[sampleSizes.length - 1], began = performance.now();
const scoresA = await growing(shuffled.slice(0, most), 0), scoresB = await growing(shuffled.slice(most, 2 * most), sampleSizes.length), fisherSeconds = (performance.now() - began) / 1000 / 2;
tick.done();
const scores = scoresA[scoresA.length - 1], entries = Object.values(scores).reduce((n, s) => n + s.length, 0);
console.log(t({ zh: `${entries.toLocaleString("en-US")} 个分数，${most} 个样本`, en: `${entries.toLocaleString("en-US")} scores from ${most} examples` }));
// %%
const MATRICES = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"], shortName = (m: string) => m.replace(/^.*\./, "").replace("_proj", "");
const parts = [...MATRICES.map((m) => ({ short: shortName(m), name: `${m}.weight` })), ...MATRICES.slice(0, 3).map((m) => ({ short: `${shortName(m)}.bias`, name: `${m}.bias` })), { short: "n1", name: "input_layernorm.weight" }, { short: "n2", name: "post_attention_layernorm.weight" }];
const layerNumbers = Array.from({ length: model.config.layers }, (_, l) => l), meanScore = (s: Float32Array) => s.reduce((a, b) => a + b, 0) / s.length;
const byPart = layerNumbers.map((l) => parts.map(({ name }) => meanScore(scores[`model.layers.${l}.${name}`])));
await show(heatmap({
  title: t({ zh: `费舍尔信息的常用对数，按层和矩阵平均（${most} 个样本）`, en: `log10 of the Fisher information, mean by layer and matrix (${most} examples)` }), x: { title: t({ zh: "参数（n1、n2：两个归一化层）", en: "parameter (n1, n2: the two norms)" }) }, y: { title: t({ zh: "层", en: "layer" }) }, xs: parts.map((p) => p.short), z: byPart.map((row) => row.map(Math.log10)), zTitle: "log F",
  alt: parts.map(({ short }, i) => `${short}: ${tl.mean(byPart.map((row) => row[i])).toExponential(1)}`).join("; "),
}));
const meanOver = (kind: RegExp) => { const found = parts.map((p, i) => ({ p, i })).filter(({ p }) => kind.test(p.short)); return tl.mean(found.flatMap(({ i }) => byPart.map((row) => row[i]))); };
const partMeans = parts.map(({ short }, i) => ({ short, mean: tl.mean(byPart.map((row) => row[i])) })).sort((a, b) => b.mean - a.mean);
console.log(t({ zh: "每个数平均费舍尔信息最大的：", en: "largest Fisher information a number, on average: " }) + partMeans.slice(0, 3).map(({ short, mean }) => `${short} (${mean.toExponential(1)})`).join(", "));
const biasRatio = meanOver(/bias/) / meanOver(/^(q|k|v)$/);
console.log(t({ zh: `q、k、v 的偏置，每个数的费舍尔信息平均是同处权重的 ${biasRatio.toPrecision(2)} 倍：${biasRatio > 2 ? "这与“BitFit 用很少的数就能起作用”一致" : biasRatio < 0.5 ? "单看分数，偏置并不特别重要" : "两者相近"}。`, en: `A bias of q, k, v has on average ${biasRatio.toPrecision(2)} times the Fisher information of a weight beside it: ${biasRatio > 2 ? "that agrees with BitFit doing something with so few numbers" : biasRatio < 0.5 ? "by their scores, biases are nothing special" : "about the same"}.` }));
// %% [markdown] lang="zh"
// ## 2. 分数有多集中？
//
// 稀疏更新有没有希望，先看这条曲线：把分数从大到小排好，前 $p\,\%$ 的参数占全部费舍尔信息的多少？如果分数都一样，曲线就是对角线。
// %% [markdown] lang="en"
// ## 2. How concentrated are the scores?
//
// Whether a sparse update has a chance can be seen here: sort the scores from the largest, and ask how much of all Fisher information the first $p\,\%$ hold. If all scores were alike, the curve would be the diagonal.
// %%
const sorted = (s: Scores) => { const all = new Float32Array(entries); let at = 0; for (const part of Object.values(s)) { all.set(part, at); at += part.length; } return all.sort(); };
const ranked = sorted(scores), totalScore = ranked.reduce((a, b) => a + b, 0), percents = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 25, 50, 100];
const held = percents.map((p) => ranked.subarray(entries - Math.round((p / 100) * entries)).reduce((a, b) => a + b, 0) / totalScore);
await show(lineChart({
  title: t({ zh: "最重要的参数占多少费舍尔信息", en: "Fisher information held by the most important parameters" }), x: { title: t({ zh: "分数最高的参数（%）", en: "parameters with the highest scores (%)" }), log: true, ticks: [0.01, 0.1, 1, 10, 100] }, y: { title: t({ zh: "占全部的份额", en: "share of all" }) },
  series: [{ name: t({ zh: "课程模型", en: "course model" }), x: percents, y: held }, { name: t({ zh: "如果都一样", en: "if all were alike" }), x: percents, y: percents.map((p) => p / 100) }],
  alt: percents.map((p, i) => `${p} % → ${(100 * held[i]).toFixed(1)} %`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 3. 掩码稳定吗？
//
// 密度 $k$：保留 $k$ 份额分数最高的参数（论文和本库的默认是 0.005）。用**互不相交**的两批样本各算一个掩码，看有多少共同的参数。随机选两个掩码，期望的共同份额就是密度本身。
// %% [markdown] lang="en"
// ## 3. Is the mask stable?
//
// Density $k$: the share of parameters with the highest scores that is kept (0.005 by default, in the paper and here). Two **disjoint** sets of examples give a mask each; how many parameters do they share? Of two random masks, the expected share in common is the density itself.
// %%
const DENSITY = 0.005, keepOf = (density: number) => Math.round(density * entries);
type Mask = Record<string, Int32Array>;
const maskOf = (s: Scores, density: number): Mask => tl.largest(s, keepOf(density));
function overlap(a: Mask, b: Mask): number {
  let common = 0, all = 0;
  for (const [name, indices] of Object.entries(a)) { const other = new Set(b[name]); all += indices.length; for (const i of indices) if (other.has(i)) common++; }
  return common / all;
}
const agreement = (budget(1, 0) ? [0.0005, DENSITY, 0.05] : [0.0005, DENSITY]).map((density) => ({ density, shares: sampleSizes.map((_, i) => overlap(maskOf(scoresA[i], density), maskOf(scoresB[i], density))) }));
await show(lineChart({
  title: t({ zh: "两批不同样本的掩码有多少相同", en: "Overlap of the masks from two sets of examples" }), x: { title: t({ zh: "每批的样本数", en: "examples in each set" }), log: true, ticks: sampleSizes }, y: { title: t({ zh: "相同的份额", en: "share in common" }) },
  series: agreement.map(({ density, shares }) => ({ name: `k = ${density}`, x: sampleSizes, y: shares })), alt: agreement.map(({ density, shares }) => `k=${density}: ${shares.map((v, i) => `${sampleSizes[i]} → ${v.toFixed(2)}`).join(", ")}`).join("; "),
}));
const stable = agreement[1].shares[sampleSizes.length - 1];
console.log(t({ zh: `k = ${DENSITY}，每批 ${most} 个样本：相同 ${(100 * stable).toFixed(0)} %（随机掩码：${100 * DENSITY} %）。${stable > 0.8 ? "掩码很稳定。" : stable > 0.3 ? "掩码远不是随机的，但换一批样本仍会变不少。" : "换一批样本，掩码就大不相同。"}`, en: `k = ${DENSITY}, ${most} examples each: ${(100 * stable).toFixed(0)} % in common (random masks: ${100 * DENSITY} %). ${stable > 0.8 ? "The mask is stable." : stable > 0.3 ? "The mask is far from random, but other examples still change a good part of it." : "With other examples the mask is quite another."}` }));
// %%
const mask = maskOf(scores, DENSITY), sizeAt = (l: number, name: string) => scores[`model.layers.${l}.${name}`].length, keptShare = layerNumbers.map((l) => parts.map(({ name }) => (100 * (mask[`model.layers.${l}.${name}`]?.length ?? 0)) / sizeAt(l, name)));
await show(heatmap({
  title: t({ zh: `掩码保留了各张量的百分之几（k = ${DENSITY}）`, en: `Percent of each tensor that the mask keeps (k = ${DENSITY})` }), x: { title: t({ zh: "参数（n1、n2：两个归一化层）", en: "parameter (n1, n2: the two norms)" }) }, y: { title: t({ zh: "层", en: "layer" }) }, xs: parts.map((p) => p.short), z: keptShare, zTitle: "%",
  alt: parts.map(({ short }, i) => `${short}: ${tl.mean(keptShare.map((row) => row[i])).toFixed(2)} %`).join("; "),
}));
// %% [markdown] lang="zh"
// ## 4. 密度与效果；与随机、按大小选的掩码比较
//
// 三种掩码保留同样多的参数：费舍尔信息最大的；**随机**选的；权重**绝对值**最大的。每种掩码、每个密度都从四个学习率里按验证损失选一个（用种子 0），再用三个种子在测试集上比较。全参数微调（同样的步数）作参照。样本打包成 128 个词元的行，所以每种掩码只需编译一次。
// %% [markdown] lang="en"
// ## 4. Density and effect; against random masks and masks by magnitude
//
// Three masks that keep as many parameters: those with the largest Fisher information; a **random** choice; the weights of largest **magnitude**. For each mask and density one of four learning rates is chosen by validation loss (with seed 0), and three seeds are then compared on the test set. Full fine-tuning for the same number of steps is the reference. Examples are packed into rows of 128 tokens, so that each mask is compiled once.
// %%
const steps = budget(24, 2), seeds = budget(1, 0) ? [0, 1, 2] : [0], densities = budget(1, 0) ? [0.0005, DENSITY, 0.05] : [DENSITY], RATES = [1e-3, 4e-3, 1.6e-2, 6.4e-2], FULL_RATES = [2e-4, 5e-4, 1e-3];
const lossOf = async (adapter: tl.Adapter | undefined, on: readonly tl.Example[]) => (await tl.evaluate(model, on, { adapter, batchSize: 2 })).loss;
const sparseOf = (kept: Mask) => tl.sparse(model.params, Object.fromEntries(Object.entries(kept).map(([name, indices]) => [name, { indices }])), { name: "fish" });
const fit = (method: tl.Method, learningRate: number, seed: number, more: object = {}) => tl.train({ model, method, data: { train: trainRows }, steps, batchSize: 2, learningRate, seed, display: false, ...more });
/** The better rate by validation loss, and the test losses of all seeds at it. */
async function compete(method: tl.Method, rates: number[]): Promise<{ rate: number; losses: number[] }> {
  const tried: { rate: number; validation: number; test: number }[] = [];
  for (const rate of budget(1, 0) ? rates : rates.slice(0, 1)) { const run = await fit(method, rate, seeds[0]); tried.push({ rate, validation: await lossOf(run, validation), test: await lossOf(run, test) }); tl.dispose(run.trained); }
  const best = tried.reduce((a, b) => (b.validation < a.validation ? b : a)), losses = [best.test];
  for (const seed of seeds.slice(1)) { const run = await fit(method, best.rate, seed); losses.push(await lossOf(run, test)); tl.dispose(run.trained); }
  return { rate: best.rate, losses };
}
// %%
const randomScores: Scores = Object.fromEntries(Object.entries(scores).map(([name, s], i) => [name, tl.tf.tidy(() => tl.tf.randomUniform([s.length], 0, 1, "float32", i + 1).dataSync() as Float32Array)]));
const magnitude: Scores = Object.fromEntries(Object.keys(scores).map((name) => [name, (model.params[name].dataSync() as Float32Array).map(Math.abs)]));
const MASKS: Record<string, { name: string; scores: Scores }> = { fisher: { name: t({ zh: "费舍尔", en: "Fisher" }), scores }, random: { name: t({ zh: "随机", en: "random" }), scores: randomScores }, magnitude: { name: t({ zh: "绝对值", en: "magnitude" }), scores: magnitude } };
const sweep: Record<string, { rate: number; losses: number[] }[]> = {}, work = tl.progress(1 + 3 * densities.length, t({ zh: "密度与掩码", en: "densities and masks" })), baseTest = await lossOf(undefined, test);
const fullMethod = tl.full(), fullResult = await compete(fullMethod, FULL_RATES);
let finished = 1;
for (const [key, { scores: by, name }] of Object.entries(MASKS)) for (const density of densities) {
  const method = sparseOf(maskOf(by, density));
  (sweep[key] ??= []).push(await compete(method, RATES));
  tl.dispose(method.constants!);
  work.update(++finished, `${name}, k = ${density}`);
}
work.done();
// %%
const stat = (x: number[]) => { const { mean, error } = tl.interval(x); return { mean, error: Number.isFinite(error) ? error : 0 }; }, flat = (v: number) => densities.map(() => v);
await show(lineChart({
  title: t({ zh: `密度与测试损失（${steps} 步，${seeds.length} 个种子，误差棒：95 % 区间的一半）`, en: `Density and test loss (${steps} steps, ${seeds.length} seeds; bars: half the 95 % interval)` }), x: { title: t({ zh: "训练的份额 k", en: "share trained, k" }), log: true, ticks: densities }, y: { title: t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" }) },
  series: [
    ...Object.entries(MASKS).map(([key, { name }]) => ({ name, x: densities, y: sweep[key].map((r) => stat(r.losses).mean), error: sweep[key].map((r) => stat(r.losses).error) })),
    { name: t({ zh: "全参数", en: "full" }), x: densities, y: flat(stat(fullResult.losses).mean) }, { name: t({ zh: "不训练", en: "untrained" }), x: densities, y: flat(baseTest) },
  ],
  alt: `${t({ zh: "全参数", en: "full" })} ${stat(fullResult.losses).mean.toFixed(3)}; ${Object.entries(MASKS).map(([key, { name }]) => `${name}: ${densities.map((k, i) => `${k} → ${stat(sweep[key][i].losses).mean.toFixed(3)}`).join(", ")}`).join("; ")}`,
}));
const against = (a: number[], b: number[]) => stat(a.map((v, i) => v - b[i])), verdict = ({ mean, error }: { mean: number; error: number }, better: string, worse: string) => (seeds.length < 2 ? t({ zh: "种子太少，不能下结论", en: "too few seeds to say" }) : mean - error > 0 ? worse : mean + error < 0 ? better : t({ zh: "分不清", en: "undecided" }));
table(densities.flatMap((k, i) => ["random", "magnitude"].map((key) => { const d = against(sweep.fisher[i].losses, sweep[key][i].losses); return { k, [t({ zh: "费舍尔对", en: "Fisher against" })]: MASKS[key].name, [t({ zh: "损失之差", en: "difference of losses" })]: d.mean.toFixed(3), "±": d.error.toFixed(3), [t({ zh: "学习率", en: "learning rates" })]: `${sweep.fisher[i].rate} / ${sweep[key][i].rate}`, [t({ zh: "结论", en: "verdict" })]: verdict(d, t({ zh: "费舍尔更好", en: "Fisher is better" }), t({ zh: "费舍尔更差", en: "Fisher is worse" })) }; })), t({ zh: "成对比较（同一种子），95 % 区间", en: "In pairs (the same seed), 95 % interval" }));
const chosen = Object.values(sweep).flat(), atEdge = chosen.filter(({ rate }) => rate === RATES[0] || rate === RATES[RATES.length - 1]).length;
console.log(t({ zh: `${chosen.length} 个最佳学习率中有 ${atEdge} 个在范围的边上：那里更好的学习率可能在外面，百分之几的差别不要当真。`, en: `${atEdge} of ${chosen.length} best rates lie at the edge of the range: there a better one may lie outside, so do not read much into differences of a few hundredths.` }));
// %% [markdown] lang="zh"
// ## 5. 分数要用多少样本？
//
// 密度 0.005，掩码分别用不同多的样本算出，训练完全相同。如果几个样本就够，选参数的代价就可以忽略。
// %% [markdown] lang="en"
// ## 5. How many examples do the scores need?
//
// At density 0.005, with masks from different numbers of examples and the training the same. If a few are enough, the price of choosing can be neglected.
// %%
const middle = densities.indexOf(DENSITY), bySamples: number[][] = [];
for (const [i, n] of sampleSizes.entries()) {
  if (n === most) { bySamples.push(sweep.fisher[middle].losses); continue; }
  const method = sparseOf(maskOf(scoresA[i], DENSITY)), losses: number[] = [];
  for (const seed of seeds) { const run = await fit(method, sweep.fisher[middle].rate, seed); losses.push(await lossOf(run, test)); tl.dispose(run.trained); }
  bySamples.push(losses);
  tl.dispose(method.constants!);
}
await show(barChart({
  title: t({ zh: "算分数的样本数与测试损失（误差棒：95 % 区间的一半）", en: "Examples for the scores, and test loss (bars: half the 95 % interval)" }), x: { title: t({ zh: "算分数的样本数", en: "examples for the scores" }) }, y: { title: t({ zh: "损失降低（纳特/词元）", en: "fall of the loss (nats per token)" }) },
  series: [{ name: "", x: [...sampleSizes.map((n) => `N = ${n}`), MASKS.random.name], y: [...bySamples, sweep.random[middle].losses].map((l) => baseTest - stat(l).mean), error: [...bySamples, sweep.random[middle].losses].map((l) => stat(l).error) }],
  alt: sampleSizes.map((n, i) => `${n}: ${(baseTest - stat(bySamples[i]).mean).toFixed(3)}`).join("; "),
}));
const fewMany = against(bySamples[0], bySamples[bySamples.length - 1]);
console.log(t({ zh: `${sampleSizes[0]} 个样本与 ${most} 个样本的掩码，损失相差 ${fewMany.mean.toFixed(3)} ± ${fewMany.error.toFixed(3)}：`, en: `masks from ${sampleSizes[0]} and from ${most} examples: losses differ by ${fewMany.mean.toFixed(3)} ± ${fewMany.error.toFixed(3)}: ` }) + verdict(fewMany, t({ zh: "少的更好", en: "few are better" }), t({ zh: "多的更好", en: "many are better" })));
// %% [markdown] lang="zh"
// ## 6. 存什么？
//
// 书上说：“由于原始参数发生了改变，针对不同的下游任务仍需保存整个模型。”改变的只有掩码里的那些数：每个存一个位置（4 字节整数）和一个差值（4 字节浮点数）就够了。训练、保存、读回、合并，逐一核对。
// %% [markdown] lang="en"
// ## 6. What has to be stored?
//
// The book says that "because the original parameters have changed, the whole model has to be saved for each task". Only the numbers in the mask have changed: a position (an integer of 4 bytes) and a difference (a float of 4 bytes) each will do. We train, save, read back and merge, and check each.
// %%
const method = sparseOf(mask), run = await fit(method, sweep.fisher[middle].rate, 0), outFolder = `${courseFile(".")}/runs/fish`;
tl.saveAdapter(outFolder, run, model);
const loaded = tl.loadAdapter(outFolder, model), probe = { ids: trainSet[0].ids, batch: 1 }, merged = method.merge!(model.params, run.trained);
const apart = (a: tl.Adapter | undefined, params = model.params) => tl.logits({ params, config: model.config, ...(a ?? {}) }, probe), furthest = (x: tl.Params[string], y: tl.Params[string]) => tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(x as never, y as never))).dataSync()[0]);
const trainedLogits = apart(run), backAgain = furthest(trainedLogits, apart(loaded)), changed = Object.entries(merged).reduce((n, [name, w]) => n + tl.tf.tidy(() => tl.tf.sum(tl.tf.cast(tl.tf.notEqual(w, model.params[name]), "int32")).dataSync()[0]), 0);
const storedBytes = tl.storedBytes(outFolder), wholeBytes = 4 * tl.count(model.params);
table([
  { [t({ zh: "核对", en: "check" })]: t({ zh: "掩码里的参数", en: "parameters in the mask" }), [t({ zh: "结果", en: "result" })]: tl.trainableCount(run) }, { [t({ zh: "核对", en: "check" })]: t({ zh: "合并后与原模型不同的数", en: "numbers that differ from the base after merging" }), [t({ zh: "结果", en: "result" })]: changed },
  { [t({ zh: "核对", en: "check" })]: t({ zh: "读回：max |Δlogit|", en: "read back: max |Δlogit|" }), [t({ zh: "结果", en: "result" })]: backAgain.toExponential(1) }, { [t({ zh: "核对", en: "check" })]: t({ zh: "合并：max |Δlogit|", en: "merged: max |Δlogit|" }), [t({ zh: "结果", en: "result" })]: furthest(trainedLogits, apart(undefined, merged)).toExponential(1) },
  { [t({ zh: "核对", en: "check" })]: t({ zh: "存储（字节）", en: "stored (bytes)" }), [t({ zh: "结果", en: "result" })]: storedBytes }, { [t({ zh: "核对", en: "check" })]: t({ zh: "整个模型（字节，FP32）", en: "the whole model (bytes, FP32)" }), [t({ zh: "结果", en: "result" })]: wholeBytes },
]);
console.log(t({ zh: `“仍需保存整个模型”：这里只存了它的 1/${(wholeBytes / storedBytes).toFixed(0)}，读回后输出${backAgain < 1e-4 ? "相同" : "却不同"}。`, en: `"The whole model has to be saved": here ${(wholeBytes / storedBytes).toFixed(0)} times less was stored, and read back it gives ${backAgain < 1e-4 ? "the same" : "other"} outputs.` }));
// %% [markdown] lang="zh"
// 训练改变了模型，掩码会不会过时？在训练后的模型上重新算一次分数，看原来的掩码有多少还排在最前面。
// %% [markdown] lang="en"
// Training has changed the model; is the mask out of date? We compute the scores anew on the trained model, from the same examples, and see how much of the mask would be chosen again.
// %%
const afterScores = await tl.fisher({ params: merged, config: model.config }, shuffled.slice(0, most), { display: false }), kept = overlap(mask, maskOf(afterScores, DENSITY)), ratioAfter = totalOf(afterScores) / totalOf(scores);
function totalOf(s: Scores): number { return Object.values(s).reduce((sum, part) => sum + part.reduce((a, b) => a + b, 0), 0); }
console.log(t({ zh: `训练后重新选：${(100 * kept).toFixed(0)} % 相同；费舍尔信息的总和是训练前的 ${ratioAfter.toFixed(2)} 倍。${kept > 0.7 ? "一次选定就够了。" : kept > 0.3 ? "一部分重要的参数换了位置：一次选定是近似。" : "大部分重要的参数换了位置。"}`, en: `Chosen anew after training: ${(100 * kept).toFixed(0)} % the same; all Fisher information together is ${ratioAfter.toFixed(2)} times what it was. ${kept > 0.7 ? "Choosing once is enough." : kept > 0.3 ? "Some of the important parameters are elsewhere now: choosing once is an approximation." : "Most of the important parameters are elsewhere now."}` }));
tl.dispose(merged); tl.dispose(run.trained); tl.dispose(loaded.trained); tl.dispose(loaded.method.constants!);
// %% [markdown] lang="zh" tags=["claim:3.5.2/memory", "claim:3.5.2/speed"]
// ## 7. 内存与时间
//
// 书上有两句话：“内存占用可减少 30 %~50 %，且训练速度更快”，以及“需要计算所有参数的全梯度，仍然需要消耗大量的训练时间”。第二句是对的：掩码里的数散布在每个矩阵里，要得到它们的梯度，就得先算整个矩阵的梯度，再取出几个。省下的是优化器状态、参数副本和梯度的存储。实测（张量峰值含模型本身；程序已编译好）：
// %% [markdown] lang="en" tags=["claim:3.5.2/memory", "claim:3.5.2/speed"]
// ## 7. Memory and time
//
// The book has two sentences on this: "memory falls by 30 % to 50 %, and training is faster", and "the full gradient of all parameters has to be computed, which still takes much time". The second is right: the chosen numbers are scattered over every matrix, and to get their gradients one computes the gradient of the whole matrix and picks a few. Saved are the optimizer's state, the copy of the parameters, and stored gradients. Measured (peak of tensors, with the model itself; programs already compiled):
// %%
const CONTENDERS = [[t({ zh: "全参数", en: "full" }), fullMethod, fullResult.rate], ["FISH", method, sweep.fisher[middle].rate]] as const, costs = CONTENDERS.map(([name]) => ({ name, peak: 0, times: [] as number[] }));
for (let round = 0; round < budget(4, 1); round++) for (const [i, [, which, rate]] of CONTENDERS.entries()) { // in turns, so that a busy machine meets both
  const { result, addedBytes } = await tl.peakTensorBytes(() => fit(which, rate, 9, { steps: budget(6, 2) }));
  costs[i].peak = (wholeBytes + addedBytes) / 1e6; costs[i].times.push(tl.quantile(result.history.steps.map((r) => r.seconds), 0.5));
  tl.dispose(result.trained);
}
const [fullCost, fishCost] = costs, saved = 100 * (1 - fishCost.peak / fullCost.peak), ratios = fullCost.times.map((s, i) => fishCost.times[i] / s), [low, high] = [Math.min(...ratios), Math.max(...ratios)], fullStep = tl.quantile(fullCost.times, 0.5);
table(costs.map(({ name, peak, times }) => ({ [t({ zh: "方法", en: "method" })]: name, [t({ zh: "张量峰值 MB", en: "peak of tensors, MB" })]: peak.toFixed(0), [t({ zh: "每步（秒，中位数）", en: "step (s, median)" })]: tl.quantile(times, 0.5).toFixed(3) })));
console.log(t({ zh: `“内存减少 30 %~50 %”：实测减少 ${saved.toFixed(0)} %，`, en: `"Memory falls by 30 % to 50 %": measured ${saved.toFixed(0)} %, ` }) + (saved < 30 ? t({ zh: "不到 30 %。", en: "less than 30 %." }) : saved <= 50 ? t({ zh: "在范围之内。", en: "within the range." }) : t({ zh: "超过 50 %。", en: "more than 50 %." })));
console.log(t({ zh: `“训练速度更快”：每步的时间是全参数的 ${low.toFixed(2)}~${high.toFixed(2)} 倍（${ratios.length} 轮，交替），${high < 1 ? "更快，省在优化器更新和参数副本" : low > 1 ? "反而更慢：取出和写回散布的数要时间" : "有快有慢，分不清"}；另外算分数用了 ${fisherSeconds.toFixed(0)} 秒（${most} 个样本，含编译），相当于 ${(fisherSeconds / fullStep).toFixed(0)} 步全参数训练。`, en: `"Training is faster": a step takes ${low.toFixed(2)} to ${high.toFixed(2)} times that of full fine-tuning (${ratios.length} rounds, in turns), ${high < 1 ? "less: the optimizer's update and the copies are saved" : low > 1 ? "even more: picking and putting back scattered numbers takes time" : "now less, now more: undecided"}; besides, the scores took ${fisherSeconds.toFixed(0)} s (${most} examples, with compilation), as long as ${(fisherSeconds / fullStep).toFixed(0)} steps of full fine-tuning.` }));
tl.dispose(method.constants!);
// %% [markdown] lang="zh"
// ## 8. 任务离预训练远，会怎样？
//
// “适用于预训练模型与目标任务领域较为接近的场景……如果差异较大，仅调整局部参数可能不足以充分适配。”要检验这句话，得只改变**距离**，别的都不变。一个人为但受控的办法：同样的问答，把答案的字**倒过来写**。数据量、步数、指标都相同，预训练模型却从没见过这样的文字。比较两种情形下 FISH 得到全参数增益的几成。
// %% [markdown] lang="en"
// ## 8. When the task is far from pre-training
//
// "It suits cases where the pre-trained model and the task are close … where they differ a lot, adjusting a part of the parameters may not be enough." To test that, the **distance** alone has to change. An artificial but controlled way: the same questions and answers, with the characters of each answer **in reverse**. Amount of data, steps and metric stay the same, but the pre-trained model has never seen such text. What share of full fine-tuning's gain does FISH get in either case?
// %%
const backwards = (records: { question: string; answer: string }[]) => encode(records.map(({ question, answer }) => ({ question, answer: [...answer].reverse().join("") })));
const farSet = backwards(trainRecords), far = { train: packed(farSet), validation: packed(backwards(validationRecords)), test: packed(backwards(testRecords)) }, farBase = await lossOf(undefined, far.test);
const farMethod = await tl.fish(model, farSet, { density: DENSITY, samples: sampleSizes[1], display: false }), farLosses: Record<string, number[]> = { fish: [], full: [] }, farRates: Record<string, number> = {};
for (const [key, which, rates] of [["fish", farMethod, RATES], ["full", fullMethod, FULL_RATES]] as const) {
  const tried: number[] = [];
  for (const rate of budget(1, 0) ? rates : rates.slice(0, 1)) { const r = await fit(which, rate, 0, { data: { train: far.train } }); tried.push(await lossOf(r, far.validation)); tl.dispose(r.trained); }
  farRates[key] = rates[tried.indexOf(Math.min(...tried))];
  for (const seed of seeds) { const r = await fit(which, farRates[key], seed, { data: { train: far.train } }); farLosses[key].push(await lossOf(r, far.test)); tl.dispose(r.trained); }
}
tl.dispose(farMethod.constants!);
const shareOfGain = (base: number, fish: number[], full: number[]) => stat(fish.map((l, i) => (100 * (base - l)) / (base - full[i]))), near = shareOfGain(baseTest, sweep.fisher[middle].losses, fullResult.losses), distant = shareOfGain(farBase, farLosses.fish, farLosses.full);
table([[t({ zh: "近：原样的答案", en: "near: answers as they are" }), baseTest, sweep.fisher[middle].losses, fullResult.losses, near], [t({ zh: "远：倒写的答案", en: "far: answers in reverse" }), farBase, farLosses.fish, farLosses.full, distant]].map(([name, base, fish, full, share]) => ({ "": name, [t({ zh: "训练前", en: "before" })]: (base as number).toFixed(3), FISH: tl.mean(fish as number[]).toFixed(3), [t({ zh: "全参数", en: "full" })]: tl.mean(full as number[]).toFixed(3), [t({ zh: "增益份额 %", en: "share of the gain, %" })]: (share as typeof near).mean.toFixed(0), "±": (share as typeof near).error.toFixed(0) })), t({ zh: `测试损失（k = ${DENSITY}）`, en: `Test loss (k = ${DENSITY})` }));
const drop = near.mean - distant.mean, sure = Math.hypot(near.error, distant.error);
console.log(t({ zh: "“差异大时不足以充分适配”：", en: "\"Not enough where they differ a lot\": " }) + (seeds.length < 2 ? t({ zh: "种子太少，不能下结论", en: "too few seeds to say" }) : drop > sure ? t({ zh: `份额少了 ${drop.toFixed(0)} 个百分点，支持书上的说法`, en: `the share is ${drop.toFixed(0)} points smaller, which supports the book` }) : drop < -sure ? t({ zh: `份额反而多了 ${(-drop).toFixed(0)} 个百分点：这个实验不支持`, en: `the share is ${(-drop).toFixed(0)} points larger: this experiment does not support it` }) : t({ zh: "两者的差别不超过误差，分不清", en: "the difference is within the error: undecided" })));
// %% [markdown] lang="zh"
// ## 9. 与书上的说法对照
// %% [markdown] lang="en"
// ## 9. Held against the book
// %%
const bestAt = densities.reduce((b, _, i) => (stat(sweep.fisher[i].losses).mean < stat(sweep.fisher[b].losses).mean ? i : b), 0), worse = against(sweep.fisher[bestAt].losses, fullResult.losses);
console.log(t({ zh: `“效果没有全参数微调好”：最好的密度 k = ${densities[bestAt]}，与全参数的损失之差 ${worse.mean.toFixed(3)} ± ${worse.error.toFixed(3)}，`, en: `"Not as good as full fine-tuning": at the best density, k = ${densities[bestAt]}, its loss differs from full by ${worse.mean.toFixed(3)} ± ${worse.error.toFixed(3)}, ` }) + verdict(worse, t({ zh: "FISH 更好", en: "FISH is better" }), t({ zh: "确实差一些", en: "it is indeed worse" })));
const share90 = shareOfGain(baseTest, sweep.fisher[bestAt].losses, fullResult.losses);
console.log(t({ zh: `得到全参数增益的 ${share90.mean.toFixed(0)} ± ${share90.error.toFixed(0)} %（k = ${densities[bestAt]}）。`, en: `It gets ${share90.mean.toFixed(0)} ± ${share90.error.toFixed(0)} % of full fine-tuning's gain (k = ${densities[bestAt]}).` }));
console.log(t({ zh: `“选择策略需要额外计算”：对，但 ${sampleSizes[0]} 个样本的掩码与 ${most} 个样本的结果：${verdict(fewMany, "少的更好", "多的更好")}。“仍需保存整个模型”：不对，见第 6 节。“动态计算”：分数只在训练前算一次。`, en: `"Choosing takes extra computation": true, but a mask from ${sampleSizes[0]} examples against one from ${most}: ${verdict(fewMany, "few are better", "many are better")}. "The whole model has to be saved": no, see part 6. "Dynamic": the scores are computed once, before training.` }));
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.5.2/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.5.2/1")` 给解答。
//
// 1. 一个参数在四个样本上的梯度是 0.2、−0.4、0.1、−0.1。它的经验费舍尔信息是多少？
// 2. 1.5B 模型（1 777 088 000 个参数）、密度 0.005，每个保留的数存一个 4 字节的位置和一个 4 字节的差值。一个任务要存多少 MB（$10^6$ 字节）？
// 3. 写一个函数 `(a, b) => number`：两个掩码（等长的下标列表，各自没有重复）有多少份额相同，即第 3 节的量。
// 4. （动手）把 `DENSITY` 改成 0.02，或把 `fisher` 的 `parameters` 改成 `"all"`（含词嵌入），重跑：分数集中到哪里去了？
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.5.2/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.5.2/1")` the solution.
//
// 1. The gradients of one parameter on four examples are 0.2, −0.4, 0.1, −0.1. What is its empirical Fisher information?
// 2. A 1.5B model (1 777 088 000 parameters), density 0.005; for each number kept a position of 4 bytes and a difference of 4 bytes are stored. How many MB ($10^6$ bytes) does a task take?
// 3. Write a function `(a, b) => number`: the share in common of two masks (lists of indices of equal length, without repetition), which is the quantity of part 3.
// 4. (hands on) Set `DENSITY` to 0.02, or let `fisher` take `parameters: "all"` (with the embedding), and run again: where do the scores gather?
// %%
tl.check("3.5.2/1", undefined);
tl.check("3.5.2/2", undefined);
tl.check("3.5.2/3", undefined);
