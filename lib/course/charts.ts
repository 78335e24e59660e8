/** The course's charts in one house style: readable, colour-blind safe, told apart by shape too, nothing decorative. */
import type { Figure } from "./figure";
import { pick } from "./language";

/** Numbers or categories along one axis. */
export type Values = ArrayLike<number> | string[];
/** `ticks`: where to label the axis; on a short logarithmic axis the powers of ten are too few. */
export interface Axis { title: string; log?: boolean; ticks?: number[] }
/** `error`: half the length of the error bars, in the unit of y. */
export interface Series { name: string; x: Values; y: ArrayLike<number>; error?: ArrayLike<number> }
export interface Chart { title: string; x: Axis; y: Axis; alt: string }

// Okabe and Ito's colours without yellow, which is too pale on white.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "cross", "star"];
const MARKED_UP_TO = 40;

function axis({ title, log, ticks }: Axis): Record<string, unknown> {
  const style = { automargin: true, gridcolor: "#e5e5e5", zerolinecolor: "#bbbbbb", exponentformat: "power" };
  return { title: { text: title }, type: log ? "log" : undefined, ...(ticks && { tickvals: ticks, ticktext: ticks.map(String) }), ...style };
}

function layout({ title, x, y }: Chart, legend: boolean): Record<string, unknown> {
  return {
    title: { text: title, x: 0, xref: "paper", xanchor: "left", y: 0.97, yanchor: "top", font: { size: 17 } },
    font: { size: 14, color: "#222222", family: "system-ui, Arial, 'Noto Sans CJK SC', sans-serif" },
    xaxis: axis(x),
    yaxis: axis(y),
    height: 380,
    margin: { l: 70, r: 20, t: legend ? 78 : 50, b: 60 },
    showlegend: legend,
    legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom" },
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
  };
}

function errorBars(error: ArrayLike<number> | undefined): object | undefined {
  return error && { type: "data", array: error, thickness: 1.5, width: 4 };
}

/** Width of a text in pixels, 14 px letters, estimated; the wider of two languages. */
const widthOf = (text: string): number => Math.max(...[pick(text, "zh"), pick(text, "en")].map((one) => [...one].reduce((px, c) => px + (WIDE.test(c) ? 14 : 8), 0)));
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
/** For names of categories beside the y axis: room for them (static pictures have no automatic margins), and the axis title above them, where it covers none. */
function namesLeft(plain: Record<string, unknown>, names: Values | undefined): Record<string, unknown> {
  const texts = Array.isArray(names) ? (names as unknown[]).filter((n): n is string => typeof n === "string") : [];
  if (!texts.length) return plain;
  const { title, ...yaxis } = plain.yaxis as { title: { text: string } }, margin = plain.margin as { t: number };
  const above = { text: title.text, xref: "paper", yref: "paper", x: 0, y: 1, xanchor: "right", yanchor: "bottom", xshift: -8, showarrow: false };
  return { ...plain, margin: { ...margin, l: Math.max(70, 24 + Math.max(...[title.text, ...texts].map(widthOf))), t: margin.t + 12 }, yaxis, annotations: [above] };
}

/** Lines over x, one for each series; few points are marked. */
export function lineChart(chart: Chart & { series: Series[] }): Figure {
  const data = chart.series.map(({ name, x, y, error }, i) => ({
    type: "scatter",
    mode: y.length <= MARKED_UP_TO ? "lines+markers" : "lines",
    name,
    x,
    y,
    error_y: errorBars(error),
    line: { color: COLOURS[i % COLOURS.length], width: 2, dash: DASHES[i % DASHES.length] },
    marker: { symbol: SYMBOLS[i % SYMBOLS.length], size: 7 },
  }));
  return { data, layout: layout(chart, data.length > 1), alt: chart.alt };
}

