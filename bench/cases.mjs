// What is measured. `model`: see models.mjs; `length` tokens in each of `batch` rows, the last `targets` of them the answer.
export const CASES = {
  "lora-6M": { kind: "step", method: "lora", model: "6M", batch: 8, length: 64, targets: 40 },
  "lora-135M": { kind: "step", method: "lora", model: "135M", batch: 4, length: 64, targets: 40 },
  "lora-1.5B-2-layers": { kind: "step", method: "lora", model: "1.5B-2-layers", batch: 2, length: 64, targets: 40 },
  "full-6M": { kind: "step", method: "full", model: "6M", batch: 8, length: 64, targets: 40 },
  "full-135M": { kind: "step", method: "full", model: "135M", batch: 4, length: 64, targets: 40 },
  "forward-135M": { kind: "forward", model: "135M", batch: 4, length: 64 },
  "generate-6M": { kind: "generate", model: "6M", batch: 1, length: 32, newTokens: 64 },
  "generate-135M": { kind: "generate", model: "135M", batch: 1, length: 32, newTokens: 64 },
  "hv-6M": { kind: "hv", model: "6M", batch: 8, length: 64, targets: 40 },
};
