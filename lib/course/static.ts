/** Static pictures of figures in plain Node, without a browser: plotly.js in a headless window, then resvg. */
import { TunelabError } from "../errors";
import { toPlotlyJson, type Figure } from "./figure";
import { plotlyWindow } from "./headless";

const WEBGL = /3d$|gl$|^(surface|mesh3d|cone|streamtube|volume|isosurface|splom|parcoords)$/;
const EAST_ASIAN = /[\u2e80-\uffef]/;

interface Size { width?: number; height?: number }

/** The figure as SVG text, 700 x 380 px unless the layout or `size` says otherwise. WebGL traces throw: they need a browser. */
export async function figureToSvg(figure: Figure, size: Size = {}): Promise<string> {
  const webgl = figure.data.map((trace) => String(trace.type)).find((type) => WEBGL.test(type));
  if (webgl) throw new TunelabError(`No static picture of a "${webgl}" trace: it is drawn by WebGL. Use contour or heatmap instead.`);
  const json = toPlotlyJson(figure);
  const { data, layout } = JSON.parse(json) as { data: object[]; layout: Record<string, unknown> };
  const width = size.width ?? (layout.width as number) ?? 700;
  const height = size.height ?? (layout.height as number) ?? 380;
  // resvg takes the first family that is installed for the whole text, so a family with the characters must come first.
  const family = `${EAST_ASIAN.test(json) ? "Noto Sans CJK SC, " : ""}Liberation Sans, Arial, DejaVu Sans, sans-serif`;
  const font = { ...(layout.font as object), family };
  const options = { format: "svg", width, height, imageDataOnly: true };
  const svg = await plotlyWindow().Plotly.toImage({ data, layout: { ...layout, width, height, font } }, options);
  return svg
    .replace(/url\('(#[^']+)'\)/g, "url($1)") // resvg ignores quoted references: colour bars would be black
    .replace(/image-rendering: pixelated/g, "image-rendering: optimizeSpeed"); // and this CSS value: heat maps would blur
}

/** The figure as a PNG file; `scale` 2 doubles the pixels. */
export async function figureToPng(figure: Figure, { scale = 1, ...size }: Size & { scale?: number } = {}): Promise<Buffer> {
  const svg = await figureToSvg(figure, size);
  let resvg: { Resvg: new (svg: string, options: object) => { render(): { asPng(): Uint8Array } } };
  try {
    resvg = require("@resvg/resvg-js");
  } catch {
    throw new TunelabError("PNG pictures need @resvg/resvg-js, which is not installed: run `npm install --save-dev @resvg/resvg-js`.");
  }
  const options = { fitTo: { mode: "zoom", value: scale }, font: { loadSystemFonts: true, defaultFontFamily: "Liberation Sans" } };
  return Buffer.from(new resvg.Resvg(svg, options).render().asPng());
}
