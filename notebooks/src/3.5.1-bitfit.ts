// Section 3.5.1 of the course: BitFit. Which biases exist where, what a model without biases can do, learning rate, amount of data, memory.
// Build both languages with: npm run notebooks -- 3.5.1-bitfit
// %% [markdown] lang="zh" tags=["claim:3.5.1/share"]
// # 3.5.1 BitFit：只训练偏置，够不够？
//
// 3.5 节的部分参数微调只改动模型已有参数的一小部分。BitFit 挑的是**偏置**：一个 15 亿参数的模型里，只有几万个。
// 改这么少，能学到多少？书上说：“仅调整 0.1 %~1 % 的参数即可达到全参数微调 90 % 以上的性能。”本节先数一数偏置到底有多少，再在课程模型上与全参数微调比较：学习率、数据多少、内存，逐项测量。
//
// 需要的资源：课程模型（6 百万参数，Qwen2 结构），约 1.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en" tags=["claim:3.5.1/share"]
// # 3.5.1 BitFit: train the biases alone. Is that enough?
//
// The methods of section 3.5 change a small part of the parameters that a model has. BitFit takes the **biases**: a few ten thousand in a model of 1.5 billion parameters.
// How much can be learned by changing so little? The book says that "0.1 % to 1 % of the parameters reach more than 90 % of full fine-tuning's performance". We first count how many biases there are, and then compare with full fine-tuning on the course model: learning rate, amount of data, memory, each measured.
//
// It needs the course model (6 million parameters, Qwen2 architecture), about 1.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as fs from "fs";
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, heatmap, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
console.log(`${machine.name}; ${tl.count(model.params).toLocaleString("en-US")} ${t({ zh: "个参数", en: "parameters" })}`);
// %% [markdown] lang="zh"
// ## 1. 想法：哪里有偏置？
//
// 一个线性层算 $y=Wx+b$。BitFit（Ben Zaken 等，2022）冻结所有的 $W$，只训练 $b$：
//
// $$y=W_0x+b,\qquad b\leftarrow b-\eta\,\nabla_b L,\qquad \text{从预训练的 } b_0 \text{ 开始}$$
//
// 论文用的是 BERT，它的每个线性层、每个 LayerNorm 都有偏置。今天的解码器模型不同：Qwen2 只在 q、k、v 上有，Llama 和 Qwen3 一个也没有（RMSNorm 也没有偏置）。下面从各模型的形状算出真实的个数，不需要权重。
// %% [markdown] lang="en"
// ## 1. The idea: where are the biases?
//
// A linear layer computes $y=Wx+b$. BitFit (Ben Zaken et al. 2022) freezes every $W$ and trains $b$ alone:
//
// $$y=W_0x+b,\qquad b\leftarrow b-\eta\,\nabla_b L,\qquad \text{from the pre-trained } b_0$$
//
// The paper used BERT, where every linear layer and every LayerNorm has a bias. Today's decoders are different: Qwen2 has them on q, k, v only, Llama and Qwen3 have none at all (nor has RMSNorm). Here are the true numbers, from the shapes of each model; no weights are needed.
// %%
const config15 = tl.parseConfig({ model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936, tie_word_embeddings: false }, "DeepSeek-R1-Distill-Qwen-1.5B");
const smolConfig = tl.parseConfig(JSON.parse(fs.readFileSync(courseFile("models/SmolLM2-135M-Instruct/config.json"), "utf8")), "SmolLM2-135M");
const sizeOf = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
const censusOf = (config: tl.ModelConfig) => { const all = Object.entries(tl.parameterShapes(config)), sum = (keep: (name: string) => boolean) => all.filter(([n]) => keep(n)).reduce((s, [, shape]) => s + sizeOf(shape), 0); return { total: sum(() => true), q: sum((n) => n.endsWith("q_proj.bias")), k: sum((n) => n.endsWith("k_proj.bias")), v: sum((n) => n.endsWith("v_proj.bias")), biases: sum((n) => n.endsWith(".bias")) }; };
// BERT-base by hand: a layer has q, k, v, o, the two matrices of the feed-forward part and two LayerNorms; then the embedding's LayerNorm and the pooler
const bertLayer = { q: 768, k: 768, v: 768, rest: 768 + 3072 + 768 + 2 * 768 }, bertBiases = 12 * (3 * 768 + bertLayer.rest) + 2 * 768;
const bert = { total: 109_482_240, q: 12 * 768, k: 12 * 768, v: 12 * 768, biases: bertBiases };
const census: Record<string, ReturnType<typeof censusOf>> = { "BERT-base": bert, [t({ zh: "课程模型（Qwen2）", en: "course model (Qwen2)" })]: censusOf(model.config), "DeepSeek-R1-Distill-Qwen-1.5B (Qwen2)": censusOf(config15), "SmolLM2-135M (Llama)": censusOf(smolConfig) };
// %%
const shareOf = ({ biases, total }: ReturnType<typeof censusOf>) => (100 * biases) / total;
table(Object.entries(census).map(([name, c]) => ({ [t({ zh: "模型", en: "model" })]: name, [t({ zh: "参数", en: "parameters" })]: c.total, q: c.q, k: c.k, v: c.v, [t({ zh: "其他", en: "others" })]: c.biases - c.q - c.k - c.v, [t({ zh: "偏置合计", en: "all biases" })]: c.biases, [t({ zh: "占模型 %", en: "% of the model" })]: shareOf(c) })), t({ zh: "偏置的个数", en: "Numbers of biases" }));
const short = ["BERT-base", t({ zh: "课程模型", en: "course model" }), "1.5B Qwen2", "SmolLM2-135M"];
await show(barChart({
  title: t({ zh: "偏置占模型的百分比", en: "Biases in percent of the model" }), x: { title: t({ zh: "模型", en: "model" }) }, y: { title: t({ zh: "占模型 %", en: "% of the model" }) },
  series: [{ name: t({ zh: "实际", en: "actual" }), x: short, y: Object.values(census).map(shareOf) }, { name: t({ zh: "书上的下限 0.1 %", en: "the book's lower limit, 0.1 %" }), x: short, y: short.map(() => 0.1) }],
  alt: Object.entries(census).map(([name, c]) => `${name}: ${shareOf(c).toPrecision(3)} %`).join("; "),
}));
const range = (percent: number) => (percent === 0 ? t({ zh: "没有偏置", en: "no biases" }) : percent > 1 ? t({ zh: "高于书上的 0.1 %~1 %", en: "above the book's 0.1 % to 1 %" }) : Number(percent.toPrecision(1)) >= 0.09 ? t({ zh: "约在书上的 0.1 %~1 % 之内", en: "about within the book's 0.1 % to 1 %" }) : t({ zh: `低于书上的 0.1 %：只有它的 ${((100 * percent) / 0.1).toFixed(0)} %`, en: `below the book's 0.1 %: only ${((100 * percent) / 0.1).toFixed(0)} % of it` }));
for (const [name, c] of Object.entries(census)) console.log(`${name}: ${shareOf(c).toPrecision(2)} %, ${range(shareOf(c))}`);
// %% [markdown] lang="zh"
// 0.1 % 是 BERT 的数字，不能搬到别的结构上：Qwen2 的偏置少得多，Llama 根本没有。
//
// ## 2. 没有偏置的模型训练什么？
//
// 书上代码清单的写法（名字里有 `bias` 就解冻）在 Llama 上会解冻零个参数。本库拒绝这样做，并说出可以怎么办：给指定的模块**添加**偏置，从 0 开始，所以第 0 步的输出与原模型完全相同。这已经超出了论文，推理时的结构也变了，要说清楚。
// %% [markdown] lang="en"
// 0.1 % is BERT's number and does not carry over to other architectures: Qwen2 has far fewer biases, Llama none at all.
//
// ## 2. What is trained where there are none?
//
// Written as in the book's listing (unfreeze whatever has `bias` in its name), nothing at all would be unfrozen in a Llama. This library refuses, and says what can be done: **add** biases to named modules; they start at 0, so at step 0 the outputs are exactly those of the model as it was. That goes beyond the paper, and it changes the architecture that inference needs, so it has to be said.
// %%
const llamaConfig = tl.parseConfig({ ...(model.config.source as object), model_type: "llama", num_hidden_layers: 2 }, "small Llama"), llama = tl.initialParams(llamaConfig, 0);
try { tl.bitfit().init(llama, llamaConfig, 0); } catch (error) { console.log((error as Error).message); }
const everywhere = tl.bitfit({ biases: "all-linear" }), added = everywhere.init(llama, llamaConfig, 0), ids = { ids: Int32Array.from(model.tokenizer.encode("什么是防火墙？")), batch: 1 };
const shift = tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(tl.logits({ params: llama, config: llamaConfig }, ids), tl.logits({ params: llama, config: llamaConfig, method: everywhere, trained: added }, ids)))).dataSync()[0]);
console.log(t({ zh: `一个两层的小 Llama：添加 ${tl.count(added)} 个偏置；第 0 步 max |Δlogit| = ${shift}`, en: `A small Llama of two layers: ${tl.count(added)} biases added; at step 0 max |Δlogit| = ${shift}` }));
const addable = (config: tl.ModelConfig) => Object.entries(tl.parameterShapes(config)).filter(([n, s]) => n.includes("_proj.weight") && s.length === 2).reduce((s, [, [out]]) => s + out, 0);
table(([["SmolLM2-135M", smolConfig], [t({ zh: "课程模型", en: "course model" }), model.config], ["1.5B Qwen2", config15]] as [string, tl.ModelConfig][]).map(([name, c]) => ({ [t({ zh: "模型", en: "model" })]: name, [t({ zh: "已有的偏置", en: "existing biases" })]: censusOf(c).biases, [t({ zh: "每个线性层都有偏置时", en: "with a bias on every linear layer" })]: addable(c), [t({ zh: "占模型 %", en: "% of the model" })]: (100 * addable(c)) / censusOf(c).total })));
tl.dispose(added); tl.dispose(llama);
// %% [markdown] lang="zh"
// 下面比较三种：只训练**已有的**偏置（q、k、v）；**每个线性层**都加上偏置（最接近 BERT 上的 BitFit）；**全参数**微调。
//
// ## 3. 学习率
//
// 数据：`preferences` 中的中文问题和好的回答，约三分之二关于网络安全（课程模型预训练时没见过）。验证集用来选学习率，测试集只在第 4 节用。
// AdamW 每一步让每个数大约移动一个学习率那么远。偏置只有几千个，要让输出有同样大的变化，每个就得走得更远。看看多远才合适：
// %% [markdown] lang="en"
// From here on three ways are compared: the **existing** biases (q, k, v); a bias on **every linear layer** (nearest to BitFit on BERT); **full** fine-tuning.
//
// ## 3. The learning rate
//
// The data are the Chinese questions and their good answers from `preferences`, about two thirds of them on network security, which the course model did not see in pre-training. The validation set chooses the learning rate; the test set is used in part 4 only.
// In each step AdamW moves each number by about one learning rate. There are a few thousand biases, so for the same change of the outputs each has to go further. How far is right?
// %%
const read = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const encode = (records: { question: string; answer: string }[]) => tl.encodeExamples(model.tokenizer, records), heldOut = await read("test");
const trainSet = encode(await read("train")), validation = encode(heldOut.filter((_, i) => i % 2 === 0)), test = encode(heldOut.filter((_, i) => i % 2 === 1));
const WAYS = {
  existing: { name: t({ zh: "BitFit，已有的偏置", en: "BitFit, existing biases" }), method: tl.bitfit(), rates: [1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1] },
  all: { name: t({ zh: "BitFit，每个线性层", en: "BitFit, every linear layer" }), method: everywhere, rates: [1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1] },
  full: { name: t({ zh: "全参数", en: "full" }), method: tl.full(), rates: [1e-4, 5e-4, 1e-3, 3e-3] },
};
type Way = keyof typeof WAYS;
const ways = Object.keys(WAYS) as Way[], steps = budget(40, 2), lossOf = async (run: tl.Adapter | undefined, on: readonly tl.Example[]) => (await tl.evaluate(model, on, { adapter: run })).loss;
const fit = (way: Way, learningRate: number, seed: number, more: object = {}) => tl.train({ model, method: WAYS[way].method, data: { train: trainSet }, steps, batchSize: 8, learningRate, seed, display: false, ...more });
console.log(t({ zh: "训练 / 验证 / 测试", en: "train / validation / test" }), trainSet.length, validation.length, test.length);
// %%
const baseValidation = await lossOf(undefined, validation), baseTest = await lossOf(undefined, test), swept = {} as Record<Way, number[]>;
const sweepRates = (way: Way) => (budget(1, 0) ? WAYS[way].rates : [1e-3]), bar = tl.progress(ways.reduce((n, way) => n + sweepRates(way).length, 0), t({ zh: "学习率", en: "learning rates" }));
let sweptRuns = 0;
for (const way of ways) {
  swept[way] = [];
  for (const rate of sweepRates(way)) { const run = await fit(way, rate, 0); swept[way].push(run.status === "done" ? await lossOf(run, validation) : NaN); tl.dispose(run.trained); bar.update(++sweptRuns, WAYS[way].name); }
}
bar.done();
// %%
await show(lineChart({
  title: t({ zh: `学习率与验证损失（${steps} 步，1 个种子）`, en: `Learning rate and validation loss (${steps} steps, 1 seed)` }), x: { title: t({ zh: "学习率", en: "learning rate" }), log: true, ticks: [1e-4, 1e-3, 1e-2, 1e-1] }, y: { title: t({ zh: "验证损失（纳特/词元）", en: "validation loss (nats per token)" }) },
  series: [...ways.map((way) => ({ name: WAYS[way].name, x: sweepRates(way), y: swept[way] })), { name: t({ zh: "不训练", en: "untrained" }), x: [1e-4, 3e-1], y: [baseValidation, baseValidation] }],
  alt: `${t({ zh: "不训练", en: "untrained" })} ${baseValidation.toFixed(3)}; ${ways.map((way) => `${WAYS[way].name}: ${sweepRates(way).map((r, i) => `${r} → ${swept[way][i].toFixed(3)}`).join(", ")}`).join("; ")}`,
}));
const bestRate = Object.fromEntries(ways.map((way) => [way, sweepRates(way)[swept[way].indexOf(Math.min(...swept[way].filter(Number.isFinite)))]])) as Record<Way, number>;
const atListing = baseValidation - swept.existing[0], atBest = baseValidation - Math.min(...swept.existing);
console.log(ways.map((way) => `${WAYS[way].name}: ${bestRate[way]}`).join("; "));
console.log(t({ zh: `书上清单的学习率 1e-4：验证损失降 ${atListing.toFixed(3)}；最好的学习率：降 ${atBest.toFixed(3)}。BitFit 的最佳学习率是全参数的 ${(bestRate.existing / bestRate.full).toFixed(0)} 倍。`, en: `At the listing's rate of 1e-4 the validation loss falls by ${atListing.toFixed(3)}; at the best, by ${atBest.toFixed(3)}. BitFit's best rate is ${(bestRate.existing / bestRate.full).toFixed(0)} times that of full fine-tuning.` }));
// %% [markdown] lang="zh"
// 如果最好的学习率落在扫描范围的边上，真正的最优可能还在外面：扩大范围再试。
//
// ## 4. 与全参数微调比较
//
// 每种方法用自己最好的学习率，换三个种子（数据顺序不同），在没用过的测试集上量。“性能”用损失来量时没有天然的零点，所以看**增益的份额**：$(L_0-L_{\text{BitFit}})/(L_0-L_{\text{全参数}})$，$L_0$ 是训练前的损失。（分类准确率上的同样比较在 3.2.5。）
// %% [markdown] lang="en"
// Where the best rate lies at the edge of the range, the true optimum may lie outside: widen the range and try again.
//
// ## 4. Against full fine-tuning
//
// Each method at its own best rate, with three seeds (other orders of the data), on the test set that nothing has used. A loss has no natural zero for "performance", so we take the **share of the gain**, $(L_0-L_{\text{BitFit}})/(L_0-L_{\text{full}})$, where $L_0$ is the loss before training. (3.2.5 makes the same comparison by accuracy of classification.)
// %%
const seeds = budget(1, 0) ? [1, 2, 3] : [1], testLoss: Record<Way, number[]> = { existing: [], all: [], full: [] }, runs = {} as Record<Way, tl.Run>;
for (const way of ways)
  for (const seed of seeds) {
    const run = await fit(way, bestRate[way], seed);
    testLoss[way].push(await lossOf(run, test));
    if (seed === seeds[0]) runs[way] = run; else tl.dispose(run.trained);
  }
