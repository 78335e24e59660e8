/** Logs of a run folder: log.jsonl (one JSON object a line) and TensorBoard summaries. */
import * as fs from "node:fs";
import * as path from "node:path";
import { nativeBackend, tf } from "../tensor";
import { TunelabError } from "../errors";
import { writeText } from "../model";
import type { EvaluationRecord, History, StepRecord } from "./history";

export interface Log {
  step(r: StepRecord): void;
  evaluation(r: EvaluationRecord): void;
  /** Writes out what TensorBoard's writer still holds back. */
  flush(): void;
}

/**
 * Opens the logs. log.jsonl then holds just `history`: what a killed run wrote after its last checkpoint belongs to steps that
 * the resumed run does again.
 */
export function openLog(folder: string, { steps, evaluations }: History): Log {
  const file = path.join(folder, "log.jsonl");
  const text = (kind: "step" | "evaluation", record: object) => `${JSON.stringify({ kind, ...record })}\n`;
  const write = (f: () => void): void => {
    try { f(); } catch (error) {
      throw new TunelabError(`${file}: cannot be written (${(error as Error).message}); checkpoints are unharmed. Check that there is space, and that the folder may be written to.`);
    }
  };
  write(() => {
    fs.mkdirSync(folder, { recursive: true });
    const lines = [...steps.map((r) => ({ step: r.step, line: text("step", r) })), ...evaluations.map((r) => ({ step: r.step, line: text("evaluation", r) }))];
    // complete or not at all, and never through a link to somewhere else
    writeText(file, lines.sort((a, b) => a.step - b.step).map(({ line }) => line).join(""));
  });
  const append = (line: string) => write(() => fs.appendFileSync(file, line));
  const board = summaries(path.join(folder, "tensorboard"));
  return {
    step(r) {
      append(text("step", r));
      for (const name of ["loss", "learningRate", "gradientNorm", "tokensPerSecond"] as const) board?.scalar(`train/${name}`, r[name], r.step);
      for (const [name, value] of Object.entries(r.metrics ?? {})) board?.scalar(`train/${name}`, value, r.step);
    },
    evaluation(r) {
      append(text("evaluation", r));
      board?.scalar("validation/loss", r.loss, r.step);
      for (const [name, value] of Object.entries(r.metrics ?? {})) board?.scalar(`validation/${name}`, value, r.step);
    },
    flush: () => board?.flush(),
  };
}

interface SummaryWriter { scalar(name: string, value: number, step: number): void; flush(): void }
/** TensorBoard writer; only native TensorFlow has one, and log.jsonl holds the same numbers. */
const summaries = (folder: string): SummaryWriter | undefined =>
  nativeBackend() && (tf as unknown as { node: { summaryFileWriter(folder: string): SummaryWriter } }).node.summaryFileWriter(folder);
