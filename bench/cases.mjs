// What is measured. `long`: one run a round, without warm-up beyond the first. `model`: see models.mjs; `length` tokens in each of `batch` rows, the last `targets` of them the answer.
export const CASES = {
  "lora-6M": { kind: "step", method: "lora", model: "6M", batch: 8, length: 64, targets: 40 },
  "lora-135M": { kind: "step", method: "lora", model: "135M", batch: 4, length: 64, targets: 40 },
  "lora-1.5B-2-layers": { kind: "step", method: "lora", model: "1.5B-2-layers", batch: 2, length: 64, targets: 40 },
  "full-6M": { kind: "step", method: "full", model: "6M", batch: 8, length: 64, targets: 40 },
  "full-135M": { kind: "step", method: "full", model: "135M", batch: 4, length: 64, targets: 40 },
  "lomo-135M": { kind: "step", method: "full", optimizer: "lomo", model: "135M", batch: 4, length: 64, targets: 40, only: ["tunelab", "eager"] },
  "forward-135M": { kind: "forward", model: "135M", batch: 4, length: 64 },
  "generate-6M": { kind: "generate", model: "6M", batch: 1, length: 32, newTokens: 64 },
  "generate-135M": { kind: "generate", model: "135M", batch: 1, length: 32, newTokens: 64 },
  "epoch-135M": { kind: "epoch", model: "135M", examples: 96, batch: 8, long: true, only: ["tunelab", "eager"] }, // against TRL's SFTTrainer
  "padded-135M": { kind: { tunelab: "epoch", eager: "padded" }, model: "135M", examples: 16, batch: 8, long: true, only: ["tunelab", "eager"] }, // against the chapter's loop
  "hv-6M": { kind: "hv", model: "6M", batch: 8, length: 64, targets: 40, only: ["tunelab", "eager"] }, // torch.compile has no double backward
};
