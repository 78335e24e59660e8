/**
 * Runs that are killed (kill -9) at random moments, or meet a full disk, and are resumed: what they end with is compared with a run that was
 * left alone, file by file. The runs are those of the command line, in processes of their own.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { openSafetensors } from "tunelab/model";
import type { Random } from "tunelab/tensor";
import { checkpoints, loadState } from "tunelab/train";
import { dispose } from "tunelab/tensor";
import { writeTinyFolder } from "../train/support";

export interface Scenario {
  name: string;
  /** What node runs, to work in a folder. Begun again in the same folder it goes on. */
  command: (folder: string) => string[];
  env?: Record<string, string>;
}
const CLI = path.resolve("lib/dist/cli.js");

/** A tiny model with its data in `work`, and runs on it: fine-tuning, DPO, GRPO. */
export function tinyScenarios(work: string): Record<"sft" | "small" | "full" | "dpo" | "grpo", Scenario> {
  const model = writeTinyFolder(path.join(work, "model")), write = (name: string, n: number, f: (i: number) => object) => { const file = path.join(work, name); fs.writeFileSync(file, Array.from({ length: n }, (_, i) => `${JSON.stringify(f(i))}\n`).join("")); return file; };
  const questions = write("questions.jsonl", 9, (i) => ({ question: `What is ${i}${"?".repeat(1 + (i % 4))}`, answer: `It is ${i * i}.` })), preferences = write("preferences.jsonl", 6, (i) => ({ prompt: `Say ${i}.`, chosen: `yes ${i}`, rejected: `no no ${i}` }));
  const tasks = write("tasks.jsonl", 4, (i) => ({ task: "ipv4-private", prompt: `10.0.0.${i}?`, answer: "private" }));
  const cli = (name: string, command: string, data: string, ...more: string[]): Scenario => ({
    name, env: { TUNELAB_JIT: "0" }, command: (folder) => [CLI, command, "--model", model, "--data", data, "--out", folder, "--save-every", "1", "--resume", ...more],
  });
  return {
    sft: cli("fine-tuning (LoRA with dropout, tiny model)", "finetune", questions, "--validation", questions, "--evaluate-every", "5", "--steps", "24", "--batch-size", "3", "--accumulate", "2", "--rank", "2", "--dropout", "0.2", "--targets", "all-linear"),
    small: cli("fine-tuning (hardly any tensors)", "finetune", questions, "--steps", "24", "--batch-size", "3", "--rank", "1", "--targets", "k_proj"),
    full: cli("fine-tuning (all weights, merged, tiny model)", "finetune", questions, "--steps", "10", "--batch-size", "3", "--method", "full", "--merge"),
    dpo: cli("DPO (tiny model)", "align", preferences, "--method", "dpo", "--steps", "12", "--batch-size", "3", "--learning-rate", "1e-2", "--rank", "2"),
    grpo: cli("GRPO (tiny model)", "align", tasks, "--method", "grpo", "--rounds", "3", "--prompts", "2", "--group", "4", "--updates", "2", "--batch-size", "4", "--max-tokens", "6", "--rank", "2"),
  };
}
/** All weights of the course model, compiled: checkpoints of 73 MB take their time. */
export const courseScenario: Scenario = {
  name: "fine-tuning (all weights of the course model, compiled)",
  command: (folder) => [CLI, "finetune", "--model", "data/course-model", "--data", "data/security-qa/en/train.jsonl", "--out", folder, "--method", "full", "--steps", "8", "--batch-size", "2", "--max-length", "32", "--save-every", "1", "--resume"],
};

export interface Ended { code: number | null; signal: NodeJS.Signals | null; seconds: number; output: string }
interface Started { ended: Promise<Ended>; kill(signal: NodeJS.Signals): void; pid: number }
export function start({ command, env }: Scenario, folder: string, { shell }: { shell?: (command: string) => string } = {}): Started {
  const began = performance.now(), args = command(folder), options = { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3", ...env } };
  const quoted = [process.execPath, ...args].map((a) => `'${a}'`).join(" "), p = shell ? spawn("bash", ["-c", shell(quoted)], options) : spawn(process.execPath, args, options);
  let output = "";
  for (const stream of [p.stdout, p.stderr]) stream.on("data", (d) => { output += d; });
  return { pid: p.pid!, kill: (signal) => p.kill(signal), ended: new Promise((done) => p.on("close", (code, signal) => done({ code, signal, seconds: (performance.now() - began) / 1000, output }))) };
}

const filesUnder = (folder: string, at = ""): string[] => (fs.existsSync(folder) ? fs.readdirSync(path.join(folder, at), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? filesUnder(folder, path.join(at, e.name)) : [path.join(at, e.name)])) : []);
const unfinished = (name: string): boolean => name.includes(".partial");

