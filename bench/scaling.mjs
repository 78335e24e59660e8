// node bench/scaling.mjs [--write | --quick]: what training costs as tokens, parameters and students grow. About three minutes on two quiet cores.
// Every measurement runs in a process of its own (memory is the process's), on models of random weights with the course model's vocabulary.
// --write: docs/scaling.json, and from it the tables of docs/scaling.md and docs/pictures/scaling.png. --draw: only these, from docs/scaling.json.
// --quick: a few points, to try the script; its times say nothing.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const at = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
const COURSE = { hidden: 256, layers: 6, heads: 4 };
const has = (flag) => process.argv.includes(flag), few = (list) => (has("--quick") ? list.slice(0, 2) : list);
const SHAPES = [{ hidden: 128, layers: 4, heads: 2 }, COURSE, { hidden: 384, layers: 8, heads: 6 }, { hidden: 512, layers: 12, heads: 8 }, { hidden: 768, layers: 12, heads: 12 }];
const LENGTHS = [32, 64, 128, 256, 512], STUDENTS = [1, 2, 4, 8];
/** Seconds that a measurement lasts after warm-up, and those in which students work side by side. */
const SECONDS = has("--quick") ? 0.2 : 2.5, SIDE_BY_SIDE = has("--quick") ? 1 : 8;
const median = (x) => { const s = [...x].sort((a, b) => a - b), n = s.length; return n % 2 ? s[(n - 1) / 2] : (s[n / 2 - 1] + s[n / 2]) / 2; };

