// Chromium for the browser test: the one that is installed, else Debian's package where we may install it.
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, openSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { lastLines, logFile } from "./command.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of an installed Chromium or Chrome (CHROMIUM first), or undefined. */
export function findChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [process.env.CHROMIUM, ...candidates].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs Debian's Chromium and the fonts that Chinese pages need, when root on a system with apt. Its path, or undefined. */
export function installChromium() {
  if (process.getuid() !== 0 || spawnSync("apt-get", ["--version"]).status !== 0) return undefined;
  console.log("Installing Chromium for the browser test (log: .cache/setup/chromium.log) ...");
  const log = logFile("chromium");
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, "w");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => spawnSync("apt-get", args, { stdio: ["ignore", output, output], env }).status === 0;
  apt("update");
  const installed = apt("install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk", "fonts-liberation");
  if (!installed) for (const line of lastLines(log, 8)) console.log(`    | ${line}`);
  return findChromium();
}
