/** A link to the library's reference opens it in JupyterLab at the name that was clicked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRun, Lab } from "./browser";

test("the last cell's links lead to their names", { skip: cannotRun, timeout: 180_000 }, async () => {
  const lab = await Lab.open();
  try {
    const { page } = await lab.openNotebook("notebooks/en/3.6.5-p-tuning.ipynb");
    await page.locator(".jp-NotebookPanel summary", { hasText: "The library's code" }).click();
    await page.locator(".jp-NotebookPanel a", { hasText: /^AdapterSet$/ }).click();
    const anchor = page.locator('.jp-MarkdownViewer [data-jupyter-id="adapterset"]');
    await anchor.waitFor({ state: "attached" });
    const inView = () => anchor.evaluate((a) => { const view = a.closest(".jp-MarkdownViewer")!.getBoundingClientRect(), { top } = a.getBoundingClientRect(); return top >= view.top - 5 && top < view.bottom; });
    for (let tries = 0; tries < 50 && !(await inView()); tries++) await page.waitForTimeout(200);
    assert.ok(await inView(), "the reference is open elsewhere");
    if (process.env.TUNELAB_SCREENSHOT) await page.screenshot({ path: process.env.TUNELAB_SCREENSHOT });
  } finally {
    await lab.close();
  }
});
