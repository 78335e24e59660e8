// Makes the verifiable tasks; the same files every time.
//
//   node data/verifiable/make.mjs            writes en/ and zh/ and renews card.json
//   node data/verifiable/make.mjs --check    writes nothing, exits with 1 if a file would change
//
// An item (a port, a score, a network with an address, …) is asked once in a task and lies in one split. Its wording is drawn from a few
// in each language. Facts: IANA's registry of ports, RFC 1918, RFC 4632, RFC 9110, the CVSS v3.1 specification, section 5.
import { createHash } from "node:crypto";
import { writeSplits } from "../card.mjs";

const SEED = 11, TEST_SHARE = 0.2;

/** mulberry32: small, and enough to draw exercises. */
function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (least, most) => least + Math.floor(next() * (most - least + 1)), pick = (array) => array[int(0, array.length - 1)];
  const shuffle = (array) => { for (let i = array.length - 1; i > 0; i--) { const j = int(0, i); [array[i], array[j]] = [array[j], array[i]]; } return array; };
  return { next, int, pick, shuffle };
}

/** Default port, transport, service name, other names. */
const SERVICES = [
  [21, "TCP", "FTP"], [22, "TCP", "SSH", "SFTP"], [23, "TCP", "Telnet"], [25, "TCP", "SMTP"], [53, "UDP", "DNS"], [67, "UDP", "DHCP", "BOOTP"], [69, "UDP", "TFTP"],
  [80, "TCP", "HTTP"], [88, "TCP", "Kerberos"], [110, "TCP", "POP3"], [119, "TCP", "NNTP"], [123, "UDP", "NTP"], [143, "TCP", "IMAP", "IMAP4"], [161, "UDP", "SNMP"],
  [179, "TCP", "BGP"], [194, "TCP", "IRC"], [389, "TCP", "LDAP"], [443, "TCP", "HTTPS"], [445, "TCP", "SMB", "CIFS"], [514, "UDP", "Syslog"], [515, "TCP", "LPD"],
  [554, "TCP", "RTSP"], [631, "TCP", "IPP"], [636, "TCP", "LDAPS"], [853, "TCP", "DNS over TLS", "DoT"], [873, "TCP", "rsync"], [993, "TCP", "IMAPS"], [995, "TCP", "POP3S"],
  [1080, "TCP", "SOCKS", "SOCKS5"], [1194, "UDP", "OpenVPN"], [1433, "TCP", "Microsoft SQL Server", "SQL Server", "MSSQL"], [1521, "TCP", "Oracle Database", "Oracle"],
  [1701, "UDP", "L2TP"], [1723, "TCP", "PPTP"], [1812, "UDP", "RADIUS"], [1883, "TCP", "MQTT"], [2049, "TCP", "NFS"], [3128, "TCP", "Squid"], [3306, "TCP", "MySQL", "MariaDB"],
  [3389, "TCP", "RDP", "Remote Desktop"], [5060, "UDP", "SIP"], [5222, "TCP", "XMPP"], [5353, "UDP", "mDNS", "Multicast DNS"], [5432, "TCP", "PostgreSQL", "Postgres"], [5671, "TCP", "AMQPS"],
  [5672, "TCP", "AMQP", "RabbitMQ"], [5900, "TCP", "VNC"], [6379, "TCP", "Redis"], [8883, "TCP", "MQTTS", "MQTT over TLS"], [9092, "TCP", "Kafka", "Apache Kafka"],
  [9200, "TCP", "Elasticsearch"], [11211, "TCP", "memcached"], [27017, "TCP", "MongoDB"], [51820, "UDP", "WireGuard"],
];
const HTTP = [100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414,
  415, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 511];
