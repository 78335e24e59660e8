import * as tl from "tunelab";

const model = await tl.load("models/SmolLM2-135M-Instruct");
console.log(await tl.backend()); // { name: "native-cpu", why: "…" }
console.log(model.config.architecture, model.config.layers, tl.count(model.params)); // llama 30 134515008

const records = await tl.loadRecords("data/security-qa/en/train.jsonl");
const examples = tl.encodeExamples(model.tokenizer, records, { maxLength: 256, long: "skip" });
const validation = tl.encodeExamples(model.tokenizer, await tl.loadRecords("data/security-qa/en/validation.jsonl")).slice(0, 12);
console.log(examples.length, examples.skipped, examples[0].ids.length);

const options = {
  model, method: tl.lora({ rank: 8, alpha: 16, targets: ["q_proj", "v_proj"] }),
  data: { train: examples, validation },
  steps: 20, batchSize: 4, learningRate: 2e-3, evaluateEvery: 10, seed: 1,
};
const run = await tl.train({ ...options, onStep: ({ step, loss }) => { if (step % 5 === 0) console.log(step, loss.toFixed(3)); } });
console.log(run.status, run.history.evaluations);

const folder = "runs/second";
const second = await tl.train({ ...options, steps: 8, evaluateEvery: 0, folder, saveEvery: 4, resume: true });
console.log(tl.checkpoints(folder).map(({ step }) => step), second.history.steps.length); // [ 4, 8 ] 8

const prompt = tl.promptText(model.tokenizer, [{ role: "user", content: "What is phishing?" }]);
const [answer] = await tl.generate(model, [prompt], { adapter: run, maxNewTokens: 40, onText: (piece) => process.stdout.write(piece) });
console.log(`\nended by ${answer.stoppedBy} after ${answer.ids.length} tokens`);
const [sampled] = await tl.generate(model, [prompt], { maxNewTokens: 20, temperature: 0.7, topP: 0.9, seed: 3, stop: ["\n"] });
console.log(sampled.text);
console.log(await tl.evaluate(model, validation), "→", await tl.evaluate(model, validation, { adapter: run }));

tl.saveAdapter("runs/first/adapter", run, model);
const adapter = tl.loadAdapter("runs/first/adapter", model);
const [again] = await tl.generate(model, [prompt], { adapter, maxNewTokens: 40 });
console.log(again.text === answer.text); // true

const merged = run.method.merge(model.params, run.trained);
tl.save({ ...model, params: merged }, "runs/first/merged", { dtype: "BF16" });
tl.dispose(merged);

const norms = {
  name: "norms", settings: {},
  init: (base) => Object.fromEntries(Object.entries(base).filter(([name]) => name.endsWith("norm.weight")).map(([name, w]) => [name, w.clone()])),
  weights: (base, trained) => ({ ...base, ...trained }), // what the forward pass sees
};
const third = await tl.train({ ...options, method: norms, steps: 4, evaluateEvery: 0 }); // norms trains 35,136 scalars, 0.026 % …
console.log(await tl.evaluate(model, validation, { adapter: third }));

const { tf } = tl;
const gelu = tl.jit((x) => tf.mul(x, tl.sigmoid(tf.mul(x, 1.702))));
console.log(Array.from(gelu(tf.tensor1d([-1, 0, 1])).dataSync(), (v) => v.toFixed(3)), gelu.programs); // [ '-0.154', '0.000', '0.846' ] 1
gelu.dispose();
