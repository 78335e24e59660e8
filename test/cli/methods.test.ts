/** Every method on the command line: finetune, then evaluate, generate and info with the adapter that it wrote; options of another method are refused. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { userError } from "../support/compare";
import { temporary } from "../support/fixtures";
import { tinyTask, tunelab } from "./run";

const folder = temporary(), work = folder(), { model, data } = tinyTask(work);

const METHODS: Record<string, string[]> = {
  lora: ["--rank", "2"], ia3: [], bitfit: [], full: ["--parameters", "mlp,norm"], fish: ["--density", "0.05", "--samples", "3"], "diff-pruning": ["--density", "0.1", "--structure", "row"],
  adapter: ["--form", "parallel"], prefix: ["--start", "You are helpful."], prompt: ["--tokens", "3", "--start", "random"], "p-tuning": ["--places", "start:2,end:2", "--encoder", "mlp"],
};
for (const [method, options] of Object.entries(METHODS))
  test(`finetune --method ${method}, evaluate, generate, info`, async () => {
    const out = join(work, method), common = ["--model", model, "--template", "plain"];
    const run = await tunelab("finetune", ...common, "--data", data, "--validation", data, "--out", out, "--method", method, ...options, "--steps", "2", "--batch-size", "2");
    assert.equal(run.status, "done");
    const checked = await tunelab("evaluate", ...common, "--data", data, "--adapter", join(out, "adapter")), expected = run.projected ?? run.validation;
    assert.ok(Math.abs(checked.loss - expected.loss) < 1e-4, `${checked.loss} is not ${expected.loss}`);
    const answer = await tunelab("generate", ...common, "--adapter", join(out, "adapter"), "--prompt", "What is 1?", "--max-tokens", "2");
    assert.ok(answer.ids.length <= 2);
    const { adapter } = await tunelab("info", "--adapter", join(out, "adapter"));
    assert.ok(adapter.parameters > 0 && adapter.type);
    if (run.projected) assert.equal(adapter.parameters, run.projected.entries);
  });

test("merging works where there are plain weights, and is refused at once where there are none", async () => {
  const common = ["--model", model, "--template", "plain", "--data", data, "--steps", "1", "--merge"], out = join(work, "merged"), none = join(work, "none");
  await tunelab("finetune", ...common, "--out", out, "--method", "ia3");
  assert.ok(existsSync(join(out, "merged", "model.safetensors")));
  await assert.rejects(tunelab("finetune", ...common, "--out", none, "--method", "prompt"), userError("--merge", "prompt", "--adapter"));
  assert.ok(!existsSync(none));
});

test("options of another method, unknown methods and places are refused", async () => {
  const common = ["--model", model, "--data", data, "--out", join(work, "never"), "--steps", "1"];
  await assert.rejects(tunelab("finetune", ...common, "--method", "ia3", "--rank", "4"), userError("--rank", "no option of ia3", "--targets"));
  await assert.rejects(tunelab("finetune", ...common, "--method", "magic"), userError("magic", "choose from lora", "p-tuning"));
  await assert.rejects(tunelab("finetune", ...common, "--method", "p-tuning", "--places", "middle"), userError("--places middle", "start:10,end:5"));
  await assert.rejects(tunelab("finetune", ...common, "--method", "fish", "--density", "0"), userError("density is 0"));
});
