/** All answers by the name of the exercise: section/number. */
import { DATA_PREPROCESSING } from "./data-preprocessing";
import { DATA_SOURCES } from "./data-sources";
import type { Exercise } from "./exercise";
import { LANDSCAPE } from "./landscape";
import { LORA } from "./lora";
import { MANIFOLD } from "./manifold";
import { MEMORY } from "./memory";

export const ANSWERS: Readonly<Record<string, Exercise>> = { ...MANIFOLD, ...LANDSCAPE, ...DATA_SOURCES, ...DATA_PREPROCESSING, ...MEMORY, ...LORA };
