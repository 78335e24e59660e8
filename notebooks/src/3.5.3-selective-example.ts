// Section 3.5.3 of the course: the worked example. BitFit from the data to the answer, and the audit of the chapter's listing.
// Build both languages with: npm run notebooks -- 3.5.3-selective-example
// %% [markdown] lang="zh"
// # 3.5.3 部分参数微调示例：从数据到回答，用 BitFit 走一遍
//
// 书上用 BitFit 把网络安全知识教给 deepseek-r1-distill-qwen-1.5b。这里在课程模型（同样是 Qwen2 结构）上把同一件事完整地做一遍：数据 → 训练（预热、余弦、检查点）→ 评估 → 保存 → 读回、合并 → 生成。
// 然后审查书上的代码清单：它真正做的是什么？逐项重现，与改正的做法放在一起测量。
//
// 需要的资源：课程模型（6 百万参数），约 1.5 GB 内存；2 核 CPU 上约 3 分钟。
// %% [markdown] lang="en"
// # 3.5.3 A worked example: BitFit, from the data to the answer
//
// The book uses BitFit to teach deepseek-r1-distill-qwen-1.5b about network security. Here the same is done, all of it, on the course model (which is a Qwen2, too): data → training (warm-up, cosine, checkpoints) → evaluation → saving → reading back, merging → generation.
// Then comes the audit of the book's listing: what does it really do? Each point is reproduced and measured beside what is right.
//
// It needs the course model (6 million parameters), about 1.5 GB of memory and, on 2 CPU cores, about 3 minutes.
// %%
import * as fs from "fs";
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend();
const model = await tl.load(tl.courseModel());
const method = tl.bitfit();
console.log(`${machine.name}; ${tl.count(model.params).toLocaleString("en-US")} ${t({ zh: "个参数", en: "parameters" })}`);
// %% [markdown] lang="zh"
// ## 1. 数据
//
// 课程模型预训练时读过 `security-qa` 的训练集，所以用它没见过的 `preferences`：中文问题和好的回答，约三分之二关于网络安全，改成书上的格式 `{question, answer}`。原来的测试集一半作验证，一半作测试；另外用 `security-qa` 的测试集（也没见过）专看网络安全。
// 上色的词元参与损失：答案，和结束符。
// %% [markdown] lang="en"
// ## 1. The data
//
// The course model read the training half of `security-qa` while it was pre-trained, so we take what it has not seen: the Chinese questions of `preferences` with their good answers, about two thirds on network security, in the book's form `{question, answer}`. Half of its test set validates, half tests; the test set of `security-qa` (not seen either) looks at network security alone.
// Coloured tokens count in the loss: the answer, and the end mark.
// %%
const read = async (split: string) => (await tl.loadRecords<{ prompt: string; chosen: string }>(courseFile(`data/preferences/zh/${split}.jsonl`))).map(({ prompt, chosen }) => ({ question: prompt, answer: chosen }));
const trainRecords = await read("train"), heldOut = await read("test"), validationRecords = heldOut.filter((_, i) => i % 2 === 0), testRecords = heldOut.filter((_, i) => i % 2 === 1);
const trainSet = tl.encodeExamples(model.tokenizer, trainRecords), validation = tl.encodeExamples(model.tokenizer, validationRecords), test = tl.encodeExamples(model.tokenizer, testRecords);
const securityTest = tl.encodeExamples(model.tokenizer, await tl.loadRecords(courseFile("data/security-qa/zh/test.jsonl")));
const drawMask = ({ ids, target }: tl.Example) => tl.showTokens(Array.from(ids, (id, i) => ({ text: model.tokenizer.decode([id]), marked: target[i] === 1 })), { plain: t({ zh: "只是上下文", en: "context only" }), marked: t({ zh: "参与损失", en: "counts in the loss" }) });
console.log(t({ zh: "训练 / 验证 / 测试", en: "train / validation / test" }), trainSet.length, validation.length, test.length, t({ zh: "；security-qa 测试", en: "; security-qa test" }), securityTest.length);
const shown = trainRecords.findIndex(({ question }, i) => /密码|攻击|漏洞|网络/.test(question) && !Array.from(trainSet[i].ids).some((id) => model.tokenizer.decode([id]).includes("\ufffd"))); // on security, and no character of several tokens
drawMask(trainSet[shown]);
// %% [markdown] lang="zh" tags=["claim:3.5.3/listing"]
// ## 2. 训练
//
// 与书上一样 5 轮、AdamW、不做权重衰减、10 % 的步数预热、余弦下降。学习率取 3.5.1 节的扫描中表现好的一个（书上是 $10^{-4}$，第 6 节会比较）。每轮在验证集上看一次，并写检查点；中断了就用 `resume: true` 接着跑。
// %% [markdown] lang="en" tags=["claim:3.5.3/listing"]
// ## 2. Training
//
// As in the book: 5 epochs, AdamW without weight decay, warm-up over 10 % of the steps, then a cosine. The learning rate is one that did well in the sweep of 3.5.1 (the book's is $10^{-4}$; part 6 compares). Once an epoch the validation set is looked at and a checkpoint written; after an interruption `resume: true` goes on.
// %%
const RATE = 3e-2, outFolder = `${courseFile(".")}/runs/bitfit-security`, perEpoch = budget(Math.ceil(trainSet.length / 8), 2), steps = 5 * perEpoch;
fs.rmSync(outFolder, { recursive: true, force: true });
const setting = { model, method, optimizer: tl.adamw({ weightDecay: 0 }), data: { train: trainSet, validation }, steps, batchSize: 8, learningRate: RATE, warmup: Math.ceil(0.1 * steps), evaluateEvery: perEpoch, seed: 1, folder: `${outFolder}/run`, saveEvery: perEpoch };
const run = await tl.train(setting);
console.log(run.message);
const checks = run.history.evaluations, lowest = checks.reduce((a, b) => (b.loss < a.loss ? b : a)), lastCheck = checks[checks.length - 1];
console.log(t({ zh: `验证损失最低在第 ${lowest.step} 步（${lowest.loss.toFixed(3)}），最后 ${lastCheck.loss.toFixed(3)}：`, en: `validation loss is lowest at step ${lowest.step} (${lowest.loss.toFixed(3)}), at the end ${lastCheck.loss.toFixed(3)}: ` }) + (lastCheck.loss > lowest.loss + 0.02 ? t({ zh: "更早停下会更好", en: "stopping earlier would be better" }) : t({ zh: "还没有明显的过拟合", en: "no clear overfitting yet" })));
// %%
const again = await tl.train({ ...setting, resume: true, display: false });
console.log(t({ zh: `resume: true 从检查点接上：已有 ${again.history.steps.length} 步，没有重新训练；`, en: `resume: true goes on from the checkpoint: ${again.history.steps.length} steps are there, nothing is trained again; ` }) + tl.checkpoints(setting.folder).map(({ step }) => `checkpoint-${step}`).join(", "));
tl.dispose(again.trained);
await show(lineChart({
  title: t({ zh: "学习率：预热，然后余弦", en: "The learning rate: warm-up, then a cosine" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "学习率（×10⁻²）", en: "learning rate (×10⁻²)" }) },
  series: [{ name: "", x: run.history.steps.map((r) => r.step), y: run.history.steps.map((r) => 100 * r.learningRate) }], alt: `${t({ zh: "峰值", en: "peak" })} ${Math.max(...run.history.steps.map((r) => r.learningRate))}`,
}));
// %% [markdown] lang="zh"
// ## 3. 评估
//
// 三个角度：两个测试集上的损失；生成的回答与参考的重合（ROUGE-L，按字）；有多少回答**自己结束**。差别用成对自助法给出 95 % 区间。
// %% [markdown] lang="en"
// ## 3. Evaluation
//
// From three sides: the loss on both test sets; the overlap of generated answers with the references (ROUGE-L, by characters); and how many answers **end by themselves**. Differences have a 95 % interval from the paired bootstrap.
// %%
const asked = testRecords.slice(0, budget(32, 4)), prompts = asked.map(({ question }) => tl.promptText(model.tokenizer, [{ role: "user", content: question }])), MAX = budget(64, 8);
const rougeOf = (said: { text: string }[]) => asked.map(({ answer }, i) => tl.rouge(answer, said[i].text, { units: "characters" }).rougeL.f1);
const answersBefore = await tl.generateAll(model, prompts, { maxNewTokens: MAX }), answersAfter = await tl.generateAll(model, prompts, { adapter: run, maxNewTokens: MAX });
const lossBefore = (await tl.evaluate(model, test)).loss, lossAfter = (await tl.evaluate(model, test, { adapter: run })).loss, securityLoss = [(await tl.evaluate(model, securityTest)).loss, (await tl.evaluate(model, securityTest, { adapter: run })).loss], ended = (said: { stoppedBy: string }[]) => (100 * said.filter((a) => a.stoppedBy === "eos").length) / said.length;
table([[t({ zh: "训练前", en: "before" }), lossBefore, answersBefore], [t({ zh: "训练后", en: "after" }), lossAfter, answersAfter]].map(([name, loss, said]) => ({ "": name, [t({ zh: "测试损失", en: "test loss" })]: (loss as number).toFixed(3), [t({ zh: "困惑度", en: "perplexity" })]: Math.exp(loss as number).toFixed(0), [t({ zh: "security-qa 测试损失", en: "security-qa test loss" })]: securityLoss[said === answersAfter ? 1 : 0].toFixed(3), "ROUGE-L": tl.mean(rougeOf(said as typeof answersAfter)).toFixed(3), [t({ zh: "自己结束 %", en: "end by themselves, %" })]: ended(said as typeof answersAfter).toFixed(0) })));
const overlapGain = tl.pairedDifference(rougeOf(answersBefore), rougeOf(answersAfter), tl.mean), say = ({ low, high }: { low: number; high: number }) => (low > 0 ? t({ zh: "提高了", en: "higher" }) : high < 0 ? t({ zh: "降低了", en: "lower" }) : t({ zh: "区间含 0，分不清", en: "the interval holds 0: undecided" }));
console.log(`ROUGE-L: ${overlapGain.estimate.toFixed(3)} [${overlapGain.low.toFixed(3)}, ${overlapGain.high.toFixed(3)}], ${say(overlapGain)}`);
table(asked.slice(0, 3).map(({ question, answer }, i) => ({ [t({ zh: "问题", en: "question" })]: question, [t({ zh: "训练前", en: "before" })]: answersBefore[i].text.slice(0, 80), [t({ zh: "训练后", en: "after" })]: answersAfter[i].text.slice(0, 80), [t({ zh: "参考", en: "reference" })]: answer })));
// %% [markdown] lang="zh"
// 课程模型很小，读的也少：不要指望它的回答是对的。这里看的是流程，和数字往哪个方向走。
//
// ## 4. 保存、读回、合并、生成
//
// 训练改变的只有偏置，所以只存偏置。书上的 `model.save_pretrained` 存的是**整个**模型。
// %% [markdown] lang="en"
// The course model is small and has read little: do not expect right answers. What matters here is the procedure, and which way the numbers go.
//
// ## 4. Save, read back, merge, generate
//
// Training has changed the biases alone, so the biases alone are stored. The book's `model.save_pretrained` stores the **whole** model.
// %%
tl.saveAdapter(`${outFolder}/adapter`, run, model);
const loaded = tl.loadAdapter(`${outFolder}/adapter`, model), merged = { ...model, params: loaded.method.merge!(model.params, loaded.trained) };
tl.save(merged, `${outFolder}/merged`, { dtype: "F16" });
table(["adapter", "merged"].map((folder) => ({ [t({ zh: "文件夹", en: "folder" })]: folder, [t({ zh: "字节", en: "bytes" })]: tl.storedBytes(`${outFolder}/${folder}`) })));
const [fromLoaded] = await tl.generate(model, prompts.slice(0, 1), { adapter: loaded, maxNewTokens: MAX }), [fromMerged] = await tl.generate(merged, prompts.slice(0, 1), { maxNewTokens: MAX }), lossMerged = (await tl.evaluate(merged, test)).loss;
console.log(asked[0].question, "→", fromMerged.text);
console.log(t({ zh: `读回：回答相同 ${fromLoaded.text === answersAfter[0].text}；合并（FP32）：测试损失相差 ${Math.abs(lossMerged - lossAfter).toExponential(1)}`, en: `read back: the same answer, ${fromLoaded.text === answersAfter[0].text}; merged (FP32): test loss differs by ${Math.abs(lossMerged - lossAfter).toExponential(1)}` }));
tl.dispose(merged.params); tl.dispose(loaded.trained);
// %% [markdown] lang="zh"
// `merged` 文件夹可以用 Python 的 transformers 直接打开。对书上的 1.5B 模型，同样的流程是一条命令（学习率请在自己的验证集上再试几个）：
//
// ```
// npx tunelab finetune --model DeepSeek-R1-Distill-Qwen-1.5B --data data.json --method bitfit --epochs 5 --learning-rate 1e-2 --out runs/bitfit --merge
// ```
//
// ## 5. 代码清单审查：标签
//
// 清单里每个样本是 `问题: {q}\n 答案: {a}`，补到 512，`labels = input_ids`，再交给 `DataCollatorForLanguageModeling(mlm=False)`。这个整理器会**重新生成**标签：复制 `input_ids`，把等于 `pad` 的都改成 −100（不参与损失）。清单设 `pad = eos`，而且文本末尾**根本没有**加结束符。结果：
//
// * 问题的词元也参与损失；
// * 没有任何一个样本教模型停下来；就算自己把结束符加进文本，它也会和填充一起被遮住。
//
// 上：清单的标签（填充只画几个）；下：改正的标签。
// %% [markdown] lang="en"
// Python's transformers opens the folder `merged` as it is. For the book's 1.5B model the same procedure is one command (try several learning rates on your own validation set):
//
// ```
// npx tunelab finetune --model DeepSeek-R1-Distill-Qwen-1.5B --data data.json --method bitfit --epochs 5 --learning-rate 1e-2 --out runs/bitfit --merge
// ```
//
// ## 5. Listing audit: the labels
//
// In the listing an example is `问题: {q}\n 答案: {a}`, filled up to 512, with `labels = input_ids`, and given to `DataCollatorForLanguageModeling(mlm=False)`. That collator **makes the labels anew**: it copies `input_ids` and sets to −100 (not in the loss) whatever equals `pad`. The listing sets `pad = eos`, and its texts have **no** end mark at all. So:
//
// * tokens of the question count in the loss as well;
// * no example teaches the model to stop; even if one adds the end mark to the text, it is masked together with the padding.
//
// First the listing's labels (with a few of the padding tokens), then the right ones.
// %%
const eos = model.tokenizer.eos[0], askedAs = (question: string) => `问题: ${question}\n 答案:`;
/** What the listing's collator makes: every token of the text is a target, padding (= the end mark) is none. Padding is left out: masked and behind the text, it changes nothing. */
const asListed = ({ question, answer }: { question: string; answer: string }): tl.Example => { const ids = Int32Array.from(model.tokenizer.encode(`${askedAs(question)} ${answer}`).slice(0, 512)); return { ids, target: Uint8Array.from(ids, (_, i) => Number(i > 0)) }; };
/** The same text with its end mark; targets are the answer and the end mark. */
const corrected = ({ question, answer }: { question: string; answer: string }): tl.Example => { const before = model.tokenizer.encode(askedAs(question)), ids = [...before, ...model.tokenizer.encode(` ${answer}`), eos]; return { ids: Int32Array.from(ids), target: Uint8Array.from(ids, (_, i) => Number(i >= before.length)) }; };
const listed = trainRecords.map(asListed), right = trainRecords.map(corrected), padded = { ids: Int32Array.from([...listed[shown].ids, eos, eos, eos, eos]), target: Uint8Array.from([...listed[shown].target, 0, 0, 0, 0]) };
drawMask(padded);
drawMask(right[shown]);
// %%
const tokens = (examples: tl.Example[]) => examples.reduce((n, e) => n + e.ids.length, 0), targets = (examples: tl.Example[]) => examples.reduce((n, e) => n + e.target.reduce((a, b) => a + b, 0), 0), answersIn = targets(right) - right.length;
const share = { [t({ zh: "填充（补到 512）占全部位置 %", en: "padding (up to 512), % of all positions" })]: 100 * (1 - tokens(listed) / (512 * listed.length)), [t({ zh: "参与损失的词元中，问题和格式 %", en: "question and format, % of the tokens in the loss" })]: 100 * (1 - answersIn / targets(listed)), [t({ zh: "参与损失的结束符", en: "end marks in the loss" })]: listed.reduce((n, e) => n + e.ids.reduce((m, id, i) => m + Number(id === eos && e.target[i] === 1), 0), 0) };
table(Object.entries(share).map(([what, value]) => ({ [t({ zh: "清单的标签", en: "the listing's labels" })]: what, [t({ zh: "值", en: "value" })]: value })));
console.log(t({ zh: `词元与清单逐个相同的样本（不算结束符）：${right.filter((e, i) => e.ids.length - 1 === listed[i].ids.length && listed[i].ids.every((id, j) => id === e.ids[j])).length} / ${right.length}`, en: `examples whose tokens are those of the listing, one by one (end mark aside): ${right.filter((e, i) => e.ids.length - 1 === listed[i].ids.length && listed[i].ids.every((id, j) => id === e.ids[j])).length} of ${right.length}` }));
// %% [markdown] lang="zh"
// ## 6. 代码清单审查：训练
//
// 清单的训练设置：学习率 $10^{-4}$，批 8 × 累积 4，5 轮。旁边的注释说“BitFit 通常使用较高的学习率”，给的却是全参数微调的量级。
// 一步一步改正，每一级只改一处，其余照旧；两个种子。都用测试集上**真实答案和结束符**的损失衡量，格式都是清单的 `问题: … 答案: …`：
//
// 1. 清单：全部词元参与损失，没有结束符；
// 2. 改正学习率：用第 2 节的；
// 3. 再改正标签：只算答案，加结束符；
// 4. 再把累积去掉：同样的数据，步数变成四倍。
// %% [markdown] lang="en"
// ## 6. Listing audit: training
//
// The listing trains at a learning rate of $10^{-4}$, batch 8 × accumulation 4, for 5 epochs. The comment beside it says that "BitFit usually takes a higher learning rate", but the rate is of the size for full fine-tuning.
// We correct step by step, one thing at each step, with two seeds. All are judged by the loss of the **true answers and end marks** of the test set, and all use the listing's form `问题: … 答案: …`:
//
// 1. the listing: every token in the loss, no end mark;
// 2. the learning rate corrected: that of part 2;
// 3. the labels corrected, too: answers only, with the end mark;
// 4. no accumulation either: the same data, four times the steps.
// %%
const ladderNames = [t({ zh: "1 清单", en: "1 listing" }), t({ zh: "2 改正学习率", en: "2 learning rate" }), t({ zh: "3 改正标签", en: "3 labels" }), t({ zh: "4 去掉累积", en: "4 no accumulation" })];
const LADDER: [data: tl.Example[], learningRate: number, accumulate: number][] = [[listed, 1e-4, 4], [listed, RATE, 4], [right, RATE, 4], [right, RATE, 1]], seeds = budget(1, 0) ? [1, 2] : [1];
const rightTest = testRecords.map(corrected), onlyEnd = rightTest.map((e) => ({ ids: e.ids, target: Uint8Array.from(e.ids, (_, i) => Number(i === e.ids.length - 1)) })), plainPrompts = asked.map(({ question }) => askedAs(question));
const loss = async (adapter: tl.Adapter | undefined, on: tl.Example[]) => (await tl.evaluate(model, on, { adapter })).loss, base = { answer: await loss(undefined, rightTest), end: await loss(undefined, onlyEnd) };
const rungs: { answer: number[]; end: number[]; ended: number; length: number; example: string; steps: number }[] = [], work = tl.progress(LADDER.length * seeds.length, t({ zh: "逐级改正", en: "correcting step by step" }));
for (const [i, [data, learningRate, accumulate]] of LADDER.entries()) {
  const rung = { answer: [] as number[], end: [] as number[], ended: 0, length: 0, example: "", steps: 0 };
  for (const [s, seed] of seeds.entries()) {
    const trial = await tl.train({ model, method, optimizer: tl.adamw({ weightDecay: 0 }), data: { train: data }, ...(budget(1, 0) ? { epochs: 5 } : { steps: 2 }), batchSize: 8, accumulate, learningRate, seed, display: false });
    rung.answer.push(await loss(trial, rightTest)); rung.end.push(await loss(trial, onlyEnd)); rung.steps = trial.history.steps.length;
    if (s === 0) { const said = await tl.generateAll(model, plainPrompts, { adapter: trial, maxNewTokens: MAX }); Object.assign(rung, { ended: ended(said), length: tl.mean(said.map((a) => a.ids.length)), example: said[0].text.slice(0, 60) }); }
    tl.dispose(trial.trained); work.update(i * seeds.length + s + 1, ladderNames[i]);
  }
  rungs.push(rung);
}
work.done();
// %%
const halfGap = (x: number[]) => (Math.max(...x) - Math.min(...x)) / 2, columns = [t({ zh: "0 训练前", en: "0 before" }), ...ladderNames];
await show(barChart({
  title: t({ zh: "清单与逐级改正：测试损失（误差棒：两个种子的半差）", en: "The listing, corrected step by step: test loss (bars: half the gap of two seeds)" }), x: { title: t({ zh: "设置", en: "setting" }) }, y: { title: t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) },
  series: [{ name: t({ zh: "答案和结束符", en: "answers and end marks" }), x: columns, y: [base.answer, ...rungs.map((r) => tl.mean(r.answer))], error: [0, ...rungs.map((r) => halfGap(r.answer))] }, { name: t({ zh: "只看结束符", en: "end marks alone" }), x: columns, y: [base.end, ...rungs.map((r) => tl.mean(r.end))], error: [0, ...rungs.map((r) => halfGap(r.end))] }],
  alt: `${t({ zh: "训练前", en: "before" })} ${base.answer.toFixed(3)} / ${base.end.toFixed(3)}; ${rungs.map((r, i) => `${ladderNames[i]}: ${tl.mean(r.answer).toFixed(3)} / ${tl.mean(r.end).toFixed(3)}`).join("; ")}`,
}));
table(rungs.map((r, i) => ({ [t({ zh: "设置", en: "setting" })]: ladderNames[i], [t({ zh: "步数", en: "steps" })]: r.steps, [t({ zh: "测试损失", en: "test loss" })]: tl.mean(r.answer).toFixed(3), [t({ zh: "结束符的损失", en: "loss of end marks" })]: tl.mean(r.end).toFixed(2), [t({ zh: "自己结束 %", en: "end by themselves, %" })]: r.ended.toFixed(0), [t({ zh: "平均长度", en: "mean length" })]: r.length.toFixed(1), [t({ zh: "例子", en: "example" })]: r.example })));
const effect = (a: number, b: number) => { const d = rungs[a].answer.map((v, i) => v - rungs[b].answer[i]), noise = halfGap(d); return `${tl.mean(d).toFixed(3)} ± ${noise.toFixed(3)}${tl.mean(d) > Math.max(2 * noise, 0.005) ? t({ zh: "（有益）", en: " (helps)" }) : tl.mean(d) < -Math.max(2 * noise, 0.005) ? t({ zh: "（有害）", en: " (harms)" }) : t({ zh: "（看不出）", en: " (not to be seen)" })}`; };
const listingGain = base.answer - tl.mean(rungs[0].answer), finalGain = base.answer - tl.mean(rungs[3].answer);
console.log(t({ zh: `损失降低：改学习率 ${effect(0, 1)}，改标签 ${effect(1, 2)}，去掉累积 ${effect(2, 3)}。`, en: `Fall of the loss: by the learning rate ${effect(0, 1)}, by the labels ${effect(1, 2)}, by no accumulation ${effect(2, 3)}.` }));
console.log(t({ zh: `清单得到的增益是全部改正后的 ${((100 * listingGain) / finalGain).toFixed(0)} %。`, en: `The listing gets ${((100 * listingGain) / finalGain).toFixed(0)} % of the gain of the corrected training.` }));
// %% [markdown] lang="zh"
// ## 7. 代码清单审查：FP16
//
// 清单用 `torch_dtype = torch.float16` 加载，又设 `fp16 = True`。于是要训练的偏置本身就是 FP16，而混合精度要求被训练的权重是 FP32：PyTorch 的 `GradScaler` 会拒绝，报 `ValueError: Attempting to unscale FP16 gradients.`，**一步也训练不了**。
//
// 有人会去掉 `fp16 = True`，错误就没有了。可是偏置仍存成 FP16：每一步的更新如果不到相邻两个数距离的一半，就被舍入掉。用清单的学习率重现，数一数有多少偏置自始至终没有动过（与按 FP16 舍入的起点相比）：
// %% [markdown] lang="en"
// ## 7. Listing audit: FP16
//
// The listing loads with `torch_dtype = torch.float16` and sets `fp16 = True` as well. So the biases to be trained are FP16 themselves, while mixed precision wants trained weights in FP32: PyTorch's `GradScaler` refuses with `ValueError: Attempting to unscale FP16 gradients.`, and **not one step is trained**.
//
// Some will remove `fp16 = True`, and the error is gone. But the biases are still kept in FP16: an update of less than half the distance to the next number is rounded away. We reproduce it at the listing's rate, and count the biases that have not moved at all (from the start, rounded to FP16):
// %%
const stored: Record<string, { run: tl.Run; start: (p: tl.Params[string]) => tl.Params[string] }> = {};
for (const [name, optimizer, start] of [["FP32", tl.adamw({ weightDecay: 0 }), (p: tl.Params[string]) => tl.tf.add(p as never, 0)], ["FP16", tl.storedIn("half", tl.adamw({ weightDecay: 0 })), (p: tl.Params[string]) => tl.rounded(p as never, "half")]] as const)
  stored[name] = { run: await tl.train({ model, method, optimizer, data: { train: right }, ...(budget(1, 0) ? { epochs: 5 } : { steps: 2 }), batchSize: 8, accumulate: 4, learningRate: 1e-4, seed: 1, display: false }), start: start as never };