const stat = (x: number[]) => { const { mean, error } = tl.interval(x); return { mean, error: Number.isFinite(error) ? error : 0 }; };
await show(barChart({
  title: t({ zh: `测试损失降低多少（${seeds.length} 个种子，误差棒：95 % 区间的一半）`, en: `Fall of the test loss (${seeds.length} seeds; bars: half the 95 % interval)` }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: t({ zh: "损失降低（纳特/词元）", en: "fall of the loss (nats per token)" }) },
  series: [{ name: "", x: ways.map((way) => WAYS[way].name), y: ways.map((way) => baseTest - stat(testLoss[way]).mean), error: ways.map((way) => stat(testLoss[way]).error) }],
  alt: `${t({ zh: "训练前", en: "before" })} ${baseTest.toFixed(3)}; ` + ways.map((way) => `${WAYS[way].name}: ${stat(testLoss[way]).mean.toFixed(3)} ± ${stat(testLoss[way]).error.toFixed(3)}`).join("; "),
}));
const gainShare = (way: Way) => stat(testLoss[way].map((l, i) => (100 * (baseTest - l)) / (baseTest - testLoss.full[i])));
const judge90 = ({ mean, error }: { mean: number; error: number }) => (seeds.length < 2 ? t({ zh: "种子太少，不能下结论", en: "too few seeds to say" }) : mean - error >= 90 ? t({ zh: "达到 90 %", en: "reaches 90 %" }) : mean + error < 90 ? t({ zh: "没有达到 90 %", en: "does not reach 90 %" }) : t({ zh: "区间含 90 %，分不清", en: "the interval holds 90 %: undecided" }));
table((["existing", "all"] as const).map((way) => ({ [t({ zh: "方法", en: "method" })]: WAYS[way].name, [t({ zh: "训练的数", en: "trained numbers" })]: tl.trainableCount(runs[way]), [t({ zh: "占模型 %", en: "% of the model" })]: (100 * tl.trainableCount(runs[way])) / tl.count(model.params), [t({ zh: "增益份额 %", en: "share of the gain, %" })]: gainShare(way).mean.toFixed(0), "±": gainShare(way).error.toFixed(0), [t({ zh: "“90 % 以上”", en: "\"more than 90 %\"" })]: judge90(gainShare(way)) })));
// %% [markdown] lang="zh"
// ## 5. 哪些偏置在起作用？
//
// 每个偏置向量动了多少？下图是 $\|\Delta b\|$ 的均方根，按层和矩阵排列。再做一个对照：只训练其中一种，验证损失降多少？
//
// 猜一猜 k：注意力分数 $q_i^\top(k_j+b_k)$ 里，$q_i^\top b_k$ 对所有的 $j$ 都一样，softmax 之后就消失了。所以在没有旋转位置编码的模型（如 BERT）里，$b_k$ 的梯度恒为零。这里 $b_k$ 在旋转**之前**加上，$q_i^\top R_{j-i}b_k$ 随距离 $j-i$ 变化，它就成了一种与位置有关的偏好。
// %% [markdown] lang="en"
// ## 5. Which biases do the work?
//
// How far did each bias vector move? Below is the root mean square of $\Delta b$ by layer and matrix. And a control: when only one kind is trained, how far does the validation loss fall?
//
// Make a guess about k: in the attention score $q_i^\top(k_j+b_k)$ the part $q_i^\top b_k$ is the same for all $j$, and the softmax removes it. In a model without rotary positions (such as BERT) the gradient of $b_k$ is therefore always zero. Here $b_k$ is added **before** the rotation: $q_i^\top R_{j-i}b_k$ changes with the distance $j-i$, so it becomes a preference for certain distances.
// %%
const KINDS = ["q", "k", "v", "o", "gate", "up", "down"], moved = (kind: string, layer: number) => {
  const name = `model.layers.${layer}.${kind.length === 1 ? "self_attn" : "mlp"}.${kind}_proj.bias`, now = Array.from(runs.all.trained[name].dataSync()), then = model.params[name]?.dataSync();
  return Math.sqrt(now.reduce((s, v, i) => s + (v - (then ? then[i] : 0)) ** 2, 0) / now.length);
};
const layerNumbers = Array.from({ length: model.config.layers }, (_, l) => l), movement = layerNumbers.map((l) => KINDS.map((kind) => moved(kind, l)));
await show(heatmap({
  title: t({ zh: "每个线性层都有偏置时，偏置的变化（均方根）", en: "Change of the biases, with one on every linear layer (RMS)" }), x: { title: t({ zh: "矩阵", en: "matrix" }) }, y: { title: t({ zh: "层", en: "layer" }) }, xs: KINDS, z: movement, zTitle: "Δb",
  alt: KINDS.map((kind, i) => `${kind}: ${tl.mean(movement.map((row) => row[i])).toFixed(3)}`).join("; "),
}));
const only: Record<string, number> = {};
for (const kind of budget(1, 0) ? KINDS : ["q", "k"]) {
  const run = await tl.train({ model, method: tl.bitfit({ biases: [`${kind}_proj`] }), data: { train: trainSet }, steps, batchSize: 8, learningRate: bestRate.all, seed: 1, display: false });
  only[kind] = baseValidation - (await lossOf(run, validation));
  tl.dispose(run.trained);
}
await show(barChart({
  title: t({ zh: "只训练一种偏置（1 个种子）", en: "One kind of bias trained alone (1 seed)" }), x: { title: t({ zh: "哪个矩阵的偏置", en: "bias of which matrix" }) }, y: { title: t({ zh: "验证损失降低（纳特/词元）", en: "fall of the validation loss (nats per token)" }) },
  series: [{ name: "", x: Object.keys(only), y: Object.values(only) }], alt: Object.entries(only).map(([k, v]) => `${k}: ${v.toFixed(3)}`).join("; "),
}));
const order = Object.keys(only).sort((a, b) => only[b] - only[a]);
console.log(t({ zh: `从大到小：${order.join("、")}。k 的偏置${only.k > 0.01 ? "确实有用：旋转位置编码使它不再被抵消" : "几乎没有用"}。`, en: `From the largest: ${order.join(", ")}. The biases of k ${only.k > 0.01 ? "do help: because of rotary positions they do not cancel" : "hardly help"}.` }));
// %% [markdown] lang="zh"
// ## 6. 数据少与数据多
//
// “在小规模到中等规模的训练数据上，性能与全参数微调相当，甚至有可能超过；在大规模数据上与其他方法差不多。”BitFit 能改的少，也就不容易背题。取 8、32 和全部样本，两种方法用同样的步数，每隔几步看一次验证损失。图中有**沿途最好**的一次（提前停止，两种方法一样对待）和**最后**一次。全部样本也只有两百多个，“大规模”那半句这里检验不了。
// %% [markdown] lang="en"
// ## 6. Little data and much
//
// "On small to medium training sets it performs like full fine-tuning or even better; on large ones about like other methods." BitFit can change little, so it cannot easily learn by heart. We take 8, 32 and all examples, the same number of steps for both methods, and look at the validation loss every few steps: the figure has the **best** on the way (early stopping, for both alike) and the **last**. All examples are little more than two hundred, so the half about "large" sets cannot be tested here.
// %%
const amounts = budget(1, 0) ? [8, 32, trainSet.length] : [8, 32], few = {} as Record<"existing" | "full", { best: number[][]; last: number[][] }>;
for (const way of ["existing", "full"] as const) {
  few[way] = { best: [], last: [] };
  for (const n of amounts) {
    const seen: number[][] = [];
    for (const seed of seeds.slice(0, 2)) {
      const run = await fit(way, bestRate[way], seed, { data: { train: trainSet.slice(0, n), validation }, evaluateEvery: budget(5, 1) });
      seen.push(run.history.evaluations.map((e) => e.loss));
      tl.dispose(run.trained);
    }
    few[way].best.push(seen.map((s) => Math.min(...s))); few[way].last.push(seen.map((s) => s[s.length - 1]));
  }
}
// %%
const half = (x: number[]) => (Math.max(...x) - Math.min(...x)) / 2, PICKS = { best: t({ zh: "沿途最好", en: "best on the way" }), last: t({ zh: "最后", en: "last" }) };
await show(lineChart({
  title: t({ zh: "样本数与验证损失（2 个种子，误差棒：半差）", en: "Number of examples and validation loss (2 seeds; bars: half the difference)" }), x: { title: t({ zh: "训练样本数", en: "training examples" }), log: true, ticks: amounts }, y: { title: t({ zh: "验证损失（纳特/词元）", en: "validation loss (nats per token)" }) },
  series: (["existing", "full"] as const).flatMap((way) => (["best", "last"] as const).map((pick) => ({ name: `${way === "full" ? t({ zh: "全参数", en: "full" }) : "BitFit"}, ${PICKS[pick]}`, x: amounts, y: few[way][pick].map((l) => tl.mean(l)), error: few[way][pick].map(half) }))),
  alt: amounts.map((n, i) => `${n}: BitFit ${tl.mean(few.existing.best[i]).toFixed(3)} / ${tl.mean(few.existing.last[i]).toFixed(3)}, ${t({ zh: "全参数", en: "full" })} ${tl.mean(few.full.best[i]).toFixed(3)} / ${tl.mean(few.full.last[i]).toFixed(3)}`).join("; "),
}));
for (const [i, n] of amounts.entries()) for (const pick of ["best", "last"] as const) {
  const gap = tl.mean(few.existing[pick][i]) - tl.mean(few.full[pick][i]), noise = half(few.existing[pick][i]) + half(few.full[pick][i]);
  console.log(t({ zh: `${n} 个样本，${PICKS[pick]}：BitFit − 全参数 = ${gap.toFixed(3)}，`, en: `${n} examples, ${PICKS[pick]}: BitFit − full = ${gap.toFixed(3)}, ` }) + (Math.abs(gap) <= Math.max(noise, 0.01) ? t({ zh: "不超过种子之间的差别（或 0.01）：相当", en: "no more than seeds differ (or 0.01): alike" }) : gap < 0 ? t({ zh: "BitFit 更好", en: "BitFit is better" }) : t({ zh: "全参数更好", en: "full is better" })));
}
// %% [markdown] lang="zh" tags=["claim:3.5.1/memory"]
// ## 7. 内存、时间、存储
//
// 书上说这类方法“内存占用可减少 30 %~50 %”。省下来的是梯度和优化器状态（AdamW：每个参数 4 + 8 字节），省不了的是权重和激活值。先实测本机上同时存在的张量（含模型本身），再按形状算 1.5B 模型（FP32，不含激活值）。
// %% [markdown] lang="en" tags=["claim:3.5.1/memory"]
// ## 7. Memory, time, storage
//
// The book says of methods of this kind that "memory falls by 30 % to 50 %". What is saved is gradients and optimizer state (AdamW: 4 + 8 bytes a parameter); weights and activations are not. First we measure the tensors that exist at once on this machine (with the model itself), then compute the 1.5B model from its shapes (FP32, without activations).
// %%
const outFolder = `${courseFile(".")}/runs/bitfit`, weightBytes = 4 * tl.count(model.params), costs = [];
for (const way of ways) {
  const { result, addedBytes } = await tl.peakTensorBytes(() => fit(way, bestRate[way], 9, { steps: budget(8, 2) })); // programs were compiled above
  tl.saveAdapter(`${outFolder}/${way}`, result, model);
  costs.push({ name: WAYS[way].name, peak: (weightBytes + addedBytes) / 1e6, seconds: tl.quantile(result.history.steps.map((r) => r.seconds), 0.5), stored: tl.storedBytes(`${outFolder}/${way}`) });
  tl.dispose(result.trained);
}
const fullCost = costs[costs.length - 1], savedMemory = (peak: number) => 100 * (1 - peak / fullCost.peak);
table(costs.map(({ name, peak, seconds, stored }) => ({ [t({ zh: "方法", en: "method" })]: name, [t({ zh: "张量峰值 MB", en: "peak of tensors, MB" })]: peak.toFixed(0), [t({ zh: "比全参数少 %", en: "less than full, %" })]: savedMemory(peak).toFixed(0), [t({ zh: "每步（秒）", en: "step (s)" })]: seconds.toFixed(3), [t({ zh: "相对时间", en: "relative time" })]: (seconds / fullCost.seconds).toFixed(2), [t({ zh: "存储（字节）", en: "stored (bytes)" })]: stored })));
const big = censusOf(config15), fullGB = (16 * big.total) / 1e9, bitfitGB = (4 * big.total + 12 * big.biases) / 1e9, saved = savedMemory(costs[0].peak), savedBig = 100 * (1 - bitfitGB / fullGB);
console.log(t({ zh: `1.5B（FP32，不含激活值）：全参数 ${fullGB.toFixed(1)} GB，BitFit ${bitfitGB.toFixed(1)} GB，少 ${savedBig.toFixed(0)} %；偏置存成 16 位：${((2 * big.biases) / 1e3).toFixed(0)} kB`, en: `1.5B (FP32, without activations): full ${fullGB.toFixed(1)} GB, BitFit ${bitfitGB.toFixed(1)} GB, ${savedBig.toFixed(0)} % less; the biases in 16 bits: ${((2 * big.biases) / 1e3).toFixed(0)} kB` }));
const judge3050 = (percent: number) => (percent < 30 ? t({ zh: "不到 30 %", en: "less than 30 %" }) : percent <= 50 ? t({ zh: "在 30 %~50 % 之内", en: "within 30 % to 50 %" }) : t({ zh: "超过 50 %", en: "more than 50 %" }));
console.log(t({ zh: `“减少 30 %~50 %”：实测 ${saved.toFixed(0)} %（${judge3050(saved)}）；1.5B 按形状 ${savedBig.toFixed(0)} %（${judge3050(savedBig)}）。`, en: `"30 % to 50 % less": measured ${saved.toFixed(0)} % (${judge3050(saved)}); 1.5B from shapes ${savedBig.toFixed(0)} % (${judge3050(savedBig)}).` }));
// %% [markdown] lang="zh"
// 所以省多少取决于激活值占多大：批次越大、序列越长，激活值的份额越大，省下的比例就越小。时间省得少：前向照旧，反向仍要一直传到第一层的偏置，只是不求权重的梯度。
//
// 读回来的 BitFit 就是几个偏置向量，合并只是替换，推理没有任何额外开销：
// %% [markdown] lang="en"
// So what is saved depends on how much activations take: the larger the batch and the longer the sequences, the larger their part and the smaller the saving. Time falls less: the forward pass stays, and backward still has to reach the biases of the first layer; only the gradients of weights are left out.
//
// Read back, a BitFit is a few bias vectors; merging just puts them in place, and inference costs nothing extra:
// %%
tl.saveAdapter(`${outFolder}/kept`, runs.existing, model);
const loaded = tl.loadAdapter(`${outFolder}/kept`, model), lossLoaded = await lossOf(loaded, test), merged = loaded.method.merge!(model.params, loaded.trained);
const lossMerged = (await tl.evaluate({ ...model, params: merged }, test)).loss;
console.log(t({ zh: `测试损失：训练后 ${testLoss.existing[0].toFixed(6)}，读回 ${lossLoaded.toFixed(6)}，合并 ${lossMerged.toFixed(6)}`, en: `test loss: trained ${testLoss.existing[0].toFixed(6)}, read back ${lossLoaded.toFixed(6)}, merged ${lossMerged.toFixed(6)}` }));
tl.dispose(merged); tl.dispose(loaded.trained); ways.forEach((way) => tl.dispose(runs[way].trained));
// %% [markdown] lang="zh"
// ## 小结
//
// * 先数偏置，再谈比例：0.1 % 属于 BERT；Qwen2 只有 q、k、v 的偏置，Llama 没有，要自己加。
// * BitFit 的学习率要比全参数高得多；不调学习率就比较方法，结论不可信。
// * 第 4 节的数字只说明**这个小模型、这个任务**：它预训练得少，可借用的特征也少。论文的 90 % 以上来自预训练充分的 BERT 和分类任务。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.5.1/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.5.1/1")` 给解答。
//
// 1. 一个 Qwen2：24 层，隐藏宽度 896，14 个头、2 个键值头，头宽 64。它有多少个偏置？
// 2. AdamW 每步移动一个数至多约一个学习率。学习率从 $10^{-4}$ 按余弦降到 0，共 60 步，没有预热。一个偏置至多大约能走多远？
// 3. 书上的清单用 `'bias' in name` 找偏置；T5 有一个**矩阵**叫 `relative_attention_bias.weight`，也会被解冻。写一个函数 `(names) => string[]`，从参数名里只留下真正的偏置。
// 4. 全参数微调用 AdamW，权重、梯度、状态都是 FP32。换成 BitFit（偏置可忽略），不算激活值，内存减少百分之几？
// %% [markdown] lang="en"
// ## Summary
//
// * Count the biases before you speak of shares: 0.1 % belongs to BERT; Qwen2 has biases on q, k, v only, Llama has none, and they must be added.
// * BitFit's learning rate has to be far higher than that of full fine-tuning; comparing methods without tuning it proves nothing.
// * The numbers of part 4 speak of **this small model and this task**: it was pre-trained for a short time and has few features to borrow. The paper's more than 90 % come from a well pre-trained BERT and from classification.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.5.1/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.5.1/1")` the solution.
//
// 1. A Qwen2 has 24 layers, hidden size 896, 14 heads and 2 key-value heads of 64. How many biases does it have?
// 2. AdamW moves a number by about one learning rate a step at most. The rate falls from $10^{-4}$ to 0 along a cosine in 60 steps, without warm-up. About how far can a bias get at most?
// 3. The book's listing finds biases by `'bias' in name`; T5 has a **matrix** called `relative_attention_bias.weight`, which would be unfrozen too. Write a function `(names) => string[]` that keeps only the true biases of a list of parameter names.
// 4. Full fine-tuning with AdamW keeps weights, gradients and state in FP32. By how many percent does memory fall with BitFit (neglect the biases), activations not counted?
// %%
tl.check("3.5.1/1", undefined);
tl.check("3.5.1/2", undefined);
tl.check("3.5.1/3", undefined);
tl.check("3.5.1/4", undefined);
