// Checkpoints and logs of a run: a resumed run is the uninterrupted one bit for bit, whatever ended it; what is saved is never harmed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, mock, test } from "node:test";
import { TunelabError } from "tunelab";
import { lora } from "tunelab/methods";
import { sft } from "tunelab/objectives";
import { adamw } from "tunelab/optimizers";
import { backend, compiles, nativeBackend, Random, tf } from "tunelab/tensor";
import { checkpoints, loadState, saveState, train, type History, type Run } from "tunelab/train";
import { settings, untimed } from "./child";
import { randomExamples, tinyModel, valuesOf } from "./support";

let root: string, n = 0;
after(() => fs.rmSync(root, { recursive: true, force: true }));
const newFolder = () => path.join(root, `run${n++}`);
const userError = (...patterns: (RegExp | string)[]) => (e: unknown) => {
  assert.ok(e instanceof TunelabError, String((e as Error)?.stack ?? e));
  for (const p of patterns) assert.ok(typeof p === "string" ? e.message.includes(p) : p.test(e.message), `${e.message}\ndoes not match ${p}`);
  return true;
};
class Interrupted extends Error {}
/** Runs until after `step`, where an error ends the run as it would end in the user's code. */
async function until(step: number, folder: string, options: object = {}): Promise<void> {
  await assert.rejects(train({ ...(await settings(folder)), ...options, onStep: (r) => { if (r.step === step) throw new Interrupted(); } }), Interrupted);
}
interface Outcome { trained: Record<string, number[]>; history: ReturnType<typeof untimed> }
const outcome = (run: Run): Outcome => ({ trained: valuesOf(run.trained), history: untimed(run.history) });
const stateOf = (folder: string) => { const state = loadState(checkpoints(folder).at(-1)!.path); return { step: state.step, trained: valuesOf(state.trained), optimizer: Object.fromEntries(Object.entries(state.optimizer).map(([k, v]) => [k, valuesOf(v)])), history: untimed(state.history) }; };
const records = (folder: string) => fs.readFileSync(path.join(folder, "log.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
/** What log.jsonl must hold: every step and evaluation once, in order. */
function assertLog(folder: string, { steps, evaluations }: Pick<History, never> & ReturnType<typeof untimed>): void {
  const lines = records(folder), of = (kind: string) => lines.filter((r) => r.kind === kind).map(({ kind: _k, seconds: _s, tokensPerSecond: _t, memory: _m, ...r }) => r);
  assert.deepEqual(of("step"), steps);
  assert.deepEqual(of("evaluation"), evaluations);
  assert.deepEqual(lines.map((r) => r.step), lines.map((r) => r.step).sort((a, b) => a - b));
}

/** The uninterrupted run, with its checkpoint, that all others must equal; eager, as the children are. */
let straight: Outcome, straightState: ReturnType<typeof stateOf>;
const eager = async <T>(f: () => Promise<T>): Promise<T> => { process.env.TUNELAB_JIT = "0"; try { return await f(); } finally { delete process.env.TUNELAB_JIT; } };
before(() => eager(async () => {
  await backend();
  root = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-"));
  const folder = newFolder();
  straight = outcome(await train(await settings(folder)));
  straightState = stateOf(folder);
  assertLog(folder, straight.history);
}));

test("compiled: 20 steps are 10 steps and 10 resumed ones, bit for bit: tensors, optimizer, history", async () => {
  // Examples and batches of one shape, so that there is little to compile.
  const data = randomExamples(15), options = { data: { train: data.slice(0, 12), validation: data.slice(12) } };
  const [a, b] = [newFolder(), newFolder()], whole = outcome(await train({ ...(await settings(a)), ...options }));
  await until(10, b, options);
  const run = await train({ ...(await settings(b)), ...options, resume: true });
  assert.deepEqual(outcome(run), whole);
  assert.deepEqual(stateOf(b), stateOf(a));
  assertLog(b, whole.history);
  assert.equal(compiles(), nativeBackend() !== undefined);
});

test("eager: the same after an end at any step, also several times, and with a checkpoint at every step or none", () => eager(async () => {
  for (const [stops, saveEvery] of [[[1, 2, 5], 3], [[4, 8], 1], [[19], 100]] as const) {
    const folder = newFolder();
    for (const [i, step] of stops.entries()) await until(step, folder, { resume: i > 0, saveEvery });
    assert.deepEqual(outcome(await train({ ...(await settings(folder)), saveEvery, resume: true })), straight, `ended at ${stops}`);
    assert.deepEqual(stateOf(folder), straightState);
    assertLog(folder, straight.history);
  }
}));

test("a finished run, resumed, does nothing and gives the same", () => eager(async () => {
  const folder = newFolder();
  await train(await settings(folder));
  const before = fs.statSync(checkpoints(folder).at(-1)!.path).mtimeMs, run = await train({ ...(await settings(folder)), resume: true });
  assert.deepEqual([run.status, outcome(run)], ["done", straight]);
  assert.equal(fs.statSync(checkpoints(folder).at(-1)!.path).mtimeMs, before);
  assertLog(folder, straight.history);
}));

test("resume without a checkpoint begins at the beginning, whatever a killed run has logged", () => eager(async () => {
  const folder = newFolder();
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, "log.jsonl"), `{"kind":"evaluation","step":0,"loss":1}\n{"kind":"step","step":1,"loss":2}\n{"kind":"st`);
  assert.deepEqual(outcome(await train({ ...(await settings(folder)), resume: true })), straight);
  assertLog(folder, straight.history);
}));

