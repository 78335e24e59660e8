// Saves two adapters and two models in turn over each other until it is killed: node saver.js FOLDER [once]. "once" saves the second pair and ends.
import path from "node:path";
import { lora, saveAdapter } from "tunelab/methods";
import { save, type Model } from "tunelab/model";
import { tinyModel } from "../train/support";

const ORDER = ["first", "second"] as const;
async function main(folder: string, once: boolean): Promise<void> {
  const made = await Promise.all(ORDER.map(async (name, i) => {
    const model = await tinyModel({ seed: i + 1 }), method = lora({ rank: 2 + i, alpha: 4 * (i + 1), targets: "all-linear" });
    const tokenizer = { files: { "tokenizer_config.json": JSON.stringify({ name, fill: name.repeat(2000) }) } };
    return { name, model: { ...model, tokenizer, path: name } as unknown as Model, method, trained: method.init(model.params, model.config, i) };
  }));
  const write = ({ model, method, trained }: (typeof made)[number]) => { saveAdapter(path.join(folder, "adapter"), { method, trained }, model); save(model, path.join(folder, "model")); };
  if (once) return write(made[1]);
  write(made[0]);
  process.stdout.write("saving\n");
  for (let n = 1; ; n++) write(made[n % 2]);
}
main(process.argv[2], process.argv[3] === "once").catch((error) => { console.error(String(error.message ?? error)); process.exitCode = 1; });
