export * from "./jsonl";
export * from "./bpe";
export * from "./tokenizer-files";
export * from "./wordpiece";
