/**
 * JupyterLab in a real browser, for tests: headless Chromium that may talk to loopback only.
 * CHROMIUM: another browser than the usual places.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { chromium, type Browser, type Locator, type Page } from "playwright-core";
import { startJupyter, type Jupyter } from "./jupyter";

const MINUTE = 60_000;
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/snap/bin/chromium"];
const chromiumPath = process.env.CHROMIUM ?? PLACES.find(existsSync);

/** Why browser tests cannot run here, or false. On CI (env CI) a missing browser is a failure, not a reason to skip. */
export const cannotRun: string | false =
  chromiumPath || process.env.CI ? false : "no Chromium: install it (apt-get install chromium) or name it in CHROMIUM";

/** What a reader sees of one figure. `label`: its text alternative; `points`: how many marks are drawn. */
export interface ShownFigure { label: string; title: string; points: number }

/** A notebook that is open in JupyterLab. Cells are counted among code cells, from 0. */
export class OpenNotebook {
  constructor(readonly page: Page) {}

  private get panel(): Locator {
    return this.page.locator(".jp-NotebookPanel:visible");
  }
  private cell(index: number): Locator {
    return this.panel.locator(".jp-CodeCell").nth(index);
  }

  private async menu(name: string, item: RegExp): Promise<void> {
    await this.page.locator(".lm-MenuBar-item", { hasText: new RegExp(`^${name}$`) }).click();
    await this.page.locator(".lm-Menu-item", { hasText: item }).click();
  }

  /** Runs all cells; resolves when each has a number: it ran, with or without an error. */
  async runAll(timeout = 2 * MINUTE): Promise<void> {
    await this.menu("Run", /^Run All Cells/);
    const count = await this.panel.locator(".jp-CodeCell").count();
    for (let i = 0; i < count; i++) await this.ended(i, timeout);
  }

  /** Starts one cell. */
  async run(index: number): Promise<void> {
    await this.cell(index).locator(".cm-content").click();
    await this.page.keyboard.press("Shift+Enter");
  }

  /** Waits until a cell that was started has a number. */
  async ended(index: number, timeout = MINUTE): Promise<void> {
    await this.cell(index).locator(".jp-InputPrompt", { hasText: /\[\d+\]/ }).waitFor({ timeout });
  }

  /** The text that a cell shows under its code. */
  async outputText(index: number): Promise<string> {
    return (await this.cell(index).locator(".jp-OutputArea-output").allInnerTexts()).join("\n");
  }

  /** The figures that are drawn, in order. */
  async figures(): Promise<ShownFigure[]> {
    const plots = this.panel.locator(".tunelab-plotly [role=img]:has(svg.main-svg):visible");
    return plots.evaluateAll((elements: any[]) =>
      elements.map((plot) => ({
        label: plot.getAttribute("aria-label") as string,
        title: plot.querySelector(".gtitle")?.textContent as string,
        points: plot.querySelectorAll(".scatterlayer .point").length as number,
      })),
    );
  }

  /**
   * Moves the mouse over a point of a figure; resolves with the text that appears. Tried again while the page still moves:
   * after "Run All" JupyterLab scrolls to the last cell, sometimes when the figure has just been scrolled into view.
   */
  async hover(figure: number, point: number): Promise<string> {
    const plot = this.panel.locator(".tunelab-plotly [role=img]").nth(figure), text = plot.locator(".hoverlayer .hovertext");
    for (let tries = 5; ; tries--) {
      await plot.scrollIntoViewIfNeeded();
      const box = (await plot.locator(".scatterlayer .point").nth(point).boundingBox())!;
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      await this.page.mouse.move(x - 30, y - 20);
      await this.page.mouse.move(x, y, { steps: 5 });
      try {
        await text.first().waitFor({ timeout: 2000 });
        return (await text.allTextContents()).join(" ");
      } catch (error) {
        if (tries === 1) throw error;
      }
    }
  }

  /** What axe-core finds serious or critical in the outputs and in the text cells: rule, element, what to do. */
  async accessibility(): Promise<string[]> {
    await this.page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
    return this.page.evaluate(async () => {
      const { violations } = await (globalThis as any).axe.run({ include: [[".jp-NotebookPanel .jp-OutputArea-output"], [".jp-NotebookPanel .jp-MarkdownOutput"]] });
      return violations.filter((v: any) => ["serious", "critical"].includes(v.impact)).flatMap((v: any) => v.nodes.map((n: any) => `${v.id}: ${n.html.slice(0, 160)} (${v.help})`));
    });
  }

  /** Value of the progress bar with this label, as a screen reader finds it. */
  async progress(label: string): Promise<number> {
    return Number(await this.panel.getByRole("progressbar", { name: label }).getAttribute("value"));
  }

  async pressStop(): Promise<void> {
    await this.panel.locator('[data-command="notebook:interrupt-kernel"]').first().click();
  }

  screenshot(path: string): Promise<Buffer> {
    return this.page.screenshot({ path });
  }
}

/** A JupyterLab server and a browser. Close it in any case. */
export class Lab {
  /** Errors that pages wrote to the browser's console. */
  readonly consoleErrors: string[] = [];
  /** Requests to other hosts than loopback; they were blocked. */
  readonly externalRequests: string[] = [];

  private constructor(private readonly jupyter: Jupyter, private readonly browser: Browser) {}

  static async open(): Promise<Lab> {
    const jupyter = await startJupyter();
    try {
      return new Lab(jupyter, await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] }));
    } catch (error) {
      await jupyter.stop();
      throw error;
    }
  }

  /** Opens a notebook, its path from the checkout's root, in a window of its own; resolves when the kernel waits for work. */
  async openNotebook(path: string): Promise<OpenNotebook> {
    const page = await this.browser.newPage({ viewport: { width: 1200, height: 1000 } });
    await page.route("**/*", (route) => {
      const { protocol, hostname } = new URL(route.request().url());
      if (!protocol.startsWith("http") || hostname === "127.0.0.1") return route.continue();
      this.externalRequests.push(route.request().url());
      return route.abort();
    });
    page.on("console", (message) => message.type() === "error" && this.consoleErrors.push(message.text()));
    page.on("pageerror", (error) => this.consoleErrors.push(String(error)));
    const workspace = `test-${randomBytes(4).toString("hex")}`;
    await page.goto(`${this.jupyter.url}/lab/workspaces/${workspace}/tree/${path}?token=${this.jupyter.token}`);
    await page.locator(".jp-NotebookPanel .jp-Cell").first().waitFor({ timeout: MINUTE });
    // The toolbar's indicator says "idle" before there is a kernel; the status bar does not.
    await page.locator("#jp-main-statusbar", { hasText: /\| Idle/ }).waitFor({ timeout: MINUTE });
    return new OpenNotebook(page);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.jupyter.stop();
  }
}
