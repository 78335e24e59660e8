/** LoRA as Hugging Face PEFT keeps it: `….lora_A.weight` [r, in] and `….lora_B.weight` [out, r] of each site, DoRA's `….lora_magnitude_vector` [out] too. */
import { lora, loraNames, type LoraOptions } from "../lora";
import { matches } from "../targets";
import { allTargets, PEFT, peftFields, prefixed, writeFolder, type Layout } from "./layout";

/** What a PEFT LoRA config may hold that would change the outputs and is not supported here. */
const UNSUPPORTED: Record<string, (value: unknown) => boolean> = {
  bias: (v) => v !== "none", fan_in_fan_out: (v) => v === true, modules_to_save: (v) => (v as unknown[])?.length > 0,
  rank_pattern: (v) => Object.keys(v as object).length > 0, alpha_pattern: (v) => Object.keys(v as object).length > 0,
  trainable_token_indices: (v) => v !== null, target_parameters: (v) => (v as unknown[])?.length > 0, lora_bias: (v) => v === true,
  layer_replication: (v) => v !== null, alora_invocation_tokens: (v) => v !== null, use_qalora: (v) => v === true,
  // PiSSA, OLoRA, CorDA and LoftQ begin by changing the base's weights; the others only draw A and B.
  init_lora_weights: (v) => typeof v === "string" && !["gaussian", "eva", "orthogonal"].includes(v),
};

export const peftLora: Layout = {
  writes: ({ method }) => method.name === "lora",
  write(folder, { method, trained }, base) {
    const s = method.settings as unknown as Required<LoraOptions>;
    writeFolder(folder, [PEFT.weights, prefixed(trained)], [PEFT.config, {
      ...peftFields("LORA", base), r: s.rank, lora_alpha: s.alpha, lora_dropout: s.dropout, target_modules: s.targets, use_rslora: s.rsLoRA,
      bias: "none", fan_in_fan_out: false, init_lora_weights: true, ...(s.dora ? { use_dora: true } : {}),
    }]);
  },

  reads: (config) => config.peft_type === "LORA",
  read(source, base) {
    const { config } = source;
    source.refuse(UNSUPPORTED);
    const rank = source.number("r"), alpha = source.number("lora_alpha"), dropout = config.lora_dropout == null ? 0 : source.number("lora_dropout"), rsLoRA = config.use_rslora === true, dora = config.use_dora === true;
    source.made(() => lora({ rank, alpha, dropout: dora ? 0 : dropout })); // refuses absurd values before anything is read
    const listed = allTargets(source), plain = listed !== undefined, targets = listed ?? [];
    const trained = source.tensors(PEFT.weights, base, (found, problems) => {
      for (const [key, tensor] of found) {
        const match = /^base_model\.model\.(.+)\.(lora_A\.weight|lora_B\.weight|lora_magnitude_vector)$/.exec(key), matrix = match && base.params[`${match[1]}.weight`];
        if (!match || !matrix || match[1] === "model.embed_tokens" || (!dora && match[2] === "lora_magnitude_vector")) { problems.push(`${key} belongs to no matrix of the base model`); continue; }
        const expected = { "lora_A.weight": [rank, matrix.shape[1]], "lora_B.weight": [matrix.shape[0], rank] }[match[2]] ?? [matrix.shape[0]];
        const { A, B, m } = loraNames(match[1]), group = dora ? [A, B, m] : [A, B];
        if (tensor.shape.join() !== expected.join()) problems.push(`${key} is [${tensor.shape}], the base model needs [${expected}]`);
        else if (group.some((name) => !found.has(PEFT.prefix + name))) problems.push(`${key} has no counterpart`);
      }
      for (const site of plain ? Object.keys(base.params).map((name) => name.replace(/\.weight$/, "")) : [])
        if (targets.some((t) => matches(site, t)) && !found.has(`${PEFT.prefix}${loraNames(site).A}`)) problems.push(`${site} is targeted, but has no tensors`);
      return Object.fromEntries([...found.keys()].map((key) => [key, key.slice(PEFT.prefix.length)]));
    });
    // A regular expression, or a choice of layers, is kept as the list of matrices that it selected.
    const sites = [...new Set(Object.keys(trained).map((name) => name.replace(/\.lora_(A\.weight|B\.weight|magnitude_vector)$/, "")))];
    return { method: lora({ rank, alpha, dropout: dora ? 0 : dropout, rsLoRA, dora, targets: plain ? targets : sites }), trained };
  },
};