/** One training process: prepares, says so, waits for a line, works, says how it went. */
async function worker({ hidden, layers, heads, method, batch, length, seconds }) {
  const tl = await import("tunelab");
  await tl.backend();
  const config = tl.parseConfig({ model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], hidden_act: "silu", rms_norm_eps: 1e-6, rope_theta: 10000, use_sliding_window: false, max_position_embeddings: 1024, vocab_size: 6000, hidden_size: hidden, intermediate_size: 2.75 * hidden, num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: heads / 2, tie_word_embeddings: true, bos_token_id: 0, eos_token_id: 2 }, "bench");
  const random = new tl.Random(0, "scaling");
  // cheap numbers of the right spread: Gaussian ones for a large model would take longer than the measurement
  const params = Object.fromEntries(Object.entries(tl.parameterShapes(config)).map(([name, shape]) => [name, name.includes("norm") ? tl.tf.ones(shape) : tl.tf.mul(tl.tf.sub(tl.tf.randomUniform(shape, 0, 1, "float32", 1), 0.5), 3.4 / Math.sqrt(hidden))]));
  const model = { config, params }, objective = tl.sft(), optimizer = tl.adamw(), what = method === "full" ? tl.full() : tl.lora({ rank: 8 });
  const examples = Array.from({ length: batch }, () => ({ ids: Int32Array.from({ length }, () => random.integer(6000)), target: Uint8Array.from({ length }, (_, t) => Number(t >= length / 2)) }));
  const data = objective.collate(examples), begin = tl.stepper({ loss: objective.loss(model, what), objective, model, method: what, optimizer, clip: 1 });
  let now = { trained: what.init(params, config, 0) };
  now.state = tl.mapParams(now.trained, (p) => optimizer.init(p));
  const step = () => {
    const began = performance.now(), attempt = begin(now, [data], () => undefined), old = now.trained;
    now = attempt.apply(1e-4);
    tl.dispose(old);
    return (performance.now() - began) / 1000;
  };
  const first = step();
  step();
  const status = (file, name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/self/${file}`, "utf8"))[1]);
  console.log(JSON.stringify({ parameters: tl.count(params), trainable: Object.values(now.trained).reduce((n, t) => n + t.size, 0), first, idle: status("smaps_rollup", "Pss") }));
  for await (const _ of createInterface({ input: process.stdin })) {
    const times = [], end = performance.now() + 1000 * seconds;
    do times.push(step()); while (performance.now() < end || times.length < 3);
    console.log(JSON.stringify({ seconds: times, peak: status("status", "VmHWM"), pss: status("smaps_rollup", "Pss"), processor: Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1e6 }));
    break;
  }
  process.exit(0);
}

/** Starts a worker; `ready` is what it said first, `go` lets it work. */
async function start(setting) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--one", JSON.stringify(setting)], { stdio: ["pipe", "pipe", "ignore"] }), lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => { const { value, done } = await lines.next(); if (done) throw new Error(`${JSON.stringify(setting)}: the process ended (out of memory?)`); return JSON.parse(value); };
  return { ready: await next(), go: async () => { child.stdin.write("go\n"); const said = await next(); ours += said.processor; return said; } };
}
/** Processor seconds of our workers, and of the whole machine so far: the difference is what others took. */
let ours = 0;
const busy = () => { const [user, nice, system, , , irq, soft] = readFileSync("/proc/stat", "utf8").split("\n")[0].trim().split(/\s+/).slice(1).map(Number); return (user + nice + system + irq + soft) / 100; };
async function once(setting) {
  const { ready, go } = await start({ ...setting, seconds: SECONDS }), { seconds, peak } = await go(), tokens = setting.batch * setting.length;
  const row = { ...setting, ...ready, step: median(seconds), least: Math.min(...seconds), most: Math.max(...seconds), steps: seconds.length, tokensPerSecond: tokens / median(seconds), peak };
  console.log(`${setting.method} ${(ready.parameters / 1e6).toFixed(1)}M, ${setting.batch} × ${setting.length}: ${(1000 * row.step).toFixed(1)} ms (${row.steps} steps), ${row.tokensPerSecond.toFixed(0)} tokens/s, ${(peak / 1e9).toFixed(2)} GB`);
  return row;
}
async function together(students) {
  const setting = { ...COURSE, method: "lora", batch: 8, length: 64, seconds: SIDE_BY_SIDE }, all = [];
  for (let i = 0; i < students; i++) all.push(await start(setting)); // one after the other: only the work is side by side
  const results = await Promise.all(all.map(({ go }) => go())), rates = results.map((r) => r.seconds.length / r.seconds.reduce((a, b) => a + b, 0));
  const row = { students, step: median(results.flatMap((r) => r.seconds)), slowest: Math.max(...results.flatMap((r) => r.seconds)), together: rates.reduce((a, b) => a + b, 0), memory: results.reduce((n, r) => n + r.pss, 0), idle: all.reduce((n, { ready }) => n + ready.idle, 0) / students };
  console.log(`${students} students: a step ${(1000 * row.step).toFixed(0)} ms, all together ${row.together.toFixed(1)} steps/s, ${(row.memory / 1e9).toFixed(2)} GB`);
  return row;
}

const gb = (bytes) => (bytes / 1e9).toFixed(2), ms = (s) => (1000 * s).toFixed(s < 0.1 ? 1 : 0), millions = (n) => (n / 1e6).toFixed(1);
const table = (head, rows) => [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...rows.map((r) => `| ${r.join(" | ")} |`)].join("\n");

const memoryOf = (machine) => 1e9 * Number(/([\d.]+) GB$/.exec(machine)[1]);

/** Tables, the sentences that judge them, and the picture. */
async function write({ machine, date, others, note, tokens, parameters, students }) {
  const { fitPowerLaw } = await import("tunelab"), { figureToPng } = await import("tunelab/course");
  const law = (rows, x, y) => { const { exponent, exponentError } = fitPowerLaw(rows.map(x), rows.map(y)); return { text: `${(-exponent).toFixed(2)} ± ${exponentError.toFixed(2)}`, value: -exponent, error: exponentError }; };
  const of = (method) => parameters.filter((r) => r.method === method), [one] = students, full = students.at(-1), best = students.reduce((a, b) => (b.together > a.together ? b : a));
  // others at work distort times, and favour several kernels over one: those together get a larger share against them
  const disturbed = note !== undefined || others > 0.1, beside = note ?? `Other processes took ${(100 * others).toFixed(0)} % of the processors meanwhile.`;
  const alone = disturbed ? "with other work on the machine this does not say how well one kernel alone uses it, because several get more against the others" : best.together / one.together > 1.3 ? "one kernel leaves processor time unused that others can take" : "one kernel already keeps nearly all of the machine busy";
  const perToken = tokens.map((r) => r.step / (r.batch * r.length)), shortest = perToken[0], longest = perToken.at(-1), cheapest = Math.min(...perToken);
  const doubled = tokens.slice(1).map((r, i) => r.step / tokens[i].step), judge = ({ value, error }) => (value - error > 1 ? "more than in proportion" : value + error < 1 ? "less than in proportion" : "in proportion, as far as these points can tell");
  const laws = Object.fromEntries(["lora", "full"].map((m) => [m, law(of(m), (r) => r.parameters, (r) => r.step)]));
  const ratio = of("full").map((r, i) => [r.step / of("lora")[i].step, r.peak / of("lora")[i].peak]), range = (i) => { const x = ratio.map((r) => r[i]); return `${Math.min(...x).toFixed(1)} to ${Math.max(...x).toFixed(1)}`; };
  const text = `${machine}, ${date}. Medians; in brackets the least and the largest of all steps. ${beside}${disturbed ? " **Read the times as upper bounds.**" : ""}

### Tokens

LoRA (rank 8, q and v) on the course model's shape, 4 rows; half of each row is the answer.

${table(["tokens a row", "tokens a step", "step, ms", "tokens/s", "peak memory, GB"], tokens.map((r) => [r.length, r.batch * r.length, `${ms(r.step)} (${ms(r.least)} to ${ms(r.most)})`, r.tokensPerSecond.toFixed(0), gb(r.peak)]))}

Twice the tokens a row take ${doubled[0].toFixed(1)} times as long from ${tokens[0].length} to ${tokens[1].length}, and ${doubled.at(-1).toFixed(1)} times from ${tokens.at(-2).length} to ${tokens.at(-1).length}. A token costs ${(1e6 * shortest).toFixed(0)} µs in rows of ${tokens[0].length}, ${(1e6 * cheapest).toFixed(0)} at the cheapest and
${(1e6 * longest).toFixed(0)} in rows of ${tokens.at(-1).length}${doubled.at(-1) > 2.2 ? ": in long rows attention tells, whose work grows with the square of their length" : ""}. From the shortest to the longest rows the peak of memory rises by ${gb(tokens.at(-1).peak - tokens[0].peak)} GB.

### Parameters

4 rows of 64 tokens, vocabulary of 6,000.

${table(["parameters, millions", "method", "trained, millions", "first step, s", "step, ms", "peak memory, GB"], parameters.map((r) => [millions(r.parameters), r.method, r.trainable < 1e6 ? (r.trainable / 1e6).toFixed(3) : millions(r.trainable), r.first.toFixed(1), `${ms(r.step)} (${ms(r.least)} to ${ms(r.most)})`, gb(r.peak)]))}

A step's time grows as parameters^(${laws.lora.text}) with LoRA (${judge(laws.lora)}) and ^(${laws.full.text}) with full fine-tuning (${judge(laws.full)}). Full fine-tuning takes
${range(0)} times LoRA's time and ${range(1)} times its memory here.

### Students

Each student trains in a process of their own, as kernels do: LoRA on the course model's shape, 8 rows of 64 tokens, all at the same time for ${SIDE_BY_SIDE} s.

${table(["students at work", "step, ms", "slowest step, ms", "all together, steps/s", "memory of all, GB", "of each, GB"], students.map((r) => [r.students, ms(r.step), ms(r.slowest), r.together.toFixed(1), gb(r.memory), gb(r.memory / r.students)]))}

One student alone does ${one.together.toFixed(1)} steps a second; ${full.students} at once do ${full.together.toFixed(1)} together (${(full.together / one.together).toFixed(2)} times as many), and each waits ${(full.step / one.step).toFixed(1)} times as long for a step. The most work together is done
by ${best.students === 1 ? "one alone" : `${best.students} at once`}; ${alone}. An additional student at work needs ${gb((full.memory - one.memory) / (full.students - 1))} GB (pages that processes share counted once).
By memory, ${machine.split(", ").at(-1)} are enough for some ${Math.floor((0.8 * memoryOf(machine)) / ((full.memory - one.memory) / (full.students - 1)))} such kernels; by time the number at work at once decides, and a class that reads more than it trains can be larger.`;
  const page = readFileSync(at("scaling.md"), "utf8"), BEGIN = "<!-- scaling: begin (node bench/scaling.mjs --write) -->", END = "<!-- scaling: end -->", [before, rest] = page.split(BEGIN), after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`docs/scaling.md has lost its marks ${BEGIN} … ${END}`);
  writeFileSync(at("scaling.md"), `${before}${BEGIN}\n${text}\n${END}${after}`);

  const colours = ["#0072B2", "#D55E00"], symbols = ["circle", "square"], line = (axis, name, i, x, y, legend = true) => ({ type: "scatter", mode: "lines+markers", name, x, y, xaxis: `x${axis}`, yaxis: `y${axis}`, showlegend: legend, line: { color: colours[i], width: 2, dash: i ? "dash" : "solid" }, marker: { symbol: symbols[i], size: 8 } });
  const style = { gridcolor: "#e5e5e5", zerolinecolor: "#bbbbbb" }, log = (title, ticks, domain, anchor) => ({ ...style, type: "log", title: { text: title }, tickvals: ticks, ticktext: ticks.map(String), domain, anchor });
  const size = of("lora").map((r) => Number(millions(r.parameters))), nice = [10, 20, 50, 100, 200, 500, 1000, 2000], panel = (x, title) => ({ text: title, xref: "paper", yref: "paper", x, y: 1.02, xanchor: "left", yanchor: "bottom", showarrow: false, font: { size: 16 } });
  const figure = {
    data: [
      line("", "LoRA", 0, tokens.map((r) => r.batch * r.length), tokens.map((r) => 1000 * r.step), false),
      line("2", "LoRA", 0, size, of("lora").map((r) => 1000 * r.step)), line("2", "full fine-tuning", 1, size, of("full").map((r) => 1000 * r.step)),
      line("3", "step of each", 0, students.map((r) => r.students), students.map((r) => 1000 * r.step), false),
    ],
    layout: {
      font: { size: 14, color: "#222222", family: "system-ui, Arial, sans-serif" }, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff", margin: { l: 70, r: 20, t: 56, b: 76 },
      legend: { x: 0.375, y: 0.98, xanchor: "left", yanchor: "top", bgcolor: "rgba(255,255,255,0.8)" },
      annotations: [panel(0, "Tokens"), panel(0.365, "Parameters"), panel(0.73, "Students")],
      xaxis: log("tokens a step", tokens.map((r) => r.batch * r.length), [0, 0.27], "y"), yaxis: { ...log("step, ms", nice, [0, 1], "x") },
      xaxis2: log("parameters, millions", size, [0.365, 0.635], "y2"), yaxis2: log("step, ms", nice, [0, 1], "x2"),
      xaxis3: { ...log("students at work at once", students.map((r) => r.students), [0.73, 1], "y3") }, yaxis3: { ...style, title: { text: "step of each, ms" }, rangemode: "tozero", domain: [0, 1], anchor: "x3" },
    },
    alt: `Time of a step: ${tokens.map((r) => `${r.batch * r.length} tokens ${ms(r.step)} ms`).join(", ")}; ${parameters.map((r) => `${r.method} ${millions(r.parameters)}M ${ms(r.step)} ms`).join(", ")}; ${students.map((r) => `${r.students} students ${ms(r.step)} ms`).join(", ")}.`,
  };
  writeFileSync(at("pictures/scaling.png"), await figureToPng(figure, { width: 1180, height: 420 }));
}

if (has("--one")) await worker(JSON.parse(process.argv.at(-1)));
else if (has("--draw")) await write(JSON.parse(readFileSync(at("scaling.json"), "utf8")));
else {
  const results = { machine: `${cpus().length} × ${cpus()[0].model.trim()}, ${gb(totalmem())} GB`, date: new Date().toISOString().slice(0, 10), tokens: [], parameters: [], students: [] };
  const began = busy(), clock = performance.now();
  const keep = (list, row) => { list.push(row); results.others = Math.max(0, busy() - began - ours) / (cpus().length * (performance.now() - clock) / 1000); if (has("--write")) writeFileSync(at("scaling.json"), `${JSON.stringify(results, null, 1)}\n`); };
  for (const length of few(LENGTHS)) keep(results.tokens, await once({ ...COURSE, method: "lora", batch: 4, length }));
  for (const shape of few(SHAPES)) for (const method of ["lora", "full"]) keep(results.parameters, await once({ ...shape, method, batch: 4, length: 64 }));
  for (const n of few(STUDENTS)) keep(results.students, await together(n));
  if (has("--write")) await write(results);
}
