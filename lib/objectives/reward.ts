/**
 * Reward model (Bradley-Terry; Christiano et al. 2017, Ouyang et al. 2022, eq. 1): a scalar head on the last token of prompt and answer,
 *   L = − E log σ(r(x, y_w) − r(x, y_l)).
 * σ(r_w − r_l) is the model's probability that the preference is this way round; whether it can be believed is its calibration.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Scalar } from "@tensorflow/tfjs";
import { TunelabError } from "../errors";
import { loadAdapter, saveAdapter } from "../methods/saving";
import type { Adapter } from "../methods/method";
import { calibration, type Calibration } from "../metrics/classification";
import { modelHash, openSafetensors, replaceFiles, writeSafetensors, type Model } from "../model";
import { softplus, tf, toArrays } from "../tensor";
import type { Example } from "./examples";
import { batchesByLength, type Measuring } from "./log-probabilities";
import type { Objective } from "./objective";
import { collatePairs, halves, pairLength, sharePositive } from "./pairs";
import type { PreferencePair } from "./preferences";
import { headStart, scalarHead, SCORE, splitHead } from "./scalar-head";
import { collateSft, type SftBatch } from "./sft";
import { trunk } from "./trunk";

type Base = Pick<Model, "config" | "params">;
export interface RewardBatch extends SftBatch { /** Flat position of each row's last token [2n]. */ last: Int32Array }

const lastRows = (examples: readonly Example[], { ids, batch }: SftBatch): Int32Array => Int32Array.from(examples, (e, b) => (b * ids.length) / batch + e.ids.length - 1);

export function reward(): Objective<PreferencePair, RewardBatch> {
  return {
    name: "reward",
    settings: {},
    init: (config) => headStart(SCORE, config),
    length: pairLength,
    collate(pairs) {
      const batch = collatePairs(pairs);
      return { ...batch, last: lastRows([...pairs.map((p) => p.chosen), ...pairs.map((p) => p.rejected)], batch) };
    },
    loss(model, method, pass) {
      const run = trunk(model, method, pass), head = scalarHead(model, method, pass?.precision);
      return (trained, batch, key, note) => {
        const { weight, own } = splitHead(SCORE, trained), { x, outside } = run(own, batch, key);
        const [chosen, rejected] = halves(head(x, weight, outside, batch.last)), margin = tf.sub(chosen, rejected);
        note?.({ chosenReward: tf.mean(chosen), rejectedReward: tf.mean(rejected), margin: tf.mean(margin), accuracy: sharePositive(margin) });
        return tf.mean(softplus(tf.neg(margin))) as Scalar; // −log σ(margin)
      };
    },
  };
}

/** A function that scores examples (prompt and answer) with a reward model: an adapter whose `trained` holds the head, as a run with `reward()` makes it. */
export function rewardScorer(model: Base, { method, trained }: Adapter, { batchSize = 8, tick = () => new Promise<void>(setImmediate) }: Omit<Measuring, "temperature"> = {}): (examples: readonly Example[]) => Promise<number[]> {
  const { weight, own } = splitHead(SCORE, trained);
  if (!weight) throw new TunelabError(`The adapter has no reward head ("${SCORE}"); train one with objective reward(), or read it with loadRewardModel.`);
  const run = trunk(model, method), head = scalarHead(model, method);
  return async (examples) => {
    const scores: number[] = Array(examples.length);
    let done = 0;
    for (const indices of batchesByLength(examples, batchSize)) {
      await tick(done);
      const chosen = indices.map((i) => examples[i]), batch = collateSft(chosen);
      const found = tf.tidy(() => { const { x, outside } = run(own, batch); return head(x, weight, outside, lastRows(chosen, batch)); }), values = found.dataSync();
      found.dispose();
      indices.forEach((i, at) => { scores[i] = values[at]; });
      done += indices.length;
    }
    return scores;
  };
}

export interface RewardQuality {
  /** Share of pairs whose chosen answer scores higher, and mean −log σ(margin). */
  accuracy: number;
  loss: number;
  /** Of the predicted winner's probability, max(σ(m), 1 − σ(m)). */
  calibration: Calibration;
}
/** How well scores order pairs, and whether their differences mean what they say. A tie counts as wrong. */
export function rewardQuality(chosen: readonly number[], rejected: readonly number[], bins = 10): RewardQuality {
  const margins = chosen.map((c, i) => c - rejected[i]), right = margins.map((m) => m > 0), n = margins.length;
  return {
    accuracy: right.filter(Boolean).length / n, loss: margins.reduce((sum, m) => sum + Math.max(0, -m) + Math.log1p(Math.exp(-Math.abs(m))), 0) / n,
    calibration: calibration(margins.map((m) => 1 / (1 + Math.exp(-Math.abs(m)))), right, { bins }),
  };
}
/** The quality of a reward model on pairs. */
export async function evaluateReward(model: Base, adapter: Adapter, pairs: readonly PreferencePair[], options: Omit<Measuring, "temperature"> & { bins?: number } = {}): Promise<RewardQuality> {
  const scores = await rewardScorer(model, adapter, options)(pairs.flatMap((p) => [p.chosen, p.rejected]));
  return rewardQuality(scores.filter((_, i) => i % 2 === 0), scores.filter((_, i) => i % 2 === 1), options.bins);
}

const HEAD_FILE = "score.safetensors";
/** Writes an adapter folder, and the head beside it. */
export function saveRewardModel(folder: string, { method, trained }: Adapter, model: Parameters<typeof saveAdapter>[2]): void {
  const { weight, own } = splitHead(SCORE, trained);
  if (!weight) throw new TunelabError(`${folder}: the adapter has no reward head ("${SCORE}"); save it with saveAdapter.`);
  replaceFiles(folder, {
    [HEAD_FILE](file) {
      writeSafetensors(file, toArrays({ [SCORE]: weight }), { format: "pt", base: `${modelHash(model)}` });
      saveAdapter(folder, { method, trained: own }, model); // when the head is there: if there is no room, the old adapter stays
    },
  });
}
/** Reads what saveRewardModel wrote. */
export function loadRewardModel(folder: string, model: Parameters<typeof loadAdapter>[1]): Adapter {
  const file = path.join(folder, HEAD_FILE);
  if (!fs.existsSync(file)) throw new TunelabError(`${folder}: holds no ${HEAD_FILE}, so it is no reward model; give the folder that \`tunelab align --method reward\` wrote.`);
  const source = openSafetensors(file);
  try {
    const head = source.tensors.get(SCORE), wanted = [1, model.config.hiddenSize];
    if (head?.shape.join() !== wanted.join()) throw new TunelabError(`${file}: ${SCORE} has shape [${head?.shape ?? "none"}], this model needs [${wanted}]; use the base model that it was trained on.`);
    if (source.metadata.base !== undefined && source.metadata.base !== `${modelHash(model)}`) throw new TunelabError(`${file}: was trained on another base model than this one; use the same, with the same adapter merged into it.`);
    const values = head.read(), { method, trained } = loadAdapter(folder, model);
    return { method, trained: { ...trained, [SCORE]: tf.tensor(values, wanted) } };
  } finally { source.close(); }
}
