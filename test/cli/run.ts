/** Runs commands of the command line in this process. */
import assert from "node:assert/strict";
import { resolve } from "node:path";

export const load = (name: string) => require(resolve(`lib/dist/cli/${name}.js`));
const { parse } = load("arguments") as typeof import("../../lib/dist/cli/arguments");

/** Runs a command and gives its JSON. */
export async function tunelab(command: string, ...argv: string[]): Promise<any> {
  const { [command]: c } = load(command), write = process.stdout.write, log = console.log;
  let out = "";
  // only text is the command's: the test runner reports through the same stream
  process.stdout.write = ((text: string | Uint8Array) => { if (typeof text !== "string") return write.call(process.stdout, text); out += text; return true; }) as typeof process.stdout.write;
  console.log = () => {};
  try { assert.equal(await c.run(parse(c, [...argv, "--json"])), 0); }
  finally { process.stdout.write = write; console.log = log; }
  return JSON.parse(out.trim().split("\n").at(-1)!);
}