const HTTP_CLASS = { 1: ["informational", "信息"], 2: ["success", "成功"], 3: ["redirection", "重定向"], 4: ["client error", "客户端错误"], 5: ["server error", "服务器错误"] };
const HTTP_ALSO = { 1: ["1xx", "informational response", "信息响应", "信息性响应"], 2: ["2xx", "successful", "成功响应"], 3: ["3xx", "redirect"], 4: ["4xx"], 5: ["5xx", "服务端错误"] };
const WORDS = `cat sun key port host root admin login proxy virus worm patch token nonce salt hash cipher router switch packet subnet kernel buffer stack heap shell script cookie session header
 payload exploit botnet sandbox honeypot firewall backup audit policy access secret public private signed mutex thread socket client server domain mirror bridge tunnel cloud cluster node disk
 cache query table index field record schema vault badge guard alarm watch trace probe sensor signal beacon anchor harbor island river forest meadow garden winter summer spring autumn lemon
 apple bread cheese coffee orange pepper silver golden copper marble paper pencil window mirror2 table7 zone9 alpha1 delta4 echo5 tango8 blue42 green17 x509 ipv6 sha256 utf8 base64`.split(/\s+/);

const address = (n) => [24, 16, 8, 0].map((s) => (n >>> s) & 255).join(".");
const mask = (prefix) => (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0);
const randomAddress = (r) => (r.int(1, 223) * 2 ** 24 + r.int(0, 2 ** 24 - 1)) >>> 0;

/** The private ranges of RFC 1918. */
const isPrivate = (n) => (n >>> 24) === 10 || (n >>> 20) === 0xac1 || (n >>> 16) === 0xc0a8;
const YES_NO = { true: ["yes", "是"], false: ["no", "否"] };

