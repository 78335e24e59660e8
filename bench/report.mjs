// docs/performance.md and its picture from the results: the part between the marks is made anew, the words around it stay.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
const BEGIN = "<!-- results: begin (npm run bench -- --write) -->", END = "<!-- results: end -->";
const ms = (s) => (s >= 10 ? `${s.toFixed(1)} s` : `${(1000 * s).toFixed(s < 0.1 ? 1 : 0)} ms`), gb = (bytes) => (bytes / 1e9).toFixed(2);
const cell = (s) => (!s ? "–" : s.error ? "failed" : `${ms(s.median)} (${ms(s.min)} to ${ms(s.max)})`);
const ratio = (s) => (!s || s.error ? "–" : `**${s.ratio.toFixed(2)}** (${s.ratioMin.toFixed(2)} to ${s.ratioMax.toFixed(2)})`);

const rate = (s) => (s?.achieved ? `${(s.achieved / 1e9).toFixed(0)} of ${(s.productPeak / 1e9).toFixed(0)}` : "–");

function table(results) {
  const rows = Object.values(results).map(({ name, sides: { tunelab: t, eager: e, compile: c } }) =>
    `| ${name} | ${cell(t)} | ${cell(e)} | ${cell(c)} | ${ratio(e)} | ${ratio(c)} | ${gb(t.peak)} / ${e?.peak ? gb(e.peak) : "–"} / ${c?.peak ? gb(c.peak) : "–"} | ${t.cold.toFixed(1)} / ${c?.cold?.toFixed(1) ?? "–"} s | ${rate(t)} / ${rate(e)} |`);
  return ["| case | Tunelab | PyTorch | torch.compile | Tunelab / PyTorch | Tunelab / torch.compile | peak memory, GB | first run, Tunelab / torch.compile | GFLOP/s, Tunelab / PyTorch |", "|---|---|---|---|---|---|---|---|---|", ...rows].join("\n");
}

async function picture(results) {
  const { barChart, figureToPng } = await import("tunelab/course").then(async (course) => ({ ...course, ...(course.figureToPng ? {} : await import("../lib/dist/course/static.js")) }));
  const list = Object.values(results).filter(({ sides }) => sides.eager?.ratio), names = list.map(({ name }) => name);
  const series = [["PyTorch", "eager"], ["torch.compile", "compile"]].map(([name, side]) => ({
    name: `Tunelab / ${name}`, x: names, y: list.map(({ sides }) => sides[side]?.ratio ?? null), error: list.map(({ sides }) => ((sides[side]?.ratioMax ?? 0) - (sides[side]?.ratioMin ?? 0)) / 2),
  }));
  const figure = barChart({
    title: "Time of Tunelab relative to PyTorch (below 1: faster)", x: { title: "" }, y: { title: "ratio of times" }, series,
    alt: list.map(({ name, sides }) => `${name} ${sides.eager.ratio.toFixed(2)}`).join(", "),
  });
  Object.assign(figure.layout.margin, { b: 130, r: 60 }); // room for the long names of cases
  writeFileSync(at("pictures/performance.png"), await figureToPng(figure, { width: 960, height: 480 }));
}

export async function write(results) {
  const file = at("performance.md"), text = readFileSync(file, "utf8"), [before, rest] = text.split(BEGIN), [, after] = (rest ?? "").split(END);
  if (after === undefined) throw new Error(`${file} has lost its marks ${BEGIN} … ${END}`);
  const { cpu, date } = Object.values(results).find((r) => r.cpu) ?? {};
  writeFileSync(file, `${before}${BEGIN}\n${cpu}, ${date}. Times: median (least to largest) of all runs. Ratios: median (least to largest) over rounds.\n\n${table(results)}\n${END}${after}`);
  await picture(results);
}
