// Section 3.7.2 of the course: reward model, PPO, RLHF, DPO and GRPO on the course model; reward against KL; a reward that is hacked; the comparison, measured.
// Build both languages with: npm run notebooks -- 3.7.2-reinforcement
// %% [markdown] lang="zh"
// # 3.7.2 强化学习微调：奖励升高了，模型变好了吗？
//
// 监督微调告诉模型“标准答案是什么”。强化学习微调让模型**自己回答**，再告诉它“答得怎么样”。信号可以是程序判的对错，也可以是人的偏好。
// 本节在课程模型上走完整条流水线：监督微调 → 奖励模型 → PPO，然后是 DPO 和 GRPO。两个任务：
//
// * **可验证任务**：私有/公网地址、HTTP 状态码类别、CVSS 等级。程序判定，对得 1 分，错得 0 分；
// * **偏好任务**：`preferences` 中好坏成对的回答。没有程序能判，要先学出一个奖励模型。
//
// 最后两个问题最重要：奖励是用多大的**偏离**换来的？奖励本身错了会怎样？
//
// 需要的资源：课程模型（6 百万参数），约 2 GB 内存；2 核 CPU 上约 4 分钟。模型很小，看的是方法的行为，不是回答的水平。
// %% [markdown] lang="en"
// # 3.7.2 Reinforcement learning: the reward went up. Is the model better?
//
// Supervised fine-tuning shows a model the right answers. Reinforcement learning lets it answer **by itself**, and says how good that was. The signal may be a program's verdict or people's preferences.
// This section goes the whole way on the course model: supervised fine-tuning → reward model → PPO, then DPO and GRPO. Two tasks:
//
// * a **verifiable task**: private or public address, class of an HTTP status, CVSS band. A program judges: 1 for right, 0 for wrong;
// * a **preference task**: the pairs of good and bad answers in `preferences`. No program can judge these; a reward model has to be learned first.
//
// Two questions at the end matter most: what **distance** from the start does the reward cost? And what if the reward itself is wrong?
//
// It needs the course model (6 million parameters), about 2 GB of memory and, on 2 CPU cores, about 4 minutes. The model is small: watch how the methods behave, not how well it answers.
// %%
import * as tl from "tunelab";
import { budget, courseFile, table, show, lineChart, barChart, t } from "tunelab";

