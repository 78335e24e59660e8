/** tunelab recipe: the same fine-tuning for TRL and Accelerate, to run in Python on several processes, GPUs or machines. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../errors";
import { readAdapterConfig, saveAdapter, type Method, type Place } from "../methods";
import { writeSafetensors, writeText, type Model } from "../model";
import { encodeExample, exampleTexts, messagesOf, type Example } from "../objectives";
import { dispose, toArrays, type Params } from "../tensor";
import { loadRecords } from "../text";
import { UsageError, type Arguments, type Command } from "./arguments";
import { EXAMPLE_FLAGS, exampleLimit, loadModel, MODEL_FLAGS, result } from "./common";
import { checkMethod, chooseMethod, METHOD_FLAGS } from "./methods";
import { TRAINING_FLAGS, trainingOptions } from "./training";

/** Files that lie beside the compiled library. */
const TEMPLATES = path.join(__dirname, "..", "..", "recipes", "trl");
const DEVICES = ["cpu", "gpu"] as const;

/** Why a method cannot be trained by TRL with PEFT. */
const WITHOUT: Readonly<Record<string, string>> = {
  bitfit: "PEFT trains biases only together with an adapter (LoRA's `bias`), never alone",
  fish: "PEFT has no Fisher mask (the sparse adapters it has choose their entries otherwise)",
  "diff-pruning": "PEFT has no gates on differences, and TRL's loss has no place for their penalty",
  adapter: "PEFT has no bottleneck adapters; they are adapter-hub's, which TRL does not train",
};
const OPTIMIZERS: Readonly<Record<string, { name: string; weight_decay: number }>> = {
  adamw: { name: "adamw_torch", weight_decay: 0.01 }, adam: { name: "adamw_torch", weight_decay: 0 }, sgd: { name: "sgd", weight_decay: 0 },
};

/** Refuses, before anything is loaded, what TRL and PEFT lack. */
function checkPossible(name: string, args: Arguments): void {
  const refuse = (what: string, why: string) => { throw new TunelabError(`${what}: there is no such recipe for TRL, because ${why}. Train it here with \`tunelab finetune\`, or choose another.`); };
  if (WITHOUT[name]) refuse(`--method ${name}`, WITHOUT[name]);
  const optimizer = args.choice("optimizer", [...Object.keys(OPTIMIZERS), "lomo", "adalomo"])!;
  if (!OPTIMIZERS[optimizer]) refuse(`--optimizer ${optimizer}`, "it updates weights inside the backward pass, before the gradients of several processes could be averaged");
  if (args.has("loss-scale")) refuse("--loss-scale", "Accelerate scales the loss by itself with --precision half, and has no fixed scale; leave the option out");
  if (args.text("precision") === "half" && args.text("device") === "cpu") refuse("--precision half", "PyTorch scales losses on GPUs only; take bfloat16, or --device gpu");
  if (name === "p-tuning" && args.text("encoder") === "none") refuse("--encoder none", "PEFT's P-tuning always has an encoder (the bare tokens are --method prompt)");
}
/** The same for what only the made method tells. */
function checkMade(method: Method): void {
  const places = method.settings.places as Place[] | undefined, other = places?.find(([at]) => at !== "start" && at !== 0);
  if (other) throw new TunelabError(`--places ${other.join(":")}: there is no such recipe for TRL, because PEFT puts virtual tokens in front of the text only. Use start:N, or train here with \`tunelab finetune\`.`);
}

/** Records as examples, and as lines of {prompt, completion} in the texts of the template. */
async function encoded(file: string, model: Model, args: Arguments): Promise<{ examples: Example[]; lines: string }> {
  const conversations = await loadRecords(file, { parse: messagesOf }), options = exampleLimit(args, model), examples: Example[] = [];
  const lines = conversations.flatMap((messages, i) => {
    const where = `${file}: record ${i + 1}`, example = encodeExample(model.tokenizer, messages, options, where);
    if (!example) return [];
    examples.push(example);
    return [`${JSON.stringify(exampleTexts(model.tokenizer, messages, options, where))}\n`];
  });
  if (!examples.length) throw new TunelabError(`${file}: all records are longer than --max-length ${options.maxLength}; raise it.`);
  return { examples, lines: lines.join("") };
}

