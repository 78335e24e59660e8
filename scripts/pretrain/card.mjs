// node scripts/pretrain/card.mjs: writes data/course-model/MODEL_CARD.md from the measurements that export.mjs and check.mjs left there.
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readConfig } from "tunelab";

const f = (x, digits = 2) => x.toFixed(digits), n = (x) => x.toLocaleString("en-US");
const code = (text) => JSON.stringify(text).slice(1, -1).replaceAll("|", "\\|").replaceAll("`", "'");

function qualityTable(quality) {
  const rows = ["zh", "en"].flatMap((language) => [["model", quality[language].model], ["unigram", quality[language].unigram], ["untrained", quality[language].untrained]]
    .map(([name, q]) => `| ${language} | ${name} | ${f(q.natsPerToken, 3)} | ${f(q.perplexity, 1)} | ${f(q.bitsPerByte, 3)} | ${f(q.bitsPerCharacter, 3)} |`));
  return ["| held-out text | | nats/token | perplexity/token | bits/byte | bits/character |", "|---|---|---:|---:|---:|---:|", ...rows].join("\n");
}
function corpusTable({ packages }) {
  const kilobytes = (x) => (x.bytes ? n(Math.round(x.bytes / 1000)) : "–");
  return ["| package | version | licence | zh, kB | en, kB |", "|---|---|---|---:|---:|", ...packages.map((p) => `| ${p.package} | ${p.version} | ${p.licence} | ${kilobytes(p.zh)} | ${kilobytes(p.en)} |`)].join("\n");
}
const sampleTable = (samples) => ["| beginning | greedy | drawn (temperature 0.8, top-p 0.9, seed 0) |", "|---|---|---|", ...samples.map((s) => `| ${s.chat ? "(chat) " : ""}${code(s.prompt)} | ${code(s.greedy)} | ${code(s.drawn)} |`)].join("\n");

function fineTunedText(tuned) {
  if (!tuned) return "";
  const { questions: q, alerts: a } = tuned, percent = ({ right, of }) => `${f((100 * right) / of, 1)} % (${right} of ${of})`;
  return `
## Fine-tuned

\`node scripts/pretrain/check.mjs\` trains all parameters on the project's own data, both languages together:

- data/security-qa, ${q.epochs} epochs: mean loss of the answers ${f(q.validation[0], 3)} → ${f(q.validation[1], 3)} on validation, ${f(q.test[0], 3)} → ${f(q.test[1], 3)} on test.
- data/security-alerts, ${a.epochs} epochs, the label (one of 11) written out as the answer: on test ${percent(a.test.zh)} in Chinese and ${percent(a.test.en)} in English;
  on the hard split ${percent(a.hard.zh)} and ${percent(a.hard.en)}.
`;
}