const machine = await tl.backend(), base = await tl.load(tl.courseModel()), { tokenizer } = base;
type Pair = { prompt: string; chosen: string; rejected: string };
const read = <R,>(name: string, split: string) => tl.loadRecords<R>(courseFile(`data/${name}/zh/${split}.jsonl`)), TASKS = ["ipv4-private", "http-status-class", "cvss-band"];
const ofTasks = async (split: string) => (await read<tl.VerifiableTask>("verifiable", split)).filter((r) => TASKS.includes(r.task));
const taught = await ofTasks("train"), held = await ofTasks("test"), pairsTaught = await read<Pair>("preferences", "train"), pairsHeld = await read<Pair>("preferences", "test");
console.log(`${machine.name}; ${t({ zh: "可验证", en: "verifiable" })} ${taught.length} + ${held.length}, ${t({ zh: "偏好", en: "preferences" })} ${pairsTaught.length} + ${pairsHeld.length} (${t({ zh: "训练 + 留出", en: "training + held out" })})`);
// %% [markdown] lang="zh"
// ## 1. 起点：监督微调
//
// 流水线的第一步：在两个任务的好回答上做监督微调，得到 $\pi_{\text{SFT}}$。它是后面所有方法的**起点**，也是它们的**参考策略** $\pi_{\text{ref}}$。
// 为什么不能直接从预训练模型开始？强化学习只能放大模型已经会说出来的好回答；从来答不对，就没有可以放大的东西。
// %% [markdown] lang="en"
// ## 1. Where to start: supervised fine-tuning
//
// Step one of the pipeline: fine-tune on good answers to both tasks, which gives $\pi_{\text{SFT}}$. It is the **start** of all methods below, and their **reference** $\pi_{\text{ref}}$.
// Why not begin with the pre-trained model? Reinforcement learning can only strengthen good answers that the model already gives now and then; where it is never right, there is nothing to strengthen.
// %%
const shown = tl.encodeExamples(tokenizer, [...taught.map((r) => ({ prompt: r.prompt, completion: r.answer })), ...pairsTaught.map((r) => ({ prompt: r.prompt, completion: r.chosen }))]);
const sftRun = await tl.train({ model: base, method: tl.full(), data: { train: shown }, steps: budget(96, 30), batchSize: 16, learningRate: 5e-4 });
const model: tl.Model = { ...base, params: sftRun.method.merge!(base.params, sftRun.trained) };
tl.dispose(sftRun.trained);
// %% [markdown] lang="zh"
// 让它回答：每道题抽 8 个回答（温度 1），程序判分。先看一道题，再看所有题：8 个里对几个？
// %% [markdown] lang="en"
// Let it answer: 8 answers to each prompt (temperature 1), judged by the program. First one prompt, then all: how many of 8 are right?
// %%
const truth = tl.verifiableReward(), GROUP = 8, prompts = tl.encodePrompts(tokenizer, taught).slice(0, budget(241, 40)), heldPrompts = tl.encodePrompts(tokenizer, held);
const short = { maxNewTokens: 8, batchSize: 64, decodeBatch: 128 }, drawingBegan = performance.now();
const drawn = await tl.sampleCompletions(model, prompts.map((p) => p.ids), { count: GROUP, maxNewTokens: 8, batchSize: 128, seed: 7 });
const groups = await Promise.all(prompts.map(async (prompt, i) => {
  const answers = drawn[i].map(({ ids, ended }) => ({ ids, ended, prompt, text: tokenizer.decode(ended ? ids.slice(0, -1) : ids, { skipSpecialTokens: true }) }));
  return { prompt, answers, rewards: [...(await truth(answers))] };
}));
const drawingSeconds = (performance.now() - drawingBegan) / 1000;
const rightOf = groups.map((g) => g.rewards.filter(Boolean).length), mixed = groups[Math.max(0, rightOf.findIndex((n) => n > 0 && n < GROUP))];
table(mixed.answers.map((a, i) => ({ [t({ zh: "回答", en: "answer" })]: a.text, [t({ zh: "奖励", en: "reward" })]: mixed.rewards[i] })), `${mixed.prompt.record.prompt} (${mixed.prompt.record.answer})`);
// %%
const commonest = Object.fromEntries(TASKS.map((task) => { const all = taught.filter((r) => r.task === task).map((r) => r.answer); return [task, [...all].sort((a, b) => all.filter((x) => x === b).length - all.filter((x) => x === a).length)[0]]; }));
const guessing = tl.mean(held.map((r) => tl.answerReward(commonest[r.task], r))), flatShare = rightOf.filter((n) => n === 0 || n === GROUP).length / groups.length;
await show(barChart({
  title: t({ zh: `${groups.length} 道题，各 ${GROUP} 个回答：对几个？`, en: `${groups.length} prompts, ${GROUP} answers each: how many are right?` }), x: { title: t({ zh: `${GROUP} 个回答中对的个数`, en: `right answers among ${GROUP}` }) }, y: { title: t({ zh: "题数", en: "prompts" }) },
  series: [{ name: t({ zh: "题数", en: "prompts" }), x: Array.from({ length: GROUP + 1 }, (_, n) => `${n}`), y: Array.from({ length: GROUP + 1 }, (_, n) => rightOf.filter((k) => k === n).length) }],
  alt: Array.from({ length: GROUP + 1 }, (_, n) => `${n}: ${rightOf.filter((k) => k === n).length}`).join(", "),
}));
console.log(t({ zh: `平均奖励 ${tl.mean(rightOf.map((n) => n / GROUP)).toFixed(3)}（在留出题上，总答该任务最常见的答案能得 ${guessing.toFixed(3)}）；${(100 * flatShare).toFixed(0)} % 的题全对或全错`, en: `mean reward ${tl.mean(rightOf.map((n) => n / GROUP)).toFixed(3)} (always the commonest answer of the task would earn ${guessing.toFixed(3)} on held-out prompts); for ${(100 * flatShare).toFixed(0)} % of the prompts all answers are right, or all wrong` }));
// %% [markdown] lang="zh"
// ## 2. 近端策略优化（PPO）
//
// 策略 $\pi_\theta$ 抽出回答 $y$；每个词元是一个动作。$\rho_t=\pi_\theta(y_t)/\pi_{\text{old}}(y_t)$ 是新旧策略的概率比，$A_t$ 是优势：这个词元比预期好多少。PPO 最大化
//
// $$E_t\Big[\min\big(\rho_tA_t,\ \mathrm{clip}(\rho_t,\,1-\varepsilon,\,1+\varepsilon)\,A_t\big)\Big],\qquad A_t=\sum_k(\gamma\lambda)^k\delta_{t+k},\quad \delta_t=r_t+\gamma V_{t+1}-V_t$$
//
// 每个词元的奖励含 KL 的代价：$r_t=-\beta\,(\log\pi_{\text{old}}(y_t)-\log\pi_{\text{ref}}(y_t))+[t\text{ 是最后一个}]\,r(x,y)$。价值函数 $V$ 也要学。
// 书上说剪切函数“可以是线性、二次或指数函数等”：PPO 论文里的剪切就是下面这条**折线**。它的作用是：好处到 $1+\varepsilon$ 为止，坏处不封顶。
// %% [markdown] lang="en"
// ## 2. Proximal policy optimisation (PPO)
//
// The policy $\pi_\theta$ draws an answer $y$; each token is an action. $\rho_t=\pi_\theta(y_t)/\pi_{\text{old}}(y_t)$ is the ratio of new and old probability, $A_t$ the advantage: how much better the token was than expected. PPO maximises
//
// $$E_t\Big[\min\big(\rho_tA_t,\ \mathrm{clip}(\rho_t,\,1-\varepsilon,\,1+\varepsilon)\,A_t\big)\Big],\qquad A_t=\sum_k(\gamma\lambda)^k\delta_{t+k},\quad \delta_t=r_t+\gamma V_{t+1}-V_t$$
//
// Each token's reward holds the price of the KL: $r_t=-\beta\,(\log\pi_{\text{old}}(y_t)-\log\pi_{\text{ref}}(y_t))+[t\text{ is the last}]\,r(x,y)$. The value function $V$ is learned, too.
// The book says that the clip "may be linear, quadratic or exponential": in PPO's paper it is the **broken line** below. What it does: the gain ends at $1+\varepsilon$, the loss has no limit.
// %%
const ratios = Array.from({ length: 41 }, (_, i) => 0.4 + 0.03 * i);
const surrogate = (advantage: number) => {
  const y = tl.tf.tidy(() => tl.clippedSurrogate(tl.tf.tensor1d(ratios.map(Math.log)), tl.tf.zeros([41]), tl.tf.fill([41], advantage), 0.2).surrogate), values = Array.from(y.dataSync());
  y.dispose();
  return values;
};
await show(lineChart({
  title: t({ zh: "PPO 的目标：min(ρA, clip(ρ)A)，ε = 0.2", en: "PPO's objective: min(ρA, clip(ρ)A), ε = 0.2" }), x: { title: t({ zh: "概率比 ρ", en: "ratio ρ" }) }, y: { title: t({ zh: "目标", en: "objective" }) },
  series: [1, -1].map((advantage) => ({ name: `A = ${advantage}`, x: ratios, y: surrogate(advantage) })), alt: t({ zh: "A = 1：直线上升，在 ρ = 1.2 处变平；A = −1：在 ρ = 0.8 以前是平的，然后一直下降", en: "A = 1: rises, and is flat from ρ = 1.2 on; A = −1: flat up to ρ = 0.8, then falls without end" }),
}));
// %% [markdown] lang="zh"
// 下面的 `trial` 训练、计时、数张量的内存，再在**没有训练过的题**上测量：平均奖励，以及 KL（每个回答平均的 $\log\pi-\log\pi_{\text{ref}}$，单位纳特）。所有方法都训练同样大小的 LoRA（编译好的程序也共用）；参考策略就是关掉 LoRA 的同一个模型，不必另存一份。图中的误差棒都是标准误（除校准图外，都是种子之间的）。
// %% [markdown] lang="en"
// `trial` below trains, takes the time, counts the memory of tensors, and then measures on **prompts that were not trained on**: mean reward, and KL (mean $\log\pi-\log\pi_{\text{ref}}$ of an answer, in nats). All methods train a LoRA of the same size (and share its compiled programs); the reference is the same model with LoRA switched off, so no second copy is held. Error bars in the figures are standard errors (over seeds, but for the calibration).
// %%
interface Task { prompts: tl.Prompt<never>[]; heldOut: tl.Prompt<never>[]; reward: tl.Reward<never>; count: number; perRound: number; drawing: { maxNewTokens: number; batchSize: number; decodeBatch: number }; start: tl.PolicyMeasure }
interface Trial { seconds: number; megabytes: number; history: tl.History; after: tl.PolicyMeasure }
const seeds = budget(1, 0) ? [0, 1, 2] : [0], trials: Record<string, Trial[]> = {}, rate = 2e-3, method = tl.lora({ rank: 8, targets: "all-linear" });
const measure = (task: Omit<Task, "start">, adapter?: tl.Adapter, seed = 0) => tl.measurePolicy(model, task.heldOut, task.reward, { adapter, count: task.count, seed: 1000 + seed, ...task.drawing });
async function trial(name: string, task: Task, work: (common: { model: tl.Model; method: tl.Method; learningRate: number; seed: number; display: boolean }) => Promise<tl.Run>, these = seeds) {
  const bar = tl.progress(these.length, name), found: Trial[] = (trials[name] = []);
  for (const seed of these) {
    const began = performance.now(), { result: run, addedBytes } = await tl.peakTensorBytes(() => work({ model, method, learningRate: rate, seed, display: false }));
    found.push({ seconds: (performance.now() - began) / 1000, megabytes: addedBytes / 1e6, history: run.history, after: await measure(task, run, seed) });
    tl.dispose(run.trained);
    bar.update(found.length, `${t({ zh: "奖励", en: "reward" })} ${found.at(-1)!.after.reward.toFixed(3)}`);
  }
  bar.done();
}
// %%
const verifiable = { prompts: prompts as tl.Prompt<never>[], heldOut: heldPrompts as tl.Prompt<never>[], reward: truth as tl.Reward<never>, count: budget(4, 1), perRound: budget(80, 48), drawing: short };
const checked: Task = { ...verifiable, start: await measure({ ...verifiable, count: budget(8, 1) }) }, ROUNDS = budget(10, 2);
/** n rounds, each of task.perRound answers in steps of 16; measured half-way, too. */
const rounds = (task: Task, n: number, group: number) => ({ prompts: task.prompts, validation: task.heldOut, evaluateEvery: Math.ceil((n * task.perRound) / 32), reward: task.reward, rounds: n, promptsPerRound: task.perRound / group, group, ...task.drawing, batchSize: 16 });
const PPO = t({ zh: "PPO（程序判分）", en: "PPO (program)" });
await trial(PPO, checked, (common) => tl.reinforce({ ...common, ...rounds(checked, ROUNDS, 2), objective: tl.ppo({ klCoefficient: 0.02, valueWeight: 0.5 }) }));
// %%
const signed = (x: number, digits = 3) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;
/** A mean change with its 95 % interval over seeds, and what may be said about it. */
const verdict = (name: string, changes: number[]) => {
  const { mean, error } = tl.interval(changes), n = changes.length;
  return `${name}: ${signed(mean)} ± ${n > 1 ? error.toFixed(3) : "?"} (95 %, ${n} ${t({ zh: "个种子", en: n > 1 ? "seeds" : "seed" })}): ` + (n < 2 ? t({ zh: "种子太少，不能下结论", en: "too few seeds to say" }) : mean - error > 0 ? t({ zh: "升高了", en: "it rose" }) : mean + error < 0 ? t({ zh: "降低了", en: "it fell" }) : t({ zh: "看不出变化", en: "no change can be seen" }));
};
const ofRounds = (name: string, what: string) => trials[name].map((r) => r.history.steps.map((s) => s.metrics?.[what]).filter((v) => v !== undefined));
const overSeeds = (curves: number[][]) => { const at = curves[0].map((_, i) => curves.map((c) => c[i])); return { y: at.map(tl.mean), error: at.map((v) => (v.length > 1 ? Math.sqrt(v.reduce((s, x) => s + (x - tl.mean(v)) ** 2, 0) / (v.length - 1) / v.length) : 0)) }; };
const counting = (n: number) => Array.from({ length: n }, (_, i) => i + 1), gains = (name: string, task: Task) => trials[name].map((r) => r.after.reward - task.start.reward);
await show(lineChart({
  title: t({ zh: `PPO：每一轮 ${checked.perRound} 个回答的平均奖励（${seeds.length} 个种子）`, en: `PPO: mean reward of the ${checked.perRound} answers of a round (${seeds.length} seeds)` }), x: { title: t({ zh: "轮", en: "round" }) }, y: { title: t({ zh: "奖励", en: "reward" }) },
  series: [{ name: PPO, x: counting(ROUNDS), ...overSeeds(ofRounds(PPO, "reward")) }], alt: overSeeds(ofRounds(PPO, "reward")).y.map((v) => v.toFixed(2)).join(", "),
}));
console.log(verdict(t({ zh: "留出题上的奖励", en: "reward on held-out prompts" }), gains(PPO, checked)));
const beyond = (name: string) => { const { mean, error } = tl.interval(trials[name].map((r) => r.after.reward)); return `${mean.toFixed(3)}${seeds.length < 2 ? "; " : mean - error > guessing ? t({ zh: "，高于", en: ", above " }) : mean + error < guessing ? t({ zh: "，低于", en: ", below " }) : t({ zh: "，不能说高于或低于", en: ", neither clearly above nor below " })}${t({ zh: "总答最常见的答案", en: "always giving the commonest answer" })} (${guessing.toFixed(3)})`; };
console.log(beyond(PPO));
console.log(t({ zh: `被剪切的词元的比例 ${(100 * tl.mean(ofRounds(PPO, "clipped").flat())).toFixed(1)} %`, en: `share of tokens that the clip held back: ${(100 * tl.mean(ofRounds(PPO, "clipped").flat())).toFixed(1)} %` }));
// %% [markdown] lang="zh"
// **与书上的说法对照。** “不需要额外的网络，只需要一个策略网络和一个价值函数网络”：价值网络**就是**额外的网络，还要参考策略；奖励来自模型时再加一个。一般的实现同时持有 4 个模型。本库里价值函数只是策略上的一个线性头。
//
// ## 3. 人类反馈强化学习（RLHF）
//
// 没有程序能判分时，先从成对偏好学一个**奖励模型**（Bradley-Terry），再用它的分数做 PPO：
//
// $$L_{\text{RM}}=-E\log\sigma\big(r(x,y_w)-r(x,y_l)\big),\qquad \max_\theta\ E_{x\sim D,\,y\sim\pi_\theta(\cdot\mid x)}\big[r(x,y)\big]-\beta\,\mathrm{KL}\big(\pi_\theta\,\|\,\pi_{\text{ref}}\big)$$
//
// 书上的 $L_{\text{RLHF}}=-E[R(x)]$ **缺 KL 项**（正文说了“保持与原始模型的相似性”，公式里没有），评分的对象也应当是回答 $y$。有了 KL 项，最优解不是“全押在分数最高的回答上”，而是 $\pi^*(y\mid x)\propto\pi_{\text{ref}}(y\mid x)\,e^{r(x,y)/\beta}$。
//
// 先训练奖励模型。它在留出的偏好对上准不准？说“90 % 把握”时，真有 90 % 对吗（校准）？
// %% [markdown] lang="en"
// **Held against the book.** "No additional networks, only a policy and a value network": the value network **is** an additional one, the reference comes on top, and a reward model where the reward is learned. Common implementations hold 4 models. In this library the value function is a linear head on the policy.
//
// ## 3. Reinforcement learning from human feedback (RLHF)
//
// Where no program can judge, a **reward model** is learned from pairs first (Bradley-Terry), and its score is then the reward of PPO:
//
// $$L_{\text{RM}}=-E\log\sigma\big(r(x,y_w)-r(x,y_l)\big),\qquad \max_\theta\ E_{x\sim D,\,y\sim\pi_\theta(\cdot\mid x)}\big[r(x,y)\big]-\beta\,\mathrm{KL}\big(\pi_\theta\,\|\,\pi_{\text{ref}}\big)$$
//
// The book's $L_{\text{RLHF}}=-E[R(x)]$ **lacks the KL term** (its text says "staying similar to the original model", its formula does not), and what is scored is an answer $y$. With the KL term the best policy does not put all on the answer of highest score; it is $\pi^*(y\mid x)\propto\pi_{\text{ref}}(y\mid x)\,e^{r(x,y)/\beta}$.
//
// First the reward model. How often is it right on held-out pairs? And where it is "90 % sure", is it right in 90 % (calibration)?
// %%
const prefer = tl.encodePreferences(tokenizer, pairsTaught), preferHeld = tl.encodePreferences(tokenizer, pairsHeld);
const judgeRun = await tl.train({ model, method: tl.full(), objective: tl.reward(), data: { train: prefer, validation: preferHeld }, steps: budget(40, 3), batchSize: 16, learningRate: 2e-4, evaluateEvery: 0, display: false });
const score = tl.rewardScorer(model, judgeRun, { batchSize: 32 }), heldScores = await score(preferHeld.flatMap((p) => [p.chosen, p.rejected])), [better, worse] = [0, 1].map((k) => heldScores.filter((_, i) => i % 2 === k));
const quality = tl.rewardQuality(better, worse, 10), right = better.map((s, i) => Number(s > worse[i])), sure = tl.bootstrapInterval(right, tl.mean), longer = tl.mean(pairsHeld.map((p) => Number(p.chosen.length > p.rejected.length)));
const confidence = tl.mean(better.map((s, i) => 1 / (1 + Math.exp(-Math.abs(s - worse[i]))))), off = (confidence - sure.estimate) / sure.standardError;
const bins = quality.calibration.bins.filter((b) => b.count);
await show(lineChart({
  title: t({ zh: `奖励模型的校准（${right.length} 对留出偏好）`, en: `The reward model's calibration (${right.length} held-out pairs)` }), x: { title: t({ zh: "它给胜者的概率", en: "probability that it gives to the winner" }) }, y: { title: t({ zh: "判对的比例", en: "share that is right" }) },
  series: [{ name: t({ zh: "奖励模型", en: "reward model" }), x: bins.map((b) => b.confidence), y: bins.map((b) => b.accuracy), error: bins.map((b) => Math.sqrt(((b.accuracy * b.count + 1) / (b.count + 2)) * (1 - (b.accuracy * b.count + 1) / (b.count + 2)) / b.count)) }, { name: t({ zh: "完全校准", en: "perfectly calibrated" }), x: [0.5, 1], y: [0.5, 1] }],
  alt: bins.map((b) => `${b.confidence.toFixed(2)}: ${b.accuracy.toFixed(2)} (n = ${b.count})`).join("; "),
}));
// %%
console.log(t({ zh: `留出准确率 ${(100 * sure.estimate).toFixed(0)} % [${(100 * sure.low).toFixed(0)}, ${(100 * sure.high).toFixed(0)}]；只选较长的回答 ${(100 * longer).toFixed(0)} %；训练集 ${(100 * tl.mean(judgeRun.history.steps.slice(-8).map((r) => r.metrics!.accuracy))).toFixed(0)} %`, en: `accuracy on held-out pairs ${(100 * sure.estimate).toFixed(0)} % [${(100 * sure.low).toFixed(0)}, ${(100 * sure.high).toFixed(0)}]; always the longer answer: ${(100 * longer).toFixed(0)} %; on its own training pairs ${(100 * tl.mean(judgeRun.history.steps.slice(-8).map((r) => r.metrics!.accuracy))).toFixed(0)} %` }));
console.log(sure.low > Math.max(0.5, longer) ? t({ zh: "比猜测和“选较长的”都好", en: "better than guessing and than always taking the longer one" }) : t({ zh: "还不能说它比猜测或“选较长的”更好：后面它打的分要打折扣", en: "it cannot be said to be better than guessing, or than taking the longer answer: mind that when it judges below" }));
console.log(t({ zh: `平均把握 ${(100 * confidence).toFixed(0)} %，期望校准误差 ${quality.calibration.expected.toFixed(3)}：`, en: `mean confidence ${(100 * confidence).toFixed(0)} %, expected calibration error ${quality.calibration.expected.toFixed(3)}: ` }) + (off > 2 ? t({ zh: "它过于自信", en: "it is overconfident" }) : off < -2 ? t({ zh: "它不够自信", en: "it is underconfident" }) : t({ zh: "把握与准确率相符（在误差之内）", en: "confidence and accuracy agree, within the error" })));
// %% [markdown] lang="zh"
// 然后用它的分数做 PPO。注意这里的奖励是**奖励模型的分数**：它升高说明 PPO 做了它该做的事，不说明回答真的更好。
// %% [markdown] lang="en"
// Then PPO with its score. Mind that the reward is now the **score of the reward model**: that it rises says that PPO does its work, not that answers are truly better.
// %%
const long = { maxNewTokens: budget(20, 8), batchSize: 32, decodeBatch: 64 }, PREFER_ROUNDS = budget(4, 2);
const preferring = { prompts: tl.encodePrompts(tokenizer, pairsTaught) as tl.Prompt<never>[], heldOut: tl.encodePrompts(tokenizer, pairsHeld) as tl.Prompt<never>[], reward: tl.modelReward(score) as tl.Reward<never>, count: budget(2, 1), perRound: 48, drawing: long };
const preferred: Task = { ...preferring, start: await measure({ ...preferring, count: budget(4, 1) }) }, RLHF = t({ zh: "RLHF（奖励模型 + PPO）", en: "RLHF (reward model + PPO)" });
await trial(RLHF, preferred, (common) => tl.reinforce({ ...common, ...rounds(preferred, PREFER_ROUNDS, 1), objective: tl.ppo({ klCoefficient: 0.02, valueWeight: 0.5 }) }));
console.log(verdict(t({ zh: "奖励模型给留出问题的回答的分数", en: "the reward model's score of answers to held-out prompts" }), gains(RLHF, preferred)));
const rlhfAfter = trials[RLHF][0].after;
table([0, 1, 2].map((i) => ({ [t({ zh: "问题", en: "prompt" })]: pairsHeld[i].prompt, [t({ zh: "微调前", en: "before" })]: preferred.start.answers[i * budget(4, 1)].text, [t({ zh: "RLHF 之后", en: "after RLHF" })]: rlhfAfter.answers[i * preferred.count].text })));
// %% [markdown] lang="zh"
// ## 4. 直接偏好优化（DPO）
//
// 上面的最优解可以反过来写：$r(x,y)=\beta\log\frac{\pi^*(y\mid x)}{\pi_{\text{ref}}(y\mid x)}+$ 只与 $x$ 有关的常数。代入 Bradley-Terry，常数消掉，就不需要奖励模型了：
//
// $$L_{\text{DPO}}=-E\log\sigma(\beta\Delta),\qquad \Delta=\log\frac{\pi_\theta(y_w\mid x)}{\pi_{\text{ref}}(y_w\mid x)}-\log\frac{\pi_\theta(y_l\mid x)}{\pi_{\text{ref}}(y_l\mid x)}$$
//
// 书上的公式是 $-E[\Delta]$，**缺 $\sigma$ 和 $\beta$**。差别很大：$-\log\sigma$ 在 $\Delta$ 足够大时变平，训练自己会停；$-\Delta$ 没有下界，永远把两个概率推得更开。
// 还有：书上这一小节最后两段和第 5 小节的第三句说的“近端策略优化”，都应当是**直接偏好优化**。
// %% [markdown] lang="en"
// ## 4. Direct preference optimisation (DPO)
//
// The best policy above can be solved for the reward: $r(x,y)=\beta\log\frac{\pi^*(y\mid x)}{\pi_{\text{ref}}(y\mid x)}+$ something that depends on $x$ only. Put into Bradley-Terry that something cancels, and no reward model is needed:
//
// $$L_{\text{DPO}}=-E\log\sigma(\beta\Delta),\qquad \Delta=\log\frac{\pi_\theta(y_w\mid x)}{\pi_{\text{ref}}(y_w\mid x)}-\log\frac{\pi_\theta(y_l\mid x)}{\pi_{\text{ref}}(y_l\mid x)}$$
//
// The book's formula is $-E[\Delta]$, **without $\sigma$ and $\beta$**. That matters: $-\log\sigma$ becomes flat when $\Delta$ is large enough, so training comes to rest; $-\Delta$ has no lower bound and drives the two probabilities apart for ever.
// Also, the book's last two paragraphs on this method, and the third sentence of its comparison, say "proximal policy optimisation" where they mean **direct preference optimisation**.
// %%
const deltas = Array.from({ length: 49 }, (_, i) => -8 + i / 3);
await show(lineChart({
  title: t({ zh: "一对偏好的损失：有 σ 和 β，与没有", en: "The loss of one pair, with σ and β, and without" }), x: { title: t({ zh: "Δ（纳特）", en: "Δ (nats)" }) }, y: { title: t({ zh: "损失（纳特）", en: "loss (nats)" }) },
  series: [{ name: t({ zh: "−Δ（书上的公式）", en: "−Δ (the book's formula)" }), x: deltas, y: deltas.map((d) => -d) }, ...[0.1, 0.5, 1].map((beta) => ({ name: `−log σ(βΔ), β = ${beta}`, x: deltas, y: deltas.map((d) => Math.log1p(Math.exp(-beta * d))) }))],
  alt: t({ zh: "−Δ 是一条直线，降到负无穷；−log σ(βΔ) 降向 0，β 越大越早变平", en: "−Δ is a straight line that falls without end; −log σ(βΔ) falls towards 0, and is flat the sooner the larger β is" }),
}));
// %% [markdown] lang="zh"
// DPO 要成对的数据。偏好任务有现成的；可验证任务就用第 1 节抽出的回答：一对一错。全对或全错的题凑不成对。参考的对数概率只算一次。
// %% [markdown] lang="en"
// DPO wants pairs. The preference task has them; for the verifiable task we take the answers drawn in part 1: a right and a wrong one. Prompts with all answers right, or all wrong, give no pair. The reference's log-probabilities are computed once.
// %%
const ownPairs = groups.flatMap(({ answers, rewards }) => { const [won, lost] = [1, 0].map((r) => answers.find((a, k) => rewards[k] === r)); return won && lost ? [{ chosen: tl.answerExample(won), rejected: tl.answerExample(lost) }] : []; });
const knownOwn = await tl.withReference(model, ownPairs, { batchSize: 32 }), known = await tl.withReference(model, prefer, { batchSize: 32 }), knownHeld = await tl.withReference(model, preferHeld, { batchSize: 32 });
console.log(t({ zh: `可验证：${groups.length} 道题，${ownPairs.length} 对；偏好：${known.length} 对`, en: `verifiable: ${groups.length} prompts, ${ownPairs.length} pairs; preferences: ${known.length} pairs` }));
const DPO = t({ zh: "DPO（自己的对与错）", en: "DPO (own right and wrong)" }), DPO_PREFER = t({ zh: "DPO（偏好）", en: "DPO (preferences)" }), STEPS = budget(40, 4);
const toward = (pairs: tl.PreferencePair[], beta: number, steps: number, validation?: tl.PreferencePair[]) => ({ data: { train: pairs, validation }, objective: tl.dpo({ beta }), steps, batchSize: 16, evaluateEvery: Math.ceil(steps / 5) });
await trial(DPO, checked, (common) => tl.train({ ...common, learningRate: 1.5e-3, ...toward(knownOwn, 0.5, STEPS) }));
await trial(DPO_PREFER, preferred, (common) => tl.train({ ...common, learningRate: 1e-3, ...toward(known, 0.1, budget(25, 4), knownHeld) }));
// %% [markdown] lang="zh"
// **好的、坏的、差距。** 隐式奖励 $\beta\log(\pi_\theta/\pi_{\text{ref}})$ 在留出偏好对上的变化。损失只要求两条线**分开**，没有要求好的那条上升。
// %% [markdown] lang="en"
// **Chosen, rejected, margin.** The implicit reward $\beta\log(\pi_\theta/\pi_{\text{ref}})$ on held-out preference pairs. The loss only asks that the two lines **part**, not that the upper one rises.
// %%
const evaluationsOf = (name: string, what: string) => trials[name].map((r) => r.history.evaluations.map((e) => e.metrics![what])), evaluatedSteps = trials[DPO_PREFER][0].history.evaluations.map((e) => e.step);
const parts = { chosenReward: t({ zh: "好的回答", en: "chosen" }), rejectedReward: t({ zh: "坏的回答", en: "rejected" }), margin: t({ zh: "差距", en: "margin" }) };
await show(lineChart({
  title: t({ zh: "DPO：留出偏好对上的隐式奖励", en: "DPO: implicit reward on held-out preference pairs" }), x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "β·log(π/π_ref)", en: "β·log(π/π_ref)" }) },
  series: Object.entries(parts).map(([what, name]) => ({ name, x: evaluatedSteps, ...overSeeds(evaluationsOf(DPO_PREFER, what)) })),
  alt: Object.entries(parts).map(([what, name]) => `${name}: ${overSeeds(evaluationsOf(DPO_PREFER, what)).y.map((v) => v.toFixed(2)).join(", ")}`).join("; "),
}));
const lastOf = (what: string) => evaluationsOf(DPO_PREFER, what).map((curve) => curve.at(-1)!);
for (const [what, name] of Object.entries(parts)) console.log(verdict(name, lastOf(what)));
const chosenChange = tl.interval(lastOf("chosenReward"));
console.log(chosenChange.mean + chosenChange.error < 0 ? t({ zh: "好的回答也变得更不可能了，只是坏的降得更多：概率去了别处，所以要看抽出来的回答", en: "the good answers became less likely, too, only less so than the bad ones: the probability went elsewhere, so look at what is drawn" }) : chosenChange.mean - chosenChange.error > 0 ? t({ zh: "好的回答变得更可能了", en: "the good answers became more likely" }) : t({ zh: "好的回答的概率看不出变化", en: "no change of the good answers' probability can be seen" }));
console.log(t({ zh: `留出准确率 ${(100 * tl.mean(lastOf("accuracy"))).toFixed(0)} %（奖励模型 ${(100 * sure.estimate).toFixed(0)} %）`, en: `accuracy on held-out pairs ${(100 * tl.mean(lastOf("accuracy"))).toFixed(0)} % (the reward model: ${(100 * sure.estimate).toFixed(0)} %)` }));
console.log(verdict(t({ zh: "可验证任务：留出题上的奖励", en: "verifiable task: reward on held-out prompts" }), gains(DPO, checked)));
// %% [markdown] lang="zh"
// **按书上的公式训练会怎样？** 当 $\beta\Delta$ 很小时 $-\log\sigma(\beta\Delta)\approx\ln2-\beta\Delta/2$：梯度的方向与 $-\Delta$ 相同，只差一个倍数；AdamW 的步长与梯度的倍数无关。所以很小的 β（0.01）就是书上的公式。其余设置不变。
// %% [markdown] lang="en"
// **What does training with the book's formula do?** For small $\beta\Delta$, $-\log\sigma(\beta\Delta)\approx\ln2-\beta\Delta/2$: the gradient has the direction of $-\Delta$'s, but for a factor, and AdamW's steps do not depend on that factor. So a very small β (0.01) is the book's formula. All else is the same.
// %%
const BOOK = t({ zh: "书上的公式（−Δ）", en: "the book's formula (−Δ)" });
await trial(BOOK, checked, (common) => tl.train({ ...common, learningRate: 1.5e-3, ...toward(knownOwn, 0.01, STEPS) }), seeds.slice(0, 1));
const deltaOf = (name: string, beta: number) => tl.mean(trials[name][0].history.steps.slice(-6).map((r) => r.metrics!.margin)) / beta;
table([[DPO, 0.5], [BOOK, 0.01]].map(([name, beta]) => { const { after } = trials[name as string][0]; return {
  [t({ zh: "损失", en: "loss" })]: name, [t({ zh: "Δ（训练，纳特）", en: "Δ (training, nats)" })]: deltaOf(name as string, beta as number), "KL": after.referenceKl, [t({ zh: "自己结束 %", en: "end by themselves, %" })]: 100 * after.ended, [t({ zh: "奖励", en: "reward" })]: after.reward, [t({ zh: "例子", en: "example" })]: after.answers[0].text.slice(0, 40) }; }), t({ zh: `一个种子；起点的奖励 ${checked.start.reward.toFixed(3)}`, en: `one seed; reward at the start: ${checked.start.reward.toFixed(3)}` }));
