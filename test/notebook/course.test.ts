/** The course as a student meets it: committed notebooks are up to date and well made; 3.6.2 runs in JupyterLab in a real browser; training can be stopped. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Lab, cannotRun } from "./browser";

const MINUTE = 60_000;
const STDERR = '[data-mime-type="application/vnd.jupyter.stderr"]';

test("every notebook is what its source gives, in both languages", async () => {
  const { checkNotebooks } = await import(pathToFileURL(resolve("scripts/notebooks/check.mjs")).href);
  assert.deepEqual(checkNotebooks(resolve("notebooks")), []);
});

test("the course in JupyterLab", { skip: cannotRun, timeout: 15 * MINUTE }, async (suite) => {
  const folder = mkdtempSync(join("notebooks", "tmp-")), here = (name: string) => `notebooks/${basename(folder)}/${name}`;
  let lab: Lab | undefined;
  before(() => { process.env.TUNELAB_QUICK = "1"; });
  after(async () => {
    delete process.env.TUNELAB_QUICK;
    await lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  lab = await Lab.open();
  const shots = process.env.TUNELAB_SHOTS;

  await suite.test("all cells run, figures are drawn and answer the mouse", async () => {
    copyFileSync("notebooks/en/3.6.2-lora.ipynb", join(folder, "3.6.2-lora.ipynb"));
    const notebook = await lab!.openNotebook(here("3.6.2-lora.ipynb"));
    // Results of the committed run would pass for those of this one.
    await notebook.page.evaluate("window.jupyterapp?.commands.execute('editmenu:clear-all')").catch(() => {});
    await notebook.runAll(8 * MINUTE);
    assert.equal(await notebook.page.locator(STDERR).count(), 0, "a cell wrote an error");
    const figures = await notebook.figures();
    if (shots) await notebook.screenshot(join(shots, "lora.png"));
    assert.ok(figures.length >= 3, `only ${figures.length} figures are drawn`);
    assert.match(figures[0].title, /Loss while training/);
    assert.match(figures[0].label, /validation/);
    assert.match(await notebook.hover(0, 1), /\d/);
  });

  await suite.test("axe finds nothing serious in what the notebook shows", async () => {
    for (const language of ["en", "zh"]) {
      copyFileSync(`notebooks/${language}/index.ipynb`, join(folder, "index.ipynb"));
      const index = await lab!.openNotebook(here("index.ipynb"));
      await index.runAll();
      if (shots) await index.screenshot(join(shots, `index-${language}.png`));
      assert.match(await index.outputText(0), /3\.6\.2 LoRA/);
      assert.deepEqual(await index.accessibility(), []);
      await index.page.close();
    }
    copyFileSync("notebooks/zh/3.2.2-ill-conditioned-curvature.ipynb", join(folder, "curvature.ipynb"));
    const built = await lab!.openNotebook(here("curvature.ipynb")); // as it is committed
    assert.deepEqual(await built.accessibility(), []);
    await built.page.close();
  });

  await suite.test("Stop keeps what was learned, and the next cells go on with it", async () => {
    const cells = [
      `import * as tl from "tunelab";
const model = await tl.load(tl.courseFile("models/SmolLM2-135M-Instruct"));
const train = tl.encodeExamples(model.tokenizer, (await tl.loadRecords(tl.courseFile("data/security-qa/en/train.jsonl"))).slice(0, 8));`,
      `const run = await tl.train({ model, method: tl.lora(), data: { train }, steps: 500, batchSize: 1 });`,
      `console.log("status", run.status, tl.lastRun().history.steps.length > 1, run.history.steps.length < 500);
const [answer] = await tl.generate(model, ["A firewall"], { maxNewTokens: 4, adapter: run });
console.log("tokens", answer.ids.length);`,
    ];
    const code = { cell_type: "code", metadata: {}, execution_count: null, outputs: [] };
    writeFileSync(join(folder, "stop.ipynb"), JSON.stringify({
      cells: cells.map((source, i) => ({ ...code, id: `cell-${i}`, source })), nbformat: 4, nbformat_minor: 5,
      metadata: { kernelspec: { name: "tslab", display_name: "TypeScript (Tunelab)", language: "typescript" } },
    }));
    const notebook = await lab!.openNotebook(here("stop.ipynb"));
    await notebook.run(0);
    await notebook.ended(0, 2 * MINUTE);
    await notebook.run(1);
    await notebook.page.waitForFunction("[...document.querySelectorAll('progress')].some((bar) => bar.max === 500 && bar.value > 2)", null, { timeout: 3 * MINUTE });
    await notebook.pressStop();
    await notebook.ended(1, 2 * MINUTE);
    await notebook.run(2);
    await notebook.ended(2, 2 * MINUTE);
    assert.match(await notebook.outputText(2), /status stopped true true\s+tokens 4/);
  });

  await suite.test("nothing was asked of another host, and the browser saw no error", () => {
    assert.deepEqual(lab!.externalRequests, []);
    assert.deepEqual(lab!.consoleErrors, []);
  });
});
