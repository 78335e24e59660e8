// The chapter's thinking questions and exercises, each with material to explore, a rubric, hints and a worked answer.
// Build both languages with: npm run notebooks -- exercises
// %% [markdown] lang="zh"
// # 思考题与练习题
//
// 教材章末有 6 道思考题和 5 道练习题。每道题先给一点可以动手的**材料**，再请你写一段文字。
//
// 把文字写进 `tl.check("thinking/1", "…")` 的引号里再运行：程序只查你的文字涉及了哪些要点、有没有常见的误解，**对错由教师评判**。`tl.hint("thinking/1", 1)` 到 `3` 给提示，`tl.solution("thinking/1")` 给参考解答。
// 交作业：在终端运行 `npx tunelab progress --student 学号 --out 学号.json`。
// %% [markdown] lang="en"
// # Thinking questions and exercises
//
// The chapter ends with 6 questions to think about and 5 exercises. Each comes with some **material** to try, then asks for a text.
//
// Write your text between the quotes of `tl.check("thinking/1", "…")` and run the cell: the program only finds which points the text touches and whether it shows a usual misconception; **your teacher judges**. `tl.hint("thinking/1", 1)` to `3` gives hints, `tl.solution("thinking/1")` a worked answer.
// To hand in: run `npx tunelab progress --student NUMBER --out NUMBER.json` in a terminal.
// %%
import * as tl from "tunelab";
import { courseFile, table, show, lineChart, barChart, budget, t } from "tunelab";