test("a folder that holds a run is refused unless it is resumed, and nothing in it changes", () => eager(async () => {
  const folder = newFolder(), snapshot = () => fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().map((f) => [f, fs.statSync(path.join(folder, f)).mtimeMs]);
  await until(4, folder);
  const before = snapshot();
  await assert.rejects(train(await settings(folder)), userError(folder, /already holds a run .*step 4.*resume: true/));
  const base = await settings(folder), others: [string, object][] = [
    ["rate", { learningRate: 0.02 }], ["steps", { steps: 21 }], ["batch", { batchSize: 2 }], ["accumulate", { accumulate: 1 }], ["schedule", { schedule: "linear" }], ["warm-up", { warmup: 3 }], ["clip", { clip: 1 }], ["seed", { seed: 4 }],
    ["rank", { method: lora({ rank: 3, alpha: 8, targets: "all-linear", dropout: 0.2 }) }], ["dropout", { method: lora({ rank: 2, alpha: 8, targets: "all-linear" }) }], ["optimizer", { optimizer: adamw({ weightDecay: 0 }) }],
    ["objective", { objective: { ...sft(), name: "other" } }], ["base model", { model: await tinyModel({ seed: 2 }) }],
    ["data", { data: { train: randomExamples(14, { shortest: 4, longest: 24, seed: 6 }).slice(0, 11) } }], ["the last example", { data: { train: [...base.data.train.slice(0, -1), randomExamples(1)[0]] } }], ["one example less", { data: { train: base.data.train.slice(1) } }],
  ];
  for (const [what, other] of others) await assert.rejects(train({ ...base, ...other, resume: true }), userError(/checkpoint-4 was made with other settings or data/), what);
  assert.deepEqual(snapshot(), before);
  // What does not change the numbers may change.
  assert.deepEqual(valuesOf((await train({ ...base, data: { train: base.data.train }, evaluateEvery: 0, saveEvery: 7, resume: true })).trained), straight.trained);
}));

test("the two newest checkpoints are kept, complete ones only count, and a damaged newest gives way to the older", () => eager(async () => {
  const damage: [string, (folder: string) => void][] = [
    ["truncated tensors", (f) => fs.truncateSync(path.join(f, "trained.safetensors"), 300)], ["truncated optimizer", (f) => fs.truncateSync(path.join(f, "optimizer.safetensors"), 5)],
    ["empty state", (f) => fs.writeFileSync(path.join(f, "state.json"), "")], ["no state", (f) => fs.rmSync(path.join(f, "state.json"))], ["no tensors", (f) => fs.rmSync(path.join(f, "trained.safetensors"))],
  ];
  for (const [what, harm] of damage) {
    const folder = newFolder();
    await until(8, folder);
    fs.mkdirSync(path.join(folder, "checkpoint-x"));
    fs.mkdirSync(path.join(folder, ".partial-1-9"));
    assert.deepEqual(checkpoints(folder).map((c) => c.step), [6, 8]);
    harm(checkpoints(folder)[1].path);
    const before = tf.memory().numTensors;
    assert.throws(() => loadState(checkpoints(folder)[1].path), userError("checkpoint-8", /is not a readable checkpoint/));
    assert.equal(tf.memory().numTensors, before, what);
    let first = 0;
    await assert.rejects(train({ ...(await settings(folder)), resume: true, onStep: ({ step }) => { first = step; throw new Interrupted(); } }), Interrupted);
    assert.equal(first, 7, what);
    assert.deepEqual(records(folder).filter((r) => r.kind === "step").map((r) => r.step), [1, 2, 3, 4, 5, 6, 7], "the log follows the checkpoint");
    if (what === damage[0][0]) assert.deepEqual(outcome(await train({ ...(await settings(folder)), resume: true })), straight);
  }
  const folder = newFolder();
  await until(8, folder);
  for (const { path: where } of checkpoints(folder)) fs.writeFileSync(path.join(where, "state.json"), "{");
  await assert.rejects(train({ ...(await settings(folder)), resume: true }), userError("checkpoint-8", /not a readable checkpoint.*delete it/));
}));

