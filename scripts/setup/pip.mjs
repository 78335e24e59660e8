// Packages in `.venv`: what is there in full, and installing what a lock file under requirements/ names.
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { SetupError } from "./command.mjs";
import { root, sitePackages, venvPython } from "./paths.mjs";

/** Entries of a lock file: [{ name, version, conditional }], names spelled as in *.dist-info folders. */
export function lockedPackages(lock) {
  const lines = readFileSync(lock, "utf8").matchAll(/^([\w.-]+)==([^\s;\\]+)( *;)?/gm);
  return [...lines].map(([, name, version, condition]) => ({ name: normal(name), version, conditional: condition !== undefined }));
}
const normal = (name) => name.toLowerCase().replace(/[-_.]+/g, "_");

/** The folder *.dist-info of an installed package, or undefined. */
function infoFolder(name, version) {
  const site = sitePackages();
  if (!site || !existsSync(site)) return undefined;
  const folder = readdirSync(site).find((entry) => normal(entry) === normal(`${name}-${version}.dist-info`));
  return folder && join(site, folder);
}

/** True when a package is installed in this version and every file of its RECORD has the size that stands there. */
export function isWhole(name, version) {
  const folder = infoFolder(name, version);
  if (!folder || !existsSync(join(folder, "RECORD"))) return false; // pip writes RECORD last
  for (const line of readFileSync(join(folder, "RECORD"), "utf8").split("\n")) {
    const [, file, size] = /^"?(.*?)"?,[^,]*,(\d+)\r?$/.exec(line) ?? [];
    if (!file || file.endsWith(".pyc")) continue;
    if (statSync(join(folder, "..", file), { throwIfNoEntry: false })?.size !== Number(size)) return false;
  }
  return true;
}

/** Packages of a lock that are there in part: what a kill during pip leaves, or files deleted since. */
const brokenPackages = (lock) =>
  lockedPackages(lock).filter(({ name, version }) => infoFolder(name, version) && !isWhole(name, version));

/**
 * True when every package that the lock names without a condition is whole. Conditions (other systems, other Pythons) are
 * pip's business: of such packages only those that are there are looked at.
 */
export const lockIsInstalled = (lock) =>
  lockedPackages(lock).every(
    ({ name, version, conditional }) => (conditional && !infoFolder(name, version)) || isWhole(name, version),
  );

/** Deletes the folders in site-packages whose name matches. */
export function removePackages(pattern) {
  const site = sitePackages();
  for (const entry of site ? readdirSync(site) : []) if (pattern.test(entry)) rmSync(join(site, entry), { recursive: true });
}

/** Installs a lock file into `.venv`: hashes checked, wheels only. The user's own pip settings (mirror, proxy) stay in force. */
export async function pipInstall(report, lock, ...options) {
  // Without its *.dist-info a package counts as absent, and pip writes all its files again.
  for (const { name, version } of brokenPackages(lock)) rmSync(infoFolder(name, version), { recursive: true });
  const quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"];
  const strict = ["--require-hashes", "--only-binary", ":all:", "--no-warn-script-location"];
  await report.run(venvPython, ["-m", "pip", "install", ...quiet, ...strict, ...options, "-r", lock], {
    failure: `pip could not install ${relative(root, lock)}`,
  });
  if (!lockIsInstalled(lock)) throw new SetupError(`pip ended well, but packages of ${relative(root, lock)} are not whole`, report.log);
}
