/** All answers by the name of the exercise: section/number. */
import { DATA_PREPROCESSING } from "./data-preprocessing";
import { DATA_SOURCES } from "./data-sources";
import type { Exercise } from "./exercise";
import { LORA } from "./lora";
import { MEMORY } from "./memory";

export const ANSWERS: Readonly<Record<string, Exercise>> = { ...DATA_SOURCES, ...DATA_PREPROCESSING, ...MEMORY, ...LORA };
