// A run in a process of its own, to be interrupted: node child.js FOLDER [resume]. Prints "step N" and at last what came of it, as JSON.
import { lora } from "tunelab/methods";
import { train, type History, type TrainOptions } from "tunelab/train";
import { randomExamples, tinyModel, valuesOf } from "./support";
import type { Example, SftBatch } from "tunelab/objectives";

/** Settings with everything that a resumed run has to restore: dropout, accumulation, clipping, a schedule, validation. */
export async function settings(folder?: string, steps = 20): Promise<TrainOptions<Example, SftBatch>> {
  const data = randomExamples(14, { shortest: 4, longest: 24 });
  return {
    model: await tinyModel(), method: lora({ rank: 2, alpha: 8, targets: "all-linear", dropout: 0.2 }), data: { train: data.slice(0, 11), validation: data.slice(11) },
    steps, batchSize: 3, accumulate: 2, learningRate: 1e-2, clip: 0.5, seed: 3, evaluateEvery: 4, saveEvery: 3, folder, display: false,
  };
}

/** A history without times and memory, which no two runs share. */
export const untimed = ({ steps, evaluations }: History) => ({ steps: steps.map(({ seconds: _s, tokensPerSecond: _t, memory: _m, ...r }) => r), evaluations });

async function main(folder: string, resume: boolean): Promise<void> {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const run = await train({ ...(await settings(folder)), resume, onStep: ({ step }) => { process.stdout.write(`step ${step}\n`); Atomics.wait(pause, 0, 0, 15); } });
  process.stdout.write(`${JSON.stringify({ status: run.status, message: run.message, history: untimed(run.history), trained: valuesOf(run.trained) })}\n`);
}
if (require.main === module) main(process.argv[2], process.argv[3] === "resume").catch((error) => { console.error(error); process.exitCode = 1; });
