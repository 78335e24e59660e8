/**
 * Prompt tuning: trained embeddings in front of the text (Lester et al. 2021, section 2).
 *   h₀ = [P; E(x)],  P [n, hidden] trained, everything else frozen
 * Rows start as those of random vocabulary entries or of a text (section 3.2), or at random in U(−0.5, 0.5).
 */
import { TunelabError } from "../errors";
import { shown } from "../shown";
import { Random, takeRows, tf, type Params } from "../tensor";
import type { Adapter, Method } from "./method";
import { virtualId } from "../model/virtual";
import { checkCount, EMBEDDINGS, embedVirtual } from "./virtual";

export interface PromptOptions {
  /** n, the number of trained rows. */
  tokens?: number;
  /** Where they start: random entries of the vocabulary, random numbers, or the ids of a text (repeated or cut to n). */
  start?: "vocabulary" | "random" | readonly number[];
}

export function prompt({ tokens = 20, start = "vocabulary" }: PromptOptions = {}): Method {
  checkCount("Prompt tuning", tokens);
  if (!(start === "vocabulary" || start === "random" || (Array.isArray(start) && start.length)))
    throw new TunelabError(`Prompt tuning: start is ${shown(start)}; choose "vocabulary", "random", or the ids of a text: tokenizer.encode("…").`);
  return {
    name: "prompt",
    settings: { tokens, start },
    learningRate: 1e-2,

    init(base, config, seed) {
      checkCount("Prompt tuning", tokens, config);
      const random = new Random(seed, EMBEDDINGS), { hiddenSize, vocabSize } = config;
      if (start === "random")
        return { [EMBEDDINGS]: tf.tensor2d(Float32Array.from({ length: tokens * hiddenSize }, () => random.uniform() - 0.5), [tokens, hiddenSize]) };
      const ids = Int32Array.from({ length: tokens }, (_, i) => (start === "vocabulary" ? random.integer(vocabSize) : start[i % start.length]));
      const bad = ids.find((id) => !(id >= 0 && id < vocabSize));
      if (bad !== undefined) throw new TunelabError(`Prompt tuning: start holds the id ${bad}, which is not in the model's vocabulary (0 to ${vocabSize - 1}).`);
      return { [EMBEDDINGS]: tf.tidy(() => takeRows(base["model.embed_tokens.weight"], tf.tensor1d(ids, "int32"))) };
    },

    virtual: { count: tokens, before: () => Array<number>(tokens).fill(0) },
    wrap: (trained) => embedVirtual(trained[EMBEDDINGS]),
  };
}

/**
 * Several trained prompts on one model (section 6): `rows(ids)` is one input with each prompt in front, to be read as one batch
 * under the adapter. The prompts must be of one length. Free its `trained` when done.
 */
export function promptEnsemble(adapters: readonly Adapter[]): Adapter & { rows(ids: readonly number[]): number[][] } {
  const matrices = adapters.map(({ method, trained }) => (method.name === "prompt" ? trained[EMBEDDINGS] : undefined));
  const n = matrices[0]?.shape[0];
  if (!n || matrices.some((m) => m?.shape.join() !== matrices[0]!.shape.join()))
    throw new TunelabError(`An ensemble takes one or more adapters of prompt tuning with as many tokens each; these are ${adapters.map(({ method }, i) => `${method.name} [${matrices[i]?.shape ?? ""}]`).join(", ") || "none"}.`);
  const trained: Params = { [EMBEDDINGS]: tf.concat(matrices as never[], 0) }, count = n * adapters.length;
  const method: Method = {
    name: "prompt-ensemble",
    settings: { prompts: adapters.length, tokens: n },
    init: () => { throw new TunelabError("An ensemble is not trained: train its prompts one by one."); },
    virtual: { count },
    wrap: (trained) => embedVirtual(trained[EMBEDDINGS]),
  };
  return { method, trained, rows: (ids) => adapters.map((_, a) => [...Array.from({ length: n }, (_, i) => virtualId(a * n + i)), ...ids]) };
}
