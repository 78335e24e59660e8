// One side of the benchmarks: Tunelab. Reads requests from standard input, one JSON object a line, and answers each with one:
//   {"peak": n} → {"flops": a second, of an n × n matrix product}      {"prepare": CASE} → {"first": value, "cold": seconds}
//   {"run": n} → {"seconds": [n numbers], "loss": …, "peak": bytes}
import { createInterface } from "node:readline";
import * as tl from "tunelab";
import { promises as fs } from "node:fs";

const { tf } = tl;
await tl.backend();

/** Token ids of a batch without padding, the same in both workers: a linear congruential sequence. */
export function tokens({ batch, length, vocabulary }) {
  const ids = new Int32Array(batch * length);
  for (let i = 0, x = 12345n; i < ids.length; i++) { x = (x * 1103515245n + 12345n) % 2147483648n; ids[i] = Number((x >> 8n) % BigInt(vocabulary)); }
  return ids;
}
/** The examples of a case: the last `targets` tokens of each row are the answer. */
function examples({ batch, length, targets, vocabulary }) {
  const ids = tokens({ batch, length, vocabulary });
  return Array.from({ length: batch }, (_, b) => ({ ids: ids.slice(b * length, (b + 1) * length), target: Uint8Array.from({ length }, (_, t) => (t >= length - targets ? 1 : 0)) }));
}

const methods = { lora: () => tl.lora({ rank: 8, alpha: 16, targets: ["q_proj", "v_proj"] }), full: () => tl.full() };

/** Functions that run a case once and give its loss. */
const kinds = {
  async step(c, model) {
    const method = methods[c.method](), objective = tl.sft(), optimizer = c.optimizer === "lomo" ? tl.lomo() : tl.adamw(), batch = objective.collate(examples(c));
    const begin = tl.stepper({ loss: objective.loss(model, method), objective, model, method, optimizer, clip: 1 });
    let now = { trained: method.init(model.params, model.config, 0) };
    now.state = tl.mapParams(now.trained, (p) => optimizer.init(p));
    return () => {
      const attempt = begin(now, [batch], () => undefined), old = now.trained;
      now = attempt.apply(1e-4);
      tl.dispose(old);
      return attempt.loss;
    };
  },
  /** Training on the first records of the security questions and answers, once each. */
  async epoch(c, model) {
    const records = (await tl.loadRecords("data/security-qa/en/train.jsonl")).slice(0, c.examples), method = methods.lora();
    const train = tl.encodeExamples(model.tokenizer, records, { maxLength: 512 });
    return async () => {
      const run = await tl.train({ model, method, data: { train }, batchSize: c.batch, learningRate: 1e-3, display: false });
      tl.dispose(run.trained);
      return run.history.steps[0].loss;
    };
  },
  /** Hessian of the loss by all parameters, times a vector. */
  async hv(c, model) {
    const H = tl.curvature(tl.modelProblem({ model, examples: examples(c) })), v = new Float32Array(H.dim).fill(1e-3);
    return async () => (await H.apply(v)).reduce((sum, x) => sum + 1e-3 * x, 0);
  },
  async forward(c, model) {
    const ids = tokens(c);
    return () => tf.tidy(() => tf.mean(tl.logits(model, { ids, batch: c.batch })).dataSync()[0]);
  },
  async generate(c, model) {
    const prompt = [...tokens({ ...c, batch: 1 })], endless = { ...model, tokenizer: { ...model.tokenizer, eos: [] } };
    return async () => (await tl.generate(endless, [prompt], { maxNewTokens: c.newTokens }))[0].ids.length;
  },
};

let once;
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    if (request.peak) {
      const n = request.peak, x = tf.randomNormal([n, n]), product = tl.jit((x) => tf.matMul(x, x));
      let best = Infinity;
      for (let i = 0; i < 12; i++) { const began = performance.now(), y = product(x); best = Math.min(best, performance.now() - began); y.dispose(); }
      x.dispose(); product.dispose();
      console.log(JSON.stringify({ flops: (2 * n ** 3) / (best / 1000) }));
    } else if (request.prepare) {
      const model = await tl.load(request.prepare.folder), began = performance.now();
      once = await kinds[request.prepare.kind](request.prepare, model);
      const first = await once();
      console.log(JSON.stringify({ first, cold: (performance.now() - began) / 1000 }));
    } else {
      const seconds = [];
      let loss;
      for (let i = 0; i < request.run; i++) { const began = performance.now(); loss = await once(); seconds.push((performance.now() - began) / 1000); }
      const peak = +/VmHWM:\s+(\d+)/.exec(await fs.readFile("/proc/self/status", "utf8"))[1] * 1024;
      console.log(JSON.stringify({ seconds, loss, peak }));
    }
  } catch (error) { console.log(JSON.stringify({ error: error.stack })); }
}
