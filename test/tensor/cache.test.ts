// The compilation cache on disk: filled by one process, used by the next, bounded, and no harm where it is damaged or cannot be.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { resolve } from "node:path";
import { backend, compiles } from "tunelab/tensor";
import { temporary } from "../support/fixtures";

const { prune }: typeof import("../../lib/dist/tensor/jit/cache") = require(resolve("lib/dist/tensor/jit/cache.js"));
const folder = temporary();
before(async () => { await backend(); });

/** A process that compiles one function and prints its result. */
function run(cache: string): string {
  const code = `const { backend, jit, tf } = require("tunelab/tensor"); backend().then(() => console.log(...jit((x) => tf.sum(tf.mul(tf.sqrt(tf.square(x)), x), -1))(tf.tensor2d([[1, 2], [3, 4]])).dataSync()));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8", env: { ...process.env, TF_XLA_FLAGS: "", TUNELAB_COMPILE_CACHE: cache } });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "", "nothing is logged");
  return stdout.trim();
}
const entries = (cache: string): string[] => fs.readdirSync(cache, { recursive: true, encoding: "utf8" }).map((name) => path.join(cache, name)).filter((file) => fs.statSync(file).isFile());

test("a program is written once, loaded by the next process, and made anew where its file is damaged", (t) => {
  if (!compiles()) return t.skip("native TensorFlow only");
  const cache = folder("cache");
  assert.equal(run(cache), "5 25");
  const [file, ...more] = entries(cache), written = fs.readFileSync(file), { mtimeMs } = fs.statSync(file);
  assert.equal(more.length, 0);
  assert.equal(run(cache), "5 25");
  assert.equal(fs.statSync(file).mtimeMs, mtimeMs, "loaded, not written again");
  for (const damaged of [written.subarray(0, written.length / 2), Buffer.from("x")]) {
    fs.writeFileSync(file, damaged);
    assert.equal(run(cache), "5 25");
  }
  assert.equal(run("0"), "5 25");
  assert.equal(run(path.join(folder(), "with space")), "5 25");
});

test("the folder is bounded: what was not used for longest goes first, and empty files always", () => {
  const cache = folder();
  for (const [i, size] of [100, 100, 0, 100].entries()) {
    fs.writeFileSync(path.join(cache, String(i)), Buffer.alloc(size));
    fs.utimesSync(path.join(cache, String(i)), 1e9 + i, 1e9 + i);
  }
  prune(cache, 250);
  assert.deepEqual(fs.readdirSync(cache).sort(), ["1", "3"]);
  prune(cache, 0);
  assert.deepEqual(fs.readdirSync(cache), []);
});
