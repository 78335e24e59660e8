/** A long run of a tiny model, and what it holds meanwhile. */
import { lora } from "tunelab/methods";
import { tf } from "tunelab/tensor";
import { train } from "tunelab/train";
import { randomExamples, tinyModel } from "../train/support";

export interface Sample { step: number; tensors: number; /** Resident memory, bytes. */ rss: number }

/** Trains, with validation and checkpoints, and looks every so many steps; the first time when everything that stays has been made. */
export async function steady(steps: number, folder: string, every: number, told: (s: Sample) => void = () => {}): Promise<{ samples: Sample[]; status: string }> {
  const data = randomExamples(12, { shortest: 8, longest: 8 }), samples: Sample[] = [];
  const run = await train({
    model: await tinyModel(), method: lora({ rank: 2, targets: "all-linear", dropout: 0.1 }), data: { train: data.slice(0, 8), validation: data.slice(8) }, steps, batchSize: 4, learningRate: 1e-3, evaluateEvery: every, saveEvery: every, folder, display: false,
    onStep: ({ step }) => { if (step > 1 && step % every === every - 1) { const s = { step, tensors: tf.memory().numTensors, rss: process.memoryUsage.rss() }; samples.push(s); told(s); } },
  });
  return { samples, status: run.status };
}
