/** Which matrices of a model a method is put on: module names as PEFT's `target_modules` takes them. */
import { TunelabError } from "../errors";
import { LINEAR_MODULES } from "../model/config";
import { shown } from "../shown";
import type { Params } from "../tensor";

/** Module names ("q_proj"), dotted ends of names ("mlp.down_proj"), whole site names, or all linear maps of the layers. */
export type Targets = readonly string[] | "all-linear";

export interface Site { name: string; out: number; into: number }

/** A list of texts; settings may come from a file. */
function listed(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  throw new TunelabError(`${what} is ${shown(value)}; give a list of names.`);
}

/** PEFT's rule: the whole name, or its end after a dot. */
export const matches = (site: string, target: string): boolean => site === target || site.endsWith(`.${target}`);

/** Sites whose matrix [out, in] is targeted, in the order of `base`. Every target must match at least one. */
export function matchSites(base: Params, targets: Targets): Site[] {
  const wanted: readonly string[] = targets === "all-linear" ? LINEAR_MODULES : listed(targets, "targets");
  const sites = Object.entries(base)
    .filter(([name, w]) => name.endsWith(".weight") && w.rank === 2 && name.startsWith("model.layers."))
    .map(([name, w]) => ({ name: name.slice(0, -".weight".length), out: w.shape[0], into: w.shape[1]! }));
  const unmatched = wanted.filter((t) => !sites.some((s) => matches(s.name, t)));
  if (wanted.length === 0 || unmatched.length) {
    const known = [...new Set(sites.map((s) => s.name.split(".").at(-1)))].join(", ");
    throw new TunelabError(`${unmatched.length ? `No matrix of this model is called ${unmatched.join(", ")}` : "No target modules are given"}; choose from ${known}.`);
  }
  return sites.filter((s) => wanted.some((t) => matches(s.name, t)));
}

/** Parameters: "all" of the model, those of its "layers", or those of modules ("q_proj", "mlp", "norm") or whole names ("lm_head.weight"). */
export type Selection = "all" | "layers" | readonly string[];

/** Names of the parameters that are selected, in the order of `base`. Every entry must match at least one. */
export function selectParameters(base: Params, selection: Selection): string[] {
  const names = Object.keys(base);
  if (selection === "all") return names;
  if (selection === "layers") return names.filter((name) => name.startsWith("model.layers."));
  listed(selection, "parameters");
  const within = (name: string, wanted: string) => name === wanted || matches(name, wanted) || `.${name}`.includes(`.${wanted}.`);
  const unmatched = selection.filter((wanted) => !names.some((name) => within(name, wanted)));
  if (selection.length === 0 || unmatched.length) {
    const known = [...new Set(names.map((name) => name.replace(/^model\.layers\.\d+\./, "").replace(/\.(weight|bias)$/, "")))].join(", ");
    throw new TunelabError(`${unmatched.length ? `No parameter of this model belongs to ${unmatched.join(", ")}` : "No parameters are given"}; choose "all", "layers", or from ${known}.`);
  }
  return names.filter((name) => selection.some((wanted) => within(name, wanted)));
}
