/** What is fuzzed: for each target how an input is read and, where it was accepted, used. */
import path from "node:path";
import * as tl from "tunelab";
import { base, CORPUS } from "./corpus";
import { ROOT } from "./memory";

export interface Target {
  /** Share of all inputs. */
  weight: number;
  /** Reads what lies under ROOT, uses it and frees it. `deep` asks for the dearer uses, too. */
  run(names: readonly string[], deep: boolean): unknown;
}
const at = (name: string) => path.join(ROOT, name);
const { readKnown } = require(path.resolve("lib/dist/cli/compare.js")) as { readKnown?: (file: string, task: object) => unknown[] };

let model: ReturnType<typeof base>;
const chat = [{ role: "user", content: "What is a worm?" }, { role: "assistant", content: "It spreads." }];
const readAll = (tensors: ReadonlyMap<string, tl.TensorSource>) => { for (const t of tensors.values()) { t.read(); t.integers?.(); } };
const assert = (good: unknown, what: string): void => { if (!good) throw new Error(`accepted, but ${what}`); };

function useTokenizer(t: tl.Tokenizer, deep = true): void {
  const ids = t.encode("What is a worm? 防火墙 <|im_end|>", { addSpecialTokens: true });
  assert(ids.every((id) => Number.isInteger(id) && id >= 0), `it gives the ids ${ids.slice(0, 5)}`);
  assert(typeof t.decode(ids) === "string" && typeof t.decode(ids, { skipSpecialTokens: true }) === "string", "it decodes to no text");
  for (const id of [...t.eos, t.pad]) assert(Number.isInteger(id), `a special id is ${id}`);
  if (t.hasChatTemplate && deep) tl.checkTemplate(t);
  if (t.hasChatTemplate) { assert(typeof t.chat(chat) === "string", "the template gives no text"); }
  if (deep) try { tl.encodeExample(t, chat, { template: t.hasChatTemplate ? "chat" : "plain" }); } catch (error) { refusal(error); } // a template may change its prompt
}
function useAdapter(adapter: tl.Adapter, deep: boolean): void {
  try {
    assert(tl.trainableCount(adapter) >= 0, "it has no size");
    if (!deep) return;
    tl.logits({ ...model, ...adapter } as never, { ids: Int32Array.of(1, 4, 5, 2), batch: 1, context: Int32Array.of(2) } as never).dispose();
    if (adapter.method.merge) tl.dispose(adapter.method.merge(model.params, adapter.trained));
  } finally { tl.dispose(adapter.trained); tl.dispose(adapter.method.constants ?? {}); }
}
async function records<T>(file: string, parse?: (r: unknown, where: string) => T): Promise<void> {
  for (const bad of ["skip", "refuse"] as const) for await (const record of tl.readRecords(file, { parse, bad })) assert(typeof record === "object" && record !== null, "a record is none");
}

export const TARGETS: Record<string, Target> = {
  safetensors: { weight: 20, run: () => { const f = tl.openSafetensors(at("model.safetensors")); try { readAll(f.tensors); } finally { f.close(); } } },
  shards: { weight: 5, run: () => { const f = tl.openShards(ROOT); try { readAll(f.tensors); } finally { f.close(); } } },
  config: { weight: 14, run: () => { const c = tl.readConfig(ROOT), shapes = tl.parameterShapes(c); assert(Object.values(shapes).flat().every((n) => Number.isSafeInteger(n) && n > 0), "a shape is none"); if (c.headDim <= 256) assert([...tl.ropeFrequencies(c.rope, c.headDim)].every(Number.isFinite), "a frequency is no number"); } },
  gguf: {
    weight: 12,
    run: async (names, deep) => {
      if (deep || names.length > 1) {
        const f = await tl.openGGUF(at("model.gguf"));
        try { readAll(f.tensors); } finally { f.close(); }
        return;
      }
      const parts = await tl.ggufToHuggingFace(at("model.gguf"));
      try { const config = tl.parseConfig(parts.config, at("model.gguf")); tl.checkTensors(parts.tensors, config, at("model.gguf")); readAll(parts.tensors); } finally { parts.close(); }
    },
  },
  model: { weight: 1, run: async () => { const m = await tl.load(ROOT); tl.dispose(m.params); } },
  tokenizer: { weight: 2, run: async (_, deep) => useTokenizer(await tl.loadTokenizer(ROOT), deep) },
  template: { weight: 2, run: async (_, deep) => useTokenizer(await tl.loadTokenizer(ROOT), deep) },
  records: {
    weight: 12,
    run: async ([name]) => {
      const file = at(name ?? "data.jsonl");
      await records(file);
      await records(file, tl.messagesOf).catch(refusal);
      await records(file, tl.preferenceOf).catch(refusal);
      await tl.loadRecords(file, { filled: ["question", "answer"] }).catch(refusal);
      await tl.loadRecords(file);
    },
  },
  card: { weight: 3, run: () => tl.verifyData(ROOT) },
  adapter: { weight: 14, run: (_, deep) => useAdapter(tl.loadAdapter(ROOT, model), deep) },
  reward: { weight: 1, run: () => useAdapter(tl.loadRewardModel(ROOT, model as never), false) },
  checkpoint: {
    weight: 7,
    run: (_, deep) => {
      const state = tl.loadState(ROOT);
      try {
        assert(Number.isSafeInteger(state.step) && state.step >= 0, `step is ${state.step}`);
        assert(typeof state.fingerprint === "string", "it has no fingerprint");
        assert([...state.history.steps, ...state.history.evaluations].every((r) => Number.isSafeInteger(r.step) && typeof r.loss === "number"), "its history holds what is no record");
        assert(Object.keys(state.trained).join() === Object.keys(state.optimizer).join(), "the optimizer's state is not of what is trained");
      } finally { tl.dispose(state.trained); Object.values(state.optimizer).forEach(tl.dispose); }
    },
  },
  probe: { weight: 4, run: () => tl.loadProbe(at("state.probe")) },
  comparison: { weight: 1, run: () => readKnown?.(at("results.json"), { model: "m", steps: 3 })?.forEach((r: any) => assert(typeof r.loss === "number", "a run has no loss")) },
};
/** A refusal is no failure where more is to come. */
const refusal = (error: unknown): void => { if (!(error instanceof tl.TunelabError)) throw error; };

/** Everything that is made once. */
export async function prepare(): Promise<void> {
  await tl.backend();
  model = base();
  // what is loaded at its first use is loaded before the folder is watched
  await tl.loadTokenizer(path.join(CORPUS, "template", "jinja")).then((t) => useTokenizer(t));
}
