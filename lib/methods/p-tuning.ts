/**
 * P-tuning: trained tokens anywhere in the text, made by a small encoder (Liu et al. 2021, section 3).
 *   template {h₀ … h_i, x, h_{i+1} … h_m, y};  h_i = MLP([→LSTM(e)_i ; ←LSTM(e)_i])
 * The encoder ties the tokens to each other while they are trained; afterwards only its output is kept. The LSTM is the
 * paper's, the plain MLP PEFT's default. "none" trains the tokens themselves.
 */
import { TunelabError } from "../errors";
import { shown } from "../shown";
import type { Tensor } from "@tensorflow/tfjs";
import { compiledBlock, relu, type Params } from "../tensor";
import { linear, linearStart, lstm, lstmStart, normalRows } from "./encoder";
import type { Method } from "./method";
import { checkCount, EMBEDDINGS, embedVirtual } from "./virtual";

/** So many tokens at the start or end of the prompt, or behind its first so many tokens. */
export type Place = readonly [at: "start" | "end" | number, tokens: number];

export interface PTuningOptions {
  /** Number of trained tokens, all at the start of the prompt; or `places`. */
  tokens?: number;
  places?: readonly Place[];
  encoder?: "lstm" | "mlp" | "none";
  /** Width of the encoder; default: half the model's for the LSTM (whose two directions together have the model's), the model's for the MLP. */
  hidden?: number;
}

const ENCODER = "prompt_encoder", LSTM_LAYERS = 2;

export function pTuning({ tokens, places, encoder = "lstm", hidden }: PTuningOptions = {}): Method {
  if (places != null && !(Array.isArray(places) && places.length && places.every((p) => Array.isArray(p) && p.length === 2 && typeof p[1] === "number")))
    throw new TunelabError(`P-tuning: places is ${shown(places)}; give a list of pairs like ["start", 10].`);
  const where: readonly Place[] = places ?? [["start", tokens ?? 20]], count = where.reduce((sum, [, n]) => sum + n, 0);
  if (places && tokens !== undefined && tokens !== count) throw new TunelabError(`P-tuning: tokens is ${shown(tokens)}, but places hold ${count}; give only one of them.`);
  for (const [at, n] of where) {
    if (!(at === "start" || at === "end" || (Number.isInteger(at) && at >= 0))) throw new TunelabError(`P-tuning: a place is at ${shown(at)}; it is "start", "end", or how many tokens of the prompt stand before it.`);
    checkCount("P-tuning", n);
  }
  checkCount("P-tuning", count);
  if (!["lstm", "mlp", "none"].includes(encoder)) throw new TunelabError(`P-tuning: encoder ${shown(encoder)} is unknown; choose from lstm, mlp, none.`);
  if (hidden !== undefined && (encoder === "none" || !Number.isInteger(hidden) || hidden < 1))
    throw new TunelabError(encoder === "none" ? "P-tuning: hidden is the encoder's width, and there is no encoder; leave it out, or choose an encoder." : `P-tuning: hidden is ${shown(hidden)}; it must be a whole number of at least 1.`);
  const at = (place: Place[0], context: number) => (place === "start" ? 0 : place === "end" ? context : Math.min(place, context));

  const network = ({ trained }: { trained: Params }, _: null): Tensor => {
    const e = trained[`${ENCODER}.embedding.weight`], mlp = (x: Tensor, i: number) => linear(x, trained, `${ENCODER}.mlp_head.${i}`);
    if (encoder === "lstm") return mlp(relu(mlp(lstm(e, trained, `${ENCODER}.lstm_head`, LSTM_LAYERS), 0)), 2);
    return mlp(relu(mlp(relu(mlp(e, 0)), 2)), 4);
  };
  // An LSTM unrolls to thousands of small operations, which XLA compiles for over a minute to save little in each step.
  const run = encoder === "lstm" ? network : compiledBlock(network);
  return {
    name: "p-tuning",
    settings: { places: where, encoder, hidden },
    learningRate: 1e-3,

    init(_base, config, seed): Params {
      checkCount("P-tuning", count, config);
      const H = config.hiddenSize, width = hidden ?? (encoder === "lstm" ? Math.max(1, H / 2) : H);
      const e = normalRows(seed, `${ENCODER}.embedding`, [count, H]), mlp = (i: number, into: number, out: number) => linearStart(`${ENCODER}.mlp_head.${i}`, into, out, seed);
      if (encoder === "none") return { [EMBEDDINGS]: e };
      const start = { [`${ENCODER}.embedding.weight`]: e };
      if (encoder === "mlp") return { ...start, ...mlp(0, H, width), ...mlp(2, width, width), ...mlp(4, width, H) };
      return { ...start, ...lstmStart(`${ENCODER}.lstm_head`, H, width, LSTM_LAYERS, seed), ...mlp(0, 2 * width, 2 * width), ...mlp(2, 2 * width, H) };
    },

    ...(encoder === "none" ? {} : { encode: (trained: Params) => ({ [EMBEDDINGS]: run({ trained }, null) }) }),
    virtual: {
      count,
      // in the order of the text, whatever the order of `places`
      before: (context) => where.map(([place, n]) => [at(place, context), n] as const).sort((a, b) => a[0] - b[0]).flatMap(([place, n]) => Array<number>(n).fill(place)),
    },
    wrap: (trained) => embedVirtual(trained[EMBEDDINGS]),
  };
}
