// Section 3.6.3 of the course: prefix tuning. Keys and values of every layer against the listing's input embeddings; MLP, start, length, context; several prefixes in one batch.
// Build both languages with: npm run notebooks -- 3.6.3-prefix
// %% [markdown] lang="zh"
// # 3.6.3 Prefix Tuning：在每一层的前面放几个学来的键和值
//
// 人写的提示词是离散的：换一个词，结果可能大变，而且没有办法对它求梯度。Prefix Tuning 在序列前面放一段**连续的**、只属于这个任务的向量，冻结模型，只训练这些向量。
//
// 本节用课程模型回答：前缀究竟放在哪里？书上的正文说“每一层的 K 和 V”，书上的代码清单却只在输入嵌入前面放了几个向量，差别有多大？MLP 重参数化有用吗？从随机数开始还是从一句真实的提示词开始？前缀多长合适，它挤占多少上下文？一个批次里能不能同时用几个前缀？
//
// 需要的资源：课程模型（6 百万参数），约 1.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.6.3 Prefix tuning: a few learned keys and values in front of every layer
//
// Prompts that people write are discrete: change a word and the result may change a lot, and there is no gradient to follow. Prefix tuning puts a run of **continuous** vectors, which belong to one task, before the sequence, freezes the model and trains these vectors only.
//
// On the course model this section asks: where exactly is the prefix? The book's text says "keys and values of every layer", but its listing puts a few vectors before the input embeddings only; how much does that matter? Does the MLP help? Should one start from random numbers or from a real prompt? How long should a prefix be, and how much context does it take? Can one batch use several prefixes?
//
// It needs the course model (6 million parameters), about 1.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as fs from "fs";
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const { layers, hiddenSize: d, keyValueHeads, headDim, maxPositions } = model.config, k = keyValueHeads * headDim;
console.log(`${machine.name}; ${layers} ${t({ zh: "层，宽", en: "layers of width" })} ${d}, ${t({ zh: "键和值各宽", en: "keys and values of width" })} ${k}, ${maxPositions} ${t({ zh: "个位置", en: "positions" })}`);
// %% [markdown] lang="zh"
// ## 1. 想法与公式
//
// 在每一层、每个注意力头里，把训练的键 $P_k$ 和值 $P_v$ 拼在模型自己的前面：
//
// $$\mathrm{head}=\mathrm{softmax}\!\left(\frac{q\,[P_k;K]^{\top}}{\sqrt{d_h}}\right)[P_v;V],\qquad \max_\theta\ \log p_{\phi,\theta}(y\mid x)=\sum_{i\in Y_{\mathrm{idx}}}\log p(z_i\mid h_{<i})$$
//
// $\phi$ 是冻结的模型，$\theta$ 是前缀，只对 $\theta$ 求最大。每个位置因此有 $2Lk$ 个数（$L$ 层，键和值各宽 $k$），$n$ 个位置共 $2nLk$ 个。文字从第 $n$ 个位置开始。
//
// 只有解码器的模型：$z=[\mathrm{PREFIX};x;y]$。编码器和解码器都有的模型（如 BART、T5）在两边各放一个前缀：$[\mathrm{PREFIX};x;\mathrm{PREFIX}';y]$。（书上这里举的例子是 BERT，而 BERT 只有编码器。书上说前缀与 $K$、$V$ 矩阵**相乘**再拼接；论文里前缀本身**就是**键和值，不再经过投影。）
// %% [markdown] lang="en"
// ## 1. Idea and equation
//
// In every layer and every head, trained keys $P_k$ and values $P_v$ are put before the model's own:
//
// $$\mathrm{head}=\mathrm{softmax}\!\left(\frac{q\,[P_k;K]^{\top}}{\sqrt{d_h}}\right)[P_v;V],\qquad \max_\theta\ \log p_{\phi,\theta}(y\mid x)=\sum_{i\in Y_{\mathrm{idx}}}\log p(z_i\mid h_{<i})$$
//
// $\phi$ is the frozen model and $\theta$ the prefix; only $\theta$ is varied. Each position holds $2Lk$ numbers ($L$ layers, keys and values of width $k$), $n$ positions $2nLk$. The text begins at position $n$.
//
// With a decoder alone: $z=[\mathrm{PREFIX};x;y]$. Models with encoder and decoder (such as BART or T5) get one prefix on each side: $[\mathrm{PREFIX};x;\mathrm{PREFIX}';y]$. (The book names BERT here, which has an encoder only. The book says that the prefix is **multiplied** by the $K$ and $V$ matrices and then put in front; in the paper the prefix **is** keys and values, and passes through no projection.)
// %%
const bases = { [t({ zh: "课程模型", en: "course model" })]: { L: layers, k, d, all: tl.count(model.params) }, "SmolLM2-135M": { L: 30, k: 192, d: 576, all: 134_515_008 }, "DeepSeek-R1-Distill-Qwen-1.5B": { L: 28, k: 256, d: 1536, all: 1_777_088_000 } };
table(Object.entries(bases).flatMap(([name, { L, k, d, all }]) => [10, 20].map((n) => ({ [t({ zh: "模型", en: "model" })]: name, n, [t({ zh: "前缀：2nLk", en: "prefix: 2nLk" })]: 2 * n * L * k, "%": (100 * 2 * n * L * k) / all, [t({ zh: "输入嵌入：nd", en: "input embeddings: nd" })]: n * d, "% ": (100 * n * d) / all }))));
// %% [markdown] lang="zh"
// ## 2. 它坐在哪里
//
// 记录两次真实的前向传播：上，每一层都有键和值的前缀（只画第 0 层，其余各层相同）；下，只在输入嵌入前面放向量（Prompt Tuning，也就是书上清单的做法）。注意下图的行数多了 $n$：那些向量像词元一样流过所有层；上图的行数不变，前缀只在注意力里出现。
// %% [markdown] lang="en"
// ## 2. Where it sits
//
// Two real forward passes, recorded. First: a prefix of keys and values in every layer (only layer 0 is drawn; the others are alike). Then: vectors before the input embeddings only (prompt tuning, which is what the book's listing does). Mind the number of rows: below it grew by $n$, because those vectors pass through all layers like tokens; above it did not, because the prefix appears in attention only.
// %%
const startOf = (method: tl.Method, seed = 0): tl.Adapter => ({ method, trained: method.init(model.params, model.config, seed) });
const sentence = { ids: Int32Array.from(model.tokenizer.encode("什么是防火墙？")), batch: 1 };
tl.showSites(tl.traceSites(model, startOf(tl.prefix({ tokens: 10 })), sentence), t({ zh: "前缀：每一层的键和值", en: "Prefix: keys and values of every layer" }));
tl.showSites(tl.traceSites(model, startOf(tl.prompt({ tokens: 10 })), sentence), t({ zh: "输入嵌入前的向量", en: "Vectors before the input embeddings" }));
// %% [markdown] lang="zh"
// ## 3. 每层的 K/V，还是输入嵌入？
//
// 先找两者的关系。取一句真实的提示词，用三种办法放在问题前面：(a) 直接写在前面；(b) 输入嵌入前缀，从这句话的嵌入开始；(c) K/V 前缀，从这句话的 KV 缓存开始。训练之前三者应当是**同一个函数**，只差浮点舍入。
// %% [markdown] lang="en"
// ## 3. Keys and values of every layer, or input embeddings?
//
// First how the two are related. Take a real prompt and put it before the question in three ways: (a) simply written there; (b) as an input-embedding prefix that starts as its embeddings; (c) as a K/V prefix that starts as its key-value cache. Before training the three should be **the same function**, up to rounding.
// %%
const instruction = "请用一句简短、准确的中文回答用户的问题。先想清楚，再回答。不要重复，不要编造，不要说空话。如果不知道，就说不知道。问题可能关于日常生活、历史、烹饪、旅行或网络安全。";
const promptIds = model.tokenizer.encode(`<|im_start|>system\n${instruction}<|im_end|>\n`);
const logitsOf = (adapter?: tl.Adapter, ids: ArrayLike<number> = sentence.ids) => tl.logits({ ...model, ...adapter }, { ids: Int32Array.from(Array.from(ids)), batch: 1 });
const furthest = (a: tl.Params[string], b: tl.Params[string]) => tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(a, b))).dataSync()[0]);
const written = logitsOf(undefined, [...promptIds, ...sentence.ids]), vocabulary = written.shape[2]!, writtenHere = tl.tf.slice(written as never, [0, promptIds.length, 0], [1, sentence.ids.length, vocabulary]);
const asEmbeddings = startOf(tl.prompt({ tokens: promptIds.length, start: promptIds })), asKeyValues = startOf(tl.prefix({ start: promptIds })), without = logitsOf();
table([[t({ zh: "不加提示词", en: "without the prompt" }), without, 0], ["(b)", logitsOf(asEmbeddings), tl.trainableCount(asEmbeddings)], ["(c)", logitsOf(asKeyValues), tl.trainableCount(asKeyValues)]].map(([name, logits, n]) => ({ "": name, [t({ zh: "与 (a) 之差 max |Δlogit|", en: "difference to (a), max |Δlogit|" })]: furthest(logits as never, writtenHere).toExponential(1), [t({ zh: "可训练的数", en: "numbers to train" })]: n })), `${promptIds.length} ${t({ zh: "个词元的提示词", en: "tokens of prompt" })}`);
// %% [markdown] lang="zh"
// 所以任何输入嵌入前缀都能写成 K/V 前缀：它流过各层时算出的键和值就是。反过来不行：K/V 前缀在每一层都能自由选择，数的个数是输入嵌入的 $2Lk/d$ 倍。
//
// **代码清单审查（一）：放在哪里。** 清单把一个随机矩阵送过 MLP，拼在输入嵌入前面，这是带 MLP 的 Prompt Tuning（结构上就是 P-tuning 的 MLP 编码器），不是正文所说的前缀。同样 10 个位置，同样的步数和数据，三个种子，与全参数微调一起比较。每种做法的学习率是事先选定的：各试几个值，取在留出数据的另一半上最好的一个。
// %% [markdown] lang="en"
// So every input-embedding prefix can be written as a K/V prefix: the keys and values that it computes on its way through the layers. Not so the other way round: a K/V prefix chooses freely in every layer, and holds $2Lk/d$ times as many numbers.
//
// **Listing audit (1): where it is put.** The listing sends a random matrix through an MLP and puts the result before the input embeddings. That is prompt tuning with an MLP (in structure, P-tuning's MLP encoder), not the prefix of the text. The same 10 positions, the same steps and data, three seeds, together with full fine-tuning. Each way has the learning rate that did best among a few, tried beforehand on the other half of the held-out data.
// %%
const read = async (language: string, split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/${language}/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const half = <T>(held: T[]) => held.filter((_, i) => i % 2 === 1); // the other half served to choose learning rates
const trainSet = tl.encodeExamples(model.tokenizer, await read("zh", "train")), test = tl.encodeExamples(model.tokenizer, half(await read("zh", "test"))).slice(0, budget(33, 8));
const steps = budget(60, 3), seeds = budget(1, 0) ? [0, 1, 2] : [0, 1], n = 10, baseLoss = (await tl.evaluate(model, test)).loss;
const ways = {
  [t({ zh: "全参数", en: "full" })]: [tl.full(), 4e-4], [t({ zh: "K/V，从提示词开始", en: "K/V from a prompt" })]: [tl.prefix({ tokens: n, start: promptIds }), 0.3], [t({ zh: "K/V，MLP", en: "K/V through an MLP" })]: [tl.prefix({ tokens: n, encoder: "mlp", hidden: 512 }), 3e-3],
  [t({ zh: "K/V，随机", en: "K/V at random" })]: [tl.prefix({ tokens: n }), 0.3], [t({ zh: "清单：输入嵌入，MLP", en: "listing: embeddings, MLP" })]: [tl.pTuning({ tokens: n, encoder: "mlp", hidden: 512 }), 1e-3],
} as Record<string, [tl.Method, number]>;
const [fullName, promptName, mlpName, randomName, listingName] = Object.keys(ways);
const fit = (method: tl.Method, learningRate: number, seed: number, more: object = {}) => tl.train({ model, method, data: { train: trainSet, validation: test }, steps, batchSize: 8, learningRate, evaluateEvery: Math.ceil(steps / 4), seed, display: false, ...more });
const first = await fit(...ways[promptName], 0, { display: true });
// %%
const curves: Record<string, number[][]> = {}, kept: Record<string, tl.Run> = { [promptName]: first };
for (const [name, [method, rate]] of Object.entries(ways))
  for (const seed of seeds) {
    const run = seed === 0 && kept[name] ? kept[name] : await fit(method, rate, seed);
    (curves[name] ??= []).push(run.history.evaluations.map((e) => e.loss));
    if (seed === 0) kept[name] = run; else tl.dispose(run.trained);
  }
const at = first.history.evaluations.map((e) => e.step), last = (name: string) => curves[name].map((c) => c[c.length - 1]), errorOf = (x: number[]) => tl.interval(x).error;
// %%
await show(lineChart({
  title: t({ zh: `${n} 个位置的前缀：测试损失（95 % 区间）`, en: `A prefix of ${n} positions: test loss (95 % intervals)` }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: Object.keys(curves).map((name) => ({ name, x: at, y: at.map((_, i) => tl.mean(curves[name].map((c) => c[i]))), error: at.map((_, i) => errorOf(curves[name].map((c) => c[i]))) })),
  alt: Object.keys(curves).map((name) => `${name}: ${tl.mean(last(name)).toFixed(3)}`).join("; "),
}));
const plusMinus = ({ mean, error }: tl.Interval, digits: number) => `${mean.toFixed(digits)} ± ${error.toFixed(digits)}`;
const paired = (a: string, b: string) => tl.interval(last(a).map((l, i) => l - last(b)[i]));
const sentenceOf = ({ mean, error }: tl.Interval, worse: string, better: string) => (mean > error ? worse : mean < -error ? better : t({ zh: "看不出差别", en: "no difference can be seen" }));
const savedSize = ({ method, trained }: tl.Adapter) => tl.tf.tidy(() => tl.count(method.encode?.(trained, model.params) ?? trained));
table(Object.keys(curves).map((name) => ({ [t({ zh: "做法", en: "way" })]: name, [t({ zh: "训练时的数", en: "trained" })]: tl.trainableCount(kept[name]), [t({ zh: "留下的数", en: "kept" })]: savedSize(kept[name]), [t({ zh: "测试损失", en: "test loss" })]: plusMinus(tl.interval(last(name)), 3), [t({ zh: "减全参数（成对）", en: "minus full (in pairs)" })]: name === fullName ? "" : plusMinus(paired(name, fullName), 3) })), t({ zh: `训练前 ${baseLoss.toFixed(3)}`, en: `Before training ${baseLoss.toFixed(3)}` }));
console.log(t({ zh: `清单的做法 减 K/V（从提示词开始）：${plusMinus(paired(listingName, promptName), 3)}：`, en: `listing minus K/V from a prompt: ${plusMinus(paired(listingName, promptName), 3)}: ` }) + sentenceOf(paired(listingName, promptName), t({ zh: "每层的 K/V 更好", en: "keys and values of every layer are better" }), t({ zh: "清单的输入嵌入更好", en: "the listing's input embeddings are better" })));
// %% [markdown] lang="zh"
// **代码清单审查（二）：它会动吗？** 清单的前缀和 MLP 都是 FP16，学习率 $10^{-5}$，AdamW 的 `eps = 1e-4`，每步一个样本。AdamW 每步最多移动大约一个学习率；而 1 附近相邻两个 FP16 数相距 $2^{-10}\approx10^{-3}$，远大于它，于是更新被舍入掉（见 3.4.2）。前缀矩阵是标准正态的，大多数数都有这么大；MLP 的权重小得多，那里的 FP16 数更密。照做一遍，数一数各有多少数动过。
// %% [markdown] lang="en"
// **Listing audit (2): does it move?** The listing's prefix and MLP are FP16, its learning rate is $10^{-5}$, AdamW's `eps = 1e-4`, one example a step. AdamW moves a number by about the learning rate a step at most; but near 1 neighbouring FP16 numbers are $2^{-10}\approx10^{-3}$ apart, far more, so updates are rounded away (see 3.4.2). The prefix matrix is standard normal, and most of its numbers are of that size; the MLP's weights are much smaller, where FP16 numbers lie closer. We do the same and count the numbers that moved in each.
// %%
const listingMethod = ways[listingName][0], asPrinted = startOf(listingMethod), moved: Record<string, unknown>[] = [];
for (const [format, optimizer] of [["FP16", tl.storedIn("half", tl.adamw({ eps: 1e-4 }))], ["FP32", tl.adamw({ eps: 1e-4 })]] as const) {
  const run = await fit(listingMethod, 1e-5, 0, { optimizer, batchSize: 1, steps: budget(60, 3), schedule: "constant", warmup: 0, evaluateEvery: 0 });
  const begin = (p: tl.Params[string]) => (format === "FP16" ? tl.rounded(p, "half") : p);
  const share = (names: string[]) => tl.tf.tidy(() => names.reduce((sum, name) => sum + tl.tf.sum(tl.tf.cast(tl.tf.notEqual(run.trained[name], begin(asPrinted.trained[name])), "float32")).dataSync()[0], 0) / names.reduce((sum, name) => sum + run.trained[name].size, 0));
  const all = Object.keys(run.trained), matrix = all.filter((name) => name.includes("embedding"));
  moved.push({ [t({ zh: "保存为", en: "kept in" })]: format, [t({ zh: "前缀矩阵中动过的 %", en: "of the prefix matrix moved, %" })]: (100 * share(matrix)).toFixed(1), [t({ zh: "MLP 中动过的 %", en: "of the MLP moved, %" })]: (100 * share(all.filter((name) => !matrix.includes(name)))).toFixed(1), [t({ zh: "测试损失", en: "test loss" })]: run.history.evaluations[run.history.evaluations.length - 1].loss.toFixed(3) });
  tl.dispose(run.trained);
}
table(moved, t({ zh: `清单的学习率，${budget(60, 3)} 步；用合适的学习率得到 ${tl.mean(last(listingName)).toFixed(3)}`, en: `At the listing's learning rate, ${budget(60, 3)} steps; at a fitting one ${tl.mean(last(listingName)).toFixed(3)}` }));
// %% [markdown] lang="zh"
// 另外两处：清单把样本补到 512，标签等于输入，填充也成了目标（见 3.7.1）；它按**单个训练样本**的损失保存“最好的模型”，这挑出来的是最容易的样本，不是最好的前缀。
//
// ## 4. MLP 重参数化
//
// 论文说直接训练前缀不稳定，于是用 $P[i,:]=W_2\tanh(W_1P'[i,:]+b_1)+b_2$ 来生成它，训练完丢掉 MLP，只留下输出。“不稳定”可以测量：在不同的学习率下各训练一次，看结果对学习率有多敏感。
// %% [markdown] lang="en"
// Two more things: the listing fills examples up to 512 and takes the inputs as labels, so padding becomes a target (see 3.7.1); and it saves the "best model" by the loss of a **single training example**, which picks the easiest example, not the best prefix.
//
// ## 4. The MLP
//
// The paper found that training a prefix directly is unstable, so it makes the prefix by $P[i,:]=W_2\tanh(W_1P'[i,:]+b_1)+b_2$, throws the MLP away after training and keeps what came out. "Unstable" can be measured: we train once at each of several learning rates and see how much the result depends on them.
// %%
const ratesTried = budget(1, 0) ? [1e-3, 1e-2, 1e-1, 3e-1] : [1e-3, 1e-1], byRate: Record<string, number[]> = {};
for (const name of [promptName, mlpName, randomName])
  for (const rate of ratesTried) {
    const run = await fit(ways[name][0], rate, 0, { steps: budget(30, 3), evaluateEvery: 0 });
    (byRate[name] ??= []).push(run.status === "done" ? run.history.evaluations[run.history.evaluations.length - 1].loss : NaN);
    tl.dispose(run.trained);
  }
await show(lineChart({
  title: t({ zh: "对学习率有多敏感（30 步，1 个种子）", en: "How much the learning rate matters (30 steps, 1 seed)" }), x: { title: t({ zh: "学习率", en: "learning rate" }), log: true, ticks: ratesTried }, y: { title: t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" }) },
  series: [...Object.entries(byRate).map(([name, y]) => ({ name, x: ratesTried, y })), { name: t({ zh: "训练前", en: "before training" }), x: ratesTried, y: ratesTried.map(() => baseLoss) }],
  alt: Object.entries(byRate).map(([name, y]) => `${name}: ${y.map((v, i) => `${ratesTried[i]} ${v.toFixed(2)}`).join(", ")}`).join("; "),
}));
const bestOf = (name: string) => Math.min(...byRate[name].filter(Number.isFinite)), usable = (name: string) => ratesTried.filter((_, i) => byRate[name][i] < bestOf(name) + 0.1);
table(Object.keys(byRate).map((name) => ({ [t({ zh: "做法", en: "way" })]: name, [t({ zh: "最好的损失", en: "best loss" })]: bestOf(name).toFixed(3), [t({ zh: "与最好相差不到 0.1 的学习率", en: "rates within 0.1 of the best" })]: usable(name).join(", "), [t({ zh: "比训练前更差的学习率", en: "rates that end worse than before training" })]: ratesTried.filter((_, i) => !(byRate[name][i] < baseLoss)).join(", ") || "–" })));
const lead = bestOf(randomName) - bestOf(mlpName), [wide, narrow] = [usable(mlpName).length, usable(randomName).length];
console.log(t({ zh: `从随机数开始：最好的损失，MLP ${Math.abs(lead) < 0.03 ? "与直接训练差不多" : lead > 0 ? "更好" : "更差"}；可用的学习率，MLP ${wide === narrow ? "与直接训练一样多" : wide > narrow ? "更多" : "更少"}。（一个种子：线索，不是证明。）`, en: `From a random start: the MLP's best loss is ${Math.abs(lead) < 0.03 ? "about that of direct training" : lead > 0 ? "better" : "worse"}; it has ${wide === narrow ? "as many" : wide > narrow ? "more" : "fewer"} usable learning rates. (One seed: a hint, no proof.)` }));
// %% [markdown] lang="zh"
// **折叠**：训练完以后，MLP 的输出就是前缀。带 MLP 的模型与只留下前缀的模型，输出应当相同。
// %% [markdown] lang="en"
// **Folding it away**: after training, what the MLP puts out is the prefix. The model with the MLP and the one with only the prefix left should give the same.
// %%
const throughMlp = kept[mlpName], folded: tl.Adapter = { method: tl.prefix({ tokens: n }), trained: throughMlp.method.encode!(throughMlp.trained, model.params) };
console.log(t({ zh: `训练时 ${tl.trainableCount(throughMlp).toLocaleString("en-US")} 个数，折叠后 ${tl.trainableCount(folded).toLocaleString("en-US")} 个；max |Δlogit| =`, en: `${tl.trainableCount(throughMlp).toLocaleString("en-US")} numbers while it was trained, ${tl.trainableCount(folded).toLocaleString("en-US")} when folded; max |Δlogit| =` }), furthest(logitsOf(throughMlp), logitsOf(folded)).toExponential(1));
// %% [markdown] lang="zh"
// ## 5. 从哪里开始
//
// 随机的键和值（标准正态）与任何文字无关；从真实提示词的 KV 缓存开始，前缀一开始**就是**那句提示词。PEFT 的作者在 Llama-3.2-3B 上比较过：GSM8K 的正确率，随机开始 18.6 %，从 KV 缓存开始 41.6 %。这里呢？看训练之前的损失，和训练之后的（第 3 节的三个种子）。
// %% [markdown] lang="en"
// ## 5. Where to start
//
// Random keys and values (standard normal) have nothing to do with any text; from a real prompt's key-value cache the prefix **is** that prompt at the start. The authors of PEFT compared the two on Llama-3.2-3B: 18.6 % of GSM8K right from a random start, 41.6 % from a key-value cache. And here? The losses before training, and after it (the three seeds of part 3).
// %%
const names = [promptName, mlpName, randomName], before = names.map((name) => curves[name].map((c) => c[0])), after = names.map(last), fall = (losses: number[]) => losses.map((l) => baseLoss - l);
await show(barChart({
  title: t({ zh: "初始化：比原模型低多少（95 % 区间）", en: "Start: how far below the base model (95 % intervals)" }), x: { title: t({ zh: "初始化", en: "start" }) }, y: { title: t({ zh: "测试损失的下降（纳特/词元）", en: "fall of the test loss (nats per token)" }) },
  series: [{ name: t({ zh: "训练前", en: "before" }), x: names, y: before.map((l) => tl.mean(fall(l))), error: before.map(errorOf) }, { name: t({ zh: "训练后", en: "after" }), x: names, y: after.map((l) => tl.mean(fall(l))), error: after.map(errorOf) }],
  alt: names.map((name, i) => `${name}: ${tl.mean(before[i]).toFixed(2)} → ${tl.mean(after[i]).toFixed(2)}`).join("; ") + `; ${t({ zh: "原模型", en: "base" })} ${baseLoss.toFixed(2)}`,
}));
names.forEach((name, i) => console.log(`${name}: ` + t({ zh: `放上去、还没训练，损失 ${tl.mean(before[i]) < baseLoss - 0.005 ? "下降" : tl.mean(before[i]) > baseLoss + 0.005 ? "上升" : "几乎不变"}（${(tl.mean(before[i]) - baseLoss).toFixed(3)}）`, en: `put on and not yet trained, the loss ${tl.mean(before[i]) < baseLoss - 0.005 ? "falls" : tl.mean(before[i]) > baseLoss + 0.005 ? "rises" : "hardly moves"} (${(tl.mean(before[i]) - baseLoss).toFixed(3)})` })));
console.log(t({ zh: `随机 减 提示词：${plusMinus(paired(randomName, promptName), 3)}：`, en: `random minus prompt: ${plusMinus(paired(randomName, promptName), 3)}: ` }) + sentenceOf(paired(randomName, promptName), t({ zh: "从真实提示词开始更好", en: "starting from a real prompt is better" }), t({ zh: "从随机数开始更好", en: "starting at random is better" })));
// %% [markdown] lang="zh"
// ## 6. 前缀的长度与它挤占的上下文
//
// 书上说：长度决定参数的量级，一般取 10；前缀占用序列的位置，可能影响模型的性能。先扫长度（都从同一句提示词的开头开始），再算位置。
// %% [markdown] lang="en"
// ## 6. Length, and the context that it takes
//
// The book says: the length sets the number of parameters, 10 is usual; the prefix takes positions of the sequence, which may harm the model. First we vary the length (all start as the beginning of the same prompt), then we count positions.
// %%
const lengths = budget(1, 0) ? [1, 10, 40] : [1, 10], byLength: number[][] = [];
for (const length of lengths) {
  if (length === n) { byLength.push(last(promptName)); continue; }
  const method = tl.prefix({ tokens: length, start: promptIds }), losses: number[] = [];
  for (const seed of seeds) {
    const run = await fit(method, ways[promptName][1], seed, { evaluateEvery: 0 });
    losses.push(run.history.evaluations[run.history.evaluations.length - 1].loss);
    tl.dispose(run.trained);
  }
  byLength.push(losses);
}
await show(lineChart({
  title: t({ zh: "前缀长度与测试损失（95 % 区间）", en: "Length of the prefix and test loss (95 % intervals)" }), x: { title: "n", log: true, ticks: lengths }, y: { title: t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" }) },
  series: [{ name: "K/V", x: lengths, y: byLength.map(tl.mean), error: byLength.map(errorOf) }, { name: t({ zh: "全参数", en: "full" }), x: lengths, y: lengths.map(() => tl.mean(last(fullName))) }],
  alt: lengths.map((length, i) => `n = ${length}: ${tl.mean(byLength[i]).toFixed(3)} ± ${errorOf(byLength[i]).toFixed(3)}`).join("; "),
}));
const shortest = tl.interval(byLength[0].map((l, i) => l - byLength[byLength.length - 1][i]));
console.log(`n = ${lengths[0]} − n = ${lengths[lengths.length - 1]}: ${plusMinus(shortest, 3)}: ` + sentenceOf(shortest, t({ zh: "这里更长更好", en: "longer is better here" }), t({ zh: "这里更短更好", en: "shorter is better here" })));
// %% [markdown] lang="zh"
// 每个前缀位置少一个文字的位置，并在 KV 缓存里占 $2Lk$ 个数，**每个请求都要**。放不下时，本库在生成之前就拒绝，并说明原因。
// %% [markdown] lang="en"
// Each position of the prefix takes one from the text, and $2Lk$ numbers of the key-value cache, **for every request**. Where it does not fit, this library refuses before it generates, and says why.
// %%
table([10, 40, 100, 200, 400].map((m) => ({ n: m, [t({ zh: "训练的数", en: "trained" })]: 2 * m * layers * k, [t({ zh: "留给文字的位置", en: "positions left for text" })]: maxPositions - m, [t({ zh: "占去 %", en: "taken, %" })]: (100 * m) / maxPositions, [t({ zh: "KV 缓存（kB/请求，FP32）", en: "cache (kB a request, FP32)" })]: (2 * m * layers * k * 4) / 1000, [t({ zh: "200 个词元的文字放得下吗", en: "do 200 tokens of text fit" })]: 200 <= maxPositions - m ? "✓" : "✗" })));
try { await tl.generate(model, [[...sentence.ids]], { adapter: startOf(tl.prefix({ tokens: 400 })), maxNewTokens: 120 }); } catch (error) { console.log((error as Error).message); }
// %% [markdown] lang="zh"
// ## 7. 一个底座，一个批次，多个前缀
//
// 再为英文问答训练一个前缀。一个批次里的每一行用自己的前缀，共用同一个底座。每一行应当与单独计算时相同：各用户的前缀互不影响，数据也不会混在一起。
// %% [markdown] lang="en"
// ## 7. One base, one batch, several prefixes
//
// We train one more prefix, for answers in English. Each row of a batch uses its own prefix, all on one base. Each row should be what it is alone: the prefixes of different users do not touch each other, nor do their data mix.
// %%
const englishTrain = tl.encodeExamples(model.tokenizer, await read("en", "train")), englishTest = tl.encodeExamples(model.tokenizer, half(await read("en", "test"))).slice(0, budget(33, 8));
const englishPrompt = model.tokenizer.encode("<|im_start|>system\nAnswer the user's question briefly and correctly.<|im_end|>\n");
const english = await fit(tl.prefix({ start: englishPrompt }), ways[promptName][1], 0, { data: { train: englishTrain, validation: englishTest }, evaluateEvery: 0 });
const matrix: Record<string, unknown>[] = [];
for (const [name, adapter] of [[t({ zh: "原模型", en: "base" }), undefined], [t({ zh: "中文前缀", en: "Chinese prefix" }), first], [t({ zh: "英文前缀", en: "English prefix" }), english]] as const)
  matrix.push({ "": name, [t({ zh: "中文测试损失", en: "test loss, Chinese" })]: (await tl.evaluate(model, test, { adapter })).loss.toFixed(3), [t({ zh: "英文测试损失", en: "test loss, English" })]: (await tl.evaluate(model, englishTest, { adapter })).loss.toFixed(3) });
table(matrix);
// %%
const set = new tl.AdapterSet(model);
set.add("zh", first);
set.add("en", english);
const rowNames = ["zh", undefined, "en", "zh"], mixed = set.logits({ ids: Int32Array.from(rowNames.flatMap(() => [...sentence.ids])), batch: rowNames.length }, rowNames), rows = tl.tf.split(mixed, rowNames.length, 0);
table(rowNames.map((name, i) => ({ [t({ zh: "行", en: "row" })]: i + 1, [t({ zh: "前缀", en: "prefix" })]: name ?? "–", [t({ zh: "与单独计算之差", en: "difference to alone" })]: furthest(rows[i], logitsOf(name ? set.get(name) : undefined)).toExponential(1), [t({ zh: "与原模型之差", en: "difference to the base" })]: furthest(rows[i], without).toFixed(3) })));
table(set.list().map((a) => ({ ...a, active: String(a.active) })));
// %% [markdown] lang="zh"
// 书上说“可以在一个批次内**训练**多个用户的数据”。论文说的是**推理**：不同用户的请求可以放进一个批次。本库的训练一次只训练一个前缀。
//
// ## 8. 保存：PEFT 的格式
//
// 前缀保存为一个张量 `prompt_embeddings`，形状 $[n, 2Lk]$，列的顺序是 $K_0,V_0,K_1,V_1,\dots$；MLP 不保存。读回以后输出应当相同。在 Python 里：
//
// ```python
// from transformers import AutoModelForCausalLM
// from peft import PeftModel
// base = AutoModelForCausalLM.from_pretrained("data/course-model", dtype="float32")
// model = PeftModel.from_pretrained(base, "runs/prefix-mlp")
// ```
// %% [markdown] lang="en"
// The book says that one batch can **train** on the data of several users. The paper speaks of **inference**: requests of different users fit into one batch. `train` of this library trains one prefix at a time.
//
// ## 8. Saving it: PEFT's format
//
// A prefix is saved as one tensor `prompt_embeddings` of shape $[n, 2Lk]$, its columns in the order $K_0,V_0,K_1,V_1,\dots$; the MLP is not saved. Read back it should give the same. In Python:
//
// ```python
// from transformers import AutoModelForCausalLM
// from peft import PeftModel
// base = AutoModelForCausalLM.from_pretrained("data/course-model", dtype="float32")
// model = PeftModel.from_pretrained(base, "runs/prefix-mlp")
// ```
// %%
const folder = `${courseFile(".")}/runs/prefix-mlp`;
tl.saveAdapter(folder, throughMlp, model);
table(fs.readdirSync(folder).map((file) => ({ file, bytes: fs.statSync(`${folder}/${file}`).size })));
const config = JSON.parse(fs.readFileSync(`${folder}/adapter_config.json`, "utf8")) as Record<string, unknown>;
table(["peft_type", "num_virtual_tokens", "num_layers", "token_dim", "num_attention_heads"].map((field) => ({ field, value: config[field] })));
console.log(t({ zh: "读回后 max |Δlogit| =", en: "after reading it back max |Δlogit| =" }), furthest(logitsOf(tl.loadAdapter(folder, model)), logitsOf(throughMlp)).toExponential(1));
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.6.3/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.6.3/1")` 给解答。
//
// 1. DeepSeek-R1-Distill-Qwen-1.5B 有 28 层，$d=1536$，2 个键值头，头宽 128。长度 20 的 K/V 前缀有多少个数？
// 2. 同一个模型，同样的长度，K/V 前缀的数是输入嵌入前缀的多少倍？（保留两位小数）
// 3. 模型有 512 个位置，问题连同模板 300 个词元，回答最多 150 个。前缀最长可以是多少？
// 4. 写一个函数 `(n, T) => number[][]`：长度 $n$ 的前缀，$T$ 个文字词元。第 $t$ 行第 $j$ 列是 1 表示第 $t$ 个文字词元能看见第 $j$ 个键（先是 $n$ 个前缀键，再是 $T$ 个文字键），否则是 0。
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.6.3/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.6.3/1")` the solution.
//
// 1. DeepSeek-R1-Distill-Qwen-1.5B has 28 layers, $d=1536$, 2 key-value heads of 128. How many numbers does a K/V prefix of length 20 hold?
// 2. The same model and length: how many times as many numbers as an input-embedding prefix does the K/V prefix hold? (to two decimals)
// 3. A model has 512 positions; the question with its template takes 300 tokens, the answer up to 150. How long can the prefix be at most?
// 4. Write a function `(n, T) => number[][]`: a prefix of length $n$ and $T$ tokens of text. Row $t$, column $j$ is 1 where text token $t$ can see key $j$ (first the $n$ keys of the prefix, then the $T$ of the text), else 0.
// %%
tl.check("3.6.3/1", undefined);
tl.check("3.6.3/2", undefined);
tl.check("3.6.3/3", undefined);
tl.check("3.6.3/4", undefined);