/** The adapter at step 0, so that Python starts where `finetune` would with the same seed; of an encoder its own tensors too. */
function writeStart(folder: string, method: Method, trained: Params, model: Model): { encoder: boolean } {
  saveAdapter(folder, { method, trained }, model);
  const { file, config } = readAdapterConfig(folder), encoder = Object.keys(trained)[0].match(/^(prefix|prompt)_encoder\./)?.[0];
  if (encoder) {
    const inner = Object.fromEntries(Object.entries(trained).map(([name, t]) => [name.slice(encoder.length), t])), hidden = inner["lstm_head.weight_hh_l0"]?.shape[1] ?? (inner["transform.0.weight"] ?? inner["mlp_head.0.weight"]).shape[0];
    writeSafetensors(path.join(folder, "encoder.safetensors"), toArrays(inner), { format: "pt" });
    Object.assign(config, { encoder_hidden_size: hidden }, encoder.startsWith("prefix") ? { prefix_projection: true } : {});
  }
  writeText(file, JSON.stringify({ ...config, inference_mode: false }, null, 2));
  return { encoder: encoder !== undefined };
}

const accelerateConfig = (device: string, processes: number, precision: string): string => `# Accelerate starts several processes of one machine only under MULTI_GPU; use_cpu makes them run on the CPU, over gloo.
# (MULTI_CPU, and --cpu --num_processes N, start a single process unless mpirun is there.)
compute_environment: LOCAL_MACHINE
distributed_type: ${processes > 1 ? "MULTI_GPU" : "'NO'"}
use_cpu: ${device === "cpu"}
num_machines: 1
machine_rank: 0
num_processes: ${processes}
mixed_precision: '${{ float32: "no", bfloat16: "bf16", half: "fp16" }[precision]}'
main_training_function: main
`;

