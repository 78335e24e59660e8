// A few of the kills of `npm run chaos`, and a disk that is full: nothing that was there is harmed, and the run goes on to the same end.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { backend, Random } from "tunelab/tensor";
import { checkpoints } from "tunelab/train";
import { temporary } from "../support/fixtures";
import { assertSame, assertSound, chaos, start, tinyScenarios } from "./chaos";

const folder = temporary(), seed = Date.now() % 1e6;
let scenarios: ReturnType<typeof tinyScenarios>;
before(async () => { await backend(); scenarios = tinyScenarios(folder()); });

test("killed at random moments and resumed, runs end as those that were left alone", async () => {
  for (const [name, kills] of [["sft", 3], ["grpo", 2]] as const) {
    const report = await chaos(scenarios[name], folder(), kills, new Random(seed, name)).catch((error) => { error.message += ` (seed ${seed}, ${name})`; throw error; });
    assert.equal(report.kills, kills);
  }
});

// bash's limit on the size of a file makes every longer write fail, as a full disk does (EFBIG instead of ENOSPC).
test("where there is no more room: a clear error, sound checkpoints, and the resumed run ends as the one that had room", { skip: process.platform === "win32" }, async () => {
  const straight = folder("straight"), small = folder("small"), alone = await start(scenarios.small, straight).ended;
  assert.equal(alone.code, 0, alone.output);
  const last = checkpoints(straight).at(-1)!.path, size = (name: string) => fs.statSync(path.join(last, name)).size, kib = Math.ceil(Math.max(size("trained.safetensors"), size("optimizer.safetensors"), size("state.json") / 2) / 1024);
  assert.ok(size("state.json") > kib * 1024, "the history outgrows the limit before the end");
  const ended = await start(scenarios.small, small, { shell: (command) => `ulimit -f ${kib}; exec ${command}` }).ended;
  assert.equal(ended.code, 1, ended.output);
  assert.match(ended.output, /cannot be written \(.*EFBIG.*(unharmed|Free some space)/s);
  assert.doesNotMatch(ended.output, /\n\s+at /, "no stack trace");
  assertSound(small);
  assert.ok(checkpoints(small).length > 0 && checkpoints(small).at(-1)!.step < 24);
  assert.equal((await start(scenarios.small, small).ended).code, 0);
  assertSame(small, straight);
});
