/** What all layouts of adapters on disk share: a folder with a JSON config and a safetensors file, checked against the base model. */
import * as fs from "node:fs";
import * as path from "node:path";
import { TunelabError } from "../../errors";
import { shown } from "../../shown";
import { openSafetensors, pickleIn, replaceFiles, WHY_NO_PICKLE, writeSafetensors, writeText, type Model, type TensorSource } from "../../model";
import { dispose, tf, toArrays, type Params } from "../../tensor";
import type { Adapter } from "../method";

export type Base = Pick<Model, "params" | "config" | "path">;

/** One way of keeping adapters on disk. */
export interface Layout {
  /** Can it hold this adapter? */
  writes(adapter: Adapter): boolean;
  write(folder: string, adapter: Adapter, base: Base): void;
  /** Is it the layout of this config, which lies in `file`? */
  reads(config: Record<string, unknown>, file: string): boolean;
  read(source: AdapterFolder, base: Base): Adapter;
}

/** A folder's config, with errors that begin with its path. */
export class AdapterFolder {
  constructor(readonly folder: string, readonly file: string, readonly config: Record<string, unknown>) {}
  fail(what: string): never { throw new TunelabError(`${this.file}: ${what}`); }
  number(name: string): number {
    const value = this.config[name];
    return typeof value === "number" ? value : this.fail(`"${name}" is ${shown(value)}; a number is needed. Copy the adapter again.`);
  }
  /** Refuses fields that would change the outputs and are not supported. */
  refuse(fields: Readonly<Record<string, (value: unknown) => boolean>>): void {
    for (const [name, bad] of Object.entries(fields))
      if (this.config[name] != null && bad(this.config[name])) this.fail(`"${name}": ${shown(this.config[name])} is not supported; merge this adapter into its base with PEFT and load the merged model.`);
  }
  /** The method that the config describes; what its factory refuses is the config's fault. */
  made<T>(make: () => T): T {
    try { return make(); }
    catch (error) {
      if (error instanceof TunelabError) return this.fail(error.message);
      throw error;
    }
  }
  /** A list of names; undefined where the field is absent or a pattern. */
  names(field: string): string[] | undefined {
    const value = this.config[field];
    if (!Array.isArray(value)) return undefined;
    return value.every((name) => typeof name === "string") ? value : this.fail(`"${field}" is ${shown(value)}; a list of module names is needed. Copy the adapter again.`);
  }

  /** Reads the tensors that `plan` keeps, under the names that it gives them. It reports as problems what does not fit. */
  tensors(weights: string, base: Base, plan: (found: ReadonlyMap<string, TensorSource>, problems: string[]) => Record<string, string>): Params {
    const pickle = fs.existsSync(path.join(this.folder, weights)) ? undefined : pickleIn(this.folder);
    if (pickle)
      throw new TunelabError(`${this.folder}: holds ${pickle}, ${WHY_NO_PICKLE}. Convert it in Python: PeftModel.from_pretrained(base, "${this.folder}").save_pretrained("${this.folder}", safe_serialization=True)`);
    const file = openSafetensors(path.join(this.folder, weights)), trained: Record<string, Params[string]> = {}, problems: string[] = [];
    try {
      const kept = plan(file.tensors, problems);
      if (!file.tensors.size) problems.push("it holds no tensors");
      if (problems.length)
        throw new TunelabError(`${this.folder}: this adapter does not fit the base model ${base.path} (it was made for ${shown(this.config.base_model_name_or_path ?? this.config.model_name ?? this.config.base ?? "an unnamed one")}):\n  ${problems.slice(0, 10).join("\n  ")}${problems.length > 10 ? `\n  … and ${problems.length - 10} more` : ""}\nUse the base model that it was trained on, or copy the adapter again.`);
      for (const [key, name] of Object.entries(kept)) {
        const source = file.tensors.get(key)!;
        trained[name] = source.integers ? tf.tensor(source.integers(), source.shape, "int32") : tf.tensor(source.read(), source.shape);
      }
    } catch (error) {
      dispose(trained);
      throw error;
    } finally { file.close(); }
    return trained;
  }
}

/** A plan for tensors that are known beforehand: key in the file → its name here and the shape that the base model needs. */
export const exactly = (expected: Readonly<Record<string, { name: string; shape: readonly number[] }>>) =>
  (found: ReadonlyMap<string, TensorSource>, problems: string[]): Record<string, string> => {
    for (const [key, { shape }] of Object.entries(expected)) {
      const source = found.get(key);
      if (!source) problems.push(`${key} [${shape}] is missing`);
      else if (source.shape.join() !== shape.join()) problems.push(`${key} is [${source.shape}], the base model needs [${shape}]`);
    }
    for (const key of found.keys()) if (!Object.hasOwn(expected, key)) problems.push(`${key} does not belong to this kind of adapter`);
    return Object.fromEntries(Object.entries(expected).map(([key, { name }]) => [key, name]));
  };

/** Writes weights and config (a text is JSON already) together, the config last: a folder with a config is complete. Of another kind of adapter that was there nothing is read any more. */
export function writeFolder(folder: string, weights: [file: string, tensors: Params], config: [file: string, value: object | string]): void {
  replaceFiles(folder, {
    [weights[0]]: (file) => writeSafetensors(file, toArrays(weights[1]), { format: "pt" }),
    [config[0]]: (file) => writeText(file, typeof config[1] === "string" ? config[1] : JSON.stringify(config[1], null, 2)),
  });
  for (const other of CONFIGS) if (other !== config[0]) fs.rmSync(path.join(folder, other), { force: true });
}

/** The configs that an adapter folder can have, in the order in which they are looked for. */
export const OWN_CONFIG = "tunelab_adapter.json", CONFIGS = ["adapter_config.json", OWN_CONFIG] as const;

/** PEFT's file names, the prefix of its keys, and the fields that every one of its configs has. */
export const PEFT = { config: "adapter_config.json", weights: "adapter_model.safetensors", prefix: "base_model.model." } as const;
export const peftFields = (type: string, base: Base) => ({
  peft_type: type, task_type: "CAUSAL_LM", base_model_name_or_path: path.basename(path.resolve(base.path)), inference_mode: true, modules_to_save: null,
});
export const prefixed = (params: Params): Params => Object.fromEntries(Object.entries(params).map(([name, t]) => [PEFT.prefix + name, t]));

/** The modules that a PEFT config targets, where they all lie in its list, so that each of that name must have its tensors. */
export const allTargets = (source: AdapterFolder): string[] | undefined => {
  const { config } = source, listed = source.names("target_modules");
  return config.layers_to_transform == null && config.exclude_modules == null ? listed : undefined;
};
