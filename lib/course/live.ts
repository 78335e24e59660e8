/** A figure that is redrawn in place while something runs. */
import { Display, inKernel } from "./display";
import { figureBundle, finalBundle, type Figure } from "./figure";

export interface LiveFigure {
  /** Redraws, unless the last drawing is less than the interval ago: then the frame is dropped. */
  update(figure: Figure): void;
  /** Draws the last state, dropped or not. */
  done(): Promise<void>;
}

/** Shows a figure that changes: `const f = live(figure); f.update(next); …; await f.done()`. At most one drawing in `intervalMs`. */
export function live(figure: Figure, intervalMs = 100): LiveFigure {
  const display = new Display();
  let last = figure;
  let drawnAt = -Infinity;
  const draw = () => {
    if (!inKernel() || performance.now() - drawnAt < intervalMs) return;
    display.write(figureBundle(last));
    drawnAt = performance.now();
  };
  draw();
  return {
    update(next) {
      last = next;
      draw();
    },
    async done() {
      if (inKernel()) display.write(await finalBundle(last));
      else console.log(last.alt);
    },
  };
}