/** File operations of Node that write; after `allowed` of them the process is as good as dead: nothing it tries has an effect. */
function dieAfter(allowed: number): { restore(): void; died(): boolean } {
  let calls = 0;
  const names = ["writeSync", "writeFileSync", "renameSync", "rmSync", "mkdirSync", "openSync", "fsyncSync"] as const;
  const mocks = names.map((name) => {
    const real = fs[name] as (...args: unknown[]) => unknown;
    return mock.method(fs, name, (...args: unknown[]) => { if (++calls > allowed) throw Object.assign(new Error("killed"), { code: "EIO" }); return real.apply(fs, args); });
  });
  return { restore: () => mocks.forEach((m) => m.mock.restore()), died: () => calls > allowed };
}
test("killed at any point of writing a checkpoint, the folder still holds a complete one", () => eager(async () => {
  const make = (step: number) => ({ step, trained: { a: tf.fill([50], step) }, optimizer: { a: { m: tf.fill([50], -step), t: tf.scalar(step) } }, history: { steps: [], evaluations: [] }, fingerprint: "f" });
  const first = make(1), second = make(2), third = make(3);
  let points = 0, newest = new Set<number>();
  for (let allowed = 0; ; allowed++) {
    const folder = newFolder();
    saveState(folder, first as never); saveState(folder, second as never);
    const life = dieAfter(allowed);
    try { saveState(folder, third as never); } catch { /* dead */ } finally { life.restore(); }
    const { step, trained, optimizer } = loadState(checkpoints(folder).at(-1)!.path);
    assert.ok(step === 2 || step === 3, `after ${allowed} operations the newest is ${step}`);
    assert.deepEqual([valuesOf(trained), valuesOf(optimizer.a)], [{ a: new Array(50).fill(step) }, { m: new Array(50).fill(-step), t: [step] }]);
    newest.add(step);
    if (!life.died()) break;
    points++;
    saveState(folder, third as never); // and the next attempt succeeds
    assert.deepEqual(checkpoints(folder).map((c) => c.step), [2, 3]);
  }
  assert.ok(points >= 10 && newest.size === 2, `${points} points`);
}));

test("a full disk ends the run with an error that says so; earlier checkpoints are unharmed and the run goes on later", () => eager(async () => {
  const folder = newFolder();
  let full = false;
  const real = fs.writeSync as (...args: unknown[]) => number;
  const m = mock.method(fs, "writeSync", (...args: unknown[]) => { if (full) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }); return real.apply(fs, args); });
  try {
    const before = tf.memory().numTensors;
    await assert.rejects(train({ ...(await settings(folder)), onStep: ({ step }) => { full = step >= 6; } }), userError(/checkpoint-6/, /no space left/));
    assert.deepEqual(checkpoints(folder).map((c) => c.step), [3]);
    assert.equal(fs.readdirSync(folder).filter((f) => f.startsWith(".partial")).length, 0);
    assert.ok(tf.memory().numTensors - before < 100);
  } finally { m.mock.restore(); }
  assert.deepEqual(outcome(await train({ ...(await settings(folder)), resume: true })), straight);
}));

