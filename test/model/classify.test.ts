// Classification by one token a class: the probabilities are those of the logits, whatever the batch; nothing is left behind.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { prompt, prefix, type Adapter } from "tunelab/methods";
import { classify, load, logits, type Model } from "tunelab/model";
import { close, leaksNothing, userError } from "../support/compare";
import { fixture, withJit } from "../support/fixtures";

/** A tiny model with a real tokenizer (byte-level BPE). */
let model: Model;
before(async () => { model = await load(fixture("gguf", "llama.gguf")); });

const PROMPTS = ["a port", "What is a firewall? A longer one, of more than sixteen tokens, so that lengths differ", "x", "网络", "five"], CLASSES = ["A", "B", "C", "x y"];

/** By the definition: the logits behind the last token of one prompt alone, the classes' only, softmax. */
function expected(text: string, adapter?: Adapter): number[] {
  const ids = Int32Array.from(model.tokenizer.encode(text)), all = logits({ ...model, ...adapter }, { ids, batch: 1 });
  const last = (all.arraySync() as number[][][])[0].at(-1)!;
  all.dispose();
  const e = CLASSES.map((c) => Math.exp(last[model.tokenizer.encode(c)[0]])), sum = e.reduce((a, b) => a + b);
  return e.map((v) => v / sum);
}
const made = (method: Adapter["method"]): Adapter => ({ method, trained: method.init(model.params, model.config, 3) });

for (const compiled of [false, true])
  for (const name of ["base", "prompt", "prefix"])
    test(`${name}, ${compiled ? "compiled" : "not compiled"}: probabilities of each prompt are those of its own logits`, () => withJit(compiled, async () => {
      const adapter = name === "base" ? undefined : made(name === "prompt" ? prompt({ tokens: 3, start: "random" }) : prefix({ tokens: 2 }));
      const found = await classify(model, PROMPTS, CLASSES, { adapter, batchSize: 2 });
      for (const [i, text] of PROMPTS.entries()) {
        close(found[i].probabilities, expected(text, adapter), 2e-6, text);
        const most = Math.max(...found[i].probabilities);
        assert.deepEqual([found[i].confidence, found[i].label], [most, CLASSES[found[i].probabilities.indexOf(most)]]);
      }
      assert.ok(Math.abs(found[0].probabilities[0] - found[1].probabilities[0]) > 1e-4, "prompts differ");
    }));

test("the longest prompt that fits is classified; no tensor is left", async () => {
  const whole = Array.from({ length: model.config.maxPositions }, (_, i) => 3 + (i % 50));
  await withJit(false, () => leaksNothing(() => classify(model, [whole.slice(0, 40), [5]], CLASSES), 2));
  assert.equal((await withJit(false, () => classify(model, [whole], CLASSES, { batchSize: 1 }))).length, 1);
});
test("what cannot be told apart or does not fit is refused", async () => {
  await assert.rejects(classify(model, ["a"], ["A"]), userError("at least two classes"));
  await assert.rejects(classify(model, ["a"], ["A", ""]), userError('"" has no token'));
  await assert.rejects(classify(model, ["a"], ["A", "B", "A"]), userError('"A" begins with the same token'));
  await assert.rejects(classify(model, ["a", ""], CLASSES), userError("prompt 2 is empty"));
  await assert.rejects(classify(model, [Array(model.config.maxPositions + 1).fill(5)], CLASSES), userError("longer than"));
  await assert.rejects(classify(model, [[5, 99999]], CLASSES), userError("Prompt 1", "99999"));
  await assert.rejects(classify(model, ["a"], CLASSES, { batchSize: 0 }), userError("batchSize is 0"));
  assert.deepEqual(await classify(model, [], CLASSES), []);
});
