/**
 * Bottleneck adapters as the library `adapters` of adapter-hub keeps them, for Llama and its relatives: adapter_config.json +
 * adapter.safetensors, keys `model.layers.N.output_adapters.adapters.NAME.adapter_down.0.weight`.
 */
import * as path from "node:path";
import { adapter, ADAPTER_SITES, type BottleneckOptions } from "../adapter";
import { exactly, writeFolder, type Layout } from "./layout";
import { shown } from "../../shown";

const CONFIG = "adapter_config.json", WEIGHTS = "adapter.safetensors", NAME = "tunelab";
/** Fields that must have these values: everything else computes something else. */
const FIXED: Record<string, unknown> = {
  original_ln_after: true, residual_before_ln: true, adapter_residual_before_ln: false, ln_before: false, ln_after: false, use_gating: false,
  inv_adapter: null, cross_adapter: false, dropout: 0, phm_layer: false, stochastic_depth: 0,
};
const MODEL_CLASS = { llama: "LlamaForCausalLM", qwen2: "Qwen2ForCausalLM", qwen3: "Qwen3ForCausalLM" } as const;
const ACTIVATIONS: ReadonlyMap<unknown, "relu" | "silu"> = new Map([["relu", "relu"], ["swish", "silu"], ["silu", "silu"]]);
/** JSON in which the scaling has a decimal point: the library takes Python floats only, and refuses 1 where it wants 1.0. */
const json = (config: object): string => JSON.stringify(config, null, 2).replace(/("scaling": -?\d+),/, "$1.0,");
const key = (name: string, inFile: string) => name.replace(/(attention|output)_adapters\./, `$1_adapters.adapters.${inFile}.`);

export const adapterHub: Layout = {
  writes: ({ method }) => method.name === "adapter",
  write(folder, { method, trained }, { config, path: where }) {
    const s = method.settings as unknown as Required<BottleneckOptions>, parallel = s.form === "parallel";
    writeFolder(folder, [WEIGHTS, Object.fromEntries(Object.entries(trained).map(([name, t]) => [key(name, NAME), t]))], [CONFIG, json({
      config: {
        architecture: null, ...FIXED, mh_adapter: s.after.includes("attention"), output_adapter: s.after.includes("feed-forward"), reduction_factor: s.reduction,
        non_linearity: s.activation === "relu" ? "relu" : "swish", original_ln_before: s.form === "pfeiffer", is_parallel: parallel, scaling: s.scale,
        init_weights: parallel ? "mam_adapter" : "houlsby", leave_out: [],
      },
      hidden_size: config.hiddenSize, model_class: MODEL_CLASS[config.architecture], model_name: path.basename(path.resolve(where)), model_type: config.architecture, name: NAME, version: "adapters.1.3.0",
    })]);
  },

  reads: (config) => config.peft_type === undefined && typeof config.config === "object" && config.config !== null && "reduction_factor" in config.config,
  read(source, base) {
    const inner = source.config.config as Record<string, unknown>, name = source.config.name;
    if (typeof name !== "string" || !name) source.fail(`"name" is ${shown(name)}; the adapter's name is needed, it is part of the keys. Copy the adapter again.`);
    for (const [field, value] of Object.entries(FIXED)) if (inner[field] != null && inner[field] !== value) source.fail(`"${field}": ${shown(inner[field])} is not supported; supported is ${shown(value)}.`);
    if ((inner.leave_out as unknown[] | undefined)?.length) source.fail(`"leave_out": ${shown(inner.leave_out)} is not supported; every layer must have its adapter.`);
    const activation = ACTIVATIONS.get(inner.non_linearity) ?? source.fail(`"non_linearity": ${shown(inner.non_linearity)} is not supported; supported are relu, swish, silu.`);
    const after = (["attention", "feed-forward"] as const).filter((_, i) => inner[["mh_adapter", "output_adapter"][i]] === true);
    const number = (field: string): number => (typeof inner[field] === "number" ? (inner[field] as number) : source.fail(`"${field}" is ${shown(inner[field])}; a number is needed. Copy the adapter again.`));
    const form = inner.is_parallel === true ? "parallel" : inner.original_ln_before === true ? "pfeiffer" : "sequential";
    const method = source.made(() => adapter({ form, reduction: number("reduction_factor"), after, activation, scale: number("scaling") }));
    const { hiddenSize: H, layers } = base.config, width = Math.max(1, Math.floor(H / number("reduction_factor")));
    const shapes = { "adapter_down.0.weight": [width, H], "adapter_down.0.bias": [width], "adapter_up.weight": [H, width], "adapter_up.bias": [H] };
    const names = Array.from({ length: layers }, (_, l) => after.map((place) => `model.layers.${l}.${ADAPTER_SITES[place]}`)).flat();
    const expected = Object.fromEntries(names.flatMap((at) => Object.entries(shapes).map(([part, shape]) => [key(`${at}.${part}`, name as string), { name: `${at}.${part}`, shape }])));
    return { method, trained: source.tensors(WEIGHTS, base, exactly(expected)) };
  },
};
