/** Sweeps: the grid, what a plan refuses, runs that are done once, failures that are tried again, Stop, and the table. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { userError } from "../support/compare";
import { temporary } from "../support/fixtures";
import { load, outcome, tinyTask } from "./run";

const { kinds } = (load("sweep") as typeof import("../../lib/dist/cli/sweep")).sweep, { parseGrid, claim, readPlan, rowsOf } = load("sweep-plan") as typeof import("../../lib/dist/cli/sweep-plan");
const folder = temporary(), work = folder(), { model, data } = tinyTask(work);

const sweep = (kind: string, ...argv: string[]) => outcome(kinds![kind], ...argv);
const common = ["--model", model, "--data", data, "--validation", data, "--template", "plain", "--steps", "2", "--batch-size", "2"];
const plan = (out: string, grid: string, ...more: string[]) => sweep("plan", ...common, "--out", join(work, out), "--grid", grid, ...more);

test("a grid is every combination; wrong ones are refused by name before anything is written", async () => {
  assert.deepEqual(parseGrid("rank=2,8  learning-rate=1e-3,3e-3"), { rank: ["2", "8"], "learning-rate": ["1e-3", "3e-3"] });
  assert.deepEqual(parseGrid("targets=q_proj,v_proj|all-linear"), { targets: ["q_proj,v_proj", "all-linear"] });
  for (const [grid, ...says] of [
    ["rank", "OPTION=VALUE"], ["rank=", "OPTION=VALUE"], ["speed=1", "--grid speed", "rank"], ["dora=1", "takes a value"], ["seed=1,2", "--seeds"], ["out=a", "no option"], ["rank=2,2", "twice"], ["rank=2 rank=4", "twice"],
    ["method=ia3,lora rank=2", "run method=ia3 rank=2 seed=0", "no option of ia3"], ["method=magic", "choose from lora"],
  ] as string[][]) await assert.rejects(plan("never", grid), userError(...says), grid);
  await assert.rejects(plan("never", "rank=2", "--seeds", "0"), userError("--seeds 0"));
  await assert.rejects(sweep("plan", "--data", data, "--grid", "rank=2", "--out", join(work, "never")), userError("--model is needed"));
  assert.ok(!existsSync(join(work, "never")));
  await assert.rejects(sweep("run", "--out", work), userError("holds no sweep.json", "sweep plan"));

  const made = await plan("grid", "rank=1,2 learning-rate=1e-3,1e-2", "--seeds", "3"), { runs, base } = readPlan(join(work, "grid"));
  assert.equal(made.runs, 12);
  assert.equal(new Set(runs.map((r) => r.id)).size, 12);
  assert.deepEqual(runs[4].settings, { rank: "1", "learning-rate": "1e-2", seed: "1" });
  assert.ok(runs[4].argv.includes("--steps=2") && runs[4].argv.includes("--seed=1") && base.steps === "2");
  assert.match(readFileSync(join(work, "grid", "ray_sweep.py"), "utf8"), /ray\.remote/);
});

test("runs are done once, also when the grid grows; the table has means over seeds", { timeout: 300_000 }, async () => {
  const out = join(work, "grow"), at = (id: string) => join(out, "runs", id, "result.json"), stamp = (id: string) => statSync(at(id)).mtimeMs;
  await plan("grow", "rank=1", "--seeds", "2");
  const [a, b] = readPlan(out).runs.map((r) => r.id);
  const only = await sweep("run", "--out", out, "--only", a);
  assert.deepEqual([only.code, only.status, only.done, existsSync(at(b))], [0, "done", 1, false]);
  const incomplete = await sweep("table", "--out", out);
  assert.deepEqual([incomplete.status, incomplete.missing], ["incomplete", 1]);
  const before = stamp(a);

  await plan("grow", "rank=1,2", "--seeds", "2");
  const all = await sweep("run", "--out", out, "--workers", "2");
  assert.deepEqual([all.code, all.done, all.of], [0, 3, 3]);
  assert.equal(stamp(a), before, "what was done is not done again");
  assert.equal((await sweep("run", "--out", out)).of, 0);

  const { rows } = await sweep("table", "--out", out), results = JSON.parse(readFileSync(join(out, "results.json"), "utf8"));
  assert.deepEqual(rows.map((r: any) => [r.seeds, r.missing, r.failed]), [[2, 0, []], [2, 0, []]]);
  for (const row of rows) {
    const losses = results.runs.filter((r: any) => r.settings.rank === row.settings.rank).map((r: any) => r.validation.loss);
    assert.ok(Math.abs(row.loss - (losses[0] + losses[1]) / 2) < 1e-12 && row.error > 0 && losses[0] !== losses[1], "two seeds differ, and the row is their mean");
  }
  assert.ok(rows[0].loss <= rows[1].loss);
  assert.match(readFileSync(join(out, "table.md"), "utf8"), /\| rank \| validation loss \| seeds \|[^]*\| 2 of 2 \|/);
  await assert.rejects(plan("grow", "rank=1,2", "--steps", "3"), userError("other settings", "--steps 2, now 3"));
  await assert.rejects(sweep("run", "--out", out, "--only", "x"), userError("no such run"));
});

test("a failure is reported, does not stop the others, and is tried again", { timeout: 300_000 }, async () => {
  const out = join(work, "fail"), other = join(work, "other.jsonl");
  await plan("fail", `data=${data},${other}`);
  const first = await sweep("run", "--out", out);
  assert.deepEqual([first.code, first.status, first.done], [1, "failed", 2]);
  assert.match(first.failures[0], /other\.jsonl/);
  assert.match(readFileSync(join(out, "table.md"), "utf8"), /Failed: data=[^]*other\.jsonl/);
  writeFileSync(other, readFileSync(data));
  const second = await sweep("run", "--out", out);
  assert.deepEqual([second.code, second.done, second.of], [0, 1, 1]);
});

test("a run that another process has is left to it; a claim of a process that is gone is void", () => {
  const mine = claim(work, "run");
  assert.ok("release" in mine);
  const second = claim(work, "run");
  assert.ok("holder" in second && second.holder.includes(`${process.pid}`));
  mine.also(1); // alive
  mine.release();
  const file = join(work, "runs", "run", "claim");
  assert.ok(!existsSync(file));
  writeFileSync(file, `${hostname()} 99999999`);
  const third = claim(work, "run");
  assert.ok("release" in third);
  third.release();
  writeFileSync(file, "elsewhere 1");
  assert.ok("holder" in claim(work, "run"), "nobody knows whether a process of another machine lives");
});

test("rows without a result come last, and say what is missing", () => {
  const run = (rank: string, seed: string) => ({ id: `${rank}-${seed}`, settings: { rank, seed }, argv: [] }), plan = { base: {}, grid: { rank: ["1", "2"] }, seeds: 2, runs: [run("1", "0"), run("1", "1"), run("2", "0"), run("2", "1")] };
  const rows = rowsOf(plan, (id) => (id === "2-0" ? { status: "done", loss: 3, seconds: 1, host: "h" } : id === "2-1" ? { status: "failed", message: "no memory", seconds: 1, host: "h" } : undefined));
  assert.deepEqual(rows.map((r) => [r.settings.rank, r.loss, r.error, r.seeds, r.missing, r.failed]), [["2", 3, undefined, 1, 0, ["rank=2 seed=1: no memory"]], ["1", undefined, undefined, 0, 2, []]]);
});

test("Stop ends the runs with a checkpoint, and the same command goes on from it", { timeout: 300_000 }, async () => {
  const out = join(work, "stop"), cli = resolve("lib/dist/cli.js");
  await sweep("plan", "--model", model, "--data", data, "--template", "plain", "--steps", "150", "--batch-size", "2", "--out", out, "--grid", "rank=2");
  const [{ id }] = readPlan(out).runs, log = join(out, "runs", id, "train", "log.jsonl");
  const child = spawn(process.execPath, [cli, "sweep", "run", "--out", out], { stdio: "ignore" }), ended = new Promise<number | null>((done) => child.on("exit", (code) => done(code)));
  while (!(existsSync(log) && readFileSync(log, "utf8").includes('"step":3,'))) {
    assert.equal(child.exitCode, null, "it ended before it could be stopped");
    await new Promise((next) => setTimeout(next, 20));
  }
  child.kill("SIGINT");
  assert.equal(await ended, 130);
  assert.ok(!existsSync(join(out, "runs", id, "result.json")) && !existsSync(join(out, "runs", id, "claim")));
  const { code, done } = await sweep("run", "--out", out);
  assert.deepEqual([code, done], [0, 1]);
  assert.deepEqual(readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line)).filter((r) => r.kind === "step").map((r) => r.step), Array.from({ length: 150 }, (_, i) => i + 1));
});