/** Everything that has its final name is complete, whatever killed the run. */
export function assertSound(folder: string): void {
  for (const name of filesUnder(folder).filter((f) => !unfinished(f) && !f.startsWith("tensorboard"))) {
    const file = path.join(folder, name);
    if (name.endsWith(".safetensors")) openSafetensors(file).close();
    else if (name.endsWith(".json")) JSON.parse(fs.readFileSync(file, "utf8"));
  }
  for (const { path: where } of checkpoints(folder)) { const { trained, optimizer } = loadState(where); dispose(trained); Object.values(optimizer).forEach(dispose); }
}

/** Files of two finished runs are the same, bit for bit; of log and history all but times and memory. Nothing unfinished is left. */
export function assertSame(folder: string, straight: string): void {
  const names = (f: string) => filesUnder(f).filter((n) => !n.startsWith("tensorboard")).sort(), untimed = (r: any) => { delete r.seconds; delete r.tokensPerSecond; delete r.memory; return r; };
  assert.deepEqual(names(folder), names(straight));
  for (const name of names(folder)) {
    const [a, b] = [folder, straight].map((f) => fs.readFileSync(path.join(f, name)));
    if (name === "log.jsonl") assert.deepEqual(...([a, b].map((x) => x.toString().trim().split("\n").map((line) => untimed(JSON.parse(line)))) as [unknown, unknown]), name);
    else if (name.endsWith("state.json")) assert.deepEqual(...([a, b].map((x) => { const s = JSON.parse(x.toString()); s.history.steps.forEach(untimed); return s; }) as [unknown, unknown]), name);
    else assert.ok(a.equals(b), `${name} differs`);
  }
}

export interface Report { scenario: string; kills: number; runs: number; straightSeconds: number; seconds: number; moments: Record<string, number> }
const PHASES = ["while a checkpoint was written", "while the result was written", "while training", "before the first step"] as const;
function phase(folder: string): (typeof PHASES)[number] {
  const files = fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  return files.some((f) => f.startsWith(".partial-")) ? PHASES[0] : files.some(unfinished) ? PHASES[1] : files.some((f) => f.startsWith("checkpoint-")) ? PHASES[2] : PHASES[3];
}

/**
 * Kills runs of a scenario `kills` times. Half of the kills come at any moment, half are aimed: as soon as something unfinished is there, and
 * up to 4 ms later. Each run that comes to its end is compared with one that was left alone.
 */
export async function chaos(scenario: Scenario, work: string, kills: number, random: Random, say: (line: string) => void = () => {}): Promise<Report> {
  const began = performance.now(), straight = path.join(work, "straight"), alone = await start(scenario, straight).ended;
  assert.equal(alone.code, 0, alone.output);
  const report: Report = { scenario: scenario.name, kills: 0, runs: 0, straightSeconds: alone.seconds, seconds: 0, moments: {} };
  while (report.kills < kills) {
    const folder = path.join(work, `run${report.runs}`);
    for (;;) {
      const aimed = random.integer(2) === 1, when = random.uniform() * alone.seconds * 1000, extra = random.integer(5), last = report.kills >= kills, p = start(scenario, folder);
      let over = false, begin: NodeJS.Timeout | undefined, watch: NodeJS.Timeout | undefined;
      const kill = () => { if (!over) p.kill("SIGKILL"); };
      if (!last) begin = setTimeout(() => {
        if (!aimed) return kill();
        watch = setInterval(() => { const seen = phase(folder); if (seen !== PHASES[0] && seen !== PHASES[1]) return; clearInterval(watch); setTimeout(kill, extra); }, 1);
      }, aimed ? when / 2 : when);
      const ended = await p.ended;
      over = true;
      clearTimeout(begin);
      clearInterval(watch);
      assertSound(folder);
      if (ended.signal !== "SIGKILL") { assert.equal(ended.code, 0, ended.output); break; }
      const at = phase(folder);
      report.kills++;
      report.moments[at] = (report.moments[at] ?? 0) + 1;
      say(`${scenario.name}: kill ${report.kills} of ${kills}, ${at}`);
    }
    assertSame(folder, straight);
    fs.rmSync(folder, { recursive: true });
    report.runs++;
  }
  fs.rmSync(straight, { recursive: true });
  report.seconds = (performance.now() - began) / 1000;
  return report;
}

