/** What a student sees and does in JupyterLab: figures, hover, live redraw, progress, Stop, errors, untrusted notebooks; all offline. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab, cannotRun } from "./browser";

const CELLS = {
  figure: `import { lineChart, live, progress, show, stoppable, StoppedError } from "tunelab/course";
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const chart = (title: string, n: number) => lineChart({
  title, x: { title: "step" }, y: { title: "loss" }, alt: title + " falls",
  series: [{ name: "train", x: [...Array(n).keys()], y: Float32Array.from({ length: n }, (_, i) => 3 / (i + 1)) }],
});
await show(chart("Still", 8));`,
  live: `const moving = live(chart("Frame 1", 1), 0);
for (let n = 2; n <= 30; n++) { await pause(100); moving.update(chart("Frame " + n, n)); }
await moving.done();`,
  endless: `const endless = stoppable(), bar = progress(10_000, "endless <loop>");
for (let n = 0; n < 10_000; n++) { await endless(); bar.update(n); await pause(10); }`,
  keeping: `const keeping = stoppable(), counter = progress(10_000, "keeping");
let kept = 0;
try { for (; kept < 10_000; kept++) { await keeping(); counter.update(kept); await pause(10); } }
catch (error) { if (!(error instanceof StoppedError)) throw error; }`,
  kept: `console.log("kept some:", kept > 5 && kept < 10_000);`,
  tensors: `import * as tf from "@tensorflow/tfjs";
await tf.setBackend("cpu");
const w = tf.variable(tf.scalar(3)), idle = tf.memory().numTensors;
console.log("idle", idle);`,
  endlessTensors: `const loss = () => tf.matMul(tf.ones([60, 60]), tf.ones([60, 60])).mul(w).sum() as tf.Scalar;
for (;;) tf.tidy(() => void tf.variableGrads(loss, [w]));`,
  gradient: `tf.tidy(() => console.log("gradient", tf.variableGrads(() => w.square() as tf.Scalar, [w]).grads[w.name].dataSync()[0]));
console.log("left over:", tf.memory().numTensors - idle);`,
  wrong: `const title: string = chart("Wrong", 3);`,
};
const at = (name: keyof typeof CELLS) => Object.keys(CELLS).indexOf(name);

type Output = { output_type: "display_data"; data: object; metadata: object };
function writeNotebook(path: string, sources: string[], outputs: Output[] = []): void {
  const code = { cell_type: "code", metadata: {}, execution_count: null };
  const cells = sources.map((source, i) => ({ ...code, id: `cell-${i}`, source, outputs: i === 0 ? outputs : [] }));
  const metadata = { kernelspec: { name: "tslab", display_name: "TypeScript", language: "typescript" } };
  writeFileSync(path, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
}

test("JupyterLab shows figures and obeys Stop", { skip: cannotRun, timeout: 300_000 }, async (suite) => {
  const folder = mkdtempSync(join("notebooks", "tmp-"));
  let lab: Lab | undefined;
  after(async () => {
    await lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  lab = await Lab.open();
  const here = (name: string) => `notebooks/${basename(folder)}/${name}`;
  writeNotebook(join(folder, "course.ipynb"), Object.values(CELLS));
  const notebook = await lab.openNotebook(here("course.ipynb"));
  const shot = (name: string) => process.env.TUNELAB_SHOTS && notebook.screenshot(join(process.env.TUNELAB_SHOTS, `${name}.png`));

  await suite.test("a figure has its points and text alternative, and answers the mouse", async () => {
    await notebook.run(at("figure"));
    await notebook.ended(at("figure"));
    await notebook.page.locator(".gtitle").first().waitFor();
    assert.deepEqual(await notebook.figures(), [{ label: "Still falls", title: "Still", points: 8 }]);
    assert.match(await notebook.hover(0, 2), /2, 1/); // x 2, y 3 / 3
    await shot("figure");
  });

  await suite.test("a live figure is redrawn in place", async () => {
    await notebook.run(at("live"));
    const seen = new Set<number>();
    while (!seen.has(30)) {
      const figures = await notebook.figures();
      assert.ok(figures.length <= 2, "an update became a second figure");
      if (figures[1]) {
        assert.equal(figures[1].title, `Frame ${figures[1].points}`);
        seen.add(figures[1].points);
      }
      await sleep(20);
    }
    assert.ok(seen.size >= 5, `only ${seen.size} of 30 frames were drawn`);
    await notebook.ended(at("live"));
    assert.equal((await notebook.figures())[1]!.label, "Frame 30 falls");
  });

  await suite.test("Stop ends a loop that awaits a tick, and the next cell runs", async () => {
    await notebook.run(at("endless"));
    await notebook.page.waitForFunction("document.querySelector('progress')?.value > 20");
    await shot("running");
    await notebook.pressStop();
    await notebook.ended(at("endless"));
    assert.match(await notebook.outputText(at("endless")), /Stopped\./);
    const stoppedAt = await notebook.progress("endless <loop>");
    await sleep(500);
    assert.equal(await notebook.progress("endless <loop>"), stoppedAt, "the loop goes on in the background");
  });

  await suite.test("a loop that catches the stop keeps what it has", async () => {
    await notebook.run(at("keeping"));
    await notebook.page.waitForFunction("document.querySelectorAll('progress')[1]?.value > 20");
    await notebook.pressStop();
    await notebook.ended(at("keeping"));
    assert.doesNotMatch(await notebook.outputText(at("keeping")), /Stopped|Error/);
    await notebook.run(at("kept"));
    await notebook.ended(at("kept"));
    assert.equal((await notebook.outputText(at("kept"))).trim(), "kept some: true");
  });

  await suite.test("after Stop inside a tensor operation gradients work and memory is freed", async () => {
    await notebook.run(at("tensors"));
    await notebook.ended(at("tensors"));
    await notebook.run(at("endlessTensors"));
    await sleep(1500);
    await notebook.pressStop();
    await notebook.ended(at("endlessTensors"));
    assert.match(await notebook.outputText(at("endlessTensors")), /^Stopped\.\s*$/);
    await sleep(500);
    await notebook.run(at("gradient"));
    await notebook.ended(at("gradient"));
    const [, gradient, left] = /gradient (\S+)\s+left over: (\S+)/.exec(await notebook.outputText(at("gradient")))!;
    assert.equal(gradient, "6");
    assert.ok(Number(left) <= 5, `${left} tensors are left`); // of the one operation that was cut off, not of the thousands before
  });

  await suite.test("a type error says what is wrong", async () => {
    await notebook.run(at("wrong"));
    await notebook.ended(at("wrong"));
    assert.match(await notebook.outputText(at("wrong")), /Type 'Figure' is not assignable to type 'string'/);
    await shot("errors");
  });

  await suite.test("a notebook that is not trusted shows its figure", async () => {
    const points = { type: "scatter", mode: "markers", x: [1, 2, 3], y: [1, 2, 3] };
    const figure = { data: [points], layout: { title: { text: "Saved" }, meta: { alt: "three points" } } };
    const data = { "application/vnd.plotly.v1+json": figure, "text/plain": "three points" };
    writeNotebook(join(folder, "saved.ipynb"), ["1"], [{ output_type: "display_data", data, metadata: {} }]);
    const saved = await lab!.openNotebook(here("saved.ipynb"));
    await saved.page.locator(".gtitle").waitFor();
    assert.deepEqual(await saved.figures(), [{ label: "three points", title: "Saved", points: 3 }]);
    assert.match((await saved.page.locator(".jp-StatusItem-trust").getAttribute("title"))!, /not trusted/);
    await saved.runAll();
    assert.equal((await saved.outputText(0)).trim(), "1"); // in place of the figure
  });

  await suite.test("nothing was asked of other machines, and the browser has no complaint", () => {
    assert.deepEqual(lab!.externalRequests, []);
    assert.deepEqual(lab!.consoleErrors, []);
  });
});