const stuck = (name: string, kind: string) => tl.tf.tidy(() => { const found = Object.entries(stored[name].run.trained).filter(([n]) => n.endsWith(`${kind}_proj.bias`)); return (100 * found.reduce((n, [key, p]) => n + tl.tf.sum(tl.tf.cast(tl.tf.equal(p, stored[name].start(model.params[key])), "int32")).dataSync()[0], 0)) / found.reduce((n, [, p]) => n + p.size, 0); });
const largestOf = (kind: string) => Math.max(...Object.entries(model.params).filter(([n]) => n.endsWith(`${kind}_proj.bias`)).map(([, p]) => Math.max(...Array.from(p.dataSync(), Math.abs))));
table(["q", "k", "v"].map((kind) => { const most = largestOf(kind); return { [t({ zh: "偏置", en: "biases of" })]: kind, [t({ zh: "最大绝对值", en: "largest magnitude" })]: most, [t({ zh: "那里 FP16 的间距", en: "distance of FP16 numbers there" })]: (2 ** (Math.floor(Math.log2(most)) - 10)).toExponential(1), [t({ zh: "FP32：没动 %", en: "FP32: never moved, %" })]: stuck("FP32", kind).toFixed(1), [t({ zh: "FP16：没动 %", en: "FP16: never moved, %" })]: stuck("FP16", kind).toFixed(1) }; }), t({ zh: "学习率 1e-4", en: "Learning rate 1e-4" }));
const stuckAll = ["q", "k", "v"].map((kind) => stuck("FP16", kind)), bigBias = 100;
console.log(t({ zh: `FP16 中没动的偏置最多的一种：${Math.max(...stuckAll).toFixed(0)} %。一个大小为 ${bigBias} 的数，FP16 的间距是 ${2 ** (Math.floor(Math.log2(bigBias)) - 10)}：1e-4 的更新在那里永远不会生效。`, en: `The kind with most unmoved biases in FP16: ${Math.max(...stuckAll).toFixed(0)} %. At a number of size ${bigBias} the distance in FP16 is ${2 ** (Math.floor(Math.log2(bigBias)) - 10)}: an update of 1e-4 never takes effect there.` }));
Object.values(stored).forEach(({ run: r }) => tl.dispose(r.trained));
// %% [markdown] lang="zh"
// ## 8. 代码清单审查：其余各项
//
// 下表按 1.5B 模型的形状算出，或直接从清单读出。
// %% [markdown] lang="en"
// ## 8. Listing audit: the rest
//
// Computed from the shapes of the 1.5B model, or read off the listing.
// %%
const config15 = tl.parseConfig({ model_type: "qwen2", hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, num_attention_heads: 12, num_key_value_heads: 2, vocab_size: 151936, tie_word_embeddings: false }, "DeepSeek-R1-Distill-Qwen-1.5B");
const shapes15 = Object.entries(tl.parameterShapes(config15)).map(([name, shape]) => ({ name, size: shape.reduce((a, b) => a * b, 1) })), sumOf = (list: typeof shapes15) => list.reduce((n, p) => n + p.size, 0), all15 = sumOf(shapes15), biases15 = sumOf(shapes15.filter(({ name }) => name.endsWith(".bias")));
const printed = `${biases15}/${all15} (${((100 * biases15) / all15).toFixed(2)}%)`, WHAT = t({ zh: "清单", en: "the listing" }), EFFECT = t({ zh: "后果", en: "what it does" }), BETTER = t({ zh: "改正", en: "instead" });
table([
  { [WHAT]: ":.2f}%", [EFFECT]: t({ zh: `打印出来是 ${printed}，像是什么都没训练`, en: `prints ${printed}, as if nothing were trained` }), [BETTER]: t({ zh: `${((100 * biases15) / all15).toPrecision(2)} %：写足有效数字`, en: `${((100 * biases15) / all15).toPrecision(2)} %: enough digits` }) },
  { [WHAT]: "'bias' in name", [EFFECT]: t({ zh: "在没有偏置的模型（Llama）上解冻 0 个参数，反向传播时才报错", en: "unfreezes 0 parameters where there are no biases (Llama); the error comes in the backward pass only" }), [BETTER]: t({ zh: "训练之前就检查，见 3.5.1", en: "check before training, see 3.5.1" }) },
  { [WHAT]: ".get(\"validation\")", [EFFECT]: t({ zh: "load_dataset(data_files=路径) 只有 train，所以得到 None：从不评估", en: "load_dataset(data_files=path) has a train split only, so this is None: nothing is ever evaluated" }), [BETTER]: t({ zh: "自己划分验证集", en: "split off a validation set" }) },
  { [WHAT]: "max_length = 512", [EFFECT]: t({ zh: `这份数据 ${(100 * (1 - tokens(listed) / (512 * listed.length))).toFixed(0)} % 的计算用在填充上`, en: `on these data ${(100 * (1 - tokens(listed) / (512 * listed.length))).toFixed(0)} % of the work is padding` }), [BETTER]: t({ zh: "按批次补齐，长度相近的放在一起（3.7.1）", en: "pad by batch, batches of like length (3.7.1)" }) },
  { [WHAT]: "save_pretrained", [EFFECT]: t({ zh: `每个任务存整个模型：${((2 * all15) / 1e9).toFixed(2)} GB（16 位）`, en: `the whole model for each task: ${((2 * all15) / 1e9).toFixed(2)} GB (16 bits)` }), [BETTER]: t({ zh: `只存偏置：${((2 * biases15) / 1e3).toFixed(0)} kB`, en: `the biases alone: ${((2 * biases15) / 1e3).toFixed(0)} kB` }) },
  { [WHAT]: "import peft", [EFFECT]: t({ zh: "LoraConfig 等从未使用（bitsandbytes 也是）", en: "LoraConfig and others are never used (nor is bitsandbytes)" }), [BETTER]: t({ zh: "删去", en: "leave out" }) },
]);
// %% [markdown] lang="zh"
// ## 9. 结论
// %% [markdown] lang="en"
// ## 9. Conclusions
// %%
const gainHere = lossBefore - lossAfter;
console.log(t({ zh: `BitFit 训练了 ${tl.trainableCount(run)} 个数（模型的 ${((100 * tl.trainableCount(run)) / tl.count(model.params)).toPrecision(2)} %），测试损失 ${lossBefore.toFixed(3)} → ${lossAfter.toFixed(3)}，${gainHere > 0.02 ? "确实学到了东西" : "几乎没有变化"}；`, en: `BitFit trained ${tl.trainableCount(run)} numbers (${((100 * tl.trainableCount(run)) / tl.count(model.params)).toPrecision(2)} % of the model); test loss ${lossBefore.toFixed(3)} → ${lossAfter.toFixed(3)}: ${gainHere > 0.02 ? "it did learn something" : "hardly a change"}; ` }) + t({ zh: `ROUGE-L ${say(overlapGain)}。`, en: `ROUGE-L: ${say(overlapGain)}.` }));
const securityChange = securityLoss[1] - securityLoss[0];
console.log(t({ zh: `security-qa 测试损失 ${securityLoss[0].toFixed(3)} → ${securityLoss[1].toFixed(3)}：`, en: `security-qa test loss ${securityLoss[0].toFixed(3)} → ${securityLoss[1].toFixed(3)}: ` }) + (securityChange < -0.02 ? t({ zh: "网络安全上也有进步，“注入知识”至少方向对。", en: "better on network security as well; \"injecting knowledge\" goes the right way at least." }) : securityChange > 0.02 ? t({ zh: "另一份网络安全答案反而变差了（它的训练集，模型预训练时读过）：学到的更像是这份数据的写法，而不是网络安全知识。", en: "other answers on network security got worse (their training half was read in pre-training): what was learned is more likely how these data are written than network security." }) : t({ zh: "没有变化：学到的没有推广到另一份网络安全数据。", en: "no change: what was learned does not carry over to other data on network security." })));
const endings = tl.mean(rungs[1].end) - tl.mean(rungs[2].end), noiseOfEnds = halfGap(rungs[1].end) + halfGap(rungs[2].end);
console.log(t({ zh: `用同样的学习率，清单的标签与改正的标签，结束符的损失是 ${tl.mean(rungs[1].end).toFixed(2)} 与 ${tl.mean(rungs[2].end).toFixed(2)}（训练前 ${base.end.toFixed(2)}），自己结束的回答是 ${rungs[1].ended.toFixed(0)} % 与 ${rungs[2].ended.toFixed(0)} %：`, en: `At the same learning rate, with the listing's labels and with the right ones, the loss of end marks is ${tl.mean(rungs[1].end).toFixed(2)} and ${tl.mean(rungs[2].end).toFixed(2)} (before: ${base.end.toFixed(2)}), and ${rungs[1].ended.toFixed(0)} % and ${rungs[2].ended.toFixed(0)} % of the answers end by themselves: ` }) + (endings > noiseOfEnds + 0.05 ? t({ zh: "要直接教模型停下来，结束符必须在标签里。", en: "to teach the model directly when to stop, the end mark has to be among the labels." }) : endings < -noiseOfEnds - 0.05 ? t({ zh: "这里清单的标签反而更好。", en: "here the listing's labels are even better." }) : t({ zh: "看不出差别。", en: "no difference is to be seen." })));
tl.dispose(run.trained);
// %% [markdown] lang="zh"
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.5.3/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.5.3/1")` 给解答。
//
// 1. 一份数据有 1000 个样本，批 8，累积 4，5 轮。优化器一共更新多少次？（每轮最后不满的一组也更新一次）
// 2. FP16 的一个偏置等于 3.0。它旁边的数相距多远？更新小于这个距离的一半就会被舍入掉；请填**这个一半**。
// 3. 写一个函数 `(ids, pad) => number[]`，重现清单的整理器：返回标签，等于 `pad` 的位置是 −100。
// 4. 写一个函数 `(prompt, answer, eos) => {ids, labels}`：改正的做法。`prompt`、`answer` 是词元列表；提示的标签是 −100，答案和结束符照抄。
// %% [markdown] lang="en"
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.5.3/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.5.3/1")` the solution.
//
// 1. A data set has 1000 examples; batch 8, accumulation 4, 5 epochs. How many updates does the optimizer make? (The incomplete group at the end of an epoch makes one as well.)
// 2. A bias in FP16 is 3.0. How far apart are the numbers there? An update of less than half of that is rounded away; give **that half**.
// 3. Write a function `(ids, pad) => number[]` that does what the listing's collator does: it returns the labels, −100 wherever `pad` is.
// 4. Write a function `(prompt, answer, eos) => {ids, labels}` that does it right. `prompt` and `answer` are lists of tokens; labels of the prompt are −100, answer and end mark are copied.
// %%
tl.check("3.5.3/1", undefined);
tl.check("3.5.3/2", undefined);
tl.check("3.5.3/3", undefined);
tl.check("3.5.3/4", undefined);
