/** The fine-tuning methods on the command line: their names, their options, and a method from both. */
import { TunelabError } from "../errors";
import { adapter, bitfit, diffPruning, fish, full, ia3, lora, prefix, prompt, pTuning, type Method, type Place, type Selection, type Targets } from "../methods";
import type { Model } from "../model";
import type { Example } from "../objectives";
import { UsageError, type Arguments, type Flag } from "./arguments";

type Maker = (args: Arguments, model: Model, examples: readonly Example[]) => Method | Promise<Method>;
const targets = (args: Arguments): Targets | undefined => (args.text("targets") === "all-linear" ? "all-linear" : args.list("targets"));
const parameters = (args: Arguments): Selection | undefined => { const text = args.text("parameters"); return text === "all" || text === "layers" ? text : args.list("parameters"); };

/** "random", "vocabulary", or the ids of any other text. */
function start<W extends string>(args: Arguments, { tokenizer }: Model, words: readonly W[]): W | number[] | undefined {
  const text = args.text("start");
  return text === undefined ? undefined : words.find((word) => word === text) ?? tokenizer.encode(text);
}
/** "start:10,end:5" as places. */
const places = (args: Arguments): Place[] | undefined => args.list("places")?.map((text) => {
  const match = /^(start|end|\d+):(\d+)$/.exec(text);
  if (!match) throw new UsageError(`--places ${text}: write PLACE:TOKENS with commas between, PLACE being start, end, or a number of the prompt's tokens (start:10,end:5).`);
  return [match[1] === "start" || match[1] === "end" ? match[1] : Number(match[1]), Number(match[2])];
});

/** Each method's options and how it is made of them. */
const MAKERS: Record<string, { options: readonly string[]; make: Maker }> = {
  lora: { options: ["rank", "alpha", "dropout", "targets", "dora"], make: (a) => lora({ rank: a.number("rank"), alpha: a.number("alpha"), dropout: a.number("dropout"), targets: targets(a), dora: a.has("dora") }) },
  ia3: { options: ["targets"], make: (a) => ia3({ targets: targets(a) }) },
  bitfit: { options: ["targets"], make: (a) => bitfit({ biases: targets(a) }) },
  full: { options: ["parameters"], make: (a) => full({ parameters: parameters(a) }) },
  fish: { options: ["parameters", "density", "samples"], make: (a, model, examples) => fish(model, examples, { parameters: parameters(a), density: a.number("density"), samples: a.number("samples"), seed: a.number("seed") }) },
  "diff-pruning": { options: ["parameters", "density", "structure", "penalty"], make: (a) => diffPruning({ parameters: parameters(a), structure: a.choice("structure", ["none", "tensor", "row"]), penalty: a.number("penalty") }) },
  adapter: { options: ["form", "reduction"], make: (a) => adapter({ form: a.choice("form", ["sequential", "pfeiffer", "parallel"]), reduction: a.number("reduction") }) },
  prefix: { options: ["tokens", "start", "encoder", "hidden"], make: (a, model) => prefix({ tokens: a.number("tokens"), start: start(a, model, ["random"] as const), encoder: a.choice("encoder", ["none", "mlp"]), hidden: a.number("hidden") }) },
  prompt: { options: ["tokens", "start"], make: (a, model) => prompt({ tokens: a.number("tokens"), start: start(a, model, ["random", "vocabulary"] as const) }) },
  "p-tuning": { options: ["tokens", "places", "encoder", "hidden"], make: (a) => pTuning({ tokens: a.number("tokens"), places: places(a), encoder: a.choice("encoder", ["lstm", "mlp", "none"]), hidden: a.number("hidden") }) },
};
export const METHODS = Object.keys(MAKERS);

const of = (option: string) => METHODS.filter((name) => MAKERS[name].options.includes(option)).join(", ");
export const METHOD_FLAGS: Record<string, Flag> = {
  method: { value: "NAME", help: METHODS.join(", "), default: "lora" },
  rank: { value: "R", help: `${of("rank")}: rank of the update (8)` },
  alpha: { value: "A", help: `${of("alpha")}: scale of the update (16)` },
  dropout: { value: "P", help: `${of("dropout")}: dropout on the adapter's input (0)` },
  targets: { value: "NAMES", help: `${of("targets")}: modules, with commas, or all-linear (lora q_proj,v_proj; ia3 k_proj,v_proj,down_proj; bitfit all biases there are)` },
  dora: { help: `${of("dora")}: train the rows' lengths apart from their directions` },
  parameters: { value: "NAMES", help: `${of("parameters")}: modules, with commas, or layers, or all (full all, the others layers)` },
  density: { value: "X", help: `${of("density")}: share of the entries that is kept (0.005)` },
  samples: { value: "N", help: `${of("samples")}: examples for the Fisher information (1024)` },
  structure: { value: "NAME", help: `${of("structure")}: shared gates: none, tensor, row (none)` },
  penalty: { value: "X", help: `${of("penalty")}: price of an open gate (1.25e-7)` },
  form: { value: "NAME", help: `${of("form")}: sequential, pfeiffer, parallel (sequential)` },
  reduction: { value: "X", help: `${of("reduction")}: model width / bottleneck (16, parallel 2)` },
  tokens: { value: "N", help: `${of("tokens")}: virtual tokens (20)` },
  start: { value: "TEXT", help: `${of("start")}: what the virtual tokens begin as: random, vocabulary (prompt only), or any text` },
  places: { value: "LIST", help: `${of("places")}: where the tokens stand, as start:10,end:5` },
  encoder: { value: "NAME", help: `${of("encoder")}: network that makes them: lstm, mlp, none (p-tuning lstm, prefix none)` },
  hidden: { value: "N", help: `${of("hidden")}: width of the encoder` },
};

/** Refuses an unknown method, and options of another one, before anything is loaded. `flag` names it. */
export function checkMethod(args: Arguments, flag = "method"): string {
  const name = args.choice(flag, METHODS)!, { options } = MAKERS[name];
  const stray = Object.keys(METHOD_FLAGS).filter((option) => option !== "method" && args.has(option) && !options.includes(option));
  if (stray.length) throw new UsageError(`${stray.map((flag) => `--${flag}`).join(", ")}: no option of ${name}, which has ${options.map((o) => `--${o}`).join(", ")}.`);
  return name;
}

/** A method by name, with the options that are given and its own defaults for the rest. */
export const makeMethod = (name: string, args: Arguments, model: Model, examples: readonly Example[]): Method | Promise<Method> => MAKERS[name].make(args, model, examples);

/** The method that the command line asks for; some look at the model, the FISH mask at the data too. */
export async function chooseMethod(args: Arguments, model: Model, examples: readonly Example[], flag = "method"): Promise<Method> {
  const method = await makeMethod(checkMethod(args, flag), args, model, examples);
  if (args.has("merge") && !method.merge) throw new TunelabError(`--merge: ${method.name} has no plain weights to merge into the model; leave it out, and give the adapter with --adapter.`);
  return method;
}