// %% [markdown] lang="zh"
// ## 5. 组相对策略优化（GRPO）
//
// 书上没有给出公式。每道题抽 $G$ 个回答，优势就是在**组内**的相对成绩，一个回答的所有词元共用：
//
// $$A_i=\frac{r_i-\mathrm{mean}(r_1,\dots,r_G)}{\mathrm{std}(r_1,\dots,r_G)},\qquad L=-\frac1G\sum_i\frac1{|y_i|}\sum_t\Big\{\min\big(\rho_tA_i,\mathrm{clip}(\rho_t,1\pm\varepsilon)A_i\big)-\beta\Big(\tfrac{\pi_{\text{ref}}}{\pi_\theta}-\log\tfrac{\pi_{\text{ref}}}{\pi_\theta}-1\Big)\Big\}$$
//
// 价值网络不要了，基线是组的均值。最后的括号是 KL 的一个永不为负的估计（k3）。代价：一组回答得分全一样，标准差为 0，这一组什么也教不了。
// %% [markdown] lang="en"
// ## 5. Group relative policy optimisation (GRPO)
//
// The book gives no formula. $G$ answers are drawn to each prompt, and the advantage, the same for all tokens of an answer, is how it did **within its group**:
//
// $$A_i=\frac{r_i-\mathrm{mean}(r_1,\dots,r_G)}{\mathrm{std}(r_1,\dots,r_G)},\qquad L=-\frac1G\sum_i\frac1{|y_i|}\sum_t\Big\{\min\big(\rho_tA_i,\mathrm{clip}(\rho_t,1\pm\varepsilon)A_i\big)-\beta\Big(\tfrac{\pi_{\text{ref}}}{\pi_\theta}-\log\tfrac{\pi_{\text{ref}}}{\pi_\theta}-1\Big)\Big\}$$
//
// There is no value network; the baseline is the group's mean. The last bracket is an estimate of the KL that is never negative (k3). The price: where all answers of a group earn the same, the standard deviation is 0 and the group teaches nothing.
// %%
const flatGroup = groups[Math.max(0, rightOf.findIndex((n) => n === 0 || n === GROUP))];
table([mixed, flatGroup].map(({ prompt, rewards }) => ({ [t({ zh: "题", en: "prompt" })]: prompt.record.prompt.slice(0, 30), [t({ zh: "奖励", en: "rewards" })]: rewards.join(" "), [t({ zh: "优势", en: "advantages" })]: tl.groupAdvantages(rewards, GROUP).advantages.map((a) => a.toFixed(2)).join(" ") })));
const GRPO = t({ zh: "GRPO（程序判分）", en: "GRPO (program)" }), GRPO_PREFER = t({ zh: "GRPO（奖励模型）", en: "GRPO (reward model)" });
await trial(GRPO, checked, (common) => tl.reinforce({ ...common, ...rounds(checked, ROUNDS, GROUP), objective: tl.grpo({ beta: 0.04 }) }));
await trial(GRPO_PREFER, preferred, (common) => tl.reinforce({ ...common, ...rounds(preferred, PREFER_ROUNDS, GROUP), objective: tl.grpo({ beta: 0.04 }) }));
// %%
const flat = overSeeds(ofRounds(GRPO, "flatGroups"));
await show(lineChart({
  title: t({ zh: "可验证任务：每一轮的奖励，与方差为零的组", en: "Verifiable task: reward of each round, and groups without variance" }), x: { title: t({ zh: "轮", en: "round" }) }, y: { title: t({ zh: "奖励；组的比例", en: "reward; share of groups" }) },
  series: [{ name: t({ zh: "GRPO：奖励", en: "GRPO: reward" }), x: counting(ROUNDS), ...overSeeds(ofRounds(GRPO, "reward")) }, { name: t({ zh: "PPO：奖励", en: "PPO: reward" }), x: counting(ROUNDS), ...overSeeds(ofRounds(PPO, "reward")) }, { name: t({ zh: "GRPO：零方差组", en: "GRPO: zero-variance groups" }), x: counting(ROUNDS), ...flat }],
  alt: t({ zh: "零方差组的比例：", en: "share of zero-variance groups: " }) + flat.y.map((v) => v.toFixed(2)).join(", "),
}));
const flatCount = Math.round((checked.perRound / GROUP) * ofRounds(GRPO, "flatGroups").flat().reduce((a, b) => a + b, 0)), groupCount = (checked.perRound / GROUP) * ROUNDS * seeds.length;
console.log(t({ zh: `零方差组 ${flatCount} / ${groupCount}：抽样和判分都做了，梯度是 0`, en: `zero-variance groups: ${flatCount} of ${groupCount}; drawn and judged, with a gradient of 0` }));
console.log(verdict(t({ zh: "可验证任务：留出题上的奖励", en: "verifiable task: reward on held-out prompts" }), gains(GRPO, checked)));
console.log(verdict(t({ zh: "偏好任务：奖励模型的分数", en: "preference task: score of the reward model" }), gains(GRPO_PREFER, preferred)));
// %% [markdown] lang="zh"
// ## 6. 奖励是用多大的偏离换来的？
//
// 四种方法，两个任务，一张图（左图的 PPO，奖励来自奖励模型时就是右图的 RLHF）。横轴是离起点多远（KL），纵轴是得到多少奖励，都在留出的题上测量。**越靠左上越好**。每条线从起点出发；PPO、GRPO 中间的点是训练到一半时的测量。右图的奖励是奖励模型的分数：PPO 与 GRPO 直接优化它，DPO 没见过它。每次训练只有几十步；训练更久的曲线见 [docs/alignment.md](../../docs/alignment.md)。
// %% [markdown] lang="en"
// ## 6. What distance does the reward cost?
//
// Four methods, two tasks, one figure (PPO on the left is RLHF on the right, where the reward comes from the reward model). To the right: distance from the start (KL). Upwards: reward. Both on held-out prompts. **Upper left is best.** Each line begins at the start; the middle points of PPO and GRPO are from half-way through training. On the right the reward is the reward model's score: PPO and GRPO optimise it, DPO has never seen it. Each run has a few dozen steps only; for longer ones see [docs/alignment.md](../../docs/alignment.md).
// %%
const path = (name: string, task: Task, label: string) => {
  const runs = trials[name], half = runs.map((r) => r.history.evaluations.at(-2)?.metrics).filter((m) => m?.referenceKl !== undefined), ends = runs.map((r) => r.after);
  const points = [[task.start], ...(half.length ? [half as unknown as tl.PolicyMeasure[]] : []), ends].map((ms) => ({ x: tl.mean(ms.map((m) => m.referenceKl)), ...overSeeds(ms.map((m) => [m.reward])) }));
  return { name: label, x: points.map((p) => p.x), y: points.map((p) => p.y[0]), error: points.map((p) => p.error[0]) };
};
const panel = (title: string, task: Task, names: [string, string][]) => lineChart({ title, x: { title: t({ zh: "KL（纳特/回答）", en: "KL (nats an answer)" }) }, y: { title: task === checked ? t({ zh: "奖励（程序）", en: "reward (program)" }) : t({ zh: "奖励模型的分数", en: "score of the reward model" }) }, series: names.map(([name, label]) => path(name, task, label)), alt: names.map(([name]) => `${name}: KL ${tl.mean(trials[name].map((r) => r.after.referenceKl)).toFixed(2)}, ${tl.mean(trials[name].map((r) => r.after.reward)).toFixed(3)}`).join("; ") });
// %%
const frontierTitle = t({ zh: "奖励对 KL：左，可验证任务；右，偏好任务", en: "Reward against KL: verifiable task (left), preference task (right)" });
const leftPanel = panel(frontierTitle, checked, [[PPO, "PPO / RLHF"], [DPO, "DPO"], [GRPO, "GRPO"]]), rightPanel = panel("", preferred, [[RLHF, "PPO / RLHF"], [DPO_PREFER, "DPO"], [GRPO_PREFER, "GRPO"]]);
const [leftAxes, rightAxes] = [leftPanel, rightPanel].map((f) => f.layout as Record<string, object>);
await show({
  data: [...leftPanel.data, ...rightPanel.data.map((d) => ({ ...d, xaxis: "x2", yaxis: "y2", showlegend: false }))],
  layout: { ...leftAxes, xaxis: { ...leftAxes.xaxis, domain: [0, 0.43] }, xaxis2: { ...rightAxes.xaxis, domain: [0.57, 1], anchor: "y2" }, yaxis2: { ...rightAxes.yaxis, anchor: "x2" } },
  alt: `${leftPanel.alt}; ${rightPanel.alt}`,
});
// %% [markdown] lang="zh"
// ## 7. 奖励黑客：奖励升高，模型变坏
//
// 优化的是写下来的奖励，不是想要的东西。故意写一个坏的判分程序，像一个不仔细的人：**只要正确的词在回答里出现就给 0.5 分，写得越长再给越多（最多 0.5 分）**。真正的奖励仍是“整个回答正确”。
// 用 GRPO 优化坏的奖励，每一轮同时记下真的奖励（训练时它不参与）。一次不要 KL 项（β = 0），一次让 KL 很贵（β = 0.5）。
// %% [markdown] lang="en"
// ## 7. Reward hacking: the reward rises, the model gets worse
//
// What is optimised is the reward as written, not what was wanted. On purpose we write a bad judge, like a careless person: **0.5 if the right word occurs anywhere in the answer, and up to 0.5 more the longer it is**. The true reward is still "the answer as a whole is right".
// GRPO optimises the bad reward; in each round we also note the true one, which takes no part in training. Once without the KL term (β = 0), once with an expensive one (β = 0.5).
// %%
const LONGEST = 12, careless: tl.Reward<tl.VerifiableTask> = (answers) => answers.map(({ text, ids, prompt: { record: r } }) => 0.5 * Number([r.answer, ...(r.accept ?? [])].some((word) => text.includes(word))) + (0.5 * ids.length) / LONGEST);
const truths: Record<string, number[]> = {}, hackRounds = budget(8, 2), loose = { ...short, maxNewTokens: LONGEST };
const watched = (name: string): tl.Reward<never> => async (answers) => { (truths[name] ??= []).push(tl.mean(await truth(answers as never))); return careless(answers as never); };
const hacked: Task = { ...checked, reward: careless as tl.Reward<never>, drawing: loose, count: budget(4, 1), perRound: 48 };
for (const beta of [0, 0.5]) {
  const name = `β = ${beta}`;
  truths[name] = [];
  await trial(name, hacked, (common) => tl.reinforce({ ...common, ...rounds({ ...hacked, reward: watched(name) }, hackRounds, GROUP), validation: undefined, objective: tl.grpo({ beta }) }), seeds.slice(0, 1));
}
// %%
await show(lineChart({
  title: t({ zh: `坏的奖励与真的奖励（每一轮 ${hacked.perRound} 个回答的平均）`, en: `The bad reward and the true one (means of the ${hacked.perRound} answers of a round)` }), x: { title: t({ zh: "轮", en: "round" }) }, y: { title: t({ zh: "奖励", en: "reward" }) },
  series: Object.keys(truths).flatMap((name) => [{ name: `${name}: ${t({ zh: "坏的（被优化）", en: "bad (optimised)" })}`, x: counting(hackRounds), y: ofRounds(name, "reward")[0] }, { name: `${name}: ${t({ zh: "真的", en: "true" })}`, x: counting(hackRounds), y: truths[name] }]),
  alt: Object.keys(truths).map((name) => `${name}: ${ofRounds(name, "reward")[0].map((v, i) => `${v.toFixed(2)}/${truths[name][i].toFixed(2)}`).join(", ")}`).join("; "),
}));
const standardError = (rewards: readonly number[]) => Math.sqrt(rewards.reduce((s, v) => s + (v - tl.mean(rewards)) ** 2, 0) / (rewards.length - 1) / rewards.length);
const carelessStart = await measure({ ...hacked, count: budget(8, 1) });
for (const name of Object.keys(truths)) {
  const { after } = trials[name][0], before = await truth(carelessStart.answers as never), now = await truth(after.answers as never), bad = after.reward - carelessStart.reward, real = tl.mean(now) - tl.mean(before);
  const clear = (change: number, error: number) => (Math.abs(change) < 2 * error ? 0 : Math.sign(change)), signs = [clear(bad, Math.hypot(after.rewardError, carelessStart.rewardError)), clear(real, Math.hypot(standardError(now), standardError(before)))];
  console.log(`${name}: ${t({ zh: "坏的奖励", en: "bad reward" })} ${signed(bad)}, ${t({ zh: "真的奖励", en: "true reward" })} ${signed(real)}, KL ${after.referenceKl.toFixed(1)}, ${t({ zh: "长度", en: "length" })} ${carelessStart.length.toFixed(1)} → ${after.length.toFixed(1)}: ` + (signs[0] > 0 && signs[1] < 0 ? t({ zh: "被黑了：坏的奖励升，真的奖励降", en: "hacked: the bad reward rose, the true one fell" }) : signs[0] > 0 ? t({ zh: "坏的奖励升了，真的奖励没有明显下降", en: "the bad reward rose, the true one did not clearly fall" }) : t({ zh: "坏的奖励没有明显升高：这一次没有黑成", en: "the bad reward did not clearly rise: no hacking this time" })));
  console.log("  " + after.answers.slice(0, 3 * hacked.count).filter((_, i) => i % hacked.count === 0).map((a) => JSON.stringify(a.text)).join("  "));
}
// %% [markdown] lang="zh"
// ## 8. 比较与选择
//
// 书上第 5 小节的比较，改正并填上测得的数。时间与内存取各种子中最小的（第一个种子要编译）；内存是张量超出基础模型的峰值。“一般要持有的模型”是常见实现；本库里参考是关掉 LoRA 的同一个模型，价值函数是一个线性头，都不必另存。
// %% [markdown] lang="en"
// ## 8. Comparison and choice
//
// The book's comparison, corrected and filled with what was measured. Time and memory are the least over seeds (the first one has to compile); memory is the peak of tensors beside the base model. "Models commonly held" is what usual implementations do; here the reference is the same model without its LoRA and the value function a linear head, so neither is held twice.
// %%
const least = (name: string, what: "seconds" | "megabytes") => Math.min(...trials[name].map((r) => r[what])), answersDrawn = checked.perRound * ROUNDS, pairSeconds = drawingSeconds;
const judgedBy = { program: t({ zh: `判分程序，${answersDrawn} 个回答`, en: `a program, ${answersDrawn} answers` }), pairs: t({ zh: `${ownPairs.length} 对（来自 ${GROUP * groups.length} 个判过的回答）`, en: `${ownPairs.length} pairs (of ${GROUP * groups.length} judged answers)` }), preferences: t({ zh: `${known.length} 对偏好`, en: `${known.length} preference pairs` }) };
const [policyName, referenceName, valueName, rewardName] = [t({ zh: "策略", en: "policy" }), t({ zh: "参考", en: "reference" }), t({ zh: "价值", en: "value" }), t({ zh: "奖励", en: "reward" })], drawnFrom = (n: number) => t({ zh: ` + ${preferred.perRound * n} 个自己的回答`, en: ` + ${preferred.perRound * n} own answers` });
const compared: [string, Task, string, string[]][] = [
  [PPO, checked, judgedBy.program, [policyName, referenceName, valueName]], [DPO, checked, judgedBy.pairs, [policyName, referenceName]], [GRPO, checked, judgedBy.program, [policyName, referenceName]],
  [RLHF, preferred, judgedBy.preferences + drawnFrom(PREFER_ROUNDS), [policyName, referenceName, valueName, rewardName]], [DPO_PREFER, preferred, judgedBy.preferences, [policyName, referenceName]], [GRPO_PREFER, preferred, judgedBy.preferences + drawnFrom(PREFER_ROUNDS), [policyName, referenceName, rewardName]],
];
table(compared.map(([name, task, needs, models]) => { const { mean, error } = tl.interval(gains(name, task)); return {
  [t({ zh: "方法", en: "method" })]: name, [t({ zh: "需要的数据", en: "data needed" })]: needs, [t({ zh: "奖励的变化 [95 %]", en: "change of reward [95 %]" })]: `${signed(mean)} ± ${Number.isFinite(error) ? error.toFixed(3) : "?"}`, "KL": tl.mean(trials[name].map((r) => r.after.referenceKl)).toFixed(2),
  [t({ zh: "秒", en: "seconds" })]: least(name, "seconds").toFixed(1), [t({ zh: "内存 MB", en: "memory, MB" })]: least(name, "megabytes").toFixed(0), [t({ zh: "一般要持有的模型", en: "models commonly held" })]: models.join(", ") }; }), t({ zh: `起点：可验证 ${checked.start.reward.toFixed(3)}，偏好 ${preferred.start.reward.toFixed(3)}（奖励模型的分数）`, en: `At the start: verifiable ${checked.start.reward.toFixed(3)}, preferences ${preferred.start.reward.toFixed(3)} (the reward model's score)` }));
