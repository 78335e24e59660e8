/** All answers by the name of the exercise: section/number. */
import { CURVATURE } from "./curvature";
import { DATA_PREPROCESSING } from "./data-preprocessing";
import type { Exercise } from "./exercise";
import { HIGH_DIMENSIONAL } from "./high-dimensional";
import { LORA } from "./lora";

export const ANSWERS: Readonly<Record<string, Exercise>> = { ...HIGH_DIMENSIONAL, ...CURVATURE, ...DATA_PREPROCESSING, ...LORA };
