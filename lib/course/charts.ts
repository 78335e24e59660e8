/** The course's charts in one house style: readable, colour-blind safe, told apart by shape too, nothing decorative. */
import type { Figure } from "./figure";

/** Numbers or categories along one axis. */
export type Values = ArrayLike<number> | string[];
export interface Axis { title: string; log?: boolean }
/** `error`: half the length of the error bars, in the unit of y. */
export interface Series { name: string; x: Values; y: ArrayLike<number>; error?: ArrayLike<number> }
export interface Chart { title: string; x: Axis; y: Axis; alt: string }

// Okabe and Ito's colours without yellow, which is too pale on white.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "cross", "star"];
const MARKED_UP_TO = 40;

function axis({ title, log }: Axis): Record<string, unknown> {
  const style = { automargin: true, gridcolor: "#e5e5e5", zerolinecolor: "#bbbbbb", exponentformat: "power" };
  return { title: { text: title }, type: log ? "log" : undefined, ...style };
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

/** Points with their names, one colour and shape for each group: a map. Both axes have the same scale. */
export function scatterChart(chart: Chart & { groups: { name: string; x: ArrayLike<number>; y: ArrayLike<number>; labels: string[] }[] }): Figure {
  const data = chart.groups.map(({ name, x, y, labels }, i) => ({
    type: "scatter",
    mode: "markers+text",
    name,
    x,
    y,
    text: labels,
    textposition: "top center",
    textfont: { size: 12, color: COLOURS[i % COLOURS.length] },
    cliponaxis: false,
    marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 7 },
  }));
  const plain = layout(chart, data.length > 1);
  return { data, layout: { ...plain, height: 480, yaxis: { ...(plain.yaxis as object), scaleanchor: "x" } }, alt: chart.alt };
}

/** Bars over categories, side by side for several series. */
export function barChart(chart: Chart & { series: Series[] }): Figure {
  const data = chart.series.map(({ name, x, y, error }, i) => ({
    type: "bar",
    name,
    x,
    y,
    error_y: errorBars(error),
    marker: { color: COLOURS[i % COLOURS.length], pattern: { shape: ["", "/", ".", "x"][i % 4] } },
  }));
  return { data, layout: layout(chart, data.length > 1), alt: chart.alt };
}

/** A table of numbers as colours: z[row][column]. With `centre` the colours diverge from that value. */
export function heatmap(chart: Chart & { xs?: Values; ys?: Values; z: ArrayLike<number>[]; zTitle: string; centre?: number }): Figure {
  const { xs, ys, z, zTitle, centre } = chart;
  const colours = centre === undefined ? { colorscale: "Cividis" } : { colorscale: "RdBu", zmid: centre };
  const data = [{ type: "heatmap", x: xs, y: ys, z, ...colours, colorbar: { title: { text: zTitle, side: "top" } } }];
  return { data, layout: layout(chart, false), alt: chart.alt };
}