function modelCard({ training, quality, samples, manifest, bytes, config, tuned }) {
  const mb = (x) => f(x / 1e6, 1), { model: zh } = quality.zh, { model: en } = quality.en;
  return `# Course model

**English** · [中文](#中文)

A small language model for Chinese and English, trained from scratch by this project with its own \`train()\`. The labs of the course run on it in
seconds, where a real model would take minutes. It is a teaching aid, not an assistant: it has read ${mb(training.tokens)} million tokens,
writes the words and phrases of manuals rather than whole sentences, and knows nothing.

\`\`\`js
import { courseModel, generate, load } from "tunelab";
const model = await load(courseModel());
console.log((await generate(model, ["防火墙是"], { maxNewTokens: 30 }))[0].text);
\`\`\`

- **Architecture.** Qwen2 (transformers loads the folder): ${config.layers} layers, width ${config.hiddenSize}, ${config.heads} heads and ${config.keyValueHeads} key-value heads of ${config.headDim}, gated MLP of ${config.intermediateSize}, q/k/v biases,
  tied embedding; 5,966,080 parameters, ${f(bytes / 1e6, 2)} MB in F16. Contexts of up to ${config.maxPositions} tokens: longer ones were never seen.
- **Tokenizer.** Byte-level BPE with Qwen2's rules, 6,000 tokens, trained on the same corpus by \`trainBpe\`. \`<|endoftext|>\`, \`<|im_start|>\`, \`<|im_end|>\`; ChatML.
  A token is ${f(quality.zh.characters / quality.zh.tokens)} characters of Chinese or ${f(quality.en.characters / quality.en.tokens)} of English.
- **Corpus.** ${mb(manifest.bytes.train.zh)} MB of Chinese and ${mb(manifest.bytes.train.en)} MB of English: documentation and translations out of ${manifest.packages.length} packages of ${manifest.distribution} (table below; versions,
  checksums and sizes in \`corpus.json\`), cleaned, without exact and near duplicates. Besides, as conversations: the training split of
  data/security-qa (both languages, four times) and 4,000 translations of messages. No other split of the project's data was used.
- **Training.** ${n(training.steps)} steps of 2,048 tokens (${mb(training.tokens)} million, ${f(training.tokens / training.corpusTokens, 1)} times the corpus) on CPU. AdamW (0.9, 0.95, decay 0.05), norm clipped at 1; learning rate 1.5e-3 after 100 steps
  of warm-up, constant to step ${n(training.stable)}, then linear to 0 on rows of 512 tokens instead of 256. Matrices start from N(0, 0.02²), those that write into the
  residual stream smaller by 1/√12. \`npm run pretrain -- --steps ${training.steps} --decay ${training.decay}\` does it again from the same packages.

![Training curve](training-curve.png)

## How good it is

Held-out documents (${n(quality.zh.tokens)} tokens of Chinese, ${n(quality.en.tokens)} of English), in rows of 256 tokens. Unigram: each token by its frequency in the training text
of that language. Untrained: the same
architecture at step 0. Bits a byte and a character do not depend on the tokenizer, so other models can be compared by them.

${qualityTable(quality)}

What it writes. The beginnings were chosen before the first run, and each answer is the first one drawn:

${sampleTable(samples)}
${fineTunedText(tuned)}
## Limits

- It was trained for a short time: its losses were still falling. \`npm run pretrain\` with more steps makes a better one.
- It has seen technical documentation and the texts of two games, and little else: no news, no web, no books. Asked for facts, it invents.
- It repeats itself, most of all in greedy decoding.
- The held-out documents come from the same packages as the training text, so these perplexities do not carry over to other kinds of text. A
  document and its translation may lie on different sides of the split.
- The text is not filtered for content; one source is a game about a catastrophe, with violence in it.

## Licence

The weights and the tokenizer are offered under [Apache-2.0](../../LICENSE), as far as the project has rights in them. The text is not part of the
repository; each package keeps its licence, all of them free by Debian's guidelines. Several are copyleft (GPL, GFDL, CC BY-SA). Whether weights are
a derived work of the text that they were trained on is not settled law. For teaching and research, which this model is for, nothing follows
from that; whoever wants to ship it in a product and has to be certain should train it again on the permissively licensed packages alone
(\`scripts/pretrain/sources.mjs\`). The packages:

${corpusTable(manifest)}

## 中文

本项目用自己的 \`train()\` 从零训练的中英双语小模型，供课程实验在几秒内跑完。它是教具而不是助手：只读过 ${n(Math.round(training.tokens / 1e4))} 万个词元，能写出手册里的词语和短语，写不出几句完整的话，也没有知识。

- **结构。** Qwen2（transformers 可直接加载）：${config.layers} 层，宽 ${config.hiddenSize}，${config.heads} 个头、${config.keyValueHeads} 个键值头，头宽 ${config.headDim}，门控 MLP 宽 ${config.intermediateSize}，q/k/v 有偏置，词嵌入与输出层共享；共 5,966,080 个参数，
  F16 为 ${f(bytes / 1e6, 2)} MB。上下文最长 ${config.maxPositions} 个词元，训练中没有见过更长的。
- **分词器。** 字节级 BPE，规则同 Qwen2，6,000 个词元，由 \`trainBpe\` 在同一语料上训练；聊天格式为 ChatML。
- **语料。** 中文 ${mb(manifest.bytes.train.zh)} MB、英文 ${mb(manifest.bytes.train.en)} MB，取自 Debian 的 ${manifest.packages.length} 个文档和翻译软件包（见上表和 \`corpus.json\`），经清洗、精确去重和近似去重；
  另有聊天格式的 data/security-qa 训练集（两种语言，重复四遍）和 4,000 条翻译。没有用到任何验证集或测试集。
- **训练。** ${n(training.steps)} 步，每步 2,048 个词元，全部在 CPU 上完成。保留文档上每词元困惑度：中文 ${f(zh.perplexity, 1)}，英文 ${f(en.perplexity, 1)}；一元模型分别为 ${f(quality.zh.unigram.perplexity, 0)} 和 ${f(quality.en.unigram.perplexity, 0)}。
- **局限。** 只见过技术文档和两款游戏的文本；问它事实，它会编造；贪心解码时容易重复；训练时间短，损失仍在下降；语料没有过滤内容，其中一款游戏含暴力描写。
- **许可。** 权重和分词器按 Apache-2.0 提供（以本项目拥有的权利为限）；语料不在仓库中，各软件包保留自己的许可证。
`;
}

/** Writes the card of a model folder. */
export function writeCard(folder) {
  const read = (name) => (existsSync(join(folder, name)) ? JSON.parse(readFileSync(join(folder, name), "utf8")) : undefined);
  const { training, heldOut: quality, samples } = read("measured.json");
  const bytes = statSync(join(folder, "model.safetensors")).size;
  writeFileSync(join(folder, "MODEL_CARD.md"), modelCard({ training, quality, samples, manifest: read("corpus.json"), bytes, config: readConfig(folder), tuned: read("fine-tuned.json") }));
}
if (process.argv[1] === fileURLToPath(import.meta.url)) writeCard(fileURLToPath(new URL("../../data/course-model", import.meta.url)));
