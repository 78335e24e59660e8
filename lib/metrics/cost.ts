/** What training costs: time, peak memory of process and tensors, stored bytes, energy estimated from stated watts; and one score from several criteria with stated weights. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { tf } from "../tensor";

export interface Cost {
  /** Wall-clock time. */
  seconds: number;
  /** Largest resident memory of this process in bytes during the work (memory of a GPU is not in it), and by how much that exceeds the start. */
  peakBytes: number;
  addedBytes: number;
  /** How the peak was found: by the kernel's high-water mark (exact), or by looking every 20 ms, which misses peaks inside a synchronous call. */
  peakBy: "high-water mark" | "samples";
  /** watts × hours: an estimate, as good as the stated watts. */
  wattHours?: number;
}

const SAMPLE_MS = 20;

/** Runs `work` and measures it. `watts` is the mean power that you state, e.g. from a power meter or the processor's data sheet; without it there is no energy. */
export async function measureCost<T>(work: () => T | Promise<T>, { watts }: { watts?: number } = {}): Promise<{ result: T; cost: Cost }> {
  if (watts !== undefined && !(watts > 0)) throw new TunelabError(`measureCost: watts is ${watts}; give the mean power in watts, or leave it out.`);
  const marks = resetHighWater(), before = process.memoryUsage.rss(), mostBefore = process.resourceUsage().maxRSS * 1024;
  let sampled = before;
  const timer = setInterval(() => { sampled = Math.max(sampled, process.memoryUsage.rss()); }, SAMPLE_MS).unref();
  const began = performance.now();
  try {
    const result = await work();
    const seconds = (performance.now() - began) / 1000, most = process.resourceUsage().maxRSS * 1024;
    // without a mark that can be reset: the process's own maximum is the peak of this work if it has risen
    const mark = marks ? highWater() : most > mostBefore ? most : undefined;
    const peakBytes = Math.max(mark ?? 0, sampled, process.memoryUsage.rss());
    return { result, cost: { seconds, peakBytes, addedBytes: Math.max(0, peakBytes - before), peakBy: mark ? "high-water mark" : "samples", ...(watts && { wattHours: wattHours(seconds, watts) }) } };
  } finally { clearInterval(timer); }
}

/**
 * Runs synchronous or asynchronous `work`: by how much the bytes of all tensors at once exceeded those at the start, at most. Tensors that
 * share their values count once (`tf.memory().numBytes` counts clones again); what compiled programs use inside is not in it.
 */
export async function peakTensorBytes<T>(work: () => T | Promise<T>): Promise<{ result: T; addedBytes: number }> {
  const engine = tf.engine(), { trackTensor, removeDataId } = engine, bytesOf = (id: object) => engine.state.tensorInfo.get(id)?.bytes ?? 0;
  let now = 0, addedBytes = 0;
  engine.trackTensor = (t, backend) => {
    const known = engine.state.tensorInfo.has(t.dataId);
    trackTensor.call(engine, t, backend);
    if (!known) addedBytes = Math.max(addedBytes, (now += bytesOf(t.dataId)));
  };
  engine.removeDataId = (id, backend) => {
    now -= bytesOf(id);
    removeDataId.call(engine, id, backend);
  };
  try { return { result: await work(), addedBytes }; } finally { Object.assign(engine, { trackTensor, removeDataId }); }
}

/** Linux: sets the process's high-water mark to what it holds now; false where that is not to be had. */
function resetHighWater(): boolean {
  try { fs.writeFileSync("/proc/self/clear_refs", "5"); return highWater() !== undefined; } catch { return false; }
}
function highWater(): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1];
  return kilobytes ? Number(kilobytes) * 1024 : undefined;
}

/** Energy in Wh of a power in watts over a time in seconds. */
export const wattHours = (seconds: number, watts: number): number => (seconds * watts) / 3600;

/** Bytes of a file, or of all files below a folder. */
export function storedBytes(place: string): number {
  const stat = fs.statSync(place, { throwIfNoEntry: false });
  if (!stat) throw new TunelabError(`${place}: there is no such file or folder; save the result first.`);
  return stat.isDirectory() ? fs.readdirSync(place).reduce((sum, name) => sum + storedBytes(path.join(place, name)), 0) : stat.size;
}

export interface Criterion {
  /** Its weight against the others; only their ratios count. */
  weight: number;
  better: "higher" | "lower";
}
export interface Efficiency {
  /** Of each criterion: the value against the best candidate's, in [0, 1]; 1 is the best. */
  parts: Record<string, number>;
  /** Π parts^(weight / Σ weights). */
  score: number;
}

/**
 * One number for each candidate from several criteria: the weighted geometric mean of the ratios to the best. The order of the candidates
 * does not depend on units, nor on which other candidates are compared (Fleming & Wallace 1986), as it would with a mean of
 * min-max scaled values. It does depend on the weights: state them.
 */
export function efficiencyScore(candidates: Readonly<Record<string, Readonly<Record<string, number>>>>, criteria: Readonly<Record<string, Criterion>>): Record<string, Efficiency> {
  const names = Object.keys(candidates), total = Object.values(criteria).reduce((sum, c) => sum + c.weight, 0);
  if (names.length === 0 || !Object.values(criteria).every((c) => c.weight >= 0) || !(total > 0))
    throw new TunelabError("efficiencyScore: give at least one candidate, and weights that are not negative and not all 0.");
  const parts: Record<string, Record<string, number>> = Object.fromEntries(names.map((name) => [name, {}]));
  for (const [criterion, { better }] of Object.entries(criteria)) {
    const values = names.map((name) => {
      const value = candidates[name][criterion];
      if (!(value >= 0) || !Number.isFinite(value) || (better === "lower" && value === 0))
        throw new TunelabError(`efficiencyScore: ${criterion} of ${name} is ${value}; give a ${better === "lower" ? "positive" : "non-negative"} number, because scores are ratios to the best.`);
      return value;
    });
    const best = better === "higher" ? Math.max(...values) : Math.min(...values);
    names.forEach((name, i) => { parts[name][criterion] = better === "lower" ? best / values[i] : best > 0 ? values[i] / best : 1; });
  }
  return Object.fromEntries(names.map((name) => [name, { parts: parts[name], score: Object.entries(criteria).reduce((product, [c, { weight }]) => product * parts[name][c] ** (weight / total), 1) }]));
}
