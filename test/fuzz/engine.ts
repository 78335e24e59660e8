/** Input n of a seed, and the verdict on it. Both depend on the seed, the number and the corpus alone. */
import fs from "node:fs";
import path from "node:path";
import { TunelabError } from "tunelab";
import { Random, tf } from "tunelab/tensor";
import { CORPUS } from "./corpus";
import { MemoryFolder, ROOT, type Files } from "./memory";
import { mutate } from "./mutate";
import { prepare, TARGETS } from "./targets";

/** What one input may take: bytes of memory that stay or grow meanwhile, and seconds of processor time. */
export const MEMORY_BOUND = 64 * 2 ** 20, TIME_BOUND = 2;
/** Traces of an error that was not foreseen in a message that claims to be for the user. */
const ACCIDENT = /Cannot (read|set) propert|is not a function|is not iterable|not a constructor|Cannot convert|Maximum call stack|Invalid (typed )?(array|string) length|allocation failed|out of (range|bounds)|Cannot mix BigInt|is not defined|circular structure/i;
/** Those of the tokenizer's and the template's library come with what it says. */
const FOREIGN = /tokenizer\.json: cannot be used|the chat template refuses/;

export interface Case { target: string; name: string; files: Files }
export interface Verdict { target: string; outcome: "accepted" | "refused" | "finding"; message: string }

const readFolder = (folder: string): Files => Object.fromEntries(fs.readdirSync(folder).sort().map((name) => [name, Uint8Array.from(fs.readFileSync(path.join(folder, name)))]));
/** All cases under a folder target/case/files. */
export const casesIn = (folder: string, targets = Object.keys(TARGETS)): Case[] => targets.flatMap((target) => {
  const at = path.join(folder, target);
  return fs.existsSync(at) ? fs.readdirSync(at).sort().map((name) => ({ target, name, files: readFolder(path.join(at, name)) })) : [];
});

export class Engine {
  readonly folder = new MemoryFolder();
  readonly #byTarget = new Map<string, Case[]>();
  readonly #wheel: string[];

  private constructor(cases: readonly Case[]) {
    for (const c of cases) this.#byTarget.set(c.target, [...(this.#byTarget.get(c.target) ?? []), c]);
    this.#wheel = [...this.#byTarget.keys()].flatMap((target) => Array<string>(TARGETS[target].weight).fill(target));
  }
  static async open(only?: string): Promise<Engine> {
    await prepare();
    const cases = casesIn(CORPUS, only ? [only] : undefined);
    if (!only || only === "gguf") cases.push({ target: "gguf", name: "quants", files: { "model.gguf": Uint8Array.from(fs.readFileSync("test/fixtures/gguf/quants.gguf")), "": new Uint8Array(0) } });
    const engine = new Engine(cases);
    for (const c of cases) { const v = await engine.judge(c.target, c.files, true); if (v.outcome !== "accepted") throw new Error(`The seed ${c.target}/${c.name} is not accepted: ${v.message}`); }
    return engine;
  }

  /** Input `n` of `seed`. */
  input(seed: number, n: number): Case {
    const random = new Random(seed, `input${n}`), target = this.#wheel[random.integer(this.#wheel.length)], cases = this.#byTarget.get(target)!, { name, files } = cases[random.integer(cases.length)];
    const mutated = mutate(files, random);
    if (Object.keys(Object.prototype).length) throw new Error(`The mutation of input ${n} has changed Object.prototype`);
    return { target, name, files: mutated };
  }

  async judge(target: string, files: Files, deep: boolean): Promise<Verdict> {
    const tensors = tf.memory().numTensors, before = process.memoryUsage(), peak = process.resourceUsage().maxRSS, began = process.cpuUsage();
    let verdict: Verdict;
    try {
      await this.folder.with(files, () => TARGETS[target].run(Object.keys(files), deep));
      verdict = { target, outcome: "accepted", message: "" };
    } catch (error) { verdict = judged(target, error); }
    const used = process.cpuUsage(began), seconds = (used.user + used.system) / 1e6, after = process.memoryUsage();
    const kept = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed, grown = (process.resourceUsage().maxRSS - peak) * 1024;
    const wrong = this.folder.outside.length ? `asked for ${this.folder.outside[0]}, outside its folder` : this.folder.left ? `left ${this.folder.left} files open` : tf.memory().numTensors !== tensors ? `left ${tf.memory().numTensors - tensors} tensors`
      : Object.keys(Object.prototype).length ? `changed Object.prototype (${Object.keys(Object.prototype)})` : seconds > TIME_BOUND ? `took ${seconds.toFixed(1)} s` : Math.max(kept, grown) > MEMORY_BOUND ? `took ${Math.round(Math.max(kept, grown) / 2 ** 20)} MiB` : undefined;
    for (const name of Object.keys(Object.prototype)) delete (Object.prototype as any)[name]; // the next input finds it clean
    return wrong && verdict.outcome !== "finding" ? { target, outcome: "finding", message: wrong } : verdict;
  }
}

function judged(target: string, error: unknown): Verdict {
  if (!(error instanceof TunelabError)) return { target, outcome: "finding", message: String((error as Error)?.stack ?? error) };
  const { message } = error;
  if (!message.includes(ROOT)) return { target, outcome: "finding", message: `a message that names no file: ${message.slice(0, 300)}` };
  if (message.length > 8000) return { target, outcome: "finding", message: `a message of ${message.length} characters: ${message.slice(0, 200)}` };
  if (ACCIDENT.test(message) && !FOREIGN.test(message)) return { target, outcome: "finding", message: `an accident in disguise: ${message.slice(0, 300)}` };
  return { target, outcome: "refused", message };
}

/** A message without what is of one input: what kind of refusal, or where a failure came from. */
export const kindOf = ({ message }: Verdict): string =>
  (message.match(/\n\s+at .*/)?.[0].replace(/.*\/dist\//, "") ?? "") + message.split("\n")[0].replaceAll(ROOT, "").replace(/"(\\.|[^"\\])*"/g, "…").replace(/[-\d.e+]+/g, "#").slice(0, 120);