interface Box { x: number; y: number; w: number; h: number }
interface Named { x: number; y: number; label: string }
const [FURTHER_DOWN, FURTHER_UP] = ["bottom center, further", "top center, further"];
const rangeOf = (values: readonly number[]): number => Math.max(...values) - Math.min(...values) || 1;
/** Where the name of each point goes so that it covers few others: greedily, one after the other. Places in pixels, y upwards; with `rows` also one row further off. */
function namePlaces(points: readonly Named[], rows = false): string[] {
  const taken: Box[] = points.map(({ x, y }) => ({ x: x - 5, y: y - 5, w: 10, h: 10 }));
  const overlap = (a: Box, b: Box) => Math.max(0, Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x)) * Math.max(0, Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y));
  return points.map(({ x, y, label }) => {
    const w = widthOf(label) * 0.9, h = 14;
    const sides: [string, Box][] = [
      ["top center", { x: x - w / 2, y: y + 6, w, h }], ["bottom center", { x: x - w / 2, y: y - 6 - h, w, h }],
      ["middle right", { x: x + 7, y: y - h / 2, w, h }], ["middle left", { x: x - 7 - w, y: y - h / 2, w, h }],
    ];
    const second: [string, Box][] = [[FURTHER_DOWN, { x: x - w / 2, y: y - 8 - 2 * h, w, h }], [FURTHER_UP, { x: x - w / 2, y: y + 8 + h, w, h }]];
    const places = rows ? [...sides.slice(0, 2), ...second, ...sides.slice(2)] : sides;
    const [best] = places.map(([name, box]) => ({ name, box, covered: taken.reduce((sum, other) => sum + overlap(box, other), 0) })).sort((a, b) => a.covered - b.covered);
    taken.push(best.box);
    return best.name;
  });
}

/** A group of named points; `notes` appear when the pointer is on a point. */
export interface Group { name: string; x: ArrayLike<number>; y: ArrayLike<number>; labels: string[]; notes?: string[] }
/** Points with their names, one colour and shape for each group: a map, whose axes have the same scale, or with `equal: false` each its own (then `log` counts, too). */
export function scatterChart(chart: Chart & { groups: Group[]; equal?: boolean }): Figure {
  const { equal = true, groups } = chart, at = (axis: Axis, v: number) => (!equal && axis.log ? Math.log10(v) : v);
  const points = groups.flatMap(({ x, y, labels }) => labels.map((label, i) => ({ x: at(chart.x, x[i]), y: at(chart.y, y[i]), label })));
  const [wide, high] = [600 / rangeOf(points.map((p) => p.x)), (equal ? 340 : 300) / rangeOf(points.map((p) => p.y))], one = Math.min(wide, high);
  const places = namePlaces(points.map(({ x, y, label }) => ({ x: x * (equal ? one : wide), y: y * (equal ? one : high), label })));
  const data = groups.map(({ name, x, y, labels, notes }, i) => ({
    type: "scatter",
    mode: "markers+text",
    name,
    x,
    y,
    text: labels,
    ...(notes && { hovertext: notes, hoverinfo: "text" }),
    textposition: places.splice(0, labels.length),
    textfont: { size: 12, color: COLOURS[i % COLOURS.length] },
    cliponaxis: false,
    marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 7 },
  }));
  const plain = layout(chart, data.length > 1);
  return { data, layout: { ...plain, height: 480, ...(equal && { yaxis: { ...(plain.yaxis as object), scaleanchor: "x" } }) }, alt: chart.alt };
}

/** With wide names beside the y axis: the title begins at the picture's edge, where there is room for it. */
const titleAtEdge = (plain: Record<string, unknown>): Record<string, unknown> => ({ ...plain, title: { ...(plain.title as object), x: 0.01, xref: "container" } });

