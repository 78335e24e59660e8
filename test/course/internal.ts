/** Parts of lib/course that the package does not export, for tests of their own. Tests run from the checkout's root. */
import { resolve } from "node:path";

const part = (name: string): unknown => require(resolve("lib/dist/course", name));
export const outline = part("outline.js") as typeof import("../../lib/dist/course/outline");
export const raster = part("raster.js") as typeof import("../../lib/dist/course/raster");
export const errors = part("errors.js") as typeof import("../../lib/dist/course/errors");
export const figure = part("figure.js") as typeof import("../../lib/dist/course/figure");
export const table = part("table.js") as typeof import("../../lib/dist/course/table");
export const language = part("language.js") as typeof import("../../lib/dist/course/language");
export const answers = part("answers/index.js") as typeof import("../../lib/dist/course/answers/index");
