/** Writes an input, to look at it or to keep it: node test/dist/fuzz/save.js SEED N FOLDER [TARGET]. */
import fs from "node:fs";
import path from "node:path";
import { Engine } from "./engine";

async function main(seed: number, n: number, folder: string, only?: string): Promise<void> {
  const { target, name, files } = (await Engine.open(only)).input(seed, n);
  fs.mkdirSync(folder, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) if (file) fs.writeFileSync(path.join(folder, file), bytes);
  console.log(`${target}/${name} → ${folder}`);
}
const [, , seed, n, folder, only] = process.argv;
main(+seed, +n, folder, only).catch((error) => { console.error(error); process.exitCode = 1; });
