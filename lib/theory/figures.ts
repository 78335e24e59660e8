/** What the probes show: figures in the course's style, for notebooks and for files. */
import { heatmap, lineChart, t, type Figure } from "../course";
import { densityCurve, type DensityState } from "./density";
import type { DimensionResult } from "./intrinsic";
import type { Line, Plane } from "./landscape";
import type { EigenResult } from "./lanczos";
import type { UpdateSpectrum } from "./low-rank";
import type { Angle } from "./tangent";

const short = (x: number): string => Number(x.toPrecision(3)).toString();

/** Outermost eigenvalues by rank, with residual bounds. */
export function eigenvalueFigure({ largest, smallest }: Pick<EigenResult, "largest" | "smallest">): Figure {
  const line = (name: string, list: EigenResult["largest"]) => ({ name, x: list.map((_, i) => i + 1), y: list.map((e) => e.value), error: list.map((e) => e.residual) });
  const series = [line(t({ zh: "最大", en: "largest" }), largest), line(t({ zh: "最小", en: "smallest" }), smallest)].filter((s) => s.x.length);
  return lineChart({
    title: t({ zh: "曲率矩阵两端的特征值", en: "Outermost eigenvalues of the curvature matrix" }), x: { title: t({ zh: "序号", en: "rank" }) }, y: { title: t({ zh: "特征值", en: "eigenvalue" }) }, series,
    alt: `${t({ zh: "特征值", en: "Eigenvalues" })}: ${largest.map((e) => short(e.value)).join(", ")}${smallest.length ? `; ${t({ zh: "最小", en: "smallest" })} ${smallest.map((e) => short(e.value)).join(", ")}` : ""}`,
  });
}

/** Smoothed density with its error bars, and the raw quadrature nodes. */
export function densityFigure(density: DensityState, width?: number): Figure {
  const { x, density: y, probeError, batchError } = densityCurve(density, { width }), floor = Math.max(...y) * 1e-6, nodes = density.probes.flatMap((p) => Array.from(p.values, (v, i) => ({ v, w: p.weights[i] / density.probes.length })));
  const series = [
    { name: t({ zh: "平滑密度", en: "smoothed density" }), x, y: y.map((v) => Math.max(v, floor)) },
    ...(Number.isFinite(probeError[0]) ? [{ name: t({ zh: "95 % 上限（随机向量）", en: "95 % upper limit (random vectors)" }), x, y: y.map((v, i) => Math.max(v + probeError[i], floor)) }] : []),
    ...(Number.isFinite(batchError[0]) ? [{ name: t({ zh: "95 % 上限（小批量）", en: "95 % upper limit (mini-batches)" }), x, y: y.map((v, i) => Math.max(v + batchError[i], floor)) }] : []),
  ];
  const figure = lineChart({
    title: t({ zh: "特征值谱密度", en: "Spectral density" }), x: { title: t({ zh: "特征值", en: "eigenvalue" }) }, y: { title: t({ zh: "密度（对数）", en: "density (log)" }), log: true }, series,
    alt: `${t({ zh: "谱密度，范围", en: "Spectral density, range" })} ${short(Math.min(...nodes.map((n) => n.v)))} – ${short(Math.max(...nodes.map((n) => n.v)))}, ${density.probes.length} ${t({ zh: "个随机向量", en: "random vectors" })}`,
  });
  const kept = nodes.filter((n) => n.w > floor);
  figure.data.push({ type: "scatter", mode: "markers", name: t({ zh: "求积节点（权重）", en: "quadrature nodes (weight)" }), x: kept.map((n) => n.v), y: kept.map((n) => n.w), marker: { color: "#000000", size: 4 } });
  return figure;
}

