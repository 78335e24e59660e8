// One set-up at a time per checkout. The lock also names the command that set-up is waiting for, so that after a kill -9
// the next set-up can end that orphan before it touches the same folders.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { state } from "./paths.mjs";

const file = join(state, "lock.json");

/** When a living process started; undefined when there is none. A pid alone is reused; the pair is not. */
function startOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    const ps = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
    return ps.stdout?.trim() || undefined;
  }
}
const identify = (pid) => ({ pid, start: startOf(pid) });
const isAlive = (who) => who?.start !== undefined && startOf(who.pid) === who.start;

function read() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined; // none, or written only in part before a kill
  }
}

/** Waits for another living set-up, ends what a killed one left running, and takes the lock. */
export async function takeLock(say) {
  for (let waited = 0; ; waited++) {
    try {
      return writeFileSync(file, JSON.stringify({ owner: identify(process.pid) }), { flag: "wx" });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const held = read();
    if (isAlive(held?.owner)) {
      if (waited === 0) say(`waiting for another set-up of this checkout (process ${held.owner.pid})`);
      await sleep(1000);
      continue;
    }
    if (!held && waited === 0) {
      await sleep(1000); // perhaps its owner is writing it just now
      continue;
    }
    if (isAlive(held?.command)) {
      say(`ending process ${held.command.pid}, left over from a set-up that was killed`);
      killGroup(held.command.pid, "SIGKILL");
      for (let i = 0; i < 50 && isAlive(held.command); i++) await sleep(100);
    }
    rmSync(file, { force: true });
  }
}

/** Notes the command (leader of its own process group) that set-up now waits for; undefined when it ended. */
export function noteCommand(pid) {
  writeFileSync(file, JSON.stringify({ owner: identify(process.pid), command: pid && identify(pid) }));
}

export const releaseLock = () => rmSync(file, { force: true });

export function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // it has ended already
  }
}
