/** Progress of a long task: a bar in a notebook, one rewritten line in a terminal, a line now and then in a log. */
import { Display, inKernel } from "./display";
import { html } from "./html";

export interface Progress {
  /** `n` units are done, of `total`; `note` says what is worth seeing now, such as the loss. */
  update(n: number, note?: string): void;
  /** Shows the end state: the units really done, and the time. */
  done(note?: string): void;
}

const NOTEBOOK_MS = 100;
const TERMINAL_MS = 100;
const LOG_MS = 10_000;

function clock(seconds: number): string {
  const s = Math.round(seconds);
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return (h ? `${h}:${String(m).padStart(2, "0")}` : `${m}`) + `:${String(s % 60).padStart(2, "0")}`;
}

/** `const bar = progress(steps, "train"); bar.update(n, "loss 1.23"); bar.done()`. Updates are cheap: most are not drawn. `start`: when the task began. */
export function progress(total: number, label: string, start = performance.now()): Progress {
  const display = inKernel() ? new Display() : undefined;
  const terminal = !display && process.stdout.isTTY === true;
  const interval = display ? NOTEBOOK_MS : terminal ? TERMINAL_MS : LOG_MS;
  let units = 0;
  let lastNote = "";
  // A log starts with a line after LOG_MS: short tasks say only that they are done.
  let drawnAt = display || terminal ? -Infinity : start;

  const draw = (finished: boolean) => {
    const now = performance.now();
    if (!finished && now - drawnAt < interval) return;
    drawnAt = now;
    const seconds = (now - start) / 1000;
    const left = finished || units === 0 ? "" : `, ${clock((seconds / units) * (total - units))} left`;
    const percent = total > 0 ? Math.floor((100 * units) / total) : 100;
    const text = `${units}/${total} (${percent} %) ${clock(seconds)}${left}${lastNote && `  ${lastNote}`}`;
    if (display) {
      const bar = html`<progress max="${total}" value="${units}" aria-label="${label}"></progress>`;
      display.write({ "text/html": html`<label>${label} ${bar}</label> <code>${text}</code>`.markup, "text/plain": `${label} ${text}` });
    } else if (terminal) {
      process.stdout.write(`\r\x1b[K${`${label} ${text}`.slice(0, (process.stdout.columns || 80) - 1)}${finished ? "\n" : ""}`);
    } else {
      console.log(`${label} ${text}`);
    }
  };
  draw(false);
  return {
    update(n, note = "") {
      [units, lastNote] = [n, note];
      draw(false);
    },
    done(note = lastNote) {
      lastNote = note;
      draw(true);
    },
  };
}