/** Performance against the dimension of the random subspace, with the threshold. */
export function dimensionFigure({ points, threshold, d }: DimensionResult): Figure {
  const x = points.map((p) => p.d);
  return lineChart({
    title: t({ zh: "随机子空间训练", en: "Training in random subspaces" }), x: { title: t({ zh: "维数 d", en: "dimension d" }), log: true }, y: { title: t({ zh: "效果", en: "performance" }) },
    series: [{ name: t({ zh: "效果", en: "performance" }), x, y: points.map((p) => p.value) }, { name: t({ zh: "阈值", en: "threshold" }), x, y: x.map(() => threshold) }],
    alt: `${t({ zh: "达到阈值的最小维数", en: "Smallest sufficient dimension" })}: ${d ?? "–"} (${points.map((p) => `${p.d}: ${short(p.value)}`).join(", ")})`,
  });
}

/** Singular values of updates, each relative to its largest. */
export function updateFigure(spectra: Readonly<Record<string, UpdateSpectrum>>, most = 6): Figure {
  const chosen = Object.entries(spectra).sort(([, a], [, b]) => b.norm - a.norm).slice(0, most);
  return lineChart({
    title: t({ zh: "权重更新的奇异值", en: "Singular values of the weight updates" }), x: { title: t({ zh: "序号", en: "rank" }) }, y: { title: t({ zh: "σ / σ₁（对数）", en: "σ / σ₁ (log)" }), log: true },
    series: chosen.map(([name, { singular }]) => { const kept = Array.from(singular, (s) => s / singular[0]).filter((s) => s > 1e-8); return { name: name.replace(/^model\.layers\.|\.weight$/g, ""), x: kept.map((_, i) => i + 1), y: kept }; }),
    alt: `${t({ zh: "有效秩", en: "Effective ranks" })}: ${chosen.map(([name, s]) => `${name} ${short(s.effectiveRank)}`).join(", ")}`,
  });
}

/** Loss along lines. */
export function sliceFigure(lines: readonly { name: string; line: Line }[]): Figure {
  return lineChart({
    title: t({ zh: "损失沿随机方向的切片", en: "Loss along random directions" }), x: { title: t({ zh: "步长（以权重长度为单位）", en: "step (in lengths of the weights)" }) }, y: { title: t({ zh: "损失", en: "loss" }) },
    series: lines.map(({ name, line }) => ({ name, x: line.x, y: line.loss })),
    alt: lines.map(({ name, line }) => `${name}: ${short(Math.min(...line.loss))} – ${short(Math.max(...line.loss))}`).join("; "),
  });
}
/** Loss on a plane. */
export function planeFigure({ x, y, loss }: Plane): Figure {
  const all = loss.flat();
  return heatmap({
    title: t({ zh: "损失在随机平面上的切片", en: "Loss on a random plane" }), x: { title: t({ zh: "方向 1", en: "direction 1" }) }, y: { title: t({ zh: "方向 2", en: "direction 2" }) }, xs: x, ys: y, z: loss, zTitle: t({ zh: "损失", en: "loss" }),
    alt: `${t({ zh: "损失", en: "Loss" })} ${short(Math.min(...all))} – ${short(Math.max(...all))}, ${x.length} × ${y.length}`,
  });
}

/** Angles of each tensor's update to the way down, and the band of random directions. */
export function angleFigure({ all, tensors }: { all: Angle; tensors: Readonly<Record<string, Angle>> }): Figure {
  const list = Object.values(tensors), x = list.map((_, i) => i + 1), line = (name: string, f: (a: Angle) => number) => ({ name, x, y: list.map(f) });
  return lineChart({
    title: t({ zh: "更新与预训练负梯度的夹角", en: "Angle of the update to the negative pre-training gradient" }), x: { title: t({ zh: "张量序号", en: "tensor" }) }, y: { title: t({ zh: "夹角（度）", en: "angle (degrees)" }) },
    series: [line(t({ zh: "更新", en: "update" }), (a) => a.degrees), line(t({ zh: "随机方向 95 % 下限", en: "random directions, 95 % from" }), (a) => a.random[0]), line(t({ zh: "上限", en: "to" }), (a) => a.random[1])],
    alt: `${t({ zh: "整体夹角", en: "Angle of all tensors together" })} ${all.degrees.toFixed(2)}°, ${t({ zh: "随机方向", en: "random directions" })} ${all.random.map((d) => d.toFixed(2)).join(" – ")}°`,
  });
}
