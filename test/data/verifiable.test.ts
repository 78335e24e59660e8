// data/verifiable: the card tells the truth, the generator gives these files, and every answer is computed here once more in another way.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { STATUS_CODES } from "node:http";
import { BlockList } from "node:net";
import { test } from "node:test";
import { answerReward, formatReward, VERIFIABLE_TASKS, type VerifiableTask } from "tunelab";
import { assertUnique, cardOf, checkCard, recordsOf, type Card } from "./support";

type Item = VerifiableTask & { id: string };
const SET = "verifiable", LANGUAGES = ["en", "zh"] as const, SPLITS = ["train", "test"] as const;
const card = cardOf<Card & { tasks: Record<string, Record<"train" | "test", number>> }>(SET);
const load = (language: string, split: string) => recordsOf<Item>(SET, `${language}/${split}.jsonl`);
const all = (language: string) => SPLITS.flatMap((split) => load(language, split));

test("the card is true", () => {
  checkCard(SET);
  assert.deepEqual(Object.keys(card.tasks).sort(), [...VERIFIABLE_TASKS].sort());
  for (const language of LANGUAGES)
    for (const split of SPLITS)
      for (const task of VERIFIABLE_TASKS)
        assert.equal(load(language, split).filter((r) => r.task === task).length, card.tasks[task][split], `${language} ${split} ${task}`);
  assert.ok(all("en").length + all("zh").length >= 1500);
});

test("the generator gives exactly these files", () => {
  const { status, stderr } = spawnSync(process.execPath, ["data/verifiable/make.mjs", "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

/** What a question is about, without its wording. */
function itemOf({ task, prompt }: Item): string {
  const found = task === "base64-decode" ? /[A-Za-z0-9+/]{4,}={0,2}(?=[. 。?]|$| )/.exec(prompt.replace(/base64|Decode|Which|decoded|does|field|text|holds|mean|when|from|What|word/g, ""))
    : task === "hash-type" ? /\$(?:[^\s,，]|,[tp]=)+|[0-9a-f]{32,}/.exec(prompt) : null;
  return `${task} ${found ? found[0] : [...prompt.matchAll(/\d[\d./]*/g)].map(([n]) => n.replace(/\.$/, "")).sort().join(" ") || prompt}`;
}

test("no question is asked in both splits, languages are parallel", () => {
  for (const language of LANGUAGES) {
    assertUnique(all(language).map((r) => r.id), "id");
    assertUnique(all(language).map((r) => r.prompt), "prompt");
    const train = new Set(load(language, "train").filter((r) => r.task !== "service-port").map(itemOf));
    for (const item of load(language, "test").filter((r) => r.task !== "subnet-size" && r.task !== "service-port"))
      assert.ok(!train.has(itemOf(item)), `${language} ${item.id}: ${itemOf(item)} is in train too`);
    const service = (r: Item) => r.answer;
    const trainPorts = new Set(load(language, "train").filter((r) => r.task === "service-port").map(service));
    for (const item of load(language, "test").filter((r) => r.task === "service-port")) assert.ok(!trainPorts.has(service(item)), item.id);
  }
  for (const split of SPLITS)
    assert.deepEqual(load("zh", split).map((r) => `${r.id} ${r.task}`), load("en", split).map((r) => `${r.id} ${r.task}`));
});

test("every answer is right", () => {
  const rfc1918 = new BlockList();
  for (const [net, prefix] of [["10.0.0.0", 8], ["172.16.0.0", 12], ["192.168.0.0", 16]] as const) rfc1918.addSubnet(net, prefix, "ipv4");
  const english: Record<string, (prompt: string) => string | null> = {
    "cidr-membership": (prompt) => {
      const [net, prefix] = /([\d.]+)\/(\d+)/.exec(prompt)!.slice(1), host = [...prompt.matchAll(/\d+\.\d+\.\d+\.\d+(?!\/|\d)/g)].map(([a]) => a).find((a) => a !== net || prompt.split(net).length > 2)!;
      const list = new BlockList();
      list.addSubnet(net, Number(prefix), "ipv4");
      return list.check(host, "ipv4") ? "yes" : "no";
    },
    "ipv4-private": (prompt) => (rfc1918.check(/\d+\.\d+\.\d+\.\d+/.exec(prompt)![0], "ipv4") ? "private" : "public"),
    "subnet-size": (prompt) => {
      const bits = 32n - BigInt(/\/(\d+)/.exec(prompt)![1]);
      return String((1n << bits) - (/usable|hosts/.test(prompt) ? 2n : 0n));
    },
    "cvss-band": (prompt) => {
      const score = Number(/(?:score|score of) (\d+\.\d)/.exec(prompt)![1]);
      return score === 0 ? "None" : score <= 3.9 ? "Low" : score <= 6.9 ? "Medium" : score <= 8.9 ? "High" : "Critical";
    },
    "http-status-class": (prompt) => {
      const code = Number(/\b([1-5]\d\d)\b/.exec(prompt)![1]);
      assert.ok(STATUS_CODES[code] ?? [104, 306].includes(code), `${code} is no status code`);
      return ["informational", "success", "redirection", "client error", "server error"][Math.floor(code / 100) - 1];
    },
    "base64-decode": (prompt) => prompt.split(/[\s]+/).map((w) => w.replace(/[.?]$/, "")).map((w) => Buffer.from(w, "base64")).map((b) => b.toString("latin1"))
      .find((w) => /^[a-z0-9]{3,9}$/.test(w) && prompt.includes(Buffer.from(w).toString("base64"))) ?? null,
    "hash-type": (prompt) => {
      const value = /\$\S+|[0-9a-f]{32,}/.exec(prompt)![0];
      for (const [prefix, name] of [["$argon2id$", "Argon2id"], ["$6$", "SHA-512 crypt"], ["$1$", "MD5 crypt"], ["$2", "bcrypt"]]) if (value.startsWith(prefix)) return name;
      return { 32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512" }[value.length] ?? null;
    },
  };
  const words: Record<string, string> = { yes: "是", no: "否", private: "私有", public: "公网", None: "无", Low: "低危", Medium: "中危", High: "高危", Critical: "严重", informational: "信息", success: "成功", redirection: "重定向", "client error": "客户端错误", "server error": "服务器错误" };
  const chinese = new Map(all("zh").map((r) => [r.id, r]));
  const portOf = new Map(all("en").filter((r) => r.task === "service-port").map((r) => [r.answer, r.prompt]));
  for (const record of all("en")) {
    const check = english[record.task];
    if (check) assert.equal(record.answer, check(record.prompt), record.prompt);
    if (record.task === "port-service") assert.ok(portOf.get(/\d+/.exec(record.prompt)![0])?.includes(record.answer), record.prompt);
    assert.equal(chinese.get(record.id)!.answer, record.task === "base64-decode" ? record.answer : words[record.answer] ?? record.answer, record.id);
    for (const r of [record, chinese.get(record.id)!]) {
      assert.equal(answerReward(r.answer, r), 1, r.id);
      assert.equal(answerReward(`Answer: ${r.answer}`, r) + formatReward(`Reason.\nAnswer: ${r.answer}`), 2, r.id);
    }
  }
});

test("yes and no, private and public are asked equally often", () => {
  for (const language of LANGUAGES)
    for (const task of ["cidr-membership", "ipv4-private"]) {
      const answers = all(language).filter((r) => r.task === task).map((r) => r.answer), first = answers.filter((a) => a === answers[0]).length;
      assert.ok(Math.abs(first / answers.length - 0.5) < 0.05, `${task}: ${first} of ${answers.length}`);
    }
});
