/** What a run shows while it goes: in a notebook a live loss curve and a bar, in a terminal one line. */
import { inKernel, lineChart, live, progress, t, table, type Figure } from "../course";
import { trainableCount, type Adapter, type Method } from "../methods/method";
import type { Model } from "../model";
import { count, type Params } from "../tensor";
import type { History } from "./history";

export interface Reporter {
  step(history: History): void;
  evaluation(history: History): void;
  done(run: { history: History; message: string; status: string }): Promise<void>;
}
interface Setting {
  model: Pick<Model, "params">; method: Method; trained: Params; steps: number; enabled: boolean;
  /** The loss is in nats a token. */
  nats?: boolean;
  /** There are rewards to show instead of a loss. */
  rewards?: boolean;
}

/** "lora trains 460,800 scalars, 0.34 % of 134,515,008" — stated always, so that nobody trains nothing by mistake. */
export function trainableLine(method: Method, trained: Params, base: Params): string {
  const n = trainableCount({ method, trained }), all = count(base), number = (x: number) => x.toLocaleString("en-US");
  const percent = String(Number(((100 * n) / all).toPrecision(2))); // 100, not 1.0e+2
  return t({ zh: `${method.name}：训练 ${number(n)} 个标量，是模型 ${number(all)} 个的 ${percent} %`, en: `${method.name} trains ${number(n)} scalars, ${percent} % of the model's ${number(all)}` });
}

/** What is trained, by kind of tensor (all layers together): tensors, scalars, and their share of the model's scalars in percent. */
export function trainableTable({ method, trained }: Adapter, { params }: Pick<Model, "params">): Record<string, string | number>[] {
  const all = count(params), kinds = new Map<string, { tensors: number; scalars: number }>();
  for (const name of Object.keys(trained)) {
    const kind = name.replace(/^model\.layers\.\d+\./, "layers.*."), row = kinds.get(kind) ?? { tensors: 0, scalars: 0 };
    kinds.set(kind, { tensors: row.tensors + 1, scalars: row.scalars + trainableCount({ method, trained: { [name]: trained[name] } }) });
  }
  const row = (name: string, tensors: number, scalars: number) => ({
    [t({ zh: "训练什么", en: "what is trained" })]: name, [t({ zh: "张量", en: "tensors" })]: tensors, [t({ zh: "标量", en: "scalars" })]: scalars,
    [t({ zh: "占模型 %", en: "% of the model" })]: (100 * scalars) / all,
  });
  const rows = [...kinds].map(([name, { tensors, scalars }]) => row(name, tensors, scalars));
  return [...rows, row(t({ zh: "合计", en: "all" }), Object.keys(trained).length, trainableCount({ method, trained }))];
}

/** Exponential moving average with bias correction: the trend under the noise of single batches. */
function smooth(values: readonly number[], memory = 0.9): number[] {
  let sum = 0, weight = 0;
  return values.map((v) => { sum = memory * sum + (1 - memory) * v; weight = memory * weight + (1 - memory); return sum / weight; });
}

/** Loss of each step, its trend, and the evaluations. */
export function lossFigure({ steps, evaluations }: History, nats = true): Figure {
  const x = steps.map((r) => r.step), loss = steps.map((r) => r.loss), at = steps.at(-1), checked = evaluations.at(-1);
  const series = [
    { name: t({ zh: "每步", en: "step" }), x, y: loss },
    { name: t({ zh: "趋势", en: "trend" }), x, y: smooth(loss) },
    ...(evaluations.length ? [{ name: t({ zh: "验证", en: "validation" }), x: evaluations.map((r) => r.step), y: evaluations.map((r) => r.loss) }] : []),
  ];
  return lineChart({
    title: t({ zh: "训练中的损失", en: "Loss while training" }),
    x: { title: t({ zh: "步", en: "step" }) }, y: { title: nats ? t({ zh: "损失（纳特/词元）", en: "loss (nats per token)" }) : t({ zh: "损失", en: "loss" }) }, series,
    alt: `${t({ zh: "损失曲线", en: "Loss curve" })}: ${steps.length} ${t({ zh: "步，最后", en: "steps, last" })} ${at?.loss.toFixed(3) ?? "–"}${checked ? `, ${t({ zh: "验证", en: "validation" })} ${checked.loss.toFixed(3)}` : ""}`,
  });
}

/** What answers earned, round by round, and on the validation prompts. */
export function rewardFigure({ steps, evaluations }: History): Figure {
  const rounds = steps.filter((r) => r.metrics?.reward !== undefined), checked = evaluations.filter((r) => r.metrics?.reward !== undefined);
  const curve = (name: string, records: readonly { step: number; metrics?: Record<string, number> }[]) => ({ name, x: records.map((r) => r.step), y: records.map((r) => r.metrics!.reward) });
  return lineChart({
    title: t({ zh: "训练中的奖励", en: "Reward while training" }),
    x: { title: t({ zh: "步", en: "step" }) }, y: { title: t({ zh: "平均奖励", en: "mean reward" }) },
    series: [curve(t({ zh: "每轮", en: "round" }), rounds), ...(checked.length ? [curve(t({ zh: "验证", en: "validation" }), checked)] : [])],
    alt: `${t({ zh: "奖励曲线", en: "Reward curve" })}: ${rounds.length} ${t({ zh: "轮，最后", en: "rounds, last" })} ${rounds.at(-1)?.metrics!.reward.toFixed(3) ?? "–"}${checked.length ? `, ${t({ zh: "验证", en: "validation" })} ${checked.at(-1)!.metrics!.reward.toFixed(3)}` : ""}`,
  });
}

const note = ({ steps, evaluations }: History): string => {
  const r = steps.at(-1), v = evaluations.at(-1), round = steps.findLast((r) => r.metrics?.reward !== undefined)?.metrics;
  return [
    round && `${t({ zh: "奖励", en: "reward" })} ${round.reward.toFixed(3)} · KL ${(Math.round(100 * round.referenceKl) / 100 + 0).toFixed(2)}`,
    r && `${t({ zh: "损失", en: "loss" })} ${r.loss.toFixed(3)}`, v && `${t({ zh: "验证", en: "validation" })} ${v.loss.toFixed(3)}`,
    r && `${Math.round(r.tokensPerSecond)} ${t({ zh: "词元/秒", en: "tokens/s" })}`, r && `${(r.memory / 1e9).toFixed(1)} GB`,
  ].filter(Boolean).join(" · ");
};

export function reporter({ model, method, trained, steps, enabled, nats, rewards }: Setting): Reporter {
  if (!enabled) return { step() {}, evaluation() {}, async done() {} };
  table(trainableTable({ method, trained }, model), trainableLine(method, trained, model.params));
  const bar = progress(steps, t({ zh: "训练", en: "train" }));
  const figureOf = (history: History) => (rewards ? rewardFigure(history) : lossFigure(history, nats));
  const figure = inKernel() ? live(figureOf({ steps: [], evaluations: [] })) : undefined;
  const draw = (history: History) => { figure?.update(figureOf(history)); bar.update(history.steps.length, note(history)); };
  return {
    step: draw,
    evaluation: draw,
    async done({ history, status, message }) {
      draw(history);
      bar.done(note(history));
      await figure?.done();
      if (status !== "done") console.warn(message);
    },
  };
}