/** Every task gives items [key, English prompts, Chinese prompts, [English answer, Chinese answer], accepted answers]. */
const TASKS = {
  "port-service": (r) => r.shuffle([...SERVICES]).map(([port, transport, name, ...others]) => [`${port}`,
    [`Which service uses ${transport} port ${port} by default?`, `Name the protocol or product whose default port is ${port}/${transport.toLowerCase()}.`, `A host listens on ${transport} ${port}. Which service is it by default?`],
    [`${transport} ${port} 端口默认对应什么服务？`, `默认使用 ${port}/${transport.toLowerCase()} 端口的协议或产品是什么？`, `主机在 ${transport} ${port} 上监听，按默认约定是什么服务？`], [name, name], others]),
  "service-port": (r) => r.shuffle([...SERVICES]).map(([port, transport, name]) => [name,
    [`What is the default ${transport} port of ${name}?`, `On which ${transport} port does ${name} run by default?`, `Give the default port number of ${name} (${transport}).`],
    [`${name} 的默认 ${transport} 端口是多少？`, `${name} 默认运行在哪个 ${transport} 端口？`, `请给出 ${name} 的默认端口号（${transport}）。`], [`${port}`, `${port}`], []]),
  "cidr-membership": (r) => Array.from({ length: 150 }, (_, i) => {
    const prefix = r.pick([8, 12, 16, 20, 22, 23, 24, 25, 26, 27, 28, 29, 30]), net = (randomAddress(r) & mask(prefix)) >>> 0, inside = i % 2 === 0, size = 2 ** (32 - prefix);
    // What lies outside lies in a neighbouring block of the same size, so that the first octets alone decide little.
    const start = inside ? net : (net + r.pick([-1, 1, 2]) * size) >>> 0, host = address((start + r.int(0, size - 1)) >>> 0), cidr = `${address(net)}/${prefix}`;
    return [`${host} ${cidr}`, [`Is ${host} in ${cidr}?`, `Does the network ${cidr} contain the address ${host}?`, `A firewall rule matches ${cidr}. Does it match ${host}?`],
      [`${host} 属于 ${cidr} 吗？`, `网络 ${cidr} 是否包含地址 ${host}？`, `防火墙规则匹配 ${cidr}，它会匹配 ${host} 吗？`], YES_NO[inside], []];
  }),
  "hash-type": (r) => Array.from({ length: 120 }, (_, i) => {
    const letters = (alphabet, n) => Array.from({ length: n }, () => r.pick([...alphabet])).join("");
    const HEX = "0123456789abcdef", B64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const [name, value, also] = [() => ["MD5", letters(HEX, 32), []], () => ["SHA-1", letters(HEX, 40), []], () => ["SHA-256", letters(HEX, 64), []], () => ["SHA-512", letters(HEX, 128), []],
      () => ["bcrypt", `$2${r.pick(["a", "b", "y"])}$${r.pick(["10", "11", "12"])}$${letters(B64, 53)}`, []], () => ["SHA-512 crypt", `$6$${letters(B64, 8)}$${letters(B64, 86)}`, ["sha512crypt"]],
      () => ["MD5 crypt", `$1$${letters(B64, 8)}$${letters(B64, 22)}`, ["md5crypt"]], () => ["Argon2id", `$argon2id$v=19$m=65536,t=3,p=4$${letters(B64.slice(2), 22)}$${letters(B64.slice(2), 43)}`, ["argon2"]]][i % 8]();
    const choices = "MD5, SHA-1, SHA-256, SHA-512, bcrypt, MD5 crypt, SHA-512 crypt, Argon2id";
    return [value, [`Which of these made the value ${value}, judging by length and prefix: ${choices}?`, `Judge by form alone: is ${value} the output of ${choices.replace(/, (?=Argon)/, " or ")}?`],
      [`从长度和前缀看，${value} 由下列哪一种算法得到：${choices.replaceAll(", ", "、")}？`, `仅凭形式判断，${value} 是 ${choices.replaceAll(", ", "、")} 中哪一种的输出？`], [name, name], also];
  }),
  "cvss-band": (r) => r.shuffle(Array.from({ length: 101 }, (_, i) => i)).map((tenths) => {
    const band = tenths === 0 ? 0 : tenths < 40 ? 1 : tenths < 70 ? 2 : tenths < 90 ? 3 : 4, score = (tenths / 10).toFixed(1);
    return [score, [`Which severity rating has the CVSS v3.1 base score ${score}: None, Low, Medium, High or Critical?`, `A vulnerability has a CVSS v3.1 score of ${score}. Name its qualitative severity (None, Low, Medium, High, Critical).`],
      [`CVSS v3.1 基础评分 ${score} 对应哪个等级：无、低危、中危、高危还是严重？`, `某漏洞的 CVSS v3.1 评分为 ${score}，其严重性等级是什么（无、低危、中危、高危、严重）？`],
      [["None", "Low", "Medium", "High", "Critical"][band], ["无", "低危", "中危", "高危", "严重"][band]],
      [["none", "无"], ["low", "低", "低危"], ["medium", "中", "中危"], ["high", "高", "高危"], ["critical", "严重"]][band]];
  }),
  "subnet-size": (r) => Array.from({ length: 100 }, (_, i) => {
    const prefix = 8 + (i % 23), cidr = `${address((randomAddress(r) & mask(prefix)) >>> 0)}/${prefix}`, size = 2 ** (32 - prefix), usable = r.next() < 0.5;
    return [`${cidr} ${usable}`, usable ? [`How many usable host addresses (without network and broadcast address) has the IPv4 network ${cidr}?`, `How many hosts can be numbered in ${cidr}, network and broadcast address not counted?`]
      : [`How many IPv4 addresses does ${cidr} contain in all?`, `Give the total number of addresses in the block ${cidr}.`],
    usable ? [`IPv4 网络 ${cidr} 有多少个可用主机地址（不含网络地址和广播地址）？`, `不计网络地址和广播地址，${cidr} 可以给多少台主机编址？`] : [`${cidr} 一共包含多少个 IPv4 地址？`, `地址块 ${cidr} 的地址总数是多少？`],
    [`${usable ? size - 2 : size}`, `${usable ? size - 2 : size}`], []];
  }),
  "ipv4-private": (r) => Array.from({ length: 140 }, (_, i) => {
    let n;
    const near = () => r.pick([() => (11 * 2 ** 24 + r.int(0, 2 ** 24 - 1)), () => (172 * 2 ** 24 + r.pick([15, 32, 33, 48, 8]) * 2 ** 16 + r.int(0, 65535)), () => (192 * 2 ** 24 + r.pick([167, 169, 160]) * 2 ** 16 + r.int(0, 65535))])();
    do n = i % 2 === 0 ? r.pick([() => 10 * 2 ** 24 + r.int(0, 2 ** 24 - 1), () => 172 * 2 ** 24 + r.int(16, 31) * 2 ** 16 + r.int(0, 65535), () => 192 * 2 ** 24 + 168 * 2 ** 16 + r.int(0, 65535)])()
      : r.next() < 0.6 ? near() : randomAddress(r);
    while (isPrivate(n >>> 0) !== (i % 2 === 0) || (i % 2 === 1 && [0, 100, 127, 169, 198, 203].includes(n >>> 24 >>> 0)) || (n >>> 8 << 8 >>> 0) === 0xc0000200);
    const text = address(n >>> 0), inside = isPrivate(n >>> 0);
    return [text, [`By RFC 1918, is ${text} a private or a public IPv4 address?`, `${text}: private or public (RFC 1918)?`], [`按 RFC 1918，${text} 是私有地址还是公网地址？`, `${text} 属于私有地址还是公网地址（RFC 1918）？`],
      inside ? ["private", "私有"] : ["public", "公网"], inside ? ["private", "private address", "私有", "私有地址", "内网地址"] : ["public", "public address", "公网", "公网地址", "公有地址"]];
  }),
  "base64-decode": (r) => r.shuffle([...new Set(WORDS)]).map((word) => {
    const code = Buffer.from(word).toString("base64");
    return [word, [`Decode the base64 text ${code}.`, `What does ${code} mean when decoded from base64?`, `The log holds the base64 field ${code}. Which word is it?`],
      [`请解码 base64 文本 ${code}。`, `${code} 经 base64 解码后是什么？`, `日志中的 base64 字段 ${code} 是哪个词？`], [word, word], []];
  }),
  "http-status-class": (r) => r.shuffle([...HTTP]).map((code) => {
    const c = Math.floor(code / 100);
    return [`${code}`, [`Which class has the HTTP status code ${code}: informational, success, redirection, client error or server error?`, `A web server answered ${code}. Name the class of this status code (informational, success, redirection, client error, server error).`],
      [`HTTP 状态码 ${code} 属于哪一类：信息、成功、重定向、客户端错误还是服务器错误？`, `Web 服务器返回 ${code}，该状态码属于哪一类（信息、成功、重定向、客户端错误、服务器错误）？`], HTTP_CLASS[c], [...HTTP_CLASS[c], ...HTTP_ALSO[c]]];
  }),
};

function make() {
  const files = { en: { train: [], test: [] }, zh: { train: [], test: [] } };
  let id = 0;
  for (const [task, itemsOf] of Object.entries(TASKS)) {
    const r = generator(SEED * 7919 + createHash("sha256").update(task).digest().readUInt32LE(0)), seen = new Set();
    const items = itemsOf(r).filter(([key]) => !seen.has(key) && seen.add(key));
    const held = Math.round(items.length * TEST_SHARE), inTest = new Set(r.shuffle(items.map((_, i) => i)).slice(0, held));
    items.forEach(([, english, chinese, answers, also], i) => {
      id++;
      const wording = r.int(0, english.length - 1), split = inTest.has(i) ? "test" : "train";
      for (const [l, prompts] of [["en", english], ["zh", chinese]]) {
        const answer = answers[l === "en" ? 0 : 1], accept = [...new Set(also)].filter((a) => a !== answer);
        files[l][split].push({ id: `verify-${String(id).padStart(4, "0")}`, task, prompt: prompts[wording], answer, ...(accept.length ? { accept } : {}) });
      }
    });
  }
  return files;
}

writeSplits("verifiable", make());
