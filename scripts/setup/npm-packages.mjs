// Step: node_modules as package-lock.json says. Install scripts stay off: the only native part we need is built by a later
// step, and no package may run code while it is installed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { at } from "./paths.mjs";

const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages;

/** True when every package of the lock is installed in that version. npm writes node_modules/.package-lock.json last. */
function matchesLock() {
  const installedFile = at("node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const installed = packagesOf(installedFile);
  return Object.entries(packagesOf(at("package-lock.json"))).every(([path, wanted]) => {
    if (!path.startsWith("node_modules/")) return true; // the checkout itself and its workspace
    const there = existsSync(join(at(path), "package.json"));
    if (wanted.link) return there;
    if (!installed[path]) return wanted.optional || wanted.devOptional || wanted.peer; // made for another system
    return there && installed[path].version === wanted.version && installed[path].integrity === wanted.integrity;
  });
}

export default {
  name: "npm packages",
  repair: "npm ci --ignore-scripts",
  done: matchesLock,
  async run(report) {
    const quiet = ["--no-audit", "--no-fund", "--no-update-notifier"];
    // --include=dev: NODE_ENV=production in somebody's shell would leave out TypeScript and the kernel.
    await report.run("npm", ["ci", "--ignore-scripts", "--include=dev", ...quiet], { failure: "npm could not install the packages" });
  },
};
