/** Plotly figures with a text alternative, in a notebook or a terminal. */
import { Display, inKernel, type MimeBundle } from "./display";
import { language, pick } from "./language";

/** The mime type under which JupyterLab finds a renderer (lab/plotly-extension). */
export const PLOTLY_MIME = "application/vnd.plotly.v1+json";

/** A plotly.js figure. `alt` says in words what the picture shows: it is read aloud, and printed where there is no picture. */
export interface Figure {
  data: Record<string, unknown>[];
  layout?: Record<string, unknown>;
  config?: Record<string, unknown>;
  alt: string;
}

/** Float32 has 7 digits; writing 17 of them would double the size of a notebook. */
function plainNumbers(_key: string, value: unknown): unknown {
  if (value instanceof Float32Array) return Array.from(value, (v) => Number(v.toPrecision(7)));
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Uint8Array, Number);
  return typeof value === "bigint" ? Number(value) : value;
}

/** The figure as plotly's JSON, as text: typed arrays become lists, NaN becomes a gap, `alt` goes to layout.meta. */
export function toPlotlyJson({ data, layout = {}, config, alt }: Figure): string {
  return JSON.stringify({ data, layout: { ...layout, meta: { ...(layout.meta as object), alt } }, config }, plainNumbers);
}

/** What one display message carries. */
export function figureBundle(figure: Figure): MimeBundle {
  return { [PLOTLY_MIME]: JSON.parse(toPlotlyJson(figure)), "text/plain": figure.alt };
}

/**
 * The bundle of a figure that will not change any more. With TUNELAB_STATIC=1 (the build of the course) it also carries a
 * picture for GitHub and for readers without scripts; where texts differ by language, one for each (the builder keeps one).
 */
export async function finalBundle(figure: Figure): Promise<MimeBundle> {
  const bundle = figureBundle(figure);
  if (process.env.TUNELAB_STATIC !== "1") return bundle;
  const { figureToPng } = await import("./static.js");
  const png = async (json: string) => (await figureToPng(JSON.parse(json) as Figure)).toString("base64");
  const json = JSON.stringify(bundle[PLOTLY_MIME]);
  const [zh, en] = [pick(json, "zh"), pick(json, "en")];
  if (language() === "both" && zh !== en) return { ...bundle, "image/png+zh": await png(zh), "image/png+en": await png(en) };
  return { ...bundle, "image/png": await png(json) };
}

/** Shows a figure: drawn in a notebook, its text alternative printed elsewhere. */
export async function show(figure: Figure): Promise<void> {
  if (inKernel()) new Display().write(await finalBundle(figure));
  else console.log(figure.alt);
}
