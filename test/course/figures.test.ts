/** Figures: what is sent to a notebook, and static pictures made without a browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { barChart, dateOf, dotChart, figureToPng, figureToSvg, heatmap, lineChart, MILESTONES, scatterChart, timelineChart } from "tunelab/course";
import { figure, outline, raster } from "./internal";

const axes = { x: { title: "step" }, y: { title: "loss (nats)" } };

/** Size and pixels of a PNG with 8-bit RGBA and unfiltered rows, such as Raster writes. */
function decode(png: Buffer) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const rows = inflateSync(Buffer.concat(parts));
  return { width, height, pixel: (x: number, y: number) => [...rows.subarray(y * (4 * width + 1) + 1 + 4 * x).subarray(0, 4)] };
}

test("typed arrays, big integers and missing values become plotly's JSON, the text alternative goes along", () => {
  const json = figure.toPlotlyJson({
    data: [{ x: BigInt64Array.of(1n, 2n), y: Float32Array.of(0.1, NaN), z: new Float64Array([0.1]) }],
    layout: { meta: { kept: 1 } },
    alt: "falls",
  });
  assert.deepEqual(JSON.parse(json), { data: [{ x: [1, 2], y: [0.1, null], z: [0.1] }], layout: { meta: { kept: 1, alt: "falls" } } });
});

test("a line chart names its axes and tells series apart without colour", () => {
  const series = ["train", "validation"].map((name, i) => ({ name, x: [1, 2], y: [3, 2 + i], error: [0.1, 0.2] }));
  const { data, layout, alt } = lineChart({ title: "Loss", ...axes, series, alt: "both fall" }) as any;
  assert.equal(alt, "both fall");
  assert.deepEqual([layout.xaxis.title.text, layout.yaxis.title.text, layout.showlegend], ["step", "loss (nats)", true]);
  assert.notEqual(data[0].line.dash, data[1].line.dash);
  assert.notEqual(data[0].marker.symbol, data[1].marker.symbol);
  assert.deepEqual(data[1].error_y.array, [0.1, 0.2]);
});

test("a static picture shows title, axis titles and every mark; Chinese too", async () => {
  const series = [{ name: "a", x: [1, 2, 3], y: Float32Array.of(3, 2, 1) }];
  const chart = lineChart({ title: "训练损失", ...axes, series, alt: "falls" });
  const svg = await figureToSvg(chart);
  for (const text of ["训练损失", "step", "loss (nats)"]) assert.ok(svg.includes(`>${text}</text>`), text);
  assert.equal(svg.match(/class="point"/g)?.length, 3);
  assert.match(svg, /Noto Sans CJK SC/);
  const pngs = [await figureToPng(chart), await figureToPng(chart, { scale: 2 })];
  const sizes = pngs.map((png) => [png.readUInt32BE(16), png.readUInt32BE(20)]);
  assert.deepEqual(sizes, [[700, 380], [1400, 760]]);
});

test("a short logarithmic axis is labelled where asked, and only there", async () => {
  const series = [{ name: "a", x: [48, 96, 688], y: [3, 2, 1] }];
  const svg = await figureToSvg(lineChart({ title: "Amount", x: { title: "n", log: true, ticks: [48, 96, 688] }, y: axes.y, series, alt: "falls" }));
  assert.deepEqual([...svg.matchAll(/class="xtick"><text[^>]*>([^<]*)</g)].map((m) => m[1]), ["48", "96", "688"]);
});

