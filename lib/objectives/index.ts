export * from "./examples";
export * from "./objective";
export * from "./rewards";
export * from "./sft";
