// Rewards of the verifiable tasks: what is right earns 1, what merely contains the right answer does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answerReward, extractAnswer, formatReward, normalizeAnswer, TunelabError } from "tunelab";

const yes = { task: "cidr-membership", prompt: "Is 10.1.2.3 in 10.0.0.0/8?", answer: "yes" };
const port = { task: "service-port", prompt: "Port of SSH?", answer: "22" };
const size = { task: "subnet-size", prompt: "Size of a /12?", answer: "1048576" };
const smtp = { task: "port-service", prompt: "TCP 853?", answer: "DNS over TLS", accept: ["DoT"] };
const word = { task: "base64-decode", prompt: "cm9vdA==", answer: "root" };

test("right answers in other clothes earn 1", () => {
  for (const [completion, record] of [
    ["yes", yes], ["Yes.", yes], ["是。", yes], ["属于", yes], ["The block is 10.*.\nAnswer: yes", yes], ["答案：是", yes], ["ANSWER : Ｙｅｓ", yes],
    ["22", port], ["port 22", port], ["端口２２", port], ["0022", port], ["1,048,576", size], ["1 048 576", size], ["答案: 1048576", size],
    ["dot", smtp], ["dns-over-tls", smtp], ["“DNS over TLS”", smtp], ["root", word], [" root\n", word],
  ] as const) assert.equal(answerReward(completion, record), 1, completion);
});

test("wrong answers, guesses and lists earn 0", () => {
  for (const [completion, record] of [
    ["", yes], ["no", yes], ["yes no", yes], ["Answer: yes\nAnswer: no", yes], ["Answer:", yes], ["not yes", yes], ["it is yes I think", yes],
    ["222", port], ["2 2", port], ["22, 23", port], ["22 or 2222", port], ["-22", port], ["22.0", port], ["1,04,8576", size],
    ["DNS", smtp], ["Root", word], ["cm9vdA==", word], ["root admin", word],
  ] as const) assert.equal(answerReward(completion, record), 0, completion);
});

test("the form is rewarded whether or not the answer is right", () => {
  for (const good of ["Answer: x", "Because.\n\nanswer: 22\n", "先看前缀。\n答案：是"]) assert.equal(formatReward(good), 1, good);
  for (const bad of ["", "22", "Answer:", "Answer: a\nAnswer: b", "Answer: a\nThat is all.", "The Answer: a"]) assert.equal(formatReward(bad), 0, bad);
});

test("parts", () => {
  assert.equal(extractAnswer("think\nAnswer: 5\nrest"), "5");
  assert.equal(extractAnswer("just text "), "just text");
  assert.equal(extractAnswer("Answer: a\n答案：b"), null);
  assert.equal(normalizeAnswer("  “ＳＳＨ  v2”。"), "ssh v2");
});

test("an unknown task is refused by name", () => {
  assert.throws(() => answerReward("x", { ...yes, task: "riddles" }), (error) => error instanceof TunelabError && /riddles.*port-service/.test(error.message));
});
