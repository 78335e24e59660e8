// One side of the benchmarks: Tunelab. Reads requests from standard input, one JSON object a line, and answers each with one:
//   {"prepare": CASE} → {"ready": …}      {"run": n} → {"seconds": [n numbers], "loss": …, "peak": bytes}
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

const full = { name: "full", settings: {}, init: (base) => Object.fromEntries(Object.entries(base).map(([n, w]) => [n, w.clone()])), weights: (base, trained) => ({ ...base, ...trained }) };
const methods = { lora: () => tl.lora({ rank: 8, alpha: 16, targets: ["q_proj", "v_proj"] }), full: () => full };

/** Functions that run a case once and give its loss. */
const kinds = {
  async step(c, model) {
    const method = methods[c.method](), objective = tl.sft(), optimizer = tl.adamw(), loss = objective.loss(model, method), batch = objective.collate(examples(c));
    let now = { trained: method.init(model.params, model.config, 0) };
    now.state = tl.mapParams(now.trained, (p) => optimizer.init(p));
    return () => {
      const g = tl.accumulate(loss, now.trained, [batch]), next = tl.update(now, g, optimizer, 1e-4, 1);
      tl.disposeTrainable(now);
      now = next;
      return g.loss;
    };
  },
  async forward(c, model) {
    const ids = tokens(c);
    return () => tf.tidy(() => tf.mean(tl.logits(model, { ids, batch: c.batch })).dataSync()[0]);
  },
  async generate(c, model) {
    const prompt = [...tokens({ ...c, batch: 1 })];
    return async () => (await tl.generate(model, [prompt], { maxNewTokens: c.newTokens })).length;
  },
};

let once;
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    if (request.prepare) {
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
