/** The chapter's own questions: six to think about, five to practise. Texts with a rubric; a teacher judges. */
import { text, type Exercise } from "./exercise";

export const QUESTIONS: Readonly<Record<string, Exercise>> = {
  "thinking/1": text([
    { name: { zh: "非凸：起点与路径（预训练点附近、低损失通道）", en: "non-convexity: start and path (near the pre-trained point, low-loss paths)" }, any: /非凸|预训练点|预训练权重|起点|通道|non-?convex|pre-?trained (point|weights)|path/i },
    { name: { zh: "病态曲率：学习率、预热、自适应优化器", en: "ill-conditioned curvature: learning rate, warm-up, adaptive optimizers" }, any: /曲率|条件数|学习率|预热|自适应|curvature|condition number|learning rate|warm-?up|adaptive/i },
    { name: { zh: "流形与低维：参数高效微调为什么够用", en: "manifold and low dimension: why few parameters suffice" }, any: /流形|内在维|低维|低秩|manifold|intrinsic|low[- ](rank|dimension)/i },
    { name: { zh: "多尺度景观：批量、噪声、平坦度与泛化", en: "multi-scale landscape: batch size, noise, flatness and generalisation" }, any: /多尺度|平坦|批量|噪声|泛化|multi-?scale|flat|batch|noise|generali[sz]/i },
    { name: { zh: "部署：存储、合并、多任务共用一个底座", en: "deployment: storage, merging, many tasks on one base" }, any: /部署|存储|合并|共用|底座|基座|deploy|storage|merge|one base|share/i },
  ], {
    hints: [
      { zh: "四个理论各说一条：它建议你做什么？", en: "one line for each of the four theories: what does it advise?" },
      { zh: "3.2.1 → 起点和路径；3.2.2 → 学习率；3.2.3 → 训练多少参数；3.2.4 → 批量和噪声", en: "3.2.1: start and path; 3.2.2: learning rate; 3.2.3: how many parameters; 3.2.4: batch and noise" },
      { zh: "再加一条部署：小的更新怎样存、怎样合并、多个任务怎样共用底座", en: "add one on deployment: how a small update is stored and merged, and how tasks share a base" },
    ],
    solution: {
      zh: "非凸（3.2.1）：从预训练点出发，两个微调解之间有低损失的通道，所以用小步、早停，并用 L2 或低秩把解拉在起点附近。病态曲率（3.2.2）：少数方向很陡，学习率受最大特征值限制，所以用预热和 Adam 一类的自适应优化器。流形（3.2.3）：任务的内在维数远小于参数个数，所以先试 LoRA 等参数高效方法，用 d90 或秩扫描检查够不够。多尺度（3.2.4）：批量决定噪声的尺度，评价平坦度要说明尺度。部署：底座只存一份，任务各存很小的更新，可以合并，也可以在一个批次里混用；每条都要在自己的数据上量一遍。",
      en: "Non-convexity (3.2.1): start at the pre-trained point; two fine-tuned solutions are joined by a low-loss path, so take small steps, stop early, keep near the start by L2 or low rank. Ill-conditioning (3.2.2): few directions are steep and the largest eigenvalue limits the rate, so warm up and use an adaptive optimizer such as Adam. Manifold (3.2.3): the task's intrinsic dimension is far below the number of parameters, so try LoRA and its like first, and check by d90 or a rank sweep. Multi-scale (3.2.4): the batch sets the scale of the noise; say at which scale a minimum is called flat. Deployment: one base, small updates for each task, merged or mixed in a batch. Measure each of these on your own data.",
    },
    mistakes: [
      { any: /凸优化保证|保证(收敛到|找到)全局最优|guarantee[sd]? (the )?global (optimum|minimum)/i, say: { zh: "非凸问题没有全局最优的保证；3.2.1 量到的是起点附近有好的解", en: "a non-convex problem guarantees no global optimum; 3.2.1 measured that good solutions lie near the start" } },
      { any: /学习率越大越好|(larger|higher) learning rates? (is|are) always/i, say: { zh: "学习率的上限由最大特征值给出（3.2.2）", en: "the largest eigenvalue limits the learning rate (3.2.2)" } },
      { any: /理论.{0,6}(没有|无)(实际)?(用|意义)|theory (is|has) no/i, say: { zh: "每个理论都给出一个可以量的建议，例如秩、学习率、批量", en: "each theory gives advice that can be measured: a rank, a learning rate, a batch size" } },
    ],
  }),
  "thinking/2": text([
    { name: { zh: "来源与许可", en: "sources and licences" }, any: /来源|许可|授权|版权|source|licen[sc]e|copyright/i },
    { name: { zh: "隐私：匿名化", en: "privacy: anonymisation" }, any: /隐私|匿名|脱敏|privacy|anonymi[sz]|personal data/i },
    { name: { zh: "清洗与去重", en: "cleaning and duplicates" }, any: /清洗|去重|重复|clean|dedup|duplicat/i },
    { name: { zh: "标注质量与一致性", en: "quality of annotation, agreement" }, any: /标注|一致性|annotat|agreement|kappa|label/i },
    { name: { zh: "划分与泄漏：测试集独立", en: "splits and leakage: an independent test set" }, any: /划分|测试集|验证集|泄漏|split|test set|held[- ]out|leak/i },
    { name: { zh: "模型：语言、大小、许可、词表与上下文长度", en: "model: language, size, licence, vocabulary and context length" }, any: /参数量|模型大小|词表|上下文|显存|内存|vocabular|context length|model size|parameters|memory/i },
  ], {
    hints: [
      { zh: "先说场景，再按数据从来源到测试集的顺序写", en: "name the case, then follow the data from its source to the test set" },
      { zh: "3.3.1 至 3.3.3 各有一件必须做的事；选模型时看语言、大小、许可", en: "3.3.1 to 3.3.3 each hold one thing that must be done; choose the model by language, size, licence" },
      { zh: "来源与许可 → 匿名化 → 清洗去重 → 标注一致性 → 按组划分 → 选模型", en: "sources and licence, anonymise, clean and deduplicate, agreement, split by groups, choose the model" },
    ],
    solution: {
      zh: "以网络安全问答为例。来源：内部工单、公开公告，逐条核对许可；匿名化姓名、邮箱、IP、密钥，并量召回率；清洗、近似去重；两人标注，算 κ，分歧仲裁；按来源或事件分组划分，测试集不与训练集共享近似样本。模型：训练语言要覆盖（看词表对本领域文本每字用多少 token），大小由内存和时延定（训练内存见 3.4.2），许可允许商用，上下文长度放得下最长的样本；先量零样本的损失，损失离谱的底座说明领域太远。",
      en: "Take questions on network security. Sources: internal tickets and public advisories, the licence checked one by one; anonymise names, e-mails, IPs and keys, and measure recall; clean, remove near duplicates; two annotators, κ, adjudication; split by source or incident, so that no near copy is on both sides. Model: it must cover the language (tokens per character of the domain's text tell), its size follows from memory and latency (3.4.2), its licence must allow the use, its context must hold the longest example; measure the zero-shot loss first: a base whose loss is far off is too far from the domain.",
    },
    mistakes: [
      { any: /数据越多越好|more data is always better/i, say: { zh: "3.3.1 量过：坏的数据会抵消更多的数据", en: "3.3.1 measured it: bad data undoes more data" } },
      { any: /随机划分(就|即)可|random split (is enough|suffices)/i, say: { zh: "近似重复的样本会跨过随机划分；要按组划分", en: "near duplicates cross a random split; split by groups" } },
      { any: /模型越大越好|(largest|bigger) model is always/i, say: { zh: "大小受内存、时延和数据量限制，先量小模型", en: "memory, latency and the amount of data limit the size; measure a small model first" } },
    ],
  }),
  "thinking/3": text([
    { name: { zh: "数据量", en: "amount of data" }, any: /数据量|样本(数|量)|数据(很)?(少|多)|(amount of|much|little|few) data|(few|many|thousand) examples|data size/i },
    { name: { zh: "与预训练的距离（领域差异）", en: "distance from pre-training" }, any: /差异|距离|领域|分布|distan(ce|t)|domain|distribution|far from/i },
    { name: { zh: "内存与算力", en: "memory and compute" }, any: /内存|显存|算力|计算|memory|compute|GPU/i },
    { name: { zh: "任务个数与存储、切换", en: "number of tasks, storage, switching" }, any: /多(个)?任务|存储|切换|several tasks|many tasks|storage|switch/i },
    { name: { zh: "用什么测量来决定（对照实验、种子、区间）", en: "the measurement that decides (comparison, seeds, intervals)" }, any: /对照|比较实验|种子|区间|验证集|measure|compar|seed|interval|validation/i },
  ], {
    hints: [
      { zh: "给一个场景，再说每种方式什么时候赢", en: "give a case, then say when each kind wins" },
      { zh: "看四样：数据量、领域差异、内存、任务个数", en: "look at four things: data, distance, memory, number of tasks" },
      { zh: "最后说怎样用一次对照实验决定（`tunelab compare`）", en: "end with the comparison that decides (`tunelab compare`)" },
    ],
    solution: {
      zh: "数据几百到几千、领域不远、要服务多个任务：LoRA 或适配器，底座一份，任务各存几 MB。数据很多、领域差异大（新语言、新格式）、内存够：全参数微调（内存不够用 LOMO），并检查遗忘。数据很少、只想微调偏好或格式：BitFit、提示类方法，先看欠拟合。决定之前用同一数据、同一预算、几个种子跑 `tunelab compare`，看区间是否重叠，再看存储与内存。",
      en: "A few hundred to thousand examples, a near domain, several tasks: LoRA or adapters; one base, a few MB a task. Much data, a distant domain (a new language or format), enough memory: full fine-tuning (LOMO where memory lacks), and check forgetting. Very little data, only a style or format: BitFit or prompts, watching for underfitting. Before deciding run `tunelab compare` on the same data and budget with several seeds; see whether intervals overlap, then look at storage and memory.",
    },
    mistakes: [
      { any: /全参数微调(总是|一定|永远)(最好|更好)|full fine-?tuning is always (best|better)/i, say: { zh: "数据少时全参数微调容易过拟合和遗忘；要量", en: "with little data full fine-tuning overfits and forgets easily; measure it" } },
      { any: /LoRA(总是|一定|永远)(最好|更好|等于)|LoRA is always/i, say: { zh: "领域差异大时低秩会不够，见 3.2.3 的实验室", en: "far from pre-training low rank may not suffice: see the lab of 3.2.3" } },
      { any: /参数(越少|少)(就)?越快|fewer (trainable )?parameters (always )?(means?|are) faster/i, say: { zh: "训练的参数少并不等于每步快：前向和反向仍要经过整个模型", en: "fewer trained parameters do not make a step faster in proportion: forward and backward still pass the whole model" } },
    ],
  }),
  "thinking/4": text([
    { name: { zh: "公式：h + f(h) 或 W₀ + ΔW，只训练 φ", en: "the equation: h + f(h) or W₀ + ΔW, only φ is trained" }, any: /h\s*\+|W_?0?₀?\s*\+|θ_?0?₀?\s*[,+;]|ΔW|\+\s*(BA|f|Adapter)|Delta/i },
    { name: { zh: "冻结的 θ₀ 不变，所以去掉适配器就完全复原", en: "θ₀ is frozen, so that without the adapter the model is restored exactly" }, any: /冻结|不变|复原|恢复|froz|freeze|unchanged|restor/i },
    { name: { zh: "初始化为恒等：f = 0", en: "identity at the start: f = 0" }, any: /恒等|初始化|零初始|=\s*0|identity|initiali[sz]|zero/i },
    { name: { zh: "目标：min_φ L(θ₀, φ)，容量由瓶颈或秩限制", en: "objective: min_φ L(θ₀, φ), with capacity limited by bottleneck or rank" }, any: /min|目标函数|损失|瓶颈|秩|argmin|objective|loss|bottleneck|rank/i },
    { name: { zh: "代价：装上适配器时原始能力会不会变，要用通用文本的损失或 KL 检查", en: "the price: with the adapter on, check the old abilities by loss on general text or KL" }, any: /遗忘|通用|KL|检查|forget|general text|check/i },
  ], {
    hints: [
      { zh: "写出一层的输出，再写出训练的目标", en: "write the output of one layer, then the objective" },
      { zh: "h' = h + W_up σ(W_down h)；开始时 W_up = 0", en: "h' = h + W_up σ(W_down h); W_up = 0 at the start" },
      { zh: "拿掉 φ：f(x; θ₀) 不变；装上 φ：min_φ L(θ₀, φ)", en: "without φ: f(x; θ₀) as before; with φ: min_φ L(θ₀, φ)" },
    ],
    solution: {
      zh: "h' = h + W_up σ(W_down h)，W_down ∈ ℝ^{b×d}，W_up ∈ ℝ^{d×b}，b ≪ d，起点 W_up = 0，于是 f(x; θ₀, φ₀) = f(x; θ₀)。训练 min_φ E_{D}[L(f(x; θ₀, φ), y)]，θ₀ 冻结：拿掉 φ，原来的能力一位不差地回来。装上 φ 时新能力由 b 限制的子空间提供；旧能力仍可能下降，所以要在通用文本上量损失或 KL(f(θ₀) ‖ f(θ₀, φ))，必要时把它加进目标。",
      en: "h' = h + W_up σ(W_down h), W_down ∈ ℝ^{b×d}, W_up ∈ ℝ^{d×b}, b ≪ d, W_up = 0 at the start, so that f(x; θ₀, φ₀) = f(x; θ₀). Train min_φ E_D[L(f(x; θ₀, φ), y)] with θ₀ frozen: take φ away, and the old abilities return to the last bit. With φ on, the new ability comes from a subspace that b limits; old abilities may still fall, so measure the loss on general text or KL(f(θ₀) ‖ f(θ₀, φ)), and add it to the objective if needed.",
    },
    mistakes: [
      { any: /(完全|绝对)(不会|没有)遗忘|(never|cannot) forget/i, say: { zh: "拿掉适配器才完全复原；装着的时候，通用文本的损失可能上升", en: "only without the adapter is all restored; with it on, the loss on general text may rise" } },
      { any: /随机初始化.{0,12}(两|全部|所有)|both .{0,20}random/i, say: { zh: "两个矩阵都随机就不是恒等起点；其中一个为零", en: "with both matrices random the start is not the identity; one of them is zero" } },
      { any: /更新(全部|所有)参数|update all (the )?(parameters|weights)/i, say: { zh: "θ₀ 冻结，只更新 φ", en: "θ₀ is frozen; only φ is updated" } },
    ],
  }),
  "thinking/5": text([
    { name: { zh: "对照：LoRA 随秩增大而改善，且全参数更好", en: "comparison: LoRA improves with rank and full fine-tuning is better" }, any: /秩.{0,12}(扫描|增大|提高|曲线)|全参数.{0,20}(对照|更好|优于|差距)|rank sweep|(higher|larger|increas\w+) rank|full fine-?tuning/i },
    { name: { zh: "排除别的原因：学习率、步数、过拟合", en: "other causes ruled out: learning rate, steps, overfitting" }, any: /学习率|步数|过拟合|欠拟合|排除|learning rate|steps|overfit|underfit|rule[sd]? out/i },
    { name: { zh: "ΔW 的奇异值谱与随机矩阵的比较", en: "singular values of ΔW against a random matrix" }, any: /奇异值|谱|SVD|singular|spectrum/i },
    { name: { zh: "有效秩或噪声门限、子空间重合", en: "effective rank, noise threshold, overlap of subspaces" }, any: /有效秩|稳定秩|噪声门限|重合|effective rank|stable rank|threshold|overlap/i },
    { name: { zh: "种子与区间：差异显著", en: "seeds and intervals: the difference is significant" }, any: /种子|区间|显著|seed|interval|significan/i },
  ], {
    hints: [
      { zh: "3.2.3 最后的实验室就是这个问题", en: "the lab at the end of 3.2.3 is this question" },
      { zh: "两类证据：性能随秩的曲线；全参数微调的 ΔW 的谱", en: "two kinds of evidence: performance against rank, and the spectrum of ΔW of full fine-tuning" },
      { zh: "判据：低秩不够 = 低秩 < 高秩 ≈ 全参数，且训练损失也如此；高秩也不够 = 别的原因", en: "the rule: low rank fails if low < high ≈ full, in training loss too; if high rank fails as well, it is something else" },
    ],
    solution: {
      zh: "（1）对全参数微调的 ΔW 逐层做 SVD，与同样大小的随机更新（或打乱标签的训练）比较：若前 r 个奇异值占的能量小、有效秩高、超过噪声门限的个数远大于 r，则低秩可疑。（2）扫描秩 r = 1…min(d, k)，每个秩单独调学习率，3 个以上种子：若性能随 r 持续上升，直到高秩才追上全参数，则低秩失效；若最高秩仍不如全参数，原因在别处（学习率、目标层、步数）。（3）看训练损失：欠拟合才是容量不够。（4）两个种子的 ΔW 子空间重合度高，说明方向是任务的而不是噪声。对策：提高秩、训练更多层、DoRA 或全参数（LOMO）。",
      en: "(1) Take the SVD of full fine-tuning's ΔW layer by layer and compare with a random update of the same size (or training on shuffled labels): if the first r singular values hold little energy, the effective rank is high and far more than r values exceed the noise threshold, low rank is doubtful. (2) Sweep r = 1…min(d, k), the learning rate tuned for each, 3 seeds or more: if performance keeps rising with r and only a high rank reaches full fine-tuning, low rank fails; if the highest rank falls short too, the cause is elsewhere (rate, target layers, steps). (3) Look at the training loss: only underfitting means lack of capacity. (4) High overlap of the subspaces of two seeds says that the directions are the task's and not noise. Remedies: a higher rank, more layers, DoRA, or full fine-tuning (LOMO).",
    },
    mistakes: [
      { any: /只(看|比较)(一次|单个种子|一个秩)|(one|single) (run|seed) is enough/i, say: { zh: "一个秩、一个种子分不清容量和噪声", en: "one rank and one seed cannot tell capacity from noise" } },
      { any: /r\s*=\s*k.{0,12}(等于|等价|完全)|(full|maximum|high\w*) rank (is|equals)( the same as)? full fine-?tuning/i, say: { zh: "r = min(d, k) 时表达能力相同，训练过程仍不同（LoRA 的学习率和参数化不同）", en: "r = min(d, k) is as expressive, but training still differs (its rates and parametrisation)" } },
      { any: /验证(集)?损失(更)?高就(说明|证明)|higher validation loss (proves|means)/i, say: { zh: "验证损失高也可能是过拟合；先看训练损失", en: "a higher validation loss may be overfitting; look at the training loss first" } },
    ],
  }),
  "thinking/6": text([
    { name: { zh: "Prefix：每层的 K/V；训练时常用 MLP 重参数化", en: "Prefix: K and V of every layer; MLP reparametrisation in training" }, any: /每(一)?层|K\s*\/?\s*V|键.{0,3}值|every layer|each layer|keys? and values?/i },
    { name: { zh: "Prompt：只在输入嵌入前加虚拟词", en: "Prompt: virtual tokens before the input embeddings only" }, any: /输入(层)?(的)?(嵌入|embedding)|虚拟(词|token)|input embedding|virtual token|soft prompt/i },
    { name: { zh: "P-tuning：编码器（LSTM 或 MLP）产生，位置任意，训练后丢掉", en: "P-tuning: made by an encoder (LSTM or MLP), any position, folded away afterwards" }, any: /LSTM|MLP|编码器|任意位置|encoder|any position/i },
    { name: { zh: "参数量与表达能力的差别", en: "number of parameters and expressiveness" }, any: /参数(量|个数|更少|更多)|表达(能力)?|number of parameters|fewer parameters|more parameters|expressive/i },
    { name: { zh: "代价：占用上下文，对初始化敏感，不能合并进权重", en: "price: context taken, sensitive to the start, cannot be merged into weights" }, any: /上下文|初始化|不能合并|context|initiali[sz]|merge/i },
    { name: { zh: "适合的场景", en: "where each fits" }, any: /适合|适用|场景|任务|suit|fits?|use case|task/i },
  ], {
    hints: [
      { zh: "按“放在哪里、怎样产生、训练多少、适合什么”列表", en: "make a table: where it sits, how it is made, how much is trained, where it fits" },
      { zh: "Prefix 在每层的 K/V；Prompt 与 P-tuning 在输入嵌入", en: "Prefix in K and V of every layer; Prompt and P-tuning in the input embeddings" },
      { zh: "P-tuning 多一个编码器，Prefix 训练时多一个 MLP；三者都不改权重", en: "P-tuning adds an encoder, Prefix an MLP while training; none changes a weight" },
    ],
    solution: {
      zh: "同：底座冻结，训练连续的虚拟词，训练后可以单独保存、在一个批次里混用，都占上下文，不能合并进权重。异：Prompt 只在输入嵌入前加 n 个向量（n·d 个参数，最省，但小模型上弱、对初始化敏感）；P-tuning 的向量由 LSTM 或 MLP 产生，可以插在任意位置，训练后只留下向量；Prefix 给每层注意力加 K/V（2·L·n·d_kv，表达力最强，训练时用 MLP 重参数化更稳）。场景：Prompt——大模型、许多小任务、集成；P-tuning——理解类任务、少样本；Prefix——生成类任务。数字见 3.6.3 至 3.6.5 的测量。",
      en: "Alike: the base is frozen, continuous virtual tokens are trained, kept apart, mixed in one batch; all take context and none can be merged into weights. Different: Prompt adds n vectors before the input embeddings (n·d parameters: the least, but weak on small models and sensitive to its start); P-tuning makes them by an LSTM or MLP, puts them at any position and keeps only the vectors; Prefix adds K and V to the attention of every layer (2·L·n·d_kv: the most expressive; an MLP makes training steadier). Where: Prompt for large models, many small tasks, ensembles; P-tuning for understanding with few examples; Prefix for generation. The numbers are measured in 3.6.3 to 3.6.5.",
    },
    mistakes: [
      { any: /prefix.{0,20}(只|仅)(在|改|加)?输入|prefix .{0,30}only (in|at|to) the input/i, say: { zh: "那是教材的清单做的事（即 prompt tuning）；Prefix 在每层的 K/V", en: "that is what the chapter's listing does (prompt tuning); Prefix sits in K and V of every layer" } },
      { any: /(?<!不)(可以|能)合并(进|到)权重|(they|tokens|prefix|prompts?) can be merged into/i, say: { zh: "虚拟词不是权重的更新，不能合并", en: "virtual tokens are no update of weights and cannot be merged" } },
      { any: /P-?tuning.{0,20}(更新|改变)(底座|全部|模型)(的)?参数|P-?tuning .{0,20}updates? the (base|model)/i, say: { zh: "最初的 P-tuning 冻结底座，只训练编码器", en: "P-tuning freezes the base here and trains the encoder" } },
    ],
  }),
  "practice/1": text([
    { name: { zh: "准备数据", en: "prepare the data" }, any: /数据|data/i }, { name: { zh: "选择底座模型", en: "choose the base model" }, any: /(选.{0,8}|底座|基座|预训练)模型|模型.{0,3}(选|：|:)|base|choose .{0,20}model|model:|pre-?trained/i },
    { name: { zh: "选择方法与超参数", en: "choose method and hyper-parameters" }, any: /方法|超参数|学习率|秩|method|hyper-?parameter|learning rate/i },
    { name: { zh: "训练：掩码、调度、检查点", en: "train: masks, schedule, checkpoints" }, any: /训练|掩码|检查点|调度|train|mask|checkpoint|schedule/i },
    { name: { zh: "评价：留出集、指标、区间", en: "evaluate: held-out set, metrics, intervals" }, any: /评(价|估)|指标|测试|evaluat|metric|test set|held[- ]out/i },
    { name: { zh: "保存与部署", en: "save and deploy" }, any: /保存|部署|合并|上线|save|deploy|merge|serve/i },
  ], {
    hints: [
      { zh: "按时间顺序写六步", en: "write six steps in order" },
      { zh: "数据 → 模型 → 方法 → 训练 → 评价 → 部署", en: "data, model, method, training, evaluation, deployment" },
      { zh: "每一步各写一件最容易错的事，例如掩码、EOS、测试集泄漏", en: "for each the thing that most easily goes wrong: masks, EOS, leakage" },
    ],
    solution: {
      zh: "数据：收集、核对许可、匿名化、清洗去重、按组划分；模型：语言、大小、许可、词表；方法与超参数：从 LoRA r = 8、学习率扫描开始；训练：只在答案的 token 上算损失，学会 EOS，预热加余弦，存检查点，看验证损失早停；评价：没见过的测试集，任务指标与区间，遗忘；部署：保存适配器或合并，记下底座的指纹和版本，回归测试。",
      en: "Data: collect, check licences, anonymise, clean, deduplicate, split by groups. Model: language, size, licence, vocabulary. Method and hyper-parameters: begin with LoRA r = 8 and a sweep of the rate. Training: loss on the answer's tokens only, EOS learned, warm-up and cosine, checkpoints, early stopping. Evaluation: an unseen test set, the task's metrics with intervals, forgetting. Deployment: save the adapter or merge it, note the base's fingerprint and version, test again.",
    },
    mistakes: [
      { any: /用测试集(调|选)|tune on the test set/i, say: { zh: "调参用验证集，测试集只用一次", en: "tune on the validation set; use the test set once" } },
      { any: /pad(ding)?\s*=\s*eos/i, say: { zh: "pad = eos 再把 pad 从损失中掩掉，EOS 就学不会（3.7.1）", en: "with pad = eos and padding masked, EOS is never learned (3.7.1)" } },
      { any: /(训练|所有|全部)(的)?(提示|问题)(也)?(都)?(要)?算损失|loss on (all|the prompt)/i, say: { zh: "问答任务通常只在答案上算损失（3.7.1 比较了两者）", en: "for answers the loss is usually taken on the answer only (3.7.1 compares both)" } },
    ],
  }),
  "practice/2": text([
    { name: { zh: "词表大小（token 种类）与训练 token 数是两回事", en: "size of the vocabulary and number of training tokens are two things" }, any: /151[, ]?(936|643|646|665|936)|词表|vocab/i },
    { name: { zh: "底座：Qwen2.5-Math-1.5B，1.78B 参数（未绑定的词嵌入）", en: "base: Qwen2.5-Math-1.5B, 1.78 B parameters (untied embeddings)" }, any: /Qwen2\.5|Qwen|1\.(5|54|7|78)\s*B/i },
    { name: { zh: "蒸馏数据：约 80 万条由 DeepSeek-R1 产生的样本", en: "distillation data: about 800 thousand samples made by DeepSeek-R1" }, any: /80\s*万|800\s*(k|thousand)|800[, ]?000|蒸馏|distill/i },
    { name: { zh: "格式：对话模板，先 <think>…</think> 推理再回答", en: "format: chat template, <think>…</think> before the answer" }, any: /think|思考|推理|模板|template|reasoning/i },
    { name: { zh: "上下文长度", en: "context length" }, any: /131[, ]?072|32[, ]?768|128\s*k|上下文|context/i },
  ], {
    hints: [
      { zh: "看模型卡、config.json（vocab_size、max_position_embeddings）和 tokenizer_config.json（chat_template）", en: "read the model card, config.json (vocab_size, max_position_embeddings) and tokenizer_config.json (chat_template)" },
      { zh: "区分三个数：词表大小、参数个数、训练用的 token 数", en: "tell three numbers apart: vocabulary, parameters, training tokens" },
      { zh: "这个模型是蒸馏得到的：训练数据是 R1 写的带 <think> 的回答", en: "the model was distilled: its training data are R1's answers with <think>" },
    ],
    solution: {
      zh: "config.json：vocab_size = 151936，hidden 1536，28 层，max_position_embeddings = 131072；词嵌入不绑定，共 1,777,088,000 个参数（`tl.parameterShapes` 可以算出）。底座是 Qwen2.5-Math-1.5B，用 DeepSeek-R1 产生的约 80 万条样本做监督微调（论文 2.4 节）；它自己的预训练 token 数模型卡没有给。数据格式：对话，助手的回答先是 <think>推理</think>，再是答案。注意它的模板会删掉历史中的 <think>（3.7.1）。",
      en: "config.json: vocab_size = 151936, hidden 1536, 28 layers, max_position_embeddings = 131072; the embeddings are untied, 1,777,088,000 parameters in all (`tl.parameterShapes` counts them). The base is Qwen2.5-Math-1.5B, fine-tuned on about 800 thousand samples that DeepSeek-R1 wrote (its paper, section 2.4); the card does not state a number of pre-training tokens. Format: conversations in which the assistant first writes <think>reasoning</think>, then the answer. Its template deletes <think> from earlier turns (3.7.1).",
    },
    mistakes: [
      { any: /151[, ]?936\s*(个)?(训练)?\s*token(s)?\s*(训练|of training)|trained on 151/i, say: { zh: "151936 是词表大小，不是训练用的 token 数", en: "151936 is the size of the vocabulary, not the number of training tokens" } },
      { any: /15\s*亿个\s*token|1\.5\s*(B|billion) tokens/i, say: { zh: "1.5B 指参数个数", en: "1.5B is the number of parameters" } },
      { any: /强化学习(直接)?训练(得到)?(的)?1\.5|trained (directly )?(with|by) reinforcement/i, say: { zh: "蒸馏的小模型只做了监督微调；强化学习用在 R1 本身", en: "the distilled models were only fine-tuned; reinforcement learning was R1's own" } },
    ],
  }),
  "practice/3": text([
    { name: { zh: "先诊断：逐层梯度范数、损失尺度、数据类型", en: "diagnose first: gradient norms by layer, loss scale, dtype" }, any: /诊断|梯度范数|逐层|下溢|检查|norms?|diagnos|underflow|per layer/i },
    { name: { zh: "FP16 下溢：损失缩放或改用 BF16，FP32 主副本", en: "FP16 underflow: loss scaling or BF16, FP32 master copy" }, any: /损失缩放|BF16|bfloat16|FP32|主副本|loss scal|master/i },
    { name: { zh: "学习率与预热；AdaLOMO 的分组归一化", en: "learning rate and warm-up; AdaLOMO's grouped normalisation" }, any: /学习率|预热|归一化|自适应|learning rate|warm-?up|normali[sz]/i },
    { name: { zh: "标签掩码：损失是否真的落在答案上", en: "label mask: does the loss fall on the answer at all" }, any: /掩码|标签|答案.{0,6}token|mask|label/i },
    { name: { zh: "不是办法：裁剪（它只缩小梯度）", en: "no remedy: clipping (it only makes gradients smaller)" }, any: /裁剪|截断|clip/i },
  ], {
    hints: [
      { zh: "先问：真的是消失，还是 16 位下溢，还是掩码把损失掩掉了？", en: "ask first: are they really vanishing, or underflowing in 16 bits, or is the loss masked away?" },
      { zh: "3.4.2 的损失缩放图和 BF16", en: "3.4.2's figure of loss scaling, and BF16" },
      { zh: "裁剪治爆炸，不治消失；AdaLOMO 按二阶矩归一化，本身就不怕梯度普遍偏小", en: "clipping helps against explosion, not vanishing; AdaLOMO divides by its second moment and does not mind gradients that are small throughout" },
    ],
    solution: {
      zh: "先诊断：打印每层梯度范数和非零的比例；看损失是否落在答案 token 上（掩码全 −100 时梯度恒为零）。若是 FP16 下溢：用动态损失缩放，或 BF16，权重保留 FP32 主副本。AdaLOMO 用分解的二阶矩和分组归一化，更新的大小不随梯度的整体尺度变，所以下溢之外的“普遍偏小”通常不必处理；学习率太小则加大并预热。结构上：保留残差和归一化（预训练模型已有），从靠近输出的层开始训练或用 LoRA。梯度裁剪针对爆炸，不能解决消失。",
      en: "Diagnose: print the gradient norm and the share of non-zeros of each layer; see whether the loss falls on answer tokens (a mask of −100 everywhere gives zero gradients). If it is FP16 underflow: dynamic loss scaling or BF16, with an FP32 master copy of the weights. AdaLOMO's factored second moment and grouped normalisation make the update independent of the gradients' overall scale, so that gradients that are merely small throughout need no cure; if the rate is too small, raise it with warm-up. Structure: residual paths and normalisation (the pre-trained model has them), train layers near the output first, or use LoRA. Clipping is for explosion and does not help.",
    },
    mistakes: [
      { any: /(用|采用|使用)梯度裁剪(来)?(解决|防止|缓解)(梯度)?消失|clip\w* (solves|fixes|prevents) vanish/i, say: { zh: "裁剪只会把梯度变小，治的是爆炸", en: "clipping only makes gradients smaller; it is for explosion" } },
      { any: /梯度累积.{0,10}(解决|可以)|gradient accumulation/i, say: { zh: "LOMO 一边求梯度一边更新，不能累积；累积也不改变梯度的尺度", en: "LOMO updates while the gradient is computed and cannot accumulate; nor would it change the gradient's scale" } },
      { any: /换(成|用)?\s*(sigmoid|ReLU)|replace the activation/i, say: { zh: "预训练模型的激活函数不能随意更换", en: "the activation of a pre-trained model cannot be exchanged at will" } },
    ],
  }),
  "practice/4": text([
    { name: { zh: "从小秩开始扫描（如 4、8、16、64），看验证指标", en: "sweep from a small rank (4, 8, 16, 64) on the validation metric" }, any: /扫描|r\s*=\s*\d|[48].{0,4}(8|16)|验证|sweep|validation/i },
    { name: { zh: "任务与预训练的距离、数据量", en: "distance of the task from pre-training, amount of data" }, any: /任务|差异|距离|数据(量|少|多)|领域|distance|task|amount of data|domain/i },
    { name: { zh: "α/r（或 rsLoRA 的 α/√r）与学习率一起变", en: "α/r (rsLoRA: α/√r) goes with the rate" }, any: /α|alpha|缩放|rsLoRA|学习率|learning rate|scaling/i },
    { name: { zh: "参数量与内存：r(d + k)", en: "parameters and memory: r(d + k)" }, any: /参数(量|个数)|内存|显存|r\s*\(?\s*d|parameters|memory/i },
    { name: { zh: "检查：ΔW 的奇异值，过拟合", en: "check: singular values of ΔW, overfitting" }, any: /奇异值|过拟合|谱|有效秩|singular|overfit|effective rank/i },
  ], {
    hints: [
      { zh: "3.6.2 扫描过秩；3.2.3 看过 ΔW 的谱", en: "3.6.2 swept the rank; 3.2.3 looked at the spectrum of ΔW" },
      { zh: "秩加倍时 α 也要跟着变，否则比较的是学习率", en: "when the rank doubles, α must follow, or it is the rate that is compared" },
      { zh: "r = 8 起步；验证指标不再变好就停；训练损失也降不下去才加秩", en: "begin at r = 8; stop where validation no longer improves; raise it only if the training loss is stuck too" },
    ],
    solution: {
      zh: "从 r = 8、α = 16 起步，保持 α/r 不变（或用 rsLoRA 的 α/√r）扫描 4、8、16、32、64，每个秩调学习率，看验证指标的均值和区间；取区间内最小的秩。数据少、领域近用小秩；领域远、训练损失降不下去才加秩或增加目标层（往往先加目标层更有效）。参数 r(d + k)，内存随之增长但很小。检查：训练后 ΔW 的奇异值若在第 r 个之前已经接近零，秩有余；若平坦，秩不够。",
      en: "Begin with r = 8, α = 16 and sweep 4, 8, 16, 32, 64 with α/r fixed (or rsLoRA's α/√r), the rate tuned for each; look at the mean and interval of the validation metric; take the smallest rank within the interval of the best. Little data and a near domain: small; far away and a training loss that is stuck: raise the rank or add target layers (the latter often first). Parameters r(d + k); memory grows with them, but little. Check: if the singular values of ΔW are near zero before the r-th, the rank is more than enough; if they are flat, it is too small.",
    },
    mistakes: [
      { any: /秩越大越好|r\s*越大(效果)?越好|(higher|larger) rank is always/i, say: { zh: "超过任务所需的秩只多花参数，还可能过拟合", en: "beyond what the task needs a rank costs parameters and may overfit" } },
      { any: /r\s*=\s*(k|d).{0,16}(等于|等价|就是)全参数|rank equal to .{0,20}full fine-?tuning/i, say: { zh: "只是表达能力相同，训练过程不同", en: "it is as expressive, but trains differently" } },
      { any: /r\s*与\s*(α|alpha)\s*无关|alpha does not matter|α does not matter/i, say: { zh: "更新的倍率是 α/r", en: "the update is scaled by α/r" } },
    ],
  }),
  "practice/5": text([
    { name: { zh: "数据：问答对，模板，损失只在答案上，EOS", en: "data: question and answer, template, loss on the answer only, EOS" }, any: /模板|答案|掩码|EOS|template|answer|mask/i },
    { name: { zh: "长度：前缀占用上下文，样本要相应截短", en: "length: the prefix takes context, examples must be shorter" }, any: /长度|上下文|截(断|短)|length|context|truncat/i },
    { name: { zh: "每层的 K/V 前缀，底座冻结", en: "K and V prefixes of every layer, frozen base" }, any: /每(一)?层|K\s*\/?\s*V|键|冻结|every layer|each layer|keys|froz/i },
    { name: { zh: "MLP 重参数化，训练后折叠", en: "MLP reparametrisation, folded away afterwards" }, any: /重参数|MLP|折叠|reparam|fold/i },
    { name: { zh: "初始化（真实提示的 KV）与前缀长度的选择", en: "initialisation (KV of a real prompt) and choice of length" }, any: /初始化|前缀长度|initiali[sz]|prefix length|real prompt|random start|sweep n/i },
    { name: { zh: "注意力掩码与位置编码", en: "attention mask and positions" }, any: /注意力掩码|位置|attention mask|position/i },
  ], {
    hints: [
      { zh: "数据处理与 3.7.1 相同，只多一件事：前缀占位置", en: "the data are prepared as in 3.7.1, with one more thing: the prefix takes positions" },
      { zh: "关键技术在 3.6.3：K/V、重参数化、初始化、长度", en: "the techniques are in 3.6.3: K and V, reparametrisation, start, length" },
      { zh: "注意教材的清单训练的其实是输入嵌入（3.6.3 的核对）", en: "mind that the chapter's listing trains input embeddings instead (the audit in 3.6.3)" },
    ],
    solution: {
      zh: "数据：{question, answer} 套模板，答案后加 EOS，损失只在答案 token 上，补齐的位置掩掉；样本长度 ≤ 上下文 − 前缀长度；按组划分。技术：每层注意力前加 n 个可训练的 K/V，底座冻结；训练时用 MLP 从较小的嵌入产生它们，更稳，训练后算出 K/V、丢掉 MLP；用真实提示的 KV 缓存初始化比随机好；n 扫描 10–100；注意力掩码让每个 token 看到前缀，位置编码从前缀之后开始；保存成 PEFT 的格式，多个前缀可以在一个批次里混用。",
      en: "Data: {question, answer} through the template, EOS after the answer, loss on answer tokens only, padding masked; examples of at most context − prefix tokens; split by groups. Techniques: n trainable keys and values before the attention of every layer, base frozen; while training an MLP makes them from a smaller embedding, which is steadier; afterwards K and V are computed once and the MLP is dropped; starting from a real prompt's KV cache beats random; sweep n from 10 to 100; the attention mask lets every token see the prefix, and positions begin after it; save in PEFT's format; several prefixes can share a batch.",
    },
    mistakes: [
      { any: /(修改|改变|更新)(底座|模型)(的)?权重|update the (base|model)'?s? weights/i, say: { zh: "Prefix 不改权重，只加 K/V", en: "Prefix changes no weight; it adds K and V" } },
      { any: /(只|仅)在输入(层|嵌入)|only (at|in) the input/i, say: { zh: "那是 prompt tuning；Prefix 在每一层", en: "that is prompt tuning; Prefix sits in every layer" } },
      { any: /提示(部分)?也(要)?算损失|loss on the prompt/i, say: { zh: "损失只在答案上", en: "the loss is on the answer only" } },
    ],
  }),
};
