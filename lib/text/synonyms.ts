/** A small thesaurus for augmentation, Chinese and English, with the terms of network security: each line is a group of words that may stand for each other. */
const GROUPS = `
attack assault offensive
attacker intruder adversary
detect discover identify
detected discovered identified
block stop prevent
blocked stopped prevented
server host machine
user account
password passphrase credential
suspicious unusual abnormal
malicious harmful hostile
traffic packets
request query
connection session
vulnerability weakness flaw
exploit abuse
steal exfiltrate
send transmit
sent transmitted
repeated frequent
many numerous multiple
large big huge
small tiny
fast quick rapid
start begin
started began
try attempt
show display
use employ
important critical significant
error fault
warning caution
alert alarm
file document
fake forged spoofed
login logon sign-in
internal inside
external outside
find locate
change modify alter
remove delete erase
ddos distributed-denial-of-service
攻击 袭击 进攻
攻击者 入侵者 黑客
检测 发现 识别
阻断 拦截 阻止
服务器 主机
用户 账户 账号
密码 口令
可疑 异常 反常
恶意 有害
流量 数据流
请求 查询
连接 会话
漏洞 弱点 缺陷
利用 滥用
窃取 盗取
发送 传送
频繁 多次 反复
大量 众多 许多
巨大 庞大
快速 迅速
开始 启动
尝试 试图
显示 表明
使用 采用
重要 关键
错误 差错
警告 警示
告警 报警 警报
文件 文档
伪造 假冒 仿冒
登录 登入
内部 内网
外部 外网
修改 更改 变更
删除 移除
高兴 快乐 愉快
DDoS 分布式拒绝服务
SQL注入 SQL注入攻击
钓鱼 网络钓鱼
病毒 计算机病毒
加密 密码保护`;

export type Synonyms = ReadonlyMap<string, readonly string[]>;

/** A thesaurus from groups of words. */
export function synonymsOf(groups: Iterable<readonly string[]>): Synonyms {
  const out = new Map<string, string[]>();
  for (const group of groups) for (const word of group) out.set(word, [...new Set([...(out.get(word) ?? []), ...group.filter((w) => w !== word)])]);
  return out;
}

/** The course's thesaurus. Give augment your own for another domain. */
export const SYNONYMS: Synonyms = synonymsOf(GROUPS.trim().split("\n").map((line) => line.split(" ")));
