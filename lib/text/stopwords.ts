/**
 * Stop words: static lists of function words, and dynamic ones that a corpus itself shows to say nothing, by document frequency or by the
 * entropy of a word over the documents. Terms of the domain are never stop words, however frequent: in a security log
 * "error" or "alert" is often what matters.
 */
import { TunelabError } from "../errors";

const set = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/).filter(Boolean));

/** Function words. Negations (not, no, 不, 没) are not among them: "not blocked" is the opposite of "blocked". */
export const STOP_WORDS: Readonly<Record<"en" | "zh", ReadonlySet<string>>> = {
  en: set(`a about above after again against all also am an and any are as at be because been before being below between both but by can could did do does doing down
    during each few for from further had has have having he her here hers herself him himself his how i if in into is it its itself just me more most my myself of off on once
    only or other our ours ourselves out over own s same she should so some such t than that the their theirs them themselves then there these they this those through to too
    under until up very was we were what when where which while who whom why will with would you your yours yourself yourselves`),
  zh: set(`的 了 和 是 在 就 都 而 及 与 着 或 一个 一种 一些 这 那 这个 那个 这些 那些 这样 那样 这里 那里 其 其中 其他 之 以 以及 于 对 对于 关于 从 到 向 往 由 由于 因为 因此 所以 但 但是 如果 则 并 并且 而且
    也 还 又 很 非常 更 最 已 已经 正在 将 会 能 能够 可以 可能 应 应该 要 让 使 把 被 为 为了 给 跟 同 比 等 等等 个 们 我 我们 你 你们 您 他 他们 她 她们 它 它们 自己 大家 谁 什么 哪 哪里 哪些 怎么 怎样 如何 为什么 多少
    几 啊 吧 呢 吗 呀 哦 嗯 嘛 啦 地 得 过 上 下 里 中 内 外 前 后 时 时候 之后 之前 当 通过 进行 根据 按照 随着 此 该 每 各 某 有 有的 所 即 且 若 虽然 然而 不过 只 只是 只有 才 再 一 来 去 说 看 做 用`),
};

/** Frequent words of security data that carry its meaning. */
export const SECURITY_TERMS: ReadonlySet<string> = set(`error warning warn alert critical fatal emergency notice info debug fail failed failure denied deny drop dropped block blocked reject rejected accept accepted
  allow allowed attack exploit malware virus worm trojan ransomware phishing ddos dos sql xss injection root admin login logout password user port src dst tcp udp icmp http https dns ssh ftp smtp
  错误 警告 告警 报警 警报 严重 致命 紧急 异常 失败 拒绝 阻断 拦截 丢弃 放行 允许 攻击 漏洞 利用 恶意 恶意软件 病毒 蠕虫 木马 勒索 钓鱼 注入 入侵 扫描 爆破 登录 密码 用户 端口 高危 中危 低危`);

export interface DynamicOptions {
  /** "documentFrequency" (default): the share of documents that hold the word. "entropy": how evenly it spreads over them, H / log(documents). */
  by?: "documentFrequency" | "entropy";
  /** From which score, in [0, 1], a word is a stop word: default 0.5 (document frequency), 0.9 (entropy). */
  least?: number;
  /** Not more than these many, the highest first. */
  most?: number;
  /** Never stop words; default SECURITY_TERMS. */
  keep?: ReadonlySet<string>;
}
export interface WordStatistics {
  word: string;
  /** Occurrences, and documents with at least one. */
  count: number;
  documents: number;
  documentFrequency: number;
  /** −Σ p log p / log N, p the share of the word's occurrences in a document; 0: in one document only, 1: evenly in all. */
  entropy: number;
}

/** How often and how evenly words occur in documents, given as lists of words; words are compared in lower case. */
export function wordStatistics(documents: readonly (readonly string[])[]): WordStatistics[] {
  const counts = new Map<string, Map<number, number>>();
  for (const [d, words] of documents.entries())
    for (const word of words) {
      const w = word.toLowerCase(), own = counts.get(w) ?? new Map<number, number>();
      own.set(d, (own.get(d) ?? 0) + 1);
      counts.set(w, own);
    }
  return [...counts].map(([word, own]) => {
    const count = [...own.values()].reduce((a, b) => a + b, 0);
    let entropy = 0;
    for (const n of own.values()) entropy -= (n / count) * Math.log(n / count);
    return { word, count, documents: own.size, documentFrequency: own.size / documents.length, entropy: documents.length > 1 ? Math.abs(entropy) / Math.log(documents.length) : 0 };
  });
}

/** The words of a corpus that distinguish nothing, highest score first. Words without a letter (numbers, marks) are not counted as words. */
export function dynamicStopWords(documents: readonly (readonly string[])[], { by = "documentFrequency", least = by === "entropy" ? 0.9 : 0.5, most = Infinity, keep = SECURITY_TERMS }: DynamicOptions = {}): WordStatistics[] {
  if (documents.length < 2) throw new TunelabError(`dynamicStopWords: ${documents.length} documents; give at least two, each as a list of words.`);
  if (!(least >= 0 && least <= 1)) throw new TunelabError(`dynamicStopWords: least is ${least}; give a share in [0, 1].`);
  return wordStatistics(documents)
    .filter((w) => w[by] >= least && /\p{L}/u.test(w.word) && !keep.has(w.word))
    .sort((a, b) => b[by] - a[by] || b.count - a.count || (a.word < b.word ? -1 : 1))
    .slice(0, most);
}

/** Words without the stop words; those in `keep` stay. Compared in lower case, returned as they are. */
export const removeStopWords = (words: readonly string[], stop: ReadonlySet<string> | Iterable<string>, { keep = SECURITY_TERMS }: { keep?: ReadonlySet<string> } = {}): string[] => {
  const stopped = stop instanceof Set ? (stop as ReadonlySet<string>) : new Set(stop);
  return words.filter((word) => { const w = word.toLowerCase(); return keep.has(w) || !stopped.has(w); });
};
