// Debian packages, fetched by apt-get and unpacked (not installed) by dpkg-deb.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const run = (command, args, options = {}) => {
  try { return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options }); } catch (error) {
    if (error.code === "ENOENT") throw new Error(`${command} is missing: pre-training takes its text from Debian packages, so run it on Debian or Ubuntu.`);
    throw new Error(`${command} ${args.join(" ")}: ${String(error.stderr ?? error.message).trim()}`);
  }
};

/** Fetches what is missing and unpacks it: name → { version, sha256, folder }. */
export function fetchPackages(names, cache, say) {
  const downloads = join(cache, "packages"), unpacked = join(cache, "unpacked"), found = {};
  mkdirSync(downloads, { recursive: true });
  mkdirSync(unpacked, { recursive: true });
  const fileOf = (name) => readdirSync(downloads).find((f) => f.startsWith(`${name}_`) && f.endsWith(".deb"));
  const missing = names.filter((name) => !fileOf(name));
  if (missing.length) {
    say(`fetching ${missing.length} packages`);
    run("apt-get", ["download", ...missing], { cwd: downloads });
  }
  for (const name of names) {
    const file = join(downloads, fileOf(name)), folder = join(unpacked, name);
    if (!existsSync(folder)) {
      const partial = `${folder}.partial`;
      rmSync(partial, { recursive: true, force: true });
      run("dpkg-deb", ["-x", file, partial]);
      renameSync(partial, folder);
    }
    found[name] = { version: run("dpkg-deb", ["-f", file, "Version"]).trim(), sha256: createHash("sha256").update(readFileSync(file)).digest("hex"), folder };
  }
  return found;
}

/** Regular files below a folder, sorted by path, as paths relative to it. */
export const filesBelow = (folder) => readdirSync(folder, { recursive: true }).filter((f) => statSync(join(folder, f), { throwIfNoEntry: false })?.isFile()).sort();
