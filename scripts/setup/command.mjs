// Runs one long command of a set-up step: its output goes to .cache/setup/<step>.log, and while it lasts a line every
// ten seconds says how far it is. Failure is a SetupError that shows the end of that log.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { killGroup, noteCommand } from "./lock.mjs";
import { childEnvironment, root, state } from "./paths.mjs";

/** A failure that a person can act on. `log`: file whose last lines tell more. */
export class SetupError extends Error {
  constructor(message, log) {
    super(message);
    this.name = "SetupError";
    this.log = log;
  }
}

let running;
/** Ends the command that is running now, if any (for signal handlers). */
export const stopCommand = () => running && killGroup(running, "SIGTERM");

export const logFile = (step) => join(state, `${step}.log`);

const noise = /^(npm warn|npm error +at |Ignoring [\w.-]+: markers|WARNING: Location )/;
/** The last telling lines of a log, each cut to a readable length. */
export function lastLines(file, count) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split(/[\r\n]+/).filter((line) => line.trim() && !noise.test(line));
  return lines.slice(-count).map((line) => (line.length > 160 ? `${line.slice(0, 157)}...` : line));
}

/**
 * Runs a command in the checkout and resolves when it ended with 0.
 * The child writes to the log itself and leads a process group, so it neither dies of a broken pipe nor outlives a stop.
 * @param failure what it means when the command fails
 * @throws SetupError with `failure`, how the command ended, and the log
 */
export async function runCommand(step, say, command, args, { env, failure }) {
  const log = logFile(step);
  const output = openSync(log, "a");
  writeSync(output, `\n$ ${[command, ...args].join(" ")}\n`);
  const began = Date.now();
  const child = spawn(command, args, { cwd: root, env: childEnvironment(env), stdio: ["ignore", output, output], detached: true });
  closeSync(output);
  running = child.pid;
  if (running) noteCommand(running);
  const beat = setInterval(() => {
    const line = lastLines(log, 1).find((text) => !text.startsWith("$ "));
    say([`${Math.round((Date.now() - began) / 1000)} s`, line?.trim().slice(0, 100)].filter(Boolean).join(": "));
  }, 10_000);
  try {
    const ended = await new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("exit", (code, signal) => resolve(code === 0 ? undefined : signal ? `signal ${signal}` : `exit code ${code}`));
    });
    if (ended) throw new SetupError(`${failure} (${ended})`, log);
  } finally {
    clearInterval(beat);
    running = undefined;
    noteCommand(undefined);
  }
}
