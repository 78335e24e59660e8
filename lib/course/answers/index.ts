/** All answers by the name of the exercise: section/number. */
import { CURVATURE } from "./curvature";
import { DATA_PREPROCESSING } from "./data-preprocessing";
import type { Exercise } from "./exercise";
import { LORA } from "./lora";

export const ANSWERS: Readonly<Record<string, Exercise>> = { ...CURVATURE, ...DATA_PREPROCESSING, ...LORA };
