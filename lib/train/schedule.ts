/** Learning-rate schedules: step (from 0) → factor of the peak rate. The formulas of transformers' get_*_schedule_with_warmup. */
import { TunelabError } from "../errors";

export const SCHEDULES = ["constant", "linear", "cosine"] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** Factor at `step` of `steps`, after `warmup` steps of linear rise from 0. */
export function schedule(name: ScheduleName, steps: number, warmup = 0): (step: number) => number {
  if (!SCHEDULES.includes(name)) throw new TunelabError(`Schedule "${name}" is unknown; choose from ${SCHEDULES.join(", ")}.`);
  return (step) => {
    if (step < warmup) return step / Math.max(1, warmup);
    const progress = (step - warmup) / Math.max(1, steps - warmup);
    switch (name) {
      case "constant": return 1;
      case "linear": return Math.max(0, 1 - progress);
      case "cosine": return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    }
  };
}
