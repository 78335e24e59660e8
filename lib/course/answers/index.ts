/** All answers by the name of the exercise: section/number. */
import { DATA_IMPORTANCE } from "./data-importance";
import { DATA_PREPROCESSING } from "./data-preprocessing";
import { DATA_SOURCES } from "./data-sources";
import type { Exercise } from "./exercise";
import { LORA } from "./lora";
import { MEMORY } from "./memory";
import { SUPERVISED } from "./supervised";
import { VALUE } from "./value";

export const ANSWERS: Readonly<Record<string, Exercise>> = { ...VALUE, ...DATA_IMPORTANCE, ...DATA_SOURCES, ...DATA_PREPROCESSING, ...MEMORY, ...LORA, ...SUPERVISED };
