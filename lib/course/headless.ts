/**
 * A browser window for plotly.js in plain Node: jsdom, plus what jsdom lacks because it has no layout: sizes of text and
 * shapes, lengths along paths, a canvas. Loaded only to make static pictures.
 */
import { readFileSync } from "fs";
import { TunelabError } from "../errors";
import { pathLengths, pathPoints, pointAt } from "./outline";
import { Raster } from "./raster";

/** Of the DOM only what is used here; @types/jsdom would bring the browser's globals into the whole library. */
interface Shape {
  nodeName: string;
  textContent: string | null;
  parentNode: Shape | null;
  style?: { getPropertyValue(name: string): string };
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Shape>;
}
interface PlotlyWindow {
  Plotly: { toImage(figure: object, options: object): Promise<string> };
}

// Advance widths of Helvetica, Arial and Liberation Sans for code points 32 to 126, in 1/1000 em.
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
  667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
  556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/** Width of one line of text in px. */
export function textWidth(text: string, px: number): number {
  const widths = [...text].map((c) => {
    const code = c.codePointAt(0)!;
    if (code === 0x200b) return 0; // plotly's placeholder
    return WIDTHS[code - 32] ?? (code >= 0x1100 ? 1000 : 600); // East Asian characters are square
  });
  return (widths.reduce((sum, width) => sum + width, 0) * px) / 1000;
}

/** A style property, inherited. */
function styleOf(shape: Shape | null, name: string): string {
  for (let at = shape; at?.style; at = at.parentNode) if (at.style.getPropertyValue(name)) return at.style.getPropertyValue(name);
  return "";
}

function textBox(shape: Shape) {
  const px = parseFloat(styleOf(shape, "font-size")) || 12;
  const spans = [...shape.querySelectorAll("tspan.line")];
  const lines = spans.length ? spans : [shape];
  const weight = /bold|[6-9]00/.test(styleOf(shape, "font-weight")) ? 1.06 : 1;
  const width = Math.max(...lines.map((line) => textWidth(line.textContent ?? "", px))) * weight;
  const anchor = shape.getAttribute("text-anchor") || styleOf(shape, "text-anchor");
  const before = anchor === "middle" ? width / 2 : anchor === "end" ? width : 0;
  const x = (parseFloat(shape.getAttribute("x") ?? "") || 0) - before;
  const y = (parseFloat(shape.getAttribute("y") ?? "") || 0) - 0.9 * px;
  return { x, y, width, height: px * (1.15 + 1.3 * (lines.length - 1)) };
}

/** The bounding box: estimated for text, as declared for rectangles and images, empty for the rest. */
function boundingBox(this: Shape) {
  const tag = this.nodeName.toLowerCase();
  const size = (name: string) => (/^(rect|svg|image)$/.test(tag) && parseFloat(this.getAttribute(name) ?? "")) || 0;
  const box = tag === "text" || tag === "tspan" ? textBox(this) : { x: 0, y: 0, width: size("width"), height: size("height") };
  return { ...box, left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

let opened: PlotlyWindow | undefined;

/** The window with plotly.js in it; the first call takes about 2 s. */
export function plotlyWindow(): PlotlyWindow {
  if (opened) return opened;
  let jsdom: { JSDOM: new (page: string, options: object) => { window: any } };
  try {
    jsdom = require("jsdom");
  } catch {
    throw new TunelabError("Static pictures need jsdom, which is not installed: run `npm install --save-dev jsdom @resvg/resvg-js`.");
  }
  const { window } = new jsdom.JSDOM("<!doctype html><body></body>", { runScripts: "outside-only", pretendToBeVisual: true });
  Object.assign(window, { TextDecoder, TextEncoder });
  Object.assign(window.URL, { createObjectURL: () => "blob:none", revokeObjectURL: () => undefined });

  const rasters = new WeakMap<object, Raster>();
  const rasterOf = (canvas: { width: number; height: number }) => {
    if (!rasters.has(canvas)) rasters.set(canvas, new Raster(canvas, textWidth));
    return rasters.get(canvas)!;
  };
  Object.assign(window.HTMLCanvasElement.prototype, {
    getContext(this: any, kind: string) {
      return kind === "2d" ? rasterOf(this) : null;
    },
    toDataURL(this: any) {
      return `data:image/png;base64,${rasterOf(this).toPng().toString("base64")}`;
    },
  });
  window.Element.prototype.getBoundingClientRect = boundingBox;
  Object.assign(window.SVGElement.prototype, {
    getBBox: boundingBox,
    getComputedTextLength(this: Shape) {
      return boundingBox.call(this).width;
    },
    getTotalLength(this: Shape) {
      return pathLengths(pathPoints(this.getAttribute("d") ?? "")).at(-1) ?? 0;
    },
    getPointAtLength(this: Shape, distance: number) {
      return pointAt(pathPoints(this.getAttribute("d") ?? ""), distance);
    },
  });
  window.eval(readFileSync(require.resolve("plotly.js-dist-min/plotly.min.js"), "utf8"));
  return (opened = window as PlotlyWindow);
}
