// Section 3.6.5 of the course: P-tuning. An encoder that makes the prompt, and is thrown away; places; three mistakes of the listing, each measured.
// Build both languages with: npm run notebooks -- 3.6.5-p-tuning
// %% [markdown] lang="zh"
// # 3.6.5 P-tuning：给提示词配一个编码器，值得吗？
//
// Prompt Tuning 直接训练虚拟词元的嵌入。P-tuning（Liu 等，2021）多了两样东西：一个**编码器**，由它生成这些嵌入，让它们彼此联系；以及**任意位置**，虚拟词元可以放在提示的任何地方。
// 本节用课程模型测量：公式与位置 → LSTM、MLP 与没有编码器 → 放在哪里 → 要多长 → 与 Prompt Tuning、Prefix、全参数微调相比 → 训练后把编码器折掉、保存 → 书上代码清单的三个错误。
//
// 数据是 `preferences` 的中文问题和好的回答（课程模型没有见过）。需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en"
// # 3.6.5 P-tuning: does a prompt gain by an encoder?
//
// Prompt tuning trains the embeddings of its virtual tokens directly. P-tuning (Liu et al. 2021) adds two things: an **encoder** that makes these embeddings and ties them to each other, and **any place**: virtual tokens may stand anywhere in the prompt.
// This section measures on the course model: the equation and the places → LSTM, MLP and no encoder → where to put the tokens → how many → against prompt tuning, prefix tuning and full fine-tuning → folding the encoder away, saving → three mistakes of the book's listing.
//
// The data are the Chinese questions and good answers of `preferences`, which the course model has never seen. It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const readPairs = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const LONGEST = 48; // tokens; few lengths mean few programs to compile
const encode = (records: { question: string; answer: string }[]) => tl.encodeExamples(model.tokenizer, records, { maxLength: LONGEST, long: "skip" });
const train = encode(await readPairs("train")), heldOut = encode(await readPairs("test")), each = budget(24, 8);
const validation = heldOut.slice(0, each), test = heldOut.slice(each, 2 * each), baseLoss = (await tl.evaluate(model, test)).loss;
console.log(`${machine.name}; ${train.length} / ${validation.length} / ${test.length} ${t({ zh: "个问答（训练 / 验证 / 测试）；未微调的测试损失", en: "questions and answers (train / validation / test); test loss before" })} ${baseLoss.toFixed(3)}`);
// %% [markdown] lang="zh"
// ## 1. 伪提示词嵌入与提示词编码器
//
// 模板 $\{[P_{0:i}],\,x,\,[P_{i+1:j}],\,y\}$ 里的每个 $[P_i]$ 有一个可训练的嵌入 $e_i$，编码器 $f$ 把它们一起变成模型看到的向量：
//
// $$h_i=\mathrm{MLP}\big([\overrightarrow{\mathrm{LSTM}}(e)_i\,;\,\overleftarrow{\mathrm{LSTM}}(e)_i]\big),\qquad e\in\mathbb{R}^{n\times d}$$
//
// 训练的是 $e$ 和 $f$ 的参数，语言模型冻结。双向 LSTM 让每个 $h_i$ 都依赖**所有**的 $e$。下面是三种摆法，和编码器里真实的张量。
// %% [markdown] lang="en"
// ## 1. Pseudo-prompt embeddings and the prompt encoder
//
// Each $[P_i]$ of the template $\{[P_{0:i}],\,x,\,[P_{i+1:j}],\,y\}$ has a trained embedding $e_i$; the encoder $f$ turns them, all together, into the vectors that the model sees:
//
// $$h_i=\mathrm{MLP}\big([\overrightarrow{\mathrm{LSTM}}(e)_i\,;\,\overleftarrow{\mathrm{LSTM}}(e)_i]\big),\qquad e\in\mathbb{R}^{n\times d}$$
//
// Trained are $e$ and the parameters of $f$; the language model is frozen. Through the bidirectional LSTM each $h_i$ depends on **all** of $e$. Below are three ways to place the tokens, and the tensors of the encoder.
// %%
const N = 8, d = model.config.hiddenSize, HALF = N / 2, context = test[0].target.indexOf(1);
const PLACES: Record<string, tl.Place[]> = { [t({ zh: "最前", en: "in front" })]: [["start", N]], [t({ zh: "前后各半", en: "half and half" })]: [["start", HALF], ["end", HALF]], [t({ zh: "问题之后", en: "behind the question" })]: [["end", N]] };
for (const [name, places] of Object.entries(PLACES)) {
  console.log(name);
  tl.showTokens(tl.placeIds(tl.pTuning({ places }), [...test[0].ids], context).map((id) => ({ text: id < 0 ? `P${-id}` : model.tokenizer.decode([id]), marked: id < 0 })), { plain: t({ zh: "真实的词元", en: "real tokens" }), marked: t({ zh: "虚拟词元", en: "virtual tokens" }) });
}
// %%
const lstm = tl.pTuning({ tokens: N, encoder: "lstm" }), mlp = tl.pTuning({ tokens: N, encoder: "mlp" }), none = tl.pTuning({ tokens: N, encoder: "none" });
const begun = lstm.init(model.params, model.config, 1), made = lstm.encode!(begun, model.params).prompt_embeddings;
table(Object.entries(begun).map(([name, x]) => ({ [t({ zh: "张量", en: "tensor" })]: name, [t({ zh: "形状", en: "shape" })]: x.shape.join(" × "), [t({ zh: "个数", en: "numbers" })]: x.size })), t({ zh: `LSTM 编码器（输出 ${made.shape.join(" × ")}）`, en: `The LSTM encoder (its output: ${made.shape.join(" × ")})` }));
const rowsSeen = (ids: Int32Array) => tl.embedded({ ...model, method: lstm, trained: { prompt_embeddings: made }, encoded: true }, tl.tf.tensor1d(tl.placeIds(lstm, [...ids]), "int32")).slice([0, 0], [N, d]);
const difference = tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(rowsSeen(test[0].ids), rowsSeen(test[1].ids)))).dataSync()[0]);
console.log(t({ zh: "两个不同的问题，虚拟词元的嵌入之差：", en: "two different questions, difference of the virtual tokens' embeddings:" }), difference);
tl.dispose({ made, ...begun });
// %% [markdown] lang="zh"
// 最后一行检验书上的一句话：编码器“根据输入数据的不同生成不同的嵌入”。编码器的输入只有 $e$，没有 $x$，所以对任何问题，生成的嵌入都是**同一组**。（不同的是往后各层的向量，因为注意力会看到 $x$；放在前面的虚拟词元在因果模型里连这一点也没有。）
//
// ## 2. 训练
//
// 图随训练实时更新。
// %% [markdown] lang="en"
// The last line tests a sentence of the book: that the encoder "makes different embeddings for different inputs". Its only input is $e$, not $x$, so the embeddings are the **same** for every question. (What differs are the vectors of the layers above, where attention sees $x$; in a causal model not even those do for virtual tokens in front.)
//
// ## 2. Training
//
// The figure is drawn while training goes on.
// %%
const steps = budget(40, 2), common = { model, data: { train }, steps, batchSize: 8 }, seeds = budget(1, 0) ? [1, 2, 3] : [1];
const firstRun = await tl.train({ ...common, data: { train, validation }, evaluateEvery: Math.ceil(steps / 5), method: lstm, learningRate: 3e-3, seed: 1 });
const lossName = t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" });
console.log(lossName, baseLoss.toFixed(3), "→", (await tl.evaluate(model, test, { adapter: firstRun })).loss.toFixed(3));
tl.dispose(firstRun.trained);
// %% [markdown] lang="zh"
// ## 3. LSTM、MLP，还是不要编码器？
//
// 书上说，随机初始化的伪提示词容易陷入局部最优，编码器提供更稳定的优化目标。比较四种：论文的 LSTM、PEFT 默认的 MLP、没有编码器（直接训练从 $N(0,1)$ 开始的 $e$）、以及 Prompt Tuning（直接训练，从词表开始）。
// 每种先用种子 1 在两个学习率里按**验证**损失选一个，再用全部种子训练，看**测试**损失；误差棒是 95 % t 区间。
// %% [markdown] lang="en"
// ## 3. LSTM, MLP, or no encoder?
//
// The book says that pseudo-prompts which start at random easily end in a local optimum, and that the encoder gives a steadier target. We compare four: the paper's LSTM, PEFT's default MLP, no encoder ($e$ itself is trained, from $N(0,1)$), and prompt tuning (trained directly, from the vocabulary).
// For each, seed 1 chooses between two rates by the **validation** loss; then all seeds are trained and judged by the **test** loss. Error bars are 95 % t-intervals.
// %%
const tests: Record<string, number[]> = {}, kept: Record<string, tl.Run[]> = {}, chosen: Record<string, number> = {};
interface Extra { base?: tl.Model; objective?: ReturnType<typeof tl.sft> }
const fit = async (method: tl.Method, learningRate: number, seed: number, { base = model, objective }: Extra = {}) => tl.train({ ...common, model: base, method, learningRate, seed, display: false, ...(objective ? { objective } : {}) });
/** All seeds at the better of the rates; the runs stay in `kept`. */
const overSeeds = async (name: string, method: tl.Method, rates: number[], many = seeds, extra: Extra = {}) => {
  const tried = [];
  for (const rate of rates) { const run = await fit(method, rate, many[0], extra); tried.push({ run, rate, loss: (await tl.evaluate(model, validation, { adapter: run })).loss }); }
  const [top, ...others] = tried.sort((a, b) => a.loss - b.loss), runs = [top.run];
  others.forEach((other) => tl.dispose(other.run.trained));
  for (const seed of many.slice(1)) runs.push(await fit(method, top.rate, seed, extra));
  kept[name] = runs; chosen[name] = top.rate; tests[name] = [];
  for (const run of runs) tests[name].push((await tl.evaluate(model, test, { adapter: run })).loss);
};
// %%
const LSTM = "LSTM", MLP = "MLP", NONE = t({ zh: "无编码器", en: "no encoder" }), PROMPT = t({ zh: "Prompt Tuning", en: "prompt tuning" }), bar = tl.progress(4, t({ zh: "四种办法", en: "four ways" }));
for (const [i, [name, method, rates]] of ([[LSTM, lstm, [3e-3, 1e-2]], [MLP, mlp, [3e-3, 1e-2]], [NONE, none, [5e-2, 2e-1]], [PROMPT, tl.prompt({ tokens: N }), [3e-2, 1e-1]]] as const).entries()) { await overSeeds(name, method, [...rates]); bar.update(i + 1, name); }
bar.done();
const spread = (values: number[]) => { const found = tl.interval(values); return Number.isFinite(found.error) ? found.error : 0; }, ways = [LSTM, MLP, NONE, PROMPT];
const lossChart = (title: string, x: string, names: string[], label = (name: string) => name) => lineChart({
  title, x: { title: x }, y: { title: lossName },
  series: [{ name: t({ zh: "训练后", en: "after training" }), x: names.map(label), y: names.map((name) => tl.mean(tests[name])), error: names.map((name) => spread(tests[name])) }, { name: t({ zh: "没有提示", en: "no prompt" }), x: names.map(label), y: names.map(() => baseLoss) }],
  alt: names.map((name) => `${label(name)}: ${tl.mean(tests[name]).toFixed(3)} ± ${spread(tests[name]).toFixed(3)}`).join("; "),
});
await show(lossChart(t({ zh: `编码器与测试损失（${N} 个虚拟词元，${steps} 步，${seeds.length} 个种子）`, en: `Encoder and test loss (${N} virtual tokens, ${steps} steps, ${seeds.length} seeds)` }), t({ zh: "办法", en: "way" }), ways));
// %%
/** Mean of a − b over seeds with its 95 % interval, and what follows for losses. Equal seeds see the same batches. */
const compared = (a: string, b: string) => {
  const gap = tl.interval(tests[a].slice(0, tests[b].length).map((v, i) => v - tests[b][i]));
  const says = gap.mean < -gap.error ? t({ zh: "前者更好", en: "the first is better" }) : gap.mean > gap.error ? t({ zh: "后者更好", en: "the second is better" }) : t({ zh: "分不出高下", en: "undecided" });
  return `${a} − ${b}: ${gap.mean.toFixed(3)} ± ${gap.error.toFixed(3)}, ${says}`;
};
for (const [a, b] of [[LSTM, NONE], [MLP, NONE], [LSTM, MLP], [LSTM, PROMPT], [MLP, PROMPT]]) console.log(compared(a, b));
const rangeOf = (name: string) => Math.max(...tests[name]) - Math.min(...tests[name]);
const medianStep = (name: string) => 1000 * tl.quantile(kept[name].flatMap((run) => run.history.steps.slice(steps > 10 ? 5 : 0).map((s) => s.seconds)), 0.5), stored = N * d;
table(ways.map((name) => ({ [t({ zh: "办法", en: "way" })]: name, [t({ zh: "学习率", en: "rate" })]: String(chosen[name]), [t({ zh: "训练的数", en: "trained numbers" })]: tl.trainableCount(kept[name][0]), [t({ zh: "保存的数", en: "stored numbers" })]: stored, [t({ zh: "每步毫秒（中位数）", en: "ms a step (median)" })]: medianStep(name), [lossName]: tl.mean(tests[name]), [t({ zh: "种子之间的极差", en: "range over seeds" })]: rangeOf(name) })));
const withEncoder = Math.max(rangeOf(LSTM), rangeOf(MLP)), without = Math.max(rangeOf(NONE), rangeOf(PROMPT));
console.log(t({ zh: `“编码器提供稳定的优化目标”：种子之间的极差，有编码器的至多 ${withEncoder.toFixed(3)}，没有的至多 ${without.toFixed(3)}：`, en: `"The encoder gives a steadier target": range over seeds, with an encoder at most ${withEncoder.toFixed(3)}, without at most ${without.toFixed(3)}: ` })
  + (seeds.length < 3 ? t({ zh: "种子太少", en: "too few seeds" }) : withEncoder > 2 * without ? t({ zh: "这里有编码器的反而更不稳（只有三个种子，当作线索）", en: "here the encoder is the less steady one (with three seeds, a hint only)" }) : without > 2 * withEncoder ? t({ zh: "与书上一致（只有三个种子，当作线索）", en: "as the book says (with three seeds, a hint only)" }) : t({ zh: "看不出差别", en: "no difference can be seen" })));
