/** All answers by the name of the exercise: section/number. */
import { ADAPTER } from "./adapter";
import { BASIC_CONCEPTS } from "./basic-concepts";
import { BITFIT } from "./bitfit";
import { CURVATURE } from "./curvature";
import { DATA_IMPORTANCE } from "./data-importance";
import { DATA_PREPROCESSING } from "./data-preprocessing";
import { DATA_SOURCES } from "./data-sources";
import { DIFF_PRUNING } from "./diff-pruning";
import type { Exercise } from "./exercise";
import { FISH } from "./fish";
import { FULL_FINE_TUNING } from "./full-fine-tuning";
import { HIGH_DIMENSIONAL } from "./high-dimensional";
import { HISTORY } from "./history";
import { LANDSCAPE } from "./landscape";
import { LORA } from "./lora";
import { MANIFOLD } from "./manifold";
import { MEMORY } from "./memory";
import { P_TUNING } from "./p-tuning";
import { PREFIX } from "./prefix";
import { PROMPT } from "./prompt";
import { QUESTIONS } from "./questions";
import { REINFORCEMENT } from "./reinforcement";
import { SELECTIVE } from "./selective";
import { SUPERVISED } from "./supervised";
import { VALUE } from "./value";

export const ANSWERS: Readonly<Record<string, Exercise>> = {
  ...BASIC_CONCEPTS,
  ...HISTORY,
  ...HIGH_DIMENSIONAL,
  ...CURVATURE,
  ...MANIFOLD,
  ...LANDSCAPE,
  ...VALUE,
  ...DATA_IMPORTANCE,
  ...DATA_SOURCES,
  ...DATA_PREPROCESSING,
  ...DIFF_PRUNING,
  ...MEMORY,
  ...FULL_FINE_TUNING,
  ...BITFIT,
  ...FISH,
  ...SELECTIVE,
  ...ADAPTER,
  ...LORA,
  ...PREFIX,
  ...PROMPT,
  ...P_TUNING,
  ...SUPERVISED,
  ...REINFORCEMENT,
  ...QUESTIONS,
};
