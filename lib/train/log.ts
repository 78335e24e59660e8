/** Logs of a run folder: log.jsonl (one JSON object a line) and TensorBoard summaries. */
import * as fs from "node:fs";
import * as path from "node:path";
import { nativeBackend, tf } from "../tensor";
import type { EvaluationRecord, StepRecord } from "./history";

export interface Log { step(r: StepRecord): void; evaluation(r: EvaluationRecord): void }

/** Opens the logs. Lines after `fromStep` are dropped: they belong to steps that a resumed run does again. */
export function openLog(folder: string, fromStep: number): Log {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "log.jsonl");
  if (fs.existsSync(file)) {
    const kept = fs.readFileSync(file, "utf8").split("\n").filter((line) => {
      try { return JSON.parse(line).step <= fromStep; } catch { return false; }
    });
    fs.writeFileSync(file, kept.map((line) => `${line}\n`).join(""));
  }
  const append = (record: object) => fs.appendFileSync(file, `${JSON.stringify(record)}\n`);
  const board = summaries(path.join(folder, "tensorboard"));
  return {
    step(r) {
      append({ kind: "step", ...r });
      for (const name of ["loss", "learningRate", "gradientNorm", "tokensPerSecond"] as const) board?.scalar(`train/${name}`, r[name], r.step);
    },
    evaluation(r) {
      append({ kind: "evaluation", ...r });
      board?.scalar("validation/loss", r.loss, r.step);
    },
  };
}

interface SummaryWriter { scalar(name: string, value: number, step: number): void }
/** TensorBoard writer; only native TensorFlow has one, and log.jsonl holds the same numbers. */
const summaries = (folder: string): SummaryWriter | undefined =>
  nativeBackend() && (tf as unknown as { node: { summaryFileWriter(folder: string): SummaryWriter } }).node.summaryFileWriter(folder);