// %% [markdown] lang="zh"
// 注意“无编码器”有两处不同：没有编码器，而且从 $N(0,1)$ 这样远离真实词元的地方开始。Prompt Tuning 只有前一处。把两者与 LSTM 比较，才能分清是编码器有用，还是起点太差。
//
// ## 4. 放在哪里？
//
// 同样的 MLP 编码器和学习率，四种位置，各两个种子。“题头之后”是聊天模板的用户标记之后、问题之前。
// %% [markdown] lang="en"
// Mind that "no encoder" differs in two ways: there is no encoder, and it starts at $N(0,1)$, far from real tokens. Prompt tuning differs in the first way only. Comparing both with the LSTM tells whether the encoder helps, or whether the start was bad.
//
// ## 4. Where to put the tokens?
//
// The same MLP encoder and rate, four places, two seeds each. "Behind the mark" is behind the chat template's mark of the user, before the question.
// %%
const mark = model.tokenizer.encode("<|im_start|>user\n").length, two = seeds.slice(0, 2), [FRONT, BOTH, BEHIND] = Object.keys(PLACES), MARK = t({ zh: "题头之后", en: "behind the mark" });
tests[FRONT] = tests[MLP].slice(0, 2); kept[FRONT] = kept[MLP].slice(0, 2);
for (const [name, places] of [[MARK, [[mark, N]]], [BOTH, PLACES[BOTH]], [BEHIND, PLACES[BEHIND]]] as [string, tl.Place[]][]) await overSeeds(name, tl.pTuning({ places, encoder: "mlp" }), [chosen[MLP]], two);
const halfRange = (name: string) => rangeOf(name) / 2, positions = [FRONT, MARK, BOTH, BEHIND];
await show(lineChart({
  title: t({ zh: "位置与测试损失（误差棒：两个种子之差的一半）", en: "Place and test loss (bars: half the difference of two seeds)" }), x: { title: t({ zh: "虚拟词元的位置", en: "place of the virtual tokens" }) }, y: { title: lossName },
  series: [{ name: "MLP", x: positions, y: positions.map((name) => tl.mean(tests[name])), error: positions.map(halfRange) }], alt: positions.map((name) => `${name}: ${tl.mean(tests[name]).toFixed(3)} ± ${halfRange(name).toFixed(3)}`).join("; "),
}));
const ranked = [...positions].sort((a, b) => tl.mean(tests[a]) - tl.mean(tests[b])), lead = tl.mean(tests[ranked[1]]) - tl.mean(tests[ranked[0]]), fromFront = tl.mean(tests[FRONT]) - tl.mean(tests[ranked[0]]), noise = 2 * Math.max(...positions.map(halfRange));
console.log(t({ zh: `损失最低的位置：${ranked[0]}`, en: `lowest loss: ${ranked[0]}` }) + (lead > noise ? t({ zh: "，领先超过种子之间的差别", en: ", by more than seeds differ" }) : t({ zh: `，但与“${ranked[1]}”的差别不超过种子之间的差别`, en: `, but not ahead of "${ranked[1]}" by more than seeds differ` }))
  + (ranked[0] === FRONT ? t({ zh: "；这里任意位置没有带来好处", en: "; the freedom of place brings nothing here" }) : fromFront > noise ? t({ zh: `；比放在最前低 ${fromFront.toFixed(3)}，位置在这里有用`, en: `; ${fromFront.toFixed(3)} below that in front, so place matters here` }) : t({ zh: "；与放在最前分不出高下", en: "; not to be told from that in front" })));
