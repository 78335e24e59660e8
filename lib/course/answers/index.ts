/** All answers by the name of the exercise: section/number. */
import { BITFIT } from "./bitfit";
import { CURVATURE } from "./curvature";
import { DATA_IMPORTANCE } from "./data-importance";
import { DATA_PREPROCESSING } from "./data-preprocessing";
import { DATA_SOURCES } from "./data-sources";
import type { Exercise } from "./exercise";
import { FISH } from "./fish";
import { HIGH_DIMENSIONAL } from "./high-dimensional";
import { LANDSCAPE } from "./landscape";
import { LORA } from "./lora";
import { MANIFOLD } from "./manifold";
import { MEMORY } from "./memory";
import { SELECTIVE } from "./selective";
import { SUPERVISED } from "./supervised";
import { VALUE } from "./value";

export const ANSWERS: Readonly<Record<string, Exercise>> = {
  ...HIGH_DIMENSIONAL, ...CURVATURE, ...MANIFOLD, ...LANDSCAPE, ...VALUE, ...DATA_IMPORTANCE, ...DATA_SOURCES, ...DATA_PREPROCESSING, ...MEMORY, ...BITFIT, ...FISH, ...SELECTIVE, ...LORA, ...SUPERVISED,
};