const LANE = 78;
/** Named events on lanes, one below the other, over time; a note appears when the pointer is on an event. `x` runs from half a unit before the first to one after the last. */
export function timelineChart(chart: Chart & { lanes: { name: string; events: { at: number; label: string; note: string }[] }[] }): Figure {
  const { lanes } = chart, times = lanes.flatMap(({ events }) => events.map((e) => e.at)), range = [Math.min(...times) - 0.5, Math.max(...times) + 1];
  const places = namePlaces(lanes.flatMap(({ events }, l) => events.map(({ at, label }) => ({ x: (at * 540) / (range[1] - range[0]), y: -LANE * l, label }))), true);
  const at = lanes.map(({ events }) => places.splice(0, events.length));
  const data = lanes.map(({ name, events }, i) => ({
    type: "scatter",
    mode: "markers+text",
    name,
    x: events.map((e) => e.at),
    y: events.map(() => name),
    text: events.map((e, n) => ({ [FURTHER_DOWN]: `<br>${e.label}`, [FURTHER_UP]: `${e.label}<br> ` })[at[i][n]] ?? e.label),
    hovertext: events.map((e) => e.note),
    hoverinfo: "text",
    textposition: at[i].map((place) => place.replace(", further", "")),
    textfont: { size: 12, color: COLOURS[i % COLOURS.length] },
    cliponaxis: false,
    marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 8 },
  }));
  const plain = titleAtEdge(namesLeft(layout(chart, false), lanes.map((l) => l.name)));
  const [xaxis, yaxis] = [{ ...(plain.xaxis as object), range, dtick: 1 }, { ...(plain.yaxis as object), range: [lanes.length - 0.5, -0.5] }];
  return { data, layout: { ...plain, height: 130 + LANE * lanes.length, xaxis, yaxis }, alt: chart.alt };
}

/** One point for each category and series, categories from top to bottom: for values on a logarithmic axis, where a bar would have no beginning. `x` names the categories' axis, as in a lying barChart. */
export function dotChart(chart: Chart & { series: Series[] }): Figure {
  const data = chart.series.map(({ name, x, y, error }, i) => ({
    type: "scatter",
    mode: "markers",
    name,
    x: y,
    y: x,
    error_x: errorBars(error),
    marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 9 },
  }));
  const names = chart.series[0]?.x, plain = titleAtEdge(namesLeft(layout({ ...chart, x: chart.y, y: chart.x }, data.length > 1), names));
  return { data, layout: { ...plain, height: 150 + 26 * (names?.length ?? 0), yaxis: { ...(plain.yaxis as object), autorange: "reversed" } }, alt: chart.alt };
}

/** Bars over categories, side by side for several series. `horizontal`: categories from top to bottom, for long names; `x` is still what belongs to them. */
export function barChart(chart: Chart & { series: Series[]; horizontal?: boolean }): Figure {
  const { horizontal = false } = chart;
  const data = chart.series.map(({ name, x, y, error }, i) => ({
    type: "bar",
    name,
    ...(horizontal ? { orientation: "h", x: y, y: x, error_x: errorBars(error) } : { x, y, error_y: errorBars(error) }),
    marker: { color: COLOURS[i % COLOURS.length], pattern: { shape: ["", "/", ".", "x"][i % 4] } },
  }));
  if (!horizontal) return { data, layout: layout(chart, data.length > 1), alt: chart.alt };
  const turned = namesLeft(layout({ ...chart, x: chart.y, y: chart.x }, data.length > 1), chart.series[0]?.x);
  return { data, layout: { ...turned, yaxis: { ...(turned.yaxis as object), autorange: "reversed" } }, alt: chart.alt };
}

/** A table of numbers as colours: z[row][column]. With `centre` the colours diverge from that value. */
export function heatmap(chart: Chart & { xs?: Values; ys?: Values; z: ArrayLike<number>[]; zTitle: string; centre?: number }): Figure {
  const { xs, ys, z, zTitle, centre } = chart;
  const colours = centre === undefined ? { colorscale: "Cividis" } : { colorscale: "RdBu", zmid: centre };
  const data = [{ type: "heatmap", x: xs, y: ys, z, ...colours, colorbar: { title: { text: zTitle, side: "top" } } }];
  return { data, layout: namesLeft(layout(chart, false), ys), alt: chart.alt };
}
