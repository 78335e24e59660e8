// Section 3.6.4 of the course: prompt tuning. Initialisation, length, ensembles in one batch, many tasks on one base; what the listing leaves out, measured.
// Build both languages with: npm run notebooks -- 3.6.4-prompt
// %% [markdown] lang="zh"
// # 3.6.4 Prompt Tuning：几个学出来的“词”，能顶替微调吗？
//
// 人写提示词要反复试，换个任务又得重写。Prompt Tuning（Lester 等，2021）让反向传播来写：在输入前面放 $n$ 个不属于词表的“词”，只训练它们的嵌入，模型一个参数也不动。
// 本节用课程模型测量：它坐在网络的哪里 → 与人写的提示词相比 → 从哪里开始训练 → 要多长 → 与全参数微调和 Prefix 相比 → 一个批次里的集成 → 一个底座服务多个任务 → 保存 → 书上代码清单的两个错误。
//
// 数据是 `preferences` 的中文问题和好的回答（课程模型没有见过）。需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 4 分钟。
// %% [markdown] lang="en"
// # 3.6.4 Prompt tuning: can a few learned "words" stand in for fine-tuning?
//
// Writing prompts by hand takes many attempts, and again for every task. Prompt tuning (Lester et al. 2021) lets backpropagation write them: $n$ "words" that are in no vocabulary are put in front of the input, and only their embeddings are trained. Not one number of the model changes.
// This section measures on the course model: where it sits in the network → against a prompt written by hand → where to start → how long → against full fine-tuning and prefix tuning → an ensemble in one batch → many tasks on one base → saving → two mistakes of the book's listing.
//
// The data are the Chinese questions and good answers of `preferences`, which the course model has never seen. It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 4 minutes.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const readPairs = async (language: string, split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/${language}/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const LONGEST = 48; // tokens; few lengths mean few programs to compile
const encode = (records: { question: string; answer: string }[]) => tl.encodeExamples(model.tokenizer, records, { maxLength: LONGEST, long: "skip" });
const train = encode(await readPairs("zh", "train")), heldOut = encode(await readPairs("zh", "test")), each = budget(24, 8);
const validation = heldOut.slice(0, each), test = heldOut.slice(each, 2 * each), baseLoss = (await tl.evaluate(model, test)).loss;
console.log(`${machine.name}; ${train.length} / ${validation.length} / ${test.length} ${t({ zh: "个问答（训练 / 验证 / 测试）；未微调的测试损失", en: "questions and answers (train / validation / test); test loss before" })} ${baseLoss.toFixed(3)}`);
// %% [markdown] lang="zh"
// ## 1. 公式，以及它坐在哪里
//
// $$h_0=[\,P\,;\,E(x)\,],\qquad P\in\mathbb{R}^{n\times d}\ \text{可训练},\qquad \max_P\ \sum_t \log p_\theta(y_t\mid P,\,x,\,y_{<t})$$
//
// $\theta$ 冻结。只有第一层的输入多了 $n$ 行；往后各层里，这些位置上的向量是模型自己算出来的。（Prefix Tuning 则在**每一层**都放可训练的键和值，见 3.6.3，所以说 Prompt Tuning 是它的简化版。）
// 下面是一次真实前向计算中的形状，和模型看到的序列。
// %% [markdown] lang="en"
// ## 1. The equation, and where it sits
//
// $$h_0=[\,P\,;\,E(x)\,],\qquad P\in\mathbb{R}^{n\times d}\ \text{trained},\qquad \max_P\ \sum_t \log p_\theta(y_t\mid P,\,x,\,y_{<t})$$
//
// $\theta$ is frozen. Only the input of the first layer has $n$ rows more; in the layers above, the vectors at those places are computed by the model itself. (Prefix tuning puts trained keys and values into **every** layer, see 3.6.3; prompt tuning is its simple form.)
// Below are the shapes in a real forward pass, and the sequence that the model sees.
// %%
const n = 20, d = model.config.hiddenSize, vocabulary = tl.prompt({ tokens: n });
const firstPrompt = vocabulary.init(model.params, model.config, 1), exampleIds = test[0].ids, placed = tl.placeIds(vocabulary, [...exampleIds]);
const seen = tl.embedded({ ...model, method: vocabulary, trained: firstPrompt }, tl.tf.tensor1d(placed, "int32")), out = tl.logits({ ...model, method: vocabulary, trained: firstPrompt }, { ids: exampleIds, batch: 1 });
const row = (where: string, shape: readonly number[], trained = "") => ({ [t({ zh: "位置", en: "place" })]: where, [t({ zh: "形状", en: "shape" })]: shape.join(" × "), [t({ zh: "训练的数", en: "trained numbers" })]: trained });
table([
  row(t({ zh: "词元编号 x", en: "token ids x" }), [1, exampleIds.length]), row(t({ zh: "词嵌入矩阵 E（冻结）", en: "embedding E (frozen)" }), model.params["model.embed_tokens.weight"].shape), row(t({ zh: "软提示 P", en: "soft prompt P" }), firstPrompt.prompt_embeddings.shape, String(n * d)),
  row(t({ zh: `第 1 层的输入 h₀（n + T = ${n} + ${exampleIds.length} 行）`, en: `input of layer 1, h₀ (n + T = ${n} + ${exampleIds.length} rows)` }), seen.shape), row(t({ zh: `${model.config.layers} 层与输出头（冻结），logits 只取文本的位置`, en: `${model.config.layers} layers and head (frozen), logits of the text only` }), out.shape),
], t({ zh: "Prompt Tuning 的形状", en: "The shapes of prompt tuning" }));
tl.showTokens(placed.map((id) => ({ text: id < 0 ? `P${-id}` : model.tokenizer.decode([id]), marked: id < 0 })), { plain: t({ zh: "真实的词元", en: "real tokens" }), marked: t({ zh: "可训练的行", en: "trained rows" }) });
tl.dispose({ seen, out, ...firstPrompt });
// %% [markdown] lang="zh"
// ## 2. 人写的提示词与学出来的
//
// 人写的提示词也能放进同一个位置：取它的词嵌入作 $P$，不训练。然后从它出发训练 50 步，比较测试集上答案的损失。图随训练实时更新。
// %% [markdown] lang="en"
// ## 2. A prompt written by hand, and a learned one
//
// A prompt written by hand fits the same place: its embeddings are $P$, untrained. Then we start from it and train 50 steps, and compare the loss of the answers on test data. The figure is drawn while training goes on.
// %%
const written = model.tokenizer.encode("你是网络安全专家。请用一两句话准确、简洁地回答下面的问题，并说明原因和做法。").slice(0, n);
const fromText = tl.prompt({ tokens: n, start: written }), untrained = { method: fromText, trained: fromText.init(model.params, model.config, 0) };
const steps = budget(50, 2), common = { model, data: { train }, steps, batchSize: 8 };
const firstRun = await tl.train({ ...common, data: { train, validation }, evaluateEvery: Math.ceil(steps / 5), method: fromText, learningRate: 3e-2, seed: 1 });
const writtenLoss = (await tl.evaluate(model, test, { adapter: untrained })).loss, learnedLoss = (await tl.evaluate(model, test, { adapter: firstRun })).loss;
const lossName = t({ zh: "测试损失（纳特/词元）", en: "test loss (nats per token)" });
table([[t({ zh: "没有提示", en: "no prompt" }), baseLoss], [t({ zh: "人写的提示（不训练）", en: "written by hand (untrained)" }), writtenLoss], [t({ zh: "从它出发训练", en: "trained from there" }), learnedLoss]].map(([prompt, loss]) => ({ [t({ zh: "提示", en: "prompt" })]: prompt, [lossName]: loss })));
console.log(t({ zh: "人写的提示带来的降低占学到的", en: "the hand-written prompt brings, of what is learned," }), `${((100 * (baseLoss - writtenLoss)) / (baseLoss - learnedLoss)).toFixed(0)} %`);
tl.dispose(untrained.trained);
// %% [markdown] lang="zh"
// ## 3. 从哪里开始？
//
// 三种初始化：**随机**（$U(-0.5,0.5)$）、**词表**（随机取 $n$ 个真实词元的嵌入）、**文本**（上面那段人写的提示）。它们离真实的词有多远？先看每行的长度（范数）。
// %% [markdown] lang="en"
// ## 3. Where to start?
//
// Three initialisations: **random** ($U(-0.5,0.5)$), **vocabulary** (embeddings of $n$ real tokens drawn at random), **text** (the prompt written by hand above). How far are they from real words? First the length (norm) of the rows.
// %%
const normOf = (x: tl.Params[string]) => tl.tf.tidy(() => tl.tf.mean(tl.tf.norm(x, 2, 1)).dataSync()[0]);
const STARTS = { [t({ zh: "随机", en: "random" })]: tl.prompt({ tokens: n, start: "random" }), [t({ zh: "词表", en: "vocabulary" })]: vocabulary, [t({ zh: "文本", en: "text" })]: fromText };
const realNorm = normOf(model.params["model.embed_tokens.weight"]), atStep0: Record<string, number> = {}, rowsOfStarts = [];
for (const [start, method] of Object.entries(STARTS)) {
  const begun = { method, trained: method.init(model.params, model.config, 1) }, norm = normOf(begun.trained.prompt_embeddings);
  atStep0[start] = (await tl.evaluate(model, test, { adapter: begun })).loss;
  tl.dispose(begun.trained);
  rowsOfStarts.push({ [t({ zh: "初始化", en: "start" })]: start, [t({ zh: "行的平均范数", en: "mean norm of a row" })]: norm, [t({ zh: "是真实词元的几倍", en: "times that of real tokens" })]: norm / realNorm, [t({ zh: "训练前的测试损失", en: "test loss at step 0" })]: atStep0[start] });
}
table(rowsOfStarts, t({ zh: `起点（种子 1；没有提示时的损失 ${baseLoss.toFixed(3)}）`, en: `The starts (seed 1; loss without a prompt ${baseLoss.toFixed(3)})` }));
// %% [markdown] lang="zh"
// 没有训练过的提示也会改变损失（最后一列），所以“学到多少”要从起点算起。合适的学习率与初始化有关，所以每一种都先用种子 1 在两个学习率里按**验证**损失选一个，再用全部种子训练，看**测试**损失。误差棒是种子之间的 95 % t 区间。
// %% [markdown] lang="en"
// A prompt that was never trained changes the loss, too (last column), so what is learned counts from the start. The right learning rate depends on the start. So for each start seed 1 chooses between two rates by the **validation** loss; then all seeds are trained with it and judged by the **test** loss. Error bars are 95 % t-intervals over seeds.
// %%
const seeds = budget(1, 0) ? [1, 2, 3] : [1], tests: Record<string, number[]> = {}, kept: Record<string, tl.Run[]> = {}, chosen: Record<string, number> = {};
const fit = async (method: tl.Method, learningRate: number, seed: number) => {
  const run = await tl.train({ ...common, method, learningRate, seed, display: false });
  return { run, rate: learningRate, loss: (await tl.evaluate(model, validation, { adapter: run })).loss };
};
/** All seeds at the better of the rates; the runs stay in `kept`. */
const overSeeds = async (name: string, method: tl.Method, rates: number[], many = seeds) => {
  const tried = [];
  for (const rate of rates) tried.push(await fit(method, rate, many[0]));
  const [best, ...others] = tried.sort((a, b) => a.loss - b.loss), runs = [best.run];
  others.forEach((other) => tl.dispose(other.run.trained));
  for (const seed of many.slice(1)) runs.push((await fit(method, best.rate, seed)).run);
  kept[name] = runs; chosen[name] = best.rate; tests[name] = [];
  for (const run of runs) tests[name].push((await tl.evaluate(model, test, { adapter: run })).loss);
};
// %%
const bar = tl.progress(Object.keys(STARTS).length, t({ zh: "三种初始化", en: "three starts" }));
for (const [i, [name, method]] of Object.entries(STARTS).entries()) { await overSeeds(name, method, [3e-2, 1e-1]); bar.update(i + 1, name); }
bar.done();
const spread = (values: number[]) => { const found = tl.interval(values); return Number.isFinite(found.error) ? found.error : 0; };
const startNames = Object.keys(STARTS);
await show(lineChart({
  title: t({ zh: `初始化与测试损失（${steps} 步，${seeds.length} 个种子）`, en: `Initialisation and test loss (${steps} steps, ${seeds.length} seeds)` }), x: { title: t({ zh: "初始化", en: "start" }) }, y: { title: lossName },
  series: [
    { name: t({ zh: "训练后", en: "after training" }), x: startNames, y: startNames.map((name) => tl.mean(tests[name])), error: startNames.map((name) => spread(tests[name])) },
    { name: t({ zh: "没有提示", en: "no prompt" }), x: startNames, y: startNames.map(() => baseLoss) },
  ],
  alt: startNames.map((name) => `${name}: ${tl.mean(tests[name]).toFixed(3)} ± ${spread(tests[name]).toFixed(3)} (${t({ zh: "学习率", en: "rate" })} ${chosen[name]})`).join("; "),
}));
// %% [markdown] lang="zh"
// 种子相同，批次的顺序就相同，所以成对地比较。区间含 0 就不能下结论。
// %% [markdown] lang="en"
// Equal seeds see the same batches, so they are compared in pairs. Where the interval holds 0 nothing can be concluded.
// %%
/** Mean of a − b over seeds with its 95 % interval, and what follows for losses. */
const compared = (a: string, b: string) => {
  const gap = tl.interval(tests[a].slice(0, tests[b].length).map((v, i) => v - tests[b][i]));
  const says = gap.mean < -gap.error ? t({ zh: "前者更好", en: "the first is better" }) : gap.mean > gap.error ? t({ zh: "后者更好", en: "the second is better" }) : t({ zh: "分不出高下", en: "undecided" });
  return `${a} − ${b}: ${gap.mean.toFixed(3)} ± ${gap.error.toFixed(3)}, ${says}`;
};
const [randomName, vocabularyName, textName] = startNames;
for (const [a, b] of [[vocabularyName, randomName], [textName, randomName], [textName, vocabularyName]]) console.log(compared(a, b));
// %% [markdown] lang="zh"
// Lester 等在各种大小的 T5 上发现：随机初始化落后，到最大的模型差别才消失。这里的结论以上面打印的为准，并且只对这个步数成立。
//
// ## 4. 要多长？
//
// 从词表初始化，$n$ 取四个值。注意每多一个虚拟词元，每次推理就多一个位置，所以长度不是免费的：注意力的分数从 $T^2$ 变为 $(n+T)^2$ 个。
// %% [markdown] lang="en"
// Lester et al. found on T5 of several sizes that random starts fall behind, and that the difference vanishes only in the largest model. What holds here is what was printed above, and for this number of steps only.
//
// ## 4. How long?
//
// From the vocabulary, with four values of $n$. Each virtual token is one more position in every later inference, so length is not free: attention has $(n+T)^2$ scores instead of $T^2$.
// %%
const lengths = budget(1, 0) ? [1, 5, n, 60] : [5, n], lengthName = (tokens: number) => (tokens === n ? vocabularyName : `n = ${tokens}`);
for (const tokens of lengths) if (tokens !== n) await overSeeds(lengthName(tokens), tl.prompt({ tokens }), [chosen[vocabularyName]], seeds.slice(0, 2));
const medianStep = (name: string) => 1000 * tl.quantile(kept[name].flatMap((run) => run.history.steps.slice(steps > 10 ? 5 : 0).map((s) => s.seconds)), 0.5);
await show(lineChart({
  title: t({ zh: "长度与测试损失（误差棒：种子之间差别的一半）", en: "Length and test loss (bars: half the difference between seeds)" }), x: { title: t({ zh: "虚拟词元的个数 n", en: "number of virtual tokens n" }), log: true, ticks: lengths }, y: { title: lossName },
  series: [{ name: t({ zh: "词表初始化", en: "from the vocabulary" }), x: lengths, y: lengths.map((tokens) => tl.mean(tests[lengthName(tokens)])), error: lengths.map((tokens) => { const found = tests[lengthName(tokens)]; return (Math.max(...found) - Math.min(...found)) / 2; }) }],
  alt: lengths.map((tokens) => `n = ${tokens}: ${tl.mean(tests[lengthName(tokens)]).toFixed(3)}`).join("; "),
}));
table(lengths.map((tokens) => ({ n: tokens, [t({ zh: "训练的数", en: "trained numbers" })]: tokens * d, [lossName]: tl.mean(tests[lengthName(tokens)]), [t({ zh: "每步毫秒（中位数）", en: "ms a step (median)" })]: medianStep(lengthName(tokens)), [t({ zh: `T = ${LONGEST} 时注意力分数之比`, en: `attention scores, T = ${LONGEST}, ratio` })]: ((tokens + LONGEST) / LONGEST) ** 2 })));
const stepsUp = lengths.slice(1).map((tokens, i) => tl.mean(tests[lengthName(tokens)]) - tl.mean(tests[lengthName(lengths[i])])), widest = Math.max(...lengths.map((tokens) => Math.max(...tests[lengthName(tokens)]) - Math.min(...tests[lengthName(tokens)])));
console.log(stepsUp.map((gain, i) => `${lengths[i]} → ${lengths[i + 1]}: ${gain.toFixed(3)}, ${gain < -widest ? t({ zh: "更好", en: "better" }) : gain > widest ? t({ zh: "更差", en: "worse" }) : t({ zh: "不超过种子之间的差别", en: "within the difference between seeds" })}`).join("; "));
// %% [markdown] lang="zh"
// ## 5. 与全参数微调、与 Prefix 相比
//
// 书上说了两个局限：小模型上 Prompt Tuning 与全参数微调差别很大（超过 100 亿参数时才相当）；它只在输入层，缺少 Prefix 那样的“深度”。相同的数据、步数、种子；每种方法的学习率各在两个值里按验证损失选。
// %% [markdown] lang="en"
// ## 5. Against full fine-tuning and prefix tuning
//
// The book names two limits: on small models prompt tuning falls far behind full fine-tuning (it draws level above 10 billion parameters); and it acts on the input only, without the depth of a prefix. Same data, steps and seeds; each method's rate is chosen between two by the validation loss.
// %%
const FULL = t({ zh: "全参数", en: "full" }), PREFIX = "Prefix", prefixMethod = tl.prefix({ tokens: n, start: written });
await overSeeds(PREFIX, prefixMethod, [1e-2, 5e-2]);
await overSeeds(FULL, tl.full(), [4e-4, 1e-3]);
const rivals = [vocabularyName, textName, PREFIX, FULL], fullGain = baseLoss - tl.mean(tests[FULL]), total = tl.count(model.params);
await show(barChart({
  title: t({ zh: "测试损失比未微调降低多少", en: "How far the test loss falls below that before tuning" }), x: { title: t({ zh: "方法", en: "method" }) }, y: { title: t({ zh: "降低（纳特/词元）", en: "fall (nats per token)" }) },
  series: [{ name: "", x: rivals.map((name) => (name === PREFIX || name === FULL ? name : `Prompt, ${name}`)), y: rivals.map((name) => baseLoss - tl.mean(tests[name])), error: rivals.map((name) => spread(tests[name])) }],
  alt: rivals.map((name) => `${name}: ${(baseLoss - tl.mean(tests[name])).toFixed(3)} ± ${spread(tests[name]).toFixed(3)}`).join("; "),
}));
table(rivals.map((name) => ({ [t({ zh: "方法", en: "method" })]: name, [t({ zh: "学习率", en: "rate" })]: String(chosen[name]), [t({ zh: "训练的数", en: "trained numbers" })]: tl.trainableCount(kept[name][0]), [t({ zh: "占模型 %", en: "% of the model" })]: (100 * tl.trainableCount(kept[name][0])) / total, [lossName]: tl.mean(tests[name]), "± 95 %": spread(tests[name]), [t({ zh: "占全参数收益 %", en: "% of full's gain" })]: (100 * (baseLoss - tl.mean(tests[name]))) / fullGain })));
// %%
console.log(compared(textName, FULL), t({ zh: "（书：小模型上差别很大）", en: "(the book: far apart on small models)" }));
console.log(compared(PREFIX, textName), t({ zh: "（书：Prompt 缺少深度优化）", en: "(the book: a prompt lacks depth)" }));
const untilThere = (parameters: number, width: number) => (1e-4 * parameters) / width;
const SIZES: [string, number, number][] = [[t({ zh: "课程模型", en: "course model" }), total, d], ["SmolLM2-135M", 134_515_008, 576], ["DeepSeek-R1-Distill-Qwen-1.5B", 1_777_088_000, 1536], ["T5-XXL", 11e9, 4096]];
table(SIZES.map(([name, parameters, width]) => ({ [t({ zh: "模型", en: "model" })]: name, [t({ zh: "参数", en: "parameters" })]: parameters, d: width, [t({ zh: `n = ${n} 占 %`, en: `n = ${n} is, in %` })]: (100 * n * width) / parameters, [t({ zh: "0.01 % 相当于 n =", en: "0.01 % would be n =" })]: untilThere(parameters, width) })), t({ zh: "“仅训练 0.01 % 参数”", en: "\"Only 0.01 % of the parameters are trained\"" }));
for (const [name, parameters, width] of SIZES.slice(0, 3)) { const percent = (100 * n * width) / parameters; console.log(`${name}: ${percent.toPrecision(2)} %`, percent > 0.02 ? t({ zh: "，比 0.01 % 多", en: ", more than 0.01 %" }) : percent < 0.005 ? t({ zh: "，比 0.01 % 少", en: ", less than 0.01 %" }) : t({ zh: "，与 0.01 % 相当", en: ", about 0.01 %" })); }
// %% [markdown] lang="zh"
// 占比是 $nd/N$。$N$ 大致随 $d^2$ 和层数增长，所以模型越大占比越小：0.01 % 不是方法的性质，而是模型大小的性质。“与 100 亿参数的模型相当”这里无法检验，只能引用论文。
//
// ## 6. 集成：一次前向，多数表决
//
// 对同一任务训练 $N$ 个提示，就有了 $N$ 个“模型”，而底座只有一份。把它们放进**同一个批次**：同一段文本抄 $N$ 行，每行前面是不同的提示，一次前向得到 $N$ 个意见。
//
// 要表决就得有选择题：给一个留出的答案和四个问题，它答的是哪一个？每个提示选使 $\log p(\text{答案}\mid\text{问题})$ 最大的那个。
// %% [markdown] lang="en"
// The share is $nd/N$. $N$ grows about as $d^2$ times the number of layers, so the larger the model, the smaller the share: 0.01 % is a property of the model's size, not of the method. "Level with full fine-tuning at 10 billion" cannot be tested here; it is cited from the paper.
//
// ## 6. An ensemble: one forward pass, majority vote
//
// $N$ prompts for one task are $N$ "models" with one base. They go into **one batch**: the same text in $N$ rows, another prompt in front of each, and one forward pass gives $N$ opinions.
//
// To vote, there must be a choice: given a held-out answer and four questions, which of them does it answer? Each prompt picks the one with the largest $\log p(\text{answer}\mid\text{question})$.
// %%
const members = [...kept[textName], ...kept[vocabularyName].slice(0, 2)], together = tl.promptEnsemble(members), V = model.config.vocabSize;
const padded = ({ ids }: tl.Example) => [...ids, ...Array<number>(LONGEST - ids.length).fill(model.tokenizer.pad)];
/** log p(answer | question) of every option under every member, in one forward pass. */
const opinions = (options: readonly tl.Example[]) => {
  const rows = options.flatMap((e) => together.rows(padded(e))), width = n + LONGEST;
  const next = Int32Array.from(rows.flatMap((ids) => ids.map((_, i) => Math.max(0, ids[i + 1] ?? 0))));
  const cost = tl.tf.tidy(() => tl.crossEntropy(tl.tf.reshape(tl.logits({ ...model, ...together }, { ids: Int32Array.from(rows.flat()), batch: rows.length }), [-1, V]), tl.tf.tensor1d(next, "int32")));
  const costs = cost.dataSync();
  cost.dispose();
  return options.map((e, o) => members.map((_, m) => -e.target.reduce((sum, isTarget, i) => sum + (isTarget ? costs[(o * members.length + m) * width + n + i - 1] : 0), 0)));
};
const alone = await Promise.all(members.slice(0, 1).map((adapter) => tl.completionLogProbabilities(model, [test[0]], { adapter })));
console.log(t({ zh: "批次里的第一个提示与单独计算之差", en: "first prompt in the batch against computed alone: difference" }), Math.abs(opinions([test[0]])[0][0] - alone[0][0]).toExponential(1));
// %%
const heldPairs = (await readPairs("zh", "test")).filter((r) => tl.encodeExamples(model.tokenizer, [r])[0].ids.length <= 40), QUESTIONS = 4;
const quiz = heldPairs.slice(0, budget(48, 4)).map(({ answer }, i) => Array.from({ length: QUESTIONS }, (_, k) => ({ question: heldPairs[(i + 7 * k) % heldPairs.length].question, answer }))).map((options) => tl.encodeExamples(model.tokenizer, options)).filter((options) => options.every((e) => e.ids.length <= LONGEST));
const asked = [];
for (const options of quiz) asked.push(opinions(options)); // [option][member]; option 0 is right
const largest = (x: number[]) => x.indexOf(Math.max(...x)), ballots = asked.map((scores) => members.map((_, m) => largest(scores.map((s) => s[m]))));
const votes = ballots.map((ballot) => largest(Array.from({ length: QUESTIONS }, (_, k) => ballot.filter((b) => b === k).length))), averaged = asked.map((scores) => largest(scores.map(tl.mean)));
const bare = await tl.completionLogProbabilities(model, quiz.flat()), bareChoice = quiz.map((_, i) => largest(bare.slice(QUESTIONS * i, QUESTIONS * i + QUESTIONS)));
const hits = (said: number[]) => said.map((k) => Number(k === 0)), single = members.map((_, m) => tl.mean(hits(ballots.map((b) => b[m]))));
const systems: Record<string, number[]> = { [t({ zh: "没有提示", en: "no prompt" })]: hits(bareChoice), ...Object.fromEntries(members.map((_, m) => [`P${m + 1}`, hits(ballots.map((b) => b[m]))])), [t({ zh: "多数表决", en: "majority" })]: hits(votes), [t({ zh: "平均", en: "mean log p" })]: hits(averaged) };
// %%
const accuracies = Object.entries(systems).map(([name, right]) => ({ name, ...tl.bootstrapInterval(right, tl.mean) }));
await show(barChart({
  title: t({ zh: `${quiz.length} 道四选一：单个提示与集成（误差棒：95 % 自助区间的一半）`, en: `${quiz.length} questions of four: single and joint (bars: half the 95 % bootstrap interval)` }), x: { title: t({ zh: "谁来选", en: "who chooses" }) }, y: { title: t({ zh: "选对的比例", en: "share of right choices" }) },
  series: [{ name: "", x: accuracies.map((a) => a.name), y: accuracies.map((a) => a.estimate), error: accuracies.map((a) => (a.high - a.low) / 2) }],
  alt: accuracies.map((a) => `${a.name}: ${a.estimate.toFixed(2)} [${a.low.toFixed(2)}, ${a.high.toFixed(2)}]`).join("; "),
}));
const voteGap = tl.pairedDifference(ballots.map((ballot) => tl.mean(hits(ballot))), hits(votes), tl.mean), unanimous = tl.mean(ballots.map((ballot) => Number(new Set(ballot).size === 1)));
console.log(t({ zh: `${members.length} 个提示意见一致的题占 ${(100 * unanimous).toFixed(0)} %；瞎猜 ${(1 / QUESTIONS).toFixed(2)}`, en: `all prompts agree on ${(100 * unanimous).toFixed(0)} % of the questions; guessing gives ${(1 / QUESTIONS).toFixed(2)}` }));
console.log(t({ zh: "表决 − 单个提示的平均（百分点）：", en: "vote − mean of the single prompts (percentage points): " }) + `${(100 * voteGap.estimate).toFixed(1)} [${(100 * voteGap.low).toFixed(1)}, ${(100 * voteGap.high).toFixed(1)}], ` + (voteGap.low > 0 ? t({ zh: "集成更好", en: "the ensemble is better" }) : voteGap.high < 0 ? t({ zh: "集成更差", en: "the ensemble is worse" }) : t({ zh: "区间含 0，不能下结论", en: "the interval holds 0: undecided" })));
console.log(t({ zh: "最好的单个提示（在同样的题上挑出来的，占了便宜）", en: "the best single prompt (picked on the same questions, which flatters it)" }), Math.max(...single).toFixed(2), t({ zh: "；表决", en: "; vote" }), tl.mean(hits(votes)).toFixed(2));
// %% [markdown] lang="zh"
// 表决只在成员**犯不同的错**时才有用：意见几乎总一致的提示（同一个底座、同样的数据）没有多少可以互相纠正的。
// 代价方面：$N$ 个提示只多存 $Nnd$ 个数，但前向计算仍是 $N$ 份（一个批次能把硬件用得更满，所以时间之比可以小于 $N$）。省下的是存储和加载，不是运算。
// %% [markdown] lang="en"
// A vote helps only where members make **different mistakes**: prompts that nearly always agree (one base, the same data) have little to correct in each other.
// As to cost: $N$ prompts store only $Nnd$ numbers more, but the forward pass is still done $N$ times (a batch fills the hardware better, so the ratio of times may be below $N$). What is saved is storage and loading, not arithmetic.
// %%
const timed = (work: () => void) => { work(); return Math.min(...Array.from({ length: budget(5, 1) }, () => { const began = performance.now(); work(); return performance.now() - began; })); };
const oneText = padded(test[0]), passOf = (adapter: tl.Adapter, rows: number[][]) => timed(() => { const y = tl.logits({ ...model, ...adapter }, { ids: Int32Array.from(rows.flat()), batch: rows.length }); y.dataSync(); y.dispose(); });
const ensembleMs = passOf(together, together.rows(oneText)), singleMs = passOf(members[0], [oneText]);
table([{ [t({ zh: "方式", en: "way" })]: t({ zh: "一个提示", en: "one prompt" }), [t({ zh: "毫秒", en: "ms" })]: singleMs, [t({ zh: "存储（数）", en: "stored numbers" })]: total + n * d }, { [t({ zh: "方式", en: "way" })]: t({ zh: `${members.length} 个提示，一个批次`, en: `${members.length} prompts in one batch` }), [t({ zh: "毫秒", en: "ms" })]: ensembleMs, [t({ zh: "存储（数）", en: "stored numbers" })]: total + members.length * n * d }, { [t({ zh: "方式", en: "way" })]: t({ zh: `${members.length} 个完整模型`, en: `${members.length} whole models` }), [t({ zh: "毫秒", en: "ms" })]: null, [t({ zh: "存储（数）", en: "stored numbers" })]: members.length * total }]);
console.log(t({ zh: `时间之比 ${(ensembleMs / singleMs).toFixed(1)}（提示个数 ${members.length}）`, en: `ratio of times ${(ensembleMs / singleMs).toFixed(1)} (for ${members.length} prompts)` }));
tl.dispose(together.trained);
// %% [markdown] lang="zh"
// ## 7. 一个底座，多个任务
//
// 再为另一个任务（英文问答）训练一个提示。同一个批次里，每行用自己的提示，也可以不用。各自在自己的任务上应当最好。
// %% [markdown] lang="en"
// ## 7. One base, many tasks
//
// We train a prompt for another task (questions in English). In one batch each row has its own prompt, or none. Each should be best at its own task.
// %%
const english = encode(await readPairs("en", "train")), englishTest = encode(await readPairs("en", "test")).slice(0, each);
const englishRun = await tl.train({ ...common, data: { train: english }, method: vocabulary, learningRate: chosen[vocabularyName], seed: 1, display: false });
const hub = new tl.AdapterSet(model), KINDS = { zh: test, en: englishTest }, cross: Record<string, unknown>[] = [];
hub.add("zh", { method: vocabulary, trained: kept[vocabularyName][0].trained });
hub.add("en", englishRun);
for (const name of [undefined, "zh", "en"]) { const entry: Record<string, unknown> = { [t({ zh: "提示", en: "prompt" })]: name ?? t({ zh: "（无）", en: "(none)" }) }; for (const [kind, data] of Object.entries(KINDS)) entry[`${kind}: ${lossName}`] = (await tl.evaluate(model, data, { adapter: hub.get(name) })).loss; cross.push(entry); }
table(cross, t({ zh: "两个提示，两个任务", en: "Two prompts, two tasks" }));
for (const [i, kind] of Object.keys(KINDS).entries()) { const losses = cross.map((entry) => entry[`${kind}: ${lossName}`] as number), own = losses[i + 1]; console.log(`${kind}: ` + (own === Math.min(...losses) ? t({ zh: "它自己的提示最好", en: "its own prompt is best" }) : t({ zh: "它自己的提示不是最好的", en: "its own prompt is not the best" })) + (losses[2 - i] > losses[0] ? t({ zh: "；另一个任务的提示比没有还差", en: "; the other task's prompt is worse than none" }) : t({ zh: "；另一个任务的提示也比没有好", en: "; the other task's prompt is better than none, too" }))); }
const mixedRows: (string | undefined)[] = ["zh", "en", undefined], sameText = Int32Array.from([oneText, oneText, oneText].flat());
const mixed = hub.logits({ ids: sameText, batch: 3 }, mixedRows), apart = mixedRows.map((name) => tl.logits({ ...model, ...hub.get(name) }, { ids: Int32Array.from(oneText), batch: 1 }));
console.log(t({ zh: "混合批次与逐个计算：max |Δlogit| =", en: "mixed batch against one by one: max |Δlogit| =" }), tl.tf.tidy(() => tl.tf.max(tl.tf.abs(tl.tf.sub(mixed, tl.tf.concat(apart, 0)))).dataSync()[0]).toExponential(1));
[mixed, ...apart].forEach((x) => x.dispose());
table(hub.list().map(({ name, method, trainable }) => ({ name, method, trainable })));
// %% [markdown] lang="zh"
// ## 8. 保存，在 Python 里使用
//
// 按 PEFT 的格式保存：一个配置，一个张量 `prompt_embeddings` [n, d]。
//
// ```python
// from transformers import AutoModelForCausalLM
// from peft import PeftModel
// model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("data/course-model"), "runs/prompt-zh")
// ```
// %% [markdown] lang="en"
// ## 8. Save it, use it in Python
//
// It is saved in PEFT's format: a configuration, and one tensor `prompt_embeddings` [n, d].
//
// ```python
// from transformers import AutoModelForCausalLM
// from peft import PeftModel
// model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("data/course-model"), "runs/prompt-zh")
// ```
// %%
import * as fs from "fs";
const folder = `${courseFile(".")}/runs/prompt-zh`, best = { method: fromText, trained: kept[textName][0].trained };
tl.saveAdapter(folder, best, model);
table(fs.readdirSync(folder).map((file) => ({ file, bytes: fs.statSync(`${folder}/${file}`).size })));
const loaded = tl.loadAdapter(folder, model), bestLoss = (await tl.evaluate(model, test, { adapter: best })).loss, loadedLoss = (await tl.evaluate(model, test, { adapter: loaded })).loss;
console.log(t({ zh: "读回后测试损失之差：", en: "difference in test loss after reading it back:" }), Math.abs(bestLoss - loadedLoss).toExponential(1), t({ zh: "；模型的文件是它的", en: "; the model's file is" }), `${(fs.statSync(`${tl.courseModel()}/model.safetensors`).size / fs.statSync(`${folder}/adapter_model.safetensors`).size).toFixed(0)} ×`);
// %% [markdown] lang="zh"
// ## 9. 代码清单审查
//
// 书上的清单训练时把提示拼在输入前面，这是对的。问题出在用的时候。
//
// **一、生成时没有用提示。** 清单调用的是 `prompt_tuning.model.generate(input_ids=…)`：里面那个模型就是没有微调过的底座，学到的提示一次也没有参与。下面照做，与带上提示的回答比较（贪心解码，这样差别只来自提示）。
// %% [markdown] lang="en"
// ## 9. Listing audit
//
// The book's listing trains rightly, with the prompt in front of the input. It goes wrong when the prompt is used.
//
// **First: it generates without the prompt.** The listing calls `prompt_tuning.model.generate(input_ids=…)`: the model inside is the untuned base, and the learned prompt never takes part. We do the same, beside answers with the prompt (greedy, so that only the prompt can make a difference).
// %%
const someQuestions = (await readPairs("zh", "test")).slice(0, budget(16, 2)), prompts = someQuestions.map(({ question }) => tl.promptText(model.tokenizer, [{ role: "user", content: question }]));
const answers = { base: await tl.generateAll(model, prompts, { maxNewTokens: budget(32, 4) }), listing: await tl.generateAll({ ...model }, prompts, { maxNewTokens: budget(32, 4) }), right: await tl.generateAll(model, prompts, { adapter: best, maxNewTokens: budget(32, 4) }) };
const sameAs = (a: tl.Generated[], b: tl.Generated[]) => (100 * a.filter((x, i) => x.text === b[i].text).length) / a.length;
table(someQuestions.slice(0, 3).map(({ question }, i) => ({ [t({ zh: "问题", en: "question" })]: question, [t({ zh: "清单的做法", en: "as the listing does" })]: answers.listing[i].text, [t({ zh: "带上提示", en: "with the prompt" })]: answers.right[i].text })));
table([[t({ zh: "清单的做法", en: "as the listing does" }), answers.listing, baseLoss], [t({ zh: "带上提示", en: "with the prompt" }), answers.right, bestLoss]].map(([way, said, loss]) => ({ [t({ zh: "生成", en: "generation" })]: way, [t({ zh: "与未微调的回答相同 %", en: "% the same as untuned" })]: sameAs(said as tl.Generated[], answers.base), [lossName]: loss })));
// %% [markdown] lang="zh"
// **二、读回时把长度当成 1。** 保存的张量是 [1, 20, d]，清单取 `shape[0]` 作 `prompt_length`，注释却以为形状是 [20, d]。于是注意力掩码只为提示准备了 1 个位置，比序列短 19。带标签调用时 PyTorch 报错；不带标签时 transformers（5.23）**不出声地**在掩码末尾补 0，于是最后 19 个词元谁也看不见。因为生成时根本没有用提示，这个错一直没有露面。
// 下面用同样的掩码重算测试损失；再看另一种理解：只保留提示的第 1 行。
// %% [markdown] lang="en"
// **Second: on loading the length becomes 1.** The stored tensor is [1, 20, d]; the listing takes `shape[0]` as `prompt_length`, though its comment believes [20, d]. So the attention mask has room for 1 row of the prompt and is 19 short. With labels PyTorch raises an error; without, transformers (5.23) **silently** fills the mask's end with zeros, and nobody sees the last 19 tokens. As generation does not use the prompt at all, the mistake never shows.
// We compute the test loss under that mask; and under another reading, with the first row of the prompt only.
// %%
const lossUnderMask = (visible: (real: number) => number) => {
  const ids = Int32Array.from(test.flatMap((e) => tl.placeIds(fromText, padded(e)))), width = n + LONGEST, view = { ...model, ...best };
  const marks = test.flatMap((e) => Array.from({ length: width }, (_, i) => Number(i < visible(e.ids.length))));
  const cost = tl.tf.tidy(() => {
    const around = tl.surroundings(model.config, { ids, batch: test.length }), mask = tl.tf.maximum(tl.tf.add(around.mask, tl.paddingMask(marks, test.length)), -1e9);
    const x = tl.throughLayers(view, tl.embedded(view, tl.tf.tensor1d(ids, "int32")), { ...around, mask });
    return tl.crossEntropy(tl.head(x, model.params, model.config), tl.tf.tensor1d(ids.map((_, i) => Math.max(0, ids[i + 1] ?? 0)), "int32"));
  }), costs = cost.dataSync();
  cost.dispose();
  return tl.mean(test.flatMap((e, b) => [...e.target].flatMap((isTarget, i) => (isTarget ? [costs[b * width + n + i - 1]] : []))));
};
const firstRowOnly = { method: tl.prompt({ tokens: 1 }), trained: { prompt_embeddings: tl.tf.slice(best.trained.prompt_embeddings as never, [0, 0], [1, d]) } };
// %%
const auditRows: [string, number][] = [
  [t({ zh: "正确：20 行，掩码 20 + T", en: "right: 20 rows, mask 20 + T" }), lossUnderMask((real) => n + real)], [t({ zh: "清单：20 行，掩码 1 + T", en: "listing: 20 rows, mask 1 + T" }), lossUnderMask((real) => 1 + real)],
  [t({ zh: "只留第 1 行", en: "first row only" }), (await tl.evaluate(model, test, { adapter: firstRowOnly })).loss], [t({ zh: "没有提示", en: "no prompt" }), baseLoss],
];
table(auditRows.map(([what, loss]) => ({ [t({ zh: "读法", en: "reading" })]: what, [lossName]: loss, [t({ zh: "与正确之差", en: "minus the right one" })]: loss - auditRows[0][1] })));
console.log(t({ zh: "用库验算正确的一行：差", en: "the right row against the library: difference" }), Math.abs(auditRows[0][1] - bestLoss).toExponential(1));
const wrongFile = `${courseFile(".")}/runs/prompt-listing`;
fs.cpSync(folder, wrongFile, { recursive: true });
tl.tf.tidy(() => tl.writeSafetensors(`${wrongFile}/adapter_model.safetensors`, tl.toArrays({ prompt_embeddings: tl.tf.expandDims(best.trained.prompt_embeddings, 0) })));
try { tl.loadAdapter(wrongFile, model); } catch (error) { console.log(t({ zh: "本库对 [1, 20, d] 的回答：", en: "this library on [1, 20, d]: " }) + (error as Error).message.replace(courseFile("."), "…")); }
// %% [markdown] lang="zh"
// **三、起点和学习率。** 清单从 $N(0,1)$ 开始，学习率 5e-5。Adam 每步把每个数至多移动约一个学习率：清单的 3000 步（3 轮 × 1000 个样本）合起来约 0.15，而起点的标准差是 1。照这样训练与上面同样的步数，提示移动多少，学到多少？
// %% [markdown] lang="en"
// **Third: start and learning rate.** The listing starts from $N(0,1)$ with a rate of 5e-5. Adam moves each number by about one rate a step at most: the listing's 3000 steps (3 epochs of 1000 examples) add up to about 0.15, while the start's standard deviation is 1. Trained like that for as many steps as above, how far does the prompt move, and what does it learn?
// %%
const normalStart: tl.Method = { ...tl.prompt({ tokens: n, start: "random" }), init: (_, config, seed) => ({ prompt_embeddings: tl.tf.randomNormal([n, config.hiddenSize], 0, 1, "float32", seed) }) };
const listingRun = (await fit(normalStart, 5e-5, 1)).run, moved = (method: tl.Method, { trained }: tl.Adapter) => tl.tf.tidy(() => { const begun = method.init(model.params, model.config, 1).prompt_embeddings; return tl.tf.norm(tl.tf.sub(trained.prompt_embeddings, begun)).dataSync()[0] / tl.tf.norm(begun).dataSync()[0]; });
const begunLoss = (await tl.evaluate(model, test, { adapter: { method: normalStart, trained: normalStart.init(model.params, model.config, 1) } })).loss, listingLoss = (await tl.evaluate(model, test, { adapter: listingRun })).loss;
table([[t({ zh: "清单：N(0,1)，5e-5", en: "listing: N(0,1), 5e-5" }), moved(normalStart, listingRun), begunLoss, listingLoss], [t({ zh: `词表，${chosen[vocabularyName]}`, en: `vocabulary, ${chosen[vocabularyName]}` }), moved(vocabulary, kept[vocabularyName][0]), atStep0[vocabularyName], tests[vocabularyName][0]]].map(([what, far, before, after]) => ({ [t({ zh: "训练", en: "training" })]: what, [t({ zh: "移动（占起点范数 %）", en: "moved (% of the start's norm)" })]: 100 * (far as number), [t({ zh: "训练前损失", en: "loss at step 0" })]: before, [t({ zh: "训练后损失", en: "loss after" })]: after })));
const learnedShare = (begunLoss - listingLoss) / (atStep0[vocabularyName] - tests[vocabularyName][0]);
console.log(t({ zh: `训练带来的降低是词表那一行的 ${(100 * learnedShare).toFixed(0)} %：`, en: `training brings ${(100 * learnedShare).toFixed(0)} % of what it brings in the row "vocabulary": ` }) + (learnedShare > 0.5 ? t({ zh: "清单的设置也学得到一半以上", en: "the listing's settings learn more than half of it, too" }) : learnedShare > 0.1 ? t({ zh: "清单的设置学得慢得多", en: "the listing's settings learn much more slowly" }) : t({ zh: `在 ${steps} 步里几乎什么也没学到；损失若比没有提示时低，那是起点带来的`, en: `hardly anything is learned in ${steps} steps; if the loss is below that without a prompt, the start has done it` })));
// %% [markdown] lang="zh"
// （清单还把每个样本补到 512 个词元，并以 `pad = eos` 作标签：后果见 3.7.1 的审查。）
//
// ## 练习
//
// 用你的答案代替 `undefined` 再运行。`tl.hint("3.6.4/1", 1)` 给提示（1 到 3 级），`tl.solution("3.6.4/1")` 给解答。
//
// 1. 1.5B 模型（1 777 088 000 个参数，$d=1536$），$n=20$。训练的数占百分之几？
// 2. 文本 100 个词元，前面加 20 个虚拟词元。注意力分数的个数（完整的方阵）变成原来的几倍？
// 3. 写一个函数 `(votes: string[]) => string`：多数表决；票数相同时取最先出现的那一类。
// %% [markdown] lang="en"
// (The listing also fills every example up to 512 tokens, with `pad = eos` as labels: 3.7.1 audits what comes of it.)
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.6.4/1", 1)` gives a hint (levels 1 to 3), `tl.solution("3.6.4/1")` the solution.
//
// 1. A 1.5B model (1 777 088 000 parameters, $d=1536$) with $n=20$. What percentage of the numbers is trained?
// 2. A text of 100 tokens gets 20 virtual tokens in front. By what factor does the number of attention scores (the full square) grow?
// 3. Write a function `(votes: string[]) => string`: the majority; where votes are equal, the class that came first.
// %%
tl.check("3.6.4/1", undefined);
tl.check("3.6.4/2", undefined);
tl.check("3.6.4/3", undefined);