test("bars, maps of names and heat maps are drawn; a heat map's cells have the colours of their values", async () => {
  const series = [{ name: "n", x: ["LoRA", "full"], y: [1e5, 1e8] }];
  const bars = await figureToSvg(barChart({ title: "Size", x: { title: "method" }, y: { title: "count", log: true }, series, alt: "" }));
  assert.ok(bars.includes(">LoRA</text>") && bars.includes(">full</text>"));
  const turned = barChart({ title: "Size", x: { title: "method" }, y: { title: "count" }, series, alt: "", horizontal: true });
  assert.deepEqual([turned.data[0]!.x, turned.data[0]!.y], [series[0]!.y, series[0]!.x]);
  const lying = await figureToSvg(turned), at = (word: string) => Number(/translate\(0,([\d.]+)\)[^>]*>$/.exec(lying.slice(0, lying.indexOf(`>${word}</text>`) + 1))![1]);
  assert.ok(at("LoRA") < at("full"), "the first category is on top");
  const groups = ["attacks", "keys"].map((name, i) => ({ name, x: [i, 2], y: [1, i], labels: [`${name} a`, `${name} b`] }));
  const named = await figureToSvg(scatterChart({ title: "Words", ...axes, groups, alt: "" }));
  for (const { labels } of groups) for (const label of labels) assert.ok(named.includes(`>${label}</text>`), label);
  // four points in one place: each name goes to another side
  const crowd = scatterChart({ title: "Words", ...axes, groups: [{ name: "a", x: [0, 0, 0, 0, 9], y: [0, 0, 0, 0, 9], labels: ["one", "two", "six", "ten", "far"] }], alt: "" });
  assert.equal(new Set((crowd.data[0]!.textposition as string[]).slice(0, 4)).size, 4);
  const map = await figureToSvg(heatmap({ title: "Scores", ...axes, z: [[-1, 0], [0, 1]], zTitle: "score", centre: 0, alt: "" }));
  const embedded = Buffer.from(/data:image\/png;base64,([^"]+)/.exec(map)![1]!, "base64");
  const { width, height, pixel } = decode(embedded);
  const [low, high] = [pixel(0, height - 1), pixel(width - 1, 0)];
  assert.ok(low[2]! > low[0]! + 50, `${low} is not blue`);
  assert.ok(high[0]! > high[2]! + 50, `${high} is not red`);
});

test("a map whose axes differ: logarithms count when names are placed, and each axis has its own scale", () => {
  const group = { name: "a", x: [2019, 2021, 2021, 2021.1], y: [3, 0.1, 1e-5, 1.1e-5], labels: ["one", "two", "three", "four"], notes: ["1", "2", "3", "4"] };
  const chart = (equal: boolean) => scatterChart({ title: "Share", x: { title: "year" }, y: { title: "%", log: true }, groups: [group], equal, alt: "" }) as any;
  const free = chart(false);
  assert.deepEqual([free.layout.yaxis.scaleanchor, free.layout.yaxis.type, chart(true).layout.yaxis.scaleanchor], [undefined, "log", "x"]);
  assert.deepEqual(free.data[0].hovertext, group.notes);
  const [one, two, three, four] = free.data[0].textposition;
  assert.deepEqual([one, two], ["top center", "top center"]); // far from all others
  assert.notEqual(three, four); // hardly apart
});

test("dots for categories from top to bottom, and events on lanes; all names are in the picture", async () => {
  const series = ["small", "large"].map((name, i) => ({ name, x: ["LoRA", "full"], y: [1e-2 * (1 + i), 100] }));
  const dots = await figureToSvg(dotChart({ title: "Share", x: { title: "method" }, y: { title: "%", log: true }, series, alt: "" }));
  const height = (svg: string, word: string) => Number(/translate\(0,([\d.]+)\)[^>]*>$/.exec(svg.slice(0, svg.indexOf(`>${word}</text>`) + 1))![1]);
  assert.ok(height(dots, "LoRA") < height(dots, "full"), "the first category is on top");
  assert.equal(dots.match(/class="point"/g)?.length, 4);
  const event = (at: number, label: string) => ({ at, label, note: `note on ${label}` });
  const lanes = [{ name: "whole", events: [event(2018, "BERT")] }, { name: "prompts", events: [event(2021, "prefix"), event(2021.1, "P"), event(2021.15, "prompt")] }];
  const figure = timelineChart({ title: "When", x: { title: "year" }, y: { title: "branch" }, lanes, alt: "" }) as any, svg = await figureToSvg(figure);
  for (const word of ["BERT", "prefix", "whole", "prompts", "year"]) assert.ok(svg.includes(`>${word}</text>`), word);
  assert.ok(height(svg, "whole") < height(svg, "prompts"), "the first lane is on top");
  assert.deepEqual(figure.layout.xaxis.range, [2017.5, 2022.15]);
  const placed = figure.data[1].text.map((text: string, i: number) => `${figure.data[1].textposition[i]} ${text.includes("<br>")}`);
  assert.equal(new Set(placed).size, 3, "neighbours' names go to different sides or rows");
  for (const label of ["P", "prompt"]) assert.ok(figure.data[1].text.some((text: string) => text.replace(/<br> ?/, "") === label), label);
  assert.equal(figure.data[1].hovertext[0], "note on prefix");
});

test("milestones stand in order, and agree with their numbers on arXiv", () => {
  assert.deepEqual(MILESTONES.map(dateOf), MILESTONES.map(dateOf).sort((a, b) => a - b));
  assert.equal(new Set(MILESTONES.map((m) => m.name)).size, MILESTONES.length);
  for (const { name, arxiv, year, month, reported } of MILESTONES) {
    if (arxiv) assert.ok(new RegExp(`^${String(year % 100).padStart(2, "0")}${String(month).padStart(2, "0")}\\.\\d{5}$`).test(arxiv), `${name}: ${arxiv}`); // yymm.nnnnn
    if (reported) assert.ok(reported.percent > 0 && reported.percent <= 100, name);
  }
});

test("a WebGL trace is refused with a remedy", async () => {
  await assert.rejects(figureToSvg({ data: [{ type: "surface" }], alt: "" }), /"surface".*Use contour or heatmap/);
});

test("lengths and points along paths, for contour labels", () => {
  const { pathPoints, pathLengths, pointAt } = outline;
  const square = pathPoints("M1,1h4V5H1Z");
  assert.deepEqual(square, [[1, 1], [5, 1], [5, 5], [1, 5], [1, 1]]);
  assert.equal(pathLengths(square).at(-1), 16);
  assert.deepEqual(pointAt(square, 6), { x: 5, y: 3 });
  assert.deepEqual(pointAt(square, 99), { x: 1, y: 1 });
  const k = 0.5523; // a quarter of a unit circle
  assert.ok(Math.abs(pathLengths(pathPoints(`M1 0C1 ${k} ${k} 1 0 1`)).at(-1)! - Math.PI / 2) < 0.01);
});

test("the canvas stand-in fills rectangles, clipped, and writes a PNG", () => {
  const canvas = { width: 4, height: 3 };
  const context = new raster.Raster(canvas, () => 0);
  context.fillStyle = "rgba(10, 20, 30, 1)";
  context.fillRect(3, 2, -2, 9);
  const { width, height, pixel } = decode(context.toPng());
  assert.deepEqual([width, height], [4, 3]);
  const [ink, empty] = [[10, 20, 30, 255], [0, 0, 0, 0]];
  assert.deepEqual([pixel(1, 2), pixel(2, 2), pixel(3, 2), pixel(1, 1)], [ink, ink, empty, empty]);
});
