/**
 * Loss scaling (Micikevicius et al. 2018, section 3.2): the gradient of s·L is taken and divided by s, so that small gradients do not
 * underflow where they pass through 16 bits. A step whose gradient is not finite is left out. "Dynamic": s is halved after such a step, and
 * doubled after `interval` good ones in a row (torch.amp.GradScaler).
 */
import { TunelabError } from "../errors";

/** The scale, and how many good steps it has seen in a row. */
export interface ScaleState { scale: number; good: number }
export interface LossScale {
  name: string;
  settings: Readonly<Record<string, number>>;
  init(): ScaleState;
  /** After a step whose gradient was finite, or was not. */
  next(state: ScaleState, finite: boolean): ScaleState;
}

const above0 = (name: string, value: number): void => { if (!(value > 0 && Number.isFinite(value))) throw new TunelabError(`Loss scale: ${name} is ${value}; it must be a positive number.`); };

/** Always the same scale. */
export function staticScale(scale: number): LossScale {
  above0("the scale", scale);
  return { name: "static", settings: { scale }, init: () => ({ scale, good: 0 }), next: (state) => state };
}

export interface DynamicScaleOptions { initial?: number; growth?: number; backoff?: number; interval?: number }
/** Defaults are those of torch.amp.GradScaler. */
export function dynamicScale({ initial = 65536, growth = 2, backoff = 0.5, interval = 2000 }: DynamicScaleOptions = {}): LossScale {
  above0("initial", initial);
  if (!(growth > 1)) throw new TunelabError(`Loss scale: growth is ${growth}; it must be more than 1.`);
  if (!(backoff > 0 && backoff < 1)) throw new TunelabError(`Loss scale: backoff is ${backoff}; it must lie between 0 and 1.`);
  if (!(Number.isInteger(interval) && interval > 0)) throw new TunelabError(`Loss scale: interval is ${interval}; it must be a whole number of steps, at least 1.`);
  return {
    name: "dynamic",
    settings: { initial, growth, backoff, interval },
    init: () => ({ scale: initial, good: 0 }),
    next: ({ scale, good }, finite) => (!finite ? { scale: scale * backoff, good: 0 } : good + 1 < interval ? { scale, good: good + 1 } : { scale: scale * growth, good: 0 }),
  };
}
