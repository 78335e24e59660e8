// Section 3.6.1 of the course: bottleneck adapters. Where they sit, how they start, how wide they must be, several on one base; the listing's template that masks every label.
// Build both languages with: npm run notebooks -- 3.6.1-adapter
// %% [markdown] lang="zh" tags=["claim:3.6.1/share"]
// # 3.6.1 Adapter：在层里插一个小网络，够不够？
//
// 新增参数微调不改动原模型，只加上少量要训练的数。它要解决两个问题：每个任务存一整份模型太占地方；全参数微调太贵。又因为原来的权重一个也不动，拆下新加的部分，原模型就回来了。
// 这类方法分两种：在模型里**插入模块**（本节的 Adapter、下一节的 LoRA），和**干预输入**（Prefix Tuning、Prompt Tuning、P-tuning）。
//
// 本节用课程模型回答：Adapter 插在哪里？插上去的一刻模型变了吗？与全参数微调差多少？瓶颈要多宽？它真的是“1 %～5 % 的参数”吗？最后审查书上的代码清单：它其实什么也没有学。
//
// 需要的资源：课程模型（6 百万参数），约 1.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en" tags=["claim:3.6.1/share"]
// # 3.6.1 Adapters: is a small network inside each layer enough?
//
// Methods that add parameters leave the model as it is and train a few new numbers. They answer two troubles: a whole copy of the model for each task takes too much space, and full fine-tuning costs too much. And since no old weight moves, taking the new part off brings the old model back.
// There are two kinds: **modules put into** the model (adapters here, LoRA in the next section), and **interventions at the input** (prefix, prompt and P-tuning).
//
// On the course model this section asks: where does an adapter sit? Does the model change the moment it is put in? How far is it from full fine-tuning? How wide must the bottleneck be? Is it really "1 to 5 % of the parameters"? At the end we audit the book's listing, which in truth learns nothing.
//
// It needs the course model (6 million parameters), about 1.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as fs from "fs";
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const { layers, hiddenSize: d } = model.config, total = tl.count(model.params);
console.log(`${machine.name}; ${total.toLocaleString("en-US")} ${t({ zh: "个参数", en: "parameters" })}; ${layers} ${t({ zh: "层，宽", en: "layers of width" })} ${d}`);
// %% [markdown] lang="zh"
// ## 1. 公式
//
// 一个 Adapter 把 $d$ 维的向量压到 $r\ll d$ 维，经过非线性 $f$，再升回 $d$ 维，最后与输入相加（跳接）：
//
// $$y = h + W_{\mathrm{up}}\,f(W_{\mathrm{down}}h+b_{\mathrm{down}})+b_{\mathrm{up}},\qquad W_{\mathrm{down}}\in\mathbb{R}^{r\times d},\ W_{\mathrm{up}}\in\mathbb{R}^{d\times r}$$
//
// 每处要训练 $2dr+r+d$ 个数。三种常见的形式，差别在于 $h$ 是什么、加到哪里：
//
// * **顺序**（sequential；Houlsby 等，2019）：$h$ 是子层的输出，在残差相加**之前**；注意力和前馈网络之后各一个。
// * **Pfeiffer**（2020）：$h$ 是残差相加**之后**的向量；只在前馈网络之后。书上的清单用的 `SeqBnConfig` 就是它。
// * **并行**（parallel；He 等，2022）：$h$ 是子层的**输入**，与子层并排计算，结果乘以 4 再相加。
// %% [markdown] lang="en"
// ## 1. The equation
//
// An adapter squeezes a vector of $d$ dimensions into $r\ll d$, passes it through a nonlinearity $f$, brings it back to $d$ dimensions and adds its input (the skip connection):
//
// $$y = h + W_{\mathrm{up}}\,f(W_{\mathrm{down}}h+b_{\mathrm{down}})+b_{\mathrm{up}},\qquad W_{\mathrm{down}}\in\mathbb{R}^{r\times d},\ W_{\mathrm{up}}\in\mathbb{R}^{d\times r}$$
//
// Each place trains $2dr+r+d$ numbers. Three forms are common; they differ in what $h$ is and where the result is added:
//
// * **sequential** (Houlsby et al. 2019): $h$ is what a sublayer puts out, **before** the residual is added; one behind attention, one behind the feed-forward network.
// * **Pfeiffer** (2020): $h$ is the vector **after** the residual was added; behind the feed-forward network only. `SeqBnConfig` in the book's listing is this one.
// * **parallel** (He et al. 2022): $h$ is what goes **into** the sublayer; it is computed beside the sublayer, and the result is multiplied by 4 and added.
// %%
const forms = { sequential: tl.adapter({ reduction: 16 }), pfeiffer: tl.adapter({ form: "pfeiffer", reduction: 8 }), parallel: tl.adapter({ form: "parallel", reduction: 8 }) };
const startOf = (method: tl.Method, seed = 0): tl.Adapter => ({ method, trained: method.init(model.params, model.config, seed) });
const starts = Object.fromEntries(Object.entries(forms).map(([name, method]) => [name, startOf(method)]));
table(Object.entries(starts).map(([form, adapter]) => {
  const { reduction, after, scale } = adapter.method.settings as { reduction: number; after: string[]; scale: number }, r = d / reduction, trained = tl.trainableCount(adapter);
  return { form, after: after.join(", "), r, scale, [t({ zh: "训练的数", en: "trained" })]: trained, [t({ zh: "按公式", en: "by the formula" })]: layers * after.length * (2 * d * r + r + d), "%": (100 * trained) / total };
}), t({ zh: "三种形式，预算大致相同", en: "Three forms of about the same budget" }));
// %% [markdown] lang="zh"
// ## 2. 它坐在哪里
//
// 下面的图不是画好的：它记录一次真实的前向传播，第 0 层的每个模块进来、出去的形状，以及 Adapter 在哪里读了自己的张量（行是词元）。
// 顺序形式坐在 `self_attn` 和 `mlp` 上（残差相加之前）；并行形式坐在 `mlp_block` 上（它包含归一化和残差）。
// %% [markdown] lang="en"
// ## 2. Where it sits
//
// The diagram below is not drawn beforehand: it records one real forward pass, the shapes that go into and come out of each module of layer 0, and where the adapter read its own tensors (rows are tokens).
// The sequential form sits on `self_attn` and `mlp` (before the residual is added), the parallel one on `mlp_block` (which holds the norm and the residual).
// %%
const sentence = { ids: Int32Array.from(model.tokenizer.encode("什么是防火墙？")), batch: 1 };
tl.showSites(tl.traceSites(model, starts.sequential, sentence), t({ zh: "顺序 Adapter", en: "Sequential adapter" }));
tl.showSites(tl.traceSites(model, starts.parallel, sentence), t({ zh: "并行 Adapter", en: "Parallel adapter" }));
// %% [markdown] lang="zh"
// ## 3. 开始时接近恒等
//
// 刚插进去的 Adapter 不应当改变模型，否则训练就从一个坏了的模型开始。并行形式的 $W_{\mathrm{up}}$ 从 0 开始，所以**恰好**相同；顺序形式的两个矩阵都很小（标准差 0.01），所以**几乎**相同。先看 logits 变了多少，再把初始标准差放大，看模型在训练之前就坏成什么样。
// %% [markdown] lang="en"
// ## 3. Near the identity at the start
//
// An adapter that was just put in should not change the model, or training would begin from a broken one. The parallel form starts with $W_{\mathrm{up}}=0$, so it is **exactly** the same; both matrices of the sequential form start small (deviation 0.01), so it is **nearly** the same. First how far the logits move; then we make the initial deviation larger and watch the model break before any training.
// %%
const read = async (language: string, split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/${language}/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const half = <T>(held: T[]) => held.filter((_, i) => i % 2 === 1); // the other half served to choose learning rates
const trainRecords = await read("zh", "train"), testRecords = half(await read("zh", "test")), trainSet = tl.encodeExamples(model.tokenizer, trainRecords), test = tl.encodeExamples(model.tokenizer, testRecords).slice(0, budget(33, 8));
const logitsOf = (adapter?: tl.Adapter) => tl.logits({ ...model, ...adapter }, sentence);
const furthest = (a: tl.Params[string], b: tl.Params[string]) => tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(a, b))).dataSync()[0]);
const plainLogits = logitsOf(), baseLoss = (await tl.evaluate(model, test)).loss;
table(Object.entries(starts).map(([form, adapter]) => ({ form, "max |Δlogit|": furthest(logitsOf(adapter), plainLogits).toExponential(1), [t({ zh: "logits 的最大绝对值", en: "largest |logit|" })]: tl.tf.max(tl.tf.abs(plainLogits)).dataSync()[0].toFixed(1) })));
// %%
const deviations = [0.001, 0.01, 0.03, 0.1, 0.3, 1], lossAtStart: number[] = [];
for (const sigma of deviations) {
  const trained = tl.mapParams(starts.sequential.trained, (p) => tl.tf.mul(p, sigma / 0.01) as tl.Params[string]);
  lossAtStart.push((await tl.evaluate(model, test, { adapter: { method: forms.sequential, trained } })).loss);
  tl.dispose(trained);
}
await show(lineChart({
  title: t({ zh: "训练之前：初始标准差与损失", en: "Before training: initial deviation and loss" }), x: { title: t({ zh: "W_down、W_up 的标准差", en: "deviation of W_down and W_up" }), log: true, ticks: deviations }, y: { title: t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" }) },
  series: [{ name: t({ zh: "带未训练的 Adapter", en: "with an untrained adapter" }), x: deviations, y: lossAtStart }, { name: t({ zh: "原模型", en: "base model" }), x: deviations, y: deviations.map(() => baseLoss) }],
  alt: deviations.map((s, i) => `${s}: ${lossAtStart[i].toFixed(2)}`).join("; ") + `; ${t({ zh: "原模型", en: "base" })} ${baseLoss.toFixed(2)}`,
}));
// %% [markdown] lang="zh"
// ## 4. 训练，与全参数微调比较
//
// 数据是 `preferences` 中的中文问题和好的回答（课程模型没有见过）。先看一次训练；然后用三个种子比较四种做法：全参数、顺序、并行，和**只训练归一层**。
// 为什么有最后一种？书上（和 2019 年的论文）说 Adapter 还训练各层的两个归一层；而清单所用的库只训练 Adapter，本库也是。归一层只有 $2dL$ 个数，单独训练它们能走多远，量一下便知。
// 每种做法的学习率是事先选定的：各试几个值，取在留出数据的另一半上最好的一个（这里只在这一半上测试）。
// %% [markdown] lang="en"
// ## 4. Training, against full fine-tuning
//
// The data are the Chinese questions and good answers of `preferences` (which the course model has never seen). First one run to watch; then three seeds of four ways: full, sequential, parallel, and **the norms alone**.
// Why the last? The book (like the paper of 2019) says that the two norms of each layer are trained along with adapters; the library of the listing trains adapters only, as does this one. The norms hold no more than $2dL$ numbers; how far they get alone is soon measured.
// Each way has the learning rate that did best among a few, tried beforehand on the other half of the held-out data (the tests here use this half alone).
// %%
const steps = budget(60, 3), seeds = budget(1, 0) ? [0, 1, 2] : [0, 1], rates = { full: 4e-4, sequential: 1e-2, parallel: 3e-3, norms: 3e-2 };
const fit = (method: tl.Method, learningRate: number, seed: number, more: object = {}) => tl.train({ model, method, data: { train: trainSet, validation: test }, steps, batchSize: 8, learningRate, evaluateEvery: Math.ceil(steps / 4), seed, display: false, ...more });
const adapted = await fit(forms.sequential, rates.sequential, 0, { display: true });
// %%
const ways: Record<keyof typeof rates, tl.Method> = { full: tl.full(), ...forms, norms: tl.full({ parameters: ["input_layernorm", "post_attention_layernorm"] }) } as never;
const curves: Record<string, number[][]> = {}, counts: Record<string, number> = {}, kept: Record<string, tl.Run> = { sequential: adapted };
for (const name of Object.keys(rates) as (keyof typeof rates)[])
  for (const seed of seeds) {
    const run = seed === 0 && kept[name] ? kept[name] : await fit(ways[name], rates[name], seed);
    (curves[name] ??= []).push(run.history.evaluations.map((e) => e.loss));
    counts[name] = tl.trainableCount(run);
    if (seed === 0) kept[name] = run; else tl.dispose(run.trained);
  }
// %%
const at = kept.full.history.evaluations.map((e) => e.step), last = (name: string) => curves[name].map((c) => c[c.length - 1]), errorOf = (x: number[]) => tl.interval(x).error;
const label: Record<string, string> = { full: t({ zh: "全参数", en: "full" }), sequential: t({ zh: "顺序", en: "sequential" }), parallel: t({ zh: "并行", en: "parallel" }), norms: t({ zh: "只训练归一层", en: "norms alone" }) };
await show(lineChart({
  title: t({ zh: "测试损失（3 个种子，95 % 区间）", en: "Test loss (3 seeds, 95 % intervals)" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: Object.keys(curves).map((name) => ({ name: label[name], x: at, y: at.map((_, i) => tl.mean(curves[name].map((c) => c[i]))), error: at.map((_, i) => errorOf(curves[name].map((c) => c[i]))) })),
  alt: Object.keys(curves).map((name) => `${label[name]}: ${tl.mean(last(name)).toFixed(3)}`).join("; "),
}));
// %%
const gainOf = (name: string) => tl.interval(last(name).map((l) => (100 * (baseLoss - l)) / (baseLoss - tl.mean(last("full")))));
const against = (name: string) => tl.interval(last(name).map((l, i) => l - last("full")[i]));
const verdict = ({ mean, error }: tl.Interval) => (mean > error ? t({ zh: "比全参数差", en: "worse than full" }) : mean < -error ? t({ zh: "比全参数好", en: "better than full" }) : t({ zh: "看不出差别", en: "no difference can be seen" }));
const plusMinus = ({ mean, error }: tl.Interval, digits: number) => `${mean.toFixed(digits)} ± ${error.toFixed(digits)}`;
table(Object.keys(curves).map((name) => ({
  [t({ zh: "做法", en: "way" })]: label[name], [t({ zh: "训练的数", en: "trained" })]: counts[name], [t({ zh: "测试损失", en: "test loss" })]: plusMinus(tl.interval(last(name)), 3), [t({ zh: "全参数所得的 %", en: "% of full's gain" })]: plusMinus(gainOf(name), 0),
  [t({ zh: "与全参数之差（成对）", en: "minus full (in pairs)" })]: name === "full" ? "" : `${plusMinus(against(name), 3)}: ${verdict(against(name))}`,
})));
// %% [markdown] lang="zh"
// 区间是三个种子的 95 % 区间（Student t）：它只反映种子（数据的顺序、初始化）造成的差别，不反映测试集的大小。而且这里只有 265 个问答、60 步；论文在 GLUE 上训练到收敛，得到的结论（3.6 % 的参数，差距在 0.4 分以内）属于另一种规模。
//
// ## 5. 瓶颈要多宽？
//
// 同样的步数和学习率，顺序形式，$r$ 取 4、16、64。横线是全参数微调。
// %% [markdown] lang="en"
// The intervals are 95 % over three seeds (Student's t): they show what seeds (the order of the data, the start) do, not the size of the test set. And here are only 265 questions and 60 steps; the paper trained to convergence on GLUE, and its finding (3.6 % of the parameters, within 0.4 points) is one of another scale.
//
// ## 5. How wide must the bottleneck be?
//
// The same steps and learning rate, the sequential form, $r$ = 4, 16, 64. The level line is full fine-tuning.
// %%
const widths = [4, 16, 64], byWidth: number[][] = [];
for (const r of widths) {
  const method = tl.adapter({ reduction: d / r }), losses: number[] = [];
  if (r === 16) { byWidth.push(last("sequential")); continue; }
  for (const seed of seeds) {
    const run = await fit(method, rates.sequential, seed, { evaluateEvery: 0 });
    losses.push(run.history.evaluations[run.history.evaluations.length - 1].loss);
    tl.dispose(run.trained);
  }
  byWidth.push(losses);
}
await show(lineChart({
  title: t({ zh: "瓶颈宽度与测试损失（95 % 区间）", en: "Width of the bottleneck and test loss (95 % intervals)" }), x: { title: "r", log: true, ticks: widths }, y: { title: t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" }) },
  series: [{ name: t({ zh: "顺序 Adapter", en: "sequential adapter" }), x: widths, y: byWidth.map(tl.mean), error: byWidth.map(errorOf) }, { name: t({ zh: "全参数", en: "full" }), x: widths, y: widths.map(() => tl.mean(last("full"))) }],
  alt: widths.map((r, i) => `r = ${r}: ${tl.mean(byWidth[i]).toFixed(3)} ± ${errorOf(byWidth[i]).toFixed(3)}`).join("; "),
}));
const widest = tl.interval(byWidth[0].map((l, i) => l - byWidth[2][i]));
console.log(t({ zh: `r = 4 减 r = 64：${plusMinus(widest, 3)}（成对）：`, en: `r = 4 minus r = 64: ${plusMinus(widest, 3)} (in pairs): ` }) + (widest.mean > widest.error ? t({ zh: "这里更宽更好", en: "wider is better here" }) : widest.mean < -widest.error ? t({ zh: "这里更窄更好", en: "narrower is better here" }) : t({ zh: "看不出宽度的影响", en: "no influence of the width can be seen" })));
// %% [markdown] lang="zh" tags=["claim:3.6.1/share"]
// ## 6. 与书上的说法对照：“1 %～5 %”
//
// 比例只取决于形状，可以直接算。每处 $2dr+r+d$，有 $L$ 层、每层一处或两处。书上的清单：只在前馈网络之后，`reduction_factor = 32`。
// %% [markdown] lang="en" tags=["claim:3.6.1/share"]
// ## 6. Held against the book: "1 to 5 %"
//
// The share depends on shapes alone and can be computed: $2dr+r+d$ a place, $L$ layers, one or two places in each. The book's listing: behind the feed-forward network only, `reduction_factor = 32`.
// %%
const bases = { [t({ zh: "课程模型", en: "course model" })]: [layers, d, total], "SmolLM2-135M": [30, 576, 134_515_008], "DeepSeek-R1-Distill-Qwen-1.5B": [28, 1536, 1_777_088_000] };
const settings = { [t({ zh: "清单：1 处，/32", en: "the listing: 1 place, /32" })]: [1, 32], [t({ zh: "1 处，/16", en: "1 place, /16" })]: [1, 16], [t({ zh: "论文的位置：2 处，/16", en: "the paper's places: 2, /16" })]: [2, 16], [t({ zh: "2 处，/8", en: "2 places, /8" })]: [2, 8], [t({ zh: "2 处，/2", en: "2 places, /2" })]: [2, 2] };
const shareOf = ([L, width, all]: number[], [places, reduction]: number[]) => { const r = Math.floor(width / reduction); return (100 * L * places * (2 * width * r + r + width)) / all; };
table(Object.entries(settings).map(([name, setting]) => ({ [t({ zh: "设置", en: "setting" })]: name, ...Object.fromEntries(Object.entries(bases).map(([who, shape]) => [`${who} (%)`, shareOf(shape, setting).toFixed(2)])) })));
const shares = Object.values(settings).flatMap((s) => Object.values(bases).map((b) => shareOf(b, s))), inside = shares.filter((s) => s >= 1 && s <= 5).length, listing = shareOf(Object.values(bases)[2], [1, 32]);
console.log(t({ zh: `${shares.length} 种情形中 ${inside} 种落在 1 %～5 %；清单自己的设置在 1.5B 模型上是 ${listing.toFixed(2)} %。`, en: `${inside} of ${shares.length} cases lie within 1 to 5 %; the listing's own setting on the 1.5B model gives ${listing.toFixed(2)} %. ` })
  + (listing >= 1 && listing <= 5 ? t({ zh: "它符合这个说法。", en: "That agrees with the claim." }) : t({ zh: "“1 %～5 %”说的是一类常用设置，不是 Adapter 的性质；清单自己就不在其中。", en: "\"1 to 5 %\" describes usual settings, not adapters as such; the listing itself lies outside." })));
// %% [markdown] lang="zh"
// **推理的代价。** LoRA 能并进权重，Adapter 不能：它的非线性使它一直是额外的一步。多出来的乘法很少，可是一步一步做的小运算也要时间。交替测量三次，各取最快的一次（一台忙碌的机器上仍会有误差）。
// %% [markdown] lang="en"
// **The price at inference.** LoRA can be merged into the weights, an adapter cannot: its nonlinearity makes it an extra step for ever. It adds few multiplications, but small operations one after another take time, too. Measured in turns, three times, the fastest of each (on a busy machine there is error still).
// %%
const question = tl.promptText(model.tokenizer, [{ role: "user", content: testRecords[0].question }]), fastest: Record<string, number> = {};
for (let i = 0; i < 4; i++)
  for (const [name, adapter] of [["base", undefined], ["adapter", adapted]] as const) {
    const began = performance.now(), [answer] = await tl.generate(model, [question], { adapter, maxNewTokens: budget(48, 8), temperature: 1, seed: i });
    if (i) fastest[name] = Math.min(fastest[name] ?? Infinity, (performance.now() - began) / Math.max(1, answer.ids.length)); // the first round compiles
  }
console.log(t({ zh: `每个词元：原模型 ${fastest.base.toFixed(1)} 毫秒，带 Adapter ${fastest.adapter.toFixed(1)} 毫秒（${(100 * (fastest.adapter / fastest.base - 1)).toFixed(0)} %）；乘法只多 ${((100 * counts.sequential) / total).toFixed(1)} %`, en: `A token: base ${fastest.base.toFixed(1)} ms, with adapter ${fastest.adapter.toFixed(1)} ms (${(100 * (fastest.adapter / fastest.base - 1)).toFixed(0)} %); multiplications grow by ${((100 * counts.sequential) / total).toFixed(1)} % only` }));
// %% [markdown] lang="zh"
// ## 7. 一个底座，多个 Adapter
//
// 再为另一个任务（英文问答）训练一个 Adapter。表中是两个任务的测试损失：每个 Adapter 在自己的任务上，和在别人的任务上。最后一行是在中文上全参数微调的模型：它只有一份权重，英文变成什么样就是什么样；而 Adapter 拆下来，原模型**一个数也没变**。
// %% [markdown] lang="en"
// ## 7. One base, several adapters
//
// We train one more adapter for another task (answers in English). The table holds the test losses of both tasks: each adapter on its own task, and on the other's. The last row is the model that was fully fine-tuned on Chinese: it has one set of weights, and whatever became of its English, it has to live with; an adapter is taken off, and the base has **not changed in a single number**.
// %%
const englishTrain = tl.encodeExamples(model.tokenizer, await read("en", "train")), englishTest = tl.encodeExamples(model.tokenizer, half(await read("en", "test"))).slice(0, budget(33, 8));
const english = await fit(tl.adapter({ reduction: 16 }), rates.sequential, 0, { data: { train: englishTrain, validation: englishTest }, evaluateEvery: 0 });
const matrix: Record<string, unknown>[] = [];
for (const [name, adapter] of [[t({ zh: "原模型", en: "base" }), undefined], [t({ zh: "中文 Adapter", en: "Chinese adapter" }), adapted], [t({ zh: "英文 Adapter", en: "English adapter" }), english], [t({ zh: "中文全参数", en: "full, on Chinese" }), kept.full]] as const)
  matrix.push({ "": name, [t({ zh: "中文测试损失", en: "test loss, Chinese" })]: (await tl.evaluate(model, test, { adapter })).loss.toFixed(3), [t({ zh: "英文测试损失", en: "test loss, English" })]: (await tl.evaluate(model, englishTest, { adapter })).loss.toFixed(3) });
table(matrix);
// %% [markdown] lang="zh"
// 现在把两个 Adapter 装在同一个底座上，一个批次里的每一行用自己的（或不用）。每一行应当与单独计算时相同，只差浮点舍入。
// %% [markdown] lang="en"
// Now both are put on one base, and each row of one batch uses its own (or none). Each row should be what it is alone, up to rounding.
// %%
const set = new tl.AdapterSet(model);
set.add("zh", adapted);
set.add("en", english);
table(set.list().map((a) => ({ ...a, active: String(a.active) })));
const rowNames = ["zh", undefined, "en"], batchOf = { ids: Int32Array.from(rowNames.flatMap(() => [...sentence.ids])), batch: 3 }, mixed = set.logits(batchOf, rowNames), rows = tl.tf.split(mixed, 3, 0);
table(rowNames.map((name, i) => ({ [t({ zh: "行", en: "row" })]: i + 1, adapter: name ?? "–", [t({ zh: "与单独计算之差", en: "difference to alone" })]: furthest(rows[i], logitsOf(name ? set.get(name) : undefined)).toExponential(1), [t({ zh: "与原模型之差", en: "difference to the base" })]: furthest(rows[i], plainLogits).toFixed(3) })));
// %% [markdown] lang="zh"
// ## 8. 保存与读回
//
// Adapter 按 adapter-hub 的 `adapters` 库的格式保存（PEFT 没有这种方法）。课程没有在那个库里试过读取；张量的名字和形状按它的源代码写成。读回以后 logits 应当完全相同。
// %% [markdown] lang="en"
// ## 8. Saved and read back
//
// The adapter is saved in the layout of adapter-hub's library `adapters` (PEFT does not have this method). The course has not tried it in that library; names and shapes follow its source. After reading it back the logits should be exactly the same.
// %%
const folder = `${courseFile(".")}/runs/adapter-zh`;
tl.saveAdapter(folder, adapted, model);
const files = fs.readdirSync(folder).map((file) => ({ file, bytes: fs.statSync(`${folder}/${file}`).size })), loaded = tl.loadAdapter(folder, model);
table(files);
console.log(t({ zh: "读回后 max |Δlogit| =", en: "after reading it back max |Δlogit| =" }), furthest(logitsOf(loaded), logitsOf(adapted)));
const stored = files.reduce((n, f) => n + f.bytes, 0), copies = [1, 10, 100];
table(copies.map((n) => ({ [t({ zh: "任务数", en: "tasks" })]: n, [t({ zh: "每任务一份模型（MB）", en: "a model for each (MB)" })]: (n * 4 * total) / 1e6, [t({ zh: "一个底座加 Adapter（MB）", en: "one base and adapters (MB)" })]: (4 * total + n * stored) / 1e6 })), t({ zh: "FP32 下占用的磁盘", en: "Disk space in FP32" }));
// %% [markdown] lang="zh"
// ## 9. 代码清单审查
//
// 清单的提示词是 `问:…` 换行 `答:…`，数据整理器却用 `response_template = "Answer:"` 去找答案从哪里开始：它在词元里找这一串，取最后一次出现，之后的才是目标；找不到，就把这个样本的标签**全部**遮住（只给一个警告）。照它的规则做一遍：
// %% [markdown] lang="en"
// ## 9. Listing audit
//
// The listing's prompts read `问:…`, new line, `答:…`, but its collator looks for where the answer begins by `response_template = "Answer:"`: it searches the tokens for this sequence, takes the last one found, and what follows is the target; where it finds none, it masks **all** labels of the example (with no more than a warning). We follow its rule:
// %%
function targetsAfter(ids: ArrayLike<number>, template: readonly number[]): Uint8Array {
  const all = Array.from(ids), starts = all.flatMap((_, i) => (template.every((id, k) => all[i + k] === id) ? [i + template.length] : []));
  const from = starts.length ? starts[starts.length - 1] : Infinity;
  return Uint8Array.from(all, (_, i) => Number(i >= from));
}
const right = tl.encodeExamples(model.tokenizer, trainRecords, { template: "plain" }), rightTest = tl.encodeExamples(model.tokenizer, testRecords, { template: "plain" }).slice(0, budget(33, 8)), eos = right[0].ids[right[0].ids.length - 1];
const masked = (template: string) => right.map(({ ids }) => ({ ids, target: targetsAfter(ids, model.tokenizer.encode(template)) }));
const asPrinted = masked("Answer:"), repaired = masked("答:"), targetsIn = (examples: readonly tl.Example[]) => examples.reduce((n, e) => n + e.target.reduce((a, b) => a + b, 0), 0);
table([["Answer:", asPrinted], ["答:", repaired]].map(([name, examples]) => ({ response_template: name as string, [t({ zh: "找到它的样本", en: "examples that hold it" })]: (examples as tl.Example[]).filter((e) => e.target.includes(1)).length, [t({ zh: "样本", en: "examples" })]: right.length, [t({ zh: "目标词元", en: "target tokens" })]: targetsIn(examples as tl.Example[]) })));
// %% [markdown] lang="zh"
// 只把模板改成 `答:` 还不够。清单把样本补到 512，填充符是结束符；之后又把 `pad_token_id` 改成另一个数，于是整理器认不出填充，把它们**也当作目标**。三种掩码，同一个样本（补到 512 的只画前 60 个词元）：
// %% [markdown] lang="en"
// Changing the template to `答:` is not enough. The listing fills examples up to 512 with the end token, and then sets `pad_token_id` to another number; so the collator does not recognise padding and **makes it a target as well**. Three masks of one example (of the one filled to 512 only the first 60 tokens are drawn):
// %%
const padded = (examples: readonly tl.Example[]) => examples.map(({ ids, target }) => ({ ids: Int32Array.from({ length: 512 }, (_, i) => ids[i] ?? eos), target: Uint8Array.from({ length: 512 }, (_, i) => target[i] ?? Math.max(...target)) }));
const draw = (title: string, { ids, target }: tl.Example) => { console.log(title); tl.showTokens(Array.from(ids.slice(0, 60), (id, i) => ({ text: model.tokenizer.decode([id]), marked: target[i] === 1 })), { plain: t({ zh: "被遮住", en: "masked" }), marked: t({ zh: "参与损失", en: "counts in the loss" }) }); };
const versions = { [t({ zh: "清单", en: "as printed" })]: padded(asPrinted), [t({ zh: "只改模板", en: "template repaired" })]: padded(repaired), [t({ zh: "改正", en: "corrected" })]: right };
for (const [name, examples] of Object.entries(versions)) draw(`${name}: ${targetsIn([examples[0]])} / ${examples[0].ids.length}`, examples[0]);
// %% [markdown] lang="zh"
// 用三种掩码训练同样的 Adapter，用**真正的答案词元**来衡量。没有目标时，PyTorch 的损失是 0/0 = `nan`，而梯度全是 0（PyTorch 2.13、transformers 5.23 中如此）：训练照常“跑完”，保存下来的就是刚插进去的 Adapter。本库则拒绝这样的批次。
// %% [markdown] lang="en"
// We train the same adapter with the three masks and judge by the **real answer tokens**. Without a target, PyTorch's loss is 0/0 = `nan` and every gradient is 0 (so in PyTorch 2.13 and transformers 5.23): training "finishes" as usual, and what is saved is the adapter as it was put in. This library refuses such a batch.
// %%
const audit: Record<string, unknown>[] = [], untrained = (await tl.evaluate(model, rightTest)).loss;
for (const [name, examples] of Object.entries(versions)) {
  const losses: number[] = [];
  for (const seed of seeds.slice(0, 2)) {
    const method = forms.sequential, trained = method.init(model.params, model.config, seed);
    let adapter: tl.Adapter = { method, trained };
    try { adapter = await tl.train({ model, method, data: { train: examples }, steps: budget(24, 2), batchSize: 4, learningRate: rates.sequential, seed, display: false }); }
    catch (error) { if (seed === 0) console.log(`${name}: ${(error as Error).message}`); }
    losses.push((await tl.evaluate(model, rightTest, { adapter })).loss);
    tl.dispose(trained);
    if (adapter.trained !== trained) tl.dispose(adapter.trained);
  }
  audit.push({ [t({ zh: "掩码", en: "mask" })]: name, [t({ zh: "目标词元中真正的答案 %", en: "real answer among targets, %" })]: targetsIn(examples) ? ((100 * targetsIn(right)) / targetsIn(examples)).toFixed(1) : "–", [t({ zh: "答案词元的损失（2 个种子）", en: "loss on answer tokens (2 seeds)" })]: losses.map((l) => l.toFixed(3)).join(", "), [t({ zh: "比训练前下降", en: "fell by" })]: (untrained - tl.mean(losses)).toFixed(3).replace("-0.000", "0.000") });
}
table(audit, t({ zh: `训练前：${untrained.toFixed(3)}`, en: `Before training: ${untrained.toFixed(3)}` }));
// %% [markdown] lang="zh"
// **教训**：训练之前先看一眼掩码；损失是 `nan` 或恰好 0，不是“收敛了”，而是什么也没学。清单还有一处小事：注释说“增加 LoRA adapter”，实际加的是瓶颈 Adapter。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.6.1/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.6.1/1")` 给解答。
//
// 1. 清单的设置（`reduction_factor = 32`，每层一处，有偏置）用在 $d=1536$、28 层的模型上，要训练多少个数？
// 2. 同一个模型（1,777,088,000 个参数），每层两处。瓶颈 $r$ 最小取多少，Adapter 才达到全部参数的 1 %？（整数）
// 3. 20 个任务。方案一：每个任务存一份完整的模型；方案二：一个底座加 20 个练习 1 的 Adapter。所有的数都占同样多的字节。方案一占的空间是方案二的多少倍？（保留一位小数）
// 4. 写一个函数 `(h, down, up) => number[]`：顺序 Adapter，没有偏置，$f$ 是 ReLU。`h` 是长为 $d$ 的数组，`down` 是 $r\times d$、`up` 是 $d\times r$ 的数组的数组。
// %% [markdown] lang="en"
// **The lesson**: look at the mask before you train; a loss of `nan`, or of exactly 0, has not "converged": nothing is learned. And a small thing: the listing's comment says "add a LoRA adapter", but what it adds is a bottleneck adapter.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.6.1/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.6.1/1")` the solution.
//
// 1. The listing's setting (`reduction_factor = 32`, one place in each layer, with biases) on a model with $d=1536$ and 28 layers: how many numbers are trained?
// 2. The same model (1,777,088,000 parameters), two places a layer. Which is the smallest bottleneck $r$ with which the adapters reach 1 % of all parameters? (a whole number)
// 3. 20 tasks. Plan one: a whole model for each task; plan two: one base and 20 adapters of exercise 1. All numbers take the same bytes. How many times the space of plan two does plan one take? (to one decimal)
// 4. Write a function `(h, down, up) => number[]`: a sequential adapter without biases, $f$ = ReLU. `h` is an array of length $d$, `down` and `up` are arrays of arrays, $r\times d$ and $d\times r$.
// %%
tl.check("3.6.1/1", undefined);
tl.check("3.6.1/2", undefined);
tl.check("3.6.1/3", undefined);
tl.check("3.6.1/4", undefined);
