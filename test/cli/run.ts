/** Runs commands of the command line in this process. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before } from "node:test";
import { writeTinyFolder } from "../train/support";
import type { Command } from "../../lib/dist/cli/arguments";

export const load = (name: string) => require(resolve(`lib/dist/cli/${name}.js`));
const { parse } = load("arguments") as typeof import("../../lib/dist/cli/arguments");

/** Runs a command and gives its exit code and its JSON. */
export async function outcome(command: Command, ...argv: string[]): Promise<any> {
  const write = process.stdout.write, log = console.log;
  let out = "";
  // only text is the command's: the test runner reports through the same stream
  process.stdout.write = ((text: string | Uint8Array) => { if (typeof text !== "string") return write.call(process.stdout, text); out += text; return true; }) as typeof process.stdout.write;
  console.log = () => {};
  try {
    const code = await command.run(parse(command, [...argv, "--json"]));
    return { code, ...JSON.parse(out.trim().split("\n").at(-1)!) };
  } finally { process.stdout.write = write; console.log = log; }
}

/** Runs a command that has to succeed and gives its JSON. */
export async function tunelab(command: string, ...argv: string[]): Promise<any> {
  const { code, ...found } = await outcome(load(command)[command], ...argv);
  assert.equal(code, 0);
  return found;
}

/** A tiny model and four records in a folder for the tests of a file, which run without compilation. */
export function tinyTask(work: string): { model: string; data: string } {
  const model = join(work, "model"), data = join(work, "data.jsonl");
  before(() => {
    process.env.TUNELAB_JIT = "0";
    writeTinyFolder(model);
    writeFileSync(data, Array.from({ length: 4 }, (_, i) => `${JSON.stringify({ question: `What is ${i}?`, answer: `It is ${i}.` })}\n`).join(""));
  });
  after(() => { delete process.env.TUNELAB_JIT; });
  return { model, data };
}
