// What a run's outputs must go through before they are published: one language each, nothing of the machine in them.
import { homedir, tmpdir } from "node:os";
import { sep } from "node:path";
import { pick } from "../../lib/dist/course/language.js";
import { NotebookError } from "./source.mjs";

/** The outputs of one cell as the reader of one language gets them (texts by `t`, pictures by `show`; see lib/course/language.ts). */
export function inLanguage(outputs, language) {
  const own = JSON.parse(pick(JSON.stringify(outputs), language));
  for (const { data } of own) {
    for (const key of Object.keys(data ?? {})) {
      const [type, wanted] = key.split("+");
      if (type !== "image/png" || !wanted) continue;
      if (wanted === language) data[type] = data[key];
      delete data[key];
    }
  }
  return own;
}

/**
 * Paths inside the checkout become relative to it; other paths of this machine must not be published.
 * @throws NotebookError naming the cell's line and the path
 */
export function withoutMachine(outputs, root, where) {
  const pictures = [];
  // Base64 may spell anything by chance, so pictures are set aside.
  const text = JSON.stringify(outputs, (key, value) => (key.startsWith("image/png") ? `picture ${pictures.push(value) - 1}` : value));
  const clean = text.replaceAll(`file://${root}${sep}`, "").replaceAll(root + sep, "").replaceAll(root, ".");
  for (const place of [homedir(), tmpdir()]) {
    const at = place.length > 1 ? clean.indexOf(place + sep) : -1;
    const context = clean.slice(Math.max(0, at - 30), at + 60);
    if (at >= 0) throw new NotebookError(`${where}: an output shows a path of this machine: …${context}…`);
  }
  return JSON.parse(clean, (key, value) => (key.startsWith("image/png") ? pictures[value.split(" ")[1]] : value));
}

/** Notebook as JSON, one space of indent like Jupyter's own, but lists of numbers on one line: a tenth of the lines. */
export function notebookJson(notebook) {
  return JSON.stringify(notebook, null, 1).replace(/\[\n[^"[\]{}]*\]/g, (list) => list.replace(/\s+/g, "")) + "\n";
}