const model = await tl.load(tl.courseModel());
const records = await tl.loadRecords<{ question: string; answer: string }>(courseFile("data/security-qa/zh/train.jsonl"));
const examples = tl.encodeExamples(model.tokenizer, records), trainSet = examples.slice(0, 128), checkSet = examples.slice(256, 320);
console.log(`${tl.count(model.params).toLocaleString("en-US")} ${t({ zh: "个参数", en: "parameters" })}; ${examples.length} ${t({ zh: "个样本", en: "examples" })}`);
// %% [markdown] lang="zh"
// ## 思考题
//
// ### 1. 核心理论对垂直领域大模型的训练和部署有哪些指导意义？
//
// 材料：四个理论在课程里各有一个能直接用来做决定的数。这里再算一个：损失在预训练点的最大特征值 λ，和梯度下降的步长上限 2/λ。
// %% [markdown] lang="en"
// ## Thinking questions
//
// ### 1. What does the theory advise for training and deploying a model of a special domain?
//
// Material: each of the four theories has a number in this course that decides something. Here is one more: the largest eigenvalue λ of the loss at the pre-trained point, and 2/λ, the limit of gradient descent's step.
// %%
const problem = tl.modelProblem({ model, examples: checkSet.slice(0, 4) }), H = tl.curvature(problem);
const top = await tl.eigenvalues(H, { largest: 1, tolerance: 0.05, maxSteps: budget(20, 6), display: false });
console.log(`λ ≈ ${top.largest[0].value.toFixed(1)}; 2/λ ≈ ${(2 / top.largest[0].value).toFixed(3)}`);
H.dispose();
// %%
tl.check("thinking/1", "");
// %% [markdown] lang="zh"
// ### 2. 怎样准备垂直领域的训练数据，怎样选择预训练模型？
//
// 材料：选模型时先看分词器。同样的中文安全文本，每个 token 平均能装几个字？装得少，序列就长，训练和推理都贵。
// %% [markdown] lang="en"
// ### 2. How to prepare training data of a special domain, and choose a pre-trained model?
//
// Material: look at a model's tokenizer first. How many characters of the domain's text does a token hold on average? The fewer, the longer the sequences and the dearer training and use.
// %%
const english = await tl.loadRecords<{ question: string; answer: string }>(courseFile("data/security-qa/en/train.jsonl"));
const other = await tl.loadTokenizer(courseFile("models/SmolLM2-135M-Instruct"));
const perToken = (tokenizer: typeof other, texts: string[]) => texts.reduce((n, x) => n + [...x].length, 0) / texts.reduce((n, x) => n + tokenizer.encode(x).length, 0);
const texts = { zh: records.slice(0, 100).map((r) => r.answer), en: english.slice(0, 100).map((r) => r.answer) };
table((["zh", "en"] as const).map((language) => ({
  [t({ zh: "文本", en: "text" })]: language, [t({ zh: "课程模型：字/token", en: "course model: characters a token" })]: perToken(model.tokenizer, texts[language]), [t({ zh: "SmolLM2：字/token", en: "SmolLM2: characters a token" })]: perToken(other, texts[language]),
})));
// %%
tl.check("thinking/2", "");
// %% [markdown] lang="zh"
// ### 3. 全参数、部分参数、新增参数：在什么场景选哪一种？
//
// 材料：三种方式各取一个代表，用同样的数据和步数训练课程模型，比较可训练参数、验证损失、时间。学习率没有细调，也只有一个种子：想下结论，请用 `npx tunelab compare` 多跑几个种子。
// %% [markdown] lang="en"
// ### 3. Full, selective or additive fine-tuning: which one in which case?
//
// Material: one of each kind trains the course model on the same data for the same steps; compare trained parameters, validation loss and time. The rates were not searched, and there is one seed: to conclude something, run more seeds with `npx tunelab compare`.
// %%
const kinds = { full: { method: tl.full(), rate: 1e-3 }, BitFit: { method: tl.bitfit(), rate: 1e-2 }, LoRA: { method: tl.lora({ rank: 8 }), rate: 5e-3 } };
const outcomes: { name: string; trainable: number; loss: number; seconds: number }[] = [];
for (const [name, { method, rate }] of Object.entries(kinds)) {
  const began = performance.now(), run = await tl.train({ model, method, data: { train: trainSet, validation: checkSet }, steps: budget(40, 4), batchSize: 8, learningRate: rate, display: false });
  outcomes.push({ name, trainable: tl.count(run.trained), loss: run.history.evaluations[run.history.evaluations.length - 1].loss, seconds: (performance.now() - began) / 1000 });
  tl.dispose(run.trained);
}
await show(barChart({
  title: t({ zh: "同样的数据与步数", en: "Same data, same steps" }), x: { title: t({ zh: "方式", en: "kind" }) }, y: { title: t({ zh: "验证损失（纳特/词元）", en: "validation loss (nats per token)" }) },
  series: [{ name: t({ zh: "验证损失", en: "validation loss" }), x: outcomes.map((o) => o.name), y: outcomes.map((o) => o.loss) }], alt: outcomes.map((o) => `${o.name}: ${o.loss.toFixed(2)}`).join("; "),
}));
table(outcomes.map((o) => ({ [t({ zh: "方式", en: "kind" })]: o.name, [t({ zh: "可训练参数", en: "trained parameters" })]: o.trainable, [t({ zh: "验证损失", en: "validation loss" })]: o.loss.toFixed(3), [t({ zh: "秒（含编译）", en: "seconds (with compilation)" })]: o.seconds.toFixed(0) })));
// %%
tl.check("thinking/3", "");
// %% [markdown] lang="zh"
// ### 4. 用数学表达式说明：新增参数微调怎样既保持原有能力，又获得新能力
//
// 材料：适配器在训练开始时是恒等的。下面量两件事：装上没训练的适配器，损失变了多少；训练后拿掉它，损失是否一位不差地回来。
// %% [markdown] lang="en"
// ### 4. Write as equations: how additive fine-tuning keeps old abilities and gains a new one
//
// Material: an adapter is the identity at the start. Two things are measured: how much the loss changes with an untrained adapter, and whether it returns to the last bit when the trained one is taken away.
// %%
const adapter = tl.adapter(), untrained = adapter.init(model.params, model.config, 0);
const bare = await tl.evaluate(model, checkSet), identity = await tl.evaluate(model, checkSet, { adapter: { method: adapter, trained: untrained } });
const trained = await tl.train({ model, method: adapter, data: { train: trainSet }, steps: budget(30, 3), batchSize: 8, learningRate: 3e-3, display: false });
const withIt = await tl.evaluate(model, checkSet, { adapter: trained }), without = await tl.evaluate(model, checkSet);
table([
  { [t({ zh: "模型", en: "model" })]: "f(x; θ₀)", [t({ zh: "损失", en: "loss" })]: bare.loss }, { [t({ zh: "模型", en: "model" })]: t({ zh: "装上没训练的适配器", en: "with an untrained adapter" }), [t({ zh: "损失", en: "loss" })]: identity.loss },
  { [t({ zh: "模型", en: "model" })]: t({ zh: "装上训练后的适配器", en: "with the trained adapter" }), [t({ zh: "损失", en: "loss" })]: withIt.loss }, { [t({ zh: "模型", en: "model" })]: t({ zh: "拿掉它", en: "without it again" }), [t({ zh: "损失", en: "loss" })]: without.loss },
]);
console.log(without.loss === bare.loss ? t({ zh: "拿掉适配器后，损失与原来完全相等。", en: "Without the adapter the loss is exactly what it was." }) : t({ zh: "注意：拿掉适配器后损失与原来不等。", en: "Mind: without the adapter the loss is not what it was." }));
// %%
tl.check("thinking/4", "");
// %% [markdown] lang="zh"
// ### 5. 怎样判断和验证低秩假设失效？
//
// 材料：[3.2.3](3.2.3-manifold-hypothesis.ipynb) 的最后是这道题的完整实验室。这里只算一件：全参数更新 ΔW 的奇异值，与同样大小的随机矩阵比较。
// %% [markdown] lang="en"
// ### 5. How to judge, and verify, that the low-rank hypothesis fails?
//
// Material: [3.2.3](3.2.3-manifold-hypothesis.ipynb) ends with a full lab on this question. Here is one piece of it: the singular values of a full update ΔW beside those of a random matrix of the same size.
// %%
const whole = await tl.train({ model, method: tl.full(), data: { train: trainSet }, steps: budget(40, 4), batchSize: 8, learningRate: 1e-3, display: false });
const weight = "model.layers.3.self_attn.q_proj.weight", change = tl.tf.sub(whole.trained[weight], model.params[weight]), values = change.dataSync() as Float32Array;
const random = new tl.Random(0, "noise"), size = Math.sqrt(values.reduce((s, x) => s + x * x, 0) / values.length), noise = tl.tf.tensor(Float32Array.from(values, () => size * random.normal()), change.shape);
const spectra = { "ΔW": tl.updateSpectrum(change).singular, [t({ zh: "随机", en: "random" })]: tl.updateSpectrum(noise).singular };
await show(lineChart({
  title: t({ zh: "奇异值（q_proj，第 3 层）", en: "Singular values (q_proj, layer 3)" }), x: { title: t({ zh: "序号", en: "index" }) }, y: { title: "σ", log: true },
  series: Object.entries(spectra).map(([name, s]) => ({ name, x: Array.from(s, (_, i) => i + 1), y: Array.from(s) })), alt: Object.entries(spectra).map(([name, s]) => `${name}: σ₁ = ${s[0].toPrecision(3)}, σ₈ = ${s[7].toPrecision(3)}`).join("; "),
}));
tl.dispose(whole.trained);
// %%
tl.check("thinking/5", "");
// %% [markdown] lang="zh"
// ### 6. 比较 Prefix Tuning、Prompt Tuning 和 P-tuning
//
// 材料：三者在课程模型上真实的可训练张量：名字、形状、个数。训练的效果见 [3.6.3](3.6.3-prefix.ipynb)、[3.6.4](3.6.4-prompt.ipynb)、[3.6.5](3.6.5-p-tuning.ipynb)。
// %% [markdown] lang="en"
// ### 6. Compare prefix tuning, prompt tuning and P-tuning
//
// Material: the tensors that each really trains on the course model: names, shapes, counts. What training gives is in [3.6.3](3.6.3-prefix.ipynb), [3.6.4](3.6.4-prompt.ipynb) and [3.6.5](3.6.5-p-tuning.ipynb).
// %%
const virtual = { "Prefix": tl.prefix({ tokens: 16 }), "Prompt": tl.prompt({ tokens: 16 }), "P-tuning": tl.pTuning({ tokens: 16 }) };
table(Object.entries(virtual).map(([name, method]) => {
  const tensors = method.init(model.params, model.config, 0), names = Object.keys(tensors);
  const row = { [t({ zh: "方法", en: "method" })]: name, [t({ zh: "张量", en: "tensors" })]: names.length, [t({ zh: "例如", en: "such as" })]: `${names[0]} [${tensors[names[0]].shape.join(", ")}]`, [t({ zh: "可训练参数", en: "trained parameters" })]: tl.count(tensors) };
  tl.dispose(tensors);
  return row;
}));
// %%
tl.check("thinking/6", "");
// %% [markdown] lang="zh"
// ## 练习题
//
// ### 1. 大模型微调的关键步骤和内容
//
// 材料：命令行把整个过程走一遍：`npx tunelab finetune`、`evaluate`、`generate`。每一步的选项都列在 `--help` 里。
// %% [markdown] lang="en"
// ## Exercises
//
// ### 1. The key steps of fine-tuning, and what each consists of
//
// Material: the command line walks the whole way: `npx tunelab finetune`, `evaluate`, `generate`. `--help` lists the options of each step.
// %%
tl.check("practice/1", "");
// %% [markdown] lang="zh"
// ### 2. deepseek-r1-distill-qwen:1.5b 的 token 数量与数据格式
//
// 材料：模型卡在 Hugging Face 或 ModelScope 上（需要网络）。下面由它公开的形状数出参数个数：词嵌入与输出层不共享。
// %% [markdown] lang="en"
// ### 2. Tokens and data format of deepseek-r1-distill-qwen:1.5b
//
// Material: its card is on Hugging Face or ModelScope (this needs the network). Below its parameters are counted from its published shapes: embedding and output layer are not tied.
// %%
const distilled = tl.parseConfig({ model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], hidden_act: "silu", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936, max_position_embeddings: 131072, rms_norm_eps: 1e-6, rope_theta: 10000, tie_word_embeddings: false, torch_dtype: "bfloat16", bos_token_id: 151643, eos_token_id: 151643 }, "config.json");
const shapes = Object.entries(tl.parameterShapes(distilled)), sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const share = (part: string) => shapes.filter(([name]) => name.includes(part)).reduce((n, [, shape]) => n + sizeOf(shape), 0), all = share("");
table(["embed_tokens", "lm_head", "self_attn", "mlp"].map((part) => ({ [t({ zh: "部分", en: "part" })]: part, [t({ zh: "参数", en: "parameters" })]: share(part), "%": ((100 * share(part)) / all).toFixed(1) })));
console.log(`${t({ zh: "共", en: "in all" })} ${all.toLocaleString("en-US")}`);
// %%
tl.check("practice/2", "");
// %% [markdown] lang="zh"
// ### 3. AdaLOMO 全参数微调时出现梯度消失，怎么办？
//
// 材料：先诊断。下面是课程模型一个批次里各层的梯度范数，以及其中有多少个数在 FP16 中会变成 0。
// %% [markdown] lang="en"
// ### 3. Gradients vanish in full fine-tuning with AdaLOMO: what can be done?
//
// Material: diagnose first. Here are the gradient norms of the course model by layer for one batch, and how many of the numbers would become 0 in FP16.
// %%
const objective = tl.sft(), full = tl.full(), start = full.init(model.params, model.config, 0), { gradients } = tl.accumulate(objective.loss(model, full), start, [objective.collate(trainSet.slice(0, 8))]);
const layers = Array.from({ length: model.config.layers }, (_, i) => {
  const values = Object.entries(gradients).filter(([name]) => name.startsWith(`model.layers.${i}.`)).map(([, g]) => g.dataSync() as Float32Array), n = values.reduce((s, v) => s + v.length, 0);
  return { i, norm: Math.sqrt(values.reduce((s, v) => s + v.reduce((q, x) => q + x * x, 0), 0)), lost: values.reduce((s, v) => { const r = tl.roundTo(v, "half"); return s + v.reduce((q, x, k) => q + (x !== 0 && r[k] === 0 ? 1 : 0), 0); }, 0) / n };
});
await show(lineChart({
  title: t({ zh: "各层的梯度范数", en: "Gradient norm by layer" }), x: { title: t({ zh: "层", en: "layer" }) }, y: { title: "‖g‖", log: true }, series: [{ name: "‖g‖", x: layers.map((l) => l.i), y: layers.map((l) => l.norm) }], alt: layers.map((l) => `${l.i}: ${l.norm.toPrecision(2)}`).join("; "),
}));
table(layers.map(({ i, norm, lost }) => ({ [t({ zh: "层", en: "layer" })]: i, "‖g‖": norm, [t({ zh: "在 FP16 中变成 0 的 %", en: "becomes 0 in FP16, %" })]: (100 * lost).toFixed(2) })));
tl.dispose(gradients); tl.dispose(start);
// %%
tl.check("practice/3", "");
// %% [markdown] lang="zh"
// ### 4. 怎样选择 LoRA 的秩 r？
//
// 材料：一次小的扫描，α/r 固定为 2。一个种子，步数很少：图只说明怎样看，不能下结论（[3.6.2](3.6.2-lora.ipynb) 有完整的扫描）。
// %% [markdown] lang="en"
// ### 4. How to choose the rank r of LoRA?
//
// Material: a small sweep with α/r fixed at 2. One seed and few steps: the figure shows how to look, and concludes nothing ([3.6.2](3.6.2-lora.ipynb) has the full sweep).
// %%
const ranks = budget(1, 0) ? [1, 4, 16, 64] : [1, 16], sweep: { r: number; train: number; validation: number }[] = [];
for (const r of ranks) {
  const run = await tl.train({ model, method: tl.lora({ rank: r, alpha: 2 * r }), data: { train: trainSet, validation: checkSet }, steps: budget(30, 3), batchSize: 8, learningRate: 3e-3, display: false });
  const last = run.history.steps.slice(-5);
  sweep.push({ r, train: last.reduce((s, x) => s + x.loss, 0) / last.length, validation: run.history.evaluations[run.history.evaluations.length - 1].loss });
  tl.dispose(run.trained);
}
await show(lineChart({
  title: t({ zh: "秩与损失", en: "Rank and loss" }), x: { title: "r", log: true }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: [{ name: t({ zh: "训练（最后 5 步）", en: "training (last 5 steps)" }), x: ranks, y: sweep.map((s) => s.train) }, { name: t({ zh: "验证", en: "validation" }), x: ranks, y: sweep.map((s) => s.validation) }], alt: sweep.map((s) => `r = ${s.r}: ${s.validation.toFixed(2)}`).join("; "),
}));
// %%
tl.check("practice/4", "");
// %% [markdown] lang="zh"
// ### 5. Prefix Tuning 怎样处理训练数据？关键技术有哪些？
//
// 材料：一个样本的 token，着色的才算损失；再看前缀占去多少上下文。
// %% [markdown] lang="en"
// ### 5. How are training data prepared for prefix tuning, and what are its key techniques?
//
// Material: the tokens of one example, those in colour count in the loss; and how much of the context a prefix takes.
// %%
const one = trainSet[0], longest = Math.max(...examples.map((e) => e.ids.length));
tl.showTokens(Array.from(one.ids, (id, i) => ({ text: model.tokenizer.decode([id]), marked: one.target[i] === 1 })), { marked: t({ zh: "算损失", en: "counts in the loss" }), plain: t({ zh: "只是上文", en: "context only" }) });
table([0, 16, 64, 256].map((n) => ({ [t({ zh: "前缀长度", en: "prefix length" })]: n, [t({ zh: "剩下的上下文", en: "context left" })]: model.config.maxPositions - n, [t({ zh: "最长的样本", en: "longest example" })]: longest, [t({ zh: "放得下", en: "fits" })]: longest <= model.config.maxPositions - n ? "✓" : "✗" })));
// %%
tl.check("practice/5", "");
