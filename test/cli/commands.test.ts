/** The command line as a practitioner uses it: help, exit codes, errors, and the chain finetune → generate → evaluate → info on the real small model. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

const CLI = resolve("lib/dist/cli.js"), MODEL = resolve("models/SmolLM2-135M-Instruct");
const folder = mkdtempSync(join(tmpdir(), "tunelab-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const noModel = existsSync(MODEL) || process.env.CI ? false : "models/SmolLM2-135M-Instruct is missing: npm run setup";

interface Outcome { code: number; out: string; err: string }
const tunelab = (...args: string[]): Promise<Outcome> =>
  new Promise((done) => execFile(process.execPath, [CLI, ...args], (error, out, err) => done({ code: error ? Number(error.code) : 0, out, err })));

const data = join(folder, "data.jsonl");
writeFileSync(data, Array.from({ length: 6 }, (_, i) => `${JSON.stringify({ question: `What is ${i} plus ${i}?`, answer: `It is ${2 * i}.` })}\n`).join(""));

test("every command explains itself", async () => {
  const all = await tunelab("--help");
  assert.equal(all.code, 0);
  for (const command of ["finetune", "compare", "align", "generate", "evaluate", "info", "recipe"]) {
    assert.match(all.out, new RegExp(`\\n  ${command} `));
    const { code, out } = await tunelab(command, "--help");
    assert.equal(code, 0);
    assert.match(out, /Options:[^]*--json[^]*Examples:\n  tunelab/);
  }
  assert.match((await tunelab("--version")).out, /^\d+\.\d+\.\d+\n$/);
});

test("wrong use ends with 2 and says what is right", async () => {
  for (const [args, message] of [
    [[], /Commands:/], [["fly"], /no command "fly"/], [["info", "--fast"], /--fast/], [["generate", "--model", MODEL], /--prompt is needed/],
    [["finetune", "--model", MODEL, "--data", data, "--out", folder, "--steps", "many"], /--steps many: is not a number/],
    [["finetune", "--model", MODEL, "--data", data, "--out", folder, "--method", "magic"], /--method magic: choose from lora/],
    [["compare", "--model", MODEL, "--data", data, "--validation", data, "--out", folder, "--methods", "lora,magic"], /--methods magic: choose from lora/],
    [["compare", "--model", MODEL, "--data", data, "--validation", data, "--out", folder, "--metric", "exact"], /name records in --test/],
  ] as [string[], RegExp][]) {
    const { code, out, err } = await tunelab(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(out + err, message);
  }
});

test("bad input ends with 1 and names file, place and remedy", { skip: noModel }, async () => {
  const bad = join(folder, "bad.jsonl");
  writeFileSync(bad, `${JSON.stringify({ question: "a?", answer: "b" })}\n${JSON.stringify({ question: "a?" })}\n`);
  for (const [args, message] of [
    [["evaluate", "--model", join(folder, "nowhere"), "--data", data], /nowhere: there is no such file or folder/],
    [["evaluate", "--model", MODEL, "--data", bad], /bad\.jsonl:2: field "answer" is missing/],
    [["generate", "--model", MODEL, "--adapter", folder, "--prompt", "hi"], /holds no adapter_config\.json/],
  ] as [string[], RegExp][]) {
    const { code, err } = await tunelab(...args);
    assert.equal(code, 1, args.join(" "));
    assert.match(err, message);
    assert.doesNotMatch(err, /\n\s+at /, "a stack trace is not for users");
  }
});

test("finetune, generate, evaluate, info, resume", { skip: noModel, timeout: 300_000 }, async (suite) => {
  const out = join(folder, "run"), common = ["--model", MODEL, "--data", data, "--batch-size", "2", "--rank", "2"];
  const json = ({ out, code, err }: Outcome) => { assert.equal(code, 0, err); return JSON.parse(out); };

  await suite.test("the adapter is written, and its numbers agree", async () => {
    const result = json(await tunelab("finetune", ...common, "--steps", "3", "--out", out, "--validation", data, "--json"));
    assert.equal(result.status, "done");
    assert.equal(result.steps, 3);
    const config = JSON.parse(readFileSync(join(out, "adapter", "adapter_config.json"), "utf8"));
    assert.deepEqual([config.peft_type, config.r, config.target_modules], ["LORA", 2, ["q_proj", "v_proj"]]);
    const log = readFileSync(join(out, "log.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(log.filter((r) => r.kind === "step").map((r) => r.step), [1, 2, 3]);
    const checked = json(await tunelab("evaluate", "--model", MODEL, "--data", data, "--adapter", join(out, "adapter"), "--json"));
    assert.ok(Math.abs(checked.loss - result.validation.loss) < 1e-4, `${checked.loss} is not ${result.validation.loss}`);
  });

  await suite.test("a run is not overwritten", async () => {
    const { code, err } = await tunelab("finetune", ...common, "--steps", "3", "--out", out);
    assert.equal(code, 1);
    assert.match(err, /already holds a run/);
  });

  await suite.test("generate answers, with JSON alone on standard output", async () => {
    const answer = json(await tunelab("generate", "--model", MODEL, "--adapter", join(out, "adapter"), "--prompt", "What is 1 plus 1?", "--max-tokens", "5", "--json"));
    assert.ok(answer.ids.length > 0 && answer.ids.length <= 5);
    assert.equal(typeof answer.text, "string");
  });

  await suite.test("info counts what is there", async () => {
    const found = json(await tunelab("info", "--model", MODEL, "--adapter", join(out, "adapter"), "--json"));
    assert.equal(found.model.parameters, 134_515_008);
    assert.equal(found.adapter.parameters, 30 * 2 * (576 + 576 + 576 + 192));
  });

  await suite.test("Ctrl-C keeps what was learned, ends with 130, and the run can be resumed", async () => {
    const stopped = join(folder, "stopped"), args = [...common, "--steps", "8", "--out", stopped, "--json"];
    const child = spawn(process.execPath, [CLI, "finetune", ...args], { stdio: ["ignore", "ignore", "inherit"] });
    const ended = new Promise<number | null>((done) => child.on("exit", (code) => done(code)));
    const log = join(stopped, "log.jsonl");
    while (!(existsSync(log) && readFileSync(log, "utf8").includes('"step":2'))) {
      assert.equal(child.exitCode, null, "training ended before it could be stopped");
      await new Promise((next) => setTimeout(next, 20));
    }
    child.kill("SIGINT");
    assert.equal(await ended, 130);
    const result = json(await tunelab("finetune", ...args, "--resume"));
    assert.deepEqual([result.status, result.steps], ["done", 8]);
    const steps = readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line).step);
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

test("compare: a table, a picture and results that a second call takes up", { timeout: 300_000 }, async () => {
  const out = join(folder, "compared"), args = ["compare", "--model", "data/course-model", "--data", data, "--validation", data, "--test", data, "--metric", "rouge-l", "--max-new-tokens", "4", "--methods", "ia3,bitfit", "--steps", "2", "--batch-size", "2", "--out", out, "--json"];
  const first = await tunelab(...args, "--seeds", "1");
  assert.equal(first.code, 0, first.err);
  assert.deepEqual(JSON.parse(first.out).rows.map((r: { method: string; scoreError?: number }) => [r.method, r.scoreError]), [["ia3", undefined], ["bitfit", undefined]]);
  const runs = () => JSON.parse(readFileSync(join(out, "results.json"), "utf8")).runs, before = runs();
  const second = await tunelab(...args, "--seeds", "2"), rows = JSON.parse(second.out).rows;
  assert.deepEqual(rows.map((r: { runs: unknown[]; scoreError: number }) => [r.runs.length, typeof r.scoreError]), [[2, "number"], [2, "number"]]);
  assert.deepEqual([runs().length, runs().slice(0, 2)], [4, before], "what was done is not done again");
  assert.match(readFileSync(join(out, "table.md"), "utf8"), /\| ia3 \|[^]*\| bitfit \|/);
  assert.match(readFileSync(join(out, "comparison.svg"), "utf8"), /^<svg/);
  const other = await tunelab(...args.map((a) => (a === "rouge-l" ? "loss" : a)));
  assert.match(other.err, /holds a comparison of another task/);
});