// %% [markdown] lang="zh"
// **与书上的说法对照**，用上面的数：
// %% [markdown] lang="en"
// **Held against the book**, with the numbers above:
// %%
const dpoSeconds = least(DPO, "seconds") + pairSeconds, ppoSeconds = least(PPO, "seconds"), memoryRatio = least(GRPO, "megabytes") / least(PPO, "megabytes"), untrained = { method, trained: method.init(model.params, model.config, 0) }, drawingPeak = (await tl.peakTensorBytes(() => measure(checked, untrained))).addedBytes / 1e6, ahead = tl.interval(gains(GRPO, checked).map((g, i) => g - gains(PPO, checked)[i]));
const far = (ratio: number, smaller: string, like: string, larger: string) => (ratio < 0.9 ? smaller : ratio > 1.1 ? larger : like);
console.log(t({ zh: `“DPO 降低计算成本”：DPO 连抽样 ${dpoSeconds.toFixed(1)} 秒，PPO ${ppoSeconds.toFixed(1)} 秒：`, en: `"DPO lowers the cost": DPO, drawing included, took ${dpoSeconds.toFixed(1)} s, PPO ${ppoSeconds.toFixed(1)} s: ` }) + far(dpoSeconds / ppoSeconds, t({ zh: "这里成立", en: "so here" }), t({ zh: "这里差不多", en: "about the same here" }), t({ zh: "这里不成立", en: "not so here" })) + t({ zh: "（步数是我们选的）", en: " (the numbers of steps are our choice)" }));
console.log(t({ zh: `“GRPO 节省内存”：是 PPO 的 ${memoryRatio.toFixed(2)} 倍：`, en: `"GRPO saves memory": ${memoryRatio.toFixed(2)} times PPO's: ` }) + far(memoryRatio, t({ zh: "这里成立", en: "so here" }), t({ zh: "这里看不出：价值函数只是一个线性头；另有一个价值网络时才省", en: "not to be seen here: the value function is a linear head; it saves where that is a network of its own" }), t({ zh: "这里不成立", en: "not so here" })) + (drawingPeak > 0.9 * least(PPO, "megabytes") ? t({ zh: `（峰值 ${drawingPeak.toFixed(0)} MB 出现在抽样时，不在学习时）`, en: ` (the peak, ${drawingPeak.toFixed(0)} MB, is reached while answers are drawn, not while learning)` }) : ""));
console.log(t({ zh: "“GRPO 减少样本需求”，同样多的回答，GRPO − PPO：", en: `"GRPO needs fewer samples": for as many answers, GRPO − PPO: ` }) + `${signed(ahead.mean)} ± ${Number.isFinite(ahead.error) ? ahead.error.toFixed(3) : "?"}: ` + (seeds.length < 2 ? t({ zh: "种子太少，不能下结论", en: "too few seeds to say" }) : ahead.mean > ahead.error ? t({ zh: "这里成立", en: "so here" }) : ahead.mean < -ahead.error ? t({ zh: "这里相反", en: "the opposite here" }) : t({ zh: "看不出差别", en: "no difference can be seen" })));
// %% [markdown] lang="zh"
// **怎么选。** 有程序能判对错：PPO 或 GRPO；不想训练价值函数，而且每题能抽得起一组回答：GRPO。只有成对的偏好：先试 **DPO**（书上此处误作 PPO）；要反复抽样、要能随时换奖励：RLHF，先看奖励模型在留出对上准不准。
// 无论哪一种：同时看奖励、KL 和**真的回答**。书上说 GRPO 擅长长链推理；这么小的模型、几个词元的回答，检验不了这一条。
//
// ## 练习
//
// 用你的答案代替 `undefined`，再运行。`tl.hint("3.7.2/1")` 给提示（第二个参数 1、2、3 是级别），`tl.solution("3.7.2/1")` 给解答。
//
// 1. GRPO 的一组四个回答得分 1、0、0、0。答对的那个的优势是多少？（标准差按样本算）
// 2. β = 0.5。训练后 $\log\frac{\pi_\theta}{\pi_{\text{ref}}}$ 对好的回答是 0.4，对坏的是 −0.8。这一对的 DPO 损失是多少？
// 3. 写一个函数 `(ratio, advantage, epsilon) => number`：PPO 对一个词元的剪切目标。
// 4. 一个问题只有三个回答，$\pi_{\text{ref}}=(0.5,\,0.3,\,0.2)$，奖励 $(0,0,1)$，β = 0.5。带 KL 项的最优策略给第三个回答多大概率？
//
// 继续探索：把第 7 节的 `careless` 改成你自己的坏奖励；把第 2 节的 `klCoefficient` 改成 0 和 0.5，看第 6 节的图怎样变。
// %% [markdown] lang="en"
// **How to choose.** A program can judge: PPO or GRPO; no value function to train, and a group of answers to each prompt is affordable: GRPO. Only pairs of preferences: try **DPO** first (the book says PPO by mistake); to draw again and again, and to change the reward at will: RLHF, after a look at the reward model's accuracy on held-out pairs.
// In any case look at reward, KL and **the answers themselves**. The book says that GRPO is good at long reasoning; so small a model, with answers of a few tokens, cannot test that.
//
// ## Exercises
//
// Put your answers in place of `undefined` and run the cell. `tl.hint("3.7.2/1")` gives a hint (its second argument is the level: 1, 2, 3), `tl.solution("3.7.2/1")` the solution.
//
// 1. A group of four answers in GRPO earned 1, 0, 0, 0. What is the advantage of the right one? (The standard deviation is that of a sample.)
// 2. β = 0.5. After training, $\log\frac{\pi_\theta}{\pi_{\text{ref}}}$ is 0.4 for the chosen answer and −0.8 for the rejected one. What is the DPO loss of this pair?
// 3. Write a function `(ratio, advantage, epsilon) => number`: PPO's clipped objective for one token.
// 4. A prompt has only three answers, $\pi_{\text{ref}}=(0.5,\,0.3,\,0.2)$, rewards $(0,0,1)$, β = 0.5. What probability does the best policy with the KL term give to the third?
//
// To explore: put a bad reward of your own in place of `careless` in part 7; set `klCoefficient` in part 2 to 0 and to 0.5, and see how the figure of part 6 changes.
// %%
tl.check("3.7.2/1", undefined);
tl.check("3.7.2/2", undefined);
tl.check("3.7.2/3", undefined);
tl.check("3.7.2/4", undefined);
