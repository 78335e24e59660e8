// Mutated files for every parser: what was found once stays mended, a fixed piece of the long run (npm run fuzz) finds nothing, and the
// machinery itself notices each of the things that it looks for.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { TunelabError } from "tunelab";
import { tf } from "tunelab/tensor";
import { CORPUS } from "./corpus";
import { casesIn, Engine, MEMORY_BOUND } from "./engine";
import { ROOT } from "./memory";
import { TARGETS } from "./targets";

process.env.TUNELAB_JIT = "0";
let engine: Engine;
before(async () => { engine = await Engine.open(); });

test("what fuzzing found: refused with an error for the user, nothing left behind", async () => {
  const cases = casesIn(path.join(CORPUS, "regressions"));
  assert.ok(cases.length >= 30);
  for (const { target, name, files } of cases) {
    const { outcome, message } = await engine.judge(target, files, true);
    assert.equal(outcome, "refused", `${target}/${name}: ${message}`);
  }
});

test("3,000 mutated inputs: accepted, or refused with a TunelabError that names the file", async () => {
  const seen = new Set<string>(), counts = { accepted: 0, refused: 0, finding: 0 };
  for (let n = 0; n < 3000; n++) {
    const { target, files } = engine.input(7, n), verdict = await engine.judge(target, files, n % 20 === 0);
    assert.notEqual(verdict.outcome, "finding", `input ${n} of seed 7, ${target}: ${verdict.message}`);
    counts[verdict.outcome]++;
    seen.add(target);
  }
  assert.equal(seen.size, Object.keys(TARGETS).length);
  assert.ok(counts.accepted > 300 && counts.refused > 1500, JSON.stringify(counts)); // neither all noise nor all sound
});

test("an input depends on seed and number alone", () => {
  const bytes = (seed: number, n: number) => Object.entries(engine.input(seed, n).files).map(([name, b]) => [name, Buffer.from(b).toString("base64")]);
  assert.deepEqual(bytes(3, 17), bytes(3, 17));
  const all = new Set(Array.from({ length: 50 }, (_, n) => JSON.stringify(bytes(3, n))));
  assert.ok(all.size >= 48, `${all.size} different inputs of 50`);
});

test("every kind of failure is noticed", async () => {
  const fake = async (run: () => unknown) => { TARGETS.fake = { weight: 0, run }; try { return await engine.judge("fake", {}, false); } finally { delete TARGETS.fake; } };
  const kept: unknown[] = [], finds = async (pattern: RegExp, run: () => unknown) => { const v = await fake(run); assert.equal(v.outcome, "finding", `${pattern}`); assert.match(v.message, pattern); };
  await finds(/^TypeError/, () => { (null as any).x(); });
  await finds(/names no file/, () => { throw new TunelabError("something is wrong"); });
  await finds(/disguise/, () => { throw new TunelabError(`${ROOT}: x.map is not a function`); });
  await finds(/9\d\d\d characters/, () => { throw new TunelabError(ROOT + "x".repeat(9000)); });
  await finds(/\/etc\/passwd, outside its folder/, () => { try { fs.readFileSync("/etc/passwd"); } catch { /* it is not there */ } });
  await finds(/outside its folder/, () => { fs.existsSync(path.join(ROOT, "..", "x")); });
  await finds(/left 1 files open/, async () => { await engine.folder.with({ a: new Uint8Array(1) }, () => fs.openSync(path.join(ROOT, "a"), "r")); });
  await finds(/left 1 tensors/, () => { kept.push(tf.scalar(1)); });
  tf.dispose(kept as never);
  await finds(/Object\.prototype \(polluted\)/, () => { (Object.prototype as any).polluted = 1; });
  await finds(/MiB/, () => { kept.push(new Uint8Array(2 * MEMORY_BOUND).fill(1)); });
  await finds(/took \d/, () => { const end = performance.now() + 6000, began = process.cpuUsage(); while (performance.now() < end && process.cpuUsage(began).user < 2.2e6); });
  assert.equal((await fake(() => { throw new TunelabError(`${ROOT}/a: is wrong; correct it.`); })).outcome, "refused");
  assert.equal((await fake(() => 1)).outcome, "accepted");
});
