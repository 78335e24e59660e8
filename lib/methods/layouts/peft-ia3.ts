/** (IA)³ as Hugging Face PEFT keeps it: `….ia3_l`, [out, 1] where the output is scaled, [1, in] where the input is. */
import { LINEAR_MODULES } from "../../model";
import { dispose } from "../../tensor";
import { ia3, ia3Name, type Ia3Options } from "../ia3";
import { matches } from "../targets";
import { allTargets, PEFT, peftFields, prefixed, writeFolder, type Layout } from "./layout";

const UNSUPPORTED: Record<string, (value: unknown) => boolean> = { fan_in_fan_out: (v) => v === true, modules_to_save: (v) => (v as unknown[])?.length > 0 };

export const peftIa3: Layout = {
  writes: ({ method }) => method.name === "ia3",
  write(folder, { method, trained }, base) {
    const { targets, feedForward } = method.settings as unknown as Required<Ia3Options>;
    writeFolder(folder, [PEFT.weights, prefixed(trained)], [PEFT.config, {
      ...peftFields("IA3", base), target_modules: targets === "all-linear" ? LINEAR_MODULES : targets, feedforward_modules: feedForward,
      fan_in_fan_out: false, init_ia3_weights: true,
    }]);
  },

  reads: (config) => config.peft_type === "IA3",
  read(source, base) {
    const all = allTargets(source), plain = all !== undefined, targets = all ?? [];
    source.refuse(UNSUPPORTED);
    // where the config gives the feed-forward modules as a pattern, the tensors' shapes say which they are
    const listed = source.names("feedforward_modules"), atInput: string[] = [];
    const trained = source.tensors(PEFT.weights, base, (found, problems) => {
      for (const [key, { shape }] of found) {
        const site = /^base_model\.model\.(model\.layers\..+)\.ia3_l$/.exec(key)?.[1], matrix = site ? base.params[`${site}.weight`] : undefined;
        if (!site || matrix?.rank !== 2) { problems.push(`${key} belongs to no matrix of the base model`); continue; }
        const input = listed ? listed.some((t) => matches(site, t)) : shape[0] === 1, expected = input ? [1, matrix.shape[1]] : [matrix.shape[0], 1];
        if (shape.join() !== expected.join()) problems.push(`${key} is [${shape}], the base model needs [${expected}]`);
        if (input) atInput.push(site);
      }
      for (const site of plain ? Object.keys(base.params).map((name) => name.replace(/\.weight$/, "")) : [])
        if (targets.some((t) => matches(site, t)) && !found.has(PEFT.prefix + ia3Name(site))) problems.push(`${site} is targeted, but has no tensor`);
      return Object.fromEntries([...found.keys()].map((key) => [key, key.slice(PEFT.prefix.length)]));
    });
    const sites = Object.keys(trained).map((name) => name.replace(/\.ia3_l$/, ""));
    const feedForward = plain && listed ? listed.filter((f) => targets.some((t) => matches(t, f) || matches(f, t))) : atInput;
    try { return { method: source.made(() => ia3({ targets: plain ? targets : sites, feedForward })), trained }; }
    catch (error) { dispose(trained); throw error; }
  },
};
