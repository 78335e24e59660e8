/**
 * Checkpoints of a run: trained tensors, optimizer state and progress, enough to go on bit for bit.
 * A checkpoint folder appears by one rename when it is complete; a run killed at any moment leaves the last complete one.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { openSafetensors, processRuns, writeSafetensors } from "../model";
import { shown } from "../shown";
import { tf, toArrays, type Params } from "../tensor";
import type { ScaleState } from "../optimizers/loss-scale";
import type { History } from "./history";

export interface RunState {
  /** Steps done. */
  step: number;
  trained: Params;
  /** Optimizer state of every trained tensor. */
  optimizer: Readonly<Record<string, Params>>;
  history: History;
  lossScale?: ScaleState;
  /** Settings that must be the same to go on: a mismatch is refused. */
  fingerprint: string;
  /** State of the source of batches, plain JSON; only where it has one. */
  source?: unknown;
}

const NAME = /^checkpoint-(\d+)$/, PARTIAL = /^\.partial-(\d+)-\d+$/, SEPARATOR = "::";

const namesIn = (folder: string): string[] => (fs.existsSync(folder) && fs.statSync(folder).isDirectory() ? fs.readdirSync(folder) : []);

/** Complete checkpoints of a run folder, oldest first. */
export function checkpoints(folder: string): { step: number; path: string }[] {
  return namesIn(folder)
    .flatMap((name) => { const m = NAME.exec(name); return m ? [{ step: +m[1], path: path.join(folder, name) }] : []; })
    .sort((a, b) => a.step - b.step);
}

/** Removes what runs that were killed have left of checkpoints: half written, or half removed. */
export function removeUnfinished(folder: string): void {
  for (const name of namesIn(folder)) {
    const pid = PARTIAL.exec(name)?.[1];
    if (pid && (+pid === process.pid || !processRuns(+pid))) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Removes a checkpoint, which first loses its name: if the process is killed meanwhile, no half of it looks like a whole one. */
function remove(folder: string, checkpoint: string): void {
  if (!fs.existsSync(checkpoint)) return;
  const away = path.join(folder, `.partial-${process.pid}-0`);
  fs.renameSync(checkpoint, away);
  fs.rmSync(away, { recursive: true, force: true });
}

/** Writes a checkpoint and then removes all but the newest `keep`. */
export function saveState(folder: string, state: RunState, keep = 2): string {
  const final = path.join(folder, `checkpoint-${state.step}`), partial = path.join(folder, `.partial-${process.pid}-${state.step}`);
  try {
    removeUnfinished(folder); // it takes up space
    fs.mkdirSync(partial, { recursive: true });
    writeSafetensors(path.join(partial, "trained.safetensors"), toArrays(state.trained));
    const flat = Object.entries(state.optimizer).flatMap(([name, s]) => Object.entries(s).map(([k, t]) => [name + SEPARATOR + k, t] as const));
    writeSafetensors(path.join(partial, "optimizer.safetensors"), toArrays(Object.fromEntries(flat)));
    const { step, history, lossScale, fingerprint, source } = state;
    fs.writeFileSync(path.join(partial, "state.json"), JSON.stringify({ step, fingerprint, order: Object.keys(state.trained), lossScale, history, source }), { flush: true });
    remove(folder, final);
    fs.renameSync(partial, final);
  } catch (error) {
    try { fs.rmSync(partial, { recursive: true, force: true }); } catch { /* the first error is the one to report */ }
    const reason = (error as Error).message.replaceAll(partial, final);
    throw new TunelabError(`${final}: the checkpoint cannot be written (${reason}); earlier checkpoints are unharmed. Free some space and resume.`);
  }
  for (const old of checkpoints(folder).slice(0, -keep)) remove(folder, old.path);
  return final;
}

type Progress = Omit<RunState, "trained" | "optimizer"> & { order: string[] };
/** What state.json must hold to go on from it; throws an Error that names what is wrong. */
function progressOf(json: unknown): Progress {
  const check = (good: unknown, what: string): void => { if (!good) throw new Error(`state.json: ${what}`); };
  const record = (r: { step: unknown; loss: unknown } | null) => Number.isSafeInteger(r?.step) && (typeof r!.loss === "number" || r!.loss === null);
  const isMap = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);
  check(isMap(json), "is no JSON object");
  const state = json as Progress, { step, history, lossScale, fingerprint, order } = state;
  check(Number.isSafeInteger(step) && step >= 0, `step is ${shown(step)}`);
  check(typeof fingerprint === "string", "there is no fingerprint of the settings");
  check(Array.isArray(order) && order.every((name) => typeof name === "string"), "there is no list of what is trained");
  check(isMap(history) && [history.steps, history.evaluations].every((list) => Array.isArray(list) && list.every(record)), "the history holds what is no record");
  check(lossScale === undefined || (isMap(lossScale) && Object.values(lossScale).every((n) => typeof n === "number")), "the scale of the loss is none");
  // JSON has no word for what is no finite number
  for (const r of history.steps) r.gradientNorm ??= Infinity; // a step that was left out
  for (const r of [...history.steps, ...history.evaluations]) r.loss ??= NaN;
  return state;
}

/** Reads a checkpoint folder. */
export function loadState(folder: string): RunState {
  const file = path.join(folder, "state.json");
  try {
    const { step, history, lossScale, fingerprint, order, source } = progressOf(JSON.parse(fs.readFileSync(file, "utf8")));
    const read = (name: string) => {
      const source = openSafetensors(path.join(folder, name));
      try { return new Map([...source.tensors].map(([key, t]) => [key, { shape: t.shape, values: t.read() }])); } finally { source.close(); }
    };
    // Everything is read before the first tensor is made, so that a damaged file leaves none behind.
    const trained = read("trained.safetensors"), flat = [...read("optimizer.safetensors")].map(([key, t]) => [...key.split(SEPARATOR), t] as [string, string, typeof t]);
    if (new Set(order).size !== trained.size || order.length !== trained.size || order.some((name) => !trained.has(name)) || flat.some(([of, key, more]) => !trained.has(of) || typeof key !== "string" || typeof more === "string")) throw new Error("state.json and trained.safetensors do not belong together");
    const make = ({ shape, values }: { shape: number[]; values: Float32Array }) => tf.tensor(values, shape);
    // In the order of the run, not of the file: sums over tensors (the gradient's norm) then round as they did before.
    return {
      step, history, lossScale, fingerprint, source, trained: Object.fromEntries(order.map((name) => [name, make(trained.get(name)!)])),
      optimizer: Object.fromEntries(order.map((name) => [name, Object.fromEntries(flat.filter(([of]) => of === name).map(([, key, t]) => [key, make(t)]))])),
    };
  } catch (error) {
    throw new TunelabError(`${folder}: is not a readable checkpoint (${(error as Error).message}); resume from an earlier one, or delete it.`);
  }
}