const readme = (r: Record<string, any>, encoder: boolean, examples: number, command: string): string => `# ${r.method} with TRL on ${r.processes} process${r.processes > 1 ? "es" : ""}

Written by

    ${command}

Run it in a Python environment of its own:

    python -m venv .venv && . .venv/bin/activate
    pip install -r requirements.txt
    accelerate launch --config_file accelerate.yaml train.py --model ${r.model}

It trains ${r.adapter ? "an adapter" : r.parameters ? "some weights" : "all weights"} on ${examples} records for ${r.steps} step${r.steps === 1 ? "" : "s"} of ${r.batch_size * r.accumulate} records (${r.batch_size / r.processes} in a pass, ${r.processes} process${r.processes > 1 ? "es" : ""}${r.accumulate > 1 ? `, ${r.accumulate} passes` : ""}), and writes
\`out/${r.adapter ? "adapter" : "model"}\` and \`out/result.json\`. ${encoder ? "It cannot be resumed: PEFT's checkpoints do not hold the encoder." : '\`--resume\` goes on after an interruption.'} Back in Tunelab:

    npx tunelab evaluate --model ${r.adapter ? `MODEL --adapter out/adapter` : "out/model"} --data FILE${r.template === "plain" ? " --template plain" : ""}

| file | what |
|---|---|
| train.py, recipe.json | the program and its settings |
| data/*.jsonl | prompt and completion as the ${r.template} template wrote them. Other data in this form may take their place |
${r.adapter ? "| start/ | the adapter at step 0, the same that \\`tunelab finetune\\` starts from |\n".replaceAll("\\`", "`") : ""}| accelerate.yaml | processes and precision |
| requirements.txt | the versions that were tried |

**The same as in Tunelab**: token ids and targets (only the completion, with its end token, is learned), the mean over the targets of all
processes together, clipping, optimizer with its decay, learning rates step by step${r.adapter ? ", the start" : ""}.
**Not the same**: the order of the records (Trainer shuffles; Tunelab forms batches of like length), the random numbers of dropout${r.precision === "float32" ? "" : `, and ${r.precision} (PyTorch's autocast also keeps results in it)`}.

The weights are whole in every process: what the model needs of memory, each process needs. For machines in a network see Accelerate's
\`num_machines\`, \`machine_rank\` and \`main_process_ip\`; the processes of all machines together must be ${r.processes}.
`;

const { resume: _resume, merge: _merge, ...LOOP_FLAGS } = TRAINING_FLAGS;

export const recipe: Command = {
  summary: "write the same fine-tuning as a TRL/Accelerate recipe, to run in Python on several processes or GPUs",
  flags: {
    to: { value: "NAME", help: "trl", required: true },
    model: MODEL_FLAGS.model,
    data: { value: "FILE", help: "records, as for finetune", required: true },
    ...METHOD_FLAGS,
    steps: { value: "N", help: "optimizer steps (instead of --epochs)" }, epochs: { value: "N", help: "passes over the data", default: "1" },
    processes: { value: "N", help: "processes that share each batch; --batch-size must be a multiple", default: "2" },
    device: { value: "NAME", help: DEVICES.join(", "), default: "gpu" },
    ...LOOP_FLAGS,
    out: { value: "DIR", help: "folder of the recipe; must not hold one yet", required: true },
    "batch-size": { ...TRAINING_FLAGS["batch-size"], help: "examples in one pass, of all processes together" },
    ...EXAMPLE_FLAGS,
  },
  examples: [
    "tunelab recipe --to trl --model models/SmolLM2-135M-Instruct --data data/security-qa/en/train.jsonl --out runs/recipe --processes 4 --batch-size 32 --epochs 3",
    "tunelab recipe --to trl --model data/course-model --data data/security-qa/zh/train.jsonl --device cpu --steps 20 --out runs/recipe-cpu",
  ],
  async run(args) {
    args.choice("to", ["trl"]);
    const name = checkMethod(args), out = args.need("out"), device = args.choice("device", DEVICES)!, processes = args.whole("processes"), batchSize = args.whole("batch-size"), accumulate = args.whole("accumulate");
    checkPossible(name, args);
    if (batchSize % processes) throw new UsageError(`--batch-size ${batchSize}: cannot be shared evenly by ${processes} processes; choose a multiple of ${processes}.`);
    if (fs.existsSync(path.join(out, "recipe.json"))) throw new TunelabError(`${out} holds a recipe already; choose another --out, or delete it.`);
    if (args.need("model").endsWith(".gguf")) throw new TunelabError(`${args.need("model")}: transformers trains folders, not GGUF files; convert it first with convertGGUF (docs/library.md).`);

    const { model } = await loadModel(args), train = await encoded(args.need("data"), model, args), validation = args.text("validation") ? await encoded(args.text("validation")!, model, args) : undefined;
    const method = await chooseMethod(args, model, train.examples), { learningRate = method.learningRate ?? 1e-3, schedule = "cosine", clip, seed, evaluateEvery, saveEvery } = trainingOptions(args);
    checkMade(method);
    const steps = args.has("steps") ? args.whole("steps") : Math.ceil((args.number("epochs")! * Math.ceil(train.examples.length / batchSize)) / accumulate);
    const trained = method.init(model.params, model.config, seed!), adapter = name !== "full", options = exampleLimit(args, model), given = args.need("model"), precision = args.text("precision")!;
    const settings = {
      method: name, adapter, parameters: adapter || args.text("parameters") === undefined || args.text("parameters") === "all" ? null : Object.keys(trained), model: path.isAbsolute(given) ? given : path.relative(out, given),
      steps, batch_size: batchSize, processes, accumulate, learning_rate: learningRate, schedule: schedule === "constant" ? "constant_with_warmup" : schedule, warmup: args.number("warmup") ?? Math.ceil(steps * 0.05),
      clip, optimizer: OPTIMIZERS[args.text("optimizer")!], precision, device, seed, evaluate_every: evaluateEvery, save_every: saveEvery,
      template: options.template ?? (model.tokenizer.hasChatTemplate ? "chat" : "plain"), eos: model.tokenizer.eos, max_length: options.maxLength,
    };
    fs.mkdirSync(path.join(out, "data"), { recursive: true });
    writeText(path.join(out, "data", "train.jsonl"), train.lines);
    if (validation) writeText(path.join(out, "data", "validation.jsonl"), validation.lines);
    const encoder = adapter && writeStart(path.join(out, "start"), method, trained, model).encoder;
    dispose(trained);
    for (const file of ["train.py", "requirements.txt"]) fs.copyFileSync(path.join(TEMPLATES, file), path.join(out, file));
    writeText(path.join(out, "accelerate.yaml"), accelerateConfig(device, processes, precision));
    writeText(path.join(out, "README.md"), readme(settings, encoder, train.examples.length, `npx tunelab ${process.argv.slice(2).map((a) => (/^[\w./,:=-]+$/.test(a) ? a : JSON.stringify(a))).join(" ")}`));
    writeText(path.join(out, "recipe.json"), JSON.stringify(settings, null, 1)); // last: a folder with it is complete
    result({ status: "done", recipe: out, method: name, records: train.examples.length, steps, run: "accelerate launch --config_file accelerate.yaml train.py" }, args);
    return 0;
  },
};
