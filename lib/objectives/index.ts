export * from "./examples";
export * from "./objective";
export * from "./sft";
