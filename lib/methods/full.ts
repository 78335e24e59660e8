/** Full fine-tuning: every parameter is trained itself. */
import { mapParams, tf } from "../tensor";
import type { Method } from "./method";

export const full = (): Method => ({
  name: "full",
  settings: { parameters: "all" },
  // Real copies: a clone has its original's id, by which a recording tells its arguments apart.
  init: (base) => tf.tidy(() => mapParams(base, (w) => tf.add(w, 0))),
  weights: (base, trained) => ({ ...base, ...trained }),
  merge: (base, trained) => mapParams(base, (w, name) => (trained[name] ?? w).clone()),
});