/** Kills a process that saves two adapters and two models over each other: what is then in the folders is one or the other. Gives how many were mixed. */
export async function killSaver(work: string, kills: number, random: Random, say: (line: string) => void = () => {}): Promise<Report & { mixed: number }> {
  const began = performance.now(), folder = path.join(work, "saved"), saver: Scenario = { name: "saving adapters and models over each other", env: { TUNELAB_JIT: "0" }, command: (f) => [path.resolve("test/dist/chaos/saver.js"), f] };
  const report: Report & { mixed: number } = { scenario: saver.name, kills: 0, runs: 0, straightSeconds: NaN, seconds: 0, moments: {}, mixed: 0 };
  for (; report.kills < kills; report.kills++) {
    const p = start(saver, folder);
    let until = performance.now() + 60_000;
    while (!(fs.existsSync(path.join(folder, "model", "config.json")) && fs.existsSync(path.join(folder, "adapter", "adapter_config.json"))) && performance.now() < until) await new Promise((r) => setTimeout(r, 5));
    until = performance.now() + 900 + random.uniform() * 1000; // the process needs most of a second before it saves again
    while (performance.now() < until) await new Promise((r) => setTimeout(r, 1));
    p.kill("SIGKILL");
    assert.equal((await p.ended).signal, "SIGKILL");
    assertSound(folder);
    const at = phase(folder) === PHASES[1] ? PHASES[1] : "between two results";
    report.moments[at] = (report.moments[at] ?? 0) + 1;
    const config = JSON.parse(fs.readFileSync(path.join(folder, "adapter", "adapter_config.json"), "utf8")), weights = openSafetensors(path.join(folder, "adapter", "adapter_model.safetensors"));
    if ([...weights.tensors].some(([name, t]) => name.endsWith("lora_A.weight") && t.shape[0] !== config.r)) report.mixed++;
    weights.close();
    say(`${saver.name}: kill ${report.kills + 1} of ${kills}, ${at}`);
  }
  const last = await start({ ...saver, command: (f) => [...saver.command(f), "once"] }, folder).ended;
  assert.equal(last.code, 0, last.output);
  assert.deepEqual(filesUnder(folder).filter(unfinished), [], "what killed processes left is gone");
  assert.equal(JSON.parse(fs.readFileSync(path.join(folder, "adapter", "adapter_config.json"), "utf8")).r, 3);
  report.seconds = (performance.now() - began) / 1000;
  return report;
}

/**
 * A run on a file system of `sizes` KiB, one after the other, as `resize` makes it: it must end with an error that says so until there is room
 * enough, leave sound files, and end as the run that had room. Then what was saved must survive a save without room.
 */
export async function fullDisk(scenario: Scenario, disk: string, work: string, resize: (kib: number) => void, sizes: (needed: number) => number[], say: (line: string) => void = () => {}): Promise<{ errors: number; seconds: number; messages: string[] }> {
  const began = performance.now(), straight = path.join(work, "straight"), folder = path.join(disk, "run"), alone = await start(scenario, straight).ended, messages: string[] = [];
  assert.equal(alone.code, 0, alone.output);
  const needed = filesUnder(straight).reduce((sum, f) => sum + Math.ceil(fs.statSync(path.join(straight, f)).size / 4096) * 4, 0);
  let done = false;
  for (const kib of sizes(needed)) {
    resize(kib);
    const ended = await start(scenario, folder).ended;
    assertSound(folder);
    done = ended.code === 0;
    say(`${scenario.name}, ${kib} KiB (${needed} are needed): ${done ? "done" : ended.output.trim().split("\n").at(-1)!.slice(0, 200)}`);
    if (done) break;
    assert.equal(ended.code, 1, `${ended.signal} ${ended.output}`);
    assert.match(ended.output, /ENOSPC|no space left|disk is full/i);
    assert.doesNotMatch(ended.output, /\n\s+at /, "no stack trace");
    messages.push(ended.output.trim().split("\n").at(-1)!);
  }
  assert.ok(done, "with room enough it ends");
  assertSame(folder, straight);
  // the disk is filled to the last byte: saving fails, and what was there stays
  const saver: Scenario = { name: "", env: { TUNELAB_JIT: "0" }, command: (f) => [path.resolve("test/dist/chaos/saver.js"), f, "once"] }, saved = path.join(disk, "saved");
  resize(16 * 1024);
  assert.equal((await start(saver, saved).ended).code, 0);
  const all = () => filesUnder(saved).map((f) => [f, fs.readFileSync(path.join(saved, f)).toString("base64")]), before = all(), filler = path.join(disk, "filler");
  for (const left of [0, 4096, 8192, 16384, 65536]) {
    const { bavail, bsize } = fs.statfsSync(disk);
    fs.writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - left)));
    const ended = await start(saver, saved).ended;
    if (ended.code !== 0) { assert.match(ended.output, /ENOSPC|disk is full/); messages.push(ended.output.trim().split("\n").at(-1)!); }
    assert.deepEqual(all(), before, `with ${left} bytes left`);
    fs.rmSync(filler);
  }
  return { errors: messages.length, seconds: (performance.now() - began) / 1000, messages };
}
