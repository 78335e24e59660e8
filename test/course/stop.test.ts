/** Ctrl-C in a terminal: a loop that awaits ticks ends cleanly; anything else ends as it always did. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";

/** Runs a script, sends SIGINT each time it prints "ready", and resolves with what it printed and how it ended. */
async function interrupted(script: string): Promise<{ printed: string; code: number | null; signal: string | null }> {
  const child = spawn(process.execPath, ["-e", `const { stoppable, StoppedError } = require("tunelab/course"); ${script}`]);
  let printed = "";
  child.stdout.on("data", (part: Buffer) => {
    printed += part;
    if (String(part).includes("ready")) child.kill("SIGINT");
  });
  child.stderr.on("data", (part: Buffer) => (printed += part));
  const [code, signal] = await new Promise<[number | null, string | null]>((ended) => child.once("close", (...how) => ended(how)));
  return { printed, code, signal };
}

const LOOP = `async function loop(steps) { const tick = stoppable(); let n = 0;
  try { for (; n < steps; n++) { await tick(); if (n === 3 && steps > 99) console.log("ready"); } console.log("all"); }
  catch (error) { if (!(error instanceof StoppedError)) throw error; console.log("stopped", n > 3); } }`;

test("one Ctrl-C stops the loop at its next tick, and the next loop runs undisturbed", { timeout: 30_000 }, async () => {
  const { printed, code } = await interrupted(`${LOOP} (async () => { await loop(1e9); await loop(50); })();`);
  assert.deepEqual([printed, code], ["ready\nstopped true\nall\n", 0]);
});

test("a second Ctrl-C ends a program whose loop does not listen", { timeout: 30_000 }, async () => {
  const script = `const tick = stoppable(); (async () => { await tick(); console.log("ready");
    setTimeout(() => console.log("ready"), 300); setTimeout(() => {}, 20_000); })();`;
  const { signal } = await interrupted(script);
  assert.equal(signal, "SIGINT");
});

test("Ctrl-C long after the last loop ends the program at once", { timeout: 30_000 }, async () => {
  const script = `(async () => { await loop(50); setTimeout(() => console.log("ready"), 2500); setTimeout(() => {}, 20_000); })();`;
  const { signal } = await interrupted(LOOP + script);
  assert.equal(signal, "SIGINT");
});