// %% [markdown] lang="zh"
// ## 5. 要多长？
//
// 虚拟词元放在最前，MLP 编码器，三种个数。编码器的大小几乎与 $n$ 无关。
// %% [markdown] lang="en"
// ## 5. How many?
//
// Tokens in front, MLP encoder, three numbers of tokens. The encoder's size hardly depends on $n$.
// %%
const lengths = budget(1, 0) ? [2, N, 20] : [2, N], lengthName = (tokens: number) => (tokens === N ? FRONT : `n = ${tokens}`);
for (const tokens of lengths) if (tokens !== N) await overSeeds(lengthName(tokens), tl.pTuning({ tokens, encoder: "mlp" }), [chosen[MLP]], two);
await show(lineChart({
  title: t({ zh: "长度与测试损失（误差棒：两个种子之差的一半）", en: "Length and test loss (bars: half the difference of two seeds)" }), x: { title: t({ zh: "虚拟词元的个数 n", en: "number of virtual tokens n" }), log: true, ticks: lengths }, y: { title: lossName },
  series: [{ name: "MLP", x: lengths, y: lengths.map((tokens) => tl.mean(tests[lengthName(tokens)])), error: lengths.map((tokens) => halfRange(lengthName(tokens))) }], alt: lengths.map((tokens) => `n = ${tokens}: ${tl.mean(tests[lengthName(tokens)]).toFixed(3)}`).join("; "),
}));
table(lengths.map((tokens) => ({ n: tokens, [t({ zh: "训练的数", en: "trained numbers" })]: tl.trainableCount(kept[lengthName(tokens)][0]), [t({ zh: "保存的数", en: "stored numbers" })]: tokens * d, [lossName]: tl.mean(tests[lengthName(tokens)]) })));
const longer = lengths.slice(1).map((tokens, i) => ({ tokens, from: lengths[i], fall: tl.mean(tests[lengthName(lengths[i])]) - tl.mean(tests[lengthName(tokens)]), noise: 2 * Math.max(halfRange(lengthName(tokens)), halfRange(lengthName(lengths[i]))) }));
console.log(longer.map((x) => `${x.from} → ${x.tokens}: ${(-x.fall).toFixed(3)}, ${x.fall > x.noise ? t({ zh: "更好", en: "better" }) : x.fall < -x.noise ? t({ zh: "更差", en: "worse" }) : t({ zh: "不超过种子之间的差别", en: "within the difference between seeds" })}`).join("; "));
// %% [markdown] lang="zh"
// ## 6. 与 Prefix、全参数微调相比
//
// 虚拟词元同样多的 Prefix（每层的键和值，随机开始），和全参数微调。相同的数据、步数、种子，学习率各从两个里选。
// %% [markdown] lang="en"
// ## 6. Against prefix tuning and full fine-tuning
//
// A prefix with as many virtual tokens (keys and values in every layer, from a random start), and full fine-tuning. Same data, steps, seeds; each rate chosen between two.
// %%
const FULL = t({ zh: "全参数", en: "full" }), PREFIX = "Prefix";
await overSeeds(PREFIX, tl.prefix({ tokens: N }), [1e-2, 5e-2]);
await overSeeds(FULL, tl.full(), [4e-4, 1e-3]);
const rivals = [PREFIX, PROMPT, MLP, LSTM, FULL], fullGain = baseLoss - tl.mean(tests[FULL]), total = tl.count(model.params);
await show(barChart({
  title: t({ zh: "测试损失比未微调降低多少", en: "How far the test loss falls below that before tuning" }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: t({ zh: "降低（纳特/词元）", en: "fall (nats per token)" }) },
  series: [{ name: "", x: rivals.map((name) => (name === MLP || name === LSTM ? `P-tuning ${name}` : name)), y: rivals.map((name) => baseLoss - tl.mean(tests[name])), error: rivals.map((name) => spread(tests[name])) }], alt: rivals.map((name) => `${name}: ${(baseLoss - tl.mean(tests[name])).toFixed(3)} ± ${spread(tests[name]).toFixed(3)}`).join("; "),
}));
table(rivals.map((name) => ({ [t({ zh: "方法", en: "method" })]: name, [t({ zh: "学习率", en: "rate" })]: String(chosen[name]), [t({ zh: "训练的数占模型 %", en: "trained, % of the model" })]: (100 * tl.trainableCount(kept[name][0])) / total, [lossName]: tl.mean(tests[name]), "± 95 %": spread(tests[name]), [t({ zh: "占全参数收益 %", en: "% of full's gain" })]: (100 * (baseLoss - tl.mean(tests[name]))) / fullGain })));
console.log(compared(LSTM, PREFIX), t({ zh: "（书：P-tuning 在复杂任务上优于 Prefix）", en: "(the book: P-tuning beats a prefix on complex tasks)" }));
console.log(compared(LSTM, FULL), t({ zh: "（书：小模型上不如全参数，与 Prompt Tuning 的局限相同）", en: "(the book: behind full on small models, as prompt tuning is)" }));
// %% [markdown] lang="zh"
// ## 7. 折掉编码器
//
// 训练结束后，编码器的输出 $h\in\mathbb{R}^{n\times d}$ 是常数。保存的就是它，编码器不再需要：推理时 P-tuning 与 Prompt Tuning 没有区别。所以“训练多少”和“保存多少”是两个很不同的数，引用时要说清是哪个。
// %% [markdown] lang="en"
// ## 7. Folding the encoder away
//
// When training is over, the encoder's output $h\in\mathbb{R}^{n\times d}$ is a constant. That is what is saved; the encoder is needed no more, and at inference P-tuning is prompt tuning. So "how much is trained" and "how much is stored" are very different numbers; say which one you quote.
// %%
const lstmCount = (tokens: number, width: number, h = width / 2) => tokens * width + 8 * h * (width + 4 * h + 4) + 2 * h * (2 * h + 1) + width * (2 * h + 1);
console.log(t({ zh: "公式与真实个数：", en: "formula and real count:" }), lstmCount(N, d), tl.trainableCount(kept[LSTM][0]));
table(([[t({ zh: "课程模型", en: "course model" }), total, d], ["DeepSeek-R1-Distill-Qwen-1.5B", 1_777_088_000, 1536]] as const).map(([name, parameters, width]) => ({ [t({ zh: "模型", en: "model" })]: name, [t({ zh: "训练的数（LSTM，n = 20）", en: "trained (LSTM, n = 20)" })]: lstmCount(20, width), [t({ zh: "训练的占 %", en: "trained, %" })]: (100 * lstmCount(20, width)) / parameters, [t({ zh: "保存的数", en: "stored" })]: 20 * width, [t({ zh: "保存的占 %", en: "stored, %" })]: (2000 * width) / parameters })));
import * as fs from "fs";
const folder = `${courseFile(".")}/runs/p-tuning-zh`, best = kept[LSTM][0];
tl.saveAdapter(folder, best, model);
const loaded = tl.loadAdapter(folder, model), loadedLoss = (await tl.evaluate(model, test, { adapter: loaded })).loss;
table(fs.readdirSync(folder).map((file) => ({ file, bytes: fs.statSync(`${folder}/${file}`).size })));
console.log(t({ zh: "读回后：", en: "read back:" }), JSON.stringify(Object.fromEntries(Object.entries(loaded.trained).map(([name, x]) => [name, x.shape]))), t({ zh: "测试损失之差", en: "difference in test loss" }), Math.abs(loadedLoss - tests[LSTM][0]).toExponential(1));
// %% [markdown] lang="zh"
// 格式是 PEFT 的 `P_TUNING`，Python 里用 `PeftModel.from_pretrained(base, "runs/p-tuning-zh")` 读。PEFT 只认放在最前的虚拟词元；其他位置用本库自己的格式：
// %% [markdown] lang="en"
// The format is PEFT's `P_TUNING`; in Python `PeftModel.from_pretrained(base, "runs/p-tuning-zh")` reads it. PEFT knows virtual tokens in front only; other places are saved in this library's own format:
// %%
const placesFolder = `${courseFile(".")}/runs/p-tuning-places`;
tl.saveAdapter(placesFolder, kept[BOTH][0], model);
const loadedPlaces = tl.loadAdapter(placesFolder, model);
table(fs.readdirSync(placesFolder).map((file) => ({ file, bytes: fs.statSync(`${placesFolder}/${file}`).size })));
console.log(t({ zh: "读回后测试损失之差：", en: "difference in test loss after reading it back:" }), Math.abs((await tl.evaluate(model, test, { adapter: loadedPlaces })).loss - tests[BOTH][0]).toExponential(1));
const hub = new tl.AdapterSet(model), question = tl.promptText(model.tokenizer, [{ role: "user", content: (await readPairs("test"))[each].question }]);
hub.add("lstm", loaded); hub.add("places", loadedPlaces);
const served = await hub.generate([question, question, question], { adapters: ["lstm", "places", undefined], maxNewTokens: budget(24, 4) });
table(["lstm", "places", t({ zh: "（无）", en: "(none)" })].map((name, i) => ({ [t({ zh: "同一批次里的适配器", en: "adapter, in one batch" })]: name, [t({ zh: "回答", en: "answer" })]: served[i].text })));
// %% [markdown] lang="zh"
// ## 8. 代码清单审查
//
// **一、LSTM 的输入全是 0。** 清单没有嵌入 $e$：它造了位置编号却不用，把 `torch.zeros(…)` 送进 LSTM。于是“伪提示词嵌入”根本不存在，各行的差别只来自 LSTM 从零状态起步的过渡过程。看编码器输出的各行有多少个真正不同的方向（有效秩，最多 8），训练前和训练后；再看三个种子的测试损失。
// %% [markdown] lang="en"
// ## 8. Listing audit
//
// **First: the LSTM's input is all zeros.** The listing has no embedding $e$: it makes position numbers, does not use them, and feeds `torch.zeros(…)` to the LSTM. So there are no pseudo-prompt embeddings at all, and rows differ only by the LSTM's transient from its zero state. How many different directions do the rows of the encoder's output have (effective rank, at most 8), before and after training? And what is the test loss over three seeds?
// %%
const EMBEDDING = "prompt_encoder.embedding.weight", ZERO = t({ zh: "LSTM，输入全 0", en: "LSTM, zero input" });
const withZeros = (own: tl.Method, tokens: number): tl.Method => ({
  ...own,
  init: (base, config, seed) => { const all = own.init(base, config, seed), rest = Object.fromEntries(Object.entries(all).filter(([name]) => name !== EMBEDDING)); all[EMBEDDING].dispose(); return rest; },
  encode: (trained, base) => own.encode!({ ...trained, [EMBEDDING]: tl.tf.zeros([tokens, d]) }, base),
});
const zeroInput = withZeros(lstm, N);
await overSeeds(ZERO, zeroInput, [chosen[LSTM]]);
const shapeOf = (method: tl.Method, trained: tl.Params) => {
  const rows = tl.tf.tidy(() => method.encode!(trained, model.params).prompt_embeddings), unit = tl.tf.tidy(() => tl.tf.div(rows, tl.tf.norm(rows, 2, 1, true))), cosines = tl.tf.tidy(() => tl.tf.matMul(unit as never, unit as never, false, true).arraySync() as number[][]);
  const found = { rank: tl.effectiveRank(tl.singularValues(rows)), cosine: tl.mean(cosines.flatMap((r, i) => r.filter((_, k) => k !== i))) };
  tl.dispose({ rows, unit });
  return found;
};
table(([[t({ zh: "正确：学到的 e", en: "right: learned e" }), lstm, LSTM], [t({ zh: "清单：全 0", en: "listing: zeros" }), zeroInput, ZERO]] as const).map(([what, method, name]) => {
  const start = method.init(model.params, model.config, 1), before = shapeOf(method, start), after = shapeOf(method, kept[name][0].trained);
  tl.dispose(start);
  return { [t({ zh: "编码器的输入", en: "encoder's input" })]: what, [t({ zh: "有效秩，训练前", en: "effective rank before" })]: before.rank, [t({ zh: "有效秩，训练后", en: "effective rank after" })]: after.rank, [t({ zh: "行间平均余弦，训练前", en: "mean cosine of rows before" })]: before.cosine, [t({ zh: "余弦，训练后", en: "cosine after" })]: after.cosine, [lossName]: tl.mean(tests[name]) };
}));
console.log(compared(ZERO, LSTM));
const twice = withZeros(tl.pTuning({ tokens: 2 * N, encoder: "lstm" }), 2 * N), twiceLoss = (await tl.evaluate(model, test, { adapter: { method: twice, trained: kept[ZERO][0].trained } })).loss;
console.log(t({ zh: `用 ${N} 个虚拟词元训练、${2 * N} 个使用：测试损失 ${tests[ZERO][0].toFixed(3)} → ${twiceLoss.toFixed(3)}，没有任何报错`, en: `trained with ${N} virtual tokens, used with ${2 * N}: test loss ${tests[ZERO][0].toFixed(3)} → ${twiceLoss.toFixed(3)}, and no error` }));
// %% [markdown] lang="zh"
// 最后一行是它的一个后果：没有嵌入，编码器里就没有与长度有关的张量。清单训练时 `prompt_length = 10`，读回时写的是 20（注释说“应与训练时一致”），照样读得进。
//
// 损失若分不出高下，并不说明清单对：它说明在这个任务、这个长度上，提示里真正起作用的方向很少，偏置和 LSTM 的过渡过程就够了。看有效秩，才知道表达力少了多少。
//
// **二、拿 `embed_tokens` 当 `lm_head`。** 清单一层层剥到没有输出头的 `Qwen2Model`，再用词嵌入矩阵算 logits。只有在两者**共享**时才对；书上的 1.5B 模型不共享。课程模型是共享的，所以先造一个**函数完全相同、但不共享**的模型：把最后归一化的权重 $\gamma$ 并进输出矩阵，$W=E\,\mathrm{diag}(\gamma)$，归一化的权重改为 1。真正分开训练的两个矩阵通常相差更大，所以这里量到的多半偏小。
// %% [markdown] lang="en"
// The last line is one consequence: without embeddings no tensor of the encoder depends on the length. The listing trains with `prompt_length = 10` and loads with 20 (its comment says "should be the same as in training"), and nothing objects.
//
// If the losses cannot be told apart, that does not make the listing right: it means that for this task and length few directions of the prompt matter, and biases and the LSTM's transient suffice. The effective rank tells how much expressiveness is gone.
//
// **Second: `embed_tokens` is taken as `lm_head`.** The listing unwraps the model down to the `Qwen2Model`, which has no head, and computes logits with the embedding. That is right only where the two are **tied**; in the book's 1.5B model they are not. The course model is tied, so we first make a model that is **the same function, but untied**: the last norm's weight $\gamma$ goes into the output matrix, $W=E\,\mathrm{diag}(\gamma)$, and the norm's weight becomes 1. Matrices that were really trained apart usually differ more, so what is measured here is rather too little.
// %%
const E = model.params["model.embed_tokens.weight"], gamma = model.params["model.norm.weight"], W = tl.tf.mul(E, gamma);
const untied: tl.Model = { ...model, config: { ...model.config, tied: false }, params: { ...model.params, "model.norm.weight": tl.tf.onesLike(gamma), "lm_head.weight": W } };
const wrongHead: tl.Model = { ...untied, params: { ...untied.params, "lm_head.weight": E } };
const alike = tl.tf.tidy(() => tl.tf.mean(tl.tf.div(tl.tf.sum(tl.tf.mul(E, W), 1), tl.tf.mul(tl.tf.norm(E, 2, 1), tl.tf.norm(W, 2, 1)))).dataSync()[0]);
console.log(t({ zh: `E 与 W 各行的平均余弦 ${alike.toFixed(3)}；长度之比 ${(normRatio()).toFixed(2)}`, en: `mean cosine of the rows of E and W ${alike.toFixed(3)}; ratio of lengths ${(normRatio()).toFixed(2)}` }));
function normRatio() { return tl.tf.tidy(() => tl.tf.mean(tl.tf.div(tl.tf.norm(W, 2, 1), tl.tf.norm(E, 2, 1))).dataSync()[0]); }
const WRONG = t({ zh: "MLP，错的输出头", en: "MLP, wrong head" });
await overSeeds(WRONG, mlp, [chosen[MLP]], seeds, { base: wrongHead });
const underWrong = tl.mean(await Promise.all(kept[WRONG].map(async (run) => (await tl.evaluate(wrongHead, test, { adapter: run })).loss)));
table([
  { [t({ zh: "情形", en: "case" })]: t({ zh: "没有提示", en: "no prompt" }), [t({ zh: "按正确的头", en: "by the right head" })]: (await tl.evaluate(untied, test)).loss, [t({ zh: "按清单的头", en: "by the listing's head" })]: (await tl.evaluate(wrongHead, test)).loss },
  { [t({ zh: "情形", en: "case" })]: t({ zh: "MLP，正确的输出头", en: "MLP, right head" }), [t({ zh: "按正确的头", en: "by the right head" })]: tl.mean(tests[MLP]), [t({ zh: "按清单的头", en: "by the listing's head" })]: tl.mean(await Promise.all(kept[MLP].map(async (run) => (await tl.evaluate(wrongHead, test, { adapter: run })).loss))) },
  { [t({ zh: "情形", en: "case" })]: WRONG, [t({ zh: "按正确的头", en: "by the right head" })]: tl.mean(tests[WRONG]), [t({ zh: "按清单的头", en: "by the listing's head" })]: underWrong },
], lossName);
console.log(compared(WRONG, MLP));
// %% [markdown] lang="zh"
// 两处代价：清单报告的损失不是模型的损失；而它学到的提示是为错的输出头优化的，生成时用的却是对的那个。
//
// **三、损失没有错开一位。** 清单把位置 $t$ 的 logits 与**同一个** $t$ 的标签比较。这样“预测”的就是已经看见的词元：目标变成了抄写。改一个下标就能重现：目标的行加 1。
// 分别用 P-tuning（MLP）和全参数微调训练；比较它们自己的训练损失，和错开一位的（真正的）测试损失。
// %% [markdown] lang="en"
// It costs twice: the loss that the listing reports is not the model's, and the prompt it learns is made for the wrong head, while generation uses the right one.
//
// **Third: the loss is not shifted.** The listing compares the logits at $t$ with the label at the **same** $t$. What is "predicted" is a token that has been seen: the task becomes copying. To reproduce it, the rows of the targets move by one.
// We train P-tuning (MLP) and full fine-tuning with it, and compare their own training loss with the (true) test loss, shifted by one.
// %%
const right = tl.sft(), unshifted: typeof right = { ...right, name: "unshifted", collate: (examples) => { const batch = right.collate(examples); return { ...batch, rows: batch.rows.map((at, i) => at + batch.weights[i]) }; } };
const COPY = t({ zh: "MLP，未错开", en: "MLP, unshifted" }), FULLCOPY = t({ zh: "全参数，未错开", en: "full, unshifted" });
await overSeeds(COPY, mlp, [chosen[MLP]], seeds, { objective: unshifted });
await overSeeds(FULLCOPY, tl.full(), [chosen[FULL]], two, { objective: unshifted });
const smooth = (run: tl.Run) => run.history.steps.map((_, i, all) => tl.mean(all.slice(Math.max(0, i - 4), i + 1).map((s) => s.loss))), SHOWN: [string, string][] = [[MLP, t({ zh: "MLP，正确", en: "MLP, right" })], [COPY, COPY], [FULL, t({ zh: "全参数，正确", en: "full, right" })], [FULLCOPY, FULLCOPY]];
await show(lineChart({
  title: t({ zh: "各自的训练损失（5 步平均）", en: "Their own training loss (mean of 5 steps)" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: SHOWN.map(([key, name]) => ({ name, x: kept[key][0].history.steps.map((s) => s.step), y: smooth(kept[key][0]) })), alt: SHOWN.map(([key, name]) => { const all = smooth(kept[key][0]); return `${name}: ${all[0].toFixed(2)} → ${all[all.length - 1].toFixed(2)}`; }).join("; "),
}));
// %% [markdown] lang="zh"
// 学会抄写了吗？在测试答案的每个位置看最可能的词元：是**当前**的词元（抄写），还是**下一个**（正确）？再看真正的测试损失和生成的样子。
// %% [markdown] lang="en"
// Did they learn to copy? At each place of the test answers we look at the most probable token: is it the **present** one (a copy), or the **next** (right)? Then the true test loss, and what is generated.
// %%
const rates = (adapter?: tl.Adapter) => {
  const ids = Int32Array.from(test.flatMap((e) => [...e.ids, ...Array<number>(LONGEST - e.ids.length).fill(model.tokenizer.pad)]));
  const top = tl.tf.tidy(() => tl.tf.argMax(tl.logits({ ...model, ...adapter }, { ids, batch: test.length }), -1)), said = top.dataSync(), seen: number[][] = [];
  top.dispose();
  test.forEach((e, b) => { for (let i = 1; i < e.ids.length; i++) if (e.target[i]) seen.push([Number(said[b * LONGEST + i] === e.ids[i]), Number(said[b * LONGEST + i - 1] === e.ids[i])]); });
  return { copy: 100 * tl.mean(seen.map((s) => s[0])), next: 100 * tl.mean(seen.map((s) => s[1])) };
};
const audit = [];
for (const [key, name] of [["", t({ zh: "没有提示", en: "no prompt" })], ...SHOWN]) {
  const adapter = key ? kept[key][0] : undefined, { copy, next } = rates(adapter), [answer] = await tl.generate(model, [question], { adapter, maxNewTokens: budget(24, 4) });
  audit.push({ name, copy, next, loss: key ? tl.mean(tests[key]) : baseLoss, text: answer.text });
}
table(audit.map((a) => ({ [t({ zh: "训练", en: "training" })]: a.name, [t({ zh: "抄写当前词元 %", en: "copies the present token, %" })]: a.copy, [t({ zh: "说对下一个 %", en: "next token right, %" })]: a.next, [lossName]: a.loss, [t({ zh: "回答", en: "answer" })]: a.text })));
const [bareAudit, , copyAudit, , fullCopyAudit] = audit;
for (const a of [copyAudit, fullCopyAudit]) console.log(`${a.name}: ` + (a.copy > 50 ? t({ zh: "学会了抄写", en: "it has learned to copy" }) : a.copy > bareAudit.copy + 5 ? t({ zh: "开始抄写", en: "it has begun to copy" }) : t({ zh: "这些步里没有学会抄写", en: "it has not learned to copy in these steps" })) + t({ zh: `（抄写 ${bareAudit.copy.toFixed(0)} → ${a.copy.toFixed(0)} %）；真正的损失`, en: ` (copies ${bareAudit.copy.toFixed(0)} → ${a.copy.toFixed(0)} %); the true loss is ` }) + (a.loss > baseLoss + 0.02 ? t({ zh: "比不微调还差", en: "worse than without tuning" }) : a.loss < baseLoss - 0.02 ? t({ zh: "仍比不微调好", en: "still better than without tuning" }) : t({ zh: "与不微调相当", en: "about that without tuning" })));
// %% [markdown] lang="zh"
// 冻结的模型只能由输入来改变，全参数微调还能改动输出本身。两者在抄写的路上各走了多远，以上面的数字为准。
//
// **三个错误一起。** 清单同时有这三处。照它训练（输入全 0、错的输出头、没有错开），再按真实的模型评估。
// %% [markdown] lang="en"
// A frozen model can be changed by its input only, while full fine-tuning can change the output itself. How far each went on the way to copying is in the numbers above.
//
// **All three together.** The listing has all three at once. We train like it (zero input, wrong head, unshifted) and judge by the real model.
// %%
const ALL = t({ zh: "清单（三处一起）", en: "listing (all three)" });
await overSeeds(ALL, zeroInput, [chosen[LSTM]], seeds, { base: wrongHead, objective: unshifted });
const verdicts = [LSTM, ZERO, MLP, WRONG, COPY, ALL], RIGHT = [LSTM, MLP];
await show(barChart({
  horizontal: true,
  title: t({ zh: "测试损失与不微调之差（负 = 变好）", en: "Test loss minus that before tuning (below 0: better)" }), x: { title: t({ zh: "怎样训练", en: "how it was trained" }) }, y: { title: t({ zh: "差（纳特/词元）", en: "difference (nats per token)" }) },
  series: [{ name: "", x: verdicts.map((name) => (RIGHT.includes(name) ? `${name}${t({ zh: "，正确", en: ", right" })}` : name)), y: verdicts.map((name) => tl.mean(tests[name]) - baseLoss), error: verdicts.map((name) => spread(tests[name])) }],
  alt: verdicts.map((name) => `${name}: ${(tl.mean(tests[name]) - baseLoss).toFixed(3)}`).join("; "),
}));
console.log(compared(ALL, LSTM));
// %% [markdown] lang="zh"
// （误差棒是种子之间的 95 % 区间。清单还有：`prompt_length = 10` 里有 5 个是固定的同一个词元，真正可训练的只有 5 个；读回的示例需要整个编码器，因为它保存的是编码器而不是折好的嵌入。）
//
// ## 练习
//
// 用你的答案代替 `undefined` 再运行。`tl.hint("3.6.5/1", 1)` 给提示（1 到 3 级），`tl.solution("3.6.5/1")` 给解答。
//
// 1. $n=10$，$d=256$，6 层的模型，LSTM 编码器有 924 672 个可训练的数。折掉编码器以后，保存多少个数？
// 2. 提示有 12 个词元，`places: [["start", 3], [5, 1], ["end", 2]]`。末尾那两个虚拟词元中的第一个，在整个序列里的下标是多少（从 0 起）？
// 3. 写一个函数 `(ids: number[], isAnswer: boolean[]) => [number, number][]`：返回正确的（位置，标签）对，即哪个位置的 logits 应当预测哪个词元；只算答案。
// %% [markdown] lang="en"
// (Error bars are 95 % intervals over seeds. The listing also has: of `prompt_length = 10` five are one and the same fixed token, so only 5 are trained; and its loading example needs the whole encoder, because it stores that instead of the folded embeddings.)
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.6.5/1", 1)` gives a hint (levels 1 to 3), `tl.solution("3.6.5/1")` the solution.
//
// 1. $n=10$, $d=256$, a model of 6 layers; the LSTM encoder has 924,672 trained numbers. How many are stored once the encoder is folded away?
// 2. A prompt has 12 tokens, and `places: [["start", 3], [5, 1], ["end", 2]]`. What is the index (from 0), in the whole sequence, of the first of the two virtual tokens at the end?
// 3. Write a function `(ids: number[], isAnswer: boolean[]) => [number, number][]`: the right pairs of position and label, that is, which position's logits should predict which token; answers only.
// %%
tl.check("3.6.5/1", undefined);
tl.check("3.6.5/2", undefined);
tl.check("3.6.5/3", undefined);
