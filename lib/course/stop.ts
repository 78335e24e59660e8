/**
 * The notebook's Stop button and Ctrl-C in a terminal (both SIGINT), for loops that want to end cleanly.
 *
 * Left alone, tslab answers Stop by abandoning the cell: its names are lost while its loop runs on in the background.
 * So the first SIGINT goes to the loop that awaits a tick. Where none takes notice in time, or at the second SIGINT,
 * whoever listened before gets it: tslab abandons the cell, a terminal program ends.
 */
import { inKernel } from "./display";

/** A loop ended because the user asked for it. */
export class StoppedError extends Error {
  override name = "StoppedError";
  constructor() {
    super("stopped by the user");
  }
}

let installed = false;
let before: NodeJS.SignalsListener[] = [];
let requests = 0;
let lastTick = -Infinity;
/** How long a loop may take to notice, in ms: at least 2 s, and more where its steps are long. */
let patience = 2000;
let unheard: NodeJS.Timeout | undefined;

function passOn(): void {
  clearTimeout(unheard);
  unheard = undefined;
  for (const listener of before) listener("SIGINT");
  if (process.listenerCount("SIGINT") > 1 || before.length) return;
  process.removeListener("SIGINT", onInterrupt);
  installed = false;
  process.kill(process.pid, "SIGINT");
}

function onInterrupt(): void {
  requests++;
  const someoneTicks = performance.now() - lastTick < patience;
  if (unheard || !someoneTicks) passOn();
  else unheard = setTimeout(passOn, patience).unref();
}

function install(): void {
  if (installed) return;
  installed = true;
  // In a kernel the listeners of this moment are tslab's: they would abandon the cell at once.
  if (inKernel() && before.length === 0) {
    before = process.listeners("SIGINT");
    for (const listener of before) process.removeListener("SIGINT", listener);
  }
  process.on("SIGINT", onInterrupt);
}

/**
 * `const tick = stoppable()`, then `await tick()` before each step of a long loop: sends what is waiting to be shown, and
 * rejects with StoppedError once the user has asked to stop since stoppable() was called. Await one before the first step
 * too: code before a cell's first await is cut off by Stop in the middle of whatever it does.
 */
export function stoppable(): () => Promise<void> {
  // Not at once: until a cell's first await Node's vm module holds all SIGINT listeners back, and one added meanwhile
  // is lost with the signal's handler, so that Stop would end the process.
  setImmediate(install);
  const seen = requests;
  lastTick = performance.now();
  return () => {
    const now = performance.now();
    patience = Math.max(2000, 3 * (now - lastTick));
    lastTick = now;
    return new Promise((resolve, reject) =>
      setImmediate(() => {
        if (requests === seen) return resolve();
        clearTimeout(unheard);
        unheard = undefined;
        reject(new StoppedError());
      }),
    );
  };
}

/** The parts of tfjs's engine that a cut-off operation leaves inconsistent. */
interface Engine {
  endScope(): void;
  state: { scopeStack: unknown[]; activeTape: { saved?: { dispose(): void }[] }[] | null };
}

/**
 * After Stop cut off synchronous code inside TensorFlow.js: closes the scopes left open (freeing what they hold) and the
 * gradient tape. Without it the next gradient fails with "Cannot find a connection between any variable and the result".
 */
export function closeTensorScopes(): void {
  const engine = (globalThis as { _tfengine?: Engine })._tfengine;
  if (!engine) return;
  const { state } = engine;
  for (const { saved } of state.activeTape ?? []) for (const tensor of saved ?? []) tensor.dispose();
  while (state.scopeStack.length) engine.endScope();
  Object.assign(state, { activeScope: null, activeTape: null, gradientDepth: 0, kernelDepth: 0, numDataMovesStack: [] });
}
