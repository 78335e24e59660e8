/** Tunelab: fine-tune Hugging Face language models from TypeScript. */
export * from "./errors";
export * from "./tensor";
export * from "./model";
export * from "./methods";
export * from "./objectives";
export * from "./optimizers";
export * from "./train";
export * from "./text";
export * from "./metrics";
export * from "./theory";
export * from "./course";
