/** Answers to the exercises of section 3.5.1. */
import { code, number, type Exercise } from "./exercise";

export const BITFIT: Readonly<Record<string, Exercise>> = {
  "3.5.1/1": number(24 * (896 + 128 + 128), {
    hints: [
      { zh: "Qwen2 只在 q、k、v 上有偏置；每个偏置与那个矩阵的输出一样长", en: "Qwen2 has biases on q, k, v only; each is as long as its matrix's output" },
      { zh: "q 的输出是 头数 × 头宽，k 和 v 的是 键值头数 × 头宽", en: "q puts out heads × head width, k and v key-value heads × head width" },
      { zh: "24 × (14 × 64 + 2 × 64 + 2 × 64)", en: "24 × (14 × 64 + 2 × 64 + 2 × 64)" },
    ],
    solution: { zh: "每层 896 + 128 + 128 = 1152 个，24 层共 27 648 个。", en: "896 + 128 + 128 = 1152 in a layer, 27,648 in 24 layers." },
    mistakes: [
      { value: 24 * 3 * 896, say: { zh: "k 和 v 的头比 q 少，所以它们的偏置也短", en: "k and v have fewer heads than q, so their biases are shorter" } },
      { value: 1152, say: { zh: "这是一层的；共有 24 层", en: "that is one layer; there are 24" } },
      { value: 24 * (896 + 128), say: { zh: "k 和 v 各有一个偏置", en: "k and v have a bias each" } },
    ],
  }),
  "3.5.1/2": number(0.003, {
    tolerance: 0.05,
    hints: [
      { zh: "把每一步的学习率加起来", en: "add up the learning rates of all steps" },
      { zh: "从峰值降到 0 的余弦，平均是峰值的一半", en: "a cosine from the peak down to 0 is half of the peak on average" },
      { zh: "60 × 10⁻⁴ × 1/2", en: "60 × 10⁻⁴ × 1/2" },
    ],
    solution: { zh: "60 × 10⁻⁴ × 1/2 = 0.003。与第 5 节图中的变化相比，这几乎等于没动。", en: "60 × 10⁻⁴ × 1/2 = 0.003. Against the changes in the figure of part 5 that is next to nothing." },
    mistakes: [
      { value: 0.006, say: { zh: "学习率不是一直在峰值：余弦的平均是一半", en: "the rate does not stay at its peak: a cosine is half of it on average" } },
      { value: 1e-4, say: { zh: "这只是第一步；共有 60 步", en: "that is the first step only; there are 60" } },
      { value: 0.0015, say: { zh: "多除了一个 2：余弦 (1 + cos)/2 的平均就是 1/2", en: "halved once too often: the mean of (1 + cos)/2 is 1/2" } },
    ],
  }),
  "3.5.1/3": code([
    { given: [["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_proj.bias", "encoder.relative_attention_bias.weight"]], want: ["model.layers.0.self_attn.q_proj.bias"] },
    { given: [["bert.embeddings.LayerNorm.bias", "cls.predictions.bias", "debias.weight", "bias"]], want: ["bert.embeddings.LayerNorm.bias", "cls.predictions.bias", "bias"] },
    { given: [["model.norm.weight", "lm_head.weight", "attention_bias"]], want: [] },
  ], {
    hints: [
      { zh: "看名字的最后一段", en: "look at the last part of the name" },
      { zh: "名字用点分开；最后一段正好是 bias 的才是偏置", en: "names are separated by dots; a bias is one whose last part is exactly bias" },
      { zh: "names.filter((name) => name.split(\".\").at(-1) === …)", en: "names.filter((name) => name.split(\".\").at(-1) === …)" },
    ],
    solution: { zh: "(names) => names.filter((name) => name.split(\".\").at(-1) === \"bias\")", en: "(names) => names.filter((name) => name.split(\".\").at(-1) === \"bias\")" },
    mistakes: [
      { shows: (f) => String(f(["relative_attention_bias.weight"])) === "relative_attention_bias.weight", say: { zh: "这个矩阵也留下了：不能只看名字里有没有 bias", en: "that matrix was kept too: it is not enough that the name contains bias" } },
      { shows: (f) => String(f(["attention_bias"])) === "attention_bias", say: { zh: "attention_bias 的最后一段不是 bias：要连点一起看", en: "the last part of attention_bias is not bias: mind the dot" } },
      { shows: (f) => String(f(["a.bias", "bias"])) === "a.bias", say: { zh: "没有点的名字也可以是偏置：bias 本身", en: "a name without a dot can be a bias as well: bias itself" } },
    ],
  }),
  "3.5.1/4": number(75, {
    tolerance: 0.005,
    hints: [
      { zh: "数一数每个参数几个字节", en: "count the bytes of each parameter" },
      { zh: "全参数：权重 4、梯度 4、AdamW 的两个平均值 8；BitFit 只剩权重", en: "full: weights 4, gradients 4, AdamW's two averages 8; BitFit leaves the weights" },
      { zh: "1 − 4/16", en: "1 − 4/16" },
    ],
    solution: { zh: "从 16 字节降到 4 字节：减少 75 %。激活值不变，所以实际减少的比例更小。", en: "From 16 bytes to 4: 75 % less. Activations stay, so the real share is smaller." },
    mistakes: [
      { value: 0.75, say: { zh: "题目问百分之几", en: "the question asks for percent" } },
      { value: 25, say: { zh: "那是剩下的份额", en: "that is the share that is left" } },
      { value: 50, say: { zh: "AdamW 的状态有两份平均值，一共 8 字节", en: "AdamW's state holds two averages, 8 bytes in all" } },
    ],
  }),
};
