/** Full fine-tuning: every parameter is trained itself. */
import { mapParams } from "../tensor";
import type { Method } from "./method";

export const full = (): Method => ({
  name: "full",
  settings: { parameters: "all" },
  init: (base) => mapParams(base, (w) => w.clone()),
  weights: (base, trained) => ({ ...base, ...trained }),
  merge: (base, trained) => mapParams(base, (w, name) => (trained[name] ?? w).clone()),
});
