/**
 * Recipes for TRL: what is written, what is refused, and (with TUNELAB_PYTHON) that they run on two processes, see the same tokens and
 * targets, take the same steps, and that what they save loads back here with the same loss.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { encodeExample, encodeExamples, load, loadRecords, openSafetensors, type Example } from "tunelab";
import { close, userError } from "../support/compare";
import { temporary } from "../support/fixtures";
import { writeTinyFolder } from "../train/support";
import { tunelab } from "./run";

const folder = temporary(), work = folder(), data = join(work, "data.jsonl"), tiny = join(work, "tiny");
const records = Array.from({ length: 5 }, (_, i) => ({ question: `What is ${i}?`, answer: `It is ${i}, of course.` }));
before(() => { writeTinyFolder(tiny); writeFileSync(data, records.map((r) => `${JSON.stringify(r)}\n`).join("")); });

const recipe = (out: string, ...more: string[]) => tunelab("recipe", "--to", "trl", "--model", tiny, "--data", data, "--out", join(work, out), ...more);
const json = (...parts: string[]) => JSON.parse(readFileSync(join(work, ...parts), "utf8"));
const text = (...parts: string[]) => readFileSync(join(work, ...parts), "utf8");

test("a recipe holds the settings of finetune, with its defaults", async () => {
  const run = await recipe("plain", "--template", "plain", "--batch-size", "4", "--accumulate", "2", "--epochs", "5", "--rank", "4", "--targets", "q_proj,down_proj", "--schedule", "linear", "--clip", "0.5", "--seed", "3", "--precision", "bfloat16", "--device", "cpu");
  assert.equal(run.steps, 5); // 5 epochs of 2 batches, in steps of 2
  const r = json("plain", "recipe.json");
  assert.deepEqual(
    [r.method, r.batch_size, r.processes, r.accumulate, r.steps, r.learning_rate, r.schedule, r.warmup, r.clip, r.seed, r.precision, r.optimizer.weight_decay, r.template],
    ["lora", 4, 2, 2, 5, 1e-3, "linear", 1, 0.5, 3, "bfloat16", 0.01, "plain"],
  );
  assert.deepEqual(text("plain", "data", "train.jsonl").trim().split("\n").map((line) => JSON.parse(line))[1], { prompt: "问:What is 1?\n答:", completion: "It is 1, of course." });
  const config = json("plain", "start", "adapter_config.json");
  assert.deepEqual([config.peft_type, config.r, config.target_modules, config.inference_mode], ["LORA", 4, ["q_proj", "down_proj"], false]);
  assert.match(text("plain", "accelerate.yaml"), /distributed_type: MULTI_GPU\nuse_cpu: true\n[^]*num_processes: 2\nmixed_precision: 'bf16'/);
  assert.match(text("plain", "README.md"), /5 records for 5 steps of 8 records \(2 in a pass, 2 processes, 2 passes\)[^]*--template plain/);
  assert.match(text("plain", "train.py"), /SFTTrainer/);
});

test("the texts of a recipe give the tokens and targets of finetune", async () => {
  await recipe("chat", "--system", "Be brief.", "--validation", data, "--batch-size", "2");
  const { tokenizer } = await load(tiny), { eos } = json("chat", "recipe.json"), examples = encodeExamples(tokenizer, records, { system: "Be brief." });
  for (const file of ["train", "validation"]) {
    const lines = text("chat", "data", `${file}.jsonl`).trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, records.length);
    lines.forEach(({ prompt, completion }, i) => {
      // what train.py does, with the tokenizer that is the same on both sides (test/model/tokenizer.test.ts)
      const context = tokenizer.encode(prompt), answer = tokenizer.encode(completion), end = answer.findIndex((id) => eos.includes(id)), kept = end < 0 ? [...answer, eos[0]] : answer.slice(0, end + 1);
      assert.deepEqual([...examples[i].ids], [...context, ...kept]);
      assert.deepEqual([...examples[i].target], [...context.map(() => 0), ...kept.map(() => 1)]);
      assert.ok(prompt.includes("Be brief.") && eos.includes(kept.at(-1)));
    });
  }
});

test("every method that PEFT has starts as finetune does; encoders keep their own tensors", async () => {
  const names = (file: string) => { const opened = openSafetensors(join(work, file)); try { return [...opened.tensors.keys()]; } finally { opened.close(); } };
  for (const [method, options, encoder] of [
    ["ia3", []], ["prompt", ["--tokens", "3"]], ["prefix", ["--tokens", "3"]], ["prefix", ["--tokens", "3", "--encoder", "mlp", "--hidden", "5"], { encoder_hidden_size: 5, prefix_projection: true }],
    ["p-tuning", ["--tokens", "3"], { encoder_hidden_size: 8, encoder_reparameterization_type: "LSTM" }], ["p-tuning", ["--tokens", "3", "--encoder", "mlp", "--hidden", "7"], { encoder_hidden_size: 7, encoder_reparameterization_type: "MLP" }],
  ] as [string, string[], object?][]) {
    const out = `start-${method}-${options.join("")}`, { learning_rate } = (await recipe(out, "--method", method, ...options), json(out, "recipe.json")), config = json(out, "start", "adapter_config.json");
    assert.ok(learning_rate > 0);
    assert.ok(names(join(out, "start", "adapter_model.safetensors")).length);
    assert.equal(existsSync(join(work, out, "start", "encoder.safetensors")), encoder !== undefined);
    if (encoder) { assert.deepEqual({ ...config, ...encoder }, config); assert.ok(names(join(out, "start", "encoder.safetensors")).includes("embedding.weight")); }
  }
  await recipe("full", "--method", "full", "--parameters", "norm");
  assert.ok(json("full", "recipe.json").parameters.every((name: string) => name.includes("norm")) && !existsSync(join(work, "full", "start")));
  await recipe("all", "--method", "full");
  assert.equal(json("all", "recipe.json").parameters, null);
});

test("what TRL or PEFT lacks is refused with the reason, before anything is written", async () => {
  for (const [options, ...says] of [
    [["--method", "bitfit"], "--method bitfit", "biases", "tunelab finetune"], [["--method", "fish"], "no Fisher mask"], [["--method", "diff-pruning"], "gates"], [["--method", "adapter"], "bottleneck"],
    [["--optimizer", "lomo"], "--optimizer lomo", "inside the backward pass"], [["--loss-scale", "128"], "--loss-scale", "Accelerate"], [["--precision", "half", "--device", "cpu"], "GPUs only"],
    [["--method", "p-tuning", "--encoder", "none"], "always has an encoder"], [["--method", "p-tuning", "--places", "end:3"], "--places end:3", "in front"],
    [["--batch-size", "5"], "cannot be shared evenly by 2"], [["--processes", "0"], "--processes 0"], [["--method", "ia3", "--rank", "3"], "no option of ia3"], [["--steps", "0"], "--steps 0"],
  ] as [string[], ...string[]][]) {
    await assert.rejects(recipe("never", ...options), userError(...says), options.join(" "));
    assert.ok(!existsSync(join(work, "never")), options.join(" "));
  }
  await assert.rejects(tunelab("recipe", "--to", "axolotl", "--model", tiny, "--data", data, "--out", join(work, "never")), userError("--to axolotl", "choose from trl"));
  await assert.rejects(tunelab("recipe", "--to", "trl", "--model", "x.gguf", "--data", data, "--out", join(work, "never")), userError("x.gguf", "convertGGUF"));
  await recipe("twice");
  await assert.rejects(recipe("twice"), userError("holds a recipe already"));
});

test("a recipe pins the versions that the fixtures were made with", () => {
  const pins = (file: string) => Object.fromEntries(readFileSync(file, "utf8").split("\n").filter((line) => /^[\w-]+==/.test(line)).map((line) => line.split("==")));
  const ours = pins("lib/recipes/trl/requirements.txt"), tested = pins("test/fixtures/requirements.txt");
  for (const name of ["torch", "transformers", "peft", "trl", "accelerate", "safetensors"]) assert.equal(ours[name], tested[name], name);
});

const python = process.env.TUNELAB_PYTHON, model = resolve("data/course-model"), steps = 4;
test("in Python: the same tokens, targets and steps, on one process and on two; what is saved loads back", { skip: !python && "TUNELAB_PYTHON is not set", timeout: 900_000 }, async (t) => {
  // eight records, all of them in every step: so the order in which they come does not matter
  const records = (await loadRecords("data/security-qa/zh/train.jsonl")).slice(0, 8), held = (await loadRecords("data/security-qa/zh/test.jsonl")).slice(0, 5);
  const [train, validation] = [records, held].map((list, i) => { const file = join(work, `python-${i}.jsonl`); writeFileSync(file, list.map((r) => `${JSON.stringify(r)}\n`).join("")); return file; });
  const common = (options: string[]) => ["--model", model, "--data", train, "--validation", validation, "--steps", `${steps}`, "--batch-size", "8", "--seed", "1", ...options];
  const python3 = async (...args: string[]) => (await promisify(execFile)(python!, args, { env: { ...process.env, HF_HUB_OFFLINE: "1", CUDA_VISIBLE_DEVICES: "" }, maxBuffer: 1 << 26 })).stdout;
  const { tokenizer } = await load(model);
  const examples = records.map((r) => encodeExample(tokenizer, [{ role: "user", content: `${r.question}` }, { role: "assistant", content: `${r.answer}` }])!);

  /** Asserts that finetune's losses are those of the recipe, and that what the recipe saved has its validation loss here. */
  async function agrees(what: string, options: string[], result: { losses: number[]; validation: { loss: number; targets: number } }, saved: string): Promise<void> {
    const out = join(work, `here-${what}`);
    await tunelab("finetune", ...common(options), "--out", out);
    const losses = text(`here-${what}`, "log.jsonl").trim().split("\n").map((line) => JSON.parse(line)).filter((r) => r.kind === "step").map((r) => r.loss);
    assert.equal(result.losses.length, steps);
    assert.notEqual(losses.at(-1), losses[0], "there is something to agree on");
    const worst = close(result.losses, losses, 5e-6, `${what}: losses of the steps`);
    const back = await tunelab("evaluate", "--data", validation, ...(options.includes("full") ? ["--model", saved] : ["--model", model, "--adapter", saved]));
    assert.equal(back.targets, result.validation.targets);
    const apart = close([back.loss], [result.validation.loss], 5e-6, `${what}: validation loss`);
    t.diagnostic(`${what}: losses of the steps within ${worst.toExponential(1)}, of what was saved within ${apart.toExponential(1)}`);
  }

  await t.test("two processes, LoRA and all weights", async () => {
    for (const [what, options] of [["lora", ["--rank", "4", "--targets", "all-linear", "--evaluate-every", "2", "--save-every", "2"]], ["full", ["--method", "full", "--learning-rate", "1e-4", "--batch-size", "4", "--accumulate", "2"]]] as [string, string[]][]) {
      const out = join(work, `two-${what}`);
      await tunelab("recipe", "--to", "trl", ...common(options), "--processes", "2", "--device", "cpu", "--out", out);
      await python3("-m", "accelerate.commands.launch", "--config_file", join(out, "accelerate.yaml"), join(out, "train.py"));
      const result = json(`two-${what}`, "out", "result.json"), saved = join(out, "out", what === "full" ? "model" : "adapter");
      assert.deepEqual([result.processes, result.steps], [2, steps]);
      await agrees(what, options, result, saved);
      const answer = await tunelab("generate", ...(what === "full" ? ["--model", saved] : ["--model", model, "--adapter", saved]), "--prompt", `${records[0].question}`, "--max-tokens", "8");
      assert.ok(answer.ids.length > 0);
    }
    // cut off after two steps, as far as the checkpoints tell
    const out = join(work, "two-lora"), whole = json("two-lora", "out", "result.json");
    rmSync(join(out, "out", "checkpoints", `checkpoint-${steps}`), { recursive: true });
    rmSync(join(out, "out", "result.json"));
    await python3("-m", "accelerate.commands.launch", "--config_file", join(out, "accelerate.yaml"), join(out, "train.py"), "--resume");
    const resumed = json("two-lora", "out", "result.json");
    close(resumed.losses, whole.losses, 5e-6, "losses of a resumed run");
    close([resumed.validation.loss], [whole.validation.loss], 5e-6, "its validation loss");
    await assert.rejects(python3(join(work, "two-lora", "train.py")), /for 2 processes, but 1 run/, "started without accelerate launch");
  });

  await t.test("one process, the other methods of PEFT: batches and losses", async () => {
    const methods: Record<string, string[]> = {
      dora: ["--dora", "--rank", "4"], ia3: ["--method", "ia3"], prompt: ["--method", "prompt", "--tokens", "4"], prefix: ["--method", "prefix", "--tokens", "4"], "prefix-mlp": ["--method", "prefix", "--tokens", "4", "--encoder", "mlp", "--hidden", "16"],
      "p-tuning": ["--method", "p-tuning", "--tokens", "4"], "p-tuning-mlp": ["--method", "p-tuning", "--tokens", "4", "--encoder", "mlp"],
    };
    for (const [what, options] of Object.entries(methods)) await tunelab("recipe", "--to", "trl", ...common(options), "--processes", "1", "--device", "cpu", "--out", join(work, `one-${what}`));
    const printed = await python3("test/recipe/check_recipe.py", ...Object.keys(methods).map((what) => join(work, `one-${what}`)));
    const found = printed.split("\n").filter((line) => line.startsWith("RESULT ")).map((line) => JSON.parse(line.slice("RESULT ".length)));
    for (const [i, [what, options]] of Object.entries(methods).entries()) {
      const { batches: [{ input_ids, attention_mask, labels }], result } = found[i], row = (e: Example) => [[...e.ids], [...e.ids].map((id, t) => (e.target[t] ? id : -100))];
      const theirs = (input_ids as number[][]).map((ids, b) => {
        const n = (attention_mask[b] as number[]).reduce((x, y) => x + y, 0);
        assert.ok(labels[b].slice(n).every((label: number) => label === -100), "padding is no target");
        assert.ok(tokenizer.eos.includes(labels[b][n - 1]), "the end token is one");
        return [ids.slice(0, n), labels[b].slice(0, n)];
      });
      const order = (rows: number[][][]) => rows.map((r) => JSON.stringify(r)).sort();
      assert.deepEqual(order(theirs), order(examples.map(row)), `${what}: ids and labels`);
      await agrees(what, options, result, join(work, `one-${what}`, "out", "adapter"));
    }
  });
});