test("a folder that cannot be written is a clear error before anything is computed", () => eager(async () => {
  const file = path.join(root, "file");
  fs.writeFileSync(file, "x");
  let steps = 0;
  await assert.rejects(train({ ...(await settings(path.join(file, "run"))), onStep: () => steps++ }), userError(path.join(file, "run"), /cannot be written/));
  await assert.rejects(train({ ...(await settings(file)), onStep: () => steps++ }), userError(file));
  assert.equal(steps, 0);
  assert.equal(fs.readFileSync(file, "utf8"), "x");
}));

/** Starts the run of child.ts; `at` is called with each finished step. */
function child(folder: string, resume: boolean, at: (step: number, kill: (signal: NodeJS.Signals) => void) => void = () => {}) {
  return new Promise<{ result?: Outcome & { status: string; message: string }; code: number | null; signal: NodeJS.Signals | null; steps: number[]; stderr: string }>((resolve) => {
    const p = spawn(process.execPath, ["test/dist/train/child.js", folder, resume ? "resume" : ""], { env: { ...process.env, TUNELAB_JIT: "0" } }), steps: number[] = [];
    let text = "", rest = "", stderr = "";
    p.stderr.on("data", (d) => (stderr += d));
    p.stdout.on("data", (d) => {
      text += d;
      const lines = (rest + d).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith("step ")) { steps.push(+line.slice(5)); at(steps.at(-1)!, (signal) => p.kill(signal)); }
    });
    p.on("close", (code, signal) => { const json = text.split("\n").find((l) => l.startsWith("{")); resolve({ result: json ? JSON.parse(json) : undefined, code, signal, steps, stderr }); });
  });
}

test("kill -9 at five random moments: resumed each time, the run ends as the uninterrupted one", async () => {
  const folder = newFolder(), seed = Date.now() % 1e6, random = new Random(seed, "kill");
  let from = 0;
  for (let i = 0; i < 5; i++) {
    const when = Math.min(from + 1 + random.integer(4), 19), delay = random.integer(25);
    const { signal, steps } = await child(folder, i > 0, (step, kill) => { if (step === when) setTimeout(() => kill("SIGKILL"), delay); });
    if (signal !== "SIGKILL") assert.ok(steps.at(-1) === 20, `seed ${seed}`);
    from = checkpoints(folder).at(-1)?.step ?? 0;
  }
  const { result, code, stderr } = await child(folder, true);
  assert.equal(code, 0, stderr);
  assert.deepEqual({ trained: result!.trained, history: result!.history }, straight, `seed ${seed}`);
  assert.deepEqual(stateOf(folder), straightState);
  assertLog(folder, straight.history);
});

test("SIGINT keeps what was learned, says how to go on, and the resumed run ends as the uninterrupted one", async () => {
  const folder = newFolder(), { result, code, steps } = await child(folder, false, (step, kill) => { if (step === 7) kill("SIGINT"); });
  assert.deepEqual([code, result!.status], [0, "stopped"]);
  const done = steps.at(-1)!;
  assert.ok(done >= 7 && done <= 9, `stopped after ${done}`);
  assert.match(result!.message, new RegExp(`Stopped after step ${done} of 20.*resume from`));
  assert.deepEqual(result!.history.steps, straight.history.steps.slice(0, done));
  assert.equal(checkpoints(folder).at(-1)!.step, done);
  assert.deepEqual(stateOf(folder).trained, result!.trained);
  const again = await child(folder, true);
  assert.deepEqual({ trained: again.result!.trained, history: again.result!.history }, straight);
  assertLog(folder, straight.history);
});

test("stopped while it evaluates, a run makes up for the evaluation when it is resumed", () => eager(async () => {
  const folder = newFolder(), options = await settings(folder), objective = sft();
  let step = 0;
  // The signal comes while the second batch of step 8's validation is put together; the next tick hears it.
  const collate: typeof objective.collate = (examples) => { if (step === 8 && examples.every((e) => options.data.validation!.includes(e))) process.kill(process.pid, "SIGINT"); return objective.collate(examples); };
  const run = await train({ ...options, objective: { ...objective, collate }, batchSize: 3, onStep: (r) => { step = r.step; } });
  const stopped = run.history.evaluations.at(-1)!.step;
  assert.equal(run.status, "stopped");
  assert.ok(stopped === 4 || stopped === 8, "during or right after it");
  assert.deepEqual(outcome(await train({ ...(await settings(folder)), resume: true })), straight);
  assertLog(folder, straight.history);
}));
