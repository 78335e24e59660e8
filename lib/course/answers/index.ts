/** All answers by the name of the exercise: section/number. */
import { DATA_IMPORTANCE } from "./data-importance";
import { DATA_PREPROCESSING } from "./data-preprocessing";
import type { Exercise } from "./exercise";
import { LORA } from "./lora";
import { VALUE } from "./value";

export const ANSWERS: Readonly<Record<string, Exercise>> = { ...DATA_IMPORTANCE, ...DATA_PREPROCESSING, ...LORA, ...VALUE };
