// The course's index: what each notebook needs, the reader's progress, the ledger of claims, the errata.
// Build both languages with: npm run notebooks -- index
// %% [markdown] lang="zh"
// # Tunelab 大模型微调实验室：目录
//
// 每一节都是一个可以运行的笔记本：教材的说法在这里真的跑一遍，结果是什么就写什么。按 Shift+Enter 运行下面的单元格，可以看到各节需要的时间与内存，以及你的进度。
//
// ```
// 3.1 基础知识 ─► 3.2 核心理论 ─► 3.3 数据准备
//                                     │
//                   ┌─────────────────┼──────────────────┐
//             3.4 全参数微调    3.5 部分参数微调    3.6 新增参数微调
//                   └─────────────────┼──────────────────┘
//                            3.7 微调策略：监督、强化 ─► 思考题与练习题
// ```
//
// 时间紧：3.1.1 → 3.6.2 → 3.7.1，约半小时。想看理论：3.2.1 → 3.2.4。
// %% [markdown] lang="en"
// # Tunelab: contents
//
// Each section is a notebook that runs: what the chapter claims is really tried here, and the result is said as it is. Press Shift+Enter in the cells below to see what time and memory each section takes, and how far you are.
//
// ```
// 3.1 basics ─► 3.2 theory ─► 3.3 data
//                               │
//             ┌─────────────────┼──────────────────┐
//          3.4 full         3.5 selective      3.6 additive
//             └─────────────────┼──────────────────┘
//                  3.7 strategies: SFT, RL ─► questions and exercises
// ```
//
// Short of time: 3.1.1, 3.6.2, 3.7.1, about half an hour. For the theory: 3.2.1 to 3.2.4.
// %%
import { showContents, showProgress, showClaims, showErrata } from "tunelab/course";

showContents();
// %% [markdown] lang="zh"
// ## 你的进度
//
// 每次 `tl.check(…)` 都记在本机的 `progress/answers.jsonl` 里，只增加，不覆盖。改完答案后再运行这个单元格。交给老师：`npx tunelab progress --student 学号 --out 学号.json`。
// %% [markdown] lang="en"
// ## Your progress
//
// Each `tl.check(…)` is kept on this machine in `progress/answers.jsonl`; lines are added, never overwritten. Run this cell again after you have answered something. For your teacher: `npx tunelab progress --student NUMBER --out NUMBER.json`.
// %%
showProgress();
// %% [markdown] lang="zh"
// ## 教材的说法，量过之后
//
// “依据”一列是笔记本里真正打印出来的句子，不是另外抄写的：重建笔记本后若与这里不一致，测试会失败。
// %% [markdown] lang="en"
// ## The chapter's claims, measured
//
// The column "evidence" holds the sentence that the notebook really printed, not a copy by hand: a test fails where a rebuilt notebook says something else.
// %%
showClaims();
// %% [markdown] lang="zh"
// ## 勘误
//
// 教材正文与清单里的错误，以及课程里的正确做法。
// %% [markdown] lang="en"
// ## Errata
//
// What the chapter and its listings get wrong, and what the course does instead.
// %%
showErrata();
