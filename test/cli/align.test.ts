// `tunelab align` on a tiny model: every method trains, writes what the others read, resumes bit for bit, and says what is wrong.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { checkpoints, loadState } from "tunelab/train";
import { backend } from "tunelab/tensor";
import { userError } from "../support/compare";
import { temporary } from "../support/fixtures";
import { writeTinyFolder } from "../train/support";
import { tunelab } from "./run";

const CLI = path.resolve("lib/dist/cli.js"), folder = temporary();
let model: string, preferences: string, tasks: string;
process.env.TUNELAB_JIT = "0";
before(async () => {
  await backend();
  model = writeTinyFolder(folder("model"));
  preferences = folder("preferences.jsonl"); tasks = folder("tasks.jsonl");
  const lines = (n: number, f: (i: number) => object) => Array.from({ length: n }, (_, i) => `${JSON.stringify(f(i))}\n`).join("");
  fs.writeFileSync(preferences, lines(6, (i) => ({ prompt: `Say ${i}.`, chosen: `yes ${i}`, rejected: `no no ${i}` })));
  fs.writeFileSync(tasks, lines(4, (i) => ({ task: "ipv4-private", prompt: `10.0.0.${i}?`, answer: "private" })));
});
const align = (...args: string[]): Promise<any> => tunelab("align", "--model", model, ...args);
/** Exit code and messages of the program itself. */
const program = (...args: string[]): Promise<{ code: number; err: string }> =>
  new Promise((done) => execFile(process.execPath, [CLI, "align", ...args], { env: { ...process.env, TUNELAB_JIT: "0" } }, (error, _out, err) => done({ code: error ? Number(error.code) : 0, err })));
const values = (run: string) => { const { trained, step, source } = loadState(checkpoints(run).at(-1)!.path); return { step, source, trained: Object.fromEntries(Object.entries(trained).map(([n, t]) => [n, [...t.dataSync()]])) }; };

test("reward, then ppo with that reward model; dpo; grpo", { timeout: 240_000 }, async () => {
  const dpo = folder("dpo"), rm = folder("rm"), ppo = folder("ppo"), grpo = folder("grpo");
  const d = await align("--method", "dpo", "--data", preferences, "--validation", preferences, "--out", dpo, "--steps", "6", "--batch-size", "3", "--learning-rate", "1e-2", "--beta", "0.5");
  assert.deepEqual([d.status, d.steps, d.adapter], ["done", 6, path.join(dpo, "adapter")]);
  assert.ok(d.validation.loss < 0.6 && d.validation.metrics.margin > 0, JSON.stringify(d.validation));
  assert.ok(fs.existsSync(path.join(dpo, "reference-data.json")) && fs.existsSync(path.join(d.adapter, "adapter_model.safetensors")) && fs.existsSync(path.join(dpo, "log.jsonl")));

  const r = await align("--method", "reward", "--data", preferences, "--validation", preferences, "--out", rm, "--steps", "20", "--batch-size", "6", "--learning-rate", "1e-2", "--rank", "2");
  assert.equal(r.quality.accuracy, 1, JSON.stringify(r));
  const p = await align("--method", "ppo", "--data", preferences, "--reward", path.join(rm, "adapter"), "--out", ppo, "--rounds", "2", "--prompts", "4", "--group", "2", "--max-tokens", "5", "--kl-target", "1");
  assert.deepEqual([p.status, p.steps, typeof p.round.reward], ["done", 2, "number"]);
  const adapter = fs.readdirSync(p.adapter).sort();
  assert.deepEqual(adapter, ["adapter_config.json", "adapter_model.safetensors"]);

  const g = await align("--method", "grpo", "--data", tasks, "--out", grpo, "--rounds", "2", "--prompts", "2", "--group", "3", "--max-tokens", "5", "--tune", "full", "--adapter", d.adapter, "--merge");
  assert.equal(g.round.flatGroups, 1, "so small a model says nothing right");
  assert.ok(fs.existsSync(path.join(grpo, "merged", "model.safetensors")));

  // a reward model belongs to the base that it was trained on
  await assert.rejects(align("--method", "ppo", "--data", preferences, "--reward", path.join(rm, "adapter"), "--adapter", d.adapter, "--out", folder("wrong"), "--rounds", "1", "--prompts", "2"), userError("trained on another base model"));
});

test("resumed, dpo and grpo end as runs that were never interrupted", { timeout: 240_000 }, async () => {
  for (const [name, ...args] of [["dpo", "--data", preferences, "--steps", "6", "--batch-size", "3"], ["grpo", "--data", tasks, "--rounds", "2", "--prompts", "2", "--group", "4", "--max-tokens", "4", "--batch-size", "2"]]) {
    const whole = folder(`${name}-whole`), parts = folder(`${name}-parts`), own = (out: string) => align("--method", name, ...args, "--learning-rate", "1e-2", "--out", out, "--save-every", "1", ...(out === parts && fs.existsSync(out) ? ["--resume"] : []));
    await own(whole);
    const expected = values(whole);
    await own(parts);
    // as if it had been killed after its second step but one: the newest checkpoint is lost
    fs.rmSync(checkpoints(parts).at(-1)!.path, { recursive: true });
    assert.equal(checkpoints(parts).at(-1)!.step, expected.step - 1);
    assert.equal((await own(parts)).status, "done");
    assert.deepEqual(values(parts), expected);
  }
});

test("wrong use and bad records are refused, with what is right", async () => {
  for (const [args, ...mentions] of [
    [["--data", preferences], "--method is needed"], [["--data", preferences, "--method", "sft"], "--method sft: choose from dpo, reward, grpo, ppo"], [["--data", preferences, "--method", "dpo", "--rounds", "3"], "--rounds: no option of dpo", "--beta"],
    [["--data", preferences, "--method", "reward", "--merge"], "--merge"], [["--data", preferences, "--method", "dpo", "--tune", "magic"], "--tune magic: choose from lora"], [["--data", preferences, "--method", "dpo", "--tokens", "3"], "--tokens: no option of lora"],
    [["--data", tasks, "--method", "dpo"], 'tasks.jsonl:1: field "chosen" is missing'], [["--data", preferences, "--method", "grpo"], "preferences.jsonl: record 1 cannot be judged", "reward model"],
    [["--data", tasks, "--method", "ppo", "--reward", folder("nothing")], "holds no score.safetensors"], [["--data", preferences, "--method", "dpo", "--beta", "0"], "DPO: beta is 0"],
  ] as [string[], ...string[]][])
    await assert.rejects((async () => align("--out", folder("bad"), ...args))(), userError(...mentions), args.join(" "));
});

test("the program ends with 2 after wrong use, with 1 after bad records, and explains itself", async () => {
  const base = ["--model", model, "--out", folder("bad"), "--data", tasks, "--method"];
  assert.deepEqual([(await program(...base, "sft")).code, (await program("--help")).code], [2, 0]);
  const { code, err } = await program(...base, "dpo");
  assert.equal(code, 1);
  assert.doesNotMatch(err, /\n\s+at /);
});
