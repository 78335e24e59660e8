/** Milestones of fine-tuning, by the date of the preprint, with what the papers say of the share of parameters that they train (section 3.1.2). */

/** What a method changes: everything, a choice of the model's own parameters, or something added to it. */
export type Branch = "full" | "selected" | "adapter" | "prompt" | "low-rank";

export interface Milestone {
  name: string;
  branch: Branch;
  year: number;
  /** 1 to 12, of the first version. */
  month: number;
  authors: string;
  /** Identifier on arXiv; absent for what appeared elsewhere. */
  arxiv?: string;
  /** The share that the paper itself reports to train, in percent of the model `of`. */
  reported?: { percent: number; of: string };
  idea: { zh: string; en: string };
}

export const MILESTONES: readonly Milestone[] = [
  { name: "Transformer", branch: "full", year: 2017, month: 6, authors: "Vaswani et al.", arxiv: "1706.03762", idea: { zh: "自注意力架构", en: "an architecture of self-attention" } },
  { name: "ULMFiT", branch: "full", year: 2018, month: 1, authors: "Howard & Ruder", arxiv: "1801.06146", reported: { percent: 100, of: "AWD-LSTM" }, idea: { zh: "语言模型微调；每层一个学习率", en: "fine-tuning a language model, one learning rate a layer" } },
  { name: "GPT", branch: "full", year: 2018, month: 6, authors: "Radford et al.", reported: { percent: 100, of: "GPT" }, idea: { zh: "生成式预训练，再微调", en: "generative pre-training, then fine-tuning" } },
  { name: "BERT", branch: "full", year: 2018, month: 10, authors: "Devlin et al.", arxiv: "1810.04805", reported: { percent: 100, of: "BERT" }, idea: { zh: "双向预训练，全参数微调", en: "bidirectional pre-training, full fine-tuning" } },
  { name: "Adapter", branch: "adapter", year: 2019, month: 2, authors: "Houlsby et al.", arxiv: "1902.00751", reported: { percent: 3.6, of: "BERT-large" }, idea: { zh: "每层插入瓶颈网络", en: "bottlenecks inside every layer" } },
  { name: "GPT-3", branch: "prompt", year: 2020, month: 5, authors: "Brown et al.", arxiv: "2005.14165", idea: { zh: "上下文学习：什么都不训练", en: "in-context learning: nothing is trained" } },
  { name: "AdapterDrop", branch: "adapter", year: 2020, month: 10, authors: "Rücklé et al.", arxiv: "2010.11918", idea: { zh: "动态去掉一部分层的适配器", en: "adapters of some layers are dropped dynamically" } },
  { name: "Diff pruning", branch: "selected", year: 2020, month: 12, authors: "Guo et al.", arxiv: "2012.07463", reported: { percent: 0.5, of: "BERT-large" }, idea: { zh: "学一个稀疏的差", en: "a difference that learns to be sparse" } },
  { name: "Prefix tuning", branch: "prompt", year: 2021, month: 1, authors: "Li & Liang", arxiv: "2101.00190", reported: { percent: 0.1, of: "GPT-2" }, idea: { zh: "每层前面可训练的键和值", en: "trained keys and values in front of every layer's" } },
  { name: "P-tuning", branch: "prompt", year: 2021, month: 3, authors: "Liu et al.", arxiv: "2103.10385", idea: { zh: "编码器产生的连续提示", en: "continuous prompts, made by an encoder" } },
  { name: "Prompt tuning", branch: "prompt", year: 2021, month: 4, authors: "Lester et al.", arxiv: "2104.08691", reported: { percent: 0.01, of: "T5 > 1B, at most" }, idea: { zh: "输入前可训练的嵌入", en: "trained embeddings in front of the input" } },
  { name: "LoRA", branch: "low-rank", year: 2021, month: 6, authors: "Hu et al.", arxiv: "2106.09685", reported: { percent: 0.01, of: "GPT-3" }, idea: { zh: "低秩更新", en: "updates of low rank" } },
  { name: "BitFit", branch: "selected", year: 2021, month: 6, authors: "Ben Zaken et al.", arxiv: "2106.10199", reported: { percent: 0.08, of: "BERT-large" }, idea: { zh: "只训练偏置", en: "biases only" } },
  { name: "Parallel adapter", branch: "adapter", year: 2021, month: 10, authors: "He et al.", arxiv: "2110.04366", idea: { zh: "与前馈层并联的适配器；统一视角", en: "an adapter beside the feed-forward layer; one view of all" } },
  { name: "P-tuning v2", branch: "prompt", year: 2021, month: 10, authors: "Liu et al.", arxiv: "2110.07602", idea: { zh: "深层提示，适用于各种规模", en: "deep prompts, for models of all sizes" } },
  { name: "FISH mask", branch: "selected", year: 2021, month: 11, authors: "Sung et al.", arxiv: "2111.09839", reported: { percent: 0.5, of: "BERT-large" }, idea: { zh: "按费舍尔信息挑选条目", en: "entries chosen by Fisher information" } },
  { name: "(IA)³", branch: "adapter", year: 2022, month: 5, authors: "Liu et al.", arxiv: "2205.05638", reported: { percent: 0.01, of: "T0" }, idea: { zh: "缩放内部激活的向量", en: "vectors that rescale inner activations" } },
  { name: "AdaLoRA", branch: "low-rank", year: 2023, month: 3, authors: "Zhang et al.", arxiv: "2303.10512", idea: { zh: "自动分配各矩阵的秩", en: "ranks shared out among the matrices" } },
  { name: "QLoRA", branch: "low-rank", year: 2023, month: 5, authors: "Dettmers et al.", arxiv: "2305.14314", idea: { zh: "4 位底座上的 LoRA", en: "LoRA on a base of 4 bits" } },
  { name: "LOMO", branch: "full", year: 2023, month: 6, authors: "Lv et al.", arxiv: "2306.09782", reported: { percent: 100, of: "LLaMA" }, idea: { zh: "反向传播中就地更新", en: "updates inside the backward pass" } },
  { name: "AdaLOMO", branch: "full", year: 2023, month: 10, authors: "Lv et al.", arxiv: "2310.10195", reported: { percent: 100, of: "LLaMA" }, idea: { zh: "带自适应学习率的 LOMO", en: "LOMO with adaptive rates" } },
  { name: "DoRA", branch: "low-rank", year: 2024, month: 2, authors: "Liu et al.", arxiv: "2402.09353", idea: { zh: "长度与方向分开学", en: "length and direction learned apart" } },
];

/** Years as one number, the middle of the month. */
export const dateOf = ({ year, month }: Pick<Milestone, "year" | "month">): number => year + (month - 0.5) / 12;
/** Where to read it. */
export const sourceOf = ({ authors, year, arxiv }: Milestone): string => `${authors} ${year}${arxiv ? `, arXiv:${arxiv}` : ""}`;
