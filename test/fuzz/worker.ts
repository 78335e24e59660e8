/**
 * Runs inputs FROM to TO of SEED: node worker.js SEED FROM TO STATUS [TARGET]. Before each input its number goes to the file STATUS, so that
 * whoever watches knows what a crash or a hang belongs to; verdicts are sent to the parent process. scripts/fuzz.mjs is that parent.
 */
import fs from "node:fs";
import { Engine, kindOf } from "./engine";

const EVERY = 1000;

async function main([seed, from, to]: number[], status: string, only?: string): Promise<void> {
  const engine = await Engine.open(only), place = fs.openSync(status, "r+"), mark = Buffer.alloc(8);
  let counts: Record<string, Record<string, number>> = {}, kinds = new Set<string>(), done = 0;
  const report = async () => {
    const rss = process.memoryUsage.rss();
    await new Promise<void>((sent) => process.send!({ done, counts, kinds: [...kinds], rss }, () => sent()));
    counts = {}; kinds = new Set(); done = 0;
  };
  for (let n = from; n < to; n++) {
    mark.writeDoubleLE(n);
    engine.folder.writeSync(place, mark, 0, 8, 0);
    const { target, name, files } = engine.input(seed, n), verdict = await engine.judge(target, files, n % 20 === 0);
    const of = (counts[target] ??= { accepted: 0, refused: 0, finding: 0 });
    of[verdict.outcome]++;
    if (verdict.outcome !== "accepted") kinds.add(`${target} ${kindOf(verdict)}`);
    if (verdict.outcome === "finding") process.send!({ finding: n, target, name, message: verdict.message });
    if (++done === EVERY) await report();
  }
  await report();
  process.disconnect();
}
const [, , seed, from, to, status, only] = process.argv;
main([+seed, +from, +to], status, only || undefined).catch((error) => { console.error(error); process.exit(1); });
